"""Calibration of posteriors: a scale and a bias for the logarithm of each class, or isotonic."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import softmax
from sklearn.isotonic import IsotonicRegression

__all__ = [
    "CALIBRATIONS",
    "Calibrator",
    "IsotonicCalibration",
    "LabelCalibration",
    "LogScaling",
    "fit_calibrator",
    "fit_label_calibrator",
    "inside",
    "log_proba",
    "rounds_in_budget",
    "two_classes",
]

# Smaller probabilities are raised to this before logarithms are taken: in float32 they are zeros.
SMALLEST = 1e-12

# Standard deviations of the Gaussian priors that pull a scale to 1 and a bias to 0. A dozen rows
# outweigh the prior of a scale. That of a bias is weak, as a sampler may have moved the bias by the
# logarithm of a thousand.
SCALE_DEVIATION = 0.5
BIAS_DEVIATION = 10.0

# Searches over up to this number of classes run until they converge. With more classes they would
# take minutes, and end after the number of rounds in which they compute some numbers like these:
# about as long as a forest takes for as many rows and classes.
FEW_CLASSES = 20
MOST_VALUES = 10_000_000


@dataclass
class LogScaling:
    """``softmax(scale * log(proba) + bias)``.

    Parameters
    ----------
    scale, bias : ndarray of shape (n_classes,)
        Scales and biases of the classes. In temperature scaling all scales are equal, and all
        biases are zero.
    """

    scale: np.ndarray
    bias: np.ndarray

    def __call__(self, proba: npt.ArrayLike) -> np.ndarray:
        """Calibrated probabilities of shape (n_samples, n_classes)."""
        return softmax(log_proba(proba) * self.scale + self.bias, axis=1)


@dataclass
class IsotonicCalibration:
    """A monotone function of the probability of the second of two classes.

    Parameters
    ----------
    regression : IsotonicRegression
        Fitted regression.
    """

    regression: IsotonicRegression

    def __call__(self, proba: npt.ArrayLike) -> np.ndarray:
        """Calibrated probabilities of shape (n_samples, 2)."""
        second = self.regression.predict(np.asarray(proba, dtype=float)[:, 1])
        return np.column_stack([1 - second, second])


Calibrator: TypeAlias = LogScaling | IsotonicCalibration


@dataclass
class LabelCalibration:
    """A separate calibrator for each label.

    Parameters
    ----------
    each : list of calibrators or None
        Calibrators of two classes, rows without and with the label. None leaves the posteriors of
        the label unchanged.
    """

    each: list[Calibrator | None]

    def __call__(self, proba: npt.ArrayLike) -> np.ndarray:
        """Calibrated probabilities of shape (n_samples, n_labels)."""
        columns = [
            column if calibrator is None else calibrator(two_classes(column))[:, 1]
            for calibrator, column in zip(self.each, np.asarray(proba).T, strict=True)
        ]
        return np.column_stack(columns)


def inside(proba: npt.ArrayLike) -> np.ndarray:
    """Posteriors of labels in float64, clipped to the range [1e-12, 1 - 1e-12]."""
    return np.clip(np.asarray(proba, dtype=float), SMALLEST, 1 - SMALLEST)


def two_classes(proba: npt.ArrayLike) -> np.ndarray:
    """Posteriors of two classes, of shape (n_samples, 2): without a label and with it."""
    proba = np.asarray(proba, dtype=float)
    return np.column_stack([1 - proba, proba])


def log_proba(proba: npt.ArrayLike) -> np.ndarray:
    """Logarithms in float64 of probabilities, which are raised to at least 1e-12."""
    return np.log(np.maximum(np.asarray(proba, dtype=float), SMALLEST))


def rounds_in_budget(most: int, n_classes: int, values_in_a_round: int) -> int:
    """Number of rounds of a search: `most`, or fewer if a round is long and classes are many."""
    if n_classes <= FEW_CLASSES:
        return most
    return min(most, MOST_VALUES // values_in_a_round)


def _fit_scaling(proba, y, weight, scales, biases):
    """Most probable scale and bias of each class, given Gaussian priors around 1 and 0.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
        Posteriors.
    y : ndarray of shape (n_samples,)
        Class indices.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    scales, biases : ndarray of shape (n_free, n_classes)
        Change of the scales, and of the biases, with each free parameter; the free parameters are
        zero at scales of 1 and biases of 0.
    """
    # With classes on the first axis, sums over a few classes are sums of long rows: four times as
    # fast.
    log_p = np.ascontiguousarray(log_proba(proba).T)
    # The few steps for many classes need no more digits, and are twice as fast.
    number = np.float64 if len(log_p) <= FEW_CLASSES else np.float32
    log_p, n_scales = log_p.astype(number, copy=False), len(scales)
    rows, z = np.arange(len(y)), np.empty_like(log_p)

    def loss(free):
        scale, bias = free[:n_scales] @ scales, free[n_scales:] @ biases
        np.multiply(log_p, (1 + scale).astype(number)[:, None], out=z)
        np.add(z, bias.astype(number)[:, None], out=z)
        top, of_class = z.max(axis=0), z[y, rows]
        error = np.exp(np.subtract(z, top, out=z), out=z)
        norm = error.sum(axis=0)
        # Not `weight @ ...`: the threads of BLAS would wait for each other longer than they add.
        value = np.sum(weight * (top + np.log(norm) - of_class))
        error *= (weight / norm).astype(number)
        error[y, rows] -= weight
        value += (
            0.5 * (scale @ scale) / SCALE_DEVIATION**2 + 0.5 * (bias @ bias) / BIAS_DEVIATION**2
        )
        by_scale = np.einsum("kn,kn->k", error, log_p) + scale / SCALE_DEVIATION**2
        by_bias = error.sum(axis=1) + bias / BIAS_DEVIATION**2
        total = weight.sum()
        return value / total, np.concatenate([scales @ by_scale, biases @ by_bias]) / total

    start = np.zeros(n_scales + len(biases))
    # L-BFGS-B needs fewer sums for many classes. For two classes it would mostly wait for LAPACK's
    # threads: on a busy machine, fifty times as long as the sums take.
    if log_p.shape[0] == 2:
        free = minimize(loss, start, jac=True, method="BFGS").x
    else:
        # SciPy's own limit of 15,000 is in effect none.
        most = 15_000 if len(log_p) <= FEW_CLASSES else 50
        calls = max(2, rounds_in_budget(most, len(log_p), log_p.size))
        free = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxfun": calls}).x
    return LogScaling(1 + free[:n_scales] @ scales, free[n_scales:] @ biases)


def _temperature(proba, y, weight):
    n_classes = proba.shape[1]
    return _fit_scaling(proba, y, weight, np.ones((1, n_classes)), np.empty((0, n_classes)))


def _vector(proba, y, weight):
    each = np.eye(proba.shape[1])
    return _fit_scaling(proba, y, weight, each, each)


def _bias(proba, y, weight):
    """Biases with which the mean posterior of each class is its share."""
    n_classes = proba.shape[1]
    return _fit_scaling(proba, y, weight, np.empty((0, n_classes)), np.eye(n_classes))


def _isotonic(proba, y, weight):
    regression = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    return IsotonicCalibration(regression.fit(proba[:, 1], y == 1, weight))


#: Name -> function of (proba, class indices, weights) that returns a calibrator.
CALIBRATIONS: Mapping[str, Callable[[np.ndarray, np.ndarray, np.ndarray], Any]] = {
    "temperature": _temperature,
    "vector": _vector,
    "isotonic": _isotonic,
    "bias": _bias,
}


def fit_calibrator(name: str, proba: npt.ArrayLike, y: np.ndarray, weight: np.ndarray) -> Any:
    """Fit a calibrator on held-out posteriors of shape (n_samples, n_classes)."""
    return CALIBRATIONS[name](np.asarray(proba, dtype=float), y, weight)


def fit_label_calibrator(
    name: str, proba: np.ndarray, y: np.ndarray, weight: np.ndarray, judged: np.ndarray
) -> LabelCalibration:
    """Fit a calibrator for each judged label; `proba` and `y` have a column for each label.

    The rows where it is missing, and y is -1, are left out.
    """

    def of_label(k):
        known = y[:, k] >= 0
        if not (judged[k] and known.any()):
            return None
        return fit_calibrator(name, two_classes(proba[known, k]), y[known, k], weight[known])

    return LabelCalibration([of_label(k) for k in range(len(judged))])
