"""Displays: what they draw is what scikit-learn computes, and can be read."""

import os
import subprocess
import sys
from itertools import pairwise
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    confusion_matrix,
    precision_recall_curve,
    recall_score,
)
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import Bunch

from skimbalance import ImbalancedMLPClassifier, plots
from skimbalance.plots import (
    ConfusionDisplay,
    LearningCurvesDisplay,
    PerClassPrecisionRecallDisplay,
    ReliabilityDisplay,
    StrategyComparisonDisplay,
    ThresholdCurveDisplay,
)
from skimbalance.plots._drawing import (
    COLORS,
    SMALLEST_PRINT,
    drawn_apart,
    heat_map,
    probability_axis,
)
from skimbalance.plots._words import short

HISTORY = {
    "loss": [0.9, 0.5, 0.4, 0.3],
    "val_loss": [0.8, 0.6, 0.5, 0.7],
    "val_f1_macro": [0.1, 0.4, 0.6, 0.3],
}
LONG = "Synthetic identity, application fraud, case {:02d}"


def predictions(n_classes=3, n=600, names=None):
    """Labels with a tail, and probabilities that are their true posteriors."""
    rng = np.random.default_rng(n_classes)
    prior = 0.6 ** np.arange(n_classes) if n_classes < 20 else 1 / np.arange(1.0, n_classes + 1)
    prior /= prior.sum()
    y = np.concatenate([np.arange(n_classes), rng.choice(n_classes, n - n_classes, p=prior)])
    z = rng.normal(size=(n, n_classes)) + 2 * (y[:, None] == np.arange(n_classes))
    names = np.arange(n_classes) if names is None else np.array(names)
    return names[y], softmax(2 * z + np.log(prior), axis=1), names


def comparison(n_strategies=4, n_classes=3, names=None):
    rng = np.random.default_rng(0)
    p_values = np.resize([np.nan, 0.3, 0.01], n_strategies)
    return SimpleNamespace(
        names=names or [f"strategy {i}" for i in range(n_strategies)],
        scores=np.linspace(0.9, 0.5, n_strategies)[:, None]
        + rng.normal(0, 0.01, (n_strategies, 5)),
        recall=rng.random((n_strategies, n_classes)),
        classes=[LONG.format(k) for k in range(n_classes)],
        class_counts=1000 // np.arange(1, n_classes + 1) ** 2,
        metric="f1_macro",
        p_values=p_values,
    )


def tuned(**changes):
    thresholds = np.array([0.0, 0.001, 0.01, 0.1, 0.4])
    curve = Bunch(thresholds=thresholds, scores=0.5 + thresholds, scores_std=np.full(5, 0.05))
    values = {"curve_": curve, "threshold_": 0.01, "threshold_std_": 0.02, "objective": "mcc"}
    return SimpleNamespace(**{**values, **changes})


def legend_texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def lines(ax):
    """Data of the lines of an axes, by label."""
    return {line.get_label(): np.array(line.get_data(orig=True)) for line in ax.get_lines()}


# Name -> function of (classes, ax) to a display that is drawn.
def _draw_comparison(n_classes, ax):
    return StrategyComparisonDisplay.from_comparison(comparison(n_classes=n_classes), ax=ax)


def _draw(display):
    def draw(n_classes, ax):
        names = [LONG.format(k) for k in range(n_classes)]
        y, proba, names = predictions(n_classes, names=names)
        second = names[proba.argmax(axis=1)] if display is ConfusionDisplay else proba
        return display.from_predictions(y, second, labels=names, ax=ax)

    return draw


DRAW = {
    "LearningCurvesDisplay": lambda _, ax: LearningCurvesDisplay.from_history(HISTORY, 3, ax=ax),
    "ThresholdCurveDisplay": lambda _, ax: ThresholdCurveDisplay.from_estimator(tuned(), ax=ax),
    "StrategyComparisonDisplay": _draw_comparison,
    **{
        display.__name__: _draw(display)
        for display in (PerClassPrecisionRecallDisplay, ReliabilityDisplay, ConfusionDisplay)
    },
}


def test_every_display_is_drawn_here():
    assert set(DRAW) == set(plots.__all__)


# All displays


@pytest.mark.parametrize("n_classes", [2, 5, 10, 50, 300])
@pytest.mark.parametrize("name", DRAW)
def test_names_can_be_read(name, n_classes):
    """Everything drawn lies within the figure, is large enough, and names do not overlap."""
    figure = DRAW[name](n_classes, None).figure_
    figure.draw_without_rendering()
    assert max(figure.get_size_inches()) < 35
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= SMALLEST_PRINT
    drawn = figure.get_tightbbox()
    assert drawn.x0 >= 0
    assert drawn.y0 >= 0
    assert np.all(drawn.p1 <= figure.get_size_inches())
    for ax in figure.axes:
        for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
            # In a box as high as the letters, and not the line.
            boxes = [label.get_window_extent() for label in labels if label.get_text()]
            for box, after in pairwise(boxes):
                across = min(box.x1, after.x1) - max(box.x0, after.x0)
                along = min(box.y1, after.y1) - max(box.y0, after.y0)
                assert min(across, along) < 3, (name, labels)


@pytest.mark.parametrize("name", DRAW)
def test_given_axes_are_drawn_on(name):
    figure = Figure(figsize=(12, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    display = DRAW[name](5, left)
    assert display.ax_ is left
    assert display.figure_ is figure
    assert left.has_data()
    assert not right.has_data()
    figure.draw_without_rendering()


@pytest.mark.parametrize("display", [PerClassPrecisionRecallDisplay, ReliabilityDisplay])
def test_letters_that_no_font_has_are_drawn_as_repr_does(display):
    """matplotlib warns of letters without a glyph, and fails at half of a surrogate."""
    y, proba, names = predictions(2, names=["\x1b[2J\x07a", "\ud800b"])
    drawn = [
        display.from_predictions(y, proba, labels=names),
        ConfusionDisplay.from_predictions(y, names[proba.argmax(axis=1)], labels=names),
    ]
    for figure in (display.figure_ for display in drawn):
        figure.draw_without_rendering()
        assert any(r"\ud800b" in text.get_text() for text in figure.findobj(Text))


def pyplot_figures():
    """The figures that a notebook shows below a cell, without making one of them current."""
    return [manager.canvas.figure for manager in plt._pylab_helpers.Gcf.get_all_fig_managers()]


@pytest.mark.parametrize("name", DRAW)
def test_a_new_figure_is_pyplots_current_one_as_in_scikit_learn(name):
    for n_drawn in (1, 2):
        display = DRAW[name](3, None)
        assert pyplot_figures()[n_drawn - 1 :] == [display.figure_]
        assert plt.gcf() is display.figure_


@pytest.mark.parametrize("name", DRAW)
def test_nothing_but_a_display_without_axes_makes_a_figure_of_pyplot(name):
    DRAW[name](3, Figure().subplots())
    _, ax = plt.subplots()
    display = DRAW[name](3, ax)
    assert pyplot_figures() == [ax.figure]
    assert drawn_apart(display) not in pyplot_figures()
    assert pyplot_figures() == [ax.figure]


@pytest.mark.parametrize("name", DRAW)
def test_a_notebook_shows_a_display_once(name):
    """By pyplot in the cell that draws it, as a picture in a later cell."""
    display = DRAW[name](3, None)
    assert display._repr_png_() is None
    plt.close(display.figure_)
    # The next figure has the same number.
    plt.figure()
    assert display._repr_png_().startswith(b"\x89PNG")
    assert type(display).__new__(type(display))._repr_png_() is None


@pytest.mark.parametrize("name", DRAW)
def test_plotting_again_makes_another_figure(name):
    display = DRAW[name](3, None)
    first = display.figure_
    assert display.plot() is display
    assert display.figure_ is not first


@pytest.mark.slow
def test_pages_need_no_pyplot_displays_set_nothing_and_the_import_is_light(tmp_path):
    code = (
        "import sys; import skimbalance.plots as plots\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import matplotlib; before = matplotlib.rcParams.copy()\n"
        "from skimbalance.report import ImbalanceReport\n"
        "ImbalanceReport.from_predictions([0, 0, 1], [0, 1, 1], [[0.6, 0.4]] * 3).save('r.html')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "plots.ConfusionDisplay([[8, 2], [1, 1]], classes=['a', 'b']).plot()\n"
        "assert matplotlib.rcParams.copy() == before"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "agg"},
    )
    assert run.returncode == 0, run.stderr


def luminance(color):
    """Relative luminance of a colour (WCAG 2.1)."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.03928, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("name", DRAW)
def test_lines_and_words_stand_out_in_any_style(name, style):
    """At least 2 to 1, and so does the paler half of a colour-blind palette on white."""
    with plt.style.context(style):
        figure = DRAW[name](10, None).figure_
        for ax in figure.axes:
            texts = [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.get_xticklabels()]
            words = [] if ax.get_images() else ax.texts
            for artist in [*ax.get_lines(), *texts, *words]:
                color = to_rgb(artist.get_color())
                assert contrast(color, figure.get_facecolor()) > 2, artist


# How the red- or green-blind see linear RGB (Viénot, Brettel & Mollon 1999,
# doi:10.1002/(SICI)1520-6378(199908)24:4<243::AID-COL5>3.0.CO;2-3).
DICHROMATS = {
    "protanope": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deuteranope": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
}


@pytest.mark.parametrize("who", DICHROMATS)
def test_colours_stay_apart_for_the_colour_blind(who):
    """At least a tenth of the way from black to one full channel."""
    linear = np.array([to_rgb(color) for color in COLORS]) ** 2.2
    seen = np.clip(linear @ np.transpose(DICHROMATS[who]), 0, 1) ** (1 / 2.2)
    apart = np.linalg.norm(seen[:, None] - seen, axis=2)[np.triu_indices(len(seen), 1)]
    assert apart.min() > 0.1


def test_short_names():
    assert short("mule") == "mule"
    assert short("a\n b") == "a b"
    assert short("$5-$10") == r"\$5-\$10"
    name = short("first words of a name, last", 12)
    assert len(name) <= 12
    assert name.startswith("first")
    assert name.endswith("ast")
    assert short(LONG.format(1)) != short(LONG.format(2))


def test_labels_that_matplotlib_would_hide_or_typeset():
    y, proba, names = predictions(2, names=["_private", "$x$"])
    display = PerClassPrecisionRecallDisplay.from_predictions(y, proba, labels=names)
    assert {text.split(":")[0] for text in legend_texts(display.ax_)[:2]} == {"_private", r"\$x\$"}
    display.figure_.draw_without_rendering()


# Learning curves


def test_learning_curves_hold_the_history():
    display = LearningCurvesDisplay.from_history(HISTORY, best_epoch=3)
    epochs, loss = lines(display.ax_)["training loss"]
    np.testing.assert_array_equal(epochs, [1, 2, 3, 4])
    np.testing.assert_array_equal(loss, HISTORY["loss"])
    np.testing.assert_array_equal(lines(display.ax_)["held-out loss"][1], HISTORY["val_loss"])
    monitor = lines(display.monitor_ax_)["held-out f1 macro"]
    np.testing.assert_array_equal(monitor[1], HISTORY["val_f1_macro"])
    np.testing.assert_array_equal(lines(display.ax_)["best epoch: 3"][0], [3, 3])


def test_many_curves_are_told_apart():
    """Such as those of a model with many Keras metrics; the legend names them."""
    history = {f"val_metric_{i}": [0.1, 0.2 + i] for i in range(8)} | {"loss": [1.0, 0.5]}
    display = LearningCurvesDisplay.from_history(history)
    drawn = display.monitor_ax_.get_lines()
    assert (
        len(
            {
                (line.get_color(), str(line.get_linestyle()), str(line._unscaled_dash_pattern))
                for line in drawn
            }
        )
        == 8
    )
    display.figure_.draw_without_rendering()
    label = display.monitor_ax_.yaxis.label.get_window_extent()
    assert label.height <= display.monitor_ax_.get_window_extent().height
    assert len(legend_texts(display.ax_)) == 9


def test_learning_curves_without_held_out_rows():
    history = {"loss": [0.5, 0.4], "val_loss": [np.nan] * 2, "val_mcc": [np.nan] * 2}
    display = LearningCurvesDisplay.from_history(history)
    assert legend_texts(display.ax_) == ["training loss"]
    assert display.monitor_ax_ is None


@pytest.mark.slow
def test_learning_curves_of_a_classifier_and_of_a_pipeline():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [150, 50])
    X = rng.normal(size=(200, 2)) + y[:, None]
    classifier = ImbalancedMLPClassifier(
        (4,), epochs=3, early_stopping=True, monitor="mcc", random_state=0
    ).fit(X, y)
    pipeline = make_pipeline(make_pipeline(classifier))
    for estimator in (classifier, pipeline):
        display = LearningCurvesDisplay.from_estimator(estimator)
        assert display.history is classifier.history_
        assert display.best_epoch == classifier.best_epoch_
        assert set(lines(display.monitor_ax_)) == {"held-out mcc"}


@pytest.mark.parametrize(
    "history",
    [
        {},
        [1.0],
        {"loss": []},
        {"loss": [1.0], "val_loss": [1.0, 2.0]},
        {"loss": ["low"]},
        {"loss": 0.5},
    ],
)
def test_no_learning_curves(history):
    with pytest.raises(ValueError, match=r"'history' parameter of LearningCurves.*Got .* instead"):
        LearningCurvesDisplay.from_history(history)


def test_no_history():
    with pytest.raises(ValueError, match=r"'history_'\. Got LogisticRegression instead"):
        LearningCurvesDisplay.from_estimator(make_pipeline(LogisticRegression()))


# Precision and recall


@pytest.mark.parametrize("n_classes", [2, 3, 9])
def test_precision_recall_curves_are_those_of_scikit_learn(n_classes):
    y, proba, _ = predictions(n_classes)
    display = PerClassPrecisionRecallDisplay.from_predictions(y, proba)
    for k in range(n_classes):
        area = -np.diff(display.recall[k]) @ display.precision[k][:-1]
        assert area == pytest.approx(average_precision_score(y == k, proba[:, k]))
        assert display.average_precision[k] == pytest.approx(area)
        precision, recall, _ = precision_recall_curve(y == k, proba[:, k])
        points = set(zip(recall, precision, strict=True))
        assert points.issuperset(zip(display.recall[k], display.precision[k], strict=True))
    np.testing.assert_array_equal(display.n_rows, np.bincount(y))


def test_the_rarest_classes_are_drawn_on_top_and_first_in_the_legend():
    y, proba, _ = predictions(20)
    ax = PerClassPrecisionRecallDisplay.from_predictions(y, proba).ax_
    counts = np.bincount(y)
    rarest = sorted(range(20), key=lambda k: (counts[k], -k))[:8]
    assert [text.split(":")[0] for text in legend_texts(ax)[:-1]] == [str(k) for k in rarest]
    assert ax.get_legend().get_title().get_text() == "the rarest 8 of 20 classes"
    curves = [line for line in ax.get_lines() if ": AP" in line.get_label()]
    assert np.all(np.diff([line.get_zorder() for line in curves]) < 0)


def test_chance_is_the_share_of_the_class():
    y, proba, _ = predictions(3)
    ax = PerClassPrecisionRecallDisplay.from_predictions(y, proba).ax_
    dotted = [line.get_ydata() for line in ax.get_lines() if line.get_linestyle() == ":"]
    chance = sorted(y[0] for y in dotted if len(y))
    np.testing.assert_allclose(chance, np.sort(np.bincount(y)) / len(y))
    flat = PerClassPrecisionRecallDisplay.from_predictions(y, np.full((len(y), 3), 1 / 3))
    np.testing.assert_allclose(flat.average_precision, np.bincount(y) / len(y))


@pytest.mark.parametrize("n_classes", [4, 7, 20])
def test_of_many_classes_only_the_rarest_has_a_line_of_chance(n_classes):
    y, proba, _ = predictions(n_classes)
    ax = PerClassPrecisionRecallDisplay.from_predictions(y, proba).ax_
    dotted = [line.get_ydata() for line in ax.get_lines() if line.get_linestyle() == ":"]
    chance = [heights[0] for heights in dotted if len(heights) == 2 and len(set(heights)) == 1]
    np.testing.assert_allclose(chance, [np.bincount(y).min() / len(y)])
    assert legend_texts(ax)[-1] == "chance, for the rarest"


def test_a_class_without_rows_is_named_and_not_drawn():
    y, proba, _ = predictions(3)
    labels = np.arange(4)
    wider = np.column_stack([proba, np.zeros(len(y))])
    display = PerClassPrecisionRecallDisplay.from_predictions(y, wider, labels=labels)
    assert np.isnan(display.average_precision[3])
    assert len(legend_texts(display.ax_)) == 4
    assert display.ax_.get_legend().get_title().get_text() == "1 class without rows"


# From an estimator


@pytest.mark.parametrize("display", [PerClassPrecisionRecallDisplay, ReliabilityDisplay])
def test_from_an_estimator_is_from_its_predictions(display):
    y, X, names = predictions(3, names=["a", "b", "c"])
    model = LogisticRegression().fit(X, y)
    one = display.from_estimator(model, X, y)
    other = display.from_predictions(y, model.predict_proba(X), labels=names)
    for name, value in vars(other).items():
        if not name.endswith("_") and value is not None and not isinstance(value, bool):
            for a, b in zip(getattr(one, name), value, strict=True):
                np.testing.assert_array_equal(a, b)
    assert getattr(one, "corrected", None) is None


def test_a_label_that_the_classifier_does_not_know():
    y, X, _ = predictions(3)
    model = LogisticRegression().fit(X, y)
    for display in (PerClassPrecisionRecallDisplay, ReliabilityDisplay, ConfusionDisplay):
        with pytest.raises(ValueError, match=r"among the labels \[0, 1, 2\]\. Got 7 instead"):
            display.from_estimator(model, X, np.where(y == 2, 7, y))


# Thresholds


def test_threshold_curve_holds_what_was_tuned():
    display = ThresholdCurveDisplay.from_estimator(Pipeline([("tuned", tuned())]))
    ax = display.ax_
    curve = lines(ax)["held-out rows"]
    np.testing.assert_array_equal(curve[0][1:], tuned().curve_.thresholds[1:])
    np.testing.assert_array_equal(curve[1], tuned().curve_.scores)
    (chosen,) = (xy for name, xy in lines(ax).items() if name.startswith("chosen: 0.01 ± 0.02"))
    np.testing.assert_allclose(chosen, [[0.01], [0.51]])
    assert ax.get_xscale() == "logit"
    low, high = ax.get_xlim()
    assert 0 < low <= 0.001
    assert 0.5 < high < 1


@pytest.mark.parametrize("threshold", [0.0, 1.0, 1e-9])
def test_a_threshold_beyond_the_axis_stands_at_its_edge(threshold):
    ax = ThresholdCurveDisplay.from_estimator(tuned(threshold_=threshold)).ax_
    (chosen,) = (xy for name, xy in lines(ax).items() if name.startswith("chosen"))
    assert chosen[0, 0] in ax.get_xlim()


def test_objectives_that_are_functions_are_named():
    display = ThresholdCurveDisplay.from_estimator(tuned(objective=balanced_accuracy_score))
    assert display.ax_.get_ylabel() == "balanced accuracy score"


def test_an_objective_of_one_class_is_named_with_it():
    display = ThresholdCurveDisplay.from_estimator(tuned(objective="f1", pos_label_="fraud"))
    assert display.ax_.get_ylabel() == "f1 of class fraud"


def test_no_threshold():
    with pytest.raises(ValueError, match=r"two classes.*Got LogisticRegression instead"):
        ThresholdCurveDisplay.from_estimator(LogisticRegression())


# Reliability


def test_bins_add_up():
    y, proba, _ = predictions(4, n=2000)
    curves = ReliabilityDisplay.from_predictions(y, proba).curves
    for k, (mean, share, n) in enumerate(curves):
        assert n.sum() == len(y)
        assert np.all(np.diff(mean) > 0)
        assert mean @ n == pytest.approx(proba[:, k].sum())
        assert share @ n == pytest.approx(np.sum(y == k))


def test_bins_do_not_depend_on_the_order_of_rows():
    y, proba, _ = predictions(3)
    order = np.random.default_rng(0).permutation(len(y))
    one = ReliabilityDisplay.from_predictions(y, proba).curves
    other = ReliabilityDisplay.from_predictions(y[order], proba[order]).curves
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b)


def test_bins_of_a_rare_class_spread_its_rows():
    """With bins of equally many rows, most rows of a rare class would be in the last."""
    rng = np.random.default_rng(0)
    p = expit(rng.normal(-8, 3, 20_000))
    y = (rng.random(20_000) < p).astype(int)
    assert y.mean() < 0.02
    _, share, n = ReliabilityDisplay.from_predictions(y, np.column_stack([1 - p, p])).curves[1]
    assert len(n) == 10
    assert (share * n).max() < 0.4 * y.sum()
    equal = np.array_split(y[np.argsort(p)], 10)
    assert equal[-1].sum() > 0.8 * y.sum()


def test_true_posteriors_are_reliable_and_weighted_ones_are_not():
    """Within five standard deviations of the binomial of each bin; weights of 20 are far off."""
    rng = np.random.default_rng(1)
    z = rng.normal(-5, 1.5, 50_000)
    p = expit(z)
    y = (rng.random(len(p)) < p).astype(int)
    weighted = expit(z + np.log(20))
    natural, other = (np.column_stack([1 - q, q]) for q in (p, weighted))
    display = ReliabilityDisplay.from_predictions(y, other, corrected=natural)

    def deviations(curve):
        mean, share, n = curve
        return np.abs(share - mean) / np.sqrt(mean * (1 - mean) / n)

    assert deviations(display.corrected[1]).max() < 5
    assert deviations(display.curves[1]).min() > 5


def test_of_two_classes_the_rarer_is_drawn_as_the_other_mirrors_it():
    y, proba, _ = predictions(2, n=2000)
    display = ReliabilityDisplay.from_predictions(y, proba)
    (panel,) = display.ax_
    assert panel.get_title().startswith("1\n")
    mirrored = display.curves[0][:, ::-1] * [[-1], [-1], [1]] + [[1], [1], [0]]
    assert np.mean(np.isin(mirrored[2], display.curves[1][2])) > 0.7


def test_of_two_equal_classes_the_second_is_drawn_as_in_scikit_learn():
    display = ReliabilityDisplay.from_predictions(["a", "b"] * 10, [[0.5, 0.5]] * 20)
    assert display.ax_[0].get_title().startswith("b\n")


def test_hard_probabilities_are_two_bins_at_the_edges():
    y = np.repeat([0, 1], [30, 20])
    y_pred = np.repeat([0, 1, 0, 1], [27, 3, 5, 15])
    display = ReliabilityDisplay.from_predictions(y, np.eye(2)[y_pred])
    np.testing.assert_allclose(display.curves[1], [[0, 1], [5 / 32, 15 / 18], [32, 18]])
    x, _ = lines(display.ax_[0])["predicted"]
    np.testing.assert_array_equal(x, display.ax_[0].get_xlim())


@pytest.mark.slow
def test_after_correction_is_the_posterior_where_the_classifier_has_one():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [450, 50])
    X = rng.normal(size=(500, 2)) + y[:, None]
    weighted = ImbalancedMLPClassifier((), epochs=3, early_stopping=False, random_state=0)
    pipeline = make_pipeline(RandomOverSampler(random_state=0), clone(weighted)).fit(X, y)
    weighted.fit(X, y)
    before, after = weighted.predict_proba(X), weighted.predict_posterior(X)
    expected = ReliabilityDisplay.from_predictions(y, before, corrected=after)
    drawn = ReliabilityDisplay.from_estimator(weighted, X, y)
    for k in range(2):
        np.testing.assert_allclose(drawn.curves[k], expected.curves[k])
        np.testing.assert_allclose(drawn.corrected[k], expected.corrected[k])
    # After the sampler the classes are equal: the posterior does not differ.
    assert ReliabilityDisplay.from_estimator(pipeline, X, y).corrected is None
    prior = DummyClassifier().fit(X, y)
    drawn = ReliabilityDisplay.from_estimator(weighted, X, y, corrected=prior)
    np.testing.assert_allclose(drawn.corrected[1], [[0.1], [0.1], [500]])


@pytest.mark.parametrize("own_axes", [False, True])
def test_the_figure_says_what_is_good_and_what_its_axes_are(own_axes):
    y, proba, _ = predictions(4)
    ax = Figure().subplots() if own_axes else None
    display = ReliabilityDisplay.from_predictions(y, proba, ax=ax)
    texts = {text.get_text().replace("\n", " ") for text in display.figure_.findobj(Text)}
    for words in ("predicted probability", "probabilities too low", "probabilities too high",
                  "perfectly calibrated (good)"):  # fmt: skip
        assert any(words in text for text in texts), words
    assert any("log odds" in text for text in texts)
    # Above the diagonal more rows came true than the probabilities say.
    panel = np.ravel(display.ax_)[0]
    heights = {text.get_text().split()[-1]: text.get_position()[1] for text in panel.texts}
    assert heights["low"] > 0.5 > heights["high"]


# Confusion


def test_confusion_is_that_of_scikit_learn():
    y, proba, _ = predictions(4)
    y_pred = proba.argmax(axis=1)
    display = ConfusionDisplay.from_predictions(y, y_pred)
    np.testing.assert_array_equal(display.confusion_matrix, confusion_matrix(y, y_pred))
    (image,) = display.ax_.get_images()
    np.testing.assert_allclose(image.get_array(), confusion_matrix(y, y_pred, normalize="true"))
    np.testing.assert_allclose(np.diag(image.get_array()), recall_score(y, y_pred, average=None))
    cells = [text.get_text().split("\n")[1] for text in display.ax_.texts]
    assert cells == [str(n) for n in confusion_matrix(y, y_pred).ravel()]


def test_confusion_from_an_estimator():
    y, X, _ = predictions(3)
    model = LogisticRegression().fit(X, y)
    display = ConfusionDisplay.from_estimator(model, X, y)
    np.testing.assert_array_equal(display.confusion_matrix, confusion_matrix(y, model.predict(X)))
    np.testing.assert_array_equal(display.classes, model.classes_)


def test_classes_that_only_one_side_knows():
    display = ConfusionDisplay.from_predictions(["a", "b", "b"], ["c", "b", "a"])
    np.testing.assert_array_equal(display.confusion_matrix, [[0, 0, 1], [1, 1, 0], [0, 0, 0]])
    (image,) = display.ax_.get_images()
    assert np.all(image.get_array().mask[2])
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == [
        "a (1)",
        "b (2)",
        "c (0)",
    ]


def test_labels_give_the_order():
    display = ConfusionDisplay.from_predictions([0, 0, 1], [0, 1, 1], labels=[1, 0])
    np.testing.assert_array_equal(display.confusion_matrix, [[1, 0], [1, 1]])


def test_print_fits_into_the_cells_or_is_left_out():
    for n_classes, inches in ((3, 4), (12, 7), (50, 20), (50, 12), (50, 3)):
        ax = Figure(figsize=(inches, inches)).subplots()
        shares = np.full((n_classes, n_classes), 0.5)
        names = [str(k) for k in range(n_classes)]
        texts = [["0.50"] * n_classes] * n_classes
        heat_map(ax, shares, texts, names, names, new=False)
        assert len(ax.texts) == (0 if inches / n_classes < 0.3 else n_classes**2)
        cell = ax.get_window_extent().width / n_classes
        assert all(text.get_window_extent().width < cell for text in ax.texts[:1])


# Strategies


def test_strategies_are_sorted_and_grouped():
    scores = [[0.6, 0.7], [0.8, 0.9], [0.75, 0.85], [0.7, 0.7]]
    recall = np.array([[0.9, 0.1], [0.9, 0.8], [0.8, 0.7], [0.5, np.nan]])
    display = StrategyComparisonDisplay(
        ["plain", "focal", "smote", "ldam"],
        scores,
        recall,
        classes=["no", "yes"],
        metric="f1_macro",
        p_values=[0.001, np.nan, 0.4, 0.04],
    ).plot()
    ax = display.ax_
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["focal", "smote", "ldam", "plain"]
    low, high = sorted(ax.get_ylim())
    assert (low, high) == (-0.5, 3.5)
    # Row 0 is on top.
    assert ax.yaxis_inverted()
    drawn = lines(ax)
    np.testing.assert_allclose(drawn["best"], [[0.85], [0]])
    np.testing.assert_allclose(drawn["no significant difference (p ≥ 0.05)"], [[0.8], [1]])
    np.testing.assert_allclose(drawn["worse than the best (p < 0.05)"], [[0.7, 0.65], [2, 3]])
    bands = sorted(patch.get_y() for patch in ax.patches)
    assert bands == [-0.5, 0.5]
    (image,) = display.recall_ax_.get_images()
    np.testing.assert_array_equal(image.get_array().filled(np.nan), recall[[1, 2, 3, 0]])
    # A strategy is at the same height on the left and on the right.
    assert display.recall_ax_.get_ylim() == ax.get_ylim()


def test_a_strategy_with_a_fold_that_failed_comes_last():
    result = comparison()
    result.scores[0, 0] = np.nan
    display = StrategyComparisonDisplay.from_comparison(result)
    assert display.ax_.get_yticklabels()[-1].get_text() == "strategy 0"


@pytest.mark.parametrize("n_classes", [2, 5, 30])
def test_the_numbers_of_rows_stand_below_the_classes(n_classes):
    result = comparison(n_classes=n_classes)
    ax = StrategyComparisonDisplay.from_comparison(result).recall_ax_
    names = [label.get_text() for label in ax.get_xticklabels()]
    assert [name.split("(")[1] for name in names] == [f"{n:,})" for n in result.class_counts]
    assert "rows" in ax.get_xlabel()


def test_recalls_are_not_drawn_on_given_axes():
    display = StrategyComparisonDisplay.from_comparison(comparison(), ax=Figure().subplots())
    assert display.recall_ax_ is None
    assert len(display.figure_.axes) == 1


# Wrong input

OF_PREDICTIONS = (ConfusionDisplay, PerClassPrecisionRecallDisplay, ReliabilityDisplay)
INDICATOR = np.tile([[1, 0, 1], [0, 1, 0]], (10, 1))


@pytest.mark.parametrize("display", OF_PREDICTIONS)
@pytest.mark.parametrize("y", [2 * INDICATOR, INDICATOR[:, None], "target"])
def test_a_display_wants_class_labels_or_an_indicator(display, y):
    rule = rf"'y_true' parameter of {display.__name__} must have one class label for each row\. Got"
    with pytest.raises(ValueError, match=rule):
        display.from_predictions(y, np.full((20, 3), 1 / 3))


@pytest.mark.parametrize("display", OF_PREDICTIONS)
@pytest.mark.parametrize("n_labels", [1, 3])
def test_a_display_wants_a_classifier(display, n_labels):
    X, y = np.arange(20.0)[:, None], INDICATOR[:, :n_labels].squeeze()
    model = DecisionTreeRegressor().fit(X, y)
    with pytest.raises(
        ValueError, match=rf"'estimator' parameter of {display.__name__} .*Decision"
    ):
        display.from_estimator(model, X, y)
    with pytest.raises(NotFittedError):
        display.from_estimator(clone(model), X, y)


def test_reliability_wants_probabilities():
    X, y = np.arange(20.0)[:, None], INDICATOR[:, 0]
    with pytest.raises(ValueError, match=r"must have 'predict_proba'\. Got LinearSVC .*calibrate"):
        ReliabilityDisplay.from_estimator(LinearSVC().fit(X, y), X, y)


@pytest.mark.parametrize("display", [PerClassPrecisionRecallDisplay, ReliabilityDisplay])
@pytest.mark.parametrize(
    "proba",
    [np.full(3, 0.5), np.full((3, 3), 0.5), np.full((2, 2), 0.5), np.full((3, 2), np.nan),
     [[-0.5, 1.5]] * 3],
    ids=["one column", "wide", "short", "nan", "negative"],
)  # fmt: skip
def test_probabilities_that_do_not_fit(display, proba):
    with pytest.raises(ValueError, match=rf"'proba' parameter of {display.__name__} .*Got"):
        display.from_predictions([0, 0, 1], proba)


def test_corrected_probabilities_that_do_not_fit():
    proba = np.full((3, 2), 0.5)
    with pytest.raises(ValueError, match=r"ReliabilityDisplay after correction .*Got"):
        ReliabilityDisplay.from_predictions([0, 0, 1], proba, corrected=proba[:2])


def test_predictions_that_do_not_fit():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ConfusionDisplay.from_predictions([0, 0, 1], [0, 1])
    with pytest.raises(ValueError, match=r"'y_pred' of ConfusionDisplay .*Got 5 instead"):
        ConfusionDisplay.from_predictions([0, 0, 1], [0, 5, 1], labels=[0, 1])


@pytest.mark.parametrize("letter", ["x", "y"])
@pytest.mark.parametrize(("low", "high"), [(0.003, 0.89), (1e-5, 0.99), (0.02, 0.6), (0.3, 0.7)])
def test_labels_of_a_probability_axis_keep_apart(letter, low, high):
    _, ax = plt.subplots(figsize=(5, 4.6))
    ax.set_box_aspect(1)
    probability_axis(ax, letter, low, high)
    ax.figure.draw_without_rendering()
    axis = getattr(ax, f"{letter}axis")
    shown = [label for label in axis.get_ticklabels() if low <= float(label.get_text()) <= high]
    boxes = [label.get_window_extent() for label in shown]
    assert boxes
    assert all(not first.overlaps(second) for first, second in pairwise(boxes))
