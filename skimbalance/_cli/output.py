"""What commands print: tables for people, one JSON document for machines, notes, progress."""

import json
import math
import os
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

from skimbalance._cli.tables import Part
from skimbalance._page import table_text

__all__ = ["import_training", "note", "print_json", "print_table", "print_text", "progress"]

_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def print_text(text: str) -> None:
    """Print text on standard output."""
    print(text)  # noqa: T201


def note(text: str) -> None:
    """Print a note on standard error."""
    print(f"note: {text}", file=sys.stderr)  # noqa: T201


def print_json(document: Any) -> None:
    """Print a document as JSON, the only output of its command."""
    print_text(json.dumps(_plain(document), ensure_ascii=False, allow_nan=False, indent=2))


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


def progress(parts: Iterable[Part], label: str) -> Iterator[Part]:
    """Yield parts of a table; on a terminal, a progress bar counts the rows."""
    from tqdm import tqdm

    with tqdm(desc=label, unit=" rows", unit_scale=True, disable=None, leave=False) as bar:
        for part in parts:
            yield part
            bar.update(len(part.places))


def import_training() -> None:
    """Import TensorFlow without its log messages.

    C++ writes some of them whatever the log level; the level at the import silences the others.
    """
    if "tensorflow" in sys.modules:
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
