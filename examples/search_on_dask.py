"""When one machine is too small: the same grid search on the workers of a Dask cluster.

What to see: only the backend changes. Fits that run in one worker at the same time train together,
so give workers more threads than cores. It needs ``pip install skimbalance[dask]``. Run it with
``python examples/search_on_dask.py``; it takes about 20 seconds.
"""

from collections import Counter

import joblib
from dask.distributed import Client, LocalCluster, get_task_stream
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from skimbalance import ImbalancedMLPClassifier
from skimbalance.datasets import load_ann_thyroid

GRID = {"learning_rate": [1e-3, 3e-3, 1e-2], "class_weight": [0.5, "balanced"]}


def main(epochs=10):
    """Search; print the best parameters and the fits of each worker; return the search."""
    X, y = load_ann_thyroid(return_X_y=True)
    model = ImbalancedMLPClassifier((64, 32), epochs=epochs, random_state=0)
    cv = StratifiedKFold(5, shuffle=True, random_state=0)
    search = GridSearchCV(model, GRID, scoring="f1_macro", cv=cv)

    # Two worker processes stand for two machines here. With a running cluster use instead:
    # client = Client("tcp://scheduler:8786")
    cluster = LocalCluster(n_workers=2, threads_per_worker=15, dashboard_address="127.0.0.1:0")
    with (
        cluster,
        Client(cluster) as client,
        joblib.parallel_config(backend="dask"),
        get_task_stream(client) as tasks,
    ):
        search.fit(X, y)
    print(f"best by macro-F1: {search.best_params_}, {search.best_score_:.3f}")
    for number, n_tasks in enumerate(Counter(task["worker"] for task in tasks.data).values()):
        print(f"worker {number}: {n_tasks} fits")
    return search


if __name__ == "__main__":
    main()
