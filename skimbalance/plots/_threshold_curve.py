"""The curve that a threshold was chosen from."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from skimbalance._response import last_step
from skimbalance.plots._drawing import (
    BLUE,
    GREY,
    VERMILION,
    Display,
    legend,
    probability_axis,
)
from skimbalance.plots._words import in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ThresholdCurveDisplay"]

# The axis need not come nearer to 0 or 1 than this.
FAR = 1e-3


class ThresholdCurveDisplay(Display):
    """The objective against the decision threshold, its spread, and the chosen threshold.

    The thresholds that matter for a rare class are near 0: the axis has equal steps in log odds.

    Parameters
    ----------
    thresholds : array-like of shape (n_thresholds,)
        Thresholds in ascending order; the second class is predicted from this posterior on.
    scores : array-like of shape (n_thresholds,)
        The objective at each threshold.
    scores_std : array-like of shape (n_thresholds,)
        Standard deviation of the objective over the folds.
    threshold : float
        The chosen threshold.
    threshold_std : float
        Standard deviation of the chosen threshold over the folds.
    objective : str or callable
        The objective.

    Attributes
    ----------
    ax_ : Axes
        Axes of the curve.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> from skimbalance.plots import ThresholdCurveDisplay
    >>> display = ThresholdCurveDisplay(
    ...     [0.01, 0.1, 0.5], [0.2, 0.5, 0.3], [0.02, 0.05, 0.1],
    ...     threshold=0.1, threshold_std=0.05, objective="f1_macro",
    ... ).plot()
    >>> display.ax_.get_xscale(), display.ax_.get_ylabel()
    ('logit', 'f1 macro')
    """

    def __init__(
        self,
        thresholds: npt.ArrayLike,
        scores: npt.ArrayLike,
        scores_std: npt.ArrayLike,
        *,
        threshold: float,
        threshold_std: float,
        objective: str | Callable[..., float],
    ):
        self.thresholds = thresholds
        self.scores = scores
        self.scores_std = scores_std
        self.threshold = threshold
        self.threshold_std = threshold_std
        self.objective = objective

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: "Axes | None" = None) -> Self:
        """Draw the curve of a classifier with a tuned threshold.

        Parameters
        ----------
        estimator : TunedDecisionClassifierCV or Pipeline
            The fitted classifier, for two classes, or a pipeline that ends in it.
        ax : Axes, default=None
            Axes to draw on. By default those of a new figure.

        Returns
        -------
        display : ThresholdCurveDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the classifier has no curve.
        """
        tuned = last_step(estimator)
        curve = getattr(tuned, "curve_", None)
        if curve is None:
            raise ValueError(
                "The 'estimator' parameter of ThresholdCurveDisplay must be fitted, for two "
                f"classes, and have a 'curve_'. Got {type(tuned).__name__} instead, which has none."
            )
        objective = tuned.objective
        if isinstance(objective, str) and hasattr(tuned, "pos_label_"):
            objective = f"{objective} of class {tuned.pos_label_}"
        return cls(
            curve.thresholds,
            curve.scores,
            curve.scores_std,
            threshold=tuned.threshold_,
            threshold_std=tuned.threshold_std_,
            objective=objective,
        ).plot(ax)

    def _draw(self, ax, new_figure):
        place = "below" if ax is None else "inside"
        ax = new_figure(7, 4.5).subplots() if ax is None else ax
        thresholds = np.asarray(self.thresholds, dtype=float)
        scores, std = np.asarray(self.scores), np.asarray(self.scores_std)
        # The axis shows the usual threshold, a factor of ten in odds around the chosen one, and
        # the rest of the curve unless it is too near to 0 or 1 to matter.
        inside = thresholds[(thresholds > 0) & (thresholds < 1)]
        shown = np.append(inside, 0.5)
        low = max(shown.min() / 1.3, min(FAR, self.threshold / 10))
        high = 1 - max((1 - shown.max()) / 1.3, min(FAR, (1 - self.threshold) / 10))
        probability_axis(ax, "x", low, high)
        low, high = ax.get_xlim()
        # The logarithm of the odds of 0 and 1 is infinite.
        x = np.clip(thresholds, min(low, inside.min(initial=low)), max(high, inside.max(initial=0)))
        score = np.interp(self.threshold, thresholds, scores)
        around = self.threshold + np.array([-1, 1]) * self.threshold_std
        chosen = np.clip(self.threshold, low, high)
        ax.axvspan(*np.clip(around, low, high), color=VERMILION, alpha=0.15, linewidth=0)
        ax.axvline(chosen, color=VERMILION, linestyle="--", linewidth=1)
        label = f"chosen: {self.threshold:.3g} ± {self.threshold_std:.2g}, score {score:.3f}"
        band = {"color": BLUE, "alpha": 0.2, "linewidth": 0, "label": "± 1 std over folds"}
        handles = [
            *ax.plot(x, scores, color=BLUE, label="held-out rows"),
            ax.fill_between(x, scores - std, scores + std, **band),
            *ax.plot(chosen, score, "o--", color=VERMILION, label=label),
            ax.axvline(0.5, color=GREY, linestyle=":", label="0.5, the usual threshold"),
        ]
        name = self.objective
        if not isinstance(name, str):
            name = getattr(name, "__name__", type(name).__name__)
        ax.set(xlabel="threshold (equal steps in log odds)", ylabel=in_words(name))
        legend(ax, handles, place)
        return ax
