"""Compare strategies for rare classes on the same folds, and say which to use."""

import shlex
from argparse import ArgumentParser, Namespace

from skimbalance._cli.arguments import (
    add_fitting,
    add_out,
    add_table,
    explain_strategies,
    integer,
    names,
)
from skimbalance._cli.columns import read_training
from skimbalance._cli.output import (
    STANDARD_OUTPUT,
    import_training,
    output_file,
    print_json,
    print_text,
    shows_progress,
)
from skimbalance._cli.tables import open_table
from skimbalance.compare._strategies import TUNED

__all__ = ["add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add_table(parser, "rows to learn from")
    add_fitting(parser)
    parser.add_argument("--cv", type=integer(2), default=5, help="number of folds (default: 5)")
    parser.add_argument(
        "--repeats",
        type=integer(1),
        default=1,
        help="repetitions of cross-validation, each with other folds (default: 1)",
    )
    parser.add_argument(
        "--strategies",
        type=names,
        metavar="NAME,...",
        help="strategies to compare, of those below (default: all)",
    )
    add_out(parser, "PAGE.html", "file for a page with figures")
    explain_strategies(parser)


def run(args: Namespace) -> None:
    """Run the command."""
    from skimbalance.compare import compare_strategies

    X, y, _ = read_training(open_table(args.table, args.encoding), args.target, args.drop)
    import_training()
    result = compare_strategies(
        X,
        y,
        strategies=args.strategies,
        objective=args.objective or "f1_macro",
        cv=args.cv,
        n_repeats=args.repeats,
        random_state=args.seed,
        # The epochs of all networks say how much is left; the folds end many at a time.
        verbose=2 if shows_progress() else 0,
    )
    if args.out:
        with output_file(args.out) as path:
            result.save(path)
    if args.json:
        print_json(result.to_dict() | {"page": args.out})
    elif args.out != STANDARD_OUTPUT:
        print_text(f"{result}\n\nTo train it:\n\n    {_training(args, result.recommended)}")
        if args.out:
            print_text(f"\nThe page is in {args.out}.")


def _training(args: Namespace, strategy: str) -> str:
    """The command that trains a strategy on the same rows."""
    words = ["skimbalance", "train", args.table, "--target", args.target, "--strategy", strategy]
    if args.objective and strategy in TUNED:
        words += ["--objective", args.objective]
    if args.drop:
        words += ["--drop", ",".join(args.drop)]
    if args.encoding != "utf-8":
        words += ["--encoding", args.encoding]
    if args.seed:
        words += ["--seed", str(args.seed)]
    return shlex.join([*words, "--out", "model.skim"])
