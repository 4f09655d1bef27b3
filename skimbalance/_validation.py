"""The one door to scikit-learn's private validation helpers.

If a new scikit-learn moves one of them, this module is the only one to change.
"""

import reprlib

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.validation import _check_sample_weight, _num_samples

__all__ = [
    "HasMethods",
    "Interval",
    "StrOptions",
    "as_array",
    "check_not_lists",
    "check_sample_weight",
    "class_indices",
    "safe_indexing",
    "validate_parameter_constraints",
]


def as_array(y):
    """Labels as an array where they say how: a nullable integer would else become a float."""
    if not hasattr(y, "to_numpy"):
        return y
    array = y.to_numpy()
    # Nullable columns of a frame give objects.
    if array.ndim == 2 and array.dtype == object and all(t.kind in "biuf" for t in y.dtypes):
        return y.to_numpy(dtype=float)
    return array


def check_not_lists(y):
    """Targets as an array, or sparse; lists of a row's labels, or of its steps, are refused."""
    try:
        return y if issparse(y) else np.asarray(y)
    except ValueError:
        raise ValueError(
            "y must have one class for each row, or be an indicator of labels, as scikit-learn's "
            "MultiLabelBinarizer makes it; a class for each step of a sequence is for "
            "ImbalancedSequenceClassifier, with an 'objective' of its own. Got lists of unequal "
            f"length: {reprlib.repr(y)}."
        ) from None


def class_indices(y, classes, whose=""):
    """Indices of labels among the sorted classes; `whose` they are is for the error."""
    index = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    unknown = classes[index] != y
    if np.any(unknown):
        raise ValueError(
            f"The labels of y must be among the classes {classes.tolist()!r}{whose}. "
            f"Got {np.unique(y[unknown]).tolist()!r} instead."
        )
    return index


def check_sample_weight(sample_weight, X):
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
            "The weights in 'sample_weight' must be positive or zero. Got negative values: the "
            f"least is {weight.min():g}."
        )
    return weight
