"""From parameters and validated rows to a plan of training, in NumPy.

Everything that decides what a fit sees is here: which rows are held out, how columns are
standardised, which rows are drawn, and how much each weighs.
"""

import copy
import warnings
from dataclasses import dataclass
from functools import partial as bind
from numbers import Real

import numpy as np
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from skimbalance._fit.loss_parameters import loss_arguments
from skimbalance.sampling import balanced_order, shuffled_order, stratified_order

__all__ = ["ORDERS", "Data", "Fitted", "Plan", "prepare"]

#: Name of a strategy -> index stream.
ORDERS = {
    "shuffle": shuffled_order,
    "stratified": stratified_order,
    "balanced": balanced_order,
}

# Rows are read in blocks of so many: they stay in the cache, and a memory map is not copied whole.
BLOCK = 2**12

# Held-out rows of the rarest class below which a score of them is too noisy to stop by.
FEWEST_HELD_OUT = 10

# Stack level at which a warning names the line that called `fit`: above it stand `fit`, `_fit`,
# `_fit_rows`, `prepare` and the function that warns.
CALLER = 6

# Keras' own default for AdamW; its other optimizers have none.
ADAMW_WEIGHT_DECAY = 0.004


@dataclass(frozen=True, eq=False)
class Data:
    """Rows `index` of X (one or several arrays) with their targets and weights.

    `weighted` if by the caller; `lengths` where rows are sequences.
    """

    X: tuple[np.ndarray, ...]
    index: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    weighted: bool
    lengths: np.ndarray | None = None

    def take(self, rows):
        """Some of the rows."""
        lengths = None if self.lengths is None else self.lengths[rows]
        return Data(
            self.X, self.index[rows], self.y[rows], self.weight[rows], self.weighted, lengths
        )


@dataclass(frozen=True, eq=False)
class Fitted:
    """What prediction needs: the shape of the network, plain arrays and numbers."""

    network: object
    weights: dict
    scaler: StandardScaler | None
    # Arguments of `posterior.log_posterior`, or `posterior.label_posterior`.
    posterior: dict
    # The optimizer's state, where `partial_fit` may go on.
    slots: tuple | None = None

    @property
    def center(self):
        """Subtracted from the columns; None without standardisation."""
        return None if self.scaler is None else self.scaler.mean_

    @property
    def scale(self):
        """Divided into the columns; None without standardisation."""
        return None if self.scaler is None else self.scaler.scale_

    def forward(self, X):
        """Logits of raw rows."""
        return self.network.forward(self.weights, X, self.center, self.scale)


@dataclass(frozen=True, eq=False)
class Plan:
    """All that training needs to know."""

    params: object
    target: object
    # The network before training.
    start: Fitted
    rows: Data
    # Weight of each training row (or label, or step) in the loss, and before class weights
    # switch on: of mean 1 (over steps of sum 1) over the rows.
    loss_weight: np.ndarray
    early_weight: np.ndarray
    deferred_until: int
    held_out: Data | None
    held_out_loss_weight: np.ndarray | None
    # Epoch -> indices into `rows`.
    order: object
    batch_size: int
    epochs: int
    first_epoch: int
    weight_decay: float
    # Parameters of a named loss, as numbers and arrays.
    arguments: dict
    class_weight: np.ndarray
    # Of dropout and its like.
    noise_seed: int
    partial: bool = False

    def fitted(self, result):
        """The network after training."""
        weights = {name: result.weights[name] for name in self.start.weights}
        return Fitted(
            self.start.network,
            weights,
            self.start.scaler,
            self.start.posterior,
            result.slots if self.partial else None,
        )


def prepare(params, data, target, counts, network, *, seed, n_before, previous, partial):
    """Plan one fit.

    Parameters
    ----------
    params : namespace
        The estimator's parameters, valid one by one.
    data : Data
        All rows of this fit.
    target : Classes, Labels or Steps
        What is learnt.
    counts : ndarray of shape (n_classes,) or (n_labels, 2)
        Weighted rows of each class, over all parts for `partial`.
    network : object
        Has ``start(rng, bias)``, its weights before training, with these biases of its outputs
        unless None; and ``forward(weights, X, center, scale)``.
    seed : int
        Of all randomness, with `n_before`.
    n_before : int
        Epochs trained before, in a fit that goes on.
    previous : Fitted or None
        Where a fit goes on from.
    partial : bool
        Whether this is one epoch of `partial_fit`.

    Returns
    -------
    plan : Plan
    """
    if params.monitor not in ("loss", *target.monitors):
        raise ValueError(
            f"The 'monitor' parameter must be one of {['loss', *target.monitors]!r} for labels. "
            f"Got {params.monitor!r} instead."
        )
    # The 2 sets this stream apart from those of `sampling`, which draw the epochs' orders.
    rng = np.random.default_rng([seed, n_before, 2])
    train, held_out = _split(params, data, target, rng, partial)
    scaler = previous and previous.scaler
    if params.standardize and (partial or previous is None):
        scaler = _fit_scaler(scaler, train)
    if isinstance(params.sampling, str):
        rows, order = train, params.sampling
    else:
        sampler_seed = int(rng.integers(2**31))
        rows = _resample(params.sampling, train, scaler, target.classes, sampler_seed)
        order = "shuffle"

    strata = target.strata(rows.y)
    draws = _draws(strata, order)
    drawn = target.counts(rows.y, rows.weight * draws)
    natural = target.counts(train.y, train.weight)
    ratio = np.divide(drawn, natural, out=np.ones_like(drawn), where=(natural > 0) & (drawn > 0))
    # A class that `partial_fit` has not seen yet counts as one row.
    seen = np.where(counts > 0, counts * ratio, 1.0)

    arguments = _loss_arguments(params, seen, target)
    class_weight, in_loss = _class_weights(params, seen, target)
    deferred = arguments.pop("deferred", 0.0)
    weights = previous and previous.weights
    if previous is None:
        bias = None
        if params.output_bias == "prior":
            # Without parts to come, what no row has, or lacks, is never expected.
            there = (counts > 0) | partial
            bias = target.start(params.loss, arguments, np.where(there, seen * in_loss, 0.0))
        weights = network.start(rng, bias)
    posterior = {"class_weight": in_loss, "sampling_ratio": ratio, **arguments}
    posterior["loss"] = params.loss if isinstance(params.loss, str) else "a loss of one's own"

    batch_size = auto_batch_size(len(rows.y)) if params.batch_size == "auto" else params.batch_size
    return Plan(
        params=params,
        target=target,
        start=Fitted(network, weights, scaler, posterior, previous and previous.slots),
        rows=rows,
        loss_weight=_loss_weight(target, rows, in_loss, draws),
        early_weight=_loss_weight(target, rows, np.ones_like(in_loss), draws),
        deferred_until=0 if partial else int(deferred * params.epochs),
        held_out=held_out,
        # As training rows weigh, drawn as they are: the same objective.
        held_out_loss_weight=held_out and _loss_weight(target, held_out, in_loss * ratio, 1.0),
        order=bind(_order, ORDERS[order], strata, seed),
        batch_size=batch_size,
        epochs=1 if partial else params.epochs,
        first_epoch=n_before,
        weight_decay=_weight_decay(params),
        arguments=arguments,
        class_weight=class_weight,
        noise_seed=int(rng.integers(2**63)),
        partial=partial,
    )


def auto_batch_size(n_samples):
    """Power of two that cuts an epoch into some 64 batches, from 32 to 1024."""
    return int(np.clip(2 ** round(np.log2(n_samples / 64)), 32, 1024))


def _split(params, data, target, rng, partial):
    """Training rows and held-out rows, the latter None without early stopping."""
    fewest, most = target.fewest(data.y)
    if params.early_stopping == "auto":
        # Equal counts are the mark of a sampler earlier in a pipeline: held-out rows would be
        # copies of training rows, or made up, and judge nothing.
        wanted = fewest * params.validation_fraction >= FEWEST_HELD_OUT and fewest < most
    else:
        wanted = params.early_stopping
    if partial or not wanted:
        return data, None
    if fewest < 2:
        warnings.warn(
            "Early stopping needs at least 2 rows of every class, one to train and one to hold "
            f"out. A class has {fewest}: training goes on without early stopping. Set "
            "early_stopping=False to silence this warning.",
            UserWarning,
            stacklevel=CALLER,
        )
        return data, None
    train, held_out = target.split(data.y, params.validation_fraction, rng)
    return data.take(train), data.take(held_out)


def _fit_scaler(scaler, train):
    """Learn, or go on learning, mean and deviation of the columns from weighted rows."""
    scaler = StandardScaler() if scaler is None else copy.deepcopy(scaler)
    (X,) = train.X
    for start in range(0, len(train.index), BLOCK):
        block = slice(start, start + BLOCK)
        # In float64: the square of a float32 column of 1e30 would overflow.
        rows = X[train.index[block]].astype(np.float64)
        scaler.partial_fit(rows, sample_weight=train.weight[block] if train.weighted else None)
    return scaler


def _resample(sampler, train, scaler, classes, seed):
    """Rows after an imbalanced-learn sampler, fitted on the training rows only.

    Neighbours are sought among standardised columns, so that no column's unit decides.
    """
    sampler = clone(sampler)
    if sampler.get_params().get("random_state", seed) is None:
        sampler.set_params(random_state=seed)
    (X,) = train.X
    rows = X[train.index]
    if scaler is not None:
        rows = scaler.transform(rows)
    # Labels, not class indices: a `sampling_strategy` may name them.
    new_rows, y = sampler.fit_resample(rows, classes[train.y])
    selected = getattr(sampler, "sample_indices_", None)
    # A smoothed bootstrap names the rows that it started from, but they have moved.
    if selected is not None and np.array_equal(new_rows, rows[selected]):
        return train.take(selected)
    if train.weighted:
        raise ValueError(
            "A sampler that makes new rows must not be used with 'sample_weight', which has no "
            f"weight for them. Got {sampler!r}: use one that selects rows, or drop the weights."
        )
    if scaler is not None:
        new_rows = scaler.inverse_transform(new_rows)
    y = np.searchsorted(classes, y)
    return Data((new_rows,), np.arange(len(y)), y, np.ones(len(y)), weighted=False)


def _draws(strata, order):
    """How often each row is drawn in an epoch, in the mean."""
    if order != "balanced":
        return np.ones(len(strata))
    n_rows = np.bincount(strata)
    return len(strata) / (np.count_nonzero(n_rows) * n_rows[strata])


def _class_weights(params, seen, target):
    """Class weights, and the product with focal loss' alpha; both of mean 1 over rows."""
    class_weight = in_loss = target.weights("class_weight", params.class_weight, seen)
    adjusts = params.loss in ("logit_adjusted", "vector_scaling") and params.tau > 0
    corrects_itself = adjusts or params.loss == "distribution_balanced"
    if params.loss == "focal" and params.alpha is not None:
        corrects_itself = True
        alpha = target.weights("alpha", _alpha(params.alpha, target), seen)
        in_loss = target.normalized(class_weight * alpha, seen)
    if corrects_itself and not np.allclose(class_weight, 1.0):
        which = "'alpha'" if params.loss == "focal" else f"loss={params.loss!r}"
        warnings.warn(
            f"Both {which} and class_weight={params.class_weight!r} correct for imbalance, so "
            "it is corrected twice. Set class_weight=None to correct once.",
            UserWarning,
            stacklevel=CALLER,
        )
    return class_weight, in_loss


def _alpha(alpha, target):
    """Focal loss' alpha as class weights; a float is Lin et al.'s, for yes and no."""
    if not isinstance(alpha, Real) or isinstance(alpha, bool | np.bool_):
        return alpha
    of_two = target.binary(alpha)
    if of_two is None:
        raise ValueError(
            "The 'alpha' parameter must be 'balanced', a dict or an array for more than two "
            f"classes. Got {alpha!r} for {target.n_outputs} classes."
        )
    return of_two


def _weight_decay(params):
    if params.weight_decay is not None:
        return params.weight_decay
    return ADAMW_WEIGHT_DECAY if params.optimizer == "adamw" else 0.0


def _loss_weight(target, rows, class_weight, draws):
    """Weight of each target in the loss: a row's share is 1 in the mean over an epoch's draws.

    The share of a row is its weight, the mean weight of its labels, or the sum of its steps'.
    """
    of_targets = target.of_rows(class_weight, rows.y)
    weight = (rows.weight * of_targets.T).T
    total = np.sum(draws * target.share(weight))
    return weight * (len(rows.y) / total) if total > 0 else weight


def _loss_arguments(params, seen, target):
    if not isinstance(params.loss, str):
        return {}
    return loss_arguments(
        params.loss,
        target.loss_params,
        gamma=params.gamma,
        tau=params.tau,
        loss_params=params.loss_params,
        class_counts=seen,
    )


def _order(stream, strata, seed, epoch):
    return stream(strata, seed=seed, epoch=epoch)
