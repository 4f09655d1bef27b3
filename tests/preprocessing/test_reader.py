"""Tables of all kinds as one matrix: the same rows give the same numbers, or one sentence."""

import datetime
import pickle
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array

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
    X = as_table(X, "Net")
    reader = TableReader.learn(X, categorical_features, "Net")
    return reader.matrix(X if new is None else as_table(new, "Net"))


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
    "pandas with Arrow": (
        lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
        "from_dtype",
    ),
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


@pytest.mark.parametrize("form", FORMS)
def test_a_row_alone_gives_the_same_numbers_as_in_a_large_table(form):
    make, categorical_features = FORMS[form]
    frame = pd.concat([mixed_table()] * 2, ignore_index=True)  # more rows than are read one by one
    reader = TableReader.learn(as_table(make(frame), "Net"), categorical_features, "Net")
    matrix = reader.matrix(as_table(make(frame), "Net"))
    for i in range(10):
        row = as_table(make(frame.iloc[[i]]), "Net")
        np.testing.assert_array_equal(reader.matrix(row), matrix[[i]])


@pytest.mark.parametrize(
    ("column", "cell"),
    [("amount", "much"), ("amount", 10**400), ("amount", 1j), ("home", 3.5), ("home", ["own"])],
)
def test_a_row_alone_is_refused_as_a_large_table_is(column, cell):
    frame = pd.concat([mixed_table().astype(object)] * 2, ignore_index=True)
    reader = TableReader.learn(frame, "from_dtype", "Net")
    frame[column] = pd.Series([cell] * len(frame), dtype=object)
    messages = []
    for rows in (frame, frame.iloc[:1]):
        with pytest.raises(ValueError, match=f"The .*column '{column}' of X must") as caught:
            reader.matrix(rows)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


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


@pytest.mark.parametrize(
    "dtype", ["float", "Int64", "str", "category", object, "datetime64[ns]", "timedelta64[ns]"]
)
def test_a_column_without_any_value_is_read(dtype):
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": pd.Series([None, None], dtype=dtype)})
    assert np.all(np.isnan(read(frame)[:, 1]) if is_table(frame) else True)
    if dtype in ("str", "category", object):
        # What it will hold is not known.
        assert read(frame, new=frame.assign(b="x"))[:, 1].tolist() == [-1, -1]
        assert read(frame, new=frame.assign(b=3.5))[:, 1].tolist() == [-1, -1]


@pytest.mark.parametrize("dtype", ["f2", ">f4", "f8", ">f8", "g", "i1", ">i8", "u8"])
def test_categories_are_told_apart_in_every_type_of_numbers(dtype):
    X = np.array([[7], [3], [3], [7]])
    assert read(X, [0], new=X.astype(dtype)).ravel().tolist() == [1, 0, 0, 1]
    assert read(X.astype(dtype), [0], new=X).ravel().tolist() == [1, 0, 0, 1]


def test_large_integers_stay_different_categories():
    X = np.repeat(2**60 + np.arange(3), 2)[:, np.newaxis]
    assert read(X, [0]).ravel().tolist() == [0, 0, 1, 1, 2, 2]


def test_categories_that_are_numbers_are_numbers_where_they_are_not_chosen():
    frame = pd.DataFrame({"a": pd.Categorical([2, None, 5]), "b": pd.Categorical([1.5, 1.5, 0])})
    np.testing.assert_array_equal(read(frame, None), [[2, 1.5], [NAN, 1.5], [5, 0]])
    np.testing.assert_array_equal(read(frame, [1]), [[2, 0], [NAN, 0], [5, -1]])
    # Numbers in the fit, categories in new rows.
    plain = frame.astype(float).assign(text="a")
    np.testing.assert_array_equal(read(plain, new=frame.assign(text="a")), read(plain))


def test_dictionaries_of_arrow_are_categories():
    frame = mixed_table()
    table = pl.from_pandas(frame).to_arrow()
    table = table.set_column(4, "grade", table["grade"].cast("string").dictionary_encode())
    arrow = table.to_pandas(types_mapper=pd.ArrowDtype)
    assert str(arrow["grade"].dtype).startswith("dictionary")
    np.testing.assert_array_equal(read(arrow), by_hand(frame))


@pytest.mark.parametrize("dtype", ["U3", "T", object])
def test_arrays_of_text(dtype):
    X = np.array([["own"], ["rent"]] * 2).astype(np.dtypes.StringDType() if dtype == "T" else dtype)
    assert read(X).ravel().tolist() == [0, 1, 0, 1]
    (levels,) = TableReader.learn(X, "from_dtype", "Net").levels
    assert [type(level) for level in levels] == [str, str]


def test_masked_numbers_are_missing():
    X = np.ma.masked_array([[1.0, 2.0], [3.0, 4.0]], mask=[[False, True], [False, False]])
    np.testing.assert_array_equal(as_table(X, "Net"), [[1, NAN], [3, 4]])


def test_columns_are_chosen_by_names_of_any_kind():
    frame = pd.DataFrame(mixed_table())
    frame.columns = pd.MultiIndex.from_product([["of"], frame.columns])
    chosen = [("of", "home"), ("of", "grade")]
    np.testing.assert_array_equal(read(frame, chosen), by_hand(mixed_table()))


def test_arrays_and_frames_of_numbers_are_no_tables():
    X = np.ones((3, 2))
    for numbers in (X, X.astype(np.float32), X.astype(int), pd.DataFrame(X), X.tolist()):
        assert not is_table(as_table(numbers, "Net"))
        assert TableReader.learn(as_table(numbers, "Net"), "from_dtype", "Net") is None
    for table in ([[1.0, "a"]], [[1.0, None]], pd.DataFrame({"a": [True]})):
        assert is_table(as_table(table, "Net"))


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
    "dates": ({"d": pd.Timestamp(DATE)}, "'d' of X must hold .* Got datetime64.* to days by"),
    "objects of dates": ({"d": [DATE] * 40}, "'d' of X must hold .* Got date in row 0 instead"),
    "lists": ({"d": [[1]] * 40}, "'d' of X must hold .* Got list in row 0 .* convert or drop it"),
    "mixed": ({"d": [1, "a"] * 20}, "'d' of X must hold either numbers or text. Got the text 'a'"),
    "complex": ({"d": 1j}, "'d' of X must hold numbers, text or categories. Got complex128"),
    "bytes": ({"d": [b"a"] * 40}, "'d' of X must hold .* Got bytes in row 0"),
    "periods": ({"d": pd.Period("2020")}, "'d' of X must hold .* Got period.* convert or drop it"),
}


@pytest.mark.parametrize(("column", "words"), REFUSED.values(), ids=REFUSED)
def test_columns_of_other_things_are_refused(column, words):
    with pytest.raises(ValueError, match=words):
        read(mixed_table().assign(**column))


TIMES = pd.date_range("2020-01-30", periods=40)
DATES_AND_DURATIONS = {
    "naive": TIMES,
    "of a zone": TIMES.tz_localize("Asia/Tokyo"),
    "timestamps": TIMES.astype(object),
    "dates": [time.date() for time in TIMES],
    "Arrow": pd.array(TIMES, dtype="timestamp[ns][pyarrow]"),
    "durations": TIMES - TIMES[0],
    "timedeltas": (TIMES - TIMES[0]).astype(object),
}


@pytest.mark.parametrize("column", DATES_AND_DURATIONS.values(), ids=DATES_AND_DURATIONS)
def test_the_remedy_for_dates_works(column):
    frame = mixed_table().assign(when=column)
    with pytest.raises(ValueError, match=r"'when' of X must hold .* to days by ") as refused:
        read(frame)
    code = str(refused.value).split("days by ")[1].rstrip(".")
    days = eval(code, {"pd": pd, "column": frame["when"]})
    assert np.diff(read(frame.assign(when=days))[:, -1]).tolist() == [1] * 39


NO_TABLES = {
    "no column": (pd.DataFrame(index=range(3)), "at least one column. Got shape"),
    "equal names": (pd.DataFrame([[1, 2]], columns=["a", "a"]), "names. Got 'a' more than once"),
    "unequal rows": ([["a", 1], ["b"]], "same length. Got"),
    "a Series of text": (pd.Series(["a", "b"]), r"rows and columns. Got shape \(2,\) instead"),
    "a row": (["a", 1.0], r"Got shape \(2,\) instead: for a single row pass \[row\]"),
    "records": ([{"a": 1}, {"a": 2}], "a table, or an array of rows and columns"),
    "three axes": ([[["a"]]], "a table, or an array of rows and columns"),
    "not in memory": (pl.LazyFrame({"a": [1]}), "in memory. Got a LazyFrame: collect it"),
}


@pytest.mark.parametrize(("X", "words"), NO_TABLES.values(), ids=NO_TABLES)
def test_what_is_no_table_is_refused(X, words):
    with pytest.raises(ValueError, match=words):
        as_table(X, "Net")


def test_numbers_that_no_float_can_hold_are_refused():
    frame = pd.DataFrame({"a": pd.Series([10**400, 1], dtype=object)})
    with pytest.raises(ValueError, match=r"column 'a' of X must be finite as floats\. Got an int"):
        read(frame)


def test_new_rows_that_are_sparse_are_refused_where_columns_hold_categories():
    with pytest.raises(ValueError, match="X must be dense where columns hold categories"):
        read(mixed_table(), new=csr_array((2, 5)))


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ({"amount": "a"}, "'amount' of X must hold numbers, as in the fit. Got 'a' in row 0"),
        ({"home": 1.0}, "'home' of X must hold text, as in the fit. Got 1.0 instead."),
        ({"home": pd.Timestamp(DATE)}, "'home' of X must hold numbers, text or categories. Got da"),
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


@pytest.mark.parametrize(
    "chosen",
    [
        ["nope"],
        [5],
        [-6],
        [True],
        [0.5],
        [1, "home"],
        [True, 1],
        {"home": 3},
        np.array(3),
        [[3, 4]],
    ],
)
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
