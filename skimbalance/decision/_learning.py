"""From held-out posteriors to a calibrator and a decision rule, with their score and spread.

To *learn* is to fit a calibrator and a rule to some rows. To *tune* is to learn from all held-out
rows, and again without each part of them: decisions on the part left out give an honest score.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skimbalance.decision._calibration import Calibrator, LogScaling, fit_calibrator
from skimbalance.decision._objectives import ClassObjective, CostObjective
from skimbalance.decision._rows import rows_of_each
from skimbalance.decision._rules import STARTS, Rule, best_rule, cost_rule

__all__ = [
    "HeldOut",
    "RuleLearner",
    "ThresholdCurve",
    "Tuned",
    "jackknife",
    "out_of_fold",
    "out_of_part",
    "tune_classes",
]

# A single start of the search is enough for rules that are not kept.
ONE_START = (0.5,)


@dataclass(frozen=True)
class HeldOut:
    """Rows with posteriors from an estimator that was not trained on them.

    Parameters
    ----------
    row : ndarray of shape (n,)
        Index of each row in the data; a row may occur several times, from different folds.
    part : ndarray of shape (n,)
        Part of each row; all copies of a row are in the same part.
    proba : ndarray of shape (n, n_classes) or (n, n_labels)
        Posteriors.
    y : ndarray of shape (n,) or (n, n_labels)
        Class indices, or in the multilabel case an indicator, -1 where a label is missing.
    weight : ndarray of shape (n,)
        Weights of the rows.
    """

    row: np.ndarray
    part: np.ndarray
    proba: np.ndarray
    y: np.ndarray
    weight: np.ndarray

    def __getitem__(self, chosen: np.ndarray) -> "HeldOut":
        arrays = (self.row, self.part, self.proba, self.y, self.weight)
        return HeldOut(*(array[chosen] for array in arrays))

    def n_rows(self) -> np.ndarray:
        """Number of distinct rows of each class, see `rows_of_each`."""
        y = self.y[np.unique(self.row, return_index=True)[1]]
        return rows_of_each(y, self.proba.shape[1])

    def among(self, judged: np.ndarray) -> "HeldOut":
        """The rows of the judged classes, with posteriors and class indices among these."""
        kept = self[judged[self.y]]
        proba = kept.proba[:, judged]
        total = proba.sum(axis=1, keepdims=True)
        proba = np.divide(proba, total, out=np.full_like(proba, 1 / judged.sum()), where=total > 0)
        return HeldOut(kept.row, kept.part, proba, np.cumsum(judged)[kept.y] - 1, kept.weight)


@dataclass(frozen=True)
class RuleLearner:
    """Learns a calibrator and a decision rule for class labels.

    Parameters
    ----------
    objective : Objective, CostObjective or CustomObjective
        Score of the decisions, which the rule maximises.
    positive : int or None
        Index of the class that the objective is about, if it is about a single one.
    calibration : str or None
        Key of `CALIBRATIONS`.
    """

    objective: ClassObjective
    positive: int | None
    calibration: str | None

    def learn(
        self, held_out: HeldOut, starts: Sequence[float] = STARTS
    ) -> tuple[Calibrator | None, Rule]:
        """Calibrator and rule for held-out rows."""
        proba, y, weight = held_out.proba, held_out.y, held_out.weight
        calibrator = None
        if self.calibration is not None:
            calibrator = fit_calibrator(self.calibration, proba, y, weight)
            proba = calibrator(proba)
        n_rows = held_out.n_rows()
        return calibrator, best_rule(self.objective, proba, y, weight, n_rows=n_rows, starts=starts)

    def among(self, judged: np.ndarray) -> "RuleLearner":
        """The same learner for decisions among the judged classes only."""
        return RuleLearner(self.objective.among(judged), None, self.calibration)


@dataclass(frozen=True)
class ThresholdCurve:
    """The objective at thresholds of the second of two classes.

    Parameters
    ----------
    thresholds : ndarray of shape (n_points,)
        Thresholds, among them that of the rule.
    scores, scores_std : ndarray of shape (n_points,)
        Objective over all rows, and its standard deviation over the parts.
    chosen_std : float
        Standard error of the threshold of the rule.
    """

    thresholds: np.ndarray
    scores: np.ndarray
    scores_std: np.ndarray
    chosen_std: float


@dataclass(frozen=True)
class Tuned:
    """Result of tuning a decision rule for class labels.

    Parameters
    ----------
    calibrator : LogScaling, IsotonicCalibration or None
        Maps posteriors to calibrated ones.
    rule : Rule
        Decision rule on calibrated posteriors.
    score : float
        The objective of decisions by rules learnt without the row.
    curve : ThresholdCurve or None
        The objective at each threshold for two classes, otherwise None.
    out_of_part : list of (calibrator or None, Rule)
        For each part of the held-out rows a calibrator and a rule that were learnt without it.
    """

    calibrator: Calibrator | None
    rule: Rule
    score: float
    curve: ThresholdCurve | None
    out_of_part: list[tuple[Calibrator | None, Rule]]


def tune_classes(learner: RuleLearner, held_out: HeldOut, judged: np.ndarray) -> Tuned:
    """Tune the decisions for class labels.

    Parameters
    ----------
    learner : RuleLearner
        Learner of the calibrator and the rule.
    held_out : HeldOut
        Held-out rows.
    judged : ndarray of bool of shape (n_classes,)
        The classes that all estimators were trained on and that have held-out rows. The other
        classes get the weight of the rarest of these.

    Returns
    -------
    tuned : Tuned
        Calibrator and rule for all classes.
    """
    if not judged.all():
        all_judged = np.ones(judged.sum(), bool)
        tuned = tune_classes(learner.among(judged), held_out.among(judged), all_judged)
        return _for_all_classes(tuned, learner.objective, held_out, judged)
    calibrator, rule = learner.learn(held_out)
    decided, learned = out_of_part(lambda rows: learner.learn(rows, ONE_START), held_out)
    score = learner.objective.score(held_out.y, decided, held_out.weight)
    curve = None
    if len(judged) == 2:
        rules = [rule for _, rule in learned]
        curve = _curve(learner.objective, held_out, calibrator, rule, rules)
    return Tuned(calibrator, rule, score, curve, learned)


def out_of_part(
    learn: Callable[[HeldOut], tuple[Any, Any]], held_out: HeldOut
) -> tuple[np.ndarray, list[Any]]:
    """Decisions by rules learnt without the part of the row, and what was learnt.

    Parameters
    ----------
    learn : callable
        Function of held-out rows that returns a calibrator (or None) and a rule.
    held_out : HeldOut
        Held-out rows.

    Returns
    -------
    decided : ndarray of the shape of ``held_out.y``
        Decisions as class indices, or as an indicator.
    learned : list of (calibrator or None, rule)
        What was learnt without each part.
    """
    decided = np.empty(held_out.y.shape, int)
    learned: list[Any] = []
    for i in np.unique(held_out.part):
        in_part = held_out.part == i
        calibrator, rule = learn(held_out[~in_part])
        proba = held_out.proba[in_part]
        decided[in_part] = rule(proba if calibrator is None else calibrator(proba))
        learned.append((calibrator, rule))
    return decided, learned


def out_of_fold(
    held_out: HeldOut, learned: Sequence[tuple[Any, Any]], n_rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Posteriors and decisions of the rows, by calibrators and rules learnt without their part.

    Parameters
    ----------
    held_out : HeldOut
        Held-out rows; the posteriors of a row that occurs several times are averaged.
    learned : list of (calibrator or None, rule)
        As `out_of_part` gives it.
    n_rows : int
        Number of rows in the data.

    Returns
    -------
    proba : ndarray of shape (n_rows, n_classes) or (n_rows, n_labels)
        Calibrated posteriors; nan for rows that were never held out.
    decided : ndarray of shape (n_rows,) or (n_rows, n_labels)
        Class indices, or an indicator; -1 for rows that were never held out.
    """
    proba = np.full((n_rows, held_out.proba.shape[1]), np.nan)
    decided = np.full((n_rows, *held_out.y.shape[1:]), -1)
    for i, (calibrator, rule) in zip(np.unique(held_out.part), learned, strict=True):
        part = held_out[held_out.part == i]
        rows, place, times = np.unique(part.row, return_inverse=True, return_counts=True)
        mean = np.zeros((len(rows), proba.shape[1]))
        np.add.at(mean, place, part.proba)
        mean /= times[:, np.newaxis]
        proba[rows] = mean if calibrator is None else calibrator(mean)
        decided[rows] = rule(proba[rows])
    return proba, decided


def jackknife(thresholds: Sequence[float] | Sequence[np.ndarray]) -> np.ndarray:
    """Standard error of each threshold, from the thresholds learnt without each part."""
    return np.sqrt(len(thresholds) - 1) * np.std(thresholds, axis=0)


def _for_all_classes(tuned, objective, held_out, judged):
    """The result for all classes, given the one for the judged classes only."""
    n_classes = len(judged)
    if isinstance(objective, CostObjective):
        rule = cost_rule(objective.costs)
    else:
        rarest = np.argmin(np.bincount(held_out.y, held_out.weight, n_classes)[judged])
        matrix = np.diag(np.full(n_classes, tuned.rule.matrix[rarest, rarest]))
        matrix[np.ix_(judged, judged)] = tuned.rule.matrix
        rule = Rule(matrix, tuned.rule.keeps_limit)
    calibrator = tuned.calibrator
    if calibrator is not None:
        scale, bias = np.ones(n_classes), np.zeros(n_classes)
        scale[judged], bias[judged] = calibrator.scale, calibrator.bias
        calibrator = LogScaling(scale, bias)
    # Rows of classes that are not judged were no part of it.
    learned = [(calibrator, rule)] * len(tuned.out_of_part)
    return Tuned(calibrator, rule, tuned.score, None, learned)


def _curve(objective, held_out, calibrator, rule, rules):
    """The objective at thresholds between the scores, thinned out, and at that of the rule."""
    proba = held_out.proba if calibrator is None else calibrator(held_out.proba)
    scores = np.unique(proba[:, 1])
    cuts = (scores[:-1] + scores[1:]) / 2
    n_points = min(len(cuts), objective.most_curve_points)
    kept = np.linspace(0, len(cuts) - 1, n_points).round().astype(int)
    thresholds = np.union1d(cuts[kept], [rule.threshold])
    arguments = (proba[:, 1], held_out.y, held_out.weight)
    by_part = [
        objective.curve(*(array[held_out.part == i] for array in arguments), thresholds)
        for i in np.unique(held_out.part)
    ]
    return ThresholdCurve(
        thresholds,
        objective.curve(*arguments, thresholds),
        np.std(by_part, axis=0),
        float(jackknife([rule.threshold for rule in rules])),
    )
