"""Checks of rows, and of what stands beside each of them: weights and groups."""

import reprlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse
from sklearn.utils import check_array, check_X_y, column_or_1d
from sklearn.utils.validation import validate_data

from skimbalance._validation._sklearn import checked_by_sklearn, count_of_rows
from skimbalance._validation._targets import are_missing, as_array

__all__ = ["check_finite", "check_sample_weight", "checked_groups", "numeric_rows", "table_rows"]


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
    if reset or not _has_names_of_fit(X, estimator):
        validate_data(estimator, X, reset=reset, skip_check_array=True)
    options = {"dtype": None, "ensure_all_finite": False, "estimator": estimator}
    rows = matrix(X)
    if y is not None:
        return check_X_y(rows, y, multi_output=multi_output, **options)
    return rows if rows.size else check_array(rows, **options)  # which refuses it


def _has_names_of_fit(X, estimator):
    """Whether a table has the columns of the fit, which scikit-learn takes longer to find out."""
    names = getattr(estimator, "feature_names_in_", None)
    return names is not None and hasattr(X, "columns") and np.array_equal(names, X.columns)


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


def check_sample_weight(sample_weight: npt.ArrayLike | None, X: Any) -> np.ndarray:
    """Weights as float64 of shape (n_samples,): finite, not negative, not all zero."""
    if sample_weight is None:
        return np.ones(count_of_rows(X))
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
    weight = checked_by_sklearn(sample_weight, X, dtype=np.float64)
    if np.any(weight < 0):
        raise ValueError(
            "The weights in 'sample_weight' must be positive or zero. Got negative values, down "
            f"to {weight.min():g}."
        )
    return weight


def checked_groups(groups: Any, n_rows: int, owner: str) -> np.ndarray:
    """A group for each row, as an array, which splitters can sort; errors name the owner."""
    rule = f"The 'groups' parameter of {owner} must hold a group for each of the {n_rows} rows"
    try:
        array = column_or_1d(as_array(groups))
        missing = are_missing(array)
        np.unique(array[~missing])
    except (TypeError, ValueError):
        array, missing = np.empty(0), np.empty(0, bool)
    if len(array) and len(array) != n_rows:
        raise ValueError(
            f"{rule}. Got {len(array)} groups: take them from the rows of X, and behind a sampler "
            "in a pipeline leave them out, or put the sampler into the network by 'sampling'."
        )
    if len(array) != n_rows:
        raise ValueError(f"{rule}, all text or all numbers. Got {reprlib.repr(groups)} instead.")
    if np.any(missing):
        raise ValueError(
            f"{rule}, none of them missing. Got {np.sum(missing)} missing groups, the first in row "
            f"{np.argmax(missing)}: give each of these rows a group of its own, or drop it."
        )
    return array
