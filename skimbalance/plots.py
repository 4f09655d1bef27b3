"""Displays for classifiers of rare classes, in scikit-learn's form.

A display holds its data. ``plot`` draws them on axes of one's own, or on a new figure without
pyplot: ``display.figure_.savefig("name.png")`` saves it, and a notebook shows the display. What
comes from `from_estimator`, `from_predictions`, ... is drawn already.
"""

from skimbalance._plots.comparison import StrategyComparisonDisplay
from skimbalance._plots.confusion import ConfusionDisplay
from skimbalance._plots.learning_curves import LearningCurvesDisplay
from skimbalance._plots.precision_recall import PerClassPrecisionRecallDisplay
from skimbalance._plots.reliability import ReliabilityDisplay
from skimbalance._plots.threshold_curve import ThresholdCurveDisplay

__all__ = [
    "ConfusionDisplay",
    "LearningCurvesDisplay",
    "PerClassPrecisionRecallDisplay",
    "ReliabilityDisplay",
    "StrategyComparisonDisplay",
    "ThresholdCurveDisplay",
]
