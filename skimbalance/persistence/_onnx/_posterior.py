"""What is made of logits and posteriors, as nodes of a graph: closed forms, calibration, priors.

The formulas are those of `skimbalance._losses.closed_forms` and
`skimbalance.decision._calibration`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from skimbalance._losses import closed_forms
from skimbalance.decision._calibration import (
    SMALLEST,
    IsotonicCalibration,
    LabelCalibration,
    LogScaling,
)
from skimbalance.persistence._onnx._graph import LOWEST, Graph, Value

__all__ = ["calibrated", "inside", "log_proba", "posterior", "posterior_of_labels", "shifted"]

# Below this q, ``-log(1 - q) / q`` is taken from its series.
FEW = 1e-6


def posterior(graph: Graph, loss: str, logits: Value, arguments: Mapping[str, Any]) -> Value:
    """Probabilities in the population, as `skimbalance.posterior.log_posterior` gives them."""
    over, params = _over_weighting(arguments)
    log_eta = _CLOSED_FORMS[loss](graph, logits, **params)
    return graph.softmax(log_eta - over)


def posterior_of_labels(
    graph: Graph, loss: str, logits: Value, arguments: Mapping[str, Any]
) -> Value:
    """Probabilities of each label, as `skimbalance.posterior.label_posterior` gives them."""
    over, params = _over_weighting(arguments)
    log_odds, impossible = _LABEL_CLOSED_FORMS[loss](graph, logits, **params)
    proba = graph.op("Sigmoid", log_odds - (over[:, 1] - over[:, 0]))
    return proba if impossible is None else graph.op("Where", impossible, 0.0, proba)


def _over_weighting(arguments):
    """Logarithm of the weight and the sampling of each class; and the other arguments."""
    given = dict(arguments)
    del given["loss"]
    return np.log(given.pop("class_weight")) + np.log(given.pop("sampling_ratio")), given


# Closed forms


def _log_p_and_rest(graph, z):
    """Log p and log(1 - p); that of the largest p comes from the other logits."""
    log_p = graph.log_softmax(z)
    n_classes = graph.op("Gather", graph.op("Shape", z), np.array(1))
    numbers = graph.op("Range", np.array(0), n_classes, np.array(1))
    top = graph.op("Equal", graph.op("ArgMax", z, axis=1, keepdims=1), numbers)
    others = graph.op("Where", top, LOWEST, log_p)
    p = graph.op("Where", top, 0.0, graph.op("Exp", log_p))
    log_q = graph.op("Where", top, graph.log_sum_exp(others), graph.op("Log", 1.0 - p))
    return log_p, log_q


def _log_focal_slope(graph, log_p, log_q, gamma):
    q = graph.op("Exp", log_q)
    is_few = graph.op("Less", q, FEW)
    r = graph.op("Where", is_few, q * 0.5 + 1.0, -log_p / graph.op("Max", q, FEW))
    return log_q * gamma - log_p + graph.op("Log", graph.op("Exp", log_p) * r * gamma + 1.0)


def _from_focal(graph, z, gamma):
    log_p, log_q = _log_p_and_rest(graph, z)
    return -_log_focal_slope(graph, log_p, log_q, gamma)


def _from_ldam(graph, z, class_counts, max_margin, scale):
    counts = np.asarray(class_counts, dtype=float)
    margins = max_margin * (counts / counts.min()) ** -0.25
    log_p, log_q = _log_p_and_rest(graph, z * scale)
    return log_p + graph.log_add_exp(log_q, log_p - scale * margins)


def _from_poly1(graph, z, epsilon):
    log_p, log_q = _log_p_and_rest(graph, z)
    if epsilon == -1:
        return log_p - log_q
    return log_p - graph.log_add_exp(log_q, log_p + np.log1p(epsilon))


_CLOSED_FORMS: Mapping[str, Callable[..., Value]] = {
    "crossentropy": lambda graph, z: z,
    "focal": _from_focal,
    "logit_adjusted": lambda graph, z, **of: closed_forms.from_logit_adjusted(z, **of),
    "ldam": _from_ldam,
    "vector_scaling": lambda graph, z, **of: closed_forms.from_vector_scaling(z, **of),
    "poly1": _from_poly1,
    "generalized": lambda graph, z, q: graph.log_softmax(z) * (1.0 - q),
}


def _from_label_focal(graph, z, gamma, alpha=None):
    log_odds, _ = _from_asymmetric(graph, z, gamma, gamma, 0.0)
    return log_odds if alpha is None else log_odds + (np.log1p(-alpha) - np.log(alpha)), None


def _from_asymmetric(graph, z, gamma_pos, gamma_neg, margin):
    """The log-odds; and where the label is impossible, as its sigmoid is at most the margin."""
    log_p, log_q = -graph.softplus(-z), -graph.softplus(z)
    log_p_m, log_rest, impossible = log_p, log_q, None
    if margin > 0:
        log_margin = np.log(margin)
        impossible = graph.op("LessOrEqual", log_p, log_margin)
        beyond = graph.op("Exp", graph.op("Min", log_margin - log_p, 0.0))
        log_p_m = log_p + graph.op("Log", graph.op("Where", impossible, 1.0, 1.0 - beyond))
        log_rest = graph.op("Min", graph.log_add_exp(log_q, log_margin), 0.0)
    of_negatives = _log_focal_slope(graph, log_rest, log_p_m, gamma_neg)
    return of_negatives - _log_focal_slope(graph, log_p, log_q, gamma_pos), impossible


_LABEL_CLOSED_FORMS: Mapping[str, Callable[..., tuple[Value, Value | None]]] = {
    "crossentropy": lambda graph, z: (z, None),
    "focal": _from_label_focal,
    "asymmetric": _from_asymmetric,
}


# Calibration


def log_proba(graph: Graph, proba: Value) -> Value:
    """Logarithms of probabilities, which are raised to at least 1e-12."""
    return graph.op("Log", graph.op("Max", proba, SMALLEST))


def inside(graph: Graph, proba: Value) -> Value:
    """Posteriors of labels, clipped to the range [1e-12, 1 - 1e-12]."""
    return graph.op("Min", graph.op("Max", proba, SMALLEST), 1 - SMALLEST)


def calibrated(graph: Graph, calibrator: Any, proba: Value) -> Value:
    """Posteriors after a calibrator; None leaves them as they are."""
    if isinstance(calibrator, LogScaling):
        return graph.softmax(log_proba(graph, proba) * calibrator.scale + calibrator.bias)
    if isinstance(calibrator, IsotonicCalibration):
        return _isotonic(graph, calibrator.regression, proba.columns([1]))
    if isinstance(calibrator, LabelCalibration):
        columns = []
        for k, of_label in enumerate(calibrator.each):
            column = proba.columns([k])
            if of_label is not None:
                both = calibrated(graph, of_label, graph.concat([1.0 - column, column]))
                column = both.columns([1])
            columns.append(column)
        return graph.concat(columns)
    return proba


def _isotonic(graph, regression, second):
    """Posteriors of two classes, by the line between the thresholds around each."""
    values = regression.y_thresholds_.astype(float)
    number, share = graph.among(second, [regression.X_thresholds_.astype(float)])
    step = np.append(np.diff(values), 0.0)
    second = graph.op("Gather", values, number) + graph.op("Gather", step, number) * share
    return graph.concat([1.0 - second, second])


# Priors


def shifted(graph: Graph, proba: Value, prior: np.ndarray, new_prior: Any) -> Value:
    """Posteriors where the classes, or the rows without and with each label, have other shares."""
    if prior.ndim == 1:
        return _shifted(graph, proba, prior, new_prior)
    columns = []
    for k, (old, new) in enumerate(zip(prior, new_prior, strict=True)):
        column = proba.columns([k])
        if np.all(old > 0):
            both = graph.concat([1.0 - column, column])
            column = _shifted(graph, both, old, new).columns([1])
        columns.append(column)
    return graph.concat(columns)


def _shifted(graph, proba, prior, new_prior):
    """Posteriors times the ratio of the shares, normalised."""
    weighted = graph.double(proba) * (np.asarray(new_prior) / prior)
    return weighted / graph.total(weighted)
