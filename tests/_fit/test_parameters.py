"""The shared parameters: one table, from which signature, constraints and docstring follow."""

import inspect
import re

import numpy as np
import pytest
from sklearn.base import clone

from skimbalance import (
    ImbalancedKerasClassifier,
    ImbalancedMLPClassifier,
    ImbalancedSequenceClassifier,
)
from skimbalance._fit.parameters import (
    RateParameters,
    SharedParameters,
    set_shared,
    shares,
)
from skimbalance._losses.records import SIGMOID, SOFTMAX
from skimbalance.metrics._monitors import MONITORS
from skimbalance.sampling._streams import STREAMS

ESTIMATORS = [ImbalancedMLPClassifier, ImbalancedKerasClassifier, ImbalancedSequenceClassifier]
each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)


def own_parameters(estimator):
    parameters = inspect.signature(estimator.__init__).parameters.values()
    return {p.name: p for p in parameters if p.name != "self" and p.kind is not p.VAR_KEYWORD}


@each_estimator
def test_signature_constraints_docstring_and_attributes_name_the_same_parameters(estimator):
    names = set(own_parameters(estimator))
    documented = estimator.__doc__.split("Attributes\n")[0].split("Parameters\n")[1]
    entries = re.findall(r"^    (\w+) : ", documented, re.M)
    assert sorted(entries) == sorted(names)
    assert set(estimator._parameter_constraints) == names
    assert set(vars(estimator())) == names == set(estimator().get_params())


@each_estimator
def test_defaults_in_the_docstring_are_those_of_the_signature(estimator):
    for name, parameter in own_parameters(estimator).items():
        entry = rf"^    {name} : .*?default=(.*?)\n\s"
        (shown,) = re.findall(entry, estimator.__doc__, re.M | re.S)
        assert eval(shown) == parameter.default, name


@each_estimator
def test_every_value_is_stored_as_it_is_and_cloned(estimator):
    values = {name: object() for name in own_parameters(estimator)}
    values["model" if estimator is ImbalancedKerasClassifier else "verbose"] = None
    made = estimator(**values)
    for name, value in values.items():
        assert getattr(made, name) is value
    assert set(clone(estimator(verbose=1)).get_params()) == set(values)


@pytest.mark.parametrize("estimator", [ImbalancedMLPClassifier, ImbalancedSequenceClassifier])
def test_a_name_that_is_unknown_is_refused_as_python_does(estimator):
    message = rf"{estimator.__name__}.__init__\(\) got an unexpected keyword argument 'epoch'"
    with pytest.raises(TypeError, match=message):
        estimator(epoch=3)


@shares(SharedParameters, epochs=7)
class Small:
    """An estimator.

    Parameters
    ----------
    tol : str, default="mine"
        Its own text.

    [shared parameters]
    """

    _parameter_constraints = {"tol": [str]}

    def __init__(self, **shared):
        set_shared(self, shared)


def test_what_an_estimator_states_itself_wins_over_the_table():
    assert Small.__doc__.count("    tol : ") == 1
    assert "Its own text." in Small.__doc__
    assert Small._parameter_constraints["tol"] == [str]
    assert (Small().epochs, Small(epochs=2).epochs) == (7, 2)
    assert set(vars(Small())) == set(SharedParameters.__annotations__)


class Tall(ImbalancedMLPClassifier):
    """A user's subclass with parameters of its own, and few of ours."""

    def __init__(self, depth=2, *, epochs=1):
        super().__init__((4,) * depth, epochs=epochs, class_weight=None)
        self.depth = depth


@pytest.mark.slow
def test_a_subclass_with_fewer_parameters_fits():
    X, y = np.arange(20.0)[:, None], np.arange(20) % 2
    clf = clone(Tall(depth=3)).fit(X, y)
    assert set(clf.get_params()) == {"depth", "epochs"}
    assert clf.n_iter_ == 1
    assert clf.predict(X).shape == (20,)


@pytest.mark.parametrize("name", [*SOFTMAX, *SIGMOID, *STREAMS, *MONITORS])
def test_every_choice_is_in_the_docstring(name):
    assert f'"{name}"' in ImbalancedMLPClassifier.__doc__


def test_the_groups_nest():
    rates = set(RateParameters.__annotations__)
    assert rates > set(SharedParameters.__annotations__)
    assert rates - set(SharedParameters.__annotations__) == {
        "ema_momentum",
        "learning_rate",
        "learning_rate_schedule",
        "weight_decay",
        "standardize",
    }
