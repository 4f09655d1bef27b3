"""The stand-in for Keras' LSTM: the same function, gradient and weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from skimbalance._engine.tensorflow.recurrent import stand_in_for

pytestmark = pytest.mark.slow

N_ROWS, N_STEPS, N_FEATURES, N_UNITS = 5, 6, 3, 4

rng = np.random.default_rng(0)
X = rng.normal(size=(N_ROWS, N_STEPS, N_FEATURES))
# Rows without padding, with padding on the right, on the left, with holes, and without any step.
MASK = np.array(
    [[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1], [1, 0, 1, 1, 0, 1], [0] * 6], bool
)


def lstm(**params):
    params = {"bias_initializer": "normal", "unit_forget_bias": False, "seed": 0, **params}
    return keras.layers.LSTM(N_UNITS, **{"dtype": "float64", **params})


def bidirectional(*, merge_mode="concat", **params):
    layer = lstm(**params)
    return keras.layers.Bidirectional(layer, merge_mode, dtype=layer.dtype_policy)


LAYERS = {
    "last step": lambda: lstm(),
    "all steps": lambda: lstm(return_sequences=True),
    "backwards, last step": lambda: lstm(go_backwards=True),
    "backwards, all steps": lambda: lstm(go_backwards=True, return_sequences=True),
    "masked steps are zero": lambda: lstm(zero_output_for_mask=True, return_sequences=True),
    "masked last step is zero": lambda: lstm(zero_output_for_mask=True),
    "states": lambda: lstm(return_state=True, return_sequences=True),
    "no bias": lambda: lstm(use_bias=False),
    "both ways, all steps": lambda: bidirectional(return_sequences=True),
    "both ways, last step": lambda: bidirectional(merge_mode="sum"),
}


def pair(layer):
    """A built layer and its stand-in, of the same weights."""
    other = stand_in_for(layer)
    for each in (layer, other):
        each.build((None, N_STEPS, N_FEATURES))
    other.set_weights(layer.get_weights())
    return layer, other


def outputs_and_gradients(layer, mask=None, *, training=True, xla=False, **kwargs):
    """Of the inputs and of all weights, for outputs that weigh differently."""
    weights = [tf.convert_to_tensor(v.value) for v in layer.trainable_variables]
    state = [tf.convert_to_tensor(v.value) for v in layer.non_trainable_variables]

    @tf.function(jit_compile=xla, autograph=False)
    def compute(X, weights):
        with tf.GradientTape() as tape:
            tape.watch([X, weights])
            outputs, _ = layer.stateless_call(
                weights, state, X, mask=mask, training=training, **kwargs
            )
            outputs = tf.nest.flatten(outputs)
            shares = [tf.cast(tf.range(tf.size(out)), out.dtype) for out in outputs]
            total = tf.add_n(
                [
                    tf.reduce_sum(tf.sin(share) * tf.reshape(out, [-1]))
                    for share, out in zip(shares, outputs, strict=True)
                ]
            )
        return outputs, tape.gradient(total, [X, weights])

    return tf.nest.flatten(compute(tf.constant(X, layer.compute_dtype), weights))


def assert_equal(ours, theirs, atol=1e-10):
    for our, their in zip(ours, theirs, strict=True):
        assert our.shape == their.shape
        np.testing.assert_allclose(our, their, rtol=0, atol=atol)


@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
@pytest.mark.parametrize("name", LAYERS)
def test_same_outputs_and_gradients_as_keras(name, mask):
    theirs, ours = pair(LAYERS[name]())
    assert_equal(outputs_and_gradients(ours, mask), outputs_and_gradients(theirs, mask))


@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
def test_same_compiled_by_xla(mask):
    theirs, ours = pair(LAYERS["both ways, all steps"]())
    assert_equal(outputs_and_gradients(ours, mask, xla=True), outputs_and_gradients(theirs, mask))


def test_same_in_float32():
    theirs, ours = pair(bidirectional(return_sequences=True, dtype="float32"))
    results = [outputs_and_gradients(layer, MASK) for layer in (ours, theirs)]
    assert results[0][0].dtype == tf.float32
    assert_equal(*results, atol=1e-5)


def test_same_from_a_given_state():
    theirs, ours = pair(lstm(return_sequences=True))
    state = [tf.constant(rng.normal(size=(N_ROWS, N_UNITS))) for _ in range(2)]
    results = (outputs_and_gradients(layer, MASK, initial_state=state) for layer in (ours, theirs))
    assert_equal(*results)


def test_same_without_training():
    theirs, ours = pair(bidirectional())
    training, predicting = (outputs_and_gradients(ours, training=t) for t in (True, False))
    assert_equal(training, predicting)
    assert_equal(predicting, outputs_and_gradients(theirs, training=False), atol=0)


def test_padding_counts_for_nothing():
    _, layer = pair(bidirectional(return_sequences=True))
    padded = layer(X, mask=MASK, training=True).numpy()
    for row, steps in enumerate(MASK[:4]):
        alone = layer(X[row : row + 1, steps], training=True)[0]
        np.testing.assert_allclose(padded[row][steps], alone, rtol=0, atol=1e-12)
    assert not padded[~MASK].any()


@pytest.mark.parametrize("name", LAYERS)
def test_weights_keep_names_and_order(name):
    theirs, ours = pair(LAYERS[name]())
    assert [v.path for v in ours.weights] == [v.path for v in theirs.weights]
    assert [v.path for v in ours.trainable_variables] == [v.path for v in ours.weights]
    assert ours.name == theirs.name


def test_stands_in_within_a_network():
    inputs = keras.Input((None,))
    embedded = keras.layers.Embedding(9, N_FEATURES, mask_zero=True)(inputs)
    theirs = keras.Model(inputs, bidirectional(return_sequences=True, dtype="float32")(embedded))
    ours = keras.models.clone_model(
        theirs,
        clone_function=lambda layer: (
            stand_in_for(layer) or type(layer).from_config(layer.get_config())
        ),
    )
    assert type(ours.layers[-1].forward_layer) is not keras.layers.LSTM
    assert ours.output_shape == theirs.output_shape
    ours.set_weights(theirs.get_weights())
    tokens = rng.integers(0, 9, (N_ROWS, N_STEPS))
    assert_equal([ours(tokens, training=True)], [theirs(tokens, training=True)], atol=1e-6)


def test_vectorised_over_networks():
    _, layer = pair(lstm())
    weights = [tf.constant(rng.normal(size=(2, *v.shape))) for v in layer.trainable_variables]
    state = [tf.convert_to_tensor(v.value) for v in layer.non_trainable_variables]
    mask = tf.constant(MASK)

    def gradients(weights):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            outputs, _ = layer.stateless_call(
                weights, state, tf.constant(X), mask=mask, training=True
            )
        return tape.gradient(outputs, weights)

    together = tf.function(
        lambda: tf.vectorized_map(gradients, weights, fallback_to_while_loop=False),
        autograph=False,
    )()
    for k in range(2):
        alone = tf.function(gradients, autograph=False)([w[k] for w in weights])
        assert_equal([g[k] for g in together], alone)


@pytest.mark.parametrize(
    "layer",
    [
        lstm(dropout=0.1),
        lstm(recurrent_dropout=0.1),
        lstm(activation="relu"),
        lstm(recurrent_activation="hard_sigmoid"),
        bidirectional(dropout=0.1),
        keras.layers.GRU(N_UNITS),
        keras.layers.Bidirectional(keras.layers.GRU(N_UNITS)),
        keras.layers.Dense(2),
        type("Own", (keras.layers.LSTM,), {})(N_UNITS),
        stand_in_for(lstm()),
    ],
    ids=lambda layer: layer.name,
)
def test_no_stand_in_for_other_layers(layer):
    assert stand_in_for(layer) is None
