"""The search for a decision rule: optimal thresholds, sweeps, limits, laws and invariances."""

from itertools import product

import numpy as np
import pytest
from decision_setup import flagged, of_class, posteriors, sums
from sklearn.metrics import precision_score, recall_score

from skimbalance import correct_prior
from skimbalance.decision import _calibration as calibration
from skimbalance.decision import _rules as rules
from skimbalance.decision._calibration import fit_calibrator
from skimbalance.decision._learning import HeldOut, RuleLearner, Tuned, _for_all_classes
from skimbalance.decision._objectives import (
    ONE_CLASS,
    WHOLE,
    CustomObjective,
    make_objective,
)
from skimbalance.decision._rules import Rule, best_rule, cost_rule

# With so many rows of each class, the posteriors have no influence on how a class is judged.
MANY_ROWS = 1e18


def in_sample(objective, rule, proba, y, weight=None):
    """Rank of a rule on the rows it was learnt from."""
    weight = np.ones(len(y)) if weight is None else weight
    return float(objective.rank(*sums(y, rule(proba), weight, proba.shape[1])))


def learnt(name, proba, y, weight=None, *, positive=1, level=0.4, n_rows=MANY_ROWS):
    """The best rule; by default classes are judged by their rows alone."""
    weight = np.ones(len(y)) if weight is None else weight
    objective = make_objective(name, positive, level)
    return best_rule(objective, proba, y, weight, n_rows=np.full(proba.shape[1], n_rows))


def all_cuts(scores):
    """Thresholds between all neighbouring scores, below them and above them."""
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
def test_for_two_classes_the_threshold_is_the_best_of_all(name, positive, level):
    objective = make_objective(name, positive, level)
    for seed in range(4):
        eta, y = posteriors(150, 2, seed)
        proba = eta.round(2) if seed % 2 else eta  # with and without ties and zeros
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


def test_a_limit_out_of_reach_is_approached():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [150, 50])
    proba = rng.permuted(np.linspace(0.01, 0.99, 200))
    proba[np.argmax(proba)], proba[0] = proba[0], 0.999  # the first row is not positive
    rule = learnt("recall_at_precision", np.column_stack([1 - proba, proba]), y, level=1.0)
    reached = max(precision_score(y, proba >= cut, zero_division=0) for cut in all_cuts(proba))
    assert reached < 1
    assert precision_score(y, proba >= rule.threshold) == pytest.approx(reached)


@pytest.mark.parametrize("name", sorted({*WHOLE, *ONE_CLASS}))
def test_every_rank_of_a_sweep_is_that_of_its_rule(name):
    eta, y = posteriors(80, 4, tilt=0.3)
    eta = eta.round(2) + 1e-3  # with ties
    weight = np.random.default_rng(0).random(80)
    truth = (0.7 * (y[:, None] == np.arange(4)) + 0.3 * eta) * weight[:, None]
    search = rules._Search(make_objective(name, 1, 0.4), np.log(eta), truth, weight)
    log_weights = np.array([0.1, -0.4, 0.7, 0.0])
    for k in range(4):
        cuts, ranks = search.sweep(log_weights, k)
        # There is a cut-point for each different set of rows that class k may take.
        others = np.delete(np.log(eta) + log_weights, k, axis=1).max(axis=1)
        assert len(cuts) == len(np.unique((others - np.log(eta[:, k])).round(12))) + 1
        for cut, rank in zip(cuts, ranks, strict=True):
            moved = log_weights.copy()
            moved[k] = cut
            assert search.rank(np.diag(np.exp(moved))) == pytest.approx(rank, abs=1e-10)


def test_long_sweeps_are_thinned_out_and_keep_their_ends():
    eta, y = posteriors(5000, 3)
    truth = (y[:, None] == np.arange(3)).astype(float)
    search = rules._Search(make_objective("f1", 2, None), np.log(eta), truth, np.ones(5000))
    cuts, ranks = search.sweep(np.zeros(3), 2)
    assert 500 < len(cuts) <= rules.MOST_CUTS
    needed = np.log(eta[:, :2].max(axis=1) / eta[:, 2])
    assert cuts[0] < needed.min()
    assert cuts[-1] > needed.max()
    # Little is lost: between two cut-points the class gains few rows.
    hits = np.cumsum((y == 2)[np.argsort(needed)])
    exact = np.max(2 * hits / (np.arange(1, 5001) + np.sum(y == 2)))
    assert exact - 0.005 < ranks.max() <= exact + 1e-12


@pytest.mark.parametrize("name", sorted({*WHOLE, *ONE_CLASS}))
@pytest.mark.parametrize("n_classes", [3, 6])
def test_for_many_classes_the_rule_beats_argmax_and_the_closed_form(name, n_classes):
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
def test_no_change_of_a_single_weight_improves_the_rule(name):
    eta, y = posteriors(300, 4, tilt=0.7)
    truth = (y[:, None] == np.arange(4)).astype(float)
    search = rules._Search(make_objective(name, None, None), np.log(eta), truth, np.ones(300))
    log_weights = search._ascend(np.zeros(4))
    best = search.rank(np.diag(np.exp(log_weights)))
    assert best >= search.rank(np.eye(4))
    for k, factor in product(range(4), np.geomspace(1e-3, 1e3, 400)):
        moved = np.exp(log_weights)
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
def test_judged_by_posteriors_only_the_class_counts_matter(name, n_classes):
    proba, y = posteriors(400, n_classes)
    shuffled = np.random.default_rng(1).permutation(y)
    matrices = [learnt(name, proba, classes, n_rows=0).matrix for classes in (y, shuffled)]
    np.testing.assert_allclose(*matrices, rtol=1e-4, atol=1e-4 * matrices[0].max())
    by_rows = [learnt(name, proba, classes)(proba) for classes in (y, shuffled)]
    assert np.any(by_rows[0] != by_rows[1])


@pytest.mark.parametrize("n_classes", [3, 5])
def test_rules_hold_the_gain_of_each_decision_over_the_worst(n_classes):
    # A class that is not judged gains nothing from a posterior of zero, so it gets no such row.
    proba, y = posteriors(2000, n_classes, spread=1.0, tilt=0.5)
    rule = learnt("f1_macro", proba, y, n_rows=0)
    assert np.any(rule.matrix != np.diag(np.diag(rule.matrix)))  # a rule of the tangent
    np.testing.assert_array_equal(rule.matrix.min(axis=1), 0)
    held_out = HeldOut(np.arange(2000), y % 2, proba, y, np.ones(2000))
    judged = np.arange(n_classes + 1) < n_classes
    objective = make_objective("f1_macro", None, None)
    wider = _for_all_classes(Tuned(None, rule, 0.0, None, []), objective, held_out, judged).rule
    with_zeros = np.column_stack([proba, np.zeros(2000)])
    np.testing.assert_array_equal(wider(with_zeros), rule(proba))
    assert wider(np.eye(n_classes + 1))[-1] == n_classes


def test_cost_rule_is_the_least_expected_cost():
    rng = np.random.default_rng(0)
    costs = rng.random((4, 4)) - 0.5
    proba, _ = posteriors(300, 4)
    expected = [min(range(4), key=lambda j, p=p: sum(p * costs[:, j])) for p in proba]
    np.testing.assert_array_equal(cost_rule(costs)(proba), expected)
    # Elkan 2001: the threshold of the second of two classes is c01 / (c01 + c10).
    assert cost_rule([[0, 1], [9, 0]]).threshold == pytest.approx(0.1)
    # A cost that a class has with every decision does not matter.
    assert cost_rule([[3, 4], [-1, -10]]).threshold == pytest.approx(0.1)


@pytest.mark.parametrize("name", sorted(WHOLE))
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_function_gives_the_rule_of_its_name(name, n_classes, monkeypatch):
    proba, y = posteriors(70, n_classes, tilt=0.5)  # fewer cut-points than calls
    objective = make_objective(name, None, None)

    def function(true, decided, weight=None):
        return objective.value(*sums(true, decided, np.ones(len(true)), n_classes))

    by_function = best_rule(CustomObjective(function), proba, y, np.ones(70))
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
        # The fitted bias is not exact.
        assert np.mean(self.decisions(name, shifted, y) == expected) >= 0.99


# Many classes


@pytest.mark.parametrize("name", ["f1_macro", "mcc"])
@pytest.mark.parametrize("n_classes", [2, 3, 20])
def test_up_to_twenty_classes_the_search_has_no_budget(name, n_classes, monkeypatch):
    eta, y = posteriors(150, n_classes)
    learner = RuleLearner(make_objective(name, None, None), None, "vector")
    held_out = HeldOut(np.arange(150), np.arange(150) % 2, eta, y, np.ones(150))
    calibrator, rule = learner.learn(held_out)
    monkeypatch.setattr(calibration, "MOST_VALUES", 0)
    same_calibrator, same_rule = learner.learn(held_out)
    np.testing.assert_array_equal(same_rule.matrix, rule.matrix)
    np.testing.assert_array_equal(same_calibrator.scale, calibrator.scale)


def expected(objective, eta, decided):
    """The score of decisions on rows with classes that are drawn from the posteriors."""
    hits = np.bincount(decided, eta[np.arange(len(eta)), decided], eta.shape[1])
    return objective.value(hits, np.bincount(decided, minlength=eta.shape[1]), eta.sum(axis=0))


@pytest.mark.parametrize("n_classes", [21, 60, 150, 400])
def test_the_search_over_many_classes_ends_within_its_budget(n_classes, monkeypatch):
    """Whatever the number of classes, it computes about as many numbers."""
    eta, y = posteriors(5 * n_classes, n_classes, tilt=0.01)
    computed = []

    def sweep(self, log_weights, k):
        computed.append(n_classes * (len(y) + rules.MOST_CUTS))
        return original(self, log_weights, k)

    original = rules._Search.sweep
    monkeypatch.setattr(rules._Search, "sweep", sweep)
    objective = make_objective("f1_macro", None, None)
    rule = best_rule(objective, eta, y, np.ones(len(y)))
    assert sum(computed) <= 3 * calibration.MOST_VALUES
    # With so few rows a class is judged by its posteriors.
    assert (
        expected(objective, eta, rule(eta)) >= expected(objective, eta, eta.argmax(axis=1)) - 0.01
    )
    calls = []
    function = CustomObjective(
        lambda true, decided, weight: calls.append(1) or np.mean(true == decided)
    )
    best_rule(function, eta, y, np.ones(len(y)))
    assert len(calls) < 20_000


@pytest.mark.parametrize("n_classes", [3, 30])
def test_decisions_in_the_search_are_those_of_the_rule(n_classes):
    eta, _ = posteriors(500, n_classes)
    search = rules._Search(make_objective("mcc", None, None), np.log(eta), eta, np.ones(500))
    rng = np.random.default_rng(0)
    matrix = np.diag(rng.random(n_classes)) + rng.normal(0, 0.01, n_classes)
    np.testing.assert_array_equal(search._decided(matrix), Rule(matrix)(eta))
