"""Where the time of a training step goes, for one network and for a stack of networks.

Run: python benchmarks/step.py [W0 W1 ...]
Microseconds per network and step with all cores busy: there are as many threads as cores, and each
trains a stack of its own. The time of Adam and of the rest of the gradient are differences between
compiled programs: with Adam, with plain gradient descent, and with the matrix products alone, the
latter by XLA as in ours, and by NumPy.
"""

import inspect
import itertools
import os
import statistics
import threading
from contextlib import suppress
from unittest import mock

import numpy as np
import tensorflow as tf
from common import ARGUMENTS, SIZES, data, pick, print_machine, print_table, quiet, times

from skimbalance import ImbalancedMLPClassifier
from skimbalance._engine import joblib_backend, stack
from skimbalance._engine.member import Member

CORES = os.cpu_count()
REPEATS = pick(5, 1)


class EnoughError(Exception):
    """Ends a fit once its arguments are known."""


def job(size, optimizer):
    """The job of the engine by which our classifier trains on data of a size."""
    *_, layers, batch, epochs = SIZES[size]
    classifier = ImbalancedMLPClassifier(
        layers,
        optimizer=optimizer,
        batch_size=batch,
        epochs=epochs,
        early_stopping=False,
        class_weight=None,
    )
    with (
        mock.patch.object(joblib_backend, "train", side_effect=EnoughError) as train,
        suppress(EnoughError),
    ):
        classifier.fit(*data(size))
    return train.call_args.args[0]


def first_call(size, optimizer, K):
    """How a stack of K networks fills its first batches and trains on them, and their number.

    Returns two functions, of which the second has the number of steps as its argument.
    """
    asked = job(size, optimizer)
    fills = []

    def fill(member, *args, original=Member.fill):
        fills.append((member, args))
        original(member, *args)

    with (
        mock.patch.object(Member, "fill", fill),
        mock.patch.object(asked.program, "steps", side_effect=EnoughError) as steps,
        suppress(EnoughError),
    ):
        stack.train_stack([asked] * K, mock.Mock(), bar=mock.MagicMock(), size=K)
    call = inspect.signature(asked.program.steps).bind(*steps.call_args.args)
    n = call.arguments["n_steps"]

    def train(n_steps=n):
        call.arguments["n_steps"] = n_steps
        results, _ = asked.program.steps(*call.args)
        np.asarray(tf.nest.flatten(results)[0])  # waits for the end

    return lambda: [member.fill(*args) for member, args in fills], train, n


def products(size, K, by_xla):
    """Function of n that does the matrix products of n steps of K networks."""
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
            # Kernels change in each step, so that XLA cannot move a product out of the loop.
            kernels = [kernel * 0.999 for kernel in kernels]
            changed = [x + kernels[0][:, :1, :1] for x in inputs]
            results = step(kernels, changed, tf.matmul, tf.linalg.matrix_transpose)
            return i + 1, kernels, total + sum(tf.reduce_sum(r[:, 0, 0]) for r in results)

        return tf.while_loop(lambda i, *_: i < n, body, (0, kernels, 0.0))[2]

    return (lambda n: in_xla(n, kernels, inputs).numpy()) if by_xla else in_numpy


def on_all_cores(make, n, K):
    """Microseconds per network and step of a function that runs on all cores at once.

    `make` returns the function, which does n steps of K networks; each core gets its own.
    """
    functions = [make() for _ in range(CORES)]
    for function in functions:
        function()

    def run():
        threads = [threading.Thread(target=function) for function in functions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return statistics.median(times(run, REPEATS)) / (n * K * CORES) * 1e6


def row(size, K):
    """Table row of a stack of K networks."""
    fill, _, n = first_call(size, "adam", K)

    def training(optimizer, n_steps=n):
        train = first_call(size, optimizer, K)[1]
        return lambda: train(n_steps)

    def multiplying(by_xla):
        multiply = products(size, K, by_xla)
        return lambda: multiply(n)

    filled = statistics.median(times(fill, REPEATS)) / (n * K) * 1e6
    adam = on_all_cores(lambda: training("adam"), n, K)
    sgd = on_all_cores(lambda: training("sgd"), n, K)
    call = on_all_cores(lambda: training("adam", n_steps=0), n, K)
    xla = on_all_cores(lambda: multiplying(by_xla=True), n, K)
    in_numpy = on_all_cores(lambda: multiplying(by_xla=False), n, K)
    parts = (filled + adam, filled, call, xla, sgd - call - xla, adam - sgd, in_numpy)
    return [size, K, *(f"{part:.1f}" for part in parts)]


def main(sizes):
    """Measure and print."""
    quiet()
    print_machine()
    rows = []
    for size in sizes:
        largest = stack.stack_size(job(size, "adam"), pick(10**6, 3))
        rows += [row(size, K) for K in sorted({1, largest})]
    print("Microseconds per network and step, all cores busy.\n")
    header = ["", "networks", "all", "batches", "call", "products", "rest of the gradient", "Adam"]
    print_table([*header, "products in NumPy"], rows)


if __name__ == "__main__":
    main(ARGUMENTS or pick(SIZES, ["W0"]))
