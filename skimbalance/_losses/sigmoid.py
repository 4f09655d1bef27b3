"""Keras losses of sigmoid outputs: a yes or no for each label."""

import keras

from skimbalance._losses.base import FunctionLoss
from skimbalance._losses.functions import (
    asymmetric_crossentropy,
    binary_focal_crossentropy,
)


class _LabelLoss(FunctionLoss):
    """Weights belong to labels, inside the mean over them."""

    def call(self, y_true, y_pred):
        return type(self).function(
            y_true,
            y_pred,
            label_weight=self.class_weight,
            from_logits=self.from_logits,
            **self.parameters,
        )


@keras.saving.register_keras_serializable(package="skimbalance")
class BinaryFocalCrossentropy(_LabelLoss):
    """Focal loss of sigmoid outputs, for multilabel targets or a single yes-no output.

    ``-a_y (1 - p_t)^gamma log p_t``, the mean over labels, with ``a_y = alpha`` for positives
    and ``1 - alpha`` for negatives [1]_; gamma = 0 and alpha = 0.5 is half the binary
    cross-entropy.

    Parameters
    ----------
    gamma : float >= 0, default=2.0
        How strongly easy examples, mostly negatives, are discounted.
    alpha : float in [0, 1], default=None
        Weight of the positives against the negatives; above 0.5 for rare positives. By
        default both weigh 1.
    class_weight : array-like of shape (n_labels,), default=None
        Weight of each label in the mean over labels; by default all 1.
    from_logits : bool, default=False
        Whether the network returns logits (more exact) instead of probabilities.
    reduction : str, default="sum_over_batch_size"
        As in Keras.
    name : str
        As in Keras.
    dtype : str, default=None
        As in Keras.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    References
    ----------
    .. [1] T.-Y. Lin et al. "Focal Loss for Dense Object Detection." ICCV 2017.
       arXiv:1708.02002

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import BinaryFocalCrossentropy
    >>> loss = BinaryFocalCrossentropy(gamma=0.0, alpha=0.5)
    >>> round(float(loss(np.array([[1.0]]), np.array([[0.5]]))), 4)  # log(2) / 2
    0.3466
    """

    function = staticmethod(binary_focal_crossentropy)

    def __init__(
        self,
        gamma=2.0,
        alpha=None,
        *,
        class_weight=None,
        from_logits=False,
        reduction="sum_over_batch_size",
        name="binary_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(
            {"gamma": gamma, "alpha": alpha},
            class_weight=class_weight,
            from_logits=from_logits,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )
        self.check_range("gamma", 0)
        if alpha is not None:
            self.check_range("alpha", 0, 1)


@keras.saving.register_keras_serializable(package="skimbalance")
class AsymmetricCrossentropy(_LabelLoss):
    """Asymmetric loss (ASL): easy negatives are discounted more than easy positives.

    Positives ``-(1-p)^gamma_pos log p``, negatives ``-p_m^gamma_neg log(1 - p_m)`` with
    ``p_m = max(p - margin, 0)``, the mean over labels [1]_. gamma_pos = gamma_neg and
    margin = 0 is the binary focal loss.

    Parameters
    ----------
    gamma_pos : float >= 0, default=1.0
        Focusing of the positives.
    gamma_neg : float >= 0, default=4.0
        Focusing of the negatives.
    margin : float in [0, 1], default=0.05
        Negatives with a probability below it cost nothing.
    class_weight : array-like of shape (n_labels,), default=None
        Weight of each label in the mean over labels; by default all 1.
    from_logits : bool, default=False
        Whether the network returns logits (more exact) instead of probabilities.
    reduction : str, default="sum_over_batch_size"
        As in Keras.
    name : str
        As in Keras.
    dtype : str, default=None
        As in Keras.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    References
    ----------
    .. [1] T. Ridnik et al. "Asymmetric Loss For Multi-Label Classification." ICCV 2021.
       arXiv:2009.14119

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import AsymmetricCrossentropy
    >>> loss = AsymmetricCrossentropy(margin=0.05)
    >>> float(loss(np.array([[0.0]]), np.array([[0.04]]))) < 1e-12
    True
    """

    function = staticmethod(asymmetric_crossentropy)

    def __init__(
        self,
        gamma_pos=1.0,
        gamma_neg=4.0,
        margin=0.05,
        *,
        class_weight=None,
        from_logits=False,
        reduction="sum_over_batch_size",
        name="asymmetric_crossentropy",
        dtype=None,
    ):
        super().__init__(
            {"gamma_pos": gamma_pos, "gamma_neg": gamma_neg, "margin": margin},
            class_weight=class_weight,
            from_logits=from_logits,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )
        self.check_range("gamma_pos", 0)
        self.check_range("gamma_neg", 0)
        self.check_range("margin", 0, 1)
