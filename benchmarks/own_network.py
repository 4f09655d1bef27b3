"""Networks of one's own: ImbalancedKerasClassifier beside scikeras, with the same build function.

Run: python benchmarks/own_network.py
The same function builds the network for both, same batch, epochs and optimizer; each is called
once unmeasured, then in turns. The search includes compiling, scoring and the refit; scikeras
does a tenth of it, scaled up.
"""

import statistics
from functools import partial

import joblib
import numpy as np
from common import SIZES, data, print_machine, print_table, quiet, spread, times
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from skimbalance import ImbalancedKerasClassifier
from skimbalance._engine.tensorflow import program

REPEATS = 5
RATES = np.logspace(-4, -2, 20)


def perceptron(meta, layers):
    """Of the sizes of the other benchmarks."""
    import keras

    return keras.Sequential(
        [
            keras.Input((meta["n_features_in_"],)),
            *[keras.layers.Dense(units, activation="relu") for units in layers],
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


def convolution(meta):
    """Small images."""
    import keras

    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def recurrent(meta):
    """Sequences with one class each."""
    import keras

    layers = keras.layers
    return keras.Sequential(
        [keras.Input(meta["X_shape_"][1:]), layers.LSTM(32), layers.Dense(1, activation="sigmoid")]
    )


def own_train_step(meta):
    """A model that Keras' own fit trains in both."""
    import keras

    class Network(keras.Model):
        def train_step(self, data):
            return super().train_step(data)

    plain = perceptron(meta, (64, 32))
    return Network(plain.inputs, plain.outputs)


def pair(build, batch, epochs, **params):
    """Our fit and that of scikeras."""
    from scikeras.wrappers import KerasClassifier

    ours = ImbalancedKerasClassifier(
        build, batch_size=batch, epochs=epochs, early_stopping=False, class_weight=None, **params
    )
    theirs = KerasClassifier(
        build,
        loss="binary_crossentropy",
        optimizer="adam",
        batch_size=batch,
        epochs=epochs,
        verbose=0,
        **params,
    )
    return ours, theirs


def problems():
    """Name -> our estimator, scikeras', rows and labels."""
    rng = np.random.default_rng(0)
    found = {}
    for size in ("W0", "W2"):
        *_, layers, batch, epochs = SIZES[size]
        X, y = data(size)
        found[size] = (*pair(perceptron, batch, epochs, model__layers=layers), X, y)
    y = (rng.random(2_000) < 0.1).astype(int)
    images = rng.normal(size=(2_000, 16, 16, 1)).astype(np.float32) + y[:, None, None, None]
    found["images 16 x 16"] = (*pair(convolution, 64, 5), images, y)
    steps = rng.normal(size=(2_000, 20, 8)).astype(np.float32) + y[:, None, None]
    found["LSTM, 20 steps"] = (*pair(recurrent, 64, 5), steps, y)
    X, y = data("W0")
    found["W0, its own train_step"] = (*pair(own_train_step, 64, 10), X, y)
    return found


def main():
    """Measure and print."""
    quiet()
    print_machine()
    rows = []
    for name, (ours, theirs, X, y) in problems().items():
        seconds = {}
        for who, estimator in (("ours", ours), ("scikeras", theirs)):
            estimator.fit(X, y)
            seconds[who] = []
        for _ in range(REPEATS):
            for who, estimator in (("ours", ours), ("scikeras", theirs)):
                seconds[who] += times(partial(estimator.fit, X, y), 1)
        ratio = statistics.median(seconds["scikeras"]) / statistics.median(seconds["ours"])
        cells = [spread(values, digits=2) for values in seconds.values()]
        rows.append([name, ours.fit_path_.split(":")[0], *cells, f"{ratio:.1f}x"])
    print("One fit of a shape that was trained before, seconds.\n")
    print_table(["", "trained", "skimbalance", "scikeras", "takes"], rows)

    ours, theirs, X, y = problems()["W0"]
    name, folds = "optimizer__learning_rate", StratifiedKFold(5)

    def search(estimator, values):
        grid = GridSearchCV(estimator, {name: values}, cv=folds, scoring="f1_macro")
        return lambda: grid.fit(X, y)

    def stacked():
        program._programs.clear()
        with joblib.parallel_config(backend="stacked"):
            search(ours, RATES)()

    mine = times(stacked, 3)
    other = [101 / 11 * s for s in times(search(theirs, RATES[:2]), 1)]
    ratio = statistics.median(other) / statistics.median(mine)
    print("\nA search of 20 x 5 fits at W0, seconds.\n")
    print_table(
        ["skimbalance, stacked", "scikeras", "takes"],
        [[spread(mine, digits=2), spread(other, digits=0), f"{ratio:.1f}x"]],
    )


if __name__ == "__main__":
    main()
