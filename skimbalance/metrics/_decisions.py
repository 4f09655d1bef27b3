"""Scores of decisions, with intervals, from their confusion matrix.

`counts` has true classes as rows and predicted classes as columns.
"""

import numpy as np
from scipy.stats import beta, random_table
from sklearn.utils import gen_batches

from skimbalance.metrics import _scores
from skimbalance.metrics._scores import ratio

__all__ = ["OVERALL", "chance_p_value", "class_scores", "intervals", "jeffreys", "overall_scores"]

#: Scores of all classes together.
OVERALL = ("balanced_accuracy", "f1_macro", "mcc", "geometric_mean")

# Cells of confusion matrices drawn at once: 32 MiB, whatever the number of classes.
_CELLS_AT_ONCE = 2**22


def class_scores(counts):
    """Precision, recall and F1 of each class, nan where not defined."""
    scores = {
        name: ratio(hits, total, np.nan) for name, (hits, total) in _proportions(counts).items()
    }
    return scores | {"f1": _f1(scores["f1"])}


def overall_scores(counts):
    """Scores named `OVERALL` as plain floats."""
    return dict(zip(OVERALL, _overall(counts, counts).tolist(), strict=True))


def intervals(counts, level, n_resamples, rng):
    """See `skimbalance.metrics.score_intervals`."""
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    ends = {
        name: jeffreys(hits, total, tails) for name, (hits, total) in _proportions(counts).items()
    }
    ends["f1"] = _f1(ends["f1"])
    observed = _overall(counts, counts)
    low, high = np.quantile(_bootstrapped(counts, n_resamples, rng), tails, axis=0)
    overall = np.stack([np.minimum(low, observed), np.maximum(high, observed)], axis=1)
    return ends | dict(zip(OVERALL, overall, strict=True))


def chance_p_value(counts, n_resamples, rng):
    """Share of draws with as good a balanced accuracy, if decisions are dealt to rows at random."""
    _, predicted, actual = _sums(counts)
    tables = random_table(actual, predicted)
    drawn = _scores_of_draws(lambda n: tables.rvs(n, random_state=rng), counts, n_resamples)
    # Equal scores may differ by rounding.
    as_good = drawn[:, 0] >= _overall(counts, counts)[0] - 1e-9
    return float((as_good.sum() + 1) / (n_resamples + 1))


def jeffreys(hits, total, tails):
    """Quantiles `tails`, (lower, upper), of proportions under Jeffreys' prior, Beta(1/2, 1/2)."""
    ends = beta.ppf(tails, hits[:, None] + 0.5, (total - hits)[:, None] + 0.5)
    ends[hits == 0, 0] = 0.0
    ends[hits == total, 1] = 1.0
    return ends


def _proportions(counts):
    """Hits of each class, and of how many; under "f1" those of the Jaccard index."""
    hits, predicted, actual = _sums(counts)
    return {
        "precision": (hits, predicted),
        "recall": (hits, actual),
        "f1": (hits, predicted + actual - hits),
    }


def _f1(jaccard):
    return 2 * jaccard / (1 + jaccard)


def _bootstrapped(counts, n_resamples, rng):
    """Overall scores of confusion matrices of the Bayesian bootstrap, smoothed."""
    present = counts.sum(axis=1) > 0
    recall = np.diag(counts)[present] / counts.sum(axis=1)[present]
    mean_recall = (recall.sum() + 2) / (len(recall) + 4)
    prior = np.full(counts.shape, (1 - mean_recall) / (len(counts) - 1))
    np.fill_diagonal(prior, mean_recall)
    shape = counts + np.where(present[:, None], prior, 0.0)
    return _scores_of_draws(
        lambda n: rng.standard_gamma(shape, (n, *counts.shape)), counts, n_resamples
    )


def _scores_of_draws(draw, counts, n_resamples):
    """Overall scores of shape (n_resamples, n_scores); `draw(n)` gives n confusion matrices."""
    at_once = max(1, _CELLS_AT_ONCE // counts.size)
    parts = gen_batches(n_resamples, at_once)
    return np.concatenate([_overall(draw(part.stop - part.start), counts) for part in parts])


def _overall(matrices, counts):
    """Scores in the order of `OVERALL`, over the classes that occur in `counts`.

    A class without rows has no recall, and one that is not predicted either no F1.
    """
    hits, predicted, actual = _sums(matrices)
    _, observed_predicted, observed_actual = _sums(counts)
    seen = observed_actual + observed_predicted > 0
    # Draws give weight to decisions for classes that are not there at all.
    of_seen = hits[..., seen], predicted[..., seen], actual[..., seen]
    sums = hits, predicted, actual
    scores = [
        _scores.balanced_accuracy(*sums),
        _scores.f1_macro(*of_seen),
        _scores.mcc(*sums),
        _scores.geometric_mean(*sums),
    ]
    return np.stack(scores, axis=-1)


def _sums(counts):
    """Hits, predicted rows and actual rows of each class."""
    return np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-2), counts.sum(axis=-1)
