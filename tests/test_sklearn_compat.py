"""The classifier in other people's hands: pipelines, searches, scorers, wrappers, frames, files."""

import io
import pickle
import warnings
from copy import copy
from dataclasses import replace

import joblib
import numpy as np
import pytest
import sklearn
from imblearn.ensemble import BalancedBaggingClassifier
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import ClusterCentroids, RandomUnderSampler, TomekLinks
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_blobs
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import StackingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, f1_score, get_scorer, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    check_cv,
    cross_val_predict,
    cross_validate,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline as make_sklearn_pipeline
from sklearn.preprocessing import StandardScaler

from skimbalance import ImbalancedMLPClassifier
from skimbalance._fit.perceptron import ACTIVATIONS

pytestmark = pytest.mark.slow

keras_writes_numpy_1 = pytest.mark.filterwarnings(
    # Keras' own np.array(variable), where callbacks read the learning rate or write a file.
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


def mlp(**options):
    defaults = {"hidden_layer_sizes": (8,), "epochs": 5, "batch_size": 32, "random_state": 0}
    return ImbalancedMLPClassifier(**{**defaults, **options})


@pytest.fixture(scope="module")
def binary():
    """270 rows and 30, of two Gaussians 2.7 deviations apart: the best AUC is 0.97."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1], [270, 30]))
    return rng.normal(size=(300, 5)) + 1.2 * y[:, None], y


@pytest.fixture(scope="module")
def multiclass():
    """Three blobs of 200, 70 and 30 rows."""
    return make_blobs([200, 70, 30], n_features=5, cluster_std=2.0, random_state=0)


@pytest.fixture(scope="module")
def gaussians():
    """20,000 rows of two shifted Gaussians, 10 % positive: the posterior is known exactly."""
    rng = np.random.default_rng(0)
    y = (rng.random(20000) < 0.1).astype(int)
    X = rng.normal(size=(20000, 2)) + 2.0 * y[:, None]
    # log p(x|1) / p(x|0) = 2 (x1 + x2) - 4
    logit = 2.0 * X.sum(axis=1) - 4.0 + np.log(0.1 / 0.9)
    return X, y, 1.0 / (1.0 + np.exp(-logit))


# Searches and scorers


@pytest.mark.filterwarnings("ignore:The 'gamma' parameter has no effect")
def test_grid_search_of_a_sampling_pipeline(binary):
    X, y = binary
    pipe = make_pipeline(StandardScaler(), SMOTE(random_state=0), mlp(epochs=3))
    grid = {
        "smote": [SMOTE(random_state=0), RandomUnderSampler(random_state=0), "passthrough"],
        "imbalancedmlpclassifier__class_weight": [None, 0.5],
        "imbalancedmlpclassifier__gamma": [0.0, 2.0],
    }
    cv = StratifiedKFold(3)
    search = GridSearchCV(pipe, grid, scoring="f1_macro", cv=cv, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 12
    # A cross-entropy ignores gamma, so pairs that differ in it alone are equal ...
    scores = {}
    for params, score in zip(
        search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
    ):
        key = str(params["smote"]), params["imbalancedmlpclassifier__class_weight"]
        scores.setdefault(key, set()).add(score)
    assert all(len(both) == 1 for both in scores.values())
    # ... each sampler did what it says ...
    for sampler, counts in zip(grid["smote"], ([270, 270], [30, 30], [270, 30]), strict=True):
        fitted = clone(pipe).set_params(smote=sampler).fit(X, y)
        np.testing.assert_array_equal(fitted[-1].class_counts_, counts)
    # ... and the best score is what a plain loop finds.
    winner = clone(pipe).set_params(**search.best_params_)
    predicted = [
        f1_score(y[test], clone(winner).fit(X[train], y[train]).predict(X[test]), average="macro")
        for train, test in cv.split(X, y)
    ]
    assert search.best_score_ == pytest.approx(np.mean(predicted), abs=1e-12)


@pytest.mark.filterwarnings("ignore:The 'gamma' parameter has no effect")
@pytest.mark.parametrize("loss", ["crossentropy", "focal"])
def test_gamma_matters_only_to_losses_that_have_it(binary, loss):
    outputs = [
        mlp(loss=loss, gamma=gamma).fit(*binary).predict_proba(binary[0]) for gamma in (0.0, 3.0)
    ]
    assert np.array_equal(*outputs) == (loss == "crossentropy")


def test_cross_validate_with_several_scorers(binary):
    X, y = binary
    names = ["f1_macro", "roc_auc", "average_precision", "balanced_accuracy", "neg_log_loss"]
    result = cross_validate(
        mlp(epochs=20, learning_rate=0.01),
        X,
        y,
        scoring=names,
        cv=3,
        return_estimator=True,
        return_indices=True,
        error_score="raise",
    )
    for i, (clf, test) in enumerate(
        zip(result["estimator"], result["indices"]["test"], strict=True)
    ):
        for name in names:
            assert result[f"test_{name}"][i] == get_scorer(name)(clf, X[test], y[test])
        # The scorer ranks by decision_function; probabilities must rank alike.
        assert result["test_roc_auc"][i] == pytest.approx(
            roc_auc_score(y[test], clf.predict_proba(X[test])[:, 1])
        )
    dummy = cross_validate(DummyClassifier(), X, y, scoring=names, cv=3)
    for name in names:
        assert result[f"test_{name}"].mean() > dummy[f"test_{name}"].mean()


def test_multiclass_scorers(multiclass):
    X, y = multiclass
    names = ["roc_auc_ovr", "roc_auc_ovo_weighted", "average_precision", "f1_macro"]
    result = cross_validate(
        mlp(epochs=20, learning_rate=0.01), X, y, scoring=names, cv=3, error_score="raise"
    )
    # Chance is 0.5 for the first two and about the class shares for the others.
    for name in names:
        assert result[f"test_{name}"].mean() > 0.75


def test_integer_cv_is_stratified(binary):
    X, y = binary
    assert is_classifier(mlp())
    assert isinstance(check_cv(5, y, classifier=is_classifier(mlp())), StratifiedKFold)
    # Sorted labels: an unshuffled, unstratified split would leave folds without positives.
    order = np.argsort(y, kind="stable")
    result = cross_validate(mlp(epochs=1), X[order], y[order], cv=5, return_indices=True)
    assert [y[order][test].sum() for test in result["indices"]["test"]] == [y.sum() // 5] * 5


def test_halving_search(binary):
    X, y = binary
    search = HalvingGridSearchCV(
        mlp(learning_rate=0.01),
        {"class_weight": [None, 0.5, "balanced"]},
        resource="epochs",
        min_resources=2,
        max_resources=18,
        scoring="roc_auc",
        cv=3,
        random_state=0,
        error_score="raise",
    ).fit(X, y)
    assert search.n_resources_ == [2, 6]
    assert search.best_estimator_.n_iter_ == 6
    assert search.n_candidates_ == [3, 1]


def test_threads_give_the_results_of_one(binary):
    X, y = binary
    search = GridSearchCV(
        mlp(),
        {"class_weight": [None, "balanced"], "loss": ["crossentropy", "focal"]},
        scoring="neg_log_loss",
        cv=3,
        error_score="raise",
    )
    alone = search.fit(X, y).cv_results_["mean_test_score"]
    with joblib.parallel_config(backend="threading"):
        threads = clone(search).set_params(n_jobs=2).fit(X, y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(threads, alone)
    assert len(set(alone)) == 4


# Wrappers of scikit-learn and imbalanced-learn


def test_tuned_threshold(binary):
    X, y = binary
    # Unweighted, so that at 0.5 few rows are called rare.
    clf = mlp(class_weight=None, epochs=10, learning_rate=0.01)
    tuned = TunedThresholdClassifierCV(clf, scoring="balanced_accuracy", cv=3).fit(X, y)
    by_hand = tuned.classes_[(tuned.estimator_.predict_proba(X)[:, 1] >= tuned.best_threshold_) * 1]
    np.testing.assert_array_equal(tuned.predict(X), by_hand)
    assert tuned.best_threshold_ < 0.5
    assert balanced_accuracy_score(y, tuned.predict(X)) > balanced_accuracy_score(
        y, clf.fit(X, y).predict(X)
    )


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration_undoes_the_weights(gaussians, method):
    X, y, _ = (array[:4000] for array in gaussians)
    clf = mlp(epochs=3, learning_rate=0.01)
    calibrated = CalibratedClassifierCV(clf, method=method, cv=3).fit(X, y)
    proba = calibrated.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    # Either method's mean is that of its calibration rows: sqrt(0.1 * 0.9 / 4000) = 0.005 off.
    assert abs(proba[:, 1].mean() - y.mean()) < 0.015
    assert abs(clf.fit(X, y).predict_proba(X)[:, 1].mean() - y.mean()) > 0.05


def test_balanced_bagging(binary):
    X, y = binary
    bag = BalancedBaggingClassifier(mlp(class_weight=None), n_estimators=3, random_state=0)
    bag.fit(X, y)
    members = [pipe[-1] for pipe in bag.estimators_]
    assert len({member.random_state for member in members}) == 3
    for member in members:
        # A bootstrap of the rows, then under-sampled to the rare class.
        assert member.class_counts_[0] == member.class_counts_[1] < 60
    mean = np.mean([member.predict_proba(X) for member in members], axis=0)
    np.testing.assert_allclose(bag.predict_proba(X), mean, atol=1e-12)


def test_one_versus_rest(multiclass):
    X, y = multiclass
    ovr = OneVsRestClassifier(mlp(epochs=20, learning_rate=0.01)).fit(X, y)
    assert len(ovr.estimators_) == 3
    for k, clf in enumerate(ovr.estimators_):
        np.testing.assert_array_equal(clf.class_counts_, np.bincount(y == k))
        np.testing.assert_array_equal(ovr.decision_function(X)[:, k], clf.decision_function(X))
    assert balanced_accuracy_score(y, ovr.predict(X)) > 0.8


def test_stacking(multiclass):
    X, y = multiclass
    labels = np.array(["a", "b", "c"])[y]
    base = [("mlp", mlp(epochs=20, learning_rate=0.01)), ("dummy", DummyClassifier())]
    stack = StackingClassifier(base, LogisticRegression(max_iter=1000), cv=3).fit(X, labels)
    np.testing.assert_array_equal(stack.classes_, ["a", "b", "c"])
    np.testing.assert_array_equal(
        stack.transform(X)[:, :3], stack.named_estimators_["mlp"].predict_proba(X)
    )
    assert balanced_accuracy_score(labels, stack.predict(X)) > 0.8


def test_permutation_importance_finds_the_column():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 5))
    y = X[:, 2] > 1.0
    clf = mlp(epochs=20, learning_rate=0.01).fit(X, y)
    result = permutation_importance(
        clf, X, y, scoring="average_precision", n_repeats=3, random_state=0
    )
    assert result.importances_mean.argmax() == 2
    others = np.delete(result.importances_mean, 2)
    assert result.importances_mean[2] > 5 * np.abs(others).max()


def test_cross_val_predict(binary):
    X, y = binary
    clf = mlp(epochs=20, learning_rate=0.01)
    proba = cross_val_predict(clf, X, y, cv=3, method="predict_proba")
    assert proba.shape == (300, 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    assert roc_auc_score(y, proba[:, 1]) > 0.9


def test_sample_weight_is_routed(binary):
    X, y = binary
    weight = np.random.default_rng(0).random(len(y))
    expected = mlp().fit(StandardScaler().fit_transform(X), y, sample_weight=weight)
    with sklearn.config_context(enable_metadata_routing=True):
        for make in (make_pipeline, make_sklearn_pipeline):
            asked = make(StandardScaler(), mlp().set_fit_request(sample_weight=True))
            asked[0].set_fit_request(sample_weight=False)
            asked.fit(X, y, sample_weight=weight)
            np.testing.assert_array_equal(asked[-1].class_counts_, expected.class_counts_)
            np.testing.assert_array_equal(
                asked.predict_proba(X), expected.predict_proba(asked[0].transform(X))
            )
            refused = make(
                StandardScaler().set_fit_request(sample_weight=False),
                mlp().set_fit_request(sample_weight=False),
            )
            with pytest.raises(TypeError, match="sample_weight"):
                refused.fit(X, y, sample_weight=weight)
            unsaid = make(StandardScaler().set_fit_request(sample_weight=False), mlp())
            with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="sample_weight"):
                unsaid.fit(X, y, sample_weight=weight)
        # Through a search each fold gets the weights of its own rows, and fit alone.
        pipe = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False),
            mlp().set_fit_request(sample_weight=True),
        )
        search = GridSearchCV(
            pipe,
            {"imbalancedmlpclassifier__class_weight": [None, "balanced"]},
            scoring=get_scorer("neg_log_loss").set_score_request(sample_weight=False),
            cv=3,
            error_score="raise",
        ).fit(X, y, sample_weight=weight)
        np.testing.assert_array_equal(
            search.best_estimator_[-1].class_counts_, expected.class_counts_
        )
        splits = StratifiedKFold(3).split(X, y)
        for fold, (train, test) in enumerate(splits):
            alone = clone(pipe).set_params(imbalancedmlpclassifier__class_weight=None)
            alone.fit(X[train], y[train], sample_weight=weight[train])
            score = get_scorer("neg_log_loss")(alone, X[test], y[test])
            assert search.cv_results_[f"split{fold}_test_score"][0] == score
        with pytest.raises(ValueError, match="'sample_weight' must be positive or zero"):
            search.fit(X, y, sample_weight=-weight)


def test_set_output_before_it_names_the_features(binary):
    pd = pytest.importorskip("pandas")
    X, y = binary
    frame = pd.DataFrame(X, columns=list("abcde"))
    pipe = make_pipeline(StandardScaler(), RandomUnderSampler(random_state=0), mlp())
    plain = clone(pipe).fit(X, y)
    pipe.set_output(transform="pandas").fit(frame, y)
    np.testing.assert_array_equal(pipe[-1].feature_names_in_, list("abcde"))
    np.testing.assert_array_equal(pipe.predict_proba(frame), plain.predict_proba(X))
    assert not hasattr(plain[-1], "feature_names_in_")


# Parameters, copies and files


def test_parameters_round_trip():
    clf = ImbalancedMLPClassifier()
    given = {
        "hidden_layer_sizes": [4, 4],
        "class_weight": {"a": 1, "b": 2},
        "alpha": np.array([1.0, 2.0]),
        "loss_params": {"q": 0.5},
        "sampling": SMOTE(k_neighbors=2),
        "callbacks": [],
    }
    assert clf.set_params(**given) is clf
    params = clf.get_params(deep=False)
    assert all(params[name] is value for name, value in given.items())
    assert params.keys() == ImbalancedMLPClassifier().get_params(deep=False).keys()
    # A sampler's own parameters can be searched.
    assert clf.get_params()["sampling__k_neighbors"] == 2
    assert clf.set_params(sampling__k_neighbors=3).sampling.k_neighbors == 3
    with pytest.raises(ValueError, match="Invalid parameter 'hidden_layers'"):
        clf.set_params(hidden_layers=3)
    with pytest.raises(TypeError, match="positional"):
        ImbalancedMLPClassifier((8,), "relu")


def test_clone_keeps_parameters_and_no_state(binary):
    clf = mlp(sampling=SMOTE(random_state=0), class_weight=0.5).fit(*binary)
    copy = clone(clf)
    assert not any(name.endswith("_") for name in vars(copy))
    assert copy.get_params().keys() == clf.get_params().keys()
    assert copy.sampling is not clf.sampling
    np.testing.assert_array_equal(
        copy.fit(*binary).predict_proba(binary[0]), clf.predict_proba(binary[0])
    )


def test_keras_objects_are_cloned_unused(binary):
    import keras

    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    clf = clone(mlp(optimizer=optimizer, loss=keras.losses.CategoricalCrossentropy()))
    first = clf.fit(*binary).predict_proba(binary[0])
    np.testing.assert_array_equal(clone(clf).fit(*binary).predict_proba(binary[0]), first)
    assert not optimizer.built
    assert not clf.optimizer.built


@pytest.mark.parametrize("how", ["pickle", "joblib"])
def test_file_round_trip(binary, how, tmp_path):
    X, y = binary
    labels = np.array(["common", "rare"])[y]
    clf = make_pipeline(StandardScaler(), mlp(normalization="batch", dropout=0.2)).fit(X, labels)
    if how == "pickle":
        loaded = pickle.loads(pickle.dumps(clf))
    else:
        joblib.dump(clf, tmp_path / "clf.joblib")
        loaded = joblib.load(tmp_path / "clf.joblib")
    for method in ("predict", "predict_proba", "decision_function"):
        np.testing.assert_array_equal(getattr(loaded, method)(X), getattr(clf, method)(X))
    Z = clf[0].transform(X)
    np.testing.assert_array_equal(loaded[-1].predict_posterior(Z), clf[-1].predict_posterior(Z))
    assert loaded[-1].history_ == clf[-1].history_
    assert loaded[-1].class_weight_ == clf[-1].class_weight_


def test_memory_mapped_state(binary, tmp_path):
    X, y = binary
    clf = mlp(warm_start=True).fit(X, y)
    joblib.dump(clf, tmp_path / "clf.joblib")
    loaded = joblib.load(tmp_path / "clf.joblib", mmap_mode="r")
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))
    np.testing.assert_array_equal(loaded.fit(X, y).predict_proba(X), clf.fit(X, y).predict_proba(X))


def test_training_goes_on_after_a_file(binary):
    X, y = binary
    clf = mlp().partial_fit(X, y, classes=[0, 1])
    loaded = pickle.loads(pickle.dumps(clf))
    for _ in range(2):
        clf.partial_fit(X, y)
        loaded.partial_fit(X, y)
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))


def test_pickle_is_small(binary):
    clf = mlp(hidden_layer_sizes=(64, 32)).fit(*binary)
    n_weights = (5 + 1) * 64 + (64 + 1) * 32 + (32 + 1) * 2
    buffer = io.BytesIO()
    pickle.dump(clf, buffer)
    # float32 weights, and room for parameters, names and history: no rows, no Keras model.
    assert len(buffer.getvalue()) < 4 * n_weights + 8192


# Labels


LABELS = {
    "str": ["no", "yes"],
    "object": np.array(["no", "yes"], dtype=object),
    "bool": [False, True],
    "negative": [-7, -3],
    "huge": [2**60, 2**60 + 1],
    "beyond int64": np.array([2**64 - 2, 2**64 - 1], dtype=np.uint64),
    "int8": np.array([-128, 127], dtype=np.int8),
    "whole floats": [-1.0, 2.0],
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels(binary, kind):
    X, y = binary
    pair = np.asarray(LABELS[kind])
    labels = pair[y]
    plain = mlp().fit(X, y)
    assert set(plain.predict(X)) == {0, 1}
    clf = mlp(class_weight={pair[1]: 9.0, pair[0]: 1.0}).fit(X, labels)
    assert clf.classes_.dtype == labels.dtype
    np.testing.assert_array_equal(clf.classes_, pair)
    assert clf.class_weight_.keys() == set(pair.tolist())
    assert clf.class_weight_[pair.tolist()[1]] == pytest.approx(
        9 * clf.class_weight_[pair.tolist()[0]]
    )
    clf.set_params(class_weight="balanced").fit(X, labels)
    np.testing.assert_array_equal(clf.predict(X), pair[plain.predict(X)])
    assert clf.predict(X).dtype == labels.dtype
    np.testing.assert_array_equal(clf.predict_proba(X), plain.predict_proba(X))
    assert clf.score(X, labels) == plain.score(X, y)
    # In parts too.
    parts = mlp().partial_fit(X, labels, classes=pair[::-1]).partial_fit(X, labels)
    np.testing.assert_array_equal(parts.classes_, pair)
    np.testing.assert_array_equal(parts.predict(X), pair[parts.predict_proba(X).argmax(axis=1)])


@pytest.mark.parametrize("kind", ["category", "str", "Int64 huge", "polars", "list"])
def test_labels_of_a_frame(binary, kind):
    X, y = binary
    names = np.array(["b", "a"])  # not in order of appearance, nor the categories'
    if kind == "Int64 huge":
        pd = pytest.importorskip("pandas")
        names = np.array([2**60 + 1, 2**60])
        labels = pd.Series(names[y], dtype="Int64")
    elif kind in ("category", "str"):
        pd = pytest.importorskip("pandas")
        dtype = "str" if kind == "str" else pd.CategoricalDtype(["z", "b", "a"])
        labels = pd.Series(names[y], dtype=dtype, index=np.arange(len(y))[::-1])
    elif kind == "polars":
        labels = pytest.importorskip("polars").Series(names[y])
    else:
        labels = names[y].tolist()
    clf = mlp(epochs=1).fit(X, labels)
    expected = mlp(epochs=1).fit(X, names[y])
    assert clf.classes_.tolist() == sorted(names.tolist())
    assert clf.predict(X).tolist() == expected.predict(X).tolist()
    assert clf.class_weight_ == expected.class_weight_


# Rows


def memory_map(X, path):
    np.save(path / "X.npy", X)
    return np.load(path / "X.npy", mmap_mode="r")


def read_only(X, path):
    X = X.copy()
    X.flags.writeable = False
    return X


ROWS = {
    "float32": lambda X, path: X.astype(np.float32),
    "int64": lambda X, path: X.astype(np.int64),
    "int8": lambda X, path: X.astype(np.int8),
    "object": lambda X, path: X.astype(object),
    "Fortran": lambda X, path: np.asfortranarray(X),
    "strided": lambda X, path: np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
    "reversed": lambda X, path: X[::-1].copy()[::-1],
    "read-only": read_only,
    "memory map": memory_map,
    "list": lambda X, path: X.tolist(),
    "big-endian": lambda X, path: X.astype(">f8"),
}


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("standardize", [True, False])
def test_rows(multiclass, tmp_path, kind, standardize):
    X, y = multiclass
    # Whole numbers, which every kind holds exactly. float32 rows may be standardised in float32;
    # all others are the same bits.
    X = np.rint(X)
    given = ROWS[kind](X, tmp_path)
    expected = mlp(standardize=standardize).fit(X, y)
    clf = mlp(standardize=standardize).fit(given, y)
    atol = 1e-5 if kind == "float32" else 0.0
    np.testing.assert_allclose(clf.predict_proba(X), expected.predict_proba(X), rtol=0, atol=atol)
    np.testing.assert_allclose(
        clf.predict_proba(given), expected.predict_proba(X), rtol=0, atol=atol
    )
    np.testing.assert_array_equal(expected.predict(given), expected.predict(X))
    assert clf.n_features_in_ == 5
    assert not hasattr(clf, "feature_names_in_")


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_narrow_floats_at_predict_only(binary, dtype):
    # scikeras refuses float64 after a fit on float32, and the other way round.
    X, y = binary
    clf = mlp().fit(X.astype(dtype), y)
    # The same numbers, standardised in float64 or in float32.
    np.testing.assert_allclose(
        clf.predict_proba(X.astype(dtype).astype(float)),
        clf.predict_proba(X.astype(dtype)),
        atol=1e-6,
    )


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(binary, library):
    frames = pytest.importorskip(library)
    X, y = binary
    names = ["age", "x 1", "é", "Z", "a"]
    frame = frames.DataFrame(dict(zip(names, X.T, strict=True)))
    clf, expected = mlp().fit(frame, y), mlp().fit(X, y)
    np.testing.assert_array_equal(clf.feature_names_in_, names)
    np.testing.assert_array_equal(clf.predict_proba(frame), expected.predict_proba(X))
    np.testing.assert_array_equal(clf.predict(frame), expected.predict(X))
    np.testing.assert_array_equal(clf.predict_posterior(frame), expected.predict_posterior(X))
    np.testing.assert_array_equal(clf.decision_function(frame), expected.decision_function(X))
    assert clf.score(frame, y) == expected.score(X, y)


def test_frame_of_many_dtypes(binary):
    pd = pytest.importorskip("pandas")
    X, y = binary
    whole = np.rint(X)
    frame = pd.DataFrame(
        {
            "int8": whole[:, 0].astype(np.int8),
            "Int64": pd.array(whole[:, 1], dtype="Int64"),
            "bool": whole[:, 2] > 0,
            "float32": whole[:, 3].astype(np.float32),
            "Float64": pd.array(whole[:, 4], dtype="Float64"),
        },
        index=np.arange(len(X))[::-1],
    )
    whole[:, 2] = whole[:, 2] > 0
    np.testing.assert_array_equal(
        mlp().fit(frame, y).predict_proba(frame), mlp().fit(whole, y).predict_proba(whole)
    )


def test_weights_of_a_series_go_by_position(binary):
    pd = pytest.importorskip("pandas")
    X, y = binary
    weight = np.random.default_rng(0).random(len(y))
    series = pd.Series(weight, index=np.arange(len(y))[::-1])
    np.testing.assert_array_equal(
        mlp().fit(X, y, sample_weight=series).predict_proba(X),
        mlp().fit(X, y, sample_weight=weight).predict_proba(X),
    )


# Outputs


@pytest.mark.parametrize("n_rows", [1, 2, 255, 256, 257, 300])
def test_outputs_agree_for_two_classes(binary, n_rows):
    X, y = binary
    clf = mlp().fit(X, y)
    rows = X[:n_rows]
    proba, score = clf.predict_proba(rows), clf.decision_function(rows)
    assert proba.shape == (n_rows, 2)
    assert score.shape == (n_rows,)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(clf.predict(rows), (score > 0).astype(int))
    np.testing.assert_allclose(np.log(proba[:, 1] / proba[:, 0]), score, atol=1e-9)
    posterior = clf.predict_posterior(rows)
    assert posterior.shape == (n_rows, 2)
    np.testing.assert_allclose(posterior.sum(axis=1), 1.0, rtol=1e-12)
    # float32 blocks against float64 rows: 7 digits of logits of order 1.
    np.testing.assert_allclose(proba, clf.predict_proba(X)[:n_rows], atol=1e-6)


@pytest.mark.parametrize("n_rows", [1, 300])
def test_outputs_agree_for_three_classes(multiclass, n_rows):
    X, y = multiclass
    clf = mlp().fit(X, y)
    proba, score = clf.predict_proba(X[:n_rows]), clf.decision_function(X[:n_rows])
    assert proba.shape == score.shape == (n_rows, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(clf.predict(X[:n_rows]), score.argmax(axis=1))
    np.testing.assert_array_equal(proba.argmax(axis=1), score.argmax(axis=1))


def test_class_counts_prior_and_weight(multiclass):
    X, y = multiclass
    clf = mlp(class_weight="balanced").fit(X, y)
    np.testing.assert_array_equal(clf.class_counts_, [200, 70, 30])
    np.testing.assert_allclose(clf.class_prior_, [200 / 300, 70 / 300, 30 / 300])
    assert clf.class_weight_ == pytest.approx({0: 300 / 600, 1: 300 / 210, 2: 300 / 90})
    assert len(clf.history_["loss"]) == clf.n_iter_ == clf.best_epoch_ == 5
    assert clf.loss_ == clf.history_["loss"][-1]


def test_power_of_class_weight_is_a_grid(binary):
    X, y = binary
    recalls = []
    for power in (0.0, 0.5, 1.0):
        clf = mlp(class_weight=power, epochs=3, learning_rate=0.01).fit(X, y)
        ratio = (270 / 30) ** power
        assert clf.class_weight_[1] / clf.class_weight_[0] == pytest.approx(ratio)
        assert clf.class_weight_[0] * 0.9 + clf.class_weight_[1] * 0.1 == pytest.approx(1.0)
        recalls.append(clf.predict(X)[y == 1].mean())
    assert recalls == sorted(recalls)
    ends = {0.0: None, 1.0: "balanced"}
    for power, name in ends.items():
        np.testing.assert_array_equal(
            mlp(class_weight=power).fit(X, y).predict_proba(X),
            mlp(class_weight=name).fit(X, y).predict_proba(X),
        )


# Natural posteriors


# Tolerances: 20,000 rows fix the mean to sqrt(0.1 * 0.9 / 20000) = 0.002, and a single posterior,
# where it is 1/2, to about 0.04 by maximum likelihood; the losses that learn less from a row need
# somewhat more. What is undone is ten times as large.
NATURAL = {
    "plain": {"class_weight": None},
    "balanced weights": {"class_weight": "balanced"},
    "half weights": {"class_weight": 0.5},
    "weights of a dict": {"class_weight": {0: 1.0, 1: 30.0}},
    "effective weights": {"class_weight": "effective"},
    "balanced batches": {"class_weight": None, "sampling": "balanced"},
    "weights on balanced batches": {"class_weight": {0: 2.0, 1: 1.0}, "sampling": "balanced"},
    "stratified batches": {"sampling": "stratified"},
    "under-sampling": {
        "class_weight": None,
        "sampling": RandomUnderSampler(),
        "batch_size": 100,  # as many steps as the others
    },
    "over-sampling": {"class_weight": None, "sampling": RandomOverSampler()},
    "focal": {"class_weight": None, "loss": "focal"},
    "focal with weights": {"class_weight": "balanced", "loss": "focal", "gamma": 1.0},
    "focal with alpha": {"class_weight": None, "loss": "focal", "alpha": 0.75},
    "logit-adjusted": {"class_weight": None, "loss": "logit_adjusted"},
    "logit-adjusted on balanced batches": {
        "loss": "logit_adjusted",
        "tau": 0.5,
        "class_weight": None,
        "sampling": "balanced",
    },
    "vector scaling": {"class_weight": None, "loss": "vector_scaling"},
    "LDAM": {"class_weight": "balanced", "loss": "ldam"},
    "poly-1": {"class_weight": "balanced", "loss": "poly1"},
    "generalized": {"class_weight": "balanced", "loss": "generalized", "loss_params": {"q": 0.2}},
}


@pytest.mark.parametrize("name", NATURAL)
def test_posterior_is_natural(gaussians, name):
    X, y, eta = gaussians
    clf = mlp(
        hidden_layer_sizes=(),  # the truth is linear
        **{"batch_size": 500, "epochs": 30, "learning_rate": 0.05, **NATURAL[name]},
        learning_rate_schedule="cosine",
        early_stopping=False,
    ).fit(X, y)
    posterior = clf.predict_posterior(X)[:, 1]
    np.testing.assert_allclose(posterior.mean(), y.mean(), atol=0.01)
    # Under-sampling learns from 4,000 rows.
    atol = 0.15 if name == "under-sampling" else 0.08
    np.testing.assert_allclose(posterior, eta, atol=atol)
    if name != "plain":
        # What it undoes is large, or the test would show nothing.
        assert abs(clf.predict_proba(X)[:, 1].mean() - y.mean()) > 0.02


def test_posterior_under_other_priors(gaussians):
    X, y, _ = gaussians
    clf = mlp(epochs=2, batch_size=500).fit(X, y)
    natural = clf.predict_posterior(X)
    np.testing.assert_allclose(clf.predict_posterior(X, priors=clf.class_prior_), natural)
    odds = natural[:, 1] / natural[:, 0]
    priors = np.array([0.5, 0.5])
    shifted = clf.predict_posterior(X, priors=priors)
    # Elkan 2001: the odds move by the ratio of the prior odds.
    factor = clf.class_prior_[0] / clf.class_prior_[1]
    np.testing.assert_allclose(shifted[:, 1] / shifted[:, 0], odds * factor, rtol=1e-9)
    np.testing.assert_allclose(clf.predict_posterior(X, priors={1: 0.5, 0: 0.5}), shifted)
    with pytest.raises(ValueError, match="'priors' must sum to 1"):
        clf.predict_posterior(X, priors=[30, 30])
    np.testing.assert_array_equal(clf.predict_posterior(X, priors=[0, 1])[:, 1], 1.0)


# Samplers inside the estimator


@pytest.mark.parametrize(
    ("sampler", "drawn"),
    [
        (SMOTE(), [270, 270]),
        (RandomOverSampler(), [270, 270]),
        (RandomUnderSampler(), [30, 30]),
        (ClusterCentroids(), [30, 30]),
        (RandomUnderSampler(sampling_strategy=0.5), [60, 30]),
    ],
    ids=str,
)
def test_sampler_sees_training_rows_only(binary, sampler, drawn, monkeypatch):
    X, y = binary
    seen = []
    original = type(sampler).fit_resample

    def spy(self, X, y, **params):
        result = original(self, X, y, **params)
        seen.append((np.bincount(np.unique(y, return_inverse=True)[1]), len(result[1])))
        return result

    monkeypatch.setattr(type(sampler), "fit_resample", spy)
    mlp(sampling=sampler, early_stopping=False).fit(X, y)
    ((counts, n_drawn),) = seen
    np.testing.assert_array_equal(counts, [270, 30])
    assert n_drawn == sum(drawn)
    seen.clear()
    clf = mlp(sampling=sampler, early_stopping=True, validation_fraction=0.2).fit(X, y)
    ((counts, _),) = seen
    np.testing.assert_array_equal(counts, [270 - 54, 30 - 6])
    # What the estimator reports is the population, not the draws.
    np.testing.assert_array_equal(clf.class_counts_, [270, 30])


def test_sampler_draws_from_random_state(binary):
    X, y = binary
    first, again, other = (
        mlp(sampling=RandomUnderSampler(), random_state=seed).fit(X, y).predict_proba(X)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_sampler_that_selects_keeps_sample_weight(binary):
    X, y = binary
    # Weight 0 on half of the rows: whichever are drawn, none of those may be.
    weight = np.tile([0.0, 1.0], len(y) // 2)
    kept = weight > 0
    options = {"sampling": RandomUnderSampler(random_state=0), "class_weight": None}
    np.testing.assert_array_equal(
        mlp(**options).fit(X, y, sample_weight=weight).predict_proba(X),
        mlp(**options).fit(X[kept], y[kept]).predict_proba(X),
    )


def test_class_weight_counts_the_rows_that_a_sampler_left(binary):
    X, y = binary
    # 20 rare rows, each right beside a common one, which the sampler drops.
    X, y = np.vstack([X, X[y == 0][:20] + 1e-6]), np.append(y, [1] * 20)
    _, left = TomekLinks().fit_resample(StandardScaler().fit_transform(X), y)
    n_common, n_rare = np.bincount(left)
    assert n_common <= 250
    clf = mlp(sampling=TomekLinks(), class_weight="balanced").fit(X, y)
    assert clf.class_weight_[1] / clf.class_weight_[0] == pytest.approx(n_common / n_rare)
    np.testing.assert_array_equal(clf.class_counts_, [270, 50])


@pytest.mark.parametrize("labels", [["no", "yes"], [1, 2], [False, True]])
def test_sampling_strategy_speaks_of_the_callers_labels(binary, labels):
    X, y = binary
    rare = labels[1]
    by_label = mlp(sampling=RandomOverSampler(sampling_strategy={rare: 200}, random_state=0))
    by_ratio = mlp(sampling=RandomOverSampler(sampling_strategy=200 / 270, random_state=0))
    labels = np.array(labels)[y]
    np.testing.assert_array_equal(
        by_label.fit(X, labels).predict_proba(X), by_ratio.fit(X, labels).predict_proba(X)
    )


def test_smoothed_bootstrap_makes_new_rows(binary):
    X, y = binary
    plain, smoothed = (
        mlp(sampling=RandomOverSampler(shrinkage=shrinkage, random_state=0)).fit(X, y)
        for shrinkage in (None, 5.0)
    )
    assert not np.allclose(plain.predict_proba(X), smoothed.predict_proba(X))


# Training in parts, and going on


def test_partial_fit_adds_up(binary):
    X, y = binary
    clf = mlp()
    weight = np.random.default_rng(0).random(len(y))
    for i, part in enumerate(np.array_split(np.arange(len(y)), 4), 1):
        first = {"classes": [0, 1]} if i == 1 else {}
        assert clf.partial_fit(X[part], y[part], sample_weight=weight[part], **first) is clf
        assert clf.n_iter_ == len(clf.history_["loss"]) == i
        np.testing.assert_allclose(
            clf.class_counts_, np.bincount(y[: part[-1] + 1], weight[: part[-1] + 1], minlength=2)
        )
        np.testing.assert_allclose(clf.class_prior_, clf.class_counts_ / clf.class_counts_.sum())
    # "balanced" by the running counts, as scikeras, which weighs each part anew, does not.
    ratio = clf.class_counts_[0] / clf.class_counts_[1]
    assert clf.class_weight_[1] / clf.class_weight_[0] == pytest.approx(ratio)


def test_partial_fit_learns_over_chunks_with_one_class(multiclass):
    X, y = multiclass
    rng = np.random.default_rng(0)
    clf = mlp(learning_rate=0.01)
    for _ in range(60):
        part = rng.choice(np.flatnonzero(y == rng.integers(3)), 30)
        clf.partial_fit(X[part], y[part], classes=[0, 1, 2])
    mixed = mlp(learning_rate=0.01)
    for _ in range(60):
        part = rng.choice(len(y), 30)
        mixed.partial_fit(X[part], y[part], classes=[0, 1, 2])
    assert clf.n_iter_ == mixed.n_iter_ == 60
    assert balanced_accuracy_score(y, mixed.predict(X)) > 0.85
    assert balanced_accuracy_score(y, clf.predict(X)) > 0.5  # chance is 1/3
    losses = mixed.history_["loss"]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])


def test_partial_fit_continues_fit(binary):
    X, y = binary
    clf = mlp().fit(X, y)
    before = clf.predict_proba(X)
    clf.partial_fit(X, y)
    assert clf.n_iter_ == 6
    np.testing.assert_array_equal(clf.class_counts_, 2 * np.bincount(y))
    assert 0 < np.abs(clf.predict_proba(X) - before).max() < 0.2


def test_partial_fit_refuses(binary):
    X, y = binary
    clf = mlp()
    with pytest.raises(ValueError, match=r"'classes' parameter .* first"):
        clf.partial_fit(X, y)
    clf.partial_fit(X, y, classes=[0, 1])
    clf.partial_fit(X, y, classes=[1, 0])
    before = clf.predict_proba(X)
    with pytest.raises(ValueError, match=r"'classes' .* \[0, 1\]\. Got \[0, 1, 2\] instead"):
        clf.partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"among the classes \[0, 1\]\. Got \[7\] instead"):
        clf.partial_fit(X, np.where(y == 1, 7, 0))
    with pytest.raises(ValueError, match=r"3 features, but .* expecting 5"):
        clf.partial_fit(X[:, :3], y)
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    assert clf.n_iter_ == 2
    np.testing.assert_array_equal(clf.class_counts_, 2 * np.bincount(y))


def test_class_that_never_came(binary):
    X, y = binary
    clf = mlp().partial_fit(X, y, classes=[0, 1, 2])
    np.testing.assert_array_equal(clf.class_counts_, [270, 30, 0])
    assert clf.predict_proba(X).shape == (300, 3)
    posterior = clf.predict_posterior(X)
    np.testing.assert_allclose(posterior.sum(axis=1), 1.0)
    assert np.all(np.isfinite(posterior))


def test_warm_start_goes_on(binary):
    X, y = binary
    clf = mlp(warm_start=True).fit(X, y)
    first, before = clf.history_["loss"].copy(), clf.predict_proba(X)
    clf.set_params(learning_rate=1e-12).fit(X, y)
    assert clf.n_iter_ == 10
    assert clf.history_["loss"][:5] == first
    # At this rate nothing moves: it went on from where it was.
    np.testing.assert_allclose(clf.predict_proba(X), before, atol=1e-6)
    clf.set_params(learning_rate=1e-2).fit(X, y)
    assert clf.history_["loss"][-1] < 0.9 * clf.history_["loss"][9]
    cold = clf.set_params(warm_start=False, learning_rate=1e-3).fit(X, y)
    assert cold.history_["loss"] == first
    np.testing.assert_array_equal(cold.predict_proba(X), before)


def test_warm_start_takes_new_settings(binary):
    X, y = binary
    clf = mlp(warm_start=True).fit(X, y)
    clf.set_params(class_weight=None, loss="focal", dropout=0.5, epochs=2, optimizer="sgd")
    clf.fit(X, y)
    assert clf.n_iter_ == 7
    assert clf.class_weight_ == {0: 1.0, 1: 1.0}


def test_warm_start_refuses_another_network(binary):
    X, y = binary
    clf = mlp(warm_start=True).fit(X, y)
    before = clf.predict_proba(X)
    for change in (
        {"hidden_layer_sizes": (4,)},
        {"activation": "tanh"},
        {"normalization": "batch"},
    ):
        with pytest.raises(ValueError, match="same layers"):
            clf.set_params(**change).fit(X, y)
        clf.set_params(hidden_layer_sizes=(8,), activation="relu", normalization=None)
    with pytest.raises(ValueError, match=r"among the classes \[0, 1\]\. Got \[2\] instead"):
        clf.fit(X, 2 * y)
    with pytest.raises(ValueError, match="3 features"):
        clf.fit(X[:, :3], y)
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    assert clf.n_iter_ == 5


def test_history_has_a_value_for_each_epoch(binary):
    X, y = binary
    clf = mlp(early_stopping=True, warm_start=True).fit(X, y)
    held_out = clf.history_["val_loss"]
    clf.set_params(early_stopping=False).fit(X, y)
    clf.partial_fit(X, y)
    assert clf.n_iter_ == 11
    # Columns of one learning curve: nothing lost, and epochs stay in line.
    assert {name: len(values) for name, values in clf.history_.items()} == {
        "loss": 11,
        "val_loss": 11,
    }
    assert clf.history_["val_loss"][:5] == held_out
    assert np.all(np.isnan(clf.history_["val_loss"][5:]))


@pytest.mark.parametrize("monitor", ["loss", "balanced_accuracy", "average_precision", "roc_auc"])
def test_warm_start_on_rows_without_a_class(binary, monitor):
    X, y = binary
    clf = mlp(early_stopping=True, monitor=monitor, warm_start=True).fit(X, y)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf.fit(X[y == 0], y[y == 0])
    # A score of a class without rows is not to be computed; to say so is welcome.
    assert [w for w in caught if w.category is RuntimeWarning] == []
    assert clf.predict_proba(X).shape == (300, 2)
    np.testing.assert_array_equal(clf.class_counts_, [270, 0])


# Keras callbacks


def test_epoch_hooks_see_the_true_weights(binary):
    import keras

    X, y = binary
    clf = mlp(normalization="batch", dropout=0.3)
    seen = []

    class Spy(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append(("begin", self.model.predict(X, verbose=0)))

        def on_epoch_end(self, epoch, logs=None):
            seen.append((epoch, self.model.predict(X, verbose=0), dict(logs)))

        def on_train_end(self, logs=None):
            seen.append(("end", self.model.predict(X, verbose=0)))

    clf.set_params(callbacks=Spy()).fit(X, y)
    assert [row[0] for row in seen] == ["begin", 0, 1, 2, 3, 4, "end"]
    # Keras' float32 forward against ours: 7 digits of logits of order 1.
    np.testing.assert_allclose(seen[-1][1], clf.predict_proba(X), atol=1e-5)
    assert [row[2]["loss"] for row in seen[1:-1]] == clf.history_["loss"]
    # After k epochs of the planned 5 the weights are those of a fit of k epochs.
    for k in (1, 3):
        short = mlp(normalization="batch", dropout=0.3, epochs=k).fit(X, y)
        np.testing.assert_allclose(seen[k][1], short.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(clf.model_.predict(X, verbose=0), seen[-1][1], atol=1e-6)


def test_callbacks_do_not_change_the_result(binary):
    import keras

    X, y = binary
    expected = mlp().fit(X, y)
    clf = mlp(callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None)])
    np.testing.assert_array_equal(clf.fit(X, y).predict_proba(X), expected.predict_proba(X))
    assert clf.history_ == expected.history_


def test_callback_may_write_the_weights(binary):
    import keras

    X, y = binary

    def zero(epoch, logs):
        model = callback.model
        model.set_weights([np.zeros_like(w) for w in model.get_weights()])

    callback = keras.callbacks.LambdaCallback(on_epoch_end=zero)
    clf = mlp(callbacks=[callback], standardize=False, early_stopping=False).fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), 0.5)


def test_keras_early_stopping(binary):
    import keras

    X, y = binary
    stop = keras.callbacks.EarlyStopping(
        "loss", patience=2, min_delta=10.0, restore_best_weights=True
    )
    clf = mlp(callbacks=[stop], epochs=50).fit(X, y)
    # The first epoch is the best, for want of an improvement of 10; two more are waited for.
    assert clf.n_iter_ == len(clf.history_["loss"]) == 3
    np.testing.assert_array_equal(clf.predict_proba(X), mlp(epochs=1).fit(X, y).predict_proba(X))


def test_callback_sees_the_held_out_score(binary):
    import keras

    X, y = binary
    names = set()
    spy = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: names.update(logs))
    clf = mlp(callbacks=[spy], early_stopping=True, monitor="average_precision").fit(X, y)
    assert names == set(clf.history_) == {"loss", "val_loss", "val_average_precision"}


@keras_writes_numpy_1
def test_keras_reduces_the_learning_rate(binary):
    import keras

    X, y = binary
    plateau = keras.callbacks.ReduceLROnPlateau(
        "loss", factor=1e-9, patience=1, min_delta=10.0, min_lr=0.0
    )
    clf = mlp(callbacks=[plateau], epochs=6, batch_size=300).fit(X, y)
    losses = clf.history_["loss"]
    plain = mlp(epochs=6, batch_size=300).fit(X, y).history_["loss"]
    # Epoch 1 sets the mark, epoch 2 is the plateau; from epoch 3 on the rate is 1e-12.
    assert losses[:3] == plain[:3]
    np.testing.assert_allclose(losses[3:], losses[2], rtol=0.02)
    np.testing.assert_allclose(losses[3:], losses[3], rtol=1e-5)
    assert plain[5] < plain[3] - 1e-3


@keras_writes_numpy_1
@pytest.mark.parametrize("start", [1e-4, 0.0])
def test_keras_scheduler_warms_up(binary, start):
    import keras

    X, y = binary
    rates = [start, 1e-3, 1e-3]
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rates[epoch])
    clf = mlp(callbacks=[schedule], epochs=3, batch_size=300, optimizer="sgd").fit(X, y)
    # Plain gradient steps, one an epoch, each at its own rate.
    warm = mlp(
        epochs=3,
        batch_size=300,
        optimizer="sgd",
        learning_rate_schedule=keras.optimizers.schedules.PiecewiseConstantDecay(
            [0], [start, 1e-3]
        ),
    )
    np.testing.assert_allclose(clf.predict_proba(X), warm.fit(X, y).predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"loss": "focal"}, {"sampling": "balanced"}], ids=str)
def test_batch_hooks_give_an_equivalent_result(binary, options):
    import keras

    X, y = binary
    batches = []
    hook = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: batches.append(batch)
    )
    expected = mlp(early_stopping=True, monitor="roc_auc", **options).fit(X, y)
    clf = clone(expected).set_params(callbacks=[hook]).fit(X, y)
    n_batches = -(-(300 - 30) // 32)
    assert batches == list(range(n_batches)) * 5
    # The same batches and weights; float32 sums in another order over 45 steps.
    np.testing.assert_allclose(clf.predict_proba(X), expected.predict_proba(X), atol=1e-3)
    assert clf.history_.keys() == expected.history_.keys()
    for name, values in expected.history_.items():
        np.testing.assert_allclose(clf.history_[name], values, atol=1e-3)
    assert clf.best_epoch_ == expected.best_epoch_


@keras_writes_numpy_1
def test_model_checkpoint_writes_the_model(binary, tmp_path):
    import keras

    X, y = binary
    path = tmp_path / "model.keras"
    clf = mlp(callbacks=[keras.callbacks.ModelCheckpoint(path)]).fit(X, y)
    loaded = keras.models.load_model(path, compile=False)
    np.testing.assert_allclose(loaded.predict(X, verbose=0), clf.predict_proba(X), atol=1e-5)


def with_activation(clf, activation):
    """The fitted classifier as if it had another activation: nothing is compiled for it."""
    network = replace(clf._fitted.network, activation=activation)
    clf = copy(clf)
    clf._fitted = replace(clf._fitted, network=network)
    return clf


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_model_predicts_as_the_classifier(multiclass, normalization, activation):
    X, y = multiclass
    trained_with = activation if normalization is None else "relu"
    clf = mlp(normalization=normalization, activation=trained_with, epochs=1).fit(100 * X, y)
    clf = with_activation(clf, activation)
    model = clf.model_
    proba = model.predict(100 * X, verbose=0)
    np.testing.assert_allclose(proba, clf.predict_proba(100 * X), atol=1e-5)
    n_weights = (5 + 1) * 8 + (8 + 1) * 3 + (0 if normalization is None else 2 * 8)
    assert sum(w.shape.num_elements() for w in model.trainable_weights) == n_weights
