"""Keras networks that return logits."""

import keras
import numpy as np

__all__ = ["mlp"]


def mlp(
    n_features,
    n_outputs,
    *,
    hidden_layer_sizes=(128, 64),
    activation="relu",
    normalization=None,
    dropout=0.0,
    seed=None,
):
    """Multi-layer perceptron: dense layer, normalization, activation, dropout; then logits.

    Parameters
    ----------
    n_features : int
        Columns of the input.
    n_outputs : int
        Number of logits: one a class.
    hidden_layer_sizes : int or sequence of int, default=(128, 64)
        Units of each hidden layer; empty for a linear model.
    activation : str or callable, default="relu"
        Any activation of Keras.
    normalization : {None, "batch", "layer"}, default=None
        Before the activation of each hidden layer.
    dropout : float in [0, 1), default=0.0
        Share of the activations of each hidden layer that is dropped in training.
    seed : int, default=None
        Seed of the initial weights and of the dropout. By default Keras draws one.

    Returns
    -------
    model : keras.Model
        From (batch, n_features) to logits (batch, n_outputs); not compiled.

    Examples
    --------
    >>> from skimbalance.networks import mlp
    >>> model = mlp(20, 3, hidden_layer_sizes=(64,), seed=0)
    >>> model.output_shape
    (None, 3)
    """
    hidden_layer_sizes = np.atleast_1d(np.asarray(hidden_layer_sizes, dtype=int)).tolist()
    seeds = _seeds(seed, 2 * len(hidden_layer_sizes) + 1)
    inputs = x = keras.Input((n_features,), name="features")
    for i, units in enumerate(hidden_layer_sizes):
        x = _dense(units, next(seeds), f"hidden_{i}")(x)
        if normalization == "batch":
            # Keras' momentum of 0.99 needs some hundred steps to forget its start; networks
            # for small tables take fewer.
            x = keras.layers.BatchNormalization(momentum=0.9, name=f"norm_{i}")(x)
        elif normalization == "layer":
            x = keras.layers.LayerNormalization(name=f"norm_{i}")(x)
        x = keras.layers.Activation(activation, name=f"activation_{i}")(x)
        dropout_seed = next(seeds)
        if dropout:
            x = keras.layers.Dropout(dropout, seed=dropout_seed, name=f"dropout_{i}")(x)
    outputs = _dense(n_outputs, next(seeds), "logits")(x)
    return keras.Model(inputs, outputs, name="mlp")


def _dense(units, seed, name):
    initializer = keras.initializers.GlorotUniform(seed=seed)
    return keras.layers.Dense(units, kernel_initializer=initializer, name=name)


def _seeds(seed, n):
    """Independent seeds for each layer; all None without a seed."""
    if seed is None:
        return iter([None] * n)
    return iter(np.random.default_rng(seed).integers(2**31, size=n).tolist())
