"""One fit of a shape that was trained before: skimbalance beside its peers.

Run: python benchmarks/single_fit.py [W0 W1 ...]
Same layers, batch, epochs and optimizer (Adam, 1e-3). Each peer is called once unmeasured, then
in turns; medians with least and most. The floor is the three matrix products of each layer and
step alone (forward, and two backward), in float32 NumPy.
"""

import itertools
import statistics
import sys

import numpy as np
from common import SIZES, data, mlp_build, print_machine, print_table, quiet, spread, times
from sklearn.neural_network import MLPClassifier

from skimbalance import ImbalancedMLPClassifier


def fits(size):
    """Name -> function that trains one network of a size."""
    from scikeras.wrappers import KerasClassifier

    n, d, _, layers, batch, epochs = SIZES[size]
    X, y = data(size)
    sparse = MLPClassifier(
        layers, batch_size=batch, max_iter=epochs, tol=0, n_iter_no_change=epochs + 1
    )
    ours = ImbalancedMLPClassifier(
        layers, batch_size=batch, epochs=epochs, early_stopping=False, class_weight=None
    )
    wrapped = KerasClassifier(
        mlp_build, n_features=d, layers=layers, batch_size=batch, epochs=epochs, verbose=0
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
    """The matrix products of training alone."""
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
        for repeat in range(6):
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
    print("Microseconds a training step, tracing included; and how many times ours.\n")
    print_table(["", *functions], rows)


if __name__ == "__main__":
    main(sys.argv[1:] or SIZES)
