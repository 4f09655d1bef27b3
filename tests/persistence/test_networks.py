"""Custom networks in model files: the same bits without the function, known layers only."""

import json
import pickle
import re

import keras
import numpy as np
import pytest
from keras import layers
from persistence_setup import (
    ROWS,
    Registered,
    Silent,
    Subclass,
    Times,
    adapted,
    forge,
    graph,
    head,
    own,
    recurrent,
    sequential,
    thrice,
    twice,
)
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from skimbalance import (
    ImbalancedKerasClassifier,
    ImbalancedMLPClassifier,
    ImbalancedSequenceClassifier,
)
from skimbalance._fit.encoding import Encoder
from skimbalance._fit.plan import Fitted
from skimbalance._fit.targets import Steps
from skimbalance._keras.stored import unknown_names
from skimbalance.networks import Scale, mlp
from skimbalance.persistence import load_model, save_model
from skimbalance.persistence._lean import _KerasObject

plain = sequential(
    lambda: layers.Dense(3, activation="relu"),
    layers.BatchNormalization,
    lambda: layers.Dropout(0.1),
    head,
)
NETWORKS = {
    "plain": plain,
    "graph": graph,
    "recurrent": recurrent,
    "adapted": sequential(adapted, head),
    "ours": sequential(Scale, head),
    "mlp": lambda: mlp(4, 2, hidden_layer_sizes=(3,), normalization="layer", dropout=0.1),
    "model within": sequential(lambda: sequential(head)(), head),
}


def same(a, b, rows=ROWS):
    return all(
        getattr(a, name)(rows).tobytes() == getattr(b, name)(rows).tobytes()
        for name in ("predict", "predict_proba", "predict_posterior")
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_loaded_without_the_function_that_builds_it(name, tmp_path):
    ends_in = {"graph": "sigmoid", "mlp": "logits"}.get(name, "softmax")
    clf, path = own(NETWORKS[name], ends_in=ends_in), tmp_path / "m.skim"
    save_model(clf, path)
    loaded = load_model(path)
    assert same(loaded, clf)
    assert same(pickle.loads(pickle.dumps(loaded)), clf)
    save_model(loaded, path)
    assert same(load_model(path), clf)


def test_the_next_fit_asks_for_the_function_and_changes_nothing(tmp_path):
    clf, path = own(plain), tmp_path / "m.skim"
    save_model(clf, path)
    loaded = load_model(path)
    for call in (loaded.fit, clone(loaded).fit):
        with pytest.raises(ValueError, match=r"'model' parameter .* must be set again "):
            call(ROWS, ["many", "rare"] * 3 + ["many"])
    assert same(loaded, clf)


def test_a_function_that_is_trusted_is_stored_itself(tmp_path):
    clf, path, trusted = (
        own(graph, ends_in="sigmoid"),
        tmp_path / "m.skim",
        ["persistence_setup.graph"],
    )
    save_model(clf, path, trusted=trusted)
    with pytest.raises(ValueError, match=re.escape(f"Got {trusted[0]} instead")):
        load_model(path)
    loaded = load_model(path, trusted=trusted)
    assert loaded.model is graph
    assert same(loaded, clf)


CUSTOM = {
    "layer": (sequential(Times, head), ["Times"]),
    "registered layer": (sequential(Registered, head), ["Registered"]),
    "function": (sequential(lambda: layers.Dense(3, activation=twice), head), ["twice"]),
    "registered function": (sequential(lambda: layers.Activation(thrice), head), ["thrice"]),
    "within": (sequential(lambda: layers.Reshape((4, 1)), lambda: layers.TimeDistributed(Times()),
                          layers.Flatten, head), ["Times"]),
    "subclass": (Subclass, ["Subclass"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CUSTOM)
def test_custom_layers_and_functions_are_trusted_by_name(name, tmp_path):
    build, names = CUSTOM[name]
    path, trusted = tmp_path / "m.skim", [f"persistence_setup.{name}" for name in names]
    built = build()
    built(ROWS)  # some are built by a call only
    clf = own(lambda: built)
    with pytest.raises(ValueError, match=re.escape(f"Got {trusted[0]} instead")):
        save_model(clf, path)
    save_model(clf, path, trusted=trusted)
    with pytest.raises(ValueError, match=re.escape(f"Got {trusted[0]} instead")):
        load_model(path)
    assert same(load_model(path, trusted=trusted), clf)


def test_a_lambda_is_loaded_only_if_it_is_trusted(tmp_path):
    clf, path = own(sequential(lambda: layers.Lambda(lambda x: 2 * x), head)), tmp_path / "m.skim"
    trusted = ["keras.layers.Lambda"]
    save_model(clf, path, trusted=trusted)
    with pytest.raises(ValueError, match=r"Got keras\.layers\.Lambda instead"):
        load_model(path)
    assert same(load_model(path, trusted=trusted), clf)


def test_a_network_that_its_config_does_not_describe_is_refused(tmp_path):
    clf = own(sequential(lambda: Silent(5.0), head))
    with pytest.raises(ValueError, match="its config gives other outputs"):
        save_model(clf, tmp_path / "m.skim")
    assert not [*tmp_path.iterdir()]


# Forged descriptions


def described(clf):
    """A classifier as it is after loading, and its description."""
    clf._built_with = {
        **{k: v for k, v in clf._built_with.items() if k != "params"},
        "description": clf._description(),
        "trusted": [],
    }
    clf.model = None
    return clf, json.loads(clf._built_with["description"])


def with_description(clf, description):
    clf._built_with["description"] = json.dumps(description)
    return clf


def node(name, config=None, module="keras.layers", **others):
    return {"module": module, "class_name": name, "config": config or {}, **others}


def wrapped(inner):
    return node("TimeDistributed", {"layer": node("Bidirectional", {"layer": inner})})


HUGE = 10**9
LAMBDA = {"class_name": "__lambda__", "config": {"value": "4w=="}}
FUNCTION = {"class_name": "function", "registered_name": None}
FORGED = {
    "Lambda": node("Lambda", {"function": LAMBDA}),
    "a lambda in a layer": node("Dense", {"activation": LAMBDA}),
    "Lambda by its private name": node("Lambda", module="keras.src.layers.core.lambda_layer"),
    "Lambda by another module": node("Lambda", module="keras"),
    "a layer by another module": node("Dense", module="keras.utils"),
    "a layer that opens files": node("TFSMLayer", {"filepath": "/etc"}),
    "a layer with a pickle": node("TorchModuleWrapper", {"module": ""}),
    "a layer within layers": wrapped(node("Lambda")),
    "a custom layer": node("Times", module="persistence_setup"),
    "a registered layer": node("Registered", module=None, registered_name="tests>Registered"),
    "a module": node("system", module="os"),
    "no module": {"class_name": "Dense", "config": {"units": 2}},
    "a name that is no text": node(["Dense"]),
    "no config": {"module": "keras.layers", "class_name": "Dense"},
    "a type of TensorFlow": {"class_name": "__typespec__", "spec_name": "TensorSpec",
                             "module": "tensorflow", "config": [], "registered_name": None},
    "a value that is a class": node("__numpy__", module="os"),
    "a function of utils": node("Activation", {"activation": {
        **FUNCTION, "module": "keras.utils", "config": "get_file"}}),
    "a function by name": node("Activation", {"activation": {
        **FUNCTION, "module": "builtins", "config": "exec"}}),
    "a registered function by text": node("Activation", {"activation": "tests>another_name"}),
    "an operation that calls": node("Map", module="keras.src.ops.core"),
    "no operation": node("np", module="keras.src.ops.numpy"),
    "a function that looks up others": node("Activation", {"activation": {
        **FUNCTION, "module": "keras.activations", "config": "deserialize"}}),
}  # fmt: skip


@pytest.fixture(scope="module")
def base():
    return described(own(sequential(head)))


ALLOCATING = {
    "Normalization": {"mean": 0.0, "variance": 1.0},
    "LSTM": {"units": HUGE, "stateful": True},
}


@pytest.mark.parametrize("name", ALLOCATING)
def test_layers_that_allocate_beside_their_weights_are_not_known(name):
    """So the weights' shapes tell how large a network is."""
    known = {**ALLOCATING[name], "mean": None, "stateful": False}
    assert unknown_names(node(name, ALLOCATING[name])) == {f"keras.layers.{name}"}
    assert not unknown_names(node(name, known))


@pytest.mark.parametrize("within", [False, True])
def test_no_layer_takes_the_place_of_another_object(within, tmp_path):
    wide = node("Dense", {"units": HUGE}, build_config={"input_shape": [None, HUGE]})
    metric = node("MeanMetricWrapper", {"fn": wide}, module="keras.metrics")
    clf = LogisticRegression().fit(ROWS, [0, 1] * 3 + [0])
    clf.part_ = _KerasObject(metric if within else wide)
    path = tmp_path / "m.skim"
    forge(path, clf)
    with pytest.raises(ValueError, match=r"m\.skim' must be a model .* (layers|size)"):
        load_model(path)


@pytest.mark.parametrize("name", FORGED)
def test_what_is_not_known_is_not_made(name, base, tmp_path, monkeypatch):
    clf, description = base[0], json.loads(json.dumps(base[1]))
    description["config"]["layers"].insert(1, FORGED[name])
    forge(tmp_path / "m.skim", with_description(clf, description))
    monkeypatch.setattr(keras.saving, "deserialize_keras_object", None)
    with pytest.raises(ValueError, match=r"m\.skim' must (hold only types|be a model file)"):
        load_model(tmp_path / "m.skim")


def test_other_names_of_a_known_layer_are_not_looked_up(base, tmp_path):
    """A registered name would take precedence in Keras."""
    clf, description = base[0], json.loads(json.dumps(base[1]))
    layer = description["config"]["layers"][-1]
    layer["registered_name"] = "tests>Registered"
    layer["compile_config"] = {"optimizer": "adam", "loss": "mse"}
    forge(tmp_path / "m.skim", with_description(clf, description))
    loaded = load_model(tmp_path / "m.skim")
    assert [type(x) for x in loaded.model_.layers] == [layers.Dense]
    assert same(loaded, clf)


SIZES = {
    "units": lambda config: config["layers"][-1]["config"].update(units=HUGE),
    "inputs": lambda config: config["layers"][0]["config"].update(batch_shape=[None, HUGE]),
    "a further layer": lambda config: config["layers"].insert(
        1, node("Dense", {"units": HUGE, "name": "wide"})
    ),
}


@pytest.mark.parametrize("name", SIZES)
def test_no_weights_are_allocated_that_the_file_does_not_hold(name, base, tmp_path):
    clf, description = base[0], json.loads(json.dumps(base[1]))
    SIZES[name](description["config"])
    forge(tmp_path / "m.skim", with_description(clf, description))
    with pytest.raises(ValueError, match=r"m\.skim' must hold (weights|a network that)"):
        load_model(tmp_path / "m.skim")


@pytest.mark.parametrize("change", [
    {"shapes": [(2, HUGE)]}, {"dtypes": ["U1000000"]}, {"dtypes": ["O"]}, {"found": None},
    {"shapes": [(2, -1)]}, {"description": "1"}, {"description": "["}, {"description": "null"},
], ids=str)  # fmt: skip
def test_rows_and_outputs_of_a_forged_file_are_checked(change, base, tmp_path):
    clf = with_description(*base)
    clf._built_with, before = {**clf._built_with, **change}, clf._built_with
    forge(tmp_path / "m.skim", clf)
    clf._built_with = before
    with pytest.raises(ValueError, match=r"m\.skim' must "):
        load_model(tmp_path / "m.skim")


@pytest.mark.parametrize("wrong", ["another axis", "longer", "text", "missing"])
def test_weights_of_a_network_fit_its_layers(wrong, tmp_path):
    clf, _ = described(own(graph, ends_in="sigmoid"))
    changed = {
        "another axis": lambda x: x[None],
        "longer": lambda x: np.concatenate([x, x]),
        "text": lambda x: x.astype(str),
    }
    for name in [*clf._fitted.weights][::2]:
        weights = dict(clf._fitted.weights)
        value = weights.pop(name)
        if wrong != "missing":
            weights[name] = changed[wrong](value)
        forge(tmp_path / "m.skim", _with_weights(clf, weights))
        with pytest.raises(ValueError, match=f"weights that fit its layers. Got '{name}'"):
            load_model(tmp_path / "m.skim")


def _with_weights(clf, weights):
    other = pickle.loads(pickle.dumps(clf))
    other._fitted = Fitted(None, weights, None, clf._fitted.posterior_arguments)
    return other


def tagger(**options):
    """A sequence classifier with random weights."""
    clf = ImbalancedSequenceClassifier("conv1d", units=2, embedding_dim=2)
    clf.classes_ = np.array(["O", "rare"])
    clf._target, clf._decision = Steps(clf.classes_), None
    clf._encoder = Encoder(np.array(["a", "b"]), 1, True, type(clf).__name__)
    sizes = {"n_outputs": 2, "n_layers": 1, "embedding_dim": 2, "filters": 2, "dropout": 0.0}
    clf._architecture = "conv1d", sizes
    network = clf._rebuilt()
    arguments = {"loss": "crossentropy", "class_weight": np.ones(2), "sampling_ratio": np.ones(2)}
    clf._fitted = Fitted(network, network.weights(), None, arguments)
    clf._architecture = "conv1d", sizes | options
    return clf


def test_a_tagger_is_held_to_its_weights_before_they_are_allocated(tmp_path):
    save_model(tagger(), tmp_path / "m.skim")
    load_model(tmp_path / "m.skim")
    for sizes in ({"filters": HUGE}, {"embedding_dim": HUGE}, {"n_layers": 2}, {"units": 3}):
        forge(tmp_path / "forged.skim", tagger(**sizes))
        with pytest.raises(ValueError, match=r"forged\.skim' must hold (weights|a network that)"):
            load_model(tmp_path / "forged.skim")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["own", "perceptron"])
def test_training_goes_on_from_a_file(kind, tmp_path):
    """With an optimizer object, whose state is stored, too."""
    adam, y = keras.optimizers.Adam(0.01, beta_1=0.8), np.array(["many", "rare"] * 3 + ["many"])
    if kind == "own":
        clf = ImbalancedKerasClassifier(plain, optimizer=adam, random_state=0)
    else:
        clf = ImbalancedMLPClassifier((3,), optimizer=adam, random_state=0)
    clf.partial_fit(ROWS, y, classes=["many", "rare"])
    save_model(clf, tmp_path / "m.skim")
    loaded = load_model(tmp_path / "m.skim")
    if kind == "own":
        loaded.set_params(model=plain)
    for part in (clf, loaded):
        part.partial_fit(ROWS, y)
    assert same(loaded, clf)
