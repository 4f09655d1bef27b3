"""List the bundled data sets, which the other commands take by name."""

from argparse import Namespace
from typing import Any

from skimbalance._cli.output import print_json, print_table
from skimbalance._cli.tables import BUNDLED, open_table

__all__ = ["run"]


def run(args: Namespace) -> None:
    """Run the command."""
    sets = [_about(name) for name in BUNDLED]
    if args.json:
        print_json(sets)
        return
    columns = ["name", "rows", "columns", "classes", "rarest", "% of rows"]
    rows = [[*about.values()] for about in sets]
    print_table("Bundled data sets; the target is the column 'target'", columns, rows)


def _about(name: str) -> dict[str, Any]:
    frame = open_table(name).whole().frame
    counts = frame["target"].value_counts()
    return {
        "name": name,
        "rows": len(frame),
        "columns": frame.shape[1] - 1,
        "classes": len(counts),
        "rarest": str(counts.index[-1]),
        "rarest_percent": 100 * int(counts.iloc[-1]) / len(frame),
    }
