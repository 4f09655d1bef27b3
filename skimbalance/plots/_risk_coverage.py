"""Scores of the rows kept against the share of rows left to people."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from skimbalance.plots._drawing import BLUE, CHANCE_LINE, COLORS, VERMILION, Display, legend
from skimbalance.plots._words import short

__all__ = ["RiskCoverageDisplay"]


class RiskCoverageDisplay(Display):
    """The error rate, and other scores, of the rows kept if the least sure ones are rejected.

    Dotted lines are the scores of all rows, which random rows leave as they are on average.

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
        left, right = new_figure(8.5, 3.8).subplots(1, 2) if ax is None else (ax, None)
        self._draw_curves(left, {"error rate": self.error_rate}, [VERMILION])
        left.set(ylabel="error rate of the rows kept", ylim=(0, None))
        if right is not None:
            name = short(self.label)
            curves = {
                "macro-F1": self.f1_macro,
                f"recall of {name}": self.recall,
                f"precision of {name}": self.precision,
                f"{name}: found if people are right": self.found,
            }
            handles = self._draw_curves(right, curves, [BLUE, *COLORS[2:]])
            right.set(ylabel="score of the rows kept")
            legend(right, handles, "inside")
        return left

    def _draw_curves(self, ax, curves, colors):
        """A line for each score, and a dotted one for its value on all rows."""
        handles = []
        for (name, values), color in zip(curves.items(), colors, strict=False):
            scores = np.array(values, dtype=float)
            handles += ax.plot(100 * np.asarray(self.share), scores, color=color, label=name)
            ax.axhline(scores[0], color=color, **CHANCE_LINE)
        ax.set(xlabel="% of the rows left to people", xlim=(0, 100 * self.share[-1]))
        return handles
