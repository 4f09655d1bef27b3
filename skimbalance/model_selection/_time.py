"""Held-out rows that are later than all training rows."""

import re
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.model_selection import BaseCrossValidator

from skimbalance._validation import (
    Interval,
    are_missing,
    as_array,
    indexable_rows,
    n_rows,
    some_of,
    validate_parameter_constraints,
    warn,
)

__all__ = ["TimeHoldout"]

#: Beginnings of dates that do not sort by time as text: the day or the month first, or no zeros.
_UNSORTED_DATE = re.compile(r"\d{1,2}[./ -]|\d{4}[./-](\d{1,2}[./-])?\d(?!\d)")


class TimeHoldout(BaseCrossValidator):
    """One split in time: the last rows are held out, and all others train.

    Fraud is judged on next month, and a split at random lets a model learn from the same month.
    Rows of the same time are on the same side, so that every held-out row is later than every
    training row. It serves as the `validation` parameter of the classifiers, and as `cv` of
    scikit-learn's searches, `skimbalance.TunedDecisionClassifierCV` and
    `skimbalance.compare_strategies`.

    Parameters
    ----------
    fraction : float in (0, 1), default=0.2
        Share of the rows held out; the nearest share at which no time is divided.
    column : str or int, default=None
        Column of X with the times: its name in a table, or its position in an array. Numbers,
        dates, or text that sorts by time, such as "2025-01-31", none of them missing. None: the
        rows stand in order of time. As the `validation` of a classifier it sees the columns that
        the classifier learns from; to leave the time out of them, sort the rows by it.

    See Also
    --------
    sklearn.model_selection.TimeSeriesSplit : Several splits of rows that stand in order.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.model_selection import TimeHoldout
    >>> X = np.array([[2021, 0.1], [2023, 0.4], [2022, 0.2], [2023, 0.3], [2020, 0.5]])
    >>> for train, test in TimeHoldout(0.4, column=0).split(X):
    ...     print(train, test)
    [0 2 4] [1 3]
    """

    _parameter_constraints: dict = {
        "fraction": [Interval(Real, 0, 1, closed="neither")],
        "column": [str, Integral, None],
    }

    def __init__(self, fraction: float = 0.2, *, column: str | int | None = None) -> None:
        self.fraction = fraction
        self.column = column
        # Checked at once, as in scikit-learn's splitters.
        validate_parameter_constraints(self._parameter_constraints, vars(self), type(self).__name__)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits, 1.

        Parameters
        ----------
        X, y, groups : object, default=None
            Ignored.

        Returns
        -------
        n_splits : int
            1.
        """
        return 1

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the training rows and the held-out rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), or dict or list of them
            Rows; only `column` of them is used.
        y : array-like of shape (n_samples, ...), default=None
            Ignored, apart from its length.
        groups : object, default=None
            Ignored, with a warning.

        Yields
        ------
        train, test : ndarray of int
            Numbers of rows, ascending.

        Raises
        ------
        ValueError
            If X has no such column, if it has fewer than two different times, or if its text does
            not sort by time, as "31.01.2025" does not.
        """
        owner = type(self).__name__
        if groups is not None:
            warn(f"The groups parameter is ignored by {owner}.")
        n_samples = n_rows(X if y is None else y) or 0
        indexable_rows(X, n_samples, owner)
        time = np.arange(n_samples) if self.column is None else self._times(X)
        distinct, counts = np.unique(time, return_counts=True)
        if len(distinct) < 2:
            raise ValueError(
                "The rows of TimeHoldout must have at least 2 different times, the earlier to "
                f"train and the later to hold out. Got {len(distinct)}."
            )
        shares = 1 - np.cumsum(counts)[:-1] / len(time)  # of the rows after each time but the last
        last = distinct[np.argmin(np.abs(shares - self.fraction))]
        yield np.flatnonzero(time <= last), np.flatnonzero(time > last)

    def _times(self, X):
        """Times in a column, which can be sorted."""
        is_table = hasattr(X, "columns") or hasattr(X, "column_names")
        try:
            name: Any = self.column
            column = X[name] if is_table else np.asarray(X)[:, name]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            known = [*getattr(X, "columns", getattr(X, "column_names", []))]
            array = f"of type {type(X).__name__} and shape {getattr(X, 'shape', 'unknown')}"
            found = f"a table of the columns {some_of(known)}" if is_table else array
            raise ValueError(
                "The 'column' parameter of TimeHoldout must be a column of X: a name in a table, "
                f"or a position in an array. Got {self.column!r}, but the X that arrives here "
                f"is {found}: where steps before drop or rename it, sort the rows by time and "
                "leave 'column' out."
            ) from error
        time = np.asarray(as_array(column))
        wrong = are_missing(time)
        if not np.any(wrong):
            try:
                np.unique(time)
            except TypeError:  # such as text beside numbers
                wrong = np.ones(len(time), bool)
        if np.any(wrong):
            raise ValueError(
                f"The times in column {self.column!r} of TimeHoldout must be numbers, dates or "
                f"texts of one kind, none of them missing. Got {time[wrong][0]} in row "
                f"{np.argmax(wrong)}."
            )
        _check_text(time, self.column)
        return time


def _check_text(time, column):
    """Refuse text whose order is not that of time, such as 31.01.2024 and 10 after 9."""
    if not isinstance(time[0] if len(time) else None, str):
        return
    numeric = all(text.isdecimal() for text in time) and len({len(text) for text in time}) > 1
    wrong = [text for text in time if numeric or _UNSORTED_DATE.match(text)]
    if wrong:
        raise ValueError(
            f"The texts in column {column!r} of TimeHoldout must sort by time, as 2024-01-31 does. "
            f"Got {str(wrong[0])!r}: convert the column first, by pd.to_datetime or pd.to_numeric."
        )
