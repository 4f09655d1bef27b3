"""Prediction: one row, many calls of many sizes, a million rows; beside peers.

Run: python benchmarks/predict.py
"""

import statistics

import numpy as np
from common import (
    SIZES,
    data,
    mlp_build,
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


def bare(weights, X, block=4096):
    """Matrix products and softmax alone, in blocks that stay in the cache."""
    kernels = [value for name, value in weights.items() if name.endswith("kernel")]
    proba = np.empty((len(X), kernels[-1].shape[1]), np.float32)
    for start in range(0, len(X), block):
        rows = X[start : start + block]
        for kernel in kernels:
            rows = rows @ kernel
        proba[start : start + block] = softmax(rows, axis=1)
    return proba


def main():
    """Measure and print."""
    from scikeras.wrappers import KerasClassifier

    quiet()
    print_machine()
    X, y = data("W0")
    layers = SIZES["W0"][3]
    ours = ImbalancedMLPClassifier(layers, epochs=2, early_stopping=False).fit(X, y)
    peers = {
        "skimbalance": ours,
        "MLPClassifier": MLPClassifier(layers, max_iter=2).fit(X, y),
        "scikeras": KerasClassifier(
            mlp_build, n_features=20, layers=layers, epochs=2, verbose=0
        ).fit(X, y),
    }
    rows = []
    for name, peer in peers.items():
        times(lambda peer=peer: peer.predict_proba(X[:1]), 5)
        few = 20 if name == "scikeras" else 300
        rows.append([name, spread(times(lambda p=peer: p.predict_proba(X[:1]), few), 1e3, 3)])
    print("`predict_proba` of one row, W0's network, milliseconds.\n")
    print_table(["", "ms"], rows)

    rng = np.random.default_rng(0)
    sizes = rng.integers(1, len(X), size=1000)
    for n in sizes[:100]:
        ours.predict_proba(X[:n])
    before = resident()
    for n in sizes:
        ours.predict_proba(X[:n])
    print(f"\n1,000 calls of random sizes: memory grows by {resident() - before:.2f} MiB.\n")

    rows = []
    for size in ("W0", "W2", "W3"):
        X, y = data(size)
        fitted = ImbalancedMLPClassifier(SIZES[size][3], epochs=1, early_stopping=False).fit(X, y)
        many = np.resize(X, (1_000_000, X.shape[1]))
        weights = fitted._fitted.weights
        seconds, products = [], []
        for _ in range(5):
            seconds += times(lambda f=fitted, m=many: f.predict_proba(m), 1)
            products += times(lambda w=weights, m=many: bare(w, m), 1)
        ratio = statistics.median(seconds) / statistics.median(products)
        rows.append([size, spread(seconds, 1e3), spread(products, 1e3), f"{ratio:.2f}"])
    print("A million float32 rows, milliseconds.\n")
    print_table(["", "predict_proba", "products and softmax alone", "ratio"], rows)


if __name__ == "__main__":
    main()
