"""Displays of multilabel y and of sequences: each label is drawn as the second of two classes."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import multilabel_confusion_matrix
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skimbalance.plots import (
    ConfusionDisplay,
    PerClassPrecisionRecallDisplay,
    ReliabilityDisplay,
)
from skimbalance.plots._drawing import SMALLEST_PRINT

CURVES = (PerClassPrecisionRecallDisplay, ReliabilityDisplay)


def drawn(n_labels=3, n=400):
    """An indicator, and its true posteriors; the last label is the rarest."""
    rng = np.random.default_rng(0)
    shares = np.linspace(0.5, 0.05, n_labels)
    proba = rng.beta(2 * shares, 2 * (1 - shares), (n, n_labels))
    return (rng.random(proba.shape) < proba).astype(int), proba


def of_label(display, k):
    """What a display of curves holds of one label."""
    data = [display.n_rows[k]]
    if isinstance(display, ReliabilityDisplay):
        return [*data, display.curves[k]]
    return [*data, display.precision[k], display.recall[k], display.average_precision[k]]


@pytest.mark.parametrize("display", CURVES)
def test_a_label_is_drawn_as_the_second_of_two_classes(display):
    y, proba = drawn()
    known = np.random.default_rng(1).random(y.shape) < 0.7
    given = np.where(known, y, np.nan)
    frame = pd.DataFrame(given, columns=["a", "b", "c"])
    ours = display.from_predictions(frame, proba)
    assert list(ours.classes) == ["a", "b", "c"]
    for k in range(3):
        p = proba[known[:, k], k]
        alone = display.from_predictions(y[known[:, k], k], np.column_stack([1 - p, p]))
        for one, other in zip(of_label(ours, k), of_label(alone, 1), strict=True):
            np.testing.assert_array_equal(one, other)


def test_confusion_is_scikit_learns_and_its_cells_say_found_and_missed():
    y, proba = drawn()
    decided = (proba > 0.3).astype(int)
    display = ConfusionDisplay.from_predictions(y, decided)
    counts = multilabel_confusion_matrix(y, decided)
    np.testing.assert_array_equal(display.confusion_matrix, counts)
    cells = [int(cell.get_text().split("\n")[1]) for cell in display.ax_.texts]
    assert cells == [
        n for (left, false), (missed, found) in counts for n in (found, missed, false, left)
    ]
    missing = np.where(np.arange(400)[:, None] < 100, np.nan, y)
    without = ConfusionDisplay.from_predictions(missing, decided)
    np.testing.assert_array_equal(
        without.confusion_matrix, multilabel_confusion_matrix(y[100:], decided[100:])
    )


def test_both_of_two_labels_are_drawn_as_neither_mirrors_the_other():
    y, proba = drawn(2)
    assert len(ReliabilityDisplay.from_predictions(y, proba).ax_) == 2


def test_chance_is_the_share_of_the_label_among_the_rows_in_which_it_is_known():
    y, proba = drawn(2)
    y = np.where(np.arange(400)[:, None] < [300, 0], np.nan, y)
    ax = PerClassPrecisionRecallDisplay.from_predictions(y, proba).ax_
    chances = [line.get_ydata()[0] for line in ax.get_lines() if list(line.get_xdata()) == [0, 1]]
    assert sorted(chances) == sorted(np.nanmean(y, axis=0))
    assert "chance, by label" in [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize(
    "model",
    [OneVsRestClassifier(LogisticRegression()), DecisionTreeClassifier(max_depth=3)],
    ids=["one-vs-rest", "tree"],
)
def test_from_an_estimator_of_labels_is_from_its_predictions(model):
    y, X = drawn()
    model.fit(X, y)
    proba = model.predict_proba(X)
    if isinstance(proba, list):
        proba = np.column_stack([p[:, 1] for p in proba])
    for display in CURVES:
        one = display.from_estimator(model, X, y)
        other = display.from_predictions(y, proba)
        assert getattr(one, "corrected", None) is None
        for k in range(3):
            for a, b in zip(of_label(one, k), of_label(other, k), strict=True):
                np.testing.assert_array_equal(a, b)
    confusion = ConfusionDisplay.from_estimator(model, X, y).confusion_matrix
    np.testing.assert_array_equal(confusion, multilabel_confusion_matrix(y, model.predict(X)))


def test_labels_are_ranked_by_decision_function_where_there_are_no_probabilities():
    y, X = drawn()
    model = OneVsRestClassifier(LinearSVC()).fit(X, y)
    PerClassPrecisionRecallDisplay.from_estimator(model, X, y)
    with pytest.raises(ValueError, match="must have 'predict_proba'"):
        ReliabilityDisplay.from_estimator(model, X, y)


def test_a_corrected_classifier_of_labels_is_drawn_beside_it():
    y, X = drawn()
    weighted = OneVsRestClassifier(LogisticRegression(class_weight="balanced")).fit(X, y)
    plain = OneVsRestClassifier(LogisticRegression()).fit(X, y)
    display = ReliabilityDisplay.from_estimator(weighted, X, y, corrected=plain)
    expected = ReliabilityDisplay.from_estimator(plain, X, y).curves
    for one, other in zip(display.corrected, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("n_labels", [2, 30])
@pytest.mark.parametrize("display", [ConfusionDisplay, *CURVES])
def test_names_of_labels_can_be_read(display, n_labels):
    y, proba = drawn(n_labels)
    names = [f"a rather long name of a label, the {k}th" for k in range(n_labels)]
    second = (proba > 0.3).astype(int) if display is ConfusionDisplay else proba
    figure = display.from_predictions(y, second, labels=names).figure_
    figure.draw_without_rendering()
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= SMALLEST_PRINT
    box = figure.get_tightbbox()
    assert np.all([box.x0, box.y0] >= np.zeros(2))
    assert np.all(box.p1 <= figure.get_size_inches())
    assert not any("class" in text.get_text() for text in texts)
    for ax in figure.axes:
        boxes = [t.get_window_extent() for t in ax.get_yticklabels() if t.get_text()]
        assert all(min(a.y1, b.y1) - max(a.y0, b.y0) < 3 for a, b in pairwise(boxes))


# Sequences


class Tagger(ClassifierMixin, BaseEstimator):
    """Predicts fixed posteriors of each token."""

    classes_ = np.array(["O", "event"])
    shares = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])

    def __sklearn_is_fitted__(self):
        return True

    def predict_proba(self, X):
        proba = np.zeros((len(X), max(map(len, X)), 2))
        for i, tokens in enumerate(X):
            proba[i, : len(tokens)] = self.shares[tokens]
        return proba

    def predict(self, X):
        return [self.classes_[self.shares[tokens].argmax(axis=1)] for tokens in X]


@pytest.mark.parametrize("display", [ConfusionDisplay, *CURVES])
def test_steps_of_sequences_are_drawn_as_rows(display):
    rng = np.random.default_rng(0)
    tokens = [rng.integers(0, 3, length) for length in rng.integers(1, 9, 40)]
    tags = [np.where(rng.random(len(x)) < Tagger.shares[x, 1], "event", "O") for x in tokens]
    model, flat = Tagger(), np.concatenate(tokens)
    ours = display.from_estimator(model, tokens, tags)
    second = model.predict([flat])[0] if display is ConfusionDisplay else Tagger.shares[flat]
    expected = display.from_predictions(np.concatenate(tags), second, labels=model.classes_)
    if display is ConfusionDisplay:
        np.testing.assert_array_equal(ours.confusion_matrix, expected.confusion_matrix)
        return
    for k in range(2):
        for one, other in zip(of_label(ours, k), of_label(expected, k), strict=True):
            np.testing.assert_array_equal(one, other)
