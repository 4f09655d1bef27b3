"""Arguments that several commands share."""

import argparse
import math
import re
import shutil
import textwrap
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path

from skimbalance._cli.output import STANDARD_OUTPUT
from skimbalance.compare import OBJECTIVES
from skimbalance.compare._strategies import DEFAULT_OF_THE_CLASSIFIER, STRATEGIES

__all__ = ["add_fitting", "add_out", "add_table", "explain_strategies", "integer", "names"]

_TABLE = (
    "a CSV or Parquet file, also compressed by gzip, bzip2, xz or zip; the name of a bundled data "
    "set; or - for standard input"
)


def add_table(parser: ArgumentParser, content: str) -> None:
    """Add the table, a positional argument, and its encoding."""
    parser.add_argument("table", help=f"{content}: {_TABLE}")
    parser.add_argument(
        "--encoding",
        type=_encoding,
        default="utf-8",
        metavar="NAME",
        help="encoding of a CSV file, such as latin-1, cp1252 or utf-16 (default: utf-8)",
    )


def _encoding(text: str) -> str:
    try:
        # Some, such as idna, cannot replace what they cannot read.
        "".encode(text, "replace")
    except (LookupError, ValueError):
        raise argparse.ArgumentTypeError(
            f"must be an encoding that Python knows, such as latin-1. Got '{text}'"
        ) from None
    return text.lower()


def add_fitting(parser: ArgumentParser) -> None:
    """Add what to learn, from which columns, and for which score."""
    parser.add_argument(
        "--target",
        type=str.strip,
        default="target",
        help="column of the class labels (default: target)",
    )
    parser.add_argument(
        "--drop",
        type=names,
        default=[],
        metavar="COLUMN,...",
        help="columns to leave out, such as row numbers",
    )
    parser.add_argument(
        "--objective",
        choices=OBJECTIVES,
        metavar="NAME",
        help=f"score that decisions aim at: {', '.join(OBJECTIVES)} (f1 is that of the rarest "
        "class; default: f1_macro)",
    )
    parser.add_argument(
        "--seed",
        type=integer(0, 2**32 - 1),
        default=0,
        help="the same seed gives the same result (default: 0)",
    )


def explain_strategies(parser: ArgumentParser) -> None:
    """Say what each strategy does, below the options."""
    width = shutil.get_terminal_size().columns - 2
    indent = 4 + max(map(len, STRATEGIES))
    lines = [
        textwrap.fill(f"  {name}".ljust(indent) + text, width, subsequent_indent=" " * indent)
        for name, text in STRATEGIES.items()
    ]
    default = textwrap.fill(DEFAULT_OF_THE_CLASSIFIER, width)
    # The formatter keeps the lines of the list, and those of the description, too.
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = textwrap.fill(str(parser.description), width)
    parser.epilog = "\n".join(["strategies:", *lines, "", default])


def integer(least: int, most: float = math.inf) -> Callable[[str], int]:
    """A function from text to an int in a range."""

    def convert(text: str) -> int:
        if re.fullmatch("[+-]?[0-9]+", text) and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(
            f"must be an int in the range [{least}, {most}]. Got '{text}'"
        )

    return convert


def names(text: str) -> list[str]:
    """A list of the names between commas."""
    return [name.strip() for name in text.split(",")]


def add_out(parser: ArgumentParser, metavar: str, content: str, *, required: bool = False) -> None:
    """Add the file to write, whose folder is checked before any work is done."""
    parser.add_argument(
        "--out",
        required=required,
        type=_place,
        metavar=metavar,
        help=f"{content}; - for standard output, which then gets nothing else",
    )


def _place(text: str) -> str:
    if text in (STANDARD_OUTPUT, "/dev/stdout"):
        return STANDARD_OUTPUT
    if Path(text).is_dir() or not Path(text).absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"must be a file in a folder that exists. Got '{text}'")
    return text
