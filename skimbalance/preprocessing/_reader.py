"""Tables as matrices of floats: numbers as they are, and numbers of levels for categories."""

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.sparse import issparse

from skimbalance.preprocessing._columns import (
    check_names,
    frame_of,
    has_text,
    is_plain_type,
    levels_of,
    numbers_of,
)
from skimbalance.preprocessing._encoder import NUMBERS
from skimbalance.preprocessing._totals import TableTotals, given_categories

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TableReader", "as_table", "is_table", "level_numbers"]

# NumPy's codes for the types of arrays that are no tables.
NUMERIC = "biufc"

# What a category is in the matrix if it was not a level in the fit.
UNKNOWN = -1.0

# pandas takes as long for a column as this many cells take one by one.
FEW_ROWS = 64

# Cells that are numbers whatever else their column holds.
PLAIN_NUMBERS = frozenset([float, int, bool, np.float64])


def as_table(X: Any, owner: str) -> Any:
    """X, as a pandas DataFrame or an array of objects where it may hold categories.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_samples, n_columns)
        What users pass: a table of pandas, polars or pyarrow, an array, perhaps masked or sparse,
        or lists.
    owner : str
        Name of the estimator, for errors.

    Raises
    ------
    ValueError
        If X is a table without columns or with two of the same name, or does not have two axes
        and holds other things than numbers.
    """
    if hasattr(X, "collect"):
        raise ValueError(
            f"The X of {owner} must be in memory. Got a {type(X).__name__}: collect it."
        )
    if isinstance(X, list | tuple):
        try:
            kind = np.asarray(X).dtype.kind
        except ValueError:
            raise ValueError(
                f"The rows in the X of {owner} must be of the same length. Got {reprlib.repr(X)}."
            ) from None
        # As objects, since NumPy would turn numbers beside text into text.
        X = X if kind in NUMERIC else np.asarray(X, dtype=object)
    elif np.ma.isMaskedArray(X) or (hasattr(X, "columns") and not isinstance(X, np.ndarray)):
        frame = frame_of(X)
        if frame is not None:
            check_names(frame)
            if not frame.shape[1]:
                raise ValueError(
                    f"The X of {owner} must have at least one column. Got shape {frame.shape}."
                )
            return frame
    # Not by np.ndim, which some containers of arrays refuse.
    if getattr(X, "ndim", None) != 2 and np.asarray(X).dtype.kind not in NUMERIC:
        raise ValueError(
            f"The X of {owner} must be a table, or an array of rows and columns. Got shape "
            f"{np.shape(X)} instead: for a single row pass [row], for a single column "
            "X.reshape(-1, 1) or X.to_frame()."
        )
    return X


def is_table(X: Any) -> bool:
    """Whether `as_table` gave anything else than numbers in an array."""
    if hasattr(X, "iloc") and hasattr(X, "columns"):
        return not all(map(is_plain_type, X.dtypes.tolist()))
    return isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind not in NUMERIC


@dataclass(frozen=True, eq=False)
class TableReader:
    """What the columns of a table hold, learnt without y; and the matrix that follows from it.

    Parameters
    ----------
    levels : tuple of (list or None)
        For each column of categories the levels that at least 2 rows have, in order and at most
        1,000; for each column of numbers None.
    text : tuple of (bool or None)
        For each column of categories whether they are text, None if there are none.
    """

    levels: tuple[list[Any] | None, ...]
    text: tuple[bool | None, ...]

    @classmethod
    def of_numbers(cls, n_columns: int) -> Self:
        """The reader of a table of numbers."""
        return cls((None,) * n_columns, (None,) * n_columns)

    @classmethod
    def learn(cls, X: Any, categorical_features: Any, owner: str) -> Self | None:
        """Find out what the columns hold; None if X, from `as_table`, is an array of numbers.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_columns)
            The table.
        categorical_features : "from_dtype", array-like or None
            Which columns are categories: those of text and categories, those of a mask, of
            positions or of names, or none.
        owner : str
            Name of the estimator, for errors.

        Raises
        ------
        ValueError
            If X has no such columns, or they hold neither numbers nor categories.
        """
        if issparse(X) and not isinstance(categorical_features, str | None):
            raise ValueError(
                f"The 'categorical_features' parameter of {owner} must be 'from_dtype' or None "
                f"where X is sparse. Got {reprlib.repr(categorical_features)}: make X dense, or "
                "the categories one-hot."
            )
        if not given_categories(categorical_features) and not is_table(X):
            return None
        frame = _frame(X)
        if frame is None:
            return None
        totals = TableTotals(categorical_features, owner)
        return cls.of(totals.add(frame, [*frame.columns] if hasattr(X, "columns") else None))

    @classmethod
    def of(cls, totals: TableTotals) -> Self | None:
        """The reader of a table whose rows have been counted; None if all of it were numbers."""
        if not totals.is_table:
            return None
        levels = tuple(column.levels() for column in totals.columns)
        text = (column.is_text for column in totals.columns)
        return cls(levels, tuple(text))

    @property
    def n_levels(self) -> np.ndarray:
        """Number of levels of each column, -1 for numbers."""
        return np.array([NUMBERS if of is None else len(of) for of in self.levels], dtype=int)

    @cached_property
    def _number_of(self):
        """The number of each level, for each column of categories."""
        return [
            None if levels is None else {level: float(i) for i, level in enumerate(levels)}
            for levels in self.levels
        ]

    def __getstate__(self):
        """The state without what follows from it."""
        return {"levels": self.levels, "text": self.text}

    def matrix(self, X: Any) -> np.ndarray:
        """The table as floats: numbers, nan where they are missing, and numbers of levels.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_columns)
            A table with the columns of the fit, in their order.

        Returns
        -------
        matrix : ndarray of shape (n_samples, n_columns)
            A category that is not among the levels is -1.

        Raises
        ------
        ValueError
            If X is sparse, or a column holds text in place of numbers, or the other way round.
        """
        if issparse(X):
            raise ValueError(
                "X must be dense where columns hold categories, as they did in the fit. "
                f"Got a {type(X).__name__} of shape {X.shape}: make it dense."
            )
        few = self._matrix_of_few(X) if len(X) <= FEW_ROWS else None
        if few is not None:
            return few
        frame = _frame(X)
        assert frame is not None, "the caller checks that X has two axes"
        matrix = np.empty(frame.shape)
        columns = zip(frame.items(), self._number_of, self.text, strict=True)
        for j, ((name, column), number_of, was_text) in enumerate(columns):
            if number_of is None:
                matrix[:, j] = numbers_of(column, name)
            else:
                matrix[:, j] = level_numbers(
                    column, name, number_of, was_text, unknown=UNKNOWN, missing=np.nan
                )
        return matrix

    def _matrix_of_few(self, X):
        """As `matrix`, cell by cell; None if a cell is neither a plain number, text nor missing."""
        cells = X.to_numpy(dtype=object) if hasattr(X, "iloc") else np.asarray(X, dtype=object)
        matrix = np.empty(cells.shape)
        columns = zip(cells.T.tolist(), self._number_of, self.text, strict=True)
        for j, (column, number_of, was_text) in enumerate(columns):
            for i, cell in enumerate(column):
                if cell is None or (type(cell) is float and cell != cell):
                    matrix[i, j] = np.nan
                elif number_of is None and type(cell) in PLAIN_NUMBERS and abs(cell) < 2**1023:
                    matrix[i, j] = cell
                elif was_text and type(cell) is str:
                    matrix[i, j] = number_of.get(cell, UNKNOWN)
                else:
                    return None
        return matrix


def level_numbers(
    column: "pd.Series",
    name: Any,
    number_of: Mapping[Any, float],
    was_text: bool | None,
    *,
    unknown: float,
    missing: float,
) -> np.ndarray:
    """The number of each row's level.

    Raises
    ------
    ValueError
        If the levels are numbers and were text in the fit, or the other way round.
    """
    places, levels = levels_of(column, name)
    is_text = has_text(levels)
    if None not in (was_text, is_text) and was_text != is_text:
        # Otherwise all of them would silently be unknown.
        raise ValueError(
            f"The column {name!r} of X must {'' if was_text else 'not '}hold text, as in the fit. "
            f"Got {levels[0]!r} instead."
        )
    # The last number is for missing values, whose place is -1.
    return np.array([*(number_of.get(level, unknown) for level in levels), missing])[places]


def _frame(X):
    """A table, or an array of rows and columns, as a DataFrame; None if it is neither."""
    return frame_of(X if hasattr(X, "iloc") else np.asarray(X))
