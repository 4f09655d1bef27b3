"""One job while it trains: its batches, its epochs, its end."""

from typing import Any

import numpy as np

from skimbalance._engine.checkpoint import Saved, replay
from skimbalance._engine.feed import encoded, feed_of
from skimbalance._engine.job import Batches, Block, Job, Networks, Result
from skimbalance._engine.shared import Shared
from skimbalance._engine.stopping import SEQUENCES, EarlyStopping, check_finite, judge


class Member:
    """One network of a stack: what it trains on, and the record of its training.

    Parameters
    ----------
    job : Job
        The fit to train.
    n_rows : int
        Rows to which batches are padded.
    shared : Shared
        Where the rows of other members are found, by their content: each array is held once.
    hooks : Hooks, default=None
        Keras callbacks to call around the epochs.

    Attributes
    ----------
    initial : Networks
        The network before its first step.
    feed : Feed
        Its batches.
    validation : list of Block
        Blocks of held-out rows: one, several for sequences, none without held-out rows.
    epoch : int
        Epochs that are over.
    record : dict
        Loss, score and metrics of the last epoch.
    stopped : bool
        Whether training is over.
    """

    def __init__(self, job: Job, n_rows: int, shared: Shared, hooks: Any = None):
        self.job, self.hooks = job, hooks
        self.feed: Any = feed_of(job, n_rows, shared)
        self._n_steps = self.feed.n_steps
        self.initial = self._networks()
        self.validation = [] if job.validation is None else self._held_out(job.validation, shared)
        self._stopping = EarlyStopping(job.patience, job.tol)
        self._step, self._total = 0, 0.0
        self._history: dict[str, list[float]] = {}
        self.epoch, self.stopped = 0, False
        self.record: dict[str, float] = {}
        if job.checkpoint is not None and job.checkpoint.saved is not None:
            self._resume(job.checkpoint.saved)

    def _networks(self):
        job, dtype = self.job, self.job.program.dtype
        params, state = job.program.flatten(job.weights)
        slots = job.program.initial_slots(params) if job.slots is None else job.slots
        arguments = {key: np.asarray(value, dtype) for key, value in job.arguments.items()}
        return Networks(params, slots, state, dtype(job.weight_decay), arguments)

    def _held_out(self, held_out, shared):
        X = encoded(held_out, self.job.program.input_dtypes, shared)
        y = held_out.y.astype(np.int32)
        weight = held_out.weight.astype(self.job.program.dtype)
        if held_out.lengths is None:
            return [Block(X, y, weight)]
        return [
            Block(tuple(x[rows, :width] for x in X), y[rows, :width], weight[rows, :width])
            for rows, width in held_out.blocks(SEQUENCES)
        ]

    def _resume(self, saved):
        """Go on where an earlier fit stopped."""
        flatten, vote = self.job.program.flatten, self.job.vote
        params, state = flatten(saved.weights)
        self.initial = self.initial._replace(params=params, slots=saved.slots, state=state)
        self._step, self._total = saved.step, saved.total
        self._history = {name: [*numbers] for name, numbers in saved.history.items()}
        self.epoch = self._step // self._n_steps
        if vote is None:
            kept = {epoch: flatten(weights) for epoch, weights in saved.kept.items()}
            replay(self.job, saved.history, kept, self._stopping.update)
        else:
            replay(self.job, saved.history, saved.kept, vote.recast)

    def save(self, network: Networks) -> None:
        """Write how far the network has come to its checkpoint."""
        unflatten, best = self.job.program.unflatten, self._stopping
        if self.job.vote is not None:
            kept = self.job.vote.kept
        else:
            kept = {} if best.weights is None else {best.epoch: unflatten(*best.weights)}
        weights = unflatten(network.params, network.state)
        self.job.checkpoint.write(
            Saved(weights, network.slots, kept, self._history, self._step, self._total)
        )

    @property
    def width(self):
        """Steps of the sequences in the next batch; None without sequences."""
        return self.feed.width(self._step)

    @property
    def pending(self):
        """Steps until the stack has to pause: at the end of an epoch, or of training.

        With sequences it pauses after each batch, as the next one may have another width.
        """
        if self.job.rows.lengths is not None:
            return 1
        if self.validation or self.hooks or self.job.watch or self.job.metrics:
            return self._n_steps - self._step % self._n_steps
        return self.steps_left

    @property
    def n_steps_done(self):
        """Steps taken so far."""
        return self._step

    @property
    def steps_left(self):
        """Steps to the end of the last epoch."""
        return self.job.epochs * self._n_steps - self._step

    def fill(self, n: int, batches: Batches) -> None:
        """Write the next `n` batches into arrays of this network: (S, B, ...) and (S,)."""
        self.feed.fill(self._step, n, batches)
        batches.rates[:n] = self.job.learning_rates(self._step, n)
        if self.hooks:
            batches.rates[:n] *= self.hooks.rate_factor

    def advance(self, losses):
        """Record the losses of the steps that were done; return the number of epochs that ended."""
        before = self.epoch
        while len(losses):
            position = self._step % self._n_steps
            m = min(len(losses), self._n_steps - position)
            self._total += float(losses[:m] @ self.feed.sizes(self._step, m))
            self._step, losses = self._step + m, losses[m:]
            if position + m == self._n_steps:
                self.epoch += 1
                check_finite(self._total, self.epoch)
                self.record = {"loss": self._total / self.feed.n_rows}
                self._total = 0.0
                if not self.validation and not self.job.metrics:
                    self._remember()
        self.stopped = self.epoch == self.job.epochs
        return self.epoch - before

    def measure(self, logits):
        """Enter the metrics of the training rows after an epoch that ended."""
        if self.job.metrics is not None:
            self.record.update(self.job.metrics(self.feed.y, logits))
        if not self.validation:
            self._remember()

    def judge(self, logits, mean_losses, values):
        """Enter the score of the held-out rows after an epoch; keep `values()` if it is the best.

        `logits` and `mean_losses` have an entry for each block.
        """
        value = judge(self.job, logits, mean_losses, self.record)
        self._remember()
        if self.epoch <= self.job.deferred_until:
            return
        if self.job.vote is None:
            self.stopped |= self._stopping.update(self.epoch, value, values)
        else:
            weights = self.job.program.unflatten(*values())
            self.stopped |= self.job.vote.cast(self.epoch, value, weights)

    def _remember(self):
        for key, number in self.record.items():
            self._history.setdefault(key, []).append(number)

    def announce(self):
        """Tell the watch of an epoch that begins."""
        if self.job.watch and self._step % self._n_steps == 0:
            self.job.watch.epoch_begin()

    def report(self, values, path):
        """Tell the watch of an epoch that is over; it may also stop training.

        `values()` are the parameters and the state.
        """
        if self.job.watch is None:
            return

        def result():
            weights = self.job.program.unflatten(*values())
            history = {name: [*numbers] for name, numbers in self._history.items()}
            return Result(weights, None, history, self.epoch, self.epoch, path)

        self.stopped |= self.job.watch.epoch_end(result)

    def before_steps(self, values):
        """(Parameters, state) as the callbacks leave them before the next steps."""
        if self._step == 0:
            values = self._shown(values, self.hooks.train_begin)
        if self._step % self._n_steps == 0:
            rate = float(self.job.learning_rates(self._step, 1)[0])
            values = self._shown(values, self.hooks.epoch_begin, self.epoch + 1, rate)
        return values

    def after_epoch(self, values):
        """(Parameters, state) as the callbacks leave them after an epoch; they may also stop it."""
        values = self._shown(values, self.hooks.epoch_end, self.epoch, self.record)
        self.stopped |= self.hooks.stop
        return values

    def _shown(self, values, hook, *args):
        """Show the callbacks the true weights, and take over what they changed."""
        program = self.job.program
        shown = program.unflatten(*values)
        changed = hook(shown, *args)
        if all(np.array_equal(changed[name], shown[name]) for name in changed):
            return values
        return program.flatten({**shown, **changed})

    def result(self, params, slots, state, path):
        """The answer, once stopped: the weights of the best epoch if there are held-out rows."""
        values = (params, state) if self._stopping.weights is None else self._stopping.weights
        if self.hooks:
            values = self._shown(values, self.hooks.train_end)
        for value in (values[0], *values[1]):
            check_finite(value, self.epoch, "weights")
        if not self.epoch:  # interrupted in the first one, which then is all that there is
            self.epoch = 1
            seen = np.sum(self.feed.sizes(0, self._step))
            self._history = {"loss": [self._total / float(seen)]}
        return Result(
            weights=self.job.program.unflatten(*values),
            slots=slots,
            history=self._history,
            n_epochs=self.epoch,
            best_epoch=self._stopping.epoch or self.epoch,
            path=path,
        )
