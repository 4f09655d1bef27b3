"""Resident memory over many fits of changing hyper-parameters, beside raw Keras.

Run: python benchmarks/memory.py
"""

import numpy as np
from common import data, mlp_build, print_machine, print_table, quiet, resident

from skimbalance import ImbalancedMLPClassifier


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
    """The batch size changes too: oneDNN keeps a product for each of its last 1,024 shapes."""
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
    print("Growth of the resident memory, KiB a fit, after ten fits.\n")
    print_table(["", "fits", "over all", "over the second half"], rows)


if __name__ == "__main__":
    main()
