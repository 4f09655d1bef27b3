"""What decisions are tuned for: scores of decisions, where larger is better.

For class labels there are three kinds, with the same methods: an `Objective` is a function of the
three sums of `metrics._scores`, a `CostObjective` has a rule in closed form, and a
`CustomObjective` is the user's own function or a scorer. In the multilabel case a
`LabelObjective` scores the decisions for all labels.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, TypeAlias

import numpy as np

import skimbalance.metrics._scores as _scores
from skimbalance.decision._names import OBJECTIVES
from skimbalance.decision._scorers import as_scorer
from skimbalance.metrics._sums import weighted_sum

__all__ = [
    "LABEL_OBJECTIVES",
    "LEVELS",
    "MOST_CALLS",
    "OBJECTIVES",
    "ONE_CLASS",
    "WHOLE",
    "ClassObjective",
    "CostObjective",
    "CustomObjective",
    "LabelObjective",
    "Objective",
    "binary_cost",
    "custom_score",
    "make_objective",
    "try_scorer",
]

# Function of (true, decided, weight).
CustomScore: TypeAlias = Callable[[np.ndarray, np.ndarray, np.ndarray], float]

# A custom function is called for at most this number of cut-points.
MOST_CALLS = 200


@dataclass(frozen=True)
class Objective:
    """A score that depends on three sums, perhaps with a limit.

    Parameters
    ----------
    name : str
        Key of `OBJECTIVES`.
    value : callable
        Function of the sums (hits, predicted, actual), see `metrics._scores`.
    slack : callable, default=None
        Function of the sums that is at least 0 where the limit is kept. Below 0 it says how far
        the limit is broken; at least -1.
    """

    name: str
    value: _scores.Score
    slack: _scores.Score | None = None

    most_curve_points: ClassVar[int] = 500

    def rank(self, hits: np.ndarray, predicted: np.ndarray, actual: np.ndarray) -> np.ndarray:
        """The value; where the limit is broken a rank below all values, falling with the slack."""
        value = self.value(hits, predicted, actual)
        if self.slack is None:
            return value
        slack = self.slack(hits, predicted, actual)
        return np.where(slack >= -1e-12, value, slack - 2.0)

    def score(self, y: np.ndarray, decided: np.ndarray, weight: np.ndarray) -> float:
        """The value of decisions, given as class indices like `y`."""
        n_classes = 1 + max(y.max(), decided.max())
        return float(self.value(*_scores.decision_sums(y, decided, n_classes, weight)))

    def among(self, judged: np.ndarray) -> "Objective":
        """The same objective for decisions among the judged classes only.

        Parameters
        ----------
        judged : ndarray of bool of shape (n_classes,)
            The classes to decide among.
        """

        def of_judged(score):
            return lambda *sums: score(*(_with_other_classes(part, judged) for part in sums))

        slack = None if self.slack is None else of_judged(self.slack)
        return Objective(self.name, of_judged(self.value), slack)

    def curve(
        self, proba: np.ndarray, y: np.ndarray, weight: np.ndarray, thresholds: np.ndarray
    ) -> np.ndarray:
        """Values at thresholds of the second of two classes, whether its limit is kept or not.

        Parameters
        ----------
        proba : ndarray of shape (n_samples,)
            Posteriors of the second class.
        y : ndarray of shape (n_samples,)
            Class indices.
        weight : ndarray of shape (n_samples,)
            Weights of the rows.
        thresholds : ndarray of shape (n_thresholds,)
            The second class is decided if its posterior is at least the threshold.

        Returns
        -------
        scores : ndarray of shape (n_thresholds,)
            Values of the objective.
        """
        order = np.argsort(proba)
        by_class = weight[order] * (y[order] == np.array([[0], [1]]))
        below = np.concatenate([np.zeros((2, 1)), np.cumsum(by_class, axis=1)], axis=1)
        below = below[:, np.searchsorted(proba[order], thresholds)]
        actual = by_class.sum(axis=1)
        hits = np.column_stack([below[0], actual[1] - below[1]])
        decided_first = below.sum(axis=0)
        predicted = np.column_stack([decided_first, actual.sum() - decided_first])
        return self.value(hits, predicted, actual)


@dataclass(frozen=True)
class CostObjective:
    """Minus the mean cost of decisions.

    Parameters
    ----------
    costs : ndarray of shape (n_classes, n_classes)
        ``costs[k, j]`` is the cost of deciding class j for a row of class k.
    """

    costs: np.ndarray

    most_curve_points: ClassVar[int] = 500

    def score(self, y, decided, weight):
        """See `Objective.score`."""
        return -float(np.average(self.costs[y, decided], weights=weight))

    def among(self, judged):
        """See `Objective.among`."""
        return CostObjective(self.costs[np.ix_(judged, judged)])

    def curve(self, proba, y, weight, thresholds):
        """See `Objective.curve`."""
        return binary_cost(self.costs).curve(proba, y, weight, thresholds)


@dataclass(frozen=True)
class CustomObjective:
    """A function of the decisions, see `custom_score`.

    Parameters
    ----------
    function : callable
        Function of (true, decided, weight): class indices, and weights of the rows.
    """

    function: CustomScore

    slack: ClassVar[None] = None
    most_curve_points: ClassVar[int] = MOST_CALLS

    def score(self, y, decided, weight):
        """See `Objective.score`."""
        return float(self.function(y, decided, weight))

    def among(self, judged):
        """See `Objective.among`."""
        places = np.flatnonzero(judged)
        return CustomObjective(
            lambda true, decided, weight: self.function(places[true], places[decided], weight),
        )

    def curve(self, proba, y, weight, thresholds):
        """See `Objective.curve`."""
        return np.array([self.score(y, (proba >= t).astype(int), weight) for t in thresholds])


ClassObjective: TypeAlias = Objective | CostObjective | CustomObjective


@dataclass(frozen=True)
class LabelObjective:
    """A score of the decisions for all labels of a label indicator matrix.

    Parameters
    ----------
    name : str
        Key of `LABEL_OBJECTIVES`, or "function" for the user's own and for scorers.
    score : callable
        Function of (y, decided, weight): two indicators of shape (n_samples, n_labels) and weights
        of the rows.
    """

    name: str
    score: CustomScore

    def score_of_known(self, codes: np.ndarray, decided: np.ndarray, weight: np.ndarray) -> float:
        """The score of decisions, by codes that are -1 where a label is missing.

        A missing label counts as one that the row lacks and that is not decided: it is in no sum
        of `LABEL_OBJECTIVES`.
        """
        known = codes >= 0
        return self.score(
            np.where(known, codes, 0),
            np.where(known, decided, 0),
            np.where(known.any(axis=1), weight, 0.0),
        )


def _with_other_classes(part, judged):
    """A sum over the judged classes with zeros for the other classes."""
    wide = np.zeros((*np.shape(part)[:-1], len(judged)))
    wide[..., judged] = part
    return wide


def _of_class(score, k):
    return lambda *sums: score(*sums)[..., k]


def _at_least(value, limited, name, k, level):
    """The score `value` of class k, with the score `limited` to be at least `level`."""
    value, limited = _of_class(value, k), _of_class(limited, k)
    return Objective(name, value, lambda *sums: limited(*sums) - level)


def _alerts(name, k, level):
    value, flagged = _of_class(_scores.recall, k), _of_class(_scores.flagged, k)
    return Objective(name, value, lambda *sums: level / 1000 - flagged(*sums))


#: Name -> score over all classes.
WHOLE: Mapping[str, _scores.Score] = {
    "balanced_accuracy": _scores.balanced_accuracy,
    "f1_macro": _scores.f1_macro,
    "f1_weighted": _scores.f1_weighted,
    "mcc": _scores.mcc,
    "geometric_mean": _scores.geometric_mean,
    "cohen_kappa": _scores.cohen_kappa,
}

#: Name -> function of (name, class index, level) that makes an `Objective` for one class.
ONE_CLASS: Mapping[str, Callable[[str, Any, Any], Objective]] = {
    "f1": lambda name, k, level: Objective(name, _of_class(_scores.f1, k)),
    "recall_at_precision": partial(_at_least, _scores.recall, _scores.precision),
    "precision_at_recall": partial(_at_least, _scores.precision, _scores.recall),
    "alerts": _alerts,
}

#: Name of each objective that needs a level -> range of the level, without its lower end.
LEVELS: Mapping[str, tuple[int, int]] = {
    "recall_at_precision": (0, 1),
    "precision_at_recall": (0, 1),
    "alerts": (0, 1000),
}


def make_objective(name: str, positive: int | None, level: float | None) -> Objective:
    """The objective of a name other than "cost".

    Parameters
    ----------
    name : str
        Key of `WHOLE` or `ONE_CLASS`.
    positive : int or None
        Index of the class of an objective in `ONE_CLASS`.
    level : float or None
        Level of an objective in `LEVELS`.

    Returns
    -------
    objective : Objective
        The objective.
    """
    if name in WHOLE:
        return Objective(name, WHOLE[name])
    return ONE_CLASS[name](name, positive, level)


def binary_cost(costs: np.ndarray) -> Objective:
    """Minus the mean cost as a function of the three sums, which determine it for two classes."""

    def value(hits, predicted, actual):
        missed = actual - hits
        total = hits @ np.diag(costs) + missed @ np.array([costs[0, 1], costs[1, 0]])
        return -total / actual.sum()

    return Objective("cost", value)


def _by_label(score):
    """A function of (y, decided, weight), given one of the three sums with labels as last axis."""

    def value(y, decided, weight):
        return score(*(weighted_sum(weight, part) for part in (y * decided, decided, y)))

    return value


def _f1_samples(y, decided, weight):
    by_row = _scores.f1(np.sum(y * decided, axis=1), decided.sum(axis=1), y.sum(axis=1))
    return np.average(by_row, weights=weight)


def _f1_macro(hits, predicted, actual):
    return np.mean(_scores.f1(hits, predicted, actual))


def _f1_micro(hits, predicted, actual):
    return _scores.f1(hits.sum(), predicted.sum(), actual.sum())


#: Name -> objective of the multilabel case. As in scikit-learn, 0 / 0 is 0.
LABEL_OBJECTIVES: Mapping[str, LabelObjective] = {
    "f1_macro": LabelObjective("f1_macro", _by_label(_f1_macro)),
    "f1_micro": LabelObjective("f1_micro", _by_label(_f1_micro)),
    "f1_samples": LabelObjective("f1_samples", _f1_samples),
}


def custom_score(objective: Any, y: np.ndarray, owner: str) -> CustomScore | None:
    """The score of a scorer, or of a custom function of (y_true, y_pred); None for our own names.

    Parameters
    ----------
    objective : str, callable or None
        The parameter `objective`.
    y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Class labels, or an indicator, on which a scorer is tried.
    owner : str
        Who has the parameter, for errors.

    Returns
    -------
    score : callable or None
        Function of (true, decided, weight), which is refused if it is not always finite. A custom
        function sees no weights.

    Raises
    ------
    ValueError
        If a scorer looks at more than decisions, or does not fit y.
    """
    scorer = as_scorer(objective)
    if scorer is None:
        if not callable(objective):
            return None
        return _finite(lambda true, decided, weight: objective(true, decided), "function", owner)
    if not scorer.of_decisions:
        raise ValueError(
            f"The 'objective' parameter of {owner} must be a score of decisions. Got the scorer "
            f"{scorer.name!r} instead, which no decision rule changes: compare strategies by it, "
            "or search parameters with it."
        )
    try_scorer(scorer, y, y, owner, scorer.name)
    return _finite(scorer, f"scorer {scorer.name!r}", owner)


def try_scorer(
    scorer: Callable[[Any, Any], float], y: np.ndarray, response: np.ndarray, owner: str, name: str
) -> None:
    """Refuse a scorer that does not fit y, before anything is trained."""
    try:
        scorer(y, response)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The 'objective' parameter of {owner} must be a scorer that fits y. Got {name!r}, "
            f"which fails: {error}"
        ) from error


def _finite(score: CustomScore, noun: str, owner: str) -> CustomScore:
    """The same score, refused where it is not a finite number."""

    def finite(true, decided, weight):
        value = score(true, decided, weight)
        number = np.asarray(value)
        if number.shape or number.dtype.kind not in "biuf" or not np.isfinite(number):
            raise ValueError(
                f"The 'objective' {noun} of {owner} must return a finite number. Got {value!r} "
                "instead."
            )
        return value

    return finite
