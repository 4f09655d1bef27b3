"""Which strategy should I use? A dozen of them on the same folds, and what is noise."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
from sklearn.base import clone, is_classifier
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_consistent_length, column_or_1d

from skimbalance._response import posterior, with_groups
from skimbalance._validation import (
    HasMethods,
    Interval,
    StrOptions,
    check_one_input,
    checked_groups,
    checked_target,
    safe_indexing,
    validate_parameter_constraints,
)
from skimbalance.classifier import ImbalancedMLPClassifier
from skimbalance.compare._conclusions import conclude
from skimbalance.compare._result import StrategyComparison, settings
from skimbalance.compare._strategies import (
    STRATEGIES,
    make_strategy,
    over_table,
    with_strategies,
)
from skimbalance.decision._folds import check_trained, cv_splits
from skimbalance.decision._objectives import WHOLE, custom_score, make_objective
from skimbalance.metrics import average_precision_by_class
from skimbalance.metrics._scores import decision_sums, rarest

__all__ = ["OBJECTIVES", "compare_strategies"]

#: Objectives to compare by: scores over all classes, and the F1 of the rarest class.
OBJECTIVES = (*WHOLE, "f1")

#: Scores in which all classes count the same, so that a fold judges them if it tests every class.
EACH_CLASS = {"balanced_accuracy", "f1_macro", "geometric_mean", "average_precision"}

Split = tuple[np.ndarray, np.ndarray]

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


@with_strategies
def compare_strategies(
    X: Any,
    y: npt.ArrayLike,
    *,
    strategies: Sequence[str] | None = None,
    estimators: dict[str, Any] | None = None,
    network: ImbalancedMLPClassifier | None = None,
    objective: str | Callable[[np.ndarray, np.ndarray], float] = "f1_macro",
    cv: Any = 5,
    groups: npt.ArrayLike | None = None,
    n_repeats: int = 1,
    random_state: int | np.random.RandomState | None = None,
    verbose: int = 1,
) -> StrategyComparison:
    """Train a dozen remedies for imbalance on the same folds, and say which to use.

    Whatever learns from rows (imputing, scaling, sampling, tuning of decisions) does so inside
    the training folds. The networks train through the joblib backend "stacked".

    A score is nan in a fold that cannot judge it, and means are over the other folds: a fold that
    tests fewer than two classes judges nothing; scores in which all classes count the same
    ("balanced_accuracy", "f1_macro", "geometric_mean", "average_precision") need test rows of every
    class, apart from classes that no fold both trains on and tests; "f1" needs test rows of its
    class.

    {default}

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n_samples, n_features)
        Table of numbers, text and categories, which may be missing; see
        `skimbalance.preprocessing.table_steps`.
    y : array-like of shape (n_samples,)
        Class labels.
    strategies : list of str, default=None
        Names of the strategies to compare. By default all of these:

        {strategies}
    estimators : dict of str to classifier, default=None
        Other classifiers to compare with, by name. A pipeline gets X as it is; any other
        classifier gets the prepared numbers.
    network : ImbalancedMLPClassifier, default=None
        Network that the strategies train; they replace its class weights, loss and sampling. By
        default layers 64-32, 50 epochs, and a learning rate that falls from 0.003 to 0; those of
        "ensemble" have the default of `ImbalancedEnsembleClassifier`. Early
        stopping, if the network has it, works inside the training folds.
    objective : str or callable, default="f1_macro"
        Score that sorts the strategies: "balanced_accuracy", "f1_macro", "f1_weighted", "mcc",
        "geometric_mean", "cohen_kappa"; "f1" (of the rarest class; of equally rare
        ones, the last in sorted order); or a function of (y_true, y_pred), larger is better.
    cv : int or cross-validation splitter, default=5
        Number of folds, which are stratified, also for classes with fewer rows than folds; or a
        splitter.
    groups : array-like of shape (n_samples,), default=None
        Groups of the rows, for a splitter such as ``GroupKFold``. If `cv` is an int, no group is
        divided between training and test rows. The folds in which decisions are tuned keep groups
        together, too.
    n_repeats : int, default=1
        Number of repetitions with other folds, if `cv` is an int.
    random_state : int, RandomState instance or None, default=None
        Seed of folds, sampling and networks; a `network` with a seed keeps it.
    verbose : int, default=1
        Progress bar while it runs: 0 shows none, 1 one over strategies and folds, and 2 one over
        the epochs of all networks.

    Returns
    -------
    comparison : StrategyComparison
        Scores, paired tests, and a recommendation.

    Raises
    ------
    ValueError
        If a parameter or the table breaks a rule, or a strategy cannot be trained; the error
        says which one, and why.

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
    labels = _checked_target(X, y)
    custom = {}
    if callable(objective):
        custom[metric] = custom_score(objective, labels, "compare_strategies")
    classes, y_index = np.unique(labels, return_inverse=True)
    _check_classes(classes, np.bincount(y_index), objective)
    if groups is not None:
        groups = checked_groups(groups, len(labels), "compare_strategies")
    candidates = _candidates(
        X, labels, strategies, estimators, network=network, objective=objective,
        random_state=random_state, verbose=int(verbose > 1),
    )  # fmt: skip
    splits = _splits(X, labels, y_index, cv, groups, n_repeats, random_state)
    check_trained(splits, y_index, classes)
    judged = _judged(splits, y_index, custom)
    _check_judged(judged[metric], metric, y_index, classes)
    outcomes = _train(candidates, X, labels, groups, splits, classes, verbose)
    scores, recall = _scores(outcomes, y_index, splits, classes, judged, custom)
    test_share = float(np.mean([len(test) / len(train) for train, test in splits]))
    result = conclude(
        X, labels, classes, candidates, scores, recall, metric=metric, test_share=test_share
    )
    about = settings(
        len(labels), network=network, cv=cv, n_repeats=n_repeats, random_state=random_state
    )
    return replace(result, about=about | result.about, _groups=groups)


def _checked_target(X: Any, y: npt.ArrayLike) -> np.ndarray:
    target = checked_target(y, multilabel=False)
    check_one_input(X, len(target), "compare_strategies")
    check_consistent_length(X, target)
    labels = column_or_1d(target)
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


def _candidates(X, y, strategies, estimators, *, random_state, **options):
    """Name -> estimator, not fitted."""
    names = list(STRATEGIES) if strategies is None else list(strategies)
    if not names and not estimators:
        raise ValueError(
            "The 'strategies' and 'estimators' parameters of compare_strategies must not both be "
            f"empty. Got {strategies!r} and {estimators!r}."
        )
    seed = check_random_state(random_state).randint(2**31)
    by_name = {name: make_strategy(name, X, y, random_state=seed, **options) for name in names}
    # In the order of their simplicity: of equally good strategies the simpler comes first.
    candidates = {name: by_name[name] for name in STRATEGIES if name in by_name}
    for name, estimator in (estimators or {}).items():
        if name in candidates:
            raise ValueError(
                "The 'estimators' parameter of compare_strategies must have names other than the "
                f"strategies'. Got {name!r}."
            )
        if isinstance(estimator, type) or not is_classifier(estimator):
            raise ValueError(
                "The 'estimators' parameter of compare_strategies must hold classifiers. Got "
                f"{estimator!r} as {name!r}."
            )
        candidates[name] = over_table(estimator, X)
    return candidates


def _splits(X, y, y_index, cv, groups, n_repeats, random_state) -> list[Split]:
    if n_repeats > 1 and not isinstance(cv, Integral):
        raise ValueError(
            "The 'n_repeats' parameter of compare_strategies must be 1 unless 'cv' is an int. Got "
            f"{n_repeats!r} instead: let the splitter repeat."
        )
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31))
    split_params = {} if groups is None else {"groups": groups}
    return [
        split
        for _ in range(n_repeats)
        for split in cv_splits(
            cv, X, y, y_index, rng, split_params=split_params, owner="compare_strategies"
        )
    ]


def _judged(splits, y_index, custom) -> dict[str, np.ndarray]:
    """Metric -> mask of the folds whose test rows judge it; see `compare_strategies`."""
    n_classes = int(y_index.max()) + 1
    trained, tested = (
        np.array([np.bincount(y_index[rows], minlength=n_classes) > 0 for rows in part])
        for part in zip(*splits, strict=True)
    )
    several = tested.sum(axis=1) >= 2
    needed = np.any(trained & tested, axis=0)
    masks = {
        "f1": several & tested[:, rarest(np.bincount(y_index))],
        **dict.fromkeys(EACH_CLASS, several & tested[:, needed].all(axis=1)),
    }
    names = (*OBJECTIVES, "average_precision", *custom)
    return {name: several if name in custom else masks.get(name, several) for name in names}


def _check_judged(judged, metric, y_index, classes):
    if judged.any():
        return
    counts = np.bincount(y_index)
    fewest = counts[counts > 1].min()
    raise ValueError(
        f"A fold of compare_strategies must have test rows of each class that {metric!r} is about. "
        f"Got no such fold among {len(judged)}; the rarest class, "
        f"{classes.tolist()[rarest(counts)]!r}, has {counts.min()} rows: use at most cv={fewest}, "
        "with more n_repeats, or leave out classes that are too rare to judge."
    )


def _train(
    candidates, X, y, groups, splits, classes, verbose
) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """Name -> decisions, as class indices, and posteriors of the test rows of each fold."""
    from tqdm.auto import tqdm

    tasks = [(name, i) for name in candidates for i in range(len(splits))]
    with (
        tqdm(total=len(tasks), desc="strategies x folds", leave=False,
             disable=None if verbose == 1 else True) as bar,
        joblib.parallel_config(backend="stacked"),
    ):  # fmt: skip

        def run(name, fold):
            train, test = splits[fold]
            estimator = clone(candidates[name])
            if name in STRATEGIES:
                _reseed(estimator, fold)
            given = {} if groups is None else with_groups(estimator, safe_indexing(groups, train))
            try:
                fitted = estimator.fit(safe_indexing(X, train), safe_indexing(y, train), **given)
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
        # that a call in another thread may find none and warn; here all are put back.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"`sklearn.utils.parallel.delayed` should be used")
            # The result notes classes with few rows once.
            warnings.filterwarnings("ignore", r"The classes .* have too few rows")
            # A parameter of the given network may be meant for some of the strategies.
            warnings.filterwarnings("ignore", r"The '\w+' parameter has no effect")
            warnings.filterwarnings("ignore", r"Decisions for classes with fewer than")
            results = Parallel()(delayed(run)(*task) for task in tasks)
    n = len(splits)
    return {name: results[i * n : (i + 1) * n] for i, name in enumerate(candidates)}


def _reseed(estimator: Any, fold: int) -> None:
    """Set another seed in each fold, so that the spread includes the noise of initial weights."""
    seeds = {
        name: value + fold
        for name, value in estimator.get_params().items()
        if name.split("__")[-1] == "random_state" and isinstance(value, Integral)
    }
    estimator.set_params(**seeds)


def _scores(
    outcomes: dict[str, list[tuple[np.ndarray, np.ndarray]]],
    y_index: np.ndarray,
    splits: list[Split],
    classes: np.ndarray,
    judged: dict[str, np.ndarray],
    custom: dict[str, Callable[[np.ndarray, np.ndarray], float]],
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """Name -> metric -> score in each fold, nan where not judged; and name -> recall of each class.

    `custom` holds the user's function by its name, and replaces a metric of that name.
    """
    n_classes = len(classes)
    positive = rarest(np.bincount(y_index))
    objectives = {name: make_objective(name, positive, None) for name in OBJECTIVES}
    scores, recall = {}, {}
    for name, folds in outcomes.items():
        by_metric = {metric: np.full(len(splits), np.nan) for metric in judged}
        hits, actual = np.zeros(n_classes), np.zeros(n_classes)
        for i, ((_, test), (decided, proba)) in enumerate(zip(splits, folds, strict=True)):
            true = y_index[test]
            sums = decision_sums(true, decided, n_classes)
            values: dict[str, Any] = {
                metric: goal.value(*sums) for metric, goal in objectives.items()
            }
            by_class = average_precision_by_class(true, proba, labels=np.arange(n_classes))
            values["average_precision"] = np.nanmean(by_class)
            for metric, function in custom.items():
                values[metric] = function(classes[true], classes[decided], None)
            for metric, value in values.items():
                if judged[metric][i]:
                    by_metric[metric][i] = value
            hits += sums[0]
            actual += sums[2]
        scores[name] = by_metric
        tested = actual > 0
        recall[name] = np.where(tested, hits / np.where(tested, actual, 1), np.nan)
    return scores, recall
