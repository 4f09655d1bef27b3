"""Scores of decisions, of one confusion matrix or of many at once.

They depend on three sums alone, each with a trailing axis of classes: ``hits``, the weight of the
rows of class k that are predicted k; ``predicted``, of all that are predicted k; ``actual``, of
all that are k. Leading axes are as many confusion matrices; `actual` may have none.
"""

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
    "ratio",
    "recall",
]


def decision_sums(y, decided, n_classes, weight=None):
    """Hits, predicted and actual of decisions, from class indices."""
    hit = y == decided
    return (
        np.bincount(y[hit], None if weight is None else weight[hit], n_classes),
        np.bincount(decided, weight, n_classes),
        np.bincount(y, weight, n_classes),
    )


def ratio(numerator, denominator, empty=0.0):
    """Quotient, or `empty` where there is nothing to divide by."""
    denominator = np.asarray(denominator, dtype=float)
    nothing = denominator <= 0
    return np.where(nothing, empty, numerator / np.where(nothing, 1.0, denominator))


def recall(hits, predicted, actual):
    """Of each class."""
    return ratio(hits, actual)


def precision(hits, predicted, actual):
    """Of each class."""
    return ratio(hits, predicted)


def f1(hits, predicted, actual):
    """Of each class."""
    return ratio(2 * hits, predicted + actual)


def flagged(hits, predicted, actual):
    """Share of the rows that each class is predicted for."""
    return predicted / actual.sum(axis=-1, keepdims=True)


def balanced_accuracy(hits, predicted, actual):
    """Mean recall of the classes that have rows."""
    return np.sum(recall(hits, predicted, actual), axis=-1) / np.sum(actual > 0, axis=-1)


def geometric_mean(hits, predicted, actual):
    """Geometric mean of the recalls of the classes that have rows (Kubat & Matwin 1997)."""
    there = actual > 0
    factors = np.where(there, np.maximum(recall(hits, predicted, actual), 0), 1)
    return np.prod(factors, axis=-1) ** (1 / np.sum(there, axis=-1))


def f1_macro(hits, predicted, actual):
    """Mean F1; as scikit-learn without classes that neither occur nor are predicted."""
    there = predicted + actual > 0
    return np.sum(f1(hits, predicted, actual), axis=-1) / np.sum(there, axis=-1)


def f1_rare(hits, predicted, actual):
    """Mean F1 of all classes but the most frequent, as scikit-learn with these as `labels`."""
    rare = np.arange(hits.shape[-1]) != np.argmax(actual)
    return np.mean(f1(hits, predicted, actual)[..., rare], axis=-1)


def f1_weighted(hits, predicted, actual):
    """Mean F1, weighted by the rows."""
    return f1(hits, predicted, actual) @ (actual / actual.sum())


def mcc(hits, predicted, actual):
    """In shares (c - sum pq) / sqrt((1 - sum q^2) (1 - sum p^2)) (Gorodkin 2004); else 0."""
    n = actual.sum(axis=-1, keepdims=True)
    p, q = actual / n, predicted / n
    spread = (1 - np.sum(q * q, axis=-1)) * (1 - np.sum(p * p, axis=-1))
    covariance = hits.sum(axis=-1) / n[..., 0] - np.sum(q * p, axis=-1)
    # One class only gives a spread of zero but for rounding.
    return ratio(covariance, np.sqrt(np.where(spread > 1e-15, spread, 0)))


def cohen_kappa(hits, predicted, actual):
    """Agreement beyond chance, in shares of what chance leaves."""
    n = actual.sum()
    chance = (predicted / n) @ (actual / n)
    return ratio(hits.sum(axis=-1) / n - chance, 1 - chance)
