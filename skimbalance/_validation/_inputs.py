"""One input or several: their rows are counted and divided here."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import indexable

from skimbalance._validation._sklearn import count_of_rows, rows_of_array

__all__ = [
    "check_one_input",
    "indexable_inputs",
    "indexable_rows",
    "inputs_of",
    "n_rows",
    "safe_indexing",
]


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
    counts = [count_of_rows(part) for part in parts]
    if len({*counts} if n_expected is None else {*counts, n_expected}) > 1:
        named = ", ".join(f"{n} in {key!r}" for key, n in zip(keys, counts, strict=True))
        rule = "the same number of rows" if n_expected is None else f"the {n_expected} rows of y"
        raise ValueError(f"{what} must have {rule}. Got {named} instead.")
    return parts


def safe_indexing(X: Any, rows: Any) -> Any:
    """Rows of an array, a table or a list, or of each input in a dict or a tuple of arrays."""
    parts, keys = (None, None) if isinstance(X, list) else inputs_of(X)
    if parts is None or keys is None:
        return rows_of_array(X, rows)
    chosen = [rows_of_array(part, rows) for part in parts]
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
