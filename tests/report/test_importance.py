"""Laws of the importance of columns in a report."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skimbalance.report import ImbalanceReport


def table(n=600, seed=0):
    """A mixed table, three classes of which "c" is the rarest, and two labels."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "number": rng.normal(size=n),
            "colour": rng.choice(["red", "blue"], n),
            "noise": rng.normal(size=n),
        }
    )
    score = X["number"] + 2 * (X["colour"] == "red") + 0.3 * rng.normal(size=n)
    return X, np.select([score < 1, score < 2.5], ["a", "b"], "c")


def pipeline():
    encode = make_column_transformer((OneHotEncoder(), ["colour"]), remainder="passthrough")
    return make_pipeline(encode, LogisticRegression(max_iter=1000))


@pytest.fixture(scope="module")
def fitted():
    X, y = table()
    return pipeline().fit(X[:300], y[:300]), X[300:], y[300:]


def test_it_is_scikit_learns_for_the_average_precision_of_the_rarest_class(fitted):
    clf, X, y = fitted

    def of_rarest(clf, X, y):
        return average_precision_score(y == "c", clf.predict_proba(X)[:, 2])

    expected = permutation_importance(clf, X, y, scoring=of_rarest, n_repeats=3, random_state=7)
    report = ImbalanceReport.from_estimator(clf, X, y, importance=3, random_state=7)
    frame = report.frame("importance").loc[[*X.columns]]
    np.testing.assert_allclose(frame["mean"], expected.importances_mean, atol=1e-12)
    np.testing.assert_allclose(frame["std"], expected.importances_std, atol=1e-12)
    importance = report.to_dict()["importance"]
    assert importance["label"] == "c"
    assert importance["average_precision"] == report.frame().loc["c", "average_precision"]


@pytest.mark.parametrize("pos_label", ["a", "b"])
def test_another_class_may_be_asked_about(fitted, pos_label):
    clf, X, y = fitted
    report = ImbalanceReport.from_estimator(clf, X, y, pos_label=pos_label, importance=1)
    importance = report.to_dict()["importance"]
    assert importance["label"] == pos_label
    assert importance["average_precision"] == report.frame().loc[pos_label, "average_precision"]


def test_what_a_classifier_does_not_use_has_no_importance(fitted):
    _, X, y = fitted
    clf = DummyClassifier().fit(X, y)
    frame = ImbalanceReport.from_estimator(clf, X, y, importance=True).frame("importance")
    assert np.all(frame == 0)


def test_columns_that_say_the_same_share_their_importance():
    X, y = table()
    alone = X[["number"]].to_numpy()
    importances = []
    for columns in (alone, np.hstack([alone, alone])):
        clf = KNeighborsClassifier(15).fit(columns[:300], y[:300])
        report = ImbalanceReport.from_estimator(
            clf, columns[300:], y[300:], importance=10, random_state=0
        )
        importances.append(report.frame("importance")["mean"].to_numpy())
    assert np.all(importances[1] < importances[0])


def test_nothing_else_in_the_report_changes(fitted):
    clf, X, y = fitted
    plain = ImbalanceReport.from_estimator(clf, X, y, random_state=0).to_dict()
    found = ImbalanceReport.from_estimator(clf, X, y, importance=1, random_state=0).to_dict()
    assert found.pop("importance")
    assert found == plain
    assert "importance" not in plain


def test_the_report_says_it_everywhere(fitted, tmp_path):
    clf, X, y = fitted
    report = ImbalanceReport.from_estimator(clf, X, y, importance=True, random_state=0)
    assert report.to_dict()["importance"]["n_repeats"] == 5
    json.dumps(report.to_dict(), allow_nan=False)
    means = report.frame("importance")["mean"]
    assert means.index[-1] == "noise"
    assert means.is_monotonic_decreasing
    report.save(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    for text in (str(report), report._repr_html_(), page):
        assert "loses when the column" in " ".join(text.split())
        assert f"{means['colour']:.3f}" in text
    assert "Loss of the average precision of class" in page


def test_the_text_of_many_columns_ends():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 100)), np.repeat([0, 1], 30)
    clf = DummyClassifier().fit(X, y)
    report = ImbalanceReport.from_estimator(clf, X, y, importance=1)
    assert len(report.frame("importance")) == 100
    assert "80 more" in str(report)


@pytest.mark.parametrize("form", [pl.from_pandas, lambda X: X])
def test_tables_of_any_kind(form):
    X, y = table()
    report = ImbalanceReport.from_estimator(
        pipeline().fit(X, y), form(X), y, importance=1, slices="colour", random_state=0
    )
    assert set(report.frame("importance").index) == {*X.columns}
    assert report.frame("slices").loc["colour", "n_rows"].sum() == len(X)


def test_a_label_of_several():
    X, y = table()
    X = X[["number", "noise"]].to_numpy()
    labels = pd.DataFrame({"high": X[:, 0] > 1, "low": X[:, 0] < 0, "odd": X[:, 1] > 1.5}).astype(
        int
    )
    clf = MultiOutputClassifier(LogisticRegression()).fit(X, labels)
    report = ImbalanceReport.from_estimator(clf, X, labels, importance=2, slices=y)
    assert report.to_dict()["importance"]["label"] == "odd"
    assert report.frame("importance").index.tolist() == [1, 0]
    assert report.to_dict()["slices"]["label"] == "odd"
    report = ImbalanceReport.from_estimator(clf, X, labels, pos_label="low", importance=2)
    assert report.frame("importance").index.tolist() == [0, 1]
    assert "label 'low'" in str(report)


@pytest.mark.parametrize(
    ("X", "importance", "words"),
    [
        (csr_array(np.eye(4)), True, "unless X is a table.* Got a sparse matrix as X"),
        (np.zeros((4, 2, 2)), True, "Got ndarray as X"),
        (np.eye(4), -1, "must be a bool, or the number of shuffles.* Got -1"),
        (np.eye(4), 0.5, "must be a bool, or the number of shuffles.* Got 0.5"),
        (np.eye(4), "yes", "must be a bool, or the number of shuffles.* Got 'yes'"),
    ],
)
def test_what_cannot_be_shuffled_is_refused(X, importance, words):
    clf = DummyClassifier().fit(np.zeros((4, 1)), [0, 1, 1, 0])
    with pytest.raises(ValueError, match=words):
        ImbalanceReport.from_estimator(clf, X, [0, 1, 1, 0], importance=importance)


def test_a_class_without_rows_has_no_importance(fitted):
    clf, X, y = fitted
    kept = y != "c"
    with pytest.raises(ValueError, match=r"needs rows of the class .* none of 'c'"):
        ImbalanceReport.from_estimator(clf, X[kept], y[kept], pos_label="c", importance=True)


def test_sequences_have_no_columns_to_shuffle():
    class Tagger(DummyClassifier):
        def predict(self, X):
            return [["a"] * len(steps) for steps in X]

        def predict_proba(self, X):
            return np.full((len(X), max(map(len, X)), 2), 0.5)

    clf = Tagger().fit([[0], [0]], ["a", "b"])
    X, y = [[1, 2], [3, 4, 5]], [["a", "b"], ["b", "a", "a"]]
    assert "reject_option" not in ImbalanceReport.from_estimator(clf, X, y).to_dict()
    with pytest.raises(ValueError, match=r"'importance' parameter .* Got list as X"):
        ImbalanceReport.from_estimator(clf, X, y, importance=True)
