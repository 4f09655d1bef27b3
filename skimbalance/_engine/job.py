"""What the engine is asked, and what it answers."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one array: `index` into X, with a class index and a weight each.

    X stays as it came, perhaps a memory map: only the rows asked for are read, as
    ``(X - center) / scale``.
    """

    X: np.ndarray
    index: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    center: np.ndarray | None = None
    scale: np.ndarray | None = None

    def __len__(self):
        return len(self.index)

    def read(self, dtype, block=2**12):
        """All the rows, standardised, in memory."""
        read = np.empty((len(self), *self.X.shape[1:]), dtype)
        for start in range(0, len(self), block):
            rows = self.X[self.index[start : start + block]]
            if self.center is not None:
                rows = (rows - self.center) / self.scale
            read[start : start + block] = rows
        return read


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
        itemsize = np.dtype(self.program.dtype).itemsize
        return n_rows * int(np.prod(self.rows.X.shape[1:])) * itemsize


@dataclass(eq=False)
class Result:
    """The fitted network, by name, and how it got there."""

    weights: dict[str, np.ndarray]
    slots: tuple
    history: dict[str, list] = field(default_factory=dict)
    n_epochs: int = 0
    best_epoch: int = 0
