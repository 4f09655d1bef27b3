"""What columns hold: numbers, text, labels.

A column of a text file holds numbers if all its cells do that are not missing. There an empty
cell, NA, N/A, NaN, null, None and ? are missing. In a column of text only an empty cell is, and
the words are categories like others. 007 is text, as numbers do not begin so. Columns of other
tables are what their type says, and true and false are text.
"""

import re

import numpy as np

from skimbalance._cli.output import note
from skimbalance._cli.tables import named

__all__ = ["Kinds", "Labels", "as_classes", "as_trained", "cells_of", "features", "read_training"]

_MISSING = frozenset(
    ["", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "null", "NULL", "Null", "None", "?"]
)
# Of up to 18 digits, which fit into 64 bits.
_INTEGER = re.compile(r"[+-]?(?:0|[1-9]\d{0,17})", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def read_training(table, target, drop):
    """All rows to learn from.

    Returns
    -------
    X : DataFrame
    y : ndarray of shape (n_rows,)
    kinds : dict of str to str
        Columns of X to "number" or "text".
    """
    kinds, labels = Kinds(table, features(table, target, drop)), Labels(table, target)
    part = table.whole()
    labels.look(part)
    labels.decide()
    kinds.look(part)
    decided = kinds.decided()
    return as_trained(part, decided, table), labels.of(part), decided


def features(table, target, drop):
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
        raise ValueError(f"{table.name} must have a column to learn from beside '{target}'.")
    return names


# A column of so few different cells may well be one of categories.
FEW_CELLS = 20


class Kinds:
    """Finds out, part by part, which columns hold numbers and which text."""

    def __init__(self, table, names):
        self._table = table
        # Name -> cells that are numbers, cells that are text, where the first of these is.
        self._seen = {name: [0, 0, None] for name in names}
        # Name -> different cells, and cells, of the first part.
        self._different = {}

    def look(self, part):
        """Look at more rows."""
        for name, seen in self._seen.items():
            cells = part.frame[name]
            if name not in self._different:
                self._different[name] = cells.nunique(), len(cells)
            if self._table.is_text:
                values, bad = _numbers(cells)
                n_text = len(bad)
                n_numbers = np.count_nonzero(~np.isnan(values))
            else:
                n_numbers, n_text = _typed(cells, self._table)
                bad = [0]
            if n_text and not seen[1]:
                seen[2] = _where(self._table, part, cells, bad[0])
            seen[0] += n_numbers
            seen[1] += n_text

    def decided(self):
        """Name to "number" or "text"; notes tell of columns that may have been meant otherwise."""
        for name, (n_numbers, n_text, first) in self._seen.items():
            n_different, n_cells = self._different[name]
            if n_text > n_numbers and n_different > max(0.5 * n_cells, FEW_CELLS):
                note(
                    f"column '{name}' of {self._table.name} is read as text, and most of its cells "
                    f"differ ({n_different} of {n_cells}): little can be learnt from it. Make "
                    "numbers of it, or leave it out by --drop."
                )
            if 0 < n_text <= n_numbers:
                note(
                    f"column '{name}' of {self._table.name} is read as text, for its categories: "
                    f"{n_numbers} of its cells are numbers, but {first}."
                )
        return {name: "text" if seen[1] else "number" for name, seen in self._seen.items()}


class Labels:
    """Finds out, part by part, the labels of the target.

    In a text file they are integers if all cells are, else text. In such a file of integers the
    words for missing numbers are missing, else an empty cell is.
    """

    def __init__(self, table, target):
        self._table, self._target = table, target
        # Cell -> where it first is.
        self._seen = {}
        self._labels = {}

    def look(self, part):
        """Look at more rows."""
        places = zip(cells_of(part.frame[self._target]), part.places, strict=True)
        for cell, place in places:
            self._seen.setdefault(cell, place)

    def decide(self):
        """Turn what was seen into labels, once all rows were looked at."""
        owner = f"The target '{self._target}' of {self._table.name}"
        missing, convert = {None, ""}, lambda cell: cell
        words = [cell for cell in self._seen if cell not in _MISSING]
        if self._table.is_text and words and all(map(_INTEGER.fullmatch, words)):
            missing, convert = _MISSING, int
        for cell, place in self._seen.items():
            if cell in missing:
                found = f"'{cell}' there" if cell else "none"
                raise ValueError(
                    f"{owner} must have a label in each row. {self._table.place.capitalize()} "
                    f"{place} has {found}."
                )
        self._labels = {cell: convert(cell) for cell in self._seen}
        if len(set(self._labels.values())) < 2:
            only = next(iter(self._seen))
            raise ValueError(f"{owner} must have at least 2 classes. All rows have '{only}'.")

    def of(self, part):
        """Labels of rows, once decided."""
        return np.array([self._labels[cell] for cell in cells_of(part.frame[self._target])])


def as_classes(part, target, classes, table):
    """Labels of rows as a trained model has them."""
    cells = part.frame[target]
    by_name = {str(label): label for label in classes.tolist()}
    labels = [by_name.get(str(cell)) for cell in cells_of(cells)]
    if None in labels:
        found = _where(table, part, cells, labels.index(None))
        raise ValueError(
            f"The target '{target}' of {table.name} must hold classes of the model: "
            f"{named(by_name)}. Got another: {found}."
        )
    return np.array(labels)


def as_trained(part, kinds, table):
    """A DataFrame of the columns as their kinds say: floats, and text as objects."""
    import pandas as pd

    convert = {"number": _as_numbers, "text": _as_text}
    columns = {name: convert[kind](part, name, table) for name, kind in kinds.items()}
    return pd.DataFrame(columns)


def _as_numbers(part, name, table):
    cells = part.frame[name]
    if table.is_text:
        values, bad = _numbers(cells)
    else:
        n_text = _typed(cells, table)[1]
        bad = np.flatnonzero(cells.notna())[:1].tolist() if n_text else []
        values = np.zeros(1) if bad else cells.to_numpy(dtype=float, na_value=np.nan)
    bad = bad or np.flatnonzero(np.isinf(values)).tolist()
    if bad:
        raise ValueError(
            f"The column '{name}' of {table.name} must hold finite numbers, as those to learn "
            f"from. Got another: {_where(table, part, cells, bad[0])}."
        )
    return values


def _as_text(part, name, table):
    import pandas as pd

    cells = part.frame[name]
    if not table.is_text and cells.dtype.kind == "f" and cells.notna().any():
        row = int(np.flatnonzero(cells.notna())[0])
        raise ValueError(
            f"The column '{name}' of {table.name} must hold text, as those to learn from. Got "
            f"another: {_where(table, part, cells, row)}."
        )
    text = [None if cell in (None, "") else str(cell) for cell in cells_of(cells)]
    return pd.Series(text, dtype=object)


def _numbers(cells):
    """Numbers in cells of text, nan where missing, and the positions of all other cells."""
    values, bad = np.full(len(cells), np.nan), []
    for i, cell in enumerate(cells.tolist()):
        cell = cell.strip()
        if _NUMBER.fullmatch(cell):
            values[i] = float(cell)
        elif cell not in _MISSING:
            bad.append(i)
    return values, bad


def _typed(cells, table):
    """How many cells of a column with a type are numbers, and how many text."""
    import pandas as pd

    n_cells = int(cells.notna().sum())
    inferred = pd.api.types.infer_dtype(cells, skipna=True)
    if inferred in ("integer", "floating", "mixed-integer-float", "decimal", "empty"):
        return n_cells, 0
    if inferred in ("string", "boolean", "categorical"):
        return 0, n_cells
    raise ValueError(
        f"The column '{cells.name}' of {table.name} must hold numbers or text. Got {inferred} "
        "values: convert it, or leave it out by --drop."
    )


def cells_of(cells):
    """Cells of a column as a list, the missing as None."""
    missing = cells.isna().tolist()
    return [None if none else cell for cell, none in zip(cells.tolist(), missing, strict=True)]


def _where(table, part, cells, row):
    return f"{table.place} {part.places[row]} has {str(cells.iloc[row])!r}"
