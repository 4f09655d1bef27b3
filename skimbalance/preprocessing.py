"""Mixed tables taken as they are: which steps make finite numbers of a table's columns.

What is decided here is seen from the columns' types alone. Everything that is learnt from the
rows (medians, scales, categories) is learnt when the steps are fitted, inside the folds.
"""

from numbers import Number
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.validation import check_is_fitted

__all__ = ["TableSteps", "table_steps"]

# Of the categories of a column so many keep a code of their own, the most frequent ones. SMOTENC
# holds a dense copy of all one-hot columns for each neighbour of each row that it makes.
MOST_CATEGORIES = 50

# Of other categories nothing could be learnt that holds for another row.
FEWEST_ROWS = 2

# Codes that every categorical column shares; those of its own categories follow.
OTHER, MISSING, FIRST = 0, 1, 2

# Squares of larger numbers overflow when they are summed for the standard deviation.
LARGEST = 1e150


class TableSteps(NamedTuple):
    """Steps of a pipeline that takes a mixed table.

    Parameters
    ----------
    clean : ColumnTransformer
        From the table to a matrix of finite floats: the categorical columns as codes, the
        numeric columns standardised, and the indicators of missing numbers. Not fitted.
    encode : ColumnTransformer or "passthrough"
        From that matrix to one without codes: its categorical columns one-hot. Not fitted.
    categorical : list of int
        Where the categorical columns stand in the output of `clean`.

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

    clean: ColumnTransformer
    encode: ColumnTransformer | str
    categorical: list


def table_steps(X):
    """Choose the steps that make a matrix of finite numbers of a mixed table.

    The steps are for a pipeline, so that they are fitted on training rows only. A sampler for
    mixed rows, such as SMOTENC, stands between the two.

    - Numbers and booleans: the missing are replaced by the median, then the column is
      standardised. A column with missing values in the fit gets an indicator of them, of 0 and
      1, at the end of the matrix. A column that is constant or all missing in the fit is 0.
    - Text and the pandas type "category": codes 0 to 51, in place of up to 50 categories
      with at least 2 rows in the fit, the most frequent first. Rarer categories and those
      unknown in the fit share the code 0; missing is a category of its own, 1. Then one-hot;
      a code that no row had in the fit is all zeros.

    Integers that name categories are taken for numbers; give them the type "category" to have
    them one-hot. Nothing else is asked of X but its columns' names and types: neither y nor any
    statistic of the rows that another fold should not see.

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n_samples, n_features)
        The table. An array of objects may mix numbers and text, by column.

    Returns
    -------
    steps : TableSteps
        The steps `clean` and `encode`, and the positions `categorical`, between the two, of
        the categorical columns.

    Raises
    ------
    ValueError
        If a column's name occurs twice, or a column mixes numbers and text, or holds dates,
        infinite numbers (or beyond 1e150) or objects.

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
    frame = _frame(X)
    names = frame.columns.tolist()
    _check_shape(frame, names)
    kinds = []
    for j, name in enumerate(names):
        kinds.append(_kind(frame.iloc[:, j], name))
        if kinds[j] == "numeric":
            _numbers(frame.iloc[:, j], name)  # refuses infinite ones
    # By name where that is possible, so that new tables may have other columns in between.
    by_name = not isinstance(X, np.ndarray) and all(isinstance(name, str) for name in names)
    # Categorical columns first: how many indicators the numeric ones get is known in the fit only.
    blocks = []
    for kind, transformer in (("categorical", _CategoricalColumns), ("numeric", _NumericColumns)):
        of_kind = [j for j in range(len(names)) if kinds[j] == kind]
        columns = [names[j] for j in of_kind]
        if columns:
            blocks.append((kind, transformer(columns), columns if by_name else of_kind))
    # One job: threads for a few columns would cost more than the columns.
    clean = ColumnTransformer(
        blocks, sparse_threshold=0.0, verbose_feature_names_out=False, n_jobs=1
    )
    categorical = list(range(kinds.count("categorical")))
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

    def __init__(self, columns):
        self.columns = columns

    def fit(self, X, y=None):
        """Learn from the training rows, column by column."""
        self._fit(list(self._named(X)))
        self.n_features_in_ = len(self.columns)
        return self

    def _named(self, X):
        frame = _frame(X)
        return ((name, frame.iloc[:, j]) for j, name in enumerate(self.columns))


class _NumericColumns(_Columns):
    """Median in place of the missing, standardised, with indicators of the missing.

    Attributes
    ----------
    median_, mean_, scale_ : ndarray of shape (n_columns,)
        The scale of a column with nothing to learn from is infinite, which makes it 0.
    indicated_ : ndarray of shape (n_columns,)
        Which columns have an indicator.
    """

    def _fit(self, columns):
        values = _matrix(columns)
        missing = np.isnan(values)
        empty = missing.all(axis=0)
        self.indicated_ = missing.any(axis=0) & ~empty
        self.median_ = np.zeros(len(columns))
        for j in np.flatnonzero(~empty):
            self.median_[j] = np.median(values[~missing[:, j], j])
        values = np.where(missing, self.median_, values)
        self.mean_ = values.mean(axis=0)
        deviation = values.std(axis=0)
        varies = (values.min(axis=0) < values.max(axis=0)) & (deviation > 0)
        self.scale_ = np.where(varies, deviation, np.inf)

    def transform(self, X):
        """Standardised columns, then the indicators."""
        check_is_fitted(self)
        values = _matrix(self._named(X))
        missing = np.isnan(values)
        values = (np.where(missing, self.median_, values) - self.mean_) / self.scale_
        return np.hstack([values, missing[:, self.indicated_]])

    def get_feature_names_out(self, input_features=None):
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
        Category to code, for each column.
    text_ : list of bool
        Whether a column's categories are text; None where it had none.
    """

    def _fit(self, columns):
        self.codes_, self.text_ = [], []
        for name, column in columns:
            codes, labels = _factorized(column, name)
            counts = np.bincount(codes[codes >= 0], minlength=len(labels))
            # The order must not depend on that of the rows: labels break ties.
            ranked = sorted(range(len(labels)), key=lambda j: (-counts[j], str(labels[j])))
            kept = [labels[j] for j in ranked[:MOST_CATEGORIES] if counts[j] >= FEWEST_ROWS]
            self.codes_.append({label: FIRST + code for code, label in enumerate(kept)})
            self.text_.append(_is_text(labels))

    def transform(self, X):
        """Codes as floats."""
        check_is_fitted(self)
        out = []
        for (name, column), known, text in zip(
            self._named(X), self.codes_, self.text_, strict=True
        ):
            codes, labels = _factorized(column, name)
            if None not in (text, _is_text(labels)) and text != _is_text(labels):
                # All of them would be unknown, in silence.
                raise ValueError(
                    f"The column {name!r} of X must hold {'text' if text else 'no text'}, as in "
                    f"the fit. Got {labels[0]!r} instead."
                )
            # The last one is for the missing, whose code is -1.
            new = np.array([known.get(label, OTHER) for label in labels] + [MISSING], dtype=float)
            out.append(new[codes])
        return np.column_stack(out)

    def get_feature_names_out(self, input_features=None):
        """The columns' names."""
        check_is_fitted(self)
        return np.array([str(name) for name in self.columns], dtype=object)


def _frame(X):
    """X as a pandas DataFrame, which shares its memory where it can."""
    import pandas as pd

    if isinstance(X, pd.DataFrame):
        return X
    if hasattr(X, "to_pandas"):  # polars, pyarrow
        return X.to_pandas()
    if isinstance(X, np.ndarray) and X.ndim == 2:
        return pd.DataFrame(X)
    found = f"an array of shape {X.shape}" if isinstance(X, np.ndarray) else f"{type(X).__name__}"
    raise ValueError(
        f"The 'X' parameter must be a DataFrame or a two-dimensional array. Got {found} instead."
    )


def _check_shape(frame, names):
    if 0 in frame.shape:
        raise ValueError(
            "The 'X' parameter of table_steps must have at least one row and one column. "
            f"Got shape {frame.shape} instead."
        )
    twice = [name for name, again in zip(names, frame.columns.duplicated(), strict=True) if again]
    if twice:
        raise ValueError(
            "The columns of X must have different names. "
            f"Got {twice[0]!r} more than once: rename or drop one."
        )


def _kind(column, name):
    """Return "numeric" or "categorical", or refuse the column."""
    import pandas as pd

    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return "categorical"
    if pd.api.types.is_object_dtype(dtype):
        return _kind_of_objects(column, name)
    if pd.api.types.is_bool_dtype(dtype):
        return "numeric"
    if pd.api.types.is_numeric_dtype(dtype) and dtype.kind != "c":
        return "numeric"
    if pd.api.types.is_string_dtype(dtype):
        return "categorical"
    raise _refusal(name, str(dtype), dates=dtype.kind in "mM" or isinstance(dtype, pd.PeriodDtype))


def _kind_of_objects(column, name):
    """As `_kind`, by the values; a column without any may hold anything later: categorical."""
    import pandas as pd

    inferred = pd.api.types.infer_dtype(column, skipna=True)
    if inferred in ("string", "empty"):
        return "categorical"
    if inferred in ("integer", "floating", "mixed-integer-float", "boolean", "decimal"):
        return "numeric"
    values = column.to_numpy()
    rows = np.flatnonzero(~pd.isna(column).to_numpy())
    is_text = np.array([isinstance(values[i], str) for i in rows])
    is_number = np.array([_is_number(values[i]) for i in rows])
    if not np.all(is_text | is_number):
        other = rows[np.argmin(is_text | is_number)]
        dates = any(word in inferred for word in ("date", "time", "period"))
        raise _refusal(name, f"{type(values[other]).__name__} in row {other}", dates=dates)
    if np.all(is_number) or np.all(is_text):
        return "numeric" if np.all(is_number) else "categorical"
    text, number = rows[np.argmax(is_text)], rows[np.argmax(is_number)]
    raise ValueError(
        f"The column {name!r} of X must hold either numbers or text. Got the text "
        f"{values[text]!r} in row {text} and the number {values[number]!r} in row {number}."
    )


def _refusal(name, found, *, dates):
    remedy = (
        "convert it first, for instance to days since a date by "
        "(column - pd.Timestamp('2000-01-01')).dt.days"
        if dates
        else "convert or drop it first"
    )
    return ValueError(
        f"The column {name!r} of X must hold numbers, text or categories. "
        f"Got {found} instead: {remedy}."
    )


def _is_number(value):
    return isinstance(value, Number | np.bool_) and not isinstance(value, complex)


def _numbers(column, name):
    """Column as floats, the missing as nan."""
    kind = "numeric" if column.isna().all() else _kind(column, name)
    if kind != "numeric":
        row = int(np.flatnonzero(column.notna())[0])
        raise ValueError(
            f"The column {name!r} of X must hold numbers, as in the fit. "
            f"Got {column.iloc[row]!r} in row {row} instead."
        )
    values = column.to_numpy(dtype=float, na_value=np.nan)
    too_large = np.flatnonzero(np.abs(values) > LARGEST)
    if len(too_large):
        row = int(too_large[0])
        raise ValueError(
            f"The numbers in the column {name!r} of X must be finite and at most {LARGEST:g} in "
            f"size. Got {values[row]:g} in row {row} instead."
        )
    return values


def _matrix(columns):
    return np.column_stack([_numbers(column, name) for name, column in columns])


def _factorized(column, name):
    """Codes of the rows, -1 where missing, and the label of each code."""
    import pandas as pd

    try:
        codes, labels = pd.factorize(column)
    except TypeError:
        raise _refusal(name, "values that cannot be hashed", dates=False) from None
    return codes, np.asarray(labels, dtype=object).tolist()


def _is_text(labels):
    """Whether the labels are text; None without labels."""
    return all(isinstance(label, str) for label in labels) if labels else None
