"""Posteriors under other class priors, and estimates of those priors."""

from skimbalance.prior._corrected import PriorCorrectedClassifier
from skimbalance.prior._estimate import estimate_prior
from skimbalance.prior._shift import correct_prior

__all__ = ["PriorCorrectedClassifier", "correct_prior", "estimate_prior"]
