"""Reports on multilabel y and on sequences."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from ensemble_setup import ensemble
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_multilabel_classification
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skimbalance.metrics import classification_summary
from skimbalance.report import ImbalanceReport

NAMES = ["news", "sport", "chess"]
X, Y = make_multilabel_classification(300, n_features=6, n_classes=3, random_state=0)
FRAME = pd.DataFrame(Y, columns=NAMES)


def flagged(report, start):
    return [flag for flag in report.flags if flag.startswith(start)]


def figures_of(report):
    """Scores that do not depend on the draws of a bootstrap."""
    scores = report.summary["labels"] if "labels" in report.summary else report.summary["classes"]
    return [
        {k: v for k, v in of_one.items() if k != "calibration_error_by_chance"} for of_one in scores
    ]


# Multilabel y


@pytest.mark.parametrize(
    "estimator",
    [
        OneVsRestClassifier(LogisticRegression()),
        make_pipeline(StandardScaler(), MultiOutputClassifier(LogisticRegression())),
        DecisionTreeClassifier(max_depth=3, random_state=0),
        DummyClassifier(),
    ],
    ids=["one-vs-rest", "pipeline", "tree", "dummy"],
)
def test_a_report_of_labels_is_that_of_the_predictions(estimator):
    clf = estimator.fit(X[:200], Y[:200])
    report = ImbalanceReport.from_estimator(clf, X[200:], FRAME[200:], random_state=0)
    proba = clf.predict_proba(X[200:])
    if isinstance(proba, list):
        proba = np.column_stack([p[:, 1] for p in proba])
    expected = classification_summary(
        Y[200:], clf.predict(X[200:]), proba, labels=NAMES, random_state=0
    )
    for part, of_part in expected.items():
        assert report.to_dict()[part] == of_part
    assert report.frame().index.tolist() == NAMES
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False)) == report.to_dict()


def test_forms_of_an_indicator_agree():
    clf = OneVsRestClassifier(LogisticRegression()).fit(X, Y)
    options = {"random_state": 0, "n_resamples": 20}
    expected = ImbalanceReport.from_estimator(clf, X, Y, **options).to_dict()
    for y in (Y.tolist(), csr_array(Y), Y.astype(bool)):
        assert ImbalanceReport.from_estimator(clf, X, y, **options).to_dict() == expected
    sparse = OneVsRestClassifier(LogisticRegression()).fit(X, csr_array(Y))
    assert ImbalanceReport.from_estimator(sparse, X, Y, **options).to_dict() == expected


def test_labels_that_are_not_known_are_ignored_in_a_report(tmp_path):
    clf = OneVsRestClassifier(LogisticRegression()).fit(X, Y)
    known = np.random.default_rng(0).random(Y.shape) < 0.6
    y = FRAME.where(known)
    report = ImbalanceReport.from_estimator(clf, X, y, n_resamples=20)
    for k, name in enumerate(NAMES):
        rows = known[:, k]
        columns = [name, "other"]
        alone = ImbalanceReport.from_predictions(
            Y[rows][:, [k, k]],
            clf.predict(X[rows])[:, [k, k]],
            clf.predict_proba(X[rows])[:, [k, k]],
            labels=columns,
        )
        assert figures_of(report)[k] == figures_of(alone)[0]
        assert re.search(rf"{name} +{rows.sum()} +{Y[rows, k].sum()} ", str(report))
    assert "known rows" in report._repr_html_()
    report.save(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text().count("<img") == 3


def test_text_and_page_name_labels_and_not_classes(tmp_path):
    clf = OneVsRestClassifier(LogisticRegression()).fit(X, Y)
    report = ImbalanceReport.from_estimator(clf, X, FRAME, n_resamples=20)
    report.save(tmp_path / "report.html")
    page = re.sub(r'src="[^"]*"', "", (tmp_path / "report.html").read_text())
    for text in (str(report), report._repr_html_(), page):
        assert all(name in text for name in NAMES)
        assert "micro-F1" in text
        assert "300 rows, 3 labels" in text
        assert not re.search(
            r"class\b(?!ifier)(?!=)", re.sub(r"<style>.*</style>", "", text, flags=re.S)
        )
    assert "Found, missed and false alarms" in page


def test_flags_by_label():
    y = np.zeros((400, 4), int)
    y[:200, 0] = y[:100, 1] = y[:60, 2] = y[:3, 3] = 1
    decided = y.copy()
    decided[:, 1] = 0
    decided[:, 2] = 1
    report = ImbalanceReport.from_predictions(y, decided, labels=["a", "b", "c", "d"])
    by_chance = 2 * 0.15 / (1 + 0.15)  # of a label that 15 % of the rows have
    never, poor, few = report.flags
    assert never == "Never predicted: label 'b' (100 rows)."
    assert poor.startswith("Decisions are no better than giving the label to every row: label 'c' ")
    assert f"(F1 {by_chance:.3f} against {by_chance:.3f})" in poor
    assert few.startswith("Too few test rows to judge: label 'd' (3 rows, recall 0.")


@pytest.mark.parametrize("strategy", ["prior", "uniform"])
def test_a_dummy_of_labels_is_seen_through(strategy):
    dummy = DummyClassifier(strategy=strategy, random_state=0).fit(X, Y)
    report = ImbalanceReport.from_estimator(dummy, X, FRAME, n_resamples=20)
    assert flagged(report, "Rankings are no better than chance: label 'news'")
    assert report.summary["overall"]["log_loss"] >= report.summary["dummy"]["log_loss"] - 1e-9


def test_a_report_of_labels_wants_an_indicator():
    clf = OneVsRestClassifier(LogisticRegression()).fit(X, Y)
    with pytest.raises(ValueError, match=r"'y_pred' parameter of .*one class label for each row"):
        ImbalanceReport.from_estimator(clf, X, Y[:, 0])
    with pytest.raises(ValueError, match=r"'y_pred' .* shape of 'y_true', \(300, 2\)"):
        ImbalanceReport.from_estimator(clf, X, Y[:, :2])


@pytest.mark.slow
def test_out_of_fold_report_of_labels():
    missing = np.where(np.random.default_rng(0).random(Y.shape) < 0.1, np.nan, Y)
    clf = ensemble(objective="f1_macro").fit(X, missing)
    y = pd.DataFrame(missing, columns=NAMES)
    report = ImbalanceReport.from_oof(clf, y, random_state=0)
    expected = ImbalanceReport.from_predictions(
        y, clf.oof_prediction_, clf.oof_proba_, random_state=0
    )
    assert report.to_dict() == expected.to_dict()
    assert report.about["out of fold"] == f"f1_macro {clf.objective_score_:.3f}"
    for other in (missing[::-1], Y[:, :2], Y[:-1], Y):
        with pytest.raises(ValueError, match="y must be that of the fit, with a row of the label"):
            ImbalanceReport.from_oof(clf, other)


# Sequences


class Tagger(ClassifierMixin, BaseEstimator):
    """Posteriors of each step from its token: the share of each tag of this token."""

    def __init__(self, ignore_label=None):
        self.ignore_label = ignore_label

    def fit(self, X, y):
        self.classes_ = np.unique([tag for tags in y for tag in tags if tag != self.ignore_label])
        pairs = [p for x, tags in zip(X, y, strict=True) for p in zip(x, tags, strict=True)]
        index = {tag: k for k, tag in enumerate(self.classes_.tolist())}
        self.counts_ = np.ones((10, len(self.classes_)))
        for token, tag in pairs:
            if tag != self.ignore_label:
                self.counts_[token, index[tag]] += 1
        return self

    def predict_proba(self, X):
        shares = self.counts_ / self.counts_.sum(axis=1, keepdims=True)
        proba = np.zeros((len(X), max(map(len, X)), len(self.classes_)))
        for i, tokens in enumerate(X):
            proba[i, : len(tokens)] = shares[np.asarray(tokens)]
        return proba

    def predict(self, X):
        best = self.classes_[self.predict_proba(X).argmax(axis=2)]
        decided = [tags[: len(x)] for tags, x in zip(best, X, strict=True)]
        return np.array(decided) if isinstance(X, np.ndarray) else decided


def sequences(n=60, *, tags=("O", "B-PER", "I-PER")):
    rng = np.random.default_rng(0)
    tokens = [rng.integers(0, 10, rng.integers(2, 9)) for _ in range(n)]
    return tokens, [[tags[max(0, t - 7)] if rng.random() < 0.9 else "O" for t in x] for x in tokens]


def test_a_report_of_steps_is_that_of_the_predictions(tmp_path):
    tokens, tags = sequences()
    clf = Tagger().fit(tokens, tags)
    options = {"random_state": 0, "n_resamples": 20}
    report = ImbalanceReport.from_estimator(clf, tokens, tags, **options)
    expected = classification_summary(
        tags, clf.predict(tokens), clf.predict_proba(tokens), labels=clf.classes_, **options
    )
    for part, of_part in expected.items():
        assert report.to_dict()[part] == of_part
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False)) == report.to_dict()
    by_hand = ImbalanceReport.from_predictions(
        tags, clf.predict(tokens), clf.predict_proba(tokens), labels=clf.classes_, **options
    )
    assert by_hand.to_dict() == report.to_dict()
    types = report.frame("entities")
    assert types["support"].to_dict() == {e["label"]: e["support"] for e in expected["entities"]}
    report.save(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert page.count("<img") >= 3
    for text in (str(report), page):
        assert f"60 sequences, {sum(map(len, tags))} steps, 3 classes" in text
        assert "all entities" in text


def test_entities_are_left_out_where_labels_are_no_tags():
    tokens, tags = sequences(tags=("quiet", "loud", "O"))
    report = ImbalanceReport.from_estimator(Tagger().fit(tokens, tags), tokens, tags)
    assert "entities" not in report.to_dict()
    assert "entit" not in str(report)
    with pytest.raises(ValueError, match=r"one of \['classes'.* Got 'entities'"):
        report.frame("entities")


@pytest.mark.parametrize("padding", ["pad", "-100"])
def test_steps_of_the_label_to_be_ignored_do_not_count(padding):
    tokens, tags = sequences()
    clf = Tagger(ignore_label=padding).fit(tokens, tags)
    longer = [np.append(x, 0) for x in tokens]
    padded = [[*of_one, padding] for of_one in tags]
    options = {"random_state": 0, "n_resamples": 20}
    ours = ImbalanceReport.from_estimator(clf, longer, padded, **options).to_dict()
    assert ours == ImbalanceReport.from_estimator(clf, tokens, tags, **options).to_dict()


def test_tags_that_only_the_rows_know_are_never_predicted():
    tokens, tags = sequences()
    clf = Tagger().fit(tokens, tags)
    other = [["B-LOC" if tag == "B-PER" else tag for tag in of_one] for of_one in tags]
    report = ImbalanceReport.from_estimator(clf, tokens, other)
    assert flagged(report, "Never predicted: class 'B-LOC'")
    assert flagged(report, "Never predicted: entities 'LOC'")
    assert flagged(report, "Nothing is known about classes without test steps: class 'B-PER'.")


def test_classes_of_numbers_in_an_array_are_steps_and_no_labels():
    """A tagger of 0 and 1 has posteriors of sequences, steps and classes."""
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 10, (40, 5))
    event = (tokens > 7).astype(int)
    clf = Tagger().fit(tokens, event)
    report = ImbalanceReport.from_estimator(clf, tokens, event, n_resamples=20)
    assert report.summary["n_rows"] == 200
    assert [c["recall"] for c in report.summary["classes"]] == [1, 1]


# Words


def test_advice_on_weights_follows_from_what_probabilities_sum_to():
    y = np.repeat([0, 1], [900, 100])
    raised = np.full(1000, 0.4)
    sure = np.where(np.arange(1000) % 10 == 0, 0.99, 0.001)  # right on average, far too sure
    for p, is_raised in ((raised, True), (sure, False)):
        report = ImbalanceReport.from_predictions(y, y, np.column_stack([1 - p, p]))
        (flag,) = flagged(report, "Probabilities are badly calibrated")
        assert ("If class weights or resampling raised them, undo these first" in flag) == is_raised
        assert "Calibrate them on held-out rows." in flag
