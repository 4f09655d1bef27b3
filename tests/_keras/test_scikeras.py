"""Build functions in the patterns that are written for scikeras, and what of scikeras may show."""

import functools
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

from skimbalance.keras_classifier import ImbalancedKerasClassifier

N = 60
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 4))
Y2 = np.arange(N) % 2
Y3 = np.array(["a", "b", "c"])[np.arange(N) % 3]
X[:, 0] += 3 * Y2
TOKENS = RNG.integers(0, 9, size=(N, 6))

pytestmark = pytest.mark.filterwarnings(
    "ignore:Do not pass an `input_shape`:UserWarning",
    "ignore:Argument `input_length` is deprecated:UserWarning",
    "ignore:(?s).*softmax over axis -1 of a tensor of shape .*, 1.:UserWarning",
    # Of Keras, where it saves a model to copy it.
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
)


def of_meta(meta, hidden_layer_sizes, dropout):
    """Not compiled; sizes from `meta`, parameters without a prefix."""
    model = keras.Sequential()
    model.add(keras.Input((meta["n_features_in_"],)))
    for units in hidden_layer_sizes:
        model.add(layers.Dense(units, activation="relu"))
        model.add(layers.Dropout(dropout))
    model.add(layers.Dense(1, activation="sigmoid"))
    return model


def of_target_type(meta, compile_kwargs, units=8):
    """Head and loss by the kind of target; compiled with the optimizer that was asked for."""
    heads = {
        "binary": (1, "sigmoid", "binary_crossentropy"),
        "multiclass": (meta["n_classes_"], "softmax", "sparse_categorical_crossentropy"),
    }
    width, activation, loss = heads[meta["target_type_"]]
    model = keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            layers.Dense(units, activation="tanh"),
            layers.Dense(width, activation=activation),
        ]
    )
    model.compile(loss=loss, optimizer=compile_kwargs["optimizer"])
    return model


def of_compile_kwargs(units=8, meta=None, compile_kwargs=None):
    """Functional, and compiled with all that was asked for."""
    inputs = keras.Input((meta["n_features_in_"],))
    hidden = layers.Dense(units, activation="relu")(inputs)
    outputs = [layers.Dense(1, activation="sigmoid", name=f"out{i}")(hidden)
               for i in range(meta["n_outputs_"])]  # fmt: skip
    model = keras.Model(inputs, outputs)
    model.compile(**compile_kwargs)
    return model


def of_tutorials(optimizer="adam", init="uniform", activation="relu", dropout_rate=0.1):
    """All in the function; parameters of any name; the shape of the input in the first layer."""
    model = keras.Sequential()
    model.add(layers.Dense(8, input_dim=4, kernel_initializer=init, activation=activation))
    model.add(layers.Dropout(dropout_rate))
    model.add(layers.Dense(4, kernel_initializer=init, activation=activation))
    model.add(layers.Dense(1, kernel_initializer=init, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


def with_constraint(weight_constraint=3.0):
    model = keras.Sequential()
    norm = keras.constraints.MaxNorm(weight_constraint)
    model.add(layers.Dense(8, input_shape=(4,), activation="linear", kernel_constraint=norm))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def with_objects(learning_rate=0.01, weight_decay=1e-3):
    """Optimizer, regularizers and metrics as objects."""
    l2 = keras.regularizers.l2(weight_decay)
    model = keras.Sequential(
        [
            layers.Input((4,)),
            layers.Dense(8, activation="relu", kernel_regularizer=l2),
            layers.BatchNormalization(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        loss=keras.losses.BinaryCrossentropy(),
        optimizer=keras.optimizers.SGD(learning_rate, momentum=0.9, nesterov=True),
        metrics=[keras.metrics.Precision(name="precision"), keras.metrics.AUC(name="auc")],
    )
    return model


def with_schedule():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.5)
    model = keras.Sequential([layers.Input((4,)), layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer=keras.optimizers.Adam(schedule), loss="binary_crossentropy")
    return model


def without_input(n_classes=3):
    model = keras.Sequential()
    model.add(layers.Dense(8, activation="relu"))
    model.add(layers.Dense(n_classes, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def of_activation_layers(hidden_layer_dim, meta):
    """Names are those of a fresh session in every build."""
    keras.utils.clear_session()
    model = keras.models.Sequential()
    model.add(layers.Dense(meta["n_features_in_"], input_shape=meta["X_shape_"][1:]))
    model.add(layers.Activation("relu"))
    model.add(layers.Dense(hidden_layer_dim))
    model.add(layers.Activation("relu"))
    model.add(layers.Dense(meta["n_classes_"]))
    model.add(layers.Activation("softmax"))
    return model


def of_convolutions(filters=4, meta=None):
    model = keras.Sequential()
    model.add(layers.Input((*meta["X_shape_"][1:],)))
    model.add(layers.Conv1D(filters, 2, activation="relu"))
    model.add(layers.BatchNormalization())
    model.add(layers.MaxPooling1D(2))
    model.add(layers.Dropout(0.3))
    model.add(layers.Flatten())
    model.add(layers.Dense(2, activation="softmax"))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def of_tokens(vocab_size=9, embedding_dim=3, maxlen=6):
    model = keras.Sequential()
    model.add(layers.Embedding(vocab_size, embedding_dim, input_length=maxlen))
    model.add(layers.LSTM(4, dropout=0.2))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
    return model


def of_frozen_base():
    base = keras.Sequential([layers.Input((4,)), layers.Dense(8), layers.BatchNormalization()])
    base.trainable = False
    inputs = keras.Input((4,))
    outputs = layers.Dense(1, activation="sigmoid")(base(inputs, training=False))
    model = keras.Model(inputs, outputs)
    model.compile("adam", "binary_crossentropy")
    return model


class Subclassed(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.hidden, self.out = layers.Dense(units), layers.Dense(1, activation="sigmoid")

    def call(self, x):
        return self.out(self.hidden(x))


def of_subclass(units=5):
    model = Subclassed(units)
    model.compile("adam", keras.losses.BinaryCrossentropy())
    return model


def of_any_parameter(**kwargs):
    width = kwargs["meta"]["n_classes_"]
    assert kwargs["params"]["units"] == kwargs["units"]
    hidden = layers.Dense(kwargs["units"])
    return keras.Sequential([layers.Input((4,)), hidden, layers.Dense(width)])


class Factory:
    def __call__(self, units=3):
        return keras.Sequential([layers.Input((4,)), layers.Dense(units), layers.Dense(2)])


def of_size(size):
    return keras.Sequential([layers.Input((size,)), layers.Dense(1, activation="sigmoid")])


# Name -> build function, parameters, rows, targets.
BUILDS = {
    "meta": (of_meta, {"hidden_layer_sizes": (8,), "dropout": 0.2, "loss": "binary_crossentropy"}),
    "target type": (of_target_type, {"optimizer__learning_rate": 0.01}),
    "target type, three": (of_target_type, {"optimizer": "sgd", "model__units": 4}, X, Y3),
    "compile_kwargs": (
        of_compile_kwargs,
        {"loss": "binary_crossentropy", "metrics": ["accuracy"], "units": 4},
    ),
    "tutorials": (of_tutorials, {"model__optimizer": "rmsprop", "model__init": "normal"}),
    "constraint": (with_constraint, {"model__weight_constraint": 2.0}),
    "objects": (with_objects, {"model__learning_rate": 0.1}),
    "schedule": (with_schedule, {}),
    "no Input": (without_input, {}, X, Y3),
    "Activation layers": (
        of_activation_layers,
        {"hidden_layer_dim": 5, "loss": "categorical_crossentropy"},
        X,
        Y3,
    ),
    "convolutions": (of_convolutions, {"model__filters": 3}, X[:, :, None]),
    "tokens": (of_tokens, {"maxlen": 6}, TOKENS),
    "frozen base": (of_frozen_base, {}),
    "subclass": (of_subclass, {"model__units": 4}),
    "any parameter": (of_any_parameter, {"units": 4}),
    "object": (Factory(), {"units": 4}),
    "partial": (functools.partial(of_size, size=4), {}),
    "lambda": (lambda: of_size(X.shape[1]), {}),
    "class of Keras": (Subclassed, {"model__units": 4, "loss": "binary_crossentropy"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILDS)
def test_build_function_works_unchanged(name):
    build, params, *data = BUILDS[name]
    rows, y = (*data, X, Y2)[:2] if len(data) != 1 else (data[0], Y2)
    clf = ImbalancedKerasClassifier(build, **params, epochs=2, random_state=0).fit(rows, y)
    proba = clf.predict_proba(rows)
    assert proba.shape == (N, len(np.unique(y)))
    outputs = np.asarray(clf.model_(rows, training=False))
    if name in ("any parameter", "object"):
        outputs = np.asarray(keras.ops.softmax(outputs))
    np.testing.assert_allclose(proba[:, -1], outputs[:, -1], atol=1e-6)
    np.testing.assert_array_equal(clf.predict(rows), np.unique(y)[proba.argmax(axis=1)])


@pytest.mark.slow
def test_search_of_the_tutorials():
    from sklearn.model_selection import GridSearchCV

    clf = ImbalancedKerasClassifier(of_tutorials, random_state=0)
    grid = {
        "batch_size": [16],
        "epochs": [1, 2],
        "model__optimizer": ["rmsprop", "adam"],
        "model__init": ["glorot_uniform"],
    }
    search = GridSearchCV(clf, grid, cv=2).fit(X, Y2)
    assert len(np.unique(search.cv_results_["mean_test_score"])) > 1


@pytest.mark.slow
def test_what_the_build_function_is_given():
    from scikeras.wrappers import KerasClassifier

    given = []

    def build(meta):
        given.append(meta)
        return keras.Sequential(
            [keras.Input((4,)), layers.Dense(meta["n_classes_"], activation="softmax")]
        )

    for y in (Y2, Y3):
        given.clear()
        ImbalancedKerasClassifier(build, epochs=1).fit(X, y)
        KerasClassifier(build, loss="sparse_categorical_crossentropy", verbose=0).fit(X, y)
        ours, of_scikeras = given
        assert set(ours) == set(of_scikeras)
        for key in set(ours) - {"target_encoder_", "feature_encoder_"}:
            np.testing.assert_array_equal(ours[key], of_scikeras[key], err_msg=key)


# Functions that fail, and say why


def without_return():
    keras.Sequential([layers.Input((4,)), layers.Dense(1, activation="sigmoid")])


def of_two_sigmoids():
    return keras.Sequential([layers.Input((4,)), layers.Dense(2, activation="sigmoid")])


def of_one_softmax():
    return keras.Sequential([layers.Input((4,)), layers.Dense(1, activation="softmax")])


def of_two_outputs():
    inputs = keras.Input((4,))
    return keras.Model(inputs, [layers.Dense(1)(inputs), layers.Dense(1)(inputs)])


FAILS = {
    "no return": (without_return, {}, "must return a Keras model. Got None instead."),
    "two sigmoids": (
        of_two_sigmoids,
        {},
        "must end in softmax, or in logits, for 2 classes and outputs of width 2. Got one that "
        "ends in sigmoid.",
    ),
    "one softmax": (
        of_one_softmax,
        {},
        "must end in sigmoid, or in logits, for 2 classes and outputs of width 1. Got one that "
        "ends in softmax.",
    ),
    "two outputs": (of_two_outputs, {}, "must have one output. Got a model with 2."),
    "optimizer that the function does not take": (
        of_tutorials,
        {"optimizer": "rmsprop"},
        "The 'optimizer' parameter of ImbalancedKerasClassifier must be left out where the model "
        "is compiled with another one",
    ),
    "its rate": (
        of_tutorials,
        {"optimizer__learning_rate": 0.1},
        "Got ['optimizer__learning_rate'], which would have no effect.",
    ),
    "other loss": (
        of_tutorials,
        {"loss": "focal"},
        "The model of ImbalancedKerasClassifier must not be compiled with another loss than the "
        "'loss' parameter asks for, 'focal'",
    ),
    "validation_split": (
        of_tutorials,
        {"validation_split": 0.2},
        "Use 'validation_fraction', with early_stopping=True.",
    ),
    "fit__shuffle": (of_tutorials, {"fit__shuffle": True}, "Use 'sampling'"),
    "build_fn": (of_tutorials, {"build_fn": of_tutorials}, "Use 'model'."),
    "epochs of the model": (
        of_tutorials,
        {"model__epochs": 3},
        "those with this prefix are ['model__activation', 'model__dropout_rate', 'model__init', "
        "'model__optimizer']. Got a value for 'model__epochs', which is not accepted.",
    ),
}


@pytest.mark.parametrize("name", FAILS)
def test_build_function_fails_in_words(name):
    build, params, message = FAILS[name]
    with pytest.raises(ValueError, match="ImbalancedKerasClassifier") as raised:
        ImbalancedKerasClassifier(build, **params).fit(X, Y2)
    assert message in str(raised.value)


# A model instead of a function


@pytest.mark.slow
def test_model_is_copied_with_its_weights():
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(8, activation="relu", trainable=False),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    model.fit(X, Y2, epochs=2, verbose=0)
    before = model.get_weights()
    clf = ImbalancedKerasClassifier(
        model, epochs=1, class_weight=None, output_bias=None, random_state=0
    ).fit(X, Y2)
    assert clf.fit_path_ == "compiled"
    assert list(clf.history_) == ["loss", "accuracy"]
    for value, same in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, same)
    kernel, *_, last = clf.model_.get_weights()
    np.testing.assert_array_equal(kernel, before[0])
    assert np.any(last != before[-1])
    # It went on from where the model was: one step from there, not from anew.
    np.testing.assert_allclose(clf.model_.get_weights()[2], before[2], atol=0.1)
    other = ImbalancedKerasClassifier(
        model, epochs=1, class_weight=None, output_bias=None, random_state=1
    ).fit(X, Y2)
    np.testing.assert_array_equal(other.model_.get_weights()[0], before[0])


def test_model_that_cannot_be_copied():
    class Local(keras.Model):
        def __init__(self, part):
            super().__init__()
            self.part = part

        def call(self, x):
            return self.part(x)

    model = Local(layers.Dense(1))
    model(X)
    with pytest.raises(ValueError, match="must be a Keras model that can be saved and loaded, or"):
        ImbalancedKerasClassifier(model).fit(X, Y2)


# What scikeras changes in Keras


PATCHED = """
import sys
import keras
import numpy as np
kinds = (keras.Model, keras.losses.Loss, keras.metrics.Metric, keras.optimizers.Optimizer)
names = ("__reduce__", "__deepcopy__")

def state():
    return [vars(kind).get(name) for kind in kinds for name in names]

if sys.argv[1] == "first":
    import scikeras
before = state()
from skimbalance.keras_classifier import ImbalancedKerasClassifier
X = np.random.default_rng(0).normal(size=(20, 2))
ImbalancedKerasClassifier(epochs=1).fit(X, np.arange(20) % 2).predict(X)
assert "scikeras" in sys.modules
print(state() == before, any(before))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("order", "expected"), [("after", "True False"), ("first", "True True")])
def test_patches_of_scikeras(order, expected):
    run = subprocess.run(
        [sys.executable, "-c", PATCHED, order], capture_output=True, text=True, check=False
    )
    assert run.stdout.strip() == expected, run.stderr
