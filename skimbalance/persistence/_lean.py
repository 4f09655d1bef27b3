"""The copy of an estimator that a file holds: only what predictions and later fits need."""

import copy
import inspect
import json
import os
from collections.abc import Collection
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from skimbalance._validation import labels_and_values
from skimbalance.persistence._archive import first_line

__all__ = ["callable_by_name", "full_name", "lean"]

# Where scikit-learn's estimators keep what `set_fit_request` and its like asked for.
_REQUESTS = "_metadata_request"

# And what `set_callbacks` set, which no prediction needs.
_CALLBACKS = "_skl_callbacks"

# How attributes begin that hold something for each training row, which no prediction needs.
_OF_TRAINING_ROWS = "oof_"

# Packages whose objects are looked into.
_OPEN = ("sklearn.", "imblearn.", "skimbalance.")

# Keras' callbacks that only look on and stop. They have no config, but attributes that tell all.
_CALLBACKS_OF_KERAS = ("EarlyStopping", "ReduceLROnPlateau", "TerminateOnNaN")

# Where Keras' classes and functions, and this package's of the same kind, are defined.
_KERAS = ("keras.", "skimbalance._losses.")


class _Pairs:
    """Stands in a file for a dict whose keys are not all text; calling the class makes the dict.

    The format keeps keys as text, and would read False back as True.
    """

    __module__ = "skimbalance.persistence"  # its name in files, wherever it stands

    _items: dict[Any, Any]

    def __new__(cls, keys, values):
        """Return a dict."""
        return dict(zip(keys, values, strict=True))

    @classmethod
    def of(cls, items: dict[Any, Any]) -> "_Pairs":
        """The stand-in of a dict."""
        pairs = object.__new__(cls)
        pairs._items = items
        return pairs

    def __reduce__(self):
        return _Pairs, (list(self._items), list(self._items.values()))


class _KerasObject:
    """Stands in a file for an object of Keras, or its class or function.

    Parameters
    ----------
    description : dict
        What `skimbalance._keras.stored.described` says of it.
    """

    __module__ = "skimbalance.persistence"

    def __init__(self, description: dict[str, Any]):
        self.description = json.dumps(description)


class _NotInFile:
    """Takes the place of the function that builds a custom network.

    Parameters
    ----------
    name : str
        Its full name.
    """

    __module__ = "skimbalance.persistence"

    def __init__(self, name: str):
        self.name = name

    def __repr__(self):
        return f"<{self.name}, which is not in the model file>"

    def __call__(self, **kwargs: Any) -> Any:
        """Say that there is no function.

        Raises
        ------
        ValueError
            Always.
        """
        raise ValueError(
            "The 'model' parameter of ImbalancedKerasClassifier must be set again before a fit, as "
            "a model file holds the network and not the function that builds it: "
            f"set_params(model=...). Got the name of a function, {self.name!r}, instead."
        )


def lean(value: Any, trusted: Collection[str] = ()) -> Any:
    """A copy to store: samplers unfitted, nothing of training rows, dicts with keys of any type.

    A Series or a DataFrame, which this package reads by its labels, becomes a dict by label; an
    object of Keras its config; and a function that builds a network its name, unless it is trusted.
    """
    return _Copies(trusted).of(value)


class _Copies:
    """Copies of objects, one for each, so that what stands in two places is stored once."""

    def __init__(self, trusted: Collection[str]):
        self._trusted = trusted
        self._made: dict[int, tuple[Any, Any]] = {}

    def of(self, value: Any) -> Any:
        """The copy of an object."""
        if id(value) not in self._made:
            # The object is kept, too, so that no other gets its number.
            self._made[id(value)] = value, self._copy(value)
        return self._made[id(value)][1]

    def _copy(self, value):
        if type(value) in (list, tuple):
            return type(value)(map(self.of, value))
        if type(value) is dict:
            items = {key: self.of(part) for key, part in value.items()}
            return items if all(type(key) is str for key in items) else _Pairs.of(items)
        if isinstance(value, Bunch):
            return Bunch(**{key: self.of(part) for key, part in value.items()})
        if _is_of_keras(value):
            return _described(value)
        if hasattr(value, "iloc"):
            return self.of(dict(zip(*labels_and_values(value), strict=True)))
        if isinstance(value, os.PathLike):
            return os.fspath(value)
        if isinstance(value, np.ndarray) and value.dtype == object:
            return self._array(value)
        if hasattr(value, "fit_resample") and not hasattr(value, "steps"):
            return type(value)(**self.of(value.get_params(deep=False)))
        is_open = type(value).__module__.startswith(_OPEN) and hasattr(value, "__dict__")
        is_plain = callable_by_name(value) or isinstance(value, dict | np.ndarray)
        return self._object(value) if is_open and not is_plain else value

    def _array(self, value):
        new = value.copy()
        for place, part in np.ndenumerate(np.ma.getdata(value)):
            np.ma.getdata(new)[place] = self.of(part)
        return new

    def _object(self, value):
        new = copy.copy(value)
        state = vars(new)
        for name in [*state]:
            if name in (_REQUESTS, _CALLBACKS) or name.startswith(_OF_TRAINING_ROWS):
                del state[name]
        if "checkpoint" in state:
            state["checkpoint"] = None  # a file must not say where a fit writes
        if hasattr(value, "_rebuilt") and "model" in state:
            state.update(self._network(value))
        state.update({name: self.of(part) for name, part in state.items()})
        return new

    def _network(self, value):
        """What takes the place of a custom network's function, and of what it was built with."""
        function = value.model
        name = full_name(function) if callable_by_name(function) else ""
        built_with = getattr(value, "_built_with", {})
        if name in self._trusted and "description" not in built_with:
            return {}
        is_left_out = not (name in self._trusted or isinstance(function, _NotInFile | None))
        new: dict[str, Any] = {}
        if is_left_out:
            new["model"] = _NotInFile(name or type(function).__name__)
        if built_with:
            kept = {k: built_with[k] for k in ("shapes", "dtypes", "found")}
            description = built_with.get("description") or _network_described(value, name)
            new["_built_with"] = {**kept, "description": description}
        return new


def _described(value: Any) -> _KerasObject:
    from skimbalance._keras.stored import described

    try:
        return _KerasObject(described(value))
    except Exception as error:
        raise TypeError(str(error)) from error


def _network_described(value: Any, name: str) -> str:
    try:
        return value._description()
    except Exception as error:
        can_trust = name and "<" not in name
        remedy = f", or trust the function that builds it: trusted={[name]!r}" if can_trust else ""
        raise ValueError(
            f"The network of {type(value).__name__} must be one that its config describes, to be "
            f"stored in a model file. Got one that it does not: {first_line(error).rstrip('.')}: "
            f"give its layers a 'get_config' that holds all that they are made of{remedy}."
        ) from error


def callable_by_name(value: Any) -> bool:
    """Whether a value is a class or a function."""
    return inspect.isclass(value) or inspect.isroutine(value)


def full_name(value: Any) -> str:
    """Module and name of a class or a function."""
    return f"{value.__module__}.{value.__qualname__}"


def _is_of_keras(value: Any) -> bool:
    """Whether a value is an object of Keras, or a class or function of its kind."""
    if callable_by_name(value):
        return str(getattr(value, "__module__", "")).startswith(_KERAS)
    names = [kind.__module__ for kind in type(value).__mro__]
    if not any(name.startswith("keras.") for name in names):
        return False
    is_plain = names[0].startswith("keras.") and type(value).__name__ in _CALLBACKS_OF_KERAS
    return hasattr(value, "get_config") or is_plain
