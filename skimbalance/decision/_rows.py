"""Checked rows of the tuner, and the posteriors that a classifier gives them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from skimbalance._response import last_step, posterior
from skimbalance._validation import n_rows, safe_indexing

__all__ = ["Rows", "fitted_clone", "held_out_posteriors", "rows_of_each"]


@dataclass(frozen=True)
class Rows:
    """Rows that have been checked.

    Parameters
    ----------
    X, y
        Rows and targets as the estimator gets them.
    target : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Class indices, or in the multilabel case an indicator.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    classes : ndarray of shape (n_classes,) or (n_labels,)
        Class labels, or the numbers of the labels.
    counted : ndarray of shape (n_classes,) or (n_labels, 2), default=None
        Rows of each class, as `rows_of_each` counts them, where the fit has more than these.
    """

    X: Any
    y: Any
    target: np.ndarray
    weight: np.ndarray
    classes: np.ndarray
    counted: np.ndarray | None = None

    @property
    def class_rows(self) -> np.ndarray:
        """Rows of each class, see `rows_of_each`."""
        if self.counted is not None:
            return self.counted
        return rows_of_each(self.target, len(self.classes))

    def posterior(self, estimator: Any, X: Any) -> np.ndarray:
        """Posteriors with a column for each class, also for those the estimator does not know."""
        proba = posterior(estimator, X, self.classes, multilabel=self.target.ndim == 2)
        if np.ndim(proba) != 2:
            raise ValueError(
                "The probabilities of 'estimator' must be of shape (n_samples, n_classes) or, in "
                f"the multilabel case, (n_samples, n_labels). Got shape {np.shape(proba)} of "
                f"{type(last_step(estimator)).__name__} instead: for a class at each step use "
                "ImbalancedSequenceClassifier with its own 'objective' parameter."
            )
        return proba


def rows_of_each(target: np.ndarray, n_classes: int) -> np.ndarray:
    """Number of rows of each class.

    In the multilabel case the shape is (n_labels, 2): rows without and with each label.
    """
    if target.ndim == 1:
        return np.bincount(target, minlength=n_classes)
    return np.column_stack([np.sum(target == 0, axis=0), np.sum(target == 1, axis=0)])


def fitted_clone(
    estimator: Any, X: Any, y: Any, fit_params: Mapping[str, Any], told: tuple[Any, Any] | None
) -> Any:
    """A clone, fitted. `told` is a caller whose callbacks are told of the fit, and its task."""
    new = clone(estimator)
    if told is None:
        return new.fit(X, y, **fit_params)
    caller, task = told
    with task.propagate_callback_context(new):
        task.call_on_fit_task_begin(estimator=caller, X=X, y=y)
        new.fit(X, y, **fit_params)
    task.call_on_fit_task_end(estimator=caller, X=X, y=y)
    return new


def held_out_posteriors(
    estimator: Any,
    data: Rows,
    train: np.ndarray,
    test: np.ndarray,
    fit_params: Mapping[str, Any],
    told: tuple[Any, Any] | None = None,
) -> np.ndarray:
    """Posteriors of the test rows by a clone fitted on the training rows."""
    params = {
        # X_val and the like have rows of their own.
        name: safe_indexing(value, train)
        if n_rows(value) == len(data.y) and not name.endswith("_val")
        else value
        for name, value in fit_params.items()
    }
    X, y = safe_indexing(data.X, train), safe_indexing(data.y, train)
    new = fitted_clone(estimator, X, y, params, told)
    return data.posterior(new, safe_indexing(data.X, test))
