"""Arguments of a loss function, and of its posterior, from the estimator's parameters."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from skimbalance._fit.settings import Settings
from skimbalance._losses.records import CUSTOM, CostMatrix, Loss
from skimbalance._validation import matrix_by_label

__all__ = ["corrects_by_itself", "loss_arguments", "record_of"]


def record_of(settings: Settings, losses: Mapping[str, Loss], y_kind: str) -> Loss:
    """The record of the loss that the settings ask for.

    Parameters
    ----------
    settings : Settings
        The settings of the fit.
    losses : mapping of str to Loss
        The named losses of the target.
    y_kind : str
        Kind of y, "class labels" or "a multilabel y", for errors.

    Raises
    ------
    ValueError
        If the target has no loss of this name.
    """
    loss = settings.loss
    if not isinstance(loss, str):
        return CUSTOM
    if loss not in losses:
        raise ValueError(
            f"The 'loss' parameter must be one of {sorted(losses)!r} for {y_kind}. "
            f"Got {loss!r} instead."
        )
    return losses[loss]


def loss_arguments(
    settings: Settings, record: Loss, class_counts: np.ndarray, classes: np.ndarray
) -> dict[str, Any]:
    """Arguments of the function of a loss, by the names of its parameters.

    Parameters
    ----------
    settings : Settings
        The settings of the fit.
    record : Loss
        The loss.
    class_counts : ndarray of shape (n_classes,) or (n_labels, 2)
        How often each class is drawn in training.
    classes : ndarray of shape (n_classes,) or (n_labels,)
        Their labels, by which a labelled cost matrix is read.

    Returns
    -------
    arguments : dict of str to float or ndarray
        The arguments; none for a custom loss.

    Raises
    ------
    ValueError
        If `loss_params` has a key that the loss does not know, or a value out of range.
    """
    if record is CUSTOM:
        return {}
    params = dict(settings.loss_params or {})
    unknown = sorted(set(params) - set(record.params))
    if unknown:
        raise ValueError(
            f"The keys of 'loss_params' must be among {sorted(record.params)!r} for "
            f"loss={settings.loss!r}. Got {unknown!r} instead."
        )
    arguments = {}
    for name, parameter in record.params.items():
        value = params.get(name, parameter.default)
        if isinstance(parameter, CostMatrix):
            value = matrix_by_label(value, classes, name)
        arguments[name] = parameter.checked(value, name, str(settings.loss), len(class_counts))
    if "gamma" in record.takes:
        arguments["gamma"] = settings.gamma
    if "tau" in record.takes:
        arguments["tau"] = settings.tau
    if record.needs_counts:
        arguments["class_counts"] = np.asarray(class_counts, dtype=float)
    return arguments


def corrects_by_itself(
    loss: Any, record: Loss, arguments: Mapping[str, Any], losses: Mapping[str, Loss]
) -> bool:
    """Whether a loss corrects for the class frequencies, apart from class weights of the fit.

    Parameters
    ----------
    loss : str, keras.losses.Loss or callable
        The loss; of custom losses, those of `skimbalance.losses` are known.
    record : Loss
        Its record.
    arguments : mapping of str to object
        Arguments of a named loss.
    losses : mapping of str to Loss
        The named losses of the target.
    """
    function = getattr(type(loss), "function", None)
    if record is not CUSTOM or function is None:
        return record.corrects(arguments)
    if loss.class_weight is not None:
        return True
    known = [one for one in losses.values() if one.function == function.__name__]
    return any(
        one.corrects(loss.parameters)
        or ("alpha" in one.takes and loss.parameters["alpha"] is not None)
        for one in known
    )
