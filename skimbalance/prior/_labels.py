"""Priors and weights in the multilabel case: a label is two classes, rows without and with it.

Shares and weights have shape (n_labels, 2).
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.utils.class_weight import compute_class_weight

from skimbalance._response import for_last_step, last_step
from skimbalance._validation import by_label, is_labelled
from skimbalance.metrics._sums import weighted_sum
from skimbalance.prior._shift import checked_prior, shift_prior

__all__ = [
    "checked_label_priors",
    "label_shares",
    "label_weights",
    "shift_labels",
    "weight_of_one_label",
]

WITHOUT_AND_WITH = np.arange(2)

# Classifiers with a classifier for each label, which weighs its rows without and with the label.
FOR_EACH_LABEL = (OneVsRestClassifier, MultiOutputClassifier)


def checked_label_priors(
    priors: Any, names: np.ndarray, owner: str, *, counts: bool = False
) -> np.ndarray:
    """Shares of rows without and with each label.

    Parameters
    ----------
    priors : array-like of shape (n_labels, 2) or (n_labels,), dict, Series or DataFrame
        Both shares of each label, or the share of rows with it.
    names : ndarray of shape (n_labels,)
        Names of the labels, by which a dict, a Series or a DataFrame is read.
    owner : str
        Who has the parameter `priors`, for errors.
    counts : bool, default=False
        Whether counts of rows may stand for both shares.

    Raises
    ------
    ValueError
        If there are priors of other labels, or impossible ones.
    """
    given = by_label(priors, names, "priors", "labels")
    if not hasattr(given, "__len__") or len(given) != len(names):
        raise ValueError(
            f"The 'priors' parameter of {owner} must be, for a multilabel y, of shape "
            f"({len(names)}, 2): shares of rows without and with each label; or hold the share of "
            f"rows with each label. Got {priors!r} instead."
        )
    return np.array(
        [checked_prior(_both(one), "priors", WITHOUT_AND_WITH, counts=counts) for one in given]
    )


def _both(share):
    """Shares of rows without and with a label, given the second alone."""
    if is_labelled(share) or np.ndim(share) > 0:
        return share
    try:
        with_it = float(share)
    except (TypeError, ValueError):
        with_it = np.nan
    if not 0 <= with_it <= 1:
        raise ValueError(
            "The 'priors' parameter must hold shares in the range [0, 1] of the rows with each "
            f"label. Got {share!r} instead."
        )
    return [1.0 - with_it, with_it]


def shift_labels(proba: np.ndarray, prior: np.ndarray, new_prior: Iterable[Any]) -> np.ndarray:
    """Posteriors of labels with the shares `new_prior`, given those with the shares `prior`.

    Those of a label that all rows have, or none, stay as they are.
    """
    shifted = [
        shift_prior(np.stack([1 - eta, eta], axis=1), old, new, "priors")[:, 1]
        if np.all(old > 0)
        else eta
        for eta, old, new in zip(proba.T, prior, new_prior, strict=True)
    ]
    return np.stack(shifted, axis=1)


def label_shares(codes: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """Shares of rows without and with each label among those in which it is known.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_labels)
        0, 1, or -1 where a label is missing.
    weight : ndarray of shape (n_samples,) or None
        Weights of the rows.
    """
    weight = np.ones(len(codes)) if weight is None else weight
    counts = np.stack([weighted_sum(weight, codes == value) for value in (0, 1)], axis=1)
    total = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0)


def weight_of_one_label(classifier: Any) -> tuple[str | None, Any]:
    """Name and value of the parameter by which a classifier weighs rows without and with a label.

    The name is None where there is no such parameter.
    """
    if not isinstance(classifier, FOR_EACH_LABEL):
        return None, None
    name = f"estimator__{for_last_step(classifier.estimator, 'class_weight')}"
    value = getattr(last_step(classifier.estimator), "class_weight", None)
    return name, value


def label_weights(classifier: Any, codes: np.ndarray) -> np.ndarray:
    """Weights of rows without and with each label in the fit of a classifier of one label each."""
    _, scheme = weight_of_one_label(classifier)
    weights = np.ones((codes.shape[1], 2))
    for k, column in enumerate(codes.T):
        if len(np.unique(column)) == 2:  # the classifier of a constant label learns nothing
            weights[k] = compute_class_weight(scheme, classes=WITHOUT_AND_WITH, y=column)
    return weights
