"""What an estimator predicts of rows with several labels, and of the steps of sequences."""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_consistent_length

from skimbalance._response import last_step, posterior
from skimbalance.metrics._checks import all_labels
from skimbalance.metrics._targets import steps_of

__all__ = ["Several", "spread_to", "with_several"]


class Several(NamedTuple):
    """Targets and predictions of an estimator that has several classes or labels in a row.

    Parameters
    ----------
    y : array-like of shape (n_samples, n_labels), or sequences of class labels
        The truth. Steps are masked that an estimator ignores by their label, or masks.
    decided : array-like of shape (n_samples, n_labels), or sequences of class labels
        Decisions.
    proba : ndarray or None
        Posteriors of each label, or of shape (n_sequences, n_steps, n_classes).
    labels : ndarray or None
        Class labels of the steps: those of the estimator, and then others of y; None for labels.
    """

    y: Any
    decided: Any
    proba: Any
    labels: Any


def with_several(estimator: Any, X: Any, y: Any, owner: str) -> Several | None:
    """What the estimator predicts, or None if it has one class for each row.

    Raises
    ------
    ValueError
        If y is not as long as X.
    """
    if not hasattr(estimator, "classes_") or _has_one_axis(y):
        return None
    decided = estimator.predict(X)
    if not isinstance(decided, list) and (decided.ndim < 2 or decided.shape[1] == 1):
        return None
    proba = (
        posterior(estimator, X, multilabel=True) if hasattr(estimator, "predict_proba") else None
    )
    if proba is None or proba.ndim < 3:
        return Several(y, decided, proba, None)
    check_consistent_length(y, decided)
    padding = getattr(last_step(estimator), "ignore_label", None)
    y = [_masked(steps, of_steps, padding) for steps, of_steps in zip(y, decided, strict=True)]
    true = steps_of(y, decided, None, owner).y
    labels = all_labels(None, owner, classes_=estimator.classes_, y=true)
    return Several(y, decided, spread_to(labels, estimator.classes_, proba), labels)


def spread_to(labels: np.ndarray, classes: np.ndarray, proba: np.ndarray) -> np.ndarray:
    """Posteriors with a last axis for all labels, which is zero for those that are no classes."""
    spread = np.zeros((*proba.shape[:-1], len(labels)), proba.dtype)
    spread[..., np.searchsorted(labels, classes)] = proba
    return spread


def _masked(steps, decided, padding):
    """The class labels of a sequence, masked where decisions are and where they are padding."""
    array = np.ma.asanyarray(list(steps) if isinstance(steps, str) else steps)
    mask = np.ma.getmaskarray(array).copy()
    if padding is not None:
        mask |= [label == padding for label in np.ma.getdata(array).tolist()]
    if np.shape(decided) == mask.shape:  # another length is refused later
        mask |= np.ma.getmaskarray(decided)
    return np.ma.masked_array(np.ma.getdata(array), mask)


def _has_one_axis(y):
    """Whether y has a class label for each row."""
    if issparse(y) or np.ma.isMaskedArray(y):
        return y.ndim == 1 or y.shape[1] == 1
    try:
        shape = np.shape(y)
    except ValueError:  # lists of unequal length
        return False
    if len(shape) == 1 and shape[0] and not isinstance(y, list | tuple):
        first = next(iter(y))
        return isinstance(first, str) or not hasattr(first, "__len__")
    return len(shape) < 2 or shape[1] == 1
