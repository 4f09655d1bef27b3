"""Keras losses of sigmoid outputs: each label of an example is true or not."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from skimbalance._losses.base import FunctionLoss
from skimbalance._losses.label_functions import (
    asymmetric_crossentropy,
    binary_focal_crossentropy,
    distribution_balanced_crossentropy,
    label_crossentropy,
)


class _LabelLoss(FunctionLoss):
    """A loss with class weights for labels, within the mean over labels."""

    def call(self, y_true, y_pred):
        return type(self).function(
            y_true,
            y_pred,
            label_weight=self.class_weight,
            from_logits=self.from_logits,
            **self.parameters,
        )


@keras.saving.register_keras_serializable(package="skimbalance")
class LabelCrossentropy(_LabelLoss):
    """Binary cross-entropy of sigmoid outputs, with a weight for each label.

    ``-log p_t``, the mean over labels, with p_t the probability of the true answer, yes or no.

    Parameters
    ----------
    class_weight : array-like of shape (n_labels,), default=None
        Weight of each label in the mean over labels; by default all 1.
    from_logits : bool, default=False
        Whether the network returns logits (more exact) instead of probabilities.
    reduction : str, default="sum_over_batch_size"
        Reduction over the examples, as in Keras.
    name : str
        Name of the loss, as in Keras.
    dtype : str, default=None
        Type of the computation, as in Keras.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import LabelCrossentropy
    >>> loss = LabelCrossentropy(class_weight=[1, 9])
    >>> round(float(loss(np.array([[1, 0]]), np.array([[0.5, 0.5]]))), 4)  # 5 log(2)
    3.4657
    """

    function = staticmethod(label_crossentropy)

    def __init__(
        self,
        *,
        class_weight: npt.ArrayLike | None = None,
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "label_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            {},
            class_weight=class_weight,
            from_logits=from_logits,
            reduction=reduction,
            name=name,
            dtype=dtype,
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
        Weight of the positives; the negatives weigh ``1 - alpha``. Above 0.5 for rare
        positives; by default both weigh 1.
    class_weight : array-like of shape (n_labels,), default=None
        Weight of each label in the mean over labels; by default all 1.
    from_logits : bool, default=False
        Whether the network returns logits (more exact) instead of probabilities.
    reduction : str, default="sum_over_batch_size"
        Reduction over the examples, as in Keras.
    name : str
        Name of the loss, as in Keras.
    dtype : str, default=None
        Type of the computation, as in Keras.

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
        gamma: float = 2.0,
        alpha: float | None = None,
        *,
        class_weight: npt.ArrayLike | None = None,
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            {"gamma": gamma, "alpha": alpha},
            class_weight=class_weight,
            from_logits=from_logits,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )
        self._check_range("gamma", 0)
        if alpha is not None:
            self._check_range("alpha", 0, 1)


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
        Probability below which a negative costs nothing.
    class_weight : array-like of shape (n_labels,), default=None
        Weight of each label in the mean over labels; by default all 1.
    from_logits : bool, default=False
        Whether the network returns logits (more exact) instead of probabilities.
    reduction : str, default="sum_over_batch_size"
        Reduction over the examples, as in Keras.
    name : str
        Name of the loss, as in Keras.
    dtype : str, default=None
        Type of the computation, as in Keras.

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
        gamma_pos: float = 1.0,
        gamma_neg: float = 4.0,
        margin: float = 0.05,
        *,
        class_weight: npt.ArrayLike | None = None,
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "asymmetric_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            {"gamma_pos": gamma_pos, "gamma_neg": gamma_neg, "margin": margin},
            class_weight=class_weight,
            from_logits=from_logits,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )
        self._check_range("gamma_pos", 0)
        self._check_range("gamma_neg", 0)
        self._check_range("margin", 0, 1)


@keras.saving.register_keras_serializable(package="skimbalance")
class DistributionBalancedCrossentropy(_LabelLoss):
    """Distribution-balanced loss (DB): weighs rows by their other labels, tolerates negatives.

    The binary cross-entropy with two changes [1]_, the mean over labels:

    - Re-balanced weights ``alpha + sigmoid(beta (r_i - mu))``. A row drawn for its rare label
      brings its frequent labels along: ``r_i = (1/n_i) / sum_j y_j / n_j``, where n_i rows have
      label i, is the share of label i in the reasons to draw the row. It is 1 for a row's only
      label, above 1 for rarer labels that the row lacks, and taken as 1 in a row without labels.
    - Negative-tolerant logits ``z - nu_i`` for positives and ``scale (z - nu_i)`` for negatives,
      whose loss is divided by `scale`; ``nu_i = kappa log((N - n_i) / n_i)``. Negatives with
      logits below nu_i soon stop pushing, so that a rare label is not drowned in them.

    alpha = 0.5, beta = 0 (all weights 1), kappa = 0 and scale = 1 is the binary focal loss, which
    with gamma = 0 is the binary cross-entropy. The defaults are those of the paper's code for
    COCO-MLT, the larger of its data sets, without focus.

    Parameters
    ----------
    class_counts : array-like of shape (n_labels, 2)
        Number of training rows without and with each label. A count of 0 is taken as 1.
    alpha : float >= 0, default=0.1
        Least weight, for example that of a frequent label in a row with a rare one.
    beta : float >= 0, default=10.0
        How steeply the weight rises with r; 0 makes all weights ``alpha + 0.5``.
    mu : float, default=0.2
        Value of r at which the weight is half-way between alpha and alpha + 1.
    kappa : float >= 0, default=0.05
        How far the shares of the labels shift the logits: the larger, the more readily the
        network predicts rare labels.
    scale : float > 0, default=2.0
        The paper's lambda: the larger, the sooner easy negatives stop pushing.
    gamma : float >= 0, default=0.0
        Focusing, as in `BinaryFocalCrossentropy`; 2 is the paper's DB-Focal.
    class_weight : array-like of shape (n_labels,), default=None
        Weight of each label in the mean over labels; by default all 1.
    from_logits : bool, default=False
        Whether the network returns logits (more exact) instead of probabilities.
    reduction : str, default="sum_over_batch_size"
        Reduction over the examples, as in Keras.
    name : str
        Name of the loss, as in Keras.
    dtype : str, default=None
        Type of the computation, as in Keras.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    References
    ----------
    .. [1] T. Wu, Q. Huang, Z. Liu, Y. Wang, D. Lin. "Distribution-Balanced Loss for Multi-Label
       Classification in Long-Tailed Datasets." ECCV 2020. arXiv:2007.09654

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import DistributionBalancedCrossentropy
    >>> loss = DistributionBalancedCrossentropy([[10, 90], [95, 5]], kappa=0)
    >>> y, p = np.array([[1, 1]]), np.array([[0.5, 1.0]])  # unsure of the frequent label
    >>> round(float(loss(y, p)), 4)  # log(2) / 2 * (0.1 + sigmoid(10 * (0.053 - 0.2)))
    0.0993
    """

    function = staticmethod(distribution_balanced_crossentropy)

    def __init__(
        self,
        class_counts: npt.ArrayLike,
        alpha: float = 0.1,
        beta: float = 10.0,
        mu: float = 0.2,
        kappa: float = 0.05,
        scale: float = 2.0,
        gamma: float = 0.0,
        *,
        class_weight: npt.ArrayLike | None = None,
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "distribution_balanced_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            {
                "class_counts": class_counts,
                "alpha": alpha,
                "beta": beta,
                "mu": mu,
                "kappa": kappa,
                "scale": scale,
                "gamma": gamma,
            },
            class_weight=class_weight,
            from_logits=from_logits,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )
        for key in ("alpha", "beta", "kappa", "gamma"):
            self._check_range(key, 0)
        self._check_range("mu")
        self._check_range("scale", 0, open_low=True)

    def _check_per_class(self, key: str, values: Any) -> None:
        """Check the weights as usual, and class counts as an array of shape (n_labels, 2)."""
        if key != "class_counts":
            super()._check_per_class(key, values)
            return
        try:
            array = np.asarray(values, dtype=float)
        except (TypeError, ValueError):
            array = np.array(np.nan)
        if (
            array.ndim != 2
            or array.shape[1] != 2
            or not len(array)
            or not np.all((array >= 0) & np.isfinite(array))
        ):
            raise ValueError(
                "The 'class_counts' parameter of DistributionBalancedCrossentropy must be an array "
                "of shape (n_labels, 2) of finite numbers that are not negative. "
                f"Got {values!r} instead."
            )
