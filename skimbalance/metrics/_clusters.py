"""Intervals of scores of decisions that come in units: rows with several labels, or sequences.

Decisions of one unit depend on each other, so whole units are drawn. `sums` are the three sums of
`metrics._scores` within each unit, of shape (n_units, n_classes).
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import t
from sklearn.utils import gen_batches

import skimbalance.metrics._scores as _scores
from skimbalance.metrics._decisions import f1_of_jaccard, jeffreys, proportions
from skimbalance.metrics._sums import one_blas_thread

__all__ = [
    "Sums",
    "class_intervals",
    "f1_macro_and_micro",
    "overall_intervals",
    "sums_of_units",
]

Sums: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]

# Number of weights of units drawn at once: 32 MiB.
_WEIGHTS_AT_ONCE = 2**22


def sums_of_units(
    y: np.ndarray, decided: np.ndarray, unit: np.ndarray, n_units: int, n_classes: int
) -> Sums:
    """The sums of each unit, from the class indices and the unit of each decision."""
    hit = y == decided

    def count(of_class, kept):
        ones = np.ones(np.count_nonzero(kept))
        shape = (n_units, n_classes)
        return csr_array((ones, (unit[kept], of_class[kept])), shape).toarray()

    every = np.ones(len(y), bool)
    return count(y, hit), count(decided, every), count(y, every)


def f1_macro_and_micro(sums: Sums) -> np.ndarray:
    """Mean F1 of the classes, and F1 of all decisions; 0 / 0 is 0, as in scikit-learn."""
    macro = np.mean(_scores.f1(*sums), axis=-1)
    micro = _scores.f1(*(part.sum(axis=-1) for part in sums))
    return np.stack([macro, micro], axis=-1)


def class_intervals(sums: Sums, level: float) -> dict[str, np.ndarray]:
    """Intervals of precision, recall and F1 of each class, for decisions that come in units.

    They are Jeffreys' intervals of an effective number of decisions, which is the number divided
    by the design effect: how much more the score varies than that of independent decisions (Korn
    and Graubard 1998, with their correction for few units). If a class is never or always found,
    its variance is unknown; then each unit counts as one decision.
    """
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    ends = {}
    for name, (hits, total) in proportions(*sums).items():
        share, n = _share_and_effective_number(hits, total, tails[1])
        ends[name] = jeffreys(share * n, n, tails)
    return ends | {"f1": f1_of_jaccard(ends["f1"])}


def _share_and_effective_number(hits, total, tail):
    """Share of hits and effective number of trials of each class, from the sums of each unit."""
    n_hits, n = hits.sum(axis=0), total.sum(axis=0)
    n_units = np.count_nonzero(total, axis=0)
    share = n_hits / np.maximum(n, 1)
    spread = np.sum((hits - share * total) ** 2, axis=0) * n_units / np.maximum(n_units - 1, 1)
    independent = n * share * (1 - share) * n / np.maximum(n - 1, 1)
    unknown = (n_units < 2) | (n_hits == 0) | (n_hits == n)
    effect = np.maximum(spread / np.where(unknown, 1.0, independent), 1.0)
    # The variance of few units is itself uncertain.
    certainty = t.ppf(tail, np.maximum(n - 1, 1)) / t.ppf(tail, np.maximum(n_units - 1, 1))
    return share, np.where(unknown, n_units, n / effect * certainty**2)


def overall_intervals(
    sums: Sums,
    scores: Callable[[Sums], np.ndarray],
    level: float,
    n_resamples: int,
    rng: np.random.RandomState,
    *,
    exclusive: bool,
) -> np.ndarray:
    """Intervals of scores of all classes, of shape (n_scores, 2), by drawing whole units.

    This is the Bayesian bootstrap of `score_intervals` with units in the place of rows: a draw
    weighs each unit by an exponential variable. One decision is added to each class in the same
    way, so that a class of which all are found is not certain.

    Parameters
    ----------
    sums : tuple of ndarrays of shape (n_units, n_classes)
        Sums of each unit.
    scores : callable
        Scores of sums with any leading axes, stacked along the last axis.
    level, n_resamples, rng
        As in `score_intervals`.
    exclusive : bool
        Whether a decision that misses a class is one for another class.
    """
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    total = tuple(part.sum(axis=0) for part in sums)
    observed = scores(total)
    present = total[2] > 0
    mean_recall = (np.sum(total[0][present] / total[2][present]) + 2) / (present.sum() + 4)
    drawn = []
    n_units, n_classes = sums[0].shape
    for part in gen_batches(n_resamples, max(1, _WEIGHTS_AT_ONCE // (n_units + n_classes))):
        n = part.stop - part.start
        weight = rng.standard_exponential((n, n_units))
        found = present * rng.standard_gamma(mean_recall, (n, n_classes))
        missed = present * rng.standard_gamma(1 - mean_recall, (n, n_classes))
        elsewhere = np.zeros_like(missed)
        if exclusive:
            shift = rng.randint(1, n_classes, size=(n, 1))
            elsewhere = np.take_along_axis(
                missed, (np.arange(n_classes) + shift) % n_classes, axis=1
            )
        added = (found, found + elsewhere, found + missed)
        with one_blas_thread():
            hits, predicted, actual = (
                weight @ s + extra for s, extra in zip(sums, added, strict=True)
            )
        drawn.append(scores((hits, predicted, actual)))
    low, high = np.nanquantile(np.concatenate(drawn), tails, axis=0)
    return np.stack([np.minimum(low, observed), np.maximum(high, observed)], axis=1)
