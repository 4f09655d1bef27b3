"""Tables, read in parts from CSV and Parquet files or folders of them; bundled ones by name.

CSV files have a header line; commas, semicolons or tabs separate the cells. Cells stay text here,
so that nothing is lost: 007 is not 7, and NA may be a country. Only the names of columns are read
without the blanks around them.
"""

import codecs
import csv
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from skimbalance._cli.sources import PARQUET_NAMES, STANDARD_INPUT, Source
from skimbalance._validation import some_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BUNDLED", "Part", "Table", "open_table"]

#: Names of the bundled data sets; their target is the column "target".
BUNDLED = ("abalone_19", "ann_thyroid", "credit_risk_grade", "page_blocks", "yeast")

# The longest line that is read: files without any line end are no tables.
_LONGEST_LINE = 2**26

# Bytes of a column of a Parquet file in memory at a time.
_BUFFER = 2**18

# Names that pandas gives to an index without a name.
_INDEX = re.compile(r"__index_level_\d+__")


@dataclass
class Part:
    """Some rows: a DataFrame, and the place of each in the file, and in which of a folder."""

    frame: "pd.DataFrame"
    places: Sequence[int | str]


@dataclass
class Table:
    """A table that can be read in parts, again and again.

    Parameters
    ----------
    name : str
        The name that the user gave.
    columns : list of str
        Names of the columns, all different.
    read : callable
        Function of the largest number of rows in a part; it gives an iterator of parts.
    place : str
        What a place is: a "line" of a text file, or a "row"; both count from 1.
    separator : str
        What stands between the cells of a line.
    """

    name: str
    columns: list[str]
    read: Callable[[int], Iterator[Part]] = field(repr=False)
    place: str = "row"
    separator: str = ","

    @property
    def is_text(self) -> bool:
        """Whether all cells are text, as in a text file."""
        return self.place == "line"

    def parts(self, n_rows: int) -> Iterator[Part]:
        """Yield parts of at most `n_rows` rows; a table without rows is an error."""
        empty = True
        for part in self.read(n_rows):
            empty = False
            yield part
        if empty:
            raise ValueError(f"{self.name} must have rows. Got a table without rows.")

    def whole(self) -> Part:
        """All rows as one part."""
        import pandas as pd

        parts = list(self.parts(100_000))
        frame = pd.concat([part.frame for part in parts], ignore_index=True)
        return Part(frame, [place for part in parts for place in part.places])

    def named(self, text: str) -> list[str]:
        """The columns in a list with commas between them; a column with commas in its name, too."""
        parts, names = text.split(","), []
        most = 1 + max(name.count(",") for name in self.columns)
        while parts:
            joined = {n: ",".join(parts[:n]).strip() for n in range(most, 0, -1)}
            n = next((n for n, name in joined.items() if name in self.columns), 1)
            names.append(joined[n])
            parts = parts[n:]
        return names

    def check_columns(self, wanted: Iterable[str], why: str) -> None:
        """Raise an error for a column that is missing, and suggest similar names."""
        for name in wanted:
            if name not in self.columns:
                similar = get_close_matches(name, self.columns, 3, 0.6)
                hint = (
                    f"Did you mean {' or '.join(map(repr, similar))}?"
                    if similar
                    else f"It has {some_of(self.columns)}."
                )
                if self.is_text and len(self.columns) == 1:
                    hint = (
                        f"Its header is a single cell, '{self.columns[0]}': commas, semicolons or "
                        "tabs must separate the cells."
                    )
                raise ValueError(f"{self.name} must have the column '{name}', {why}. {hint}")


def open_table(name: str, encoding: str = "utf-8") -> Table:
    """The table in a file or a folder, on standard input ("-") or of a bundled data set."""
    if name.endswith(PARQUET_NAMES):
        _pyarrow(name)
    if name != STANDARD_INPUT and not os.path.exists(name):
        if name not in BUNDLED:
            raise ValueError(
                f"{name} must be a CSV or Parquet file, or one of the bundled data sets "
                f"{list(BUNDLED)!r}. The file does not exist."
            )
        table = _bundled(name)
    elif name != STANDARD_INPUT and os.path.isdir(name):
        return _folder(name, encoding)
    else:
        source = Source(name)
        table = _parquet(source) if source.is_parquet else _csv(source, encoding)
    name = table.name
    for column in table.columns:
        if "\0" in column:
            raise ValueError(f"{name} must have names without NUL characters. Got {column!r}.")
    positions: dict[str, int] = {}
    for position, column in enumerate(table.columns, start=1):
        if column in positions:
            raise ValueError(
                f"{name} must have columns with different names. Got '{column}' twice, as columns "
                f"{positions[column]} and {position}."
            )
        positions[column] = position
    return table


def _bundled(name: str) -> Table:
    import skimbalance.datasets as datasets

    frame = getattr(datasets, f"load_{name}")(as_frame=True).frame

    def read(n_rows):
        for start in range(0, len(frame), n_rows):
            part = frame.iloc[start : start + n_rows]
            yield Part(part, list(range(start + 1, start + len(part) + 1)))

    return Table(name, list(frame.columns), read)


def _folder(folder: str, encoding: str) -> Table:
    """The files of a folder, one after the other in the order of their names."""
    # Names that begin so are those of hidden files and of marks such as _SUCCESS.
    entries = sorted(name for name in os.listdir(folder) if not name.startswith((".", "_")))
    paths = [os.path.join(folder, name) for name in entries]
    nested = [path for path in paths if os.path.isdir(path)]
    if nested or not paths:
        raise ValueError(
            f"{folder} must be a folder of CSV or Parquet files. Got "
            f"{f'another folder in it, {nested[0]}' if nested else 'none in it'}."
        )
    first, *others = (tables := [open_table(path, encoding) for path in paths])
    for table in others:
        _check_alike(folder, first, table)

    def read(n_rows):
        for name, table in zip(entries, tables, strict=True):
            for part in table.read(n_rows):
                places = [f"{place} of {name}" for place in part.places]
                yield Part(part.frame[first.columns], places)

    return Table(folder, first.columns, read, first.place, first.separator)


def _check_alike(folder: str, first: Table, other: Table) -> None:
    """Check that two files of a folder can follow each other."""
    if first.is_text != other.is_text:
        text, typed = (first, other) if first.is_text else (other, first)
        raise ValueError(
            f"{folder} must hold CSV files or Parquet files only. Got both: {text.name} and "
            f"{typed.name}."
        )
    for table, beside in ((first, other), (other, first)):
        more = [name for name in table.columns if name not in beside.columns]
        if more:
            raise ValueError(
                f"{folder} must hold files with the same columns. {table.name} has the column "
                f"'{more[0]}', and {beside.name} does not."
            )


def _pyarrow(name: str) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ValueError(
            f"The package pyarrow must be installed to read {name}: "
            "pip install 'skimbalance[parquet]'."
        ) from None
    return pyarrow


def _parquet(source: Source) -> Table:
    name, pyarrow = source.name, _pyarrow(source.name)

    @contextmanager
    def opened():
        with source.open() as raw:
            try:
                # Piece by piece: a row group may be as large as the file.
                yield pyarrow.parquet.ParquetFile(raw, buffer_size=_BUFFER, pre_buffer=False)
            except (pyarrow.ArrowInvalid, OSError) as error:
                raise ValueError(
                    f"{name} must be a Parquet file. Got a damaged file or one of another kind: "
                    f"{str(error).splitlines()[0]}"
                ) from error

    def read(n_rows):
        done = 0
        with opened() as file:
            for batch in file.iter_batches(n_rows):
                frame = batch.to_pandas(ignore_metadata=True)[columns].set_axis(names, axis=1)
                if len(frame):
                    yield Part(frame, list(range(done + 1, done + len(frame) + 1)))
                done += len(frame)

    with opened() as file:
        # pandas' index without a name is not a column.
        columns = [name for name in file.schema_arrow.names if not _INDEX.fullmatch(name)]
    names = [column.strip() for column in columns]
    return Table(name, names, read)


def _csv(source: Source, encoding: str) -> Table:
    name = source.name
    separator = _separator(source, encoding)
    header, _ = next(_rows(source, encoding, separator), (None, 1))
    if header is None:
        raise ValueError(f"{name} must have a header line. Got an empty file.")

    def read(n_rows):
        lines = _rows(source, encoding, separator)
        next(lines)
        rows, places = [], []
        for row, line in lines:
            if len(row) != len(header):
                raise ValueError(
                    f"{name} must have {len(header)} cells in each line, as its header has. Line "
                    f"{line} has {len(row)}."
                )
            rows.append(row)
            places.append(line)
            if len(rows) == n_rows:
                yield _part(columns, rows, places)
                rows, places = [], []
        if rows:
            yield _part(columns, rows, places)

    columns = [column.strip() for column in header]
    return Table(name, columns, read, "line", separator)


def _part(columns, rows, places):
    import pandas as pd

    cells = zip(*rows, strict=True)
    return Part(pd.DataFrame(dict(zip(columns, cells, strict=True)), dtype=object), places)


@contextmanager
def _text(source: Source, encoding: str, errors: str = "strict") -> Iterator[io.TextIOWrapper]:
    """The source as text; what is not text in its encoding is an error."""
    with source.open() as file:
        text = io.TextIOWrapper(file, encoding, errors, newline="")
        try:
            yield text
        except UnicodeError:
            raise ValueError(_undecodable(source, encoding)) from None


def _separator(source: Source, encoding: str) -> str:
    """The one of the three separators that is most frequent in the first line."""
    with _text(source, encoding, "replace") as text:
        first = re.split("[\r\n]", text.readline(1_000_000))[0]
    return max(",;\t", key=first.count)


def _rows(source: Source, encoding: str, separator: str) -> Iterator[tuple[list[str], int]]:
    """Yield rows of cells, and the line on which each begins; empty lines are skipped."""
    name, line = source.name, 1
    with _text(source, encoding) as text:
        reader = csv.reader(_lines(text, source), delimiter=separator, strict=True)
        try:
            for row in reader:
                if row:
                    yield row, line
                line = reader.line_num + 1
        except csv.Error as error:
            raise ValueError(f"{name} must be a CSV file. Line {line} is not: {error}.") from error


def _lines(text: io.TextIOWrapper, source: Source) -> Iterator[str]:
    """Lines of text without a byte order mark, not too long and without NUL characters."""
    number = 0
    while line := text.readline(_LONGEST_LINE):
        number += 1
        if "\0" in line:
            raise ValueError(
                f"{source.name} must be text without NUL characters. Line {number} has one: text "
                "in UTF-16 needs --encoding utf-16."
            )
        if len(line) == _LONGEST_LINE:
            raise ValueError(
                f"{source.name} must have lines of less than {_LONGEST_LINE} characters. Line "
                f"{number} is longer."
            )
        yield line.removeprefix("\ufeff") if number == 1 else line


def _undecodable(source: Source, encoding: str) -> str:
    """The sentence on a file that is not in its encoding, with the first line that is not."""
    if codecs.lookup(encoding).name != "utf-8":
        return f"{source.name} must be text in {encoding}. It is not: try another --encoding."
    with source.open() as file:
        wrong = next(number for number, line in enumerate(file, start=1) if not _is_utf_8(line))
    return (
        f"{source.name} must be text in UTF-8. Line {wrong} is not: save it as UTF-8. Or say what "
        "it is in, for instance by --encoding latin-1 or --encoding utf-16."
    )


def _is_utf_8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
