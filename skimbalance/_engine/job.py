"""What the engine takes and returns, and what travels between a stack and its program."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "Batches",
    "Block",
    "Job",
    "Networks",
    "NotStackableError",
    "Part",
    "Result",
    "Rows",
    "SparseRows",
    "StreamedRows",
    "cuts_of",
    "longest_batch",
]

Weights = dict[str, np.ndarray]

# Rows are read in blocks of at most so many rows, which stay in the cache, and values.
READ_BLOCK, READ_VALUES = 2**12, 2**22


class NotStackableError(Exception):
    """The program cannot train several networks in one call; nothing was changed."""


class Networks(NamedTuple):
    """The values of networks that a program reads or changes.

    They are those of one network, or of a stack along a first axis.

    Parameters
    ----------
    params : array of shape ([n_networks,] n_params)
        Trained weights.
    slots : tuple of array
        The optimizer's state.
    state : tuple of array
        Weights that are not trained by the optimizer: moving averages, seeds.
    decay : array of shape ([n_networks])
        Weight decay of each network.
    arguments : dict of str to array
        Parameters of the loss.
    """

    params: Any
    slots: Any
    state: Any
    decay: Any
    arguments: Any


class Batches(NamedTuple):
    """Batches of a stack: for K networks, S steps and B rows.

    Parameters
    ----------
    X : tuple of ndarray of shape (K, S, B, ...)
        Rows, by input.
    y, weight : ndarray of shape (K, S, B) or (K, S, B, n_labels or n_steps)
        Targets and their weights.
    sizes, rates : ndarray of shape (K, S)
        Number of rows of each batch without padding, and learning rate of each step.
    """

    X: Any
    y: Any
    weight: Any
    sizes: Any
    rates: Any


class Block(NamedTuple):
    """Held-out rows that are judged together: inputs, targets and weights."""

    X: tuple[np.ndarray, ...]
    y: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one or several arrays, which are a network's inputs.

    X is kept as given, perhaps a memory map: only the rows asked for are read, and encoded.

    Parameters
    ----------
    X : tuple of ndarray
        The arrays, by input.
    index : ndarray of int of shape (n_rows,)
        Numbers of the rows within the arrays.
    y : ndarray of int of shape (n_rows,), (n_rows, n_labels) or (n_rows, n_steps)
        Class indices, or an indicator.
    weight : ndarray, of the shape of `y`
        Weights in the loss.
    encode : callable or None
        Function from some rows of X to what the network sees of them; None if that is the same.
    lengths : ndarray of int of shape (n_rows,) or None
        Number of steps, where rows are sequences that are padded in X. A batch has as many steps
        as its longest sequence.
    content : hashable, default=None
        What equal rows of other fits have in common; None if that is not known.
    """

    X: tuple[np.ndarray, ...]
    index: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    encode: Callable[[np.ndarray], np.ndarray] | None = None
    lengths: np.ndarray | None = None
    content: Hashable = None

    def __len__(self) -> int:
        return len(self.index)

    @property
    def target_shape(self) -> tuple[int, ...]:
        """The shape of the target of a row."""
        return self.y.shape[1:]

    @cached_property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of an encoded row, for each input."""
        return [part.shape[1:] for part in self.take(np.arange(1))]

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """Some of the rows, encoded."""
        parts = tuple(X[self.index[rows]] for X in self.X)
        return parts if self.encode is None else tuple(map(self.encode, parts))

    @property
    def are_sparse(self) -> bool:
        """Whether the rows take much less memory as they are than encoded."""
        return not all(isinstance(X, np.ndarray) for X in self.X)

    def read(self, dtypes: list[Any]) -> tuple[np.ndarray, ...]:
        """All the rows, encoded, in memory."""
        return tuple(self.read_input(i, dtype) for i, dtype in enumerate(dtypes))

    def read_input(self, i: int, dtype: Any) -> np.ndarray:
        """All the rows of one input, encoded, in memory."""
        shape = self.shapes[i]
        read = np.empty((len(self), *shape), dtype)
        block = int(np.clip(READ_VALUES // max(int(np.prod(shape)), 1), 1, READ_BLOCK))
        for start in range(0, len(self), block):
            rows = self.X[i][self.index[start : start + block]]
            read[start : start + block] = rows if self.encode is None else self.encode(rows)
        return read

    def blocks(self, size: int) -> Iterator[tuple[np.ndarray, Any]]:
        """Numbers of rows, `size` at a time, with their number of steps (None without steps).

        Sequences come sorted by length.
        """
        order = np.arange(len(self))
        if self.lengths is not None:
            order = np.argsort(self.lengths, kind="stable")
        for start in range(0, len(self), size):
            rows = order[start : start + size]
            yield rows, None if self.lengths is None else self.lengths[rows[-1]]


class SparseRows:
    """Rows of a sparse matrix, which are encoded when they are taken.

    Parameters
    ----------
    rows : Rows
        The rows, of one input.
    """

    def __init__(self, rows: Rows):
        self._rows = rows

    def take(self, rows: np.ndarray, axis: int, out: np.ndarray, mode: str) -> None:
        """As the method of arrays."""
        (taken,) = self._rows.take(rows.ravel())
        out[...] = taken.reshape(out.shape)


@dataclass(frozen=True, eq=False)
class Part:
    """Some of the rows, as the network sees them: inputs, targets, and weights of their own."""

    X: tuple[np.ndarray, ...]
    y: np.ndarray
    weight: np.ndarray | None


@dataclass(frozen=True, eq=False)
class StreamedRows:
    """Rows that are read in parts, of which each is a random sample of all.

    Parameters
    ----------
    sizes : ndarray of int of shape (n_parts,)
        Number of rows of each part.
    read : callable
        ``read(part, dtypes)``: a `Part`, with inputs of these types.
    weigh : callable
        ``weigh(part, early)``: weights in the loss of the rows of a `Part`; `early` says whether
        they are those of the first epochs.
    order : callable
        ``order(y, part, epoch)``: numbers of the rows of a part, in the order of training.
    shapes : sequence of tuple of int
        The shape of a row, for each input.
    target_shape : tuple of int
        The shape of the target of a row.
    """

    sizes: np.ndarray
    read: Callable[[int, list[Any]], Part]
    weigh: Callable[[Part, bool], np.ndarray]
    order: Callable[[np.ndarray, int, int], np.ndarray]
    shapes: Sequence[tuple[int, ...]]
    target_shape: tuple[int, ...]
    lengths: None = None

    def __len__(self) -> int:
        return int(np.sum(self.sizes))


@dataclass(frozen=True, eq=False)
class Job:
    """One fit: everything that training depends on.

    Parameters
    ----------
    program : skimbalance._engine.tensorflow.program.Program or None
        The compiled program; None where Keras' own `fit` trains.
    weights : dict of str to ndarray
        All weights before training.
    rows : Rows or StreamedRows
        Training rows.
    order : callable
        Function from the number of an epoch to indices into `rows`, or numbers of their parts, in
        the order of training.
    first_epoch, epochs : int
        Number of the first epoch, and number of epochs to train.
    batch_size : int
        Maximum number of rows in a batch.
    learning_rates : callable
        Function from the first step and the number of steps to the learning rate of each.
    weight_decay : float
        Weight decay, as in Keras.
    arguments : dict of str to float or ndarray
        Parameters of the loss.
    slots : tuple or None
        The optimizer's state, if training continues; else None.
    validation : Rows or None
        Held-out rows.
    score : callable or None
        Function of (y, logits, weight) of the held-out rows: larger is better. None judges by
        their loss.
    score_weight : ndarray or None
        Weights of the held-out rows, or of their steps, in the score.
    monitor : str
        Name of the score.
    metrics : callable or None
        Function from (y, logits) to values by name, called for all training and all held-out rows
        after each epoch.
    patience : int
        Epochs without improvement after which training stops.
    tol : float
        Smallest change of the score that counts as an improvement.
    deferred_until : int
        Up to this epoch rows weigh `early_weight`, and no epoch can be the best.
    early_weight : ndarray or None
        Weights of the training rows in these epochs.
    vote : skimbalance._engine.committee.Vote or None
        The voice of this network among those with which it stops, at one epoch for all.
    watch : skimbalance._fit.progress.Watch or None
        Is told when each epoch begins and ends, and may stop training.
    checkpoint : skimbalance._engine.checkpoint.Checkpoint or None
        The file in which the fit is kept, and how far an earlier one came.
    verbose : int
        1 shows a progress bar.
    """

    program: Any
    weights: Weights
    rows: Rows | StreamedRows
    order: Callable[[int], np.ndarray]
    first_epoch: int
    epochs: int
    batch_size: int
    learning_rates: Callable[[int, int], np.ndarray]
    weight_decay: float
    arguments: Mapping[str, Any]
    slots: tuple[Any, ...] | None = None
    validation: Rows | None = None
    score: Callable[..., float] | None = None
    score_weight: np.ndarray | None = None
    monitor: str = "loss"
    metrics: Callable[..., dict[str, float]] | None = None
    patience: int = 10
    tol: float = 0.0
    deferred_until: int = 0
    early_weight: np.ndarray | None = None
    vote: Any = None
    watch: Any = None
    checkpoint: Any = None
    verbose: int = 0

    @cached_property
    def nbytes(self) -> int:
        """Bytes of memory that the rows take."""
        # Sparse rows are encoded a few at a time, streamed ones read so; held-out ones all at once.
        few = isinstance(self.rows, StreamedRows) or self.rows.are_sparse
        n_trained = 0 if few else len(self.rows)
        n_rows = n_trained + len(self.validation or ())
        row_bytes = (
            int(np.prod(shape)) * np.dtype(dtype).itemsize
            for shape, dtype in zip(self.rows.shapes, self.program.input_dtypes, strict=True)
        )
        return n_rows * sum(row_bytes)

    @property
    def n_steps(self) -> int:
        """Number of batches of an epoch."""
        sizes = self.rows.sizes if isinstance(self.rows, StreamedRows) else len(self.rows)
        return int(np.sum(-(-sizes // self.batch_size)))

    @property
    def cuts(self) -> np.ndarray:
        """Where the rows of an epoch, which are not streamed, are cut into batches."""
        return cuts_of(len(self.rows), self.batch_size)

    def epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows in the order of their batches, and the order in which the batches are visited."""
        order = self.order(self.first_epoch + epoch)
        if self.rows.lengths is None:
            return order, np.arange(self.n_steps)
        # Batches hold sequences of similar length, so that little is padded. Their own order is
        # random, too: that of the rows drawn first.
        by_length = np.argsort(self.rows.lengths[order], kind="stable")
        return order[by_length], np.argsort(order[: self.n_steps], kind="stable")


def cuts_of(n_rows: int, batch_size: int) -> np.ndarray:
    """Where rows are cut into batches.

    Batches differ by at most one row: none is tiny, and every row counts alike.
    """
    n_steps = -(-n_rows // batch_size)
    return np.arange(n_steps + 1) * n_rows // n_steps


def longest_batch(rows: Rows | StreamedRows, batch_size: int) -> int:
    """Number of rows of the longest batch."""
    sizes = rows.sizes.tolist() if isinstance(rows, StreamedRows) else [len(rows)]
    return max(-(-size // -(-size // batch_size)) for size in sizes)


@dataclass(eq=False)
class Result:
    """The fitted network, by name, and how it got there; `path` says what trained it."""

    weights: Weights
    slots: tuple[Any, ...] | None
    history: dict[str, list[float]] = field(default_factory=dict)
    n_epochs: int = 0
    best_epoch: int = 0
    path: str = "compiled"
