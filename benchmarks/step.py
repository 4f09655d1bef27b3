"""Where the time of a training step goes, alone and stacked.

Run: python benchmarks/step.py [W0 W1 ...]
Microseconds a network and step, all cores busy: as many threads as cores, each with a stack of its
own. Adam and the rest of the gradient are differences of compiled programs: with Adam, with plain
gradient descent, and the products alone, by XLA as in ours, and in NumPy.
"""

import itertools
import os
import statistics
import sys
import threading
import types
import weakref
from functools import partial

import numpy as np
import tensorflow as tf
from common import SIZES, data, print_machine, print_table, quiet, times

from skimbalance._engine import stack
from skimbalance._engine.job import Job, Rows
from skimbalance._engine.member import Member
from skimbalance._fit.perceptron import Architecture, initial_weights
from skimbalance._keras.training import _program
from skimbalance.sampling import shuffled_order

CORES = os.cpu_count()


def job(size, optimizer):
    """A fit of a size, as the engine is asked for it."""
    _, d, _, layers, batch, _ = SIZES[size]
    X, y = data(size)
    architecture = Architecture(d, 2, layers, "relu", None, False)
    params = types.SimpleNamespace(loss="crossentropy", optimizer=optimizer)
    weight = np.ones(len(y), np.float32)
    return Job(
        program=_program(architecture, params, {}),
        weights=initial_weights(architecture, np.random.default_rng(0)),
        rows=Rows((X,), np.arange(len(y)), y, weight),
        order=lambda epoch: shuffled_order(y, seed=0, epoch=epoch),
        first_epoch=0,
        epochs=10**6,
        batch_size=batch,
        learning_rates=lambda first, n: np.full(n, 1e-3),
        weight_decay=0.0,
        arguments={},
    )  # fmt: skip


def trained(size, optimizer, K):
    """A stack of K networks; how to fill its batches, how to train them, and steps of one call."""
    ours = job(size, optimizer)
    shared = weakref.WeakValueDictionary()
    seats = stack._Stack([*enumerate([ours] * K)], None, None, K, shared, None)
    n = seats._batches[0].shape[1]
    members = [Member(ours, stack.rows_per_batch(ours), shared) for _ in range(K)]

    def fill():
        for k, member in enumerate(members):
            member.fill(n, *(part[k] for part in seats._batches))

    def train(steps=n):
        (params, slots, state), decay, arguments = seats._nets
        ours.program.steps(params, slots, state, seats._batches, steps, decay, arguments)[0].numpy()

    return fill, train, n


def products(size, K, by_xla):
    """Function that does the products of n steps of K networks."""
    _, d, _, layers, batch, _ = SIZES[size]
    widths = [d, *layers, 2]
    rng = np.random.default_rng(0)
    kernels = [rng.random((K, *pair), np.float32) for pair in itertools.pairwise(widths)]
    inputs = [rng.random((K, batch, width), np.float32) for width in widths]

    def step(kernels, inputs, matmul, transposed):
        outputs = []
        for i, kernel in enumerate(kernels):
            outputs += [matmul(inputs[i], kernel), matmul(transposed(inputs[i]), inputs[i + 1])]
            if i:
                outputs.append(matmul(inputs[i + 1], transposed(kernel)))
        return outputs

    def in_numpy(n):
        for _ in range(n):
            step(kernels, inputs, np.matmul, lambda a: a.transpose(0, 2, 1))

    @tf.function(jit_compile=True, autograph=False)
    def in_xla(n, kernels, inputs):
        def body(i, kernels, total):
            # The kernels change in each step, so that no product can be moved out of the loop.
            kernels = [kernel * 0.999 for kernel in kernels]
            changed = [x + kernels[0][:, :1, :1] for x in inputs]
            results = step(kernels, changed, tf.matmul, tf.linalg.matrix_transpose)
            return i + 1, kernels, total + sum(tf.reduce_sum(r[:, 0, 0]) for r in results)

        return tf.while_loop(lambda i, *_: i < n, body, (0, kernels, 0.0))[2]

    return (lambda n: in_xla(n, kernels, inputs).numpy()) if by_xla else in_numpy


def on_all_cores(make, n, K):
    """Microseconds a network and step of a function, as many at once as there are cores."""
    functions = [make() for _ in range(CORES)]
    for function in functions:
        function()

    def run():
        threads = [threading.Thread(target=function) for function in functions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return statistics.median(times(run, 5)) / (n * K * CORES) * 1e6


def row(size, K):
    """Where the step of a stack of K goes."""
    fill, _, n = trained(size, "adam", K)
    adam = on_all_cores(lambda: trained(size, "adam", K)[1], n, K)
    sgd = on_all_cores(lambda: trained(size, "sgd", K)[1], n, K)
    call = on_all_cores(lambda: partial(trained(size, "adam", K)[1], 0), n, K)
    xla = on_all_cores(lambda: partial(products(size, K, True), n), n, K)
    in_numpy = on_all_cores(lambda: partial(products(size, K, False), n), n, K)
    filled = statistics.median(times(fill, 5)) / (n * K) * 1e6
    parts = (filled + adam, filled, call, xla, sgd - call - xla, adam - sgd, in_numpy)
    return [size, K, *(f"{part:.1f}" for part in parts)]


def main(sizes):
    """Measure and print."""
    quiet()
    print_machine()
    rows = []
    for size in sizes:
        most = stack.stack_size(job(size, "adam"), 10**6)
        rows += [row(size, K) for K in sorted({1, most})]
    print("Microseconds a network and step, all cores busy.\n")
    header = ["", "networks", "all", "batches", "call", "products", "rest of the gradient", "Adam"]
    print_table([*header, "products in NumPy"], rows)


if __name__ == "__main__":
    main(sys.argv[1:] or SIZES)
