"""Class weights: from a scheme and class counts to one number for each class."""

import reprlib
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from skimbalance._validation import (
    as_array,
    by_label,
    is_labelled,
    labels_and_values,
    plain_labels,
)

__all__ = ["compute_class_weight"]


def compute_class_weight(
    class_weight: Mapping[Any, float] | npt.ArrayLike | None,
    class_counts: Mapping[Any, float] | npt.ArrayLike,
    *,
    classes: npt.ArrayLike | None = None,
    beta: float | None = None,
) -> np.ndarray:
    """Weight of each class, scaled so that the mean weight of a training row is 1.

    With this scale, ``sum(class_counts * weights) == sum(class_counts)``, other weights do not
    also change the learning rate or the weight decay in effect.

    Parameters
    ----------
    class_weight : None, "balanced", float in [0, 1], "effective", dict, Series or array-like
        The scheme, before scaling:

        - None: every class weighs 1;
        - "balanced": inversely proportional to the class count n_k, ``N / (C * n_k)`` for N rows
          of C classes [1]_;
        - a float p: ``n_k ** -p``; 0 is the same as None, 0.5 is the inverse square root, and 1 is
          the same as "balanced";
        - "effective": ``(1 - beta) / (1 - beta ** n_k)``, the inverse of the effective number
          of rows [2]_;
        - a dict from class label to weight, or a pandas Series with the class labels as its
          index, in any order, with a weight for each class and no other label;
        - an array or list of shape (n_classes,), in the order of `classes`.

        With "balanced", "effective" and a positive float, the rarest class weighs most.
    class_counts : array-like of shape (n_classes,), dict or Series
        Number of rows of each class, or the sum of their sample weights; a dict (such as
        ``collections.Counter(y)``) or a Series (such as ``y.value_counts()``) by class label. A
        class without rows is treated as if it had one row: no row uses its weight.
    classes : array-like of shape (n_classes,), default=None
        Class labels. By default the sorted labels of `class_counts` if these carry labels, else 0
        to n_classes - 1.
    beta : float in [0, 1), default=None
        The parameter of "effective". By default ``(N - 1) / N``, with N the number of rows.

    Returns
    -------
    weights : ndarray of shape (n_classes,)
        Weights in the order of `classes`.

    Raises
    ------
    ValueError
        If the scheme is unknown, if the labels of a dict or Series are not the classes, if there
        is not one count for each class, or if a weight is negative or not finite.

    References
    ----------
    .. [1] G. King, L. Zeng. "Logistic Regression in Rare Events Data." Political Analysis
       9(2), 2001. doi:10.1093/oxfordjournals.pan.a004868
    .. [2] Y. Cui et al. "Class-Balanced Loss Based on Effective Number of Samples."
       CVPR 2019. arXiv:1901.05555

    Examples
    --------
    >>> from skimbalance import compute_class_weight
    >>> compute_class_weight("balanced", [90, 10])
    array([0.55555556, 5.        ])
    >>> compute_class_weight(0.5, [90, 10])
    array([0.83333333, 2.5       ])
    >>> compute_class_weight({"no": 1, "yes": 11}, [90, 10], classes=["no", "yes"])
    array([0.5, 5.5])
    >>> compute_class_weight("balanced", {"yes": 10, "no": 90})  # of "no" and "yes"
    array([0.55555556, 5.        ])
    """
    counts, classes = _counts_and_classes(class_counts, classes)
    return _weights_of_scheme("class_weight", class_weight, counts, classes, beta)


def _counts_and_classes(class_counts, classes):
    """Counts of the classes as floats, and the class labels, in the same order."""
    rule = (
        "The 'class_counts' parameter of compute_class_weight must hold the number of rows of "
        "each class"
    )
    remedy = "for class labels y, pass collections.Counter(y)"
    may_be_labels = classes is None and not isinstance(class_counts, Mapping)
    if is_labelled(class_counts):
        if classes is None:
            classes = _sorted_labels(class_counts, rule)
            may_be_labels &= classes == [*range(len(classes))]
        class_counts = by_label(class_counts, classes, "class_counts")
    try:
        given = np.asarray(class_counts)
        counts = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{rule}. Got {reprlib.repr(class_counts)} instead: {remedy}.") from None
    if counts.ndim == 1 and may_be_labels and _look_like_labels(given):
        raise ValueError(
            f"{rule}. Got what looks like class labels, {reprlib.repr(given.tolist())}: {remedy}, "
            "or name the classes in 'classes' if these are counts."
        )
    if counts.ndim != 1 or not np.all(counts >= 0) or not 0 < counts.sum() < np.inf:
        raise ValueError(
            "The 'class_counts' parameter of compute_class_weight must be a one-dimensional array "
            "of finite numbers, not negative and not all zero. "
            f"Got {class_counts!r} instead."
        )
    classes = np.arange(len(counts)) if classes is None else as_array(classes)
    if len({*plain_labels(classes)}) < len(classes):
        raise ValueError(
            "The 'classes' parameter of compute_class_weight must name each class once. "
            f"Got {classes!r} instead."
        )
    if len(classes) != len(counts):
        raise ValueError(
            f"{rule}, one number for each of the {len(classes)} 'classes'. Got {len(counts)} "
            f"numbers instead: {remedy}."
        )
    return counts, classes


def _sorted_labels(class_counts, rule):
    """The labels of a container, sorted."""
    labels, _ = labels_and_values(class_counts)
    try:
        return sorted(labels)
    except TypeError:
        raise ValueError(
            f"{rule}, and the labels must be all text or all numbers. Got {labels!r} instead."
        ) from None


def _look_like_labels(values):
    """Whether all of 0, 1, ..., the largest value occur, and some of them several times."""
    if values.dtype == bool:
        return True
    distinct = np.unique(values)
    return 1 < len(distinct) < len(values) and np.array_equal(distinct, np.arange(len(distinct)))


def _weights_of_scheme(name, class_weight, counts, classes, beta=None):
    """Do the work of `compute_class_weight` with checked counts; errors call the scheme `name`."""
    in_order = by_label(class_weight, classes, name)
    if hasattr(class_weight, "iloc"):
        class_weight = class_weight.to_numpy().tolist()  # as errors show it
        in_order = class_weight if np.ndim(in_order) > 1 else in_order
    raw = _raw_weights(in_order, np.where(counts > 0, counts, 1.0), beta, name)
    if not np.all(np.isfinite(raw)) or np.any(raw < 0):
        raise ValueError(
            f"The weights in {name!r} must be finite and not negative. "
            f"Got {class_weight!r} instead."
        )
    mean = (counts @ raw) / counts.sum()
    if mean <= 0:
        raise ValueError(
            f"The weights in {name!r} must be positive for at least one class with "
            f"training rows. Got {class_weight!r} instead."
        )
    return raw / mean


def _raw_weights(class_weight, counts, beta, name):
    """Weights before scaling."""
    n_classes = len(counts)
    if class_weight is None:
        return np.ones(n_classes)
    if isinstance(class_weight, str):
        if class_weight == "balanced":
            return 1.0 / counts
        if class_weight == "effective":
            return _inverse_effective_number(counts, beta)
    elif isinstance(class_weight, Real) and not isinstance(class_weight, bool | np.bool_):
        power = float(class_weight)
        if 0 <= power <= 1:
            return counts**-power
    elif np.ndim(class_weight) == 1:
        if len(class_weight) != n_classes:
            raise ValueError(
                f"The {name!r} array must have one weight for each class: "
                f"{n_classes} weights. Got {len(class_weight)} instead."
            )
        return _as_floats(class_weight, name)
    raise ValueError(
        f"The {name!r} parameter must be None, 'balanced', 'effective', a float in the "
        f"range [0, 1], a dict or an array. Got {class_weight!r} instead."
    )


def _inverse_effective_number(counts, beta):
    """(1 - beta) / (1 - beta**n), by expm1: the plain form loses digits where beta is near 1."""
    if beta is None:
        # 1 - beta = 1 / N. For a large N, beta itself would round to 1.
        rest = 1.0 / max(counts.sum(), 1.0)
    elif 0 <= beta < 1:
        rest = 1.0 - beta
    else:
        raise ValueError(
            "The 'beta' parameter of compute_class_weight must be a float in the range "
            f"[0, 1). Got {beta!r} instead."
        )
    if rest == 1:
        return np.ones_like(counts)
    return rest / -np.expm1(counts * np.log1p(-rest))


def _as_floats(weights, name):
    try:
        return np.asarray(weights, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(
            f"The weights in {name!r} must be numbers. Got {list(weights)!r} instead."
        ) from None
