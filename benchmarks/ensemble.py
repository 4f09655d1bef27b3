"""Time and memory of the ensemble, compiling included, beside CatBoost.

Run: python benchmarks/ensemble.py
"""

import json
import resource
import subprocess
import sys
import time

import numpy as np
from common import ARGUMENTS, TINY, pick, print_machine, print_table, quiet
from sklearn.datasets import make_classification

# Rows and columns to learn from, and rows to predict.
SIZES = pick([(5_000, 10), (50_000, 30)], [(300, 4)])
N_PREDICTED = pick(1_000_000, 1_000)
THREADS = 2


def ours(**params):
    """The ensemble."""
    import tensorflow  # noqa: F401  imports are not timed

    from skimbalance import ImbalancedEnsembleClassifier, ImbalancedMLPClassifier

    small = {"estimator": ImbalancedMLPClassifier((8,), epochs=2), "cv": 2}
    return ImbalancedEnsembleClassifier(random_state=0, **pick({}, small), **params)


def catboost():
    """CatBoost with 500 trees; with --tiny scikit-learn's trees, as it may not be installed."""
    if TINY:
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier()
    from catboost import CatBoostClassifier

    return CatBoostClassifier(
        iterations=500, thread_count=THREADS, verbose=False, allow_writing_files=False
    )


MODELS = {
    "ensemble": ours,
    "ensemble, trees=False": lambda: ours(trees=False),
    "CatBoost, 500 trees": catboost,
}
MODELS = pick(MODELS, {name: MODELS[name] for name in ("ensemble", "CatBoost, 500 trees")})


def measure(name, n, d):
    """Seconds of a first fit and of a second one, of predictions, and MiB at the peak; printed."""
    X, y = make_classification(
        n, d, n_informative=d // 2, n_redundant=0, weights=[0.95], random_state=0
    )
    models = [MODELS[name]() for _ in range(2)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = []
    for model in models:
        start = time.perf_counter()
        model.fit(X, y)
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = X[np.arange(N_PREDICTED) % n]
    start = time.perf_counter()
    model.predict(rows)
    seconds.append(time.perf_counter() - start)
    model.predict(X[:1])
    start = time.perf_counter()
    for _ in range(20):
        model.predict(X[:1])
    seconds.append((time.perf_counter() - start) / 20)
    print(json.dumps([*seconds, before, peak]))


def in_new_process(name, n, d):
    """The numbers that `measure` prints."""
    command = [sys.executable, __file__, name, str(n), str(d), *["--tiny"] * TINY]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.splitlines()[-1])


def main():
    """Measure each model in a process of its own, and print."""
    print_machine()
    print(
        f"The first fit of a process, compiling included, and the second one; `predict` of "
        f"{N_PREDICTED:,} rows and of one; peak memory without and with data and libraries; "
        f"{THREADS} threads.\n"
    )
    rows = []
    for n, d in SIZES:
        for name in MODELS:
            first, second, million, one, before, peak = in_new_process(name, n, d)
            rows.append(
                [
                    f"{n:,} x {d}", name, f"{first:.2f}", f"{second:.2f}", f"{million:.1f}",
                    f"{1e3 * one:.2f}", f"{peak - before:,.0f}", f"{peak:,.0f}",
                ]
            )  # fmt: skip
    head = [
        "rows",
        "",
        "first fit, s",
        "second, s",
        "all rows, s",
        "one row, ms",
        "MiB of fits",
        "MiB in all",
    ]
    print_table(head, rows)


if __name__ == "__main__":
    quiet()
    if ARGUMENTS:
        measure(ARGUMENTS[0], int(ARGUMENTS[1]), int(ARGUMENTS[2]))
    else:
        main()
