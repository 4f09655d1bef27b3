"""Which rows of a stream are left out, held out or trained on: exact numbers, drawn as rows pass.

It is selection sampling (Knuth, The Art of Computer Programming, volume 2, section 3.4.2,
algorithm S), for several parts and for many rows at once.
"""

from typing import Self

import numpy as np

from skimbalance._validation import some_of
from skimbalance.sampling._random import Purpose, generator

__all__ = ["Draw", "water_filled"]

# Rows of a stratum for which parts are drawn at once. Which part a row gets depends on this number,
# and not on the blocks in which rows come.
AT_ONCE = 2**16

# NumPy's hypergeometric numbers are exact for fewer rows than this.
FEW_ENOUGH = 10**9

SAME_ROWS = (
    "The source must give the same rows in each pass: its files must not change meanwhile, and "
    "a callable must begin anew at each call."
)


class Draw:
    """The part that each row of a stream gets: of each stratum exactly so many rows for each part.

    Every choice of rows is equally likely. The same rows in the same order get the same parts,
    however they are cut into blocks.

    Parameters
    ----------
    counts : ndarray of int of shape (n_strata,)
        Number of rows of each stratum in the whole stream.
    parts : ndarray of int of shape (n_strata, n_parts)
        How many of them each part gets; the parts of a stratum add up to its count.
    seed : int
        Seed of the fit.
    piece : int, default=0
        Number of the piece of the source, where pieces are read apart from each other.

    Raises
    ------
    ValueError
        If the parts of a stratum do not add up to its count.
    """

    def __init__(self, counts: np.ndarray, parts: np.ndarray, seed: int, piece: int = 0):
        self._counts = np.array(counts, dtype=np.int64)
        self._left = np.array(parts, dtype=np.int64)  # rows for which no part is drawn yet
        if not np.array_equal(self._left.sum(axis=1), self._counts):
            raise ValueError(
                "The parts of each stratum must add up to its number of rows. Got the sums "
                f"{some_of(self._left.sum(axis=1).tolist())} and the numbers "
                f"{some_of(self._counts.tolist())}."
            )
        self._seen = np.zeros_like(self._counts)
        n_strata, n_parts = self._left.shape
        self._names = np.arange(n_parts, dtype=np.min_scalar_type(n_parts))
        self._drawn = [self._names[:0]] * n_strata  # parts of the next rows of each stratum
        numbers = range(1, n_strata + 1)
        self._rngs = [generator(Purpose.DRAW, seed, number, piece) for number in numbers]

    @classmethod
    def shares(cls, counts: np.ndarray, parts: np.ndarray, seed: int) -> np.ndarray:
        """How many rows of each part to draw in each piece of a source, as one pass over all would.

        Parameters
        ----------
        counts : ndarray of int of shape (n_pieces, n_strata)
            Number of rows of each stratum in each piece.
        parts : ndarray of int of shape (n_strata, n_parts)
            How many rows of a stratum each part gets from all pieces.
        seed : int
            Seed of the fit.

        Returns
        -------
        shares : ndarray of int of shape (n_pieces, n_strata, n_parts)
            What the `Draw` of each piece takes as its `parts`.
        """
        rng = generator(Purpose.DRAW, seed)
        left = np.array(parts, dtype=np.int64)
        shares = np.zeros((len(counts), *left.shape), dtype=np.int64)
        for piece, of_strata in enumerate(counts):
            for stratum, n_rows in enumerate(of_strata):
                shares[piece, stratum] = _hypergeometric(rng, left[stratum], int(n_rows))
                left[stratum] -= shares[piece, stratum]
        return shares

    def draw(self, strata: np.ndarray) -> np.ndarray:
        """Draw the parts of the next rows.

        Parameters
        ----------
        strata : ndarray of int of shape (n_rows,)
            The stratum of each row.

        Returns
        -------
        parts : ndarray of int of shape (n_rows,)
            The number of the part of each row.

        Raises
        ------
        ValueError
            If there are more rows of a stratum than announced, or one that was not announced.
        """
        n_strata = len(self._counts)
        if len(strata) and not 0 <= strata.min() <= strata.max() < n_strata:
            raise ValueError(f"{SAME_ROWS} Got a class that was not in the first pass.")
        numbers = np.bincount(strata, minlength=n_strata)
        self._check(self._seen + numbers <= self._counts, "more")
        self._seen += numbers
        # Sorting is three times as fast for small types.
        order = np.argsort(strata.astype(np.min_scalar_type(n_strata)), kind="stable")
        parts, begin = np.empty(len(strata), dtype=np.intp), 0
        for stratum in np.flatnonzero(numbers):
            rows = order[begin : begin + numbers[stratum]]
            parts[rows] = self._next(stratum, len(rows))
            begin += len(rows)
        return parts

    def finish(self) -> Self:
        """Check that all rows that were announced have come.

        Raises
        ------
        ValueError
            If rows are missing.
        """
        self._check(self._seen == self._counts, "fewer")
        return self

    def _check(self, is_right, word):
        if not np.all(is_right):
            n_rows = self._counts[np.argmin(is_right)]
            raise ValueError(
                f"{SAME_ROWS} Got {word} rows of a class than the {n_rows} of the first pass."
            )

    def _next(self, stratum, n_rows):
        """The parts of the next rows of a stratum."""
        drawn = self._drawn[stratum]
        while len(drawn) < n_rows:
            rng, left = self._rngs[stratum], self._left[stratum]
            numbers = _hypergeometric(rng, left, min(AT_ONCE, int(left.sum())))
            left -= numbers
            more = np.repeat(self._names, numbers)
            rng.shuffle(more)
            drawn = np.concatenate([drawn, more])
        self._drawn[stratum] = drawn[n_rows:]
        return drawn[:n_rows]


def _hypergeometric(rng: np.random.Generator, numbers: np.ndarray, n_rows: int) -> np.ndarray:
    """How many of `n_rows` rows belong to each part, if all parts have so many rows."""
    total = int(numbers.sum())
    if total < FEW_ENOUGH:
        return rng.multivariate_hypergeometric(numbers, n_rows)
    chosen = rng.choice(total, n_rows, replace=False, shuffle=False)
    parts = np.searchsorted(numbers.cumsum(), chosen, side="right")
    return np.bincount(parts, minlength=len(numbers))


def water_filled(counts: np.ndarray, most: int) -> np.ndarray:
    """Share a number of rows out among classes, the rare ones first.

    Each class gets ``min(count, T)`` rows, with the largest T of which all together get at most
    `most`.

    Parameters
    ----------
    counts : ndarray of int of shape (n_classes,)
        Number of rows of each class.
    most : int
        Number of rows to share out.

    Returns
    -------
    numbers : ndarray of int of shape (n_classes,)

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance._fit.streams.draw import water_filled
    >>> water_filled(np.array([1000, 3, 40]), 83)
    array([40,  3, 40])
    """
    counts = np.asarray(counts, dtype=np.int64)
    ascending = np.sort(counts)
    filled = ascending.cumsum() - ascending  # rows of all rarer classes
    levels = (most - filled) // np.arange(len(counts), 0, -1)
    too_high = levels < ascending
    return np.minimum(counts, levels[too_high.argmax()]) if too_high.any() else counts.copy()
