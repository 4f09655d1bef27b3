"""The only access to scikit-learn's private helpers.

If a new scikit-learn moves one of those helpers, this module is the only one to change.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing as rows_of_array
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.validation import _check_sample_weight as checked_by_sklearn
from sklearn.utils.validation import _num_samples as count_of_rows

try:
    from sklearn.callback import CallbackSupportMixin

    # As a context: the decorator would stand between a warning and the line that it names.
    from sklearn.callback._callback_support import callback_management_context as callbacks_in_fit
except ImportError:  # before scikit-learn 1.9
    from contextlib import nullcontext as callbacks_in_fit

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing to support."""


__all__ = [
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "StrOptions",
    "callbacks_in_fit",
    "checked_by_sklearn",
    "count_of_rows",
    "rows_of_array",
    "scorer_parts",
    "validate_parameter_constraints",
]


def scorer_parts(scorer: Any) -> tuple[Callable[..., float], int, dict[str, Any], Any] | None:
    """Function, sign, keywords and response methods of scikit-learn's scorer; None for others."""
    if not hasattr(scorer, "_score_func"):
        return None
    return scorer._score_func, scorer._sign, scorer._kwargs, scorer._response_method


def tree_values(
    nodes: np.ndarray,
    X: np.ndarray,
    bitsets: np.ndarray,
    known_bitsets: np.ndarray,
    feature_map: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write the values that one of scikit-learn's boosted trees has for some rows into `out`."""
    from sklearn.ensemble._hist_gradient_boosting._predictor import _predict_from_raw_data

    _predict_from_raw_data(nodes, X, bitsets, known_bitsets, feature_map, 1, out)
