"""The Keras model that an estimator shows."""

import copy
import pickle

import numpy as np
import pytest
from keras_setup import EACH_ESTIMATOR, FEW, FEW_Y

from skimbalance import ImbalancedMLPClassifier

pytestmark = pytest.mark.slow

LABELS = np.stack([FEW_Y, FEW[:, 0] > 0], axis=1)
FITTED = {
    **EACH_ESTIMATOR,
    "several labels": (ImbalancedMLPClassifier((3,), epochs=1), FEW, LABELS),
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
