"""Folds for multilabel and sequence targets: splitters for the `cv` of scikit-learn."""

import reprlib
from abc import abstractmethod
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import type_of_target

from skimbalance._validation import (
    Interval,
    as_array,
    checked_labels,
    indexable_rows,
    numbers_of_matrix,
    some_of,
    validate_parameter_constraints,
    warn,
)
from skimbalance.sampling import iterative_folds

__all__ = ["IterativeStratifiedKFold", "StratifiedSequenceKFold"]

# A warning names at most this many labels.
MOST_NAMES = 5


class _IterativeKFold(BaseCrossValidator):
    """Folds by iterative stratification of the label counts that a subclass reads from y."""

    _parameter_constraints: dict = {
        "n_splits": [Interval(Integral, 2, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self, n_splits: int = 5, *, random_state: int | np.random.RandomState | None = None
    ) -> None:
        self.n_splits = n_splits
        self.random_state = random_state
        # Checked at once, as in scikit-learn's splitters.
        validate_parameter_constraints(self._parameter_constraints, vars(self), type(self).__name__)

    @abstractmethod
    def _label_counts(self, y: Any) -> tuple[np.ndarray, list]:
        """Units of each label in each sample, (n_samples, n_labels), and the labels' names."""

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : object, default=None
            Ignored.

        Returns
        -------
        n_splits : int
            The parameter `n_splits`.
        """
        return self.n_splits

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the training and the test samples of each fold.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), or dict or list of them
            Features; only their number of samples is used.
        y : array-like of shape (n_samples, ...)
            Targets by which to split, in a form that the class describes.
        groups : object, default=None
            Ignored, with a warning.

        Yields
        ------
        train, test : ndarray of int
            Indices of samples, ascending.

        Raises
        ------
        ValueError
            If y has another form, or fewer samples than folds.
        """
        owner = type(self).__name__
        if groups is not None:
            warn(f"The groups parameter is ignored by {owner}.")
        counts, labels = self._label_counts(y)
        indexable_rows(X, len(counts), owner)
        if len(counts) < self.n_splits:
            raise ValueError(
                f"The 'n_splits' parameter of {owner} must be at most the number of samples, "
                f"{len(counts)}. Got {self.n_splits} instead."
            )
        rare = [labels[j] for j in np.flatnonzero(np.sum(counts > 0, axis=0) < self.n_splits)]
        if rare:
            warn(
                f"Labels in fewer samples than n_splits={self.n_splits} are missing from test "
                f"folds of {owner}: {some_of(rare, MOST_NAMES)}. Lower n_splits, or do not trust "
                "their scores by fold."
            )
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31))
        shares = np.full(self.n_splits, 1 / self.n_splits)
        fold = iterative_folds(counts, shares, random_state=rng)
        for i in range(self.n_splits):
            yield np.flatnonzero(fold != i), np.flatnonzero(fold == i)


class IterativeStratifiedKFold(_IterativeKFold):
    """K folds of multilabel data, each with its share of the positives of every label.

    scikit-learn uses an unstratified `KFold` if y is an indicator matrix: if a label has ten
    positives, one of five folds may get four of them and another none. This splitter deals the rows
    of the rarest label first, by iterative stratification [1]_. The sizes of the folds differ by at
    most one row, and their positives of a label by about one. Which rows share a fold is random.

    The y of `split` is an indicator matrix of shape (n_samples, n_labels), dense, sparse or a list
    of lists, with NaN where a label is missing: such a row does not count for the label. Or it is a
    class label for each row, and each class counts as a label. A label with fewer positives than
    folds is missing from some test folds; a warning names it.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    random_state : int, RandomState instance or None, default=None
        Source of randomness. With an int, every call of `split` gives the same folds.

    See Also
    --------
    sklearn.model_selection.StratifiedKFold : For one class label per row.
    StratifiedSequenceKFold : For a class label per step of a sequence.
    skimbalance.sampling.iterative_folds : The function behind this class.

    References
    ----------
    .. [1] K. Sechidis, G. Tsoumakas, I. Vlahavas. "On the Stratification of Multi-Label Data."
       ECML PKDD 2011. doi:10.1007/978-3-642-23808-6_10

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.model_selection import IterativeStratifiedKFold
    >>> y = np.repeat([[1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 0, 0]], [12, 3, 6, 9], axis=0)
    >>> cv = IterativeStratifiedKFold(3, random_state=0)
    >>> [y[test].sum(axis=0).tolist() for _, test in cv.split(y, y)]
    [[5, 1, 2], [5, 1, 2], [5, 1, 2]]
    """

    def _label_counts(self, y):
        names = getattr(y, "columns", None)
        y = y.toarray() if issparse(y) else as_array(y)
        try:
            array = numbers_of_matrix(np.asarray(y))
            if array.ndim == 2 and np.all((array == 0) | (array == 1) | (array != array)):
                return array, list(range(array.shape[1]) if names is None else names)
            with np.errstate(invalid="ignore"):
                kind = type_of_target(array)
        except (TypeError, ValueError):
            # Lists of unequal length, missing values, or no y.
            kind = "unknown"
        if kind not in ("binary", "multiclass"):
            raise ValueError(
                "The y of IterativeStratifiedKFold must be a matrix of 0 and 1 or a class label "
                f"for each row. Got {reprlib.repr(y)} instead. MultiLabelBinarizer turns sets of "
                "labels into a matrix; for sequences of labels use StratifiedSequenceKFold."
            )
        classes, index = np.unique(array.ravel(), return_inverse=True)
        return index[:, np.newaxis] == np.arange(len(classes)), classes.tolist()


class StratifiedSequenceKFold(_IterativeKFold):
    """K folds of label sequences, each with its share of the steps of every rare label.

    Whole sequences are dealt to the folds, by iterative stratification [1]_ of the number of steps
    of each label in them. In sequence labelling most sequences contain only the most frequent
    label, so that folds drawn at random differ in the other labels. The number of steps is
    balanced, not the number of sequences with a label, as one sequence may contain five steps of a
    label and another only one. Instead of the steps of the most frequent label, all steps are
    balanced: the folds have about equally many steps, and their numbers of sequences differ by at
    most one. Which sequences share a fold is random.

    The y of `split` is a list, or an array of dtype object, of label sequences, which may have
    unequal lengths; or an array of shape (n_sequences, n_steps). Labels are strings or integers.
    Masked steps of a masked array do not count; padding without a mask counts as one more label. A
    label in fewer sequences than folds is missing from some test folds; a warning names it.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    random_state : int, RandomState instance or None, default=None
        Source of randomness. With an int, every call of `split` gives the same folds.

    See Also
    --------
    sklearn.model_selection.StratifiedKFold : For one class label per sequence.
    IterativeStratifiedKFold : For a set of labels per row.

    References
    ----------
    .. [1] K. Sechidis, G. Tsoumakas, I. Vlahavas. "On the Stratification of Multi-Label Data."
       ECML PKDD 2011. doi:10.1007/978-3-642-23808-6_10

    Examples
    --------
    >>> from skimbalance.model_selection import StratifiedSequenceKFold
    >>> y = [["O"] * 8 + ["B", "I"], ["O"] * 5, ["O"] * 3 + ["B"], ["O"] * 6] * 3
    >>> cv = StratifiedSequenceKFold(3, random_state=0)
    >>> [len(test) for _, test in cv.split(y, y)]
    [4, 4, 4]
    >>> [sum(y[i].count("B") for i in test) for _, test in cv.split(y, y)]
    [2, 2, 2]
    """

    def _label_counts(self, y):
        steps = _steps(y)
        lengths = np.array([len(labels) for labels in steps])
        labels = np.concatenate([labels for labels in steps if len(labels)])
        labels, index = np.unique(checked_labels(labels, "step"), return_inverse=True)
        cell = np.repeat(np.arange(len(steps)), lengths) * len(labels) + index
        counts = np.bincount(cell, minlength=len(steps) * len(labels)).reshape(len(steps), -1)
        # If all steps and those of the other labels are balanced, so is the most frequent label.
        counts[:, np.argmax(counts.sum(axis=0))] = lengths
        return counts, labels.tolist()


def _steps(y):
    """Labels of each sequence, as an array without masked steps."""
    sequences = as_array(y)
    try:
        if isinstance(sequences, str) or any(isinstance(labels, str) for labels in sequences):
            raise TypeError
        arrays = [np.ma.asarray(labels) for labels in sequences]
        if any(array.ndim != 1 for array in arrays) or not any(a.count() for a in arrays):
            raise TypeError
    except (TypeError, ValueError):
        raise ValueError(
            "The y of StratifiedSequenceKFold must be sequences with a label for each step. "
            f"Got {reprlib.repr(y)} instead. For one label per sample use StratifiedKFold, for "
            "sets of labels use IterativeStratifiedKFold."
        ) from None
    return [array.compressed() for array in arrays]
