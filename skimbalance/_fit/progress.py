"""Scikit-learn's callbacks around a fit: each epoch is a task, and shows the network so far."""

from collections.abc import Callable
from typing import Any

from skimbalance._fit.plan import Plan

__all__ = ["Watch", "watch_of"]


class Watch:
    """Tells the callbacks of an estimator when its fit and each of its epochs begin and end.

    Parameters
    ----------
    estimator : NetworkClassifier
        The estimator that is fitted.
    attributes : callable
        Function from a `Result` to the attributes that a fit with this result sets.
    epochs : int
        Epochs that may be trained.
    X, y : object
        The rows as the caller gave them to `fit`, for callbacks that score.
    metadata : dict of str to object
        What the caller gave beside them, such as "sample_weight".
    """

    def __init__(
        self,
        estimator: Any,
        attributes: Callable[[Any], dict[str, Any]],
        epochs: int,
        X: Any,
        y: Any,
        metadata: dict[str, Any],
    ) -> None:
        self._attributes = attributes
        self._told = {"estimator": estimator, "X": X, "y": y, "metadata": metadata or None}
        self._fit = estimator._init_callback_context(max_subtasks=epochs)
        self._fit.call_on_fit_task_begin(**self._told)

    def epoch_begin(self) -> None:
        """Tell that an epoch begins."""
        self._epoch = self._fit.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._told)

    def epoch_end(self, result: Callable[[], Any]) -> bool:
        """Tell that the epoch is over; whether a callback asks to stop.

        ``result()`` gives the `Result` so far, and is called only if a callback wants to predict.
        """
        return self._epoch.call_on_fit_task_end(
            **self._told, reconstruction_attributes=lambda: self._attributes(result())
        )

    def fit_end(self) -> None:
        """Tell that the estimator is fitted."""
        self._fit.call_on_fit_task_end(**self._told, reconstruction_attributes={})


def watch_of(
    estimator: Any,
    attributes: Callable[[Any], dict[str, Any]],
    plan: Plan,
    shown: tuple[Any, Any, dict[str, Any]],
) -> Watch | None:
    """The watch over a planned fit: of its X, its y and what was given beside them.

    None without callbacks.
    """
    if not getattr(estimator, "_skl_callbacks", None):
        return None
    X, y, beside = shown
    metadata = {name: value for name, value in beside.items() if value is not None}
    return Watch(estimator, attributes, plan.epochs, X, y, metadata)
