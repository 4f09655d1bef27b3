"""The archive of a model file: opened only if it is not much larger unpacked."""

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO
from zipfile import ZipFile

__all__ = [
    "INFO",
    "SCHEMA",
    "bytes_unpacked",
    "check_archives_within",
    "check_repetition",
    "first_line",
    "most_bytes",
    "opened",
    "regular_file",
    "sound",
]

INFO, SCHEMA = "skimbalance.json", "schema.json"

# What a file may unpack to: this many bytes, or this many times its own size. A model that would
# be more, as it is mostly zeros, is stored without compression.
_FEW_BYTES, _MOST_TIMES = 2**20, 20
_MOST_MEMBERS = 100_000


def regular_file(path: str | os.PathLike[str]) -> BinaryIO:
    """An open file, which is not a pipe or a device."""
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise ValueError("it is not a regular file.")
    return open(path, "rb")


@contextmanager
def opened(file: BinaryIO) -> Iterator[ZipFile]:
    """An archive that is not much larger than the file."""
    n_bytes = file.seek(0, os.SEEK_END)
    with ZipFile(file) as archive:
        _check_size(bytes_unpacked(archive), n_bytes)
        if len(archive.filelist) > _MOST_MEMBERS:
            raise ValueError(f"it has more than {_MOST_MEMBERS} members.")
        yield archive


def _check_size(n_unpacked: int, n_bytes: int) -> None:
    most = most_bytes(n_bytes)
    if n_unpacked > most:
        raise ValueError(f"it unpacks to {n_unpacked} bytes, and not to {most} at most.")


def check_archives_within(archive: ZipFile, n_file: int) -> None:
    """Check the sizes in archives in the archive: sparse matrices are such."""
    n_bytes = bytes_unpacked(archive)
    for member in archive.infolist():
        with archive.open(member) as file:
            if file.read(2) == b"PK":
                with ZipFile(io.BytesIO(archive.read(member))) as inner:
                    n_bytes += bytes_unpacked(inner)
    _check_size(n_bytes, n_file)


def bytes_unpacked(archive: ZipFile) -> int:
    return sum(member.file_size for member in archive.infolist())


def most_bytes(n_bytes: int) -> int:
    """What a file of a size may unpack to."""
    return max(_FEW_BYTES, _MOST_TIMES * n_bytes)


def check_repetition(schema: Any) -> None:
    """Check that the description of a model is not much longer than it reads.

    An object that stands in several places has the same "__id__" in each. skops looks at it in
    each place, and at what is in it: nested repetitions would take time without end.
    """
    n_read, n_within, unfinished = 0, dict[Any, int](), set()

    def n_seen(node):
        """The number of parts that skops looks at below a part, which is none if it is a leaf."""
        nonlocal n_read
        if not isinstance(node, dict | list):
            return 0
        n_read += 1
        parts = node.values() if isinstance(node, dict) else node
        name = node.get("__id__") if isinstance(node, dict) else None
        if name is None:
            return 1 + sum(map(n_seen, parts))
        if name in unfinished:
            raise ValueError("it has an object that holds itself.")
        unfinished.add(name)
        own = 1 + sum(map(n_seen, parts))
        unfinished.remove(name)
        n_within[name] = max(own, n_within.get(name, 0))
        return n_within[name]

    if n_seen(schema) > 1_000 + 2 * n_read:
        raise ValueError("it repeats objects within objects.")


@contextmanager
def sound(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn any error in reading into what it means: the file is not a model file."""
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise  # the file cannot be opened at all
        raise ValueError(
            f"The file '{path}' must be a model file of skimbalance. Got a damaged file or one of "
            f"another kind: {first_line(error)}"
        ) from error


def first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
