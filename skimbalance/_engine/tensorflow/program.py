"""Compiled programs: training steps, and the forward pass, of one shape of network.

A program trains a stack: K networks of one shape along a leading axis, each with its own rows,
rates, seeds and loss parameters. All that a fit owns goes in as arguments and comes back as
results; the graph captures nothing, so fits may overlap in threads and none leaks.
"""

import threading
from collections import OrderedDict
from contextlib import nullcontext
from functools import partial
from textwrap import shorten
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from skimbalance._engine.job import Batches, Networks, NotStackableError
from skimbalance._engine.memory import maps_left
from skimbalance._engine.tensorflow.layers import length, stackable, with_stand_ins

# Graphs of a small network take 3 MiB each for a known shape, 9 MiB for any. They are collected
# once their program is dropped.
MOST_PROGRAMS = 24

# What XLA compiled stays until the process ends: 60 to 100 memory maps and 2 to 7 MiB. Beyond this
# number of compilations, or with fewer maps left, plain graphs train what has not been compiled:
# XLA without a map ends the process.
MOST_COMPILATIONS = 48
FEWEST_MAPS = 4_000

FULL = "plain graph: XLA has compiled as many programs in this process as its memory allows"

# Held-out rows are scored in blocks, so that their activations stay small: those of plain graphs
# (convolutions, loops over time) are larger.
FORWARD_BLOCK = 2**15
EXACT_BLOCK = 2**10


# What TensorFlow raises where XLA cannot compile a graph.
BEYOND_XLA = (
    tf.errors.InvalidArgumentError,
    tf.errors.UnimplementedError,
    tf.errors.NotFoundError,
    tf.errors.InternalError,
    tf.errors.FailedPreconditionError,
)


def paths(network):
    """The variables of a network by their paths."""
    return {variable.path: variable for variable in network.variables}


class Program:
    """The compiled functions of one network, loss and optimizer.

    Parameters
    ----------
    network : keras.Model
        Built, functional; maps its inputs to logits. Its own weights are never used.
    loss : callable
        ``loss(targets, logits, weight, arguments)`` to a scalar, the mean over the batch.
    make_optimizer : callable
        ``make_optimizer(names, shapes)`` to one of `optimizers`.
    arguments : dict of str to ndarray
        Parameters of the loss; only their shapes matter here.
    target_rank : int, default=0
        Axes that targets and weights have beyond that of the rows.
    names : callable, default=`paths`
        ``names(network)``: its variables by the names of a job's weights.
    decays : callable, default=kernels only
        Whether a trainable variable of some name is subject to weight decay; a number is a factor
        of the decay.
    rate : callable, default=None
        Factor of the learning rate for a trainable variable of some name; None is 1 for all.
    is_known : bool, default=False
        Whether `tf.vectorized_map` is known to map over the network and the loss. Then a single
        network is traced without it, in half of the time; else it shows with the first fit,
        whatever its stack, whether they can be mapped.

    Attributes
    ----------
    stackable : bool
        Whether a stack may hold more than one network.
    averages : bool
        Whether the last slot is a moving average of the parameters, which is judged and kept.
    n_params, widest : int
        Numbers of parameters of a network, and of outputs of its widest layer.
    """

    def __init__(
        self,
        network,
        loss,
        make_optimizer,
        arguments,
        *,
        target_rank=0,
        names=paths,
        decays=lambda name: name.endswith("kernel"),
        rate=None,
        is_known=False,
    ):
        self.traces = 0
        self.target_rank = target_rank
        self._network = with_stand_ins(network)
        self._loss = loss
        name_of = {id(variable): name for name, variable in names(self._network).items()}
        trainable = self._network.trainable_variables
        self.trainable_names = [name_of[id(v)] for v in trainable]
        self.state_names = [name_of[id(v)] for v in self._network.non_trainable_variables]
        self._shapes = [v.shape for v in trainable]
        self._sizes = [shape.num_elements() for shape in self._shapes]
        self.n_params = sum(self._sizes)
        self._optimizer = make_optimizer(self.trainable_names, self._shapes)
        # XLA is slower at convolutions, and would compile loops over time for each length. These
        # networks run as plain graphs, and their batches are not filled up.
        self._exact = not stackable(self._network)
        self.widest = 1 if self._exact else _widest(self._network)
        self.stackable = not self._exact and getattr(self._optimizer, "stackable", True)
        self.averages = getattr(self._optimizer, "averages", False)
        own_variables = not getattr(self._optimizer, "stackable", True)
        self._turn = threading.Lock() if own_variables else nullcontext()
        self._decays = self._of_each_weight(decays)
        self._rates = None if rate is None else self._of_each_weight(rate)
        self._masked = not self._exact and any(
            isinstance(layer, keras.layers.BatchNormalization) for layer in self._network.layers
        )
        self._is_known = is_known and not self._masked
        self._xla, self._ran, self._path = not self._exact, False, "compiled"
        self._compiles: dict[Any, bool] = {}
        self._worked = False
        self._specify(arguments)

    def _of_each_weight(self, function):
        """A number for each parameter, from a function of the variable's name."""
        named = zip(self.trainable_names, self._sizes, strict=True)
        return np.concatenate([np.full(size, float(function(name))) for name, size in named])

    def _specify(self, arguments):
        """The shapes of all that goes in: K networks, S steps and B rows are open.

        By the names of what is traced, as methods would refer to the program: without a circle it
        goes, with its graphs, once it is dropped.
        """
        real = tf.as_dtype(keras.config.floatx())
        self.dtype = real.as_numpy_dtype
        inputs = self._network.inputs
        self.features = [tuple(x.shape[1:]) for x in inputs]
        self.input_dtypes = [tf.as_dtype(x.dtype).as_numpy_dtype for x in inputs]
        outputs = self._network.outputs[0].shape[1:]
        targets = [None] * self.target_rank

        def rows_of(*leading):
            return tuple(tf.TensorSpec([*leading, *x.shape[1:]], x.dtype) for x in inputs)

        def stacked(value):
            return tf.TensorSpec([None, *value.shape], value.dtype)

        params = tf.TensorSpec([None, self.n_params], real)
        slots = tuple(map(stacked, self.initial_slots(np.zeros(self.n_params))))
        state = tuple(map(stacked, self._network.non_trainable_variables))
        values = {k: tf.TensorSpec([None, *np.shape(v)], real) for k, v in arguments.items()}
        batches = (
            rows_of(None, None, None),
            tf.TensorSpec([None, None, None, *targets], tf.int32),
            tf.TensorSpec([None, None, None, *targets], real),
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([None, None], real),
        )
        n_steps, decay = tf.TensorSpec([], tf.int32), tf.TensorSpec([None], real)
        rows = rows_of(None, None)
        y = tf.TensorSpec([None, None, *targets], tf.int32)
        weight = tf.TensorSpec([None, None, *targets], real)
        logits = tf.TensorSpec([None, None, *outputs], real)
        self._signatures = {
            "steps": (params, slots, state, batches, n_steps, decay, values),
            "forward": (params, state, rows),
            "loss": (y, logits, weight, values),
            "judge": (params, state, rows, y, weight, values),
        }
        self._functions, self._tracing = {}, threading.Lock()

    def _function(self, traced, *, alone, xla_args=None):
        """A compiled function, traced at its first call; for XLA if its arguments are given."""
        key = (traced, alone, xla_args and (self._masked or np.shape(xla_args[3][1])))
        with self._tracing:
            if key not in self._functions:
                self._functions[key] = self._compiled(traced, alone, xla_args)
            return self._functions[key]

    def _compiled(self, traced, alone, xla_args):
        # TensorFlow counts traces by code object, over all programs, and would warn of
        # "retracing" though each program is traced once for a shape; a partial has none.
        python_function = partial(getattr(self, f"_trace_{traced}"), _alone if alone else _stacked)
        signature = self._signatures[traced]
        if xla_args is not None and not self._masked:  # hidden rows may be summed in another order
            signature = tf.nest.map_structure(_known, signature, xla_args)
        options = {"input_signature": signature, "autograph": False}
        function = tf.function(python_function, **options)
        # Traced here, as `tf.vectorized_map` traces twice in a function for XLA.
        plain = function.get_concrete_function()
        if xla_args is None:
            return plain
        return tf.function(partial(plain), jit_compile=True, **options)

    def initial_slots(self, params):
        """Optimizer slots of one network before the first step."""
        return self._optimizer.initial_slots(np.array(params, self.dtype))

    def flatten(self, weights):
        """Named arrays of one network as one parameter vector, and the state."""
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

    def steps(
        self, networks: Networks, batches: Batches, n_steps: int
    ) -> tuple[tuple[Any, ...], str]:
        """Train each network for the first `n_steps` of its batches.

        Returns
        -------
        results : tuple of (params, slots, state, losses)
            Tensors after the steps, and the loss of each step (K, S), zero after `n_steps`.
        path : str
            What trained the networks: "compiled", or a plain graph and why.

        Raises
        ------
        NotStackableError
            If there are several networks, and the program turns out to train one at a time only.
        """
        params, slots, state, decay, arguments = networks
        args = (params, slots, state, tuple(batches), np.int32(n_steps), decay, arguments)
        with self._turn:
            try:
                results = self._steps(args, self._may_compile(batches))
            except Exception as error:
                if not self._worked and not isinstance(error, NotStackableError):
                    _forget(self)
                raise
            self._worked = True
            return results

    def _steps(self, args, may_compile):
        # Read once, as another thread may turn the program into a plain graph meanwhile.
        xla, stacked, path = self._xla, self.stackable, self._path
        if not stacked and len(args[0]) > 1:
            raise NotStackableError
        if xla and not may_compile:
            xla, path = False, FULL
        xla_args = args if xla else None
        alone = not stacked or (xla and self._is_known and len(args[0]) == 1)
        if self._ran or not (xla or stacked):
            return self._function("steps", alone=alone, xla_args=xla_args)(*args), path
        try:
            function = self._function("steps", alone=alone, xla_args=xla_args)
        except Exception as error:  # whatever `tf.vectorized_map` raises where it cannot map
            return self._steps_of_plain_graph(args, "tf.vectorized_map cannot map it", error)
        if not xla:
            return function(*args), path
        try:
            results = function(*args)
        except BEYOND_XLA as error:
            return self._steps_of_plain_graph(args, "XLA cannot compile it", error)
        self._ran = True
        return results, path

    def _may_compile(self, batches):
        """Whether XLA has compiled the steps for batches of these shapes, or still may."""
        global _n_compilations
        if not self._xla:
            return False
        shapes = tuple(np.shape(part) for part in (*batches.X, batches.y))
        with _lock:
            if shapes not in self._compiles:
                compiles = _n_compilations < MOST_COMPILATIONS and maps_left() > FEWEST_MAPS
                self._compiles[shapes] = compiles
                _n_compilations += compiles
            return self._compiles[shapes]

    def _steps_of_plain_graph(self, args, why, error):
        """Turn into a plain graph, one network at a time, after compiling a stack failed.

        XLA does not know every operation that a loss or a layer may use, nor is it part of every
        build of TensorFlow. If the plain graph cannot be traced either, its error is raised: it
        comes from the loss or a layer.
        """
        function = self._function("steps", alone=True)
        self._xla, self.stackable = False, False
        reason = shorten(str(error) or type(error).__name__, 100)
        self._path = f"plain graph, one network at a time: {why} ({reason})"
        with self._tracing:
            self._functions = {key: kept for key, kept in self._functions.items() if key[2] is None}
        if len(args[0]) > 1:
            raise NotStackableError from None
        return function(*args), self._path

    def judge(self, params, state, X, y, weight, arguments):
        """Logits of the held-out rows of each network (K, n, ...), and their mean loss (K,)."""
        alone = len(params) == 1
        if y.shape[1] <= self._block():
            function = self._function("judge", alone=alone)
            logits, losses = function(params, state, X, y, weight, arguments)
            return logits.numpy(), losses.numpy()
        logits = self.forward(params, state, X)
        return logits, self._function("loss", alone=alone)(y, logits, weight, arguments).numpy()

    def _block(self):
        return EXACT_BLOCK if self._exact else FORWARD_BLOCK

    def forward(self, params, state, X):
        """Logits of rows (K, n, ...) of each network."""
        forward = self._function("forward", alone=len(params) == 1)
        size = self._block()
        blocks = (slice(i, i + size) for i in range(0, X[0].shape[1], size))
        logits = [forward(params, state, tuple(x[:, rows] for x in X)).numpy() for rows in blocks]
        return np.concatenate(logits, axis=1)

    def _unpack(self, params):
        pieces = tf.split(params, self._sizes)
        return [tf.reshape(p, s) for p, s in zip(pieces, self._shapes, strict=True)]

    def _trace_steps(self, over_networks, params, slots, state, batches, n_steps, decay, arguments):
        self.traces += 1
        n_all = length(batches[-1], 1)
        decays = tf.constant(self._decays, params.dtype) * decay[:, None]
        factors = None if self._rates is None else tf.constant(self._rates, params.dtype)

        def body(i, params, slots, state, losses):
            *batch, rates = tf.nest.map_structure(lambda part: part[:, i], batches)
            loss, gradient, state = over_networks(
                lambda args: self._gradient(*args), (params, state, *batch, arguments)
            )
            rates = rates[:, None]
            params = params - rates * decays * params
            rates = rates if factors is None else rates * factors
            params, slots = self._optimizer.step(params, gradient, slots, rates)
            here = tf.range(n_all) == i
            return i + 1, params, slots, state, tf.where(here, loss[:, None], losses)

        _, params, slots, state, losses = tf.while_loop(
            lambda i, *_: i < n_steps,
            body,
            (tf.constant(0), params, slots, state, tf.zeros_like(batches[-1])),
        )
        return params, slots, state, losses

    def _gradient(self, params, state, X, y, weight, size, arguments):
        """Loss of a batch of one network, its gradient, and the new state.

        Batches are as long as the longest one: rows beyond `size` repeat others and weigh
        nothing, so that the mean is over the rows that count.
        """
        mask = {}
        if self._exact:
            X, y, weight = tf.nest.map_structure(lambda part: part[:size], (X, y, weight))
        else:
            n_rows = length(y)
            counts = tf.range(n_rows) < size
            share = tf.cast(n_rows, weight.dtype) / tf.cast(size, weight.dtype)
            over_targets = tf.reshape(counts, [-1, *[1] * self.target_rank])
            weight = tf.where(over_targets, weight * share, tf.zeros_like(weight))
            if self._masked:
                mask = {"mask": counts if len(X) == 1 else [counts] * len(X)}
        pieces = self._unpack(params)
        # The tape watches the pieces, not the vector: the gradient of a slice of it would be a
        # zero vector of full length for each piece.
        with tf.GradientTape() as tape:
            tape.watch(pieces)
            logits, state, losses = self._network.stateless_call(
                pieces, list(state), _inputs(X), training=True, return_losses=True, **mask
            )
            # What regularizers of layers add.
            loss = tf.add_n([self._loss(y, logits, weight, arguments), *losses])
        gradients = tape.gradient(loss, pieces, unconnected_gradients="zero")
        gradient = tf.concat([tf.reshape(g, [-1]) for g in gradients], axis=0)
        return loss, gradient, tuple(state)

    def _trace_forward(self, over_networks, params, state, X):
        self.traces += 1

        def forward(args):
            params, state, X = args
            pieces = self._unpack(params)
            network = self._network
            return network.stateless_call(pieces, list(state), _inputs(X), training=False)[0]

        return over_networks(forward, (params, state, X))

    def _trace_judge(self, over_networks, params, state, X, y, weight, arguments):
        logits = self._trace_forward(over_networks, params, state, X)
        return logits, self._trace_loss(over_networks, y, logits, weight, arguments)

    def _trace_loss(self, over_networks, y, logits, weight, arguments):
        self.traces += 1
        return over_networks(lambda args: self._loss(*args), (y, logits, weight, arguments))


def _known(spec, value):
    """The shape of an argument, as XLA compiles for one anyway: its graph is half as large.

    A single network is one of an open number, as `tf.vectorized_map` would not map over it, and
    not tell whether it can.
    """
    shape = [None if i == 0 and n == 1 else n for i, n in enumerate(np.shape(value))]
    return tf.TensorSpec(shape, spec.dtype)


def _inputs(X):
    """One input, or the list of several, as a network takes them."""
    return X[0] if len(X) == 1 else list(X)


def _widest(network):
    """Numbers that the widest layer puts out for a row."""
    outputs = [t for op in network.operations for t in keras.tree.flatten(op.output)]
    return max(int(np.prod(output.shape[1:])) for output in outputs)


def _alone(function, args):
    """`tf.vectorized_map` for a single network, with plain products of matrices."""
    result = function(tf.nest.map_structure(lambda value: value[0], args))
    return tf.nest.map_structure(lambda value: value[None], result)


def _stacked(function, args):
    # Autograph has nothing to rewrite here: no Python control flow depends on tensors.
    return tf.vectorized_map(tf.autograph.experimental.do_not_convert(function), args, warn=False)


_programs: OrderedDict = OrderedDict()
_n_compilations = 0
_lock = threading.Lock()


def program_for(key, build):
    """The program of a key, built if it is not kept; the least recently used is dropped first."""
    key = (keras.config.floatx(), key)
    with _lock:
        program = _programs.pop(key, None) or build()
        _programs[key] = program
        while len(_programs) > MOST_PROGRAMS:
            _programs.popitem(last=False)
    return program


def _forget(program):
    """Drop a program whose first steps failed, so that nothing of a failed fit is used again."""
    with _lock:
        for key in [key for key, kept in _programs.items() if kept is program]:
            del _programs[key]


def count_traces():
    """Number of traces of all kept programs."""
    with _lock:
        return sum(program.traces for program in _programs.values())
