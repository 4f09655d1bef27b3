"""Summaries of multilabel y: scikit-learn's scores, and those of each label by itself."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.dummy import DummyClassifier
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
)

from skimbalance.metrics import classification_summary
from skimbalance.metrics._posteriors import calibration_error

SHARES = np.array([0.6, 0.3, 0.1, 0.03])
NAMES = ["news", "sport", "chess", "curling"]


def drawn(n=400, seed=0):
    """An indicator, its true posteriors, and decisions."""
    rng = np.random.default_rng(seed)
    proba = rng.beta(2 * SHARES, 2 * (1 - SHARES), (n, 4))
    y = (rng.random((n, 4)) < proba).astype(int)
    return y, (proba > 0.3).astype(int), proba


def summary(*args, **options):
    return classification_summary(*args, random_state=0, **options)


def test_scores_are_scikit_learns():
    y, decided, proba = drawn()
    ours = summary(y, decided, proba)
    expected = precision_recall_fscore_support(y, decided, zero_division=np.nan)
    for name, scores in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        by_label = np.array([label[name] for label in ours["labels"]], dtype=float)
        np.testing.assert_allclose(by_label, scores, rtol=1e-12)
    for k, label in enumerate(ours["labels"]):
        assert label["average_precision"] == average_precision_score(y[:, k], proba[:, k])
        both = np.column_stack([1 - proba[:, k], proba[:, k]])
        error = calibration_error(y[:, k], both, np.ones(len(y)), 10)[1]
        assert label["calibration_error"] == pytest.approx(error)
    overall = ours["overall"]
    for average in ("macro", "micro", "samples"):
        score = f1_score(y, decided, average=average, zero_division=0)
        assert overall[f"f1_{average}"] == pytest.approx(score)
        low, high = overall[f"f1_{average}_interval"]
        assert low < score < high
    columns = zip(y.T, proba.T, strict=True)
    losses = [(log_loss(a, p), brier_score_loss(a, p)) for a, p in columns]
    assert [overall["log_loss"], overall["brier"]] == pytest.approx(np.mean(losses, axis=0))


def test_a_label_has_the_scores_and_intervals_of_the_second_of_two_classes():
    y, decided, _ = drawn()
    for k, label in enumerate(summary(y, decided)["labels"]):
        alone = summary(y[:, k], decided[:, k], labels=[0, 1])["classes"][1]
        for name in ("support", "predicted", "precision", "recall", "f1"):
            assert label[name] == pytest.approx(alone[name])
        for name in ("precision_interval", "recall_interval", "f1_interval"):
            np.testing.assert_allclose(label[name], alone[name])


def test_the_dummy_is_scikit_learns():
    y, decided, proba = drawn()
    X = np.zeros((len(y), 1))
    dummy = DummyClassifier(strategy="prior").fit(X, y)
    shares = np.column_stack([p[:, 1] for p in dummy.predict_proba(X)])
    expected = summary(y, dummy.predict(X), shares)["overall"]
    ours = summary(y, decided, proba)["dummy"]
    assert ours == pytest.approx({name: expected[name] for name in ours})


def test_a_label_that_is_not_known_in_a_row_is_a_row_less_for_the_label():
    y, decided, proba = drawn()
    known = np.random.default_rng(1).random(y.shape) < 0.7
    known[:5] = False  # nothing is known of these rows
    ours = summary(np.where(known, y, np.nan), decided, proba, n_resamples=1)
    assert ours["n_rows"] == known.any(axis=1).sum()
    for k, label in enumerate(ours["labels"]):
        rows = known[:, k]
        alone = summary(y[rows][:, [k, k]], decided[rows][:, [k, k]], proba[rows][:, [k, k]])
        for name in (*label, "n_rows"):
            if name not in ("label", "calibration_error_by_chance"):
                assert label[name] == alone["labels"][0][name], name
    # The mean over the rows counts the labels that are known.
    by_row = [
        f1_score(a[k], d[k], zero_division=0)
        for a, d, k in zip(y, decided, known, strict=True)
        if k.any()
    ]
    assert ours["overall"]["f1_samples"] == pytest.approx(np.mean(by_row))
    hit = np.where(y == 1, proba, 1 - proba)
    assert ours["overall"]["log_loss"] == pytest.approx(-np.log(hit[known]).mean())


def test_what_stands_in_the_place_of_a_missing_label_does_not_matter():
    y, decided, proba = drawn()
    missing = np.random.default_rng(1).random(y.shape) < 0.3
    given = np.where(missing, np.nan, y)
    expected = summary(given, decided, proba)
    changed = summary(given, np.where(missing, 1 - decided, decided), proba)
    for label in changed["labels"] + expected["labels"]:
        del label["calibration_error_by_chance"]  # drawn after those of other rows
    assert changed["labels"] == expected["labels"]
    nullable = pd.DataFrame(given).astype("Int8")
    objects = [np.where(missing, gap, y.astype(object)) for gap in (None, pd.NA)]
    for form in (nullable, nullable.astype(object), *objects):
        assert summary(form, decided, proba)["overall"] == expected["overall"]


@pytest.mark.parametrize(
    "form",
    [
        lambda y: y.tolist(),
        lambda y: y.astype(bool),
        csr_array,
        lambda y: pd.DataFrame(y, columns=NAMES),
        lambda y: pd.DataFrame(y, columns=NAMES).astype("boolean"),
    ],
    ids=["lists", "bool", "sparse", "frame", "nullable"],
)
def test_forms_of_an_indicator_agree_and_frames_name_the_labels(form):
    y, decided, proba = drawn()
    ours = summary(form(y), form(decided), proba)
    assert json.loads(json.dumps(ours, allow_nan=False)) == ours
    names = [label["label"] for label in ours["labels"]]
    assert names == (NAMES if isinstance(form(y), pd.DataFrame) else [0, 1, 2, 3])
    assert ours == summary(y, decided, proba, labels=names)


def test_order_of_rows_and_labels_does_not_matter():
    y, decided, proba = drawn()
    rows, columns = np.random.default_rng(0).permutation(len(y)), [2, 0, 3, 1]
    moved = summary(*(a[rows][:, columns] for a in (y, decided, proba)), labels=columns)
    ours = summary(y, decided, proba)
    for label in moved["labels"]:
        expected = ours["labels"][label["label"]]
        for name in ("support", "recall", "f1_interval", "average_precision"):
            assert label[name] == pytest.approx(expected[name])
    table = pd.DataFrame(proba[:, columns], columns=[NAMES[k] for k in columns])
    assert summary(y, decided, table, labels=NAMES) == summary(y, decided, proba, labels=NAMES)


def test_intervals_of_all_labels_agree_with_the_bootstrap_of_rows_where_rows_are_many():
    y, decided, _ = drawn(1000)
    rng = np.random.default_rng(0)
    draws = [rng.integers(len(y), size=len(y)) for _ in range(100)]
    for average in ("macro", "micro", "samples"):
        ours = summary(y, decided)["overall"][f"f1_{average}_interval"]
        scores = [f1_score(y[d], decided[d], average=average, zero_division=0) for d in draws]
        expected = np.quantile(scores, [0.025, 0.975])
        np.testing.assert_allclose(ours, expected, atol=0.35 * np.ptp(expected))


def test_a_perfect_classifier_is_not_certain():
    y = np.tile([[1, 0], [0, 1]], (5, 1))
    for name in ("f1_macro", "f1_micro", "f1_samples"):
        low, high = summary(y, y)["overall"][f"{name}_interval"]
        assert 0.5 < low < 0.99
        assert high == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y_pred": [[0, 2], [1, 0]]}, "'y_pred' .* each label 0 or 1. Got 2"),
        ({"y_pred": [[0, np.nan], [1, 0]]}, "'y_pred' .* 0 or 1. Got nan"),
        ({"y_pred": [0, 1]}, "'y_pred' .* column for each label.*Got"),
        ({"y_pred": [[0, 1]]}, r"'y_pred' .* shape of 'y_true', \(2, 2\)"),
        ({"proba": [[0.2, 0.5]]}, r"'proba' .* each of the 2 rows.*Got shape \(1, 2\)"),
        ({"proba": [[0.2, 1.5], [0, 0]]}, r"'proba' .*in \[0, 1\]. Got 1.5 in row 0"),
        ({"labels": ["a"]}, r"'labels' .* each of the 2 columns.*Got \['a'\]"),
        ({"labels": ["a", "a"]}, "'labels' .* once"),
        ({"y_true": np.full((2, 2), np.nan)}, "must know a label of some row"),
    ],
)
def test_impossible_indicators_are_refused(change, words):
    given = {"y_true": [[0, 1], [1, 0]], "y_pred": [[0, 1], [1, 0]], **change}
    with pytest.raises(ValueError, match=words):
        classification_summary(**given)
