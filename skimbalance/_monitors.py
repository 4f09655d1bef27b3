"""Scores for early stopping: exact, over all held-out rows, cheap enough for every epoch.

scikit-learn's and imbalanced-learn's functions of the same names validate their input at a
hundred times the cost of the sums below, once an epoch of a network that trains in
milliseconds; the tests hold the two equal.
"""

import numpy as np
from scipy.special import softmax
from scipy.stats import rankdata

__all__ = ["MONITORS"]


def _confusion(y, logits, weight):
    """Weighted counts, true class by predicted class."""
    n_classes = logits.shape[1]
    cells = y * n_classes + np.argmax(logits, axis=1)
    counts = np.bincount(cells, weights=weight, minlength=n_classes**2)
    return counts.reshape(n_classes, n_classes)


def _recalls(confusion):
    return np.diag(confusion) / confusion.sum(axis=1)


def balanced_accuracy(y, logits, weight):
    """Mean recall of the classes."""
    return _recalls(_confusion(y, logits, weight)).mean()


def f1_macro(y, logits, weight):
    """Mean F1 of the classes; every class has rows, so no denominator is zero."""
    confusion = _confusion(y, logits, weight)
    return (2 * np.diag(confusion) / (confusion.sum(axis=0) + confusion.sum(axis=1))).mean()


def geometric_mean(y, logits, weight):
    """Geometric mean of the recalls (Kubat & Matwin 1997)."""
    recalls = _recalls(_confusion(y, logits, weight))
    return np.prod(recalls) ** (1.0 / len(recalls))


def mcc(y, logits, weight):
    """Matthews' correlation for any number of classes (Gorodkin 2004); 0 where undefined."""
    confusion = _confusion(y, logits, weight)
    confusion = confusion / confusion.sum()
    true, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    covariance = np.trace(confusion) - true @ predicted
    spread = (1.0 - true @ true) * (1.0 - predicted @ predicted)
    return covariance / np.sqrt(spread) if spread > 0 else 0.0


def _one_against_rest(score):
    """Score of the second class for two classes, else the mean over classes."""

    def macro(y, logits, weight):
        logits = logits.astype(np.float64, copy=False)
        if logits.shape[1] == 2:
            # As `decision_function`: probabilities near 1 would round to ties.
            return float(score(y == 1, logits[:, 1] - logits[:, 0], weight))
        proba = softmax(logits, axis=1)
        return float(np.mean([score(y == k, proba[:, k], weight) for k in range(proba.shape[1])]))

    return macro


def _average_precision(positive, score, weight):
    """Sum of precision times the step in recall, over the distinct scores."""
    order = np.argsort(-score, kind="stable")
    score, hits = score[order], (weight * positive)[order]
    last_of_tie = np.append(score[1:] != score[:-1], True)
    found = np.cumsum(hits)[last_of_tie]
    flagged = np.cumsum(weight[order])[last_of_tie]
    return np.sum(np.diff(found, prepend=0.0) * found / flagged) / found[-1]


def _roc_auc(positive, score, weight):
    """Share of (positive, negative) pairs in the right order; a tie counts half."""
    rank = rankdata(score, method="dense") - 1
    negatives = np.bincount(rank, weights=weight * ~positive, minlength=rank.max() + 1)
    below = np.cumsum(negatives) - 0.5 * negatives
    total = weight[positive].sum() * negatives.sum()
    return (weight * below[rank])[positive].sum() / total


#: Name -> score of (class indices, logits, row weights): larger is better.
MONITORS = {
    "balanced_accuracy": balanced_accuracy,
    "f1_macro": f1_macro,
    "mcc": mcc,
    "geometric_mean": geometric_mean,
    "average_precision": _one_against_rest(_average_precision),
    "roc_auc": _one_against_rest(_roc_auc),
}
