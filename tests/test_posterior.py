"""Posterior maps: the minimiser of each expected loss gives the true posterior back."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from keras import ops
from scipy.optimize import minimize, root
from scipy.special import softmax

from skimbalance.losses import LOSSES
from skimbalance.posterior import CLOSED_FORMS, correct_prior, log_posterior

HOUSE = r".*Got .* instead\.$"


def log_p(z):
    """Log softmax that takes complex numbers."""
    return z - np.log(np.sum(np.exp(z)))


def log_prior(class_counts):
    return np.log(class_counts / np.sum(class_counts))


def ldam(z, class_counts, max_margin, scale):
    margins = max_margin * (np.min(class_counts) / class_counts) ** 0.25
    return np.array([-log_p(scale * (z - m))[k] for k, m in enumerate(np.diag(margins))])


def vector_scaling(z, class_counts, gamma, tau):
    divisors = (np.max(class_counts) / class_counts) ** gamma
    return -log_p(z / divisors + tau * log_prior(class_counts))


# Loss name -> values of all classes at logits z, written from the papers.
FORMULAS = {
    "crossentropy": lambda z: -log_p(z),
    "focal": lambda z, gamma: -((1 - np.exp(log_p(z))) ** gamma) * log_p(z),
    "logit_adjusted": lambda z, class_counts, tau: -log_p(z + tau * log_prior(class_counts)),
    "ldam": ldam,
    "vector_scaling": vector_scaling,
    "poly1": lambda z, epsilon: -log_p(z) + epsilon * (1 - np.exp(log_p(z))),
    "generalized": lambda z, q: (1 - np.exp(q * log_p(z))) / q,
}
CASES = [
    ("crossentropy", {}),
    ("focal", {"gamma": 0.5}),
    ("focal", {"gamma": 2.0}),
    ("focal", {"gamma": 5.0}),
    ("logit_adjusted", {"tau": 1.0}),
    ("logit_adjusted", {"tau": 0.3}),
    ("ldam", {"max_margin": 0.5, "scale": 1.0}),
    ("ldam", {"max_margin": 2.0, "scale": 3.0}),
    ("vector_scaling", {"gamma": 0.3, "tau": 1.0}),
    ("vector_scaling", {"gamma": 0.15, "tau": 0.0}),
    ("poly1", {"epsilon": 1.0}),
    ("poly1", {"epsilon": -0.9}),
    ("generalized", {"q": 0.1}),
    ("generalized", {"q": 0.7}),
]
each_case = pytest.mark.parametrize(("loss", "arguments"), CASES, ids=str)


def complete(loss, arguments, n_classes):
    """With the class counts that some losses take: a tail from 1000 to 10."""
    if loss in ("logit_adjusted", "ldam", "vector_scaling"):
        arguments = {**arguments, "class_counts": np.geomspace(1000, 10, n_classes)}
    return arguments


def test_every_closed_form_has_a_case():
    assert {loss for loss, _ in CASES} == set(FORMULAS) == set(CLOSED_FORMS)


def minimiser(loss, arguments, importance):
    """Logits, the first 0, at which ``importance @ loss values`` is least, to rounding.

    The complex step gives gradients of analytic formulas without cancellation, so a search by
    BFGS can be polished until the gradient vanishes.
    """
    n = len(importance)

    def expected(free):
        return importance @ FORMULAS[loss](np.concatenate([[0.0], free]), **arguments)

    def gradient(free):
        return [expected(free + 1e-30j * unit).imag / 1e-30 for unit in np.eye(n - 1)]

    start = minimize(expected, np.zeros(n - 1), jac=gradient, method="BFGS").x
    found = root(gradient, start, tol=1e-13).x
    assert np.max(np.abs(gradient(found))) < 1e-13
    return np.concatenate([[0.0], found])


@each_case
@pytest.mark.parametrize("n_classes", [2, 3, 6])
def test_minimiser_of_the_expected_loss_gives_the_posterior_back(loss, arguments, n_classes):
    arguments = complete(loss, arguments, n_classes)
    rng = np.random.default_rng(n_classes)
    for _ in range(3):
        eta = 0.8 * rng.dirichlet(np.ones(n_classes)) + 0.2 / n_classes
        weight, ratio = rng.uniform(0.5, 2, (2, n_classes))
        importance = eta * weight * ratio
        z = minimiser(loss, arguments, importance / importance.sum())
        found = log_posterior(loss, z[None], class_weight=weight, sampling_ratio=ratio, **arguments)
        # The gradient against the least curvature: of a class with p = 1e-5, times 1 - q = 0.3.
        np.testing.assert_allclose(np.exp(found[0]), eta, rtol=1e-7)


@each_case
def test_formula_here_is_the_loss_in_the_library(loss, arguments):
    arguments = complete(loss, arguments, 4)
    z = np.random.default_rng(0).normal(0, 2, 4)
    theirs = LOSSES[loss](
        np.arange(4), ops.convert_to_tensor(np.tile(z, (4, 1))), from_logits=True, **arguments
    )
    np.testing.assert_allclose(theirs, FORMULAS[loss](z, **arguments), rtol=1e-6)


@each_case
@pytest.mark.parametrize("n_classes", [2, 4])
def test_result_is_normalised_and_deaf_to_a_shift(loss, arguments, n_classes):
    arguments = complete(loss, arguments, n_classes)
    z = np.random.default_rng(0).normal(0, 5, (50, n_classes))
    found = log_posterior(loss, z, **arguments)
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1, rtol=1e-12)
    if loss != "vector_scaling":  # z / D feels a shift
        np.testing.assert_allclose(log_posterior(loss, z + 100, **arguments), found, atol=1e-9)


EXTREME = [
    *CASES,
    ("focal", {"gamma": 50.0}),
    ("ldam", {"max_margin": 0.5, "scale": 30.0}),
    ("ldam", {"max_margin": 4.0, "scale": 30.0}),
    ("poly1", {"epsilon": -1.0}),
    ("poly1", {"epsilon": 1e6}),
]


@pytest.mark.parametrize(("loss", "arguments"), EXTREME, ids=str)
def test_extreme_logits_stay_finite_and_in_order(loss, arguments):
    """A larger logit is a more probable class, however confident the network is."""
    arguments = complete(loss, arguments, 3)
    gaps = np.array([0, 1e-9, 1, 17, 36, 37, 40, 100, 700, 750, 1e4])
    for k in range(3):
        z = np.zeros((2 * len(gaps), 3))
        z[:, k] = np.concatenate([-gaps[::-1], gaps])
        found = log_posterior(loss, z, **arguments)
        assert np.all(np.isfinite(found))
        odds = found[:, k] - found[:, (k + 1) % 3]
        assert np.all(np.diff(odds) >= 0)
        assert odds[-1] > 1e3 > -1e3 > odds[0]


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("gap", [1e-6, 0.5, 3.0, 16.0, 36.0, 40.0, 100.0, 700.0])
def test_focal_against_many_digits(gamma, gap):
    """Log h(p) - log h(1 - p), h(q) = q / [(1-q)^g - g (1-q)^(g-1) q log q], with 700 digits."""
    with localcontext(prec=700):
        g, p = Decimal(gamma), 1 / (1 + (-Decimal(gap)).exp())

        def log_h(q):
            return q.ln() - ((1 - q) ** g - g * (1 - q) ** (g - 1) * q * q.ln()).ln()

        exact = float(log_h(p) - log_h(1 - p))
    found = log_posterior("focal", [[gap, 0.0]], gamma=gamma)[0]
    np.testing.assert_allclose(found[0] - found[1], exact, rtol=1e-9)


def test_focal_without_gamma_is_the_softmax():
    z = np.random.default_rng(0).normal(0, 20, (100, 5))
    found = np.exp(log_posterior("focal", z, gamma=0.0))
    np.testing.assert_allclose(found, softmax(z, axis=1), rtol=1e-12)


@pytest.mark.parametrize("loss", sorted({*LOSSES, "mine"} - set(CLOSED_FORMS)))
def test_loss_without_closed_form(loss):
    with pytest.raises(ValueError, match=rf"'crossentropy', 'focal'.*Got '{loss}' instead"):
        log_posterior(loss, [[0.0, 1.0]])


def test_generalized_with_q_1_has_no_posterior():
    with pytest.raises(ValueError, match=r"q in the range \(0, 1\)\. Got 1\.0 instead"):
        log_posterior("generalized", [[0.0, 1.0]], q=1.0)


@pytest.mark.parametrize("name", ["class_weight", "sampling_ratio"])
@pytest.mark.parametrize(
    "values", [[0.0, 1.0], [-1.0, 1.0], [np.nan, 1.0], [np.inf, 1.0], [1.0], [1.0, 1.0, 1.0]]
)
def test_impossible_weights(name, values):
    with pytest.raises(ValueError, match=f"'{name}'{HOUSE}"):
        log_posterior("crossentropy", [[0.0, 1.0]], **{name: values})


def random_proba(seed, n_classes=4):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(n_classes), 20), *rng.dirichlet(np.ones(n_classes), 3)


def test_correct_prior_by_hand():
    # Of 1000 sick and 1000 sound 900 and 100 test positive; of 20 and 1980, 18 and 198 do.
    found = correct_prior([[0.9, 0.1]], prior=[1000, 1000], new_prior=[20, 1980])
    np.testing.assert_allclose(found, [[18 / 216, 198 / 216]], rtol=1e-14)


@pytest.mark.parametrize("seed", range(5))
def test_correct_prior_is_a_group(seed):
    proba, first, second, third = random_proba(seed)
    there = correct_prior(proba, first, second)
    np.testing.assert_allclose(there.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(correct_prior(proba, first, first), proba, rtol=1e-12)
    np.testing.assert_allclose(correct_prior(there, second, first), proba, rtol=1e-12)
    direct = correct_prior(proba, first, third)
    np.testing.assert_allclose(correct_prior(there, second, third), direct, rtol=1e-12)
    np.testing.assert_allclose(correct_prior(proba, 7 * first, 1e5 * third), direct, rtol=1e-12)


def test_class_gone_from_the_new_prior_gives_its_share_to_the_others():
    found = correct_prior([[0.2, 0.3, 0.5]], [1, 1, 1], [1, 0, 1])
    np.testing.assert_allclose(found, [[2 / 7, 0, 5 / 7]], rtol=1e-14)
    assert found[0, 1] == 0


def test_impossible_class_stays_impossible():
    found = correct_prior([[1, 0, 0], [0.5, 0, 0.5]], [1, 1, 2], [1, 9, 1])
    np.testing.assert_allclose(found, [[1, 0, 0], [2 / 3, 0, 1 / 3]], rtol=1e-14)


@pytest.mark.parametrize("name", ["prior", "new_prior"])
@pytest.mark.parametrize(
    "values", [[1.0], [0.2, 0.3, 0.5], [-0.5, 1.5], [0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0], 0.5]
)
def test_impossible_priors(name, values):
    priors = {"prior": [0.5, 0.5], "new_prior": [0.5, 0.5], name: values}
    with pytest.raises(ValueError, match=f"'{name}'{HOUSE}"):
        correct_prior([[0.5, 0.5]], **priors)


def test_class_that_was_never_learnt():
    with pytest.raises(ValueError, match=f"'prior'.*positive.*{HOUSE}"):
        correct_prior([[0.5, 0.5]], [1.0, 0.0], [0.5, 0.5])
