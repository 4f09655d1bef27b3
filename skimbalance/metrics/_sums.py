"""Weighted sums, and products of matrices, whose bits do not depend on the number of threads.

BLAS shares a product among its threads, and rounds it differently for each number of them.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

__all__ = ["one_blas_thread", "weighted_sum"]

_lock = threading.Lock()
_n_within = 0
_numbers: list[int] = []


def _forget() -> None:
    """What a forked process needs, as no thread of its parent will leave or unlock here."""
    global _lock, _n_within
    _lock, _n_within = threading.Lock(), 0


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget)


def weighted_sum(weight: np.ndarray, values: np.ndarray) -> Any:
    """Sum of rows, each times its weight, without BLAS.

    Parameters
    ----------
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    values : ndarray of shape (n_samples, ...)
        Numbers, or truth values.

    Returns
    -------
    total : ndarray of shape (...)
        As ``weight @ values``.
    """
    return np.einsum("n,n...->...", weight, values)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS has one thread, for all threads of the process, until the last one has left."""
    global _n_within, _numbers
    with _lock:
        if _n_within == 0:
            _numbers = _exchange([1] * len(_libraries()))
        _n_within += 1
    try:
        yield
    finally:
        with _lock:
            _n_within -= 1
            if _n_within == 0:
                _exchange(_numbers)


@cache
def _libraries() -> list[Any]:
    """The BLAS libraries of NumPy and SciPy, which are found once: it takes milliseconds."""
    return ThreadpoolController().select(user_api="blas").lib_controllers


def _exchange(numbers: list[int]) -> list[int]:
    """Set the number of threads of each library; the numbers before."""
    before = [library.num_threads for library in _libraries()]
    for library, number, old in zip(_libraries(), numbers, before, strict=True):
        if number == old:
            continue
        # threadpoolctl lets only the thread that set OpenBLAS' number first set it again, and here
        # the first to come is seldom the last to leave. Other libraries have no such rule.
        release = getattr(library, "clear_controlling_thread", lambda force: None)
        release(force=True)
        library.set_num_threads(number)
        release(force=True)
    return before
