"""Scores of the first k rows of a ranking, which scikit-learn lacks."""

from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d

from skimbalance._validation import (
    Interval,
    check_sample_weight,
    plain_labels,
    some_of,
    validate_parameter_constraints,
)

__all__ = ["hits_at", "precision_at_k", "recall_at_k"]


def precision_at_k(
    y_true: npt.ArrayLike,
    y_score: npt.ArrayLike,
    k: float,
    *,
    pos_label: Any = 1,
    sample_weight: npt.ArrayLike | None = None,
) -> float:
    """Share of the positives among the k rows with the highest scores.

    It answers "if we can look at k rows, how many of them are worth it?". Where rows with the same
    score compete for the last places, the result is its mean over all orders of these rows [2]_.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True class labels.
    y_score : array-like of shape (n_samples,)
        Scores of the rows, such as posteriors of the positive class; larger is more positive.
    k : int
        Number of rows that are flagged, from 1 to the number of rows. With weights it is their
        total weight, and may be any positive number up to the weight of all rows.
    pos_label : label, default=1
        The positive class.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows. A row of weight 2 is as two rows with the same score.

    Returns
    -------
    precision : float
        Precision in the range [0, 1]. For random scores it is the share of the positives.

    Raises
    ------
    ValueError
        If k is larger than the number of rows, or below 1 without weights, if no class has the
        label `pos_label`, or if scores are not finite.

    See Also
    --------
    recall_at_k : The share of all positives that the same rows hold.

    References
    ----------
    .. [1] C. Manning, P. Raghavan, H. Schütze. "Introduction to Information Retrieval." Cambridge
       University Press, 2008. Section 8.4.
    .. [2] F. McSherry, M. Najork. "Computing Information Retrieval Performance Measures Efficiently
       in the Presence of Tied Scores." ECIR 2008. doi:10.1007/978-3-540-78646-7_38

    Examples
    --------
    >>> from skimbalance.metrics import precision_at_k
    >>> precision_at_k([0, 1, 0, 1, 0], [0.1, 0.9, 0.8, 0.7, 0.2], k=2)
    0.5
    >>> precision_at_k([0, 1, 0, 1, 0], [0.5, 0.9, 0.5, 0.5, 0.5], k=3)  # 1 + 2 * 1/4 hits
    0.5
    """
    owner = "precision_at_k"
    positive, score, weight = _checked(y_true, y_score, k, pos_label, sample_weight, owner)
    return hits_at(positive, score, k, weight) / float(k)


def recall_at_k(
    y_true: npt.ArrayLike,
    y_score: npt.ArrayLike,
    k: float,
    *,
    pos_label: Any = 1,
    sample_weight: npt.ArrayLike | None = None,
) -> float:
    """Share of all positives that are among the k rows with the highest scores.

    Where rows with the same score compete for the last places, the result is its mean over all
    orders of these rows [2]_.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True class labels.
    y_score : array-like of shape (n_samples,)
        Scores of the rows, such as posteriors of the positive class; larger is more positive.
    k : int
        Number of rows that are flagged, from 1 to the number of rows. With weights it is their
        total weight, and may be any positive number up to the weight of all rows.
    pos_label : label, default=1
        The positive class.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows. A row of weight 2 is as two rows with the same score.

    Returns
    -------
    recall : float
        Recall in the range [0, 1]; nan if there is no positive with a positive weight. For random
        scores it is k over the number of rows.

    Raises
    ------
    ValueError
        If k is larger than the number of rows, or below 1 without weights, if no class has the
        label `pos_label`, or if scores are not finite.

    See Also
    --------
    precision_at_k : The share of the positives among the same rows.

    References
    ----------
    .. [1] C. Manning, P. Raghavan, H. Schütze. "Introduction to Information Retrieval." Cambridge
       University Press, 2008. Section 8.4.
    .. [2] F. McSherry, M. Najork. "Computing Information Retrieval Performance Measures Efficiently
       in the Presence of Tied Scores." ECIR 2008. doi:10.1007/978-3-540-78646-7_38

    Examples
    --------
    >>> from skimbalance.metrics import recall_at_k
    >>> recall_at_k([0, 1, 0, 1, 1], [0.1, 0.9, 0.8, 0.7, 0.2], k=4)
    1.0
    >>> round(recall_at_k([0, 1, 0, 1, 1], [0.1, 0.9, 0.8, 0.7, 0.2], k=2), 3)
    0.333
    """
    owner = "recall_at_k"
    positive, score, weight = _checked(y_true, y_score, k, pos_label, sample_weight, owner)
    n_positives = float(weight[positive].sum())
    return hits_at(positive, score, k, weight) / n_positives if n_positives else float("nan")


def hits_at(positive: np.ndarray, score: np.ndarray, k: float, weight: np.ndarray) -> float:
    """Weight of the positives among the rows with the highest scores that weigh k together.

    Parameters
    ----------
    positive : ndarray of bool of shape (n_samples,)
        Whether each row is positive.
    score : ndarray of shape (n_samples,)
        Scores of the rows.
    k : float
        Weight of the rows that are flagged, at most the weight of all rows.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.

    Returns
    -------
    hits : float
        The mean over all orders of rows with the same score.
    """
    values, place = np.unique(-score[weight > 0], return_inverse=True)
    weight, positive = weight[weight > 0], positive[weight > 0]
    flagged = np.cumsum(np.bincount(place, weight, len(values)))
    hits = np.cumsum(np.bincount(place, weight * positive, len(values)))
    return float(np.interp(k, np.append(0, flagged), np.append(0, hits)))


def _checked(y_true, y_score, k, pos_label, sample_weight, owner):
    """Whether each row is positive, the scores and the weights."""
    constraint = {"k": [Interval(Real, 0, None, closed="neither")]}
    validate_parameter_constraints(constraint, {"k": k}, owner)
    y, score = column_or_1d(y_true), column_or_1d(y_score)
    check_consistent_length(y, score)
    assert_all_finite(score, input_name="y_score")
    weight = check_sample_weight(sample_weight, score)
    if k < 1 and sample_weight is None:
        raise ValueError(
            f"The 'k' parameter of {owner} must be a number of rows, at least 1. Got {k!r}: "
            f"multiply a share by the number of the rows, {len(weight)}."
        )
    if k > weight.sum() * (1 + 1e-12):
        total = "number" if sample_weight is None else "weight"
        raise ValueError(
            f"The 'k' parameter of {owner} must be at most the {total} of the rows, "
            f"{weight.sum():g}. Got {k!r} instead."
        )
    classes = np.unique(y)
    # Rows of 0 and 1 that are all 0 are a class and its lack.
    if pos_label not in classes.tolist() and not (pos_label == 1 and set(classes) <= {0, -1}):
        raise ValueError(
            f"The 'pos_label' parameter of {owner} must be one of the labels "
            f"{some_of(plain_labels(classes))}. Got {pos_label!r} instead."
        )
    return y == pos_label, score, weight
