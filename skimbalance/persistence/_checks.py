"""What the types of a model's parts do not tell: that it is fitted, whole, and of one shape."""

import reprlib
from collections.abc import Iterator, Mapping
from inspect import Parameter, isclass, isroutine, signature
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

__all__ = ["add_missing_parameters", "check_estimator", "check_kind", "check_parts", "parts_of"]


def check_kind(value: Any, owner: str) -> None:
    """Check that a value is an estimator, fitted or not."""
    if isinstance(value, type) or not hasattr(value, "fit"):
        raise ValueError(
            f"{owner} must hold a fitted estimator. Got {reprlib.repr(value)} instead."
        )


def check_estimator(value: Any, owner: str) -> None:
    """Check that a value is a fitted estimator."""
    check_kind(value, owner)
    try:
        check_is_fitted(value)
    except NotFittedError:
        raise NotFittedError(
            f"{owner} must hold a fitted estimator. Got one that is not fitted: call 'fit' first."
        ) from None


def parts_of(estimator: Any) -> Iterator[Any]:
    """The parts of an estimator at any depth, each once."""
    seen: dict[int, Any] = {}
    waiting = [estimator]
    while waiting:
        part = waiting.pop()
        if id(part) in seen or isclass(part) or isroutine(part):
            continue
        seen[id(part)] = part
        yield part
        if isinstance(part, np.ndarray):
            waiting += part.ravel().tolist() if part.dtype == object else []
        elif isinstance(part, list | tuple | set):
            waiting += part
        else:
            waiting += _attributes(part).values()


def check_parts(estimator: Any, owner: str) -> None:
    """Check what the types alone do not tell: shapes of networks, and states of generators."""
    for part in parts_of(estimator):
        if isinstance(part, np.random.RandomState):
            _check_generator(part, owner)
        attributes = _attributes(part)
        if hasattr(attributes.get("network"), "dense_layers"):
            _check_shapes(attributes, owner)
        wrong = part.wrong_parts() if hasattr(part, "wrong_parts") else []
        if wrong:
            raise ValueError(f"{owner} must hold whole trees. Got other {wrong[0]!r}.")


def _attributes(part: Any) -> dict[str, Any]:
    return part if isinstance(part, dict) else getattr(part, "__dict__", {})


def add_missing_parameters(estimator: Any) -> None:
    """Give this package's estimators the defaults of parameters that are younger than the file."""
    for part in parts_of(estimator):
        is_ours = type(part).__module__.startswith("skimbalance.")
        if is_ours and isinstance(part, BaseEstimator):
            for name, parameter in signature(type(part)).parameters.items():
                if parameter.default is not Parameter.empty:
                    vars(part).setdefault(name, parameter.default)


def _check_generator(generator: np.random.RandomState, owner: str) -> None:
    """Check that the next number is one of those that the generator has: NumPy does not."""
    state: Any = generator.get_state(legacy=False)
    if not 0 <= state["state"].get("pos", 0) <= 624:  # the length of a Mersenne twister
        raise ValueError(f"{owner} must hold random generators in a state that exists.")


def _check_shapes(state: Mapping[str, Any], owner: str) -> None:
    """Check that the weights of a multi-layer perceptron fit its layers."""
    network, encoder = state["network"], state["encoder"]
    got = {name: np.shape(weight) for name, weight in state["weights"].items()}
    # The kernels first: they say how large all weights are, before such are made to compare.
    expected = {f"{name}/kernel": shape for name, *shape in network.dense_layers()}
    wrong = [name for name, shape in expected.items() if list(got.get(name, ())) != shape]
    if sum(network.n_codes) > sum(np.prod(shape) for shape in got.values()):
        wrong += ["n_codes"]
    if not wrong:
        weights = network.initial_weights(np.random.default_rng(0), None)
        expected = {name: np.shape(weight) for name, weight in weights.items()}
        wrong = [name for name in expected | got if expected.get(name) != got.get(name)]
    if encoder is not None and not wrong:
        wrong = encoder.wrong_shapes(network.n_features)
        wrong += ["n_codes"] * (encoder.n_codes != network.n_codes)
    if wrong:
        raise ValueError(
            f"{owner} must hold weights that fit its layers. Got {wrong[0]!r} of another shape."
        )
