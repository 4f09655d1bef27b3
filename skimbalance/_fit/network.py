"""The contracts of a network, and of what turns rows into its inputs."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Protocol, Self

import numpy as np

__all__ = ["Network", "RowEncoder", "TrainableNetwork"]

Weights = dict[str, np.ndarray]


class Network(Protocol):
    """A network that gets its weights as arrays, by name.

    `skimbalance._fit.perceptron.Architecture` is a network without Keras,
    `skimbalance._keras.network.KerasNetwork` one around a Keras model.
    """

    def initial_weights(
        self,
        rng: np.random.Generator,
        bias: np.ndarray | None,
        some_rows: Callable[[np.random.Generator], np.ndarray] | None = None,
    ) -> Weights:
        """Weights before training.

        `bias`, if given, holds the biases of the output layer; ``some_rows(rng)`` gives training
        rows as the network sees them.
        """

    def forward(
        self,
        weights: Weights,
        X: Any,
        center: np.ndarray | None = None,
        scale: np.ndarray | None = None,
    ) -> np.ndarray:
        """Logits of raw rows; the layers see ``(X - center) / scale`` unless these are None."""


class RowEncoder(Protocol):
    """What turns rows into the inputs of a network, learnt from training rows.

    `skimbalance.preprocessing._encoder.TableEncoder` is one.

    Attributes
    ----------
    n_outputs : int
        Number of inputs of the network.
    n_numbers, n_binned : int
        Number of these inputs that are numbers, the first ones, and that are positions in bins,
        the last ones.
    n_codes : tuple of int
        Number of codes of each input that holds codes of levels; these come before the positions.
    is_plain : bool
        Whether rows without missing values are encoded as ``(X - center) / scale``, or stay as
        they are where these are None.
    center, scale : ndarray of shape (n_features,) or None
        Mean and deviation of the columns of numbers; None without standardisation.
    """

    @property
    def n_outputs(self) -> int: ...

    @property
    def n_numbers(self) -> int: ...

    @property
    def n_binned(self) -> int: ...

    @property
    def n_codes(self) -> tuple[int, ...]: ...

    @property
    def is_plain(self) -> bool: ...

    @property
    def center(self) -> np.ndarray | None: ...

    @property
    def scale(self) -> np.ndarray | None: ...

    def transform(self, X: np.ndarray) -> np.ndarray:
        """The inputs of the network for a block of rows, of shape (n_rows, n_outputs)."""

    def updated(self, X: np.ndarray, index: np.ndarray, weight: np.ndarray | None) -> Self:
        """An encoder whose means and deviations are also those of further rows."""

    def comparable(self, X: np.ndarray) -> np.ndarray:
        """Rows for samplers: the same columns, finite, and numbers with the same unit."""

    def restored(self, X: np.ndarray) -> np.ndarray:
        """Raw rows, from rows for samplers."""


class TrainableNetwork(Protocol):
    """A network as training takes it: `Perceptron` or `KerasNetwork` of `skimbalance._keras`.

    Attributes
    ----------
    key : hashable
        Networks of equal keys share a compiled program.
    by_keras : str or None
        Why Keras' own `fit` has to train it; None if the engine can.
    has_single_output : bool
        Whether it has a single output for two classes.
    rate : callable or None
        Function from the name of a weight to the factor of its learning rate; None is 1 for all.
    """

    rate: Callable[[str], float] | None
    key: Hashable
    by_keras: str | None
    has_single_output: bool

    def logits_network(self) -> Any:
        """A Keras network that puts out logits, for a program, which ignores its weights."""

    def names(self, model: Any) -> Mapping[str, Any]:
        """The variables of a Keras model of this network, by the names of the weights."""

    def decays(self, name: str) -> float:
        """Whether weight decay applies to the weight of this name; or a factor of the decay."""

    def noise(self, seed: int) -> dict[str, Any]:
        """Rates and seeds of the layers that draw random numbers, kept among the weights."""

    def models(self) -> tuple[Any, Any]:
        """The Keras model that callbacks see, and the one that Keras' `fit` trains."""

    def to_logits(self, outputs: Any) -> Any:
        """Logits, from the outputs of the model that Keras' `fit` trains."""

    @property
    def pack(self) -> Callable[[tuple[Any, ...]], Any]:
        """Function from a tuple of inputs to the form in which that model takes them."""
