"""What the columns of a table hold: numbers or text.

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

import re
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
    "FEW_CELLS",
    "INTEGER",
    "KINDS",
    "NUMBER",
    "FeatureColumns",
    "as_trained",
    "cells_of",
    "is_number",
    "numbers_of",
    "where",
]

_BOOLEANS = {"true": 1.0, "True": 1.0, "TRUE": 1.0, "false": 0.0, "False": 0.0, "FALSE": 0.0}
# At most 18 digits, which fit into 64 bits.
INTEGER = re.compile(r"[+-]?(?:0|[1-9]\d{0,17})", re.ASCII)
NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)

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
    """Finds out, part by part, which columns hold numbers and which text.

    Parameters
    ----------
    table : Table
        The table.
    names : iterable of str
        The columns.
    weight : str, default=None
        The one among them that holds the weights of the rows, and so must hold numbers.
    """

    def __init__(self, table: Table, names: Iterable[str], weight: str | None = None):
        self._table, self._weight = table, weight
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
                # Each different cell once, as categories have few.
                alike = {cell: is_number(cell.strip(_MARKS)) for cell in {listed[i] for i in text}}
                marked = {i for i in text if alike[listed[i]]}
            else:
                kind, present = _kind(cells, self._table), np.flatnonzero(cells.notna()).tolist()
                n_numbers, text = (0, present) if kind == "text" else (len(present), [])
                counts.styles = set()
                if present and (counts.n_numbers if text else counts.n_text):
                    was = "numbers" if text else "text"
                    raise ValueError(
                        f"The column '{name}' of {self._table.name} must hold either "
                        f"numbers or text. Got {was} first, and then another value: "
                        f"{where(self._table, part, cells, present[0])}."
                    )
            if not counts.n_cells:
                counts.n_cells, counts.n_different = len(cells), cells.nunique()
            if text and not counts.n_text:
                first = next((i for i in text if i not in marked), text[0])
                counts.first_text = where(self._table, part, cells, first)
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
        if self._weight is not None and styles[self._weight] is None:
            raise ValueError(
                f"The column '{self._weight}' of {self._table.name}, named by --weight, must hold "
                f"numbers. Got text: {self._counts[self._weight].first_text}."
            )
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
    values, wrong = numbers_of(part, name, table, style)
    if wrong:
        raise ValueError(
            f"The column '{name}' of {table.name} must hold finite numbers"
            f"{f' like {style}' if style else ''}, as the rows to learn from do. Got another "
            f"value: {where(table, part, part.frame[name], wrong[0])}."
        )
    return values


def numbers_of(
    part: Part, name: str, table: Table, style: str = ""
) -> tuple[np.ndarray, list[int]]:
    """Numbers in a column, nan where missing, and the positions of cells that are no finite one."""
    cells = part.frame[name]
    if table.is_text:
        values, wrong = _numbers(cells, style)
    elif _kind(cells, table) == "text":
        values, wrong = np.full(len(cells), np.nan), np.flatnonzero(cells.notna()).tolist()
    elif cells.isna().all():
        return np.full(len(cells), np.nan), []
    else:
        values, wrong = cells.to_numpy(dtype=float, na_value=np.nan), []
    return values, wrong or np.flatnonzero(np.isinf(values)).tolist()


def _as_text(part: Part, name: str, table: Table) -> "pd.Series":
    import pandas as pd

    cells = part.frame[name]
    if not table.is_text and cells.dtype.kind == "f" and cells.notna().any():
        row = int(np.flatnonzero(cells.notna())[0])
        raise ValueError(
            f"The column '{name}' of {table.name} must hold text, as the rows to learn from do. "
            f"Got another value: {where(table, part, cells, row)}."
        )
    text = [None if cell is None else str(cell).strip() or None for cell in cells_of(cells)]
    return pd.Series(text, dtype=object)


def is_number(cell: Any) -> bool:
    """Whether a cell of a target is a number, in any style."""
    if not isinstance(cell, str):
        return isinstance(cell, float)
    return any(of.fullmatch(cell) for of in (NUMBER, *NUMBER_STYLES.values()))


def _numbers(cells: "pd.Series", style: str = "") -> tuple[np.ndarray, list[int]]:
    """Numbers in cells of text, nan where missing, and the positions of all other cells."""
    listed = cells.tolist()
    if not style and all(map(NUMBER.fullmatch, listed)):  # as nearly always, and faster
        return np.fromiter(map(float, listed), float, len(listed)), []
    values, others = np.full(len(listed), np.nan), []
    pattern = NUMBER_STYLES[style] if style else NUMBER
    for i, cell in enumerate(listed):
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


def where(table: Table, part: Part, cells: "pd.Series", row: int) -> str:
    return f"{table.place} {part.places[row]} has {str(cells.iloc[row])!r}"
