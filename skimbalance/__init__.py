"""Keras networks for imbalanced data, as scikit-learn classifiers."""

import skimbalance._engine.joblib_backend  # noqa: F401  registers the joblib backend "stacked"
from skimbalance.class_weight import compute_class_weight
from skimbalance.classifier import ImbalancedMLPClassifier
from skimbalance.compare import compare_strategies
from skimbalance.decision import TunedDecisionClassifierCV
from skimbalance.keras_classifier import ImbalancedKerasClassifier
from skimbalance.posterior import correct_prior
from skimbalance.prior import PriorCorrectedClassifier
from skimbalance.sequence_classifier import ImbalancedSequenceClassifier

__version__ = "0.1.0"

__all__ = [
    "ImbalancedKerasClassifier",
    "ImbalancedMLPClassifier",
    "ImbalancedSequenceClassifier",
    "PriorCorrectedClassifier",
    "TunedDecisionClassifierCV",
    "compare_strategies",
    "compute_class_weight",
    "correct_prior",
]
