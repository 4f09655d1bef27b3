"""What befalls long work from outside: memory that runs out, worker processes that are killed."""

import os
import signal
import threading
import time
import warnings
from functools import partial

import joblib
import numpy as np
from imblearn.over_sampling import SMOTE
from isolated import allow_memory, limit_memory
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV, cross_val_score
from trees import outcome_of, verdict

from skimbalance import (
    ImbalancedEnsembleClassifier,
    ImbalancedMLPClassifier,
    TunedDecisionClassifierCV,
)

RATES = {"learning_rate": [1e-3, 3e-3, 1e-2]}


def mlp(**options):
    """A small network."""
    return ImbalancedMLPClassifier((16,), **{"epochs": 3, "random_state": 0, **options})


def estimators():
    """Estimators of several kinds by their names."""
    return {
        "network": mlp(),
        "network with SMOTE": mlp(sampling=SMOTE(random_state=0)),
        "ensemble": ImbalancedEnsembleClassifier(mlp(), cv=3, trees=False, random_state=0),
        "tuned": TunedDecisionClassifierCV(mlp(), cv=3, random_state=0),
        "stacked search": GridSearchCV(mlp(), RATES, cv=3, scoring="neg_log_loss"),
    }


def memory_cases():
    """Fits with too little memory, for `isolated`: what each says, and what it leaves."""
    warnings.simplefilter("ignore")
    X, y = make_classification(200, 20, weights=[0.8], random_state=0)
    large = np.tile(X, (400, 10)), np.tile(y, 400)  # 122 MiB
    joblib.parallel_config(backend="stacked")
    fitted = {name: clf.fit(X, y) for name, clf in estimators().items()}

    def case(number):
        names = list(fitted)
        name, mib = names[number % len(names)], 10 * 2 ** (number // len(names) % 7)
        clf = fitted[name]
        before, proba = dict(vars(clf)), clf.predict_proba(X)
        limit_memory(mib)
        try:
            clf.fit(*large)
            said = {"said": "nothing: it was enough", "mib": mib}
        except Exception as error:
            said = {"error": type(error).__name__, "said": str(error)[:300], "mib": mib}
        finally:
            allow_memory()
        if "error" in said and not name.startswith("stacked"):
            said["changed"] = [
                k for k in {*before, *vars(clf)} if vars(clf).get(k) is not before.get(k)
            ]
            said["same"] = bool(np.array_equal(clf.predict_proba(X), proba))
        again = clf.fit(X, y).predict_proba(X)
        return said | {"estimator": name, "next": float(np.abs(again - proba).max())}

    return case


def lost_workers(numbers, seed):
    """Scores by tasks of Dask, one of whose workers is killed: yields the verdict on each.

    They are Dask's own tasks, which it repeats. joblib's backend for Dask lays the indices of
    folds on one worker, and raises a CancelledError if that one is lost.
    """
    import distributed

    X, y = make_classification(2_000, 20, weights=[0.8], random_state=0)
    tried = [(mlp(epochs=20, learning_rate=rate), X, y) for rate in (1e-3, 2e-3, 5e-3, 1e-2)]
    score = partial(cross_val_score, cv=3, scoring="neg_log_loss")
    expected = np.array([score(*task) for task in tried])
    options = {"n_workers": 2, "threads_per_worker": 2, "host": "127.0.0.1", "silence_logs": 50}
    with (
        distributed.LocalCluster(**options, dashboard_address="127.0.0.1:0") as cluster,
        distributed.Client(cluster) as client,
    ):

        def found():
            return np.array(client.gather([client.submit(score, *t, pure=False) for t in tried]))

        found()
        start = time.monotonic()
        found()
        seconds = time.monotonic() - start
        for number in numbers:
            rng = np.random.default_rng([seed, number])
            nannies = list(cluster.workers.values())
            victim = nannies[rng.integers(len(nannies))].pid
            killer = threading.Timer(rng.uniform(0, seconds), os.kill, (victim, signal.SIGKILL))
            killer.start()
            yield verdict(expected, outcome_of(found))
            killer.join()
            cluster.scale(2)
            client.wait_for_workers(2)
            time.sleep(1)  # until the lost one is known to be lost
            client.wait_for_workers(2)
