"""Each routed parameter goes to somebody who takes it, or is refused in words."""

import functools
import re

import keras
import pytest

from skimbalance import ImbalancedKerasClassifier
from skimbalance._keras.routing import (
    accepted,
    callback_classes,
    check_names,
    check_routed,
    taken_by_model,
)


def build(units, *, rate=0.1, meta=None, compile_kwargs=None, params=None):
    """A build function with parameters of its own, and those that nobody gives."""


def of_any(meta, **others):
    """A build function that takes all."""


PARAMS = {
    "model": build,
    "optimizer": "sgd",
    "loss": keras.losses.CategoricalCrossentropy,
    "metrics": [keras.metrics.AUC, keras.metrics.Precision],
    "callbacks": {"stop": keras.callbacks.EarlyStopping, "rate": keras.callbacks.ReduceLROnPlateau},
}


def check(*routed, **params):
    check_routed("Owner", {**PARAMS, **params}, routed)


TAKEN = [
    "units",
    "model__units",
    "model__rate",
    "optimizer__learning_rate",
    "optimizer__momentum",
    "loss__label_smoothing",
    "metrics__name",
    "metrics__0__curve",
    "metrics__1__thresholds",
    "callbacks__patience",
    "callbacks__stop__restore_best_weights",
    "callbacks__rate__factor",
    "fit__batch_size",
    "fit__epochs",
    "fit__verbose",
]


@pytest.mark.parametrize("name", TAKEN)
def test_taken(name):
    check(name)


REFUSED = {
    "unit": "those with this prefix are ['model__rate', 'model__units']",
    "model__unit": "those with this prefix are ['model__rate', 'model__units']",
    "model__meta": "those with this prefix are ['model__rate', 'model__units']",
    # scikeras would drop it.
    "model__part__units": "those with this prefix are ['model__rate', 'model__units']",
    "optimizer__beta_1": "'optimizer__momentum'",
    "optimizer__learning_rate__decay": "'optimizer__learning_rate'",
    "loss__gamma": "'loss__label_smoothing'",
    # Only of one of the two.
    "metrics__curve": "those with this prefix are ['metrics__dtype', 'metrics__name'",
    "metrics__0__top_k": "'metrics__0__curve'",
    "metrics__2__curve": "'metrics' takes parameters only if it is given as a class",
    "callbacks__restore_best_weights": "'callbacks__patience'",
    "callbacks__other__patience": "'callbacks' takes parameters only if it is given as a name",
    "fit__initial_epoch": "those with this prefix are ['fit__batch_size', 'fit__epochs', ",
    "predict__batch_size": "the prefixes are ['model__', 'optimizer__', 'loss__', 'metrics__', ",
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    message = f"The routed parameter {name!r} of Owner must be one that a component accepts: "
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        check(name)
    assert REFUSED[name] in str(raised.value)
    assert f"Got a value for {name!r}, which is not accepted." in str(raised.value)


def test_objects_take_nothing():
    objects = {
        "optimizer": keras.optimizers.SGD(),
        "loss": keras.losses.MeanSquaredError(),
        "metrics": ["AUC"],
        "callbacks": [keras.callbacks.EarlyStopping()],
        "model": None,
    }
    for prefix, value in objects.items():
        with pytest.raises(ValueError, match="which is not accepted"):
            check(f"{prefix}__name", **{prefix: value})


def test_callbacks_by_name():
    stop, rate = keras.callbacks.EarlyStopping, keras.callbacks.ReduceLROnPlateau()
    assert callback_classes("EarlyStopping", "Owner") is stop
    assert callback_classes(["EarlyStopping", rate], "Owner") == [stop, rate]
    assert callback_classes({"a": stop, "b": rate}, "Owner") == {"a": stop, "b": rate}
    assert callback_classes(None, "Owner") is None
    check("callbacks__patience", callbacks="EarlyStopping")
    check("callbacks__1__patience", callbacks=[rate, "EarlyStopping"])
    with pytest.raises(ValueError, match="'callbacks__patience'"):
        check("callbacks__patienc", callbacks="EarlyStopping")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"loss": "focl"},
            r"'loss' .* one of \['ours'\], or a name that keras.losses knows. Got 'focl'",
        ),
        ({"optimizer": "adamm"}, "'optimizer' .* a name that keras.optimizers knows. Got 'adamm'"),
        (
            {"callbacks": "Stop"},
            "'callbacks' .* the name of its class, or a list .* Got 'Stop' instead",
        ),
        ({"callbacks": [None]}, "'callbacks' .* Got None instead"),
        # A function of this name there.
        ({"callbacks": "__name__"}, "'callbacks' .* Got '__name__' instead"),
    ],
    ids=str,
)
def test_unknown_names(params, message):
    params = {**PARAMS, **params}
    with pytest.raises(ValueError, match=message):
        check_names("Owner", params, {"ours"})


def test_known_names():
    for loss in ("ours", "categorical_crossentropy", None, keras.losses.Huber):
        check_names("Owner", {**PARAMS, "loss": loss, "optimizer": "lion"}, {"ours"})


def test_function_of_any_parameters():
    check("anything", "model__else", model=of_any)
    with pytest.raises(ValueError, match="which is not accepted"):
        check("model__part__units", model=of_any)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("validation_split", "Use 'validation_fraction', with early_stopping=True."),
        ("fit__validation_split", "Use 'validation_fraction', with early_stopping=True."),
        ("fit__shuffle", "Use 'sampling', and 'shuffle' is its default."),
        ("build_fn", "Use 'model'."),
        ("fit__callbacks", "Use 'callbacks'."),
    ],
)
def test_what_scikeras_calls_otherwise(name, remedy):
    with pytest.raises(ValueError, match=re.escape(remedy)):
        check(name)
    # A build function may have a parameter of that name.
    if "__" not in name:
        check(name, model=of_any)


def test_accepted():
    assert accepted(build) == ({"units", "rate", "meta", "compile_kwargs", "params"}, False)
    assert accepted(of_any) == ({"meta"}, True)
    assert taken_by_model(build) == ({"units", "rate"}, False)
    for model in (None, -1, keras.Sequential()):
        assert taken_by_model(model) == (set(), False)


def of_its_own(alpha=0.5, *, meta=None):
    """A build function with a parameter that is called like one of the classifier."""


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (build, True),
        (functools.partial(build, units=3), True),
        (of_any, True),
        (of_its_own, False),
        (keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]), False),
        (None, False),
    ],
    ids=["takes params", "a partial of it", "takes any", "takes its own", "a model", "none"],
)
def test_who_gets_all_parameters_may_use_any_of_them(model, expected):
    """Then no parameter can be warned of as one without effect."""
    assert ImbalancedKerasClassifier(model)._hands_on_parameters() == expected
