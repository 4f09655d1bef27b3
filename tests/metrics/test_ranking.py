"""The first k rows of a ranking: by counting, under ties, with weights."""

import itertools
import re

import numpy as np
import pytest

from skimbalance.metrics import precision_at_k, recall_at_k

RNG = np.random.default_rng(0)
Y = (RNG.random(60) < 0.2).astype(int)
SCORE = RNG.permutation(60) / 60 + 0.3 * Y


@pytest.mark.parametrize("k", [1, 5, 30, 60])
def test_by_counting_the_first_rows(k):
    hits = Y[np.argsort(-SCORE)[:k]].sum()
    assert precision_at_k(Y, SCORE, k) == hits / k
    assert recall_at_k(Y, SCORE, k) == hits / Y.sum()
    # Only the order counts, and any class may be the positive one.
    words = np.array(["ok", "fraud"])[Y]
    assert recall_at_k(words, np.exp(SCORE), k, pos_label="fraud") == hits / Y.sum()
    assert precision_at_k(1 - Y, SCORE, k, pos_label=0) == hits / k


def test_all_rows_hold_all_positives():
    assert recall_at_k(Y, SCORE, 60) == 1
    assert precision_at_k(Y, SCORE, 60) == Y.mean()


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_ties_give_the_mean_over_all_orders(k):
    y, score = np.array([1, 0, 1, 0, 0]), np.array([2.0, 1.0, 1.0, 1.0, 0.0])
    orders = [
        order for order in itertools.permutations(range(5)) if np.all(np.diff(score[[*order]]) <= 0)
    ]
    hits = np.mean([y[[*order]][:k].sum() for order in orders])
    assert precision_at_k(y, score, k) == pytest.approx(hits / k)
    assert recall_at_k(y, score, k) == pytest.approx(hits / 2)


@pytest.mark.parametrize("function", [precision_at_k, recall_at_k])
def test_weights(function):
    weight = RNG.integers(0, 4, 60)
    rows = np.repeat(np.arange(60), weight)
    for k in (1, 7, weight.sum()):
        repeated = function(Y[rows], SCORE[rows].round(1), k)
        assert function(Y, SCORE.round(1), k, sample_weight=weight) == pytest.approx(repeated)
    assert function(Y, SCORE, 9, sample_weight=np.ones(60)) == function(Y, SCORE, 9)


def test_without_positives():
    assert precision_at_k(np.zeros(4), np.arange(4.0), 2) == 0
    assert np.isnan(recall_at_k(np.zeros(4), np.arange(4.0), 2))
    assert np.isnan(recall_at_k([1, 0], [0.5, 0.1], 1, sample_weight=[0, 1]))


@pytest.mark.parametrize("function", [precision_at_k, recall_at_k])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"k": 0}, "The 'k' parameter of [name] must be a float in the range (0.0, inf)."),
        (
            {"k": 0.1},
            "must be a number of rows, at least 1. Got 0.1: multiply a share by the number",
        ),
        ({"k": 61}, "The 'k' parameter of [name] must be at most the number of the rows, 60. Got"),
        ({"k": 2, "sample_weight": np.full(60, 0.01)}, "must be at most the weight of the rows, 0"),
        (
            {"y_true": np.array(["a", "b"])[Y]},
            "The 'pos_label' parameter of [name] must be one of the labels ['a', 'b']. Got 1 ",
        ),
        ({"y_score": np.full(60, np.nan)}, "Input y_score contains NaN"),
        ({"y_score": SCORE[:9]}, "Found input variables with inconsistent numbers of samples"),
    ],
)
def test_refused_in_a_sentence(function, arguments, words):
    given = {"y_true": Y, "y_score": SCORE, "k": 3} | arguments
    with pytest.raises(ValueError, match=re.escape(words.replace("[name]", function.__name__))):
        function(**given)
