"""Splits and folds in which every class has its share of the rows."""

import numpy as np

__all__ = ["rows_by_class", "stratified_folds", "stratified_split"]


def stratified_split(y, fraction, *, random_state):
    """Split rows into a training and a held-out part, each with every class.

    Each class gives the held-out part ``fraction`` of its rows, rounded, but at least one, and
    keeps at least one.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class indices 0 to n_classes - 1; every class has at least two rows.
    fraction : float in (0, 1)
        Share of the rows held out.
    random_state : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    train, held_out : ndarray of int
        Row indices, ascending.

    Raises
    ------
    ValueError
        If a class has a single row.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.sampling import stratified_split
    >>> y = np.repeat([0, 1], [18, 2])
    >>> train, held_out = stratified_split(y, 0.1, random_state=np.random.default_rng(0))
    >>> np.bincount(y[train]), np.bincount(y[held_out])
    (array([16,  1]), array([2, 1]))
    """
    held_out = []
    for rows in rows_by_class(y):
        if len(rows) < 2:
            raise ValueError(
                "Every class must have at least 2 rows to be in both parts of a split. "
                f"Got a class with {len(rows)}."
            )
        n_held_out = min(max(1, round(fraction * len(rows))), len(rows) - 1)
        held_out.append(random_state.choice(rows, n_held_out, replace=False))
    held_out = np.sort(np.concatenate(held_out))
    return np.setdiff1d(np.arange(len(y)), held_out, assume_unique=True), held_out


def stratified_folds(y, n_folds, *, random_state):
    """A fold for each row; the rows of each class are spread evenly, and so are all rows.

    Classes with fewer rows than folds are in as many folds as they have rows, without a
    complaint: scikit-learn's `StratifiedKFold` warns of them.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class indices 0 to n_classes - 1.
    n_folds : int
        At least 2.
    random_state : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    fold : ndarray of shape (n_samples,)
        0 to n_folds - 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.sampling import stratified_folds
    >>> y = np.repeat([0, 1], [6, 2])
    >>> fold = stratified_folds(y, 2, random_state=np.random.default_rng(0))
    >>> np.bincount(y[fold == 0])
    array([3, 1])
    """
    fold = np.empty(len(y), int)
    order = np.concatenate([random_state.permutation(rows) for rows in rows_by_class(y)])
    # The turn of the next class begins where that of the one before ended.
    fold[order] = np.arange(len(y)) % n_folds
    return fold


def rows_by_class(y):
    """Row indices of each class that has rows."""
    by_class = np.argsort(y, kind="stable").astype(np.int32)
    ends = np.cumsum(np.bincount(y))
    return [rows for rows in np.split(by_class, ends[:-1]) if len(rows)]
