"""The names of strategies and objectives, which the help of the command line shows.

Nothing is imported for them. The strategies are made in `_strategies`, the scores are in `_goals`.
"""

from skimbalance.decision._names import OBJECTIVES as DECISIONS

__all__ = ["DEFAULT_OF_THE_CLASSIFIER", "OBJECTIVES", "STRATEGIES"]

#: Objectives to compare by, for class labels: of decisions, rankings and probabilities.
OBJECTIVES = (
    *DECISIONS,
    "average_precision",
    "roc_auc",
    "partial_roc_auc",
    "precision_at_k",
    "recall_at_k",
    "log_loss",
    "brier",
)

#: Name -> what it does. The simplest come first.
STRATEGIES = {
    "plain": "Cross-entropy; every row counts the same.",
    "sqrt_weighted": "Class weights by the inverse square root of the class frequency.",
    "class_weighted": "Class weights by the inverse class frequency: all classes count the same.",
    "effective_number": "Class weights by the inverse effective number of rows, which levels off "
    "for large classes.",
    "logit_adjusted": "Log class frequencies are added to the logits, in training only, which "
    "favours rare classes.",
    "focal": "Focal loss: rows that are already predicted well count less.",
    "focal_weighted": "Focal loss, and class weights by the inverse class frequency.",
    "ldam": "Rare classes need a larger margin (LDAM); class weights join in the last fifth of the "
    "epochs.",
    "balanced_batches": "Every batch holds the same number of rows of each class, drawn anew in "
    "each epoch.",
    "over_sampling": "Rows of rare classes are repeated until all classes are equally large.",
    "under_sampling": "Rows of frequent classes are left out until all classes are equally small.",
    "smote": "Synthetic rows between neighbours (SMOTE) are added until all classes are equally "
    "large.",
    "tuned_decision": "Trained like plain; then the decision rule is tuned for the objective on "
    "held-out rows.",
    "ensemble": "Networks on the folds of the rows, averaged and calibrated; and a decision rule "
    "tuned for the objective on the rows that each left out (ImbalancedEnsembleClassifier).",
}

#: Which strategy the classifier follows by default, and what that means.
DEFAULT_OF_THE_CLASSIFIER = (
    'ImbalancedMLPClassifier by itself trains like class_weighted, as its class_weight="auto" is '
    '"balanced" for cross-entropy. Compared with plain, the recall of rare classes rises and their '
    "precision falls, so that F1 may fall, too; and the probabilities of predict_proba are not "
    "those in the population, which predict_posterior gives."
)
