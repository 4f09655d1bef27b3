"""Predict classes and their probabilities for new rows, also in files larger than memory.

The prediction is the model's decision, which may favour rare classes. The probabilities are those
in the population, so the predicted class need not be the most probable one. The cells of the table
are written as they are: a spreadsheet may take text that begins with = for a formula.
"""

import csv
from argparse import ArgumentParser, Namespace
from collections import Counter
from typing import TYPE_CHECKING, Any

from skimbalance._cli.arguments import add_out, add_table
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

__all__ = ["add_arguments", "run"]

# Rows in memory at a time: enough for fast matrix products, and little memory.
ROWS = 10_000


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", help="a model file from 'skimbalance train'")
    add_table(parser, "new rows")
    add_out(parser, "SCORED.csv", "CSV file to write", required=True)


def run(args: Namespace) -> None:
    """Run the command."""
    if args.out.endswith((*PARQUET_NAMES, *COMPRESSED_NAMES)):
        raise ValueError(
            "The option --out of predict must name a CSV file that is not compressed. Got "
            f"'{args.out}' instead."
        )
    table = open_table(args.table, args.encoding)
    model, kinds, _ = open_model(args.model, table)
    classes = model.classes_.tolist()
    new = _new_names(table, classes)
    counts: Counter[Any] = Counter()
    with (
        output_file(args.out) as path,
        replacing(path) as draft,
        open(draft, "w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, delimiter=table.separator, lineterminator="\n")
        writer.writerow([*table.columns, *new])
        for part in progress(table.parts(ROWS), "predict"):
            predicted, proba = _scores(model, as_trained(part, kinds, table))
            cells = (cells_of(part.frame[name]) for name in table.columns)
            for row in zip(*cells, predicted, *proba, strict=True):
                writer.writerow(row)
            counts.update(predicted)
    shares = [{"class": label, "rows": counts[label]} for label in classes]
    if args.json:
        rows = counts.total()
        print_json({"out": args.out, "rows": rows, "columns": new, "predicted": shares})
        return
    if args.out == STANDARD_OUTPUT:
        return
    print_table("Predictions", ["class", "rows"], [list(share.values()) for share in shares])
    print_text(f"{counts.total()} rows are in {args.out}.")


def _scores(model: Any, X: "pd.DataFrame") -> tuple[list, list[list[float]]]:
    """Predicted labels of rows, and the rows' probabilities for each class."""
    from skimbalance._response import posterior

    return model.predict(X).tolist(), posterior(model, X).T.tolist()


def _new_names(table: Table, classes: list) -> list[str]:
    """Names of the new columns, with an underscore appended if the table has that name."""
    wanted = ["prediction", *(f"probability_{label}" for label in classes)]
    names: list[str] = []
    for name in wanted:
        while name in table.columns or name in names:
            name += "_"
        names.append(name)
    if names != wanted:
        changed = [f"'{new}'" for new, old in zip(names, wanted, strict=True) if new != old]
        note(f"{table.name} has columns of the same names: the new ones are {', '.join(changed)}.")
    return names
