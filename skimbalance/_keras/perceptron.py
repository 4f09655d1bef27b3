"""The multi-layer perceptron as a Keras network."""

from collections.abc import Hashable
from typing import cast

import keras
import numpy as np

from skimbalance._engine.tensorflow.program import paths
from skimbalance._fit.perceptron import Architecture
from skimbalance._fit.plan import Fitted
from skimbalance.networks import mlp

__all__ = ["Perceptron"]


class Perceptron:
    """The multi-layer perceptron, as a `TrainableNetwork`.

    Parameters
    ----------
    fitted : Fitted
        Shape and weights of the network.
    dropout : float
        Rate of the dropout layers.
    exclusive : bool, default=True
        Whether the outputs exclude each other: probabilities are their softmax, else a sigmoid
        each.
    """

    by_keras: str | None = None
    has_single_output = False
    names = staticmethod(paths)
    to_logits = staticmethod(lambda outputs: outputs)
    pack = staticmethod(lambda X: X[0])

    def __init__(self, fitted: Fitted, dropout: float, exclusive: bool = True):
        self._fitted, self._dropout, self._exclusive = fitted, dropout, exclusive
        self._architecture = cast(Architecture, fitted.network)
        self.key: Hashable = self._architecture
        self.decays = self._architecture.decays
        self.rate = self._architecture.rate if self._architecture.ntk else None

    def logits_network(self):
        """A Keras network that puts out logits; only its shape matters."""
        return _network(self._architecture, 0.5)

    def noise(self, seed):
        """Rate and seed of each dropout layer, as `CounterDropout` keeps them."""
        n_layers = len(self._architecture.hidden_layer_sizes)
        state = {}
        for i, layer_seed in enumerate(np.random.default_rng(seed).integers(2**32, size=n_layers)):
            state[f"dropout_{i}/rate"] = self._dropout
            state[f"dropout_{i}/seed"] = layer_seed
            state[f"dropout_{i}/step"] = 0
        return state

    def models(self):
        """The model that callbacks see, and the one to train, from encoded rows to logits."""
        model = self.model()
        inputs = model.inputs[0]
        if any(layer.name == "standardize" for layer in model.layers):
            inputs = model.get_layer("standardize").output
        return model, keras.Model(inputs, model.get_layer("logits").output)

    def model(self):
        """A plain Keras model, from raw rows or, for mixed tables, encoded ones."""
        fitted = self._fitted
        network = _network(self._architecture, self._dropout)
        if self._exclusive:
            to_proba = keras.layers.Softmax(name="probabilities")
        else:
            to_proba = keras.layers.Activation("sigmoid", name="probabilities")
        encoder = fitted.encoder
        inputs, logits = network.inputs[0], network.outputs[0]
        if encoder is not None and encoder.is_plain and encoder.scale is not None:
            # Fresh layers, as layers in two models have two outputs, also that called "logits".
            layers = [type(layer).from_config(layer.get_config()) for layer in network.layers[1:]]
            standardize = keras.layers.Normalization(
                mean=encoder.center, variance=np.square(encoder.scale), name="standardize"
            )
            logits = inputs = keras.Input((self._architecture.n_features,), name="features")
            standardize.build(inputs.shape)
            # As tensors, they would become further inputs of an ONNX file.
            standardize.mean = np.asarray(standardize.mean)
            standardize.variance = np.asarray(standardize.variance)
            for layer in (standardize, *layers):
                logits = layer(logits)
        model = keras.Model(inputs, to_proba(logits), name="imbalanced_mlp")
        model(np.zeros((1, self._architecture.n_features)))  # Keras exports what was called
        return self.show(model)

    def show(self, model):
        """The model that `model` built, with the fitted weights."""
        for variable in model.variables:
            if variable.path in self._fitted.weights:
                variable.assign(self._fitted.weights[variable.path])
        return model


def _network(architecture, dropout):
    return mlp(
        architecture.n_features,
        architecture.n_outputs,
        hidden_layer_sizes=architecture.hidden_layer_sizes,
        activation=architecture.activation,
        normalization=architecture.normalization,
        dropout=dropout if architecture.dropout else 0.0,
        embedding=architecture.embedding,
        n_embedded=architecture.n_embedded,
        n_codes=architecture.n_codes,
        scale=architecture.ntk,
        seed=0,
    )
