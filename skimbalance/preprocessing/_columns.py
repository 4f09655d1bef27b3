"""What the columns of a table hold: numbers, also as text in several styles, or categories."""

import re
from collections.abc import Iterable
from numbers import Number
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from skimbalance._validation import warn

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "MISSING_WORDS",
    "NUMBER_STYLES",
    "check_names",
    "column_kind",
    "frame_of",
    "has_text",
    "is_category",
    "is_plain_type",
    "levels_of",
    "numbers_of",
    "styled_number",
    "warn_of_numbers",
]


def _number_pattern(groups: str, decimal: str) -> re.Pattern[str]:
    """Numbers with a decimal mark, and with the same mark before each three digits, or none."""
    whole = rf"(?:0|[1-9]\d*|[1-9]\d{{0,2}}(?:([{groups}])\d{{3}})(?:\1\d{{3}})*)"
    return re.compile(rf"[+-]?(?:{whole}(?:{decimal}\d*)?|{decimal}\d+)(?:[eE][+-]?\d+)?", re.ASCII)


_SPACES = " \u00a0\u2009\u202f'\u2019"

#: The ways to write numbers as text that Python does not read, each named by an example -> what
#: matches such a number whole.
NUMBER_STYLES = {
    "1.234,5": _number_pattern(f".{_SPACES}", ","),
    "1,234.5": _number_pattern(",", r"\."),
    "1 234.5": _number_pattern(_SPACES, r"\."),
}


#: What a cell of a file says where a number is missing.
MISSING_WORDS = frozenset(
    ["", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "null", "NULL", "Null", "None", "?"]
)

#: How columns of dates and of durations become numbers: the code that NumPy has for their types,
#: or the name that pandas has for such objects -> what does it.
DAYS = {
    "M": "(pd.to_datetime(column, utc=True) - pd.Timestamp('2000-01-01', tz='UTC')).dt.days",
    "m": "pd.to_timedelta(column).dt.days",
}
DAYS |= {"date": DAYS["M"], "datetime": DAYS["M"], "timedelta": DAYS["m"]}


def styled_number(text: str, style: str) -> float:
    """The value of a number in a style of `NUMBER_STYLES` that matches it."""
    decimal = style[-2]
    kept = (c for c in text if c in f"{decimal}+-eE0123456789")
    return float("".join(kept).replace(decimal, "."))


def frame_of(X: Any) -> "pd.DataFrame | None":
    """X as a pandas DataFrame, which shares its memory if possible; None if it is no table."""
    import pandas as pd

    if isinstance(X, pd.DataFrame):
        return X
    if hasattr(X, "to_pandas") and hasattr(X, "columns"):  # polars, pyarrow
        return X.to_pandas()
    if isinstance(X, np.ndarray) and X.ndim == 2:
        return pd.DataFrame(X.astype(object) if X.dtype.kind == "S" else X)
    return None


def check_names(frame: "pd.DataFrame") -> None:
    """Check that the columns of a table have different names."""
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()].tolist()[0]
        raise ValueError(
            "The columns of X must have different names. "
            f"Got {twice!r} more than once: rename or drop one."
        )


def column_kind(column: "pd.Series", name: Any, owner: str = "X") -> Literal["number", "text"]:
    """What a column holds: "number", also for booleans, or "text", also for categories.

    A column without any value is a "number", whatever its type.

    Parameters
    ----------
    column : Series
        The column.
    name : hashable
        Name of the column, for errors.
    owner : str, default="X"
        Table that the column is from, for errors.

    Returns
    -------
    kind : {"number", "text"}
        What the column holds.

    Raises
    ------
    ValueError
        If the column mixes numbers and text, or holds anything else.

    Examples
    --------
    >>> import pandas as pd
    >>> from skimbalance.preprocessing._columns import column_kind
    >>> column_kind(pd.Series([True, None]), "flag"), column_kind(pd.Series(["a", None]), "word")
    ('number', 'text')
    """
    import pandas as pd

    dtype = column.dtype
    if is_plain_type(dtype) or column.isna().all():
        return "number"
    if is_category(dtype):
        return "text"
    if pd.api.types.is_object_dtype(dtype):
        return _kind_of_objects(column, name, owner)
    if pd.api.types.is_bool_dtype(dtype):
        return "number"
    if pd.api.types.is_numeric_dtype(dtype) and dtype.kind != "c":
        return "number"
    if pd.api.types.is_string_dtype(dtype):
        return "text"
    raise _refusal(name, owner, str(dtype), getattr(dtype, "kind", "O"))


def is_category(dtype):
    """Whether it is a type of categories, of pandas or, as a dictionary, of Arrow."""
    import pandas as pd

    return getattr(dtype, "type", None) is pd.CategoricalDtype.type


def _kind_of_objects(column, name, owner):
    """As `column_kind`, by the values."""
    import pandas as pd

    inferred = pd.api.types.infer_dtype(column, skipna=True)
    if inferred == "string":
        return "text"
    if inferred in ("integer", "floating", "mixed-integer-float", "boolean", "decimal"):
        return "number"
    values = column.to_numpy()
    rows = np.flatnonzero(~pd.isna(column).to_numpy())
    is_text = np.array([isinstance(values[i], str) for i in rows])
    is_number = np.array([_is_number(values[i]) for i in rows])
    if not np.all(is_text | is_number):
        other = rows[np.argmin(is_text | is_number)]
        raise _refusal(name, owner, f"{type(values[other]).__name__} in row {other}", inferred)
    if np.all(is_number) or np.all(is_text):
        return "number" if np.all(is_number) else "text"
    text, number = rows[np.argmax(is_text)], rows[np.argmax(is_number)]
    raise ValueError(
        f"The column {name!r} of {owner} must hold either numbers or text. Got the text "
        f"{values[text]!r} in row {text} and the number {values[number]!r} in row {number}."
    )


def warn_of_numbers(cells: Iterable[str], name: Any) -> None:
    """Warn of text that is all numbers; whole numbers are often codes, and meant as text."""
    styles = [*NUMBER_STYLES.values()]
    example = None
    for cell in map(str.strip, cells):
        if cell in MISSING_WORDS:
            continue
        styles = [style for style in styles if style.fullmatch(cell)]
        if not styles:
            return
        if not cell.lstrip("+-").isdigit():
            example = example or cell
    if example:
        warn(
            f"The column {name!r} of X holds numbers as text, such as {example!r}, which are taken "
            "for categories: convert them to numbers, or to the type 'category' if they are none."
        )


def _refusal(name, owner, content, kind=""):
    """The error for a column that holds something else; `kind` is a key of `DAYS`, or another."""
    way = f"convert it first, for instance to days by {DAYS[kind]}" if kind in DAYS else ""
    return ValueError(
        f"The column {name!r} of {owner} must hold numbers, text or categories. "
        f"Got {content} instead: {way or 'convert or drop it first'}."
    )


def is_plain_type(dtype):
    """Whether a column of the type can hold numbers only: tables may have many such columns."""
    return isinstance(dtype, np.dtype) and dtype.kind in "fiu"


def numbers_of(column: "pd.Series", name: Any, reason: str = "as in the fit") -> np.ndarray:
    """A column as floats, missing values as nan.

    Raises
    ------
    ValueError
        If it holds anything else than numbers and booleans; the `reason` says why it must not.
    """
    if is_plain_type(column.dtype):
        return column.to_numpy(dtype=float)
    if column.isna().all():
        return np.full(len(column), np.nan)
    if is_category(column.dtype):
        column = column.astype(object)
    if column_kind(column, name) != "number":
        row = int(np.flatnonzero(column.notna())[0])
        raise ValueError(
            f"The column {name!r} of X must hold numbers, {reason}. "
            f"Got {column.iloc[row]!r} in row {row} instead."
        )
    try:
        return column.to_numpy(dtype=float, na_value=np.nan)
    except OverflowError:  # of Python's integers
        raise ValueError(
            f"The numbers in the column {name!r} of X must be finite as floats. "
            f"Got an integer beyond {np.finfo(float).max:g} in size."
        ) from None


def levels_of(column: "pd.Series", name: Any) -> tuple[np.ndarray, list[str | float]]:
    """The place of each row's category in a list, -1 where missing; and that list.

    The levels are text or numbers; other categories, such as intervals, are written as text.

    Raises
    ------
    ValueError
        If the column holds dates, or values that are not categories, such as lists.
    """
    import pandas as pd

    kind = getattr(column.dtype, "kind", "O")
    if kind in "mM" and column.notna().any():
        raise _refusal(name, "X", str(column.dtype), kind)
    if is_plain_type(column.dtype):
        # pandas finds the levels of neither long doubles nor numbers in another byte order.
        column = column.astype(float if kind == "f" else column.dtype.newbyteorder("="))
    try:
        places, categories = pd.factorize(column)
    except TypeError:
        raise _refusal(name, "X", "values that cannot be hashed") from None
    return places, [_plain(level) for level in np.asarray(categories, dtype=object).tolist()]


def _plain(level):
    """A level as one that model files can hold."""
    if isinstance(level, np.generic):
        level = level.item()
    return level if isinstance(level, bool | int | float) else str(level)


def has_text(levels: list[Any]) -> bool | None:
    """Whether levels are text; None if there are none."""
    return all(isinstance(level, str) for level in levels) if levels else None


def _is_number(value):
    return isinstance(value, Number | np.bool_) and not isinstance(value, complex)
