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

__all__ = ["Blend", "blended", "share_of_trees", "with_trees"]

# Rows as `Bag.rows` gives them, their class indices, and their weights.
Weighted = tuple[Any, np.ndarray, np.ndarray]

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


def with_trees(
    nets: Bag,
    proba: np.ndarray,
    train: Weighted,
    judges: Weighted,
    rng: np.random.Generator,
    shift: np.ndarray | None = None,
) -> tuple[Blend, np.ndarray]:
    """Networks with trees beside them, where the same rows judge all of them.

    Parameters
    ----------
    nets : Bag
        The fitted networks.
    proba : ndarray of shape (n_judges, n_classes)
        Their posteriors of the rows that judge.
    train, judges : tuple of ndarray
        Rows, class indices and weights: those to train on, and those that judge.
    rng : Generator
        Source of the seed.
    shift : ndarray of shape (n_classes,), default=None
        See `TreeBag.fit`.

    Returns
    -------
    blend : Blend
        Both, with their shares.
    proba : ndarray of shape (n_judges, n_classes)
        Posteriors of the blend.
    """
    (_, y, weight), n_trained = judges, len(train[1])
    split = np.arange(n_trained), n_trained + np.arange(len(y))
    rows, target, weights = (np.concatenate(parts) for parts in zip(train, judges, strict=True))
    trees, (of_trees,) = TreeBag.fit(
        rows, target, weights, proba.shape[1], nets.categories, [split], rng, shift
    )
    share = share_of_trees(proba, of_trees, y, weight)
    return Blend(nets, trees, share), blended(proba, of_trees, share)


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
