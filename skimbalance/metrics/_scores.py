"""Scores of decisions, from one confusion matrix or from many at once.

The scores depend on three sums only, each with classes as the last axis: `hits` is the weight of
the rows of class k that are predicted as k, `predicted` the weight of all rows predicted as k, and
`actual` the weight of all rows of class k. Leading axes, if any, run over confusion matrices;
`actual` may lack them.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

__all__ = [
    "balanced_accuracy",
    "cohen_kappa",
    "decision_sums",
    "f1",
    "f1_macro",
    "f1_rare",
    "f1_weighted",
    "flagged",
    "geometric_mean",
    "mcc",
    "precision",
    "rarest",
    "ratio",
    "recall",
]

# Function of (hits, predicted, actual).
Score: TypeAlias = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def decision_sums(
    y: np.ndarray, decided: np.ndarray, n_classes: int, weight: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The sums `hits`, `predicted` and `actual` of decisions, all given as class indices."""
    hit = y == decided
    return (
        np.bincount(y[hit], None if weight is None else weight[hit], n_classes),
        np.bincount(decided, weight, n_classes),
        np.bincount(y, weight, n_classes),
    )


def rarest(n_rows: np.ndarray) -> int:
    """Index of the class that scores of one class are about, unless another is named.

    It is the class with the fewest rows among those that have rows; of equally rare classes the
    last one, so that it is the second of two classes with equally many rows.
    """
    n_rows = np.where(n_rows > 0, n_rows, np.inf)[::-1]
    return len(n_rows) - 1 - int(np.argmin(n_rows))


def ratio(numerator, denominator, empty=0.0):
    """Quotient, or `empty` where the denominator is not positive."""
    denominator = np.asarray(denominator, dtype=float)
    nothing = denominator <= 0
    return np.where(nothing, empty, numerator / np.where(nothing, 1.0, denominator))


def recall(hits, predicted, actual):
    """Recall of each class."""
    return ratio(hits, actual)


def precision(hits, predicted, actual):
    """Precision of each class."""
    return ratio(hits, predicted)


def f1(hits, predicted, actual):
    """F1 of each class."""
    return ratio(2 * hits, predicted + actual)


def flagged(hits, predicted, actual):
    """Share of the rows predicted as each class."""
    return predicted / actual.sum(axis=-1, keepdims=True)


def balanced_accuracy(hits, predicted, actual):
    """Mean recall of the classes that have rows."""
    return np.sum(recall(hits, predicted, actual), axis=-1) / np.sum(actual > 0, axis=-1)


def geometric_mean(hits, predicted, actual):
    """Geometric mean of the recalls of the classes that have rows (Kubat & Matwin 1997)."""
    occurs = actual > 0
    factors = np.where(occurs, np.maximum(recall(hits, predicted, actual), 0), 1)
    return np.prod(factors, axis=-1) ** (1 / np.sum(occurs, axis=-1))


def f1_macro(hits, predicted, actual):
    """Mean F1 of the classes that occur or are predicted, as in scikit-learn."""
    counted = predicted + actual > 0
    return np.sum(f1(hits, predicted, actual), axis=-1) / np.sum(counted, axis=-1)


def f1_rare(hits, predicted, actual):
    """Mean F1 of all classes except the most frequent, as scikit-learn's with these `labels`."""
    rare = np.arange(hits.shape[-1]) != np.argmax(actual)
    return np.mean(f1(hits, predicted, actual)[..., rare], axis=-1)


def f1_weighted(hits, predicted, actual):
    """Mean F1, weighted by the rows of each class."""
    return f1(hits, predicted, actual) @ (actual / actual.sum())


def mcc(hits, predicted, actual):
    """Matthews correlation (Gorodkin 2004), 0 where it is not defined.

    With c the share of right decisions, p the shares of the classes and q those of the decisions,
    it is ``(c - sum pq) / sqrt((1 - sum q^2) (1 - sum p^2))``.
    """
    n = actual.sum(axis=-1, keepdims=True)
    p, q = actual / n, predicted / n
    spread = (1 - np.sum(q * q, axis=-1)) * (1 - np.sum(p * p, axis=-1))
    covariance = hits.sum(axis=-1) / n[..., 0] - np.sum(q * p, axis=-1)
    # A single class gives a spread of zero, apart from rounding.
    return ratio(covariance, np.sqrt(np.where(spread > 1e-15, spread, 0)))


def cohen_kappa(hits, predicted, actual):
    """Cohen's kappa: agreement beyond chance, as a share of the largest possible one."""
    n = actual.sum()
    chance = (predicted / n) @ (actual / n)
    return ratio(hits.sum(axis=-1) / n - chance, 1 - chance)
