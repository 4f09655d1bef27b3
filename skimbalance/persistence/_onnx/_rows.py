"""Rows as the encoders and trees of tables take them, from the inputs of a model."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from onnx import TensorProto

from skimbalance.persistence._onnx._graph import ML, Graph, Value
from skimbalance.preprocessing._reader import TableReader

__all__ = ["MISSING", "Rows", "column_types", "rows_of"]

#: The text that stands for a missing category, unless it is a level itself: what there is in a
#: file, and what ONNX Runtime makes of None and of pandas' and NumPy's missing values.
MISSING = ("", "None", "nan", "<NA>")


class Rows(NamedTuple):
    """Rows of a table.

    Parameters
    ----------
    matrix : Value of shape (n_rows, n_columns)
        Numbers, NaN where they are missing. In the place of categories the number of the level;
        that of a missing one is the number of levels, and that of an unknown one is one more.
    codes : dict of int to Value
        These numbers of each column of categories, as int64 of shape (n_rows, 1).
    """

    matrix: Value
    codes: dict[int, Value]


def column_types(reader: TableReader | None) -> list[int] | None:
    """ONNX's type of each column; None if all are numbers, which then are one matrix."""
    if reader is None or np.all(reader.n_levels < 0):
        return None
    are_text = [
        levels is not None and text is not False
        for levels, text in zip(reader.levels, reader.text, strict=True)
    ]
    return [TensorProto.STRING if text else TensorProto.DOUBLE for text in are_text]


def rows_of(graph: Graph, reader: TableReader | None, X: Sequence[Value], owner: str) -> Rows:
    """Rows, from one matrix of numbers or from a value of shape (n_rows, 1) for each column."""
    types = column_types(reader)
    if types is None or reader is None:
        return Rows(graph.concat([graph.double(x) for x in X]), {})
    if len(X) == 1 and len(types) > 1 and TensorProto.STRING not in types:
        X = [X[0].columns([j]) for j in range(len(types))]
    if len(X) != len(types):
        raise ValueError(
            f"{owner} must have an input for each of its {len(types)} columns in an ONNX model, as "
            f"some of them hold categories. Got {len(X)} inputs: encode the categories in the "
            "step before."
        )
    columns, codes = [], {}
    for j, x in enumerate(X):
        levels = reader.levels[j]
        if levels is not None:
            codes[j] = _codes(graph, levels, types[j], x, owner)
        columns.append(graph.double(codes.get(j, x)))
    return Rows(graph.concat(columns), codes)


def _codes(graph: Graph, levels: list[Any], elem_type: int, x: Value, owner: str) -> Value:
    """Numbers of levels, from categories."""
    n_levels = len(levels)
    if elem_type == TensorProto.STRING:
        missing = [word for word in MISSING if word not in levels]
        return graph.op(
            "LabelEncoder", x, domain=ML, keys_strings=[*levels, *missing],
            values_int64s=[*range(n_levels), *[n_levels] * len(missing)],
            default_int64=n_levels + 1,
        )  # fmt: skip
    if any(isinstance(level, str) for level in levels):
        raise ValueError(
            f"The categories of {owner} must be all text or all numbers in each column, to be in "
            f"an ONNX model. Got {levels[0]!r} and {levels[-1]!r} in one column: make them text."
        )
    x = graph.double(x)
    code: Any = np.array([[n_levels + 1]])
    if levels:
        is_level = graph.cast(graph.op("Equal", x, np.array(levels, float)), TensorProto.INT64)
        number = graph.op("ArgMax", is_level, axis=1, keepdims=1)
        is_known = graph.cast(graph.total(is_level), TensorProto.BOOL)
        code = graph.op("Where", is_known, number, code)
    return graph.op("Where", graph.op("IsNaN", x), np.array(n_levels), code)
