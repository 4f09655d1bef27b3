"""Natural posteriors: the minimiser of each expected loss gives the true posterior."""

from decimal import Decimal, localcontext

import numpy as np
import pandas as pd
import pytest
from keras import ops
from scipy.optimize import brentq, minimize, root
from scipy.sparse import csr_matrix
from scipy.special import expit, logit, softmax

from skimbalance.losses import LABEL_LOSSES, LOSSES
from skimbalance.posterior import (
    CLOSED_FORMS,
    LABEL_CLOSED_FORMS,
    correct_prior,
    label_posterior,
    log_posterior,
)
from skimbalance.prior import estimate_prior

HOUSE = r".*Got .* instead\.$"


def log_p(z):
    """Log softmax for complex numbers, too."""
    return z - np.log(np.sum(np.exp(z)))


def log_prior(class_counts):
    return np.log(class_counts / np.sum(class_counts))


def ldam(z, class_counts, max_margin, scale):
    margins = max_margin * (np.min(class_counts) / class_counts) ** 0.25
    return np.array([-log_p(scale * (z - m))[k] for k, m in enumerate(np.diag(margins))])


def vector_scaling(z, class_counts, gamma, tau):
    divisors = (np.max(class_counts) / class_counts) ** gamma
    return -log_p(z / divisors + tau * log_prior(class_counts))


# Loss name -> loss of each true class at logits z, by the formulas of the papers.
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
    """The arguments, with class counts from 1000 to 10 for the losses that need them."""
    if loss in ("logit_adjusted", "ldam", "vector_scaling"):
        arguments = {**arguments, "class_counts": np.geomspace(1000, 10, n_classes)}
    return arguments


def test_every_closed_form_has_a_case():
    assert {loss for loss, _ in CASES} == set(FORMULAS) == set(CLOSED_FORMS)


def minimiser(loss, arguments, importance):
    """Logits that minimise ``importance @ losses``, up to rounding; the first logit is 0.

    The complex step gives gradients of analytic formulas without cancellation, so the result of
    BFGS can be refined until the gradient vanishes.
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
        # The tolerance is that of the gradient over the smallest curvature, which a class with
        # p = 1e-5 has, times 1 - q = 0.3.
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
def test_result_is_normalised_and_does_not_depend_on_a_shift(loss, arguments, n_classes):
    arguments = complete(loss, arguments, n_classes)
    z = np.random.default_rng(0).normal(0, 5, (50, n_classes))
    found = log_posterior(loss, z, **arguments)
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1, rtol=1e-12)
    if loss != "vector_scaling":  # z / D depends on a shift
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
    """A class with a larger logit is more probable, however confident the network is."""
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


WITHOUT = [
    (posterior, loss)
    for posterior, losses, closed_forms in [
        (log_posterior, LOSSES, CLOSED_FORMS),
        (label_posterior, LABEL_LOSSES, LABEL_CLOSED_FORMS),
    ]
    for loss in sorted({*losses, "mine"} - set(closed_forms))
]


@pytest.mark.parametrize(("posterior", "loss"), WITHOUT)
def test_loss_without_closed_form(posterior, loss):
    with pytest.raises(ValueError, match=rf"'crossentropy', 'focal'.*Got '{loss}' instead"):
        posterior(loss, [[0.0, 1.0]])


def test_generalized_with_q_1_has_no_posterior():
    with pytest.raises(ValueError, match=r"q in the range \(0, 1\)\. Got 1\.0 instead"):
        log_posterior("generalized", [[0.0, 1.0]], q=1.0)


@pytest.mark.parametrize("name", ["class_weight", "sampling_ratio"])
@pytest.mark.parametrize(
    "values",
    [
        [0.0, 1.0],
        [-1.0, 1.0],
        [np.nan, 1.0],
        [np.inf, 1.0],
        [1.0],
        [1.0] * 3,
        "balanced",
        ["a"] * 2,
    ],
)
def test_impossible_weights(name, values):
    with pytest.raises(ValueError, match=f"'{name}'{HOUSE}"):
        log_posterior("crossentropy", [[0.0, 1.0]], **{name: values})


@pytest.mark.parametrize("function", [log_posterior, label_posterior])
@pytest.mark.parametrize(
    "logits",
    [[[np.nan, 1.0]], [[0.0, None]], csr_matrix((2, 2)), {"a": 1.0}, [["a", "b"]], None, 3.0],
)
def test_impossible_logits(function, logits):
    with pytest.raises(ValueError, match=rf"'logits' parameter of {function.__name__}{HOUSE}"):
        function("crossentropy", logits)


# Multilabel: a probability for each label.


def asymmetric(z, gamma_pos, gamma_neg, margin):
    p = 1 / (1 + np.exp(-z))
    p_m = np.where(np.real(p) > margin, p - margin, 0)
    return -((1 - p) ** gamma_pos) * np.log(p), -(p_m**gamma_neg) * np.log(1 - p_m)


def label_focal(z, gamma, alpha=None):
    a, b = (1, 1) if alpha is None else (alpha, 1 - alpha)
    yes, no = asymmetric(z, gamma, gamma, 0)
    return a * yes, b * no


# Loss name -> loss of a yes and of a no at logit z, by the formulas of the papers.
LABEL_FORMULAS = {
    "crossentropy": lambda z: label_focal(z, 0),
    "focal": label_focal,
    "asymmetric": asymmetric,
}
LABEL_CASES = [
    ("crossentropy", {}),
    ("focal", {"gamma": 0.5}),
    ("focal", {"gamma": 2.0}),
    ("focal", {"gamma": 5.0, "alpha": 0.9}),
    ("focal", {"gamma": 0.0, "alpha": 0.25}),
    ("asymmetric", {"gamma_pos": 1.0, "gamma_neg": 4.0, "margin": 0.05}),
    ("asymmetric", {"gamma_pos": 0.5, "gamma_neg": 1.0, "margin": 0.2}),
    ("asymmetric", {"gamma_pos": 3.0, "gamma_neg": 0.5, "margin": 0.0}),
    ("asymmetric", {"gamma_pos": 0.0, "gamma_neg": 2.0, "margin": 1e-9}),
]
each_label_case = pytest.mark.parametrize(("loss", "arguments"), LABEL_CASES, ids=str)


def test_every_multilabel_closed_form_has_a_case():
    assert {loss for loss, _ in LABEL_CASES} == set(LABEL_FORMULAS) == set(LABEL_CLOSED_FORMS)


def label_minimiser(loss, arguments, importance):
    """Logit that minimises ``importance @ (loss of a no, loss of a yes)``, up to rounding."""

    def slope(z):
        yes, no = LABEL_FORMULAS[loss](z + 1e-30j, **arguments)
        return (importance @ [no, yes]).imag

    # Below the margin, negatives cost nothing, and positives pull the logit up.
    margin = arguments.get("margin", 0)
    return brentq(slope, logit(margin) if margin else -30, 30, xtol=1e-15, rtol=1e-15)


@each_label_case
def test_minimiser_of_a_labels_expected_loss_gives_its_probability_back(loss, arguments):
    rng = np.random.default_rng(0)
    for _ in range(5):
        eta = rng.uniform(0.01, 0.99, 3)
        weight, ratio = rng.uniform(0.5, 2, (2, 3, 2))
        importance = np.column_stack([1 - eta, eta]) * weight * ratio
        z = [label_minimiser(loss, arguments, row / row.sum()) for row in importance]
        found = label_posterior(loss, [z], class_weight=weight, sampling_ratio=ratio, **arguments)
        np.testing.assert_allclose(found, [eta], rtol=1e-7)


@each_label_case
def test_label_formula_here_is_the_loss_in_the_library(loss, arguments):
    z = np.random.default_rng(0).normal(0, 2, (6, 1))
    for t, values in zip([1, 0], LABEL_FORMULAS[loss](z, **arguments), strict=True):
        theirs = LABEL_LOSSES[loss](
            np.full((6, 1), t), ops.convert_to_tensor(z), from_logits=True, **arguments
        )
        np.testing.assert_allclose(theirs, values[:, 0], rtol=1e-6)


@pytest.mark.parametrize(
    ("loss", "arguments"),
    [
        *LABEL_CASES,
        ("focal", {"gamma": 50.0, "alpha": 1e-9}),
        ("asymmetric", {"gamma_pos": 0.0, "gamma_neg": 0.0, "margin": 0.3}),
        ("asymmetric", {"gamma_pos": 9.0, "gamma_neg": 9.0, "margin": 0.999}),
    ],
    ids=str,
)
def test_labels_at_extreme_logits_are_in_order(loss, arguments):
    gaps = np.array([0, 1e-9, 1, 3, 8, 17, 36, 37, 40, 100, 700, 750, 1e4])
    z = np.unique(np.concatenate([-gaps, gaps]))[:, None]
    odds = LABEL_CLOSED_FORMS[loss](z, **arguments)[:, 0]
    found = label_posterior(loss, z, **arguments)[:, 0]
    assert np.all(np.isfinite(odds[expit(z[:, 0]) > arguments.get("margin", 0)]))
    assert np.all(odds[1:] >= odds[:-1] - 1e-12)
    assert found[0] == 0
    if arguments.get("gamma_pos") == 0 < arguments["margin"]:
        # At p = 1 negatives still have the slope L-'(1), so the odds do not exceed a bound.
        g, m = arguments["gamma_neg"], arguments["margin"]
        bound = (1 - m) ** g / m - g * (1 - m) ** (g - 1) * np.log(m)
        np.testing.assert_allclose(odds[-3:], np.log(bound), rtol=1e-12)
    else:
        assert odds[-1] > 700


@pytest.mark.parametrize(("gamma_pos", "gamma_neg"), [(0, 0), (1, 4), (2.5, 0.5)])
@pytest.mark.parametrize("margin", [0.0, 1e-9, 0.05])
@pytest.mark.parametrize("z", [-700.0, -100.0, -36.0, -2.5, 0.0, 36.0, 40.0, 100.0, 700.0])
def test_asymmetric_against_many_digits(gamma_pos, gamma_neg, margin, z):
    """Log of -L-'(p) / L+'(p), with 700 digits."""
    found = LABEL_CLOSED_FORMS["asymmetric"](np.array([[z]]), gamma_pos, gamma_neg, margin)
    with localcontext(prec=700):
        p, one = 1 / (1 + (-Decimal(z)).exp()), Decimal(1)
        a, b, p_m = Decimal(gamma_pos), Decimal(gamma_neg), p - Decimal(margin)
        if p_m <= 0:
            assert np.isneginf(found)
            return
        of_yes = (1 - p) ** a / p - a * (1 - p) ** (a - one) * p.ln()
        of_no = p_m**b / (1 - p_m) - b * p_m ** (b - one) * (1 - p_m).ln()
        exact = float((of_no / of_yes).ln())
    np.testing.assert_allclose(found, [[exact]], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.7, 2.0])
def test_one_label_is_two_classes(gamma):
    z = np.random.default_rng(0).normal(0, 10, (50, 1))
    two = np.exp(log_posterior("focal", np.hstack([0 * z, z]), gamma=gamma))[:, 1:]
    arguments = {"gamma_pos": gamma, "gamma_neg": gamma, "margin": 0.0}
    np.testing.assert_allclose(label_posterior("focal", z, gamma=gamma), two, rtol=1e-9)
    np.testing.assert_allclose(label_posterior("asymmetric", z, **arguments), two, rtol=1e-9)
    weighted = np.exp(log_posterior("crossentropy", np.hstack([0 * z, z]), class_weight=[1, 9]))
    found = label_posterior("crossentropy", z, class_weight=[[1, 9]])
    np.testing.assert_allclose(found, weighted[:, 1:], rtol=1e-12)


def test_labels_do_not_depend_on_each_other():
    z = np.random.default_rng(0).normal(0, 5, (20, 3))
    weight, ratio = np.random.default_rng(1).uniform(0.1, 9, (2, 3, 2))
    arguments = {"gamma_pos": 1.0, "gamma_neg": 4.0, "margin": 0.05}
    together = label_posterior(
        "asymmetric", z, class_weight=weight, sampling_ratio=ratio, **arguments
    )
    for i in range(3):
        alone = label_posterior(
            "asymmetric", z[:, [i]], class_weight=weight[[i]] * ratio[[i]], **arguments
        )
        np.testing.assert_allclose(together[:, [i]], alone, rtol=1e-12)


def test_no_is_one_minus_yes():
    z = np.random.default_rng(0).normal(0, 3, (20, 2))
    weight = np.array([[1.0, 5.0], [0.2, 3.0]])
    yes = label_posterior("focal", z, class_weight=weight, gamma=2.0, alpha=0.7)
    no = label_posterior("focal", -z, class_weight=weight[:, ::-1], gamma=2.0, alpha=0.3)
    np.testing.assert_allclose(yes + no, 1, rtol=1e-12)


def test_up_to_the_margin_is_a_certain_no():
    z = logit(np.array([[1e-9, 0.01, 0.049, 0.051, 0.1, 0.9]]))
    found = label_posterior("asymmetric", z, gamma_pos=1.0, gamma_neg=4.0, margin=0.05)
    np.testing.assert_array_equal(found > 0, [[False, False, False, True, True, True]])


@pytest.mark.parametrize("name", ["class_weight", "sampling_ratio"])
@pytest.mark.parametrize("values", [[[0.0, 1.0]], [[np.nan, 1.0]], [1.0, 1.0], [[1.0], [1.0]], 3.0])
def test_impossible_weights_of_labels(name, values):
    with pytest.raises(ValueError, match=f"'{name}'.*label_posterior.*{HOUSE}"):
        label_posterior("crossentropy", [[0.0]], **{name: values})


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_focal_with_one_answer_only(alpha):
    with pytest.raises(ValueError, match=rf"alpha in the range \(0, 1\)\. Got {alpha} instead"):
        label_posterior("focal", [[0.0]], gamma=2.0, alpha=alpha)


def test_margin_of_1_has_no_posterior():
    with pytest.raises(ValueError, match=r"margin in the range \[0, 1\)\. Got 1\.0 instead"):
        label_posterior("asymmetric", [[0.0]], gamma_pos=1.0, gamma_neg=4.0, margin=1.0)


# Other priors.


def random_proba(seed, n_classes=4):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(n_classes), 20), *rng.dirichlet(np.ones(n_classes), 3)


def test_correct_prior_by_hand():
    # Of 1000 sick and 1000 healthy people, 900 and 100 test positive; of 20 and 1980, 18 and 198.
    found = correct_prior([[0.9, 0.1]], prior=[1000, 1000], new_prior=[20, 1980])
    np.testing.assert_allclose(found, [[18 / 216, 198 / 216]], rtol=1e-14)


@pytest.mark.parametrize("seed", range(5))
def test_correct_prior_is_a_group(seed):
    proba, first, second, third = random_proba(seed)
    shifted = correct_prior(proba, first, second)
    np.testing.assert_allclose(shifted.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(correct_prior(proba, first, first), proba, rtol=1e-12)
    np.testing.assert_allclose(correct_prior(shifted, second, first), proba, rtol=1e-12)
    direct = correct_prior(proba, first, third)
    np.testing.assert_allclose(correct_prior(shifted, second, third), direct, rtol=1e-12)
    np.testing.assert_allclose(correct_prior(proba, 7 * first, 1e5 * third), direct, rtol=1e-12)


def test_class_gone_from_the_new_prior_gives_its_share_to_the_others():
    found = correct_prior([[0.2, 0.3, 0.5]], [1, 1, 1], [1, 0, 1])
    np.testing.assert_allclose(found, [[2 / 7, 0, 5 / 7]], rtol=1e-14)
    assert found[0, 1] == 0


def test_impossible_class_stays_impossible():
    found = correct_prior([[1, 0, 0], [0.5, 0, 0.5]], [1, 1, 2], [1, 9, 1])
    np.testing.assert_allclose(found, [[1, 0, 0], [2 / 3, 0, 1 / 3]], rtol=1e-14)


@pytest.mark.parametrize("container", [dict, pd.Series, lambda d: pd.Series(d).to_frame()])
@pytest.mark.parametrize("labels", [None, ["no", "yes"]])
def test_priors_are_read_by_label(container, labels):
    proba = np.array([[0.9, 0.1], [0.3, 0.7]])
    given = proba if labels is None else pd.DataFrame(proba, columns=labels)
    first, second = labels or [0, 1]
    found = correct_prior(
        given, container({second: 0.2, first: 0.8}), container({second: 0.5, first: 0.5})
    )
    np.testing.assert_array_equal(found, correct_prior(proba, [0.8, 0.2], [0.5, 0.5]))
    shares = estimate_prior(given, container({second: 0.2, first: 0.8}))
    np.testing.assert_array_equal(shares, estimate_prior(proba, [0.8, 0.2]))


@pytest.mark.parametrize("container", [dict, pd.Series])
def test_weights_of_training_are_read_by_the_number_of_the_class(container):
    z = np.log([[0.7, 0.3]])
    expected = log_posterior("crossentropy", z, class_weight=[0.5, 4.5])
    found = log_posterior("crossentropy", z, class_weight=container({1: 4.5, 0: 0.5}))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "proba", [[[np.nan, 1.0]], [[-1.0, 2.0]], [[0.9, 0.9]], [[0.0, 0.0]], [0.5, 0.5], [["a", "b"]]]
)
@pytest.mark.parametrize(
    "function", [lambda p: correct_prior(p, [0.5, 0.5], [0.9, 0.1]),
                 lambda p: estimate_prior(p, [0.5, 0.5])]
)  # fmt: skip
def test_what_are_not_posteriors_is_refused(function, proba):
    with pytest.raises(ValueError, match=rf"The 'proba' parameter{HOUSE}"):
        function(proba)


@pytest.mark.parametrize("name", ["prior", "new_prior"])
@pytest.mark.parametrize("values", [[0.5, 0.6], [0.9, 0.9], [0.2, 0.3], {0: 0.5, 1: 0.6}])
def test_shares_that_do_not_sum_to_1_are_refused(name, values):
    priors = {"prior": [0.5, 0.5], "new_prior": [0.5, 0.5], name: values}
    with pytest.raises(ValueError, match=rf"The shares in '{name}' must sum to 1{HOUSE}"):
        correct_prior([[0.5, 0.5]], **priors)


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
