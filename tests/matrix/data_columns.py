"""Columns of the matrix about copies of things, weights, groups, and forms of the data."""

import pickle
from inspect import signature

import numpy as np
import pandas as pd
import polars as pl
import sklearn
from matrix.rows import (
    LABELS,
    N_ROWS,
    STEPS,
    Comparison,
    Function,
    Splitter,
    Table,
    X,
    Y,
    mlp,
    numbers_of,
    of_keras,
    tagger,
    through_a_file,
    tuned,
)
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.pipeline import make_pipeline as make_plain_pipeline
from sklearn.preprocessing import FunctionTransformer

from skimbalance import (
    ImbalancedEnsembleClassifier,
    ImbalancedMLPClassifier,
    PriorCorrectedClassifier,
    TunedDecisionClassifierCV,
)
from skimbalance.metrics import average_precision_by_class, calibration_error_by_class
from skimbalance.model_selection import Inputs

WEIGHT = 1.0 + np.arange(N_ROWS) % 3
GROUPS = np.arange(N_ROWS) // 4

FOR_TABLES = ImbalancedMLPClassifier | ImbalancedEnsembleClassifier

WORDS = np.array(["common", "rare"])


def assert_same(one, other, tolerance=1e-9):
    np.testing.assert_allclose(one, other, atol=tolerance, rtol=0)


def column_names(X):
    return [f"column {i}" for i in range(X.shape[1])]


def in_frame(X):
    return pd.DataFrame(X, columns=column_names(X))


def in_polars(X):
    return pl.DataFrame(X, schema=column_names(X))


# What one does to things


def in_search_of(row):
    """A search whose folds are those of a splitter."""
    return GridSearchCV(row.make(), {}, cv=row.thing(None, row.X, row.y), scoring="accuracy")


def cloned(row):
    if isinstance(row, Splitter):
        folds = list(clone(in_search_of(row)).cv.split(row.X, row.y))
        assert_same(numbers_of(folds), row.outcome(None, row.X, row.y))
        return
    copy = clone(row.make())
    assert copy.get_params(deep=False).keys() == row.make().get_params(deep=False).keys()
    assert_same(row.outcome(copy, row.X, row.y), row.outcome(row.make(), row.X, row.y), 0)


def pickled(row):
    thing = row.thing(row.make(), row.X, row.y)
    again = pickle.loads(pickle.dumps(thing))
    if isinstance(row, Splitter):
        folds = list(again.split(row.X, row.y))
        assert_same(numbers_of(folds), row.outcome(None, row.X, row.y))
    else:
        assert_same(row.numbers(again, row.X), row.numbers(thing, row.X), 0)


def in_model_file(row):
    if isinstance(row, Splitter):
        fitted = tuned().fit(X, Y).set_params(cv=row.thing(None, row.X, row.y))
        folds = list(through_a_file(fitted).cv.split(row.X, row.y))
        assert_same(numbers_of(folds), row.outcome(None, row.X, row.y))
        return
    fitted = row.thing(row.make(), row.X, row.y)
    assert_same(row.numbers(through_a_file(fitted), row.X), row.numbers(fitted, row.X), 0)


# Weights and groups


def asking(estimator):
    """The estimator, with a request for weights in each part that takes them."""
    for part in [estimator, *estimator.get_params().values()]:
        routes = isinstance(part, PriorCorrectedClassifier | TunedDecisionClassifierCV)
        takes = hasattr(part, "fit") and "sample_weight" in signature(part.fit).parameters
        if takes and not routes:
            part.set_fit_request(sample_weight=True)
    return estimator


def routed_weights(row):
    """Weights reach the fit through a pipeline; without a fit, a weight of 2 counts a row twice."""
    if isinstance(row, Function):
        repeated = np.repeat(np.arange(N_ROWS), WEIGHT.astype(int))
        for function in (average_precision_by_class, calibration_error_by_class):
            weighted = function(row.y, row.X, sample_weight=WEIGHT)
            assert_same(weighted, function(row.y[repeated], row.X[repeated]))
            assert not np.allclose(weighted, function(row.y, row.X))
        return
    if isinstance(row, Comparison):
        plain, weighted = row.outcome(row.make(), row.X, row.y), {"sample_weight": WEIGHT}
        expected = row.outcome(row.make(), row.X, row.y, **weighted)
        with sklearn.config_context(enable_metadata_routing=True):
            assert_same(row.outcome(asking(row.make()), row.X, row.y, **weighted), expected)
        assert not np.allclose(expected, plain, atol=1e-4)
        return
    estimator, step = row.make(), ""
    if isinstance(row, Table):
        step = f"{type(estimator).__name__.lower()}__"
    elif isinstance(estimator, Pipeline):
        step = f"{estimator.steps[-1][0]}__"
    plain = row.outcome(estimator, row.X, row.y)
    expected = row.outcome(estimator, row.X, row.y, **{f"{step}sample_weight": WEIGHT})
    with sklearn.config_context(enable_metadata_routing=True):
        piped = make_plain_pipeline(FunctionTransformer(), asking(row.make()))
        routed = row.outcome(piped, row.X, row.y, sample_weight=WEIGHT)
    assert_same(routed, expected)
    assert not np.allclose(routed, plain, atol=1e-4)


def routed_groups(row):
    """Folds by group are the same as the same folds by hand, where `fit` gets its groups, too."""
    folds = list(GroupKFold(2).split(row.X, groups=GROUPS))
    if isinstance(row, Comparison):
        routed = row.outcome(row.make(), row.X, row.y, cv=GroupKFold(2), groups=GROUPS)
        assert_same(routed, row.outcome(row.make(), row.X, row.y, cv=folds))
        return
    if isinstance(row, Splitter):
        row.outcome(None, row.X, row.y, groups=GROUPS)
        return
    # scikit-learn cannot put together probabilities of steps.
    method = "predict" if row.y.ndim == 2 else "predict_proba"
    options = {"cv": GroupKFold(2), "method": method, "params": {"groups": GROUPS}}
    with sklearn.config_context(enable_metadata_routing=True):
        routed = cross_val_predict(row.make(), row.X, row.y, **options)
    for train, test in folds:
        estimator = row.make()
        takes = "groups" in signature(estimator.fit).parameters
        given = {"groups": GROUPS[train]} if takes else {}
        fitted = estimator.fit(row.X[train], row.y[train], **given)
        assert_same(routed[test], getattr(fitted, method)(row.X[test]), 1e-6)


# Forms of the data


def same_in_form(row, X, y):
    expected = row.outcome(row.make(), row.X, row.y)
    assert_same(row.outcome(row.make(), X, y), expected, 1e-6)


def from_frame(row):
    same_in_form(row, in_frame(row.X), pd.Series(row.y) if row.y.ndim == 1 else in_frame(row.y))


def from_polars(row):
    same_in_form(row, in_polars(row.X), pl.Series(row.y) if row.y.ndim == 1 else in_polars(row.y))


def from_sparse(row):
    rows = csr_matrix(row.X)
    if isinstance(row.make(), FOR_TABLES):  # which do not center sparse numbers
        actual, expected = (row.outcome(row.make(), X, row.y) for X in (rows, rows.tocsc()))
        assert_same(actual, expected)
        return
    same_in_form(row, rows, row.y)


def with_missing_values(row):
    gaps = row.X.copy()
    gaps[::7, 1] = np.nan
    filled = row.X if isinstance(row, Splitter) else np.nan_to_num(gaps)
    if isinstance(row, Table):  # which fills with medians, and says where
        medians = np.where(np.isnan(gaps), np.nanmedian(gaps, axis=0), gaps)
        filled = np.column_stack([medians, np.isnan(gaps[:, 1])])
        assert_same(row.outcome(row.make(), gaps, row.y), row.other_way(row.make(), gaps, row.y))
        return
    if isinstance(row.make(), FOR_TABLES):  # which fill with medians and have flags
        filled = pd.DataFrame(gaps).astype(object).where(~np.isnan(gaps), None).to_numpy()
    actual, expected = (row.outcome(row.make(), rows, row.y) for rows in (gaps, filled))
    assert_same(actual, expected)


def with_text_labels(row):
    words = WORDS[row.y]
    frame = pd.Series(words) if words.ndim == 1 else in_frame(words)
    for y in (words, words.astype(object), frame):
        same_in_form(row, row.X, y)


# Other targets, and several inputs


def around_another(row, other):
    """The row's estimator, with another one in the place of scikit-learn's classifier."""
    estimator = row.make()
    parts = {"": estimator, **estimator.get_params()}
    for name in sorted(parts, key=len):
        steps = getattr(parts[name], "named_steps", {})
        if isinstance(parts[name], LogisticRegression) or "simpleimputer" in steps:
            return estimator.set_params(**{name: other}) if name else other
    return estimator


def with_labels(row):
    """A sparse indicator matrix gives the same as a dense one."""
    estimator = around_another(row, OneVsRestClassifier(LogisticRegression()))
    sparse, dense = (row.outcome(estimator, row.X, y) for y in (csr_matrix(LABELS), LABELS))
    assert len(dense)
    assert_same(sparse, dense)


def with_missing_labels(row):
    """NaN is read as pandas' NA is, and a row without any known label is as absent."""
    if row.make is tagger and not isinstance(row, Splitter):
        weight = 1.0 + np.arange(4) % 2 * (np.arange(N_ROWS)[:, np.newaxis] % 3 - 1)
        ignoring = tagger(ignore_label=-1)
        ignored = row.outcome(
            ignoring, row.X, np.where(weight > 0, row.y, -1), sample_weight=weight
        )
        assert_same(ignored, row.outcome(row.make(), row.X, row.y, sample_weight=weight))
        return
    labels = LABELS.astype(float)
    labels[::5, 1], labels[1::7, 2] = np.nan, np.nan
    estimator = around_another(row, mlp())
    expected = row.outcome(estimator, row.X, labels)
    assert_same(row.outcome(estimator, row.X, in_frame(labels).astype("Int64")), expected, 1e-6)
    if row.trains and not isinstance(estimator, ImbalancedEnsembleClassifier):
        more = np.vstack([row.X, row.X[:8] + 1]), np.vstack([labels, np.full((8, 3), np.nan)])
        assert_same(row.numbers(row.thing(estimator, *more), row.X), expected, 1e-6)


def with_sequences(row):
    """Lists of unequal length give the same as an array in which the other steps are masked."""
    mask = np.arange(4) >= 2 + np.arange(N_ROWS)[:, np.newaxis] % 3
    masked = [np.ma.masked_array(values, mask) for values in (X, STEPS)]
    lists = [[values.compressed().tolist() for values in array] for array in masked]
    estimator = around_another(row, tagger())
    if isinstance(row, Splitter):
        assert_same(row.outcome(None, *lists), row.outcome(None, *masked))
        return
    from_lists = row.thing(estimator, *lists)
    from_arrays = row.thing(estimator, masked[0], STEPS)
    assert_same(*(row.numbers(thing, lists[0]) for thing in (from_lists, from_arrays)), 1e-6)


def with_inputs(row):
    """A dict of inputs gives the same as a list of them, and as `Inputs` in another order."""
    estimator = around_another(row, of_keras())
    left, right = row.X[:, :2], row.X[:, 2:]
    expected = row.outcome(estimator, {"left": left, "right": right}, row.y)
    of_inputs = Inputs({"right": right, "left": left})
    assert_same(row.outcome(estimator, of_inputs, row.y), expected)
    assert_same(row.outcome(estimator, [left, right], row.y), expected)
