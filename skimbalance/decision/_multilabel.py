"""Thresholds of labels: from held-out posteriors of an indicator matrix to one for each label."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, issparse
from sklearn.utils import check_array

from skimbalance.decision._calibration import fit_label_calibrator, inside
from skimbalance.decision._learning import jackknife, out_of_part
from skimbalance.decision._objectives import LABEL_OBJECTIVES
from skimbalance.decision._thresholds import OVER_HALF, best_places, given_line, judged_line

__all__ = ["LabelGoal", "LabelRule", "LearntLabels", "dense_indicator", "learn_labels"]


def dense_indicator(y):
    """A label indicator matrix of any form as an array of integers."""
    y = check_array(y, accept_sparse=True, dtype=None, input_name="y")
    y = y.toarray() if issparse(y) else y
    if not np.isin(y, (0, 1)).all():
        raise ValueError(
            "y as a label indicator matrix must hold 0 and 1 only. Got the values "
            f"{np.unique(y).tolist()!r} instead."
        )
    return y.astype(int)


@dataclass(frozen=True)
class LabelRule:
    """A label is decided from this posterior of it on.

    Parameters
    ----------
    threshold : ndarray of shape (n_labels,)
        Of its posterior; infinite where it is never decided.
    as_sparse : bool, default=False
        Whether decisions are a sparse matrix.
    """

    threshold: np.ndarray
    as_sparse: bool = False

    def __call__(self, proba):
        """Indicators of shape (n_samples, n_labels), 0 or 1."""
        # As far inside as the scores of the search: a threshold above them is not passed by a one.
        decided = (inside(proba) >= self.threshold).astype(int)
        return csr_matrix(decided) if self.as_sparse else decided


@dataclass(frozen=True)
class LabelGoal:
    """What thresholds are learnt for.

    Parameters
    ----------
    objective : str or callable
        Key of `LABEL_OBJECTIVES`, or a function of (true, decided) indicators.
    calibration : str or None
        Key of `CALIBRATIONS`.
    """

    objective: object
    calibration: str | None

    def learn(self, held_out, judged):
        """Calibrator (or None) and rule of held-out rows."""
        proba, y, weight = held_out.proba, held_out.y, held_out.weight
        calibrator = None
        if self.calibration is not None:
            calibrator = fit_label_calibrator(self.calibration, proba, y, weight, judged)
            proba = calibrator(proba)
        n_rows = held_out.n_rows()
        lines = [
            judged_line(proba[:, k], y[:, k], weight, n_rows[k])
            if judged[k]
            else given_line(proba[:, k], y[:, k], weight)
            for k in range(len(judged))
        ]
        places = best_places(self.objective, lines, y, weight)
        threshold = [line.threshold(place) for line, place in zip(lines, places, strict=True)]
        return calibrator, LabelRule(np.where(judged, threshold, OVER_HALF))

    def value(self, y, decided, weight):
        """The objective of decisions."""
        if callable(self.objective):
            return float(self.objective(y, decided))
        return float(LABEL_OBJECTIVES[self.objective](y, decided, weight))


@dataclass(frozen=True)
class LearntLabels:
    """What was learnt; ``threshold_std`` is NaN for labels that are not judged."""

    calibrator: object
    rule: LabelRule
    score: float
    threshold_std: np.ndarray


def learn_labels(goal, held_out, judged):
    """Calibrator and rule of all held-out rows; the score, and the spread, without each part.

    Parameters
    ----------
    goal : LabelGoal
        What for.
    held_out : HeldOut
        The rows; posteriors and indicators have a column for each label.
    judged : ndarray of bool of shape (n_labels,)
        Labels that all the estimators knew and that have held-out rows with and without them.
        The others are decided where their posterior, as it came, is over a half.

    Returns
    -------
    learnt : LearntLabels
        For all labels.
    """
    calibrator, rule = goal.learn(held_out, judged)
    decided, rules = out_of_part(lambda rows: goal.learn(rows, judged), held_out)
    score = goal.value(held_out.y, decided, held_out.weight)
    spread = jackknife([rule.threshold for rule in rules])
    return LearntLabels(calibrator, rule, score, np.where(judged, spread, np.nan))
