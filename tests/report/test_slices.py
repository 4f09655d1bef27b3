"""Laws of the slices of a report."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import fisher_exact
from sklearn.dummy import DummyClassifier
from sklearn.metrics import f1_score, precision_score, recall_score

from skimbalance.metrics import score_intervals
from skimbalance.metrics._p_values import holm
from skimbalance.report import ImbalanceReport
from skimbalance.report._slices import slice_columns, slice_flags, slice_scores


def drawn(n=2000, seed=0, n_classes=2):
    """True classes, decisions that are mostly right, and a table that has nothing to do with it."""
    rng = np.random.default_rng(seed)
    shares = np.append([0.85 - 0.1 * (n_classes - 2)], np.full(n_classes - 1, 0.1))
    y = rng.choice(n_classes, n, p=shares / shares.sum())
    decided = np.where(rng.random(n) < 0.7, y, rng.integers(n_classes, size=n))
    X = pd.DataFrame(
        {
            "age": rng.integers(18, 90, n).astype(float),
            "town": rng.choice(["York", "Bath", "Ely"], n),
            "paid": rng.random(n) < 0.5,
        }
    )
    return y, decided, X


def sliced(y, decided, slices, **kwargs):
    return ImbalanceReport.from_predictions(
        y, decided, slices=slices, n_resamples=10, random_state=0, **kwargs
    )


# Scores


@pytest.mark.parametrize("n_classes", [2, 4])
def test_scores_are_scikit_learns_on_the_rows_of_the_slice(n_classes):
    y, decided, X = drawn(n_classes=n_classes)
    report = sliced(y, decided, X["town"])
    rare = report.summary["slices"]["label"]
    assert rare == np.argmin(np.bincount(y))
    for (column, value), row in report.frame("slices").iterrows():
        rows = X[column] == value
        true, pred = y[rows] == rare, decided[rows] == rare
        assert row["n_rows"] == rows.sum()
        assert (row["support"], row["predicted"]) == (true.sum(), pred.sum())
        assert row["hits"] == np.sum(true & pred)
        for name, score in (
            ("recall", recall_score),
            ("precision", precision_score),
            ("f1", f1_score),
        ):
            assert row[name] == pytest.approx(score(true, pred))
            ends = score_intervals(true, pred, level=0.95, n_resamples=1)[name][1]
            assert [row[f"{name}_low"], row[f"{name}_high"]] == pytest.approx([*ends])


def test_a_slice_of_all_rows_is_the_class_in_the_report():
    y, decided, _ = drawn()
    report = sliced(y, decided, np.zeros(len(y)), level=0.8)
    (row,) = report.to_dict()["slices"]["parts"]
    of_class = next(c for c in report.to_dict()["classes"] if c["label"] == 1)
    assert {name: row[name] for name in row if name in of_class} == {
        name: of_class[name] for name in of_class if name in row
    }
    assert row["recall_p_value"] is None


@pytest.mark.parametrize("seed", range(5))
def test_every_row_is_in_one_slice_of_each_column(seed):
    rng = np.random.default_rng(seed)
    n = 1000
    y, decided, _ = drawn(n)
    X = pd.DataFrame(
        {
            "number": rng.choice([rng.normal(size=n), np.full(n, np.nan)][seed % 2], n),
            "spike": np.where(rng.random(n) < 0.9, 7.0, rng.normal(size=n)),
            "zeros": np.where(rng.random(n) < 0.9, 0.0, rng.exponential(size=n)),
            "missing": np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
            "whole": pd.array(rng.integers(0, 100, n), dtype="Int64"),
            "day": pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 99, n), "D"),
            "code": rng.choice([f"{k:03d}" for k in range(200)], n),
            "level": pd.Categorical(rng.choice(["low", "high"], n), ["low", "high", "never"]),
            "mixed": rng.choice(np.array([1, "one", None, True], dtype=object), n),
        }
    )
    X.loc[:5, "whole"] = pd.NA
    frame = sliced(y, decided, X).frame("slices")
    sums = frame.groupby(level="column")[["n_rows", "support", "predicted", "hits"]].sum()
    assert np.all(sums["n_rows"] == n)
    assert np.all(sums["support"] == np.sum(y == 1))
    assert np.all(sums["hits"] == np.sum((y == 1) & (decided == 1)))
    assert np.all(frame["n_rows"] > 0)
    assert np.all(frame.groupby(level="column").size() <= 12)


def test_numbers_are_cut_at_their_quartiles():
    y, decided, _ = drawn(1000)
    numbers = np.random.default_rng(0).permutation(1000) * 0.5
    frame = sliced(y, decided, numbers).frame("slices").loc["slice"]
    assert frame["n_rows"].tolist() == [250] * 4
    assert frame.index[0] == "up to 124.5"
    assert frame.index[1] == "over 124.5, up to 249.5"
    assert frame.index[3] == "over 374.5"


def test_quarters_of_a_few_rows_stay_apart():
    y, decided, _ = drawn(40)
    frame = sliced(y, decided, np.arange(40)).frame("slices")
    assert frame["n_rows"].tolist() == [10] * 4


def test_values_with_few_rows_share_a_slice_and_are_never_bare():
    y, decided, _ = drawn(1000)
    names = np.array(["big"] * 900 + ["first"] * 19 + ["second"] * 19 + ["mid"] * 62)
    report = sliced(y, decided, names)
    frame = report.frame("slices").loc["slice"]
    assert frame["n_rows"].to_dict() == {"big": 900, "mid": 62, "2 other values": 38}
    # Two rows that are both found may come from a recall of one third.
    y, decided = np.repeat([0, 1], [98, 2]), np.repeat([0, 1], [98, 2])
    row = sliced(y, decided, np.repeat(["a", "b"], 50)).frame("slices").loc[("slice", "b")]
    assert row["recall"] == 1
    assert row["recall_low"] < 0.4
    assert "1.000 [0.33, 1.00]" in str(sliced(y, decided, np.repeat(["a", "b"], 50)))


# Tests


def test_p_values_are_fishers_after_holm():
    y, decided, X = drawn()
    parts = sliced(y, decided, X[["town", "paid"]]).to_dict()["slices"]["parts"]
    raw, found = [], []
    for name, of in (("recall", y == 1), ("precision", decided == 1)):
        hit = (y == 1) & (decided == 1)
        for column, values in (("town", ["Bath", "Ely", "York"]), ("paid", ["True"])):
            for value in values:
                inside = X[column].astype(str) == value
                counts = [
                    [np.sum(hit & rows), np.sum(of & ~hit & rows)] for rows in (inside, ~inside)
                ]
                raw.append(fisher_exact(counts).pvalue)
                same = [p for p in parts if (p["column"], p["value"]) == (column, value)]
                found.append(same[0][f"{name}_p_value"])
    np.testing.assert_allclose(found, holm(np.array(raw)))


def test_slices_without_a_difference_are_rarely_flagged():
    """Holm: of reports in which no slice differs, at most one in twenty flags any."""
    n_flagged = 0
    for seed in range(60):
        y, decided, X = drawn(500, seed)
        columns = slice_columns(X, len(X), "a test")
        slices = {"label": 1} | slice_scores(columns, y == 1, decided == 1, 0.95)
        n_flagged += any(slice_flags(slices, "class"))
    assert n_flagged <= 8  # 3 are expected at most, and more than 8 in 1 of 300 cases


def test_a_slice_that_is_worse_is_flagged_and_no_other():
    y, decided, X = drawn()
    missed = (X["town"] == "Ely") & (y == 1)
    decided = np.where(missed & (np.arange(len(y)) % 3 > 0), 0, decided)
    (flag,) = [flag for flag in sliced(y, decided, X).flags if flag.startswith("Recall")]
    assert flag.startswith("Recall of class 1 is lower than elsewhere, beyond chance: town: Ely (")
    assert flag.count(": ") == 2


def test_a_better_slice_is_no_fault():
    y, decided, X = drawn()
    decided = np.where(X["town"] == "Ely", y, decided)
    flags = " ".join(sliced(y, decided, X["town"]).flags)
    assert "Ely" not in flags
    assert "York" in flags


# Forms


def test_all_forms_of_the_same_column_agree():
    y, _, X = drawn(300)
    clf = DummyClassifier(strategy="stratified", random_state=0).fit(X, y)
    town = X["town"]
    backwards = town.set_axis(np.arange(len(X))[::-1])  # an index does not move rows
    expected = ImbalanceReport.from_estimator(
        clf, X, y, slices="town", n_resamples=10, random_state=0
    )
    for form in (["town"], ("town",), town, town.to_frame(), backwards, pl.Series("town", town)):
        report = ImbalanceReport.from_estimator(
            clf, X, y, slices=form, n_resamples=10, random_state=0
        )
        assert report.to_dict() == expected.to_dict()
    without_a_name = expected.frame("slices").droplevel("column")
    for form in (town.tolist(), town.to_numpy(), town.to_numpy()[:, None]):
        report = ImbalanceReport.from_estimator(clf, X, y, slices=form, n_resamples=10)
        pd.testing.assert_frame_equal(report.frame("slices").droplevel("column"), without_a_name)
    two = ImbalanceReport.from_estimator(clf, X, y, slices=X[["town", "paid"]].to_numpy())
    assert two.frame("slices").index.unique("column").tolist() == ["slice 0", "slice 1"]


def test_the_report_says_it_everywhere(tmp_path):
    y, decided, X = drawn()
    report = sliced(y, decided, X)
    assert "slices" not in ImbalanceReport.from_predictions(y, decided).to_dict()
    slices = report.to_dict()["slices"]
    assert slices == json.loads(json.dumps(slices, allow_nan=False))
    report.save(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    recall = report.frame("slices").loc[("town", "Ely"), "recall"]
    for text in (str(report), report._repr_html_(), page):
        assert "town: Ely" in text
        assert f"{recall:.3f} [" in text
    assert "Recall and precision of class 1 by slice" in page
    assert max(map(len, str(report).splitlines())) <= 115


def test_labels_that_are_not_known_are_left_out():
    y, decided, X = drawn(400)
    labels = np.column_stack([y, 1 - y]).astype(float)
    labels[:100, 0] = np.nan
    report = sliced(labels, np.column_stack([decided, 1 - decided]), X["town"], pos_label=0)
    expected = sliced(y[100:], decided[100:], X["town"][100:], pos_label=1)
    assert report.summary["slices"]["parts"] == expected.summary["slices"]["parts"]


@pytest.mark.parametrize(
    ("slices", "words"),
    [
        ("village", r"must name columns of X.* Got 'village', but the columns are \['age'"),
        (["town", "size"], r"must name columns of X.* Got 'size'"),
        (np.zeros(7), r"a value for each of the 300 rows\. Got shape \(7,\) for 'slice'"),
        (pd.DataFrame({"a": [1]}), r"Got shape \(1,\) for 'a'"),
        (3, r"Got shape \(\) for 'slice'"),
        ([0], r"Got shape \(1,\) for 'slice': give an array, .* names of its columns as text"),
        ({"town": ["Ely"]}, r"Got shape \(\) for 'slice': give an array"),
    ],
)
def test_slices_of_other_rows_are_refused(slices, words):
    y, _, X = drawn(300)
    clf = DummyClassifier().fit(X, y)
    with pytest.raises(ValueError, match=words):
        ImbalanceReport.from_estimator(clf, X, y, slices=slices)


def test_names_without_a_table_are_refused():
    y, _, X = drawn(300)
    clf = DummyClassifier().fit(X[["age"]].to_numpy(), y)
    with pytest.raises(
        ValueError, match=r"Got 'age', but X has no names of columns: give the values"
    ):
        ImbalanceReport.from_estimator(clf, X[["age"]].to_numpy(), y, slices="age")


def test_names_without_rows_are_refused():
    y, decided, _ = drawn(300)
    with pytest.raises(ValueError, match=r"value for each of the 300 rows.* where X is a table"):
        ImbalanceReport.from_predictions(y, decided, slices="age")


def test_steps_have_no_slices():
    y = [["a", "b"], ["b", "a", "a"]]
    with pytest.raises(ValueError, match="must be None for sequences"):
        ImbalanceReport.from_predictions(y, y, slices=[0, 1])
