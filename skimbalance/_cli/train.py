"""Train a classifier on the labelled rows of a table, and write it to a model file."""

import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

import numpy as np

from skimbalance._cli.arguments import add_fitting, add_out, add_table, explain_strategies
from skimbalance._cli.columns import read_training
from skimbalance._cli.output import (
    STANDARD_OUTPUT,
    import_training,
    output_file,
    print_json,
    print_table,
    print_text,
    shows_progress,
)
from skimbalance._cli.streaming import train_streaming
from skimbalance._cli.tables import open_table
from skimbalance.compare._strategies import TUNED

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add_table(parser, "rows to learn from")
    add_fitting(parser)
    parser.add_argument(
        "--strategy",
        metavar="NAME",
        help="one of those below (default: ensemble; with --stream sqrt_weighted)",
    )
    parser.add_argument(
        "--stream",
        action="store_true",
        help="for a file larger than memory: read it in parts, learn from a sample of the rows how "
        "to clean them, and train one network from a copy on disk; decisions are not tuned",
    )
    add_out(parser, "MODEL.skim", "model file to write", required=True)
    explain_strategies(parser)


def run(args: Namespace) -> None:
    """Run the command."""
    from skimbalance.persistence import save_model

    strategy = args.strategy or ("sqrt_weighted" if args.stream else "ensemble")
    if args.objective and strategy not in TUNED:
        raise ValueError(
            "The option --objective must only be given with the strategies 'tuned_decision' and "
            f"'ensemble'. Got the strategy '{strategy}', which predicts the most probable class."
        )
    if args.out == STANDARD_OUTPUT and sys.stdout.isatty():
        raise ValueError(
            "The option --out - of train must write to a pipe or a file, as a model is no text. "
            "Got a terminal."
        )
    table = open_table(args.table, args.encoding)
    if args.stream:
        model, y, kinds = train_streaming(table, args.target, args.drop, strategy, args.seed)
    else:
        X, y, kinds = read_training(table, args.target, args.drop)
        model = _fitted(strategy, X, y, args.objective or "f1_macro", args.seed)
    with output_file(args.out) as path:
        save_model(model, path, columns=kinds, target=args.target)
    if args.out != STANDARD_OUTPUT:
        _print_summary(args, strategy, model, y)


def _fitted(strategy: str, X: "pd.DataFrame", y: np.ndarray, objective: str, seed: int) -> Any:
    import joblib

    from skimbalance.compare._strategies import make_strategy

    verbose = int(shows_progress())
    model = make_strategy(strategy, X, y, objective=objective, random_state=seed, verbose=verbose)
    import_training()
    with joblib.parallel_config(backend="stacked"):
        model.fit(X, y)
    # The bar is for this terminal, and no part of the model.
    for part in (model, getattr(model, "estimator_", model)):
        params = part.get_params() if hasattr(part, "get_params") else {}
        names = [name for name in params if name.split("__")[-1] == "verbose"]
        if names:
            part.set_params(**dict.fromkeys(names, 0))
    return model


def _print_summary(args: Namespace, strategy: str, model: Any, y: np.ndarray) -> None:
    labels, counts = np.unique(y, return_counts=True)
    about: dict[str, Any] = {
        "model": args.out,
        "rows": len(y),
        "strategy": strategy,
        "classes": [
            {"class": label, "rows": count}
            for label, count in zip(labels.tolist(), counts.tolist(), strict=True)
        ],
    }
    if hasattr(model, "objective_score_"):
        about |= {"objective": model.objective, "out_of_fold": model.objective_score_}
    if args.json:
        print_json(about)
        return
    print_table("Classes", ["class", "rows"], [[*share.values()] for share in about["classes"]])
    if "out_of_fold" in about:
        of_class = f" of class {str(model.pos_label_)!r}" if hasattr(model, "pos_label_") else ""
        score = f"{about['out_of_fold']:.3f}"
        print_text(f"The {model.objective}{of_class} on held-out rows is {score}.")
    print_text(f"The model is in {args.out}.")
