"""Custom networks as if they were fitted, without training; and model files that are forged."""

import json
import zipfile

import keras
import numpy as np
import skops.io
from keras import layers, ops

from skimbalance import ImbalancedKerasClassifier
from skimbalance._fit.plan import Fitted
from skimbalance._fit.targets import Classes
from skimbalance._keras.network import Found, KerasNetwork
from skimbalance.persistence import _types
from skimbalance.persistence._lean import lean

ROWS = np.random.default_rng(0).normal(size=(7, 4)).astype("float32")
CLASSES = np.array(["many", "rare"])


def own(build, rows=ROWS, ends_in="softmax", **params):
    """A classifier around a network with random weights, which Keras itself evaluates."""
    clf = ImbalancedKerasClassifier(build, **params)
    found = Found(ends_in, "it is not trained")
    network = KerasNetwork(build(), Classes(CLASSES), (rows,), found, owner=type(clf).__name__)
    rng, variables = np.random.default_rng(0), network.names(network.model)
    weights = {
        name: np.abs(rng.normal(size=x.shape)).astype(x.dtype) if variables[name].trainable else x
        for name, x in network.weights().items()
    }
    clf.classes_, clf._target, clf._input_keys = CLASSES, network.target, None
    clf.X_shape_ = rows.shape
    clf.n_features_in_ = rows.shape[1]
    arguments = {"loss": "crossentropy", "class_weight": np.ones(2), "sampling_ratio": np.ones(2)}
    clf._fitted = Fitted(network, weights, None, arguments)
    kept = {"shapes": [rows.shape], "dtypes": [rows.dtype.str], "found": found}
    clf._built_with = {**kept, "params": clf.get_params(deep=False)}
    return clf


def forge(path, value, **members):
    """Write a file that holds a value, with some members replaced."""
    skops.io.dump(lean(value), path)
    info = {"format": _types.FORMAT, "skimbalance": "0", "columns": {}, "target": None}
    members = {"skimbalance.json": json.dumps(info), **members}
    with zipfile.ZipFile(path) as archive:
        old = {name: archive.read(name) for name in archive.namelist() if name not in members}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (old | members).items():
            if content is not None:
                archive.writestr(name, content)


def twice(x):
    """A custom activation."""
    return 2 * x


@keras.saving.register_keras_serializable("tests", name="another_name")
def thrice(x):
    """A custom activation, registered."""
    return 3 * x


class Times(layers.Layer):
    """A custom layer."""

    def __init__(self, factor=2.0, **options):
        super().__init__(**options)
        self.factor = factor

    def call(self, x):
        return self.factor * x

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable("tests")
class Registered(Times):
    """A custom layer, registered."""


class Silent(Times):
    """A custom layer whose config does not say what it is made of."""

    def get_config(self):
        return {k: v for k, v in super().get_config().items() if k != "factor"}


class Subclass(keras.Model):
    """A model that is no graph."""

    def __init__(self, units=2, **options):
        super().__init__(**options)
        self.units, self.dense = units, layers.Dense(units, activation="softmax")

    def call(self, x):
        return self.dense(x)

    def get_config(self):
        return {"units": self.units}


def sequential(*parts, shape=(4,)):
    """A function that builds a network, which no other program can import."""
    return lambda: keras.Sequential([keras.Input(shape), *(part() for part in parts)])


def head():
    return layers.Dense(2, activation="softmax")


def graph():
    inputs = keras.Input((4,))
    constraint = keras.constraints.MaxNorm(2)
    x = layers.Dense(3, kernel_regularizer="l2", kernel_constraint=constraint)(inputs)
    x = layers.LayerNormalization()(layers.Concatenate()([x + ops.relu(x), inputs]))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))


def recurrent():
    inputs = keras.Input((4,))
    x = layers.Reshape((4, 1))(inputs)
    x = layers.Bidirectional(layers.SimpleRNN(2, return_sequences=True))(x)
    x = layers.TimeDistributed(layers.Dense(2, activation=keras.activations.gelu))(x)
    return keras.Model(inputs, head()(layers.Flatten()(x)))


def adapted():
    layer = layers.Normalization()
    layer.adapt(3 * ROWS + 1)
    return layer
