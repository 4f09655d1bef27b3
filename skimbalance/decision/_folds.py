"""Folds: which rows train and which are held out, and in which parts of these rules are judged."""

from numbers import Integral

import numpy as np
from sklearn.model_selection import check_cv

from skimbalance.sampling import iterative_folds, stratified_folds

__all__ = ["cv_splits", "known", "parts_of_folds", "stratified_parts"]

# The rule is learnt anew without each of so many parts of the held-out rows.
MOST_PARTS = 10


def cv_splits(cv, X, y, y_index, rng):
    """Training and test rows of each fold; of an int, stratified by class indices or labels."""
    if isinstance(cv, Integral):
        fold = _stratified(y_index, cv, rng)
        return [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in np.unique(fold)]
    return [
        tuple(np.arange(len(y_index))[rows] for rows in split)
        for split in check_cv(cv, y, classifier=True).split(X, y)
    ]


def stratified_parts(y_index, rng):
    """A part for each row."""
    return _stratified(y_index, MOST_PARTS, rng)


def parts_of_folds(tests, y_index, make_rng):
    """A part for each held-out row, given those of each fold; no row is in two parts.

    The folds are the parts, ten at most; where there is one fold, or a row comes in several,
    parts are drawn, by what `make_rng()` gives.
    """
    row = np.concatenate(tests)
    times = np.bincount(row, minlength=len(y_index))
    if len(tests) > 1 and times.max() == 1:
        return np.concatenate([np.full(len(t), i % MOST_PARTS) for i, t in enumerate(tests)])
    place = np.unique(row, return_inverse=True)[1]
    return stratified_parts(y_index[np.flatnonzero(times)], make_rng())[place]


def known(y_index, n_classes, weight=None):
    """Which classes have rows that count; which labels have some without and some with them."""
    if y_index.ndim == 1:
        return np.bincount(y_index, weight, n_classes) > 0
    counts = np.ones(len(y_index), bool) if weight is None else weight > 0
    return y_index[counts].any(axis=0) & ~y_index[counts].all(axis=0)


def _stratified(y_index, n_folds, rng):
    if y_index.ndim == 1:
        return stratified_folds(y_index, n_folds, random_state=rng)
    return iterative_folds(y_index, np.full(n_folds, 1 / n_folds), random_state=rng)
