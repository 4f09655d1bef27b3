"""Dense layers learn by the products of their formula, whichever factor stands on the left."""

import numpy as np
import pytest
import tensorflow as tf

from skimbalance._engine.tensorflow.layers import Dense

pytestmark = pytest.mark.slow

# Rows, inputs and units: each form of both products.
SHAPES = [
    (128, 30, 2),
    (128, 30, 3),
    (200, 20, 8),
    (256, 64, 50),
    (128, 8, 2),
    (64, 30, 2),
    (1024, 20, 2),
]


@pytest.mark.parametrize("n_networks", [1, 3])
def test_a_dense_layer_learns_by_the_products_of_its_formula(n_networks):
    rng = np.random.default_rng(0)
    layers = [Dense(units, use_bias=False) for *_, units in SHAPES]
    values = []
    for layer, (n_rows, n_inputs, units) in zip(layers, SHAPES, strict=True):
        layer.build((None, n_inputs))
        shapes = (n_rows, n_inputs), (n_inputs, units), (n_rows, units)
        values.append([rng.normal(size=(n_networks, *s)).astype(np.float32) for s in shapes])

    def of_one_network(values):
        return [gradients(*of_layer) for of_layer in zip(layers, values, strict=True)]

    def gradients(layer, values):
        inputs, kernel, upstream = values
        with tf.GradientTape() as tape:
            tape.watch([inputs, kernel])
            outputs, _ = layer.stateless_call([kernel], [], inputs)
        return tape.gradient(outputs, [inputs, kernel], upstream)

    @tf.function(jit_compile=True, autograph=False)
    def learnt(values):
        return tf.vectorized_map(of_one_network, values)

    @tf.function(jit_compile=True, autograph=False)
    def formula(values):
        return [
            (
                tf.matmul(upstream, kernel, transpose_b=True),
                tf.matmul(inputs, upstream, transpose_a=True),
            )
            for inputs, kernel, upstream in values
        ]

    for shape, by_layer, by_hand in zip(SHAPES, learnt(values), formula(values), strict=True):
        for ours, expected in zip(by_layer, by_hand, strict=True):
            np.testing.assert_allclose(ours, expected, 1e-5, 1e-5, err_msg=str(shape))
