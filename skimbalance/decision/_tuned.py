"""Decisions tuned for a metric on out-of-fold posteriors."""

import warnings
from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import (
    Bunch,
    assert_all_finite,
    check_random_state,
    get_tags,
    indexable,
)
from sklearn.utils.multiclass import check_classification_targets, is_multilabel
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted, column_or_1d

from skimbalance._response import posterior
from skimbalance._validation import (
    HasMethods,
    Interval,
    StrOptions,
    as_array,
    check_not_lists,
    check_sample_weight,
    class_indices,
    safe_indexing,
    validate_parameter_constraints,
)
from skimbalance.decision._calibration import inside
from skimbalance.decision._folds import cv_splits, known, parts_of_folds, stratified_parts
from skimbalance.decision._goals import class_goal, label_goal
from skimbalance.decision._learning import HeldOut, learn
from skimbalance.decision._multilabel import LabelRule, dense_indicator, learn_labels
from skimbalance.decision._objectives import LABEL_OBJECTIVES, OBJECTIVES
from skimbalance.decision._rules import Rule

__all__ = ["TunedDecisionClassifierCV"]


class TunedDecisionClassifierCV(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Classifier that decides for a metric: a threshold, or one for each label or class.

    The most probable class is the best decision for accuracy and for little else. Here
    out-of-fold posteriors of all training rows are pooled and calibrated, and the decision rule
    with the best `objective` on them is learnt: for two classes a threshold, for more a weight
    for each. Where y is a label indicator matrix it is a threshold for each label, without which
    most of the rare ones are hardly ever predicted.

    Parameters
    ----------
    estimator : classifier
        Any scikit-learn classifier or pipeline; for labels one that takes an indicator matrix.
        Natural posteriors are used where it has a ``predict_posterior``.

    objective : str or callable, default="f1_macro"
        What to raise:

        - "balanced_accuracy", "f1_macro", "f1_weighted", "mcc", "geometric_mean",
          "cohen_kappa";
        - of the class `pos_label`: "f1", "recall_at_precision" and "precision_at_recall" (the
          first as large as possible where the second is at least `level`), "alerts" (recall
          where at most `level` of 1,000 rows are flagged);
        - "cost": minus the mean cost, given `cost_matrix` (in closed form, on the calibrated
          posteriors);
        - of labels: "f1_macro", the mean over them; "f1_micro", of all decisions together;
          "f1_samples", the mean over the rows, in which one with no label, true or predicted,
          counts 0;
        - a function of (y_true, y_pred) to a number, larger is better; slower, as it is called
          for up to 200 cut-points a class and pass, or 50 a label.

    level : float, default=None
        A share for "recall_at_precision" and "precision_at_recall", rows of 1,000 for
        "alerts"; the others ignore it.

    cost_matrix : array-like of shape (n_classes, n_classes), default=None
        For "cost": ``cost_matrix[k, j]`` is what it costs to decide class j for a row of class
        k, in the order of `classes_`; right decisions cost least. The others ignore it.

    pos_label : label, default=None
        The class of "f1", "recall_at_precision", "precision_at_recall" and "alerts". None is the
        second of two classes; of more it must be named.

    calibration : {"vector", "temperature", "isotonic"} or None, default="vector"
        Of the posteriors, on the same out-of-fold rows: a scale for all classes' logarithms
        (temperature), a scale and a bias for each (vector; pulled to the identity as by a prior,
        which a dozen rows outweigh), or any rising function, for two classes with at least 50
        rows each. Labels are two classes each, without and with it. `predict_proba` is
        calibrated, too.

    cv : int, cross-validation splitter, iterable or "prefit", default=5
        An int is stratified, also for classes with fewer rows than folds, and iteratively for
        labels. With a splitter that repeats, each row counts once in all. "prefit" takes the
        estimator as fitted and all rows given to `fit` as held out.

    n_jobs : int, default=None
        Folds fitted in parallel. With ``joblib.parallel_config(backend="stacked")`` those of an
        `ImbalancedMLPClassifier` train as one stack.

    random_state : int, RandomState instance or None, default=None
        Of the folds where `cv` is an int.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,) or (n_labels,)
        Class labels; the numbers of the labels 0, 1, ...
    multilabel_ : bool
        Whether `fit` was given a label indicator matrix.
    estimator_ : classifier
        Fitted on all rows.
    calibrator_ : callable or None
        Maps posteriors to calibrated ones.
    decision_matrix_ : ndarray of shape (n_classes, n_classes)
        The rule: ``predict`` takes the largest of ``predict_proba(X) @ decision_matrix_``. Not
        set for labels.
    decision_weights_ : ndarray of shape (n_classes,)
        Its diagonal, with mean 1: the weight of each class. Not set for labels.
    threshold_ : float or ndarray of shape (n_labels,)
        For two classes: the second is predicted from this posterior of it on. For labels: each
        is; infinite for one that no training row has.
    threshold_std_ : float or ndarray of shape (n_labels,)
        Its standard error: the jackknife over the folds (over ten parts of the rows, where there
        is one fold, or rows come in several). NaN for labels too rare to learn a threshold for.
    objective_score_ : float
        The objective of out-of-fold decisions, by rules learnt without the fold.
    curve_ : Bunch
        For two classes: ``thresholds``, and the objective there over all rows (``scores``) and
        its standard deviation over the folds (``scores_std``), each of shape (n_points,).
    n_features_in_, feature_names_in_
        Those of `estimator_`, where it has them.

    See Also
    --------
    sklearn.model_selection.TunedThresholdClassifierCV : Two classes, a grid of thresholds.

    Notes
    -----
    For two classes every cut between two of the scores is tried. For more, weights are found by
    coordinate ascent over all cuts of one class after the other, from three starts, beside the
    fixed-point rule of [2]_; the better one is kept. The fewer held-out rows a class has, the more
    it is judged by its posteriors (by half at 200 rows), which shrinks the rule towards the best
    one for these.

    For labels all cuts are tried, too: of each label for the macro-F1, and of all together for
    the micro-F1, of which the largest is found exactly [5]_. From there the thresholds for the
    F1 of the rows, or for a function, are found by coordinate ascent. Labels are trusted as
    classes are; from posteriors alone the best thresholds for F1 would be half of it [1]_, [6]_.
    A label that a training fold lacks, or whose held-out rows all have it or all lack it, is
    decided where the estimator's own posterior is over 0.5, with a warning.

    References
    ----------
    .. [1] Z. Lipton, C. Elkan, B. Naryanaswamy. "Optimal Thresholding of Classifiers to Maximize
       F1 Measure." ECML PKDD 2014. doi:10.1007/978-3-662-44851-9_15
    .. [2] H. Narasimhan, H. Ramaswamy, A. Saha, S. Agarwal. "Consistent Multiclass Algorithms
       for Complex Performance Measures." ICML 2015.
    .. [3] C. Guo, G. Pleiss, Y. Sun, K. Weinberger. "On Calibration of Modern Neural Networks."
       ICML 2017. arXiv:1706.04599
    .. [4] C. Elkan. "The Foundations of Cost-Sensitive Learning." IJCAI 2001.
    .. [5] W. Dinkelbach. "On Nonlinear Fractional Programming." Management Science 13(7), 1967.
       doi:10.1287/mnsc.13.7.492
    .. [6] O. Koyejo, N. Natarajan, P. Ravikumar, I. Dhillon. "Consistent Multilabel
       Classification." NeurIPS 2015.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.metrics import f1_score
    >>> from skimbalance import TunedDecisionClassifierCV
    >>> X, y = make_classification(4000, weights=[0.95], random_state=0)
    >>> plain = LogisticRegression().fit(X[:2000], y[:2000])
    >>> tuned = TunedDecisionClassifierCV(LogisticRegression(), objective="f1", random_state=0)
    >>> tuned = tuned.fit(X[:2000], y[:2000])
    >>> bool(tuned.threshold_ < 0.5)
    True
    >>> f1 = [f1_score(y[2000:], clf.predict(X[2000:])) for clf in (plain, tuned)]
    >>> bool(f1[0] < f1[1])
    True

    Labels:

    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn.multiclass import OneVsRestClassifier
    >>> X, y = make_multilabel_classification(600, n_labels=1, random_state=0)
    >>> tuned = TunedDecisionClassifierCV(OneVsRestClassifier(LogisticRegression()))
    >>> tuned.fit(X, y).threshold_.shape, tuned.predict(X).shape
    ((5,), (600, 5))
    """

    _parameter_constraints = {
        "estimator": [
            HasMethods(["fit", "predict_proba"]),
            HasMethods(["fit", "decision_function"]),
        ],
        "objective": [StrOptions({*OBJECTIVES, *LABEL_OBJECTIVES}), callable],
        "level": [Interval(Real, 0, None, closed="left"), None],
        "cost_matrix": ["array-like", None],
        "pos_label": "no_validation",
        "calibration": [StrOptions({"vector", "temperature", "isotonic"}), None],
        "cv": [Interval(Integral, 2, None, closed="left"), HasMethods(["split"]), "array-like",
               HasMethods("__next__"), StrOptions({"prefit"})],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }  # fmt: skip

    def __init__(
        self,
        estimator,
        *,
        objective="f1_macro",
        level=None,
        cost_matrix=None,
        pos_label=None,
        calibration="vector",
        cv=5,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.objective = objective
        self.level = level
        self.cost_matrix = cost_matrix
        self.pos_label = pos_label
        self.calibration = calibration
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X, y, **fit_params):
        """Fit the estimator on all rows and on the folds, and learn the rule.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or a label indicator matrix of 0 and 1.
        **fit_params
            Given to the estimator's `fit`; those with a value for each row are cut like the
            rows. ``sample_weight`` counts in the objective, too.

        Returns
        -------
        self : TunedDecisionClassifierCV
            Fitted.

        Raises
        ------
        ValueError
            If a parameter or the data break a rule.
        """
        params = self.get_params(deep=False)
        validate_parameter_constraints(self._parameter_constraints, params, type(self).__name__)
        check_not_lists(y)
        learn_rule = self._learn_labels if is_multilabel(y) else self._learn_classes
        fitted = learn_rule(X, y, params, fit_params)
        # A fit before may have been of two classes, or of named columns.
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        for name, value in fitted.items():
            setattr(self, name, value)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    def predict(self, X):
        """The class that the rule decides for.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or indicators: a sparse matrix if `fit` was given one.
        """
        proba = self.predict_proba(X)
        if not self.multilabel_:
            return self.classes_[Rule(self.decision_matrix_)(proba)]
        return LabelRule(self.threshold_, self._sparse_labels)(proba)

    def predict_proba(self, X):
        """Calibrated posteriors.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
            In the order of `classes_`; rows sum to 1. Those of labels do not, and are 1e-12 off
            0 and 1 at least.
        """
        check_is_fitted(self)
        proba = posterior(self.estimator_, X, self.classes_, multilabel=self.multilabel_)
        if self.calibrator_ is not None:
            proba = self.calibrator_(proba)
        return inside(proba) if self.multilabel_ else proba

    def _learn_classes(self, X, y, params, fit_params):
        """Fitted attributes, where y holds class labels."""
        data = self._class_data(X, y, fit_params.get("sample_weight"))
        goal = class_goal(params, data.classes, data.target)
        estimator, held_out, judged = self._held_out(data, fit_params)
        self._check_judged(judged, data.classes, goal.positive)
        learnt = learn(goal, held_out, judged)
        if not learnt.rule.keeps_limit:
            warnings.warn(
                f"No rule keeps the limit of objective={self.objective!r}, level={self.level!r}, "
                "on the held-out rows: the one that breaks it least is taken. Lower the level, or "
                "improve the estimator.",
                stacklevel=3,
            )
        fitted = {
            "classes_": data.classes,
            "estimator_": estimator,
            "calibrator_": learnt.calibrator,
            "decision_matrix_": learnt.rule.matrix,
            "decision_weights_": learnt.rule.weights,
            "objective_score_": learnt.score,
            "multilabel_": False,
        }
        if learnt.curve is not None:
            thresholds, scores, scores_std = learnt.curve
            fitted["threshold_"] = learnt.rule.threshold
            fitted["threshold_std_"] = learnt.threshold_std
            fitted["curve_"] = Bunch(thresholds=thresholds, scores=scores, scores_std=scores_std)
        return fitted

    def _learn_labels(self, X, y, params, fit_params):
        """Fitted attributes, where y is a label indicator matrix."""
        data = self._label_data(X, y, fit_params.get("sample_weight"))
        goal = label_goal(params, data.target)
        estimator, held_out, judged = self._held_out(data, fit_params)
        if not judged.any():
            raise ValueError(
                "At least 1 label must have rows with and without it in every training fold, and "
                "held-out ones of positive sample_weight. Got none among "
                f"{len(judged)} labels."
            )
        if not judged.all():
            warnings.warn(
                f"The labels {data.classes[~judged].tolist()!r} have too few rows with or without "
                "them to be judged out of fold: they are decided where the estimator gives more "
                "than 0.5, and never if no training row has them.",
                stacklevel=3,
            )
        learnt = learn_labels(goal, held_out, judged)
        never = ~data.target.any(axis=0) & (not self._is_prefit())
        return {
            "classes_": data.classes,
            "estimator_": estimator,
            "calibrator_": learnt.calibrator,
            "threshold_": np.where(never, np.inf, learnt.rule.threshold),
            "threshold_std_": learnt.threshold_std,
            "objective_score_": learnt.score,
            "multilabel_": True,
            "_sparse_labels": hasattr(y, "tocsr"),
        }

    def _is_prefit(self):
        return isinstance(self.cv, str) and self.cv == "prefit"

    def _class_data(self, X, y, sample_weight):
        X, y = indexable(X, as_array(y))
        labels = column_or_1d(y, warn=True)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        weight = check_sample_weight(sample_weight, labels)
        if self._is_prefit():
            check_is_fitted(self.estimator)
            classes = self.estimator.classes_
            y_index = class_indices(labels, classes, " of the fitted estimator")
        else:
            classes, y_index = np.unique(labels, return_inverse=True)
        if len(np.unique(y_index)) < 2:
            raise ValueError(
                "y must have rows of at least 2 classes. Got 1 class: "
                f"{np.unique(labels).tolist()!r}."
            )
        return _Data(X, y, y_index, _one_on_average(weight), classes)

    def _label_data(self, X, y, sample_weight):
        # Most estimators do not take labels as a sparse matrix, and some misread it.
        X, y = indexable(X, dense_indicator(y))
        weight = check_sample_weight(sample_weight, y)
        if self._is_prefit():
            check_is_fitted(self.estimator)
        return _Data(X, y, y, _one_on_average(weight), np.arange(y.shape[1]))

    def _check_judged(self, judged, classes, positive):
        if judged.sum() < 2:
            raise ValueError(
                "At least 2 classes must have rows in every training fold, and held-out rows of "
                f"positive sample_weight. Got {classes[judged].tolist()!r}."
            )
        if positive is not None and not judged[positive]:
            raise ValueError(
                f"The class of objective={self.objective!r} must have rows in every training "
                "fold, and held-out rows of positive sample_weight. Got the class "
                f"{classes.tolist()[positive]!r} with too few."
            )
        if not judged.all():
            warnings.warn(
                f"The classes {classes[~judged].tolist()!r} have too few rows to be judged out of "
                "fold: they take the decision weight of the rarest class that has enough.",
                stacklevel=4,
            )

    def _held_out(self, data, fit_params):
        """The estimator fitted on all rows, rows held out from others, and the classes judged."""
        return self._prefit(data) if self._is_prefit() else self._out_of_fold(data, fit_params)

    def _prefit(self, data):
        """The estimator, all rows as held out, and the classes that have some."""
        target, n_classes = data.target, len(data.classes)
        proba = data.posterior(self.estimator, data.X)
        if proba.shape[1] != n_classes:
            raise ValueError(
                f"y must have a column for each of the {proba.shape[1]} labels of the fitted "
                f"estimator. Got {n_classes} columns."
            )
        part = stratified_parts(target, self._rng())
        held_out = HeldOut(np.arange(len(target)), part, proba, target, data.weight)
        return self.estimator, held_out, known(target, n_classes, data.weight)

    def _out_of_fold(self, data, fit_params):
        """The estimator fitted on all rows, the rows held out, and the classes judged."""
        target, n_classes = data.target, len(data.classes)
        splits = cv_splits(self.cv, data.X, data.y, target, self._rng())
        tasks = [
            delayed(_fit_and_score)(
                self.estimator, data.X, data.y, *split, data.posterior, fit_params
            )
            for split in splits
        ]
        tasks.append(delayed(clone(self.estimator).fit)(data.X, data.y, **fit_params))
        *probas, estimator = Parallel(n_jobs=self.n_jobs)(tasks)
        tests = [test for _, test in splits]
        row, part = np.concatenate(tests), parts_of_folds(tests, target, self._rng)
        weight = data.weight[row] / np.bincount(row)[row]
        held_out = HeldOut(row, part, np.concatenate(probas), target[row], weight)
        trained = [known(target[train], n_classes) for train, _ in splits]
        judged = np.all(trained, axis=0) & known(target[row], n_classes, weight)
        return estimator, held_out, judged

    def _rng(self):
        return np.random.default_rng(check_random_state(self.random_state).randint(2**31))

    def __sklearn_tags__(self):
        """Sparse rows, missing values and labels pass where the estimator takes them."""
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        if inner.classifier_tags is not None:
            tags.classifier_tags.multi_label = inner.classifier_tags.multi_label
        return tags


@dataclass(frozen=True)
class _Data:
    """Rows that have been checked.

    Parameters
    ----------
    X, y
        As the estimator gets them.
    target : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Class indices, or indicators of labels.
    weight : ndarray of shape (n_samples,)
        How much each row counts.
    classes : ndarray of shape (n_classes,) or (n_labels,)
        Class labels, or numbers of labels.
    """

    X: object
    y: object
    target: np.ndarray
    weight: np.ndarray
    classes: np.ndarray

    @property
    def posterior(self):
        """Function of (estimator, X)."""
        return partial(posterior, classes=self.classes, multilabel=self.target.ndim == 2)


def _one_on_average(weight):
    """The weights as counts of rows: calibration is pulled as if by so many."""
    return weight * (np.count_nonzero(weight) / weight.sum())


def _fit_and_score(estimator, X, y, train, test, response, fit_params):
    """Posteriors of the test rows by a clone fitted on the training rows."""
    n = len(y)
    params = {
        name: safe_indexing(value, train) if np.shape(value)[:1] == (n,) else value
        for name, value in fit_params.items()
    }
    fitted = clone(estimator).fit(safe_indexing(X, train), safe_indexing(y, train), **params)
    return response(fitted, safe_indexing(X, test))
