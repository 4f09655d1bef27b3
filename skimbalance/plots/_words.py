"""Words in figures: classes, metrics and numbers of rows; and which classes are shown."""

from typing import Any

import numpy as np
import numpy.typing as npt

from skimbalance._page import shown
from skimbalance.plots._drawing import MOST_CLASSES

__all__ = ["in_words", "not_shown", "rarest", "row_count", "short"]


def short(label: Any, width: int = 26) -> str:
    """A label as one line of text, cut in the middle, as names differ at their ends."""
    line = shown(" ".join(str(label).split()))
    if len(line) > width:
        n_first = 2 * width // 3
        line = f"{line[:n_first].rstrip()}…{line[n_first + 1 - width :].lstrip()}"
    return line.replace("$", r"\$")


def rarest(n_rows: npt.ArrayLike) -> np.ndarray:
    """The classes that have rows, from the rarest on, as many as can be told apart."""
    n_rows = np.asarray(n_rows)
    # Of equally rare classes the last comes first, as the class of objective="f1".
    order = np.lexsort((-np.arange(len(n_rows)), n_rows))
    return order[n_rows[order] > 0][:MOST_CLASSES]


def not_shown(n_rows: npt.ArrayLike, drawn: np.ndarray, *, multilabel: bool = False) -> str | None:
    """Which classes or labels are not shown, in words; None if all are shown."""
    n_rows = np.asarray(n_rows)
    one, many = ("label", "labels") if multilabel else ("class", "classes")
    n_empty, parts = np.count_nonzero(n_rows == 0), []
    if len(drawn) < len(n_rows) - n_empty:
        number = f"{len(drawn)} " if len(drawn) > 1 else ""
        parts.append(f"the rarest {number}of {len(n_rows)} {many}")
    if n_empty:
        parts.append(f"{n_empty} {one if n_empty == 1 else many} without rows")
    return "; ".join(parts) or None


def row_count(n: int) -> str:
    """A number of rows in words."""
    return f"{n:,} row" if n == 1 else f"{n:,} rows"


def in_words(name: str) -> str:
    """The name of a metric in words."""
    return short(name.replace("_", " "), 40)
