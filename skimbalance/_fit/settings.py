"""The choices of one fit: what its plan and its training may read of an estimator's parameters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

__all__ = ["ADAMW_WEIGHT_DECAY", "Settings"]

# Keras' own default for AdamW; its other optimizers have none.
ADAMW_WEIGHT_DECAY = 0.004


@dataclass(frozen=True, eq=False, kw_only=True)
class Settings:
    """The choices of one fit, checked one by one and resolved; nothing changes them afterwards.

    The fields have the names and meanings of the estimators' parameters, with four differences:
    an estimator around a compiled Keras model takes its loss, optimizer and rates from the model;
    `callbacks` is a tuple; `weight_decay` is a number; and `metrics`, if given, is a function of
    (targets, logits) to a dict of values.
    """

    loss: str | Callable[..., Any]
    gamma: float
    alpha: Any
    tau: float
    loss_params: Mapping[str, Any] | None
    class_weight: Any
    sampling: Any
    output_bias: str | None
    standardize: bool | str
    optimizer: Any
    learning_rate: float
    learning_rate_schedule: Any
    weight_decay: float
    batch_size: int | str
    epochs: int | str
    early_stopping: bool | str
    monitor: str
    validation_fraction: float
    validation: Any
    n_iter_no_change: int | str
    tol: float
    callbacks: tuple[Any, ...]
    verbose: int
    ema_momentum: float | None = None
    bins: str | None = None
    metrics: Callable[..., dict[str, float]] | None = None
    checkpoint: Any = None

    @classmethod
    def of(cls, params: Mapping[str, Any], **resolved: Any) -> Self:
        """Settings from an estimator's attributes; `resolved` ones replace or add to these."""
        names = {field.name for field in fields(cls)}
        values = {name: value for name, value in params.items() if name in names} | resolved
        values["callbacks"] = _as_tuple(values["callbacks"])
        if values["weight_decay"] is None:
            values["weight_decay"] = ADAMW_WEIGHT_DECAY if values["optimizer"] == "adamw" else 0.0
        return cls(**values)


def _as_tuple(callbacks: Any) -> tuple[Any, ...]:
    if callbacks is None:
        return ()
    return tuple(callbacks) if isinstance(callbacks, list | tuple) else (callbacks,)
