"""From settings and validated rows to a plan of training, in NumPy.

Everything that decides what a fit sees is here: which rows are held out and drawn, how much each
weighs, and where the network starts.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial as bind
from numbers import Real
from typing import Any, cast

import numpy as np
from scipy.sparse import issparse

from skimbalance._engine.joblib_backend import once
from skimbalance._engine.shared import digest
from skimbalance._fit.data import Data, StreamedData, resample
from skimbalance._fit.held_out import hold_out
from skimbalance._fit.loss_parameters import corrects_by_itself, loss_arguments, record_of
from skimbalance._fit.network import Network, RowEncoder, Weights
from skimbalance._fit.perceptron import Architecture
from skimbalance._fit.settings import Settings
from skimbalance._fit.targets import Target
from skimbalance._losses.records import CUSTOM, Loss
from skimbalance._validation import warn
from skimbalance.preprocessing._encoder import TableEncoder
from skimbalance.sampling._random import Purpose, generator
from skimbalance.sampling._streams import STREAMS, Stream

__all__ = [
    "Balance",
    "Course",
    "Fitted",
    "Plan",
    "auto_batch_size",
    "balance",
    "check_monitor",
    "initial_state",
    "lengths",
    "loss_weight",
    "prepare",
    "starting_rows",
]

CUSTOM_LOSS = "a custom loss"

# With epochs="auto": steps, epochs at most, and the numbers of rows beyond which a batch of 64 rows
# doubles. Steps without improvement of n_iter_no_change="auto".
AUTO_STEPS, MOST_AUTO_EPOCHS = 2_000, 256
BATCH_GROWS = (1_024, 8_192, 30_000, 100_000)
AUTO_PATIENCE = 200

# Rows and values that an embedding and the NTK parametrisation start from, at most.
STARTING_ROWS, STARTING_VALUES = 1_024, 2**24

# Rows are encoded in about equal blocks of at most so many rows and values.
ENCODED_ROWS, ENCODED_VALUES = 2**12, 2**22


@dataclass(frozen=True, eq=False)
class Fitted:
    """What prediction needs: the shape of the network, plain arrays and numbers.

    Parameters
    ----------
    network : Network or None
        None where a live Keras model was left out of a pickle, to be built anew.
    weights : dict of str to ndarray
        Weights of the network, by name.
    encoder : RowEncoder or None
        What turns rows into the inputs of the network; None if these are the same.
    posterior_arguments : dict
        Arguments of `posterior.log_posterior`, or of `posterior.label_posterior`.
    slots : tuple or None
        State of the optimizer after `partial_fit`, which may continue; else None.
    """

    network: Network | None
    weights: Weights
    encoder: RowEncoder | None
    posterior_arguments: dict[str, Any]
    slots: tuple[Any, ...] | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a state; in older model files it has a scaler of all columns."""
        if "scaler" in state:
            scaler = state["scaler"]
            n_columns = getattr(state["network"], "n_features", 0)
            encoder = None if not n_columns else TableEncoder.of_scaler(scaler, n_columns)
            state = {**state, "encoder": encoder}
            del state["scaler"]
        self.__dict__.update(state)

    def forward(self, X: Any) -> np.ndarray:
        """Logits of raw rows."""
        network, encoder = self.network, self.encoder
        assert network is not None, "build the live network anew before predicting"
        if encoder is None:
            return network.forward(self.weights, X)
        if encoder.is_plain and not issparse(X) and not np.isnan(np.sum(X)):
            return network.forward(self.weights, X, encoder.center, encoder.scale)
        n_rows = X.shape[0]
        most = int(np.clip(ENCODED_VALUES // encoder.n_outputs, 1, ENCODED_ROWS))
        edges = np.linspace(0, n_rows, max(1, -(-n_rows // most)) + 1).astype(int)
        logits = [
            network.forward(self.weights, encoder.transform(X[start:stop]))
            for start, stop in itertools.pairwise(edges)
        ]
        return np.concatenate(logits)


@dataclass(frozen=True, eq=False)
class Course:
    """Where a fit stands among the fits of one estimator.

    Parameters
    ----------
    seed : int
        Seed of all random numbers of the fit, together with `n_before`.
    n_before : int
        Epochs trained by earlier fits that this one continues.
    previous : Fitted or None
        The state that this fit continues from.
    partial : bool
        Whether this is one epoch of `partial_fit`.
    counts : ndarray of shape (n_classes,) or (n_labels, 2)
        Weighted rows of each class, over all parts where the fit is partial.
    """

    seed: int
    n_before: int
    previous: Fitted | None
    partial: bool
    counts: np.ndarray


@dataclass(frozen=True, eq=False)
class Balance:
    """What makes up for the class frequencies, in arrays of shape (n_classes,) or (n_labels, 2).

    Parameters
    ----------
    ratio : ndarray
        How many times more often training draws each class than it occurs.
    shares : ndarray
        How often it is drawn, times its weight in the loss.
    arguments : dict
        Parameters of a named loss, as numbers and arrays.
    class_weight, in_loss : ndarray
        Class weights, and their product with focal loss' alpha.
    deferred : float
        Share of the epochs before they switch on.
    loss : str
        Name of the loss.
    """

    ratio: np.ndarray
    shares: np.ndarray
    arguments: dict[str, Any]
    class_weight: np.ndarray
    in_loss: np.ndarray
    deferred: float
    loss: str

    @property
    def posterior_arguments(self) -> dict[str, Any]:
        """Arguments of `posterior.log_posterior`, or of `posterior.label_posterior`."""
        undone = {"class_weight": self.in_loss, "sampling_ratio": self.ratio}
        return {**undone, **self.arguments, "loss": self.loss}


@dataclass(frozen=True, eq=False)
class Plan:
    """All that training needs to know.

    Parameters
    ----------
    settings : Settings
        The choices of the fit.
    target : Target
        What is learnt.
    initial : Fitted
        The network before training.
    rows : Data
        Training rows.
    loss_weight : ndarray
        Weight of each training row (or label, or step) in the loss; rows have mean weight 1 over
        the draws of an epoch.
    early_weight : ndarray
        The same without class weights, for the epochs before these switch on.
    deferred_until : int
        The number of those epochs.
    held_out : Data or None
        Held-out rows.
    held_out_loss_weight : ndarray or None
        Their weights in the loss.
    order : callable
        Function from the number of an epoch to indices into `rows`.
    batch_size, epochs, first_epoch, patience : int
        Maximum number of rows in a batch, number of epochs, number of the first epoch, and number
        of epochs without improvement after which training stops.
    arguments : dict
        Parameters of a named loss, as numbers and arrays.
    class_weight : ndarray of shape (n_classes,) or (n_labels, 2)
        Class weights, without focal loss' alpha.
    noise_seed : int
        Seed of dropout layers and of other layers that draw random numbers.
    partial : bool
        Whether this is one epoch of `partial_fit`.
    vote : Vote or None
        The voice of this network among those with which it stops.
    watch : Watch or None
        Tells scikit-learn's callbacks of the epochs.
    shift : ndarray of shape (n_classes,) or None
        What is added to the logits of the trained network, whose rows had other class shares than
        the population.
    """

    settings: Settings
    target: Target
    initial: Fitted
    rows: Data | StreamedData
    loss_weight: np.ndarray
    early_weight: np.ndarray
    deferred_until: int
    held_out: Data | None
    held_out_loss_weight: np.ndarray | None
    order: Callable[[int], np.ndarray]
    batch_size: int
    epochs: int
    first_epoch: int
    patience: int
    arguments: dict[str, Any]
    class_weight: np.ndarray
    noise_seed: int
    partial: bool
    vote: Any = None
    watch: Any = None
    shift: np.ndarray | None = None

    def fitted(self, result: Any) -> Fitted:
        """The network after training."""
        weights = {name: result.weights[name] for name in self.initial.weights}
        if self.shift is not None:
            weights["logits/bias"] = weights["logits/bias"] + self.shift
        slots = result.slots if self.partial else None
        initial = self.initial
        return Fitted(initial.network, weights, initial.encoder, initial.posterior_arguments, slots)


def prepare(
    settings: Settings,
    data: Data,
    target: Target,
    network: Network,
    course: Course,
    held_out: Data | None = None,
) -> Plan:
    """Plan one fit.

    Parameters
    ----------
    settings : Settings
        The choices of the fit.
    data : Data
        All its rows.
    target : Target
        What is learnt.
    network : Network
        What learns it.
    course : Course
        Where the fit stands among the fits of the estimator.
    held_out : Data, default=None
        Held-out rows, if they are not to be drawn from `data`.

    Returns
    -------
    plan : Plan

    Raises
    ------
    ValueError
        If a setting does not fit the target or the rows.
    """
    check_monitor(settings, target)
    rng = generator(Purpose.PLAN, course.seed, course.n_before)
    train = data
    if held_out is None and not course.partial:
        train, held_out = hold_out(settings, data, target, rng)
    encoder = _encoder(settings, train, course)
    if encoder is not None:
        network = cast(Architecture, network).for_inputs(encoder)
    rows, stream = _drawn_rows(settings, train, encoder, target, rng)
    strata = target.strata(rows.y)
    draws = stream.draws(np.bincount(strata))[strata]
    found = balance(settings, target, course.counts, _over_drawing(target, train, rows, draws))
    some_rows = bind(starting_rows, rows, encoder)
    weights, slots = initial_state(settings, network, target, course, found, rng, some_rows)
    batch_size, epochs, patience = lengths(settings, len(rows.y))
    in_loss = found.in_loss
    return Plan(
        settings=settings,
        target=target,
        initial=Fitted(network, weights, encoder, found.posterior_arguments, slots),
        rows=rows,
        loss_weight=loss_weight(target, rows, in_loss, draws),
        early_weight=loss_weight(target, rows, np.ones_like(in_loss), draws),
        deferred_until=0 if course.partial else int(found.deferred * epochs),
        held_out=held_out,
        # Weights take the place of repeated draws, so that both losses measure the same.
        held_out_loss_weight=loss_weight(target, held_out, in_loss * found.ratio, 1.0),
        order=bind(_order, stream, strata, course.seed),
        batch_size=batch_size,
        epochs=1 if course.partial else epochs,
        first_epoch=course.n_before,
        patience=patience,
        arguments=found.arguments,
        class_weight=found.class_weight,
        noise_seed=int(rng.integers(2**63)),
        partial=course.partial,
    )


def auto_batch_size(n_samples: int) -> int:
    """Power of two that cuts an epoch into about 64 batches, from 32 to 1024."""
    return int(np.clip(2 ** round(np.log2(n_samples / 64)), 32, 1024))


def lengths(settings: Settings, n_rows: int) -> tuple[int, int, int]:
    """Rows of a batch, epochs, and epochs without improvement after which training stops."""
    given = settings.epochs
    if not isinstance(settings.batch_size, str):
        batch_size = int(settings.batch_size)
    elif isinstance(given, str):
        batch_size = 2 ** (6 + int(np.searchsorted(BATCH_GROWS, n_rows)))
    else:
        batch_size = auto_batch_size(n_rows)
    steps = -(-n_rows // batch_size)
    auto_epochs = int(np.clip(round(AUTO_STEPS / steps), 1, MOST_AUTO_EPOCHS))
    epochs = auto_epochs if isinstance(given, str) else int(given)
    patience = settings.n_iter_no_change
    if isinstance(patience, str):
        patience = -(-AUTO_PATIENCE // steps)
    return batch_size, epochs, patience


def check_monitor(settings: Settings, target: Target) -> None:
    """Check that the target has the monitor of early stopping."""
    names = ["loss", *target.monitors]
    if settings.monitor not in names:
        raise ValueError(
            f"The 'monitor' parameter must be one of {names!r} for {target.y_kind}. "
            f"Got {settings.monitor!r} instead."
        )


def _encoder(settings, train, course) -> RowEncoder | None:
    """What turns rows into the network's inputs: learnt, updated, or kept from a previous fit."""
    if train.n_levels is None:
        return None
    (X,), weight = train.X, train.weight if train.weighted else None
    if course.previous is None:
        y = train.y if settings.bins == "supervised" else None
        learn = bind(_learnt_encoder, settings, X, train.index, weight, train.n_levels, y)
        told = train.key and digest(weight, train.n_levels, y)
        key = told and (train.key, told, settings.standardize, settings.bins)
        return once(key, learn)
    encoder = course.previous.encoder
    if course.partial and settings.standardize:
        return encoder.updated(X, train.index, weight)
    return encoder


def _learnt_encoder(settings, X, index, weight, n_levels, y):
    encoder = TableEncoder.learn(X, index, weight, n_levels, standardize=settings.standardize)
    return encoder if settings.bins is None else encoder.with_bins(X, index, y)


def _drawn_rows(settings, train, encoder, target, rng) -> tuple[Data, Stream]:
    """The rows to train on, and the stream that draws from them."""
    sampling = settings.sampling
    if isinstance(sampling, str):
        return train, STREAMS[sampling]
    seed = int(rng.integers(2**31))
    return resample(sampling, train, encoder, target.classes, seed), STREAMS["shuffle"]


def _over_drawing(target, train, rows, draws):
    """How many times more often training draws each class than it occurs."""
    drawn = target.counts(rows.y, (rows.weight.T * draws).T)
    natural = target.counts(train.y, train.weight)
    return np.divide(drawn, natural, out=np.ones_like(drawn), where=(natural > 0) & (drawn > 0))


def _class_weights(settings, record: Loss, arguments, frequencies, target):
    """Class weights, and their product with focal loss' alpha; both of mean 1 over rows."""
    alpha = settings.alpha if "alpha" in record.takes else None
    by_itself = corrects_by_itself(settings.loss, record, arguments, target.losses)
    corrects = by_itself or alpha is not None
    scheme = settings.class_weight
    if isinstance(scheme, str) and scheme == "auto":
        # A custom loss of a multilabel y has no value for each label that could be weighted.
        unweighted = corrects or (record is CUSTOM and not target.exclusive)
        scheme = None if unweighted else target.usual_weights
    class_weight = weights = target.weights("class_weight", scheme, frequencies)
    if alpha is not None:
        alpha_weight = target.weights("alpha", _alpha(alpha, target), frequencies)
        weights = target.normalized(class_weight * alpha_weight, frequencies)
    if corrects and not np.allclose(class_weight, 1.0):
        what = f"loss={settings.loss!r}" if alpha is None else "'alpha'"
        warn(
            f"Both {what} and class_weight={settings.class_weight!r} correct for imbalance, so "
            "it is corrected twice. Set class_weight=None to correct once."
        )
    return class_weight, weights


def _alpha(alpha, target):
    """Focal loss' alpha as a scheme of class weights; a float is for two classes (Lin et al.)."""
    if not isinstance(alpha, Real) or isinstance(alpha, bool | np.bool_):
        return alpha
    scheme = target.two_class_scheme(alpha)
    if scheme is None:
        raise ValueError(
            "The 'alpha' parameter must be 'balanced', a dict or an array for more than two "
            f"classes. Got {alpha!r} for {target.n_outputs} classes."
        )
    return scheme


def balance(settings: Settings, target: Target, counts: np.ndarray, ratio: np.ndarray) -> Balance:
    """What makes up for the class frequencies.

    Parameters
    ----------
    settings : Settings
        The choices of the fit.
    target : Target
        What is learnt.
    counts : ndarray of shape (n_classes,) or (n_labels, 2)
        How often each class occurs.
    ratio : ndarray, of the shape of `counts`
        How many times more often training draws it.
    """
    record = record_of(settings, target.losses, target.y_kind)
    # A class that `partial_fit` has not seen yet counts as one row.
    frequencies = np.where(counts > 0, counts * ratio, 1.0)
    arguments = loss_arguments(settings, record, frequencies, target.classes)
    class_weight, in_loss = _class_weights(settings, record, arguments, frequencies, target)
    deferred = arguments.pop("deferred", 0.0)
    name = settings.loss if isinstance(settings.loss, str) else CUSTOM_LOSS
    return Balance(ratio, frequencies * in_loss, arguments, class_weight, in_loss, deferred, name)


def initial_state(
    settings: Settings,
    network: Network,
    target: Target,
    course: Course,
    found: Balance,
    rng: np.random.Generator,
    some_rows: Callable[[np.random.Generator], np.ndarray],
) -> tuple[Weights, tuple[Any, ...] | None]:
    """Weights before training, and the optimizer's state if the fit continues another.

    ``some_rows(rng)`` gives some training rows, as the network sees them.
    """
    if course.previous is not None:
        return course.previous.weights, course.previous.slots
    bias = None
    if settings.output_bias == "prior":
        record = record_of(settings, target.losses, target.y_kind)
        # Only `partial_fit` gets more rows later: otherwise a class without rows stays without.
        expected = course.counts > 0
        shares = found.shares if course.partial else np.where(expected, found.shares, 0.0)
        bias = target.initial_bias(record, found.arguments, shares)
    return network.initial_weights(rng, bias, some_rows), None


def starting_rows(rows: Data, encoder: RowEncoder | None, rng: np.random.Generator) -> np.ndarray:
    """Some training rows, as the network sees them."""
    width = rows.X[0].shape[1] if encoder is None else encoder.n_outputs
    most = max(1, min(STARTING_ROWS, STARTING_VALUES // width))
    chosen = rng.choice(rows.index, min(len(rows.index), most), replace=False)
    X = rows.X[0][np.sort(chosen)]
    return X if encoder is None else encoder.transform(X)


def loss_weight(target, rows, class_weight, draws):
    """Weight of each target in the loss; rows have mean weight 1 over the draws of an epoch.

    The weight of a row is the mean of its labels' weights, or the sum of its steps' weights. There
    are none without rows.
    """
    if rows is None:
        return None
    class_part = target.per_target(class_weight, rows.y)
    weight = (rows.weight.T * class_part.T).T
    total = np.sum(draws * target.row_weight(weight))
    return weight * (len(rows.y) / total) if total > 0 else weight


def _order(stream, strata, seed, epoch):
    return stream.order(strata, seed=seed, epoch=epoch)
