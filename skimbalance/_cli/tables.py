"""Tables in parts, as they stand in CSV and Parquet files, and the bundled sets by name.

CSV files are UTF-8 with a header line, separated by commas, semicolons or tabs. Their cells
stay text here, so that nothing is lost: 007 is not 7, and NA may be a country.
"""

import csv
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches

__all__ = ["BUNDLED", "Part", "Table", "named", "open_table"]

#: Names of the bundled sets, which have a column "target".
BUNDLED = ("abalone_19", "ann_thyroid", "credit_risk_grade", "page_blocks", "yeast")


_INDEX = re.compile(r"__index_level_\d+__")


@dataclass
class Part:
    """Some rows: a DataFrame, and where each stands in the file."""

    frame: object
    places: list


@dataclass
class Table:
    """A table that is read in parts, as often as asked for.

    Parameters
    ----------
    name : str
        As the user gave it.
    columns : list of str
        All different.
    read : callable
        Of the most rows of a part, to an iterator of parts.
    place : str
        What places are: "line" of a text file, counted from 1, or "row", counted from 1.
    separator : str
        Between the cells of a line.
    """

    name: str
    columns: list
    read: object = field(repr=False)
    place: str = "row"
    separator: str = ","

    @property
    def is_text(self):
        """Whether cells are text as it stands in the file."""
        return self.place == "line"

    def parts(self, n_rows):
        """Yield parts of at most so many rows; at least one row in all."""
        empty = True
        for part in self.read(n_rows):
            empty = False
            yield part
        if empty:
            raise ValueError(f"{self.name} must have rows. Got a table without.")

    def whole(self):
        """All rows as one part."""
        import pandas as pd

        parts = list(self.parts(100_000))
        frame = pd.concat([part.frame for part in parts], ignore_index=True)
        return Part(frame, [place for part in parts for place in part.places])

    def check_columns(self, wanted, why):
        """Refuse columns that are not there, with names that are close to theirs."""
        for name in wanted:
            if name not in self.columns:
                close = get_close_matches(name, self.columns, 3, 0.6)
                hint = (
                    f"Did you mean {named(close)}?" if close else f"It has {named(self.columns)}."
                )
                raise ValueError(f"{self.name} must have the column '{name}', {why}. {hint}")


def named(names, most=12):
    """A list for a sentence."""
    quoted = [f"'{name}'" for name in names]
    more = [f"{len(quoted) - most} more"] if len(quoted) > most else []
    return ", ".join(quoted[:most] + more)


def open_table(name):
    """The table of a path or of a bundled set."""
    if name.endswith((".parquet", ".pq")):
        table = _parquet(name)
    elif name in BUNDLED and not os.path.exists(name):
        table = _bundled(name)
    else:
        table = _csv(name)
    seen = {}
    for position, column in enumerate(table.columns, start=1):
        if column in seen:
            raise ValueError(
                f"{name} must have columns with different names. Got '{column}' twice, as columns "
                f"{seen[column]} and {position}."
            )
        seen[column] = position
    return table


def _bundled(name):
    import skimbalance.datasets as datasets

    frame = getattr(datasets, f"load_{name}")(as_frame=True).frame

    def read(n_rows):
        for start in range(0, len(frame), n_rows):
            part = frame.iloc[start : start + n_rows]
            yield Part(part, list(range(start + 1, start + len(part) + 1)))

    return Table(name, list(frame.columns), read)


def _parquet(name):
    try:
        from pyarrow import ArrowInvalid
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise ValueError(
            f"Reading {name} needs pyarrow, which is not installed: pip install pyarrow."
        ) from None

    @contextmanager
    def opened():
        with open(name, "rb") as raw:
            try:
                yield ParquetFile(raw)
            except (ArrowInvalid, OSError) as error:
                raise ValueError(
                    f"{name} must be a Parquet file. It is damaged or something else: "
                    f"{str(error).splitlines()[0]}"
                ) from error

    def read(n_rows):
        done = 0
        with opened() as file:
            for batch in file.iter_batches(n_rows):
                frame = batch.to_pandas(ignore_metadata=True)[columns]
                if len(frame):
                    yield Part(frame, list(range(done + 1, done + len(frame) + 1)))
                done += len(frame)

    with opened() as file:
        # An index of pandas without a name is no column.
        columns = [name for name in file.schema_arrow.names if not _INDEX.fullmatch(name)]
    return Table(name, columns, read)


def _csv(name):
    if not os.path.exists(name):
        raise ValueError(
            f"{name} must be a CSV or Parquet file, or one of the bundled sets {named(BUNDLED)}. "
            "There is no such file."
        )
    separator = _separator(name)
    header, _ = next(_lines(name, separator), (None, 1))
    if header is None:
        raise ValueError(f"{name} must have a header line. Got an empty file.")

    def read(n_rows):
        lines = _lines(name, separator)
        next(lines)
        rows, places = [], []
        for row, line in lines:
            if len(row) != len(header):
                raise ValueError(
                    f"{name} must have {len(header)} cells in each line, as its header. Line "
                    f"{line} has {len(row)}."
                )
            rows.append(row)
            places.append(line)
            if len(rows) == n_rows:
                yield _part(header, rows, places)
                rows, places = [], []
        if rows:
            yield _part(header, rows, places)

    return Table(name, header, read, "line", separator)


def _part(header, rows, places):
    import pandas as pd

    cells = zip(*rows, strict=True)
    columns = dict(zip(header, cells, strict=True))
    return Part(pd.DataFrame(columns, dtype=object), places)


def _separator(name):
    """The commonest of the three in the first line."""
    with open(name, encoding="utf-8-sig", errors="replace") as file:
        first = file.readline(1_000_000)
    return max(",;\t", key=first.count)


def _lines(name, separator):
    """Yield rows of cells, and the line on which each begins; empty lines are none."""
    with open(name, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=separator, strict=True)
        line = 1
        try:
            for row in reader:
                if row:
                    yield row, line
                line = reader.line_num + 1
        except UnicodeDecodeError:
            raise ValueError(
                f"{name} must be text in UTF-8. Line {_undecodable(name)} is not: save it as UTF-8."
            ) from None
        except csv.Error as error:
            raise ValueError(f"{name} must be a CSV file. Line {line} is not: {error}.") from error


def _undecodable(name):
    """The first line that is not UTF-8."""
    with open(name, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return None
