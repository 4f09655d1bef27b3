"""Folds for targets of many labels: splitters for scikit-learn's `cv`."""

import reprlib
import warnings
from abc import abstractmethod
from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.multiclass import type_of_target

from skimbalance._validation import Interval, as_array, validate_parameter_constraints
from skimbalance.sampling import iterative_folds

__all__ = ["IterativeStratifiedKFold", "StratifiedSequenceKFold"]

# A warning names no more labels than that.
MOST_NAMES = 5


class _IterativeKFold(BaseCrossValidator):
    """Folds by iterative stratification of what a subclass counts in y."""

    _parameter_constraints: dict = {
        "n_splits": [Interval(Integral, 2, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(self, n_splits=5, *, random_state=None):
        self.n_splits = n_splits
        self.random_state = random_state
        # At once, as scikit-learn's splitters do.
        validate_parameter_constraints(self._parameter_constraints, vars(self), type(self).__name__)

    @abstractmethod
    def _label_counts(self, y):
        """Units of each label in each sample, (n_samples, n_labels), and the labels' names."""

    def get_n_splits(self, X=None, y=None, groups=None):
        """Number of folds.

        Parameters
        ----------
        X, y, groups : object, default=None
            Ignored.

        Returns
        -------
        n_splits : int
            As given.
        """
        return self.n_splits

    def split(self, X, y=None, groups=None):
        """Training and test samples of each fold.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Only its length is used.
        y : array-like of shape (n_samples, ...)
            Targets, as the class says.
        groups : object, default=None
            Ignored, with a warning.

        Yields
        ------
        train, test : ndarray of int
            Indices of samples, ascending.

        Raises
        ------
        ValueError
            If y is of another kind, or there are fewer samples than folds.
        """
        owner = type(self).__name__
        if groups is not None:
            warnings.warn(f"The groups parameter is ignored by {owner}.", stacklevel=2)
        counts, labels = self._label_counts(y)
        check_consistent_length(X, counts)
        if len(counts) < self.n_splits:
            raise ValueError(
                f"The 'n_splits' parameter of {owner} must be at most the number of samples, "
                f"{len(counts)}. Got {self.n_splits} instead."
            )
        rare = [labels[j] for j in np.flatnonzero(np.sum(counts > 0, axis=0) < self.n_splits)]
        if rare:
            more = f" and {len(rare) - MOST_NAMES} more" if len(rare) > MOST_NAMES else ""
            warnings.warn(
                f"Labels in fewer samples than n_splits={self.n_splits} are missing from test "
                f"folds of {owner}: {rare[:MOST_NAMES]!r}{more}. Lower n_splits, or mistrust their "
                "scores by fold.",
                stacklevel=2,
            )
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31))
        shares = np.full(self.n_splits, 1 / self.n_splits)
        fold = iterative_folds(counts, shares, random_state=rng)
        for i in range(self.n_splits):
            yield np.flatnonzero(fold != i), np.flatnonzero(fold == i)


class IterativeStratifiedKFold(_IterativeKFold):
    """K folds of multilabel data, each with its share of the positives of every label.

    scikit-learn takes an unstratified `KFold` where y is an indicator matrix: of the ten positives
    of a label one of five folds may get four and another none. Here the rows of the rarest label
    are dealt first, by iterative stratification [1]_. The folds differ by at most a row, and the
    positives of a label by about one. Which rows share a fold is random.

    The y to split by is an indicator matrix of shape (n_samples, n_labels), dense, sparse or a
    list of lists, or the class labels of single-label data, each class a label. Labels with fewer
    positives than folds are missing from some test folds; a warning names them.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    random_state : int, RandomState instance or None, default=None
        Source of randomness. With an int, every call of `split` gives the same folds.

    See Also
    --------
    sklearn.model_selection.StratifiedKFold : For one label a row.
    StratifiedSequenceKFold : For a label for every step of a sequence.
    skimbalance.sampling.iterative_folds : The folds of an array.

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
            array = np.asarray(y)
            if array.ndim == 2 and np.all((array == 0) | (array == 1)):
                return array != 0, list(range(array.shape[1]) if names is None else names)
            with np.errstate(invalid="ignore"):
                kind = type_of_target(array)
        except (TypeError, ValueError):
            # Ragged lists, missing values, no y.
            kind = "unknown"
        if kind not in ("binary", "multiclass"):
            raise ValueError(
                "The y of IterativeStratifiedKFold must be a matrix of 0 and 1 or a class label "
                f"for each row. Got {reprlib.repr(y)} instead. MultiLabelBinarizer makes a matrix "
                "of sets of labels; for sequences of labels use StratifiedSequenceKFold."
            )
        classes, index = np.unique(array.ravel(), return_inverse=True)
        return index[:, np.newaxis] == np.arange(len(classes)), classes.tolist()


class StratifiedSequenceKFold(_IterativeKFold):
    """K folds of label sequences, each with its share of the steps of every rare label.

    Whole sequences are dealt, by iterative stratification [1]_ of how often they hold each label.
    In sequence labelling most sequences hold nothing but the most frequent label, so that folds
    drawn at random differ in the others; where a sequence holds five steps of a label and
    another one, it is steps that are balanced. In place of the most frequent label all steps
    are: the folds differ by at most a sequence, and have about as many steps. Which sequences
    share a fold is random.

    The y to split by is a list, or an array of dtype object, of sequences of labels, which may
    have unequal lengths, or an array of shape (n_sequences, n_steps). Labels are strings or
    integers. Steps masked in a masked array do not count; padding without a mask is a label like
    others. Labels in fewer sequences than folds are missing from some test folds; a warning names
    them.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    random_state : int, RandomState instance or None, default=None
        Source of randomness. With an int, every call of `split` gives the same folds.

    See Also
    --------
    sklearn.model_selection.StratifiedKFold : For one label a sequence.
    IterativeStratifiedKFold : For a set of labels for each row.

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
        labels, index = np.unique(
            np.concatenate([labels for labels in steps if len(labels)]), return_inverse=True
        )
        cell = np.repeat(np.arange(len(steps)), lengths) * len(labels) + index
        counts = np.bincount(cell, minlength=len(steps) * len(labels)).reshape(len(steps), -1)
        # The steps of the most frequent label are what the others leave of all steps.
        counts[:, np.argmax(counts.sum(axis=0))] = lengths
        return counts, labels.tolist()


def _steps(y):
    """Labels of each sequence, as an array without those masked."""
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
            f"Got {reprlib.repr(y)} instead. For one label a sample use StratifiedKFold, for sets "
            "of labels IterativeStratifiedKFold."
        ) from None
    return [array.compressed() for array in arrays]
