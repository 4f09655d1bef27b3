"""Other targets than one class label for each row: multilabel y, and sequences of steps."""

import reprlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_consistent_length

from skimbalance._validation import as_array, numbers_of_matrix
from skimbalance.metrics._checks import (
    all_labels,
    checked_posteriors,
    in_order_of,
    posterior_matrix,
)

__all__ = [
    "StepsOf",
    "are_sequences",
    "checked_label_posteriors",
    "checked_targets",
    "each_label",
    "is_multilabel",
    "label_matrix",
    "label_names",
    "labels_in",
    "row_counts",
    "steps_of",
]


# Multilabel y


def is_multilabel(y: Any) -> bool:
    """Whether y has a column of 0 and 1 for each of several labels; nan where it is not known."""
    try:
        array = _with_two_axes(y)
    except (TypeError, ValueError):
        return False
    return array is not None and array.shape[1] > 1 and not _wrong(array).any()


def label_matrix(y: Any, name: str, owner: str, *, missing: bool = False) -> np.ndarray:
    """Multilabel y as 0 and 1 in float64, with nan where a label is not known.

    Parameters
    ----------
    y : array-like, sparse matrix or DataFrame of shape (n_samples, n_labels)
        A column for each label.
    name, owner : str
        The parameter and its owner, for errors.
    missing : bool, default=False
        Whether labels may be unknown.

    Raises
    ------
    ValueError
        If y has another form.
    """
    try:
        array = _with_two_axes(y)
    except (TypeError, ValueError):
        array = None
    if array is None or not len(array):
        shape = getattr(y, "shape", None)
        got = reprlib.repr(y) if shape is None else f"shape {tuple(shape)}"
        raise ValueError(
            f"The {name!r} parameter of {owner} must have a row for each sample and a column for "
            f"each label, as it is multilabel. Got {got} instead."
        )
    wrong = _wrong(array) if missing else _wrong(array) | np.isnan(array)
    if wrong.any():
        may_be = ", or nan where it is not known" if missing else ""
        raise ValueError(
            f"The {name!r} parameter of {owner} must say of each label 0 or 1{may_be}. Got "
            f"{array[wrong][0]:g} instead."
        )
    return array


def label_names(labels: Any, y: Any, n_labels: int, owner: str) -> list[Any]:
    """Names of labels: those given, or the columns of a table, or their numbers."""
    names = getattr(y, "columns", range(n_labels)) if labels is None else labels
    names = names.tolist() if hasattr(names, "tolist") else list(names)
    if len(names) != n_labels or len({*names}) < n_labels:
        raise ValueError(
            f"The 'labels' parameter of {owner} must name each of the {n_labels} columns of a "
            f"multilabel y once. Got {reprlib.repr(names)} instead."
        )
    return names


def checked_label_posteriors(
    y_true: Any, proba: Any, labels: Any, owner: str
) -> tuple[np.ndarray, np.ndarray, list[Any]]:
    """Multilabel y, as from `label_matrix`, posteriors of each label in float64, and names."""
    y = label_matrix(y_true, "y_true", owner, missing=True)
    names = label_names(labels, y_true, y.shape[1], owner)
    array = in_order_of(names, posterior_matrix(proba, owner), proba)
    if array.shape != y.shape:
        raise ValueError(
            f"The 'proba' parameter of {owner} must have a row for each of the {len(y)} rows of y "
            f"and a column for each of its {len(names)} labels. Got shape {array.shape} instead."
        )
    wrong = ~((array >= 0) & (array <= 1))
    if wrong.any():
        raise ValueError(
            f"The 'proba' parameter of {owner} must have probabilities in [0, 1]. Got "
            f"{array[wrong][0]:g} in row {int(np.argmax(wrong.any(axis=1)))} instead."
        )
    return y, array, names


def labels_in(y_true: Any, y_pred: Any, proba: Any, owner: str) -> Any:
    """All class labels of targets and decisions of any form, or the names of the labels."""
    if are_sequences(y_true, proba):
        y_true, y_pred, _, _ = steps_of(y_true, y_pred, None, owner)
    elif is_multilabel(y_true):
        n_labels = label_matrix(y_true, "y_true", owner, missing=True).shape[1]
        return label_names(None, y_true, n_labels, owner)
    return all_labels(None, owner, y_true=y_true, y_pred=y_pred)


def checked_targets(
    y_true: Any, proba: Any, labels: Any, owner: str
) -> tuple[np.ndarray, np.ndarray, Any]:
    """Targets and posteriors of classes, of labels, or of the steps of sequences.

    Returns
    -------
    y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Class indices, or a matrix as from `label_matrix`.
    proba : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
        Posteriors.
    labels : ndarray or list
        Class labels, or names of the labels.
    """
    if are_sequences(y_true, proba):
        y_true, _, proba, _ = steps_of(y_true, None, proba, owner)
    elif is_multilabel(y_true):
        return checked_label_posteriors(y_true, proba, labels, owner)
    return checked_posteriors(y_true, proba, labels, owner)


def row_counts(y: np.ndarray, n_classes: int) -> np.ndarray:
    """Number of rows of each class or label of targets as from `checked_targets`."""
    if y.ndim == 1:
        return np.bincount(y, minlength=n_classes)
    return np.nansum(y, axis=0).astype(int)


def each_label(y: np.ndarray, proba: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each class, or each label, the rows that are of it, and the posteriors of these rows.

    Rows in which a label is not known are left out.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Class indices, or a matrix as from `label_matrix`.
    proba : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
        Posteriors.
    """
    for k, p in enumerate(proba.T):
        if y.ndim == 1:
            yield y == k, p
        else:
            known = ~np.isnan(y[:, k])
            yield y[known, k] == 1, p[known]


def _with_two_axes(y):
    """Floats, with nan for what is missing; None if y has no two axes."""
    if issparse(y):
        return y.toarray().astype(float)
    if np.ma.isMaskedArray(y):
        return None
    array = numbers_of_matrix(np.asarray(as_array(y)))
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        return None
    return array.astype(float)


def _wrong(array):
    return ~((array == 0) | (array == 1) | np.isnan(array))


# Sequences


class StepsOf(NamedTuple):
    """The steps of all sequences that count, one after the other.

    Parameters
    ----------
    y : ndarray of shape (n_steps,)
        True class labels.
    decided : ndarray of shape (n_steps,) or None
        Predicted class labels.
    proba : ndarray of shape (n_steps, n_classes) or None
        Posteriors.
    sequence : ndarray of int of shape (n_steps,)
        The sequence of each step.
    """

    y: np.ndarray
    decided: Any
    proba: Any
    sequence: np.ndarray


def are_sequences(y: Any, proba: Any = None) -> bool:
    """Whether y has a class label for each step of a sequence, and not one for each row.

    It has if it is a list of sequences of unequal length, of text, or a masked array; and whatever
    it is, if `proba` has axes of sequences, steps and classes.
    """
    if getattr(proba, "ndim", 0) == 3:
        return True
    if np.ma.isMaskedArray(y):
        return y.ndim == 2
    if not isinstance(y, list | tuple | np.ndarray) or not len(y):
        return False
    if any(isinstance(part, str) or not hasattr(part, "__len__") for part in y):
        return False
    return len({len(part) for part in y}) > 1 or any(
        isinstance(label, str) for label in np.ravel(np.asarray(y[0], dtype=object))
    )


def steps_of(y_true: Any, y_pred: Any, proba: Any, owner: str) -> StepsOf:
    """The steps of sequences that count.

    Parameters
    ----------
    y_true, y_pred : list of sequences, or array-like of shape (n_sequences, n_steps)
        Class labels. Steps that are masked in either do not count. `y_pred` may be None.
    proba : ndarray of shape (n_sequences, n_steps, n_classes), list of ndarrays, or None
        Posteriors, each sequence from the left.
    owner : str
        For errors.

    Raises
    ------
    ValueError
        If the lengths differ, or no step counts.
    """
    given = {"y_true": y_true, "y_pred": y_pred, "proba": proba}
    given = {name: values for name, values in given.items() if values is not None}
    check_consistent_length(*given.values())
    parts: dict[str, list[np.ndarray]] = {name: [] for name in given}
    sequence = []
    for i in range(len(y_true)):
        steps = {name: np.ma.asanyarray(_steps(values[i])) for name, values in given.items()}
        length = len(steps["y_true"])
        if "proba" in steps and len(steps["proba"]) >= length:
            steps["proba"] = steps["proba"][:length]  # zeros follow the end of a list
        other = next((name for name, values in steps.items() if len(values) != length), None)
        if other:
            raise ValueError(
                f"The {other!r} parameter of {owner} must be as long as 'y_true' in each sequence. "
                f"Got {len(steps[other])} steps for the {length} of sequence {i}."
            )
        counts = np.ones(length, bool)
        for name in ("y_true", "y_pred"):
            if name in steps:
                counts &= ~np.ma.getmaskarray(steps[name])
        for name, values in steps.items():
            parts[name].append(np.ma.getdata(values)[counts])
        sequence.append(np.full(np.count_nonzero(counts), i))
    joined = {name: _joined(of_name) for name, of_name in parts.items()}
    return StepsOf(
        joined["y_true"], joined.get("y_pred"), joined.get("proba"), np.concatenate(sequence)
    )


def _joined(parts):
    """Arrays one after the other; NumPy would turn numbers beside text into text."""
    parts = [part for part in parts if len(part)] or [np.empty(0)]
    is_mixed = len({part.dtype.kind in "US" for part in parts}) > 1
    return np.concatenate([part.astype(object) for part in parts] if is_mixed else parts)


def _steps(values):
    """One sequence; that of a string are its characters."""
    return list(values) if isinstance(values, str) else values
