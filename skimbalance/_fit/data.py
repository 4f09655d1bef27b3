"""The rows of a fit: held out, standardised, and changed by a sampler."""

import copy
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from skimbalance._fit.settings import Settings
from skimbalance._fit.targets import Target
from skimbalance._validation import warn

__all__ = ["Data", "fit_scaler", "hold_out", "resample"]

# Rows are read in blocks of this size: they stay in the cache, and a memory map is not copied.
BLOCK = 2**12

# Held-out rows of the rarest class below which their score is too noisy to stop by.
FEWEST_HELD_OUT = 10


@dataclass(frozen=True, eq=False)
class Data:
    """Rows of one or several arrays, with their targets and weights.

    Parameters
    ----------
    X : tuple of ndarray
        The arrays, one for each input of the network.
    index : ndarray of int of shape (n_rows,)
        Numbers of the rows within the arrays.
    y : ndarray of shape (n_rows, ...)
        Class indices, or an indicator matrix; see `skimbalance._fit.targets`.
    weight : ndarray of shape (n_rows,)
        How much each row counts.
    weighted : bool
        Whether the caller gave the weights.
    lengths : ndarray of int of shape (n_rows,), default=None
        Number of steps of each row, where rows are sequences.
    """

    X: tuple[np.ndarray, ...]
    index: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    weighted: bool
    lengths: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> Self:
        """Some of the rows."""
        lengths = None if self.lengths is None else self.lengths[rows]
        return type(self)(
            self.X, self.index[rows], self.y[rows], self.weight[rows], self.weighted, lengths
        )


def hold_out(
    settings: Settings, data: Data, target: Target, rng: np.random.Generator
) -> tuple[Data, Data | None]:
    """Training rows and held-out rows, the latter None without early stopping."""
    n_rarest, n_most_frequent = target.extreme_counts(data.y)
    if settings.early_stopping == "auto":
        # Equal counts suggest a sampler earlier in a pipeline: held-out rows would be copies of
        # training rows, or synthetic, and their score would say nothing.
        is_enough = n_rarest * settings.validation_fraction >= FEWEST_HELD_OUT
        stops_early = is_enough and n_rarest < n_most_frequent
    else:
        stops_early = bool(settings.early_stopping)
    if not stops_early:
        return data, None
    if n_rarest < 2:
        warn(
            "Early stopping needs at least 2 rows of every class, one to train and one to hold "
            f"out. A class has only {n_rarest}, so training does not stop early. Set "
            "early_stopping=False to silence this warning."
        )
        return data, None
    train, held_out = target.split(data.y, settings.validation_fraction, rng)
    return data.take(train), data.take(held_out)


def fit_scaler(scaler: StandardScaler | None, train: Data) -> StandardScaler:
    """Mean and deviation of the columns, from weighted rows and those that it saw before."""
    scaler = StandardScaler() if scaler is None else copy.deepcopy(scaler)
    (X,) = train.X
    for start in range(0, len(train.index), BLOCK):
        block = slice(start, start + BLOCK)
        # In float64: the square of a float32 column of 1e30 would overflow.
        rows = X[train.index[block]].astype(np.float64)
        scaler.partial_fit(rows, sample_weight=train.weight[block] if train.weighted else None)
    return scaler


def resample(
    sampler: Any, train: Data, scaler: StandardScaler | None, classes: np.ndarray, seed: int
) -> Data:
    """Rows after an imbalanced-learn sampler, fitted on the training rows only.

    Neighbours are sought among standardised columns, so that no column's unit decides who is
    a neighbour.
    """
    sampler = clone(sampler)
    if sampler.get_params().get("random_state", seed) is None:
        sampler.set_params(random_state=seed)
    (X,) = train.X
    rows = X[train.index]
    if scaler is not None:
        rows = scaler.transform(rows)
    # Class labels, not indices: a `sampling_strategy` may name them.
    new_rows, y = sampler.fit_resample(rows, classes[train.y])
    selected = getattr(sampler, "sample_indices_", None)
    # A smoothed bootstrap names the rows that it started from, but they have moved.
    if selected is not None and np.array_equal(new_rows, rows[selected]):
        return train.take(selected)
    if train.weighted:
        raise ValueError(
            "A sampler that creates new rows must not be used with 'sample_weight', which has no "
            f"weight for them. Got {sampler!r}: use one that selects rows, or drop the weights."
        )
    if scaler is not None:
        new_rows = scaler.inverse_transform(new_rows)
    y = np.searchsorted(classes, y)
    return Data((new_rows,), np.arange(len(y)), y, np.ones(len(y)), weighted=False)
