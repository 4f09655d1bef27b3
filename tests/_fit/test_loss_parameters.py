"""Records of losses: ranges, arguments, starts, and what agrees with the formulas."""

import inspect

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.optimize import minimize
from scipy.special import softmax

from skimbalance._fit.loss_parameters import loss_arguments, record_of
from skimbalance._fit.settings import Settings
from skimbalance._losses.records import CUSTOM, SIGMOID, SOFTMAX, Number
from skimbalance.classifier import ImbalancedMLPClassifier
from skimbalance.losses import LABEL_LOSSES, LOSSES

COUNTS = np.array([70.0, 20.0, 10.0])
RECORDS = [
    *((name, record, LOSSES[name]) for name, record in SOFTMAX.items()),
    *((name, record, LABEL_LOSSES[name]) for name, record in SIGMOID.items()),
]
each_record = pytest.mark.parametrize(
    ("name", "record", "function"), RECORDS, ids=[record.function for _, record, _ in RECORDS]
)
NUMBERS = [
    pytest.param(name, key, parameter, id=f"{record.function}-{key}")
    for name, record, _ in RECORDS
    for key, parameter in record.params.items()
    if isinstance(parameter, Number)
]

CLASSES = np.array(["high", "low", "middle"])


def settings(**params):
    return Settings.of(ImbalancedMLPClassifier(**params).get_params())


@each_record
def test_a_function_takes_the_arguments_of_its_record(name, record, function):
    arguments = loss_arguments(settings(loss=name), record, COUNTS, CLASSES)
    arguments.pop("deferred", None)
    assert set(arguments) <= set(inspect.signature(function).parameters)


@each_record
def test_defaults_of_a_record_are_those_of_the_function(name, record, function):
    parameters = inspect.signature(function).parameters
    for key, parameter in record.params.items():
        if key in parameters and parameters[key].default is not inspect.Parameter.empty:
            assert parameter.default == parameters[key].default, key


@pytest.mark.parametrize(("name", "key", "parameter"), NUMBERS)
def test_ranges_hold_their_defaults_and_closed_ends_only(name, key, parameter):
    low, high = (float(end) for end in parameter.interval[1:-1].split(", "))
    assert parameter.checked(parameter.default, key, name, 3) == parameter.default
    ends = [(low, parameter.interval[0] == "["), (high, parameter.interval[-1] == "]")]
    for end, belongs in ends:
        if np.isfinite(end) and belongs:
            assert parameter.checked(end, key, name, 3) == end
        else:
            with pytest.raises(ValueError, match=f"The {key!r} of 'loss_params' for loss={name!r}"):
                parameter.checked(end, key, name, 3)
    for wrong in (np.nan, None, "1", [0.5]):
        with pytest.raises(ValueError, match="must be a float in the range"):
            parameter.checked(wrong, key, name, 3)


COSTS = pd.DataFrame([[0, 5, 2], [1, 0, 3], [9, 4, 0]], index=CLASSES, columns=CLASSES)
OF_COSTS = {
    "frame": lambda costs: costs.iloc[[2, 0, 1], [1, 0, 2]],
    "dict of dicts": lambda costs: costs.iloc[::-1].T.to_dict(),
    "dict of Series": lambda costs: {name: costs.loc[name, ::-1] for name in costs.index[::-1]},
    "polars": lambda costs: pl.DataFrame(costs.to_numpy()),
    "list": lambda costs: costs.to_numpy().tolist(),
}
each_form = pytest.mark.parametrize("form", OF_COSTS.values(), ids=OF_COSTS)


@each_form
def test_costs_are_read_by_the_labels_of_rows_and_columns(form):
    given = settings(loss="expected_cost", loss_params={"cost_matrix": form(COSTS)})
    arguments = loss_arguments(given, SOFTMAX["expected_cost"], COUNTS, CLASSES)
    np.testing.assert_array_equal(arguments["cost_matrix"], COSTS)


@pytest.mark.parametrize(
    "costs",
    [COSTS.to_numpy(), COSTS.set_axis([0, 1, 2]), COSTS.set_axis([0, 1, 2], axis=1)],
    ids=["both", "rows", "columns"],
)
def test_costs_of_other_labels_are_refused_with_the_remedy(costs):
    given = settings(loss="expected_cost", loss_params={"cost_matrix": pd.DataFrame(costs)})
    with pytest.raises(ValueError, match=r"'cost_matrix' must be the classes of y.*\.to_numpy\(\)"):
        loss_arguments(given, SOFTMAX["expected_cost"], COUNTS, CLASSES)


def test_a_custom_loss_has_a_record_of_which_nothing_is_known():
    assert record_of(settings(loss=abs), SOFTMAX, "class labels") is CUSTOM
    assert loss_arguments(settings(loss=abs), CUSTOM, COUNTS, CLASSES) == {}


@pytest.mark.parametrize("name", ["crossentropy", "logit_adjusted", "vector_scaling"])
def test_a_start_is_where_the_loss_of_constant_logits_is_least(name):
    record = SOFTMAX[name]
    arguments = loss_arguments(settings(loss=name, tau=0.7), record, COUNTS, CLASSES)
    shares = COUNTS / COUNTS.sum()
    start = record.initial_logits(np.log(shares), arguments)
    numbers = {key: np.float32(value) for key, value in arguments.items()}

    def loss(z):
        logits = np.tile(np.float32(z), (3, 1))
        values = LOSSES[name](np.arange(3), logits, from_logits=True, **numbers)
        return float(shares @ np.asarray(values))

    found = minimize(loss, np.zeros(3), method="Nelder-Mead")
    assert loss(start) <= found.fun + 1e-5


@pytest.mark.parametrize("name", [n for n, record in SOFTMAX.items() if record.closed_form])
def test_a_closed_form_keeps_uniform_logits_of_equal_classes_uniform(name):
    record = SOFTMAX[name]
    arguments = loss_arguments(settings(loss=name), record, np.full(3, 10.0), CLASSES)
    arguments.pop("deferred", None)
    posterior = softmax(record.closed_form(np.zeros((1, 3)), **arguments))
    np.testing.assert_allclose(posterior, 1 / 3)


def test_settings_are_frozen_and_resolve_what_an_estimator_leaves_open():
    assert settings(optimizer="adamw").weight_decay == 0.004
    assert settings().weight_decay == 0.0
    assert settings(optimizer="adamw", weight_decay=0.1).weight_decay == 0.1
    assert settings().callbacks == ()
    assert settings(callbacks="one").callbacks == ("one",)
    with pytest.raises(AttributeError):
        settings().epochs = 3
