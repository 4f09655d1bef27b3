"""Values with intervals, one below the other."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from skimbalance.plots._drawing import BLUE, CHANCE_LINE, GREY, LETTER, Display, visible
from skimbalance.plots._words import short

__all__ = ["IntervalsDisplay", "Panel"]


class Panel(NamedTuple):
    """Values of all names on axes of their own.

    Parameters
    ----------
    title : str
        What the values are.
    values, low, high : array-like of shape (n_names,)
        Values and the ends of their intervals; nan where a value is not defined.
    reference : float
        A value to compare with, drawn as a dotted line.
    """

    title: str
    values: npt.ArrayLike
    low: npt.ArrayLike
    high: npt.ArrayLike
    reference: float


class IntervalsDisplay(Display):
    """Values with intervals, by name from top to bottom, in panels on a figure of their own.

    Parameters
    ----------
    names : sequence of str
        Names of the values.
    panels : sequence of Panel
        Values of these names.
    as_bars : bool, default=False
        Whether values are bars, and not points between 0 and 1.
    """

    def __init__(self, names: Sequence[str], panels: Sequence[Panel], *, as_bars: bool = False):
        self.names = names
        self.panels = panels
        self.as_bars = as_bars

    def _draw(self, ax, new_figure):
        names = [short(name, 32) for name in self.names]
        width = LETTER * max(map(len, names)) + 3 * len(self.panels) + 0.5
        figure = new_figure(max(width, 5), 0.28 * len(names) + 1)
        axes = figure.subplots(1, len(self.panels), sharey=True, squeeze=False)[0]
        for one, panel in zip(axes, self.panels, strict=True):
            self._draw_panel(one, panel)
        axes[0].set_yticks(range(len(names)), names)
        axes[0].set(ylim=(len(names) - 0.4, -0.6))
        return axes[0]

    def _draw_panel(self, ax, panel):
        rows = np.arange(len(self.names))
        values, low, high = (
            np.array(array, dtype=float) for array in (panel.values, panel.low, panel.high)
        )
        if self.as_bars:
            ax.barh(rows, values, color=BLUE)
            ax.hlines(rows, low, high, color=visible("black"), linewidth=1.5)
        else:
            ax.hlines(rows, low, high, color=BLUE, linewidth=3, alpha=0.5)
            ax.plot(values, rows, "o", color=BLUE)
            ax.set(xlim=(-0.02, 1.02))
        ax.axvline(panel.reference, color=GREY, **CHANCE_LINE)
        ax.set(xlabel=panel.title)
