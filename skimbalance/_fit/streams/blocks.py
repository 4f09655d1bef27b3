"""Blocks of rows with their targets and weights, checked: what every source gives."""

import reprlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import column_or_1d

from skimbalance._validation import (
    are_missing,
    as_array,
    check_not_lists,
    checked_target,
    is_indicator,
    label_codes,
    plain_labels,
)
from skimbalance.preprocessing._encoder import LARGEST
from skimbalance.preprocessing._reader import as_table

__all__ = ["Block", "Piece", "Source", "float_type", "rows_of_block"]

# A block has at most so many rows, and about so many values.
BLOCK_ROWS, BLOCK_VALUES = 2**15, 2**19


class Block(NamedTuple):
    """Some rows, all of a positive weight and with a target.

    Attributes
    ----------
    X : DataFrame or ndarray of shape (n_rows, n_columns)
        An array of float32 or float64 where all columns are numbers; NaN is missing.
    y : ndarray of shape (n_rows,) or (n_rows, n_labels)
        Class labels; in the multilabel case 0, 1 and NaN, which is missing.
    weight : ndarray of shape (n_rows,) or None
        How much each row counts; None if all count the same.
    """

    X: Any
    y: np.ndarray
    weight: np.ndarray | None


class Piece(NamedTuple):
    """Rows as a source gives them, in whatever number; and where they are from, for errors."""

    X: Any
    y: Any
    weight: Any
    place: str
    first: int


def rows_of_block(n_columns: int) -> int:
    """How many rows a block of so many columns has at most."""
    return int(np.clip(BLOCK_VALUES // max(1, n_columns), 1_024, BLOCK_ROWS))


def float_type(dtype: Any) -> type | None:
    """float32 if all numbers of a type are exact in it, else float64; None if it is another type.

    Parameters
    ----------
    dtype : dtype
        Of NumPy; or of a column of pandas, where numbers may be missing.
    """
    plain = getattr(dtype, "numpy_dtype", dtype)
    if not isinstance(plain, np.dtype) or plain.kind not in "biuf":
        return None
    is_short = plain.itemsize <= (4 if plain.kind == "f" else 2)
    return np.float32 if is_short else np.float64


@dataclass
class Source:
    """Rows that can be read again and again, from start to end.

    Parameters
    ----------
    owner : str
        Name of the estimator, for errors.
    columns : list or None
        Names of the columns of X; None if they have no names. Those of a function's batches are
        known once the first batch has been read.
    label_names : list or None
        Names of the labels in the multilabel case, where they have names.
    is_part : bool, default=False
        Whether this is a part of another source, which may be without rows.
    verbose : int, default=0
        1 shows in each pass how many rows have been read, and how many in a second.
    """

    owner: str
    columns: list[Any] | None = None
    label_names: list[Any] | None = None
    is_part: bool = False
    verbose: int = 0

    def _pieces(self) -> Iterator[Piece]:
        """The rows as they come."""
        raise NotImplementedError

    def parts(self) -> list[Self]:
        """Independent pieces, which can be pickled and read on other machines.

        Together they have the rows of the source.

        Raises
        ------
        ValueError
            If the source can be read from start to end only.
        """
        raise NotImplementedError

    def blocks(self) -> Iterator[Block]:
        """One pass over the rows, in order.

        Yields
        ------
        block : Block
            At most 32,768 rows and never none. Rows of weight 0 are left out; and in the
            multilabel case rows of which all labels are missing.

        Raises
        ------
        ValueError
            If anything in the source cannot be learnt from; the file and the row are named.
        """
        from tqdm.auto import tqdm

        quiet = self.is_part or not self.verbose
        with tqdm(desc="Read", unit=" rows", unit_scale=True, disable=quiet) as bar:
            is_empty = True
            for piece in self._pieces():
                for block in self._blocks_of(piece):
                    is_empty = False
                    bar.update(len(block.y))
                    yield block
        if is_empty and not self.is_part:
            raise ValueError(
                f"The source of {self.owner} must have rows with a target and a positive weight. "
                "Got none: a function must return a new iterator at each call, and files must have "
                "rows."
            )

    def _blocks_of(self, piece):
        """Checked blocks of the rows with a positive weight and a target."""
        try:
            X = _checked_rows(piece, self.columns, self.owner)
            y, kept = _checked_labels(piece)
            if len(y) != X.shape[0]:
                raise ValueError(
                    "X and y must have the same number of rows. "
                    f"Got {X.shape[0]} rows and {len(y)} targets."
                )
            weight = _checked_weight(piece, len(y))
        except ValueError as error:
            raise ValueError(f"In {piece.place} of {self.owner}: {error}") from error
        if weight is not None:
            kept = kept & (weight > 0)
        if not np.all(kept):
            X = X.loc[kept] if hasattr(X, "iloc") else X[kept]
            y, weight = y[kept], None if weight is None else weight[kept]
        size = rows_of_block(X.shape[1])
        for start in range(0, len(y), size):
            rows = slice(start, start + size)
            part = X.iloc[rows] if hasattr(X, "iloc") else X[rows]
            yield Block(part, y[rows], None if weight is None else weight[rows])


def _checked_rows(piece, columns, owner):
    """The rows as floats, or as a table where some columns are no numbers."""
    X = as_table(piece.X, owner)
    if issparse(X):
        raise ValueError(
            f"X must be dense. Got a {type(X).__name__} of shape {X.shape}: make each batch dense."
        )
    if hasattr(X, "iloc"):
        rows, names = _numbers_of_frame(X), X.columns.tolist()
    else:
        rows = np.asarray(X)
        if rows.ndim != 2 or not rows.shape[1]:
            raise ValueError(f"X must have rows and columns. Got shape {rows.shape}.")
        n_columns = rows.shape[1]
        names = columns if len(columns or ()) == n_columns else range(n_columns)
        if rows.dtype == object:
            import pandas as pd

            rows = pd.DataFrame(rows)
        elif float_type(rows.dtype) is None:
            raise ValueError(f"X must hold real numbers. Got an array of {rows.dtype}.")
        else:
            rows = rows.astype(float_type(rows.dtype), copy=False)
    if hasattr(rows, "iloc"):
        for j, dtype in enumerate(rows.dtypes):
            if isinstance(dtype, np.dtype) and dtype.kind == "f":
                _check_size(rows.iloc[:, [j]].to_numpy(), [names[j]], piece.first)
    else:
        _check_size(rows, names, piece.first)
    return rows


def _numbers_of_frame(frame):
    """A table of numbers as floats; any other table as it is."""
    types = [float_type(dtype) for dtype in frame.dtypes]
    if None in types:
        return frame
    matrix = np.empty(frame.shape, np.result_type(*types))
    for j, dtype in enumerate(frame.dtypes):
        column = frame.iloc[:, j]
        if isinstance(dtype, np.dtype):
            matrix[:, j] = column.to_numpy()
        else:
            matrix[:, j] = column.to_numpy(dtype=matrix.dtype, na_value=np.nan)
    return matrix


def _check_size(rows, names, first):
    """Check that numbers are missing, or finite and not too large to be standardised."""
    if not rows.size:
        return
    largest = float(max(np.fmax.reduce(rows, axis=None), -np.fmin.reduce(rows, axis=None)))
    if not largest > LARGEST:
        return
    row, j = np.unravel_index(np.nanargmax(np.abs(rows)), rows.shape)
    rule = "finite or missing" if np.isinf(largest) else f"at most {LARGEST:g} in size"
    remedy = "put NaN in its place" if np.isinf(largest) else "measure it in a larger unit"
    got = "infinity" if np.isinf(largest) else f"{largest:g}"
    raise ValueError(
        f"The numbers in X must be {rule}. Got {got} in row {first + row}, column "
        f"{names[j]!r}: {remedy}."
    )


def _checked_labels(piece):
    """The targets, and which rows have any: class labels, or an indicator of 0, 1 and NaN."""
    array = check_not_lists(as_array(piece.y))
    is_multilabel = array.ndim == 2 and array.shape[1] > 1
    if is_multilabel and is_indicator(piece.y):
        codes = label_codes(checked_target(piece.y))
        return np.where(codes < 0, np.nan, codes).astype(np.float32), (codes >= 0).any(axis=1)
    if is_multilabel:
        known = are_missing(array).reshape(array.shape) | (array == 0) | (array == 1)
        rows, columns = np.nonzero(~known)
        if len(rows):
            raise ValueError(
                "The labels in y must be 0, 1 or missing where each row has several. Got "
                f"{plain_labels(array[rows, columns])[0]!r} in row {piece.first + rows[0]}, label "
                f"{columns[0]}: name a single column as target, or columns of 0 and 1."
            )
    elif array.ndim:
        array = array.ravel()
        if array.dtype == object:
            return _checked_objects(array, piece), np.ones(len(array), bool)
        _check_no_gaps(array, piece)
    y = checked_target(piece.y, each_once=True).ravel()
    return y, np.ones(len(y), bool)


def _checked_objects(array, piece):
    """Class labels as `checked_target` gives them; each is looked at once, which is faster."""
    cells = array.tolist()
    try:
        distinct = np.fromiter(dict.fromkeys(cells), dtype=object)
    except TypeError:  # some cannot be hashed
        return checked_target(array, each_once=True)
    if are_missing(distinct).any():
        _check_no_gaps(array, piece)
    labels = checked_target(distinct, each_once=True)
    place = {cell: i for i, cell in enumerate(distinct.tolist())}
    return labels[[place[cell] for cell in cells]]


def _check_no_gaps(array, piece):
    """Check that no class label is missing."""
    missing = are_missing(array)
    if missing.any():
        raise ValueError(
            f"The labels in y must not be missing. Got {missing.sum()} missing labels, the first "
            f"in row {piece.first + int(missing.argmax())}: label or drop these rows."
        )


def _checked_weight(piece, n_rows):
    """Weights as float64: finite and not negative."""
    if piece.weight is None:
        return None
    rule = "The weights must be a finite number of at least 0 for each row"
    try:
        weight = column_or_1d(as_array(piece.weight)).astype(np.float64)
    except (TypeError, ValueError):
        got = reprlib.repr(np.asarray(as_array(piece.weight)).tolist())
        raise ValueError(f"{rule}. Got {got} instead.") from None
    if len(weight) != n_rows:
        raise ValueError(f"{rule}. Got {len(weight)} weights and {n_rows} rows.")
    wrong = ~((weight >= 0) & (weight < np.inf))
    if wrong.any():
        row = int(wrong.argmax())
        got = "none" if np.isnan(weight[row]) else f"{weight[row]:g}"
        raise ValueError(
            f"{rule}. Got {got} in row {piece.first + row}: correct it, or drop the row."
        )
    return weight
