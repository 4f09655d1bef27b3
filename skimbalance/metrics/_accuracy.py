"""The `score` of classifiers, where labels of a multilabel y may be missing."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin

from skimbalance._validation import checked_target, is_indicator, label_codes

__all__ = ["AccuracyMixin"]


class AccuracyMixin(ClassifierMixin):
    """scikit-learn's mixin of classifiers, whose `score` leaves missing labels out."""

    def score(self, X: Any, y: Any, sample_weight: npt.ArrayLike | None = None) -> float:
        """Accuracy: the share of the rows that are decided right.

        In the multilabel case a row is right if all its labels are. Where labels are missing (nan),
        those that are known decide, and rows without any are left out.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), or indicator of shape (n_samples, n_labels)
            True class labels, or labels.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.

        Returns
        -------
        score : float
            Accuracy.
        """
        codes = label_codes(checked_target(y)) if is_indicator(y) else np.zeros(1)
        if np.all(codes >= 0):
            return super().score(X, y, sample_weight)
        predicted = self.predict(X)
        predicted = predicted.toarray() if issparse(predicted) else predicted
        counts = np.any(codes >= 0, axis=1)
        if not counts.any():
            raise ValueError(
                "y must have a label that is not missing in at least 1 row, to be scored. Got "
                "missing labels only."
            )
        # A missing label is taken as it was decided.
        true = np.where(codes < 0, predicted, codes)[counts]
        weight = None if sample_weight is None else np.asarray(sample_weight)[counts]
        return float(np.average(np.all(true == predicted[counts], axis=1), weights=weight))
