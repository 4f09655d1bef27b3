"""What a decision may be tuned for: scores of (many) confusion matrices at once.

All but costs depend on three sums alone, each with a trailing axis of classes: ``hits``, the
weight of the rows of class k that are predicted k; ``predicted``, of all that are predicted k;
``actual``, of all that are k. Leading axes are as many confusion matrices.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

__all__ = [
    "LEVELS",
    "OBJECTIVES",
    "ONE_CLASS",
    "WHOLE",
    "Objective",
    "binary_cost",
    "checked_function",
    "decision_sums",
    "make_objective",
]


@dataclass(frozen=True)
class Objective:
    """A score of decisions, larger is better.

    Parameters
    ----------
    name : str
        Key of `OBJECTIVES`.
    value : callable
        ``value(hits, predicted, actual)`` to the scores.
    slack : callable, default=None
        ``slack(hits, predicted, actual)``: how far a limit is kept (not negative) or broken.
    """

    name: str
    value: object
    slack: object = None

    def rank(self, hits, predicted, actual):
        """The value; below all values, and the lower the further, where the limit is broken."""
        value = self.value(hits, predicted, actual)
        if self.slack is None:
            return value
        slack = self.slack(hits, predicted, actual)
        return np.where(slack >= -1e-12, value, slack - 2.0)


def decision_sums(y, decided, n_classes, weight=None):
    """Hits, predicted and actual of decisions, from class indices."""
    hit = y == decided
    return (
        np.bincount(y[hit], None if weight is None else weight[hit], n_classes),
        np.bincount(decided, weight, n_classes),
        np.bincount(y, weight, n_classes),
    )


def _ratio(numerator, denominator):
    """Zero where there is nothing to divide by, as scikit-learn's zero_division=0."""
    denominator = np.asarray(denominator, dtype=float)
    empty = denominator <= 0
    return np.where(empty, 0.0, numerator / np.where(empty, 1.0, denominator))


def _recall(hits, predicted, actual):
    return _ratio(hits, actual)


def _f1(hits, predicted, actual):
    return _ratio(2 * hits, predicted + actual)


def _balanced_accuracy(hits, predicted, actual):
    return np.mean(_recall(hits, predicted, actual)[..., actual > 0], axis=-1)


def _geometric_mean(hits, predicted, actual):
    recall = _recall(hits, predicted, actual)[..., actual > 0]
    return np.prod(np.maximum(recall, 0), axis=-1) ** (1 / recall.shape[-1])


def _f1_macro(hits, predicted, actual):
    # As scikit-learn: without classes that neither occur nor are predicted.
    there = predicted + actual > 0
    return np.sum(_f1(hits, predicted, actual), axis=-1) / np.sum(there, axis=-1)


def _f1_weighted(hits, predicted, actual):
    return _f1(hits, predicted, actual) @ (actual / actual.sum())


def _mcc(hits, predicted, actual):
    """In shares: (c - sum pq) / sqrt((1 - sum q^2) (1 - sum p^2)) (Gorodkin 2004)."""
    n = actual.sum()
    p, q = actual / n, predicted / n
    spread = np.maximum((1 - np.sum(q * q, axis=-1)) * (1 - p @ p), 0)
    return _ratio(hits.sum(axis=-1) / n - q @ p, np.where(spread > 1e-15, np.sqrt(spread), 0))


def _cohen_kappa(hits, predicted, actual):
    n = actual.sum()
    chance = (predicted / n) @ (actual / n)
    return _ratio(hits.sum(axis=-1) / n - chance, 1 - chance)


def _of_class(score, k):
    return lambda *sums: score(*sums)[..., k]


def _precision(hits, predicted, actual):
    return _ratio(hits, predicted)


def _flagged(hits, predicted, actual):
    return predicted / actual.sum()


# A limit on one score of a class, and another to be as large as it allows.
def _at_least(value, limit, name, k, level):
    value, limit = _of_class(value, k), _of_class(limit, k)
    return Objective(name, value, lambda *sums: limit(*sums) - level)


def _alerts(name, k, level):
    value, flagged = _of_class(_recall, k), _of_class(_flagged, k)
    return Objective(name, value, lambda *sums: level / 1000 - flagged(*sums))


#: Name -> score over all classes, or function of (name, class, level) to an `Objective`.
WHOLE = {
    "balanced_accuracy": _balanced_accuracy,
    "f1_macro": _f1_macro,
    "f1_weighted": _f1_weighted,
    "mcc": _mcc,
    "geometric_mean": _geometric_mean,
    "cohen_kappa": _cohen_kappa,
}
ONE_CLASS = {
    "f1": lambda name, k, level: Objective(name, _of_class(_f1, k)),
    "recall_at_precision": partial(_at_least, _recall, _precision),
    "precision_at_recall": partial(_at_least, _precision, _recall),
    "alerts": _alerts,
}

#: Objectives that need a level, and what levels there are.
LEVELS = {
    "recall_at_precision": (0, 1),
    "precision_at_recall": (0, 1),
    "alerts": (0, 1000),
}
OBJECTIVES = (*WHOLE, *ONE_CLASS, "cost")


def binary_cost(costs):
    """Minus the mean cost of two classes, which the three sums determine."""

    def value(hits, predicted, actual):
        missed = actual - hits
        total = hits @ np.diag(costs) + missed @ np.array([costs[0, 1], costs[1, 0]])
        return -total / actual.sum()

    return Objective("cost", value)


def checked_function(function, owner):
    """A function of (y_true, y_pred), which scikit-learn's scorers are not."""
    if hasattr(function, "_score_func"):
        raise ValueError(
            f"The 'objective' parameter of {owner} must be a function of (y_true, y_pred). Got "
            f"the scorer {function!r} instead: give its score function."
        )
    return function


def make_objective(name, positive, level):
    """The objective of a name other than "cost"; `positive` is the index of the one class."""
    if name in WHOLE:
        return Objective(name, WHOLE[name])
    return ONE_CLASS[name](name, positive, level)
