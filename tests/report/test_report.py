"""The report: its figures are those of the summary, its flags are true, its page stands alone."""

import json
import os
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from ensemble_setup import ensemble, rows
from sklearn.cluster import KMeans
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import classification_report
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skimbalance._page import table_html, write_page
from skimbalance.metrics import classification_summary
from skimbalance.report import ImbalanceReport


def data(n=2000, seed=0):
    """Gaussian classes of equal spread: a logistic regression has their true posteriors."""
    rng = np.random.default_rng(seed)
    y = rng.choice(3, size=2 * n, p=[0.9, 0.08, 0.02])
    X = rng.normal(size=(2 * n, 2)) + np.array([[0, 0], [4, 0], [0, 4]])[y]
    return X[:n], y[:n], X[n:], y[n:]


@pytest.fixture(scope="module")
def fitted():
    X, y, X_test, y_test = data()
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y), X_test, y_test


def flagged(report, start):
    return [flag for flag in report.flags if flag.startswith(start)]


# Data


def test_both_ways_agree(fitted):
    clf, X, y = fitted
    one = ImbalanceReport.from_estimator(clf, X, y, random_state=0)
    other = ImbalanceReport.from_predictions(
        y, clf.predict(X), clf.predict_proba(X), random_state=0
    )
    assert one.to_dict() == other.to_dict()


def test_frame_is_scikit_learns_report(fitted):
    clf, X, y = fitted
    frame = ImbalanceReport.from_estimator(clf, X, y).frame()
    expected = classification_report(y, clf.predict(X), output_dict=True)
    assert frame.index.tolist() == clf.classes_.tolist()
    for label, row in frame.iterrows():
        of_class = expected[str(label)]
        assert row["support"] == of_class["support"]
        for ours, theirs in (("precision",) * 2, ("recall",) * 2, ("f1", "f1-score")):
            assert row[ours] == pytest.approx(of_class[theirs])
            assert row[f"{ours}_low"] <= row[ours] <= row[f"{ours}_high"]


def test_dict_is_the_summary_and_the_flags_and_is_json(fitted):
    clf, X, y = fitted
    report = ImbalanceReport.from_estimator(clf, X, y, random_state=0)
    summary = classification_summary(y, clf.predict(X), clf.predict_proba(X), random_state=0)
    more = {"flags": report.flags, "reject_option": report.summary["reject_option"]}
    assert report.to_dict() == summary | more
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False)) == report.to_dict()
    report.to_dict()["classes"].clear()
    assert report.to_dict()["classes"]


def test_probabilities_are_natural_and_decisions_those_of_predict():
    class Weighted(LogisticRegression):
        def predict_posterior(self, X):
            shares = np.array([0.9, 0.08, 0.02])
            proba = self.predict_proba(X) * shares
            return proba / proba.sum(axis=1, keepdims=True)

    X, y, X_test, y_test = data()
    clf = Weighted(class_weight="balanced").fit(X, y)
    report = ImbalanceReport.from_estimator(clf, X_test, y_test)
    np.testing.assert_array_equal(report.proba, clf.predict_posterior(X_test))
    np.testing.assert_array_equal(report.y_pred, clf.predict(X_test))
    assert not flagged(report, "Probabilities")
    as_trained = ImbalanceReport.from_predictions(
        y_test, clf.predict(X_test), clf.predict_proba(X_test)
    )
    assert flagged(as_trained, "Probabilities are badly calibrated: class 0")
    assert as_trained.summary["overall"]["log_loss"] > report.summary["overall"]["log_loss"]


def test_a_classifier_without_probabilities(tmp_path):
    X, y, X_test, y_test = data()
    report = ImbalanceReport.from_estimator(LinearSVC().fit(X, y), X_test, y_test)
    assert report.proba is None
    assert "average_precision" not in report.frame()
    assert "log-loss" not in str(report)
    report.save(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text().count("<img") == 1


def test_classes_that_only_the_classifier_or_only_the_rows_know():
    y = np.repeat(["a", "b", "c"], 100)
    X = np.eye(3)[np.repeat([0, 1, 2], 100)]
    clf = LogisticRegression().fit(X, y)
    y_test = np.where(y == "a", "new", y)
    report = ImbalanceReport.from_estimator(clf, X, y_test)
    assert report.frame().index.tolist() == ["a", "b", "c", "new"]
    assert np.all(report.proba[:, 3] == 0)
    assert flagged(report, "Never predicted: class 'new' (100 rows).")
    assert flagged(report, "Nothing is known about classes without test rows: class 'a'.")
    assert report.frame()["recall"].isna().tolist() == [True, False, False, False]


# Flags


def test_a_good_classifier_has_no_flag(fitted):
    clf, X, y = fitted
    assert ImbalanceReport.from_estimator(clf, X, y).flags == []
    assert "Nothing to warn about" in ImbalanceReport.from_estimator(clf, X, y)._repr_html_()


@pytest.mark.parametrize("strategy", ["prior", "uniform"])
def test_a_dummy_is_seen_through(strategy):
    X, y, X_test, y_test = data()
    dummy = DummyClassifier(strategy=strategy, random_state=0).fit(X, y)
    report = ImbalanceReport.from_estimator(dummy, X_test, y_test)
    assert flagged(report, "Decisions")
    assert flagged(report, "Rankings are no better than chance: class 0")
    assert bool(flagged(report, "Never predicted")) == (strategy == "prior")
    assert bool(flagged(report, "Probabilities are badly calibrated")) == (strategy == "uniform")


def test_chance_that_looks_a_little_better_is_named():
    y = np.repeat([0, 1], [95, 5])
    y_pred = np.zeros(100, int)
    y_pred[[0, 1, 99]] = 1
    # One hit among three alarms: hypergeometric, 1 - C(95, 3) / C(100, 3) = 14 %.
    (flag,) = flagged(ImbalanceReport.from_predictions(y, y_pred, random_state=0), "Decisions")
    assert "may be no better than chance" in flag
    percent = int(re.search(r"(\d+)%", flag)[1])
    assert abs(percent - 14) <= 4


def test_probabilities_worse_than_shares():
    y = np.repeat([0, 1], [900, 100])
    proba = np.column_stack([1 - y, y]) * 0.2 + 0.4
    report = ImbalanceReport.from_predictions(y, y, proba)
    (flag,) = flagged(report, "Probabilities are worse than the class shares alone")
    loss = -np.log(0.6)
    shares = -0.9 * np.log(0.9) - 0.1 * np.log(0.1)
    assert f"log-loss {loss:.3f} against {shares:.3f}" in flag
    assert not flagged(report, "Decisions")


def test_too_few_rows_and_enough():
    y = np.repeat(["common", "rare", "rarer"], [500, 40, 3])
    (flag,) = flagged(ImbalanceReport.from_predictions(y, y[::-1]), "Too few test rows")
    assert "class 'rarer' (3 rows" in flag
    assert "'rare' " not in flag
    assert "'common'" not in flag


@pytest.mark.parametrize("n_rare", [2, 15, 100, 1000])
@pytest.mark.parametrize("recall", [0.0, 0.06, 0.3, 0.49, 0.5, 0.9])
def test_classes_that_are_mostly_missed_are_named(n_rare, recall):
    """Never is nothing warned of beside a class of which more than half of the rows are missed."""
    y = np.repeat(["common", "rare"], [5000, n_rare])
    hits = int(recall * n_rare)
    y_pred = np.append(y[:-n_rare], np.repeat(["rare", "common"], [hits, n_rare - hits]))
    report = ImbalanceReport.from_predictions(y, y_pred, random_state=0)
    missed = hits < n_rare / 2
    assert any("'rare'" in flag and "iss" in flag for flag in report.flags) == (missed and hits > 0)
    if missed:
        assert flagged(report, "Mostly missed: ") if hits else flagged(report, "Never predicted")
        low, high = report.frame().loc["rare", ["recall_low", "recall_high"]]
        assert not hits or f"[{low:.2f}, {high:.2f}]" in flagged(report, "Mostly missed")[0]


def test_a_sentence_names_ten_classes():
    y = np.repeat(np.arange(1000), 4)
    report = ImbalanceReport.from_predictions(y, np.roll(y, 1), n_resamples=1)
    assert all(flag.count("class ") <= 10 for flag in report.flags)
    assert flagged(report, "Too few test rows")[0].endswith("and 990 more.")


def test_rows_of_one_class_say_little():
    report = ImbalanceReport.from_predictions([0] * 50, [0] * 49 + [1])
    assert flagged(report, "All test rows are of one class")
    assert not flagged(report, "Decisions")


# Text and tables


def test_text_has_every_figure_and_no_control_codes(fitted, monkeypatch):
    clf, X, y = fitted
    report = ImbalanceReport.from_estimator(clf, X, y, random_state=0)
    text = str(report)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    assert str(report) == text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 110
    for of_class in report.to_dict()["classes"]:
        for name in ("precision", "recall", "f1", "average_precision", "calibration_error"):
            assert f"{of_class[name]:.3f}" in text
    for name in ("balanced_accuracy", "log_loss", "brier"):
        assert f"{report.to_dict()['overall'][name]:.3f}" in text


def test_labels_are_text_and_nothing_else(tmp_path):
    labels = np.array(["<script>alert(1)</script>", "[red]&amp;", "x" * 200])
    rng = np.random.default_rng(0)
    y = labels[rng.integers(3, size=300)]
    report = ImbalanceReport.from_predictions(y, rng.permutation(y))
    report.save(tmp_path / "report.html")
    for page in (report._repr_html_(), (tmp_path / "report.html").read_text()):
        assert "<script" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "[red]&amp;amp;" in page
    assert "[red]&amp;" in str(report)
    assert sum(line.count("x") for line in str(report).splitlines()) >= 200


def test_fifty_classes(tmp_path):
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.full(50, 0.1), 2000)
    y = np.argmax(rng.multinomial(1, proba), axis=1)
    report = ImbalanceReport.from_predictions(y, np.argmax(proba, axis=1), proba)
    assert len(report.frame()) == 50
    report.save(tmp_path / "report.html")


# The page


class Reader(HTMLParser):
    """Collects all addresses and descriptions of images, and the tags that are open at the end."""

    VOID = ("meta", "img")

    def __init__(self):
        super().__init__()
        self.open = []
        self.addresses = []
        self.titles = []
        self.alts = []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.addresses += [attrs[name] for name in ("src", "href") if name in attrs]
        if tag == "img":
            self.alts.append(attrs["alt"])
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_page_is_whole_and_stands_alone(fitted, tmp_path):
    clf, X, y = fitted
    path = tmp_path / "report.html"
    ImbalanceReport.from_estimator(clf, X, y).save(path)
    text = path.read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    assert len(reader.alts) == 4
    assert all(reader.alts)
    assert all(address.startswith("data:image/png;base64,") for address in reader.addresses)
    assert not re.search(r"https?://|@import|url\(", text)
    assert os.listdir(tmp_path) == ["report.html"]


def test_a_failed_save_destroys_nothing(fitted, tmp_path, monkeypatch):
    clf, X, y = fitted
    report = ImbalanceReport.from_estimator(clf, X, y)
    path = tmp_path / "report.html"
    path.write_text("old")

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("skimbalance._page.files.os.replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        report.save(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.html"]


def test_a_missing_folder_is_named(fitted, tmp_path):
    clf, X, y = fitted
    with pytest.raises(FileNotFoundError, match=r"folder of the 'path'.*nowhere"):
        ImbalanceReport.from_estimator(clf, X, y).save(tmp_path / "nowhere" / "report.html")


def test_a_saved_page_replaces_the_old_one_behind_a_link(tmp_path):
    (tmp_path / "real.html").write_text("old")
    (tmp_path / "link.html").symlink_to(tmp_path / "real.html")
    write_page(tmp_path / "link.html", "new")
    assert (tmp_path / "link.html").is_symlink()
    assert (tmp_path / "real.html").read_text() == "new"


def test_tables_of_pages():
    import pandas as pd

    frame = pd.DataFrame(
        {"name": ["1", "<b>"], "share": [0.12345, np.nan], "rows": [3, 4], "note": ["2 x", "y"]}
    )
    html = table_html(frame)
    assert re.findall(r"<td[^>]*>([^<]*)</td>", html) == [
        "1", "0.123", "3", "2 x", "&lt;b&gt;", "-", "4", "y",
    ]  # fmt: skip
    assert re.findall(r'<th class="number">(\w+)', html) == ["share", "rows"]


# Refusals


def test_labels_of_another_type_are_refused(fitted):
    clf, X, y = fitted
    with pytest.raises(ValueError, match=r"'classes_' and 'y' .* one type. Got 0 and '0'"):
        ImbalanceReport.from_estimator(clf, X, y.astype(str))


def test_labels_of_several_a_row_are_refused(fitted):
    clf, X, y = fitted
    with pytest.raises(ValueError, match=r"'y' parameter of ImbalanceReport .*one class label"):
        ImbalanceReport.from_estimator(clf, X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match=r"'y_true' parameter of .*one class label for each row"):
        ImbalanceReport.from_predictions([[2, 0], [0, 2]], [[2, 0], [0, 2]])


def test_missing_labels_are_refused(fitted):
    clf, X, y = fitted
    with pytest.raises(ValueError, match=r"'y' of ImbalanceReport .*missing"):
        ImbalanceReport.from_estimator(clf, X, np.where(y == 0, np.nan, y))
    with pytest.raises(ValueError, match=r"'y_true' of ImbalanceReport .*missing"):
        ImbalanceReport.from_predictions(["a", None], ["a", "b"])


def test_a_class_that_is_predicted_and_never_found_is_named():
    report = ImbalanceReport.from_predictions([0] * 50 + [1] * 10, [1] * 10 + [0] * 50)
    assert "Never found: class 1 (10 rows, predicted 10 times)." in report.flags


@pytest.mark.parametrize("kind", [int, float, bool])
@pytest.mark.parametrize("wrap", [lambda y: pd.Series(y, dtype=object), lambda y: list(y.tolist())])
def test_numbers_as_objects_are_numbers(kind, wrap):
    y = np.repeat([0, 1], [60, 40]).astype(kind)
    X = np.random.default_rng(0).normal(size=(100, 2))
    clf = DummyClassifier(strategy="stratified", random_state=0).fit(X, y)
    expected = ImbalanceReport.from_estimator(clf, X, y, random_state=0).to_dict()
    assert ImbalanceReport.from_estimator(clf, X, wrap(y), random_state=0).to_dict() == expected
    by_hand = ImbalanceReport.from_predictions(
        wrap(y), wrap(clf.predict(X)), clf.predict_proba(X), random_state=0
    )
    assert by_hand.to_dict() == expected


@pytest.mark.parametrize(
    ("estimator", "y", "words"),
    [
        (
            LinearRegression(),
            [0, 1],
            "must be a classifier, with its classes as 'classes_'. Got Lin",
        ),
        (
            KMeans(1, n_init=1),
            [0, 1],
            "must be a classifier, with its classes as 'classes_'. Got KM",
        ),
        (DummyClassifier(), [0.5, 1], "must be classes, and not real numbers. Got 0.5"),
        (DummyClassifier(), [[0, 1], [1, 0]], "must have one class label for each row. Got"),
        (DummyClassifier(), "target", "must have one class label for each row. Got str"),
    ],
)
def test_what_has_no_classes_is_refused(estimator, y, words):
    X = np.zeros((2, 1))
    with pytest.raises(ValueError, match=re.escape(words)):
        ImbalanceReport.from_estimator(estimator.fit(X, [0, 1]), X, y)


# Out of fold


@pytest.fixture(
    scope="module", params=[np.arange(3), np.array(["a", "b", "c"])], ids=["int", "text"]
)
def bagged(request):
    X, y = rows(60, 40, 12)
    y = request.param[y]
    return ensemble(objective="mcc").fit(X, y), X, y


@pytest.mark.slow
def test_out_of_fold_report_is_that_of_the_predictions(bagged, tmp_path):
    clf, _, y = bagged
    report = ImbalanceReport.from_oof(clf, y, random_state=0)
    expected = ImbalanceReport.from_predictions(
        y, clf.oof_prediction_, clf.oof_proba_, labels=clf.classes_, random_state=0
    )
    assert report.to_dict() == expected.to_dict()
    # The objective of the ensemble is a figure of the report.
    assert report.summary["overall"]["mcc"] == pytest.approx(clf.objective_score_)
    said = f"mcc {clf.objective_score_:.3f}"
    assert report.about["out of fold"] == said
    report.save(tmp_path / "report.html")
    for text in (str(report), report._repr_html_(), (tmp_path / "report.html").read_text()):
        assert said in " ".join(text.split())


@pytest.mark.slow
def test_out_of_fold_report_leaves_out_what_no_fold_held_out():
    X, y = rows(60, 40)
    weight = np.repeat([1.0, 0.0], [90, 10])
    clf = ensemble().fit(X, y, sample_weight=weight)
    report = ImbalanceReport.from_oof(clf, y, slices=np.repeat(["a", "b"], 50), n_resamples=10)
    assert report.summary["n_rows"] == 90
    np.testing.assert_array_equal(report.y_true, y[:90])
    assert report.frame("slices")["n_rows"].to_list() == [50, 40]


@pytest.mark.slow
def test_out_of_fold_report_refuses_another_y(bagged):
    clf, _, y = bagged
    for other in (y[:-1], y[::-1], np.roll(y, 1), np.array(["x"] * len(y))):
        with pytest.raises(ValueError, match=r"(that of the fit|among the classes)"):
            ImbalanceReport.from_oof(clf, other)
    with pytest.raises(ValueError, match="model files and 'fit_stream' leave out"):
        ImbalanceReport.from_oof(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), y)
