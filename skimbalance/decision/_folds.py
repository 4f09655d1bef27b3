"""Folds: which rows train and which are held out, and in which parts the rule is judged."""

import reprlib
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold
from sklearn.utils.metadata_routing import get_routing_for_object

from skimbalance._validation import checked_groups
from skimbalance.model_selection import Inputs
from skimbalance.sampling import iterative_folds, stratified_folds

__all__ = [
    "both_had_and_lacked",
    "check_trained",
    "cv_splits",
    "parts_of_folds",
    "stratified_parts",
    "with_rows",
]

# The rule is learnt again without each part of the held-out rows. This is the number of parts.
MOST_PARTS = 10


def cv_splits(
    cv: Any,
    X: Any,
    y: Any,
    target: np.ndarray,
    rng: np.random.Generator,
    *,
    split_params: Mapping[str, Any],
    owner: str,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training rows and held-out rows of each fold.

    Parameters
    ----------
    cv : int, cross-validation splitter or iterable
        With an int, the folds are stratified by `target`; given groups, all rows of a group are in
        the same fold, and the classes are spread as evenly as that allows.
    X, y : array-like of shape (n_samples, ...)
        Rows and targets for a splitter.
    target : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Class indices, or an indicator.
    rng : Generator
        Source of randomness if `cv` is an int.
    split_params : dict
        Arguments of the splitter's `split`, such as "groups".
    owner : str
        Who has the parameter `cv`, for errors.

    Returns
    -------
    splits : list of (ndarray, ndarray)
        Indices of the training rows and of the held-out rows of each fold.
    """
    if "groups" in split_params:
        groups = checked_groups(split_params["groups"], len(target), owner)
        split_params = {**split_params, "groups": groups}
    if isinstance(cv, Integral) and "groups" not in split_params:
        fold = _stratified(target, int(cv), rng)
        return [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in np.unique(fold)]
    if isinstance(cv, Integral):
        of_groups = StratifiedGroupKFold if target.ndim == 1 else GroupKFold
        cv, y = of_groups(int(cv), shuffle=True, random_state=int(rng.integers(2**31))), target
    elif "groups" not in split_params and splits_by_groups(cv):
        raise ValueError(
            f"The 'groups' parameter of {owner} must hold a group for each row, as cv={cv!r} "
            "splits by groups. Got None instead."
        )
    if isinstance(cv, str):  # which has a method `split`
        raise ValueError(
            f"The 'cv' parameter of {owner} must be an int, a splitter or an iterable of folds; "
            f"'prefit' is for TunedDecisionClassifierCV only. Got {cv!r} instead."
        )
    if isinstance(X, dict | tuple):
        X = Inputs(X)
    given = cv.split(X, y, **split_params) if hasattr(cv, "split") else cv
    splits = [_rows_of_fold(fold, len(target), owner) for fold in given]
    if not splits:
        raise ValueError(f"The 'cv' parameter of {owner} must give at least one fold. Got none.")
    for number, fold in enumerate(splits):
        if not all(map(len, fold)):
            raise ValueError(
                f"The 'cv' parameter of {owner} must give training rows and held-out rows in every "
                f"fold. Got none of them in fold {number}."
            )
    return splits


def check_trained(
    splits: Sequence[tuple[np.ndarray, np.ndarray]], target: np.ndarray, classes: np.ndarray
) -> None:
    """Check that every fold has two classes to train on.

    Raises
    ------
    ValueError
        If a fold has one class only.
    """
    for fold, (train, _) in enumerate(splits):
        trained = classes[np.unique(target[train])].tolist()
        if len(trained) < 2:
            raise ValueError(
                f"Every fold must have at least 2 classes to train on. Got {trained!r} in fold "
                f"{fold}: a class needs 2 rows, one to train and one to hold out."
            )


def _rows_of_fold(fold, n_rows, owner):
    """Indices of the training rows and of the held-out rows of a fold, checked."""
    rows = np.arange(n_rows)
    try:
        train, test = (np.asarray(part) for part in fold)
        if np.any(train < 0) or np.any(test < 0):  # they would count from the end
            raise IndexError
        return rows[train], rows[test]
    except (TypeError, ValueError, IndexError):
        raise ValueError(
            f"The 'cv' parameter of {owner} must give pairs of training rows and held-out rows, by "
            f"their numbers from 0 to {n_rows - 1}. Got {reprlib.repr(fold)}."
        ) from None


def splits_by_groups(cv: Any) -> bool:
    """Whether a splitter asks for groups."""
    return bool(get_routing_for_object(cv).consumes("split", ["groups"]))


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
    return both_had_and_lacked(target if weight is None else target[weight > 0])


def both_had_and_lacked(codes: np.ndarray) -> np.ndarray:
    """Mask of the labels that some of the rows have and others lack."""
    return np.any(codes == 1, axis=0) & np.any(codes == 0, axis=0)


def _stratified(target, n_folds, rng):
    if target.ndim == 1:
        return stratified_folds(target, n_folds, random_state=rng)
    indicator = np.where(target < 0, np.nan, target)
    return iterative_folds(indicator, np.full(n_folds, 1 / n_folds), random_state=rng)
