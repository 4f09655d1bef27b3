"""Posteriors under other class priors."""

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

__all__ = ["checked_prior", "correct_prior", "shift_prior"]


def correct_prior(
    proba: npt.ArrayLike, prior: npt.ArrayLike, new_prior: npt.ArrayLike
) -> np.ndarray:
    """Posteriors under other class priors: ``eta_k * new_prior_k / prior_k``, normalised.

    After training on balanced rows, for example, the probabilities of a rare class are too high;
    with the class shares of the population as `new_prior` they are right again.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes)
        Posteriors that hold where the classes have the shares `prior`.
    prior : array-like of shape (n_classes,)
        Class shares, or counts, of the data from which `proba` was learnt; positive.
    new_prior : array-like of shape (n_classes,)
        Class shares, or counts, of the data for which posteriors are wanted; not negative and not
        all zero.

    Returns
    -------
    proba : ndarray of shape (n_samples, n_classes)
        Posteriors under `new_prior`; rows sum to 1.

    Raises
    ------
    ValueError
        If a prior does not have one value for each class, or has an impossible value.

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
    return shift_prior(proba, prior, new_prior, "new_prior")


def shift_prior(
    proba: npt.ArrayLike, prior: npt.ArrayLike, new_prior: npt.ArrayLike, name: str
) -> np.ndarray:
    """Do the work of `correct_prior`; errors call the parameter `new_prior` by `name`."""
    proba = np.asarray(proba)
    prior, new_prior = (
        checked_prior(value, name, proba.shape[-1])
        for value, name in ((prior, "prior"), (new_prior, name))
    )
    if not np.all(prior > 0):
        raise ValueError(
            "The 'prior' parameter of correct_prior must be positive for every class. "
            f"Got {prior.tolist()!r} instead."
        )
    with np.errstate(divide="ignore"):
        log_proba = np.log(proba) + np.log(new_prior) - np.log(prior)
    if np.any(np.all(np.isneginf(log_proba), axis=-1)):
        raise ValueError(
            f"The {name!r} parameter must leave each row of 'proba' at least one possible class. "
            f"Got {new_prior.tolist()!r}, which leaves a row without any."
        )
    return softmax(log_proba, axis=-1)


def checked_prior(prior: npt.ArrayLike, name: str, n_classes: int) -> np.ndarray:
    """Prior as floats that sum to 1."""
    prior = np.asarray(prior, dtype=float)
    if prior.shape != (n_classes,):
        raise ValueError(
            f"The {name!r} parameter must have one share for each of the {n_classes} classes. "
            f"Got shape {prior.shape} instead."
        )
    if not np.all(np.isfinite(prior)) or np.any(prior < 0) or prior.sum() == 0:
        raise ValueError(
            f"The {name!r} parameter must be finite, not negative and not all zero. "
            f"Got {prior.tolist()!r} instead."
        )
    return prior / prior.sum()
