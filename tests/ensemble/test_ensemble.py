"""The ensemble: what it averages, what held-out rows know, weights, groups, decisions, refusals."""

import re
import threading
import time

import numpy as np
import pandas as pd
import pytest
from decision_setup import PEERS
from ensemble_setup import ensemble, folds, labels, network, rows
from joblib import parallel_config
from scipy.sparse import csr_matrix, issparse
from sklearn.base import clone
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import (
    GridSearchCV,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    cross_val_predict,
)
from sklearn.utils.estimator_checks import parametrize_with_checks

from skimbalance._engine import room
from skimbalance.decision._objectives import LABEL_OBJECTIVES, LEVELS, OBJECTIVES, ONE_CLASS
from skimbalance.ensemble import _bag
from skimbalance.ensemble._bag import Bag

pytestmark = pytest.mark.slow

# Decisions for classes of few rows are warned of, and taken.
FEW = pytest.mark.filterwarnings(
    "ignore:Decisions for (classes|labels) with fewer than 10",
    "ignore:The classes .* have too few rows to be tuned out of fold",
)

X, Y = rows(90, 30)
LABELS = labels()[1]
# In these, what one fold holds out reaches the others by no joint epoch and by no calibration.
APART = {"calibration": None, "cv": folds(Y)}


def weights_of(net):
    return net._fitted.weights


def assert_same_weights(one, other):
    one, other = weights_of(one), weights_of(other)
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


# What is averaged


@pytest.mark.parametrize("calibration", [None, "temperature", "vector", "isotonic"])
def test_posterior_is_the_calibrated_mean_of_the_networks(calibration):
    X, y = rows(60, 60)  # as isotonic calibration needs
    clf = ensemble(calibration=calibration).fit(X, y)
    mean = np.mean([net.predict_posterior(X) for net in clf.estimators_], axis=0)
    expected = mean if calibration is None else clf.calibrator_(mean)
    np.testing.assert_allclose(clf.predict_proba(X), expected, rtol=1e-12)
    np.testing.assert_allclose(expected.sum(axis=1), 1.0)
    decided = clf.classes_[(clf.predict_proba(X) @ clf.decision_matrix_).argmax(axis=1)]
    np.testing.assert_array_equal(clf.predict(X), decided)


def test_labels_are_decided_by_a_threshold_each():
    clf = ensemble().fit(X, LABELS)
    mean = np.mean([net.predict_posterior(X) for net in clf.estimators_], axis=0)
    proba = clf.predict_proba(X)
    np.testing.assert_allclose(proba, clf.calibrator_(mean), rtol=1e-9)
    np.testing.assert_array_equal(clf.predict(X), proba >= clf.threshold_)


def test_a_network_has_natural_posteriors_whatever_its_weights():
    """Class weights are undone before the mean; a loss without closed form gives what it can."""
    clf = ensemble(network(class_weight="balanced", epochs=30), calibration=None).fit(X, Y)
    assert clf.predict_proba(X)[:, 1].mean() < 0.4  # the class has a quarter of the rows
    clf = ensemble(network(loss="soft_f1")).fit(X, Y)
    mean = np.mean([net.predict_proba(X) for net in clf.estimators_], axis=0)
    np.testing.assert_allclose(clf.predict_proba(X), clf.calibrator_(mean), rtol=1e-9)


@pytest.mark.parametrize("n_workers", [1, 3])
def test_blocks_of_rows_do_not_depend_on_threads(n_workers, monkeypatch):
    clf = ensemble().fit(X, Y)
    many = np.tile(X, (300, 1))
    assert len(many) > 2 * _bag.BLOCK
    expected = clf.predict_proba(many)
    np.testing.assert_allclose(expected, np.tile(clf.predict_proba(X), (300, 1)), atol=1e-6)
    monkeypatch.setattr(_bag, "cpu_count", lambda: n_workers)
    np.testing.assert_array_equal(clf.predict_proba(many), expected)


# What held-out rows know


@pytest.mark.parametrize("y", [Y, LABELS], ids=["classes", "labels"])
@pytest.mark.parametrize("early_stopping", [False, "auto"])
def test_out_of_fold_posteriors_are_those_of_the_network_that_left_the_row_out(y, early_stopping):
    clf = ensemble(network(early_stopping=early_stopping), **APART).fit(X, y)
    for net, (_, test) in zip(clf.estimators_, APART["cv"], strict=True):
        expected = net.predict_posterior(X[test])
        np.testing.assert_allclose(clf.oof_proba_[test], expected, atol=1e-9)
    if not early_stopping:  # then a network is the same as alone
        alone = clone(clf.estimators_[0]).fit(X[folds(Y)[0][0]], y[folds(Y)[0][0]])
        np.testing.assert_allclose(
            alone.predict_posterior(X), clf.estimators_[0].predict_posterior(X), atol=1e-5
        )


@pytest.mark.parametrize("early_stopping", [False, "auto"])
def test_a_row_tells_nothing_to_the_network_that_leaves_it_out(early_stopping):
    """Apart from the joint epoch, neither its class nor its numbers reach its own posterior."""
    left_out = APART["cv"][0][1]
    other_X, other_y = X.copy(), Y.copy()
    other_y[left_out[0]] = 1 - other_y[left_out[0]]
    other_X[left_out[0]] = 100.0
    # The rate is so small that each epoch is better than the one before.
    clf = ensemble(network(early_stopping=early_stopping, learning_rate=1e-4), **APART)
    one, other = clone(clf).fit(X, Y), clone(clf).fit(other_X, other_y)
    assert one.best_epochs_ == other.best_epochs_
    assert_same_weights(one.estimators_[0], other.estimators_[0])
    np.testing.assert_array_equal(one.oof_proba_[left_out[1:]], other.oof_proba_[left_out[1:]])
    with pytest.raises(AssertionError):
        assert_same_weights(one.estimators_[1], other.estimators_[1])


def test_all_networks_of_a_repeat_keep_one_epoch():
    clf = ensemble(network(epochs=20, n_iter_no_change=3), n_repeats=2).fit(X, Y)
    kept = [net.best_epoch_ for net in clf.estimators_]
    assert len(clf.best_epochs_) == 2
    assert kept == np.repeat(clf.best_epochs_, 3).tolist()
    for nets in (clf.estimators_[:3], clf.estimators_[3:]):
        epochs = min(len(net.history_["val_loss"]) for net in nets)
        means = np.mean([net.history_["val_loss"][:epochs] for net in nets], axis=0)
        monitored = nets[0].monitor
        assert monitored == "loss" or f"val_{monitored}" in nets[0].history_
        if monitored == "loss":
            assert nets[0].best_epoch_ == 1 + means.argmin()


def test_repeats_average_the_networks_that_left_a_row_out():
    cv = RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0)
    clf = ensemble(cv=cv, calibration=None).fit(X, Y)
    assert len(clf.estimators_) == 6
    expected = np.zeros((len(Y), 2))
    for net, (_, test) in zip(clf.estimators_, cv.split(X, Y), strict=True):
        expected[test] += net.predict_posterior(X[test]) / 2
    np.testing.assert_allclose(clf.oof_proba_, expected, atol=1e-9)


def test_rows_that_no_fold_holds_out_have_no_posterior():
    cv = ShuffleSplit(2, test_size=0.3, random_state=0)
    clf = ensemble(cv=cv).fit(X, Y)
    held_out = np.unique(np.concatenate([test for _, test in cv.split(X)]))
    is_known = np.isin(np.arange(len(Y)), held_out)
    np.testing.assert_array_equal(np.isnan(clf.oof_proba_).all(axis=1), ~is_known)
    np.testing.assert_allclose(clf.oof_proba_[held_out].sum(axis=1), 1.0)


# The same bits


@pytest.mark.parametrize("n_cpus", [1, 2, 5])
def test_same_seed_gives_the_same_networks(n_cpus, monkeypatch):
    one, other = (ensemble(n_repeats=2).fit(X, Y) for _ in range(2))
    np.testing.assert_array_equal(one.oof_proba_, other.oof_proba_)
    for net, again in zip(one.estimators_, other.estimators_, strict=True):
        assert_same_weights(net, again)
    monkeypatch.setattr(room, "cpu_count", lambda: n_cpus)
    other = ensemble(n_repeats=2).fit(X, Y)
    # Small layers are summed in another order in stacks of another size.
    np.testing.assert_allclose(one.oof_proba_, other.oof_proba_, atol=1e-6)
    third = ensemble(n_repeats=2, random_state=1).fit(X, Y)
    assert not np.allclose(one.oof_proba_, third.oof_proba_)


def test_a_stacked_search_gives_what_a_fit_alone_gives():
    grid = {"estimator__dropout": [0.0, 0.3], "estimator__learning_rate": [1e-3, 1e-2]}
    search = GridSearchCV(ensemble(), grid, cv=2, error_score="raise")
    with parallel_config(backend="stacked"):
        search.fit(X, Y)
    alone = clone(search.best_estimator_).fit(X, Y)
    np.testing.assert_allclose(
        search.best_estimator_.predict_proba(X), alone.predict_proba(X), atol=1e-5
    )
    with parallel_config(backend="stacked"):
        stacked = cross_val_predict(ensemble(), X, Y, cv=3, method="predict_proba")
    one_by_one = cross_val_predict(ensemble(), X, Y, cv=3, method="predict_proba")
    np.testing.assert_allclose(stacked, one_by_one, atol=1e-5)


# Forms of X and y


def table(X):
    return pd.DataFrame(X, columns=list("abcd")).assign(
        word=np.where(X[:, 1] > 0, "left", "right"),
        kind=pd.Categorical(np.array(["low", "middle", "high"])[np.digitize(X[:, 2], [-0.5, 0.5])]),
        gaps=np.where(X[:, 3] > 0, X[:, 3], np.nan),
    )


def test_tables_are_taken_as_they_are():
    frame = table(X)
    clf = ensemble().fit(frame, Y)
    assert clf.feature_names_in_.tolist() == frame.columns.tolist()
    assert clf.n_features_in_ == 7
    of_objects = ensemble().fit(frame.astype(object).to_numpy(), Y)
    np.testing.assert_allclose(
        clf.predict_proba(frame), of_objects.predict_proba(frame.astype(object).to_numpy())
    )
    new = frame.assign(word="unknown", gaps=np.nan)
    np.testing.assert_allclose(clf.predict_proba(new).sum(axis=1), 1.0)
    with pytest.raises(ValueError, match="feature names should match"):
        clf.predict(frame[frame.columns[::-1]])


def test_sparse_rows_give_what_dense_rows_give():
    # Sparse columns are not centered: neither are these.
    est = network(standardize=False)
    one, other = (ensemble(est).fit(rows, Y).predict_proba(X) for rows in (X, csr_matrix(X)))
    np.testing.assert_allclose(one, other, atol=1e-5)


NAMES = {
    "text": ["common", "rare"],
    "objects": np.array(["common", "rare"], object),
    "booleans": [False, True],
    "floats": [0.0, 1.0],
    "numbers below zero": [-7, 3],
    "categories": pd.Categorical(["common", "rare"]),
}


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_class_labels_are_of_any_kind(names):
    y = names[Y] if hasattr(names, "categories") else np.asarray(names)[Y]
    clf = ensemble().fit(X, y)
    expected = ensemble().fit(X, Y)
    np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
    assert clf.classes_.tolist() == list(names)
    assert clf.predict(X).tolist() == [list(names)[k] for k in expected.predict(X)]
    assert clf.oof_prediction_.tolist() == [list(names)[k] for k in expected.oof_prediction_]


@pytest.mark.parametrize("kind", [csr_matrix, pd.DataFrame], ids=["sparse", "DataFrame"])
def test_label_indicators_of_any_kind(kind):
    clf, expected = ensemble().fit(X, kind(LABELS)), ensemble().fit(X, LABELS)
    np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
    np.testing.assert_array_equal(clf.oof_prediction_, expected.oof_prediction_)
    assert clf.oof_prediction_.shape == LABELS.shape
    decided = clf.predict(X)
    assert issparse(decided) == (kind is csr_matrix)
    dense = decided.toarray() if issparse(decided) else decided
    np.testing.assert_array_equal(dense, expected.predict(X))


@FEW
@pytest.mark.parametrize("n_rows", [(60, 20, 3), (60, 20, 2), (60, 2), (8, 2), (5, 5), (4, 3, 3)])
def test_classes_of_few_rows(n_rows):
    few_X, few_y = rows(*n_rows)
    clf = ensemble(cv="auto").fit(few_X, few_y)
    assert clf.oof_proba_.shape == (len(few_y), len(n_rows))
    assert np.isfinite(clf.oof_proba_).all()
    assert set(clf.predict(few_X)) <= set(few_y)


def test_a_class_of_one_row_takes_part_where_there_are_two_others():
    with pytest.warns(UserWarning, match=r"The classes \[2\] have too few rows to be tuned"):
        clf = ensemble().fit(*rows(60, 20, 1))
    np.testing.assert_allclose(clf.predict_proba(X).sum(axis=1), 1.0)
    with pytest.raises(ValueError, match="a class needs 2 rows, one to train and one to hold out"):
        ensemble().fit(*rows(60, 1))


def test_more_columns_than_rows():
    wide = np.random.default_rng(0).normal(size=(40, 300))
    clf = ensemble().fit(wide, rows(30, 10)[1])
    assert clf.predict_proba(wide).shape == (40, 2)


# Weights and groups


@pytest.mark.parametrize("y", [Y, LABELS], ids=["classes", "labels"])
@pytest.mark.parametrize("cv", [3, "auto", ShuffleSplit(3, random_state=0)], ids=str)
@FEW
def test_rows_of_weight_zero_are_as_absent(y, cv):
    rng = np.random.default_rng(1)
    more_X = np.vstack([X, 50 * rng.normal(size=(40, 4))])
    more_y = np.concatenate([y, rng.permutation(y)[:40]])
    clf, expected = ensemble(cv=cv), ensemble(cv=cv).fit(X, y)
    clf.fit(more_X, more_y, sample_weight=np.repeat([1.0, 0.0], [len(y), 40]))
    np.testing.assert_array_equal(clf.predict_proba(more_X), expected.predict_proba(more_X))
    np.testing.assert_array_equal(clf.oof_proba_[: len(y)], expected.oof_proba_)
    assert np.isnan(clf.oof_proba_[len(y) :]).all()
    assert clf.objective_score_ == expected.objective_score_


def test_a_weight_of_two_is_a_row_twice():
    # One batch a step: another split into batches would be another, equally good, path. 64 rows
    # at most keep the sums in one order.
    few_X, few_y = rows(30, 15)
    twice = np.repeat(np.arange(45), np.arange(45) % 2 + 1)
    cv = folds(few_y)
    cv_of_repeated = [tuple(np.flatnonzero(np.isin(twice, part)) for part in split) for split in cv]
    clf = ensemble(network(batch_size=1000, dropout=0.0), calibration=None)
    weighted = clone(clf).set_params(cv=cv).fit(few_X, few_y, np.arange(45) % 2 + 1.0)
    repeated = clone(clf).set_params(cv=cv_of_repeated).fit(few_X[twice], few_y[twice])
    np.testing.assert_allclose(
        weighted.predict_proba(few_X), repeated.predict_proba(few_X), atol=1e-4
    )
    np.testing.assert_allclose(weighted.oof_proba_[twice], repeated.oof_proba_, atol=1e-4)
    assert weighted.objective_score_ == pytest.approx(repeated.objective_score_)


@FEW
@pytest.mark.parametrize("y", [Y, LABELS], ids=["classes", "labels"])
@pytest.mark.parametrize("cv", [3, "auto"])
def test_no_group_is_divided(y, cv, monkeypatch):
    seen = []
    fit = Bag.fit.__func__

    def spied(cls, network, X, y, weight, repeats, *args, **options):
        seen.extend(repeats)
        return fit(cls, network, X, y, weight, repeats, *args, **options)

    monkeypatch.setattr(Bag, "fit", classmethod(spied))
    groups = np.arange(len(y)) // 6
    ensemble(cv=cv, n_repeats=2).fit(X, y, groups=groups)
    assert len(seen) == 2
    for repeat in seen:
        assert sorted(np.concatenate([test for _, test in repeat])) == list(range(len(y)))
        for train, test in repeat:
            assert not set(groups[train]) & set(groups[test])


# Decisions


def objective_options(name):
    options = {"objective": name}
    if name in LEVELS:
        options["level"] = 50 if name == "alerts" else 0.3
    if name == "cost":
        options["cost_matrix"] = [[0.0, 1.0], [5.0, 0.0]]
    return options


@pytest.mark.parametrize("name", [*OBJECTIVES, None], ids=str)
def test_every_objective_of_the_tuner(name):
    clf = ensemble(**objective_options(name)).fit(X, Y)
    np.testing.assert_array_equal(clf.predict_proba(X), ensemble().fit(X, Y).predict_proba(X))
    true, decided = Y, clf.oof_prediction_
    if name in PEERS:
        assert clf.objective_score_ == pytest.approx(PEERS[name](true, decided))
    if name == "f1":
        assert clf.objective_score_ == pytest.approx(f1_score(true, decided))
    if name == "cost":
        cost = np.mean(5 * ((true == 1) & (decided == 0)) + ((true == 0) & (decided == 1)))
        assert clf.objective_score_ == pytest.approx(-cost)
    if name is None:
        assert clf.objective_score_ == pytest.approx(accuracy_score(true, decided))
        np.testing.assert_array_equal(clf.predict(X), clf.predict_proba(X).argmax(axis=1))
        np.testing.assert_array_equal(decided, clf.oof_proba_.argmax(axis=1))
    assert hasattr(clf, "pos_label_") == (name in ONE_CLASS)


@pytest.mark.parametrize("name", LABEL_OBJECTIVES)
def test_every_objective_of_labels(name):
    clf = ensemble(objective=name).fit(X, LABELS)
    expected = f1_score(
        LABELS, clf.oof_prediction_, average=name.removeprefix("f1_"), zero_division=0
    )
    assert clf.objective_score_ == pytest.approx(expected)


def test_a_function_as_objective():
    def agreement(true, decided):
        return float(np.mean(true == decided))

    for y in (Y, LABELS):
        clf = ensemble(objective=agreement).fit(X, y)
        assert clf.objective_score_ == pytest.approx(agreement(y, clf.oof_prediction_))


# Refusals, failures, interruptions

REFUSED = {
    "objective of labels": (
        {"objective": None}, {"y": LABELS},
        "The 'objective' parameter of ImbalancedEnsembleClassifier must be one of ['f1_macro', "
        "'f1_micro', 'f1_samples'], a scorer of scikit-learn or a function where y "
        "holds a label indicator matrix. Got None",
    ),
    "prefit": ({"cv": "prefit"}, {}, "'prefit' is for TunedDecisionClassifierCV only."),
    "repeats of a splitter": (
        {"cv": ShuffleSplit(2), "n_repeats": 2}, {},
        "The 'n_repeats' parameter of ImbalancedEnsembleClassifier must be 1 unless 'cv' is "
        "'auto' or an int. Got 2 instead",
    ),
    "groups": (
        {}, {"groups": [1, 2, 3]},
        "The 'groups' parameter of ImbalancedEnsembleClassifier must hold a group for each of the "
        "120 rows",
    ),
    "one class": ({}, {"y": np.zeros(120)}, "y must have rows of at least 2 classes."),
    "infinite": ({}, {"X": np.where(X > 2, np.inf, X)}, "must be finite or missing."),
    "divergence": (
        {"estimator": network(optimizer="sgd", learning_rate=1e9, epochs=30)}, {},
        "The training loss must stay finite.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("params", "data", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_fit_that_fails_says_why_and_changes_nothing(params, data, sentence):
    clf = ensemble().fit(X, Y)
    threads = threading.active_count()
    clf.set_params(**params)
    before = dict(vars(clf))
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        clf.fit(**{"X": X, "y": Y, **data})
    assert "\n" not in str(caught.value)
    after = vars(clf)
    assert after.keys() == before.keys()
    assert all(after[name] is before[name] for name in before)
    for _ in range(100):  # threads end on their own
        if threading.active_count() > threads:
            time.sleep(0.1)
    assert threading.active_count() <= threads


def test_an_interrupted_fit_changes_nothing():
    import keras

    class Interrupting(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

        def __deepcopy__(self, memo):
            return self

    clf = ensemble().fit(X, Y)
    before = dict(vars(clf))
    clf.set_params(estimator=network(callbacks=[Interrupting()]))
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, Y)
    assert {**vars(clf), "estimator": None} == {**before, "estimator": None}


# With scikit-learn


def fails(estimator):
    trained = "asks that the most probable class be predicted, which a tuned rule need not do"
    weights = "asks that a row of weight 2 be in the same fold as two rows"
    return {"check_classifiers_train": trained} | {
        f"check_sample_weight_equivalence_on_{kind}_data": weights for kind in ("dense", "sparse")
    }


@parametrize_with_checks([ensemble()], expected_failed_checks=fails)
@pytest.mark.usefixtures("plain_graphs")
@FEW
def test_scikit_learn_check(estimator, check):
    check(estimator)


def test_one_bar_shows_the_epochs_of_all_networks(capsys):
    ensemble(verbose=1, n_repeats=2).fit(X, Y)
    assert "18/18" in capsys.readouterr().err.split("\r")[-1]
    ensemble().fit(X, Y)
    assert "Epochs" not in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [X[:, :2], np.where(X > 2, np.inf, X), X[0], X.astype(str)])
def test_rows_that_cannot_be_predicted_are_refused_in_a_sentence(wrong):
    clf = ensemble().fit(X, Y)
    with pytest.raises(ValueError, match=r"(columns?|features|finite|2D)"):
        clf.predict(wrong)
