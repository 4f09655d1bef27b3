"""A Keras model of the user's own, as training and prediction take networks.

What it ends in is found out, and its last activation taken off: the engine trains on logits. Its
weights are arrays by place (layer, variable), as names that Keras makes up differ from one build
to the next.
"""

import json
import threading

import keras
import numpy as np

from skimbalance._engine.optimizers import OPTIMIZERS
from skimbalance._engine.program import Program, program_for
from skimbalance._engine.stand_ins import CounterDropout, TwoLogits, copied, is_plain_dropout
from skimbalance._targets import Labels

__all__ = ["KerasNetwork"]

# Rows on which outputs of unknown layers are looked at, and a copy of the model is compared.
PROBES = 32

# Rows of a block where Keras itself predicts.
PREDICT_ROWS = 1024


class KerasNetwork:
    """A Keras model, whose weights are passed in as arrays.

    Parameters
    ----------
    model : keras.Model
        From rows to probabilities or logits; built on some rows already.
    target : Classes, Labels or Steps
        What it is to learn.
    probes : tuple of ndarray
        Some rows, by input.
    keys : list of str or None
        Names of the inputs where the model takes a dict of them.
    takes_logits : bool or None
        Whether a loss that the model is compiled with takes logits; None without one.
    owner : str
        Whose parameter the model is, for errors.

    Raises
    ------
    ValueError
        If its outputs do not fit the target.
    """

    @staticmethod
    def decays(name):
        """Whether weight decay is for a weight: as in Keras for all."""
        return True

    def __init__(self, model, target, probes, *, keys=None, takes_logits=None, owner):
        self.model, self.target, self._keys, self._owner = model, target, keys, owner
        self._of_labels = isinstance(target, Labels)
        self._lock, self._assigned = threading.Lock(), None
        # The one that trained it, if any: it computes outputs, too.
        self.program = None
        self._graph = _graph(model)
        self._probes = tuple(x[:PROBES] for x in probes)
        self.ends_in = self._find_head(takes_logits)
        self._check_width()
        self.by_keras = self._why_by_keras()
        self.key = None if self._graph is None else self._make_key()
        if self.by_keras is None and self._has_foreign_layers():
            self.by_keras = self._why_no_copy()

    # -- what the model ends in ---------------------------------------------------------------

    def _find_head(self, takes_logits):
        """What it ends in: "softmax", "sigmoid" or "logits"."""
        if self._graph is not None:
            kind = _activation(_last_operation(self._graph))
            if kind is not None:
                return kind
        if takes_logits:
            return "logits"
        outputs = np.asarray(self._call(self._probes))
        if not _is_proba(outputs):
            return "logits"
        sums_to_one = outputs.shape[-1] > 1 and np.allclose(outputs.sum(axis=-1), 1, atol=1e-4)
        if sums_to_one and not self._of_labels:
            return "softmax"
        # What stays between 0 and 1 for inputs however large is no logit.
        numbers = all(x.dtype.kind == "f" and np.any(x) for x in self._probes)
        far = numbers and (tuple(x * scale for x in self._probes) for scale in (1e3, -1e3))
        if takes_logits is False or (far and all(_is_proba(self._call(X)) for X in far)):
            return "sigmoid"
        if numbers:
            return "logits"
        raise ValueError(
            f"The model of {self._owner} must end in a layer that tells whether it puts "
            "out probabilities or logits: softmax, sigmoid, or a Dense layer without activation. "
            f"Got outputs from {outputs.min():.3g} to {outputs.max():.3g} of "
            f"{self._last_name()}, which may be either."
        )

    def _last_name(self):
        if self._graph is None:
            return f"the {type(self.model).__name__}"
        return f"a layer of type {type(_last_operation(self._graph)).__name__}"

    def _check_width(self):
        shape = self._output_shape()
        n = self.target.n_outputs
        what = f"{n} labels" if self._of_labels else f"{n} classes"
        rank = 2 if self._of_labels else 2 + self.target.rank
        widths = [1, 2] if n == 2 and not self._of_labels else [n]
        if len(shape) != rank or shape[-1] not in widths:
            raise ValueError(
                f"The model of {self._owner} must have outputs of shape "
                f"{(None,) * (rank - 1) + (n,)} for {what}"
                + (" (or of width 1)" if len(widths) > 1 else "")
                + f". Got outputs of shape {shape} instead."
            )
        wrong = {
            "sigmoid": not self._of_labels and shape[-1] > 1,
            "softmax": self._of_labels or shape[-1] == 1,
            "logits": False,
        }
        if wrong[self.ends_in]:
            right = "sigmoid" if self.ends_in == "softmax" else "softmax"
            raise ValueError(
                f"The model of {self._owner} must end in {right}, or in logits, for "
                f"{what} and outputs of width {shape[-1]}. Got one that ends in {self.ends_in}."
            )

    def _output_shape(self):
        if self._graph is not None:
            return tuple(self._graph.outputs[0].shape)
        return (None, *np.shape(self._call(self._probes))[1:])

    # -- training -----------------------------------------------------------------------------

    def _why_by_keras(self):
        """Why Keras' own `fit` has to train the model; None if the engine can."""
        kind = type(self.model)
        if kind.train_step is not keras.Model.train_step:
            return f"{kind.__name__} has a train_step of its own"
        if kind.compute_loss is not keras.Model.compute_loss:
            return f"{kind.__name__} has a compute_loss of its own"
        if self._graph is None:
            return f"{kind.__name__} is no functional or sequential model"
        if any(getattr(v, "constraint", None) is not None for v in self.model.variables):
            return "a weight has a constraint"
        return None

    def _has_foreign_layers(self):
        return any(
            type(layer).__module__.split(".")[0] != "keras"
            for layer in self._graph._flatten_layers(include_self=False)
        )

    def _why_no_copy(self):
        """Why the model cannot be copied layer by layer, as the engine does; None if it can."""
        try:
            twin = self.logits_network()
        except Exception as error:
            return f"a layer cannot be copied: {str(error).strip().splitlines()[0]}"
        mine, others = self.names(self.model), self.names(twin)
        if {k: v.shape for k, v in mine.items()} != {
            k: v.shape for k, v in others.items() if k in mine
        }:
            return "a layer's get_config does not tell its weights"
        for name, variable in mine.items():
            others[name].assign(variable)
        probes = list(map(self._cast, self._probes))
        logits = [np.asarray(twin(probes if len(probes) > 1 else probes[0], training=False))]
        logits.append(np.asarray(self.to_logits(self._call(self._probes))))
        if not np.allclose(_normal(logits[0]), _normal(logits[1]), rtol=1e-3, atol=1e-4):
            return "a layer's get_config does not tell what it does"
        return None

    def _make_key(self):
        """Networks of equal keys differ in weights, initializers and dropout rates only."""
        config = _without_names(self._graph.get_config())
        layers = self._graph._flatten_layers(include_self=False)
        # Names alone would not tell two classes or functions apart, of a notebook say.
        own = tuple(
            (type(layer), getattr(layer, "activation", None), getattr(layer, "function", None))
            for layer in layers
        )
        text = json.dumps(config, sort_keys=True, default=repr)
        return text, own, self.ends_in, type(self.target)

    def logits_network(self):
        """A copy of the model that puts out logits, one for each class or label."""
        last = _last_operation(self._graph)

        def copy(layer):
            has_activation = layer is last and self.ends_in != "logits" and hasattr(layer, "units")
            return copied(layer, **({"activation": "linear"} if has_activation else {}))

        inputs, output = self._graph.inputs, self._graph.outputs[0]
        known = _activation(last) is not None
        if self.ends_in != "logits" and known and not hasattr(last, "units"):
            # A layer, or an operation, of the activation alone.
            output = last.input
        network = keras.models.clone_model(keras.Model(inputs, output), clone_function=copy)
        logits = network.outputs[0]
        if not known and self.ends_in != "logits":
            logits = self.to_logits(logits)
        elif logits.shape[-1] == 1 and not self._of_labels:
            logits = TwoLogits()(logits)
        return keras.Model(network.inputs, logits)

    def to_logits(self, outputs):
        """Logits of the model's outputs."""
        tiny = np.finfo("float32").tiny
        if self.ends_in == "softmax":
            return keras.ops.log(keras.ops.maximum(outputs, tiny))
        if self.ends_in == "sigmoid":
            outputs = keras.ops.log(keras.ops.maximum(outputs, tiny)) - keras.ops.log(
                keras.ops.maximum(1 - outputs, tiny)
            )
        if self._of_labels or outputs.shape[-1] > 1:
            return outputs
        return keras.ops.concatenate([keras.ops.zeros_like(outputs), outputs], axis=-1)

    def names(self, model):
        """The variables of the model, or of a copy, by place; without those of dropout."""
        named = {}
        graph = self._graph if model is self.model else _graph(model)
        for i, layer in enumerate(_layers(model, graph)):
            if isinstance(layer, CounterDropout):
                named.update({f"{i}/{v.name}": v for v in layer.variables})
            elif not is_plain_dropout(layer):
                named.update({f"{i}/{k}": v for k, v in enumerate(layer.variables)})
        return named

    def start(self, rng, bias):
        """Weights before training.

        Those that an initializer without a seed drew, and nobody changed, are drawn anew.
        """
        redrawn = {}
        for layer in self.model._flatten_layers(include_self=False):
            unseeded = [v for v in vars(layer).values() if _is_unseeded(v)]
            for variable in layer.variables if unseeded else ():
                if id(variable) not in redrawn:
                    value = _redrawn(variable, unseeded, rng)
                    if value is not None:
                        redrawn[id(variable)] = value
        named = self.names(self.model)
        weights = {name: redrawn.get(id(v), np.asarray(v)) for name, v in named.items()}
        if bias is not None:
            self._set_bias(weights, named, bias)
        return weights

    def _set_bias(self, weights, named, bias):
        """Let the outputs start at a bias, where they have one that is still zero."""
        width = self._output_shape()[-1]
        if self._graph is None:
            return
        last = next((x for x in reversed(self._graph.layers) if x.variables), None)
        variable = getattr(last, "bias", None)
        name = next((n for n, v in named.items() if v is variable), None)
        feeds_outputs = getattr(last, "units", None) == width
        if name is None or not feeds_outputs or np.any(weights[name]):
            return
        if width == 1 and not self._of_labels:
            bias = bias[1:] - bias[:1]
        weights[name] = np.asarray(bias, dtype=weights[name].dtype)

    def noise(self, seed):
        """Rates and seeds of dropout layers, and of others that draw, unless they have seeds."""
        rng = np.random.default_rng(seed)
        state = {}
        for i, layer in enumerate(_layers(self.model, self._graph)):
            if is_plain_dropout(layer):
                drawn = rng.integers(2**32)
                state[f"{i}/rate"] = layer.rate
                state[f"{i}/seed"] = drawn if layer.seed is None else layer.seed
                state[f"{i}/step"] = 0
        generators = {
            id(value.state): rng.integers(2**31)
            for layer in self.model._flatten_layers(include_self=False)
            if getattr(layer, "seed", None) is None and not is_plain_dropout(layer)
            for value in vars(layer).values()
            if isinstance(value, keras.random.SeedGenerator)
        }
        for name, variable in self.names(self.model).items():
            if id(variable) in generators:
                state[name] = np.array([generators[id(variable)], 0])
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
        if self._assigned is not weights:
            for name, variable in self.names(self.model).items():
                variable.assign(weights[name])
            self._assigned = weights

    # -- prediction ---------------------------------------------------------------------------

    def forward(self, weights, X, center=None, scale=None):
        """Logits of rows, given as a tuple of inputs."""
        if self.by_keras is None:
            program = self.program or program_for(("forward", self.key), self._forward_program)
            state = {**weights, **self.noise(0)}
            params, state = program.flatten(state)
            rows = tuple(
                np.asarray(x, dtype)[None] for x, dtype in zip(X, program.input_dtypes, strict=True)
            )
            return program.forward(params[None], tuple(s[None] for s in state), rows)[0]
        with self._lock:
            self._assign(weights)
            starts = range(0, len(X[0]), PREDICT_ROWS)
            blocks = (tuple(x[i : i + PREDICT_ROWS] for x in X) for i in starts)
            outputs = [np.asarray(self.to_logits(self._call(block))) for block in blocks]
        return np.concatenate(outputs)

    def _forward_program(self):
        def make_optimizer(names, shapes):
            return OPTIMIZERS["sgd"]()

        return Program(self.logits_network(), None, make_optimizer, {}, names=self.names)

    def _call(self, X):
        packed = self.pack(tuple(map(self._cast, X)))
        return keras.ops.convert_to_tensor(self.model(packed, training=False))

    def pack(self, X):
        """Inputs as the model takes them: one, a list or a dict."""
        if self._keys is not None:
            return dict(zip(self._keys, X, strict=True))
        return X[0] if len(X) == 1 else list(X)

    @staticmethod
    def _cast(x):
        return x.astype(keras.config.floatx()) if x.dtype.kind == "f" else x


def _is_proba(outputs):
    outputs = np.asarray(outputs)
    return np.all((outputs >= 0) & (outputs <= 1))


def _normal(logits):
    """Logits less their largest: of probabilities they are known up to a constant."""
    return np.maximum(logits - logits.max(axis=-1, keepdims=True), -60)


def _graph(model):
    """The model as one functional graph; None if it is none."""
    if not isinstance(model, keras.Sequential | keras.Model) or not getattr(model, "inputs", None):
        return None
    try:
        return keras.Model(model.inputs, model.outputs)
    except ValueError:
        return None


def _layers(model, graph):
    """The layers that have weights, or draw, in an order that copies share."""
    layers = model._flatten_layers(include_self=False, recursive=False)
    layers = layers if graph is None else graph.layers
    return [x for x in layers if x.variables or is_plain_dropout(x)]


def _last_operation(graph):
    return graph.outputs[0]._keras_history.operation


def _activation(operation):
    """What an operation ends in, if it is one of the known ones, else None."""
    name = type(operation).__name__
    if name in ("Softmax", "Sigmoid"):
        return name.lower()
    if not isinstance(operation, keras.layers.Dense | keras.layers.Activation):
        return None
    function = getattr(operation, "activation", None)
    for kind in ("softmax", "sigmoid"):
        if function is getattr(keras.activations, kind):
            return kind
    if isinstance(operation, keras.layers.Dense) and function in (None, keras.activations.linear):
        return "logits"
    return None


def _without_names(config):
    """A config in which layers have numbers for names, and no initializers or dropout rates."""
    numbers = {}

    def walk(value, key=None):
        if isinstance(value, dict):
            is_value = {"rate", "seed"} if "noise_shape" in value else ()
            return {
                k: walk(v, k)
                for k, v in value.items()
                if not k.endswith("_initializer") and k not in is_value
            }
        if isinstance(value, list | tuple):
            if key in ("keras_history", "input_layers", "output_layers") and len(value) == 3:
                first = value[0]
                if isinstance(first, str):
                    return [number(first), *value[1:]]
            return [walk(v, key) for v in value]
        return number(value) if key == "name" and isinstance(value, str) else value

    def number(name):
        return numbers.setdefault(name, len(numbers))

    return walk(config)


def _is_unseeded(value):
    return isinstance(value, keras.initializers.Initializer) and (
        getattr(value, "_init_seed", 0) is None
    )


def _redrawn(variable, initializers, rng):
    """The variable drawn anew, if one of these initializers drew it as it is; else None."""
    value = np.asarray(variable)
    for initializer in initializers:
        try:
            drawn = np.asarray(initializer(variable.shape, dtype=variable.dtype))
        except (TypeError, ValueError):
            # It is for another variable, of another rank.
            continue
        if np.array_equal(drawn, value):
            config = {**initializer.get_config(), "seed": int(rng.integers(2**31))}
            new = type(initializer).from_config(config)
            return np.asarray(new(variable.shape, dtype=variable.dtype))
    return None
