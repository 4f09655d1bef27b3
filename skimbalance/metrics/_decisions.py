"""Scores of decisions, with intervals, from the confusion matrix of the decisions.

`counts` is a confusion matrix of shape (n_classes, n_classes), true by predicted class.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.stats import beta, random_table
from sklearn.utils import gen_batches

import skimbalance.metrics._scores as _scores
from skimbalance.metrics._scores import ratio

__all__ = [
    "OVERALL",
    "chance_p_value",
    "class_scores",
    "f1_of_jaccard",
    "intervals",
    "jeffreys",
    "overall_scores",
    "proportions",
    "scores_of_classes",
    "scores_of_sums",
]

#: Names of the scores of all classes together.
OVERALL = ("balanced_accuracy", "f1_macro", "mcc", "geometric_mean")

# Number of cells of confusion matrices drawn at once: 32 MiB for any number of classes.
_CELLS_AT_ONCE = 2**22

# Of confusion matrices of more classes, only the cells with rows are drawn one by one.
_FEW_CLASSES = 100


def class_scores(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall and F1 of each class; nan where a score is not defined."""
    return scores_of_sums(*_sums(counts))


def scores_of_sums(
    hits: np.ndarray, predicted: np.ndarray, actual: np.ndarray
) -> dict[str, np.ndarray]:
    """The same from the sums of `metrics._scores`."""
    scores = {
        name: ratio(found, total, np.nan)
        for name, (found, total) in proportions(hits, predicted, actual).items()
    }
    return scores | {"f1": f1_of_jaccard(scores["f1"])}


def overall_scores(counts: np.ndarray) -> dict[str, float]:
    """Scores named in `OVERALL`, as Python floats."""
    return dict(zip(OVERALL, scores_of_classes(_sums(counts), _sums(counts)).tolist(), strict=True))


def intervals(
    counts: np.ndarray, level: float, n_resamples: int, rng: np.random.RandomState
) -> dict[str, np.ndarray]:
    """See `skimbalance.metrics.score_intervals`."""
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    ends = {
        name: jeffreys(hits, total, tails)
        for name, (hits, total) in proportions(*_sums(counts)).items()
    }
    ends["f1"] = f1_of_jaccard(ends["f1"])
    observed = scores_of_classes(_sums(counts), _sums(counts))
    low, high = np.quantile(_bootstrapped(counts, n_resamples, rng), tails, axis=0)
    overall = np.stack([np.minimum(low, observed), np.maximum(high, observed)], axis=1)
    return ends | dict(zip(OVERALL, overall, strict=True))


def chance_p_value(counts: np.ndarray, n_resamples: int, rng: np.random.RandomState) -> float:
    """Share of random permutations of the decisions with at least this balanced accuracy."""
    _, predicted, actual = _sums(counts)
    tables = random_table(actual, predicted)
    drawn = _scores_of_draws(lambda n: _sums(tables.rvs(n, random_state=rng)), counts, n_resamples)
    # Equal scores may differ by rounding errors.
    as_good = drawn[:, 0] >= scores_of_classes(_sums(counts), _sums(counts))[0] - 1e-9
    return float((as_good.sum() + 1) / (n_resamples + 1))


def jeffreys(hits: np.ndarray, total: np.ndarray, tails: npt.ArrayLike) -> np.ndarray:
    """Lower and upper quantiles `tails` of proportions under Jeffreys' prior, Beta(1/2, 1/2)."""
    ends = beta.ppf(tails, hits[:, None] + 0.5, (total - hits)[:, None] + 0.5)
    ends[hits == 0, 0] = 0.0
    ends[hits == total, 1] = 1.0
    return ends


def proportions(
    hits: np.ndarray, predicted: np.ndarray, actual: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Hits and trials of each class for each score; those of the Jaccard index for "f1"."""
    return {
        "precision": (hits, predicted),
        "recall": (hits, actual),
        "f1": (hits, predicted + actual - hits),
    }


def f1_of_jaccard(jaccard: np.ndarray) -> np.ndarray:
    """F1 from the Jaccard index."""
    return 2 * jaccard / (1 + jaccard)


def _bootstrapped(counts, n_resamples, rng):
    """Overall scores of confusion matrices drawn by the smoothed Bayesian bootstrap."""
    present = counts.sum(axis=1) > 0
    recall = np.diag(counts)[present] / counts.sum(axis=1)[present]
    mean_recall = (recall.sum() + 2) / (len(recall) + 4)
    prior = np.full(counts.shape, (1 - mean_recall) / (len(counts) - 1))
    np.fill_diagonal(prior, mean_recall)
    shape = counts + np.where(present[:, None], prior, 0.0)
    if len(counts) <= _FEW_CLASSES:

        def draw(n):
            return _sums(rng.standard_gamma(shape, (n, *counts.shape)))
    else:
        draw = _draws_of_many_classes(counts, shape, rng)
    return _scores_of_draws(draw, counts, n_resamples)


def _draws_of_many_classes(counts, shape, rng):
    """A function that draws the sums of n confusion matrices, without those of all empty cells.

    The empty cells off the diagonal have a total shape below 1 in each row, and a single one of
    them mostly gets nearly all of the row's part: so it is given to one of them, drawn at random.
    """
    n_classes = len(counts)
    cells = (counts > 0) | np.diag(shape.sum(axis=1) > 0)
    row, column = np.nonzero(cells)
    of_row, of_column, of_hits = (
        csr_array((kept.astype(float), (np.arange(len(row)), of)), (len(row), n_classes))
        for kept, of in ((row >= 0, row), (row >= 0, column), (row == column, row))
    )
    rest = np.where(cells, 0.0, shape).sum(axis=1)

    def draw(n):
        drawn = rng.standard_gamma(shape[row, column], (n, len(row)))
        missed = rng.standard_gamma(rest, (n, n_classes))
        place = rng.randint(n_classes, size=(n, n_classes))
        place += n_classes * np.arange(n)[:, None]
        elsewhere = np.bincount(place.ravel(), missed.ravel(), n * n_classes).reshape(n, n_classes)
        return drawn @ of_hits, drawn @ of_column + elsewhere, drawn @ of_row + missed

    return draw


def _scores_of_draws(
    draw: Callable[[int], tuple[np.ndarray, np.ndarray, np.ndarray]],
    counts: np.ndarray,
    n_resamples: int,
) -> np.ndarray:
    """Overall scores of shape (n_resamples, n_scores); `draw(n)` draws n confusion matrices.

    It returns their sums, see `metrics._scores`.
    """
    at_once = max(1, _CELLS_AT_ONCE // counts.size)
    parts = gen_batches(n_resamples, at_once)
    return np.concatenate(
        [scores_of_classes(draw(part.stop - part.start), _sums(counts)) for part in parts]
    )


def scores_of_classes(
    sums: tuple[np.ndarray, np.ndarray, np.ndarray],
    observed: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> np.ndarray:
    """Scores in the order of `OVERALL`, over the classes that occur in the observed sums.

    A class without rows has no recall. A class that is not predicted either has no F1.
    """
    hits, predicted, actual = sums
    _, observed_predicted, observed_actual = observed
    # Draws also give weight to decisions for classes that do not occur at all.
    occurs = observed_actual + observed_predicted > 0
    occurring = hits[..., occurs], predicted[..., occurs], actual[..., occurs]
    scores = [
        _scores.balanced_accuracy(*sums),
        _scores.f1_macro(*occurring),
        _scores.mcc(*sums),
        _scores.geometric_mean(*sums),
    ]
    return np.stack(scores, axis=-1)


def _sums(counts):
    """Hits, number of predictions and number of rows of each class."""
    return np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-2), counts.sum(axis=-1)
