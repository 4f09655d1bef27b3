"""The first pass over a stream: however rows are cut and merged, it tells the same."""

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest

from skimbalance._fit.streams.source import open_source
from skimbalance._fit.streams.survey import Survey
from skimbalance._fit.targets import Classes, Labels
from skimbalance.preprocessing import _totals
from skimbalance.preprocessing._encoder import TableEncoder, Totals
from skimbalance.preprocessing._reader import TableReader

N_ROWS = 300
NAN = float("nan")


def table(seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.normal(size=N_ROWS), "b": rng.normal(size=N_ROWS)})
    frame.loc[rng.random(N_ROWS) < 0.1, "b"] = NAN
    frame["few"] = rng.choice(["x", "y", None], N_ROWS, p=[0.8, 0.1, 0.1])
    frame["many"] = [f"t{int(n)}" for n in rng.exponential(25, N_ROWS)]
    frame["grade"] = pd.Categorical(rng.integers(0, 4, N_ROWS))
    frame["flag"] = pd.array(rng.choice([True, False, None], N_ROWS), dtype="boolean")
    frame["nothing"] = pd.Series([None] * N_ROWS, dtype=object)
    # A level that a single row has, and a column that begins with gaps.
    frame["late"] = pd.Series([None] * 250 + ["u", "v"] * 25, dtype=object)
    return frame


def targets(kind, seed=0):
    rng = np.random.default_rng([1, seed])
    if kind == "text":
        return rng.choice(
            np.array(["no", "yes", "perhaps"], dtype=object), N_ROWS, p=[0.8, 0.15, 0.05]
        )
    if kind == "numbers":
        return rng.choice([0, 1, 7], N_ROWS, p=[0.9, 0.08, 0.02])
    if kind == "booleans":
        return rng.random(N_ROWS) < 0.1
    return rng.choice([0, 1, NAN], (N_ROWS, 3), p=[0.8, 0.1, 0.1])


def surveyed(X, y, weight=None, cuts=(), is_part=False, categorical="from_dtype"):
    """The survey of rows that come in batches."""
    edges = [0, *cuts, len(y)]

    def batches():
        for start, stop in itertools.pairwise(edges):
            part = X.iloc[start:stop] if hasattr(X, "iloc") else X[start:stop]
            given = (part, y[start:stop])
            yield given if weight is None else (*given, weight[start:stop])

    source = open_source(batches, None, None, "Net")
    source.is_part = is_part
    return Survey.of(source, categorical, "Net")


def same_totals(one, other):
    np.testing.assert_array_equal(one.missing, other.missing)
    for a, b in zip(one.levels, other.levels, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_array_equal(a, b)


def assert_same(one, other):
    """Two surveys tell the same, but for what is drawn."""
    assert one.n_rows == other.n_rows
    assert one.classes.tolist() == other.classes.tolist()
    np.testing.assert_array_equal(one.class_rows, other.class_rows)
    np.testing.assert_array_equal(one.stratum_rows, other.stratum_rows)
    np.testing.assert_allclose(one.class_weights, other.class_weights)
    assert one.extremes == other.extremes
    assert (one.reader is None) == (other.reader is None)
    if one.reader is not None:
        assert one.reader.levels == other.reader.levels
        assert one.reader.text == other.reader.text
    same_totals(one.totals, other.totals)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["text", "numbers", "booleans", "labels"])
def test_counts_are_those_of_the_target(kind, weighted):
    X, y = table()[["a", "b"]], targets(kind)
    weight = np.random.default_rng(2).choice([0.0, 1, 2.5], N_ROWS) if weighted else None
    survey = surveyed(X, y, weight, cuts=[1, 90, 200])
    weights = np.ones(N_ROWS) if weight is None else weight
    kept = weights > 0
    if kind == "labels":
        kept &= np.any(~np.isnan(y), axis=1)
        codes, target = np.where(np.isnan(y), -1, y).astype(int)[kept], Labels(3)
        strata = np.bincount(np.any(codes == 1, axis=1), minlength=2)
    else:
        target = Classes(np.unique(y[kept]))
        assert survey.classes.tolist() == target.classes.tolist()
        codes = np.searchsorted(target.classes, y[kept])
        strata = np.bincount(codes)
    assert survey.n_rows == kept.sum()
    assert survey.weighted == weighted
    np.testing.assert_array_equal(survey.class_rows, target.counts(codes, np.ones(len(codes))))
    np.testing.assert_allclose(survey.class_weights, target.counts(codes, weights[kept]))
    np.testing.assert_array_equal(survey.stratum_rows, strata)
    assert survey.extremes == target.extreme_counts(codes)


@pytest.mark.parametrize("categorical", ["from_dtype", None, ["few", "many", "late", "a"]])
@pytest.mark.parametrize("kind", ["text", "numbers", "labels"])
def test_cuts_and_the_order_of_merging_change_nothing(kind, categorical):
    X, y = table(), targets(kind)
    X = X[["a", "b", "flag"]] if categorical is None else X
    if isinstance(categorical, list):
        X = X.drop(columns=["grade", "nothing"])
    whole = surveyed(X, y, categorical=categorical)
    assert_same(surveyed(X, y, cuts=[1, 5, 251, 299], categorical=categorical), whole)
    pieces = [slice(0, 40), slice(40, 41), slice(41, 260), slice(260, N_ROWS)]
    surveys = [
        surveyed(X.iloc[rows], y[rows], is_part=True, categorical=categorical)
        for i, rows in enumerate(pieces)
    ]
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        assert_same(Survey.merged([surveys[i] for i in order]), whole)
    left, right = Survey.merged(surveys[:2]), Survey.merged(surveys[2:])
    assert_same(Survey.merged([right, left]), whole)
    assert surveys[0].n_rows == 40  # they are left as they are


@pytest.mark.parametrize("categorical", ["from_dtype", ["few", "many", "late", "a"]])
def test_reader_and_encoder_are_those_of_the_whole_table(categorical):
    X, y = table(), targets("text")
    X = X if isinstance(categorical, str) else X.drop(columns=["grade", "nothing"])
    survey = surveyed(X, y, cuts=[10, 100, 270], categorical=categorical)
    reader = TableReader.learn(X, categorical, "Net")
    assert survey.reader.levels == reader.levels
    assert survey.reader.text == reader.text
    matrix, index = reader.matrix(X), np.arange(N_ROWS)
    same_totals(survey.totals, Totals.of_rows(matrix, index, reader.n_levels))
    learnt = [
        TableEncoder.learn(matrix, index, None, reader.n_levels, standardize=True, totals=totals)
        for totals in (None, survey.totals)
    ]
    outputs = [encoder.transform(matrix) for encoder in learnt]
    np.testing.assert_array_equal(*outputs)


def test_outputs_come_from_all_rows_where_the_encoder_sees_a_few():
    X, y = table(), targets("text")
    survey = surveyed(X, y)
    matrix, n_levels = survey.reader.matrix(X), survey.reader.n_levels
    whole, few = (
        TableEncoder.learn(matrix, index, None, n_levels, standardize=True, totals=survey.totals)
        for index in (np.arange(N_ROWS), np.arange(40))
    )
    np.testing.assert_array_equal(whole.places, few.places)
    np.testing.assert_array_equal(whole.flagged, few.flagged)
    assert whole.n_outputs == few.n_outputs


def test_columns_of_numbers_are_chosen_by_name_or_position():
    X, y = pd.DataFrame({"a": [1.5, 2, 3, 4], "code": [7, 7, 8, 8]}), [0, 1, 0, 1]
    for chosen in (["code"], [1], [False, True]):
        survey, reader = (
            surveyed(X, y, cuts=[2], categorical=chosen),
            TableReader.learn(X, chosen, ""),
        )
        assert survey.reader.levels == reader.levels == (None, [7, 8])
    with pytest.raises(ValueError, match=r"'categorical_features' parameter of Net.*'cod'"):
        surveyed(X, y, categorical=["cod"])


def test_numbers_need_no_reader():
    survey = surveyed(table()[["a", "b"]], targets("numbers"), cuts=[7])
    assert survey.reader is None
    assert survey.totals.missing.tolist() == [False, True]
    assert survey.dtype == np.float64


@pytest.mark.parametrize("cut", [0, 150])
def test_numbers_are_stored_in_32_bits_where_that_is_exact(cut):
    short = pd.DataFrame({"a": np.ones(N_ROWS, np.float32), "b": ["u", "v", "w"] * (N_ROWS // 3)})
    y = targets("numbers")
    assert surveyed(short, y, cuts=[cut] if cut else []).dtype == np.float32
    for column in (np.ones(N_ROWS), np.arange(N_ROWS), [1, 2.5, None] * (N_ROWS // 3)):
        long = surveyed(short.assign(c=column), y, cuts=[cut] if cut else [])
        assert long.dtype == np.float64


def test_a_column_of_more_levels_than_are_counted_keeps_the_frequent_ones(monkeypatch):
    monkeypatch.setattr(_totals, "MOST_COUNTED", 50)
    monkeypatch.setattr(_totals, "COUNTED_WITHIN", 100)
    rng = np.random.default_rng(0)
    frequent = rng.choice([f"f{i}" for i in range(20)], 2_000)
    names = np.where(rng.random(2_000) < 0.5, frequent, [f"n{i}" for i in range(2_000)])
    X, y = pd.DataFrame({"name": names}), rng.integers(0, 2, 2_000)
    whole = surveyed(X, y, cuts=range(100, 2_000, 100))
    halves = [surveyed(X[i::2], y[i::2], cuts=range(100, 1_000, 100)) for i in (0, 1)]
    true = X["name"].value_counts()
    for survey in (whole, Survey.merged(halves)):
        (levels,), (counts,) = survey.reader.levels, survey.totals.levels
        assert set(levels) >= {level for level, n in true.items() if n > 2_000 / 100}
        lacking = true[levels].to_numpy() - counts[:-1]
        assert np.all((lacking >= 0) & (lacking <= 2_000 / 100))
        assert counts.sum() == 2_000


def test_text_that_is_numbers_warns_as_in_a_table():
    X = pd.DataFrame({"price": ["1.5", "2.5"] * 10})
    survey = surveyed(X, np.tile([0, 1], 10), cuts=[3, 8])
    with pytest.warns(UserWarning, match="'price' of X holds numbers as text, such as '1.5'"):
        survey.reader  # noqa: B018
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        survey.reader  # noqa: B018


def dates(values):
    return pd.DataFrame({"day": pd.to_datetime(values)})


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        (
            [(pd.DataFrame({"x": [1.0, 2]}), [0, 1]), (pd.DataFrame({"x": ["a", "b"]}), [0, 1])],
            "^In the rows of the source from 2 on: The column 'x' of X must hold either",
        ),
        ([(dates(["2024-01-01", "2024-01-02"]), [0, 1])], "The column 'day' of X must hold"),
        (
            [(np.ones((2, 1)), [0, 1]), (np.ones((2, 1)), ["a", "b"])],
            "The labels in the source of Net must be all text or all numbers.*0.*'a'",
        ),
        (
            [(np.ones((20, 1)), np.arange(20))],
            "must be classes, and not numbers or names of the rows. Got 20 different labels",
        ),
        ([], "The source of Net must have rows"),
        ([(np.ones((2, 1)), [0, 1], [0.0, 0.0])], "The source of Net must have rows"),
    ],
)
def test_what_no_class_can_be_learnt_from_is_refused(batches, message):
    source = open_source(lambda: batches, None, None, "Net")
    with pytest.raises(ValueError, match=message):
        Survey.of(source, "from_dtype", "Net")


def test_a_class_may_come_last():
    y = np.zeros(N_ROWS, int)
    y[-1] = 5
    survey = surveyed(table()[["a"]], y, cuts=[N_ROWS - 1])
    assert survey.classes.tolist() == [0, 5]
    assert survey.class_rows.tolist() == [N_ROWS - 1, 1]


def test_parts_without_rows_change_nothing():
    X, y = table()[["a"]], targets("text")
    full, empty = surveyed(X, y), surveyed(X[:0], y[:0], is_part=True)
    assert_same(Survey.merged([empty, full, empty]), full)
    with pytest.raises(ValueError, match="must have rows"):
        Survey.merged([empty, empty])
