"""Losses and monitors over the epochs."""

import numpy as np

from skimbalance.plots._drawing import (
    BLUE,
    COLORS,
    GREY,
    STYLES,
    VERMILION,
    Display,
    last_step,
    legend,
    new_figure,
)
from skimbalance.plots._words import in_words

__all__ = ["LearningCurvesDisplay"]

LOSS_COLORS = (GREY, BLUE, *COLORS[5:])
MONITOR_COLORS = (VERMILION, *COLORS[2:5])


class LearningCurvesDisplay(Display):
    """Training loss, held-out loss and monitor, epoch by epoch.

    Where the held-out rows hold few of a rare class, the monitor jumps: the curve shows how much
    of the best epoch is chance.

    Parameters
    ----------
    history : dict of str to list
        One value an epoch, as `history_` of a classifier or of what Keras' ``fit`` returns. Names
        that end in "loss" are drawn on the left axis, all others on the right one. Epochs with nan
        are left open.
    best_epoch : int, default=None
        Epoch, counted from 1, that is marked.

    Attributes
    ----------
    ax_ : Axes
        Of the losses.
    monitor_ax_ : Axes or None
        Of the other curves, if there are any.
    figure_ : Figure
        That they are in.

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

    def __init__(self, history, best_epoch=None):
        self.history = history
        self.best_epoch = best_epoch

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the history of a fitted classifier.

        Parameters
        ----------
        estimator : classifier or Pipeline
            With `history_`, such as `skimbalance.ImbalancedMLPClassifier`, or a pipeline that ends
            in one.
        ax : Axes, default=None
            Where to draw; by default on a new figure.

        Returns
        -------
        display : LearningCurvesDisplay
            Drawn.

        Raises
        ------
        ValueError
            If there is no history.
        """
        last = last_step(estimator)
        if not hasattr(last, "history_"):
            raise ValueError(
                "The 'estimator' parameter of LearningCurvesDisplay must be fitted and have "
                f"a 'history_'. Got {type(last).__name__} instead, which has none."
            )
        return cls(last.history_, getattr(last, "best_epoch_", None)).plot(ax)

    @classmethod
    def from_history(cls, history, best_epoch=None, *, ax=None):
        """Draw a history.

        Parameters
        ----------
        history : dict of str to list
            One value an epoch.
        best_epoch : int, default=None
            Epoch, counted from 1, that is marked.
        ax : Axes, default=None
            Where to draw; by default on a new figure.

        Returns
        -------
        display : LearningCurvesDisplay
            Drawn.

        Raises
        ------
        ValueError
            If there is no epoch, or not a value for each.
        """
        return cls(history, best_epoch).plot(ax)

    def _draw(self, ax):
        lengths = {name: len(values) for name, values in self.history.items()}
        if not lengths or len(set(lengths.values())) > 1 or 0 in lengths.values():
            raise ValueError(
                "The 'history' parameter of LearningCurvesDisplay must have a value an epoch for "
                f"each name, and an epoch at least. Got {lengths!r} values instead."
            )
        place = "below" if ax is None else "inside"
        ax = new_figure(7, 4.5).subplots() if ax is None else ax
        seen = [name for name, values in self.history.items() if not np.all(np.isnan(values))]
        losses = [name for name in seen if name.endswith("loss")]
        others = [name for name in seen if name not in losses]
        curves = self._lines(ax, losses, LOSS_COLORS, STYLES)
        ax.set(xlabel="epoch", ylabel="loss")
        ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        self.monitor_ax_ = ax.twinx() if others else None
        if others:
            curves += self._lines(self.monitor_ax_, others, MONITOR_COLORS, STYLES[2:])
            names = dict.fromkeys(in_words(name.removeprefix("val_")) for name in others)
            self.monitor_ax_.set_ylabel(", ".join(names), color=VERMILION)
            self.monitor_ax_.tick_params(axis="y", colors=VERMILION)
        if self.best_epoch is not None:
            label = f"best epoch, {self.best_epoch}"
            curves.append(ax.axvline(self.best_epoch, color="black", linewidth=0.8, label=label))
        legend(ax, curves, place)
        return ax

    def _lines(self, ax, names, colors, styles):
        """Lines of the names."""
        lines = []
        for i, name in enumerate(names):
            values = np.asarray(self.history[name], dtype=float)
            rows = "held-out" if name.startswith("val_") else "training"
            lines += ax.plot(
                np.arange(1, len(values) + 1),
                values,
                color=colors[i % len(colors)],
                linestyle=styles[i % len(styles)],
                # A value between two epochs without one makes no line.
                marker="." if len(values) <= 40 else None,
                label=f"{rows} {in_words(name.removeprefix('val_'))}",
            )
        return lines
