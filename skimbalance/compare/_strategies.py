"""Named remedies for imbalance, each an estimator that takes mixed tables."""

import os
import re
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from sklearn import get_config
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from skimbalance._response import for_last_step, last_step, with_groups
from skimbalance.classifier import ImbalancedMLPClassifier
from skimbalance.compare._names import DEFAULT_OF_THE_CLASSIFIER, STRATEGIES
from skimbalance.decision import TunedDecisionClassifierCV
from skimbalance.ensemble import ImbalancedEnsembleClassifier
from skimbalance.metrics._scores import rarest
from skimbalance.preprocessing import TableSteps, table_steps
from skimbalance.sampling import EachClassSMOTE

__all__ = [
    "DEFAULT_OF_THE_CLASSIFIER",
    "STRATEGIES",
    "TUNED",
    "fit_given",
    "make_strategy",
    "over_table",
    "strategies_for",
    "takes_weights",
    "with_strategies",
]

# With more rows, batches of 64 would be slow.
MANY_ROWS = 10_000

#: Strategies whose decisions are tuned for the objective.
TUNED = ("tuned_decision", "ensemble")

#: Strategies that create rows, which have no weights.
MAKES_ROWS = ("smote",)

#: Strategies that exist for class labels only.
OF_CLASSES = (
    "logit_adjusted",
    "ldam",
    "over_sampling",
    "under_sampling",
    "smote",
)

# Parameters of the network that all strategies replace.
_PLAIN: dict[str, Any] = {
    "loss": "crossentropy",
    "class_weight": None,
    "sampling": "shuffle",
    "loss_params": None,
    "alpha": None,
}

# Parameters of the network that a strategy changes.
_CHANGES: dict[str, dict[str, Any]] = {
    "sqrt_weighted": {"class_weight": 0.5},
    "class_weighted": {"class_weight": "balanced"},
    "effective_number": {"class_weight": "effective"},
    "logit_adjusted": {"loss": "logit_adjusted"},
    "focal": {"loss": "focal"},
    "focal_weighted": {"loss": "focal", "class_weight": "balanced"},
    "ldam": {
        "loss": "ldam",
        "class_weight": "balanced",
        "loss_params": {"deferred": 0.8},
    },
    "balanced_batches": {"sampling": "balanced"},
}

Function = TypeVar("Function", bound=Callable[..., Any])


def with_strategies(function: Function) -> Function:
    """Fill a docstring in: a line {strategies} says what they do, {default} the default."""
    if function.__doc__ is not None:  # python -OO strips docstrings
        function.__doc__ = re.sub(
            r"^( *)\{(strategies|default)\}$", _filled, function.__doc__, flags=re.MULTILINE
        )
    return function


def _filled(match: re.Match[str]) -> str:
    indent, place = match.groups()
    if place == "default":
        return textwrap.fill(
            DEFAULT_OF_THE_CLASSIFIER, 100, initial_indent=indent, subsequent_indent=indent
        )
    return "\n".join(
        textwrap.fill(
            f'- "{name}": {text}', 100, initial_indent=indent, subsequent_indent=f"{indent}  "
        )
        for name, text in STRATEGIES.items()
    )


def default_network(
    n_rows: int, random_state: int | np.random.RandomState | None = None
) -> ImbalancedMLPClassifier:
    """The network that strategies train if the user gives none.

    Up to 10,000 rows all strategies have one batch size, also after over- or under-sampling, so
    that they train as one stack. Beyond, batches grow with the rows that are trained on, and most
    networks are stacks of their own. On the four data sets tried, the falling learning rate was as
    good as 0.001 or better.
    """
    return ImbalancedMLPClassifier(
        (64, 32),
        batch_size=64 if n_rows <= MANY_ROWS else "auto",
        epochs=50,
        learning_rate=3e-3,
        learning_rate_schedule="cosine",
        early_stopping=False,
        random_state=random_state,
    )


def make_strategy(
    name: str,
    X: Any,
    y: Any,
    *,
    network: ImbalancedMLPClassifier | None = None,
    objective: Any = "f1_macro",
    level: float | None = None,
    cost_matrix: Any = None,
    pos_label: Any = None,
    random_state: int | np.random.RandomState | None = None,
    verbose: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
) -> Any:
    """An unfitted estimator for tables like X.

    Parameters
    ----------
    name : str
        Key of `STRATEGIES`.
    X : DataFrame or ndarray of shape (n_samples, n_features)
        Table; the types of its columns decide how they are prepared.
    y : array-like of shape (n_samples,) or None
        Class labels; the rarest is the class of objective="f1" without a `pos_label`, as in
        `TunedDecisionClassifierCV`. Only "tuned_decision" and "ensemble" use them.
    network : ImbalancedMLPClassifier, default=None
        Network to train; the strategy replaces its class weights, loss and sampling. By default
        layers 64-32, 50 epochs, and a learning rate that falls from 0.003 to 0; those in
        "ensemble" have the default of `ImbalancedEnsembleClassifier`.
    objective : str, scorer or callable, default="f1_macro"
        Objective of "tuned_decision" and "ensemble".
    level, cost_matrix, pos_label
        What some objectives take, see `TunedDecisionClassifierCV`.
    random_state : int, RandomState instance or None, default=None
        Seed of sampling and folds, and of a network without a seed.
    verbose : int, default=0
        1 shows a progress bar over the epochs of the networks.
    checkpoint : str or path-like, default=None
        Folder in which the fits of the networks are kept; by default that of `network`.

    Returns
    -------
    estimator : classifier
        A pipeline that takes the table, `TunedDecisionClassifierCV` around one, or an
        `ImbalancedEnsembleClassifier`.
    """
    if name not in STRATEGIES:
        raise ValueError(f"A strategy must be one of {list(STRATEGIES)!r}. Got {name!r} instead.")
    decision: dict[str, Any] = {"objective": objective, "random_state": random_state}
    decision |= {"level": level, "cost_matrix": cost_matrix, "pos_label": pos_label}
    if pos_label is None and objective == "f1" and name in TUNED:
        labels, counts = np.unique(y, return_counts=True)
        decision["pos_label"] = labels.tolist()[rarest(counts)]
    if name == "ensemble":
        plain = None if network is None else clone(network).set_params(**_PLAIN)
        return ImbalancedEnsembleClassifier(
            plain, verbose=verbose, checkpoint=checkpoint, **decision
        )
    network = default_network(len(X), random_state) if network is None else clone(network)
    if network.random_state is None:
        network.set_params(random_state=random_state)
    network.set_params(**_PLAIN, verbose=max(verbose, network.verbose))
    network.set_params(checkpoint=network.checkpoint if checkpoint is None else checkpoint)
    if get_config()["enable_metadata_routing"]:
        network.set_fit_request(sample_weight=True)
    steps = _array_steps(X)
    network.set_params(**_CHANGES.get(name, {}))
    if name == "over_sampling":
        from imblearn.over_sampling import RandomOverSampler

        network.set_params(sampling=RandomOverSampler(random_state=random_state))
    if name == "under_sampling":
        from imblearn.under_sampling import RandomUnderSampler

        network.set_params(sampling=RandomUnderSampler(random_state=random_state))
    if name == "smote":
        sampler = EachClassSMOTE(steps.categorical, random_state=random_state)
        return _pipeline(steps.clean, sampler, steps.encode, network)
    estimator = _pipeline(steps.clean, steps.encode, network)
    return TunedDecisionClassifierCV(estimator, **decision) if name in TUNED else estimator


def strategies_for(
    names: Sequence[str] | None, *, multilabel: bool, weighted: bool, one_table: bool
) -> tuple[list[str], list[str]]:
    """The strategies to compare, and a note on those that the data leave out.

    Parameters
    ----------
    names : sequence of str or None
        Names of strategies; None for all that take the data.
    multilabel : bool
        Whether y is a label indicator matrix.
    weighted : bool
        Whether rows have weights.
    one_table : bool
        Whether X is one table, and not several inputs.

    Returns
    -------
    names : list of str
        The strategies, in the order of their simplicity.
    notes : list of str
        The note, if there is one.

    Raises
    ------
    ValueError
        If a name is unknown, or that of a strategy that does not take the data.
    """
    refused: dict[str, str] = {}
    if weighted:
        refused |= dict.fromkeys(MAKES_ROWS, "rows that a sampler creates have no weights")
    if multilabel:
        refused |= dict.fromkeys(OF_CLASSES, "they are made for classes, and y is multilabel")
    if not one_table:
        refused |= dict.fromkeys(STRATEGIES, "they are for one table, and X has several inputs")
    if names is not None:
        for name in names:
            if name not in STRATEGIES:
                raise ValueError(
                    f"A strategy must be one of {list(STRATEGIES)!r}. Got {name!r} instead."
                )
            if name in refused:
                raise ValueError(
                    "The 'strategies' parameter of compare_strategies must leave out "
                    f"{[*refused]!r}, as {refused[name]}. Got {name!r}."
                )
        return [name for name in STRATEGIES if name in names], []
    notes = []
    for reason in dict.fromkeys(refused.values()):
        left_out = [name for name in STRATEGIES if refused.get(name) == reason]
        notes.append(f"The strategies {', '.join(left_out)} are left out, as {reason}.")
    return [name for name in STRATEGIES if name not in refused], notes


def fit_given(estimator: Any, groups: Any, sample_weight: Any) -> dict[str, Any]:
    """The arguments for the fit of an estimator by which it gets groups and weights.

    Parameters
    ----------
    estimator : classifier
        Classifier or pipeline.
    groups : ndarray of shape (n_samples,) or None
        Groups of the rows.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights of the rows, for the last step of a pipeline.

    Returns
    -------
    given : dict of str to ndarray
        Only what the estimator takes.
    """
    given = {} if groups is None else with_groups(estimator, groups)
    if sample_weight is None or not takes_weights(estimator):
        return given
    routed = get_config()["enable_metadata_routing"]
    name = "sample_weight" if routed else for_last_step(estimator, "sample_weight")
    return given | {name: sample_weight}


def takes_weights(estimator: Any) -> bool:
    """Whether the last step of a pipeline, or a classifier, names weights in its fit."""
    return has_fit_parameter(last_step(estimator), "sample_weight")


def over_table(estimator: Any, X: Any) -> Any:
    """A pipeline from tables like X to a classifier of numbers; a pipeline is left as it is."""
    if hasattr(estimator, "steps"):
        return estimator
    steps = _array_steps(X)
    return _pipeline(steps.clean, steps.encode, estimator)


def _array_steps(X: Any) -> TableSteps:
    """Steps that hand on arrays, whatever output scikit-learn is configured for."""
    steps = table_steps(X)
    steps.clean.set_output(transform="default")
    if not isinstance(steps.encode, str):
        steps.encode.set_output(transform="default")
    return steps


def _pipeline(*steps: Any) -> Any:
    """The steps in a row: imbalanced-learn's pipeline if one of them is a sampler."""
    if len(steps) == 3:
        return Pipeline([*zip(("clean", "encode", "classify"), steps, strict=True)])
    from imblearn.pipeline import Pipeline as SamplingPipeline

    return SamplingPipeline([*zip(("clean", "sample", "encode", "classify"), steps, strict=True)])
