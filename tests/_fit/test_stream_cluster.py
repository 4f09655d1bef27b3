"""A stream that several machines read: no row is lost, and each shard is a random sample."""

from functools import partial

import distributed
import numpy as np
import pandas as pd
import pytest
from perceptron_setup import mlp
from scipy.stats import chisquare

from skimbalance._fit.streams import files
from skimbalance._fit.streams.cluster import Pieces
from skimbalance._fit.streams.division import Thinning, divide
from skimbalance._fit.streams.fit import _learn, _read_blocks
from skimbalance._fit.streams.source import open_source
from skimbalance._fit.streams.survey import Survey

N_ROWS = 1_000


class Here:
    """A client whose tasks run at once, in this process."""

    asynchronous = False

    def __init__(self, n_workers=3):
        self._n_workers = n_workers

    def nthreads(self):
        return dict.fromkeys(range(self._n_workers), 1)

    def submit(self, function, *args, **options):
        return function(*args)

    def gather(self, futures):
        return list(futures)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Files of rows in the order of their classes, the first column of which is their number."""
    monkeypatch.setattr(files, "PART_ROWS", 50)
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"number": np.arange(N_ROWS, dtype=float), "x": rng.normal(size=N_ROWS)})
    table["y"] = np.repeat([0, 1, 2], [900, 70, 30])
    table["has"] = (table["y"] > 0).astype(int)
    table["too"] = (table["y"] > 1).astype(int)
    table["weight"] = rng.integers(1, 3, N_ROWS)
    for i in range(4):
        table[i * 250 : (i + 1) * 250].to_parquet(tmp_path / f"{i}.parquet", row_group_size=25)
    return tmp_path


def drawn(folder, target, weight=None, *, thinning=None, by_shift=True, seed=0, n_workers=3):
    """The rows that a fit on several machines uses: division, shards, counts, held out, sample."""
    clf = mlp(early_stopping=True)
    source = open_source(folder, target, weight, "Any")
    pieces = Pieces(Here(n_workers), source, seed)
    survey = pieces.survey(None, "Any")
    _learn(clf, survey)
    division = divide(
        clf._settings(), clf._target, survey.stratum_rows, survey.extremes,
        thinning or Thinning(), own=False,
    )  # fmt: skip
    read = partial(_read_blocks, clf, survey.dtype)
    return division, *pieces.draw(read, clf._target, survey, division, by_shift=by_shift)


def numbers(rows):
    return rows.X[:, 0].astype(int)


def test_surveys_of_the_pieces_make_the_survey_of_all_rows(folder):
    source = open_source(folder, "y", "weight", "Any")
    ours = Pieces(Here(), source, 0).survey(None, "Any")
    whole = Survey.of(source, None, "Any")
    for name in ("n_rows", "classes", "class_rows", "class_weights", "stratum_rows"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(whole, name), err_msg=name)


@pytest.mark.parametrize("target", ["y", ["has", "too"]], ids=["classes", "labels"])
def test_each_row_is_left_out_held_out_or_in_one_shard(folder, target):
    weight = None if target == "y" else "weight"
    division, shards, _, held_out, sample = drawn(
        folder, target, weight, thinning=Thinning(fraction=0.5)
    )
    trained = np.concatenate([numbers(rows) for rows in shards.futures])
    judges = held_out.X[0][:, 0].astype(int)
    used = np.concatenate([trained, judges])
    assert len(np.unique(used)) == len(used)
    strata = np.repeat([0, 1, 2] if target == "y" else [0, 1, 1], [900, 70, 30])
    for chosen, expected in ((trained, division.trained), (judges, division.held_out)):
        np.testing.assert_array_equal(np.bincount(strata[chosen]), expected)
    assert shards.sizes.tolist() == [len(rows.y) for rows in shards.futures]
    assert set(sample.X[0][:, 0].astype(int)) == set(trained)


def test_each_shard_is_a_random_sample_whatever_the_order_of_the_rows(folder):
    found = np.zeros((3, N_ROWS), int)
    for seed in range(8):
        _, shards, *_ = drawn(folder, "y", seed=seed)
        for number, rows in enumerate(shards.futures):
            found[number, numbers(rows)] += 1
    # Rows of each class, and the first and last pieces, are everywhere alike.
    for rows in (slice(900, 970), slice(970, 1000), slice(0, 50), slice(50, 900)):
        assert chisquare(found[:, rows].sum(axis=1)).pvalue > 1e-3


@pytest.mark.parametrize("weight", [None, "weight"])
def test_rows_weigh_as_many_as_they_stand_for_unless_logits_are_shifted(folder, weight):
    table = pd.concat([pd.read_parquet(path) for path in sorted(folder.glob("*"))])
    own = table["weight"].to_numpy() if weight else np.ones(N_ROWS)
    for by_shift in (True, False):
        division, shards, counts, *_ = drawn(
            folder, "y", weight, thinning=Thinning(fraction=0.25), by_shift=by_shift
        )
        total = np.zeros(3)
        for rows in shards.futures:
            factor = 1.0 if by_shift else 1.0 / division.kept[rows.y]
            expected = own[numbers(rows)] * factor
            given = np.ones(len(rows.y)) if rows.weight is None else rows.weight
            np.testing.assert_allclose(given, expected)
            total += np.bincount(rows.y, expected, minlength=3)
        np.testing.assert_allclose(counts, total)


def test_more_workers_than_rows_leave_no_empty_shard(folder):
    _, shards, *_ = drawn(folder, "y", thinning=Thinning(ratio=0.1), n_workers=500)
    assert len(shards.futures) == len(shards.sizes)
    assert shards.sizes.min() > 0


@pytest.mark.parametrize(
    ("client", "params", "sentence"),
    [
        ("tcp://somewhere", {}, "client of fit_stream of .* must be a client of Dask"),
        (Here(), {"checkpoint": "."}, "'checkpoint' parameter .* where fit_stream has a client"),
    ],
)
def test_what_does_not_go_with_a_client_is_refused(folder, client, params, sentence):
    clf = mlp(**params)
    with pytest.raises(ValueError, match=sentence):
        clf.fit_stream(folder, "y", client=client)
    assert not hasattr(clf, "classes_")


def test_workers_that_die_again_and_again_are_one_sentence(folder):
    class Dying(Here):
        def gather(self, futures):
            raise distributed.KilledWorker("of", None, 3)

    clf = mlp()
    with pytest.raises(RuntimeError, match=r"died with the same task.* start more workers"):
        clf.fit_stream(folder, "y", client=Dying())
    assert not hasattr(clf, "classes_")


def test_a_function_cannot_be_read_by_several_machines():
    with pytest.raises(ValueError, match="where several machines read it"):
        mlp().fit_stream(lambda: iter([]), client=Here())
