"""From parameters and validated rows to a plan of training, in NumPy.

Everything that decides what a fit sees is here: which rows are held out, how columns are
standardised, which rows are drawn, and how much each weighs.
"""

import copy
import warnings
from dataclasses import dataclass, replace
from functools import partial as bind
from numbers import Real

import numpy as np
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from skimbalance._mlp import Architecture, forward, initial_weights
from skimbalance._objective import loss_arguments, prior_logits
from skimbalance.class_weight import _weights_of_scheme, compute_class_weight
from skimbalance.sampling import (
    balanced_order,
    shuffled_order,
    stratified_order,
    stratified_split,
)

__all__ = ["ORDERS", "Data", "Plan", "class_counts", "prepare"]

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
    """Rows `index` of X with their class indices and weights; `weighted` if by the caller."""

    X: np.ndarray
    index: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    weighted: bool

    def take(self, rows):
        """Some of the rows."""
        return Data(self.X, self.index[rows], self.y[rows], self.weight[rows], self.weighted)


@dataclass(frozen=True, eq=False)
class Fitted:
    """What prediction needs: plain arrays and numbers."""

    architecture: Architecture
    weights: dict
    scaler: StandardScaler | None
    # Arguments of `posterior.log_posterior`.
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
        return forward(self.architecture, self.weights, X, self.center, self.scale)


@dataclass(frozen=True, eq=False)
class Plan:
    """All that training needs to know."""

    params: object
    # The network before training.
    start: Fitted
    rows: Data
    # Weight of each training row in the loss (mean 1), and before class weights switch on.
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
    dropout_seeds: list
    partial: bool = False

    def fitted(self, result):
        """The network after training."""
        weights = {name: result.weights[name] for name in self.start.weights}
        return Fitted(
            self.start.architecture,
            weights,
            self.start.scaler,
            self.start.posterior,
            result.slots if self.partial else None,
        )


def prepare(params, data, classes, counts, *, seed, n_before, previous, partial):
    """Plan one fit.

    Parameters
    ----------
    params : namespace
        The estimator's parameters, valid one by one.
    data : Data
        All rows of this fit.
    classes : ndarray of shape (n_classes,)
        Labels.
    counts : ndarray of shape (n_classes,)
        Weighted rows of each class, over all parts for `partial`.
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
    # The 2 sets this stream apart from those of `sampling`, which draw the epochs' orders.
    rng = np.random.default_rng([seed, n_before, 2])
    train, held_out = _split(params, data, len(classes), rng, partial)
    scaler = previous and previous.scaler
    if params.standardize and (partial or previous is None):
        scaler = _fit_scaler(scaler, train)
    if isinstance(params.sampling, str):
        rows, order = train, params.sampling
    else:
        sampler_seed = int(rng.integers(2**31))
        rows = _resample(params.sampling, train, scaler, classes, sampler_seed)
        order = "shuffle"

    drawn = _drawn_counts(rows, order, len(classes))
    natural = class_counts(train.y, train.weight, len(classes))
    ratio = np.divide(drawn, natural, out=np.ones_like(drawn), where=(natural > 0) & (drawn > 0))
    # A class that `partial_fit` has not seen yet counts as one row.
    seen = np.where(counts > 0, counts * ratio, 1.0)

    class_weight, in_loss = _class_weights(params, seen, classes)
    arguments = _loss_arguments(params, seen)
    deferred = arguments.pop("deferred", 0.0)
    architecture = _architecture(params, rows.X.shape[1], len(classes), previous)
    weights = previous and previous.weights
    if previous is None:
        weights = initial_weights(architecture, rng)
        if params.output_bias == "prior":
            weights["logits/bias"] = prior_logits(params.loss, arguments, seen * in_loss)
    posterior = {"class_weight": in_loss, "sampling_ratio": ratio, **arguments}
    posterior["loss"] = params.loss if isinstance(params.loss, str) else "a loss of one's own"

    batch_size = auto_batch_size(len(rows.y)) if params.batch_size == "auto" else params.batch_size
    return Plan(
        params=params,
        start=Fitted(architecture, weights, scaler, posterior, previous and previous.slots),
        rows=rows,
        loss_weight=_row_weight(rows, in_loss, drawn),
        early_weight=_row_weight(rows, np.ones_like(in_loss), drawn),
        deferred_until=0 if partial else int(deferred * params.epochs),
        held_out=held_out,
        # As training rows weigh, drawn as they are: the same objective.
        held_out_loss_weight=held_out and _held_out_weight(held_out, in_loss * ratio),
        order=bind(_order, ORDERS[order], rows.y, seed),
        batch_size=batch_size,
        epochs=1 if partial else params.epochs,
        first_epoch=n_before,
        weight_decay=_weight_decay(params),
        arguments=arguments,
        class_weight=class_weight,
        dropout_seeds=rng.integers(2**32, size=len(architecture.hidden_layer_sizes)).tolist(),
        partial=partial,
    )


def class_counts(y, weight, n_classes):
    """Sum of the row weights of each class."""
    return np.bincount(y, weights=weight, minlength=n_classes)


def auto_batch_size(n_samples):
    """Power of two that cuts an epoch into some 64 batches, from 32 to 1024."""
    return int(np.clip(2 ** round(np.log2(n_samples / 64)), 32, 1024))


def _split(params, data, n_classes, rng, partial):
    """Training rows and held-out rows, the latter None without early stopping."""
    n_rows = np.bincount(data.y, minlength=n_classes)
    fewest = n_rows.min()
    if params.early_stopping == "auto":
        # Equal counts are the mark of a sampler earlier in a pipeline: held-out rows would be
        # copies of training rows, or made up, and judge nothing.
        wanted = fewest * params.validation_fraction >= FEWEST_HELD_OUT and fewest < n_rows.max()
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
    train, held_out = stratified_split(data.y, params.validation_fraction, random_state=rng)
    return data.take(train), data.take(held_out)


def _fit_scaler(scaler, train):
    """Learn, or go on learning, mean and deviation of the columns from weighted rows."""
    scaler = StandardScaler() if scaler is None else copy.deepcopy(scaler)
    for start in range(0, len(train.index), BLOCK):
        block = slice(start, start + BLOCK)
        # In float64: the square of a float32 column of 1e30 would overflow.
        rows = train.X[train.index[block]].astype(np.float64)
        scaler.partial_fit(rows, sample_weight=train.weight[block] if train.weighted else None)
    return scaler


def _resample(sampler, train, scaler, classes, seed):
    """Rows after an imbalanced-learn sampler, fitted on the training rows only.

    Neighbours are sought among standardised columns, so that no column's unit decides.
    """
    sampler = clone(sampler)
    if sampler.get_params().get("random_state", seed) is None:
        sampler.set_params(random_state=seed)
    rows = train.X[train.index]
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
    return Data(new_rows, np.arange(len(y)), y, np.ones(len(y)), weighted=False)


def _drawn_counts(rows, order, n_classes):
    """Weighted draws of each class in an epoch."""
    drawn = class_counts(rows.y, rows.weight, n_classes)
    if order == "balanced":
        n_rows = np.bincount(rows.y, minlength=n_classes)
        share = len(rows.y) / np.count_nonzero(n_rows)
        drawn = drawn * share / np.maximum(n_rows, 1)
    return drawn


def _class_weights(params, seen, classes):
    """Class weights, and the product with focal loss' alpha; both of mean 1 over rows."""
    class_weight = in_loss = compute_class_weight(params.class_weight, seen, classes=classes)
    corrects_itself = params.loss in ("logit_adjusted", "vector_scaling") and params.tau > 0
    if params.loss == "focal" and params.alpha is not None:
        corrects_itself = True
        in_loss = class_weight * _alpha(params.alpha, seen, classes)
        in_loss = in_loss / (seen @ in_loss / seen.sum())
    if corrects_itself and not np.allclose(class_weight, 1.0):
        which = "'alpha'" if params.loss == "focal" else f"loss={params.loss!r}"
        warnings.warn(
            f"Both {which} and class_weight={params.class_weight!r} correct for imbalance, so "
            "it is corrected twice. Set class_weight=None to correct once.",
            UserWarning,
            stacklevel=CALLER,
        )
    return class_weight, in_loss


def _alpha(alpha, seen, classes):
    """Focal loss' alpha as class weights; a float is Lin et al.'s, for two classes."""
    if isinstance(alpha, Real) and not isinstance(alpha, bool | np.bool_):
        if len(classes) != 2:
            raise ValueError(
                "The 'alpha' parameter of ImbalancedMLPClassifier must be 'balanced', a dict or "
                f"an array for more than two classes. Got {alpha!r} for {len(classes)} classes."
            )
        alpha = [1.0 - alpha, alpha]
    return _weights_of_scheme("alpha", alpha, seen, classes)


def _architecture(params, n_features, n_classes, previous):
    sizes = params.hidden_layer_sizes
    sizes = tuple(sizes) if np.ndim(sizes) else (sizes,)
    if not all(isinstance(n, int | np.integer) and n >= 1 for n in sizes):
        raise ValueError(
            "The 'hidden_layer_sizes' parameter of ImbalancedMLPClassifier must be an int or a "
            f"sequence of ints in the range [1, inf). Got {params.hidden_layer_sizes!r} instead."
        )
    architecture = Architecture(
        n_features=n_features,
        n_outputs=n_classes,
        hidden_layer_sizes=tuple(int(n) for n in sizes),
        activation=params.activation,
        normalization=params.normalization,
        dropout=params.dropout > 0,
    )
    if previous is not None and replace(previous.architecture, dropout=True) != replace(
        architecture, dropout=True
    ):
        raise ValueError(
            "A fit that goes on from the one before must have the same layers: "
            f"{previous.architecture}. Got {architecture} instead."
        )
    return architecture


def _weight_decay(params):
    if params.weight_decay is not None:
        return params.weight_decay
    return ADAMW_WEIGHT_DECAY if params.optimizer == "adamw" else 0.0


def _row_weight(rows, class_weight, drawn):
    """Weight of each row in the loss, of mean 1 over the draws of an epoch."""
    weight = rows.weight * class_weight[rows.y]
    total = drawn @ class_weight
    return weight * (len(rows.y) / total) if total > 0 else weight


def _held_out_weight(held_out, class_weight):
    """The same for held-out rows, each of which is drawn once."""
    counts = class_counts(held_out.y, held_out.weight, len(class_weight))
    return _row_weight(held_out, class_weight, counts)


def _loss_arguments(params, seen):
    if not isinstance(params.loss, str):
        return {}
    return loss_arguments(
        params.loss,
        gamma=params.gamma,
        tau=params.tau,
        loss_params=params.loss_params,
        class_counts=seen,
    )


def _order(stream, y, seed, epoch):
    return stream(y, seed=seed, epoch=epoch)
