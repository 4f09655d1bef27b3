"""Resident memory of a stacked search, and over many fits with changing hyper-parameters.

Run: python benchmarks/memory.py
"""

import gc
import resource
import time

import joblib
import keras
import numpy as np
import tensorflow as tf
from common import data, mlp_build, pick, print_machine, print_table, quiet, resident

from skimbalance import ImbalancedMLPClassifier


def search():
    """MiB before, at the peak of, and after the stacked search of `grid_search.py`."""
    from grid_search import RATES
    from grid_search import ours as classifier
    from grid_search import search as search_of

    # Once, so that TensorFlow sets up its threads and XLA.
    tf.function(lambda x: x * 2.0, jit_compile=True)(keras.ops.ones(3))
    run = search_of(classifier("W0"), "learning_rate", RATES, smote=False)
    before = resident()
    with joblib.parallel_config(backend="stacked"):
        run()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    gc.collect()
    return before, peak, resident()


def ours(X, y, i, batch_size=64):
    """One fit; all of its numbers depend on i."""
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
    """One fit; its batch size depends on i, too: XLA compiles eight lengths in each doubling."""
    ours(X, y, i, batch_size=32 + i)


def raw_keras(X, y, i):
    """The same network by Keras' own fit."""
    model = mlp_build(X.shape[1], (64, 32))
    model.optimizer.learning_rate = 1e-3 * (1 + i % 7)
    model.fit(X[:1000], y[:1000], batch_size=64, epochs=1, verbose=0)


def many_shapes(n_shapes, n_fits):
    """Fits of many shapes of network: MiB and memory maps at the end, and seconds a fit."""
    X, y = data("W0")
    X, y = X[:1000], y[:1000]
    seconds = []
    for i in range(n_fits):
        size = (16 + i % n_shapes, 8)
        start = time.perf_counter()
        ImbalancedMLPClassifier(size, epochs=1, random_state=i).fit(X, y)
        seconds.append(time.perf_counter() - start)
    with open("/proc/self/maps") as maps:
        n_maps = sum(1 for _ in maps)
    first, later = np.median(seconds[:50]), np.median(seconds[-50:])
    return resident(), n_maps, first, later


def main():
    """Measure and print."""
    quiet()
    print_machine()
    print("Resident memory of a search of 100 fits on W0, MiB.\n")
    print_table(["before", "peak", "after"], [[f"{mib:,.0f}" for mib in search()]])
    X, y = data("W0")
    rows = []
    for name, fit, n in (
        ("skimbalance", ours, pick(200, 2)),
        ("skimbalance, batch size too", ours_and_batch, pick(200, 2)),
        ("Keras `fit`", raw_keras, pick(40, 2)),
    ):
        for i in range(pick(10, 1)):
            fit(X, y, i)
        start = resident()
        marks = []
        for i in range(n):
            fit(X, y, i)
            marks.append(resident())
        half = n // 2
        middle = np.median(marks[max(half - 5, 0) : half + 5])
        over_all, over_half = (marks[-1] - start) / n, (marks[-1] - middle) / half
        rows.append([name, n, f"{over_all * 1024:,.0f}", f"{over_half * 1024:,.0f}"])
    print("\nGrowth of the resident memory, KiB per fit, after ten fits.\n")
    print_table(["", "fits", "over all", "over the second half"], rows)
    n_shapes, n_fits = pick((500, 2000), (2, 4))
    print(f"\n{n_fits:,} fits of {n_shapes} shapes of network, one after the other.\n")
    mib, maps, first, later = many_shapes(n_shapes, n_fits)
    header = ["MiB at the end", "memory maps", "seconds a fit, first 50", "last 50"]
    print_table(header, [[f"{mib:,.0f}", f"{maps:,}", f"{first:.2f}", f"{later:.2f}"]])


if __name__ == "__main__":
    main()
