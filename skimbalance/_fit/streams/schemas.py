"""What is known of the files of a dataset before their rows: columns and types; what is wrong."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from skimbalance._fit.streams.blocks import float_type
from skimbalance._validation import some_of

__all__ = ["common_schema", "csv_schema", "errors_of", "numpy_type", "place_of"]

# Names that pandas gives to an index without a name.
INDEX = re.compile(r"__index_level_\d+__")

# What Arrow says of a cell of a CSV file that is not of its column's type.
WRONG_CELL = re.compile(
    r"In CSV column #(\d+): (?:Row #(\d+): )?CSV conversion error to (\w+).*?: invalid value '(.*)'"
)


def place_of(fragment: Any) -> str:
    """What errors call a file."""
    path = getattr(fragment, "path", None)
    return f"the file {path!r} in the source" if path else "the source"


@contextmanager
def errors_of(fragment: Any, owner: str) -> Iterator[None]:
    """Say in one sentence what is wrong with a file."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, EOFError, LookupError) as error:
        text = str(error).splitlines()[0]
        place = place_of(fragment)
        found = re.search(r"Could not read schema from '(.*?)'", text)
        if found:
            place = f"the file {found[1]!r} in the source"
            text = text.split("?: ", 1)[-1]
        cell = WRONG_CELL.search(text)
        if cell:
            name = fragment.physical_schema.names[int(cell[1])]
            line = f" in line {int(cell[2])}" if cell[2] else ""
            raise ValueError(
                f"The column {name!r} of {place} of {owner} must hold values of one type, "
                f"{cell[3]} as in its first rows. Got {cell[4]!r}{line}: correct it, or pass a "
                "pyarrow dataset whose schema names the type."
            ) from error
        raise ValueError(
            f"{place[0].upper()}{place[1:]} of {owner} must be a whole Parquet or CSV file. Got a "
            f"damaged file or one of another kind: {text}"
        ) from error


def common_schema(fragments: list[Any], schema: Any, owner: str, *, unify: bool) -> Any:
    """The columns that all files have, in types that hold the values of all.

    Where the caller chose the types, these stay.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds

    types: dict[str, dict[Any, str]] = {}
    for fragment in fragments:
        with errors_of(fragment, owner):
            found = fragment.physical_schema
        place = place_of(fragment)
        keys = ds.get_partition_keys(fragment.partition_expression)
        fields = {field.name: field.type for field in found if not INDEX.fullmatch(field.name)}
        fields |= {name: schema.field(name).type for name in keys if name in schema.names}
        if len(set(found.names)) < len(found.names):
            twice = next(name for name in found.names if found.names.count(name) > 1)
            raise ValueError(
                f"The columns of {place} of {owner} must have different names. Got {twice!r} more "
                "than once: rename or drop one."
            )
        names = types or {name: {} for name in schema.names if not INDEX.fullmatch(name)}
        absent = [name for name in names if name not in fields]
        other = [name for name in fields if name not in names]
        if absent or (other and unify):
            got = f"lacks {some_of(absent, 3)}" if absent else f"also has {some_of(other, 3)}"
            raise ValueError(
                f"The files in the source of {owner} must have the same columns. {place[0].upper()}"
                f"{place[1:]} {got}: write it anew, or take it out."
            )
        types = names
        for name in types:
            types[name].setdefault(fields[name], place)
    for name, of in types.items():
        if not unify:
            of.setdefault(schema.field(name).type, "the schema of the dataset")
        kinds = {_kind(type_): place for type_, place in of.items()}
        kinds.pop("nothing", None)
        if len(kinds) > 1:
            (one, there), (two, here) = list(kinds.items())[:2]
            raise ValueError(
                f"The files in the source of {owner} must have columns of the same types. The "
                f"column {name!r} holds {one} in {there} and {two} in {here}: write one of them "
                "anew."
            )
    if not unify:
        return pa.schema([schema.field(name).with_nullable(True) for name in types])
    return pa.schema([(name, _wide(list(of))) for name, of in types.items()])


def csv_schema(schema: Any, fragments: list[Any], target: Any, owner: str) -> Any:
    """A schema that later rows keep, too: whole numbers may be followed by fractions."""
    import pyarrow as pa

    targets = target if isinstance(target, list | tuple) else [target]
    fields = []
    for field in schema:
        type_ = field.type
        if pa.types.is_binary(type_):
            raise ValueError(
                f"The CSV files in the source of {owner} must be text in UTF-8. Got other bytes in "
                f"the column {field.name!r}: save them as UTF-8."
            )
        if pa.types.is_null(type_):
            type_ = _late_type(fragments, field.name, owner)
        if pa.types.is_integer(type_) and field.name not in targets:
            type_ = pa.float64()
        fields.append((field.name, type_))
    return pa.schema(fields)


def _late_type(fragments, name, owner):
    """The type of a column without values in the first rows: by the first value that comes."""
    import pyarrow as pa

    schema = pa.schema([(name, pa.string())])
    for fragment in fragments:
        with errors_of(fragment, owner):
            for batch in fragment.to_batches(schema=schema, columns=[name], batch_readahead=0):
                values = batch.column(0).drop_null()
                if len(values):
                    try:
                        float(values[0].as_py())
                    except ValueError:
                        return pa.string()
                    return pa.float64()
    return pa.float64()


def _kind(type_):
    """What a type holds, as far as files may not differ in it."""
    import pyarrow as pa

    if pa.types.is_null(type_):
        return "nothing"
    if pa.types.is_dictionary(type_):
        return _kind(type_.value_type) if _is_text(type_.value_type) else "categories"
    return "text" if _is_text(type_) else "numbers" if numpy_type(type_) else str(type_)


def _is_text(type_):
    import pyarrow as pa

    views = getattr(pa.types, "is_string_view", lambda _: False)
    return pa.types.is_string(type_) or pa.types.is_large_string(type_) or views(type_)


def _wide(types):
    """A type for the values of all types."""
    import pyarrow as pa

    types = [type_ for type_ in types if not pa.types.is_null(type_)]
    if len(types) < 2:
        return types[0] if types else pa.null()
    floats = [numpy_type(type_) for type_ in types]
    if None in floats:
        return pa.large_string() if _kind(types[0]) == "text" else types[0].value_type
    return pa.from_numpy_dtype(np.result_type(*floats))


def numpy_type(type_: Any) -> Any:
    """The type of floats for a column; None if it holds no numbers."""
    import pyarrow as pa

    if pa.types.is_null(type_):
        return np.float32
    if pa.types.is_decimal(type_):
        return np.float64
    if not (
        pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_boolean(type_)
    ):
        return None
    return float_type(np.dtype(type_.to_pandas_dtype()))
