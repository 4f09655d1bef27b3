"""Batches of rows that are read in parts: every row once in an epoch, as if drawn at random."""

import gc
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from skimbalance._engine.feed import feed_of
from skimbalance._engine.job import Batches, Job, Part, StreamedRows
from skimbalance._engine.stack import rows_per_batch
from skimbalance._fit.streams.cache import Cache
from skimbalance._fit.streams.rows import EncodedParts

PROGRAM = SimpleNamespace(dtype=np.float32, input_dtypes=[np.float32])


def order(y, part, epoch):
    return np.random.default_rng([part, epoch]).permutation(len(y))


def weigh(part, early):
    return np.where(part.y == 1, 1.0 if early else 3.0, 1.0)


def feed(parts, batch_size, epochs=3, deferred=0, calls=None, reader=None):
    """The feed of rows that are given as parts of (X, y), perhaps by a reader of their own."""

    def read(number, dtypes):
        if reader is not None:
            return reader(number, dtypes)
        if calls is not None:
            calls.append(number)
        X, y = parts[number]
        return Part((X.astype(dtypes[0]),), y, None)

    sizes = np.array([len(y) for _, y in parts])
    rows = StreamedRows(sizes, read, weigh, order, [(1,)], ())
    job = Job(
        program=PROGRAM, weights={}, rows=rows, first_epoch=0, epochs=epochs,
        order=lambda epoch: np.random.default_rng(epoch).permutation(len(parts)),
        batch_size=batch_size, learning_rates=lambda first, n: np.ones(n), weight_decay=0.0,
        arguments={}, deferred_until=deferred,
    )  # fmt: skip
    return feed_of(job, rows_per_batch(job), {}), rows_per_batch(job)


def numbered(sizes):
    """Parts of rows that hold their numbers; class 1 has every fifth."""
    ends = np.cumsum(sizes)
    numbers = [np.arange(end - n, end) for end, n in zip(ends, sizes, strict=True)]
    return [(rows[:, None].astype(float), (rows % 5 == 0).astype(int)) for rows in numbers]


def taken(feed, n_rows, first, n):
    """Some batches: numbers of their rows, targets and weights, without what pads them."""
    batches = Batches(
        (np.zeros((n, n_rows, 1), np.float32),), np.zeros((n, n_rows), np.int32),
        np.zeros((n, n_rows), np.float32), np.ones(n, np.int32), np.zeros(n),
    )  # fmt: skip
    feed.fill(first, n, batches)
    X, y, weight = batches.X[0][..., 0], batches.y, batches.weight
    rows = zip(X, y, weight, batches.sizes, strict=True)
    return [(x[:m].astype(int), y[:m], w[:m]) for x, y, w, m in rows]


@pytest.mark.parametrize("sizes", [[7], [10, 23, 1, 64], [5] * 9])
@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_each_epoch_has_every_row_once_with_its_target_and_weight(sizes, batch_size):
    stream, n_rows = feed(numbered(sizes), batch_size, deferred=1)
    for epoch in range(3):
        batches = taken(stream, n_rows, epoch * stream.n_steps, stream.n_steps)
        rows, y, weight = (np.concatenate(part) for part in zip(*batches, strict=True))
        np.testing.assert_array_equal(np.sort(rows), np.arange(sum(sizes)))
        np.testing.assert_array_equal(y, rows % 5 == 0)
        np.testing.assert_array_equal(weight, np.where(y == 1, 3.0 if epoch else 1.0, 1.0))
        sizes_told = stream.sizes(epoch * stream.n_steps, stream.n_steps)
        np.testing.assert_array_equal(sizes_told, [len(b[0]) for b in batches])
        assert max(sizes_told) <= min(batch_size, n_rows)
    assert stream.n_rows == sum(sizes)


def test_batches_do_not_depend_on_the_calls_that_fetch_them():
    n_steps = 3 * feed(numbered([10, 23, 1]), 4)[0].n_steps
    whole = taken(*feed(numbered([10, 23, 1]), 4), 0, n_steps)
    for first in range(0, n_steps, 5):  # also as a fit that was resumed
        n = min(7, n_steps - first)
        for got, expected in zip(taken(*feed(numbered([10, 23, 1]), 4), first, n),
                                 whole[first : first + n], strict=True):  # fmt: skip
            np.testing.assert_array_equal(got[0], expected[0])


def test_epochs_have_other_batches():
    stream, n_rows = feed(numbered([50, 50]), 10)
    first, second = (taken(stream, n_rows, e * 10, 10) for e in range(2))
    assert not any(set(a[0]) == set(b[0]) for a in first for b in second)


def test_rows_sorted_by_class_come_in_batches_like_random_ones(tmp_path, monkeypatch):
    n, share, batch_size = 40_000, 0.1, 100
    monkeypatch.setattr("skimbalance._fit.streams.cache.BUCKET_BYTES", n * 16 // 20)
    monkeypatch.setattr("skimbalance._fit.streams.cache.BUCKET_ROWS", 1)
    y = (np.arange(n) >= n * (1 - share)).astype(int)
    cache = Cache(tmp_path, n, 1, np.float64, seed=0)
    with cache:
        cache.write(np.arange(n)[:, None].astype(float), y)
        cache.close()
        parts = [cache.read(b)[:2] for b in range(len(cache.sizes))]
    assert len(parts) == 20
    stream, n_rows = feed(parts, batch_size)
    for epoch in range(2):
        batches = taken(stream, n_rows, epoch * stream.n_steps, stream.n_steps)
        sizes = np.array([len(b[0]) for b in batches])
        rare = np.array([b[1].sum() for b in batches])
        # Chi-squared of batches by classes: as many degrees of freedom as batches, less one.
        expected = sizes * share
        chi2 = np.sum((rare - expected) ** 2 / (expected * (1 - share)))
        assert abs(chi2 - len(sizes)) < 4 * np.sqrt(2 * len(sizes))


def test_each_part_is_read_once_an_epoch():
    calls = []
    stream, n_rows = feed(numbered([20, 20, 20]), 10, epochs=2, calls=calls)
    taken(stream, n_rows, 0, 12)
    assert sorted(calls) == [0, 0, 1, 1, 2, 2]


def test_networks_in_step_share_each_part():
    parts, calls = numbered([20, 20, 20, 20]), []

    def read(number):
        calls.append(number)
        return *parts[number], None

    encoded = EncodedParts(
        SimpleNamespace(read=read), SimpleNamespace(n_outputs=1, transform=lambda rows: rows)
    )
    feeds = [feed(parts, 10, epochs=2, reader=encoded.read) for _ in range(3)]
    for first in range(0, 16, 2):
        for stream, n_rows in feeds:
            taken(stream, n_rows, first, 2)
    assert len(calls) == 2 * len(parts)


def test_missing_labels_are_0_for_the_network():
    ((X, y),) = numbered([20])
    stream, n_rows = feed([(X, np.where(X[:, 0] < 9, -1, y))], 20)
    ((rows, targets, _),) = taken(stream, n_rows, 0, 1)
    np.testing.assert_array_equal(targets, np.where(rows < 9, 0, y[rows]))


def test_a_feed_that_is_left_frees_its_parts_at_once():
    gc.disable()  # which frees cycles, but later
    try:
        stream, n_rows = feed(numbered([20, 20]), 10)
        taken(stream, n_rows, 0, 3)
        left = weakref.ref(stream)
        del stream
        assert left() is None
    finally:
        gc.enable()
