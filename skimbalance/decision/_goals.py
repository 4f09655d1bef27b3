"""From the parameters of a tuned classifier to the goal, checked against what y holds."""

import numpy as np

from skimbalance.decision._learning import Goal
from skimbalance.decision._multilabel import LabelGoal
from skimbalance.decision._objectives import (
    LABEL_OBJECTIVES,
    LEVELS,
    OBJECTIVES,
    ONE_CLASS,
    checked_function,
    make_objective,
)

__all__ = ["class_goal", "label_goal"]

_OWNER = "TunedDecisionClassifierCV"

# An isotonic calibration of fewer rows of a class is noise.
ISOTONIC_ROWS = 50


def class_goal(params, classes, y_index):
    """The goal for class labels.

    Parameters
    ----------
    params : dict
        Of the classifier.
    classes : ndarray of shape (n_classes,)
        All labels.
    y_index : ndarray of shape (n_samples,)
        Class indices.

    Returns
    -------
    goal : Goal
        With the parameters in it.

    Raises
    ------
    ValueError
        If a parameter does not fit the classes.
    """
    objective, calibration = params["objective"], params["calibration"]
    if calibration == "isotonic":
        fewest = np.bincount(y_index, minlength=len(classes)).min()
        if len(classes) > 2 or fewest < ISOTONIC_ROWS:
            raise ValueError(
                f"The 'calibration' parameter of {_OWNER} may be 'isotonic' for 2 classes with at "
                f"least {ISOTONIC_ROWS} rows each. Got {len(classes)} classes, the rarest with "
                f"{fewest} rows."
            )
    if callable(objective):
        function = _number_of(objective)
        return Goal(
            lambda true, decided: function(classes[true], classes[decided]), None, calibration
        )
    if objective not in OBJECTIVES:
        raise ValueError(_not_possible(objective, OBJECTIVES, "class labels"))
    if objective == "cost":
        return Goal(None, _costs(params["cost_matrix"], len(classes)), calibration)
    positive = _positive(objective, params["pos_label"], classes)
    level = _level(objective, params["level"])
    return Goal(make_objective(objective, positive, level), None, calibration, positive)


def label_goal(params, indicator):
    """The goal for a label indicator matrix.

    Parameters
    ----------
    params : dict
        Of the classifier.
    indicator : ndarray of shape (n_samples, n_labels)
        Labels of the rows, 0 or 1.

    Returns
    -------
    goal : LabelGoal
        With the parameters in it.

    Raises
    ------
    ValueError
        If a parameter does not fit labels.
    """
    objective, calibration = params["objective"], params["calibration"]
    if calibration == "isotonic":
        with_label = indicator.sum(axis=0)
        fewest = np.minimum(with_label, len(indicator) - with_label)
        if fewest.min() < ISOTONIC_ROWS:
            raise ValueError(
                f"The 'calibration' parameter of {_OWNER} may be 'isotonic' for labels with at "
                f"least {ISOTONIC_ROWS} rows with and without each. Got the label "
                f"{np.argmin(fewest)} with {fewest.min()}."
            )
    if callable(objective):
        return LabelGoal(_number_of(objective), calibration)
    if objective not in LABEL_OBJECTIVES:
        raise ValueError(_not_possible(objective, LABEL_OBJECTIVES, "a label indicator matrix"))
    return LabelGoal(objective, calibration)


def _not_possible(objective, possible, target):
    return (
        f"The 'objective' parameter of {_OWNER} must be one of {list(possible)!r} or a function "
        f"where y holds {target}. Got {objective!r} instead."
    )


def _number_of(function):
    """The function, refused where it returns NaN."""
    function = checked_function(function, _OWNER)

    def number(true, decided):
        value = function(true, decided)
        if np.isnan(value):
            raise ValueError(
                f"The 'objective' function of {_OWNER} must return numbers. Got {value!r} instead."
            )
        return value

    return number


def _costs(cost_matrix, n_classes):
    costs = np.asarray(np.nan if cost_matrix is None else cost_matrix, dtype=float)
    if costs.shape != (n_classes, n_classes) or not np.all(np.isfinite(costs)):
        raise ValueError(
            "The 'cost_matrix' parameter of objective='cost' must be finite and of shape "
            f"({n_classes}, {n_classes}). Got {cost_matrix!r} instead."
        )
    right = np.diag(costs)[:, None]
    if np.any(costs < right) or np.all(costs == right):
        raise ValueError(
            "The 'cost_matrix' parameter of objective='cost' must have the least cost of each "
            "row on its diagonal, and a larger one beside it in some row. Got "
            f"{costs.tolist()!r} instead."
        )
    return costs


def _positive(objective, pos_label, classes):
    """Index of the one class that the objective is for, None where it is for all."""
    if objective not in ONE_CLASS:
        return None
    if pos_label is None and len(classes) == 2:
        return 1
    (index,) = np.nonzero(classes == pos_label)
    if len(index) != 1:
        raise ValueError(
            f"The 'pos_label' parameter of objective={objective!r} must be one of the classes "
            f"{classes.tolist()!r}. Got {pos_label!r} instead."
        )
    return int(index[0])


def _level(objective, level):
    if objective in LEVELS:
        low, high = LEVELS[objective]
        if level is None or not low < level <= high:
            raise ValueError(
                f"The 'level' parameter of objective={objective!r} must be in the range "
                f"({low}, {high}]. Got {level!r} instead."
            )
    return level
