"""Model files, and whether a table has the columns of a model."""

from typing import Any

from skimbalance._cli.columns import KINDS
from skimbalance._cli.output import note
from skimbalance._cli.tables import Table
from skimbalance._validation import some_of

__all__ = ["open_model"]


def open_model(
    path: str, table: Table, target: str | None = None
) -> tuple[Any, dict[str, str], str | list[str] | None]:
    """Load a model for a table; a note names the columns that the model does not use.

    Parameters
    ----------
    path : str
        The model file.
    table : Table
        Rows to apply the model to.
    target : str, default=None
        Name of the target in the table, or names between commas. By default those in the model
        file.

    Returns
    -------
    model : classifier
        The fitted model.
    kinds : dict of str to str
        Name of each column of the model to what it holds, see `read_training`.
    target : str, list of str or None
        Name of the target, or in the multilabel case of each label; None if nothing says it.
    """
    from skimbalance.persistence import load_model, model_info

    info = model_info(path)
    kinds, trained = info["columns"], info["target"]
    if not kinds or not KINDS.keys() >= set(kinds.values()):
        raise ValueError(
            f"The file '{path}' must say which columns hold numbers and which text. Save the "
            "model by 'skimbalance train', or with the 'columns' parameter of save_model."
        )
    table.check_columns(kinds, "which the model learnt from")
    named = trained if target is None else _named(table, target, trained)
    targets = named if isinstance(named, list) else [named]
    others = [name for name in table.columns if name not in kinds and name not in targets]
    if others:
        note(f"{table.name} has columns that the model does not use: {some_of(others)}.")
    return load_model(path), kinds, named


def _named(table: Table, text: str, trained: str | list[str] | None) -> str | list[str]:
    """The columns of a table in the place of the targets in training."""
    names = table.named(text)
    n_targets = len(trained) if isinstance(trained, list) else 1
    if len(names) != n_targets:
        raise ValueError(
            f"The option --target must name as many columns as the model has targets: {n_targets}. "
            f"Got {names!r}."
        )
    return names if isinstance(trained, list) else names[0]
