"""What goes wrong while rows are streamed: one sentence, nothing is changed, no file is left."""

import errno
import itertools
import os
import tempfile

import numpy as np
import pandas as pd
import pytest
from perceptron_setup import mlp

from skimbalance._engine import checkpoint, stack
from skimbalance._engine.checkpoint import Checkpoint
from skimbalance._fit.streams import cache, rows

RNG = np.random.default_rng(0)
N, N_FILES = 600, 3
TABLE = pd.DataFrame(RNG.normal(size=(N, 3)), columns=list("abc"))
TABLE["y"] = RNG.permutation(np.repeat(["no", "yes"], [540, 60]))
X, Y = TABLE[list("abc")], TABLE["y"]
PARTS = np.array_split(np.arange(N), N_FILES)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder of temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def fails(temporary, tmp_path, monkeypatch):
    """Call a fit that fails: the error, after a look at what it should not have changed."""
    opened, original = [], tempfile.TemporaryFile

    def opening(**options):
        opened.append(original(**options))
        return opened[-1]

    monkeypatch.setattr(cache.tempfile, "TemporaryFile", opening)

    def call(source, error, match, target="y", **options):
        clf = mlp(**options.pop("params", {}))
        clf.classes_ = ["of an earlier fit"]
        before, files = dict(vars(clf)), sorted(tmp_path.rglob("*"))
        with pytest.raises(error, match=match) as caught:
            clf.fit_stream(source, target, **options)
        assert vars(clf) == before
        assert all(vars(clf)[name] is value for name, value in before.items())
        assert sorted(tmp_path.rglob("*")) == files
        assert all(file.closed for file in opened)  # while the error is looked at
        text = str(caught.value)
        assert "\n" not in text
        return text

    return call


@pytest.fixture
def folder(tmp_path):
    """A folder of Parquet files."""
    folder = tmp_path / "table"
    folder.mkdir()
    for i, part in enumerate(PARTS):
        TABLE.iloc[part].to_parquet(folder / f"{i}.parquet", row_group_size=50)
    return folder


def batches(parts=PARTS):
    yield from ((X.iloc[part], Y.iloc[part]) for part in parts)


# Files


@pytest.mark.parametrize("n_bytes", [0, 3, 1000, -1])
def test_a_truncated_file_is_named(folder, fails, n_bytes):
    file = folder / "1.parquet"
    file.write_bytes(file.read_bytes()[:n_bytes])
    text = fails(folder, ValueError, r"whole Parquet or CSV file")
    assert str(file) in text


def test_a_file_that_is_damaged_within_is_named(folder, fails):
    """Its end, which says what it holds, is whole."""
    file = folder / "2.parquet"
    whole = bytearray(file.read_bytes())
    whole[4:600] = bytes(596)
    file.write_bytes(whole)
    text = fails(folder, ValueError, r"whole Parquet or CSV file")
    assert str(file) in text


def test_a_changed_byte_is_found_where_a_file_has_checksums(folder, fails):
    file = folder / "2.parquet"
    TABLE.iloc[PARTS[2]].to_parquet(file, write_page_checksum=True, compression="none")
    whole = bytearray(file.read_bytes())
    place = whole.index(np.float64(TABLE["a"].iloc[-1]).tobytes())
    whole[place] ^= 1
    file.write_bytes(whole)
    assert str(file) in fails(folder, ValueError, r"whole Parquet or CSV file")


def test_a_truncated_csv_is_named(tmp_path, fails):
    file = tmp_path / "table.csv"
    TABLE.to_csv(file, index=False)
    text = file.read_text()
    file.write_text(text[: text.rindex(",", 0, len(text) - 8)])  # the last line lacks cells
    assert str(file) in fails(file, ValueError, r"whole Parquet or CSV file")


OTHER_SCHEMAS = {
    "lacks a column": lambda part: part.drop(columns="b"),
    "has one more": lambda part: part.assign(d=1.0),
    "holds text": lambda part: part.assign(a="text"),
    "lacks the target": lambda part: part.drop(columns="y"),
}


@pytest.mark.parametrize("name", OTHER_SCHEMAS)
def test_a_file_with_another_schema_is_named(folder, fails, name):
    file = folder / "2.parquet"
    OTHER_SCHEMAS[name](TABLE.iloc[PARTS[2]]).to_parquet(file)
    assert str(file) in fails(folder, ValueError, r"^The files in the source .* the same")


@pytest.mark.parametrize(
    ("name", "value", "place"),
    [
        ("y", None, "in row 199"),
        ("a", np.inf, "in row 199, column 'a'"),
        ("b", 1e300, "in row 199, column 'b'"),
    ],
)
def test_a_value_that_cannot_be_learnt_from_is_found(folder, fails, name, value, place):
    table = TABLE.copy()
    table.loc[N - 1, name] = value
    table.iloc[PARTS[2]].to_parquet(folder / "2.parquet")
    assert str(folder / "2.parquet") in fails(folder, ValueError, place)


# Passes that differ


def of_passes(*passes):
    """A source that gives other batches at each call, those of the last one from then on."""
    calls = itertools.count()
    return lambda: batches(passes[min(next(calls), len(passes) - 1)])


OTHER_ROWS = {
    "more": [*PARTS, PARTS[0]],
    "fewer": PARTS[:-1],
    "none": [],
}


@pytest.mark.parametrize("name", OTHER_ROWS)
def test_a_second_pass_has_the_rows_of_the_first(fails, name):
    fails(of_passes(PARTS, OTHER_ROWS[name]), ValueError, r"the same rows|must have rows", None)


def test_a_second_pass_has_the_classes_of_the_first(fails):
    calls = itertools.count()

    def source():
        y = Y if next(calls) == 0 else Y.replace("yes", "no")
        yield X, y

    fails(source, ValueError, r"the same rows", None)


OTHER_COLUMNS = {
    "other names": X.rename(columns={"a": "z"}),
    "fewer": X[["a", "b"]],
    "another order": X[["c", "b", "a"]],
    "none with names": X.to_numpy(),
}


@pytest.mark.parametrize("name", OTHER_COLUMNS)
def test_a_second_pass_has_the_columns_of_the_first(fails, name):
    calls = itertools.count()

    def source():
        yield X if next(calls) == 0 else OTHER_COLUMNS[name], Y

    fails(source, ValueError, r"must agree in the n.*batch 0 of a later pass", None)


def test_a_file_that_changes_after_the_first_pass_is_seen(folder, fails, monkeypatch):
    write = cache.Cache.write

    def shortening(self, *args):
        TABLE.iloc[:10].to_parquet(folder / "2.parquet")
        write(self, *args)

    monkeypatch.setattr(cache.Cache, "write", shortening)
    fails(folder, ValueError, r"the same rows|whole Parquet")


def test_a_generator_is_read_once_only(fails):
    fails(batches(), (TypeError, ValueError), r"function", None)


@pytest.mark.slow
def test_a_custom_loss_needs_all_labels_also_those_that_no_sample_has(fails, monkeypatch):
    keras = pytest.importorskip("keras")
    monkeypatch.setattr(rows, "SAMPLE_ROWS", 10)
    monkeypatch.setattr(cache, "BUCKET_BYTES", 2_000)
    monkeypatch.setattr(cache, "BUCKET_ROWS", 1)
    y = np.stack([Y == "yes", TABLE["a"] > 0], axis=1).astype(float)
    y[5, 0] = np.nan
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    params = {"loss": loss, "class_weight": None, "early_stopping": False}
    fails(lambda: iter([(X, y)]), ValueError, "where labels are missing", None, params=params)


# What comes from elsewhere: interruptions, errors of the source, the disk


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError, MemoryError])
@pytest.mark.parametrize("n_passes", [0, 1])
def test_errors_of_the_source_pass_through_in_any_pass(fails, error, n_passes):
    whole = []

    def source():
        yield from batches(PARTS[:2])
        if len(whole) == n_passes:
            raise error("elsewhere")
        yield from batches(PARTS[2:])
        whole.append(True)

    fails(source, error, r"elsewhere", None)


class FullFile:
    """A file on a disk that takes no more than some bytes."""

    def __init__(self, file):
        self.file = file

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, data):
        if self.file.tell() + len(data) > 1000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(data)


def test_a_full_disk_is_said(folder, fails, temporary, monkeypatch):
    original = tempfile.TemporaryFile
    monkeypatch.setattr(
        cache.tempfile, "TemporaryFile", lambda **options: FullFile(original(**options))
    )
    text = fails(folder, OSError, r"^The folder of temporary files must take .* TMPDIR")
    assert str(temporary) in text


def test_a_folder_of_temporary_files_that_is_gone_is_said(folder, fails, temporary):
    temporary.rmdir()
    fails(folder, OSError, r"^The folder of temporary files must take .* TMPDIR")


@pytest.mark.slow
def test_rows_that_are_gone_from_the_disk_are_said(folder, fails, monkeypatch, plain_graphs):
    """While the network trains; they are read ahead in another thread."""
    monkeypatch.setattr(cache, "BUCKET_BYTES", 2000)
    monkeypatch.setattr(cache, "BUCKET_ROWS", 1)
    sample = rows._sample

    def losing(cache, *args):
        found = sample(cache, *args)
        cache._file.truncate(3000)
        return found

    monkeypatch.setattr(rows, "_sample", losing)
    fails(folder, OSError, r"^The rows .* cannot be read again: it is shorter")


# What goes on


@pytest.mark.slow
def test_a_class_may_be_seen_first_in_the_last_block(tmp_path, temporary, plain_graphs):
    table = pd.concat([TABLE[TABLE["y"] == name] for name in ("no", "yes")])
    file = tmp_path / "sorted.parquet"
    table.to_parquet(file, row_group_size=540)
    clf = mlp(epochs=1).fit_stream(file, "y")
    assert clf.classes_.tolist() == ["no", "yes"]
    np.testing.assert_array_equal(clf.class_counts_, [540, 60])
    assert not os.listdir(temporary)


@pytest.mark.slow
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_fit_goes_on_from_its_checkpoint(
    error, folder, temporary, tmp_path, monkeypatch, plain_graphs
):
    """After Ctrl-C, which keeps what was learnt, and an error, with the files as after a kill."""
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "TIMES", 0)
    monkeypatch.setattr(stack, "MOST_STEPS", 3)
    whole = mlp(epochs=3, batch_size=32).fit_stream(folder, "y", majority_fraction=0.5)
    runs = tmp_path / "runs"
    clf = mlp(epochs=3, batch_size=32, checkpoint=runs)
    write, count = Checkpoint.write, itertools.count(1)

    def stopping(self, state):
        write(self, state)
        if next(count) == 3:
            raise error("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "write", stopping)
        with pytest.raises(error) as caught:
            clf.fit_stream(folder, "y", majority_fraction=0.5)
    if error is KeyboardInterrupt:
        assert f"Fit again with the same data and checkpoint='{runs}'" in str(caught.value)
        assert clf.predict(X).shape == (N,)
    else:
        assert not hasattr(clf, "classes_")
    (state,) = runs.iterdir()
    assert not os.listdir(temporary)
    clf.fit_stream(folder, "y", majority_fraction=0.5)
    assert list(runs.iterdir()) == [state]
    np.testing.assert_array_equal(clf.predict_proba(X), whole.predict_proba(X))
    assert clf.history_ == whole.history_
