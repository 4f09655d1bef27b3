"""A Keras model of the user's own, as training and prediction take networks.

What it ends in is found out, and its last activation taken off: the engine trains on logits. Its
weights are arrays by place (layer, variable), as names that Keras makes up differ from one build
to the next.
"""

import threading
from textwrap import shorten

import keras
import numpy as np

from skimbalance._engine.tensorflow.initializers import python_random_kept
from skimbalance._engine.tensorflow.layers import (
    CounterDropout,
    TwoLogits,
    copied,
    is_plain_dropout,
)
from skimbalance._engine.tensorflow.optimizers import OPTIMIZERS
from skimbalance._engine.tensorflow.program import Program, program_for
from skimbalance._fit.targets import Labels
from skimbalance._keras.inspection import (
    as_floats,
    as_graph,
    before,
    find_head,
    known_head,
    operation_of,
    outputs_of,
    packed,
    to_logits,
)
from skimbalance._keras.key import network_key

__all__ = ["KerasNetwork"]

# Rows on which outputs are looked at, and on which a copy of the model is compared with it.
PROBES = 32
COMPARED = 8

# Rows of a block where Keras itself predicts.
PREDICT_ROWS = 1024

# Rows that a processor computes at a time. A rest is computed, and rounded, otherwise: without one
# the result of a row does not depend on the rows beside it.
VECTOR = 16

# Beyond, logits are not compared: a probability next to 1 does not tell them in float32.
FAR_OUT = 10.0


class KerasNetwork:
    """A Keras model, whose weights are passed in as arrays.

    Parameters
    ----------
    model : keras.Model
        From rows to probabilities or logits; built.
    target : Classes, Labels or Steps
        What it is to learn.
    probes : tuple of ndarray
        Some rows, by input.
    keys : list of str, default=None
        Names of the inputs where the model takes a dict of them.
    takes_logits : bool, default=None
        Whether a loss that the model is compiled with takes logits; None without one.
    found : dict, default=None
        What was found out of the same model before, on other rows.
    owner : str
        Whose parameter the model is, for errors.

    Attributes
    ----------
    found : dict
        "ends_in": "softmax", "sigmoid" or "logits"; "by_keras": why Keras' own `fit` has to train
        the model, None if the engine can.

    Raises
    ------
    ValueError
        If its inputs do not fit the rows, or its outputs the target.
    """

    @staticmethod
    def decays(name):
        """Whether weight decay is for a weight: as in Keras for all."""
        return True

    def __init__(self, model, target, probes, *, keys=None, takes_logits=None, found=None, owner):
        self.model, self.target, self._keys, self._owner = model, target, keys, owner
        self._of_labels = isinstance(target, Labels)
        self._lock = threading.Lock()
        self._probes = probes = tuple(x[:PROBES] for x in probes)
        self._graph = as_graph(model, probes, keys, owner)
        self.found, self.key = found or {"by_keras": None}, None
        if found is None:
            self.found["ends_in"] = find_head(
                self._graph, self._call, probes, target, takes_logits=takes_logits, owner=owner
            )
            self.found["by_keras"] = self._why_by_keras() or self._why_no_copy()
        elif self.by_keras is None:
            self.key = self._make_key()

    @property
    def ends_in(self):
        """What the model puts out."""
        return self.found["ends_in"]

    @property
    def by_keras(self):
        """Why Keras' own `fit` has to train the model; None if the engine can."""
        return self.found["by_keras"]

    @property
    def has_single_output(self):
        """Whether it tells two classes by one output."""
        if self._of_labels or self.target.n_outputs != 2:
            return False
        outputs = self._call(self._probes) if self._graph is None else self._graph.outputs[0]
        return outputs.shape[-1] == 1

    # -- a copy for the engine --------------------------------------------------------------------

    def _why_by_keras(self):
        kind = type(self.model)
        for method in ("train_step", "compute_loss"):
            if getattr(kind, method) is not getattr(keras.Model, method):
                return f"{kind.__name__} has a {method} of its own"
        if self._graph is None:
            return f"{kind.__name__} is no functional or sequential model"
        if kind.call not in (keras.Sequential.call, type(self._graph).call):
            return f"{kind.__name__} has a call of its own"
        if any(v.constraint is not None for v in self.model.weights):
            return "a weight has a constraint"
        if any(map(_has_lambda, self._graph._flatten_layers(include_self=False))):
            return "a layer has a lambda for a function, which Keras cannot write down"
        pairs = zip(self._graph.inputs, self._probes, strict=True)
        if any(len(tensor.shape) != x.ndim for tensor, x in pairs):
            return "X has another number of axes than the model takes"
        named = self.names(self.model)
        if len({id(variable) for variable in named.values()}) < len(named):
            return "layers share a weight that their copies would not share"
        return None

    def _why_no_copy(self):
        """Why the model cannot be copied layer by layer, as the engine does; None if it can."""
        probes = tuple(_scaled(x[:COMPARED]) for x in self._probes)
        expected = np.asarray(self.to_logits(self._call(probes)))
        try:
            self.key = self._make_key()
            logits = self.forward(self.weights(), probes)
            changes = self._changes_trained_weights(probes)
        except Exception as error:
            return f"a layer cannot be copied: {shorten(str(error), 100)}"
        if changes:
            return "a layer changes trained weights in its call"
        trainable = {name for name, v in self.names(self.model).items() if v.trainable}
        if set(self._program().trainable_names) != trainable:
            return "a layer's get_config does not tell which weights are trained"
        logits, expected = self._comparable(logits), self._comparable(expected)
        if not np.allclose(logits, expected, rtol=1e-3, atol=1e-3, equal_nan=True):
            return "a layer's get_config does not tell what it does"
        return None

    def _changes_trained_weights(self, X):
        """Whether training changes such weights beside the optimizer."""
        with keras.StatelessScope() as scope:
            self.model(self.pack(as_floats(X)), training=True)
        return any(scope.get_current_value(v) is not None for v in self.model.trainable_variables)

    def _comparable(self, logits):
        """Logits as far as probabilities tell them: up to a constant, and not too far out."""
        if not self._of_labels:
            logits = logits - logits.max(axis=-1, keepdims=True)
        return np.clip(logits, -FAR_OUT, FAR_OUT)

    def _make_key(self):
        return network_key(self._graph), self.ends_in, type(self.target)

    @python_random_kept()
    def logits_network(self):
        """A copy of the model that puts out logits, one for each class or label."""
        output = self._graph.outputs[0]
        last = operation_of(output)
        takes_off = known_head(last) in ("softmax", "sigmoid")
        is_dense = isinstance(last, keras.layers.Dense)
        if takes_off and not is_dense:
            # A layer, or an operation, of the activation alone.
            output = before(output)

        def copy(layer):
            linear = takes_off and is_dense and layer is last
            return copied(layer, **({"activation": "linear"} if linear else {}))

        network = keras.Model(self._graph.input, output)
        network = keras.models.clone_model(network, clone_function=copy)
        logits = network.outputs[0]
        if self.ends_in != "logits" and not takes_off:
            logits = self.to_logits(logits)
        elif logits.shape[-1] == 1 and not self._of_labels:
            logits = TwoLogits()(logits)
        return keras.Model(network.input, logits)

    def to_logits(self, outputs):
        """Logits of the model's outputs."""
        return to_logits(outputs, self.ends_in, self._of_labels)

    # -- weights ----------------------------------------------------------------------------------

    def names(self, model):
        """The variables of the model, or of a copy, by place.

        Layers are counted, those of dropout apart: what these draw is no weight.
        """
        named = {}
        layers, dropouts = self._layers(model)
        for i, layer in enumerate(layers):
            named.update({f"{i}/{k}": v for k, v in enumerate(_variables(layer))})
        for i, layer in enumerate(dropouts):
            named.update({f"dropout_{i}/{v.name}": v for v in layer.variables})
        return named

    def _layers(self, model):
        """Layers that have weights, or draw; and the model's own plain dropout."""
        if self._graph is None:
            return [model], []
        layers = (self._graph if model is self.model else model).layers
        dropouts = [x for x in layers if is_plain_dropout(x) or isinstance(x, CounterDropout)]
        return [x for x in layers if x not in dropouts and _variables(x)], dropouts

    def weights(self):
        """Values of the weights as the model has them, by place."""
        named = self.names(self.model)
        return {name: np.asarray(v) for name, v in named.items() if "dropout" not in name}

    def start(self, rng, bias):
        """Weights before training."""
        weights = self.weights()
        if bias is not None and self._graph is not None:
            self._set_bias(weights, bias)
        return weights

    def _set_bias(self, weights, bias):
        """Let the outputs start at a bias, where the layer before them has one of zeros."""
        output = self._graph.outputs[0]
        if not isinstance(operation_of(output), keras.layers.Dense) and self._has_known_head():
            output = before(output)
        layer = operation_of(output)
        if not isinstance(layer, keras.layers.Dense) or not layer.use_bias:
            return
        name = next((n for n, v in self.names(self.model).items() if v is layer.bias), None)
        if name is None or np.any(weights[name]):
            return
        if layer.units == 1 and not self._of_labels:
            bias = bias[1:] - bias[:1]
        weights[name] = np.asarray(bias, dtype=weights[name].dtype)

    def _has_known_head(self):
        return known_head(operation_of(self._graph.outputs[0])) is not None

    def noise(self, seed):
        """Rates and seeds of dropout layers, and of others that draw, unless they have seeds."""
        rng = np.random.default_rng(seed)
        layers, dropouts = self._layers(self.model)
        state = {}
        for i, layer in enumerate(dropouts):
            drawn = rng.integers(2**31)
            state[f"dropout_{i}/rate"] = layer.rate
            state[f"dropout_{i}/seed"] = drawn if layer.seed is None else layer.seed
            state[f"dropout_{i}/step"] = 0
            if layer.seed is None:
                # As Keras itself keeps it.
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

    def _assign(self, weights):
        named = self.names(self.model)
        for name, value in weights.items():
            named[name].assign(value)

    # -- prediction -------------------------------------------------------------------------------

    def forward(self, weights, X, center=None, scale=None):
        """Logits of rows, given as a tuple of inputs."""
        if self.by_keras is None:
            program = self._program()
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
            outputs = [np.asarray(self.to_logits(self._call(block))) for block in blocks]
        return np.concatenate(outputs)

    def _program(self):
        """The compiled program for prediction, which all networks of this key share."""

        def make_optimizer(names, shapes):
            return OPTIMIZERS["sgd"]()

        def build():
            return Program(self.logits_network(), None, make_optimizer, {}, names=self.names)

        return program_for(("forward", self.key), build)

    def _call(self, X):
        return outputs_of(self.model, X, self._keys, self._owner)

    def pack(self, X):
        """Inputs as the model takes them: one, a list or a dict."""
        return packed(X, self._keys)


def _filled_up(x, dtype, n):
    """Rows of a type, and as many zeros as are wanting to `n` rows."""
    if len(x) == n:
        return np.asarray(x, dtype)
    filled = np.zeros((n, *x.shape[1:]), dtype)
    filled[: len(x)] = x
    return filled


def _has_lambda(layer):
    values = () if isinstance(layer, keras.layers.Lambda) else vars(layer).values()
    return any(getattr(value, "__name__", None) == "<lambda>" for value in values)


def _scaled(x):
    """Rows, in which no function is saturated."""
    return x / (np.abs(x).max() or 1) if x.dtype.kind == "f" else x


def _variables(layer):
    """Weights of a layer, and the states of what draws random numbers in it."""
    return [*layer.weights, *(generator.state for generator in _generators(layer))]


def _generators(layer):
    found = {
        id(value): value
        for part in layer._flatten_layers()
        for value in vars(part).values()
        if isinstance(value, keras.random.SeedGenerator)
    }
    return list(found.values())
