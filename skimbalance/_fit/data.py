"""The rows of a fit, also after a sampler."""

import reprlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from scipy.sparse import issparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.utils import column_or_1d

from skimbalance._engine.joblib_backend import content_of
from skimbalance._engine.shared import digest
from skimbalance._fit.network import RowEncoder
from skimbalance._validation import as_array, class_indices, some_of

__all__ = ["Data", "StreamedData", "resample"]

# How samplers call the number of neighbours that they need within a class.
NEIGHBOURS = {"k_neighbors", "m_neighbors", "n_neighbors"}


@dataclass(frozen=True, eq=False)
class Data:
    """Rows of one or several arrays, with their targets and weights.

    Parameters
    ----------
    X : tuple of ndarray
        The arrays, one for each input of the network.
    index : ndarray of int of shape (n_rows,)
        Numbers of the rows within the arrays.
    y : ndarray of shape (n_rows, ...)
        Class indices, or an indicator matrix; see `skimbalance._fit.targets`.
    weight : ndarray of shape (n_rows,) or (n_rows, n_steps)
        How much each row counts, or each step of a sequence.
    weighted : bool
        Whether the caller gave the weights.
    lengths : ndarray of int of shape (n_rows,), default=None
        Number of steps of each row, where rows are sequences.
    n_levels : ndarray of int of shape (n_columns,), default=None
        Where X is the matrix of a table: number of levels of each column, -1 for numbers.
    groups : ndarray of shape (n_rows,), default=None
        The group of each row, none of which may be divided.
    given : ndarray of int of shape (n_rows,), default=None
        Numbers of the rows in what the caller gave, where they are not `index`.
    content : bytes, default=None
        The digest of X, where other fits may share what follows from it.
    """

    X: tuple[np.ndarray, ...]
    index: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    weighted: bool
    lengths: np.ndarray | None = None
    n_levels: np.ndarray | None = None
    groups: np.ndarray | None = None
    given: np.ndarray | None = None
    content: bytes | None = None

    @cached_property
    def key(self) -> tuple[bytes, bytes | None] | None:
        """What names the rows of X by their content; None if other fits share nothing."""
        return None if self.content is None else (self.content, digest(self.index))

    def named(self) -> Self:
        """The same rows with their `content`, which several fits of one call will share."""
        return self if self.content else replace(self, content=digest(*self.X))

    def take(self, rows: np.ndarray) -> Self:
        """Some of the rows."""
        names = ("index", "y", "weight", "lengths", "groups", "given")
        arrays = {name: getattr(self, name) for name in names}
        return replace(self, **{name: x[rows] for name, x in arrays.items() if x is not None})

    def places(self, numbers: np.ndarray) -> np.ndarray:
        """Places of rows, given their numbers for the caller; rows left out of a fit have none."""
        given = self.index if self.given is None else self.given
        return np.flatnonzero(np.isin(given, numbers))


@dataclass(frozen=True, eq=False)
class StreamedData:
    """Training rows in parts on a disk, of which each is a random sample of them.

    Parameters
    ----------
    sizes : ndarray of int of shape (n_parts,)
        Number of rows of each part.
    read : callable
        ``read(part, dtypes)``: inputs of the network, targets, and weights or None.
    weigh : callable
        ``weigh(part, early)``: weights in the loss.
    order : callable
        ``order(y, part, epoch)``: numbers of the rows of a part, in the order of training.
    sample : Data
        Some of the rows.
    shards : object, default=None
        The parts on the workers of a Dask cluster, see `skimbalance._fit.streams.cluster`; they
        are not read from a disk then.
    lack_labels : bool, default=False
        Whether any label of any row is missing, of those in the sample or not.
    """

    sizes: np.ndarray
    read: Callable[..., Any]
    weigh: Callable[..., np.ndarray]
    order: Callable[..., np.ndarray]
    sample: Data
    shards: Any = None
    lack_labels: bool = False

    def __len__(self) -> int:
        return int(self.sizes.sum())


def resample(
    sampler: Any, train: Data, encoder: RowEncoder | None, classes: np.ndarray, seed: int
) -> Data:
    """Rows after an imbalanced-learn sampler, fitted on the training rows only.

    Neighbours are sought among standardised columns, so that no column's unit decides who is
    a neighbour. Missing numbers are filled, and categories are the numbers of their levels.
    """
    (X,) = train.X
    if issparse(X):
        raise ValueError(
            "The 'sampling' parameter must be the name of an order of rows where X is sparse. Got "
            f"{_in_one_line(sampler)}: put the sampler before the classifier, in a pipeline of "
            "imbalanced-learn."
        )
    categories = np.flatnonzero([] if train.n_levels is None else train.n_levels >= 0)
    _check_positions(sampler, categories)
    raw, labels = X[train.index], classes[train.y]
    rows = raw if encoder is None else encoder.comparable(raw)
    # Arrays, whatever output scikit-learn is configured for.
    with config_context(transform_output="default"):
        # Class labels, not indices: a `sampling_strategy` may name them.
        seeded = _seeded(sampler, seed)
        new_rows, new_labels = _resampled(sampler, seeded, rows, labels)
        selected = getattr(seeded, "sample_indices_", None)
        # A smoothed bootstrap names the rows that it started from, but they have moved.
        if (
            selected is not None
            and np.array_equal(new_rows, rows[selected])
            and np.array_equal(new_labels, labels[selected])
        ):
            return train.take(selected)
        if train.weighted:
            raise ValueError(
                "A sampler that creates new rows must not be used with 'sample_weight', which has "
                f"no weight for them. Got {sampler!r}: use one that selects rows, or drop the "
                "weights."
            )
    if encoder is not None:
        _check_categories(sampler, rows, new_rows, categories)
        begins_with_rows = np.array_equal(new_rows[: len(rows)], rows)
        new_rows = encoder.restored(new_rows)
        if begins_with_rows:  # with their gaps
            new_rows[: len(rows)] = raw
    y = class_indices(new_labels, classes)
    return Data(
        (new_rows,),
        np.arange(len(y)),
        y,
        np.ones(len(y)),
        weighted=False,
        n_levels=train.n_levels,
        content=content_of(new_rows),
    )


def _seeded(sampler: Any, seed: int) -> Any:
    """A clone of which every part has a seed, also the samplers within it."""
    sampler = clone(sampler)
    rng = np.random.default_rng(seed)
    seeds = {
        name: seed if name == "random_state" else int(rng.integers(2**31))
        for name, value in sorted(sampler.get_params().items())
        if value is None and name.split("__")[-1] == "random_state"
    }
    return sampler.set_params(**seeds)


def _resampled(
    sampler: Any, seeded: Any, rows: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and class labels from the seeded clone of a sampler, of the same columns and classes.

    Raises
    ------
    ValueError
        If the sampler cannot work with the rows, or gives something else.
    """
    try:
        found = seeded.fit_resample(rows, labels)
    except (ValueError, RuntimeError, IndexError) as error:
        raise ValueError(_why_it_failed(sampler, labels, error)) from error
    try:
        new_rows, new_labels = found
        new_rows = new_rows.toarray() if issparse(new_rows) else np.asarray(new_rows)
        new_labels = column_or_1d(as_array(new_labels))
    except (TypeError, ValueError):
        raise _not_possible(
            sampler, "return rows and a class label for each", reprlib.repr(found)
        ) from None
    if new_rows.ndim != 2 or new_rows.shape[1] != rows.shape[1]:
        raise _not_possible(
            sampler,
            f"return rows with the {rows.shape[1]} columns of X",
            f"rows of shape {new_rows.shape}",
        )
    if len(new_rows) != len(new_labels):
        raise _not_possible(
            sampler,
            "return a label for each row",
            f"{len(new_rows)} rows and {len(new_labels)} labels",
        )
    if new_rows.dtype.kind not in "biuf" or not np.all(np.isfinite(new_rows)):
        raise _not_possible(sampler, "return finite numbers", "other values")
    before, after = set(labels.tolist()), set(new_labels.tolist())
    if after - before:
        raise _not_possible(
            sampler, f"return labels of y: {some_of(sorted(before))}", some_of([*(after - before)])
        )
    if before - after:
        gone = [f"{label!r}" for label in sorted(before - after)]
        raise _not_possible(
            sampler,
            "keep rows of every class",
            f"no row of {', '.join(gone)} from the {len(labels)} training rows",
        )
    return new_rows, new_labels


def _check_positions(sampler, categories):
    """Check that a sampler does not name the columns of categories: the rows are an array."""
    for name, value in sampler.get_params().items():
        if name.split("__")[-1] != "categorical_features" or value is None:
            continue
        if np.asarray(value).dtype.kind in "OU":  # "auto", or names
            raise ValueError(
                "The sampler in the 'sampling' parameter must have the positions of the columns of "
                f"categories, categorical_features={categories.tolist()!r} for this X. "
                f"Got {_in_one_line(sampler)} instead."
            )


def _check_categories(sampler, rows, new_rows, categories):
    """Check that no new row lies between categories, of which only the numbers are known."""
    if not len(categories) or _are_rows_of(new_rows, rows):
        return
    is_all = len(categories) == rows.shape[1]
    knows = is_all or any(
        name.split("__")[-1] == "categorical_features" and len(value)
        for name, value in sampler.get_params().items()
    )
    if knows and all(np.isin(new_rows[:, j], rows[:, j]).all() for j in categories):
        return
    argument = f"(categorical_features={categories.tolist()!r})"
    remedy = "SMOTEN()" if is_all else f"SMOTENC{argument}"
    raise ValueError(
        "The sampler in the 'sampling' parameter must know the columns of categories, between "
        f"which no rows lie. Got {_in_one_line(sampler)}: use {remedy} of imbalanced-learn, "
        f"EachClassSMOTE{argument} of skimbalance.sampling, or a sampler that selects rows."
    )


def _are_rows_of(new_rows, rows):
    """Whether all rows are copies of given ones."""
    n_different = [len(np.unique(part, axis=0)) for part in (rows, np.vstack([rows, new_rows]))]
    return n_different[0] == n_different[1]


def _not_possible(sampler, rule, got):
    return ValueError(
        f"The sampler in the 'sampling' parameter must {rule}. Got {got} from "
        f"{_in_one_line(sampler)}."
    )


def _why_it_failed(sampler, labels, error):
    """The sentence for a sampler that failed, mostly as a class has too few rows."""
    classes, counts = np.unique(labels, return_counts=True)
    rarest = int(np.argmin(counts))
    n_rows, of_class = int(counts[rarest]), repr(classes[rarest : rarest + 1].tolist()[0])
    message = (
        "The sampler in the 'sampling' parameter must be able to work with the training rows, of "
        f"which class {of_class} has only {n_rows}. Got an error from {_in_one_line(sampler)} "
        f"instead: {_in_one_line(error, str)}"
    )
    if "neighbors" not in str(error):
        return message
    names = sorted({name.split("__")[-1] for name in sampler.get_params()} & NEIGHBOURS)
    lower = f"lower its {' and '.join(names or ['k_neighbors'])} to {n_rows - 1} or less, or "
    return (
        f"{message.rstrip('.')}: {lower if n_rows > 1 else ''}use another sampler, such as "
        "skimbalance.sampling.EachClassSMOTE."
    )


def _in_one_line(value, text=repr):
    return " ".join(text(value).split())
