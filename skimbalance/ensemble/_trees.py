"""Boosted trees that are trained on the folds of the same rows, stop together, and are averaged."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, Self

import numpy as np
from joblib import cpu_count
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import ThreadpoolController

from skimbalance.ensemble._boosted import BoostedTrees

__all__ = ["TreeBag"]

Split = tuple[np.ndarray, np.ndarray]

# Trees are judged after each so many, and training stops when the best number is as many behind.
CHUNK, PATIENCE, MOST_TREES = 25, 50, 300

# With weights, scikit-learn takes most of the time of a fit to find bins, in each of these rounds:
# there is one.
WEIGHTED_TREES = (100,)

# scikit-learn's trees know at most so many levels; the levels beyond count as missing.
MOST_LEVELS = 255

# Rows that a thread predicts at a time.
BLOCK = 2**14

SMALLEST = 1e-7


class TreeBag:
    """Fitted gradient boosting, and the mean of its posteriors.

    Parameters
    ----------
    models : list of HistGradientBoostingClassifier or BoostedTrees
        Fitted on class indices.
    n_classes : int
        Number of classes, of which some models may have seen fewer.
    categories : ndarray of int
        The columns of rows that are categories.
    """

    def __init__(self, models: list[Any], n_classes: int, categories: np.ndarray):
        self.models, self.n_classes, self.categories = models, n_classes, categories

    @classmethod
    def fit(
        cls,
        X: np.ndarray,
        y: np.ndarray,
        weight: np.ndarray,
        n_classes: int,
        categories: np.ndarray,
        splits: Sequence[Split],
        rng: np.random.Generator,
    ) -> tuple[Self, list[np.ndarray]]:
        """Boost trees on each split; all keep the number of trees that is best on average.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Numbers, NaN where missing, and numbers of levels in the columns of categories.
        y : ndarray of shape (n_samples,)
            Class indices.
        weight : ndarray of shape (n_samples,)
            How much each row counts.
        n_classes : int
            Number of classes.
        categories : ndarray of int
            The columns that are categories.
        splits : list of (ndarray, ndarray)
            Training rows and held-out rows of each model.
        rng : Generator
            Source of the seeds.

        Returns
        -------
        bag : TreeBag
            The fitted models.
        probas : list of ndarray
            Posteriors of the held-out rows of each split.
        """
        models = [_model(categories, int(rng.integers(2**31))) for _ in splits]
        bag = cls(models, n_classes, categories)
        X = bag._rows(X)

        def boost(number):
            train, test = splits[number]
            kept = train[weight[train] > 0]
            rows = X[kept]
            rows[:, np.isnan(rows).all(axis=0)] = 0.0  # scikit-learn finds no bins for nothing
            model = models[number].set_params(max_iter=n_trees)
            model.fit(rows, y[kept], weight[kept] if weighted else None)
            return bag._posterior(model, X[test])

        best: tuple[float, int, list[Any]] = (np.inf, 0, [])
        weighted = np.ptp(weight[weight > 0]) > 0
        for n_trees in WEIGHTED_TREES if weighted else range(CHUNK, MOST_TREES + 1, CHUNK):
            probas = list(_in_threads(boost, range(len(splits))))
            losses = [
                _log_loss(proba, y[test], weight[test])
                for proba, (_, test) in zip(probas, splits, strict=True)
            ]
            loss = float(np.mean(losses))
            if loss < best[0]:
                best = loss, n_trees, [[BoostedTrees.of(model) for model in models], probas]
            elif n_trees - best[1] >= PATIENCE:
                break
        models, probas = best[2]
        return cls(models, n_classes, categories), probas

    def mean(self, X: np.ndarray) -> np.ndarray:
        """Mean of the posteriors of the models."""
        X = self._rows(X)
        if len(X) <= BLOCK:
            return self._mean(X)
        n_blocks = -(-len(X) // BLOCK)
        return np.concatenate(list(_in_threads(self._mean, np.array_split(X, n_blocks))))

    def _mean(self, X):
        return sum(self._posterior(model, X) for model in self.models) / len(self.models)

    def _rows(self, X):
        """Rows as scikit-learn's trees take them."""
        if not len(self.categories):
            return X
        X = X.copy()
        levels = X[:, self.categories]
        X[:, self.categories] = np.where((levels < 0) | (levels >= MOST_LEVELS), np.nan, levels)
        return X

    def _posterior(self, model, X):
        proba = model.predict_proba(X)
        if proba.shape[1] == self.n_classes:
            return proba
        full = np.zeros((len(X), self.n_classes))
        classes = model.classes if isinstance(model, BoostedTrees) else model.classes_
        full[:, classes] = proba
        return full


def _in_threads(function: Callable[[Any], Any], values: Iterable[Any]) -> Iterator[Any]:
    """Values of a function, which runs in threads; in each OpenMP has no threads of its own.

    Threads of OpenMP wait for each other by spinning: on a busy machine, where one of them has to
    wait for a core, for many times as long as they work.
    """
    with ThreadPoolExecutor(cpu_count()) as pool:
        yield from pool.map(partial(_alone, function), values)


def _alone(function, value):
    """Value of a function in this thread, where OpenMP does not start others."""
    with _openmp().limit(limits=1, user_api="openmp"):
        return function(value)


@cache
def _openmp():
    """The libraries with threads that scikit-learn has loaded, which takes a while to find out."""
    return ThreadpoolController()


def _model(categories, seed):
    return HistGradientBoostingClassifier(
        learning_rate=0.08,
        max_leaf_nodes=16,
        min_samples_leaf=10,
        l2_regularization=1.0,
        max_features=0.5,
        categorical_features=categories if len(categories) else None,
        early_stopping=False,
        warm_start=True,
        random_state=seed,
    )


def _log_loss(proba, y, weight):
    of_class = np.maximum(proba[np.arange(len(y)), y], SMALLEST)
    return -float(weight @ np.log(of_class)) / max(float(weight.sum()), SMALLEST)
