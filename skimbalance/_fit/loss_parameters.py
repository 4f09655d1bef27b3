"""From the estimator's loss parameters to what a loss function, or its posterior map, takes."""

import numpy as np

__all__ = ["LABEL_LOSS_PARAMS", "LOSS_PARAMS", "label_logits", "loss_arguments", "prior_logits"]

#: Loss name -> its own parameters (`loss_params`) and their defaults.
LOSS_PARAMS = {
    "crossentropy": {},
    "focal": {},
    "logit_adjusted": {},
    "ldam": {"max_margin": 0.5, "scale": 1.0, "deferred": 0.0},
    "vector_scaling": {"gamma": 0.3},
    "poly1": {"epsilon": 1.0},
    "generalized": {"q": 0.7},
    "expected_cost": {"cost_matrix": None},
    "soft_f1": {},
}

#: The same for labels that each hold or do not.
LABEL_LOSS_PARAMS = {
    "crossentropy": {},
    "focal": {},
    "asymmetric": {"gamma_pos": 1.0, "gamma_neg": 4.0, "margin": 0.05},
    "distribution_balanced": {
        "alpha": 0.1, "beta": 10.0, "mu": 0.2, "kappa": 0.05, "scale": 2.0, "gamma": 0.0
    },
    "soft_f1": {},
}  # fmt: skip

# Interval of each number, and whether its ends belong to it.
_RANGES = {
    "gamma_pos": "[0, inf)",
    "gamma_neg": "[0, inf)",
    "margin": "[0, 1]",
    "alpha": "[0, inf)",
    "beta": "[0, inf)",
    "mu": "(-inf, inf)",
    "kappa": "[0, inf)",
    "max_margin": "[0, inf)",
    "scale": "(0, inf)",
    "deferred": "[0, 1)",
    "gamma": "[0, inf)",
    "epsilon": "[-1, inf)",
    "q": "(0, 1]",
}


def loss_arguments(loss, params_of_losses, *, gamma, tau, loss_params, class_counts):
    """Arguments of the function and of the posterior map of a named loss.

    Parameters
    ----------
    loss : str
        A key of `params_of_losses`.
    params_of_losses : dict
        `LOSS_PARAMS` or `LABEL_LOSS_PARAMS`.
    gamma, tau : float
        The estimator's parameters; used by the losses that have them.
    loss_params : dict or None
        The loss' own parameters.
    class_counts : ndarray of shape (n_classes,) or (n_labels, 2)
        How often the classes are seen in training.

    Returns
    -------
    arguments : dict of str to float or ndarray
        By the names of the loss function's parameters.

    Raises
    ------
    ValueError
        If the loss is not there, `loss_params` has a key that it does not know, or a value out of
        range.
    """
    if loss not in params_of_losses:
        what = "labels" if params_of_losses is LABEL_LOSS_PARAMS else "classes"
        raise ValueError(
            f"The 'loss' parameter must be one of {sorted(params_of_losses)!r} for {what}. "
            f"Got {loss!r} instead."
        )
    known = params_of_losses[loss]
    given = dict(loss_params or {})
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(
            f"The keys of 'loss_params' must be among {sorted(known)!r} for loss={loss!r}. "
            f"Got {unknown!r} instead."
        )
    arguments = {**known, **given}
    for key, value in arguments.items():
        if key in _RANGES:
            _check_range(key, value, loss)
    if loss == "focal":
        arguments["gamma"] = gamma
    if loss in ("logit_adjusted", "vector_scaling"):
        arguments["tau"] = tau
    if loss in ("logit_adjusted", "vector_scaling", "ldam", "distribution_balanced"):
        arguments["class_counts"] = np.asarray(class_counts, dtype=float)
    if loss == "expected_cost":
        arguments["cost_matrix"] = _cost_matrix(arguments["cost_matrix"], len(class_counts))
    return arguments


def prior_logits(loss, arguments, shares):
    """Logits, the same for every row, to start from on classes of these shares.

    There cross-entropy, alone or adjusted, is least; the other losses are nearly so.
    """
    # A class that weighs nothing starts as one of a millionth, and not at minus infinity.
    logits = np.log(np.maximum(shares / np.sum(shares), 1e-6))
    if loss in ("logit_adjusted", "vector_scaling"):
        logits = logits - arguments["tau"] * np.log(arguments["class_counts"])
    if loss == "vector_scaling":
        counts = arguments["class_counts"]
        logits = logits * (counts.max() / counts) ** arguments["gamma"]
    return logits - logits.mean()


def label_logits(shares):
    """Logits, the same for every row, for shares (n_labels, 2) of rows without and with labels."""
    shares = np.maximum(shares / shares.sum(axis=1, keepdims=True), 1e-6)
    return np.log(shares[:, 1]) - np.log(shares[:, 0])


def _check_range(key, value, loss):
    interval = _RANGES[key]
    low, high = (float(end) for end in interval[1:-1].split(", "))
    try:
        inside = low <= value <= high and np.isfinite(value)
        inside &= (value != low or interval[0] == "[") and (value != high or interval[-1] == "]")
    except TypeError:
        inside = False
    if not inside:
        raise ValueError(
            f"The {key!r} of 'loss_params' for loss={loss!r} must be a float in the range "
            f"{interval}. Got {value!r} instead."
        )


def _cost_matrix(costs, n_classes):
    """By default every mistake costs 1."""
    if costs is None:
        return 1.0 - np.eye(n_classes)
    try:
        numbers = np.asarray(costs, dtype=float)
    except (TypeError, ValueError):
        numbers = np.full((0,), np.nan)
    if numbers.shape != (n_classes, n_classes) or not np.all(np.isfinite(numbers)):
        raise ValueError(
            f"The 'cost_matrix' of 'loss_params' must be a finite array of shape "
            f"({n_classes}, {n_classes}). Got {costs!r}, of shape {np.shape(costs)}, instead."
        )
    return numbers
