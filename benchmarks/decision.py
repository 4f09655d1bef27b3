"""Decisions: `TunedDecisionClassifierCV` and what else tunes them, on ten sets.

Run: python benchmarks/decision.py [FOLDER] [--max-rows NUMBER]
Scores on test rows, over repeated stratified halves. All tune the same estimator with five folds.
The peers: for two classes scikit-learn's `TunedThresholdClassifierCV`; for more a grid of
thresholds for each class against the rest, the probabilities divided by these, which is how TabPFN
(9.2.0) tunes its decisions; and the most probable class. FOLDER holds the sets, as in quality.py;
without one, those of the package are used.
"""

import argparse
import time
import warnings

import numpy as np
from common import ARGUMENTS, TINY, pick, print_machine, print_table, quiet
from quality_sets import fit_array, load_set, names_of_sets
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, f1_score, make_scorer, matthews_corrcoef
from sklearn.model_selection import (
    StratifiedKFold,
    StratifiedShuffleSplit,
    TunedThresholdClassifierCV,
    cross_val_predict,
)

from skimbalance import TunedDecisionClassifierCV

REPEATS = pick(5, 2)
MAX_ROWS = pick(4_000, 200)
# Of each half: fewer rows of a class cannot be in five folds.
FEWEST_ROWS = 2 * pick(5, 2)
SETS = [
    "abalone_19", "mammography", "oil_spill", "thyroid_sick", "wilt",
    "ann_thyroid", "page_blocks", "thyroid0387", "wine_quality_white", "yeast_10class",
]  # fmt: skip


def f1(y, decided):
    """F1 of the rarer of two classes, which is the second, or the mean over more."""
    average = "binary" if y.max() == 1 else "macro"
    return f1_score(y, decided, average=average, zero_division=0.0)


METRICS = {"F1": f1, "balanced accuracy": balanced_accuracy_score, "MCC": matthews_corrcoef}
OBJECTIVES = {"balanced accuracy": "balanced_accuracy", "MCC": "mcc"}


class OneVsRestGrid(ClassifierMixin, BaseEstimator):
    """A threshold for each class against the rest, from a grid, on probabilities out of fold.

    Of the thresholds within 0.002 of the best score, the one in the middle is taken. The decision
    is the class with the largest probability in relation to its threshold.
    """

    thresholds = np.linspace(0.01, 0.99, 198)
    plateau = 0.002

    def __init__(self, estimator, metric="F1", random_state=None):
        self.estimator = estimator
        self.metric = metric
        self.random_state = random_state

    def fit(self, X, y):
        """Fit the estimator, and find the thresholds."""
        folds = StratifiedKFold(pick(5, 2), shuffle=True, random_state=self.random_state)
        proba = cross_val_predict(self.estimator, X, y, cv=folds, method="predict_proba")
        self.estimator_ = clone(self.estimator).fit(X, y)
        self.classes_ = self.estimator_.classes_
        self.thresholds_ = np.array(
            [self._best(proba[:, k], y == label) for k, label in enumerate(self.classes_)]
        )
        return self

    def predict(self, X):
        """Decide."""
        proba = self.estimator_.predict_proba(X)
        return self.classes_[np.argmax(proba / self.thresholds_, axis=1)]

    def _best(self, proba, positive):
        scores = self._scores(proba, positive)
        near = scores >= scores.max() - self.plateau
        start = stop = int(scores.argmax())
        while start > 0 and near[start - 1]:
            start -= 1
        while stop + 1 < len(near) and near[stop + 1]:
            stop += 1
        return self.thresholds[(start + stop) // 2]

    def _scores(self, proba, positive):
        """The metric of one class against the rest, at each threshold."""
        order = np.sort(proba), np.sort(proba[positive])
        flagged, hits = (len(p) - np.searchsorted(p, self.thresholds) for p in order)
        n, n_positive = len(proba), positive.sum()
        false, missed = flagged - hits, n_positive - hits
        right = n - n_positive - false
        if self.metric == "F1":
            return 2 * hits / (flagged + n_positive)
        if self.metric == "balanced accuracy":
            return (hits / n_positive + right / (n - n_positive)) / 2
        spread = flagged * (n - flagged) * float(n_positive) * (n - n_positive)
        product = (hits * right - false * missed) / np.sqrt(np.where(spread > 0, spread, 1.0))
        return np.where(spread > 0, product, 0.0)


def problems(options):
    """Yield names, rows and classes; of two classes the rarer is the second."""
    known = names_of_sets(options.folder, options.max_rows)
    for name in known if TINY else [name for name in SETS if name in known]:
        table = load_set(options.folder, name, options.max_rows)
        kept = np.bincount(table.y)[table.y] >= FEWEST_ROWS
        y = np.unique(table.y[kept], return_inverse=True)[1]
        if y.max() == 1 and y.mean() > 0.5:
            y = 1 - y
        yield name, table.X[kept], y


def estimators():
    """Yield names and classifiers."""
    yield "logistic", LogisticRegression(max_iter=2000)
    yield "boosted trees", HistGradientBoostingClassifier(max_iter=pick(30, 2), random_state=0)


def tuners(estimator, metric, n_classes, seed):
    """Ours, the peer, and the estimator as it is."""
    macro = "f1" if n_classes == 2 else "f1_macro"
    given = {"pos_label": 1} if metric == "F1" and n_classes == 2 else {}
    ours = TunedDecisionClassifierCV(
        estimator, objective=OBJECTIVES.get(metric, macro), random_state=seed, **given
    )
    if n_classes > 2:
        peer = OneVsRestGrid(estimator, metric, random_state=seed)
    else:
        peer = TunedThresholdClassifierCV(
            estimator, scoring=make_scorer(METRICS[metric]), thresholds=pick(100, 5),
            cv=pick(5, 2), random_state=seed,
        )  # fmt: skip
    return ours, peer, clone(estimator)


def compare(table, y, estimator, metric):
    """Test scores of the three, and seconds of their fits, as arrays of shape (n_repeats, 3)."""
    scores, seconds = [], []
    halves = StratifiedShuffleSplit(REPEATS, test_size=0.5, random_state=0)
    for i, (train, test) in enumerate(halves.split(y, y)):
        prepare = fit_array(table.iloc[train])
        X_train, X_test = prepare(table.iloc[train]), prepare(table.iloc[test])
        for clf in tuners(estimator, metric, y.max() + 1, i):
            start = time.perf_counter()
            clf.fit(X_train, y[train])
            seconds.append(time.perf_counter() - start)
            scores.append(METRICS[metric](y[test], clf.predict(X_test)))
    return np.reshape(scores, (-1, 3)), np.reshape(seconds, (-1, 3))


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--max-rows", type=int, default=MAX_ROWS)
    options = parser.parse_args(ARGUMENTS)
    quiet()
    warnings.filterwarnings("ignore", "Decisions for classes with fewer than")
    print_machine()
    rows, leads = [], {}
    for problem, X, y in problems(options):
        peer = "one-vs-rest grid" if y.max() > 1 else "TunedThreshold"
        for name, estimator in estimators():
            for metric in METRICS:
                scores, seconds = compare(X, y, estimator, metric)
                lead = scores[:, 0] - scores[:, 1]
                # Nadeau and Bengio's correction for shared rows; test and train of equal size.
                error = np.sqrt((1 / REPEATS + 1) * lead.var(ddof=1))
                ours, theirs, argmax = scores.mean(axis=0)
                ratio = np.median(seconds[:, 1] / seconds[:, 0])
                leads.setdefault((peer, metric), []).append(lead.mean())
                rows.append([problem, name, metric, f"{ours:.3f}", f"{theirs:.3f}",
                             f"{argmax:.3f}", f"{lead.mean():+.3f} +- {error:.3f}",
                             f"{ratio:.1f}x"])  # fmt: skip
    heads = ["", "estimator", "goal", "ours", "peer", "most probable", "lead over peer"]
    print_table([*heads, "its time"], rows)
    print()
    print_table(
        ["peer", "goal", "mean lead", "ahead"],
        [[peer, metric, f"{np.mean(of):+.4f}", f"{np.sum(np.array(of) > 0)} of {len(of)}"]
         for (peer, metric), of in leads.items()],
    )  # fmt: skip


if __name__ == "__main__":
    main()
