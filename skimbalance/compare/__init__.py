"""Which strategy helps here? The same folds for all of them."""

from skimbalance.compare._result import StrategyComparison
from skimbalance.compare._run import OBJECTIVES, compare_strategies

__all__ = ["OBJECTIVES", "StrategyComparison", "compare_strategies"]
