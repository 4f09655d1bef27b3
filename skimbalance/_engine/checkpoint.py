"""Files in which fits are kept, so that one that was killed goes on where it stopped.

A file is named by the content of its job: whoever fits the same again finds it. It holds plain
arrays and JSON, is written whole or not at all, and a later state replaces an earlier one.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from skimbalance._engine.job import Job, Result, Weights
from skimbalance._engine.stopping import value_of
from skimbalance._page.files import replacing
from skimbalance._validation import warn

__all__ = ["Checkpoint", "Pace", "Saved", "replay"]

# Seconds between two writes, at least; and how many times as long as a write takes.
SECONDS, TIMES = 1.0, 10

# Name of the JSON document among the arrays of a file.
ABOUT = "about"


@dataclass(frozen=True, eq=False)
class Saved:
    """How far a fit has come.

    Parameters
    ----------
    weights : dict of str to ndarray
        All weights as they stand; after the fit, those that it keeps.
    slots : tuple of ndarray
        The optimizer's state, which a finished fit does not need.
    kept : dict of int to dict of str to ndarray
        Weights after the epochs, counted from 1, that are or may become the best.
    history : dict of str to list of float
        Loss, score and metrics of each epoch that is over.
    step : int
        Number of steps taken.
    total : float
        Sum of the losses of the rows in the epoch that has begun.
    result : dict or None
        Number of epochs, best epoch and path of a finished fit.
    """

    weights: Weights
    slots: tuple[np.ndarray, ...] = ()
    kept: dict[int, Weights] = field(default_factory=dict)
    history: dict[str, list[float]] = field(default_factory=dict)
    step: int = 0
    total: float = 0.0
    result: dict[str, Any] | None = None


class Checkpoint:
    """The file of one job, and how far an earlier fit of it came.

    Parameters
    ----------
    folder : Path
        A folder that exists.
    key : str
        What names the content of the job.

    Attributes
    ----------
    saved : Saved or None
        What the file held; None without one, or where it was damaged.
    """

    def __init__(self, folder: Path, key: str):
        self._path = folder / f"{key}.npz"
        self._failed = False
        self.saved = self._read()

    def _read(self) -> Saved | None:
        try:
            with open(self._path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
                about = json.loads(file[ABOUT].tobytes())
                arrays = {tuple(name.split("/", 2)): file[name] for name in file if name != ABOUT}
            return Saved(
                weights={n: value for (kind, _, n), value in arrays.items() if kind == "weights"},
                slots=tuple(arrays["slots", str(i), ""] for i in range(about.pop("n_slots"))),
                kept={
                    epoch: {n: v for (kind, e, n), v in arrays.items()
                            if kind == "kept" and e == str(epoch)}
                    for epoch in about.pop("epochs")
                },
                **about,
            )  # fmt: skip
        except FileNotFoundError:
            return None
        except Exception as error:  # whatever NumPy, zipfile and JSON raise for damaged bytes
            warn(
                f"The checkpoint '{self._path}' cannot be read, so its fit starts anew: "
                f"{getattr(error, 'strerror', None) or 'it is damaged'}."
            )
            return None

    def write(self, saved: Saved) -> None:
        """Replace the file; if that fails, as on a full disk, warn once."""
        arrays: dict[str, Any] = {
            f"weights//{name}": value for name, value in saved.weights.items()
        }
        arrays |= {f"slots/{i}/": value for i, value in enumerate(saved.slots)}
        for epoch, weights in saved.kept.items():
            arrays |= {f"kept/{epoch}/{name}": value for name, value in weights.items()}
        about = {
            "n_slots": len(saved.slots),
            "epochs": [*saved.kept],
            "history": {name: [*map(float, values)] for name, values in saved.history.items()},
            "step": saved.step,
            "total": saved.total,
            "result": saved.result,
        }
        arrays[ABOUT] = np.frombuffer(json.dumps(about).encode(), np.uint8)
        try:
            with replacing(self._path) as draft, open(draft, "wb") as file:
                np.savez(file, **arrays)
        except OSError as error:
            if not self._failed:
                self._failed = True
                warn(
                    f"The checkpoint '{self._path}' cannot be written, so what is trained from "
                    f"here on is lost if the fit is interrupted: {error.strerror or error}."
                )

    def finish(self, result: Result, kept: dict[int, Weights]) -> None:
        """Write the result, and the weights that a committee may still ask for."""
        about = {name: getattr(result, name) for name in ("n_epochs", "best_epoch", "path")}
        self.write(Saved(result.weights, kept=kept, history=result.history, result=about))

    def result(self) -> Result | None:
        """The result of a fit that is finished."""
        saved = self.saved
        if saved is None or saved.result is None:
            return None
        return Result(weights=saved.weights, slots=None, history=saved.history, **saved.result)

    @property
    def kept(self) -> dict[int, Weights]:
        """Weights after the epochs that are or may become the best."""
        return {} if self.saved is None else self.saved.kept


class Pace:
    """When to write: once a second at most, and for about a tenth of the time at most."""

    def __init__(self) -> None:
        self._due = time.monotonic() + SECONDS

    def __call__(self, write: Callable[[], Any]) -> None:
        """Write if it is time to."""
        begun = time.monotonic()
        if begun >= self._due:
            write()
            ended = time.monotonic()
            self._due = ended + max(SECONDS, TIMES * (ended - begun))


def replay(job: Job, history: dict[str, list[float]], kept: dict[int, Any], update: Any) -> None:
    """Tell what chooses the best epoch of the epochs that are over.

    Parameters
    ----------
    job : Job
        The fit.
    history : dict of str to list of float
        Loss, score and metrics of each epoch.
    kept : dict of int to object
        Weights after the epochs that are or may become the best; others are no longer known.
    update : callable
        ``update(epoch, value, weights)``, as of `EarlyStopping`.
    """
    if job.validation is None:
        return
    names, numbers = [*history], zip(*history.values(), strict=True)
    for epoch, values in enumerate(numbers, 1):
        if epoch > job.deferred_until:
            record = dict(zip(names, values, strict=True))
            update(epoch, value_of(job, record), partial(kept.get, epoch))
