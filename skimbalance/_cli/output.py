"""What commands print: tables for people, one JSON document for machines, notes, progress."""

import json
import math
import os
import sys
from importlib import import_module

__all__ = ["import_training", "note", "print_json", "print_table", "print_text", "progress"]

_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def print_text(text):
    """Print text on standard output."""
    print(text)  # noqa: T201


def note(text):
    """Print a note on standard error."""
    print(f"note: {text}", file=sys.stderr)  # noqa: T201


def print_json(document):
    """Print the only thing on standard output."""
    print_text(json.dumps(_plain(document), ensure_ascii=False, allow_nan=False, indent=2))


def _plain(value):
    """As JSON has it: no NumPy, and null for what is no finite number."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def print_table(title, columns, rows):
    """Print a table; columns of numbers are aligned right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for i, column in enumerate(columns):
        numbers = all(isinstance(row[i], int | float) for row in rows)
        table.add_column(column, justify="right" if numbers else "left")
    for row in rows:
        # As text: a label may hold what rich would take for its markup.
        table.add_row(*(Text(_cell(value)) for value in row))
    Console().print(table)


def _cell(value):
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def progress(parts, label):
    """Yield parts of a table, with a bar of rows on a terminal and none elsewhere."""
    from tqdm import tqdm

    with tqdm(desc=label, unit=" rows", unit_scale=True, disable=None, leave=False) as bar:
        for part in parts:
            yield part
            bar.update(len(part.places))


def import_training():
    """Import TensorFlow without its greetings.

    Some it writes from C++ whatever its log level; the others need the level when it is imported.
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
