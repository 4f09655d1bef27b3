"""Mixed tables: the steps that turn their columns into finite numbers.

The columns' types alone decide which steps these are. Whatever is learnt from rows (medians,
scales, categories) is learnt when the steps are fitted, inside the folds.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skimbalance.preprocessing._columns import (
    check_names,
    column_kind,
    frame_of,
    is_category,
    numbers_of,
    warn_of_numbers,
)
from skimbalance.preprocessing._encoder import LARGEST, NUMBERS, TableEncoder, kept_levels
from skimbalance.preprocessing._reader import level_numbers
from skimbalance.preprocessing._totals import frequent_levels

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.compose import ColumnTransformer

__all__ = ["TableSteps", "table_steps"]

# Codes that all categorical columns have in common; the codes of a column's categories follow.
OTHER, MISSING, FIRST = 0, 1, 2


class TableSteps(NamedTuple):
    """The steps of a pipeline that takes a mixed table.

    Parameters
    ----------
    clean : ColumnTransformer
        Step from the table to a matrix of finite floats: the categorical columns as codes,
        the numeric columns standardised, and the indicators of missing numbers. Not fitted.
    encode : ColumnTransformer or "passthrough"
        Step from that matrix to one with one-hot columns in place of the codes. Not fitted.
    categorical : list of int
        Positions of the categorical columns in the output of `clean`.

    See Also
    --------
    table_steps : Chooses the steps.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.preprocessing import table_steps
    >>> table_steps(np.array([[1.5, 2.0], [0.5, np.nan]])).categorical
    []
    """

    clean: "ColumnTransformer"
    encode: "ColumnTransformer | str"
    categorical: list[int]


def table_steps(X: Any) -> TableSteps:
    """Choose the steps that turn a mixed table into a matrix of finite numbers.

    The steps are for a pipeline, so that they are fitted on training rows only. A sampler for
    mixed rows, such as SMOTENC, goes between the two.

    - Numbers and booleans (as 0 and 1): missing values are replaced by the median, then the
      column is standardised. A column with missing values in the fit gets an indicator of them,
      0 or 1, at the end of the matrix. A column that is constant in the fit, or has no value at
      all, becomes 0.
    - Text and the pandas type "category": up to 30 categories, the most frequent ones with at
      least 2 rows in the fit, get the codes 2 to 31. Rarer categories and those unknown in the
      fit share the code 0; missing values are a category, with the code 1. Then the codes are
      one-hot encoded; a code that no row had in the fit is all zeros.

    `ImbalancedMLPClassifier` takes such tables by itself, and reads them in the same way.

    Integers that name categories are treated as numbers; give them the type "category" to have
    them one-hot encoded. A warning names a column of text that is all numbers, such as "0,59". A
    column without any value is a column of numbers, whatever its type. Only the names and types
    of the columns decide: neither y nor any statistic of the rows, which another fold must not
    see.

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n_samples, n_features)
        The table. In an array of objects, some columns may hold numbers and others text.

    Returns
    -------
    steps : TableSteps
        The steps `clean` and `encode`, and the positions `categorical` of the categorical
        columns between the two.

    Raises
    ------
    ValueError
        If two columns have the same name, or a column mixes numbers and text, or holds dates,
        numbers that are infinite or beyond 1e150, or other objects.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from imblearn.over_sampling import SMOTENC
    >>> from imblearn.pipeline import make_pipeline
    >>> from skimbalance.preprocessing import table_steps
    >>> X = pd.DataFrame(
    ...     {"age": [20, 30, None, 40] * 5, "grade": ["a", "a", "b", None] * 5}
    ... )
    >>> y = [0, 0, 0, 1] * 5
    >>> clean, encode, categorical = table_steps(X)
    >>> clean.fit_transform(X)[:4].round(2).tolist()
    [[2.0, -1.41, 0.0], [2.0, 0.0, 0.0], [3.0, 0.0, 1.0], [1.0, 1.41, 0.0]]
    >>> clean.get_feature_names_out().tolist()
    ['grade', 'age', 'missingindicator_age']
    >>> pipe = make_pipeline(
    ...     clean, SMOTENC(categorical, k_neighbors=2), encode, LogisticRegression()
    ... )
    >>> pipe.fit(X, y).predict(X[:4]).tolist()
    [0, 0, 0, 1]
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OneHotEncoder

    frame = _frame(X)
    names = frame.columns.tolist()
    _check_shape(frame)
    kinds = []
    for name, (_, column) in zip(names, frame.items(), strict=True):
        kinds.append(column_kind(column, name))
        if kinds[-1] == "number":
            _numbers(column, name)  # refuses infinite ones
        elif not is_category(column.dtype):
            warn_of_numbers(column.dropna().tolist(), name)
    # By name where that is possible, so that new tables may have other columns in between.
    by_name = not isinstance(X, np.ndarray) and all(isinstance(name, str) for name in names)
    # Categorical columns first: how many indicators the numeric ones get is known in the fit only.
    blocks = []
    for kind, block, transformer in (
        ("text", "categorical", _CategoricalColumns),
        ("number", "numeric", _NumericColumns),
    ):
        places = [j for j in range(len(names)) if kinds[j] == kind]
        columns = [names[j] for j in places]
        if columns:
            blocks.append((block, transformer(columns), columns if by_name else places))
    # One job: threads for a few columns would cost more than the columns.
    clean = ColumnTransformer(
        blocks, sparse_threshold=0.0, verbose_feature_names_out=False, n_jobs=1
    )
    categorical = list(range(kinds.count("text")))
    if not categorical:
        return TableSteps(clean, "passthrough", categorical)
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    encode = ColumnTransformer(
        [("one_hot", one_hot, categorical)],
        remainder="passthrough",
        sparse_threshold=0.0,
        verbose_feature_names_out=False,
        n_jobs=1,
    )
    return TableSteps(clean, encode, categorical)


class _Columns(TransformerMixin, BaseEstimator):
    """Columns of one kind; `columns` are their names in errors and in the output."""

    def __init__(self, columns: list):
        self.columns = columns

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from the training rows, column by column."""
        self._fit(list(self._named(X)))
        self.n_features_in_ = len(self.columns)
        return self

    def _fit(self, columns: list[tuple[Any, "pd.Series"]]) -> None:
        raise NotImplementedError

    def _named(self, X: Any) -> Iterator[tuple[Any, "pd.Series"]]:
        frame = _frame(X)
        return ((name, frame.iloc[:, j]) for j, name in enumerate(self.columns))


class _NumericColumns(_Columns):
    """Missing values replaced by the median, columns standardised, indicators of missing values.

    Attributes
    ----------
    median_, mean_, scale_ : ndarray of shape (n_columns,)
        The scale of a column with nothing to learn from is infinite, which makes it 0.
    indicated_ : ndarray of shape (n_columns,)
        Mask of the columns that have an indicator.
    """

    def _fit(self, columns):
        values = _matrix(columns)
        rows, kinds = np.arange(len(values)), np.full(values.shape[1], NUMBERS)
        encoder = TableEncoder.learn(values, rows, None, kinds, standardize=True)
        self.median_, self.mean_, self.scale_ = encoder.fill, encoder.center, encoder.scale
        self.indicated_ = np.isin(np.arange(values.shape[1]), encoder.flagged)

    def transform(self, X: Any) -> np.ndarray:
        """Standardised columns, then the indicators."""
        check_is_fitted(self)
        values = _matrix(self._named(X))
        missing = np.isnan(values)
        values = (np.where(missing, self.median_, values) - self.mean_) / self.scale_
        return np.hstack([values, missing[:, self.indicated_]])

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """The columns' names, then those of the indicators, as scikit-learn calls them."""
        check_is_fitted(self)
        names = [str(name) for name in self.columns]
        return np.array(
            names + [f"missingindicator_{names[j]}" for j in np.flatnonzero(self.indicated_)],
            dtype=object,
        )


class _CategoricalColumns(_Columns):
    """Codes in place of categories.

    Attributes
    ----------
    codes_ : list of dict
        Level to code, for each column.
    text_ : list of bool or None
        Whether the categories of each column are text; None for a column without categories.
    """

    def _fit(self, columns):
        self.codes_, self.text_ = [], []
        for name, column in columns:
            levels, counts, are_text = frequent_levels(column, name)
            ranked = [levels[j] for j in kept_levels(np.array(counts, dtype=int))]
            self.codes_.append({level: FIRST + code for code, level in enumerate(ranked)})
            self.text_.append(are_text)

    def transform(self, X: Any) -> np.ndarray:
        """Codes as floats."""
        check_is_fitted(self)
        columns = zip(self._named(X), self.codes_, self.text_, strict=True)
        return np.column_stack(
            [
                level_numbers(column, name, code_of, was_text, unknown=OTHER, missing=MISSING)
                for (name, column), code_of, was_text in columns
            ]
        )

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """The columns' names."""
        check_is_fitted(self)
        return np.array([str(name) for name in self.columns], dtype=object)


def _frame(X: Any) -> "pd.DataFrame":
    frame = frame_of(X)
    if frame is not None:
        return frame
    kind = f"an array of shape {X.shape}" if isinstance(X, np.ndarray) else type(X).__name__
    raise ValueError(
        f"The 'X' parameter must be a DataFrame or a two-dimensional array. Got {kind} instead."
    )


def _check_shape(frame):
    if 0 in frame.shape:
        raise ValueError(
            "The 'X' parameter of table_steps must have at least one row and one column. "
            f"Got shape {frame.shape} instead."
        )
    check_names(frame)


def _numbers(column: "pd.Series", name: Any) -> np.ndarray:
    """Column as floats, missing values as nan."""
    values = numbers_of(column, name)
    too_large = np.flatnonzero(np.abs(values) > LARGEST)
    if len(too_large):
        row = int(too_large[0])
        raise ValueError(
            f"The numbers in the column {name!r} of X must be finite and at most {LARGEST:g} in "
            f"size. Got {values[row]:g} in row {row} instead."
        )
    return values


def _matrix(columns: Iterable[tuple[Any, "pd.Series"]]) -> np.ndarray:
    return np.column_stack([_numbers(column, name) for name, column in columns])
