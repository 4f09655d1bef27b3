"""One fit over a Dask cluster, by rounds of local training.

In a round each shard of the rows trains the engine from the common network for some steps, and the
client averages what they found. A task depends on its arguments alone, so one that is lost with its
worker runs again anywhere, and the result is the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

import keras
import numpy as np
from distributed import Client, Future, KilledWorker
from keras.tree import map_structure

from skimbalance._engine.feed import feed_of
from skimbalance._engine.job import Batches, Job, Networks, Part, Result, Rows, StreamedRows
from skimbalance._engine.stack import CALL_BYTES, MOST_STEPS, rows_per_batch
from skimbalance._engine.stopping import EarlyStopping, check_finite, judge, progress_bar
from skimbalance._fit.data import Data, StreamedData
from skimbalance._fit.network import TrainableNetwork
from skimbalance._fit.plan import Plan
from skimbalance._keras.inspection import check_precision
from skimbalance._keras.objective import check_optimizer, mean_loss
from skimbalance._keras.training import job_of, program_of
from skimbalance._validation import some_of

__all__ = ["train_rounds"]

# Steps that a shard takes in a round, at most. Rounds of 10 to 50 steps scored alike, those of 100
# and more lower; shorter ones pay more often for the way to the workers and back.
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
    """Rows as the network sees them, their targets, and their weights in the loss."""

    X: tuple[np.ndarray, ...]
    y: np.ndarray
    weight: np.ndarray
    early_weight: np.ndarray


@dataclass(frozen=True, eq=False)
class _Course:
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

    def job(self, number: int, shard: _Shard, epoch: int) -> Job:
        """The job of a shard up to the end of an epoch, in orders of its own."""
        plan, (X, y, weight, early_weight) = self.plan, shard
        rows = Data(X, np.arange(len(y)), y, weight, True)
        job = job_of(replace(plan, rows=rows, loss_weight=weight), self.network)
        targets = np.maximum(y, 0).astype(np.int32)
        held = StreamedRows(
            sizes=np.array([len(y)]),
            read=lambda part, dtypes: Part(X, targets, None),
            weigh=lambda part, early: early_weight if early else weight,
            order=lambda targets, part, epoch: self.order(y, number, epoch),
            shapes=[x.shape[1:] for x in X],
            target_shape=y.shape[1:],
        )
        return replace(
            job,
            program=self.program(),
            rows=held,
            order=lambda epoch: np.zeros(1, int),
            epochs=epoch + 1,
        )

    def seed(self, number: int) -> int:
        """The seed of a shard's noise; that of the first is the plan's."""
        return self.plan.noise_seed + number


def train_rounds(
    plan: Plan, network: TrainableNetwork, client: Client, shards: Sequence[Future]
) -> Result:
    """Train a planned fit on the workers of a Dask cluster.

    The average of S shards moves about as far as one of them, while a single process would have
    taken S times as many steps. A momentum of 1 - 1/S between the rounds makes up for it: block
    momentum (Chen & Huo 2016, doi:10.1109/ICASSP.2016.7472805), in Nesterov's form as in DiLoCo
    (arXiv:2311.08105), whose local training this is. With one shard the rounds are the epochs of
    the engine, bit for bit.

    Parameters
    ----------
    plan : Plan
        The plan of the fit, whose rows are `StreamedData`: weights and orders of the shards, which
        are its parts. They are not read from there.
    network : TrainableNetwork
        The network to train.
    client : distributed.Client
        The client of the cluster.
    shards : sequence of Future
        The training rows, each shard a random sample of them: objects with the attributes `X`
        (ndarray of shape (n_rows, n_columns)), before they are encoded, `y` and `weight` (ndarray
        of shape (n_rows,), or None). They have to be such that Dask can compute them again. The
        result depends on the shards, and not on who trained them.

    Returns
    -------
    result : Result
        The trained weights: those of the best epoch if there are held-out rows.

    Raises
    ------
    ValueError
        If a parameter does not go with rounds, the workers compute in another type of numbers, or
        training diverges.
    RuntimeError
        If one worker after the other dies with the same task.
    """
    _check(plan, network, client)
    rows, bare = cast(StreamedData, plan.rows), _without_rows(plan)
    plain = replace(bare, held_out=None, held_out_loss_weight=None)
    course = _Course(plain, network, rows.weigh, rows.order, keras.config.floatx())
    # A task of its own: unlike scattered data it comes again if its worker dies.
    common = client.submit(_same, course, pure=False)
    prepared = [client.submit(_prepared, common, shard, pure=False) for shard in shards]
    sizes = _gather(client, [client.submit(_n_rows, shard, pure=False) for shard in prepared])

    def run(starts, *place):
        numbered = enumerate(zip(prepared, starts, strict=True))
        return _gather(
            client,
            [
                client.submit(_trained, common, shard, number, start, *place, pure=False)
                for number, (shard, start) in numbered
            ],
        )

    return _Rounds(course, job_of(bare, network), sizes, run).train(plan.watch)


class _Rounds:
    """The client's part: common values, rounds, and the held-out rows after each epoch."""

    def __init__(self, course, job, sizes, run):
        plan, self._program, self._run = course.plan, course.program(), run
        self._job = replace(job, program=self._program)
        weights, noise = plan.initial.weights, course.network.noise
        flattened = [
            self._program.flatten({**weights, **noise(course.seed(number))})
            for number in range(len(sizes))
        ]
        params, state = flattened[0]
        slots = map_structure(np.asarray, tuple(self._program.initial_slots(params)))
        self._common = _Values(params, slots, state)
        # Seeds and counters of its own for each shard.
        self._states = [state for _, state in flattened]
        self._momentum, self._moved = 1.0 - 1.0 / len(sizes), np.zeros(len(params))
        n_steps = -(-max(sizes) // plan.batch_size)
        self._n_rounds = -(-n_steps // LOCAL_STEPS)
        if self._job.validation is not None:
            self._held_out = self._job.validation.read(self._program.input_dtypes)
        self._history, self._path = {}, "compiled"

    def train(self, watch):
        """All epochs; the result."""
        job, stopping = self._job, EarlyStopping(self._job.patience, self._job.tol)
        epoch, stopped = 0, False
        with progress_bar([job]) as bar:
            while epoch < job.epochs and not stopped:
                if watch:
                    watch.epoch_begin()
                try:
                    record = self._epoch(epoch)
                except KeyboardInterrupt:
                    raise KeyboardInterrupt(bar.text) from None
                epoch += 1
                stopped = self._enter(epoch, record, stopping)
                if watch:
                    stopped |= watch.epoch_end(lambda n=epoch: self._result(self._kept(), n, n))
                bar.update(1)
                bar.set_postfix({name: f"{value:.4f}" for name, value in record.items()})
        kept = self._kept() if stopping.weights is None else stopping.weights
        for value in (kept[0], *kept[1]):
            check_finite(value, epoch, "weights")
        return self._result(kept, epoch, stopping.epoch or epoch)

    def _epoch(self, epoch):
        """Train one epoch; its record."""
        loss, n_rows = 0.0, 0
        for number in range(self._n_rounds):
            starts = [self._start(state) for state in self._states]
            found = self._run(starts, epoch, number, self._n_rounds)
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

        average = map_structure(mean, *(trained.values for trained in found))
        change = average.params.astype(float) - self._common.params
        self._moved = self._momentum * self._moved + change
        params = average.params + self._momentum * self._moved
        self._common = average._replace(params=params.astype(average.params.dtype))

    def _kept(self):
        """Parameters that are judged and kept, and the state."""
        params, slots, state = self._common
        return slots[-1] if self._program.averages else params, state

    def _enter(self, epoch, record, stopping):
        """Judge the held-out rows after an epoch; whether to stop."""
        job, value = self._job, None
        if job.validation is not None:
            held_out, program = job.validation, self._program
            arguments = {name: np.asarray(x, program.dtype) for name, x in job.arguments.items()}
            y, weight = held_out.y.astype(np.int32), held_out.weight.astype(program.dtype)
            parts = (*self._kept(), self._held_out, y, weight, arguments)
            logits, losses = program.judge(*map_structure(lambda x: np.asarray(x)[None], parts))
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


def _check(plan, network, client):
    """Check that rounds can train what is asked.

    Raises
    ------
    ValueError
        If the client is none of Dask's, or a parameter does not go with rounds.
    """
    settings = plan.settings
    if not isinstance(client, Client) or client.asynchronous:
        raise ValueError(
            "The 'client' parameter must be a Dask client that is not asynchronous. "
            f"Got {client!r} instead."
        )
    check_precision(keras.config.dtype_policy())
    check_optimizer(settings.optimizer)
    if network.by_keras:
        raise ValueError(
            "The network must be one that compiled programs train where a 'client' is given. Got "
            f"one that Keras' own fit has to train: {network.by_keras}."
        )
    callbacks = some_of([type(callback).__name__ for callback in settings.callbacks])
    for name, asked in (
        ("callbacks", callbacks if settings.callbacks else None),
        ("metrics", settings.metrics),
        ("checkpoint", settings.checkpoint),
    ):
        if asked is not None:
            raise ValueError(
                f"The {name!r} parameter must be None where a 'client' is given, as workers train "
                f"the network in turns. Got {asked!r} instead."
            )
    if plan.vote is not None:
        raise ValueError("Networks that stop together must train without a 'client'. Got one.")


def _without_rows(plan):
    """The plan with its held-out rows, and no training rows."""
    nothing = np.zeros((0, *plan.rows.sample.y.shape[1:]), int)
    rows = Data((np.zeros((0, 1)),), np.arange(0), nothing, np.zeros(0), weighted=True)
    return replace(plan, rows=rows, loss_weight=np.zeros(0), order=np.arange, watch=None)


def _gather(client, futures):
    try:
        return client.gather(futures)
    except KilledWorker as error:
        raise RuntimeError(
            "The workers of the 'client' must live long enough to train a shard of the rows. Got "
            "several that died with the same shard, most likely for lack of memory: give them "
            "more, or take more shards."
        ) from error


# Tasks


def _same(course):
    return course


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
    rows = Rows(given.X, np.arange(len(given.y)), given.y, weight, encode)
    return _Shard(
        X=rows.read(course.program().input_dtypes),
        y=given.y,
        weight=weight,
        early_weight=course.weigh(given, True) if plan.deferred_until else weight,
    )


def _n_rows(shard):
    return len(shard.y)


def _trained(course, shard, number, start, epoch, round_number, n_rounds):
    """The values after the steps of one round."""
    job = course.job(number, shard, epoch)
    program, n_padded = job.program, rows_per_batch(job)
    feed, batches = feed_of(job, n_padded, {}), _batches(job, n_padded)
    arguments = {name: np.asarray(x, program.dtype) for name, x in job.arguments.items()}
    networks = Networks(
        start.params, start.slots, start.state, program.dtype(job.weight_decay), arguments
    )
    networks = map_structure(lambda value: np.asarray(value)[None], networks)
    first, last = (epoch * feed.n_steps + feed.n_steps * number // n_rounds
                   for number in (round_number, round_number + 1))  # fmt: skip
    loss, n_rows, path = 0.0, 0, "compiled"
    while first < last:
        n = min(last - first, batches.y.shape[1])
        feed.fill(first, n, map_structure(lambda part: part[0], batches))
        batches.rates[0, :n] = job.learning_rates(first, n)
        results, path = program.steps(networks, batches, n)
        params, slots, state, losses = map_structure(np.asarray, results)
        networks = networks._replace(params=params, slots=slots, state=state)
        sizes = feed.sizes(first, n)
        loss += float(losses[0, :n] @ sizes)
        n_rows += int(np.sum(sizes))
        first += n
    values = map_structure(lambda value: np.array(value[0]), tuple(networks[:3]))
    return _Trained(_Values(*values), n_rows, loss, path)


def _batches(job, n_padded):
    """Arrays for the batches of one call of the program."""
    program, targets = job.program, job.rows.target_shape
    inputs = list(zip(program.features, program.input_dtypes, strict=True))
    row_bytes = sum(np.prod(shape, dtype=int) * np.dtype(kind).itemsize for shape, kind in inputs)
    n_steps = int(np.clip(CALL_BYTES // max(n_padded * row_bytes, 1), 1, MOST_STEPS))
    leading = 1, n_steps, n_padded
    return Batches(
        X=tuple(np.zeros((*leading, *shape), kind) for shape, kind in inputs),
        y=np.zeros((*leading, *targets), np.int32),
        weight=np.zeros((*leading, *targets[: program.target_rank]), program.dtype),
        sizes=np.ones(leading[:2], np.int32),
        rates=np.zeros(leading[:2], program.dtype),
    )
