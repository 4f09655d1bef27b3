"""Sentences: what messages name, and warnings at the user's line."""

import os
import reprlib
import sys
import warnings
from pathlib import Path
from typing import Any

__all__ = ["one_of", "some_of", "warn", "warn_of_no_effect"]

# The folder of this package: a warning names the first line outside of it.
PACKAGE = f"{Path(__file__).parents[1]}{os.sep}"


def some_of(values: list[Any], most: int = 10) -> str:
    """The first values of a list and the number of the others, for messages."""
    n_more = len(values) - most
    return f"{values[:most]!r} and {n_more} more" if n_more > 0 else f"{values!r}"


def one_of(values):
    """Values to choose from, for messages: 'a', 'b' or 'c'."""
    *most, last = map(repr, values)
    return f"{', '.join(most)} or {last}" if most else last


def warn_of_no_effect(name: str, value: Any, reason: str, remedy: str = "") -> None:
    """Warn that a parameter was set and does nothing, and say what would help."""
    shown = " ".join(reprlib.repr(value).split())
    remedy = f"{remedy}, or leave" if remedy else "leave"
    warn(
        f"The {name!r} parameter has no effect, as {reason}: {remedy} {name!r} out. "
        f"Got {name}={shown}."
    )


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line that called this package, however deep inside the warning is raised."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
