"""Keys of networks: networks of equal keys may share a compiled program."""

import hashlib
import inspect
import json
from types import CodeType

import keras
import numpy as np

from skimbalance._engine.tensorflow.layers import is_plain_dropout
from skimbalance._keras_private import layers_in

__all__ = ["names_in", "network_key"]

# Methods that Keras wraps for each layer.
WRAPPED = ("build", "quantize")


def network_key(graph):
    """A hashable key of a functional model.

    Models of equal keys compute the same, apart from the values of their weights and the rates
    and seeds of their stock dropout layers. Names do not matter.

    Parameters
    ----------
    graph : keras.Model
        A functional model. The ``get_config`` of its layers must work, and only a ``Lambda`` layer
        may have a lambda.

    Returns
    -------
    key : hashable
        It keeps the classes and functions of the model alive, so that no other object can come
        to the address of one of them.
    """
    operations = list(_operations(graph))
    config = graph.get_config()
    del config["name"]
    for entry, operation in zip(config["layers"], graph.operations, strict=True):
        if is_plain_dropout(operation):
            del entry["config"]["rate"], entry["config"]["seed"]
    config = _without_names(config, {operation.name for operation in operations})
    text = json.dumps(config, sort_keys=True)
    # The text has only names of classes and functions; in a notebook two may have one name.
    return text, tuple((type(operation), *_parts(operation)) for operation in operations)


def _operations(model):
    """Layers and other operations of a functional model, and those within them."""
    for operation in model.operations:
        yield operation
        if isinstance(operation, keras.layers.Layer):
            for layer in layers_in(operation, include_self=False):
                yield layer
                yield from _not_layers(layer)
            yield from _not_layers(operation)


def _not_layers(layer):
    operations = getattr(layer, "operations", ())
    return [x for x in operations if not isinstance(x, keras.layers.Layer)]


def _parts(operation):
    """Functions and classes that an operation is made of, by attribute."""
    for name, value in sorted(vars(operation).items()):
        if name in WRAPPED:
            continue
        for part in _leaves(value):
            if inspect.isroutine(part):
                yield name, _value(part)
            elif hasattr(part, "get_config") and not isinstance(
                part, keras.initializers.Initializer
            ):
                yield name, type(part)


def _leaves(value):
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list | tuple):
        return [value]
    return [leaf for part in value for leaf in _leaves(part)]


def _without_names(config, names):
    """A config with numbers for the names of layers, and without initializers."""
    numbers: dict[str, int] = {}

    def number(name):
        return numbers.setdefault(name, len(numbers)) if name in names else name

    def walk(value, is_stock=True):
        if isinstance(value, dict):
            if "module" in value:
                is_stock = str(value["module"]).split(".")[0] == "keras"
            # A custom layer may use an initializer for anything.
            return {
                key: number(part) if key == "name" else walk(part, is_stock)
                for key, part in value.items()
                if not (is_stock and key.endswith("_initializer"))
            }
        if isinstance(value, list | tuple):
            # A link: name of a layer, number of the call, number of the output.
            if len(value) == 3 and isinstance(value[0], str) and isinstance(value[1], int):
                return [number(value[0]), *value[1:]]
            return [walk(part, is_stock) for part in value]
        return value

    return walk(config)


def _value(value, within=()):
    """Something hashable that is equal for equal values only."""
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return type(value), value
    if isinstance(value, tuple | list):
        return type(value), tuple(_value(part, within) for part in value)
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind != "O":
        digest = hashlib.blake2b(np.ascontiguousarray(value).data).digest()
        return type(value), value.dtype.str, value.shape, digest
    if inspect.isfunction(value) and value not in within:
        return _of_function(value, (*within, value))
    return _ByIdentity(value)


def _of_function(function, within):
    """The code of a function, and the values of all that it refers to.

    A function within a build function is another object in each build.
    """
    scope = function.__globals__
    refers_to = {name: scope[name] for name in names_in(function.__code__) if name in scope}
    values = (
        function.__defaults__,
        tuple(sorted((function.__kwdefaults__ or {}).items())),
        tuple(_content(cell) for cell in function.__closure__ or ()),
    )
    local = tuple(_value(part, within) for part in values)
    shallow = tuple(
        (name, _ByIdentity(part) if inspect.isfunction(part) else _value(part, within))
        for name, part in sorted(refers_to.items())
    )
    return function.__code__, local, shallow


def names_in(code: CodeType) -> set[str]:
    """Names of globals, and perhaps of attributes, in some code and the functions in it."""
    inner = [part for part in code.co_consts if isinstance(part, CodeType)]
    return set(code.co_names).union(*map(names_in, inner))


def _content(cell):
    try:
        return cell.cell_contents
    except ValueError:
        # Not assigned yet.
        return None


class _ByIdentity:
    """A value in a key that is equal to itself only."""

    def __init__(self, value):
        self._value = value

    def __eq__(self, other):
        return isinstance(other, _ByIdentity) and self._value is other._value

    def __hash__(self):
        return id(self._value)
