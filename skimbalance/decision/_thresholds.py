"""The search for the thresholds of labels: all cuts of each label, and the best ones together.

A cut lies between two neighbouring posteriors of a label, so that it divides the rows in two. Cuts
are named by their place in the sweep of the label.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from scipy.special import expit, logit

from skimbalance.decision._calibration import inside, two_classes
from skimbalance.decision._objectives import LabelObjective
from skimbalance.decision._rules import MOST_PASSES, trusted_truth
from skimbalance.metrics._scores import f1
from skimbalance.metrics._sums import weighted_sum

__all__ = ["OVER_HALF", "Sweep", "best_places", "sweep_at_half", "sweep_of_all_cuts"]

# A custom function is called for at most this number of cuts for each label and pass.
MOST_CALLS = 50

# In scikit-learn's classifiers a posterior of exactly 0.5 is not enough for a label.
OVER_HALF = np.nextafter(0.5, 1)


class Sweep:
    """All cuts of one label: as the threshold falls, it takes one row after another.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Log-odds of the label.
    truth : ndarray of shape (n_samples,)
        Degree to which each row counts as having the label, from 0 to 1; see `trusted_truth`. Zero
        where the label is missing.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    preferred : float
        Log-odds; among equally good cuts the nearest to it is taken.
    known : ndarray of bool of shape (n_samples,), default=None
        The rows in which the label is not missing; no cut takes any other. None stands for all.
    """

    def __init__(
        self,
        scores: np.ndarray,
        truth: np.ndarray,
        weight: np.ndarray,
        preferred: float,
        known: np.ndarray | None = None,
    ) -> None:
        self.truth, self.actual = truth, weighted_sum(weight, truth)
        self._weight, self._preferred = weight, preferred
        order = np.argsort(-scores, kind="stable")
        self._order = order if known is None else order[known[order]]
        falling = scores[self._order]
        differ = np.concatenate([[True], falling[1:] < falling[:-1], [True]])
        ends = np.concatenate([[falling[0] + 2], falling, [falling[-1] - 2]])
        self._n_taken, self.cuts = np.flatnonzero(differ), ((ends[:-1] + ends[1:]) / 2)[differ]

    def keep(self, places: np.ndarray) -> None:
        """Keep only the cuts at these places."""
        self._n_taken, self.cuts = self._n_taken[places], self.cuts[places]

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Weighted sum of values of the rows taken, for each cut."""
        values = (self._weight * values)[self._order]
        return np.append(0, np.cumsum(values))[self._n_taken]

    def best(self, values: np.ndarray) -> int:
        """Place of the largest value; among equal ones the nearest to the preferred cut."""
        best = np.flatnonzero(values >= values.max() - 1e-12 * np.abs(values).max())
        return best[np.argmin(np.abs(self.cuts[best] - self._preferred))]

    def decided(self, place: int) -> np.ndarray:
        """Mask of the rows that the cut takes."""
        decided = np.zeros(len(self.truth), bool)
        decided[self._order[: self._n_taken[place]]] = True
        return decided

    def threshold(self, place: int) -> float:
        """The cut as a posterior."""
        return expit(self.cuts[place])


def sweep_of_all_cuts(
    proba: np.ndarray, y: np.ndarray, weight: np.ndarray, n_rows: np.ndarray
) -> Sweep:
    """Sweep of a judged label over all cuts.

    Rows count by their indicator as far as `n_rows` rows (without and with the label) are trusted,
    and otherwise by their posterior. Rows where it is missing, and y is -1, do not count.
    """
    known, truth = y >= 0, np.zeros(len(y))
    bias, _, of_known = trusted_truth(two_classes(proba[known]), y[known], weight[known], n_rows)
    truth[known] = of_known[:, 1]
    # The preferred cut is 0.5 after the bias, which decides for the more probable answer.
    return Sweep(logit(inside(proba)), truth, weight, bias.bias[0] - bias.bias[1], known)


def sweep_at_half(proba: np.ndarray, y: np.ndarray, weight: np.ndarray) -> Sweep:
    """Sweep of a label that is not judged: its only cut is at 0.5."""
    known = y >= 0
    # Without any row in which it is known, it does not matter which rows the cut takes.
    weight, known = weight * known.any(), known if known.any() else ~known
    sweep = Sweep(np.where(proba >= OVER_HALF, 1.0, -1.0), np.maximum(y, 0), weight, 0.0, known)
    sweep.keep(sweep.cuts == 0)
    return sweep


def best_places(
    objective: LabelObjective, sweeps: Sequence[Sweep], y: np.ndarray, weight: np.ndarray
) -> list[int]:
    """Find the best cut of each label.

    Parameters
    ----------
    objective : LabelObjective
        Score to maximise.
    sweeps : list of Sweep
        Sweep of each label.
    y : ndarray of shape (n_samples, n_labels)
        Label indicator matrix.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.

    Returns
    -------
    places : list of int
        Place of the best cut in each sweep. For the macro- and micro-F1 they are optimal; for other
        objectives, no cut of a single label improves them.
    """
    if objective.name == "f1_macro":
        return [place for sweep in sweeps for place in _best_f1([sweep])]
    if objective.name == "f1_micro":
        return _best_f1(sweeps)
    if objective.name == "f1_samples":
        return _RowF1Ascent(sweeps, _best_f1(sweeps), weight).ascend()
    for sweep in sweeps:
        n_cuts = len(sweep.cuts)
        sweep.keep(np.linspace(0, n_cuts - 1, min(n_cuts, MOST_CALLS)).round().astype(int))
    return _ScoreAscent(sweeps, _best_f1(sweeps), objective, y, weight).ascend()


def _best_f1(sweeps):
    """Places of the cuts with the largest F1 of the decisions for all labels together.

    The cuts with the largest F1, F, also have the largest ``2 hits - F predicted``, which is a sum
    over the labels, so that each label can be maximised by itself (Dinkelbach 1967).
    """
    actual, best = sum(sweep.actual for sweep in sweeps), 0.0
    hits = [sweep.sums(sweep.truth) for sweep in sweeps]
    predicted = [sweep.sums(np.ones(len(sweep.truth))) for sweep in sweeps]
    while True:
        before = best
        places = [
            sweep.best(2 * h - before * p)
            for sweep, h, p in zip(sweeps, hits, predicted, strict=True)
        ]
        best = f1(
            sum(h[place] for h, place in zip(hits, places, strict=True)),
            sum(p[place] for p, place in zip(predicted, places, strict=True)),
            actual,
        )
        if best <= before + 1e-12:
            return places


class _Ascent(ABC):
    """Coordinate ascent: decisions for all labels, improved one label at a time.

    Parameters
    ----------
    sweeps : list of Sweep
        Sweep of each label.
    places : list of int
        Places of the cuts to start from.
    """

    def __init__(self, sweeps: Sequence[Sweep], places: Sequence[int]) -> None:
        self._sweeps, self._places = sweeps, list(places)
        self._decided = np.zeros((len(sweeps[0].truth), len(sweeps)), bool)
        for k, place in enumerate(places):
            self._decide(k, sweeps[k].decided(place))

    def ascend(self) -> list[int]:
        """Places of cuts that no change of a single cut improves."""
        before = -np.inf
        for _ in range(MOST_PASSES):
            for k in np.argsort([sweep.actual for sweep in self._sweeps]):
                value = self._improve(k)
            if value <= before + 1e-9:
                break
            before = value
        return self._places

    def _improve(self, k):
        """Move a label to its best cut, given the cuts of the others; return the value there."""
        self._decide(k, np.zeros(len(self._decided), bool))
        values = self._values(k)
        self._places[k] = place = self._sweeps[k].best(values)
        self._decide(k, self._sweeps[k].decided(place))
        return values[place]

    def _decide(self, k, decided):
        self._decided[:, k] = decided

    @abstractmethod
    def _values(self, k: int) -> np.ndarray:
        """The objective at each cut of a label, which is decided for no row before."""


class _RowF1Ascent(_Ascent):
    """Ascent of the mean F1 of the rows."""

    def __init__(self, sweeps, places, weight):
        self._weight = weight
        self._hits, self._predicted = np.zeros((2, len(weight)))
        self._actual = sum(sweep.truth for sweep in sweeps)
        super().__init__(sweeps, places)

    def _decide(self, k, decided):
        change = decided.astype(float) - self._decided[:, k]
        self._hits += change * self._sweeps[k].truth
        self._predicted += change
        super()._decide(k, decided)

    def _values(self, k):
        # The F1 of a row changes if the cut takes the row.
        sweep = self._sweeps[k]
        without = f1(self._hits, self._predicted, self._actual)
        with_label = f1(self._hits + sweep.truth, self._predicted + 1, self._actual)
        total = weighted_sum(self._weight, without) + sweep.sums(with_label - without)
        return total / self._weight.sum()


class _ScoreAscent(_Ascent):
    """Ascent of any objective, which is evaluated at each cut."""

    def __init__(self, sweeps, places, objective, y, weight):
        super().__init__(sweeps, places)
        self._objective, self._y, self._weight = objective, y, weight

    def _values(self, k):
        values = []
        for place in range(len(self._sweeps[k].cuts)):
            decided = self._decided.astype(int)
            decided[:, k] = self._sweeps[k].decided(place)
            values.append(float(self._objective.score(self._y, decided, self._weight)))
        return np.array(values)
