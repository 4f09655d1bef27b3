"""Columns of the matrix about other estimators around a classifier, and the stacked backend."""

from inspect import signature

import joblib
import numpy as np
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from matrix.data_columns import assert_same
from matrix.rows import (
    N_ROWS,
    Comparison,
    Splitter,
    numbers_of,
)
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict

from skimbalance import (
    PriorCorrectedClassifier,
    TunedDecisionClassifierCV,
)

# Other estimators around


def around(wrap, inner):
    """A column for a meta-estimator.

    It takes a splitter as it takes the same folds in a list. It is seen as what it predicts. And
    the classifier inside is, by `inner`, the same as that classifier alone.
    """

    def check(row):
        if isinstance(row, Splitter):
            splitter = row.thing(None, row.X, row.y)
            cvs = (splitter, list(splitter.split(row.X, row.y)))
            fits = [wrap(row.make(), cv=cv).fit(row.X, row.y) for cv in cvs]
            assert_same(*(numbers_of(np.asarray(fit.predict_proba(row.X))) for fit in fits))
            return
        estimator = wrap(row.make())
        outcome = row.outcome(estimator, row.X, row.y)
        if row.other_way is not None:
            assert_same(outcome, row.other_way(estimator, row.X, row.y))
            return
        fitted = row.thing(estimator, row.X, row.y)
        part, alone, rows = inner(fitted, row)
        assert_same(row.numbers(part, row.X), row.numbers(clone(alone).fit(*rows), row.X), 1e-6)

    return check


def in_attribute(name):
    """A classifier that is fitted on all rows, and found under a name."""

    def inner(fitted, row):
        part = getattr(fitted, name)
        part = part[0] if isinstance(part, list) else part
        return (
            getattr(part, "estimator", part) if name[0] == "c" else part,
            row.make(),
            (row.X, row.y),
        )

    return inner


def of_bag(fitted, row):
    """The first member, and the rows that it drew; as weights, where it takes weights."""
    member, drawn = fitted.estimators_[0], fitted.estimators_samples_[0]
    if "sample_weight" in signature(member.fit).parameters:
        return member, member, (row.X, row.y, np.bincount(drawn, minlength=N_ROWS))
    return member, member, (row.X[drawn], row.y[drawn])


def of_sampler(fitted, row):
    rows = RandomOverSampler(random_state=0).fit_resample(row.X, row.y)
    return fitted[-1], row.make(), rows


in_pipeline_with_sampler = around(
    lambda e: make_pipeline(RandomOverSampler(random_state=0), e), of_sampler
)
in_tuner = around(
    lambda e, cv=2: TunedDecisionClassifierCV(e, cv=cv, random_state=0),
    in_attribute("estimator_"),
)
in_prior = around(PriorCorrectedClassifier, in_attribute("estimator_"))
in_calibration = around(
    lambda e, cv=2: CalibratedClassifierCV(e, ensemble=False, cv=cv),
    in_attribute("calibrated_classifiers_"),
)
in_bagging = around(lambda e: BaggingClassifier(e, 2, random_state=0), of_bag)
in_stacking = around(
    lambda e, cv=2: StackingClassifier([("it", e)], LogisticRegression(), cv=cv),
    in_attribute("estimators_"),
)
in_search = around(
    lambda e, cv=2: GridSearchCV(e, {}, cv=cv, error_score="raise"),
    in_attribute("best_estimator_"),
)


def in_stacked_backend(row):
    """Folds that train together give what they give one by one."""
    if isinstance(row, Comparison):  # which always trains so
        ways = (row.outcome, row.other_way)
        assert_same(*(way(row.make(), row.X, row.y) for way in ways))
        return
    cv = row.thing(None, row.X, row.y) if isinstance(row, Splitter) else 2
    method = "predict" if row.y.ndim == 2 else "predict_proba"

    def predicted(n_jobs):
        return cross_val_predict(row.make(), row.X, row.y, cv=cv, method=method, n_jobs=n_jobs)

    with joblib.parallel_config(backend="stacked"):
        stacked = predicted(2)
    assert_same(stacked, predicted(None), 1e-5)
