"""Keras' part of a model file: known classes only, and networks of the size of their weights."""

import json
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from skimbalance.persistence._archive import first_line
from skimbalance.persistence._checks import parts_of
from skimbalance.persistence._lean import _KerasObject, callable_by_name, full_name

__all__ = ["check_networks", "unknown_keras_names", "with_keras_objects"]

# Rows of a custom network have fewer values than this.
_MOST_VALUES = 2**27


def unknown_keras_names(estimator: Any, trusted: Collection[str]) -> set[str]:
    """Full names of Keras' and custom classes in descriptions that are not known to be safe.

    Raises
    ------
    ValueError
        If a text is not a description, or the metrics are too large.
    """
    names, descriptions = set(), []
    for text, is_network in _descriptions(estimator):
        from skimbalance._keras.stored import check_metrics, has_layers, unknown_names

        description = json.loads(text)
        if not (isinstance(description, dict) and "class_name" in description):
            raise ValueError("it has a Keras object that is not named by module and class.")
        names |= unknown_names(description, trusted)
        if not (names or is_network) and has_layers(description):
            raise ValueError("it has layers of Keras outside of a network.")
        descriptions.append(description)
    if descriptions:
        check_metrics(descriptions)
    return names


def with_keras_objects(estimator: Any, trusted: Collection[str]) -> Any:
    """The estimator with Keras' objects in the place of their descriptions, all names known.

    Custom networks keep theirs, and are built when they first predict.
    """
    if next(_descriptions(estimator), None) is None:
        return estimator
    return _Restored(trusted).of(estimator)


def check_networks(estimator: Any, trusted: Collection[str], owner: str) -> None:
    """Check that networks have the weights that are stored for them, before any are allocated.

    Raises
    ------
    ValueError
        If they have others, or cannot be built.
    """
    for part in parts_of(estimator):
        if hasattr(part, "_rebuilt") and hasattr(part, "_fitted"):
            try:
                wrong = _wrong_weights(part, trusted)
            except Exception as error:
                raise ValueError(
                    f"{owner} must hold a network that can be built. Got an error instead: "
                    f"{first_line(error)}"
                ) from error
            if wrong:
                raise ValueError(
                    f"{owner} must hold weights that fit its layers. Got {wrong[0]!r} of another "
                    "shape."
                )


def _wrong_weights(part: Any, trusted: Collection[str]) -> list[str]:
    from skimbalance._keras.stored import shapes_of

    built_with, runs_code = getattr(part, "_built_with", None), False
    if built_with is not None:
        _check_rows(built_with)
        runs_code = _runs_code(built_with, trusted)
    # What is trusted may do as it likes, and a custom layer may need the values of its weights.
    expected = part._fitted_network().shapes() if runs_code else shapes_of(part._rebuilt)
    got = {name: np.asarray(weight) for name, weight in part._fitted.weights.items()}
    shapes = {name: x.shape for name, x in got.items() if x.dtype.kind in "fiub"}
    return [name for name in expected | got if expected.get(name) != shapes.get(name)]


def _check_rows(built_with: dict[str, Any]) -> None:
    """Check what is said of the rows that a custom network takes, and of what it puts out."""
    shapes, dtypes, found = built_with["shapes"], built_with["dtypes"], built_with["found"]
    if sum(np.prod(shape[1:], dtype=float) for shape in shapes) > _MOST_VALUES:
        raise ValueError(f"its rows have more than {_MOST_VALUES} values.")
    if not all(np.dtype(dtype).kind in "fiub" for dtype in dtypes):
        raise ValueError("its rows are not numbers.")
    if found.ends_in not in ("softmax", "sigmoid", "logits"):
        raise ValueError("it does not say what the network puts out.")


def _runs_code(built_with: dict[str, Any], trusted: Collection[str]) -> bool:
    """Whether trusted code builds a custom network: its function, or layers beyond the known."""
    from skimbalance._keras.stored import unknown_names

    if "description" in built_with:
        return bool(unknown_names(json.loads(built_with["description"])))
    function = built_with["params"]["model"]
    if function is None:
        return False
    named = function if callable_by_name(function) else type(function)
    if full_name(named) not in trusted:
        raise ValueError("it is built by a function that is not trusted.")
    return True


def _descriptions(estimator: Any) -> Iterator[tuple[str, bool]]:
    """Descriptions of Keras' objects, and whether each is of a custom network."""
    for part in parts_of(estimator):
        built_with = getattr(part, "_built_with", None)
        if isinstance(part, _KerasObject):
            yield part.description, False
        elif isinstance(built_with, dict) and "description" in built_with:
            yield built_with["description"], True


class _Restored:
    """Puts Keras' objects in place; the containers stay, but for tuples."""

    def __init__(self, trusted: Collection[str]):
        self._trusted = list(trusted)
        self._made: dict[int, tuple[Any, Any]] = {}

    def of(self, value: Any) -> Any:
        """What takes the place of a value."""
        if id(value) not in self._made:
            self._made[id(value)] = value, self._put(value)
        return self._made[id(value)][1]

    def _put(self, value):
        if isinstance(value, _KerasObject):
            from skimbalance._keras.stored import restored

            return restored(json.loads(value.description), self._trusted)
        if type(value) is tuple:
            return tuple(map(self.of, value))
        if isinstance(value, list):
            value[:] = map(self.of, value)
        elif isinstance(value, np.ndarray) and value.dtype == object:
            array = np.ma.getdata(value)
            for place, part in np.ndenumerate(array):
                array[place] = self.of(part)
        elif not callable_by_name(value):
            state = value if isinstance(value, dict) else getattr(value, "__dict__", {})
            state.update({name: self.of(part) for name, part in state.items()})
            built_with = state.get("_built_with")
            if isinstance(built_with, dict) and "description" in built_with:
                built_with["trusted"] = self._trusted
        return value
