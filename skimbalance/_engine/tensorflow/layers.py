"""Layers that take the place of stock ones in compiled programs."""

import inspect

import keras
import tensorflow as tf

from skimbalance._engine.tensorflow.dropout import CounterDropout
from skimbalance._engine.tensorflow.gradients import REGISTERED, with_gradient
from skimbalance._engine.tensorflow.initializers import python_random_kept
from skimbalance._engine.tensorflow.recurrent import stand_in_for
from skimbalance._keras_private import lambda_output_shape
from skimbalance.networks import _embeddings

# In batches of fewer rows, transposes take longer to compile than they save.
FEWEST_ROWS = 128

# XLA sums fewer numbers than 2**17 in one thread, and Eigen the products of so many rows in one
# order. With more, the rounding would depend on the number of cores.
NUMBERS_OF_A_SUM, ROWS_OF_A_PRODUCT = 2**17 - 1, 512


class Dense(keras.layers.Dense):
    """A dense layer that learns by products of matrices, each of a part of the rows.

    A plain sum over the rows is vectorised differently for one network and for several: the
    rounding would depend on the size of the stack. Products are the same.
    """

    def call(self, inputs, training=None):
        outputs = _product(inputs, tf.convert_to_tensor(self.kernel))
        if self.bias is not None:
            outputs = _add_bias(outputs, tf.convert_to_tensor(self.bias))
        return outputs if self.activation is None else self.activation(outputs)


@with_gradient
def _product(inputs, kernel):
    n_inputs, units = kernel.shape

    def gradient(upstream):
        rows, by_row = (_in_parts(values, ROWS_OF_A_PRODUCT) for values in (inputs, upstream))
        n_rows = rows.shape[:2].num_elements()
        has_many = rows.dtype == tf.float32 and n_rows is not None and n_rows >= FEWEST_ROWS
        # Eigen copies the left factor of a sum over rows number by number, which can take longer
        # than the product. So the narrower one stands there, if that saves more than it takes to
        # transpose the sums. In float32 the bits are the same with AVX-512.
        is_turned = has_many and units > 1 and n_rows * (n_inputs - units) > n_inputs * units
        left, right = (by_row, rows) if is_turned else (rows, by_row)
        sums = tf.reduce_sum(tf.matmul(left, right, transpose_a=True), axis=0)
        of_kernel = _transposed(sums) if is_turned else sums
        # A product with a kernel of two or three columns takes several times as long where it has
        # to be transposed. With fewer inputs the bits would not be the same.
        if has_many and 1 < units < 4 and n_inputs >= 16:
            return tf.matmul(upstream, _transposed(kernel)), of_kernel
        return tf.matmul(upstream, kernel, transpose_b=True), of_kernel

    return tf.matmul(inputs, kernel), gradient


def _transposed(matrix):
    """The transpose, in two parts: XLA would make a plain one a part of the product again."""
    return tf.concat([tf.transpose(matrix[:1]), tf.transpose(matrix[1:])], axis=1)


@with_gradient
def _add_bias(outputs, bias):
    def gradient(upstream):
        units = bias.shape[0]
        rows = _in_parts(upstream, min(ROWS_OF_A_PRODUCT, max(64, NUMBERS_OF_A_SUM // units)))
        # Several rows of ones: XLA would turn a product with few into a sum again.
        ones = tf.ones([length(rows), max(2, 64 // units), length(rows, 1)], rows.dtype)
        return upstream, tf.reduce_sum(tf.matmul(ones, rows)[:, 0], axis=0)

    return outputs + bias, gradient


def _in_parts(values, most):
    """Rows in parts of equal length, `most` or fewer: (n_parts, length, n_columns)."""
    rows = tf.reshape(values, [-1, values.shape[-1]])
    n_rows = length(rows)
    n_parts = (n_rows + most - 1) // most
    if isinstance(n_parts, int) and n_parts == 1:
        return rows[None]
    n_each = (n_rows + n_parts - 1) // n_parts
    filled_up = tf.pad(rows, [[0, n_parts * n_each - n_rows], [0, 0]])
    return tf.reshape(filled_up, [n_parts, n_each, values.shape[-1]])


def length(values, axis=0):
    """Length of an axis: a number where it is known while tracing, which takes fewer operations."""
    known = values.shape[axis]
    return tf.shape(values)[axis] if known is None else known


class Normalization(keras.layers.Normalization):
    """A layer whose mean and variance, learnt by `adapt`, are weights and not constants."""

    def call(self, inputs):
        self.finalize_state()
        return super().call(inputs)


def is_plain_dropout(layer):
    """Whether a layer is the stock dropout that `CounterDropout` can take the place of."""
    return type(layer) is keras.layers.Dropout and layer.noise_shape is None


def stackable(network):
    """Whether all layers work on several networks at once, and as fast as on one."""
    layers = [op for op in network.operations if not isinstance(op, keras.layers.InputLayer)]
    of_any_length = any(None in x.shape[1:] for x in network.inputs)
    if of_any_length or any(type(layer) not in STACKABLE for layer in layers):
        return False
    # An activity regularizer would see the rows that only fill up a batch.
    if any(getattr(layer, "activity_regularizer", None) is not None for layer in layers):
        return False
    # Rows that only fill up a batch are hidden from batch normalization by a mask.
    masked = any(isinstance(layer, keras.layers.BatchNormalization) for layer in layers)
    return not masked or all(layer.supports_masking for layer in layers)


def copied(layer, **changes):
    """A fresh copy of a layer, with some changes of its config."""
    if type(layer) is keras.layers.Lambda:
        # Its config would hold a function as code, which Keras does not read back.
        return keras.layers.Lambda(
            layer.function, lambda_output_shape(layer), layer.mask, layer.arguments, name=layer.name
        )
    return type(layer).from_config({**_config(layer), **changes})


def _config(layer):
    """The config of a layer; custom functions stay objects, as Keras could not read them back."""
    config = layer.get_config()
    for name in config:
        part = getattr(layer, name, None)
        if inspect.isfunction(part) or isinstance(part, keras.regularizers.Regularizer):
            config[name] = part
    return config


@python_random_kept()
def with_stand_ins(network):
    """A copy of the network with this module's layers; weights keep their names."""

    def clone(layer):
        stand_in = _stand_in_for(layer)
        activation = getattr(stand_in, "activation", None)
        if activation in REGISTERED:
            stand_in.activation = REGISTERED[activation]
        return stand_in

    return keras.models.clone_model(network, clone_function=clone)


def _stand_in_for(layer):
    if is_plain_dropout(layer):
        return CounterDropout(name=layer.name)
    if type(layer) is keras.layers.Dense:
        return Dense.from_config(_config(layer))
    if type(layer) is keras.layers.Normalization and layer.input_mean is None:
        return Normalization.from_config(layer.get_config())
    return stand_in_for(layer) or copied(layer)


class TwoLogits(keras.layers.Layer):
    """Logits of two classes whose softmax is the sigmoid of a single logit."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs):
        return tf.concat([tf.zeros_like(inputs), inputs], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 2)


#: Layers that are fast under `tf.vectorized_map` and XLA, as loops over time and convolutions are
#: not.
STACKABLE = {
    Dense,
    CounterDropout,
    Normalization,
    TwoLogits,
    _embeddings.Cut,
    _embeddings.LevelEmbedding,
    _embeddings.ParametricSELU,
    _embeddings.PeriodicEmbedding,
    _embeddings.PiecewiseLinearEmbedding,
    _embeddings.Scale,
    *(
        getattr(keras.layers, name)
        for name in (
            *("Activation", "ReLU", "LeakyReLU", "ELU", "Softmax", "Identity"),
            *("BatchNormalization", "LayerNormalization", "Normalization", "Rescaling"),
            *("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"),
            *("Flatten", "Reshape"),
        )
    ),
}
