"""Compare strategies for rare classes on the same folds, and say which to use."""

import shlex
from argparse import Namespace

from skimbalance._cli.arguments import check_goal, check_time, goal, said
from skimbalance._cli.output import (
    STANDARD_OUTPUT,
    import_training,
    output_file,
    print_json,
    print_text,
    shows_progress,
)
from skimbalance._cli.roles import Roles, Rows, later_folds, read_training
from skimbalance._cli.tables import open_table
from skimbalance.compare import StrategyComparison, compare_strategies
from skimbalance.compare._goals import GOAL_TAKERS
from skimbalance.compare._strategies import TUNED
from skimbalance.decision._objectives import LABEL_OBJECTIVES
from skimbalance.decision._objectives import OBJECTIVES as TUNABLE
from skimbalance.decision._scorers import as_scorer

__all__ = ["run"]


def run(args: Namespace) -> None:
    """Run the command."""
    check_goal(args, GOAL_TAKERS)
    check_time(args)
    table = open_table(args.table, args.encoding)
    rows = read_training(table, Roles.of(table, args))
    import_training()
    result = _compared(rows, args)
    if args.out:
        with output_file(args.out) as path:
            result.save(path)
    command = _training(args, result.recommended)
    if args.json:
        print_json(result.to_dict() | said(args) | {"train": command, "page": args.out})
    elif args.out != STANDARD_OUTPUT:
        print_text(f"{result}\n\nTo train it:\n\n    {command}")
        if args.out:
            print_text(f"\nThe page is in {args.out}.")


def _compared(rows: Rows, args: Namespace) -> StrategyComparison:
    given = dict(rows.beside)
    time = given.pop("time", None)
    result = compare_strategies(
        rows.X,
        rows.y,
        strategies=args.strategies,
        objective=args.objective or "f1_macro",
        cv=args.cv if time is None else later_folds(time, args.cv, args.time),
        n_repeats=args.repeats,
        random_state=args.seed,
        # The epochs of all networks say how much is left; the folds end many at a time.
        verbose=2 if shows_progress() else 0,
        checkpoint=args.checkpoint,
        **goal(args, rows.y),
        **given,
    )
    if time is not None:
        result.about["folds"] = f"{args.cv}, each later by '{args.time}' than what it trains on"
    return result


def _can_be_tuned(objective: str | None) -> bool:
    """Whether decisions can be tuned for an objective, as no ranking depends on them."""
    if objective in (None, *TUNABLE, *LABEL_OBJECTIVES):
        return True
    scorer = as_scorer(objective)
    return scorer is not None and scorer.of_decisions


def _training(args: Namespace, strategy: str) -> str:
    """The command that trains a strategy on the same rows."""
    words = ["skimbalance", "train", args.table, "--target", args.target, "--strategy", strategy]
    options = {"--groups": args.groups, "--weight": args.weight}
    if strategy in TUNED and _can_be_tuned(args.objective):
        options |= {"--objective": args.objective, "--level": args.level}
        options |= {"--positive": args.positive}
    dropped = [name for name in (args.drop, args.time) if name is not None]
    if dropped:  # nothing is learnt from the moments
        options["--drop"] = ",".join(dropped)
    if args.encoding != "utf-8":
        options["--encoding"] = args.encoding
    for option, value in options.items():
        if value is not None:
            words += [option, str(value)]
    if args.seed:
        words += ["--seed", str(args.seed)]
    return shlex.join([*words, "--out", "model.skim"])
