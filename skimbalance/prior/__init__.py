"""Posteriors under other class shares, and what those shares are."""

from skimbalance.prior._corrected import PriorCorrectedClassifier
from skimbalance.prior._estimate import estimate_prior
from skimbalance.prior._shift import correct_prior

__all__ = ["PriorCorrectedClassifier", "correct_prior", "estimate_prior"]
