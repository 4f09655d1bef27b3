"""Stacks: networks of one shape that train in one compiled program."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from keras.tree import map_structure

from skimbalance._engine.checkpoint import Pace
from skimbalance._engine.job import (
    Batches,
    Networks,
    NotStackableError,
    Result,
    StreamedRows,
    longest_batch,
)
from skimbalance._engine.member import Member
from skimbalance._engine.shared import Shared
from skimbalance._engine.stopping import Interrupted, progress_bar

# Numbers that one layer may put out on the batches of a whole stack. Below this limit they stay in
# one core's cache, and XLA sums them in the same order whatever the size of the stack; it splits
# larger sums. A rounding error would grow into another network within a few epochs of Adam.
LAYER_NUMBERS = 2**15

# Memory for the batches of one call of the program, in bytes.
CALL_BYTES = 2**23

MOST_NETWORKS = 64
MOST_STEPS = 256

# A stack shrinks to one of these sizes as its members stop, if that saves more time than compiling
# costs. The sizes are few, as each is compiled. The times are rough ones, for one core.
SMALLER = (1, 4, 16)
COMPILE_SECONDS = 0.5
STEP_SECONDS, FLOP_SECONDS = 5e-6, 3e-11


def rows_per_batch(job):
    """Rows to which the batches of a job are padded.

    The batch size; or the power of two from the longest batch on, if that is smaller. It is
    rounded up to one of eight numbers in each doubling (32, 36, 40, ...), as each is compiled.
    """
    longest = longest_batch(job.rows, job.batch_size)
    rows = min(job.batch_size, 1 << (longest - 1).bit_length())
    grain = 1 << max(rows.bit_length() - 4, 0)
    return -(-rows // grain) * grain


def shape(job):
    """Jobs of equal shape may share a stack."""
    return job.program, rows_per_batch(job)


def stack_size(job, n_jobs, most=MOST_NETWORKS):
    """Number of networks to train in one stack, out of `n_jobs` of one shape.

    As many as put out fewer than 32,768 numbers in their widest layer: for batches of 64 and a
    layer of 64, 7 networks; but at least one, and at most 64. In memory a stack takes the batches
    of a call (8 MiB, or one step's), and per network in float32 4 bytes * (5 P + 2 B W): P
    parameters, their gradient, the optimizer's slots (2 P for Adam) and the best weights; the
    outputs of all layers (W numbers a row) on B rows, and their gradients. Seven networks of 20
    features, layers 64-32, two classes and batches of 64 take 7 * 4 * (5 * 3,490 + 2 * 64 * 214)
    bytes = 1.2 MiB. Rows that several members share are held once.

    Among the sizes above half of that, it is the one that leaves the fewest seats empty in the
    last round: 50 jobs train as 10 times 5.
    """
    largest = min(_most_networks(job, most), n_jobs)
    sizes = range(largest, largest // 2, -1)
    return min(sizes, key=lambda size: -(-n_jobs // size) * size)


def _most_networks(job, most):
    if not job.program.stackable:
        return 1
    fit = (LAYER_NUMBERS - 1) // (rows_per_batch(job) * job.program.widest)
    return int(np.clip(fit, 1, min(MOST_NETWORKS, most)))


def deal(jobs, n_workers, most=MOST_NETWORKS):
    """Deal out jobs in shares of equal shape, the longest first.

    Parameters
    ----------
    jobs : list of Job
        Jobs of any shapes.
    n_workers : int
        Threads that will train. The shapes get numbers of shares in proportion to their work.
    most : int, default=64
        Maximum number of networks in one stack.

    Returns
    -------
    shares : list of (list of int, int)
        Numbers of the jobs, and the size of their stack.
    """
    groups = _by_shape(jobs)
    work = {
        key: key[0].n_params * sum(len(jobs[i].rows) * jobs[i].epochs for i in group)
        for key, group in groups.items()
    }
    shares = []
    for key, group in groups.items():
        n_shares = round(n_workers * work[key] / sum(work.values()))
        n_shares = min(max(n_shares, 1), len(group))
        size = stack_size(jobs[group[0]], -(-len(group) // n_shares), most)
        shares += [(work[key] / n_shares, group[s::n_shares], size) for s in range(n_shares)]
    shares.sort(key=lambda share: -share[0])
    return [share[1:] for share in shares]


def _by_shape(jobs):
    groups: dict[Any, list[int]] = {}
    for i, job in enumerate(jobs):
        groups.setdefault(shape(job), []).append(i)
    return groups


def allocate(program, n_networks, n_rows, targets, width=None):
    """Arrays for the batches of one call; for sequences one batch, of some width.

    Parameters
    ----------
    program : Program
        The compiled program.
    n_networks, n_rows : int
        Networks of the stack, and rows to which batches are padded.
    targets : tuple of int
        The shape of the target of a row.
    width : int, default=None
        Steps of the sequences.
    """
    features, leading = program.features, (n_networks, 1, n_rows)
    if width is not None:
        features, targets = [(width, *shape[1:]) for shape in features], (width,)
    inputs = list(zip(features, program.input_dtypes, strict=True))
    if width is None:
        row_bytes = sum(np.prod(shape, dtype=int) * np.dtype(of).itemsize for shape, of in inputs)
        n_steps = np.clip(CALL_BYTES // max(n_networks * n_rows * row_bytes, 1), 1, MOST_STEPS)
        leading = n_networks, int(n_steps), n_rows
    return Batches(
        X=tuple(np.zeros((*leading, *shape), of) for shape, of in inputs),
        y=np.zeros((*leading, *targets), np.int32),
        weight=np.zeros((*leading, *targets[: program.target_rank]), program.dtype),
        sizes=np.ones(leading[:2], np.int32),
        rates=np.zeros(leading[:2], program.dtype),
    )


def train_alone(job, hooks=None):
    """Train one job.

    Parameters
    ----------
    job : Job
        The fit to train.
    hooks : Hooks, default=None
        Keras callbacks to call around the epochs.

    Returns
    -------
    result : Result
        The weights of the best epoch if there are held-out rows, else of the last one.
    """
    outcomes = []
    with progress_bar([job]) as bar:
        try:
            train_stack([job], lambda _, outcome: outcomes.append(outcome), bar=bar, hooks=hooks)
        except KeyboardInterrupt:
            text = bar.text
            if outcomes and isinstance(outcomes[0], Result):
                raise Interrupted(text, outcomes[0]) from None
            raise KeyboardInterrupt(text) from None
    if isinstance(outcomes[0], BaseException):
        raise outcomes[0]
    return outcomes[0]


def train_stack(jobs, deliver, *, bar, size=1, shared=None, hooks=None, cancelled=lambda: False):
    """Train jobs of one shape, `size` at a time: when one stops, the next takes its place.

    Parameters
    ----------
    jobs : list of Job
        Jobs of equal `shape`.
    deliver : callable
        ``deliver(i, outcome)`` is called once for each job when it stops, with its `Result`, or
        with the exception that ended it; the other jobs go on.
    bar : tqdm
        Shows the epochs.
    size : int, default=1
        Number of networks in the stack.
    shared : Shared, default=None
        Where the rows of other stacks are found, by their content.
    hooks : Hooks, default=None
        Keras callbacks, for a single job.
    cancelled : callable, default=never
        Whether to give up; asked between calls of the program.
    """
    shared = Shared() if shared is None else shared
    waiting = list(enumerate(jobs))
    delivered = set()

    def deliver_once(i, outcome):
        delivered.add(i)
        deliver(i, outcome)

    try:
        for group in _side_by_side(waiting, size):
            stacks = [_Stack(part, deliver_once, bar, size, shared, hooks) for part in group]
            _take_turns(stacks, cancelled)
    except NotStackableError:
        for i, job in enumerate(jobs):
            if i not in delivered:
                _take_turns([_Stack([(i, job)], deliver, bar, 1, shared, hooks)], cancelled)


def _take_turns(stacks, cancelled):
    """Train stacks until all their seats are empty."""
    try:
        while stacks and not cancelled():
            stacks = [stack for stack in stacks if stack.turn()]
    except KeyboardInterrupt:
        for stack in stacks:
            stack.leave_off()
        raise


def _side_by_side(waiting, size):
    """Groups of jobs, each cut into stacks that take turns.

    The members of a committee are all seated at once: it knows only when all of them have reached
    an epoch whether to stop. All other jobs are one group, in which one takes the place of another.
    """
    groups: dict[Any, list[Any]] = {}
    for number, job in waiting:
        committee = job.vote and job.vote.committee
        groups.setdefault(committee, []).append((number, job))
    for committee, group in groups.items():
        seats = len(group) if committee is None else size
        yield [group[i : i + seats] for i in range(0, len(group), seats)]


class _Seat(NamedTuple):
    """A seat of the stack that is taken: the number of a job, and its member."""

    number: int
    member: Member


class _Stack:
    """Seats for some networks, and the arrays of all of them along a leading axis."""

    def __init__(self, waiting, deliver, bar, size, shared, hooks):
        self._waiting, self._deliver, self._bar = waiting[::-1], deliver, bar
        self._shared, self._hooks = shared, hooks
        self._pace = Pace()
        self._program, self._n_rows = shape(waiting[0][1])
        self._seats = [self._next() for _ in range(size)]
        if active := self._active():
            # An empty seat trains a copy that is thrown away: all stacks of this size share a
            # compiled program, and compiling another would cost more than these steps.
            members = [self._member(k if k in active else active[0]) for k in range(size)]
            initial = [member.initial for member in members]
            self._networks = map_structure(lambda *values: np.stack(values), *initial)
            self._targets = members[0].job.rows.target_shape
            self._batches: Batches | None = None

    def _next(self) -> _Seat | None:
        """The next job that can start; None if none is left."""
        while self._waiting:
            number, job = self._waiting.pop()
            try:
                member = Member(job, self._n_rows, self._shared, self._hooks)
            except Exception as error:
                self._bar.total -= job.epochs
                self._deliver(number, error)
            else:
                self._bar.update(member.epoch)
                return _Seat(number, member)
        return None

    def _member(self, k: int) -> Member:
        """The member in a seat that is taken."""
        seat = self._seats[k]
        assert seat is not None
        return seat.member

    def _arrays(self) -> Batches:
        """Arrays for the next call."""
        width = self._member(self._active()[0]).width
        if self._batches is None or width is not None:
            n_networks, targets = len(self._seats), self._targets
            self._batches = allocate(self._program, n_networks, self._n_rows, targets, width)
        return self._batches

    def turn(self):
        """Take steps until a member has to look at its network; whether a seat is still taken."""
        if not self._active():
            return False
        self._each(self._before_steps)
        self._train()
        if ended := self._each(self._advance):
            self._each(self._measure, ended)
            self._judge(ended)
            self._each(self._after_epoch, ended)
        self._pace(self._save)
        self._refill()
        return bool(self._active())

    def _active(self) -> list[int]:
        return [k for k, seat in enumerate(self._seats) if seat]

    def _each(self, function, seats=None):
        """Call ``function(seat number, member)`` for each network; the seats where it is true.

        An exception ends the fit of its network, and the others go on.
        """
        true_for = []
        for k in self._active() if seats is None else seats:
            try:
                if self._seats[k] and function(k, self._member(k)):
                    true_for.append(k)
            except Exception as error:
                self._leave(k, error)
        return true_for

    def _before_steps(self, k, member):
        member.announce()
        if member.hooks:
            self._change(k, member.before_steps(self._values(k)))

    def _train(self):
        """Take steps until a member has to look at its network."""
        batches = self._arrays()
        pending = [self._member(k).pending for k in self._active()]
        n = min([*pending, batches.y.shape[1]])

        def fill(k, member):
            member.fill(n, map_structure(lambda part: part[k], batches))

        self._each(fill)
        networks = self._networks
        results, self._path = self._program.steps(networks, batches, n)
        params, slots, state, losses = map_structure(np.asarray, results)
        self._networks = networks._replace(params=params, slots=slots, state=state)
        self._losses = losses[:, :n]
        if all(isinstance(self._member(k).job.rows, StreamedRows) for k in self._active()):
            self._bar.show_rows(int(batches.sizes[:, :n].sum()))

    def _advance(self, k, member):
        before = member.epoch
        try:
            return member.advance(self._losses[k])
        finally:
            self._bar.update(member.epoch - before)

    def _measure(self, k, member):
        """Metrics of the training rows of a network at the end of an epoch."""
        if member.job.metrics is not None:
            params, state = map_structure(lambda value: value[None], self._kept(k))
            X = map_structure(lambda x: x[None], member.feed.X)
            member.measure(self._program.forward(params, state, X)[0])

    def _judge(self, ended):
        """Score the held-out rows of networks at the end of an epoch."""
        ended = [k for k in ended if self._seats[k] and self._member(k).validation]
        if not ended:
            return
        networks = self._networks
        judged = map_structure(
            lambda value: value[ended], (self._kept_params(), networks.state, networks.arguments)
        )
        blocks = [
            self._judged(judged, block)
            for block in zip(*(self._member(k).validation for k in ended), strict=True)
        ]
        place = {k: i for i, k in enumerate(ended)}

        def judge(k, member):
            i = place[k]
            logits, losses = zip(*((z[i], loss[i]) for z, loss in blocks), strict=True)
            member.judge(logits, losses, lambda: self._kept(k))

        self._each(judge, ended)

    def _judged(self, networks, blocks):
        """Logits, and mean losses, of a block of held-out rows of each network."""
        n_rows = [len(block.y) for block in blocks]
        n = max(n_rows)
        X, y, weight = map_structure(partial(_padded, n), *blocks)
        # Rows beyond a member's own repeat its last one and weigh nothing.
        counts = np.arange(n) < np.array(n_rows)[:, None]
        weight = (weight.T * (counts * (n / counts.sum(1, keepdims=True))).T).T
        weight = weight.astype(self._program.dtype)
        params, state, arguments = networks
        logits, losses = self._program.judge(params, state, X, y, weight, arguments)
        return [z[:m] for z, m in zip(logits, n_rows, strict=True)], losses

    def _after_epoch(self, k, member):
        if member.hooks:
            self._change(k, member.after_epoch(self._values(k)))
        member.report(lambda: self._kept(k), self._path)
        if len(self._seats) == 1:
            self._bar.set_postfix({key: f"{number:.4f}" for key, number in member.record.items()})
        if member.stopped:
            params, state = self._kept(k)
            self._leave(k, member.result(params, self._network(k).slots, state, self._path))

    def leave_off(self):
        """Deliver what streamed rows have taught so far: their epochs may be long."""
        for k, seat in enumerate(self._seats):
            if not seat or not isinstance(seat.member.job.rows, StreamedRows):
                continue
            if seat.member.n_steps_done:
                params, state = self._kept(k)
                self._deliver(seat.number, seat.member.result(params, None, state, self._path))

    def _save(self):
        """Write how far the networks that have a checkpoint have come."""
        kept = [k for k in self._active() if self._member(k).job.checkpoint is not None]
        self._each(lambda k, member: member.save(self._network(k)), kept)

    def _leave(self, k, outcome):
        """Deliver an outcome; the seat is empty."""
        seat = self._seats[k]
        self._seats[k] = None
        self._bar.total -= seat.member.job.epochs - seat.member.epoch
        self._deliver(seat.number, outcome)

    def _network(self, k: int) -> Networks:
        """What belongs to one network, as arrays of its own."""
        return map_structure(lambda value: np.array(value[k]), self._networks)

    def _values(self, k):
        """Parameters and state of one network."""
        values = self._networks.params, self._networks.state
        return map_structure(lambda value: np.array(value[k]), values)

    def _kept_params(self):
        """Parameters that are judged and kept: their moving average, if the program has one."""
        networks = self._networks
        return networks.slots[-1] if self._program.averages else networks.params

    def _kept(self, k):
        """These parameters of one network, and its state."""
        values = self._kept_params(), self._networks.state
        return map_structure(lambda value: np.array(value[k]), values)

    def _change(self, k, values):
        params, state = values
        self._set(k, self._network(k)._replace(params=params, state=state))

    def _set(self, k, network):
        def replaced(values, value):
            values = np.array(values)
            values[k] = value
            return values

        self._networks = map_structure(replaced, self._networks, network)

    def _refill(self):
        """Seat waiting jobs; without any, give up empty seats once a smaller stack will do."""
        for k, seat in enumerate(self._seats):
            if not seat:
                self._seats[k] = self._next()
                if self._seats[k]:
                    self._set(k, self._member(k).initial)
        active = self._active()
        size = self._smaller(active)
        if size < len(self._seats):
            spare = [k for k, seat in enumerate(self._seats) if not seat]
            kept = sorted(active + spare[: size - len(active)])
            self._networks = map_structure(lambda value: value[kept], self._networks)
            self._seats = [self._seats[k] for k in kept]
            self._batches = None

    def _smaller(self, active):
        """Number of seats to go on with: fewer if that saves more time than compiling costs."""
        n_seats = len(self._seats)
        size = next((size for size in SMALLER if size >= len(active)), n_seats)
        if not active or size >= n_seats:
            return n_seats
        left = max(self._member(k).steps_left for k in active)
        flops = 6 * self._program.n_params * self._n_rows
        seconds = left * (n_seats - size) * (STEP_SECONDS + flops * FLOP_SECONDS)
        return size if seconds > COMPILE_SECONDS else n_seats


def _padded(n, *parts):
    """Arrays of unequal length, each padded to `n` rows with its last one."""
    return np.stack([part[np.minimum(np.arange(n), len(part) - 1)] for part in parts])
