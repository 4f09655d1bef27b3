"""Which strategy helps on these data? All of them on the same folds."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from skimbalance.compare._names import OBJECTIVES

if TYPE_CHECKING:
    from skimbalance.compare._result import StrategyComparison
    from skimbalance.compare._run import compare_strategies

__all__ = ["OBJECTIVES", "StrategyComparison", "compare_strategies"]


def __getattr__(name: str) -> Any:
    # Imported at its first use: a help text names strategies without scikit-learn.
    if name in __all__:
        return getattr(import_module("skimbalance.compare._run"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
