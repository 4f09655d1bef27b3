"""The engine trains what Keras would, and predicts what the model does."""

import gc
import weakref

import keras
import numpy as np
import pytest
from keras import layers, ops
from keras_setup import (
    CLASSES,
    IMAGES,
    ROWS,
    SERIES,
    TOKENS,
    EachBatch,
    N,
    dense,
    functional,
    of_few,
    proba_of,
    sequential,
    softmax,
)

pytestmark = pytest.mark.slow

# Layers


class Squared(layers.Layer):
    """A custom layer with a layer in it, and a loss."""

    def __init__(self, units, weight=0.1, **kwargs):
        super().__init__(**kwargs)
        self.units, self.weight = units, weight
        self.inner = layers.Dense(units)

    def call(self, x):
        z = self.inner(x)
        self.add_loss(self.weight * ops.mean(ops.square(z)))
        return ops.square(z)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "weight": self.weight}


def two_branches(x):
    # The same shapes, other weights: exchanged, the outputs change their sign.
    a, b = layers.Dense(5, activation="relu")(x), layers.Dense(5, activation="relu")(x)
    return layers.Dense(3, activation="softmax")(layers.Subtract()([a, b]))


def shared_layer(x):
    twice = layers.Dense(4, activation="tanh")
    return softmax()(layers.Concatenate()([twice(x), twice(twice(x))]))


def skip_connections(x):
    h = layers.Activation("relu")(layers.Dense(4)(x) + x)
    return softmax()(layers.Add()([h, layers.Dense(4)(h) * 2.0]))


def nested(x):
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(6, activation="relu")])
    inputs = keras.Input((6,))
    outer = keras.Model(inputs, softmax()(layers.Dropout(0.3)(inputs)))
    return outer(inner(x))


def attention(x):
    h = layers.MultiHeadAttention(2, 4)(x, x)
    return softmax()(layers.GlobalAveragePooling1D()(layers.LayerNormalization()(h + x)))


def adapted():
    standardize = layers.Normalization()
    standardize.adapt(5.0 + 3.0 * ROWS)
    return keras.Sequential([keras.Input((4,)), standardize, softmax()])


NETWORKS = {
    "branches": (functional(two_branches), ROWS),
    "shared layer": (functional(shared_layer), ROWS),
    "skip connections": (functional(skip_connections), ROWS),
    "nested models": (functional(nested), ROWS),
    "no Input": (lambda: keras.Sequential([dense()(), softmax()]), ROWS),
    "BatchNormalization": (sequential(dense(), layers.BatchNormalization, softmax), ROWS),
    "LayerNormalization": (sequential(dense(), layers.LayerNormalization, softmax), ROWS),
    "adapted Normalization": (adapted, ROWS),
    "Embedding": (
        sequential(lambda: layers.Embedding(7, 4), layers.Flatten, softmax, shape=(5,)),
        TOKENS,
    ),
    "Conv2D": (
        sequential(
            lambda: layers.Conv2D(3, 3, activation="relu"),
            layers.MaxPooling2D,
            layers.BatchNormalization,
            layers.Flatten,
            softmax,
            shape=(6, 6, 1),
        ),
        IMAGES,
    ),
    "LSTM": (
        sequential(lambda: layers.LSTM(3, recurrent_dropout=0.1), softmax, shape=(5, 3)),
        SERIES,
    ),
    "GRU, both ways": (
        sequential(lambda: layers.Bidirectional(layers.GRU(3)), softmax, shape=(5, 3)),
        SERIES,
    ),
    "MultiHeadAttention": (functional(attention, (5, 3)), SERIES),
    "draws": (
        sequential(
            lambda: layers.SpatialDropout1D(0.3),
            lambda: layers.GaussianNoise(0.1),
            lambda: layers.AlphaDropout(0.1),
            layers.Flatten,
            softmax,
            shape=(5, 3),
        ),
        SERIES,
    ),
    "regularizers": (
        sequential(
            dense(kernel_regularizer="l2", bias_regularizer="l1", activity_regularizer="l2"),
            softmax,
        ),
        ROWS,
    ),
    "frozen layer": (sequential(dense(trainable=False), softmax), ROWS),
    "custom layer": (sequential(lambda: Squared(5), softmax), ROWS),
    "layer as activation": (
        sequential(dense(activation=layers.LeakyReLU(0.3)), layers.PReLU, softmax),
        ROWS,
    ),
    "function as activation": (sequential(dense(activation=ops.square), softmax), ROWS),
}

# Keras' Adam squares the gradient of an embedding for each row by itself, and not their sum.
# Three epochs at the default rate hardly move an LSTM.
RATES = {"Embedding": keras.optimizers.SGD(0.1), "LSTM": keras.optimizers.Adam(3e-3)}


@pytest.mark.parametrize("name", NETWORKS)
def test_engine_trains_what_keras_trains(name):
    build, rows = NETWORKS[name]
    optimizer = RATES.get(name, "adam")
    clf = of_few(build, optimizer=optimizer).fit(rows, CLASSES)
    assert clf.fit_path_ == "compiled"
    proba = clf.predict_proba(rows)
    np.testing.assert_allclose(proba, proba_of(clf.model_, rows), atol=1e-6)
    by_keras = of_few(build, optimizer=optimizer, callbacks=EachBatch()).fit(rows, CLASSES)
    assert by_keras.fit_path_ == "Keras' own fit: a callback has hooks around batches"
    # Rounding of float32 over four steps, and of Adam, where a gradient is next to zero.
    np.testing.assert_allclose(by_keras.predict_proba(rows), proba, atol=2e-4)
    np.testing.assert_allclose(by_keras.history_["loss"], clf.history_["loss"], rtol=1e-4)
    untrained = of_few(build, optimizer=optimizer, epochs=1).fit(rows, CLASSES).predict_proba(rows)
    assert np.abs(untrained - proba).max() > 1e-3


def test_frozen_layer_stays():
    build, _ = NETWORKS["frozen layer"]
    one, two = (
        of_few(build, epochs=epochs).fit(ROWS, CLASSES).model_.get_weights() for epochs in (1, 2)
    )
    np.testing.assert_array_equal(one[0], two[0])
    assert np.any(one[2] != two[2])


# What Keras' own fit has to train


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.outputs_ = layers.Dense(8, activation="relu"), softmax()
        self.drop = layers.Dropout(0.3)
        self.scale = self.add_weight(shape=(4,), initializer="random_normal", name="scale")

    def call(self, x, training=False):
        return self.outputs_(self.drop(self.hidden(x * self.scale), training=training))


class OwnStep(keras.Model):
    def train_step(self, *args):
        return super().train_step(*args)


class OwnLoss(keras.Model):
    def compute_loss(self, *args, **kwargs):
        return super().compute_loss(*args, **kwargs)


class OwnCall(keras.Model):
    def call(self, inputs, training=None, mask=None):
        return ops.flip(super().call(inputs, training=training, mask=mask), axis=1)


class Secret(layers.Layer):
    """A layer that does not tell its configuration."""

    factor = 3.0

    def call(self, x):
        return self.factor * x


def with_secret():
    layer = Secret()
    layer.factor = 7.0
    return keras.Sequential([keras.Input((4,)), layer, softmax()])


def with_weight_of_another_layer():
    inner = layers.Dense(4)
    a = keras.Sequential([keras.Input((4,)), inner, layers.ReLU()])
    b = keras.Sequential([keras.Input((4,)), inner])
    return functional(lambda x: softmax()(a(x) + b(x)))()


def with_frozen_part():
    layer = Squared(5)
    layer.inner.trainable = False
    return keras.Sequential([keras.Input((4,)), layer, softmax()])


def of_kind(kind):
    def build():
        inputs = keras.Input((4,))
        return kind(inputs, softmax()(inputs))

    return build


class Untold(layers.Layer):
    """A layer of which Keras cannot make another."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, x):
        return self.function(x)


BY_KERAS = {
    "Subclassed is not a functional or sequential model": Subclassed,
    "OwnStep overrides train_step": of_kind(OwnStep),
    "OwnLoss overrides compute_loss": of_kind(OwnLoss),
    "OwnCall overrides call": of_kind(OwnCall),
    "a weight has a constraint": sequential(dense(kernel_constraint="max_norm"), softmax),
    "layers share a weight that their copies would not share": with_weight_of_another_layer,
    "a copy made from get_config has other outputs": with_secret,
    "a layer's get_config does not say which weights are trained": with_frozen_part,
    "a layer changes trained weights in its call": sequential(
        lambda: layers.SpectralNormalization(layers.Dense(5)), softmax
    ),
    "a layer uses a lambda": sequential(dense(activation=lambda z: -z), softmax),
    "a layer cannot be copied": sequential(lambda: Untold(ops.square), softmax),
}


@pytest.mark.parametrize("why", BY_KERAS)
def test_by_keras_and_why(why):
    build = BY_KERAS[why]
    clf = of_few(build, early_stopping=True).fit(ROWS, CLASSES)
    assert clf.fit_path_.startswith(f"Keras' own fit: {why}")
    proba = clf.predict_proba(ROWS)
    np.testing.assert_allclose(proba, proba_of(clf.model_, ROWS), atol=1e-6)
    assert {"loss", "val_loss"} == set(clf.history_)


@pytest.mark.parametrize("rate", [0.01, keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)])
def test_steps_of_an_epoch_together(rate):
    # Keras does them in one call, unless a callback watches, or the rate changes, step by step.
    options = {"optimizer": keras.optimizers.SGD(rate), "epochs": 4}
    together = of_few(of_kind(OwnStep), **options).fit(ROWS, CLASSES)
    watched = of_few(of_kind(OwnStep), callbacks=EachBatch(), **options).fit(ROWS, CLASSES)
    np.testing.assert_allclose(
        together.predict_proba(ROWS), watched.predict_proba(ROWS), rtol=0, atol=1e-6
    )
    np.testing.assert_allclose(together.history_["loss"], watched.history_["loss"], rtol=1e-5)


# Keras' variables have NumPy's older form of `__array__`.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("callbacks", [None, EachBatch(), keras.callbacks.TerminateOnNaN()])
@pytest.mark.parametrize("constraint", [None, "max_norm"])
def test_the_model_is_stored_with_its_own_loss(tmp_path, constraint, callbacks):
    def build():
        model = sequential(dense(kernel_constraint=constraint), softmax)()
        model.compile("sgd", "categorical_crossentropy", jit_compile=False)
        return model

    clf = of_few(build, callbacks=callbacks).fit(ROWS, CLASSES)
    assert (clf.fit_path_ == "compiled") is (constraint is None and callbacks is None)
    clf.model_.save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    proba = clf.predict_proba(ROWS)
    np.testing.assert_allclose(proba_of(model, ROWS), proba, atol=1e-6)
    assert (model.loss, model.jit_compile) == ("categorical_crossentropy", False)
    # Keras compiles a loss when it is used.
    loss = model.evaluate(ROWS, np.eye(3)[CLASSES], verbose=0)
    np.testing.assert_allclose(loss, -np.log(proba[np.arange(N), CLASSES]).mean(), rtol=1e-5)


def test_row_by_row():
    # By Keras, rows are predicted in blocks, and several inputs with them.
    clf = of_few(Subclassed).fit(ROWS, CLASSES)
    many = np.tile(ROWS, (100, 1))
    np.testing.assert_allclose(
        clf.predict_proba(many), np.tile(clf.predict_proba(ROWS), (100, 1)), atol=1e-6
    )
    assert clf.predict_proba(ROWS[:1]).shape == (1, 3)


def test_a_fit_leaves_no_model_behind():
    clf = of_few(sequential(dense(), softmax)).fit(ROWS, CLASSES)
    clf.predict(ROWS)
    model = weakref.ref(clf.model_)
    del clf
    gc.collect()
    assert model() is None


@pytest.mark.parametrize(
    ("wrong", "value"),
    [
        (TOKENS + 0.7, "0.7"),
        (TOKENS * 1e12, "e"),
        (np.where(TOKENS == 1, -1, TOKENS), "-1"),
        (np.where(TOKENS == 1, 300, TOKENS), "300"),
    ],
    ids=["fractions", "too large", "negative", "beyond the type"],
)
@pytest.mark.parametrize("callbacks", [None, EachBatch()], ids=["compiled", "by Keras"])
def test_no_number_is_cut_off_for_an_input_of_integers(wrong, value, callbacks):
    def build():
        inputs = keras.Input((5,), dtype="uint8")
        x = layers.GlobalAveragePooling1D()(layers.Embedding(10, 2)(inputs))
        return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))

    clf = of_few(build, callbacks=callbacks).fit(TOKENS.astype(float), CLASSES)
    for function in (clf.predict, lambda X: clf.partial_fit(X, CLASSES)):
        with pytest.raises(ValueError, match=f"must hold whole numbers .* Got .*{value}"):
            function(wrong)
    np.testing.assert_array_equal(
        clf.predict_proba(TOKENS.astype(float)), clf.predict_proba(TOKENS)
    )
