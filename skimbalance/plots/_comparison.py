"""Strategies side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from skimbalance.metrics._p_values import SIGNIFICANCE
from skimbalance.plots._drawing import (
    BLUE,
    GREY,
    LARGEST_MAP,
    LETTER,
    MOST_WITH_SHARES,
    VERMILION,
    Display,
    figure_of,
    heat_map,
    legend,
    visible,
)
from skimbalance.plots._words import in_words, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["StrategyComparisonDisplay"]


class StrategyComparisonDisplay(Display):
    """Scores of strategies fold by fold, and what each does for each class.

    On the left, the scores in the folds and their mean, with the best strategy on top; strategies
    that do not differ significantly from it are shaded. On the right, the recall of each class.

    Parameters
    ----------
    names : array-like of shape (n_strategies,)
        Names of the strategies.
    scores : array-like of shape (n_strategies, n_folds)
        The metric on each fold, larger is better.
    recall : array-like of shape (n_strategies, n_classes)
        Recall of each class; nan if it is not defined.
    classes : array-like of shape (n_classes,)
        Class labels, from the most frequent class to the rarest.
    metric : str
        Name of the metric.
    p_values : array-like of shape (n_strategies,)
        P-values of the hypothesis that a strategy is as good as the best. The best has nan, which
        counts as no evidence of a difference.
    n_rows : array-like of shape (n_classes,), default=None
        Number of rows of each class, to be shown below its label.

    Attributes
    ----------
    ax_ : Axes
        Axes of the scores.
    recall_ax_ : Axes or None
        Axes of the recalls; None if the scores were drawn on given axes.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> from skimbalance.plots import StrategyComparisonDisplay
    >>> display = StrategyComparisonDisplay(
    ...     ["plain", "focal", "smote"], [[0.6, 0.7], [0.8, 0.9], [0.7, 0.9]],
    ...     [[0.9, 0.3], [0.9, 0.8], [0.8, 0.8]], classes=["no", "yes"], metric="f1_macro",
    ...     p_values=[0.01, float("nan"), 0.4],
    ... ).plot()
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['focal', 'smote', 'plain']
    """

    recall_ax_: "Axes | None"

    def __init__(
        self,
        names: Sequence[str],
        scores: npt.ArrayLike,
        recall: npt.ArrayLike,
        *,
        classes: Sequence[Any] | np.ndarray,
        metric: str,
        p_values: npt.ArrayLike,
        n_rows: Sequence[int] | np.ndarray | None = None,
    ):
        self.names = names
        self.scores = scores
        self.recall = recall
        self.classes = classes
        self.metric = metric
        self.p_values = p_values
        self.n_rows = n_rows

    @classmethod
    def from_comparison(cls, comparison: Any, *, ax: "Axes | None" = None) -> Self:
        """Draw the result of `compare_strategies`.

        Parameters
        ----------
        comparison : StrategyComparison
            The result.
        ax : Axes, default=None
            Axes for the scores alone. By default both are drawn on a new figure.

        Returns
        -------
        display : StrategyComparisonDisplay
            The display, drawn.
        """
        return cls._undrawn(comparison).plot(ax)

    @classmethod
    def _undrawn(cls, comparison):
        metric = comparison.metric
        if metric == "f1":
            metric = comparison._in_words(metric)
        return cls(
            comparison.names,
            comparison.scores,
            comparison.recall,
            classes=comparison.classes,
            metric=metric,
            p_values=comparison.p_values,
            n_rows=comparison.class_counts,
        )

    def _draw(self, ax, new_figure):
        scores = np.asarray(self.scores, dtype=float)
        # Folds that cannot judge the metric are nan for all strategies.
        scores = scores[:, ~np.isnan(scores).all(axis=0)]
        order = np.argsort(-scores.mean(axis=1), kind="stable")
        self.recall_ax_ = None
        if ax is None:
            n_classes = len(self.classes)
            width = max(2.2, min(0.65 * n_classes, 4 + 0.15 * n_classes, LARGEST_MAP))
            names = LETTER * max(len(short(name, 32)) for name in self.names)
            figure = new_figure(5.5 + names + width, 0.36 * len(order) + 2.2)
            ax, self.recall_ax_ = figure.subplots(1, 2, width_ratios=[5, width])
        place = "inside" if self.recall_ax_ is None else "below"
        self._draw_scores(ax, scores[order], order, place)
        if self.recall_ax_ is not None:
            self._draw_recall(self.recall_ax_, np.asarray(self.recall, dtype=float)[order])
        return ax

    def _draw_scores(self, ax, scores, order, place):
        """A line of folds for each strategy, in order."""
        means = scores.mean(axis=1)
        as_good = ~(np.asarray(self.p_values, dtype=float)[order] < SIGNIFICANCE)
        for i, good in enumerate(as_good):
            if good:
                ax.axhspan(i - 0.5, i + 0.5, color=BLUE, alpha=0.12, linewidth=0)
        rows = np.arange(len(order))
        folds = np.broadcast_to(rows[:, None], scores.shape)
        handles = ax.plot(
            scores.ravel(), folds.ravel(), "|", color=GREY, markersize=9, label="fold"
        )
        for chosen, marker, size, color, label in (
            (rows == 0, "*", 14, VERMILION, "best"),
            (as_good & (rows > 0), "o", 6, BLUE, f"no significant difference (p ≥ {SIGNIFICANCE})"),
            (~as_good, "s", 6, visible("black"), f"worse than the best (p < {SIGNIFICANCE})"),
        ):
            if np.any(chosen):
                style = {"color": color, "markersize": size, "label": label}
                handles += ax.plot(means[chosen], rows[chosen], marker, **style)
        ax.axvline(means[0], color=VERMILION, linestyle=":", linewidth=1, zorder=0)
        ax.set_yticks(rows, [short(self.names[k], 32) for k in order])
        ax.get_yticklabels()[0].set_fontweight("bold")
        ax.set(
            xlabel=f"{in_words(self.metric)}: folds and mean",
            ylim=(len(order) - 0.5, -0.5),
        )
        legend(ax, handles, place)

    def _draw_recall(self, ax, recall):
        """The recall of each class, with the strategies in order."""
        columns = [short(label, 18) for label in self.classes]
        if self.n_rows is not None:
            columns = [f"{name}\n({n:,})" for name, n in zip(columns, self.n_rows, strict=True)]
        texts = [["-" if np.isnan(r) else f"{r:.2f}" for r in row] for row in recall]
        image = heat_map(ax, recall, texts, None, columns, new=True)
        classes = "class" if self.n_rows is None else "class (rows)"
        ax.set(yticks=[], xlabel=f"{classes},\nthe rarest on the right", title="recall")
        if len(self.classes) > MOST_WITH_SHARES:
            figure_of(ax).colorbar(image, ax=ax)
