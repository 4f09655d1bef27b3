"""SMOTE for classes with few rows."""

import reprlib
from typing import Any, Self

import numpy as np
from scipy.sparse import issparse, vstack
from sklearn import config_context
from sklearn.base import BaseEstimator

__all__ = ["EachClassSMOTE"]

# imbalanced-learn's default for `k_neighbors`.
MOST_NEIGHBOURS = 5


class EachClassSMOTE(BaseEstimator):
    """SMOTE with as many neighbours as each class allows, at most five.

    imbalanced-learn's SMOTE [1]_ fails if a class has no more rows than `k_neighbors`. Here each
    class has its own number of neighbours: the other rows of the class, or five of them. The row
    of a class with one row is repeated, as it has no neighbours. Classes with more than five rows
    get what SMOTE gives them.

    Parameters
    ----------
    categorical_features : list of int, default=()
        Positions of the categorical columns, whose synthetic values are the most frequent ones
        among the neighbours (SMOTENC; SMOTEN if all columns are categorical).
    random_state : int, RandomState instance or None, default=None
        Seed of the synthetic rows.

    References
    ----------
    .. [1] N. V. Chawla et al. "SMOTE: Synthetic Minority Over-sampling Technique." Journal of
       Artificial Intelligence Research 16, 2002. doi:10.1613/jair.953

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.sampling import EachClassSMOTE
    >>> X = np.arange(24.0).reshape(12, 2)
    >>> y = ["common"] * 8 + ["rare"] * 3 + ["once"]
    >>> new_X, new_y = EachClassSMOTE(random_state=0).fit_resample(X, y)
    >>> np.unique(new_y, return_counts=True)[1]
    array([8, 8, 8])

    Within a classifier it sees the training rows only: ``sampling=EachClassSMOTE()``.
    """

    def __init__(
        self,
        categorical_features: Any = (),
        *,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.categorical_features = categorical_features
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Do nothing: imbalanced-learn asks the last step of a pipeline for this method.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Their class labels.

        Returns
        -------
        self : EachClassSMOTE
            The sampler itself.
        """
        return self

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Add rows to the smaller classes until all have as many as the largest.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Their class labels.

        Returns
        -------
        new_X : {ndarray, sparse matrix, DataFrame} of shape (n_new_samples, n_features)
            The rows, followed by synthetic ones.
        new_y : ndarray or Series of shape (n_new_samples,)
            Their class labels.

        Raises
        ------
        ValueError
            If X does not have two axes or lacks values, or y is not a class label for each row.
        """
        X, y = _with_axes(X, "X", 2), _with_axes(y, "y", 1)
        if not len([*self.categorical_features]):
            _check_numbers(X)
        labels, counts = np.unique(y, return_counts=True)
        neighbours = np.minimum(counts - 1, MOST_NEIGHBOURS)
        smaller = counts < counts.max()
        parts = [(X, y)]
        for k in np.unique(neighbours[smaller]):
            wanted = dict.fromkeys(labels[smaller & (neighbours == k)], counts.max())
            # SMOTENC encodes to a sparse matrix, which no other output allows.
            with config_context(transform_output="default"):
                more_X, more_y = self._sampler(int(k), wanted, X.shape[1]).fit_resample(X, y)
            parts.append((more_X[X.shape[0] :], more_y[len(y) :]))
        all_X, all_y = (_stacked(arrays) for arrays in zip(*parts, strict=True))
        return all_X, all_y

    def _sampler(self, k: int, wanted: dict[Any, int], n_features: int) -> Any:
        from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC, RandomOverSampler

        options = {"sampling_strategy": wanted, "random_state": self.random_state}
        categorical = [*self.categorical_features]
        if k == 0:
            return RandomOverSampler(**options)
        if len(categorical) == n_features:
            return SMOTEN(k_neighbors=k, **options)
        if categorical:
            return SMOTENC(categorical, k_neighbors=k, **options)
        return SMOTE(k_neighbors=k, **options)


def _with_axes(data: Any, name: str, n_axes: int) -> Any:
    """Rows, or class labels in one axis or one column; other forms as arrays."""
    try:
        array = data if hasattr(data, "iloc") or issparse(data) else np.asarray(data)
    except ValueError:  # lists of unequal length
        array = np.empty(())
    if array.ndim != n_axes and array.shape[n_axes:] != (1,):
        each = "a column for each feature" if name == "X" else "one class label for each row"
        raise ValueError(
            f"The {name!r} parameter of EachClassSMOTE must have {each}. Got "
            f"{reprlib.repr(data)} instead."
        )
    return array


def _check_numbers(X: Any) -> None:
    """Check that there are numbers everywhere, between which new rows can lie."""
    rule = "The 'X' parameter of EachClassSMOTE must have a number in each row and column. Got"
    try:
        if hasattr(X, "iloc"):
            values = X.to_numpy(dtype=float, na_value=np.nan)
        else:
            values = np.asarray(X.data if issparse(X) else X, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(
            f"{rule} other values: name the columns of categories in 'categorical_features'."
        ) from None
    if np.any(np.isnan(values)):
        raise ValueError(
            f"{rule} {np.sum(np.isnan(values))} missing values: fill them in a step before, such "
            "as SimpleImputer."
        )


def _stacked(parts: tuple[Any, ...]) -> Any:
    """Arrays, sparse matrices, Series or DataFrames below each other."""
    if hasattr(parts[0], "iloc"):
        import pandas as pd

        return pd.concat(parts, ignore_index=True)
    return vstack(parts, format="csr") if issparse(parts[0]) else np.concatenate(parts)
