"""The folder in which fits are kept, and the sentence that says how to go on from there."""

import os
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["check_checkpoint", "with_hint"]


def check_checkpoint(
    checkpoint: str | os.PathLike[str] | None, random_state: Any, owner: str
) -> None:
    """Check that fits can be kept in a folder, which is made if it does not exist.

    Parameters
    ----------
    checkpoint : str, path-like or None
        The folder; None keeps nothing.
    random_state : int, RandomState instance or None
        The seed of the fit.
    owner : str
        Name of the estimator, for errors.

    Raises
    ------
    ValueError
        If the folder cannot be written to, or the fit has no seed.
    """
    if checkpoint is None:
        return
    if random_state is None:
        raise ValueError(
            f"The 'random_state' parameter of {owner} must be an int where fits are kept in a "
            f"'checkpoint', as another seed makes another fit. Got None and {checkpoint!r}."
        )
    try:
        Path(checkpoint).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=checkpoint):
            pass
    except OSError as error:
        raise ValueError(
            f"The 'checkpoint' parameter of {owner} must name a folder that can be written to. "
            f"Got {checkpoint!r}: {error.strerror or error}."
        ) from error


def with_hint(text: str, checkpoint: str | os.PathLike[str] | None) -> str:
    """What an interrupted fit says: how far it came and, with a checkpoint, how it goes on."""
    if checkpoint is None:
        return text
    return (
        f"{text or 'Interrupted.'} Fit again with the same data and "
        f"checkpoint={os.fspath(checkpoint)!r} to go on from there."
    )
