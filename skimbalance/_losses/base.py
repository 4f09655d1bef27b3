"""What the Keras losses share: parameters, class weights, checks, a config."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from skimbalance._losses.functions import Tensor, per_class
from skimbalance._validation import by_label, is_labelled


class FunctionLoss(keras.losses.Loss):
    """A loss function with its parameters; subclasses define the `function`."""

    function: Callable

    def __init__(
        self,
        parameters: Mapping[str, Any],
        *,
        class_weight: npt.ArrayLike | None,
        from_logits: bool,
        reduction: str | None,
        name: str | None,
        dtype: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.parameters = {key: plain(value, key) for key, value in parameters.items()}
        self.class_weight = plain(class_weight, "class_weight")
        self.from_logits = from_logits
        if class_weight is not None:
            self._check_per_class("class_weight", self.class_weight)
        if "class_counts" in parameters:
            self._check_per_class("class_counts", self.parameters["class_counts"])

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        values = type(self).function(
            y_true, y_pred, from_logits=self.from_logits, **self.parameters
        )
        if self.class_weight is None:
            return values
        return values * per_class(self.class_weight, y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            **self.parameters,
            "class_weight": self.class_weight,
            "from_logits": self.from_logits,
        }

    def _check_range(
        self, key: str, low: float = -np.inf, high: float = np.inf, *, open_low: bool = False
    ) -> None:
        value = self.parameters[key]
        try:
            inside = low <= value <= high and np.isfinite(value) and not (open_low and value == low)
        except TypeError:
            inside = False
        if not inside:
            bracket = "(" if open_low or low == -np.inf else "["
            end = "inf)" if high == np.inf else f"{high}]"
            raise ValueError(
                f"The {key!r} parameter of {type(self).__name__} must be a float in the range "
                f"{bracket}{low}, {end}. Got {value!r} instead."
            )

    def _check_per_class(self, key: str, values: Any) -> None:
        try:
            array = np.asarray(values, dtype=float)
        except (TypeError, ValueError):
            array = np.array(np.nan)
        if (
            array.ndim != 1
            or array.size == 0
            or not np.all(np.isfinite(array))
            or np.any(array < 0)
        ):
            rule = "a one-dimensional array of finite numbers that are not negative"
        elif key == "class_counts" and np.any(array == 0):
            rule = "positive for every class"
        else:
            return
        raise ValueError(
            f"The {key!r} parameter of {type(self).__name__} must be {rule}. "
            f"Got {values!r} instead."
        )


def plain(value: Any, name: str) -> Any:
    """Turn arrays, and sequences of NumPy's numbers, into lists, so that a config is JSON.

    A dict, a pandas Series or a DataFrame is read by its labels, which are the numbers of the
    classes, as a loss does not know their names.
    """
    if is_labelled(value):
        value = by_label(value, range(len(value)), name)
    if isinstance(value, list | tuple):
        return [plain(item, name) for item in value]
    return np.asarray(value).tolist() if hasattr(value, "__array__") else value
