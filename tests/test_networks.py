"""Networks in Keras: their formulas, names and seeds; rows and padding do not affect other rows.

The multi-layer perceptron in NumPy has the same names and logits.
"""

import random
from functools import partial
from itertools import combinations

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from skimbalance._fit.perceptron import ACTIVATIONS, Architecture, forward, initial_weights, softmax
from skimbalance.losses import FocalCrossentropy, focal_crossentropy
from skimbalance.networks import bilstm_tagger, conv1d_tagger, mlp, residual_mlp

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
    """Weights as after training: no zero bias, no moving statistics of 0 and 1."""
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
def test_a_row_does_not_depend_on_the_rows_beside_it(sizes, normalization):
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


TAGGERS = {
    "bilstm of tokens": partial(bilstm_tagger, 3, n_tokens=9, embedding_dim=4, units=5, n_layers=2),
    "bilstm of vectors": partial(bilstm_tagger, 3, n_features=2, units=5),
    "conv1d of tokens": partial(conv1d_tagger, 3, n_tokens=9, embedding_dim=4, filters=6),
    "conv1d of vectors": partial(conv1d_tagger, 3, n_features=2, filters=6, kernel_size=4),
}
BUILDERS = {
    "mlp": partial(mlp, 5, 3, hidden_layer_sizes=(9, 9, 9), normalization="batch"),
    "residual_mlp": partial(residual_mlp, 5, 3, width=6),
    **TAGGERS,
}

each_builder = pytest.mark.parametrize("name", BUILDERS)
each_tagger = pytest.mark.parametrize("name", TAGGERS)
# A warning of NumPy about the way in which Keras copies its variables.
copies_variables = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def trained(model, seed=0):
    """The model with weights as after training: no zero bias, no moving statistics of 0 and 1."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        value = rng.normal(0, 0.5, variable.shape)
        variable.assign(np.abs(value) if variable.path.endswith("moving_variance") else value)
    return model


def by_path(model):
    return {v.path: v.numpy() for v in model.weights}


def steps(name, *lengths, seed=0):
    """Sequences of these lengths, filled up to the longest with zeros."""
    rng = np.random.default_rng(seed)
    real = np.arange(max(lengths)) < np.array(lengths)[:, None]
    if "tokens" in name:
        return rng.integers(1, 9, real.shape).astype("int32") * real
    return rng.normal(0, 1, (*real.shape, 2)).astype("float32") * real[..., None]


def some_input(name):
    return steps(name, 7, 4) if name in TAGGERS else rows(2).astype("float32")


def is_real(X):
    return X != 0 if X.ndim == 2 else X.any(axis=-1)


@each_tagger
@pytest.mark.parametrize("n_layers", [0, 1, 3])
def test_a_tagger_gives_logits_for_each_step_of_any_length(name, n_layers):
    model = TAGGERS[name](n_layers=n_layers)
    assert model.output_shape == (None, None, 3)
    assert model.layers[-1].name == "logits"
    for n_steps in (1, 2, 30):
        assert model(steps(name, n_steps, 1)).shape == (2, n_steps, 3)


@each_tagger
def test_padding_and_longer_neighbours_change_nothing(name):
    model = trained(TAGGERS[name]())
    X = steps(name, 12, 12)
    alone = model(X).numpy()
    padded = np.concatenate([X, np.zeros((2, 9, *X.shape[2:]), X.dtype)], axis=1)
    np.testing.assert_allclose(model(padded)[:, :12], alone, rtol=0, atol=1e-5)
    beside = np.concatenate([padded, steps(name, 21, 3, seed=1)])
    np.testing.assert_allclose(model(beside)[:2, :12], alone, rtol=0, atol=1e-5)
    # A real step after the last one changes its logits.
    padded[:, 12] = 1
    assert np.abs(model(padded)[:, 11] - alone[:, 11]).min() > 1e-3


@each_tagger
@pytest.mark.parametrize("training", [False, True])
def test_padding_has_no_gradient(name, training):
    model = trained(TAGGERS[name](dropout=0.2, seed=0))
    X = steps(name, 5, 3, 8)
    real = is_real(X)
    with tf.GradientTape() as tape:
        if "tokens" in name:
            watched = model.get_layer("embedding").embeddings.value
            logits = model(X, training=training)
        else:
            watched = tf.constant(X)
            tape.watch(watched)
            logits = model(watched, training=training)
        loss = tf.reduce_sum(tf.boolean_mask(logits, real) ** 2)
    gradient = tf.convert_to_tensor(tape.gradient(loss, watched)).numpy()
    if "tokens" in name:
        real = np.isin(np.arange(9), X[real])
    assert not gradient[~real].any()
    assert gradient[real].any(axis=-1).all()


@each_builder
def test_seeds(name):
    build, X = BUILDERS[name], some_input(name)
    state = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (build(dropout=0.5, seed=seed) for seed in (0, 0, 1))
    plain = build(seed=0)
    assert random.getstate() == state[0]
    assert np.array_equal(np.random.get_state()[1], state[1])  # noqa: NPY002
    unseeded = build(), build()
    assert [*by_path(first)] == [*by_path(other)] == [*by_path(unseeded[0])]
    for path, value in by_path(first).items():
        np.testing.assert_array_equal(value, by_path(again)[path])
        np.testing.assert_array_equal(value, by_path(plain)[path])
        if path.endswith(("kernel", "embeddings")):
            assert not np.array_equal(value, by_path(other)[path])
            assert not np.array_equal(*(by_path(model)[path] for model in unseeded))
    np.testing.assert_array_equal(first(X), plain(X))
    outputs = [model(X, training=True).numpy() for model in (first, again, first)]
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert not np.array_equal(outputs[0], outputs[2])


@each_builder
def test_no_two_weights_begin_equal(name):
    weights = by_path(BUILDERS[name](seed=0))
    kernels = [value for path, value in weights.items() if path.endswith("kernel")]
    pairs = [pair for pair in combinations(kernels, 2) if pair[0].shape == pair[1].shape]
    assert pairs
    for pair in pairs:
        assert not np.isclose(*pair).any()


@each_builder
@copies_variables
def test_copies_have_the_same_paths_and_logits(name, tmp_path):
    model = trained(BUILDERS[name](dropout=0.2))
    X = some_input(name)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    copies = [keras.Model.from_config(model.get_config()), keras.models.clone_model(model)]
    for copy in copies:
        copy.set_weights(model.get_weights())
    for copy in (loaded, *copies, keras.models.clone_model(loaded)):
        assert [*by_path(copy)] == [*by_path(model)]
        assert len(by_path(copy)) == len(copy.weights)
    for copy in (loaded, *copies):
        np.testing.assert_array_equal(copy(X), model(X))


@each_tagger
@pytest.mark.parametrize("active", [True, False])
def test_keras_averages_the_loss_over_real_steps(name, active):
    model = trained(TAGGERS[name](dropout=0.2))
    if not active and name.startswith("conv1d"):
        # Steps with activations of zero are as real as others.
        for layer in model.layers:
            if layer.name.startswith("conv"):
                layer.kernel.assign(keras.ops.zeros_like(layer.kernel))
                layer.bias.assign(keras.ops.zeros_like(layer.bias) - 1)
    X = steps(name, 7, 2, 5, 7)
    rng = np.random.default_rng(0)
    y, weight = rng.integers(3, size=(4, 7)), rng.uniform(0, 2, (4, 7))
    model.compile("sgd", FocalCrossentropy(gamma=2.0, from_logits=True), weighted_metrics=[])
    found = model.evaluate(X, y, sample_weight=weight, batch_size=4, verbose=0)
    losses = focal_crossentropy(y, model(X).numpy(), gamma=2.0, from_logits=True)
    real = is_real(X)
    assert found == pytest.approx(np.mean((losses * weight)[real]), rel=1e-5)


@pytest.mark.slow
@each_tagger
def test_keras_fit_learns(name):
    model = TAGGERS[name](n_layers=1, seed=0)
    X = steps(name, *np.random.default_rng(0).integers(1, 9, 64))
    y = (X if "tokens" in name else np.digitize(X[..., 0], [-0.5, 0.5])) % 3
    model.compile(keras.optimizers.Adam(0.02), FocalCrossentropy(gamma=1.0, from_logits=True))
    weight = np.random.default_rng(1).uniform(0.5, 1.5, y.shape)
    # All padding has the first class, too, and must not be learnt.
    fitted = model.fit(X, y, sample_weight=weight, epochs=12, batch_size=16, verbose=0)
    assert fitted.history["loss"][-1] < 0.5 * fitted.history["loss"][0]
    real = is_real(X)
    assert np.mean((np.argmax(model(X), axis=-1) == y)[real]) > 0.9


@pytest.mark.parametrize("tagger", [bilstm_tagger, conv1d_tagger])
@pytest.mark.parametrize("given", [{}, {"n_tokens": 9, "n_features": 2}], ids=["none", "both"])
def test_steps_are_tokens_or_vectors(tagger, given):
    message = (
        f"One of the 'n_tokens' and 'n_features' parameters of {tagger.__name__} must be an int "
        f"and the other None. Got n_tokens={given.get('n_tokens')} and "
        f"n_features={given.get('n_features')} instead."
    )
    with pytest.raises(ValueError, match=message):
        tagger(3, **given)


def test_backward_layers_are_forward_layers_of_the_reversed_sequence():
    model = trained(bilstm_tagger(3, n_tokens=9, units=5))
    weights = by_path(model)
    mirrored = bilstm_tagger(3, n_tokens=9, units=5)
    other = {"forward_0": "backward_0", "backward_0": "forward_0"}
    for variable in mirrored.weights:
        layer, _, rest = variable.path.partition("/")
        value = weights[f"{other.get(layer, layer)}/{rest}"]
        # The first half of the rows belongs to the forward layer.
        swapped = variable.path == "logits/kernel"
        variable.assign(np.concatenate([value[5:], value[:5]]) if swapped else value)
    X = steps("tokens", 11)
    np.testing.assert_allclose(mirrored(X[:, ::-1])[:, ::-1], model(X), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("kernel_size", "n_layers"), [(3, 1), (5, 2), (3, 4)])
def test_a_convolution_sees_as_far_as_its_docstring_says(kernel_size, n_layers):
    shape = {"kernel_size": kernel_size, "n_layers": n_layers, "filters": 6}
    model = trained(conv1d_tagger(3, n_tokens=9, **shape))
    X = steps("tokens", 61)
    changed = X.copy()
    changed[0, 30] = X[0, 30] % 8 + 1
    feels = np.abs(model(changed)[0] - model(X)[0]).max(axis=1) > 1e-5
    reach = (kernel_size - 1) * (2**n_layers - 1) // 2
    assert np.flatnonzero(feels)[[0, -1]].tolist() == [30 - reach, 30 + reach]


def test_conv1d_tagger_is_its_formula():
    model = trained(conv1d_tagger(3, n_features=2, filters=4, kernel_size=3, n_layers=2))
    w = {path: value.astype(float) for path, value in by_path(model).items()}
    X = steps("vectors", 10)
    x = X[0] @ w["projection/kernel"] + w["projection/bias"]
    for i, apart in enumerate((1, 2)):
        around = np.pad(x, ((apart, apart), (0, 0)))
        taps = (around[k * apart : k * apart + 10] @ w[f"conv_{i}/kernel"][k] for k in range(3))
        x = x + np.maximum(sum(taps) + w[f"conv_{i}/bias"], 0)
    expected = x @ w["logits/kernel"] + w["logits/bias"]
    np.testing.assert_allclose(model(X)[0], expected, rtol=1e-4, atol=1e-4)


@each_normalization
@pytest.mark.parametrize("n_blocks", [0, 1, 3])
def test_residual_mlp_is_its_formula(normalization, n_blocks):
    options = {"n_blocks": n_blocks, "normalization": normalization, "activation": "silu"}
    model = trained(residual_mlp(5, 3, width=6, dropout=0.5, **options))
    assert model.output_shape == (None, 3)
    assert model.layers[-1].name == "logits"
    w = {path: value.astype(float) for path, value in by_path(model).items()}

    def dense(x, name):
        return x @ w[f"{name}/kernel"] + w[f"{name}/bias"]

    def norm(x, name):
        if normalization is None:
            return x
        mean, variance = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
        if normalization == "batch":
            mean, variance = w[f"{name}/moving_mean"], w[f"{name}/moving_variance"]
        x = (x - mean) / np.sqrt(variance + 1e-3)  # Keras' epsilon
        return x * w[f"{name}/gamma"] + w[f"{name}/beta"]

    def silu(x):
        return x * scipy.special.expit(x)

    x = dense(rows(20), "projection")
    for i in range(n_blocks):
        x = x + dense(silu(dense(norm(x, f"norm_{i}"), f"hidden_{i}")), f"correction_{i}")
    expected = dense(silu(norm(x, "norm")), "logits")
    found = model(rows(20).astype("float32"))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_residual_mlp_masks_rows_in_batch_normalization():
    model = trained(residual_mlp(5, 3, width=6, normalization="batch"))
    X = rows(12).astype("float32")

    def logits(X, **mask):
        weights = model.trainable_variables, model.non_trainable_variables
        return model.stateless_call(*weights, X, training=True, **mask)[0][:9]

    expected = logits(X[:9])
    found = logits(X, mask=np.arange(12) < 9)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert np.abs(logits(X) - expected).max() > 1e-2


def test_residual_mlp_refuses_an_unknown_normalization():
    message = (
        "The 'normalization' parameter of residual_mlp must be None, 'batch' or 'layer'. "
        "Got 'group' instead."
    )
    with pytest.raises(ValueError, match=message):
        residual_mlp(5, 3, normalization="group")
