"""Losses for imbalance as functions of targets and logits, one value an example.

Every cross-entropy is written on ``ce = -log p_t``, itself computed from logits
without forming ``p``: ``p_t = exp(-ce)`` and ``1 - p_t = -expm1(-ce)`` then keep their digits
however confident a mistake is. `skimbalance.losses` documents them for users; their parameters
may be numbers, arrays or tensors, so none is asked for its value.
"""

import numpy as np
from keras import ops

# The smallest normal float32. A floor for what is raised to a power or put into a logarithm:
# x**g has an infinite slope at 0 for g < 1, and 0 * inf is nan.
TINY = float(np.finfo("float32").tiny)


def crossentropy(y_true, y_pred, from_logits=False):
    """-log p_t."""
    return _cross_entropy(y_true, _logits(y_pred, from_logits))


def focal_crossentropy(y_true, y_pred, gamma=2.0, alpha=None, from_logits=False):
    """-alpha_y (1 - p_t)^gamma log p_t."""
    ce = crossentropy(y_true, y_pred, from_logits)
    values = _focused(ce, gamma)
    return values if alpha is None else values * per_class(alpha, y_true, y_pred)


def logit_adjusted_crossentropy(y_true, y_pred, class_counts, tau=1.0, from_logits=False):
    """Cross-entropy of z + tau log prior."""
    z = _logits(y_pred, from_logits)
    return _cross_entropy(y_true, z + tau * _log_prior(class_counts, z))


def vector_scaling_crossentropy(
    y_true, y_pred, class_counts, gamma=0.3, tau=1.0, from_logits=False
):
    """Cross-entropy of z / D + tau log prior, D_k = (n_max / n_k)^gamma."""
    z = _logits(y_pred, from_logits)
    log_prior = _log_prior(class_counts, z)
    temper = ops.exp(gamma * (log_prior - ops.max(log_prior)))
    return _cross_entropy(y_true, z * temper + tau * log_prior)


def ldam_crossentropy(y_true, y_pred, class_counts, max_margin=0.5, scale=1.0, from_logits=False):
    """Cross-entropy of s (z - m_y onehot_y), m_k = max_margin (n_k / n_min)^-1/4."""
    z = _logits(y_pred, from_logits)
    log_prior = _log_prior(class_counts, z)
    margins = max_margin * ops.exp(-0.25 * (log_prior - ops.min(log_prior)))
    return _cross_entropy(y_true, scale * (z - margins * _one_hot(y_true, z)))


def poly1_crossentropy(y_true, y_pred, epsilon=1.0, from_logits=False):
    """-log p_t + epsilon (1 - p_t)."""
    ce = crossentropy(y_true, y_pred, from_logits)
    return ce - epsilon * ops.expm1(-ce)


def generalized_crossentropy(y_true, y_pred, q=0.7, from_logits=False):
    """(1 - p_t^q) / q."""
    return -ops.expm1(-q * crossentropy(y_true, y_pred, from_logits)) / q


def expected_cost(y_true, y_pred, cost_matrix, from_logits=False):
    """sum_j C[y, j] p_j."""
    z = _logits(y_pred, from_logits)
    cost_matrix = ops.convert_to_tensor(cost_matrix, z.dtype)
    costs = ops.matmul(_one_hot(y_true, z), cost_matrix)
    return ops.sum(costs * ops.softmax(z), axis=-1)


def soft_f1(y_true, y_pred, sample_weight=None, from_logits=False):
    """1 - mean over classes of 2 tp / (2 tp + fp + fn), soft counts over the batch: a scalar."""
    z = _logits(y_pred, from_logits)
    return _one_minus_soft_f1(_one_hot(y_true, z), ops.softmax(z), sample_weight)


def sigmoid_f1(y_true, y_pred, beta=1.0, eta=0.0, sample_weight=None, from_logits=False):
    """Soft F1 by label with counts sigmoid(beta (z + eta)): a scalar."""
    z = _sigmoid_logits(y_pred, from_logits)
    return _one_minus_soft_f1(_labels(y_true, z), ops.sigmoid(beta * (z + eta)), sample_weight)


def label_crossentropy(y_true, y_pred, label_weight=None, from_logits=False):
    """-log p_t of each label, mean over labels."""
    z = _sigmoid_logits(y_pred, from_logits)
    return _mean_over_labels(_binary_cross_entropy(_labels(y_true, z), z), label_weight)


def binary_focal_crossentropy(
    y_true, y_pred, gamma=2.0, alpha=None, label_weight=None, from_logits=False
):
    """Sigmoid form, mean over labels; alpha weighs positives, 1 - alpha negatives."""
    z = _sigmoid_logits(y_pred, from_logits)
    positive = _labels(y_true, z)
    values = _focused(_binary_cross_entropy(positive, z), gamma)
    if alpha is not None:
        values = values * (positive * alpha + (1.0 - positive) * (1.0 - alpha))
    return _mean_over_labels(values, label_weight)


def asymmetric_crossentropy(
    y_true,
    y_pred,
    gamma_pos=1.0,
    gamma_neg=4.0,
    margin=0.05,
    label_weight=None,
    from_logits=False,
):
    """Positives (1-p)^g+ log p, negatives p_m^g- log(1-p_m), p_m = max(p - margin, 0); mean."""
    z = _sigmoid_logits(y_pred, from_logits)
    positive = _labels(y_true, z)
    of_positives = _focused(ops.softplus(-z), gamma_pos)
    margin = ops.convert_to_tensor(margin, z.dtype)
    # -log(1 - p_m) = -log(exp(-ce) + margin). No margin is a logarithm of minus infinity, of
    # which softplus and its slope are exactly 0: what is left is the cross-entropy.
    ce = ops.softplus(z)
    shifted_ce = ops.relu(ce - ops.softplus(ce + ops.log(margin)))
    p_shifted = ops.maximum(ops.sigmoid(z) - margin, TINY)
    of_negatives = p_shifted**gamma_neg * shifted_ce
    values = positive * of_positives + (1.0 - positive) * of_negatives
    return _mean_over_labels(values, label_weight)


def distribution_balanced_crossentropy(
    y_true,
    y_pred,
    class_counts,
    alpha=0.1,
    beta=10.0,
    mu=0.2,
    kappa=0.05,
    scale=2.0,
    gamma=0.0,
    label_weight=None,
    from_logits=False,
):
    """-w (1 - q_t)^gamma log q_t, q = sigmoid(z - nu), of negatives sigmoid(scale (z - nu)); mean.

    w = alpha + sigmoid(beta (r - mu)), of negatives divided by scale; r_i = (1/n_i) / sum_j y_j/n_j
    and nu_i = kappa log((N - n_i) / n_i), where n_i of N rows have label i.
    """
    z = _sigmoid_logits(y_pred, from_logits)
    positive = _labels(y_true, z)
    # A label that no row has, or that all have, counts as one that a single row has, or lacks.
    counts = ops.maximum(ops.convert_to_tensor(class_counts, z.dtype), 1.0)
    shifted = z - kappa * ops.log(counts[:, 0] / counts[:, 1])
    values = _focused(_binary_cross_entropy(positive, shifted, scale), gamma)
    values = values * (positive + (1.0 - positive) / scale)
    repetition = _label_repetition(positive, 1.0 / counts[:, 1])
    weight = alpha + ops.sigmoid(beta * (repetition - mu))
    return _mean_over_labels(weight * values, label_weight)


def per_class(values, y_true, y_pred):
    """values[y] for integer targets, the mixture of values for one-hot ones."""
    values = ops.convert_to_tensor(values, y_pred.dtype)
    if _is_integer_target(y_true, y_pred):
        return ops.take(values, _class_indices(y_true, y_pred))
    return ops.matmul(ops.cast(y_true, y_pred.dtype), values)


def _focused(ce, gamma):
    """(1 - p_t)^gamma ce."""
    return ops.maximum(-ops.expm1(-ce), TINY) ** gamma * ce


def _binary_cross_entropy(positive, z, negative_scale=1.0):
    """-log p_t of sigmoids, of negatives with the logits scaled."""
    return positive * ops.softplus(-z) + (1.0 - positive) * ops.softplus(negative_scale * z)


def _label_repetition(positive, rarity):
    """How often a label's own sampling repeats a row, over how often that of all labels does.

    A row without labels is drawn for none, and has no ratio: it is given that of a row's only
    label, which is 1.
    """
    of_row = ops.sum(positive * rarity, axis=-1, keepdims=True)
    return ops.where(of_row > 0, rarity / ops.maximum(of_row, TINY), 1.0)


def _one_minus_soft_f1(targets, proba, sample_weight):
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
    """Logits whose softmax is y_pred; log p, with no more cut off than float32 does itself."""
    y_pred = ops.convert_to_tensor(y_pred)
    return y_pred if from_logits else ops.log(ops.maximum(y_pred, TINY))


def _sigmoid_logits(y_pred, from_logits):
    y_pred = ops.convert_to_tensor(y_pred)
    if from_logits:
        return y_pred
    return ops.log(ops.maximum(y_pred, TINY)) - ops.log(ops.maximum(1.0 - y_pred, TINY))


def _labels(y_true, z):
    """Targets with the axis of labels, which those of a single output may leave out."""
    y_true = ops.convert_to_tensor(y_true, z.dtype)
    if len(y_true.shape) == len(z.shape) - 1 and z.shape[-1] == 1:
        y_true = ops.expand_dims(y_true, -1)
    return y_true


def _mean_over_labels(values, label_weight):
    if label_weight is not None:
        values = values * ops.convert_to_tensor(label_weight, values.dtype)
    return ops.mean(values, axis=-1)


def _log_prior(class_counts, z):
    counts = ops.convert_to_tensor(class_counts, z.dtype)
    return ops.log(counts) - ops.log(ops.sum(counts))


def _is_integer_target(y_true, z):
    """Class indices rather than a distribution over classes."""
    return len(y_true.shape) < len(z.shape) or y_true.shape[-1] == 1 != z.shape[-1]


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
