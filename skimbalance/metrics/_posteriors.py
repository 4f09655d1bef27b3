"""Scores of posteriors by class, from class indices `y` and posteriors `proba`."""

import numpy as np
from sklearn.metrics import average_precision_score

from skimbalance.metrics._plain import plain_floats

__all__ = [
    "average_precision",
    "calibration_error",
    "calibration_error_by_chance",
    "calibration_of_one",
    "equal_mass_bins",
    "losses",
    "probabilities_by_class",
]

# Calibrated probabilities stay below `calibration_error_by_chance` in this share of test sets. It
# is near 1, as every one of perhaps many classes is tested.
_CHANCE_LEVEL = 0.999
_CHANCE_RESAMPLES = 4000

# Bins of the calibration errors in a summary.
N_BINS = 10


def average_precision(y: np.ndarray, proba: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """See `skimbalance.metrics.average_precision_by_class`."""
    present = np.bincount(y, weight, proba.shape[1]) > 0
    return np.array(
        [
            average_precision_score(y == k, proba[:, k], sample_weight=weight)
            if present[k]
            else np.nan
            for k in range(proba.shape[1])
        ]
    )


def calibration_error(
    y: np.ndarray, proba: np.ndarray, weight: np.ndarray, n_bins: int
) -> np.ndarray:
    """See `skimbalance.metrics.calibration_error_by_class`."""
    return np.array([_calibration_error(y == k, p, weight, n_bins) for k, p in enumerate(proba.T)])


def _calibration_error(hit, p, weight, n_bins):
    gaps = np.bincount(equal_mass_bins(p, weight, n_bins), weight * (p - hit))
    return np.abs(gaps).sum() / weight.sum()


def calibration_of_one(
    hit: np.ndarray, p: np.ndarray, rng: np.random.RandomState, n_bins: int = N_BINS
) -> tuple[float, float]:
    """Calibration error of one label, and what calibrated probabilities rarely reach by chance."""
    by_chance = calibration_error_by_chance(p[:, None], n_bins, rng)
    return _calibration_error(hit, p, np.ones(len(p)), n_bins), by_chance[0]


def equal_mass_bins(p: np.ndarray, weight: np.ndarray, n_bins: int | np.integer) -> np.ndarray:
    """Index of the bin of each row, by the middle of the weight at its value of `p`."""
    values, inverse = np.unique(p, return_inverse=True)
    mass = np.bincount(inverse, weight, len(values))
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    return np.minimum((n_bins * middle).astype(int), n_bins - 1)[inverse]


def calibration_error_by_chance(
    proba: np.ndarray, n_bins: int, rng: np.random.RandomState
) -> np.ndarray:
    """Calibration error that calibrated probabilities rarely reach by chance.

    The number of rows of the class in a bin is drawn from the binomial distribution with the mean
    probability of the bin. The true number is a sum over rows with different probabilities, which
    spreads less (Hoeffding 1956), so the result errs on the safe side.
    """
    limits = []
    for p in proba.T:
        bins = equal_mass_bins(p, np.ones(len(p)), n_bins)
        n_rows, expected = np.bincount(bins), np.bincount(bins, p)
        mean = np.clip(expected / np.maximum(n_rows, 1), 0, 1)
        drawn = rng.binomial(n_rows, mean, size=(_CHANCE_RESAMPLES, len(n_rows)))
        errors = np.abs(drawn - expected).sum(axis=1) / len(p)
        limits.append(np.quantile(errors, _CHANCE_LEVEL))
    return np.array(limits)


def losses(y: np.ndarray, proba: np.ndarray, weight: np.ndarray | None = None) -> dict[str, float]:
    """Log-loss and Brier score of all classes together.

    They equal scikit-learn's functions, which in version 1.7 warn about more than 20 classes.
    """
    # Rows in float32 sum to 1 only up to float32 rounding.
    proba = proba / proba.sum(axis=1, keepdims=True)
    missing = np.eye(proba.shape[1])[y] - proba
    eps = np.finfo(float).eps
    brier = np.average(np.sum(missing**2, axis=1), weights=weight)
    log_proba = np.log(np.clip(proba[np.arange(len(y)), y], eps, 1 - eps))
    return {
        "log_loss": float(-np.average(log_proba, weights=weight)),
        # For two classes it is by convention the score of one class.
        "brier": float(brier / 2 if proba.shape[1] == 2 else brier),
    }


def probabilities_by_class(
    y: np.ndarray, proba: np.ndarray, rng: np.random.RandomState, unit: np.ndarray | None = None
) -> dict[str, list[float | None]]:
    """Scores of the probabilities, each a list with a value for each class.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class indices.
    proba : ndarray of shape (n_samples, n_classes)
        Posteriors.
    rng : RandomState
        Source of the draws.
    unit : ndarray of shape (n_samples,), default=None
        Number of the sequence of each row, where rows are steps.

    Returns
    -------
    scores : dict of str to list of length n_classes
        None where a score is not defined.
    """
    weight = np.ones(len(y))
    by_chance = calibration_error_by_chance(proba, N_BINS, rng)
    if unit is not None:
        # Errors of the steps of a sequence are alike, so that chance alone makes larger ones.
        error = (y[:, None] == np.arange(proba.shape[1])) - proba
        of_unit = np.stack([np.bincount(unit, column) for column in error.T], axis=1)
        effect = np.sum(of_unit**2, axis=0) / np.maximum(np.sum(error**2, axis=0), 1e-12)
        by_chance = by_chance * np.sqrt(np.maximum(effect, 1))
    columns = {
        "average_precision": average_precision(y, proba, weight),
        "calibration_error": calibration_error(y, proba, weight, N_BINS),
        "calibration_error_by_chance": by_chance,
        "expected": proba.sum(axis=0),
    }
    return {name: plain_floats(values) for name, values in columns.items()}
