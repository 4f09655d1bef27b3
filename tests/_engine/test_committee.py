"""Networks that stop together: the epoch that they keep does not depend on who comes first."""

import itertools
import random

import numpy as np
import pytest

from skimbalance._engine.committee import Committee


def run(scores, patience, order):
    """Let members cast their votes in some order; the epochs that each of them trained.

    `order` gives the member that comes next; one that has stopped, or has trained all epochs, is
    passed over.
    """
    committee = Committee(len(scores))
    votes = [committee.vote(k, patience) for k in range(len(scores))]
    trained, stopped = [0] * len(scores), [False] * len(scores)
    for k in order:
        if not stopped[k] and trained[k] < len(scores[k]):
            trained[k] += 1
            weights = f"weights of {k} after {trained[k]}"
            stopped[k] = votes[k].cast(trained[k], scores[k][trained[k] - 1], weights)
    return committee, trained


def stopping_epoch(means, patience):
    """The last epoch that is looked at, and the best one up to there, counted from 1."""
    best = 0
    for epoch in range(1, len(means)):
        if means[epoch] > means[best]:
            best = epoch
        elif epoch - best >= patience:
            return epoch + 1, best + 1
    return len(means), best + 1


@pytest.mark.parametrize("patience", [1, 3, 50])
@pytest.mark.parametrize("seed", range(5))
def test_best_epoch_is_that_of_the_mean_score_in_any_order(seed, patience):
    n_members, n_epochs = 4, 30
    scores = np.random.default_rng(seed).normal(size=(n_members, n_epochs)).cumsum(axis=1)
    last, best = stopping_epoch(scores.mean(axis=0), patience)
    lockstep = [k for _ in range(n_epochs) for k in range(n_members)]
    shuffled = random.Random(seed).sample(lockstep, len(lockstep))
    one_by_one = [k for k in range(n_members) for _ in range(n_epochs)]
    for order in (lockstep, shuffled, one_by_one):
        committee, trained = run(scores, patience, order)
        assert committee.epoch == best
        assert committee.score == pytest.approx(scores.mean(axis=0)[best - 1])
        for k in range(n_members):
            assert committee.weights(k) == f"weights of {k} after {best}"
        assert min(trained) == last
    # Who comes first in an epoch does not know yet that it was the last one.
    assert max(run(scores, patience, lockstep)[1]) <= last + 1


def test_only_the_best_weights_are_kept():
    scores = np.tile(np.r_[np.arange(10.0), np.zeros(5)], (3, 1))
    committee, _ = run(scores, 50, itertools.chain(*[range(3)] * 15))
    assert list(committee._weights) == [10]


def test_equal_means_keep_the_first_epoch():
    committee, _ = run(np.ones((2, 6)), 50, [0, 1] * 6)
    assert committee.epoch == 1
