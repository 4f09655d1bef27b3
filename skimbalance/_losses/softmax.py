"""Keras losses of softmax outputs: each example has one true class."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from skimbalance._losses.base import FunctionLoss, plain
from skimbalance._losses.functions import (
    crossentropy,
    expected_cost,
    focal_crossentropy,
    generalized_crossentropy,
    ldam_crossentropy,
    logit_adjusted_crossentropy,
    poly1_crossentropy,
    vector_scaling_crossentropy,
)


@keras.saving.register_keras_serializable(package="skimbalance")
class Crossentropy(FunctionLoss):
    """Cross-entropy of softmax outputs, with weights for each class on targets of any rank.

    ``-log p_t``, with p_t the probability of the true class.

    Parameters
    ----------
    class_weight : array-like of shape (n_classes,), default=None
        Weight by which the values of each class' examples are multiplied; by default all 1.
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
    >>> from skimbalance.losses import Crossentropy
    >>> loss = Crossentropy(class_weight=[1, 9])
    >>> round(float(loss(np.array([1]), np.array([[0.5, 0.5]]))), 4)  # 9 log(2)
    6.2383
    """

    function = staticmethod(crossentropy)

    def __init__(
        self,
        *,
        class_weight: npt.ArrayLike | None = None,
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "crossentropy",
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
class FocalCrossentropy(FunctionLoss):
    """Focal loss: cross-entropy that discounts examples that are already right.

    ``-alpha_y (1 - p_t)^gamma log p_t`` [1]_; gamma = 0 is the cross-entropy. p_t is the
    unweighted probability; `alpha` and `class_weight` multiply the result, so that giving both
    corrects for imbalance twice.

    Parameters
    ----------
    gamma : float >= 0, default=2.0
        How strongly easy examples, mostly of the frequent classes, are discounted.
    alpha : array-like of shape (n_classes,), default=None
        Weight of each class; by default all 1. (One weight for all classes would only rescale
        the loss.)
    class_weight : array-like of shape (n_classes,), default=None
        Weight by which the values of each class' examples are multiplied; by default all 1.
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
    >>> from skimbalance.losses import FocalCrossentropy
    >>> loss = FocalCrossentropy(gamma=2.0)
    >>> round(float(loss(np.array([1]), np.array([[0.1, 0.9]]))), 6)  # -0.1**2 log(0.9)
    0.001054
    """

    function = staticmethod(focal_crossentropy)

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: npt.ArrayLike | None = None,
        *,
        class_weight: npt.ArrayLike | None = None,
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "focal_crossentropy",
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
            self._check_per_class("alpha", self.parameters["alpha"])


@keras.saving.register_keras_serializable(package="skimbalance")
class LogitAdjustedCrossentropy(FunctionLoss):
    """Logit adjustment: cross-entropy of logits shifted by the log-priors.

    ``CE(z + tau log prior)`` [1]_; tau = 0 is the cross-entropy, tau = 1 the balanced softmax
    [2]_. The network's own logits then rank for balanced accuracy.

    Parameters
    ----------
    class_counts : array-like of shape (n_classes,)
        Number of training rows of each class, or numbers proportional to these; positive.
    tau : float, default=1.0
        Strength: larger favours rare classes more.
    class_weight : array-like of shape (n_classes,), default=None
        Weight by which the values of each class' examples are multiplied; by default all 1.
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
    .. [1] A. K. Menon et al. "Long-Tail Learning via Logit Adjustment." ICLR 2021.
       arXiv:2007.07314
    .. [2] J. Ren et al. "Balanced Meta-Softmax for Long-Tailed Visual Recognition."
       NeurIPS 2020. arXiv:2007.10740

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import LogitAdjustedCrossentropy
    >>> loss = LogitAdjustedCrossentropy([90, 10], from_logits=True)
    >>> round(float(loss(np.array([1]), np.array([[0.0, 0.0]]))), 4)  # -log(0.1)
    2.3026
    """

    function = staticmethod(logit_adjusted_crossentropy)

    def __init__(
        self,
        class_counts: npt.ArrayLike,
        tau: float = 1.0,
        *,
        class_weight: npt.ArrayLike | None = None,
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "logit_adjusted_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            {"class_counts": class_counts, "tau": tau},
            class_weight=class_weight,
            from_logits=from_logits,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )
        self._check_range("tau")


@keras.saving.register_keras_serializable(package="skimbalance")
class LDAMCrossentropy(FunctionLoss):
    """Label-distribution-aware margins: rare classes must win by more.

    ``CE(scale (z - m_y onehot_y))`` with ``m_k = max_margin (n_k / n_min)^(-1/4)`` [1]_;
    max_margin = 0 and scale = 1 is the cross-entropy.

    Parameters
    ----------
    class_counts : array-like of shape (n_classes,)
        Number of training rows of each class, or numbers proportional to these; positive.
    max_margin : float >= 0, default=0.5
        Margin of the rarest class, in logits.
    scale : float > 0, default=1.0
        Factor of the logits: 1 for ordinary logits; the paper's 30 is for a cosine classifier.
    class_weight : array-like of shape (n_classes,), default=None
        Weight by which the values of each class' examples are multiplied; by default all 1.
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
    .. [1] K. Cao et al. "Learning Imbalanced Datasets with Label-Distribution-Aware Margin
       Loss." NeurIPS 2019. arXiv:1906.07413

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import LDAMCrossentropy
    >>> loss = LDAMCrossentropy([16, 1], max_margin=0.5, from_logits=True, reduction=None)
    >>> z = np.array([[0.25, 0.0], [0.0, 0.5]])  # each right by just its class' margin
    >>> [round(float(value), 4) for value in loss(np.array([0, 1]), z)]  # log(2)
    [0.6931, 0.6931]
    """

    function = staticmethod(ldam_crossentropy)

    def __init__(
        self,
        class_counts: npt.ArrayLike,
        max_margin: float = 0.5,
        scale: float = 1.0,
        *,
        class_weight: npt.ArrayLike | None = None,
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "ldam_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            {"class_counts": class_counts, "max_margin": max_margin, "scale": scale},
            class_weight=class_weight,
            from_logits=from_logits,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )
        self._check_range("max_margin", 0)
        self._check_range("scale", 0, open_low=True)


@keras.saving.register_keras_serializable(package="skimbalance")
class VectorScalingCrossentropy(FunctionLoss):
    """Vector scaling (VS): logits scaled and shifted by class frequency.

    ``CE(z / D + tau log prior)`` with ``D_k = (n_max / n_k)^gamma`` [1]_; gamma = 0 is the
    logit-adjusted loss, gamma = tau = 0 the cross-entropy. A common shift of the logits changes
    this loss, unlike all others; if outputs are probabilities p, the logits are log p.

    Parameters
    ----------
    class_counts : array-like of shape (n_classes,)
        Number of training rows of each class, or numbers proportional to these; positive.
    gamma : float >= 0, default=0.3
        Multiplicative strength: rare classes need larger logits late in training.
    tau : float, default=1.0
        Additive strength, as in logit adjustment.
    class_weight : array-like of shape (n_classes,), default=None
        Weight by which the values of each class' examples are multiplied; by default all 1.
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
    .. [1] G. R. Kini et al. "Label-Imbalanced and Group-Sensitive Classification under
       Overparameterization." NeurIPS 2021. arXiv:2103.01550

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import VectorScalingCrossentropy
    >>> loss = VectorScalingCrossentropy([90, 10], gamma=0.0, tau=0.0, from_logits=True)
    >>> round(float(loss(np.array([1]), np.array([[0.0, 0.0]]))), 4)  # log(2)
    0.6931
    """

    function = staticmethod(vector_scaling_crossentropy)

    def __init__(
        self,
        class_counts: npt.ArrayLike,
        gamma: float = 0.3,
        tau: float = 1.0,
        *,
        class_weight: npt.ArrayLike | None = None,
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "vector_scaling_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            {"class_counts": class_counts, "gamma": gamma, "tau": tau},
            class_weight=class_weight,
            from_logits=from_logits,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )
        self._check_range("tau")
        self._check_range("gamma", 0)


@keras.saving.register_keras_serializable(package="skimbalance")
class Poly1Crossentropy(FunctionLoss):
    """Poly-1: cross-entropy with another weight of its first polynomial term.

    ``-log p_t + epsilon (1 - p_t)`` [1]_; epsilon = 0 is the cross-entropy.

    Parameters
    ----------
    epsilon : float >= -1, default=1.0
        Added weight of the first term. The paper uses negative values for imbalanced data, so
        that easy rows pull less.
    class_weight : array-like of shape (n_classes,), default=None
        Weight by which the values of each class' examples are multiplied; by default all 1.
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
    .. [1] Z. Leng et al. "PolyLoss: A Polynomial Expansion Perspective of Classification Loss
       Functions." ICLR 2022. arXiv:2204.12511

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import Poly1Crossentropy
    >>> loss = Poly1Crossentropy(epsilon=1.0)
    >>> round(float(loss(np.array([1]), np.array([[0.5, 0.5]]))), 4)  # log(2) + 0.5
    1.1931
    """

    function = staticmethod(poly1_crossentropy)

    def __init__(
        self,
        epsilon: float = 1.0,
        *,
        class_weight: npt.ArrayLike | None = None,
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "poly1_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            {"epsilon": epsilon},
            class_weight=class_weight,
            from_logits=from_logits,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )
        self._check_range("epsilon", -1)


@keras.saving.register_keras_serializable(package="skimbalance")
class GeneralizedCrossentropy(FunctionLoss):
    """Generalized cross-entropy (GCE): bounded, so that wrong labels cannot dominate.

    ``(1 - p_t^q) / q`` [1]_; q -> 0 is the cross-entropy, q = 1 is ``1 - p_t``.

    Parameters
    ----------
    q : float in (0, 1], default=0.7
        Robustness to label noise: larger is more robust and learns hard examples more slowly.
    class_weight : array-like of shape (n_classes,), default=None
        Weight by which the values of each class' examples are multiplied; by default all 1.
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
    .. [1] Z. Zhang, M. Sabuncu. "Generalized Cross Entropy Loss for Training Deep Neural
       Networks with Noisy Labels." NeurIPS 2018. arXiv:1805.07836

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import GeneralizedCrossentropy
    >>> loss = GeneralizedCrossentropy(q=1.0)
    >>> round(float(loss(np.array([1]), np.array([[0.75, 0.25]]))), 6)
    0.75
    """

    function = staticmethod(generalized_crossentropy)

    def __init__(
        self,
        q: float = 0.7,
        *,
        class_weight: npt.ArrayLike | None = None,
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "generalized_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            {"q": q},
            class_weight=class_weight,
            from_logits=from_logits,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )
        self._check_range("q", 0, 1, open_low=True)


@keras.saving.register_keras_serializable(package="skimbalance")
class ExpectedCost(FunctionLoss):
    """Expected cost of a decision drawn from the network's probabilities.

    ``sum_j C[y, j] p_j``; with C = 1 - I it is ``1 - p_t``.

    Parameters
    ----------
    cost_matrix : array-like of shape (n_classes, n_classes)
        Costs: ``C[i, j]`` is the cost of answering j if i is true.
    class_weight : array-like of shape (n_classes,), default=None
        Weight by which the values of each class' examples are multiplied; by default all 1.
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
    .. [1] C. Elkan. "The Foundations of Cost-Sensitive Learning." IJCAI 2001.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import ExpectedCost
    >>> loss = ExpectedCost([[0, 1], [50, 0]])
    >>> float(loss(np.array([1]), np.array([[0.5, 0.5]])))
    25.0
    """

    function = staticmethod(expected_cost)

    def __init__(
        self,
        cost_matrix: npt.ArrayLike,
        *,
        class_weight: npt.ArrayLike | None = None,
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "expected_cost",
        dtype: Any = None,
    ) -> None:
        in_order = plain(cost_matrix, "cost_matrix")
        try:
            matrix = np.asarray(in_order, dtype=float)
        except (TypeError, ValueError):
            matrix = np.array(np.nan)
        super().__init__(
            {"cost_matrix": matrix},
            class_weight=class_weight,
            from_logits=from_logits,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )
        if matrix.ndim != 2 or len(set(matrix.shape)) != 1 or not np.all(np.isfinite(matrix)):
            raise ValueError(
                "The 'cost_matrix' parameter of ExpectedCost must be a square matrix of finite "
                f"numbers. Got {cost_matrix!r} instead."
            )
