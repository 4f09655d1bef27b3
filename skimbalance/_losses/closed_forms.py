"""Closed forms that undo a loss: from a network's logits to those of the natural posterior.

Notation: logits ``z``, ``p = softmax(z)``, natural posterior ``eta``; arrays of shape (n_samples,
n_classes). Results are right up to a constant in each row. In the multilabel case
``p = sigmoid(z)``, arrays have shape (n_samples, n_labels), and results are
``log(eta / (1 - eta))``.
"""

import numpy as np
from scipy.special import log_expit, log_softmax, logsumexp

__all__ = [
    "from_asymmetric",
    "from_focal",
    "from_generalized",
    "from_label_focal",
    "from_ldam",
    "from_logit_adjusted",
    "from_poly1",
    "from_vector_scaling",
]


def from_focal(z, gamma):
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


def from_logit_adjusted(z, class_counts, tau):
    return z + tau * np.log(class_counts)


def from_vector_scaling(z, class_counts, gamma, tau):
    """The loss is the cross-entropy of z / D + tau log pi; the softmax of that is the posterior."""
    class_counts = np.asarray(class_counts, dtype=float)
    return z * (class_counts / class_counts.max()) ** gamma + tau * np.log(class_counts)


def from_ldam(z, class_counts, max_margin, scale):
    """eta_j ~ p_j (1 - p_j (1 - exp(-s m_j))), p = softmax(s z).

    With a = exp(s z) and Z = sum a, the margin m_k turns the normaliser of class k into
    Z_k = Z - a_k (1 - exp(-s m_k)). Where the expected loss is stationary,
    a_j S = eta_j Z / Z_j with S = sum_k eta_k / Z_k, so eta_j ~ a_j Z_j.
    """
    class_counts = np.asarray(class_counts, dtype=float)
    margins = max_margin * (class_counts / class_counts.min()) ** -0.25
    log_p, log_q = _log_p_and_rest(scale * z)
    return log_p + np.logaddexp(log_q, log_p - scale * margins)


def from_poly1(z, epsilon):
    """eta_k ~ p_k / (1 + epsilon p_k): stationarity of sum_k eta_k (-log p_k - epsilon p_k)."""
    log_p, log_q = _log_p_and_rest(z)
    with np.errstate(divide="ignore"):
        return log_p - np.logaddexp(log_q, log_p + np.log1p(epsilon))


def from_generalized(z, q):
    """eta_k ~ p_k^(1-q): stationarity of sum_k eta_k (1 - p_k^q) / q, for q below 1."""
    if q >= 1:
        raise ValueError(
            "The generalized cross-entropy has natural posteriors for q in the range (0, 1). "
            f"Got {q!r} instead, for which the minimum only ranks the classes."
        )
    return (1.0 - q) * log_softmax(z, axis=-1)


def from_label_focal(z, gamma, alpha=None):
    """The asymmetric loss with equal gammas and no margin; positives weigh alpha / (1 - alpha)."""
    log_odds = from_asymmetric(z, gamma, gamma, 0.0)
    if alpha is None:
        return log_odds
    if not 0 < alpha < 1:
        raise ValueError(
            "The binary focal loss has natural posteriors for alpha in the range (0, 1). "
            f"Got {alpha!r} instead, for which the minimum is the same answer for every row."
        )
    return log_odds - np.log(alpha) + np.log1p(-alpha)


def from_asymmetric(z, gamma_pos, gamma_neg, margin):
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
