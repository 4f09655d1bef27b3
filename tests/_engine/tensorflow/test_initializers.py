"""Weights, dropout and noise follow random_state, whatever draws them."""

import random
import threading

import keras
import numpy as np
import pytest
from keras import layers
from keras_setup import EachBatch

from skimbalance._engine.tensorflow.initializers import python_random_kept, seeded_initializers
from skimbalance.keras_classifier import ImbalancedKerasClassifier

pytestmark = pytest.mark.slow

N = 30
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 4))
IMAGES = RNG.normal(size=(N, 6, 6, 1))
SERIES = RNG.normal(size=(N, 5, 3))
TOKENS = RNG.integers(0, 7, size=(N, 5))
Y = np.arange(N) % 3


class Own(layers.Layer):
    """Weights of which no attribute keeps the initializer."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 3))
        self.centers = self.add_weight(shape=(3,), initializer="random_normal")
        self.power = keras.Variable("uniform", shape=(3,))

    def call(self, x):
        return x @ self.kernel * (1 + self.power**2) + self.centers


def sequential(*parts, shape=(4,)):
    return lambda: keras.Sequential(
        [keras.Input(shape), *(part() for part in parts), layers.Dense(3, activation="softmax")]
    )


def attention():
    inputs = keras.Input((5, 3))
    h = layers.MultiHeadAttention(2, 4, dropout=0.2)(inputs, inputs)
    return keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling1D()(h)))


def nested():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(5), layers.Dropout(0.3)])
    return keras.Sequential([keras.Input((4,)), inner, Own()])


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.parts = [layers.Dense(4), layers.Dropout(0.3), Own()]
        self.scale = self.add_weight(shape=(4,), initializer="random_normal", name="scale")

    def call(self, x, training=False):
        x = x * self.scale
        for part in self.parts:
            x = part(x, training=training) if isinstance(part, layers.Dropout) else part(x)
        return x


UNSEEDED = {
    "Dense": (sequential(lambda: layers.Dense(8), lambda: layers.Dropout(0.3)), X),
    "no Input": (lambda: keras.Sequential([layers.Dense(8), layers.Dense(3)]), X),
    "Conv2D": (sequential(lambda: layers.Conv2D(2, 3), layers.Flatten, shape=(6, 6, 1)), IMAGES),
    "Embedding": (
        sequential(lambda: layers.Embedding(7, 4), layers.Flatten, shape=(5,)),
        TOKENS,
    ),
    "LSTM": (sequential(lambda: layers.LSTM(3, dropout=0.2), shape=(5, 3)), SERIES),
    "MultiHeadAttention": (attention, SERIES),
    "noise": (
        sequential(
            lambda: layers.SpatialDropout1D(0.3),
            lambda: layers.GaussianNoise(0.1),
            layers.Flatten,
            shape=(5, 3),
        ),
        SERIES,
    ),
    "nested": (nested, X),
    "subclassed": (Subclassed, X),
}


def fitted(build, X, seed, **options):
    clf = ImbalancedKerasClassifier(
        build, epochs=2, batch_size=16, random_state=seed, loss="crossentropy", **options
    )
    return clf.fit(X, Y)


@pytest.mark.parametrize("name", UNSEEDED)
def test_same_seed_same_bits(name):
    build, rows = UNSEEDED[name]
    random.seed(0)
    first, second, other = (fitted(build, rows, seed).predict_proba(rows) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - other).max() > 1e-3


@pytest.mark.parametrize("name", ["Dense", "nested", "noise"])
def test_same_seed_same_bits_by_keras(name):
    build, rows = UNSEEDED[name]
    first, second, other = (
        fitted(build, rows, seed, callbacks=EachBatch()).predict_proba(rows) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - other).max() > 1e-3


def test_draws_differ_from_layer_to_layer():
    with seeded_initializers(np.random.default_rng(0)):
        model = keras.Sequential([keras.Input((3,)), layers.Dense(3), layers.Dense(3)])
    assert np.abs(model.layers[0].kernel - model.layers[1].kernel).min() > 0


def test_draws_are_those_of_the_initializer():
    # Uniform in +-sqrt(6 / (inputs + outputs)), Glorot & Bengio 2010.
    with seeded_initializers(np.random.default_rng(0)):
        kernel = np.asarray(keras.Sequential([keras.Input((200,)), layers.Dense(100)]).weights[0])
    limit = np.sqrt(6 / 300)
    assert np.abs(kernel).max() <= limit
    np.testing.assert_allclose(kernel.std(), limit / np.sqrt(3), rtol=0.02)
    np.testing.assert_allclose(kernel.mean(), 0, atol=0.002)


def test_seeds_of_the_user_are_kept():
    def build():
        initializer = keras.initializers.GlorotUniform(seed=3)
        parts = layers.Dense(4, kernel_initializer=initializer), layers.Dense(4)
        equation = layers.EinsumDense("ab,bc->ac", 4, kernel_initializer=initializer)
        return keras.Sequential([keras.Input((4,)), *parts, equation])

    plain = [np.asarray(v) for v in build().weights]
    weights = []
    for seed in (0, 1):
        with seeded_initializers(np.random.default_rng(seed)):
            weights.append([np.asarray(v) for v in build().weights])
    for i, is_seeded in ((0, True), (2, False), (4, True)):
        assert np.array_equal(weights[0][i], weights[1][i]) is is_seeded
        assert np.array_equal(weights[0][i], plain[i]) is is_seeded


def test_weights_that_the_build_function_sets_are_kept():
    values = [np.arange(12.0).reshape(4, 3), np.zeros(3)]

    def build():
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3, trainable=False)])
        model.set_weights(values)
        return keras.Sequential([model, layers.Dense(3)])

    kernel = fitted(build, X, 0).model_.layers[0].get_weights()[0]
    np.testing.assert_array_equal(kernel, values[0])


def test_other_threads_draw_as_ever():
    kernels = []

    def draw():
        kernels.append(
            np.asarray(keras.Sequential([keras.Input((4,)), layers.Dense(3)]).weights[0])
        )

    for _ in range(2):
        with seeded_initializers(np.random.default_rng(0)):
            thread = threading.Thread(target=draw)
            thread.start()
            thread.join()
    assert np.abs(kernels[0] - kernels[1]).max() > 0


def test_global_random_numbers_are_left_alone():
    random.seed(0)
    expected = random.random()
    random.seed(0)
    with python_random_kept(), seeded_initializers(np.random.default_rng(0)):
        keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.GaussianNoise(0.1)])
    assert random.random() == expected
