"""Averaged weights, factors of the learning rate, and lengths that are given in steps."""

import itertools

import keras
import numpy as np
import pytest
from perceptron_setup import mlp, rows

from skimbalance import ImbalancedEnsembleClassifier
from skimbalance._engine.job import Batches, Networks
from skimbalance._engine.tensorflow.optimizers import OPTIMIZERS
from skimbalance._engine.tensorflow.program import Program
from skimbalance._fit.plan import AUTO_PATIENCE, AUTO_STEPS, MOST_AUTO_EPOCHS, lengths
from skimbalance._fit.settings import Settings
from skimbalance._fit.targets import Classes
from skimbalance._keras.objective import mean_loss
from skimbalance._keras.training import _coslog4

X, Y = rows()


class Weights(keras.callbacks.Callback):
    """Keeps the weights before training and after each epoch."""

    def on_train_begin(self, logs=None):
        self.seen = [self.model.get_weights()]

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(self.model.get_weights())


@pytest.mark.slow
@pytest.mark.parametrize("momentum", [0.0, 0.6, 0.99])
@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_kept_weights_are_the_moving_average_of_those_after_each_step(optimizer, momentum):
    seen = Weights()
    clf = mlp(
        optimizer=optimizer,
        ema_momentum=momentum,
        learning_rate=0.1,
        batch_size=len(Y),
        epochs=5,
        early_stopping=False,
        callbacks=seen,
    ).fit(X, Y)
    average = clf.callbacks.seen[0]
    for weights in clf.callbacks.seen[1:]:
        average = [momentum * a + (1 - momentum) * w for a, w in zip(average, weights, strict=True)]
    for found, expected in zip(clf.model_.get_weights(), average, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_averages_are_what_early_stopping_judges():
    """With a momentum of nearly 1 the weights hardly leave their start, and nor does the loss."""
    losses = {
        momentum: mlp(ema_momentum=momentum, early_stopping=True, epochs=4, learning_rate=0.1)
        .fit(X, Y)
        .history_["val_loss"]
        for momentum in (None, 1 - 1e-9)
    }
    assert np.ptp(losses[1 - 1e-9]) < 1e-5
    assert np.ptp(losses[None]) > 1e-3


@pytest.mark.slow
def test_rate_of_a_weight_is_a_factor_of_its_steps():
    factors = {"kernel": 3.0, "bias": 0.5}
    inputs = keras.Input((3,))
    network = keras.Model(inputs, keras.layers.Dense(2, name="logits")(inputs))
    loss, _ = mean_loss("crossentropy", Classes(np.array([0, 1])))

    def steps(rate):
        program = Program(network, loss, lambda names, shapes: OPTIMIZERS["sgd"](), {}, rate=rate)
        rng = np.random.default_rng(0)
        params = rng.normal(size=(1, program.n_params)).astype(np.float32)
        batches = Batches(
            X=(X[:20].astype(np.float32)[None, None],),
            y=Y[:20].astype(np.int32)[None, None],
            weight=np.ones((1, 1, 20), np.float32),
            sizes=np.full((1, 1), 20, np.int32),
            rates=np.full((1, 1), 0.1, np.float32),
        )
        networks = Networks(params, (), (), np.zeros(1, np.float32), {})
        (after, *_), _ = program.steps(networks, batches, 1)
        return program.unflatten(np.asarray(after)[0] - params[0], ())

    plain, scaled = steps(None), steps(lambda name: factors[name.split("/")[1]])
    for name, step in plain.items():
        assert np.any(step)
        np.testing.assert_allclose(scaled[name], factors[name.split("/")[1]] * step, rtol=1e-3)


def test_coslog4_falls_to_zero_four_times_each_after_twice_as_many_steps():
    ends = (2.0 ** np.arange(5) - 1) / 15
    np.testing.assert_allclose(_coslog4(ends), 0.0, atol=1e-12)
    for start, end in itertools.pairwise(ends):
        between = _coslog4(np.linspace(start, end, 1001))
        assert between.max() == pytest.approx(1.0, abs=1e-5)
        rises = np.diff(between) > 0
        assert np.count_nonzero(np.diff(rises.astype(int))) == 1


@pytest.mark.parametrize("n_rows", [10, 1_024, 1_025, 8_192, 50_000, 10**6])
def test_auto_lengths_count_steps(n_rows):
    params = {"epochs": "auto", "n_iter_no_change": "auto"}
    batch_size, epochs, patience = lengths(Settings.of(vars(mlp(**params))), n_rows)
    steps = -(-n_rows // batch_size)
    assert epochs == MOST_AUTO_EPOCHS or abs(epochs * steps - AUTO_STEPS) <= max(steps / 2, 1)
    assert AUTO_PATIENCE <= patience * steps < AUTO_PATIENCE + steps
    assert 64 <= batch_size <= 1024
    given = Settings.of(vars(mlp(epochs=7, n_iter_no_change=3, batch_size=20)))
    assert lengths(given, n_rows) == (20, 7, 3)


class OfBatches(keras.callbacks.Callback):
    """A callback with a hook around batches, for which Keras' own fit has to train."""

    def on_train_batch_end(self, batch, logs=None):
        """Look at nothing."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda **params: mlp(ema_momentum=0.9, **params), "'ema_momentum' parameter"),
        (lambda **params: mlp(parametrization="ntk", **params), "'parametrization' parameter"),
        (lambda **params: ImbalancedEnsembleClassifier(mlp(**params)), "networks of an ensemble"),
    ],
)
def test_what_keras_own_fit_cannot_do_is_refused(make, says):
    with pytest.raises(ValueError, match=f"The {says} must .* a callback has hooks around batches"):
        make(callbacks=OfBatches()).fit(X, Y)
