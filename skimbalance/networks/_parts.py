"""Layers that the networks are made of, with their seeds."""

from collections.abc import Iterator

import keras
import numpy as np

__all__ = ["dense", "dropped", "layer_seeds", "normalized"]


def dense(units, seed, name):
    """A dense layer with Glorot's uniform kernel."""
    initializer = keras.initializers.GlorotUniform(seed=seed)
    return keras.layers.Dense(units, kernel_initializer=initializer, name=name)


def normalized(x, normalization, name):
    """Outputs of a normalization layer: "batch", "layer" or none."""
    if normalization == "batch":
        # Keras' momentum of 0.99 needs some hundred steps to forget its start; networks for small
        # tables may take fewer.
        return keras.layers.BatchNormalization(momentum=0.9, name=name)(x)
    if normalization == "layer":
        return keras.layers.LayerNormalization(name=name)(x)
    return x


def dropped(x, rate, seed, name):
    """Outputs of a dropout layer, if the rate is not zero."""
    return keras.layers.Dropout(rate, seed=seed, name=name)(x) if rate else x


def layer_seeds(seed: int | None) -> Iterator[int | None]:
    """A seed for each layer in turn; always None without a seed."""
    rng = None if seed is None else np.random.default_rng(seed)
    while True:
        yield None if rng is None else int(rng.integers(2**31))
