"""From a network's output back to natural posteriors, in closed form.

A network trained with class weights, resampling or a loss made for imbalance does not give
the probability of a class in the population, the natural posterior. Each function here undoes one
of these. They work on logarithms, so that nothing under- or overflows.

Notation: z are logits, ``p = softmax(z)``, and eta is the natural posterior, all of shape
(n_samples, n_classes). The maps in `CLOSED_FORMS` give log eta up to a constant for each row.
In the multilabel case ``p = sigmoid(z)``, arrays have shape (n_samples, n_labels), and the maps in
`LABEL_CLOSED_FORMS` give ``log(eta / (1 - eta))``.
"""

import reprlib
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, log_softmax

from skimbalance._losses.records import SIGMOID, SOFTMAX
from skimbalance._validation import by_label
from skimbalance.prior import correct_prior

__all__ = [
    "CLOSED_FORMS",
    "LABEL_CLOSED_FORMS",
    "correct_prior",
    "label_posterior",
    "log_posterior",
]


def log_posterior(
    loss: str,
    logits: npt.ArrayLike,
    *,
    class_weight: npt.ArrayLike | None = None,
    sampling_ratio: npt.ArrayLike | None = None,
    **loss_arguments: Any,
) -> np.ndarray:
    """Logarithm of the natural posterior, normalised, from a network's logits.

    If class k has the weight w_k and is drawn r_k times as often as it occurs, the loss is minimal
    where the posterior that it implies is proportional to ``eta * w * r``. The closed form of the
    loss gives this posterior, and the logarithms of w and r are subtracted. So the probabilities of
    rare classes, which training raised, fall to their values in the population.

    Parameters
    ----------
    loss : str
        Name of the loss, a key of `CLOSED_FORMS`.
    logits : array-like of shape (n_samples, n_classes)
        Output of the network.
    class_weight : array-like of shape (n_classes,), default=None
        Positive weights by which the loss was multiplied. None stands for weights of 1.
    sampling_ratio : array-like of shape (n_classes,), default=None
        How many times as often as it occurs each class was drawn; positive. None stands for 1.
    **loss_arguments
        Arguments with which the loss was trained: ``gamma`` for "focal", ``class_counts`` and
        ``tau`` for "logit_adjusted", ...

    Returns
    -------
    log_eta : ndarray of shape (n_samples, n_classes)
        Log posteriors. The rows of ``exp(log_eta)`` sum to 1.

    Raises
    ------
    ValueError
        If the loss has no closed form (its minimum does not determine the posterior), if a weight
        or a ratio is not positive, or if a logit is missing.

    References
    ----------
    .. [1] N. Charoenphakdee et al. "On Focal Loss for Class-Posterior Probability Estimation:
       A Theoretical Perspective." CVPR 2021. arXiv:2011.09172
    .. [2] A. K. Menon et al. "Long-Tail Learning via Logit Adjustment." ICLR 2021.
       arXiv:2007.07314

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.posterior import log_posterior
    >>> z = np.log([[0.5, 0.5]])
    >>> np.exp(log_posterior("crossentropy", z, class_weight=[0.5, 4.5])).round(6)
    array([[0.9, 0.1]])
    """
    closed_form = _closed_form(CLOSED_FORMS, loss)
    log_eta = closed_form(_checked_logits(logits, "log_posterior"), **loss_arguments)
    log_eta = log_eta - _log_over_weighting(
        "log_posterior", log_eta.shape[-1:], class_weight, sampling_ratio
    )
    return log_softmax(log_eta, axis=-1)


def label_posterior(
    loss: str,
    logits: npt.ArrayLike,
    *,
    class_weight: npt.ArrayLike | None = None,
    sampling_ratio: npt.ArrayLike | None = None,
    **loss_arguments: Any,
) -> np.ndarray:
    """Natural posterior of each label, from the logits of a multilabel network.

    Each label is a problem of two classes, no and yes. With weights w and sampling ratios r, the
    loss is minimal where the odds that it implies equal
    ``eta w_yes r_yes / ((1 - eta) w_no r_no)``.

    Parameters
    ----------
    loss : str
        Name of the loss, a key of `LABEL_CLOSED_FORMS`.
    logits : array-like of shape (n_samples, n_labels)
        Output of the network.
    class_weight : array-like of shape (n_labels, 2), default=None
        Positive weights by which the losses of rows without and with each label were multiplied.
        None stands for weights of 1.
    sampling_ratio : array-like of shape (n_labels, 2), default=None
        How many times as often as they occur rows without and with each label were drawn;
        positive. None stands for 1.
    **loss_arguments
        Arguments with which the loss was trained: ``gamma`` and, if it had one, ``alpha`` for
        "focal"; ``gamma_pos``, ``gamma_neg`` and ``margin`` for "asymmetric".

    Returns
    -------
    eta : ndarray of shape (n_samples, n_labels)
        Posteriors; rows do not sum to 1. With "asymmetric" a posterior is exactly 0 where the
        sigmoid is at most the margin: if the label had any probability, the loss would be lower
        above the margin.

    Raises
    ------
    ValueError
        If the loss has no closed form (its minimum does not determine the posterior), if a weight
        or a ratio is not positive, or if a logit is missing.

    References
    ----------
    .. [1] N. Charoenphakdee et al. "On Focal Loss for Class-Posterior Probability Estimation:
       A Theoretical Perspective." CVPR 2021. arXiv:2011.09172

    Examples
    --------
    >>> from skimbalance.posterior import label_posterior
    >>> label_posterior("crossentropy", [[0.0, 0.0]], class_weight=[[1, 1], [1, 9]])
    array([[0.5, 0.1]])
    """
    closed_form = _closed_form(LABEL_CLOSED_FORMS, loss)
    log_odds = closed_form(_checked_logits(logits, "label_posterior"), **loss_arguments)
    over_weighting = _log_over_weighting(
        "label_posterior", (log_odds.shape[-1], 2), class_weight, sampling_ratio
    )
    return expit(log_odds - (over_weighting[:, 1] - over_weighting[:, 0]))


def _checked_logits(logits, owner):
    """Logits as an array of floats; an infinite one stands for certainty."""
    try:
        array = np.asarray(logits, dtype=float)
    except (TypeError, ValueError):  # such as a sparse matrix
        array = np.empty(())
    if array.ndim == 0 or np.any(np.isnan(array)):
        raise ValueError(
            f"The 'logits' parameter of {owner} must be an array of numbers, none of them missing. "
            f"Got {reprlib.repr(logits)} instead."
        )
    return array


def _closed_form(closed_forms, loss):
    if loss not in closed_forms:
        raise ValueError(
            f"Natural posteriors have a closed form for the losses {sorted(closed_forms)!r}. "
            f"Got {loss!r} instead: calibrate its predict_proba on held-out rows."
        )
    return closed_forms[loss]


def _log_over_weighting(owner, shape, class_weight, sampling_ratio):
    """Logarithm of the factor by which training over-weighted each class: weight times ratio."""
    total = np.zeros(shape)
    for name, values in (("class_weight", class_weight), ("sampling_ratio", sampling_ratio)):
        if values is not None:
            values = by_label(values, np.arange(shape[0]), name)
            if len(shape) == 2 and isinstance(values, list):
                values = [by_label(pair, np.arange(2), name) for pair in values]
            try:
                array = np.asarray(values, dtype=float)
            except (TypeError, ValueError):  # such as the name of a scheme
                array = np.empty(())
            if array.shape != shape or not np.all((array > 0) & np.isfinite(array)):
                raise ValueError(
                    f"The {name!r} parameter of {owner} must be an array of positive, finite "
                    f"numbers of shape {shape}. Got {values!r} instead."
                )
            total += np.log(array)
    return total


#: Loss name -> map from logits and the arguments of the loss to logits of the natural posterior.
CLOSED_FORMS = {name: loss.closed_form for name, loss in SOFTMAX.items() if loss.closed_form}

#: The same for multilabel losses, from logits to log-odds, label by label. The loss
#: "distribution_balanced" has no such map, as it weighs a label by the row's other labels.
LABEL_CLOSED_FORMS = {name: loss.closed_form for name, loss in SIGMOID.items() if loss.closed_form}
