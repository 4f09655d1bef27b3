"""Which strategy is best for which goal? All of them on a folder of tables, or on the package's.

Run: python benchmarks/strategies.py [FOLDER] [--sets NUMBER] [--out scores.csv]
Rows are selected as in quality.py, at most 6,000 of a set. Strategies that tune a decision are
trained for each goal; the others have the same posteriors and decisions for all goals. A file of
`--out` is completed: sets that it has are not trained again. `--sets` takes the least costly sets.
"""

import argparse
import pathlib

import numpy as np
import pandas as pd
from common import ARGUMENTS, pick, print_machine, print_table, quiet
from quality_sets import load_set, names_of_sets

from skimbalance import compare_strategies
from skimbalance.compare._strategies import STRATEGIES

MAX_ROWS = 6_000
# Goals, as objectives that decisions can be tuned for.
GOALS = {
    "balanced_accuracy": "balanced accuracy",
    "f1_macro": "macro-F1",
    "f1": "F1 of the rarest class",
}
# Beside them what no decision changes.
SCORES = GOALS | {"average_precision": "average precision"}
TUNED = ["tuned_decision", "ensemble"]
OPTIONS = pick(
    {"cv": 3, "strategies": list(STRATEGIES)},
    {"cv": 2, "strategies": ["plain", "class_weighted", "tuned_decision"]},
)
# What divides the sets in two: the rows of the rarest class, which is what a decision learns from,
# and how many rows there are for each of them.
FEW_ROWS, HIGH_RATIO = 100, 25


def scores_of(table):
    """Mean scores of each strategy, as rows of a table."""
    about = {
        "set": table.name,
        "rows": len(table.y),
        "classes": table.n_classes,
        "rarest": int(np.bincount(table.y).min()),
    }
    rows = []
    # The first comparison has all strategies, the others those that depend on the goal.
    names, of_the_tuned = OPTIONS["strategies"], ["average_precision"]
    for goal in GOALS:
        comparison = compare_strategies(
            table.X, table.y, objective=goal, random_state=0, verbose=0,
            **OPTIONS | {"strategies": names},
        )  # fmt: skip
        for name, means in comparison.frame().iterrows():
            scores = [goal, *of_the_tuned] if name in TUNED else SCORES
            rows += [about | {"strategy": name, "goal": key, "score": means[key]} for key in scores]
        names, of_the_tuned = [name for name in names if name in TUNED], []
    return pd.DataFrame(rows)


def print_leads(scores):
    """Mean lead over "plain" in hundredths, and on how many sets a strategy is ahead of it."""
    rows = []
    for strategy in OPTIONS["strategies"][1:]:
        row = [f"`{strategy}`"]
        for goal in SCORES:
            table = scores[scores.goal == goal].pivot_table("score", "set", "strategy")
            lead = 100 * (table[strategy] - table["plain"]).dropna()
            row.append(f"{lead.mean():+.1f} ({(lead > 0).sum()} of {len(lead)})")
        rows.append(row)
    print_table(["", *SCORES.values()], rows)


def main():
    """Train what is missing, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--sets", type=int)
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args(ARGUMENTS)
    quiet()
    print_machine()
    kept = options.out is not None and options.out.exists()
    scores = [pd.read_csv(options.out)] if kept else []
    done = set(scores[0]["set"]) if kept else set()
    for name in names_of_sets(options.folder, MAX_ROWS)[: options.sets]:
        if name not in done:
            scores.append(scores_of(load_set(options.folder, name, MAX_ROWS)))
            if options.out is not None:
                pd.concat(scores).to_csv(options.out, index=False)
    scores = pd.concat(scores)
    ratio = scores.rows / scores.rarest
    parts = {
        "All sets": scores.rarest > 0,
        f"Fewer than {FEW_ROWS} rows of the rarest class": scores.rarest < FEW_ROWS,
        f"{FEW_ROWS} rows of the rarest class or more": scores.rarest >= FEW_ROWS,
        f"Less than one row in {HIGH_RATIO} is of the rarest class": ratio > HIGH_RATIO,
        f"One row in {HIGH_RATIO} or more": ratio <= HIGH_RATIO,
        "Several classes": scores.classes > 2,
    }
    for words, rows in parts.items():
        if rows.any():
            print(f"\n{words}: {scores[rows]['set'].nunique()}.\n")
            print_leads(scores[rows])


if __name__ == "__main__":
    main()
