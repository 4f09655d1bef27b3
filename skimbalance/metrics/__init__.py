"""Scores of each class, with intervals, so that no mean hides a rare class."""

from skimbalance.metrics._ranking import precision_at_k, recall_at_k
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
    "precision_at_k",
    "recall_at_k",
    "score_intervals",
]
