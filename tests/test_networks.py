"""The network in Keras and in NumPy: same names, same logits, rows that do not feel each other."""

import random

import numpy as np
import pytest
import scipy.special

from skimbalance._mlp import ACTIVATIONS, Architecture, forward, initial_weights, softmax
from skimbalance.networks import mlp

SIZES = (16, 9)
NORMALIZATIONS = [None, "batch", "layer"]

each_activation = pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
each_normalization = pytest.mark.parametrize("normalization", NORMALIZATIONS)
each_sizes = pytest.mark.parametrize("sizes", [(), (7,), SIZES, (300, 40, 5)], ids=str)


def architecture(sizes=SIZES, activation="relu", normalization=None):
    return Architecture(5, 3, sizes, activation, normalization, dropout=False)


def keras_network(arch, **options):
    return mlp(
        arch.n_features,
        arch.n_outputs,
        hidden_layer_sizes=arch.hidden_layer_sizes,
        activation=arch.activation,
        normalization=arch.normalization,
        **options,
    )


def random_weights(arch, dtype=np.float32, seed=0):
    """As after training: no zero bias, no moving statistics of 0 and 1."""
    rng = np.random.default_rng(seed)
    weights = initial_weights(arch, rng)
    for name, value in weights.items():
        if name.endswith("moving_variance"):
            weights[name] = rng.uniform(0.2, 3, value.shape)
        elif not name.endswith("kernel"):
            weights[name] = value + rng.normal(0, 0.5, value.shape)
    return {name: value.astype(dtype) for name, value in weights.items()}


def rows(n, seed=1):
    X = np.random.default_rng(seed).normal(0, 2, (n, 5))
    X.setflags(write=False)
    return X


@each_sizes
@each_normalization
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_names_and_shapes_are_keras_own(sizes, normalization, dropout):
    arch = architecture(sizes, normalization=normalization)
    theirs = {v.path: tuple(v.shape) for v in keras_network(arch, dropout=dropout).weights}
    ours = initial_weights(arch, np.random.default_rng(0))
    assert {name: value.shape for name, value in ours.items()} == theirs


@each_activation
@each_normalization
def test_numpy_gives_the_logits_of_keras(activation, normalization):
    arch = architecture(activation=activation, normalization=normalization)
    model, weights = keras_network(arch, dropout=0.5), random_weights(arch)
    for variable in model.weights:
        variable.assign(weights[variable.path])
    theirs = model.predict_on_batch(rows(300))
    # float32: some tens of products of size 1 to 10, each rounded to 6e-8.
    for n in (300, 20):  # computed in float32, in float64
        found = forward(arch, weights, rows(300)[:n])
        np.testing.assert_allclose(found, theirs[:n], rtol=1e-5, atol=2e-5)
    assert np.std(theirs) > 0.1


@each_activation
def test_activation_takes_extreme_values(activation):
    x = np.array([-1e4, -100.0, -20.0, 0.0, 20.0, 100.0, 1e4])
    theirs = keras_network(architecture((1,), activation)).get_layer("activation_0")(x[:, None])
    for dtype in (np.float32, np.float64):
        found = ACTIVATIONS[activation](x.astype(dtype))
        assert found.dtype == dtype
        np.testing.assert_allclose(found, np.ravel(theirs), rtol=1e-5, atol=1e-8)


@each_sizes
@each_normalization
def test_initial_weights(sizes, normalization):
    arch = architecture(sizes, normalization=normalization)
    ours = initial_weights(arch, np.random.default_rng(0))
    theirs = {v.path: v.numpy() for v in keras_network(arch, seed=0).weights}
    for name in ours:
        if name.endswith("kernel"):
            limit = np.sqrt(6 / sum(ours[name].shape))
            for kernel in (ours[name], theirs[name]):
                assert np.abs(kernel).max() <= limit * (1 + 1e-6)
                # Uniform: the mean square is a third of limit**2, here within 5 standard errors.
                error = np.sqrt(0.8 / kernel.size)
                assert abs(3 * np.mean((kernel / limit) ** 2) - 1) < 5 * error
        else:
            np.testing.assert_array_equal(ours[name], theirs[name])


def test_seed_decides_the_weights_and_nothing_else_changes():
    arch = architecture((6, 6, 6))
    state = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (
        {v.path: v.numpy() for v in keras_network(arch, dropout=0.2, seed=seed).weights}
        for seed in (0, 0, 1)
    )
    assert random.getstate() == state[0]
    assert np.array_equal(np.random.get_state()[1], state[1])  # noqa: NPY002
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
    assert not np.array_equal(first["logits/kernel"], other["logits/kernel"])
    assert not np.array_equal(first["hidden_1/kernel"], first["hidden_2/kernel"])


def test_dropout_is_for_training_only():
    model = mlp(5, 3, hidden_layer_sizes=(50,), dropout=0.5, seed=0)
    x = np.asarray(rows(4), np.float32)
    still = [model(x, training=False).numpy() for _ in range(2)]
    np.testing.assert_array_equal(*still)
    assert not np.array_equal(model(x, training=True), still[0])


@each_sizes
@each_normalization
def test_a_row_does_not_feel_the_rows_beside_it(sizes, normalization):
    arch = architecture(sizes, "tanh", normalization)
    weights, X = random_weights(arch), rows(20)
    alone = np.concatenate([forward(arch, weights, X[i : i + 1]) for i in range(20)])
    np.testing.assert_array_equal(forward(arch, weights, X), alone)


@each_normalization
def test_blocks_are_rows(normalization):
    # A layer of 1024 makes blocks of 256 rows: two whole ones and a part.
    arch = architecture((1024,), "silu", normalization)
    X = rows(600)
    for dtype, close in ((np.float32, 2e-5), (np.float64, 1e-12)):
        weights = random_weights(arch, dtype)
        alone = np.concatenate([forward(arch, weights, X[i : i + 1]) for i in range(600)])
        found = forward(arch, weights, X)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, alone, rtol=close, atol=close)


@pytest.mark.parametrize("n", [1, 256, 257, 600])
@pytest.mark.parametrize("sizes", [(), SIZES], ids=str)
def test_columns_far_from_zero_lose_nothing(n, sizes):
    # On a grid of 2**-20, 1e9 + z and 3 z are exact in float64 and z is in float32.
    z = np.round(rows(n) * 2**20) / 2**20
    arch = architecture(sizes)
    weights = random_weights(arch)
    moved = 1e9 + 4 * z
    moved.setflags(write=False)
    found = forward(arch, weights, moved, center=np.full(5, 1e9), scale=np.full(5, 4.0))
    np.testing.assert_array_equal(found, forward(arch, weights, z))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32, np.float16])
@pytest.mark.parametrize("sizes", [(), SIZES], ids=str)
def test_standardised_blocks_are_rows_in_every_dtype(dtype, sizes):
    # No float32 is near the center, so it is the rounding of the center that shows here.
    center, scale = np.array([1000.1, -700.3, 3e-5, 0.1, 512.7]), np.array([3.3, 10, 2, 1, 7])
    X = (center + scale * rows(300)).astype(dtype)
    arch = architecture(sizes)
    weights = random_weights(arch)
    alone = [forward(arch, weights, X[i : i + 1], center, scale) for i in range(300)]
    found = forward(arch, weights, X, center, scale)
    np.testing.assert_allclose(found, np.concatenate(alone), rtol=1e-5, atol=1e-5)


@each_activation
def test_weights_and_rows_are_left_alone(activation):
    for n in (3, 300):
        for sizes in ((), (5,)):
            arch = architecture(sizes, activation, "layer")
            weights, X = random_weights(arch), rows(n).astype(np.float32)
            kept = {name: value.copy() for name, value in weights.items()}, X.copy()
            forward(arch, weights, X)
            np.testing.assert_array_equal(X, kept[1])
            for name, value in weights.items():
                np.testing.assert_array_equal(value, kept[0][name])


@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax(n_classes, dtype):
    z = (
        np.random.default_rng(0).normal(0, 1, (100, n_classes))
        * np.geomspace(1e-8, 1e4, 100)[:, None]
    )
    z = z.astype(dtype)
    found = softmax(z)
    np.testing.assert_allclose(found, scipy.special.softmax(z.astype(float), axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-15)
