"""The streams of random numbers that follow from the seed of a fit: one for each purpose."""

from enum import IntEnum

import numpy as np

__all__ = ["Purpose", "generator"]


class Purpose(IntEnum):
    """What a stream is for. Streams of one seed differ by it, whatever numbers follow.

    The members, and the numbers that `generator` takes for each:

    - ``ORDER``: the order of rows in an epoch; the number of the epoch.
    - ``CYCLE``: the cycle of a class in balanced sampling; the number of the class.
    - ``PLAN``: held-out rows, samplers, initial weights of a perceptron, dropout; the number of
      epochs before the fit.
    - ``WEIGHTS``: initial weights of other Keras networks; no number.
    - ``DRAW``: which rows of a stream are trained on; the number of the stratum, counted from 1,
      and of the piece of the source. Without numbers: how many rows of each piece.
    - ``BUCKET``: which rows of a stream are stored together; no number. With the number of a
      bucket, counted from 1: the order of its rows. With 0 and the number of an epoch, counted from
      1: the order of the buckets. With 1 and the number of a piece, counted from 1: the shards of
      its rows.
    - ``SAMPLE``: a sample of the rows of a shard; its number.
    """

    ORDER = 0
    CYCLE = 1
    PLAN = 2
    WEIGHTS = 3
    DRAW = 4
    BUCKET = 5
    SAMPLE = 6


def generator(purpose: Purpose, seed: int, *numbers: int) -> np.random.Generator:
    """A generator for one purpose.

    Parameters
    ----------
    purpose : Purpose
        It comes before the seed, as NumPy pads seeds with zeros: the generator of (seed,) would be
        that of (seed, 0).
    seed : int
        Seed of the fit; not negative.
    *numbers : int
        Numbers that tell streams of one purpose apart; not negative.

    Examples
    --------
    >>> from skimbalance.sampling._random import Purpose, generator
    >>> drawn = [generator(Purpose.ORDER, 5, epoch).integers(10**6) for epoch in range(3)]
    >>> len(set(drawn))
    3
    """
    return np.random.default_rng([purpose, seed, *numbers])
