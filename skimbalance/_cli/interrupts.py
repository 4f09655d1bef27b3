"""Ctrl-C is answered at once, also while a long computation keeps Python from stopping."""

import os
import signal
import threading
from types import TracebackType
from typing import Self

__all__ = ["INTERRUPTED", "Interrupts"]

_ANSWER = b"\nskimbalance: interrupted, stopping (Ctrl-C again: stop without cleaning up)\n"

#: Exit code of an interrupted program.
INTERRUPTED = 130


class Interrupts:
    """While open, a thread answers Ctrl-C by a line on standard error; a second one ends it all.

    Python itself raises KeyboardInterrupt in the main thread, but only between two steps of Python:
    training a network is one step, of seconds. The thread hears of it at once.

    Attributes
    ----------
    answered : bool
        Whether the line has been written.
    """

    def __init__(self) -> None:
        self.answered = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if usual and threading.current_thread() is threading.main_thread():
            try:
                # Another stream than fd 2, which is silent while TensorFlow is imported.
                self._stderr = os.dup(2)
            except OSError:  # the program was started without one
                return self
            self._read, self._write = os.pipe()
            os.set_blocking(self._write, False)
            self._before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
            self._thread = threading.Thread(target=self._listen, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._thread is not None:
            signal.set_wakeup_fd(self._before)
            os.close(self._write)
            self._thread.join()
            os.close(self._read)
            os.close(self._stderr)

    def _listen(self) -> None:
        """Each signal that Python handles comes as a byte; the end, as none."""
        while number := os.read(self._read, 1):
            if number[0] == signal.SIGINT:
                if self.answered:
                    os._exit(INTERRUPTED)
                self.answered = True
                os.write(self._stderr, _ANSWER)
