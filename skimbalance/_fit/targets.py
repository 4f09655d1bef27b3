"""What is learnt: a class for each row, several labels for each row, or a class for each step.

A target answers for everything in which these three differ, so that the plan, the training and the
estimators need not ask which one they have: before training how often a class occurs, how much a
row weighs, which rows are alike and where the network starts; after it how logits become decisions
and probabilities. Counts, shares and weights have shape (n_classes,), or in the multilabel case
(n_labels, 2): without each label and with it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import expit

from skimbalance._fit.perceptron import softmax
from skimbalance._losses.records import SIGMOID, SOFTMAX, Loss
from skimbalance._validation import (
    by_label,
    is_labelled,
    labels_and_values,
    plain_labels,
    some_of,
    warn,
)
from skimbalance.class_weight import _weights_of_scheme
from skimbalance.metrics._monitors import LABEL_MONITORS, MONITORS
from skimbalance.metrics._sums import weighted_sum
from skimbalance.posterior import label_posterior, log_posterior
from skimbalance.prior._labels import checked_label_priors, shift_labels
from skimbalance.prior._shift import checked_prior, shift_prior
from skimbalance.sampling import iterative_split, stratified_split

__all__ = ["Classes", "Labels", "Steps", "Target"]

# A class without weight starts as if it had this share, instead of at minus infinity.
LEAST_SHARE = 1e-6


class Target(Protocol):
    """What `Classes`, `Labels` and `Steps` have in common.

    Attributes
    ----------
    noun, y_kind : str
        What the outputs are, "classes" or "labels", and y, "class labels" or "a multilabel y".
    exclusive : bool
        Whether the outputs exclude each other: probabilities are their softmax, else a sigmoid
        each.
    rank : int
        Number of axes of `y` after that of the rows.
    has_steps : bool
        Whether rows are sequences, with an output for each step.
    n_outputs : int
        Number of logits of the network, for a row or for each step.
    classes : ndarray of shape (n_outputs,)
        Class labels, in order; in the multilabel case the names of the columns of y, or their
        numbers where they have no names.
    losses : mapping of str to Loss
        The named losses.
    monitors : mapping of str to callable
        The named monitors of early stopping.
    usual_weights : str or float
        The scheme of class weights that "auto" stands for with most losses.
    """

    noun: ClassVar[str]
    y_kind: ClassVar[str]
    exclusive: ClassVar[bool]
    rank: ClassVar[int]
    has_steps: ClassVar[bool]
    losses: ClassVar[Mapping[str, Loss]]
    monitors: ClassVar[Mapping[str, Callable[..., float]]]
    usual_weights: ClassVar[str | float]
    n_outputs: int
    classes: np.ndarray

    def counts(self, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Total weight of each class: of its rows, or steps, or labels."""

    def per_target(self, values: np.ndarray, y: np.ndarray) -> np.ndarray:
        """A value for each target, given one for each class; in the shape of `y`."""

    def row_weight(self, weight: np.ndarray) -> np.ndarray:
        """Weight of each row in the loss, given the weights of its targets."""

    def score_weight(self, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Weights in the monitor, of rows or of their steps, given the weights of rows."""

    def occurrence(self, y: np.ndarray) -> np.ndarray:
        """How often each class is in each row, of shape (n_rows, n_outputs)."""

    def strata(self, y: np.ndarray) -> np.ndarray:
        """Groups of rows, as integers, to be spread evenly over batches or drawn equally often."""

    def extreme_counts(self, y: np.ndarray) -> tuple[int, int]:
        """Rows of the rarest and of the most frequent class."""

    def rarest(self, y: np.ndarray) -> str:
        """The class, or label, with the fewest rows, in words."""

    def split(
        self, y: np.ndarray, fraction: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Training and held-out rows, with every class in both if two rows have it."""

    def weights(self, name: str, scheme: Any, counts: np.ndarray) -> np.ndarray:
        """Class weights of a scheme, the parameter `name`; of mean 1 over the rows."""

    def normalized(self, raw: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Weights with the mean 1 over the rows."""

    def two_class_scheme(self, value: float) -> Any:
        """Weights ``1 - value`` and `value` of two classes, as a scheme; None for more classes."""

    def initial_bias(
        self, record: Loss, arguments: Mapping[str, Any], shares: np.ndarray
    ) -> np.ndarray:
        """Logits to start from, the same for every row, where the classes have these shares."""

    def decide(self, logits: np.ndarray) -> Any:
        """The most probable class of each row; in the multilabel case an indicator."""

    def proba(self, logits: np.ndarray) -> np.ndarray:
        """Probabilities in float64, as the network was trained to give them."""

    def scores(self, logits: np.ndarray) -> np.ndarray:
        """Logits in float64; for two classes the second's minus the first's."""

    def posterior(self, logits: np.ndarray, arguments: Mapping[str, Any]) -> np.ndarray:
        """Probabilities in the population, given what training did to them."""

    def shift(self, proba: np.ndarray, prior: np.ndarray, priors: Any) -> np.ndarray:
        """Posteriors where the classes have other shares than `prior`."""

    def named(self, weights: np.ndarray) -> Any:
        """Weights in dicts by class label."""

    def example(self, n_rows: int) -> np.ndarray:
        """Made-up targets of some rows, with every class."""

    def warn_about(self, y: np.ndarray) -> None:
        """Warn if `y` looks like a mistake."""


class Classes:
    """A class for each row: `y` holds class indices.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Class labels, in order.
    """

    noun: ClassVar[str] = "classes"
    y_kind: ClassVar[str] = "class labels"
    exclusive: ClassVar[bool] = True
    rank: ClassVar[int] = 0
    has_steps: ClassVar[bool] = False
    losses: ClassVar[Mapping[str, Loss]] = SOFTMAX
    monitors: ClassVar[Mapping[str, Callable[..., float]]] = MONITORS
    usual_weights: ClassVar[str | float] = "balanced"

    def __init__(self, classes: np.ndarray):
        self.classes = classes
        self.n_outputs = len(classes)

    def counts(self, y, weight):
        """Total weight of the rows of each class."""
        return np.bincount(y, weights=weight, minlength=self.n_outputs)

    def per_target(self, values, y):
        """A value for each row."""
        return values[y]

    def row_weight(self, weight):
        """The weight of the row."""
        return weight

    def score_weight(self, y, weight):
        """The weight of the row."""
        return weight

    def occurrence(self, y):
        """An indicator of the class of each row."""
        return y[:, None] == np.arange(self.n_outputs)

    def strata(self, y):
        """The class of each row."""
        return y

    def extreme_counts(self, y):
        """Rows, or sequences, of the rarest and of the most frequent class."""
        n_rows = self._n_rows(y)
        return n_rows.min(), n_rows.max()

    def rarest(self, y):
        """The class with the fewest rows, or sequences, in words."""
        return f"class {plain_labels(self.classes)[np.argmin(self._n_rows(y))]!r}"

    def _n_rows(self, y):
        """Rows of each class."""
        return np.bincount(y, minlength=self.n_outputs)

    def split(self, y, fraction, rng):
        """Training and held-out rows, each with every class."""
        return stratified_split(y, fraction, random_state=rng)

    def weights(self, name, scheme, counts):
        """Class weights of a scheme, the parameter `name`; of mean 1 over the rows."""
        return _weights_of_scheme(name, scheme, counts, self.classes)

    def normalized(self, raw, counts):
        """Weights with the mean 1 over the rows."""
        return raw / (counts @ raw / counts.sum())

    def two_class_scheme(self, value):
        """Weights of the two classes; None for more."""
        return [1.0 - value, value] if self.n_outputs == 2 else None

    def initial_bias(self, record, arguments, shares):
        """Logits that minimise the cross-entropy, plain or adjusted, and nearly so other losses."""
        log_shares = np.log(np.maximum(shares / np.sum(shares), LEAST_SHARE))
        return record.initial_logits(log_shares, arguments)

    def decide(self, logits):
        """The most probable class of each row, or step."""
        return self.classes[np.argmax(logits, axis=-1)]

    def proba(self, logits):
        """The softmax."""
        return softmax(logits)

    def scores(self, logits):
        """Logits; for two classes the second's minus the first's."""
        logits = logits.astype(np.float64, copy=False)
        return logits if self.n_outputs > 2 else logits[:, 1] - logits[:, 0]

    def posterior(self, logits, arguments):
        """Probabilities in the population; rows sum to 1."""
        _check_weights(arguments)
        return np.exp(log_posterior(logits=logits, **arguments))

    def shift(self, proba, prior, priors):
        """Posteriors under other class shares."""
        priors = checked_prior(priors, "priors", self.classes, counts=False)
        return shift_prior(proba, prior, priors, "priors")

    def named(self, weights):
        """A dict from class label to weight."""
        return dict(zip(plain_labels(self.classes), weights.tolist(), strict=True))

    def example(self, n_rows):
        """Class labels, one after the other."""
        return np.resize(self.classes, n_rows)

    def warn_about(self, y):
        """Do nothing: class labels are checked when they are read."""


def each_step(weight: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Weights of the steps; those of whole sequences hold for each of their steps."""
    return weight if weight.ndim == 2 else np.broadcast_to(weight[:, None], shape)


class Steps(Classes):
    """A class for each step of a sequence: `y` has shape (n_rows, n_steps), -1 where masked."""

    rank: ClassVar[int] = 1
    has_steps: ClassVar[bool] = True
    # Of rare steps "balanced" finds most, at the price of many false alarms: its square root.
    usual_weights: ClassVar[str | float] = 0.5

    def counts(self, y, weight):
        """Total weight of the steps of each class."""
        mask = y >= 0
        return np.bincount(
            y[mask], weights=each_step(weight, y.shape)[mask], minlength=self.n_outputs
        )

    def per_target(self, values, y):
        """A value for each step: zero where it is masked."""
        return np.where(y >= 0, values[y], 0.0)

    def row_weight(self, weight):
        """The sum over the steps, as every step counts alike."""
        return weight.sum(axis=1)

    def score_weight(self, y, weight):
        """The weight of each step, or of its sequence: zero where it is masked."""
        return np.where(y >= 0, each_step(weight, y.shape), 0.0)

    def occurrence(self, y):
        """How many steps of each class are in each sequence."""
        return np.stack([np.sum(y == k, axis=1) for k in range(self.n_outputs)], axis=1)

    def strata(self, y):
        """The rarest class in each sequence."""
        return rarest(self.occurrence(y) > 0)

    def _n_rows(self, y):
        """Sequences that hold each class."""
        return np.sum(self.occurrence(y) > 0, axis=0)

    def split(self, y, fraction, rng):
        """Training and held-out sequences, with every class where two sequences hold it."""
        return iterative_split(
            _without_most_frequent(self.occurrence(y)), fraction, random_state=rng
        )


class Labels:
    """Several labels for each row: `y` is an indicator of shape (n_rows, n_labels).

    It is -1 where a label is missing, which counts nowhere.

    Parameters
    ----------
    n_labels : int
        Columns of the indicator.
    is_sparse : bool, default=False
        Whether decisions are a sparse matrix.
    names : sequence of length n_labels, default=None
        Names of the columns, where they have any.
    """

    noun: ClassVar[str] = "labels"
    y_kind: ClassVar[str] = "a multilabel y"
    exclusive: ClassVar[bool] = False
    rank: ClassVar[int] = 1
    has_steps: ClassVar[bool] = False
    losses: ClassVar[Mapping[str, Loss]] = SIGMOID
    monitors: ClassVar[Mapping[str, Callable[..., float]]] = LABEL_MONITORS
    usual_weights: ClassVar[str | float] = "balanced"

    def __init__(self, n_labels: int, is_sparse: bool = False, names: Sequence[Any] | None = None):
        self.n_outputs = n_labels
        self.is_sparse = is_sparse
        self.classes = np.arange(n_labels) if names is None else np.asarray(names, dtype=object)

    def counts(self, y, weight):
        """Total weight of the rows without and with each label, of shape (n_labels, 2)."""
        weight = np.asarray(weight)
        positive = weighted_sum(weight, y == 1)
        negative = np.sum(weight) - positive - weighted_sum(weight, y < 0)
        # Exactly zero without such rows, which rounding errors would count as some.
        return np.stack([np.where(np.any(y == 0, axis=0), negative, 0.0), positive], axis=1)

    def per_target(self, values, y):
        """A value for each row and label: zero where it is missing."""
        return np.where(y == 1, values[:, 1], np.where(y == 0, values[:, 0], 0.0))

    def row_weight(self, weight):
        """The mean over the labels."""
        return weight.mean(axis=1)

    def score_weight(self, y, weight):
        """The weight of the row, or of each of its labels where some are missing."""
        return weight if np.all(y >= 0) else weight[:, None] * (y >= 0)

    def occurrence(self, y):
        """An indicator of the labels that each row has."""
        return y == 1

    def strata(self, y):
        """The rarest label of each row; rows without labels are a group of their own."""
        return rarest(y == 1)

    def extreme_counts(self, y):
        """Rows of the rarest and of the most frequent case: a label, present or absent."""
        counts = self.counts(y, np.ones(len(y)))
        # A label that all rows have, or none, cannot be judged, so it does not count.
        judged = counts[np.all(counts > 0, axis=1)]
        return (int(judged.min()), int(judged.max())) if len(judged) else (0, len(y))

    def rarest(self, y):
        """The label that is rarest, present or absent, in words."""
        counts = self.counts(y, np.ones(len(y)))
        n_rows = np.where(np.all(counts > 0, axis=1), counts.min(axis=1), np.inf)
        return f"label {plain_labels(self.classes)[np.argmin(n_rows)]!r}"

    def split(self, y, fraction, rng):
        """Training and held-out rows, by iterative stratification."""
        return iterative_split(np.where(y < 0, np.nan, y), fraction, random_state=rng)

    def weights(self, name, scheme, counts):
        """Weights of a scheme, for each label by itself; of mean 1 over the rows."""
        schemes = self._of_each_label(name, scheme)
        pairs = zip(schemes, counts, strict=True)
        return np.array([_weights_of_scheme(name, s, n, np.arange(2)) for s, n in pairs])

    def _of_each_label(self, name, scheme):
        """The scheme of each label: a list with one for each, or one for all."""
        is_list = isinstance(scheme, list | tuple | np.ndarray)
        if is_labelled(scheme):
            keys, values = labels_and_values(scheme)
            is_list = {0, 1}.isdisjoint(keys) or any(
                is_labelled(value) or np.ndim(value) > 0 for value in values
            )
            scheme = by_label(scheme, self.classes, name, "labels") if is_list else scheme
        if not is_list:
            return [scheme] * self.n_outputs
        fits = len(scheme) == self.n_outputs
        if not fits or not all(is_labelled(s) or np.shape(s) == (2,) for s in scheme):
            raise ValueError(
                f"The {name!r} parameter must be, for a multilabel y, None, 'balanced', "
                "'effective', a float, a dict {0: weight without, 1: weight with} for all "
                "labels, or a list with a dict or pair for each of the "
                f"{self.n_outputs} labels. Got {scheme!r} instead."
            )
        return list(scheme)

    def normalized(self, raw, counts):
        """Weights with the mean 1 over the rows, for each label."""
        mean = np.sum(counts * raw, axis=1) / counts.sum(axis=1)
        return raw / mean[:, None]

    def two_class_scheme(self, value):
        """Weights without and with a label."""
        return {0: 1.0 - value, 1: value}

    def initial_bias(self, record, arguments, shares):
        """Logits of these shares of rows without and with each label; 0 without any rows."""
        total = np.where(shares.any(axis=1), shares.sum(axis=1), 1.0)
        shares = np.maximum(shares / total[:, None], LEAST_SHARE)
        return np.log(shares[:, 1]) - np.log(shares[:, 0])

    def decide(self, logits):
        """An indicator of the labels that are more probable than not."""
        indicator = (logits > 0).astype(np.int64)
        return csr_matrix(indicator) if self.is_sparse else indicator

    def proba(self, logits):
        """The sigmoid."""
        return expit(logits.astype(np.float64, copy=False))

    def scores(self, logits):
        """The logits."""
        return logits.astype(np.float64, copy=False)

    def posterior(self, logits, arguments):
        """Probabilities of each label in the population; rows do not sum to 1."""
        _check_weights(arguments)
        return label_posterior(logits=logits, **arguments)

    def shift(self, proba, prior, priors):
        """Posteriors where rows without and with each label have other shares."""
        new_prior = checked_label_priors(priors, self.classes, "predict_posterior")
        return shift_labels(proba, prior, new_prior)

    def named(self, weights):
        """A dict for each label, of its weights without and with it."""
        return [{0: without, 1: with_it} for without, with_it in weights.tolist()]

    def example(self, n_rows):
        """An indicator in which each label is present in every other row."""
        return (np.arange(n_rows)[:, None] + np.arange(self.n_outputs)) % 2

    def warn_about(self, y):
        """Warn if all rows have one label, as if labels were classes; or if a label is constant."""
        if np.all(y >= 0) and np.all(y.sum(axis=1) == 1):
            warn(
                "y is a label indicator matrix, and every row has exactly one label. If these are "
                "classes that exclude each other, pass one class for each row: y.argmax(axis=1)."
            )
        never, always = ~np.any(y == 1, axis=0), ~np.any(y == 0, axis=0)
        for found, where, learns in (
            (never & ~always, "present in no row", "can only learn that constant"),
            (always & ~never, "present in every row", "can only learn that constant"),
            (never & always, "missing in every row", "cannot learn them"),
        ):
            if found.any():
                warn(
                    f"The labels {some_of(np.flatnonzero(found).tolist())} are {where} of y with a "
                    f"positive weight, so the network {learns}."
                )


def _check_weights(arguments):
    """Check that training saw every class, so that its posterior is determined."""
    weight = arguments.get("class_weight")
    if weight is not None and not np.all(np.asarray(weight) > 0):
        raise ValueError(
            "The weights in 'class_weight' and 'alpha' must be positive for every class, so that "
            "there are probabilities in the population (predict_posterior): a class of weight 0 is "
            f"not learnt. Got {np.asarray(weight).tolist()!r}: use predict_proba instead."
        )


def rarest(present: np.ndarray) -> np.ndarray:
    """For each row, the rarest column that is true; the number of columns if none is true.

    Parameters
    ----------
    present : ndarray of bool of shape (n_rows, n_columns)

    Returns
    -------
    strata : ndarray of int of shape (n_rows,)
    """
    n_rows = present.sum(axis=0)
    rank = np.where(present, n_rows, len(present) + 1)
    return np.where(present.any(axis=1), rank.argmin(axis=1), present.shape[1])


def _without_most_frequent(occurrence: np.ndarray) -> np.ndarray:
    """The other columns than that of the most frequent class, which nearly all sequences have."""
    return np.delete(occurrence, occurrence.sum(axis=0).argmax(), axis=1)
