"""Scores by class and their intervals: equal to scikit-learn's, and honest for tiny classes."""

import json
import re

import numpy as np
import pytest
from imblearn.metrics import geometric_mean_score
from scipy.integrate import quad
from scipy.sparse import csr_matrix
from scipy.stats import binom, fisher_exact
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    matthews_corrcoef,
    precision_recall_fscore_support,
)

from skimbalance.metrics import (
    _decisions,
    average_precision_by_class,
    calibration_error_by_class,
    classification_summary,
    score_intervals,
)
from skimbalance.metrics._decisions import OVERALL


def calibrated(n, n_classes, seed, spread=0.5):
    """Class labels drawn from known posteriors, and these; the last classes are rare."""
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(spread * 2.0 ** -np.arange(n_classes), n)
    return (rng.random((n, 1)) > np.cumsum(proba, axis=1)[:, :-1]).sum(axis=1), proba


def predictions(seed, n=200, n_classes=4):
    y, proba = calibrated(n, n_classes, seed)
    return y, np.argmax(proba, axis=1)


BY_CLASS = (average_precision_by_class, calibration_error_by_class)


# Scores of probabilities.


@pytest.mark.parametrize("seed", range(3))
def test_average_precision_is_scikit_learns(seed):
    y, proba = calibrated(300, 4, seed)
    weight = np.random.default_rng(seed).random(300)
    scores = average_precision_by_class(y, proba, sample_weight=weight)
    for k, score in enumerate(scores):
        assert score == average_precision_score(y == k, proba[:, k], sample_weight=weight)


def test_average_precision_of_a_class_without_rows_is_not_defined():
    y, proba = [0, 0, 1], np.full((3, 3), 1 / 3)
    assert np.isnan(average_precision_by_class(y, proba, labels=[0, 1, 2])).tolist() == [0, 0, 1]
    weightless = average_precision_by_class(y, proba, labels=[0, 1, 2], sample_weight=[1, 1, 0])
    assert np.isnan(weightless).tolist() == [0, 1, 1]


@pytest.mark.parametrize("score", BY_CLASS)
def test_a_weight_is_a_row_repeated(score):
    y, proba = calibrated(100, 3, 0)
    weight = np.random.default_rng(1).integers(0, 4, 100)
    repeated = score(np.repeat(y, weight), np.repeat(proba, weight, axis=0), labels=[0, 1, 2])
    np.testing.assert_allclose(score(y, proba, sample_weight=weight), repeated, rtol=1e-12)


@pytest.mark.parametrize("score", BY_CLASS)
def test_order_of_rows_and_classes_does_not_matter(score):
    y, proba = calibrated(200, 4, 0)
    proba = proba.round(1)
    proba[:, 0] += 1 - proba.sum(axis=1)
    proba = np.maximum(proba, 0) / np.maximum(proba, 0).sum(axis=1, keepdims=True)
    rows, columns = np.random.default_rng(0).permutation(200), np.array([2, 0, 3, 1])
    moved = score(y[rows], proba[rows][:, columns], labels=columns)
    np.testing.assert_allclose(moved, score(y, proba)[columns], rtol=1e-12)


@pytest.mark.parametrize("score", BY_CLASS)
def test_names_of_labels_do_not_matter(score):
    y, proba = calibrated(100, 3, 0)
    names = np.array(["c", "a", "b"])
    np.testing.assert_array_equal(score(names[y], proba, labels=names), score(y, proba))


def test_calibration_error_by_hand():
    # Two bins for each class: rows 0-1 and rows 2-3 by the probability of "b".
    proba = np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6], [0.2, 0.8]])
    errors = calibration_error_by_class(["a", "b", "b", "b"], proba, n_bins=2)
    # |0.2 - 0.5| / 2 + |0.7 - 1.0| / 2
    np.testing.assert_allclose(errors, [0.3, 0.3])


def test_one_bin_compares_the_mean_with_the_share():
    y, proba = calibrated(50, 3, 0)
    shares = np.bincount(y, minlength=3) / 50
    errors = calibration_error_by_class(y, proba, labels=[0, 1, 2], n_bins=1)
    np.testing.assert_allclose(errors, np.abs(proba.mean(axis=0) - shares))


def test_tied_rows_share_a_bin():
    # In bins of one row each the error would be 0.5.
    assert calibration_error_by_class([0, 1] * 5, np.full((10, 2), 0.5)).tolist() == [0, 0]


def test_certain_and_right_has_no_error_and_certain_and_wrong_all():
    y = np.array([0, 0, 0, 1])
    assert calibration_error_by_class(y, np.eye(2)[y]).tolist() == [0, 0]
    assert calibration_error_by_class(y, np.eye(2)[1 - y]).tolist() == [1, 1]


def test_calibration_error_vanishes_with_rows():
    # The error of calibrated probabilities falls as the square root of the rows of a bin.
    small, large = (
        calibration_error_by_class(*calibrated(n, 4, 0)).max() for n in (1_000, 100_000)
    )
    assert large < 0.01
    assert large < small / 4


def test_bins_of_equal_mass_show_errors_that_equal_ranges_hide():
    # A rare class is too probable where it never occurs, and too improbable where it does. All
    # probabilities are below 0.1, in one range, where the errors cancel.
    p = np.repeat([0.02, 0.06], 500)
    y = np.concatenate([np.repeat([0, 1], [500, 0]), np.repeat([0, 1], [460, 40])])
    errors = calibration_error_by_class(y, np.column_stack([1 - p, p]))
    np.testing.assert_allclose(errors, 0.02)
    assert abs(p.mean() - y.mean()) < 1e-12


# Intervals.


@pytest.mark.parametrize("seed", range(5))
def test_observed_scores_are_in_their_intervals(seed):
    y, y_pred = predictions(seed, n=40, n_classes=6)
    intervals = score_intervals(y, y_pred, labels=np.arange(6), random_state=seed)
    precision, recall, f1, _ = precision_recall_fscore_support(
        y, y_pred, labels=np.arange(6), zero_division=np.nan
    )
    by_class = {"precision": precision, "recall": recall, "f1": f1}
    for name, score in by_class.items():
        low, high = intervals[name].T
        assert np.all(((low <= score + 1e-12) & (score <= high + 1e-12)) | np.isnan(score)), name
        assert np.all((low >= 0) & (low < high) & (high <= 1))
        # Without an observation nothing is known.
        assert np.all(intervals[name][np.isnan(score)] == [0, 1])
    summary = classification_summary(y, y_pred, labels=np.arange(6), random_state=seed)["overall"]
    for name in OVERALL:
        low, high = intervals[name]
        assert low <= summary[name] <= high


@pytest.mark.parametrize(("hits", "misses"), [(1, 6), (3, 4), (1, 1), (30, 2)])
def test_each_end_cuts_off_half_of_the_rest_under_jeffreys_prior(hits, misses):
    y = np.repeat([0, 1], [hits + misses, 1])
    y_pred = np.repeat([0, 1], [hits, misses + 1])
    low, high = score_intervals(y, y_pred, level=0.9, n_resamples=1)["recall"][0]

    def mass(start, end):
        # Likelihood times the prior, 1 / sqrt(p (1 - p)).
        return quad(lambda p: p ** (hits - 0.5) * (1 - p) ** (misses - 0.5), start, end)[0]

    np.testing.assert_allclose([mass(0, low), mass(high, 1)], 0.05 * mass(0, 1), rtol=1e-6)


def test_a_recall_of_0_of_2_rows_is_not_certain():
    recall = score_intervals([0] * 98 + [1] * 2, [0] * 100, n_resamples=1)["recall"]
    assert recall[1, 0] == 0
    assert recall[1, 1] > 0.6
    # The rule of three: with no miss in 98 rows, the share of misses may be about 3 in 98.
    assert recall[0, 1] == 1
    assert 1 - recall[0, 0] == pytest.approx(3 / 98, rel=0.25)


def test_recall_and_precision_are_exchanged_with_truth_and_prediction():
    y, y_pred = predictions(0)
    one = score_intervals(y, y_pred, n_resamples=1)
    other = score_intervals(y_pred, y, n_resamples=1)
    np.testing.assert_array_equal(one["recall"], other["precision"])
    np.testing.assert_array_equal(one["f1"], other["f1"])


def test_recall_intervals_hold_the_truth_as_often_as_they_say():
    # The coverage is exact, by the binomial distribution, and a mean over recalls, as it oscillates
    # with the recall.
    for n in (2, 5, 20):
        y = np.repeat([0, 1], [n, 1])
        ends = []
        for hits in range(n + 1):
            y_pred = np.r_[np.zeros(hits, int), np.ones(n - hits + 1, int)]
            ends.append(score_intervals(y, y_pred, n_resamples=1)["recall"][0])
        low, high = np.array(ends).T
        recall = np.linspace(0.01, 0.99, 99)[:, None]
        holds = (low <= recall) & (recall <= high)
        coverage = (holds * binom.pmf(np.arange(n + 1), n, recall)).sum(axis=1)
        assert coverage.mean() > 0.94
        assert coverage.min() > 0.83


def test_overall_intervals_hold_the_truth():
    # The rarest class has 9 rows in a thousand, 4.5 in a test set. Over 200 test sets, a
    # coverage of 0.95 has a standard error of 0.015.
    share, recall = np.array([0.9, 0.091, 0.009]), np.array([0.95, 0.7, 0.5])
    joint = share[:, None] * np.where(np.eye(3) == 1, recall, (1 - recall)[:, None] / 2)
    true = {
        "balanced_accuracy": recall.mean(),
        "geometric_mean": np.prod(recall) ** (1 / 3),
        "f1_macro": np.mean(2 * np.diag(joint) / (joint.sum(axis=0) + share)),
    }
    rng = np.random.default_rng(0)
    held = dict.fromkeys(true, 0)
    for _ in range(200):
        cells = rng.choice(9, size=500, p=joint.ravel())
        intervals = score_intervals(
            cells // 3, cells % 3, labels=[0, 1, 2], n_resamples=300, random_state=rng.integers(99)
        )
        for name, score in true.items():
            held[name] += intervals[name][0] <= score <= intervals[name][1]
    assert min(held.values()) >= 0.89 * 200, held


def test_intervals_of_overall_scores_agree_with_the_bootstrap_of_rows_where_rows_are_many():
    y, y_pred = predictions(0, n=5000, n_classes=3)
    ours = score_intervals(y, y_pred, n_resamples=2000, random_state=0)["balanced_accuracy"]
    rng = np.random.default_rng(0)
    scores = [
        balanced_accuracy_score(y[rows], y_pred[rows])
        for rows in (rng.integers(5000, size=5000) for _ in range(400))
    ]
    np.testing.assert_allclose(ours, np.quantile(scores, [0.025, 0.975]), atol=0.25 * np.ptp(ours))


def test_intervals_widen_with_the_level_and_narrow_with_rows():
    def widths(n, level):
        y, y_pred = predictions(0, n=n)
        intervals = score_intervals(y, y_pred, level=level, random_state=0)
        return np.concatenate([np.diff(ends).ravel() for ends in intervals.values()])

    assert np.all(widths(200, 0.5) < widths(200, 0.99))
    assert np.all(widths(20_000, 0.9) < widths(200, 0.9))


def test_many_classes_do_not_change_the_law():
    # 300 classes have more cells than are drawn at once.
    y = np.arange(300).repeat(2)
    interval = score_intervals(y, y, n_resamples=100, random_state=0)["balanced_accuracy"]
    assert interval[1] == 1
    assert 0.9 < interval[0] < 1


def test_the_same_seed_gives_the_same_intervals():
    y, y_pred = predictions(0)
    one, other, third = (score_intervals(y, y_pred, random_state=s) for s in (0, 0, 1))
    assert all(np.array_equal(one[name], other[name]) for name in one)
    assert not np.array_equal(one["mcc"], third["mcc"])


# The summary.


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_scores_are_scikit_learns_and_imbalanced_learns(seed):
    # With forty rows, a class sometimes has none, or is never predicted.
    y, y_pred = predictions(seed, n=40, n_classes=6)
    labels = np.arange(6)
    summary = classification_summary(y, y_pred, labels=labels)
    expected = precision_recall_fscore_support(y, y_pred, labels=labels, zero_division=np.nan)
    for name, scores in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        ours = np.array([of_class[name] for of_class in summary["classes"]], dtype=float)
        np.testing.assert_allclose(ours, scores, rtol=1e-12, err_msg=name)
    overall = {
        "balanced_accuracy": balanced_accuracy_score(y, y_pred),
        "f1_macro": f1_score(y, y_pred, average="macro"),
        "mcc": matthews_corrcoef(y, y_pred),
        "geometric_mean": geometric_mean_score(y, y_pred, labels=np.unique(y)),
    }
    for name, score in overall.items():
        assert summary["overall"][name] == pytest.approx(score, abs=1e-12), name


@pytest.mark.parametrize("n_classes", [2, 4])
def test_losses_are_scikit_learns_whatever_the_order_of_labels(n_classes):
    y, proba = calibrated(500, n_classes, 0)
    y_pred = np.argmax(proba, axis=1)
    expected = {"log_loss": log_loss(y, proba), "brier": brier_score_loss(y, proba)}
    order = np.arange(n_classes)[::-1]
    for labels, columns in ((None, proba), (order, proba[:, order])):
        overall = classification_summary(y, y_pred, columns, labels=labels)["overall"]
        assert {name: overall[name] for name in expected} == pytest.approx(expected, rel=1e-9)


def test_the_dummy_is_scikit_learns():
    from sklearn.dummy import DummyClassifier

    y, proba = calibrated(300, 3, 0)
    dummy = DummyClassifier(strategy="prior").fit(y[:, None], y)
    ours = classification_summary(y, y, proba)["dummy"]
    of_dummy = classification_summary(
        y, dummy.predict(y[:, None]), dummy.predict_proba(y[:, None])
    )["overall"]
    assert ours == pytest.approx({name: of_dummy[name] for name in ours}, abs=1e-12)


def test_calibrated_probabilities_stay_below_the_error_by_chance():
    above = 0
    for seed in range(60):
        y, proba = calibrated(400, 4, seed)
        classes = classification_summary(y, y, proba, labels=range(4), n_resamples=1)["classes"]
        above += sum(c["calibration_error"] > c["calibration_error_by_chance"] for c in classes)
    # Each of 240 tests fails once in a thousand times: three or more failures are as rare as one in
    # five hundred.
    assert above < 3


def test_weighted_probabilities_exceed_the_error_by_chance():
    y, proba = calibrated(2000, 3, 0)
    weighted = proba / proba.mean(axis=0)
    weighted /= weighted.sum(axis=1, keepdims=True)
    rarest = classification_summary(y, y, weighted)["classes"][-1]
    assert rarest["calibration_error"] > 2 * rarest["calibration_error_by_chance"]
    assert rarest["expected"] == pytest.approx(weighted[:, -1].sum())


@pytest.mark.parametrize(
    "labels",
    [["a", "b"], [0, 1], [False, True], [0.0, 1.0], np.array(["2020", "2021"], "datetime64[Y]")],
    ids=["text", "int", "bool", "float", "date"],
)
def test_summary_is_json(labels):
    y, proba = calibrated(50, 2, 0)
    labels = np.asarray(labels)
    summary = classification_summary(labels[y], labels[1 - y], proba, labels=labels)
    read = json.loads(json.dumps(summary, allow_nan=False))
    assert read == summary
    if labels.dtype.kind != "M":
        assert [c["label"] for c in read["classes"]] == labels.tolist()


def test_a_score_that_is_not_defined_is_none():
    summary = classification_summary([0, 0, 1], [0, 0, 0], labels=[0, 1, 2])
    _, missed, absent = summary["classes"]
    assert missed["precision"] is None
    assert missed["recall"] == missed["f1"] == 0
    assert absent["recall"] is None
    assert absent["f1"] is None


def test_float32_posteriors_do_not_warn():
    y, proba = calibrated(200, 4, 0)
    single = classification_summary(y, y, proba.astype(np.float32), n_resamples=1)["overall"]
    double = classification_summary(y, y, proba, n_resamples=1)["overall"]
    assert single["brier"] == pytest.approx(double["brier"], rel=1e-5)


def test_pandas_tables_are_accepted():
    import pandas as pd

    y, proba = calibrated(50, 2, 0)
    names = np.array(["a", "b"])[y]
    expected = classification_summary(names, names, proba, random_state=0)
    for dtype in ("str", "category", "object"):
        series = pd.Series(names, index=np.arange(50) + 7, dtype=dtype)
        given = classification_summary(series, series, pd.DataFrame(proba), random_state=0)
        assert given == expected


@pytest.mark.parametrize(("hits", "misses", "false"), [(1, 4, 2), (3, 2, 2), (5, 0, 20)])
def test_chance_is_fishers_exact_test(hits, misses, false):
    table = [[95 - false, false], [misses, hits]]
    y = np.repeat([0, 0, 1, 1], np.ravel(table))
    y_pred = np.repeat([0, 1, 0, 1], np.ravel(table))
    n = 5000
    ours = classification_summary(y, y_pred, n_resamples=n, random_state=0)["overall"]
    exact = fisher_exact(table, alternative="greater").pvalue
    assert abs(ours["chance_p_value"] - exact) < 4 * np.sqrt(exact * (1 - exact) / n) + 1 / n


def test_a_constant_decision_is_chance():
    assert classification_summary([0] * 9 + [1], [0] * 10)["overall"]["chance_p_value"] == 1


# Refusals.

GOOD = {"y_true": [0, 1, 1], "proba": [[0.5, 0.5]] * 3}


def refused(*parts):
    return pytest.raises(ValueError, match="(?s)" + ".*".join(map(re.escape, parts)))


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"proba": [[0.2, 0.3, 0.5]] * 3}, ["'proba'", "[0, 1]", "Got shape (3, 3)"]),
        ({"proba": [[0.5, 0.5]] * 2}, ["'proba'", "3 labels", "Got shape (2, 2)"]),
        ({"proba": [0.5] * 3}, ["'proba'", "Got shape (3,)"]),
        ({"proba": csr_matrix((3, 2))}, ["'proba'", "a dense array of numbers. Got"]),
        ({"proba": {"left": [1]}}, ["'proba'", "a dense array of numbers. Got {'left'"]),
        ({"proba": [["a", "b"]] * 3}, ["'proba'", "a dense array of numbers. Got [['a'"]),
        ({"proba": [[0.5, 0.5], [np.nan, 0.5], [1, 0]]}, ["finite", "in row 1"]),
        ({"proba": [[0.5, 0.5], [1, 0], [1.5, -0.5]]}, ["not negative", "in row 2"]),
        ({"proba": [[0.5, 0.6], [1, 0], [1, 0]]}, ["sum to 1", "in row 0"]),
        ({"proba": [[np.inf, 0.5], [1, 0], [1, 0]]}, ["finite", "in row 0"]),
        ({"labels": [0, 2]}, ["'y_true'", "among the labels [0, 2]", "Got 1"]),
        ({"labels": ["0", "1"]}, ["'y_true'", "among the labels ['0', '1']", "Got 0"]),
        ({"labels": [0, 1, 1]}, ["'labels'", "once", "[0, 1, 1]"]),
        ({"labels": [0]}, ["'labels'", "at least two classes", "[0]"]),
        ({"y_true": [0, 0, 0]}, ["at least two classes", "[0]"]),
        ({"y_true": ["a", None, "b"]}, ["'y_true'", "missing", "NoneType"]),
        ({"y_true": [0.0, np.nan, 1.0]}, ["'y_true'", "missing"]),
        ({"y_true": []}, ["'y_true'", "empty"]),
        ({"sample_weight": [1, -1, 1]}, ["'sample_weight'", "negative"]),
    ],
)
@pytest.mark.parametrize("score", BY_CLASS)
def test_impossible_probabilities_and_labels_are_refused(score, change, parts):
    with refused(*parts):
        score(**{**GOOD, **change})


@pytest.mark.parametrize("value", [0, -1, 2.5, "ten"])
def test_impossible_numbers_of_bins_are_refused(value):
    with refused("'n_bins'", "calibration_error_by_class", "Got"):
        calibration_error_by_class(**GOOD, n_bins=value)


@pytest.mark.parametrize("function", [score_intervals, classification_summary])
@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"level": 0}, ["'level'", "(0.0, 1.0)", "Got 0"]),
        ({"level": 95}, ["'level'", "Got 95"]),
        ({"n_resamples": 0}, ["'n_resamples'", "Got 0"]),
        ({"random_state": "a"}, ["'random_state'", "Got 'a'"]),
        ({"labels": [0, 2]}, ["'y_true'", "[0, 2]", "Got 1"]),
        ({"y_pred": [0, 1, 5], "labels": [0, 1]}, ["'y_pred'", "[0, 1]", "Got 5"]),
        ({"y_pred": ["0", "1", "1"]}, ["'y_true' and 'y_pred'", "one type", "'0'"]),
        ({"y_pred": [0, 1]}, ["inconsistent numbers", "[3, 2]"]),
    ],
)
def test_impossible_decisions_and_parameters_are_refused(function, change, parts):
    with refused(*parts):
        function(**{"y_true": [0, 1, 1], "y_pred": [0, 1, 0], **change})


@pytest.mark.parametrize("n_rows", [600, 6000])
def test_intervals_of_many_classes_are_those_of_all_cells(n_rows, monkeypatch):
    """Drawing only the cells with rows gives the same intervals, up to the noise of the draws."""
    rng = np.random.default_rng(0)
    y = np.resize(np.arange(120), n_rows)
    decided = np.where(rng.random(n_rows) < 0.5, y, rng.integers(0, 120, n_rows))
    options = {"labels": np.arange(121), "n_resamples": 2000, "random_state": 0}
    few_cells = score_intervals(y, decided, **options)
    monkeypatch.setattr(_decisions, "_FEW_CLASSES", 1000)
    all_cells = score_intervals(y, decided, **options)
    for name in OVERALL:
        (low, high), (expected_low, expected_high) = few_cells[name], all_cells[name]
        noise = 0.1 * (expected_high - expected_low)
        assert abs(low - expected_low) < noise
        assert abs(high - expected_high) < noise
    np.testing.assert_array_equal(few_cells["recall"], all_cells["recall"])


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("labels", [None, ["ok", "fraud", "error"]], ids=["sorted", "given"])
def test_posteriors_in_a_table_are_read_by_class_label(library, labels):
    frame = pytest.importorskip(library).DataFrame
    index, proba = calibrated(300, 3, 0)
    in_order = sorted(["ok", "fraud", "error"]) if labels is None else labels
    y = np.array(in_order)[index]
    decided = np.array(in_order)[proba.argmax(axis=1)]
    table = frame({in_order[k]: proba[:, k] for k in (2, 0, 1)})
    by_position = frame({f"class {k}": proba[:, k] for k in range(3)})
    for score in (
        average_precision_by_class,
        calibration_error_by_class,
        lambda y, eta, labels: classification_summary(y, decided, eta, labels=labels)["overall"][
            "log_loss"
        ],
    ):
        expected = score(y, proba, labels=labels)
        np.testing.assert_array_equal(score(y, table, labels=labels), expected)
        np.testing.assert_array_equal(score(y, by_position, labels=labels), expected)
