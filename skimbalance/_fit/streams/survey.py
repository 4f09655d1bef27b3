"""The first pass over a source: exact counts.

Surveys of the parts of a source can be merged, so that several machines may take them.
"""

import copy
from functools import cached_property
from typing import Any, Self

import numpy as np

from skimbalance._fit.streams.blocks import Block, Source, float_type
from skimbalance._validation import plain_labels, some_of
from skimbalance.metrics._sums import weighted_sum
from skimbalance.preprocessing._encoder import Totals
from skimbalance.preprocessing._reader import TableReader
from skimbalance.preprocessing._totals import TableTotals

__all__ = ["Survey"]

# So many rows are kept, to show what the rows of the source are like.
FIRST_ROWS = 100

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
    first : Block
        Its first rows.
    """

    first: Block

    def __init__(self, categorical_features: Any, owner: str):
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
        # Whether all numbers of each column are exact in float32.
        self._short: np.ndarray = np.empty(0, bool)
        self._table = TableTotals(categorical_features, owner)

    @classmethod
    def of(cls, source: Source, categorical_features: Any, owner: str) -> Self:
        """Read all rows of a source once.

        Parameters
        ----------
        source : Source
            The source, or a part of one.
        categorical_features : "from_dtype", array-like or None
            Which columns are categories, see `TableReader.learn`.
        owner : str
            Name of the estimator, for errors.

        Returns
        -------
        survey : Survey

        Raises
        ------
        ValueError
            If the source has no rows, or rows that cannot be learnt from.
        """
        survey = cls(categorical_features, owner)
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
        for name in ("reader", "totals"):
            whole.__dict__.pop(name, None)
        for survey in surveys[1:]:
            whole._count(
                survey.classes, survey.class_rows, survey.class_weights, survey.stratum_rows,
                is_multilabel=survey.is_multilabel,
            )  # fmt: skip
            whole.n_rows += survey.n_rows
            whole._short &= survey._short
            whole._table.merge(survey._table)
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

    @property
    def dtype(self) -> type:
        """The type in which the matrix of the rows is stored: float32 where that is exact."""
        n_levels = -1 if self.reader is None else self.reader.n_levels
        return np.float32 if np.all(self._short | (n_levels >= 0)) else np.float64

    @cached_property
    def totals(self) -> Totals:
        """What an encoder needs to know of all rows."""
        no_levels = (None,) * len(self._table.columns)
        return self._table.of_levels(no_levels if self.reader is None else self.reader.levels)

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
        if not self.n_rows:
            few = slice(FIRST_ROWS)
            self.first = Block(block.X[few], block.y[few], weight[few])
            self._short = np.ones(block.X.shape[1], bool)
        self._short &= _are_short(block.X)
        self.weighted |= block.weight is not None
        self._table.add(block.X, self.columns)
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


def _are_short(X):
    """Whether the numbers in each column are exact in float32."""
    types = X.dtypes if hasattr(X, "dtypes") else [X.dtype] * X.shape[1]
    return np.array([float_type(dtype) is np.float32 for dtype in types], bool)


def _sums_of_labels(y, weight):
    """Total weight of the rows without and with each label, of shape (n_labels, 2)."""
    return np.stack([weighted_sum(weight, y == value) for value in (0, 1)], axis=1)
