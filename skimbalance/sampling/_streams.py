"""Which rows an epoch visits, and in which order: index streams.

An index stream is a pure function of (y, seed, epoch) to an array of row indices that is
cut into batches in its order. Being pure, it is the same alone and among many fits, and can
be resumed at any epoch.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from skimbalance.sampling._random import Purpose, generator
from skimbalance.sampling._splits import rows_by_class

__all__ = [
    "STREAMS",
    "Stream",
    "balanced_order",
    "shuffled_order",
    "stratified_order",
]


def shuffled_order(y, *, seed, epoch):
    """Every row once, in random order.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class indices 0 to n_classes - 1; only their number matters.
    seed : int
        Seed; not negative.
    epoch : int
        Number of the epoch; not negative. Each epoch has another order.

    Returns
    -------
    order : ndarray of shape (n_samples,), dtype int32
        Row indices.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.sampling import shuffled_order
    >>> sorted(shuffled_order(np.array([0, 0, 1]), seed=0, epoch=0).tolist())
    [0, 1, 2]
    """
    rng = generator(Purpose.ORDER, seed, epoch)
    return rng.permutation(np.arange(len(y), dtype=np.int32))


def stratified_order(y, *, seed, epoch):
    """Every row once; every batch holds each class in its share of the rows.

    For two classes a batch is exact within one row. Of C classes, one with share f is off by less
    than ``1 + f (C - 2)`` rows, so frequent classes give way, never rare ones.
    A rare class that a plain shuffle would leave out of some batches and crowd into others is
    spread evenly over the epoch.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class indices 0 to n_classes - 1.
    seed : int
        Seed; not negative.
    epoch : int
        Number of the epoch; not negative. Each epoch has another order.

    Returns
    -------
    order : ndarray of shape (n_samples,), dtype int32
        Row indices.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.sampling import stratified_order
    >>> y = np.repeat([0, 1], [8, 4])
    >>> y[stratified_order(y, seed=0, epoch=0)].reshape(2, 6).sum(axis=1)
    array([2, 2])
    """
    rng = generator(Purpose.ORDER, seed, epoch)
    return _spread([rng.permutation(rows) for rows in rows_by_class(y)], rng)


def balanced_order(y, *, seed, epoch):
    """As many draws as rows; every batch holds all classes in equal numbers, within one row.

    Rows of a rare class are drawn several times in an epoch, those of a frequent class at most
    once. An epoch continues where the one before stopped: after any number of epochs the rows of a
    class have been drawn equally often, within one.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class indices 0 to n_classes - 1.
    seed : int
        Seed; not negative.
    epoch : int
        Number of the epoch; not negative. Each epoch has other draws.

    Returns
    -------
    order : ndarray of shape (n_samples,), dtype int32
        Row indices.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.sampling import balanced_order
    >>> y = np.repeat([0, 1], [90, 10])
    >>> np.bincount(y[balanced_order(y, seed=0, epoch=0)])
    array([50, 50])
    """
    rng = generator(Purpose.ORDER, seed, epoch)
    groups = rows_by_class(y)
    n_classes = len(groups)
    draws = []
    for k, rows in enumerate(groups):
        # Class k has had (epoch * n + k) // n_classes draws before this epoch: the classes sum
        # to epoch * n (Hermite's identity) and take turns at the draws that are left over.
        start, end = ((e * len(y) + k) // n_classes for e in (epoch, epoch + 1))
        # One permutation for all epochs, walked round and round: no row is ever a draw ahead.
        cycle = generator(Purpose.CYCLE, seed, k).permutation(rows)
        draws.append(rng.permutation(cycle[np.arange(start, end) % len(rows)]))
    # Draw j of every class stands in round j; classes with a draw more come first in a round.
    draws = sorted((draws[k] for k in rng.permutation(n_classes)), key=len, reverse=True)
    rounds = [np.arange(len(rows)) for rows in draws]
    return np.concatenate(draws)[np.argsort(np.concatenate(rounds), kind="stable")]


def _spread(groups, rng):
    """Interleave the groups evenly, so that every stretch of the result mirrors the whole.

    The j-th of m draws stands at (j + u) / m of the epoch, with one offset u a group: a stretch
    of length L then holds L * m draws of the group, rounded down or up.
    """
    positions = [(np.arange(len(group)) + rng.random()) / len(group) for group in groups]
    return np.concatenate(groups)[np.argsort(np.concatenate(positions), kind="stable")]


def _once(n_rows: np.ndarray) -> np.ndarray:
    """Every row is drawn once in an epoch."""
    return np.ones(len(n_rows))


def _equally(n_rows: np.ndarray) -> np.ndarray:
    """Classes are drawn equally often, and rows once in the mean over all classes."""
    return n_rows.sum() / (np.count_nonzero(n_rows) * np.maximum(n_rows, 1))


@dataclass(frozen=True)
class Stream:
    """An index stream, and what follows from it for class weights and posteriors.

    Parameters
    ----------
    order : callable
        ``order(y, seed=..., epoch=...)``: row indices, in the order of their batches.
    draws : callable
        ``draws(n_rows)``: how often the rows of each class are drawn in an epoch, on average, given
        their numbers.
    composes_batches : bool
        Whether it decides which rows share a batch. Sequences cannot keep to it, as those of
        similar length share a batch.
    """

    order: Callable[..., np.ndarray]
    draws: Callable[[np.ndarray], np.ndarray] = _once
    composes_batches: bool = False


#: Value of the parameter `sampling` -> its index stream.
STREAMS = {
    "shuffle": Stream(shuffled_order),
    "stratified": Stream(stratified_order, composes_batches=True),
    "balanced": Stream(balanced_order, draws=_equally),
}
