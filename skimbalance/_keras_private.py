"""The one door to private attributes of Keras and TensorFlow, and whether both can run here.

If a new release renames one of them, this module is the only one to change. Each is used because
there is no public way to say the same.
"""

import io
import os
import sys
from typing import Any

__all__ = [
    "check_tensorflow",
    "compiled_metrics",
    "detach",
    "inputs_before",
    "is_seedable",
    "is_unseeded",
    "lambda_output_shape",
    "layers_in",
    "mask_of",
    "operation_of",
    "rate_variable",
    "spares_variables",
]


# Whether this process was made by fork after TensorFlow had run: its threads are not here, and
# what needs them would wait for ever.
_without_threads = False


def _after_fork():
    global _without_threads
    context = getattr(sys.modules.get("tensorflow.python.eager.context"), "_context", None)
    _without_threads |= getattr(context, "_initialized", False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def check_tensorflow() -> None:
    """Check that TensorFlow can run in this process, and Keras on it.

    Raises
    ------
    RuntimeError
        If the process was made by fork after TensorFlow had run, or Keras has another backend.
    """
    if _without_threads:
        raise RuntimeError(
            "TensorFlow must not have run in the process that this one was forked from: start it "
            "by 'spawn' or 'forkserver' (multiprocessing.get_context), or train before the fork "
            "what then predicts without TensorFlow. Got a fork of a process in which it has run."
        )
    try:
        import keras

        backend = keras.config.backend()
    except ImportError:
        backend = os.environ.get("KERAS_BACKEND", "tensorflow")
        if backend == "tensorflow":
            raise
    if backend != "tensorflow":
        raise RuntimeError(
            "Keras must run on TensorFlow here: set the environment variable KERAS_BACKEND to "
            f"'tensorflow', or leave it out, before Keras is imported. Got {backend!r}."
        )


def operation_of(tensor: Any) -> Any:
    """The layer, or other operation, that puts out a symbolic tensor."""
    return tensor._keras_history.operation


def inputs_before(tensor: Any) -> list[Any]:
    """The tensors that go into the operation that puts out a symbolic tensor."""
    operation, node, _ = tensor._keras_history
    return operation._inbound_nodes[node].input_tensors


def layers_in(layer: Any, *, include_self: bool) -> list[Any]:
    """The layers within a layer, or model, at any depth."""
    return list(layer._flatten_layers(include_self=include_self))


def mask_of(tensor: Any) -> Any:
    """The mask that a layer attached to its output; None without one."""
    return getattr(tensor, "_keras_mask", None)


def compiled_metrics(model: Any) -> Any:
    """The metrics that a model was compiled with, as given.

    `get_compile_config` has their names, from which not all can be made again.
    """
    return model._compile_config.config.get("metrics")


def is_seedable(initializer: Any) -> bool:
    """Whether an initializer draws random numbers from a seed."""
    return hasattr(initializer, "_init_seed")


def is_unseeded(initializer: Any) -> bool:
    """Whether an initializer that draws random numbers was made without a seed."""
    return initializer._init_seed is None


def rate_variable(optimizer: Any) -> Any:
    """The variable in which an optimizer keeps its learning rate."""
    return optimizer._learning_rate


def spares_variables(optimizer: Any) -> bool:
    """Whether some variables are excluded from the weight decay of an optimizer."""
    return hasattr(optimizer, "_exclude_from_weight_decay")


def lambda_output_shape(layer: Any) -> Any:
    """The `output_shape` that a Lambda layer was made with."""
    return layer._output_shape


def detach(callback: Any) -> None:
    """Remove from a callback, which is a parameter, what no copy of it could hold or should.

    That is the model, and files that are closed by now.
    """
    callback._model = None
    for name, value in vars(callback).items():
        if isinstance(value, io.IOBase) and value.closed:
            setattr(callback, name, None)
