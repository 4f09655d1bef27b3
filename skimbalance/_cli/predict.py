"""Predict classes and their probabilities for new rows, also of files larger than memory.

The prediction is what the model decides, with its weight on rare classes; the probabilities are
those in the population, so the most probable class may be another one.
"""

import csv
from collections import Counter

from skimbalance._cli.arguments import add_out, add_table
from skimbalance._cli.columns import as_trained, cells_of
from skimbalance._cli.models import open_model
from skimbalance._cli.output import note, print_json, print_table, print_text, progress
from skimbalance._cli.tables import open_table
from skimbalance._files import replacing

__all__ = ["add_arguments", "run"]

# Rows in memory at a time: enough for fast products, small against any memory.
ROWS = 10_000


def add_arguments(parser):
    """Declare the arguments."""
    parser.add_argument("model", help="a model file from 'skimbalance train'")
    add_table(parser, "new rows")
    add_out(parser, "SCORED.csv", "where to write", required=True)


def run(args):
    """Do it."""
    if args.out.endswith((".parquet", ".pq")):
        raise ValueError(f"The option --out must name a CSV file. Got '{args.out}' instead.")
    table = open_table(args.table)
    model, kinds, _ = open_model(args.model, table)
    classes = model.classes_.tolist()
    new = _new_names(table, classes)
    counts = Counter()
    with (
        replacing(args.out) as draft,
        open(draft, "x", encoding="utf-8", newline="") as file,
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
    print_table("Predicted", ["class", "rows"], [list(share.values()) for share in shares])
    print_text(f"{counts.total()} rows are in {args.out}.")


def _scores(model, X):
    """Labels of rows, and for each class the rows' probabilities in the population."""
    from skimbalance._response import posterior

    return model.predict(X).tolist(), posterior(model, X).T.tolist()


def _new_names(table, classes):
    """Names of the new columns, with underscores behind them where the table has such a one."""
    wanted = ["prediction", *(f"probability_{label}" for label in classes)]
    names = []
    for name in wanted:
        while name in table.columns or name in names:
            name += "_"
        names.append(name)
    if names != wanted:
        changed = [f"'{new}'" for new, old in zip(names, wanted, strict=True) if new != old]
        note(f"{table.name} has columns of that name, so the new ones are {', '.join(changed)}.")
    return names
