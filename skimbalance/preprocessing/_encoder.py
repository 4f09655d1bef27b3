"""What a network sees of a table: numbers filled and standardised, flags, and one-hot levels.

The table comes as a matrix of floats: numbers, NaN where they are missing, and the numbers of
levels in place of categories, see `skimbalance.preprocessing._reader`.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.preprocessing import StandardScaler

from skimbalance.preprocessing._bins import Bins

__all__ = ["LARGEST", "TableEncoder", "Totals", "kept_levels", "median"]

# The most levels of a column that get an output each, the most frequent ones. Scores on
# public tables were measured with 30, and SMOTENC holds a dense copy of all one-hot columns for
# each neighbour of each row that it makes.
MOST_LEVELS = 30

# What is learnt of a level with fewer rows holds for no other row.
FEWEST_ROWS = 2

# Rows are read in blocks of this size: they stay in the cache, and a memory map is not copied.
BLOCK = 2**12

# Medians are those of at most this many rows, evenly spaced: the rows may not fit into memory.
MOST_MEDIAN_ROWS = 2**17
MOST_MEDIAN_ELEMENTS = 2**22

# Squares of larger numbers overflow when they are summed for the standard deviation.
LARGEST = 1e150

# What stands for the number of levels of a column of numbers.
NUMBERS = -1

# Robust numbers stay within this distance of the median.
SMOOTH_LIMIT = 3.0

# A level, or what is missing or unknown, that sets no output.
NOWHERE = -1


class Totals(NamedTuple):
    """How often something occurs in all rows that an encoder stands for.

    Attributes
    ----------
    missing : ndarray of bool of shape (n_columns,)
        Whether a number or a category is missing in some row.
    levels : list of (ndarray of int of shape (n_levels + 1,) or None)
        Rows of each level of a column of categories, and last of levels that are not told apart;
        None for a column of numbers.
    """

    missing: np.ndarray
    levels: list[np.ndarray | None]

    @classmethod
    def of_rows(cls, X: np.ndarray, index: np.ndarray, n_levels: np.ndarray) -> Self:
        """Count in rows of the matrix of a table."""
        missing = np.zeros(len(n_levels), dtype=bool)
        for start in range(0, len(index), BLOCK):
            missing |= np.isnan(X[index[start : start + BLOCK]]).any(axis=0)
        levels: list[np.ndarray | None] = [None] * len(n_levels)
        for j in np.flatnonzero(n_levels >= 0):
            column = X[index, j]
            column = column[~np.isnan(column)].astype(int)
            numbers = np.where(column < 0, n_levels[j], column)
            levels[j] = np.bincount(numbers, minlength=n_levels[j] + 1)
        return cls(missing, levels)


@dataclass(frozen=True, eq=False)
class TableEncoder:
    """Turns blocks of the matrix of a table into finite floats: numbers, flags, one-hot levels.

    Missing numbers become the median of their column. A column that lacked some in the training
    rows has a flag, 0 or 1. Levels that are rare in the training rows share an output, which also
    stands for levels that these did not have; missing is a level, which is never rare. A column
    that is constant in the training rows becomes 0.

    Parameters
    ----------
    numbers : ndarray of int of shape (n_numbers,)
        Positions of the columns of numbers.
    fill : ndarray of shape (n_numbers,)
        What a missing number becomes.
    flagged : ndarray of int
        Which of these columns have a flag, as indices into `numbers`.
    scaler : StandardScaler or None
        Mean and deviation of these columns; None leaves the numbers as they are.
    categories : ndarray of int of shape (n_categories,)
        Positions of the columns of categories.
    n_levels : ndarray of int of shape (n_categories,)
        How many levels they have.
    places : ndarray of int
        The output that is 1, or -1, for each level of the first of these columns, for a missing
        value and for an unknown one; then for those of the next.
    n_outputs : int
        Number of outputs.
    center, scale : ndarray of shape (n_numbers,) or None
        Means and deviations of the columns of numbers; None where these stay as they are. The
        deviation of a constant column is infinite, which makes it 0.
    smooth : bool
        Whether numbers are clipped smoothly, to less than 3 on both sides.
    bins : Bins or None
        Bins of the columns of numbers, in which their positions are the last outputs.
    codes : list of ndarray of int
        For each column of categories, the code of each level, of a missing value and of an unknown
        one, if more levels than have an output each are not rare; else nothing. These codes, of
        which 0 stands for what is rare, are outputs before the positions.
    """

    numbers: np.ndarray
    fill: np.ndarray
    flagged: np.ndarray
    scaler: StandardScaler | None
    categories: np.ndarray
    n_levels: np.ndarray
    places: np.ndarray
    n_outputs: int
    center: np.ndarray | None = None
    scale: np.ndarray | None = None
    smooth: bool = False
    bins: Bins | None = None
    codes: Sequence[np.ndarray] = ()

    @classmethod
    def learn(
        cls,
        X: np.ndarray,
        index: np.ndarray,
        weight: np.ndarray | None,
        n_levels: np.ndarray,
        *,
        standardize: bool | str,
        totals: Totals | None = None,
    ) -> Self:
        """Learn from training rows.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns)
            The matrix, perhaps a memory map; or a sparse matrix of numbers, which are not
            centered.
        index : ndarray of int of shape (n_rows,)
            Numbers of the training rows within it.
        weight : ndarray of shape (n_rows,) or None
            How much each counts; None if all count the same.
        n_levels : ndarray of int of shape (n_columns,)
            Number of levels of each column, -1 for a column of numbers.
        standardize : bool or "robust"
            Whether columns of numbers get mean 0 and deviation 1; or median 0 and a distance of 1
            between the quartiles, and are clipped smoothly.
        totals : Totals or None
            What occurs in all rows, where the training rows are a sample of these: it says which
            columns have a flag, and which levels an output. None counts the training rows.

        Returns
        -------
        encoder : TableEncoder
        """
        numbers, categories = np.flatnonzero(n_levels < 0), np.flatnonzero(n_levels >= 0)
        if issparse(X):
            encoder = cls.of_scaler(None, X.shape[1])
            if standardize:
                encoder = replace(encoder, scaler=StandardScaler(with_mean=False))
            return encoder.updated(X, index, weight)
        totals = Totals.of_rows(X, index, n_levels) if totals is None else totals
        fill = _medians_of(X, index, weight, numbers)
        # A column without any value is a constant.
        flagged = np.flatnonzero(totals.missing[numbers] & ~np.isnan(fill))
        fill = np.nan_to_num(fill)
        n_outputs = len(numbers) + len(flagged)
        places: list[np.ndarray] = [np.empty(0, int)]
        for j in categories:
            of_column, width = _level_places(totals.levels[j], totals.missing[j])
            places.append(np.where(of_column == NOWHERE, NOWHERE, n_outputs + of_column))
            n_outputs += width
        encoder = cls(
            numbers, fill, flagged, None if standardize in (False, "robust") else StandardScaler(),
            categories, n_levels[categories], np.concatenate(places), n_outputs,
            codes=[_level_codes(totals.levels[j], totals.missing[j]) for j in categories],
        )  # fmt: skip
        encoder = replace(encoder, n_outputs=n_outputs + len(encoder.n_codes))
        return (
            encoder._robust(X, index)
            if standardize == "robust"
            else encoder.updated(X, index, weight)
        )

    @classmethod
    def of_scaler(cls, scaler: StandardScaler | None, n_columns: int) -> Self:
        """An encoder of columns that are all numbers, and standardised by a fitted scaler."""
        numbers, none = np.arange(n_columns), np.empty(0, int)
        fill = np.zeros(n_columns) if scaler is None else scaler.mean_
        encoder = cls(numbers, fill, none, scaler, none, none, none, n_columns)
        return encoder if scaler is None else encoder._scaled(scaler)

    def updated(self, X: np.ndarray, index: np.ndarray, weight: np.ndarray | None) -> Self:
        """An encoder whose means and deviations are also those of further rows."""
        if self.scaler is None or not len(self.numbers):
            return self
        scaler = copy.deepcopy(self.scaler)
        for start in range(0, len(index), BLOCK):
            block = slice(start, start + BLOCK)
            # In float64: the square of a float32 column of 1e30 would overflow.
            rows = X[index[block]].astype(np.float64)
            if not issparse(rows) or scaler.with_mean:
                rows, _ = self._filled(_dense(rows))
            # The variance of a constant column may round to less than 0; its deviation is then 1.
            with np.errstate(invalid="ignore"):
                scaler.partial_fit(rows, sample_weight=None if weight is None else weight[block])
        return self._scaled(scaler)

    def _robust(self, X, index):
        """An encoder by medians and quartiles (Holzmüller et al. 2024, arXiv:2407.04491)."""
        rows, _ = self._filled(X[_some(index)].astype(np.float64))
        low, lower, upper, high = np.quantile(rows, [0, 0.25, 0.75, 1], axis=0)
        scale = np.where(upper > lower, upper - lower, (high - low) / 2)
        scale = np.where(high > low, scale, np.inf)
        return replace(self, center=self.fill, scale=scale, smooth=True)

    def with_bins(self, X: np.ndarray, index: np.ndarray, y: np.ndarray | None) -> Self:
        """An encoder that also puts out positions in bins, see `Bins.learn`."""
        if issparse(X):
            return self
        rows, _ = self._filled(X[index].astype(np.float64))
        bins = Bins.learn(rows, y)
        return replace(self, bins=bins, n_outputs=self.n_outputs + len(bins.columns))

    def _scaled(self, scaler: StandardScaler) -> Self:
        """An encoder with the means and deviations of a fitted scaler."""
        # Scikit-learn gives a constant column the scale 1.
        constant = (scaler.scale_ == 1) & (scaler.var_ != 1)
        scale = np.where(constant, np.inf, scaler.scale_)
        center = scaler.mean_ if scaler.with_mean else np.zeros(len(scale))
        return replace(self, scaler=scaler, center=center, scale=scale)

    @property
    def n_codes(self) -> tuple[int, ...]:
        """Number of codes of each column that has codes."""
        return tuple(int(codes.max()) + 1 for codes in self.codes if len(codes))

    @property
    def n_numbers(self) -> int:
        """Number of outputs, the first ones, that are numbers."""
        return len(self.numbers)

    @property
    def n_binned(self) -> int:
        """Number of outputs, the last ones, that are positions in bins."""
        return 0 if self.bins is None else len(self.bins.columns)

    @property
    def is_plain(self) -> bool:
        """Whether rows without missing numbers are standardised by `center` and `scale` only."""
        others = len(self.flagged) + len(self.categories) + self.n_binned
        return not (others or self.smooth)

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Finite floats for a block of rows.

        Parameters
        ----------
        X : ndarray or sparse matrix of shape (n_rows, n_columns)
            Rows of the matrix.

        Returns
        -------
        encoded : ndarray of shape (n_rows, n_outputs)
            The numbers, the flags, and the one-hot levels.
        """
        if issparse(X) and self.is_plain and not np.any(self.center):
            return self._sparse_scaled(X).toarray()
        filled, missing = self._filled(_dense(X))
        rows = filled if self.center is None else (filled - self.center) / self.scale
        if self.is_plain:
            return rows
        if self.smooth:
            # Infinite are new numbers that lie too many deviations away.
            np.clip(rows, -LARGEST, LARGEST, out=rows)
            rows /= np.hypot(1.0, rows / SMOOTH_LIMIT)
        encoded = np.zeros((len(X), self.n_outputs))
        n_numbers = len(self.numbers)
        encoded[:, :n_numbers] = rows
        encoded[:, n_numbers : n_numbers + len(self.flagged)] = missing[:, self.flagged]
        end = self.n_outputs - self.n_binned
        if len(self.categories):
            levels = self._level_numbers(X[:, self.categories])
            places = self.places[np.cumsum(self.n_levels + 2) - self.n_levels - 2 + levels]
            rows_of, columns = np.nonzero(places != NOWHERE)
            encoded[rows_of, places[rows_of, columns]] = 1.0
            coded = [codes[levels[:, j]] for j, codes in enumerate(self.codes) if len(codes)]
            if coded:
                encoded[:, end - len(coded) : end] = np.column_stack(coded)
        if self.bins is not None and self.n_binned:
            encoded[:, end:] = self.bins.positions(filled)
        return encoded

    def _sparse_scaled(self, X):
        """A sparse matrix, divided by the deviations."""
        if self.scale is None:
            return X
        values = X.data / self.scale[X.indices]
        return type(X)((values, X.indices, X.indptr), shape=X.shape)

    def comparable(self, X: np.ndarray) -> np.ndarray:
        """Rows for samplers: the same columns, finite, and numbers with the same unit.

        Missing is a number of a level beyond the others.
        """
        numbers, _ = self._filled(X)
        if self.center is not None:
            numbers = (numbers - self.center) / self.scale
        if not len(self.categories):
            return numbers
        levels = X[:, self.categories]
        rows = np.empty(X.shape)
        rows[:, self.numbers] = numbers
        rows[:, self.categories] = np.where(np.isnan(levels), self.n_levels, levels)
        return rows

    def restored(self, X: np.ndarray) -> np.ndarray:
        """Raw rows, from rows for samplers; missing numbers stay filled."""
        rows = np.array(X, dtype=np.float64)
        if self.center is not None and self.scale is not None:
            scale = np.where(np.isfinite(self.scale), self.scale, 0.0)
            rows[:, self.numbers] = rows[:, self.numbers] * scale + self.center
        levels = rows[:, self.categories]
        rows[:, self.categories] = np.where(levels == self.n_levels, np.nan, levels)
        return rows

    def wrong_shapes(self, n_inputs: int) -> list[str]:
        """What does not fit a network of so many inputs: nothing, but in a damaged file."""
        n_numbers = len(self.numbers)
        names = ["fill"] if self.center is None else ["fill", "center", "scale"]
        wrong = [name for name in names if np.shape(getattr(self, name)) != (n_numbers,)]
        if len(self.places) != np.sum(self.n_levels + 2):
            wrong.append("places")
        sizes = zip(self.codes, self.n_levels, strict=False)
        if any(len(codes) not in (0, n_levels + 2) for codes, n_levels in sizes):
            wrong.append("codes")
        if self.bins is not None and len(self.bins.edges) != max(self.bins.ends, default=0):
            wrong.append("edges")
        return wrong if self.n_outputs == n_inputs else [*wrong, "n_outputs"]

    def _filled(self, X):
        """The columns of numbers without gaps, and where the gaps were."""
        rows = X[:, self.numbers] if len(self.categories) else X
        missing = np.isnan(rows)
        return (np.where(missing, self.fill, rows) if missing.any() else rows), missing

    def _level_numbers(self, levels):
        """Numbers of levels; beyond them one for missing values, and one for unknown levels."""
        known = (levels >= 0) & (levels < self.n_levels)
        others = self.n_levels + ~np.isnan(levels)
        return np.where(known, levels, others).astype(np.intp)


def _dense(rows):
    return rows.toarray() if issparse(rows) else rows


def _medians_of(X, index, weight, numbers):
    """The median of each column of numbers, nan where all are missing."""
    chosen = _some(np.arange(len(index)))
    of_rows = None if weight is None else weight[chosen]
    n_columns = max(1, MOST_MEDIAN_ELEMENTS // len(chosen))
    fill = np.empty(len(numbers))
    for start in range(0, len(numbers), n_columns):
        some = slice(start, start + n_columns)
        if len(numbers) == X.shape[1]:  # faster than by their positions
            rows = X[index[chosen], some]
        else:
            rows = X[np.ix_(index[chosen], numbers[some])]
        fill[some] = _medians(rows, of_rows)
    return fill


def _some(rows):
    """At most so many rows, evenly spaced."""
    if len(rows) <= MOST_MEDIAN_ROWS:
        return rows
    return rows[np.linspace(0, len(rows) - 1, MOST_MEDIAN_ROWS).astype(int)]


def _medians(rows, weight):
    """The median of each column."""
    if weight is None and not np.isnan(rows).any():
        return _middle(rows)
    return [median(column, weight) for column in rows.T]


def _middle(rows):
    """`np.median` of each column, of numbers alone.

    NumPy looks for one place of an order several times as fast as for two of them.
    """
    half, is_odd = divmod(len(rows), 2)
    ordered = np.array(rows.T, order="C")
    ordered.partition(half, axis=-1)
    upper = ordered[..., half]
    return upper if is_odd else np.mean([ordered[..., :half].max(axis=-1), upper], axis=0)


def median(values: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Median of the values that are not missing, nan if all are; a weight of 2 is two values."""
    present = ~np.isnan(values)
    values = values[present].astype(np.float64)
    if not len(values):
        return np.nan
    if weight is None:
        return float(_middle(values))
    order = np.argsort(values)
    values, sums = values[order], np.cumsum(weight[present][order])
    sides = [np.searchsorted(sums, sums[-1] / 2, side) for side in ("left", "right")]
    return float(np.mean(values[np.minimum(sides, len(values) - 1)]))


def kept_levels(counts: np.ndarray) -> np.ndarray:
    """The levels that get an output each: the most frequent ones, the lower number of equals."""
    ranked = np.argsort(-counts, kind="stable")[:MOST_LEVELS]
    return ranked[counts[ranked] >= FEWEST_ROWS]


def _level_codes(counts, has_missing):
    """The code of each level, of a missing value and of an unknown one; none if levels are few."""
    n_levels = len(counts) - 1
    kept = np.flatnonzero(counts[:-1] >= FEWEST_ROWS)
    if len(kept) <= MOST_LEVELS:
        return np.empty(0, int)
    codes = np.zeros(n_levels + 2, int)
    codes[kept] = 1 + np.arange(len(kept))
    codes[n_levels] = len(kept) + 1 if has_missing else 0
    return codes


def _level_places(counts, has_missing):
    """The output of each level, of a missing value and of an unknown one; and how many there are.

    The last output is for levels that the training rows have rarely.
    """
    n_levels = len(counts) - 1
    kept = kept_levels(counts[:-1])
    has_others = counts.sum() > counts[kept].sum()
    width = len(kept) + int(has_missing) + int(has_others)
    if width < 2:
        return np.full(n_levels + 2, NOWHERE), 1
    places = np.full(n_levels + 2, width - 1 if has_others else NOWHERE)
    places[kept] = np.arange(len(kept))
    places[n_levels] = len(kept) if has_missing else NOWHERE
    return places, width
