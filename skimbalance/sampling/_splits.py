"""Splits and folds in which every class has its share of the rows."""

import reprlib
from numbers import Integral, Real
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = [
    "RandomState",
    "as_generator",
    "check_fraction",
    "rows_by_class",
    "stratified_folds",
    "stratified_split",
]

RandomState: TypeAlias = int | np.random.RandomState | np.random.Generator | None


def stratified_split(
    y: npt.ArrayLike, fraction: float, *, random_state: RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into a training and a held-out part, each with every class.

    A `fraction` of the rows of each class is held out, rounded, but at least one row; and at least
    one is left for training.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Class indices 0 to n_classes - 1; every class has at least two rows.
    fraction : float in (0, 1)
        Share of the rows held out.
    random_state : int, RandomState instance, Generator or None
        Source of randomness. An int seeds a new generator, so that every call gives the same rows.

    Returns
    -------
    train, held_out : ndarray of int
        Row indices, ascending.

    Raises
    ------
    ValueError
        If a class has a single row, or `fraction` is not between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.sampling import stratified_split
    >>> y = np.repeat([0, 1], [18, 2])
    >>> train, held_out = stratified_split(y, 0.1, random_state=0)
    >>> np.bincount(y[train]), np.bincount(y[held_out])
    (array([16,  1]), array([2, 1]))
    """
    check_fraction(fraction, "stratified_split")
    rng = as_generator(random_state)
    held_out_by_class = []
    for rows in rows_by_class(y):
        if len(rows) < 2:
            raise ValueError(
                "Every class must have at least 2 rows to be in both parts of a split. "
                f"Got a class with {len(rows)}."
            )
        n_held_out = min(max(1, round(fraction * len(rows))), len(rows) - 1)
        held_out_by_class.append(rng.choice(rows, n_held_out, replace=False))
    held_out = np.sort(np.concatenate(held_out_by_class))
    return np.setdiff1d(np.arange(np.size(y)), held_out, assume_unique=True), held_out


def stratified_folds(y: npt.ArrayLike, n_folds: int, *, random_state: RandomState) -> np.ndarray:
    """Assign each row to a fold; every class, and all rows together, are spread evenly.

    A class with fewer rows than folds is in as many folds as it has rows. Unlike scikit-learn's
    `StratifiedKFold`, this function does not warn of such classes.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Class indices 0 to n_classes - 1.
    n_folds : int
        Number of folds, at least 2.
    random_state : int, RandomState instance, Generator or None
        Source of randomness. An int seeds a new generator, so that every call gives the same folds.

    Returns
    -------
    fold : ndarray of shape (n_samples,)
        Fold of each row, 0 to n_folds - 1.

    Raises
    ------
    ValueError
        If `n_folds` is not an int of at least 2.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.sampling import stratified_folds
    >>> y = np.repeat([0, 1], [6, 2])
    >>> fold = stratified_folds(y, 2, random_state=0)
    >>> np.bincount(y[fold == 0])
    array([3, 1])
    """
    if not isinstance(n_folds, Integral) or n_folds < 2:
        raise ValueError(
            "The 'n_folds' parameter of stratified_folds must be an int in the range [2, inf). "
            f"Got {n_folds!r} instead."
        )
    rng = as_generator(random_state)
    order = np.concatenate([rng.permutation(rows) for rows in rows_by_class(y)])
    fold = np.empty(len(order), int)
    # Rows are dealt to the folds in turn; a class goes on where the one before it stopped.
    fold[order] = np.arange(len(fold)) % n_folds
    return fold


def check_fraction(fraction: float, owner: str) -> None:
    """Check the share of the rows that a split holds out."""
    if not isinstance(fraction, Real) or not 0 < fraction < 1:
        raise ValueError(
            f"The 'fraction' parameter of {owner} must be a float in the range (0, 1). "
            f"Got {fraction!r} instead."
        )


def as_generator(random_state: RandomState) -> np.random.Generator:
    """Return a generator unchanged; make a new one of anything else that scikit-learn accepts."""
    if isinstance(random_state, np.random.RandomState):
        random_state = int(random_state.randint(2**31))
    return np.random.default_rng(random_state)


def rows_by_class(y: npt.ArrayLike) -> list[np.ndarray]:
    """Row indices of each class that has rows."""
    y = _checked_indices(y)
    by_class = np.argsort(y, kind="stable").astype(np.int32)
    ends = np.cumsum(np.bincount(y))
    return [rows for rows in np.split(by_class, ends[:-1]) if len(rows)]


def _checked_indices(y: npt.ArrayLike) -> np.ndarray:
    """Class indices as an array; class labels of another kind are refused."""
    try:
        indices = np.asarray(y)
    except ValueError:  # lists of unequal length
        indices = np.empty((0, 0))
    is_right = indices.ndim == 1 and len(indices) > 0 and indices.dtype.kind in "biu"
    if not is_right or np.any(indices < 0):
        raise ValueError(
            "y must hold the class index of each row, an int from 0 to n_classes - 1. Got "
            f"{reprlib.repr(y)} instead: np.unique(y, return_inverse=True)[1] are the indices of "
            "class labels."
        )
    return indices
