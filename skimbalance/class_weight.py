"""Class weights: from a scheme and class counts to one number for each class."""

from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from skimbalance._validation import plain_labels

__all__ = ["compute_class_weight"]


def compute_class_weight(
    class_weight: dict[Any, float] | npt.ArrayLike | None,
    class_counts: npt.ArrayLike,
    *,
    classes: npt.ArrayLike | None = None,
    beta: float | None = None,
) -> np.ndarray:
    """Weight of each class, scaled so that the mean weight of a training row is 1.

    With this scale, ``sum(class_counts * weights) == sum(class_counts)``, other weights do not
    also change the learning rate or the weight decay in effect.

    Parameters
    ----------
    class_weight : None, "balanced", float in [0, 1], "effective", dict or array-like
        The scheme, before scaling:

        - None: every class weighs 1;
        - "balanced": inversely proportional to the class count n_k, ``N / (C * n_k)`` for N rows
          of C classes [1]_;
        - a float p: ``n_k ** -p``; 0 is the same as None, 0.5 is the inverse square root, and 1 is
          the same as "balanced";
        - "effective": ``(1 - beta) / (1 - beta ** n_k)``, the inverse of the effective number
          of rows [2]_;
        - a dict from class label to weight, with a key for each class and no other key;
        - an array of shape (n_classes,), in the order of `classes`.

        With "balanced", "effective" and a positive float, the rarest class weighs most.
    class_counts : array-like of shape (n_classes,)
        Number of rows of each class, or the sum of their sample weights. A class without rows is
        treated as if it had one row: no row uses its weight.
    classes : array-like of shape (n_classes,), default=None
        Class labels, which the keys of a dict refer to. By default 0 to n_classes - 1.
    beta : float in [0, 1), default=None
        The parameter of "effective". By default ``(N - 1) / N``, with N the number of rows.

    Returns
    -------
    weights : ndarray of shape (n_classes,)
        Weights in the order of `classes`.

    Raises
    ------
    ValueError
        If the scheme is unknown, if the keys of a dict are not the classes, or if a weight is
        negative or not finite.

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
    """
    return _weights_of_scheme("class_weight", class_weight, class_counts, classes, beta)


def _weights_of_scheme(name, class_weight, class_counts, classes, beta=None):
    """Do the work of `compute_class_weight`; errors call the parameter `name`."""
    counts = np.asarray(class_counts, dtype=float)
    total = counts.sum()
    if counts.ndim != 1 or not np.all(counts >= 0) or not 0 < total < np.inf:
        raise ValueError(
            "The 'class_counts' parameter of compute_class_weight must be a one-dimensional array "
            "of finite numbers, not negative and not all zero. "
            f"Got {class_counts!r} instead."
        )
    raw = _raw_weights(class_weight, np.where(counts > 0, counts, 1.0), classes, beta, name)
    if not np.all(np.isfinite(raw)) or np.any(raw < 0):
        raise ValueError(
            f"The weights in {name!r} must be finite and not negative. "
            f"Got {class_weight!r} instead."
        )
    mean = (counts @ raw) / total
    if mean <= 0:
        raise ValueError(
            f"The weights in {name!r} must be positive for at least one class with "
            f"training rows. Got {class_weight!r} instead."
        )
    return raw / mean


def _raw_weights(class_weight, counts, classes, beta, name):
    """Weights before scaling."""
    n_classes = len(counts)
    if class_weight is None:
        return np.ones(n_classes)
    if isinstance(class_weight, dict):
        labels = range(n_classes) if classes is None else classes
        return _weights_of_dict(class_weight, labels, name)
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


def _weights_of_dict(class_weight, classes, name):
    """Weights in the order of the classes; every class needs a key, and every key a class."""
    labels = plain_labels(classes)
    unknown = [key for key in class_weight if key not in labels]
    if unknown:
        raise ValueError(
            f"The keys of {name!r} must be classes of y: {labels!r}. Got {unknown!r} instead."
        )
    missing = [label for label in labels if label not in class_weight]
    if missing:
        raise ValueError(
            f"The {name!r} dict must have a weight for every class of y. Got none for {missing!r}."
        )
    return _as_floats([class_weight[label] for label in labels], name)


def _as_floats(weights, name):
    try:
        return np.asarray(weights, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(
            f"The weights in {name!r} must be numbers. Got {list(weights)!r} instead."
        ) from None
