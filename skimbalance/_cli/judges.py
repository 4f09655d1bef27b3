"""Which rows of a file larger than memory judge when training stops, and a sample of these."""

from array import array
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from skimbalance._cli.roles import Roles, beside, latest_start
from skimbalance._cli.tables import Part, Table
from skimbalance._cli.targets import LabelColumns, TargetColumn
from skimbalance._fit.held_out import FEWEST_HELD_OUT
from skimbalance._fit.streams.division import MOST_HELD_OUT
from skimbalance._fit.streams.draw import water_filled
from skimbalance._validation import some_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Batch", "Judges", "Sample"]

# Share of the groups that are held out, that of rows in the classifier.
_FRACTION = 0.1

# So many groups are held out by their exact share; of more, each by its own chance.
_FEW_GROUPS = 1_000


class Batch(NamedTuple):
    """Rows as a network takes them, and their weights, if they have any."""

    X: "pd.DataFrame"
    y: "np.ndarray | pd.DataFrame"
    weight: np.ndarray | None

    def take(self, rows: np.ndarray) -> Self:
        """Some of the rows, by their numbers."""
        X, y, weight = self
        y = y[rows] if isinstance(y, np.ndarray) else y.iloc[rows]
        return type(self)(X.iloc[rows], y, None if weight is None else weight[rows])

    @classmethod
    def together(cls, parts: list[Self]) -> Self:
        """All rows of some parts."""
        import pandas as pd

        X, y, weight = zip(*parts, strict=True)
        return cls(
            pd.concat(X, ignore_index=True),
            np.concatenate(y) if isinstance(y[0], np.ndarray) else pd.concat(y, ignore_index=True),
            None if weight[0] is None else np.concatenate(weight),
        )


class Judges:
    """Finds out, part by part, which rows are held out: the latest fifth, or whole groups.

    A group is held out by a number that follows from its name and the seed, so that memory holds
    no group; of the moments it holds one number for each row.

    Parameters
    ----------
    table : Table
        The table.
    roles : Roles
        What its columns are for.
    seed : int
        Seed of the choice of groups.
    """

    def __init__(self, table: Table, roles: Roles, seed: int):
        self._table, self._roles, self._seed = table, replace(roles, weight=None), seed
        self._moments = array("d")
        self._are_dates: set[bool] = set()
        self._groups: set[int] = set()
        self._start, self._most = np.inf, -1

    @property
    def option(self) -> str:
        """The option that says which rows are held out, "" if none does."""
        roles = self._roles
        return "--time" if roles.time is not None else "--groups" if roles.groups else ""

    @property
    def hold_out(self) -> bool:
        """Whether any rows are held out, once decided."""
        return self.option == "--time" or self._most >= 0

    def look(self, part: Part) -> None:
        """Look at more rows."""
        if not self.option:
            return
        given = beside(part, self._roles, "", self._table)
        if "time" in given:
            self._are_dates.add(given["time"].dtype.kind == "M")
            if len(self._are_dates) > 1:
                raise ValueError(
                    f"The column '{self._roles.time}' of {self._table.name}, named by --time, must "
                    "hold either numbers or dates. Got both."
                )
            self._moments.frombytes(_as_numbers(given["time"]).tobytes())
        elif len(self._groups) <= _FEW_GROUPS:
            self._groups.update(self._numbers(given["groups"]).tolist())

    def decide(self, targets: TargetColumn | LabelColumns, *, tuned: bool = False) -> None:
        """Choose the rows, once all have been looked at.

        Groups are held out where there are enough rare rows, as for ``early_stopping="auto"``;
        always where decisions are `tuned`.
        """
        if self._roles.time is not None:
            moments = np.frombuffer(self._moments)
            moments.sort()
            self._start = latest_start(moments, self._roles.time)
            del moments
            self._moments = array("d")
        elif self.option and (tuned or _has_enough(targets)):
            if len(self._groups) < 2:
                raise ValueError(
                    f"The column '{self._roles.groups}' of {self._table.name}, named by --groups, "
                    "must hold at least 2 groups, one to train and one to hold out. Got one."
                )
            few = sorted(self._groups)
            if len(few) <= _FEW_GROUPS:
                self._most = few[max(1, round(_FRACTION * len(few))) - 1]
            else:
                self._most = int(_FRACTION * 2**64)

    def among(self, given: dict[str, Any], n_rows: int) -> np.ndarray:
        """Which of some rows are held out, once decided; `given` is what `beside` gives."""
        if "time" in given:
            return _as_numbers(given["time"]) >= self._start
        if "groups" in given and self._most >= 0:
            return self._numbers(given["groups"]) <= np.uint64(self._most)
        return np.zeros(n_rows, bool)

    def _numbers(self, groups: np.ndarray) -> np.ndarray:
        """A number for each group, any in 64 bits equally likely."""
        from pandas.util import hash_array

        return hash_array(groups.astype(object), hash_key=f"{self._seed:016d}")


def _as_numbers(time: np.ndarray) -> np.ndarray:
    """Moments as floats, which hold dates to the microsecond."""
    if time.dtype.kind == "M":
        time = time.astype("datetime64[us]").astype(np.int64)
    return time.astype(np.float64)


def _has_enough(targets: TargetColumn | LabelColumns) -> bool:
    """Whether there are enough rare rows to judge by."""
    counts = targets.counts
    numbers = np.array([*counts.values()]) if isinstance(counts, dict) else counts[:, :2]
    return numbers.min() * _FRACTION >= FEWEST_HELD_OUT and numbers.min() < numbers.max()


class Sample:
    """At most 100,000 of the rows that judge, the rare classes first.

    Parameters
    ----------
    option : str
        The option that holds them out, for errors.
    targets : TargetColumn or LabelColumns
        Their class labels, or in the multilabel case which rows have a label.
    seed : int
        Seed of the draw.
    """

    def __init__(self, option: str, targets: TargetColumn | LabelColumns, seed: int):
        self._option, self._rng = option, np.random.default_rng(seed)
        counts = targets.counts
        self._counts: np.ndarray | None = None
        self._classes = np.arange(2)
        if isinstance(counts, dict):
            self._classes, self._counts = np.array([*counts]), np.array([*counts.values()])
        self._totals = np.zeros(len(self._classes), dtype=int)
        self._kept: list[tuple[Batch, np.ndarray, np.ndarray]] = []

    def add(self, rows: Batch) -> None:
        """Add rows, some of which may be kept."""
        if isinstance(rows.y, np.ndarray):
            stratum = np.searchsorted(self._classes, rows.y)
        else:
            stratum = (rows.y == 1).any(axis=1).to_numpy().astype(int)
        self._totals += np.bincount(stratum, minlength=len(self._classes))
        self._kept.append((rows, stratum, self._rng.random(len(stratum))))
        if sum(len(key) for _, _, key in self._kept) > 2 * MOST_HELD_OUT:
            self._kept = [self._drawn()]

    def _drawn(self):
        """Of each class the rows with the smallest random keys."""
        parts, strata, keys = zip(*self._kept, strict=True)
        rows, stratum, key = Batch.together(parts), np.concatenate(strata), np.concatenate(keys)
        order = np.lexsort((key, stratum))
        sizes = np.bincount(stratum, minlength=len(self._classes))
        rank = np.arange(len(order)) - np.repeat(sizes.cumsum() - sizes, sizes)
        kept = order[rank < water_filled(self._totals, MOST_HELD_OUT)[stratum[order]]]
        return rows.take(kept), stratum[kept], key[kept]

    def rows(self) -> Batch:
        """The sample, in which each row weighs as many as it stands for.

        Raises
        ------
        ValueError
            If the rows that are left lack a class, or those that judge have fewer than two.
        """
        self._check()
        rows, stratum, _ = self._drawn()
        factor = self._totals / np.maximum(1, np.bincount(stratum, minlength=len(self._totals)))
        if np.any(factor > 1):
            weight = np.ones(len(stratum)) if rows.weight is None else rows.weight
            rows = rows._replace(weight=weight * factor[stratum])
        return rows

    def _check(self):
        """Check that there are rows of each class to train on, and of two to judge by."""
        if self._counts is None:
            return
        remedy = "leave the option out, or give more rows"
        untrained = self._classes[self._counts == self._totals]
        if len(untrained):
            raise ValueError(
                f"Every class must have training rows beside those that {self._option} holds out. "
                f"Got none of {some_of(untrained.tolist())}: {remedy}."
            )
        if np.count_nonzero(self._totals) < 2:
            lacking = self._classes[self._totals == 0].tolist()
            raise ValueError(
                f"The rows that {self._option} holds out must have at least 2 classes, so that "
                f"they judge when to stop. Got {self._totals.sum()} rows without "
                f"{some_of(lacking)}: {remedy}."
            )
