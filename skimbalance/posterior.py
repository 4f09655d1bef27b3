"""From a network's output back to natural posteriors, in closed form.

A network trained with class weights, resampling or a loss made for imbalance does not give
the probability of a class in the population. Each function here undoes one of these, on
logarithms, so that nothing under- or overflows.

Notation: logits ``z``, ``p = softmax(z)``, natural posterior ``eta``; arrays of shape
(n_samples, n_classes). Results of the maps in `CLOSED_FORMS` are right up to a constant a row.
Of multilabel networks ``p = sigmoid(z)``, arrays have shape (n_samples, n_labels), and the maps
in `LABEL_CLOSED_FORMS` give ``log(eta / (1 - eta))``.
"""

import numpy as np
from scipy.special import expit, log_expit, log_softmax, logsumexp

from skimbalance.prior import correct_prior

__all__ = [
    "CLOSED_FORMS",
    "LABEL_CLOSED_FORMS",
    "correct_prior",
    "label_posterior",
    "log_posterior",
]


def log_posterior(loss, logits, *, class_weight=None, sampling_ratio=None, **loss_arguments):
    """Logarithm of the natural posterior of a network's logits, normalised.

    With weights w and over-drawing by r, the loss is minimal where the posterior that it
    implies equals ``eta * w * r``; the loss' closed form gives that posterior, and the
    logarithms of w and r are taken off.

    Parameters
    ----------
    loss : str
        A key of `CLOSED_FORMS`.
    logits : array-like of shape (n_samples, n_classes)
        The network's output.
    class_weight : array-like of shape (n_classes,), default=None
        Positive weights that the loss was multiplied by.
    sampling_ratio : array-like of shape (n_classes,), default=None
        How many times more often each class was drawn than it occurs; positive.
    **loss_arguments
        What the loss was trained with: ``gamma`` for "focal", ``class_counts`` and ``tau`` for
        "logit_adjusted", ...

    Returns
    -------
    log_eta : ndarray of shape (n_samples, n_classes)
        ``exp(log_eta)`` has rows that sum to 1.

    Raises
    ------
    ValueError
        If the loss has no closed form (its minimum does not determine the posterior), or a
        weight or ratio is not positive.

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


def label_posterior(loss, logits, *, class_weight=None, sampling_ratio=None, **loss_arguments):
    """Probability of each label in the population, from a multilabel network's logits.

    Each label is a problem of its own, of no and yes: with weights w and over-drawing by r,
    the loss is minimal where the odds that it implies equal
    ``eta w_yes r_yes / ((1 - eta) w_no r_no)``.

    Parameters
    ----------
    loss : str
        A key of `LABEL_CLOSED_FORMS`.
    logits : array-like of shape (n_samples, n_labels)
        The network's output.
    class_weight : array-like of shape (n_labels, 2), default=None
        Positive weights that the losses of rows without and with each label were multiplied by.
    sampling_ratio : array-like of shape (n_labels, 2), default=None
        How many times more often rows without and with each label were drawn than they occur;
        positive.
    **loss_arguments
        What the loss was trained with: ``gamma`` and, if it had one, ``alpha`` for "focal";
        ``gamma_pos``, ``gamma_neg`` and ``margin`` for "asymmetric".

    Returns
    -------
    eta : ndarray of shape (n_samples, n_labels)
        Rows do not sum to 1. With "asymmetric" it is exactly 0 where the sigmoid is at most the
        margin: with any chance of the label at all, the loss is less above.

    Raises
    ------
    ValueError
        If the loss has no closed form (its minimum does not determine the posterior), or a
        weight or ratio is not positive.

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
    """Logarithm of how many times too much training saw of each class: weight times ratio."""
    total = np.zeros(shape)
    for name, values in (("class_weight", class_weight), ("sampling_ratio", sampling_ratio)):
        if values is not None:
            array = np.asarray(values, dtype=float)
            if array.shape != shape or not np.all((array > 0) & np.isfinite(array)):
                raise ValueError(
                    f"The {name!r} parameter of {owner} must hold positive, finite numbers in the "
                    f"shape {shape}. Got {array.tolist()!r} instead."
                )
            total += np.log(array)
    return total


def _from_focal(z, gamma):
    """Log h(p), h(p) = p / [(1-p)^g - g (1-p)^(g-1) p log p] (Charoenphakdee et al. 2021)."""
    return -_log_focal_slope(*_log_p_and_rest(z), gamma)


def _log_focal_slope(log_p, log_q, gamma):
    """Log of how fast (1-p)^g (-log p) falls with p: log [(1-p)^g / p - g (1-p)^(g-1) log p].

    With (1-p)^g / p taken out of the bracket, it is 1 + g p r where r = -log p / (1-p) tends to
    1 as p does. It takes log(1-p): 1 - p itself would round to zero at a gap of 37.
    """
    q = np.exp(log_q)
    r = np.where(q > 0, -log_p / np.where(q > 0, q, 1.0), 1.0)
    return gamma * log_q - log_p + np.log1p(gamma * np.exp(log_p) * r)


def _log_p_and_rest(z):
    """Log p and log(1 - p), each with all its digits: of the largest p from the other logits."""
    log_p = log_softmax(z, axis=-1)
    top = np.eye(z.shape[-1], dtype=bool)[np.argmax(z, axis=-1)]
    log_rest = logsumexp(np.where(top, -np.inf, log_p), axis=-1, keepdims=True)
    log_q = np.where(top, log_rest, np.log1p(-np.where(top, 0.0, np.exp(log_p))))
    return np.where(top, np.log1p(-np.where(top, np.exp(log_q), 0.0)), log_p), log_q


def _from_logit_adjusted(z, class_counts, tau):
    return z + tau * np.log(class_counts)


def _from_vector_scaling(z, class_counts, gamma, tau):
    """The loss is the cross-entropy of z / D + tau log pi, so its softmax is the posterior."""
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
    """eta_k ~ p_k^(1-q): stationarity of sum_k eta_k (1 - p_k^q) / q; q = 1 has none."""
    if q >= 1:
        raise ValueError(
            "The generalized cross-entropy has natural posteriors for q in the range (0, 1). "
            f"Got {q!r} instead: its minimum only ranks the classes."
        )
    return (1.0 - q) * log_softmax(z, axis=-1)


def _from_label_focal(z, gamma, alpha=None):
    """The asymmetric loss without its two asymmetries, positives weighing alpha / (1 - alpha)."""
    log_odds = _from_asymmetric(z, gamma, gamma, 0.0)
    if alpha is None:
        return log_odds
    if not 0 < alpha < 1:
        raise ValueError(
            "The binary focal loss has natural posteriors for alpha in the range (0, 1). "
            f"Got {alpha!r} instead: its minimum is the same answer for every row."
        )
    return log_odds - np.log(alpha) + np.log1p(-alpha)


def _from_asymmetric(z, gamma_pos, gamma_neg, margin):
    """Stationarity of eta L+(p) + (1 - eta) L-(p): eta / (1 - eta) = L-'(p) / -L+'(p).

    L+ is a focal loss of p, and L- one of 1 - p_m, where p_m = max(p - margin, 0).
    """
    if not 0 <= margin < 1:
        raise ValueError(
            "The asymmetric loss has natural posteriors for a margin in the range [0, 1). "
            f"Got {margin!r} instead: negatives cost nothing."
        )
    log_p, log_q = log_expit(z), log_expit(-z)
    # Up to the margin, where p_m = 0, negatives cost nothing: the slope's logarithm is -inf,
    # which gamma_neg = 0 would make 0 * inf.
    with np.errstate(divide="ignore", invalid="ignore"):
        log_margin = np.log(margin)
        log_p_m = log_p + np.log1p(-np.exp(np.minimum(log_margin - log_p, 0.0)))
        log_rest = np.minimum(np.logaddexp(log_q, log_margin), 0.0)
        of_negatives = _log_focal_slope(log_rest, log_p_m, gamma_neg)
    of_negatives = np.where(log_p > log_margin, of_negatives, -np.inf)
    return of_negatives - _log_focal_slope(log_p, log_q, gamma_pos)


#: Loss name -> map from logits (and the loss' arguments) to logits of the posterior it implies.
CLOSED_FORMS = {
    "crossentropy": lambda z: z,
    "focal": _from_focal,
    "logit_adjusted": _from_logit_adjusted,
    "ldam": _from_ldam,
    "vector_scaling": _from_vector_scaling,
    "poly1": _from_poly1,
    "generalized": _from_generalized,
}

#: The same for a multilabel loss: from logits to log-odds, label by label. That of
#: "distribution_balanced" weighs a label by the row's others, so has no such map.
LABEL_CLOSED_FORMS = {
    "crossentropy": lambda z: z,
    "focal": _from_label_focal,
    "asymmetric": _from_asymmetric,
}
