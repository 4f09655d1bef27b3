"""Scores of `scale.py`: how good probabilities of the rare class are, and how sure that is."""

import numpy as np
from common import pick
from sklearn.metrics import log_loss

from skimbalance.metrics import calibration_error_by_class

#: Groups of the jackknife: row i of the test rows is in group i modulo this number.
N_GROUPS = pick(100, 10)


def average_precisions(y, p, n_groups=N_GROUPS):
    """Average precision, and that without each group of rows, an array of shape (n_groups,)."""
    order = np.argsort(-p, kind="stable")
    hit, group, falling = y[order] == 1, order % n_groups, -p[order]
    rare = np.flatnonzero(hit)
    # A cut between rows of the same probability does not exist.
    last = np.searchsorted(falling, falling[rare], side="right") - 1

    def score(kept):
        ranks, hits = np.cumsum(kept)[last], np.cumsum(kept & hit)[last]
        return np.mean((hits / np.maximum(ranks, 1))[kept[rare]])

    whole = score(np.ones(len(y), bool))
    return whole, np.array([score(group != g) for g in range(n_groups)])


def standard_error(without):
    """Standard error of a score, or of a difference of scores, by its values without each group."""
    n = len(without)
    return np.sqrt((n - 1) / n * np.sum((without - np.mean(without)) ** 2))


def scores(y, p):
    """What is told of a contender's probabilities of the rare class, for JSON."""
    p = np.asarray(p, dtype=np.float64)
    ap, without = average_precisions(y, p)
    proba = np.column_stack([1 - p, p])
    return {
        "ap": ap,
        "without": without.tolist(),
        "log_loss": log_loss(y, proba),
        "mean": p.mean() / y.mean(),
        "calibration": calibration_error_by_class(y, proba)[1] / y.mean(),
    }
