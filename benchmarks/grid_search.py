"""A grid search, and stacks of fits: the backend "stacked" beside its peers.

Run: python benchmarks/grid_search.py
Wall times with tracing, compiling, scoring and the refit included: before each of our runs the
compiled programs are dropped. scikeras trains a part of the fits, and its time is scaled up to
all. The floor is the matrix products alone, of as many networks at a time as there are cores.
"""

import statistics
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
from common import SIZES, data, mlp_build, print_machine, print_table, quiet, spread, times
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from single_fit import floor
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier

from skimbalance import ImbalancedMLPClassifier
from skimbalance._engine.tensorflow import program

RATES = np.logspace(-4, -2, 20)
FOLDS = StratifiedKFold(5)


def ours(size):
    """Our classifier at a size."""
    _, _, _, layers, batch, epochs = SIZES[size]
    return ImbalancedMLPClassifier(
        layers, batch_size=batch, epochs=epochs, early_stopping=False, class_weight=None
    )


def mlp(size):
    """scikit-learn's."""
    _, _, _, layers, batch, epochs = SIZES[size]
    return MLPClassifier(
        layers, batch_size=batch, max_iter=epochs, tol=0, n_iter_no_change=epochs + 1
    )


def scikeras(size):
    """The plain network by scikeras."""
    from scikeras.wrappers import KerasClassifier

    _, d, _, layers, batch, epochs = SIZES[size]
    return KerasClassifier(
        mlp_build, n_features=d, layers=layers, batch_size=batch, epochs=epochs, verbose=0,
        optimizer="adam", optimizer__learning_rate=1e-3,
    )  # fmt: skip


def search(estimator, parameter, values, smote, n_jobs=None):
    """Function that searches the best learning rate; SMOTE before the network or not."""
    if smote:
        estimator = make_pipeline(SMOTE(random_state=0), estimator)
        parameter = f"{estimator.steps[-1][0]}__{parameter}"
    grid = GridSearchCV(estimator, {parameter: values}, cv=FOLDS, scoring="f1_macro", n_jobs=n_jobs)
    X, y = data("W0")
    return lambda: grid.fit(X, y)


def stacked(function):
    """The same function in the backend, from nothing compiled."""

    def run():
        program._programs.clear()
        with joblib.parallel_config(backend="stacked"):
            function()

    return run


def many(estimator, size, n):
    """Function that fits copies of an estimator in parallel."""
    X, y = data(size)
    copies = [clone(estimator).set_params(random_state=i) for i in range(n)]
    return lambda: joblib.Parallel()(joblib.delayed(copy.fit)(X, y) for copy in copies)


def floors(size, n):
    """Function that does the products of n fits, spread over the cores."""
    rows, d, _, layers, batch, epochs = SIZES[size]

    def run():
        with ThreadPoolExecutor(joblib.cpu_count()) as pool:
            list(pool.map(lambda _: floor(rows, d, layers, batch, epochs), range(n)))

    return run


def row(name, functions, repeats):
    """Times of some functions, each with the factor to which it is scaled; ratios to the first."""
    seconds = {}
    for key, (function, scale, n) in functions.items():
        seconds[key] = [scale * s for s in times(function, min(n, repeats))]
    first = statistics.median(next(iter(seconds.values())))
    cells = [name]
    for key, values in seconds.items():
        ratio = statistics.median(values) / first
        text = spread(values, digits=2)
        cells.append(text if key == "skimbalance" else f"{text}, {ratio:.1f}x")
    return cells


def main():
    """Measure and print."""
    quiet()
    print_machine()
    X, y = data("W0")
    ours("W0").set_params(epochs=1).fit(X, y), scikeras("W0").set_params(epochs=1).fit(X, y)
    rows = []
    for name, smote in (("search of 20 x 5", False), ("the same behind SMOTE", True)):
        rows.append(
            row(
                name,
                {
                    "skimbalance": (
                        stacked(search(ours("W0"), "learning_rate", RATES, smote)), 1, 5
                    ),
                    "scikeras": (
                        search(scikeras("W0"), "optimizer__learning_rate", RATES[:2], smote),
                        101 / 11, 1,
                    ),
                    "MLPClassifier": (
                        search(mlp("W0"), "learning_rate_init", RATES, smote, n_jobs=2), 1, 3
                    ),
                },
                5,
            )
        )  # fmt: skip
    rows.append(
        row(
            "cross_val_score, 5 folds",
            {
                "skimbalance": (stacked(lambda: cross_val_score(ours("W0"), X, y, cv=FOLDS)), 1, 5),
                "scikeras": (lambda: cross_val_score(scikeras("W0"), X, y, cv=FOLDS), 1, 3),
                "MLPClassifier": (
                    lambda: cross_val_score(mlp("W0"), X, y, cv=FOLDS, n_jobs=2), 1, 5
                ),
            },
            5,
        )
    )  # fmt: skip
    print("W0, seconds, and how many times ours.\n")
    print_table(["", "skimbalance", "scikeras", "MLPClassifier, n_jobs=2"], rows)
    rows = []
    for size, few in (("W1", 4), ("W2", 2)):
        rows.append(
            row(
                size,
                {
                    "skimbalance": (stacked(many(ours(size), size, 100)), 1, 3),
                    "scikeras": (many(scikeras(size), size, few), 100 / few, 1),
                    "floor": (floors(size, 10), 10, 3),
                },
                3,
            )
        )
    print("\n100 fits, seconds, and how many times ours.\n")
    print_table(["", "skimbalance", "scikeras", "floor"], rows)


if __name__ == "__main__":
    main()
