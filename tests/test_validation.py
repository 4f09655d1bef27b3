"""Helpers for checks and messages: indicators, labels in messages, and where warnings point."""

from datetime import timedelta
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from skimbalance._validation import (
    _words,
    check_finite,
    check_one_input,
    check_sample_weight,
    checked_target,
    class_indices,
    indexable_rows,
    is_indicator,
    matrix_by_label,
    n_rows,
    plain_labels,
    safe_indexing,
    some_of,
)


@pytest.mark.parametrize(
    "y",
    [
        np.eye(3),
        np.eye(3, dtype=bool),
        [[0, 1], [1, 0]],
        sparse.csr_array(np.eye(3)),
        pd.DataFrame(np.eye(3, dtype=int)),
        np.zeros((4, 2)),
    ],
    ids=lambda y: type(y).__name__,
)
def test_matrices_of_two_values_are_indicators(y):
    assert is_indicator(y)


@pytest.mark.parametrize(
    "y",
    [
        [0, 1, 1],
        np.array(["a", "b"]),
        pd.Series([0, 1]),
        np.array([[0], [1]]),  # a column: the checks of class labels have a message for it
        np.arange(6).reshape(3, 2),
        np.array([[0.5, 1.0], [0.0, 1.0]]),
        [["a", "b"], ["c", "d"]],
    ],
    ids=str,
)
def test_class_labels_and_other_matrices_are_not_indicators(y):
    assert not is_indicator(y)


def test_labels_of_an_indicator_may_be_missing():
    assert is_indicator(np.array([[np.nan, 1.0], [0.0, 1.0]]))
    assert not is_indicator(np.array([[np.nan, 2.0], [0.0, 1.0]]))


def test_plain_labels_are_pythons_own():
    labels = plain_labels(np.array([1, 2]))
    assert labels == [1, 2]
    assert all(type(label) is int for label in labels)
    assert plain_labels(["a", np.float64(0.5), None]) == ["a", 0.5, None]
    assert type(plain_labels([np.str_("a")])[0]) is str


def test_long_lists_are_cut_in_messages():
    assert some_of([1, 2], most=2) == "[1, 2]"
    assert some_of([1, 2, 3, 4], most=2) == "[1, 2] and 2 more"
    message = r"\[2, 3, 4, 5, 6, 7, 8, 9, 10, 11\] and 2 more instead\."
    with pytest.raises(ValueError, match=message):
        class_indices(np.arange(14), np.array([0, 1]))


def test_a_warning_names_the_line_outside_the_package():
    def through_the_package(depth):
        """Warn from `depth` frames that look like frames of the package."""
        code = "def f(depth):\n    return f(depth - 1) if depth else warn('careful')\n"
        names = {"warn": _words.warn}
        exec(compile(code, f"{_words.PACKAGE}inner.py", "exec"), names)
        names["f"](depth)

    for depth in (0, 3):
        with pytest.warns(UserWarning, match="careful") as caught:
            through_the_package(depth)
        assert caught[0].filename == __file__


ROWS = 60
NUMBERS = np.arange(ROWS) % 3
TEXT = np.array(["no", "yes", "maybe"])[NUMBERS]


@pytest.mark.parametrize(
    "y",
    [
        NUMBERS,
        NUMBERS.astype(float),
        NUMBERS > 0,
        TEXT,
        TEXT.astype(object),
        TEXT.astype(bytes),
        NUMBERS[:, np.newaxis],
        np.eye(3)[NUMBERS],
        sparse.csr_matrix(np.eye(3)[NUMBERS]),
    ],
    ids=lambda y: f"{type(y).__name__} {y.dtype} {y.ndim}",
)
def test_targets_of_classes_and_of_labels_stay_as_they_are(y):
    assert checked_target(y) is y


@pytest.mark.parametrize("container", [list, tuple, pd.Series, pl.Series, pd.Categorical])
@pytest.mark.parametrize("y", [NUMBERS, TEXT], ids=["numbers", "text"])
def test_targets_become_arrays(container, y):
    found = checked_target(container(y.tolist()))
    np.testing.assert_array_equal(found, y)


@pytest.mark.parametrize(
    "y",
    [NUMBERS.astype(object), pd.Series(NUMBERS, dtype="Int64"), pd.Series(NUMBERS, dtype=object)],
    ids=["array", "nullable", "Series"],
)
def test_objects_that_are_numbers_become_numbers(y):
    found = checked_target(y)
    assert found.dtype.kind == "i"
    np.testing.assert_array_equal(found, NUMBERS)


def with_label(label, y=TEXT):
    """Labels as objects, in which some are replaced."""
    y = y.astype(object)
    y[[7, 30]] = label
    return y


MISSING = [None, np.nan, float("nan"), pd.NA, pd.NaT]
CONTAINERS = [np.asarray, list, pd.Series, lambda y: pd.DataFrame({"y": y})]


@pytest.mark.parametrize("container", CONTAINERS, ids=["array", "list", "Series", "frame"])
@pytest.mark.parametrize("y", [NUMBERS, TEXT], ids=["numbers", "text"])
@pytest.mark.parametrize("missing", MISSING, ids=repr)
def test_missing_labels_are_counted(container, y, missing):
    says = r"y must not be missing\. Got 2 missing labels, the first in row 7: label or drop these"
    with pytest.raises(ValueError, match=says):
        checked_target(container(with_label(missing, y)))


@pytest.mark.parametrize(
    "y",
    [
        pd.Series([1, None, 2] * 4, dtype="Int64"),
        pd.Series(["a", None] * 4, dtype="category"),
        pd.Series(["a", None] * 4, dtype="string"),
        pl.Series(["a", None] * 4),
        pl.Series([1, None] * 4),
        np.array([0.0, np.nan] * 4),
    ],
    ids=str,
)
def test_missing_labels_of_any_type_are_refused(y):
    with pytest.raises(ValueError, match=r"^The labels in y must not be missing\. Got 4 "):
        checked_target(y)


@pytest.mark.parametrize("container", CONTAINERS[:3], ids=["array", "list", "Series"])
@pytest.mark.parametrize("label", [1, 0.0, True, b"a", pd.Timestamp("2020-01-01")], ids=repr)
def test_labels_of_several_types_are_refused(container, label):
    y = np.empty(4, dtype=object)
    y[:] = ["a", label, "a", label]
    with pytest.raises(ValueError, match=r"be all text or all numbers\. Got both, such as 'a' and"):
        checked_target(container(y))


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (None, "requires y to be passed"),
        ("target", r"the class label of each row, such as table\['target'\]. Got 'target' instead"),
        (3, "the class label of each row. Got 3 instead"),
        (np.linspace(0, 1, 50), r"not real numbers .*continuous.* Got 0\.02"),
        (pd.Series([0.5, 1.0] * 20), r"not real numbers .*continuous.* Got 0\.5 instead"),
        ([0.5, 1], r"not real numbers .*continuous.* Got 0\.5 instead"),
        (np.arange(50), r"not numbers or names of the rows. Got 50 .* 50 rows: \[0, 1, 2\] and 47"),
        (np.arange(50.0), "not numbers or names of the rows"),
        ([f"row {i}" for i in range(50)], "not numbers or names of the rows"),
        (np.full((10, 2), 0.5), r"shape \(10, 2\) instead. Pass one class .* or a label indicator"),
        (
            np.zeros((10, 2, 2)),
            r"shape \(10, 2, 2\) instead. Pass one class .* or a label",
        ),
        ([[1, 2], [1]], "lists of unequal length"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), "must be text or numbers. Got"),
        ([{"a": 1}, {"a": 1}], "must be text or numbers. Got {'a': 1} instead"),
        ([1j, 1j], "must be text or real numbers .* Got 1j instead"),
        ([Fraction(1, 2), 1], r"must be text or numbers. Got Fraction\(1, 2\) instead"),
        ([timedelta(1), timedelta(2)], "must be text or numbers. Got datetime.timedelta"),
        (np.array([1, 2], "timedelta64[s]"), "must be text or numbers. Got np.timedelta64"),
        (pd.Series([(1, 2), (1, 2)]), r"must be text or numbers. Got \(1, 2\) instead"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_are_not_class_labels_is_refused(y, says):
    with pytest.raises(ValueError, match=says):
        checked_target(y)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_a_column_of_class_labels_may_be_a_table(frame):
    column = checked_target(frame({"y": ["a", "b", "a"]}))
    np.testing.assert_array_equal(column, [["a"], ["b"], ["a"]])


@pytest.mark.parametrize("weight", ["balanced", ["1", "2"], {0: 1, 1: 2}], ids=str)
def test_weights_of_rows_are_numbers(weight):
    with pytest.raises(ValueError, match=r"a number for each row. Got .* belong to 'class_weight'"):
        check_sample_weight(weight, np.zeros((2, 1)))


def test_columns_without_an_index_are_in_the_order_of_the_classes():
    costs = {"a": [0, 5, 2], "b": [1, 0, 3], "c": [9, 4, 0]}
    table = pl.DataFrame(costs)
    assert matrix_by_label(table, ["a", "b", "c"], "costs") is table
    with pytest.raises(ValueError, match=r"order of the classes, .* Got \['b', 'a', 'c'\] instead"):
        matrix_by_label(table.select("b", "a", "c"), ["a", "b", "c"], "costs")
    numbered = pl.DataFrame(table.to_numpy())
    assert matrix_by_label(numbered, ["a", "b", "c"], "costs") is numbered


def test_a_part_of_the_data_may_hold_each_label_once():
    np.testing.assert_array_equal(checked_target(np.arange(50), each_once=True), np.arange(50))
    np.testing.assert_array_equal(checked_target(list("abcd")), list("abcd"))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_first_value_that_is_not_finite_is_named_by_its_place(value, dtype):
    rows = np.full((4, 3), np.finfo(dtype).max)
    check_finite(rows, "Owner")
    rows[2, 1] = rows[3, 0] = value
    got = f"Got {'NaN' if value != value else 'infinity'} in row 2"
    for names, place in ((None, "column 1"), (["a", "b", "c"], "column 'b'")):
        with pytest.raises(ValueError, match=rf"X of Owner must be finite\. {got}, {place}: fill"):
            check_finite(rows, "Owner", names)
    with pytest.raises(ValueError, match=f"{got}: fill"):
        check_finite(rows[:, :, np.newaxis], "Owner")


TWO_INPUTS = [np.ones((5, 2)), np.ones((5, 3, 3))]


@pytest.mark.parametrize("form", [list, tuple, lambda parts: dict(zip("ab", parts, strict=True))])
def test_several_inputs_are_told_from_rows(form):
    with pytest.raises(ValueError, match=r"must be one array or table\. Got 2 inputs instead"):
        check_one_input(form(TWO_INPUTS), 5, "Owner")


@pytest.mark.parametrize(
    "X",
    [
        np.ones((5, 2)),
        pd.DataFrame(np.ones((5, 2))),
        pl.DataFrame({"a": [1] * 5}),
        sparse.dok_array((5, 2)),
        [[1, 2]] * 5,
        [np.ones((2, 3))] * 5,
        ["text"] * 5,
        [{"a": 1}] * 5,
        [[1, 2]] * 4,
        None,
    ],
    ids=lambda X: type(X).__name__,
)
def test_rows_are_no_several_inputs(X):
    check_one_input(X, 5, "Owner")


NAMED = {"a": np.arange(10).reshape(5, 2), "b": pd.DataFrame(np.arange(15).reshape(5, 3))}
FORMS = {
    "dict": NAMED,
    "tuple": tuple(NAMED.values()),
    "sparse": {"a": sparse.coo_array(NAMED["a"]), "b": sparse.csc_matrix(NAMED["b"])},
    "images": {"a": np.arange(40).reshape(5, 2, 2, 2)},
}


@pytest.mark.parametrize("X", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("rows", [np.array([4, 0, 0]), np.arange(5) % 2 == 0, [1], slice(1, 3)])
def test_rows_of_several_inputs_are_those_of_each(X, rows):
    chosen = safe_indexing(indexable_rows(X, 5, "Owner"), rows)
    assert type(chosen) is type(X)
    keys = list(X) if isinstance(X, dict) else range(len(X))
    for key in keys:
        whole, part = (getattr(x, "toarray", lambda x=x: x)() for x in (X[key], chosen[key]))
        np.testing.assert_array_equal(np.asarray(part), np.asarray(whole)[rows])
    assert n_rows(chosen) == len(np.arange(5)[rows])


def test_a_list_is_rows_or_becomes_a_tuple_of_inputs():
    images = [np.full((3, 3), i) for i in range(5)]
    for rows in (images, tuple(images)):
        assert [x[0, 0] for x in safe_indexing(indexable_rows(rows, 5, "Owner"), [3, 1])] == [3, 1]
    ragged = [["a"], [], ["b", "c"]]
    assert safe_indexing(indexable_rows(ragged, 3, "Owner"), [2, 0]) == [["b", "c"], ["a"]]
    chosen = safe_indexing(indexable_rows(TWO_INPUTS, 5, "Owner"), [0, 1])
    assert [x.shape for x in chosen] == [(2, 2), (2, 3, 3)]


@pytest.mark.parametrize(
    "X", [{"a": np.ones((5, 2)), "b": np.ones((4, 2))}, {"a": np.ones((4, 2))}, {}], ids=len
)
def test_an_input_with_another_number_of_rows_is_named(X):
    with pytest.raises(
        ValueError, match=r"the 5 rows of y. Got .*4 in '[ab]'|numbers of samples: \[0, 5"
    ):
        indexable_rows(X, 5, "Owner")
