"""Mixed tables: what is learnt where, hand-computed values, and errors in one sentence."""

import datetime
import decimal
import re
import time

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTENC
from imblearn.pipeline import make_pipeline
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline as make_sklearn_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skimbalance.preprocessing import table_steps
from skimbalance.preprocessing._columns import NUMBER_STYLES, column_kind, styled_number
from skimbalance.preprocessing._encoder import MOST_LEVELS

FROM_ZERO = 2  # the code of the most frequent category of a column


def mixed_table(n=60, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "amount": rng.normal(50, 9, n),
            "home": rng.choice(["own", "rent", "other"], n),
            "count": rng.integers(0, 9, n),
            "partner": rng.random(n) < 0.4,
            "grade": pd.Categorical(rng.choice(["low", "high"], n)),
        }
    )
    frame.loc[::5, "amount"] = np.nan
    frame.loc[::7, "home"] = None
    return frame


def clean(X):
    return table_steps(X).clean


def everything(X):
    steps = table_steps(X)
    return make_sklearn_pipeline(steps.clean, steps.encode)


def test_numbers_are_those_of_scikit_learn_s_steps():
    X = mixed_table()
    numeric = make_column_selector(dtype_include=["number", "bool"])
    imputed = make_sklearn_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    expected = make_column_transformer((imputed, numeric), (MissingIndicator(), numeric))
    for part in (slice(None), slice(0, 20)):
        expected.fit(X[part])
        steps = table_steps(X)
        actual = steps.clean.fit(X[part]).transform(X)
        others = np.delete(actual, steps.categorical, axis=1)
        np.testing.assert_allclose(others, expected.transform(X), atol=1e-12)


def test_categories_are_one_hot_as_scikit_learn_has_them():
    X = mixed_table()[["home", "grade"]].astype(object).fillna("missing")
    # Codes are ranked by frequency, scikit-learn's by name: the same columns in another order.
    expected = OneHotEncoder(sparse_output=False).fit_transform(X)
    actual = everything(X).fit_transform(X)
    assert sorted(actual.T.tolist()) == sorted(expected.T.tolist())


def test_codes_by_hand():
    fit = pd.DataFrame({"c": ["b", "a", "b", None, "a", "b", "once", np.nan]})
    new = pd.DataFrame({"c": ["a", "b", None, "once", "never"]})
    codes = clean(fit).fit(fit).transform(new).ravel()
    assert codes.tolist() == [3, 2, 1, 0, 0]


def test_codes_do_not_depend_on_the_order_of_rows():
    X = pd.DataFrame({"c": list("ddbbaacc"), "k": pd.Categorical([3, 3, 1, 1, 2, 2, 4, 4])})
    shuffled = X.sample(frac=1, random_state=0)
    codes = clean(X).fit(X).transform(X)
    np.testing.assert_array_equal(clean(shuffled).fit(shuffled).transform(X), codes)
    assert codes[:, 0].tolist() == [5, 5, 3, 3, 2, 2, 4, 4]


def test_codes_of_missing_and_unknown_categories():
    X = pd.DataFrame({"c": ["a", "a", "b", "b", None, None]})
    steps = everything(X).fit(X)
    out = steps.transform(pd.DataFrame({"c": ["a", "b", None, "never"]}))
    # Missing was seen: its own column. The unknown was not: none.
    assert out.tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 0, 0]]


def test_width_of_a_column_of_many_categories_is_capped():
    n = 5000
    names = np.arange(n) // 2  # each twice
    X = pd.DataFrame({"many": names.astype(str), "id": np.arange(n).astype(str)})
    X.loc[: n // 2, "many"] = "frequent"
    out = clean(X).fit_transform(X)
    assert np.unique(out[:, 0]).tolist() == [0, *range(FROM_ZERO, FROM_ZERO + MOST_LEVELS)]
    assert np.all(out[: n // 2, 0] == FROM_ZERO)  # the most frequent comes first
    assert np.all(out[:, 1] == 0)  # a category with one row says nothing about another


def test_positions_of_the_categories():
    X = mixed_table()
    steps = table_steps(X)
    out = steps.clean.fit_transform(X)
    names = steps.clean.get_feature_names_out()
    assert names[steps.categorical].tolist() == ["home", "grade"]
    assert names[len(steps.categorical) :].tolist() == [
        *["amount", "count", "partner"],
        "missingindicator_amount",
    ]
    assert set(np.unique(out[:, steps.categorical])) <= {0, 1, 2, 3, 4}
    # They stay where they are in a fold without missing values, which is narrower.
    complete = X.dropna()
    assert steps.clean.fit_transform(complete).shape[1] == out.shape[1] - 1
    assert steps.clean.get_feature_names_out()[steps.categorical].tolist() == ["home", "grade"]


def test_nothing_is_learnt_before_the_fit():
    X = mixed_table()
    train, test = X[:30], X[30:].assign(amount=1e6, home="new", count=-1)
    alone = everything(train).fit(train)
    beside = everything(pd.concat([train, test])).fit(train)
    np.testing.assert_array_equal(alone.transform(test), beside.transform(test))
    assert not hasattr(clean(X), "transformers_")


def test_missing_only_in_new_rows():
    X = pd.DataFrame({"a": [1.0, 2.0, 6.0]})
    out = clean(X).fit(X).transform(pd.DataFrame({"a": [np.nan]}))
    # The median 2 among 1, 2, 6, of mean 3 and deviation sqrt(14 / 3); no indicator.
    np.testing.assert_allclose(out, [[-1 / np.sqrt(14 / 3)]])


@pytest.mark.parametrize(
    "column", [[np.nan] * 4, [7.0] * 4, [0.1, 0.1, np.nan, 0.1], [1e-200, 0] * 2]
)
def test_a_column_with_nothing_to_learn_from_is_zero(column):
    X = pd.DataFrame({"a": column, "b": [1.0, 2.0, 3.0, 4.0]})
    fitted = clean(X).fit(X)
    assert np.all(fitted.transform(X)[:, 0] == 0)
    # Other values in new rows do not blow up either: nothing was learnt about them.
    assert np.all(fitted.transform(X.assign(a=1e9))[:, 0] == 0)


@pytest.mark.parametrize(
    "column",
    [
        pd.array([1, 2, None, 4], dtype="Int64"),
        pd.array([1, 2, None, 4], dtype="Float32"),
        pd.array([1, 2, None, 4], dtype="float32"),
        pd.Series([1, 2, None, 4], dtype=object),
        pd.Series([1, 2.0, pd.NA, np.float32(4)], dtype=object),
        pd.Series([1, decimal.Decimal(2), np.nan, 4], dtype=object),
        pd.arrays.SparseArray([1, 2, np.nan, 4]),
    ],
    ids=lambda column: str(column.dtype),
)
def test_types_of_numbers(column):
    X = pd.DataFrame({"a": column})
    expected = pd.DataFrame({"a": [1.0, 2.0, np.nan, 4.0]})
    np.testing.assert_array_equal(
        clean(X).fit_transform(X), clean(expected).fit_transform(expected)
    )


@pytest.mark.parametrize("dtype", [bool, object, "boolean"])
def test_booleans_are_numbers(dtype):
    X = pd.DataFrame({"a": pd.Series([True, False, True, False], dtype=dtype)})
    assert clean(X).fit_transform(X).ravel().tolist() == [1, -1, 1, -1]


@pytest.mark.parametrize("dtype", [object, "str", "category", "string"])
def test_types_of_text(dtype):
    X = pd.DataFrame({"a": pd.Series(["x", "y", None, "y", "x", "y"], dtype=dtype)})
    assert table_steps(X).categorical == [0]
    assert clean(X).fit_transform(X).ravel().tolist() == [3, 2, 1, 2, 3, 2]


def test_missing_in_all_its_forms():
    X = pd.DataFrame({"a": pd.Series(["x", "x", None, np.nan, pd.NA, pd.NaT], dtype=object)})
    assert clean(X).fit_transform(X).ravel().tolist() == [2, 2, 1, 1, 1, 1]


@pytest.mark.parametrize("dtype", [object, "str", "category", "boolean", "Int64", "datetime64[s]"])
def test_a_column_without_values_is_one_of_numbers_that_carries_nothing(dtype):
    X = pd.DataFrame({"a": pd.Series([None] * 3, dtype=dtype), "b": [1.0, 2.0, 3.0]})
    assert column_kind(X["a"], "a") == "number"
    fitted = everything(X).fit(X)
    for later in (X["a"], 3.5):
        assert fitted.transform(X.assign(a=later))[:, 0].tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="'a' of X must hold numbers, as in the fit"):
        fitted.transform(X.assign(a="text"))


def test_arrays_give_what_tables_give():
    X = mixed_table()
    array = X.astype(object).to_numpy()
    np.testing.assert_array_equal(clean(array).fit_transform(array), clean(X).fit_transform(X))
    numbers = X[["amount", "count"]]
    np.testing.assert_array_equal(
        clean(numbers.to_numpy()).fit_transform(numbers.to_numpy()),
        clean(numbers).fit_transform(numbers),
    )
    text = np.array([["a", "b"], ["a", "c"]])
    assert table_steps(text).categorical == [0, 1]


def test_polars_tables():
    pl = pytest.importorskip("polars")
    X = mixed_table()
    frame = pl.DataFrame(
        {name: [None if pd.isna(value) else value for value in X[name]] for name in X}
    )
    np.testing.assert_array_equal(clean(frame).fit_transform(frame), clean(X).fit_transform(X))


def test_columns_are_found_by_name():
    X = mixed_table()
    fitted = everything(X).fit(X)
    moved = X[X.columns[::-1]].assign(more=1)
    np.testing.assert_array_equal(fitted.transform(moved), fitted.transform(X))
    with pytest.raises(ValueError, match=r"columns are missing: .*count"):
        fitted.transform(X.drop(columns="count"))


def test_names_that_are_numbers():
    X = pd.DataFrame({5: [1.0, 2.0], 3: ["a", "a"]})
    assert clean(X).fit_transform(X).tolist() == [[2, -1], [2, 1]]


def test_the_table_is_left_as_it_is():
    X = mixed_table()
    before = X.copy(deep=True)
    everything(X).fit(X).transform(X)
    pd.testing.assert_frame_equal(X, before)


def test_with_a_sampler_for_mixed_rows_inside_the_folds():
    X = mixed_table(200)
    y = (np.arange(200) % 10 == 0).astype(int)
    X["home"] = np.where(y, "own", X["home"])
    steps = table_steps(X)
    pipe = make_pipeline(
        clone(steps.clean),
        SMOTENC(steps.categorical, random_state=0),
        steps.encode,
        LogisticRegression(),
    )
    result = cross_validate(pipe, X, y, scoring="roc_auc", return_estimator=True)
    # A third of the frequent rows says "own", so an area of about 0.8 is possible.
    assert result["test_score"].mean() > 0.7
    sampled, _ = make_pipeline(clone(steps.clean), pipe[1]).fit_resample(X, y)
    original = steps.clean.fit_transform(X)
    for j in steps.categorical:
        assert set(sampled[:, j]) <= set(original[:, j])


def test_seconds_for_a_large_table():
    rng = np.random.default_rng(0)
    n = 50_000
    numbers = {f"n{i}": rng.normal(size=n) for i in range(15)}
    text = {f"t{i}": rng.choice(list("abcdef"), n).astype(object) for i in range(15)}
    X = pd.DataFrame({**numbers, **text}).astype(dict.fromkeys(text, object))
    start = time.perf_counter()
    everything(X).fit_transform(X)
    # About 0.2 s on one idle core.
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (
            pd.DataFrame([[1, 2, 3]], columns=["a", "b", "a"]),
            "The columns of X must have different names. Got 'a' more than once: rename or drop "
            "one.",
        ),
        (
            pd.DataFrame({"a": [None, 1, 2.5, "x", "y"]}, dtype=object),
            "The column 'a' of X must hold either numbers or text. Got the text 'x' in row 3 and "
            "the number 1 in row 1.",
        ),
        (
            np.array([[1.5, "x"], [2.5, 3]], dtype=object),
            "The column 1 of X must hold either numbers or text. Got the text 'x' in row 0 and "
            "the number 3 in row 1.",
        ),
        (
            pd.DataFrame({"when": pd.to_datetime(["2020-01-01"])}),
            "The column 'when' of X must hold numbers, text or categories. Got datetime64",
        ),
        (
            pd.DataFrame({"when": [None, datetime.date(2020, 1, 1)]}),
            "The column 'when' of X must hold numbers, text or categories. Got date in row 1 "
            "instead: convert it first, for instance to days by",
        ),
        (
            pd.DataFrame({"a": [1.0, np.inf]}),
            "The numbers in the column 'a' of X must be finite and at most 1e+150 in size. Got "
            "inf in row 1 instead.",
        ),
        (
            np.array([[1.0, 2.0], [1.0, -1e200]]),
            "The numbers in the column 1 of X must be finite and at most 1e+150 in size. Got "
            "-1e+200 in row 1 instead.",
        ),
        (
            pd.DataFrame({"a": ["x", ["y", "z"]]}),
            "The column 'a' of X must hold numbers, text or categories. Got list in row 1 "
            "instead: convert or drop it first.",
        ),
        (
            pd.DataFrame({"a": [1j, 2]}),
            "The column 'a' of X must hold numbers, text or categories. Got complex128 instead: "
            "convert or drop it first.",
        ),
        (
            pd.DataFrame({"a": []}),
            "The 'X' parameter of table_steps must have at least one row and one column. Got "
            "shape (0, 1) instead.",
        ),
        (
            np.ones(3),
            "The 'X' parameter must be a DataFrame or a two-dimensional array. Got an array of "
            "shape (3,) instead.",
        ),
        (
            [[1, 2]],
            "The 'X' parameter must be a DataFrame or a two-dimensional array. Got list instead.",
        ),
    ],
)
def test_refused_in_a_sentence(X, words):
    with pytest.raises(ValueError, match=f"^{re.escape(words)}"):
        table_steps(X)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (
            {"n": ["1.5", "2"]},
            "The column 'n' of X must hold numbers, as in the fit. Got '1.5' in row 0 instead.",
        ),
        ({"n": [np.inf, 0]}, "The numbers in the column 'n' of X must be finite and at most"),
        ({"n": [1, "x"]}, "The column 'n' of X must hold either numbers or text. Got the text 'x'"),
        ({"c": [7, 8]}, "The column 'c' of X must hold text, as in the fit. Got 7 instead."),
        ({"k": ["7", "8"]}, "The column 'k' of X must not hold text, as in the fit. Got '7' ins"),
        ({"c": ["x", ["y"]]}, "The column 'c' of X must hold numbers, text or categories. Got val"),
    ],
)
def test_new_rows_of_another_type_are_refused(new, words):
    X = pd.DataFrame({"n": [1.0, 2.0], "c": ["a", "a"], "k": pd.Categorical([7, 8])})
    with pytest.raises(ValueError, match=f"^{re.escape(words)}"):
        clean(X).fit(X).transform(
            X.assign(**{k: pd.Series(v, dtype=object) for k, v in new.items()})
        )


def test_new_rows_without_any_value():
    X = pd.DataFrame({"n": [1.0, 3.0], "c": ["a", "a"]})
    new = pd.DataFrame({"n": pd.Series([None], dtype="str"), "c": [np.nan]})
    assert clean(X).fit(X).transform(new).tolist() == [[1, 0]]


NUMBERS_AS_TEXT = [
    ["0,59", "12,5", "3"],
    ["1.234,5", "2", "NA"],
    ["1,234", "2,345", "7"],
    ["1 234", "12", "7"],
    ["0.59", "12.5", " 3 "],
    ["1,234.5", None, "?"],
]
CONTAINERS = {
    "frame": lambda cells: pd.DataFrame({"price": cells, "n": range(len(cells))}),
    "objects": lambda cells: pd.DataFrame({"price": pd.Series(cells, dtype=object)}),
    "polars": lambda cells: pytest.importorskip("polars").DataFrame({"price": cells}),
    "array": lambda cells: np.array([[cell] for cell in cells], dtype=object),
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("cells", NUMBERS_AS_TEXT, ids=str)
def test_a_column_of_text_that_is_all_numbers_is_named(cells, container):
    name = 0 if container == "array" else "'price'"
    with pytest.warns(UserWarning, match=rf"The column {name} of X holds numbers as text, such as"):
        table_steps(CONTAINERS[container](cells))


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(
    "cells",
    [["0,59", "word", "3"], ["1", "2", "10"], ["007", "1,5", "3"], ["1,5", "1.5", "3"], ["12:30"]],
    ids=str,
)
def test_other_text_is_not(cells, container):
    table_steps(CONTAINERS[container](cells))


def test_categories_are_what_their_type_says():
    table_steps(pd.DataFrame({"price": pd.Categorical(["0,59", "12,5", "3"])}))


@pytest.mark.parametrize("style", NUMBER_STYLES)
def test_styles_of_numbers_read_what_they_write(style):
    group, decimal = style[1], style[-2]
    for value in (0, 7, 950, 1000, 1234567, 0.5, 1234.5, 12345678.25, -3.125):
        for mark in ("", group):
            text = f"{value:,}".translate({ord(","): mark, ord("."): decimal})
            assert NUMBER_STYLES[style].fullmatch(text)
            assert styled_number(text, style) == value
    for wrong in ("", "1234 5", "12 34", "1,23,456", "00,5", "0.1.2", "a", "1,2,3", "1..2", "-"):
        assert not NUMBER_STYLES[style].fullmatch(wrong)
