"""Multi-layer perceptrons that return logits."""

from collections.abc import Callable, Sequence

import keras
import numpy as np

from skimbalance.networks._embeddings import (
    Cut,
    LevelEmbedding,
    ParametricSELU,
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
    Scale,
)
from skimbalance.networks._parts import dense, dropped, layer_seeds, normalized

__all__ = ["mlp", "residual_mlp"]


def mlp(
    n_features: int,
    n_outputs: int,
    *,
    hidden_layer_sizes: int | Sequence[int] = (128, 64),
    activation: str | Callable = "relu",
    normalization: str | None = None,
    dropout: float = 0.0,
    embedding: str | None = None,
    n_embedded: int = 0,
    n_codes: Sequence[int] = (),
    scale: bool = False,
    seed: int | None = None,
) -> keras.Model:
    """Multi-layer perceptron that returns logits.

    Each hidden layer is a dense layer, then normalization, activation and dropout.

    Parameters
    ----------
    n_features : int
        Number of input columns.
    n_outputs : int
        Number of logits: one for each class.
    hidden_layer_sizes : int or sequence of int, default=(128, 64)
        Units of each hidden layer; empty for a linear model.
    activation : str or callable, default="relu"
        Activation of the hidden layers: any activation of Keras, or "parametric_selu".
    normalization : {None, "batch", "layer"}, default=None
        Normalization before the activation of each hidden layer.
    dropout : float in [0, 1), default=0.0
        Share of the activations of each hidden layer that training drops.
    embedding : {None, "piecewise_linear", "periodic"}, default=None
        Embedding of numbers: `PiecewiseLinearEmbedding` of the last `n_embedded` inputs, which are
        positions, beside the other inputs; or `PeriodicEmbedding` of the first `n_embedded`
        inputs, beside all inputs.
    n_embedded : int, default=0
        Number of embedded inputs.
    n_codes : sequence of int, default=()
        Number of codes of each input that holds levels of a category: the last inputs, but before
        positions. They get a `LevelEmbedding`.
    scale : bool, default=False
        Whether a `Scale` layer comes before the first dense layer.
    seed : int, default=None
        Seed of the initial weights and of the dropout; by default Keras draws one.

    Returns
    -------
    model : keras.Model
        Model that maps (batch, n_features) to logits (batch, n_outputs); not compiled.

    Examples
    --------
    >>> from skimbalance.networks import mlp
    >>> model = mlp(20, 3, hidden_layer_sizes=(64,), seed=0)
    >>> model.output_shape
    (None, 3)
    """
    sizes = np.atleast_1d(np.asarray(hidden_layer_sizes, dtype=int)).tolist()
    seeds = layer_seeds(seed)
    inputs = keras.Input((n_features,), name="features")
    x = inputs
    if n_embedded or n_codes:
        x = _embedded(inputs, embedding if n_embedded else None, n_embedded, n_codes)
    if scale:
        x = Scale(name="scale")(x)
    for i, units in enumerate(sizes):
        x = dense(units, next(seeds), f"hidden_{i}")(x)
        x = normalized(x, normalization, f"norm_{i}")
        x = _activated(x, activation, f"activation_{i}")
        x = dropped(x, dropout, next(seeds), f"dropout_{i}")
    outputs = dense(n_outputs, next(seeds), "logits")(x)
    return keras.Model(inputs, outputs, name="mlp")


def residual_mlp(
    n_features: int,
    n_outputs: int,
    *,
    width: int = 128,
    n_blocks: int = 2,
    activation: str | Callable = "relu",
    normalization: str | None = "layer",
    dropout: float = 0.0,
    seed: int | None = None,
) -> keras.Model:
    """Residual network for tables that returns logits: each block corrects its input.

    A dense layer maps the columns to `width` numbers. Each block adds
    ``dropout(dense(dropout(activation(dense(normalization(x))))))`` to its input ``x``; the logits
    are ``dense(activation(normalization(x)))`` [1]_. The sum lets gradients of rare rows reach the
    first layer through any number of blocks.

    Parameters
    ----------
    n_features : int
        Number of input columns.
    n_outputs : int
        Number of logits: one for each class.
    width : int, default=128
        Units of every dense layer except the last.
    n_blocks : int, default=2
        Number of blocks.
    activation : str or callable, default="relu"
        Activation of the hidden layers: any activation of Keras.
    normalization : {None, "batch", "layer"}, default="layer"
        Normalization at the start of each block and before the last activation. The paper uses
        "batch"; "layer" does not depend on the other rows of a batch, which are mostly of the
        frequent classes.
    dropout : float in [0, 1), default=0.0
        Share of the activations, and of the corrections, of each block that training drops.
    seed : int, default=None
        Seed of the initial weights and of the dropout; by default Keras draws one.

    Returns
    -------
    model : keras.Model
        Model that maps (batch, n_features) to logits (batch, n_outputs); not compiled.

    Raises
    ------
    ValueError
        If `normalization` has another value.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, V. Khrulkov, A. Babenko. "Revisiting Deep Learning Models
       for Tabular Data." NeurIPS 2021. arXiv:2106.11959

    Examples
    --------
    >>> from skimbalance.networks import residual_mlp
    >>> model = residual_mlp(20, 3, width=64, seed=0)
    >>> model.output_shape
    (None, 3)
    """
    if normalization not in (None, "batch", "layer"):
        raise ValueError(
            "The 'normalization' parameter of residual_mlp must be None, 'batch' or 'layer'. "
            f"Got {normalization!r} instead."
        )
    seeds = layer_seeds(seed)
    inputs = keras.Input((n_features,), name="features")
    x = dense(width, next(seeds), "projection")(inputs)
    for i in range(n_blocks):
        y = normalized(x, normalization, f"norm_{i}")
        y = dense(width, next(seeds), f"hidden_{i}")(y)
        y = keras.layers.Activation(activation, name=f"activation_{i}")(y)
        y = dropped(y, dropout, next(seeds), f"dropout_{i}")
        y = dense(width, next(seeds), f"correction_{i}")(y)
        y = dropped(y, dropout, next(seeds), f"correction_dropout_{i}")
        x = keras.layers.Add(name=f"sum_{i}")([x, y])
    x = normalized(x, normalization, "norm")
    x = keras.layers.Activation(activation, name="activation")(x)
    outputs = dense(n_outputs, next(seeds), "logits")(x)
    return keras.Model(inputs, outputs, name="residual_mlp")


def _activated(x, activation, name):
    if isinstance(activation, str) and activation == "parametric_selu":
        return ParametricSELU(name=name)(x)
    return keras.layers.Activation(activation, name=name)(x)


def _embedded(inputs, embedding, n_embedded, n_codes):
    """The embeddings of some inputs, and the inputs that are features."""
    n_inputs = inputs.shape[-1]
    is_binned = embedding == "piecewise_linear"
    end = n_inputs - n_embedded if is_binned else n_inputs
    n_plain = end - len(n_codes)

    def part(name, start, stop):
        return Cut(start, stop, name=name)(inputs)

    parts = []
    if is_binned:
        parts.append(PiecewiseLinearEmbedding(name="embedding")(part("positions", end, n_inputs)))
    elif embedding is not None:
        parts.append(PeriodicEmbedding(name="embedding")(part("numbers", 0, n_embedded)))
    if n_codes:
        parts.append(LevelEmbedding(n_codes, name="levels")(part("codes", n_plain, end)))
    parts.append(part("plain", 0, n_plain))
    return keras.layers.Concatenate(name="embedded")(parts)
