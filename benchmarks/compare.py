"""A comparison of strategies beside the same written with scikeras and loops.

Run: python benchmarks/compare.py
All 13 strategies, 5 folds, layers 64-32, 50 epochs. scikeras trains the first fold of each
strategy, and its time is scaled up to five. It has no focal loss for integer classes, logit
adjustment, margins or balanced batches: plain fits stand in for them. Tuning decisions takes it
five more fits a fold.
"""

import statistics

import numpy as np
from common import mlp_build_classes, print_machine, print_table, quiet, spread, times
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.preprocessing import StandardScaler

from skimbalance import compare_strategies
from skimbalance._engine.tensorflow import program
from skimbalance.compare._strategies import STRATEGIES, EachClassSMOTE
from skimbalance.datasets import load_page_blocks, load_yeast

TARGETS = {"yeast": 60, "page_blocks": 150}


def ours(X, y):
    """The comparison, from nothing compiled."""
    program._programs.clear()
    return compare_strategies(X, y, random_state=0, verbose=0)


def theirs(name, X, y):
    """Train and score one fold of a strategy with scikeras."""
    from scikeras.wrappers import KerasClassifier

    train, test = next(StratifiedKFold(5).split(X, y))
    weighted = name in ("class_weighted", "sqrt_weighted", "effective_number", "focal_weighted")
    network = KerasClassifier(
        mlp_build_classes,
        n_features=X.shape[1],
        n_classes=len(np.unique(y)),
        class_weight="balanced" if weighted else None,
        batch_size=64,
        epochs=50,
        verbose=0,
    )
    sampler = {
        "over_sampling": RandomOverSampler(),
        "under_sampling": RandomUnderSampler(),
        "smote": EachClassSMOTE([]),
    }.get(name, "passthrough")
    pipe = make_pipeline(StandardScaler(), sampler, network)
    if name == "tuned_decision":
        cross_val_predict(pipe, X[train], y[train], cv=5, method="predict_proba")
    pipe.fit(X[train], y[train])
    pipe.predict_proba(X[test])


def main():
    """Measure and print."""
    quiet()
    print_machine()
    rows = []
    for name, load in (("yeast", load_yeast), ("page_blocks", load_page_blocks)):
        X, y = load(return_X_y=True)
        y = np.unique(y, return_inverse=True)[1]
        seconds = times(lambda X=X, y=y: ours(X, y), 3)
        peer = 5 * sum(times(lambda X=X, y=y, s=s: theirs(s, X, y), 1)[0] for s in STRATEGIES)
        middle = statistics.median(seconds)
        within = "met" if middle <= TARGETS[name] else "**missed**"
        faster = "met" if peer / middle >= 25 else "**missed**"
        rows.append([name, spread(seconds, digits=1), f"{peer:,.0f}, {peer / middle:.1f}x",
                     f"{TARGETS[name]} s: {within}", f"25x: {faster}"])  # fmt: skip
    print("13 strategies x 5 folds, seconds, and how many times ours.\n")
    print_table(["", "skimbalance", "scikeras", "time", "ratio"], rows)


if __name__ == "__main__":
    main()
