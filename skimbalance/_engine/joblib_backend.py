"""The joblib backend "stacked": the fits of parallel tasks wait for each other, and train together.

TensorFlow is imported with the first job only.
"""

import sys
import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from joblib import register_parallel_backend
from joblib.parallel import ThreadingBackend

from skimbalance._engine.room import GIVEN_UP, MOST_TASKS, Call, Task
from skimbalance._engine.shared import digest

# Tasks of a call within a task. Fewer, as some of scikit-learn's methods cut their rows into this
# many slices.
MOST_NESTED_TASKS = 32

_here = threading.local()


def train(job):
    """Train one job: in a parallel task together with the jobs of the others, else alone."""
    task = _current_task()
    if task is None:
        from skimbalance._engine.stack import train_alone

        return train_alone(job)
    return task.call.room.train(task, job)


def content_of(*arrays):
    """The `digest` of arrays, in a parallel task that may share what follows from them; or None."""
    return None if _current_task() is None else digest(*arrays)


def once(key, make):
    """What a task of the same parallel call has made for an equal key, or ``make()``.

    None stands for something that cannot be named, and is made anew. The rest is as in
    `Shared.once`.
    """
    task = _current_task()
    if task is None or key is None:
        return make()
    return task.call.room.shared.once(key, make)


def _current_task():
    """The parallel task that runs in this thread; None if there is none."""
    task = getattr(_here, "task", None)
    if task is None and "distributed" in sys.modules:
        from skimbalance._engine.dask_workers import current_task

        task = current_task()
    return task


class StackedBackend(ThreadingBackend):
    """Runs tasks in threads, in which all fits of `ImbalancedMLPClassifier` train together.

    Registered as "stacked": ``joblib.parallel_config(backend="stacked", n_jobs=...)``. The
    optional `n_jobs` is the maximum number of networks in one stack; by default it is chosen for
    speed. Tasks run until they need a fit, and wait there for each other.
    """

    default_n_jobs = -1
    # Set by `start_call`, before any task is submitted.
    _call: Call
    _pool: ThreadPoolExecutor | None

    def effective_n_jobs(self, n_jobs):
        """Number of tasks that may wait at the same time."""
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs is None or n_jobs < 0:
            return MOST_NESTED_TASKS if self.nesting_level else MOST_TASKS
        return n_jobs

    def configure(self, n_jobs=1, parallel=None, *, prefer=None, require=None, **options):
        """Get ready for a call; joblib's own sequential backend takes over where it is better.

        That is with one task at a time, and for calls within tasks that ask for threads or shared
        memory: scikit-learn's neighbours and forests, which hold no fits to gather. They would
        be cut into many slices, and each call waits 10 ms, the grain of joblib's clock.
        """
        if self.nesting_level and (prefer == "threads" or require == "sharedmem"):
            n_jobs = 1
        return super().configure(n_jobs, parallel, prefer=prefer, require=require, **options)

    def get_nested_backend(self):
        """Parallel calls within tasks gather in the same place."""
        return StackedBackend(nesting_level=(self.nesting_level or 0) + 1), None

    def start_call(self):
        """A parallel call begins, perhaps in a task of another one."""
        self._call = call = Call(getattr(_here, "task", None), self._n_jobs)
        with call.room.open(call):
            pass

    def stop_call(self):
        """A parallel call is over, and what its tasks shared is let go."""
        if self._call.parent is None:
            self._call.room.shared.close()

    def submit(self, func, callback=None):
        """Run a task in a thread of its own, once it is its turn."""
        call = self._call
        with call.room.open(call):
            if call.cancelled:
                future: Future[Any] = Future()
                future.set_exception(CancelledError(GIVEN_UP))
            else:
                future = self._get_pool().submit(_run, Task(call), func)
                call.submitted += 1
        future.add_done_callback(callback)
        return future

    def _get_pool(self):
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._n_jobs, thread_name_prefix="stacked")
        return self._pool

    def retrieve_result_callback(self, out):
        """What a task returned; raises what it raised."""
        return out.result()

    @contextmanager
    def retrieval_context(self):
        """While the results of this call are awaited."""
        room = self._call.room
        with room.awaiting(self._call):
            try:
                yield
            except KeyboardInterrupt as error:
                if error.args or not room.progress:
                    raise
                raise KeyboardInterrupt(room.progress) from None

    def abort_everything(self, ensure_ready=True):
        """Give up the running call: its waiting fits raise."""
        self._call.cancel()
        self.terminate()

    def terminate(self):
        """Let the threads go when their tasks are over."""
        if self._pool is not None:
            # Not `cancel_futures`: it calls back with the pool's lock held, while another thread
            # may dispatch with joblib's. Tasks of a call that was given up end at once anyway.
            self._pool.shutdown(wait=False)
            self._pool = None


def _run(task, func):
    room, before = task.call.room, getattr(_here, "task", None)
    try:
        if not room.begin(task):
            raise CancelledError(GIVEN_UP)
        _here.task = task
        return func()
    finally:
        _here.task = before
        room.end(task)


register_parallel_backend("stacked", StackedBackend)
