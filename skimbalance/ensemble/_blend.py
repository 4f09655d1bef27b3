"""A mean of the posteriors of networks and of trees, in logarithms."""

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from skimbalance._response import hand_on_columns
from skimbalance.decision._calibration import log_proba
from skimbalance.ensemble._bag import Bag
from skimbalance.ensemble._trees import TreeBag
from skimbalance.metrics._sums import weighted_sum

__all__ = ["Blend", "blended", "share_of_trees"]

# Deviation of the Gaussian prior that pulls the share of the trees to a half.
SHARE_DEVIATION = 0.25


class Blend:
    """Networks and trees, and the share that the trees have in the posteriors.

    Parameters
    ----------
    nets : Bag
        The fitted networks.
    trees : TreeBag
        The fitted trees.
    share : float in [0, 1]
        Weight of the logarithms of the trees' posteriors; the rest is that of the networks'.
    """

    def __init__(self, nets: Bag, trees: TreeBag, share: float):
        self.nets, self.trees, self.share = nets, trees, share
        hand_on_columns(nets, self)

    @property
    def classes_(self) -> np.ndarray:
        """Class labels."""
        return self.nets.classes_

    def predict_proba(self, X: Any) -> np.ndarray:
        """Blended posteriors."""
        rows = self.nets.rows(X)
        return blended(self.nets.posterior(rows), self.trees.mean(rows), self.share)


def blended(nets: np.ndarray, trees: np.ndarray, share: float) -> np.ndarray:
    """Posteriors in proportion to ``nets**(1 - share) * trees**share``."""
    return softmax((1.0 - share) * log_proba(nets) + share * log_proba(trees), axis=1)


def share_of_trees(nets: np.ndarray, trees: np.ndarray, y: np.ndarray, weight: np.ndarray) -> float:
    """The most probable share of the trees, given held-out posteriors and a prior around a half.

    Parameters
    ----------
    nets, trees : ndarray of shape (n_samples, n_classes)
        Posteriors.
    y : ndarray of shape (n_samples,)
        Class indices.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    """
    rows = np.arange(len(y))

    def loss(share):
        of_class = blended(nets, trees, share)[rows, y]
        prior = 0.5 * ((share - 0.5) / SHARE_DEVIATION) ** 2
        return -float(weighted_sum(weight, log_proba(of_class))) + prior

    return float(minimize_scalar(loss, bounds=(0.0, 1.0), method="bounded").x)
