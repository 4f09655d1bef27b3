"""Training by Keras' own `fit`: for callbacks around batches, and rows that exceed the memory.

The same batches, weights, judging and stopping as the compiled loop, at Keras' speed.
"""

import keras
import numpy as np

from skimbalance._engine.job import Result
from skimbalance._engine.loop import EarlyStopping, check_finite, judge, progress_bar

# Held-out rows are read and predicted in blocks of so many.
VALIDATION_BLOCK = 2**14


def train_by_keras(job, model, callbacks):
    """Train one job by ``model.fit``.

    Parameters
    ----------
    job : Job
        The request; its rows are read batch by batch, raw.
    model : keras.Model
        Compiled; maps raw rows to probabilities. Its weights are those of the job.
    callbacks : list of keras.callbacks.Callback
        The caller's.

    Returns
    -------
    result : Result
        As of `loop.train`, without optimizer slots.
    """
    batches = _Batches(job)
    with progress_bar(job) as bar:
        judging = _Judging(job, batches, bar)
        model.fit(
            batches,
            epochs=job.epochs,
            shuffle=False,
            verbose=0,
            callbacks=[judging, *callbacks],
        )
    stopping = judging.stopping
    if stopping.weights is not None:
        model.set_weights(stopping.weights)
    names = set(job.weights)
    weights = {v.path: v.numpy() for v in model.variables if v.path in names}
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
    """What `loop` does around an epoch, as the first of the callbacks."""

    def __init__(self, job, batches, bar):
        super().__init__()
        self._job, self._batches, self._bar = job, batches, bar
        self.stopping = EarlyStopping(job.patience, job.tol)
        self.history = {}
        self._step = 0
        self._planned = None

    def on_epoch_begin(self, epoch, logs=None):
        self._batches.start_epoch(epoch + 1)

    def on_train_batch_begin(self, batch, logs=None):
        planned = self._job.learning_rates(self._step, 1)[0]
        # Only a schedule writes the rate: where it stays, callbacks may have changed it.
        if planned != self._planned:
            self.model.optimizer.learning_rate = planned
        self._planned = planned
        self._step += 1

    def on_epoch_end(self, epoch, logs=None):
        job, record = self._job, {"loss": float(logs["loss"])}
        check_finite(record["loss"], epoch + 1)
        if job.validation:
            value = judge(job, *self._validate(), record)
            if epoch + 1 > job.deferred_until:
                weights = self.model.get_weights()
                if self.stopping.update(epoch + 1, value, weights):
                    self.model.stop_training = True
        for key, number in record.items():
            self.history.setdefault(key, []).append(number)
        logs.update(record)
        self._bar.update()
        self._bar.set_postfix({key: f"{number:.4f}" for key, number in record.items()})

    def _validate(self):
        rows = self._job.validation
        blocks = []
        for start in range(0, len(rows), VALIDATION_BLOCK):
            X = rows.X[rows.index[start : start + VALIDATION_BLOCK]]
            blocks.append(self.model.predict_on_batch(X.astype(keras.config.floatx())))
        proba = np.concatenate(blocks)
        loss = self.model.loss(rows.y, proba, sample_weight=rows.weight)
        with np.errstate(divide="ignore"):
            return np.log(proba), loss
