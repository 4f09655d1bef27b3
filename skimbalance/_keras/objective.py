"""Losses and optimizers, by name or as Keras objects, as the engine takes them."""

import json
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from skimbalance._engine.tensorflow.optimizers import OPTIMIZERS, Averaged, KerasOptimizer
from skimbalance._fit.targets import Target
from skimbalance._keras_private import mask_of
from skimbalance.losses import LABEL_LOSSES, LOSSES

__all__ = [
    "check_optimizer",
    "engine_optimizer",
    "mean_loss",
    "with_settable_rate",
]


def mean_loss(loss: Any, target: Target, has_single_output: bool = False) -> tuple[Any, Any]:
    """Mean loss of a batch as a function of (targets, logits, weight, arguments), and a key.

    The weights of labels or steps apply inside the loss of a row, which is the mean over its
    labels, or the sum over its steps.
    """
    if isinstance(loss, str):
        record = target.losses[loss]
        function = (LOSSES if target.exclusive else LABEL_LOSSES)[loss]
        if record.over_batch:
            return partial(_of_batch, function), loss
        if not target.exclusive:
            return partial(_mean_over_labels, function), loss
        values, key = partial(function, from_logits=True), loss
    else:
        values = _values_of_keras_loss(loss, target.exclusive, has_single_output)
        # A plain function has no config: it is its own key.
        key = _key(loss) if isinstance(loss, keras.losses.Loss) else loss
        if not target.exclusive:
            return partial(_mean_of_custom, values), key
    return partial(_mean_over_steps if target.has_steps else _mean_over_rows, values), key


def _of_batch(function, y, logits, weight, arguments):
    return function(y, logits, sample_weight=weight, from_logits=True)


def _mean_over_rows(values, y, logits, weight, arguments):
    losses = values(y, logits, **arguments)
    counts = mask_of(losses)
    if counts is not None:
        # Keras' mean is over the rows that `ignore_class` leaves.
        counted = weight * tf.cast(counts, weight.dtype)
        weight = counted * tf.math.divide_no_nan(tf.reduce_sum(weight), tf.reduce_sum(counted))
    return tf.reduce_mean(weight * losses)


def _mean_over_steps(values, y, logits, weight, arguments):
    return tf.reduce_mean(tf.reduce_sum(weight * values(y, logits, **arguments), axis=-1))


def _mean_over_labels(function, y, logits, weight, arguments):
    return tf.reduce_mean(function(y, logits, label_weight=weight, from_logits=True, **arguments))


def _mean_of_custom(values, y, logits, weight, arguments):
    """A custom loss in the multilabel case: without class weights, so all labels weigh alike."""
    return tf.reduce_mean(weight[:, 0] * values(y, logits))


def _values_of_keras_loss(loss, exclusive, has_single_output):
    """Values of a Keras loss, or of a function, given the targets and outputs that it expects.

    Keras' sparse losses and those of this package take class indices, all others one-hot
    targets; for a model with a single output 0 or 1, and in the multilabel case an indicator. A
    loss without `from_logits` takes probabilities.
    """
    is_loss = isinstance(loss, keras.losses.Loss)
    name = type(loss).__name__ if is_loss else getattr(loss, "__name__", "")
    takes_indices = "sparse" in name.lower() or type(loss).__module__.startswith("skimbalance.")
    takes_logits = is_loss and loss.get_config().get("from_logits", False)
    is_single = has_single_output and not takes_indices
    is_sigmoid = is_single or not exclusive

    def values(y, logits):
        rows = y if exclusive else y[:, 0]
        if is_single:
            y, logits = y[..., None], logits[..., 1:] - logits[..., :1]
        to_proba = tf.nn.sigmoid if is_sigmoid else tf.nn.softmax
        output = logits if takes_logits else to_proba(logits)
        if is_sigmoid:
            targets = tf.cast(y, output.dtype)
        else:
            targets = y if takes_indices else tf.one_hot(y, output.shape[-1], dtype=output.dtype)
        losses = tf.convert_to_tensor(
            loss.call(targets, output) if is_loss else loss(targets, output)
        )
        _check_shape(losses, rows, name)
        return losses

    return values


def _check_shape(losses, y, name):
    """Check that a custom loss gives one value for each target; shapes may be known in part."""
    if losses.shape.rank is None:
        return
    # A size that is known where that of y is not is one of the classes, or 1: the loss averaged.
    same = losses.shape.is_compatible_with(y.shape) and not any(
        size is not None and of_y is None for size, of_y in zip(losses.shape, y.shape, strict=True)
    )
    if not same:
        each = "step of each row" if y.shape.rank > 1 else "row"
        raise ValueError(
            f"The 'loss' parameter must give one value for each {each}, which its weight "
            "multiplies: a function that takes no mean over the batch, and sums over the classes. "
            f"Got {name!r}, which gives values of shape {tuple(losses.shape)} "
            f"for targets of shape {tuple(y.shape)}."
        )


def engine_optimizer(optimizer, ema_momentum=None):
    """Maker of an engine optimizer from (names, shapes), and a key."""
    make, key = _plain_optimizer(optimizer)
    if ema_momentum is None:
        return make, key
    return lambda names, shapes: Averaged(make(names, shapes), ema_momentum), (key, ema_momentum)


def _plain_optimizer(optimizer):
    if isinstance(optimizer, str):
        return lambda names, shapes: OPTIMIZERS[optimizer](), OPTIMIZERS[optimizer].__name__

    def make(names, shapes):
        return KerasOptimizer(with_settable_rate(optimizer), names, shapes)

    return make, _key(optimizer)


def check_optimizer(optimizer):
    """Check that an optimizer object, if it is one, is of a kind that fits support.

    Raises
    ------
    ValueError
        If it scales the loss, or averages weights.
    """
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        raise ValueError(
            "The 'optimizer' parameter must not be a LossScaleOptimizer, as fits do not train in "
            "mixed precision: give the optimizer that it holds. "
            f"Got a LossScaleOptimizer of {type(optimizer.inner_optimizer).__name__}."
        )
    if getattr(optimizer, "use_ema", False):
        raise ValueError(
            "The 'optimizer' parameter must not average weights, as fits return the weights of an "
            "epoch: leave 'use_ema' out. "
            f"Got a {type(optimizer).__name__} with use_ema=True."
        )


def with_settable_rate(optimizer):
    """A fresh copy whose learning rate is a number, whatever schedule the original has."""
    return type(optimizer).from_config({**optimizer.get_config(), "learning_rate": 1e-3})


def _key(part):
    """A key of a loss or optimizer: class and config, without the rate, which is an argument."""
    config = {k: v for k, v in part.get_config().items() if k != "learning_rate"}
    return type(part), json.dumps(config, sort_keys=True, default=repr)
