"""Checks that turn class labels, decisions and posteriors into arrays for the scores."""

import reprlib
from numbers import Real
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix
from sklearn.utils import check_consistent_length, column_or_1d

__all__ = [
    "all_labels",
    "checked_posteriors",
    "confusion_counts",
    "encoded",
    "in_order_of",
    "posterior_matrix",
]


def all_labels(labels: Any, owner: str, **ys: Any) -> np.ndarray:
    """Class labels: those given, after checks, or the sorted labels of all `ys`."""
    if labels is None:
        distinct = [_unique(y, name, owner)[0] for name, y in ys.items()]
        if len({array.dtype.kind in "OUS" for array in distinct}) > 1:
            raise ValueError(
                f"The labels in {' and '.join(map(repr, ys))} of {owner} must be of one type. "
                f"Got {' and '.join(repr(array.tolist()[0]) for array in distinct)} instead."
            )
        labels = np.unique(np.concatenate(distinct))
    else:
        n_distinct = len(_unique(labels, "labels", owner)[0])
        labels = _with_one_axis(labels, "labels", owner)
        if n_distinct < len(labels):
            raise ValueError(
                f"The 'labels' parameter of {owner} must name each class once. "
                f"Got {labels.tolist()!r} instead."
            )
    if len(labels) < 2:
        raise ValueError(
            f"The 'labels' parameter of {owner} must name at least two classes. "
            f"Got {labels.tolist()!r} instead."
        )
    return labels


def confusion_counts(y_true: Any, y_pred: Any, labels: np.ndarray, owner: str) -> np.ndarray:
    """Confusion matrix: numbers of rows by true class (first axis) and predicted class."""
    check_consistent_length(y_true, y_pred)
    true, predicted = (
        encoded(y, labels, name, owner) for y, name in ((y_true, "y_true"), (y_pred, "y_pred"))
    )
    return confusion_matrix(true, predicted, labels=np.arange(len(labels)))


def checked_posteriors(
    y_true: Any, proba: Any, labels: Any, owner: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Class indices, posteriors in float64 and class labels."""
    labels = all_labels(labels, owner, y_true=y_true)
    y = encoded(y_true, labels, "y_true", owner)
    proba = in_order_of(labels.tolist(), posterior_matrix(proba, owner), proba)
    if proba.shape != (len(y), len(labels)):
        raise ValueError(
            f"The 'proba' parameter of {owner} must have a row for each of the {len(y)} labels and "
            f"a column for each of the classes {labels.tolist()!r}. "
            f"Got shape {proba.shape} instead."
        )
    # The tolerance of 0.001 is far above float32 rounding and far below any mistake.
    wrong = ~((proba.min(axis=1) >= 0) & (np.abs(proba.sum(axis=1) - 1) < 1e-3))
    if np.any(wrong):
        row = int(np.argmax(wrong))
        raise ValueError(
            f"The 'proba' parameter of {owner} must have rows of finite, not negative values that "
            f"sum to 1. Got {proba[row].tolist()!r} in row {row} instead."
        )
    return y, proba, labels


def posterior_matrix(proba: Any, owner: str) -> np.ndarray:
    """Posteriors as an array of float64, of any shape."""
    try:
        # One memory order, so that sums agree to the last bit for arrays and DataFrames.
        return np.asarray(proba, dtype=float, order="C")
    except (TypeError, ValueError):
        raise ValueError(
            f"The 'proba' parameter of {owner} must be a dense array of numbers. "
            f"Got {reprlib.repr(proba)} instead."
        ) from None


def in_order_of(labels: list[Any], array: np.ndarray, given: Any) -> np.ndarray:
    """Posteriors in the order of the labels, where the columns of the table are these labels."""
    columns = [*getattr(given, "columns", [])]
    if columns == labels or len(columns) != len(labels) or {*columns} != {*labels}:
        return array
    return array[:, [columns.index(label) for label in labels]]


def encoded(y: Any, labels: np.ndarray, name: str, owner: str) -> np.ndarray:
    """Index in `labels` of the class label of each row."""
    values, inverse = _unique(y, name, owner)
    index = {label: k for k, label in enumerate(labels.tolist())}
    unknown = [value for value in values.tolist() if value not in index]
    if unknown:
        raise ValueError(
            f"The labels in {name!r} of {owner} must be among the labels {labels.tolist()!r}. "
            f"Got {unknown[0]!r} instead."
        )
    return np.array([index[value] for value in values.tolist()])[inverse]


def _with_one_axis(y, name, owner):
    try:
        return column_or_1d(y)
    except (ValueError, TypeError):
        shape = getattr(y, "shape", None)
        got = f"{type(y).__name__}" if shape is None else f"shape {shape}"
        raise ValueError(
            f"The {name!r} parameter of {owner} must have one class label for each row. Got {got} "
            "instead: in the multilabel case, say 0 or 1 of each label, and give scores of classes "
            "one column at a time; of sequences, give the steps one after the other."
        ) from None


def _unique(y, name, owner):
    """Distinct class labels, and for each row the index of its label among them."""
    y = _with_one_axis(y, name, owner)
    if len(y) == 0:
        raise ValueError(f"The {name!r} parameter of {owner} must not be empty.")
    if y.dtype == object and all(isinstance(label, Real | np.bool_) for label in y):
        y = np.array(y.tolist())
    if y.dtype.kind == "f" and np.any(wrong := np.isfinite(y) & (y != np.floor(y))):
        raise ValueError(
            f"The labels in {name!r} of {owner} must be classes, and not real numbers. Got "
            f"{y[wrong].item(0)!r}: cut the numbers into classes."
        )
    try:
        values, inverse = np.unique(y, return_inverse=True)
        # nan and NaT are the only values that differ from themselves.
        missing = bool(np.any(values != values))
    except TypeError:
        missing = True
    if missing:
        raise ValueError(
            f"The labels in {name!r} of {owner} must be of one type, and none may be missing. "
            f"Got {sorted({type(value).__name__ for value in y.tolist()})!r} instead."
        )
    return values, inverse
