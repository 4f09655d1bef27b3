"""Scores of the rows kept against the share of rows left to people."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from skimbalance.plots._drawing import (
    BLUE,
    CHANCE_LINE,
    COLORS,
    STYLES,
    VERMILION,
    Display,
    visible,
)
from skimbalance.plots._words import short

__all__ = ["RiskCoverageDisplay"]


class RiskCoverageDisplay(Display):
    """The error rate, and other scores, of the rows kept if the least sure ones are rejected.

    Dotted lines are what rejecting random rows gives on average. Both panels are on a figure of
    their own.

    Parameters
    ----------
    share : list of float of length n_points
        Shares of the rows that are rejected, from 0 on.
    error_rate, f1_macro, recall, precision : list of float or None, of length n_points
        Scores of the rows kept; None where a score is not defined.
    found : list of float or None, of length n_points
        Recall in all rows if people decide the rejected ones rightly.
    label : label
        The class of recall and precision.

    References
    ----------
    .. [1] R. El-Yaniv, Y. Wiener. "On the Foundations of Noise-free Selective Classification."
       Journal of Machine Learning Research 11, 2010.
    """

    def __init__(
        self,
        share: Sequence[float],
        error_rate: Sequence[float | None],
        f1_macro: Sequence[float | None],
        recall: Sequence[float | None],
        precision: Sequence[float | None],
        found: Sequence[float | None],
        *,
        label: Any,
    ):
        self.share = share
        self.error_rate = error_rate
        self.f1_macro = f1_macro
        self.recall = recall
        self.precision = precision
        self.found = found
        self.label = label

    def _draw(self, ax, new_figure):
        figure = new_figure(8.5, 4.2)
        left, right = figure.subplots(1, 2)
        self._draw_curves(left, {"error rate": self.error_rate}, [VERMILION])
        left.set(ylabel="error rate of the rows kept", ylim=(0, None))
        name = short(self.label)
        curves = {
            "macro-F1 of the rows kept": self.f1_macro,
            f"their recall of {name}": self.recall,
            f"their precision of {name}": self.precision,
        }
        handles = self._draw_curves(right, curves, [BLUE, *COLORS[2:]])
        found = np.array(self.found, dtype=float)
        by_random = 1 - (1 - found[0]) * (1 - np.asarray(self.share))
        label = f"{name}: found in all rows, if people are right"
        style = {"color": visible("black"), "label": label}
        handles += self._draw_curve(right, found, by_random, **style)
        right.set(ylabel="score", ylim=(-0.02, 1.02))
        figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
        return left

    def _draw_curves(self, ax, curves, colors):
        """A line for each score of the rows kept."""
        handles = []
        for k, (name, values) in enumerate(curves.items()):
            scores = np.array(values, dtype=float)
            by_random = np.full(len(scores), scores[0])
            # Dotted lines are those of random rows.
            style = {"color": colors[k], "linestyle": STYLES[(0, 1, 3)[k]], "label": name}
            handles += self._draw_curve(ax, scores, by_random, **style)
        return handles

    def _draw_curve(self, ax, scores, by_random, *, color, **style):
        """A line, and a dotted one for what random rows give on average."""
        percent = 100 * np.asarray(self.share)
        ax.plot(percent, by_random, color=color, **CHANCE_LINE)
        ax.set(xlabel="% of the rows left to people", xlim=(0, percent[-1]))
        return ax.plot(percent, scores, color=color, **style)
