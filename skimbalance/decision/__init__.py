"""Decisions tuned for a metric, around any scikit-learn classifier."""

from skimbalance.decision._tuned import TunedDecisionClassifierCV

__all__ = ["TunedDecisionClassifierCV"]
