"""What holds for the perceptron holds for any network: weights, losses, sampling, stopping."""

import pickle
import re

import keras
import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from keras import layers
from keras_setup import LABELS, NO_RATE, X3, Y3, EachBatch, X, Y, assert_same, of
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from skimbalance import ImbalancedMLPClassifier
from skimbalance.networks import mlp

pytestmark = pytest.mark.slow

# The same network as the perceptron


@pytest.mark.parametrize(
    ("normalization", "early_stopping", "callbacks"),
    [(None, True, None), ("layer", False, None), (None, False, EachBatch()),
     ("layer", True, EachBatch())],
)  # fmt: skip
def test_it_is_the_perceptron(normalization, early_stopping, callbacks):
    options = {
        "epochs": 4,
        "batch_size": 32,
        "loss": "focal",
        "early_stopping": early_stopping,
        "random_state": 0,
    }
    perceptron = ImbalancedMLPClassifier(
        (8,), normalization=normalization, standardize=False, **options
    )
    start = clone(perceptron).set_params(learning_rate=NO_RATE, epochs=1).fit(X, Y).model_
    perceptron.fit(X, Y)

    def same():
        model = mlp(5, 2, hidden_layer_sizes=(8,), normalization=normalization)
        model.set_weights(start.get_weights())
        return model

    clf = of(same, output_bias=None, callbacks=callbacks, **options).fit(X, Y)
    assert (clf.fit_path_ == "compiled") is (callbacks is None)
    assert_same(clf, perceptron, atol=1e-4)
    assert clf.history_.keys() == perceptron.history_.keys()
    for name, values in perceptron.history_.items():
        np.testing.assert_allclose(clf.history_[name], values, rtol=1e-4)
    assert clf.class_weight_ == perceptron.class_weight_
    np.testing.assert_array_equal(clf.class_prior_, perceptron.class_prior_)
    np.testing.assert_allclose(clf.predict_posterior(X), perceptron.predict_posterior(X), atol=1e-4)


def test_output_starts_at_the_class_shares():
    for classes, y in ((2, Y), (3, Y3)):
        rows = X if classes == 2 else X3
        options = {"class_weight": None, "optimizer__learning_rate": NO_RATE, "epochs": 1}

        def constant(width):
            return lambda: keras.Sequential(
                [keras.Input((5,)), layers.Dense(width, kernel_initializer="zeros")]
            )

        for width in {classes, 1 if classes == 2 else 3}:
            clf = of(constant(width), **options).fit(rows, y)
            np.testing.assert_allclose(clf.predict_proba(rows[:1])[0], clf.class_prior_, atol=1e-5)
            clf.set_params(output_bias=None).fit(rows, y)
            np.testing.assert_allclose(clf.predict_proba(rows[:1]), 1 / classes, atol=1e-6)


# Optimizers


OPTIMIZERS = {
    "sgd with momentum": {
        "optimizer": "sgd",
        "optimizer__momentum": 0.9,
        "optimizer__learning_rate": 0.05,
    },
    "adamw": {"optimizer": "adamw", "optimizer__weight_decay": 0.3},
    "class": {"optimizer": keras.optimizers.RMSprop, "optimizer__rho": 0.5},
    "object": {"optimizer": keras.optimizers.Nadam(0.01)},
    "schedule": {
        "optimizer__learning_rate": keras.optimizers.schedules.ExponentialDecay(0.05, 4, 0.5)
    },
    "clipped": {"optimizer__clipnorm": 0.01},
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_is_that_of_keras(name):
    clf, by_keras = (
        of(**OPTIMIZERS[name], batch_size=32, callbacks=callbacks).fit(X, Y)
        for callbacks in (None, EachBatch())
    )
    assert by_keras.fit_path_ != clf.fit_path_ == "compiled"
    assert_same(clf, by_keras, atol=2e-4)
    np.testing.assert_allclose(clf.history_["loss"], by_keras.history_["loss"], rtol=1e-3)
    plain = of(batch_size=32).fit(X, Y)
    assert np.abs(plain.predict_proba(X) - clf.predict_proba(X)).max() > 1e-3


def test_adamw_is_keras_fit():
    # Keras itself, on batches of all rows: their order does not matter.
    def same():
        model = keras.Sequential([keras.Input((5,)), layers.Dense(2, activation="softmax")])
        model.set_weights([np.linspace(-1, 1, 10).reshape(5, 2), np.ones(2)])
        return model

    options = {"optimizer": "adamw", "optimizer__weight_decay": 0.3, "class_weight": None}
    clf = of(same, batch_size=500, output_bias=None, **options).fit(X, Y)
    model = same()
    model.compile(keras.optimizers.AdamW(weight_decay=0.3), "sparse_categorical_crossentropy")
    history = model.fit(X, Y, epochs=3, batch_size=500, verbose=0).history
    np.testing.assert_allclose(clf.history_["loss"], history["loss"], rtol=1e-5)
    np.testing.assert_allclose(clf.predict_proba(X), model(X), atol=1e-5)


# Losses, weights, sampling


LOSSES = {
    "names": ["crossentropy", "categorical_crossentropy", "binary_crossentropy"],
    "classes": [keras.losses.CategoricalCrossentropy, keras.losses.SparseCategoricalCrossentropy],
    "objects": [keras.losses.BinaryCrossentropy(), keras.losses.BinaryCrossentropy(True)],
    "functions": [keras.losses.sparse_categorical_crossentropy],
}


@pytest.mark.parametrize("kind", LOSSES)
def test_forms_of_the_crossentropy_are_one(kind):
    expected = of().fit(X, Y).predict_proba(X)
    for loss in LOSSES[kind]:
        np.testing.assert_array_equal(of(loss=loss).fit(X, Y).predict_proba(X), expected)


def test_loss_of_keras_with_parameters():
    # Kullback & Leibler's divergence of one-hot targets is the cross-entropy.
    clf = of(loss="kl_divergence", class_weight=None).fit(X3, Y3)
    assert_same(clf, of(class_weight=None).fit(X3, Y3), X3, atol=1e-4)
    smooth = of(
        loss=keras.losses.CategoricalCrossentropy, loss__label_smoothing=0.5, class_weight=None
    )
    assert smooth.fit(X3, Y3).predict_proba(X3).max() < clf.predict_proba(X3).max()


def test_loss_of_two_classes_is_that_of_the_second():
    # A custom loss that weighs the positives, as written for a model with one output.
    def weighted(y_true, y_pred):
        loss = keras.ops.binary_crossentropy(y_true, y_pred)
        return keras.ops.mean(loss * (1 + 8 * y_true), axis=-1)

    def one():
        return keras.Sequential([keras.Input((5,)), layers.Dense(1, activation="sigmoid")])

    options = {"output_bias": None, "batch_size": 500, "optimizer": "sgd"}
    clf = of(one, loss=weighted, class_weight=None, **options).fit(X, Y)
    # The same, apart from the scale of the weights.
    scale = np.mean(1 + 8 * Y)
    of_classes = of(
        one, class_weight={0: 1, 1: 9}, optimizer__learning_rate=0.01 * scale, **options
    ).fit(X, Y)
    assert_same(clf, of_classes, atol=1e-5)


@pytest.mark.parametrize("loss", ["crossentropy", "focal", "soft_f1"])
def test_weight_is_repetition(loss):
    weight = np.random.default_rng(0).integers(0, 3, len(Y))
    # Filled up to as many rows, all three train in one compiled program.
    assert 128 < np.count_nonzero(weight) < sum(weight) <= 256
    options = {
        "loss": loss,
        "batch_size": 1000,
        "early_stopping": False,
        "epochs": 5,
        "optimizer__learning_rate": 0.05,
    }
    weighted = of(**options).fit(X, Y, sample_weight=weight)
    repeated = of(**options).fit(X.repeat(weight, 0), Y.repeat(weight))
    np.testing.assert_array_equal(weighted.class_counts_, repeated.class_counts_)
    assert_same(weighted, repeated, atol=1e-4)
    assert np.abs(of(**options).fit(X, Y).predict_proba(X) - weighted.predict_proba(X)).max() > 1e-3


def test_class_weight_is_sample_weight():
    by_class = of(class_weight={0: 1, 1: 5}).fit(X, Y)
    by_row = of(class_weight=None).fit(X, Y, sample_weight=1.0 + 4.0 * Y)
    assert by_class.class_weight_[1] == pytest.approx(5 * by_class.class_weight_[0])
    # The class shares, at which the outputs start, are those of the weighted rows in both.
    assert_same(by_class, by_row, atol=1e-4)


@pytest.mark.parametrize("sampling", ["stratified", "balanced", RandomUnderSampler(), SMOTE()])
def test_sampling(sampling):
    clf = of(sampling=sampling, early_stopping=True, class_weight=None, epochs=20).fit(X, Y)
    posterior, proba = clf.predict_posterior(X), clf.predict_proba(X)
    np.testing.assert_allclose(posterior.sum(axis=1), 1)
    if sampling != "stratified":
        # Drawn as often as the others, the rare class is too probable; the posterior knows.
        assert proba[:, 1].mean() > posterior[:, 1].mean() + 0.05


def test_sampler_before():
    pipe = make_pipeline(StandardScaler(), SMOTE(random_state=0), of()).fit(X, Y)
    assert pipe[-1].class_counts_.tolist() == [np.sum(Y == 0)] * 2
    assert pipe.predict_proba(X).shape == (len(X), 2)


@pytest.mark.parametrize("monitor", ["loss", "balanced_accuracy", "average_precision"])
def test_monitor(monitor):
    clf = of(monitor=monitor, early_stopping=True, epochs=30, n_iter_no_change=2).fit(X, Y)
    name = "val_loss" if monitor == "loss" else f"val_{monitor}"
    best = np.argmin if monitor == "loss" else np.argmax
    assert clf.best_epoch_ == best(clf.history_[name]) + 1
    assert clf.loss_ == clf.history_["loss"][clf.best_epoch_ - 1]
    assert clf.n_iter_ == len(clf.history_["loss"])


# Labels


def test_labels():
    clf = of(epochs=20, optimizer__learning_rate=0.05, metrics=["accuracy"]).fit(X, LABELS)
    proba = clf.predict_proba(X)
    np.testing.assert_allclose(proba, clf.model_(X), atol=1e-6)
    np.testing.assert_array_equal(clf.predict(X), proba > 0.5)
    assert np.mean(clf.predict(X) == LABELS) > 0.9
    assert clf.predict_posterior(X).shape == LABELS.shape
    by_keras = of(callbacks=EachBatch(), batch_size=32).fit(X, LABELS)
    assert_same(by_keras, of(batch_size=32).fit(X, LABELS), atol=2e-4)
    assert of(loss="asymmetric").fit(X, LABELS).fit_path_ == "compiled"


def test_default_model_takes_labels_and_classes():
    for y in (Y, LABELS):
        clf = of(None).fit(X, y)
        assert clf.fit_path_ == "compiled"
        assert len(clf.predict(X)) == len(X)


# One fit after another


def test_partial_fit():
    clf = of(batch_size=32)
    first = np.flatnonzero(Y == 0)[:30]
    clf.partial_fit(X[first], Y[first], classes=[0, 1])
    assert clf.class_counts_.tolist() == [30, 0]
    rest = np.setdiff1d(np.arange(len(Y)), first)
    clf.partial_fit(X[rest], Y[rest])
    # Counts add up: "balanced" weights are those of all rows.
    np.testing.assert_array_equal(clf.class_counts_, np.bincount(Y))
    ratio = clf.class_weight_[1] / clf.class_weight_[0]
    assert ratio == pytest.approx(np.sum(Y == 0) / np.sum(Y == 1))
    assert (clf.n_iter_, len(clf.history_["loss"])) == (2, 2)
    with pytest.raises(ValueError, match="must have weights of the same shapes"):
        clf.set_params(units=3).partial_fit(X, Y)


@pytest.mark.parametrize("callbacks", [None, EachBatch()])
def test_parts_are_epochs(callbacks):
    parts = of(callbacks=callbacks, batch_size=32, optimizer="sgd")
    for _ in range(3):
        parts.partial_fit(X, Y, classes=[0, 1])
    # Without slots of the optimizer nothing but the weights goes from part to part.
    assert_same(parts, of(batch_size=32, optimizer="sgd").fit(X, Y), atol=1e-5)


@pytest.mark.parametrize("callbacks", [None, EachBatch()])
def test_warm_start(callbacks):
    clf = of(warm_start=True, callbacks=callbacks).fit(X, Y)
    weights = clf.model_.get_weights()
    clf.set_params(optimizer__learning_rate=NO_RATE).fit(X, Y)
    for before, after in zip(weights, clf.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert (clf.n_iter_, len(clf.history_["loss"])) == (6, 6)


def test_failed_fit_leaves_all_as_it_was():
    clf = of().fit(X, Y)
    before, proba = dict(vars(clf)), clf.predict_proba(X)
    clf.set_params(optimizer=keras.optimizers.SGD(1e30))
    with pytest.raises(ValueError, match="must stay finite"):
        clf.fit(1e6 * X3, Y3)
    with pytest.raises(ValueError, match="must have outputs of shape"):
        clf.set_params(model=lambda: keras.Sequential([keras.Input((5,)), layers.Dense(7)])).fit(
            X, Y
        )
    after = {k: v for k, v in vars(clf).items() if k not in ("model", "optimizer")}
    assert after == {k: v for k, v in before.items() if k not in ("model", "optimizer")}
    np.testing.assert_array_equal(clf.predict_proba(X), proba)


def test_what_is_done_to_the_model_does_not_matter():
    for callbacks in (None, EachBatch()):
        clf = of(callbacks=callbacks).fit(X, Y)
        proba = clf.predict_proba(X)
        clf.model_.set_weights([np.zeros_like(w) for w in clf.model_.get_weights()])
        np.testing.assert_array_equal(clf.predict_proba(X), proba)
        np.testing.assert_allclose(clf.model_(X), proba, atol=1e-6)


def test_parameters_may_change_after_fit():
    clf = of(units=4).fit(X, Y)
    proba = clf.predict_proba(X)
    other = pickle.loads(pickle.dumps(clf.set_params(units=7, model=None, loss="focal")))
    np.testing.assert_allclose(other.predict_proba(X), proba, atol=1e-6)


# Errors


def two_inputs():
    inputs = {name: keras.Input((1,), name=name) for name in "ab"}
    return keras.Model(inputs, layers.Dense(2)(layers.Concatenate()(list(inputs.values()))))


def ambiguous():
    inputs = keras.Input((5,), dtype="int32")
    z = layers.Lambda(lambda z: keras.ops.abs(z)[:, 0])(layers.Embedding(3, 3)(inputs))
    return keras.Model(inputs, z)


def dense_of(width, n_features=5, activation=None):
    return lambda: keras.Sequential(
        [keras.Input((n_features,)), layers.Dense(width, activation=activation)]
    )


INTEGERS = np.random.default_rng(0).integers(0, 3, (90, 5))
ERRORS = {
    "width": (
        of(dense_of(3)), X, Y,
        "must have outputs of shape (None, 2) for 2 classes (or of width 1). Got outputs of shape "
        "(None, 3) instead.",
    ),
    "rank": (
        of(lambda: keras.Sequential([keras.Input((5,)), layers.Reshape((5, 1))])), X, Y,
        "Got outputs of shape (None, 5, 1) instead.",
    ),
    "rows": (
        of(dense_of(2, 7)), X, Y,
        "must take rows of the same shape as those of X: (5,). "
        "Got a model that takes rows of shape (7,).",
    ),
    "softmax of labels": (
        of(dense_of(3, activation="softmax")), X, LABELS,
        "must end in sigmoid, or in logits, for 3 labels and outputs of width 3. Got one that ends "
        "in softmax. For exclusive classes: y.argmax(axis=1).",
    ),
    "sigmoid of classes": (
        of(dense_of(3, activation="sigmoid")), X3, Y3,
        "must end in softmax, or in logits, for 3 classes",
    ),
    "ambiguous": (
        of(ambiguous), INTEGERS, Y3,
        "must end in a layer that shows whether it puts out probabilities or logits",
    ),
    "number of inputs": (
        of(dense_of(2)), [X, X], Y,
        "must have as many inputs as X: 2. Got a model with 1.",
    ),
    "names of inputs": (
        of(two_inputs), {"a": X[:, :1], "c": X[:, 1:2]}, Y,
        "The inputs of X must be those of the model of ImbalancedKerasClassifier: ['a', 'b']. "
        "Got ['a', 'c'] instead.",
    ),
    "default model of images": (
        of(None), X[:, :, None], Y,
        "The 'model' parameter of ImbalancedKerasClassifier must be given for X of other than two "
        "dimensions. Got None for X of shape (200, 5, 1).",
    ),
    "sampler of images": (
        of(sampling=SMOTE()), X[:, :, None], Y,
        "The 'sampling' parameter of ImbalancedKerasClassifier must be 'shuffle', 'stratified' or "
        "'balanced' where X is not one array of two dimensions.",
    ),
    "nan": (
        of(), np.where(X > 2, np.nan, X), Y,
        "The X of ImbalancedKerasClassifier must be finite. Got NaN in row ",
    ),
    "epochs": (
        of(fit__epochs=0), X, Y,
        "The 'epochs' parameter of ImbalancedKerasClassifier must be an int in the range [1, inf) "
        "or a str among {'auto'}.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_fit_says_what_is_wrong(name):
    clf, rows, y, message = ERRORS[name]
    with pytest.raises(ValueError, match=re.escape(message)):
        clf.fit(rows, y)
    assert not [name for name in vars(clf) if name.endswith("_")]


def test_predict_says_what_is_wrong():
    clf = of(dense_of(2)).fit(X, Y)
    with pytest.raises(ValueError, match=r"same shape as in fit: \(5,\). Got \(5, 1\)"):
        clf.predict(X[:, :, None])
    clf = of(two_inputs).fit({"a": X[:, :1], "b": X[:, 1:2]}, Y)
    with pytest.raises(ValueError, match=r"the same as in fit: \['a', 'b'\]. Got \['a'\] instead"):
        clf.predict({"a": X[:, :1]})
    with pytest.raises(ValueError, match=r"the same as in fit: \['a', 'b'\]. Got one array"):
        clf.predict(X)
    with pytest.raises(ValueError, match=r"same shape as in fit: \(1,\). Got \(2,\)"):
        clf.predict({"a": X[:, :1], "b": X[:, :2]})
