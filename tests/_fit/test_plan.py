"""Class weights that "auto" stands for, and warnings of what corrects twice or does nothing."""

import inspect
import warnings

import keras
import numpy as np
import pytest

from skimbalance import (
    ImbalancedKerasClassifier,
    ImbalancedMLPClassifier,
    ImbalancedSequenceClassifier,
    losses,
)
from skimbalance._fit.loss_parameters import loss_arguments, record_of
from skimbalance._fit.parameters import warn_without_effect
from skimbalance._fit.plan import _class_weights
from skimbalance._fit.settings import Settings
from skimbalance._fit.targets import Classes, Labels, Steps

TARGETS = {
    "classes": (ImbalancedMLPClassifier, Classes(np.array(["no", "yes"])), [90.0, 10.0]),
    "steps": (ImbalancedSequenceClassifier, Steps(np.array(["no", "yes"])), [90.0, 10.0]),
    "labels": (ImbalancedMLPClassifier, Labels(2), [[90.0, 10.0], [60.0, 40.0]]),
}
CASES = [
    pytest.param(estimator, target, np.array(counts), loss, id=f"{name}-{loss}")
    for name, (estimator, target, counts) in TARGETS.items()
    for loss in target.losses
]
each_case = pytest.mark.parametrize(("estimator", "target", "counts", "loss"), CASES)
each_kind = pytest.mark.parametrize(
    ("estimator", "target", "counts"), TARGETS.values(), ids=TARGETS
)


def settings(estimator, **params):
    return Settings.of(vars(estimator(**params)))


def weights(estimator, target, counts, **params):
    """Class weights, and their product with alpha."""
    choices = settings(estimator, **params)
    record, counts = record_of(choices, target.losses, target.y_kind), np.array(counts)
    arguments = loss_arguments(choices, record, counts, target.classes)
    return _class_weights(choices, record, arguments, counts, target)


def warned(estimator, target, *, partial=False, **params):
    """Names of the parameters that are warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        choices = settings(estimator, **params)
        warn_without_effect(choices, target, estimator._shared_defaults, partial=partial)
    return {str(w.message).split("'")[1] for w in caught}


def defaults(function):
    """Names and defaults of the parameters of an estimator."""
    return {p.name: p.default for p in inspect.signature(function).parameters.values()}


@each_case
def test_auto_weighs_classes_unless_the_loss_corrects_for_them(estimator, target, counts, loss):
    usual = {Classes: "balanced", Labels: "balanced", Steps: 0.5}[type(target)]
    record = target.losses[loss]
    arguments = loss_arguments(settings(estimator, loss=loss), record, counts, target.classes)
    found, _ = weights(estimator, target, counts, loss=loss)  # without a warning
    scheme = None if record.corrects(arguments) else usual
    np.testing.assert_array_equal(found, target.weights("class_weight", scheme, counts))


@each_case
def test_weights_that_are_asked_for_are_taken_with_a_warning(estimator, target, counts, loss):
    record = target.losses[loss]
    arguments = loss_arguments(settings(estimator, loss=loss), record, counts, target.classes)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found, _ = weights(estimator, target, counts, loss=loss, class_weight="balanced")
    np.testing.assert_array_equal(found, target.weights("class_weight", "balanced", counts))
    assert [str(w.message).startswith("Both loss=") for w in caught] == [True] * record.corrects(
        arguments
    )


@each_kind
def test_auto_leaves_the_correction_to_alpha(estimator, target, counts):
    found, product = weights(estimator, target, counts, loss="focal", alpha=0.8)
    np.testing.assert_array_equal(found, 1)
    assert np.all(np.abs(product - 1) > 0.1)


@each_kind
def test_auto_weighs_custom_losses_of_classes_only(estimator, target, counts):
    found, _ = weights(estimator, target, counts, loss=abs)
    assert np.all(found == 1) == (not target.exclusive)


@pytest.mark.parametrize(
    ("loss", "corrects"),
    [
        (losses.Crossentropy(), False),
        (losses.Crossentropy(class_weight=[1, 9]), True),
        (losses.FocalCrossentropy(), False),
        (losses.FocalCrossentropy(alpha=[1, 9]), True),
        (losses.LogitAdjustedCrossentropy([90, 10]), True),
        (losses.LogitAdjustedCrossentropy([90, 10], tau=0.0), False),
        (losses.VectorScalingCrossentropy([90, 10]), True),
        (losses.LDAMCrossentropy([90, 10]), False),
        (keras.losses.CategoricalCrossentropy(), False),
    ],
)
def test_auto_knows_the_losses_of_this_package(loss, corrects):
    estimator, target, counts = TARGETS["classes"]
    found, _ = weights(estimator, target, counts, loss=loss)
    scheme = None if corrects else "balanced"
    np.testing.assert_array_equal(found, target.weights("class_weight", scheme, np.array(counts)))
    if corrects:
        with pytest.warns(UserWarning, match="corrected twice"):
            weights(estimator, target, counts, loss=loss, class_weight="balanced")


@pytest.mark.parametrize("loss", ["logit_adjusted", "vector_scaling"])
def test_an_adjustment_of_strength_0_does_not_correct(loss):
    estimator, target, counts = TARGETS["classes"]
    found, _ = weights(estimator, target, np.array(counts), loss=loss, tau=0.0)
    np.testing.assert_allclose(found, [0.5 / 0.9, 5])


def test_auto_is_the_default_everywhere():
    for estimator in (
        ImbalancedMLPClassifier,
        ImbalancedKerasClassifier,
        ImbalancedSequenceClassifier,
    ):
        assert defaults(estimator)["class_weight"] == "auto"


@each_case
def test_defaults_do_not_warn(estimator, target, counts, loss):
    assert warned(estimator, target, loss=loss) == set()
    assert warned(estimator, target, loss=loss, early_stopping=False) == set()
    given = {name: defaults(estimator)[name] for name in ("gamma", "alpha", "tau", "monitor")}
    assert warned(estimator, target, loss=loss, early_stopping=False, **given) == set()
    assert warned(estimator, target, loss=abs, optimizer=keras.optimizers.SGD()) == set()


@each_case
def test_parameters_that_the_loss_does_not_take_are_warned_of(estimator, target, counts, loss):
    for name, value in (("gamma", 0.5), ("alpha", np.array([1.0, 2.0])), ("tau", 0.0)):
        expected = {name} - {*target.losses[loss].takes}
        assert warned(estimator, target, loss=loss, **{name: value}) == expected
        assert warned(estimator, target, loss=loss, partial=True, **{name: value}) == expected
        assert warned(estimator, target, loss=abs, **{name: value}) == {name}


@each_kind
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("monitor", "balanced_accuracy"),
        ("validation_fraction", 0.3),
        ("n_iter_no_change", 3),
        ("tol", 0.0),
    ],
)
def test_parameters_of_early_stopping_are_warned_of_without_it(
    estimator, target, counts, name, value
):
    assert warned(estimator, target, early_stopping=False, **{name: value}) == {name}
    for early_stopping in (True, "auto"):
        assert warned(estimator, target, early_stopping=early_stopping, **{name: value}) == set()
    assert warned(estimator, target, partial=True, early_stopping=False, **{name: value}) == set()


def test_other_parameters_without_effect():
    estimator, target, _ = TARGETS["classes"]
    sgd, schedule = keras.optimizers.SGD(), lambda step: 0.1
    assert warned(estimator, target, loss=abs, loss_params={"q": 1}) == {"loss_params"}
    assert warned(estimator, target, optimizer=sgd, learning_rate=0.1) == {"learning_rate"}
    both = {"learning_rate": 0.1, "learning_rate_schedule": schedule}
    assert warned(estimator, target, optimizer=sgd, **both) == set(both)
    assert warned(estimator, target, **both) == {"learning_rate"}
    assert warned(estimator, target, learning_rate=0.1, learning_rate_schedule="cosine") == set()


def test_the_warning_names_parameter_reason_and_remedy():
    estimator, target, _ = TARGETS["classes"]
    for params, says in (
        ({"gamma": 5.0}, r"^The 'gamma' parameter has no effect, as loss='crossentropy' does not "
         r"take it: set loss='focal', or leave 'gamma' out\. Got gamma=5\.0\.$"),
        ({"loss": "vector_scaling", "gamma": 5.0}, r"loss_params={'gamma': \.\.\.}"),
        ({"early_stopping": False, "monitor": "mcc"}, "set early_stopping=True"),
    ):  # fmt: skip
        with pytest.warns(UserWarning, match=says):
            warn_without_effect(
                settings(estimator, **params), target, estimator._shared_defaults, partial=False
            )
