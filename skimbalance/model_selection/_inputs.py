"""Several inputs of a network as one object with rows, which scikit-learn divides."""

import reprlib
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, NoReturn, Self

from skimbalance._validation import indexable_inputs, n_rows, safe_indexing

__all__ = ["Inputs"]


class Inputs:
    """Several inputs of a network as one X, so that scikit-learn can divide their rows.

    scikit-learn counts the entries of a dict or a list as rows, and so cannot divide a dict of
    arrays. This object has the length and the rows of the arrays in it: an index chooses the
    same rows of each. `GridSearchCV`, `cross_val_score`, `cross_val_predict`, `learning_curve`
    and `train_test_split` take it as they take an array, and
    `skimbalance.ImbalancedKerasClassifier` takes it as it takes the dict or the list in it.
    `skimbalance.TunedDecisionClassifierCV` needs no such object, but takes it, too.

    Parameters
    ----------
    inputs : dict, or list or tuple, of array-likes of shape (n_samples, ...)
        The inputs by their names, or in their order: arrays, tables, or sparse matrices.

    Attributes
    ----------
    inputs : dict or list
        The inputs.
    shape : tuple of int
        ``(n_samples,)``, the number of rows.

    Raises
    ------
    ValueError
        If there are no inputs, or the numbers of their rows differ.

    See Also
    --------
    skimbalance.ImbalancedKerasClassifier : A classifier around a network of several inputs.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import train_test_split
    >>> from skimbalance.model_selection import Inputs
    >>> X = Inputs({"amounts": np.ones((100, 3)), "image": np.ones((100, 8, 8, 1))})
    >>> y = np.repeat([0, 1], [90, 10])
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
    >>> X_test
    Inputs of 25 rows: 'amounts' (25, 3), 'image' (25, 8, 8, 1)
    """

    def __init__(self, inputs: Mapping[Any, Any] | Sequence[Any]) -> None:
        is_dict = isinstance(inputs, Mapping)
        if not (is_dict or isinstance(inputs, list | tuple)) or not inputs:
            raise ValueError(
                "The 'inputs' parameter of Inputs must be a dict or a list of arrays, one for each "
                f"input of the network. Got {reprlib.repr(inputs)} instead."
            )
        keys = [*inputs] if is_dict else [*range(len(inputs))]
        parts = indexable_inputs([inputs[key] for key in keys], keys, "The 'inputs' of Inputs")
        self.inputs = dict(zip(keys, parts, strict=True)) if is_dict else parts

    @property
    def shape(self) -> tuple[int]:
        """The number of rows, as a tuple."""
        return (len(self),)

    def __len__(self) -> int:
        return int(n_rows(next(iter(self._by_key().values()))) or 0)

    def __getitem__(self, rows: Any) -> Self:
        if isinstance(rows, tuple):
            # scikit-learn asks arrays for [rows, ...].
            rows, *_ = rows
        rows = [rows] if isinstance(rows, Integral) else rows
        chosen = {key: safe_indexing(part, rows) for key, part in self._by_key().items()}
        return type(self)(chosen if isinstance(self.inputs, dict) else [*chosen.values()])

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        raise ValueError(
            f"X must be one array or table here. Got {self!r} instead, which "
            "ImbalancedKerasClassifier takes: join the inputs, or use that with a network of "
            "several inputs."
        )

    def __repr__(self) -> str:
        shapes = [f"{key!r} {getattr(x, 'shape', '')}" for key, x in self._by_key().items()]
        return f"Inputs of {len(self)} rows: {', '.join(shapes)}"

    def _by_key(self):
        return self.inputs if isinstance(self.inputs, dict) else dict(enumerate(self.inputs))
