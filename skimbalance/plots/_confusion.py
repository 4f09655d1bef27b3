"""Confusion matrices."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix
from sklearn.utils import check_consistent_length

from skimbalance.metrics._checks import all_labels, confusion_counts
from skimbalance.metrics._targets import (
    are_sequences,
    each_label,
    is_multilabel,
    label_matrix,
    label_names,
    steps_of,
)
from skimbalance.plots._drawing import (
    LARGEST_MAP,
    LETTER,
    MOST_WITH_SHARES,
    Display,
    figure_of,
    heat_map,
)
from skimbalance.plots._several import with_several
from skimbalance.plots._words import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ConfusionDisplay"]

#: What a line says of a label: of the rows that have it, and of the others.
LABEL_COLUMNS = ["found", "missed", "false\nalarm", "rightly\nleft"]


class ConfusionDisplay(Display):
    r"""Confusion matrix: colours are shares of the true class, so that a rare one is not pale.

    Each cell says share and count. With more than 12 classes it says the count alone, and nothing
    if the count is 0. In the multilabel case each label has a line: the rows that have it are found
    or missed, and the others are false alarms or rightly left.

    Parameters
    ----------
    confusion_matrix : array-like of shape (n_classes, n_classes) or (n_labels, 2, 2)
        Number of rows of each true class (first axis) that are predicted as each class; or the
        matrix of each label, as from scikit-learn's `multilabel_confusion_matrix`.
    classes : array-like of shape (n_classes,) or (n_labels,)
        Class labels, or names of the labels.

    Attributes
    ----------
    ax_ : Axes
        Axes of the matrix.
    figure_ : Figure
        The figure.

    See Also
    --------
    sklearn.metrics.ConfusionMatrixDisplay : Either counts or shares.

    Examples
    --------
    >>> from skimbalance.plots import ConfusionDisplay
    >>> display = ConfusionDisplay.from_predictions(["no", "no", "yes"], ["no", "yes", "yes"])
    >>> [cell.get_text() for cell in display.ax_.texts]
    ['0.50\n1', '0.50\n1', '0.00\n0', '1.00\n1']
    """

    def __init__(self, confusion_matrix: npt.ArrayLike, *, classes: Sequence[Any] | np.ndarray):
        self.confusion_matrix = confusion_matrix
        self.classes = classes

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: npt.ArrayLike, *, ax: "Axes | None" = None
    ) -> Self:
        """Draw the confusion matrix of a fitted classifier.

        Parameters
        ----------
        estimator : classifier
            The fitted classifier.
        X : array-like of shape (n_samples, n_features)
            Rows that it has not seen.
        y : array-like of shape (n_samples,) or (n_samples, n_labels), or sequences
            Class labels of the rows; in the multilabel case 0 and 1 for each label, nan where it is
            not known; of a tagger, the class labels of the steps, which count as rows.
        ax : Axes, default=None
            Axes to draw on. By default those of a new figure.

        Returns
        -------
        display : ConfusionDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If y holds a label that the classifier does not know.
        """
        several = with_several(estimator, X, y, cls.__name__)
        if several is not None:
            true, decided, _, labels = several
            if labels is not None:  # of 0 and 1 they would look like labels
                true, decided, _, _ = steps_of(true, decided, None, cls.__name__)
            return cls.from_predictions(true, decided, labels=labels, ax=ax)
        classes = cls._classes_of(estimator)
        return cls.from_predictions(y, estimator.predict(X), labels=classes, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: npt.ArrayLike,
        y_pred: npt.ArrayLike,
        *,
        labels: npt.ArrayLike | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw the confusion matrix of predictions.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_labels), or sequences
            True class labels; in the multilabel case 0 and 1 for each label, nan where it is not
            known; or sequences of class labels, whose steps count as rows.
        y_pred : array-like of the form of `y_true`
            Predicted class labels.
        labels : array-like of shape (n_classes,), default=None
            All class labels in the order of rows and columns, or the names of the labels. By
            default the sorted labels of `y_true` and `y_pred`, or the names of the columns.
        ax : Axes, default=None
            Axes to draw on. By default those of a new figure.

        Returns
        -------
        display : ConfusionDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the numbers of rows differ, or `labels` lacks a label.
        """
        return cls._undrawn(y_true, y_pred, labels).plot(ax)

    @classmethod
    def _undrawn(cls, y_true, y_pred, labels):
        if are_sequences(y_true):
            y_true, y_pred, _, _ = steps_of(y_true, y_pred, None, cls.__name__)
        elif is_multilabel(y_true):
            return cls._of_labels(y_true, y_pred, labels)
        classes = all_labels(labels, cls.__name__, y_true=y_true, y_pred=y_pred)
        counts = confusion_counts(y_true, y_pred, classes, cls.__name__)
        return cls(counts, classes=classes)

    @classmethod
    def _of_labels(cls, y_true, y_pred, labels):
        y = label_matrix(y_true, "y_true", cls.__name__, missing=True)
        decided = label_matrix(y_pred, "y_pred", cls.__name__)
        check_consistent_length(y, decided)
        names = label_names(labels, y_true, y.shape[1], cls.__name__)
        counts = [
            confusion_matrix(hit, of_label == 1, labels=[False, True])
            for hit, of_label in each_label(y, decided)
        ]
        return cls(np.array(counts), classes=names)

    def _draw(self, ax, new_figure):
        counts = np.asarray(self.confusion_matrix)
        if counts.ndim == 3:
            return self._draw_labels(ax, new_figure, counts)
        n_classes = len(counts)
        with_shares = n_classes <= MOST_WITH_SHARES
        shares, texts = _shares_and_texts(counts, with_shares)
        rows = [
            f"{short(label)} ({n})"
            for label, n in zip(self.classes, counts.sum(axis=1), strict=True)
        ]
        columns = [short(label) for label in self.classes]
        new = ax is None
        if new:
            side = max(3.0, min(0.6 * n_classes, 7 + 0.1 * n_classes, LARGEST_MAP))
            names = LETTER * max(map(len, rows))
            ax = new_figure(
                side + names + 1, side + 0.7 + names * (names > 0.5 * side / n_classes)
            ).subplots()
        image = heat_map(ax, shares, texts, rows, columns, new=new)
        ax.set(xlabel="predicted", ylabel="true class (rows)")
        if not with_shares:
            figure_of(ax).colorbar(image, ax=ax, label="share of the true class")
        return ax

    def _draw_labels(self, ax, new_figure, counts):
        """Draw a line for each label: its rows found and missed, and the others."""
        n_labels, with_shares = len(counts), len(counts) <= MOST_WITH_SHARES
        parts = [_shares_and_texts(matrix, with_shares) for matrix in counts]
        shares = np.array([[s[1, 1], s[1, 0], s[0, 1], s[0, 0]] for s, _ in parts])
        texts = [[t[1][1], t[1][0], t[0][1], t[0][0]] for _, t in parts]
        rows = _names(self.classes, counts[:, 1].sum(axis=1))
        new = ax is None
        if new:
            height = max(2.0, min(0.5 * n_labels, 7 + 0.1 * n_labels, LARGEST_MAP))
            ax = new_figure(4 + LETTER * max(map(len, rows)), height + 1).subplots()
        image = heat_map(ax, shares, texts, rows, LABEL_COLUMNS, new=new)
        ax.axvline(1.5, color="white", linewidth=4)
        ax.set(xlabel="share of the rows with the label, and of the others", ylabel="label (rows)")
        if not with_shares:
            figure_of(ax).colorbar(
                image, ax=ax, label="share of the rows with the label, or of the others"
            )
        return ax


def _names(classes, n_rows):
    return [f"{short(label)} ({n})" for label, n in zip(classes, n_rows, strict=True)]


def _shares_and_texts(counts, with_shares):
    """Shares of each true class, nan where it has no rows; and the texts of the cells."""
    actual = counts.sum(axis=1, keepdims=True)
    shares = np.where(actual > 0, counts / np.maximum(actual, 1), np.nan)
    texts = [
        [_cell(share, count, with_shares) for share, count in zip(*row, strict=True)]
        for row in zip(shares, counts, strict=True)
    ]
    return shares, texts


def _cell(share, count, with_shares):
    """Text of a cell."""
    if with_shares:
        return f"-\n{count}" if np.isnan(share) else f"{share:.2f}\n{count}"
    return str(count) if count else ""
