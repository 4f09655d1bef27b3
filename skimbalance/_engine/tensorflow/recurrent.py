"""Keras' LSTM for compiled training: the same weights and results, and a gradient of its own.

Keras multiplies each step's rows by the kernel within its loop, and leaves the gradient to
TensorFlow, which adds each step's share to the gradients of both kernels within another. Only the
products with the recurrent kernel have to wait for another step: all others are here one product
over all steps. XLA compiles the loops well, and not the stacks that `tf.vectorized_map` makes of
them.
"""

import keras
import numpy as np
import tensorflow as tf

from skimbalance._engine.tensorflow.gradients import with_gradient


class LSTM(keras.layers.LSTM):
    """An LSTM with tanh and sigmoid, without dropout, that trains faster."""

    def inner_loop(self, sequences, initial_state, mask, training=False):
        if not training:
            # Keras' loop is as fast where no gradient is needed, and takes less memory.
            return super().inner_loop(sequences, initial_state, mask, training)
        steps_first = tf.transpose(sequences, [1, 0, 2])
        mask = tf.nest.flatten(mask)[0]
        if mask is not None:
            mask = tf.transpose(tf.cast(mask, tf.bool))[:, :, None]
        if self.go_backwards:
            steps_first = tf.reverse(steps_first, [0])
            mask = mask if mask is None else tf.reverse(mask, [0])
        kernel = tf.convert_to_tensor(self.cell.kernel)
        recurrent_kernel = tf.convert_to_tensor(self.cell.recurrent_kernel)
        bias = self.cell.bias if self.use_bias else tf.zeros_like(recurrent_kernel[0])
        bias = tf.convert_to_tensor(bias)
        h, c = initial_state
        hs, h, c = _recur(steps_first, mask, kernel, recurrent_kernel, bias, h, c)
        if mask is not None:
            # A masked step repeats the previous output; before the first output it is zero.
            begun = tf.cumsum(tf.cast(mask, tf.int32)) > 0
            shown = mask if self.zero_output_for_mask else begun
            hs = tf.where(shown, hs, tf.zeros_like(hs))
        return hs[-1], tf.transpose(hs, [1, 0, 2]), [h, c]


def stand_in_for(layer):
    """An unbuilt layer of the same name, weights and results that trains faster, or None."""
    if type(layer) is keras.layers.LSTM and _is_plain(layer):
        return LSTM.from_config(layer.get_config())
    if type(layer) is not keras.layers.Bidirectional:
        return None
    directions = (layer.forward_layer, layer.backward_layer)
    if not all(type(d) is keras.layers.LSTM and _is_plain(d) for d in directions):
        return None
    forward, backward = (LSTM.from_config(d.get_config()) for d in directions)
    config = layer.get_config() | {"layer": forward, "backward_layer": backward}
    # `Bidirectional` makes its layers anew from their configurations.
    with keras.saving.custom_object_scope({"LSTM": LSTM}):
        return keras.layers.Bidirectional(**config)


def _is_plain(layer):
    return (
        layer.activation is keras.activations.tanh
        and layer.recurrent_activation is keras.activations.sigmoid
        and not layer.dropout
        and not layer.recurrent_dropout
    )


def _recur(rows, mask, kernel, recurrent_kernel, bias, h, c):
    """Outputs of all steps (T, B, H), and the states after the last.

    Shapes: rows (T, B, E) in the order of the steps, mask (T, B, 1) or None, states (B, H).
    """

    @with_gradient
    def recur(rows, kernel, recurrent_kernel, bias, h, c):
        tanhs, hs, cs = _forward(rows, mask, kernel, recurrent_kernel, bias, h, c)
        before = [tf.concat([s[None], all_s[:-1]], 0) for s, all_s in ((h, hs), (c, cs))]

        def gradient(d_hs, d_h, d_c):
            dzs, d_h, d_c = _backward(d_hs, d_h, d_c, mask, recurrent_kernel, tanhs, cs, before[1])
            dz = tf.reshape(dzs, [-1, bias.shape[0]])
            # The bias is the kernel of a column of ones.
            columns = tf.concat([rows, before[0], tf.ones_like(rows[:, :, :1])], axis=-1)
            columns = tf.reshape(columns, [-1, columns.shape[-1]])
            d_kernels = tf.matmul(columns, dz, transpose_a=True)
            sizes = [kernel.shape[0], recurrent_kernel.shape[0], 1]
            d_kernel, d_recurrent, d_bias = tf.split(d_kernels, sizes)
            d_rows = tf.reshape(tf.matmul(dz, kernel, transpose_b=True), tf.shape(rows))
            return d_rows, d_kernel, d_recurrent, d_bias[0], d_h, d_c

        return (hs, hs[-1], cs[-1]), gradient

    return recur(rows, kernel, recurrent_kernel, bias, h, c)


def _forward(rows, mask, kernel, recurrent_kernel, bias, h, c):
    """Tanhs (T, B, 4H) that the gates are made of, and both states, of all steps.

    The sigmoid of z is (1 + tanh(z / 2)) / 2: one function for the four gates.
    """
    n_steps = rows.shape[0] or tf.shape(rows)[0]
    scale = tf.constant(np.repeat([0.5, 0.5, 1, 0.5], h.shape[-1]), rows.dtype)
    recurrent_kernel *= scale
    z = tf.tensordot(rows, kernel * scale, 1) + bias * scale

    def step(t, h, c, tanhs, hs, cs):
        tanh = tf.tanh(tanhs.read(t) + tf.matmul(h, recurrent_kernel))
        i, f, g, o = tf.split(tanh, 4, axis=-1)
        new_c = 0.5 * ((f + 1) * c + (i + 1) * g)
        new_h = 0.5 * (o + 1) * tf.tanh(new_c)
        if mask is not None:
            new_h, new_c = tf.where(mask[t], new_h, h), tf.where(mask[t], new_c, c)
        return t + 1, new_h, new_c, tanhs.write(t, tanh), hs.write(t, new_h), cs.write(t, new_c)

    # Each step's tanhs take the place of their arguments.
    arrays = (_overwritten(z), _empty(n_steps, h), _empty(n_steps, c))
    *_, tanhs, hs, cs = tf.while_loop(lambda t, *_: t < n_steps, step, (0, h, c, *arrays))
    return tanhs.stack(), hs.stack(), cs.stack()


def _backward(d_hs, d_h, d_c, mask, recurrent_kernel, tanhs, cs, cs_before):
    """Gradient with respect to the gates' arguments z (T, B, 4, H), and to the first states."""
    n_steps = d_hs.shape[0] or tf.shape(d_hs)[0]
    n_units = recurrent_kernel.shape[0]
    i, f, g, o = tf.split(tanhs, 4, axis=-1)
    tanh_c = tf.tanh(cs)
    # dz of the gates i, f and g is a multiple of d_c, that of o a multiple of d_h.
    factors = [
        0.25 * (1 - i * i) * g,
        0.25 * (1 - f * f) * cs_before,
        0.5 * (1 + i) * (1 - g * g),
        0.25 * (1 - o * o) * tanh_c,
    ]
    factors = tf.stack(factors, axis=2)
    of_c = tf.constant([[1], [1], [1], [0]], d_hs.dtype)
    c_by_h = 0.5 * (1 + o) * (1 - tanh_c * tanh_c)
    c_by_c = 0.5 * (1 + f)
    if mask is not None:
        factors = tf.where(mask[:, :, None], factors, tf.zeros_like(factors))
        c_by_h = tf.where(mask, c_by_h, tf.zeros_like(c_by_h))
        c_by_c = tf.where(mask, c_by_c, tf.ones_like(c_by_c))

    def step(k, d_h, d_c, dzs):
        t = n_steps - 1 - k
        d_h += d_hs[t]
        d_c += d_h * c_by_h[t]
        dz = dzs.read(t) * (d_c[:, None] * of_c + d_h[:, None] * (1 - of_c))
        dzs = dzs.write(t, dz)
        # Read back: XLA would compute it twice, for the array and again for the product.
        dz = tf.reshape(dzs.read(t), [-1, 4 * n_units])
        d_h_before = tf.matmul(dz, recurrent_kernel, transpose_b=True)
        if mask is not None:
            d_h_before += tf.where(mask[t], tf.zeros_like(d_h), d_h)
        return k + 1, d_h_before, d_c * c_by_c[t], dzs

    loop = (0, d_h, d_c, _overwritten(factors))
    _, d_h, d_c, dzs = tf.while_loop(lambda k, *_: k < n_steps, step, loop)
    return dzs.stack(), d_h, d_c


def _overwritten(values):
    n_steps = values.shape[0] or tf.shape(values)[0]
    return tf.TensorArray(values.dtype, n_steps, clear_after_read=False).unstack(values)


def _empty(n_steps, like):
    return tf.TensorArray(like.dtype, n_steps, element_shape=like.shape)
