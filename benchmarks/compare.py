"""A comparison of strategies, and the same comparison written as loops over scikeras.

Run: python benchmarks/compare.py
All strategies of a single network, 13 of them, 5 folds, layers 64-32, 50 epochs. scikeras trains
the first fold of each strategy, and its time is scaled up to five folds. Plain fits stand in for
what it lacks: the focal loss for integer classes, logit adjustment, margins and balanced batches.
Its tuned decision needs five more fits for each fold.
Then the commands `compare` (also with the ensemble) and `train`, each in a new process, on the
largest of these tables.
"""

import contextlib
import io
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from common import (
    TINY,
    forget_programs,
    keras_classifier,
    mlp_build_classes,
    pick,
    print_machine,
    print_table,
    quiet,
    spread,
    times,
)
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.datasets import make_classification
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.preprocessing import StandardScaler

from skimbalance import compare_strategies
from skimbalance._cli import main as skimbalance
from skimbalance.compare._strategies import STRATEGIES
from skimbalance.datasets import load_page_blocks, load_yeast


def made_up(return_X_y=True):
    """Rows of 10 columns; 5 % of them belong to the rare class."""
    return make_classification(
        pick(26_000, 400), 10, n_informative=8, n_redundant=0, weights=[0.95], random_state=0
    )


# Loader of a data set, the target for our time in seconds, and rows of a batch.
SETS = {
    "yeast": (load_yeast, 60, 64),
    "page_blocks": (load_page_blocks, 150, 64),
    "26,000 rows x 10": (made_up, 60, 256),
}
SETS = pick(SETS, {"yeast": SETS["yeast"]})
# Arguments of a command, and the target for its time in seconds.
COMMANDS = pick(
    {"compare": ([], 60), "train": ([], 20)},
    {"train": (["--strategy", "under_sampling"], 20)},
)
# An ensemble is not among them: scikeras has nothing like it.
SINGLE = [name for name in STRATEGIES if name != "ensemble"]
OPTIONS = pick(
    {"strategies": SINGLE}, {"strategies": ["plain", "smote", "tuned_decision"], "cv": 2}
)
EPOCHS = pick(50, 1)


def ours(X, y):
    """Run the comparison, with nothing compiled."""
    forget_programs()
    return compare_strategies(X, y, random_state=0, verbose=0, **OPTIONS)


def theirs(name, X, y, batch_size):
    """Train and score the first fold of a strategy by scikeras."""
    train, test = next(StratifiedKFold(5).split(X, y))
    weighted = name in ("class_weighted", "sqrt_weighted", "effective_number", "focal_weighted")
    network = keras_classifier(
        mlp_build_classes,
        n_features=X.shape[1],
        n_classes=len(np.unique(y)),
        class_weight="balanced" if weighted else None,
        batch_size=batch_size,
        epochs=EPOCHS,
        verbose=0,
    )
    sampler = {
        "over_sampling": RandomOverSampler(),
        "under_sampling": RandomUnderSampler(),
        "smote": SMOTE(k_neighbors=min(5, np.bincount(y[train]).min() - 1)),
    }.get(name, "passthrough")
    pipe = make_pipeline(StandardScaler(), sampler, network)
    if name == "tuned_decision":
        cross_val_predict(pipe, X[train], y[train], cv=5, method="predict_proba")
    pipe.fit(X[train], y[train])
    pipe.predict_proba(X[test])


def command(name, arguments, folder):
    """Run a command on the made-up rows, in a new process; with --tiny in this one."""
    out = folder / {"compare": "page.html", "train": "model.skim"}[name]
    words = [name, str(folder / "rows.csv"), "--target", "y", "--out", str(out), *arguments]
    if TINY:
        with contextlib.redirect_stdout(io.StringIO()):
            return skimbalance(words)
    return subprocess.run(
        [sys.executable, "-m", "skimbalance", *words], check=True, capture_output=True
    )


def commands():
    """Seconds of the commands, as rows of a table."""
    X, y = made_up()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pd.DataFrame(X).assign(y=y).to_csv(folder / "rows.csv", index=False)
        for name, (arguments, target) in COMMANDS.items():
            seconds = times(lambda n=name, a=arguments: command(n, a, folder), pick(3, 1))
            within = "met" if statistics.median(seconds) <= target else "**missed**"
            yield [f"`{name}`", spread(seconds, digits=1), f"{target} s: {within}"]


def main():
    """Measure and print."""
    quiet()
    print_machine()
    rows = []
    for name, (load, target, batch_size) in SETS.items():
        X, y = load(return_X_y=True)
        y = np.unique(y, return_inverse=True)[1]
        comparisons = []
        seconds = times(lambda X=X, y=y, c=comparisons: c.append(ours(X, y)), pick(3, 1))
        strategies = comparisons[0].names
        data = X, y, batch_size
        peer = 5 * sum(times(lambda s=s, d=data: theirs(s, *d), 1)[0] for s in strategies)
        middle = statistics.median(seconds)
        within = "met" if middle <= target else "**missed**"
        faster = "met" if peer / middle >= 25 else "**missed**"
        rows.append([name, spread(seconds, digits=1), f"{peer:,.0f}, {peer / middle:.1f}x",
                     f"{target} s: {within}", f"25x: {faster}"])  # fmt: skip
    print("13 strategies x 5 folds, seconds, and multiples of our time.\n")
    print_table(["", "skimbalance", "scikeras", "time", "ratio"], rows)
    print("\nCommands on 26,000 rows x 10 in a new process, seconds.\n")
    print_table(["", "skimbalance", "time"], [*commands()])


if __name__ == "__main__":
    main()
