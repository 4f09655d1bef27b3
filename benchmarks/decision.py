"""Thresholds: `TunedDecisionClassifierCV` and scikit-learn's `TunedThresholdClassifierCV`.

Run: python benchmarks/decision.py
Scores on test rows, over repeated stratified splits of bundled data sets (one rare class against
the rest in each) and of a simulated one. Both tune the same estimator with equally many folds.
"""

import time

import numpy as np
from common import TINY, pick, print_machine, print_table, quiet
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, f1_score, make_scorer, matthews_corrcoef
from sklearn.model_selection import StratifiedShuffleSplit, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skimbalance import TunedDecisionClassifierCV
from skimbalance.datasets import load_abalone_19, load_ann_thyroid, load_page_blocks

REPEATS = pick(5, 2)
METRICS = {
    "f1": f1_score,
    "balanced_accuracy": balanced_accuracy_score,
    "mcc": matthews_corrcoef,
}


def problems():
    """Yield names, rows, and whether each row belongs to the rare class."""
    if not TINY:
        X, y = load_page_blocks(return_X_y=True)
        yield "page_blocks, picture", X, y == np.unique(y)[4]
        X, y = load_ann_thyroid(return_X_y=True)
        yield "ann_thyroid, hyperthyroid", X, y == np.unique(y)[0]
        X, y = load_abalone_19(return_X_y=True)
        yield "abalone_19", X, y == 1
    X, y = make_classification(
        pick(20_000, 800),
        20,
        n_informative=8,
        weights=[0.98],
        flip_y=0.005,
        class_sep=0.8,
        random_state=0,
    )
    yield "simulated, 2 %", X, y == 1


def estimators():
    """Yield names and classifiers."""
    yield "logistic", make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    yield "boosted trees", HistGradientBoostingClassifier(max_iter=pick(30, 2), random_state=0)


def compare(X, y, estimator, objective, metric):
    """Test scores of both, and seconds of their fits, as arrays of shape (n_repeats, 2)."""
    scores, seconds = [], []
    for i, (train, test) in enumerate(
        StratifiedShuffleSplit(REPEATS, test_size=0.5, random_state=0).split(X, y)
    ):
        both = (
            TunedDecisionClassifierCV(estimator, objective=objective, random_state=i),
            TunedThresholdClassifierCV(
                estimator, scoring=make_scorer(metric), thresholds=pick(100, 5), random_state=i
            ),
        )
        for clf in both:
            start = time.perf_counter()
            clf.fit(X[train], y[train])
            seconds.append(time.perf_counter() - start)
            scores.append(metric(y[test], clf.predict(X[test])))
    return np.reshape(scores, (-1, 2)), np.reshape(seconds, (-1, 2))


def main():
    """Measure and print."""
    quiet()
    print_machine()
    rows = []
    for problem, X, y in problems():
        for name, estimator in estimators():
            for objective, metric in METRICS.items():
                scores, seconds = compare(X, y, estimator, objective, metric)
                lead = scores[:, 0] - scores[:, 1]
                # Nadeau and Bengio's correction for shared rows; test and train of equal size.
                error = np.sqrt((1 / REPEATS + 1) * lead.var(ddof=1))
                ours, theirs = scores.mean(axis=0)
                ratio = np.median(seconds[:, 1] / seconds[:, 0])
                rows.append([problem, name, objective, f"{ours:.3f}", f"{theirs:.3f}",
                             f"{lead.mean():+.3f} +- {error:.3f}", f"{ratio:.1f}x"])  # fmt: skip
    print_table(["", "estimator", "objective", "ours", "TunedThreshold", "lead", "its time"], rows)


if __name__ == "__main__":
    main()
