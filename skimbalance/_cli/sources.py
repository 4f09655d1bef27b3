"""The bytes of a table: from a file, standard input or a pipe, compressed or not.

They can be read again and again, as a pipe is first copied to a temporary file.
"""

import bz2
import gzip
import lzma
import os
import shutil
import stat
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any

__all__ = ["COMPRESSED_NAMES", "PARQUET_NAMES", "STANDARD_INPUT", "Source"]

#: The name of standard input on the command line.
STANDARD_INPUT = "-"

#: How the names of Parquet files end.
PARQUET_NAMES = (".parquet", ".pq")

#: How the names of compressed files end.
COMPRESSED_NAMES = (".gz", ".bz2", ".xz", ".zip")

_PARQUET = b"PAR1"

# The first bytes of a file -> what it is, where it cannot be read.
_OTHERS = {
    b"\x28\xb5\x2f\xfd": "a file compressed by zstd: unpack it first",
    b"\xd0\xcf\x11\xe0": "a spreadsheet: save it as CSV",
}


class Source:
    """Bytes that can be read again and again.

    Parameters
    ----------
    path : str
        A file, a pipe, or "-" for standard input.
    """

    def __init__(self, path: str):
        self.name = "standard input" if path == STANDARD_INPUT else path
        self._path = path
        if path == STANDARD_INPUT or _is_pipe(path):
            self._copy = _copied(path)
            self._path = self._copy.name
        with open(self._path, "rb") as file:
            start = file.read(4)
        for magic, kind in _OTHERS.items():
            if start.startswith(magic):
                raise ValueError(f"{self.name} must be a CSV or Parquet file. Got {kind}.")

    @property
    def is_parquet(self) -> bool:
        """Whether it is a Parquet file, by its name or its first bytes."""
        with self.open() as file:
            return self._path.endswith(PARQUET_NAMES) or file.read(4) == _PARQUET

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Open the bytes, unpacked if they are compressed."""
        with open(self._path, "rb") as raw, ExitStack() as opened:
            start = raw.read(6)
            raw.seek(0)
            try:
                yield opened.enter_context(self._unpacked(raw, start))
            except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
                raise ValueError(self._damaged(error)) from error
            except OSError as error:
                if error.errno is not None or not start.startswith((b"\x1f\x8b", b"BZh")):
                    raise
                raise ValueError(self._damaged(error)) from error

    def _unpacked(self, raw: IO[bytes], start: bytes) -> Any:
        if start.startswith(b"\x1f\x8b"):
            return gzip.open(raw)
        if start.startswith(b"BZh"):
            return bz2.open(raw)
        if start == b"\xfd7zXZ\x00":
            return lzma.open(raw)
        if not start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            return raw
        archive = zipfile.ZipFile(raw)
        names = [
            member.filename
            for member in archive.infolist()
            if not member.is_dir() and not member.filename.startswith("__MACOSX/")
        ]
        if "[Content_Types].xml" in names:
            raise ValueError(
                f"{self.name} must be a CSV or Parquet file. Got a spreadsheet: save it as CSV."
            )
        if "skimbalance.json" in names:
            raise ValueError(
                f"{self.name} must be a CSV or Parquet file. Got a model file: the model comes "
                "first, then the table."
            )
        if len(names) != 1 or archive.getinfo(names[0]).flag_bits & 1:
            raise ValueError(
                f"{self.name} must hold a single file, without a password. Got {len(names)} "
                "files in an archive: unpack it first."
            )
        return archive.open(names[0])

    def _damaged(self, error: Exception) -> str:
        return f"{self.name} must be a whole compressed file. Got a damaged one: {error}."


def _is_pipe(path: str) -> bool:
    mode = os.stat(path).st_mode
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _copied(path: str) -> "tempfile._TemporaryFileWrapper[bytes]":
    """All bytes of standard input or of a pipe, in a file that goes when it is let go."""
    copy = tempfile.NamedTemporaryFile()  # noqa: SIM115
    if path != STANDARD_INPUT:
        with open(path, "rb") as pipe:
            shutil.copyfileobj(pipe, copy)
    elif sys.stdin is None:
        raise ValueError("Standard input must be open to be read. Got a closed one.")
    elif hasattr(sys.stdin, "buffer"):
        shutil.copyfileobj(sys.stdin.buffer, copy)
    else:
        copy.write(sys.stdin.read().encode())
    copy.flush()
    return copy
