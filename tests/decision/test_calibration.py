"""Calibration: the loss and its gradient, known parameters, weights, and extreme posteriors."""

import numpy as np
import pytest
from decision_setup import drawn, posteriors
from scipy.optimize import approx_fprime
from scipy.special import softmax
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import log_loss

from skimbalance.decision import _calibration as calibration
from skimbalance.decision._calibration import CALIBRATIONS, fit_calibrator


@pytest.mark.parametrize("name", sorted(set(CALIBRATIONS) - {"isotonic"}))
def test_calibration_loss_and_its_gradient(name, monkeypatch):
    proba, y = posteriors(60, 3)
    weight = np.random.default_rng(1).random(60)
    losses, minimize = [], calibration.minimize

    def spy(loss, start, **options):
        losses.append((loss, start))
        return minimize(loss, start, **options)

    monkeypatch.setattr(calibration, "minimize", spy)
    fit_calibrator(name, proba, y, weight)
    ((loss, start),) = losses
    free = start + np.random.default_rng(2).normal(size=len(start))
    value, gradient = loss(free)
    numeric = approx_fprime(free, lambda free: loss(free)[0], 1e-7)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-6)
    # The Gaussian priors have standard deviations of 0.5 for scales, and of 10 for biases.
    scale = {"temperature": free.repeat(3), "vector": free[:3], "bias": np.zeros(3)}[name]
    bias = {"temperature": np.zeros(3), "vector": free[3:], "bias": free}[name]
    calibrated = softmax(np.log(proba) * (1 + scale) + bias, axis=1)
    prior = 0.5 * (np.sum((scale / 0.5) ** 2) + np.sum((bias / 10) ** 2)) / weight.sum()
    assert value == pytest.approx(log_loss(y, calibrated, sample_weight=weight) + prior)


def test_temperature_is_recovered():
    eta, y = posteriors(20_000, 4)
    for temperature in (0.5, 1.0, 3.0):
        proba = softmax(np.log(eta) * temperature, axis=1)
        fitted = fit_calibrator("temperature", proba, y, np.ones(len(y)))
        # The scale has a standard error of about 1 %.
        np.testing.assert_allclose(fitted.scale, 1 / temperature, rtol=0.05)
        np.testing.assert_array_equal(fitted.bias, 0)


def test_vector_scaling_is_recovered():
    proba, _ = posteriors(40_000, 3)
    scale, bias = np.array([1.5, 0.7, 1.0]), np.array([-1.0, 0.0, 1.0])
    eta = softmax(np.log(proba) * scale + bias, axis=1)
    y = drawn(eta, np.random.default_rng(1))
    fitted = fit_calibrator("vector", proba, y, np.ones(len(y)))
    np.testing.assert_allclose(fitted.scale, scale, atol=0.1)
    # A number added to all biases changes nothing.
    np.testing.assert_allclose(fitted.bias - fitted.bias.mean(), bias, atol=0.15)
    np.testing.assert_allclose(fitted(proba), eta, atol=0.02)


@pytest.mark.parametrize("name", ["temperature", "vector", "bias"])
def test_little_weight_leaves_posteriors_as_they_are(name):
    proba, y = posteriors(100, 3)
    wrong = np.roll(proba, 1, axis=1)
    distances = [
        np.abs(fit_calibrator(name, wrong, y, np.full(100, weight))(wrong) - wrong).max()
        for weight in (1e-9, 0.01, 1.0)
    ]
    assert distances[0] < 1e-5 < distances[1] < distances[2]


def test_bias_makes_the_mean_posterior_the_share():
    proba, _ = posteriors(2000, 4)
    y = np.random.default_rng(1).choice(4, 2000, p=[0.02, 0.08, 0.3, 0.6])
    weight = np.random.default_rng(2).random(2000)
    calibrated = fit_calibrator("bias", proba, y, weight)(proba)
    shares = np.bincount(y, weight) / weight.sum()
    np.testing.assert_allclose(np.average(calibrated, axis=0, weights=weight), shares, atol=1e-4)


def test_isotonic_is_that_of_scikit_learn():
    proba, y = posteriors(300, 2)
    weight = np.random.default_rng(1).random(300)
    peer = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    peer.fit(proba[:, 1], y, weight)
    new = np.array([[1.0, 0.0], [0.3, 0.7], [0.0, 1.0]])
    actual = fit_calibrator("isotonic", proba, y, weight)(new)
    np.testing.assert_array_equal(actual[:, 1], peer.predict(new[:, 1]))
    np.testing.assert_array_equal(actual.sum(axis=1), 1)


@pytest.mark.parametrize("name", ["temperature", "vector", "isotonic"])
def test_calibration_lowers_the_log_loss_of_other_rows(name):
    eta, y = posteriors(8000, 2)
    proba = softmax(3 * np.log(eta), axis=1)  # overconfident by a factor of three
    fitted = fit_calibrator(name, proba[:4000], y[:4000], np.ones(4000))
    before, after, best = (
        log_loss(y[4000:], np.clip(p, 1e-6, 1)[4000:] / np.clip(p, 1e-6, 1)[4000:].sum(1)[:, None])
        for p in (proba, fitted(proba), eta)
    )
    assert best - 0.01 < after < best + 0.02 < before


@pytest.mark.parametrize("name", sorted(CALIBRATIONS))
def test_calibration_counts_a_weight_as_rows_repeated(name):
    proba, y = posteriors(120, 2)
    times = np.random.default_rng(1).integers(0, 4, 120)
    weighted = fit_calibrator(name, proba, y, times.astype(float))
    repeated = fit_calibrator(
        name, proba.repeat(times, axis=0), y.repeat(times), np.ones(times.sum())
    )
    np.testing.assert_allclose(weighted(proba), repeated(proba), atol=1e-6)


def test_posteriors_of_zero_give_finite_probabilities():
    proba = np.repeat(np.float32([[1, 0, 0], [0, 1, 0], [0, 0, 1]]), 20, axis=0)
    y = np.repeat([0, 1, 2], 20)
    y[::7] = 0
    for name in ("temperature", "vector", "bias"):
        calibrated = fit_calibrator(name, proba, y, np.ones(60))(proba)
        assert np.all(np.isfinite(calibrated))
        np.testing.assert_allclose(calibrated.sum(axis=1), 1)
