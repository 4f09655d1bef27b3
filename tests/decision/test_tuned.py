"""Decisions: objectives, calibration, the search for a rule, and what the classifier promises."""

import pickle
import re
from itertools import product

import numpy as np
import pandas as pd
import pytest
from imblearn.metrics import geometric_mean_score
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from joblib import parallel_config
from scipy.optimize import approx_fprime
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    cohen_kappa_score,
    f1_score,
    log_loss,
    make_scorer,
    matthews_corrcoef,
    precision_score,
    recall_score,
)
from sklearn.model_selection import (
    GridSearchCV,
    LeaveOneOut,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline as make_sklearn_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from skimbalance import ImbalancedMLPClassifier, TunedDecisionClassifierCV, correct_prior
from skimbalance._engine import room, stack
from skimbalance._response import posterior
from skimbalance.decision import _calibration as calibration
from skimbalance.decision import _rules as rules
from skimbalance.decision._calibration import CALIBRATIONS, fit_calibrator
from skimbalance.decision._learning import HeldOut, Learnt, _for_all
from skimbalance.decision._objectives import (
    ONE_CLASS,
    WHOLE,
    binary_cost,
    make_objective,
)
from skimbalance.decision._rules import Rule, cost_rule, learn_rule, threshold_curve

# So many rows of each class that the posteriors have no say.
ALL_LABELS = 1e18


def averaged(score, average):
    def of(true, decided, weight=None):
        labels = np.unique(true) if score is recall_score else None
        return score(
            true, decided, labels=labels, average=average, sample_weight=weight, zero_division=0
        )

    return of


def geometric_mean(true, decided, weight=None):
    return geometric_mean_score(true, decided, labels=np.unique(true), sample_weight=weight)


def of_class(score, k):
    def of(true, decided, weight=None):
        return score(
            true, decided, labels=[k], average=None, sample_weight=weight, zero_division=0
        )[0]

    return of


def flagged(true, decided, k, weight=None):
    return np.average(decided == k, weights=weight)


PEERS = {
    "balanced_accuracy": averaged(recall_score, "macro"),
    "f1_macro": averaged(f1_score, "macro"),
    "f1_weighted": averaged(f1_score, "weighted"),
    "mcc": lambda t, d, weight=None: matthews_corrcoef(t, d, sample_weight=weight),
    "cohen_kappa": lambda t, d, weight=None: cohen_kappa_score(t, d, sample_weight=weight),
    "geometric_mean": geometric_mean,
}
VALUES = {
    "f1": f1_score,
    "recall_at_precision": recall_score,
    "precision_at_recall": precision_score,
    "alerts": recall_score,
}


def sums(true, decided, weight, n_classes):
    hits = np.bincount(decided, weight * (true == decided), n_classes)
    return hits, np.bincount(decided, weight, n_classes), np.bincount(true, weight, n_classes)


def some_decisions(seed, n_classes=4):
    """Labels and decisions; in most seeds a class does not occur, or is never decided for."""
    rng = np.random.default_rng(seed)
    known = rng.choice(n_classes, rng.integers(2, n_classes + 1), replace=False)
    decidable = rng.choice(n_classes, rng.integers(2, n_classes + 1), replace=False)
    true = np.concatenate([known, rng.choice(known, 30)])
    decided = np.where(rng.random(len(true)) < 0.4, true, rng.choice(decidable, len(true)))
    return true, decided, rng.integers(1, 5, len(true)).astype(float)


# Objectives


def test_every_objective_is_tested():
    assert set(PEERS) == set(WHOLE)
    assert set(VALUES) == set(ONE_CLASS)


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


def test_a_broken_limit_ranks_below_all_that_is_kept_and_by_its_distance():
    objective = make_objective("recall_at_precision", 1, 0.5)
    actual = np.array([90.0, 10.0])
    # Of the second class: hits among so many decisions.
    ranks = [
        objective.rank(np.array([90.0 - n + hits, hits]), np.array([100.0 - n, n]), actual)
        for hits, n in [(0, 0), (1, 10), (4, 10), (1, 2), (5, 10), (2, 2)]
    ]
    order = [0, 1, 2, 3, 5, 4]  # no precision, 0.1, 0.4; then kept: recall 0.1, 0.2, 0.5
    assert np.argsort(ranks).tolist() == order


def test_binary_cost_is_the_mean_cost():
    rng = np.random.default_rng(0)
    true, decided, weight = rng.integers(0, 2, 50), rng.integers(0, 2, 50), rng.random(50)
    costs = np.array([[-1.0, 3.0], [20.0, 2.0]])
    expected = -np.average(costs[true, decided], weights=weight)
    assert binary_cost(costs).value(*sums(true, decided, weight, 2)) == pytest.approx(expected)


# Calibration


def drawn(eta, rng):
    """A label of each row, drawn from its posteriors."""
    return (eta.cumsum(axis=1)[:, :-1] < rng.random((len(eta), 1))).sum(axis=1)


def posteriors(n, n_classes, seed=0, spread=2.0, tilt=1.0):
    """Posteriors with classes from frequent to rare, and labels drawn from them."""
    rng = np.random.default_rng(seed)
    eta = softmax(spread * rng.normal(size=(n, n_classes)) - tilt * np.arange(n_classes), axis=1)
    y = drawn(eta, rng)
    y[:n_classes] = np.arange(n_classes)
    return eta, y


@pytest.mark.parametrize("name", sorted(set(CALIBRATIONS) - {"isotonic"}))
def test_calibration_loss_and_its_gradient(name, monkeypatch):
    proba, y = posteriors(60, 3)
    weight = np.random.default_rng(1).random(60)
    losses, minimize = [], calibration.minimize

    def spy(loss, start, **options):
        losses.append((loss, start))
        return minimize(loss, start, **options)

    monkeypatch.setattr(calibration, "minimize", spy)
    fit_calibrator(name, proba, y, weight)
    ((loss, start),) = losses
    free = start + np.random.default_rng(2).normal(size=len(start))
    value, gradient = loss(free)
    numeric = approx_fprime(free, lambda free: loss(free)[0], 1e-7)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-6)
    # The priors: deviations of 0.5 for scales, of 10 for biases.
    scale = {"temperature": free.repeat(3), "vector": free[:3], "bias": np.zeros(3)}[name]
    bias = {"temperature": np.zeros(3), "vector": free[3:], "bias": free}[name]
    calibrated = softmax(np.log(proba) * (1 + scale) + bias, axis=1)
    prior = 0.5 * (np.sum((scale / 0.5) ** 2) + np.sum((bias / 10) ** 2)) / weight.sum()
    assert value == pytest.approx(log_loss(y, calibrated, sample_weight=weight) + prior)


def test_temperature_is_recovered():
    eta, y = posteriors(20_000, 4)
    for temperature in (0.5, 1.0, 3.0):
        proba = softmax(np.log(eta) * temperature, axis=1)
        found = fit_calibrator("temperature", proba, y, np.ones(len(y)))
        # The scale's standard error is about 0.01 of it.
        np.testing.assert_allclose(found.scale, 1 / temperature, rtol=0.05)
        np.testing.assert_array_equal(found.bias, 0)


def test_vector_scaling_is_recovered():
    proba, _ = posteriors(40_000, 3)
    scale, bias = np.array([1.5, 0.7, 1.0]), np.array([-1.0, 0.0, 1.0])
    eta = softmax(np.log(proba) * scale + bias, axis=1)
    y = drawn(eta, np.random.default_rng(1))
    found = fit_calibrator("vector", proba, y, np.ones(len(y)))
    np.testing.assert_allclose(found.scale, scale, atol=0.1)
    # A number added to all biases is divided out.
    np.testing.assert_allclose(found.bias - found.bias.mean(), bias, atol=0.15)
    np.testing.assert_allclose(found(proba), eta, atol=0.02)


@pytest.mark.parametrize("name", ["temperature", "vector", "bias"])
def test_little_weight_leaves_posteriors_as_they_are(name):
    proba, y = posteriors(100, 3)
    wrong = np.roll(proba, 1, axis=1)
    distances = [
        np.abs(fit_calibrator(name, wrong, y, np.full(100, weight))(wrong) - wrong).max()
        for weight in (1e-9, 0.01, 1.0)
    ]
    assert distances[0] < 1e-5 < distances[1] < distances[2]


def test_bias_makes_the_mean_posterior_the_share():
    proba, _ = posteriors(2000, 4)
    y = np.random.default_rng(1).choice(4, 2000, p=[0.02, 0.08, 0.3, 0.6])
    weight = np.random.default_rng(2).random(2000)
    found = fit_calibrator("bias", proba, y, weight)(proba)
    shares = np.bincount(y, weight) / weight.sum()
    np.testing.assert_allclose(np.average(found, axis=0, weights=weight), shares, atol=1e-4)


def test_isotonic_is_that_of_scikit_learn():
    proba, y = posteriors(300, 2)
    weight = np.random.default_rng(1).random(300)
    peer = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    peer.fit(proba[:, 1], y, weight)
    new = np.array([[1.0, 0.0], [0.3, 0.7], [0.0, 1.0]])
    actual = fit_calibrator("isotonic", proba, y, weight)(new)
    np.testing.assert_array_equal(actual[:, 1], peer.predict(new[:, 1]))
    np.testing.assert_array_equal(actual.sum(axis=1), 1)


@pytest.mark.parametrize("name", ["temperature", "vector", "isotonic"])
def test_calibration_lowers_the_log_loss_of_other_rows(name):
    eta, y = posteriors(8000, 2)
    proba = softmax(3 * np.log(eta), axis=1)  # three times too sure
    found = fit_calibrator(name, proba[:4000], y[:4000], np.ones(4000))
    before, after, best = (
        log_loss(y[4000:], np.clip(p, 1e-6, 1)[4000:] / np.clip(p, 1e-6, 1)[4000:].sum(1)[:, None])
        for p in (proba, found(proba), eta)
    )
    assert best - 0.01 < after < best + 0.02 < before


@pytest.mark.parametrize("name", sorted(CALIBRATIONS))
def test_calibration_counts_a_weight_as_rows_repeated(name):
    proba, y = posteriors(120, 2)
    times = np.random.default_rng(1).integers(0, 4, 120)
    weighted = fit_calibrator(name, proba, y, times.astype(float))
    repeated = fit_calibrator(
        name, proba.repeat(times, axis=0), y.repeat(times), np.ones(times.sum())
    )
    np.testing.assert_allclose(weighted(proba), repeated(proba), atol=1e-6)


def test_zeros_of_a_posterior_are_no_trouble():
    proba = np.repeat(np.float32([[1, 0, 0], [0, 1, 0], [0, 0, 1]]), 20, axis=0)
    y = np.repeat([0, 1, 2], 20)
    y[::7] = 0
    for name in ("temperature", "vector", "bias"):
        calibrated = fit_calibrator(name, proba, y, np.ones(60))(proba)
        assert np.all(np.isfinite(calibrated))
        np.testing.assert_allclose(calibrated.sum(axis=1), 1)


# The search for a rule


def in_sample(objective, rule, proba, y, weight=None):
    weight = np.ones(len(y)) if weight is None else weight
    return float(objective.rank(*sums(y, rule(proba), weight, proba.shape[1])))


def learnt(name, proba, y, weight=None, *, positive=1, level=0.4, n_rows=ALL_LABELS):
    """A rule, by default learnt from the labels alone."""
    weight = np.ones(len(y)) if weight is None else weight
    objective = make_objective(name, positive, level)
    return learn_rule(objective, proba, y, weight, n_rows=np.full(proba.shape[1], n_rows))


def all_cuts(scores):
    scores = np.unique(scores)
    return np.concatenate([[-1], (scores[:-1] + scores[1:]) / 2, [2]])


SEARCHED = [
    *((name, None) for name in sorted({"f1", *WHOLE})),
    *(("recall_at_precision", level) for level in (0.4, 0.97)),
    *(("precision_at_recall", level) for level in (0.4, 0.97)),
    ("alerts", 60),
]


@pytest.mark.parametrize(("name", "level"), SEARCHED)
@pytest.mark.parametrize("positive", [0, 1])
def test_of_two_classes_the_threshold_is_the_best_of_all(name, positive, level):
    objective = make_objective(name, positive, level)
    for seed in range(4):
        eta, y = posteriors(150, 2, seed)
        proba = eta.round(2) if seed % 2 else eta  # with ties and zeros, and without
        weight = np.random.default_rng(seed).random(150)
        rule = learnt(name, proba, y, weight, positive=positive, level=level)
        brute = max(
            objective.rank(*sums(y, (proba[:, 1] >= cut).astype(int), weight, 2))
            for cut in all_cuts(proba[:, 1])
        )
        assert in_sample(objective, rule, proba, y, weight) == pytest.approx(brute, abs=1e-12)
        decided = (proba[:, 1] >= rule.threshold).astype(int)
        np.testing.assert_array_equal(rule(proba), decided)


@pytest.mark.parametrize(
    ("name", "level"), [("recall_at_precision", 0.8), ("precision_at_recall", 0.8), ("alerts", 50)]
)
@pytest.mark.parametrize("n_classes", [2, 4])
def test_limits_are_kept_on_the_learning_rows(name, level, n_classes):
    proba, y = posteriors(600, n_classes, tilt=0.6)
    decided = learnt(name, proba, y, level=level)(proba)
    limit = {
        "recall_at_precision": of_class(precision_score, 1)(y, decided),
        "precision_at_recall": of_class(recall_score, 1)(y, decided),
        "alerts": 0.8 + 0.05 - flagged(y, decided, 1),
    }[name]
    assert limit >= 0.8 - 1e-9
    assert of_class(recall_score, 1)(y, decided) > 0


def test_a_limit_out_of_reach_is_come_near():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [150, 50])
    proba = rng.permuted(np.linspace(0.01, 0.99, 200))
    proba[np.argmax(proba)], proba[0] = proba[0], 0.999  # the first row is no positive
    rule = learnt("recall_at_precision", np.column_stack([1 - proba, proba]), y, level=1.0)
    reached = max(precision_score(y, proba >= cut, zero_division=0) for cut in all_cuts(proba))
    assert reached < 1
    assert precision_score(y, proba >= rule.threshold) == pytest.approx(reached)


@pytest.mark.parametrize("name", sorted({*WHOLE, *ONE_CLASS}))
def test_every_point_of_a_line_is_what_its_rule_gives(name):
    eta, y = posteriors(80, 4, tilt=0.3)
    eta = eta.round(2) + 1e-3  # with ties
    weight = np.random.default_rng(0).random(80)
    truth = (0.7 * (y[:, None] == np.arange(4)) + 0.3 * eta) * weight[:, None]
    search = rules._Search(make_objective(name, 1, 0.4), np.log(eta), truth, weight)
    log_weights = np.array([0.1, -0.4, 0.7, 0.0])
    for k in range(4):
        cuts, ranks = search.line(log_weights, k)
        # One point for each different set of rows that class k may take.
        others = np.delete(np.log(eta) + log_weights, k, axis=1).max(axis=1)
        assert len(cuts) == len(np.unique((others - np.log(eta[:, k])).round(12))) + 1
        for cut, rank in zip(cuts, ranks, strict=True):
            moved = log_weights.copy()
            moved[k] = cut
            assert search.rank(np.diag(np.exp(moved))) == pytest.approx(rank, abs=1e-10)


def test_long_lines_are_thinned_out_and_keep_their_ends():
    eta, y = posteriors(5000, 3)
    truth = (y[:, None] == np.arange(3)).astype(float)
    search = rules._Search(make_objective("f1", 2, None), np.log(eta), truth, np.ones(5000))
    cuts, ranks = search.line(np.zeros(3), 2)
    assert 500 < len(cuts) <= rules.MOST_CUTS
    needed = np.log(eta[:, :2].max(axis=1) / eta[:, 2])
    assert cuts[0] < needed.min()
    assert cuts[-1] > needed.max()
    # Little is lost: between two cuts the class gains a few rows at most.
    hits = np.cumsum((y == 2)[np.argsort(needed)])
    exact = np.max(2 * hits / (np.arange(1, 5001) + np.sum(y == 2)))
    assert exact - 0.005 < ranks.max() <= exact + 1e-12


@pytest.mark.parametrize("name", sorted({*WHOLE, *ONE_CLASS}))
@pytest.mark.parametrize("n_classes", [3, 6])
def test_of_many_classes_the_rule_beats_argmax_and_the_closed_form(name, n_classes):
    level = 60 if name == "alerts" else 0.6
    objective = make_objective(name, 1, level)
    proba, y = posteriors(500, n_classes, tilt=0.7)
    rule = learnt(name, proba, y, level=level)
    balanced = Rule(np.diag(1 / np.bincount(y)))
    rank = in_sample(objective, rule, proba, y)
    others = [balanced, Rule(np.eye(n_classes))]
    assert rank >= max(in_sample(objective, other, proba, y) for other in others) - 1e-3
    assert np.all(np.isfinite(rule.matrix))
    assert rule.weights.mean() == pytest.approx(1)


@pytest.mark.parametrize("name", ["f1_macro", "mcc", "geometric_mean"])
def test_no_weight_alone_can_be_bettered(name):
    eta, y = posteriors(300, 4, tilt=0.7)
    truth = (y[:, None] == np.arange(4)).astype(float)
    search = rules._Search(make_objective(name, None, None), np.log(eta), truth, np.ones(300))
    found = search._ascend(np.zeros(4))
    best = search.rank(np.diag(np.exp(found)))
    assert best >= search.rank(np.eye(4))
    for k, factor in product(range(4), np.geomspace(1e-3, 1e3, 400)):
        moved = np.exp(found)
        moved[k] *= factor
        assert search.rank(np.diag(moved)) <= best + 1e-9


def test_tangent_of_the_macro_f1_is_that_of_narasimhan():
    eta, y = posteriors(500, 4)
    truth = (y[:, None] == np.arange(4)).astype(float)
    objective = make_objective("f1_macro", None, None)
    search = rules._Search(objective, np.log(eta), truth, np.ones(500))
    hits, predicted, actual = sums(y, eta.argmax(axis=1), np.ones(500), 4)
    by_hits, by_predicted = search._gradient(np.array([hits, predicted]))
    f1 = 2 * hits / (predicted + actual)
    np.testing.assert_allclose(4 * by_hits, 2 / (predicted + actual), rtol=1e-6)
    np.testing.assert_allclose(4 * by_predicted, -f1 / (predicted + actual), rtol=1e-6)
    # The rule that follows decides by (2 eta_j - F_j) / (pi_j + mu_j).
    rule = Rule(np.diag(by_hits) + by_predicted)
    np.testing.assert_array_equal(
        rule(eta), np.argmax((2 * eta - f1) / (predicted + actual), axis=1)
    )


@pytest.mark.parametrize("n_classes", [2, 4])
def test_balanced_accuracy_judged_by_posteriors_divides_by_the_share(n_classes):
    proba, y = posteriors(800, n_classes)
    rule = learnt("balanced_accuracy", proba, y, n_rows=0)
    eta = fit_calibrator("bias", proba, y, np.ones(800))(proba)
    expected = np.argmax(eta / np.bincount(y), axis=1)
    assert np.mean(rule(proba) == expected) > 0.99


@pytest.mark.parametrize("name", ["f1_macro", "mcc", "f1", "balanced_accuracy"])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_judged_by_posteriors_the_labels_matter_by_their_counts_alone(name, n_classes):
    proba, y = posteriors(400, n_classes)
    shuffled = np.random.default_rng(1).permutation(y)
    matrices = [learnt(name, proba, labels, n_rows=0).matrix for labels in (y, shuffled)]
    np.testing.assert_allclose(*matrices, rtol=1e-4, atol=1e-4 * matrices[0].max())
    by_labels = [learnt(name, proba, labels)(proba) for labels in (y, shuffled)]
    assert np.any(by_labels[0] != by_labels[1])


@pytest.mark.parametrize("n_classes", [3, 5])
def test_rules_say_what_each_decision_gains_over_the_worst(n_classes):
    # A class beside those judged has no gain where it has no posterior, and wins no such row.
    proba, y = posteriors(2000, n_classes, spread=1.0, tilt=0.5)
    rule = learnt("f1_macro", proba, y, n_rows=0)
    assert np.any(rule.matrix != np.diag(np.diag(rule.matrix)))  # the tangent's
    np.testing.assert_array_equal(rule.matrix.min(axis=1), 0)
    held_out = HeldOut(np.arange(2000), y % 2, proba, y, np.ones(2000))
    wider = _for_all(
        Learnt(None, rule, 0.0, None, None), None, held_out, np.arange(n_classes + 1) < n_classes
    ).rule
    with_none = np.column_stack([proba, np.zeros(2000)])
    np.testing.assert_array_equal(wider(with_none), rule(proba))
    assert wider(np.eye(n_classes + 1))[-1] == n_classes


def test_cost_rule_is_the_least_expected_cost():
    rng = np.random.default_rng(0)
    costs = rng.random((4, 4)) - 0.5
    proba, _ = posteriors(300, 4)
    expected = [min(range(4), key=lambda j, p=p: sum(p * costs[:, j])) for p in proba]
    np.testing.assert_array_equal(cost_rule(costs)(proba), expected)
    # Elkan 2001: of two classes the second from c01 / (c01 + c10) on.
    assert cost_rule([[0, 1], [9, 0]]).threshold == pytest.approx(0.1)
    # What a class costs at least, whatever is decided, does not matter.
    assert cost_rule([[3, 4], [-1, -10]]).threshold == pytest.approx(0.1)


@pytest.mark.parametrize("name", sorted(WHOLE))
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_function_gives_the_rule_of_its_name(name, n_classes, monkeypatch):
    proba, y = posteriors(70, n_classes, tilt=0.5)  # fewer rows than calls
    objective = make_objective(name, None, None)

    def function(true, decided):
        return objective.value(*sums(true, decided, np.ones(len(true)), n_classes))

    by_function = learn_rule(function, proba, y, np.ones(70))
    # A function has no tangent.
    monkeypatch.setattr(rules._Search, "_fixed_point", lambda self, matrix: matrix)
    by_name = learnt(name, proba, y)
    np.testing.assert_allclose(by_function.matrix, by_name.matrix)
    assert function(y, by_function(proba)) > function(y, proba.argmax(axis=1))


@pytest.mark.parametrize("name", ["f1_macro", "mcc", "balanced_accuracy", "recall_at_precision"])
@pytest.mark.parametrize("n_classes", [2, 4])
class TestInvariances:
    n = 400

    def decisions(self, name, proba, y, weight=None, positive=1, n_rows=300):
        return learnt(name, proba, y, weight, positive=positive, n_rows=n_rows)(proba)

    def test_order_of_rows(self, name, n_classes):
        proba, y = posteriors(self.n, n_classes)
        order = np.random.default_rng(1).permutation(self.n)
        expected = self.decisions(name, proba, y)
        np.testing.assert_array_equal(self.decisions(name, proba[order], y[order]), expected[order])

    def test_order_of_classes(self, name, n_classes):
        proba, y = posteriors(self.n, n_classes)
        order = np.arange(n_classes)[::-1]
        expected = self.decisions(name, proba, y)
        actual = self.decisions(name, proba[:, order], order[y], positive=order[1])
        np.testing.assert_array_equal(order[actual], expected)

    def test_weight_is_repetition(self, name, n_classes):
        proba, y = posteriors(self.n, n_classes)
        times = np.random.default_rng(1).integers(1, 4, self.n)
        weighted = self.decisions(name, proba, y, times.astype(float))
        repeated = self.decisions(name, proba.repeat(times, axis=0), y.repeat(times))
        np.testing.assert_array_equal(weighted.repeat(times), repeated)

    def test_posteriors_for_other_priors(self, name, n_classes):
        proba, y = posteriors(self.n, n_classes)
        prior = np.full(n_classes, 1 / n_classes)
        shifted = correct_prior(proba, prior, np.geomspace(1, 100, n_classes))
        expected = self.decisions(name, proba, y)
        # The bias is found to some digits.
        assert np.mean(self.decisions(name, shifted, y) == expected) >= 0.99


def test_curve_is_the_metric_at_each_threshold():
    eta, y = posteriors(200, 2)
    scores, weight = eta[:, 1].round(2), np.random.default_rng(0).random(200)
    thresholds = np.array([0.0, 0.105, 0.5, 0.5000001, 1.0, 1.1])
    for name in PEERS.keys() - {"cohen_kappa", "mcc"}:
        expected = [PEERS[name](y, (scores >= t).astype(int), weight) for t in thresholds]
        objective = make_objective(name, None, None)
        actual = threshold_curve(objective, scores, y, weight, thresholds)
        np.testing.assert_allclose(actual, expected, atol=1e-12)
    by_function = threshold_curve(PEERS["f1_macro"], scores, y, None, thresholds)
    by_name = threshold_curve(
        make_objective("f1_macro", None, None), scores, y, np.ones(200), thresholds
    )
    np.testing.assert_allclose(by_function, by_name)


# Data with known posteriors


class Known(ClassifierMixin, BaseEstimator):
    """Posteriors of normal clouds of unit variance around known centers."""

    def __init__(self, centers, prior):
        self.centers = centers
        self.prior = prior

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        distance = ((X[:, None] - self.centers) ** 2).sum(axis=-1)
        return softmax(np.log(self.prior) - distance / 2, axis=1)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def draw(self, n, seed):
        rng = np.random.default_rng(seed)
        y = rng.choice(len(self.prior), n, p=self.prior)
        return self.centers[y] + rng.normal(size=(n, self.centers.shape[1])), y


def known_problem(n_classes, seed):
    """The rarest class has 0.5 % of the rows."""
    prior = np.geomspace(1, 0.02, n_classes - 1)
    prior = np.append(0.995 * prior / prior.sum(), 0.005)
    centers = 1.5 * np.random.default_rng(seed).normal(size=(n_classes, 5))
    return Known(centers, prior)


def expected_macro_f1(eta, decided):
    """Of decisions on rows whose labels follow the posteriors."""
    n_classes = eta.shape[1]
    hits = np.bincount(decided, eta[np.arange(len(eta)), decided], n_classes)
    return np.mean(2 * hits / (np.bincount(decided, minlength=n_classes) + eta.sum(axis=0)))


def best_macro_f1(eta):
    """By the fixed point of Narasimhan et al. 2015, from several starts, in its own lines."""
    n, n_classes = eta.shape
    best = 0.0
    for power in (0, 0.5, 1):
        decided = np.argmax(eta / eta.mean(axis=0) ** power, axis=1)
        for _ in range(25):
            best = max(best, expected_macro_f1(eta, decided))
            hits = np.bincount(decided, eta[np.arange(n), decided], n_classes)
            total = np.bincount(decided, minlength=n_classes) + eta.sum(axis=0)
            decided = np.argmax((2 * eta - 2 * hits / total) / total, axis=1)
    return best


@pytest.mark.parametrize(("n_classes", "seed"), [(3, 0), (4, 1), (5, 0), (7, 1), (10, 0)])
def test_from_true_posteriors_the_rule_comes_within_a_hundredth_of_the_best(n_classes, seed):
    known = known_problem(n_classes, seed)
    X, y = known.draw(20_000, seed)
    frozen = FrozenEstimator(known.fit(X, y))
    tuned = TunedDecisionClassifierCV(frozen, cv=2, random_state=0).fit(X, y)
    many, _ = known.draw(50_000, 99)
    eta = known.predict_proba(many)
    plain, best = expected_macro_f1(eta, eta.argmax(axis=1)), best_macro_f1(eta)
    found = expected_macro_f1(eta, tuned.predict(many))
    assert found >= best - 0.01
    assert found >= plain - 0.002
    # And it says how good it is, within what drawn labels of a hundred rare rows tell.
    assert abs(tuned.objective_score_ - found) < 0.03


def test_labels_are_learnt_from_where_posteriors_are_wrong():
    known = known_problem(4, 0)
    wrong = Known(known.centers, np.full(4, 0.25))  # another prior
    X, y = known.draw(20_000, 0)
    many, _ = known.draw(50_000, 99)
    eta = known.predict_proba(many)
    frozen = FrozenEstimator(wrong.fit(X, y))
    tuned = TunedDecisionClassifierCV(frozen, cv=2, random_state=0).fit(X, y)
    assert expected_macro_f1(eta, tuned.predict(many)) >= best_macro_f1(eta) - 0.01
    np.testing.assert_allclose(tuned.predict_proba(many), eta, atol=0.1)


# The classifier


def clouds(counts, seed=0, distance=1.5):
    """Rows of classes in a row, each a cloud."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    return rng.normal(size=(len(y), 2)) + distance * y[:, None], y


def tuned(estimator=None, **params):
    estimator = LogisticRegression() if estimator is None else estimator
    return TunedDecisionClassifierCV(estimator, **{"random_state": 0, **params})


TRAIN_CHECK = "check_classifiers_train"


def fails(estimator):
    if estimator.calibration is None:
        return {}
    return {TRAIN_CHECK: "asks that the most probable class be predicted, which is not the point"}


@parametrize_with_checks(
    [
        TunedDecisionClassifierCV(LogisticRegression()),
        TunedDecisionClassifierCV(LogisticRegression(), objective="balanced_accuracy", cv=2),
        TunedDecisionClassifierCV(DecisionTreeClassifier(random_state=0), calibration=None),
        TunedDecisionClassifierCV(LinearSVC(random_state=0), calibration="temperature"),
    ],
    expected_failed_checks=fails,
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


def test_out_of_fold_score_is_at_chance_where_there_is_nothing_to_learn():
    rng = np.random.default_rng(0)
    honest, in_sample = [], []
    for seed in range(8):
        X, y = rng.normal(size=(200, 10)), rng.permutation(np.repeat([0, 1], [140, 60]))
        fitted = tuned(DecisionTreeClassifier(max_depth=4), objective="mcc", random_state=seed)
        honest.append(fitted.fit(X, y).objective_score_)
        in_sample.append(fitted.curve_.scores.max())
    # The standard error of a mean of eight is 1 / sqrt(8 * 200) = 0.025.
    assert abs(np.mean(honest)) < 0.075
    assert np.mean(in_sample) > np.mean(honest) + 0.03


def test_out_of_fold_score_is_that_of_new_rows():
    X, y = clouds([3600, 400])
    X_new, y_new = clouds([90_000, 10_000], seed=1)
    for objective in ("f1_macro", "mcc", "balanced_accuracy", "geometric_mean"):
        fitted = tuned(objective=objective).fit(X, y)
        assert fitted.objective_score_ == pytest.approx(
            PEERS[objective](y_new, fitted.predict(X_new)), abs=0.05
        )


def test_threshold_std_is_the_spread_of_thresholds_of_other_samples():
    fits = [tuned(objective="mcc").fit(*clouds([850, 150], seed)) for seed in range(16)]
    spread = np.std([fitted.threshold_ for fitted in fits], ddof=1)
    told = np.sqrt(np.mean([fitted.threshold_std_**2 for fitted in fits]))
    assert spread / 2 < told < 2 * spread
    many = [tuned(objective="mcc").fit(*clouds([13_600, 2_400], seed)) for seed in range(6)]
    # Sixteen times the rows: the best of a step function is sure by the cube root of their number.
    assert np.mean([fitted.threshold_std_ for fitted in many]) < 0.7 * told


@pytest.mark.parametrize("cv", [StratifiedKFold(3), StratifiedKFold(3, shuffle=True)])
def test_out_of_fold_rows_and_curve(cv):
    X, y = clouds([120, 40])
    fitted = tuned(cv=cv, calibration=None, objective="balanced_accuracy").fit(X, y)
    # In closed form: the posterior over the share, once it agrees with the shares in the mean.
    curve = fitted.curve_
    assert curve.thresholds.shape == curve.scores.shape == curve.scores_std.shape
    assert np.all(np.diff(curve.thresholds) > 0)
    assert fitted.threshold_ in curve.thresholds
    assert np.all(curve.scores_std >= 0)
    plain = LogisticRegression().fit(X, y)
    np.testing.assert_array_equal(fitted.predict_proba(X), plain.predict_proba(X))
    assert fitted.calibrator_ is None


def test_curve_of_prefit_rows_is_the_metric_of_the_decisions():
    X, y = clouds([120, 40])
    fitted = tuned(LogisticRegression().fit(X, y), cv="prefit", objective="f1").fit(X, y)
    scores = fitted.predict_proba(X)[:, 1]
    for threshold, value in zip(
        fitted.curve_.thresholds[::5], fitted.curve_.scores[::5], strict=True
    ):
        assert value == pytest.approx(f1_score(y, scores >= threshold))
    at_chosen = fitted.curve_.scores[fitted.curve_.thresholds == fitted.threshold_]
    np.testing.assert_allclose(at_chosen, f1_score(y, fitted.predict(X)))


@pytest.mark.parametrize("counts", [[300, 60], [300, 60, 30]])
def test_decisions_are_those_of_the_rule_on_the_calibrated_posteriors(counts):
    X, y = clouds(counts)
    fitted = tuned().fit(X, y)
    proba = fitted.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    decided = np.argmax(proba @ fitted.decision_matrix_, axis=1)
    np.testing.assert_array_equal(fitted.predict(X), decided)
    assert fitted.decision_weights_.mean() == pytest.approx(1)
    if len(counts) == 2:
        np.testing.assert_array_equal(fitted.predict(X), proba[:, 1] >= fitted.threshold_)
        np.testing.assert_array_equal(
            fitted.predict(X), np.argmax(proba * fitted.decision_weights_, axis=1)
        )
    else:
        assert not hasattr(fitted, "threshold_")
        assert not hasattr(fitted, "curve_")


@pytest.mark.parametrize("counts", [[300, 60], [300, 60, 30]])
@pytest.mark.parametrize("names", [["a", "b", "c"], ["rare", "none", "most"], [11, 3, -7]], ids=str)
def test_labels_may_be_any(counts, names):
    X, y = clouds(counts)
    names = np.array(names)[: len(counts)]
    splits = list(StratifiedKFold(4).split(X, y))
    plain, named = (
        tuned(GaussianNB(), objective="f1", pos_label=pos_label, cv=splits).fit(X, labels)
        for pos_label, labels in ((1, y), (names[1], names[y]))
    )
    np.testing.assert_array_equal(named.classes_, np.sort(names))
    order = np.argsort(names)
    np.testing.assert_allclose(named.predict_proba(X), plain.predict_proba(X)[:, order], atol=1e-3)
    assert np.mean(named.predict(X) == names[plain.predict(X)]) > 0.99


def test_pos_label_of_two_classes_is_the_second():
    X, y = clouds([120, 40])
    default = tuned(objective="f1").fit(X, y)
    named = tuned(objective="f1", pos_label=1).fit(X, y)
    other = tuned(objective="f1", pos_label=0).fit(X, y)
    assert default.threshold_ == named.threshold_ != other.threshold_


def test_function_is_called_with_labels():
    seen = set()

    def share_of_b(true, decided):
        seen.update(true, decided)
        return np.mean(decided == "b")

    X, y = clouds([60, 20])
    fitted = tuned(objective=share_of_b).fit(X, np.array(["a", "b"])[y])
    assert seen == {"a", "b"}
    assert set(fitted.predict(X)) == {"b"}
    assert fitted.objective_score_ > 0.9


def test_cost_is_minus_the_mean_cost():
    X, y = clouds([300, 100, 50])
    costs = np.array([[0, 1, 2], [5, 0, 1], [30, 10, 0]])
    fitted = tuned(objective="cost", cost_matrix=costs).fit(X, y)
    expected = np.argmin(fitted.predict_proba(X) @ costs, axis=1)
    np.testing.assert_array_equal(fitted.predict(X), expected)
    plain = np.mean(costs[y, LogisticRegression().fit(X, y).predict(X)])
    assert -plain < fitted.objective_score_ < 0
    binary = tuned(objective="cost", cost_matrix=[[0, 1], [9, 0]]).fit(*clouds([120, 40]))
    assert binary.threshold_ == pytest.approx(0.1)
    assert binary.threshold_std_ == pytest.approx(0, abs=1e-12)
    assert np.all(np.isfinite(binary.decision_weights_))


@pytest.mark.parametrize("calibration", ["temperature", "vector", "isotonic", None])
def test_probabilities_are_calibrated(calibration):
    def thrice(counts, seed):
        X, y = clouds(counts, seed)
        return np.hstack([X, X + 1e-3, X - 1e-3]), y  # three times the same evidence

    X, y = thrice([1500, 300], 0)
    X_new, y_new = thrice([15_000, 3_000], 1)
    fitted = tuned(GaussianNB(), calibration=calibration).fit(X, y)
    before, after = (
        log_loss(y_new, np.clip(clf.predict_proba(X_new)[:, 1], 1e-6, 1 - 1e-6))
        for clf in (fitted.estimator_, fitted)
    )
    assert after == before if calibration is None else after < before - 0.05


# Folds


@pytest.mark.parametrize(
    "cv",
    [
        2,
        StratifiedKFold(4),
        ShuffleSplit(1, test_size=0.5, random_state=0),
        ShuffleSplit(3, test_size=0.3, random_state=0),
        RepeatedStratifiedKFold(n_splits=3, n_repeats=4, random_state=0),
        LeaveOneOut(),
    ],
    ids=lambda cv: type(cv).__name__,
)
@pytest.mark.parametrize("counts", [[40, 20], [40, 20, 15]])
def test_any_splitter_serves(cv, counts):
    X, y = clouds(counts, distance=3)
    fitted = tuned(GaussianNB(), cv=cv).fit(X, y)
    assert f1_score(y, fitted.predict(X), average="macro") > 0.8
    assert 0.7 < fitted.objective_score_ <= 1
    if len(counts) == 2:
        assert 0 <= fitted.threshold_ <= 1
        assert fitted.threshold_std_ >= 0


def test_repeated_folds_count_each_row_once():
    X, y = clouds([200, 60])
    base = list(StratifiedKFold(3).split(X, y))
    # The same folds again are no news.
    once, again = (tuned(cv=splits, objective="f1").fit(X, y) for splits in (base, base * 10))
    assert once.threshold_ == pytest.approx(again.threshold_)
    np.testing.assert_allclose(once.calibrator_.scale, again.calibrator_.scale, rtol=1e-6)
    # Nor do they make the threshold surer, or less sure, by the number of repeats.
    assert once.threshold_std_ / 4 < again.threshold_std_ < 4 * once.threshold_std_
    assert again.objective_score_ == pytest.approx(once.objective_score_, abs=0.1)


def test_integer_folds_are_stratified_and_seeded():
    X, y = clouds([60, 6])
    scores = {tuned(random_state=seed).fit(X, y).threshold_ for seed in (0, 0, 1, 2)}
    assert 1 < len(scores) <= 3
    few = tuned(cv=50).fit(*clouds([5, 3]))
    assert few.threshold_ == tuned(cv=8).fit(*clouds([5, 3])).threshold_


def test_prefit_learns_from_all_rows_and_fits_nothing():
    X, y = clouds([400, 80])
    estimator = LogisticRegression().fit(X, y)
    before = estimator.coef_.copy()
    fitted = tuned(estimator, cv="prefit").fit(X, y)
    assert fitted.estimator_ is estimator
    np.testing.assert_array_equal(estimator.coef_, before)
    # Folds of a frozen estimator hold out the same rows with the same posteriors.
    frozen = tuned(FrozenEstimator(estimator)).fit(X, y)
    assert frozen.threshold_ == pytest.approx(fitted.threshold_)
    assert frozen.calibrator_(frozen.estimator_.predict_proba(X)) == pytest.approx(
        fitted.predict_proba(X)
    )


def test_prefit_without_rows_of_a_class():
    X, y = clouds([200, 60, 40])
    estimator = LogisticRegression().fit(X, y)
    seen = y != 1
    with pytest.warns(UserWarning, match=re.escape("The classes [1] have too few rows")):
        fitted = tuned(estimator, cv="prefit").fit(X[seen], y[seen])
    np.testing.assert_array_equal(fitted.classes_, [0, 1, 2])
    assert np.mean(fitted.predict(X)[y == 1] == 1) > 0.3


@pytest.mark.parametrize("n_rare", [2, 3, 4, 5])
@pytest.mark.parametrize("n_frequent", [[50], [50, 40]])
def test_classes_of_few_rows(n_rare, n_frequent):
    X, y = clouds([*n_frequent, n_rare], distance=4)
    for cv in (5, 2):
        fitted = tuned(GaussianNB(var_smoothing=0.1), cv=cv).fit(X, y)
        assert set(fitted.predict(X)) == set(y)
        assert np.all(np.isfinite(fitted.predict_proba(X)))


def test_a_class_of_one_row_takes_the_weight_of_the_next():
    X, y = clouds([1, 80, 20], distance=3)
    seen = set()

    def macro_f1(true, decided):
        seen.update(true, decided)
        return f1_score(true, decided, average="macro")

    for params in (
        {},
        {"objective": "balanced_accuracy"},
        {"objective": "f1", "pos_label": 2},
        {"objective": macro_f1},
        {"objective": "cost", "cost_matrix": 1 - np.eye(3)},
        {"calibration": None},
        {"calibration": "temperature"},
    ):
        with pytest.warns(UserWarning, match=re.escape("The classes [0] have too few rows")):
            fitted = tuned(**params).fit(X, y)
        assert f1_score(y == 2, fitted.predict(X) == 2) > 0.9
        assert fitted.predict_proba(X).shape == (101, 3)
        if fitted.objective != "cost":
            assert fitted.decision_weights_[0] == fitted.decision_weights_[2]
    assert seen == {1, 2}  # labels, not indices among the classes judged


def test_a_class_that_must_be_judged_is_asked_for():
    X, y = clouds([80, 20, 1])
    with pytest.raises(
        ValueError, match=r"held-out rows of positive sample_weight\. Got the class 2 with"
    ):
        tuned(objective="f1", pos_label=2).fit(X, y)
    X, y = clouds([80, 1])
    message = "and held-out rows of positive sample_weight. Got [0]."
    with pytest.raises(ValueError, match=re.escape(message)):
        tuned(DecisionTreeClassifier()).fit(X, y)


def test_a_class_whose_rows_weigh_nothing_is_not_judged():
    X, y = clouds([80, 40, 40])
    with pytest.warns(UserWarning, match=re.escape("The classes [1] have too few rows")):
        fitted = tuned().fit(X, y, sample_weight=(y != 1).astype(float))
    assert f1_score(y == 2, fitted.predict(X) == 2) > 0.7
    with pytest.raises(
        ValueError, match=re.escape("held-out rows of positive sample_weight. Got [0].")
    ):
        tuned().fit(X[y < 2], y[y < 2], sample_weight=(y == 0)[y < 2].astype(float))


def test_scores_that_say_nothing():
    X, y = clouds([60, 20])
    fitted = tuned(DummyClassifier(), objective="balanced_accuracy").fit(X, y)
    assert len(set(fitted.predict(X))) == 1
    assert fitted.objective_score_ == pytest.approx(0.5, abs=0.1)


# Estimators and company


def test_pipeline_with_smote():
    X, y = clouds([400, 40, 20])
    pipe = make_pipeline(StandardScaler(), SMOTE(random_state=0), LogisticRegression())
    fitted = tuned(pipe).fit(X, y)
    assert fitted.objective_score_ > f1_score(y, clone(pipe).fit(X, y).predict(X), average="macro")
    # SMOTE's posteriors are those of equal classes; calibrated they are of the data.
    np.testing.assert_allclose(
        fitted.predict_proba(X).mean(axis=0), np.bincount(y) / len(y), atol=0.03
    )
    assert fitted.n_features_in_ == 2


@pytest.mark.parametrize("counts", [[300, 60], [300, 60, 30]])
def test_scores_without_probabilities(counts):
    X, y = clouds(counts)
    svc = LinearSVC(random_state=0)
    fitted = tuned(svc).fit(X, y)
    assert f1_score(y, fitted.predict(X), average="macro") >= (
        f1_score(y, svc.fit(X, y).predict(X), average="macro") - 0.02
    )
    np.testing.assert_allclose(
        fitted.predict_proba(X).mean(axis=0), np.bincount(y) / len(y), atol=0.03
    )


def test_posterior_of_any_classifier():
    X, y = clouds([60, 30, 20])
    logistic = LogisticRegression().fit(X[y < 2], y[y < 2])
    proba = logistic.predict_proba(X)
    np.testing.assert_array_equal(posterior(logistic, X), proba)
    aligned = posterior(logistic, X, np.array([-1, 0, 1, 2]))
    np.testing.assert_array_equal(aligned[:, 1:3], proba)
    np.testing.assert_array_equal(aligned[:, [0, 3]], 0)
    # A decision function becomes a softmax of what it says; the logistic regression's own is it.
    for labels in (y % 2, y):
        whole = LogisticRegression().fit(X, labels)

        class Scores(ClassifierMixin, BaseEstimator):
            decision_function = staticmethod(whole.decision_function)
            classes_ = whole.classes_

        np.testing.assert_allclose(posterior(Scores(), X), whole.predict_proba(X))


def test_natural_posteriors_are_used_also_in_a_pipeline():
    X, y = clouds([60, 20])
    mlp = ImbalancedMLPClassifier((4,), epochs=2, random_state=0)
    scaled = StandardScaler().fit(X)
    for pipe in (
        make_sklearn_pipeline(StandardScaler(), mlp),
        make_sklearn_pipeline("passthrough", StandardScaler(), mlp),
        make_pipeline(StandardScaler(), SMOTE(random_state=0), mlp),
    ):
        pipe.fit(X, y)
        expected = pipe[-1].predict_posterior(scaled.transform(X))
        np.testing.assert_array_equal(posterior(pipe, X), expected)
    # A loss without a closed form has but probabilities.
    soft = clone(mlp).set_params(loss="soft_f1").fit(X, y)
    np.testing.assert_array_equal(posterior(soft, X), soft.predict_proba(X))


def test_folds_of_the_network_train_as_one_stack(monkeypatch):
    dealt, deal = [], stack.deal

    def spy(jobs, n_workers, most):
        dealt.append(len(jobs))
        return deal(jobs, n_workers, most)

    monkeypatch.setattr(stack, "deal", spy)
    monkeypatch.setattr(room, "PATIENCE", 1000.0)
    X, y = clouds([90, 30])
    network = ImbalancedMLPClassifier((4,), epochs=3, batch_size=16, random_state=0)
    alone = tuned(network).fit(X, y)
    assert dealt == []
    with parallel_config(backend="stacked"):
        stacked = tuned(network).fit(X, y)
    assert dealt == [6]  # five folds and all rows
    np.testing.assert_allclose(stacked.predict_proba(X), alone.predict_proba(X), atol=1e-4)
    np.testing.assert_array_equal(stacked.predict(X), alone.predict(X))


def test_search_over_objective_and_estimator():
    X, y = clouds([200, 40])
    grid = {"objective": ["f1_macro", "mcc"], "estimator__C": [0.01, 1.0]}
    search = GridSearchCV(tuned(), grid, scoring="f1_macro", cv=3, error_score="raise").fit(X, y)
    assert search.best_score_ > 0.7
    assert len(search.cv_results_["params"]) == 4
    pipe = make_sklearn_pipeline(StandardScaler(), tuned())
    name = "tuneddecisionclassifiercv__estimator__C"
    inside = GridSearchCV(pipe, {name: [0.1, 1.0]}, cv=2, error_score="raise").fit(X, y)
    assert inside.best_params_[name] in (0.1, 1.0)


def test_clone_and_pickle():
    X, y = clouds([200, 110])
    for name in ("vector", "isotonic"):
        plain = tuned(calibration=name, cv=2, objective="f1")
        fitted = clone(plain).fit(X, y)
        assert not hasattr(plain, "estimator_")
        assert fitted.threshold_ == plain.fit(X, y).threshold_
        back = pickle.loads(pickle.dumps(fitted))
        np.testing.assert_array_equal(back.predict(X), fitted.predict(X))
        np.testing.assert_array_equal(back.predict_proba(X), fitted.predict_proba(X))


def test_a_second_fit_leaves_nothing_of_the_first():
    X, y = clouds([60, 20])
    fitted = tuned().fit(pd.DataFrame(X, columns=["a", "b"]), y)
    np.testing.assert_array_equal(fitted.feature_names_in_, ["a", "b"])
    assert fitted.n_features_in_ == 2
    X, y = clouds([60, 20, 20])
    fitted.fit(X, y)
    for name in ("feature_names_in_", "threshold_", "threshold_std_", "curve_"):
        assert not hasattr(fitted, name)
    before = dict(vars(fitted))
    with pytest.raises(ValueError, match="pos_label"):
        fitted.set_params(objective="f1", pos_label=9).fit(X, y)
    before.update(objective="f1", pos_label=9)
    assert all(vars(fitted)[name] is value for name, value in before.items() if name[-1] == "_")


def test_frames_and_their_labels():
    X, y = clouds([120, 40])
    frame = pd.DataFrame(X, columns=["a", "b"], index=np.arange(1000, 1160))
    labels = pd.Series(np.array(["no", "yes"])[y], index=frame.index)
    fitted = tuned(objective="f1").fit(frame, labels)
    expected = tuned(objective="f1").fit(X, y)
    assert fitted.threshold_ == expected.threshold_
    np.testing.assert_array_equal(fitted.predict(frame) == "yes", expected.predict(X) == 1)


def test_nothing_given_is_changed():
    X, y = clouds([120, 40, 20])
    weight, costs = np.random.default_rng(0).random(180), 1 - np.eye(3)
    copies = [array.copy() for array in (X, y, weight, costs)]
    for array in (X, y, weight, costs):
        array.setflags(write=False)
    estimator = LogisticRegression()
    for params in ({"objective": "cost", "cost_matrix": costs}, {}):
        fitted = tuned(estimator, **params).fit(X, y, sample_weight=weight)
        fitted.predict(X)
        assert not hasattr(estimator, "coef_")
        assert fitted.estimator is estimator
        assert fitted.cost_matrix is params.get("cost_matrix")
    for array, copy in zip((X, y, weight, costs), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_the_scale_of_sample_weight_does_not_matter():
    X, y = clouds([120, 40, 20])
    weight, fitted = np.random.default_rng(0).random(180), LogisticRegression().fit(X, y)
    rules = [
        tuned(fitted, cv="prefit").fit(X, y, sample_weight=scale * weight).decision_matrix_
        for scale in (1, 1e-3)
    ]
    np.testing.assert_allclose(*rules)


def test_sample_weight_reaches_the_folds_and_the_rule():
    X, y = clouds([300, 60])
    weight = np.where(y == 1, 5.0, 1.0)
    fitted = tuned(objective="f1").fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(
        fitted.estimator_.coef_, LogisticRegression().fit(X, y, weight).coef_
    )
    shares = np.bincount(y, weight) / weight.sum()
    mean = np.average(fitted.predict_proba(X), axis=0, weights=weight)
    np.testing.assert_allclose(mean, shares, atol=0.03)
    # A row that weighs nothing is as good as absent: labels of noise beside the rows.
    both = np.vstack([X, X]), np.append(y, 1 - y)
    zeros = np.append(np.ones(360), np.zeros(360))
    noisy = tuned(objective="f1", cv=10).fit(*both, sample_weight=zeros)
    assert noisy.threshold_ == pytest.approx(tuned(objective="f1").fit(X, y).threshold_, abs=0.1)
    assert noisy.objective_score_ > 0.7


# Refusals


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"objective": "f2"}, "The 'objective' parameter of TunedDecisionClassifierCV must be"),
        ({"calibration": "platt"}, "The 'calibration' parameter of TunedDecisionClassifierCV must"),
        ({"cv": 1}, "The 'cv' parameter of TunedDecisionClassifierCV must be"),
        ({"cv": "prefitted"}, "as an integer, "),
        ({"level": -1.0}, "The 'level' parameter of TunedDecisionClassifierCV must be"),
        ({"n_jobs": 0.5}, "The 'n_jobs' parameter of TunedDecisionClassifierCV must be"),
        ({"random_state": "a"}, "The 'random_state' parameter of TunedDecisionClassifierCV must"),
        ({"estimator": StandardScaler()}, "The 'estimator' parameter of TunedDecisionClassifierCV"),
        (
            {"objective": "recall_at_precision", "pos_label": 2},
            "The 'level' parameter of objective='recall_at_precision' must be in the range (0, 1]. "
            "Got None instead.",
        ),
        (
            {"objective": "precision_at_recall", "level": 1.5, "pos_label": 2},
            "The 'level' parameter of objective='precision_at_recall' must be in the range (0, 1]. "
            "Got 1.5 instead.",
        ),
        (
            {"objective": "alerts", "level": 1001, "pos_label": 2},
            "The 'level' parameter of objective='alerts' must be in the range (0, 1000]. "
            "Got 1001 instead.",
        ),
        (
            {"objective": "cost"},
            "The 'cost_matrix' parameter of objective='cost' must be finite and of shape (3, 3). "
            "Got None instead.",
        ),
        ({"objective": "cost", "cost_matrix": [[0, 1], [1, 0]]}, "of shape (3, 3). Got [[0, 1]"),
        (
            {"objective": "cost", "cost_matrix": [[0, 1, 1], [1, 0, np.inf], [1, 1, 0]]},
            "must be finite and of shape (3, 3). Got",
        ),
        (
            {"objective": "cost", "cost_matrix": np.eye(3)},
            "must have the least cost of each row on its diagonal, and a larger one beside it",
        ),
        ({"objective": "cost", "cost_matrix": np.zeros((3, 3))}, "and a larger one beside it"),
        (
            {"objective": "f1"},
            "The 'pos_label' parameter of objective='f1' must be one of the classes [0, 1, 2]. "
            "Got None instead.",
        ),
        ({"objective": "f1", "pos_label": "x"}, "must be one of the classes [0, 1, 2]. Got 'x'"),
        (
            {"calibration": "isotonic"},
            "may be 'isotonic' for 2 classes with at least 50 rows each. Got 3 classes, the "
            "rarest with 10 rows.",
        ),
        (
            {"objective": lambda true, decided: np.nan},
            "The 'objective' function of TunedDecisionClassifierCV must return numbers. Got nan",
        ),
    ],
)
def test_bad_parameters_are_refused(params, message):
    X, y = clouds([30, 20, 10])
    with pytest.raises(ValueError, match=re.escape(message)):
        tuned().set_params(**params).fit(X, y)


def test_bad_data_are_refused():
    X, y = clouds([30, 20])
    with pytest.raises(ValueError, match=re.escape("rows of at least 2 classes. Got 1 class: [7]")):
        tuned().fit(X, np.full(50, 7))
    with pytest.raises(ValueError, match="must be positive or zero"):
        tuned().fit(X, y, sample_weight=np.full(50, -1.0))
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        tuned().fit(X, X[:, 0])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        tuned().fit(X, y[:-1])
    with pytest.raises(ValueError, match=r"'isotonic' for 2 classes.*rarest with 20 rows"):
        tuned(calibration="isotonic").fit(X, y)
    fitted = LogisticRegression().fit(X, y)
    message = "must be among the classes [0, 1] of the fitted estimator. Got [3] instead."
    with pytest.raises(ValueError, match=re.escape(message)):
        tuned(fitted, cv="prefit").fit(X, np.where(y == 1, 3, 0))
    with pytest.raises(ValueError, match="LogisticRegression instance is not fitted yet"):
        tuned(cv="prefit").fit(X, y)
    for method in ("predict", "predict_proba"):
        with pytest.raises(ValueError, match="TunedDecisionClassifierCV instance is not fitted"):
            getattr(tuned(), method)(X)


def test_a_limit_that_no_rule_keeps_is_told():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 4))
    y = (X[:, 0] + 3 * rng.normal(size=2000) > 6).astype(int)
    impossible = tuned(objective="recall_at_precision", level=0.9)
    with pytest.warns(UserWarning, match="No rule keeps the limit .* level=0.9"):
        impossible.fit(X, y)


def test_a_scorer_is_no_function_of_labels():
    X, y = clouds([120, 40])
    with pytest.raises(ValueError, match=r"must be a function of \(y_true, y_pred\)"):
        tuned(objective=make_scorer(f1_score)).fit(X, y)


def test_nullable_integers_stay_integers():
    X, y = clouds([120, 40])
    fitted = tuned().fit(X, pd.Series(y, dtype="Int64"))
    assert fitted.classes_.dtype.kind in "iO"
    assert fitted.classes_.tolist() == [0, 1]
    assert all(isinstance(label, int) for label in fitted.classes_.tolist())
