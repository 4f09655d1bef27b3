"""Training from a file larger than memory.

A first pass finds out what the columns and the class labels are, and draws a sample of the rows.
From the sample it is learnt how to clean the table. A second pass writes the cleaned rows to a
file of numbers on disk, from which the network trains as from any array: on all rows, shuffled
anew in each epoch, with held-out rows for early stopping. Memory holds the class labels, one part
and the sample.
"""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.pipeline import Pipeline

from skimbalance._cli.columns import as_trained
from skimbalance._cli.output import import_training, progress, shows_progress
from skimbalance._cli.roles import Roles, beside, latest_rows, with_names
from skimbalance._cli.tables import Part, Table
from skimbalance._cli.targets import LabelColumns, TargetColumn, target_columns
from skimbalance.compare._strategies import STRATEGIES, TUNED, make_strategy

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["train_streaming"]

ROWS = 10_000

# The medians, scales and categories of this many rows are those of all rows, apart from the rarest
# categories.
SAMPLE = 50_000

_IN_MEMORY = ("over_sampling", "under_sampling", "smote", *TUNED)


def train_streaming(
    table: Table, roles: Roles, strategy: str, seed: int, checkpoint: str | None = None
) -> "tuple[Pipeline, np.ndarray | pd.DataFrame, dict[str, str]]":
    """A fitted pipeline, the labels of all rows, and what each column holds."""
    kinds, targets, sample = _first_pass(table, roles, seed)
    style = roles.style_of_weights(kinds)
    frame = as_trained(sample, kinds, table)
    # A column of text that is missing in the whole sample would be taken for one of numbers.
    empty = [name for name in frame if kinds[name] == "text" and frame[name].isna().all()]
    frame = frame.drop(columns=empty)
    *steps, (_, network) = _steps(strategy, frame, seed)
    cleaning = Pipeline(steps).fit(frame)
    width = cleaning.transform(frame[:1]).shape[1]
    import_training()
    with tempfile.TemporaryDirectory() as folder:
        path, labels, given = Path(folder) / "rows", [], []
        with open(path, "wb") as file:
            for part in progress(table.parts(ROWS), "clean"):
                rows = cleaning.transform(as_trained(part, kinds, table))
                np.asarray(rows, dtype=np.float32).tofile(file)
                labels.append(targets.labels(part))
                given.append(beside(part, roles, style, table))
        y = with_names(np.concatenate(labels), roles.target)
        of_rows = {role: np.concatenate([of[role] for of in given]) for role in given[0]}
        network.set_params(verbose=int(shows_progress()), checkpoint=checkpoint)
        if "time" in of_rows:
            held_out = np.zeros(len(y), bool)
            held_out[latest_rows(of_rows.pop("time"))[1]] = True
            network.set_params(validation=held_out)
        network.fit(np.memmap(path, np.float32, "r", shape=(len(y), width)), y, **of_rows)
        # The bar is for this terminal, the folder for this machine, and the mask for these rows.
        network.set_params(verbose=0, checkpoint=None, validation=None)
    return Pipeline([*cleaning.steps, ("classify", network)]), y, kinds


def _steps(strategy: str, sample: "pd.DataFrame", seed: int) -> list:
    """The steps that clean the table, and the network."""
    from skimbalance.classifier import ImbalancedMLPClassifier

    # Early stopping on held-out rows, which are many, says how many epochs are needed.
    network = ImbalancedMLPClassifier(random_state=seed)
    possible = [name for name in STRATEGIES if name not in _IN_MEMORY]
    if strategy in _IN_MEMORY:
        raise ValueError(
            f"The strategy of --stream must be one of {possible!r}, as the others need all rows "
            f"in memory. Got '{strategy}' instead."
        )
    return make_strategy(strategy, sample, None, network=network).steps


def _first_pass(
    table: Table, roles: Roles, seed: int
) -> tuple[dict[str, str], TargetColumn | LabelColumns, Part]:
    """What each column holds, the target, and a sample of the rows."""
    import pandas as pd

    columns, targets = roles.feature_columns(table), target_columns(table, roles.target)
    rng = np.random.default_rng(seed)
    frame, places, keys = None, np.empty(0, int), np.empty(0)
    for part in progress(table.parts(ROWS), "read"):
        columns.look(part)
        targets.look(part)
        # The rows with the smallest random keys are a sample of all rows so far.
        frame = part.frame if frame is None else pd.concat([frame, part.frame], ignore_index=True)
        places = np.concatenate([places, part.places])
        keys = np.concatenate([keys, rng.random(len(part.places))])
        kept = np.argsort(keys)[:SAMPLE]
        frame, places, keys = frame.iloc[kept], places[kept], keys[kept]
    targets.decide()
    return columns.kinds(), targets, Part(frame, places.tolist())
