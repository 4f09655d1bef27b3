"""From the estimator's choices to Keras objects and compiled programs.

Imported only when something is trained or a Keras model is asked for.
"""

import json
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from skimbalance._engine import gathering
from skimbalance._engine.hooks import Hooks, has_batch_hooks
from skimbalance._engine.job import Job, Rows
from skimbalance._engine.keras_fit import train_by_keras
from skimbalance._engine.memory import free_memory
from skimbalance._engine.optimizers import OPTIMIZERS, KerasOptimizer
from skimbalance._engine.program import Program, program_for
from skimbalance._engine.stack import train_alone
from skimbalance._monitors import MONITORS
from skimbalance.losses import LOSSES
from skimbalance.networks import mlp

__all__ = ["keras_model", "train"]


def train(plan):
    """Train a planned fit: by a compiled program, or where that cannot be by Keras' `fit`.

    Parameters
    ----------
    plan : skimbalance._preparation.Plan

    Returns
    -------
    result : skimbalance._engine.job.Result
    """
    params, start = plan.params, plan.start
    callbacks = _as_list(params.callbacks)
    by_keras = any(map(has_batch_hooks, callbacks)) or not _fits_in_memory(plan.rows)
    job = Job(
        program=None if by_keras else _program(start.architecture, params, plan.arguments),
        weights={**start.weights, **_dropout_state(plan)},
        rows=_rows(plan.rows, plan.loss_weight, start),
        order=plan.order,
        first_epoch=plan.first_epoch,
        epochs=plan.epochs,
        batch_size=plan.batch_size,
        learning_rates=_planned_rates(plan),
        weight_decay=plan.weight_decay,
        arguments=plan.arguments,
        slots=start.slots,
        validation=plan.held_out and _rows(plan.held_out, plan.held_out_loss_weight, start),
        score=MONITORS.get(params.monitor),
        score_weight=plan.held_out and plan.held_out.weight,
        monitor=params.monitor,
        patience=params.n_iter_no_change,
        tol=params.tol,
        deferred_until=plan.deferred_until,
        early_weight=plan.early_weight if plan.deferred_until else None,
        verbose=params.verbose,
    )
    if by_keras:
        return train_by_keras(job, _compiled_model(plan), callbacks, _mean_loss(params.loss)[0])
    if callbacks:
        return train_alone(job, Hooks(_compiled_model(plan), callbacks, plan.epochs))
    return gathering.train(job)


def keras_model(fitted, dropout=0.0):
    """The fitted network as a plain Keras model from raw rows to probabilities."""
    architecture = fitted.architecture
    network = _network(architecture, dropout)
    # Fresh layers: each then has one place, and "logits" one output.
    layers = [type(layer).from_config(layer.get_config()) for layer in network.layers[1:]]
    if fitted.center is not None:
        variance = np.square(fitted.scale)
        standardize = keras.layers.Normalization(
            mean=fitted.center, variance=variance, name="standardize"
        )
        layers = [standardize, *layers]
    x = inputs = keras.Input((architecture.n_features,), name="features")
    for layer in [*layers, keras.layers.Softmax(name="probabilities")]:
        x = layer(x)
    model = keras.Model(inputs, x, name="imbalanced_mlp")
    for variable in model.variables:
        if variable.path in fitted.weights:
            variable.assign(fitted.weights[variable.path])
    return model


def _program(architecture, params, arguments):
    """The compiled program, shared by all fits that differ only in numbers."""
    loss, loss_key = _mean_loss(params.loss)
    make_optimizer, optimizer_key = _optimizer(params.optimizer)

    def build():
        return Program(_network(architecture, 0.5), loss, make_optimizer, arguments)

    return program_for((architecture, loss_key, optimizer_key), build)


def _compiled_model(plan):
    """The model that callbacks see, with the optimizer for Keras' own `fit`."""
    params = plan.params
    model = keras_model(plan.start, params.dropout)
    if isinstance(params.optimizer, str):
        optimizer = keras.optimizers.get(params.optimizer)
        optimizer.weight_decay = plan.weight_decay or None
        if plan.weight_decay:
            optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    else:
        optimizer = _with_settable_rate(params.optimizer)
    model.compile(optimizer=optimizer)
    return model


def _rows(data, weight, start):
    return Rows(data.X, data.index, data.y, weight, start.center, start.scale)


def _dropout_state(plan):
    """Rate and seed of each dropout layer, as `CounterDropout` keeps them."""
    state = {}
    for i, seed in enumerate(plan.dropout_seeds):
        state[f"dropout_{i}/rate"] = plan.params.dropout
        state[f"dropout_{i}/seed"] = seed
        state[f"dropout_{i}/step"] = 0
    return state


def _as_list(callbacks):
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks]


def _fits_in_memory(rows):
    """Whether the rows fit into half of the memory that is free."""
    itemsize = np.dtype(keras.config.floatx()).itemsize
    return len(rows.index) * rows.X.shape[1] * itemsize <= free_memory() / 2


def _planned_rates(plan):
    """Function of (first step, number of steps) to the learning rate of each."""
    optimizer, learning_rate = plan.params.optimizer, plan.params.learning_rate
    schedule = None if plan.partial else plan.params.learning_rate_schedule
    total_steps = plan.epochs * -(-len(plan.rows.y) // plan.batch_size)
    if not isinstance(optimizer, str):
        own = optimizer.get_config()["learning_rate"]
        if isinstance(own, dict):
            schedule = keras.saving.deserialize_keras_object(own)
        else:
            learning_rate = own
    if schedule is None:
        return lambda first, n: np.full(n, learning_rate)
    if schedule == "cosine":
        # Loshchilov & Hutter 2017, arXiv:1608.03983, without restarts.
        return lambda first, n: (
            0.5 * learning_rate * (1.0 + np.cos(np.pi * np.arange(first, first + n) / total_steps))
        )
    if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return lambda first, n: np.array([float(schedule(i)) for i in range(first, first + n)])
    rates = tf.function(
        lambda steps: tf.map_fn(lambda s: tf.cast(schedule(s), tf.float32), steps),
        input_signature=[tf.TensorSpec([None], tf.float32)],
    )
    return lambda first, n: rates(np.arange(first, first + n, dtype=np.float32)).numpy()


def _network(architecture, dropout):
    return mlp(
        architecture.n_features,
        architecture.n_outputs,
        hidden_layer_sizes=architecture.hidden_layer_sizes,
        activation=architecture.activation,
        normalization=architecture.normalization,
        dropout=dropout if architecture.dropout else 0.0,
        seed=0,
    )


def _mean_loss(loss):
    """Mean loss of a batch as a function of (targets, logits, weight, arguments), and a key."""
    if loss == "soft_f1":
        return _mean_soft_f1, loss
    if isinstance(loss, str):
        values, key = partial(LOSSES[loss], from_logits=True), loss
    else:
        values = _values_of_keras_loss(loss)
        # A plain function has no config: it is its own key.
        key = _key(loss) if isinstance(loss, keras.losses.Loss) else loss

    def mean(y, logits, weight, arguments):
        return tf.reduce_mean(weight * values(y, logits, **arguments))

    return mean, key


def _mean_soft_f1(y, logits, weight, arguments):
    return LOSSES["soft_f1"](y, logits, sample_weight=weight, from_logits=True)


def _values_of_keras_loss(loss):
    """Values of a Keras loss, or of a function, given the targets and outputs that it expects.

    Keras' sparse losses and those of this package take class indices, all others one-hot
    targets; a loss without `from_logits` takes probabilities.
    """
    is_loss = isinstance(loss, keras.losses.Loss)
    name = type(loss).__name__ if is_loss else getattr(loss, "__name__", "")
    takes_indices = "sparse" in name.lower() or type(loss).__module__.startswith("skimbalance.")
    takes_logits = is_loss and loss.get_config().get("from_logits", False)

    def values(y, logits):
        output = logits if takes_logits else tf.nn.softmax(logits)
        targets = y if takes_indices else tf.one_hot(y, output.shape[-1], dtype=output.dtype)
        return loss.call(targets, output) if is_loss else loss(targets, output)

    return values


def _optimizer(optimizer):
    """Maker of an engine optimizer from (names, shapes), and a key."""
    if isinstance(optimizer, str):
        return lambda names, shapes: OPTIMIZERS[optimizer](), OPTIMIZERS[optimizer].__name__

    def make(names, shapes):
        return KerasOptimizer(_with_settable_rate(optimizer), names, shapes)

    return make, _key(optimizer)


def _with_settable_rate(optimizer):
    """A fresh copy whose learning rate is a number, whatever schedule the original has."""
    return type(optimizer).from_config({**optimizer.get_config(), "learning_rate": 1e-3})


def _key(part):
    """What tells two losses or optimizers apart: class and config (the rate is an argument)."""
    config = {k: v for k, v in part.get_config().items() if k != "learning_rate"}
    return type(part), json.dumps(config, sort_keys=True, default=repr)
