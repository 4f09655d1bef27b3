"""Losses of softmax outputs as functions of targets and logits, with one value for each example.

Every cross-entropy is written in terms of ``ce = -log p_t``, which is computed from logits without
forming ``p``: ``p_t = exp(-ce)`` and ``1 - p_t = -expm1(-ce)`` then keep their digits however
confident a mistake is. Parameters may be numbers, arrays or tensors, so no code depends on their
values. The classes named in the summaries explain them.
"""

from typing import Any, TypeAlias

import numpy as np
from keras import ops

# The smallest normal float32. A floor for what is raised to a power or put into a logarithm:
# x**g has an infinite slope at 0 for g < 1, and 0 * inf is nan.
TINY = float(np.finfo("float32").tiny)

# A number, an array, or a tensor of Keras' backend, which have no type in common.
Tensor: TypeAlias = Any


def crossentropy(y_true: Tensor, y_pred: Tensor, from_logits: bool = False) -> Tensor:
    """Values of `Crossentropy`: ``-log p_t``.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (..., n_classes)
        Targets, which may be class indices of shape (...,), and probabilities.
    from_logits : bool, default=False
        Whether `y_pred` holds logits (more exact) instead of probabilities.

    Returns
    -------
    values : tensor of shape (...,)
        Loss of each example.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import crossentropy
    >>> values = crossentropy(np.array([1]), np.array([[0.5, 0.5]]))
    >>> round(float(values[0]), 4)  # log(2)
    0.6931
    """
    return _cross_entropy(y_true, _logits(y_pred, from_logits))


def focal_crossentropy(
    y_true: Tensor,
    y_pred: Tensor,
    gamma: Tensor = 2.0,
    alpha: Tensor | None = None,
    from_logits: bool = False,
) -> Tensor:
    """Values of `FocalCrossentropy`: ``-alpha_y (1 - p_t)^gamma log p_t``.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (..., n_classes)
        Targets, which may be class indices of shape (...,), and probabilities.
    gamma : float >= 0, default=2.0
        How strongly easy examples are discounted.
    alpha : array-like of shape (n_classes,), default=None
        Weight of each class; by default all 1.
    from_logits : bool, default=False
        Whether `y_pred` holds logits (more exact) instead of probabilities.

    Returns
    -------
    values : tensor of shape (...,)
        Loss of each example.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import focal_crossentropy
    >>> values = focal_crossentropy(np.array([1]), np.array([[0.1, 0.9]]), gamma=2.0)
    >>> round(float(values[0]), 6)  # -0.1**2 log(0.9)
    0.001054
    """
    ce = crossentropy(y_true, y_pred, from_logits)
    values = focused(ce, gamma)
    return values if alpha is None else values * per_class(alpha, y_true, y_pred)


def logit_adjusted_crossentropy(
    y_true: Tensor,
    y_pred: Tensor,
    class_counts: Tensor,
    tau: Tensor = 1.0,
    from_logits: bool = False,
) -> Tensor:
    """Values of `LogitAdjustedCrossentropy`: the cross-entropy of ``z + tau log prior``.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (..., n_classes)
        Targets, which may be class indices of shape (...,), and probabilities.
    class_counts : array-like of shape (n_classes,)
        Number of training rows of each class, or numbers proportional to these; positive.
    tau : float, default=1.0
        Strength: larger favours rare classes more.
    from_logits : bool, default=False
        Whether `y_pred` holds logits (more exact) instead of probabilities.

    Returns
    -------
    values : tensor of shape (...,)
        Loss of each example.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import logit_adjusted_crossentropy
    >>> values = logit_adjusted_crossentropy(np.array([1]), np.array([[0.5, 0.5]]), [90, 10])
    >>> round(float(values[0]), 4)  # -log(0.1)
    2.3026
    """
    z = _logits(y_pred, from_logits)
    return _cross_entropy(y_true, z + tau * _log_prior(class_counts, z))


def vector_scaling_crossentropy(
    y_true: Tensor,
    y_pred: Tensor,
    class_counts: Tensor,
    gamma: Tensor = 0.3,
    tau: Tensor = 1.0,
    from_logits: bool = False,
) -> Tensor:
    """Values of `VectorScalingCrossentropy`: the cross-entropy of ``z / D + tau log prior``.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (..., n_classes)
        Targets, which may be class indices of shape (...,), and probabilities.
    class_counts : array-like of shape (n_classes,)
        Number of training rows of each class, or numbers proportional to these; positive.
    gamma, tau : float, default=0.3 and 1.0
        Multiplicative and additive strength; ``D_k = (n_max / n_k)^gamma``.
    from_logits : bool, default=False
        Whether `y_pred` holds logits (more exact) instead of probabilities.

    Returns
    -------
    values : tensor of shape (...,)
        Loss of each example.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import vector_scaling_crossentropy
    >>> z = np.array([[0.0, 3.0]])
    >>> values = vector_scaling_crossentropy(
    ...     np.array([1]), z, [90, 10], gamma=0.5, tau=0.0, from_logits=True
    ... )
    >>> round(float(values[0]), 4)  # log(1 + exp(-3 / 9**0.5))
    0.3133
    """
    z = _logits(y_pred, from_logits)
    log_prior = _log_prior(class_counts, z)
    temper = ops.exp(gamma * (log_prior - ops.max(log_prior)))
    return _cross_entropy(y_true, z * temper + tau * log_prior)


def ldam_crossentropy(
    y_true: Tensor,
    y_pred: Tensor,
    class_counts: Tensor,
    max_margin: Tensor = 0.5,
    scale: Tensor = 1.0,
    from_logits: bool = False,
) -> Tensor:
    """Values of `LDAMCrossentropy`: the cross-entropy of ``scale (z - m_y onehot_y)``.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (..., n_classes)
        Targets, which may be class indices of shape (...,), and probabilities.
    class_counts : array-like of shape (n_classes,)
        Number of training rows of each class, or numbers proportional to these; positive.
    max_margin, scale : float, default=0.5 and 1.0
        Margin of the rarest class, and scale; ``m_k = max_margin (n_k / n_min)^(-1/4)``.
    from_logits : bool, default=False
        Whether `y_pred` holds logits (more exact) instead of probabilities.

    Returns
    -------
    values : tensor of shape (...,)
        Loss of each example.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import ldam_crossentropy
    >>> z = np.array([[0.25, 0.0], [0.0, 0.5]])  # both right by their class' margin
    >>> values = ldam_crossentropy(np.array([0, 1]), z, [16, 1], from_logits=True)
    >>> [round(float(value), 4) for value in values]  # log(2)
    [0.6931, 0.6931]
    """
    z = _logits(y_pred, from_logits)
    log_prior = _log_prior(class_counts, z)
    margins = max_margin * ops.exp(-0.25 * (log_prior - ops.min(log_prior)))
    return _cross_entropy(y_true, scale * (z - margins * _one_hot(y_true, z)))


def poly1_crossentropy(
    y_true: Tensor, y_pred: Tensor, epsilon: Tensor = 1.0, from_logits: bool = False
) -> Tensor:
    """Values of `Poly1Crossentropy`: ``-log p_t + epsilon (1 - p_t)``.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (..., n_classes)
        Targets, which may be class indices of shape (...,), and probabilities.
    epsilon : float >= -1, default=1.0
        Added weight of the first polynomial term.
    from_logits : bool, default=False
        Whether `y_pred` holds logits (more exact) instead of probabilities.

    Returns
    -------
    values : tensor of shape (...,)
        Loss of each example.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import poly1_crossentropy
    >>> values = poly1_crossentropy(np.array([1]), np.array([[0.5, 0.5]]))
    >>> round(float(values[0]), 4)  # log(2) + 0.5
    1.1931
    """
    ce = crossentropy(y_true, y_pred, from_logits)
    return ce - epsilon * ops.expm1(-ce)


def generalized_crossentropy(
    y_true: Tensor, y_pred: Tensor, q: Tensor = 0.7, from_logits: bool = False
) -> Tensor:
    """Values of `GeneralizedCrossentropy`: ``(1 - p_t^q) / q``.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (..., n_classes)
        Targets, which may be class indices of shape (...,), and probabilities.
    q : float in (0, 1], default=0.7
        Robustness to label noise.
    from_logits : bool, default=False
        Whether `y_pred` holds logits (more exact) instead of probabilities.

    Returns
    -------
    values : tensor of shape (...,)
        Loss of each example.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import generalized_crossentropy
    >>> values = generalized_crossentropy(np.array([1]), np.array([[0.75, 0.25]]), q=0.5)
    >>> round(float(values[0]), 4)  # (1 - 0.25**0.5) / 0.5
    1.0
    """
    return -ops.expm1(-q * crossentropy(y_true, y_pred, from_logits)) / q


def expected_cost(
    y_true: Tensor, y_pred: Tensor, cost_matrix: Tensor, from_logits: bool = False
) -> Tensor:
    """Values of `ExpectedCost`: ``sum_j C[y, j] p_j``.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (..., n_classes)
        Targets, which may be class indices of shape (...,), and probabilities.
    cost_matrix : array-like of shape (n_classes, n_classes)
        Costs: ``C[i, j]`` is the cost of answering j if i is true.
    from_logits : bool, default=False
        Whether `y_pred` holds logits (more exact) instead of probabilities.

    Returns
    -------
    values : tensor of shape (...,)
        Loss of each example.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import expected_cost
    >>> costs = [[0, 1], [50, 0]]
    >>> float(expected_cost(np.array([1]), np.array([[0.5, 0.5]]), costs)[0])
    25.0
    """
    z = _logits(y_pred, from_logits)
    cost_matrix = ops.convert_to_tensor(cost_matrix, z.dtype)
    costs = ops.matmul(_one_hot(y_true, z), cost_matrix)
    return ops.sum(costs * ops.softmax(z), axis=-1)


def soft_f1(
    y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None, from_logits: bool = False
) -> Tensor:
    """Value of `SoftF1`: ``1 - mean_k 2 tp_k / (2 tp_k + fp_k + fn_k)`` over the whole batch.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (..., n_classes)
        Targets, which may be class indices of shape (...,), and probabilities.
    sample_weight : array-like of shape (...,), default=None
        Weight of each example in the counts; by default all 1.
    from_logits : bool, default=False
        Whether `y_pred` holds logits (more exact) instead of probabilities.

    Returns
    -------
    value : scalar tensor
        Loss of the whole batch.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import soft_f1
    >>> float(soft_f1(np.array([0, 1]), np.array([[1.0, 0.0], [0.0, 1.0]])))
    0.0
    """
    z = _logits(y_pred, from_logits)
    return one_minus_soft_f1(_one_hot(y_true, z), ops.softmax(z), sample_weight)


def per_class(values, y_true, y_pred):
    """values[y] for integer targets, the mixture of values for one-hot ones."""
    values = ops.convert_to_tensor(values, y_pred.dtype)
    if _is_integer_target(y_true, y_pred):
        return ops.take(values, _class_indices(y_true, y_pred))
    return ops.matmul(ops.cast(y_true, y_pred.dtype), values)


def focused(ce, gamma):
    """(1 - p_t)^gamma ce."""
    return ops.maximum(-ops.expm1(-ce), TINY) ** gamma * ce


def one_minus_soft_f1(targets, proba, sample_weight):
    if sample_weight is not None:
        weight = ops.convert_to_tensor(sample_weight, proba.dtype)
        if len(weight.shape) < len(proba.shape):
            weight = ops.expand_dims(weight, -1)
        targets, proba, overlap = targets * weight, proba * weight, targets * proba * weight
    else:
        overlap = targets * proba
    axes = tuple(range(len(proba.shape) - 1))
    # 2 tp + fp + fn is the sum of the predicted and of the true counts.
    positives = ops.sum(targets, axes)
    f1 = 2.0 * ops.sum(overlap, axes) / ops.maximum(ops.sum(proba, axes) + positives, TINY)
    present = ops.cast(positives > 0, f1.dtype)
    return 1.0 - ops.sum(present * f1) / ops.maximum(ops.sum(present), 1.0)


def _logits(y_pred, from_logits):
    """Logits whose softmax is y_pred: log p, cut off only where float32 itself ends."""
    y_pred = ops.convert_to_tensor(y_pred)
    return y_pred if from_logits else ops.log(ops.maximum(y_pred, TINY))


def _log_prior(class_counts, z):
    counts = ops.convert_to_tensor(class_counts, z.dtype)
    return ops.log(counts) - ops.log(ops.sum(counts))


def _is_integer_target(y_true, z):
    """Class indices rather than a distribution over classes."""
    return len(y_true.shape) < len(z.shape) or (y_true.shape[-1] == 1 and z.shape[-1] != 1)


def _class_indices(y_true, z):
    if len(y_true.shape) == len(z.shape):
        y_true = ops.squeeze(y_true, -1)
    return ops.cast(y_true, "int32")


def _one_hot(y_true, z):
    if _is_integer_target(y_true, z):
        return ops.one_hot(_class_indices(y_true, z), z.shape[-1], dtype=z.dtype)
    return ops.cast(y_true, z.dtype)


def _cross_entropy(y_true, z):
    if _is_integer_target(y_true, z):
        return ops.sparse_categorical_crossentropy(_class_indices(y_true, z), z, from_logits=True)
    return ops.categorical_crossentropy(ops.cast(y_true, z.dtype), z, from_logits=True)
