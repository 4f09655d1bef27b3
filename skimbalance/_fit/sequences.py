"""Sequences of unequal length as flat arrays of steps, and back."""

import reprlib
from dataclasses import dataclass
from numbers import Real

import numpy as np

from skimbalance._validation import as_array, check_sample_weight, checked_labels

__all__ = ["Sequences", "labels_of", "read_sequences", "weights_of"]


@dataclass(frozen=True, eq=False)
class Sequences:
    """The steps of all sequences, one after the other.

    Parameters
    ----------
    steps : ndarray of shape (n_all,) or (n_all, n_features)
        Tokens, or features.
    mask : ndarray of bool of shape (n_sequences, n_steps)
        True at the places of the steps in the given array; for a list, each sequence starts at
        the left.
    ragged : bool
        Whether the sequences were given as a list.
    """

    steps: np.ndarray
    mask: np.ndarray
    ragged: bool

    @property
    def lengths(self):
        """Steps of each sequence."""
        return self.mask.sum(axis=1)

    @property
    def row(self):
        """The sequence of each step."""
        return np.nonzero(self.mask)[0]

    def take(self, kept):
        """The sequences for which `kept` is true."""
        return Sequences(self.steps[kept[self.row]], self.mask[kept], self.ragged)

    def packed(self, values):
        """Values of the steps, of shape (n_sequences, longest, ...): each sequence from the left.

        Zero beyond its end. The result does not depend on where masked steps were.
        """
        return _placed(values, _from_left(self.lengths))

    def spread(self, values):
        """Values of the steps at their places in the given array, and zero elsewhere."""
        return _placed(values, self.mask)

    def split(self, values):
        """Values of the steps in the form of X: a list of one array for each sequence, or an array.

        Steps that were masked stay masked.
        """
        if self.ragged:
            return OfSteps(np.split(values, np.cumsum(self.lengths)[:-1]))
        array = self.spread(values)
        return array if self.mask.all() else np.ma.masked_array(array, ~self.mask)


class OfSteps(list):
    """Arrays of unequal length, which NumPy reads as an array of objects, one for each sequence.

    So scikit-learn's `cross_val_predict` joins those of several folds.
    """

    def __array__(self, dtype=None, copy=None):
        return np.fromiter(self, object, len(self)).astype(dtype or object, copy=False)


def _from_left(lengths):
    return np.arange(lengths.max()) < lengths[:, None]


def _placed(values, mask):
    array = np.zeros((*mask.shape, *values.shape[1:]), values.dtype)
    array[mask] = values
    return array


def read_sequences(X, mask, owner):
    """Sequences given as a list of strings, of lists or of arrays, or as one array.

    Parameters
    ----------
    X : list of str, list of array-like, or ndarray of shape (n, n_steps[, n_features])
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
        If X has another form, sequences differ in their features, or the mask does not fit.
    """
    if isinstance(X, str | bytes | dict) or not _has_length(X) or not len(X):
        raise ValueError(
            f"The X of {owner} must be a list of sequences, or an array with an axis of steps. "
            f"Got {reprlib.repr(X)} instead."
        )
    if isinstance(X, np.ndarray) and X.ndim > 1:
        return _of_array(X, mask, owner)
    if mask is not None:
        raise ValueError(
            f"The 'mask' of {owner} must be None where X is a list, which has no padding. "
            f"Got {reprlib.repr(mask)} instead."
        )
    sequences = [_steps_of(x, f"Sequence {i} of the X of {owner}") for i, x in enumerate(X)]
    lengths = np.array([len(x) for x in sequences])
    if not lengths.any():
        return Sequences(np.empty(0), _from_left(lengths), ragged=True)
    steps = _joined([x for x in sequences if len(x)], owner)
    return Sequences(_checked(steps, owner), _from_left(lengths), ragged=True)


def _has_length(X):
    try:
        len(X)
    except TypeError:
        return False
    return True


def _as_array(sequence):
    """A sequence as an array with a leading axis of steps; its mask, if any, is kept.

    The steps of a string are its characters. What is not a sequence becomes an array without axes.
    """
    try:
        return np.asanyarray(list(sequence) if isinstance(sequence, str) else sequence)
    except ValueError:
        # Steps of unequal lengths.
        return np.empty(())


def _steps_of(sequence, what):
    """The steps of one sequence of a list."""
    steps = _as_array(sequence)
    if steps.ndim not in (1, 2):
        raise ValueError(
            f"{what} must be a string, or an array with an axis of steps and perhaps one of "
            f"features. Got {reprlib.repr(sequence)} instead."
        )
    if np.ma.is_masked(steps):
        raise ValueError(
            f"{what} must not have masked steps, as it is in a list. Got "
            f"{np.ma.count_masked(steps)} of them: leave them out."
        )
    return np.asarray(steps)


def _of_array(array, mask, owner):
    if array.ndim > 3:
        raise ValueError(
            f"The X of {owner} must have axes of sequences, steps and perhaps features. "
            f"Got shape {array.shape} instead."
        )
    counts = np.ones(array.shape[:2], bool) if mask is None else np.asarray(mask)
    if counts.shape != array.shape[:2]:
        raise ValueError(
            f"The 'mask' of {owner} must have the shape of the steps of X, {array.shape[:2]}. "
            f"Got shape {counts.shape} instead."
        )
    if counts.dtype != bool and not np.isin(counts, (0, 1)).all():
        raise ValueError(
            f"The 'mask' of {owner} must be true or false for each step. Got "
            f"{reprlib.repr(mask)} instead."
        )
    counts = counts.astype(bool)
    if np.ma.isMaskedArray(array):
        hidden = np.ma.getmaskarray(array)
        counts &= ~(hidden if array.ndim == 2 else hidden.any(axis=2))
        array = array.data
    if not counts.any():
        raise ValueError(
            f"The 'mask' of {owner} must keep at least one step of X. Got a mask that hides all "
            f"{counts.size} steps."
        )
    return Sequences(_checked(array[counts], owner), counts, ragged=False)


def _joined(sequences, owner):
    """The steps of all sequences in one array."""
    shapes = {steps.shape[1:] for steps in sequences}
    if len(shapes) > 1:
        raise ValueError(
            f"The sequences of X of {owner} must all hold tokens, or all have the same number of "
            f"features. Got steps of shapes {sorted(shapes)!r}."
        )
    return _concatenated(sequences, f"The sequences of X of {owner}")


def _concatenated(parts, what):
    """Several arrays as one. NumPy would turn numbers beside strings into strings."""
    _check_kinds((part.dtype.kind in "US" for part in parts if part.dtype != object), what)
    return np.concatenate(parts)


def _check_kinds(are_strings, what):
    if len(set(are_strings)) > 1:
        raise ValueError(f"{what} must all be strings, or all numbers. Got both.")


def _checked(steps, owner):
    """Features as finite floats of two axes; tokens as they are."""
    if steps.ndim == 1 and steps.dtype.kind == "O":
        tokens = steps.tolist()
        wrong = [token for token in tokens if not isinstance(token, str | bytes | Real)]
        if wrong:
            raise ValueError(
                f"The tokens of X of {owner} must be strings or integers. Got {wrong[0]!r}."
            )
        _check_kinds((isinstance(t, str | bytes) for t in tokens), f"The tokens of X of {owner}")
        steps = np.array(tokens)
    if steps.ndim == 1 and steps.dtype.kind != "f":
        return steps
    try:
        steps = steps.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"The features of X of {owner} must be numbers. Got {steps[0]!r}."
        ) from None
    wrong = steps[~np.isfinite(steps)]
    if len(wrong):
        raise ValueError(
            f"The features of X of {owner} must be finite. Got {wrong[0]:g} instead: fill such "
            "values before, or mask steps without features."
        )
    return steps if steps.ndim == 2 else steps[:, None]


def labels_of(y, sequences, owner):
    """The labels of all steps in one array; y has the form of X.

    Raises
    ------
    ValueError
        If a sequence of y has another length than that of X, or a step has no label.
    """
    if isinstance(y, str | bytes) or not _has_length(y):
        raise ValueError(
            f"The y of {owner} must be sequences with a label for each step. Got "
            f"{reprlib.repr(y)} instead."
        )
    n, n_steps = sequences.mask.shape
    if len(y) != n:
        raise ValueError(
            f"The X and y of {owner} must have the same number of sequences. Got {n} in X and "
            f"{len(y)} in y."
        )
    parts = []
    lengths = sequences.lengths if sequences.ragged else np.full(n, n_steps)
    for i, (given, length, mask) in enumerate(zip(y, lengths, sequences.mask, strict=True)):
        labels = _as_array(given)
        if labels.shape != (length,):
            got = f"{len(labels)} labels" if labels.ndim == 1 else f"shape {labels.shape}"
            raise ValueError(
                f"The sequences of y of {owner} must be as long as those of X. Got {got} for the "
                f"{length} steps of sequence {i}."
            )
        if not isinstance(given, np.ndarray | str):
            # NumPy would turn numbers beside text into text.
            labels = np.asarray(given, dtype=object)
        labels = labels if sequences.ragged else labels[mask]
        if np.ma.is_masked(labels):
            raise ValueError(
                f"The y of {owner} must have a label for each step of X that counts. Got masked "
                f"labels in sequence {i}: mask these steps of X, too."
            )
        parts.append(np.asarray(labels))
    parts = [labels for labels in parts if len(labels)]
    if not parts:
        return np.empty(0)
    joined = _concatenated(parts, f"The sequences of y of {owner}")
    labels = checked_labels(joined.tolist() if joined.dtype == object else joined, "step")
    if labels.dtype.kind == "f" and not np.all(np.isfinite(labels)):
        raise ValueError(f"The labels of y of {owner} must be finite. Got infinity.")
    return labels


def weights_of(sample_weight, sequences, owner):
    """The weights of all steps in one array; they are given for whole sequences or for steps.

    Raises
    ------
    ValueError
        If the weights have neither the form of y nor one for each sequence, or break a rule of
        weights.
    """
    given = as_array(sample_weight)
    if not (_has_length(given) and len(given) and np.ndim(given[0])):
        return check_sample_weight(given, sequences.mask)[sequences.row]
    n, n_steps = sequences.mask.shape
    lengths = sequences.lengths if sequences.ragged else np.full(n, n_steps)
    parts = [np.ma.getdata(_as_array(weights)) for weights in given]
    shapes = [part.shape for part in parts]
    if shapes != [(length,) for length in lengths] or any(
        p.dtype.kind not in "biuf" for p in parts
    ):
        raise ValueError(
            f"The 'sample_weight' of {owner} must hold a number for each sequence, or, in the form "
            f"of y, one for each step. Got {reprlib.repr(sample_weight)} for {n} sequences."
        )
    if not sequences.ragged:
        parts = [part[mask] for part, mask in zip(parts, sequences.mask, strict=True)]
    weight = np.concatenate(parts)
    return check_sample_weight(weight, weight)
