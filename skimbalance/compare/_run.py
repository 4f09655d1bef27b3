"""Which strategy should I use? A dozen of them on the same folds, and what is noise."""

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse
from sklearn.base import clone, is_classifier
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from skimbalance._fit.checkpoint import check_checkpoint
from skimbalance._response import check_no_weights_of_sampled
from skimbalance._validation import (
    HasMethods,
    Interval,
    plain_labels,
    safe_indexing,
    some_of,
    validate_parameter_constraints,
)
from skimbalance.classifier import ImbalancedMLPClassifier
from skimbalance.compare._conclusions import NOUNS, breaking_limit, conclude
from skimbalance.compare._data import Compared, Split, read, with_splits
from skimbalance.compare._goals import Goals, Outcome, class_goals, label_goals
from skimbalance.compare._result import StrategyComparison, settings
from skimbalance.compare._strategies import (
    STRATEGIES,
    TUNED,
    fit_given,
    make_strategy,
    over_table,
    strategies_for,
    takes_weights,
    with_strategies,
)
from skimbalance.decision._folds import check_trained
from skimbalance.metrics._scores import rarest
from skimbalance.metrics._sums import weighted_sum

__all__ = ["compare_strategies"]

_CONSTRAINTS = {
    "strategies": ["array-like", None],
    "estimators": [dict, None],
    "network": [ImbalancedMLPClassifier, None],
    "objective": [str, callable],
    "level": [Interval(Real, 0, None, closed="left"), None],
    "cost_matrix": ["array-like", dict, None],
    "cv": [Interval(Integral, 2, None, closed="left"), HasMethods(["split"]), "array-like",
           HasMethods("__next__")],
    "n_repeats": [Interval(Integral, 1, None, closed="left")],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
    "checkpoint": [str, os.PathLike, None],
}  # fmt: skip


@with_strategies
def compare_strategies(
    X: Any,
    y: npt.ArrayLike,
    *,
    strategies: Sequence[str] | None = None,
    estimators: dict[str, Any] | None = None,
    network: ImbalancedMLPClassifier | None = None,
    objective: str | Callable[..., float] = "f1_macro",
    level: float | None = None,
    cost_matrix: npt.ArrayLike | None = None,
    pos_label: Any = None,
    cv: Any = 5,
    groups: npt.ArrayLike | None = None,
    sample_weight: npt.ArrayLike | None = None,
    n_repeats: int = 1,
    random_state: int | np.random.RandomState | None = None,
    verbose: int = 1,
    checkpoint: str | os.PathLike[str] | None = None,
) -> StrategyComparison:
    """Train a dozen remedies for imbalance on the same folds, and say which to use.

    Whatever learns from rows (imputing, scaling, sampling, tuning of decisions) does so inside
    the training folds. The networks train through the joblib backend "stacked".

    A score is nan in a fold that cannot judge it, and means are over the other folds: a fold that
    tests fewer than two classes judges nothing; scores in which all classes count the same
    ("balanced_accuracy", "f1_macro", "geometric_mean", and means of rankings over the classes) need
    test rows of every class, apart from classes that no fold both trains on and tests; scores of
    one class need test rows of it. In the multilabel case a ranking is the mean over the labels
    that some test rows of the fold have and others lack.

    {default}

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n_samples, n_features)
        Table of numbers, text and categories, which may be missing; see
        `skimbalance.preprocessing.table_steps`. With `estimators` alone it may be several inputs, a
        dict or list of arrays.
    y : array-like of shape (n_samples,) or (n_samples, n_labels)
        Class labels, or a label indicator matrix of 0 and 1, in which labels may be missing (nan).
    strategies : list of str, default=None
        Names of the strategies to compare. By default all that take the data; a note names those
        that do not ("smote" takes no weights, and some are for class labels only). They are:

        {strategies}
    estimators : dict of str to classifier, default=None
        Other classifiers to compare with, by name. A pipeline gets X as it is; any other
        classifier gets the prepared numbers.
    network : ImbalancedMLPClassifier, default=None
        Network that the strategies train; they replace its class weights, loss and sampling. By
        default layers 64-32, 50 epochs, and a learning rate that falls from 0.003 to 0; those of
        "ensemble" have the default of `ImbalancedEnsembleClassifier`. Early
        stopping, if the network has it, works inside the training folds.
    objective : str, scorer or callable, default="f1_macro"
        Score that sorts the strategies, larger is better:

        - of decisions: those of `TunedDecisionClassifierCV`, such as "balanced_accuracy",
          "f1_macro", "mcc", "f1" (of the class `pos_label`), "alerts" or "cost". A strategy that
          breaks the limit of "recall_at_precision", "precision_at_recall" or "alerts" in the folds,
          by more than one standard error, scores 0, and a note names it;
        - of the ranking by the posteriors: "average_precision" and "roc_auc", of the class
          `pos_label` if it is given or there are two classes, and otherwise the mean over the
          classes; "precision_at_k" and "recall_at_k", where the first `level` rows of each test
          fold are flagged, however large it is; "partial_roc_auc", up to the false positive rate
          `level`, standardised [1]_. They are of the class `pos_label`;
        - of the posteriors: "log_loss" and "brier", whose negatives are the scores "neg_log_loss"
          and "neg_brier_score";
        - a scorer of scikit-learn, by its name, such as "recall_macro", or made by `make_scorer`.
          The names above keep their meaning;
        - a function of (y_true, y_pred), which sees no weights;
        - in the multilabel case "f1_macro", "f1_micro", "f1_samples", rankings and losses as means
          over the labels, a scorer, or a function.

        Posteriors are those of ``predict_posterior``, if a classifier has it. "tuned_decision" and
        "ensemble" tune their decisions for the objective, or for "f1_macro" if it is not one of
        decisions.
    level : float, default=None
        What some objectives need: the limit of "recall_at_precision", "precision_at_recall" (a
        share) and "alerts" (rows in 1,000); a number of rows for "precision_at_k" and
        "recall_at_k", with weights a total weight; a rate for "partial_roc_auc".
    cost_matrix : array-like of shape (n_classes, n_classes) or DataFrame, default=None
        Costs for "cost", see `TunedDecisionClassifierCV`.
    pos_label : label, default=None
        The class of objectives of one class. None stands for the rarest class; of equally rare
        ones, for the last in sorted order.
    cv : int or cross-validation splitter, default=5
        Number of folds, which are stratified, also for classes with fewer rows than folds; or a
        splitter.
    groups : array-like of shape (n_samples,), default=None
        Groups of the rows, for a splitter such as ``GroupKFold``. If `cv` is an int, no group is
        divided between training and test rows. The folds in which decisions are tuned keep groups
        together, too.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows, in the fits and in all scores; a row of weight 0 is as absent.
        Estimators whose `fit` takes no weights are fitted without them, and a note names them.
    n_repeats : int, default=1
        Number of repetitions with other folds, if `cv` is an int.
    random_state : int, RandomState instance or None, default=None
        Seed of folds, sampling and networks; a `network` with a seed keeps it.
    verbose : int, default=1
        Progress bar while it runs: 0 shows none, 1 one over strategies and folds, and 2 one over
        the epochs of all networks.
    checkpoint : str or path-like, default=None
        Folder in which the fits of the strategies' networks are kept, so that a comparison that was
        killed goes on where it stopped; see `ImbalancedMLPClassifier`. `random_state` must be set.

    Returns
    -------
    comparison : StrategyComparison
        Scores, paired tests, and a recommendation.

    Raises
    ------
    ValueError
        If a parameter or the table breaks a rule, or a strategy cannot be trained; the error
        says which one, and why.

    References
    ----------
    .. [1] D. K. McClish. "Analyzing a Portion of the ROC Curve." Medical Decision Making 9(3),
       1989. doi:10.1177/0272989X8900900307

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
         "objective": objective, "level": level, "cost_matrix": cost_matrix, "cv": cv,
         "n_repeats": n_repeats, "random_state": random_state, "verbose": verbose,
         "checkpoint": checkpoint},
        "compare_strategies",
    )  # fmt: skip
    check_checkpoint(checkpoint, random_state, "compare_strategies")
    data = read(X, y, groups, sample_weight)
    _check_classes(data)
    names, notes = strategies_for(
        strategies, multilabel=data.multilabel, weighted=data.weighted, one_table=data.one_table
    )
    seed = check_random_state(random_state).randint(2**31)
    data, splits = with_splits(data, cv, n_repeats, random_state)
    _check_classes(data)
    if not data.multilabel:
        check_trained(splits, data.rows.target, data.rows.classes)
    params = {"objective": objective, "level": level, "cost_matrix": cost_matrix,
              "pos_label": pos_label}  # fmt: skip
    goals = _goals(params, data, splits)
    judged = _judged(goals, data, splits)
    candidates = _candidates(
        data, names, estimators, network=network, random_state=seed, verbose=int(verbose > 1),
        checkpoint=checkpoint, **goals.tuning,
    )  # fmt: skip
    outcomes = _train(candidates, data, splits, verbose)
    scores, recall = _scores(outcomes, goals, judged, data.multilabel)
    test_share = float(np.mean([len(test) / len(train) for train, test in splits]))
    notes += _notes_on_fits(candidates, goals, data)
    breaking = breaking_limit(goals, outcomes, judged[goals.metric], test_share)
    result = conclude(
        data.rows.X, data.rows.y, data.rows.classes, data.counts, candidates, scores, recall,
        metric=goals.metric, positive=goals.positive if goals.of_one_class else None,
        multilabel=data.multilabel, breaking=breaking, notes=[*notes, *goals.notes],
        test_share=test_share,
    )  # fmt: skip
    about = settings(
        len(data.rows.target), network=network, cv=cv, n_repeats=n_repeats,
        random_state=random_state, weighted=data.weighted,
    )  # fmt: skip
    return replace(
        result, about=about | result.about, _groups=data.groups,
        _sample_weight=data.sample_weight(np.arange(len(data.rows.target))),
        pos_label=plain_labels(data.rows.classes)[goals.positive] if goals.positive is not None
        else None,
    )  # fmt: skip


def _check_classes(data: Compared) -> None:
    classes = data.rows.classes
    if not data.multilabel and len(classes) < 2:
        raise ValueError(
            "y must have rows of at least 2 classes. "
            f"Got {len(classes)} class: {classes.tolist()!r}."
        )


def _goals(params: dict[str, Any], data: Compared, splits: list[Split]) -> Goals:
    """The scores to compare by."""
    rows = data.rows
    smallest = min(float(rows.weight[test].sum()) for _, test in splits)
    if data.multilabel:
        return label_goals(params, rows.target, smallest, data.weighted)
    parts = (
        np.array([np.bincount(rows.target[of], minlength=len(rows.classes)) > 0 for of in part])
        for part in zip(*splits, strict=True)
    )
    needed = np.any(np.logical_and(*parts), axis=0)
    goals = class_goals(params, rows.target, rows.classes, needed, smallest, data.weighted)
    if goals.of_one_class and data.counts[goals.positive] < 2:
        raise ValueError(
            f"The class of objective={params['objective']!r} must have at least 2 rows, one to "
            f"train and one to test. Got 1 row of class {rows.classes.tolist()[goals.positive]!r}."
        )
    return goals


def _candidates(data, names, estimators, **options):
    """Name -> estimator, not fitted; of equally good strategies the simpler comes first."""
    if not names and not estimators:
        raise ValueError(
            "The 'strategies' and 'estimators' parameters of compare_strategies must not both be "
            "empty: no strategy and no estimator is left to compare."
        )
    X, y = data.rows.X, data.rows.y
    candidates = {name: make_strategy(name, X, y, **options) for name in names}
    for name, estimator in (estimators or {}).items():
        if name in candidates:
            raise ValueError(
                "The 'estimators' parameter of compare_strategies must have names other than the "
                f"strategies'. Got {name!r}."
            )
        if isinstance(estimator, type) or not is_classifier(estimator):
            raise ValueError(
                "The 'estimators' parameter of compare_strategies must hold classifiers. Got "
                f"{' '.join(repr(estimator).split())} as {name!r}."
            )
        check_no_weights_of_sampled(estimator, data.rows.weight if data.weighted else None)
        candidates[name] = over_table(estimator, X) if data.one_table else estimator
    return candidates


def _notes_on_fits(candidates, goals, data):
    """What is to be known of the fits: decisions tuned for another goal, and weights not taken."""
    notes = []
    tuned = [name for name in TUNED if name in candidates]
    if tuned and goals.tuning["objective"] == "f1_macro" != goals.metric:
        notes.append(
            f"{goals.metric} does not depend on decisions: those of {' and '.join(tuned)} are "
            "tuned for f1_macro."
        )
    without = [name for name, estimator in candidates.items() if not takes_weights(estimator)]
    if data.weighted and without:
        notes.append(
            f"The fits of {some_of(without)} take no weights, which count in their scores only."
        )
    return notes


def _judged(goals: Goals, data: Compared, splits: list[Split]) -> dict[str, np.ndarray]:
    """Name of a score -> mask of the folds whose test rows judge it; see `compare_strategies`."""
    target = data.rows.target
    judged = {
        name: np.array([goal.judges(target[test]) for _, test in splits])
        for name, goal in goals.by_name.items()
    }
    if judged[goals.metric].any():
        return judged
    counts = data.counts
    fewest = counts[counts > 1].min(initial=2)
    noun = "label" if data.multilabel else "class"
    rare = plain_labels(data.rows.classes)[rarest(counts)]
    raise ValueError(
        f"A fold of compare_strategies must have test rows of each {noun} that {goals.metric!r} is "
        f"about. Got no such fold among {len(splits)}; the rarest {noun}, {rare!r}, has "
        f"{counts.min()} rows: use at most cv={fewest}, with more n_repeats, or leave out "
        f"{NOUNS[noun]} that are too rare to judge."
    )


def _train(
    candidates: dict[str, Any], data: Compared, splits: list[Split], verbose: int
) -> dict[str, list[Outcome]]:
    """Name -> what the strategy makes of the test rows of each fold."""
    from tqdm.auto import tqdm

    tasks = [(name, i) for name in candidates for i in range(len(splits))]
    with (
        tqdm(total=len(tasks), desc="strategies x folds", leave=False,
             disable=None if verbose == 1 else True) as bar,
        joblib.parallel_config(backend="stacked"),
    ):  # fmt: skip

        def run(name, fold):
            estimator = clone(candidates[name])
            if name in STRATEGIES:
                _reseed(estimator, fold)
            try:
                outcome = _outcome(estimator, data, *splits[fold])
            except ValueError as error:
                raise ValueError(
                    f"The strategy {name!r} failed, and may have to be left out: {error}"
                ) from error
            except Exception as error:
                error.add_note(f"The strategy {name!r} failed.")
                raise
            bar.update()
            return outcome

        # scikit-learn's parallel calls replace the filters of the whole process for a while, so
        # that a call in another thread may find none and warn; here all are put back.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"`sklearn.utils.parallel.delayed` should be used")
            # The result notes classes with few rows once.
            warnings.filterwarnings("ignore", r"The (classes|labels) .* have too few")
            # A parameter of the given network may be meant for some of the strategies.
            warnings.filterwarnings("ignore", r"The '\w+' parameter has no effect")
            warnings.filterwarnings("ignore", r"Decisions for (classes|labels) with fewer than")
            results = Parallel()(delayed(run)(*task) for task in tasks)
    n = len(splits)
    return {name: results[i * n : (i + 1) * n] for i, name in enumerate(candidates)}


def _outcome(estimator: Any, data: Compared, train: np.ndarray, test: np.ndarray) -> Outcome:
    """Fit on the training rows, and predict the test rows."""
    rows = data.rows
    groups = None if data.groups is None else data.groups[train]
    given = fit_given(estimator, groups, data.sample_weight(train))
    fitted = estimator.fit(safe_indexing(rows.X, train), safe_indexing(rows.y, train), **given)
    X = safe_indexing(rows.X, test)
    decided = fitted.predict(X)
    if data.multilabel:
        decided = np.asarray(decided.toarray() if issparse(decided) else decided).astype(int)
    else:
        decided = np.searchsorted(rows.classes, decided)
    return Outcome(rows.target[test], decided, rows.posterior(fitted, X), rows.weight[test])


def _reseed(estimator: Any, fold: int) -> None:
    """Set another seed in each fold, so that the spread includes the noise of initial weights."""
    seeds = {
        name: value + fold
        for name, value in estimator.get_params().items()
        if name.split("__")[-1] == "random_state" and isinstance(value, Integral)
    }
    estimator.set_params(**seeds)


def _scores(
    outcomes: dict[str, list[Outcome]],
    goals: Goals,
    judged: dict[str, np.ndarray],
    multilabel: bool,
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """Name -> metric -> score in each fold, nan where not judged; and name -> recalls."""
    scores, recall = {}, {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        for name, folds in outcomes.items():
            scores[name] = {
                metric: np.array([goal.score(fold) if judge else np.nan
                                  for fold, judge in zip(folds, judged[metric], strict=True)])
                for metric, goal in goals.by_name.items()
            }  # fmt: skip
            hits, actual = np.sum([_hits(fold, multilabel) for fold in folds], axis=0)
            tested = actual > 0
            recall[name] = np.where(tested, hits / np.where(tested, actual, 1), np.nan)
    return scores, recall


def _hits(outcome, multilabel):
    """Weight of the hits and of all rows of each class, or with each label."""
    if multilabel:
        has = outcome.true == 1
        hits = has & (outcome.decided == 1)
        return weighted_sum(outcome.weight, hits), weighted_sum(outcome.weight, has)
    n_classes = outcome.proba.shape[1]
    hit = outcome.true == outcome.decided
    return (
        np.bincount(outcome.true[hit], outcome.weight[hit], n_classes),
        np.bincount(outcome.true, outcome.weight, n_classes),
    )
