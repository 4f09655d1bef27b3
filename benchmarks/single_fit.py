"""One fit of a network with a shape that was trained before: skimbalance and its peers.

Run: python benchmarks/single_fit.py [W0 W1 ...]
All have the same layers, batch size, epochs and optimizer (Adam, 1e-3). Each is called once
unmeasured, then they take turns; figures are medians, with the least and the most. The floor is the
time of the matrix products alone, three for each layer and step (one forward, two backward), in
float32 by NumPy.
"""

import itertools
import statistics

import numpy as np
from common import (
    ARGUMENTS,
    SIZES,
    data,
    keras_classifier,
    mlp_build,
    pick,
    print_machine,
    print_table,
    quiet,
    spread,
    times,
)
from sklearn.neural_network import MLPClassifier

from skimbalance import ImbalancedMLPClassifier


def fits(size):
    """Functions that train one network of a size, by name."""
    n, d, _, layers, batch, epochs = SIZES[size]
    X, y = data(size)
    sparse = MLPClassifier(
        layers, batch_size=batch, max_iter=epochs, tol=0, n_iter_no_change=epochs + 1
    )
    ours = ImbalancedMLPClassifier(
        layers, batch_size=batch, epochs=epochs, early_stopping=False, class_weight=None
    )
    wrapped = keras_classifier(
        mlp_build,
        n_features=d,
        layers=layers,
        batch_size=batch,
        epochs=epochs,
        verbose=0,
        optimizer="adam",
    )
    return {
        "skimbalance": lambda: ours.fit(X, y),
        "Keras `fit`": lambda: mlp_build(d, layers).fit(
            X, y, batch_size=batch, epochs=epochs, verbose=0
        ),
        "scikeras": lambda: wrapped.fit(X, y),
        "MLPClassifier": lambda: sparse.fit(X, y),
        "floor": lambda: floor(n, d, layers, batch, epochs),
    }


def floor(n, d, layers, batch, epochs):
    """Do the matrix products of training and nothing else."""
    rng = np.random.default_rng(0)
    sizes = [d, *layers, 2]
    kernels = [rng.random(s, np.float32) for s in itertools.pairwise(sizes)]
    inputs = [rng.random((batch, s), np.float32) for s in sizes]
    for _ in range(epochs * -(-n // batch)):
        for i, kernel in enumerate(kernels):
            inputs[i] @ kernel
            inputs[i].T @ inputs[i + 1]
            if i:
                inputs[i + 1] @ kernel.T


def main(sizes):
    """Measure and print."""
    quiet()
    print_machine()
    rows = []
    for size in sizes:
        n, _, _, _, batch, epochs = SIZES[size]
        steps = epochs * -(-n // batch)
        functions = fits(size)
        seconds = {name: [] for name in functions}
        for repeat in range(1 + pick(5, 1)):
            for name, function in functions.items():
                taken = times(function, 1)
                if repeat:
                    seconds[name] += taken
        ours = statistics.median(seconds["skimbalance"])
        row = [size]
        for name, values in seconds.items():
            ratio = statistics.median(values) / ours
            text = spread(values, 1e6 / steps)
            row.append(text if name == "skimbalance" else f"{text}, {ratio:.2f}x")
        rows.append(row)
    print("Microseconds per training step, tracing included; and multiples of our time.\n")
    print_table(["", *functions], rows)


if __name__ == "__main__":
    main(ARGUMENTS or pick(SIZES, ["W0"]))
