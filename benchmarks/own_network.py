"""Custom networks: `ImbalancedKerasClassifier` and scikeras, with the same build function.

Run: python benchmarks/own_network.py
Both have the same build function, batch size, epochs and optimizer; each is called once unmeasured,
then they take turns. The search includes compiling, scoring and the refit; scikeras does a tenth of
it, scaled up.
"""

import statistics
from functools import partial

import joblib
import numpy as np
from common import (
    SIZES,
    data,
    forget_programs,
    keras_classifier,
    pick,
    print_machine,
    print_table,
    quiet,
    spread,
    times,
)
from grid_search import FEW_RATES, FOLDS, RATES, n_fits
from sklearn.model_selection import GridSearchCV

from skimbalance import ImbalancedKerasClassifier

REPEATS = pick(5, 1)
N_ROWS, EPOCHS = pick((2_000, 5), (200, 1))


def perceptron(meta, layers):
    """The perceptron of the other benchmarks."""
    import keras

    return keras.Sequential(
        [
            keras.Input((meta["n_features_in_"],)),
            *[keras.layers.Dense(units, activation="relu") for units in layers],
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


def convolution(meta):
    """A network for small images."""
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
    """A network for sequences with one class each."""
    import keras

    layers = keras.layers
    return keras.Sequential(
        [keras.Input(meta["X_shape_"][1:]), layers.LSTM(32), layers.Dense(1, activation="sigmoid")]
    )


def own_train_step(meta):
    """A perceptron that Keras' own `fit` must train."""
    import keras

    class Network(keras.Model):
        def train_step(self, data):
            return super().train_step(data)

    plain = perceptron(meta, (64, 32))
    return Network(plain.inputs, plain.outputs)


def pair(build, batch, epochs, **params):
    """Our classifier and that of scikeras."""
    ours = ImbalancedKerasClassifier(
        build, batch_size=batch, epochs=epochs, early_stopping=False, class_weight=None, **params
    )
    theirs = keras_classifier(
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
    """Our classifier, that of scikeras, rows and class labels, by name."""
    rng = np.random.default_rng(0)
    by_name = {}
    for size in ("W0", "W2"):
        *_, layers, batch, epochs = SIZES[size]
        X, y = data(size)
        by_name[size] = (*pair(perceptron, batch, epochs, model__layers=layers), X, y)
    y = (rng.random(N_ROWS) < 0.1).astype(int)
    images = rng.normal(size=(N_ROWS, 16, 16, 1)).astype(np.float32) + y[:, None, None, None]
    by_name["images 16 x 16"] = (*pair(convolution, 64, EPOCHS), images, y)
    steps = rng.normal(size=(N_ROWS, 20, 8)).astype(np.float32) + y[:, None, None]
    by_name["LSTM, 20 steps"] = (*pair(recurrent, 64, EPOCHS), steps, y)
    X, y = data("W0")
    by_name["W0, custom train_step"] = (*pair(own_train_step, 64, 2 * EPOCHS), X, y)
    return by_name


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
    print("One fit of a network with a shape that was trained before, seconds.\n")
    print_table(["", "trained by", "skimbalance", "scikeras", "ratio"], rows)

    ours, theirs, X, y = problems()["W0"]

    def search(estimator, rates):
        grid = {"optimizer__learning_rate": rates}
        searching = GridSearchCV(estimator, grid, cv=FOLDS, scoring="f1_macro")
        return lambda: searching.fit(X, y)

    def stacked():
        forget_programs()
        with joblib.parallel_config(backend="stacked"):
            search(ours, RATES)()

    our_seconds = times(stacked, pick(3, 1))
    factor = n_fits(RATES) / n_fits(FEW_RATES)
    their_seconds = [factor * s for s in times(search(theirs, FEW_RATES), 1)]
    ratio = statistics.median(their_seconds) / statistics.median(our_seconds)
    print("\nA search of 20 x 5 fits at W0, seconds.\n")
    print_table(
        ["skimbalance, stacked", "scikeras", "ratio"],
        [[spread(our_seconds, digits=2), spread(their_seconds, digits=0), f"{ratio:.1f}x"]],
    )


if __name__ == "__main__":
    main()
