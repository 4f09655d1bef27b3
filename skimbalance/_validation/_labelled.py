"""Values that carry labels: read by class label, in the order of the classes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from skimbalance._validation._words import some_of

__all__ = ["by_label", "is_labelled", "labels_and_values", "matrix_by_label", "plain_labels"]


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


def plain_labels(labels: Iterable[Any]) -> list[Any]:
    """Labels as Python's own numbers and strings, for messages and as keys of a dict."""
    return [label.item() if isinstance(label, np.generic) else label for label in labels]
