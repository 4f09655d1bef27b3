"""Networks that are trained on the folds of the same rows, in one stack, and averaged."""

import itertools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Self

import joblib
import numpy as np
from joblib import cpu_count, parallel_config
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from skimbalance._engine.committee import Committee
from skimbalance._fit.estimator import NO_ROWS, OwnRows
from skimbalance._fit.held_out import check_judges
from skimbalance._fit.parameters import warn_without_effect
from skimbalance._keras_private import check_tensorflow
from skimbalance._response import hand_on_columns
from skimbalance.classifier import ImbalancedMLPClassifier

__all__ = ["Bag", "in_blocks"]

Split = tuple[np.ndarray, np.ndarray]

# Rows that a thread predicts at a time: the result does not depend on the number of threads.
BLOCK = 2**14


class Bag:
    """Fitted networks, and the mean of their posteriors.

    Parameters
    ----------
    network : ImbalancedMLPClassifier
        Reads rows for all of them.
    nets : list of ImbalancedMLPClassifier
        The fitted networks.
    best_epochs : list of int
        For each repeat the epoch that its networks kept.
    """

    def __init__(
        self,
        network: ImbalancedMLPClassifier,
        nets: list[ImbalancedMLPClassifier],
        best_epochs: list[int],
    ):
        self.network, self.nets, self.best_epochs = network, nets, best_epochs
        hand_on_columns(network, self)

    @classmethod
    def fit(
        cls,
        network: ImbalancedMLPClassifier,
        X: Any,
        y: Any,
        sample_weight: Any,
        repeats: Sequence[Sequence[Split]],
        rng: np.random.Generator,
        *,
        classes: np.ndarray,
        own: OwnRows = NO_ROWS,
        verbose: int = 0,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> tuple[Self, list[np.ndarray]]:
        """Train a network on each split, and judge its epochs by the rows that it left out.

        All networks of a repeat keep the weights of one epoch, the best on average.

        Parameters
        ----------
        network : ImbalancedMLPClassifier
            What to train; not fitted.
        X, y, sample_weight
            As in the `fit` of the network.
        repeats : list of list of (ndarray, ndarray)
            Training rows and held-out rows of each network, in repeats of all folds.
        rng : Generator
            Source of the seeds.
        classes : ndarray of shape (n_classes,) or (n_labels,)
            All class labels, or the numbers of the labels.
        own : OwnRows, default=NO_ROWS
            Rows that judge all networks in the place of the held-out rows of the splits.
        verbose : int, default=0
            1 shows a progress bar over the epochs of all networks.
        checkpoint : str or path-like, default=None
            Folder in which the fits of the networks are kept.

        Returns
        -------
        bag : Bag
            The fitted networks.
        probas : list of ndarray
            Posteriors of the held-out rows of each split.
        """
        reader = clone(network)
        reader.verbose = max(verbose, reader.verbose)
        if checkpoint is not None:
            reader.checkpoint = checkpoint
        reader._check_params()
        check_tensorflow()
        data = reader._read(X, y, sample_weight, resume=False, classes=classes)
        reader._target.warn_about(data.y)
        held_out = None if own.X is None else reader._read_own(own)
        if held_out is not None:
            check_judges(data, held_out, reader._target)
        place = np.full(data.X[0].shape[0], -1)
        place[data.index] = np.arange(len(data.index))
        tasks = []
        for splits in repeats:
            committee = None
            if reader.early_stopping is not False:
                committee = Committee(len(splits), _key(reader, data, splits, rng))
            for member, split in enumerate(splits):
                parts = [data, held_out]
                if held_out is None:
                    kept = (place[rows] for rows in split)
                    parts = [data.take(places[places >= 0]) for places in kept]
                seed = int(rng.integers(2**31))
                tasks.append((reader, *parts, seed, committee, member))
        with parallel_config(backend="stacked"):
            trained = Parallel()(delayed(_train)(*task) for task in tasks)
        nets = [
            _fitted(net, plan, result, course, task)
            for (net, plan, result, course), task in zip(trained, tasks, strict=True)
        ]
        warn_without_effect(
            trained[0][1].settings, reader._target, reader._shared_defaults, partial=False
        )
        for net in (reader, *nets):
            net.verbose, net.checkpoint = network.verbose, network.checkpoint
        first = np.cumsum([0, *map(len, repeats[:-1])])
        bag = cls(reader, nets, [nets[i].best_epoch_ for i in first])
        if held_out is not None:
            return bag, [_natural(net, held_out.X[0]) for net in nets]
        tests = [test for splits in repeats for _, test in splits]
        return bag, [_natural(net, data.X[0][test]) for net, test in zip(nets, tests, strict=True)]

    @property
    def classes_(self) -> np.ndarray:
        """Class labels, or the numbers of the labels."""
        return self.network.classes_

    @property
    def categories(self) -> np.ndarray:
        """The columns of rows that are categories."""
        return np.flatnonzero(self.network._n_levels(()) >= 0)

    def rows(self, X: Any) -> Any:
        """Rows as numbers, as all networks take them."""
        (rows,) = self.network._finite(self.network._read_new_rows(X))
        return rows

    def predict_proba(self, X: Any) -> np.ndarray:
        """Mean of the natural posteriors of the networks."""
        return self.posterior(self.rows(X))

    def posterior(self, rows: Any) -> np.ndarray:
        """Mean of the natural posteriors of the networks, for rows that `rows` gave."""
        return in_blocks(self._mean, rows)

    def _mean(self, rows):
        return sum(_natural(net, rows) for net in self.nets) / len(self.nets)


def in_blocks(function: Callable[[Any], np.ndarray], rows: Any) -> np.ndarray:
    """Values of a function for rows: of few at once, of many in blocks, by threads."""
    n_blocks = -(-rows.shape[0] // BLOCK)
    if n_blocks <= 1:
        return function(rows)
    edges = np.linspace(0, rows.shape[0], n_blocks + 1).astype(int)
    blocks = (rows[start:stop] for start, stop in itertools.pairwise(edges))
    with ThreadPoolExecutor(cpu_count()) as pool:
        return np.concatenate(list(pool.map(function, blocks)))


def _natural(net, rows):
    """Natural posteriors of a network; its probabilities if its loss has no closed form."""
    logits = net._logits_of((rows,))
    try:
        return net._posterior(logits, None)
    except ValueError:
        return net._target.proba(logits)


def _key(reader, data, splits, rng):
    """What names the networks of a committee in checkpoints: their rows and their seeds."""
    if reader.checkpoint is None:
        return ""
    return joblib.hash((data.X, data.y, data.weight, splits, rng.bit_generator.state))


def _train(reader, data, held_out, seed, committee, member):
    """Plan and train one network: with the plan, the result and the course of its fit."""
    net = _copy(reader, seed)
    course = net._course(data, resume=False, partial=False)
    plan = net._plan(data, course, None if committee is None else held_out)
    if committee is not None:
        plan = replace(plan, vote=committee.vote(member, plan.patience))
    return net, plan, net._train(plan), course


def _copy(reader, seed):
    """A network with what the reader has learnt of the columns and the classes."""
    net = clone(reader).set_params(random_state=seed)
    params = reader.get_params(deep=False)
    learnt = {name: value for name, value in vars(reader).items() if name not in params}
    vars(net).update(learnt)
    return net


def _fitted(net, plan, result, course, task):
    """The network with the weights of the epoch that all networks of its repeat keep."""
    *_, committee, member = task
    if committee is not None:
        result.weights, result.best_epoch = committee.weights(member), committee.epoch
    net._set_fitted(plan, result, course)
    return net
