"""Boosted trees that are trained on the folds of the same rows, stop together, and are averaged."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Self

import numpy as np
from joblib import cpu_count
from threadpoolctl import ThreadpoolController

from skimbalance.ensemble._bag import in_blocks
from skimbalance.ensemble._boosted import BoostedTrees
from skimbalance.metrics._sums import weighted_sum

__all__ = ["TreeBag"]

Split = tuple[np.ndarray, np.ndarray]

# Trees are judged after each so many, and training stops when the best number is as many behind.
CHUNK, PATIENCE, MOST_TREES = 25, 50, 300

# scikit-learn grows so many trees in a call: each later call finds bins anew, and predicts all rows
# by the trees that it has. With a call for each stage, a fit took three times as long.
GROWN = 100

# With weights, scikit-learn takes most of the time of a fit to find bins, in each call: there is
# one, which is judged at its end.
WEIGHTED_TREES = (100,)

# scikit-learn's trees know at most so many levels; the levels beyond count as missing.
MOST_LEVELS = 255

SMALLEST = 1e-7


class TreeBag:
    """Fitted gradient boosting, and the mean of its posteriors.

    Parameters
    ----------
    models : list of BoostedTrees
        Fitted on class indices.
    n_classes : int
        Number of classes, of which some models may have seen fewer.
    categories : ndarray of int
        The columns of rows that are categories.
    """

    def __init__(self, models: list[BoostedTrees], n_classes: int, categories: np.ndarray):
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
        shift: np.ndarray | None = None,
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
        shift : ndarray of shape (n_classes,), default=None
            What is added to the logits of the classes, to make up for rows that were left out.

        Returns
        -------
        bag : TreeBag
            The fitted models.
        probas : list of ndarray
            Posteriors of the held-out rows of each split.
        """
        models = [_model(categories, int(rng.integers(2**31))) for _ in splits]
        X = _as_trees_know(X, categories)

        def boost(number, stages):
            """Trees of a split, and their posteriors of the rows left out after each stage."""
            train, test = splits[number]
            kept = train[weight[train] > 0]
            rows = X[kept]
            rows[:, np.isnan(rows).all(axis=0)] = 0.0  # scikit-learn finds no bins for nothing
            model = models[number].set_params(max_iter=stages[-1])
            model.fit(rows, y[kept], weight[kept] if weighted else None)
            trees = BoostedTrees.of(model)
            trees = trees if shift is None else trees.shifted(shift)
            staged = trees.staged_predict_proba(X[test], stages)
            return trees, [_of_all(trees, proba, n_classes) for proba in staged]

        best: tuple[float, int, Any] = (np.inf, 0, None)
        trained = weight[np.concatenate([train for train, _ in splits])]
        weighted = np.ptp(trained[trained > 0]) > 0
        for n_trees, boosted, probas in _grown(boost, len(splits), weighted):
            losses = [
                _log_loss(proba, y[test], weight[test])
                for proba, (_, test) in zip(probas, splits, strict=True)
            ]
            loss = float(np.mean(losses))
            if loss < best[0]:
                best = loss, n_trees, (boosted, probas)
            elif n_trees - best[1] >= PATIENCE:
                break
        boosted, probas = best[2]
        return cls([trees.first(best[1]) for trees in boosted], n_classes, categories), list(probas)

    def mean(self, X: np.ndarray) -> np.ndarray:
        """Mean of the posteriors of the models."""
        return in_blocks(self._mean, _as_trees_know(X, self.categories))

    def _mean(self, X):
        posteriors = (_posterior(trees, X, self.n_classes) for trees in self.models)
        return sum(posteriors) / len(self.models)


def _grown(boost, n_splits, weighted):
    """(Number of trees, boosted trees, posteriors of the rows left out) after each stage.

    The trees of all splits are grown a few stages at a time, when these are asked for.
    """
    stages = WEIGHTED_TREES if weighted else range(CHUNK, MOST_TREES + 1, CHUNK)
    n_at_once = GROWN // CHUNK
    for i in range(0, len(stages), n_at_once):
        at_once = stages[i : i + n_at_once]
        grown = _in_threads(partial(boost, stages=at_once), range(n_splits))
        boosted, probas = zip(*grown, strict=True)
        for n_trees, of_stage in zip(at_once, zip(*probas, strict=True), strict=True):
            yield n_trees, boosted, of_stage


def _as_trees_know(X, categories):
    """Rows whose levels are those that scikit-learn's trees know, or missing."""
    if not len(categories):
        return X
    X = X.copy()
    levels = X[:, categories]
    X[:, categories] = np.where((levels < 0) | (levels >= MOST_LEVELS), np.nan, levels)
    return X


def _posterior(trees, X, n_classes):
    """Probabilities of all classes, of which training rows may have lacked some."""
    return _of_all(trees, trees.predict_proba(X), n_classes)


def _of_all(trees, of_seen, n_classes):
    """Probabilities of all classes, from those of the classes that training rows had."""
    proba = np.zeros((len(of_seen), n_classes))
    proba[:, trees.classes] = of_seen
    return proba


def _in_threads(function: Callable[[Any], Any], values: Iterable[Any]) -> Iterator[Any]:
    """Values of a function, which runs in threads; in each OpenMP has no threads of its own.

    Threads of OpenMP wait for each other by spinning: on a busy machine, where one of them has to
    wait for a core, for many times as long as they work.
    """
    # Of OpenMP alone: at its end a limit sets all libraries that it knows to what they had before.
    controller = ThreadpoolController().select(user_api="openmp")

    def alone(value):
        with controller.limit(limits=1):
            return function(value)

    with ThreadPoolExecutor(cpu_count()) as pool:
        yield from pool.map(alone, values)


def _model(categories, seed):
    from sklearn.ensemble import HistGradientBoostingClassifier

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
    return -float(weighted_sum(weight, np.log(of_class))) / max(float(weight.sum()), SMALLEST)
