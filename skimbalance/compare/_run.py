"""Which strategy should I use? The same folds for a dozen of them, and what is noise."""

import warnings
from numbers import Integral

import joblib
import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_consistent_length, column_or_1d

from skimbalance._response import posterior
from skimbalance._validation import (
    HasMethods,
    Interval,
    StrOptions,
    as_array,
    safe_indexing,
    validate_parameter_constraints,
)
from skimbalance.classifier import ImbalancedMLPClassifier
from skimbalance.compare._result import StrategyComparison
from skimbalance.compare._strategies import STRATEGIES, make_strategy, over_table
from skimbalance.decision._folds import cv_splits
from skimbalance.decision._objectives import (
    WHOLE,
    checked_function,
    make_objective,
)
from skimbalance.metrics import average_precision_by_class
from skimbalance.metrics._scores import decision_sums

__all__ = ["StrategyComparison", "compare_strategies"]

#: Objectives to compare by: those over all classes, and the F1 of the rarest class.
OBJECTIVES = (*WHOLE, "f1")

_CONSTRAINTS = {
    "strategies": ["array-like", None],
    "estimators": [dict, None],
    "network": [ImbalancedMLPClassifier, None],
    "objective": [StrOptions(set(OBJECTIVES)), callable],
    "cv": [Interval(Integral, 2, None, closed="left"), HasMethods(["split"]), "array-like",
           HasMethods("__next__")],
    "n_repeats": [Interval(Integral, 1, None, closed="left")],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}  # fmt: skip


def compare_strategies(
    X,
    y,
    *,
    strategies=None,
    estimators=None,
    network=None,
    objective="f1_macro",
    cv=5,
    n_repeats=1,
    random_state=None,
    verbose=1,
):
    """Train a dozen remedies for imbalance on the same folds, and say which to use.

    All that learns from rows (imputing, scaling, sampling, tuning of decisions) does so inside
    the training folds. The networks train through the joblib backend "stacked".

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n_samples, n_features)
        Numbers, text and categories, also missing; see `skimbalance.preprocessing.table_steps`.
    y : array-like of shape (n_samples,)
        Class labels.
    strategies : list of str, default=None
        Some of "plain", "sqrt_weighted", "class_weighted", "effective_number",
        "logit_adjusted", "focal", "focal_weighted", "ldam", "balanced_batches",
        "over_sampling", "under_sampling", "smote" and "tuned_decision". By default all.
    estimators : dict of str to classifier, default=None
        Others to compare with. A pipeline gets X as it is; any other classifier gets the
        prepared numbers.
    network : ImbalancedMLPClassifier, default=None
        What the strategies are put on; they take over weights, loss and sampling. By default
        layers 64-32, 50 epochs, and a learning rate that falls from 0.003 to 0. Its early
        stopping, if any, works inside the training folds.
    objective : str or callable, default="f1_macro"
        What the best is best by: "balanced_accuracy", "f1_macro", "f1_weighted", "mcc",
        "geometric_mean", "cohen_kappa"; "f1" (of the rarest class); or a function of
        (y_true, y_pred), larger is better.
    cv : int or cross-validation splitter, default=5
        An int is stratified, also for classes with fewer rows than folds.
    n_repeats : int, default=1
        How often to repeat with other folds, where `cv` is an int.
    random_state : int, RandomState instance or None, default=None
        Of folds, sampling and networks; a `network` with one of its own keeps it.
    verbose : int, default=1
        0 shows no progress bar; it never stays.

    Returns
    -------
    comparison : StrategyComparison
        Scores, paired tests, and a recommendation.

    Raises
    ------
    ValueError
        If a parameter or the table breaks a rule, or a strategy cannot be trained: which one,
        and why.

    Examples
    --------
    >>> from skimbalance import ImbalancedMLPClassifier, compare_strategies
    >>> from skimbalance.datasets import load_page_blocks
    >>> X, y = load_page_blocks(return_X_y=True)
    >>> comparison = compare_strategies(
    ...     X[::5], y[::5], strategies=["plain", "class_weighted"], cv=3, random_state=0,
    ...     network=ImbalancedMLPClassifier((16,), epochs=20, early_stopping=False), verbose=0,
    ... )
    >>> bool(comparison.frame().loc["class_weighted", "balanced_accuracy"].round() == 1)
    True
    """
    validate_parameter_constraints(
        _CONSTRAINTS,
        {"strategies": strategies, "estimators": estimators, "network": network,
         "objective": objective, "cv": cv, "n_repeats": n_repeats, "random_state": random_state,
         "verbose": verbose},
        "compare_strategies",
    )  # fmt: skip
    # A partial function has no name.
    metric = getattr(objective, "__name__", "objective") if callable(objective) else objective
    own = {}
    if callable(objective):
        own[metric] = checked_function(objective, "compare_strategies")
    labels = _checked_target(X, y)
    classes, y_index = np.unique(labels, return_inverse=True)
    _check_classes(classes, np.bincount(y_index), objective)
    candidates = _candidates(X, labels, strategies, estimators, network, objective, random_state)
    splits = _splits(X, labels, y_index, cv, n_repeats, random_state)
    _check_splits(splits, y_index, classes)
    outcomes = _train(candidates, X, labels, splits, classes, verbose)
    scores, recall = _scores(outcomes, y_index, splits, classes, own)
    return StrategyComparison(X, labels, classes, candidates, splits, scores, recall, metric=metric)


def _checked_target(X, y):
    import pandas as pd

    missing = np.flatnonzero(pd.isna(np.asarray(y, dtype=object)).ravel())
    if len(missing):
        raise ValueError(
            f"The labels in y must not be missing. Got {len(missing)} that are, the first in row "
            f"{missing[0]}: label or drop these rows."
        )
    check_consistent_length(X, y)
    labels = column_or_1d(as_array(y))
    is_text = {isinstance(label, str) for label in labels}
    if len(is_text) > 1:
        raise ValueError("The labels in y must be all text or all numbers. Got some of both.")
    if is_text == {False} and labels.dtype == object:
        labels = np.array(labels.tolist())
    check_classification_targets(labels)
    return labels


def _check_classes(classes, counts, objective):
    if len(classes) < 2:
        raise ValueError(
            "y must have rows of at least 2 classes. "
            f"Got {len(classes)} class: {classes.tolist()!r}."
        )
    if objective == "f1" and counts.min() < 2:
        raise ValueError(
            "The rarest class must have at least 2 rows for objective='f1', one to train and one "
            f"to test. Got 1 row of class {classes.tolist()[counts.argmin()]!r}."
        )


def _candidates(X, y, strategies, estimators, network, objective, random_state):
    """Name -> estimator, not fitted."""
    names = list(STRATEGIES) if strategies is None else list(strategies)
    if not names and not estimators:
        raise ValueError(
            "The 'strategies' and 'estimators' parameters of compare_strategies must not both be "
            f"empty. Got {strategies!r} and {estimators!r}."
        )
    seed = check_random_state(random_state).randint(2**31)
    found = {
        name: make_strategy(name, X, y, network=network, objective=objective, random_state=seed)
        for name in names
    }
    # Whatever order they were named in: of equally good ones the simpler comes first.
    found = {name: found[name] for name in STRATEGIES if name in found}
    for name, estimator in (estimators or {}).items():
        if name in found:
            raise ValueError(
                "The 'estimators' parameter of compare_strategies must have names other than the "
                f"strategies'. Got {name!r}."
            )
        if isinstance(estimator, type) or not is_classifier(estimator):
            raise ValueError(
                "The 'estimators' parameter of compare_strategies must hold classifiers. Got "
                f"{estimator!r} as {name!r}."
            )
        found[name] = over_table(estimator, X)
    return found


def _splits(X, y, y_index, cv, n_repeats, random_state):
    if n_repeats > 1 and not isinstance(cv, Integral):
        raise ValueError(
            "The 'n_repeats' parameter of compare_strategies must be 1 where 'cv' is no int: let "
            f"the splitter repeat. Got {n_repeats!r} instead."
        )
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31))
    return [split for _ in range(n_repeats) for split in cv_splits(cv, X, y, y_index, rng)]


def _check_splits(splits, y_index, classes):
    for fold, (train, test) in enumerate(splits):
        if not len(test):
            raise ValueError(f"Every fold must have rows to test. Got none in fold {fold}.")
        known = classes[np.unique(y_index[train])].tolist()
        if len(known) < 2:
            raise ValueError(
                f"Every fold must have at least 2 classes to train on. Got {known!r} in fold "
                f"{fold}: a class needs 2 rows, one to train and one to test."
            )


def _train(candidates, X, y, splits, classes, verbose):
    """Name -> decisions and posteriors of each fold."""
    from tqdm.auto import tqdm

    tasks = [(name, i) for name in candidates for i in range(len(splits))]
    with (
        tqdm(total=len(tasks), desc="strategies x folds", leave=False,
             disable=None if verbose else True) as bar,
        joblib.parallel_config(backend="stacked"),
    ):  # fmt: skip

        def run(name, fold):
            train, test = splits[fold]
            estimator = clone(candidates[name])
            if name in STRATEGIES:
                _reseed(estimator, fold)
            try:
                fitted = estimator.fit(safe_indexing(X, train), safe_indexing(y, train))
                rows = safe_indexing(X, test)
                decided = np.searchsorted(classes, fitted.predict(rows))
                proba = posterior(fitted, rows, classes)
            except ValueError as error:
                raise ValueError(
                    f"The strategy {name!r} failed, and may have to be left out: {error}"
                ) from error
            except Exception as error:
                error.add_note(f"The strategy {name!r} failed.")
                raise
            bar.update()
            return decided, proba

        # scikit-learn's parallel calls replace the filters of the whole process for a while, so
        # that one in another thread may find none and complain; here all are put back.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"`sklearn.utils.parallel.delayed` should be used")
            # The result notes classes of so few rows, once.
            warnings.filterwarnings("ignore", r"The classes .* have too few rows to be judged")
            results = Parallel()(delayed(run)(*task) for task in tasks)
    n = len(splits)
    return {name: results[i * n : (i + 1) * n] for i, name in enumerate(candidates)}


def _reseed(estimator, fold):
    """Another seed for each fold, so that the noise of initial weights is in the spread."""
    seeds = {
        name: value + fold
        for name, value in estimator.get_params().items()
        if name.split("__")[-1] == "random_state" and isinstance(value, Integral)
    }
    estimator.set_params(**seeds)


def _scores(outcomes, y_index, splits, classes, own):
    """Name -> metric -> score of each fold; recall of each class.

    `own` holds the user's function by its name, which may be that of a metric here.
    """
    n_classes = len(classes)
    rarest = np.argmin(np.bincount(y_index))
    objectives = {name: make_objective(name, rarest, None) for name in OBJECTIVES}
    scores, recall = {}, {}
    for name, folds in outcomes.items():
        of_metric = {metric: [] for metric in (*objectives, "average_precision", *own)}
        hits_of_all, rows_of_all = np.zeros(n_classes), np.zeros(n_classes)
        for (_, test), (decided, proba) in zip(splits, folds, strict=True):
            true = y_index[test]
            sums = decision_sums(true, decided, n_classes)
            values = {metric: goal.value(*sums) for metric, goal in objectives.items()}
            by_class = average_precision_by_class(true, proba, labels=np.arange(n_classes))
            values["average_precision"] = np.nanmean(by_class)
            for metric, function in own.items():
                values[metric] = _own_value(metric, function, classes[true], classes[decided])
            for metric, value in values.items():
                of_metric[metric].append(float(value))
            hits_of_all += sums[0]
            rows_of_all += sums[2]
        scores[name] = {metric: np.array(values) for metric, values in of_metric.items()}
        tested = rows_of_all > 0
        recall[name] = np.where(tested, hits_of_all / np.where(tested, rows_of_all, 1), np.nan)
    return scores, recall


def _own_value(name, function, true, decided):
    value = function(true, decided)
    if not np.isfinite(value):
        raise ValueError(
            "The function of the 'objective' parameter of compare_strategies must return a finite "
            f"number for each fold. Got {value!r} from {name!r}."
        )
    return value
