"""Checks of data and parameters, and the only access to scikit-learn's private helpers.

If a new scikit-learn moves one of those helpers, this module is the only one to change.
"""

import os
import reprlib
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _check_sample_weight, _num_samples

__all__ = [
    "HasMethods",
    "Interval",
    "StrOptions",
    "as_array",
    "check_not_lists",
    "check_sample_weight",
    "class_indices",
    "is_indicator",
    "one_of",
    "plain_labels",
    "safe_indexing",
    "some_of",
    "validate_parameter_constraints",
    "warn",
]

# The folder of this package: a warning names the first line outside of it.
PACKAGE = f"{Path(__file__).parent}{os.sep}"


def as_array(y: Any) -> Any:
    """Data as an array, by their `to_numpy` if they have it: nullable integers stay integers."""
    if not hasattr(y, "to_numpy"):
        return y
    array = y.to_numpy()
    # A DataFrame with nullable columns becomes an array of objects.
    if array.ndim == 2 and array.dtype == object and all(t.kind in "biuf" for t in y.dtypes):
        return y.to_numpy(dtype=float)
    return array


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


def is_indicator(y: Any) -> bool:
    """Whether y is a label indicator matrix: at least two columns with at most two values."""
    array = check_not_lists(y)
    with np.errstate(invalid="ignore"):  # missing values are refused, here or by later checks
        two_axes = issparse(array) or array.ndim == 2
        return two_axes and type_of_target(y) == "multilabel-indicator"


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


def check_sample_weight(sample_weight: npt.ArrayLike | None, X: Any) -> np.ndarray:
    """Weights as float64 of shape (n_samples,): finite, not negative, not all zero."""
    if sample_weight is None:
        return np.ones(_num_samples(X))
    given = np.asarray(sample_weight)
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


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line that called this package, however deep inside the warning is raised."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
