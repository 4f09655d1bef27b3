"""Training by Keras' own `fit`: for callbacks around batches, and rows that exceed the memory.

The same batches, weights, judging and stopping as the compiled loop, at Keras' speed.
"""

from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from skimbalance._engine.checkpoint import Pace, Saved, replay
from skimbalance._engine.hooks import has_batch_hooks
from skimbalance._engine.job import Result
from skimbalance._engine.stopping import (
    SEQUENCES,
    EarlyStopping,
    check_finite,
    judge,
    progress_bar,
)

# Held-out rows are read and predicted in blocks of this size.
VALIDATION_BLOCK = 2**14


def train_by_keras(job, network, model, trained, callbacks, mean_loss, *, stream):
    """Train one job by Keras' `fit`.

    Parameters
    ----------
    job : Job
        The fit to train, on raw rows.
    network : TrainableNetwork
        The network to train.
    model : keras.Model
        A model from raw rows to probabilities, with an optimizer.
    trained : keras.Model
        The model that Keras trains: the same, or a part of it with the same variables.
    callbacks : list of keras.callbacks.Callback
        The user's callbacks; they see `model`.
    mean_loss : callable
        ``mean_loss(targets, logits, weight, arguments)``, the mean over the batch.
    stream : bool
        Whether rows are read batch by batch, as they do not fit into memory.

    Returns
    -------
    result : Result
        As in `stack.train_alone`, without optimizer slots.
    """
    own_loss = trained.loss if trained.compiled else None
    compile_anew(
        trained,
        model.optimizer,
        loss=_MeanLoss(job, mean_loss, network.to_logits),
        steps_per_execution=_steps_together(job, callbacks),
    )
    variables = {n: v for n, v in network.names(model).items() if n in job.weights}
    for name, variable in variables.items():
        variable.assign(job.weights[name])
    tensors = not stream and job.rows.lengths is None
    batches = (_TensorBatches if tensors else _Batches)(job, network.pack)
    with progress_bar([job]) as bar:
        callers = keras.callbacks.CallbackList(callbacks, model=model, epochs=job.epochs)
        judging = _Judging(job, batches, bar, callers, network.to_logits, variables)
        begun = 0 if job.checkpoint is None else judging.resume(trained)
        options = {"epochs": job.epochs, "shuffle": False, "verbose": 0}
        try:
            trained.fit(batches.data, initial_epoch=begun, callbacks=[judging], **options)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(bar.text) from None
    # The user may see or store the model, so it gets back the loss that it came with.
    compile_anew(trained, model.optimizer, loss=own_loss)
    weights = _values(variables)
    n_epochs = len(judging.history["loss"])
    for value in weights.values():
        check_finite(value, n_epochs, "weights")
    return Result(
        weights=weights,
        slots=None,
        history=judging.history,
        n_epochs=n_epochs,
        best_epoch=judging.stopping.epoch or n_epochs,
    )


def compile_anew(model, optimizer, **changes):
    """Recompile a model; keep its loss and run options unless overridden."""
    kept = ("loss", "jit_compile", "run_eagerly") if model.compiled else ()
    options = {name: getattr(model, name) for name in kept} | changes
    model.compile(optimizer=optimizer, **options)


def _steps_together(job, callbacks):
    """Steps that Keras may do in one call: those of an epoch, if nothing happens in between."""
    n_steps = job.n_steps
    rates = job.learning_rates(0, job.epochs * n_steps).reshape(job.epochs, n_steps)
    watched = any(map(has_batch_hooks, callbacks)) or np.any(rates != rates[:, :1])
    return 1 if watched else n_steps


def _values(variables):
    """Values of variables, by name."""
    return {name: variable.numpy() for name, variable in variables.items()}


def _state(model):
    """All variables that training changes: of the model, and of its optimizer."""
    counted = {id(variable) for metric in model.metrics for variable in metric.variables}
    own = [variable for variable in model.variables if id(variable) not in counted]
    return [*own, *model.optimizer.variables]


def _numbered(values):
    """Arrays by their numbers, as the weights of a model have no names of their own."""
    return {f"{i:06}": value for i, value in enumerate(values)}


class _MeanLoss(keras.losses.Loss):
    """The job's loss of targets and outputs."""

    def __init__(self, job, mean_loss, to_logits):
        super().__init__(name="loss")
        self._flat = job.rows.y.ndim == 1
        self._mean_loss, self._arguments, self._to_logits = mean_loss, job.arguments, to_logits

    def __call__(self, y_true, y_pred, sample_weight=None):
        logits = self._to_logits(y_pred)
        weight = keras.ops.cast(sample_weight, logits.dtype)
        if self._flat:
            # Keras adds an axis to targets.
            y_true = keras.ops.reshape(y_true, [-1])
        y_true = keras.ops.cast(y_true, "int32")
        return self._mean_loss(y_true, logits, weight, self._arguments)


def _of_batch(rows, batch, width, pack):
    """Inputs, targets and weights of some rows; for sequences, of their first `width` steps."""
    dtype = keras.config.floatx()
    X = rows.take(batch)
    parts = [rows.y[batch], rows.weight[batch]]
    if width is not None:
        X, parts = tuple(x[:, :width] for x in X), [part[:, :width] for part in parts]
    X = tuple(x.astype(dtype) if x.dtype.kind == "f" else x for x in X)
    return pack(X), *parts


class _TensorBatches:
    """The batches of an epoch as a TensorFlow dataset, gathered without Python."""

    def __init__(self, job, pack):
        self._job, self.pack = job, pack
        everything = np.arange(len(job.rows))
        X, y, weight = _of_batch(job.rows, everything, None, lambda X: X)
        X, y = tuple(map(tf.constant, X)), tf.constant(y)
        self._order = tf.Variable(everything, trainable=False)
        self._weight = tf.Variable(weight, trainable=False)
        cuts = tf.constant(job.cuts)

        def batch(i):
            rows = self._order[cuts[i] : cuts[i + 1]]
            inputs = tuple(tf.gather(x, rows) for x in X)
            return pack(inputs), tf.gather(y, rows), tf.gather(self._weight, rows)

        self.data = tf.data.Dataset.range(job.n_steps).map(batch).prefetch(2)

    def start_epoch(self, epoch):
        job = self._job
        self._order.assign(job.epoch(epoch - 1)[0])
        self._weight.assign(job.early_weight if epoch <= job.deferred_until else job.rows.weight)


class _Batches(keras.utils.PyDataset):
    """The batches of an epoch, each read from the rows when Keras asks for it."""

    def __init__(self, job, pack):
        super().__init__()
        self._job, self.pack, self.data = job, pack, self
        self.start_epoch(1)

    def start_epoch(self, epoch):
        job = self._job
        self._order, self._visited = job.epoch(epoch - 1)
        early = epoch <= job.deferred_until
        self._rows = replace(job.rows, weight=job.early_weight) if early else job.rows

    def __len__(self):
        return len(self._visited)

    def __getitem__(self, i):
        start, end = self._job.cuts[self._visited[i] :][:2]
        batch = self._order[start:end]
        lengths = self._rows.lengths
        width = None if lengths is None else lengths[batch[-1]]
        return _of_batch(self._rows, batch, width, self.pack)


class _Judging(keras.callbacks.Callback):
    """What the compiled loop does around an epoch, then the user's callbacks.

    Their model shares only the weights and the optimizer of the trained one, so a request to
    stop is passed on.
    """

    def __init__(self, job, batches, bar, callers, to_logits, variables):
        super().__init__()
        self._job, self._batches, self._bar, self._callers = job, batches, bar, callers
        self._to_logits, self._variables = to_logits, variables
        self.stopping = EarlyStopping(job.patience, job.tol)
        self.history = {}
        self._steps_before = 0
        self._planned = None
        self._pace = Pace()

    def resume(self, trained):
        """Go on where an earlier fit stopped; the number of epochs that are over."""
        trained.optimizer.build(trained.trainable_variables)
        saved = self._job.checkpoint.saved
        if saved is None:
            return 0
        for variable, value in zip(_state(trained), saved.slots, strict=True):
            variable.assign(value)
        self.history = {name: [*numbers] for name, numbers in saved.history.items()}
        kept = {epoch: [*weights.values()] for epoch, weights in saved.kept.items()}
        replay(self._job, saved.history, kept, self.stopping.update)
        n_epochs = len(self.history["loss"])
        self._bar.update(n_epochs)
        return n_epochs

    def _save(self):
        """Write how far training has come to the checkpoint."""
        best = self.stopping
        kept = {} if best.weights is None else {best.epoch: _numbered(best.weights)}
        state = tuple(variable.numpy() for variable in _state(self.model))
        values = _values(self._variables)
        self._job.checkpoint.write(Saved(values, state, kept, self.history))

    def on_train_begin(self, logs=None):
        self._callers.model.stop_training = False
        self._callers.on_train_begin(logs)

    def on_train_end(self, logs=None):
        if self.stopping.weights is not None:
            self._callers.model.set_weights(self.stopping.weights)
        self._callers.on_train_end(logs)

    def on_epoch_begin(self, epoch, logs=None):
        self._batches.start_epoch(epoch + 1)
        self._steps_before = epoch * self._job.n_steps
        self._plan_rate(self._steps_before)
        if self._job.watch:
            self._job.watch.epoch_begin()
        self._callers.on_epoch_begin(epoch, logs)

    def on_train_batch_begin(self, batch, logs=None):
        self._plan_rate(self._steps_before + batch)
        self._callers.on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        self._callers.on_train_batch_end(batch, logs)
        self.model.stop_training |= self._callers.model.stop_training

    def on_epoch_end(self, epoch, logs=None):
        job, record = self._job, {"loss": float(logs["loss"])}
        check_finite(record["loss"], epoch + 1)
        if job.metrics is not None:
            logits, _ = self._outputs(job.rows)
            record.update(job.metrics(job.rows.y, np.concatenate(logits)))
        if job.validation:
            logits, losses = self._validate()
            value = judge(job, logits, losses, record)
            if epoch + 1 > job.deferred_until:
                weights = self._callers.model.get_weights
                self.model.stop_training |= self.stopping.update(epoch + 1, value, weights)
        for key, number in record.items():
            self.history.setdefault(key, []).append(number)
        self._bar.update()
        self._bar.set_postfix({key: f"{number:.4f}" for key, number in record.items()})
        self._callers.on_epoch_end(epoch, record)
        self.model.stop_training |= self._callers.model.stop_training
        if job.watch:
            self.model.stop_training |= job.watch.epoch_end(lambda: self._so_far(epoch + 1))
        if job.checkpoint is not None and not self.model.stop_training:
            self._pace(self._save)

    def _so_far(self, n_epochs):
        """The result if training stopped here, with the weights of this epoch."""
        history = {name: [*numbers] for name, numbers in self.history.items()}
        path = "Keras' own fit"
        return Result(_values(self._variables), None, history, n_epochs, n_epochs, path)

    def _plan_rate(self, step):
        """Set the planned rate only when it changes, as callbacks may have set another."""
        planned = self._job.learning_rates(step, 1)[0]
        if planned != self._planned:
            self.model.optimizer.learning_rate = planned
        self._planned = planned

    def _validate(self):
        """Logits and mean losses of blocks of the held-out rows."""
        logits, losses = self._outputs(self._job.validation)
        if self._job.rows.lengths is None:
            return [np.concatenate(logits)], [np.average(losses, weights=[len(z) for z in logits])]
        return logits, losses

    def _outputs(self, rows):
        """Logits and mean losses of blocks of rows."""
        logits, losses = [], []
        for batch, width in rows.blocks(VALIDATION_BLOCK if rows.lengths is None else SEQUENCES):
            X, y, weight = _of_batch(rows, batch, width, self._batches.pack)
            outputs = keras.ops.convert_to_tensor(self.model.predict_on_batch(X))
            losses.append(float(self.model.loss(y, outputs, weight)))
            logits.append(np.asarray(self._to_logits(outputs)))
        return logits, losses
