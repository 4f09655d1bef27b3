"""A custom Keras model seen from outside: what it takes, and what it puts out."""

import keras
import numpy as np

from skimbalance._keras_private import inputs_before, operation_of

__all__ = [
    "as_floats",
    "as_graph",
    "before",
    "built_on",
    "check_precision",
    "find_head",
    "known_head",
    "outputs_of",
    "packed",
    "to_logits",
]

# Activations that are never negative, nor bounded by 1: neither probabilities nor logits.
NOT_HEADS = {"relu", "relu6", "softplus", "squareplus", "sparseplus", "exponential"}

# Factor by which inputs are scaled to test whether outputs stay in [0, 1].
FAR = 1e3


def check_precision(policy):
    """Check that layers of a dtype policy compute in the type of their weights, Keras' default.

    Raises
    ------
    ValueError
        If they compute in another one.
    """
    floatx = keras.config.floatx()
    computes, stores = policy.compute_dtype, policy.variable_dtype
    if computes != stores or (computes.startswith(("float", "bfloat")) and computes != floatx):
        raise ValueError(
            f"The dtype policy must be that of keras.config.floatx(), {floatx!r}, as fits do not "
            f"train in mixed precision: call keras.config.set_dtype_policy({floatx!r}), or build "
            f"layers with dtype={floatx!r}. Got the policy {policy.name!r}."
        )


# -- what it takes --------------------------------------------------------------------------------


def packed(X, keys):
    """Inputs as a model takes them: one, a list or, with keys, a dict."""
    if keys is not None:
        return dict(zip(keys, X, strict=True))
    return X[0] if len(X) == 1 else list(X)


def as_floats(X):
    """Inputs whose floats are of Keras' type."""
    floatx = keras.config.floatx()
    return tuple(x.astype(floatx) if x.dtype.kind == "f" else x for x in X)


def built_on(model, X, keys):
    """The model with its weights, which are created for these rows if it has none yet."""
    if not model.built:
        if isinstance(model, keras.Sequential) and len(X) == 1:
            # Built on the rows themselves, it would keep their number as a fixed batch size.
            model.build((None, *X[0].shape[1:]))
        model(packed(as_floats(X), keys), training=False)
    return model


def as_graph(model, X, keys, owner):
    """The model as one functional graph, its inputs in the order of those of X.

    Returns
    -------
    graph : keras.Model or None
        None if the model is neither functional nor sequential.

    Raises
    ------
    ValueError
        If the model takes other inputs, or rows of another shape.
    """
    tensors = getattr(model, "inputs", None)
    if not tensors:
        return None
    if keys is not None:
        named = model.input
        if not isinstance(named, dict):
            named = {operation_of(tensor).name: tensor for tensor in tensors}
        if set(named) != set(keys):
            raise ValueError(
                f"The inputs of X must be those of the model of {owner}: {sorted(named)!r}. "
                f"Got {sorted(keys)!r} instead."
            )
        tensors = [named[key] for key in keys]
    elif len(tensors) != len(X):
        raise ValueError(
            f"The model of {owner} must have as many inputs as X: {len(X)}. "
            f"Got a model with {len(tensors)}."
        )
    for tensor, x in zip(tensors, X, strict=True):
        _check_rows(tuple(tensor.shape[1:]), x.shape[1:], owner)
    try:
        return keras.Model(tensors[0] if len(tensors) == 1 else tensors, model.outputs)
    except ValueError:
        return None


def _check_rows(takes, shape, owner):
    # Keras adds or removes a last axis of length 1, as the model needs it.
    shapes = [shape, (*shape, 1), *([shape[:-1]] if shape[-1:] == (1,) else [])]
    if not any(_is_of_shape(candidate, takes) for candidate in shapes):
        raise ValueError(
            f"The model of {owner} must take rows of the same shape as those of X: {shape}. "
            f"Got a model that takes rows of shape {takes}."
        )


def _is_of_shape(shape, takes):
    return len(shape) == len(takes) and all(
        m is None or m == n for m, n in zip(takes, shape, strict=True)
    )


# -- what it puts out -----------------------------------------------------------------------------


def outputs_of(model, X, keys, owner):
    """The output of a model for rows; an error if it has more than one."""
    outputs = keras.tree.flatten(model(packed(as_floats(X), keys), training=False))
    if len(outputs) != 1:
        raise ValueError(
            f"The model of {owner} must have one output. Got a model with {len(outputs)}."
        )
    return outputs[0]


def find_head(graph, call, X, target, *, takes_logits, owner):
    """Detect what a model ends in, and check that this fits the target.

    Parameters
    ----------
    graph : keras.Model or None
        The model as a graph.
    call : callable
        From rows, a tuple by input, to the model's outputs.
    X : tuple of ndarray
        Some rows.
    target : Target
        What the model learns.
    takes_logits : bool or None
        Whether a loss that the model is compiled with takes logits; None without one.
    owner : str
        Name of the estimator, for errors.

    Returns
    -------
    head : {"softmax", "sigmoid", "logits"}

    Raises
    ------
    ValueError
        If it cannot be detected, or the outputs do not fit the target.
    """
    outputs = np.asarray(call(X))
    what = f"{target.n_outputs} {target.noun}"
    _check_width((None, *outputs.shape[1:]), target, what, owner)
    last = None if graph is None else operation_of(graph.outputs[0])
    head, got = known_head(last), None
    if _activation_name(last) in NOT_HEADS:
        got = f"a model that ends in {_activation_name(last)}"
    elif head is None:
        head = _head_by_outputs(outputs, call, X, target.exclusive, takes_logits)
        if head is None:
            got = f"outputs from {outputs.min():.3g} to {outputs.max():.3g}, which may be either"
    if got is not None:
        raise ValueError(
            f"The model of {owner} must end in a layer that shows whether it puts out "
            "probabilities or logits: softmax, sigmoid, or a Dense layer without activation. "
            f"Got {got}."
        )
    width = outputs.shape[-1]
    wrong = {
        "sigmoid": target.exclusive and width > 1,
        "softmax": not target.exclusive or width == 1,
        "logits": False,
    }
    if wrong[head]:
        right = "sigmoid" if head == "softmax" else "softmax"
        remedy = "" if target.exclusive else " For exclusive classes: y.argmax(axis=1)."
        raise ValueError(
            f"The model of {owner} must end in {right}, or in logits, for {what} and outputs of "
            f"width {width}. Got one that ends in {head}.{remedy}"
        )
    return head


def _check_width(shape, target, what, owner):
    rank = 2 + target.has_steps
    n = target.n_outputs
    widths = [1, 2] if n == 2 and target.exclusive else [n]
    if len(shape) != rank or shape[-1] not in widths:
        raise ValueError(
            f"The model of {owner} must have outputs of shape {(None,) * (rank - 1) + (n,)} for "
            f"{what}"
            + (" (or of width 1)" if len(widths) > 1 else "")
            + f". Got outputs of shape {shape} instead."
        )


def _head_by_outputs(outputs, call, X, exclusive, takes_logits):
    """The kind of the outputs of an unknown last layer; None if it cannot be detected."""
    if takes_logits or not _is_proba(outputs):
        return "logits"
    sums_to_one = outputs.shape[-1] > 1 and np.allclose(outputs.sum(axis=-1), 1, atol=1e-4)
    if sums_to_one and exclusive:
        return "softmax"
    if takes_logits is False:
        return "sigmoid"
    # Outputs that stay in [0, 1] for huge inputs cannot be logits.
    if not all(x.dtype.kind == "f" and np.any(x) for x in X):
        return None
    far = (call(tuple(x * scale for x in X)) for scale in (FAR, -FAR))
    return "sigmoid" if all(map(_is_proba, far)) else "logits"


def _activation_name(operation):
    """The name of the function, or of the operation itself, that an operation ends in."""
    function = getattr(operation, "activation", None)
    return getattr(function, "__name__", type(operation).__name__.lower())


def _is_proba(outputs):
    outputs = np.asarray(outputs)
    return np.all((outputs >= 0) & (outputs <= 1))


def known_head(operation):
    """What an operation puts out, if it is of a known kind, else None."""
    name = type(operation).__name__
    if name in ("Softmax", "Sigmoid"):
        return name.lower()
    if not isinstance(operation, keras.layers.Dense | keras.layers.Activation):
        return None
    function = getattr(operation, "activation", None)
    for head in ("softmax", "sigmoid"):
        if function is getattr(keras.activations, head):
            return head
    if isinstance(operation, keras.layers.Dense) and function in (None, keras.activations.linear):
        return "logits"
    return None


def to_logits(outputs, head, exclusive):
    """Logits of outputs; two for two classes, even if the model has a single output."""
    tiny = np.finfo("float32").tiny
    if head == "softmax":
        return keras.ops.log(keras.ops.maximum(outputs, tiny))
    if head == "sigmoid":
        outputs = keras.ops.log(keras.ops.maximum(outputs, tiny)) - keras.ops.log(
            keras.ops.maximum(1 - outputs, tiny)
        )
    if not exclusive or outputs.shape[-1] > 1:
        return outputs
    return keras.ops.concatenate([keras.ops.zeros_like(outputs), outputs], axis=-1)


def before(tensor):
    """The input of the operation that puts out a tensor."""
    return inputs_before(tensor)[0]
