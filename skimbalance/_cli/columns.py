"""What the columns of a table hold: numbers, text, and the labels of the target.

In a text file, a column holds numbers if each of its cells is a number, true, false or missing;
true and false count as 1 and 0. There an empty cell, NA, N/A, NaN, null, None and ? are missing.
Numbers may also be written like 1.234,5 or 1,234.5 or 1 234.5, if all cells of the column can be
read in one of these styles only; 1,234 can be read in two. The style is part of the column's kind,
so that new rows are read in the same one.

Any other column holds text: there only an empty cell is missing, and those words are categories
like others. 007 is text, as it would lose its zeros as a number. Blanks around a cell do not
count. The columns of other tables hold what their types say, see
`skimbalance.preprocessing._columns.column_kind`.
"""

import contextlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from skimbalance._cli.output import note
from skimbalance._cli.tables import Part, Table
from skimbalance._validation import some_of
from skimbalance.preprocessing._columns import (
    MISSING_WORDS,
    NUMBER_STYLES,
    column_kind,
    styled_number,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "KINDS",
    "FeatureColumns",
    "TargetColumn",
    "as_classes",
    "as_trained",
    "cells_of",
    "features",
    "read_training",
]

_BOOLEANS = {"true": 1.0, "True": 1.0, "TRUE": 1.0, "false": 0.0, "False": 0.0, "FALSE": 0.0}
# At most 18 digits, which fit into 64 bits.
_INTEGER = re.compile(r"[+-]?(?:0|[1-9]\d{0,17})", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)

#: What a column may hold -> the style of its numbers, "" for that of Python; None for text.
KINDS: dict[str, str | None] = {
    "text": None,
    "number": "",
    **{f"number, as {style}": style for style in NUMBER_STYLES},
}
_KIND_OF_STYLE = {style: kind for kind, style in KINDS.items()}

_DECIMAL_COMMA = "1.234,5"

# What stands around numbers: percent signs, currencies, brackets, and signs that are not ASCII.
_MARKS = " \u00a0\u202f%\u2030$\u20ac\u00a3\u00a5()+-\u2212\u2013<>~*"

# Text of which more than this part is much like numbers is probably meant as numbers.
_FEW_NUMBERS = 0.1

# A column with at most this many different cells may well be one of categories.
FEW_CELLS = 20


def read_training(
    table: Table, target: str, drop: list[str]
) -> tuple["pd.DataFrame", np.ndarray, dict[str, str]]:
    """Read all rows to learn from.

    Returns
    -------
    X : DataFrame
        The columns to learn from, as their kinds say.
    y : ndarray of shape (n_rows,)
        Class labels.
    kinds : dict of str to str
        What each column of X holds: "text", "number" or, for instance, "number, as 1.234,5".
    """
    columns = FeatureColumns(table, features(table, target, drop))
    targets = TargetColumn(table, target)
    part = table.whole()
    targets.look(part)
    targets.decide()
    columns.look(part)
    kinds = columns.kinds()
    return as_trained(part, kinds, table), targets.labels(part), kinds


def features(table: Table, target: str, drop: Iterable[str]) -> list[str]:
    """Names of the columns to learn from."""
    table.check_columns([target], "the target")
    table.check_columns(drop, "which is to be dropped")
    names = [name for name in table.columns if name != target and name not in drop]
    if "" in names:
        raise ValueError(
            f"{table.name} must have a name for each column. Column {table.columns.index('') + 1} "
            "has none: name it, or leave it out by --drop ''."
        )
    if not names:
        raise ValueError(f"{table.name} must have a column to learn from besides '{target}'.")
    return names


@dataclass
class _CellCounts:
    """What the cells of one column were, as far as they have been looked at.

    Parameters
    ----------
    n_cells, n_different : int
        Numbers of cells, and of different ones, in the first part.
    n_numbers, n_text : int
        Numbers of cells that are numbers, and text, in all parts.
    n_marked : int
        Number of cells of text that are numbers in some style, maybe with marks around: 5 %.
    first_text : str
        Where the first text is, and what it says.
    styles : set of str
        Styles of numbers in which all cells can be read.
    has_groups : bool
        Whether a number such as 1.234 could be meant as 1234.
    """

    n_cells: int = 0
    n_different: int = 0
    n_numbers: int = 0
    n_text: int = 0
    n_marked: int = 0
    first_text: str = ""
    styles: set[str] = field(default_factory=lambda: set(NUMBER_STYLES))
    has_groups: bool = False

    def look_at_styles(self, cells: list[str], text: list[int]) -> None:
        """Look at cells of text; `text` are the positions of those that are no plain numbers."""
        for i in text:
            self.styles = {s for s in self.styles if NUMBER_STYLES[s].fullmatch(cells[i].strip())}
            if not self.styles:
                return
        if _DECIMAL_COMMA in self.styles:
            dotted = [cell for cell in cells if "." in cell]
            if all(NUMBER_STYLES[_DECIMAL_COMMA].fullmatch(cell.strip()) for cell in dotted):
                self.has_groups |= bool(dotted)
            else:
                self.styles.remove(_DECIMAL_COMMA)

    def style(self, certain: set[str]) -> str | None:
        """The style of all numbers, "" for that of Python; None if it is text.

        `certain` are the styles of the columns that have a single one.
        """
        if not self.n_text:
            groups = self.has_groups and _DECIMAL_COMMA in self.styles
            return _DECIMAL_COMMA if groups and certain == {_DECIMAL_COMMA} else ""
        for styles in (self.styles, self.styles & certain):
            if len(styles) == 1:
                return next(iter(styles))
        # 1 234, which is the same in both.
        return "1 234.5" if self.styles == {_DECIMAL_COMMA, "1 234.5"} else None


class FeatureColumns:
    """Finds out, part by part, which columns hold numbers and which text."""

    def __init__(self, table: Table, names: Iterable[str]):
        self._table = table
        self._counts = {name: _CellCounts() for name in names}

    def look(self, part: Part) -> None:
        """Look at more rows."""
        for name, counts in self._counts.items():
            cells, marked = part.frame[name], set[int]()
            if self._table.is_text:
                values, text = _numbers(cells)
                n_numbers = int(np.count_nonzero(~np.isnan(values)))
                listed = cells.tolist()
                counts.look_at_styles(listed, text)
                marked = {i for i in text if _is_number(listed[i].strip(_MARKS))}
            else:
                kind, present = _kind(cells, self._table), np.flatnonzero(cells.notna()).tolist()
                n_numbers, text = (0, present) if kind == "text" else (len(present), [])
                counts.styles = set()
            if not counts.n_cells:
                counts.n_cells, counts.n_different = len(cells), cells.nunique()
            if text and not counts.n_text:
                first = next((i for i in text if i not in marked), text[0])
                counts.first_text = _where(self._table, part, cells, first)
            counts.n_marked += len(marked)
            counts.n_numbers += n_numbers
            counts.n_text += len(text)

    def kinds(self) -> dict[str, str]:
        """Name to kind, with notes on columns that may be meant otherwise."""
        certain = {
            style
            for of in self._counts.values()
            if of.n_text and len(of.styles) == 1
            for style in of.styles
        }
        styles = {name: of.style(certain) for name, of in self._counts.items()}
        self._note_styles(styles)
        for name, counts in self._counts.items():
            if styles[name] is None:
                self._note_text(name, counts)
            elif not counts.n_text + counts.n_numbers:
                note(
                    f"column '{name}' of {self._table.name} has no value: nothing can be learnt "
                    "from it."
                )
        return {name: _KIND_OF_STYLE[style] for name, style in styles.items()}

    def _note_styles(self, styles: dict[str, str | None]) -> None:
        for style in NUMBER_STYLES:
            names = [name for name, chosen in styles.items() if chosen == style]
            if names:
                note(f"numbers in {self._table.name} are read as in {style}: {some_of(names)}.")

    def _note_text(self, name: str, counts: _CellCounts) -> None:
        n_present, n_alike = counts.n_text + counts.n_numbers, counts.n_numbers + counts.n_marked
        column = f"column '{name}' of {self._table.name} is read as text"
        if counts.styles:
            note(
                f"{column}, that is, as categories: {counts.first_text}, which may be 1.234 or "
                "1234. Write the numbers without marks between their digits."
            )
        elif n_alike > _FEW_NUMBERS * n_present:
            note(
                f"{column}, that is, as categories: {n_alike} of its cells could be read as "
                f"numbers, but {counts.first_text}. Write numbers like 1234.5, without signs "
                "around them, and leave cells without a number empty."
            )
        elif counts.n_different > max(0.5 * counts.n_cells, FEW_CELLS):
            note(
                f"{column}, and most of its cells differ ({counts.n_different} of "
                f"{counts.n_cells}): little can be learnt from it. Convert it to numbers, or "
                "leave it out by --drop."
            )


class TargetColumn:
    """Finds out, part by part, the class labels in the target column.

    In a text file they are integers if all cells are, otherwise text. Among integers the words
    for missing numbers are missing, otherwise an empty cell is.
    """

    def __init__(self, table: Table, target: str):
        self._table, self._target = table, target
        self._owner = f"The target '{target}' of {table.name}"
        # Cell -> where it first occurs.
        self._places: dict[Any, int] = {}
        self._n_rows = 0
        self._labels: dict[Any, Any] = {}

    def look(self, part: Part) -> None:
        """Look at more rows."""
        for cell, place in zip(_labels(part.frame[self._target]), part.places, strict=True):
            if not isinstance(cell, str | int | float | None):
                raise ValueError(
                    f"{self._owner} must hold text, whole numbers or booleans. Got a value of "
                    f"type {type(cell).__name__} in {self._table.place} {place}: convert it first."
                )
            self._places.setdefault(cell, place)
        self._n_rows += len(part.places)

    def decide(self) -> None:
        """Turn cells into class labels, once all rows have been looked at."""
        words = [cell for cell in self._places if cell not in MISSING_WORDS]
        integers = self._table.is_text and words and all(map(_INTEGER.fullmatch, words))
        missing = MISSING_WORDS if integers else {None, ""}
        for cell, place in self._places.items():
            if cell in missing:
                raise ValueError(
                    f"{self._owner} must have a label in each row. "
                    f"{self._table.place.capitalize()} {place} has "
                    f"{repr(cell) + ' instead' if cell else 'none'}."
                )
            if isinstance(cell, str) and "\0" in cell:
                raise ValueError(
                    f"{self._owner} must have labels without NUL characters. Got {cell!r} in "
                    f"{self._table.place} {place}."
                )
        self._check_classes()
        self._labels = {cell: int(cell) if integers else cell for cell in self._places}
        if len(set(self._labels.values())) < 2:
            only = next(iter(self._places))
            raise ValueError(f"{self._owner} must have at least 2 classes. All rows have '{only}'.")
        self._note_alike()

    def _note_alike(self) -> None:
        """Note classes that may be meant as one: Yes and yes, 1 and 1.0."""
        alike: dict[str, list] = {}
        for label in dict.fromkeys(self._labels.values()):
            alike.setdefault(_without_spelling(str(label)), []).append(label)
        for labels in alike.values():
            if len(labels) > 1:
                note(
                    f"{self._owner} has labels that differ little, and are different classes: "
                    f"{some_of(labels)}. Write them alike if they mean the same."
                )

    def _check_classes(self) -> None:
        """Check that the labels are classes, and neither measurements nor names of rows."""
        remedy = "cut them into classes first, or name another column by --target"
        fractions = [cell for cell in self._places if _has_fraction(cell)]
        if fractions and all(map(_is_number, self._places)):
            raise ValueError(
                f"{self._owner} must hold class labels. Got real numbers, such as {fractions[0]} "
                f"in {self._table.place} {self._places[fractions[0]]}: {remedy}."
            )
        n_different = len(self._places)
        if n_different > max(0.5 * self._n_rows, FEW_CELLS):
            raise ValueError(
                f"{self._owner} must hold class labels, which many rows share. Got {n_different} "
                f"different ones in {self._n_rows} rows: {remedy}."
            )

    def labels(self, part: Part) -> np.ndarray:
        """Class labels of rows, once decided."""
        return np.array([self._labels[cell] for cell in _labels(part.frame[self._target])])


def _labels(cells: "pd.Series") -> list:
    """Cells of a target, without the blanks around them."""
    return [cell.strip() if isinstance(cell, str) else cell for cell in cells_of(cells)]


def _without_spelling(label: str) -> str:
    """A label without what may be a slip: case, zeros of numbers, and what cannot be seen."""
    with contextlib.suppress(ValueError):
        return str(float(label))
    normal = unicodedata.normalize("NFKC", label).casefold()
    return " ".join("".join(c for c in normal if c.isprintable() or c.isspace()).split())


def _is_number(cell: Any) -> bool:
    """Whether a cell of a target is a number, in any style."""
    if not isinstance(cell, str):
        return isinstance(cell, float)
    return any(of.fullmatch(cell) for of in (_NUMBER, *NUMBER_STYLES.values()))


def _has_fraction(cell: Any) -> bool:
    if isinstance(cell, float):
        return not cell.is_integer()
    if not isinstance(cell, str) or not _is_number(cell):
        return False
    return float(cell) % 1 != 0 if _NUMBER.fullmatch(cell) else "," in cell


def as_classes(part: Part, target: str, classes: np.ndarray, table: Table) -> np.ndarray:
    """Class labels of rows, of the type that a trained model has."""
    cells = part.frame[target]
    by_name = {str(label): label for label in classes.tolist()}
    names = [str(cell) for cell in _labels(cells)]
    if all(isinstance(label, int) for label in by_name.values()):
        # +1 is 1, as in training.
        names = [str(int(name)) if _INTEGER.fullmatch(name) else name for name in names]
    labels = [by_name.get(name) for name in names]
    if None in labels:
        raise ValueError(
            f"The target '{target}' of {table.name} must hold classes of the model: "
            f"{some_of(list(by_name))}. Got another one: "
            f"{_where(table, part, cells, labels.index(None))}."
        )
    return np.array(labels)


def as_trained(part: Part, kinds: dict[str, str], table: Table) -> "pd.DataFrame":
    """A DataFrame of the columns as their kinds say: floats, and text as objects."""
    import pandas as pd

    frame = pd.DataFrame(
        {
            name: _as_text(part, name, table)
            if (style := KINDS[kind]) is None
            else _as_numbers(part, name, table, style)
            for name, kind in kinds.items()
        }
    )
    # Pages name the data.
    frame.attrs["name"] = table.name
    return frame


def _as_numbers(part: Part, name: str, table: Table, style: str) -> np.ndarray:
    cells = part.frame[name]
    if table.is_text:
        values, wrong = _numbers(cells, style)
    elif _kind(cells, table) == "text":
        values, wrong = np.empty(0), np.flatnonzero(cells.notna()).tolist()
    elif cells.isna().all():
        return np.full(len(cells), np.nan)
    else:
        values, wrong = cells.to_numpy(dtype=float, na_value=np.nan), []
    wrong = wrong or np.flatnonzero(np.isinf(values)).tolist()
    if wrong:
        raise ValueError(
            f"The column '{name}' of {table.name} must hold finite numbers"
            f"{f' like {style}' if style else ''}, as the rows to learn from do. Got another "
            f"value: {_where(table, part, cells, wrong[0])}."
        )
    return values


def _as_text(part: Part, name: str, table: Table) -> "pd.Series":
    import pandas as pd

    cells = part.frame[name]
    if not table.is_text and cells.dtype.kind == "f" and cells.notna().any():
        row = int(np.flatnonzero(cells.notna())[0])
        raise ValueError(
            f"The column '{name}' of {table.name} must hold text, as the rows to learn from do. "
            f"Got another value: {_where(table, part, cells, row)}."
        )
    text = [None if cell is None else str(cell).strip() or None for cell in cells_of(cells)]
    return pd.Series(text, dtype=object)


def _numbers(cells: "pd.Series", style: str = "") -> tuple[np.ndarray, list[int]]:
    """Numbers in cells of text, nan where missing, and the positions of all other cells."""
    values, others = np.full(len(cells), np.nan), []
    pattern = NUMBER_STYLES[style] if style else _NUMBER
    for i, cell in enumerate(cells.tolist()):
        cell = cell.strip()
        if pattern.fullmatch(cell):
            values[i] = styled_number(cell, style) if style else float(cell)
        elif cell in _BOOLEANS:
            values[i] = _BOOLEANS[cell]
        elif cell not in MISSING_WORDS:
            others.append(i)
    return values, others


def _kind(cells: "pd.Series", table: Table) -> str:
    """What a column with a type holds."""
    return column_kind(cells, cells.name, table.name)


def cells_of(cells: "pd.Series") -> list:
    """Cells of a column as a list, with None for missing ones."""
    missing = cells.isna().tolist()
    return [None if none else cell for cell, none in zip(cells.tolist(), missing, strict=True)]


def _where(table: Table, part: Part, cells: "pd.Series", row: int) -> str:
    return f"{table.place} {part.places[row]} has {str(cells.iloc[row])!r}"
