"""Sums and products do not depend on the threads of BLAS."""

import ast
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

import skimbalance
from skimbalance.metrics._sums import one_blas_thread, weighted_sum

ROOT = Path(skimbalance.__file__).parent
RNG = np.random.default_rng(0)

# Modules in which NumPy multiplies matrices: the products stand under `one_blas_thread`, or are
# of a few numbers, which BLAS shares among no threads.
WITH_PRODUCTS = {
    "_engine/member.py": "steps of a call",
    "_fit/embedding.py": "under the limit of `perceptron.forward`",
    "_fit/perceptron.py": "under the limit",
    "_fit/targets.py": "classes",
    "class_weight.py": "classes",
    "decision/_calibration.py": "parameters of a calibration",
    "decision/_objectives.py": "classes",
    "decision/_rules.py": "under the limit",
    "metrics/_clusters.py": "under the limit",
    "metrics/_decisions.py": "sparse matrices, for which SciPy has no threads",
    "metrics/_scores.py": "classes",
    "prior/_estimate.py": "under the limit",
    "sampling/_iterative.py": "labels",
}


def blas():
    return ThreadpoolController().select(user_api="blas")


def n_threads():
    return {library["num_threads"] for library in blas().info()}


@pytest.mark.parametrize("shape", [(500,), (500, 3), (0,), (0, 3)])
@pytest.mark.parametrize("kind", [float, bool, int])
def test_weighted_sum_is_the_product(shape, kind):
    weight, values = RNG.random(shape[0]), (RNG.random(shape) * 2).astype(kind)
    np.testing.assert_allclose(weighted_sum(weight, values), weight @ values, rtol=1e-12)


def test_a_limit_ends_when_the_last_thread_leaves():
    before, inside = n_threads(), []
    first_is_in, first_may_go = threading.Event(), threading.Event()

    def first():
        with one_blas_thread():
            first_is_in.set()
            first_may_go.wait(60)

    def second():
        with one_blas_thread():
            first_may_go.set()
            leaving.result(60)
            inside.append(n_threads())

    with ThreadPoolExecutor(2) as pool:
        leaving = pool.submit(first)
        first_is_in.wait(60)
        pool.submit(second).result(60)
    assert inside == [{1}]
    assert n_threads() == before


def test_a_limit_holds_in_any_thread_within_one_of_the_main_thread():
    def limited():
        with one_blas_thread():
            return n_threads()

    with blas().limit(limits=2):
        before = n_threads()
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(limited).result(60) == {1}
        assert n_threads() == before


def multiplies(file):
    """Whether a module multiplies matrices of NumPy."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    operators = any(isinstance(node, ast.MatMult) for node in nodes)
    names = {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)}
    return operators or bool(names & {"np.matmul", "np.dot", "np.vdot", "np.inner", "np.tensordot"})


def test_products_stand_in_known_modules():
    # In TensorFlow, and once for each file.
    others = {"networks", "_losses", "tensorflow", "_onnx"}
    files = [file for file in ROOT.rglob("*.py") if not others & set(file.relative_to(ROOT).parts)]
    found = {str(file.relative_to(ROOT)) for file in files if multiplies(file)}
    assert found == set(WITH_PRODUCTS)
