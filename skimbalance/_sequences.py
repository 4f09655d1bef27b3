"""Sequences of unequal length as flat arrays of steps, and back; tokens as integers."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Sequences", "Vocabulary", "labels_of", "read_sequences"]

# Tokens that a message names.
MOST_NAMED = 5


@dataclass(frozen=True, eq=False)
class Sequences:
    """The steps of all sequences, one after the other.

    Parameters
    ----------
    steps : ndarray of shape (n_all,) or (n_all, n_features)
        Tokens, or features.
    row, position : ndarray of shape (n_all,)
        Which sequence a step is in, and where.
    shape : tuple of int
        Number of sequences, and steps of the longest.
    ragged : bool
        Whether they came as a list, and not as an array with an axis of steps.
    """

    steps: np.ndarray
    row: np.ndarray
    position: np.ndarray
    shape: tuple[int, int]
    ragged: bool

    @property
    def lengths(self):
        """Steps of each sequence up to its last one."""
        lengths = np.zeros(self.shape[0], int)
        np.maximum.at(lengths, self.row, self.position + 1)
        return lengths

    def padded(self, values, fill=0):
        """Values of the steps as an array with axes of sequences and of steps."""
        array = np.full((*self.shape, *values.shape[1:]), fill, values.dtype)
        array[self.row, self.position] = values
        return array

    def split(self, values):
        """Values of the steps as they came: a list with an array for each sequence, or an array.

        Steps that were masked are masked.
        """
        if self.ragged:
            ends = np.cumsum(np.bincount(self.row, minlength=self.shape[0]))
            return np.split(values, ends[:-1])
        array = self.padded(values) if values.dtype.kind != "U" else self.padded(values, "")
        if len(values) == array.shape[0] * array.shape[1]:
            return array
        hidden = np.ones(self.shape, bool)
        hidden[self.row, self.position] = False
        return np.ma.masked_array(array, hidden)


def read_sequences(X, mask, owner):
    """Sequences given as a list of strings, of lists or of arrays, or as one array.

    Parameters
    ----------
    X : list of str, list of array-like, or array-like of shape (n, n_steps[, n_features])
        Tokens of any kind, or features.
    mask : array-like of bool of shape (n, n_steps), or None
        Which steps of an array count.
    owner : str
        Name of the estimator, for errors.

    Returns
    -------
    sequences : Sequences

    Raises
    ------
    ValueError
        If X is neither, sequences differ in their features, or the mask does not fit.
    """
    if isinstance(X, str) or np.ndim(X) == 0:
        raise ValueError(
            f"The X of {owner} must be a list of sequences, or an array with an axis of steps. "
            f"Got {X!r} instead."
        )
    array = X if isinstance(X, np.ndarray) and X.dtype != object else None
    if array is not None and array.ndim >= 2:
        return _of_array(array, mask, owner)
    if mask is not None:
        raise ValueError(
            f"The 'mask' of {owner} must be None for a list of sequences, which are as long as they "
            "are. Got a mask."
        )
    sequences = [list(x) if isinstance(x, str) else np.asarray(x) for x in X]
    lengths = np.array([len(x) for x in sequences], int)
    if not lengths.sum():
        raise ValueError(f"The X of {owner} must have at least one step. Got none.")
    row = np.repeat(np.arange(len(lengths)), lengths)
    position = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    steps = _joined([x for x in sequences if len(x)], owner)
    return Sequences(steps, row, position, (len(lengths), int(lengths.max())), ragged=True)


def _of_array(array, mask, owner):
    if array.ndim > 3:
        raise ValueError(
            f"The X of {owner} must have axes of sequences, steps and perhaps features. "
            f"Got shape {array.shape} instead."
        )
    counts = np.ones(array.shape[:2], bool) if mask is None else np.asarray(mask, bool)
    if np.ma.isMaskedArray(array):
        hidden = np.ma.getmaskarray(array)
        counts = counts & ~(hidden if array.ndim == 2 else hidden.any(axis=2))
        array = array.data
    if counts.shape != array.shape[:2]:
        raise ValueError(
            f"The 'mask' of {owner} must have the shape of the steps of X, {array.shape[:2]}. "
            f"Got shape {counts.shape} instead."
        )
    if not counts.any():
        raise ValueError(f"The 'mask' of {owner} must leave at least one step. Got none.")
    row, position = np.nonzero(counts)
    steps = _checked(array[row, position], owner)
    return Sequences(steps, row, position, array.shape[:2], ragged=False)


def _joined(sequences, owner):
    """The steps of all sequences in one array."""
    if isinstance(sequences[0], list):
        # Characters.
        return np.array([character for x in sequences for character in x])
    kinds = {np.ndim(x) for x in sequences}
    widths = {np.shape(x)[1:] for x in sequences}
    if len(widths) > 1 or not kinds <= {1, 2}:
        raise ValueError(
            f"The sequences of X of {owner} must be strings, or all have the same number of "
            f"features. Got steps of shapes {sorted(widths)!r}."
        )
    return _checked(np.concatenate(sequences), owner)


def _checked(steps, owner):
    """Features as finite floats; tokens as they are."""
    if steps.ndim == 1 and steps.dtype.kind != "f":
        return steps
    try:
        steps = steps.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"The features of X of {owner} must be numbers. Got {steps[0]!r}."
        ) from None
    if not np.all(np.isfinite(steps)):
        raise ValueError(f"The features of X of {owner} must be finite. Got nan or infinity.")
    return steps if steps.ndim == 2 else steps[:, None]


def labels_of(y, sequences, owner):
    """The labels of all steps in one array; y is given as X was.

    Raises
    ------
    ValueError
        If a sequence of y has another length than that of X.
    """
    n, n_steps = sequences.shape
    if len(y) != n:
        raise ValueError(
            f"X and y of {owner} must have equally many sequences. Got {n} of X and {len(y)} of y."
        )
    if not sequences.ragged:
        y = np.asarray(y)
        if y.shape[:2] != (n, n_steps) or y.ndim != 2:
            raise ValueError(
                f"The y of {owner} must have the shape of the steps of X, {(n, n_steps)}. "
                f"Got shape {y.shape} instead."
            )
        return y[sequences.row, sequences.position]
    lengths = np.bincount(sequences.row, minlength=n)
    of_y = np.array([len(labels) for labels in y])
    wrong = np.flatnonzero(lengths != of_y)
    if len(wrong):
        i = wrong[0]
        raise ValueError(
            f"The sequences of y of {owner} must be as long as those of X. Got {of_y[i]} labels for "
            f"the {lengths[i]} steps of sequence {i}."
        )
    parts = [np.asarray(list(labels)) for labels in y if len(labels)]
    return np.concatenate(parts)


class Vocabulary:
    """Tokens and their numbers: 0 is padding; with a least frequency 1 is all that are below it.

    Parameters
    ----------
    tokens : ndarray of shape (n_all,)
        All tokens of the training sequences.
    min_frequency : int
        How often a token occurs at least to have a number of its own.
    """

    def __init__(self, tokens, min_frequency):
        known, counts = np.unique(tokens, return_counts=True)
        self.tokens = known[counts >= min_frequency]
        self.takes_unknown = min_frequency > 1

    def __len__(self):
        return len(self.tokens) + 1 + self.takes_unknown

    def numbers(self, tokens, owner):
        """The number of each token.

        Raises
        ------
        ValueError
            If one is unknown, and `min_frequency` is 1.
        """
        if self.tokens.dtype.kind != tokens.dtype.kind and "U" in (
            self.tokens.dtype.kind + tokens.dtype.kind
        ):
            raise ValueError(
                f"The tokens of X of {owner} must be of the kind of the fit, "
                f"{self.tokens.dtype.name}. Got {tokens.dtype.name} instead."
            )
        place = np.minimum(np.searchsorted(self.tokens, tokens), max(len(self.tokens) - 1, 0))
        known = self.tokens[place] == tokens if len(self.tokens) else np.zeros(len(tokens), bool)
        if not (known.all() or self.takes_unknown):
            unknown = np.unique(tokens[~known]).tolist()
            more = "" if len(unknown) <= MOST_NAMED else f" and {len(unknown) - MOST_NAMED} more"
            raise ValueError(
                f"The tokens of X of {owner} must be among those of the fit, or 'min_frequency' "
                f"at least 2, which makes rare and unknown ones alike. Got "
                f"{unknown[:MOST_NAMED]!r}{more}."
            )
        return np.where(known, place + 1 + self.takes_unknown, 1).astype(np.int32)
