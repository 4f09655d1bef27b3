"""Resident memory: of a stacked search, and over many fits of changing hyper-parameters.

Run: python benchmarks/memory.py
"""

import gc
import resource

import joblib
import keras
import numpy as np
import tensorflow as tf
from common import data, mlp_build, print_machine, print_table, quiet, resident

from skimbalance import ImbalancedMLPClassifier


def search():
    """MiB before, at the peak of, and after the search of `grid_search.py`; 100 fits, stacked."""
    from grid_search import RATES
    from grid_search import ours as classifier
    from grid_search import search as search_of

    # TensorFlow sets up its threads and XLA.
    tf.function(lambda x: x * 2.0, jit_compile=True)(keras.ops.ones(3))
    run = search_of(classifier("W0"), "learning_rate", RATES, smote=False)
    before = resident()
    with joblib.parallel_config(backend="stacked"):
        run()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    gc.collect()
    return before, peak, resident()


def ours(X, y, i, batch_size=64):
    """One fit; every number of it depends on i."""
    ImbalancedMLPClassifier(
        (64, 32),
        loss="focal",
        gamma=i % 5,
        learning_rate=1e-3 * (1 + i % 7),
        class_weight=(i % 11) / 10,
        batch_size=batch_size,
        epochs=1,
        random_state=i,
    ).fit(X[:1000], y[:1000])


def ours_and_batch(X, y, i):
    """The batch size changes too: XLA compiles eight lengths of batches in each doubling."""
    ours(X, y, i, batch_size=32 + i)


def raw_keras(X, y, i):
    """The same network by Keras' own fit."""
    model = mlp_build(X.shape[1], (64, 32))
    model.optimizer.learning_rate = 1e-3 * (1 + i % 7)
    model.fit(X[:1000], y[:1000], batch_size=64, epochs=1, verbose=0)


def main():
    """Measure and print."""
    quiet()
    print_machine()
    print("Resident memory of a search of 100 fits on W0, MiB.\n")
    print_table(["before", "peak", "after"], [[f"{mib:,.0f}" for mib in search()]])
    X, y = data("W0")
    rows = []
    for name, fit, n in (
        ("skimbalance", ours, 200),
        ("skimbalance, batch size too", ours_and_batch, 200),
        ("Keras `fit`", raw_keras, 40),
    ):
        for i in range(10):
            fit(X, y, i)
        start = resident()
        marks = []
        for i in range(n):
            fit(X, y, i)
            marks.append(resident())
        half = n // 2
        rows.append(
            [
                name,
                n,
                f"{(marks[-1] - start) * 1024 / n:,.0f}",
                f"{(marks[-1] - np.median(marks[half - 5 : half + 5])) * 1024 / half:,.0f}",
            ]
        )
    print("\nGrowth of the resident memory, KiB a fit, after ten fits.\n")
    print_table(["", "fits", "over all", "over the second half"], rows)


if __name__ == "__main__":
    main()
