"""The one door to scikit-learn's private validation helpers.

If a new scikit-learn moves one of them, this module is the only one to change.
"""

import numpy as np
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.validation import _check_sample_weight

__all__ = [
    "HasMethods",
    "Interval",
    "StrOptions",
    "check_sample_weight",
    "safe_indexing",
    "validate_parameter_constraints",
]


def check_sample_weight(sample_weight, X):
    """Weights as float64 of shape (n_samples,): finite, not negative, not all zero."""
    if sample_weight is None:
        return np.ones(len(X))
    given = np.asarray(sample_weight)
    if given.ndim and not np.any(given):
        raise ValueError(
            "The weights in 'sample_weight' must not be all zero: at least one must be positive."
        )
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
    if np.any(weight < 0):
        raise ValueError(
            "The weights in 'sample_weight' must be positive or zero. Got negative values: the "
            f"least is {weight.min():g}."
        )
    return weight
