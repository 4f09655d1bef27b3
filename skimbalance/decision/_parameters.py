"""The parameters of a tuned classifier, checked against y, as a learner of its decision rule."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from skimbalance._validation import (
    Interval,
    StrOptions,
    matrix_by_label,
    one_of,
    warn_of_no_effect,
)
from skimbalance.decision._learning import RuleLearner
from skimbalance.decision._multilabel import LabelRuleLearner
from skimbalance.decision._objectives import (
    LABEL_OBJECTIVES,
    LEVELS,
    OBJECTIVES,
    ONE_CLASS,
    CostObjective,
    CustomObjective,
    LabelObjective,
    custom_score,
    make_objective,
)
from skimbalance.decision._rows import rows_of_each
from skimbalance.metrics._scores import rarest

__all__ = [
    "OBJECTIVE_CONSTRAINTS",
    "TAKERS",
    "check_level",
    "class_learner",
    "label_learner",
    "positive_class",
    "warn_of_idle",
]

# Parameter -> the objectives that take it.
TAKERS = {"level": [*LEVELS], "cost_matrix": ["cost"], "pos_label": [*ONE_CLASS]}

#: Types and ranges of an objective, of what it takes, and of the calibration.
OBJECTIVE_CONSTRAINTS = {
    "objective": [str, callable],
    "level": [Interval(Real, 0, None, closed="left"), None],
    "cost_matrix": ["array-like", None],
    "pos_label": "no_validation",
    "calibration": [StrOptions({"vector", "temperature", "isotonic"}), None],
}

# With fewer rows of a class, an isotonic calibration is noise.
ISOTONIC_ROWS = 50


def class_learner(
    params: Mapping[str, Any],
    classes: np.ndarray,
    y_index: np.ndarray,
    owner: str,
    class_rows: np.ndarray | None = None,
) -> RuleLearner:
    """The learner for class labels.

    Parameters
    ----------
    params : dict
        Parameters of the classifier.
    classes : ndarray of shape (n_classes,)
        Class labels.
    y_index : ndarray of shape (n_samples,)
        Class indices.
    owner : str
        Name of the classifier, for errors.
    class_rows : ndarray of shape (n_classes,), default=None
        Number of rows of each class, where there are more than these.

    Returns
    -------
    learner : RuleLearner
        Learner with the objective and the calibration of the parameters.

    Raises
    ------
    ValueError
        If a parameter does not fit the classes.
    """
    warn_of_idle(params)
    if class_rows is None:
        class_rows = rows_of_each(y_index, len(classes))
    calibration = params["calibration"]
    if calibration == "isotonic":
        fewest = np.bincount(y_index, minlength=len(classes)).min()
        if len(classes) > 2 or fewest < ISOTONIC_ROWS:
            raise ValueError(
                f"The 'calibration' parameter of {owner} may be 'isotonic' for 2 classes with at "
                f"least {ISOTONIC_ROWS} rows each. Got {len(classes)} classes, the rarest with "
                f"{fewest} rows."
            )
    objective = params["objective"]
    if isinstance(objective, str) and objective in OBJECTIVES:
        return _named_learner(objective, params, classes, class_rows)
    score = custom_score(objective, classes[y_index], owner)
    if score is not None:
        custom = CustomObjective(
            lambda true, decided, weight: score(classes[true], classes[decided], weight)
        )
        return RuleLearner(custom, None, calibration)
    if objective is None:  # the most probable class has the least expected number of errors
        return RuleLearner(CostObjective(1.0 - np.eye(len(classes))), None, calibration)
    raise ValueError(_not_possible(objective, OBJECTIVES, "class labels", owner))


def _named_learner(name, params, classes, class_rows):
    """The learner for one of `OBJECTIVES`."""
    calibration = params["calibration"]
    if name == "cost":
        costs = _costs(params["cost_matrix"], classes)
        return RuleLearner(CostObjective(costs), None, calibration)
    positive, level = None, params["level"]
    if name in ONE_CLASS:
        positive = positive_class(name, params["pos_label"], classes, class_rows)
    if name in LEVELS:
        check_level(name, level, LEVELS[name])
    return RuleLearner(make_objective(name, positive, level), positive, calibration)


def label_learner(params: Mapping[str, Any], indicator: np.ndarray, owner: str) -> LabelRuleLearner:
    """The learner for a label indicator matrix.

    Parameters
    ----------
    params : dict
        Parameters of the classifier.
    indicator : ndarray of shape (n_samples, n_labels)
        Labels of the rows: 0, 1, or -1 where a label is missing.
    owner : str
        Name of the classifier, for errors.

    Returns
    -------
    learner : LabelRuleLearner
        Learner with the objective and the calibration of the parameters.

    Raises
    ------
    ValueError
        If a parameter does not fit the labels.
    """
    warn_of_idle(params)
    calibration = params["calibration"]
    if calibration == "isotonic":
        fewest = np.minimum(np.sum(indicator == 1, axis=0), np.sum(indicator == 0, axis=0))
        if fewest.min() < ISOTONIC_ROWS:
            raise ValueError(
                f"The 'calibration' parameter of {owner} may be 'isotonic' for labels with at "
                f"least {ISOTONIC_ROWS} rows with and without each. Got the label "
                f"{np.argmin(fewest)} with {fewest.min()}."
            )
    objective = params["objective"]
    if isinstance(objective, str) and objective in LABEL_OBJECTIVES:
        return LabelRuleLearner(LABEL_OBJECTIVES[objective], calibration)
    score = None
    if objective not in OBJECTIVES:  # some of which are names of scorers, too
        score = custom_score(objective, indicator.clip(0), owner)
    if score is not None:
        if np.any(indicator < 0):
            raise ValueError(
                f"The 'objective' parameter of {owner} must be one of {list(LABEL_OBJECTIVES)!r} "
                "where labels are missing in y, as a function would count them. Got "
                f"{objective!r} instead."
            )
        return LabelRuleLearner(LabelObjective("function", score), calibration)
    raise ValueError(_not_possible(objective, LABEL_OBJECTIVES, "a label indicator matrix", owner))


def warn_of_idle(
    params: Mapping[str, Any], takers_of: Mapping[str, Sequence[str]] = TAKERS
) -> None:
    """Warn of parameters that were set, but that the objective does not take.

    Parameters
    ----------
    params : dict
        Parameters, among them "objective".
    takers_of : dict of str to sequence of str, default=TAKERS
        Parameter to the objectives that take it.
    """
    objective = params["objective"]
    name = "a function as objective" if callable(objective) else f"objective={objective!r}"
    for parameter, takers in takers_of.items():
        value = params.get(parameter)
        if value is not None and (callable(objective) or objective not in takers):
            remedy = f"set objective={one_of(takers)}"
            warn_of_no_effect(parameter, value, f"{name} does not take it", remedy)


def _not_possible(objective, possible, target, owner):
    return (
        f"The 'objective' parameter of {owner} must be one of {list(possible)!r}, a scorer "
        f"of scikit-learn or a function where y holds {target}. Got {objective!r} instead."
    )


def _costs(cost_matrix, classes):
    rows = matrix_by_label(cost_matrix, classes, "cost_matrix")
    n_classes = len(classes)
    try:
        costs = np.asarray(np.nan if rows is None else rows, dtype=float)
    except (TypeError, ValueError):
        costs = np.empty(0)
    if costs.shape != (n_classes, n_classes) or not np.all(np.isfinite(costs)):
        raise ValueError(
            "The 'cost_matrix' parameter of objective='cost' must be finite and of shape "
            f"({n_classes}, {n_classes}). Got {rows!r} instead."
        )
    right = np.diag(costs)[:, None]
    if np.any(costs < right) or np.all(costs == right):
        raise ValueError(
            "The 'cost_matrix' parameter of objective='cost' must have the lowest cost of each "
            "row on its diagonal, and a higher cost elsewhere in at least one row. Got "
            f"{costs.tolist()!r} instead."
        )
    return costs


def positive_class(
    objective: str, pos_label: Any, classes: np.ndarray, class_rows: np.ndarray
) -> int:
    """Index of the class that an objective of one class is about: the rarest, if none is named."""
    if pos_label is None:
        return rarest(class_rows)
    # A list would be compared item by item.
    index = np.flatnonzero(classes == pos_label if np.ndim(pos_label) == 0 else False)
    if len(index) != 1:
        raise ValueError(
            f"The 'pos_label' parameter of objective={objective!r} must be one of the classes "
            f"{classes.tolist()!r}. Got {pos_label!r} instead."
        )
    return int(index[0])


def check_level(objective: str, level: float | None, limits: tuple[float, float]) -> None:
    """Refuse a level that is not above the lower limit, or is above the upper one."""
    low, high = limits
    if level is None or not low < level <= high:
        raise ValueError(
            f"The 'level' parameter of objective={objective!r} must be in the range "
            f"({low}, {high}]. Got {level!r} instead."
        )
