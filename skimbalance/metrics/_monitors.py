"""Scores for early stopping: exact, over all held-out rows, cheap enough for every epoch.

scikit-learn's and imbalanced-learn's functions of the same names validate their input, which costs
a hundred times as much as the sums below, while an epoch of a small network takes milliseconds.
The tests check that both give the same scores.

Logits have shape (n_samples, n_classes), or in the multilabel case (n_samples, n_labels).
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from scipy.special import softmax
from scipy.stats import rankdata

import skimbalance.metrics._scores as _scores
from skimbalance.metrics._scores import decision_sums, rarest
from skimbalance.metrics._sums import weighted_sum

__all__ = ["LABEL_MONITORS", "MONITORS"]

# Function of (class indices or indicator, logits, row weights). In the multilabel case weights may
# also be of shape (n_samples, n_labels): zero where a label is missing.
Monitor: TypeAlias = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


def _decision_score(score: _scores.Score) -> Monitor:
    """Score of the decisions for the class with the largest logit."""

    def of_logits(y, logits, weight):
        return score(*decision_sums(y, np.argmax(logits, axis=1), logits.shape[1], weight))

    return of_logits


def _one_against_rest(score: Monitor) -> Monitor:
    """Score of the rarer class if there are two classes, otherwise the mean over those in y."""

    def macro(y, logits, weight):
        logits = logits.astype(np.float64, copy=False)
        if logits.shape[1] == 2:
            # Like `decision_function`; probabilities near 1 would round to ties.
            k = rarest(np.bincount(y, minlength=2))
            return float(score(y == k, logits[:, k] - logits[:, 1 - k], weight))
        proba = softmax(logits, axis=1)
        # The user's own held-out rows may lack a class.
        return float(np.mean([score(y == k, proba[:, k], weight) for k in np.unique(y)]))

    return macro


def _average_precision(positive, score, weight):
    """Sum of precision times the step in recall, over the distinct scores."""
    order = np.argsort(-score, kind="stable")
    score, hits = score[order], (weight * positive)[order]
    last_of_tie = np.append(score[1:] != score[:-1], True)
    true_positives = np.cumsum(hits)[last_of_tie]
    flagged = np.cumsum(weight[order])[last_of_tie]
    new = np.diff(true_positives, prepend=0.0)
    return np.sum(new * true_positives / flagged) / true_positives[-1]


def _roc_auc(positive, score, weight):
    """Share of the (positive, negative) pairs in the right order; a tie counts half."""
    rank = rankdata(score, method="dense") - 1
    negatives = np.bincount(rank, weights=weight * ~positive, minlength=rank.max() + 1)
    below = np.cumsum(negatives) - 0.5 * negatives
    total = weight[positive].sum() * negatives.sum()
    return (weight * below[rank])[positive].sum() / total


def _label_decision_score(score: _scores.Score) -> Monitor:
    """Mean over the labels of a score of two classes: rows without and with the label."""

    def of_logits(y, logits, weight):
        decided, has = logits > 0, y > 0
        # Each kind of row by itself: a difference of sums is not exactly zero where there is none.
        right = [_total(weight, ~decided & ~has), _total(weight, decided & has)]
        wrong = [_total(weight, ~decided & has), _total(weight, decided & ~has)]
        sums = (
            right,
            [right[0] + wrong[0], right[1] + wrong[1]],
            [right[0] + wrong[1], right[1] + wrong[0]],
        )
        told = slice(None) if weight.ndim == 1 else weight.sum(axis=0) > 0
        return float(np.mean(score(*(np.stack(part, axis=1)[told] for part in sums))))

    return of_logits


def _total(weight, values):
    """Weighted sum of the values of each label."""
    return weighted_sum(weight, values) if weight.ndim == 1 else np.sum(weight * values, axis=0)


def _label_ranking_score(score: Monitor) -> Monitor:
    """Mean score over the labels that some rows have and other rows lack."""

    def of_logits(y, logits, weight):
        weight_with = _total(weight, y)
        judged = np.flatnonzero((weight_with > 0) & (weight_with < weight.sum(axis=0)))
        if not len(judged):
            return 0.0
        logits = logits.astype(np.float64, copy=False)
        return float(np.mean([of_label(y[:, k], logits[:, k], weight, k) for k in judged]))

    def of_label(y, logits, weight, k):
        if weight.ndim == 1:
            return score(y == 1, logits, weight)
        known = weight[:, k] > 0
        return score(y[known] == 1, logits[known], weight[known, k])

    return of_logits


def _f1_of_second(hits, predicted, actual):
    """F1 of the second class, which holds the rows with a label."""
    return _scores.f1(hits, predicted, actual)[..., 1]


#: Name -> score of (class indices, logits, row weights). Larger is better.
MONITORS: Mapping[str, Monitor] = {
    "balanced_accuracy": _decision_score(_scores.balanced_accuracy),
    "f1_macro": _decision_score(_scores.f1_macro),
    "f1_rare": _decision_score(_scores.f1_rare),
    "mcc": _decision_score(_scores.mcc),
    "geometric_mean": _decision_score(_scores.geometric_mean),
    "average_precision": _one_against_rest(_average_precision),
    "roc_auc": _one_against_rest(_roc_auc),
}

#: Name -> mean over labels of the same score, of (indicator, logits, row weights).
LABEL_MONITORS: Mapping[str, Monitor] = {
    "balanced_accuracy": _label_decision_score(_scores.balanced_accuracy),
    "f1_macro": _label_decision_score(_f1_of_second),
    "mcc": _label_decision_score(_scores.mcc),
    "geometric_mean": _label_decision_score(_scores.geometric_mean),
    "average_precision": _label_ranking_score(_average_precision),
    "roc_auc": _label_ranking_score(_roc_auc),
}
