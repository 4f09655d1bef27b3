"""Where the rows of a stream come from: files, Dask's partitions, or a function of the caller."""

import os
import reprlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Self

import numpy as np

from skimbalance._fit.streams.blocks import Block, Piece, Source
from skimbalance._validation import is_indicator, some_of

__all__ = ["Block", "Source", "open_source"]

REMEDY = (
    "a path or folder of Parquet or CSV files, a pyarrow dataset, a Dask DataFrame, or a function "
    "that returns an iterator of (X, y) or (X, y, weight)"
)


def open_source(source: Any, target: Any, sample_weight: Any, owner: str) -> Source:
    """What a user gave as the source of rows, opened and checked as far as no rows are needed.

    Parameters
    ----------
    source : str, path, pyarrow.dataset.Dataset, dask DataFrame or callable
        Where the rows are. A callable returns an iterator of batches at each call: (X, y) or
        (X, y, weight).
    target : str, list of str or None
        The column of the class labels; or, in the multilabel case, the columns of 0 and 1. None
        for a callable.
    sample_weight : str or None
        The column of the weights, if there is one.
    owner : str
        Name of the estimator, for errors.

    Returns
    -------
    source : Source

    Raises
    ------
    ValueError
        If it is nothing of these, does not exist or lacks the columns.
    """
    kind = type(source).__module__.split(".")[0]
    if isinstance(source, str | os.PathLike) or kind == "pyarrow":
        return _opened_files(source, target, sample_weight, owner)
    if kind.startswith("dask") and hasattr(source, "partitions") and hasattr(source, "columns"):
        names = _Names.of(source.columns.tolist(), target, sample_weight, owner)
        return Partitions(owner, names.columns, names.labels, frame=source, names=names)
    if not callable(source):
        raise ValueError(_no_source(source, owner))
    for name, value in (("target", target), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(
                f"The argument {name} of {owner} must be None where the source is a function, "
                f"whose batches hold (X, y) or (X, y, weight). Got {reprlib.repr(value)}."
            )
    return Calls(owner, function=source)


@dataclass
class _Names:
    """Which columns are X, y and the weights.

    Parameters
    ----------
    columns : list
        Names of the columns of X.
    target : object
        The column of the class labels, or a list of those of the labels.
    weight : object
        The column of the weights, or None.
    """

    columns: list[Any]
    target: Any
    weight: Any

    @property
    def labels(self) -> list[Any] | None:
        """Names of the labels in the multilabel case."""
        return self.target if isinstance(self.target, list) else None

    @classmethod
    def of(cls, names: list[Any], target: Any, weight: Any, owner: str) -> Self:
        """Check that there are such columns, and others beside them."""
        if target is None or (isinstance(target, list | tuple) and not len(target)):
            raise ValueError(
                f"The argument target of {owner} must be the name of the column of the class "
                "labels, or in the multilabel case a list of the names of columns of 0 and 1. "
                f"Got {target!r}: the columns are {some_of(names)}."
            )
        if isinstance(target, list | tuple):
            target = list(target) if len(target) > 1 else target[0]
        if weight is not None and not isinstance(weight, str) and np.ndim(weight):
            raise ValueError(
                f"The argument sample_weight of {owner} must be the name of a column of the "
                f"source. Got a {type(weight).__name__}."
            )
        targets = target if isinstance(target, list) else [target]
        taken = targets if weight is None else [*targets, weight]
        for position, name in enumerate(taken):
            if name in taken[:position]:
                raise ValueError(
                    f"The arguments target and sample_weight of {owner} must name different "
                    f"columns. Got {name!r} twice."
                )
            if name not in names:
                argument = "target" if position < len(targets) else "sample_weight"
                lower = {str(known).lower(): str(known) for known in names}
                close = get_close_matches(str(name).lower(), lower, 3, 0.6)
                similar = [lower[known] for known in close]
                hint = (
                    f"Did you mean {' or '.join(map(repr, similar))}?"
                    if similar
                    else f"It has {some_of(names)}."
                )
                raise ValueError(
                    f"The source of {owner} must have the column {name!r}, which {argument} names. "
                    f"{hint}"
                )
        columns = [name for name in names if name not in taken]
        if not columns:
            raise ValueError(
                f"The source of {owner} must have columns beside target and sample_weight. Got "
                f"{some_of(names)} only."
            )
        return cls(columns, target, weight)


def _opened_files(source, target, sample_weight, owner):
    """Files by their path, or a dataset of the caller."""
    try:
        import pyarrow.dataset as ds

        from skimbalance._fit.streams.files import Files, dataset_of, files_of
    except ImportError:
        raise ValueError(
            f"The package pyarrow must be installed to read the source of {owner}: "
            "pip install 'skimbalance[parquet]'."
        ) from None
    if isinstance(source, ds.Dataset):
        fragments, schema = dataset_of(source, owner)
    elif isinstance(source, str | os.PathLike):
        fragments, schema = files_of(os.fspath(source), owner, target)
    else:
        raise ValueError(_no_source(source, owner))
    names = _Names.of(schema.names, target, sample_weight, owner)
    return Files(
        owner,
        names.columns,
        names.labels,
        fragments=fragments,
        schema=schema,
        target=names.target,
        sample_weight=names.weight,
    )


def _no_source(source, owner):
    """The sentence for what is no source, with what to do."""
    got = f"Got a {type(source).__name__}"
    if hasattr(source, "__next__"):
        return (
            f"The source of {owner} must be read more than once. {got}, which can be read once "
            "only: pass the function that makes it, without calling it."
        )
    if hasattr(source, "shape") or hasattr(source, "to_pandas"):
        return (
            f"The source of {owner} must be {REMEDY}. {got}, which is in memory: pass X and y to "
            "fit."
        )
    remedy = ""
    if hasattr(source, "as_numpy_iterator"):
        remedy = ": pass its method as_numpy_iterator, without calling it"
    elif isinstance(source, list | tuple) and all(isinstance(s, str | os.PathLike) for s in source):
        remedy = ": for several files pass pyarrow.dataset.dataset(paths)"
    elif isinstance(source, Iterable):
        remedy = ": pass lambda: iter(batches)"
    return f"The source of {owner} must be {REMEDY}. {got}{remedy}."


@dataclass
class Partitions(Source):
    """The partitions of a Dask DataFrame, one after another.

    Parameters
    ----------
    frame : dask DataFrame
        The rows.
    names : _Names
        What its columns are.
    first : int, default=0
        Number of the first partition within the source.
    """

    frame: Any = None
    names: _Names = None  # type: ignore[assignment]
    first: int = 0

    def parts(self) -> list[Self]:
        """The partitions."""
        return [
            replace(self, frame=self.frame.partitions[i], first=self.first + i, is_part=True)
            for i in range(self.frame.npartitions)
        ]

    def _pieces(self):
        names = self.names
        for i in range(self.frame.npartitions):
            rows = self.frame.partitions[i].compute()
            place = f"partition {self.first + i} of the source"
            if list(rows.columns) != self.frame.columns.tolist():
                raise ValueError(
                    f"The partitions in the source of {self.owner} must have the columns that the "
                    f"Dask DataFrame names, {some_of(self.frame.columns.tolist())}. Got "
                    f"{some_of(list(rows.columns))} in {place}."
                )
            weight = None if names.weight is None else rows[names.weight]
            # Rows count from 0 in messages, whatever the index.
            rows = rows.reset_index(drop=True)
            yield Piece(rows[names.columns], rows[names.target], weight, place, 0)


@dataclass
class Calls(Source):
    """Batches of an iterator that a function of the caller returns at each call.

    Parameters
    ----------
    function : callable
        Returns an iterator of (X, y) or (X, y, weight).
    known : dict or None
        What the first batch says of all others, also those of later passes.
    """

    function: Callable[[], Iterable[Any]] = None  # type: ignore[assignment]
    known: dict[str, Any] | None = None

    def parts(self) -> list[Self]:
        """Nothing that others could read."""
        raise ValueError(
            f"The source of {self.owner} must be files, a dataset or a Dask DataFrame where "
            "several machines read it. Got a function."
        )

    def _pieces(self):
        batches = self.function()
        if not hasattr(batches, "__iter__"):
            raise ValueError(
                f"The source of {self.owner} must be a function that returns an iterator of (X, y) "
                f"or (X, y, weight). It returned a {type(batches).__name__}."
            )
        of_pass = "" if self.known is None else " of a later pass"
        for number, batch in enumerate(batches):
            place = f"batch {number} in the source"
            if not isinstance(batch, tuple | list) or not 2 <= len(batch) <= 3:
                raise ValueError(
                    f"The source of {self.owner} must give batches of (X, y) or (X, y, weight). "
                    f"Got a {type(batch).__name__}"
                    f"{f' of length {len(batch)}' if hasattr(batch, '__len__') else ''} as batch "
                    f"{number}."
                )
            X, y, weight = (*batch, None)[:3]
            shape = _shape_of(X, y, weight)
            known = self.known = self.known or shape
            if shape != known:
                what = next(name for name in shape if shape[name] != known[name])
                raise ValueError(
                    f"The batches in the source of {self.owner} must agree in {what}. Got "
                    f"{_shown(known[what])} in the first batch and {_shown(shape[what])} in batch "
                    f"{number}{of_pass}."
                )
            self.columns = shape["the names of the columns of X"]
            self.label_names = shape["the names of the labels"]
            yield Piece(X, y, weight, place, 0)


def _shape_of(X, y, weight):
    """What must be the same in all batches of a function."""
    # The columns of Arrow's tables are the values.
    names = getattr(X, "column_names", getattr(X, "columns", None))
    shape, of_y = _lengths(X), _lengths(y)
    is_multilabel = len(of_y) == 2 and of_y[1] > 1 and is_indicator(y)
    return {
        "the number of columns of X": shape[1] if len(shape) > 1 else 0,
        "the names of the columns of X": None if names is None else list(names),
        "the number of labels": of_y[1] if is_multilabel else None,
        "the names of the labels": list(y.columns)
        if is_multilabel and hasattr(y, "columns")
        else None,
        "whether rows have a weight": weight is not None,
    }


def _lengths(values):
    """The shape of an array; none of lists that are no array, which is said by another check."""
    try:
        return np.shape(values)
    except ValueError:
        return ()


def _shown(value):
    """A value for messages, also a list of names."""
    return some_of(value) if isinstance(value, list) else repr(value)
