"""Losses and optimizers, by name or as Keras objects, as the engine takes them."""

import json
import re
from functools import cache, partial

import keras
import tensorflow as tf

from skimbalance._engine.optimizers import OPTIMIZERS, KerasOptimizer
from skimbalance._targets import Labels
from skimbalance.losses import LABEL_LOSSES, LOSSES, Crossentropy

__all__ = [
    "engine_optimizer",
    "keras_loss",
    "loss_and_optimizer",
    "mean_loss",
    "with_settable_rate",
]

#: Losses that go by a name here.
NAMED = {*LOSSES, *LABEL_LOSSES}

# Keras' names of the cross-entropy, which is one function here whatever form targets have.
CROSSENTROPIES = {
    "crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "binary_crossentropy",
}


def mean_loss(loss, target, is_single=False):
    """Mean loss of a batch as a function of (targets, logits, weight, arguments), and a key.

    The weights of a row's labels or steps are within the row's loss: its mean over labels, its
    sum over steps.
    """
    of_labels = isinstance(target, Labels)
    if loss == "soft_f1":
        return partial(_mean_soft_f1, (LABEL_LOSSES if of_labels else LOSSES)[loss]), loss
    if isinstance(loss, str) and of_labels:
        return partial(_mean_of_labels, LABEL_LOSSES[loss]), loss
    if isinstance(loss, str):
        values, key = partial(LOSSES[loss], from_logits=True), loss
    else:
        values = _values_of_keras_loss(loss, of_labels, is_single)
        # A plain function has no config: it is its own key.
        key = _key(loss) if isinstance(loss, keras.losses.Loss) else loss

    def mean(y, logits, weight, arguments):
        weighted = weight * values(y, logits, **arguments)
        return tf.reduce_mean(tf.reduce_sum(weighted, axis=-1) if target.rank else weighted)

    def mean_of_labels(y, logits, weight, arguments):
        # Without class weights, all labels of a row weigh the same.
        return tf.reduce_mean(weight[:, 0] * values(y, logits))

    return mean_of_labels if of_labels else mean, key


def _mean_soft_f1(function, y, logits, weight, arguments):
    return function(y, logits, sample_weight=weight, from_logits=True)


def _mean_of_labels(function, y, logits, weight, arguments):
    return tf.reduce_mean(function(y, logits, label_weight=weight, from_logits=True, **arguments))


def _values_of_keras_loss(loss, of_labels, is_single):
    """Values of a Keras loss, or of a function, given the targets and outputs that it expects.

    Keras' sparse losses and those of this package take class indices, all others one-hot
    targets, of a model with a single output 0 or 1, or indicators of labels; a loss without
    `from_logits` takes probabilities.
    """
    is_loss = isinstance(loss, keras.losses.Loss)
    name = type(loss).__name__ if is_loss else getattr(loss, "__name__", "")
    takes_indices = "sparse" in name.lower() or type(loss).__module__.startswith("skimbalance.")
    takes_logits = is_loss and loss.get_config().get("from_logits", False)

    is_single &= not takes_indices

    def values(y, logits):
        if is_single:
            y, logits = y[..., None], logits[..., 1:] - logits[..., :1]
        to_proba = tf.nn.sigmoid if of_labels or is_single else tf.nn.softmax
        output = logits if takes_logits else to_proba(logits)
        if of_labels or is_single:
            targets = tf.cast(y, output.dtype)
        else:
            targets = y if takes_indices else tf.one_hot(y, output.shape[-1], dtype=output.dtype)
        return loss.call(targets, output) if is_loss else loss(targets, output)

    return values


def keras_loss(loss):
    """What scikeras, and a build function, is told of a loss: one of Keras' by what it is called.

    Of a loss that Keras does not know it gets a stand-in, by which it is recognised.
    """
    return Crossentropy(name=f"asked_for_{loss}") if loss in NAMED else loss


def loss_and_optimizer(params, built, owner):
    """Set the loss and the optimizer that the parameters, or the compiled model, ask for.

    Parameters
    ----------
    params : namespace
        Of the estimator; changed.
    built : object
        ``model``, ``loss`` and ``optimizer`` as scikeras made them.
    owner : str
        Name of the estimator, for errors.

    Returns
    -------
    takes_logits : bool or None
        Whether the compiled loss takes logits; None where it does not say.
    """
    model = built.model
    compiled = model.loss if model.compiled else None
    if isinstance(compiled, list | tuple | dict) and len(compiled) == 1:
        (compiled,) = compiled.values() if isinstance(compiled, dict) else compiled
    asked = params.loss if params.loss in NAMED else _common_name(built.loss)
    if compiled is None or compiled is built.loss:
        params.loss, takes_logits = asked or "crossentropy", None
    else:
        if asked is not None and _called(compiled) != _called(asked):
            raise ValueError(
                f"The model of {owner} must not be compiled with another loss than the 'loss' "
                f"parameter asks for, {_called(asked)!r}: leave compiling out, or compile with "
                f"compile_kwargs['loss']. Got a model compiled with {_called(compiled)!r}."
            )
        params.loss = _common_name(compiled) if asked is None else asked
        takes_logits = _from_logits(compiled)
    optimizer = model.optimizer if model.compiled else built.optimizer
    asked = [name for name in vars(params) if name.startswith("optimizer__")]
    if optimizer is not built.optimizer and asked:
        raise ValueError(
            f"The model of {owner} must not be compiled with an optimizer of its own where there "
            f"are parameters for one: leave compiling out, or compile with "
            f"compile_kwargs['optimizer']. Got {asked!r}, which would have no effect."
        )
    name = _plain_name(optimizer)
    params.learning_rate, params.learning_rate_schedule, params.weight_decay = 1e-3, None, 0.0
    params.optimizer = optimizer if name is None else name
    if name is not None:
        params.weight_decay = optimizer.weight_decay or 0.0
        rate = optimizer.get_config()["learning_rate"]
        if isinstance(rate, dict):
            params.learning_rate_schedule = keras.saving.deserialize_keras_object(rate)
        else:
            params.learning_rate = rate
    return takes_logits


def _common_name(loss):
    """A loss; Keras' forms of the cross-entropy, which are one here, by that name."""
    if isinstance(loss, str):
        name = loss
    elif isinstance(loss, keras.losses.Loss):
        plain = {"from_logits", "name", "reduction", "dtype", "axis", "ignore_class"}
        config = {k: v for k, v in loss.get_config().items() if k not in plain}
        name = _called(loss) if type(loss).__module__.startswith("keras") else None
        name = None if any(config.values()) else name
    else:
        name = getattr(loss, "__name__", None)
        if not getattr(loss, "__module__", "").startswith("keras"):
            name = None
    if name in CROSSENTROPIES:
        return "crossentropy"
    return keras.losses.get(loss) if isinstance(loss, str) and loss not in NAMED else loss


def _called(loss):
    """The name of a loss, to compare and to print."""
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    return "crossentropy" if name in CROSSENTROPIES else name


def _from_logits(loss):
    if isinstance(loss, keras.losses.Loss):
        return loss.get_config().get("from_logits")
    return False if _called(loss) == "crossentropy" else None


def engine_optimizer(optimizer):
    """Maker of an engine optimizer from (names, shapes), and a key."""
    if isinstance(optimizer, str):
        return lambda names, shapes: OPTIMIZERS[optimizer](), OPTIMIZERS[optimizer].__name__

    def make(names, shapes):
        return KerasOptimizer(with_settable_rate(optimizer), names, shapes)

    return make, _key(optimizer)


def _plain_name(optimizer):
    """The name of the optimizer of ours that a Keras one is, but for rate and decay; else None."""
    for name in OPTIMIZERS:
        kind, plain = _plain_config(name)
        if type(optimizer) is kind:
            free = {"learning_rate", "name", "weight_decay"}
            config = optimizer.get_config()
            same = all(config[key] == plain[key] for key in config if key not in free)
            return name if same and not hasattr(optimizer, "_exclude_from_weight_decay") else None
    return None


@cache
def _plain_config(name):
    """Class and config of a Keras optimizer with its defaults."""
    plain = keras.optimizers.get(name)
    return type(plain), plain.get_config()


def with_settable_rate(optimizer):
    """A fresh copy whose learning rate is a number, whatever schedule the original has."""
    return type(optimizer).from_config({**optimizer.get_config(), "learning_rate": 1e-3})


def _key(part):
    """What tells two losses or optimizers apart: class and config (the rate is an argument)."""
    config = {k: v for k, v in part.get_config().items() if k != "learning_rate"}
    return type(part), json.dumps(config, sort_keys=True, default=repr)
