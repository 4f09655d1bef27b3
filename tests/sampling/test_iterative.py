"""Multilabel folds and splits: each row once, and in every part its share of rows and labels."""

import numpy as np
import pytest
from label_tables import LABELS, folds_of, off_by, quiet_folds, skewed_labels
from scipy.sparse import csr_matrix
from sklearn.model_selection import KFold, StratifiedKFold

from skimbalance.sampling import _iterative, iterative_folds, iterative_split
from skimbalance.sampling._iterative import _turns

each_table = pytest.mark.parametrize("labels", LABELS, ids=lambda y: "x".join(map(str, y.shape)))


# iterative_folds


@each_table
@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.2] * 5, [0.1] * 10, [0.7, 0.2, 0.1]], ids=str)
def test_folds_have_their_share_of_rows_and_of_every_label(labels, shares):
    for seed in range(3):
        off = off_by(labels, iterative_folds(labels, shares, random_state=seed), shares)
        assert np.all(np.abs(off[:, -1]) < 1 + 1e-9)
        assert np.all(np.abs(off[:, :-1]) < 3.5)
        assert np.mean(np.abs(off[:, :-1]) < 1 + 1e-9) > 0.9


@each_table
def test_folds_are_far_nearer_to_their_share_than_those_drawn_at_random(labels):
    shares = np.full(5, 0.2)
    at_random = np.abs(
        off_by(labels, folds_of(KFold(5, shuffle=True, random_state=0), labels), shares)
    )
    stratified = np.abs(off_by(labels, iterative_folds(labels, shares, random_state=0), shares))
    assert np.max(stratified) < 0.3 * np.max(at_random)


@pytest.mark.parametrize("n_folds", [2, 3, 5, 10])
@pytest.mark.parametrize("counts", [[50, 50], [90, 9, 1], [997, 101, 3], [12] * 8], ids=str)
def test_folds_of_single_labels_are_as_good_as_those_of_stratified_kfold(counts, n_folds):
    """These are optimal: each class, and all rows, are within one row of their share."""
    y = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    one_hot = y[:, None] == np.arange(len(counts))
    shares = np.full(n_folds, 1 / n_folds)
    ours = off_by(one_hot, iterative_folds(one_hot, shares, random_state=1), shares)
    theirs = off_by(one_hot, quiet_folds(StratifiedKFold(n_folds), y), shares)
    assert np.all(np.abs(theirs) < 1)
    assert np.all(np.abs(ours) < 1)


def test_labels_that_can_be_shared_equally_are():
    """The example of the iterative-stratification package: two of each pair of labels."""
    labels = np.repeat([[0, 0], [0, 1], [1, 1], [1, 0]], 2, axis=0)
    for seed in range(20):
        assert not off_by(
            labels, iterative_folds(labels, [0.5, 0.5], random_state=seed), [0.5, 0.5]
        ).any()


def test_the_rarest_label_is_dealt_first():
    """Its two rows also have the frequent label: dealt later, they would be placed by chance."""
    labels = np.zeros((100, 2), int)
    labels[:80, 0] = 1
    labels[:2, 1] = 1
    for seed in range(50):
        fold = iterative_folds(labels, [0.5, 0.5], random_state=seed)
        assert fold[0] != fold[1]


def test_rows_with_many_units_are_dealt_first():
    """By hand: 9 6 5 2, 9 6 5 2 and 8 7 4 3, whichever rows of equal count these are."""
    counts = np.array([[5], [4], [6], [2], [7], [6], [2], [9], [8], [3], [5], [9]])
    for seed in range(50):
        fold = iterative_folds(counts, np.full(3, 1 / 3), random_state=seed)
        assert [counts[fold == i].sum() for i in range(3)] == [22, 22, 22]
        assert np.bincount(fold).tolist() == [4, 4, 4]


def test_a_row_goes_where_its_label_lacks_most_then_where_most_rows_are_lacking():
    """By hand: folds that lack 2 of the label and 5 or 9 rows; then a fold that lacks 3."""
    for seed in range(20):
        wanted, placed = np.array([[2.0, 5.0], [2.0, 9.0]]), np.zeros((2, 2))
        assert _turns(np.ones(4), wanted, placed, np.random.default_rng(seed)) == [1, 0, 1, 0]
        wanted = np.array([[3.0, 5.0], [2.0, 9.0]])
        assert _turns(np.ones(5), wanted, placed, np.random.default_rng(seed)) == [0, 1, 0, 1, 0]
        assert _turns(np.array([2.0, 1.0]), wanted, placed, np.random.default_rng(seed)) == [0, 1]


def chi_squared_after_rounds(labels, n_folds, monkeypatch):
    """Chi-squared of folds and labels, a row for each of 5 seeds, after 0 to 7 rounds of trades."""
    shares = np.full(n_folds, 1 / n_folds)
    units = np.column_stack([labels, np.ones(len(labels))])

    def chi_squared(n_rounds, seed):
        monkeypatch.setattr(_iterative, "ROUNDS", n_rounds)
        off = off_by(labels, iterative_folds(labels, shares, random_state=seed), shares)
        return np.sum(off**2 / np.outer(shares, units.sum(axis=0)))

    return np.array([[chi_squared(n, seed) for n in range(8)] for seed in range(5)])


each_number_of_candidates = pytest.mark.parametrize("n_candidates", [1, _iterative.CANDIDATES])


@each_table
@each_number_of_candidates
def test_trades_only_bring_labels_nearer_to_their_shares(labels, n_candidates, monkeypatch):
    monkeypatch.setattr(_iterative, "CANDIDATES", n_candidates)
    assert np.all(np.diff(chi_squared_after_rounds(labels, 3, monkeypatch)) <= 1e-9)


@each_number_of_candidates
def test_trades_bring_many_labels_nearer_to_their_shares(n_candidates, monkeypatch):
    monkeypatch.setattr(_iterative, "CANDIDATES", n_candidates)
    courses = chi_squared_after_rounds(skewed_labels(600, 60, 1, 0.4), 5, monkeypatch)
    assert np.all(np.diff(courses) <= 1e-9)
    assert np.all(courses[:, -1] < courses[:, 0])


def test_counts_are_shared_like_labels():
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.3, size=(800, 6)) * rng.integers(1, 6, size=(800, 6))
    off = off_by(
        counts, iterative_folds(counts, np.full(5, 0.2), random_state=rng), np.full(5, 0.2)
    )
    assert np.all(np.abs(off[:, -1]) < 1 + 1e-9)
    assert np.all(np.abs(off[:, :-1]) < 3.5)


def test_many_labels_and_large_folds():
    """Folds have more rows than are tried for a trade, and labels are correlated."""
    rng = np.random.default_rng(0)
    topics = rng.normal(size=(3000, 8)) @ rng.normal(size=(8, 100))
    scores = topics + rng.normal(size=topics.shape)
    labels = scores > np.quantile(scores, 1 - np.geomspace(0.005, 0.4, 100), axis=0).diagonal()
    shares = np.full(5, 0.2)
    off = np.abs(off_by(labels, iterative_folds(labels, shares, random_state=rng), shares))
    at_random = np.abs(off_by(labels, rng.permutation(np.arange(3000) % 5), shares))
    assert np.all(off[:, -1] < 1 + 1e-9)
    assert off.mean() < 0.15 * at_random.mean()


@pytest.mark.parametrize("n_folds", [2, 3, 7])
def test_folds_of_few_rows(n_folds):
    """As few rows as folds; labels in one row, in every row and in none: no fold is empty."""
    for seed in range(30):
        rng = np.random.default_rng(seed)
        n_samples = n_folds + int(rng.integers(3))
        labels = rng.random((n_samples, 4)) < [0.1, 0.5, 1.0, 0.0]
        fold = iterative_folds(labels, np.full(n_folds, 1 / n_folds), random_state=rng)
        sizes = np.bincount(fold, minlength=n_folds)
        assert len(fold) == sizes.sum() == n_samples
        assert sizes.max() - sizes.min() <= 1


def test_more_folds_than_rows_leave_folds_empty():
    fold = iterative_folds(np.ones((3, 1)), np.full(5, 0.2), random_state=0)
    assert sorted(np.bincount(fold, minlength=5)) == [0, 0, 1, 1, 1]


def test_labels_that_no_row_has_and_the_type_of_the_indicator_change_nothing():
    labels = LABELS[1]
    fold = iterative_folds(labels, [0.5, 0.5], random_state=0)
    with_none = np.insert(labels, [0, 3], 0, axis=1)
    np.testing.assert_array_equal(fold, iterative_folds(with_none, [0.5, 0.5], random_state=0))
    np.testing.assert_array_equal(
        fold, iterative_folds(labels.astype(bool), [0.5, 0.5], random_state=0)
    )


def test_every_row_may_be_in_every_fold():
    labels = np.repeat([[1, 0], [1, 1], [0, 0]], [10, 4, 16], axis=0)
    times = np.zeros((3, len(labels)))
    together = np.zeros((len(labels), len(labels)))
    for seed in range(600):
        fold = iterative_folds(labels, np.full(3, 1 / 3), random_state=seed)
        times[fold, np.arange(len(labels))] += 1
        together += fold[:, None] == fold
    # 200 of 600 each, standard deviation 11.5; 90 numbers.
    assert np.all(np.abs(times - 200) < 5 * 11.5)
    # One pair of the four rows with the second label shares a fold: any of six, 100 times each.
    assert np.all(np.abs(together[10:14, 10:14][~np.eye(4, dtype=bool)] - 100) < 5 * 9.1)


def test_folds_draw_only_from_their_generator_and_leave_their_input():
    labels = LABELS[0].copy()
    labels.setflags(write=False)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (
        iterative_folds(labels, [0.5, 0.5], random_state=seed) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002


# iterative_split


def random_indicator(seed):
    """2 to 40 rows; labels in one, two, many or all rows, some in the same ones; or counts."""
    rng = np.random.default_rng(seed)
    n_samples, n_labels = int(rng.integers(2, 41)), int(rng.integers(1, 13))
    labels = rng.random((n_samples, n_labels)) < rng.random(n_labels) ** 3
    return labels * rng.integers(1, 9, size=labels.shape) if seed % 3 == 0 else labels


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5, 0.99])
def test_split_gives_each_part_every_label_where_that_can_be(fraction):
    missing = 0
    for seed in range(300):
        has = random_indicator(seed)
        train, held_out = iterative_split(has, fraction, random_state=seed)
        np.testing.assert_array_equal(
            np.sort(np.concatenate([train, held_out])), np.arange(len(has))
        )
        assert np.all(np.diff(train) > 0)
        assert np.all(np.diff(held_out) > 0)
        assert min(len(train), len(held_out)) > 0
        has = has[:, (has > 0).sum(axis=0) > 1] > 0
        in_train, in_held_out = (has[rows].sum(axis=0) for rows in (train, held_out))
        assert np.all(in_train > 0)
        # If a label is not held out, each of its rows is the last training row of some label.
        last = has[:, in_train == 1].any(axis=1)
        assert np.all(last[:, None] | ~has[:, in_held_out == 0])
        missing += np.sum(in_held_out == 0)
    # This is an exception: it is rare in 300 splits of few rows.
    assert missing < 100


def test_three_labels_on_three_rows_cannot_all_be_held_out():
    """Two of the rows would have to be held out, and they share a label."""
    has = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 1]])
    for seed in range(20):
        train, held_out = iterative_split(has, 0.5, random_state=seed)
        assert len(train) == 2
        assert has[train].any(axis=0).all()
        assert has[held_out].sum() == 2


@each_table
@pytest.mark.parametrize("fraction", [0.1, 0.25])
def test_split_has_its_share_of_rows_and_of_every_label(labels, fraction):
    n_positive = labels.sum(axis=0)
    for seed in range(3):
        train, held_out = iterative_split(labels, fraction, random_state=seed)
        assert abs(len(held_out) - fraction * len(labels)) < 1 + 1e-9
        owed = np.maximum(1, fraction * n_positive)
        assert np.all(np.abs(labels[held_out].sum(axis=0) - owed) < 2)
        assert np.all(labels[held_out].sum(axis=0) >= 1)
        assert np.all(labels[train].sum(axis=0) >= 1)


def test_rows_owed_to_rare_labels_are_within_the_share():
    """20 labels have 3 rows, of which one is held out; rows of frequent labels make room."""
    labels = np.zeros((1000, 21), int)
    labels[np.arange(60), np.arange(60) % 20] = 1
    labels[:, 20] = np.arange(1000) % 2
    _, held_out = iterative_split(labels, 0.1, random_state=0)
    assert len(held_out) == 100
    assert labels[held_out].sum(axis=0).tolist() == [1] * 20 + [50]


def test_split_of_rows_without_labels():
    train, held_out = iterative_split(np.zeros((10, 3)), 0.3, random_state=0)
    assert (len(train), len(held_out)) == (7, 3)


@pytest.mark.parametrize("n_samples", [0, 1])
def test_split_of_fewer_than_two_rows_is_refused(n_samples):
    with pytest.raises(ValueError, match=rf"must have at least 2 rows.*Got {n_samples}\."):
        iterative_split(np.ones((n_samples, 2)), 0.5, random_state=0)


def test_split_is_random_but_reproducible():
    labels = LABELS[0]
    first, again, other = (iterative_split(labels, 0.2, random_state=seed)[1] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    "indicator",
    [["no", "yes"], [["no"], ["yes"]], [0, 1, 1], [[0], [0, 1]], [[0, np.inf]], [[-1, 1]],
     csr_matrix([[0, 1], [1, 0]]), None],
    ids=str,
)  # fmt: skip
def test_what_is_not_an_indicator_is_refused(indicator):
    with pytest.raises(ValueError, match="The 'indicator' parameter must be a dense matrix"):
        iterative_folds(indicator, [0.5, 0.5], random_state=0)
    with pytest.raises(ValueError, match="The 'indicator' parameter must be a dense matrix"):
        iterative_split(indicator, 0.5, random_state=0)


@pytest.mark.parametrize(
    "shares", [[0.5, 0.7], [1, 1], [1.0, 0.0], [1.5, -0.5], [np.nan, 1], 0.5, 3, "a", None], ids=str
)
def test_shares_of_folds_are_positive_and_sum_to_1(shares):
    with pytest.raises(ValueError, match="The 'shares' parameter of iterative_folds must hold"):
        iterative_folds(np.eye(3), shares, random_state=0)
