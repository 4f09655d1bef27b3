"""Which strategy helps on these data? All of them on the same folds."""

from skimbalance.compare._goals import OBJECTIVES
from skimbalance.compare._result import StrategyComparison
from skimbalance.compare._run import compare_strategies

__all__ = ["OBJECTIVES", "StrategyComparison", "compare_strategies"]
