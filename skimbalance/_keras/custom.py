"""A custom model as a network: detects what it ends in, and whether the engine can train it.

The engine trains a copy, made layer by layer from the layers' configs. If the copy would differ
from the model, Keras' own `fit` trains the model, and the reason is kept in words.
"""

from textwrap import shorten
from typing import Any

import keras
import numpy as np

from skimbalance._fit.targets import Target
from skimbalance._keras.inspection import as_floats, check_precision, find_head
from skimbalance._keras.network import Found, KerasNetwork
from skimbalance._keras_private import layers_in

__all__ = ["custom_network"]

# A copy is compared with the model on this many rows.
COMPARED = 8

# Logits beyond this are not compared: float32 probabilities near 1 cannot resolve them.
FAR_OUT = 10.0


def custom_network(
    model: Any,
    target: Target,
    probes: tuple[np.ndarray, ...],
    *,
    keys: list[str] | None,
    takes_logits: bool | None,
    owner: str,
) -> KerasNetwork:
    """The network around a custom model.

    Parameters
    ----------
    model : keras.Model
        From rows to probabilities or logits; built.
    target : Target
        What the model learns.
    probes : tuple of ndarray
        Some rows, by input.
    keys : list of str or None
        Names of the inputs where the model takes a dict of them.
    takes_logits : bool or None
        Whether a loss that the model is compiled with takes logits; None without one.
    owner : str
        Name of the estimator, for errors.

    Raises
    ------
    ValueError
        If its inputs do not fit the rows, its outputs do not fit the target, or its layers compute
        in mixed precision.
    """
    for layer in layers_in(model, include_self=True):
        check_precision(layer.dtype_policy)
    # Until detection, the outputs are taken for logits.
    provisional = KerasNetwork(model, target, probes, Found("logits"), keys=keys, owner=owner)
    ends_in = find_head(
        provisional.graph,
        provisional.call,
        provisional.probes,
        target,
        takes_logits=takes_logits,
        owner=owner,
    )
    network = provisional.with_found(Found(ends_in))
    why = _why_by_keras(network) or _why_no_copy(network)
    return network if why is None else network.with_found(Found(ends_in, why))


def _why_by_keras(network):
    """Why the model is of a kind that only Keras can train; None if it is not."""
    model, kind, graph = network.model, type(network.model), network.graph
    for method in ("train_step", "compute_loss"):
        if getattr(kind, method) is not getattr(keras.Model, method):
            return f"{kind.__name__} overrides {method}"
    if graph is None:
        return f"{kind.__name__} is not a functional or sequential model"
    if kind.call not in (keras.Sequential.call, type(graph).call):
        return f"{kind.__name__} overrides call"
    if any(v.constraint is not None for v in model.weights):
        return "a weight has a constraint"
    if any(map(_has_lambda, layers_in(graph, include_self=False))):
        return "a layer uses a lambda, which Keras cannot serialize"
    pairs = zip(graph.inputs, network.probes, strict=True)
    if any(len(tensor.shape) != x.ndim for tensor, x in pairs):
        return "X has another number of axes than the model's inputs"
    named = network.names(model)
    if len({id(variable) for variable in named.values()}) < len(named):
        return "layers share a weight that their copies would not share"
    return None


def _why_no_copy(network):
    """Why the model cannot be copied layer by layer, as the engine does; None if it can."""
    probes = tuple(_scaled(x[:COMPARED]) for x in network.probes)
    expected = np.asarray(network.to_logits(network.call(probes)))
    try:
        logits = network.forward(network.weights(), probes)
        changes = _changes_trained_weights(network, probes)
    except Exception as error:
        return f"a layer cannot be copied: {shorten(str(error), 100)}"
    if changes:
        return "a layer changes trained weights in its call"
    trainable = {name for name, v in network.names(network.model).items() if v.trainable}
    if set(network.prediction_program().trainable_names) != trainable:
        return "a layer's get_config does not say which weights are trained"
    logits, expected = (_comparable(z, network.target.exclusive) for z in (logits, expected))
    if not np.allclose(logits, expected, rtol=1e-3, atol=1e-3, equal_nan=True):
        return "a copy made from get_config has other outputs"
    return None


def _changes_trained_weights(network, X):
    """Whether a call in training changes trained weights, as only the optimizer should."""
    with keras.StatelessScope() as scope:
        network.model(network.pack(as_floats(X)), training=True)
    return any(scope.get_current_value(v) is not None for v in network.model.trainable_variables)


def _comparable(logits, exclusive):
    """Logits as far as probabilities determine them: up to a constant, and not too far out."""
    if exclusive:
        logits = logits - logits.max(axis=-1, keepdims=True)
    return np.clip(logits, -FAR_OUT, FAR_OUT)


def _has_lambda(layer):
    values = () if isinstance(layer, keras.layers.Lambda) else vars(layer).values()
    return any(getattr(value, "__name__", None) == "<lambda>" for value in values)


def _scaled(x):
    """Rows of size 1 at most, so that activations do not saturate."""
    return x / (np.abs(x).max() or 1) if x.dtype.kind == "f" else x
