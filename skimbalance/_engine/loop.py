"""The epoch loop: run an epoch, judge it, tell the callbacks, stop or go on."""

import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from skimbalance._engine.job import Result

# Held-out rows are scored in blocks, so that their activations stay small.
VALIDATION_BLOCK = 2**15


class EarlyStopping:
    """Keeps the best weights; says stop after `patience` epochs without an improvement."""

    def __init__(self, patience, tol):
        self._patience, self._tol = patience, tol
        self._best, self._waited = -np.inf, 0
        self.epoch, self.weights = 0, None

    def update(self, epoch, value, weights):
        """Whether to stop; `value` is better when larger, an improvement larger by `tol`."""
        if value > self._best:
            self.epoch, self.weights = epoch, weights
        if value > self._best + self._tol:
            self._waited = 0
        else:
            self._waited += 1
        self._best = max(self._best, value)
        return self._waited >= self._patience


def check_finite(value, epoch, what="training loss"):
    """Raise if training diverged."""
    if not np.all(np.isfinite(value)):
        raise ValueError(
            f"The {what} must stay finite. Got a value that is nan or infinite in epoch {epoch}: "
            "lower 'learning_rate', or scale the columns ('standardize=True')."
        )


def progress_bar(job):
    """A tqdm bar over the epochs; silent without `verbose`."""
    return tqdm(total=job.epochs, desc="Epochs", unit="epoch", disable=not job.verbose)


def judge(job, logits, mean_loss, record):
    """Enter the held-out rows' loss and score into the record; the value to maximise."""
    record["val_loss"] = float(mean_loss)
    if job.score is None:
        return -record["val_loss"]
    value = float(job.score(job.validation.y, logits, job.score_weight))
    record[f"val_{job.monitor}"] = value
    return value


def train_by_program(job, hooks=None):
    """Train one job by its compiled program.

    Parameters
    ----------
    job : Job
        The request.
    hooks : Hooks, default=None
        Keras callbacks to call around the epochs.

    Returns
    -------
    result : Result
        The weights of the best epoch if there are held-out rows, else of the last one.
    """
    return _Training(job, hooks).run()


class _Training:
    """The state of one job while it trains."""

    def __init__(self, job, hooks):
        self.job, self.program, self.hooks = job, job.program, hooks
        self.dtype = self.program.dtype
        self.params, self.state = self.program.flatten(job.weights)
        self.slots = self.program.start(self.params) if job.slots is None else job.slots
        self.arguments = {k: np.asarray(v, self.dtype) for k, v in job.arguments.items()}
        self.decay = self.dtype(job.weight_decay)
        self.X, self.y, self.weight = self._tensors(job.rows)
        self.early_weight = self._real(job.early_weight)
        self.validation = job.validation and self._tensors(job.validation)
        self.step = 0

    def _real(self, array):
        return None if array is None else tf.constant(array, self.dtype)

    def _tensors(self, rows):
        return (
            tf.convert_to_tensor(rows.read(self.dtype)),
            tf.constant(rows.y, tf.int32),
            self._real(rows.weight),
        )

    def run(self):
        job, stopping = self.job, EarlyStopping(self.job.patience, self.job.tol)
        history = {}
        hooks = self.hooks
        if hooks:
            self._exchange(hooks.train_begin)
        with progress_bar(job) as bar:
            for epoch in range(1, job.epochs + 1):
                if hooks:
                    planned_rate = float(job.learning_rates(self.step, 1)[0])
                    self._exchange(hooks.epoch_begin, epoch, planned_rate)
                record = {"loss": self._epoch(epoch)}
                check_finite(record["loss"], epoch)
                stop = False
                if self.validation:
                    value = judge(job, *self._validate(), record)
                    if epoch > job.deferred_until:
                        stop = stopping.update(epoch, value, (self.params, self.state))
                if hooks:
                    self._exchange(hooks.epoch_end, epoch, record)
                    stop = stop or hooks.stop
                for key, number in record.items():
                    history.setdefault(key, []).append(number)
                bar.update()
                bar.set_postfix({key: f"{number:.4f}" for key, number in record.items()})
                if stop:
                    break
        if stopping.weights is not None:
            self.params, self.state = stopping.weights
        if hooks:
            self._exchange(hooks.train_end)
        for value in (self.params, *self.state):
            check_finite(value, epoch, "weights")
        return Result(
            weights=self.program.unflatten(self.params, self.state),
            slots=tuple(np.array(slot) for slot in self.slots),
            history=history,
            n_epochs=epoch,
            best_epoch=stopping.epoch or epoch,
        )

    def _epoch(self, epoch):
        job = self.job
        order = job.order(job.first_epoch + epoch - 1)
        n_steps = -(-len(order) // job.batch_size)
        rates = job.learning_rates(self.step, n_steps)
        if self.hooks:
            rates = rates * self.hooks.rate_factor
        weight = self.early_weight if epoch <= job.deferred_until else self.weight
        self.params, self.slots, self.state, loss = self.program.epoch(
            self.params,
            self.slots,
            self.state,
            (self.X, self.y, weight),
            order,
            rates.astype(self.dtype),
            self.decay,
            self.arguments,
        )
        self.step += n_steps
        return float(loss)

    def _validate(self):
        X, y, weight = self.validation
        blocks = [
            self.program.forward(self.params, self.state, X[start : start + VALIDATION_BLOCK])
            for start in range(0, X.shape[0], VALIDATION_BLOCK)
        ]
        logits = tf.concat(blocks, axis=0) if len(blocks) > 1 else blocks[0]
        return logits.numpy(), self.program.mean_loss(y, logits, weight, self.arguments)

    def _exchange(self, hook, *args):
        """Show the callbacks the true weights, and take over what they changed."""
        shown = self.program.unflatten(self.params, self.state)
        changed = hook(shown, *args)
        if any(not np.array_equal(changed[name], shown[name]) for name in changed):
            self.params, self.state = self.program.flatten({**shown, **changed})
