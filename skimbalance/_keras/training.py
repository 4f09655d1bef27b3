"""From the estimator's choices to Keras objects and compiled programs.

Imported only when something is trained or a Keras model is asked for.
"""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from skimbalance._engine import joblib_backend
from skimbalance._engine.checkpoint import Checkpoint, replay
from skimbalance._engine.hooks import Hooks, has_batch_hooks
from skimbalance._engine.job import Job, Result, Rows, StreamedRows
from skimbalance._engine.memory import address_space_left, free_memory
from skimbalance._engine.stack import train_alone
from skimbalance._engine.stopping import Interrupted
from skimbalance._engine.tensorflow.keras_fit import compile_anew, train_by_keras
from skimbalance._engine.tensorflow.program import Program, program_for
from skimbalance._fit.checkpoint import with_hint
from skimbalance._fit.data import StreamedData
from skimbalance._fit.network import TrainableNetwork
from skimbalance._fit.plan import Plan
from skimbalance._keras.content import content_key, of_network
from skimbalance._keras.inspection import check_precision
from skimbalance._keras.objective import (
    check_optimizer,
    engine_optimizer,
    mean_loss,
    with_settable_rate,
)
from skimbalance._keras.perceptron import Perceptron
from skimbalance._keras_private import detach
from skimbalance._validation import some_of

__all__ = ["check_plan", "job_of", "program_of", "train"]

# A program takes some 15 MiB, and threads of a stack may make several at once.
FEWEST_BYTES = 2**28


def train(plan: Plan, network: TrainableNetwork) -> Result:
    """Train a planned fit: by a compiled program or, where none can, by Keras' `fit`.

    Parameters
    ----------
    plan : Plan
        The plan of the fit.
    network : TrainableNetwork
        The network to train.

    Returns
    -------
    result : Result
        The trained weights and how training went; its `path` says what trained it.

    Raises
    ------
    ValueError
        If Keras' dtype policy, the loss or the optimizer is of a kind that fits do not support.
    MemoryError
        If a limit of the process leaves too little memory for TensorFlow.
    """
    check_plan(plan)
    settings = plan.settings
    job = job_of(plan, network)
    by_keras = network.by_keras or _why_by_keras(settings.callbacks, job.rows)
    loss = mean_loss(settings.loss, plan.target, network.has_single_output)
    if by_keras:
        _check_for_keras(plan, network, by_keras)
    if settings.checkpoint is not None and not plan.partial:
        return _train_with_checkpoint(job, network, plan, by_keras, loss)
    try:
        return _trained(job, network, plan, by_keras, loss)
    finally:
        for callback in settings.callbacks:
            detach(callback)


def check_plan(plan):
    """Check that this process, and whatever trains the network, can do what a plan asks.

    Raises
    ------
    ValueError, MemoryError
        As `train`.
    """
    _check_memory()
    check_precision(keras.config.dtype_policy())
    check_optimizer(plan.settings.optimizer)
    _check_for_missing_labels(plan)


def _trained(job, network, plan, by_keras, loss):
    """The result of a job, which gets its program here."""
    if by_keras:
        return _train_by_keras(job, network, plan, by_keras, loss)
    job = replace(job, program=program_of(network, plan, loss))
    if not plan.settings.callbacks:
        return joblib_backend.train(job)
    model, _ = network.models()
    _compile(model, plan, network)
    hooks = Hooks(model, network.names(model), plan.settings.callbacks, plan.epochs)
    return train_alone(job, hooks)


def _train_with_checkpoint(job, network, plan, by_keras, loss):
    """The result of a job: from its file, or trained on from where an earlier fit stopped."""
    settings = plan.settings
    _check_for_checkpoint(plan)
    folder = Path(settings.checkpoint)
    rates = settings.learning_rate_schedule, settings.ema_momentum
    parts = type(plan.target), settings.loss, settings.optimizer, rates
    key = content_key(job, of_network(network), bool(by_keras), *parts)
    checkpoint = Checkpoint(folder, key)
    if (result := checkpoint.result()) is not None:
        if job.vote is not None:
            replay(job, result.history, checkpoint.kept, job.vote.recast)
        return result
    try:
        result = _trained(replace(job, checkpoint=checkpoint), network, plan, by_keras, loss)
        checkpoint.finish(result, {} if job.vote is None else job.vote.kept)
    except Interrupted as error:
        text = with_hint(str(error), settings.checkpoint)
        raise Interrupted(text, error.result) from None
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(with_hint(str(error), settings.checkpoint)) from None
    return result


def _check_for_keras(plan, network, why):
    """Check that Keras' own `fit` can do what is asked.

    Raises
    ------
    ValueError
        If the weights have rates of their own, or are averaged, networks stop together, or the
        rows are streamed.
    """
    if isinstance(plan.rows, StreamedData):
        raise ValueError(
            "The network of a stream must be such that a compiled program trains it. Got one that "
            f"Keras' own fit has to train: {why}."
        )
    if plan.vote is not None:
        raise ValueError(
            "The networks of an ensemble must be such that compiled programs train them, as they "
            f"stop together. Got one that Keras' own fit has to train: {why}."
        )
    for name, asked in (
        ("parametrization", None if network.rate is None else "ntk"),
        ("ema_momentum", plan.settings.ema_momentum),
    ):
        if asked is not None:
            raise ValueError(
                f"The {name!r} parameter must have its default where Keras' own fit trains, as it "
                f"does here: {why}. Got {asked!r} instead."
            )


def _check_for_checkpoint(plan):
    """Check that the file of a checkpoint would hold all that training depends on.

    Raises
    ------
    ValueError
        If there are callbacks, of Keras or of scikit-learn.
    """
    callbacks = [type(callback).__name__ for callback in plan.settings.callbacks]
    if callbacks or plan.watch is not None:
        raise ValueError(
            "The 'checkpoint' parameter must be None where callbacks watch the training, as no "
            "file would hold what they remember. Got "
            f"{plan.settings.checkpoint!r} and {some_of(callbacks or ['one of scikit-learn'])}."
        )


def _check_for_missing_labels(plan):
    """Check that loss and metrics are such that missing labels can be left out of them.

    Raises
    ------
    ValueError
        If the loss is custom, which has one value for all labels of a row, or there are metrics.
    """
    settings, held_out = plan.settings, plan.held_out
    parts = [] if held_out is None else [held_out.y]
    if isinstance(plan.rows, StreamedData):
        lack_labels = plan.rows.lack_labels
    else:
        lack_labels = bool(np.any(plan.rows.y < 0))
    if plan.target.exclusive or not (lack_labels or any(np.any(y < 0) for y in parts)):
        return
    if not isinstance(settings.loss, str):
        raise ValueError(
            f"The 'loss' parameter must be one of {[*plan.target.losses]!r} where labels are "
            "missing in y, as a custom loss has one value for all labels of a row. Got "
            f"{settings.loss!r} instead."
        )
    if settings.metrics is not None:
        raise ValueError(
            "The 'metrics' parameter, and those that a model is compiled with, must be left out "
            "where labels are missing in y, as Keras' metrics would count them. Use 'monitor'."
        )


def job_of(plan, network):
    """The job of a plan, without its program."""
    settings, initial, held_out = plan.settings, plan.initial, plan.held_out
    validation = score_weight = None
    if held_out is not None:
        validation = _rows(held_out, plan.held_out_loss_weight, initial)
        score_weight = plan.target.score_weight(held_out.y, held_out.weight)
    return Job(
        program=None,
        weights={**initial.weights, **network.noise(plan.noise_seed)},
        rows=_training_rows(plan),
        order=plan.order,
        first_epoch=plan.first_epoch,
        epochs=plan.epochs,
        batch_size=plan.batch_size,
        learning_rates=_planned_rates(plan),
        weight_decay=settings.weight_decay,
        arguments=plan.arguments,
        slots=initial.slots,
        validation=validation,
        score=_score(plan),
        score_weight=score_weight,
        monitor=settings.monitor,
        metrics=settings.metrics,
        patience=plan.patience,
        tol=settings.tol,
        deferred_until=plan.deferred_until,
        early_weight=plan.early_weight if plan.deferred_until else None,
        vote=plan.vote,
        watch=plan.watch,
        verbose=settings.verbose,
    )


def _train_by_keras(job, network, plan, why, loss):
    model, trained = network.models()
    _compile(model, plan, network)
    mean, _ = loss
    stream = job.rows.are_sparse or not _fits_in_memory(job.rows)
    result = train_by_keras(
        job, network, model, trained, plan.settings.callbacks, mean, stream=stream
    )
    result.path = f"Keras' own fit: {why}"
    return result


def program_of(network, plan, mean_loss):
    """The compiled program of a plan, shared by all fits that differ only in numbers."""
    loss, loss_key = mean_loss
    settings = plan.settings
    make_optimizer, optimizer_key = engine_optimizer(settings.optimizer, settings.ema_momentum)
    rank = plan.target.rank

    def build():
        return Program(
            network.logits_network(),
            loss,
            make_optimizer,
            plan.arguments,
            target_rank=rank,
            names=network.names,
            decays=network.decays,
            rate=network.rate,
            is_known=isinstance(network, Perceptron) and isinstance(settings.loss, str),
        )

    return program_for((network.key, type(plan.target), loss_key, optimizer_key), build)


def _compile(model, plan, network):
    """Give the model that callbacks see, or Keras' own `fit` trains, an optimizer."""
    optimizer, weight_decay = plan.settings.optimizer, plan.settings.weight_decay
    if isinstance(optimizer, str):
        optimizer = keras.optimizers.get(optimizer)
        optimizer.weight_decay = weight_decay or None
        spared = [name for name in ("bias", "gamma", "beta") if not network.decays(name)]
        if weight_decay and spared:
            optimizer.exclude_from_weight_decay(var_names=spared)
    else:
        optimizer = with_settable_rate(optimizer)
    compile_anew(model, optimizer)


def _score(plan):
    """The score of held-out rows, given their logits; None judges by their loss."""
    score = plan.target.monitors.get(plan.settings.monitor)
    if score is None or plan.shift is None:
        return score
    shift = plan.shift.astype(np.float32)
    return lambda y, logits, weight: score(y, logits + shift, weight)


def _training_rows(plan):
    """Training rows for the engine."""
    rows = plan.rows
    if not isinstance(rows, StreamedData):
        return _rows(rows, plan.loss_weight, plan.initial)
    n_inputs, target_shape = plan.initial.encoder.n_outputs, rows.sample.y.shape[1:]
    return StreamedRows(rows.sizes, rows.read, rows.weigh, rows.order, [(n_inputs,)], target_shape)


def _rows(data, weight, initial):
    """Rows for the engine. Masked steps and missing labels are 0 in place of -1, without weight."""
    y = np.maximum(data.y, 0)
    encode = None if initial.encoder is None else initial.encoder.transform
    return Rows(data.X, data.index, y, weight, encode, data.lengths, data.key)


def _check_memory():
    """Check that TensorFlow has memory to start with: without any it ends the process."""
    left = address_space_left()
    if left < FEWEST_BYTES:
        raise MemoryError(
            f"A fit must find {FEWEST_BYTES >> 20} MiB of address space for TensorFlow, which ends "
            f"the process if it gets none. Got {max(0, left) >> 20} MiB below the limit of the "
            "process (ulimit -v): raise the limit, or give up objects first."
        )


def _why_by_keras(callbacks, rows):
    """Why Keras' own `fit` has to train, whatever the network; None if it need not."""
    if any(map(has_batch_hooks, callbacks)):
        return "a callback has hooks around batches"
    if not _fits_in_memory(rows):
        return "the rows take more than half of the free memory"
    return None


def _fits_in_memory(rows):
    """Whether training rows fit into half of the memory that is free, or are not all there."""
    if isinstance(rows, StreamedRows) or rows.are_sparse:
        return True
    itemsize = np.dtype(keras.config.floatx()).itemsize
    row_elements = sum(int(np.prod(shape)) for shape in rows.shapes)
    return len(rows) * row_elements * itemsize <= free_memory() / 2


def _planned_rates(plan):
    """Function of (first step, number of steps) to the learning rate of each."""
    settings = plan.settings
    optimizer, learning_rate = settings.optimizer, settings.learning_rate
    schedule = None if plan.partial else settings.learning_rate_schedule
    sizes = plan.rows.sizes if isinstance(plan.rows, StreamedData) else len(plan.rows.y)
    total_steps = plan.epochs * int(np.sum(-(-sizes // plan.batch_size)))
    if not isinstance(optimizer, str):
        rate = optimizer.get_config()["learning_rate"]
        if isinstance(rate, dict):
            schedule = keras.saving.deserialize_keras_object(rate)
        else:
            learning_rate = rate
    if schedule is None:
        return lambda first, n: np.full(n, learning_rate)
    if schedule == "coslog4":
        return lambda first, n: learning_rate * _coslog4(np.arange(first, first + n) / total_steps)
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


def _coslog4(share):
    """Factor of the learning rate after a share of all steps (Holzmüller et al. 2024)."""
    return 0.5 * (1.0 - np.cos(2.0 * np.pi * np.log2(1.0 + 15.0 * share)))
