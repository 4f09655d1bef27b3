"""Rows that are held out; samplers within a fit, and the sentences for what they may not return."""

import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from imblearn import FunctionSampler
from imblearn.combine import SMOTEENN, SMOTETomek
from imblearn.over_sampling import (
    ADASYN,
    SMOTE,
    SMOTEN,
    SMOTENC,
    KMeansSMOTE,
    RandomOverSampler,
)
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import EditedNearestNeighbours, RandomUnderSampler
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler

from skimbalance._fit.data import Data, resample
from skimbalance._fit.held_out import hold_out
from skimbalance._fit.targets import Classes, Labels, Steps
from skimbalance.preprocessing._encoder import TableEncoder
from skimbalance.sampling import EachClassSMOTE

CLASSES = np.array(["no", "yes"])


def data(*counts, weighted=False):
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    # Far from 0 and 1, and of two units.
    X = rng.normal([5, 300], [1, 50], size=(len(y), 2)) + y[:, None]
    return Data((X,), np.arange(len(y)), y, np.ones(len(y)), weighted)


def resampled(sampler, train, *, scaled=True, seed=0, classes=CLASSES):
    encoder = None
    if scaled:
        encoder = TableEncoder.learn(
            train.X[0], train.index, None, np.full(2, -1), standardize=True
        )
    return resample(sampler, train, encoder, classes, seed)


def returns(X=lambda X: X, y=lambda y: y):
    """A sampler that returns functions of the rows and labels."""

    class Sampler(BaseEstimator):
        def fit_resample(self, rows, labels):
            return X(rows), y(labels)

    return Sampler()


NESTED = {
    "pipeline": make_pipeline(SMOTE(sampling_strategy=0.5), RandomUnderSampler()),
    "in a pipeline in a pipeline": make_pipeline(make_pipeline(RandomOverSampler(shrinkage=1.0))),
    "combination": SMOTETomek(smote=SMOTE(k_neighbors=3)),
    "both": SMOTEENN(smote=SMOTE()),
    "each class": make_pipeline(EachClassSMOTE()),
    "alone": SMOTE(),
}


@pytest.mark.parametrize("sampler", NESTED.values(), ids=NESTED)
def test_every_sampler_within_a_sampler_has_a_seed(sampler):
    before = repr(sampler.get_params())
    one, same, other = (resampled(sampler, data(80, 20), seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.X[0], same.X[0])
    assert not np.array_equal(one.X[0], other.X[0])
    assert repr(sampler.get_params()) == before


@pytest.mark.parametrize("given", [7, np.random.RandomState(7)], ids=["int", "generator"])
def test_seeds_that_are_given_stay(given):
    state = given if isinstance(given, int) else np.random.RandomState(7)
    sampler = make_pipeline(SMOTE(random_state=given))
    for seed in (1, 2):
        found = resampled(sampler, data(80, 20), scaled=False, seed=seed)
        rows, labels = data(80, 20).X[0], CLASSES[data(80, 20).y]
        expected = SMOTE(random_state=state).fit_resample(rows, labels)[0]
        np.testing.assert_array_equal(found.X[0], expected)
        state = 7 if isinstance(given, int) else np.random.RandomState(7)


@pytest.mark.parametrize("output", ["pandas", "polars"])
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize(
    "sampler",
    [
        RandomOverSampler(),
        RandomUnderSampler(),
        SMOTE(),
        SMOTENC([0]),
        EachClassSMOTE([0]),
        make_pipeline(StandardScaler(), SMOTE()),
        make_pipeline(StandardScaler().set_output(transform="pandas"), SMOTE()),
        FunctionSampler(),
    ],
    ids=lambda sampler: type(sampler).__name__,
)
def test_rows_are_the_same_whatever_output_is_configured(sampler, scaled, output):
    train = data(80, 20)
    train.X[0][:, 0] = train.X[0][:, 0].round()
    expected = resampled(sampler, train, scaled=scaled)
    with sklearn.config_context(transform_output=output):
        found = resampled(sampler, train, scaled=scaled)
        assert sklearn.get_config()["transform_output"] == output
    assert type(found.X[0]) is np.ndarray
    np.testing.assert_array_equal(found.X[0][found.index], expected.X[0][expected.index])
    np.testing.assert_array_equal(found.y, expected.y)


@pytest.mark.parametrize(
    "sampler",
    [
        SMOTE(),
        ADASYN(),
        SMOTEENN(),
        SMOTETomek(smote=SMOTE(k_neighbors=3)),
        SMOTEN(),
        KMeansSMOTE(),
        make_pipeline(SMOTE(), RandomUnderSampler()),
        make_pipeline(StandardScaler(), make_pipeline(SMOTE())),
    ],
    ids=lambda sampler: type(sampler).__name__,
)
def test_a_class_with_too_few_rows_is_named(sampler):
    says = r"'sampling' parameter must .* class 'yes' has only 3\. Got an error from \w+\(.*instead"
    with pytest.raises(ValueError, match=says) as caught:
        resampled(sampler, data(60, 3))
    if not isinstance(sampler, KMeansSMOTE):  # which does not name neighbours
        assert "_neighbors to 2 or less, or use another sampler" in str(caught.value)
    assert "EachClassSMOTE" in str(caught.value) or isinstance(sampler, KMeansSMOTE)
    assert "random_state" not in str(caught.value)
    assert resampled(EachClassSMOTE(), data(60, 3)).y.mean() == 0.5


@pytest.mark.parametrize(
    ("sampler", "says"),
    [
        (EditedNearestNeighbours(sampling_strategy="all"), "keep rows of every class. Got no row "
         "of 'yes' from the 63 training rows from EditedNearestNeighbours("),
        (FunctionSampler(func=lambda X, y: (X[y == "no"], y[y == "no"])), "no row of 'yes'"),
        (returns(lambda X: X[:0], lambda y: y[:0]), "no row of 'no', 'yes'"),
        (returns(y=lambda y: np.where(y == "yes", "maybe", y)), "labels of y: ['no', 'yes']. Got "
         "['maybe'] from Sampler()."),
        (returns(y=lambda y: np.arange(len(y))), "labels of y: ['no', 'yes']. Got [0, 1, "),
        (FunctionSampler(func=lambda X, y: None, validate=False), "label for each. Got None from"),
        (FunctionSampler(func=lambda X, y: (X, y, 1), validate=False), "label for each. Got (arra"),
        (returns(y=lambda y: np.eye(2)[[0] * len(y)]), "rows and a class label for each. Got ("),
        (returns(y=lambda y: y[1:]), "a label for each row. Got 63 rows and 62 labels"),
        (returns(lambda X: X[:, :1]), "the 2 columns of X. Got rows of shape (63, 1)"),
        (returns(lambda X: X[0]), "the 2 columns of X. Got rows of shape (2,)"),
        (returns(lambda X: X * np.nan), "finite numbers. Got other values"),
        (returns(lambda X: X.astype(str)), "finite numbers. Got other values"),
        (returns(y=lambda y: 1 / 0), "division"),
    ],
)  # fmt: skip
def test_what_a_sampler_must_not_return(sampler, says):
    kind = ZeroDivisionError if says == "division" else ValueError
    with pytest.raises(kind) as caught:
        resampled(sampler, data(60, 3))
    assert says in str(caught.value)
    assert kind is not ValueError or "'sampling' parameter must " in str(caught.value)


CONTAINERS = {
    "pandas": (pd.DataFrame, lambda y: pd.Series(y, dtype="category")),
    "polars": (pl.DataFrame, pl.Series),
    "lists": (np.ndarray.tolist, list),
    "sparse": (csr_array, np.array),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_containers_of_any_kind_are_taken(container):
    sampler = returns(*CONTAINERS[container])
    found = resampled(sampler, data(60, 3))
    np.testing.assert_allclose(found.X[0], data(60, 3).X[0])
    np.testing.assert_array_equal(found.y, data(60, 3).y)


def test_rows_that_are_named_keep_their_weights_only_where_their_labels_stay():
    train = data(60, 10, weighted=True)
    selected = resampled(RandomUnderSampler(), train)
    assert selected.weighted
    assert len(selected.y) == 20

    class Relabels(RandomUnderSampler):
        def _fit_resample(self, X, y):
            rows, labels = super()._fit_resample(X, y)
            return rows, labels[::-1].copy()

    with pytest.raises(ValueError, match="must not be used with 'sample_weight'"):
        resampled(Relabels(), train)


# Held-out rows

RARE = np.repeat([0, 1], [300, 40])
FEW = {
    "classes": (Classes(CLASSES), RARE, "class 'yes'"),
    "steps": (Steps(CLASSES), np.stack([np.zeros_like(RARE), RARE], axis=1), "class 'yes'"),
    "labels": (
        Labels(2, names=["a", "b"]),
        np.stack([np.arange(340) % 2, RARE], axis=1).astype(np.int8),
        "label 'b'",
    ),
}


@pytest.mark.parametrize(("target", "y", "words"), FEW.values(), ids=FEW)
def test_few_held_out_rows_are_warned_of_by_name(target, y, words):
    rows = Data((np.zeros((len(y), 1)),), np.arange(len(y)), y, np.ones(len(y)), False)

    def held_out(early_stopping, fraction, rows=rows):
        settings = SimpleNamespace(early_stopping=early_stopping, validation_fraction=fraction)
        return hold_out(settings, rows, target, np.random.default_rng(0))[1]

    with pytest.warns(UserWarning, match=f"Few held-out rows judge {words}: 4, so which epoch"):
        held_out(True, 0.1)
    with pytest.warns(UserWarning, match=f"There are only 1 of {words}, so training does not"):
        assert held_out(True, 0.1, rows.take(np.arange(301))) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert held_out(True, 0.3) is not None
        assert held_out("auto", 0.1) is None
        assert held_out(False, 0.1) is None
