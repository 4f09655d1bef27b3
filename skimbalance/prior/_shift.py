"""Posteriors under other class priors."""

import reprlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from skimbalance._validation import by_label

__all__ = [
    "checked_prior",
    "checked_proba",
    "correct_prior",
    "labels_of",
    "positive_prior",
    "shift_prior",
]

# How far a sum of shares may be from 1: far above float32 rounding, far below any mistake.
TOLERANCE = 1e-3


def correct_prior(
    proba: npt.ArrayLike,
    prior: Mapping[Any, float] | npt.ArrayLike,
    new_prior: Mapping[Any, float] | npt.ArrayLike,
) -> np.ndarray:
    """Posteriors under other class priors: ``eta_k * new_prior_k / prior_k``, normalised.

    After training on balanced rows, for example, the probabilities of a rare class are too high;
    with the class shares of the population as `new_prior` they are right again.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes)
        Posteriors that hold where the classes have the shares `prior`.
    prior : array-like of shape (n_classes,), dict or Series
        Class shares, which sum to 1, or counts of rows, of the data from which `proba` was learnt;
        positive. A dict or a Series is read by its labels: the columns of `proba` where
        it is a DataFrame, else the column numbers.
    new_prior : array-like of shape (n_classes,), dict or Series
        The same of the data for which posteriors are wanted; not negative and not all zero.

    Returns
    -------
    proba : ndarray of shape (n_samples, n_classes)
        Posteriors under `new_prior`; rows sum to 1.

    Raises
    ------
    ValueError
        If `proba` does not hold posteriors, or if a prior does not have one value for each class,
        has an impossible value, or has shares that do not sum to 1.

    References
    ----------
    .. [1] M. Saerens, P. Latinne, C. Decaestecker. "Adjusting the Outputs of a Classifier to
       New a Priori Probabilities." Neural Computation 14(1), 2002.
       doi:10.1162/089976602753284446
    .. [2] C. Elkan. "The Foundations of Cost-Sensitive Learning." IJCAI 2001.

    Examples
    --------
    >>> from skimbalance import correct_prior
    >>> correct_prior([[0.5, 0.5]], prior=[0.5, 0.5], new_prior=[0.9, 0.1])
    array([[0.9, 0.1]])
    """
    rows = checked_proba(proba, "The 'proba' parameter of correct_prior")
    classes = labels_of(proba)
    old = positive_prior(prior, classes, "correct_prior")
    return shift_prior(rows, old, checked_prior(new_prior, "new_prior", classes), "new_prior")


def shift_prior(
    proba: np.ndarray, prior: np.ndarray, new_prior: np.ndarray, name: str
) -> np.ndarray:
    """Do the work of `correct_prior`; errors call the parameter `new_prior` by `name`."""
    with np.errstate(divide="ignore"):
        log_proba = np.log(proba) + np.log(new_prior) - np.log(prior)
    if np.any(np.all(np.isneginf(log_proba), axis=-1)):
        raise ValueError(
            f"The {name!r} parameter must leave each row of 'proba' at least one possible class. "
            f"Got {new_prior.tolist()!r}, which leaves a row without any."
        )
    return softmax(log_proba, axis=-1)


def labels_of(proba: Any) -> np.ndarray:
    """The class labels that a DataFrame of posteriors has as its columns, else their numbers."""
    return np.asarray(getattr(proba, "columns", np.arange(np.shape(proba)[1])))


def checked_proba(proba: npt.ArrayLike, what: str) -> np.ndarray:
    """Posteriors as floats of shape (n_samples, n_classes), as given; errors call them `what`."""
    try:
        # One memory order, so that sums agree to the last bit for arrays and DataFrames.
        array = np.asarray(proba, order="C")
        array = array if array.dtype.kind == "f" else array.astype(float)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.ndim != 2:
        raise ValueError(
            f"{what} must be numbers of shape (n_samples, n_classes). "
            f"Got {reprlib.repr(proba)} instead."
        )
    right = np.all(array >= 0, axis=1) & (np.abs(array.sum(axis=1) - 1) < TOLERANCE)
    if not np.all(right):
        row = int(np.argmin(right))
        raise ValueError(
            f"{what} must have rows of finite, not negative values that sum to 1. "
            f"Got {array[row].tolist()!r} in row {row} instead."
        )
    return array


def positive_prior(
    prior: Mapping[Any, float] | npt.ArrayLike, classes: np.ndarray, owner: str
) -> np.ndarray:
    """The parameter `prior` of a function: shares under which every class occurs."""
    shares = checked_prior(prior, "prior", classes)
    if not np.all(shares > 0):
        raise ValueError(
            f"The 'prior' parameter of {owner} must be positive for every class. "
            f"Got {shares.tolist()!r} instead."
        )
    return shares


def checked_prior(
    prior: Mapping[Any, float] | npt.ArrayLike,
    name: str,
    classes: np.ndarray,
    *,
    counts: bool = True,
) -> np.ndarray:
    """Class shares in the order of the classes, as floats that sum to 1.

    Parameters
    ----------
    prior : array-like of shape (n_classes,), dict or Series
        Shares, in the order of the classes or by class label.
    name : str
        Name of the parameter, for errors.
    classes : ndarray of shape (n_classes,)
        Class labels.
    counts : bool, default=True
        Whether counts of rows may stand for shares.
    """
    given = by_label(prior, classes, name)
    try:
        shares = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(
            f"The {name!r} parameter must hold numbers. Got {given!r} instead."
        ) from None
    if shares.shape != (len(classes),):
        raise ValueError(
            f"The {name!r} parameter must have one share for each of the {len(classes)} classes. "
            f"Got shape {shares.shape} instead."
        )
    total = shares.sum()
    if not np.all(np.isfinite(shares)) or np.any(shares < 0) or total == 0:
        raise ValueError(
            f"The {name!r} parameter must be finite, not negative and not all zero. "
            f"Got {shares.tolist()!r} instead."
        )
    # Weighted counts are not whole numbers; a share is never above 1.
    are_counts = counts and (np.any(shares > 1) or np.all(shares == np.round(shares)))
    if abs(total - 1) > TOLERANCE and not are_counts:
        raise ValueError(
            f"The shares in {name!r} must sum to 1. "
            f"Got {shares.tolist()!r}, which sum to {total:g}, instead."
        )
    return shares / total
