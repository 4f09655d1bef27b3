"""Where a step's time goes: its matrix products, by TensorFlow and by NumPy, and the rest.

Run: python benchmarks/products.py
"""

import itertools
from functools import partial

import numpy as np
import tensorflow as tf
from common import SIZES, print_machine, print_table, quiet, times

NAMES = ("forward", "gradient of the kernel", "gradient of the input")


def products(size, convert, matmul):
    """Name -> total microseconds a step."""
    rng = np.random.default_rng(0)
    _, d, _, layers, batch, _ = SIZES[size]
    total = dict.fromkeys(NAMES, 0.0)
    for i, (inputs, outputs) in enumerate(itertools.pairwise([d, *layers, 2])):
        x, w, g = (
            convert(rng.random(shape, np.float32))
            for shape in ((batch, inputs), (inputs, outputs), (batch, outputs))
        )
        calls = [(x, w), (x, g, True)]
        calls += [(g, w, False, True)] if i else []
        for name, call in zip(NAMES, calls, strict=False):
            total[name] += np.median(times(partial(matmul, *call), 200)[20:]) * 1e6
    return total


def numpy_matmul(a, b, transpose_a=False, transpose_b=False):
    """NumPy's product in the words of TensorFlow's."""
    return (a.T if transpose_a else a) @ (b.T if transpose_b else b)


def main():
    """Measure and print."""
    quiet()
    print_machine()
    rows = []
    for size in SIZES:
        for name, convert, matmul in (
            ("TensorFlow", tf.constant, tf.matmul),
            ("NumPy", np.asarray, numpy_matmul),
        ):
            total = products(size, convert, matmul)
            cells = [f"{value:,.0f}" for value in (*total.values(), sum(total.values()))]
            rows.append([size, name, *cells])
    print("Microseconds a step in matrix products, each called alone (TensorFlow: some 12 each")
    print("of them are the call).\n")
    print_table(["", "", *NAMES, "sum"], rows)


if __name__ == "__main__":
    main()
