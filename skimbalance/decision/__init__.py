"""Decisions tuned for a metric, around any scikit-learn classifier."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skimbalance.decision._tuned import TunedDecisionClassifierCV

__all__ = ["TunedDecisionClassifierCV"]


def __getattr__(name: str) -> Any:
    # Imported at its first use: a help text names objectives without scikit-learn.
    if name in __all__:
        return getattr(import_module("skimbalance.decision._tuned"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
