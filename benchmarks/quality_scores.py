"""Decisions and scores of the benchmark of predictive quality.

The weights for macro-F1 are learnt by lines of this script's own, not by the library's tuner, so
that scores stay comparable when the tuner changes.
"""

import numpy as np
from imblearn.metrics import geometric_mean_score
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    matthews_corrcoef,
    recall_score,
    roc_auc_score,
)

# Probabilities below it count as this much in a logarithm.
LEAST_PROBABILITY = 1e-7
# Scores of decisions differ from rule to rule, those of probabilities do not.
SCORES_OF_DECISIONS = ("macro_f1", "balanced_accuracy", "mcc", "gmean", "rare_recall")
SCORES_OF_PROBABILITIES = ("ap", "auc", "log_loss", "brier")


def log_probabilities(proba):
    """Logarithms that are finite."""
    return np.log(np.clip(proba, LEAST_PROBABILITY, 1))


def decisions(proba, y, fold_of_row, own=None):
    """The class of each row by each rule; no rule uses the labels of the row's own fold.

    "argmax" is the most probable class, and "balanced" the one whose probability is largest in
    relation to its frequency. "crossfit" adds the weights with the best macro-F1 on the other folds
    to the log-probabilities. "own" is what the model's own `predict` says.
    """
    rules = {"argmax": proba.argmax(axis=1)}
    for name in ("balanced", "crossfit"):
        rules[name] = np.zeros(len(y), dtype=int)
    log_proba = log_probabilities(proba)
    for fold in np.unique(fold_of_row):
        test, train = fold_of_row == fold, fold_of_row != fold
        prior = np.bincount(y[train], minlength=proba.shape[1]) / train.sum()
        weights = weights_for_f1(log_proba[train], y[train])
        rules["balanced"][test] = (proba[test] / prior).argmax(axis=1)
        rules["crossfit"][test] = (log_proba[test] + weights).argmax(axis=1)
    if own is not None:
        rules["own"] = own
    return rules


def weights_for_f1(log_proba, y, n_sweeps=10):
    """Weights, to be added to log-probabilities, with the best macro-F1 on these rows.

    For two classes all thresholds are tried. For more, one weight after the other is set to its
    best value, with all others held, until nothing improves; from two starts.
    """
    n_classes = log_proba.shape[1]
    if n_classes == 2:
        return np.array([best_threshold(log_proba[:, 1] - log_proba[:, 0], y), 0.0])
    prior = np.bincount(y, minlength=n_classes) / len(y)
    best_weights, best_value = np.zeros(n_classes), -1.0
    for start in (np.zeros(n_classes), -np.log(prior)):
        weights = start.copy()
        value = f1_of_counts(*counts(y, (log_proba + weights).argmax(axis=1), n_classes))
        for _ in range(n_sweeps):
            before = value
            for k in range(n_classes):
                weight, reached = best_weight(log_proba, weights, y, k)
                if reached > value + 1e-9:
                    weights[k], value = weight, reached
            if value - before < 1e-6:
                break
        if value > best_value:
            best_weights, best_value = weights, value
    return best_weights


def counts(y, predicted, n_classes):
    """For each class the rows that are right, those that are predicted, and those that exist."""
    return (
        np.bincount(y[y == predicted], minlength=n_classes),
        np.bincount(predicted, minlength=n_classes),
        np.bincount(y, minlength=n_classes),
    )


def f1_of_counts(right, predicted, existing):
    """Macro-F1, over the last axis."""
    return (2 * right / np.maximum(predicted + existing, 1)).mean(axis=-1)


def best_threshold(score, y):
    """The score above which class 1 is predicted for the best macro-F1."""
    order = np.argsort(-score, kind="stable")
    positive = y[order]
    n_rows, n_positives = len(y), positive.sum()
    n_predicted = np.arange(n_rows + 1)
    n_right = np.append(0, positive.cumsum())
    value = f1_of_counts(
        np.stack([n_right, n_rows - n_predicted - n_positives + n_right], axis=-1),
        np.stack([n_predicted, n_rows - n_predicted], axis=-1),
        np.array([n_positives, n_rows - n_positives]),
    )
    return -middle_of_best(value, -score[order])[0]


def best_weight(log_proba, weights, y, k):
    """The weight of class k with the best macro-F1, the other weights held, and that macro-F1."""
    n_rows, n_classes = log_proba.shape
    weighted = log_proba + weights
    weighted[:, k] = -np.inf
    rival = weighted.argmax(axis=1)
    # With a larger weight of class k than this, the row goes from its rival to class k.
    switch = weighted[np.arange(n_rows), rival] - log_proba[:, k]
    order = np.argsort(switch, kind="stable")
    went = np.zeros((n_rows + 1, n_classes), dtype=int)
    went[np.arange(1, n_rows + 1), rival[order]] = 1
    lost = np.zeros_like(went)
    lost[1:] = went[1:] * (rival == y)[order, np.newaxis]
    right, predicted, existing = counts(y, rival, n_classes)
    right, predicted = right - lost.cumsum(axis=0), predicted - went.cumsum(axis=0)
    right[:, k] = np.append(0, (y[order] == k).cumsum())
    predicted[:, k] = np.arange(n_rows + 1)
    return middle_of_best(f1_of_counts(right, predicted, existing), switch[order])


def middle_of_best(value, ascending):
    """The cut between scores with the best value, the middle one of equals, and its value.

    value[i] is that of a cut above the first i of the ascending scores.
    """
    # No cut separates equal scores.
    value[1:-1][ascending[1:] == ascending[:-1]] = -1
    between = (ascending[1:] + ascending[:-1]) / 2
    cuts = np.concatenate([[ascending[0] - 1], between, [ascending[-1] + 1]])
    best = np.flatnonzero(value >= value.max() - 1e-12)
    return cuts[best[len(best) // 2]], value.max()


def scores_of_decisions(y, predicted):
    """Scores from the decisions for all rows of all folds together."""
    recall = recall_score(y, predicted, average=None, zero_division=0)
    values = (
        f1_score(y, predicted, average="macro", zero_division=0),
        balanced_accuracy_score(y, predicted),
        matthews_corrcoef(y, predicted),
        geometric_mean_score(y, predicted),
        recall[np.bincount(y).argmin()],
    )
    return dict(zip(SCORES_OF_DECISIONS, map(float, values), strict=True))


def scores_of_probabilities(y, proba, fold_of_row):
    """Scores of the probabilities.

    Average precision and ROC AUC are those of the rarer of two classes, or the mean over all of
    more, in which a class' value is the mean over folds. Log-loss and Brier score are means over
    rows; the latter is between 0 and 1.
    """
    n_classes = proba.shape[1]
    classes = range(n_classes) if n_classes > 2 else [int(np.bincount(y).argmin())]
    ranking = np.array([ranking_scores(y == k, proba[:, k], fold_of_row) for k in classes])
    truth = np.eye(n_classes)[y]
    natural = np.clip(proba, LEAST_PROBABILITY, 1)
    natural /= natural.sum(axis=1, keepdims=True)
    values = (
        *ranking.mean(axis=0),
        -np.log(natural[np.arange(len(y)), y]).mean(),
        ((proba - truth) ** 2).sum(axis=1).mean() / 2,
    )
    return dict(zip(SCORES_OF_PROBABILITIES, map(float, values), strict=True))


def ranking_scores(positive, score, fold_of_row):
    """Average precision and ROC AUC, means over the folds with rows of both kinds."""
    folds = [fold_of_row == fold for fold in np.unique(fold_of_row)]
    both = [rows for rows in folds if 0 < positive[rows].sum() < rows.sum()]
    return np.mean(
        [
            (
                average_precision_score(positive[rows], score[rows]),
                roc_auc_score(positive[rows], score[rows]),
            )
            for rows in both
        ],
        axis=0,
    )
