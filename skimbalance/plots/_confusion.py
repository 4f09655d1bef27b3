"""Who is taken for whom."""

import numpy as np

from skimbalance.metrics._checks import all_labels, confusion_counts
from skimbalance.plots._drawing import LETTER, MOST_WITH_SHARES, Display, heat_map, new_figure
from skimbalance.plots._words import short

__all__ = ["ConfusionDisplay"]


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
        labels = all_labels(labels, cls.__name__, y_true=y_true, y_pred=y_pred)
        counts = confusion_counts(y_true, y_pred, labels, cls.__name__)
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


def _cell(share, count, with_shares):
    """Print of a cell of a confusion matrix."""
    if with_shares:
        return f"-\n{count}" if np.isnan(share) else f"{share:.2f}\n{count}"
    return str(count) if count else ""
