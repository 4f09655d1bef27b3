"""Nothing outside the estimator changes, and the same seed gives the same bits everywhere."""

import copy
import os
import pickle
import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler
from perceptron_setup import VARIANTS, digest, mlp, rows

pytestmark = pytest.mark.slow


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
    mlp().fit(X, y)  # what is imported once is there already
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
    priors = class_weight / 4
    before = [fingerprint(array) for array in (X, y, weight, class_weight, priors)]
    clf = mlp(class_weight=class_weight).fit(X, y, sample_weight=weight)
    clf.partial_fit(X, y, sample_weight=weight)
    for method in ("predict", "predict_proba", "decision_function", "predict_posterior"):
        getattr(clf, method)(X)
    clf.predict_posterior(X, priors=priors)
    clf.score(X, y, sample_weight=weight)
    clf.model_.predict(X, verbose=0)
    mlp(sampling=SMOTE(), standardize=False).fit(X, y)
    assert [fingerprint(array) for array in (X, y, weight, class_weight, priors)] == before


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


@pytest.mark.parametrize(("optimizer", "n_rounds"), [("adam", 3), ("keras", 1)])
def test_same_bits_from_threads(optimizer, n_rounds):
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
        for _ in range(n_rounds):
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
