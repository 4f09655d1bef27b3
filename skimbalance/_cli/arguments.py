"""Arguments that several commands share."""

import argparse
from pathlib import Path

from skimbalance.compare import OBJECTIVES

__all__ = ["add_fitting", "add_out", "add_table", "names"]

_TABLE = "a CSV or Parquet file, or the name of a bundled set"


def add_table(parser, what):
    """The table, as the first argument that is left."""
    parser.add_argument("table", help=f"{what}: {_TABLE}")


def add_fitting(parser):
    """What to learn, from which columns, for which goal."""
    parser.add_argument(
        "--target", default="target", help="column of the class labels (default: target)"
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
        help=f"what decisions are for: {', '.join(OBJECTIVES)} (of the rarest class) (default: "
        "f1_macro)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="the same seed gives the same result (default: 0)"
    )


def names(text):
    """A list from names between commas."""
    return [name.strip() for name in text.split(",")]


def add_out(parser, metavar, what, *, required=False):
    """Where to write, which is checked before any work is done."""
    parser.add_argument("--out", required=required, type=_place, metavar=metavar, help=what)


def _place(text):
    if Path(text).is_dir() or not Path(text).absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"must be a file in a folder that exists. Got '{text}'")
    return text
