"""Objectives: equal to the metrics of other libraries, limits, curves, some of the classes."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from decision_setup import PEERS, flagged, of_class, posteriors, sums
from sklearn.metrics import f1_score, make_scorer, precision_score, recall_score, zero_one_loss

from skimbalance.decision._names import MULTILABEL_OBJECTIVES, OBJECTIVES
from skimbalance.decision._objectives import (
    LABEL_OBJECTIVES,
    ONE_CLASS,
    WHOLE,
    CostObjective,
    CustomObjective,
    binary_cost,
    make_objective,
)
from skimbalance.decision._parameters import class_learner

VALUES = {
    "f1": f1_score,
    "recall_at_precision": recall_score,
    "precision_at_recall": precision_score,
    "alerts": recall_score,
}


def some_decisions(seed, n_classes=4):
    """Class indices, decisions and weights; mostly a class is missing or is never decided for."""
    rng = np.random.default_rng(seed)
    occurring = rng.choice(n_classes, rng.integers(2, n_classes + 1), replace=False)
    decidable = rng.choice(n_classes, rng.integers(2, n_classes + 1), replace=False)
    true = np.concatenate([occurring, rng.choice(occurring, 30)])
    decided = np.where(rng.random(len(true)) < 0.4, true, rng.choice(decidable, len(true)))
    return true, decided, rng.integers(1, 5, len(true)).astype(float)


def test_every_objective_is_tested():
    assert set(PEERS) == set(WHOLE)
    assert set(VALUES) == set(ONE_CLASS)


def test_the_names_are_those_of_the_scores():
    assert (*WHOLE, *ONE_CLASS, "cost") == OBJECTIVES
    assert tuple(LABEL_OBJECTIVES) == MULTILABEL_OBJECTIVES


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("seed", range(20))
def test_objectives_are_the_metrics_of_the_libraries(name, seed):
    true, decided, weight = some_decisions(seed)
    for w in (weight, np.ones(len(true))):
        actual = make_objective(name, None, None).value(*sums(true, decided, w, 4))
        np.testing.assert_allclose(actual, PEERS[name](true, decided, w), atol=1e-12)


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("seed", range(20))
def test_objectives_of_one_class_are_the_metrics_of_the_libraries(name, seed):
    true, decided, weight = some_decisions(seed)
    for k in range(4):
        objective = make_objective(name, k, 0.3)
        args = sums(true, decided, weight, 4)
        expected = of_class(VALUES[name], k)(true, decided, weight)
        np.testing.assert_allclose(objective.value(*args), expected, atol=1e-12)
        limits = {
            "recall_at_precision": of_class(precision_score, k)(true, decided, weight) - 0.3,
            "precision_at_recall": of_class(recall_score, k)(true, decided, weight) - 0.3,
            "alerts": 0.3e-3 - flagged(true, decided, k, weight),
        }
        if name in limits:
            np.testing.assert_allclose(objective.slack(*args), limits[name], atol=1e-12)


@pytest.mark.parametrize("name", [*PEERS, *VALUES])
def test_many_confusion_matrices_at_once_score_as_one_by_one(name):
    true = some_decisions(0)[0]
    rng = np.random.default_rng(0)
    many = [sums(true, rng.integers(0, 4, len(true)), np.ones(len(true)), 4) for _ in range(6)]
    objective = make_objective(name, 1, 0.3)
    hits, predicted, actual = (np.array(part) for part in zip(*many, strict=True))
    at_once = objective.rank(hits.reshape(2, 3, 4), predicted.reshape(2, 3, 4), actual[0])
    np.testing.assert_allclose(at_once.ravel(), [objective.rank(*args) for args in many])


def test_a_broken_limit_ranks_below_all_kept_limits_and_by_its_distance():
    objective = make_objective("recall_at_precision", 1, 0.5)
    actual = np.array([90.0, 10.0])
    # Hits of the second class, and number of decisions for it.
    ranks = [
        objective.rank(np.array([90.0 - n + hits, hits]), np.array([100.0 - n, n]), actual)
        for hits, n in [(0, 0), (1, 10), (4, 10), (1, 2), (5, 10), (2, 2)]
    ]
    order = [0, 1, 2, 3, 5, 4]  # broken: precision 0, 0.1, 0.4; kept: recall 0.1, 0.2, 0.5
    assert np.argsort(ranks).tolist() == order


SCORERS = {
    "balanced_accuracy": "recall_macro",
    "mcc": "matthews_corrcoef",
    "f1_macro": make_scorer(f1_score, average="macro"),
    "f1": make_scorer(f1_score, pos_label="b", average="binary"),
    "cost": make_scorer(zero_one_loss, greater_is_better=False),
}


@pytest.mark.parametrize("name", SCORERS)
def test_a_scorer_of_decisions_is_the_objective_of_its_name(name):
    """With its sign, its keywords and the weights of the rows."""
    labels, rng = np.array(["a", "b"]), np.random.default_rng(0)
    (true, decided), weight = rng.integers(0, 2, (2, 50)), rng.integers(1, 4, 50).astype(float)
    of_name = {"objective": name, "level": None, "pos_label": None, "cost_matrix": None}
    of_name |= {"pos_label": "b"} if name == "f1" else {}
    of_name |= {"cost_matrix": [[0, 1], [1, 0]]} if name == "cost" else {}
    scores = [
        class_learner({**params, "calibration": None}, labels, true, "it").objective.score(
            true, decided, weight
        )
        for params in (of_name, {"objective": SCORERS[name]})
    ]
    assert scores[0] == pytest.approx(scores[1])


def test_binary_cost_is_the_mean_cost():
    rng = np.random.default_rng(0)
    true, decided, weight = rng.integers(0, 2, 50), rng.integers(0, 2, 50), rng.random(50)
    costs = np.array([[-1.0, 3.0], [20.0, 2.0]])
    expected = -np.average(costs[true, decided], weights=weight)
    assert binary_cost(costs).value(*sums(true, decided, weight, 2)) == pytest.approx(expected)


def test_curve_is_the_metric_at_each_threshold():
    eta, y = posteriors(200, 2)
    scores, weight = eta[:, 1].round(2), np.random.default_rng(0).random(200)
    thresholds = np.array([0.0, 0.105, 0.5, 0.5000001, 1.0, 1.1])
    for name in PEERS.keys() - {"cohen_kappa", "mcc"}:
        expected = [PEERS[name](y, (scores >= t).astype(int), weight) for t in thresholds]
        objective = make_objective(name, None, None)
        actual = objective.curve(scores, y, weight, thresholds)
        np.testing.assert_allclose(actual, expected, atol=1e-12)
    by_function = CustomObjective(PEERS["f1_macro"]).curve(scores, y, None, thresholds)
    objective = make_objective("f1_macro", None, None)
    by_name = objective.curve(scores, y, np.ones(200), thresholds)
    np.testing.assert_allclose(by_function, by_name)


def decisions_among(judged, n=40):
    """Decisions and class indices of rows of the judged classes, among all and among these."""
    rng = np.random.default_rng(0)
    among = rng.integers(0, judged.sum(), (2, n))
    return np.flatnonzero(judged)[among], among


@pytest.mark.parametrize("name", [*PEERS, *VALUES])
def test_an_objective_among_some_classes_is_that_of_all_without_rows_of_the_others(name):
    judged = np.array([True, False, True, True])
    (true, decided), (true_among, decided_among) = decisions_among(judged)
    weight = np.random.default_rng(1).random(40)
    objective = make_objective(name, 2, 0.3)
    one = objective.rank(*sums(true, decided, weight, 4))
    hits, predicted, actual = sums(true_among, decided_among, weight, 3)
    among = objective.among(judged)
    assert among.rank(hits, predicted, actual) == one
    # Many confusion matrices share the weights of the classes.
    many = among.rank(np.tile(hits, (5, 1)), np.tile(predicted, (5, 1)), actual)
    np.testing.assert_array_equal(many, np.full(5, one))


def test_costs_and_functions_among_some_classes_see_these_classes():
    judged = np.array([True, False, True, True])
    (true, decided), (true_among, decided_among) = decisions_among(judged)
    weight = np.random.default_rng(1).random(40)
    costs = np.random.default_rng(2).random((4, 4))
    for objective in (
        CostObjective(costs),
        CustomObjective(lambda true, decided, weight: -np.mean(costs[true, decided])),
    ):
        among = objective.among(judged)
        expected = objective.score(true, decided, weight)
        assert among.score(true_among, decided_among, weight) == expected


@pytest.mark.parametrize("labels", [["a", "b", "c"], [0, 1, 2]], ids=str)
@pytest.mark.parametrize(
    "form",
    [
        lambda costs: costs.iloc[[2, 0, 1], [1, 2, 0]],
        lambda costs: costs.iloc[::-1].T.to_dict(),
        lambda costs: pl.DataFrame(costs.to_numpy()),
        lambda costs: costs.to_numpy().tolist(),
    ],
    ids=["frame", "dict", "polars", "list"],
)
def test_costs_are_read_by_label(form, labels):
    costs = pd.DataFrame([[0, 5, 2], [1, 0, 3], [9, 4, 0]], index=labels, columns=labels)
    params = {"objective": "cost", "cost_matrix": form(costs), "calibration": None}
    learner = class_learner(params, np.array(labels), np.arange(3), "TunedDecisionClassifierCV")
    np.testing.assert_array_equal(learner.objective.costs, costs)
    params["cost_matrix"] = costs.set_axis(["x", "y", "z"], axis=1)
    with pytest.raises(ValueError, match=r"'cost_matrix' must be the classes of y.*to_numpy"):
        class_learner(params, np.array(labels), np.arange(3), "TunedDecisionClassifierCV")
