"""Fits on rows that come in blocks: as on all rows at once, whatever is thinned out on the way."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from skimbalance import ImbalancedMLPClassifier
from skimbalance.classifier import RECIPE
from skimbalance.persistence import load_model, save_model

N = 6_000


def table(seed=0, n=N):
    """Rows of two numbers, the first of which may be missing, and a category; rare are 5 %."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {"a": rng.normal(size=n), "b": rng.normal(size=n), "c": rng.choice(["x", "y", "z"], n)}
    )
    score = 1.5 * X["a"] + X["b"] ** 2 + (X["c"] == "z") - 5.5
    y = (rng.random(n) < 1 / (1 + np.exp(-score))).astype(int)
    X.loc[rng.random(n) < 0.1, "a"] = np.nan
    return X, y.to_numpy()


X, Y = table()
NEW, NEW_Y = table(1)


def batches(n_batches, *beside):
    """A source of that many batches."""

    def source():
        for rows in np.array_split(np.arange(N), n_batches):
            yield X.iloc[rows], Y[rows], *(values[rows] for values in beside)

    return source


def mlp(**params):
    defaults = {"hidden_layer_sizes": (8,), "epochs": 3, "batch_size": 128, "random_state": 0}
    return ImbalancedMLPClassifier(**{**defaults, **params})


@pytest.mark.slow
@pytest.mark.parametrize("params", [{}, {**RECIPE, "hidden_layer_sizes": (8,), "epochs": 3}])
def test_the_cut_into_batches_does_not_matter(params):
    first, second = (
        mlp(**params).fit_stream(batches(n), majority_fraction=0.5).predict_proba(NEW)
        for n in (1, 7)
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.slow
@pytest.mark.parametrize("params", [
    {}, {"class_weight": None}, {"loss": "focal"}, {"sampling": "balanced"},
    {"loss": "logit_adjusted"},
])  # fmt: skip
@pytest.mark.parametrize("thinning", [{"majority_fraction": 0.3}, {"majority_ratio": 4}])
def test_posteriors_of_a_thinned_fit_have_the_population_s_shares(params, thinning):
    clf = mlp(**params, epochs=20).fit_stream(batches(3), **thinning)
    np.testing.assert_array_equal(clf.class_counts_, np.bincount(Y))
    assert clf.majority_fraction_ < 0.4
    assert abs(clf.predict_posterior(X)[:, 1].mean() - Y.mean()) < 0.35 * Y.mean()


@pytest.mark.slow
def test_predictions_are_those_of_a_fit_on_all_rows():
    """Without weights thinned rows would have several times as many alarms."""
    whole, thin = (
        mlp(class_weight=None, epochs=20).fit_stream(batches(3), majority_fraction=fraction)
        for fraction in (None, 0.2)
    )
    rates = [clf.predict_proba(X)[:, 1].mean() for clf in (whole, thin)]
    np.testing.assert_allclose(rates, Y.mean(), rtol=0.3)


@pytest.mark.slow
def test_a_stream_learns_what_all_rows_at_once_teach():
    streamed = mlp(epochs=20).fit_stream(batches(5))
    at_once = mlp(epochs=20).fit(X, Y)
    assert streamed.feature_names_in_.tolist() == at_once.feature_names_in_.tolist()
    assert streamed.class_weight_ == at_once.class_weight_
    scores = [
        average_precision_score(NEW_Y, clf.predict_proba(NEW)[:, 1]) for clf in (streamed, at_once)
    ]
    assert abs(np.subtract(*scores)) < 0.05
    # The encoder is the same, but for what it learns from rows that are not held out.
    first, second = (clf._fitted.encoder for clf in (streamed, at_once))
    np.testing.assert_array_equal(first.flagged, second.flagged)
    assert first.n_outputs == second.n_outputs


@pytest.mark.slow
def test_weights_count_as_copies():
    weight = np.where(Y == 1, 3.0, 1.0)
    clf = mlp().fit_stream(batches(4, weight))
    np.testing.assert_allclose(clf.class_counts_, np.bincount(Y, weight))


@pytest.mark.slow
def test_an_interrupted_fit_keeps_what_it_has_learnt():
    from keras.callbacks import LambdaCallback

    def interrupt(epoch, logs):
        if epoch == 2:
            raise KeyboardInterrupt

    clf = mlp(epochs=50, callbacks=LambdaCallback(on_epoch_end=interrupt), early_stopping=False)
    with pytest.raises(KeyboardInterrupt, match="keeps what it has learnt"):
        clf.fit_stream(batches(3))
    assert clf.n_iter_ == 3
    three = mlp(epochs=3, early_stopping=False).fit_stream(batches(3))
    np.testing.assert_array_equal(clf.predict_proba(NEW), three.predict_proba(NEW))


@pytest.mark.slow
def test_a_fit_in_memory_forgets_the_fraction_and_files_keep_it(tmp_path):
    clf = mlp(epochs=1).fit_stream(batches(2), majority_fraction=0.5)
    save_model(clf, tmp_path / "model.skim")
    loaded = load_model(tmp_path / "model.skim")
    assert loaded.majority_fraction_ == clf.majority_fraction_
    np.testing.assert_array_equal(loaded.predict_proba(NEW), clf.predict_proba(NEW))
    assert not hasattr(clf.fit(X, Y), "majority_fraction_")


@pytest.mark.slow
def test_a_checkpoint_gives_the_result_again(tmp_path):
    first = mlp(checkpoint=tmp_path).fit_stream(batches(2))
    again = mlp(checkpoint=tmp_path, verbose=0).fit_stream(batches(3))
    np.testing.assert_array_equal(first.predict_proba(NEW), again.predict_proba(NEW))
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.slow
def test_labels_of_which_rows_may_have_none():
    several = np.stack([Y, (X["b"] > 2).to_numpy(int)], axis=1)

    def source():
        for rows in np.array_split(np.arange(N), 3):
            yield X.iloc[rows], several[rows]

    clf = mlp(epochs=20, class_weight=None).fit_stream(source, majority_fraction=0.2)
    np.testing.assert_allclose(clf.class_counts_[:, 1], several.sum(axis=0))
    # Without weights the frequencies would be three times as high.
    np.testing.assert_allclose(
        clf.predict_posterior(X).mean(axis=0), several.mean(axis=0), atol=0.02
    )


REFUSED = {
    "both": ({}, {"majority_fraction": 0.1, "majority_ratio": 2.0}, "At most one of"),
    "fraction 0": ({}, {"majority_fraction": 0.0}, "above 0"),
    "fraction 2": ({}, {"majority_fraction": 2}, "above 0"),
    "a bool": ({}, {"majority_fraction": True}, "above 0"),
    "a word": ({}, {"majority_fraction": "few"}, "'auto'"),
    "ratio 0": ({}, {"majority_ratio": 0}, "positive number"),
    "validation": ({"validation": Y == 1}, {}, "X_val and y_val"),
    "warm_start": ({"warm_start": True}, {}, "fitted anew"),
    "X_val alone": ({}, {"X_val": X}, "must be given together"),
    "target of a function": ({}, {"target": "y"}, "source is a function"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_changes_nothing(case):
    params, arguments, words = REFUSED[case]
    clf = mlp(**params)
    before = dict(vars(clf))
    with pytest.raises(ValueError, match=words) as raised:
        clf.fit_stream(batches(2), **arguments)
    assert "\n" not in str(raised.value)
    assert vars(clf) == before
