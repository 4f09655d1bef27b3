"""Scores for early stopping: exact, over all held-out rows, cheap enough for every epoch.

scikit-learn's and imbalanced-learn's functions of the same names validate their input at a
hundred times the cost of the sums below, once an epoch of a network that trains in
milliseconds; the tests hold the two equal.
"""

import numpy as np
from scipy.special import softmax
from scipy.stats import rankdata

from skimbalance.metrics import _scores
from skimbalance.metrics._scores import decision_sums

__all__ = ["LABEL_MONITORS", "MONITORS"]


def _of_decisions(score):
    """Score of the decisions for the largest logit."""

    def of_logits(y, logits, weight):
        return score(*decision_sums(y, np.argmax(logits, axis=1), logits.shape[1], weight))

    return of_logits


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


def _of_labels(score):
    """Mean over labels of a score of the decisions without and with each."""

    def of_logits(y, logits, weight):
        decided = logits > 0
        n, actual, predicted = weight.sum(), weight @ y, weight @ decided
        hits = weight @ (decided * y)
        sums = (
            [n - actual - predicted + hits, hits],
            [n - predicted, predicted],
            [n - actual, actual],
        )
        return float(np.mean(score(*(np.stack(part, axis=1) for part in sums))))

    return of_logits


def _of_each_label(score):
    """Mean over the labels that some rows have and some have not."""

    def of_logits(y, logits, weight):
        with_rows = weight @ y
        judged = np.flatnonzero((with_rows > 0) & (with_rows < weight.sum()))
        if not len(judged):
            return 0.0
        logits = logits.astype(np.float64, copy=False)
        return float(np.mean([score(y[:, k] == 1, logits[:, k], weight) for k in judged]))

    return of_logits


def _f1_with(hits, predicted, actual):
    """F1 of the second class."""
    return _scores.f1(hits, predicted, actual)[..., 1]


#: Name -> score of (class indices, logits, row weights): larger is better.
MONITORS = {
    "balanced_accuracy": _of_decisions(_scores.balanced_accuracy),
    "f1_macro": _of_decisions(_scores.f1_macro),
    "f1_rare": _of_decisions(_scores.f1_rare),
    "mcc": _of_decisions(_scores.mcc),
    "geometric_mean": _of_decisions(_scores.geometric_mean),
    "average_precision": _one_against_rest(_average_precision),
    "roc_auc": _one_against_rest(_roc_auc),
}

#: The same of (indicator, logits, row weights) of labels; their means over the labels.
LABEL_MONITORS = {
    "balanced_accuracy": _of_labels(_scores.balanced_accuracy),
    "f1_macro": _of_labels(_f1_with),
    "mcc": _of_labels(_scores.mcc),
    "geometric_mean": _of_labels(_scores.geometric_mean),
    "average_precision": _of_each_label(_average_precision),
    "roc_auc": _of_each_label(_roc_auc),
}
