"""A custom Keras model, as training and prediction take networks.

Its last activation is removed, as the engine trains on logits. Its weights are arrays, keyed by
place (layer, variable), as names that Keras makes up differ from one build to the next.
"""

import copy
import threading
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import keras
import numpy as np

from skimbalance._engine.tensorflow.dropout import CounterDropout
from skimbalance._engine.tensorflow.initializers import python_random_kept
from skimbalance._engine.tensorflow.layers import TwoLogits, copied, is_plain_dropout
from skimbalance._engine.tensorflow.optimizers import OPTIMIZERS
from skimbalance._engine.tensorflow.program import Program, program_for
from skimbalance._fit.targets import Target
from skimbalance._keras.inspection import (
    as_graph,
    before,
    known_head,
    outputs_of,
    packed,
    to_logits,
)
from skimbalance._keras.key import network_key
from skimbalance._keras_private import layers_in, operation_of

__all__ = ["Found", "KerasNetwork"]

# Outputs are inspected on this many rows.
PROBES = 32

# Rows are predicted in blocks of this size where Keras itself predicts.
PREDICT_ROWS = 1024

# Rows that a processor computes at once. A remainder is computed, and rounded, differently: rows
# are filled up to a multiple, so that a row's result does not depend on the rows beside it.
VECTOR = 16


@dataclass(frozen=True)
class Found:
    """What was detected in a model.

    Parameters
    ----------
    ends_in : {"softmax", "sigmoid", "logits"}
        What the model puts out.
    by_keras : str, default=None
        Why Keras' own `fit` has to train it; None if the engine can.
    """

    ends_in: str
    by_keras: str | None = None


class KerasNetwork:
    """A Keras model with weights that are passed in as arrays: a `TrainableNetwork`.

    Parameters
    ----------
    model : keras.Model
        From rows to probabilities or logits; built.
    target : Target
        What the model learns.
    probes : tuple of ndarray
        Some rows, by input.
    found : Found
        What was detected in the model, or in another one of the same kind.
    keys : list of str, default=None
        Names of the inputs where the model takes a dict of them.
    owner : str
        Name of the estimator, for errors.

    Raises
    ------
    ValueError
        If its inputs do not fit the rows.
    """

    def __init__(
        self,
        model: Any,
        target: Target,
        probes: tuple[np.ndarray, ...],
        found: Found,
        *,
        keys: list[str] | None = None,
        owner: str,
    ):
        self.model, self.target, self.found = model, target, found
        self.probes = tuple(x[:PROBES] for x in probes)
        self.graph = as_graph(model, self.probes, keys, owner)
        self._keys, self._owner = keys, owner
        self._lock = threading.Lock()
        self.check_rows(self.probes)

    def with_found(self, found: Found) -> Self:
        """A copy of the network in which something else was detected."""
        other = copy.copy(self)
        other.found = found
        other.__dict__.pop("key", None)
        return other

    def around(self, model: Any) -> Self:
        """The same network around another model of its kind."""
        return type(self)(
            model, self.target, self.probes, self.found, keys=self._keys, owner=self._owner
        )

    @property
    def by_keras(self) -> str | None:
        """Why Keras' own `fit` has to train the model; None if the engine can."""
        return self.found.by_keras

    @cached_property
    def key(self) -> Hashable:
        """Networks of equal keys share a compiled program."""
        return network_key(self.graph), self.found.ends_in, type(self.target)

    @property
    def has_single_output(self) -> bool:
        """Whether it has a single output for two classes."""
        if not self.target.exclusive or self.target.n_outputs != 2:
            return False
        outputs = self.call(self.probes) if self.graph is None else self.graph.outputs[0]
        return outputs.shape[-1] == 1

    rate = None

    @staticmethod
    def decays(name: str) -> bool:
        """Whether weight decay applies to a weight: to all, as in Keras."""
        return True

    # A copy for the engine

    @python_random_kept()
    def logits_network(self):
        """A copy of the model that puts out logits, one for each class or label."""
        output = self.graph.outputs[0]
        last = operation_of(output)
        ends_in_activation = known_head(last) in ("softmax", "sigmoid")
        is_dense = isinstance(last, keras.layers.Dense)
        if ends_in_activation and not is_dense:
            # The last layer, or operation, is the activation alone: the copy ends before it.
            output = before(output)

        def copied_layer(layer):
            is_head = ends_in_activation and is_dense and layer is last
            return copied(layer, **({"activation": "linear"} if is_head else {}))

        network = keras.Model(self.graph.input, output)
        network = keras.models.clone_model(network, clone_function=copied_layer)
        logits = network.outputs[0]
        if self.found.ends_in != "logits" and not ends_in_activation:
            logits = self.to_logits(logits)
        elif logits.shape[-1] == 1 and self.target.exclusive:
            logits = TwoLogits()(logits)
        return keras.Model(network.input, logits)

    def to_logits(self, outputs):
        """Logits of the model's outputs."""
        return to_logits(outputs, self.found.ends_in, self.target.exclusive)

    # Weights

    def names(self, model):
        """The variables of the model, or of a copy, by place.

        Layers are numbered. Dropout layers are numbered apart: their random state is not a weight.
        """
        named = {}
        layers, dropouts = self._layers(model)
        for i, layer in enumerate(layers):
            named.update({f"{i}/{k}": v for k, v in enumerate(_variables(layer))})
        for i, layer in enumerate(dropouts):
            named.update({f"dropout_{i}/{v.name}": v for v in layer.variables})
        return named

    def _layers(self, model):
        """Layers that have weights or draw random numbers; and plain dropout layers."""
        if self.graph is None:
            return [model], []
        layers = (self.graph if model is self.model else model).layers
        dropouts = [x for x in layers if is_plain_dropout(x) or isinstance(x, CounterDropout)]
        return [x for x in layers if x not in dropouts and _variables(x)], dropouts

    def weights(self):
        """Values of the weights as the model has them, by place."""
        named = self.names(self.model)
        return {name: np.asarray(v) for name, v in named.items() if "dropout" not in name}

    def shapes(self):
        """Shapes of the weights, by place; known without their values."""
        named = self.names(self.model)
        return {name: tuple(v.shape) for name, v in named.items() if "dropout" not in name}

    def initial_weights(self, rng, bias, some_rows=None):
        """Weights before training."""
        del some_rows
        weights = self.weights()
        if bias is not None and self.graph is not None:
            self._set_bias(weights, bias)
        return weights

    def _set_bias(self, weights, bias):
        """Set the biases of the output layer, if it has biases and all of them are zero."""
        output = self.graph.outputs[0]
        if not isinstance(operation_of(output), keras.layers.Dense) and self._has_known_head():
            output = before(output)
        layer = operation_of(output)
        if not isinstance(layer, keras.layers.Dense) or not layer.use_bias:
            return
        name = next((n for n, v in self.names(self.model).items() if v is layer.bias), None)
        if name is None or np.any(weights[name]):
            return
        if layer.units == 1 and self.target.exclusive:
            bias = bias[1:] - bias[:1]
        weights[name] = np.asarray(bias, dtype=weights[name].dtype)

    def _has_known_head(self):
        return known_head(operation_of(self.graph.outputs[0])) is not None

    def noise(self, seed):
        """Rates and seeds of dropout layers, and of other random layers without seeds."""
        rng = np.random.default_rng(seed)
        layers, dropouts = self._layers(self.model)
        state = {}
        for i, layer in enumerate(dropouts):
            drawn = rng.integers(2**31)
            state[f"dropout_{i}/rate"] = layer.rate
            state[f"dropout_{i}/seed"] = drawn if layer.seed is None else layer.seed
            state[f"dropout_{i}/step"] = 0
            if layer.seed is None:
                # The form in which Keras' own dropout layer keeps its seed.
                state[f"dropout_{i}/seed_generator_state"] = np.array([drawn, 0])
        seeds = {
            id(generator.state): rng.integers(2**31)
            for layer in layers
            for generator in _generators(layer)
            if generator.get_config()["seed"] is None
        }
        for name, variable in self.names(self.model).items():
            if id(variable) in seeds:
                state[name] = np.array([seeds[id(variable)], 0])
        return state

    def models(self):
        """The model that callbacks see, and the one that Keras' `fit` trains: the same."""
        return self.model, self.model

    def show(self, weights):
        """The model with these weights."""
        with self._lock:
            self._assign(weights)
        return self.model

    def restore(self, weights):
        """Set weights in a model that never had them, and what its layers derive from them."""
        self._assign(weights)
        for layer in layers_in(self.model, include_self=False):
            if hasattr(layer, "finalize_state"):
                layer.finalize_state()

    def _assign(self, weights):
        named = self.names(self.model)
        for name, value in weights.items():
            named[name].assign(value)

    # Prediction

    def check_rows(self, X):
        """Check that inputs of integers, as of an Embedding layer, get whole numbers of their type.

        Raises
        ------
        ValueError
            If a value would be cut off.
        """
        for tensor, x in zip([] if self.graph is None else self.graph.inputs, X, strict=False):
            dtype = np.dtype(tensor.dtype)
            if dtype.kind not in "iu" or np.can_cast(x.dtype, dtype):
                continue
            with np.errstate(invalid="ignore"):
                cut_off = x.astype(dtype) != x
            if np.any(cut_off):
                raise ValueError(
                    f"The rows of {self._owner} must hold whole numbers where the model's input "
                    f"is of type {dtype.name}: round them, or change the type of the input "
                    f"{tensor.name!r}. Got {x[cut_off][0]!s} instead."
                )

    def forward(self, weights, X, center=None, scale=None):
        """Logits of rows, given as a tuple of inputs."""
        self.check_rows(X)
        if self.by_keras is None:
            program = self.prediction_program()
            params, state = program.flatten({**weights, **self.noise(0)})
            n = len(X[0])
            n_rows = n + (-n % VECTOR if program.stackable else 0)
            inputs = zip(X, program.input_dtypes, strict=True)
            rows = tuple(_filled_up(x, dtype, n_rows)[None] for x, dtype in inputs)
            return program.forward(params[None], tuple(s[None] for s in state), rows)[0, :n]
        with self._lock:
            self._assign(weights)
            starts = range(0, len(X[0]), PREDICT_ROWS)
            blocks = (tuple(x[i : i + PREDICT_ROWS] for x in X) for i in starts)
            outputs = [np.asarray(self.to_logits(self.call(block))) for block in blocks]
        return np.concatenate(outputs)

    def prediction_program(self):
        """The compiled program for prediction, which all networks of this key share."""

        def make_optimizer(names, shapes):
            return OPTIMIZERS["sgd"]()

        def build():
            return Program(self.logits_network(), None, make_optimizer, {}, names=self.names)

        return program_for(("forward", self.key), build)

    def call(self, X):
        """The outputs of the model for rows, given as a tuple of inputs."""
        return outputs_of(self.model, X, self._keys, self._owner)

    def pack(self, X):
        """Inputs as the model takes them: one, a list or a dict."""
        return packed(X, self._keys)


def _filled_up(x, dtype, n):
    """Rows of a type, padded with zeros to `n` rows."""
    if len(x) == n:
        return np.asarray(x, dtype)
    filled = np.zeros((n, *x.shape[1:]), dtype)
    filled[: len(x)] = x
    return filled


def _variables(layer):
    """Weights of a layer, and the states of what draws random numbers in it."""
    return [*layer.weights, *(generator.state for generator in _generators(layer))]


def _generators(layer):
    generators = {
        id(value): value
        for part in layers_in(layer, include_self=True)
        for value in vars(part).values()
        if isinstance(value, keras.random.SeedGenerator)
    }
    return list(generators.values())
