"""One fit over a Dask cluster, by rounds of local training.

In a round each shard of the rows trains the engine from the common network for some steps, and the
client averages what they found. A task depends on its arguments alone, so one that is lost with its
worker runs again anywhere, and the result is the same.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

import keras
import numpy as np
from keras.tree import map_structure

from skimbalance._engine.feed import padded_table
from skimbalance._engine.job import Job, Networks, Part, Result, Rows
from skimbalance._engine.stack import allocate, rows_per_batch
from skimbalance._engine.stopping import (
    EarlyStopping,
    Interrupted,
    check_finite,
    judge,
    progress_bar,
)
from skimbalance._fit.data import Data, StreamedData
from skimbalance._fit.network import TrainableNetwork
from skimbalance._fit.plan import Plan
from skimbalance._fit.streams.cluster import gather, same
from skimbalance._keras.objective import mean_loss
from skimbalance._keras.training import check_plan, job_of, program_of

__all__ = ["train_rounds"]

# Steps that a shard takes in a round, at most: a compromise between the score, which falls with
# rounds of 100 steps and more, and the way to the workers and back, for which each round pays.
LOCAL_STEPS = 50


class _Values(NamedTuple):
    """What training changes: parameters, the optimizer's slots, and the state of the network."""

    params: np.ndarray
    slots: tuple[np.ndarray, ...]
    state: tuple[np.ndarray, ...]


class _Trained(NamedTuple):
    """Values after some local steps, the number of their rows, the sum of the losses, the path."""

    values: _Values
    n_rows: int
    loss: float
    path: str


class _Shard(NamedTuple):
    """Rows as the network sees them; `y` as given, by which they are ordered."""

    X: tuple[np.ndarray, ...]
    y: np.ndarray
    targets: np.ndarray
    weight: np.ndarray
    early_weight: np.ndarray


@dataclass(frozen=True, eq=False)
class _Common:
    """What all tasks know: the plan without its rows, the network, and Keras' type of numbers.

    Parameters
    ----------
    plan : Plan
        The plan, without its rows.
    network : TrainableNetwork
        The network to train.
    weigh, order : callable
        Those of its `StreamedData`.
    floatx : str
        Type of numbers.
    """

    plan: Plan
    network: TrainableNetwork
    weigh: Callable[..., np.ndarray]
    order: Callable[..., np.ndarray]
    floatx: str

    def program(self) -> Any:
        """The compiled program, which each process keeps."""
        settings, target = self.plan.settings, self.plan.target
        loss = mean_loss(settings.loss, target, self.network.has_single_output)
        return program_of(self.network, self.plan, loss)

    def job(self, shard: _Shard) -> Job:
        """The job of the rows of a shard alone."""
        rows = Data(shard.X, np.arange(len(shard.y)), shard.y, shard.weight, True)
        return job_of(replace(self.plan, rows=rows, loss_weight=shard.weight), self.network)

    def seed(self, number: int) -> int:
        """The seed of a shard's noise; that of the first is the plan's."""
        return self.plan.noise_seed + number


def train_rounds(plan: Plan, network: TrainableNetwork) -> Result:
    """Train a planned fit on the workers of a Dask cluster.

    The average of S shards moves about as far as one of them, while a single process would have
    taken S times as many steps. A momentum of 1 - 1/S between the rounds makes up for it: block
    momentum (Chen & Huo 2016, doi:10.1109/ICASSP.2016.7472805), in Nesterov's form as in DiLoCo
    (arXiv:2311.08105), whose local training this is. With one shard the rounds are the epochs of
    the engine, bit for bit.

    Parameters
    ----------
    plan : Plan
        The plan of the fit, whose rows have `shards`. The result depends on the shards, and not on
        who trained them.
    network : TrainableNetwork
        The network to train; one that compiled programs train.

    Returns
    -------
    result : Result
        The trained weights: those of the best epoch if there are held-out rows.

    Raises
    ------
    ValueError
        If the workers compute in another type of numbers, training diverges, or as `train` does.
    RuntimeError
        If one worker after the other dies with the same task.
    KeyboardInterrupt
        If the fit is interrupted; after the first epoch with the result so far.
    """
    check_plan(plan)
    rows, bare = cast(StreamedData, plan.rows), _without_rows(plan)
    client, plain = rows.shards.client, replace(bare, held_out=None, held_out_loss_weight=None)
    course = _Common(plain, network, rows.weigh, rows.order, keras.config.floatx())
    # A task of its own: unlike scattered data it comes again if its worker dies.
    common = client.submit(same, course, pure=False)
    prepared = [
        client.submit(_prepared, common, shard, pure=False) for shard in rows.shards.futures
    ]
    cluster = _Cluster(client, common, prepared)
    return _Rounds(course, job_of(bare, network), rows.sizes).train(cluster)


class _Cluster:
    """What the workers do for the client.

    Parameters
    ----------
    client : distributed.Client
        The client of the cluster.
    course : Future
        What all tasks know.
    shards : list of Future
        The shards, prepared.
    """

    def __init__(self, client, course, shards):
        self._client, self._course, self._shards = client, course, shards
        self._orders = []

    def draw(self, epoch):
        """Let the shards draw the order of their rows in an epoch."""
        self._orders = [
            self._client.submit(_ordered, self._course, shard, number, epoch, pure=False)
            for number, shard in enumerate(self._shards)
        ]

    def train(self, starts, *place):
        """What the shards find in a round, from their starts."""
        submit, parts = self._client.submit, zip(self._shards, self._orders, starts, strict=True)
        found = [submit(_trained, self._course, *part, *place, pure=False) for part in parts]
        return gather(self._client, found)


class _Rounds:
    """The client's part: common values, rounds, and the held-out rows after each epoch."""

    def __init__(self, course, job, sizes):
        plan, self._program = course.plan, course.program()
        self._job = replace(job, program=self._program)
        weights, noise = plan.initial.weights, course.network.noise
        flattened = [
            self._program.flatten({**weights, **noise(course.seed(number))})
            for number in range(len(sizes))
        ]
        params, state = flattened[0]
        slots = map_structure(np.asarray, tuple(self._program.initial_slots(params)))
        # What the next round starts from lies ahead of the last average, by the momentum.
        self._common = self._average = _Values(params, slots, state)
        # Seeds and counters of its own for each shard.
        self._states = [state for _, state in flattened]
        self._momentum, self._moved = 1.0 - 1.0 / len(sizes), np.zeros(len(params))
        n_steps = -(-int(max(sizes)) // plan.batch_size)
        self._n_rounds = -(-n_steps // LOCAL_STEPS)
        if job.validation is not None:
            self._held_out = self._read(job)
        self._history, self._path = {}, "compiled"

    def _read(self, job):
        """Held-out rows, their targets and weights, and parameters of the loss, to judge by."""
        held_out, program = job.validation, self._program
        arguments = {name: np.asarray(x, program.dtype) for name, x in job.arguments.items()}
        X, y = held_out.read(program.input_dtypes), held_out.y.astype(np.int32)
        return X, y, held_out.weight.astype(program.dtype), arguments

    def train(self, cluster):
        """All epochs; the result."""
        job, stopping, epoch = self._job, EarlyStopping(self._job.patience, self._job.tol), 0
        stopped = False
        with progress_bar([job]) as bar:
            while epoch < job.epochs and not stopped:
                try:
                    record = self._epoch(cluster, epoch)
                except KeyboardInterrupt:
                    if not epoch:
                        raise KeyboardInterrupt(bar.text) from None
                    raise Interrupted(bar.text, self._best(stopping, epoch)) from None
                epoch += 1
                stopped = self._enter(epoch, record, stopping)
                bar.update(1)
                bar.set_postfix({name: f"{value:.4f}" for name, value in record.items()})
        return self._best(stopping, epoch)

    def _best(self, stopping, epoch):
        """The result: the weights of the best epoch if there are held-out rows."""
        kept = self._kept() if stopping.weights is None else stopping.weights
        for value in (kept[0], *kept[1]):
            check_finite(value, epoch, "weights")
        return self._result(kept, epoch, stopping.epoch or epoch)

    def _epoch(self, cluster, epoch):
        """Train one epoch; its record."""
        loss, n_rows = 0.0, 0
        cluster.draw(epoch)
        for number in range(self._n_rounds):
            starts = [self._start(state) for state in self._states]
            found = cluster.train(starts, epoch, number, self._n_rounds)
            self._states = [trained.values.state for trained in found]
            self._step(found)
            loss += sum(trained.loss for trained in found)
            n_rows += sum(trained.n_rows for trained in found)
            self._path = found[0].path
        check_finite(loss, epoch + 1)
        return {"loss": loss / n_rows}

    def _start(self, state):
        """What a shard starts a round from: the common values, and its own seeds and counters."""
        both = zip(self._common.state, state, strict=True)
        mixed = tuple(common if _is_real(common) else own for common, own in both)
        return self._common._replace(state=mixed)

    def _step(self, found):
        """Average what the shards found, and let the parameters move on."""
        share = np.array([trained.n_rows for trained in found], float)
        share /= share.sum()

        def mean(*values):
            if not _is_real(values[0]):
                return values[0]
            total = sum(part * np.asarray(x, float) for part, x in zip(share, values, strict=True))
            return np.asarray(total, values[0].dtype)

        self._average = average = map_structure(mean, *(trained.values for trained in found))
        change = average.params.astype(float) - self._common.params
        self._moved = self._momentum * self._moved + change
        params = average.params + self._momentum * self._moved
        self._common = average._replace(params=params.astype(average.params.dtype))

    def _kept(self):
        """Parameters that are judged and kept, and the state: not those ahead of the average."""
        params, slots, state = self._average
        return slots[-1] if self._program.averages else params, state

    def _enter(self, epoch, record, stopping):
        """Judge the held-out rows after an epoch; whether to stop."""
        job, value = self._job, None
        if job.validation is not None:
            parts = (*self._kept(), *self._held_out)
            stacked = map_structure(lambda x: np.asarray(x)[None], parts)
            logits, losses = self._program.judge(*stacked)
            value = judge(job, [logits[0]], [losses[0]], record)
        for name, number in record.items():
            self._history.setdefault(name, []).append(number)
        if value is None or epoch <= job.deferred_until:
            return False
        return stopping.update(epoch, value, self._kept)

    def _result(self, kept, n_epochs, best_epoch):
        weights = self._program.unflatten(*kept)
        history = {name: [*numbers] for name, numbers in self._history.items()}
        return Result(weights, None, history, n_epochs, best_epoch, self._path)


def _is_real(value):
    return np.issubdtype(value.dtype, np.floating)


def _without_rows(plan):
    """The plan with its held-out rows, and no training rows."""
    nothing = np.zeros((0, *plan.rows.sample.y.shape[1:]), int)
    rows = Data((np.zeros((0, 1)),), np.arange(0), nothing, np.zeros(0), weighted=True)
    return replace(plan, rows=rows, loss_weight=np.zeros(0), order=np.arange, watch=None)


# Tasks


def _prepared(course, part):
    """The rows of a shard, encoded and weighted."""
    if keras.config.floatx() != course.floatx:
        raise ValueError(
            "The workers of the 'client' must compute in the client's type of numbers, Keras' "
            f"floatx {course.floatx!r}. Got {keras.config.floatx()!r} on a worker."
        )
    plan, given = course.plan, Part((part.X,), np.asarray(part.y), part.weight)
    weight = course.weigh(given, False)
    encoder = plan.initial.encoder
    encode = None if encoder is None else encoder.transform
    rows, program = (
        Rows(given.X, np.arange(len(given.y)), given.y, weight, encode),
        course.program(),
    )
    early = course.weigh(given, True) if plan.deferred_until else weight
    return _Shard(
        X=rows.read(program.input_dtypes),
        y=given.y,
        targets=np.maximum(given.y, 0).astype(np.int32),
        weight=weight.astype(program.dtype),
        early_weight=early.astype(program.dtype),
    )


def _ordered(course, shard, number, epoch):
    return course.order(shard.y, number, course.plan.first_epoch + epoch)


def _trained(course, shard, order, start, epoch, number, n_rounds):
    """The values after the steps of one round."""
    job, program = course.job(shard), course.program()
    cuts, n_padded = job.cuts, rows_per_batch(job)
    arguments = {name: np.asarray(x, program.dtype) for name, x in job.arguments.items()}
    decay = program.dtype(job.weight_decay)
    networks = Networks(start.params, start.slots, start.state, decay, arguments)
    networks = map_structure(lambda value: np.asarray(value)[None], networks)
    weight = shard.early_weight if epoch < job.deferred_until else shard.weight
    rows = [*shard.X, shard.targets, weight]
    batches = allocate(program, 1, n_padded, shard.targets.shape[1:])
    first, last = (job.n_steps * number // n_rounds for number in (number, number + 1))
    loss, path = 0.0, "compiled"
    for begin in range(first, last, batches.y.shape[1]):
        end = min(begin + batches.y.shape[1], last)
        sizes = _fill(batches, rows, order, cuts[begin : end + 1])
        rates = job.learning_rates(epoch * job.n_steps + begin, end - begin)
        batches.rates[0, : end - begin] = rates
        results, path = program.steps(networks, batches, end - begin)
        params, slots, state, losses = map_structure(np.asarray, results)
        networks = networks._replace(params=params, slots=slots, state=state)
        loss += float(np.sum(losses[0, : end - begin] * sizes))
    values = map_structure(lambda value: np.array(value[0]), tuple(networks[:3]))
    return _Trained(_Values(*values), int(cuts[last] - cuts[first]), loss, path)


def _fill(batches, rows, order, cuts):
    """Write batches, which repeat their last row where they are shorter; their sizes."""
    n_steps, n_padded = len(cuts) - 1, batches.y.shape[2]
    chosen = order[padded_table(cuts, n_padded)]
    for values, out in zip(rows, [*batches.X, batches.y, batches.weight], strict=True):
        values.take(chosen, axis=0, out=out[0, :n_steps], mode="clip")
    batches.sizes[0, :n_steps] = sizes = np.diff(cuts)
    return sizes
