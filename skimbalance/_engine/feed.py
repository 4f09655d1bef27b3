"""Where the batches of a network come from: rows in memory, or rows that are read in parts."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any, Protocol

import numpy as np

from skimbalance._engine.job import Batches, Job, Part, Rows, SparseRows, StreamedRows, cuts_of
from skimbalance._engine.shared import Shared

__all__ = ["Feed", "encoded", "feed_of", "padded_table"]


class Feed(Protocol):
    """Batches of one network.

    Attributes
    ----------
    n_rows, n_steps : int
        Number of rows, and of batches, of an epoch.
    """

    n_rows: int
    n_steps: int

    def width(self, step: int) -> int | None:
        """Steps of the sequences in a batch; None without sequences."""

    def sizes(self, step: int, n: int) -> np.ndarray:
        """Number of rows of `n` batches of one epoch."""

    def fill(self, step: int, n: int, batches: Batches) -> None:
        """Write `n` batches, from that of a step on, into arrays of one network."""


def feed_of(job: Job, n_rows: int, shared: Shared) -> Feed:
    """The feed of a job.

    Parameters
    ----------
    job : Job
        The fit to train.
    n_rows : int
        Rows to which batches are padded.
    shared : Shared
        Where the rows of other members are found, by their content: each array is held once.
    """
    if isinstance(job.rows, StreamedRows):
        return _Streamed(job, job.rows, n_rows)
    return _InMemory(job, job.rows, n_rows, shared)


class _InMemory:
    """Batches of rows that are all in memory.

    Attributes
    ----------
    X : tuple of ndarray
        Inputs of all rows.
    y : ndarray
        Their targets.
    """

    def __init__(self, job: Job, rows: Rows, padded: int, shared: Shared):
        self._job, program = job, job.program
        self.n_rows, self.n_steps = len(rows), job.n_steps
        self._cut_sizes, self._table = np.diff(job.cuts), padded_table(job.cuts, padded)
        self.X: tuple[Any, ...] = (SparseRows(rows),)
        if not rows.are_sparse:
            self.X = encoded(rows, program.input_dtypes, shared)
        self.y = rows.y.astype(np.int32)
        self._weight = rows.weight.astype(program.dtype)
        early = rows.weight if job.early_weight is None else job.early_weight
        self._early_weight = early.astype(program.dtype)
        self._order = self._visited = np.empty(0, int)
        self._epoch_drawn = -1

    def width(self, step):
        """Steps of the sequences in a batch; None without sequences."""
        lengths = self._job.rows.lengths
        if lengths is None:
            return None
        epoch, position = divmod(step, self.n_steps)
        self._draw(epoch)
        return int(lengths[self._order[self._table[self._visited[position]][-1]]])

    def sizes(self, step, n):
        """Number of rows of `n` batches of one epoch."""
        epoch, position = divmod(step, self.n_steps)
        if self._job.rows.lengths is None:  # they are visited as they are cut, in each epoch
            return self._cut_sizes[position : position + n]
        self._draw(epoch)
        return self._cut_sizes[self._visited[position : position + n]]

    def fill(self, step, n, batches):
        """Write `n` batches, from that of a step on, into arrays of one network."""
        done = 0
        while done < n:
            epoch, position = divmod(step + done, self.n_steps)
            m = min(n - done, self.n_steps - position)
            self._draw(epoch)
            visited = self._visited[position : position + m]
            rows = self._order[self._table[visited]]
            weight = self._early_weight if epoch < self._job.deferred_until else self._weight
            inputs = zip(self.X, batches.X, strict=True)
            for values, out in [*inputs, (self.y, batches.y), (weight, batches.weight)]:
                if self._job.rows.lengths is not None:
                    values = values[:, : out.shape[2]]
                values.take(rows, axis=0, out=out[done : done + m], mode="clip")
            batches.sizes[done : done + m] = self._cut_sizes[visited]
            done += m

    def _draw(self, epoch):
        if epoch != self._epoch_drawn:
            self._order, self._visited = self._job.epoch(epoch)
            self._epoch_drawn = epoch


class _Streamed:
    """Batches of rows that are read part by part, the next one while a network trains on one."""

    def __init__(self, job: Job, rows: StreamedRows, padded: int):
        self._job, self._rows, self._padded = job, rows, padded
        self.n_rows, self.n_steps = len(rows), job.n_steps
        self._steps_of = -(-self._rows.sizes // job.batch_size)
        self._part: tuple[int, int] = (-1, -1)
        self._held: Part | None = None
        self._values: tuple[np.ndarray, ...] = ()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="read rows")
        self._ahead: dict[int, Future[Part]] = {}
        # Of the job alone: a cycle would keep parts in memory after training.
        self._visits = lru_cache(2)(partial(_visits_of, job, rows))

    def width(self, step):
        """None, as there are no sequences."""

    def sizes(self, step, n):
        """Number of rows of `n` batches of one epoch."""
        epoch, position = divmod(step, self.n_steps)
        *_, sizes = self._visits(epoch)
        return sizes[position : position + n]

    def fill(self, step, n, batches):
        """Write `n` batches, from that of a step on, into arrays of one network."""
        done = 0
        while done < n:
            first, n_left = self._enter(step + done)
            m = min(n - done, n_left)
            rows = self._order[self._table[first : first + m]]
            outs = (*batches.X, batches.y, batches.weight)
            for value, out in zip(self._values, outs, strict=True):
                value.take(rows, axis=0, out=out[done : done + m], mode="clip")
            batches.sizes[done : done + m] = self._sizes[first : first + m]
            done += m

    def _enter(self, step):
        """Hold the part of a step; its place within the part, and how many are left there."""
        epoch, position = divmod(step, self.n_steps)
        parts, starts, _ = self._visits(epoch)
        place = int(np.searchsorted(starts, position, side="right")) - 1
        part = int(parts[place])
        if (epoch, place) != self._part:
            self._part = (epoch, place)
            self._hold(self._ahead.pop(part, None) or self._begin(part), part, epoch)
            following = self._following(epoch, place)
            self._ahead = {} if following is None else {following: self._begin(following)}
        first = position - int(starts[place])
        return first, int(self._steps_of[part]) - first

    def _following(self, epoch, place):
        """The part after one; None after the last."""
        parts, *_ = self._visits(epoch)
        if place + 1 < len(parts):
            return int(parts[place + 1])
        if epoch + 1 < self._job.epochs:
            return int(self._visits(epoch + 1)[0][0])
        return None

    def _begin(self, part):
        """Begin to read a part."""
        return self._reader.submit(self._rows.read, part, self._job.program.input_dtypes)

    def _hold(self, future, part, epoch):
        """Take batches from a part from now on."""
        self._held, self._values = None, ()  # the memory of the part before
        self._held = held = future.result()  # as long as it is held, others who read it share it
        weight = self._rows.weigh(held, epoch < self._job.deferred_until)
        y = np.maximum(held.y, 0).astype(np.int32, copy=False)  # missing labels have no weight
        self._values = (*held.X, y, weight.astype(self._job.program.dtype))
        cuts = cuts_of(len(held.y), self._job.batch_size)
        self._sizes, self._table = np.diff(cuts), padded_table(cuts, self._padded)
        self._order = self._rows.order(held.y, part, self._job.first_epoch + epoch)


def _visits_of(job, rows, epoch):
    """The parts in their order, the first step of each, and the sizes of all batches."""
    parts = job.order(job.first_epoch + epoch)
    sizes = [np.diff(cuts_of(n, job.batch_size)) for n in rows.sizes[parts]]
    steps = np.array([len(of_part) for of_part in sizes])
    return parts, steps.cumsum() - steps, np.concatenate(sizes)


def padded_table(cuts: np.ndarray, n_rows: int) -> np.ndarray:
    """Where the rows of the batches stand in the order: row j of batch i at [i, j].

    Rows that pad a batch repeat its last one.
    """
    return np.minimum(cuts[:-1, None] + np.arange(n_rows), cuts[1:, None] - 1)


def encoded(rows: Rows, dtypes: Sequence[Any], shared: Shared) -> tuple[np.ndarray, ...]:
    """All the rows, as the network sees them; from another member if one has read them."""

    def read(i, dtype):
        make = partial(rows.read_input, i, dtype)
        if rows.content is None:
            return make()
        return shared.once((rows.content, rows.encode, i, np.dtype(dtype)), make)

    return tuple(read(i, dtype) for i, dtype in enumerate(dtypes))
