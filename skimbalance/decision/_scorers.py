"""scikit-learn's scorers as scores of decisions or of posteriors that are already computed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer, get_scorer_names

from skimbalance._validation import scorer_parts

__all__ = ["Scorer", "as_scorer"]


@dataclass(frozen=True)
class Scorer:
    """A scorer, without the estimator that it would ask for its response.

    Parameters
    ----------
    name : str
        Its name in scikit-learn, or that of its function; with "neg_" where less is better.
    function : callable
        Function of (y_true, response).
    sign : int
        1, or -1 where less is better.
    options : dict
        Other arguments of the function.
    methods : tuple of str
        Methods of a classifier that give the response, in the order of preference.
    """

    name: str
    function: Callable[..., float]
    sign: int
    options: Mapping[str, Any]
    methods: tuple[str, ...]

    def __call__(
        self, true: np.ndarray, response: np.ndarray, weight: np.ndarray | None = None
    ) -> float:
        """The score, larger is better; functions without weights see none."""
        options = dict(self.options)
        if weight is not None and self.takes("sample_weight"):
            options["sample_weight"] = weight
        return self.sign * self.function(true, response, **options)

    @property
    def of_decisions(self) -> bool:
        """Whether it looks at decisions only, and at no scores or probabilities."""
        return self.methods == ("predict",)

    def takes(self, name: str) -> bool:
        """Whether the function has an argument."""
        return name in signature(self.function).parameters

    def default(self, name: str) -> Any:
        """The value of an argument that is given, or its default; None if there is none."""
        if name in self.options or not self.takes(name):
            return self.options.get(name)
        return signature(self.function).parameters[name].default

    def with_option(self, name: str, value: Any) -> "Scorer":
        """The scorer with an argument, if its function has it and it is not yet given."""
        if name in self.options or not self.takes(name):
            return self
        return replace(self, options={**self.options, name: value})


def as_scorer(objective: Any) -> Scorer | None:
    """A scorer of classifiers, given as an object or by its name; None for anything else."""
    name = objective if isinstance(objective, str) else None
    if name is not None:
        if name not in get_scorer_names():
            return None
        objective = get_scorer(name)
    parts = scorer_parts(objective)
    if parts is None:
        return None
    function, sign, options, methods = parts
    # Scorers of regressors and of clusters have names, too.
    if name is not None and not function.__module__.endswith(("_classification", "_ranking")):
        return None
    if name is None:
        name = ("neg_" if sign < 0 else "") + getattr(function, "__name__", "scorer")
    methods = (methods,) if isinstance(methods, str) else tuple(methods)
    # What scikit-learn warns of counts as 0, with and without the warning.
    return Scorer(name, function, sign, options, methods).with_option("zero_division", 0.0)
