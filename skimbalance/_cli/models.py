"""Model files, as the commands that use one open them."""

from skimbalance._cli.output import note
from skimbalance._cli.tables import named

__all__ = ["open_model"]


def open_model(path, table, target=None):
    """A model for a table that has its columns; other columns are named in a note.

    Parameters
    ----------
    path : str
        The model file.
    table : Table
        Rows to apply it to.
    target : str, default=None
        Name of the target, if the file's does not hold.

    Returns
    -------
    model : classifier
        Fitted.
    kinds : dict of str to str
        Its columns to "number" or "text".
    target : str or None
        Name of the target.
    """
    from skimbalance.persistence import load_model, model_info

    info = model_info(path)
    kinds, target = info["columns"], target or info["target"]
    if not kinds or None in kinds.values():
        raise ValueError(
            f"The file '{path}' must say which columns hold numbers and which text. Save the "
            "model by 'skimbalance train', or with the 'columns' parameter of save_model."
        )
    table.check_columns(kinds, "which the model learnt from")
    others = [name for name in table.columns if name not in kinds and name != target]
    if others:
        note(f"{table.name} has columns that the model does not use: {named(others)}.")
    return load_model(path), kinds, target
