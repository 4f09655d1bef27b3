"""Rows on disk, in buckets of which each is a random sample of all rows.

All are in one file without a name, so that nothing is left over, even of a process that is killed.
"""

import errno
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from skimbalance.sampling._random import Purpose, generator

__all__ = ["Cache"]

# Bytes of the rows that are sorted by bucket and written together.
POOL_BYTES = 2**24
# About the size of a bucket: a network holds up to four of them. It has more bytes than these if
# it would have fewer rows than these, of which batches are mixed, but no more than a pool.
BUCKET_BYTES, BUCKET_ROWS = 2**23, 2**14
MOST_BUCKETS = 2**12


class Cache:
    """Rows that are written once, and then read bucket by bucket.

    Each row goes to a random bucket, and a bucket holds its rows in the order in which they came.
    The same rows in the same order get the same buckets, however they are cut into blocks.

    The disk space is free again when the cache is left, if it is used in a ``with`` statement; else
    when nothing refers to it any more, or the process ends.

    Parameters
    ----------
    folder : str or path-like
        The folder of the file.
    n_rows : int
        Number of rows that will be written.
    n_columns : int
        Number of columns of X.
    dtype : dtype
        Type of X.
    y_shape : tuple of int, default=()
        Shape of the target of a row. The first block that is written decides its type.
    weighted : bool, default=False
        Whether rows have weights, which are stored in float64.
    seed : int, default=0
        Seed of the fit.

    Attributes
    ----------
    sizes : ndarray of int of shape (n_buckets,)
        Number of rows of each bucket, none of which is empty; known after `close`.

    Raises
    ------
    OSError
        If the folder cannot be written to, or has too little space; then also by `write`, `close`.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        n_rows: int,
        n_columns: int,
        dtype: DTypeLike,
        y_shape: tuple[int, ...] = (),
        weighted: bool = False,
        seed: int = 0,
    ):
        self._folder, self._n_rows = folder, n_rows
        self._columns = [((n_columns,), np.dtype(dtype)), (y_shape, None)]
        if weighted:
            self._columns.append(((), np.dtype(np.float64)))
        self._rng = generator(Purpose.BUCKET, seed)
        self._pool: list[np.ndarray] = []  # rows that are still to be written
        self._sorted: list[np.ndarray] = []  # room for them in the order of the buckets
        self._n_pooled = 0
        self._begins: list[int] = []  # where each pool begins in the file
        self._bounds: list[np.ndarray] = []  # where each bucket begins in each pool, and ends
        self._lock = threading.Lock()
        self.sizes = np.zeros(0, dtype=np.intp)
        with self._sentence():
            self._file: Any = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        self._release = weakref.finalize(self, self._file.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._release()

    def write(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Add rows.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_columns)
            Rows.
        y : ndarray of shape (n_rows, *y_shape)
            Their targets.
        weight : ndarray of shape (n_rows,), default=None
            Their weights, if the cache is of rows with weights.
        """
        rows, begin = [X, y] if weight is None else [X, y, weight], 0
        if not self._pool:
            self._begin(y.dtype)
        while begin < len(X):
            n = min(len(X) - begin, len(self._pool[0]) - self._n_pooled)
            for pooled, new in zip(self._pool, rows, strict=True):
                pooled[self._n_pooled : self._n_pooled + n] = new[begin : begin + n]
            begin += n
            self._n_pooled += n
            if self._n_pooled == len(self._pool[0]):
                self._flush()

    def close(self) -> None:
        """Write what is still in memory: from now on, rows are read."""
        self._flush()
        self._pool, self._sorted = [], []
        if self._bounds:
            sizes = np.sum([np.diff(bounds) for bounds in self._bounds], axis=0)
            self._buckets = np.flatnonzero(sizes)
            self.sizes = sizes[self._buckets]

    def read(self, bucket: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Read the rows of a bucket; several threads may read.

        Parameters
        ----------
        bucket : int
            Number of the bucket.

        Returns
        -------
        X, y, weight : ndarray
            The rows, in the types in which they are stored. The weight is None if they have none.

        Raises
        ------
        OSError
            If the file no longer holds the rows.
        """
        arrays = [np.empty((self.sizes[bucket], *shape), dtype) for shape, dtype in self._columns]
        begin, number = 0, self._buckets[bucket]
        with self._lock:
            for place, bounds in zip(self._begins, self._bounds, strict=True):
                first, last = bounds[number], bounds[number + 1]
                for array in arrays:
                    n_bytes = array[:1].nbytes
                    self._read_into(
                        array[begin : begin + last - first], place + int(first) * n_bytes
                    )
                    place += int(bounds[-1]) * n_bytes
                begin += last - first
        return arrays[0], arrays[1], arrays[2] if len(arrays) == 3 else None

    def _begin(self, y_dtype):
        """Make room in memory, if there is room on the disk."""
        self._columns[1] = (self._columns[1][0], y_dtype)
        n_bytes = self._n_rows * self._row_bytes
        with self._sentence():
            if shutil.disk_usage(self._folder).free < n_bytes:
                raise OSError(errno.ENOSPC, "too little of it is free")
        bucket = min(max(BUCKET_BYTES, BUCKET_ROWS * self._row_bytes), POOL_BYTES)
        self._n_buckets = min(MOST_BUCKETS, max(1, -(-n_bytes // bucket)))
        n = max(1, min(self._n_rows, POOL_BYTES // self._row_bytes))
        for arrays in (self._pool, self._sorted):
            arrays.extend(np.empty((n, *shape), dtype) for shape, dtype in self._columns)

    @property
    def _row_bytes(self):
        """Bytes of a row; as if its target were in float64 until its type is known."""
        return sum(np.empty(shape, dtype).nbytes for shape, dtype in self._columns)

    def _flush(self):
        """Write the pool: column by column, and each of them in the order of the buckets."""
        if not self._n_pooled:
            return
        buckets = self._rng.integers(self._n_buckets, size=self._n_pooled, dtype=np.uint16)
        order = np.argsort(buckets, kind="stable")
        numbers = np.bincount(buckets, minlength=self._n_buckets)
        with self._sentence():
            self._begins.append(self._file.tell())
            for column, room in zip(self._pool, self._sorted, strict=True):
                rows = room[: self._n_pooled]
                # NumPy checks each number first, into memory of its own, unless it may clip them.
                column[: self._n_pooled].take(order, axis=0, out=rows, mode="clip")
                rest = _as_bytes(rows)
                while len(rest):  # a system may write a part
                    rest = rest[self._file.write(rest) :]
        self._bounds.append(np.concatenate([[0], numbers.cumsum()]))
        self._n_pooled = 0

    def _read_into(self, array, place):
        """Fill an array with the bytes from a place in the file on."""
        rest, reason = _as_bytes(array), "it is shorter than it was"
        try:
            self._file.seek(place)
            while len(rest) and (n := self._file.readinto(rest)):
                rest = rest[n:]
        except OSError as error:
            reason = error.strerror or str(error)
        if len(rest):
            raise OSError(
                f"The rows that were stored in the folder '{self._folder}' cannot be read again: "
                f"{reason}. Fit once more, with another folder in the environment variable TMPDIR."
            )

    @contextmanager
    def _sentence(self) -> Iterator[None]:
        """Say what the disk lacks, whatever the system calls it."""
        try:
            yield
        except OSError as error:
            megabytes = -(-self._n_rows * self._row_bytes // 10**6)
            raise OSError(
                f"The folder of temporary files must take {megabytes:,} MB, as rows are stored "
                f"there while they are trained on. Got '{self._folder}': "
                f"{error.strerror or error}. Name a larger folder in the environment variable "
                "TMPDIR before Python starts, or train on fewer rows, by a lower "
                "'majority_fraction'."
            ) from error


def _as_bytes(array):
    """The bytes of a contiguous array, in the same memory."""
    return array.reshape(-1).view(np.uint8)
