"""The fits of tasks that run at the same time in one Dask worker train together."""

import threading
import time
import weakref

from distributed import get_worker

from skimbalance._engine.room import MOST_TASKS, PATIENCE, Call, Room, Task
from skimbalance._engine.shared import Shared

# Seconds between two looks at what the worker executes, as it sends no news.
GLANCE = 0.02

# Seconds in which the scheduler fills a free thread of the worker, if it has a task for it.
REFILL = 0.1

_calls: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def current_task():
    """A task for one fit, in the room of the worker whose task runs in this thread; or None."""
    try:
        worker = get_worker()
        key = worker.get_current_task()
    except (ValueError, KeyError):  # No worker, or not in a thread of a task.
        return None
    with _lock:
        if worker not in _calls:
            _calls[worker] = Call(None, MOST_TASKS, _WorkerRoom(worker.state))
        return Task(_calls[worker], key)


class _WorkerRoom(Room):
    """Where the fits of one worker's tasks meet; Dask decides which tasks those are."""

    def __init__(self, state):
        super().__init__(MOST_TASKS)
        self.shared = Shared(n_kept=0)  # the worker stays, whatever it calls
        self._state = state

    def _more_to_come(self):
        # The event loop changes the set; list() copies it in one go.
        executing = {task.key for task in list(self._state.executing)}
        if executing - {ticket.task.key for ticket in self._tickets}:
            return True
        refilling = time.monotonic() - self._last_news < REFILL
        return refilling and len(executing) < self._state.nthreads

    def _pause(self, ticket):
        return GLANCE if ticket in self._tickets[:1] else PATIENCE
