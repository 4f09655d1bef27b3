"""What scikit-learn and imbalanced-learn lack for judging rare classes: scores with intervals."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

from skimbalance._validation import Interval, check_sample_weight, validate_parameter_constraints
from skimbalance.metrics._checks import all_labels, checked_posteriors, confusion_counts
from skimbalance.metrics._decisions import (
    OVERALL,
    chance_p_value,
    class_scores,
    intervals,
    overall_scores,
)
from skimbalance.metrics._posteriors import (
    average_precision,
    calibration_error,
    calibration_error_by_chance,
    losses,
)

__all__ = [
    "average_precision_by_class",
    "calibration_error_by_class",
    "classification_summary",
    "score_intervals",
]

_CONSTRAINTS = {
    "level": [Interval(Real, 0, 1, closed="neither")],
    "n_resamples": [Interval(Integral, 1, None, closed="left")],
    "n_bins": [Interval(Integral, 1, None, closed="left")],
    "random_state": ["random_state"],
}


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
    y, proba, _ = checked_posteriors(y_true, proba, labels, "average_precision_by_class")
    weight = check_sample_weight(sample_weight, proba)
    return average_precision(y, proba, weight)


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
    y, proba, _ = checked_posteriors(y_true, proba, labels, owner)
    weight = check_sample_weight(sample_weight, proba)
    return calibration_error(y, proba, weight, n_bins)


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
    labels = all_labels(labels, owner, y_true=y_true, y_pred=y_pred)
    counts = confusion_counts(y_true, y_pred, labels, owner)
    return intervals(counts, level, n_resamples, check_random_state(random_state))


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
    labels = all_labels(labels, owner, y_true=y_true, y_pred=y_pred)
    counts = confusion_counts(y_true, y_pred, labels, owner)
    rng = check_random_state(random_state)
    ends = intervals(counts, level, n_resamples, rng)
    by_class = {
        "label": [_json_label(label) for label in labels.tolist()],
        "support": counts.sum(axis=1).tolist(),
        "predicted": counts.sum(axis=0).tolist(),
    }
    for name, score in class_scores(counts).items():
        by_class |= {name: _plain(score), f"{name}_interval": ends[name].tolist()}
    shares = counts.sum(axis=1) / counts.sum()
    always = np.zeros_like(counts)
    always[:, np.argmax(shares)] = counts.sum(axis=1)
    overall = overall_scores(counts)
    overall |= {f"{name}_interval": ends[name].tolist() for name in OVERALL}
    overall["chance_p_value"] = chance_p_value(counts, n_resamples, rng)
    dummy = overall_scores(always)
    if proba is not None:
        y, proba, _ = checked_posteriors(y_true, proba, labels, owner)
        by_class |= _probabilities_by_class(y, proba, rng)
        overall |= losses(y, proba)
        dummy |= losses(y, np.broadcast_to(shares, proba.shape))
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


def _probabilities_by_class(y, proba, rng):
    """Columns of the summary, with lists of a value for each class."""
    weight = np.ones(len(y))
    n_bins = 10
    columns = {
        "average_precision": average_precision(y, proba, weight),
        "calibration_error": calibration_error(y, proba, weight, n_bins),
        "calibration_error_by_chance": calibration_error_by_chance(proba, n_bins, rng),
        "expected": proba.sum(axis=0),
    }
    return {name: _plain(values) for name, values in columns.items()}


def _plain(values):
    """Python floats, None for nan."""
    return [None if np.isnan(value) else float(value) for value in values]


def _json_label(label):
    """Numbers and texts as they are, anything else, such as dates, as text."""
    label = label.item() if isinstance(label, np.generic) else label
    return label if isinstance(label, str | int | float) else str(label)


def _check_parameters(owner, **given):
    validate_parameter_constraints({name: _CONSTRAINTS[name] for name in given}, given, owner)
