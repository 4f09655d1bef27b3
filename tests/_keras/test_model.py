"""The Keras model that an estimator shows."""

import copy
import pickle

import keras
import numpy as np
import pytest

from skimbalance import (
    ImbalancedKerasClassifier,
    ImbalancedMLPClassifier,
    ImbalancedSequenceClassifier,
)

pytestmark = pytest.mark.slow

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 4)).astype(np.float32)
Y = np.repeat([0, 1], [25, 15])
LABELS = np.stack([Y, X[:, 0] > 0], axis=1)


def build(meta):
    inputs = keras.Input((meta["n_features_in_"],))
    return keras.Model(inputs, keras.layers.Dense(meta["n_classes_"], "softmax")(inputs))


FITTED = {
    "perceptron": (ImbalancedMLPClassifier((3,), epochs=1), X, Y),
    "several labels": (ImbalancedMLPClassifier((3,), epochs=1), X, LABELS),
    "custom network": (ImbalancedKerasClassifier(build, epochs=1), X, Y),
    "sequences": (
        ImbalancedSequenceClassifier("conv1d", epochs=1),
        X[:, :, None],
        Y[:, None] + X * 0 > 0,
    ),
}


@pytest.mark.parametrize(("clf", "X", "y"), FITTED.values(), ids=FITTED)
def test_it_is_the_same_object_until_the_next_fit(clf, X, y):
    model = clf.fit(X, y).model_
    model.compile("sgd", "mse")
    assert clf.model_ is model
    assert model.compiled
    for other in (pickle.loads(pickle.dumps(clf)), copy.deepcopy(clf)):
        assert other.model_ is other.model_
        assert other.model_ is not model
    assert clf.fit(X, y).model_ is not model


@pytest.mark.parametrize(("clf", "X", "y"), FITTED.values(), ids=FITTED)
def test_each_look_gives_it_the_fitted_weights(clf, X, y):
    model = clf.fit(X, y).model_
    weights = model.get_weights()
    model.set_weights([np.zeros_like(w) for w in weights])
    for fitted, shown in zip(weights, clf.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(shown, fitted)
