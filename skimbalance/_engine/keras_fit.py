"""Training by Keras' own `fit`: for callbacks around batches, and rows that exceed the memory.

The same batches, weights, judging and stopping as the compiled loop, at Keras' speed.
"""

import keras
import numpy as np

from skimbalance._engine.job import Result
from skimbalance._engine.stopping import EarlyStopping, check_finite, judge, progress_bar

# Held-out rows are read and predicted in blocks of so many.
VALIDATION_BLOCK = 2**14


def train_by_keras(job, model, callbacks, mean_loss):
    """Train one job by Keras' `fit`.

    Parameters
    ----------
    job : Job
        The request; its rows are read batch by batch, raw.
    model : keras.Model
        From raw rows to probabilities, with the job's weights and an optimizer. The loss is
        taken from its layer "logits".
    callbacks : list of keras.callbacks.Callback
        The caller's; they see `model`.
    mean_loss : callable
        ``mean_loss(targets, logits, weight, arguments)``, the mean over the batch.

    Returns
    -------
    result : Result
        As of `stack.train_alone`, without optimizer slots.
    """
    trained = keras.Model(model.inputs, model.get_layer("logits").output)
    trained.compile(optimizer=model.optimizer, loss=_MeanLoss(mean_loss, job.arguments))
    batches = _Batches(job)
    with progress_bar([job]) as bar:
        callers = keras.callbacks.CallbackList(callbacks, model=model, epochs=job.epochs)
        judging = _Judging(job, batches, bar, callers)
        trained.fit(batches, epochs=job.epochs, shuffle=False, verbose=0, callbacks=[judging])
    stopping = judging.stopping
    weights = {v.path: v.numpy() for v in model.variables if v.path in job.weights}
    n_epochs = len(judging.history["loss"])
    for value in weights.values():
        check_finite(value, n_epochs, "weights")
    return Result(
        weights=weights,
        slots=None,
        history=judging.history,
        n_epochs=n_epochs,
        best_epoch=stopping.epoch or n_epochs,
    )


class _MeanLoss(keras.losses.Loss):
    """The job's loss of class indices and logits."""

    def __init__(self, mean_loss, arguments):
        super().__init__(name="loss")
        self._mean_loss, self._arguments = mean_loss, arguments

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_true = keras.ops.cast(keras.ops.reshape(y_true, [-1]), "int32")
        weight = keras.ops.cast(sample_weight, y_pred.dtype)
        return self._mean_loss(y_true, y_pred, weight, self._arguments)


class _Batches(keras.utils.PyDataset):
    """The batches of an epoch, read from the rows when they are wanted."""

    def __init__(self, job):
        super().__init__()
        self._job = job
        self.start_epoch(1)

    def start_epoch(self, epoch):
        job = self._job
        self._order = job.order(job.first_epoch + epoch - 1)
        self._n_steps = -(-len(self._order) // job.batch_size)
        early = epoch <= job.deferred_until
        self._weight = job.early_weight if early else job.rows.weight

    def __len__(self):
        return self._n_steps

    def __getitem__(self, i):
        rows, n = self._job.rows, len(self._order)
        batch = self._order[i * n // self._n_steps : (i + 1) * n // self._n_steps]
        X = rows.X[rows.index[batch]].astype(keras.config.floatx())
        return X, rows.y[batch], self._weight[batch]


class _Judging(keras.callbacks.Callback):
    """What the compiled loop does around an epoch, then the caller's callbacks.

    Their model shares the weights and the optimizer of the trained one, and nothing else: a
    wish to stop is passed on.
    """

    def __init__(self, job, batches, bar, callers):
        super().__init__()
        self._job, self._batches, self._bar, self._callers = job, batches, bar, callers
        self.stopping = EarlyStopping(job.patience, job.tol)
        self.history = {}
        self._step = 0
        self._planned = None

    def on_train_begin(self, logs=None):
        self._callers.model.stop_training = False
        self._callers.on_train_begin(logs)

    def on_train_end(self, logs=None):
        if self.stopping.weights is not None:
            self._callers.model.set_weights(self.stopping.weights)
        self._callers.on_train_end(logs)

    def on_epoch_begin(self, epoch, logs=None):
        self._batches.start_epoch(epoch + 1)
        self._plan_rate()
        self._callers.on_epoch_begin(epoch, logs)

    def on_train_batch_begin(self, batch, logs=None):
        self._plan_rate()
        self._step += 1
        self._callers.on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        self._callers.on_train_batch_end(batch, logs)
        self.model.stop_training |= self._callers.model.stop_training

    def on_epoch_end(self, epoch, logs=None):
        job, record = self._job, {"loss": float(logs["loss"])}
        check_finite(record["loss"], epoch + 1)
        if job.validation:
            value = judge(job, *self._validate(), record)
            if epoch + 1 > job.deferred_until:
                weights = self._callers.model.get_weights
                self.model.stop_training |= self.stopping.update(epoch + 1, value, weights)
        for key, number in record.items():
            self.history.setdefault(key, []).append(number)
        self._bar.update()
        self._bar.set_postfix({key: f"{number:.4f}" for key, number in record.items()})
        self._callers.on_epoch_end(epoch, record)
        self.model.stop_training |= self._callers.model.stop_training

    def _plan_rate(self):
        """Write the planned rate where it changes: where it stays, callbacks may have set it."""
        planned = self._job.learning_rates(self._step, 1)[0]
        if planned != self._planned:
            self.model.optimizer.learning_rate = planned
        self._planned = planned

    def _validate(self):
        rows, dtype = self._job.validation, keras.config.floatx()
        blocks = []
        for start in range(0, len(rows), VALIDATION_BLOCK):
            X = rows.X[rows.index[start : start + VALIDATION_BLOCK]]
            blocks.append(self.model.predict_on_batch(X.astype(dtype)))
        logits = np.concatenate(blocks)
        loss = self.model.loss(rows.y, keras.ops.convert_to_tensor(logits), rows.weight)
        return logits, loss
