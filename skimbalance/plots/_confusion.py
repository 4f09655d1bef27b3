"""Confusion matrices."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from skimbalance.metrics._checks import all_labels, confusion_counts
from skimbalance.plots._drawing import (
    LARGEST_MAP,
    LETTER,
    MOST_WITH_SHARES,
    Display,
    figure_of,
    heat_map,
)
from skimbalance.plots._words import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ConfusionDisplay"]


class ConfusionDisplay(Display):
    r"""Confusion matrix: colours are shares of the true class, so that a rare one is not pale.

    Each cell says share and count. With more than 12 classes it says the count alone, and nothing
    if the count is 0.

    Parameters
    ----------
    confusion_matrix : array-like of shape (n_classes, n_classes)
        Number of rows of each true class (first axis) that are predicted as each class.
    classes : array-like of shape (n_classes,)
        Class labels.

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
        y : array-like of shape (n_samples,)
            Class labels of the rows.
        ax : Axes, default=None
            Axes to draw on. By default those of a new figure.

        Returns
        -------
        display : ConfusionDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If y holds a label that the classifier does not know, or has several labels in a row.
        """
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
        y_true : array-like of shape (n_samples,)
            True class labels.
        y_pred : array-like of shape (n_samples,)
            Predicted class labels.
        labels : array-like of shape (n_classes,), default=None
            All class labels in the order of rows and columns. By default the sorted labels of
            `y_true` and `y_pred`.
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
        classes = all_labels(labels, cls.__name__, y_true=y_true, y_pred=y_pred)
        counts = confusion_counts(y_true, y_pred, classes, cls.__name__)
        return cls(counts, classes=classes)

    def _draw(self, ax, new_figure):
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


def _cell(share, count, with_shares):
    """Text of a cell."""
    if with_shares:
        return f"-\n{count}" if np.isnan(share) else f"{share:.2f}\n{count}"
    return str(count) if count else ""
