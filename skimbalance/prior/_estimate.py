"""Class shares of unlabelled rows."""

import warnings

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls
from sklearn.exceptions import ConvergenceWarning

from skimbalance.prior._shift import checked_prior

__all__ = ["estimate_prior"]


def estimate_prior(proba, prior, *, tol=1e-3, max_iter=100):
    """Class shares of unlabelled rows, from posteriors that hold under other shares.

    Maximum likelihood: the shares are the mean posterior under themselves, where the expectation
    maximisation of [1]_ ends. The way there is a Newton method [2]_, which does not crawl where
    classes are hard to tell apart. The estimate rests on two things: a class looks the same here
    and where `proba` was learnt, and `proba` are calibrated there. The shares of rare classes
    suffer first where they are not, so undo weights and samplers before.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes)
        Posteriors of the rows where the classes have the shares `prior`.
    prior : array-like of shape (n_classes,)
        Those shares, or counts; positive.
    tol : float, default=1e-3
        It ends where the log-likelihood of the rows is within `tol` of its maximum. A
        thousandth moves a share by less than a twentieth of its standard error.
    max_iter : int, default=100
        Steps, at most; ten are usual.

    Returns
    -------
    new_prior : ndarray of shape (n_classes,)
        Shares of the classes among the rows; they sum to 1.

    Raises
    ------
    ValueError
        If `proba` are no posteriors, or `prior` has another length or an impossible value.

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
    Of rows that a classifier is sure of, the shares are counted:

    >>> from skimbalance.prior import estimate_prior
    >>> proba = [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    >>> estimate_prior(proba, prior=[0.5, 0.5]).round(6)
    array([0.75, 0.25])
    """
    proba = np.asarray(proba, dtype=float)
    if proba.ndim != 2 or len(proba) == 0:
        raise ValueError(
            "The 'proba' parameter of estimate_prior must have shape (n_samples, n_classes), with "
            f"at least one row. Got shape {proba.shape} instead."
        )
    if not np.all(np.isfinite(proba)) or np.any(proba < 0) or np.any(proba.sum(axis=1) == 0):
        raise ValueError(
            "The rows of 'proba' must be finite, not negative and not all zero. "
            f"Got {proba.min():g} as the least value and {proba.max():g} as the largest."
        )
    prior = checked_prior(prior, "prior", proba.shape[1])
    if not np.all(prior > 0):
        raise ValueError(
            "The 'prior' parameter of estimate_prior must be positive for every class. "
            f"Got {prior.tolist()!r} instead."
        )
    likelihood = proba / prior
    new_prior = prior
    for _ in range(max_iter):
        relative = likelihood / (likelihood @ new_prior)[:, None]
        gradient = relative.mean(axis=0)
        # The log-likelihood of a row is concave in the shares, so its mean is at most
        # sum_k best_k * gradient_k - 1 below the maximum, whatever the best shares.
        if len(proba) * (gradient.max() - 1.0) <= tol:
            return new_prior
        new_prior = _newton_step(likelihood, new_prior, gradient, relative.T @ relative)
    warnings.warn(
        f"The shares have not settled to 'tol' in {max_iter} steps of estimate_prior: raise "
        "'max_iter', or mistrust them, as the classes are hard to tell apart.",
        ConvergenceWarning,
        stacklevel=2,
    )
    return new_prior


def _newton_step(likelihood, prior, gradient, hessian):
    """Better shares, by a quadratic model of the log-likelihood where no share is negative.

    Without the constraint on their sum, the shares that minimise ``sum(prior) - mean log
    (likelihood @ prior)`` sum to 1. As ``hessian @ prior == gradient``, the model there is
    ``p @ hessian @ p / 2 - (2 gradient - 1) @ p``: a problem of least squares.
    """
    hessian = hessian / len(likelihood)
    # Classes that look the same leave it singular.
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
