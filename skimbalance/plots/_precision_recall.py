"""Precision against recall, class by class."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.metrics import precision_recall_curve

from skimbalance._response import posterior
from skimbalance.metrics._checks import checked_posteriors
from skimbalance.metrics._posteriors import average_precision
from skimbalance.plots._drawing import CHANCE_LINE, COLORS, STYLES, Display, legend, visible
from skimbalance.plots._words import not_shown, rarest, row_count, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PerClassPrecisionRecallDisplay"]

#: More dotted lines than these would hide the curves.
MOST_CHANCE_LINES = 3


class PerClassPrecisionRecallDisplay(Display):
    """Precision against recall, for each class against the rest.

    Unlike a ROC curve, it shows how many false alarms each row found of a rare class costs. The
    rarest classes are drawn on top, at most eight of them. A dotted line is the precision of
    guessing, which is the share of the class; of more than three classes, only the rarest has it.

    Parameters
    ----------
    precision, recall : list of n_classes ndarrays of shape (n_thresholds,)
        The curves, as in scikit-learn's `precision_recall_curve`; empty for a class without rows.
    average_precision : array-like of shape (n_classes,)
        Area under each curve.
    n_rows : array-like of shape (n_classes,)
        Number of rows of each class.
    classes : array-like of shape (n_classes,)
        Class labels.

    Attributes
    ----------
    ax_ : Axes
        Axes of the curves.
    figure_ : Figure
        The figure.

    See Also
    --------
    sklearn.metrics.PrecisionRecallDisplay : The curve of one of two classes.

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

    def __init__(
        self,
        precision: Sequence[np.ndarray],
        recall: Sequence[np.ndarray],
        *,
        average_precision: Sequence[float] | np.ndarray,
        n_rows: Sequence[int] | np.ndarray,
        classes: Sequence[Any] | np.ndarray,
    ):
        self.precision = precision
        self.recall = recall
        self.average_precision = average_precision
        self.n_rows = n_rows
        self.classes = classes

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: npt.ArrayLike, *, ax: "Axes | None" = None
    ) -> Self:
        """Draw the curves of a fitted classifier.

        Parameters
        ----------
        estimator : classifier
            The fitted classifier. Rows are ranked by its ``predict_posterior`` if it has that.
        X : array-like of shape (n_samples, n_features)
            Rows that it has not seen.
        y : array-like of shape (n_samples,)
            Class labels of the rows.
        ax : Axes, default=None
            Axes to draw on. By default those of a new figure.

        Returns
        -------
        display : PerClassPrecisionRecallDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If y holds a label that the classifier does not know, or has several labels in a row.
        """
        classes = cls._classes_of(estimator)
        return cls.from_predictions(y, posterior(estimator, X), labels=classes, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: npt.ArrayLike,
        proba: npt.ArrayLike,
        *,
        labels: npt.ArrayLike | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw the curves of predictions.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True class labels.
        proba : array-like of shape (n_samples, n_classes)
            Probabilities.
        labels : array-like of shape (n_classes,), default=None
            All class labels in the order of the columns of `proba`. By default the sorted labels
            of `y_true`.
        ax : Axes, default=None
            Axes to draw on. By default those of a new figure.

        Returns
        -------
        display : PerClassPrecisionRecallDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the shapes do not match, `labels` lacks a label, or the rows of `proba` are not
            probabilities.
        """
        return cls._undrawn(y_true, proba, labels).plot(ax)

    @classmethod
    def _undrawn(cls, y_true, proba, labels):
        y, proba, labels = checked_posteriors(y_true, proba, labels, cls.__name__)
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
            average_precision=average_precision(y, proba, np.ones(len(y))),
            n_rows=n_rows,
            classes=labels,
        )

    def _draw(self, ax, new_figure):
        place = "beside" if ax is None else "inside"
        ax = new_figure(8.5, 4.8).subplots() if ax is None else ax
        shown = rarest(self.n_rows)
        all_chances = len(shown) <= MOST_CHANCE_LINES
        lines = []
        for rank, k in enumerate(shown):
            average = self.average_precision[k]
            style = {"color": visible(COLORS[rank]), "zorder": 3 - rank / len(shown)}
            lines += ax.step(
                self.recall[k],
                self.precision[k],
                where="post",
                label=f"{short(self.classes[k])}: AP {average:.2f}, {row_count(self.n_rows[k])}",
                linestyle=STYLES[rank % len(STYLES)],
                linewidth=2.4 if rank == 0 else 1.5,
                **style,
            )
            if all_chances or rank == 0:
                ax.axhline(self.n_rows[k] / np.sum(self.n_rows), **CHANCE_LINE, **style)
        label = "chance, by class" if all_chances else "chance, for the rarest"
        color = visible("black" if all_chances else COLORS[0])
        lines += ax.plot([], [], color=color, label=label, **CHANCE_LINE)
        ax.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.03))
        legend(ax, lines, place, title=not_shown(self.n_rows, shown))
        return ax
