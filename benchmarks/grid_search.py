"""A grid search, and many fits at once: the joblib backend "stacked" and its peers.

Run: python benchmarks/grid_search.py
Wall times include scoring and the refit, and tracing and compiling: programs are dropped before
each of our runs, except where they were "compiled before". scikeras trains a part of the fits, and
its time is scaled up to all of them. The floor is the time of the matrix products alone, with one
network on each core.
"""

import statistics
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
from common import (
    N_JOBS,
    SIZES,
    data,
    forget_programs,
    keras_classifier,
    mlp_build,
    pick,
    print_machine,
    print_table,
    quiet,
    spread,
    times,
)
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from single_fit import floor
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier

from skimbalance import ImbalancedMLPClassifier

RATES = np.logspace(-4, -2, pick(20, 2))
FEW_RATES = RATES[:2]
FOLDS = StratifiedKFold(pick(5, 2))
REPEATS = pick(5, 1)
N_FITS = pick(100, 4)


def ours(size):
    """Our classifier for a size."""
    _, _, _, layers, batch, epochs = SIZES[size]
    return ImbalancedMLPClassifier(
        layers, batch_size=batch, epochs=epochs, early_stopping=False, class_weight=None
    )


def mlp(size):
    """scikit-learn's network for a size."""
    _, _, _, layers, batch, epochs = SIZES[size]
    return MLPClassifier(
        layers, batch_size=batch, max_iter=epochs, tol=0, n_iter_no_change=epochs + 1
    )


def scikeras(size):
    """The plain Keras network of a size, in scikeras."""
    _, d, _, layers, batch, epochs = SIZES[size]
    return keras_classifier(
        mlp_build, n_features=d, layers=layers, batch_size=batch, epochs=epochs, verbose=0,
        optimizer="adam", optimizer__learning_rate=1e-3,
    )  # fmt: skip


def search(estimator, parameter, values, smote, n_jobs=None):
    """Function that searches the best learning rate, with SMOTE before the network or without."""
    if smote:
        estimator = make_pipeline(SMOTE(random_state=0), estimator)
        parameter = f"{estimator.steps[-1][0]}__{parameter}"
    grid = GridSearchCV(estimator, {parameter: values}, cv=FOLDS, scoring="f1_macro", n_jobs=n_jobs)
    X, y = data("W0")
    return lambda: grid.fit(X, y)


def n_fits(rates):
    """Number of fits of a search over learning rates, the refit included."""
    return len(rates) * FOLDS.get_n_splits() + 1


def stacked(function, *, warm=False):
    """The function run in the backend "stacked", with nothing compiled unless it is to be warm."""

    def run():
        if not warm:
            forget_programs()
        with joblib.parallel_config(backend="stacked"):
            function()

    return run


def many(estimator, size, n):
    """Function that fits n copies of an estimator in parallel."""
    X, y = data(size)
    copies = [clone(estimator).set_params(random_state=i) for i in range(n)]
    return lambda: joblib.Parallel()(joblib.delayed(copy.fit)(X, y) for copy in copies)


def floors(size, n):
    """Function that does the matrix products of n fits, spread over the cores."""
    rows, d, _, layers, batch, epochs = SIZES[size]

    def run():
        with ThreadPoolExecutor(joblib.cpu_count()) as pool:
            list(pool.map(lambda _: floor(rows, d, layers, batch, epochs), range(n)))

    return run


def row(name, functions):
    """Times of functions, each with a factor and its number of calls, and ratios to the first."""
    seconds = {}
    for key, (function, factor, n) in functions.items():
        seconds[key] = [factor * s for s in times(function, min(n, REPEATS))]
    first = statistics.median(next(iter(seconds.values())))
    cells = [name]
    for key, values in seconds.items():
        ratio = statistics.median(values) / first
        text = spread(values, digits=2)
        cells.append(text if key == "skimbalance" else f"{text}, {ratio:.1f}x")
    return cells


def small():
    """Searches and folds of W0."""
    X, y = data("W0")
    rows = []
    for name, smote in (("search of 20 x 5", False), ("the same with SMOTE", True)):
        rows.append(
            row(
                name,
                {
                    "skimbalance": (
                        stacked(search(ours("W0"), "learning_rate", RATES, smote)), 1, 5
                    ),
                    "warm": (
                        stacked(search(ours("W0"), "learning_rate", RATES, smote), warm=True), 1, 5
                    ),
                    "scikeras": (
                        search(scikeras("W0"), "optimizer__learning_rate", FEW_RATES, smote),
                        n_fits(RATES) / n_fits(FEW_RATES), 1,
                    ),
                    "MLPClassifier": (
                        search(mlp("W0"), "learning_rate_init", RATES, smote, n_jobs=N_JOBS), 1, 3
                    ),
                },
            )
        )  # fmt: skip
    rows.append(
        row(
            "cross_val_score, 5 folds",
            {
                "skimbalance": (stacked(lambda: cross_val_score(ours("W0"), X, y, cv=FOLDS)), 1, 5),
                "warm": (
                    stacked(lambda: cross_val_score(ours("W0"), X, y, cv=FOLDS), warm=True), 1, 5
                ),
                "scikeras": (lambda: cross_val_score(scikeras("W0"), X, y, cv=FOLDS), 1, 3),
                "MLPClassifier": (
                    lambda: cross_val_score(mlp("W0"), X, y, cv=FOLDS, n_jobs=N_JOBS), 1, 5
                ),
            },
        )
    )  # fmt: skip
    print("W0, seconds, and multiples of our time.\n")
    peers = ["scikeras", "MLPClassifier, n_jobs=2"]
    print_table(["", "skimbalance", "compiled before", *peers], rows)


def many_fits():
    """A hundred fits, beside the products alone."""
    rows = []
    for size, few in (("W1", 4), ("W2", 2)):
        rows.append(
            row(
                size,
                {
                    "skimbalance": (stacked(many(ours(size), size, N_FITS)), 1, 3),
                    "scikeras": (many(scikeras(size), size, few), N_FITS / few, 1),
                    "floor": (floors(size, N_FITS // 4), 4, 3),
                },
            )
        )
    print(f"\n{N_FITS} fits, seconds, and multiples of our time.\n")
    print_table(["", "skimbalance", "scikeras", "floor"], rows)


def main():
    """Measure and print."""
    quiet()
    print_machine()
    X, y = data("W0")
    ours("W0").set_params(epochs=1).fit(X, y), scikeras("W0").set_params(epochs=1).fit(X, y)
    small()
    many_fits()


if __name__ == "__main__":
    main()
