"""`ImbalancedMLPClassifier` on tables: what goes with categories, text and missing values."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from imblearn.combine import SMOTEENN
from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC, RandomOverSampler
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from imblearn.under_sampling import RandomUnderSampler
from scipy.sparse import csr_matrix, random_array
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags

from skimbalance import ImbalancedMLPClassifier
from skimbalance._fit.plan import prepare
from skimbalance.persistence import load_model, save_model
from skimbalance.sampling import EachClassSMOTE

CATEGORIES = [2, 3, 4]


def rows(n=120, seed=0):
    """A table of all kinds, and which rows are of the rare class."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "amount": rng.normal(size=n),
            "partner": rng.random(n) < 0.5,
            "home": rng.choice(["own", "rent", "other"], n, p=[0.5, 0.3, 0.2]),
            "grade": pd.Categorical(rng.choice([1, 2], n, p=[0.6, 0.4])),
            "open": pd.Categorical(rng.choice([True, False], n, p=[0.7, 0.3])),
        }
    )
    frame.loc[::7, "amount"] = np.nan
    frame.loc[::9, "home"] = None
    y = np.where(rng.random(n) < np.where(frame["home"] == "rent", 0.6, 0.1), "bad", "good")
    return frame, y


def mlp(**options):
    defaults = {"hidden_layer_sizes": (4,), "epochs": 2, "random_state": 0}
    return ImbalancedMLPClassifier(**{**defaults, **options})


@pytest.fixture(scope="module")
def fitted():
    return mlp().fit(*rows())


def same(first, second, X=None):
    X = rows()[0] if X is None else X
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))


@pytest.mark.slow
def test_the_form_of_the_table_does_not_matter(fitted):
    frame, y = rows()
    forms = {
        "objects": frame.astype(object).to_numpy(),
        "lists": frame.astype(object).to_numpy().tolist(),
    }
    for X in forms.values():
        same_columns = mlp(categorical_features=CATEGORIES).fit(X, y)
        np.testing.assert_array_equal(same_columns.predict_proba(X), fitted.predict_proba(frame))
    text = frame.astype({"grade": str, "open": str}).astype({"grade": "category"})
    table = pl.from_pandas(text)
    for X in (table, table.to_arrow()):
        clf = mlp().fit(X, y)
        np.testing.assert_array_equal(clf.predict_proba(X), fitted.predict_proba(frame))
        assert clf.feature_names_in_.tolist() == frame.columns.tolist()


@pytest.mark.slow
def test_unknown_levels_are_alike_and_rows_are_by_themselves(fitted):
    frame, _ = rows(300, seed=1)
    expected = fitted.predict_proba(frame.assign(home="never"))
    np.testing.assert_array_equal(fitted.predict_proba(frame.assign(home="neither")), expected)
    alone = [fitted.predict_proba(frame[i : i + 1])[0] for i in (0, 7, 299)]
    np.testing.assert_allclose(alone, fitted.predict_proba(frame)[[0, 7, 299]], rtol=1e-5)


@pytest.mark.slow
def test_columns_are_those_of_the_fit(fitted):
    frame, _ = rows()
    for wrong in (frame[frame.columns[::-1]], frame.drop(columns="home"),
                  frame.rename(columns={"home": "house"})):  # fmt: skip
        with pytest.raises(ValueError, match="feature names should match"):
            fitted.predict(wrong)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        found = fitted.predict_proba(frame.astype(object).to_numpy())
    np.testing.assert_array_equal(found, fitted.predict_proba(frame))
    with pytest.raises(ValueError, match="Got infinity in row 3, column 'amount': put a number"):
        fitted.predict(frame.assign(amount=np.where(frame.index == 3, np.inf, 1.0)))


@pytest.mark.slow
def test_copies_and_files_predict_the_same(fitted, tmp_path):
    same(pickle.loads(pickle.dumps(fitted)), fitted)
    save_model(fitted, tmp_path / "m.skim")
    same(load_model(tmp_path / "m.skim"), fitted)
    same(clone(fitted).fit(*rows()), fitted)


@pytest.mark.slow
def test_the_keras_model_takes_the_encoded_rows(fitted):
    frame, y = rows()
    plain = frame[["amount", "partner"]].astype(float).fillna(0.0)
    for clf, X in (
        (fitted, frame),
        (mlp().fit(plain, y), plain),
        (mlp().fit(plain, y), plain.where(plain > 0)),
        (mlp(standardize=False).fit(plain, y), plain),
    ):
        inputs = clf.model_input(X)
        assert np.all(np.isfinite(inputs))
        for outputs in (clf.model_.predict(inputs, verbose=0), clf.model_(inputs).numpy()):
            np.testing.assert_allclose(outputs, clf.predict_proba(X), rtol=1e-4)


@pytest.mark.slow
def test_callbacks_and_keras_own_fit_see_encoded_rows(fitted):
    import keras

    class Batches(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    clf = mlp(callbacks=Batches()).fit(*rows())
    assert clf.fit_path_.startswith("Keras' own fit")
    frame, _ = rows()
    np.testing.assert_allclose(clf.predict_proba(frame), fitted.predict_proba(frame), rtol=1e-3)


@pytest.mark.slow
def test_the_encoder_sees_no_held_out_rows(monkeypatch):
    frame, y = rows(400)
    plans = []

    def spied(*arguments):
        plans.append(prepare(*arguments))
        return plans[-1]

    monkeypatch.setattr("skimbalance._fit.estimator.prepare", spied)
    options = {"early_stopping": True, "validation_fraction": 0.3, "epochs": 1}
    mlp(**options).fit(frame, y)
    (plan,) = plans
    held_out = plan.held_out.index
    changed = frame.copy()
    changed.loc[held_out, "amount"] = 1e9
    changed.loc[held_out, "home"] = "never"
    mlp(**options).fit(changed, y)
    np.testing.assert_array_equal(plans[1].held_out.index, held_out)
    before, after = (
        plan.initial.encoder.transform(plan.rows.X[0][plan.rows.index]) for plan in plans
    )
    np.testing.assert_array_equal(before, after)


@pytest.mark.slow
def test_rows_of_weight_zero_are_left_out(fitted):
    frame, y = rows()
    beside = pd.concat([frame, frame.assign(amount=1e6, home="never")])
    weight = np.repeat([1.0, 0.0], len(frame))
    clf = mlp().fit(beside, np.tile(y, 2), sample_weight=weight)
    heavy = mlp().fit(frame, y, sample_weight=np.ones(len(y)))
    np.testing.assert_allclose(clf.predict_proba(frame), heavy.predict_proba(frame))


@pytest.mark.slow
@pytest.mark.parametrize("way", ["partial_fit", "warm_start"])
def test_later_parts_keep_the_levels(way):
    frame, y = rows()
    clf = mlp(warm_start=way == "warm_start")
    fit = clf.fit if way == "warm_start" else clf.partial_fit
    first = {} if way == "warm_start" else {"classes": ["bad", "good"]}
    fit(frame, y, **first)
    levels, width = clf._reader.levels, clf._fitted.encoder.n_outputs
    fit(frame.assign(home="never"), y)
    assert clf._reader.levels == levels
    assert clf._fitted.encoder.n_outputs == width
    assert np.all(np.isfinite(clf.predict_posterior(frame)))


SAMPLERS = {
    "over": RandomOverSampler(),
    "under": RandomUnderSampler(),
    "SMOTENC": SMOTENC(CATEGORIES),
    "each class": EachClassSMOTE(categorical_features=CATEGORIES),
    "in a pipeline": make_sampling_pipeline(SMOTENC(CATEGORIES), RandomUnderSampler()),
    "selecting pipeline": make_sampling_pipeline(RandomOverSampler(), RandomUnderSampler()),
}


@pytest.mark.slow
@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_samplers_that_know_the_categories_work(sampler):
    frame, y = rows()
    clf = mlp(sampling=sampler, epochs=1).fit(frame, y)
    assert np.all(np.isfinite(clf.predict_posterior(frame)))


@pytest.mark.parametrize(
    "sampler",
    [SMOTE(), EachClassSMOTE(), SMOTENC([2]), SMOTEENN(), SMOTEN()],
    ids=lambda sampler: repr(sampler),
)
def test_other_samplers_are_refused(sampler):
    words = (
        r"must know the columns of categories.*: use SMOTENC\(categorical_features=\[2, 3, 4\]\)"
    )
    with pytest.raises(ValueError, match=words):
        mlp(sampling=sampler).fit(*rows())


@pytest.mark.parametrize("chosen", ["auto", ["home", "grade", "open"]])
def test_samplers_are_told_the_positions_of_categories(chosen):
    words = r"must have the positions of .*=\[2, 3, 4\] for this X\. Got .*SMOTENC"
    for sampler in (SMOTENC(chosen), make_sampling_pipeline(SMOTENC(chosen))):
        with pytest.raises(ValueError, match=words):
            mlp(sampling=sampler).fit(*rows())


@pytest.mark.parametrize("make", [np.asarray, csr_matrix, pd.DataFrame])
def test_numbers_too_large_to_be_standardised_are_refused(make):
    X = np.array([[0.0, 1.0], [0.0, -1e200], [1.0, 0.0]])
    with pytest.raises(
        ValueError, match=r"must be at most 1e\+150 in size. Got 1e\+200 in column 1"
    ):
        mlp().fit(make(X), [0, 1, 1])


def test_categories_alone_have_another_sampler():
    frame, y = rows()
    with pytest.raises(ValueError, match=r"use SMOTEN\(\) of imbalanced-learn, EachClassSMOTE\("):
        mlp(sampling=SMOTE()).fit(frame[["home", "grade"]], y)


@pytest.mark.slow
def test_searches_and_pipelines():
    frame, y = rows()
    grid = GridSearchCV(mlp(epochs=1), {"learning_rate": [0.01, 0.1]}, cv=2).fit(frame, y)
    assert np.all(np.isfinite(grid.cv_results_["mean_test_score"]))
    clf = mlp(epochs=1)
    expected = clone(clf).fit(frame, y).predict_proba(frame)
    pipe = make_pipeline(FunctionTransformer(), clone(clf)).fit(frame, y)
    np.testing.assert_array_equal(pipe.predict_proba(frame), expected)
    balanced = make_sampling_pipeline(RandomUnderSampler(random_state=0), clone(clf)).fit(frame, y)
    assert balanced[-1].class_counts_[0] == balanced[-1].class_counts_[1]


@pytest.mark.slow
def test_several_labels_for_each_row():
    frame, y = rows()
    labels = np.column_stack([y == "bad", frame["partner"]]).astype(int)
    clf = mlp(epochs=1).fit(frame, labels)
    assert clf.predict(frame).shape == labels.shape
    assert np.all(np.isfinite(clf.predict_posterior(frame)))


@pytest.mark.slow
def test_numbers_missing_in_new_rows_only_are_medians():
    X = np.random.default_rng(0).normal(size=(61, 3))
    y = np.repeat([0, 1], [40, 21])
    clf = mlp(epochs=1).fit(X, y)
    median = np.median(X, axis=0)
    np.testing.assert_allclose(clf.predict_proba([[np.nan] * 3]), clf.predict_proba([median]))
    single = mlp(epochs=1).fit(X.astype(np.float32), y)
    assert np.all(np.isfinite(single.predict_proba(np.full((2, 3), np.nan, np.float32))))


@pytest.mark.slow
def test_a_memory_map_with_missing_numbers(tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    X[::5, 1] = np.nan
    y = np.repeat([0, 1], [40, 20])
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    same(mlp(epochs=1).fit(mapped, y), mlp(epochs=1).fit(X, y), X)


@pytest.mark.slow
@pytest.mark.parametrize(
    "column",
    [[7.0] * 20, [None] * 20, ["a"] * 20, [f"name {i}" for i in range(20)], [np.nan] * 20],
    ids=["one value", "nothing", "one level", "as many levels as rows", "NaN"],
)
def test_columns_of_which_nothing_can_be_learnt(column):
    y = np.repeat([0, 1], [16, 4])
    X = pd.DataFrame({"a": column})
    proba = mlp(epochs=1).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(proba, np.tile(proba[0], (20, 1)))


def sparse_rows(n=120):
    X = random_array((n, 12), density=0.3, rng=np.random.default_rng(0), format="csr")
    return X, (np.asarray(X.sum(axis=1)) > 2.5).astype(int)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"sampling": "balanced"}])
def test_sparse_rows_learn_as_dense_ones_that_are_scaled_alike(options):
    X, y = sparse_rows()
    if "early_stopping" not in options:
        scaled = X / X.toarray().std(axis=0)
        dense = mlp(standardize=False, **options).fit(scaled.toarray(), y)
        proba = mlp(**options).fit(X, y).predict_proba(X)
        np.testing.assert_allclose(proba, dense.predict_proba(scaled.toarray()), rtol=1e-4)
    as_they_are = mlp(standardize=False, **options).fit(X, y)
    same(as_they_are, mlp(standardize=False, **options).fit(X.toarray(), y), X.toarray())
    for form in (X.tocsc(), csr_matrix(X), X.tocoo()):
        same(as_they_are, mlp(standardize=False, **options).fit(form, y), form)


@pytest.mark.slow
def test_sparse_rows_are_predicted_as_dense_ones(tmp_path):
    X, y = sparse_rows()
    clf = mlp().fit(X, y)
    dense = clf.predict_proba(X.toarray())
    np.testing.assert_allclose(clf.predict_proba(X), dense, rtol=1e-5)
    model = clf.model_.predict(clf.model_input(X), verbose=0)
    np.testing.assert_allclose(model, dense, rtol=1e-4)
    save_model(clf, tmp_path / "m.skim")
    same(load_model(tmp_path / "m.skim"), clf, X)


@pytest.mark.slow
@pytest.mark.parametrize("first", ["sparse", "dense"])
def test_sparse_and_dense_parts(first):
    X, y = sparse_rows()
    parts = [X[:60], X[60:].toarray()] if first == "sparse" else [X[:60].toarray(), X[60:]]
    clf = mlp()
    for part, labels in zip(parts, (y[:60], y[60:]), strict=True):
        clf.partial_fit(part, labels, classes=[0, 1])
    dense = X.toarray()
    np.testing.assert_allclose(clf._fitted.encoder.scale, dense.std(axis=0))
    expected = 0.0 if first == "sparse" else dense.mean(axis=0)
    np.testing.assert_allclose(clf._fitted.encoder.center, expected)
    np.testing.assert_allclose(clf.predict_proba(X), clf.predict_proba(dense), rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("parametrization", "most"), [("standard", 2**21), ("ntk", 2**24)])
def test_wide_sparse_rows_are_never_dense_as_a_whole(parametrization, most, monkeypatch):
    n, n_columns = 400, 50_000
    X = random_array((n, n_columns), density=1e-3, rng=np.random.default_rng(0), format="csr")
    made_dense = []
    toarray = type(X).toarray
    monkeypatch.setattr(type(X), "toarray", lambda X: made_dense.append(X.shape[0]) or toarray(X))
    options = {"hidden_layer_sizes": (), "parametrization": parametrization, "batch_size": 8}
    clf = mlp(**options, epochs=1).fit(X, np.arange(n) % 2)
    assert clf.fit_path_ == "compiled"
    assert made_dense
    # What a call of the program takes, or what the network starts from.
    assert max(made_dense) * n_columns <= most < n * n_columns


def test_what_does_not_go_with_sparse_rows_is_refused():
    X, y = sparse_rows()
    with pytest.raises(ValueError, match="must be the name of an order of rows where X is sparse"):
        mlp(sampling=SMOTE()).fit(X, y)
    with pytest.raises(ValueError, match="must be 'from_dtype' or None where X is sparse"):
        mlp(categorical_features=[0]).fit(X, y)


def test_tags():
    tags = get_tags(mlp()).input_tags
    assert tags.allow_nan
    assert tags.categorical
    assert tags.sparse
    assert tags.string
