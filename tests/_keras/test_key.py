"""Networks that differ have programs of their own; those that do not share one."""

from collections import OrderedDict

import keras
import numpy as np
import pytest
from keras import layers, ops

from skimbalance._engine.tensorflow import program
from skimbalance._keras.key import network_key
from skimbalance.keras_classifier import ImbalancedKerasClassifier


def key_of(*parts):
    """The key of a model of these layers, made anew."""
    model = keras.Sequential([keras.Input((4,)), *(part() for part in parts)])
    return network_key(keras.Model(model.inputs, model.outputs))


def dense(units=4, activation="relu", **options):
    return lambda: layers.Dense(units, activation=activation, **options)


def scaled(factor):
    def scale(z):
        return factor * z

    return scale


def negation():
    return layers.Lambda(lambda z: -z)


class Spec:
    def get_config(self):
        return {}


def local_spec():
    class Local(Spec):
        pass

    return Local()


def local_layer(sign):
    class Local(layers.Layer):
        def call(self, x):
            return sign * x

    return Local


def local_regularizer(sign):
    class Local(keras.regularizers.Regularizer):
        def __call__(self, kernel):
            return sign * ops.sum(kernel)

        def get_config(self):
            return {}

    return Local()


class Config(layers.Layer):
    """A layer with any configuration."""

    def __init__(self, value, **kwargs):
        super().__init__(**kwargs)
        self.value = value

    def call(self, x):
        return x

    def get_config(self):
        return {**super().get_config(), "value": self.value}


def within(*parts):
    return lambda: keras.Sequential([keras.Input((4,)), *(part() for part in parts)])


def times(constant):
    """A model with an operation that is not a layer."""

    def build():
        inputs = keras.Input((4,))
        return keras.Model(inputs, inputs * constant)

    return build


recurrent = (
    lambda: layers.Reshape((2, 2)),
    lambda: layers.LSTM(3, return_sequences=True, dropout=0.1),
    lambda: layers.Bidirectional(layers.GRU(2)),
)

SAME = {
    "names": (dense(), dense(name="mine")),
    "names of an operation": (times(2.0), times(2.0)),
    "rate": (lambda: layers.Dropout(0.1), lambda: layers.Dropout(0.9, seed=3)),
    "initial weights": (dense(), dense(kernel_initializer="zeros")),
    "seed": (dense(kernel_initializer=keras.initializers.RandomNormal(seed=1)), dense()),
    "function made anew": (
        lambda: layers.Lambda(scaled(2.0)),
        lambda: layers.Lambda(scaled(2.0)),
    ),
    "lambda": (negation, negation),
    "activation made anew": (dense(activation=scaled(2.0)), dense(activation=scaled(2.0))),
    "layer as activation": (
        dense(activation=layers.LeakyReLU(0.1)),
        dense(activation=layers.LeakyReLU(0.1)),
    ),
    "recurrent": (within(*recurrent), within(*recurrent)),
    "array": (times(np.arange(4.0)), times(np.arange(4.0))),
    "nested": (within(dense()), within(dense())),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME.keys())
def test_one_key(one, other):
    assert key_of(one) == key_of(other)
    assert hash(key_of(one)) == hash(key_of(other))
    assert key_of(one) == key_of(one)
    assert key_of(one) != key_of(one, one)


DIFFERENT = {
    "activation": (dense(), dense(activation="tanh")),
    "function": (lambda: layers.Lambda(scaled(1.0)), lambda: layers.Lambda(scaled(-1.0))),
    "units": (dense(4), dense(5)),
    "class of one name": (local_layer(1.0), local_layer(-1.0)),
    "type": (layers.LayerNormalization, layers.BatchNormalization),
    "presence of dropout": (lambda: layers.Dropout(0.5), layers.Identity),
    "rate of dropout that no stand-in takes the place of": (
        lambda: layers.Dropout(0.1, noise_shape=(None, 1)),
        lambda: layers.Dropout(0.9, noise_shape=(None, 1)),
    ),
    "rate of other dropout": (lambda: layers.AlphaDropout(0.1), lambda: layers.AlphaDropout(0.9)),
    "rate of nested dropout": (
        within(lambda: layers.Dropout(0.1)),
        within(lambda: layers.Dropout(0.9)),
    ),
    "regularizer": (dense(), dense(kernel_regularizer="l2")),
    "strength": (
        dense(kernel_regularizer=keras.regularizers.L2(0.1)),
        dense(kernel_regularizer=keras.regularizers.L2(10.0)),
    ),
    "regularizer of one name": (
        dense(kernel_regularizer=local_regularizer(1.0)),
        dense(kernel_regularizer=local_regularizer(-1.0)),
    ),
    "frozen": (dense(), dense(trainable=False)),
    "precision": (dense(), dense(dtype="mixed_bfloat16")),
    "layer as activation": (
        dense(activation=layers.LeakyReLU(0.1)),
        dense(activation=layers.LeakyReLU(0.2)),
    ),
    "constant": (times(2.0), times(3.0)),
    "array": (times(np.arange(4.0)), times(np.arange(4.0) + 1)),
    "operation": (times(2.0), within(lambda: layers.Lambda(lambda z: z * 2.0))),
    "object of one name": (lambda: Config(local_spec()), lambda: Config(local_spec())),
    "function in a configuration": (
        lambda: Config([scaled(1.0)]),
        lambda: Config([scaled(-1.0)]),
    ),
    "initializer of a custom layer": (
        lambda: Config({"my_initializer": "zeros"}),
        lambda: Config({"my_initializer": "ones"}),
    ),
    "name of an operation": (lambda: Config({"name": "a"}), lambda: Config({"name": "b"})),
}


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_two_keys(one, other):
    assert key_of(one) != key_of(other)


def test_links_count():
    def key(first, order=1):
        inputs = keras.Input((4,))
        a, b = (layers.Dense(5) for _ in range(2))
        outputs = [a(inputs), b(inputs)][::order]
        h = layers.ReLU()(outputs[0] if first else outputs[1])
        return network_key(keras.Model(inputs, layers.Subtract()([h, outputs[1]])))

    assert key(first=True) == key(first=True)
    assert key(first=True) != key(first=False)


def test_function_is_what_it_refers_to():
    code = "build = lambda: layers.Lambda(lambda z: [factor * x for x in [z]][0])"
    module = {"layers": layers, "factor": 2.0}
    exec(code, module)
    before = key_of(module["build"])
    assert key_of(module["build"]) == before
    module["factor"] = 3.0
    assert key_of(module["build"]) != before


def test_function_that_refers_to_itself():
    def halved(z, n=2):
        return halved(z, n - 1) / 2 if n else z

    def build():
        return layers.Lambda(halved)

    assert key_of(build) == key_of(build)


@pytest.mark.slow
def test_traces(monkeypatch):
    # None that others have left, and that would go to make room.
    monkeypatch.setattr(program, "_programs", OrderedDict())
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), np.arange(30) % 3

    def build(rate=0.1, prefix="", activation="relu"):
        inputs = keras.Input((4,))
        h = layers.Dense(11, activation=activation, name=f"{prefix}hidden" if prefix else None)
        h = layers.Lambda(lambda z: z * 2.0)(h(inputs))
        h = layers.Dropout(rate)(h)
        return keras.Model(inputs, ops.softmax(layers.Dense(3)(h)))

    def n_traces(**options):
        before = program.count_traces()
        clf = ImbalancedKerasClassifier(build, epochs=1, **options).fit(X, y)
        clf.predict(X)
        assert clf.fit_path_ == "compiled"
        return program.count_traces() - before

    # Training and prediction, once each.
    assert n_traces() == 2
    for options in (
        {},
        {"model__rate": 0.4},
        {"model__prefix": "softmax"},
        {"random_state": 7},
        {"optimizer__learning_rate": 0.1},
        {"class_weight": None},
    ):
        assert n_traces(**options) == 0, options
    assert n_traces(model__activation="tanh") == 2
