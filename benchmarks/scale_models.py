"""Contenders of `scale.py`: each reads the same Parquet files, and says what it took."""

import dataclasses
import itertools
import math
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from common import N_JOBS, pick
from scale_data import N_COLUMNS, TARGET, batches

EPOCHS = 3
N_TREES = pick(100, 5)
NETWORK = pick((64, 32), (8,))
BATCH = pick(1_024, 64)


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A fitted contender, and what the fit took.

    reading has the seconds of the passes over the files before training, training those of
    training, and epochs those of each epoch. n_train is the number of rows of an epoch. proba
    takes rows and gives the probability of the rare class in the population.
    """

    proba: Callable
    reading: float
    training: float
    epochs: list
    n_train: int


def network(**params):
    """The network, and the clock of its epochs."""
    import keras

    from skimbalance import ImbalancedMLPClassifier

    class Clock(keras.callbacks.Callback):
        """When training begins, and when each epoch ends."""

        def __init__(self):
            super().__init__()
            self.ticks = []

        def on_train_begin(self, logs=None):
            self.ticks.append(time.perf_counter())

        def on_epoch_end(self, epoch, logs=None):
            self.ticks.append(time.perf_counter())

    clock = Clock()
    fixed = {
        "hidden_layer_sizes": NETWORK,
        "batch_size": BATCH,
        "epochs": EPOCHS,
        "early_stopping": False,
        "class_weight": None,
        "callbacks": [clock],
    }
    return ImbalancedMLPClassifier(**{**fixed, **params}), clock


def _as_fitted(clf, X):
    """Rows with the names of the columns, if a classifier knows them from the files."""
    import pandas as pd

    names = getattr(clf, "feature_names_in_", None)
    return X if names is None else pd.DataFrame(X, columns=names)


def _timed(clf, clock, n_train, fit):
    begun = time.perf_counter()
    fit()
    ended = time.perf_counter()
    return Fitted(
        lambda X: clf.predict_posterior(_as_fitted(clf, X))[:, 1],
        clock.ticks[0] - begun,
        ended - clock.ticks[0],
        np.diff(clock.ticks).tolist(),
        n_train,
    )


def streamed(paths, folder, seed, fraction=None, **params):
    """`fit_stream` of a network, of all rows or of a part of the frequent class."""
    import pyarrow.dataset as ds

    clf, clock = network(random_state=seed, **params)
    fitted = _timed(
        clf, clock, 0, lambda: clf.fit_stream(ds.dataset(paths), TARGET, majority_fraction=fraction)
    )
    return dataclasses.replace(fitted, n_train=_n_train(clf, paths))


def _n_train(clf, paths):
    """Rows that a fit on a stream has trained on, or held out."""
    import pyarrow.dataset as ds

    rows = ds.dataset(paths)
    n_rare = rows.count_rows(filter=ds.field(TARGET) == 1)
    return round(n_rare + (rows.count_rows() - n_rare) * clf.majority_fraction_)


def recipe(paths, folder, seed, fraction):
    """`fit_stream` of the network of the ensembles, which stops early."""
    from skimbalance.classifier import RECIPE

    given = {"batch_size": "auto", "early_stopping": "auto", **RECIPE}
    return streamed(paths, folder, seed, fraction, **pick(given, {}))


def in_memory(paths, folder, seed):
    """`fit` of the same network; its rows are in memory."""
    import pyarrow.dataset as ds

    begun = time.perf_counter()
    n_rows, done = ds.dataset(paths).count_rows(), 0
    X, y = np.empty((n_rows, N_COLUMNS), dtype=np.float32), np.empty(n_rows, dtype=np.int8)
    for block, labels in batches(paths):
        end = done + len(labels)
        X[done:end], y[done:end] = block, labels
        done = end
    reading = time.perf_counter() - begun
    clf, clock = network(random_state=seed)
    fitted = _timed(clf, clock, len(y), lambda: clf.fit(X, y))
    return dataclasses.replace(fitted, reading=fitted.reading + reading)


def ensemble(paths, folder, seed):
    """`fit_stream` of the ensemble, of all rare rows and a hundredth of the others."""
    import pyarrow.dataset as ds

    from skimbalance import ImbalancedEnsembleClassifier, ImbalancedMLPClassifier

    small = {"estimator": ImbalancedMLPClassifier((8,), epochs=1), "cv": 2, "trees": False}
    clf = ImbalancedEnsembleClassifier(random_state=seed, **pick({}, small))
    begun = time.perf_counter()
    clf.fit_stream(ds.dataset(paths), TARGET, majority_fraction=0.01)
    seconds = time.perf_counter() - begun
    n_train = _n_train(clf, paths)
    return Fitted(lambda X: clf.predict_proba(_as_fitted(clf, X))[:, 1], 0.0, seconds, [], n_train)


def sgd(paths, folder, seed):
    """scikit-learn's linear model: a pass for the scales, then the epochs, batch by batch."""
    from sklearn.linear_model import SGDClassifier
    from sklearn.preprocessing import StandardScaler

    begun = time.perf_counter()
    scaler = StandardScaler()
    for X, _ in batches(paths):
        scaler.partial_fit(X)
    clf = SGDClassifier("log_loss", random_state=seed)
    ticks = [time.perf_counter()]
    for _ in range(EPOCHS):
        for X, y in batches(paths):
            clf.partial_fit(scaler.transform(X), y, classes=[0, 1])
        ticks.append(time.perf_counter())
    return Fitted(
        lambda X: clf.predict_proba(scaler.transform(X))[:, 1],
        ticks[0] - begun,
        ticks[-1] - ticks[0],
        np.diff(ticks).tolist(),
        int(scaler.n_samples_seen_),
    )


def xgboost(paths, folder, seed):
    """XGBoost from external memory: quantiles of all rows, and pages of them on disk."""
    import xgboost as xgb

    class Batches(xgb.DataIter):
        """The files, in the form that XGBoost asks for."""

        def __init__(self):
            super().__init__(cache_prefix=f"{folder}/xgboost")
            self.n_rows = 0
            self.reset()

        def reset(self):
            self.left = batches(paths, 2**20)

        def next(self, input_data):
            for X, y in itertools.islice(self.left, 1):
                input_data(data=X, label=y)
                return True
            return False

    begun = time.perf_counter()
    rows = xgb.ExtMemQuantileDMatrix(Batches(), max_bin=256, nthread=N_JOBS)
    read = time.perf_counter()
    # With its default of 0.3, its average precision was a third less on three million rows.
    params = {"objective": "binary:logistic", "eta": 0.1, "nthread": N_JOBS, "seed": seed}
    model = xgb.train(params, rows, N_TREES)
    ended = time.perf_counter()
    return Fitted(model.inplace_predict, read - begun, ended - read, [], rows.num_row())


def lightgbm(paths, folder, seed):
    """LightGBM from pieces of the files, which it bins as it reads them."""
    import lightgbm as lgb
    import pyarrow.parquet as pq

    class Piece(lgb.Sequence):
        """A file; what is read last stays in memory, as LightGBM asks for row after row."""

        batch_size = 2**17
        last = (None, None)

        def __init__(self, path):
            self.path = path
            self.n_rows = pq.read_metadata(path).num_rows

        def __len__(self):
            return self.n_rows

        def __getitem__(self, index):
            if Piece.last[0] != self.path:
                Piece.last = self.path, np.concatenate([X for X, _ in batches([self.path])])
            return Piece.last[1][index].astype(np.float64)

    begun = time.perf_counter()
    y = np.concatenate([y for _, y in batches(paths)])
    rows = lgb.Dataset(list(map(Piece, paths)), y, params={"verbose": -1, "num_threads": N_JOBS})
    rows.construct()
    Piece.last = (None, None)
    read = time.perf_counter()
    # With its default of 0.001 its leaves grow without bound on a class as rare as this.
    params = {"objective": "binary", "min_sum_hessian_in_leaf": 1.0, "num_threads": N_JOBS,
              "verbose": -1, "seed": seed}  # fmt: skip
    model = lgb.train(params, rows, N_TREES)
    ended = time.perf_counter()
    return Fitted(model.predict, read - begun, ended - read, [], len(y))


_LONG = pick(30, 2)

#: What is compared on the files of all rows; the first is what others are compared with.
CONTENDERS = {
    "fit_stream": streamed,
    "fit_stream, auto": partial(streamed, fraction="auto"),
    "fit_stream, auto, 30 epochs": partial(streamed, fraction="auto", epochs=_LONG),
    "fit_stream, auto, RECIPE": partial(recipe, fraction="auto"),
    "fit_stream, 0.01, RECIPE": partial(recipe, fraction=0.01),
    "ensemble, 0.01": ensemble,
    "fit in memory": in_memory,
    "SGDClassifier": sgd,
    "XGBoost": xgboost,
    "LightGBM": lightgbm,
}

#: Those whose cost is measured on fewer rows, too.
GROWTH = ("fit_stream", "fit_stream, 0.01, RECIPE", "XGBoost")

#: Fits to parts of the frequent class; the epochs grow until the steps are as many as for all rows.
THINNED = {
    f"{fraction:g}, {epochs} epochs": partial(streamed, fraction=fraction, epochs=epochs)
    for fraction in pick((1.0, 0.3, 0.1, 0.03, 0.01), (1.0, 0.1))
    for epochs in dict.fromkeys((EPOCHS, min(math.ceil(EPOCHS / fraction), _LONG)))
}

#: Libraries that may not be installed.
LIBRARIES = {"XGBoost": "xgboost", "LightGBM": "lightgbm"}
