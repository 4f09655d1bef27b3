"""Decisions tuned for a metric on out-of-fold posteriors."""

from collections.abc import Callable
from numbers import Integral
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import MetaEstimatorMixin
from sklearn.model_selection import GroupKFold
from sklearn.utils import (
    get_tags,
)
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.parallel import Parallel, delayed

from skimbalance._response import (
    FitArguments,
    check_no_weights_of_sampled,
    fit_arguments,
    for_last_step,
    last_step,
    takes,
)
from skimbalance._validation import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    callbacks_in_fit,
    checked_target,
    validate_parameter_constraints,
    warn,
)
from skimbalance.decision._base import TunedClassifier
from skimbalance.decision._folds import (
    check_trained,
    cv_splits,
    parts_of_folds,
    stratified_parts,
    with_rows,
)
from skimbalance.decision._learning import HeldOut
from skimbalance.decision._parameters import OBJECTIVE_CONSTRAINTS
from skimbalance.decision._rows import Rows, fitted_clone, held_out_posteriors

__all__ = ["TunedDecisionClassifierCV"]

# With fewer rows of a class, its recall is known to no better than a quarter or so.
FEW_ROWS = 10


class TunedDecisionClassifierCV(CallbackSupportMixin, MetaEstimatorMixin, TunedClassifier):
    """Classifier with decisions tuned for a metric: a threshold, or one for each label or class.

    Predicting the most probable class is best for accuracy and for few other metrics. This
    meta-estimator pools and calibrates the out-of-fold posteriors of all training rows, and finds
    the decision rule with the best `objective` on them: a threshold for two classes, and a weight
    for each class if there are more. If y is a label indicator matrix, the rule is a threshold for
    each label, without which most of the rare labels are hardly ever predicted.

    Parameters
    ----------
    estimator : classifier
        Any scikit-learn classifier or pipeline; in the multilabel case one that accepts a label
        indicator matrix. Natural posteriors are used if it has a ``predict_posterior``.

    objective : str, scorer or callable, default="f1_macro"
        Metric to maximise:

        - "balanced_accuracy", "f1_macro", "f1_weighted", "mcc", "geometric_mean" or
          "cohen_kappa";
        - a metric of the class `pos_label`, by default the rarest: "f1"; "recall_at_precision" and
          "precision_at_recall" (the first as large as possible while the second is at least
          `level`); "alerts" (recall while at most `level` of 1,000 rows are flagged);
        - "cost": minus the mean cost, given `cost_matrix` (in closed form, on the calibrated
          posteriors);
        - in the multilabel case: "f1_macro", the mean over the labels; "f1_micro", of the decisions
          for all labels together; "f1_samples", the mean over the rows, in which a row without any
          true or predicted label counts 0;
        - a scorer of scikit-learn that looks at decisions, by its name, such as "recall_macro" or
          "matthews_corrcoef", or made by `make_scorer`. The names above keep their meaning: "f1" is
          that of the class `pos_label`;
        - a function of (y_true, y_pred) that returns a number; larger is better. It sees no
          weights. Scorers and functions are slower: called up to 200 times per class and pass, or
          50 times per label and pass.

    level : float, default=None
        Limit of the objectives that have one: a share for "recall_at_precision" and
        "precision_at_recall", a number of rows in 1,000 for "alerts". Other objectives do not take
        it, and warn if it is set; the same holds for `cost_matrix` and `pos_label`.

    cost_matrix : array-like of shape (n_classes, n_classes) or DataFrame, default=None
        Costs for "cost": ``cost_matrix[k, j]`` is the cost of deciding class j for a row of class
        k, in the order of `classes_`; a DataFrame, or a dict of dicts, is read by its labels. Right
        decisions must cost least.

    pos_label : label, default=None
        Class of the objectives "f1", "recall_at_precision", "precision_at_recall" and "alerts".
        None stands for the rarest class in `fit`; of equally rare classes, the last in sorted
        order.

    calibration : {"vector", "temperature", "isotonic"} or None, default="vector"
        Calibration of the posteriors, on the same out-of-fold rows: one scale for the logarithms of
        all classes (temperature); a scale and a bias for each class (vector; both are pulled to the
        identity by a prior, which a dozen rows outweigh); or any increasing function (isotonic; for
        two classes with at least 50 rows each). A label counts as two classes, without and with
        it. `predict_proba` is calibrated, too.

    cv : int, cross-validation splitter, iterable or "prefit", default=5
        Folds. With an int, folds are stratified, also if a class has fewer rows than folds, and in
        the multilabel case iteratively. With a splitter that repeats, each row counts once in
        total. With "prefit" the estimator is already fitted, and all rows given to `fit` are held
        out.

    n_jobs : int, default=None
        Number of folds fitted in parallel. With ``joblib.parallel_config(backend="stacked")`` the
        folds of an `ImbalancedMLPClassifier` train as one stack.

    random_state : int, RandomState instance or None, default=None
        Source of randomness of the folds if `cv` is an int.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,) or (n_labels,)
        Class labels; in the multilabel case the numbers 0, 1, ... of the labels.
    multilabel_ : bool
        Whether `fit` was given a label indicator matrix.
    pos_label_ : label
        Class that `objective` is about. Not set if the objective is about all classes.
    estimator_ : classifier
        Estimator fitted on all rows.
    calibrator_ : callable or None
        Function from posteriors to calibrated posteriors.
    decision_matrix_ : ndarray of shape (n_classes, n_classes)
        Decision rule: ``predict`` decides for the largest of ``predict_proba(X) @
        decision_matrix_``. Not set in the multilabel case.
    decision_weights_ : ndarray of shape (n_classes,)
        Weight of each class: the diagonal of `decision_matrix_`, scaled to mean 1. Rare classes
        mostly have large weights. Not set in the multilabel case.
    threshold_ : float or ndarray of shape (n_labels,)
        Threshold of the posterior. The second of two classes is predicted if its posterior is at
        least this, and so is each label; infinite for a label without positive training rows. Not
        set for more than two classes.
    threshold_std_ : float or ndarray of shape (n_labels,)
        Standard error of `threshold_`, by the jackknife over the folds (over ten parts of the rows,
        if there is one fold, or if folds share rows). NaN for labels too rare to tune a threshold.
    objective_score_ : float
        Objective of the out-of-fold decisions, by rules learnt without the fold.
    curve_ : Bunch
        For two classes: ``thresholds``, the objective over all rows at each threshold (``scores``),
        and its standard deviation over the folds (``scores_std``), each of shape (n_points,).
    n_features_in_, feature_names_in_
        Attributes of `estimator_`, if it has them.

    See Also
    --------
    sklearn.model_selection.TunedThresholdClassifierCV : Two classes, a grid of thresholds.

    Notes
    -----
    For two classes, every cut between two of the scores is tried. For more classes, the weights are
    found by coordinate ascent over all cuts of one class after another, from three starts, and by
    the fixed-point rule of [2]_; the better rule is kept. The fewer held-out rows a class has, the
    more it is judged by its posteriors (by half at 200 rows), which shrinks the rule towards the
    best rule for the posteriors.

    In the multilabel case all cuts are tried, too: for the macro-F1 those of each label, and for
    the micro-F1 those of all labels together; its optimum is found exactly [5]_. From this
    optimum, a coordinate ascent finds the thresholds for the F1 of the rows, or for a function.
    Like classes, labels with few rows are judged by their posteriors; if these were exact, the best
    thresholds for the F1 would be half of it [1]_, [6]_. A label with only positives or only
    negatives in a training fold or in the held-out rows is predicted where the estimator's own
    posterior is above 0.5, with a warning.

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

    In the multilabel case there is a threshold for each label:

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
        **OBJECTIVE_CONSTRAINTS,
        "cv": [Interval(Integral, 2, None, closed="left"), HasMethods(["split"]), "array-like",
               HasMethods("__next__"), StrOptions({"prefit"})],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }  # fmt: skip

    def __init__(
        self,
        estimator: Any,
        *,
        objective: str | Callable[[np.ndarray, np.ndarray], float] = "f1_macro",
        level: float | None = None,
        cost_matrix: npt.ArrayLike | None = None,
        pos_label: Any = None,
        calibration: str | None = "vector",
        cv: Any = 5,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.objective = objective
        self.level = level
        self.cost_matrix = cost_matrix
        self.pos_label = pos_label
        self.calibration = calibration
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None, **fit_params: Any
    ) -> Self:
        """Fit the estimator on all rows and on the folds, and tune the decision rule.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or dict or list of them
            Training rows; several inputs for an estimator that takes them.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or a label indicator matrix of 0 and 1, with NaN where a label is missing:
            its rule is then tuned on the other rows. The estimator must take such a y, too.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, in the fit of the estimator (the last step of a pipeline), in the
            calibration and in the objective. If the estimator does not take weights, a warning
            says so.
        groups : array-like of shape (n_samples,), default=None
            Groups of the rows, for a splitter such as ``GroupKFold``, and for an estimator that
            holds out rows and takes groups. If `cv` is an int, no group is divided between the
            training rows and the held-out rows.
        **fit_params
            Other arguments of the estimator's `fit`; those with a value for each row are divided
            like the rows.

        Returns
        -------
        self : TunedDecisionClassifierCV
            The fitted meta-estimator.

        Raises
        ------
        ValueError
            If a parameter is invalid, or does not fit the data.
        """
        params = self.get_params(deep=False)
        validate_parameter_constraints(self._parameter_constraints, params, type(self).__name__)
        if groups is not None and self._is_prefit():
            raise ValueError(
                "The 'groups' parameter of TunedDecisionClassifierCV must be None with "
                "cv='prefit', as no rows are trained on. Got groups."
            )
        sample_weight = None if sample_weight is None else np.asarray(sample_weight)
        arguments = self._weights_that_are_taken(
            fit_arguments(self, fit_params, sample_weight, groups)
        )
        with callbacks_in_fit(self):
            self._tune(X, y, checked_target(y), params, arguments)
            if hasattr(self, "_callback_fit_ctx"):
                self._callback_fit_ctx.call_on_fit_task_end(
                    estimator=self, X=X, y=y, reconstruction_attributes={}
                )
        return self

    def get_metadata_routing(self) -> MetadataRouter:
        """Routing of metadata: to the `fit` of the estimator, and groups to the splitter.

        Returns
        -------
        router : MetadataRouter
            Router of this object.
        """
        splitter = GroupKFold() if isinstance(self.cv, Integral) else self.cv
        return (
            MetadataRouter(owner=self)
            .add(
                estimator=self.estimator,
                method_mapping=MethodMapping().add(caller="fit", callee="fit"),
            )
            .add(
                splitter=splitter,
                method_mapping=MethodMapping().add(caller="fit", callee="split"),
            )
        )

    def _weights_that_are_taken(self, arguments: FitArguments) -> FitArguments:
        """The arguments without weights in the fit, if the estimator does not take any."""
        if self._is_prefit():
            return arguments
        inner, name = last_step(self.estimator), for_last_step(self.estimator, "sample_weight")
        if name not in arguments.fit or takes(inner, "sample_weight"):
            check_no_weights_of_sampled(self.estimator, arguments.sample_weight)
            return arguments
        warn(
            f"{type(inner).__name__} does not take sample_weight: the weights count in the "
            "calibration and the objective only."
        )
        return arguments._replace(fit={k: v for k, v in arguments.fit.items() if k != name})

    def _is_prefit(self):
        return isinstance(self.cv, str) and self.cv == "prefit"

    def _held_out(self, data: Rows, arguments: FitArguments) -> tuple[Any, HeldOut, np.ndarray]:
        """The estimator fitted on all rows, the held-out rows, and a mask of the judged classes."""
        return self._prefit(data) if self._is_prefit() else self._out_of_fold(data, arguments)

    def _prefit(self, data):
        """The fitted estimator, all rows as held-out rows, and the classes that have rows."""
        target, n_classes = data.target, len(data.classes)
        proba = data.posterior(self.estimator, data.X)
        if proba.shape[1] != n_classes:
            raise ValueError(
                f"y must have a column for each of the {proba.shape[1]} labels of the fitted "
                f"estimator. Got {n_classes} columns."
            )
        part = stratified_parts(target, self._rng())
        held_out = HeldOut(np.arange(len(target)), part, proba, target, data.weight)
        return self.estimator, held_out, with_rows(target, n_classes, data.weight)

    def _told(self, n_folds):
        """For each fold, and the fit on all rows, who tells callbacks of which task; or None."""
        if not getattr(self, "_skl_callbacks", None):
            return [None] * (n_folds + 1)
        fit = self._init_callback_context(max_subtasks=n_folds + 1)
        fit.call_on_fit_task_begin(estimator=self)
        return [(self, fit.subcontext(name)) for name in [*["fold"] * n_folds, "refit"]]

    def _out_of_fold(self, data, arguments):
        """The estimator fitted on all rows, out-of-fold rows, and a mask of the judged classes."""
        target, n_classes = data.target, len(data.classes)
        splits = cv_splits(
            self.cv, data.X, data.y, target, self._rng(),
            split_params=arguments.split, owner=type(self).__name__,
        )  # fmt: skip
        if target.ndim == 1:
            check_trained(splits, target, data.classes)
        told = self._told(len(splits))
        tasks = [
            delayed(held_out_posteriors)(self.estimator, data, *split, arguments.fit, task)
            for split, task in zip(splits, told, strict=False)
        ]
        rows = data.X, data.y, arguments.fit
        tasks.append(delayed(fitted_clone)(self.estimator, *rows, told[-1]))
        *probas, estimator = Parallel(n_jobs=self.n_jobs)(tasks)
        tests = [test for _, test in splits]
        row, part = np.concatenate(tests), parts_of_folds(tests, target, self._rng)
        weight = data.weight[row] / np.bincount(row)[row]
        held_out = HeldOut(row, part, np.concatenate(probas), target[row], weight)
        trained = [with_rows(target[train], n_classes) for train, _ in splits]
        judged = np.all(trained, axis=0) & with_rows(target[row], n_classes, weight)
        return estimator, held_out, judged

    def __sklearn_tags__(self):
        """Sparse rows, missing values and multilabel y are accepted if the estimator does."""
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        if inner.classifier_tags is not None:
            tags.classifier_tags.multi_label = inner.classifier_tags.multi_label
        return tags
