"""Tables of all kinds as one matrix: the same rows give the same numbers, or one sentence."""

import datetime
import pickle
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skimbalance.preprocessing import table_steps
from skimbalance.preprocessing._encoder import TableEncoder
from skimbalance.preprocessing._reader import TableReader, as_table, is_table

NAN = np.nan


def mixed_table(n=40, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "amount": rng.normal(size=n),
            "partner": rng.random(n) < 0.5,
            "count": pd.array(rng.integers(0, 5, n), dtype="Int64"),
            "home": rng.choice(["own", "rent", "other"], n, p=[0.5, 0.3, 0.2]),
            "grade": pd.Categorical(rng.choice(["low", "high"], n, p=[0.6, 0.4])),
        }
    )
    frame.loc[::7, "amount"] = NAN
    frame.loc[1::9, "count"] = pd.NA
    frame.loc[::5, "home"] = None
    frame.loc[2::8, "grade"] = NAN
    return frame


def read(X, categorical_features="from_dtype", new=None):
    """The matrix of a table, or of new rows of it."""
    X = as_table(X)
    reader = TableReader.learn(X, categorical_features, "Net")
    return reader.matrix(X if new is None else as_table(new))


def by_hand(frame):
    """The matrix of the mixed table."""
    codes = {"own": 1, "rent": 2, "other": 0, "low": 1, "high": 0}
    columns = [
        frame[name].map(codes) if frame[name].dtype.kind not in "fbi" else frame[name]
        for name in frame
    ]
    return np.column_stack([column.to_numpy(dtype=float, na_value=NAN) for column in columns])


FORMS = {
    "pandas": (lambda frame: frame, "from_dtype"),
    "objects in pandas": (lambda frame: frame.astype(object), "from_dtype"),
    "pandas with Arrow": (lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"), [3, 4]),
    "polars": (pl.from_pandas, "from_dtype"),
    "pyarrow": (lambda frame: pl.from_pandas(frame).to_arrow(), "from_dtype"),
    "array of objects": (lambda frame: frame.astype(object).to_numpy(), "from_dtype"),
    "lists": (lambda frame: frame.astype(object).to_numpy().tolist(), "from_dtype"),
    "positions": (by_hand, [3, -1]),
    "a mask": (by_hand, np.array([False, False, False, True, True])),
    "names": (lambda frame: pd.DataFrame(by_hand(frame), columns=frame.columns), ["home", "grade"]),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_rows_give_the_same_matrix(form):
    make, categorical_features = FORMS[form]
    frame = mixed_table()
    np.testing.assert_array_equal(read(make(frame), categorical_features), by_hand(frame))


def test_the_order_of_rows_and_of_levels_does_not_matter():
    frame = mixed_table()
    other = frame.sample(frac=1, random_state=0)
    other["grade"] = other["grade"].cat.reorder_categories(["low", "high"]).cat.as_ordered()
    other["grade"] = other["grade"].cat.add_categories(["never"])
    np.testing.assert_array_equal(read(other, new=frame), by_hand(frame))


def test_other_names_for_the_levels_change_nothing_that_a_network_sees():
    frame = mixed_table()
    names = {"own": "z", "rent": "y", "other": "x", "low": "a", "high": "b"}
    renamed = frame.assign(
        home=frame["home"].map(names), grade=frame["grade"].cat.rename_categories(names)
    )
    np.testing.assert_array_equal(encoded(renamed), encoded(frame))


def encoded(frame, new=None):
    """What a network sees of a table, or of new rows of it."""
    reader = TableReader.learn(frame, "from_dtype", "Net")
    matrix, rows = reader.matrix(frame), np.arange(len(frame))
    encoder = TableEncoder.learn(matrix, rows, None, reader.n_levels, standardize=True)
    return encoder.transform(matrix if new is None else reader.matrix(new))


def test_the_steps_of_a_pipeline_see_the_same_numbers():
    frame = mixed_table(60)
    frame.loc[59, "home"] = "once"
    new = mixed_table(30, seed=1)
    new.loc[:3, "home"] = "never"
    clean, encode, _ = table_steps(frame)
    of_steps = encode.fit(clean.fit_transform(frame)).transform(clean.transform(new))
    network = encoded(frame, new)
    assert of_steps.shape == network.shape
    order = [sorted(columns.T.round(12).tolist()) for columns in (of_steps, network)]
    np.testing.assert_allclose(*order)


def test_unknown_levels_are_all_alike():
    frame = mixed_table()
    others = [frame.assign(home=text, grade=text) for text in ("never", "own ", "")]
    matrices = [read(frame, new=new) for new in others]
    for matrix in matrices:
        np.testing.assert_array_equal(matrix, matrices[0])
    assert np.all(matrices[0][:, 3:] == -1)


def test_levels_are_text_numbers_booleans_or_written_as_text():
    ages = pd.cut(pd.Series([1, 15, 30, 3, 12, 33]), [0, 10, 20, 40])
    days = pd.Categorical(pd.to_datetime(["2020-01-01", "2020-01-02"] * 3))
    frame = pd.DataFrame(
        {
            "number": pd.Categorical([10, 9, 9, 10, 2.5, 2.5]),
            "boolean": pd.Categorical([True, False] * 3),
            "interval": ages,
            "day": days,
        }
    )
    reader = TableReader.learn(frame, "from_dtype", "Net")
    assert reader.levels == (
        [2.5, 9, 10],
        [False, True],
        ["(0, 10]", "(10, 20]", "(20, 40]"],
        ["2020-01-01 00:00:00", "2020-01-02 00:00:00"],
    )
    assert reader.matrix(frame)[:, 0].tolist() == [2, 1, 1, 2, 0, 0]
    # Numbers without the type are the same levels.
    plain = frame.astype({"number": float, "boolean": bool})
    np.testing.assert_array_equal(reader.matrix(plain), reader.matrix(frame))


def test_a_pickled_reader_reads_the_same():
    frame = mixed_table()
    reader = TableReader.learn(frame, "from_dtype", "Net")
    before = reader.matrix(frame)
    assert b"_number_of" not in pickle.dumps(reader)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(reader)).matrix(frame), before)


@pytest.mark.parametrize("dtype", ["float", "Int64", "str", "category", object])
def test_a_column_without_any_value_is_read(dtype):
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": pd.Series([None, None], dtype=dtype)})
    assert np.all(np.isnan(read(frame)[:, 1]) if is_table(frame) else True)
    if dtype in ("str", "category", object):
        # What it will hold is not known.
        assert read(frame, new=frame.assign(b="x"))[:, 1].tolist() == [-1, -1]
        assert read(frame, new=frame.assign(b=3.5))[:, 1].tolist() == [-1, -1]


def test_arrays_and_frames_of_numbers_are_no_tables():
    X = np.ones((3, 2))
    for numbers in (X, X.astype(np.float32), X.astype(int), pd.DataFrame(X), X.tolist()):
        assert not is_table(as_table(numbers))
        assert TableReader.learn(as_table(numbers), "from_dtype", "Net") is None
    for table in ([[1.0, "a"]], [[1.0, None]], pd.DataFrame({"a": [True]})):
        assert is_table(as_table(table))


def test_the_table_is_left_as_it_is():
    frame = mixed_table()
    before = frame.copy(deep=True)
    read(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_text_that_is_all_numbers_is_named():
    with pytest.warns(UserWarning, match="'a' of X holds numbers as text, such as '0,5'"):
        read(pd.DataFrame({"a": ["0,5", "1,5"]}))


DATE = datetime.date(2020, 1, 1)
REFUSED = {
    "dates": ({"d": pd.Timestamp(DATE)}, "'d' of X must hold .* Got datetime64.* days since a"),
    "objects of dates": ({"d": [DATE] * 40}, "'d' of X must hold .* Got date in row 0 instead"),
    "lists": ({"d": [[1]] * 40}, "'d' of X must hold .* Got list in row 0 .* convert or drop it"),
    "mixed": ({"d": [1, "a"] * 20}, "'d' of X must hold either numbers or text. Got the text 'a'"),
    "complex": ({"d": 1j}, "'d' of X must hold numbers, text or categories. Got complex128"),
    "bytes": ({"d": [b"a"] * 40}, "'d' of X must hold .* Got bytes in row 0"),
}


@pytest.mark.parametrize(("column", "words"), REFUSED.values(), ids=REFUSED)
def test_columns_of_other_things_are_refused(column, words):
    with pytest.raises(ValueError, match=words):
        read(mixed_table().assign(**column))


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ({"amount": "a"}, "'amount' of X must hold numbers, as in the fit. Got 'a' in row 0"),
        ({"home": 1.0}, "'home' of X must hold text, as in the fit. Got 1.0 instead."),
        ({"amount": pd.Timestamp(DATE)}, "'amount' of X must hold numbers, text or categories."),
    ],
)
def test_new_rows_of_another_kind_are_refused(new, words):
    frame = mixed_table()
    with pytest.raises(ValueError, match=re.escape(words)):
        read(frame, new=frame.assign(**new))


def test_text_in_a_column_of_levels_that_are_numbers_is_refused():
    with pytest.raises(ValueError, match="column 0 of X must not hold text, as in the fit"):
        read(np.array([[1.0], [2.0]]), [0], new=np.array([["a"], ["b"]]))


@pytest.mark.parametrize("chosen", [["nope"], [5], [-6], [True], [0.5], [1, "home"]])
def test_columns_that_are_not_there_are_refused(chosen):
    with pytest.raises(ValueError, match="a boolean for each of the 5 columns of X, or positions"):
        read(mixed_table(), chosen)


@pytest.mark.parametrize("chosen", [None, [], ["grade"], [4]])
def test_text_in_a_column_that_is_not_chosen_is_refused(chosen):
    words = "'home' of X must hold numbers, as 'categorical_features' does not name it. Got 'o"
    with pytest.raises(ValueError, match=words):
        read(mixed_table(), chosen)


def test_of_very_many_levels_the_most_frequent_are_told_apart():
    names = [f"name {i:05d}" for i in range(3_000)]
    column = np.repeat(names, np.where(np.arange(3_000) < 2_500, 2, 3))
    frame = pd.DataFrame({"a": [*column, "once"]})
    (levels,) = TableReader.learn(frame, "from_dtype", "Net").levels
    assert levels == names[:500] + names[2_500:]
    assert np.mean(read(frame) == -1) > 0.5
