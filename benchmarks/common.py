"""What the benchmarks share: arguments, sizes, a clock, a table, the machine."""

import importlib.metadata
import os
import platform
import statistics
import sys
import time
import warnings

import numpy as np
from sklearn.datasets import make_classification

# With --tiny a script does the same on little data, in seconds, to test that it runs.
TINY = "--tiny" in sys.argv
ARGUMENTS = [argument for argument in sys.argv[1:] if argument != "--tiny"]


def pick(full, tiny):
    """The first value, or with --tiny the second."""
    return tiny if TINY else full


# Rows, features, informative features, layers, batch, epochs.
SIZES = {
    "W0": (4_000, 20, 15, (64, 32), 64, 20),
    "W1": (5_000, 2, 2, (10,), 32, 20),
    "W2": (50_000, 30, 15, (128, 64), 256, 5),
    "W3": (100_000, 100, 50, (256, 128), 1_024, 3),
}
SIZES = pick(SIZES, dict.fromkeys(SIZES, (400, 6, 4, (8,), 32, 2)))

# Processes of the peers that can use several.
N_JOBS = pick(2, 1)


def data(size):
    """Rows of a size, as float32; 5 % of them belong to the rare class."""
    n, d, informative, *_ = SIZES[size]
    X, y = make_classification(
        n, d, n_informative=informative, n_redundant=0, weights=[0.95], random_state=0
    )
    return X.astype(np.float32), y


def mlp_build(n_features, layers, compile_kwargs=None):
    """The plain Keras network that peers train; scikeras passes the optimizer."""
    import keras

    optimizer = "adam" if compile_kwargs is None else compile_kwargs["optimizer"]
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
    """A plain Keras network with layers 64-32 for several classes."""
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


def keras_classifier(build, **params):
    """The classifier of scikeras; with --tiny ours, as importing scikeras changes Keras."""
    if TINY:
        from skimbalance import ImbalancedKerasClassifier

        return ImbalancedKerasClassifier(build, **params)
    from scikeras.wrappers import KerasClassifier

    return KerasClassifier(build, **params)


def times(function, repeats):
    """Seconds that each of `repeats` calls takes."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return seconds


def spread(values, unit=1.0, digits=0):
    """The text "median (least to most)"."""
    low, middle, high = (f"{f(values) * unit:,.{digits}f}" for f in (min, statistics.median, max))
    return f"{middle} ({low} to {high})"


def resident():
    """Resident memory of this process in MiB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def print_table(header, rows):
    """Print a Markdown table."""
    for row in (header, ["---"] * len(header), *rows):
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)


def print_machine():
    """Print what the figures are measured on."""
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
    """Silence the warnings of peers, which are not what is measured."""
    warnings.simplefilter("ignore")


def forget_programs():
    """Drop our compiled programs, as in a new process; with --tiny they stay, to save time."""
    from skimbalance._engine.tensorflow import program

    programs = program._programs
    if not TINY:
        programs.clear()
    program._n_compilations = 0
