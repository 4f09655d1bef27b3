"""The plan of a fit on the rows of a stream."""

from functools import partial as bind
from typing import cast

import numpy as np

from skimbalance._fit.data import StreamedData
from skimbalance._fit.network import Network
from skimbalance._fit.perceptron import Architecture
from skimbalance._fit.plan import (
    Balance,
    Course,
    Fitted,
    Plan,
    balance,
    check_monitor,
    initial_state,
    lengths,
    loss_weight,
    starting_rows,
)
from skimbalance._fit.settings import Settings
from skimbalance._fit.streams.cluster import Shards
from skimbalance._fit.streams.rows import DrawnRows
from skimbalance._fit.targets import Labels, Target
from skimbalance.sampling._random import Purpose, generator
from skimbalance.sampling._streams import STREAMS, Stream

__all__ = ["plan_stream"]


def plan_stream(settings: Settings, drawn: DrawnRows, network: Network, course: Course) -> Plan:
    """Plan a fit; as `skimbalance._fit.plan.prepare` does for rows in memory.

    Where the majority was thinned out, the trained network gets a shift of its logits: it learns
    the posterior of the rows that are left, whose logarithm differs by that of the share of its
    class that was kept (King & Zeng 2001, doi:10.1093/oxfordjournals.pan.a004868).

    Parameters
    ----------
    settings : Settings
        The choices of the fit.
    drawn : DrawnRows
        Its rows.
    network : Network
        What learns.
    course : Course
        Where the fit stands; with the counts of all rows.

    Raises
    ------
    ValueError
        If a setting does not fit the target.
    """
    target, stream = drawn.target, STREAMS[settings.sampling]
    check_monitor(settings, target)
    rng = generator(Purpose.PLAN, course.seed, course.n_before)
    parts = drawn.encoded(settings)
    network = cast(Architecture, network).for_inputs(parts.encoder)
    ratio = drawn.ratio(stream, drawn.division.trained)
    found = balance(settings, target, drawn.counts * drawn.kept, ratio)
    some_rows = bind(starting_rows, drawn.sample, parts.encoder)
    weights, slots = initial_state(settings, network, target, course, found, rng, some_rows)
    natural, shift = found, None
    if np.any(drawn.kept != 1.0):
        ratio = drawn.ratio(stream, drawn.division.n_rows)
        natural = balance(settings, target, drawn.counts, ratio)
        shift = _log_drawn(natural) - _log_drawn(found) - np.log(drawn.kept)
    n_rows = int(drawn.division.trained.sum())
    batch_size, epochs, patience = lengths(settings, n_rows)
    in_loss = found.in_loss
    weigh = _Weigh(target, in_loss, drawn.trained_counts * found.ratio, n_rows)
    return Plan(
        settings=settings,
        target=target,
        initial=Fitted(network, weights, parts.encoder, natural.posterior_arguments, slots),
        rows=StreamedData(
            drawn.cache.sizes, parts.read, weigh, bind(_order, stream, target, course.seed),
            drawn.sample, drawn.cache if isinstance(drawn.cache, Shards) else None,
            drawn.lack_labels,
        ),
        loss_weight=np.empty(0),
        early_weight=np.empty(0),
        deferred_until=int(found.deferred * epochs),
        held_out=drawn.held_out,
        held_out_loss_weight=loss_weight(
            target, drawn.held_out, in_loss * found.ratio * drawn.kept, 1.0
        ),
        order=bind(_order_of_parts, course.seed, len(drawn.cache.sizes)),
        batch_size=batch_size,
        epochs=epochs,
        first_epoch=course.n_before,
        patience=patience,
        arguments=found.arguments,
        class_weight=natural.class_weight,
        noise_seed=int(rng.integers(2**63)),
        partial=False,
        shift=shift,
    )  # fmt: skip


def _log_drawn(found: Balance) -> np.ndarray:
    """Logarithm of how much more each class counts in training than it occurs."""
    counts = found.in_loss * found.ratio
    return np.log(np.where(counts > 0, counts, 1.0))


class _Weigh:
    """Weights in the loss of the rows of a part; their mean is 1 over the draws of an epoch.

    Parameters
    ----------
    target : Target
        What is learnt.
    in_loss : ndarray of shape (n_classes,) or (n_labels, 2)
        Weight of each class in the loss.
    drawn : ndarray, of the shape of `in_loss`
        Weight of the rows of each class that an epoch draws.
    n_rows : int
        Number of rows of an epoch.
    """

    def __init__(self, target: Target, in_loss: np.ndarray, drawn: np.ndarray, n_rows: int):
        self._target = target
        # The weight of a row is the mean of those of its labels.
        n_means = target.n_outputs if isinstance(target, Labels) else 1
        schemes = np.ones_like(in_loss), in_loss
        self._early, self._late = (w * (n_rows * n_means / np.sum(w * drawn)) for w in schemes)

    def __call__(self, part, early):
        """Weights of the rows of a part; `early` says whether class weights are still off."""
        weight = self._target.per_target(self._early if early else self._late, part.y)
        return weight if part.weight is None else (weight.T * part.weight).T


def _order(stream: Stream, target: Target, seed: int, y, part, epoch):
    """The order of the rows of a part."""
    seed_of_part = int(generator(Purpose.BUCKET, seed, 1 + part).integers(2**31))
    return stream.order(target.strata(y), seed=seed_of_part, epoch=epoch)


def _order_of_parts(seed, n_parts, epoch):
    """The order of the parts in an epoch."""
    return generator(Purpose.BUCKET, seed, 0, 1 + epoch).permutation(n_parts)
