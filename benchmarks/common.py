"""What the benchmarks share: the sizes, a clock, a table, the machine."""

import importlib.metadata
import os
import platform
import statistics
import time
import warnings

import numpy as np
from sklearn.datasets import make_classification

# Rows, features, informative features, layers, batch, epochs.
SIZES = {
    "W0": (4_000, 20, 15, (64, 32), 64, 20),
    "W1": (5_000, 2, 2, (10,), 32, 20),
    "W2": (50_000, 30, 15, (128, 64), 256, 5),
    "W3": (100_000, 100, 50, (256, 128), 1_024, 3),
}


def data(size):
    """Rows of a size, 5 % of them of the rare class; float32."""
    n, d, informative, *_ = SIZES[size]
    X, y = make_classification(
        n, d, n_informative=informative, n_redundant=0, weights=[0.95], random_state=0
    )
    return X.astype(np.float32), y


def mlp_build(n_features, layers, optimizer="adam"):
    """The plain Keras network that the peers train."""
    import keras

    model = keras.Sequential(
        [
            keras.layers.Input((n_features,)),
            *[keras.layers.Dense(units, activation="relu") for units in layers],
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer=optimizer, loss="binary_crossentropy")
    return model


def mlp_build_classes(n_features, n_classes):
    """A network of layers 64-32 for several classes."""
    import keras

    model = keras.Sequential(
        [
            keras.layers.Input((n_features,)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(n_classes, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    return model


def times(function, repeats):
    """Seconds of each of some calls."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return seconds


def spread(values, unit=1.0, digits=0):
    """Median, and least to most, as text."""
    low, middle, high = (f"{f(values) * unit:,.{digits}f}" for f in (min, statistics.median, max))
    return f"{middle} ({low} to {high})"


def resident():
    """Resident memory of this process, in MiB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def print_table(header, rows):
    """A Markdown table."""
    for row in (header, ["---"] * len(header), *rows):
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)


def print_machine():
    """What the figures were measured on."""
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ("tensorflow", "keras", "scikit-learn", "scikeras", "numpy")
    )
    print(
        f"{os.cpu_count()} cores, {_processor()}, Python {platform.python_version()}, {versions}\n"
    )


def _processor():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(": ")[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def quiet():
    """Silence the peers' warnings, which are not what is measured."""
    warnings.simplefilter("ignore")
