"""Metrics of whole epochs are those of scikit-learn, and of Keras' own evaluation."""

import keras
import numpy as np
import pytest
from keras import layers
from scipy.special import expit, softmax
from sklearn import metrics as of_sklearn

from skimbalance._keras.metrics import Metrics
from skimbalance.keras_classifier import ImbalancedKerasClassifier

RNG = np.random.default_rng(0)
Y2 = np.arange(60) % 4 // 3
Z2 = RNG.normal(size=(60, 2)).astype("float32")
P2 = softmax(Z2, axis=1)
Y3 = np.arange(60) % 3
Z3 = RNG.normal(size=(60, 3)).astype("float32")
P3 = softmax(Z3, axis=1)
YL = (RNG.random((60, 3)) < 0.3).astype(np.int8)
PL = expit(Z3)


def value_of(metric, y, logits, exclusive=True):
    (value,) = Metrics([metric], exclusive)(y, logits).values()
    return value


@pytest.mark.parametrize("metric", ["accuracy", "acc", "sparse_categorical_accuracy"])
def test_accuracy(metric):
    for y, z in ((Y2, Z2), (Y3, Z3)):
        expected = of_sklearn.accuracy_score(y, z.argmax(axis=1))
        np.testing.assert_allclose(value_of(metric, y, z), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "metric",
    ["crossentropy", "ce", "sparse_categorical_crossentropy", "categorical_crossentropy"],
)
def test_crossentropy(metric):
    for y, z, p in ((Y2, Z2, P2), (Y3, Z3, P3)):
        np.testing.assert_allclose(value_of(metric, y, z), of_sklearn.log_loss(y, p), rtol=1e-5)


OF_THE_SECOND = {
    "AUC": (
        keras.metrics.AUC(num_thresholds=2000),
        lambda y, p: of_sklearn.roc_auc_score(y, p),
        2e-3,
    ),
    "Precision": (
        keras.metrics.Precision,
        lambda y, p: of_sklearn.precision_score(y, p > 0.5),
        1e-6,
    ),
    "Recall": ("Recall", lambda y, p: of_sklearn.recall_score(y, p > 0.5), 1e-6),
    "binary_crossentropy": ("binary_crossentropy", of_sklearn.log_loss, 1e-5),
    "F1Score": (
        keras.metrics.F1Score(threshold=0.5),
        lambda y, p: of_sklearn.f1_score(y, p > 0.5),
        1e-6,
    ),
}


@pytest.mark.parametrize("name", OF_THE_SECOND)
def test_of_two_classes_the_second_counts(name):
    metric, function, tolerance = OF_THE_SECOND[name]
    actual = value_of(metric, Y2, Z2)
    np.testing.assert_allclose(actual, function(Y2, P2[:, 1]), atol=tolerance)


@pytest.mark.parametrize("metric", ["categorical_accuracy", keras.metrics.CategoricalAccuracy])
def test_categorical_metrics_see_both_classes(metric):
    # With a single column they would always be 1.
    for y, z in ((Y2, Z2), (Y3, Z3)):
        expected = of_sklearn.accuracy_score(y, z.argmax(axis=1))
        np.testing.assert_allclose(value_of(metric, y, z), expected, rtol=1e-6)


@pytest.mark.parametrize(("y", "z"), [(Y2, Z2), (Y3, Z3)])
def test_a_value_for_each_class(y, z):
    values = Metrics([keras.metrics.F1Score()], exclusive=True)(y, z)
    expected = of_sklearn.f1_score(y, z.argmax(axis=1), average=None)
    assert list(values) == [f"f1_score_{i}" for i in range(len(expected))]
    np.testing.assert_allclose(list(values.values()), expected, rtol=1e-5)


def test_class_of_a_metric():
    metric = keras.metrics.Precision(class_id=0)
    expected = of_sklearn.precision_score(Y2 == 0, P2[:, 0] > 0.5)
    np.testing.assert_allclose(value_of(metric, Y2, Z2), expected, rtol=1e-6)


def test_labels():
    hamming = np.mean((PL > 0.5) == YL)
    for metric in ("accuracy", "binary_accuracy"):
        np.testing.assert_allclose(value_of(metric, YL, Z3, exclusive=False), hamming, rtol=1e-6)
    expected = np.mean([of_sklearn.log_loss(YL[:, j], PL[:, j]) for j in range(3)])
    actual = value_of("crossentropy", YL, Z3, exclusive=False)
    np.testing.assert_allclose(actual, expected, rtol=1e-5)
    macro = keras.metrics.F1Score(average="macro", threshold=0.5)
    expected = of_sklearn.f1_score(YL, PL > 0.5, average="macro")
    np.testing.assert_allclose(value_of(macro, YL, Z3, exclusive=False), expected, rtol=1e-5)


def test_function():
    def gap(y_true, y_pred):
        return keras.ops.mean(y_pred) - keras.ops.mean(y_true)

    values = Metrics([gap], exclusive=True)(Y2, Z2)
    assert list(values) == ["gap"]
    np.testing.assert_allclose(values["gap"], P2[:, 1].mean() - Y2.mean(), atol=1e-6)


def test_each_call_starts_anew_and_the_given_metric_is_left_alone():
    given = keras.metrics.Recall()
    metrics = Metrics([given], exclusive=True)
    assert metrics(Y2, Z2) == metrics(Y2, Z2)
    assert not np.any([np.asarray(v) for v in given.variables])


def test_names_do_not_count_fits():
    made = [keras.metrics.AUC(), keras.metrics.AUC(curve="PR"), keras.metrics.Recall(name="mine")]
    assert list(Metrics(made, True)(Y2, Z2)) == ["auc", "auc_1", "mine"]
    named = keras.metrics.Recall(name="recall_5")
    assert list(Metrics([named], True, [named])(Y2, Z2)) == ["recall_5"]


def build(width, compiled):
    def model():
        head = layers.Dense(width, activation="sigmoid" if width == 1 else "softmax")
        model = keras.Sequential([keras.Input((2,)), head])
        if compiled:
            metrics = ["accuracy", keras.metrics.AUC(), keras.metrics.Recall(name="r")]
            model.compile("sgd", "binary_crossentropy", metrics=metrics)
        return model

    return model


@pytest.mark.slow
@pytest.mark.parametrize("compiled", [True, False])
def test_history_is_keras_evaluation(compiled):
    metrics = None if compiled else ["accuracy", keras.metrics.AUC, keras.metrics.Recall(name="r")]
    clf = ImbalancedKerasClassifier(
        build(1, compiled), metrics=metrics, epochs=3, early_stopping=True, random_state=0
    )
    for _ in range(2):
        clf.fit(P2, Y2)
        assert set(clf.history_) == {
            f"{prefix}{name}"
            for prefix in ("", "val_")
            for name in ("loss", "accuracy", "auc", "r")
        }
        assert set(map(len, clf.history_.values())) == {clf.n_iter_}
    clf.set_params(early_stopping=False).fit(P2, Y2)
    model = clf.model_
    model.compile(loss="binary_crossentropy", metrics=["accuracy", "AUC", "Recall"])
    expected = model.evaluate(P2, Y2, verbose=0, batch_size=100)[1:]
    actual = [clf.history_[name][-1] for name in ("accuracy", "auc", "r")]
    np.testing.assert_allclose(actual, expected, atol=1e-6)


@pytest.mark.slow
def test_callback_sees_metrics():
    stop = keras.callbacks.EarlyStopping("val_recall", mode="max", patience=2, baseline=2.0)
    clf = ImbalancedKerasClassifier(
        build(1, compiled=False),
        metrics=["Recall"],
        callbacks=stop,
        early_stopping=True,
        epochs=30,
    )
    assert clf.fit(P2, Y2).n_iter_ == 2
