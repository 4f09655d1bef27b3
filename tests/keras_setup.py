"""Rows, a build function and its classifier, for the tests of ImbalancedKerasClassifier."""

import keras
import numpy as np
from keras import layers
from sklearn.datasets import make_classification

from skimbalance.keras_classifier import ImbalancedKerasClassifier

X, Y = make_classification(200, 5, n_informative=3, weights=[0.8], class_sep=1.5, random_state=0)
X3, Y3 = make_classification(
    90, 5, n_informative=3, n_classes=3, n_clusters_per_class=1, random_state=0
)
LABELS = np.stack([X[:, 0] > 1, X[:, 1] > 0, X[:, 2] > -1], axis=1).astype(int)
# The smallest rate that leaves float32 weights as they are.
NO_RATE = 1e-30


class EachBatch(keras.callbacks.Callback):
    """Forces Keras' own fit."""

    def on_train_batch_end(self, batch, logs=None):
        pass


def build(meta, units=8, dropout=0.0):
    labels = meta["target_type_"].startswith("multilabel")
    return keras.Sequential(
        [
            keras.Input((meta["n_features_in_"],)),
            layers.Dense(units, activation="relu"),
            layers.Dropout(dropout),
            layers.Dense(meta["n_classes_"], activation="sigmoid" if labels else "softmax"),
        ]
    )


def of(model=build, **options):
    return ImbalancedKerasClassifier(model, **{"epochs": 3, "random_state": 0, **options})


def assert_same(clf, other, X=X, atol=1e-6):
    np.testing.assert_allclose(clf.predict_proba(X), other.predict_proba(X), atol=atol)
