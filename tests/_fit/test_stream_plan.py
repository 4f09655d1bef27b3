"""Rows of a stream: which are held out and trained on, and what makes up for those left out."""

from tempfile import gettempdir

import numpy as np
import pytest
from perceptron_setup import mlp

from skimbalance._fit.data import Data
from skimbalance._fit.plan import Course
from skimbalance._fit.streams.division import (
    AUTO_ROWS,
    MOST_HELD_OUT,
    Thinning,
    divide,
    strata_of,
)
from skimbalance._fit.streams.plan import plan_stream
from skimbalance._fit.streams.rows import DrawnRows, draw_rows
from skimbalance._fit.targets import Classes, Labels
from skimbalance.posterior import log_posterior

RNG = np.random.default_rng(0)
CLASSES = np.repeat([0, 1, 2], [900, 70, 30])
SEVERAL = Classes(np.array(["a", "b", "c"]))
N_LEVELS = np.full(2, -1)


def drawn(y, target, settings, thinning, *, weight=None, by_shift=True, own=False, n_blocks=3):
    """The rows that a fit uses, whose first column is their number."""
    n = len(y)
    X = np.stack([np.arange(n), RNG.normal(size=n)], axis=1)
    weights = np.ones(n) if weight is None else weight

    def blocks():
        for rows in np.array_split(np.arange(n), n_blocks):
            of = np.arange(len(rows))
            yield Data(
                (X[rows],), of, y[rows], weights[rows], weight is not None, n_levels=N_LEVELS
            )

    n_rows = np.bincount(strata_of(target, y))
    division = divide(settings, target, n_rows, target.extreme_counts(y), thinning, own=own)
    cache, counts, held_out, sample = draw_rows(
        blocks, target, division, 0, gettempdir(), weighted=weight is not None, by_shift=by_shift
    )
    population = target.counts(y, weights)
    return DrawnRows(target, division, population, by_shift, cache, counts, held_out, sample, None)


def planned(rows, **params):
    """The plan of a fit on drawn rows."""
    clf = mlp(**params)
    clf._target = rows.target
    course = Course(seed=0, n_before=0, previous=None, partial=False, counts=rows.counts)
    settings, network = clf._design(rows.sample, course, None)
    return plan_stream(settings, rows, network, course)


def settings_of(**params):
    return mlp(**params)._settings()


@pytest.mark.parametrize("thinning", [Thinning(), Thinning(0.1), Thinning(ratio=2)])
@pytest.mark.parametrize("n_blocks", [1, 7])
def test_every_row_is_used_at_most_once_and_all_rare_ones_are(thinning, n_blocks):
    y = RNG.permutation(CLASSES)
    settings = settings_of(early_stopping=True)
    rows = drawn(y, SEVERAL, settings, thinning, n_blocks=n_blocks)
    trained = [rows.cache.read(b) for b in range(len(rows.cache.sizes))]
    X, targets = (np.concatenate([part[i] for part in trained]) for i in (0, 1))
    judged, y_judged = rows.held_out.X[0][:, 0], rows.held_out.y
    numbers = np.concatenate([X[:, 0], judged]).astype(int)
    assert len(np.unique(numbers)) == len(numbers)
    np.testing.assert_array_equal(np.concatenate([targets, y_judged]), y[numbers])
    np.testing.assert_array_equal(np.bincount(y[numbers])[1:], [70, 30])
    np.testing.assert_array_equal(np.bincount(y_judged), [90, 7, 3])
    n_others = 63 + 27
    expected = {None: 810, 0.1: 81}.get(thinning.fraction)
    if thinning.ratio is not None:
        expected = 2 * n_others
    assert np.sum(targets == 0) == expected


def test_the_same_rows_are_drawn_however_the_source_is_cut():
    y = RNG.permutation(CLASSES)
    first, second = (
        drawn(y, SEVERAL, settings_of(early_stopping=True), Thinning(0.3), n_blocks=n)
        for n in (1, 10)
    )
    for b in range(len(first.cache.sizes)):
        np.testing.assert_array_equal(first.cache.read(b)[0][:, 0], second.cache.read(b)[0][:, 0])


def test_held_out_rows_are_capped_and_rare_ones_first():
    n_rows = np.array([50_000_000, 40_000, 900])
    settings = settings_of(early_stopping=True, validation_fraction=0.5)
    held_out = divide(settings, SEVERAL, n_rows, (900, 50_000_000), Thinning(), own=False).held_out
    np.testing.assert_array_equal(held_out[1:], [20_000, 450])
    assert held_out.sum() == MOST_HELD_OUT


@pytest.mark.parametrize("n_others", [1_000, 3_000_000])
def test_auto_leaves_a_budget_of_rows_but_not_fewer_than_the_next_class(n_others):
    kept = Thinning("auto").of(50_000_000, n_others, n_others // 2)
    assert kept == max(AUTO_ROWS - n_others, n_others // 2)
    assert Thinning("auto").of(5_000, 10, 10) == 5_000


def test_held_out_rows_have_the_shares_of_all_rows():
    y = RNG.permutation(CLASSES)
    weight = RNG.random(len(y)) + 0.5
    settings = settings_of(early_stopping=True, validation_fraction=0.4)
    for given in (None, weight):
        rows = drawn(y, SEVERAL, settings, Thinning(0.05), weight=given)
        counts = SEVERAL.counts(rows.held_out.y, rows.held_out.weight)
        atol = 1e-12 if given is None else 0.03
        np.testing.assert_allclose(
            counts / counts.sum(), rows.counts / rows.counts.sum(), atol=atol
        )


@pytest.mark.parametrize("class_weight", [None, "balanced", 0.5, {"a": 1.0, "b": 5.0, "c": 9.0}])
@pytest.mark.parametrize("sampling", ["shuffle", "balanced"])
def test_a_shift_of_the_logits_makes_up_for_the_rows_left_out(class_weight, sampling):
    params = {"class_weight": class_weight, "sampling": sampling}
    rows = drawn(CLASSES, SEVERAL, settings_of(**params), Thinning(0.05))
    thin = planned(rows, **params)
    whole = planned(drawn(CLASSES, SEVERAL, settings_of(**params), Thinning()), **params)
    assert whole.shift is None
    # What a network tends to that learns the thinned rows as they are weighted and drawn.
    posterior = RNG.dirichlet(np.ones(3), size=20)
    log_drawn = thin.shift - _log_weights(whole) + np.log(rows.kept)
    learnt = np.log(posterior) + np.log(rows.kept) - log_drawn
    natural = log_posterior(logits=learnt + thin.shift, **thin.initial.posterior_arguments)
    np.testing.assert_allclose(np.exp(natural), posterior)
    # The posterior's arguments are those of a fit on all rows.
    for name in ("class_weight", "sampling_ratio"):
        np.testing.assert_allclose(
            thin.initial.posterior_arguments[name], whole.initial.posterior_arguments[name]
        )
    np.testing.assert_allclose(thin.class_weight, whole.class_weight)


def _log_weights(plan):
    arguments = plan.initial.posterior_arguments
    return np.log(arguments["class_weight"] * arguments["sampling_ratio"])


def test_balanced_weights_need_no_shift():
    rows = drawn(CLASSES, SEVERAL, settings_of(), Thinning(0.05))
    shift = planned(rows, class_weight="balanced").shift
    np.testing.assert_allclose(shift, shift[0])


def weights_of_rows(plan, rows):
    """Targets and weights in the loss of all training rows."""
    parts = [plan.rows.read(b, [np.float32]) for b in range(len(rows.cache.sizes))]
    weight = np.concatenate([plan.rows.weigh(part, False) for part in parts])
    return np.concatenate([part.y for part in parts]), weight


@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_mean_weight_of_a_training_row_is_one(class_weight, weighted):
    weight = RNG.random(len(CLASSES)) + 0.1 if weighted else None
    rows = drawn(CLASSES, SEVERAL, settings_of(), Thinning(0.2), weight=weight)
    y, in_loss = weights_of_rows(planned(rows, class_weight=class_weight), rows)
    np.testing.assert_allclose(in_loss.mean(), 1.0)
    if class_weight == "balanced" and not weighted:
        np.testing.assert_allclose(np.bincount(y, in_loss), len(y) / 3)


@pytest.mark.parametrize("by_shift", [False, True])
def test_a_cap_of_the_held_out_rows_moves_no_shares(by_shift, monkeypatch):
    """More of the rare rows than of the others are held out then, and fewer of them train."""
    monkeypatch.setattr("skimbalance._fit.streams.division.MOST_HELD_OUT", 45)
    settings = settings_of(early_stopping=True, validation_fraction=0.5)
    rows = drawn(CLASSES, SEVERAL, settings, Thinning(), by_shift=by_shift)
    np.testing.assert_array_equal(rows.division.held_out, [15, 15, 15])
    assert rows.division.majority_fraction == 1.0
    plan = planned(rows, class_weight=None)
    y, in_loss = weights_of_rows(plan, rows)
    learnt = np.bincount(y, in_loss)
    if by_shift:
        learnt = learnt * np.exp(plan.shift)
    np.testing.assert_allclose(learnt / learnt.sum(), [0.9, 0.07, 0.03])


def test_without_a_shift_rows_weigh_as_many_as_they_stand_for():
    rows = drawn(CLASSES, SEVERAL, settings_of(), Thinning(0.2), by_shift=False)
    plan = planned(rows, class_weight=None, loss="focal")
    assert plan.shift is None
    y, in_loss = weights_of_rows(plan, rows)
    counts = np.bincount(y, in_loss)
    np.testing.assert_allclose(counts / counts.sum(), [0.9, 0.07, 0.03])


def test_rows_without_labels_weigh_as_many_as_they_stand_for():
    y = (RNG.random((2_000, 3)) < [0.02, 0.05, 0.1]).astype(int)
    target = Labels(3)
    rows = drawn(y, target, settings_of(), Thinning(0.1), by_shift=False)
    assert rows.division.trained[0] < 0.12 * np.sum(~y.any(axis=1))
    plan = planned(rows, class_weight=None)
    targets, in_loss = weights_of_rows(plan, rows)
    np.testing.assert_allclose(in_loss.mean(), 1.0)
    positive = np.sum(in_loss * targets, axis=0) / in_loss.sum(axis=0)
    np.testing.assert_allclose(positive, y.mean(axis=0))
