"""Decisions in the multilabel case: from held-out posteriors to a threshold for each label."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from skimbalance._validation import checked_target, label_codes
from skimbalance.decision._calibration import LabelCalibration, fit_label_calibrator, inside
from skimbalance.decision._learning import HeldOut, jackknife, out_of_part
from skimbalance.decision._objectives import LabelObjective
from skimbalance.decision._thresholds import (
    OVER_HALF,
    best_places,
    sweep_at_half,
    sweep_of_all_cuts,
)

__all__ = ["LabelRule", "LabelRuleLearner", "TunedLabels", "dense_indicator", "tune_labels"]


def dense_indicator(y: Any) -> np.ndarray:
    """A label indicator matrix in any form as integers: 0, 1, and -1 where a label is missing."""
    return label_codes(checked_target(y)).astype(int)


@dataclass(frozen=True)
class LabelRule:
    """Decide a label where its posterior is at least its threshold.

    Parameters
    ----------
    threshold : ndarray of shape (n_labels,)
        Threshold of each label; infinite for a label that is never decided.
    as_sparse : bool, default=False
        Whether decisions are a sparse matrix.
    """

    threshold: np.ndarray
    as_sparse: bool = False

    def __call__(self, proba: npt.ArrayLike) -> Any:
        """Indicator of the decisions, of shape (n_samples, n_labels)."""
        # Clipped like the scores in the search: a posterior of 1 does not pass a threshold above.
        decided = (inside(proba) >= self.threshold).astype(int)
        return csr_matrix(decided) if self.as_sparse else decided


@dataclass(frozen=True)
class LabelRuleLearner:
    """Learns a calibrator and a threshold for each label.

    Parameters
    ----------
    objective : LabelObjective
        Score of the decisions, which the thresholds maximise.
    calibration : str or None
        Key of `CALIBRATIONS`.
    """

    objective: LabelObjective
    calibration: str | None

    def learn(
        self, held_out: HeldOut, judged: np.ndarray
    ) -> tuple[LabelCalibration | None, LabelRule]:
        """Calibrator and rule for held-out rows; `judged` as in `tune_labels`.

        Those of a label are learnt from the rows in which it is known.
        """
        proba, y, weight = held_out.proba, held_out.y, held_out.weight
        calibrator = None
        if self.calibration is not None:
            calibrator = fit_label_calibrator(self.calibration, proba, y, weight, judged)
            proba = calibrator(proba)
        n_rows = held_out.n_rows()
        sweeps = [
            sweep_of_all_cuts(proba[:, k], y[:, k], weight, n_rows[k])
            if judged[k] and n_rows[k].any()
            else sweep_at_half(proba[:, k], y[:, k], weight)
            for k in range(len(judged))
        ]
        places = best_places(self.objective, sweeps, y, weight)
        threshold = [sweep.threshold(place) for sweep, place in zip(sweeps, places, strict=True)]
        return calibrator, LabelRule(np.where(judged, threshold, OVER_HALF))


@dataclass(frozen=True)
class TunedLabels:
    """Result of tuning a threshold for each label.

    Parameters
    ----------
    calibrator : LabelCalibration or None
        Maps posteriors to calibrated ones.
    rule : LabelRule
        Thresholds on calibrated posteriors.
    score : float
        The objective of decisions by rules learnt without the row.
    threshold_std : ndarray of shape (n_labels,)
        Standard error of each threshold; NaN for labels that are not judged.
    out_of_part : list of (calibrator or None, LabelRule)
        For each part of the held-out rows a calibrator and a rule that were learnt without it.
    """

    calibrator: LabelCalibration | None
    rule: LabelRule
    score: float
    threshold_std: np.ndarray
    out_of_part: list[tuple[LabelCalibration | None, LabelRule]]


def tune_labels(learner: LabelRuleLearner, held_out: HeldOut, judged: np.ndarray) -> TunedLabels:
    """Tune the threshold of each label.

    Parameters
    ----------
    learner : LabelRuleLearner
        Learner of the calibrator and the thresholds.
    held_out : HeldOut
        Held-out rows; posteriors and indicators have a column for each label, and indicators are
        -1 where a label is missing, which counts nowhere.
    judged : ndarray of bool of shape (n_labels,)
        The labels that all estimators were trained on and that some held-out rows have and others
        lack. The other labels are decided where their posterior, without calibration, is above
        0.5.

    Returns
    -------
    tuned : TunedLabels
        Calibrator and thresholds for all labels.
    """
    calibrator, rule = learner.learn(held_out, judged)
    decided, learned = out_of_part(lambda rows: learner.learn(rows, judged), held_out)
    score = learner.objective.score_of_known(held_out.y, decided, held_out.weight)
    spread = jackknife([rule.threshold for _, rule in learned])
    return TunedLabels(calibrator, rule, float(score), np.where(judged, spread, np.nan), learned)
