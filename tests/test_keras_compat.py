"""ImbalancedKerasClassifier among others: in copies, searches, threads, and beside scikeras."""

import copy
import io
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout

import joblib
import keras
import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from keras import layers
from keras_setup import EachBatch, X, Y, assert_same, of
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics import balanced_accuracy_score, get_scorer
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_score,
)

from skimbalance import TunedDecisionClassifierCV
from skimbalance.report import ImbalanceReport

pytestmark = pytest.mark.slow


def two_inputs():
    inputs = {name: keras.Input((1,), name=name) for name in "ab"}
    return keras.Model(inputs, layers.Dense(2)(layers.Concatenate()(list(inputs.values()))))


# Copies


# Keras' variables have NumPy's older form of `__array__`; a callback is copied with its model.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_copies():
    def softened():
        # Rows of zeros, which are all that is left later, do not show what it ends in.
        inputs = keras.Input((5,))
        z = layers.Dense(1, use_bias=False)(inputs)
        return keras.Model(inputs, layers.Lambda(lambda z: keras.ops.sigmoid(z))(z))

    for clf in (of(), of(callbacks=EachBatch()), of(softened)):
        clf.fit(X, Y)
        fresh = copy.deepcopy(clf)
        assert fresh.fit_path_ == clf.fit_path_
        np.testing.assert_array_equal(fresh.predict_proba(X), clf.predict_proba(X))
        np.testing.assert_allclose(
            np.asarray(fresh.model_(X))[:, -1], clf.predict_proba(X)[:, 1], atol=1e-6
        )
        fresh.partial_fit(X, Y)
        assert np.any(fresh.predict_proba(X) != clf.predict_proba(X))


# In scikit-learn and imbalanced-learn


GRID = {
    "model__units": [4, 8],
    "optimizer__learning_rate": [1e-3, 1e-2],
    "fit__batch_size": [32],
    "loss": ["crossentropy", "focal"],
    "callbacks__patience": [2],
    "dropout": [0.2],
}


def search(**options):
    clf = of(callbacks=keras.callbacks.EarlyStopping, callbacks__monitor="loss", **options)
    return GridSearchCV(clf, GRID, cv=2, scoring="roc_auc")


def test_grid_stacked_and_alone():
    alone = search().fit(X, Y)
    with joblib.parallel_config(backend="stacked"):
        stacked = search().fit(X, Y)
    scores = "mean_test_score"
    np.testing.assert_allclose(stacked.cv_results_[scores], alone.cv_results_[scores], atol=1e-4)
    assert len(np.unique(alone.cv_results_[scores])) == 8
    # A callback trains alone; without it fits are stacked.
    plain = GridSearchCV(of(), {"optimizer__learning_rate": [1e-3, 1e-2]}, cv=3).fit(X, Y)
    with joblib.parallel_config(backend="stacked"):
        stacked = clone(plain).fit(X, Y)
    np.testing.assert_allclose(stacked.cv_results_[scores], plain.cv_results_[scores], atol=1e-6)
    assert_same(stacked.best_estimator_, plain.best_estimator_, atol=1e-5)


def test_threads():
    clfs = [of(model__units=units, dropout=0.2) for units in (3, 4, 5, 3, 4, 5)]
    alone = [clone(clf).fit(X, Y).predict_proba(X) for clf in clfs]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda clf: clf.fit(X, Y).predict_proba(X), clfs))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_callbacks_by_name():
    stop = {"callbacks__monitor": "loss", "callbacks__min_delta": 1e9, "callbacks__patience": 2}
    clf = of(callbacks="EarlyStopping", epochs=9, **stop).fit(X, Y)
    # The first epoch sets the best; two bring nothing.
    assert clf.n_iter_ == 3
    assert clf.set_params(callbacks__patience=4).fit(X, Y).n_iter_ == 5


def test_parameters():
    clf = of(units=3, optimizer__learning_rate=0.1)
    params = clf.get_params()
    assert (params["units"], params["optimizer__learning_rate"]) == (3, 0.1)
    assert clone(clf).get_params() == params
    assert "units=3" in repr(clf)
    assert "optimizer__learning_rate=0.1" in repr(clf)
    assert clf.set_params(model__units=9, dropout=0.5, epochs=1).get_params()["dropout"] == 0.5
    clf.fit(X, Y)
    assert clf.model_.layers[0].units == 9
    with pytest.raises(ValueError, match="Invalid parameter 'classes_' for estimator"):
        clf.set_params(classes_=3)
    with pytest.raises(ValueError, match="Invalid parameter 'unit' for estimator"):
        clf.set_params(unit=3)
    nested = of(sampling=SMOTE()).set_params(sampling__k_neighbors=2)
    assert nested.sampling.k_neighbors == 2
    assert nested.get_params()["sampling__k_neighbors"] == 2


def test_meta_estimators():
    clf = of(epochs=10)
    calibrated = CalibratedClassifierCV(clf, cv=2).fit(X, Y)
    assert calibrated.predict_proba(X).shape == (len(X), 2)
    threshold = TunedThresholdClassifierCV(clf, scoring="f1", cv=2).fit(X, Y)
    assert 0 < threshold.best_threshold_ < 1
    tuned = TunedDecisionClassifierCV(clf, cv=2).fit(X, Y)
    assert set(tuned.predict(X)) == {0, 1}
    report = ImbalanceReport.from_estimator(clf.fit(X, Y), X, Y)
    assert f"{balanced_accuracy_score(Y, clf.predict(X)):.3f}" in str(report)


# What goes wrong in scikeras


def test_it_is_a_classifier():
    assert is_classifier(of())
    y = np.sort(Y)
    order = np.argsort(Y, kind="stable")
    # Sorted rows: without stratification there would be folds without positives.
    scores = cross_val_score(of(), X[order], y, cv=3, scoring="average_precision")
    folds = StratifiedKFold(3)
    expected = cross_val_score(of(), X[order], y, cv=folds, scoring="average_precision")
    np.testing.assert_array_equal(scores, expected)


@pytest.mark.parametrize("scoring", ["roc_auc", "average_precision", "neg_log_loss", "f1"])
def test_scorers(scoring):
    assert np.isfinite(get_scorer(scoring)(of().fit(X, Y), X, Y))


def test_weights_are_left_alone_and_may_be_integers():
    weight = np.arange(len(Y)) % 3
    before = weight.copy()
    clf = of().fit(X, Y, sample_weight=weight)
    np.testing.assert_array_equal(weight, before)
    np.testing.assert_array_equal(
        clf.predict_proba(X), of().fit(X, Y, sample_weight=1.0 * weight).predict_proba(X)
    )


def test_one_row():
    clf = of().fit(X, Y)
    assert clf.predict_proba(X[:1]).shape == (1, 2)
    assert clf.predict(X[:1]).shape == (1,)


def test_dtypes():
    clf = of().fit(X.astype("float32"), Y)
    np.testing.assert_allclose(
        clf.predict_proba(X.astype("float32").astype("float64")),
        clf.predict_proba(X.astype("float32")),
        atol=1e-6,
    )
    of().fit((10 * X).astype(int), Y).predict(X)


def test_columns():
    pandas = pytest.importorskip("pandas")
    rows = pandas.DataFrame(X, columns=list("abcde"))
    clf = of().fit(rows, Y)
    assert clf.feature_names_in_.tolist() == list("abcde")
    assert clf.n_features_in_ == 5
    with pytest.raises(ValueError, match="feature names should match"):
        clf.predict(rows[list("edcba")])
    with pytest.raises(ValueError, match="X has 4 features, but ImbalancedKerasClassifier"):
        of().fit(X, Y).predict(X[:, :4])
    parts = of(two_inputs).fit({"a": rows[["a"]], "b": rows[["b"]]}, Y)
    assert not hasattr(parts, "feature_names_in_")


def test_it_is_silent():
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        of().fit(X, Y).predict(X)
        of(callbacks=EachBatch()).fit(X, Y).predict(X)
    assert (out.getvalue(), err.getvalue()) == ("", "")


def noisy():
    """Layers that Keras gives seeds, and weights, of its own."""
    parts = [layers.Reshape((5, 1)), layers.LSTM(3, dropout=0.1), layers.GaussianNoise(0.1)]
    return keras.Sequential([keras.Input((5,)), *parts, layers.Dense(2)])


def test_nothing_global_changes():
    import tensorflow as tf
    from tensorflow.python.framework import config

    def state():
        return (
            random.getstate(),
            repr(np.random.get_state()),  # noqa: NPY002
            keras.config.floatx(),
            keras.config.dtype_policy().name,
            config.is_op_determinism_enabled(),
            tf.config.functions_run_eagerly(),
            dict(keras.saving.get_custom_objects()),
        )

    tf.random.set_seed(0)
    before = state()
    for callbacks in (None, EachBatch()):
        # No other test has compiled networks of this size.
        clf = of(dropout=0.3, units=17, callbacks=callbacks).fit(X, Y)
        copy.deepcopy(clf).predict(X)
        of(noisy, callbacks=callbacks, sampling=SMOTE()).fit(X, Y).predict(X)
    assert state() == before
