"""What the Keras losses share: parameters, class weights, checks, a config."""

import keras
import numpy as np

from skimbalance._losses.functions import per_class


class FunctionLoss(keras.losses.Loss):
    """A loss function with its parameters: subclasses name it `function`."""

    def __init__(self, parameters, *, class_weight, from_logits, reduction, name, dtype):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.parameters = {key: plain(value) for key, value in parameters.items()}
        self.class_weight = plain(class_weight)
        self.from_logits = from_logits
        self.check_per_class("class_weight", self.class_weight)
        self.check_per_class("class_counts", self.parameters.get("class_counts"))

    def call(self, y_true, y_pred):
        values = type(self).function(
            y_true, y_pred, from_logits=self.from_logits, **self.parameters
        )
        if self.class_weight is None:
            return values
        return values * per_class(self.class_weight, y_true, y_pred)

    def get_config(self):
        return {
            **super().get_config(),
            **self.parameters,
            "class_weight": self.class_weight,
            "from_logits": self.from_logits,
        }

    def check_range(self, key, low, high=np.inf, *, open_low=False):
        value = self.parameters[key]
        above = low < value if open_low else low <= value
        if not (above and value <= high and np.isfinite(value)):
            bracket = "(" if open_low else "["
            end = "inf)" if high == np.inf else f"{high}]"
            raise ValueError(
                f"The {key!r} parameter of {type(self).__name__} must be a float in the range "
                f"{bracket}{low}, {end}. Got {value!r} instead."
            )

    def check_per_class(self, key, values):
        if values is None:
            return
        array = np.asarray(values, dtype=float)
        if array.ndim != 1 or not np.all(np.isfinite(array)) or np.any(array < 0):
            rule = "a one-dimensional array of finite numbers that are not negative"
        elif key == "class_counts" and np.any(array == 0):
            rule = "positive for every class"
        else:
            return
        raise ValueError(
            f"The {key!r} parameter of {type(self).__name__} must be {rule}. "
            f"Got {values!r} instead."
        )


def plain(value):
    """Arrays as lists, so that a config is JSON."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
