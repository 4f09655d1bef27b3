"""The rows of a stream that a fit uses: some in memory, which judge; the others on a disk."""

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skimbalance._engine.shared import digest
from skimbalance._fit.data import Data
from skimbalance._fit.settings import Settings
from skimbalance._fit.streams.cache import Cache
from skimbalance._fit.streams.division import Division, ratio_of, strata_of
from skimbalance._fit.streams.draw import Draw
from skimbalance._fit.targets import Labels, Target
from skimbalance.preprocessing._encoder import TableEncoder
from skimbalance.sampling._streams import Stream

__all__ = ["DrawnRows", "EncodedParts", "draw_rows", "drawn_blocks", "held_out_rows"]

# Some training rows, from which it is learnt how to encode them: those of the first buckets.
SAMPLE_ROWS = 2**17

ENCODED_ROWS = 2**12

# Numbers of the parts into which rows are drawn.
LEFT_OUT, HELD_OUT, TRAINED = range(3)


@dataclass(frozen=True, eq=False)
class DrawnRows:
    """The rows of a stream that a fit uses, and what is known of all rows.

    Parameters
    ----------
    target : Target
        What is learnt.
    division : Division
        Numbers of rows.
    counts : ndarray of shape (n_classes,) or (n_labels, 2)
        Weight of each class among all rows.
    by_shift : bool
        Whether logits are shifted to make up for the thinning; else rows of the majority weigh
        more.
    cache : Cache
        The training rows.
    trained_counts : ndarray, of the shape of `counts`
        Weight of each class among them.
    held_out : Data or None
        Held-out rows.
    sample : Data
        Some of the training rows.
    totals : object
        What is known of the columns of all rows, see `TableEncoder.learn`.
    lack_labels : bool, default=False
        Whether any label of any row is missing.
    """

    target: Target
    division: Division
    counts: np.ndarray
    by_shift: bool
    cache: Cache
    trained_counts: np.ndarray
    held_out: Data | None
    sample: Data
    totals: Any
    lack_labels: bool = False
    _encoders: dict[Any, Any] = field(default_factory=dict)

    @property
    def kept(self) -> np.ndarray:
        """Share of the rows of each class that is kept, as far as a shift makes up for it."""
        return self.division.kept if self.by_shift else np.ones_like(self.counts)

    def encoded(self, settings: Settings) -> "EncodedParts":
        """The training rows, encoded as settings say; once for all fits with the same ones."""
        key = settings.standardize, settings.bins
        if key not in self._encoders:
            X, index = self.sample.X[0], self.sample.index
            weight = self.sample.weight if self.sample.weighted else None
            assert self.sample.n_levels is not None
            encoder = TableEncoder.learn(
                X, index, weight, self.sample.n_levels,
                standardize=settings.standardize, totals=self.totals,
            )  # fmt: skip
            if settings.bins is not None:
                y = self.sample.y if settings.bins == "supervised" else None
                encoder = encoder.with_bins(X, index, y)
            self._encoders[key] = EncodedParts(self.cache, encoder)
        return self._encoders[key]

    def ratio(self, stream: Stream, n_rows: np.ndarray) -> np.ndarray:
        """How many times more often a stream draws each class, of so many rows, than it occurs."""
        if not isinstance(self.target, Labels):
            return stream.draws(n_rows)
        strata = self.target.strata(self.sample.y)
        draws = stream.draws(np.bincount(strata))[strata]
        drawn = self.target.counts(self.sample.y, self.sample.weight * draws)
        natural = self.target.counts(self.sample.y, self.sample.weight)
        return np.divide(drawn, natural, out=np.ones_like(drawn), where=(drawn > 0) & (natural > 0))


@dataclass(frozen=True, eq=False)
class _Part:
    """Rows of a bucket as the network sees them."""

    X: tuple[np.ndarray, ...]
    y: np.ndarray
    weight: np.ndarray | None


class EncodedParts:
    """Buckets of training rows, as the network sees them; those that several fits read are shared.

    Parameters
    ----------
    cache : Cache
        The rows.
    encoder : TableEncoder
        What turns them into inputs.
    """

    def __init__(self, cache: Cache, encoder: TableEncoder):
        self.cache, self.encoder = cache, encoder
        self._lock = threading.Lock()
        self._held: Any = weakref.WeakValueDictionary()

    def read(self, number: int, dtypes: list[Any]) -> _Part:
        """The rows of a bucket, with inputs of some types."""
        key = number, *map(np.dtype, dtypes)
        with self._lock:
            part = self._held.get(key)
            if part is None:
                part = self._held[key] = self._read(number, *dtypes)
        return part

    def _read(self, number, dtype):
        rows, y, weight = self.cache.read(number)
        X = np.empty((len(rows), self.encoder.n_outputs), dtype)
        for start in range(0, len(rows), ENCODED_ROWS):
            block = slice(start, start + ENCODED_ROWS)
            X[block] = self.encoder.transform(rows[block])
        return _Part((X,), y, weight)


def draw_rows(
    blocks: Callable[[], Any],
    target: Target,
    division: Division,
    seed: int,
    folder: str,
    *,
    weighted: bool,
    by_shift: bool,
) -> tuple[Cache, np.ndarray, Data | None, Data]:
    """Draw the rows of a fit, in one pass.

    Parameters
    ----------
    blocks : callable
        Gives an iterator of `Data` of one matrix each.
    target : Target
        What is learnt.
    division : Division
        Numbers of rows.
    seed : int
        Seed of the fit.
    folder : str
        Where the training rows are stored.
    weighted : bool
        Whether rows have weights.
    by_shift : bool
        Whether a shift of the logits makes up for the thinning; else rows of the majority weigh
        more.

    Returns
    -------
    cache : Cache
        Training rows.
    counts : ndarray of shape (n_classes,) or (n_labels, 2)
        Weight of each class among these.
    held_out : Data or None
        Held-out rows; they weigh so much that the classes have their shares among all rows.
    sample : Data
        Some of the training rows.
    """
    draw = Draw(division.n_rows, division.parts, seed)
    factor = division.factor(by_shift=by_shift)
    weighted_rows = weighted or bool(np.any(factor != 1.0))
    cache: Cache | None = None
    counts, judges = np.zeros(0), []
    with ExitStack() as stack:
        for train, judge, of_columns in drawn_blocks(blocks(), target, draw, factor):
            if len(judge[0]):
                judges.append(judge)
            (X, y, weight), n_levels = train, of_columns
            if cache is None:
                cache = Cache(
                    folder, int(division.trained.sum()), X.shape[1], X.dtype, y.shape[1:],
                    weighted_rows, seed,
                )  # fmt: skip
                stack.enter_context(cache)
            cache.write(X, y, weight if weighted_rows else None)
            of_block = target.counts(y, weight)
            counts = counts + of_block if counts.size else of_block
        assert cache is not None, "a source has rows"
        cache.close()
        held_out = held_out_rows(judges, division, weighted, n_levels) if judges else None
        sample = _sample(cache, weighted_rows, n_levels)
        stack.pop_all()  # an error frees the disk; else the caller does
    return cache, counts, held_out, sample


def drawn_blocks(
    blocks: Iterator[Data], target: Target, draw: Draw, factor: np.ndarray
) -> Iterator[tuple[Any, ...]]:
    """Draw the rows of a fit, block by block.

    Parameters
    ----------
    blocks : iterator of Data
        All rows, each block of one matrix.
    target : Target
        What is learnt.
    draw : Draw
        What draws them.
    factor : ndarray of shape (n_strata,)
        How many rows a row to train on stands for.

    Yields
    ------
    train : tuple of ndarray
        X, y and weights of the rows to train on.
    judge : tuple of ndarray
        X, y, weights and strata of the held-out rows.
    n_levels : ndarray of int of shape (n_columns,)
        As in `Data`.

    Raises
    ------
    ValueError
        If there are other rows than announced to `draw`.
    """
    for data in blocks:
        (X,), y, weight = data.X, data.y, data.weight
        X = X if len(data.index) == len(X) else X[data.index]
        strata = strata_of(target, y)
        part = draw.draw(strata)
        judge, train = part == HELD_OUT, part == TRAINED
        trained = X[train], y[train], weight[train] * factor[strata[train]]
        yield trained, (X[judge], y[judge], weight[judge], strata[judge]), data.n_levels
    draw.finish()


def held_out_rows(
    judges: list[Any], division: Division, weighted: bool, n_levels: np.ndarray | None
) -> Data:
    """Held-out rows, each of which weighs as the rows do for which it stands."""
    X, y, weight, strata = (np.concatenate(part) for part in zip(*judges, strict=True))
    stands_for = ratio_of(division.n_rows, division.held_out)
    weight = weight * stands_for[strata] * (len(y) / stands_for[strata].sum())
    index, content = np.arange(len(y)), digest(X)
    return Data((X,), index, y, weight, weighted, n_levels=n_levels, content=content)


def _sample(cache, weighted, n_levels):
    """The rows of the first buckets, each of which is a random sample."""
    enough = int(np.searchsorted(np.cumsum(cache.sizes), SAMPLE_ROWS)) + 1
    read = [cache.read(b) for b in range(min(enough, len(cache.sizes)))]
    X, y = (np.concatenate([part[i] for part in read])[:SAMPLE_ROWS] for i in (0, 1))
    weight = np.ones(len(y))
    if weighted:
        weight = np.concatenate([part[2] for part in read])[:SAMPLE_ROWS]
    return Data((X,), np.arange(len(y)), y, weight, weighted, n_levels=n_levels)
