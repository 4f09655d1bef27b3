"""Train a classifier on the labelled rows of a table, and write it to a model file."""

import sys
from argparse import Namespace
from inspect import signature
from typing import Any

from skimbalance._cli.arguments import check_goal, check_thinning, check_time, goal, said
from skimbalance._cli.output import (
    STANDARD_OUTPUT,
    import_training,
    output_file,
    print_json,
    print_table,
    print_text,
    shows_progress,
)
from skimbalance._cli.roles import Roles, Rows, latest_rows, read_training
from skimbalance._cli.streaming import train_streaming
from skimbalance._cli.tables import open_table
from skimbalance._cli.targets import counts_of
from skimbalance._response import for_last_step, with_groups
from skimbalance._validation import safe_indexing
from skimbalance.compare._strategies import MAKES_ROWS, OF_CLASSES, TUNED
from skimbalance.decision._parameters import TAKERS

__all__ = ["run"]


def run(args: Namespace) -> None:
    """Run the command."""
    from skimbalance.persistence import save_model

    strategy = args.strategy or ("sqrt_weighted" if args.stream else "ensemble")
    if args.objective and strategy not in TUNED:
        raise ValueError(
            "The option --objective must only be given with the strategies 'tuned_decision' and "
            f"'ensemble'. Got the strategy '{strategy}', which predicts the most probable class."
        )
    if args.time is not None and not args.stream and strategy not in TUNED:
        raise ValueError(
            "The option --time must only be given with --stream, or with the strategies "
            f"'tuned_decision' and 'ensemble'. Got '{strategy}', which holds out no rows."
        )
    check_goal(args, TAKERS)
    check_time(args)
    check_thinning(args)
    if args.out == STANDARD_OUTPUT and sys.stdout.isatty():
        raise ValueError(
            "The option --out - of train must write to a pipe or a file, as a model is no text. "
            "Got a terminal."
        )
    table = open_table(args.table, args.encoding)
    roles = Roles.of(table, args)
    if args.stream:
        _check_strategy(strategy, args, several=not isinstance(roles.target, str))
        model, kinds, counts, interrupted = train_streaming(table, roles, strategy, args)
    else:
        rows, interrupted = read_training(table, roles), False
        model, kinds, counts = _fitted(strategy, rows, args), rows.kinds, counts_of(rows.y)
    _forget_place(model)
    with output_file(args.out) as path:
        save_model(model, path, columns=kinds, target=roles.target)
    if interrupted:
        raise KeyboardInterrupt(f"interrupted, and what was trained is in {args.out}")
    if args.out != STANDARD_OUTPUT:
        _print_summary(args, strategy, model, counts, roles.targets)


def _fitted(strategy: str, rows: Rows, args: Namespace) -> Any:
    import joblib

    from skimbalance.compare._strategies import make_strategy

    X, y, _, given = rows
    _check_strategy(strategy, args, several=y.ndim == 2)
    model = make_strategy(
        strategy, X, y, objective=args.objective or "f1_macro", random_state=args.seed,
        verbose=int(shows_progress()), checkpoint=args.checkpoint, **goal(args, y),
    )  # fmt: skip
    import_training()
    with joblib.parallel_config(backend="stacked"):
        _fit(model, X, y, **given)
    return model


def _forget_place(model: Any) -> None:
    """Take the bar, which is for this terminal, and the folder of this machine out of a model."""
    local = {"verbose": 0, "checkpoint": None}
    for part in (model, getattr(model, "estimator_", model)):
        params = part.get_params() if hasattr(part, "get_params") else {}
        last = {name: name.split("__")[-1] for name in params}
        part_of_here = {name: local[end] for name, end in last.items() if end in local}
        if part_of_here:
            part.set_params(**part_of_here)


def _check_strategy(strategy: str, args: Namespace, *, several: bool) -> None:
    """Check that a strategy takes weights and several targets, if there are any."""
    if args.weight is not None and strategy in MAKES_ROWS:
        raise ValueError(
            f"The option --weight must be left out with --strategy {strategy}, which makes rows "
            f"that have no weights. Got '{args.weight}'."
        )
    if several and strategy in OF_CLASSES:
        raise ValueError(
            f"The option --target must name one column with --strategy {strategy}, which is for "
            f"classes only. Got '{args.target}'."
        )


def _fit(model: Any, X: Any, y: Any, *, groups=None, sample_weight=None, time=None) -> None:
    """Fit a strategy; given moments, the latest rows are those that it holds out."""
    of_rows = {} if groups is None else with_groups(model, groups)
    if time is not None:
        earlier, later = latest_rows(time)
        if "X_val" in signature(model.fit).parameters:
            X, of_rows["X_val"] = (safe_indexing(X, rows) for rows in (earlier, later))
            y, of_rows["y_val"] = (safe_indexing(y, rows) for rows in (earlier, later))
            if sample_weight is not None:
                of_rows["sample_weight_val"] = sample_weight[later]
                sample_weight = sample_weight[earlier]
        else:
            folds = model.cv
            model.set_params(cv=[(earlier, later)])
    if sample_weight is not None:
        of_rows[for_last_step(model, "sample_weight")] = sample_weight
    model.fit(X, y, **of_rows)
    if time is not None and "X_val" not in of_rows:
        model.set_params(cv=folds)  # a model file need not hold the numbers of all rows


def _print_summary(
    args: Namespace, strategy: str, model: Any, counts: Any, names: list[str]
) -> None:
    """Print what was trained; `counts` as from `counts_of`, `names` those of the labels."""
    of_classes = isinstance(counts, dict)
    about: dict[str, Any] = {
        "model": args.out,
        "rows": sum(counts.values()) if of_classes else int(counts[0].sum()),
        "strategy": strategy,
        "classes" if of_classes else "labels": _listed(counts, names),
        **said(args),
    }
    if hasattr(model, "objective_score_"):
        about |= {"objective": model.objective, "out_of_fold": model.objective_score_}
    if args.json:
        print_json(about)
        return
    noun = "class" if "classes" in about else "label"
    counts = about["classes" if noun == "class" else "labels"]
    print_table(
        "Classes" if noun == "class" else "Labels", [*counts[0]], [[*of.values()] for of in counts]
    )
    if "out_of_fold" in about:
        of_class = f" of class {str(model.pos_label_)!r}" if hasattr(model, "pos_label_") else ""
        score = f"{about['out_of_fold']:.3f}"
        latest = "" if args.time is None else f", the latest by '{args.time}',"
        print_text(f"The {model.objective}{of_class} on held-out rows{latest} is {score}.")
    print_text(f"The model is in {args.out}.")


def _listed(counts: Any, names: list[str]) -> list[dict[str, Any]]:
    """How many rows have each class, or each label, and how many rows lack a label's cell."""
    if isinstance(counts, dict):
        return [{"class": label, "rows": count} for label, count in counts.items()]
    listed: list[dict[str, Any]] = []
    for name, (_, n_rows, n_missing) in zip(names, counts.tolist(), strict=True):
        missing = {"missing": n_missing} if counts[:, 2].any() else {}
        listed.append({"label": name, "rows": n_rows} | missing)
    return listed
