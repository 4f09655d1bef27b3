"""Keras networks for imbalanced data, as scikit-learn classifiers."""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import skimbalance._engine.joblib_backend  # noqa: F401  registers the joblib backend "stacked"

if TYPE_CHECKING:
    from skimbalance.class_weight import compute_class_weight
    from skimbalance.classifier import ImbalancedMLPClassifier
    from skimbalance.compare import compare_strategies
    from skimbalance.decision import TunedDecisionClassifierCV
    from skimbalance.ensemble import ImbalancedEnsembleClassifier
    from skimbalance.keras_classifier import ImbalancedKerasClassifier
    from skimbalance.model_selection import search_space
    from skimbalance.posterior import correct_prior
    from skimbalance.prior import PriorCorrectedClassifier
    from skimbalance.sequence_classifier import ImbalancedSequenceClassifier

__version__ = "0.1.0"

__all__ = [
    "ImbalancedEnsembleClassifier",
    "ImbalancedKerasClassifier",
    "ImbalancedMLPClassifier",
    "ImbalancedSequenceClassifier",
    "PriorCorrectedClassifier",
    "TunedDecisionClassifierCV",
    "compare_strategies",
    "compute_class_weight",
    "correct_prior",
    "search_space",
]

# Where the names are. They are imported at their first use, so that the help of the command line
# does not wait for scikit-learn.
_MODULES = {
    "ImbalancedEnsembleClassifier": "ensemble",
    "ImbalancedKerasClassifier": "keras_classifier",
    "ImbalancedMLPClassifier": "classifier",
    "ImbalancedSequenceClassifier": "sequence_classifier",
    "PriorCorrectedClassifier": "prior",
    "TunedDecisionClassifierCV": "decision",
    "compare_strategies": "compare",
    "compute_class_weight": "class_weight",
    "correct_prior": "posterior",
    "search_space": "model_selection",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        globals()[name] = value
        return value
    if not name.startswith("_") and find_spec(f"{__name__}.{name}"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
