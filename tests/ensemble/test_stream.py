"""Ensembles on rows that come in blocks: what they share, what judges them, what is refused."""

import numpy as np
import pandas as pd
import pytest
from ensemble_setup import ensemble, network

from skimbalance.persistence import load_model, save_model
from skimbalance.report import ImbalanceReport

N = 4_000


def table(seed=0):
    """Rows of two numbers, some of which are missing, and a category; rare are 6 %."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {"a": rng.normal(size=N), "b": rng.normal(size=N), "c": rng.choice(["x", "y", "z"], N)}
    )
    score = 2.0 * X["a"] + X["b"] + (X["c"] == "z") - 4.5
    y = (rng.random(N) < 1 / (1 + np.exp(-score))).astype(int)
    X.loc[rng.random(N) < 0.1, "b"] = np.nan
    return X, y.to_numpy()


X, Y = table()
NEW, NEW_Y = table(1)
LABELS = np.column_stack([Y, X["a"] > 1.5, np.zeros(N)]).astype(int)


def batches(n_batches, y=Y):
    """A source of that many batches."""

    def source():
        for rows in np.array_split(np.arange(N), n_batches):
            yield X.iloc[rows], y[rows]

    return source


@pytest.fixture(scope="module")
def thinned():
    """An ensemble with trees, on a fifth of the majority."""
    clf = ensemble(network(epochs=10), trees=True)
    return clf.fit_stream(batches(1), majority_fraction=0.2)


@pytest.mark.slow
def test_the_cut_into_batches_does_not_matter(thinned):
    again = ensemble(network(epochs=10), trees=True)
    again.fit_stream(batches(7), majority_fraction=0.2)
    np.testing.assert_array_equal(again.predict_proba(NEW), thinned.predict_proba(NEW))
    np.testing.assert_array_equal(again.decision_matrix_, thinned.decision_matrix_)
    assert again.objective_score_ == thinned.objective_score_


@pytest.mark.slow
def test_posteriors_of_a_thinned_fit_have_the_population_s_shares(thinned):
    assert thinned.majority_fraction_ == pytest.approx(0.2, rel=0.01)
    assert 0 < thinned.share_of_trees_ < 1
    rows = thinned.estimator_.nets.rows(NEW)
    # The thinned rows have four times the share. All of them had to learn.
    for proba in (thinned.estimator_.trees.mean(rows), thinned.predict_proba(NEW)):
        np.testing.assert_allclose(proba[:, 1].mean(), NEW_Y.mean(), rtol=0.3)
        assert proba[NEW_Y == 1, 1].mean() > 3 * proba[NEW_Y == 0, 1].mean()
    for net in thinned.estimators_:
        np.testing.assert_array_equal(net.class_counts_, np.bincount(Y))


@pytest.mark.slow
def test_networks_stop_together_and_differ_by_their_seeds(thinned):
    assert len(thinned.estimators_) == 3
    (epoch,) = {net.best_epoch_ for net in thinned.estimators_}
    assert thinned.best_epochs_ == [epoch]
    losses = np.array([net.history_["val_loss"][:epoch] for net in thinned.estimators_])
    assert np.all(np.diff(losses, axis=0) != 0)
    encoders = {id(net._fitted.encoder) for net in thinned.estimators_}
    assert len(encoders) == 1  # all have learnt from the same rows
    params = thinned.estimators_[0].get_params()
    given = network(epochs=10).get_params()
    assert {**params, "random_state": None} == given


@pytest.mark.slow
def test_what_is_kept_predicts_the_same_and_has_no_rows(thinned, tmp_path):
    assert not hasattr(thinned, "oof_proba_")
    with pytest.raises(ValueError, match="'fit_stream' leave out"):
        ImbalanceReport.from_oof(thinned, Y)
    save_model(thinned, tmp_path / "model.skim")
    loaded = load_model(tmp_path / "model.skim")
    assert loaded.majority_fraction_ == thinned.majority_fraction_
    np.testing.assert_array_equal(loaded.predict_proba(NEW), thinned.predict_proba(NEW))
    np.testing.assert_array_equal(loaded.predict(NEW), thinned.predict(NEW))


@pytest.mark.slow
def test_a_graph_of_onnx_gives_the_same_posteriors(thinned, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX comes with the extra 'onnx'")
    from skimbalance.persistence import to_onnx

    to_onnx(thinned, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    inputs = {name: NEW[[name]].to_numpy() for name in NEW}
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(None, inputs), strict=True))
    np.testing.assert_allclose(outputs["probabilities"], thinned.predict_proba(NEW), atol=1e-4)


@pytest.mark.slow
def test_a_network_that_does_not_stop_early_is_calibrated_on_held_out_rows():
    clf = ensemble(network(early_stopping=False, class_weight="balanced"))
    clf.fit_stream(batches(2))
    assert clf.best_epochs_ == [3]
    assert all(net.history_.keys() == {"loss"} for net in clf.estimators_)
    assert clf.estimators_[0].early_stopping is False
    mean = np.mean([net.predict_posterior(NEW) for net in clf.estimators_], axis=0)
    np.testing.assert_allclose(clf.predict_proba(NEW), clf.calibrator_(mean), rtol=1e-9)
    assert clf.majority_fraction_ == 1.0
    assert not hasattr(clf.fit(X, Y), "majority_fraction_")
    assert clf.oof_proba_.shape == (N, 2)


@pytest.mark.slow
def test_each_label_has_its_posterior_and_its_threshold():
    with pytest.warns(UserWarning, match="label"):
        clf = ensemble(network(epochs=10), cv=2).fit_stream(
            batches(3, LABELS), majority_fraction=0.3
        )
    assert clf.multilabel_
    assert clf.threshold_[2] == np.inf
    shares = clf.predict_proba(X).mean(axis=0)
    np.testing.assert_allclose(shares[:2], LABELS.mean(axis=0)[:2], rtol=0.4)


@pytest.mark.slow
def test_own_held_out_rows_judge_in_the_place_of_drawn_ones():
    own = {"X_val": NEW, "y_val": NEW_Y}
    clf = ensemble(calibration=None).fit_stream(batches(2), **own)
    twice = {"X_val": pd.concat([NEW, X]), "y_val": np.append(NEW_Y, 1 - Y)}
    weight = np.repeat([1.0, 0.0], N)
    same = ensemble(calibration=None).fit_stream(batches(2), **twice, sample_weight_val=weight)
    np.testing.assert_array_equal(clf.predict_proba(NEW), same.predict_proba(NEW))
    assert clf.objective_score_ == pytest.approx(same.objective_score_)


@pytest.mark.slow
def test_a_checkpoint_holds_each_network(tmp_path):
    first, again = (
        ensemble(checkpoint=tmp_path, cv=2).fit_stream(batches(n)).predict_proba(NEW)
        for n in (2, 3)
    )
    np.testing.assert_array_equal(first, again)
    assert len(list(tmp_path.iterdir())) == 2


class Splitter:
    """Folds, which a stream does not have."""

    def split(self, X, y):
        raise AssertionError


def single():
    yield X[:200], np.repeat([0, 1], [199, 1])


REFUSED = {
    "a splitter": ({"cv": Splitter()}, {}, "'cv' parameter .* for fit_stream: the number of"),
    "n_repeats": ({"cv": Splitter(), "n_repeats": 2}, {}, "'n_repeats' parameter"),
    "a sampler": ({"estimator": network(sampling=Splitter())}, {}, "'sampling' parameter"),
    "validation": ({"estimator": network(validation=Y == 1)}, {}, "give X_val and y_val"),
    "warm_start": ({"estimator": network(warm_start=True)}, {}, "fitted anew"),
    "both": ({}, {"majority_fraction": 0.1, "majority_ratio": 2.0}, "At most one of"),
    "fraction": ({}, {"majority_fraction": 2}, "fit_stream of ImbalancedEnsembleClassifier"),
    "X_val alone": ({}, {"X_val": X}, "must be given together"),
    "target": ({}, {"target": "y"}, "source is a function"),
    "checkpoint": ({"checkpoint": ".", "random_state": None}, {}, "'random_state' parameter"),
    "a single row": ({}, {"source": single}, "2 classes must have 2 rows each"),
    "objective": ({"objective": "nonsense"}, {}, "'objective' parameter"),
    "pos_label": ({"objective": "f1", "pos_label": 5}, {}, "'pos_label' parameter"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_changes_nothing(case):
    params, arguments, words = REFUSED[case]
    clf = ensemble(**params)
    before = dict(vars(clf))
    with pytest.raises(ValueError, match=words) as raised:
        clf.fit_stream(**{"source": batches(2), **arguments})
    assert "\n" not in str(raised.value)
    assert vars(clf) == before
