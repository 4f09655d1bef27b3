"""Nothing outside the estimator changes, and the same seed gives the same bits everywhere."""

import copy
import hashlib
import inspect
import json
import os
import pickle
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler

from skimbalance import ImbalancedMLPClassifier, ImbalancedSequenceClassifier

pytestmark = pytest.mark.slow


def mlp(**options):
    defaults = {"hidden_layer_sizes": (8,), "epochs": 2, "dropout": 0.2, "random_state": 0}
    return ImbalancedMLPClassifier(**{**defaults, **options})


def rows(seed=0):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat([0, 1], [80, 20]))
    return rng.normal(size=(100, 3)) + y[:, None], y


def in_new_process(code, *arguments, **environment):
    """Standard output of Python code."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


# The state of the process


def keras_state():
    """What a fit could leave behind in Keras and TensorFlow."""
    import keras
    import tensorflow as tf
    from tensorflow.python.framework import config

    global_state = keras.src.backend.common.global_state
    return {
        "op determinism": config.is_op_determinism_enabled(),
        "eager": tf.config.functions_run_eagerly(),
        "threads": (
            tf.config.threading.get_inter_op_parallelism_threads(),
            tf.config.threading.get_intra_op_parallelism_threads(),
        ),
        "floatx": keras.config.floatx(),
        "epsilon": keras.config.epsilon(),
        "data format": keras.config.image_data_format(),
        "policy": keras.config.dtype_policy().name,
        "backend": keras.config.backend(),
        "traceback filtering": keras.config.is_traceback_filtering_enabled(),
        "interactive": keras.config.is_interactive_logging_enabled(),
        "generator": tf.random.get_global_generator().state.numpy().tolist(),
        "seed": global_state.get_global_attribute("global_seed_generator"),
        "custom objects": set(keras.saving.get_custom_objects()),
    }


def keras_random_numbers():
    """Numbers that Keras and TensorFlow draw after both were seeded."""
    import keras
    import tensorflow as tf

    return (
        keras.random.normal((3,)).numpy().tolist(),
        keras.initializers.GlorotUniform()((2, 2)).numpy().tolist(),
        tf.random.normal((3,)).numpy().tolist(),
    )


def class_state():
    """The attributes of the classes that others have been seen to patch."""
    import keras
    import sklearn.base

    classes = (
        keras.Model,
        keras.Sequential,
        keras.layers.Layer,
        keras.layers.Dense,
        keras.layers.Dropout,
        keras.losses.Loss,
        keras.metrics.Metric,
        keras.optimizers.Optimizer,
        keras.optimizers.Adam,
        keras.callbacks.Callback,
        sklearn.base.BaseEstimator,
    )
    return {(cls, name): value for cls in classes for name, value in vars(cls).items()}


def use(X, y):
    """Everything that a user does with a classifier."""
    import keras

    clf = mlp(early_stopping=True, normalization="batch").fit(X, y)
    clf.predict(X)
    clf.predict_proba(X)
    clf.predict_posterior(X)
    clf.partial_fit(X, y)
    clf.model_.predict(X, verbose=0)
    pickle.loads(pickle.dumps(clf)).predict(X)
    mlp(sampling=RandomUnderSampler(), random_state=None).fit(X, y)
    mlp(sampling="balanced", optimizer=keras.optimizers.SGD(0.1), loss="focal").fit(X, y)
    hook = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    mlp(callbacks=[hook]).fit(X, y)
    with pytest.raises(ValueError, match="finite"):
        mlp(learning_rate=1e20, epochs=5).fit(X, y)


def test_process_is_left_as_it_was():
    import keras

    X, y = rows()
    use(X, y)  # what is imported once is there already
    keras.utils.set_random_seed(7)
    expected_numbers = keras_random_numbers()
    keras.utils.set_random_seed(7)
    before = {
        "environment": dict(os.environ),
        "python": random.getstate(),
        "numpy errors": np.geterr(),
        "keras": keras_state(),
        "classes": class_state(),
        "directory": os.getcwd(),
        "path": list(sys.path),
    }
    # Another shape, so that its programs are built and traced here.
    use(np.hstack([X, X]), y)
    after = {
        "environment": dict(os.environ),
        "python": random.getstate(),
        "numpy errors": np.geterr(),
        "keras": keras_state(),
        "classes": class_state(),
        "directory": os.getcwd(),
        "path": list(sys.path),
    }
    for name, value in after.items():
        assert value == before[name], name
    assert keras_random_numbers() == expected_numbers


@pytest.mark.parametrize("random_state", [0, np.random.RandomState(0)], ids=["int", "instance"])
@pytest.mark.parametrize("sampling", ["balanced", RandomUnderSampler(), SMOTE()], ids=str)
def test_numpy_state_is_left_by_a_seeded_fit(random_state, sampling):
    X, y = rows()
    np.random.seed(3)  # noqa: NPY002
    before = pickle.dumps(np.random.get_state())  # noqa: NPY002
    clf = mlp(random_state=random_state, sampling=sampling, early_stopping=True).fit(X, y)
    clf.predict_proba(X)
    assert pickle.dumps(np.random.get_state()) == before  # noqa: NPY002


def test_unseeded_fit_works_after_a_seeded_one():
    # scikeras leaves op determinism on, after which an unseeded TensorFlow program dies.
    import tensorflow as tf

    X, y = rows()
    mlp(random_state=0).fit(X, y)
    tf.random.uniform((100,))
    assert mlp(random_state=None).fit(X, y).n_iter_ == 2


# The caller's things


def fingerprint(value):
    if isinstance(value, np.ndarray):
        return value.dtype, value.shape, value.tobytes(), value.flags.writeable
    return copy.deepcopy(value)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_are_not_changed(dtype, order):
    X, y = rows()
    X = np.asarray(X, dtype=dtype, order=order)
    weight = np.random.default_rng(0).random(100)
    class_weight = np.array([1.0, 3.0])
    before = [fingerprint(array) for array in (X, y, weight, class_weight)]
    clf = mlp(class_weight=class_weight).fit(X, y, sample_weight=weight)
    clf.partial_fit(X, y, sample_weight=weight)
    for method in ("predict", "predict_proba", "decision_function", "predict_posterior"):
        getattr(clf, method)(X)
    clf.predict_posterior(X, priors=class_weight)
    clf.score(X, y, sample_weight=weight)
    clf.model_.predict(X, verbose=0)
    mlp(sampling=SMOTE(), standardize=False).fit(X, y)
    assert [fingerprint(array) for array in (X, y, weight, class_weight)] == before


def test_frames_are_not_changed():
    pd = pytest.importorskip("pandas")
    X, y = rows()
    frame = pd.DataFrame(X, columns=list("abc"))
    labels = pd.Series(np.array(["no", "yes"])[y], dtype="category")
    copies = frame.copy(), labels.copy()
    clf = mlp(sampling=SMOTE()).fit(frame, labels)
    clf.predict_posterior(frame)
    pd.testing.assert_frame_equal(frame, copies[0])
    pd.testing.assert_series_equal(labels, copies[1])


def test_parameters_are_not_changed():
    X, y = rows()
    given = {
        "hidden_layer_sizes": [8],
        "class_weight": {1: 3.0, 0: 1.0},
        "loss": "ldam",
        "loss_params": {"max_margin": 0.3},
        "sampling": RandomUnderSampler(),
        "random_state": 0,
    }
    copies = {name: copy.deepcopy(value) for name, value in given.items()}
    clf = mlp(**given).fit(X, y)
    clf.partial_fit(X, y)
    params = clf.get_params(deep=False)
    for name, value in given.items():
        assert params[name] is value
    for name in ("hidden_layer_sizes", "class_weight", "loss_params"):
        assert params[name] == copies[name]
    assert vars(given["sampling"]) == vars(copies["sampling"])  # a clone was fitted


def test_keras_parameters_are_not_changed():
    import keras

    X, y = rows()
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.5))
    loss = keras.losses.CategoricalFocalCrossentropy()
    configs = str(optimizer.get_config()), str(loss.get_config())
    first = mlp(optimizer=optimizer, loss=loss).fit(X, y).predict_proba(X)
    assert (str(optimizer.get_config()), str(loss.get_config())) == configs
    assert not optimizer.built
    np.testing.assert_array_equal(
        mlp(optimizer=optimizer, loss=loss).fit(X, y).predict_proba(X), first
    )


def test_fitted_state_is_the_estimators_own():
    X, y = rows()
    clf = mlp().fit(X, y)
    expected = clf.predict_proba(X)
    # What is handed out may be written to: a Keras model is a new one each time.
    model = clf.model_
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    np.testing.assert_array_equal(model.predict(X, verbose=0), 0.5)
    clf.predict_proba(X)[:] = 0
    X[:] = 0
    np.testing.assert_array_equal(clf.predict_proba(rows()[0]), expected)
    np.testing.assert_allclose(clf.model_.predict(rows()[0], verbose=0), expected, atol=1e-6)


def test_two_fits_share_nothing():
    X, y = rows()
    first = mlp().fit(X, y)
    expected = first.predict_proba(X)
    mlp(random_state=1, class_weight=None).fit(-X, 1 - y)
    first_again = pickle.loads(pickle.dumps(first))
    first_again.partial_fit(X, y)
    np.testing.assert_array_equal(first.predict_proba(X), expected)


def test_nothing_is_printed(capfd):
    X, y = rows()
    mlp(early_stopping=True).fit(X, y).predict(X)
    assert capfd.readouterr() == ("", "")
    mlp(verbose=1).fit(X, y)
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "2/2" in shown.err
    assert "loss=" in shown.err


def test_no_files_are_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X, y = rows()
    mlp().fit(X, y).model_.predict(X, verbose=0)
    assert list(tmp_path.iterdir()) == []


# The same seed, the same bits

VARIANTS = {
    "plain": {},
    "stopping": {"early_stopping": True, "monitor": "average_precision", "epochs": 4},
    "balanced": {"sampling": "balanced", "loss": "focal"},
    "SMOTE": {"sampling": SMOTE()},
    "under-sampling": {"sampling": RandomUnderSampler(), "normalization": "batch"},
    "adamw": {"optimizer": "adamw", "learning_rate_schedule": "cosine"},
}


def digest(clf):
    """Of all the numbers of a fit."""
    numbers = [clf.predict_proba(rows()[0]).tobytes(), repr(clf.history_).encode()]
    numbers += [w.tobytes() for w in clf.model_.get_weights()]
    return hashlib.sha256(b"".join(numbers)).hexdigest()


@pytest.mark.parametrize("name", VARIANTS)
def test_same_bits_twice(name):
    X, y = rows()
    first = digest(mlp(**VARIANTS[name]).fit(X, y))
    mlp(random_state=5, hidden_layer_sizes=(4,)).fit(X, y)
    assert digest(mlp(**VARIANTS[name]).fit(X, y)) == first
    assert digest(mlp(**VARIANTS[name], random_state=1).fit(X, y)) != first
    generators = [np.random.RandomState(0) for _ in range(2)]
    fits = [digest(mlp(**VARIANTS[name], random_state=rng).fit(X, y)) for rng in generators]
    assert fits == [first, first]
    # A RandomState is drawn from: a second fit with it is another one.
    assert digest(mlp(**VARIANTS[name], random_state=generators[0]).fit(X, y)) != first


@pytest.mark.parametrize("optimizer", ["adam", "keras"])
def test_same_bits_from_threads(optimizer):
    X, y = rows()

    def fit(seed):
        options = {"epochs": 5, "batch_size": 10, "random_state": seed}
        if optimizer == "keras":
            import keras

            options["optimizer"] = keras.optimizers.SGD(0.1, momentum=0.9)
        elif seed == 3:  # another program, in a thread of its own
            options["hidden_layer_sizes"] = (8, 8)
        start.wait(60)
        return digest(mlp(**options).fit(X, y))

    start = threading.Barrier(1)
    expected = [fit(seed) for seed in range(4)]
    assert len(set(expected)) == 4
    start = threading.Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            assert list(pool.map(fit, range(4))) == expected


def test_threads_that_share_a_fitted_classifier():
    X, y = rows()
    clf = mlp().fit(X, y)
    expected = [clf.predict_proba(X * k).tobytes() for k in range(1, 5)]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            actual = pool.map(lambda k: clf.predict_proba(X * k).tobytes(), range(1, 5))
            assert list(actual) == expected


def test_no_seed_differs_between_fits():
    X, y = rows()
    results = {mlp(random_state=None).fit(X, y).predict_proba(X).tobytes() for _ in range(3)}
    assert len(results) == 3


def test_no_seed_follows_numpy():
    # As everywhere in scikit-learn: None is NumPy's global generator.
    X, y = rows()
    results = []
    for _ in range(2):
        np.random.seed(11)  # noqa: NPY002
        results.append(mlp(random_state=None).fit(X, y).predict_proba(X))
    np.testing.assert_array_equal(*results)


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
from test_side_effects import VARIANTS, digest, mlp, rows
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
    from keras_setup import of

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
    tests = Path(inspect.getfile(rows)).parent
    environment = {"PYTHONHASHSEED": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return json.loads(in_new_process(WITH_KERAS, tests, fitted[0], **environment))


def test_first_fit_leaves_keras_as_it_was(with_keras):
    assert with_keras["state after a fit"] == [True] * 7
    assert with_keras["numbers after a fit"]


def test_many_shapes_are_not_scolded(with_keras):
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
