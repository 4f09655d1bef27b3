"""The parser of all commands, and how their errors and warnings are shown."""

import argparse
import os
import sys
import warnings
from importlib.metadata import version
from types import ModuleType

import skimbalance._cli.compare as compare
import skimbalance._cli.datasets as datasets
import skimbalance._cli.predict as predict
import skimbalance._cli.report as report
import skimbalance._cli.train as train
from skimbalance._cli.output import note

__all__ = ["main"]

_COMMANDS: dict[str, ModuleType] = {
    "compare": compare,
    "train": train,
    "predict": predict,
    "report": report,
    "datasets": datasets,
}


def main(argv: list[str] | None = None) -> int:
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
    args = _parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _note_warning
            _COMMANDS[args.command].run(args)
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has stopped. The interpreter flushes at exit, which must not
        # fail, too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OSError, ValueError, MemoryError) as error:
        print(f"skimbalance {args.command}: {_sentence(error)}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _parser():
    parser = argparse.ArgumentParser(
        prog="skimbalance",
        description="Networks for data in which the rare classes are the ones that matter.",
        epilog="Exit codes: 0 success, 1 wrong data or value, 2 wrong usage, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=version("skimbalance"))
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, module in _COMMANDS.items():
        description = str(module.__doc__)
        summary = description.splitlines()[0]
        command = commands.add_parser(name, help=summary, description=description)
        module.add_arguments(command)
        command.add_argument(
            "--json", action="store_true", help="print one JSON document instead of tables"
        )
    return parser


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}."
    if isinstance(error, MemoryError):
        return f"The data must fit into memory: {error}." if str(error) else "Out of memory."
    return str(error)


def _note_warning(message, category, filename, lineno, file=None, line=None):
    note(str(message))
