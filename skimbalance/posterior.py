"""From a network's output back to natural posteriors, in closed form.

A network trained with class weights, resampling or a loss made for imbalance does not give
the probability of a class in the population, the natural posterior. Each function here undoes one
of these. They work on logarithms, so that nothing under- or overflows.

Notation: z are logits, ``p = softmax(z)``, and eta is the natural posterior, all of shape
(n_samples, n_classes). The maps in `CLOSED_FORMS` give log eta up to a constant for each row.
In the multilabel case ``p = sigmoid(z)``, arrays have shape (n_samples, n_labels), and the maps in
`LABEL_CLOSED_FORMS` give ``log(eta / (1 - eta))``.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, log_expit, log_softmax, logsumexp

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
        If the loss has no closed form (its minimum does not determine the posterior), or if a
        weight or a ratio is not positive.

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
    log_eta = _closed_form(CLOSED_FORMS, loss)(np.asarray(logits, dtype=float), **loss_arguments)
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
        If the loss has no closed form (its minimum does not determine the posterior), or if a
        weight or a ratio is not positive.

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
    log_odds = closed_form(np.asarray(logits, dtype=float), **loss_arguments)
    over_weighting = _log_over_weighting(
        "label_posterior", (log_odds.shape[-1], 2), class_weight, sampling_ratio
    )
    return expit(log_odds - (over_weighting[:, 1] - over_weighting[:, 0]))


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
            array = np.asarray(values, dtype=float)
            if array.shape != shape or not np.all((array > 0) & np.isfinite(array)):
                raise ValueError(
                    f"The {name!r} parameter of {owner} must be an array of positive, finite "
                    f"numbers of shape {shape}. Got {array.tolist()!r} instead."
                )
            total += np.log(array)
    return total


def _from_focal(z, gamma):
    """Log h(p), h(p) = p / [(1-p)^g - g (1-p)^(g-1) p log p] (Charoenphakdee et al. 2021)."""
    return -_log_focal_slope(*_log_p_and_rest(z), gamma)


def _log_focal_slope(log_p, log_q, gamma):
    """Log of how fast (1-p)^g (-log p) falls with p: log [(1-p)^g / p - g (1-p)^(g-1) log p].

    If (1-p)^g / p is taken out of the bracket, 1 + g p r remains, with r = -log p / (1-p), which
    tends to 1 as p does. The argument `log_q` is log(1-p), as 1 - p itself would round to zero
    where the logits differ by 37.
    """
    q = np.exp(log_q)
    r = np.where(q > 0, -log_p / np.where(q > 0, q, 1.0), 1.0)
    return gamma * log_q - log_p + np.log1p(gamma * np.exp(log_p) * r)


def _log_p_and_rest(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log p and log(1 - p) with all digits; those of the largest p come from the other logits."""
    log_p = log_softmax(z, axis=-1)
    top = np.eye(z.shape[-1], dtype=bool)[np.argmax(z, axis=-1)]
    log_rest = logsumexp(np.where(top, -np.inf, log_p), axis=-1, keepdims=True)
    log_q = np.where(top, log_rest, np.log1p(-np.where(top, 0.0, np.exp(log_p))))
    return np.where(top, np.log1p(-np.where(top, np.exp(log_q), 0.0)), log_p), log_q


def _from_logit_adjusted(z, class_counts, tau):
    return z + tau * np.log(class_counts)


def _from_vector_scaling(z, class_counts, gamma, tau):
    """The loss is the cross-entropy of z / D + tau log pi; the softmax of that is the posterior."""
    class_counts = np.asarray(class_counts, dtype=float)
    return z * (class_counts / class_counts.max()) ** gamma + tau * np.log(class_counts)


def _from_ldam(z, class_counts, max_margin, scale):
    """eta_j ~ p_j (1 - p_j (1 - exp(-s m_j))), p = softmax(s z).

    With a = exp(s z) and Z = sum a, the margin m_k turns the normaliser of class k into
    Z_k = Z - a_k (1 - exp(-s m_k)). Where the expected loss is stationary,
    a_j S = eta_j Z / Z_j with S = sum_k eta_k / Z_k, so eta_j ~ a_j Z_j.
    """
    class_counts = np.asarray(class_counts, dtype=float)
    margins = max_margin * (class_counts / class_counts.min()) ** -0.25
    log_p, log_q = _log_p_and_rest(scale * z)
    return log_p + np.logaddexp(log_q, log_p - scale * margins)


def _from_poly1(z, epsilon):
    """eta_k ~ p_k / (1 + epsilon p_k): stationarity of sum_k eta_k (-log p_k - epsilon p_k)."""
    log_p, log_q = _log_p_and_rest(z)
    with np.errstate(divide="ignore"):
        return log_p - np.logaddexp(log_q, log_p + np.log1p(epsilon))


def _from_generalized(z, q):
    """eta_k ~ p_k^(1-q): stationarity of sum_k eta_k (1 - p_k^q) / q, for q below 1."""
    if q >= 1:
        raise ValueError(
            "The generalized cross-entropy has natural posteriors for q in the range (0, 1). "
            f"Got {q!r} instead, for which the minimum only ranks the classes."
        )
    return (1.0 - q) * log_softmax(z, axis=-1)


def _from_label_focal(z, gamma, alpha=None):
    """The asymmetric loss with equal gammas and no margin; positives weigh alpha / (1 - alpha)."""
    log_odds = _from_asymmetric(z, gamma, gamma, 0.0)
    if alpha is None:
        return log_odds
    if not 0 < alpha < 1:
        raise ValueError(
            "The binary focal loss has natural posteriors for alpha in the range (0, 1). "
            f"Got {alpha!r} instead, for which the minimum is the same answer for every row."
        )
    return log_odds - np.log(alpha) + np.log1p(-alpha)


def _from_asymmetric(z, gamma_pos, gamma_neg, margin):
    """Stationarity of eta L+(p) + (1 - eta) L-(p): eta / (1 - eta) = L-'(p) / -L+'(p).

    L+ is a focal loss of p, and L- is a focal loss of 1 - p_m, with p_m = max(p - margin, 0).
    """
    if not 0 <= margin < 1:
        raise ValueError(
            "The asymmetric loss has natural posteriors for a margin in the range [0, 1). "
            f"Got {margin!r} instead, for which negatives cost nothing."
        )
    log_p, log_q = log_expit(z), log_expit(-z)
    # Up to the margin, p_m = 0 and negatives cost nothing: the logarithm of the slope is -inf. With
    # gamma_neg = 0 the formula would give 0 * inf there.
    with np.errstate(divide="ignore", invalid="ignore"):
        log_margin = np.log(margin)
        log_p_m = log_p + np.log1p(-np.exp(np.minimum(log_margin - log_p, 0.0)))
        log_rest = np.minimum(np.logaddexp(log_q, log_margin), 0.0)
        negative_slope = _log_focal_slope(log_rest, log_p_m, gamma_neg)
    negative_slope = np.where(log_p > log_margin, negative_slope, -np.inf)
    return negative_slope - _log_focal_slope(log_p, log_q, gamma_pos)


#: Loss name -> map from logits and the arguments of the loss to logits of the natural posterior.
CLOSED_FORMS: Mapping[str, Callable[..., np.ndarray]] = {
    "crossentropy": lambda z: z,
    "focal": _from_focal,
    "logit_adjusted": _from_logit_adjusted,
    "ldam": _from_ldam,
    "vector_scaling": _from_vector_scaling,
    "poly1": _from_poly1,
    "generalized": _from_generalized,
}

#: The same for multilabel losses, from logits to log-odds, label by label. The loss
#: "distribution_balanced" has no such map, as it weighs a label by the row's other labels.
LABEL_CLOSED_FORMS: Mapping[str, Callable[..., np.ndarray]] = {
    "crossentropy": lambda z: z,
    "focal": _from_label_focal,
    "asymmetric": _from_asymmetric,
}
