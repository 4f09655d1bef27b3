"""Bagged networks for tables, with calibrated posteriors and tuned decisions."""

from skimbalance.ensemble._ensemble import ImbalancedEnsembleClassifier

__all__ = ["ImbalancedEnsembleClassifier"]
