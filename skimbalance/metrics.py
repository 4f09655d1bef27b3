"""What scikit-learn and imbalanced-learn lack for judging rare classes: scores with intervals.

Decisions are judged by their confusion matrix, `counts`: true class by predicted class.
"""

from numbers import Integral, Real

import numpy as np
from scipy.stats import beta, random_table
from sklearn.metrics import average_precision_score, brier_score_loss, confusion_matrix, log_loss
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d, gen_batches

from skimbalance._validation import Interval, check_sample_weight, validate_parameter_constraints

__all__ = [
    "average_precision_by_class",
    "calibration_error_by_class",
    "classification_summary",
    "score_intervals",
]

OVERALL = ("balanced_accuracy", "f1_macro", "mcc", "geometric_mean")

_CONSTRAINTS = {
    "level": [Interval(Real, 0, 1, closed="neither")],
    "n_resamples": [Interval(Integral, 1, None, closed="left")],
    "n_bins": [Interval(Integral, 1, None, closed="left")],
    "random_state": ["random_state"],
}
# Cells of confusion matrices drawn at once: 32 MiB, whatever the number of classes.
_CELLS_AT_ONCE = 2**22
# Calibrated probabilities stay below `calibration_error_by_chance` in this share of test sets:
# near 1, as each of many classes is asked.
_CHANCE_LEVEL = 0.999
_CHANCE_RESAMPLES = 4000


def average_precision_by_class(y_true, proba, *, labels=None, sample_weight=None):
    """Average precision of each class against the rest.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    proba : array-like of shape (n_samples, n_classes)
        Posteriors; rows sum to 1.
    labels : array-like of shape (n_classes,), default=None
        All labels in the order of the columns of `proba`. By default the sorted labels of
        `y_true`.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    scores : ndarray of shape (n_classes,)
        nan for a class without rows. A ranking by chance has the share of the class, so the
        same value is worth more for a rarer class.

    Raises
    ------
    ValueError
        If labels are unknown or missing, or `proba` is no table of posteriors of all labels.

    See Also
    --------
    sklearn.metrics.average_precision_score : For two classes, and averages over classes.

    Examples
    --------
    >>> from skimbalance.metrics import average_precision_by_class
    >>> proba = [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.2, 0.8]]
    >>> average_precision_by_class(["no", "no", "yes", "yes"], proba)
    array([1., 1.])
    """
    y, proba, _ = _checked_proba(y_true, proba, labels, "average_precision_by_class")
    weight = check_sample_weight(sample_weight, proba)
    return _average_precision(y, proba, weight)


def calibration_error_by_class(y_true, proba, *, labels=None, n_bins=10, sample_weight=None):
    """Expected calibration error of each class against the rest.

    Rows are put in bins by their probability of the class; the error is the mean over rows of
    ``|mean probability - share of the class|`` of their bin. Bins hold equally many rows, not
    equal ranges of probability: of a rare class nearly all probabilities are near zero, where
    ranges of a tenth would put nearly all rows in one bin, in which errors cancel, and leave a
    few rows to the others. Rows of one probability share a bin, so the result does not depend on
    the order of the rows.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    proba : array-like of shape (n_samples, n_classes)
        Posteriors; rows sum to 1.
    labels : array-like of shape (n_classes,), default=None
        All labels in the order of the columns of `proba`. By default the sorted labels of
        `y_true`.
    n_bins : int, default=10
        Number of bins; fewer where probabilities are tied.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows; bins hold equal weights.

    Returns
    -------
    errors : ndarray of shape (n_classes,)
        In [0, 1]. Compare it with the share of the class: 0.01 is small for half of the rows, and
        all there is for one row in a hundred. Few rows give errors above zero by chance alone.

    Raises
    ------
    ValueError
        If labels are unknown or missing, or `proba` is no table of posteriors of all labels.

    References
    ----------
    .. [1] M. Kull et al. "Beyond Temperature Scaling: Obtaining Well-Calibrated Multiclass
       Probabilities with Dirichlet Calibration." NeurIPS 2019. arXiv:1910.12656
    .. [2] J. Nixon et al. "Measuring Calibration in Deep Learning." CVPR Workshops 2019.
       arXiv:1904.01685
    .. [3] R. Roelofs et al. "Mitigating Bias in Calibration Error Estimation." AISTATS 2022.
       arXiv:2012.08668

    Examples
    --------
    >>> from skimbalance.metrics import calibration_error_by_class
    >>> proba = [[0.75, 0.25]] * 4
    >>> calibration_error_by_class([0, 0, 0, 1], proba)
    array([0., 0.])
    >>> calibration_error_by_class([0, 0, 1, 1], proba)
    array([0.25, 0.25])
    """
    owner = "calibration_error_by_class"
    _check_parameters(owner, n_bins=n_bins)
    y, proba, _ = _checked_proba(y_true, proba, labels, owner)
    weight = check_sample_weight(sample_weight, proba)
    return _calibration_error(y, proba, weight, n_bins)


def score_intervals(
    y_true, y_pred, *, labels=None, level=0.95, n_resamples=1000, random_state=None
):
    """Intervals of the scores of decisions, by class and overall, honest for tiny classes.

    A bootstrap of rows calls a recall of 0 of 2 rows certain, as it never draws a hit. So

    - recall, precision and the Jaccard index ``J = hits / (hits + false + missed)``, of which
      ``F1 = 2 J / (1 + J)``, are proportions, and get their Jeffreys interval [1]_, the one that
      [2]_ gives for precision and recall: 0 of 2 hits is [0, 0.67];
    - overall scores are functions of the confusion matrix, which is drawn by the Bayesian
      bootstrap [3]_: cells are gamma variables, which needs no loop over rows or draws. One row is
      added to each class, split into hit and miss as the mean recall, itself moderated by two
      hits and two misses [4]_. Half a hit each would pull the scores of many tiny classes to the
      middle.

    Every interval is widened to hold the observed score, as [1]_ does at 0 and 1. A thing of which
    nothing was observed, such as the precision of a class never predicted, has [0, 1]. Classes
    of a few rows leave overall intervals approximate: they may hold the truth some percent
    less often than `level` says.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_pred : array-like of shape (n_samples,)
        Predicted labels.
    labels : array-like of shape (n_classes,), default=None
        All labels, two at least. By default the sorted labels of `y_true` and `y_pred`.
    level : float, default=0.95
        Share of cases in which an interval is to hold the true score.
    n_resamples : int, default=1000
        Number of drawn confusion matrices.
    random_state : int, RandomState instance or None, default=None
        Source of the draws. Intervals of classes need none.

    Returns
    -------
    intervals : dict of str to ndarray
        "precision", "recall" and "f1", each of shape (n_classes, 2), and "balanced_accuracy",
        "f1_macro", "mcc" and "geometric_mean", each of shape (2,): lower and upper end.

    Raises
    ------
    ValueError
        If labels are unknown or missing, or a parameter is out of range.

    References
    ----------
    .. [1] L. D. Brown, T. T. Cai, A. DasGupta. "Interval Estimation for a Binomial Proportion."
       Statistical Science 16(2), 2001. doi:10.1214/ss/1009213286
    .. [2] C. Goutte, E. Gaussier. "A Probabilistic Interpretation of Precision, Recall and F-Score,
       with Implication for Evaluation." ECIR 2005. doi:10.1007/978-3-540-31865-1_25
    .. [3] D. B. Rubin. "The Bayesian Bootstrap." Annals of Statistics 9(1), 1981.
       doi:10.1214/aos/1176345338
    .. [4] A. Agresti, B. A. Coull. "Approximate Is Better than 'Exact' for Interval Estimation of
       Binomial Proportions." The American Statistician 52(2), 1998.
       doi:10.1080/00031305.1998.10480550

    Examples
    --------
    >>> from skimbalance.metrics import score_intervals
    >>> y_true = [0] * 98 + [1] * 2
    >>> score_intervals(y_true, [0] * 100, random_state=0)["recall"].round(2)
    array([[0.97, 1.  ],
           [0.  , 0.67]])
    """
    owner = "score_intervals"
    _check_parameters(owner, level=level, n_resamples=n_resamples, random_state=random_state)
    labels = _all_labels(labels, owner, y_true=y_true, y_pred=y_pred)
    counts = _counts(y_true, y_pred, labels, owner)
    return _intervals(counts, level, n_resamples, check_random_state(random_state))


def classification_summary(
    y_true, y_pred, proba=None, *, labels=None, level=0.95, n_resamples=1000, random_state=None
):
    """Everything about decisions and probabilities, as a dict that JSON can hold.

    As ``classification_report(output_dict=True)``, with intervals, average precision and
    calibration by class, and what a classifier without features would score.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_pred : array-like of shape (n_samples,)
        Predicted labels.
    proba : array-like of shape (n_samples, n_classes), default=None
        Natural posteriors; rows sum to 1. Without them there are no scores of probabilities.
    labels : array-like of shape (n_classes,), default=None
        All labels, two at least, in the order of the columns of `proba`. By default the sorted
        labels of `y_true` and `y_pred`.
    level : float, default=0.95
        Level of the intervals.
    n_resamples : int, default=1000
        Number of draws for the intervals of overall scores.
    random_state : int, RandomState instance or None, default=None
        Source of the draws.

    Returns
    -------
    summary : dict
        - "n_rows", "level";
        - "classes", a list of a dict for each label: "label", "support" and "predicted" (numbers
          of rows), "precision", "recall", "f1", each also with "_interval"; with `proba` also
          "average_precision", "calibration_error" (ten bins), "calibration_error_by_chance" (what
          calibrated probabilities stay below in 999 of 1000 test sets of this size) and
          "expected" (the sum of the probabilities: compare with "support");
        - "overall", a dict of "balanced_accuracy", "f1_macro", "mcc" and "geometric_mean", each
          also with "_interval", and with `proba` "log_loss" and "brier". As in scikit-learn and
          imbalanced-learn, recalls are averaged over the classes that have rows, F1 over those
          that have rows or are predicted. "chance_p_value" is the share of draws that have at
          least this balanced accuracy when the decisions are dealt to the rows at random (a
          permutation test; for two classes Fisher's, one-sided);
        - "dummy", the same scores of a classifier that always predicts the most frequent label,
          with the class shares of `y_true` as probabilities.

        None stands for what is not defined, such as the recall of a class without rows.

    Raises
    ------
    ValueError
        If labels are unknown or missing, or `proba` is no table of posteriors of all labels.

    See Also
    --------
    skimbalance.report.ImbalanceReport : The same to read, with figures.

    Examples
    --------
    >>> from skimbalance.metrics import classification_summary
    >>> summary = classification_summary(["no"] * 8 + ["yes"] * 2, ["no"] * 9 + ["yes"])
    >>> summary["classes"][1]["recall"], summary["overall"]["balanced_accuracy"]
    (0.5, 0.75)
    >>> summary["dummy"]["balanced_accuracy"]
    0.5
    """
    owner = "classification_summary"
    _check_parameters(owner, level=level, n_resamples=n_resamples, random_state=random_state)
    labels = _all_labels(labels, owner, y_true=y_true, y_pred=y_pred)
    counts = _counts(y_true, y_pred, labels, owner)
    rng = check_random_state(random_state)
    intervals = _intervals(counts, level, n_resamples, rng)
    by_class = {
        "label": [_json_label(label) for label in labels.tolist()],
        "support": counts.sum(axis=1).tolist(),
        "predicted": counts.sum(axis=0).tolist(),
    }
    for name, (hits, total) in _proportions(counts).items():
        score = _f1(_ratio(hits, total)) if name == "f1" else _ratio(hits, total)
        by_class |= {name: _plain(score), f"{name}_interval": intervals[name].tolist()}
    shares = counts.sum(axis=1) / counts.sum()
    always = np.zeros_like(counts)
    always[:, np.argmax(shares)] = counts.sum(axis=1)
    overall = dict(zip(OVERALL, _overall(counts, counts).tolist(), strict=True))
    overall |= {f"{name}_interval": intervals[name].tolist() for name in OVERALL}
    overall["chance_p_value"] = _chance_p_value(counts, n_resamples, rng)
    dummy = dict(zip(OVERALL, _overall(always, always).tolist(), strict=True))
    if proba is not None:
        y, proba, _ = _checked_proba(y_true, proba, labels, owner)
        by_class |= _probabilities_by_class(y, proba, rng)
        overall |= _losses(y, proba)
        dummy |= _losses(y, np.broadcast_to(shares, proba.shape))
    return {
        "n_rows": int(counts.sum()),
        "level": level,
        "classes": [
            dict(zip(by_class, values, strict=True))
            for values in zip(*by_class.values(), strict=True)
        ],
        "overall": overall,
        "dummy": dummy,
    }


# Probabilities.


def _probabilities_by_class(y, proba, rng):
    """Columns of the summary, with lists of a value for each class."""
    weight = np.ones(len(y))
    n_bins = 10
    columns = {
        "average_precision": _average_precision(y, proba, weight),
        "calibration_error": _calibration_error(y, proba, weight, n_bins),
        "calibration_error_by_chance": _chance_calibration_error(proba, n_bins, rng),
        "expected": proba.sum(axis=0),
    }
    return {name: _plain(values) for name, values in columns.items()}


def _losses(y, proba):
    # Float32 rows sum to 1 to float32 only, at which scikit-learn warns.
    proba = np.asarray(proba / proba.sum(axis=1, keepdims=True))
    classes = np.arange(proba.shape[1])
    return {
        "log_loss": float(log_loss(y, proba, labels=classes)),
        "brier": float(brier_score_loss(y, proba, labels=classes)),
    }


def _average_precision(y, proba, weight):
    present = np.bincount(y, weight, proba.shape[1]) > 0
    return np.array(
        [
            average_precision_score(y == k, proba[:, k], sample_weight=weight) if has else np.nan
            for k, has in enumerate(present)
        ]
    )


def _calibration_error(y, proba, weight, n_bins):
    gaps = [
        np.bincount(_equal_mass_bins(p, weight, n_bins), weight * (p - (y == k)))
        for k, p in enumerate(proba.T)
    ]
    return np.array([np.abs(gap).sum() for gap in gaps]) / weight.sum()


def _equal_mass_bins(p, weight, n_bins):
    """Index of each row's bin: where the middle of its value stands in the total weight."""
    values, inverse = np.unique(p, return_inverse=True)
    mass = np.bincount(inverse, weight, len(values))
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    return np.minimum((n_bins * middle).astype(int), n_bins - 1)[inverse]


def _chance_calibration_error(proba, n_bins, rng):
    """Calibration error that calibrated probabilities rarely reach by chance.

    Rows of the class in a bin are drawn as binomial of the bin's mean probability. The true
    number, a sum of rows that differ, spreads less (Hoeffding 1956), so this errs to the safe
    side.
    """
    limits = []
    for p in proba.T:
        bins = _equal_mass_bins(p, np.ones(len(p)), n_bins)
        n_rows, expected = np.bincount(bins), np.bincount(bins, p)
        mean = np.clip(_ratio(expected, n_rows, 0.0), 0, 1)
        drawn = rng.binomial(n_rows, mean, size=(_CHANCE_RESAMPLES, len(n_rows)))
        errors = np.abs(drawn - expected).sum(axis=1) / len(p)
        limits.append(np.quantile(errors, _CHANCE_LEVEL))
    return np.array(limits)


# Decisions.


def _intervals(counts, level, n_resamples, rng):
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    intervals = {
        name: _jeffreys(hits, total, tails) for name, (hits, total) in _proportions(counts).items()
    }
    intervals["f1"] = _f1(intervals["f1"])
    observed = _overall(counts, counts)
    low, high = np.quantile(_bootstrapped(counts, n_resamples, rng), tails, axis=0)
    ends = np.stack([np.minimum(low, observed), np.maximum(high, observed)], axis=1)
    return intervals | dict(zip(OVERALL, ends, strict=True))


def _proportions(counts):
    """Hits of each class, and of how many; under "f1" those of the Jaccard index."""
    hits, predicted, actual = _sums(counts)
    return {
        "precision": (hits, predicted),
        "recall": (hits, actual),
        "f1": (hits, predicted + actual - hits),
    }


def _f1(jaccard):
    return 2 * jaccard / (1 + jaccard)


def _jeffreys(hits, total, tails):
    ends = beta.ppf(tails, hits[:, None] + 0.5, (total - hits)[:, None] + 0.5)
    ends[hits == 0, 0] = 0.0
    ends[hits == total, 1] = 1.0
    return ends


def _bootstrapped(counts, n_resamples, rng):
    """Overall scores of confusion matrices of the Bayesian bootstrap, smoothed."""
    present = counts.sum(axis=1) > 0
    recall = np.diag(counts)[present] / counts.sum(axis=1)[present]
    mean_recall = (recall.sum() + 2) / (len(recall) + 4)
    prior = np.full(counts.shape, (1 - mean_recall) / (len(counts) - 1))
    np.fill_diagonal(prior, mean_recall)
    shape = counts + np.where(present[:, None], prior, 0.0)
    return _scores_of_draws(
        lambda n: rng.standard_gamma(shape, (n, *counts.shape)), counts, n_resamples
    )


def _chance_p_value(counts, n_resamples, rng):
    """Share of draws with as good a balanced accuracy, if decisions are dealt to rows at random."""
    _, predicted, actual = _sums(counts)
    tables = random_table(actual, predicted)
    drawn = _scores_of_draws(lambda n: tables.rvs(n, random_state=rng), counts, n_resamples)
    # Equal scores may differ by rounding.
    as_good = drawn[:, 0] >= _overall(counts, counts)[0] - 1e-9
    return float((as_good.sum() + 1) / (n_resamples + 1))


def _scores_of_draws(draw, counts, n_resamples):
    """Overall scores of shape (n_resamples, n_scores); `draw(n)` gives n confusion matrices."""
    at_once = max(1, _CELLS_AT_ONCE // counts.size)
    parts = gen_batches(n_resamples, at_once)
    return np.concatenate([_overall(draw(part.stop - part.start), counts) for part in parts])


def _overall(matrices, counts):
    """Scores in the order of `OVERALL`, over the classes that occur in `counts`.

    A class without rows has no recall, and one that is not predicted either no F1.
    """
    hits, predicted, actual = _sums(matrices)
    _, observed_predicted, observed_actual = _sums(counts)
    present = observed_actual > 0
    seen = present | (observed_predicted > 0)
    recall = _ratio(hits, actual, 0.0)[..., present]
    f1 = _ratio(2 * hits, predicted + actual, 0.0)[..., seen]
    total = actual.sum(axis=-1, keepdims=True)
    p, q = actual / total, predicted / total
    covariance = hits.sum(axis=-1) / total[..., 0] - np.sum(p * q, axis=-1)
    spread = (1 - np.sum(p * p, axis=-1)) * (1 - np.sum(q * q, axis=-1))
    # One class only gives a spread of zero but for rounding.
    mcc = _ratio(covariance, np.sqrt(np.where(spread > 1e-15, spread, 0.0)), 0.0)
    geometric_mean = np.prod(recall, axis=-1) ** (1 / recall.shape[-1])
    return np.stack([recall.mean(axis=-1), f1.mean(axis=-1), mcc, geometric_mean], axis=-1)


def _sums(counts):
    """Hits, predicted rows and actual rows of each class."""
    return np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-2), counts.sum(axis=-1)


def _ratio(numerator, denominator, empty=np.nan):
    """Quotient, or `empty` where there is nothing to divide by."""
    denominator = np.asarray(denominator, dtype=float)
    nothing = denominator == 0
    return np.where(nothing, empty, numerator / np.where(nothing, 1.0, denominator))


def _plain(values):
    """Python floats, None for nan."""
    return [None if np.isnan(value) else float(value) for value in values]


def _json_label(label):
    """Numbers and texts as they are, anything else, such as dates, as text."""
    label = label.item() if isinstance(label, np.generic) else label
    return label if isinstance(label, str | int | float) else str(label)


# Input.


def _check_parameters(owner, **given):
    validate_parameter_constraints({name: _CONSTRAINTS[name] for name in given}, given, owner)


def _counts(y_true, y_pred, labels, owner):
    check_consistent_length(y_true, y_pred)
    true, predicted = (
        _encode(y, labels, name, owner) for y, name in ((y_true, "y_true"), (y_pred, "y_pred"))
    )
    return confusion_matrix(true, predicted, labels=np.arange(len(labels)))


def _all_labels(labels, owner, **ys):
    """The labels as given, checked, or the sorted ones of all `ys`."""
    if labels is None:
        found = [_unique(y, name, owner)[0] for name, y in ys.items()]
        if len({array.dtype.kind in "OUS" for array in found}) > 1:
            raise ValueError(
                f"The labels in {' and '.join(map(repr, ys))} of {owner} must be of one type. "
                f"Got {' and '.join(repr(array.tolist()[0]) for array in found)}."
            )
        labels = np.unique(np.concatenate(found))
    else:
        distinct = _unique(labels, "labels", owner)[0]
        labels = column_or_1d(labels)
        if len(distinct) < len(labels):
            raise ValueError(
                f"The 'labels' parameter of {owner} must name each class once. "
                f"Got {labels.tolist()!r} instead."
            )
    if len(labels) < 2:
        raise ValueError(
            f"The 'labels' parameter of {owner} must name two classes at least. "
            f"Got {labels.tolist()!r} instead."
        )
    return labels


def _unique(y, name, owner):
    """Distinct labels and, for each row, the index of its own."""
    y = column_or_1d(y)
    if len(y) == 0:
        raise ValueError(f"The {name!r} parameter of {owner} must not be empty.")
    try:
        values, inverse = np.unique(y, return_inverse=True)
        missing = values.dtype.kind in "fc" and bool(np.isnan(values).any())
    except TypeError:
        missing = True
    if missing:
        raise ValueError(
            f"The labels in {name!r} of {owner} must be of one type, and none may be missing. "
            f"Got {sorted({type(value).__name__ for value in y.tolist()})!r} instead."
        )
    return values, inverse


def _encode(y, labels, name, owner):
    """Index in `labels` of each row's label."""
    values, inverse = _unique(y, name, owner)
    index = {label: k for k, label in enumerate(labels.tolist())}
    unknown = [value for value in values.tolist() if value not in index]
    if unknown:
        raise ValueError(
            f"The labels in {name!r} of {owner} must be among the labels {labels.tolist()!r}. "
            f"Got {unknown[0]!r} instead."
        )
    return np.array([index[value] for value in values.tolist()])[inverse]


def _checked_proba(y_true, proba, labels, owner):
    """Class indices, posteriors in float64 and labels."""
    labels = _all_labels(labels, owner, y_true=y_true)
    y = _encode(y_true, labels, "y_true", owner)
    # One memory order, so that sums have the same last bits for arrays and DataFrames.
    proba = np.asarray(proba, dtype=float, order="C")
    if proba.shape != (len(y), len(labels)):
        raise ValueError(
            f"The 'proba' parameter of {owner} must have a row for each of the {len(y)} labels and "
            f"a column for each of the classes {labels.tolist()!r}. "
            f"Got shape {proba.shape} instead."
        )
    # A thousandth is far above float32 rounding and far below any mistake.
    wrong = ~((proba.min(axis=1) >= 0) & (np.abs(proba.sum(axis=1) - 1) < 1e-3))
    if np.any(wrong):
        row = int(np.argmax(wrong))
        raise ValueError(
            f"The 'proba' parameter of {owner} must have rows of finite values, not negative, that "
            f"sum to 1. Got {proba[row].tolist()!r} in row {row} instead."
        )
    return y, proba, labels
