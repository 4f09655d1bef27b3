"""From the scores of strategies to their order, tests, notes and a recommendation."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import t as student

from skimbalance._validation import plain_labels, some_of
from skimbalance.compare._goals import Goals, Outcome
from skimbalance.compare._result import StrategyComparison
from skimbalance.compare._strategies import STRATEGIES
from skimbalance.metrics._p_values import SIGNIFICANCE, holm
from skimbalance.metrics._scores import rarest

__all__ = ["NOUNS", "breaking_limit", "conclude", "corrected_t_test"]

#: The note that each comparison has.
LUCKY = "The best of several scores is too high on average: test the choice on other rows."

#: One of them -> several.
NOUNS = {"class": "classes", "label": "labels"}

FEW_ROWS = 5
FEW_FOLDS = 5

# A column with at most this number of different texts holds categories, whatever its length.
FEW_CELLS = 20

# The most classes in a note that can still be read.
MOST_NAMED = 4


def conclude(
    X: Any,
    y: Any,
    classes: np.ndarray,
    counts: np.ndarray,
    candidates: dict[str, Any],
    scores: dict[str, dict[str, np.ndarray]],
    recall: dict[str, np.ndarray],
    *,
    metric: str,
    test_share: float,
    positive: int | None = None,
    multilabel: bool = False,
    breaking: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> StrategyComparison:
    """Sort the strategies, test their differences, and recommend one.

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n_samples, n_features)
        The table.
    y : array-like of shape (n_samples,) or (n_samples, n_labels)
        The target, as estimators get it.
    classes : ndarray of shape (n_classes,)
        The sorted class labels, or the names of the labels.
    counts : ndarray of shape (n_classes,)
        Number of rows of each class, or with each label.
    candidates : dict of str to classifier
        Strategy to unfitted estimator; of equally good ones, the first is preferred.
    scores : dict of str to dict of str to ndarray of shape (n_folds,)
        Strategy to metric to score in each fold; nan in a fold that cannot judge the metric. At
        least one fold judges `metric`.
    recall : dict of str to ndarray of shape (n_classes,)
        Strategy to recall of each class.
    metric : str
        Metric to sort by.
    test_share : float
        Number of test rows over number of training rows, the mean over the folds.
    positive : int, default=None
        Index of the class that the metric is about; None if it is about all classes.
    multilabel : bool, default=False
        Whether the classes are labels.
    breaking : sequence of str, default=()
        Strategies that break the limit of the metric: they score 0.
    notes : sequence of str, default=()
        What else limits the comparison.

    Returns
    -------
    comparison : StrategyComparison
        The figures and what they say.
    """
    for name in breaking:
        of_name = scores[name]
        scores = scores | {name: of_name | {metric: np.minimum(of_name[metric], 0.0)}}
    means = {name: float(np.nanmean(by_metric[metric])) for name, by_metric in scores.items()}
    # Equally good strategies stay in order, with the simpler first.
    names = sorted(means, key=lambda name: -means[name])
    # Of equally rare classes, the last one is the rarest, as in `rarest`.
    by_count = np.argsort(-counts, kind="stable")
    metrics = {key: np.array([scores[name][key] for name in names]) for key in scores[names[0]]}
    judged = ~np.isnan(metrics[metric][0])
    sorted_scores = metrics[metric][:, judged]
    t, p = corrected_t_test(sorted_scores[0] - sorted_scores[1:], test_share)
    p_values = np.append(np.nan, holm(p))
    recommended = _simplest(names, np.append(0.0, t))
    about = plain_labels(classes)[rarest(counts) if positive is None else positive]
    noun = "label" if multilabel else "class"
    few = counts < FEW_ROWS
    is_luck = few.all() if multilabel else np.sum(~few) < 2 if positive is None else few[positive]
    luck = _luck(f"{noun} {about!r}", counts[classes == about], names[0], metric, means[names[0]])
    classes, counts = classes[by_count], counts[by_count]
    return StrategyComparison(
        names=names,
        metric=metric,
        metrics=metrics,
        classes=classes,
        class_counts=counts,
        recall=np.array([recall[name][by_count] for name in names]),
        p_values=p_values,
        recommended=recommended,
        recommendation=luck
        if is_luck
        else _none_keeps(metric)
        if len(breaking) == len(names)
        else _recommendation(metric, names, means, p_values, recommended, int(judged.sum())),
        notes=[
            *_notes_on_columns(X),
            *_notes(metric, noun, classes, counts, judged),
            *([_broken(metric, breaking)] if breaking else []),
            *notes,
            LUCKY,
        ],
        _estimator=candidates[recommended],
        _X=X,
        _y=y,
    )


def _simplest(names: list[str], t: np.ndarray) -> str:
    """The simplest strategy within a standard error of the best; `t` is the lead of the best."""
    best = names[0]
    # How simple the user's estimators are is unknown.
    if best not in STRATEGIES:
        return best
    near = {name for name, lead in zip(names, t, strict=True) if lead <= 1}
    return next(name for name in STRATEGIES if name in near)


def _luck(about: str, n_rows: np.ndarray, best: str, metric: str, mean: float) -> str:
    """What to say instead of a recommendation if too few rows judge."""
    rows = f"{n_rows[0]} row{'s' if n_rows[0] > 1 else ''}"
    return (
        f"No strategy can be recommended, as {about} has only {rows}, and scores by so few are "
        f"luck. {best!r} has the best mean {metric}, {mean:.3f}."
    )


def _none_keeps(metric: str) -> str:
    return (
        f"No strategy can be recommended, as none keeps the limit of {metric} in the test folds: "
        "change the level, or compare by another objective."
    )


def _broken(metric: str, breaking: Sequence[str]) -> str:
    return f"The limit of {metric} is broken in the test folds by {', '.join(breaking)}: score 0."


def _recommendation(
    metric: str,
    names: list[str],
    means: dict[str, float],
    p_values: np.ndarray,
    recommended: str,
    n_folds: int,
) -> str:
    """Which strategy to use, and how many the best one beats beyond noise."""
    best, n_others = names[0], len(names) - 1
    if not n_others:
        return f"{best!r}, the only strategy, has a mean {metric} of {means[best]:.3f}."
    if n_folds < 2:
        return (
            f"{best!r} has the best {metric}, {means[best]:.3f}, but a single fold cannot tell a "
            "lead from noise: use more folds or repeats."
        )
    if recommended == best:
        plain = f" (plain: {means['plain']:.3f})" if "plain" in means and best != "plain" else ""
        use = f"Use {best!r}: it has the best mean {metric}, {means[best]:.3f}{plain}."
    else:
        use = (
            f"Use {recommended!r}: with a mean {metric} of {means[recommended]:.3f} it is the "
            f"simplest strategy within one standard error of the best, {best!r} "
            f"({means[best]:.3f})."
        )
    return f"{use} {_lead(best, int(np.sum(p_values < SIGNIFICANCE)), n_others)}"


def _lead(best: str, n_beaten: int, n_others: int) -> str:
    """How many other strategies are worse than the best beyond noise."""
    if not n_beaten:
        return (
            f"{best!r} is not significantly better than any other strategy: more folds or repeats "
            "may show a difference."
        )
    beaten = f"{n_beaten} of the {n_others} other strategies"
    if n_beaten == n_others:
        beaten = "the other strategy" if n_others == 1 else f"all {n_others} other strategies"
    return f"{best!r} is significantly better than {beaten} (adjusted p < {SIGNIFICANCE})."


def _notes(
    metric: str, noun: str, classes: np.ndarray, class_counts: np.ndarray, judged: np.ndarray
) -> list[str]:
    """What limits the comparison; the classes with the most rows come first."""
    n_folds, n_judged = len(judged), int(judged.sum())
    few = [
        f"{label} ({count})"
        for label, count in zip(classes.tolist(), class_counts.tolist(), strict=True)
        if count < FEW_ROWS
    ]
    notes = []
    if few:
        notes.append(
            f"Scores of {NOUNS[noun]} with fewer than {FEW_ROWS} rows are mostly luck: "
            f"{some_of(few, MOST_NAMED)}."
        )
    if n_judged < n_folds:
        notes.append(
            f"{n_folds - n_judged} of the {n_folds} folds have no test rows of a {noun} that "
            f"{metric} is about. They cannot judge it: it is nan there, and the means are over the "
            f"other {n_judged}. Fewer folds with more repeats judge more."
        )
    if 1 < n_judged < FEW_FOLDS:
        notes.append(f"{n_judged} folds say little about the noise: use more folds or repeats.")
    return notes


def _notes_on_columns(X: Any) -> list[str]:
    """A note on columns of text of which most cells differ, such as names of customers."""
    import pandas as pd

    if (
        isinstance(X, tuple | dict)
        or hasattr(X, "tocsr")
        or getattr(getattr(X, "dtype", None), "kind", "O") in "biuf"
    ):
        return []
    names = getattr(X, "columns", None)
    frame = X if hasattr(X, "iloc") else pd.DataFrame(np.asarray(X, dtype=object), columns=names)
    mostly_different = []
    for k, name in enumerate(frame.columns.tolist()):
        cells = frame.iloc[:, k].dropna()
        is_text = len(cells) > 0 and isinstance(cells.iloc[0], str)
        if is_text and cells.nunique() > max(0.5 * len(cells), FEW_CELLS):
            mostly_different.append(name)
    if not mostly_different:
        return []
    return [
        "Most cells of these columns of text differ, so that little can be learnt from them: "
        f"{some_of(mostly_different, MOST_NAMED)}. Drop them, or convert them to numbers."
    ]


def breaking_limit(
    goals: Goals, outcomes: Mapping[str, Sequence[Outcome]], judged: np.ndarray, test_share: float
) -> list[str]:
    """The strategies that break the limit of the objective, if it has one.

    A tuned decision lies at the limit, so that noise breaks it in about half of the folds. So a
    strategy breaks it if it does so in the mean over the folds, by more than a standard error.

    Parameters
    ----------
    goals : Goals
        The scores.
    outcomes : dict of str to list of Outcome
        Strategy to what it made of the folds.
    judged : ndarray of bool of shape (n_folds,)
        The folds that judge the objective.
    test_share : float
        As in `conclude`.

    Returns
    -------
    names : list of str
        The strategies.
    """
    slack = goals.by_name[goals.metric].slack
    if slack is None:
        return []
    room = {
        name: np.array([slack(fold) for fold, judge in zip(folds, judged, strict=True) if judge])
        for name, folds in outcomes.items()
    }
    return [
        name
        for name, of_folds in room.items()
        if of_folds.mean() < -_standard_error(of_folds, test_share) - 1e-12
    ]


def _standard_error(values: np.ndarray, test_share: float) -> np.ndarray:
    """Of means over folds that share training rows; folds are the last axis. 0 for one fold."""
    n_folds = values.shape[-1]
    spread = values.var(axis=-1, ddof=min(1, n_folds - 1))
    return np.sqrt((1 / n_folds + test_share) * spread)


def corrected_t_test(differences: np.ndarray, test_share: float) -> tuple[np.ndarray, np.ndarray]:
    """Paired t-test of mean differences over folds that share training rows.

    ``t = mean / sqrt((1 / J + n_test / n_train) * var)`` with J - 1 degrees of freedom (Nadeau
    and Bengio 2003).

    Parameters
    ----------
    differences : ndarray of shape (n, n_folds)
        Differences of scores.
    test_share : float
        Number of test rows over number of training rows.

    Returns
    -------
    t, p : ndarray of shape (n,)
        The mean differences in standard errors, and their two-sided p-values: 1 if no fold
        differs; nan with one fold.
    """
    n, n_folds = differences.shape
    if n_folds < 2:
        return np.full(n, np.nan), np.full(n, np.nan)
    mean = differences.mean(axis=1)
    error = _standard_error(differences, test_share)
    t = np.divide(mean, error, out=np.where(mean == 0, 0, np.inf), where=error > 0)
    return t, 2 * student.sf(np.abs(t), n_folds - 1)
