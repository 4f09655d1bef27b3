"""A search on Dask: its results, its worker processes, and the stacks in them.

The scheduler and two worker processes are real ones, on loopback.
"""

import os
import pickle

import distributed
import joblib
import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from sklearn.datasets import make_classification
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV

from skimbalance import ImbalancedEnsembleClassifier, ImbalancedMLPClassifier

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    # joblib 1.5's own backend for Dask has it.
    pytest.mark.filterwarnings("ignore:.apply_async. is deprecated:DeprecationWarning"),
]

X, Y = make_classification(300, 5, n_informative=4, n_redundant=0, weights=[0.8], random_state=0)

GRID = {"learning_rate": [1e-3, 1e-2], "class_weight": [None, "balanced"]}


def classifier(**params):
    defaults = {"hidden_layer_sizes": (8,), "epochs": 3, "batch_size": 32, "random_state": 0}
    return ImbalancedMLPClassifier(**{**defaults, **params})


def note_shares():
    """In a worker: note how many fits train together, from now on."""
    from skimbalance._engine import stack

    def train_stack(jobs, deliver, *, real=stack.train_stack, **kwargs):
        stack.shares.append(len(jobs))
        return real(jobs, deliver, **kwargs)

    stack.shares, stack.train_stack = [], train_stack


def take_shares():
    from skimbalance._engine import stack

    shares, stack.shares = stack.shares, []
    return shares


@pytest.fixture(scope="module")
def client():
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=4, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    )
    with cluster, distributed.Client(cluster) as client:
        assert len(set(client.run(os.getpid).values()) | {os.getpid()}) == 3
        client.run(note_shares)
        yield client


@pytest.fixture
def shares(client):
    """Takes the numbers of fits that trained together, for each worker."""
    client.run(take_shares)
    return lambda: list(client.run(take_shares).values())


def search(backend, model, grid, **params):
    with joblib.parallel_config(backend=backend):
        return GridSearchCV(model, grid, cv=4, scoring="f1_macro", **params).fit(X, Y)


def assert_same_results(ours, theirs):
    for key in ("mean_test_score", "std_test_score", "rank_test_score"):
        np.testing.assert_allclose(ours.cv_results_[key], theirs.cv_results_[key], err_msg=key)
    assert ours.best_params_ == theirs.best_params_


def test_a_search_finds_what_it_finds_sequentially_and_stacks_in_each_worker(shares):
    ours = search("dask", classifier(), GRID)
    by_worker = shares()
    assert_same_results(ours, search("sequential", classifier(), GRID))
    assert sum(map(sum, by_worker)) == 16
    assert all(max(worker) > 1 for worker in by_worker)


def test_a_pipeline_that_samples_finds_what_it_finds_sequentially(shares):
    model = make_pipeline(SMOTE(random_state=0), classifier(class_weight=None))
    grid = {"imbalancedmlpclassifier__learning_rate": [1e-3, 1e-2]}
    ours = search("dask", model, grid)
    assert sum(map(sum, shares())) == 8
    assert_same_results(ours, search("sequential", model, grid))


def test_networks_of_ensembles_stack_in_each_worker(shares):
    model = ImbalancedEnsembleClassifier(classifier(), cv=3, trees=False, random_state=0)
    grid = {"estimator__learning_rate": [1e-3, 1e-2]}
    ours = search("dask", model, grid)
    assert sum(map(sum, shares())) >= 24
    assert_same_results(ours, search("sequential", model, grid))


def test_a_candidate_that_fails_holds_up_nobody(client):
    grid = {"learning_rate": [-1, 1e-2]}
    with (
        pytest.warns(FitFailedWarning, match="4 fits failed"),
        pytest.warns(UserWarning, match="scores are non-finite"),
    ):
        found = search("dask", classifier(), grid, error_score=np.nan)
    assert np.isnan(found.cv_results_["mean_test_score"][0])
    assert found.best_params_ == {"learning_rate": 1e-2}


def test_a_task_that_takes_long_holds_up_nobody(client):
    worker = next(iter(client.scheduler_info()["workers"]))
    busy = distributed.Event("the fit is over")
    slow = client.submit(busy.wait, 60, workers=worker)
    fit = client.submit(classifier().fit, X, Y, workers=worker)
    assert fit.result(timeout=60).n_iter_ == 3
    assert not slow.done()
    busy.set()
    assert slow.result(timeout=60)


def test_cancelled_fits_hold_up_nobody(client, shares):
    fits = [client.submit(classifier(epochs=1000, random_state=i).fit, X, Y) for i in range(8)]
    while not any(shares()):  # None trains yet.
        assert not any(fit.done() for fit in fits)
    client.cancel(fits[:4])
    assert [fit.result(timeout=60).n_iter_ for fit in fits[4:]] == [1000] * 4


def test_pickles_are_small():
    model = classifier(hidden_layer_sizes=(256, 128), epochs=1)
    assert len(pickle.dumps(model)) < 2_000
    model.fit(X, Y)
    weights = sum(w.nbytes for w in model.model_.get_weights())
    assert weights < len(pickle.dumps(model)) < weights + 20_000
