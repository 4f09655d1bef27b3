"""Metrics of other libraries, and posteriors with class labels, for the tests of decisions."""

import numpy as np
from imblearn.metrics import geometric_mean_score
from scipy.special import softmax
from sklearn.metrics import cohen_kappa_score, f1_score, matthews_corrcoef, recall_score


def averaged(score, average):
    """A score over all classes, as function of (true, decided, weight)."""

    def averaged_score(true, decided, weight=None):
        labels = np.unique(true) if score is recall_score else None
        return score(
            true, decided, labels=labels, average=average, sample_weight=weight, zero_division=0
        )

    return averaged_score


def geometric_mean(true, decided, weight=None):
    return geometric_mean_score(true, decided, labels=np.unique(true), sample_weight=weight)


def of_class(score, k):
    """A score of one class, as function of (true, decided, weight)."""

    def score_of_class(true, decided, weight=None):
        return score(
            true, decided, labels=[k], average=None, sample_weight=weight, zero_division=0
        )[0]

    return score_of_class


def flagged(true, decided, k, weight=None):
    """Share of the rows decided for a class."""
    return np.average(decided == k, weights=weight)


# Name -> the same metric in scikit-learn or imbalanced-learn.
PEERS = {
    "balanced_accuracy": averaged(recall_score, "macro"),
    "f1_macro": averaged(f1_score, "macro"),
    "f1_weighted": averaged(f1_score, "weighted"),
    "mcc": lambda t, d, weight=None: matthews_corrcoef(t, d, sample_weight=weight),
    "cohen_kappa": lambda t, d, weight=None: cohen_kappa_score(t, d, sample_weight=weight),
    "geometric_mean": geometric_mean,
}


def sums(true, decided, weight, n_classes):
    """Hits, predicted and actual weights of each class."""
    hits = np.bincount(decided, weight * (true == decided), n_classes)
    return hits, np.bincount(decided, weight, n_classes), np.bincount(true, weight, n_classes)


def drawn(eta, rng):
    """A class index for each row, drawn from its posteriors."""
    return (eta.cumsum(axis=1)[:, :-1] < rng.random((len(eta), 1))).sum(axis=1)


def posteriors(n, n_classes, seed=0, spread=2.0, tilt=1.0):
    """Posteriors of classes from frequent to rare, and class indices drawn from them."""
    rng = np.random.default_rng(seed)
    eta = softmax(spread * rng.normal(size=(n, n_classes)) - tilt * np.arange(n_classes), axis=1)
    y = drawn(eta, rng)
    y[:n_classes] = np.arange(n_classes)
    return eta, y
