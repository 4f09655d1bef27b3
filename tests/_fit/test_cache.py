"""Rows in buckets on disk: none is lost or changed, buckets are random samples, no file is left."""

import errno
import gc
import os
import re
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.stats import chi2_contingency, chisquare

from skimbalance._fit.streams import cache as module
from skimbalance._fit.streams.cache import Cache

RNG = np.random.default_rng(0)
N = 5000
X = np.column_stack([np.arange(N), RNG.normal(size=(N, 2))]).astype(np.float32)
Y = np.repeat([0, 1, 2], [4000, 800, 200])
WEIGHT = RNG.random(N)
MULTILABEL = RNG.integers(-1, 2, size=(N, 4), dtype=np.int8)


@pytest.fixture(autouse=True)
def small_buckets(monkeypatch):
    """About ten buckets, and six pools of which the last is not full."""
    monkeypatch.setattr(module, "BUCKET_BYTES", 10_000)
    monkeypatch.setattr(module, "BUCKET_ROWS", 1)
    monkeypatch.setattr(module, "POOL_BYTES", 20_011)


def stored(folder, y=Y, weight=WEIGHT, n_blocks=3, seed=0, dtype=np.float32):
    cache = Cache(folder, N, 3, dtype, y.shape[1:], weight is not None, seed)
    for rows in np.array_split(np.arange(N), n_blocks):
        cache.write(X[rows], y[rows], None if weight is None else weight[rows])
    cache.close()
    return cache


@pytest.mark.parametrize("y", [Y, MULTILABEL], ids=["classes", "multilabel"])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_row_is_in_one_bucket_with_its_target_and_weight(tmp_path, y, weight, dtype):
    with stored(tmp_path, y, weight, dtype=dtype) as cache:
        assert len(cache.sizes) > 5
        buckets = [cache.read(b) for b in RNG.permutation(len(cache.sizes))]
    rows = np.concatenate([X[:, 0] for X, _, _ in buckets]).astype(int)
    np.testing.assert_array_equal(np.sort(rows), np.arange(N))
    assert sorted(len(X) for X, _, _ in buckets) == sorted(cache.sizes)
    for given, column in zip((X.astype(dtype), y, weight), zip(*buckets, strict=True), strict=True):
        if given is None:
            assert set(column) == {None}
            continue
        assert all(part.flags.c_contiguous and part.dtype == given.dtype for part in column)
        np.testing.assert_array_equal(np.concatenate(column), given[rows])


@pytest.mark.parametrize("n_blocks", [1, 40, N])
def test_buckets_do_not_depend_on_blocks(tmp_path, n_blocks):
    with stored(tmp_path) as expected, stored(tmp_path, n_blocks=n_blocks) as cache:
        np.testing.assert_array_equal(cache.sizes, expected.sizes)
        for bucket in range(len(cache.sizes)):
            for got, array in zip(cache.read(bucket), expected.read(bucket), strict=True):
                np.testing.assert_array_equal(got, array)


def test_other_seeds_give_other_buckets(tmp_path):
    with stored(tmp_path) as one, stored(tmp_path, seed=1) as other:
        assert not np.array_equal(one.read(0)[0][:, 0][:50], other.read(0)[0][:, 0][:50])


def test_buckets_are_random_samples_of_rows_that_come_sorted_by_class(tmp_path):
    """Neither more alike than random samples, nor less: their p-values are uniform."""
    p_sizes, p_classes = [], []
    for seed in range(40):
        with stored(tmp_path, weight=None, seed=seed) as cache:
            table = [np.bincount(cache.read(b)[1], minlength=3) for b in range(len(cache.sizes))]
        p_sizes.append(chisquare(cache.sizes).pvalue)
        p_classes.append(chi2_contingency(table).pvalue)
    for p_values in (p_sizes, p_classes):
        assert chisquare(np.histogram(p_values, bins=4, range=(0, 1))[0]).pvalue > 1e-3


def test_one_row_is_one_bucket_and_empty_blocks_are_none(tmp_path):
    with Cache(tmp_path, 1, 3, np.float32) as cache:
        for rows in (slice(0), slice(1), slice(0)):
            cache.write(X[rows], Y[rows])
        cache.close()
        assert cache.sizes.tolist() == [1]
        np.testing.assert_array_equal(cache.read(0)[0], X[:1])


def test_several_threads_may_read(tmp_path):
    with stored(tmp_path) as cache, ThreadPoolExecutor(4) as pool:
        buckets = [*range(len(cache.sizes))] * 5
        read = list(pool.map(lambda b: cache.read(b)[0], buckets))
        for rows, bucket in zip(read, buckets, strict=True):
            np.testing.assert_array_equal(rows, cache.read(bucket)[0])


class Halting:
    """A file that writes and reads a few bytes at a time, and at most so many."""

    def __init__(self, file, most=10**9, number=errno.ENOSPC):
        self.file, self.most, self.number = file, most, number

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, data):
        if self.tell() + 1000 > self.most:
            raise OSError(self.number, os.strerror(self.number))
        return self.file.write(data[:1000])

    def readinto(self, data):
        return self.file.readinto(data[:700])


def test_a_system_may_write_and_read_in_parts(tmp_path, monkeypatch):
    with stored(tmp_path) as expected:
        original = module.tempfile.TemporaryFile
        monkeypatch.setattr(
            module.tempfile, "TemporaryFile", lambda **options: Halting(original(**options))
        )
        with stored(tmp_path) as cache:
            for bucket in range(len(cache.sizes)):
                for got, array in zip(cache.read(bucket), expected.read(bucket), strict=True):
                    np.testing.assert_array_equal(got, array)


def full(folder, reason):
    got = re.escape(f"'{folder}': {reason}. ")
    return rf"^The folder of temporary files must take 1 MB, .* Got {got}.* TMPDIR"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("most", [30_000, 139_000], ids=["at a write", "when it is closed"])
def test_a_disk_that_gets_full_is_one_sentence(tmp_path, monkeypatch, number, most):
    original = module.tempfile.TemporaryFile
    monkeypatch.setattr(
        module.tempfile,
        "TemporaryFile",
        lambda **options: Halting(original(**options), most, number),
    )
    with pytest.raises(OSError, match=full(tmp_path, os.strerror(number))):
        stored(tmp_path)
    assert not os.listdir(tmp_path)


def test_a_file_that_grows_too_large_is_one_sentence(tmp_path):
    """By the limit that the system sets to files of a process."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(OSError, match=full(tmp_path, os.strerror(errno.EFBIG))):
            stored(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not os.listdir(tmp_path)


def test_too_little_space_is_said_before_anything_is_written(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: usage(10**9, 10**9, 100_000))
    with Cache(tmp_path, N, 3, np.float32, weighted=True) as cache:
        with pytest.raises(OSError, match=full(tmp_path, "too little of it is free")):
            cache.write(X[:1], Y[:1], WEIGHT[:1])
        assert cache._file.tell() == 0


def test_a_folder_that_is_none_is_one_sentence(tmp_path):
    folder = tmp_path / "none"
    with pytest.raises(OSError, match=full(folder, os.strerror(errno.ENOENT))):
        stored(folder)


def test_rows_that_are_no_longer_there_are_one_sentence(tmp_path):
    with stored(tmp_path) as cache:
        cache._file.truncate(100_000)
        with pytest.raises(OSError, match=r"^The rows .* cannot be read again: it is shorter"):
            cache.read(0)


@pytest.mark.skipif(os.name == "nt", reason="Windows shows temporary files until they are closed")
def test_no_file_is_seen_and_nothing_is_left_without_a_with(tmp_path):
    cache = stored(tmp_path)
    assert not os.listdir(tmp_path)
    file = cache._file
    del cache
    gc.collect()
    assert file.closed
