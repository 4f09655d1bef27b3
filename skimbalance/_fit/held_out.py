"""Which rows are held out: those that the caller gives or chooses, or rows drawn from the data."""

import reprlib
from typing import Any

import numpy as np
from sklearn.utils.metadata_routing import get_routing_for_object

from skimbalance._fit.data import Data
from skimbalance._fit.settings import Settings
from skimbalance._fit.targets import Target
from skimbalance._validation import as_array, inputs_of, plain_labels, some_of, warn
from skimbalance.sampling import iterative_split

__all__ = ["check_judges", "chosen_rows", "hold_out", "stops_early"]

# Held-out rows of the rarest class below which their score is too noisy to stop by.
FEWEST_HELD_OUT = 10


def hold_out(
    settings: Settings, data: Data, target: Target, rng: np.random.Generator
) -> tuple[Data, Data | None]:
    """Training rows and held-out rows, the latter None without early stopping.

    No group is divided, where the rows have groups.
    """
    n_rarest, n_most_frequent = target.extreme_counts(data.y)
    if not stops_early(settings, n_rarest, n_most_frequent):
        return data, None
    if n_rarest < 2:
        warn(
            "Early stopping needs at least 2 rows of every class, one to train and one to hold "
            f"out. There are only {n_rarest} of {target.rarest(data.y)}, so training does not stop "
            "early. Set early_stopping=False to silence this warning."
        )
        return data, None
    fraction = settings.validation_fraction
    if data.groups is None:
        parts = target.split(data.y, fraction, rng)
    else:
        parts = _whole_groups(data, target, fraction, rng)
    train, held_out = (data.take(rows) for rows in parts)
    if data.groups is not None:
        check_judges(train, held_out, target)
    _warn_of_few(settings, held_out, target)
    return train, held_out


def stops_early(settings: Settings, n_rarest: int, n_most_frequent: int) -> bool:
    """Whether rows are to be held out, given the rows of the rarest and of the commonest class."""
    if settings.early_stopping != "auto":
        return bool(settings.early_stopping)
    # Equal counts suggest a sampler earlier in a pipeline: held-out rows would be copies of
    # training rows, or synthetic, and their score would say nothing.
    is_enough = n_rarest * settings.validation_fraction >= FEWEST_HELD_OUT
    return is_enough and n_rarest < n_most_frequent


def _warn_of_few(settings, held_out, target):
    n_judged = target.extreme_counts(held_out.y)[0]
    if settings.early_stopping != "auto" and n_judged < FEWEST_HELD_OUT:
        warn(
            f"Few held-out rows judge {target.rarest(held_out.y)}: {n_judged}, so which epoch is "
            "best is largely luck. Set early_stopping='auto', which holds out rows only with "
            f"{FEWEST_HELD_OUT} of every class, or raise 'validation_fraction'."
        )


def _whole_groups(data, target, fraction, rng):
    """Training and held-out rows, of which no group has both; the classes are spread over both."""
    names, group = np.unique(data.groups, return_inverse=True)
    if len(names) < 2:
        raise ValueError(
            "The rows must have at least 2 groups for early stopping, one to train and one to hold "
            f"out. Got the group {plain_labels(names)[0]!r} only: set early_stopping=False, or "
            "leave 'groups' out."
        )
    units = np.zeros((len(names), target.n_outputs))
    np.add.at(units, group, target.occurrence(data.y))
    # Together with all rows, those of the other classes determine those of the most frequent one.
    units[:, units.sum(axis=0).argmax()] = np.bincount(group)
    _, held_out = iterative_split(units, fraction, random_state=rng)
    is_held_out = np.isin(group, held_out)
    return np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)


def chosen_rows(
    validation: Any, X: Any, y: Any, groups: np.ndarray | None, n_rows: int, owner: str
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the training rows and of the held-out rows, by a splitter or a mask.

    Parameters
    ----------
    validation : splitter or array-like of bool of shape (n_rows,)
        The parameter of the estimator.
    X, y : array-like of shape (n_rows, ...)
        Rows and targets, as the caller gave them.
    groups : ndarray of shape (n_rows,) or None
        A group for each row.
    n_rows : int
        Number of rows.
    owner : str
        Name of the estimator, for errors.

    Returns
    -------
    train, held_out : ndarray of int

    Raises
    ------
    ValueError
        If the parameter is neither, a part is empty, a row is in both parts, or a group is.
    """
    if isinstance(validation, type):
        raise ValueError(
            f"The 'validation' parameter of {owner} must be a splitter, not its class. Got "
            f"{validation!r}: call it."
        )
    if hasattr(validation, "split") and not isinstance(validation, str):
        train, held_out = _first_split(validation, X, y, groups, n_rows, owner)
    else:
        train, held_out = _masked(validation, n_rows, owner)
    rule = f"The 'validation' parameter of {owner} must"
    if not (len(train) and len(held_out)):
        raise ValueError(
            f"{rule} leave training rows and hold out others. Got {len(train)} training rows and "
            f"{len(held_out)} held-out rows of {n_rows}."
        )
    both = np.intersect1d(train, held_out)
    if len(both):
        raise ValueError(
            f"{rule} hold out rows that are not trained on. Got {some_of(both.tolist())} in both "
            "parts."
        )
    if groups is not None:
        divided = np.intersect1d(groups[train], groups[held_out])
        if len(divided):
            raise ValueError(
                f"{rule} not divide a group of 'groups' between training rows and held-out rows. "
                f"Got the groups {some_of(plain_labels(divided))} in both: use a splitter by "
                "groups, such as GroupShuffleSplit, or leave 'validation' out."
            )
    return train, held_out


def _first_split(splitter, X, y, groups, n_rows, owner):
    """The first split of a splitter."""
    if inputs_of(X)[0] is not None and len(X) != n_rows:
        X = np.empty((n_rows, 0))  # several inputs have no rows for a splitter
    takes_groups = get_routing_for_object(splitter).consumes("split", ["groups"])
    if takes_groups and groups is None:
        raise ValueError(
            f"The 'groups' of the fit of {owner} must hold a group for each row, as "
            f"validation={splitter!r} splits by groups. Got None instead."
        )
    given = {"groups": groups} if takes_groups else {}
    try:
        train, held_out = (np.asarray(part) for part in next(iter(splitter.split(X, y, **given))))
        rows = np.arange(n_rows)
        if np.any(train < 0) or np.any(held_out < 0):  # they would count from the end
            raise IndexError
        return rows[train], rows[held_out]
    except (TypeError, IndexError, StopIteration) as error:
        raise ValueError(
            f"The 'validation' parameter of {owner} must be a splitter that gives the numbers of "
            f"training rows and of held-out rows, from 0 to {n_rows - 1}. Got {splitter!r} "
            f"instead ({type(error).__name__}: {error})."
        ) from error


def _masked(validation, n_rows, owner):
    """Rows where a mask is false, and where it is true."""
    try:
        mask = np.asarray(as_array(validation))
    except ValueError:  # such as tables and labels, of different shapes
        mask = np.empty(0)
    if mask.dtype.kind not in "bO" or mask.shape != (n_rows,) or not np.isin(mask, (0, 1)).all():
        raise ValueError(
            f"The 'validation' parameter of {owner} must be None, a splitter, or a mask with true "
            f"or false for each of the {n_rows} rows. Got {reprlib.repr(validation)} instead: in a "
            "search, which divides the rows, use a splitter, and give rows of your own to 'fit' as "
            "X_val and y_val."
        )
    mask = mask.astype(bool)
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def check_judges(train: Data, held_out: Data, target: Target) -> None:
    """Check the classes in training rows and held-out rows that were not drawn by class.

    Raises
    ------
    ValueError
        If the training rows lack a class, or the held-out rows have fewer than two.
    """
    trained, judged = (np.any(target.occurrence(part.y) > 0, axis=0) for part in (train, held_out))
    untrained, lacking = (
        [
            name
            for name, has_rows in zip(plain_labels(target.classes), among, strict=True)
            if not has_rows
        ]
        for among in (trained, judged)
    )
    if target.exclusive and untrained:
        raise ValueError(
            "Every class must have training rows beside the held-out rows. Got none of "
            f"{some_of(untrained)}: hold out other rows, or leave these classes out of y."
        )
    if target.exclusive and judged.sum() < 2:
        raise ValueError(
            "The held-out rows must have at least 2 classes, so that they judge when to stop. Got "
            f"{len(held_out.y)} rows without {some_of(lacking)}: hold out more rows, or set "
            "early_stopping=False."
        )
    if lacking:
        warn(
            f"The held-out rows lack the {target.noun} {some_of(lacking)}, so that early stopping "
            "does not look at them: hold out more rows, or others."
        )
