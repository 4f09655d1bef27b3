"""How many rows of each class are held out, and trained on.

All rows of the rare classes are used. The majority (the most frequent class or, in the multilabel
case, the rows without any label) may be thinned out.
"""

from dataclasses import dataclass

import numpy as np

from skimbalance._fit.held_out import stops_early
from skimbalance._fit.settings import Settings
from skimbalance._fit.streams.draw import water_filled
from skimbalance._fit.targets import Labels, Target

__all__ = ["MOST_HELD_OUT", "Division", "Thinning", "divide", "ratio_of", "strata_of"]

#: Held-out rows at most: more would tell no more, and cost memory and time after each epoch.
MOST_HELD_OUT = 100_000

#: Rows that majority_fraction="auto" leaves, unless the other classes have more.
AUTO_ROWS = 2_000_000


@dataclass(frozen=True)
class Thinning:
    """How much of the majority is trained on: a fraction, "auto", or a ratio; all if both are None.

    Parameters
    ----------
    fraction : float in (0, 1], "auto" or None
        Fraction of its rows.
    ratio : float or None
        Its rows for each row of the other classes.
    """

    fraction: float | str | None = None
    ratio: float | None = None

    def of(self, n_majority: int, n_others: int, n_next: int) -> int:
        """Rows of the majority to train on.

        Parameters
        ----------
        n_majority, n_others, n_next : int
            Rows of the majority, of all others, and of the most frequent one of these.
        """
        if self.ratio is not None:
            wanted = round(self.ratio * n_others)
        elif self.fraction == "auto":
            wanted = max(AUTO_ROWS - n_others, n_next)
        else:
            wanted = round((1.0 if self.fraction is None else float(self.fraction)) * n_majority)
        return int(np.clip(wanted, min(1, n_majority), n_majority))


@dataclass(frozen=True, eq=False)
class Division:
    """How many rows of each stratum are held out, and trained on.

    Parameters
    ----------
    n_rows, held_out, trained : ndarray of int of shape (n_strata,)
        Numbers of rows.
    """

    n_rows: np.ndarray
    held_out: np.ndarray
    trained: np.ndarray

    @property
    def kept(self) -> np.ndarray:
        """Share of the rows of each stratum that is trained on, over the largest such share.

        It also differs where held-out rows are capped, as more of the rare ones are held out then.
        """
        shares = ratio_of(self.trained, self.n_rows)
        even = shares[np.argmax(self.n_rows)] * self.n_rows
        if np.all(np.abs(self.trained - even) <= 1):  # but for rounding
            return np.ones(len(shares))
        return shares / shares.max()

    def factor(self, *, by_shift: bool) -> np.ndarray:
        """How many rows a row of each stratum stands for, unless logits are shifted instead."""
        return np.ones(len(self.n_rows)) if by_shift else 1.0 / self.kept

    @property
    def majority_fraction(self) -> float:
        """Share of the majority that is trained on, of its rows that are not held out."""
        return float(ratio_of(self.trained, self.n_rows - self.held_out).min())

    @property
    def parts(self) -> np.ndarray:
        """The numbers for `Draw`."""
        left_out = self.n_rows - self.held_out - self.trained
        return np.stack([left_out, self.held_out, self.trained], axis=1)


def strata_of(target: Target, y: np.ndarray) -> np.ndarray:
    """The class of each row; in the multilabel case whether it has a label."""
    return np.any(y == 1, axis=1).astype(int) if isinstance(target, Labels) else y


def divide(
    settings: Settings,
    target: Target,
    n_rows: np.ndarray,
    extremes: tuple[int, int],
    thinning: Thinning,
    *,
    own: bool,
) -> Division:
    """Decide how many rows of each stratum are held out, and trained on.

    Parameters
    ----------
    settings : Settings
        The choices of the fit.
    target : Target
        What is learnt.
    n_rows : ndarray of int of shape (n_strata,)
        Rows of each stratum.
    extremes : (int, int)
        Rows of the rarest and of the most frequent class.
    thinning : Thinning
        How much of the majority is trained on.
    own : bool
        Whether the caller gives held-out rows.
    """
    held_out = np.zeros_like(n_rows)
    if not own and stops_early(settings, *extremes):
        wanted = np.round(settings.validation_fraction * n_rows).astype(n_rows.dtype)
        # A class of one row trains.
        wanted = np.where(n_rows > 1, np.clip(wanted, 1, n_rows - 1), 0)
        held_out = water_filled(wanted, MOST_HELD_OUT)
    trained = n_rows - held_out
    majority = 0 if isinstance(target, Labels) else int(np.argmax(n_rows))
    others = np.delete(trained, majority)
    trained[majority] = thinning.of(int(trained[majority]), int(others.sum()), int(others.max()))
    return Division(n_rows, held_out, trained)


def ratio_of(n_one: np.ndarray, n_other: np.ndarray) -> np.ndarray:
    """The ratio of numbers of rows; 1 where the other ones are none."""
    return np.divide(n_one, n_other, out=np.ones(len(n_one)), where=n_other > 0)
