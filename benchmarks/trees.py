"""Random trees of tasks: searches of ensembles of searches, in stacks and one after the other.

What a tree gives must not depend on how its networks train: the same probabilities, or an error
that was planned for one of its tasks. Some trees are disturbed on the way, by Ctrl-C, a timeout
or a generator of results that nobody reads on; after that they must give the same as ever.
"""

import gc
import itertools
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import joblib
import keras
import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.preprocessing import StandardScaler

from skimbalance import (
    ImbalancedEnsembleClassifier,
    ImbalancedKerasClassifier,
    ImbalancedMLPClassifier,
    TunedDecisionClassifierCV,
)

X, Y = make_classification(120, 4, n_informative=3, n_redundant=0, weights=[0.7], random_state=0)

# A stack may add its sums in another order, which moves probabilities by rounding of float32.
ROUNDING = 1e-5

# Networks that the largest tree may train.
MOST_FITS = 24

N_JOBS = (None, 1, 2, -1)


class PlannedError(RuntimeError):
    """An error that a tree was given."""


class BreakingCallback(keras.callbacks.Callback):
    """Breaks off at the end of the first epoch."""

    def on_epoch_end(self, epoch, logs=None):
        """Raise."""
        raise PlannedError("planned for a callback")


class BreakingSampler(SMOTE):
    """Fails."""

    def fit_resample(self, X, y, **params):
        """Raise."""
        raise PlannedError("planned for a sampler")


def breaking_scorer(estimator, X, y):
    """Raise."""
    raise PlannedError("planned for a scorer")


class InThreads(ClassifierMixin, BaseEstimator):
    """Fits two copies of an estimator at once, in threads of its own."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        """Fit."""
        self.classes_ = np.unique(y)
        with ThreadPoolExecutor(2) as pool:
            fits = [pool.submit(clone(self.estimator).fit, X, y) for _ in range(2)]
            self.estimators_ = [fit.result() for fit in fits]
        return self

    def predict_proba(self, X):
        """The mean of the copies."""
        return np.mean([clf.predict_proba(X) for clf in self.estimators_], axis=0)

    def predict(self, X):
        """The most probable class."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def build():
    """A custom network."""
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(4, activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(hidden))


def pick(rng, *values):
    """One of the values."""
    return values[rng.integers(len(values))]


def leaf(rng, faults=True):
    """A classifier, and the number of networks that it trains; one in ten is to fail."""
    if rng.random() < 0.15:
        return LogisticRegression(), 0
    shared = {
        "epochs": int(rng.integers(1, 4)),
        "batch_size": 16,
        "class_weight": pick(rng, None, "balanced"),
        "sampling": pick(rng, "shuffle", "balanced", SMOTE(k_neighbors=2, random_state=0)),
        "early_stopping": pick(rng, False, True),
        "random_state": int(rng.integers(3)),
    }
    if faults and rng.random() < 0.1:
        shared |= pick(
            rng,
            {"callbacks": [BreakingCallback()]},
            {"sampling": BreakingSampler()},
            {"epochs": -1},
        )
    if rng.random() < 0.1:
        return ImbalancedKerasClassifier(build, **shared), 1
    own = {
        "learning_rate": pick(rng, 1e-3, 1e-2),
        "hidden_layer_sizes": pick(rng, (4,), (8,)),
        "dropout": pick(rng, 0.0, 0.2),
        "normalization": pick(rng, None, None, "batch"),
        "loss": pick(rng, "crossentropy", "focal"),
    }
    return ImbalancedMLPClassifier(**own, **shared), 1


def node(rng, depth):
    """A classifier of `depth` levels of others, and the number of networks that it trains."""
    if not depth:
        return leaf(rng)
    inner, n = node(rng, depth - 1)
    n_jobs = pick(rng, *N_JOBS)
    kind = rng.integers(9)
    if kind == 0:
        sampler = SMOTE(k_neighbors=2, random_state=0)
        return make_pipeline(StandardScaler(), sampler, inner), n
    if kind == 1:
        return BaggingClassifier(inner, 2, n_jobs=n_jobs, random_state=0), 2 * n
    if kind in (2, 3):
        other, m = node(rng, depth - 1)
        pairs = [("a", inner), ("b", other)]
        if kind == 2:
            return VotingClassifier(pairs, voting="soft", n_jobs=n_jobs), n + m
        last = LogisticRegression()
        return StackingClassifier(pairs, last, cv=2, n_jobs=n_jobs), 3 * (n + m)
    if kind == 4:
        return CalibratedClassifierCV(inner, cv=2, n_jobs=n_jobs), 2 * n
    if kind == 5:
        return TunedDecisionClassifierCV(inner, cv=2, n_jobs=n_jobs, random_state=0), 3 * n
    if kind == 6:
        network, _ = leaf(np.random.default_rng(int(rng.integers(100))), False)
        if not isinstance(network, ImbalancedMLPClassifier):
            network = ImbalancedMLPClassifier((4,), epochs=1)
        network.set_params(early_stopping=False, sampling="shuffle")
        return ImbalancedEnsembleClassifier(network, cv=2, trees=False, random_state=0), 2
    if kind == 7:
        leaf_of_it, m = leaf(rng)
        return InThreads(leaf_of_it), 2 * m
    return search(rng, inner, n_jobs), 2 * 2 * n + n


def search(rng, inner, n_jobs):
    """A search over two values of the first parameter that both change something."""
    values = {"learning_rate": [1e-3, 1e-2], "C": [0.1, 1.0]}
    params = inner.get_params()
    name = next((name for name in sorted(params) if name.split("__")[-1] in values), None)
    grid = {} if name is None else {name: values[name.split("__")[-1]]}
    if rng.random() < 0.1 and name is not None and not name.endswith("C"):
        grid[name] = [1e-3, -1.0]
    scoring = breaking_scorer if rng.random() < 0.05 else "neg_log_loss"
    error_score = pick(rng, np.nan, "raise")
    return GridSearchCV(inner, grid, scoring=scoring, cv=2, n_jobs=n_jobs, error_score=error_score)


def drawn(seed):
    """Classifiers, the way in which they are run, the number of networks, and the generator."""
    rng = np.random.default_rng(seed)
    way = pick(rng, "fit", "fit", "cross-validation", "tasks")
    nodes = [node(rng, int(rng.integers(1, 4))) for _ in range(3 if way == "tasks" else 1)]
    fits = sum(n for _, n in nodes) * (3 if way == "cross-validation" else 1)
    return [clf for clf, _ in nodes], way, fits, rng


def tree(number, seed, most):
    """The first tree drawn that has no more networks than that."""
    trees = (drawn([seed, number, attempt]) for attempt in itertools.count())
    return next(tree for tree in trees if 1 < tree[2] <= most)


def probabilities(clf):
    """What a copy of a classifier learns."""
    return clone(clf).fit(X, Y).predict_proba(X)


def results(classifiers, way, **options):
    """The probabilities of a tree."""
    if way == "tasks":
        tasks = (joblib.delayed(probabilities)(clf) for clf in classifiers)
        return np.array(list(joblib.Parallel(**options)(tasks)))
    (clf,) = classifiers
    if way == "fit":
        return probabilities(clf)
    return cross_val_predict(clf, X, Y, cv=3, method="predict_proba", **options)


def is_planned(error):
    """Whether an error is one of those that trees were given, or that their samplers have."""
    planned = ("planned for a", "'learning_rate' parameter", "'epochs' parameter")
    samplers = ("A sampler that creates new rows", "The sampler in the 'sampling' parameter")
    return any(words in str(error) for words in (*planned, *samplers))


def outcome_of(function, *args, **options):
    """What a function gives, or the error that it raises."""
    try:
        return function(*args, **options)
    except Exception as error:
        return error


def verdict(expected, got):
    """What the outcome in stacks is, beside the one without."""
    if isinstance(expected, Exception) or isinstance(got, Exception):
        both = isinstance(expected, Exception) and isinstance(got, Exception)
        if both and is_planned(expected) and is_planned(got):
            return {"verdict": "the planned error"}
        return {"verdict": "wrong", "expected": repr(expected)[:500], "got": repr(got)[:500]}
    if np.array_equal(expected, got, equal_nan=True):
        return {"verdict": "same bits"}
    difference = float(np.abs(expected - got).max()) if expected.shape == got.shape else np.inf
    if difference < ROUNDING:
        return {"verdict": "same but for rounding", "difference": difference}
    return {"verdict": "wrong", "difference": difference}


def stacked_threads():
    """Threads of stacked calls that are still there."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("stacked")]


def seconds_to_end(most=60.0):
    """Seconds until no thread of a stacked call is left."""
    start = time.monotonic()
    while stacked_threads() and time.monotonic() < start + most:
        time.sleep(0.01)
        gc.collect()
    return time.monotonic() - start


def interrupted(function, after):
    """Run a function, and send Ctrl-C after some seconds: seconds to stop; None if it was over."""
    moment = []

    def interrupt():
        moment.append(time.monotonic())
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(after, interrupt)
    try:
        try:
            timer.start()
            outcome_of(function)
        finally:
            timer.cancel()
            timer.join()
            time.sleep(0.01)  # for a signal that comes just now
    except KeyboardInterrupt:
        return time.monotonic() - moment[0]
    finally:
        signal.signal(signal.SIGINT, before)
    return None


def disturb(rng, classifiers, way, seconds):
    """Disturb a tree on its way: what was done, and seconds until it had stopped."""
    after = float(rng.uniform(0, seconds))
    kind = pick(rng, "Ctrl-C", "timeout", "generator")
    if kind == "Ctrl-C":
        stopped = interrupted(lambda: results(classifiers, way), after)
        return {"disturbed": kind, "stopped": stopped}
    if kind == "timeout":
        outcome_of(results, classifiers, "tasks", timeout=max(after, 0.01))
    else:
        tasks = (joblib.delayed(probabilities)(clf) for clf in classifiers * 2)
        generator = joblib.Parallel(return_as="generator")(tasks)
        outcome_of(next, generator)
        generator.close()
    return {"disturbed": kind}


def run_tree(number, seed, *, most=MOST_FITS):
    """Run one tree of so many networks at most: what came of it."""
    classifiers, way, fits, rng = tree(number, seed, most)
    with joblib.parallel_config(backend="sequential"):
        expected = outcome_of(results, classifiers, way)
    with joblib.parallel_config(backend="stacked", n_jobs=pick(rng, None, 2, -1)):
        start = time.monotonic()
        said = {"fits": fits, **verdict(expected, outcome_of(results, classifiers, way))}
        seconds = time.monotonic() - start
        if said["verdict"] != "wrong" and rng.random() < 0.5:
            said |= disturb(rng, classifiers, way, seconds)
            said["ended"] = seconds_to_end()
            again = verdict(expected, outcome_of(results, classifiers, way))
            said |= again if again["verdict"] == "wrong" else {}
    said["threads left"] = len(stacked_threads()) if seconds_to_end() > 59 else 0
    return said


def cases(seed):
    """A function from the number of a tree to what came of it, for `isolated`."""
    import warnings

    warnings.simplefilter("ignore")
    return lambda number: run_tree(number, seed)
