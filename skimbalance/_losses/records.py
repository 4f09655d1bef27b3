"""One record for each named loss: all that the estimators know of it, without importing Keras.

A loss is a formula in `functions` or `label_functions`, a Keras class in `softmax`, `sigmoid` or
`batch`, and a record here. From the record follow the values of the `loss` parameter, the keys,
defaults and ranges of `loss_params`, the loss' arguments, the biases that training starts from, its
closed form, and whether a class weight would correct for the class frequencies a second time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skimbalance._losses import closed_forms

__all__ = ["CUSTOM", "SIGMOID", "SOFTMAX", "CostMatrix", "Loss", "Number"]

Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class Number:
    """A number among the `loss_params`.

    Parameters
    ----------
    default : float
        Its value where the user gives none.
    interval : str
        Its range, as errors show it: "[0, 1)" is from 0 to below 1.
    """

    default: float
    interval: str

    def checked(self, value: Any, name: str, loss: str, n_classes: int) -> Any:
        """Return the value; raise a ValueError if it is outside the range."""
        low, high = (float(end) for end in self.interval[1:-1].split(", "))
        try:
            inside = low <= value <= high and np.isfinite(value)
            inside &= value != low or self.interval[0] == "["
            inside &= value != high or self.interval[-1] == "]"
        except TypeError:
            inside = False
        if not inside:
            raise ValueError(
                f"The {name!r} of 'loss_params' for loss={loss!r} must be a float in the range "
                f"{self.interval}. Got {value!r} instead."
            )
        return value


@dataclass(frozen=True)
class CostMatrix:
    """The costs among the `loss_params`; by default every mistake costs 1."""

    default: None = None

    def checked(self, value: Any, name: str, loss: str, n_classes: int) -> np.ndarray:
        """Return an array of shape (n_classes, n_classes); raise a ValueError for other values."""
        if value is None:
            return 1.0 - np.eye(n_classes)
        try:
            numbers = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            numbers = np.full((0,), np.nan)
        if numbers.shape != (n_classes, n_classes) or not np.all(np.isfinite(numbers)):
            raise ValueError(
                f"The {name!r} of 'loss_params' must be a finite array of shape "
                f"({n_classes}, {n_classes}). Got {value!r}, of shape {np.shape(value)}, instead."
            )
        return numbers


def _as_it_is(z: np.ndarray) -> np.ndarray:
    return z


def _centred(log_shares: np.ndarray, arguments: Arguments) -> np.ndarray:
    return log_shares - log_shares.mean()


def _never(arguments: Arguments) -> bool:
    return False


@dataclass(frozen=True)
class Loss:
    """What the estimators know of a loss.

    Parameters
    ----------
    function : str
        Name of its formula in `skimbalance.losses`.
    params : mapping of str to Number or CostMatrix
        Its own parameters, which users give in `loss_params`.
    takes : tuple of str
        Which of the estimators' parameters "gamma", "tau" and "alpha" it takes.
    needs_counts : bool
        Whether it takes "class_counts", the class frequencies that training sees.
    over_batch : bool
        Whether it gives one value for a whole batch instead of one for each row.
    corrects : callable
        Whether the loss, with some arguments, corrects for the class frequencies by itself.
    initial_logits : callable
        From logarithms of the class shares, and the arguments, to the logits that training starts
        from: those where the loss is least (nearly, for most losses) if every row gets the same.
    closed_form : callable or None
        From logits, and the arguments by name, to the logits of the natural posterior (to
        log-odds, for a multilabel loss); None where the minimum does not determine it.
    """

    function: str
    params: Mapping[str, Number | CostMatrix] = field(default_factory=dict)
    takes: tuple[str, ...] = ()
    needs_counts: bool = False
    over_batch: bool = False
    corrects: Callable[[Arguments], bool] = _never
    initial_logits: Callable[[np.ndarray, Arguments], np.ndarray] = _centred
    closed_form: Callable[..., np.ndarray] | None = None


#: The record of a custom loss, of which nothing is known.
CUSTOM = Loss("")


def _adjusts(arguments: Arguments) -> bool:
    return arguments["tau"] > 0


def _unadjusted(log_shares: np.ndarray, arguments: Arguments) -> np.ndarray:
    adjustment = arguments["tau"] * np.log(arguments["class_counts"])
    return _centred(log_shares - adjustment, arguments)


def _unscaled(log_shares: np.ndarray, arguments: Arguments) -> np.ndarray:
    # Centred before the scaling: after it, a constant on all logits would change the loss.
    counts = arguments["class_counts"]
    return _unadjusted(log_shares, arguments) * (counts.max() / counts) ** arguments["gamma"]


#: Losses of class labels, and of the steps of sequences.
SOFTMAX = {
    "crossentropy": Loss("crossentropy", closed_form=_as_it_is),
    "focal": Loss(
        "focal_crossentropy", takes=("gamma", "alpha"), closed_form=closed_forms.from_focal
    ),
    "logit_adjusted": Loss(
        "logit_adjusted_crossentropy",
        takes=("tau",),
        needs_counts=True,
        corrects=_adjusts,
        initial_logits=_unadjusted,
        closed_form=closed_forms.from_logit_adjusted,
    ),
    "ldam": Loss(
        "ldam_crossentropy",
        # "deferred" is for the plan of training: see `skimbalance._fit.plan`.
        {
            "max_margin": Number(0.5, "[0, inf)"),
            "scale": Number(1.0, "(0, inf)"),
            "deferred": Number(0.0, "[0, 1)"),
        },
        needs_counts=True,
        closed_form=closed_forms.from_ldam,
    ),
    "vector_scaling": Loss(
        "vector_scaling_crossentropy",
        {"gamma": Number(0.3, "[0, inf)")},
        takes=("tau",),
        needs_counts=True,
        corrects=_adjusts,
        initial_logits=_unscaled,
        closed_form=closed_forms.from_vector_scaling,
    ),
    "poly1": Loss(
        "poly1_crossentropy",
        {"epsilon": Number(1.0, "[-1, inf)")},
        closed_form=closed_forms.from_poly1,
    ),
    "generalized": Loss(
        "generalized_crossentropy",
        {"q": Number(0.7, "(0, 1]")},
        closed_form=closed_forms.from_generalized,
    ),
    "expected_cost": Loss("expected_cost", {"cost_matrix": CostMatrix()}),
    "soft_f1": Loss("soft_f1", over_batch=True),
}

#: Losses of multilabel targets.
SIGMOID = {
    "crossentropy": Loss("label_crossentropy", closed_form=_as_it_is),
    "focal": Loss(
        "binary_focal_crossentropy",
        takes=("gamma", "alpha"),
        closed_form=closed_forms.from_label_focal,
    ),
    "asymmetric": Loss(
        "asymmetric_crossentropy",
        {
            "gamma_pos": Number(1.0, "[0, inf)"),
            "gamma_neg": Number(4.0, "[0, inf)"),
            "margin": Number(0.05, "[0, 1]"),
        },
        closed_form=closed_forms.from_asymmetric,
    ),
    "distribution_balanced": Loss(
        "distribution_balanced_crossentropy",
        {
            "alpha": Number(0.1, "[0, inf)"),
            "beta": Number(10.0, "[0, inf)"),
            "mu": Number(0.2, "(-inf, inf)"),
            "kappa": Number(0.05, "[0, inf)"),
            "scale": Number(2.0, "(0, inf)"),
            "gamma": Number(0.0, "[0, inf)"),
        },
        needs_counts=True,
        corrects=lambda arguments: True,
    ),
    "soft_f1": Loss("sigmoid_f1", over_batch=True),
}
