"""Networks that stop at one epoch for all: that of the best mean score of their held-out rows."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Committee", "Vote"]


class Committee:
    """The networks of an ensemble, each of which has held-out rows of its own.

    An epoch that one network chose for its own held-out rows would flatter their posteriors. The
    mean score over all of them hardly depends on any row.

    Networks may reach an epoch at different times, in different threads. Only epochs that all of
    them have reached count, so the epoch that is found does not depend on these times.

    Parameters
    ----------
    n_members : int
        Number of networks.
    key : str, default=""
        What names the rows and the seeds of all of them, for their checkpoints.

    Attributes
    ----------
    epoch : int
        The best epoch, counted from 1; 0 before all networks have reached one.
    score : float
        Mean score at this epoch.
    """

    def __init__(self, n_members: int, key: str = ""):
        self._n_members, self.key = n_members, key
        self._lock = threading.Lock()
        self._scores: dict[int, dict[int, float]] = {}
        self._weights: dict[int, dict[int, Any]] = {}
        self._last: int | None = None
        self.epoch, self.score = 0, -np.inf

    def vote(self, member: int, patience: int) -> "Vote":
        """The voice of a network, which gives up `patience` epochs after the best one."""
        return Vote(self, member, patience)

    def cast(self, vote: "Vote", epoch: int, score: float, weights: Any) -> bool:
        """Enter the score of a network after an epoch; whether it should stop."""
        with self._lock:
            self._scores.setdefault(epoch, {})[vote.member] = score
            self._weights.setdefault(epoch, {})[vote.member] = weights
            if len(self._scores[epoch]) == self._n_members:
                self._close(epoch, vote.patience)
            return self._last is not None and epoch >= self._last

    def _close(self, epoch, patience):
        """Judge an epoch that all networks have reached; forget all weights but the best ones."""
        # In the order of the networks, as the rounding must not depend on who came last.
        scores = self._scores.pop(epoch)
        mean = float(np.mean([scores[member] for member in sorted(scores)]))
        if mean > self.score:
            self._weights.pop(self.epoch, None)
            self.epoch, self.score = epoch, mean
        else:
            del self._weights[epoch]
            if self._last is None and epoch - self.epoch >= patience:
                self._last = epoch

    def weights(self, member: int) -> Any:
        """Weights of a network at the best epoch."""
        return self._weights[self.epoch][member]

    def kept(self, member: int) -> dict[int, Any]:
        """Weights of a network after the epochs that are or may become the best."""
        with self._lock:
            of_epochs = {epoch: of.get(member) for epoch, of in self._weights.items()}
        return {epoch: weights for epoch, weights in of_epochs.items() if weights is not None}


@dataclass(frozen=True, eq=False)
class Vote:
    """The voice of one network in a committee."""

    committee: Committee
    member: int
    patience: int

    def cast(self, epoch: int, score: float, weights: Any) -> bool:
        """Enter the score of this network after an epoch; whether it should stop."""
        return self.committee.cast(self, epoch, score, weights)

    def recast(self, epoch: int, score: float, weights: Callable[[], Any]) -> None:
        """Enter a score of an earlier fit, and its weights if these are still known."""
        self.cast(epoch, score, weights())

    @property
    def kept(self) -> dict[int, Any]:
        """Weights of this network after the epochs that are or may become the best."""
        return self.committee.kept(self.member)
