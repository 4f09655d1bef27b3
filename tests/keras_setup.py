"""Rows, networks and classifiers for the tests of ImbalancedKerasClassifier."""

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import make_classification

from skimbalance import (
    ImbalancedKerasClassifier,
    ImbalancedMLPClassifier,
    ImbalancedSequenceClassifier,
)

X, Y = make_classification(200, 5, n_informative=3, weights=[0.8], class_sep=1.5, random_state=0)
X3, Y3 = make_classification(
    90, 5, n_informative=3, n_classes=3, n_clusters_per_class=1, random_state=0
)
LABELS = np.stack([X[:, 0] > 1, X[:, 1] > 0, X[:, 2] > -1], axis=1).astype(int)
# A few rows of several kinds, and three classes.
N = 30
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(N, 4))
IMAGES = RNG.normal(size=(N, 6, 6, 1))
SERIES = RNG.normal(size=(N, 5, 3))
TOKENS = RNG.integers(0, 7, size=(N, 5))
CLASSES = np.arange(N) % 3
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


def of_few(model, **options):
    """For the few rows: several batches in an epoch, and few epochs."""
    return of(model, **{"epochs": 2, "batch_size": 16, **options})


def sequential(*parts, shape=(4,)):
    return lambda: keras.Sequential([keras.Input(shape), *(part() for part in parts)])


def functional(outputs_of, shape=(4,)):
    def build():
        inputs = keras.Input(shape)
        return keras.Model(inputs, outputs_of(inputs))

    return build


def softmax():
    return layers.Dense(3, activation="softmax")


def dense(units=8, activation="relu", **options):
    return lambda: layers.Dense(units, activation=activation, **options)


def proba_of(model, X):
    """Probabilities as the model itself gives them."""
    X = {k: ops.convert_to_tensor(x) for k, x in X.items()} if isinstance(X, dict) else X
    return np.asarray(model(X, training=False))


def assert_same(clf, other, X=X, atol=1e-6):
    np.testing.assert_allclose(clf.predict_proba(X), other.predict_proba(X), atol=atol)


# Each estimator, unfitted, with a few rows that it takes.
FEW, FEW_Y = RNG.normal(size=(40, 4)).astype(np.float32), np.repeat([0, 1], [25, 15])
EACH_ESTIMATOR = {
    "perceptron": (ImbalancedMLPClassifier((3,), epochs=1), FEW, FEW_Y),
    "custom network": (of(epochs=1), FEW, FEW_Y),
    "sequences": (ImbalancedSequenceClassifier("conv1d", epochs=1), FEW[:, :, None], FEW > 0),
}
