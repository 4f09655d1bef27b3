"""What is counted of the columns of a table: what they hold, missing numbers, and levels.

The rows may come in blocks, or be counted in several parts, on several machines.
"""

import copy
import reprlib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skimbalance._validation import plain_labels, some_of
from skimbalance.preprocessing._columns import (
    column_kind,
    has_text,
    is_category,
    is_plain_type,
    levels_of,
    numbers_of,
    warn_of_numbers,
)
from skimbalance.preprocessing._encoder import FEWEST_ROWS, Totals

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TableTotals", "frequent_levels", "given_categories"]

# Levels of a column that are told apart at most: far more than an encoder keeps, and so few that
# a model file stays small.
MOST_READ = 1_000

# Beyond so many levels of a column the rare ones are dropped before the next block, which makes
# counts too low by at most one of so many rows.
MOST_COUNTED, COUNTED_WITHIN = 100_000, 50_000


@dataclass
class _Column:
    """What is counted of a column.

    Levels are counted by lossy counting (Manku and Motwani 2002, Approximate frequency counts over
    data streams, VLDB), exactly while there are few.

    Parameters
    ----------
    name : hashable
        Its name.
    chosen : bool or None
        Whether it is one of categories; None by its type.
    """

    name: Any
    chosen: bool | None
    n_numbers: int = 0
    n_values: int = 0
    n_missing: int = 0
    # Whether rows without any value were of no type for numbers.
    is_open: bool = False
    of_category_type: bool = False
    is_text: bool | None = None
    counts: dict[Any, int] = field(default_factory=dict)
    # How many rows of a level may have been dropped, if it came late; and of one that has not come.
    late: dict[Any, int] = field(default_factory=dict)
    dropped: int = 0

    @property
    def is_category(self) -> bool:
        """Whether it is a column of categories, as far as is known."""
        if self.chosen is not None:
            return self.chosen
        return self.n_values > 0 or (self.is_open and not self.n_numbers)

    def add(self, column: "pd.Series") -> None:
        """Count the rows of a block."""
        if self._holds_levels(column):
            self._add_levels(column)
        else:
            n_missing = int(column.isna().sum())
            self.n_missing += n_missing
            self.n_numbers += len(column) - n_missing
        self._check()

    def _holds_levels(self, column):
        """Whether a block holds categories: by its type if nobody chose; it may hold nothing."""
        if self.chosen is not None:
            if not self.chosen:
                numbers_of(column, self.name, "as 'categorical_features' does not name it")
            return self.chosen
        if is_plain_type(column.dtype):
            return False
        if column.isna().all():
            self.is_open = True  # what it will hold is not known
            return False
        return column_kind(column, self.name) != "number"

    def _add_levels(self, column):
        if len(self.counts) > MOST_COUNTED:
            self._drop()
        counts = level_counts(column, self.name)
        text = has_text(list(counts))
        self._check_text(text)
        self.is_text = text if self.is_text is None else self.is_text
        n_values = sum(counts.values())
        self.n_values += n_values
        self.n_missing += len(column) - n_values
        self.of_category_type |= is_category(column.dtype)
        for level, n in counts.items():
            if level not in self.counts:
                self.counts[level] = n
                if self.dropped:
                    self.late[level] = self.dropped
            else:
                self.counts[level] += n

    def _drop(self):
        """Drop the levels that are rare even if all their rows were counted."""
        limit = self.n_values // COUNTED_WITHIN
        late = self.late
        self.counts = {k: n for k, n in self.counts.items() if n + late.get(k, 0) > limit}
        self.late = {k: n for k, n in late.items() if k in self.counts}
        self.dropped = max(self.dropped, limit)

    def merge(self, other: Self) -> None:
        """Add what was counted of other rows."""
        self._check_text(other.is_text)
        counts = {k: self.counts.get(k, 0) + other.counts.get(k, 0) for k in self.counts}
        counts |= {k: n for k, n in other.counts.items() if k not in counts}
        if self.dropped or other.dropped:
            self.late = {
                k: sum(of.late.get(k, 0) if k in of.counts else of.dropped for of in (self, other))
                for k in counts
            }
        self.counts = counts
        self.dropped += other.dropped
        self.is_text = other.is_text if self.is_text is None else self.is_text
        self.is_open |= other.is_open
        self.of_category_type |= other.of_category_type
        for name in ("n_numbers", "n_values", "n_missing"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self._check()

    def _check(self):
        """Check that a column that nobody chose holds one kind of values in all blocks."""
        if self.chosen is None and self.n_values and self.n_numbers:
            raise ValueError(
                f"The column {self.name!r} of X must hold either numbers or text in all rows. Got "
                f"{self.n_numbers} numbers, and categories such as {next(iter(self.counts))!r}: "
                "make all of them one or the other."
            )

    def _check_text(self, text):
        """Check that the levels of all blocks are text, or that none are."""
        if None not in (text, self.is_text) and text != self.is_text:
            raise ValueError(
                f"The column {self.name!r} of X must hold categories that are all text, or all "
                f"numbers. Got both; the first are {some_of(list(self.counts), 3)}: make all of "
                "them text."
            )

    def levels(self) -> list[Any] | None:
        """The levels that are told apart; None for a column of numbers."""
        if not self.is_category:
            return None
        if self.chosen is None and self.n_values and not self.of_category_type:
            warn_of_numbers(self.counts, self.name)
        return _most_frequent(self.counts)


class TableTotals:
    """What is counted of the columns of a table, whose rows come in blocks.

    Parameters
    ----------
    categorical_features : "from_dtype", array-like or None
        Which columns are categories, see `TableReader.learn`.
    owner : str
        Name of the estimator, for errors.
    """

    def __init__(self, categorical_features: Any, owner: str):
        self._given = given_categories(categorical_features)
        self._by_type = isinstance(categorical_features, str)
        self._owner = owner
        self.columns: list[_Column] = []
        self.n_rows = 0
        self.is_table = bool(self._given)

    def add(self, X: Any, names: list[Any] | None) -> Self:
        """Count the rows of a block, a DataFrame or an array of floats.

        The `names` of the columns are None where they have positions only.

        Raises
        ------
        ValueError
            If a column holds something else than in the blocks before, or neither numbers nor
            categories; or if there are no such columns as `categorical_features` names.
        """
        is_frame = hasattr(X, "iloc")
        self.columns = self.columns or self._new_columns(names, X.shape[1])
        self.n_rows += len(X)
        self.is_table |= is_frame
        if is_frame:
            for j, column in enumerate(self.columns):
                column.add(X.iloc[:, j])
            return self
        # A sum tells at once that nothing is missing; large numbers may overflow in it.
        with np.errstate(over="ignore", invalid="ignore"):
            gaps = np.isnan(np.sum(X))
        missing = np.isnan(X).sum(axis=0).tolist() if gaps else [0] * X.shape[1]
        for j, (column, n_missing) in enumerate(zip(self.columns, missing, strict=True)):
            if column.chosen:
                import pandas as pd

                column.add(pd.Series(X[:, j]))
            else:
                column.n_missing += n_missing
                column.n_numbers += len(X) - n_missing
                column._check()
        return self

    def _new_columns(self, names, n_columns):
        """The columns, of which nothing is counted yet."""
        chosen = _chosen(self._given, names or [], n_columns, self._owner) if self._given else set()
        return [
            _Column(name, None if self._by_type else j in chosen)
            for j, name in enumerate(names or range(n_columns))
        ]

    def merge(self, other: Self) -> Self:
        """Add what was counted of other rows.

        Raises
        ------
        ValueError
            If a column holds something else in these.
        """
        if not self.columns:
            self.columns = copy.deepcopy(other.columns)
        elif other.columns:
            for column, more in zip(self.columns, other.columns, strict=True):
                column.merge(more)
        self.n_rows += other.n_rows
        self.is_table |= other.is_table
        return self

    def of_levels(self, levels: tuple[list[Any] | None, ...]) -> Totals:
        """What an encoder needs: missing values, and rows of each of the levels that are read."""
        counts: list[np.ndarray | None] = []
        for column, of_column in zip(self.columns, levels, strict=True):
            if of_column is None:
                counts.append(None)
                continue
            n_rows = [column.counts[level] for level in of_column]
            counts.append(np.array([*n_rows, column.n_values - sum(n_rows)], dtype=np.int64))
        return Totals(np.array([column.n_missing > 0 for column in self.columns]), counts)


def level_counts(column: "pd.Series", name: Any) -> dict[Any, int]:
    """How many rows have each level."""
    places, levels = levels_of(column, name)
    counts: dict[Any, int] = {}
    n_rows = np.bincount(places[places >= 0], minlength=len(levels)).tolist()
    for level, n in zip(levels, n_rows, strict=True):
        counts[level] = counts.get(level, 0) + n
    return counts


def frequent_levels(column: "pd.Series", name: Any) -> tuple[list[Any], list[int], bool | None]:
    """The levels that at least 2 rows have, how many have each, and whether all levels are text.

    Of more than 1,000 levels these are the most frequent ones. Their order, numbers before text,
    depends neither on the rows nor on that of the categories.
    """
    counts = level_counts(column, name)
    kept = _most_frequent(counts)
    return kept, [counts[level] for level in kept], has_text(list(counts))


def _most_frequent(counts):
    """The levels that are told apart."""
    kept = sorted((level for level, n in counts.items() if n >= FEWEST_ROWS), key=_by_kind)
    # The sort is stable: of equally frequent levels the first ones stay.
    return sorted(sorted(kept, key=lambda level: -counts[level])[:MOST_READ], key=_by_kind)


def _by_kind(level):
    """A key that sorts numbers before text."""
    return isinstance(level, str), level


def given_categories(categorical_features: Any) -> list[Any]:
    """The mask, positions or names; what is neither is a list of itself, and no column's name."""
    if categorical_features is None or isinstance(categorical_features, str):
        return []
    if isinstance(categorical_features, Mapping) or not np.iterable(categorical_features):
        return [categorical_features]
    return plain_labels(categorical_features)


def _chosen(given: list[Any], names: list[Any], n_columns: int, owner: str) -> set[int]:
    """Positions of the columns that a mask, positions or names choose."""
    n_booleans = sum(isinstance(value, bool) for value in given)
    if n_booleans and n_booleans == len(given):
        if len(given) == n_columns:
            return set(np.flatnonzero(given).tolist())
        got = reprlib.repr(given)
    elif not n_booleans and all(isinstance(value, Integral) for value in given):
        wrong = [value for value in given if not -n_columns <= value < n_columns]
        if not wrong:
            return {value % n_columns for value in given}
        got = some_of(wrong)
    else:
        wrong = [value for value in given if not isinstance(value, Hashable) or value not in names]
        if not wrong:
            return {j for j, name in enumerate(names) if name in given}
        got = some_of(wrong)
    raise ValueError(
        f"The 'categorical_features' parameter of {owner} must be 'from_dtype', None, a boolean "
        f"for each of the {n_columns} columns of X, or positions or names of these. "
        f"Got {got} instead."
    )
