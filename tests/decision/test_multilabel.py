"""Tuned decisions in the multilabel case: the search, the classifier, rare labels, refusals."""

import pickle
import re
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import f1_score, jaccard_score, make_scorer
from sklearn.model_selection import GridSearchCV, KFold, RepeatedKFold, ShuffleSplit
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from skimbalance import TunedDecisionClassifierCV
from skimbalance._response import posterior
from skimbalance.decision import _rules as rules
from skimbalance.decision import _thresholds as thresholds
from skimbalance.decision._calibration import fit_calibrator
from skimbalance.decision._folds import cv_splits
from skimbalance.decision._learning import HeldOut
from skimbalance.decision._multilabel import LabelRule, LabelRuleLearner, tune_labels
from skimbalance.decision._objectives import LABEL_OBJECTIVES, LabelObjective
from skimbalance.decision._thresholds import best_places, sweep_of_all_cuts
from skimbalance.persistence import load_model, save_model

# Decisions for labels of few rows are warned of, and taken.
FEW = pytest.mark.filterwarnings("ignore:Decisions for (classes|labels) with fewer than 10")

# With so many rows of each label, the posteriors have no influence on how a label is judged.
MANY_ROWS = 1e18


def peer(name, true, decided, weight=None):
    """The score of this name in scikit-learn."""
    average = name.removeprefix("f1_")
    return f1_score(true, decided, average=average, sample_weight=weight, zero_division=0)


def posteriors(n, n_labels, seed=0):
    """Posteriors of labels from frequent to rare, and an indicator drawn from them."""
    rng = np.random.default_rng(seed)
    eta = expit(1.5 * rng.normal(size=(n, n_labels)) - np.linspace(0, 2, n_labels))
    y = (rng.random(eta.shape) < eta).astype(int)
    y[:2] = [[0], [1]]
    return eta, y


def problem(n=240, n_labels=3, seed=0):
    """Rows and an indicator; each label depends on one column."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_labels))
    score = 2 * X - np.linspace(0.5, 3, n_labels) + rng.logistic(size=X.shape)
    return X, (score > 0).astype(int)


def logistic(**params):
    # A solver without LAPACK: on a busy machine the threads of LAPACK would wait for each other.
    return LogisticRegression(solver="liblinear", **params)


def one_vs_rest():
    return OneVsRestClassifier(logistic())


def tuned(estimator=None, **params):
    estimator = one_vs_rest() if estimator is None else estimator
    return TunedDecisionClassifierCV(estimator, **{"random_state": 0, **params})


@pytest.fixture
def judged_by_rows(monkeypatch):
    """Labels are judged by their rows, however few, and not by posteriors."""
    monkeypatch.setattr(rules, "PRIOR_ROWS", 0)


# Objectives


@pytest.mark.parametrize("name", LABEL_OBJECTIVES)
@pytest.mark.parametrize("seed", range(5))
def test_objectives_are_those_of_scikit_learn(name, seed):
    rng = np.random.default_rng(seed)
    y, decided = rng.integers(0, 2, (2, 20, 4))
    # A label without positives, rows without labels, and rows without weight.
    y[:, 1] = decided[:, 1] = 0
    y[:3] = decided[:3] = 0
    for weight in (np.ones(20), rng.integers(0, 3, 20).astype(float)):
        actual = LABEL_OBJECTIVES[name].score(y, decided, weight)
        assert actual == pytest.approx(peer(name, y, decided, weight), abs=1e-12)


# The search


def sweeps_of(proba, y, weight, n_rows):
    return [sweep_of_all_cuts(proba[:, k], y[:, k], weight, n_rows[k]) for k in range(y.shape[1])]


def best_thresholds(objective, proba, y, weight, n_rows):
    """Thresholds that the search finds."""
    sweeps = sweeps_of(proba, y, weight, n_rows)
    places = best_places(objective, sweeps, y, weight)
    return np.array([sweep.threshold(p) for sweep, p in zip(sweeps, places, strict=True)])


def best_decisions(name, proba, y, weight, n_rows):
    """Decisions by these thresholds."""
    return proba >= best_thresholds(LABEL_OBJECTIVES[name], proba, y, weight, n_rows)


def trusted(proba, y, weight, n_rows):
    """Degree to which each row counts as having each label, computed by the definition."""
    truth = np.empty(proba.shape)
    for k, n in enumerate(n_rows):
        both = np.column_stack([1 - proba[:, k], proba[:, k]])
        eta = fit_calibrator("bias", both, y[:, k], weight)(both)[:, 1]
        share = n[1] / (n[1] + 200)
        truth[:, k] = share * y[:, k] + (1 - share) * eta
    return truth


def soft_f1(name, truth, decided, weight):
    """The F1 if rows have labels to a degree."""
    weight = np.asarray(weight)[:, None]
    hits, total = truth * decided, truth + decided
    if name == "f1_samples":
        by_row = 2 * hits.sum(axis=1) / np.maximum(total.sum(axis=1), 1e-300)
        return np.average(by_row, weights=weight[:, 0])
    hits, total = (weight * hits).sum(axis=0), (weight * total).sum(axis=0)
    if name == "f1_micro":
        return 2 * hits.sum() / total.sum()
    return np.mean(2 * hits / total)


def all_decisions(proba):
    """Decisions for one label at each threshold."""
    scores = np.unique(proba)
    cuts = np.concatenate([[-1], (scores[:-1] + scores[1:]) / 2, [2]])
    return [proba >= cut for cut in cuts]


def brute_force(name, proba, truth, weight):
    return max(
        soft_f1(name, truth, np.column_stack(decided), weight)
        for decided in product(*map(all_decisions, proba.T))
    )


def tiny(seed, *, trust):
    """Few rows; with odd seeds there are ties, zeros and ones among the posteriors."""
    proba, y = posteriors(11, 3, seed)
    proba = proba.round(1) if seed % 2 else proba
    weight = np.random.default_rng(seed).random(11)
    n_with = y.sum(axis=0) if trust else np.full(3, MANY_ROWS)
    n_rows = np.column_stack([11 - n_with, n_with])
    truth = trusted(proba, y, weight, n_rows) if trust else y
    return proba, y, weight, n_rows, truth


@pytest.mark.parametrize("name", ["f1_macro", "f1_micro"])
@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_thresholds_are_the_best_of_all(name, trust, seed):
    proba, y, weight, n_rows, truth = tiny(seed, trust=trust)
    decided = best_decisions(name, proba, y, weight, n_rows)
    best = brute_force(name, proba, truth, weight)
    assert soft_f1(name, truth, decided, weight) == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("trust", [False, True])
def test_thresholds_for_the_f1_of_rows(trust):
    gaps = []
    for seed in range(10):
        proba, y, weight, n_rows, truth = tiny(seed, trust=trust)
        decided = best_decisions("f1_samples", proba, y, weight, n_rows)
        value = soft_f1("f1_samples", truth, decided, weight)
        # It is not worse than the start, and no change of a single label improves it.
        start = best_decisions("f1_micro", proba, y, weight, n_rows)
        assert value >= soft_f1("f1_samples", truth, start, weight) - 1e-12
        for k in range(3):
            for other in all_decisions(proba[:, k]):
                moved = decided.copy()
                moved[:, k] = other
                assert soft_f1("f1_samples", truth, moved, weight) <= value + 1e-9
        gaps.append(brute_force("f1_samples", proba, truth, weight) - value)
    # A change of all labels together may improve it, but hardly ever does.
    assert np.mean(np.array(gaps) < 1e-9) >= 0.9
    assert max(gaps) < 0.02


def test_every_point_of_a_sweep_is_the_f1_of_the_rows():
    proba, y = posteriors(40, 4)
    proba = proba.round(1)
    y[5:9] = 0
    weight = np.random.default_rng(0).random(40)
    sweeps, places = sweeps_of(proba, y, weight, np.full((4, 2), MANY_ROWS)), [3, 4, 2, 5]
    search = thresholds._RowF1Ascent(sweeps, places, weight)
    start = np.column_stack([sweep.decided(p) for sweep, p in zip(sweeps, places, strict=True)])
    for k in range(4):
        before = start[:, k].copy()
        search._decide(k, np.zeros(40, bool))
        for place, value in enumerate(search._values(k)):
            start[:, k] = sweeps[k].decided(place)
            assert value == pytest.approx(peer("f1_samples", y, start, weight), abs=1e-12)
        search._decide(k, before)
        start[:, k] = before


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_threshold_takes_the_rows_of_its_cut(dtype):
    # There are posteriors of zero and one, and next to these.
    proba = np.array([0, 1, 0.2, 1e-15, 0.2, 1 - 1e-9, 0.7, 1 - 1e-15, 1e-9], dtype)
    sweep = sweep_of_all_cuts(proba, np.arange(9) % 2, np.ones(9), np.array([5, 4]))
    # No cut separates 0 and 1e-15, 1 - 1e-15 and 1, the rows of 0.2, and in float32 1 - 1e-9 and 1.
    assert len(sweep.cuts) == (7 if dtype == np.float64 else 6)
    for place in range(len(sweep.cuts)):
        rule = LabelRule(np.array([sweep.threshold(place)]))
        np.testing.assert_array_equal(rule(proba[:, None])[:, 0], sweep.decided(place))


def test_from_true_posteriors_the_thresholds_are_half_of_the_f1():
    # Lipton et al. 2014 for the macro-F1, Koyejo et al. 2015 for the micro-F1.
    eta, y = posteriors(40_000, 3)
    ones, n_rows = np.ones(40_000), np.full((3, 2), 40_000)
    for name in ("f1_macro", "f1_micro"):
        cut = best_thresholds(LABEL_OBJECTIVES[name], eta, y, ones, n_rows)
        decided = eta >= cut
        best = f1_score(y, decided, average=None) if name == "f1_macro" else peer(name, y, decided)
        # The F1 is flat around its maximum: a threshold has an error of 0.01 or 0.02.
        np.testing.assert_allclose(cut, best / 2, atol=0.04)


def tuned_on(proba, y, name, weight=None, part=None, row=None, calibration="vector"):
    """Result of tuning on these posteriors as held-out rows."""
    n, n_labels = y.shape
    row = np.arange(n) if row is None else row
    part = np.arange(n) % 5 if part is None else part
    weight = np.ones(n) if weight is None else weight
    held_out = HeldOut(row, part, proba, y, weight)
    learner = LabelRuleLearner(LABEL_OBJECTIVES[name], calibration)
    return tune_labels(learner, held_out, np.ones(n_labels, bool))


@pytest.mark.parametrize("name", LABEL_OBJECTIVES)
def test_a_weight_is_rows_repeated(name):
    proba, y = posteriors(90, 3)
    part, times = np.arange(90) % 5, np.random.default_rng(1).integers(1, 4, 90)
    weighted = tuned_on(proba, y, name, times.astype(float))
    row = np.arange(90).repeat(times)
    repeated = tuned_on(proba[row], y[row], name, part=part[row], row=row)
    np.testing.assert_allclose(weighted.rule.threshold, repeated.rule.threshold, rtol=1e-4)
    np.testing.assert_allclose(weighted.threshold_std, repeated.threshold_std, atol=1e-3)
    assert weighted.score == pytest.approx(repeated.score)


@pytest.mark.parametrize("name", LABEL_OBJECTIVES)
def test_the_order_of_labels_and_rows_does_not_matter(name):
    proba, y = posteriors(150, 4)
    plain = tuned_on(proba, y, name)
    order = [2, 0, 3, 1]
    labels = tuned_on(proba[:, order], y[:, order], name)
    np.testing.assert_allclose(labels.rule.threshold, plain.rule.threshold[order])
    np.testing.assert_allclose(labels.threshold_std, plain.threshold_std[order], atol=1e-9)
    shuffled = np.random.default_rng(0).permutation(150)
    rows = tuned_on(proba[shuffled], y[shuffled], name, part=shuffled % 5)
    np.testing.assert_allclose(rows.rule.threshold, plain.rule.threshold, rtol=1e-4)
    assert plain.score == pytest.approx(labels.score) == pytest.approx(rows.score)


def test_the_order_of_labels_does_not_decide_between_optima():
    order = [2, 0, 3, 1]
    for seed in (54, 111, 237, 238):  # the ascent has several optima
        proba, y = posteriors(25, 4, seed)
        weight = np.random.default_rng(seed).random(25)
        n_rows = np.full((4, 2), MANY_ROWS)
        plain = best_decisions("f1_samples", proba, y, weight, n_rows)
        moved = best_decisions("f1_samples", proba[:, order], y[:, order], weight, n_rows)
        np.testing.assert_array_equal(plain[:, order], moved)


@pytest.mark.parametrize("name", LABEL_OBJECTIVES)
def test_a_function_serves_as_well_as_its_name(name, judged_by_rows):
    proba, y = posteriors(45, 2)
    n_rows = np.full((2, 2), MANY_ROWS)
    passed = []

    def score(true, decided, weight):
        passed.append((true.shape, decided.shape, set(np.unique(decided))))
        return peer(name, true, decided, weight)

    named, called = (
        peer(name, y, proba >= best_thresholds(objective, proba, y, np.ones(45), n_rows))
        for objective in (LABEL_OBJECTIVES[name], LabelObjective("function", score))
    )
    assert called == pytest.approx(named, abs=1e-9)
    assert passed
    for true_shape, decided_shape, values in passed:
        assert true_shape == decided_shape == (45, 2)
        assert values <= {0, 1}


# The classifier


@pytest.mark.parametrize("objective", LABEL_OBJECTIVES)
@pytest.mark.parametrize("calibration", ["vector", "temperature", "isotonic", None])
def test_decisions_are_those_of_thresholds_on_calibrated_posteriors(objective, calibration):
    X, y = problem(700, seed=1)
    fitted = tuned(objective=objective, calibration=calibration, cv=2).fit(X, y)
    proba = fitted.predict_proba(X)
    assert proba.shape == y.shape
    assert fitted.threshold_.shape == fitted.threshold_std_.shape == (3,)
    assert np.all((fitted.threshold_ > 0) & (fitted.threshold_ < 1))
    assert np.all(fitted.threshold_std_ >= 0)
    decided = fitted.predict(X)
    assert decided.dtype.kind == "i"
    np.testing.assert_array_equal(decided, proba >= fitted.threshold_)
    np.testing.assert_array_equal(fitted.classes_, np.arange(3))
    assert fitted.multilabel_
    plain = fitted.estimator_.predict_proba(X)
    if calibration is None:
        assert fitted.calibrator_ is None
        np.testing.assert_array_equal(proba, plain)
    else:
        np.testing.assert_allclose(fitted.calibrator_(plain), proba, atol=1e-11)
        np.testing.assert_allclose(proba.mean(axis=0), y.mean(axis=0), atol=0.05)
    for name in ("decision_matrix_", "decision_weights_", "curve_"):
        assert not hasattr(fitted, name)


def test_each_label_is_tuned_as_two_classes_for_f1():
    X, y = problem(300)
    splits = list(KFold(4).split(X))
    for calibration in ("vector", None):
        options = {"cv": splits, "calibration": calibration}
        labels = tuned(KNeighborsClassifier(15), **options).fit(X, y)
        scores = []
        for k in range(3):
            alone = tuned(KNeighborsClassifier(15), objective="f1", **options).fit(X, y[:, k])
            assert labels.threshold_[k] == pytest.approx(alone.threshold_, rel=1e-6)
            assert labels.threshold_std_[k] == pytest.approx(alone.threshold_std_, rel=1e-5)
            np.testing.assert_allclose(
                labels.predict_proba(X)[:, k], alone.predict_proba(X)[:, 1], atol=1e-7
            )
            np.testing.assert_array_equal(labels.predict(X)[:, k], alone.predict(X))
            scores.append(alone.objective_score_)
        assert labels.objective_score_ == pytest.approx(np.mean(scores))


def test_among_equally_good_thresholds_the_same_is_taken_as_for_two_classes():
    # Rows without weight leave several optima, and the posteriors are far from the shares.
    X, y = problem(300)
    weight = np.random.default_rng(0).integers(0, 3, 300).astype(float)
    inner = logistic(class_weight="balanced")
    labels = tuned(OneVsRestClassifier(inner).fit(X, y), cv="prefit", calibration=None)
    labels.fit(X, y, sample_weight=weight)
    for k in range(3):
        alone = tuned(clone(inner).fit(X, y[:, k]), cv="prefit", calibration=None, objective="f1")
        alone.fit(X, y[:, k], sample_weight=weight)
        assert labels.threshold_[k] == pytest.approx(alone.threshold_, rel=1e-6)


@pytest.mark.parametrize("objective", LABEL_OBJECTIVES)
def test_on_the_learning_rows_the_thresholds_beat_a_half(objective, judged_by_rows):
    for seed in range(4):
        X, y = problem(150, seed=seed)
        plain = one_vs_rest().fit(X, y)
        fitted = tuned(plain, cv="prefit", objective=objective, calibration=None).fit(X, y)
        before = peer(objective, y, plain.predict(X))
        assert peer(objective, y, fitted.predict(X)) > before


@pytest.mark.parametrize("objective", LABEL_OBJECTIVES)
def test_out_of_fold_score_is_that_of_new_rows(objective):
    X, y = problem(1500)
    X_new, y_new = problem(20_000, seed=1)
    fitted = tuned(objective=objective).fit(X, y)
    on_new = peer(objective, y_new, fitted.predict(X_new))
    assert fitted.objective_score_ == pytest.approx(on_new, abs=0.04)
    assert on_new > peer(objective, y_new, fitted.estimator_.predict(X_new)) + 0.02


def test_out_of_fold_score_is_of_decisions_without_the_fold():
    X, y = problem(120)
    splits = list(KFold(3).split(X))
    fitted = tuned(calibration=None, cv=splits).fit(X, y)
    folds = [posterior(one_vs_rest().fit(X[a], y[a]), X[b]) for a, b in splits]
    proba, decided = np.concatenate(folds), np.empty(y.shape)
    for i, (_, test) in enumerate(splits):
        rest = np.delete(np.arange(3), i)
        train = np.concatenate([splits[j][1] for j in rest])
        n_with = y[train].sum(axis=0)
        n_rows = np.column_stack([80 - n_with, n_with])
        objective = LABEL_OBJECTIVES["f1_macro"]
        cut = best_thresholds(objective, proba[train], y[train], np.ones(80), n_rows)
        decided[test] = proba[test] >= cut
    assert fitted.objective_score_ == pytest.approx(peer("f1_macro", y, decided))


def test_any_form_of_indicator_serves():
    X, y = problem(150)
    dense = tuned().fit(X, y)
    forms = [
        y.tolist(), list(y), y.astype(bool), y.astype(float), pd.DataFrame(y, columns=list("abc")),
        pd.DataFrame(y).astype("Int64"), sparse.csr_array(y), sparse.csc_matrix(y),
        sparse.lil_array(y),
    ]  # fmt: skip
    for form in forms:
        fitted = tuned().fit(X, form)
        np.testing.assert_array_equal(fitted.threshold_, dense.threshold_)
        decided = fitted.predict(X)
        # Decisions are sparse if y was, as those of scikit-learn's classifiers.
        assert sparse.issparse(decided) == sparse.issparse(form)
        if sparse.issparse(form):
            assert type(decided) is type(one_vs_rest().fit(X, form).predict(X))
            decided = decided.toarray()
        assert decided.dtype.kind == "i"
        np.testing.assert_array_equal(decided, dense.predict(X))


@pytest.mark.parametrize("cv", [2, KFold(4), ShuffleSplit(1, random_state=0), RepeatedKFold(
    n_splits=3, n_repeats=2, random_state=0)], ids=lambda cv: type(cv).__name__)  # fmt: skip
@FEW
def test_any_splitter_serves(cv):
    X, y = problem(150)
    fitted = tuned(cv=cv).fit(X, y)
    assert f1_score(y, fitted.predict(X), average="macro") > 0.5
    assert 0.4 < fitted.objective_score_ < 1
    assert np.all(fitted.threshold_std_ >= 0)


def test_integer_folds_are_stratified_by_all_labels():
    y = np.zeros((100, 4), int)
    y[:50, 0] = y[:5, 1] = y[40:60, 2] = y[90:95, 3] = 1
    splits = cv_splits(5, y, y, y, np.random.default_rng(0), split_params={}, owner="")
    assert sorted(np.concatenate([test for _, test in splits])) == list(range(100))
    for _, test in splits:
        np.testing.assert_array_equal(y[test].sum(axis=0), [10, 1, 4, 1])
    # There are no more folds than rows, and no fold is empty.
    for n in (3, 4, 7):
        splits = cv_splits(
            10, y[:n], y[:n], y[:n], np.random.default_rng(0), split_params={}, owner=""
        )
        assert [len(test) for _, test in splits] == [1] * n


def test_prefit_learns_from_all_rows_and_fits_nothing():
    X, y = problem(200)
    estimator = one_vs_rest().fit(X, y)
    fitted = tuned(estimator, cv="prefit").fit(X, y)
    assert fitted.estimator_ is estimator
    proba = estimator.predict_proba(X)
    expected = tuned_on(proba, y, "f1_macro").rule.threshold
    np.testing.assert_allclose(fitted.threshold_, expected)


def test_sample_weight_reaches_the_folds_and_the_rule():
    X, y = problem(300)
    network = MLPClassifier((), solver="lbfgs", max_iter=500, random_state=0)
    weight = np.where(y[:, 2] == 1, 8.0, 1.0)
    plain, weighted = tuned(network).fit(X, y), tuned(network).fit(X, y, sample_weight=weight)
    for fitted, w in ((plain, None), (weighted, weight)):
        share = np.average(y, axis=0, weights=w)
        mean = np.average(fitted.predict_proba(X), axis=0, weights=w)
        np.testing.assert_allclose(mean, share, atol=0.03)
    expected = clone(network).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(weighted.estimator_.coefs_[0], expected.coefs_[0])
    # The scale of the weights is ignored.
    scores = [
        tuned(expected, cv="prefit").fit(X, y, sample_weight=s * weight).threshold_
        for s in (1, 1e-3)
    ]
    np.testing.assert_allclose(*scores, rtol=1e-6)


# Rare labels


def rare(n_with):
    """Rows and an indicator in which the second of three labels has `n_with` rows."""
    X, y = problem(150)
    y[:, 1] = 0
    y[np.argsort(-X[:, 1])[:n_with], 1] = 1
    return X, y


WARNING = re.escape("The labels [1] have too few positives or negatives to tune a threshold; the")


@pytest.mark.parametrize("objective", LABEL_OBJECTIVES)
@pytest.mark.parametrize("n_with", [0, 1, 149, 150])
def test_a_label_of_one_row_or_none_is_decided_as_the_estimator_does(objective, n_with):
    X, y = rare(n_with)
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    with pytest.warns(UserWarning, match=WARNING) as warned:
        fitted = tuned(tree, objective=objective).fit(X, y)
    assert len(warned) == 1
    plain = tree.fit(X, y).predict(X)
    np.testing.assert_array_equal(fitted.predict(X)[:, 1], plain[:, 1])
    proba = posterior(tree, X)[:, 1]
    np.testing.assert_allclose(fitted.predict_proba(X)[:, 1], proba, atol=1e-11)
    assert fitted.threshold_[1] == (pytest.approx(0.5) if n_with else np.inf)
    np.testing.assert_array_equal(np.isnan(fitted.threshold_std_), [False, True, False])
    assert 0 < fitted.objective_score_ < 1


@FEW
def test_a_label_of_two_rows_is_judged():
    X, y = rare(2)
    fitted = tuned(KNeighborsClassifier(5)).fit(X, y)
    assert np.all((fitted.threshold_ > 0) & (fitted.threshold_ < 1))
    assert fitted.predict(X)[y[:, 1] == 1, 1].all()


def test_the_other_labels_are_tuned_as_if_alone():
    X, y = rare(1)
    splits = list(KFold(3).split(X))
    with pytest.warns(UserWarning, match=WARNING):
        fitted = tuned(KNeighborsClassifier(9), cv=splits).fit(X, y)
    others = tuned(KNeighborsClassifier(9), cv=splits).fit(X, y[:, [0, 2]])
    np.testing.assert_allclose(fitted.threshold_[[0, 2]], others.threshold_)
    # The label counts in the mean, as in scikit-learn, with 0: no fold predicts its row.
    assert fitted.objective_score_ == pytest.approx(2 / 3 * others.objective_score_)


def test_labels_whose_rows_weigh_nothing_are_not_judged():
    X, y = problem(150)
    estimator = KNeighborsClassifier(5).fit(X, y)
    with pytest.warns(UserWarning, match=WARNING):
        fitted = tuned(estimator, cv="prefit").fit(X, y, sample_weight=1 - y[:, 1])
    # The estimator was trained on rows with the label.
    assert fitted.threshold_[1] == pytest.approx(0.5)
    np.testing.assert_array_equal(fitted.predict(X)[:, 1], estimator.predict(X)[:, 1])


def test_a_label_without_held_out_rows_is_decided_as_the_fitted_estimator_does():
    X, y = problem(150)
    estimator = KNeighborsClassifier(5).fit(X, y)
    without = y[:, 1] == 0
    with pytest.warns(UserWarning, match=WARNING):
        fitted = tuned(estimator, cv="prefit").fit(X[without], y[without])
    plain = estimator.predict(X)[:, 1]
    assert plain.any()
    np.testing.assert_array_equal(fitted.predict(X)[:, 1], plain)


@pytest.mark.parametrize("objective", ["f1_micro", "f1_samples"])
def test_a_label_that_cannot_be_predicted_may_be_left_out(objective, judged_by_rows):
    X, y = problem(300)
    y[:, 1] = np.random.default_rng(0).random(300) < 0.15
    # Its posteriors are 0 and 1, but wrong.
    tree = DecisionTreeClassifier(random_state=0)
    fitted = tuned(tree, objective=objective, calibration=None).fit(X, y)
    assert fitted.threshold_[1] == pytest.approx(1)
    assert not fitted.predict(X)[:, 1].any()
    assert fitted.predict_proba(X)[:, 1].max() == pytest.approx(1)


def test_no_label_left_is_an_error():
    X, y = problem(60)
    y[:] = 0
    y[0] = 1
    message = (
        "At least 1 label must have rows with and without it in every training fold, and also "
        "held-out rows with a positive sample_weight. Got no such label among 3 labels."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        tuned(DecisionTreeClassifier()).fit(X, y)


# Posteriors of any classifier


def test_a_list_of_posteriors_gives_the_probability_of_each_label():
    X, y = problem(80, 4)
    y[:, 1], y[:, 3] = 0, 1  # constant labels: one class only
    for estimator in (
        RandomForestClassifier(5, random_state=0),
        KNeighborsClassifier(),
        make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)),
    ):
        estimator.fit(X, y)
        proba = posterior(estimator, X, multilabel=True)
        each = estimator.predict_proba(X)
        assert isinstance(each, list)
        np.testing.assert_array_equal(proba[:, [0, 2]], np.array(each[::2])[:, :, 1].T)
        np.testing.assert_array_equal(proba[:, [1, 3]], np.tile([0, 1], (80, 1)))


def test_a_list_of_posteriors_is_tuned_as_the_matrix():
    class Stacked(RandomForestClassifier):
        def predict_proba(self, X):
            return np.column_stack([of_label[:, 1] for of_label in super().predict_proba(X)])

    X, y = problem(150)
    fits = [
        tuned(kind(10, min_samples_leaf=5, random_state=0), cv=2).fit(X, y)
        for kind in (RandomForestClassifier, Stacked)
    ]
    np.testing.assert_array_equal(fits[0].threshold_, fits[1].threshold_)
    np.testing.assert_array_equal(*(fitted.predict_proba(X) for fitted in fits))


def test_scores_become_posteriors_by_the_sigmoid():
    X, y = problem(150)
    for estimator in (RidgeClassifier(), OneVsRestClassifier(LinearSVC(random_state=0))):
        scores = estimator.fit(X, y).decision_function(X)
        np.testing.assert_array_equal(posterior(estimator, X, multilabel=True), expit(scores))
        fitted = tuned(estimator).fit(X, y)
        np.testing.assert_allclose(fitted.predict_proba(X).mean(0), y.mean(0), atol=0.05)
        before = f1_score(y, estimator.predict(X), average="macro", zero_division=0)
        assert f1_score(y, fitted.predict(X), average="macro") > before


@pytest.mark.filterwarnings("ignore:Label not 0 is present in all training examples")
def test_one_vs_rest_whose_first_label_is_constant_has_no_probabilities():
    X, y = problem(60)
    y[:, 0] = 0
    estimator = OneVsRestClassifier(LinearSVC(random_state=0)).fit(X, y)
    expected = expit(estimator.decision_function(X))
    np.testing.assert_array_equal(posterior(estimator, X, multilabel=True), expected)
    with pytest.warns(UserWarning, match=re.escape("The labels [0] have too few positives")):
        fitted = tuned(estimator, cv="prefit").fit(X, y)
    assert not fitted.predict(X)[:, 0].any()  # 0.5 is not enough


def test_natural_posteriors_are_used():
    class Natural(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.inner_ = one_vs_rest().fit(X, y)
            return self

        def predict_proba(self, X):
            return self.inner_.predict_proba(X) ** 2

        def predict_posterior(self, X):
            return self.inner_.predict_proba(X)

    X, y = problem(100)
    for estimator in (Natural(), make_pipeline("passthrough", Natural())):
        estimator.fit(X, y)
        actual = posterior(estimator, X, multilabel=True)
        np.testing.assert_array_equal(actual, one_vs_rest().fit(X, y).predict_proba(X))


# Company


@pytest.mark.parametrize("inner", [LogisticRegression(), KNeighborsClassifier(), make_pipeline(
    StandardScaler(), MLPClassifier())], ids=lambda e: type(e).__name__)  # fmt: skip
def test_the_tag_for_multilabel_y_is_that_of_the_estimator(inner):
    expected = not isinstance(inner, LogisticRegression)
    assert get_tags(tuned(inner)).classifier_tags.multi_label is expected


WEIGHT_CHECKS = (
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
)


@parametrize_with_checks(
    [tuned(KNeighborsClassifier()), tuned(RidgeClassifier(), cv=2)],
    expected_failed_checks=lambda estimator: (
        {"check_classifiers_train": "asks that the most probable class be predicted",
         **dict.fromkeys(WEIGHT_CHECKS, "asks that a row of weight 2 tell as much as two rows")}
        if isinstance(estimator.estimator, RidgeClassifier)
        else dict.fromkeys(WEIGHT_CHECKS, "asks that the weights be those of the estimator, too")
    ),
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:KNeighborsClassifier does not take sample_weight")
@FEW
def test_scikit_learn_check(estimator, check):
    check(estimator)


def test_search_over_objective_and_estimator():
    X, y = problem(150)
    grid = {"objective": ["f1_macro", "f1_micro"], "estimator__n_neighbors": [5, 15]}
    search = GridSearchCV(tuned(KNeighborsClassifier()), grid, scoring="f1_macro", cv=KFold(3))
    assert search.fit(X, y).best_score_ > 0.4
    assert not np.isnan(search.cv_results_["mean_test_score"]).any()


def test_a_second_fit_leaves_nothing_of_the_first():
    X, y = problem(150)
    fitted = tuned(KNeighborsClassifier(9), objective="f1_macro")
    labels = {name for name in vars(fitted.fit(X, y)) if name.endswith("_")}
    classes = {name for name in vars(fitted.fit(X, y[:, 0])) if name.endswith("_")}
    assert classes - labels == {"decision_matrix_", "decision_weights_", "curve_"}
    assert fitted.predict(X).shape == (150,)
    assert not fitted.multilabel_
    assert {name for name in vars(fitted.fit(X, y)) if name.endswith("_")} == labels


def test_clone_pickle_and_model_file(tmp_path):
    X, y = problem(150)
    plain = tuned(MLPClassifier((), solver="lbfgs", max_iter=500), cv=2)
    with pytest.warns(UserWarning, match=WARNING):
        fitted = clone(plain).fit(X, np.where([False, True, False], 0, y))
    assert not hasattr(plain, "estimator_")
    assert np.isinf(fitted.threshold_[1])
    save_model(fitted, tmp_path / "m.skim")
    for back in (pickle.loads(pickle.dumps(fitted)), load_model(tmp_path / "m.skim")):
        assert back.predict_proba(X).tobytes() == fitted.predict_proba(X).tobytes()
        np.testing.assert_array_equal(back.predict(X), fitted.predict(X))


def test_nothing_given_is_changed():
    X, y = problem(120)
    given = (X, y, sparse.csr_array(y), np.random.default_rng(0).random(120))
    copies = [array.copy() for array in given]
    for array in (X, y, given[2].data, given[3]):
        array.setflags(write=False)
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    for labels in given[1:3]:
        for objective in LABEL_OBJECTIVES:
            tuned(tree, objective=objective, cv=2).fit(X, labels, sample_weight=given[3])
    assert not hasattr(tree, "tree_")
    for array, copy in zip(given, copies, strict=True):
        assert np.max(np.abs(array - copy)) == 0


# Refusals


POSSIBLE = (
    "must be one of ['f1_macro', 'f1_micro', 'f1_samples'], a scorer of scikit-learn or a function "
    "where y holds a "
)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"objective": "cost"}, f"{POSSIBLE}label indicator matrix. Got 'cost' instead."),
        ({"objective": "alerts", "level": 5}, f"{POSSIBLE}label indicator matrix. Got 'alerts'"),
        ({"objective": "mcc"}, f"{POSSIBLE}label indicator matrix. Got 'mcc' instead."),
        (
            {"calibration": "isotonic"},
            "may be 'isotonic' for labels with at least 50 rows with and without each. Got the "
            "label 2 with 12.",
        ),
        (
            {"objective": lambda true, decided: np.nan},
            "The 'objective' function of TunedDecisionClassifierCV must return a finite number. "
            "Got nan instead.",
        ),
        (
            {"objective": make_scorer(f1_score)},
            "must be a scorer that fits y. Got 'f1_score', which fails: Target is multilabel-indi",
        ),
        ({"objective": "roc_auc"}, "must be a score of decisions. Got the scorer 'roc_auc' ins"),
        ({"estimator": LogisticRegression()}, "y should be a 1d array, got an array of shape"),
    ],
)
def test_bad_parameters_are_refused(params, message):
    X, y = problem(150)
    y[:, 2] = np.arange(150) < 12
    with pytest.raises(ValueError, match=re.escape(message)):
        tuned().set_params(**params).fit(X, y)


def test_lists_of_labels_are_refused():
    X, _ = problem(60)
    with pytest.raises(ValueError, match=r"MultiLabelBinarizer\. .* Got lists of unequal"):
        tuned().fit(X, [["a"], ["b", "c"]] * 30)


def test_f1_samples_is_refused_for_class_labels():
    X, y = problem(60)
    with pytest.raises(ValueError, match="Got 'f1_samples', which fails: "):
        tuned(LogisticRegression(), objective="f1_samples").fit(X, y[:, 0])


def test_a_scorer_of_decisions_is_as_its_function():
    X, y = problem(40)
    score = partial(jaccard_score, average="micro", zero_division=0)
    by_function, by_scorer = (
        tuned(objective=one, cv=2).fit(X, y[:, :2]) for one in (score, "jaccard_micro")
    )
    np.testing.assert_array_equal(by_scorer.threshold_, by_function.threshold_)


def test_bad_data_are_refused():
    X, y = problem(60)
    with pytest.raises(ValueError, match=r"rows with and without each. Got the label 1 with 3\."):
        tuned(calibration="isotonic").fit(X, np.column_stack([y[:, 0], np.arange(60) > 2]))
    for values, got in ((2 * y - 1, [-1, 1]), (y + 1, [1, 2]), (sparse.csr_array(2 * y), [0, 2])):
        message = f"must hold 0 and 1 only, and nan where a label is missing. Got {got} instead."
        with pytest.raises(ValueError, match=re.escape(message)):
            tuned().fit(X, values)
    with pytest.raises(ValueError, match="y should be a 1d array, got an array of shape"):
        tuned().fit(X, y + np.arange(3))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        tuned().fit(X, y[:-1])
    with pytest.raises(ValueError, match="must be positive or zero"):
        tuned().fit(X, y, sample_weight=np.full(60, -1.0))
    with pytest.raises(ValueError, match="instance is not fitted yet"):
        tuned(cv="prefit").fit(X, y)
    message = "y must have a column for each of the 3 labels of the fitted estimator. Got 2 columns"
    with pytest.raises(ValueError, match=message):
        tuned(one_vs_rest().fit(X, y), cv="prefit").fit(X, y[:, :2])


class SeesNames(OneVsRestClassifier):
    """A classifier that keeps the names of the columns of y."""

    def fit(self, X, y):
        self.names_ = [*getattr(y, "columns", [])]
        return super().fit(X, np.asarray(y))


FORMS = {
    "int64": lambda frame: frame,
    "bool": lambda frame: frame.astype(bool),
    "Int64": lambda frame: frame.astype("Int64"),
    "boolean": lambda frame: frame.astype("boolean"),
    "same index": lambda frame: frame.set_index(np.zeros(len(frame), int)),
    "polars": lambda frame: pytest.importorskip("polars").DataFrame(frame),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_estimator_gets_the_names_of_the_columns(form):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    y = (X + rng.normal(size=(120, 3)) > 0).astype(int)
    frame = FORMS[form](pd.DataFrame(y, columns=["loud", "late", "long"]))
    clf = TunedDecisionClassifierCV(SeesNames(LogisticRegression()), random_state=0)
    named = clone(clf).fit(X, frame)
    assert named.estimator_.names_ == ["loud", "late", "long"]
    np.testing.assert_array_equal(named.threshold_, clone(clf).fit(X, y).threshold_)
