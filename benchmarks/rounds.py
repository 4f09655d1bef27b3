"""One fit on the workers of a Dask cluster, against the same in one process: scores and time.

``python benchmarks/rounds.py [--rows 2000000] [--seeds 3] [--folder FOLDER]``. The rows are those
of `scale.py`, in Parquet files. The workers are processes of this machine, so their time shows what
the rounds cost, and what they gain only up to its number of cores.
"""

import argparse
import contextlib
import tempfile
import time

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
from common import ARGUMENTS, TINY, pick, print_machine, print_table, spread
from dask.distributed import Client, LocalCluster
from scale_data import NAMES, TARGET, files, test_rows
from sklearn.metrics import average_precision_score

from skimbalance import ImbalancedMLPClassifier

EPOCHS = pick(6, 2)
WORKERS = pick((None, 1, 2, 4), (None, 2))


@contextlib.contextmanager
def workers(n_workers):
    """The client of so many workers; None for None."""
    if n_workers is None:
        yield None
        return
    cluster = LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        processes=not TINY,
        dashboard_address="127.0.0.1:0",
    )
    with cluster, Client(cluster) as client:
        # Each worker imports TensorFlow before the clock starts.
        client.run(__import__, "skimbalance._keras.rounds")
        yield client


def fitted(rows, client, seed, X, y):
    """Seconds of a fit, and its average precision on test rows."""
    clf = ImbalancedMLPClassifier(
        (64, 32), batch_size=pick(512, 64), epochs=EPOCHS, random_state=seed
    )
    begun = time.perf_counter()
    clf.fit_stream(rows, TARGET, client=client)
    seconds = time.perf_counter() - begun
    return seconds, average_precision_score(y, clf.predict_posterior(X)[:, 1])


def main():
    """Fit with each number of workers and each seed; print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=pick(2_000_000, 2_000))
    parser.add_argument("--seeds", type=int, default=pick(3, 1))
    parser.add_argument("--folder")
    args = parser.parse_args(ARGUMENTS)
    print_machine()
    X, y, p = test_rows()
    X = pd.DataFrame(X, columns=NAMES)
    print(f"{args.rows:,} rows, {EPOCHS} epochs, {args.seeds} seeds. A perfect model: ", end="")
    print(f"average precision {average_precision_score(y, p):.4f}.\n")
    table = []
    with tempfile.TemporaryDirectory() as draft:
        rows = ds.dataset(files(args.folder or draft, args.rows))
        for n_workers in WORKERS:
            with workers(n_workers) as client:
                found = [fitted(rows, client, seed, X, y) for seed in range(args.seeds)]
            seconds, scores = np.transpose(found)
            name = "one process" if n_workers is None else f"workers: {n_workers}"
            table.append([name, spread(scores, digits=4), spread(seconds, digits=1)])
    print_table(["", "average precision", "seconds"], table)


if __name__ == "__main__":
    main()
