"""ONNX files predict what the estimators predict."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, OneHotEncoder, PolynomialFeatures, StandardScaler

from skimbalance import (
    ImbalancedEnsembleClassifier,
    ImbalancedKerasClassifier,
    ImbalancedMLPClassifier,
    ImbalancedSequenceClassifier,
    PriorCorrectedClassifier,
    TunedDecisionClassifierCV,
    datasets,
)
from skimbalance.ensemble import _trees
from skimbalance.persistence import load_model, register_onnx_converters, to_onnx
from skimbalance.persistence._onnx import _export

onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX comes with the extra 'onnx'")
TensorProto = pytest.importorskip("onnx").TensorProto

DATA = Path(__file__).parents[1] / "data"

# The agreement that is promised.
ATOL = 1e-5


def opened(path):
    return onnxruntime.InferenceSession(str(path))


def inputs(session, X):
    """A table or an array as the inputs of a session."""
    types = {"tensor(double)": float, "tensor(float)": np.float32, "tensor(string)": object}
    needed = session.get_inputs()
    if [node.name for node in needed] == ["X"]:
        return {"X": np.asarray(X).astype(types[needed[0].type])}
    frame = X if hasattr(X, "columns") else pd.DataFrame(X).add_prefix("x")
    return {
        node.name: frame[node.name].to_numpy(dtype=types[node.type])[:, None] for node in needed
    }


def check_same(clf, X, path):
    """Check decisions and probabilities, of few rows and of many, together and one by one."""
    to_onnx(clf, path)
    session = opened(path)
    assert [node.name for node in session.get_outputs()] == ["label", "probabilities"]
    for rows in (X[:1], X[:50], X):
        label, proba = session.run(None, inputs(session, rows))
        np.testing.assert_allclose(proba, clf.predict_proba(rows), atol=ATOL, rtol=0)
        assert label.tolist() == np.asarray(clf.predict(rows)).tolist()
    return session


def rows(seed=0, n_rows=300):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat([0, 1, 2], [n_rows - 100, 70, 30]))
    return rng.normal(size=(n_rows, 4)) + y[:, None] * [1, 0.5, 0, -1], y


def tuned(estimator=None):
    return TunedDecisionClassifierCV(estimator or LogisticRegression(), cv=2, random_state=0)


@pytest.mark.parametrize(
    "classes",
    [np.array([3, 7, 11], np.int8), ["lo", "hi", "é"], [False, True, True], [1.0, 2.0, 4.0],
     pd.array(["a", "b", "c"], dtype="string")],
    ids=["int", "text", "bool", "float", "pandas"],
)  # fmt: skip
def test_labels_are_those_of_the_fit(classes, tmp_path):
    X, y = rows()
    clf = tuned().fit(X, np.asarray(classes)[y])
    session = check_same(clf, X, tmp_path / "m.onnx")
    (label,) = session.run(["label"], inputs(session, X[:3]))
    expected = np.asarray(clf.classes_.tolist()).dtype
    assert label.dtype == (object if expected.kind == "U" else expected)


def test_float32_rows_are_cast(tmp_path):
    X, y = rows()
    X = X.astype(np.float32)
    check_same(tuned().fit(X, y), X, tmp_path / "m.onnx")


@pytest.mark.parametrize("calibration", [None, "vector"])
def test_labels_of_a_multilabel_y(calibration, tmp_path):
    X, y = rows()
    Y = np.stack([y > 0, y > 1], axis=1).astype(int)
    clf = TunedDecisionClassifierCV(
        OneVsRestClassifier(LogisticRegression()), cv=2, calibration=calibration, random_state=0
    )
    check_same(clf.fit(X, Y), X, tmp_path / "m.onnx")


def test_pipelines_searches_and_priors_around(tmp_path):
    X, y = rows()
    scaled = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
    prior = PriorCorrectedClassifier(scaled, priors=[0.2, 0.3, 0.5])
    for clf in (
        tuned(scaled),
        prior,
        tuned(prior),
        make_pipeline(StandardScaler(), tuned()),
        make_pipeline(SimpleImputer(missing_values=X[0, 0]), tuned()),
        make_pipeline(Binarizer(threshold=X[0, 0]), tuned()),
        GridSearchCV(tuned(), {"estimator__C": [0.1]}, cv=2),
    ):
        check_same(clf.fit(X, y), X, tmp_path / "m.onnx")


def test_what_cannot_be_in_onnx_is_told_and_leaves_the_file(tmp_path):
    X, y = rows()
    path = tmp_path / "m.onnx"
    path.write_bytes(b"earlier")
    for estimator, error, message in (
        (RandomForestClassifier(2).fit(X, y), ValueError, "must be of ImbalancedMLPClassifier"),
        (ImbalancedMLPClassifier(), NotFittedError, "call 'fit' first"),
        (ImbalancedSequenceClassifier, ValueError, "must get a fitted estimator"),
        (load_model(DATA / "format_3_tagger.skim"), ValueError, "Got ImbalancedSequenceClassifier"),
        (
            make_pipeline(PolynomialFeatures(), tuned()).fit(X, y),
            ValueError,
            "only what ONNX Runtime can run",
        ),
    ):
        with pytest.raises(error, match=message):
            to_onnx(estimator, path)
    assert path.read_bytes() == b"earlier"
    with pytest.raises(ValueError, match="must name a regular file"):
        to_onnx(tuned().fit(X, y), tmp_path)


def test_columns_with_the_names_of_outputs_are_refused():
    model_of = pytest.importorskip("skimbalance.persistence._onnx._model").model_of
    X, y = rows()
    columns = [(name, TensorProto.DOUBLE, [None, 1]) for name in ("label", "b", "c", "d")]
    with pytest.raises(ValueError, match="Got 'label': rename the column"):
        model_of(tuned().fit(X, y), columns)


def test_without_the_package_the_command_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(_export, "find_spec", lambda name: None)
    for function, arguments in (
        (to_onnx, (tuned(), tmp_path / "m.onnx")),
        (register_onnx_converters, ()),
    ):
        with pytest.raises(ImportError, match=r"pip install 'skimbalance\[onnx\]'"):
            function(*arguments)


def test_converters_of_skl2onnx():
    skl2onnx = pytest.importorskip("skl2onnx")
    register_onnx_converters()
    X, y = rows()
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "text": np.array(["u", "v", "w"])[y]})
    encoded = make_column_transformer((StandardScaler(), [0, 1]), (OneHotEncoder(), [2]))
    clf = make_pipeline(encoded, tuned()).fit(frame.to_numpy(dtype=object), y)
    types = skl2onnx.common.data_types
    kinds = [types.FloatTensorType, types.FloatTensorType, types.StringTensorType]
    model = skl2onnx.convert_sklearn(
        clf,
        initial_types=[(name, kind([None, 1])) for name, kind in zip(frame, kinds, strict=True)],
        options={"zipmap": False},
    )
    session = onnxruntime.InferenceSession(model.SerializeToString())
    label, proba = session.run(None, inputs(session, frame))
    np.testing.assert_allclose(proba, clf.predict_proba(frame.to_numpy(dtype=object)), atol=ATOL)
    np.testing.assert_array_equal(label, clf.predict(frame.to_numpy(dtype=object)))


# With trained networks


def small(name):
    """Some rows of a bundled data set, of its three largest classes."""
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True, as_frame=True)
    kept = y.isin(y.value_counts().index[:3])
    X, y = X[kept], y[kept]
    chosen = y.groupby(y, observed=True).head(70).index
    return X.loc[chosen].reset_index(drop=True), y.loc[chosen].reset_index(drop=True)


NETWORK = {"hidden_layer_sizes": (8,), "epochs": 1, "random_state": 0}


@pytest.mark.slow
def test_ensembles_of_tables(monkeypatch, tmp_path):
    monkeypatch.setattr(_trees, "MOST_TREES", 25)
    X, y = small("credit_risk_grade")
    X.iloc[::7, 0] = np.nan
    network = ImbalancedMLPClassifier(**NETWORK, numeric_embedding="piecewise_linear")
    clf = ImbalancedEnsembleClassifier(network, cv=2, random_state=0).fit(X, y)
    new = X.copy()
    new.iloc[::3, 1] = np.nan
    for column in new.select_dtypes(["category", "string"]):
        text = new[column].astype(object)
        text[::4], text[1::4] = None, "never seen"
        new[column] = text
    check_same(clf, new, tmp_path / "m.onnx")


@pytest.mark.slow
def test_networks_of_a_multilabel_y(tmp_path):
    X, y = rows()
    Y = np.stack([y > 0, y > 1], axis=1).astype(int)
    clf = ImbalancedMLPClassifier(**NETWORK, loss="focal").fit(X, Y)
    check_same(clf, X[:200], tmp_path / "m.onnx")
    check_same(tuned(clf).set_params(cv="prefit").fit(X, Y), X[:200], tmp_path / "m.onnx")


def with_normalization(meta):
    import keras

    normalization = keras.layers.Normalization(mean=[0.5, 0.2, 0.0, -0.5], variance=[1.0] * 4)
    return keras.Sequential(
        [
            keras.Input((meta["n_features_in_"],)),
            normalization,
            keras.layers.Dense(5, activation="gelu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning:tf2onnx", "ignore::DeprecationWarning:tf2onnx")
def test_networks_of_ones_own(tmp_path):
    pytest.importorskip("tf2onnx", reason="custom networks need tf2onnx")
    X, y = rows()
    clf = ImbalancedKerasClassifier(with_normalization, epochs=1, random_state=0).fit(X, y)
    session = check_same(clf, X[:200], tmp_path / "m.onnx")
    assert [node.type for node in session.get_inputs()] == ["tensor(float)"]
    scaled = make_pipeline(StandardScaler(), clf)  # which are float64
    check_same(scaled.fit(X, y), X[:200], tmp_path / "m.onnx")
    check_same(tuned(clf).set_params(cv="prefit").fit(X, y), X[:200], tmp_path / "m.onnx")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning")
def test_the_keras_model_exports_with_one_input(tmp_path):
    pytest.importorskip("tf2onnx", reason="Keras' export needs tf2onnx")
    X, y = rows()
    X[:, 3] = 7.0  # a constant column has no deviation
    clf = ImbalancedMLPClassifier(**NETWORK).fit(X, y)
    assert clf.model_ is clf.model_
    clf.model_.export(tmp_path / "m.onnx", format="onnx", verbose=False)
    session = opened(tmp_path / "m.onnx")
    (only,) = session.get_inputs()
    (proba,) = session.run(None, {only.name: X[:200].astype(np.float32)})
    np.testing.assert_allclose(proba, clf.predict_proba(X[:200]), atol=ATOL)


@pytest.mark.slow
def test_calibration_of_scikit_learn_around_a_network():
    skl2onnx = pytest.importorskip("skl2onnx")
    register_onnx_converters()
    X, y = rows()
    for target in (y, y > 0):  # with two classes a score, else several
        clf = CalibratedClassifierCV(ImbalancedMLPClassifier(**NETWORK), cv=2).fit(X, target)
        model = skl2onnx.to_onnx(clf, X[:1], options={"zipmap": False})
        session = onnxruntime.InferenceSession(model.SerializeToString())
        _, proba = session.run(None, {"X": X[:200]})
        np.testing.assert_allclose(proba, clf.predict_proba(X[:200]), atol=ATOL)
