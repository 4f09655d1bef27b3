"""The classifier with tuned decisions: what it finds, folds, rare classes, company, refusals."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
from decision_setup import PEERS
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from joblib import parallel_config
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import DataConversionWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, log_loss, make_scorer, matthews_corrcoef
from sklearn.model_selection import (
    GridSearchCV,
    LeaveOneOut,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline as make_sklearn_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from skimbalance import ImbalancedMLPClassifier, TunedDecisionClassifierCV
from skimbalance._engine import room, stack
from skimbalance._response import posterior
from skimbalance.compare._strategies import make_strategy
from skimbalance.decision._objectives import LABEL_OBJECTIVES, LEVELS, OBJECTIVES, ONE_CLASS

# Decisions for classes of few rows are warned of, and taken.
FEW = pytest.mark.filterwarnings("ignore:Decisions for (classes|labels) with fewer than 10")

# Data with known posteriors


class Known(ClassifierMixin, BaseEstimator):
    """A classifier with the true posteriors of normal clouds of unit variance."""

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
    """Macro-F1 of decisions on rows with classes that are drawn from the posteriors."""
    n_classes = eta.shape[1]
    hits = np.bincount(decided, eta[np.arange(len(eta)), decided], n_classes)
    return np.mean(2 * hits / (np.bincount(decided, minlength=n_classes) + eta.sum(axis=0)))


def best_macro_f1(eta):
    """The best macro-F1, by the fixed point of Narasimhan et al. 2015 from several starts."""
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
    reached = expected_macro_f1(eta, tuned.predict(many))
    assert reached >= best - 0.01
    assert reached >= plain - 0.002
    # The score is honest, within the uncertainty from a hundred rows of the rarest class.
    assert abs(tuned.objective_score_ - reached) < 0.03


def test_wrong_posteriors_are_corrected_by_the_class_labels():
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
    """Rows of each class in a normal cloud; the clouds lie on a line."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    return rng.normal(size=(len(y), 2)) + distance * y[:, None], y


def tuned(estimator=None, **params):
    estimator = LogisticRegression() if estimator is None else estimator
    return TunedDecisionClassifierCV(estimator, **{"random_state": 0, **params})


def fails(estimator):
    if estimator.calibration is None:
        return {}
    reason = "asks that the most probable class be predicted, which a tuned rule need not do"
    of_weights = "asks that a row of weight 2 tell the calibration as much as two rows"
    kinds = ("dense", "sparse")
    return {"check_classifiers_train": reason} | {
        f"check_sample_weight_equivalence_on_{kind}_data": of_weights for kind in kinds
    }


@parametrize_with_checks(
    [
        TunedDecisionClassifierCV(LogisticRegression()),
        TunedDecisionClassifierCV(LogisticRegression(), objective="balanced_accuracy", cv=2),
        TunedDecisionClassifierCV(DecisionTreeClassifier(random_state=0), calibration=None),
        TunedDecisionClassifierCV(LinearSVC(random_state=0), calibration="temperature"),
    ],
    expected_failed_checks=fails,
)
@FEW
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
    estimated = np.sqrt(np.mean([fitted.threshold_std_**2 for fitted in fits]))
    assert spread / 2 < estimated < 2 * spread
    many = [tuned(objective="mcc").fit(*clouds([13_600, 2_400], seed)) for seed in range(6)]
    # With sixteen times the rows: the spread of the maximum of a step function falls with the cube
    # root of their number.
    assert np.mean([fitted.threshold_std_ for fitted in many]) < 0.7 * estimated


@pytest.mark.parametrize("cv", [StratifiedKFold(3), StratifiedKFold(3, shuffle=True)])
def test_out_of_fold_rows_and_curve(cv):
    X, y = clouds([120, 40])
    fitted = tuned(cv=cv, calibration=None, objective="balanced_accuracy").fit(X, y)
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
def test_class_labels_may_have_any_names(counts, names):
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


@pytest.mark.parametrize("names", [[0, 1, 2], ["ok", "fraud", "other"], [2.0, 0.0, 1.0]], ids=str)
@pytest.mark.parametrize("counts", [(120, 40), (40, 120), (60, 60), (90, 20, 60), (90, 60, 60)])
@pytest.mark.parametrize("objective", ONE_CLASS)
def test_an_objective_of_one_class_is_about_the_rarest(objective, counts, names):
    """Of equally rare classes it is about the last; compare_strategies means the same class."""
    X, index = clouds(counts)
    y = np.array(names)[index]
    labels, n_rows = np.unique(y, return_counts=True)
    rarest = [k for k, n in zip(labels.tolist(), n_rows, strict=True) if n == n_rows.min()][-1]
    level = {"level": 100 if objective == "alerts" else 0.5} if objective in LEVELS else {}
    options = {"objective": objective, **level}
    default = tuned(GaussianNB(), **options).fit(X, y)
    assert default.pos_label_ == rarest
    named = tuned(GaussianNB(), pos_label=rarest, **options).fit(X, y)
    np.testing.assert_array_equal(default.decision_matrix_, named.decision_matrix_)
    assert make_strategy("tuned_decision", X, y, objective="f1").pos_label == rarest


def test_the_class_of_an_objective_over_all_classes_is_not_named():
    X, y = clouds([120, 40])
    fitted = tuned(objective="f1", pos_label=0).fit(X, y)
    assert fitted.pos_label_ == 0
    fitted.set_params(objective="f1_macro", pos_label=None)
    assert not hasattr(fitted.fit(X, y), "pos_label_")


def test_function_is_called_with_class_labels():
    passed = set()

    def share_of_b(true, decided):
        passed.update(true, decided)
        return np.mean(decided == "b")

    X, y = clouds([60, 20])
    fitted = tuned(objective=share_of_b).fit(X, np.array(["a", "b"])[y])
    assert passed == {"a", "b"}
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
        return np.hstack([X, X + 1e-3, X - 1e-3]), y  # the same evidence three times

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
@FEW
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
    # The same folds again add no information.
    once, again = (tuned(cv=splits, objective="f1").fit(X, y) for splits in (base, base * 10))
    assert once.threshold_ == pytest.approx(again.threshold_)
    np.testing.assert_allclose(once.calibrator_.scale, again.calibrator_.scale, rtol=1e-6)
    # They do not change the spread of the threshold by the number of repeats either.
    assert once.threshold_std_ / 4 < again.threshold_std_ < 4 * once.threshold_std_
    assert again.objective_score_ == pytest.approx(once.objective_score_, abs=0.1)


@FEW
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
    others = y != 1
    with pytest.warns(UserWarning, match=re.escape("The classes [1] have too few rows")):
        fitted = tuned(estimator, cv="prefit").fit(X[others], y[others])
    np.testing.assert_array_equal(fitted.classes_, [0, 1, 2])
    assert np.mean(fitted.predict(X)[y == 1] == 1) > 0.3


@pytest.mark.parametrize("n_rare", [2, 3, 4, 5])
@pytest.mark.parametrize("n_frequent", [[50], [50, 40]])
@FEW
def test_classes_of_few_rows(n_rare, n_frequent):
    X, y = clouds([*n_frequent, n_rare], distance=4)
    for cv in (5, 2):
        fitted = tuned(GaussianNB(var_smoothing=0.1), cv=cv).fit(X, y)
        assert set(fitted.predict(X)) == set(y)
        assert np.all(np.isfinite(fitted.predict_proba(X)))


@pytest.mark.parametrize("cv", [3, "prefit"])
@pytest.mark.parametrize("counts", [(200, 9), (9, 200), (200, 60, 9), (200, 9, 8)])
@pytest.mark.parametrize("objective", ["f1_macro", "f1", lambda true, decided: 0.0])
def test_a_decision_on_a_handful_of_rows_is_warned_of(objective, counts, cv):
    X, index = clouds(counts)
    y = np.array(["ok", "fraud", "theft"])[index]
    clf = tuned(GaussianNB().fit(X, y), objective=objective, cv=cv)
    names = ("ok", "fraud", "theft")[: len(counts)]
    few = [f"{name} ({n})" for name, n in zip(names, counts, strict=True) if n < 10]
    with pytest.warns(UserWarning, match="fewer than 10 held-out rows are mostly luck") as warned:
        clf.fit(X, y)
    assert all(text in str(warned[0].message) for text in few)
    # One row more, and there is no warning; nor where the rule is not learnt from the rows.
    enough, index = clouds([max(n, 10) for n in counts])
    y_enough = np.array(["ok", "fraud", "theft"])[index]
    clf.fit(enough, y_enough)
    tuned(GaussianNB(), objective="cost", cost_matrix=1 - np.eye(len(counts))).fit(X, y)


def test_a_threshold_on_a_handful_of_rows_is_warned_of_for_labels():
    X, y = clouds([100, 100])
    indicator = np.column_stack([y, np.arange(200) < 9, np.arange(200) >= 9])
    with pytest.warns(UserWarning, match=r"for labels with fewer .*: \['1 \(9\)', '2 \(9\)'\]"):
        tuned(OneVsRestClassifier(GaussianNB())).fit(X, indicator)


def test_a_class_of_one_row_takes_the_weight_of_the_next():
    X, y = clouds([1, 80, 20], distance=3)
    passed = set()

    def macro_f1(true, decided):
        passed.update(true, decided)
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
    assert passed == {1, 2}  # class labels, not indices among the judged classes


def test_the_class_of_the_objective_must_have_enough_rows():
    X, y = clouds([80, 20, 1])
    with pytest.raises(
        ValueError, match=r"held-out rows with a positive sample_weight\. Got the class 2 with"
    ):
        tuned(objective="f1", pos_label=2).fit(X, y)
    X, y = clouds([80, 1])
    with pytest.raises(ValueError, match=r"at least 2 classes to train on. Got \[0\] in fold"):
        tuned(DecisionTreeClassifier()).fit(X, y)


def test_a_class_whose_rows_weigh_nothing_is_not_judged():
    X, y = clouds([80, 40, 40])
    with pytest.warns(UserWarning, match=re.escape("The classes [1] have too few rows")):
        fitted = tuned().fit(X, y, sample_weight=(y != 1).astype(float))
    assert f1_score(y == 2, fitted.predict(X) == 2) > 0.7
    message = "held-out rows with a positive sample_weight. Got the classes [0]."
    with pytest.raises(ValueError, match=re.escape(message)):
        tuned().fit(X[y < 2], y[y < 2], sample_weight=(y == 0)[y < 2].astype(float))


def test_posteriors_without_information():
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
    # After SMOTE posteriors are those of equally frequent classes; calibrated, those of the data.
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
    # A decision function becomes a softmax, which for logistic regression is its predict_proba.
    for classes in (y % 2, y):
        whole = LogisticRegression().fit(X, classes)

        class Scores(ClassifierMixin, BaseEstimator):
            decision_function = staticmethod(whole.decision_function)
            classes_ = whole.classes_

        np.testing.assert_allclose(posterior(Scores(), X), whole.predict_proba(X))


@pytest.mark.slow
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
    # A loss without a closed form has probabilities only.
    soft = clone(mlp).set_params(loss="soft_f1").fit(X, y)
    np.testing.assert_array_equal(posterior(soft, X), soft.predict_proba(X))


@pytest.mark.slow
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
    pipe = make_sklearn_pipeline(StandardScaler(), tuned())
    name = "tuneddecisionclassifiercv__estimator__C"
    inside = GridSearchCV(
        pipe, {name: [1e-6, 1.0]}, scoring="neg_log_loss", cv=2, error_score="raise"
    ).fit(X, y)
    weak, strong = inside.cv_results_["mean_test_score"]
    assert strong > weak
    assert inside.best_estimator_[-1].estimator_.C == 1.0


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


def test_frames_and_series():
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
    # Rows without weight are as good as absent: here copies of all rows with the other class.
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
        ({"cv": "prefitted"}, "must be an int, a splitter or an iterable of folds; 'prefit'"),
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
            "must have the lowest cost of each row on its diagonal, and a higher cost elsewhere",
        ),
        ({"objective": "cost", "cost_matrix": np.zeros((3, 3))}, "and a higher cost elsewhere"),
        (
            {"objective": "f1", "pos_label": "x"},
            "The 'pos_label' parameter of objective='f1' must be one of the classes [0, 1, 2]. "
            "Got 'x' instead.",
        ),
        ({"objective": "f1", "pos_label": [1]}, "one of the classes [0, 1, 2]. Got [1] instead."),
        (
            {"calibration": "isotonic"},
            "may be 'isotonic' for 2 classes with at least 50 rows each. Got 3 classes, the "
            "rarest with 10 rows.",
        ),
        (
            {"objective": lambda true, decided: np.nan},
            "The 'objective' function of TunedDecisionClassifierCV must return a finite number. "
            "Got nan instead.",
        ),
        (
            {"objective": lambda true, decided: -np.inf},
            "The 'objective' function of TunedDecisionClassifierCV must return a finite number. "
            "Got -inf instead.",
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


def test_a_limit_that_no_rule_keeps_is_warned_about():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 4))
    y = (X[:, 0] + 3 * rng.normal(size=2000) > 6).astype(int)
    impossible = tuned(objective="recall_at_precision", level=0.9)
    with pytest.warns(UserWarning, match="No rule keeps the limit .* level=0.9"):
        impossible.fit(X, y)


TAKEN = {
    "level": ({"recall_at_precision": 0.01, "precision_at_recall": 0.01, "alerts": 999}, 0.5),
    "cost_matrix": ({"cost": [[0, 1], [2, 0]]}, [[0, 1], [2, 0]]),
    "pos_label": (dict.fromkeys(ONE_CLASS, 1), 1),
}


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize("objective", [*OBJECTIVES, accuracy_score])
def test_a_parameter_is_taken_or_warned_of(objective, name):
    X, y = clouds([120, 40])
    by_objective, value = TAKEN[name]
    others = {"cost": {"cost_matrix": [[0, 1], [2, 0]]}}.get(objective, {})
    others |= {"level": TAKEN["level"][0][objective]} if objective in LEVELS else {}
    takes = objective in by_objective
    value = by_objective[objective] if takes else value
    fitted = tuned(GaussianNB(), objective=objective, **others | {name: value})
    if takes:
        fitted.fit(X, y)  # warnings are errors
    else:
        with pytest.warns(UserWarning, match=f"The '{name}' parameter has no effect, as .*leave"):
            fitted.fit(X, y)


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize("objective", LABEL_OBJECTIVES)
def test_no_objective_of_labels_takes_more_parameters(objective, name):
    X, y = clouds([120, 40])
    labels = np.column_stack([y, np.arange(160) % 2])
    fitted = tuned(OneVsRestClassifier(GaussianNB()), objective=objective)
    with pytest.warns(UserWarning, match=f"The '{name}' parameter has no effect"):
        fitted.set_params(**{name: TAKEN[name][1]}).fit(X, labels)


def test_a_column_of_class_labels_is_warned_of_once():
    X, y = clouds([120, 40])
    with pytest.warns(DataConversionWarning) as caught:
        column = tuned().fit(X, y[:, None])
    assert len(caught) == 1
    assert column.threshold_ == tuned().fit(X, y).threshold_


def test_a_scorer_of_decisions_is_as_its_function():
    """The weights of the rows reach it, too, which a function cannot see."""
    X, y = clouds([30, 10])
    options = {"cv": 2, "objective": "matthews_corrcoef"}
    by_scorer = tuned(**options).fit(X, y)
    assert by_scorer.threshold_ == tuned(cv=2, objective=matthews_corrcoef).fit(X, y).threshold_
    weight = np.random.default_rng(0).integers(1, 4, len(y))
    curves = [
        tuned(**options | {"objective": one}).fit(X, y, sample_weight=weight).curve_
        for one in ("matthews_corrcoef", "mcc")
    ]
    shared = np.intersect1d(curves[0].thresholds, curves[1].thresholds)
    of_both = (curve.scores[np.isin(curve.thresholds, shared)] for curve in curves)
    np.testing.assert_allclose(*of_both, atol=1e-12)
    assert len(shared) > 30


@pytest.mark.parametrize(
    ("scorer", "words"),
    [
        ("roc_auc", "must be a score of decisions. Got the scorer 'roc_auc' instead"),
        (make_scorer(log_loss, greater_is_better=False, response_method="predict_proba"),
         "Got the scorer 'neg_log_loss' instead, which no decision rule changes: compare "),
        ("recall", "must be a scorer that fits y. Got 'recall', which fails: pos_label=1 is not"),
        ("f1_samples", "must be a scorer that fits y. Got 'f1_samples', which fails: "),
        ("r2", "a scorer of scikit-learn or a function where y holds class labels. Got 'r2' inst"),
        ("nothing", "must be one of ['balanced_accuracy', "),
    ],
)  # fmt: skip
def test_scorers_that_do_not_fit_are_refused(scorer, words):
    X, y = clouds([120, 40])
    fitted = tuned().fit(X, y)
    before = vars(fitted).copy()
    with pytest.raises(ValueError, match=re.escape(words)):
        fitted.set_params(objective=scorer).fit(X, np.array(["no", "yes"])[y])
    assert {**vars(fitted), "objective": "f1_macro"} == before


def test_nullable_integers_stay_integers():
    X, y = clouds([120, 40])
    fitted = tuned().fit(X, pd.Series(y, dtype="Int64"))
    assert fitted.classes_.dtype.kind in "iO"
    assert fitted.classes_.tolist() == [0, 1]
    assert all(isinstance(label, int) for label in fitted.classes_.tolist())


class OfSteps(ClassifierMixin, BaseEstimator):
    """Gives probabilities for each of three steps, as a classifier of sequences does."""

    def fit(self, X, y):
        self.classes_ = np.arange(2)
        return self

    def predict_proba(self, X):
        return np.full((len(X), 3, 2), 0.5)


@pytest.mark.parametrize("y", [np.arange(30) % 2, np.arange(90).reshape(30, 3) % 2])
def test_probabilities_of_another_shape_are_refused(y):
    words = r"probabilities of 'estimator' must be of shape .* Got shape \(6, 3, 2\) of OfSteps"
    with pytest.raises(ValueError, match=words):
        TunedDecisionClassifierCV(OfSteps()).fit(np.ones((30, 2)), y)


@pytest.mark.parametrize("estimator", [LogisticRegression(), ImbalancedMLPClassifier((2,))])
def test_a_fold_with_one_class_to_train_on_is_named(estimator):
    y = np.where(np.arange(30) < 1, "rare", "ok")
    with pytest.raises(ValueError, match=r"at least 2 classes to train on. Got \['ok'\] in fold"):
        TunedDecisionClassifierCV(estimator).fit(np.ones((30, 2)), y)
