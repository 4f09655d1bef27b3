"""What the engine is asked, and what it answers."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one or several arrays, a network's inputs: `index` into X, a target, a weight.

    Targets are class indices; or of shape (n_rows, n_labels) or (n_rows, n_steps), and weights
    alike. X stays as it came, perhaps a memory map: only the rows asked for are read, as
    ``(X - center) / scale``. `lengths`: steps of each row that is a sequence, filled up in X; the
    longest ones of a batch decide how many it has.
    """

    X: tuple[np.ndarray, ...]
    index: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    center: np.ndarray | None = None
    scale: np.ndarray | None = None
    lengths: np.ndarray | None = None

    def __len__(self):
        return len(self.index)

    def read(self, dtypes, block=2**12):
        """All the rows, standardised, in memory."""
        return tuple(self._read(X, dtype, block) for X, dtype in zip(self.X, dtypes, strict=True))

    def _read(self, X, dtype, block):
        read = np.empty((len(self), *X.shape[1:]), dtype)
        for start in range(0, len(self), block):
            rows = X[self.index[start : start + block]]
            if self.center is not None:
                rows = (rows - self.center) / self.scale
            read[start : start + block] = rows
        return read

    def blocks(self, size):
        """Slices of rows, each with its number of steps (None where rows have none).

        Sequences come sorted by length.
        """
        order = np.arange(len(self))
        if self.lengths is not None:
            order = np.argsort(self.lengths, kind="stable")
        for start in range(0, len(self), size):
            rows = order[start : start + size]
            yield rows, None if self.lengths is None else self.lengths[rows[-1]]


@dataclass(frozen=True, eq=False)
class Job:
    """One fit: everything that training depends on."""

    program: object
    weights: dict[str, np.ndarray]
    rows: Rows
    # Epoch -> indices into `rows`, in the order in which they are visited.
    order: Callable[[int], np.ndarray]
    # First epoch and number of epochs.
    first_epoch: int
    epochs: int
    batch_size: int
    # Numbers of (first step, steps) -> learning rate of each.
    learning_rates: Callable[[int, int], np.ndarray]
    weight_decay: float
    arguments: dict[str, np.ndarray]
    slots: tuple | None = None
    validation: Rows | None = None
    # Score of (y, logits, weight) of the held-out rows, which weigh `score_weight` in it; None
    # judges by their loss.
    score: Callable | None = None
    score_weight: np.ndarray | None = None
    monitor: str = "loss"
    # (y, logits) -> values by name, of all training and all held-out rows after each epoch.
    metrics: Callable | None = None
    patience: int = 10
    tol: float = 0.0
    # Until this epoch rows weigh `early_weight`, and no epoch is the best.
    deferred_until: int = 0
    early_weight: np.ndarray | None = None
    verbose: int = 0

    @property
    def nbytes(self):
        """Memory that the rows take."""
        n_rows = len(self.rows) + len(self.validation or ())
        of_row = (
            int(np.prod(X.shape[1:])) * np.dtype(dtype).itemsize
            for X, dtype in zip(self.rows.X, self.program.input_dtypes, strict=True)
        )
        return n_rows * sum(of_row)

    @property
    def cuts(self):
        """Where the rows of an epoch are cut into batches.

        These differ by at most one row: none is tiny, and every row counts alike.
        """
        n_steps = -(-len(self.rows) // self.batch_size)
        return np.arange(n_steps + 1) * len(self.rows) // n_steps

    def epoch(self, epoch):
        """Rows in the order of their batches, and the order in which the batches are visited."""
        order = self.order(self.first_epoch + epoch)
        n_steps = len(self.cuts) - 1
        if self.rows.lengths is None:
            return order, np.arange(n_steps)
        # Batches of sequences of like length; the first rows drawn draw the batches' order, too.
        by_length = np.argsort(self.rows.lengths[order], kind="stable")
        return order[by_length], np.argsort(order[:n_steps], kind="stable")


@dataclass(eq=False)
class Result:
    """The fitted network, by name, and how it got there."""

    weights: dict[str, np.ndarray]
    slots: tuple
    history: dict[str, list] = field(default_factory=dict)
    n_epochs: int = 0
    best_epoch: int = 0
    path: str = "compiled"
