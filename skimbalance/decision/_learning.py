"""From held-out posteriors to a calibrator, a decision rule, and how good and sure they are."""

from dataclasses import dataclass

import numpy as np

from skimbalance.decision._calibration import LogScaling, fit_calibrator
from skimbalance.decision._objectives import Objective, binary_cost
from skimbalance.decision._rules import (
    MOST_CALLS,
    STARTS,
    Rule,
    cost_rule,
    learn_rule,
    threshold_curve,
)
from skimbalance.metrics._scores import decision_sums

__all__ = ["Goal", "HeldOut", "Learnt", "jackknife", "learn", "out_of_part"]

CURVE_POINTS = 500

# Enough where the rule is not kept.
ONE_START = (0.5,)


@dataclass(frozen=True)
class Goal:
    """What a rule is learnt for.

    Parameters
    ----------
    objective : Objective, callable or None
        Callables are of (true, decided) class indices; None is least cost.
    costs : ndarray of shape (n_classes, n_classes) or None
        ``costs[k, j]`` of deciding j for a row of class k.
    calibration : str or None
        Key of `CALIBRATIONS`.
    positive : int, default=None
        Index of the one class that the objective is for, if any.
    """

    objective: object
    costs: np.ndarray | None
    calibration: str | None
    positive: int | None = None

    def learn(self, held_out, starts=STARTS):
        """Calibrator (or None) and rule of held-out rows."""
        proba, y, weight = held_out.proba, held_out.y, held_out.weight
        calibrator = None
        if self.calibration is not None:
            calibrator = fit_calibrator(self.calibration, proba, y, weight)
            proba = calibrator(proba)
        if self.objective is None:
            return calibrator, cost_rule(self.costs)
        n_rows = held_out.n_rows()
        return calibrator, learn_rule(
            self.objective, proba, y, weight, n_rows=n_rows, starts=starts
        )

    def of_classes(self, judged):
        """The same for some of the classes, with indices among these."""
        costs = None if self.costs is None else self.costs[np.ix_(judged, judged)]
        return Goal(_among(judged, self.objective), costs, self.calibration)

    def value(self, y, decided, weight):
        """The objective of decisions."""
        if self.objective is None:
            return -float(np.average(self.costs[y, decided], weights=weight))
        if not isinstance(self.objective, Objective):
            return float(self.objective(y, decided))
        n_classes = 1 + max(y.max(), decided.max())
        return float(self.objective.value(*decision_sums(y, decided, n_classes, weight)))

    def of_thresholds(self):
        """As the objective of a curve over thresholds."""
        return binary_cost(self.costs) if self.objective is None else self.objective


@dataclass(frozen=True)
class HeldOut:
    """Rows with posteriors of an estimator that has not seen them.

    Parameters
    ----------
    row : ndarray of shape (n,)
        Which row of the data; one may come several times, in different folds.
    part : ndarray of shape (n,)
        Its fold; all rows of the same number are in the same part.
    proba : ndarray of shape (n, n_classes) or (n, n_labels)
        Posteriors.
    y : ndarray of shape (n,) or (n, n_labels)
        Class indices, or indicators of labels.
    weight : ndarray of shape (n,)
        How much it counts.
    """

    row: np.ndarray
    part: np.ndarray
    proba: np.ndarray
    y: np.ndarray
    weight: np.ndarray

    def __getitem__(self, chosen):
        parts = (self.row, self.part, self.proba, self.y, self.weight)
        return HeldOut(*(array[chosen] for array in parts))

    def n_rows(self):
        """Distinct rows of each class; of labels (n_labels, 2), without and with each."""
        y = self.y[np.unique(self.row, return_index=True)[1]]
        if y.ndim == 1:
            return np.bincount(y, minlength=self.proba.shape[1])
        return np.column_stack([len(y) - y.sum(axis=0), y.sum(axis=0)])

    def of_classes(self, judged):
        """The rows of some classes, with posteriors and indices among these."""
        kept = self[judged[self.y]]
        proba = kept.proba[:, judged]
        total = proba.sum(axis=1, keepdims=True)
        proba = np.divide(proba, total, out=np.full_like(proba, 1 / judged.sum()), where=total > 0)
        return HeldOut(kept.row, kept.part, proba, np.cumsum(judged)[kept.y] - 1, kept.weight)


@dataclass(frozen=True)
class Learnt:
    """What was learnt; `threshold_std` and the curve for two classes, else None."""

    calibrator: object
    rule: Rule
    score: float
    threshold_std: float | None
    curve: tuple | None


def learn(goal, held_out, judged):
    """Calibrator and rule of all held-out rows; the score, and the spread, without each part.

    Parameters
    ----------
    goal : Goal
        What for.
    held_out : HeldOut
        The rows.
    judged : ndarray of bool of shape (n_classes,)
        Classes that all the estimators knew and that have held-out rows. The others get the
        weight of the rarest of these.

    Returns
    -------
    learnt : Learnt
        For all classes.
    """
    if not judged.all():
        some = np.ones(judged.sum(), bool)
        learnt = learn(goal.of_classes(judged), held_out.of_classes(judged), some)
        return _for_all(learnt, goal.costs, held_out, judged)
    calibrator, rule = goal.learn(held_out)
    decided, rules = out_of_part(lambda rows: goal.learn(rows, ONE_START), held_out)
    score = goal.value(held_out.y, decided, held_out.weight)
    if len(judged) > 2:
        return Learnt(calibrator, rule, score, None, None)
    spread = float(jackknife([rule.threshold for rule in rules]))
    return Learnt(calibrator, rule, score, spread, _curve(goal, held_out, calibrator, rule))


def out_of_part(learn_from, held_out):
    """Decisions by rules learnt without the part of the row, and these rules.

    Parameters
    ----------
    learn_from : callable
        From held-out rows to a calibrator (or None) and a rule.
    held_out : HeldOut
        The rows.

    Returns
    -------
    decided : ndarray of the shape of ``held_out.y``
        Class indices, or indicators of labels.
    rules : list
        One for each part.
    """
    decided, rules = np.empty(held_out.y.shape, int), []
    for i in np.unique(held_out.part):
        here = held_out.part == i
        calibrator, rule = learn_from(held_out[~here])
        proba = held_out.proba[here]
        decided[here] = rule(proba if calibrator is None else calibrator(proba))
        rules.append(rule)
    return decided, rules


def jackknife(thresholds):
    """Standard error of a threshold, or of several, from those learnt without each part."""
    return np.sqrt(len(thresholds) - 1) * np.std(thresholds, axis=0)


def _among(judged, objective):
    """An objective of all classes for decisions among some of them."""
    places = np.flatnonzero(judged)
    if objective is None:
        return None
    if not isinstance(objective, Objective):
        return lambda true, decided: objective(places[true], places[decided])

    def of_all(score):
        def of_some(*sums):
            filled = np.zeros((3, *np.shape(sums[0])[:-1], len(judged)))
            filled[..., places] = np.broadcast_arrays(*sums)
            return score(*filled[:2], filled[2].reshape(-1, len(judged))[0])

        return None if score is None else of_some

    return Objective(objective.name, of_all(objective.value), of_all(objective.slack))


def _for_all(learnt, costs, held_out, judged):
    """What was learnt of some classes, for all of them."""
    n_classes = len(judged)
    if costs is None:
        rarest = np.argmin(np.bincount(held_out.y, held_out.weight, n_classes)[judged])
        matrix = np.diag(np.full(n_classes, learnt.rule.matrix[rarest, rarest]))
        matrix[np.ix_(judged, judged)] = learnt.rule.matrix
        rule = Rule(matrix, learnt.rule.keeps_limit)
    else:
        rule = cost_rule(costs)
    calibrator = learnt.calibrator
    if calibrator is not None:
        scale, bias = np.ones(n_classes), np.zeros(n_classes)
        scale[judged], bias[judged] = calibrator.scale, calibrator.bias
        calibrator = LogScaling(scale, bias)
    return Learnt(calibrator, rule, learnt.score, None, None)


def _curve(goal, held_out, calibrator, rule):
    """Thresholds between the scores, thinned out, and around the chosen one; scores, spread."""
    proba = held_out.proba if calibrator is None else calibrator(held_out.proba)
    scores = np.unique(proba[:, 1])
    cuts = (scores[:-1] + scores[1:]) / 2
    n_points = CURVE_POINTS if isinstance(goal.objective, Objective | None) else MOST_CALLS
    some = np.linspace(0, len(cuts) - 1, min(len(cuts), n_points)).round().astype(int)
    thresholds = np.union1d(cuts[some], [rule.threshold])
    objective = goal.of_thresholds()
    arguments = (proba[:, 1], held_out.y, held_out.weight)
    parts = [held_out.part == i for i in np.unique(held_out.part)]
    of_parts = [
        threshold_curve(objective, *(a[here] for a in arguments), thresholds) for here in parts
    ]
    return thresholds, threshold_curve(objective, *arguments, thresholds), np.std(of_parts, axis=0)
