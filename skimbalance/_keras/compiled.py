"""The loss and the optimizer that a compiled model, or the parameters beside it, ask for."""

import re
from functools import cache

import keras

from skimbalance._engine.tensorflow.optimizers import OPTIMIZERS
from skimbalance.losses import LABEL_LOSSES, LOSSES, Crossentropy

__all__ = ["keras_loss", "loss_and_optimizer"]

#: Losses that go by a name here.
NAMED = {*LOSSES, *LABEL_LOSSES}

# Keras' names of the cross-entropy, which is one function here whatever form targets have.
CROSSENTROPIES = {
    "crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "binary_crossentropy",
}


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
