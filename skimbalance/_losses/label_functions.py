"""Losses of sigmoid outputs as functions of targets and logits, with one value for each example.

They are written as those in `functions`, for a yes or no for each label.
"""

from keras import ops

from skimbalance._losses.functions import TINY, Tensor, focused, one_minus_soft_f1


def sigmoid_f1(
    y_true: Tensor,
    y_pred: Tensor,
    beta: Tensor = 1.0,
    eta: Tensor = 0.0,
    sample_weight: Tensor | None = None,
    from_logits: bool = False,
) -> Tensor:
    """Value of `SigmoidF1`: soft F1 over the whole batch, with counts ``sigmoid(beta (z + eta))``.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (..., n_labels)
        Targets, 0 or 1 for each label, and probabilities.
    beta, eta : float, default=1.0 and 0.0
        Steepness of the sigmoid, and shift of the logits.
    sample_weight : array-like of shape (...,) or (..., n_labels), default=None
        Weight of each example, or of each of its labels, in the counts; by default all 1.
    from_logits : bool, default=False
        Whether `y_pred` holds logits (more exact) instead of probabilities.

    Returns
    -------
    value : scalar tensor
        Loss of the whole batch.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import sigmoid_f1
    >>> value = sigmoid_f1(np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]]))
    >>> round(float(value), 6)  # tp = fn = 0.5, fp = 0
    0.333333
    """
    z = _sigmoid_logits(y_pred, from_logits)
    return one_minus_soft_f1(_labels(y_true, z), ops.sigmoid(beta * (z + eta)), sample_weight)


def label_crossentropy(
    y_true: Tensor, y_pred: Tensor, label_weight: Tensor | None = None, from_logits: bool = False
) -> Tensor:
    """Values of `LabelCrossentropy`: the mean over labels of ``-log p_t``.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (..., n_labels)
        Targets, 0 or 1 for each label, and probabilities.
    label_weight : array-like of shape (n_labels,) or (..., n_labels), default=None
        Weight of each label in the mean over labels; by default all 1.
    from_logits : bool, default=False
        Whether `y_pred` holds logits (more exact) instead of probabilities.

    Returns
    -------
    values : tensor of shape (...,)
        Loss of each example.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import label_crossentropy
    >>> values = label_crossentropy(np.array([[1, 0]]), np.array([[0.5, 0.5]]))
    >>> round(float(values[0]), 4)  # log(2)
    0.6931
    """
    z = _sigmoid_logits(y_pred, from_logits)
    return _mean_over_labels(_binary_cross_entropy(_labels(y_true, z), z), label_weight)


def binary_focal_crossentropy(
    y_true: Tensor,
    y_pred: Tensor,
    gamma: Tensor = 2.0,
    alpha: Tensor | None = None,
    label_weight: Tensor | None = None,
    from_logits: bool = False,
) -> Tensor:
    """Values of `BinaryFocalCrossentropy`: mean over labels of ``-a_y (1 - p_t)^gamma log p_t``.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (..., n_labels)
        Targets, 0 or 1 for each label, and probabilities.
    gamma : float >= 0, default=2.0
        How strongly easy examples are discounted.
    alpha : float in [0, 1], default=None
        ``a_y`` of positives; that of negatives is ``1 - alpha``. By default both are 1.
    label_weight : array-like of shape (n_labels,) or (..., n_labels), default=None
        Weight of each label in the mean over labels; by default all 1.
    from_logits : bool, default=False
        Whether `y_pred` holds logits (more exact) instead of probabilities.

    Returns
    -------
    values : tensor of shape (...,)
        Loss of each example.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import binary_focal_crossentropy
    >>> y, p = np.array([[1.0]]), np.array([[0.5]])
    >>> values = binary_focal_crossentropy(y, p, gamma=0.0, alpha=0.5)
    >>> round(float(values[0]), 4)  # log(2) / 2
    0.3466
    """
    z = _sigmoid_logits(y_pred, from_logits)
    positive = _labels(y_true, z)
    values = focused(_binary_cross_entropy(positive, z), gamma)
    if alpha is not None:
        values = values * (positive * alpha + (1.0 - positive) * (1.0 - alpha))
    return _mean_over_labels(values, label_weight)


def asymmetric_crossentropy(
    y_true: Tensor,
    y_pred: Tensor,
    gamma_pos: Tensor = 1.0,
    gamma_neg: Tensor = 4.0,
    margin: Tensor = 0.05,
    label_weight: Tensor | None = None,
    from_logits: bool = False,
) -> Tensor:
    """Values of `AsymmetricCrossentropy`: a focal loss in which easy negatives count less.

    ``-(1 - p)^gamma_pos log p`` for positives, and ``-p_m^gamma_neg log(1 - p_m)`` for negatives,
    with ``p_m = max(p - margin, 0)``; the mean over labels.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (..., n_labels)
        Targets, 0 or 1 for each label, and probabilities.
    gamma_pos, gamma_neg : float >= 0, default=1.0 and 4.0
        Focusing of the positives and of the negatives.
    margin : float in [0, 1], default=0.05
        Probability below which a negative costs nothing.
    label_weight : array-like of shape (n_labels,) or (..., n_labels), default=None
        Weight of each label in the mean over labels; by default all 1.
    from_logits : bool, default=False
        Whether `y_pred` holds logits (more exact) instead of probabilities.

    Returns
    -------
    values : tensor of shape (...,)
        Loss of each example.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import asymmetric_crossentropy
    >>> values = asymmetric_crossentropy(np.array([[0.0]]), np.array([[0.04]]))
    >>> float(values[0]) < 1e-12
    True
    """
    z = _sigmoid_logits(y_pred, from_logits)
    positive = _labels(y_true, z)
    positive_values = focused(ops.softplus(-z), gamma_pos)
    margin = ops.convert_to_tensor(margin, z.dtype)
    # -log(1 - p_m) = -log(exp(-ce) + margin). Without a margin log(margin) is minus infinity, where
    # softplus and its slope are exactly 0: what is left is the cross-entropy.
    ce = ops.softplus(z)
    shifted_ce = ops.relu(ce - ops.softplus(ce + ops.log(margin)))
    p_shifted = ops.maximum(ops.sigmoid(z) - margin, TINY)
    negative_values = p_shifted**gamma_neg * shifted_ce
    values = positive * positive_values + (1.0 - positive) * negative_values
    return _mean_over_labels(values, label_weight)


def distribution_balanced_crossentropy(
    y_true: Tensor,
    y_pred: Tensor,
    class_counts: Tensor,
    alpha: Tensor = 0.1,
    beta: Tensor = 10.0,
    mu: Tensor = 0.2,
    kappa: Tensor = 0.05,
    scale: Tensor = 2.0,
    gamma: Tensor = 0.0,
    label_weight: Tensor | None = None,
    from_logits: bool = False,
) -> Tensor:
    """Values of `DistributionBalancedCrossentropy`, which weighs rows by their other labels.

    ``-w (1 - q_t)^gamma log q_t``, the mean over labels. For positives ``q = sigmoid(z - nu)``; for
    negatives ``1 - q = sigmoid(-scale (z - nu))``, and w is divided by scale. For label i, which
    n_i of N rows have, ``nu_i = kappa log((N - n_i) / n_i)``,
    ``w_i = alpha + sigmoid(beta (r_i - mu))`` and ``r_i = (1/n_i) / sum_j y_j / n_j``.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (..., n_labels)
        Targets, 0 or 1 for each label, and probabilities.
    class_counts : array-like of shape (n_labels, 2)
        Number of training rows without and with each label.
    alpha, beta, mu, kappa, scale, gamma : float
        As in the formula; the defaults are those of the class.
    label_weight : array-like of shape (n_labels,) or (..., n_labels), default=None
        Weight of each label in the mean over labels; by default all 1.
    from_logits : bool, default=False
        Whether `y_pred` holds logits (more exact) instead of probabilities.

    Returns
    -------
    values : tensor of shape (...,)
        Loss of each example.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import distribution_balanced_crossentropy
    >>> y, p = np.array([[1, 1]]), np.array([[0.5, 1.0]])  # unsure of the frequent label
    >>> values = distribution_balanced_crossentropy(y, p, [[10, 90], [95, 5]], kappa=0)
    >>> round(float(values[0]), 4)  # log(2) / 2 * (0.1 + sigmoid(10 * (0.053 - 0.2)))
    0.0993
    """
    z = _sigmoid_logits(y_pred, from_logits)
    positive = _labels(y_true, z)
    # A label that no row has, or that all have, counts as if one row had it, or lacked it.
    counts = ops.maximum(ops.convert_to_tensor(class_counts, z.dtype), 1.0)
    shifted = z - kappa * ops.log(counts[:, 0] / counts[:, 1])
    values = focused(_binary_cross_entropy(positive, shifted, scale), gamma)
    values = values * (positive + (1.0 - positive) / scale)
    repetition = _label_repetition(positive, 1.0 / counts[:, 1])
    weight = alpha + ops.sigmoid(beta * (repetition - mu))
    return _mean_over_labels(weight * values, label_weight)


def _binary_cross_entropy(positive, z, negative_scale=1.0):
    """-log p_t of sigmoids; `negative_scale` multiplies the logits of negatives."""
    return positive * ops.softplus(-z) + (1.0 - positive) * ops.softplus(negative_scale * z)


def _label_repetition(positive, rarity):
    """How often sampling by one label repeats a row, divided by how often sampling by all does.

    A row without labels is never drawn and has no ratio; it is given 1, the ratio of a row's only
    label.
    """
    row_rarity = ops.sum(positive * rarity, axis=-1, keepdims=True)
    return ops.where(row_rarity > 0, rarity / ops.maximum(row_rarity, TINY), 1.0)


def _sigmoid_logits(y_pred, from_logits):
    y_pred = ops.convert_to_tensor(y_pred)
    if from_logits:
        return y_pred
    return ops.log(ops.maximum(y_pred, TINY)) - ops.log(ops.maximum(1.0 - y_pred, TINY))


def _labels(y_true, z):
    """Targets with an axis of labels, which may be missing if there is one output."""
    y_true = ops.convert_to_tensor(y_true, z.dtype)
    if len(y_true.shape) == len(z.shape) - 1 and z.shape[-1] == 1:
        y_true = ops.expand_dims(y_true, -1)
    return y_true


def _mean_over_labels(values, label_weight):
    if label_weight is not None:
        values = values * ops.convert_to_tensor(label_weight, values.dtype)
    return ops.mean(values, axis=-1)
