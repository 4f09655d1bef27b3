"""What the columns of a table are for: targets, features, and what is said of the rows."""

from argparse import Namespace
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skimbalance._cli.columns import (
    KINDS,
    FeatureColumns,
    as_trained,
    cells_of,
    numbers_of,
    where,
)
from skimbalance._cli.tables import Part, Table
from skimbalance._cli.targets import target_columns
from skimbalance.model_selection import TimeHoldout

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Roles",
    "Rows",
    "beside",
    "later_folds",
    "latest_rows",
    "latest_start",
    "read_training",
    "with_names",
]


@dataclass(frozen=True)
class Roles:
    """Which columns of a table are learnt, left out, or say something of the rows.

    Parameters
    ----------
    target : str or list of str
        Column of the class labels; or columns of 0 and 1, a label each.
    drop : tuple of str, default=()
        Columns to leave out.
    groups, weight, time : str, default=None
        Columns of the groups, weights and moments of the rows, which are left out, too.
    """

    target: str | list[str]
    drop: tuple[str, ...] = ()
    groups: str | None = None
    weight: str | None = None
    time: str | None = None

    @classmethod
    def of(cls, table: Table, args: Namespace) -> "Roles":
        """The roles that the arguments of a command give to the columns of a table."""
        targets = table.named(args.target)
        drop = () if args.drop is None else tuple(table.named(args.drop))
        time = getattr(args, "time", None)
        target = targets[0] if len(targets) == 1 else targets
        return cls(target, drop, args.groups, args.weight, time)

    @property
    def targets(self) -> list[str]:
        """Columns of the targets."""
        return [self.target] if isinstance(self.target, str) else self.target

    def _check(self, table: Table) -> None:
        """Check that a table has the columns, and that none has two roles."""
        table.check_columns(self.targets, "the target")
        table.check_columns(self.drop, "which is to be dropped")
        options = dict.fromkeys(self.targets, "--target")
        if len(options) < len(self.targets):
            raise ValueError(
                f"The option --target must name different columns. Got {self.targets!r}."
            )
        for option in ("groups", "weight", "time"):
            name = getattr(self, option)
            if name is None:
                continue
            table.check_columns([name], f"named by --{option}")
            if name in options:
                raise ValueError(
                    f"The option --{option} must name another column than {options[name]}. Got "
                    f"'{name}' for both."
                )
            options[name] = f"--{option}"

    def features(self, table: Table) -> list[str]:
        """Names of the columns to learn from."""
        others = {*self.targets, *self.drop, self.groups, self.weight, self.time}
        names = [name for name in table.columns if name not in others]
        if "" in names:
            raise ValueError(
                f"{table.name} must have a name for each column. Column "
                f"{table.columns.index('') + 1} has none: name it, or leave it out by --drop ''."
            )
        if not names:
            besides = self.targets[0] if len(self.targets) == 1 else self.targets
            raise ValueError(f"{table.name} must have a column to learn from besides '{besides}'.")
        return names

    def feature_columns(self, table: Table) -> FeatureColumns:
        """What finds out which columns hold numbers and which text, the weights among them."""
        self._check(table)
        weight = [] if self.weight is None else [self.weight]
        return FeatureColumns(table, [*self.features(table), *weight], self.weight)

    def style_of_weights(self, kinds: dict[str, str]) -> str:
        """Take the column of weights out of the kinds of columns; the style of its numbers."""
        return "" if self.weight is None else KINDS[kinds.pop(self.weight)] or ""


class Rows(NamedTuple):
    """All rows to learn from.

    Parameters
    ----------
    X : DataFrame
        The columns to learn from, as their kinds say.
    y : ndarray of shape (n_rows,) or DataFrame of shape (n_rows, n_labels)
        Class labels, or an indicator with a named column for each label.
    kinds : dict of str to str
        What each column of X holds: "text", "number" or, for instance, "number, as 1.234,5".
    beside : dict of str to ndarray of shape (n_rows,)
        What the table says of the rows by columns with these roles: "groups", "sample_weight" and
        "time".
    """

    X: "pd.DataFrame"
    y: Any
    kinds: dict[str, str]
    beside: dict[str, Any]


def read_training(table: Table, roles: Roles) -> Rows:
    """Read all rows to learn from."""
    columns, targets = roles.feature_columns(table), target_columns(table, roles.target)
    part = table.whole()
    targets.look(part)
    targets.decide()
    columns.look(part)
    kinds = columns.kinds()
    style = roles.style_of_weights(kinds)
    y = with_names(targets.labels(part), roles.target)
    return Rows(as_trained(part, kinds, table), y, kinds, beside(part, roles, style, table))


def with_names(labels: np.ndarray, target: str | list[str]) -> "np.ndarray | pd.DataFrame":
    """Class labels as they are; an indicator with the names of its labels."""
    import pandas as pd

    return labels if isinstance(target, str) else pd.DataFrame(labels, columns=target)


def beside(part: Part, roles: Roles, style: str, table: Table) -> dict[str, Any]:
    """What a table says of rows, see `Rows`; `style` is that of the weights."""
    given = {}
    if roles.groups is not None:
        given["groups"] = _groups(part, roles.groups, table)
    if roles.weight is not None:
        given["sample_weight"] = _weights(part, roles.weight, style, table)
    if roles.time is not None:
        given["time"] = _moments(part, roles.time, table)
    return given


def _groups(part, name, table):
    cells = [None if cell is None else str(cell).strip() for cell in cells_of(part.frame[name])]
    _check("groups", "a group", [i for i, cell in enumerate(cells) if not cell], part, name, table)
    return np.array(cells)


def _weights(part, name, style, table):
    values, wrong = numbers_of(part, name, table, style)
    wrong = wrong or np.flatnonzero(~(values >= 0)).tolist()
    _check("weight", "a finite number, at least 0,", wrong, part, name, table)
    return values


def _moments(part, name, table):
    """Numbers, or else dates, which sort as the moments of the rows do."""
    import pandas as pd

    cells = part.frame[name]
    is_date = np.ones(len(cells), bool)
    if table.is_text or pd.api.types.is_numeric_dtype(cells):
        values, others = numbers_of(part, name, table)
        is_date = np.isnan(values)
        if not others:
            _check("time", "a moment", np.flatnonzero(is_date).tolist(), part, name, table)
            return values
    dates = cells.str.strip() if table.is_text else cells
    dates = pd.to_datetime(dates, format="ISO8601", utc=True, errors="coerce")
    no_date = dates.isna().to_numpy()
    # What is neither tells more than a number among dates.
    wrong = np.flatnonzero(no_date & is_date).tolist() or np.flatnonzero(no_date).tolist()
    _check("time", "a number or a date such as 2024-01-31 09:30", wrong, part, name, table)
    return dates.dt.tz_localize(None).to_numpy()


def _check(option, content, wrong, part, name, table):
    if wrong:
        raise ValueError(
            f"The column '{name}' of {table.name}, named by --{option}, must hold {content} in "
            f"each row. Got another value: {where(table, part, part.frame[name], wrong[0])}."
        )


def latest_rows(time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the earlier rows, and of the latest fifth."""
    moments = np.unique(time, return_inverse=True)[1]
    return next(TimeHoldout(column=0).split(moments[:, None]))


def latest_start(moments: np.ndarray, name: str) -> float:
    """The moment at which the latest fifth of the rows begins, as in `latest_rows`.

    Parameters
    ----------
    moments : ndarray of float of shape (n_rows,)
        The moment of each row, in ascending order.
    name : str
        Name of the column, for errors.

    Returns
    -------
    start : float
    """
    n = len(moments)
    moment = moments[np.ceil(0.8 * n).astype(int) - 1]
    # Rows of one moment stay together: they are held out, or the next later moment is the first.
    starts = [np.searchsorted(moments, moment, side) for side in ("left", "right")]
    possible = [start for start in starts if 0 < start < n]
    if not possible:
        raise ValueError(
            f"The column '{name}', named by --time, must have at least 2 different moments, the "
            f"earlier to train and the later to hold out. Got {moment} in all rows."
        )
    return moments[min(possible, key=lambda start: abs(1 - start / n - 0.2))]


def later_folds(time: np.ndarray, n_folds: int, name: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Folds whose test rows are later than their training rows; rows of one moment stay together.

    Parameters
    ----------
    time : ndarray of shape (n_rows,)
        The moment of each row.
    n_folds : int
        Number of folds. Each trains on all rows before its test rows, of which every fold has
        about as many.
    name : str
        Name of the column, for errors.

    Returns
    -------
    splits : list of (ndarray, ndarray)
        Numbers of the training rows and of the test rows of each fold.
    """
    moments = np.sort(time)
    n_tested = len(time) // (n_folds + 1)
    starts = moments[len(time) - n_tested * np.arange(n_folds, 0, -1)] if n_tested else moments[:0]
    fold = np.searchsorted(starts, time, side="right")  # 0 before the first start
    splits = [(np.flatnonzero(fold < i), np.flatnonzero(fold == i)) for i in range(1, n_folds + 1)]
    if not all(len(train) and len(test) for train, test in splits):
        raise ValueError(
            f"The column '{name}', named by --time, must have enough moments for {n_folds} folds "
            f"of later and later rows. Got {len(np.unique(time))} different ones in {len(time)} "
            "rows: give a smaller --cv."
        )
    return splits
