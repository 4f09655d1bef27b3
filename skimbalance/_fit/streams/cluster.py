"""A stream that the workers of a Dask cluster read: its pieces are surveyed, drawn and dealt there.

Each row that is trained on goes to a random shard, so that each shard is a random sample of them,
whatever the order of the source. All tasks depend on their arguments alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np

from skimbalance._fit.data import Data
from skimbalance._fit.streams.blocks import Source
from skimbalance._fit.streams.division import Division
from skimbalance._fit.streams.draw import Draw
from skimbalance._fit.streams.rows import SAMPLE_ROWS, drawn_blocks, held_out_rows
from skimbalance._fit.streams.survey import Survey
from skimbalance._fit.targets import Target
from skimbalance.sampling._random import Purpose, generator

__all__ = ["Pieces", "Shards", "gather", "same"]


class Rows(NamedTuple):
    """Rows of a shard, as a reader gives them: a matrix, targets, and weights or None."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None


class _Dealt(NamedTuple):
    """What was drawn from a piece: rows for each shard, rows that judge, counts of the classes."""

    shards: list[Rows]
    judges: tuple[np.ndarray, ...]
    counts: np.ndarray
    n_levels: np.ndarray | None


@dataclass(frozen=True, eq=False)
class _Dealing:
    """What tasks of the second pass know; see `Pieces.draw`."""

    read: Callable[[Source], Iterator[Data]]
    target: Target
    factor: np.ndarray
    weighted: bool
    seed: int
    n_shards: int


class Shards:
    """Training rows on the workers; to be left as the context that it is.

    Attributes
    ----------
    client : distributed.Client
        The client of the cluster.
    futures : list of Future
        The shards, as `Rows`.
    sizes : ndarray of int of shape (n_shards,)
        Number of rows of each, none of which is empty.
    """

    def __init__(self, client: Any, futures: list[Any], sizes: list[int]):
        filled = np.flatnonzero(sizes)
        self.client = client
        self.futures = [futures[i] for i in filled]
        self.sizes = np.array(sizes, dtype=np.intp)[filled]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.futures = []


class Pieces:
    """The pieces of a source, which the workers read.

    Parameters
    ----------
    client : distributed.Client
        The client of the cluster.
    source : Source
        The source.
    seed : int
        Seed of the fit.
    """

    def __init__(self, client: Any, source: Source, seed: int):
        self._client, self._pieces, self._seed = client, source.parts(), seed
        self._counts: list[Any] = []

    def survey(self, categorical_features: Any, owner: str) -> Survey:
        """The first pass; see `Survey.of`."""
        surveys = [
            self._submit(Survey.of, piece, categorical_features, owner) for piece in self._pieces
        ]
        counts = [self._submit(_counts, survey) for survey in surveys]
        survey = Survey.merged(gather(self._client, surveys))
        self._counts = gather(self._client, counts)
        return survey

    def draw(
        self,
        read: Callable[[Source], Iterator[Data]],
        target: Target,
        survey: Survey,
        division: Division,
        *,
        by_shift: bool,
    ) -> tuple[Shards, np.ndarray, Data | None, Data]:
        """The second pass, with as many shards as there are workers; see `draw_rows`.

        Parameters
        ----------
        read : callable
            Gives the rows of a piece, block by block.
        target : Target
            What is learnt.
        survey : Survey
            That of the first pass.
        division : Division
            Numbers of rows.
        by_shift : bool
            Whether a shift of the logits makes up for the thinning.
        """
        # One shard is meant for each worker, and any other may take it over.
        workers = sorted(self._client.nthreads()) or [None]
        n_shards = len(workers)
        counts = np.stack([_in_strata(survey, *of_piece) for of_piece in self._counts])
        shares = Draw.shares(counts, division.parts, self._seed)
        factor = division.factor(by_shift=by_shift)
        weighted = survey.weighted or bool(np.any(factor != 1.0))
        # A task of its own, so that it travels once.
        dealing = self._submit(same, _Dealing(read, target, factor, weighted, self._seed, n_shards))
        dealt = [
            self._submit(_dealt, dealing, number, *of_piece)
            for number, of_piece in enumerate(zip(self._pieces, counts, shares, strict=True))
            if of_piece[1].any()
        ]
        futures = [
            self._submit(
                _joined,
                [self._submit(_of_shard, of, number) for of in dealt],
                workers=worker,
                allow_other_workers=worker is not None,
            )
            for number, worker in enumerate(workers)
        ]
        sizes = gather(self._client, [self._submit(_size, shard) for shard in futures])
        found = gather(self._client, [self._submit(_without_rows, of) for of in dealt])
        shards, n_levels = Shards(self._client, futures, sizes), found[0].n_levels
        judges = [of.judges for of in found if len(of.judges[1])]
        held_out = None
        if judges:
            held_out = held_out_rows(judges, division, survey.weighted, n_levels)
        total = np.sum([of.counts for of in found], axis=0)
        return shards, total, held_out, self._sample(shards, weighted, n_levels)

    def _sample(self, shards, weighted, n_levels):
        """Some rows of each shard."""
        wanted = np.ceil(SAMPLE_ROWS * shards.sizes / shards.sizes.sum()).astype(int)
        numbered = enumerate(zip(shards.futures, wanted.tolist(), strict=True))
        futures = [self._submit(_some, rows, n, self._seed, i) for i, (rows, n) in numbered]
        rows = _joined(gather(self._client, futures))
        weight = np.ones(len(rows.y)) if rows.weight is None else rows.weight
        return Data((rows.X,), np.arange(len(rows.y)), rows.y, weight, weighted, n_levels=n_levels)

    def _submit(self, function, *args, **options):
        return self._client.submit(function, *args, pure=False, **options)


def gather(client: Any, futures: list[Any]) -> list[Any]:
    """The results of tasks.

    Parameters
    ----------
    client : distributed.Client
        The client of the cluster.
    futures : list of Future
        The tasks.

    Raises
    ------
    RuntimeError
        If one worker after the other died with the same task.
    """
    from distributed import KilledWorker

    try:
        return client.gather(futures)
    except KilledWorker as error:
        raise RuntimeError(
            "The workers of the client must live long enough for the rows that each of them holds. "
            "Got several that died with the same task, most likely for lack of memory: start more "
            "workers, or give them more memory."
        ) from error


def _in_strata(survey, classes, stratum_rows):
    """Numbers of rows of a piece, in the strata of the whole survey."""
    if survey.is_multilabel:
        return stratum_rows if len(stratum_rows) else np.zeros(len(survey.stratum_rows), int)
    counts = np.zeros(len(survey.stratum_rows), dtype=np.int64)
    counts[np.searchsorted(survey.classes, classes)] = stratum_rows
    return counts


# Tasks


def _counts(survey):
    return survey.classes, survey.stratum_rows


def same(value: Any) -> Any:
    """A task that gives what it gets: it travels once, and again if its worker dies."""
    return value


def _dealt(dealing, number, piece, n_rows, share):
    """Draw the rows of a piece, and deal those to train on out to shards."""
    draw = Draw(n_rows, share, dealing.seed, number)
    blocks = drawn_blocks(dealing.read(piece), dealing.target, draw, dealing.factor)
    trained, judges, n_levels = zip(*blocks, strict=True)
    rows = _joined([Rows(X, y, w if dealing.weighted else None) for X, y, w in trained])
    rng = generator(Purpose.BUCKET, dealing.seed, 1, 1 + number)
    shard = rng.integers(dealing.n_shards, size=len(rows.y))
    return _Dealt(
        shards=[_taken(rows, np.flatnonzero(shard == s)) for s in range(dealing.n_shards)],
        judges=tuple(np.concatenate(part) for part in zip(*judges, strict=True)),
        counts=np.sum([dealing.target.counts(y, w) for _, y, w in trained], axis=0),
        n_levels=n_levels[0],
    )


def _of_shard(dealt, number):
    return dealt.shards[number]


def _without_rows(dealt):
    return dealt._replace(shards=[])


def _joined(parts):
    """Rows of several parts, one below the other."""
    X, y, weight = zip(*parts, strict=True)
    joined = None if weight[0] is None else np.concatenate(weight)
    return Rows(np.concatenate(X), np.concatenate(y), joined)


def _size(rows):
    return len(rows.y)


def _some(rows, n, seed, number):
    """So many of the rows, in their order."""
    rng = generator(Purpose.SAMPLE, seed, number)
    return _taken(rows, np.sort(rng.choice(len(rows.y), min(n, len(rows.y)), replace=False)))


def _taken(rows, chosen):
    weight = None if rows.weight is None else rows.weight[chosen]
    return Rows(rows.X[chosen], rows.y[chosen], weight)
