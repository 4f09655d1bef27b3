"""Monitors equal scikit-learn's and imbalanced-learn's functions."""

import numpy as np
import pytest
from imblearn.metrics import geometric_mean_score
from scipy.special import softmax
from sklearn import metrics

from skimbalance.metrics._monitors import LABEL_MONITORS, MONITORS


def of_classes(score, **options):
    return lambda y, z, w: score(y, np.argmax(z, axis=1), sample_weight=w, **options)


def of_scores(score, **options):
    """Score of the difference of the logits for two classes, of probabilities for more."""

    def scored(y, z, w):
        z = z.astype(np.float64)
        if z.shape[1] == 2:
            return score(y, z[:, 1] - z[:, 0], sample_weight=w)
        return score(y, softmax(z, axis=1), sample_weight=w, average="macro", **options)

    return scored


def f1_rare(y, z, w):
    """Macro-F1 over all classes except the one with the largest weight."""
    n_classes = z.shape[1]
    rare = np.delete(np.arange(n_classes), np.bincount(y, w, n_classes).argmax())
    decided = np.argmax(z, axis=1)
    return metrics.f1_score(
        y, decided, labels=rare, average="macro", sample_weight=w, zero_division=0
    )


def of_each_label(score):
    """Mean over the labels of a score of two classes."""

    def scored(y, z, w):
        decided = (z > 0).astype(int)
        labels = range(y.shape[1])
        return np.mean([score(y[:, j], decided[:, j], sample_weight=w) for j in labels])

    return scored


def geometric_mean(y, decided, sample_weight):
    """Geometric mean of the recalls, with and without the label, that are defined."""
    return geometric_mean_score(
        y, decided, labels=np.unique(y), average="multiclass", sample_weight=sample_weight
    )


def of_label_scores(score):
    """Mean score over the labels that some rows have and other rows lack."""

    def scored(y, z, w):
        judged = (y[w > 0].min(axis=0) == 0) & (y[w > 0].max(axis=0) == 1)
        if not judged.any():
            return 0.0
        z = z.astype(np.float64)
        return score(y[:, judged], z[:, judged], average="macro", sample_weight=w)

    return scored


def f1_of_labels(y, z, w):
    return metrics.f1_score(y, z > 0, average="macro", sample_weight=w, zero_division=0)


THEIRS = {
    "balanced_accuracy": of_classes(metrics.balanced_accuracy_score),
    "f1_macro": of_classes(metrics.f1_score, average="macro"),
    "f1_rare": f1_rare,
    "mcc": of_classes(metrics.matthews_corrcoef),
    "geometric_mean": of_classes(geometric_mean_score, average="multiclass"),
    "average_precision": of_scores(metrics.average_precision_score),
    "roc_auc": of_scores(metrics.roc_auc_score, multi_class="ovr"),
}

THEIRS_MULTILABEL = {
    "balanced_accuracy": of_each_label(metrics.balanced_accuracy_score),
    "f1_macro": f1_of_labels,
    "mcc": of_each_label(metrics.matthews_corrcoef),
    "geometric_mean": of_each_label(geometric_mean),
    "average_precision": of_label_scores(metrics.average_precision_score),
    "roc_auc": of_label_scores(metrics.roc_auc_score),
}


def labels(n_classes, n=200):
    """Class indices with long-tailed shares; every class has rows."""
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


@pytest.mark.parametrize("name", MONITORS)
def test_the_order_of_the_classes_does_not_matter(name):
    """So the average precision of two classes is that of the rarer one, not that of the second."""
    rng = np.random.default_rng(0)
    for n_classes in (2, 4):
        y, w = labels(n_classes), rng.random(200)
        z, order = good(y, n_classes, rng), np.arange(n_classes)[::-1]
        assert MONITORS[name](order[y], z[:, order], w) == pytest.approx(MONITORS[name](y, z, w))


def wrong(y, n_classes, rng):
    return -3 * good(y, n_classes, rng)


def rare_never_predicted(y, n_classes, rng):
    return good(y, n_classes, rng) - 50 * np.eye(n_classes)[-1]


def confident(y, n_classes, rng):
    """Logits differ by hundreds: probabilities of 1 - 1e-100 are tied, logits are not."""
    return 100 * good(y, n_classes, rng)


def confident_float32(y, n_classes, rng):
    """Logits in float32, as the engine gives them: 17 apart, a probability rounds to 1."""
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
    # The correlation of constant decisions is 0 / 0, defined as 0; by rounding it may become
    # 1e-16 / sqrt(1e-16).
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-7 if name == "mcc" else 1e-12)


@each_name
@each_n_classes
def test_weight_is_a_row_repeated(name, n_classes):
    rng = np.random.default_rng(1)
    y = labels(n_classes)
    z, times = tied(y, n_classes, rng), rng.integers(1, 5, len(y))
    rows = np.repeat(np.arange(len(y)), times)
    repeated = MONITORS[name](y[rows], z[rows], np.ones(len(rows)))
    np.testing.assert_allclose(MONITORS[name](y, z, times.astype(float)), repeated, rtol=1e-12)


@each_name
@each_n_classes
def test_perfect_and_constant_scores(name, n_classes):
    y, weight = labels(n_classes), np.ones(200)
    assert MONITORS[name](y, perfect(y, n_classes, None), weight) == pytest.approx(1)
    chance = {"balanced_accuracy": 1 / n_classes, "mcc": 0, "geometric_mean": 0, "roc_auc": 0.5}
    if name in chance:
        score = MONITORS[name](y, constant(y, n_classes, None), weight)
        assert score == pytest.approx(chance[name], abs=1e-7)


@each_name
@each_n_classes
def test_a_shift_of_the_logits_of_a_row_changes_nothing(name, n_classes):
    rng = np.random.default_rng(2)
    y, weight = labels(n_classes), rng.uniform(0.1, 3, 200)
    # The shift is exact for multiples of an eighth, so that ties stay ties.
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


# Multilabel

each_label_monitor = pytest.mark.parametrize("name", sorted(LABEL_MONITORS))


def indicator(n=200):
    """A label indicator matrix; labels are present in half of the rows to a twentieth."""
    return (np.random.default_rng(4).random((n, 4)) < [0.5, 0.3, 0.15, 0.05]).astype(np.int8)


def good_labels(y, rng):
    return rng.normal(0, 2, y.shape) + 3.0 * y - 1.5


def tied_labels(y, rng):
    """Logits with ties; at a logit of zero, a label is not predicted."""
    return np.round(good_labels(y, rng))


def confident_labels(y, rng):
    return (50 * good_labels(y, rng)).astype(np.float32)


def never_a_label(y, rng):
    return np.minimum(good_labels(y, rng), 0)


def the_same_for_all_rows(y, rng):
    return np.tile([1.0, -1.0, 2.0, -2.0], (len(y), 1))


LABEL_LOGITS = [
    good_labels, tied_labels, confident_labels, never_a_label, the_same_for_all_rows
]  # fmt: skip


def test_every_multilabel_monitor_has_a_reference():
    assert set(THEIRS_MULTILABEL) == set(LABEL_MONITORS)


@each_label_monitor
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("logits", LABEL_LOGITS, ids=lambda f: f.__name__)
def test_multilabel_monitor_equals_theirs(name, weighted, logits):
    rng = np.random.default_rng(0)
    y = indicator()
    z = logits(y, rng)
    weight = rng.uniform(0.1, 3, len(y)) if weighted else np.ones(len(y))
    ours, theirs = LABEL_MONITORS[name](y, z, weight), THEIRS_MULTILABEL[name](y, z, weight)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-7 if name == "mcc" else 1e-12)


@each_label_monitor
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("n_judged", [0, 2])
def test_labels_that_no_held_out_row_has_or_that_all_have(name, n_judged):
    rng = np.random.default_rng(5)
    y, weight = indicator(), rng.uniform(0.1, 3, 200)
    z = good_labels(y, rng)
    y[:, n_judged:3], y[:, 3] = 0, 1
    ours, theirs = LABEL_MONITORS[name](y, z, weight), THEIRS_MULTILABEL[name](y, z, weight)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-7 if name == "mcc" else 1e-12)


@each_label_monitor
def test_weight_of_multilabel_rows_is_a_row_repeated(name):
    rng = np.random.default_rng(1)
    y = indicator()
    z, times = tied_labels(y, rng), rng.integers(0, 5, len(y))
    repeated = LABEL_MONITORS[name](y.repeat(times, 0), z.repeat(times, 0), np.ones(times.sum()))
    np.testing.assert_allclose(LABEL_MONITORS[name](y, z, times.astype(float)), repeated)


@each_label_monitor
def test_multilabel_monitors_do_not_depend_on_the_order_of_labels(name):
    y = indicator()
    z, order = good_labels(y, np.random.default_rng(6)), [2, 0, 3, 1]
    weight = np.ones(len(y))
    permuted = LABEL_MONITORS[name](y[:, order], z[:, order], weight)
    np.testing.assert_allclose(permuted, LABEL_MONITORS[name](y, z, weight))


@each_label_monitor
def test_perfect_and_worse_networks_on_multilabel_rows(name):
    rng = np.random.default_rng(3)
    y, weight = indicator(), np.ones(200)
    z = good_labels(y, rng)
    scores = [LABEL_MONITORS[name](y, part, weight) for part in (2.0 * y - 1, z, -z)]
    assert scores[0] == pytest.approx(1)
    assert scores[0] > scores[1] > scores[2]


@pytest.mark.parametrize("name", sorted(set(LABEL_MONITORS) - {"f1_macro"}))
def test_one_label_is_two_classes(name):
    """Except for the F1: for a label it is that of the rows with it, for classes it is a mean."""
    y = indicator()[:, :1]
    z = good_labels(y, np.random.default_rng(7))
    weight = np.random.default_rng(8).uniform(0.1, 3, len(y))
    of_classes = MONITORS[name](y[:, 0], np.column_stack([np.zeros(len(z)), z]), weight)
    assert LABEL_MONITORS[name](y, z, weight) == pytest.approx(of_classes)
