"""Rows from Parquet and CSV files, and from any other dataset of pyarrow, in bounded memory."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from skimbalance._fit.streams.blocks import Piece, Source, rows_of_block
from skimbalance._fit.streams.schemas import (
    common_schema,
    csv_schema,
    errors_of,
    numpy_type,
    place_of,
)
from skimbalance._validation import some_of

__all__ = ["Files", "dataset_of", "files_of"]

# How the names of files end.
PARQUET_NAMES = (".parquet", ".pq")
CSV_NAMES = (".csv", ".csv.gz", ".csv.bz2", ".tsv", ".tsv.gz")

# Bytes of a column of a Parquet file in memory at a time.
BUFFER = 2**18

# Rows of a part, if a row group does not have more.
PART_ROWS = 2**18


@dataclass
class Files(Source):
    """The files of a dataset of pyarrow, one after another.

    Parameters
    ----------
    fragments : list of pyarrow.dataset.Fragment
        The files, or row groups of them; or the dataset itself where it has a filter.
    schema : pyarrow.Schema
        The columns, with the types that they get.
    target : str or list of str
        The column of the class labels, or those of the labels.
    sample_weight : str or None
        The column of the weights.
    """

    fragments: list[Any] = None  # type: ignore[assignment]
    schema: Any = None
    target: Any = None
    sample_weight: str | None = None

    def parts(self) -> list[Self]:
        """Row groups of Parquet files, several if they are small; and other files."""
        import pyarrow.dataset as ds

        if isinstance(self.fragments[0], ds.Dataset):
            raise ValueError(
                f"The source of {self.owner} must have no filter where several machines read it. "
                "Got a filtered dataset: write what it gives to files first."
            )
        groups: list[list[Any]] = []
        n_rows = 0
        for fragment in self.fragments:
            is_parquet = isinstance(fragment, ds.ParquetFileFragment)
            for piece in fragment.split_by_row_group() if is_parquet else [fragment]:
                n_new = PART_ROWS
                if is_parquet:
                    n_new = sum(group.num_rows for group in piece.row_groups)
                if not groups or n_rows + n_new > PART_ROWS:
                    groups.append([])
                    n_rows = 0
                groups[-1].append(piece)
                n_rows += n_new
        return [replace(self, fragments=group, is_part=True) for group in groups]

    def _pieces(self):
        import pyarrow as pa

        try:
            for fragment in self.fragments:
                with errors_of(fragment, self.owner):
                    yield from self._of_fragment(fragment)
        finally:
            pa.default_memory_pool().release_unused()

    def _of_fragment(self, fragment):
        """The rows of a fragment, as they come."""
        columns, dtype, of = self.columns, self._dtype(), self.target
        place, first = place_of(fragment), _first_row(fragment)
        for batch in self._batches(fragment):
            X = _matrix(batch, columns, dtype) if dtype else _frame(batch, columns)
            y = _frame(batch, of) if isinstance(of, list) else _series(batch, of)
            weight = self.sample_weight and _series(batch, self.sample_weight)
            yield Piece(X, y, weight, place, first)
            first += len(batch)

    def _dtype(self):
        """The type of an array of all columns; None if not all are numbers."""
        types = [numpy_type(self.schema.field(name).type) for name in self.columns or ()]
        return None if None in types else np.result_type(*types)

    def _batches(self, fragment):
        """Batches of the rows of a file, with all columns in their types."""
        import pyarrow as pa
        import pyarrow.dataset as ds

        size = rows_of_block(len(self.schema))
        keys = {}
        if isinstance(fragment, ds.ParquetFileFragment):
            keys = ds.get_partition_keys(fragment.partition_expression)
            batches = _parquet_batches(
                fragment, size, [n for n in self.schema.names if n not in keys]
            )
        else:
            schema = {} if isinstance(fragment, ds.Dataset) else {"schema": self.schema}
            batches = _joined(
                fragment.to_batches(**schema, batch_size=size, batch_readahead=0), size
            )
        for batch in batches:
            arrays = []
            for field in self.schema:
                if field.name in keys:
                    array = pa.repeat(pa.scalar(keys[field.name]), len(batch))
                else:
                    array = batch.column(field.name)
                same = array.type == field.type
                arrays.append(array if same else array.cast(field.type, safe=False))
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def files_of(path: Any, owner: str, target: Any) -> Any:
    """A dataset of the Parquet or CSV file with a path, or of all files in a folder.

    Raises
    ------
    ValueError
        If there are none, or files of both kinds or of another one.
    """
    import pyarrow.dataset as ds

    given, path = path, Path(path)
    if not path.exists():
        remedy = ": make it a dataset, by pyarrow.dataset.dataset" if "://" in given else ""
        raise ValueError(
            f"The source of {owner} must be a file or a folder that exists. Got {given!r}{remedy}."
        )
    files = [path] if path.is_file() else sorted(_files_in(path))
    ends = {True: PARQUET_NAMES, False: CSV_NAMES}
    kinds = [
        next((k for k, end in ends.items() if f.name.lower().endswith(end)), None) for f in files
    ]
    if not files or len(set(kinds)) > 1 or None in kinds:
        names = [str(file.relative_to(path) if file != path else file) for file in files]
        got = some_of(names, 5) if files else "no files"
        raise ValueError(
            f"The source of {owner} must be Parquet files ({', '.join(PARQUET_NAMES)}) or CSV "
            f"files ({', '.join(CSV_NAMES)}), and not both. Got {got} in {str(path)!r}."
        )
    format_ = ds.ParquetFileFormat() if kinds[0] else _csv_format(files[0])
    base = {"partitioning": "hive", "partition_base_dir": str(path)} if path.is_dir() else {}
    with errors_of(None, owner):
        dataset = ds.dataset([str(file) for file in files], format=format_, **base)
        fragments = list(dataset.get_fragments())
    schema = common_schema(fragments, dataset.schema, owner, unify=True)
    if not kinds[0]:
        schema = csv_schema(schema, fragments, target, owner)
    return fragments, schema


def dataset_of(dataset: Any, owner: str) -> Any:
    """The fragments of a dataset that the caller made, and its schema."""
    try:
        fragments = list(dataset.get_fragments())
    except ValueError:  # it has a filter
        return [dataset], dataset.schema
    if not fragments:
        raise ValueError(
            f"The source of {owner} must have files. Got a dataset without any: check its path."
        )
    return fragments, common_schema(fragments, dataset.schema, owner, unify=False)


def _files_in(folder):
    """Files in a folder and its folders; names with a dot or an underscore first are left out."""
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name[0] not in "._"]
        yield from (Path(root, name) for name in names if name[0] not in "._")


def _csv_format(file):
    """CSV as pandas reads it; commas, semicolons or tabs separate the cells."""
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.dataset as ds

    first = ""
    try:
        with pa.input_stream(str(file)) as stream:
            first = stream.read(2**16).decode("utf-8", "replace").split("\n")[0]
    except OSError:
        pass  # which is said where its rows are read
    return ds.CsvFileFormat(
        pc.ParseOptions(delimiter=max(",;\t", key=first.count), newlines_in_values=True),
        convert_options=pc.ConvertOptions(strings_can_be_null=True),
    )


def _matrix(batch, names, dtype):
    """Columns of numbers as one array."""
    import pyarrow as pa

    matrix = np.empty((len(batch), len(names)), dtype)
    for j, name in enumerate(names):
        column = batch.column(name)
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.uint8())
        if column.null_count or pa.types.is_null(column.type):
            column = column.cast(pa.from_numpy_dtype(dtype), safe=False)
        if pa.types.is_decimal(column.type):
            column = column.cast(pa.float64())
        matrix[:, j] = column.to_numpy(zero_copy_only=False)
    return matrix


def _frame(batch, names):
    """Columns as a DataFrame."""
    return batch.select(names).to_pandas(ignore_metadata=True)


def _series(batch, name):
    """A column as a Series."""
    return batch.column(name).to_pandas()


def _first_row(fragment):
    """The number of a fragment's first row in its file."""
    groups = getattr(fragment, "row_groups", None)
    if not groups or groups[0].id == 0:
        return 0
    return sum(fragment.metadata.row_group(i).num_rows for i in range(groups[0].id))


def _parquet_batches(fragment, size, names):
    """Batches of a Parquet file: piece by piece, as a row group may be as large as the file."""
    import pyarrow.parquet as pq

    with fragment.open() as raw:
        file = pq.ParquetFile(
            raw, buffer_size=BUFFER, pre_buffer=False, page_checksum_verification=True
        )
        groups = [group.id for group in fragment.row_groups]
        yield from file.iter_batches(size, row_groups=groups, columns=names)


def _joined(batches, size):
    """Batches of about so many rows: those of a CSV file are as short as a block of its text."""
    import pyarrow as pa

    held: list[Any] = []
    for batch in batches:
        held.append(batch)
        if sum(map(len, held)) >= size // 2:
            yield pa.concat_batches(held)
            held = []
    if held:
        yield pa.concat_batches(held)
