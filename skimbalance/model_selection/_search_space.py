"""What to search: ranges of the parameters that matter most, for scikit-learn or Optuna."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from scipy.stats import loguniform, uniform

from skimbalance._losses.records import CUSTOM, SIGMOID, SOFTMAX
from skimbalance._validation import one_of

__all__ = ["search_space"]

LIBRARIES = ("sklearn", "optuna")


class Range(NamedTuple):
    """Numbers between two ends, drawn uniformly or, with `log`, in their logarithm."""

    low: float
    high: float
    log: bool = False

    def of_sklearn(self) -> Any:
        """The distribution that scikit-learn's searches draw from."""
        if self.log:
            return loguniform(self.low, self.high)
        return uniform(self.low, self.high - self.low)

    def suggested(self, trial: Any, name: str) -> Any:
        """The value that an Optuna trial chooses."""
        return trial.suggest_float(name, self.low, self.high, log=self.log)


class Choice(NamedTuple):
    """One of some values."""

    values: tuple[Any, ...]

    def of_sklearn(self) -> Any:
        """The list that scikit-learn's searches draw from."""
        return list(self.values)

    def suggested(self, trial: Any, name: str) -> Any:
        """The value that an Optuna trial chooses; its storages hold tuples as text."""
        known = {value if isinstance(value, int) else str(value): value for value in self.values}
        return known[trial.suggest_categorical(name, list(known))]


# Sources stand in the notes of `search_space`.
RATES, RATES_OF_NTK = Range(3e-4, 3e-2, log=True), Range(1e-2, 0.3, log=True)
SHAPES: dict[str, Choice] = {
    "hidden_layer_sizes": Choice(((64,), (128, 64), (128, 128), (256, 128))),
    "units": Choice((32, 64, 128)),
    "n_layers": Choice((1, 2)),
}
STRENGTHS = {"gamma": Range(0.0, 5.0), "tau": Range(0.0, 2.0)}


def search_space(estimator: Any, library: str = "sklearn") -> Any:
    """Ranges to search for a network, or for those in a pipeline, a tuner or an ensemble.

    The space is small, as each range costs candidates: it holds the learning rate, the shape of
    the network, dropout, how much rare classes count, and what the estimator's loss and optimizer
    take beside that. It is meant to be changed: delete ranges, or add those of your own network,
    such as "model__units".

    Parameters
    ----------
    estimator : estimator
        An `ImbalancedMLPClassifier`, `ImbalancedKerasClassifier` or `ImbalancedSequenceClassifier`;
        or what holds one, such as a pipeline, a `TunedDecisionClassifierCV`, or an
        `ImbalancedEnsembleClassifier` whose 'estimator' is given. It is not changed. Its 'loss',
        'optimizer' and 'parametrization' decide which ranges there are.
    library : {"sklearn", "optuna"}, default="sklearn"
        Who searches: scikit-learn's `RandomizedSearchCV` or `HalvingRandomSearchCV`, or Optuna.

    Returns
    -------
    space : dict of str to distribution or list, or callable
        For "sklearn" the `param_distributions` of a search, by the names of
        ``estimator.set_params``. For "optuna" a function of a trial that returns the parameters
        which the trial chooses, for ``estimator.set_params``; it also takes ``study.best_trial``.

    Raises
    ------
    ValueError
        If the estimator neither is nor holds one of these networks, or the library is another.

    See Also
    --------
    sklearn.model_selection.RandomizedSearchCV : Draws candidates from the space.

    Notes
    -----
    - "learning_rate": 3e-4 to 3e-2, logarithmic. The range of [2]_ for MLPs, 5e-5 to 5e-3, is moved
      up, as training here has a fixed and small number of epochs. With parametrization="ntk" 0.01
      to 0.3, around that of [1]_. There is none beside an optimizer or a schedule of Keras, which
      has its own.
    - "hidden_layer_sizes": one or two layers of 64 to 256; each shape is compiled once. "units"
      and "n_layers" of taggers: 32 to 128, one or two, where [3]_ found little difference beyond.
    - "dropout": 0 to 0.5, as in [2]_.
    - "class_weight": the power of the inverse class frequency, from 0 (no weights) to 1
      ("balanced"). With a loss that corrects for class frequencies by itself there is none.
    - "gamma": 0 to 5 for loss="focal", the values of [4]_; "tau": 0 to 2 for "logit_adjusted" and
      "vector_scaling", around the 1 of [5]_.
    - "weight_decay": 1e-4 to 0.1, logarithmic, for optimizer="adamw".

    What the weights do depends on the score. Average precision and log-loss judge probabilities,
    and decisions can be tuned afterwards; with "f1_macro" a search finds mostly the class weight
    that moves the decisions.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn, I. Steinwart. "Better by Default: Strong Pre-Tuned MLPs and
       Boosted Trees on Tabular Data." NeurIPS 2024. arXiv:2407.04491
    .. [2] Y. Gorishniy, I. Rubachev, A. Babenko. "On Embeddings for Numerical Features in Tabular
       Deep Learning." NeurIPS 2022. arXiv:2203.05556
    .. [3] N. Reimers, I. Gurevych. "Optimal Hyperparameters for Deep LSTM-Networks for Sequence
       Labeling Tasks." 2017. arXiv:1707.06799
    .. [4] T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár. "Focal Loss for Dense Object
       Detection." ICCV 2017. arXiv:1708.02002
    .. [5] A. K. Menon et al. "Long-tail Learning via Logit Adjustment." ICLR 2021. arXiv:2007.07314

    Examples
    --------
    >>> from sklearn.model_selection import ParameterSampler
    >>> from skimbalance import ImbalancedMLPClassifier, search_space
    >>> clf = ImbalancedMLPClassifier(loss="focal", epochs=20)
    >>> space = search_space(clf)
    >>> sorted(space)
    ['class_weight', 'dropout', 'gamma', 'hidden_layer_sizes', 'learning_rate']
    >>> candidates = list(ParameterSampler(space, 10, random_state=0))
    >>> clf.set_params(**candidates[0]).loss
    'focal'
    """
    if library not in LIBRARIES:
        raise ValueError(
            f"The 'library' parameter of search_space must be {one_of(LIBRARIES)}. "
            f"Got {library!r} instead."
        )
    ranges = {
        prefix + name: values
        for prefix, network in _networks(estimator)
        for name, values in _ranges(network.get_params(deep=False)).items()
    }
    if not ranges:
        raise ValueError(
            "The 'estimator' parameter of search_space must be an ImbalancedMLPClassifier, "
            "ImbalancedKerasClassifier or ImbalancedSequenceClassifier, or hold one, as a pipeline "
            "or an ensemble with a given 'estimator' does. "
            f"Got {' '.join(repr(estimator).split())} instead."
        )
    if library == "sklearn":
        return {name: values.of_sklearn() for name, values in ranges.items()}
    return _suggestions(ranges)


def _suggestions(ranges: dict[str, Range | Choice]) -> Callable[[Any], dict[str, Any]]:
    def suggested(trial: Any) -> dict[str, Any]:
        return {name: values.suggested(trial, name) for name, values in ranges.items()}

    return suggested


def _networks(estimator: Any) -> Iterator[tuple[str, Any]]:
    """The networks in an estimator, each with the prefix of its parameters."""
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        return
    for name, part in {"": estimator, **estimator.get_params()}.items():
        if hasattr(part, "_shared_defaults") and not isinstance(part, type):
            yield (f"{name}__" if name else ""), part


def _ranges(params: dict[str, Any]) -> dict[str, Range | Choice]:
    """The ranges of a network with some parameters."""
    loss, optimizer = params["loss"], params["optimizer"]
    record = {**SIGMOID, **SOFTMAX}.get(loss, CUSTOM) if isinstance(loss, str) else CUSTOM
    ranges: dict[str, Range | Choice] = {}
    is_scheduled = callable(params.get("learning_rate_schedule"))
    if "learning_rate" in params and isinstance(optimizer, str) and not is_scheduled:
        is_ntk = params.get("parametrization") == "ntk"
        ranges["learning_rate"] = RATES_OF_NTK if is_ntk else RATES
    if "weight_decay" in params and isinstance(optimizer, str) and optimizer == "adamw":
        ranges["weight_decay"] = Range(1e-4, 0.1, log=True)
    ranges |= {name: values for name, values in SHAPES.items() if name in params}
    if "dropout" in params:
        ranges["dropout"] = Range(0.0, 0.5)
    if params["alpha"] is None and not record.corrects(params):
        ranges["class_weight"] = Range(0.0, 1.0)
    return ranges | {name: STRENGTHS[name] for name in record.takes if name in STRENGTHS}
