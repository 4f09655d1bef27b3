"""Scores by class, with intervals, that do not hide a rare class behind a mean."""

from skimbalance.metrics._summary import (
    average_precision_by_class,
    calibration_error_by_class,
    classification_summary,
    score_intervals,
)

__all__ = [
    "average_precision_by_class",
    "calibration_error_by_class",
    "classification_summary",
    "score_intervals",
]
