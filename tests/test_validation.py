"""Helpers for checks and messages: indicators, labels in messages, and where warnings point."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from skimbalance import _validation
from skimbalance._validation import class_indices, is_indicator, plain_labels, some_of


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


def test_an_indicator_with_missing_values_is_refused():
    with pytest.raises(ValueError, match="contains NaN"):
        is_indicator(np.array([[np.nan, 1.0], [0.0, 1.0]]))


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
        names = {"warn": _validation.warn}
        exec(compile(code, f"{_validation.PACKAGE}inner.py", "exec"), names)
        names["f"](depth)

    for depth in (0, 3):
        with pytest.warns(UserWarning, match="careful") as caught:
            through_the_package(depth)
        assert caught[0].filename == __file__
