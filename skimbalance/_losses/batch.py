"""Keras losses that count over the batch: soft F1 has no value for a single example."""

from typing import Any

import keras

from skimbalance._keras_private import mask_of
from skimbalance._losses.base import FunctionLoss
from skimbalance._losses.functions import Tensor, soft_f1
from skimbalance._losses.label_functions import sigmoid_f1


class _BatchF1(FunctionLoss):
    """A `function` that weighs its counts by the sample weights, before any reduction."""

    def __init__(
        self, parameters: dict[str, Any], *, from_logits: bool, name: str | None, dtype: Any
    ) -> None:
        super().__init__(
            parameters,
            class_weight=None,
            from_logits=from_logits,
            reduction="sum_over_batch_size",
            name=name,
            dtype=dtype,
        )

    def __call__(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        # Keras' layers leave the mask of padded steps here, and Keras' own losses read it.
        mask = mask_of(y_pred)
        if mask is not None:
            # The mask gets the shape (batch, time, 1); weights of steps may lack the last axis.
            mask = keras.ops.expand_dims(keras.ops.cast(mask, self.dtype), -1)
            if sample_weight is not None:
                sample_weight = keras.ops.convert_to_tensor(sample_weight, self.dtype)
                if len(sample_weight.shape) < len(mask.shape):
                    sample_weight = keras.ops.expand_dims(sample_weight, -1)
                mask = mask * sample_weight
            sample_weight = mask
        y_true, y_pred = (keras.ops.convert_to_tensor(y, self.dtype) for y in (y_true, y_pred))
        return type(self).function(
            y_true,
            y_pred,
            sample_weight=sample_weight,
            from_logits=self.from_logits,
            **self.parameters,
        )

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["reduction"], config["class_weight"]
        return config


@keras.saving.register_keras_serializable(package="skimbalance")
class SoftF1(_BatchF1):
    """One minus macro-F1 with probabilities in place of counts, for softmax outputs.

    ``1 - mean_k 2 tp_k / (2 tp_k + fp_k + fn_k)``, the mean over the classes that are present in
    the batch: a rare class counts only if batches are large or balanced.

    Parameters
    ----------
    from_logits : bool, default=False
        Whether the network returns logits (more exact) instead of probabilities.
    name : str
        Name of the loss, as in Keras.
    dtype : str, default=None
        Type of the computation, as in Keras.

    References
    ----------
    .. [1] G. Benedict et al. "sigmoidF1: A Smooth F1 Score Surrogate Loss for Multilabel
       Classification." TMLR 2022. arXiv:2108.10566

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import SoftF1
    >>> float(SoftF1()(np.array([0, 1]), np.array([[1.0, 0.0], [0.0, 1.0]])))
    0.0
    """

    function = staticmethod(soft_f1)

    def __init__(
        self, *, from_logits: bool = False, name: str = "soft_f1", dtype: Any = None
    ) -> None:
        super().__init__({}, from_logits=from_logits, name=name, dtype=dtype)


@keras.saving.register_keras_serializable(package="skimbalance")
class SigmoidF1(_BatchF1):
    """One minus macro-F1 over labels, with sigmoids in place of counts.

    ``1 - mean_k 2 tp_k / (2 tp_k + fp_k + fn_k)`` with soft counts
    ``sigmoid(beta (z + eta))`` [1]_, the mean over the labels that are present in the batch.

    Parameters
    ----------
    beta : float, default=1.0
        Steepness of the sigmoid.
    eta : float, default=0.0
        Shift of the logits.
    from_logits : bool, default=False
        Whether the network returns logits (more exact) instead of probabilities.
    name : str
        Name of the loss, as in Keras.
    dtype : str, default=None
        Type of the computation, as in Keras.

    References
    ----------
    .. [1] G. Benedict et al. "sigmoidF1: A Smooth F1 Score Surrogate Loss for Multilabel
       Classification." TMLR 2022. arXiv:2108.10566

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.losses import SigmoidF1
    >>> round(float(SigmoidF1()(np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]]))), 6)
    0.333333
    """

    function = staticmethod(sigmoid_f1)

    def __init__(
        self,
        beta: float = 1.0,
        eta: float = 0.0,
        *,
        from_logits: bool = False,
        name: str = "sigmoid_f1",
        dtype: Any = None,
    ) -> None:
        parameters = {"beta": beta, "eta": eta}
        super().__init__(parameters, from_logits=from_logits, name=name, dtype=dtype)
        self._check_range("beta", 0, open_low=True)
        self._check_range("eta")
