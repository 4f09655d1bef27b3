"""Initial weights that follow a seed, whoever builds the network."""

import copy
import inspect
import random
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from skimbalance._keras_private import is_seedable, is_unseeded

__all__ = ["python_random_kept", "seeded_initializers"]


@contextmanager
def python_random_kept():
    """A scope, or decorator, that leaves the state of Python's random numbers as it was.

    Keras draws the seeds of layers from them, also where they are seeded otherwise later.
    """
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


def seeded_initializers(rng):
    """A scope in which Keras' initializers without a seed draw from `rng`; in this thread only.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    scope : context manager
    """

    def create(next_creator, **arguments):
        initial = arguments["initial_value"]
        # Keras wraps the initializer of a variable in a function without parameters. What it closes
        # over is the only way from here to the initializer and to the variable's shape.
        closure = inspect.getclosurevars(initial).nonlocals if inspect.isfunction(initial) else {}
        initializer: Any = closure.get("initializer")
        if _is_unseeded(initializer) or _is_of_unseeded(initializer):
            seeded = copy.copy(initializer)
            seeded.seed = int(rng.integers(2**31))
            shape, dtype = closure["self"].shape, arguments["dtype"]
            arguments["initial_value"] = partial(seeded, shape, dtype=dtype)
        return next_creator(**arguments)

    return tf.variable_creator_scope(create)


def _is_unseeded(initializer):
    return _is_random(initializer) and is_unseeded(initializer)


def _is_of_unseeded(initializer):
    """Whether Keras made an initializer from an unseeded one of the layer that is being built.

    Some layers, such as MultiHeadAttention, hand copies of their initializers to layers within
    them, and a copy has the seed that Keras drew for the original. The layer that owns the
    original is on the call stack, and nowhere else within reach.
    """
    if not _is_random(initializer):
        return False
    frame = inspect.currentframe()
    while frame is not None and not isinstance(frame.f_locals.get("self"), keras.layers.Layer):
        frame = frame.f_back
    parts = vars(frame.f_locals["self"]).values() if frame is not None else ()
    return any(_is_unseeded(part) and part.seed == initializer.seed for part in parts)


def _is_random(initializer):
    is_initializer = isinstance(initializer, keras.initializers.Initializer)
    return is_initializer and is_seedable(initializer)
