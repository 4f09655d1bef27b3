"""Losses and monitors over the epochs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skimbalance._response import last_step
from skimbalance.plots._drawing import (
    BLUE,
    COLORS,
    GREY,
    STYLES,
    VERMILION,
    Display,
    legend,
    visible,
)
from skimbalance.plots._words import in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LearningCurvesDisplay"]

LOSS_COLORS = (GREY, BLUE, *COLORS[5:])
MONITOR_COLORS = (VERMILION, *COLORS[2:5])

#: The most curves that the label of an axis can name.
MOST_NAMED = 3


class LearningCurvesDisplay(Display):
    """Training loss, held-out loss and monitor, epoch by epoch.

    If few held-out rows are of a rare class, the monitor jumps: the curve shows to what extent the
    best epoch is chance.

    Parameters
    ----------
    history : dict of str to list
        One value per epoch, as in `history_` of a classifier or `history` of what Keras' ``fit``
        returns. Names that end in "loss" are drawn on the left axis, all others on the right one.
        Values that are nan leave a gap.
    best_epoch : int, default=None
        Epoch to mark, counted from 1.

    Attributes
    ----------
    ax_ : Axes
        Axes of the losses.
    monitor_ax_ : Axes or None
        Axes of the other curves; None if there are none.
    figure_ : Figure
        The figure.

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Scores over the number of rows.

    Examples
    --------
    >>> from skimbalance.plots import LearningCurvesDisplay
    >>> history = {"loss": [0.9, 0.5, 0.3], "val_loss": [0.8, 0.6, 0.7], "val_mcc": [0.1, 0.4, 0.3]}
    >>> display = LearningCurvesDisplay.from_history(history, best_epoch=2)
    >>> display.ax_.get_ylabel(), display.monitor_ax_.get_ylabel()
    ('loss', 'mcc')
    """

    monitor_ax_: "Axes | None"

    def __init__(self, history: Mapping[str, Sequence[float]], best_epoch: int | None = None):
        self.history = history
        self.best_epoch = best_epoch

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: "Axes | None" = None) -> Self:
        """Draw the history of a fitted classifier.

        Parameters
        ----------
        estimator : classifier or Pipeline
            A fitted classifier with `history_`, such as `skimbalance.ImbalancedMLPClassifier`, or
            a pipeline that ends in one.
        ax : Axes, default=None
            Axes to draw on. By default those of a new figure.

        Returns
        -------
        display : LearningCurvesDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the classifier has no history.
        """
        last = last_step(estimator)
        if not hasattr(last, "history_"):
            raise ValueError(
                "The 'estimator' parameter of LearningCurvesDisplay must be fitted and have "
                f"a 'history_'. Got {type(last).__name__} instead, which has none."
            )
        return cls(last.history_, getattr(last, "best_epoch_", None)).plot(ax)

    @classmethod
    def from_history(
        cls,
        history: Mapping[str, Sequence[float]],
        best_epoch: int | None = None,
        *,
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw a history.

        Parameters
        ----------
        history : dict of str to list
            One value per epoch.
        best_epoch : int, default=None
            Epoch to mark, counted from 1.
        ax : Axes, default=None
            Axes to draw on. By default those of a new figure.

        Returns
        -------
        display : LearningCurvesDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the history has no epoch, or its curves differ in length.
        """
        return cls(history, best_epoch).plot(ax)

    def _draw(self, ax, new_figure):
        _check_history(self.history)
        place = "below" if ax is None else "inside"
        ax = new_figure(7, 4.5).subplots() if ax is None else ax
        drawn = [name for name, values in self.history.items() if not np.all(np.isnan(values))]
        losses = [name for name in drawn if name.endswith("loss")]
        monitors = [name for name in drawn if name not in losses]
        curves = self._lines(ax, losses, LOSS_COLORS, STYLES)
        ax.set(xlabel="epoch", ylabel="loss")
        ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        self.monitor_ax_ = None
        if monitors:
            self.monitor_ax_ = ax.twinx()
            curves += self._lines(self.monitor_ax_, monitors, MONITOR_COLORS, STYLES[2:])
            names = dict.fromkeys(in_words(name.removeprefix("val_")) for name in monitors)
            title = ", ".join(names) if len(names) <= MOST_NAMED else "other curves"
            self.monitor_ax_.set_ylabel(title, color=VERMILION)
            self.monitor_ax_.tick_params(axis="y", colors=VERMILION)
        if self.best_epoch is not None:
            label = f"best epoch: {self.best_epoch}"
            line = {"color": visible("black"), "linewidth": 0.8, "label": label}
            curves.append(ax.axvline(self.best_epoch, **line))
        legend(ax, curves, place)
        return ax

    def _lines(self, ax, names, colors, styles):
        """Draw the curves with these names."""
        lines = []
        for i, name in enumerate(names):
            values = np.asarray(self.history[name], dtype=float)
            rows = "held-out" if name.startswith("val_") else "training"
            lines += ax.plot(
                np.arange(1, len(values) + 1),
                values,
                color=visible(colors[i % len(colors)]),
                # Another style when the colours begin anew.
                linestyle=styles[(i + i // len(colors)) % len(styles)],
                # A value between two nan makes a point, not a line.
                marker="." if len(values) <= 40 else None,
                label=f"{rows} {in_words(name.removeprefix('val_'))}",
            )
        return lines


def _check_history(history):
    """Refuse what is not a dict of equally long lists of numbers."""
    good = isinstance(history, Mapping) and len(history) > 0
    if good:
        curves = [np.asarray(values) for values in history.values()]
        numbers = all(curve.ndim == 1 and curve.dtype.kind in "biuf" for curve in curves)
        good = numbers and len({len(curve) for curve in curves}) == 1 and len(curves[0]) > 0
    if not good:
        raise ValueError(
            "The 'history' parameter of LearningCurvesDisplay must be a dict from names to lists "
            "of numbers, one for each epoch, with at least one epoch and equally many in all. Got "
            f"{history!r} instead."
        )
