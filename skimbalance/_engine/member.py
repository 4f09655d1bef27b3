"""One job while it trains: its batches, its epochs, its end."""

import hashlib

import numpy as np

from skimbalance._engine.job import Result
from skimbalance._engine.stopping import SEQUENCES, EarlyStopping, check_finite, judge


class Member:
    """What one network of a stack brings with it, and remembers.

    Parameters
    ----------
    job : Job
        The request.
    n_rows : int
        Rows to which batches are filled up.
    shared : mapping
        Rows that other members hold, by their content: each array is held once.
    hooks : Hooks, default=None
        Keras callbacks to call around the epochs.

    Attributes
    ----------
    start : tuple
        Arrays of the network before its first step: its values (parameters, optimizer slots and
        state), its weight decay, and its loss parameters.
    validation : list of tuple, or None
        Held-out rows, their targets and their weights: one block, or of sequences several.
    epoch : int
        Epochs that are over.
    record : dict
        The figures of the last of them.
    stopped : bool
        Whether training is over.
    """

    def __init__(self, job, n_rows, shared, hooks=None):
        self.job, self.hooks = job, hooks
        dtype = job.program.dtype
        cuts = job.cuts
        self._n_steps = len(cuts) - 1
        self._cut_sizes = np.diff(cuts)
        self._table = np.minimum(cuts[:-1, None] + np.arange(n_rows), cuts[1:, None] - 1)
        self._X = tuple(_shared(X, shared) for X in job.rows.read(job.program.input_dtypes))
        self._y = job.rows.y.astype(np.int32)
        self._weight = job.rows.weight.astype(dtype)
        self._early_weight = None if job.early_weight is None else job.early_weight.astype(dtype)
        params, state = job.program.flatten(job.weights)
        slots = job.program.start(params) if job.slots is None else job.slots
        arguments = {key: np.asarray(value, dtype) for key, value in job.arguments.items()}
        self.start = ((params, slots, state), dtype(job.weight_decay), arguments)
        self.validation = self._held_out(shared) if job.validation else None
        self._stopping = EarlyStopping(job.patience, job.tol)
        self._order, self._visited, self._epoch_drawn = None, None, None
        self._step, self._total = 0, 0.0
        self._history = {}
        self.epoch, self.record, self.stopped = 0, {}, False

    def _held_out(self, shared):
        held_out, dtype = self.job.validation, self.job.program.dtype
        X = held_out.read(self.job.program.input_dtypes)
        y, weight = held_out.y.astype(np.int32), held_out.weight.astype(dtype)
        if held_out.lengths is None:
            return [(tuple(_shared(x, shared) for x in X), y, weight)]
        return [
            (tuple(x[rows, :width] for x in X), y[rows, :width], weight[rows, :width])
            for rows, width in held_out.blocks(SEQUENCES)
        ]

    @property
    def width(self):
        """Steps of the sequences in the next batch; None without sequences."""
        lengths = self.job.rows.lengths
        if lengths is None:
            return None
        epoch, position = divmod(self._step, self._n_steps)
        self._draw(epoch)
        return int(lengths[self._order[self._table[self._visited[position]][-1]]])

    @property
    def pending(self):
        """Steps until somebody has to look: at the end of an epoch, or of all.

        Or at the end of a batch, where the next one may have another width.
        """
        if self.job.rows.lengths is not None:
            return 1
        if self.validation or self.hooks or self.job.metrics:
            return self._n_steps - self._step % self._n_steps
        return self.steps_left

    @property
    def steps_left(self):
        """Steps to the last epoch."""
        return self.job.epochs * self._n_steps - self._step

    def fill(self, n, X, y, weight, sizes, rates):
        """Write the next `n` batches into arrays (S, B, ...) and (S,)."""
        done = 0
        while done < n:
            epoch, position = divmod(self._step + done, self._n_steps)
            m = min(n - done, self._n_steps - position)
            to, cut = slice(done, done + m), slice(position, position + m)
            self._draw(epoch)
            visited = self._visited[cut]
            rows = self._order[self._table[visited]]
            of_rows = self._early_weight if epoch < self.job.deferred_until else self._weight
            parts = [*zip(self._X, X, strict=True), (self._y, y), (of_rows, weight)]
            for values, out in parts:
                if self.job.rows.lengths is not None:
                    values = values[:, : out.shape[2]]
                values.take(rows, axis=0, out=out[to], mode="clip")
            sizes[to] = self._cut_sizes[visited]
            rates[to] = self.job.learning_rates(self._step + done, m)
            done += m
        if self.hooks:
            rates[:n] *= self.hooks.rate_factor

    def _draw(self, epoch):
        if epoch != self._epoch_drawn:
            self._order, self._visited = self.job.epoch(epoch)
            self._epoch_drawn = epoch

    def advance(self, losses):
        """Take note of the losses of the steps that were done; the number of epochs that ended."""
        before = self.epoch
        while len(losses):
            position = self._step % self._n_steps
            m = min(len(losses), self._n_steps - position)
            visited = self._visited[position : position + m]
            self._total += float(losses[:m] @ self._cut_sizes[visited])
            self._step, losses = self._step + m, losses[m:]
            if position + m == self._n_steps:
                self.epoch += 1
                check_finite(self._total, self.epoch)
                self.record = {"loss": self._total / len(self._y)}
                self._total = 0.0
                if not self.validation and not self.job.metrics:
                    self._remember()
        self.stopped = self.epoch == self.job.epochs
        return self.epoch - before

    @property
    def training_rows(self):
        """Inputs of all training rows."""
        return self._X

    def measure(self, logits):
        """Enter the metrics of the training rows after an epoch that ended."""
        self.record.update(self.job.metrics(self._y, logits))
        if not self.validation:
            self._remember()

    def judge(self, logits, mean_losses, values):
        """Enter what held-out rows say of an epoch that ended; the best `values()` are kept.

        `logits` and mean losses are those of each block.
        """
        value = judge(self.job, logits, mean_losses, self.record)
        self._remember()
        if self.epoch > self.job.deferred_until:
            self.stopped |= self._stopping.update(self.epoch, value, values)

    def _remember(self):
        for key, number in self.record.items():
            self._history.setdefault(key, []).append(number)

    def before_steps(self, values):
        """What callbacks make of (parameters, state) before the next steps."""
        if self._step == 0:
            values = self._told(values, self.hooks.train_begin)
        if self._step % self._n_steps == 0:
            rate = float(self.job.learning_rates(self._step, 1)[0])
            values = self._told(values, self.hooks.epoch_begin, self.epoch + 1, rate)
        return values

    def after_epoch(self, values):
        """The same after an epoch; they may also stop the training."""
        values = self._told(values, self.hooks.epoch_end, self.epoch, self.record)
        self.stopped |= self.hooks.stop
        return values

    def _told(self, values, hook, *args):
        """Show the callbacks the true weights, and take over what they changed."""
        program = self.job.program
        shown = program.unflatten(*values)
        changed = hook(shown, *args)
        if all(np.array_equal(changed[name], shown[name]) for name in changed):
            return values
        return program.flatten({**shown, **changed})

    def result(self, params, slots, state):
        """The answer, once stopped: the weights of the best epoch if there are held-out rows."""
        values = (params, state) if self._stopping.weights is None else self._stopping.weights
        if self.hooks:
            values = self._told(values, self.hooks.train_end)
        for value in (values[0], *values[1]):
            check_finite(value, self.epoch, "weights")
        return Result(
            weights=self.job.program.unflatten(*values),
            slots=slots,
            history=self._history,
            n_epochs=self.epoch,
            best_epoch=self._stopping.epoch or self.epoch,
        )


def _shared(rows, shared):
    """The same rows, from another member if one holds them."""
    key = (rows.shape, hashlib.blake2b(rows).digest())
    return shared.setdefault(key, rows)
