"""The names of the objectives, which the help of the command line shows; nothing is imported.

The scores are in `_objectives`.
"""

__all__ = ["MULTILABEL_OBJECTIVES", "OBJECTIVES"]

#: Objectives for class labels.
OBJECTIVES = (
    "balanced_accuracy",
    "f1_macro",
    "f1_weighted",
    "mcc",
    "geometric_mean",
    "cohen_kappa",
    "f1",
    "recall_at_precision",
    "precision_at_recall",
    "alerts",
    "cost",
)

#: Objectives of the multilabel case.
MULTILABEL_OBJECTIVES = ("f1_macro", "f1_micro", "f1_samples")
