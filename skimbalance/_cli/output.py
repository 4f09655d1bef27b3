"""What commands print: tables for people, one JSON document for machines, notes, progress."""

import json
import math
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TextIO, TypeVar

from skimbalance._page import shown, table_text

__all__ = [
    "STANDARD_OUTPUT",
    "import_training",
    "note",
    "output_file",
    "print_error",
    "print_json",
    "print_table",
    "print_text",
    "progress",
    "shows_progress",
]

#: The name of standard output on the command line.
STANDARD_OUTPUT = "-"

_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"

Piece = TypeVar("Piece", bound=Any)


def print_text(text: str) -> None:
    """Print text on standard output."""
    _print(text, sys.stdout)


def print_error(text: str) -> None:
    """Print a line on standard error."""
    _print(text, sys.stderr)


def _print(text: str, stream: TextIO | None) -> None:
    """Print text as a terminal may get it, if there is a stream, in letters that it has."""
    if stream is None:
        return
    text = shown(text)
    if not _has_letters(stream, text):
        text = text.replace("\u2500", "-")
        text = text.encode(stream.encoding, "backslashreplace").decode(stream.encoding)
    print(text, file=stream, flush=True)


def _has_letters(stream: TextIO, text: str) -> bool:
    """Whether a stream can write a text: those of some systems have no box-drawing lines."""
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def note(text: str) -> None:
    """Print a note on standard error."""
    print_error(f"note: {text}")


def print_json(document: Any) -> None:
    """Print a document as JSON, the only output of its command."""
    options: Any = {"allow_nan": False, "indent": 2}
    text = json.dumps(_plain(document), ensure_ascii=False, **options)
    if sys.stdout and not _has_letters(sys.stdout, text):
        text = json.dumps(_plain(document), **options)
    # JSON itself leaves these control characters as they are.
    print(re.sub("[\x7f-\x9f]", lambda found: f"\\u{ord(found[0]):04x}", text))  # noqa: T201


def _plain(value: Any) -> Any:
    """A value for JSON: without NumPy types, and None for numbers that are not finite."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def print_table(title: str, columns: list[str], rows: list[list]) -> None:
    """Print a table below its title."""
    import pandas as pd

    print_text(f"{title}\n\n{table_text(pd.DataFrame(rows, columns=columns))}\n")


@contextmanager
def output_file(out: str) -> Iterator[str]:
    """Yield the file to write; standard output, "-", gets what was written once it is whole."""
    if out != STANDARD_OUTPUT:
        yield out
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "out")
        yield path
        with open(path, "rb") as file:
            if hasattr(sys.stdout, "buffer") and not sys.stdout.isatty():
                sys.stdout.flush()
                shutil.copyfileobj(file, sys.stdout.buffer)
                sys.stdout.buffer.flush()
            else:
                print_text(file.read().decode(errors="replace").rstrip("\n"))


def shows_progress() -> bool:
    """Whether bars are shown, as standard error is a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()


def progress(
    parts: Iterable[Piece], label: str, size: Callable[[Piece], int] = lambda part: len(part.places)
) -> Iterator[Piece]:
    """Yield parts of a table; on a terminal, a progress bar counts the rows."""
    from tqdm import tqdm

    hidden = not shows_progress()
    with tqdm(desc=label, unit=" rows", unit_scale=True, disable=hidden, leave=False) as bar:
        for part in parts:
            yield part
            bar.update(size(part))


def import_training() -> None:
    """Import TensorFlow without its log messages.

    C++ writes some of them whatever the log level; the level at the import silences the others.
    """
    if "tensorflow" in sys.modules or sys.stderr is None:
        return
    level = os.environ.get(_LOG_LEVEL)
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.environ[_LOG_LEVEL] = level or "3"
    try:
        import_module("skimbalance._keras.training")
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
        if level is None:
            del os.environ[_LOG_LEVEL]
