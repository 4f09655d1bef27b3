"""What is learnt: a class for each row, labels that each hold or not, a class for each step.

Everything in which these differ before training: how often something occurs, how much a row
weighs, which rows are alike, where the network starts. Counts, shares and weights have shape
(n_classes,), or (n_labels, 2): without the label and with it.
"""

import numpy as np

from skimbalance._fit.loss_parameters import (
    LABEL_LOSS_PARAMS,
    LOSS_PARAMS,
    label_logits,
    prior_logits,
)
from skimbalance.class_weight import _weights_of_scheme
from skimbalance.metrics._monitors import LABEL_MONITORS, MONITORS
from skimbalance.sampling import iterative_split, stratified_split

__all__ = ["Classes", "Labels", "Steps"]


class Classes:
    """A class for each row: `y` holds class indices.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Labels, in order.

    Attributes
    ----------
    rank : int
        Axes of `y` beyond that of the rows.
    n_outputs : int
        Logits of a network.
    loss_params : dict
        Name of each loss, and its own parameters with their defaults.
    monitors : dict
        Name of each monitor, and its function.
    """

    rank = 0
    loss_params = LOSS_PARAMS
    monitors = MONITORS

    def __init__(self, classes):
        self.classes = classes
        self.n_outputs = len(classes)

    def counts(self, y, weight):
        """Weight of the rows (here of the steps, there of the labels) of each class."""
        return np.bincount(y, weights=weight, minlength=self.n_outputs)

    def of_rows(self, values, y):
        """A value for each target, given one for each class."""
        return values[y]

    def share(self, weight):
        """What a row weighs in the loss, given the weights of its targets."""
        return weight

    def strata(self, y):
        """Kinds of rows, as integers, to be spread evenly over batches or drawn equally often."""
        return y

    def fewest(self, y):
        """Rows of the rarest and of the most frequent class."""
        n_rows = np.bincount(y, minlength=self.n_outputs)
        return n_rows.min(), n_rows.max()

    def split(self, y, fraction, rng):
        """Training and held-out rows, each with every class."""
        return stratified_split(y, fraction, random_state=rng)

    def weights(self, name, scheme, counts):
        """Class weights of a scheme, the parameter `name`; of mean 1 over the rows."""
        return _weights_of_scheme(name, scheme, counts, self.classes)

    def normalized(self, raw, counts):
        """Weights with the mean 1 over the rows."""
        return raw / (counts @ raw / counts.sum())

    def start(self, loss, arguments, shares):
        """Logits of these shares of the classes."""
        return prior_logits(loss, arguments, shares)

    def binary(self, value):
        """Weights of the two classes, given that of the second against the first; else None."""
        return [1.0 - value, value] if self.n_outputs == 2 else None


class Steps(Classes):
    """A class for each step of a sequence: `y` has shape (n_rows, n_steps), -1 where masked."""

    rank = 1

    def counts(self, y, weight):
        """Weight of the steps of each class."""
        there = y >= 0
        weight = np.broadcast_to(np.asarray(weight)[:, None], y.shape)
        return np.bincount(y[there], weights=weight[there], minlength=self.n_outputs)

    def of_rows(self, values, y):
        """A value for each step: zero where it is masked."""
        return np.where(y >= 0, values[y], 0.0)

    def share(self, weight):
        """The sum over the steps: each counts alike."""
        return weight.sum(axis=1)

    def occurrence(self, y):
        """How many steps of each class are in each sequence, of shape (n_rows, n_classes)."""
        return np.stack([np.sum(y == k, axis=1) for k in range(self.n_outputs)], axis=1)

    def strata(self, y):
        """The rarest class in each sequence."""
        return rarest(self.occurrence(y) > 0)

    def fewest(self, y):
        """Sequences that hold the rarest and the most frequent class."""
        n_rows = np.sum(self.occurrence(y) > 0, axis=0)
        return n_rows.min(), n_rows.max()

    def split(self, y, fraction, rng):
        """Training and held-out sequences, with every class where two sequences hold it."""
        return iterative_split(_of_rare(self.occurrence(y)), fraction, random_state=rng)


class Labels:
    """Labels that each hold or do not: `y` is an indicator of shape (n_rows, n_labels)."""

    rank = 1
    loss_params = LABEL_LOSS_PARAMS
    monitors = LABEL_MONITORS

    def __init__(self, n_labels):
        self.n_outputs = n_labels

    def counts(self, y, weight):
        """Weight of the rows without and with each label, of shape (n_labels, 2)."""
        positive = np.asarray(weight) @ y
        return np.stack([np.sum(weight) - positive, positive], axis=1)

    def of_rows(self, values, y):
        """A value for each row and label."""
        return np.where(y == 1, values[:, 1], values[:, 0])

    def share(self, weight):
        """The mean over the labels."""
        return weight.mean(axis=1)

    def strata(self, y):
        """The rarest label of each row; rows without any are another kind."""
        return rarest(y == 1)

    def fewest(self, y):
        """Rows of the rarest and of the most frequent of all yes and no."""
        counts = self.counts(y, np.ones(len(y)))
        # A label that all rows have, or none, is nothing to stop by.
        there = counts[np.all(counts > 0, axis=1)]
        return (int(there.min()), int(there.max())) if len(there) else (0, len(y))

    def split(self, y, fraction, rng):
        """Training and held-out rows, by iterative stratification."""
        return iterative_split(y, fraction, random_state=rng)

    def weights(self, name, scheme, counts):
        """Weights of a scheme, for each label by itself; of mean 1 over the rows."""
        schemes = [scheme] * self.n_outputs
        if isinstance(scheme, list | tuple | np.ndarray):
            fits = len(scheme) == self.n_outputs
            if not fits or not all(isinstance(s, dict) or np.shape(s) == (2,) for s in scheme):
                raise ValueError(
                    f"The {name!r} parameter must be, for labels, None, 'balanced', 'effective', a "
                    "float, a dict {0: weight without, 1: weight with} for all labels, or a list "
                    f"of one such dict or pair for each of the {self.n_outputs} labels. Got "
                    f"{scheme!r} instead."
                )
            schemes = scheme
        of_labels = zip(schemes, counts, strict=True)
        return np.array([_weights_of_scheme(name, s, n, np.arange(2)) for s, n in of_labels])

    def normalized(self, raw, counts):
        """Weights with the mean 1 over the rows, for each label."""
        mean = np.sum(counts * raw, axis=1) / counts.sum(axis=1)
        return raw / mean[:, None]

    def start(self, loss, arguments, shares):
        """Logits of these shares of rows without and with each label."""
        return label_logits(shares)

    def binary(self, value):
        """Weights without and with a label, given the latter against the former."""
        return {0: 1.0 - value, 1: value}


def rarest(present):
    """The rarest of the columns that are true in each row; the number of columns where none is.

    Parameters
    ----------
    present : ndarray of bool of shape (n_rows, n_columns)

    Returns
    -------
    strata : ndarray of int of shape (n_rows,)
    """
    n_rows = present.sum(axis=0)
    rank = np.where(present, n_rows, len(present) + 1)
    return np.where(present.any(axis=1), rank.argmin(axis=1), present.shape[1])


def _of_rare(occurrence):
    """Without the column of the most frequent class, which all rows have."""
    return np.delete(occurrence, occurrence.sum(axis=0).argmax(), axis=1)
