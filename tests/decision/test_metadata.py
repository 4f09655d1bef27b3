"""Weights and groups of the rows, on their way through the meta-estimators."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as sampled
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    LeaveOneGroupOut,
    StratifiedGroupKFold,
    cross_validate,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skimbalance import TunedDecisionClassifierCV, compare_strategies
from skimbalance.prior import PriorCorrectedClassifier

X, Y = make_classification(
    400, 4, n_informative=3, n_redundant=0, weights=[0.8], n_clusters_per_class=1, random_state=0
)
WEIGHT = np.where(Y == 1, 20.0, 0.05) * (1 + np.arange(400) % 3)
GROUPS = np.arange(400) // 40

ROUTED = {"enable_metadata_routing": True}


def tuner(estimator, **params):
    return TunedDecisionClassifierCV(estimator, random_state=0, **params)


def requested(estimator):
    with sklearn.config_context(**ROUTED):
        return estimator.set_fit_request(sample_weight=True)


def piped(estimator):
    return make_pipeline(FunctionTransformer(), estimator)


def wrapped(meta, estimator, routing, **given):
    with sklearn.config_context(**(ROUTED if routing else {})):
        return meta(estimator).fit(X, Y, **given)


@pytest.mark.parametrize("meta", [tuner, PriorCorrectedClassifier])
def test_weights_mean_the_same_in_whatever_way_they_are_given(meta):
    weight = {"sample_weight": WEIGHT}
    expected = wrapped(meta, LogisticRegression(), False, **weight)
    plain = wrapped(meta, LogisticRegression(), False)
    assert not np.array_equal(expected.predict(X), plain.predict(X))
    with sklearn.config_context(**ROUTED):
        request = LogisticRegression().set_fit_request(sample_weight=True)
        alias = LogisticRegression().set_fit_request(sample_weight="w")
    ways = [
        wrapped(meta, LogisticRegression(), False, sample_weight=pd.Series(WEIGHT, Y)),
        wrapped(meta, LogisticRegression(), False, sample_weight=WEIGHT.tolist()),
        wrapped(meta, piped(LogisticRegression()), False, **weight),
        wrapped(meta, piped(piped(LogisticRegression())), False, **weight),
        wrapped(meta, request, True, **weight),
        wrapped(meta, piped(piped(request)), True, **weight),
        wrapped(meta, alias, True, w=WEIGHT),
        wrapped(meta, piped(piped(alias)), True, w=WEIGHT),
    ]
    for way in ways:
        np.testing.assert_allclose(way.predict_proba(X), expected.predict_proba(X), atol=1e-9)
        if meta is tuner:
            assert way.threshold_ == pytest.approx(expected.threshold_, abs=1e-9)
            assert way.objective_score_ == pytest.approx(expected.objective_score_, abs=1e-9)


@pytest.mark.parametrize("meta", [tuner, PriorCorrectedClassifier])
def test_weights_for_a_step_are_refused(meta):
    with pytest.raises(ValueError, match=r"must be given to \w+ as 'sample_weight', which goes"):
        meta(piped(LogisticRegression())).fit(X, Y, logisticregression__sample_weight=WEIGHT)


@pytest.mark.parametrize("wrap", [lambda clf: clf, piped])
def test_weights_count_in_the_objective_where_the_estimator_takes_none(wrap):
    plain = tuner(wrap(KNeighborsClassifier())).fit(X, Y)
    with pytest.warns(UserWarning, match="KNeighborsClassifier does not take sample_weight"):
        weighted = tuner(wrap(KNeighborsClassifier())).fit(X, Y, sample_weight=WEIGHT)
    assert weighted.threshold_ != plain.threshold_


@pytest.mark.parametrize("meta", [tuner, PriorCorrectedClassifier])
def test_weights_that_no_one_asks_for_are_refused_by_routing(meta):
    with (
        sklearn.config_context(**ROUTED),
        pytest.raises(ValueError, match="not explicitly set as requested or not requested"),
    ):
        meta(LogisticRegression()).fit(X, Y, sample_weight=WEIGHT)


@pytest.mark.filterwarnings("ignore:Decisions for classes with fewer than 10")
@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("meta", [tuner, PriorCorrectedClassifier])
def test_weights_count_in_whatever_stands_around(meta, routing):
    """Each outer estimator fits another model with weights than without."""
    inner = requested(LogisticRegression()) if routing else LogisticRegression()
    clf = meta(inner)
    around = [
        GridSearchCV(clf, {"estimator__C": [1.0]}, cv=3),
        CalibratedClassifierCV(clf, ensemble=False, cv=3),
        make_pipeline(FunctionTransformer(), clf),
        tuner(clf),
    ]
    if not routing:
        around.append(BaggingClassifier(clf, 3, random_state=0))
        around.append(AdaBoostClassifier(clf, n_estimators=2, random_state=0))
    if meta is tuner:
        around.append(tuner(PriorCorrectedClassifier(inner)))
    with sklearn.config_context(**(ROUTED if routing else {})):
        clf.set_score_request(sample_weight=True) if routing else None
        for outer in around:
            name = "sample_weight"
            if hasattr(outer, "steps") and not routing:
                name = f"{outer.steps[-1][0]}__sample_weight"
            if isinstance(outer, CalibratedClassifierCV) and routing:
                outer.set_fit_request(sample_weight=True)
            weighted = outer.fit(X, Y, **{name: WEIGHT}).predict_proba(X)
            assert not np.allclose(weighted, outer.fit(X, Y).predict_proba(X), atol=0.01)


@pytest.mark.parametrize("meta", [tuner, PriorCorrectedClassifier])
def test_cross_validation_routes_weights_to_the_fit(meta):
    options = {"cv": 3, "return_estimator": True, "error_score": "raise"}
    with sklearn.config_context(**ROUTED):
        clf = meta(LogisticRegression().set_fit_request(sample_weight=True))
        params = {"sample_weight": WEIGHT}
        clf.set_score_request(sample_weight=True)
        weighted = cross_validate(clf, X, Y, params=params, **options)["estimator"]
        plain = cross_validate(clf, X, Y, **options)["estimator"]
    for one, other in zip(weighted, plain, strict=True):
        assert not np.allclose(one.predict_proba(X), other.predict_proba(X), atol=0.01)


class OfNewGroups(ClassifierMixin, BaseEstimator):
    """Predicts only rows of groups, named in the first column, that it was not trained on."""

    def fit(self, X, y):
        self.groups_, self.inner_ = set(np.asarray(X)[:, 0]), GaussianNB().fit(X, y)
        self.classes_ = self.inner_.classes_
        return self

    def predict_proba(self, X):
        assert self.groups_.isdisjoint(np.asarray(X)[:, 0])
        return self.inner_.predict_proba(X)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


WITH_GROUP = np.column_stack([GROUPS, X])
SPLITTERS = [
    3,
    GroupKFold(3),
    StratifiedGroupKFold(3),
    LeaveOneGroupOut(),
    GroupShuffleSplit(3, random_state=0),
]
FORMS = [np.asarray, list, pd.Series, lambda groups: np.array([f"g{g}" for g in groups])]


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("cv", SPLITTERS, ids=str)
def test_no_group_is_divided(cv, routing):
    with sklearn.config_context(**(ROUTED if routing else {})):
        fitted = tuner(OfNewGroups(), cv=cv).fit(WITH_GROUP, Y, groups=GROUPS)
        assert fitted.objective_score_ > 0.5
        outer = GridSearchCV(tuner(GaussianNB(), cv=cv), {"objective": ["mcc"]}, cv=cv)
        search = outer.fit(X, Y, groups=GROUPS) if routing else None
        assert search is None or search.best_score_ > 0.5


@pytest.mark.parametrize("form", FORMS)
def test_groups_in_any_form(form):
    expected = tuner(GaussianNB(), cv=GroupKFold(3)).fit(X, Y, groups=GROUPS)
    fitted = tuner(GaussianNB(), cv=GroupKFold(3)).fit(X, Y, groups=form(GROUPS))
    assert fitted.objective_score_ > 0.5
    if form is not FORMS[-1]:
        assert fitted.threshold_ == expected.threshold_


@pytest.mark.parametrize("cv", SPLITTERS, ids=str)
def test_a_comparison_divides_no_group(cv):
    candidate = make_pipeline(FunctionTransformer(), OfNewGroups())
    in_tuner = make_pipeline(FunctionTransformer(), tuner(OfNewGroups(), cv=cv))
    estimators = {"pipeline": candidate, "tuned": tuner(OfNewGroups(), cv=cv), "in": in_tuner}
    result = compare_strategies(
        pd.DataFrame(WITH_GROUP), Y, strategies=[], estimators=estimators, cv=cv, groups=GROUPS,
        verbose=0,
    )  # fmt: skip
    assert result.scores.min() >= 0
    assert set(result.best_estimator().predict(pd.DataFrame(WITH_GROUP) + 1000)) <= {0, 1}


def test_multilabel_rows_of_a_group_stay_together():
    y = np.column_stack([Y, np.arange(400) % 2])

    class OfNewGroupsToo(OneVsRestClassifier):
        def fit(self, X, y):
            self.groups_ = set(X[:, 0])
            return super().fit(X, y)

        def predict_proba(self, X):
            assert self.groups_.isdisjoint(X[:, 0])
            return super().predict_proba(X)

    for cv in (3, GroupKFold(3)):
        fitted = tuner(OfNewGroupsToo(GaussianNB()), cv=cv).fit(WITH_GROUP, y, groups=GROUPS)
        assert fitted.threshold_.shape == (2,)


@pytest.mark.parametrize("cv", SPLITTERS[1:], ids=str)
def test_missing_groups_are_asked_for(cv):
    with pytest.raises(ValueError, match=r"'groups' parameter of TunedDecision.* splits by groups"):
        tuner(GaussianNB(), cv=cv).fit(X, Y)
    with pytest.raises(ValueError, match="'groups' parameter of compare_strategies must hold"):
        compare_strategies(X, Y, strategies=["plain"], cv=cv, verbose=0)


def test_groups_without_rows_to_train_on_are_refused():
    fitted = GaussianNB().fit(X, Y)
    with pytest.raises(ValueError, match="must be None with cv='prefit'"):
        tuner(fitted, cv="prefit").fit(X, Y, groups=GROUPS)


SENSELESS_GROUPS = {
    "too few": GROUPS[1:],
    "two columns": np.column_stack([GROUPS, GROUPS]),
    "text and none": ["a", None] * 200,
    "a name": "customer",
    "dict": {"a": 1},
}


@pytest.mark.parametrize("groups", SENSELESS_GROUPS.values(), ids=SENSELESS_GROUPS)
@pytest.mark.parametrize("cv", [3, GroupKFold(3), StratifiedGroupKFold(3)], ids=str)
def test_groups_that_make_no_sense_are_refused(cv, groups):
    message = "The 'groups' parameter of {} must hold a group for each of the 400 rows"
    with pytest.raises(ValueError, match=message.format("TunedDecisionClassifierCV")):
        tuner(GaussianNB(), cv=cv).fit(X, Y, groups=groups)
    with pytest.raises(ValueError, match=message.format("compare_strategies")):
        compare_strategies(X, Y, strategies=["plain"], cv=cv, groups=groups, verbose=0)


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("meta", [tuner, PriorCorrectedClassifier])
def test_weights_of_rows_that_a_sampler_draws_are_refused(meta, nested, routing):
    pipe = sampled(RandomOverSampler(random_state=0), requested(LogisticRegression()))
    with pytest.raises(ValueError, match="must be None for a pipeline with a sampler"):
        wrapped(meta, piped(pipe) if nested else pipe, routing, sample_weight=WEIGHT)


def test_weights_of_sampled_rows_count_in_the_objective_alone():
    pipe = sampled(RandomOverSampler(random_state=0), GaussianNB()).fit(X, Y)
    weighted = tuner(pipe, cv="prefit").fit(X, Y, sample_weight=WEIGHT)
    expected = tuner(pipe[-1], cv="prefit").fit(X, Y, sample_weight=WEIGHT)
    assert weighted.threshold_ == expected.threshold_


IMPOSSIBLE = {
    "out of range": [(np.arange(200), np.arange(200, 401))],
    "from the end": [(np.arange(200), -np.arange(1, 201))],
    "training rows from the end": [(-np.arange(1, 201), np.arange(200))],
    "no held-out rows": [(np.arange(200), np.arange(0))],
    "fractions": [(np.arange(200), [1.5])],
    "one part": [(np.arange(200),)],
    "numbers": [1, 2, 3],
    "text": [("a", "b")],
    "none": [],
}


@pytest.mark.parametrize("cv", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_impossible_folds_are_refused(cv):
    with pytest.raises(
        ValueError, match="The 'cv' parameter of TunedDecisionClassifierCV must give"
    ):
        tuner(GaussianNB(), cv=cv).fit(X, Y)
    with pytest.raises(ValueError, match="The 'cv' parameter of compare_strategies must give"):
        compare_strategies(
            X, Y, strategies=[], estimators={"naive": GaussianNB()}, cv=cv, verbose=0
        )


@pytest.mark.parametrize("value", ["a", None, np.ones(2), np.nan, 1j, [0.5]], ids=str)
def test_objectives_that_return_no_number_are_refused(value):
    y = np.column_stack([Y, np.arange(400) % 2])
    message = "The 'objective' function of {} must return a finite number. Got"
    for clf, target in ((GaussianNB(), Y), (OneVsRestClassifier(GaussianNB()), y)):
        with pytest.raises(ValueError, match=message.format("TunedDecisionClassifierCV")):
            tuner(clf, objective=lambda *_: value).fit(X, target)
    with pytest.raises(ValueError, match=message.format("compare_strategies")):
        compare_strategies(
            X, Y, strategies=[], estimators={"naive": GaussianNB()}, cv=2, verbose=0,
            objective=lambda *_: value,
        )  # fmt: skip
