"""What new processes show: an import and a first fit change nothing, and results are the same."""

import json
import os
import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from keras_setup import of
from perceptron_setup import VARIANTS, digest, mlp, rows

from skimbalance import ImbalancedSequenceClassifier

pytestmark = pytest.mark.slow


FEW_ROWS = "ignore:Few held-out rows judge:UserWarning"


def in_new_process(code, *arguments, **environment):
    """Standard output of Python code."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-W", FEW_ROWS, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


# A new process without Keras

WITHOUT_KERAS = """
import json, os, pickle, random, sys, warnings
from pathlib import Path
import numpy as np, sklearn.base
import sklearn.preprocessing  # it imports rich where that is installed, which draws a number

said, folder = {}, Path(sys.argv[1])
heavy = {"tensorflow", "keras", "scikeras", "matplotlib", "tqdm"}

def imported():
    return sorted(heavy & {name.partition(".")[0] for name in sys.modules})

def state():
    return (dict(os.environ), random.getstate(), repr(np.random.get_state()), np.geterr(),
            list(warnings.filters), list(sys.path), list(sys.meta_path),
            dict(vars(sklearn.base.BaseEstimator)))

before = state()
import skimbalance
said["state after the import"] = [a == b for a, b in zip(before, state())]
said["imported"] = imported()

# Whatever is public, and what a fitted classifier is made of.
from skimbalance import class_weight, classifier, datasets, posterior, sampling
skimbalance.ImbalancedMLPClassifier().get_params()
repr(skimbalance.ImbalancedMLPClassifier())
said["imported for parameters"] = imported()

import joblib
joblib.Parallel(backend="stacked")(joblib.delayed(abs)(i) for i in range(3))
said["imported for the backend"] = imported()

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "keras", "scikeras"):
            raise ImportError("not in this process: " + name)

sys.meta_path.insert(0, Refuse())
clf = pickle.loads((folder / "clf.pickle").read_bytes())
X = np.load(folder / "X.npy")
np.savez(folder / "out.npz", label=clf.predict(X), proba=clf.predict_proba(X),
         score=clf.decision_function(X), posterior=clf.predict_posterior(X, priors=[0.5, 0.5]),
         one=clf.predict_proba(X[:1]))
said["imported for predictions"] = imported()
said["history"] = clf.history_["loss"]
said["class_weight"] = list(clf.class_weight_)
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def without_keras(tmp_path_factory):
    """A classifier, what a process said that read it from its pickle, and what it predicted."""
    folder = tmp_path_factory.mktemp("without_keras")
    X, y = rows()
    clf = mlp(normalization="batch", early_stopping=True, sampling="balanced", loss="focal")
    clf.fit(X, np.array(["common", "rare"])[y])
    np.save(folder / "X.npy", np.tile(X, (10, 1)))  # both paths, of few rows and of many
    (folder / "clf.pickle").write_bytes(pickle.dumps(clf))
    said = json.loads(in_new_process(WITHOUT_KERAS, folder))
    with np.load(folder / "out.npz") as out:
        return clf, said, dict(out)


def test_import_changes_nothing(without_keras):
    _, said, _ = without_keras
    assert said["state after the import"] == [True] * 8


def test_import_needs_no_keras(without_keras):
    _, said, _ = without_keras
    assert said["imported"] == []
    assert {"tensorflow", "keras"}.isdisjoint(said["imported for parameters"])


def test_the_backend_is_known_without_tensorflow(without_keras):
    _, said, _ = without_keras
    assert {"tensorflow", "keras"}.isdisjoint(said["imported for the backend"])


def test_unpickled_classifier_predicts_without_tensorflow(without_keras):
    clf, said, out = without_keras
    assert {"tensorflow", "keras"}.isdisjoint(said["imported for predictions"])
    assert said["history"] == clf.history_["loss"]
    assert said["class_weight"] == ["common", "rare"]
    X = np.tile(rows()[0], (10, 1))
    np.testing.assert_array_equal(out["label"], clf.predict(X))
    np.testing.assert_array_equal(out["proba"], clf.predict_proba(X))
    np.testing.assert_array_equal(out["score"], clf.decision_function(X))
    np.testing.assert_array_equal(out["posterior"], clf.predict_posterior(X, priors=[0.5, 0.5]))
    np.testing.assert_array_equal(out["one"], clf.predict_proba(X[:1]))


# A new process with scikit-learn

BESIDE_SKLEARN = """
import sys
import sklearn.metrics, sklearn.model_selection, sklearn.neural_network
before = set(sys.modules)
from skimbalance import *
from skimbalance import class_weight, datasets, metrics, persistence, plots, preprocessing, report
for estimator in (ImbalancedEnsembleClassifier(), ImbalancedKerasClassifier(len),
                  ImbalancedMLPClassifier(), ImbalancedSequenceClassifier(),
                  TunedDecisionClassifierCV(ImbalancedMLPClassifier()),
                  PriorCorrectedClassifier(ImbalancedMLPClassifier())):
    estimator.get_params()
print(*sorted({".".join(name.split(".")[:2]) for name in set(sys.modules) - before}))
"""


def test_the_estimators_bring_nothing_that_scikit_learn_does_not_bring():
    """What some fits need, such as trees, bins and samplers, is imported by these fits."""
    brought = {tuple(name.split(".")) for name in in_new_process(BESIDE_SKLEARN).split()}
    packages = {name for name, *_ in brought} - set(sys.stdlib_module_names)
    assert packages <= {"skimbalance", "sklearn"}
    kinds = "compose decomposition ensemble inspection linear_model neighbors svm tree"
    assert brought.isdisjoint(("sklearn", kind) for kind in kinds.split())


# A new process with Keras

WITH_KERAS = """
import json, logging, os, pickle, random, sys
import keras, tensorflow as tf
from tensorflow.python.framework import config
import numpy as np, sklearn.preprocessing, tqdm.auto

said = {}

# Before any use: class attributes and settings, by a process that has Keras but not us.
classes = [keras.Model, keras.layers.Layer, keras.losses.Loss, keras.optimizers.Optimizer,
           keras.metrics.Metric, keras.callbacks.Callback, keras.Sequential]

def state():
    return ([dict(vars(c)) for c in classes], [c.__reduce__ for c in classes],
            config.is_op_determinism_enabled(), dict(os.environ), keras.config.floatx(),
            tf.config.functions_run_eagerly(), random.getstate())

def numbers():
    return keras.random.normal((3,)).numpy().tolist(), tf.random.normal((3,)).numpy().tolist()

keras.utils.set_random_seed(1)
expected = numbers()
keras.utils.set_random_seed(1)
before = state()
from skimbalance import ImbalancedMLPClassifier
clf = ImbalancedMLPClassifier((8,), dropout=0.5, epochs=1, random_state=0)
clf.fit([[0.0], [1.0]] * 5, [0, 1] * 5)
clf.model_
said["state after a fit"] = [a == b for a, b in zip(before, state())]
said["numbers after a fit"] = numbers() == expected

# TensorFlow warns of retracing twice at most: here it has not yet.
messages = []
tf.get_logger().handlers = [logging.Handler()]
tf.get_logger().handlers[0].emit = lambda record: messages.append(record.getMessage())
tf.get_logger().warning("heard")
for n_units in range(3, 9):
    clf = ImbalancedMLPClassifier((n_units,), epochs=1)
    clf.fit(np.arange(20.0)[:, None], np.arange(20) % 2)
said["messages"] = messages

tests, folder = sys.argv[1:]
sys.path.insert(0, tests)
from perceptron_setup import VARIANTS, digest, mlp, rows
X, y = rows()
# In the reverse order, which does not matter.
said["digests"] = [digest(mlp(**VARIANTS[name]).fit(X, y)) for name in reversed(VARIANTS)]

for name in ("bilstm", "conv1d", "custom"):
    with open(f"{folder}/{name}", "rb") as file:
        clf, X = pickle.load(file)
    labels = [np.ravel(y).tolist() for y in clf.predict(X)]
    said[name] = {"proba": clf.predict_proba(X).tolist(), "labels": labels}
said["custom"]["model"] = np.asarray(clf.model_(X)).tolist()
said["custom"]["path"] = clf.fit_path_
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A folder with pickles of classifiers and rows, and these by their names."""
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abx"), n)) for n in rng.integers(1, 12, 60)]
    tags = [["rare" if c == "x" else "O" for c in word] for word in words]
    features = [rng.normal(size=(n, 2)) for n in rng.integers(1, 9, 60)]
    steps = [(x[:, 0] > 1).astype(int) for x in features]
    small = {"units": 4, "embedding_dim": 4, "epochs": 3, "dropout": 0.3, "random_state": 0}
    tuned = {"early_stopping": True, "objective": "f1_macro"}
    tagger = partial(ImbalancedSequenceClassifier, **small)
    X, y = rows()
    classifiers = {
        "bilstm": (tagger(network="bilstm", **tuned).fit(words, tags), words),
        "conv1d": (tagger(network="conv1d", n_layers=2).fit(features, steps), features),
        "custom": (of(units=4, dropout=0.2).fit(X, y), X),
    }
    folder = tmp_path_factory.mktemp("fitted")
    for name, pair in classifiers.items():
        (folder / name).write_bytes(pickle.dumps(pair))
    return folder, classifiers


@pytest.fixture(scope="module")
def with_keras(fitted):
    """What a process said that had Keras, but not us; with another seed of hashes."""
    tests = Path(__file__).parent
    environment = {"PYTHONHASHSEED": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return json.loads(in_new_process(WITH_KERAS, tests, fitted[0], **environment))


def test_first_fit_leaves_keras_as_it_was(with_keras):
    assert with_keras["state after a fit"] == [True] * 7
    assert with_keras["numbers after a fit"]


def test_many_shapes_cause_no_warning(with_keras):
    # A grid over layer sizes traces a program for each size: TensorFlow, which counts by
    # function, must not warn of "retracing".
    assert with_keras["messages"] == ["heard"]


def test_same_bits_in_two_processes(with_keras):
    X, y = rows()
    here = [digest(mlp(**options).fit(X, y)) for options in VARIANTS.values()]
    assert with_keras["digests"][::-1] == here


@pytest.mark.parametrize("name", ["bilstm", "conv1d", "custom"])
def test_pickle_in_another_process(fitted, with_keras, name):
    folder, classifiers = fitted
    clf, X = classifiers[name]
    assert (folder / name).stat().st_size < 40_000
    np.testing.assert_allclose(with_keras[name]["proba"], clf.predict_proba(X), atol=1e-6)
    assert with_keras[name]["labels"] == [np.ravel(y).tolist() for y in clf.predict(X)]
    if name == "custom":
        np.testing.assert_allclose(with_keras[name]["model"], clf.predict_proba(X), atol=1e-6)
        assert with_keras[name]["path"] == "compiled"


# A process made by fork

IN_A_FORK = """
import json, multiprocessing, os, sys, warnings
warnings.filterwarnings("ignore", ".*fork")
import keras
import numpy as np
import skimbalance
from skimbalance import (
    ImbalancedKerasClassifier, ImbalancedMLPClassifier, ImbalancedSequenceClassifier
)

X, y = np.arange(40.0).reshape(20, 2), np.repeat([0, 1], 10)

def build():
    inputs = keras.Input((2,))
    return keras.Model(inputs, keras.layers.Dense(2, "softmax")(inputs))

def estimators():
    return [
        (ImbalancedMLPClassifier((2,), epochs=1, early_stopping=False), X, y),
        (ImbalancedKerasClassifier(build, epochs=1, early_stopping=False), X, y),
        (ImbalancedSequenceClassifier("conv1d", epochs=1, early_stopping=False),
         X[:, :, None], y[:, None] + np.zeros((20, 2), int)),
    ]

def said_by(function, *arguments):
    try:
        return str(np.asarray(function(*arguments)).dtype)
    except Exception as error:
        return f"{type(error).__name__}: {error}"

def child(queue):
    for (clf, X, y), fitted in zip(estimators(), those_fitted):
        queue.put(said_by(lambda: clf.fit(X, y).classes_))
        queue.put(said_by(fitted.predict, X))
        queue.put(said_by(lambda: fitted.model_.count_params()))

those_fitted = [clf.fit(X, y) for clf, X, y in estimators()] if "fit" in sys.argv else []
if "keras" in sys.argv:
    build().predict(X, verbose=0)
    those_fitted = [clf for clf, *_ in estimators()]
context = multiprocessing.get_context("fork")
queue = context.Queue()
process = context.Process(target=child, args=(queue,))
process.start()
print(json.dumps([queue.get(timeout=60) for _ in range(3 * len(those_fitted))]), flush=True)
process.join(60)
os._exit(0)  # TensorFlow may wait at the end.
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.parametrize("ran", ["fit", "keras"])
def test_what_needs_tensorflow_says_so_in_a_fork_and_never_hangs(ran):
    said = json.loads(in_new_process(IN_A_FORK, ran))
    fits, predictions, models = said[::3], said[1::3], said[2::3]
    refused = [x.startswith("RuntimeError: TensorFlow must not have run") for x in fits]
    assert refused == [True] * 3
    if ran == "fit":
        assert predictions[0] == "int64"
        assert all("TensorFlow must not have run" in x for x in [*predictions[1:], *models])


def test_another_backend_of_keras_is_named():
    code = """
import numpy as np
from skimbalance import ImbalancedKerasClassifier, ImbalancedMLPClassifier
for clf in (ImbalancedMLPClassifier((2,)), ImbalancedKerasClassifier(len)):
    try:
        clf.fit(np.eye(20), np.repeat([0, 1], 10))
    except RuntimeError as error:
        print(error)
"""
    said = in_new_process(code, KERAS_BACKEND="jax").splitlines()
    assert len(said) == 2
    assert all("KERAS_BACKEND" in line and "Got 'jax'" in line for line in said)


# Threads

BITS = """
import hashlib, json, sys, warnings
import numpy as np
from sklearn.datasets import make_classification
from sklearn.tree import DecisionTreeClassifier
from skimbalance import *

warnings.simplefilter("ignore")
X, y = make_classification(12_000, 12, n_informative=6, weights=[0.8], random_state=0)
weight = np.random.default_rng(0).random(len(y))
tree = DecisionTreeClassifier(max_depth=4, random_state=0)
fits = {
    "network": ImbalancedMLPClassifier((128,), batch_size=1024, epochs=1, random_state=0),
    "stopped": ImbalancedMLPClassifier((16,), epochs=2, early_stopping=True, random_state=0),
    "periodic": ImbalancedMLPClassifier(
        (16,), epochs=1, numeric_embedding="periodic", random_state=0
    ),
    "tuned": TunedDecisionClassifierCV(tree, objective="f1_macro", cv=2, random_state=0),
    "prior": PriorCorrectedClassifier(tree),
}
said = {}
for name, clf in fits.items():
    if name == "prior":
        clf.fit(X, y)
    else:
        clf.fit(X, y, sample_weight=weight)
    numbers = [clf.predict_proba(X), clf.predict_proba(X[:5_000]), clf.predict(X)]
    said[name] = [hashlib.sha256(part.tobytes()).hexdigest() for part in numbers]
ensemble = ImbalancedEnsembleClassifier(cv=2, random_state=0).fit(X[:600], y[:600])
proba = [ensemble.oof_proba_, ensemble.predict_proba(X)]
said["ensemble"] = [hashlib.sha256(part.tobytes()).hexdigest() for part in proba]
print(json.dumps(said))
"""


def test_bits_do_not_depend_on_the_number_of_threads():
    one = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    two = {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    one_core = "import os; os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])\n"
    prefix = one_core if hasattr(os, "sched_setaffinity") else ""
    few = json.loads(in_new_process(prefix + BITS, **one))
    many = json.loads(in_new_process(BITS, **two))
    assert few == many
