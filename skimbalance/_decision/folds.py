"""Folds: which rows train and which are held out, and in which parts of these rules are judged."""

from numbers import Integral

import numpy as np
from sklearn.model_selection import check_cv

from skimbalance.sampling import stratified_folds

__all__ = ["cv_splits", "parts_of_folds", "stratified_parts"]

# The rule is learnt anew without each of so many parts of the held-out rows.
MOST_PARTS = 10


def cv_splits(cv, X, y, y_index, rng):
    """Training and test rows of each fold; of an int, stratified by `y_index`."""
    if isinstance(cv, Integral):
        fold = stratified_folds(y_index, cv, random_state=rng)
        # No fold is empty: there are no more of them than rows.
        n_folds = min(cv, len(y_index))
        return [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(n_folds)]
    return [
        tuple(np.arange(len(y_index))[rows] for rows in split)
        for split in check_cv(cv, y, classifier=True).split(X, y)
    ]


def stratified_parts(y_index, rng):
    """A part for each row."""
    return stratified_folds(y_index, MOST_PARTS, random_state=rng)


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
