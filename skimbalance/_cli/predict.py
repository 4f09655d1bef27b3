"""Predict classes and their probabilities for new rows, also in files larger than memory."""

import csv
from argparse import Namespace
from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from skimbalance._cli.columns import as_trained, cells_of
from skimbalance._cli.models import open_model
from skimbalance._cli.output import (
    STANDARD_OUTPUT,
    note,
    output_file,
    print_json,
    print_table,
    print_text,
    progress,
)
from skimbalance._cli.sources import COMPRESSED_NAMES, PARQUET_NAMES
from skimbalance._cli.tables import Table, open_table
from skimbalance._page.files import replacing

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["run"]

# Rows in memory at a time: enough for fast matrix products, and little memory.
ROWS = 10_000


def run(args: Namespace) -> None:
    """Run the command."""
    if args.out.endswith((*PARQUET_NAMES, *COMPRESSED_NAMES)):
        raise ValueError(
            "The option --out of predict must name a CSV file that is not compressed. Got "
            f"'{args.out}' instead."
        )
    table = open_table(args.table, args.encoding)
    model, kinds, target = open_model(args.model, table)
    labels = target if isinstance(target, list) else None
    values = model.classes_.tolist() if labels is None else labels
    new = _new_names(table, values, several=labels is not None)
    counts: Counter[Any] = Counter()
    n_rows = 0
    with (
        output_file(args.out) as path,
        replacing(path) as draft,
        open(draft, "w", encoding="utf-8", newline="") as file,
    ):
        # By this terminator the writer quotes cells that hold one of both.
        lines = SimpleNamespace(write=lambda line: file.write(f"{line[:-2]}\n"))
        writer = csv.writer(lines, delimiter=table.separator, lineterminator="\r\n")
        writer.writerow([*table.columns, *new])
        for part in progress(table.parts(ROWS), "predict"):
            scores, predicted = _scores(model, as_trained(part, kinds, table), labels)
            cells = (cells_of(part.frame[name]) for name in table.columns)
            for row in zip(*cells, *scores, strict=True):
                writer.writerow(row)
            counts.update(predicted)
            n_rows += len(part.places)
    _print_summary(args, n_rows, new, "class" if labels is None else "label", values, counts)


def _print_summary(
    args: Namespace, n_rows: int, new: list[str], noun: str, values: list, counts: Counter[Any]
) -> None:
    shares = [{noun: value, "rows": counts[value]} for value in values]
    if args.json:
        print_json({"out": args.out, "rows": n_rows, "columns": new, "predicted": shares})
    elif args.out != STANDARD_OUTPUT:
        print_table("Predictions", [noun, "rows"], [list(share.values()) for share in shares])
        print_text(f"{n_rows} rows are in {args.out}.")


def _scores(
    model: Any, X: "pd.DataFrame", labels: list[str] | None
) -> tuple[list[list], list[Any]]:
    """The new columns of rows, and their predicted classes or all their predicted labels."""
    from skimbalance._response import posterior

    predicted = model.predict(X)
    if labels is None and predicted.ndim == 2:
        raise ValueError(
            "A model of several labels must be saved with their names. Got none: give save_model "
            "the parameter 'target' as a list of them."
        )
    if labels is None:
        return [predicted.tolist(), *posterior(model, X).T.tolist()], predicted.tolist()
    proba = posterior(model, X, multilabel=True)
    decided = np.asarray(predicted, dtype=int)
    columns = [column for pair in zip(decided.T, proba.T, strict=True) for column in pair]
    of_rows = [labels[k] for k in np.nonzero(decided)[1]]
    return [column.tolist() for column in columns], of_rows


def _new_names(table: Table, values: list, *, several: bool) -> list[str]:
    """Names of the new columns, with an underscore appended if the table has that name."""
    probabilities = [f"probability_{value}" for value in values]
    wanted = ["prediction", *probabilities]
    if several:
        pairs = zip((f"prediction_{value}" for value in values), probabilities, strict=True)
        wanted = [name for pair in pairs for name in pair]
    names: list[str] = []
    for name in wanted:
        while name in table.columns or name in names:
            name += "_"
        names.append(name)
    if names != wanted:
        changed = [f"'{new}'" for new, old in zip(names, wanted, strict=True) if new != old]
        note(f"{table.name} has columns of the same names: the new ones are {', '.join(changed)}.")
    return names
