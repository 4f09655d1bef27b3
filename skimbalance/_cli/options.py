"""The options of all commands.

Help and wrong usage are answered from here, so nothing that takes time is imported.
"""

import argparse
import math
import re
import shutil
import textwrap
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

from skimbalance._cli.output import STANDARD_OUTPUT
from skimbalance.compare._names import DEFAULT_OF_THE_CLASSIFIER, STRATEGIES
from skimbalance.compare._names import OBJECTIVES as COMPARABLE
from skimbalance.decision._names import MULTILABEL_OBJECTIVES
from skimbalance.decision._names import OBJECTIVES as TUNABLE

__all__ = ["add_options"]

_TABLE = (
    "a CSV or Parquet file, also compressed by gzip, bzip2, xz or zip, or a folder of such files; "
    "the name of a bundled data set; or - for standard input"
)


def add_options(parser: ArgumentParser, command: str) -> None:
    """Declare the options of a command.

    Parameters
    ----------
    parser : ArgumentParser
        The parser of the command, whose description is the summary of the command.
    command : str
        Name of the command.
    """
    declare = {
        "compare": _add_compare,
        "train": _add_train,
        "predict": _add_predict,
        "report": _add_report,
    }
    if command in declare:
        declare[command](parser)
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document instead of tables"
    )


def _add_compare(parser: ArgumentParser) -> None:
    _add_table(parser, "rows to learn from")
    _add_fitting(parser, (*COMPARABLE, *MULTILABEL_OBJECTIVES))
    _add_time(parser, "The test rows of each fold are later than its training rows")
    parser.add_argument("--cv", type=_integer(2), default=5, help="number of folds (default: 5)")
    parser.add_argument(
        "--repeats",
        type=_integer(1),
        default=1,
        help="repetitions of cross-validation, each with other folds (default: 1)",
    )
    parser.add_argument(
        "--strategies",
        type=_names,
        metavar="NAME,...",
        help="strategies to compare, of those below (default: all)",
    )
    _add_out(parser, "PAGE.html", "file for a page with figures")
    _explain_strategies(parser)


def _add_train(parser: ArgumentParser) -> None:
    _add_table(parser, "rows to learn from")
    _add_fitting(parser, (*TUNABLE, *MULTILABEL_OBJECTIVES))
    _add_time(
        parser,
        "The latest fifth of the rows is held out: it decides when networks stop, and decisions "
        "are tuned on it",
    )
    parser.add_argument(
        "--strategy",
        metavar="NAME",
        help="one of those below (default: ensemble; with --stream sqrt_weighted)",
    )
    parser.add_argument(
        "--stream",
        action="store_true",
        help="for files larger than memory: read them in parts, and train from a copy on disk. By "
        "default one network, whose decisions are not tuned; --strategy ensemble takes longer",
    )
    _add_thinning(parser)
    _add_out(parser, "MODEL.skim", "model file to write", required=True)
    _explain_strategies(parser)


def _add_predict(parser: ArgumentParser) -> None:
    parser.description = (
        f"{parser.description} The prediction is the model's decision, which may favour rare "
        "classes. The probabilities are those in the population, so the predicted class need not "
        "be the most probable one. Where a model has learnt several targets, each of them has a "
        "prediction, 0 or 1, and a probability. The cells of the table are written as they are: a "
        "spreadsheet may take text that begins with = for a formula."
    )
    parser.add_argument("model", help="a model file from 'skimbalance train'")
    _add_table(parser, "new rows")
    _add_out(parser, "SCORED.csv", "CSV file to write", required=True)


def _add_report(parser: ArgumentParser) -> None:
    parser.add_argument("model", help="a model file from 'skimbalance train'")
    _add_table(parser, "rows with class labels")
    parser.add_argument(
        "--target",
        type=str.strip,
        metavar="NAME[,...]",
        help="column of the class labels, or columns of the labels (default: as in training)",
    )
    _add_out(parser, "PAGE.html", "file for a page with figures")


def _add_table(parser: ArgumentParser, content: str) -> None:
    """Add the table, a positional argument, and its encoding."""
    parser.add_argument("table", help=f"{content}: {_TABLE}")
    parser.add_argument(
        "--encoding",
        type=_encoding,
        default="utf-8",
        metavar="NAME",
        help="encoding of a CSV file, such as latin-1, cp1252 or utf-16 (default: utf-8)",
    )


def _add_fitting(parser: ArgumentParser, objectives: Iterable[str]) -> None:
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
        type=_integer(0, 2**32 - 1),
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


def _add_time(parser: ArgumentParser, use: str) -> None:
    """Add the column of the moments of the rows, and what they are used for."""
    parser.add_argument(
        "--time",
        type=str.strip,
        metavar="COLUMN",
        help=f"column of numbers or of dates such as 2024-01-31. {use}. Nothing is learnt from it",
    )


def _add_thinning(parser: ArgumentParser) -> None:
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


def _add_out(parser: ArgumentParser, metavar: str, content: str, *, required: bool = False) -> None:
    """Add the file to write, whose folder is checked before any work is done."""
    parser.add_argument(
        "--out",
        required=required,
        type=_place,
        metavar=metavar,
        help=f"{content}; - for standard output, which then gets nothing else",
    )


def _explain_strategies(parser: ArgumentParser) -> None:
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


def _encoding(text: str) -> str:
    try:
        # Some, such as idna, cannot replace what they cannot read.
        "".encode(text, "replace")
    except (LookupError, ValueError):
        raise argparse.ArgumentTypeError(
            f"must be an encoding that Python knows, such as latin-1. Got '{text}'"
        ) from None
    return text.lower()


def _place(text: str) -> str:
    if text in (STANDARD_OUTPUT, "/dev/stdout"):
        return STANDARD_OUTPUT
    if Path(text).is_dir() or not Path(text).absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"must be a file in a folder that exists. Got '{text}'")
    return text


def _names(text: str) -> list[str]:
    """A list of the names between commas."""
    return [name.strip() for name in text.split(",")]


def _one_of(objectives: Sequence[str]) -> Callable[[str], str]:
    """A function that checks the name of an objective or of a scorer."""

    def convert(text: str) -> str:
        if text in objectives:
            return text
        if text == "cost":
            raise argparse.ArgumentTypeError(
                "cannot be 'cost', as costs are a matrix, which only Python takes"
            )
        from sklearn.metrics import get_scorer_names

        scorers = get_scorer_names()
        if text in scorers:
            return text
        similar = get_close_matches(text, sorted({*objectives, *scorers}), 3, 0.6)
        hint = f"Did you mean {' or '.join(map(repr, similar))}? " if similar else ""
        raise argparse.ArgumentTypeError(
            f"must be one of {', '.join(objectives)}, or a scikit-learn scorer. {hint}Got '{text}'"
        )

    return convert


def _integer(least: int, most: float = math.inf) -> Callable[[str], int]:
    """A function from text to an int in a range."""

    def convert(text: str) -> int:
        if re.fullmatch("[+-]?[0-9]+", text) and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(
            f"must be an int in the range [{least}, {most}]. Got '{text}'"
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


def _positive(text: str) -> float:
    value = _number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"must be above 0. Got '{text}'")
    return value


def _fraction(text: str) -> float | str:
    if text == "auto":
        return text
    value = _number(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"must be in the range (0, 1], or auto. Got '{text}'")
    return value
