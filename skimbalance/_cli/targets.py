"""What is learnt: the class labels in one column, or an indicator with a column for each label."""

import contextlib
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from skimbalance._cli.columns import (
    FEW_CELLS,
    INTEGER,
    NUMBER,
    cells_of,
    is_number,
    numbers_of,
    where,
)
from skimbalance._cli.output import note
from skimbalance._cli.tables import Part, Table
from skimbalance._validation import some_of
from skimbalance.preprocessing._columns import MISSING_WORDS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LabelColumns", "TargetColumn", "as_classes", "as_labels", "counts_of", "target_columns"]

# Of more different cells than this it is asked at once whether they are class labels.
MOST_LABELS = 100_000


class TargetColumn:
    """Finds out, part by part, the class labels in the target column.

    In a text file they are integers if all cells are, otherwise text. Among integers the words
    for missing numbers are missing, otherwise an empty cell is.
    """

    def __init__(self, table: Table, target: str):
        self._table, self._target = table, target
        self._owner = f"The target '{target}' of {table.name}"
        # Cell -> where it first occurs, and how many rows have it.
        self._places: dict[Any, int | str] = {}
        self._counts: Counter[Any] = Counter()
        self._labels: dict[Any, Any] = {}

    def look(self, part: Part) -> None:
        """Look at more rows."""
        cells = _labels(part.frame[self._target])
        for cell, place in zip(cells, part.places, strict=True):
            if not isinstance(cell, str | int | float | None):
                raise ValueError(
                    f"{self._owner} must hold text, whole numbers or booleans. Got a value of "
                    f"type {type(cell).__name__} in {self._table.place} {place}: convert it first."
                )
            self._places.setdefault(cell, place)
        self._counts.update(cells)
        if len(self._places) > MOST_LABELS:
            self._check_classes()  # before they fill the memory

    def decide(self) -> None:
        """Turn cells into class labels, once all rows have been looked at."""
        words = [cell for cell in self._places if cell not in MISSING_WORDS]
        integers = self._table.is_text and words and all(map(INTEGER.fullmatch, words))
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
        kinds = {isinstance(cell, str): cell for cell in reversed(self._places)}
        if len(kinds) > 1:
            text, number = kinds[True], kinds[False]
            raise ValueError(
                f"{self._owner} must hold either numbers or text. Got {text!r} in "
                f"{self._table.place} {self._places[text]}, and {number!r} in {self._table.place} "
                f"{self._places[number]}."
            )
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
        if fractions and all(map(is_number, self._places)):
            raise ValueError(
                f"{self._owner} must hold class labels. Got real numbers, such as {fractions[0]} "
                f"in {self._table.place} {self._places[fractions[0]]}: {remedy}."
            )
        n_different, n_rows = len(self._places), self._counts.total()
        if n_different > max(0.5 * n_rows, FEW_CELLS):
            raise ValueError(
                f"{self._owner} must hold class labels, which many rows share. Got {n_different} "
                f"different ones in {n_rows} rows: {remedy}."
            )

    @property
    def counts(self) -> dict[Any, int]:
        """See `counts_of`, once decided."""
        counts = dict.fromkeys(sorted(self._labels.values()), 0)
        for cell, n in self._counts.items():
            counts[self._labels[cell]] += n
        return counts

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


def _has_fraction(cell: Any) -> bool:
    if isinstance(cell, float):
        return not cell.is_integer()
    if not isinstance(cell, str) or not is_number(cell):
        return False
    return float(cell) % 1 != 0 if NUMBER.fullmatch(cell) else "," in cell


def as_classes(part: Part, target: str, classes: np.ndarray, table: Table) -> np.ndarray:
    """Class labels of rows, of the type that a trained model has."""
    cells = part.frame[target]
    by_name = {str(label): label for label in classes.tolist()}
    names = [str(cell) for cell in _labels(cells)]
    if all(isinstance(label, int) for label in by_name.values()):
        # +1 is 1, as in training.
        names = [str(int(name)) if INTEGER.fullmatch(name) else name for name in names]
    labels = [by_name.get(name) for name in names]
    if None in labels:
        raise ValueError(
            f"The target '{target}' of {table.name} must hold classes of the model: "
            f"{some_of(list(by_name))}. Got another one: "
            f"{where(table, part, cells, labels.index(None))}."
        )
    return np.array(labels)


class LabelColumns:
    """Checks, part by part, that several target columns hold 0 and 1, a label each.

    True and false count as 1 and 0, and the same cells are missing as in columns of numbers.
    """

    def __init__(self, table: Table, targets: list[str]):
        self._table, self._targets = table, targets
        #: See `counts_of`.
        self.counts = np.zeros((len(targets), 3), dtype=int)

    def look(self, part: Part) -> None:
        """Look at more rows."""
        self.counts += counts_of(self.labels(part))

    def decide(self) -> None:
        """Nothing is left to decide: what labels need is for the classifier to say."""

    def labels(self, part: Part) -> np.ndarray:
        """Indicator of the labels of rows, of shape (n_rows, n_labels)."""
        return as_labels(part, self._targets, self._table)


def counts_of(y: Any) -> Any:
    """How many rows have each class, or each label.

    Parameters
    ----------
    y : ndarray of shape (n_rows,), or array-like of shape (n_rows, n_labels)
        Class labels, or an indicator.

    Returns
    -------
    counts : dict of label to int, or ndarray of int of shape (n_labels, 3)
        Rows of each class, in order; or rows without the label, with it, and where it is missing.
    """
    if y.ndim == 1:
        labels, counts = np.unique(y, return_counts=True)
        return dict(zip(labels.tolist(), counts.tolist(), strict=True))
    labels = np.asarray(y)
    return np.stack([labels == 0, labels == 1, np.isnan(labels)]).sum(axis=1).T


def target_columns(table: Table, target: str | list[str]) -> TargetColumn | LabelColumns:
    """What finds out the labels in a target column, or in several ones."""
    return TargetColumn(table, target) if isinstance(target, str) else LabelColumns(table, target)


def as_labels(part: Part, targets: list[str], table: Table) -> np.ndarray:
    """Indicator of the labels of rows, of shape (n_rows, n_labels); nan where one is missing."""
    columns = []
    for name in targets:
        values, wrong = numbers_of(part, name, table)
        wrong = wrong or np.flatnonzero(~np.isin(values, (0, 1)) & ~np.isnan(values)).tolist()
        if wrong:
            raise ValueError(
                f"The target '{name}' of {table.name} must hold 0 or 1, or false or true, or be "
                "empty, as one of several targets. Got another value: "
                f"{where(table, part, part.frame[name], wrong[0])}."
            )
        columns.append(values)
    labels = np.column_stack(columns)
    return labels if np.isnan(labels).any() else labels.astype(int)
