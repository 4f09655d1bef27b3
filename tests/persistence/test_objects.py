"""Parameters that are objects: of Keras, scorers, paths; and what a file leaves out."""

import inspect
import pathlib

import keras
import numpy as np
import pytest
from imblearn.metrics import geometric_mean_score
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from persistence_setup import forge, twice
from sklearn import metrics
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression

import skimbalance.losses
from skimbalance._keras.stored import described, restored
from skimbalance.decision import TunedDecisionClassifierCV
from skimbalance.persistence import _KerasObject, load_model, save_model

X = np.random.default_rng(0).normal(size=(60, 3))
Y = np.arange(60) % 4 == 0
FITTED = LogisticRegression().fit(X, Y)


def through_a_file(value, folder, **options):
    """An object that was an attribute of a stored estimator."""
    FITTED.part_ = value
    try:
        save_model(FITTED, folder / "m.skim", **options)
    finally:
        del FITTED.part_
    return load_model(folder / "m.skim", **options).part_


def public(module, kind):
    """Instances of the classes of a module that need no arguments."""
    for name, cls in sorted(vars(module).items()):
        if inspect.isclass(cls) and issubclass(cls, kind) and cls is not kind:
            try:
                yield f"{module.__name__}.{name}", cls()
            except (TypeError, ValueError):
                continue


OBJECTS = {
    **dict(public(keras.optimizers, keras.optimizers.Optimizer)),
    **dict(public(keras.losses, keras.losses.Loss)),
    **dict(public(keras.metrics, keras.metrics.Metric)),
    "a schedule": keras.optimizers.schedules.PiecewiseConstantDecay([10, 20], [1.0, 0.1, 0.01]),
    "an optimizer with a schedule": keras.optimizers.SGD(
        keras.optimizers.schedules.CosineDecay(0.1, 1_000_000), momentum=0.9, clipnorm=1.0
    ),
    "a metric of a function": keras.metrics.MeanMetricWrapper(keras.losses.hinge, name="hinge"),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_of_keras_have_the_same_config_after_it(name):
    value = OBJECTS[name]
    again = restored(described(value))
    assert type(again) is type(value)
    assert described(again) == described(value)


def test_objects_of_keras_are_stored_wherever_they_are(tmp_path):
    adam = keras.optimizers.Adam(0.01, beta_1=0.8)
    array = np.array([adam, "text", None], dtype=object)
    masked = np.ma.masked_array(array, [False, True, False])
    value = {"list": [adam, (adam, 1)], "array": array, "masked": masked, 5: adam}
    again = through_a_file(value, tmp_path)
    found = [again["list"][0], again["list"][1][0], again["array"][0], again["masked"][0], again[5]]
    assert all(part.get_config() == adam.get_config() for part in found)
    assert again["masked"].mask.tolist() == [False, True, False]
    assert (again["array"][1], again["list"][1][1]) == ("text", 1)


@pytest.mark.parametrize(
    "value",
    [
        keras.optimizers.Adam,
        keras.metrics.AUC,
        keras.losses.hinge,
        keras.callbacks.EarlyStopping,
        skimbalance.losses.FocalCrossentropy,
        skimbalance.losses.focal_crossentropy,
    ],
    ids=lambda value: value.__name__,
)
def test_public_classes_and_functions_are_stored_by_name(value, tmp_path):
    assert through_a_file(value, tmp_path) is value


def test_callbacks_are_stored_as_they_were_made(tmp_path):
    made = keras.callbacks.EarlyStopping("val_loss", min_delta=0.1, patience=3, baseline=2.0)
    used = keras.callbacks.EarlyStopping("val_loss", min_delta=0.1, patience=3, baseline=2.0)
    used.on_train_begin()
    used.on_epoch_end(0, {"val_loss": 1.0})  # turns the sign of `min_delta`
    for callback in (made, used):
        again = through_a_file([callback], tmp_path)[0]
        assert vars(again) == vars(made)


def test_custom_parts_of_keras_objects_are_trusted_by_name(tmp_path):
    metric = keras.metrics.MeanMetricWrapper(twice)
    with pytest.raises(ValueError, match=r"Got persistence_setup\.twice instead"):
        through_a_file(metric, tmp_path)
    again = through_a_file(metric, tmp_path, trusted=["persistence_setup.twice"])
    assert again.get_config()["fn"] == metric.get_config()["fn"]


@pytest.mark.parametrize(("name", "size"), [("AUC", "num_thresholds"), ("MeanIoU", "num_classes")])
def test_a_metric_does_not_take_what_memory_it_likes(name, size):
    forged = described(getattr(keras.metrics, name)(**{size: 5}))
    forged["config"][size] = 10**9
    with pytest.raises(ValueError, match="a metric with a size"):
        restored(forged)


def test_many_metrics_do_not_take_what_memory_they_like(tmp_path):
    description = described(keras.metrics.AUC(num_thresholds=5))
    description["config"]["num_thresholds"] = 2_000
    parts = [_KerasObject(description) for _ in range(5)]
    FITTED.part_ = parts
    try:
        forge(tmp_path / "m.skim", FITTED)
    finally:
        del FITTED.part_
    with pytest.raises(ValueError, match="too many large ones"):
        load_model(tmp_path / "m.skim")


def test_a_network_computes_nothing_while_it_is_built():
    inputs = keras.Input((3,), name="inputs")
    forged = described(keras.Model(inputs, keras.layers.Dense(2)(inputs)))
    call = {"args": [10**12], "kwargs": {}}
    operation = {"module": "keras.src.ops.numpy", "class_name": "Arange", "name": "numbers"}
    operation |= {"config": {"name": "numbers"}, "inbound_nodes": [call]}
    forged["config"]["layers"].append(operation)
    with pytest.raises(ValueError, match="called on numbers alone"):
        restored(forged)


FUNCTIONS = {name: part for name, part in vars(metrics).items() if inspect.isfunction(part)}
SCORERS = {
    name: part
    for name, part in FUNCTIONS.items()
    if part.__module__.endswith(("_classification", "_ranking"))
}


@pytest.mark.parametrize("name", SCORERS)
def test_functions_of_scorers_are_known(name, tmp_path):
    scorer = metrics.make_scorer(SCORERS[name], greater_is_better=False)
    again = through_a_file({"scorer": scorer}, tmp_path)["scorer"]
    assert repr(again) == repr(scorer)


def test_decisions_that_a_scorer_tuned(tmp_path):
    scorer = metrics.make_scorer(geometric_mean_score, average="binary")
    clf = TunedDecisionClassifierCV(LogisticRegression(), objective=scorer, cv=2, random_state=0)
    clf.fit(X, Y)
    save_model(clf, tmp_path / "m.skim")
    loaded = load_model(tmp_path / "m.skim")
    assert np.array_equal(loaded.predict(X), clf.predict(X))
    assert np.array_equal(loaded.predict_proba(X), clf.predict_proba(X))


def test_no_training_rows_hide_within_other_estimators(tmp_path):
    pipe = make_pipeline(SMOTE(k_neighbors=3, random_state=0), LogisticRegression())
    clf = VotingClassifier([("pipe", pipe)], voting="soft").fit(X, Y)
    save_model(clf, tmp_path / "m.skim")
    loaded = load_model(tmp_path / "m.skim")
    for part in (loaded.estimators_[0], loaded.named_estimators_["pipe"]):
        assert not hasattr(part["smote"], "nn_k_")
    assert np.array_equal(loaded.predict_proba(X), clf.predict_proba(X))


def test_what_stands_in_two_places_is_one_object_again(tmp_path):
    clf = VotingClassifier([("one", LogisticRegression())]).fit(X, Y)
    save_model(clf, tmp_path / "m.skim")
    loaded = load_model(tmp_path / "m.skim")
    assert loaded.named_estimators_["one"] is loaded.estimators_[0]


def test_paths_become_text(tmp_path):
    assert through_a_file(pathlib.Path("a") / "b", tmp_path) == str(pathlib.Path("a") / "b")


def test_a_parameter_that_is_younger_than_the_file_gets_its_default(tmp_path):
    clf = TunedDecisionClassifierCV(LogisticRegression(), cv=2, level=None).fit(X, Y)
    expected = clf.get_params()
    del clf.level
    forge(tmp_path / "m.skim", clf)
    loaded = load_model(tmp_path / "m.skim")
    assert loaded.get_params().keys() == expected.keys()
    assert loaded.level is expected["level"]
