"""Keras objects as descriptions in plain JSON, and back: only known classes, and trusted ones.

A description is Keras' own config. Each class and function in it is named by its full public name,
and is looked up by that name alone: whatever else is registered with Keras is out of reach.
"""

import copy
import inspect
import json
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from typing import Any

import keras
import numpy as np

from skimbalance._engine.tensorflow.initializers import python_random_kept
from skimbalance._keras.inspection import as_floats, packed
from skimbalance._keras_private import layers_in

__all__ = [
    "check_described",
    "check_metrics",
    "described",
    "has_layers",
    "restored",
    "restored_model",
    "shapes_of",
    "unknown_names",
]

Description = dict[str, Any]
Rows = tuple[np.ndarray, ...]

# Left out of Keras' layers are those that run code of the file (Lambda, TorchModuleWrapper, ...),
# open other files (TFSMLayer, StringLookup, ...), or keep what they have learnt outside of their
# weights (TextVectorization).
LAYERS = """
    Activation ActivityRegularization Add AdditiveAttention AlphaDropout Attention Average
    AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
    AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D AveragePooling1D
    AveragePooling2D AveragePooling3D BatchNormalization Bidirectional CategoryEncoding
    CenterCrop Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose
    ConvLSTM1D ConvLSTM2D ConvLSTM3D Cropping1D Cropping2D Cropping3D Dense DepthwiseConv1D
    DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense Embedding Flatten GRU GRUCell
    GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D
    GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
    GroupNormalization GroupQueryAttention Identity InputLayer LSTM LSTMCell LayerNormalization
    LeakyReLU Masking MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum MultiHeadAttention
    Multiply Normalization PReLU Permute RMSNormalization RNN RandomBrightness RandomContrast
    RandomCrop RandomFlip RandomRotation RandomTranslation RandomZoom ReLU RepeatVector
    Rescaling Reshape Resizing SeparableConv1D SeparableConv2D SimpleRNN SimpleRNNCell Softmax
    SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization StackedRNNCells
    Subtract TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D
    ZeroPadding1D ZeroPadding2D ZeroPadding3D
"""
NAMES = frozenset(
    {
        "keras.DTypePolicy",
        "keras.Sequential",
        "keras.src.models.functional.Functional",
        "skimbalance.networks._embeddings.Cut",
        *(f"keras.layers.{name}" for name in LAYERS.split()),
        *(f"keras.callbacks.{n}" for n in ("EarlyStopping", "ReduceLROnPlateau", "TerminateOnNaN")),
    }
)
LAMBDA = "keras.layers.Lambda"

# Modules whose public classes and functions are all plain computations.
FUNCTIONS = ("activations", "losses", "metrics", "initializers", "regularizers", "constraints")
MODULES = frozenset(
    {
        *(f"keras.{name}" for name in (*FUNCTIONS, "optimizers", "optimizers.schedules")),
        "skimbalance.losses",
        "skimbalance.networks",
    }
)
OPERATIONS = frozenset(f"keras.src.ops.{name}" for name in ("linalg", "math", "nn", "numpy"))
OURS = {
    "skimbalance._losses.": "skimbalance.losses",
    "skimbalance.networks.": "skimbalance.networks",
}

# What Keras writes for values that JSON lacks.
VALUES = {"__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__slice__", "__ellipsis__"}

# A metric has arrays of the size that it is told, such as AUC's thresholds, or of its square: this
# size at most, and the squares of all metrics add up to no more than that of one.
MOST_IN_METRIC = 4096


def described(value: Any) -> Description:
    """The description of a Keras object, class or function.

    Raises
    ------
    TypeError
        If it has no config that JSON can hold.
    """
    if inspect.isclass(value) or inspect.isfunction(value):
        kind = "class" if inspect.isclass(value) else "function"
        module, _, name = _public_name(value).rpartition(".")
        return {"module": module, "class_name": kind, "config": name}
    if isinstance(value, keras.callbacks.Callback):
        names = inspect.signature(type(value)).parameters
        config = {name: getattr(value, name) for name in names if hasattr(value, name)}
        config |= {"min_delta": abs(config["min_delta"])} if "min_delta" in config else {}
        description = {"class_name": type(value).__name__, "config": config}
        return json.loads(json.dumps({"module": "keras.callbacks", **description}))
    config = keras.saving.serialize_keras_object(value)
    description = _with_functions(json.loads(json.dumps(config)), _functions_of(value))
    for node in _nodes(description):
        node.pop("compile_config", None)
        module = node.get("module", "")
        ours = [public for private, public in OURS.items() if str(module).startswith(private)]
        if ours and node["class_name"] in _public(ours[0]):
            node["module"] = ours[0]
        elif module is None:
            node["module"] = "__main__"
    return description


def unknown_names(description: Any, trusted: Collection[str] = ()) -> set[str]:
    """Full names of the classes and functions in a description that are not known to be safe.

    Raises
    ------
    ValueError
        If it is not a description, or computes when it is built.
    """
    names = set()
    registered = keras.saving.get_custom_objects()
    for node in _nodes(description):
        name = _name(node)
        if not all(map(_is_symbolic, node.get("inbound_nodes", []))):
            raise ValueError("it has a layer that is called on numbers alone.")
        if name is not None and name not in trusted and not (_is_known(name) and _is_lean(node)):
            names.add(name)
    # Keras takes a text for the object that is registered by it.
    texts = {part for part in _leaves(description) if isinstance(part, str)}
    return names | (texts & set(registered)) - set(trusted)


def check_metrics(descriptions: Any) -> None:
    """Check that the arrays of all metrics together are small.

    Raises
    ------
    ValueError
        If they are not.
    """
    total = 0
    for node in _nodes(descriptions):
        if str(_name(node)).startswith("keras.metrics."):
            sizes = [abs(part) for part in _leaves(node["config"]) if isinstance(part, int)]
            total += max(sizes, default=0) ** 2
    if total > MOST_IN_METRIC**2:
        raise ValueError(
            f"it has a metric with a size beyond {MOST_IN_METRIC}, or too many large ones."
        )


def restored(description: Description, trusted: Collection[str] = ()) -> Any:
    """The Keras object of a description, or its class or function.

    Raises
    ------
    ValueError
        If it names what is neither known nor trusted.
    """
    unknown = sorted(unknown_names(description, trusted))
    if unknown:
        raise ValueError(f"it has Keras objects that are not known: {', '.join(unknown)}.")
    check_metrics(description)
    description, custom = copy.deepcopy(description), {}
    top = str(_name(description))
    if description["class_name"] in ("class", "function"):
        return _imported(top)
    if top.startswith("keras.callbacks."):
        return _imported(top)(**description["config"])
    for node in _nodes(description):
        node.pop("compile_config", None)
        name, is_function = _name(node), node["class_name"] == "function"
        if name is None or node["class_name"] == "__lambda__":
            continue
        if not name.startswith("keras."):
            custom[name] = _imported(name)
            node["config"] = name if is_function else node["config"]
            node["registered_name"] = name
        else:
            node["registered_name"] = node["config"] if is_function else None
    with python_random_kept():
        return keras.saving.deserialize_keras_object(
            description, custom_objects=custom, safe_mode=LAMBDA not in trusted
        )


def restored_model(
    description: Description, trusted: Collection[str], X: Rows, keys: list[str] | None
) -> Any:
    """The model of a description, with other weights.

    Custom layers may have hidden from Keras what they put out: a call then builds those after them.
    """
    model = restored(description, trusted)
    if unknown_names(description) and not getattr(model, "inputs", None):
        model(packed(as_floats(X), keys), training=False)
    return model


def check_described(
    description: Description, network: Any, rows: Rows, keys: list[str] | None
) -> None:
    """Check that a model's description gives a model of the same weights and outputs.

    Parameters
    ----------
    description : dict
        What `described` says of ``network.model``.
    network : KerasNetwork
        The network around the model, which has the fitted weights.
    rows : tuple of ndarray
        Some rows, by input.
    keys : list of str or None
        Names of the inputs where the model takes a dict of them.

    Raises
    ------
    ValueError
        If it does not.
    """
    model = restored_model(description, unknown_names(description), rows, keys)
    other = network.around(model)
    weights = network.weights()
    expected = {name: np.shape(value) for name, value in weights.items()}
    if {name: np.shape(value) for name, value in other.weights().items()} != expected:
        raise ValueError("its config gives other weights.")
    other.restore(weights)
    outputs, again = np.asarray(network.call(rows)), np.asarray(other.call(rows))
    if not np.allclose(outputs, again, rtol=1e-5, atol=1e-6, equal_nan=True):
        raise ValueError("its config gives other outputs.")


def shapes_of(build: Callable[[], Any]) -> dict[str, tuple[int, ...]]:
    """Shapes of the weights of the network that a function builds, which are not allocated.

    Keras notes weights without values for the thread that made them: a thread of their own forgets
    them.
    """

    def shapes():
        with keras.StatelessScope(initialize_variables=False), python_random_kept():
            return build().shapes()

    with ThreadPoolExecutor(1) as executor:
        return executor.submit(shapes).result()


def _nodes(part: Any) -> Iterator[dict[str, Any]]:
    """The parts of a description that name a class or a function, the innermost first."""
    if isinstance(part, dict | list):
        for inner in part.values() if isinstance(part, dict) else part:
            yield from _nodes(inner)
    if isinstance(part, dict) and "class_name" in part:
        yield part


def _leaves(part: Any) -> Iterator[Any]:
    """Numbers and texts in a description, but for names."""
    if isinstance(part, dict):
        named = {"class_name", "module", "name", "registered_name"}
        named |= {"config"} if part.get("class_name") in ("class", "function") else set()
        for key, inner in part.items():
            if not (key in named and isinstance(inner, str)):
                yield from _leaves(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _leaves(inner)
    else:
        yield part


def _name(node: dict[str, Any]) -> str | None:
    """The full name of what a part of a description stands for; None for a value."""
    kind, module = node["class_name"], node.get("module")
    if kind == "__lambda__":
        return LAMBDA
    if module is None and isinstance(kind, str) and kind in VALUES:
        return None
    name = node.get("config") if kind in ("class", "function") else kind
    if not (isinstance(name, str) and isinstance(module, str) and "config" in node):
        raise ValueError("it has a Keras object that is not named by module and class.")
    if kind == "function" and module == "builtins":
        module = next((m for m in FUNCTIONS if name in _public(f"keras.{m}")), None)
        module = "builtins" if module is None else f"keras.{module}"
    return f"{module}.{name}"


def has_layers(description: Description) -> bool:
    """Whether a description has layers, which may allocate weights when they are made."""
    starts = ("keras.layers.", "keras.Sequential", "keras.src.", "skimbalance.networks.")
    return any(str(_name(node)).startswith(starts) for node in _nodes(description))


def _is_symbolic(part: Any) -> bool:
    """Whether a call has an output of another layer; Keras computes others at once, at any size."""
    if isinstance(part, dict) and "class_name" in part:
        return bool(part["class_name"] == "__keras_tensor__")
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return any(map(_is_symbolic, inner))


def _is_lean(node: dict[str, Any]) -> bool:
    """Whether a part makes no arrays beside its weights, of a size that these do not show."""
    config = node["config"] if isinstance(node["config"], dict) else {}
    has_constants = node["class_name"] == "Normalization" and config.get("mean") is not None
    return not (config.get("stateful") or has_constants)


def _is_known(name: str) -> bool:
    module, _, last = name.rpartition(".")
    if name in NAMES:
        return True
    if module in OPERATIONS:
        kind = vars(import_module(module)).get(last)
        return inspect.isclass(kind) and issubclass(kind, keras.Operation)
    return module in MODULES and last in _public(module)


@cache
def _public(module: str) -> frozenset[str]:
    """Names of the public classes and functions of a module."""
    parts = vars(import_module(module)).items()
    names = {name for name, part in parts if inspect.isclass(part) or inspect.isfunction(part)}
    return frozenset(n for n in names if n not in ("get", "serialize", "deserialize"))


def _public_name(value: Any) -> str:
    """The full name of a class or function, the public one of Keras' and of this package's."""
    if value.__module__.startswith(("keras.", *OURS)):
        for module in (*sorted(MODULES), "keras.callbacks"):
            for name in sorted(_public(module)):
                if getattr(import_module(module), name) is value:
                    return f"{module}.{name}"
    return f"{value.__module__}.{value.__qualname__}"


def _imported(name: str) -> Any:
    module, _, last = name.rpartition(".")
    return getattr(import_module(module), last)


def _functions_of(value: Any) -> dict[str, Any]:
    """Custom functions within a Keras object, by the names that Keras writes for them."""
    parts = (
        layers_in(value, include_self=True) if isinstance(value, keras.layers.Layer) else [value]
    )
    functions = [v for part in parts for v in vars(part).values() if inspect.isfunction(v)]
    return {
        keras.saving.get_registered_name(function): function
        for function in functions
        if not function.__module__.startswith("keras.") and function.__name__ != "<lambda>"
    }


def _with_functions(part: Any, functions: dict[str, Any]) -> Any:
    """A description with the modules of custom functions, which Keras leaves out."""
    if isinstance(part, list):
        return [_with_functions(inner, functions) for inner in part]
    if not isinstance(part, dict):
        return part
    function = (
        functions.get(str(part.get("config"))) if part.get("class_name") == "function" else None
    )
    if function is not None:
        module, _, name = _public_name(function).rpartition(".")
        return {"module": module, "class_name": "function", "config": name}
    return {key: _with_functions(inner, functions) for key, inner in part.items()}
