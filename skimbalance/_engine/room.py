"""Where the fits of parallel tasks wait for each other, and waiting threads train them.

TensorFlow is imported with the first job only.
"""

import bisect
import itertools
import threading
import time
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any

from joblib import cpu_count

from skimbalance._engine.memory import free_memory
from skimbalance._engine.shared import Shared

__all__ = ["GIVEN_UP", "MOST_TASKS", "PATIENCE", "Call", "Room", "Task", "Ticket"]

# Tasks of one parallel call that may wait at the same time.
MOST_TASKS = 128

# Seconds without any news after which waiting fits are trained although a task still runs: it may
# be slow, or may itself wait for one of them.
PATIENCE = 1.0

# The waiting jobs' rows may take this share of the memory that was free.
MEMORY_SHARE = 0.25

GIVEN_UP = "The parallel call of this fit was given up."


class Call:
    """One parallel call; `parent` is the task that made it, if a task did."""

    def __init__(self, parent, n_jobs, room=None):
        self.parent = parent
        self.room = room or (parent.call.room if parent else Room(n_jobs))
        self.order = (*parent.order, next(parent.counter)) if parent else ()
        self.counter = itertools.count()
        self._n_jobs = n_jobs
        self.dispatching = True
        self.submitted = self.begun = self.ended = 0
        self._given_up = False

    @property
    def cancelled(self):
        """Whether its results are no longer needed."""
        return self._given_up or (self.parent is not None and self.parent.call.cancelled)

    @property
    def coming(self):
        """Whether another task will begin without any task having to end first."""
        waiting = self.begun < self.submitted and self.begun < self.ended + self._n_jobs
        return (self.dispatching or waiting) and not self.cancelled

    @property
    def unfinished(self):
        """Whether some tasks are not over, and their results are needed."""
        return self.submitted > self.ended and not self.cancelled

    def cancel(self):
        """Give up: waiting fits of its tasks raise, and stacks of its fits alone stop training."""
        self._given_up = True
        self.room.wake()


class Task:
    """One task of a call; `order` is its place in the tree of calls and tasks."""

    def __init__(self, call, key=None):
        self.call, self.key = call, key
        self.order = (*call.order, next(call.counter))
        self.counter = itertools.count()
        self.waiting, self.awaited = False, []

    @property
    def running(self):
        """Whether it is busy, and not waiting for a fit or for tasks of its own."""
        return not self.waiting and not any(call.unfinished for call in self.awaited)


class Ticket:
    """A fit that waits for its outcome."""

    def __init__(self, task, job, lock):
        self.order = (*task.order, next(task.counter))
        self.task, self.job = task, job
        self.outcome = None
        self.changed = threading.Condition(lock)
        task.waiting = True

    def settle(self, outcome):
        """Hand over the outcome: the task runs again."""
        self.outcome = outcome
        self.task.waiting = False
        self.changed.notify()


class Room:
    """Where the tasks of one parallel call, and of the calls within them, meet.

    A few tasks run at a time. When all that can begin have begun, and wait with a fit or are
    over, the waiting fits are dealt out in shares, which waiting threads train, one on each core.
    """

    def __init__(self, most):
        self._most = most
        self._lock = threading.RLock()
        self._calls, self._tasks, self._queue = set(), set(), []
        self._tickets, self._shares, self._in_training = [], [], []
        self._workers = 0
        self._bytes = MEMORY_SHARE * free_memory()
        self._last_news = time.monotonic()
        self._bar: Any = None
        self.shared = Shared()

    # Calls and their tasks

    @contextmanager
    def open(self, call):
        """Change a call's counts, then react to it."""
        with self._lock:
            yield
            if call.unfinished or call.coming:
                self._calls.add(call)
            else:
                self._calls.discard(call)
            self._news()

    def begin(self, task):
        """Wait until it is the task's turn to run; False if its call was cancelled."""
        with self._lock:
            place = (task.order, threading.Condition(self._lock))
            bisect.insort(self._queue, place, key=lambda place: place[0])
            while not (task.call.cancelled or self._may_begin(place)):
                place[1].wait(PATIENCE)
            self._queue.remove(place)
            with self.open(task.call):
                task.call.begun += 1
                self._tasks.add(task)
            return not task.call.cancelled

    def _may_begin(self, place):
        if self._queue[0] is not place:
            return False
        running = sum(task.running for task in self._tasks)
        # Not more than cores, as each waits for Python's lock in every step that it takes.
        return (running < cpu_count() and not self._full()) or self._waited_long()

    def end(self, task):
        """The task is over."""
        with self.open(task.call):
            task.call.ended += 1
            self._tasks.discard(task)

    @contextmanager
    def awaiting(self, call):
        """While the tasks of a call are waited for: by another task, or from outside."""
        awaited = call.parent.awaited if call.parent else []
        with self.open(call):
            call.dispatching = False
            awaited.append(call)
        try:
            yield
        finally:
            with self.open(call):
                awaited.remove(call)

    def wake(self):
        """Wake all threads, as something was cancelled."""
        with self._lock:
            for ticket in (*self._tickets, *self._in_training):
                ticket.changed.notify()
            for _, turn in self._queue:
                turn.notify()
            self._news()

    @property
    def progress(self) -> str:
        """How far the fits that are in training came; empty if none is."""
        return self._bar.text if self._in_training else ""

    # Fits

    def train(self, task, job):
        """Wait with a job until it is trained: its result."""
        with self._lock:
            ticket = Ticket(task, job, self._lock)
            self._tickets.append(ticket)
            self._news()
            while ticket.outcome is None and not task.call.cancelled:
                if self._shares and self._workers < cpu_count():
                    self._work(*self._shares.pop(0))
                elif not self._deal():
                    ticket.changed.wait(self._pause(ticket))
            task.waiting = False
            if ticket in self._tickets:
                self._tickets.remove(ticket)
        if ticket.outcome is None:
            raise CancelledError(GIVEN_UP)
        if isinstance(ticket.outcome, BaseException):
            raise ticket.outcome
        return ticket.outcome

    def _news(self):
        """React to a change: deal out fits, and let the next task begin."""
        self._last_news = time.monotonic()
        self._deal()
        if self._queue:
            self._queue[0][1].notify()

    def _waited_long(self):
        return time.monotonic() - self._last_news > PATIENCE

    def _full(self):
        waiting = sum(ticket.job.nbytes for ticket in self._tickets)
        return len(self._tickets) >= self._most or waiting > self._bytes

    def _deal(self):
        """Deal out the waiting fits if it is time to; whether this thread should train a share."""
        may_deal = self._tickets and not self._in_training
        if may_deal and (self._full() or not self._more_to_come() or self._waited_long()):
            self._deal_out()
        return self._shares and self._workers < cpu_count()

    def _more_to_come(self):
        """Whether a task may still bring a fit."""
        coming = any(call.coming for call in self._calls)
        return coming or any(task.running for task in self._tasks)

    def _pause(self, ticket):
        """Seconds after which a waiting fit looks again, unless it is called."""
        return PATIENCE

    def _deal_out(self):
        from skimbalance._engine.stack import deal
        from skimbalance._engine.stopping import progress_bar

        tickets = sorted(self._tickets, key=lambda ticket: ticket.order)
        jobs = [ticket.job for ticket in tickets]
        self._tickets = []
        try:
            self._bar = progress_bar(jobs)
            shares = deal(jobs, cpu_count(), self._most)
        except Exception as error:
            for ticket in tickets:
                ticket.settle(error)
            return
        self._in_training = tickets
        self._shares += [([tickets[i] for i in numbers], size) for numbers, size in shares]
        self._call_workers()

    def _call_workers(self):
        """Wake waiting threads, one for each share that a core is free for."""
        free = min(len(self._shares), cpu_count() - self._workers)
        for ticket in [ticket for ticket in self._in_training if ticket.outcome is None][:free]:
            ticket.changed.notify()

    def _work(self, tickets, size):
        """Train a share in this thread."""
        from skimbalance._engine.stack import train_stack

        def deliver(i, outcome):
            with self._lock:
                tickets[i].settle(outcome)

        def cancelled():
            return all(ticket.task.call.cancelled for ticket in tickets)

        self._workers += 1
        error: Exception = CancelledError(GIVEN_UP)
        try:
            with self._unlocked():
                train_stack(
                    [ticket.job for ticket in tickets],
                    deliver,
                    bar=self._bar,
                    size=size,
                    shared=self.shared,
                    cancelled=cancelled,
                )
        except Exception as raised:
            error = raised
        finally:
            self._workers -= 1
            for ticket in tickets:
                if ticket.outcome is None:
                    ticket.settle(error)
            if all(ticket.outcome is not None for ticket in self._in_training):
                self._in_training = []
                self._bar.close()
            self._call_workers()
            self._news()

    @contextmanager
    def _unlocked(self):
        """Let go of the lock, which the caller holds once, and take it again."""
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()
