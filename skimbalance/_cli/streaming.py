"""Training from a file larger than memory.

A first pass finds what columns and labels are, and draws a sample of the rows. What cleans the
table is learnt from the sample. A second pass writes the cleaned rows to a file of numbers on
disk, on which the network trains as on any array: all rows, shuffled anew each epoch, with
held-out rows for early stopping. In memory stay the labels, the parts and the sample.
"""

import tempfile
from pathlib import Path

import numpy as np

from skimbalance._cli.columns import Kinds, Labels, as_trained, features
from skimbalance._cli.output import import_training, progress
from skimbalance._cli.tables import Part, named

__all__ = ["train_streaming"]

ROWS = 10_000

# Medians, scales and categories of so many rows are those of all but for the rarest categories.
SAMPLE = 50_000

_IN_MEMORY = ("over_sampling", "under_sampling", "smote", "tuned_decision")


def train_streaming(table, target, drop, strategy, seed):
    """A fitted pipeline, the labels of all rows, and the kinds of the columns."""
    from sklearn.pipeline import Pipeline

    kinds, labels, sample = _first_pass(table, target, drop, seed)
    sample = as_trained(sample, kinds, table)
    *steps, (_, network) = _steps(strategy, sample, seed)
    cleaning = Pipeline(steps).fit(sample)
    width = cleaning.transform(sample[:1]).shape[1]
    import_training()
    with tempfile.TemporaryDirectory() as folder:
        path, y = Path(folder) / "rows", []
        with open(path, "wb") as file:
            for part in progress(table.parts(ROWS), "clean"):
                rows = cleaning.transform(as_trained(part, kinds, table))
                file.write(np.ascontiguousarray(rows, dtype=np.float32))
                y.append(labels.of(part))
        y = np.concatenate(y)
        network.fit(np.memmap(path, np.float32, "r", shape=(len(y), width)), y)
    return Pipeline([*cleaning.steps, ("classify", network)]), y, kinds


def _steps(strategy, sample, seed):
    """What cleans the table, and the network."""
    from skimbalance.classifier import ImbalancedMLPClassifier
    from skimbalance.compare._strategies import STRATEGIES, make_strategy

    # Many rows: it is their own held-out part that says how many epochs they need.
    network = ImbalancedMLPClassifier(random_state=seed)
    possible = [name for name in STRATEGIES if name not in _IN_MEMORY]
    if strategy in _IN_MEMORY:
        raise ValueError(
            f"The strategy of --stream must be one of {named(possible)}, as others need all rows "
            f"in memory. Got '{strategy}' instead."
        )
    return make_strategy(strategy, sample, None, network=network).steps


def _first_pass(table, target, drop, seed):
    """Kinds of the columns, labels, and a sample of the rows."""
    import pandas as pd

    kinds, labels = Kinds(table, features(table, target, drop)), Labels(table, target)
    rng = np.random.default_rng(seed)
    frame, places, keys = None, np.empty(0, int), np.empty(0)
    for part in progress(table.parts(ROWS), "look"):
        kinds.look(part)
        labels.look(part)
        # The rows with the least of random keys are a sample of all rows so far.
        frame = part.frame if frame is None else pd.concat([frame, part.frame], ignore_index=True)
        places = np.concatenate([places, part.places])
        keys = np.concatenate([keys, rng.random(len(part.places))])
        kept = np.argsort(keys)[:SAMPLE]
        frame, places, keys = frame.iloc[kept], places[kept], keys[kept]
    labels.decide()
    return kinds.decided(), labels, Part(frame, places.tolist())
