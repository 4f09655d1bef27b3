"""Boosted trees on folds, and their blend with networks."""

from dataclasses import replace

import numpy as np
import pytest
from ensemble_setup import folds, rows
from sklearn.metrics import log_loss

from skimbalance.ensemble._bag import BLOCK
from skimbalance.ensemble._blend import blended, share_of_trees
from skimbalance.ensemble._boosted import BoostedTrees
from skimbalance.ensemble._trees import CHUNK, GROWN, MOST_LEVELS, TreeBag, _model

NONE = np.empty(0, int)


def bag(X, y, splits, *, weight=None, categories=NONE, n_classes=None, seed=0, shift=None):
    weight = np.ones(len(y)) if weight is None else weight
    n_classes = n_classes or y.max() + 1
    rng = np.random.default_rng(seed)
    return TreeBag.fit(X, y, weight, n_classes, categories, splits, rng, shift)


def test_posterior_is_the_mean_of_the_models():
    X, y = rows(150, 60, 40)
    fitted, probas = bag(X, y, folds(y))
    each = [model.predict_proba(X) for model in fitted.models]
    np.testing.assert_allclose(fitted.mean(X), np.mean(each, axis=0))
    for proba, of_model, (_, test) in zip(probas, each, folds(y), strict=True):
        np.testing.assert_array_equal(proba, of_model[test])


def test_all_models_keep_the_number_of_trees_that_is_best_on_average():
    X, y = rows(150, 60)
    fitted, probas = bag(X, y, folds(y))
    (n_trees,) = {len(model.node_ends) for model in fitted.models}
    assert n_trees % CHUNK == 0

    def mean_loss(stage):
        """Mean log-loss of the models with some of their trees."""
        losses = []
        for model, (_, test) in zip(fitted.models, folds(y), strict=True):
            ends = {"node_ends": model.node_ends[:stage], "bitset_ends": model.bitset_ends[:stage]}
            losses.append(log_loss(y[test], replace(model, **ends).predict_proba(X[test])))
        return np.mean(losses)

    kept = np.mean([log_loss(y[t], p) for p, (_, t) in zip(probas, folds(y), strict=True)])
    assert kept == pytest.approx(mean_loss(n_trees))
    assert all(mean_loss(stage) > kept for stage in range(CHUNK, n_trees, CHUNK))


def table(n_classes):
    """Rows with a category, gaps in both kinds of columns, and levels that training lacks."""
    X, y = rows(*[90, 60, 40][:n_classes])
    X[:, 2] = np.random.default_rng(1).integers(0, 9, len(y)) * 3 + (y == 1)
    X[::7, 2], X[::5, 0] = np.nan, np.nan
    new = X.copy()
    new[1::6, 2] = np.resize([500.0, -1.0, 4.0], len(new[1::6]))
    return X, y, new


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("categories", [[], [2]], ids=str)
def test_plain_arrays_predict_what_scikit_learn_predicts(n_classes, categories):
    X, y, new = table(n_classes)
    model = _model(np.array(categories, int), 0).set_params(max_iter=30).fit(X, y)
    trees = BoostedTrees.of(model)
    assert trees.wrong_parts() == []
    np.testing.assert_allclose(trees.predict_proba(new), model.predict_proba(new), rtol=1e-12)
    assert len(trees.bitsets) > 0 or not categories


@pytest.mark.parametrize("n_classes", [2, 3])
def test_stages_are_those_of_scikit_learn_and_of_the_first_trees_alone(n_classes):
    X, y, new = table(n_classes)
    model = _model(np.array([2]), 0).set_params(max_iter=12).fit(X, y)
    trees, expected = BoostedTrees.of(model), [*model.staged_predict_proba(new)]
    stages = [1, 5, 12]
    for n, proba in zip(stages, trees.staged_predict_proba(new, stages), strict=True):
        np.testing.assert_allclose(proba, expected[n - 1], rtol=1e-12)
        first = trees.first(n)
        assert first.wrong_parts() == []
        np.testing.assert_array_equal(first.predict_proba(new), proba)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_it_does_not_matter_how_many_trees_are_grown_at_once(n_classes, monkeypatch):
    X, y, new = table(n_classes)
    splits, fits = folds(y), []
    for grown in (CHUNK, GROWN, 3 * CHUNK):
        monkeypatch.setattr("skimbalance.ensemble._trees.GROWN", grown)
        fits.append(bag(X, y, splits, categories=np.array([2])))
    (fitted, probas), *others = fits
    for other, other_probas in others:
        np.testing.assert_array_equal(other.mean(new), fitted.mean(new))
        for model, other_model in zip(fitted.models, other.models, strict=True):
            np.testing.assert_array_equal(other_model.nodes, model.nodes)
        for proba, other_proba in zip(probas, other_probas, strict=True):
            np.testing.assert_array_equal(other_proba, proba)


def test_damaged_trees_are_noticed():
    """Compiled code would read beyond arrays, or never end."""
    X, y, _ = table(2)
    trees = BoostedTrees.of(_model(np.array([2]), 0).set_params(max_iter=30).fit(X, y))
    inner = np.flatnonzero(trees.nodes["is_leaf"] == 0)
    of_category = inner[trees.nodes["is_categorical"][inner] != 0]
    damages = {
        "left": (inner[0], 0),
        "right": (inner[0], 10**6),
        "feature_idx": (inner[-1], X.shape[1]),
        "bitset_idx": (of_category[0], 10**6),
    }
    for name, (node, value) in damages.items():
        nodes = trees.nodes.copy()
        nodes[name][node] = value
        assert name in replace(trees, nodes=nodes).wrong_parts()
    for changes in (
        {"nodes": trees.nodes["value"]},
        {"nodes": trees.nodes[:-1]},
        {"node_ends": trees.node_ends[:-1]},
        {"bitsets": trees.bitsets[:, :4]},
        {"bitsets": trees.bitsets[:-1]},
        {"known_bitsets": trees.known_bitsets[:0]},
        {"feature_map": trees.feature_map[:1]},
    ):
        assert replace(trees, **changes).wrong_parts()


@pytest.mark.parametrize("shift", [[0.0, 1.5], [0.5, 0.0, -2.0], [3.0, 3.0, 3.0]])
def test_a_shift_of_logits_multiplies_odds(shift):
    X, y = rows(*[90, 60, 40][: len(shift)])
    fitted, _ = bag(X, y, folds(y))
    for trees in fitted.models:
        expected = trees.predict_proba(X) * np.exp(shift)
        expected /= expected.sum(axis=1, keepdims=True)
        shifted = trees.shifted(np.array(shift))
        np.testing.assert_allclose(shifted.predict_proba(X), expected, rtol=1e-9)


def test_a_shifted_fit_answers_for_rows_that_were_left_out():
    """Trees on a part of a class have its share among all rows, as a posterior of theirs."""
    X, y = rows(4000, 200)
    kept = np.flatnonzero((y == 1) | (np.arange(len(y)) % 5 == 0))
    share = np.mean(y[kept] == 0) / np.mean(y[kept] == 1) / 20  # of odds
    fitted, _ = bag(X, y, [(kept, np.arange(len(y)))], shift=-np.log([share, 1.0]))
    plain, _ = bag(X, y, [(kept, np.arange(len(y)))])
    np.testing.assert_allclose(fitted.mean(X)[:, 1].mean(), 200 / 4200, rtol=0.3)
    assert plain.mean(X)[:, 1].mean() > 2 * 200 / 4200


def test_rows_of_other_columns_are_refused():
    X, y, _ = table(2)
    trees = BoostedTrees.of(_model([], 0).set_params(max_iter=3).fit(X, y))
    with pytest.raises(ValueError, match=r"must have 4 columns, as in fit\. Got 3 instead"):
        trees.predict_proba(X[:, 1:])


def test_result_depends_neither_on_blocks_nor_on_threads():
    X, y = rows(150, 60)
    fitted, _ = bag(X, y, folds(y))
    many = np.tile(X, (2 * BLOCK // len(X) + 2, 1))
    np.testing.assert_array_equal(fitted.mean(many)[: len(X)], fitted.mean(X))
    assert len(X) < BLOCK < len(many)


def test_a_class_that_a_model_did_not_see_has_probability_zero():
    X, y = rows(100, 60)
    y[:2] = 2
    train = np.flatnonzero(y < 2)
    fitted, (proba,) = bag(X, y, [(train, np.arange(2))], n_classes=3)
    assert proba.shape == (2, 3)
    assert np.all(proba[:, 2] == 0)
    np.testing.assert_allclose(fitted.mean(X).sum(axis=1), 1.0)


def test_rows_of_weight_zero_are_absent():
    X, y = rows(100, 60)
    kept = np.arange(len(y)) % 5 > 0
    whole, _ = bag(X, y, folds(y), weight=kept.astype(float))
    place = np.cumsum(kept) - 1
    splits = [[place[part[kept[part]]] for part in split] for split in folds(y)]
    without, _ = bag(X[kept], y[kept], splits)
    np.testing.assert_array_equal(whole.mean(X), without.mean(X))


@pytest.mark.parametrize("categories", [[], [1]], ids=str)
def test_a_column_without_values_says_nothing(categories):
    X, y = rows(100, 60)
    X[:, 1] = np.nan
    fitted, _ = bag(X, y, folds(y), categories=np.array(categories, int))
    assert np.all(np.isfinite(fitted.mean(X)))
    new = X.copy()
    new[:, 1] = np.arange(len(y)) % 5
    np.testing.assert_array_equal(fitted.mean(new), fitted.mean(X))


@pytest.mark.parametrize("level", [-1.0, float(MOST_LEVELS), 1e4])
def test_unknown_levels_and_those_beyond_are_missing(level):
    X, y = rows(100, 60)
    X[:, 1] = np.arange(len(y)) % 7 + (y == 1)
    X[:20, 1] = np.nan
    fitted, _ = bag(X, y, folds(y), categories=np.array([1]))
    new, missing = X.copy(), X.copy()
    new[:, 1], missing[:, 1] = level, np.nan
    np.testing.assert_array_equal(fitted.mean(new), fitted.mean(missing))
    assert not np.array_equal(fitted.mean(new), fitted.mean(X))


def posteriors(noise, seed):
    """Posteriors of two classes, and labels drawn from them without the noise."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=2000)
    y = (rng.uniform(size=2000) < 1 / (1 + np.exp(-2 * z))).astype(int)
    second = 1 / (1 + np.exp(-2 * z - noise * rng.normal(size=2000)))
    return np.column_stack([1 - second, second]), y


def test_the_better_one_gets_the_larger_share():
    (good, y), (bad, _) = posteriors(0.1, 0), posteriors(3.0, 0)
    weight = np.ones(len(y))
    share = share_of_trees(bad, good, y, weight)
    assert share > 0.9
    assert share_of_trees(good, bad, y, weight) == pytest.approx(1 - share, abs=1e-3)
    assert share_of_trees(good, good, y, weight) == pytest.approx(0.5, abs=1e-3)


def test_few_rows_leave_the_share_near_a_half():
    (good, y), (bad, _) = posteriors(0.1, 0), posteriors(3.0, 0)
    shares = [share_of_trees(bad[:n], good[:n], y[:n], np.ones(n)) for n in (1, 30, 2000)]
    assert 0.4 < shares[0] < 0.65
    assert shares[2] > 0.9


def test_blend_is_one_of_them_at_the_ends_and_sums_to_one_between():
    (one, _), (other, _) = posteriors(0.1, 0), posteriors(3.0, 1)
    np.testing.assert_allclose(blended(one, other, 0.0), one)
    np.testing.assert_allclose(blended(one, other, 1.0), other)
    middle = blended(one, other, 0.5)
    np.testing.assert_allclose(middle.sum(axis=1), 1.0)
    expected = np.sqrt(one * other)
    np.testing.assert_allclose(middle, expected / expected.sum(axis=1, keepdims=True))
    zero = np.array([[1.0, 0.0]])
    assert np.all(np.isfinite(blended(zero, zero[:, ::-1], 0.5)))
