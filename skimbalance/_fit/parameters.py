"""The parameters that the estimators share: name, type, default, constraint and text, each once.

An estimator takes them as ``**shared`` and is decorated with `shares`, which completes three things
from the table: its signature, its `_parameter_constraints` and the "Parameters" section of its
docstring. What an estimator states itself wins over the table.
"""

import inspect
import os
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Annotated, Any, TypedDict, TypeVar, get_type_hints

from skimbalance._fit.loss_parameters import record_of
from skimbalance._fit.settings import Settings
from skimbalance._fit.targets import Target
from skimbalance._losses.records import CUSTOM, SIGMOID, SOFTMAX
from skimbalance._validation import HasMethods, Interval, StrOptions, warn_of_no_effect
from skimbalance.metrics._monitors import MONITORS
from skimbalance.sampling._streams import STREAMS

__all__ = [
    "RateParameters",
    "SharedParameters",
    "set_shared",
    "shares",
    "warn_without_effect",
]

T = TypeVar("T")

#: The line of a docstring that the texts of the shared parameters replace.
PLACE = "    [shared parameters]\n"


@dataclass(frozen=True)
class Parameter:
    """A parameter of several estimators.

    Parameters
    ----------
    default : object
        The default, which an estimator may change.
    constraint : list
        Valid types and ranges, as in scikit-learn's `_parameter_constraints`.
    kind : str
        The type, as it stands in the docstring.
    text : str
        The description in the docstring.
    """

    default: Any
    constraint: list[Any]
    kind: str
    text: str

    def entry(self, name: str, default: Any) -> str:
        """The parameter's entry in a docstring."""
        head = f"{name} : {self.kind}, default={_shown(default)}"
        text = textwrap.fill(inspect.cleandoc(self.text), 92)
        return textwrap.indent(f"{head}\n{textwrap.indent(text, '    ')}\n", "    ")


def _shown(default: Any) -> str:
    """A default as docstrings write it: text in double quotes."""
    return f'"{default}"' if isinstance(default, str) else repr(default)


def _at_least(least: int) -> list[Any]:
    return [Interval(Integral, least, None, closed="left")]


WEIGHTS = [
    Interval(Real, 0, 1, closed="both"),
    StrOptions({"auto", "balanced", "effective"}),
    dict,
    "array-like",
    None,
]


class SharedParameters(TypedDict, total=False):
    """Parameters of every estimator around a network."""

    loss: Annotated[
        str | Callable[..., Any],
        Parameter(
            "crossentropy",
            [StrOptions({*SOFTMAX, *SIGMOID}), callable],
            "str, Keras loss or callable",
            """"crossentropy", "focal", "logit_adjusted", "ldam", "vector_scaling", "poly1",
            "generalized", "expected_cost" or "soft_f1", see `skimbalance.losses`; a
            `keras.losses.Loss`; or a function of (one-hot targets, probabilities) to one value for
            each row. A multilabel y has "crossentropy", "focal", "asymmetric",
            "distribution_balanced" and "soft_f1".""",
        ),
    ]
    gamma: Annotated[
        float,
        Parameter(
            2.0,
            [Interval(Real, 0, None, closed="left")],
            "float",
            """Focusing parameter of loss="focal": larger values reduce the weight of rows that
            are already classified well. Other losses do not take it, and warn if it is set.""",
        ),
    ]
    alpha: Annotated[
        Any,
        Parameter(
            None,
            [
                Interval(Real, 0, 1, closed="both"),
                StrOptions({"balanced"}),
                dict,
                "array-like",
                None,
            ],
            'float, "balanced", dict, Series or array-like',
            """Class weights inside loss="focal". A float is the weight of the second of two
            classes (in the multilabel case, of rows with a label), and ``1 - alpha`` that of the
            first; a dict or a Series is read by class label. Together with a `class_weight` that
            you set it corrects for imbalance twice, which raises a warning.""",
        ),
    ]
    tau: Annotated[
        float,
        Parameter(
            1.0,
            [Interval(Real, 0, None, closed="left")],
            "float",
            """Strength of loss="logit_adjusted" and "vector_scaling". Other losses do not take it,
            and warn if it is set.""",
        ),
    ]
    loss_params: Annotated[
        dict[str, Any] | None,
        Parameter(
            None,
            [dict, None],
            "dict",
            """Further parameters of the loss: "max_margin", "scale" and "deferred" (the fraction
            of the epochs before class weights switch on) for "ldam", "gamma" for
            "vector_scaling", "epsilon" for "poly1", "q" for "generalized", "cost_matrix" for
            "expected_cost" (a DataFrame is read by its labels); "gamma_pos", "gamma_neg" and
            "margin" for "asymmetric"; "alpha", "beta", "mu", "kappa", "scale" and "gamma" for
            "distribution_balanced".""",
        ),
    ]
    class_weight: Annotated[
        Any,
        Parameter(
            "auto",
            WEIGHTS,
            '"auto", None, "balanced", float in [0, 1], "effective", dict, Series or array-like',
            """How much each class counts in the loss, see
            `skimbalance.compute_class_weight`. "auto" is "balanced", but None where
            the loss corrects for the class frequencies by itself: "logit_adjusted",
            "vector_scaling", "distribution_balanced", "focal" with `alpha`, and a loss of
            `skimbalance.losses` with a `class_weight` of its own; and None for a custom loss of a
            multilabel y. A float is the power of the inverse class frequency,
            which suits a grid search: 0 means no weights, 1 is "balanced". With "balanced" more of
            the rare rows are found, at the price of false alarms, and `predict_proba` is far from
            the probabilities in the population, which `predict_posterior` gives. Schemes use the
            class frequencies after sampling, so "balanced" adds nothing on top of balanced
            sampling. A dict or a pandas Series is read by class label, an array in the order of
            `classes_`. In the multilabel case the scheme weights the rows without and with each
            label; custom weights are a dict {0: without, 1: with} for all labels, a list with a
            dict or pair for each, or a dict or DataFrame of these by the names of the columns of y
            (by their numbers where they have no names).""",
        ),
    ]
    sampling: Annotated[
        Any,
        Parameter(
            "shuffle",
            [StrOptions(set(STREAMS)), HasMethods("fit_resample")],
            "str or imbalanced-learn sampler",
            """How the rows of an epoch are drawn. "shuffle": all rows in random order;
            "stratified": all rows, and every batch holds each class in its share; "balanced":
            every batch holds all classes equally, redrawn each epoch. A sampler is fitted on the
            training rows only, after held-out rows were split off, and must keep every class;
            `skimbalance.sampling.EachClassSMOTE` is SMOTE for classes with few rows. In the
            multilabel case rows are grouped by their rarest label, and samplers are not
            possible.""",
        ),
    ]
    output_bias: Annotated[
        str | None,
        Parameter(
            "prior",
            [StrOptions({"prior"}), None],
            '{"prior", None}',
            """Whether the biases of the output layer start where the network predicts the class
            shares in training, instead of at zero.""",
        ),
    ]
    optimizer: Annotated[
        Any,
        Parameter(
            "adam",
            [
                StrOptions({"adam", "adamw", "sgd", "rmsprop"}),
                HasMethods(["apply", "get_config"]),
            ],
            '{"adam", "adamw", "sgd", "rmsprop"} or Keras optimizer',
            """Optimizer of the training. A Keras optimizer brings its own learning rate.""",
        ),
    ]
    batch_size: Annotated[
        int | str,
        Parameter(
            "auto",
            [*_at_least(1), StrOptions({"auto"})],
            'int or "auto"',
            """Maximum number of rows in a batch; an epoch is cut into batches of nearly equal
            size. "auto" is the power of two from 32 to 1024 that gives about 64 batches; with
            epochs="auto" it is 64 for up to 1,024 training rows, 128 up to 8,192, 256 up to 30,000,
            512 up to 100,000 and 1,024 beyond.""",
        ),
    ]
    epochs: Annotated[
        int | str,
        Parameter(
            100,
            [*_at_least(1), StrOptions({"auto"})],
            'int or "auto"',
            """Maximum number of passes over the training rows. "auto" is the number that takes
            about 2,000 steps, at most 256.""",
        ),
    ]
    early_stopping: Annotated[
        bool | str,
        Parameter(
            "auto",
            ["boolean", StrOptions({"auto"})],
            'bool or "auto"',
            """Whether to hold out rows and stop when `monitor` no longer improves. "auto"
            stops early only if at least 10 rows of the rarest class can be held out (with fewer
            the score is noise, and the rows are worth more in training); and not if all classes
            are equally frequent, which suggests an upstream sampler whose synthetic rows would be
            held out. ``sampling=SMOTE()`` inside the classifier does not have this problem.""",
        ),
    ]
    monitor: Annotated[
        str,
        Parameter(
            "loss",
            [StrOptions({"loss", *MONITORS})],
            "str",
            """What is measured on the held-out rows: "loss", weighted as in training; or, at the
            natural class shares, "balanced_accuracy", "f1_macro", "mcc", "geometric_mean",
            "average_precision" (of the rarer of two classes) or "roc_auc" (both one against the
            rest for more than two classes), "f1_rare" (the mean F1 of all classes except the most
            frequent). In the multilabel case it is the mean over the labels, and "f1_rare" is not
            available.""",
        ),
    ]
    validation_fraction: Annotated[
        float,
        Parameter(
            0.1,
            [Interval(Real, 0, 1, closed="neither")],
            "float in (0, 1)",
            """Share of each class that is held out for early stopping; in the multilabel case by
            iterative stratification, see `skimbalance.sampling.iterative_split`.""",
        ),
    ]
    validation: Annotated[
        Any,
        Parameter(
            None,
            [HasMethods("split"), "array-like", None],
            "splitter, array-like of bool of shape (n_samples,) or None",
            """Which rows are held out for early stopping. None: `validation_fraction` of each
            class, and whole groups where `fit` gets groups. A splitter of scikit-learn, of which
            the first split counts, such as ``GroupShuffleSplit(1)`` or
            `skimbalance.model_selection.TimeHoldout`; or a mask, true for the held-out rows.
            Training then always stops early unless `early_stopping` is False, and
            `class_counts_` are those of the training rows. `fit` also takes held-out rows of your
            own, as `X_val` and `y_val`.""",
        ),
    ]
    n_iter_no_change: Annotated[
        int | str,
        Parameter(
            10,
            [*_at_least(1), StrOptions({"auto"})],
            'int or "auto"',
            """Number of epochs without improvement after which training stops. "auto" is the
            number that takes 200 steps.""",
        ),
    ]
    tol: Annotated[
        float,
        Parameter(
            1e-4,
            [Interval(Real, 0, None, closed="left")],
            "float",
            """Smallest change of the monitor that counts as an improvement.""",
        ),
    ]
    callbacks: Annotated[
        Any,
        Parameter(
            None,
            [list, tuple, HasMethods("on_epoch_end"), None],
            "Keras callback or list of them",
            """Called around training and each epoch with a Keras model that holds the current
            weights. A callback with hooks around batches makes training use Keras' own, slower
            `fit`.""",
        ),
    ]
    random_state: Annotated[
        Any,
        Parameter(
            None,
            ["random_state"],
            "int, RandomState instance or None",
            """Seed of the initial weights, the held-out rows, the order of rows, sampling and
            dropout. The same value gives the same results, bit by bit.""",
        ),
    ]
    checkpoint: Annotated[
        Any,
        Parameter(
            None,
            [str, os.PathLike, None],
            "str, path-like or None",
            """Folder in which the fit is kept, about once a second: one that was killed goes on
            from there when the same is fitted again, and a finished one is read. Both give the
            same bits. Files are found by their content (rows, parameters, seed), so that a
            cross-validation, a search or an ensemble may share a folder, and they stay until you
            delete them. `random_state` must be set, and there are no callbacks. `partial_fit`,
            which is one epoch, is not kept.""",
        ),
    ]
    verbose: Annotated[
        int,
        Parameter(
            0, ["verbose"], "int", """1 shows a progress bar with epoch, loss and monitor."""
        ),
    ]


class RateParameters(SharedParameters, total=False):
    """The shared parameters, and those of an estimator that sets the learning rate."""

    learning_rate: Annotated[
        float,
        Parameter(1e-3, [Interval(Real, 0, None, closed="neither")], "float", """Step size."""),
    ]
    learning_rate_schedule: Annotated[
        Any,
        Parameter(
            None,
            [StrOptions({"cosine", "coslog4"}), callable, None],
            '"cosine", "coslog4", Keras schedule or function',
            """Change of the learning rate during training: "cosine" falls to zero over the
            epochs; "coslog4" rises from zero and falls back four times, each time over twice as
            many steps (Holzmüller et al. 2024, arXiv:2407.04491); a Keras schedule, or a
            function, maps the number of steps taken to the rate. None keeps `learning_rate`, and
            so does `partial_fit`, which has no end.""",
        ),
    ]
    weight_decay: Annotated[
        float | None,
        Parameter(
            None,
            [Interval(Real, 0, None, closed="left"), None],
            "float",
            """Decoupled weight decay (Loshchilov & Hutter, ICLR 2019, arXiv:1711.05101) of the
            kernels, not of biases: each step subtracts ``learning_rate * weight_decay`` of them.
            None is 0.004 for "adamw", as in Keras, and 0 for the others. A Keras optimizer keeps
            its own decay, and this one comes on top.""",
        ),
    ]
    ema_momentum: Annotated[
        float | None,
        Parameter(
            None,
            [Interval(Real, 0, 1, closed="left"), None],
            "float in [0, 1)",
            """Share that a step keeps of the exponential moving average of the weights, which is
            what early stopping judges and what is kept at the end (Polyak & Juditsky 1992,
            doi:10.1137/0330046). None keeps the weights themselves.""",
        ),
    ]
    standardize: Annotated[
        bool,
        Parameter(
            True,
            ["boolean"],
            "bool",
            """Whether the columns are standardised inside the network, by mean and deviation of
            the training rows, so that raw columns train well.""",
        ),
    ]


def shares(group: type, **defaults: Any) -> Callable[[type[T]], type[T]]:
    """A decorator of an estimator that takes the parameters of a group as ``**shared``.

    Its ``__init__`` ends in ``**shared``, which it hands to `set_shared`. `defaults` are those in
    which the estimator differs from the table.
    """
    table = {name: hint.__metadata__[0] for name, hint in _hints(group).items()}
    values = {name: defaults.get(name, parameter.default) for name, parameter in table.items()}

    def complete(cls: Any) -> Any:
        constraints = {name: parameter.constraint for name, parameter in table.items()}
        cls._parameter_constraints = {**constraints, **vars(cls)["_parameter_constraints"]}
        cls._shared_defaults = values
        text = cls.__doc__ or ""  # none under python -OO
        entries = (
            parameter.entry(name, values[name])
            for name, parameter in table.items()
            if f"\n    {name} : " not in text
        )
        cls.__doc__ = text.replace(PLACE, "\n".join(entries))
        init = vars(cls)["__init__"]
        init.__signature__ = _signature(init, values, cls.__doc__)
        return cls

    return complete


def set_shared(estimator: Any, shared: Any) -> None:
    """Set the shared parameters of an estimator, in its ``__init__``; the rest get defaults.

    Raises
    ------
    TypeError
        If a name is not that of a shared parameter.
    """
    defaults = estimator._shared_defaults
    for name in shared:
        if name not in defaults:
            raise TypeError(
                f"{type(estimator).__name__}.__init__() got an unexpected keyword argument {name!r}"
            )
    for name, default in defaults.items():
        setattr(estimator, name, shared.get(name, default))


def warn_without_effect(
    settings: Settings, target: Target, defaults: Mapping[str, Any], *, partial: bool
) -> None:
    """Warn of parameters that were set and do nothing beside the others.

    Parameters
    ----------
    settings : Settings
        The choices of the fit.
    target : Target
        What is learnt.
    defaults : mapping of str to object
        The shared parameters of the estimator, with their defaults.
    partial : bool
        Whether this is one epoch of `partial_fit`, which holds out no rows.
    """
    for name, (reason, remedy) in _idle(settings, target, partial).items():
        value = getattr(settings, name)
        if name in defaults and value is not None and _differs(value, defaults[name]):
            warn_of_no_effect(name, value, reason, remedy)


def _idle(settings, target, partial):
    """Name of each parameter without effect -> the reason, and how it would have one."""
    idle = {}
    record = record_of(settings, target.losses, target.y_kind)
    loss = f"loss={settings.loss!r}" if isinstance(settings.loss, str) else "a custom loss"
    for name in {"gamma", "alpha", "tau"} - {*record.takes}:
        takers = [other for other, known in target.losses.items() if name in known.takes]
        remedy = f"set loss={' or '.join(map(repr, takers))}" if takers else "choose another loss"
        if name in record.params:
            remedy = f"give loss_params={{{name!r}: ...}}"
        idle[name] = f"{loss} does not take it", remedy
    if record is CUSTOM:
        idle["loss_params"] = f"{loss} does not take them", "give them to the loss itself"
    if settings.early_stopping is False and not partial:
        for name in ("monitor", "validation_fraction", "validation", "n_iter_no_change", "tol"):
            idle[name] = "early_stopping=False holds out no rows", "set early_stopping=True"
    elif settings.validation is not None and not partial:
        idle["validation_fraction"] = "'validation' says which rows are held out", ""
    if not isinstance(settings.optimizer, str):
        for name in ("learning_rate", "learning_rate_schedule"):
            idle[name] = "the Keras optimizer has its own rate", "give it to the optimizer"
    elif callable(settings.learning_rate_schedule):
        idle["learning_rate"] = (
            "'learning_rate_schedule' gives the rate",
            "set learning_rate_schedule='cosine', which starts from it",
        )
    return idle


def _differs(value, default):
    """Whether a value is not the default; it may be an array."""
    return not (isinstance(value, type(default) | Real | str) and value == default)


def _hints(group):
    return get_type_hints(group, include_extras=True)


def _signature(init, values, text):
    """Signature of ``__init__`` with the shared parameters by name, in the docstring's order."""
    signature = inspect.signature(init)
    *stated, last = signature.parameters.values()
    positional = [p for p in stated if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    keywords = stated[len(positional) :] + [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, default in values.items()
    ]
    keywords.sort(key=lambda parameter: text.find(f"\n    {parameter.name} : "))
    routed = [] if last.name == "shared" else [last]
    return signature.replace(parameters=[*positional, *keywords, *routed])
