"""Bins: what their edges and the positions of numbers among them have in common."""

import numpy as np
import pytest

from skimbalance.preprocessing._bins import FEWEST_ROWS, MOST_BINS, MOST_COLUMNS, MOST_ROWS, Bins

RNG = np.random.default_rng(0)
N = 500
X = np.column_stack(
    [
        RNG.normal(size=N),
        RNG.exponential(size=N) * 1e6,
        1e9 + RNG.normal(size=N),
        RNG.integers(0, 4, N),
        np.where(RNG.uniform(size=N) < 0.9, 0.0, RNG.exponential(size=N)),
        RNG.integers(0, 2, N),  # two values: no bins
        np.full(N, 7.0),
    ]
)
Y = (X[:, 0] + RNG.normal(size=N) > 1).astype(int)

each_y = pytest.mark.parametrize("y", [Y, None, np.column_stack([Y, 1 - Y])], ids=str)


def edges_of(bins):
    return np.split(bins.edges, bins.ends[:-1])


@each_y
def test_edges_ascend_from_the_least_number_to_the_largest(y):
    bins = Bins.learn(X, y)
    assert bins.columns.tolist() == [0, 1, 2, 3, 4]
    for j, edges in zip(bins.columns, edges_of(bins), strict=True):
        assert 2 <= len(edges) <= MOST_BINS + 1
        assert np.all(np.diff(edges) > 0)
        assert edges[[0, -1]].tolist() == [X[:, j].min(), X[:, j].max()]


def test_supervised_bins_have_enough_rows():
    bins = Bins.learn(X, Y)
    for j, edges in zip(bins.columns, edges_of(bins), strict=True):
        counts, _ = np.histogram(X[:, j], edges)
        assert counts.min() >= FEWEST_ROWS


def test_a_threshold_of_the_truth_is_an_edge():
    """However far from zero, and on whatever scale, the numbers are."""
    x = RNG.permutation(N)
    for column in (x, x * 1e-9, 1e9 + x, x * 1e9):
        (edges,) = edges_of(Bins.learn(column[:, np.newaxis].astype(float), (x >= 100).astype(int)))
        cut = (np.sort(column)[99] + np.sort(column)[100]) / 2
        assert np.min(np.abs(edges - cut)) <= 0.5 * np.ptp(column) / N


@each_y
def test_positions_are_piecewise_linear(y):
    bins = Bins.learn(X, y)
    found = bins.positions(X)
    for i, (j, edges) in enumerate(zip(bins.columns, edges_of(bins), strict=True)):
        np.testing.assert_array_equal(found[:, i], np.interp(X[:, j], edges, np.arange(len(edges))))
    table = np.zeros((1, X.shape[1]))
    last = np.diff(bins.ends, prepend=0) - 1.0
    np.testing.assert_array_equal(bins.positions(table - 1e12)[0], np.zeros(5))
    np.testing.assert_array_equal(bins.positions(table + 1e12)[0], last)


def test_too_many_columns_have_no_bins():
    wide = RNG.normal(size=(50, MOST_COLUMNS + 1))
    assert len(Bins.learn(wide, None).columns) == 0
    assert Bins.learn(wide, None).positions(wide).shape == (50, 0)
    assert len(Bins.learn(wide[:, 1:], None).columns) == MOST_COLUMNS


def test_rare_rows_of_a_long_table_shape_the_bins():
    """Few rows are looked at, but those of a rare class are among them."""
    n = 4 * MOST_ROWS
    x, y = np.linspace(0, 1, n), np.zeros(n, int)
    y[n // 2 : n // 2 + 20] = 1  # a class of 20 rows, next to each other
    (edges,) = edges_of(Bins.learn(x[:, np.newaxis], y))
    inside = (edges > x[n // 2] - 0.01) & (edges < x[n // 2] + 0.01)
    assert np.count_nonzero(inside) >= 2


@pytest.mark.parametrize("y", [None, np.repeat([0, 1], 20)])
def test_bins_too_narrow_for_a_slope_are_left_out(y):
    X = np.column_stack([np.linspace(0, 1e-310, 40), np.r_[np.arange(39) * 1e-310, 1.0]])
    bins = Bins.learn(X, y)
    positions = bins.positions(np.vstack([X, -X, X + 1]))
    assert np.all(np.isfinite(positions))
    assert np.all(positions[:40, 0] == 0)
