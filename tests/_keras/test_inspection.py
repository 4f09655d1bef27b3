"""What a model takes and puts out is found out, or asked for in words."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from keras_setup import (
    CLASSES,
    ROWS,
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

# What a model ends in


class OwnHead(layers.Layer):
    """A custom last layer: its weights, its softmax."""

    def __init__(self, n_classes=3, sharpness=1.0, **kwargs):
        super().__init__(**kwargs)
        self.n_classes, self.sharpness = n_classes, sharpness

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.n_classes))
        self.centers = self.add_weight(shape=(self.n_classes,), initializer="random_normal")

    def call(self, x):
        return ops.softmax(self.sharpness * (x @ self.kernel) + self.centers)

    def get_config(self):
        own = {"n_classes": self.n_classes, "sharpness": self.sharpness}
        return {**super().get_config(), **own}


HEADS = {
    "softmax": (3, "softmax", sequential(dense(), softmax)),
    "sigmoid": (2, "sigmoid", sequential(dense(), dense(1, "sigmoid"))),
    "linear, width 1": (2, "logits", sequential(dense(), dense(1, None))),
    "linear, width C": (3, "logits", sequential(dense(), dense(3, "linear"))),
    "linear, width 2": (2, "logits", sequential(dense(2, None))),
    "Softmax layer": (3, "softmax", sequential(dense(3, None), layers.Softmax)),
    "Activation layer": (
        2,
        "sigmoid",
        sequential(dense(1, None), lambda: layers.Activation("sigmoid")),
    ),
    "ops.softmax": (3, "softmax", functional(lambda x: ops.softmax(layers.Dense(3)(x)))),
    "ops.sigmoid": (2, "sigmoid", functional(lambda x: ops.sigmoid(layers.Dense(1)(x)))),
    "Lambda": (
        3,
        "softmax",
        sequential(dense(3, None), lambda: layers.Lambda(lambda z: ops.softmax(z))),
    ),
    "Lambda of width 1": (
        2,
        "sigmoid",
        sequential(dense(1, None), lambda: layers.Lambda(lambda z: ops.sigmoid(z))),
    ),
    "Lambda of logits": (3, "logits", sequential(dense(3, None), lambda: layers.Lambda(ops.abs))),
    "custom layer": (3, "softmax", sequential(dense(), lambda: OwnHead(sharpness=3.0))),
    "tanh": (3, "logits", sequential(dense(3, "tanh"))),
}


@pytest.mark.parametrize(("n_classes", "ends_in", "build"), HEADS.values(), ids=HEADS.keys())
def test_what_it_ends_in(n_classes, ends_in, build):
    clf = of_few(build, epochs=1).fit(ROWS, np.arange(N) % n_classes)
    assert clf.fit_path_ == "compiled"
    outputs = proba_of(clf.model_, ROWS)
    if ends_in == "logits":
        width = outputs.shape[1]
        outputs = np.asarray(ops.sigmoid(outputs) if width == 1 else ops.softmax(outputs))
    proba = clf.predict_proba(ROWS)
    assert proba.shape == (N, n_classes)
    np.testing.assert_allclose(proba[:, -1], outputs[:, -1], atol=1e-6)


# Inputs


def difference(a, b):
    return softmax()(layers.Dense(4)(a) - layers.Dense(4)(b))


def two_inputs_as_dict():
    # Keras sorts them by name: not in the order of the dict.
    inputs = {name: keras.Input((2,), name=name) for name in ("left", "below")}
    return keras.Model(inputs, difference(inputs["left"], inputs["below"]))


def two_named_inputs():
    inputs = [keras.Input((2,), name=name) for name in ("below", "left")]
    return keras.Model(inputs, difference(inputs[1], inputs[0]))


class TwoInputs(keras.Model):
    def __init__(self):
        super().__init__()
        self.left, self.below, self.last = layers.Dense(4), layers.Dense(4), softmax()

    def call(self, inputs):
        return self.last(self.left(inputs["left"]) - self.below(inputs["below"]))


@pytest.mark.parametrize("build", [two_inputs_as_dict, two_named_inputs, TwoInputs])
def test_inputs_by_name(build):
    parts = {"left": ROWS[:, :2], "below": ROWS[:, 2:]}
    clf = of_few(build).fit(parts, CLASSES)
    proba = clf.predict_proba(parts)
    np.testing.assert_allclose(proba, proba_of(clf.model_, parts), atol=1e-6)
    # Their order does not matter.
    reverse = dict(reversed(parts.items()))
    np.testing.assert_array_equal(clf.predict_proba(reverse), proba)
    by_keras = of_few(build, callbacks=EachBatch()).fit(parts, CLASSES)
    np.testing.assert_allclose(by_keras.predict_proba(parts), proba, atol=2e-4)


def test_inputs_in_order():
    def build(meta):
        assert meta["X_shape_"] == [(N, 4), (N, 5)]
        vectors, tokens = keras.Input((4,)), keras.Input((5,), dtype="int32")
        embedded = layers.Flatten()(layers.Embedding(7, 2)(tokens))
        return keras.Model([vectors, tokens], softmax()(layers.Concatenate()([vectors, embedded])))

    clf = of_few(build).fit([ROWS, TOKENS], CLASSES)
    assert clf.fit_path_ == "compiled"
    assert clf.X_shape_ == [(N, 4), (N, 5)]
    np.testing.assert_allclose(
        clf.predict_proba([ROWS, TOKENS]), proba_of(clf.model_, [ROWS, TOKENS]), atol=1e-6
    )


def test_axis_of_length_1_is_added_as_by_keras():
    # A convolution over columns, of rows without a third axis.
    build = sequential(lambda: layers.Conv1D(2, 2), layers.Flatten, softmax, shape=(4, 1))
    clf = of_few(build).fit(ROWS, CLASSES)
    assert clf.fit_path_.endswith("X has another number of axes than the model's inputs")
    wide = of_few(build).fit(ROWS[:, :, None], CLASSES)
    assert wide.fit_path_ == "compiled"
    np.testing.assert_allclose(
        clf.predict_proba(ROWS), wide.predict_proba(ROWS[:, :, None]), atol=2e-4
    )


NOT_HEADS = {
    "relu in a Dense layer": lambda: layers.Dense(3, activation="relu"),
    "softplus as a function": lambda: layers.Dense(3, activation=keras.activations.softplus),
    "an Activation layer": lambda: keras.Sequential(
        [layers.Dense(3), layers.Activation("exponential")]
    ),
    "a ReLU layer": lambda: keras.Sequential([layers.Dense(3), layers.ReLU()]),
}


@pytest.mark.parametrize("head", NOT_HEADS.values(), ids=NOT_HEADS)
def test_a_model_that_ends_in_neither_probabilities_nor_logits_is_refused(head):
    def build():
        return keras.Sequential([keras.Input((4,)), *flat(head())])

    with pytest.raises(ValueError, match="must end in a layer that shows"):
        of_few(build).fit(ROWS, CLASSES)


def flat(layer):
    return layer.layers if isinstance(layer, keras.Sequential) else [layer]
