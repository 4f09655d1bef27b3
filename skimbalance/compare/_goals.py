"""By which scores strategies are compared: of their decisions, rankings and probabilities."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from scipy.special import logit
from sklearn.metrics import average_precision_score, roc_auc_score

from skimbalance._validation import warn_of_no_effect
from skimbalance.compare._names import OBJECTIVES
from skimbalance.decision._folds import both_had_and_lacked
from skimbalance.decision._objectives import (
    LABEL_OBJECTIVES,
    LEVELS,
    ONE_CLASS,
    WHOLE,
    make_objective,
    try_scorer,
)
from skimbalance.decision._parameters import (
    TAKERS,
    check_level,
    class_learner,
    label_learner,
    positive_class,
    warn_of_idle,
)
from skimbalance.decision._scorers import Scorer, as_scorer
from skimbalance.metrics._posteriors import losses
from skimbalance.metrics._ranking import hits_at
from skimbalance.metrics._scores import decision_sums, rarest

__all__ = ["OBJECTIVES", "Goal", "Goals", "Outcome", "class_goals", "label_goals"]

OWNER = "compare_strategies"

#: Name -> score of the ranking of one class, of (positive, score, weight, level).
RANKINGS: Mapping[str, Callable[[np.ndarray, np.ndarray, np.ndarray, Any], float]] = {
    "average_precision": lambda positive, score, weight, level: average_precision_score(
        positive, score, sample_weight=weight
    ),
    "roc_auc": lambda positive, score, weight, level: roc_auc_score(
        positive, score, sample_weight=weight
    ),
    "partial_roc_auc": lambda positive, score, weight, level: roc_auc_score(
        positive, score, sample_weight=weight, max_fpr=level
    ),
    "precision_at_k": lambda positive, score, weight, level: (
        hits_at(positive, score, level, weight) / level
    ),
    "recall_at_k": lambda positive, score, weight, level: (
        hits_at(positive, score, level, weight) / weight[positive].sum()
    ),
}

#: Rankings that are means over the classes, unless there are two or one is named.
MEAN_RANKINGS = ("average_precision", "roc_auc")
AT_K = ("precision_at_k", "recall_at_k")

#: Loss of probabilities -> name of its negative, by which strategies are sorted.
LOSSES: Mapping[str, str] = {"log_loss": "neg_log_loss", "brier": "neg_brier_score"}

_LOSS_OF = {negative: name for name, negative in LOSSES.items()}

_LEVELS = (*LEVELS, *AT_K, "partial_roc_auc")

#: Parameter -> the objectives that take it.
GOAL_TAKERS = TAKERS | {"level": [*_LEVELS], "pos_label": [*ONE_CLASS, *RANKINGS]}

#: Scores in which all classes count the same, so that a fold judges them if it tests every class.
EACH_CLASS = ("balanced_accuracy", "f1_macro", "geometric_mean", "average_precision")


class Outcome(NamedTuple):
    """What a strategy made of the test rows of a fold.

    Parameters
    ----------
    true : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Class indices, or codes of the labels: 0, 1, and -1 where a label is missing.
    decided : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Decisions, as class indices or as an indicator.
    proba : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
        Posteriors.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    """

    true: np.ndarray
    decided: np.ndarray
    proba: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class Goal:
    """A score of the outcome in a fold, larger is better.

    Parameters
    ----------
    score : callable
        Function of an `Outcome`.
    judges : callable
        Function of the target of the test rows of a fold: whether the fold can judge the score.
    slack : callable, default=None
        Function of an `Outcome` that is negative where a limit is broken.
    """

    score: Callable[[Outcome], float]
    judges: Callable[[np.ndarray], bool]
    slack: Callable[[Outcome], float] | None = None


@dataclass(frozen=True)
class Goals:
    """All scores of a comparison.

    Parameters
    ----------
    metric : str
        Name of the score that sorts the strategies.
    by_name : dict of str to Goal
        All scores, among them that one.
    tuning : dict
        Parameters of tuned strategies: the objective and what it takes.
    positive : int or None
        Index of the class that scores of one class are about; None in the multilabel case.
    of_one_class : bool, default=False
        Whether the score that sorts is about that class only.
    notes : list of str
        What is to be known of the score.
    """

    metric: str
    by_name: dict[str, Goal]
    tuning: dict[str, Any]
    positive: int | None
    of_one_class: bool = False
    notes: list[str] = field(default_factory=list)


def class_goals(
    params: Mapping[str, Any],
    target: np.ndarray,
    classes: np.ndarray,
    needed: np.ndarray,
    smallest: float,
    weighted: bool,
) -> Goals:
    """The scores for class labels.

    Parameters
    ----------
    params : dict
        "objective", "level", "cost_matrix" and "pos_label".
    target : ndarray of shape (n_samples,)
        Class indices.
    classes : ndarray of shape (n_classes,)
        Class labels.
    needed : ndarray of bool of shape (n_classes,)
        Classes that a fold must test to judge scores in which all classes count the same.
    smallest : float
        Weight of the rows in the smallest test fold.
    weighted : bool
        Whether rows have weights.

    Returns
    -------
    goals : Goals

    Raises
    ------
    ValueError
        If a parameter does not fit the classes.
    """
    objective, metric = params["objective"], _metric(params["objective"])
    named = isinstance(objective, str) and objective in GOAL_TAKERS["pos_label"]
    n_rows = np.bincount(target, minlength=len(classes))
    positive = positive_class(metric, params["pos_label"] if named else None, classes, n_rows)
    judges = _judges(positive, needed)
    by_name = {
        name: _of_objective(make_objective(name, positive, None), len(classes), judges[name])
        for name in (*WHOLE, "f1")
    }
    of_every = len(classes) > 2
    by_name["average_precision"] = _ranking(
        "average_precision", None if of_every else positive, None, judges
    )
    tuning: dict[str, Any] = {"objective": "f1_macro"}
    scorer = as_scorer(objective)
    _check_known(objective, scorer, OBJECTIVES, "class labels")
    of_one = named and not (of_every and objective in MEAN_RANKINGS and params["pos_label"] is None)
    if _is_of_decisions(objective, scorer):
        learner = class_learner({**params, "calibration": None}, classes, target, OWNER)
        if metric not in by_name or callable(objective):
            judged = judges["f1" if of_one else "any"]
            by_name[metric] = _of_objective(learner.objective, len(classes), judged)
        tuning = {name: params[name] for name in ("objective", "level", "cost_matrix")}
        tuning["pos_label"] = classes.tolist()[positive] if of_one else None
    else:
        warn_of_idle(params, GOAL_TAKERS)
        if isinstance(objective, str) and objective in RANKINGS:
            _check_ranking(objective, params["level"], smallest, weighted)
            by_name[metric] = _ranking(
                objective, positive if of_one else None, params["level"], judges
            )
        elif scorer is not None and objective not in LOSSES.values():
            by_name[metric] = _of_scorer(scorer, target, classes, judges["average_precision"])
        else:
            by_name[metric] = Goal(_minus_loss(metric), judges["any"])
    notes = _notes(objective, metric, scorer, weighted)
    if of_one:
        is_rarest = positive == rarest(np.bincount(target))
        notes.append(
            f"{metric} is that of class {classes.tolist()[positive]}"
            f"{', the rarest' if is_rarest else ''}."
        )
    return Goals(metric, by_name, tuning, positive, of_one, notes)


def _judges(positive, needed):
    """Name of a score -> whether the test rows of a fold judge it, from their class indices.

    "any" stands for scores that need several classes only, "f1" for all scores of one class.
    """

    def several(true):
        return len(np.unique(true)) > 1

    def of_positive(true):
        return several(true) and bool(np.any(true == positive))

    def each(true):
        return several(true) and bool(np.isin(np.flatnonzero(needed), true).all())

    judges = dict.fromkeys((*WHOLE, "any"), several) | {"f1": of_positive}
    return judges | dict.fromkeys(EACH_CLASS, each)


def label_goals(
    params: Mapping[str, Any], codes: np.ndarray, smallest: float, weighted: bool
) -> Goals:
    """The scores in the multilabel case; parameters and errors as those of `class_goals`.

    Parameters
    ----------
    params : dict
        "objective", "level", "cost_matrix" and "pos_label".
    codes : ndarray of shape (n_samples, n_labels)
        0, 1, and -1 where a label is missing.
    smallest : float
        Weight of the rows in the smallest test fold.
    weighted : bool
        Whether rows have weights.

    Returns
    -------
    goals : Goals
    """
    objective, metric = params["objective"], _metric(params["objective"])
    if params["pos_label"] is not None:
        reason = "scores are about all labels where y holds a label indicator matrix"
        warn_of_no_effect("pos_label", params["pos_label"], reason, "pass the column of one as y")
    params = {**params, "pos_label": None}

    def always(true):
        return True

    def some_label(true):
        return bool(np.any(both_had_and_lacked(true)))

    by_name = {
        name: Goal(_of_labels(of_labels), always) for name, of_labels in LABEL_OBJECTIVES.items()
    }
    by_name["average_precision"] = Goal(
        _mean_over_labels(RANKINGS["average_precision"], None), some_label
    )
    tuning: dict[str, Any] = {"objective": "f1_macro"}
    scorer = as_scorer(objective)
    known = (*LABEL_OBJECTIVES, *RANKINGS, *LOSSES)
    of_classes = isinstance(objective, str) and objective in {*OBJECTIVES} - {*known}
    _check_known(objective, None if of_classes else scorer, known, "a label indicator matrix")
    if _is_of_decisions(objective, scorer):
        learner = label_learner({**params, "calibration": None}, codes, OWNER)
        by_name[metric] = Goal(_of_labels(learner.objective), always)
        tuning = {"objective": objective}
    else:
        warn_of_idle(params, GOAL_TAKERS)
        if isinstance(objective, str) and objective in RANKINGS:
            _check_ranking(objective, params["level"], smallest, weighted)
            score = _mean_over_labels(RANKINGS[objective], params["level"])
            by_name[metric] = Goal(score, some_label)
        elif scorer is not None and objective not in LOSSES.values():
            by_name[metric] = _of_label_scorer(scorer, codes, some_label)
        else:
            score = _mean_over_labels(_minus_label_loss(metric), None, _known)
            by_name[metric] = Goal(score, some_label)
    notes = _notes(objective, metric, scorer, weighted)
    return Goals(metric, by_name, tuning, None, False, notes)


def _metric(objective):
    """The name of the score that an objective stands for."""
    if isinstance(objective, str):
        return LOSSES.get(objective, objective)
    scorer = as_scorer(objective)
    # A partial function has no name.
    return getattr(objective, "__name__", "objective") if scorer is None else scorer.name


def _check_known(objective, scorer, possible, target):
    if isinstance(objective, str) and objective not in possible and scorer is None:
        raise ValueError(
            f"The 'objective' parameter of {OWNER} must be one of {list(possible)!r}, a scorer of "
            f"scikit-learn or a function where y holds {target}. Got {objective!r} instead."
        )


def _is_of_decisions(objective, scorer):
    """Whether an objective looks at decisions only."""
    if isinstance(objective, str) and objective in (*RANKINGS, *LOSSES):
        return False
    return scorer is None or scorer.of_decisions


def _notes(objective, metric, scorer, weighted):
    """What is to be known of a score: functions see no weights."""
    sees_weights = not callable(objective) if scorer is None else scorer.takes("sample_weight")
    return [f"{metric} sees no weights of rows."] if weighted and not sees_weights else []


def _check_ranking(objective, level, smallest, weighted):
    """Check the level: at most the rows of the smallest test fold, or a rate."""
    if objective in AT_K:
        check_level(objective, level, (0, smallest))
        if level < 1 and not weighted:
            raise ValueError(
                f"The 'level' parameter of objective={objective!r} must be a number of rows of "
                f"each test fold, at least 1. Got {level!r}: multiply a share by the number of "
                f"these rows, {smallest:g} in the smallest fold."
            )
    if objective == "partial_roc_auc":
        check_level(objective, level, (0, 1))


def _of_objective(objective, n_classes, judges):
    """The goal of an objective of decisions."""

    def score(outcome):
        return objective.score(outcome.true, outcome.decided, outcome.weight)

    def slack(outcome):
        sums = decision_sums(outcome.true, outcome.decided, n_classes, outcome.weight)
        return float(objective.slack(*sums))

    return Goal(score, judges, None if getattr(objective, "slack", None) is None else slack)


def _ranking(name, positive, level, judges):
    """The goal of a ranking: of one class, or the mean over all classes where none is given."""
    if positive is None:
        return Goal(_mean_over_classes(RANKINGS[name], level), judges["average_precision"])
    return Goal(_of_class(RANKINGS[name], positive, level), judges["f1"])


def _of_class(ranking, k, level):
    return lambda outcome: ranking(outcome.true == k, outcome.proba[:, k], outcome.weight, level)


def _mean_over_classes(ranking, level):
    """The mean over the classes that have rows."""

    def score(outcome):
        present = np.unique(outcome.true)
        return float(np.mean([_of_class(ranking, k, level)(outcome) for k in present]))

    return score


def _minus_loss(metric):
    """Minus the log-loss or the Brier score of all classes, by the name of the negative."""
    name = _LOSS_OF[metric]
    return lambda outcome: -losses(outcome.true, outcome.proba, outcome.weight)[name]


def _known(codes):
    """The labels that are known in some of the rows."""
    return np.any(codes >= 0, axis=0)


def _mean_over_labels(ranking, level, counted=both_had_and_lacked):
    """The mean over the labels that a fold can judge, each on the rows in which it is known."""

    def score(outcome):
        values = []
        for k in np.flatnonzero(counted(outcome.true)):
            rows = outcome.true[:, k] >= 0
            parts = (outcome.true[rows, k] == 1, outcome.proba[rows, k], outcome.weight[rows])
            values.append(ranking(*parts, level))
        return float(np.mean(values))

    return score


def _minus_label_loss(metric):
    """Minus the loss of one label, as a function like those of `RANKINGS`."""
    name = _LOSS_OF[metric]

    def score(positive, proba, weight, level):
        return -losses(positive.astype(int), np.column_stack([1 - proba, proba]), weight)[name]

    return score


def _of_labels(objective):
    """The score of an objective of the decisions for all labels."""
    return lambda outcome: objective.score_of_known(outcome.true, outcome.decided, outcome.weight)


def _of_scorer(scorer, target, classes, judges):
    """The goal of a scorer of probabilities or rankings."""
    scorer = scorer.with_option("labels", classes)

    def score(true, proba, weight):
        return scorer(classes[true], _response(scorer, proba, classes), weight)

    indicator = np.eye(len(classes))[target]
    try_scorer(lambda true, proba: score(true, proba, None), target, indicator, OWNER, scorer.name)
    return Goal(lambda outcome: score(outcome.true, outcome.proba, outcome.weight), judges)


def _of_label_scorer(scorer, codes, judges):
    """The goal of a scorer of probabilities or rankings, on labels that a fold can judge."""

    def score(outcome):
        labels = both_had_and_lacked(outcome.true)
        proba = _response(scorer, outcome.proba[:, labels], None)
        return scorer(outcome.true[:, labels], proba, outcome.weight)

    if np.any(codes < 0):
        raise ValueError(
            f"The 'objective' parameter of {OWNER} must be one of "
            f"{[*LABEL_OBJECTIVES, *RANKINGS, *LOSSES]!r} where labels are missing in y. Got the "
            f"scorer {scorer.name!r} instead."
        )
    try_scorer(scorer, codes, codes.astype(float), OWNER, scorer.name)
    return Goal(score, judges)


def _response(scorer: Scorer, proba: np.ndarray, classes: np.ndarray | None) -> np.ndarray:
    """What a scorer would get of a classifier with these posteriors."""
    is_binary = classes is not None and len(classes) == 2
    if "predict_proba" not in scorer.methods:
        kept = np.clip(proba, np.finfo(float).tiny, 1 - np.finfo(float).eps)
        is_log = "predict_log_proba" in scorer.methods or not (is_binary or classes is None)
        proba = np.log(kept) if is_log else logit(kept)
    if not is_binary or classes is None:
        return proba
    label = scorer.default("pos_label")
    column = np.flatnonzero(classes == label) if label is not None else [1]
    if len(column) != 1:
        raise ValueError(
            f"pos_label={label!r} is not one of the classes {classes.tolist()!r}; make_scorer "
            "takes another one."
        )
    return proba[:, column[0]]
