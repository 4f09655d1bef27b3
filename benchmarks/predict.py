"""Prediction of one row, of batches of many sizes, and of a million rows; with peers.

Run: python benchmarks/predict.py
"""

import statistics

import numpy as np
from common import (
    SIZES,
    data,
    keras_classifier,
    mlp_build,
    pick,
    print_machine,
    print_table,
    quiet,
    resident,
    spread,
    times,
)
from scipy.special import softmax
from sklearn.neural_network import MLPClassifier

from skimbalance import ImbalancedMLPClassifier


def bare(kernels, X, block=4096):
    """Matrix products and softmax alone, in blocks that stay in the cache."""
    proba = np.empty((len(X), kernels[-1].shape[1]), np.float32)
    for start in range(0, len(X), block):
        rows = X[start : start + block]
        for kernel in kernels:
            rows = rows @ kernel
        proba[start : start + block] = softmax(rows, axis=1)
    return proba


def main():
    """Measure and print."""
    quiet()
    print_machine()
    X, y = data("W0")
    layers = SIZES["W0"][3]
    ours = ImbalancedMLPClassifier(layers, epochs=2, early_stopping=False).fit(X, y)
    peers = {
        "skimbalance": ours,
        "MLPClassifier": MLPClassifier(layers, max_iter=2).fit(X, y),
        "scikeras": keras_classifier(
            mlp_build, n_features=X.shape[1], layers=layers, optimizer="adam", epochs=2, verbose=0
        ).fit(X, y),
    }
    rows = []
    for name, peer in peers.items():
        times(lambda peer=peer: peer.predict_proba(X[:1]), 5)
        n = pick(20 if name == "scikeras" else 300, 3)
        rows.append([name, spread(times(lambda p=peer: p.predict_proba(X[:1]), n), 1e3, 3)])
    print("`predict_proba` of one row, W0's network, milliseconds.\n")
    print_table(["", "ms"], rows)

    rng = np.random.default_rng(0)
    sizes = rng.integers(1, len(X), size=pick(1000, 10))
    for n in sizes[: len(sizes) // 10]:
        ours.predict_proba(X[:n])
    before = resident()
    for n in sizes:
        ours.predict_proba(X[:n])
    growth = resident() - before
    print(
        f"\n{len(sizes):,} calls with random numbers of rows: memory grows by {growth:.2f} MiB.\n"
    )

    rows = []
    for size in ("W0", "W2", "W3"):
        X, y = data(size)
        fitted = ImbalancedMLPClassifier(SIZES[size][3], epochs=1, early_stopping=False).fit(X, y)
        many = np.resize(X, (pick(1_000_000, 1_000), X.shape[1]))
        kernels = [w.numpy() for w in fitted.model_.weights if w.path.endswith("kernel")]
        seconds, products = [], []
        for _ in range(pick(5, 1)):
            seconds += times(lambda f=fitted, m=many: f.predict_proba(m), 1)
            products += times(lambda k=kernels, m=many: bare(k, m), 1)
        ratio = statistics.median(seconds) / statistics.median(products)
        rows.append([size, spread(seconds, 1e3), spread(products, 1e3), f"{ratio:.2f}"])
    print("A million float32 rows, milliseconds.\n")
    print_table(["", "predict_proba", "products and softmax alone", "ratio"], rows)


if __name__ == "__main__":
    main()
