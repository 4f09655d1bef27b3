"""Losses, optimizers and precisions that fits do not support are refused, and nothing stays."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from keras_setup import EachBatch

from skimbalance import (
    ImbalancedKerasClassifier,
    ImbalancedMLPClassifier,
    ImbalancedSequenceClassifier,
)
from skimbalance._engine.tensorflow import program
from skimbalance._fit.targets import Classes, Labels, Steps
from skimbalance._keras.objective import mean_loss

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4)).astype(np.float32)
Y = np.repeat([0, 1, 2], [30, 20, 10])

TARGETS = {
    "classes": (Classes(np.arange(3)), [None], [None, 3]),
    "steps": (Steps(np.arange(3)), [None, None], [None, None, 3]),
    "labels": (Labels(3, False, None), [None, 3], [None, 3]),
}


def by_row(y_true, y_pred):
    return -ops.sum(y_true * ops.log(y_pred), axis=-1)


class Averaging(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(by_row(y_true, y_pred))


BAD = {
    "mean over the batch": lambda y, p: ops.mean(by_row(y, p)),
    "mean that keeps its axis": lambda y, p: ops.mean(by_row(y, p), axis=0, keepdims=True),
    "value for each class": lambda y, p: -y * ops.log(p),
    "mean of each class": lambda y, p: ops.mean(-y * ops.log(p), axis=0),
    "value for each row and an axis": lambda y, p: by_row(y, p)[..., None],
    "Keras loss that averages": Averaging(),
}


def trace(loss, target):
    """Trace the mean of a loss, as programs do."""
    learnt, y_shape, logits_shape = TARGETS[target]
    mean, _ = mean_loss(loss, learnt)
    specs = (
        tf.TensorSpec(y_shape, tf.int32),
        tf.TensorSpec(logits_shape, tf.float32),
        tf.TensorSpec(y_shape, tf.float32),
    )
    traced = tf.function(lambda y, z, w: mean(y, z, w, {}), autograph=False)
    return traced.get_concrete_function(*specs)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("loss", BAD.values(), ids=BAD)
def test_a_loss_gives_one_value_for_each_target(loss, target):
    with pytest.raises(ValueError, match="'loss' parameter must give one value for each"):
        trace(loss, target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "loss", [by_row, keras.losses.CategoricalCrossentropy(), keras.losses.categorical_hinge]
)
def test_a_loss_with_one_value_for_each_target_is_taken(loss, target):
    assert trace(loss, target)(*zeros(target)).shape == ()


def zeros(target):
    shapes = [[2 if n is None else n for n in shape] for shape in TARGETS[target][1:]]
    y, logits = shapes
    return tf.zeros(y, tf.int32), tf.zeros(logits), tf.zeros(y)


@pytest.mark.parametrize("ignored", [0, 2, -1])
def test_rows_of_an_ignored_class_count_as_little_as_in_keras(ignored):
    logits = rng.normal(size=(60, 3)).astype(np.float32)
    y = np.where(Y == 2, ignored, Y) if ignored < 0 else Y
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=ignored)
    mean, _ = mean_loss(loss, Classes(np.arange(3)))
    ours = mean(tf.constant(y), tf.constant(logits), tf.ones(60), {})
    np.testing.assert_allclose(ours, loss(y, logits), rtol=1e-6)


def custom(**params):
    def build(meta):
        return keras.Sequential(
            [
                keras.Input((meta["n_features_in_"],)),
                keras.layers.Dense(meta["n_classes_"], activation="softmax"),
            ]
        )

    return ImbalancedKerasClassifier(params.pop("model", build), **params)


FITS = {
    "perceptron": lambda **params: ImbalancedMLPClassifier(
        (3,), epochs=1, random_state=0, **params
    ).fit(X, Y),
    "custom network": lambda **params: custom(epochs=1, random_state=0, **params).fit(X, Y),
    "sequences": lambda **params: ImbalancedSequenceClassifier(
        "conv1d", epochs=1, random_state=0, **params
    ).fit([row[:, None] for row in X], [[label, 0, 0, 1] for label in Y]),
}
estimators = pytest.mark.parametrize("fit", FITS.values(), ids=FITS)


@pytest.mark.slow
@estimators
@pytest.mark.parametrize("callbacks", [None, [EachBatch()]], ids=["compiled", "by Keras"])
def test_a_loss_that_is_refused_leaves_nothing_behind(fit, callbacks):
    before = [*program._programs.values()]
    with pytest.raises(ValueError, match="one value for each"):
        fit(loss=BAD["mean over the batch"], callbacks=callbacks)
    assert all(kept in before or kept._loss is None for kept in program._programs.values())


@pytest.mark.slow
@estimators
@pytest.mark.parametrize(
    "optimizer",
    [
        keras.optimizers.SGD(0.1, use_ema=True),
        keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)),
    ],
    ids=["use_ema", "loss scale"],
)
@pytest.mark.parametrize("callbacks", [None, [EachBatch()]], ids=["compiled", "by Keras"])
def test_an_optimizer_that_fits_do_not_support_is_refused(fit, optimizer, callbacks):
    with pytest.raises(ValueError, match="The 'optimizer' parameter must not"):
        fit(optimizer=optimizer, callbacks=callbacks)


@pytest.fixture
def float32():
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.slow
@estimators
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float64", "float16"])
def test_fits_refuse_other_precisions_and_work_again_after(fit, policy, float32):
    before = fit()
    keras.config.set_dtype_policy(policy)
    with pytest.raises(ValueError, match="The dtype policy must be that of keras"):
        fit()
    keras.config.set_dtype_policy("float32")
    again = fit()
    assert again.fit_path_ == before.fit_path_
    assert again.loss_ == before.loss_


@pytest.mark.slow
def test_a_layer_in_mixed_precision_is_refused():
    def build(meta):
        return keras.Sequential(
            [
                keras.Input((meta["n_features_in_"],)),
                keras.layers.Dense(3, dtype="mixed_bfloat16"),
                keras.layers.Dense(meta["n_classes_"], activation="softmax"),
            ]
        )

    with pytest.raises(ValueError, match="Got the policy 'mixed_bfloat16'"):
        custom(model=build).fit(X, Y)
