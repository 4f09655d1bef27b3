"""Folds: which rows train and which are held out, and in which parts the rule is judged."""

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.model_selection import check_cv

from skimbalance.sampling import iterative_folds, stratified_folds

__all__ = ["cv_splits", "parts_of_folds", "stratified_parts", "with_rows"]

# The rule is learnt again without each part of the held-out rows. This is the number of parts.
MOST_PARTS = 10


def cv_splits(
    cv: Any, X: Any, y: Any, target: np.ndarray, rng: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training rows and held-out rows of each fold.

    If `cv` is an int, the folds are stratified by `target`: class indices, or an indicator.
    """
    if isinstance(cv, Integral):
        fold = _stratified(target, int(cv), rng)
        return [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in np.unique(fold)]
    rows = np.arange(len(target))
    return [
        (rows[train], rows[test]) for train, test in check_cv(cv, y, classifier=True).split(X, y)
    ]


def stratified_parts(target: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A part for each row, stratified by class indices or by an indicator."""
    return _stratified(target, MOST_PARTS, rng)


def parts_of_folds(
    tests: Sequence[np.ndarray],
    target: np.ndarray,
    make_rng: Callable[[], np.random.Generator],
) -> np.ndarray:
    """A part for each held-out row, given the held-out rows of each fold.

    The folds are the parts, at most ten. If there is only one fold, or if folds share a row, parts
    are drawn with the generator that `make_rng()` returns, and all copies of a row are in one part.
    """
    row = np.concatenate(tests)
    times = np.bincount(row, minlength=len(target))
    if len(tests) > 1 and times.max() == 1:
        return np.concatenate([np.full(len(t), i % MOST_PARTS) for i, t in enumerate(tests)])
    place = np.unique(row, return_inverse=True)[1]
    return stratified_parts(target[np.flatnonzero(times)], make_rng())[place]


def with_rows(target: np.ndarray, n_classes: int, weight: np.ndarray | None = None) -> np.ndarray:
    """Mask of the classes that have rows with a positive weight.

    In the multilabel case it is a mask of the labels that such rows both have and lack.
    """
    if target.ndim == 1:
        return np.bincount(target, weight, n_classes) > 0
    counted = target if weight is None else target[weight > 0]
    n_with = np.count_nonzero(counted, axis=0)
    return (n_with > 0) & (n_with < len(counted))


def _stratified(target, n_folds, rng):
    if target.ndim == 1:
        return stratified_folds(target, n_folds, random_state=rng)
    return iterative_folds(target, np.full(n_folds, 1 / n_folds), random_state=rng)
