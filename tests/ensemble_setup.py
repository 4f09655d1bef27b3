"""Rows, and small ensembles that train in a moment, for the tests of the ensemble."""

import numpy as np

from skimbalance import ImbalancedEnsembleClassifier, ImbalancedMLPClassifier

N_ROWS = 120


def rows(*n_rows, seed=0):
    """Rows of so many of each class; the first column says something about the class."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(n_rows)), n_rows))
    X = rng.normal(size=(len(y), 4))
    X[:, 0] += y
    return X, y


def labels(seed=0):
    """Rows with three labels each."""
    X, y = rows(90, 30, seed=seed)
    return X, np.column_stack([y, X[:, 1] > 0, X[:, 2] > 0.7]).astype(int)


def network(**params):
    """A network of the ensembles here."""
    return ImbalancedMLPClassifier(
        **{"hidden_layer_sizes": (8,), "epochs": 3, "batch_size": 32, "dropout": 0.2, **params}
    )


def ensemble(estimator=None, **params):
    """An ensemble of three small networks."""
    return ImbalancedEnsembleClassifier(
        network() if estimator is None else estimator,
        **{"cv": 3, "trees": False, "random_state": 0, **params},
    )


def folds(y, n_folds=3):
    """Training rows and held-out rows, each class spread over all folds."""
    fold = np.empty(len(y), int)
    fold[np.argsort(y, kind="stable")] = np.arange(len(y)) % n_folds
    return [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(n_folds)]
