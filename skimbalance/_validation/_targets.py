"""Checks of targets: class labels, and label indicator matrices."""

import reprlib
from numbers import Real
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.multiclass import type_of_target

from skimbalance._validation._labelled import plain_labels
from skimbalance._validation._words import some_of

__all__ = [
    "are_missing",
    "as_array",
    "check_not_lists",
    "checked_labels",
    "checked_target",
    "class_indices",
    "indicator_for",
    "is_indicator",
    "label_codes",
    "numbers_of_matrix",
]

# With more rows than these, at least two must have the same class.
MOST_SINGLE_ROWS = 10

FIRST_ROWS = 100


def as_array(y: Any) -> Any:
    """Data as an array, by their `to_numpy` if they have it: nullable integers stay integers."""
    if not hasattr(y, "to_numpy"):
        return y
    array = y.to_numpy()
    # A DataFrame with nullable columns becomes an array of objects.
    if array.ndim == 2 and array.dtype == object and all(_is_numeric(t) for t in y.dtypes):
        return y.to_numpy(dtype=float)
    return array


def _is_numeric(dtype):
    """Whether a type of NumPy or pandas, or any other, is one of numbers."""
    return getattr(dtype, "kind", "O") in "biuf"


def check_not_lists(y: Any) -> Any:
    """Targets as an array or a sparse matrix; lists of unequal length are refused."""
    try:
        return y if issparse(y) else np.asarray(y)
    except ValueError:
        raise ValueError(
            "y must hold one class for each row, or be a label indicator matrix, as made by "
            "scikit-learn's MultiLabelBinarizer. For a class at each step of a sequence use "
            "ImbalancedSequenceClassifier, which has its own 'objective' parameter. Got lists of "
            f"unequal length: {reprlib.repr(y)}."
        ) from None


def checked_target(y: Any, *, multilabel: bool = True, each_once: bool = False) -> Any:
    """The y of a classifier as an array, checked: class labels, or a label indicator matrix.

    Objects that are all numbers become numbers.

    Parameters
    ----------
    y : array-like or sparse matrix
        The target, as users give it.
    multilabel : bool, default=True
        Whether it may be a label indicator matrix.
    each_once : bool, default=False
        Whether every row may have a label of its own, as in a part of the data.

    Returns
    -------
    y : ndarray or sparse matrix
        The same target.

    Raises
    ------
    ValueError
        If y is missing, is no array, lacks labels, mixes text with numbers, or holds real numbers
        or names of rows instead of classes.
    """
    if y is None:
        raise ValueError(
            "y must hold the class label of each row: a classifier requires y to be passed, but "
            "the target y is None."
        )
    y = as_array(y)
    array = check_not_lists(y)
    if array.ndim == 0:
        remedy = f", such as table[{y!r}]" if isinstance(y, str) else ""
        raise ValueError(
            f"y must hold the class label of each row{remedy}. Got {reprlib.repr(y)} instead."
        )
    if array.ndim > 1 and array.shape[1] != 1:
        is_other = array.ndim > 2 or not (issparse(array) or is_indicator(y))
        if is_other or not multilabel:
            remedy = "one class label for each row"
            remedy += ", or a label indicator matrix of 0 and 1" if multilabel else ""
            remedy += "" if is_other else "; for classes in columns, that is y.argmax(axis=1)"
            raise ValueError(
                f"y should be a 1d array, got an array of shape {array.shape} instead. Pass "
                f"{remedy}."
            )
        return numbers_of_matrix(array)
    if issparse(array):
        return array
    labels = checked_labels(y if isinstance(y, list | tuple) else array)
    n_rows = len(labels)
    if not each_once and n_rows > MOST_SINGLE_ROWS and _all_differ(labels):
        raise ValueError(
            "The labels in y must be classes, and not numbers or names of the rows. Got "
            f"{n_rows} different labels in {n_rows} rows: "
            f"{some_of(plain_labels(labels.ravel()), 3)}."
        )
    return labels


def _all_differ(labels):
    """Whether no two rows have the same label; the first rows mostly tell."""
    first = labels[:FIRST_ROWS]
    return len(np.unique(first)) == len(first) and len(np.unique(labels)) == len(labels)


def checked_labels(labels: Any, each: str = "row") -> np.ndarray:
    """Class labels of rows, or whatever `each` says, as an array; objects may become numbers.

    Raises
    ------
    ValueError
        If labels are missing, are neither all text nor all numbers, or are real numbers.
    """
    # NumPy would turn the numbers and gaps of a list with text into text.
    array = np.asarray(labels, dtype=None if isinstance(labels, np.ndarray) else object)
    missing = are_missing(array)
    if np.any(missing):
        raise ValueError(
            f"The labels in y must not be missing. Got {np.sum(missing)} missing labels, the "
            f"first in {each} {np.argmax(missing)}: label or drop these {each}s."
        )
    array = _of_one_kind(array, keeps_text=isinstance(labels, np.ndarray))
    if array.dtype.kind == "f":
        fractions = array[np.isfinite(array) & (array != np.round(array))]
        if len(fractions):
            raise ValueError(
                "The labels in y must be classes, and not real numbers (Unknown label type: "
                f"continuous). Got {fractions[0]:g} instead: cut the numbers into classes, or use "
                "a regressor."
            )
    return array


def are_missing(array: np.ndarray) -> np.ndarray:
    """Mask of the values that are missing, of shape (n,); the axes of an array are joined."""
    if array.dtype == object:
        return np.array([_is_missing(value) for value in array.ravel()], dtype=bool)
    return np.ravel(array != array)  # nan and NaT


def _is_missing(label):
    """Whether a label is None, nan, or pandas' NA or NaT."""
    if label is None or type(label).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(label, Real) and label != label


def _of_one_kind(labels, keeps_text):
    """Labels that are all text or all numbers, numbers not as objects."""
    if _is_numeric(labels.dtype) or labels.dtype.kind in "US":
        return labels
    kinds: dict[str, Any] = {}
    for label in labels.ravel():
        kinds.setdefault(_kind(label), label)
    if len(kinds) > 1:
        examples = " and ".join(map(repr, plain_labels(kinds.values())))
        raise ValueError(
            f"The labels in y must be all text or all numbers. Got both, such as {examples}."
        )
    array = np.array(labels.tolist())
    if "numbers" in kinds and not _is_numeric(array.dtype):  # such as fractions
        kinds["other"] = next(n for n in labels.ravel() if not _is_numeric(np.asarray(n).dtype))
    if "other" in kinds:
        is_complex = isinstance(kinds["other"], complex | np.complexfloating)
        rule = "real numbers (Complex data not supported)" if is_complex else "numbers"
        raise ValueError(
            f"The labels in y must be text or {rule}. Got {reprlib.repr(kinds['other'])} instead."
        )
    return labels if keeps_text and "text" in kinds else array


def _kind(label):
    if isinstance(label, str | bytes):
        return "text" if isinstance(label, str) else "bytes"
    return "numbers" if isinstance(label, Real | np.bool_) else "other"


def is_indicator(y: Any) -> bool:
    """Whether y is a label indicator matrix: at least two columns with at most two values.

    Labels may be missing in it.
    """
    array = check_not_lists(as_array(y))
    if not (issparse(array) or array.ndim == 2):
        return False
    array = array.tocsr() if issparse(array) else numbers_of_matrix(array)
    values = array.data if issparse(array) else array
    if values.dtype.kind == "f" and np.isnan(values).any():
        array = array.copy()
        values = array.data if issparse(array) else array
        values[np.isnan(values)] = 0
    if values.dtype == object or (values.dtype.kind == "f" and np.isinf(values).any()):
        return False
    return type_of_target(array) == "multilabel-indicator"


def numbers_of_matrix(array: Any) -> Any:
    """A matrix of objects that are all numbers or missing, as floats; any other as it is."""
    if issparse(array) or array.ndim != 2 or array.dtype != object:
        return array
    values = array.ravel().tolist()
    if not all(_is_missing(value) or isinstance(value, Real | np.bool_) for value in values):
        return array
    plain = [np.nan if _is_missing(value) else float(value) for value in values]
    return np.array(plain).reshape(array.shape)


def label_codes(y: Any) -> np.ndarray:
    """A label indicator matrix as integers: 0, 1, and -1 where a label is missing.

    Parameters
    ----------
    y : array-like or sparse matrix of shape (n_samples, n_labels)
        As `checked_target` returns it.

    Returns
    -------
    codes : ndarray of int8 of shape (n_samples, n_labels)

    Raises
    ------
    ValueError
        If y has another value.
    """
    array = y.toarray() if issparse(y) else np.asarray(y)
    missing = np.isnan(array) if array.dtype.kind == "f" else np.zeros(array.shape, bool)
    values = np.unique(array[~missing])
    if not np.isin(values, (0, 1)).all():
        raise ValueError(
            "A label indicator matrix must hold 0 and 1 only, and nan where a label is missing. "
            f"Got {some_of(values.tolist())} instead."
        )
    return np.where(missing, -1, array == 1).astype(np.int8)


def indicator_for(y: Any, codes: np.ndarray) -> Any:
    """A label indicator matrix as estimators read it, which mostly misread sparse or nullable ones.

    Parameters
    ----------
    y : array-like or sparse matrix of shape (n_samples, n_labels)
        As the user gave it; a table keeps the names of its columns.
    codes : ndarray of shape (n_samples, n_labels)
        0, 1, or -1 where a label is missing.

    Returns
    -------
    indicator : ndarray or DataFrame
        Integers; or floats, with nan where a label is missing.
    """
    if hasattr(y, "columns") and not hasattr(y, "iloc"):
        return y
    values = np.where(codes < 0, np.nan, codes) if np.any(codes < 0) else codes.astype(int)
    return type(y)(values, index=y.index, columns=y.columns) if hasattr(y, "iloc") else values


def class_indices(y: np.ndarray, classes: np.ndarray, source: str = "") -> np.ndarray:
    """Index of each class label in the sorted `classes`; `source` is appended to them in errors."""
    index = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    unknown = classes[index] != y
    if np.any(unknown):
        raise ValueError(
            f"The labels of y must be among the classes {classes.tolist()!r}{source}. "
            f"Got {some_of(np.unique(y[unknown]).tolist())} instead."
        )
    return index
