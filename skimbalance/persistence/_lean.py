"""The copy of an estimator that a file holds: only what predictions and later fits need."""

import copy
from typing import Any

from sklearn.base import BaseEstimator

from skimbalance._validation import labels_and_values

__all__ = ["lean"]

# Where scikit-learn's estimators keep what `set_fit_request` and its like asked for.
_REQUESTS = "_metadata_request"

# And what `set_callbacks` set, which no prediction needs.
_CALLBACKS = "_skl_callbacks"

# How attributes begin that hold something for each training row, which no prediction needs.
_OF_TRAINING_ROWS = "oof_"


class _Pairs:
    """Stands in a file for a dict whose keys are not all text; calling the class makes the dict.

    The format keeps keys as text, and would read False back as True.
    """

    __module__ = "skimbalance.persistence"  # its name in files, wherever it stands

    _items: dict[Any, Any]

    def __new__(cls, keys, values):
        """Return a dict."""
        return dict(zip(keys, values, strict=True))

    @classmethod
    def of(cls, items: dict[Any, Any]) -> "_Pairs":
        """The stand-in of a dict."""
        pairs = object.__new__(cls)
        pairs._items = items
        return pairs

    def __reduce__(self):
        return _Pairs, (list(self._items), list(self._items.values()))


def lean(value: Any) -> Any:
    """A copy to store: samplers unfitted, nothing of training rows, dicts with keys of any type.

    A Series or a DataFrame, which this package reads by its labels, becomes a dict by label.
    """
    if hasattr(value, "fit_resample") and not hasattr(value, "steps"):
        return type(value)(**{k: lean(v) for k, v in value.get_params(deep=False).items()})
    if isinstance(value, BaseEstimator):
        new = copy.copy(value)
        for name in [*vars(new)]:
            if name in (_REQUESTS, _CALLBACKS) or name.startswith(_OF_TRAINING_ROWS):
                del vars(new)[name]
        vars(new).update({name: lean(part) for name, part in vars(new).items()})
        return new
    if hasattr(value, "iloc"):
        value = dict(zip(*labels_and_values(value), strict=True))
    if type(value) in (list, tuple):
        return type(value)(map(lean, value))
    if type(value) is dict:
        items = {key: lean(part) for key, part in value.items()}
        return items if all(type(key) is str for key in items) else _Pairs.of(items)
    return value
