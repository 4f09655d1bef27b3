"""Networks for tables: NumPy and Keras agree, and starts and rates are those of the papers."""

import keras
import numpy as np
import pytest

from skimbalance._fit.embedding import (
    LEVEL_UNITS,
    embed,
    embed_levels,
    initial_embedding,
)
from skimbalance._fit.perceptron import Architecture, forward
from skimbalance._keras.perceptron import _network
from skimbalance.networks import ParametricSELU, mlp
from skimbalance.preprocessing._bins import MOST_BINS

RNG = np.random.default_rng(0)
EMBEDDINGS = [None, "piecewise_linear", "periodic"]
each_embedding = pytest.mark.parametrize("embedding", EMBEDDINGS)
each_ntk = pytest.mark.parametrize("ntk", [False, True])


def architecture(embedding, ntk, sizes=(16, 9), n_codes=()):
    n_embedded = 0 if embedding is None else 3
    n_features = rows(1, embedding, n_codes).shape[1]
    kind = ("parametric_selu", None, False)
    return Architecture(n_features, 3, sizes, *kind, embedding, n_embedded, ntk, n_codes)


def rows(n, embedding="piecewise_linear", n_codes=()):
    """Five numbers, codes of levels, and positions in 5, 32 and 1 bins."""
    rng = np.random.default_rng(1)
    codes = rng.integers(0, n_codes, (n, len(n_codes)))
    n_positions = 3 if embedding == "piecewise_linear" else 0
    positions = rng.uniform(size=(n, 3)) * [5, 32, 1]
    return np.column_stack([rng.normal(size=(n, 5)), codes, positions[:, :n_positions]])


def trained(arch):
    """Weights as after training: none is 0 or 1."""
    weights = arch.initial_weights(
        np.random.default_rng(0), None, lambda rng: rows(200, arch.embedding, arch.n_codes)
    )
    return {
        name: (value + RNG.normal(0, 0.3, np.shape(value))).astype(np.float32)
        for name, value in weights.items()
    }


@each_embedding
@each_ntk
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_rows_are_standardised_as_few(embedding, ntk, dtype):
    arch, X = architecture(embedding, ntk), rows(3_000, embedding)
    weights = trained(arch)
    far = np.zeros(arch.n_features)
    far[:5] = 1e4 + 1e-3 * np.arange(5)  # no float32, unlike the rows
    X = (X + far).astype(dtype)
    few = [forward(arch, weights, X[i : i + 250], far, far + 1) for i in range(0, len(X), 250)]
    many = forward(arch, weights, X, far, far + 1)
    np.testing.assert_allclose(many, np.concatenate(few), atol=1e-5, rtol=1e-5)


@each_embedding
@each_ntk
@pytest.mark.parametrize("n_codes", [(), (40,), (50, 33)], ids=str)
def test_numpy_gives_the_logits_of_keras(embedding, ntk, n_codes):
    arch = architecture(embedding, ntk, n_codes=n_codes)
    X = rows(300, embedding, n_codes)
    model, weights = _network(arch, 0.0), trained(arch)
    assert {v.path: tuple(v.shape) for v in model.weights} == {
        name: value.shape for name, value in weights.items()
    }
    for variable in model.weights:
        variable.assign(weights[variable.path])
    theirs = model.predict_on_batch(X.astype(np.float32))
    assert np.std(theirs) > 0.1
    for n in (300, 20):  # computed in float32, in float64
        found = forward(arch, weights, X[:n])
        np.testing.assert_allclose(found, theirs[:n], rtol=1e-4, atol=1e-4)


def test_piecewise_linear_embedding_is_the_sum_of_its_bins():
    kernel, bias = RNG.normal(size=(1, MOST_BINS, 4)), RNG.normal(size=(1, 4))
    weights = {"embedding/kernel": kernel, "embedding/bias": bias}
    for position in (0.0, 0.25, 1.0, 7.5, MOST_BINS - 1e-9, float(MOST_BINS)):
        codes = np.clip(position - np.arange(MOST_BINS), 0, 1)
        found = embed("piecewise_linear", weights, np.array([[position]]))
        np.testing.assert_allclose(found[0], codes @ kernel[0] + bias[0], atol=1e-12)


def test_a_column_with_more_bins_starts_with_smaller_steps():
    """So that the deviation of its embedding does not grow with their number."""
    kernel = initial_embedding("piecewise_linear", rows(5000)[:, 5:], RNG)["embedding/kernel"]
    deviations = kernel.std(axis=(1, 2)) * np.sqrt([5, 32, 1])
    np.testing.assert_allclose(deviations, 1.0, atol=0.3)


@each_embedding
def test_ntk_start(embedding):
    """Each neuron has the deviation 1 before its bias, and the logits are the biases."""
    arch = architecture(embedding, True, sizes=(64, 64))
    weights = arch.initial_weights(
        np.random.default_rng(0), np.array([1.0, 2.0, 3.0]), lambda rng: rows(400, embedding)
    )
    np.testing.assert_array_equal(
        forward(arch, weights, rows(20, embedding)), np.tile([1.0, 2.0, 3.0], (20, 1))
    )
    values = {name: value.astype(np.float32) for name, value in weights.items()}
    model = _network(arch, 0.0)
    for variable in model.weights:
        variable.assign(values[variable.path])
    for i in (0, 1):
        layer = model.get_layer(f"hidden_{i}")
        z = keras.Model(model.inputs[0], layer.output).predict_on_batch(rows(400, embedding))
        z = z - values[f"hidden_{i}/bias"]
        np.testing.assert_allclose(np.std(z, axis=0), 1.0, rtol=1e-3)


def test_ntk_rates_belong_to_kernels_divided_by_the_root_of_their_inputs():
    """Adam on W, where the kernel is ``W / sqrt(inputs)``, moves the kernel by a rate / sqrt."""
    arch = architecture("piecewise_linear", True)
    for name, inputs, _ in arch.dense_layers():
        assert arch.rate(f"{name}/kernel") == pytest.approx(inputs**-0.5)
    names = arch.initial_weights(np.random.default_rng(0), None)
    assert {name: arch.rate(name) for name in names if not name.endswith("kernel")} == {
        name: 6.0 if name == "scale/scale" else 0.1 for name in names if not name.endswith("kernel")
    }
    assert [arch.decays(name) > 0 for name in names] == [name.endswith("kernel") for name in names]


def test_learnt_selu_lies_between_the_identity_and_selu():
    x = np.linspace(-3, 3, 50)[:, np.newaxis]
    layer = ParametricSELU()
    np.testing.assert_allclose(layer(x), keras.activations.selu(x), rtol=1e-6)
    layer.slope.assign([0.0])
    np.testing.assert_allclose(layer(x), x, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("embedding", EMBEDDINGS[1:])
def test_networks_are_saved_by_keras(embedding, tmp_path):
    X = rows(10, embedding, (50,)).astype(np.float32)
    options = {"scale": True, "activation": "parametric_selu", "n_codes": (50,)}
    model = mlp(X.shape[1], 3, embedding=embedding, n_embedded=3, **options)
    model.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(again.predict_on_batch(X), model.predict_on_batch(X))


def test_levels_get_the_vectors_of_their_codes():
    vectors = RNG.normal(size=(7, LEVEL_UNITS))
    found = embed_levels((3, 4), {"levels/vectors": vectors}, np.array([[2.0, 0.0], [0.0, 3.0]]))
    expected = [np.r_[vectors[2], vectors[3]], np.r_[vectors[0], vectors[6]]]
    np.testing.assert_array_equal(found, expected)
