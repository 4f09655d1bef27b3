"""What holds for all tests: collecting garbage is cheap, and quick tests train no network."""

import gc
import sys
import types
from collections import OrderedDict

import pytest

TRAINING = "skimbalance._keras.training"


class NoTraining(types.ModuleType):
    """In the place of the module that every fit of a network imports."""

    @staticmethod
    def train(*args):
        """End the test that called."""
        pytest.fail("A test that trains a network must have the marker 'slow'.")


def pytest_collection_finish(session):
    # All that is imported by now will stay. A collection of garbage that looks at it takes seconds
    # with TensorFlow, and stops all threads meanwhile: the tests of threads would wait for it.
    gc.collect()
    gc.freeze()
    if "not slow" in session.config.option.markexpr:
        sys.modules[TRAINING] = NoTraining(TRAINING)


@pytest.fixture(autouse=True)
def no_figures_stay():
    """Close what a test left to pyplot, which keeps figures and warns of more than 20."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(autouse=True)
def compilations_of_its_own():
    """Let each test compile as if its process were new: a process compiles few networks only."""
    yield
    if "skimbalance._engine.tensorflow.program" in sys.modules:
        sys.modules["skimbalance._engine.tensorflow.program"]._n_compilations = 0


PLAIN_PROGRAMS = OrderedDict()


@pytest.fixture
def plain_graphs(monkeypatch):
    """Let networks train by plain graphs, as in a process whose memory takes no more programs.

    XLA compiles for half of the time of a first fit. Where a test is not about how networks train,
    this time is saved; the programs are apart from those of other tests, which are compiled.
    """
    from skimbalance._engine.tensorflow import program

    monkeypatch.setattr(program, "MOST_COMPILATIONS", 0)
    monkeypatch.setattr(program, "_programs", PLAIN_PROGRAMS)


@pytest.fixture
def float64():
    """Keras computes in double precision, as after `set_floatx` in a new process."""
    import keras

    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])
