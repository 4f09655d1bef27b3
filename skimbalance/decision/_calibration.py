"""Calibration of posteriors by a scale and a bias for each class' logarithm, or isotonic."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import softmax
from sklearn.isotonic import IsotonicRegression

__all__ = [
    "CALIBRATIONS",
    "IsotonicCalibration",
    "LabelCalibration",
    "LogScaling",
    "fit_calibrator",
    "fit_label_calibrator",
    "inside",
    "log_proba",
    "two_classes",
]

# Logarithms of probabilities below this say no more than that: in float32 they come as zeros.
SMALLEST = 1e-12

# Deviations of the priors that pull a scale to 1 and a bias to 0. A dozen rows move a scale;
# a bias is hardly pulled, as a sampler may have moved it by the logarithm of a thousand.
SCALE_DEVIATION = 0.5
BIAS_DEVIATION = 10.0


@dataclass
class LogScaling:
    """``softmax(scale * log(proba) + bias)``.

    Parameters
    ----------
    scale, bias : ndarray of shape (n_classes,)
        Temperature scaling has one scale for all classes and no bias.
    """

    scale: np.ndarray
    bias: np.ndarray

    def __call__(self, proba):
        """Calibrated probabilities of shape (n_samples, n_classes)."""
        return softmax(log_proba(proba) * self.scale + self.bias, axis=1)


@dataclass
class IsotonicCalibration:
    """A monotone step function of the second class' probability."""

    regression: IsotonicRegression

    def __call__(self, proba):
        """Calibrated probabilities of shape (n_samples, 2)."""
        second = self.regression.predict(np.asarray(proba, dtype=float)[:, 1])
        return np.column_stack([1 - second, second])


@dataclass
class LabelCalibration:
    """Each label by a calibrator of its own.

    Parameters
    ----------
    each : list
        Calibrators of two classes, without the label and with it; None leaves it as it is.
    """

    each: list

    def __call__(self, proba):
        """Calibrated probabilities of shape (n_samples, n_labels)."""
        columns = [
            column if calibrator is None else calibrator(two_classes(column))[:, 1]
            for calibrator, column in zip(self.each, np.asarray(proba).T, strict=True)
        ]
        return np.column_stack(columns)


def inside(proba):
    """Posteriors of labels in float64, 1e-12 off 0 and 1 at least."""
    return np.clip(np.asarray(proba, dtype=float), SMALLEST, 1 - SMALLEST)


def two_classes(proba):
    """Posteriors of being without a label and with it, of shape (n_samples, 2)."""
    proba = np.asarray(proba, dtype=float)
    return np.column_stack([1 - proba, proba])


def log_proba(proba):
    """Logarithms in float64, of at least 1e-12."""
    return np.log(np.maximum(np.asarray(proba, dtype=float), SMALLEST))


def _fit_scaling(proba, y, weight, scales, biases):
    """Most probable scale and bias of each class, given Gaussian priors around 1 and 0.

    Parameters
    ----------
    scales, biases : ndarray of shape (n_free, n_classes)
        How the free parameters make up the departures from 1 and 0.
    """
    # Classes first: sums over a few classes are then sums of long rows, four times as fast.
    log_p = np.ascontiguousarray(log_proba(proba).T)
    n_scales = len(scales)
    rows = np.arange(len(y))

    def loss(free):
        scale, bias = free[:n_scales] @ scales, free[n_scales:] @ biases
        z = log_p * (1 + scale)[:, None] + bias[:, None]
        top = z.max(axis=0)
        error = np.exp(z - top)
        norm = error.sum(axis=0)
        # Not `weight @ ...`: threads of BLAS wait for each other longer than they add.
        value = np.sum(weight * (top + np.log(norm) - z[y, rows]))
        error *= weight / norm
        error[y, rows] -= weight
        value += (
            0.5 * (scale @ scale) / SCALE_DEVIATION**2 + 0.5 * (bias @ bias) / BIAS_DEVIATION**2
        )
        by_scale = np.einsum("kn,kn->k", error, log_p) + scale / SCALE_DEVIATION**2
        by_bias = error.sum(axis=1) + bias / BIAS_DEVIATION**2
        total = weight.sum()
        return value / total, np.concatenate([scales @ by_scale, biases @ by_bias]) / total

    start = np.zeros(n_scales + len(biases))
    # L-BFGS-B needs fewer sums for many classes. For two it would mostly wait for LAPACK's threads,
    # on a machine with other work fifty times as long as the sums take.
    method = "BFGS" if log_p.shape[0] == 2 else "L-BFGS-B"
    free = minimize(loss, start, jac=True, method=method).x
    return LogScaling(1 + free[:n_scales] @ scales, free[n_scales:] @ biases)


def _temperature(proba, y, weight):
    n_classes = proba.shape[1]
    return _fit_scaling(proba, y, weight, np.ones((1, n_classes)), np.empty((0, n_classes)))


def _vector(proba, y, weight):
    each = np.eye(proba.shape[1])
    return _fit_scaling(proba, y, weight, each, each)


def _bias(proba, y, weight):
    """Afterwards the mean posterior is the share of each class."""
    n_classes = proba.shape[1]
    return _fit_scaling(proba, y, weight, np.empty((0, n_classes)), np.eye(n_classes))


def _isotonic(proba, y, weight):
    regression = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    return IsotonicCalibration(regression.fit(proba[:, 1], y == 1, weight))


#: Name -> function of (proba, class indices, weights) to a calibrator.
CALIBRATIONS = {
    "temperature": _temperature,
    "vector": _vector,
    "isotonic": _isotonic,
    "bias": _bias,
}


def fit_calibrator(name, proba, y, weight):
    """The calibrator of a name, learnt from held-out posteriors (n_samples, n_classes)."""
    return CALIBRATIONS[name](np.asarray(proba, dtype=float), y, weight)


def fit_label_calibrator(name, proba, y, weight, judged):
    """The calibrators of a name for the judged labels, of indicators (n_samples, n_labels)."""
    return LabelCalibration(
        [
            fit_calibrator(name, two_classes(proba[:, k]), y[:, k], weight) if judged[k] else None
            for k in range(len(judged))
        ]
    )
