"""Monitors equal scikit-learn's and imbalanced-learn's functions."""

import numpy as np
import pytest
from imblearn.metrics import geometric_mean_score
from scipy.special import softmax
from sklearn import metrics

from skimbalance._monitors import MONITORS


def of_classes(score, **options):
    return lambda y, z, w: score(y, np.argmax(z, axis=1), sample_weight=w, **options)


def of_scores(score, **options):
    """The difference of the logits for two classes, probabilities for more."""

    def scored(y, z, w):
        z = z.astype(np.float64)
        if z.shape[1] == 2:
            return score(y, z[:, 1] - z[:, 0], sample_weight=w)
        return score(y, softmax(z, axis=1), sample_weight=w, average="macro", **options)

    return scored


THEIRS = {
    "balanced_accuracy": of_classes(metrics.balanced_accuracy_score),
    "f1_macro": of_classes(metrics.f1_score, average="macro"),
    "mcc": of_classes(metrics.matthews_corrcoef),
    "geometric_mean": of_classes(geometric_mean_score, average="multiclass"),
    "average_precision": of_scores(metrics.average_precision_score),
    "roc_auc": of_scores(metrics.roc_auc_score, multi_class="ovr"),
}


def labels(n_classes, n=200):
    """A tail, with rows of every class."""
    rng = np.random.default_rng(n_classes)
    share = np.geomspace(1, 0.05, n_classes)
    y = rng.choice(n_classes, n, p=share / share.sum())
    y[:n_classes] = np.arange(n_classes)
    return y


def good(y, n_classes, rng):
    """Logits that are right more often than not."""
    return rng.normal(0, 2, (len(y), n_classes)) + 2 * np.eye(n_classes)[y]


def tied(y, n_classes, rng):
    return np.round(good(y, n_classes, rng))


def wrong(y, n_classes, rng):
    return -3 * good(y, n_classes, rng)


def rare_never_predicted(y, n_classes, rng):
    return good(y, n_classes, rng) - 50 * np.eye(n_classes)[-1]


def confident(y, n_classes, rng):
    """Gaps of hundreds: probabilities of 1 - 1e-100 are ties, logits are not."""
    return 100 * good(y, n_classes, rng)


def confident_float32(y, n_classes, rng):
    """As the engine gives them: float32 probabilities round to 1 at a gap of 17."""
    return (10 * good(y, n_classes, rng)).astype(np.float32)


def constant(y, n_classes, rng):
    return np.tile(np.linspace(1, 0, n_classes), (len(y), 1))


def perfect(y, n_classes, rng):
    return 5 * np.eye(n_classes)[y]


LOGITS = [good, tied, wrong, rare_never_predicted, confident, confident_float32, constant, perfect]

each_name = pytest.mark.parametrize("name", sorted(MONITORS))
each_n_classes = pytest.mark.parametrize("n_classes", [2, 3, 6])


def test_every_monitor_has_a_reference():
    assert set(THEIRS) == set(MONITORS)


@each_name
@each_n_classes
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("logits", LOGITS, ids=lambda f: f.__name__)
def test_equals_theirs(name, n_classes, weighted, logits):
    rng = np.random.default_rng(0)
    y = labels(n_classes)
    z = logits(y, n_classes, rng)
    weight = rng.uniform(0.1, 3, len(y)) if weighted else np.ones(len(y))
    ours, theirs = MONITORS[name](y, z, weight), THEIRS[name](y, z, weight)
    # A constant answer has correlation 0 / 0, said to be 0; 1e-16 / sqrt(1e-16) by rounding.
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-7 if name == "mcc" else 1e-12)


@each_name
@each_n_classes
def test_weight_is_a_row_repeated(name, n_classes):
    rng = np.random.default_rng(1)
    y = labels(n_classes)
    z, times = tied(y, n_classes, rng), rng.integers(1, 5, len(y))
    which = np.repeat(np.arange(len(y)), times)
    repeated = MONITORS[name](y[which], z[which], np.ones(len(which)))
    np.testing.assert_allclose(MONITORS[name](y, z, times.astype(float)), repeated, rtol=1e-12)


@each_name
@each_n_classes
def test_perfect_and_constant_scores(name, n_classes):
    y, weight = labels(n_classes), np.ones(200)
    assert MONITORS[name](y, perfect(y, n_classes, None), weight) == pytest.approx(1)
    chance = {"balanced_accuracy": 1 / n_classes, "mcc": 0, "geometric_mean": 0, "roc_auc": 0.5}
    if name in chance:
        found = MONITORS[name](y, constant(y, n_classes, None), weight)
        assert found == pytest.approx(chance[name], abs=1e-7)


@each_name
@each_n_classes
def test_a_shift_of_the_logits_of_a_row_changes_nothing(name, n_classes):
    rng = np.random.default_rng(2)
    y, weight = labels(n_classes), rng.uniform(0.1, 3, 200)
    # On a grid of eighths the shift is exact, so that ties stay ties.
    z = np.round(8 * good(y, n_classes, rng)) / 8
    shift = rng.integers(-1000, 1000, (len(y), 1))
    assert MONITORS[name](y, z + shift, weight) == MONITORS[name](y, z, weight)


@each_name
@each_n_classes
def test_a_worse_network_scores_less(name, n_classes):
    rng = np.random.default_rng(3)
    y, weight = labels(n_classes), np.ones(200)
    z = good(y, n_classes, rng)
    scores = [MONITORS[name](y, part, weight) for part in (perfect(y, n_classes, rng), z, -z)]
    assert scores[0] > scores[1] > scores[2]
