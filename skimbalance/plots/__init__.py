"""Displays for classifiers of rare classes, in scikit-learn's form.

A display holds its data. ``plot`` draws them on given axes, or on a new figure of pyplot, which a
notebook shows below the cell; ``display.figure_.savefig("name.png")`` saves it. Displays made by
`from_estimator`, `from_predictions` and the like are drawn already.
"""

from skimbalance.plots._comparison import StrategyComparisonDisplay
from skimbalance.plots._confusion import ConfusionDisplay
from skimbalance.plots._learning_curves import LearningCurvesDisplay
from skimbalance.plots._precision_recall import PerClassPrecisionRecallDisplay
from skimbalance.plots._reliability import ReliabilityDisplay
from skimbalance.plots._threshold_curve import ThresholdCurveDisplay

__all__ = [
    "ConfusionDisplay",
    "LearningCurvesDisplay",
    "PerClassPrecisionRecallDisplay",
    "ReliabilityDisplay",
    "StrategyComparisonDisplay",
    "ThresholdCurveDisplay",
]
