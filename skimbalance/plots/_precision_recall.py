"""Precision against recall, class by class."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, precision_recall_curve

from skimbalance._response import posterior
from skimbalance.metrics._targets import checked_targets, each_label, row_counts
from skimbalance.plots._drawing import CHANCE_LINE, COLORS, STYLES, Display, legend, visible
from skimbalance.plots._several import with_several
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
        Class labels, or names of the labels.
    multilabel : bool, default=False
        Whether they are labels, of which a row may have several.

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
        multilabel: bool = False,
    ):
        self.precision = precision
        self.recall = recall
        self.average_precision = average_precision
        self.n_rows = n_rows
        self.classes = classes
        self.multilabel = multilabel

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
        y : array-like of shape (n_samples,) or (n_samples, n_labels), or sequences
            Class labels of the rows; in the multilabel case 0 and 1 for each label, nan where it is
            not known; of a tagger, the class labels of the steps, which count as rows.
        ax : Axes, default=None
            Axes to draw on. By default those of a new figure.

        Returns
        -------
        display : PerClassPrecisionRecallDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If y holds a label that the classifier does not know.
        """
        several = with_several(estimator, X, y, cls.__name__)
        if several is not None:
            proba = (
                posterior(estimator, X, multilabel=True) if several.proba is None else several.proba
            )
            return cls.from_predictions(several.y, proba, labels=several.labels, ax=ax)
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
        y_true : array-like of shape (n_samples,) or (n_samples, n_labels), or sequences
            True class labels; in the multilabel case 0 and 1 for each label, nan where it is not
            known; or sequences of class labels, whose steps count as rows.
        proba : array-like of shape (n_samples, n_classes), (n_samples, n_labels) or \
(n_sequences, n_steps, n_classes)
            Probabilities.
        labels : array-like of shape (n_classes,), default=None
            All class labels in the order of the columns of `proba`, or the names of the labels.
            By default the sorted labels of `y_true`, or the names of its columns.
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
        y, proba, labels = checked_targets(y_true, proba, labels, cls.__name__)
        precision, recall, area = [], [], []
        for hit, p in each_label(y, proba):
            curve, score = (np.empty(0), np.empty(0)), np.nan
            if hit.any():
                curve = precision_recall_curve(hit, p, drop_intermediate=True)[:2]
                score = average_precision_score(hit, p)
            precision.append(curve[0])
            recall.append(curve[1])
            area.append(score)
        return cls(
            precision,
            recall,
            average_precision=np.array(area),
            n_rows=row_counts(y, len(labels)),
            classes=labels,
            multilabel=y.ndim == 2,
        )

    def _draw(self, ax, new_figure):
        place = "beside" if ax is None else "inside"
        ax = new_figure(8.5, 4.8).subplots() if ax is None else ax
        shown = rarest(self.n_rows)
        all_chances = len(shown) <= MOST_CHANCE_LINES
        lines, noun = [], "label" if self.multilabel else "class"
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
                # The lowest threshold takes all rows, as guessing does.
                ax.axhline(self.precision[k][0], **CHANCE_LINE, **style)
        label = f"chance, by {noun}" if all_chances else "chance, for the rarest"
        color = visible("black" if all_chances else COLORS[0])
        lines += ax.plot([], [], color=color, label=label, **CHANCE_LINE)
        ax.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.03))
        legend(ax, lines, place, title=not_shown(self.n_rows, shown, multilabel=self.multilabel))
        return ax
