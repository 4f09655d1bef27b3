"""Dropout whose rate and seed are values, not constants of the graph."""

import keras
import tensorflow as tf

_xor = tf.bitwise.bitwise_xor


class CounterDropout(keras.layers.Layer):
    """Dropout that draws from a counter-based hash: a pure function of (seed, step, position).

    Rate, seed and step are non-trainable weights, so that a grid over rates and seeds never
    re-traces. Plain integer operations vectorise over networks where TensorFlow's own random
    numbers do not: the numbers are the same alone and among many.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        # Not the default initializer, which draws its seed from Python's random numbers.
        self.rate = self.add_weight(shape=(), name="rate", initializer="zeros", trainable=False)
        self.seed = self.add_weight(
            shape=(), dtype="uint32", name="seed", initializer="zeros", trainable=False
        )
        self.step = self.add_weight(
            shape=(), dtype="uint32", name="step", initializer="zeros", trainable=False
        )
        self.built = True

    def call(self, inputs, training=False):
        if not training:
            return inputs
        seed, step = (tf.convert_to_tensor(v.value) for v in (self.seed, self.step))
        self.step.assign(step + _u32(1))
        size = tf.size(inputs)
        position = tf.reshape(tf.cast(tf.range(size), tf.uint32), tf.shape(inputs))
        bits = _mix(
            tf.bitwise.bitwise_xor(position, _mix(tf.bitwise.bitwise_xor(seed, _mix(step))))
        )
        # The 24 high bits fill a float32's mantissa exactly: uniform on [0, 1).
        uniform = tf.cast(tf.bitwise.right_shift(bits, _u32(8)), inputs.dtype) * 2.0**-24
        rate = tf.cast(tf.convert_to_tensor(self.rate.value), inputs.dtype)
        return tf.where(uniform >= rate, inputs / (1.0 - rate), tf.zeros_like(inputs))


def _u32(value):
    return tf.constant(value, tf.uint32)


def _mix(h):
    """The 32-bit finaliser of MurmurHash3 (Appleby 2011): every input bit reaches every output."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = _xor(h, tf.bitwise.right_shift(h, _u32(shift))) * _u32(factor)
    return _xor(h, tf.bitwise.right_shift(h, _u32(16)))
