"""The loss and the optimizer that a compiled model, or the parameters beside it, ask for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import keras

from skimbalance._engine.tensorflow.optimizers import OPTIMIZERS
from skimbalance._keras_private import spares_variables
from skimbalance._losses.records import SIGMOID, SOFTMAX
from skimbalance.losses import Crossentropy

__all__ = ["Compiled", "keras_loss", "loss_and_optimizer"]

#: Names of this package's losses.
NAMED = {*SOFTMAX, *SIGMOID}

# Keras' names of the cross-entropy, which is one function here for targets of any form.
CROSSENTROPIES = {
    "crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "binary_crossentropy",
}


def keras_loss(loss):
    """The loss handed to scikeras and the build function.

    Keras does not know this package's names: a stand-in takes the place of such a loss, and is
    recognised when the compiled model comes back.
    """
    return Crossentropy(name=f"asked_for_{loss}") if loss in NAMED else loss


@dataclass(frozen=True)
class Compiled:
    """The loss and the optimizer of a fit.

    Parameters
    ----------
    loss : str, keras.losses.Loss or callable
        A name from this package, or a Keras or custom loss.
    takes_logits : bool or None
        Whether the loss that the model is compiled with takes logits; None if unknown.
    optimizer : str or keras.optimizers.Optimizer
        A name of the engine, if its optimizer differs in rate and decay at most.
    learning_rate : float
        Learning rate of an optimizer by name.
    learning_rate_schedule : keras.optimizers.schedules.LearningRateSchedule or None
        Schedule that takes the place of the rate.
    weight_decay : float
        Weight decay of an optimizer by name.
    """

    loss: Any
    takes_logits: bool | None
    optimizer: Any
    learning_rate: float
    learning_rate_schedule: Any
    weight_decay: float


def loss_and_optimizer(params: Mapping[str, Any], built: Any, owner: str) -> Compiled:
    """The loss and the optimizer that the parameters, or the compiled model, ask for.

    Parameters
    ----------
    params : mapping of str to object
        The estimator's parameters.
    built : object
        ``model``, ``loss`` and ``optimizer`` as scikeras made them.
    owner : str
        Name of the estimator, for errors.

    Raises
    ------
    ValueError
        If the model is compiled with another loss, or another optimizer, than was asked for.
    """
    loss, takes_logits = _loss(params["loss"], built, owner)
    optimizer = _optimizer(params, built, owner)
    name = _plain_name(optimizer)
    if name is None:
        return Compiled(loss, takes_logits, optimizer, 1e-3, None, 0.0)
    rate, schedule = optimizer.get_config()["learning_rate"], None
    if isinstance(rate, dict):
        rate, schedule = 1e-3, keras.saving.deserialize_keras_object(rate)
    return Compiled(loss, takes_logits, name, rate, schedule, optimizer.weight_decay or 0.0)


def _loss(loss_param, built, owner):
    """The loss, and whether the compiled one takes logits."""
    model = built.model
    compiled = model.loss if model.compiled else None
    if isinstance(compiled, list | tuple | dict) and len(compiled) == 1:
        (compiled,) = compiled.values() if isinstance(compiled, dict) else compiled
    requested = loss_param if loss_param in NAMED else _common_name(built.loss)
    if compiled is None or compiled is built.loss:
        return requested or "crossentropy", None
    if requested is not None and _called(compiled) != _called(requested):
        raise ValueError(
            f"The model of {owner} must not be compiled with another loss than the 'loss' "
            f"parameter asks for, {_called(requested)!r}: leave compiling out, or compile with "
            f"compile_kwargs['loss']. Got a model compiled with {_called(compiled)!r}."
        )
    return _common_name(compiled) if requested is None else requested, _from_logits(compiled)


def _optimizer(params, built, owner):
    model = built.model
    optimizer = model.optimizer if model.compiled else built.optimizer
    optimizer_params = [name for name in params if name.startswith("optimizer__")]
    if optimizer is not built.optimizer and optimizer_params:
        raise ValueError(
            f"The model of {owner} must not be compiled with an optimizer of its own where "
            f"'optimizer__' parameters are set: leave compiling out, or compile with "
            f"compile_kwargs['optimizer']. Got {optimizer_params!r}, which would have no effect."
        )
    return optimizer


def _common_name(loss):
    """The loss; one of Keras' forms of the cross-entropy by its common name."""
    if _keras_name(loss) in CROSSENTROPIES:
        return "crossentropy"
    return keras.losses.get(loss) if isinstance(loss, str) and loss not in NAMED else loss


def _keras_name(loss):
    """The name of a stock Keras loss without options that change its values, else None."""
    if isinstance(loss, str):
        return loss
    if isinstance(loss, keras.losses.Loss):
        plain = {"from_logits", "name", "reduction", "dtype", "axis", "ignore_class"}
        config = loss.get_config()
        changed = any(value for key, value in config.items() if key not in plain)
        changed |= config.get("ignore_class") is not None
        is_keras = type(loss).__module__.startswith("keras")
        return _called(loss) if is_keras and not changed else None
    is_keras = getattr(loss, "__module__", "").startswith("keras")
    return getattr(loss, "__name__", None) if is_keras else None


def _called(loss):
    """The name of a loss, to compare and to print."""
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    return "crossentropy" if name in CROSSENTROPIES else name


def _from_logits(loss):
    if isinstance(loss, keras.losses.Loss):
        return loss.get_config().get("from_logits")
    return False if _called(loss) == "crossentropy" else None


def _plain_name(optimizer):
    """The engine's name for a Keras optimizer, if they differ in rate and decay at most."""
    for name in OPTIMIZERS:
        kind, plain = _plain_config(name)
        if type(optimizer) is kind:
            free = {"learning_rate", "name", "weight_decay"}
            config = optimizer.get_config()
            is_stock = all(config[key] == plain[key] for key in config if key not in free)
            return name if is_stock and not spares_variables(optimizer) else None
    return None


@cache
def _plain_config(name):
    """Class and config of a Keras optimizer with its defaults."""
    plain = keras.optimizers.get(name)
    return type(plain), plain.get_config()
