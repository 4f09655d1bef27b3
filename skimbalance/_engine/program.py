"""Compiled programs: one epoch of training, and the forward pass, of one shape of network.

A program is traced once and serves every later fit of its shape. All that a fit owns (weights,
optimizer slots, learning rates, loss parameters, seeds) goes in as arguments and comes back as
results; the graph captures nothing, so fits may overlap in threads and none leaks.
"""

import threading
from collections import OrderedDict
from contextlib import nullcontext
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from skimbalance._engine.dropout import replace_dropout

# Graphs of a small network take about 1 MB each.
MOST_PROGRAMS = 32


class Program:
    """The compiled functions of one network, loss and optimizer.

    Parameters
    ----------
    network : keras.Model
        Built; maps one input to logits. Its own weights are never used.
    loss : callable
        ``loss(targets, logits, weight, arguments)`` to a scalar, the mean over the batch.
    make_optimizer : callable
        ``make_optimizer(names, shapes)`` to one of `optimizers`.
    arguments : dict of str to ndarray
        The loss' parameters, of which shapes matter here and values do not.
    """

    def __init__(self, network, loss, make_optimizer, arguments):
        self.traces = 0
        self._network = replace_dropout(network)
        self._loss = loss
        trainable = self._network.trainable_variables
        self.trainable_names = [v.path for v in trainable]
        self.state_names = [v.path for v in self._network.non_trainable_variables]
        self._shapes = [v.shape for v in trainable]
        self._sizes = [shape.num_elements() for shape in self._shapes]
        self._optimizer = make_optimizer(self.trainable_names, self._shapes)
        overlaps = getattr(self._optimizer, "overlaps", True)
        self._turn = nullcontext() if overlaps else threading.Lock()
        self._decays = np.concatenate(
            [
                np.full(size, name.endswith("kernel"))
                for name, size in zip(self.trainable_names, self._sizes, strict=True)
            ]
        )
        self._compile(arguments)

    def _compile(self, arguments):
        real = tf.as_dtype(keras.config.floatx())
        self.dtype = real.as_numpy_dtype
        params = tf.TensorSpec([sum(self._sizes)], real)
        slots = tuple(tf.TensorSpec(s.shape, s.dtype) for s in self.start(np.zeros(params.shape)))
        state = tuple(
            tf.TensorSpec(v.shape, v.dtype) for v in self._network.non_trainable_variables
        )
        X = tf.TensorSpec([None, *self._network.inputs[0].shape[1:]], real)
        y = tf.TensorSpec([None], tf.int32)
        weight = tf.TensorSpec([None], real)
        logits = tf.TensorSpec([None, *self._network.outputs[0].shape[1:]], real)
        values = {key: tf.TensorSpec(np.shape(value), real) for key, value in arguments.items()}
        order, rates = tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], real)
        decay = tf.TensorSpec([], real)
        self._epoch = self._function(
            self._trace_epoch, (params, slots, state, X, y, weight, order, rates, decay, values)
        )
        self._forward = self._function(self._trace_forward, (params, state, X))
        self._mean_loss = self._function(self._trace_loss, (y, logits, weight, values))

    def _function(self, python_function, signature):
        # TensorFlow counts traces by code object, over all programs, and would warn of
        # "retracing" though each program is traced once; a partial has none.
        traced = partial(python_function)
        return tf.function(traced, input_signature=signature, autograph=False)

    def start(self, params):
        """Optimizer slots before the first step."""
        return self._optimizer.start(tf.constant(params, keras.config.floatx()))

    def flatten(self, weights):
        """Named arrays as one parameter vector, and the state."""
        params = np.concatenate([np.ravel(weights[name]) for name in self.trainable_names])
        state = tuple(
            np.asarray(weights[name], dtype=v.dtype)
            for name, v in zip(self.state_names, self._network.non_trainable_variables, strict=True)
        )
        return params.astype(self.dtype), state

    def unflatten(self, params, state):
        """The inverse of `flatten`."""
        pieces = np.split(np.array(params), np.cumsum(self._sizes)[:-1])
        weights = {
            name: piece.reshape(shape)
            for name, piece, shape in zip(self.trainable_names, pieces, self._shapes, strict=True)
        }
        weights.update((n, np.array(v)) for n, v in zip(self.state_names, state, strict=True))
        return weights

    def epoch(self, params, slots, state, rows, order, rates, decay, arguments):
        """Train one epoch: ``len(rates)`` batches of nearly equal size, in `order`."""
        with self._turn:
            return self._epoch(params, slots, state, *rows, order, rates, decay, arguments)

    def forward(self, params, state, X):
        """Logits of rows, in inference."""
        return self._forward(params, state, X)

    def mean_loss(self, y, logits, weight, arguments):
        """The loss over rows whose logits are known."""
        return self._mean_loss(y, logits, weight, arguments)

    def _unpack(self, params):
        pieces = tf.split(params, self._sizes)
        return [tf.reshape(p, s) for p, s in zip(pieces, self._shapes, strict=True)]

    def _trace_epoch(self, params, slots, state, X, y, weight, order, rates, decay, arguments):
        self.traces += 1
        n_steps, n_rows = tf.size(rates), tf.size(order, out_type=tf.int64)
        decays = tf.constant(self._decays, params.dtype) * decay

        def body(i, params, slots, state, total):
            # Batches differ by at most one row: none is tiny, and every row counts alike.
            begin, end = (
                tf.cast(tf.cast(k, tf.int64) * n_rows // tf.cast(n_steps, tf.int64), tf.int32)
                for k in (i, i + 1)
            )
            batch = order[begin:end]
            loss, gradient, state = self._gradient(
                params,
                state,
                tf.gather(X, batch),
                tf.gather(y, batch),
                tf.gather(weight, batch),
                arguments,
            )
            params = params - rates[i] * decays * params
            params, slots = self._optimizer.step(params, gradient, slots, rates[i])
            return i + 1, params, slots, state, total + loss * tf.cast(end - begin, total.dtype)

        _, params, slots, state, total = tf.while_loop(
            lambda i, *_: i < n_steps,
            body,
            (tf.constant(0), params, slots, state, tf.zeros([], params.dtype)),
        )
        return params, slots, state, total / tf.cast(n_rows, total.dtype)

    def _gradient(self, params, state, X, y, weight, arguments):
        """Loss of a batch, its gradient and the new state.

        The tape watches the pieces, not the vector: the gradient of a slice of it would be a
        zero vector of full length for each piece.
        """
        pieces = self._unpack(params)
        with tf.GradientTape() as tape:
            tape.watch(pieces)
            logits, state = self._network.stateless_call(pieces, list(state), X, training=True)
            loss = self._loss(y, logits, weight, arguments)
        gradients = tape.gradient(loss, pieces, unconnected_gradients="zero")
        return loss, tf.concat([tf.reshape(g, [-1]) for g in gradients], axis=0), tuple(state)

    def _trace_forward(self, params, state, X):
        self.traces += 1
        pieces = self._unpack(params)
        return self._network.stateless_call(pieces, list(state), X, training=False)[0]

    def _trace_loss(self, y, logits, weight, arguments):
        self.traces += 1
        return self._loss(y, logits, weight, arguments)


_programs: OrderedDict = OrderedDict()
_lock = threading.Lock()


def program_for(key, build):
    """The program of a key, built if it is not kept; the least recently used goes first."""
    key = (keras.config.floatx(), key)
    with _lock:
        program = _programs.pop(key, None) or build()
        _programs[key] = program
        while len(_programs) > MOST_PROGRAMS:
            _programs.popitem(last=False)
    return program


def count_traces():
    """Number of traces of all kept programs."""
    with _lock:
        return sum(program.traces for program in _programs.values())
