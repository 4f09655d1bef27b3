"""Optimizers as pure functions of flat parameter vectors, so that a fit owns no variables.

Each has ``initial_slots(params)``, the slots of one network before the first step, as arrays, and
``step(params, gradient, slots, learning_rate)``, new parameters (K, P) and slots of K networks,
whose learning rates are (K, 1). The update rules and constants are those of the Keras optimizers
of the same names.
"""

import keras
import numpy as np
import tensorflow as tf

from skimbalance._keras_private import rate_variable


class Adam:
    """Kingma & Ba 2015, arXiv:1412.6980."""

    beta_1, beta_2, epsilon = 0.9, 0.999, 1e-7

    def initial_slots(self, params):
        return (np.zeros_like(params), np.zeros_like(params), np.zeros(1, params.dtype))

    def step(self, params, gradient, slots, learning_rate):
        mean, square, t = slots
        t = t + 1.0
        mean = mean + (gradient - mean) * (1.0 - self.beta_1)
        square = square + (gradient * gradient - square) * (1.0 - self.beta_2)
        beta_1, beta_2 = (tf.constant(b, params.dtype) for b in (self.beta_1, self.beta_2))
        rate = learning_rate * tf.sqrt(1.0 - beta_2**t) / (1.0 - beta_1**t)
        return params - rate * mean / (tf.sqrt(square) + self.epsilon), (mean, square, t)


class SGD:
    """Plain stochastic gradient descent."""

    def initial_slots(self, params):
        return ()

    def step(self, params, gradient, slots, learning_rate):
        return params - learning_rate * gradient, slots


class RMSprop:
    """Tieleman & Hinton 2012, lecture 6.5."""

    rho, epsilon = 0.9, 1e-7

    def initial_slots(self, params):
        return (np.zeros_like(params),)

    def step(self, params, gradient, slots, learning_rate):
        (square,) = slots
        square = self.rho * square + (1.0 - self.rho) * gradient * gradient
        return params - learning_rate * gradient / tf.sqrt(square + self.epsilon), (square,)


class Averaged:
    """An optimizer beside which an exponential moving average of the parameters is kept.

    The average is the last slot, and starts at the initial parameters (Polyak & Juditsky 1992,
    doi:10.1137/0330046).

    Parameters
    ----------
    optimizer : object
        One of the optimizers above.
    momentum : float in [0, 1)
        Share of the average that a step keeps.
    """

    averages = True

    def __init__(self, optimizer, momentum):
        self._optimizer, self._momentum = optimizer, momentum

    def initial_slots(self, params):
        return (*self._optimizer.initial_slots(params), params)

    def step(self, params, gradient, slots, learning_rate):
        *slots, average = slots
        params, slots = self._optimizer.step(params, gradient, tuple(slots), learning_rate)
        average = average + (params - average) * (1.0 - self._momentum)
        return params, (*slots, average)


class KerasOptimizer:
    """Any Keras optimizer in the same form.

    The optimizer keeps its state in variables of its own. They only pass values through: each
    step loads parameters and slots into them and reads the results back, so that fits can take
    turns, but neither overlap nor stack. It sees each weight of the network with its own shape
    and name, as rules by layer or by name need.
    """

    stackable = False

    def __init__(self, optimizer, names, shapes):
        self._sizes = [shape.num_elements() for shape in shapes]
        self._variables = [
            keras.Variable(tf.zeros(shape), name=name.replace("/", "_"))
            for name, shape in zip(names, shapes, strict=True)
        ]
        self._optimizer = optimizer
        optimizer.build(self._variables)
        self._slots = [v for v in optimizer.variables if v is not rate_variable(optimizer)]
        self._initial_slots = tuple(np.array(v.numpy()) for v in self._slots)

    def initial_slots(self, params):
        return self._initial_slots

    def step(self, params, gradient, slots, learning_rate):
        pieces = tf.split(params[0], self._sizes)
        loads = [*zip(self._slots, slots, strict=True)]
        loads += zip(self._variables, pieces, strict=True)
        for variable, value in loads:
            variable.assign(tf.reshape(value, variable.shape))
        self._optimizer.learning_rate = learning_rate[0, 0]
        gradients = tf.split(gradient[0], self._sizes)
        self._optimizer.apply(
            [tf.reshape(g, v.shape) for g, v in zip(gradients, self._variables, strict=True)]
        )
        params = tf.concat([tf.reshape(v.value, [-1]) for v in self._variables], axis=0)
        return params[None], tuple(tf.identity(v.value)[None] for v in self._slots)


OPTIMIZERS = {"adam": Adam, "adamw": Adam, "sgd": SGD, "rmsprop": RMSprop}
