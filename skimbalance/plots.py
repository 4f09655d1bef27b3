"""Displays for classifiers of rare classes, in scikit-learn's form.

A display holds its data. ``plot`` draws them on axes of one's own, or on a new figure without
pyplot: ``display.figure_.savefig("name.png")`` saves it, and a notebook shows the display. What
comes from `from_estimator`, `from_predictions`, ... is drawn already.
"""

import numpy as np
from scipy.special import betaincinv
from sklearn.metrics import precision_recall_curve

from skimbalance._plotting import (
    BLUE,
    COLORS,
    GREY,
    MOST_CLASSES,
    STYLES,
    VERMILION,
    Display,
    heat_map,
    last_step,
    legend,
    new_figure,
    probability_axis,
    short,
)
from skimbalance._response import posterior
from skimbalance.metrics import (
    _all_labels,
    _checked_proba,
    _counts,
    _equal_mass_bins,
    average_precision_by_class,
)

__all__ = [
    "ConfusionDisplay",
    "LearningCurvesDisplay",
    "PerClassPrecisionRecallDisplay",
    "ReliabilityDisplay",
    "StrategyComparisonDisplay",
    "ThresholdCurveDisplay",
]

# Of a reliability curve: bins at most, and rows of the class (and of the others) a bin at least,
# on average.
MOST_BINS = 10
ROWS_A_BIN = 5

# So many classes have the share and the count in each cell of a confusion matrix.
MOST_WITH_SHARES = 12

SIGNIFICANCE = 0.05

# A threshold curve is shown from here on, and to here from 1.
FAR = 1e-3

# Width of a letter in inches.
LETTER = 0.08

CHANCE = {"linestyle": ":", "linewidth": 0.8}
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
            names = dict.fromkeys(_plain(name.removeprefix("val_")) for name in others)
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
            held_out = name.startswith("val_")
            label = f"{'held-out' if held_out else 'training'} {_plain(name.removeprefix('val_'))}"
            lines += ax.plot(
                np.arange(1, len(values) + 1),
                values,
                color=colors[i % len(colors)],
                linestyle=styles[i % len(styles)],
                # A value between two epochs without one makes no line.
                marker="." if len(values) <= 40 else None,
                label=label,
            )
        return lines


class PerClassPrecisionRecallDisplay(Display):
    """Precision over recall of each class against the rest.

    Unlike a ROC curve, it shows how many false alarms a find of a rare class costs. The rarest
    classes are drawn on top, eight of them at most. A dotted line is the precision of guessing, the
    share of the class.

    Parameters
    ----------
    precision, recall : list of n_classes ndarrays of shape (n_thresholds,)
        As scikit-learn's `precision_recall_curve`; empty for a class without rows.
    average_precision : array-like of shape (n_classes,)
        Area under each curve.
    n_rows : array-like of shape (n_classes,)
        Rows of each class.
    classes : array-like of shape (n_classes,)
        Their labels.

    Attributes
    ----------
    ax_ : Axes
        Where the curves are.
    figure_ : Figure
        That they are in.

    See Also
    --------
    sklearn.metrics.PrecisionRecallDisplay : One curve of two classes.

    References
    ----------
    .. [1] J. Davis, M. Goadrich. "The Relationship between Precision-Recall and ROC Curves."
       ICML 2006. doi:10.1145/1143844.1143874

    Examples
    --------
    >>> from skimbalance.plots import PerClassPrecisionRecallDisplay
    >>> proba = [[0.9, 0.1], [0.6, 0.4], [0.7, 0.3]]
    >>> display = PerClassPrecisionRecallDisplay.from_predictions(["no", "no", "yes"], proba)
    >>> [label.get_text() for label in display.ax_.get_legend().get_texts()]
    ['yes: AP 0.50, 1 row', 'no: AP 0.83, 2 rows', 'chance, by class']
    """

    def __init__(self, precision, recall, *, average_precision, n_rows, classes):
        self.precision = precision
        self.recall = recall
        self.average_precision = average_precision
        self.n_rows = n_rows
        self.classes = classes

    @classmethod
    def from_estimator(cls, estimator, X, y, *, ax=None):
        """Draw the curves of a fitted classifier.

        Parameters
        ----------
        estimator : classifier
            Fitted. Its rows are ranked by ``predict_posterior`` where it has that.
        X : array-like of shape (n_samples, n_features)
            Rows that it has not seen.
        y : array-like of shape (n_samples,)
            Their labels.
        ax : Axes, default=None
            Where to draw; by default on a new figure.

        Returns
        -------
        display : PerClassPrecisionRecallDisplay
            Drawn.

        Raises
        ------
        ValueError
            If a label of y is none of the classifier's.
        """
        return cls.from_predictions(y, posterior(estimator, X), labels=estimator.classes_, ax=ax)

    @classmethod
    def from_predictions(cls, y_true, proba, *, labels=None, ax=None):
        """Draw the curves of predictions.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels.
        proba : array-like of shape (n_samples, n_classes)
            Probabilities.
        labels : array-like of shape (n_classes,), default=None
            All labels, in the order of the columns of `proba`; by default those of `y_true`,
            sorted.
        ax : Axes, default=None
            Where to draw; by default on a new figure.

        Returns
        -------
        display : PerClassPrecisionRecallDisplay
            Drawn.

        Raises
        ------
        ValueError
            If shapes, labels or probabilities do not fit.
        """
        y, proba, labels = _checked_proba(y_true, proba, labels, cls.__name__)
        n_rows = np.bincount(y, minlength=len(labels))
        precision, recall = [], []
        for k, n in enumerate(n_rows):
            curve = (np.empty(0), np.empty(0))
            if n:
                curve = precision_recall_curve(y == k, proba[:, k], drop_intermediate=True)[:2]
            precision.append(curve[0])
            recall.append(curve[1])
        return cls(
            precision,
            recall,
            average_precision=average_precision_by_class(y_true, proba, labels=labels),
            n_rows=n_rows,
            classes=labels,
        ).plot(ax)

    def _draw(self, ax):
        place = "beside" if ax is None else "inside"
        ax = new_figure(8.5, 4.8).subplots() if ax is None else ax
        shown = _rarest(self.n_rows)
        lines = []
        for rank, k in enumerate(shown):
            average = self.average_precision[k]
            style = {"color": COLORS[rank], "zorder": 3 - rank / len(shown)}
            lines += ax.step(
                self.recall[k],
                self.precision[k],
                where="post",
                label=f"{short(self.classes[k])}: AP {average:.2f}, {_rows(self.n_rows[k])}",
                linestyle=STYLES[rank % len(STYLES)],
                linewidth=2.4 if rank == 0 else 1.5,
                **style,
            )
            ax.axhline(self.n_rows[k] / np.sum(self.n_rows), **CHANCE, **style)
        lines += ax.plot([], [], color="black", label="chance, by class", **CHANCE)
        ax.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.03))
        legend(ax, lines, place, title=_of_how_many(self.n_rows, shown))
        return ax


class ThresholdCurveDisplay(Display):
    """An objective over the decision threshold, its spread, and the threshold chosen.

    The thresholds that matter for a rare class are near 0: the axis has equal steps in log odds.

    Parameters
    ----------
    thresholds : array-like of shape (n_thresholds,)
        Posteriors of the second class from which on it is decided, ascending.
    scores : array-like of shape (n_thresholds,)
        The objective at each.
    scores_std : array-like of shape (n_thresholds,)
        Its standard deviation over folds.
    threshold : float
        The one chosen.
    threshold_std : float
        Its standard deviation over folds.
    objective : str or callable
        What it was chosen for.

    Attributes
    ----------
    ax_ : Axes
        Where the curve is.
    figure_ : Figure
        That it is in.

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

    def __init__(self, thresholds, scores, scores_std, *, threshold, threshold_std, objective):
        self.thresholds = thresholds
        self.scores = scores
        self.scores_std = scores_std
        self.threshold = threshold
        self.threshold_std = threshold_std
        self.objective = objective

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the curve of a classifier with a tuned threshold.

        Parameters
        ----------
        estimator : TunedDecisionClassifierCV or Pipeline
            Fitted, for two classes; or a pipeline that ends in one.
        ax : Axes, default=None
            Where to draw; by default on a new figure.

        Returns
        -------
        display : ThresholdCurveDisplay
            Drawn.

        Raises
        ------
        ValueError
            If there is no curve.
        """
        tuned = last_step(estimator)
        curve = getattr(tuned, "curve_", None)
        if curve is None:
            raise ValueError(
                "The 'estimator' parameter of ThresholdCurveDisplay must be fitted, for two "
                f"classes, and have a 'curve_'. Got {type(tuned).__name__} instead, which has none."
            )
        return cls(
            curve.thresholds,
            curve.scores,
            curve.scores_std,
            threshold=tuned.threshold_,
            threshold_std=tuned.threshold_std_,
            objective=tuned.objective,
        ).plot(ax)

    def _draw(self, ax):
        place = "below" if ax is None else "inside"
        ax = new_figure(7, 4.5).subplots() if ax is None else ax
        thresholds = np.asarray(self.thresholds, dtype=float)
        scores, std = np.asarray(self.scores), np.asarray(self.scores_std)
        # In sight: the usual threshold, a factor of ten in odds around the one chosen, and of the
        # rest of the curve what is not too near to 0 or 1 to matter.
        inside = thresholds[(thresholds > 0) & (thresholds < 1)]
        seen = np.append(inside, 0.5)
        low = max(seen.min() / 1.3, min(FAR, self.threshold / 10))
        high = 1 - max((1 - seen.max()) / 1.3, min(FAR, (1 - self.threshold) / 10))
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
            ax.axvline(0.5, color=GREY, linestyle=":", label="0.5, the usual one"),
        ]
        name = self.objective
        if not isinstance(name, str):
            name = getattr(name, "__name__", type(name).__name__)
        ax.set(xlabel="threshold, in steps of log odds", ylabel=_plain(name))
        legend(ax, handles, place)
        return ax


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
        y, proba, labels = _checked_proba(y_true, proba, labels, cls.__name__)
        curves, after = _reliability(y, proba), None
        if corrected is not None:
            owner = f"{cls.__name__} after correction"
            after = _reliability(y, _checked_proba(y_true, corrected, labels, owner)[1])
        n_rows = np.bincount(y, minlength=len(labels))
        return cls(curves, n_rows=n_rows, classes=labels, corrected=after).plot(ax)

    def _draw(self, ax):
        shown = _rarest(self.n_rows)[: 1 if ax is not None or len(self.n_rows) == 2 else None]
        title = _of_how_many(self.n_rows, shown)
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
            panel.set_title(f"{short(self.classes[k])}\n{_rows(self.n_rows[k])}", fontsize="medium")
            if i % n_columns == 0:
                panel.set_ylabel("share of the class")
            if i + n_columns >= len(panels):
                panel.set_xlabel("mean probability")
            diagonal = {"transform": panel.transAxes, "color": GREY, "label": "perfect"}
            lines = panel.plot([0, 1], [0, 1], **diagonal, **CHANCE)
            for name, curves in sets.items():
                before = name.startswith("before")
                lines += _reliability_line(panel, curves[k], name, before=before)
        return lines


class ConfusionDisplay(Display):
    r"""Confusion matrix: colours are shares of the true class, so that a rare one is not pale.

    Cells say share and count; of more than 12 classes the count, and with it nothing where it is
    0.

    Parameters
    ----------
    confusion_matrix : array-like of shape (n_classes, n_classes)
        Rows of each true class (first axis) that each class was predicted for.
    classes : array-like of shape (n_classes,)
        Their labels.

    Attributes
    ----------
    ax_ : Axes
        Where the matrix is.
    figure_ : Figure
        That it is in.

    See Also
    --------
    sklearn.metrics.ConfusionMatrixDisplay : Counts, or shares.

    Examples
    --------
    >>> from skimbalance.plots import ConfusionDisplay
    >>> display = ConfusionDisplay.from_predictions(["no", "no", "yes"], ["no", "yes", "yes"])
    >>> [cell.get_text() for cell in display.ax_.texts]
    ['0.50\n1', '0.50\n1', '0.00\n0', '1.00\n1']
    """

    def __init__(self, confusion_matrix, *, classes):
        self.confusion_matrix = confusion_matrix
        self.classes = classes

    @classmethod
    def from_estimator(cls, estimator, X, y, *, ax=None):
        """Draw the confusion matrix of a fitted classifier.

        Parameters
        ----------
        estimator : classifier
            Fitted.
        X : array-like of shape (n_samples, n_features)
            Rows that it has not seen.
        y : array-like of shape (n_samples,)
            Their labels.
        ax : Axes, default=None
            Where to draw; by default on a new figure.

        Returns
        -------
        display : ConfusionDisplay
            Drawn.

        Raises
        ------
        ValueError
            If a label of y is none of the classifier's.
        """
        return cls.from_predictions(y, estimator.predict(X), labels=estimator.classes_, ax=ax)

    @classmethod
    def from_predictions(cls, y_true, y_pred, *, labels=None, ax=None):
        """Draw the confusion matrix of predictions.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels.
        y_pred : array-like of shape (n_samples,)
            Predicted labels.
        labels : array-like of shape (n_classes,), default=None
            All labels in the order of rows and columns; by default those of `y_true` and `y_pred`,
            sorted.
        ax : Axes, default=None
            Where to draw; by default on a new figure.

        Returns
        -------
        display : ConfusionDisplay
            Drawn.

        Raises
        ------
        ValueError
            If lengths or labels do not fit.
        """
        labels = _all_labels(labels, cls.__name__, y_true=y_true, y_pred=y_pred)
        counts = _counts(y_true, y_pred, labels, cls.__name__)
        return cls(counts, classes=labels).plot(ax)

    def _draw(self, ax):
        counts = np.asarray(self.confusion_matrix)
        n_classes = len(counts)
        actual = counts.sum(axis=1, keepdims=True)
        shares = np.where(actual > 0, counts / np.maximum(actual, 1), np.nan)
        with_shares = n_classes <= MOST_WITH_SHARES
        texts = [
            [_cell(share, count, with_shares) for share, count in zip(*row, strict=True)]
            for row in zip(shares, counts, strict=True)
        ]
        rows = [
            f"{short(label)} ({n})" for label, n in zip(self.classes, actual[:, 0], strict=True)
        ]
        columns = [short(label) for label in self.classes]
        own_figure = ax is None
        if own_figure:
            side = max(3.0, min(0.6 * n_classes, 7 + 0.1 * n_classes))
            names = LETTER * max(map(len, rows))
            ax = new_figure(
                side + names + 1, side + 0.7 + names * (names > 0.5 * side / n_classes)
            ).subplots()
        image = heat_map(ax, shares, texts, rows, columns, own_figure=own_figure)
        ax.set(xlabel="predicted", ylabel="true class (rows)")
        if not with_shares:
            ax.get_figure(root=True).colorbar(image, ax=ax, label="share of the true class")
        return ax


class StrategyComparisonDisplay(Display):
    """Scores of strategies fold by fold, and what each does for each class.

    Left the folds and their mean, the best strategy on top; strategies that cannot be told from
    it are shaded. Right the mean recall of each class.

    Parameters
    ----------
    names : array-like of shape (n_strategies,)
        Names of the strategies.
    scores : array-like of shape (n_strategies, n_folds)
        The metric on each fold, larger is better.
    recall : array-like of shape (n_strategies, n_classes)
        Mean recall; nan where there is none.
    classes : array-like of shape (n_classes,)
        Labels, from the most frequent class to the rarest.
    metric : str
        Name of the metric.
    p_values : array-like of shape (n_strategies,)
        Of "as good as the best"; nan, which is no evidence of a difference, for the best itself.

    Attributes
    ----------
    ax_ : Axes
        Of the scores.
    recall_ax_ : Axes or None
        Of the recalls, which are not drawn on axes of one's own.
    figure_ : Figure
        That they are in.

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

    def __init__(self, names, scores, recall, *, classes, metric, p_values):
        self.names = names
        self.scores = scores
        self.recall = recall
        self.classes = classes
        self.metric = metric
        self.p_values = p_values

    @classmethod
    def from_comparison(cls, comparison, *, ax=None):
        """Draw what `compare_strategies` found.

        Parameters
        ----------
        comparison : object
            With the parameters of this class as attributes.
        ax : Axes, default=None
            Where to draw the scores alone; by default both on a new figure.

        Returns
        -------
        display : StrategyComparisonDisplay
            Drawn.
        """
        return cls(
            comparison.names,
            comparison.scores,
            comparison.recall,
            classes=comparison.classes,
            metric=comparison.metric,
            p_values=comparison.p_values,
        ).plot(ax)

    def _draw(self, ax):
        scores = np.asarray(self.scores, dtype=float)
        order = np.argsort(-scores.mean(axis=1), kind="stable")
        self.recall_ax_ = None
        if ax is None:
            n_classes = len(self.classes)
            width = max(2.2, min(0.55 * n_classes, 4 + 0.09 * n_classes))
            names = LETTER * max(len(short(name, 32)) for name in self.names)
            figure = new_figure(5.5 + names + width, 0.36 * len(order) + 2.2)
            ax, self.recall_ax_ = figure.subplots(1, 2, width_ratios=[5, width])
        place = "inside" if self.recall_ax_ is None else "below"
        self._draw_scores(ax, scores[order], order, place)
        if self.recall_ax_ is not None:
            self._draw_recall(np.asarray(self.recall, dtype=float)[order])
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
            (as_good & (rows > 0), "o", 6, BLUE, f"not told from the best (p ≥ {SIGNIFICANCE})"),
            (~as_good, "s", 6, "black", "worse than the best"),
        ):
            if np.any(chosen):
                style = {"color": color, "markersize": size, "label": label}
                handles += ax.plot(means[chosen], rows[chosen], marker, **style)
        ax.axvline(means[0], color=VERMILION, linestyle=":", linewidth=1, zorder=0)
        ax.set_yticks(rows, [short(self.names[k], 32) for k in order])
        ax.get_yticklabels()[0].set_fontweight("bold")
        ax.set(
            xlabel=f"{_plain(self.metric)}, by fold and on average", ylim=(len(order) - 0.5, -0.5)
        )
        legend(ax, handles, place)

    def _draw_recall(self, recall):
        """Mean recall, of the strategies in order."""
        ax = self.recall_ax_
        columns = [short(label, 18) for label in self.classes]
        texts = [["-" if np.isnan(r) else f"{r:.2f}" for r in row] for row in recall]
        image = heat_map(ax, recall, texts, None, columns, own_figure=True)
        ax.set(yticks=[], xlabel="class, the rarest on the right", title="mean recall")
        if len(self.classes) > MOST_WITH_SHARES:
            ax.get_figure(root=True).colorbar(image, ax=ax)


def _rarest(n_rows):
    """Classes with rows from the rarest on, as many as can be told apart."""
    n_rows = np.asarray(n_rows)
    order = np.argsort(n_rows, kind="stable")
    return order[n_rows[order] > 0][:MOST_CLASSES]


def _of_how_many(n_rows, shown):
    """What is not shown, in words; None if all is."""
    n_rows = np.asarray(n_rows)
    n_empty, parts = np.count_nonzero(n_rows == 0), []
    if len(shown) < len(n_rows) - n_empty:
        number = f"{len(shown)} " if len(shown) > 1 else ""
        parts.append(f"the rarest {number}of {len(n_rows)} classes")
    if n_empty:
        parts.append(f"{n_empty} {'class' if n_empty == 1 else 'classes'} without rows")
    return "; ".join(parts) or None


def _rows(n):
    return f"{n:,} row" if n == 1 else f"{n:,} rows"


def _plain(name):
    """Name of a metric in words."""
    return short(name.replace("_", " "), 40)


def _cell(share, count, with_shares):
    """Print of a cell of a confusion matrix."""
    if with_shares:
        return f"-\n{count}" if np.isnan(share) else f"{share:.2f}\n{count}"
    return str(count) if count else ""


def _reliability(y, proba):
    """Reliability curve of each class, see `ReliabilityDisplay`."""
    return [_bins(y == k, proba[:, k]) for k in range(proba.shape[1])]


def _bins(hit, p):
    """Mean probability, share of hits and number of rows of each bin, of shape (3, n_bins)."""
    n_hits = np.count_nonzero(hit)
    n_bins = np.clip(min(n_hits, len(hit) - n_hits) // ROWS_A_BIN, 1, MOST_BINS)
    variance = p * np.maximum(1 - p, 0)
    of_row = _equal_mass_bins(p, variance if variance.any() else np.ones(len(p)), n_bins)
    n = np.bincount(of_row, minlength=n_bins)
    sums = np.array([np.bincount(of_row, weights, n_bins) for weights in (p, hit)])
    return np.vstack([sums[:, n > 0] / n[n > 0], n[n > 0]])


def _reliability_line(ax, curve, label, *, before):
    """Line of one curve, with intervals; shares beyond the axes stand at their edge."""
    mean, share, n = curve
    hits = share * n
    # 95 % interval of Jeffreys' prior, Beta(1/2, 1/2).
    bounds = [betaincinv(hits + 0.5, n - hits + 0.5, q) for q in (0.025, 0.975)]
    low, high = ax.get_xlim()
    x, y = np.clip([mean, share], low, high)
    color = VERMILION if before else BLUE
    ax.vlines(x, *np.clip(bounds, low, high), color=color, linewidth=1, alpha=0.5)
    style = {"linestyle": "--" if before else "-", "markerfacecolor": "white" if before else color}
    return ax.plot(
        x, y, marker="o", markersize=5, color=color, label=label, clip_on=False, zorder=3, **style
    )
