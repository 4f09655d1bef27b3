"""What the fits of one parallel call make of equal rows: made once, and found again by content."""

import hashlib
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any

import numpy as np

__all__ = ["Shared", "digest"]

# Values that nothing else holds stay until so many other ones, of so many bytes, were asked for.
KEPT, KEPT_BYTES = 128, 2**26

# Rows are read in blocks of this size: they stay in the cache, and a memory map is not copied.
BLOCK = 2**12


class Shared:
    """Values that several threads need, each made once.

    A value stays as long as something else holds it, and some more stay that were asked for last,
    of at most 64 MiB. Nobody may change a value in place.

    Parameters
    ----------
    n_kept : int, default=128
        Number of values that stay although nothing else holds them.
    """

    def __init__(self, n_kept: int = KEPT):
        self._lock = threading.Lock()
        self._made: weakref.WeakValueDictionary[Hashable, Any] = weakref.WeakValueDictionary()
        self._making: dict[Hashable, Future[Any]] = {}
        self._kept: OrderedDict[int, Any] = OrderedDict()
        self._n_kept = n_kept

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The value that was made for an equal key, or else ``make()``.

        Parameters
        ----------
        key : hashable
            All that the value depends on, such as the `digest` of arrays.
        make : callable
            Function that makes the value, to which weak references must be possible. Another
            thread that needs the value at the same time waits for it, and gets the same exception.

        Returns
        -------
        value : object
        """
        with self._lock:
            value, making = self._made.get(key), self._making.get(key)
            if value is not None:
                self._keep(value)
                return value
            is_first = making is None
            if making is None:
                making = self._making[key] = Future()
        if not is_first:
            return making.result()
        try:
            value = make()
            with self._lock:
                self._made[key] = value
                self._keep(value)
        except BaseException as error:
            making.set_exception(error)
            raise
        else:
            making.set_result(value)
        finally:
            with self._lock:
                del self._making[key]
        return value

    def _keep(self, value):
        """Hold a value unless it is too large, and no longer those asked for long ago."""
        if getattr(value, "nbytes", 0) > KEPT_BYTES:
            return
        self._kept[id(value)] = value
        self._kept.move_to_end(id(value))
        n_bytes = sum(getattr(kept, "nbytes", 0) for kept in self._kept.values())
        while self._kept and (len(self._kept) > self._n_kept or n_bytes > KEPT_BYTES):
            _, left = self._kept.popitem(last=False)
            n_bytes -= getattr(left, "nbytes", 0)

    def close(self) -> None:
        """Hold nothing any more, as the call is over."""
        with self._lock:
            self._n_kept = 0
            self._kept.clear()


def digest(*arrays: Any) -> bytes | None:
    """A key of the content of arrays; None if one holds objects, whose content is not known.

    Parameters
    ----------
    *arrays : ndarray, sparse matrix or None
        Their types, shapes and strides count, too: NumPy may sum in another order by these.
    """
    found = hashlib.blake2b(digest_size=32)
    for array in arrays:
        is_dense = array is None or isinstance(array, np.ndarray)
        parts = [array] if is_dense else [array.data, array.indices, array.indptr]
        found.update(repr((type(array), np.shape(array))).encode())
        for part in parts:
            if part is None:
                continue
            if part.dtype.hasobject:
                return None
            found.update(repr((part.dtype, part.shape, part.strides)).encode())
            for start in range(0, len(part), BLOCK):
                found.update(part[start : start + BLOCK].tobytes())
    return found.digest()
