"""The first pass over a source: exact counts, and random rows to learn the rest from.

Surveys of the parts of a source can be merged, so that several machines may take them.
"""

import copy
from functools import cached_property
from typing import Any, Self

import numpy as np

from skimbalance._fit.streams.blocks import Block, Source
from skimbalance._fit.streams.draw import water_filled
from skimbalance._validation import plain_labels, some_of
from skimbalance.preprocessing._encoder import Totals
from skimbalance.preprocessing._reader import TableReader
from skimbalance.preprocessing._totals import TableTotals
from skimbalance.sampling._random import Purpose, generator

__all__ = ["Survey"]

# Rows of a sample at most, and values.
SAMPLE_ROWS, SAMPLE_VALUES = 2**17, 2**23

# More labels are no classes: a network has an output for each.
MOST_CLASSES = 2**16

# With more rows than these, at least two must have the same class.
MOST_SINGLE_ROWS = 10


class Survey:
    """What one pass over a source tells.

    Attributes
    ----------
    n_rows : int
        Number of rows, all of a positive weight.
    weighted : bool
        Whether rows have weights.
    columns, label_names : list or None
        Names of the columns of X, and of the labels in the multilabel case.
    is_multilabel : bool
        Whether y has several labels for each row.
    classes : ndarray of shape (n_classes,)
        Class labels in order; in the multilabel case the numbers of the labels.
    class_rows, class_weights : ndarray of shape (n_classes,) or (n_labels, 2)
        Number of rows of each class, and their total weight; in the multilabel case of the rows
        without and with each label.
    stratum_rows : ndarray of int of shape (n_strata,)
        Number of rows of each class; in the multilabel case of rows without any label, and others.
    """

    def __init__(self, categorical_features: Any, seed: int, owner: str, piece: int = 0):
        self.n_rows = 0
        self.weighted = False
        self.columns: list[Any] | None = None
        self.label_names: list[Any] | None = None
        self.is_multilabel = False
        self.classes: np.ndarray = np.empty(0, int)
        self.class_rows: np.ndarray = np.empty(0, np.int64)
        self.class_weights: np.ndarray = np.empty(0)
        self.stratum_rows: np.ndarray = np.empty(0, np.int64)
        self._owner = owner
        self._table = TableTotals(categorical_features, owner)
        self._pool = _Pool(generator(Purpose.SAMPLE, seed, piece))

    @classmethod
    def of(
        cls, source: Source, categorical_features: Any, seed: int, owner: str, piece: int = 0
    ) -> Self:
        """Read all rows of a source once.

        Parameters
        ----------
        source : Source
            The source, or a part of one.
        categorical_features : "from_dtype", array-like or None
            Which columns are categories, see `TableReader.learn`.
        seed : int
            Seed of the fit.
        owner : str
            Name of the estimator, for errors.
        piece : int, default=0
            Number of the part; each must have another.

        Returns
        -------
        survey : Survey

        Raises
        ------
        ValueError
            If the source has no rows, or rows that cannot be learnt from.
        """
        survey = cls(categorical_features, seed, owner, piece)
        for block in source.blocks():
            survey.columns, survey.label_names = source.columns, source.label_names
            try:
                survey._add(block)
            except ValueError as error:
                if not survey.n_rows:
                    raise
                raise ValueError(
                    f"In the rows of the source from {survey.n_rows} on: {error}"
                ) from error
        survey._pool.prune(survey._strata, survey.stratum_rows)
        if not source.is_part:
            survey._check()
        return survey

    @classmethod
    def merged(cls, surveys: list[Self]) -> Self:
        """The survey of all rows, from those of the parts of a source.

        Parameters
        ----------
        surveys : list of Survey
            They are left as they are.

        Returns
        -------
        survey : Survey

        Raises
        ------
        ValueError
            If no part has rows, or parts hold different things in a column.
        """
        surveys = [survey for survey in surveys if survey.n_rows] or surveys[:1]
        whole = copy.deepcopy(surveys[0])
        for name in ("reader", "totals", "sample", "by_class"):
            whole.__dict__.pop(name, None)
        for survey in surveys[1:]:
            whole._count(
                survey.classes, survey.class_rows, survey.class_weights, survey.stratum_rows,
                is_multilabel=survey.is_multilabel,
            )  # fmt: skip
            whole.n_rows += survey.n_rows
            whole._table.merge(survey._table)
            whole._pool.merge(survey._pool)
            if whole._pool.is_full:
                whole._pool.prune(whole._strata, whole.stratum_rows)
        whole._pool.prune(whole._strata, whole.stratum_rows)
        whole._check()
        return whole

    @property
    def extremes(self) -> tuple[int, int]:
        """Rows of the rarest and of the most frequent class, see `Target.extreme_counts`."""
        judged = self.class_rows
        if self.is_multilabel:
            judged = judged[np.all(judged > 0, axis=1)]
        return (int(judged.min()), int(judged.max())) if judged.size else (0, self.n_rows)

    @cached_property
    def reader(self) -> TableReader | None:
        """What the columns hold; None if all of them are numbers."""
        return TableReader.of(self._table)

    @cached_property
    def totals(self) -> Totals:
        """What an encoder needs to know of all rows."""
        no_levels = (None,) * len(self._table.columns)
        return self._table.of_levels(no_levels if self.reader is None else self.reader.levels)

    @cached_property
    def sample(self) -> Block:
        """At most 2**17 rows; all choices of so many are equally likely."""
        return self._pool.uniform()

    @cached_property
    def by_class(self) -> Block:
        """At most 2**17 rows, shared out among the strata; rare ones are there as a whole."""
        return self._pool.by_stratum(self._strata, self.stratum_rows)

    def _add(self, block):
        """Count the rows of a block."""
        n_rows = len(block.y)
        weight = np.ones(n_rows) if block.weight is None else block.weight
        if block.y.ndim == 2:
            rows, weights = (_sums_of_labels(block.y, w) for w in (np.ones(n_rows), weight))
            strata = np.any(block.y == 1, axis=1).astype(int)
            self._count(
                np.arange(block.y.shape[1]), rows.astype(np.int64), weights,
                np.bincount(strata, minlength=2), is_multilabel=True,
            )  # fmt: skip
        else:
            labels, codes = self._codes(block.y)
            rows = np.bincount(codes, minlength=len(labels))
            weights = np.bincount(codes, weights=weight, minlength=len(labels))
            self._count(labels, rows, weights, rows, is_multilabel=False)
            strata = np.searchsorted(self.classes, labels)[codes]
        self.weighted |= block.weight is not None
        self._table.add(block.X, self.columns)
        self._pool.add(block, strata, len(self.stratum_rows))
        if self._pool.is_full:
            self._pool.prune(self._strata, self.stratum_rows)
        self.n_rows += n_rows

    def _codes(self, y):
        """The class labels in a block, in order, and which of them each row has."""
        if y.dtype.kind != "O":
            if len(self.classes) and self.classes.dtype == y.dtype:
                codes = np.searchsorted(self.classes, y)
                codes[codes == len(self.classes)] = 0
                if np.array_equal(self.classes[codes], y):
                    return self.classes, codes
            return np.unique(y, return_inverse=True)
        cells = y.tolist()
        labels = np.array(sorted(set(cells)), dtype=object)
        place = {label: code for code, label in enumerate(labels.tolist())}
        return labels, np.array([place[cell] for cell in cells], dtype=np.intp)

    def _count(self, labels, rows, weights, stratum_rows, *, is_multilabel):
        """Add counts of some class labels, or of all labels."""
        if not self.n_rows:
            self.is_multilabel = is_multilabel
            self.classes, self.class_rows, self.class_weights = labels, rows, weights
            self.stratum_rows = stratum_rows
            return
        if is_multilabel:
            self.class_rows = self.class_rows + rows
            self.class_weights = self.class_weights + weights
            self.stratum_rows = self.stratum_rows + stratum_rows
            return
        if labels is not self.classes:
            self._check_kinds(labels)
            union = np.unique(np.concatenate([self.classes, labels]))
            if len(union) > MOST_CLASSES:
                raise ValueError(self._no_classes(union, "more than "))
            places = np.searchsorted(union, self.classes)
            for name in ("class_rows", "class_weights"):
                old = getattr(self, name)
                new = np.zeros(len(union), old.dtype)
                new[places] = old
                setattr(self, name, new)
            self._pool.moved(places, len(union))
            self.classes = union
        places = np.searchsorted(self.classes, labels)
        self.class_rows[places] += rows
        self.class_weights[places] += weights
        self.stratum_rows = self.class_rows

    def _check_kinds(self, labels):
        """Check that class labels are all text or all numbers."""
        examples = [plain_labels(of)[0] for of in (self.classes, labels)]
        if isinstance(examples[0], str) != isinstance(examples[1], str):
            raise ValueError(
                f"The labels in the source of {self._owner} must be all text or all numbers. Got "
                f"both, such as {examples[0]!r} and, in later rows, {examples[1]!r}."
            )

    def _check(self):
        """Check that there are rows, and classes."""
        if not self.n_rows:
            raise ValueError(
                f"The source of {self._owner} must have rows with a target and a positive weight. "
                "Got none."
            )
        if not self.is_multilabel and MOST_SINGLE_ROWS < self.n_rows == len(self.classes):
            raise ValueError(self._no_classes(self.classes, ""))

    def _no_classes(self, labels, more):
        return (
            f"The labels in the source of {self._owner} must be classes, and not numbers or names "
            f"of the rows. Got {more}{min(len(labels), MOST_CLASSES)} different labels: "
            f"{some_of(plain_labels(labels), 3)}."
        )

    def _strata(self, y):
        """The stratum of each row."""
        if y.ndim == 2:
            return np.any(y == 1, axis=1).astype(int)
        return np.searchsorted(self.classes, y)


def _sums_of_labels(y, weight):
    """Total weight of the rows without and with each label, of shape (n_labels, 2)."""
    return np.stack([weight @ (y == value) for value in (0, 1)], axis=1)


class _Pool:
    """The rows of two samples: those with the smallest random keys, of all and of each stratum.

    Only rows whose key is small enough are touched, ever fewer of a block (bottom-k sampling;
    Cohen & Kaplan 2007, doi:10.1145/1281100.1281133).

    Parameters
    ----------
    rng : numpy.random.Generator
        Where keys are from.
    """

    def __init__(self, rng: np.random.Generator):
        self._rng = rng
        self._parts: list[tuple[Block, np.ndarray]] = []
        self._n_held = 0
        self._most = SAMPLE_ROWS
        # The largest keys that are of interest, among all rows and in each stratum.
        self._limit = np.inf
        self._limits: np.ndarray = np.empty(0)

    @property
    def is_full(self) -> bool:
        """Whether there are so many rows that some should go."""
        return self._n_held > 3 * self._most

    def add(self, block: Block, strata: np.ndarray, n_strata: int) -> None:
        """Take the rows of a block that may be of interest."""
        if not self._parts:
            self._most = max(1, min(SAMPLE_ROWS, SAMPLE_VALUES // block.X.shape[1]))
        if len(self._limits) < n_strata:
            self.moved(np.arange(len(self._limits)), n_strata)
        keys = self._rng.random(len(strata))
        kept = np.flatnonzero(keys <= np.maximum(self._limit, self._limits[strata]))
        if len(kept):
            self._parts.append((_taken(block, kept), keys[kept]))
            self._n_held += len(kept)

    def moved(self, places: np.ndarray, n_strata: int) -> None:
        """Give strata other numbers; there may be more of them."""
        limits = np.full(n_strata, np.inf)
        limits[places] = self._limits
        self._limits = limits

    def merge(self, other: Self) -> None:
        """Take the rows of another pool, too, whose strata may have other numbers."""
        self._parts = [*self._parts, *other._parts]
        self._n_held += other._n_held
        self._limit = min(self._limit, other._limit)
        self._most = min(self._most, other._most)

    def prune(self, strata_of: Any, n_rows: np.ndarray) -> None:
        """Keep the rows that are of interest, where a stratum has `n_rows` rows so far."""
        if not self._parts:
            return
        block, keys = self._joined()
        strata = strata_of(block.y)
        if len(keys) > self._most:
            self._limit = min(self._limit, np.partition(keys, self._most - 1)[self._most - 1])
        ranks = _ranks(keys, strata)
        wanted = water_filled(n_rows, self._most)
        of_stratum = ranks < wanted[strata]
        limits = np.full(len(n_rows), np.inf)
        last = ranks == wanted[strata] - 1
        limits[strata[last]] = keys[last]
        limits[wanted == 0] = -1.0
        self._limits = np.where(wanted < n_rows, limits, np.inf)
        kept = np.flatnonzero(of_stratum | (keys <= self._limit))
        self._parts = [(_taken(block, kept), keys[kept])]
        self._n_held = len(kept)

    def uniform(self) -> Block:
        """The rows with the smallest keys."""
        block, keys = self._joined()
        return _taken(block, np.sort(np.argsort(keys)[: self._most]))

    def by_stratum(self, strata_of: Any, n_rows: np.ndarray) -> Block:
        """The rows with the smallest keys in each stratum."""
        block, keys = self._joined()
        strata = strata_of(block.y)
        wanted = water_filled(n_rows, self._most)
        return _taken(block, np.flatnonzero(_ranks(keys, strata) < wanted[strata]))

    def _joined(self):
        """All rows as one block, and their keys."""
        if len(self._parts) > 1:
            blocks, keys = zip(*self._parts, strict=True)
            X, y, weight = zip(*blocks, strict=True)
            joined = Block(
                _stacked(X),
                np.concatenate(y),
                None if weight[0] is None else np.concatenate(weight),
            )
            self._parts = [(joined, np.concatenate(keys))]
        return self._parts[0]


def _taken(block, rows):
    """Some rows of a block, as a copy."""
    X = block.X.iloc[rows] if hasattr(block.X, "iloc") else block.X[rows]
    return Block(X, block.y[rows], None if block.weight is None else block.weight[rows])


def _stacked(parts):
    """Arrays or tables of the same columns, one below the other."""
    names = next((part.columns for part in parts if hasattr(part, "iloc")), None)
    if names is None:
        return np.concatenate(parts)
    import pandas as pd

    frames = [
        part if hasattr(part, "iloc") else pd.DataFrame(part, columns=names) for part in parts
    ]
    return pd.concat(frames, ignore_index=True)


def _ranks(keys, strata):
    """How many rows of the same stratum have a smaller key, for each row."""
    order = np.argsort(keys)
    # Sorting is much faster for small types.
    small = strata.astype(np.min_scalar_type(strata.max(initial=0)))
    order = order[np.argsort(small[order], kind="stable")]
    counts = np.bincount(strata)
    starts = np.cumsum(counts) - counts
    ranks = np.empty(len(keys), dtype=np.intp)
    ranks[order] = np.arange(len(keys)) - starts[strata[order]]
    return ranks
