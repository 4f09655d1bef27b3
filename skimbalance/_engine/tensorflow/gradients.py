"""Gradients written by hand, which leave nothing behind.

In a graph, `tf.custom_gradient` enters each gradient under a new name into a registry that is never
emptied, and with it the tensors of the graph: no program could ever be collected.
"""

from functools import wraps

import keras
import tensorflow as tf
from tensorflow.python.eager import record


def with_gradient(function):
    """A function with a gradient written by hand, as `tf.custom_gradient`.

    Only `tf.GradientTape` sees the gradient, and not `tf.gradients`.

    Parameters
    ----------
    function : callable
        ``function(*tensors)`` to results, and a function from the gradients of the results to
        those of the tensors. It uses no variables.
    """

    @wraps(function)
    def recorded(*tensors):
        with record.stop_recording():
            results, gradient = function(*tensors)

        def backward(*upstream):
            return tf.nest.flatten(gradient(*upstream))

        outputs = tf.nest.flatten(results)
        record.record_operation(function.__name__, outputs, list(tensors), backward)
        return results

    return recorded


@with_gradient
def _silu(x):
    sigmoid = tf.sigmoid(x)
    return x * sigmoid, lambda upstream: upstream * sigmoid * (1.0 + x * (1.0 - sigmoid))


#: Activations whose gradients TensorFlow registers.
REGISTERED = {keras.activations.silu: _silu}
