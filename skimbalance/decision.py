"""Decisions tuned for a metric on out-of-fold posteriors."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import Bunch, assert_all_finite, check_random_state, get_tags, indexable
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted, column_or_1d

from skimbalance._decision.folds import cv_splits, parts_of_folds, stratified_parts
from skimbalance._decision.learning import Goal, HeldOut, learn
from skimbalance._decision.objectives import (
    LEVELS,
    OBJECTIVES,
    ONE_CLASS,
    checked_function,
    make_objective,
)
from skimbalance._decision.rules import Rule
from skimbalance._response import posterior
from skimbalance._validation import (
    HasMethods,
    Interval,
    StrOptions,
    as_array,
    check_sample_weight,
    class_indices,
    safe_indexing,
    validate_parameter_constraints,
)

__all__ = ["TunedDecisionClassifierCV"]

# An isotonic calibration of fewer rows of a class is noise.
ISOTONIC_ROWS = 50


class TunedDecisionClassifierCV(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Classifier that decides for a metric: a threshold, or a weight for each class.

    The most probable class is the best decision for accuracy and for little else. Here
    out-of-fold posteriors of all training rows are pooled and calibrated, and the decision rule
    with the best `objective` on them is learnt.

    Parameters
    ----------
    estimator : classifier
        Any scikit-learn classifier or pipeline. Natural posteriors are used where it has a
        ``predict_posterior``.

    objective : str or callable, default="f1_macro"
        What to raise:

        - "balanced_accuracy", "f1_macro", "f1_weighted", "mcc", "geometric_mean",
          "cohen_kappa";
        - of the class `pos_label`: "f1", "recall_at_precision" and "precision_at_recall" (the
          first as large as possible where the second is at least `level`), "alerts" (recall
          where at most `level` of 1,000 rows are flagged);
        - "cost": minus the mean cost, given `cost_matrix` (in closed form, on the calibrated
          posteriors);
        - a function of (y_true, y_pred) to a number, larger is better; slower, as it is called
          for up to 200 cut-points a class and pass.

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
        rows each. `predict_proba` is calibrated, too.

    cv : int, cross-validation splitter, iterable or "prefit", default=5
        An int is stratified, also for classes with fewer rows than folds. With a splitter that
        repeats, each row counts once in all. "prefit" takes the estimator as fitted and all rows
        given to `fit` as held out.

    n_jobs : int, default=None
        Folds fitted in parallel. With ``joblib.parallel_config(backend="stacked")`` those of an
        `ImbalancedMLPClassifier` train as one stack.

    random_state : int, RandomState instance or None, default=None
        Of the folds where `cv` is an int.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    estimator_ : classifier
        Fitted on all rows.
    calibrator_ : callable or None
        Maps posteriors to calibrated ones.
    decision_matrix_ : ndarray of shape (n_classes, n_classes)
        The rule: ``predict`` takes the largest of ``predict_proba(X) @ decision_matrix_``.
    decision_weights_ : ndarray of shape (n_classes,)
        Its diagonal, with mean 1: the weight of each class.
    threshold_ : float
        For two classes: the second is predicted from this posterior of it on.
    threshold_std_ : float
        Its standard error: the jackknife over the folds (over ten parts of the rows, where there
        is one fold, or rows come in several).
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

    References
    ----------
    .. [1] Z. Lipton, C. Elkan, B. Naryanaswamy. "Optimal Thresholding of Classifiers to Maximize
       F1 Measure." ECML PKDD 2014. doi:10.1007/978-3-662-44851-9_15
    .. [2] H. Narasimhan, H. Ramaswamy, A. Saha, S. Agarwal. "Consistent Multiclass Algorithms
       for Complex Performance Measures." ICML 2015.
    .. [3] C. Guo, G. Pleiss, Y. Sun, K. Weinberger. "On Calibration of Modern Neural Networks."
       ICML 2017. arXiv:1706.04599
    .. [4] C. Elkan. "The Foundations of Cost-Sensitive Learning." IJCAI 2001.

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
    """

    _parameter_constraints = {
        "estimator": [
            HasMethods(["fit", "predict_proba"]),
            HasMethods(["fit", "decision_function"]),
        ],
        "objective": [StrOptions(set(OBJECTIVES)), callable],
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
        y : array-like of shape (n_samples,)
            Class labels.
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
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(deep=False), type(self).__name__
        )
        data, classes = self._validated(X, y, fit_params.get("sample_weight"))
        positive = self._positive(classes)
        goal = self._goal(classes, data[2], positive)
        if self._is_prefit():
            estimator, held_out, judged = self._prefit(data, classes)
        else:
            estimator, held_out, judged = self._out_of_fold(data, classes, fit_params)
        self._check_judged(judged, classes, positive)
        if not judged.all():
            warnings.warn(
                f"The classes {classes[~judged].tolist()!r} have too few rows to be judged out of "
                "fold: they take the decision weight of the rarest class that has enough.",
                stacklevel=2,
            )
        learnt = learn(goal, held_out, judged)
        if not learnt.rule.keeps_limit:
            warnings.warn(
                f"No rule keeps the limit of objective={self.objective!r}, level={self.level!r}, "
                "on the held-out rows: the one that breaks it least is taken. Lower the level, or "
                "improve the estimator.",
                stacklevel=2,
            )
        # A fit before may have been of two classes, or of named columns.
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        self.classes_, self.estimator_ = classes, estimator
        self.calibrator_, self.decision_matrix_ = learnt.calibrator, learnt.rule.matrix
        self.decision_weights_ = learnt.rule.weights
        self.objective_score_ = learnt.score
        if learnt.curve is not None:
            self.threshold_, self.threshold_std_ = learnt.rule.threshold, learnt.threshold_std
            thresholds, scores, scores_std = learnt.curve
            self.curve_ = Bunch(thresholds=thresholds, scores=scores, scores_std=scores_std)
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
        y : ndarray of shape (n_samples,)
            Class labels.
        """
        proba = self.predict_proba(X)
        return self.classes_[Rule(self.decision_matrix_)(proba)]

    def predict_proba(self, X):
        """Calibrated posteriors.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; rows sum to 1.
        """
        check_is_fitted(self)
        proba = posterior(self.estimator_, X, self.classes_)
        return proba if self.calibrator_ is None else self.calibrator_(proba)

    def _is_prefit(self):
        return isinstance(self.cv, str) and self.cv == "prefit"

    def _validated(self, X, y, sample_weight):
        """Rows, their labels, class indices and weights; and the classes."""
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
            known = np.unique(labels).tolist()
            raise ValueError(
                f"y must have rows of at least 2 classes. Got {len(known)} class: {known!r}."
            )
        # A row counts as one on average: calibration is pulled as if by so many rows.
        weight = weight * (np.count_nonzero(weight) / weight.sum())
        return (X, y, y_index, weight), classes

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

    def _goal(self, classes, y_index, positive):
        """The objective with its parameters, checked against the classes."""
        if self.calibration == "isotonic":
            fewest = np.bincount(y_index, minlength=len(classes)).min()
            if len(classes) > 2 or fewest < ISOTONIC_ROWS:
                raise ValueError(
                    "The 'calibration' parameter of TunedDecisionClassifierCV may be 'isotonic' "
                    f"for 2 classes with at least {ISOTONIC_ROWS} rows each. Got {len(classes)} "
                    f"classes, the rarest with {fewest} rows."
                )
        if callable(self.objective):
            function = checked_function(self.objective, type(self).__name__)

            def of_labels(true, decided):
                value = function(classes[true], classes[decided])
                if np.isnan(value):
                    raise ValueError(
                        "The 'objective' function of TunedDecisionClassifierCV must return "
                        f"numbers. Got {value!r} instead."
                    )
                return value

            return Goal(of_labels, None, self.calibration)
        if self.objective == "cost":
            return Goal(None, self._costs(len(classes)), self.calibration)
        if self.objective in LEVELS:
            low, high = LEVELS[self.objective]
            if self.level is None or not low < self.level <= high:
                raise ValueError(
                    f"The 'level' parameter of objective={self.objective!r} must be in the range "
                    f"({low}, {high}]. Got {self.level!r} instead."
                )
        return Goal(make_objective(self.objective, positive, self.level), None, self.calibration)

    def _costs(self, n_classes):
        costs = np.asarray(np.nan if self.cost_matrix is None else self.cost_matrix, dtype=float)
        if costs.shape != (n_classes, n_classes) or not np.all(np.isfinite(costs)):
            raise ValueError(
                "The 'cost_matrix' parameter of objective='cost' must be finite and of shape "
                f"({n_classes}, {n_classes}). Got {self.cost_matrix!r} instead."
            )
        right = np.diag(costs)[:, None]
        if np.any(costs < right) or np.all(costs == right):
            raise ValueError(
                "The 'cost_matrix' parameter of objective='cost' must have the least cost of each "
                "row on its diagonal, and a larger one beside it in some row. Got "
                f"{costs.tolist()!r} instead."
            )
        return costs

    def _positive(self, classes):
        """Index of the one class that the objective is for, None where it is for all."""
        if callable(self.objective) or self.objective not in ONE_CLASS:
            return None
        if self.pos_label is None and len(classes) == 2:
            return 1
        (index,) = np.nonzero(classes == self.pos_label)
        if len(index) != 1:
            raise ValueError(
                f"The 'pos_label' parameter of objective={self.objective!r} must be one of the "
                f"classes {classes.tolist()!r}. Got {self.pos_label!r} instead."
            )
        return int(index[0])

    def _prefit(self, data, classes):
        """The estimator, all rows as held out, and the classes that have some."""
        X, _, y_index, weight = data
        proba = posterior(self.estimator, X, classes)
        part = stratified_parts(y_index, self._rng())
        held_out = HeldOut(np.arange(len(y_index)), part, proba, y_index, weight)
        return self.estimator, held_out, np.bincount(y_index, weight, len(classes)) > 0

    def _out_of_fold(self, data, classes, fit_params):
        """The estimator fitted on all rows, the rows held out, and the classes judged."""
        X, y, y_index, weight = data
        splits = cv_splits(self.cv, X, y, y_index, self._rng())
        tasks = [
            delayed(_fit_and_score)(self.estimator, X, y, *split, classes, fit_params)
            for split in splits
        ]
        tasks.append(delayed(clone(self.estimator).fit)(X, y, **fit_params))
        *probas, estimator = Parallel(n_jobs=self.n_jobs)(tasks)
        trained = [np.bincount(y_index[train], minlength=len(classes)) > 0 for train, _ in splits]
        tests = [test for _, test in splits]
        row, part = np.concatenate(tests), parts_of_folds(tests, y_index, self._rng)
        times = np.bincount(row)
        held_out = HeldOut(
            row, part, np.concatenate(probas), y_index[row], weight[row] / times[row]
        )
        judged = np.all(trained, axis=0) & (
            np.bincount(y_index[row], weight[row], len(classes)) > 0
        )
        return estimator, held_out, judged

    def _rng(self):
        return np.random.default_rng(check_random_state(self.random_state).randint(2**31))

    def __sklearn_tags__(self):
        """Sparse rows and missing values pass where the estimator takes them."""
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator).input_tags
        tags.input_tags.sparse, tags.input_tags.allow_nan = inner.sparse, inner.allow_nan
        return tags


def _fit_and_score(estimator, X, y, train, test, classes, fit_params):
    """Posteriors of the test rows by a clone fitted on the training rows."""
    n = len(y)
    params = {
        name: safe_indexing(value, train) if np.shape(value)[:1] == (n,) else value
        for name, value in fit_params.items()
    }
    fitted = clone(estimator).fit(safe_indexing(X, train), safe_indexing(y, train), **params)
    return posterior(fitted, safe_indexing(X, test), classes)
