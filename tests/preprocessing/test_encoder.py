"""What networks see of a table: hand-computed values, and what the encoding does not depend on."""

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from skimbalance.preprocessing._encoder import MOST_LEVELS, TableEncoder, median

NAN = np.nan


def learn(X, n_levels, *, weight=None, standardize=True, index=None):
    X, index = np.asarray(X, float), np.arange(len(X)) if index is None else index
    return TableEncoder.learn(X, index, weight, np.array(n_levels), standardize=standardize)


def table(n=60, seed=0):
    """Two numbers, the first with gaps, and two categories, the second with gaps."""
    rng = np.random.default_rng(seed)
    X = np.column_stack(
        [
            rng.normal(5, 3, n),
            rng.normal(-1, 9, n),
            rng.choice(3, n, p=[0.5, 0.3, 0.2]),
            rng.choice(4, n, p=[0.4, 0.3, 0.2, 0.1]),
        ]
    )
    X[::7, 0] = X[::9, 3] = NAN
    return X, [-1, -1, 3, 4]


def test_the_outputs_by_hand():
    X = [[1.0, 0], [NAN, 1], [3, 0], [8, NAN], [4, 1], [4, 0], [4, 2]]
    encoder = learn(X, [-1, 3])
    filled = np.array([1, 4, 3, 8, 4, 4, 4])
    numbers = (filled - filled.mean()) / filled.std()
    # Number, flag, levels 0 and 1, missing, and the rare level 2 with those that are unknown.
    expected = np.column_stack(
        [numbers, [0, 1, 0, 0, 0, 0, 0], [1, 0, 1, 0, 0, 1, 0], [0, 1, 0, 0, 1, 0, 0],
         [0, 0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0, 1]]
    )  # fmt: skip
    np.testing.assert_allclose(encoder.transform(np.array(X)), expected)
    new = encoder.transform(np.array([[4.0, -1], [4.0, 2]]))
    np.testing.assert_array_equal(new[0], new[1])
    assert encoder.n_outputs == 6


def test_numbers_stay_as_they_are_without_standardisation():
    encoder = learn([[1.0], [NAN], [3], [8]], [-1], standardize=False)
    assert encoder.transform(np.array([[2.5], [NAN]])).tolist() == [[2.5, 0], [3, 1]]


@pytest.mark.parametrize("standardize", [True, False])
def test_booleans_of_numpy_are_booleans(standardize):
    X, n_levels = table()
    rows = [
        learn(X, n_levels, standardize=of).transform(X)
        for of in (standardize, np.bool_(standardize))
    ]
    np.testing.assert_array_equal(*rows)


@pytest.mark.parametrize("n_rows", [1, 2, 3, 10, 101])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_gap_becomes_the_median_in_the_last_bit(n_rows, dtype):
    X = np.random.default_rng(n_rows).normal(size=(n_rows, 4)).astype(dtype)
    whole = TableEncoder.learn(X, np.arange(n_rows), None, np.full(4, -1), standardize=True)
    np.testing.assert_array_equal(whole.fill, np.median(X, axis=0))
    one = TableEncoder.learn(
        X, np.arange(n_rows), None, np.array([-1, 9, -1, 9]), standardize=False
    )
    np.testing.assert_array_equal(one.fill, np.median(X[:, [0, 2]], axis=0))


def test_a_table_of_numbers_is_standardised_as_by_scikit_learn():
    X, _ = table()
    X, weight = X[:, 1:2], np.random.default_rng(1).random(len(X))
    for weights in (None, weight):
        encoder, scaler = learn(X, [-1], weight=weights), StandardScaler()
        assert encoder.is_plain
        expected = scaler.fit(X, sample_weight=weights).transform(X)
        np.testing.assert_allclose(encoder.transform(X), expected)


def test_neither_the_order_of_the_rows_nor_other_rows_matter():
    X, n_levels = table()
    expected = learn(X, n_levels).transform(X)
    order = np.random.default_rng(2).permutation(len(X))
    np.testing.assert_allclose(learn(X[order], n_levels).transform(X), expected)
    # Held-out rows are others than those of the index.
    beside = np.vstack([X, np.full((9, 4), 1e9), np.full((9, 4), NAN)])
    np.testing.assert_array_equal(
        learn(beside, n_levels, index=np.arange(len(X))).transform(X), expected
    )


def test_other_numbers_for_the_levels_reorder_the_outputs_at_most():
    X, n_levels = table()
    other = X.copy()
    other[:, 3] = (3 - X[:, 3]) % 4
    renamed = learn(other, n_levels).transform(other)
    np.testing.assert_array_equal(renamed, learn(X, n_levels).transform(X))


@pytest.mark.parametrize("weights", [[1, 2, 3], [2, 2, 2], [5, 1, 1]])
def test_a_weight_is_a_row_repeated(weights):
    X, n_levels = table(30)
    X[:, 2:] = np.tile([[0, 1], [1, 0]], (15, 1))  # levels that are frequent in any case
    weight = np.tile(weights, 10)
    heavy = learn(X, n_levels, weight=weight.astype(float))
    repeated = learn(np.repeat(X, weight, axis=0), n_levels)
    np.testing.assert_allclose(heavy.transform(X), repeated.transform(X))


def test_median_by_weight():
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 6):
        values, weight = rng.normal(size=n), rng.integers(1, 4, n)
        np.testing.assert_allclose(
            median(values, weight.astype(float)), np.median(np.repeat(values, weight))
        )
    assert median(np.array([NAN, 2.0, 3.0])) == 2.5
    assert np.isnan(median(np.array([NAN])))


@pytest.mark.parametrize("column", [[NAN] * 4, [7.0] * 4, [7.0, NAN, 7, 7], [1e-200, 0] * 2])
def test_a_constant_column_is_zero_whatever_comes(column):
    X = np.column_stack([column, [1.0, 2, 3, 4]])
    encoder = learn(X, [-1, -1])
    assert np.all(encoder.transform(np.vstack([X, [[1e9, 0], [NAN, 0]]]))[:, 0] == 0)
    assert np.all(np.isfinite(encoder.restored(encoder.comparable(X))))


@pytest.mark.parametrize("column", [[0] * 4, [NAN] * 4, [0, 1, 2, 3], [-1] * 4])
def test_a_column_of_one_group_of_levels_is_zero_whatever_comes(column):
    encoder = learn(np.array(column)[:, None], [4])
    new = np.array([[0], [1], [NAN], [-1]])
    assert encoder.transform(new).tolist() == [[0], [0], [0], [0]]


def test_the_most_frequent_levels_have_an_output_each():
    n_levels = 2 * MOST_LEVELS
    levels = np.repeat(np.arange(n_levels), np.arange(n_levels) + 2)
    encoder = learn(levels[:, None], [n_levels])
    *encoded, codes = encoder.transform(np.arange(n_levels)[:, None]).T
    encoded = np.transpose(encoded)
    assert sorted(codes) == [*range(1, n_levels + 1)]
    assert encoded.shape == (n_levels, MOST_LEVELS + 1)
    assert np.all(encoded.sum(axis=1) == 1)
    assert np.all(encoded[:MOST_LEVELS, -1] == 1)
    np.testing.assert_array_equal(encoded[MOST_LEVELS:, -2::-1], np.eye(MOST_LEVELS))


def test_codes_of_many_levels():
    """0 stands for rare and unknown levels; gaps have a code of their own if training had some."""
    n_common, n_rare = MOST_LEVELS + 5, 3
    n_levels = n_common + n_rare
    levels = np.r_[np.repeat(np.arange(n_common), 2), np.arange(n_common, n_levels)].astype(float)
    new = np.r_[np.arange(n_levels), NAN, -1, n_levels + 7][:, None]
    for gaps in ([], [NAN, NAN]):
        encoder = learn(np.r_[levels, gaps][:, None], [n_levels])
        codes = encoder.transform(new)[:, -1]
        assert len(set(codes[:n_common])) == n_common
        assert np.all(codes[:n_common] > 0)
        assert np.all(codes[n_common:n_levels] == 0)
        assert codes[n_levels:].tolist() == [n_common + 1 if gaps else 0, 0, 0]
        assert encoder.n_codes == (n_common + 1 + bool(gaps),)
    few = learn(np.repeat(np.arange(MOST_LEVELS), 2)[:, None], [MOST_LEVELS])
    assert few.n_codes == ()


def test_levels_and_gaps_that_the_training_rows_lacked_set_no_output():
    encoder = learn([[0, 1.0], [0, 2], [1, 3], [1, 4]], [3, -1])
    encoded = encoder.transform(np.array([[2, 1.0], [NAN, 1], [-1, 1], [7, 1]]))
    assert np.all(encoded[:, 1:] == 0)
    # A gap where training had none is the median, without a flag.
    assert encoder.transform(np.array([[0, NAN]]))[0, 0] == 0


def test_rows_for_samplers_have_a_way_back():
    X, n_levels = table()
    encoder = learn(X, n_levels)
    comparable = encoder.comparable(X)
    assert np.all(np.isfinite(comparable))
    assert comparable.shape == X.shape
    back = encoder.restored(comparable)
    filled = np.where(np.isnan(X[:, 0]), np.nanmedian(X[:, 0]), X[:, 0])
    np.testing.assert_allclose(back[:, 0], filled)
    np.testing.assert_allclose(back[:, 1:], X[:, 1:])


def test_further_rows_update_means_only():
    X, n_levels = table()
    encoder = learn(X[:30], n_levels)
    updated = encoder.updated(X, np.arange(30, 60), None)
    filled = np.where(np.isnan(X[:, 0]), encoder.fill[0], X[:, 0])
    np.testing.assert_allclose(updated.center, [filled.mean(), X[:, 1].mean()])
    np.testing.assert_array_equal(updated.transform(X)[:, 2:], encoder.transform(X)[:, 2:])
    assert encoder.center[0] != updated.center[0]


def test_new_numbers_however_large_are_clipped_smoothly():
    for X in ([[1e-310], [2e-310], [3e-310], [0]], [[0.1], [0.2], [0.3], [0]]):
        encoder = learn(X, [-1], standardize="robust")
        new = np.array([[1e300], [-1e300], [1e150]])
        with np.errstate(over="ignore"):  # as estimators have it
            assert encoder.transform(new).ravel().tolist() == [3, -3, 3]


def test_what_does_not_fit_a_network_is_found():
    encoder = learn(*table())
    assert encoder.wrong_shapes(encoder.n_outputs) == []
    assert encoder.wrong_shapes(encoder.n_outputs + 1) == ["n_outputs"]


def test_blocks_are_read_as_the_whole():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=10_000), rng.integers(0, 3, 10_000)])
    X[5_000:, 0][::3] = NAN
    encoder = learn(X, [-1, 3])
    encoded = encoder.transform(X)
    np.testing.assert_allclose(encoded[:, 0].std(), 1)
    np.testing.assert_allclose(encoded[:, 0].mean(), 0, atol=1e-12)
    assert encoded[:, 1].sum() == np.isnan(X[:, 0]).sum()


def test_a_constant_column_of_weighted_rows_has_deviation_one():
    weight = np.where(np.random.default_rng(0).random(24_576) < 0.3, 1.0, 1 / 0.2003)
    encoder = learn(np.full((24_576, 1), 3.7), np.array([-1]), weight=weight)
    assert encoder.scaler.scale_ == 1.0
