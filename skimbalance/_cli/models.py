"""Model files, and whether a table has the columns of a model."""

from typing import Any

from skimbalance._cli.columns import KINDS
from skimbalance._cli.output import note
from skimbalance._cli.tables import Table
from skimbalance._validation import some_of

__all__ = ["open_model"]


def open_model(
    path: str, table: Table, target: str | None = None
) -> tuple[Any, dict[str, str], str]:
    """Load a model for a table; a note names the columns that the model does not use.

    Parameters
    ----------
    path : str
        The model file.
    table : Table
        Rows to apply the model to.
    target : str, default=None
        Name of the target in the table. By default the name in the model file.

    Returns
    -------
    model : classifier
        The fitted model.
    kinds : dict of str to str
        Name of each column of the model to what it holds, see `read_training`.
    target : str
        Name of the target.
    """
    from skimbalance.persistence import load_model, model_info

    info = model_info(path)
    kinds, target = info["columns"], target or info["target"]
    if not kinds or not KINDS.keys() >= set(kinds.values()):
        raise ValueError(
            f"The file '{path}' must say which columns hold numbers and which text. Save the "
            "model by 'skimbalance train', or with the 'columns' parameter of save_model."
        )
    table.check_columns(kinds, "which the model learnt from")
    others = [name for name in table.columns if name not in kinds and name != target]
    if others:
        note(f"{table.name} has columns that the model does not use: {some_of(others)}.")
    return load_model(path), kinds, target
