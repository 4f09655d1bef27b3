"""The rows to compare on: checked, without those of weight 0, and their folds."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from skimbalance._validation import (
    check_sample_weight,
    checked_groups,
    checked_target,
    indexable_rows,
    indicator_for,
    inputs_of,
    label_codes,
    safe_indexing,
)
from skimbalance.decision._folds import cv_splits
from skimbalance.decision._rows import Rows
from skimbalance.model_selection import Inputs

__all__ = ["Compared", "Split", "read", "with_splits"]

OWNER = "compare_strategies"

# Training rows and test rows of a fold.
Split = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Compared:
    """What strategies are compared on.

    Parameters
    ----------
    rows : Rows
        The rows; weights are 1 if none are given.
    groups : ndarray of shape (n_samples,) or None
        Groups of the rows.
    weighted : bool
        Whether weights are given.
    """

    rows: Rows
    groups: np.ndarray | None
    weighted: bool

    @property
    def multilabel(self) -> bool:
        """Whether y is a label indicator matrix."""
        return self.rows.target.ndim == 2

    @property
    def one_table(self) -> bool:
        """Whether X is one table, and not several inputs."""
        return isinstance(self.rows.X, list) or inputs_of(self.rows.X)[0] is None

    @property
    def counts(self) -> np.ndarray:
        """Number of rows of each class, or with each label."""
        target = self.rows.target
        return np.sum(target == 1, axis=0) if self.multilabel else np.bincount(target)

    def sample_weight(self, rows: np.ndarray) -> np.ndarray | None:
        """Weights of some rows for a fit; None if none are given."""
        return self.rows.weight[rows] if self.weighted else None

    def only(self, rows: np.ndarray) -> "Compared":
        """The same with some of the rows only."""
        of = self.rows
        kept = Rows(
            safe_indexing(of.X, rows), safe_indexing(of.y, rows), of.target[rows],
            of.weight[rows], of.classes,
        )  # fmt: skip
        if not self.multilabel:  # a class may have lost all its rows
            present, target = np.unique(kept.target, return_inverse=True)
            kept = Rows(kept.X, kept.y, target, kept.weight, of.classes[present])
        groups = None if self.groups is None else self.groups[rows]
        return Compared(kept, groups, self.weighted)


def read(X: Any, y: Any, groups: Any, sample_weight: npt.ArrayLike | None) -> Compared:
    """Check the data.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), or several inputs
        Table, or a dict or list of arrays, or `Inputs`.
    y : array-like of shape (n_samples,) or (n_samples, n_labels)
        Class labels, or a label indicator matrix.
    groups, sample_weight : array-like of shape (n_samples,) or None
        Groups and weights of the rows.

    Returns
    -------
    data : Compared

    Raises
    ------
    ValueError
        If the data break a rule.
    """
    target = checked_target(y)
    is_matrix = target.ndim == 2 and target.shape[1] > 1
    if is_matrix:
        index = label_codes(target).astype(int)
        labels = indicator_for(y, index)
        names = list(getattr(y, "columns", range(index.shape[1])))
        classes = np.array(names, dtype=object)
    else:
        labels = column_or_1d(target)
        check_classification_targets(labels)
        classes, index = np.unique(labels, return_inverse=True)
    X = X.inputs if isinstance(X, Inputs) else X
    if inputs_of(X)[0] is None:
        check_consistent_length(X, index)
    else:
        X = indexable_rows(X, len(index), OWNER)
    weight = check_sample_weight(sample_weight, index)
    if groups is not None:
        groups = checked_groups(groups, len(index), OWNER)
    return Compared(Rows(X, labels, index, weight, classes), groups, sample_weight is not None)


def with_splits(
    data: Compared, cv: Any, n_repeats: int, random_state: Any
) -> tuple[Compared, list[Split]]:
    """The data without rows of weight 0, which are as absent, and the folds of the others.

    Parameters
    ----------
    data : Compared
        The data.
    cv : int, splitter or iterable
        What makes the folds; an iterable names rows by their numbers among all rows.
    n_repeats : int
        Number of repetitions, if `cv` is an int.
    random_state : int, RandomState instance or None
        Seed of the folds.

    Returns
    -------
    data : Compared
        The rows that count.
    splits : list of (ndarray, ndarray)
        Training rows and test rows of each fold.

    Raises
    ------
    ValueError
        If `cv` does not fit the rows.
    """
    if n_repeats > 1 and not isinstance(cv, Integral):
        raise ValueError(
            f"The 'n_repeats' parameter of {OWNER} must be 1 unless 'cv' is an int. Got "
            f"{n_repeats!r} instead: let the splitter repeat."
        )
    counts = data.rows.weight > 0
    kept = data if counts.all() else data.only(np.flatnonzero(counts))
    by_number = not isinstance(cv, Integral) and not hasattr(cv, "split")
    of = data if by_number else kept
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31))
    split_params = {} if of.groups is None else {"groups": of.groups}
    splits = [
        split
        for _ in range(n_repeats)
        for split in cv_splits(
            cv, of.rows.X, of.rows.y, of.rows.target, rng, split_params=split_params, owner=OWNER
        )
    ]
    if of is not kept:
        place = np.cumsum(counts) - 1
        parts = [(train[counts[train]], test[counts[test]]) for train, test in splits]
        splits = [(place[train], place[test]) for train, test in parts]
        splits = cv_splits(
            splits, kept.rows.X, kept.rows.y, kept.rows.target, rng, split_params={}, owner=OWNER
        )
    return kept, splits
