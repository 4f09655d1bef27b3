"""What strategies are compared by: rankings, probabilities, limits, scorers, weights, labels.

The classifiers are scikit-learn's, which are quick; scores are those of its functions.
"""

import json
import re

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    fbeta_score,
    get_scorer,
    log_loss,
    make_scorer,
    roc_auc_score,
)
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from skimbalance import ImbalancedMLPClassifier, TunedDecisionClassifierCV, compare_strategies
from skimbalance.compare import OBJECTIVES
from skimbalance.compare._goals import LOSSES, RANKINGS, Outcome, class_goals, label_goals
from skimbalance.compare._strategies import OF_CLASSES, STRATEGIES, strategies_for
from skimbalance.decision._names import OBJECTIVES as DECISIONS
from skimbalance.metrics import precision_at_k, recall_at_k

BAYES, ALWAYS = make_pipeline(GaussianNB()), make_pipeline(DummyClassifier())
X, Y = make_classification(
    240, 4, n_informative=3, n_redundant=1, n_classes=3, n_clusters_per_class=1,
    weights=[0.7, 0.2], class_sep=0.7, flip_y=0.2, random_state=0,
)  # fmt: skip
TWO = (Y == 2).astype(int)
LABELS = np.column_stack([Y == 1, Y == 2, X[:, 0] > 1, X[:, 1] > 0]).astype(int)
CV = StratifiedKFold(3)


def compare(y=Y, X=X, **options):
    options = {"strategies": [], "estimators": {"bayes": BAYES, "always": ALWAYS}} | options
    return compare_strategies(X, y, cv=options.pop("cv", CV), random_state=0, verbose=0, **options)


def of(result, name="bayes"):
    return result.scores[result.names.index(name)]


def in_folds(score, y=Y, cv=CV, weight=None):
    """A function of (true, decided, posteriors, weight) in the folds, by hand."""
    weight, scores = np.ones(len(y)) if weight is None else weight, []
    for train, test in cv.split(X, y):
        fitted = GaussianNB().fit(X[train], y[train], sample_weight=weight[train])
        proba = fitted.predict_proba(X[test])
        scores.append(score(y[test], fitted.predict(X[test]), proba, weight[test]))
    return scores


# Rankings and probabilities

#: Objective and what it takes -> the same for class 2 of `Y`, by other functions.
OF_CLASS_2 = {
    ("precision_at_k", 9): lambda y, _, p, w: precision_at_k(y == 2, p[:, 2], 9, sample_weight=w),
    ("recall_at_k", 9): lambda y, _, p, w: recall_at_k(y == 2, p[:, 2], 9, sample_weight=w),
    ("partial_roc_auc", 0.2): lambda y, _, p, w: roc_auc_score(
        y == 2, p[:, 2], max_fpr=0.2, sample_weight=w
    ),
}
OF_ALL = {
    "average_precision": lambda y, _, p, w: np.mean(
        [average_precision_score(y == k, p[:, k], sample_weight=w) for k in range(3)]
    ),
    "roc_auc": lambda y, _, p, w: np.mean(
        [roc_auc_score(y == k, p[:, k], sample_weight=w) for k in range(3)]
    ),
    "log_loss": lambda y, _, p, w: -log_loss(y, p, sample_weight=w),
    "brier": lambda y, _, p, w: -brier_score_loss(y, p, sample_weight=w),
}
WEIGHT = np.random.default_rng(0).integers(1, 4, 240).astype(float)


def test_all_rankings_and_losses_are_tested():
    assert {name for name, _ in OF_CLASS_2} | set(OF_ALL) == {*RANKINGS, *LOSSES}
    assert (*DECISIONS, *RANKINGS, *LOSSES) == OBJECTIVES


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weights"])
@pytest.mark.parametrize(("name", "level"), OF_CLASS_2)
def test_rankings_of_the_rarest_class(name, level, weight):
    result = compare(objective=name, level=level, sample_weight=weight)
    expected = in_folds(OF_CLASS_2[name, level], weight=weight)
    np.testing.assert_allclose(of(result), expected)
    assert result.metric == result.frame().columns[0] == name
    assert result.pos_label == 2
    assert f"{name} is that of class 2, the rarest." in result.notes
    # The class may be named, and the others are one.
    other = compare(y=1 - TWO, objective=name, level=level, pos_label=0, sample_weight=weight)
    expected = in_folds(
        lambda y, d, p, w: OF_CLASS_2[name, level](2 * y, d, p[:, [0, 0, 1]], w), TWO, CV, weight
    )
    np.testing.assert_allclose(of(other), expected)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weights"])
@pytest.mark.parametrize("name", OF_ALL)
def test_rankings_and_losses_of_all_classes(name, weight):
    result = compare(objective=name, sample_weight=weight)
    np.testing.assert_allclose(of(result), in_folds(OF_ALL[name], weight=weight))
    assert result.metric == LOSSES.get(name, name)
    assert not any("the rarest" in note for note in result.notes)
    assert result.metric in result.recommendation
    if name not in LOSSES:  # of a class, if it is named
        named = compare(objective=name, pos_label=1, sample_weight=weight)
        score = {"roc_auc": roc_auc_score}.get(name, average_precision_score)
        expected = in_folds(
            lambda y, _, p, w: score(y == 1, p[:, 1], sample_weight=w), weight=weight
        )
        np.testing.assert_allclose(of(named), expected)


@pytest.mark.parametrize(
    "name", ["average_precision", "roc_auc", "neg_log_loss", "neg_brier_score"]
)
def test_two_classes_score_as_in_scikit_learn(name):
    """Where the rarer class has the larger label, which is scikit-learn's positive class."""
    expected = cross_val_score(GaussianNB(), X, TWO, cv=CV, scoring=name)
    np.testing.assert_allclose(of(compare(TWO, objective=name)), expected)
    assert compare(TWO, objective=name).metric == name


def test_the_best_ranking_wins():
    result = compare(objective="average_precision")
    assert result.names == ["bayes", "always"]
    expected = np.mean(
        [np.mean([np.mean(Y[test] == k) for k in range(3)]) for _, test in CV.split(X, Y)]
    )
    assert of(result, "always").mean() == pytest.approx(expected)


def test_a_fold_without_the_class_cannot_rank_it():
    fold = np.where(Y == 2, np.arange(240) % 2 * 2, np.arange(240) % 3)
    folds = [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(3)]
    for options in ({"objective": "recall_at_k", "level": 3}, {"objective": "average_precision"}):
        scores = compare(cv=folds, **options).scores
        assert np.isnan(scores[:, 1]).all()
        assert np.isfinite(scores[:, [0, 2]]).all()


@pytest.mark.slow
def test_decisions_are_tuned_for_the_default_where_the_goal_is_a_ranking():
    network = ImbalancedMLPClassifier((2,), epochs=1, early_stopping=False)
    options = {"strategies": ["tuned_decision"], "estimators": None, "network": network, "cv": 2}
    note = (
        "recall_at_k does not depend on decisions: those of tuned_decision are tuned for f1_macro."
    )
    ranked = compare(TWO, objective="recall_at_k", level=5, **options)
    assert note in ranked.notes
    named = goals(objective="f1", pos_label=1).tuning
    assert named == {"objective": "f1", "level": None, "cost_matrix": None, "pos_label": 1}


# Limits and costs


class Flags(ClassifierMixin, BaseEstimator):
    """Decides for class 1 where the first column is at least a number."""

    def __init__(self, at=0.0):
        self.at = at

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        decided = X[:, 0] >= self.at
        return np.column_stack([~decided, decided]).astype(float)

    def predict(self, X):
        return (X[:, 0] >= self.at).astype(int)


def flags(**at):
    return {name: make_pipeline(Flags(value)) for name, value in at.items()}


RARE = (np.arange(300) % 10 == 9).astype(int)  # 10 of each 100 rows
PLACES = np.arange(300.0)[:, None] % 100
FOLDS = [(np.flatnonzero(np.arange(300) // 100 != i), np.flatnonzero(np.arange(300) // 100 == i))
         for i in range(3)]  # fmt: skip


def test_a_strategy_that_breaks_the_limit_scores_0():
    options = {"X": PLACES, "cv": FOLDS, "estimators": flags(many=50.0, few=90.0, one=99.0)}
    result = compare(RARE, objective="alerts", level=100, **options)
    # "few" flags 10 of 100 rows, which is the limit, among them one of the ten rare ones.
    assert result.names == ["few", "one", "many"]
    assert result.scores.tolist() == [[0.1] * 3, [0.1] * 3, [0.0] * 3]
    (note,) = [note for note in result.notes if "limit" in note]
    assert note == "The limit of alerts is broken in the test folds by many: score 0."
    result = compare(RARE, objective="recall_at_precision", level=0.5, **options)
    assert (result.names[0], of(result, "one").tolist()) == ("one", [0.1] * 3)
    assert of(result, "few").tolist() == of(result, "many").tolist() == [0.0] * 3
    none = compare(RARE, objective="precision_at_recall", level=0.9, **options)
    assert none.recommendation.startswith("No strategy can be recommended, as none keeps the limit")
    assert not none.scores.any()


def test_a_limit_that_noise_breaks_is_kept():
    """The folds flag 9, 10 and 11 of 100 rows: at the limit in the mean."""
    rows = PLACES.copy()
    rows[98], rows[200] = 0.0, 99.0
    options = {"X": rows, "cv": FOLDS, "estimators": flags(few=90.0, many=50.0)}
    result = compare(RARE, objective="alerts", level=100, **options)
    assert of(result, "few").min() > 0
    assert not of(result, "many").any()


def test_costs():
    costs = pd.DataFrame([[0, 9], [1, 0]], index=["no", "yes"], columns=["no", "yes"])
    y = np.array(["no", "yes"])[TWO]
    result = compare(y, objective="cost", cost_matrix=costs)
    matrix = costs.to_numpy()
    expected = in_folds(lambda y, d, p, w: -np.mean(matrix[y, d]), TWO)
    np.testing.assert_allclose(of(result), expected)
    turned = compare(y, objective="cost", cost_matrix=costs.iloc[::-1])
    np.testing.assert_array_equal(turned.scores, result.scores)


# Scorers


def errors(true, decided, sample_weight=None):
    return np.average(true != decided, weights=sample_weight)


SCORERS = {
    "recall_macro": "recall_macro",
    "matthews_corrcoef": "matthews_corrcoef",
    "roc_auc_ovr": "roc_auc_ovr",
    "neg_log_loss": "neg_log_loss",
    "d2_log_loss_score": "d2_log_loss_score",
    "fbeta_score": make_scorer(fbeta_score, beta=2, average="macro"),
    "neg_errors": make_scorer(errors, greater_is_better=False),
    "neg_log_loss ": make_scorer(
        log_loss, greater_is_better=False, response_method="predict_proba", labels=[0, 1, 2]
    ),
}


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_score_as_in_cross_validation(name):
    scorer = SCORERS[name]
    result = compare(objective=scorer)
    np.testing.assert_allclose(
        of(result), cross_val_score(GaussianNB(), X, Y, cv=CV, scoring=scorer)
    )
    assert result.metric == name.strip()
    weighted = [
        get_scorer(scorer)(
            GaussianNB().fit(X[train], Y[train], sample_weight=WEIGHT[train]), X[test], Y[test],
            sample_weight=WEIGHT[test],
        )
        for train, test in CV.split(X, Y)
    ]  # fmt: skip
    np.testing.assert_allclose(of(compare(objective=scorer, sample_weight=WEIGHT)), weighted)


def test_a_scorer_of_a_class_gets_the_column_of_that_class():
    for label in "ab":
        scorer = make_scorer(
            average_precision_score, pos_label=label, response_method="predict_proba"
        )
        y = np.array(["a", "b"])[TWO]
        expected = cross_val_score(GaussianNB(), X, y, cv=CV, scoring=scorer)
        np.testing.assert_allclose(of(compare(y, objective=scorer)), expected)
        ours = compare(y, objective="average_precision", pos_label=label)
        np.testing.assert_allclose(of(ours), expected)


# Weights


def goals(**params):
    params = {"level": None, "cost_matrix": None, "pos_label": None} | params
    return class_goals(params, Y, np.arange(3), np.ones(3, bool), 100.0, True)


@pytest.mark.parametrize(
    "params",
    [
        {"objective": "f1_macro"},
        {"objective": "cost", "cost_matrix": 1 - np.eye(3)},
        {"objective": "recall_macro"},
        *({"objective": name} for name in ("roc_auc", "log_loss", "brier", "roc_auc_ovr")),
        *({"objective": name, "level": level} for name, level in OF_CLASS_2),
        {"objective": "alerts", "level": 500},
    ],
    ids=lambda params: params["objective"],
)
def test_integer_weights_are_repeated_rows_in_all_scores(params):
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.ones(3), 240).round(2) + 1e-3
    proba /= proba.sum(axis=1, keepdims=True)
    weight = rng.integers(0, 3, 240)
    rows = np.repeat(np.arange(240), weight)
    parts = (Y, rng.integers(0, 3, 240), proba)
    weighted = Outcome(*(part[weight > 0] for part in parts), weight[weight > 0].astype(float))
    repeated = Outcome(*(part[rows] for part in parts), np.ones(len(rows)))
    for name, goal in goals(**params).by_name.items():
        assert goal.score(weighted) == pytest.approx(goal.score(repeated)), name
        if goal.slack is not None:
            assert goal.slack(weighted) == pytest.approx(goal.slack(repeated))


def same(one, other):
    np.testing.assert_array_equal(one.recall, other.recall)
    for name in one.metrics:
        np.testing.assert_array_equal(one.metrics[name], other.metrics[name])


@pytest.mark.parametrize("objective", ["f1_macro", "average_precision"])
def test_weights_of_1_change_no_bit(objective):
    same(compare(objective=objective), compare(objective=objective, sample_weight=np.ones(240)))


@pytest.mark.parametrize("form", ["int", "splitter", "folds"])
def test_a_row_of_weight_0_is_as_absent(form):
    weight = np.where(np.random.default_rng(1).random(240) < 0.3, 0.0, WEIGHT)
    kept = np.flatnonzero(weight)
    cv = {"int": 3, "splitter": CV, "folds": None}[form]
    place = np.cumsum(weight > 0) - 1
    folds = list(CV.split(X, Y))
    of_kept = [tuple(place[part[weight[part] > 0]] for part in fold) for fold in folds]
    cvs = (cv, cv) if cv else (folds, of_kept)
    groups = np.arange(240) // 2 if form == "int" else None
    with_them = compare(sample_weight=weight, cv=cvs[0], groups=groups)
    without = compare(
        Y[kept], X[kept], sample_weight=weight[kept], cv=cvs[1],
        groups=None if groups is None else groups[kept],
    )  # fmt: skip
    same(with_them, without)
    assert with_them.class_counts.sum() == len(kept)
    np.testing.assert_array_equal(
        with_them.best_estimator().predict_proba(X), without.best_estimator().predict_proba(X)
    )


def test_weights_count_in_recalls_and_in_the_best_estimator():
    result = compare(sample_weight=WEIGHT)
    found, actual = np.zeros(3), np.zeros(3)
    for train, test in CV.split(X, Y):
        decided = GaussianNB().fit(X[train], Y[train], WEIGHT[train]).predict(X[test])
        hit = decided == Y[test]
        found += np.bincount(Y[test][hit], WEIGHT[test][hit], 3)
        actual += np.bincount(Y[test], WEIGHT[test], 3)
    np.testing.assert_allclose(result.recall[result.names.index("bayes")], found / actual)
    assert result.names[0] == "bayes"
    expected = GaussianNB().fit(X, Y, WEIGHT).predict_proba(X)
    np.testing.assert_array_equal(result.best_estimator().predict_proba(X), expected)
    assert result.about["weights"].startswith("of the rows")


def test_weights_are_routed():
    with sklearn.config_context(enable_metadata_routing=True):
        asking = make_pipeline(GaussianNB().set_fit_request(sample_weight=True))
        routed = compare(sample_weight=WEIGHT, estimators={"bayes": asking})
    same(routed, compare(sample_weight=WEIGHT, estimators={"bayes": BAYES}))


def test_who_sees_no_weights_is_noted():
    nearest = make_pipeline(KNeighborsClassifier())
    notes = compare(estimators={"near": nearest, "bayes": BAYES}, sample_weight=WEIGHT).notes
    assert "The fits of ['near'] take no weights, which count in their scores only." in notes

    def share(true, decided):
        return np.mean(true == decided)

    notes = compare(objective=share, sample_weight=WEIGHT).notes
    assert "share sees no weights of rows." in notes
    assert not any("weights" in note for note in compare(objective=share).notes)
    assert not any("weights" in note for note in compare(sample_weight=WEIGHT).notes)


@pytest.mark.slow
@pytest.mark.parametrize("routing", [False, True])
def test_strategies_are_trained_with_weights(routing):
    """smote creates rows, and is left out; the others see the weights."""
    network = ImbalancedMLPClassifier((4,), epochs=1, early_stopping=False)
    options = {"strategies": ["plain", "over_sampling", "tuned_decision"], "network": network,
               "estimators": None, "cv": 2, "objective": "log_loss"}  # fmt: skip
    with sklearn.config_context(enable_metadata_routing=routing):
        heavy = compare(TWO, sample_weight=np.where(TWO, 9.0, 1.0), **options)
        light = compare(TWO, sample_weight=np.where(TWO, 1.0, 9.0), **options)
    for name in options["strategies"]:
        assert np.all(of(heavy, name) != of(light, name))


# Several labels


@pytest.mark.parametrize("form", [np.asarray, csr_matrix, pd.DataFrame])
def test_labels_in_any_form(form, tmp_path):
    y = form(LABELS)
    if form is pd.DataFrame:
        y = y.set_axis(list("abcd"), axis=1)
    many = {"bayes": make_pipeline(OneVsRestClassifier(GaussianNB())),
            "near": make_pipeline(KNeighborsClassifier(9))}  # fmt: skip
    result = compare(y, estimators=many, cv=3, objective="f1_micro")
    assert set(result.metrics) == {"f1_macro", "f1_micro", "f1_samples", "average_precision"}
    by_count = np.argsort(-LABELS.sum(axis=0), kind="stable")
    names = list("abcd") if form is pd.DataFrame else list(range(4))
    assert result.classes.tolist() == [names[k] for k in by_count]
    assert result.class_counts.tolist() == LABELS.sum(axis=0)[by_count].tolist()
    assert result.best_estimator().predict(X).shape == (240, 4)
    content = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert content["classes"] == result.classes.tolist()
    result.save(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Recall of each label" in page
    assert "labels (rows)" in page
    assert "f1_micro" in str(result)
    assert result.plot().figure_.axes


OF_LABELS = {
    "f1_macro": (None, lambda y, d, p, w: f1_score(y, d, average="macro", sample_weight=w)),
    "f1_samples": (None, lambda y, d, p, w: f1_score(y, d, average="samples", sample_weight=w,
                                                     zero_division=0)),
    "jaccard_micro": (None, lambda y, d, p, w: get_scorer("jaccard_micro")._score_func(
        y, d, average="micro", sample_weight=w)),
    "average_precision": (None, lambda y, d, p, w: average_precision_score(y, p, sample_weight=w)),
    "roc_auc": (None, lambda y, d, p, w: roc_auc_score(y, p, sample_weight=w)),
    "roc_auc_ovr": (None, lambda y, d, p, w: roc_auc_score(y, p, sample_weight=w)),
    "log_loss": (None, lambda y, d, p, w: -np.mean(
        [log_loss(y[:, k], p[:, k], sample_weight=w) for k in range(4)])),
    "brier": (None, lambda y, d, p, w: -np.mean(
        [brier_score_loss(y[:, k], p[:, k], sample_weight=w) for k in range(4)])),
    "recall_at_k": (9, lambda y, d, p, w: np.mean(
        [recall_at_k(y[:, k], p[:, k], 9, sample_weight=w) for k in range(4)])),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_LABELS)
def test_scores_of_labels_are_those_of_scikit_learn(name):
    level, score = OF_LABELS[name]
    rng = np.random.default_rng(0)
    outcome = Outcome(LABELS, rng.integers(0, 2, (240, 4)), rng.random((240, 4)), WEIGHT)
    params = {"objective": name, "level": level, "cost_matrix": None, "pos_label": None}
    found = label_goals(params, LABELS, 99.0, True)
    assert found.by_name[found.metric].score(outcome) == pytest.approx(score(*outcome))


@pytest.mark.parametrize("name", ["f1_macro", "f1_micro", "roc_auc", "log_loss"])
def test_missing_labels_count_nowhere(name):
    """A missing label of a row is as a row less for that label, and a label that is not decided."""
    rng = np.random.default_rng(0)
    codes = np.where(rng.random(LABELS.shape) < 0.3, -1, LABELS)
    decided, proba = rng.integers(0, 2, (240, 4)), rng.random((240, 4))
    params = {"objective": name, "level": None, "cost_matrix": None, "pos_label": None}
    found = label_goals(params, codes, 99.0, False)
    score = found.by_name[found.metric].score(Outcome(codes, decided, proba, np.ones(240)))
    parts = [(LABELS[r, k], decided[r, k], proba[r, k]) for k, r in enumerate(codes.T >= 0)]
    expected = {
        "f1_macro": lambda: np.mean([f1_score(y, d) for y, d, _ in parts]),
        "f1_micro": lambda: f1_score(LABELS[codes >= 0], decided[codes >= 0]),
        "roc_auc": lambda: np.mean([roc_auc_score(y, p) for y, _, p in parts]),
        "log_loss": lambda: -np.mean([log_loss(y, p) for y, _, p in parts]),
    }[name]()
    assert score == pytest.approx(expected)


def test_a_label_that_a_fold_lacks_is_left_out_of_its_ranking():
    codes = LABELS.copy()
    codes[:, 1] = 0
    params = {
        "objective": "average_precision",
        "level": None,
        "cost_matrix": None,
        "pos_label": None,
    }
    goal = label_goals(params, LABELS, 99.0, False).by_name["average_precision"]
    proba = np.random.default_rng(0).random((240, 4))
    others = [0, 2, 3]
    both = goal.score(Outcome(codes, codes, proba, np.ones(240)))
    assert both == goal.score(Outcome(codes[:, others], codes, proba[:, others], np.ones(240)))
    assert goal.judges(codes)
    assert not goal.judges(codes[:, [1]])


def test_which_strategies_take_the_data():
    names, (note,) = strategies_for(None, multilabel=True, weighted=True, one_table=True)
    assert names == [name for name in STRATEGIES if name not in OF_CLASSES]
    assert note == (
        "The strategies logit_adjusted, ldam, over_sampling, under_sampling, smote are left out, "
        "as they are made for classes, and y is multilabel."
    )
    names, (note,) = strategies_for(None, multilabel=False, weighted=True, one_table=True)
    assert names == [name for name in STRATEGIES if name != "smote"]
    names, notes = strategies_for(None, multilabel=False, weighted=False, one_table=True)
    assert (names, notes) == ([*STRATEGIES], [])


@pytest.mark.slow
def test_strategies_for_labels():
    network = ImbalancedMLPClassifier((4,), epochs=1, early_stopping=False)
    names = ["class_weighted", "balanced_batches", "tuned_decision"]
    result = compare(LABELS, estimators=None, strategies=names, network=network, cv=2)
    assert set(result.names) == set(names)
    assert result.best_estimator().predict(X).shape == (240, 4)


# Several inputs


class OfInputs(GaussianNB):
    """Takes a dict or a tuple of inputs."""

    def fit(self, X, y, sample_weight=None):
        return super().fit(self._joined(X), y, sample_weight)

    def predict_proba(self, X):
        return super().predict_proba(self._joined(X))

    def predict(self, X):
        return super().predict(self._joined(X))

    @staticmethod
    def _joined(X):
        return np.hstack(list(X.values()) if isinstance(X, dict) else list(X))


def test_several_inputs(tmp_path):
    estimators = {"bayes": OfInputs()}
    expected = compare(estimators={"bayes": BAYES})
    for inputs in ({"left": X[:, :1], "right": X[:, 1:]}, [X[:, :1], X[:, 1:]]):
        for strategies in ([], None):
            result = compare(X=inputs, estimators=estimators, strategies=strategies)
            same(result, expected)
            assert result.best_estimator().predict(inputs).shape == (240,)
            result.save(tmp_path / "page.html")
            assert "inputs" in (tmp_path / "page.html").read_text(encoding="utf-8")


# Refusals


@pytest.mark.parametrize(
    ("y", "options", "words"),
    [
        (Y, {"objective": "recall_at_k", "level": 81},
         "The 'level' parameter of objective='recall_at_k' must be in the range (0, 80"),
        (Y, {"objective": "partial_roc_auc", "level": 2}, "must be in the range (0, 1]. Got 2"),
        (Y, {"objective": "precision_at_k"}, "Got None instead."),
        (Y, {"objective": "precision_at_k", "level": 0.05},
         "must be a number of rows of each test fold, at least 1. Got 0.05: multiply a share"),
        (LABELS, {"objective": "recall_at_k", "level": 0.5, "cv": 3}, "at least 1. Got 0.5"),
        (Y, {"objective": "alerts"}, "The 'level' parameter of objective='alerts' must be in"),
        (Y, {"objective": "roc_auc", "pos_label": 7},
         "The 'pos_label' parameter of objective='roc_auc' must be one of the classes [0, 1, 2]."),
        (Y, {"objective": "r2"}, "'brier'], a scorer of scikit-learn or a function where y holds"),
        (Y, {"objective": "recall"}, "must be a scorer that fits y. Got 'recall', which fails: "),
        (np.array(["a", "b"])[TWO], {"objective": make_scorer(
            average_precision_score, response_method="predict_proba")},
         "Got 'average_precision_score', which fails: pos_label=1 is not one of the classes ['a'"),
        (LABELS, {"objective": "mcc", "cv": 3}, "must be one of ['f1_macro', 'f1_micro', "),
        (LABELS, {"objective": "balanced_accuracy", "cv": 3}, "where y holds a label ind"),
        (LABELS, {"strategies": ["plain", "smote"]}, "must leave out ['logit_adjusted', 'ldam', "),
        (Y, {"strategies": ["smote"], "sample_weight": WEIGHT},
         "must leave out ['smote'], as rows that a sampler creates have no weights. Got 'smote'."),
        (Y, {"X": {"a": X, "b": X}, "strategies": ["plain"]},
         "as they are for one table, and X has several inputs. Got 'plain'."),
        (Y, {"X": [X, X], "strategies": None, "estimators": None}, "must not both be empty"),
        (Y, {"X": {"a": X, "b": X[:9]}}, "must have the 240 rows of y. Got 240 in 'a', 9 in 'b' "),
        (Y, {"sample_weight": -WEIGHT}, "The weights in 'sample_weight' must be positive or zero."),
        (Y, {"sample_weight": (Y == 0).astype(float)}, "y must have rows of at least 2 classes. G"),
    ],
)  # fmt: skip
def test_refused_in_a_sentence(y, options, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        compare(y, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"objective": "roc_auc", "level": 0.5},
        {"objective": "log_loss", "pos_label": 1},
        {"objective": "mcc", "level": 3},
        {"objective": "f1_macro", "cost_matrix": np.eye(3)},
    ],
)
def test_what_has_no_effect_is_warned_of_once(options):
    with pytest.warns(UserWarning, match=r"The '\w+' parameter has no effect") as caught:
        compare(**options)
    assert len(caught) == 1


@pytest.mark.parametrize("objective", ["f1_macro", "recall_at_k", "brier"])
def test_labels_have_no_positive_class(objective):
    params = {"objective": objective, "level": None, "cost_matrix": None, "pos_label": 1}
    if objective == "recall_at_k":
        params["level"] = 3
    with pytest.warns(UserWarning, match="no effect, as scores are about all labels") as caught:
        label_goals(params, LABELS, 99.0, False)
    assert len(caught) == 1


def test_the_tuner_in_a_comparison_is_the_users():
    """A user's tuned classifier keeps its own objective, whatever the comparison's goal is."""
    tuned = TunedDecisionClassifierCV(LogisticRegression(), objective="f1", cv=2, random_state=0)
    result = compare(TWO, estimators={"mine": tuned}, objective="brier")
    assert result.best_estimator(refit=False)[-1].objective == "f1"
