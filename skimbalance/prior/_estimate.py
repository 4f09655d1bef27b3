"""Class shares of unlabelled rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls
from sklearn.exceptions import ConvergenceWarning

from skimbalance._validation import warn
from skimbalance.metrics._sums import one_blas_thread
from skimbalance.prior._shift import checked_proba, labels_of, positive_prior

__all__ = ["estimate_prior"]


def estimate_prior(
    proba: npt.ArrayLike,
    prior: Mapping[Any, float] | npt.ArrayLike,
    *,
    tol: float = 1e-3,
    max_iter: int = 100,
) -> np.ndarray:
    """Class shares of unlabelled rows, from posteriors that hold under other shares.

    The estimate has the maximum likelihood: the shares equal the mean posterior under themselves,
    which is where the expectation maximisation of [1]_ ends. It is found by a Newton method [2]_,
    which stays fast where classes are hard to tell apart. The estimate assumes that each class
    looks the same here as in the data from which `proba` was learnt, and that `proba` is calibrated
    on that data. Otherwise the shares of rare classes suffer first, so undo class weights and
    samplers before.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes)
        Posteriors of the rows, as they would be if the classes had the shares `prior`.
    prior : array-like of shape (n_classes,), dict or Series
        Class shares, which sum to 1, or counts of rows, under which `proba` holds; positive.
        A dict or a Series is read by its labels: the columns of `proba` where it is a DataFrame,
        else the column numbers.
    tol : float, default=1e-3
        Tolerance of the log-likelihood of all rows, which ends within `tol` of its maximum. A
        tolerance of 0.001 moves a share by less than a twentieth of its standard error.
    max_iter : int, default=100
        Maximum number of steps; ten are usual.

    Returns
    -------
    new_prior : ndarray of shape (n_classes,)
        Shares of the classes among the rows; they sum to 1.

    Raises
    ------
    ValueError
        If `proba` does not hold posteriors, or if `prior` does not have one value for each class,
        has an impossible value, or has shares that do not sum to 1.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` steps did not reach `tol`.

    References
    ----------
    .. [1] M. Saerens, P. Latinne, C. Decaestecker. "Adjusting the Outputs of a Classifier to
       New a Priori Probabilities." Neural Computation 14(1), 2002.
       doi:10.1162/089976602753284446
    .. [2] Y. Kim, P. Carbonetto, M. Stephens, M. Anitescu. "A Fast Algorithm for Maximum
       Likelihood Estimation of Mixture Proportions Using Sequential Quadratic Programming."
       Journal of Computational and Graphical Statistics 29(2), 2020.
       doi:10.1080/10618600.2019.1689985

    Examples
    --------
    If the classifier is sure of every row, the estimate counts the rows of each class:

    >>> from skimbalance.prior import estimate_prior
    >>> proba = [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    >>> estimate_prior(proba, prior=[0.5, 0.5]).round(6)
    array([0.75, 0.25])
    """
    rows = checked_proba(proba, "The 'proba' parameter of estimate_prior")
    if len(rows) == 0:
        raise ValueError(
            "The 'proba' parameter of estimate_prior must have shape (n_samples, n_classes), with "
            f"at least one row. Got shape {rows.shape} instead."
        )
    old = positive_prior(prior, labels_of(proba), "estimate_prior")
    with one_blas_thread():
        return _most_likely(rows.astype(float) / old, old, max_iter, tol)


def _most_likely(likelihood, prior, max_iter, tol):
    """Shares that make the rows most likely, up to a tolerance."""
    for _ in range(max_iter):
        relative = likelihood / (likelihood @ prior)[:, None]
        gradient = relative.mean(axis=0)
        # The log-likelihood of a row is concave in the shares, so its mean is at most
        # sum_k best_k * gradient_k - 1 below the maximum, whatever the best shares are.
        if len(likelihood) * (gradient.max() - 1.0) <= tol:
            return prior
        prior = _newton_step(likelihood, prior, gradient, relative.T @ relative)
    warn(
        f"estimate_prior has not converged to 'tol' in {max_iter} steps: raise 'max_iter', or "
        "distrust the shares, as the classes are hard to tell apart.",
        ConvergenceWarning,
    )
    return prior


def _newton_step(likelihood, prior, gradient, hessian):
    """Better shares, by a quadratic model of the log-likelihood without negative shares.

    The shares that minimise ``sum(prior) - mean log (likelihood @ prior)`` sum to 1 without a
    constraint on their sum. As ``hessian @ prior == gradient``, the model of this loss at `prior`
    is ``p @ hessian @ p / 2 - (2 gradient - 1) @ p``: a problem of least squares.
    """
    hessian = hessian / len(likelihood)
    # It is singular where classes look the same.
    ridge = 1e-12 * np.maximum(np.diag(hessian), 1.0)
    root = cholesky(hessian + np.diag(ridge))
    best, _ = nnls(root, solve_triangular(root, 2.0 * gradient - 1.0, trans="T"))

    def loss(shares):
        with np.errstate(divide="ignore"):
            return shares.sum() - np.log(likelihood @ shares).mean()

    slope = (1.0 - gradient) @ (best - prior)
    before = loss(prior)
    for halvings in range(40):
        length = 0.5**halvings
        shares = prior + length * (best - prior)
        if loss(shares) <= before + 0.1 * length * slope:
            break
    return shares / shares.sum()
