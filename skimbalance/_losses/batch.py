"""Keras losses that count over the batch: soft F1 has no value for a single example."""

import keras

from skimbalance._losses.functions import sigmoid_f1, soft_f1


class _BatchF1(keras.losses.Loss):
    """A `function` whose sample weights enter its counts, before any reduction."""

    def __init__(self, parameters, *, from_logits, name, dtype):
        super().__init__(name=name, reduction="sum_over_batch_size", dtype=dtype)
        self.parameters = parameters
        self.from_logits = from_logits

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = (keras.ops.convert_to_tensor(y, self.dtype) for y in (y_true, y_pred))
        return type(self).function(
            y_true,
            y_pred,
            sample_weight=sample_weight,
            from_logits=self.from_logits,
            **self.parameters,
        )

    def call(self, y_true, y_pred):
        return self(y_true, y_pred)

    def get_config(self):
        config = {**super().get_config(), **self.parameters, "from_logits": self.from_logits}
        del config["reduction"]
        return config


@keras.saving.register_keras_serializable(package="skimbalance")
class SoftF1(_BatchF1):
    """One minus macro-F1 with probabilities in place of counts, for softmax outputs.

    ``1 - mean_k 2 tp_k / (2 tp_k + fp_k + fn_k)``, the mean over the classes that the batch
    holds: a rare class needs large or balanced batches to be heard.

    Parameters
    ----------
    from_logits : bool, default=False
        Whether the network returns logits (more exact) instead of probabilities.
    name : str
        As in Keras.
    dtype : str, default=None
        As in Keras.

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

    def __init__(self, *, from_logits=False, name="soft_f1", dtype=None):
        super().__init__({}, from_logits=from_logits, name=name, dtype=dtype)


@keras.saving.register_keras_serializable(package="skimbalance")
class SigmoidF1(_BatchF1):
    """One minus macro-F1 over labels, with sigmoids in place of counts.

    ``1 - mean_k 2 tp_k / (2 tp_k + fp_k + fn_k)`` with soft counts
    ``sigmoid(beta (z + eta))`` [1]_, the mean over the labels that the batch holds.

    Parameters
    ----------
    beta : float, default=1.0
        Steepness of the sigmoid.
    eta : float, default=0.0
        Shift of the logits.
    from_logits : bool, default=False
        Whether the network returns logits (more exact) instead of probabilities.
    name : str
        As in Keras.
    dtype : str, default=None
        As in Keras.

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

    def __init__(self, beta=1.0, eta=0.0, *, from_logits=False, name="sigmoid_f1", dtype=None):
        parameters = {"beta": beta, "eta": eta}
        super().__init__(parameters, from_logits=from_logits, name=name, dtype=dtype)
