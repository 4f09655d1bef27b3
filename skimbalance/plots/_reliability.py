"""Whether probabilities come true, class by class."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from skimbalance._response import posterior, probabilities
from skimbalance.metrics._decisions import jeffreys
from skimbalance.metrics._posteriors import equal_mass_bins
from skimbalance.metrics._targets import checked_targets, each_label, row_counts
from skimbalance.plots._drawing import (
    BLUE,
    CHANCE_LINE,
    GREY,
    VERMILION,
    Display,
    legend,
    probability_axis,
)
from skimbalance.plots._several import spread_to, with_several
from skimbalance.plots._words import not_shown, rarest, row_count, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ReliabilityDisplay"]

# At most this many bins, and on average at least this many rows of the class, and of the others,
# in a bin.
MOST_BINS = 10
ROWS_A_BIN = 5

# What it means to be above the diagonal, and below it, and where that is written.
SIDES = (
    (0.04, 0.96, "probabilities\ntoo low", ("left", "top")),
    (0.96, 0.04, "probabilities\ntoo high", ("right", "bottom")),
)


class ReliabilityDisplay(Display):
    """Share of the rows that are of a class against its probability, before and after correction.

    Each class has a panel, the rarest first, at most eight. Of two classes only the rarer one is
    drawn, as the other is its mirror image; on given axes, only the rarest. Both axes have equal
    steps in log odds, as all that matters for a rare class is near 0. Bars are 95 % intervals of
    the share (Jeffreys' [1]_): if they reach the diagonal, the rows are too few to tell. Shares
    of 0 and 1 are drawn at the edge.

    Parameters
    ----------
    curves : list of n_classes ndarrays of shape (3, n_bins)
        For each class: mean probability in each bin, share of the class in it, number of rows.
    n_rows : array-like of shape (n_classes,)
        Number of rows of each class.
    classes : array-like of shape (n_classes,)
        Class labels, or names of the labels.
    corrected : list of n_classes ndarrays of shape (3, n_bins), default=None
        The curves after correction.
    multilabel : bool, default=False
        Whether they are labels, of which a row may have several.

    Attributes
    ----------
    ax_ : Axes, or ndarray of Axes of shape (n_panels,)
        The given axes, or the panels.
    figure_ : Figure
        The figure.

    See Also
    --------
    sklearn.calibration.CalibrationDisplay : For two classes of similar size.

    Notes
    -----
    The probabilities alone determine the bins, which have equal parts of the sum of
    ``p (1 - p)``, the variance that the model expects. If all bins had the same number of rows,
    all rows of a rare class would be in the last one. Equal probabilities share a bin.

    References
    ----------
    .. [1] L. D. Brown, T. T. Cai, A. DasGupta. "Interval Estimation for a Binomial Proportion."
       Statistical Science 16(2), 2001. doi:10.1214/ss/1009213286

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.plots import ReliabilityDisplay
    >>> y = np.repeat([0, 1], [90, 10])
    >>> proba, corrected = np.full((100, 2), 0.5), np.tile([0.75, 0.25], (100, 1))
    >>> display = ReliabilityDisplay.from_predictions(y, proba, corrected=corrected)
    >>> display.curves[1].tolist(), display.corrected[1].tolist()
    ([[0.5], [0.1], [100.0]], [[0.25], [0.1], [100.0]])
    """

    def __init__(
        self,
        curves: Sequence[np.ndarray],
        *,
        n_rows: Sequence[int] | np.ndarray,
        classes: Sequence[Any] | np.ndarray,
        corrected: Sequence[np.ndarray] | None = None,
        multilabel: bool = False,
    ):
        self.curves = curves
        self.n_rows = n_rows
        self.classes = classes
        self.corrected = corrected
        self.multilabel = multilabel

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: npt.ArrayLike,
        *,
        corrected: Any = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw the reliability of a fitted classifier.

        Parameters
        ----------
        estimator : classifier
            The fitted classifier. Its ``predict_proba`` gives the probabilities before correction.
        X : array-like of shape (n_samples, n_features)
            Rows that it has not seen.
        y : array-like of shape (n_samples,) or (n_samples, n_labels), or sequences
            Class labels of the rows; in the multilabel case 0 and 1 for each label, nan where it is
            not known; of a tagger, the class labels of the steps, which count as rows.
        corrected : classifier, default=None
            A fitted classifier with the same classes, such as a calibrated one, whose posteriors
            are those after correction. By default ``predict_posterior`` of `estimator` gives
            them, if it has that and they differ.
        ax : Axes, default=None
            Axes for the rarest class alone. By default all classes are drawn on a new figure, each
            in a panel.

        Returns
        -------
        display : ReliabilityDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If y holds a label that the classifier does not know; or if the classifier has no
            ``predict_proba``.
        """
        several = with_several(estimator, X, y, cls.__name__)
        labels = cls._classes_of(estimator) if several is None else several.labels
        if not hasattr(estimator, "predict_proba"):
            raise ValueError(
                f"The 'estimator' parameter of {cls.__name__} must have 'predict_proba'. Got "
                f"{type(estimator).__name__} instead: calibrate it first, as "
                "CalibratedClassifierCV does."
            )
        y = y if several is None else several.y
        proba, after = probabilities(estimator, X), None
        if several is not None and labels is not None:
            proba = spread_to(labels, estimator.classes_, proba)
        if corrected is not None:
            after = _corrected(corrected, X, labels, of_classes=several is None)
        else:
            natural = posterior(estimator, X) if several is None else several.proba
            after = None if np.allclose(natural, proba) else natural
        return cls.from_predictions(y, proba, corrected=after, labels=labels, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: npt.ArrayLike,
        proba: npt.ArrayLike,
        *,
        corrected: npt.ArrayLike | None = None,
        labels: npt.ArrayLike | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw the reliability of predictions.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_labels), or sequences
            True class labels; in the multilabel case 0 and 1 for each label, nan where it is not
            known; or sequences of class labels, whose steps count as rows.
        proba : array-like of shape (n_samples, n_classes), (n_samples, n_labels) or \
(n_sequences, n_steps, n_classes)
            Probabilities.
        corrected : array-like of the shape of `proba`, default=None
            Probabilities after correction.
        labels : array-like of shape (n_classes,), default=None
            All class labels in the order of the columns of `proba`, or the names of the labels.
            By default the sorted labels of `y_true`, or the names of its columns.
        ax : Axes, default=None
            Axes for the rarest class alone. By default all classes are drawn on a new figure, each
            in a panel.

        Returns
        -------
        display : ReliabilityDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the shapes do not match, `labels` lacks a label, or the rows of `proba` are not
            probabilities.
        """
        return cls._undrawn(y_true, proba, labels, corrected).plot(ax)

    @classmethod
    def _undrawn(cls, y_true, proba, labels, corrected=None):
        y, proba, labels = checked_targets(y_true, proba, labels, cls.__name__)
        curves, after = _reliability(y, proba), None
        if corrected is not None:
            owner = f"{cls.__name__} after correction"
            after = _reliability(y, checked_targets(y_true, corrected, labels, owner)[1])
        n_rows = row_counts(y, len(labels))
        return cls(curves, n_rows=n_rows, classes=labels, corrected=after, multilabel=y.ndim == 2)

    def _draw(self, ax, new_figure):
        is_mirrored = len(self.n_rows) == 2 and not self.multilabel
        shown = rarest(self.n_rows)[: 1 if ax is not None or is_mirrored else None]
        title = not_shown(self.n_rows, shown, multilabel=self.multilabel)
        if ax is not None:
            legend(ax, self._draw_panels(np.array([ax]), shown, 1), "inside", title=title)
            ax.set_xlabel(f"{ax.get_xlabel()}\n(both axes in equal steps of log odds)")
            return ax
        n_lines = -(-len(shown) // 4)
        n_columns = -(-len(shown) // n_lines)
        figure = new_figure(max(5, 2.7 * n_columns), 3 * n_lines + 1)
        grid = figure.subplots(n_lines, n_columns, squeeze=False).ravel()
        for unused in grid[len(shown) :]:
            unused.remove()
        panels = grid[: len(shown)]
        lines = self._draw_panels(panels, shown, n_columns)
        where: dict[str, Any] = {"loc": "outside lower center", "ncols": 3, "frameon": False}
        scale = "Both axes have equal steps in log odds; bars are 95 % intervals."
        title = "\n".join(filter(None, [title, scale]))
        figure.legend(handles=lines, title=title, title_fontsize="medium", **where)
        return panels

    def _draw_panels(self, panels, shown, n_columns):
        """Draw the curves of each class, and return the lines of the last class."""
        sets = {"predicted": self.curves}
        if self.corrected is not None:
            sets = {"before correction": self.curves, "after correction": self.corrected}
        values = np.concatenate([curves[k][:2].ravel() for curves in sets.values() for k in shown])
        inside = np.append(values[(values > 0) & (values < 1)], 0.5)
        low, high = inside.min() / 1.5, 1 - (1 - inside.max()) / 1.5
        for i, (panel, k) in enumerate(zip(panels, shown, strict=True)):
            for letter in "xy":
                probability_axis(panel, letter, low, high)
            panel.set_aspect("equal")
            panel.set_title(
                f"{short(self.classes[k])}\n{row_count(self.n_rows[k])}", fontsize="medium"
            )
            if i % n_columns == 0:
                panel.set_ylabel("share that came true")
            if i + n_columns >= len(panels):
                panel.set_xlabel("predicted probability")
            for x, y, words, (across, along) in SIDES:
                place = {"transform": panel.transAxes, "ha": across, "va": along}
                panel.text(x, y, words, color=GREY, fontsize="small", zorder=0, **place)
            diagonal = {
                "transform": panel.transAxes,
                "color": GREY,
                "label": "perfectly calibrated (good)",
            }
            lines = panel.plot([0, 1], [0, 1], **diagonal, **CHANCE_LINE)
            for name, curves in sets.items():
                before = name.startswith("before")
                lines += _reliability_line(panel, curves[k], name, before=before)
        return lines


def _corrected(classifier, X, labels, *, of_classes):
    """Posteriors of the classifier after correction, with a column for each of the labels."""
    if of_classes:
        return posterior(classifier, X, labels)
    proba = posterior(classifier, X, multilabel=True)
    return proba if labels is None else spread_to(labels, classifier.classes_, proba)


def _reliability(y, proba):
    """The curve of each class, see `ReliabilityDisplay`."""
    return [_bins(hit, p) for hit, p in each_label(y, proba)]


def _bins(hit, p):
    """Mean probability, share of hits and number of rows of each bin, of shape (3, n_bins)."""
    n_hits = np.count_nonzero(hit)
    n_bins = np.clip(min(n_hits, len(hit) - n_hits) // ROWS_A_BIN, 1, MOST_BINS)
    variance = p * np.maximum(1 - p, 0)
    of_row = equal_mass_bins(p, variance if variance.any() else np.ones(len(p)), n_bins)
    n = np.bincount(of_row, minlength=n_bins)
    sums = np.array([np.bincount(of_row, weights, n_bins) for weights in (p, hit)])
    return np.vstack([sums[:, n > 0] / n[n > 0], n[n > 0]])


def _reliability_line(ax, curve, label, *, before):
    """Draw one curve with its intervals; shares beyond the axes are drawn at their edge."""
    mean, share, n = curve
    bounds = jeffreys(share * n, n, (0.025, 0.975)).T
    low, high = ax.get_xlim()
    x, y = np.clip([mean, share], low, high)
    color = VERMILION if before else BLUE
    ax.vlines(x, *np.clip(bounds, low, high), color=color, linewidth=1, alpha=0.5)
    face = ax.get_facecolor() if before else color
    style = {"linestyle": "--" if before else "-", "markerfacecolor": face}
    return ax.plot(
        x, y, marker="o", markersize=5, color=color, label=label, clip_on=False, zorder=3, **style
    )
