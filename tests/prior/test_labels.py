"""Prior correction in the multilabel case: that of each label alone."""

import re

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from scipy.sparse import csr_matrix, issparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import make_pipeline as make_plain_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import get_tags

from skimbalance import ImbalancedMLPClassifier
from skimbalance.prior import PriorCorrectedClassifier

NAMES = ["common", "rare", "rarest"]
SHARES = np.array([0.4, 0.2, 0.06])
WEIGHTS = [None, "balanced", {0: 1, 1: 8}]


def cells(n=400, seed=0):
    """Rows in six cells, which a tree separates, and labels that are more frequent in some."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 6, n)
    y = rng.random((n, 3)) < SHARES * (0.4 + 0.25 * x[:, None])
    return x[:, None].astype(float), pd.DataFrame(y.astype(int), columns=NAMES)


X, Y = cells()


def tree(class_weight=None):
    return DecisionTreeClassifier(class_weight=class_weight)


FOR_EACH = {
    "one against the rest": OneVsRestClassifier,
    "multiple outputs": MultiOutputClassifier,
    "after a scaler": lambda inner: make_plain_pipeline(
        StandardScaler(), OneVsRestClassifier(inner)
    ),
    "around a scaler": lambda inner: OneVsRestClassifier(
        make_plain_pipeline(StandardScaler(), inner)
    ),
}


def alone(class_weight, k, priors=None):
    """The correction of one label as two classes."""
    inner = PriorCorrectedClassifier(tree(class_weight), priors=priors)
    return inner.fit(X, Y.iloc[:, k].to_numpy())


@pytest.mark.parametrize("for_each", FOR_EACH.values(), ids=FOR_EACH)
@pytest.mark.parametrize("class_weight", WEIGHTS, ids=str)
def test_each_label_is_corrected_as_two_classes_alone(for_each, class_weight):
    clf = PriorCorrectedClassifier(for_each(tree(class_weight))).fit(X, Y)
    proba = clf.predict_proba(X)
    np.testing.assert_array_equal(clf.predict(X), proba > 0.5)
    other = np.array([0.5, 0.1, 0.3])
    shifted, estimated = clf.predict_posterior(X, other), clf.estimate_priors(X)
    for k in range(3):
        label = alone(class_weight, k)
        np.testing.assert_allclose(proba[:, k], label.predict_proba(X)[:, 1], rtol=1e-12)
        priors = [1 - other[k], other[k]]
        np.testing.assert_allclose(shifted[:, k], label.predict_posterior(X, priors)[:, 1])
        np.testing.assert_allclose(clf.class_prior_[k], label.class_prior_)
        np.testing.assert_allclose(estimated[k], label.estimate_priors(X))
        assert clf.class_weight_[k] == label.class_weight_
    # What a tree counts in a cell are the shares of its rows.
    for cell in np.unique(X):
        rows = X[:, 0] == cell
        np.testing.assert_allclose(proba[rows], np.tile(Y[rows].mean(), (rows.sum(), 1)))


def test_weights_of_rows_are_part_of_the_population():
    weight = np.random.default_rng(1).integers(1, 4, len(Y))
    times = np.repeat(np.arange(len(Y)), weight)
    clf = PriorCorrectedClassifier(MultiOutputClassifier(tree({0: 1, 1: 8})))
    weighted = clf.fit(X, Y, sample_weight=weight).predict_proba(X)
    np.testing.assert_allclose(weighted, clf.fit(X[times], Y.iloc[times]).predict_proba(X))
    clf.set_params(estimator=MultiOutputClassifier(tree("balanced")))
    with pytest.raises(ValueError, match="weighs labels by estimator__class_weight='balanced'"):
        clf.fit(X, Y, sample_weight=weight)


PAIRS = np.column_stack([1 - SHARES, SHARES])
PRIORS = {
    "shares of rows with each": SHARES,
    "list": SHARES.tolist(),
    "both shares": PAIRS,
    "counts": 1000 * PAIRS,
    "dict of shares": dict(zip(NAMES[::-1], SHARES[::-1], strict=True)),
    "dict of pairs": dict(zip(NAMES, PAIRS, strict=True)),
    "Series": pd.Series(SHARES[::-1], NAMES[::-1]),
    "frame": pd.DataFrame(PAIRS, NAMES),
}


@pytest.mark.parametrize("priors", PRIORS.values(), ids=PRIORS)
def test_priors_in_any_form(priors):
    clf = PriorCorrectedClassifier(OneVsRestClassifier(tree("balanced")))
    expected = clf.fit(X, Y).predict_posterior(X, PAIRS)
    actual = clf.set_params(priors=priors).fit(X, Y)
    np.testing.assert_allclose(actual.predict_proba(X), expected)


def test_sparse_labels_are_decided_as_sparse():
    clf = PriorCorrectedClassifier(OneVsRestClassifier(tree()), priors=[0.9, 0.5, 0.1])
    dense, sparse = clf.fit(X, Y).predict(X), clf.fit(X, csr_matrix(Y.to_numpy())).predict(X)
    assert issparse(sparse)
    assert not issparse(dense)
    np.testing.assert_array_equal(sparse.toarray(), dense)


@pytest.mark.filterwarnings("ignore:Label not . is present in all")
def test_a_label_that_no_row_has_stays_without_priors():
    constant = Y.assign(rare=0)
    clf = PriorCorrectedClassifier(OneVsRestClassifier(tree("balanced"))).fit(X, constant)
    np.testing.assert_array_equal(clf.predict_proba(X)[:, 1], 0)
    assert clf.estimate_priors(X)[1].tolist() == [1, 0]
    with pytest.raises(ValueError, match=re.escape("but the labels ['rare'] are constant")):
        clf.predict_posterior(X, SHARES)


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (RandomForestClassifier(class_weight="balanced"), "Got class_weight='balanced' of Random"),
        (ClassifierChain(tree("balanced")), "Got estimator__class_weight='balanced' of Classifier"),
        (OneVsRestClassifier(ImbalancedMLPClassifier()), "Got estimator__class_weight='auto' of"),
        (make_pipeline(RandomOverSampler(), OneVsRestClassifier(tree())), "must be without sampl"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_no_formula_undoes_is_refused(estimator, words):
    clf = PriorCorrectedClassifier(estimator)
    with pytest.raises(ValueError, match=re.escape(words)):
        clf.fit(X, Y)
    assert not get_tags(clf).classifier_tags.multi_label
    assert not hasattr(clf, "estimator_")


@pytest.mark.parametrize(
    ("priors", "words"),
    [
        ([0.5, 0.5], "must be, for a multilabel y, of shape (3, 2)"),
        ([0.5, 0.5, 1.5], "in the range [0, 1] of the rows with each label. Got 1.5"),
        ([0.5, 0.5, "much"], "in the range [0, 1] of the rows with each label. Got 'much'"),
        ({"common": 0.5}, "no value for ['rare', 'rarest']"),
        (np.full((3, 2), 0.4), "must sum to 1"),
        (np.full((3, 3), 0.4), "must have one share for each of the 2 classes"),
    ],
    ids=str,
)
def test_priors_refused_in_a_sentence(priors, words):
    clf = PriorCorrectedClassifier(OneVsRestClassifier(tree()), priors=priors)
    with pytest.raises(ValueError, match=re.escape(words)):
        clf.fit(X, Y)


@pytest.mark.slow
def test_our_classifier_undoes_its_own_weights_and_takes_missing_labels():
    partly = Y.astype(float).mask(np.random.default_rng(2).random(Y.shape) < 0.3)
    network = ImbalancedMLPClassifier((4,), class_weight="balanced", epochs=3, random_state=0)
    clf = PriorCorrectedClassifier(network).fit(X, partly)
    natural = clf.estimator_.predict_posterior(X)
    np.testing.assert_allclose(clf.predict_proba(X), natural, rtol=1e-9)
    np.testing.assert_allclose(clf.class_prior_[:, 1], partly.mean())
    np.testing.assert_allclose(
        clf.predict_posterior(X, SHARES), clf.estimator_.predict_posterior(X, SHARES), rtol=1e-9
    )
    assert clf.score(X, partly) >= clf.score(X, Y)
