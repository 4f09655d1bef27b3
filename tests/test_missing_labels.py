"""Labels that nobody knows: nan in a label indicator matrix counts nowhere."""

import warnings

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from keras_setup import EachBatch, of, sequential
from label_tables import LABELS, folds_of, off_by
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator
from sklearn.metrics import f1_score

from skimbalance import (
    ImbalancedEnsembleClassifier,
    ImbalancedMLPClassifier,
    TunedDecisionClassifierCV,
)
from skimbalance._fit.targets import Labels
from skimbalance._keras.objective import mean_loss
from skimbalance._validation import checked_target, is_indicator, label_codes
from skimbalance.decision._learning import HeldOut
from skimbalance.decision._multilabel import LabelRuleLearner, tune_labels
from skimbalance.decision._objectives import LABEL_OBJECTIVES
from skimbalance.losses import LABEL_LOSSES
from skimbalance.metrics._accuracy import AccuracyMixin
from skimbalance.metrics._monitors import LABEL_MONITORS
from skimbalance.model_selection import IterativeStratifiedKFold
from skimbalance.sampling import iterative_folds, iterative_split

FEW = pytest.mark.filterwarnings("ignore:Decisions for (classes|labels) with fewer than 10")


def rows(n=200, missing=0.4, seed=0):
    """Rows, and three labels of which a part is missing; no row lacks all."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    y = (X[:, :3] + rng.normal(size=(n, 3)) > [0.0, 0.5, 1.0]).astype(float)
    y[rng.random(y.shape) < missing] = np.nan
    alone = np.isnan(y).all(axis=1)
    y[alone, 0] = rng.integers(0, 2, alone.sum())
    return X, y


X, Y = rows()
CODES = label_codes(Y)


# What is read


FORMS = {
    "floats": Y,
    "objects": np.where(np.isnan(Y), None, Y),
    "list": np.where(np.isnan(Y), None, Y).tolist(),
    "frame": pd.DataFrame(Y),
    "nullable integers": pd.DataFrame(Y).astype("Int64"),
    "nullable booleans": pd.DataFrame(Y).astype("boolean"),
    "frame of objects": pd.DataFrame(Y).astype(object).where(~np.isnan(Y), None),
    "pandas' NA in objects": pd.DataFrame(Y).astype("Int64").astype(object),
    "sparse": csr_matrix(Y),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_the_same_codes(form):
    assert is_indicator(FORMS[form])
    codes = label_codes(checked_target(FORMS[form]))
    np.testing.assert_array_equal(codes, np.nan_to_num(Y, nan=-1))


@pytest.mark.parametrize("other", [2.0, 0.5, np.inf, "yes"])
def test_what_is_no_indicator_beside_missing_values_is_none_with_them(other):
    y = np.where(np.isnan(Y), None, Y)
    y[0] = [1, 0, other]
    with pytest.raises(ValueError, match="y should be a 1d array"):
        checked_target(y)


# What counts


def known_of(k):
    return CODES[:, k] >= 0


def test_each_label_is_counted_and_weighed_by_its_known_rows_alone():
    labels, alone = Labels(3), Labels(1)
    weight = np.random.default_rng(0).random(len(Y))
    values = np.random.default_rng(1).random((3, 2))
    counts, each = labels.counts(CODES, weight), labels.per_target(values, CODES)
    for k in range(3):
        known = known_of(k)
        of_known = CODES[known][:, [k]]
        np.testing.assert_allclose(counts[k], alone.counts(of_known, weight[known])[0])
        np.testing.assert_array_equal(each[~known, k], 0)
        np.testing.assert_array_equal(
            each[known, [k]], alone.per_target(values[[k]], of_known)[:, 0]
        )


@pytest.mark.parametrize("name", LABEL_MONITORS)
def test_a_monitor_is_the_mean_over_labels_of_that_on_their_known_rows(name):
    monitor, rng = LABEL_MONITORS[name], np.random.default_rng(0)
    logits, weight = rng.normal(size=Y.shape), rng.random(len(Y))
    each = [
        monitor(CODES[known][:, [k]], logits[known][:, [k]], weight[known])
        for k, known in enumerate(map(known_of, range(3)))
    ]
    of_all = Labels(3).score_weight(CODES, weight)
    assert monitor(np.maximum(CODES, 0), logits, of_all) == pytest.approx(np.mean(each))
    # A label that no held-out row tells is none of them.
    of_all[:, 0] = 0
    assert monitor(np.maximum(CODES, 0), logits, of_all) == pytest.approx(np.mean(each[1:]))


@pytest.mark.parametrize("loss", sorted(LABEL_LOSSES))
def test_no_loss_looks_at_the_output_for_a_missing_label(loss):
    mean, _ = mean_loss(loss, Labels(3))
    arguments = {"class_counts": [[60.0, 40.0], [70.0, 30.0], [90.0, 10.0]]}
    arguments = arguments if loss == "distribution_balanced" else {}
    rng, weight = np.random.default_rng(0), (CODES >= 0).astype(np.float32)
    y = tf.constant(np.maximum(CODES, 0).astype(np.int32))

    def value_and_gradient(logits):
        z = tf.constant(logits.astype(np.float32))
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = mean(y, z, weight, arguments)
        return value.numpy(), tape.gradient(value, z).numpy()

    logits = rng.normal(size=Y.shape)
    others = np.where(CODES < 0, 30 * rng.normal(size=Y.shape), logits)
    (value, gradient), (same, same_gradient) = map(value_and_gradient, (logits, others))
    assert value == same
    np.testing.assert_array_equal(gradient, same_gradient)
    np.testing.assert_array_equal(gradient[CODES < 0], 0)
    assert np.all(gradient[CODES >= 0] != 0) or loss == "asymmetric"


# Folds


def with_missing(labels, seed=0):
    return np.where(np.random.default_rng(seed).random(labels.shape) < 0.5, np.nan, labels)


@pytest.mark.parametrize("labels", LABELS[:3], ids=lambda labels: str(labels.shape))
def test_folds_have_their_share_of_the_rows_known_to_have_and_to_lack_a_label(labels):
    y, shares = with_missing(labels), np.array([0.5, 0.3, 0.2])
    fold = iterative_folds(y, shares, random_state=0)
    off = off_by(np.column_stack([y == 1, y == 0]), fold, shares)
    assert np.abs(off).max() <= 2.5
    train, held_out = iterative_split(y, 0.1, random_state=0)
    for part in (train, held_out):
        for value in (0, 1):
            of_two = np.sum(y == value, axis=0) > 1
            assert np.all(np.any(y[part] == value, axis=0)[of_two])


def test_folds_of_the_splitter_are_the_same_for_every_form():
    cv = IterativeStratifiedKFold(3, random_state=0)
    expected = folds_of(cv, Y)
    for form in FORMS.values():
        fold = np.full(len(Y), -1)
        for i, (_, test) in enumerate(cv.split(X, form)):
            fold[test] = i
        np.testing.assert_array_equal(fold, expected)


# Decisions


def held_out(seed=0):
    proba = np.random.default_rng(seed).random(Y.shape)
    return HeldOut(
        np.arange(len(Y)), np.arange(len(Y)) % 5, proba, CODES.astype(int), np.ones(len(Y))
    )


@pytest.mark.parametrize("calibration", [None, "vector", "isotonic"])
def test_calibration_and_threshold_of_a_label_are_those_of_its_known_rows(calibration):
    learner = LabelRuleLearner(LABEL_OBJECTIVES["f1_macro"], calibration)
    every, all_rows = np.ones(3, bool), held_out()
    calibrator, rule = learner.learn(all_rows, every)
    for k in range(3):
        known = all_rows[known_of(k)]
        alone = HeldOut(known.row, known.part, known.proba[:, [k]], known.y[:, [k]], known.weight)
        calibrator_alone, rule_alone = learner.learn(alone, every[:1])
        assert rule.threshold[k] == rule_alone.threshold[0]
        if calibration is not None:
            of_all, of_one = (
                calibrator(all_rows.proba)[:, k],
                calibrator_alone(all_rows.proba[:, [k]]),
            )
            np.testing.assert_array_equal(of_all, of_one[:, 0])


@pytest.mark.parametrize("name", LABEL_OBJECTIVES)
def test_the_score_of_tuned_decisions_counts_the_known_labels(name):
    tuned = tune_labels(
        LabelRuleLearner(LABEL_OBJECTIVES[name], None), held_out(), np.ones(3, bool)
    )
    rows = held_out()
    decided = np.empty(Y.shape, int)
    for i, (_, rule) in enumerate(tuned.out_of_part):
        decided[rows.part == i] = rule(rows.proba[rows.part == i])
    known = CODES >= 0
    if name == "f1_micro":
        expected = f1_score(CODES[known], decided[known])
    elif name == "f1_macro":
        each = zip(CODES.T, decided.T, known.T, strict=True)
        expected = np.mean([f1_score(y[among], d[among]) for y, d, among in each])
    else:
        each = zip(CODES, decided, known, strict=True)
        expected = np.mean([f1_score(y[k], d[k], zero_division=0) for y, d, k in each])
    assert tuned.score == pytest.approx(expected)


class Stub(AccuracyMixin, BaseEstimator):
    """Gives the posteriors that are its rows."""

    classes_ = np.arange(3)

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        return X

    def predict(self, X):
        return (X > 0.5).astype(int)


def test_the_tuner_reads_every_form_and_refuses_functions():
    proba = held_out().proba
    tuner = TunedDecisionClassifierCV(Stub(), cv="prefit", random_state=0)
    expected = tuner.fit(proba, Y).threshold_
    for form in FORMS.values():
        np.testing.assert_array_equal(tuner.fit(proba, form).threshold_, expected)
    with pytest.raises(ValueError, match=r"'objective' .* where labels are missing in y"):
        tuner.set_params(objective=lambda true, decided: 1.0).fit(proba, Y)


def test_the_score_is_the_share_of_rows_whose_known_labels_are_right():
    stub, proba, weight = Stub(), held_out().proba, np.arange(len(Y)) % 3
    right = [
        all(decided == true for decided, true in zip(d, t, strict=True) if true == true)
        for d, t in zip(stub.predict(proba), Y, strict=True)
    ]
    for form in FORMS.values():
        assert stub.score(proba, form) == np.mean(right)
        assert stub.score(proba, form, weight) == np.average(right, weights=weight)
    nothing = np.vstack([Y, np.full((5, 3), np.nan)])
    assert stub.score(np.vstack([proba, proba[:5]]), nothing) == np.mean(right)
    with pytest.raises(ValueError, match="Got missing labels only"):
        stub.score(proba, np.full(Y.shape, np.nan))


# Fits


def mlp(*hidden, **params):
    defaults = {"epochs": 3, "early_stopping": False, "batch_size": 50, "random_state": 0}
    return ImbalancedMLPClassifier(hidden, **{**defaults, **params})


@pytest.mark.slow
def test_labels_that_different_rows_tell_learn_as_if_each_were_alone():
    """In a linear network, whose labels share nothing, with all rows in one batch."""
    known = ~np.isnan(Y)
    n = min(np.sum(known[:, 0]), np.sum(known[:, 1] & ~known[:, 0]))
    first, second = np.flatnonzero(known[:, 0])[:n], np.flatnonzero(known[:, 1] & ~known[:, 0])[:n]
    y = np.full((2 * n, 2), np.nan)
    y[:n, 0], y[n:, 1] = Y[first, 0], Y[second, 1]
    X_both = X[np.concatenate([first, second])]
    options = {"batch_size": 2 * n, "standardize": False, "epochs": 20, "learning_rate": 0.1}
    joint = mlp(**options).fit(X_both, y).decision_function(X)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "y is a label indicator")
        for k, chosen in enumerate((first, second)):
            twice = np.repeat(Y[chosen][:, [k]], 2, axis=1)
            alone = mlp(**options).fit(X[chosen], twice).decision_function(X)
            np.testing.assert_allclose(joint[:, k], alone[:, k], atol=1e-5)


@pytest.mark.slow
def test_a_row_without_a_known_label_is_as_absent():
    nothing = np.full((20, 3), np.nan)
    with_others = np.vstack([nothing, Y]), np.vstack([100 + X[:20], X])
    options = {"early_stopping": True, "validation_fraction": 0.3, "monitor": "average_precision"}
    expected = mlp(8, **options).fit(X, Y)
    actual = mlp(8, **options).fit(with_others[1], with_others[0])
    np.testing.assert_array_equal(actual.predict_proba(X), expected.predict_proba(X))
    assert actual.history_ == expected.history_
    np.testing.assert_allclose(expected.class_prior_[:, 1], np.nanmean(Y, axis=0))
    with pytest.raises(ValueError, match="not missing in at least 1 row with a positive weight"):
        actual.fit(X[:20], nothing)
    np.testing.assert_array_equal(actual.predict_proba(X), expected.predict_proba(X))


@pytest.mark.slow
def test_parts_may_tell_some_labels_only():
    first = Y.copy()
    first[:, 2] = np.nan
    first = first[~np.isnan(first).all(axis=1)]
    clf = mlp(8).partial_fit(X[: len(first)], first)
    assert np.isnan(clf.class_prior_[2]).all()
    clf.partial_fit(X, Y)
    expected = Labels(3).counts(CODES, np.ones(len(Y))) + Labels(3).counts(
        label_codes(first), np.ones(len(first))
    )
    np.testing.assert_array_equal(clf.class_counts_, expected)
    assert np.isfinite(clf.predict_posterior(X)).all()
    with pytest.warns(UserWarning, match=r"labels \[2\] are missing in every row .* cannot learn"):
        mlp(8, epochs=1).fit(X[: len(first)], first)


def network():
    dense = keras.layers.Dense
    return sequential(lambda: dense(6, activation="relu"), lambda: dense(3, activation="sigmoid"))()


@pytest.mark.slow
def test_kerass_own_fit_leaves_missing_labels_out_as_compiled_programs_do():
    paths = [
        of(network, callbacks=callbacks, early_stopping=True, monitor="f1_macro").fit(X, Y)
        for callbacks in (None, EachBatch())
    ]
    compiled, own = (clf.history_ for clf in paths)
    assert [clf.fit_path_.split(":")[0] for clf in paths] == ["compiled", "Keras' own fit"]
    for name, values in compiled.items():
        np.testing.assert_allclose(values, own[name], atol=1e-5)


@pytest.mark.slow
def test_losses_and_metrics_that_would_count_missing_labels_are_refused():
    with pytest.raises(ValueError, match=r"'loss' parameter must be .* where labels are missing"):
        mlp(8, loss=keras.losses.BinaryCrossentropy()).fit(X, Y)
    with pytest.raises(ValueError, match=r"'metrics' parameter.* where labels are missing in y"):
        of(network, metrics=["accuracy"]).fit(X, Y)


@FEW
@pytest.mark.slow
def test_an_ensemble_tunes_each_label_on_its_known_rows():
    ensemble = ImbalancedEnsembleClassifier(
        mlp(4, bins="supervised", numeric_embedding="piecewise_linear", epochs=2),
        cv=2,
        random_state=0,
    )
    ensemble.fit(X, pd.DataFrame(Y, columns=["a", "b", "c"]).astype("Int64"))
    decided = ensemble.oof_prediction_
    each = [f1_score(CODES[k, j], decided[k, j]) for j, k in enumerate(map(known_of, range(3)))]
    assert ensemble.objective_score_ == pytest.approx(np.mean(each))
    assert 0 < ensemble.score(X, Y) <= 1
