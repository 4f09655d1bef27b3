"""Index streams and splits: laws over many random tables, cut into batches as the engine does."""

import random
from functools import partial

import numpy as np
import pytest

from skimbalance.sampling import (
    balanced_order,
    iterative_folds,
    iterative_split,
    shuffled_order,
    stratified_folds,
    stratified_order,
    stratified_split,
)

ORDERS = [shuffled_order, stratified_order, balanced_order]
BATCH_SIZES = [1, 7, 32, 100]

each_order = pytest.mark.parametrize("order", ORDERS, ids=lambda f: f.__name__)


def table(counts, rng, labels=None):
    """Shuffled class indices."""
    labels = np.arange(len(counts)) if labels is None else labels
    y = rng.permutation(np.repeat(labels, counts))
    y.setflags(write=False)
    return y


def random_table(seed):
    """2 to 50 classes, from even to a long tail of single rows; every third with a gap."""
    rng = np.random.default_rng(seed)
    n_classes = int(rng.integers(2, 51)) if seed % 2 else 2 + seed // 2 % 4
    counts = np.ceil(150 * rng.uniform(size=n_classes) ** rng.integers(1, 12)).astype(int)
    labels = np.sort(rng.choice(2 * n_classes, n_classes, replace=False)) if seed % 3 == 0 else None
    return table(counts, rng, labels)


def batches(order, batch_size):
    """Nearly equal parts of an epoch, with all of its rows."""
    n, steps = len(order), -(-len(order) // batch_size)
    return [order[i * n // steps : (i + 1) * n // steps] for i in range(steps)]


TABLES = [random_table(seed) for seed in range(30)] + [
    table(counts, np.random.default_rng(0))
    for counts in ([1, 1], [1, 999], [500, 500], [997, 101, 3], [1] * 50, [900] + [1] * 49)
]
each_table = pytest.mark.parametrize("y", TABLES, ids=lambda y: f"{len(np.unique(y))}of{len(y)}")


def by_class(y):
    """Rows of each class that has any, and their number."""
    rows = [np.flatnonzero(y == k) for k in np.unique(y)]
    return rows, np.array([len(r) for r in rows])


def class_counts_of(batch, y):
    """Draws of each class that has rows."""
    return np.bincount(y[batch], minlength=y.max() + 1)[np.bincount(y) > 0]


@each_order
@each_table
def test_pure_function_of_labels_seed_and_epoch(order, y):
    state = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    first = order(y, seed=3, epoch=5)
    np.testing.assert_array_equal(first, order(y.copy(), seed=3, epoch=5))
    assert first.dtype == np.int32
    assert first.shape == y.shape
    if len(y) > 10:
        assert not np.array_equal(first, order(y, seed=3, epoch=6))
        assert not np.array_equal(first, order(y, seed=4, epoch=5))
    assert np.array_equal(state[0], np.random.get_state()[1])  # noqa: NPY002
    assert state[1] == random.getstate()


@pytest.mark.parametrize("order", [shuffled_order, stratified_order], ids=lambda f: f.__name__)
@each_table
def test_each_row_once(order, y):
    for epoch in range(3):
        np.testing.assert_array_equal(np.sort(order(y, seed=1, epoch=epoch)), np.arange(len(y)))


@each_table
def test_stratified_batches_mirror_the_whole(y):
    """Within one row for two classes, and for a rare class among many.

    A stretch of time holds each class in its share within one row; it is the other classes'
    rounding that shifts the ends of a batch: ``1 + share * (n_classes - 2)`` rows at most.
    """
    share = by_class(y)[1] / len(y)
    slack = 1.0 + share * (len(share) - 2) + 1e-9
    for epoch, batch_size in enumerate(BATCH_SIZES):
        for batch in batches(stratified_order(y, seed=2, epoch=epoch), batch_size):
            off = np.abs(class_counts_of(batch, y) - share * len(batch))
            assert np.all(off < slack)


@each_table
def test_balanced_batches_hold_equal_numbers(y):
    for epoch, batch_size in enumerate(BATCH_SIZES):
        for batch in batches(balanced_order(y, seed=2, epoch=epoch), batch_size):
            assert np.ptp(class_counts_of(batch, y)) <= 1


@each_table
def test_balanced_epoch_draws_the_rows_of_a_class_equally_often(y):
    for epoch in range(4):
        draws = balanced_order(y, seed=0, epoch=epoch)
        drawn = np.bincount(draws, minlength=len(y))
        assert np.ptp(class_counts_of(draws, y)) <= 1
        assert all(np.ptp(drawn[rows]) <= 1 for rows in by_class(y)[0])


@each_table
def test_balanced_epochs_go_on_where_the_last_one_stopped(y):
    """After any number of epochs no row of a class is more than one draw ahead of another."""
    drawn = np.zeros(len(y), int)
    rows_by_class, counts = by_class(y)
    for epoch in range(2 * len(counts) + 10):
        drawn += np.bincount(balanced_order(y, seed=0, epoch=epoch), minlength=len(y))
        assert max(np.ptp(drawn[rows]) for rows in rows_by_class) <= 1


@each_table
def test_balanced_classes_take_turns_at_the_draws_left_over(y):
    n_classes = len(np.unique(y))
    total = sum(
        class_counts_of(balanced_order(y, seed=0, epoch=epoch), y) for epoch in range(n_classes)
    )
    assert np.all(total == len(y))


def test_balanced_sees_every_majority_row_soon():
    y = table([10_000, 100], np.random.default_rng(0))
    seen = {row for epoch in range(2) for row in balanced_order(y, seed=0, epoch=epoch).tolist()}
    assert seen == set(range(len(y)))


@pytest.mark.parametrize("order", [shuffled_order, stratified_order], ids=lambda f: f.__name__)
@pytest.mark.parametrize("counts", [[60, 1], [40, 13, 7, 1], [20, 20, 20]], ids=str)
def test_no_row_prefers_a_place(order, counts):
    y = np.repeat(np.arange(len(counts)), counts)
    epochs = 400
    place = np.zeros(len(y))
    for epoch in range(epochs):
        place[order(y, seed=9, epoch=epoch)] += np.arange(len(y)) / epochs
    # The mean of 400 uniform places; 5 standard errors, 60 rows.
    error = len(y) / np.sqrt(12 * epochs)
    assert np.all(np.abs(place - (len(y) - 1) / 2) < 5 * error)


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.25, 0.5, 0.99])
@each_table
def test_split(y, fraction):
    if by_class(y)[1].min() < 2:
        with pytest.raises(ValueError, match=r"must have at least 2 rows.*Got a class with 1"):
            stratified_split(y, fraction, random_state=np.random.default_rng(0))
        y = np.concatenate([y, y])
    train, held_out = stratified_split(y, fraction, random_state=np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(np.concatenate([train, held_out])), np.arange(len(y)))
    assert np.all(np.diff(train) > 0)
    assert np.all(np.diff(held_out) > 0)
    for rows in by_class(y)[0]:
        n = np.isin(rows, held_out).sum()
        assert 1 <= n <= len(rows) - 1
        # Rounded, unless a part would be left without a row.
        assert n in (1, len(rows) - 1) or abs(n - fraction * len(rows)) <= 0.5 + 1e-9


def test_split_is_random_but_reproducible():
    y = table([300, 20], np.random.default_rng(0))
    first, again, other = (
        stratified_split(y, 0.2, random_state=np.random.default_rng(seed))[1] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    rng = np.random.default_rng(0)
    times = np.zeros(len(y), int)
    for _ in range(300):
        times[stratified_split(y, 0.2, random_state=rng)[1]] += 1
    # Every row is held out in about 60 of 300 splits (standard deviation 6.9).
    assert 25 < times.min() < times.max() < 95


Y = table([300, 40, 7], np.random.default_rng(0))
INDICATOR = Y[:, None] == np.arange(3)
RANDOM = {
    "stratified_split": partial(stratified_split, Y, 0.2),
    "stratified_folds": partial(stratified_folds, Y, 5),
    "iterative_split": partial(iterative_split, INDICATOR, 0.2),
    "iterative_folds": partial(iterative_folds, INDICATOR, np.full(5, 0.2)),
}
each_random = pytest.mark.parametrize("name", RANDOM)


def drawn(name, random_state):
    """The folds, or the held-out rows of a split, which decide the training rows."""
    result = RANDOM[name](random_state=random_state)
    return result[1] if "split" in name else result


@each_random
def test_an_int_is_the_seed_of_a_generator(name):
    first = drawn(name, 3)
    np.testing.assert_array_equal(first, drawn(name, 3))
    np.testing.assert_array_equal(first, drawn(name, np.random.default_rng(3)))
    assert not np.array_equal(first, drawn(name, 4))


@each_random
@pytest.mark.parametrize("kind", [np.random.default_rng, np.random.RandomState])
def test_a_source_of_randomness_goes_on(name, kind):
    one, other = kind(3), kind(3)
    first, second = drawn(name, one), drawn(name, one)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, drawn(name, other))
    np.testing.assert_array_equal(second, drawn(name, other))


@each_random
def test_without_a_seed_draws_differ_and_global_state_stays(name):
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    assert not np.array_equal(drawn(name, None), drawn(name, None))
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002


NO_INDICES = [
    ["no", "yes", "no"],
    [0.0, 1.0, 1.0],
    [-1, 1, 1],
    [[0, 1], [1, 0]],
    [[0], [0, 1]],
    1,
    [],
]
OF_INDICES = {
    "split": lambda y: stratified_split(y, 0.5, random_state=0),
    "folds": lambda y: stratified_folds(y, 2, random_state=0),
    "stratified": lambda y: stratified_order(y, seed=0, epoch=0),
    "balanced": lambda y: balanced_order(y, seed=0, epoch=0),
}


@pytest.mark.parametrize("y", NO_INDICES, ids=str)
@pytest.mark.parametrize("name", OF_INDICES)
def test_what_are_not_class_indices_is_refused(name, y):
    with pytest.raises(ValueError, match="y must hold the class index of each row, an int from 0"):
        OF_INDICES[name](y)


NO_FRACTIONS = [0, 1, 0.0, 1.0, -0.5, 2, np.nan, "a", None, [0.5]]


@pytest.mark.parametrize("fraction", NO_FRACTIONS, ids=str)
def test_a_split_holds_out_a_part_of_the_rows(fraction):
    for split, y in ((stratified_split, [0, 0, 1, 1]), (iterative_split, np.eye(2)[[0, 0, 1, 1]])):
        with pytest.raises(ValueError, match=f"'fraction' parameter of {split.__name__} must be"):
            split(y, fraction, random_state=0)


@pytest.mark.parametrize("n_folds", [-1, 0, 1, 2.5, "3", None], ids=str)
def test_there_are_two_folds_or_more(n_folds):
    with pytest.raises(ValueError, match="'n_folds' parameter of stratified_folds must be an int"):
        stratified_folds([0, 0, 1, 1], n_folds, random_state=0)


@pytest.mark.parametrize("name", OF_INDICES)
def test_the_indices_of_class_labels_are_taken(name):
    labels = np.array(["no", "yes", "no", "yes", "no", "no"])
    given = np.unique(labels, return_inverse=True)[1]
    for kind in (np.int8, np.uint32, np.int64, bool):
        found = OF_INDICES[name](given.astype(kind))
        for ours, other in zip(found, OF_INDICES[name](given), strict=True):
            np.testing.assert_array_equal(ours, other)
