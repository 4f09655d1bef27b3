"""The contract of a network: what planning and prediction ask of it, and what training asks."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Protocol

import numpy as np

__all__ = ["Network", "TrainableNetwork"]

Weights = dict[str, np.ndarray]


class Network(Protocol):
    """A network whose weights are arrays by name, and passed in.

    `skimbalance._fit.perceptron.Architecture` is one without Keras,
    `skimbalance._keras.network.KerasNetwork` one around a Keras model.
    """

    def initial_weights(self, rng: np.random.Generator, bias: np.ndarray | None) -> Weights:
        """Weights before training; with these biases of the outputs, unless None."""

    def forward(
        self,
        weights: Weights,
        X: Any,
        center: np.ndarray | None = None,
        scale: np.ndarray | None = None,
    ) -> np.ndarray:
        """Logits of raw rows; the network sees ``(X - center) / scale`` unless these are None."""


class TrainableNetwork(Protocol):
    """A network as training takes it: `Perceptron` or `KerasNetwork` of `skimbalance._keras`.

    Attributes
    ----------
    key : hashable
        Networks of equal keys share a compiled program.
    by_keras : str or None
        Why Keras' own `fit` has to train it; None if the engine can.
    has_single_output : bool
        Whether it tells two classes by one output.
    """

    key: Hashable
    by_keras: str | None
    has_single_output: bool

    def logits_network(self) -> Any:
        """A Keras network to logits, for a program: its weights do not matter."""

    def names(self, model: Any) -> Mapping[str, Any]:
        """The variables of a Keras model of this network, by the names of the weights."""

    def decays(self, name: str) -> bool:
        """Whether weight decay applies to the weight of this name."""

    def noise(self, seed: int) -> dict[str, Any]:
        """Rates and seeds of all that draws random numbers in training, as weights."""

    def models(self) -> tuple[Any, Any]:
        """The Keras model that callbacks see, and the one that Keras' `fit` trains."""

    def to_logits(self, outputs: Any) -> Any:
        """Logits of the outputs of the trained model."""

    @property
    def pack(self) -> Callable[[tuple[Any, ...]], Any]:
        """Function of a tuple of inputs to what the trained model takes."""
