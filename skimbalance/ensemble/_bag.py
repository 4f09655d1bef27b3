"""Networks that are trained on folds of the same rows, or all on a stream, and averaged."""

import itertools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, Self

import joblib
import numpy as np
from joblib import cpu_count, parallel_config
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from skimbalance._engine.committee import Committee
from skimbalance._fit.data import Data
from skimbalance._fit.estimator import NO_ROWS, OwnRows
from skimbalance._fit.held_out import check_judges
from skimbalance._fit.parameters import warn_without_effect
from skimbalance._fit.plan import Course, Plan
from skimbalance._fit.streams.fit import StreamedFit, plan_of
from skimbalance._keras_private import check_tensorflow
from skimbalance._response import hand_on_columns
from skimbalance.classifier import ImbalancedMLPClassifier

__all__ = ["Bag", "in_blocks", "reading"]

Split = tuple[np.ndarray, np.ndarray]

# Plans the fit of a network, which may be judged by held-out rows: its plan, and its course.
Planner = Callable[[ImbalancedMLPClassifier, bool], tuple[Plan, Course]]

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
    ) -> Self:
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
        """
        reader = reading(network, verbose, checkpoint)
        data = reader._read(X, y, sample_weight, resume=False, classes=classes).named()
        reader._target.warn_about(data.y)
        held_out = None if own.X is None else reader._read_own(own)
        if held_out is not None:
            check_judges(data, held_out, reader._target)
        place = np.full(data.X[0].shape[0], -1)
        place[data.index] = np.arange(len(data.index))

        def planner(split):
            parts = [data, held_out]
            if held_out is None:
                kept = (place[rows] for rows in split)
                parts = [data.take(places[places >= 0]) for places in kept]
            return partial(_planned, *parts)

        planners = [[planner(split) for split in splits] for splits in repeats]
        contents = [(data.X, data.y, data.weight, splits) for splits in repeats]
        return cls._trained(network, reader, planners, contents, rng)

    @classmethod
    def fit_stream(
        cls,
        network: ImbalancedMLPClassifier,
        reader: ImbalancedMLPClassifier,
        stream: StreamedFit,
        n_nets: int,
        n_repeats: int,
        rng: np.random.Generator,
    ) -> Self:
        """Train networks on the same rows of a stream, judged by the rows that it holds out.

        All of them read its parts in the same order, so that they share what is in memory.

        Parameters
        ----------
        network : ImbalancedMLPClassifier
            What to train; not fitted.
        reader : ImbalancedMLPClassifier
            The copy of it that read the stream.
        stream : StreamedFit
            The rows.
        n_nets, n_repeats : int
            Number of networks that stop together, and how often there are so many.
        rng : Generator
            Source of the seeds.

        Returns
        -------
        bag : Bag
            The fitted networks.
        """
        # The first plan learns, for all, how rows are encoded.
        planner = partial(_planned_stream, stream, plan_of(reader, stream).order)
        planners = [[planner] * n_nets] * n_repeats
        # What names the fit of a network in a checkpoint has all rows.
        contents = [(n_nets,)] * n_repeats
        return cls._trained(network, reader, planners, contents, rng)

    @classmethod
    def _trained(cls, network, reader, planners, contents, rng):
        """Train a network by each plan; those of a repeat stop together.

        `contents` says for each repeat what its rows are, for checkpoints.
        """
        tasks = []
        for of_repeat, content in zip(planners, contents, strict=True):
            committee = None
            if network.early_stopping is not False:
                committee = Committee(len(of_repeat), _key(reader, content, rng))
            for member, planner in enumerate(of_repeat):
                tasks.append((reader, planner, int(rng.integers(2**31)), committee, member))
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
        first = np.cumsum([0, *map(len, planners[:-1])])
        return cls(reader, nets, [nets[i].best_epoch_ for i in first])

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

    def left_out(self, rows: Any, tests: Sequence[np.ndarray]) -> list[np.ndarray]:
        """For each network, its natural posteriors of the rows that it left out."""
        return [_natural(net, rows[test]) for net, test in zip(self.nets, tests, strict=True)]

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


def reading(
    network: ImbalancedMLPClassifier,
    verbose: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    **params: Any,
) -> ImbalancedMLPClassifier:
    """A copy of a network, with checked parameters, that reads the rows for all networks."""
    reader = clone(network).set_params(**params)
    reader.verbose = max(verbose, reader.verbose)
    if checkpoint is not None:
        reader.checkpoint = checkpoint
    reader._check_params()
    check_tensorflow()
    return reader


def _key(reader, content, rng):
    """What names the networks of a committee in checkpoints: their rows and their seeds."""
    if reader.checkpoint is None:
        return ""
    return joblib.hash((content, rng.bit_generator.state))


def _planned(data: Data, held_out: Data, net: ImbalancedMLPClassifier, judged: bool):
    """The plan of a fit on rows in memory, and its course."""
    course = net._course(data, resume=False, partial=False)
    return net._plan(data, course, held_out if judged else None), course


def _planned_stream(stream: StreamedFit, order: Any, net: ImbalancedMLPClassifier, judged: bool):
    """The plan of a fit on a stream, whose parts are read in some order, and its course."""
    course = replace(stream.course, seed=net.random_state)
    plan = plan_of(net, replace(stream, course=course))
    # It has said how many rows are held out, also for networks that do not stop early.
    done = {"validation_fraction": net._shared_defaults["validation_fraction"]}
    return replace(
        plan,
        settings=replace(plan.settings, **done),
        order=order,
        held_out=plan.held_out if judged else None,
    ), course


def _train(reader, planner, seed, committee, member):
    """Plan and train one network: with the plan, the result and the course of its fit."""
    net = _copy(reader, seed)
    plan, course = planner(net, committee is not None)
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
