"""Scores of posteriors by class: `y` are class indices, `proba` their posteriors."""

import numpy as np
from sklearn.metrics import average_precision_score

__all__ = [
    "average_precision",
    "calibration_error",
    "calibration_error_by_chance",
    "equal_mass_bins",
    "losses",
]

# Calibrated probabilities stay below `calibration_error_by_chance` in this share of test sets:
# near 1, as each of many classes is asked.
_CHANCE_LEVEL = 0.999
_CHANCE_RESAMPLES = 4000


def average_precision(y, proba, weight):
    """See `skimbalance.metrics.average_precision_by_class`."""
    present = np.bincount(y, weight, proba.shape[1]) > 0
    return np.array(
        [
            average_precision_score(y == k, proba[:, k], sample_weight=weight) if has else np.nan
            for k, has in enumerate(present)
        ]
    )


def calibration_error(y, proba, weight, n_bins):
    """See `skimbalance.metrics.calibration_error_by_class`."""
    gaps = [
        np.bincount(equal_mass_bins(p, weight, n_bins), weight * (p - (y == k)))
        for k, p in enumerate(proba.T)
    ]
    return np.array([np.abs(gap).sum() for gap in gaps]) / weight.sum()


def equal_mass_bins(p, weight, n_bins):
    """Index of each row's bin: where the middle of its value stands in the total weight."""
    values, inverse = np.unique(p, return_inverse=True)
    mass = np.bincount(inverse, weight, len(values))
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    return np.minimum((n_bins * middle).astype(int), n_bins - 1)[inverse]


def calibration_error_by_chance(proba, n_bins, rng):
    """Calibration error that calibrated probabilities rarely reach by chance.

    Rows of the class in a bin are drawn as binomial of the bin's mean probability. The true
    number, a sum of rows that differ, spreads less (Hoeffding 1956), so this errs to the safe
    side.
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


def losses(y, proba):
    """Log-loss and Brier score of all classes together.

    Equal to scikit-learn's functions, which in version 1.7 warn of more than 20 classes.
    """
    # Float32 rows sum to 1 to float32 only.
    proba = proba / proba.sum(axis=1, keepdims=True)
    missing = np.eye(proba.shape[1])[y] - proba
    eps = np.finfo(float).eps
    brier = np.mean(np.sum(missing**2, axis=1))
    return {
        "log_loss": float(-np.mean(np.log(np.clip(proba[np.arange(len(y)), y], eps, 1 - eps)))),
        # Of two classes by convention that of one.
        "brier": float(brier / 2 if proba.shape[1] == 2 else brier),
    }
