"""Checks of data and parameters, and the only access to scikit-learn's private helpers.

If a new scikit-learn moves one of those helpers, this module is the only one to change.
"""

import os
import reprlib
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing, check_array, check_X_y, column_or_1d, indexable
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _check_sample_weight, _num_samples, validate_data

try:
    from sklearn.callback import CallbackSupportMixin

    # As a context: the decorator would stand between a warning and the line that it names.
    from sklearn.callback._callback_support import callback_management_context as callbacks_in_fit
except ImportError:  # before scikit-learn 1.9
    from contextlib import nullcontext as callbacks_in_fit

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing to support."""


__all__ = [
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "StrOptions",
    "are_missing",
    "as_array",
    "by_label",
    "callbacks_in_fit",
    "check_finite",
    "check_not_lists",
    "check_one_input",
    "check_sample_weight",
    "checked_groups",
    "checked_labels",
    "checked_target",
    "class_indices",
    "indexable_inputs",
    "indexable_rows",
    "indicator_for",
    "inputs_of",
    "is_indicator",
    "is_labelled",
    "label_codes",
    "labels_and_values",
    "matrix_by_label",
    "n_rows",
    "numbers_of_matrix",
    "numeric_rows",
    "one_of",
    "plain_labels",
    "safe_indexing",
    "scorer_parts",
    "some_of",
    "table_rows",
    "validate_parameter_constraints",
    "warn",
    "warn_of_no_effect",
]

# With more rows than these, at least two must have the same class.
MOST_SINGLE_ROWS = 10

# The folder of this package: a warning names the first line outside of it.
PACKAGE = f"{Path(__file__).parent}{os.sep}"


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


def inputs_of(X: Any) -> tuple[list[Any], list[Any]] | tuple[None, None]:
    """The arrays of several inputs, and their names (or numbers); None and None for one.

    Several inputs are a dict of arrays, or a list or tuple of arrays of two or more dimensions.
    """
    # SciPy's dok_array is a dict, too.
    if isinstance(X, Mapping) and not issparse(X):
        return list(X.values()), list(X)
    is_list = isinstance(X, list | tuple) and X and all(getattr(x, "ndim", 0) >= 2 for x in X)
    return (list(X), [*range(len(X))]) if is_list else (None, None)


def check_one_input(X: Any, n_rows: int, owner: str) -> None:
    """Refuse several inputs, each with the rows of all samples, where one array is meant."""
    if isinstance(X, Mapping) and not issparse(X):
        parts = list(X.values())
    elif isinstance(X, list | tuple) and len(X) != n_rows:
        parts = [part for part in X if np.ndim(part) > 1 and len(part) == n_rows]
    else:
        return
    if parts:
        raise ValueError(
            f"The X of {owner} must be one array or table. Got {len(X)} inputs instead, which "
            "ImbalancedKerasClassifier takes: join them, or use that with a network of several "
            "inputs."
        )


def indexable_rows(X: Any, n_expected: int, owner: str) -> Any:
    """Rows in a form that `safe_indexing` divides: a tuple is several inputs, a list is rows.

    Raises
    ------
    ValueError
        If X, or one of several inputs, has another number of rows than y.
    """
    parts, keys = inputs_of(X)
    is_dict = isinstance(X, Mapping)
    if not parts or keys is None or (not is_dict and len(X) == n_expected):
        rows, _ = indexable(list(X) if isinstance(X, tuple) else X, np.empty(n_expected))
        return rows
    parts = indexable_inputs(parts, keys, f"The inputs in the X of {owner}", n_expected)
    return dict(zip(keys, parts, strict=True)) if is_dict else tuple(parts)


def indexable_inputs(
    parts: Sequence[Any], keys: Sequence[Any], what: str, n_expected: int | None = None
) -> list[Any]:
    """Arrays in a form that can be divided by rows; all must have as many rows, or those of y."""
    parts = [indexable(part)[0] for part in parts]
    counts = [_num_samples(part) for part in parts]
    if len({*counts} if n_expected is None else {*counts, n_expected}) > 1:
        named = ", ".join(f"{n} in {key!r}" for key, n in zip(keys, counts, strict=True))
        rule = "the same number of rows" if n_expected is None else f"the {n_expected} rows of y"
        raise ValueError(f"{what} must have {rule}. Got {named} instead.")
    return parts


def safe_indexing(X: Any, rows: Any) -> Any:
    """Rows of an array, a table or a list, or of each input in a dict or a tuple of arrays."""
    parts, keys = (None, None) if isinstance(X, list) else inputs_of(X)
    if parts is None or keys is None:
        return _safe_indexing(X, rows)
    chosen = [_safe_indexing(part, rows) for part in parts]
    return dict(zip(keys, chosen, strict=True)) if isinstance(X, Mapping) else tuple(chosen)


def n_rows(X: Any) -> int | None:
    """The number of rows that `safe_indexing` divides; None for what has no rows."""
    parts, _ = (None, None) if isinstance(X, list) else inputs_of(X)
    if parts is not None:
        counts = {n_rows(part) for part in parts}
        return counts.pop() if len(counts) == 1 else None
    if hasattr(X, "shape"):
        return X.shape[0] if X.shape else None
    return len(X) if hasattr(X, "__len__") and not isinstance(X, str) else None


def numeric_rows(estimator: Any, X: Any, y: Any = "no_validation", **options: Any) -> Any:
    """Scikit-learn's `validate_data`; text and dates are named by their column."""
    owner = type(estimator).__name__
    try:
        read = validate_data(estimator, X, y, **options)
    except ValueError:
        _check_numbers(X, owner)
        raise
    rows = read[0] if isinstance(read, tuple) else read
    if rows.dtype.kind not in "biufc":
        _check_numbers(X, owner)
    return read


def table_rows(
    estimator: Any,
    X: Any,
    matrix: Callable[[Any], np.ndarray],
    y: Any = None,
    *,
    reset: bool,
    multi_output: bool = False,
) -> Any:
    """Scikit-learn's checks of the names and the number of columns, and of the matrix of a table.

    Without y the matrix alone is returned.
    """
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    options = {"dtype": None, "ensure_all_finite": False, "estimator": estimator}
    if y is None:
        return check_array(matrix(X), **options)
    return check_X_y(matrix(X), y, multi_output=multi_output, **options)


def _check_numbers(X, owner):
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        column = getattr(X, "iloc", X)
        columns = [(repr(name), column[:, j]) for j, name in enumerate(X.columns)]
    else:
        # As objects, since NumPy would turn numbers beside text into text.
        array = X if isinstance(X, np.ndarray) else np.asarray(X, dtype=object)
        columns = [] if array.dtype.kind in "biufc" else _columns_of(array)
    for where, values in columns:
        flat = np.ravel(np.asarray(values))
        if flat.dtype.kind in "biufc":
            continue
        is_wrong = isinstance if flat.dtype.kind == "O" else lambda *_: True
        wrong = next((value for value in flat if is_wrong(value, str | bytes | date)), None)
        if wrong is not None:
            raise ValueError(
                f"The X of {owner} must hold numbers. Got {str(wrong)!r} in column {where}: make "
                "numbers of it in a step before, as those of "
                "skimbalance.preprocessing.table_steps do for text and categories."
            )


def _columns_of(array):
    if array.ndim < 2:
        return [("0", array)]
    return [(str(j), array[:, j]) for j in range(array.shape[1])]


def check_finite(
    X: Any, owner: str, names: Sequence[str] | None = None, *, missing: bool = False
) -> None:
    """Check that rows are finite, or missing if these may be; the first other value is named."""
    if X.dtype.kind != "f":
        return
    values = X.data if issparse(X) else X
    with np.errstate(over="ignore", invalid="ignore"):
        # The sum is fast and needs no memory; only an overflow needs a second look.
        if np.isfinite(np.sum(values)):
            return
    wrong = np.isinf(values) if missing else ~np.isfinite(values)
    if not np.any(wrong):
        return
    place = np.argwhere(wrong)[0].tolist()
    value = "NaN" if np.isnan(values[tuple(place)]) else "infinity"
    if issparse(X):
        place = [int(axis[place[0]]) for axis in X.tocoo().coords]
    where = f"row {place[0]}"
    if X.ndim == 2:
        where += f", column {place[1] if names is None else repr(names[place[1]])}"
    if missing:
        raise ValueError(
            f"The X of {owner} must be finite or missing. Got {value} in {where}: put a number or "
            "NaN in its place."
        )
    raise ValueError(
        f"The X of {owner} must be finite. Got {value} in {where}: fill such values in a step "
        "before, as SimpleImputer or the steps of skimbalance.preprocessing.table_steps do."
    )


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
    if not each_once and n_rows > MOST_SINGLE_ROWS and len(np.unique(labels)) == n_rows:
        raise ValueError(
            "The labels in y must be classes, and not numbers or names of the rows. Got "
            f"{n_rows} different labels in {n_rows} rows: "
            f"{some_of(plain_labels(labels.ravel()), 3)}."
        )
    return labels


def checked_groups(groups: Any, n_rows: int, owner: str) -> np.ndarray:
    """A group for each row, as an array, which splitters can sort; errors name the owner."""
    try:
        array = column_or_1d(as_array(groups))
        np.unique(array)
    except (TypeError, ValueError):
        array = np.empty(0)
    if len(array) != n_rows:
        raise ValueError(
            f"The 'groups' parameter of {owner} must hold a group for each of the {n_rows} rows, "
            f"all text or all numbers. Got {reprlib.repr(groups)} instead."
        )
    return array


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


def is_labelled(values: Any) -> bool:
    """Whether a container carries labels: a dict or another mapping, or a pandas object."""
    return isinstance(values, Mapping) or hasattr(values, "iloc")


def by_label(
    values: Any, labels: Sequence[Any] | np.ndarray, name: str, noun: str = "classes"
) -> Any:
    """Values in the order of the labels; a container without labels stays as it is.

    A mapping is read by its keys, a pandas Series by its index. A DataFrame is read by its index
    and gives a Series for each row, or a number where it has one column.

    Parameters
    ----------
    values : mapping, Series, DataFrame or another container
        A value for each label, the parameter `name`.
    labels : sequence of length n
        The labels, in order.
    name : str
        Name of the parameter, for errors.
    noun : str, default="classes"
        What the labels are.

    Returns
    -------
    ordered : list of length n, or `values`

    Raises
    ------
    ValueError
        If the labels of the container are not the given ones.
    """
    if not is_labelled(values):
        return values
    keys, parts = labels_and_values(values)
    place = {key: row for row, key in enumerate(keys)}
    known = dict.fromkeys(plain_labels(labels))
    repeated = [] if len(place) == len(keys) else [key for key in place if keys.count(key) > 1]
    wrong = {
        "": [key for key in place if key not in known],
        "no value for ": [label for label in known if label not in place],
        "several values for ": repeated,
    }
    got = [f"{words}{some_of(those)}" for words, those in wrong.items() if those]
    if got:
        what, remedy = "keys", ""
        if not isinstance(values, Mapping):
            what = "index labels"
            remedy = f"; for values in the order of the {noun}, pass its .to_numpy()"
        raise ValueError(
            f"The {what} of {name!r} must be the {noun} of y: {some_of(list(known))}. "
            f"Got {' and '.join(got)} instead{remedy}."
        )
    return [parts[place[label]] for label in known]


def labels_and_values(values: Any) -> tuple[list[Any], list[Any]]:
    """The labels of a container and its values, in its order; a Series for each row of a frame."""
    if isinstance(values, Mapping):
        return plain_labels(values), list(values.values())
    if values.ndim == 2 and values.shape[1] == 1:
        values = values.iloc[:, 0]
    index = values.index
    # Counts of the rows of a DataFrame are indexed by tuples, even of a single label.
    labels = (index.get_level_values(0) if index.nlevels == 1 else index).tolist()
    if values.ndim == 1:
        return labels, values.tolist()
    return labels, [values.iloc[row] for row in range(len(values))]


def matrix_by_label(values: Any, labels: Sequence[Any] | np.ndarray, name: str) -> Any:
    """Rows and columns in the order of the labels: see `by_label`."""
    rows = by_label(values, labels, name)
    _check_columns(values, labels, name)
    return [by_label(row, labels, name) for row in rows] if isinstance(rows, list | tuple) else rows


def _check_columns(values, labels, name):
    """Refuse the columns of a table without an index, such as polars', in another order."""
    columns = [] if hasattr(values, "iloc") else [*getattr(values, "columns", [])]
    in_order = [str(label) for label in labels]
    if columns != in_order and sorted(columns) == sorted(in_order):
        raise ValueError(
            f"The columns of {name!r} must be in the order of the classes, {in_order!r}, as its "
            f"rows are. Got {columns!r} instead."
        )


def check_sample_weight(sample_weight: npt.ArrayLike | None, X: Any) -> np.ndarray:
    """Weights as float64 of shape (n_samples,): finite, not negative, not all zero."""
    if sample_weight is None:
        return np.ones(_num_samples(X))
    given = np.asarray(sample_weight)
    if given.dtype.kind in "US" or isinstance(sample_weight, Mapping):
        raise ValueError(
            "The 'sample_weight' parameter must hold a number for each row. Got "
            f"{reprlib.repr(sample_weight)} instead: weights of classes belong to 'class_weight'."
        )
    if given.ndim and not np.any(given):
        raise ValueError(
            "The weights in 'sample_weight' must not be all zero: at least one must be positive."
        )
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
    if np.any(weight < 0):
        raise ValueError(
            "The weights in 'sample_weight' must be positive or zero. Got negative values, down "
            f"to {weight.min():g}."
        )
    return weight


def plain_labels(labels: Iterable[Any]) -> list[Any]:
    """Labels as Python's own numbers and strings, for messages and as keys of a dict."""
    return [label.item() if isinstance(label, np.generic) else label for label in labels]


def some_of(values: list[Any], most: int = 10) -> str:
    """The first values of a list and the number of the others, for messages."""
    n_more = len(values) - most
    return f"{values[:most]!r} and {n_more} more" if n_more > 0 else f"{values!r}"


def one_of(values):
    """Values to choose from, for messages: 'a', 'b' or 'c'."""
    *most, last = map(repr, values)
    return f"{', '.join(most)} or {last}" if most else last


def warn_of_no_effect(name: str, value: Any, reason: str, remedy: str = "") -> None:
    """Warn that a parameter was set and does nothing, and say what would help."""
    shown = " ".join(reprlib.repr(value).split())
    remedy = f"{remedy}, or leave" if remedy else "leave"
    warn(
        f"The {name!r} parameter has no effect, as {reason}: {remedy} {name!r} out. "
        f"Got {name}={shown}."
    )


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line that called this package, however deep inside the warning is raised."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def scorer_parts(scorer: Any) -> tuple[Callable[..., float], int, dict[str, Any], Any] | None:
    """Function, sign, keywords and response methods of scikit-learn's scorer; None for others."""
    if not hasattr(scorer, "_score_func"):
        return None
    return scorer._score_func, scorer._sign, scorer._kwargs, scorer._response_method


def tree_values(
    nodes: np.ndarray,
    X: np.ndarray,
    bitsets: np.ndarray,
    known_bitsets: np.ndarray,
    feature_map: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write the values that one of scikit-learn's boosted trees has for some rows into `out`."""
    from sklearn.ensemble._hist_gradient_boosting._predictor import _predict_from_raw_data

    _predict_from_raw_data(nodes, X, bitsets, known_bitsets, feature_map, 1, out)
