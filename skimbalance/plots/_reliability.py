"""Whether probabilities come true, class by class."""

import numpy as np

from skimbalance._response import posterior
from skimbalance.metrics._checks import checked_posteriors
from skimbalance.metrics._decisions import jeffreys
from skimbalance.metrics._posteriors import equal_mass_bins
from skimbalance.plots._drawing import (
    BLUE,
    CHANCE_LINE,
    GREY,
    VERMILION,
    Display,
    legend,
    new_figure,
    probability_axis,
)
from skimbalance.plots._words import not_shown, rarest, row_count, short

__all__ = ["ReliabilityDisplay"]

# Bins at most, and rows of the class (and of the others) a bin at least, on average.
MOST_BINS = 10
ROWS_A_BIN = 5


class ReliabilityDisplay(Display):
    """How often a class comes true where it is given a probability, before and after correction.

    One panel for each class, the rarest first, eight at most; of two classes only the rarer, as
    the other is its mirror image; on axes of one's own the rarest alone. Both axes have equal
    steps in log odds, as all that matters for a rare class is near 0. Bars are 95 % intervals of
    the share (Jeffreys' [1]_): where they reach the diagonal, the rows are too few to tell.
    Shares of 0 and 1 stand at the edge.

    Parameters
    ----------
    curves : list of n_classes ndarrays of shape (3, n_bins)
        Of each class: mean probability of each bin, share of the class in it, number of rows.
    n_rows : array-like of shape (n_classes,)
        Rows of each class.
    classes : array-like of shape (n_classes,)
        Their labels.
    corrected : list of n_classes ndarrays of shape (3, n_bins), default=None
        As `curves`, after correction.

    Attributes
    ----------
    ax_ : Axes, or ndarray of Axes of shape (n_panels,)
        The axes given, or the panels.
    figure_ : Figure
        That they are in.

    See Also
    --------
    sklearn.calibration.CalibrationDisplay : For two classes, near neither 0 nor 1.

    Notes
    -----
    Bins are cut by the probabilities alone, at equal parts of the sum of ``p (1 - p)``, the
    variance that the model expects: with bins of equally many rows, all rows of a rare class
    would be in the last. Equal probabilities share a bin.

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

    def __init__(self, curves, *, n_rows, classes, corrected=None):
        self.curves = curves
        self.n_rows = n_rows
        self.classes = classes
        self.corrected = corrected

    @classmethod
    def from_estimator(cls, estimator, X, y, *, corrected=None, ax=None):
        """Draw the reliability of a fitted classifier.

        Parameters
        ----------
        estimator : classifier
            Fitted. Before correction is its ``predict_proba``.
        X : array-like of shape (n_samples, n_features)
            Rows that it has not seen.
        y : array-like of shape (n_samples,)
            Their labels.
        corrected : classifier, default=None
            Fitted, with the same classes, such as a calibrated one: after correction are its
            posteriors. By default those of `estimator` by ``predict_posterior``, if it has that
            and they differ.
        ax : Axes, default=None
            Where to draw the rarest class; by default all on a new figure, in a panel each.

        Returns
        -------
        display : ReliabilityDisplay
            Drawn.

        Raises
        ------
        ValueError
            If a label of y is none of the classifier's.
        """
        proba = estimator.predict_proba(X)
        if corrected is not None:
            after = posterior(corrected, X, estimator.classes_)
        else:
            after = posterior(estimator, X)
            after = None if np.allclose(after, proba) else after
        return cls.from_predictions(y, proba, corrected=after, labels=estimator.classes_, ax=ax)

    @classmethod
    def from_predictions(cls, y_true, proba, *, corrected=None, labels=None, ax=None):
        """Draw the reliability of predictions.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels.
        proba : array-like of shape (n_samples, n_classes)
            Probabilities.
        corrected : array-like of shape (n_samples, n_classes), default=None
            Probabilities after correction.
        labels : array-like of shape (n_classes,), default=None
            All labels, in the order of the columns of `proba`; by default those of `y_true`,
            sorted.
        ax : Axes, default=None
            Where to draw the rarest class; by default all on a new figure, in a panel each.

        Returns
        -------
        display : ReliabilityDisplay
            Drawn.

        Raises
        ------
        ValueError
            If shapes, labels or probabilities do not fit.
        """
        y, proba, labels = checked_posteriors(y_true, proba, labels, cls.__name__)
        curves, after = _reliability(y, proba), None
        if corrected is not None:
            owner = f"{cls.__name__} after correction"
            after = _reliability(y, checked_posteriors(y_true, corrected, labels, owner)[1])
        n_rows = np.bincount(y, minlength=len(labels))
        return cls(curves, n_rows=n_rows, classes=labels, corrected=after).plot(ax)

    def _draw(self, ax):
        shown = rarest(self.n_rows)[: 1 if ax is not None or len(self.n_rows) == 2 else None]
        title = not_shown(self.n_rows, shown)
        if ax is not None:
            legend(ax, self._draw_panels(np.array([ax]), shown, 1), "inside", title=title)
            return ax
        n_lines = -(-len(shown) // 4)
        n_columns = -(-len(shown) // n_lines)
        figure = new_figure(max(5, 2.7 * n_columns), 3 * n_lines + 1)
        grid = figure.subplots(n_lines, n_columns, squeeze=False).ravel()
        for empty in grid[len(shown) :]:
            empty.remove()
        panels = grid[: len(shown)]
        lines = self._draw_panels(panels, shown, n_columns)
        where = {"loc": "outside lower center", "ncols": 3, "frameon": False}
        figure.legend(handles=lines, title=title, **where)
        return panels

    def _draw_panels(self, panels, shown, n_columns):
        """Draw the curves of each class, and return the lines of the last."""
        sets = {"predicted": self.curves}
        if self.corrected is not None:
            sets = {"before correction": self.curves, "after correction": self.corrected}
        seen = np.concatenate([curves[k][:2].ravel() for curves in sets.values() for k in shown])
        seen = np.append(seen[(seen > 0) & (seen < 1)], 0.5)
        for i, (panel, k) in enumerate(zip(panels, shown, strict=True)):
            for letter in "xy":
                probability_axis(panel, letter, seen.min() / 1.5, 1 - (1 - seen.max()) / 1.5)
            panel.set_aspect("equal")
            panel.set_title(
                f"{short(self.classes[k])}\n{row_count(self.n_rows[k])}", fontsize="medium"
            )
            if i % n_columns == 0:
                panel.set_ylabel("share of the class")
            if i + n_columns >= len(panels):
                panel.set_xlabel("mean probability")
            diagonal = {"transform": panel.transAxes, "color": GREY, "label": "perfect"}
            lines = panel.plot([0, 1], [0, 1], **diagonal, **CHANCE_LINE)
            for name, curves in sets.items():
                before = name.startswith("before")
                lines += _reliability_line(panel, curves[k], name, before=before)
        return lines


def _reliability(y, proba):
    """Reliability curve of each class, see `ReliabilityDisplay`."""
    return [_bins(y == k, proba[:, k]) for k in range(proba.shape[1])]


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
    """Line of one curve, with intervals; shares beyond the axes stand at their edge."""
    mean, share, n = curve
    bounds = jeffreys(share * n, n, (0.025, 0.975)).T
    low, high = ax.get_xlim()
    x, y = np.clip([mean, share], low, high)
    color = VERMILION if before else BLUE
    ax.vlines(x, *np.clip(bounds, low, high), color=color, linewidth=1, alpha=0.5)
    style = {"linestyle": "--" if before else "-", "markerfacecolor": "white" if before else color}
    return ax.plot(
        x, y, marker="o", markersize=5, color=color, label=label, clip_on=False, zorder=3, **style
    )
