"""Model files: the same bits back, safe to open, written whole or not at all."""

import ast
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from importlib import import_module
from inspect import signature
from pathlib import Path

import numpy as np
import pytest
import skops.io
from imblearn.over_sampling import SMOTE, SMOTENC
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from persistence_setup import forge
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    PredefinedSplit,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
)
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skimbalance import (
    ImbalancedMLPClassifier,
    ImbalancedSequenceClassifier,
    PriorCorrectedClassifier,
    losses,
)
from skimbalance._fit.perceptron import Architecture
from skimbalance._fit.plan import Fitted
from skimbalance.compare._strategies import STRATEGIES, make_strategy
from skimbalance.decision import TunedDecisionClassifierCV
from skimbalance.model_selection import IterativeStratifiedKFold, StratifiedSequenceKFold
from skimbalance.persistence import _types, load_model, model_info, save_model
from skimbalance.preprocessing import table_steps
from skimbalance.preprocessing._encoder import TableEncoder

pd = pytest.importorskip("pandas")

DATA = Path(__file__).parent / "data"

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
LABELS = {
    "int": np.arange(200) % 3 + 5,
    "str": np.array(["a", "b", "NA"])[np.arange(200) % 3],
    "bool": np.arange(200) % 5 == 0,
}
FRAME = pd.DataFrame(
    {"size": X[:, 0], "colour": np.array(["red", "blue", None], dtype=object)[np.arange(200) % 3]}
)
Y = (X[:, 0] > 1).astype(int)
NETWORK = ImbalancedMLPClassifier((8,), epochs=2, random_state=0)


def mixed(classifier):
    clean, encode, categorical = table_steps(FRAME)
    sampler = SMOTENC(categorical, k_neighbors=2, random_state=0)
    return make_sampling_pipeline(clean, sampler, encode, classifier)


MODELS = {
    "network": (NETWORK, X),
    "network, SMOTE inside": (
        ImbalancedMLPClassifier((8,), epochs=2, sampling=SMOTE(), random_state=0),
        X,
    ),
    "normalization": (
        ImbalancedMLPClassifier((8,), epochs=2, normalization="batch", random_state=0),
        X,
    ),
    "pipeline": (make_pipeline(StandardScaler(), NETWORK), X),
    "samplers": (make_sampling_pipeline(StandardScaler(), SMOTE(random_state=0), NETWORK), X),
    "mixed table": (mixed(NETWORK), FRAME),
    "tuned": (TunedDecisionClassifierCV(mixed(LogisticRegression()), random_state=0), FRAME),
    "imputed": (make_pipeline(SimpleImputer(), LogisticRegression()), X),
    "isotonic": (
        TunedDecisionClassifierCV(LogisticRegression(), calibration="isotonic", random_state=0),
        np.tile(X, (4, 1)),
    ),
}


def fitted(name):
    model, rows = MODELS[name]
    return model.fit(rows, np.tile(Y, len(rows) // len(Y))), rows


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_loaded_model_predicts_the_same_bits(name, tmp_path):
    model, rows = fitted(name)
    save_model(model, tmp_path / "m.skim")
    loaded = load_model(tmp_path / "m.skim")
    assert type(loaded) is type(model)
    assert loaded.predict_proba(rows).tobytes() == model.predict_proba(rows).tobytes()
    assert np.array_equal(loaded.predict(rows), model.predict(rows))
    save_model(loaded, tmp_path / "again.skim")
    again = load_model(tmp_path / "again.skim")
    assert again.predict_proba(rows).tobytes() == model.predict_proba(rows).tobytes()


SPLITTERS = [
    KFold(3),
    StratifiedKFold(3, shuffle=True, random_state=0),
    GroupKFold(3),
    RepeatedStratifiedKFold(n_splits=3, random_state=0),
    ShuffleSplit(3, random_state=0),
    PredefinedSplit(np.arange(200) % 3),
    IterativeStratifiedKFold(3, random_state=0),
    StratifiedSequenceKFold(3, random_state=0),
]


@pytest.mark.parametrize("cv", SPLITTERS, ids=lambda cv: type(cv).__name__)
def test_splitters_are_stored_with_the_estimator_that_they_belong_to(cv, tmp_path):
    model = TunedDecisionClassifierCV(LogisticRegression(), cv=KFold(3)).fit(X, Y).set_params(cv=cv)
    save_model(model, tmp_path / "m.skim")
    target, groups = np.column_stack([Y, 1 - Y]), np.arange(200) // 10
    target = target if isinstance(cv, StratifiedSequenceKFold) else Y
    options = {"groups": groups} if isinstance(cv, GroupKFold) else {}
    loaded = load_model(tmp_path / "m.skim").cv
    assert type(loaded) is type(cv)
    folds, again = (list(splitter.split(X, target, **options)) for splitter in (cv, loaded))
    assert len(folds) == len(again)
    for fold, other in zip(folds, again, strict=True):
        np.testing.assert_array_equal(fold[1], other[1])


AROUND = {
    "sigmoid": CalibratedClassifierCV(LogisticRegression(), cv=3),
    "isotonic": CalibratedClassifierCV(LogisticRegression(), method="isotonic", cv=3),
    "search": GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=3),
}


@pytest.mark.parametrize("name", AROUND)
def test_calibrations_and_searches_are_stored(name, tmp_path):
    model = AROUND[name].fit(X, LABELS["str"])
    save_model(model, tmp_path / "m.skim")
    loaded = load_model(tmp_path / "m.skim")
    assert loaded.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    assert loaded.predict(X).tolist() == model.predict(X).tolist()


@pytest.mark.parametrize("form", [pd.Series, lambda values: pd.DataFrame({0: values})])
@pytest.mark.parametrize("labels", [[0, 1], ["no", "yes"], [True, False]], ids=str)
def test_tables_of_values_by_label_become_dicts(form, labels, tmp_path):
    priors = form(dict(zip(labels, [0.9, 0.1], strict=True)))
    y = np.array(sorted(labels))[Y]
    model = PriorCorrectedClassifier(LogisticRegression(), priors=priors).fit(X, y)
    save_model(model, tmp_path / "m.skim")
    loaded = load_model(tmp_path / "m.skim")
    assert loaded.priors == dict(zip(labels, [0.9, 0.1], strict=True))
    assert [type(label) for label in loaded.priors] == [type(label) for label in labels]
    assert loaded.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


LOSS_CLASSES = [
    cls for cls in vars(losses).values() if isinstance(cls, type) and cls.__name__ in losses.__all__
]
ARGUMENTS = {"class_counts": [50.0, 30.0], "cost_matrix": [[0.0, 1.0], [5.0, 0.0]]}


@pytest.mark.parametrize("cls", LOSS_CLASSES, ids=lambda cls: cls.__name__)
def test_every_loss_is_stored_with_its_parameters(cls, tmp_path):
    taken = {name: part for name, part in ARGUMENTS.items() if name in signature(cls).parameters}
    if cls is losses.DistributionBalancedCrossentropy:
        taken["class_counts"] = [[30.0, 20.0], [40.0, 10.0]]
    model = LogisticRegression().fit(X, Y)
    model.loss = cls(**taken, from_logits=True)
    save_model(model, tmp_path / "m.skim")
    loss = load_model(tmp_path / "m.skim").loss
    assert type(loss) is cls
    assert loss.get_config() == model.loss.get_config()
    y_true, y_pred = np.eye(2, dtype="float32"), np.array([[1.0, 0.5], [0.2, 2.0]], "float32")
    assert float(loss(y_true, y_pred)) == float(model.loss(y_true, y_pred))


NO_ESTIMATORS = [IterativeStratifiedKFold(), [1, 2], {"a": X}, LogisticRegression, print]


@pytest.mark.parametrize("thing", NO_ESTIMATORS, ids=lambda thing: type(thing).__name__)
def test_what_is_not_an_estimator_is_refused_as_such(thing, tmp_path):
    with pytest.raises(ValueError, match=r"^The model of type \w+ must hold a fitted estimator\."):
        save_model(thing, tmp_path / "m.skim")
    assert not [*tmp_path.iterdir()]


@pytest.mark.slow
@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_can_be_saved(name, tmp_path):
    network = ImbalancedMLPClassifier((4,), epochs=2, early_stopping=False, random_state=0)
    model = make_strategy(name, FRAME, Y, network=network, random_state=0).fit(FRAME, Y)
    save_model(model, tmp_path / "m.skim")
    loaded = load_model(tmp_path / "m.skim")
    assert loaded.predict_proba(FRAME).tobytes() == model.predict_proba(FRAME).tobytes()
    assert np.array_equal(loaded.predict(FRAME), model.predict(FRAME))


@pytest.mark.slow
@pytest.mark.parametrize("kind", LABELS)
def test_labels_keep_their_type(kind, tmp_path):
    clf = ImbalancedMLPClassifier((4,), epochs=1, random_state=0).fit(X, LABELS[kind])
    save_model(clf, tmp_path / "m.skim")
    loaded = load_model(tmp_path / "m.skim")
    assert loaded.classes_.dtype == clf.classes_.dtype
    assert loaded.class_weight_ == clf.class_weight_
    assert list(map(type, loaded.class_weight_)) == list(map(type, clf.class_weight_))
    assert np.array_equal(loaded.predict(X), clf.predict(X))


@pytest.mark.slow
def test_training_goes_on_from_a_file(tmp_path):
    parts = [ImbalancedMLPClassifier((4,), random_state=0) for _ in range(2)]
    for clf in parts:
        clf.partial_fit(X, Y, classes=[0, 1])
    save_model(parts[0], tmp_path / "m.skim")
    loaded = load_model(tmp_path / "m.skim")
    for clf in (loaded, parts[1]):
        clf.partial_fit(X, Y)
    assert np.array_equal(loaded.predict_proba(X), parts[1].predict_proba(X))


@pytest.mark.slow
def test_a_process_that_loads_and_predicts_has_no_tensorflow(tmp_path):
    model, rows = fitted("network")
    save_model(model, tmp_path / "m.skim")
    np.save(tmp_path / "X.npy", rows)
    code = (
        "import sys, numpy as np\n"
        "from skimbalance.persistence import load_model\n"
        "proba = load_model('m.skim').predict_proba(np.load('X.npy'))\n"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules\n"
        "sys.stdout.buffer.write(proba.tobytes())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == model.predict_proba(rows).tobytes()


def test_samplers_are_stored_without_training_rows(tmp_path):
    pipe = make_sampling_pipeline(SMOTE(k_neighbors=3), LogisticRegression()).fit(X, Y)
    save_model(pipe, tmp_path / "m.skim")
    loaded = load_model(tmp_path / "m.skim")
    assert loaded["smote"].k_neighbors == 3
    assert not hasattr(loaded["smote"], "nn_k_")
    assert hasattr(pipe["smote"], "nn_k_")


@pytest.mark.slow
def test_a_file_does_not_say_where_a_fit_writes(tmp_path):
    net = ImbalancedMLPClassifier((4,), epochs=1, checkpoint=tmp_path / "kept", random_state=0)
    tuned = TunedDecisionClassifierCV(net, cv=2, random_state=0)
    tuned.fit(X, Y)
    save_model(tuned, tmp_path / "m.skim")
    loaded = load_model(tmp_path / "m.skim")
    assert (loaded.estimator.checkpoint, loaded.estimator_.checkpoint) == (None, None)
    assert tuned.estimator_.checkpoint == tmp_path / "kept"


def test_info(tmp_path):
    clf = LogisticRegression().fit(FRAME[["size"]], Y)
    save_model(clf, tmp_path / "m.skim")
    info = model_info(tmp_path / "m.skim")
    assert info["columns"] == {"size": None}
    assert info["target"] is None
    assert info["format"] == _types.FORMAT
    assert set(info) == {"format", "skimbalance", "scikit-learn", "columns", "target"}
    kinds = {"z": "text", "a": "number"}
    save_model(clf, tmp_path / "m.skim", columns=kinds, target="grade")
    info = model_info(tmp_path / "m.skim")
    assert list(info["columns"].items()) == list(kinds.items())
    assert info["target"] == "grade"


def one_layer(meta):
    import keras

    inputs = keras.Input((meta["n_features_in_"],))
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(inputs))


class Custom(BaseEstimator):
    """An estimator that no list knows."""

    def fit(self, X, y=None):
        return self


def a_function(X):
    return X


@pytest.mark.parametrize(
    ("model", "unknown"),
    [
        (Custom(), "test_persistence.Custom"),
        (make_pipeline(StandardScaler(), Custom()), "test_persistence.Custom"),
        (FunctionTransformer(a_function), "test_persistence.a_function"),
        (FunctionTransformer(np.load), "numpy.load"),
        (RandomForestClassifier(2).fit(X, Y), "sklearn.tree._tree.Tree"),
        (TunedDecisionClassifierCV(NETWORK, objective=print), "builtins.print"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_unknown_types_are_refused_when_saved_and_when_loaded(model, unknown, tmp_path):
    path = tmp_path / "m.skim"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=rf"must hold only types .* Got \S*{unknown} instead"):
        save_model(model, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    skops.io.dump(model, path)
    with zipfile.ZipFile(path, "a") as archive:
        info = {"format": _types.FORMAT, "skimbalance": "0", "columns": {}, "target": None}
        archive.writestr("skimbalance.json", json.dumps(info))
    with pytest.raises(ValueError, match=rf"{path.name}' must .* Got \S*{unknown} instead"):
        load_model(path)


def test_types_that_the_caller_trusts(tmp_path):
    forest = RandomForestClassifier(2, random_state=0).fit(X, Y)
    trusted = ["sklearn.tree._tree.Tree"]
    save_model(forest, tmp_path / "m.skim", trusted=trusted)
    loaded = load_model(tmp_path / "m.skim", trusted=trusted)
    assert np.array_equal(loaded.predict_proba(X), forest.predict_proba(X))
    with pytest.raises(ValueError, match="name it in 'trusted'"):
        load_model(tmp_path / "m.skim")


def test_the_types_to_trust_are_said_as_they_are_typed(tmp_path):
    path, model = tmp_path / "m.skim", FunctionTransformer(a_function)
    with pytest.raises(ValueError, match=r"trusted=\[") as refused:
        save_model(model, path)
    trusted = ast.literal_eval(re.search(r"trusted=(\[.*?\])", str(refused.value))[1])
    save_model(model, path, trusted=trusted)
    with pytest.raises(ValueError, match=re.escape(f"trusted={trusted!r}")):
        load_model(path)
    assert load_model(path, trusted=trusted).func is a_function


def test_functions_that_no_program_finds_again_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"define \S*<lambda> in a module"):
        save_model(FunctionTransformer(lambda X: X), tmp_path / "m.skim")


@pytest.mark.slow
def test_a_sequence_classifier_is_saved(tmp_path):
    words, tags = [["a", "b"], ["b", "a", "a"]] * 10, [[0, 1], [1, 0, 0]] * 10
    clf = ImbalancedSequenceClassifier(epochs=1, random_state=0).fit(words, tags)
    save_model(clf, tmp_path / "m.skim")
    loaded = load_model(tmp_path / "m.skim")
    for a, b in zip(loaded.predict_proba(words), clf.predict_proba(words), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (FunctionTransformer(kw_args={"rows": (row for row in X)}), "kw_args"),
        (
            make_pipeline(FunctionTransformer(kw_args={"rows": (row for row in X)})),
            "functiontransformer__kw_args",
        ),
    ],
    ids=["alone", "in a pipeline"],
)
def test_the_parameter_that_cannot_be_stored_is_named(model, name, tmp_path):
    with pytest.raises(ValueError, match=f"must hold only objects .* Got {name}=.* instead"):
        save_model(model, tmp_path / "m.skim")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_stored_is_one_sentence(tmp_path):
    model = LogisticRegression()
    model.handle_ = open(__file__, "rb")  # noqa: SIM115
    with model.handle_, pytest.raises(ValueError, match="The model of type LogisticRegression"):
        save_model(model, tmp_path / "m.skim")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04" + bytes(100)])
@pytest.mark.parametrize("read", [load_model, model_info])
def test_other_files_are_refused(content, read, tmp_path):
    (tmp_path / "m.skim").write_bytes(content)
    with pytest.raises(ValueError, match="must be a model file of skimbalance"):
        read(tmp_path / "m.skim")


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "m.skim")


def test_a_file_of_skops_alone_is_refused(tmp_path):
    skops.io.dump(LogisticRegression(), tmp_path / "m.skops")
    with pytest.raises(ValueError, match="must be a model file of skimbalance"):
        load_model(tmp_path / "m.skops")


def test_a_newer_format_is_named(tmp_path):
    path = tmp_path / "m.skim"
    with zipfile.ZipFile(path, "w") as archive:
        info = {"format": _types.FORMAT + 1, "skimbalance": "9.1", "columns": {}, "target": None}
        archive.writestr("skimbalance.json", json.dumps(info))
    with pytest.raises(
        ValueError, match=rf"Got format {_types.FORMAT + 1}, written by skimbalance 9.1"
    ):
        load_model(path)


def test_a_damaged_file_gives_the_same_model_or_one_sentence(tmp_path):
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    path = tmp_path / "m.skim"
    save_model(model, path)
    whole = path.read_bytes()
    for cut in RNG.integers(len(whole), size=20):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match="must be a model file"):
            load_model(path)
    refused = 0
    for position in RNG.integers(len(whole), size=150):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(RNG.integers(8))
        path.write_bytes(damaged)
        try:
            loaded = load_model(path)
        except ValueError as error:
            assert "must be a model file" in str(error)  # noqa: PT017
            refused += 1
        else:  # a date in the archive, for instance
            assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert refused > 75


def test_a_failing_write_leaves_the_old_file(tmp_path, monkeypatch):
    model = LogisticRegression().fit(X, Y)
    path = tmp_path / "m.skim"
    save_model(model, path)
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    for place in ("zipfile.ZipFile.writestr", "os.fsync", "os.replace"):
        with monkeypatch.context() as patch:
            patch.setattr(place, full)
            with pytest.raises(OSError, match="No space left"):
                save_model(model, path)
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "to").mkdir()
    link = tmp_path / "m.skim"
    link.symlink_to(tmp_path / "to" / "model")
    save_model(LogisticRegression().fit(X, Y), link)
    assert link.is_symlink()
    assert load_model(tmp_path / "to" / "model").n_features_in_ == 4


# Forged files


@pytest.mark.parametrize(
    "value",
    [
        "text",
        [LogisticRegression()],
        {"a": 1},
        X,
        None,
        LogisticRegression,
        np.random.RandomState(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_loaded_or_saved_is_an_estimator(value, tmp_path):
    forge(tmp_path / "m.skim", value)
    with pytest.raises(ValueError, match="must hold"):
        load_model(tmp_path / "m.skim")
    with pytest.raises(ValueError, match="must hold"):
        save_model(value, tmp_path / "new.skim")
    assert [path.name for path in tmp_path.iterdir()] == ["m.skim"]


def test_an_estimator_that_is_not_fitted_is_not_loaded(tmp_path):
    forge(tmp_path / "m.skim", LogisticRegression())
    with pytest.raises(NotFittedError, match=r"m\.skim' must hold a fitted estimator"):
        load_model(tmp_path / "m.skim")


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("name", ["skimbalance.json", "schema.json", "1.npy"])
@pytest.mark.parametrize("read", [load_model, model_info])
def test_nothing_is_unpacked_that_is_much_larger_than_the_file(
    read, name, compression, tmp_path, monkeypatch
):
    path = tmp_path / "m.skim"
    forge(path, LogisticRegression().fit(X, Y), **{name: None})
    with zipfile.ZipFile(path, "a", compression) as archive, archive.open(name, "w") as file:
        for _ in range(30):
            file.write(bytes(10**6))
    monkeypatch.setattr(zipfile.ZipExtFile, "read", None)
    with pytest.raises(ValueError, match=r"must be a model file .* it unpacks to"):
        read(path)


def test_no_sparse_matrix_is_unpacked_that_is_much_larger_than_the_file(tmp_path):
    """It is an archive in the archive."""
    model, path = LogisticRegression().fit(X, Y).sparsify(), tmp_path / "m.skim"
    trusted = ["scipy.sparse._csr.csr_matrix"]
    save_model(model, path, trusted=trusted)
    loaded = load_model(path, trusted=trusted)
    assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.npy", bytes(30 * 10**6))
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, inner.getvalue() if name.endswith(".npz") else content)
    with pytest.raises(ValueError, match=r"must be a model file .* it unpacks to"):
        load_model(path, trusted=trusted)


def test_a_model_that_is_mostly_zeros_can_be_saved(tmp_path):
    clf = NearestNeighbors().fit(np.eye(2000))
    save_model(clf, tmp_path / "m.skim")
    assert np.array_equal(load_model(tmp_path / "m.skim")._fit_X, np.eye(2000))


def nested(levels, *, repeat):
    """A list that holds a list twice, which holds a list twice, and so on."""
    node = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode",
            "content": "0", "__id__": 1}  # fmt: skip
    for k in range(2, levels + 2):
        again = node if repeat == "whole" else {"__id__": k - 1}
        node = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode",
                "__id__": k, "content": [node, again]}  # fmt: skip
    return json.dumps({**node, "protocol": 2})


def test_a_file_that_repeats_objects_within_objects_is_refused_at_once(tmp_path):
    for levels in (12, 40, 80):
        forge(tmp_path / "m.skim", [], **{"schema.json": nested(levels, repeat="by name")})
        with pytest.raises(ValueError, match="it repeats objects within objects"):
            load_model(tmp_path / "m.skim")
    # Written out, each repetition takes its place in the file.
    forge(tmp_path / "m.skim", [], **{"schema.json": nested(10, repeat="whole")})
    with pytest.raises(ValueError, match="must hold a fitted estimator"):
        load_model(tmp_path / "m.skim")


def test_an_object_that_holds_itself_is_refused(tmp_path):
    node = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode",
            "__id__": 1, "content": [{"__id__": 1}], "protocol": 2}  # fmt: skip
    forge(tmp_path / "m.skim", [], **{"schema.json": json.dumps(node)})
    with pytest.raises(ValueError, match="it has an object that holds itself"):
        load_model(tmp_path / "m.skim")


SHAPES = ["hidden_0/kernel", "hidden_0/bias", "norm_0/gamma", "norm_0/moving_mean", "logits/bias"]


@pytest.mark.parametrize("name", SHAPES)
def test_weights_of_other_shapes_are_refused(name, tmp_path):
    def network():
        """What a fitted network is stored as, with random weights."""
        architecture = Architecture(4, 3, (5,), "relu", "batch", False)
        weights = architecture.initial_weights(np.random.default_rng(0), None)
        model = LogisticRegression().fit(X, Y)
        encoder = TableEncoder.of_scaler(StandardScaler().fit(X), 4)
        model.part_ = [Fitted(architecture, weights, encoder, {})]
        return model, model.part_[0].weights

    model, weights = network()
    save_model(model, tmp_path / "m.skim")
    load_model(tmp_path / "m.skim")
    for wrong in (weights[name][..., :1], weights[name][np.newaxis], None):
        model, weights = network()
        if wrong is None:
            del weights[name]
        else:
            weights[name] = wrong
        forge(tmp_path / "m.skim", model)
        with pytest.raises(ValueError, match=f"weights that fit its layers. Got '{name}'"):
            load_model(tmp_path / "m.skim")


def test_a_random_generator_that_would_read_beyond_its_numbers_is_refused(tmp_path):
    model = LogisticRegression(random_state=np.random.RandomState(0)).fit(X, Y)
    save_model(model, tmp_path / "m.skim")
    load_model(tmp_path / "m.skim")
    kind, keys, _, *others = model.random_state.get_state()
    model.random_state.set_state((kind, keys, 2_000_000_000, *others))
    forge(tmp_path / "m.skim", model)
    with pytest.raises(ValueError, match="generators in a state that exists"):
        load_model(tmp_path / "m.skim")


def test_what_is_not_fitted_is_refused(tmp_path):
    with pytest.raises(NotFittedError):
        save_model(LogisticRegression(), tmp_path / "m.skim")
    assert not list(tmp_path.iterdir())


def test_a_file_of_this_format_that_an_older_commit_wrote_predicts_the_same():
    """The classes of the file are found, and mean what they meant."""
    clf = load_model(DATA / "format_2.skim")
    rows = np.random.default_rng(0).normal(size=(80, 4))[:10]
    np.testing.assert_allclose(clf.predict_proba(rows), np.load(DATA / "format_2.npy"), rtol=1e-6)
    assert model_info(DATA / "format_2.skim")["target"] == "defect"


def test_a_file_of_an_older_format_says_what_to_do():
    sentence = r"^The file .* must be of format 2 to \d.*Got format 1.*save the model again"
    for read in (load_model, model_info):
        with pytest.raises(ValueError, match=sentence) as caught:
            read(DATA / "format_1.skim")
        assert "damaged" not in str(caught.value)


def test_the_stored_classes_are_where_the_format_says():
    for name in _types._STORED:
        module, _, cls = name.rpartition(".")
        assert isinstance(getattr(import_module(module), cls), type), name


@pytest.mark.parametrize(
    "wrong",
    [{"columns": ["a"]}, {"columns": {"a": 5}}, {"columns": {1: "text"}}, {"target": 3}],
    ids=str,
)
def test_columns_and_target_are_text_in_files_and_parameters(wrong, tmp_path):
    path = tmp_path / "m.skim"
    model = LogisticRegression().fit(X, Y)
    with pytest.raises(ValueError, match="'columns' parameter must be a dict of str"):
        save_model(model, path, **wrong)
    assert not path.exists()
    if wrong != {"columns": {1: "text"}}:  # the names of JSON are text
        save_model(model, path)
        rewrite(path, lambda info: info | wrong, "skimbalance.json")
        for read in (load_model, model_info):
            with pytest.raises(ValueError, match="what the columns are"):
                read(path)


def rewrite(path, change, member):
    """Change what a member of a model file says."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content[member] = json.dumps(change(json.loads(content[member])))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in content.items():
            archive.writestr(name, text)


def places(node, place=()):
    """All places in a description of a model."""
    parts = node.items() if isinstance(node, dict) else enumerate(node)
    for key, part in parts:
        yield (*place, key)
        if isinstance(part, dict | list):
            yield from places(part, (*place, key))


def put(schema, place, value):
    schema = node = json.loads(json.dumps(schema))
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    return schema


@pytest.mark.parametrize("value", [None, {}], ids=repr)
def test_a_forged_description_is_loaded_or_refused_in_a_sentence(value, tmp_path):
    path, forged = tmp_path / "m.skim", tmp_path / "forged.skim"
    save_model(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y), path)
    with zipfile.ZipFile(path) as archive:
        schema = json.loads(archive.read("schema.json"))
    n_refused = 0
    for place in list(places(schema))[::3]:
        forged.write_bytes(path.read_bytes())
        rewrite(forged, lambda schema, place=place: put(schema, place, value), "schema.json")
        try:
            load_model(forged)
        except ValueError as error:
            assert "forged.skim' must " in str(error)  # noqa: PT017
            n_refused += 1
    assert n_refused > 20


@pytest.mark.parametrize("trusted", ["sklearn.tree._tree.Tree", [LogisticRegression]], ids=str)
def test_trusted_types_are_a_list_of_names(trusted, tmp_path):
    path, model = tmp_path / "m.skim", LogisticRegression().fit(X, Y)
    save_model(model, path)
    for call in (load_model, lambda *args, **options: save_model(model, *args, **options)):
        with pytest.raises(ValueError, match="'trusted' parameter must be a list"):
            call(path, trusted=trusted)


def test_a_pipe_is_no_model_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for read in (load_model, model_info):
        with pytest.raises(ValueError, match="it is not a regular file"):
            read(tmp_path / "pipe")
