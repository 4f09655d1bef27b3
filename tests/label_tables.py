"""Tables of labels for the tests of folds, and how far folds are from their shares."""

import warnings

import numpy as np


def skewed_labels(n_samples, n_labels, seed, most=0.5):
    """Correlated labels, from a handful of positives to a share of `most`."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n_samples, n_labels)) + rng.normal(size=(n_samples, 1))
    positives = np.geomspace(6, most * n_samples, n_labels).astype(int)
    cuts = -np.sort(-scores, axis=0)[positives, np.arange(n_labels)]
    return (scores > cuts).astype(int)


def off_by(counts, fold, shares):
    """Units of each label in a fold minus its share of them; rows count as the last label."""
    units = np.column_stack([counts, np.ones(len(counts))])
    placed = np.stack([units[fold == i].sum(axis=0) for i in range(len(shares))])
    return placed - np.outer(shares, units.sum(axis=0))


def folds_of(cv, y):
    """The fold in which a splitter tests each row."""
    fold = np.full(len(y), -1)
    for i, (_, test) in enumerate(cv.split(y, y)):
        fold[test] = i
    return fold


def quiet_folds(cv, y):
    """The folds, without the warning about rare labels or classes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return folds_of(cv, y)


LABELS = [
    skewed_labels(n, n_labels, seed, most)
    for seed, (n, n_labels, most) in enumerate(
        [(200, 5, 0.3), (1000, 12, 0.4), (1000, 3, 0.9), (333, 20, 0.2), (2400, 14, 0.75)]
    )
]
