"""The key of a fit: equal for the same fit, also in another process; another for anything else."""

import sys
from functools import partial

import keras
import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from keras import layers
from keras_setup import LABELS, X, Y, build, of
from perceptron_setup import mlp
from sklearn.base import clone

from skimbalance import ImbalancedSequenceClassifier
from skimbalance._keras import training
from skimbalance._keras.content import content_key


class FoundError(Exception):
    """Ends a fit once its key is known."""


@pytest.fixture
def key(monkeypatch, tmp_path):
    """Function from an estimator and the arguments of its fit to the key; nothing is trained."""

    def found(*args):
        raise FoundError(content_key(*args))

    monkeypatch.setattr(training, "content_key", found)
    monkeypatch.setitem(sys.modules, training.__name__, training)  # also where no test may train

    def key(clf, *args, **given):
        with pytest.raises(FoundError) as error:
            clone(clf).set_params(checkpoint=tmp_path).fit(*args, **given)
        return str(error.value)

    return key


def changed(values, place=7, by=1e-3):
    values = values.copy()
    values[place] += by
    return values


WEIGHT = np.linspace(1, 2, len(Y))


def test_any_other_data_are_another_fit(key):
    clf = mlp(early_stopping=True, validation=np.arange(len(Y)) % 4 == 0)
    keys = [
        key(clf, X, Y),
        key(clf, changed(X, 7), Y),  # a row that is trained on
        key(clf, changed(X, 8), Y),  # one that is held out
        key(clf, X, changed(Y, 7, by=1 - 2 * Y[7])),
        key(clf, X, Y, WEIGHT),
        key(clf, X, Y, changed(WEIGHT)),
        key(clf, X, Y[::-1].copy()),
        key(clf, X, LABELS),
    ]
    assert len(set(keys)) == len(keys)
    assert keys[0] == key(clf, X, Y) == key(clf, X.copy(order="F"), Y.tolist())
    assert keys[0] == key(clf, X, np.where(Y, "yes", "no"))  # names of classes train nothing


CHANGES = {
    "hidden_layer_sizes": (9,),
    "activation": "tanh",
    "dropout": 0.3,
    "normalization": "layer",
    "parametrization": "ntk",
    "numeric_embedding": "piecewise_linear",
    "loss": "focal",
    "class_weight": 0.5,
    "sampling": SMOTE(),
    "optimizer": "sgd",
    "learning_rate": 2e-3,
    "learning_rate_schedule": "cosine",
    "weight_decay": 0.1,
    "ema_momentum": 0.9,
    "standardize": False,
    "batch_size": 16,
    "epochs": 3,
    "early_stopping": True,
    "random_state": 1,
}


def falling(power, step):
    return 0.1 / (1 + step) ** power


def test_any_other_parameter_is_another_fit(key):
    keys = [key(mlp(**{name: value}), X, Y) for name, value in CHANGES.items()]
    assert len({key(mlp(), X, Y), *keys}) == len(keys) + 1
    stopping = [
        {"monitor": "f1_macro"}, {"n_iter_no_change": 3}, {"tol": 0.1}, {"validation_fraction": 0.2}
    ]  # fmt: skip
    keys = [key(mlp(early_stopping=True, **change), X, Y) for change in ({}, *stopping)]
    assert len(set(keys)) == len(keys)
    assert key(mlp(verbose=1), X, Y) == key(mlp(), X, Y)
    schedules = [partial(falling, power) for power in (1, 2)]
    schedules.append(lambda step: 0.1 if step != 5 else 0.2)
    schedules.append(lambda step: 0.1 if step != 5 else 0.3)
    keys = [key(mlp(learning_rate_schedule=schedule), X, Y) for schedule in schedules]
    assert len(set(keys)) == len(keys)


FACTOR = 1.0


def scaled(values):
    return values * FACTOR


def loss(y, proba):
    return scaled(keras.losses.categorical_crossentropy(y, proba))


class Scaling(layers.Layer):
    factor = 1.0

    def call(self, x):
        return x * self.factor


def with_scaling():
    return keras.Sequential([keras.Input((5,)), Scaling(), layers.Dense(2, activation="softmax")])


@pytest.mark.filterwarnings("ignore:.*custom loss")
def test_what_the_user_wrote_is_a_part_of_the_fit(key, monkeypatch):
    losses = [loss, keras.losses.CategoricalCrossentropy(label_smoothing=0.1)]
    clfs = [of(build), of(with_scaling), *(of(build, loss=value) for value in losses)]
    clfs += [of(build, optimizer=keras.optimizers.Adam(rate)) for rate in (0.1, 0.2)]
    clfs += [of(build, metrics=names) for names in (["accuracy"], ["accuracy", "auc"])]
    keys = [key(clf, X, Y) for clf in clfs]
    assert len(set(keys)) == len(keys)
    layers.Dense(3)(keras.Input((2,)))  # the next layers and optimizers get other names
    again = keras.optimizers.Adam(0.1), keras.optimizers.Adam(0.1)
    assert again[0].name != again[1].name
    assert [key(clf, X, Y) for clf in clfs] == keys
    assert {key(of(build, optimizer=optimizer), X, Y) for optimizer in again} == {keys[4]}
    # A changed constant, function or class, as after an edit and a new start.
    monkeypatch.setitem(globals(), "FACTOR", 2.0)
    assert key(clfs[2], X, Y) != keys[2]
    monkeypatch.setitem(globals(), "FACTOR", 1.0)
    monkeypatch.setitem(globals(), "scaled", lambda values: values + FACTOR)
    assert key(clfs[2], X, Y) != keys[2]
    monkeypatch.setattr(Scaling, "factor", 3.0)
    assert key(clfs[1], X, Y) != keys[1]


def test_sequences_differ_by_tokens_and_tags(key):
    clf = ImbalancedSequenceClassifier(units=2, embedding_dim=2, random_state=0)
    tokens = [[1, 2, 3], [2, 2], [3, 1, 1, 2]] * 5
    tags = [[0, 1, 0], [1, 1], [0, 0, 0, 1]] * 5
    others = [[[1, 2, 2], *tokens[1:]], tags], [tokens, [[0, 0, 0], *tags[1:]]]
    keys = {key(clf, *data) for data in ([tokens, tags], *others)}
    assert len(keys) == 3
    assert key(clf, tokens, tags) in keys
