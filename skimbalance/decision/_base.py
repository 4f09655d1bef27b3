"""What tuned classifiers share: from held-out posteriors to attributes and decisions."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch, assert_all_finite, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from skimbalance._response import FitArguments, hand_on_columns, posterior
from skimbalance._validation import (
    check_sample_weight,
    class_indices,
    indexable_rows,
    indicator_for,
    is_indicator,
    some_of,
    warn,
)
from skimbalance.decision._calibration import inside
from skimbalance.decision._learning import HeldOut, Tuned, tune_classes
from skimbalance.decision._multilabel import (
    LabelRule,
    TunedLabels,
    dense_indicator,
    tune_labels,
)
from skimbalance.decision._objectives import CostObjective
from skimbalance.decision._parameters import class_learner, label_learner
from skimbalance.decision._rows import Rows
from skimbalance.decision._rules import Rule
from skimbalance.metrics._accuracy import AccuracyMixin

__all__ = ["TunedClassifier", "one_on_average"]

# With fewer rows of a class, its recall is known to no better than a quarter or so.
FEW_ROWS = 10


class TunedClassifier(AccuracyMixin, BaseEstimator):
    """A classifier with calibrated posteriors and a decision rule from held-out rows.

    A subclass has the parameters `objective`, `level`, `cost_matrix`, `pos_label`, `calibration`
    and `random_state`, and says where the held-out posteriors come from (`_held_out`).
    """

    threshold_: float | np.ndarray
    threshold_std_: float | np.ndarray

    def _held_out(self, data: Rows, arguments: FitArguments) -> tuple[Any, HeldOut, np.ndarray]:
        """The estimator that predicts, the held-out rows, and a mask of the judged classes."""
        raise NotImplementedError

    def _is_prefit(self):
        return False

    def _set_out_of_fold(
        self,
        held_out: HeldOut,
        tuned: Tuned | TunedLabels,
        data: Rows,
        arguments: FitArguments,
    ) -> None:
        """Keep what is worth keeping of the held-out rows."""

    def _tune(self, X, y, target, params, arguments):
        """Fit by class labels or by a label indicator matrix; `target` is y, checked."""
        if is_indicator(target):
            # An estimator may read its class weights by the names of the columns.
            y = y if hasattr(y, "columns") else target
            data = self._label_data(X, y, arguments.sample_weight)
            self._fit_labels(data, params, arguments, sparse=hasattr(y, "tocsr"))
        else:
            data = self._class_data(X, target, arguments.sample_weight)
            self._fit_classes(data, params, arguments)

    def predict(self, X: Any) -> Any:
        """Decisions of the tuned rule.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows, in the form of those in `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or a label indicator matrix, which is sparse if `fit` was given a sparse
            one.
        """
        proba = self.predict_proba(X)
        if not self.multilabel_:
            return self.classes_[Rule(self.decision_matrix_)(proba)]
        return LabelRule(np.asarray(self.threshold_), self._sparse_labels)(proba)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Calibrated posteriors.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows, in the form of those in `fit`.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
            Posteriors in the order of `classes_`. Rows sum to 1, but not in the multilabel case,
            where posteriors are in the range [1e-12, 1 - 1e-12].
        """
        check_is_fitted(self)
        proba = posterior(self.estimator_, X, self.classes_, multilabel=self.multilabel_)
        if self.calibrator_ is not None:
            proba = self.calibrator_(proba)
        return inside(proba) if self.multilabel_ else proba

    def _fit_classes(self, data, params, arguments):
        """Fit where y holds class labels; nothing is set before all is computed."""
        owner = type(self).__name__
        learner = class_learner(params, data.classes, data.target, owner, data.class_rows)
        estimator, held_out, judged = self._held_out(data, arguments)
        self._check_judged(judged, data.classes, learner.positive)
        if not isinstance(learner.objective, CostObjective):
            _warn_of_few_rows("classes", data.classes, held_out, judged)
        tuned = tune_classes(learner, held_out, judged)
        if not tuned.rule.keeps_limit:
            warn(
                f"No rule keeps the limit of objective={self.objective!r}, level={self.level!r} "
                "on the held-out rows; the rule that comes nearest is used. Lower the level, or "
                "improve the estimator."
            )
        self._set_fitted(data.classes, estimator, tuned)
        self._set_out_of_fold(held_out, tuned, data, arguments)
        self.multilabel_ = False
        if learner.positive is not None:
            self.pos_label_ = data.classes[learner.positive]
        self.decision_matrix_ = tuned.rule.matrix
        self.decision_weights_ = tuned.rule.weights
        curve = tuned.curve
        if curve is not None:
            self.threshold_ = tuned.rule.threshold
            self.threshold_std_ = curve.chosen_std
            self.curve_ = Bunch(
                thresholds=curve.thresholds, scores=curve.scores, scores_std=curve.scores_std
            )

    def _fit_labels(self, data, params, arguments, *, sparse=False):
        """Fit where y is a label indicator matrix; nothing is set before all is computed."""
        learner = label_learner(params, data.target, type(self).__name__)
        estimator, held_out, judged = self._held_out(data, arguments)
        if not judged.any():
            raise ValueError(
                "At least 1 label must have rows with and without it in every training fold, and "
                "also held-out rows with a positive sample_weight. Got no such label among "
                f"{len(judged)} labels."
            )
        if not judged.all():
            warn(
                f"The labels {data.classes[~judged].tolist()!r} have too few positives or "
                "negatives to tune a threshold; the default of 0.5 is used, and labels without a "
                "positive are never predicted."
            )
        _warn_of_few_rows("labels", data.classes, held_out, judged)
        tuned = tune_labels(learner, held_out, judged)
        never_positive = (data.class_rows[:, 1] == 0) & (not self._is_prefit())
        self._set_fitted(data.classes, estimator, tuned)
        self._set_out_of_fold(held_out, tuned, data, arguments)
        self.multilabel_ = True
        self.threshold_ = np.where(never_positive, np.inf, tuned.rule.threshold)
        self.threshold_std_ = tuned.threshold_std
        self._sparse_labels = sparse

    def _set_fitted(self, classes: np.ndarray, estimator: Any, tuned: Tuned | TunedLabels) -> None:
        """Set what all fits set, after removing all attributes of an earlier fit."""
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        self.classes_ = classes
        self.estimator_ = estimator
        self.calibrator_ = tuned.calibrator
        self.objective_score_ = tuned.score
        hand_on_columns(estimator, self)

    def _class_data(self, X, y, sample_weight):
        X = indexable_rows(X, len(y), type(self).__name__)
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
        return Rows(X, labels, y_index, one_on_average(weight), classes)

    def _label_data(self, X, y, sample_weight):
        # Most estimators do not accept a sparse y, and some misread it.
        target = dense_indicator(y)
        X = indexable_rows(X, len(target), type(self).__name__)
        weight = check_sample_weight(sample_weight, target)
        if self._is_prefit():
            check_is_fitted(self.estimator)
        given = indicator_for(y, target)
        return Rows(X, given, target, one_on_average(weight), np.arange(target.shape[1]))

    def _check_judged(self, judged, classes, positive):
        if judged.sum() < 2:
            raise ValueError(
                "At least 2 classes must have rows in every training fold, and held-out rows with "
                f"a positive sample_weight. Got the classes {classes[judged].tolist()!r}."
            )
        if positive is not None and not judged[positive]:
            raise ValueError(
                f"The class of objective={self.objective!r} must have rows in every training "
                "fold, and held-out rows with a positive sample_weight. Got the class "
                f"{classes.tolist()[positive]!r} with too few rows."
            )
        if not judged.all():
            warn(
                f"The classes {classes[~judged].tolist()!r} have too few rows to be tuned out of "
                "fold; they get the decision weight of the rarest class with enough rows."
            )

    def _rng(self):
        return np.random.default_rng(check_random_state(self.random_state).randint(2**31))


def _warn_of_few_rows(kind: str, names: np.ndarray, held_out: HeldOut, judged: np.ndarray) -> None:
    """Warn of classes, or labels, whose decision is tuned on a handful of rows."""
    n_rows = held_out[held_out.weight > 0].n_rows()
    fewest = n_rows if n_rows.ndim == 1 else n_rows.min(axis=1)
    few = np.flatnonzero(judged & (fewest < FEW_ROWS))
    if len(few):
        named = some_of([f"{names[k]} ({fewest[k]})" for k in few])
        of_which = "" if n_rows.ndim == 1 else " with or without them"
        warn(
            f"Decisions for {kind} with fewer than {FEW_ROWS} held-out rows{of_which} are mostly "
            f"luck: {named}. Do not rely on them before they are tuned on more rows."
        )


def one_on_average(weight: np.ndarray) -> np.ndarray:
    """Weights with mean 1 over the rows that count: they measure the evidence in calibration."""
    return weight * (np.count_nonzero(weight) / weight.sum())
