"""What a decision may be tuned for: functions of the three sums of `metrics._scores`."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from skimbalance.metrics import _scores

__all__ = [
    "LABEL_OBJECTIVES",
    "LEVELS",
    "OBJECTIVES",
    "ONE_CLASS",
    "WHOLE",
    "Objective",
    "binary_cost",
    "checked_function",
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


def _of_class(score, k):
    return lambda *sums: score(*sums)[..., k]


# A limit on one score of a class, and another to be as large as it allows.
def _at_least(value, limit, name, k, level):
    value, limit = _of_class(value, k), _of_class(limit, k)
    return Objective(name, value, lambda *sums: limit(*sums) - level)


def _alerts(name, k, level):
    value, flagged = _of_class(_scores.recall, k), _of_class(_scores.flagged, k)
    return Objective(name, value, lambda *sums: level / 1000 - flagged(*sums))


#: Name -> score over all classes, or function of (name, class, level) to an `Objective`.
WHOLE = {
    "balanced_accuracy": _scores.balanced_accuracy,
    "f1_macro": _scores.f1_macro,
    "f1_weighted": _scores.f1_weighted,
    "mcc": _scores.mcc,
    "geometric_mean": _scores.geometric_mean,
    "cohen_kappa": _scores.cohen_kappa,
}
ONE_CLASS = {
    "f1": lambda name, k, level: Objective(name, _of_class(_scores.f1, k)),
    "recall_at_precision": partial(_at_least, _scores.recall, _scores.precision),
    "precision_at_recall": partial(_at_least, _scores.precision, _scores.recall),
    "alerts": _alerts,
}

#: Objectives that need a level, and what levels there are.
LEVELS = {
    "recall_at_precision": (0, 1),
    "precision_at_recall": (0, 1),
    "alerts": (0, 1000),
}
OBJECTIVES = (*WHOLE, *ONE_CLASS, "cost")


def _of_labels(mean):
    """Of indicators: the sums of each label."""

    def value(y, decided, weight):
        return mean(weight @ (y * decided), weight @ decided, weight @ y)

    return value


def _f1_samples(y, decided, weight):
    of_rows = _scores.f1(np.sum(y * decided, axis=1), decided.sum(axis=1), y.sum(axis=1))
    return np.average(of_rows, weights=weight)


#: Name -> score of indicators: function of (y, decided, weight). As scikit-learn, 0 / 0 is 0.
LABEL_OBJECTIVES = {
    "f1_macro": _of_labels(lambda *sums: np.mean(_scores.f1(*sums))),
    "f1_micro": _of_labels(lambda *sums: _scores.f1(*(part.sum() for part in sums))),
    "f1_samples": _f1_samples,
}


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
