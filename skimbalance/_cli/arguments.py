"""Arguments that several commands share."""

import argparse
import math
import re
import shutil
import textwrap
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer_names

from skimbalance._cli.output import STANDARD_OUTPUT
from skimbalance._validation import some_of
from skimbalance.compare._strategies import DEFAULT_OF_THE_CLASSIFIER, STRATEGIES

__all__ = [
    "add_fitting",
    "add_out",
    "add_table",
    "add_thinning",
    "add_time",
    "check_goal",
    "check_thinning",
    "check_time",
    "explain_strategies",
    "goal",
    "integer",
    "names",
    "said",
]

_TABLE = (
    "a CSV or Parquet file, also compressed by gzip, bzip2, xz or zip, or a folder of such files; "
    "the name of a bundled data set; or - for standard input"
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


def add_fitting(parser: ArgumentParser, objectives: Iterable[str]) -> None:
    """Add what to learn, from which columns and rows, and for which of the objectives."""
    parser.add_argument(
        "--target",
        type=str.strip,
        default="target",
        metavar="COLUMN[,...]",
        help="column of the class labels; or several columns of 0 and 1, each of them a label of "
        "its own, with empty cells where it is not known (default: target)",
    )
    parser.add_argument(
        "--drop",
        metavar="COLUMN[,...]",
        help="columns to leave out, such as row numbers",
    )
    parser.add_argument(
        "--groups",
        type=str.strip,
        metavar="COLUMN",
        help="column that says which rows belong together, such as a patient: no group is divided "
        "between rows that train and rows that judge; nothing is learnt from it",
    )
    parser.add_argument(
        "--weight",
        type=str.strip,
        metavar="COLUMN",
        help="column that says how much each row counts; nothing is learnt from it",
    )
    _add_goal(parser, objectives)
    parser.add_argument(
        "--seed",
        type=integer(0, 2**32 - 1),
        default=0,
        help="the same seed gives the same result (default: 0)",
    )
    parser.add_argument(
        "--checkpoint",
        metavar="FOLDER",
        help="folder in which training is kept, about once a second: after an interruption the "
        "same command goes on from there. Delete it when it is no longer needed",
    )


def _add_goal(parser: ArgumentParser, objectives: Iterable[str]) -> None:
    # Costs are a matrix, for which there is no option.
    objectives = [name for name in dict.fromkeys(objectives) if name != "cost"]
    ranks = "precision_at_k" in objectives
    parser.add_argument(
        "--objective",
        type=_one_of(objectives),
        metavar="NAME",
        help=f"score to aim at: {', '.join(objectives)}; or a name of a scikit-learn scorer, such "
        "as recall_macro (f1 and other scores of one class are about that of --positive; default: "
        "f1_macro)",
    )
    parser.add_argument(
        "--level",
        type=_number,
        metavar="NUMBER",
        help="number that an objective needs: the least precision or recall, or the alerts in "
        f"1,000 rows{', or k, or the largest false positive rate' if ranks else ''}",
    )
    parser.add_argument(
        "--positive",
        type=str.strip,
        metavar="LABEL",
        help="class of an objective that is about one class (default: the rarest)",
    )


def add_time(parser: ArgumentParser, use: str) -> None:
    """Add the column of the moments of the rows, and what they are used for."""
    parser.add_argument(
        "--time",
        type=str.strip,
        metavar="COLUMN",
        help=f"column of numbers or of dates such as 2024-01-31. {use}. Nothing is learnt from it",
    )


def check_time(args: argparse.Namespace) -> None:
    """Check that nothing else says which rows train and which judge.

    Raises
    ------
    ValueError
        If something does.
    """
    others = {"--groups": args.groups is not None, "--repeats": vars(args).get("repeats", 1) > 1}
    for option, given in others.items():
        if args.time is not None and given:
            raise ValueError(
                f"The option --time must be given without {option}, as it says by itself which "
                "rows train and which judge. Got both."
            )


def add_thinning(parser: ArgumentParser) -> None:
    """Add what is kept of the most frequent class of a table that is read in parts."""
    parser.add_argument(
        "--majority-fraction",
        type=_fraction,
        metavar="FRACTION",
        help="with --stream: how much of the most frequent class is kept, drawn at random; above 0 "
        "and at most 1, or auto for about 2 million rows in all. Other rows are all kept, and "
        "probabilities are those of all rows",
    )
    parser.add_argument(
        "--majority-ratio",
        type=_positive,
        metavar="RATIO",
        help="with --stream: so many rows of the most frequent class are kept for each other row, "
        "in the place of --majority-fraction",
    )


def _fraction(text: str) -> float | str:
    if text == "auto":
        return text
    value = _number(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"must be in the range (0, 1], or auto. Got '{text}'")
    return value


def _positive(text: str) -> float:
    value = _number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"must be above 0. Got '{text}'")
    return value


def check_thinning(args: argparse.Namespace) -> None:
    """Check that rows are thinned out only where they are read in parts, and in one way.

    Raises
    ------
    ValueError
        If not.
    """
    given = {
        option: value
        for option, value in (
            ("--majority-fraction", args.majority_fraction),
            ("--majority-ratio", args.majority_ratio),
        )
        if value is not None
    }
    if len(given) > 1:
        raise ValueError(
            "The options --majority-fraction and --majority-ratio must not be given together, as "
            "each says how many rows are kept. Got both."
        )
    if given and not args.stream:
        ((option, value),) = given.items()
        raise ValueError(
            f"The option {option} must only be given with --stream. Got '{value}' without it."
        )


def _one_of(objectives: Sequence[str]) -> Callable[[str], str]:
    """A function that checks the name of an objective or of a scorer."""

    def convert(text: str) -> str:
        known = {*objectives, *get_scorer_names()} - {"cost"}
        if text in known:
            return text
        if text == "cost":
            raise argparse.ArgumentTypeError(
                "cannot be 'cost', as costs are a matrix, which only Python takes"
            )
        similar = get_close_matches(text, sorted(known), 3, 0.6)
        hint = f"Did you mean {' or '.join(map(repr, similar))}? " if similar else ""
        raise argparse.ArgumentTypeError(
            f"must be one of {', '.join(objectives)}, or a scikit-learn scorer. {hint}Got '{text}'"
        )

    return convert


def _number(text: str) -> float:
    try:
        value = int(text) if text.isascii() and text.isdigit() else float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"must be a number. Got '{text}'")
    return value


def check_goal(args: argparse.Namespace, takers: Mapping[str, Sequence[str]]) -> None:
    """Check that the objective, its level and its class go together.

    Parameters
    ----------
    args : Namespace
        Arguments of the command.
    takers : dict of str to list of str
        For "level" and "pos_label" the objectives that take them.

    Raises
    ------
    ValueError
        If the level is missing, or one of the two is given in vain.
    """
    objective = args.objective or "f1_macro"
    for option, name in (("level", "level"), ("positive", "pos_label")):
        given = getattr(args, option) is not None
        if given and objective not in takers[name]:
            raise ValueError(
                f"The option --{option} must only be given with an --objective that takes it: "
                f"{', '.join(takers[name])}. Got '{objective}'."
            )
    if objective in takers["level"] and args.level is None:
        raise ValueError(
            f"The option --level must be given with --objective {objective}, which needs a number. "
            "Got none."
        )


def said(args: argparse.Namespace) -> dict[str, Any]:
    """What the options say of the rows and of the goal, by their names, for JSON."""
    options = ("groups", "weight", "time", "level", "positive")
    return {name: vars(args)[name] for name in options if vars(args)[name] is not None}


def goal(args: argparse.Namespace, y: Any) -> dict[str, Any]:
    """The level and the class of the objective, as parameters, if they are given."""
    given: dict[str, Any] = {} if args.level is None else {"level": args.level}
    if args.positive is not None:
        classes = {str(label): label for label in np.unique(y).tolist()}
        if y.ndim == 2 or args.positive not in classes:
            got = "several targets" if y.ndim == 2 else f"'{args.positive}'"
            raise ValueError(
                "The option --positive must name a class of the target"
                f"{'' if y.ndim == 2 else f': {some_of(list(classes))}'}. Got {got}."
            )
        given["pos_label"] = classes[args.positive]
    return given


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
