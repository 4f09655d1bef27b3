"""Gradients written by hand: those of TensorFlow's own decorator, and nothing stays of a graph."""

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from skimbalance import (
    ImbalancedKerasClassifier,
    ImbalancedMLPClassifier,
    ImbalancedSequenceClassifier,
)
from skimbalance._engine.tensorflow import program
from skimbalance._engine.tensorflow.gradients import REGISTERED, with_gradient
from skimbalance._fit.perceptron import ACTIVATIONS

pytestmark = pytest.mark.slow

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4)).astype(np.float32)
Y = (X[:, 0] > 0.5).astype(int)


def scaled_product(a, b):
    return a * b, lambda upstream: (2.0 * upstream * b, 3.0 * upstream * a)


@pytest.mark.parametrize("in_graph", [False, True])
def test_it_is_the_gradient_of_tensorflows_own_decorator(in_graph):
    def gradients(decorated):
        def of(a, b):
            with tf.GradientTape() as tape:
                tape.watch([a, b])
                result = tf.reduce_sum(tf.square(decorated(a, tf.sin(b))))
            return result, tape.gradient(result, [a, b])

        return (tf.function(of) if in_graph else of)(tf.constant([1.0, 2.0]), tf.constant(0.7))

    ours, theirs = (
        gradients(with_gradient(scaled_product)),
        gradients(tf.custom_gradient(scaled_product)),
    )
    tf.nest.map_structure(np.testing.assert_array_equal, ours, theirs)


@pytest.mark.parametrize("activation", REGISTERED, ids=lambda a: a.__name__)
def test_a_replaced_activation_is_the_same_function_with_the_same_gradient(activation):
    x = tf.constant(np.linspace(-30, 30, 61), tf.float64)

    def both(function):
        with tf.GradientTape() as tape:
            tape.watch(x)
            values = function(x)
        return values, tape.gradient(values, x)

    tf.nest.map_structure(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12),
        both(activation),
        both(REGISTERED[activation]),
    )


def custom(*layers):
    def build(meta):
        outputs = keras.layers.Dense(meta["n_classes_"], activation="softmax")
        return keras.Sequential([keras.Input((meta["n_features_in_"],)), *layers, outputs])

    return ImbalancedKerasClassifier(build, epochs=1, random_state=0)


FITS = {
    **{
        f"perceptron, {activation}": lambda activation=activation: ImbalancedMLPClassifier(
            (3,), activation=activation, epochs=1, random_state=0
        ).fit(X, Y)
        for activation in ACTIVATIONS
    },
    "perceptron, dropout and batch normalization": lambda: ImbalancedMLPClassifier(
        (3,), dropout=0.5, normalization="batch", epochs=1, random_state=0
    ).fit(X, Y),
    "custom network": lambda: custom(keras.layers.Dense(3, activation="silu")).fit(X, Y),
    "custom network, plain graph": lambda: custom(
        keras.layers.Reshape((4, 1)), keras.layers.Conv1D(2, 2), keras.layers.Flatten()
    ).fit(X, Y),
    **{
        f"sequences, {architecture}": lambda architecture=architecture: (
            ImbalancedSequenceClassifier(architecture, epochs=1, random_state=0).fit(
                [row[:, None] for row in X], [[label, 0, 0, 1] for label in Y]
            )
        )
        for architecture in ("bilstm", "conv1d")
    },
}


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_no_graph_outlives_its_program(fit, monkeypatch):
    monkeypatch.setattr(program, "_programs", type(program._programs)())
    # XLA takes most of the time, and never gives back what it compiled.
    monkeypatch.setattr(program, "MOST_COMPILATIONS", 0)
    fit()
    kept = program._programs.values()
    functions = [function for each in kept for function in each._functions.values()]
    graphs = [weakref.ref(getattr(f, "graph", f)) for f in functions]
    assert graphs
    del kept, functions
    program._programs.clear()
    gc.collect()
    assert [graph() for graph in graphs] == [None] * len(graphs)
