"""When one machine is too small for the rows: one fit on the workers of a Dask cluster.

What to see: only ``client=`` is added. The workers read the files and train, and the classifier is
about as good as one that a single machine has trained. It needs ``pip install
skimbalance[dask,parquet]``. Run it with ``python examples/fit_on_dask.py``; it takes about 30
seconds.
"""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from dask.distributed import Client, LocalCluster
from sklearn.metrics import average_precision_score

from skimbalance import ImbalancedMLPClassifier

N_FILES = 8


def table(n_rows, seed):
    """Rows of which about one in 70 is rare."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(rng.normal(size=(n_rows, 8)).astype(np.float32), columns=list("abcdefgh"))
    risk = rows["a"] + rows["b"] * rows["c"] + np.sin(2 * rows["d"]) + rng.normal(size=n_rows)
    return rows.assign(fraud=(risk > 4).astype(int))


def main(n_rows=400_000, epochs=5, processes=True):
    """Fit on one machine and on two workers; print and return the average precision of both."""
    new = table(100_000, seed=1)
    scores = {}
    # Two worker processes stand for two machines here, and a folder for a file system that both
    # can read. With a running cluster use instead: client = Client("tcp://scheduler:8786")
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=processes, dashboard_address="127.0.0.1:0"
    )
    with cluster, Client(cluster) as client, tempfile.TemporaryDirectory() as folder:
        for i, rows in enumerate(np.array_split(np.arange(n_rows), N_FILES)):
            table(len(rows), seed=2 + i).to_parquet(Path(folder) / f"{i}.parquet")
        for name, options in {"one machine": {}, "two workers": {"client": client}}.items():
            clf = ImbalancedMLPClassifier((32,), epochs=epochs, random_state=0)
            clf.fit_stream(folder, "fraud", **options)
            proba = clf.predict_posterior(new.drop(columns="fraud"))[:, 1]
            scores[name] = average_precision_score(new["fraud"], proba)
            print(f"{name}: average precision {scores[name]:.3f}")
    return scores


if __name__ == "__main__":
    main()
