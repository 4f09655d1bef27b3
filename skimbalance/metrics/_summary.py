"""Scores of each class, with intervals, beyond those of scikit-learn and imbalanced-learn."""

from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_random_state

from skimbalance._validation import (
    Interval,
    check_sample_weight,
    plain_labels,
    validate_parameter_constraints,
)
from skimbalance.metrics._checks import all_labels, checked_posteriors, confusion_counts
from skimbalance.metrics._decisions import (
    OVERALL,
    chance_p_value,
    class_scores,
    intervals,
    overall_scores,
)
from skimbalance.metrics._multilabel import multilabel_summary
from skimbalance.metrics._plain import json_label, parts_by_name, plain_floats
from skimbalance.metrics._posteriors import (
    average_precision,
    calibration_error,
    losses,
    probabilities_by_class,
)
from skimbalance.metrics._sequences import sequence_summary
from skimbalance.metrics._targets import are_sequences, is_multilabel, steps_of

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


def average_precision_by_class(
    y_true: npt.ArrayLike,
    proba: npt.ArrayLike,
    *,
    labels: npt.ArrayLike | None = None,
    sample_weight: npt.ArrayLike | None = None,
) -> np.ndarray:
    """Average precision of each class against the rest.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True class labels.
    proba : array-like of shape (n_samples, n_classes)
        Posteriors; rows sum to 1. Columns of a DataFrame that are the class labels may be in any
        order.
    labels : array-like of shape (n_classes,), default=None
        All class labels, in the order of the columns of `proba`. By default the sorted labels of
        `y_true`.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    scores : ndarray of shape (n_classes,)
        Average precision of each class; nan for a class without rows. A random ranking scores the
        share of the class, so the same value is worth more for a rarer class.

    Raises
    ------
    ValueError
        If class labels are unknown or missing, or if `proba` does not hold posteriors of all
        classes.

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


def calibration_error_by_class(
    y_true: npt.ArrayLike,
    proba: npt.ArrayLike,
    *,
    labels: npt.ArrayLike | None = None,
    n_bins: int = 10,
    sample_weight: npt.ArrayLike | None = None,
) -> np.ndarray:
    """Expected calibration error of each class against the rest.

    Rows are put in bins by their probability of the class. The error is the mean over rows of
    ``|mean probability - share of the class|`` of their bin. Bins hold equal numbers of rows, not
    equal ranges of probability. For a rare class nearly all probabilities are near zero: ranges of
    a tenth would put nearly all rows in one bin, in which errors cancel, and few rows in the other
    bins. Rows with the same probability share a bin, so the result does not depend on the order of
    the rows.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True class labels.
    proba : array-like of shape (n_samples, n_classes)
        Posteriors; rows sum to 1. Columns of a DataFrame that are the class labels may be in any
        order.
    labels : array-like of shape (n_classes,), default=None
        All class labels, in the order of the columns of `proba`. By default the sorted labels of
        `y_true`.
    n_bins : int, default=10
        Number of bins; there are fewer if probabilities are tied.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows; bins hold equal weights.

    Returns
    -------
    errors : ndarray of shape (n_classes,)
        Errors in [0, 1]. Compare an error with the share of the class: 0.01 is small for a class of
        half of the rows, and as large as the share for a class of one row in a hundred. With few
        rows, errors are above zero by chance alone.

    Raises
    ------
    ValueError
        If class labels are unknown or missing, or if `proba` does not hold posteriors of all
        classes.

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
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    *,
    labels: npt.ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = 1000,
    random_state: int | np.random.RandomState | None = None,
) -> dict[str, np.ndarray]:
    """Intervals of the scores of decisions, by class and overall, honest for tiny classes.

    If the recall of a class is 0 of 2 rows, a bootstrap of rows calls it certain, as it never draws
    a hit. Therefore

    - recall, precision and the Jaccard index ``J = hits / (hits + false + missed)``, with
      ``F1 = 2 J / (1 + J)``, are treated as proportions and get Jeffreys intervals [1]_, as in [2]_
      for precision and recall: that of 0 hits in 2 rows is [0, 0.67];
    - overall scores are functions of the confusion matrix, which is drawn by the Bayesian
      bootstrap [3]_: its cells are gamma variables, so no loop over rows or draws is needed. One
      row is added to each class, divided into hit and miss by the mean recall, after two hits and
      two misses were added to that mean [4]_. Half a hit and half a miss would pull the scores of
      many tiny classes to the middle.

    Every interval is widened to hold the observed score, as [1]_ does at 0 and 1. A quantity
    without any observation, such as the precision of a class that is never predicted, has the
    interval [0, 1]. If classes have few rows, overall intervals are approximate: they may hold the
    true score a few percent less often than `level` says.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True class labels.
    y_pred : array-like of shape (n_samples,)
        Predicted class labels.
    labels : array-like of shape (n_classes,), default=None
        All class labels, at least two. By default the sorted labels of `y_true` and `y_pred`.
    level : float, default=0.95
        Share of cases in which an interval should hold the true score.
    n_resamples : int, default=1000
        Number of drawn confusion matrices.
    random_state : int, RandomState instance or None, default=None
        Source of the draws. The intervals of single classes do not need it.

    Returns
    -------
    intervals : dict of str to ndarray
        Lower and upper ends: "precision", "recall" and "f1", each of shape (n_classes, 2), and
        "balanced_accuracy", "f1_macro", "mcc" and "geometric_mean", each of shape (2,).

    Raises
    ------
    ValueError
        If class labels are unknown or missing, or if a parameter is out of range.

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
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    proba: npt.ArrayLike | None = None,
    *,
    labels: npt.ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = 1000,
    random_state: int | np.random.RandomState | None = None,
) -> dict[str, Any]:
    """Scores of decisions and probabilities, as a dict that can be stored as JSON.

    It holds what ``classification_report(output_dict=True)`` holds, and in addition intervals,
    average precision and calibration by class, and the scores of a classifier without features.
    It judges class labels, multilabel y, and the steps and entities of sequences.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_labels), or sequences
        True class labels. In the multilabel case 0 and 1 for each label, as an array, a sparse
        matrix or a DataFrame; nan where a label is not known, which leaves out the row for this
        label. Sequences are a list of sequences of class labels, or an array of shape
        (n_sequences, n_steps); masked steps of a masked array do not count. Sequences that are all
        of one length and of numbers are told from labels by the axes of `proba`.
    y_pred : array-like of the form of `y_true`
        Predicted class labels.
    proba : array-like of shape (n_samples, n_classes), (n_samples, n_labels) or \
(n_sequences, n_steps, n_classes), default=None
        Natural posteriors; those of classes sum to 1. Columns of a DataFrame that are the class
        labels may be in any order. Without posteriors, scores of probabilities are left out.
    labels : array-like of shape (n_classes,) or (n_labels,), default=None
        All class labels, at least two, in the order of the columns of `proba`. By default the
        sorted labels of `y_true` and `y_pred`. In the multilabel case the names of the labels, by
        default those of the columns of `y_true`, or their numbers.
    level : float, default=0.95
        Level of the intervals.
    n_resamples : int, default=1000
        Number of draws for the intervals of overall scores.
    random_state : int, RandomState instance or None, default=None
        Source of the draws.

    Returns
    -------
    summary : dict
        - "n_rows" and "level".
        - "classes": a list with a dict for each class. It has "label", "support" and "predicted"
          (numbers of rows); "precision", "recall" and "f1", each also with the ending "_interval";
          and with `proba` also "average_precision", "calibration_error" (in ten bins),
          "calibration_error_by_chance" (calibrated probabilities stay below it in 999 of 1000 test
          sets of this size) and "expected" (the sum of the probabilities, to compare with
          "support").
        - "overall": a dict of "balanced_accuracy", "f1_macro", "mcc" and "geometric_mean", each
          also with the ending "_interval", and with `proba` also "log_loss" and "brier". As in
          scikit-learn and imbalanced-learn, recalls are averaged over the classes that have rows,
          F1 over the classes that have rows or are predicted. "chance_p_value" is the p-value of a
          permutation test: the share of random permutations of the decisions with at least this
          balanced accuracy (for two classes, Fisher's one-sided test).
        - "dummy": the same scores of a classifier that always predicts the most frequent class,
          with the class shares of `y_true` as probabilities.

        None stands for a score that is not defined, such as the recall of a class without rows.

        In the multilabel case "labels" stands in the place of "classes". A label also has "n_rows",
        the rows in which it is known. "overall" has "f1_macro", "f1_micro" and "f1_samples", as in
        scikit-learn, with intervals by drawing rows, and the mean "log_loss" and "brier" of a label
        in a row. The dummy predicts the labels that more than half of the rows have.

        For sequences, "n_rows" is the number of steps that count, beside "n_sequences". Steps of a
        sequence depend on each other: see Notes. "chance_p_value" is left out. If all class labels
        are tags, such as "O", "B-PER" and "I-PER" (IOB2, BIOES or BILOU), there are also
        "entities", a list with a dict for each type with numbers of entities and scores, and
        "entities_overall" with "f1_micro" of all entities and "f1_macro", the mean over the types.
        An entity is found if its type, first and last step are right, as in conlleval [1]_ and
        seqeval.

    Raises
    ------
    ValueError
        If class labels are unknown or missing, if `proba` does not hold posteriors of all
        classes, or if a multilabel y has other values or sequences differ in their lengths.

    See Also
    --------
    skimbalance.report.ImbalanceReport : The same as a text or a page, with figures.

    Notes
    -----
    Intervals of sequences take whole sequences as their units. Those of a class or an entity are
    Jeffreys' intervals of an effective number of decisions: the number divided by the design
    effect, and corrected for few sequences [2]_. A class that is always or never found has one
    decision for each sequence that holds it. Those of overall scores draw whole sequences [3]_, by
    the Bayesian bootstrap of `score_intervals`. Sequences of one step each have the intervals of
    rows.

    References
    ----------
    .. [1] E. F. Tjong Kim Sang, F. De Meulder. "Introduction to the CoNLL-2003 Shared Task:
       Language-Independent Named Entity Recognition." CoNLL 2003. arXiv:cs/0306050
    .. [2] E. L. Korn, B. I. Graubard. "Confidence Intervals for Proportions with Small Expected
       Number of Positive Counts Estimated from Survey Data." Survey Methodology 24(2), 1998.
    .. [3] C. A. Field, A. H. Welsh. "Bootstrapping Clustered Data." Journal of the Royal
       Statistical Society B 69(3), 2007. doi:10.1111/j.1467-9868.2007.00593.x

    Examples
    --------
    >>> from skimbalance.metrics import classification_summary
    >>> summary = classification_summary(["no"] * 8 + ["yes"] * 2, ["no"] * 9 + ["yes"])
    >>> summary["classes"][1]["recall"], summary["overall"]["balanced_accuracy"]
    (0.5, 0.75)
    >>> summary["dummy"]["balanced_accuracy"]
    0.5

    In the multilabel case, and for entities of sequences:

    >>> summary = classification_summary([[1, 0], [1, 1], [0, 1]], [[1, 0], [1, 0], [0, 1]])
    >>> [label["recall"] for label in summary["labels"]]
    [1.0, 0.5]
    >>> tags = [["B-PER", "I-PER", "O"], ["O", "B-PER"]]
    >>> summary = classification_summary(tags, [["B-PER", "O", "O"], ["O", "B-PER"]])
    >>> summary["entities"][0]["recall"]
    0.5
    """
    owner = "classification_summary"
    _check_parameters(owner, level=level, n_resamples=n_resamples, random_state=random_state)
    rng = check_random_state(random_state)
    if are_sequences(y_true, proba):
        steps = steps_of(y_true, y_pred, proba, owner)
        return sequence_summary(steps, labels, level, n_resamples, rng)
    if is_multilabel(y_true):
        return multilabel_summary(y_true, y_pred, proba, labels, level, n_resamples, rng)
    labels = all_labels(labels, owner, y_true=y_true, y_pred=y_pred)
    counts = confusion_counts(y_true, y_pred, labels, owner)
    ends = intervals(counts, level, n_resamples, rng)
    by_class = {
        "label": [json_label(label) for label in plain_labels(labels)],
        "support": counts.sum(axis=1).tolist(),
        "predicted": counts.sum(axis=0).tolist(),
    }
    for name, score in class_scores(counts).items():
        by_class |= {name: plain_floats(score), f"{name}_interval": ends[name].tolist()}
    shares = counts.sum(axis=1) / counts.sum()
    always = np.zeros_like(counts)
    always[:, np.argmax(shares)] = counts.sum(axis=1)
    overall = overall_scores(counts)
    overall |= {f"{name}_interval": ends[name].tolist() for name in OVERALL}
    overall["chance_p_value"] = chance_p_value(counts, n_resamples, rng)
    dummy = overall_scores(always)
    if proba is not None:
        y, proba, _ = checked_posteriors(y_true, proba, labels, owner)
        by_class |= probabilities_by_class(y, proba, rng)
        overall |= losses(y, proba)
        dummy |= losses(y, np.broadcast_to(shares, proba.shape))
    return {
        "n_rows": int(counts.sum()),
        "level": level,
        "classes": parts_by_name(by_class),
        "overall": overall,
        "dummy": dummy,
    }


def _check_parameters(owner, **given):
    validate_parameter_constraints({name: _CONSTRAINTS[name] for name in given}, given, owner)
