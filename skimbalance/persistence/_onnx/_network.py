"""The multi-layer perceptron, and what encodes its rows, as nodes of a graph."""

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto

from skimbalance._fit.embedding import embedding_width
from skimbalance._fit.perceptron import _SELU_ALPHA, _SELU_SCALE, NORMALIZATION_EPSILON
from skimbalance._fit.plan import Fitted
from skimbalance.persistence._onnx._graph import Graph, Value
from skimbalance.persistence._onnx._rows import Rows
from skimbalance.preprocessing._encoder import LARGEST, SMOOTH_LIMIT

__all__ = ["perceptron_logits"]


def perceptron_logits(graph: Graph, fitted: Fitted, rows: Rows) -> Value:
    """Logits of a fitted perceptron, rounded as its own are."""
    network: Any = fitted.network
    weights = fitted.weights
    x = _inputs(graph, fitted, rows)
    for i, (name, _, _) in enumerate(network.dense_layers()):
        kernel, bias = (graph.weights(weights[f"{name}/{kind}"]) for kind in ("kernel", "bias"))
        x = graph.op("Gemm", x, kernel, bias)
        if name == "logits":
            break
        if network.normalization is not None:
            x = _normalized(graph, network.normalization, weights, i, x)
        x = _activated(graph, network.activation, weights, i, x)
    if weights["logits/kernel"].dtype == np.float32:
        x = graph.double(graph.cast(x, TensorProto.FLOAT))
    return x


# Inputs of the first dense layer


def _inputs(graph, fitted, rows):
    network, encoder, weights = fitted.network, fitted.encoder, fitted.weights
    if encoder is None:
        numbers = filled = rows.matrix
        features = numbers
    else:
        raw = rows.matrix.columns(encoder.numbers) if rows.codes else rows.matrix
        numbers, filled = _numbers(graph, encoder, raw)
        features = graph.concat([numbers, *_others(graph, encoder, raw, rows)])
    parts = [features]
    if network.n_codes:
        parts.insert(0, _level_vectors(graph, network, encoder, weights, rows))
    if network.n_embedded and network.embedding == "piecewise_linear":
        parts.insert(0, _piecewise_linear(graph, encoder.bins, weights, filled))
    elif network.n_embedded:
        columns = numbers.columns(np.arange(network.n_embedded))
        parts.insert(0, _periodic(graph, weights, columns))
    x = graph.concat(parts)
    return x * graph.weights(weights["scale/scale"]) if network.ntk else x


def _numbers(graph, encoder, raw):
    """The columns of numbers, standardised; and without gaps only."""
    filled = graph.op("Where", graph.op("IsNaN", raw), encoder.fill, raw)
    rows = filled if encoder.center is None else (filled - encoder.center) / encoder.scale
    if encoder.smooth:
        rows = graph.op("Min", graph.op("Max", rows, -LARGEST), LARGEST)
        rows = rows / graph.op("Sqrt", (rows / SMOOTH_LIMIT) * (rows / SMOOTH_LIMIT) + 1.0)
    return rows, filled


def _others(graph, encoder, raw, rows):
    """Flags of missing numbers, and one-hot levels."""
    parts = []
    if len(encoder.flagged):
        parts.append(graph.double(graph.op("IsNaN", raw.columns(encoder.flagged))))
    end = encoder.n_outputs - encoder.n_binned - len(encoder.n_codes)
    start = len(encoder.numbers) + len(encoder.flagged)
    ends = np.cumsum(encoder.n_levels + 2)
    for k, (j, places) in enumerate(
        zip(encoder.categories, np.split(encoder.places, ends)[: len(ends)], strict=True)
    ):
        # The output of a column that was constant is always 0, and goes with the next column.
        stop = end if k == len(ends) - 1 else max(start, places.max(initial=-1) + 1)
        if stop > start:
            place = graph.op("Gather", places.astype(np.int64), rows.codes[j])
            parts.append(graph.double(graph.op("Equal", place, np.arange(start, stop))))
        start = stop
    return parts


def _level_vectors(graph, network, encoder, weights, rows):
    """Vectors of the levels of categories with many levels."""
    coded = [(j, of) for j, of in zip(encoder.categories, encoder.codes, strict=True) if len(of)]
    firsts = np.cumsum(network.n_codes) - np.array(network.n_codes)
    places = [
        graph.op("Gather", (of + first).astype(np.int64), rows.codes[j])
        for (j, of), first in zip(coded, firsts, strict=True)
    ]
    vectors = graph.op("Gather", graph.weights(weights["levels/vectors"]), graph.concat(places))
    return graph.reshape(vectors, -1, len(coded) * weights["levels/vectors"].shape[1])


def _piecewise_linear(graph, bins, weights, filled):
    """The value at the edge below each number, and a share of the step to the next edge."""
    kernel = weights["embedding/kernel"].astype(float)
    n_columns, n_bins, units = kernel.shape
    knots = np.split(bins.edges, bins.ends)[:n_columns]
    number, share = graph.among(filled.columns(bins.columns), knots)
    place = number + np.arange(n_columns) * n_bins
    at_edge = (np.cumsum(kernel, axis=1) - kernel).reshape(-1, units)
    step = graph.op("Gather", kernel.reshape(-1, units), place)
    value = step * graph.op("Unsqueeze", share, np.array([2])) + graph.op("Gather", at_edge, place)
    value = value + weights["embedding/bias"]
    return graph.reshape(value, -1, embedding_width("piecewise_linear", n_columns))


def _periodic(graph, weights, columns):
    """Cosines of each number, and a linear map of each column."""
    frequency, phase, kernel, bias = (
        weights[f"embedding/{name}"].astype(float)
        for name in ("frequency", "phase", "kernel", "bias")
    )
    by_column = graph.op("Unsqueeze", graph.op("Transpose", columns, perm=[1, 0]), np.array([2]))
    angles = by_column * (2 * np.pi * frequency)[:, None] + phase[:, None]
    values = graph.op("Cos", angles) @ kernel
    values = graph.op("Transpose", values, perm=[1, 0, 2]) + bias
    return graph.reshape(values, -1, embedding_width("periodic", len(bias)))


# Hidden layers


def _normalized(graph, kind, weights, i, x):
    """Batch or layer normalization."""
    of = {
        name.partition("/")[2]: value.astype(float)
        for name, value in weights.items()
        if name.startswith(f"norm_{i}/")
    }
    if kind == "batch":
        factor = of["gamma"] / np.sqrt(of["moving_variance"] + NORMALIZATION_EPSILON)
        return x * factor + (of["beta"] - factor * of["moving_mean"])
    n_units = float(len(of["gamma"]))
    x = x - graph.total(x) / n_units
    variance = graph.total(x * x) / n_units
    return x / graph.op("Sqrt", variance + NORMALIZATION_EPSILON) * of["gamma"] + of["beta"]


def _activated(graph, name, weights, i, x):
    if name == "parametric_selu":
        slope = graph.weights(weights[f"activation_{i}/slope"])
        return x + slope * (_selu(graph, x) - x)
    return _ACTIVATIONS[name](graph, x)


def _elu(graph, x, alpha=1.0):
    negative = graph.op("Exp", graph.op("Min", x, 0.0)) - 1.0
    return graph.op("Relu", x) + negative * alpha


def _selu(graph, x):
    return _elu(graph, x, _SELU_ALPHA) * _SELU_SCALE


def _gelu(graph, x):
    # ONNX Runtime has the error function in float32 only.
    root = graph.cast(x * np.sqrt(0.5), TensorProto.FLOAT)
    return 0.5 * x * (graph.double(graph.op("Erf", root)) + 1.0)


# The activations of `skimbalance._fit.perceptron`.
_ACTIVATIONS: dict[str, Callable[[Graph, Value], Value]] = {
    "relu": lambda graph, x: graph.op("Relu", x),
    "leaky_relu": lambda graph, x: graph.op("Max", x, x * 0.2),
    "elu": _elu,
    "selu": _selu,
    "gelu": _gelu,
    "silu": lambda graph, x: x * graph.op("Sigmoid", x),
    "softplus": lambda graph, x: graph.softplus(x),
    "tanh": lambda graph, x: graph.op("Tanh", x),
    "sigmoid": lambda graph, x: graph.op("Sigmoid", x),
    "linear": lambda graph, x: x,
}
