"""The parser of all commands, and how their errors and warnings are shown."""

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import NoReturn

from skimbalance._cli.interrupts import INTERRUPTED, Interrupts
from skimbalance._cli.options import add_options
from skimbalance._cli.output import STANDARD_OUTPUT, note, print_error
from skimbalance._page import shown
from skimbalance._page.files import check_replaceable

__all__ = ["main", "make_parser"]

# Command, which is the name of its module -> what it does, the first line of the module. The
# module is imported to run the command: help and wrong usage are answered at once.
COMMANDS = {
    "compare": "Compare strategies for rare classes on the same folds, and say which to use.",
    "train": "Train a classifier on the labelled rows of a table, and write it to a model file.",
    "predict": "Predict classes and their probabilities for new rows, also in files larger than "
    "memory.",
    "report": "Report how well a trained model does on rows that it has not seen, class by class.",
    "datasets": "List the bundled data sets, which the other commands take by name.",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : list of str, default=None
        The arguments. By default those of the process.

    Returns
    -------
    code : int
        0 if all went well, 1 if the data or a value is wrong, 130 if interrupted. Wrong usage
        exits with 2.
    """
    is_program = argv is None
    argv = sys.argv[1:] if argv is None else argv
    command = next((word for word in argv if word in COMMANDS), "")
    interrupts = Interrupts()
    try:
        with interrupts, warnings.catch_warnings():
            args = make_parser().parse_args(argv)
            warnings.showwarning = _Notes().show
            _check_files(args)
            import_module(f"skimbalance._cli.{args.command}").run(args)
            if sys.stdout is not None:
                sys.stdout.flush()
    except KeyboardInterrupt as error:
        if str(error) or not interrupts.answered:
            print_error(f"skimbalance {command}: {_how_far(error, argv)}")
        if is_program:
            os._exit(INTERRUPTED)  # at the usual end Python waits for threads that still train
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has stopped. The interpreter flushes at exit, which must not
        # fail, too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OSError, ValueError, MemoryError) as error:
        print_error(f"skimbalance {command}: {_in_one_line(_sentence(error))}")
        return 1
    return 0


class _Parser(argparse.ArgumentParser):
    """Shows what was typed as a terminal may get it."""

    def error(self, message: str) -> NoReturn:
        super().error(_in_one_line(shown(message)))


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = _Parser(
        prog="skimbalance",
        description="Networks for data in which the rare classes are the ones that matter.",
        epilog="Exit codes: 0 success, 1 wrong data or value, 2 wrong usage, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=version("skimbalance"))
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, summary in COMMANDS.items():
        add_options(commands.add_parser(name, help=summary, description=summary), name)
    return parser


def _check_files(args: argparse.Namespace) -> None:
    """Check that the file to write is none of those to read, and that it can be replaced."""
    out, table = getattr(args, "out", None), getattr(args, "table", "")
    if out == STANDARD_OUTPUT:
        if sys.stdout is None:
            raise ValueError("Standard output must be open for --out -. Got a closed one.")
        if args.json:
            raise ValueError(
                "The option --json must be left out where --out - writes to standard output. Got "
                "both."
            )
    elif out is not None:
        sources = {"the table": "/dev/stdin" if table == "-" else table}
        if "model" in args:
            sources["the model"] = args.model
        check_replaceable(out, sources, "The option --out")


def _how_far(error: KeyboardInterrupt, argv: Sequence[str]) -> str:
    """What is told of an interrupted command."""
    first = str(error).partition(". ")[0].rstrip(".") or "interrupted"
    kept = any(word.startswith("--checkpoint") for word in argv)
    return f"{first}.{' The same command goes on from there.' if kept else ''}"


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}."
    if isinstance(error, MemoryError):
        return f"The data must fit into memory: {error}." if str(error) else "Out of memory."
    return str(error)


def _in_one_line(text: str) -> str:
    """The text with line ends as `repr` has them: a name on the command line may hold some."""
    return text.replace("\n", "\\n")


class _Notes:
    """Shows warnings as notes, each text once."""

    def __init__(self) -> None:
        self._texts: set[str] = set()

    def show(self, message, category, filename, lineno, file=None, line=None):
        """As `warnings.showwarning`."""
        text = str(message)
        if text not in self._texts:
            self._texts.add(text)
            note(text)
