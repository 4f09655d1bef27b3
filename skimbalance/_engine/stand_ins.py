"""Layers that take the place of stock ones in compiled programs."""

import keras
import tensorflow as tf

from skimbalance._engine.dropout import CounterDropout


class Dense(keras.layers.Dense):
    """A dense layer whose bias learns by a product of matrices.

    A plain sum over the rows is vectorised differently for one network and for several: the
    rounding would depend on the size of the stack. Products are the same.
    """

    def call(self, inputs, training=None):
        outputs = tf.matmul(inputs, self.kernel)
        if self.bias is not None:
            outputs = _add_bias(outputs, tf.convert_to_tensor(self.bias))
        return outputs if self.activation is None else self.activation(outputs)


@tf.custom_gradient
def _add_bias(outputs, bias):
    def gradient(upstream):
        rows = tf.reshape(upstream, [-1, tf.shape(bias)[0]])
        # Several rows of ones: of few XLA would make a sum again.
        n_ones = max(2, 64 // bias.shape[0])
        return upstream, tf.matmul(tf.ones([n_ones, tf.shape(rows)[0]], rows.dtype), rows)[0]

    return outputs + bias, gradient


def with_stand_ins(network):
    """A copy of the network with stand-ins; weights keep their names."""

    def clone(layer):
        if type(layer) is keras.layers.Dropout:
            return CounterDropout(name=layer.name)
        kind = Dense if type(layer) is keras.layers.Dense else type(layer)
        return kind.from_config(layer.get_config())

    return keras.models.clone_model(network, clone_function=clone)
