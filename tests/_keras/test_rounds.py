"""One fit by rounds on a Dask cluster: whoever trains what, the result is the same."""

import os
import signal
import sys
from dataclasses import replace
from functools import partial

import cloudpickle
import distributed
import numpy as np
import pytest

from skimbalance import ImbalancedMLPClassifier
from skimbalance._engine import stopping
from skimbalance._fit.data import StreamedData
from skimbalance._fit.streams.cluster import Shards
from skimbalance.sampling import shuffled_order

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

OPTIONS = {
    "hidden_layer_sizes": (8,),
    "dropout": 0.2,
    "epochs": 3,
    "batch_size": 32,
    "early_stopping": True,
    "monitor": "average_precision",
    "learning_rate": 0.01,
    "learning_rate_schedule": "cosine",
    "random_state": 0,
}


def rows(n=600, n_labels=None):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    if n_labels:
        return X, (X[:, :n_labels] + rng.normal(size=(n, n_labels)) > 1).astype(int)
    return X, (X[:, 0] + rng.normal(size=n) > 1.5).astype(int)


def planned(X, y, **options):
    """The plan of a fit, its network, and what the engine makes of it."""
    found = {}

    class Classifier(ImbalancedMLPClassifier):
        def _train(self, plan):
            from skimbalance._keras.perceptron import Perceptron

            found["plan"] = plan
            found["network"] = Perceptron(plan.initial, self.dropout, plan.target.exclusive)
            found["result"] = super()._train(plan)
            return found["result"]

    Classifier(**{**OPTIONS, **options}).fit(X, y)
    return found["plan"], found["network"], found["result"]


def weights_of_part(part, early):
    """The weights that a shard has brought along."""
    return part.weight


def order_of_part(seed, y, part, epoch):
    return shuffled_order(y, seed=seed + part, epoch=epoch)


class Shard:
    """Some rows of a plan."""

    def __init__(self, plan, chosen):
        self.X, self.y = plan.rows.X[0][plan.rows.index[chosen]], plan.rows.y[chosen]
        self.weight = plan.loss_weight[chosen]


def by_rounds(client, plan, network, n_shards, **changes):
    """What rounds make of a plan whose rows are dealt out."""
    from skimbalance._keras.rounds import train_rounds

    n_rows, seed = len(plan.rows.y), plan.order.args[-1]
    shards = [Shard(plan, np.arange(s, n_rows, n_shards)) for s in range(n_shards)]
    futures = [client.submit(lambda shard: shard, shard) for shard in shards]
    sizes = [len(shard.y) for shard in shards]
    streamed = StreamedData(
        np.array(sizes),
        None,
        weights_of_part,
        partial(order_of_part, seed),
        plan.rows,
        Shards(client, futures, sizes),
    )
    return train_rounds(replace(plan, rows=streamed, **changes), network)


def local_cluster(n_workers, *, processes=False):
    return distributed.LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        processes=processes,
        dashboard_address="127.0.0.1:0",
        host="127.0.0.1" if processes else None,
    )


@pytest.fixture(scope="module")
def client():
    with local_cluster(2) as cluster, distributed.Client(cluster) as client:
        yield client


def assert_same(ours, theirs):
    assert ours.weights.keys() == theirs.weights.keys()
    for name in ours.weights:
        np.testing.assert_array_equal(ours.weights[name], theirs.weights[name], err_msg=name)
    assert (ours.n_epochs, ours.best_epoch) == (theirs.n_epochs, theirs.best_epoch)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"loss": "ldam", "normalization": "batch", "ema_momentum": 0.9},
        {"optimizer": "sgd", "early_stopping": False, "monitor": "loss", "weight_decay": 0.01},
        {"batch_size": 8},
    ],
    ids=["adam", "deferred weights", "to the end", "two rounds an epoch"],
)
def test_one_shard_trains_as_the_engine_does(client, options):
    plan, network, result = planned(*rows(), **options)
    ours = by_rounds(client, plan, network, 1)
    assert_same(ours, result)
    for name, values in result.history.items():
        np.testing.assert_allclose(ours.history[name], values, rtol=1e-6, err_msg=name)


def test_the_result_is_the_same_on_one_worker_and_on_two(client):
    plan, network, _ = planned(*rows())
    ours = by_rounds(client, plan, network, 3)
    with local_cluster(1) as cluster, distributed.Client(cluster) as alone:
        assert_same(ours, by_rounds(alone, plan, network, 3))


def test_killing_a_worker_changes_nothing(client, monkeypatch):
    from skimbalance._keras import rounds

    plan, network, _ = planned(*rows())
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with local_cluster(2, processes=True) as cluster, distributed.Client(cluster) as processes:
        pids = [*processes.run(os.getpid).values()]

        def judge(*args):  # once the first epoch is over
            if len(pids) == 2:
                os.kill(pids.pop(), signal.SIGKILL)
            return stopping.judge(*args)

        monkeypatch.setattr(rounds, "judge", judge)
        ours = by_rounds(processes, plan, network, 3)
    assert len(pids) == 1
    assert_same(ours, by_rounds(client, plan, network, 3))


@pytest.mark.parametrize("n_epochs", [0, 2])
def test_an_interruption_leaves_what_whole_epochs_have_learnt(client, monkeypatch, n_epochs):
    from skimbalance._keras import rounds

    to_the_end = {"early_stopping": False, "monitor": "loss", "learning_rate_schedule": None}
    plan, network, _ = planned(*rows(), **to_the_end)
    before = by_rounds(client, plan, network, 2, epochs=max(1, n_epochs))
    gather, calls = rounds.gather, iter(range(n_epochs + 1))

    def interrupted(*args):
        if next(calls) == n_epochs:
            raise KeyboardInterrupt
        return gather(*args)

    monkeypatch.setattr(rounds, "gather", interrupted)
    with pytest.raises(KeyboardInterrupt, match=f"after epoch {n_epochs} of 3") as caught:
        by_rounds(client, plan, network, 2)
    assert hasattr(caught.value, "result") == (n_epochs > 0)
    if n_epochs:
        assert caught.value.result.n_epochs == n_epochs
        assert caught.value.result.history["loss"] == before.history["loss"]


def test_several_labels_train_as_the_engine_does(client):
    plan, network, result = planned(*rows(n_labels=2))
    assert_same(by_rounds(client, plan, network, 1), result)
