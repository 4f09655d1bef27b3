"""Natural posteriors of any classifier after class weights and samplers, or under other priors.

The training data of a weighted or resampled classifier have other class shares than the
population. The change is observed in the fit itself, and undone by Bayes' rule.
"""

from numbers import Real
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, issparse
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import column_or_1d, get_tags
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.validation import check_is_fitted

from skimbalance._response import (
    at_last_step,
    check_no_weights_of_sampled,
    fit_arguments,
    hand_on_columns,
    last_step,
    probabilities,
    sampling_pipeline,
)
from skimbalance._validation import (
    HasMethods,
    check_sample_weight,
    checked_target,
    indicator_for,
    is_indicator,
    label_codes,
    plain_labels,
    validate_parameter_constraints,
)
from skimbalance.metrics._accuracy import AccuracyMixin
from skimbalance.prior._estimate import estimate_prior
from skimbalance.prior._labels import (
    checked_label_priors,
    label_shares,
    label_weights,
    shift_labels,
    weight_of_one_label,
)
from skimbalance.prior._shift import checked_prior, checked_proba, shift_prior

__all__ = ["PriorCorrectedClassifier"]

# Parameters by which the classifiers of several libraries weight or sample classes.
WEIGHTINGS = {
    "class_weight",
    "class_weights",
    "auto_class_weights",
    "is_unbalance",
    "scale_pos_weight",
    "sampling_strategy",
}

# Parameters by which they take other class priors than those of the training rows.
PRIORS = {"priors", "class_prior"}

COUNTER = "class counts before the last step"


class PriorCorrectedClassifier(AccuracyMixin, MetaEstimatorMixin, BaseEstimator):
    """Natural posteriors of any classifier, whatever its class weights and samplers.

    If a classifier is trained with the class weights w, on rows from which a sampler drew class k
    r_k times as often as it occurs, it gives ``p_k ~ eta_k * w_k * r_k`` instead of the natural
    posterior eta. This meta-estimator observes w and r in the fit and undoes them [1]_:
    probabilities of rare classes, which weights and samplers inflate, become honest, and ranks
    within a class stay as they are. It can also give the posteriors for data with other class
    shares than the training data.

    It undoes the ``class_weight`` (None, "balanced" or a dict) of the classifier, and all samplers
    of an imbalanced-learn pipeline that ends in the classifier. A classifier with
    ``predict_posterior``, such as `skimbalance.ImbalancedMLPClassifier`, undoes its own weights,
    sampling and loss, so that only the samplers of the pipeline are left to undo. The correction is
    exact for classifiers in which weights multiply a proper loss or the shares in leaves (logistic
    regression, trees, forests, boosting, networks), and for samplers that leave the distribution
    within each class unchanged (random ones). With SMOTE, NearMiss or Tomek links only the change
    of the shares is undone.

    In the multilabel case each label has its own prior, and rows without it and with it are its two
    classes. The ``class_weight`` is undone of the classifier inside scikit-learn's
    `OneVsRestClassifier` and `MultiOutputClassifier`, which weighs each label by itself. Others,
    such as forests, multiply the weights of all labels of a row, which no formula undoes.

    Parameters
    ----------
    estimator : classifier
        Classifier with ``predict_proba``, or a pipeline that ends in one.
    priors : array-like of shape (n_classes,), (n_labels,) or (n_labels, 2), dict, Series or \
DataFrame, default=None
        Class shares, which sum to 1, or counts of rows, of the population to predict: in the order
        of `classes_`, or by class label in a dict or a pandas Series. In the multilabel case the
        share of rows with each label, or both shares of each, without it and with it; a dict, a
        Series or a DataFrame is read by the names of the columns of y, or their numbers where they
        have no names. None stands for the shares in the training data. Set it after the fit to
        change the priors of a fitted classifier. A class, or label, with a larger prior is
        predicted more often.

    Attributes
    ----------
    estimator_ : classifier
        Fitted classifier.
    classes_ : ndarray of shape (n_classes,) or (n_labels,)
        Class labels; in the multilabel case the numbers 0, 1, ... of the labels.
    class_prior_ : ndarray of shape (n_classes,) or (n_labels, 2)
        Class shares in the training data, weighted by `sample_weight`; in the multilabel case
        shares of rows without and with each label.
    sampling_ratio_ : ndarray of the same shape
        Number of rows of each class after the samplers, divided by the number before; 1 without
        samplers.
    class_weight_ : dict, or list of dict
        Weight of each class, by class label, that is undone here: 1 without `class_weight`, or if
        the classifier undoes it itself. In the multilabel case a dict for each label.
    n_features_in_ : int
        Number of columns seen in `fit`, if `estimator_` has this attribute.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if `estimator_` has this attribute.

    See Also
    --------
    skimbalance.correct_prior : The same for an array of probabilities.
    estimate_prior : Class shares of unlabelled rows.

    References
    ----------
    .. [1] M. Saerens, P. Latinne, C. Decaestecker. "Adjusting the Outputs of a Classifier to
       New a Priori Probabilities." Neural Computation 14(1), 2002.
       doi:10.1162/089976602753284446

    Examples
    --------
    >>> import numpy as np
    >>> from imblearn.pipeline import make_pipeline
    >>> from imblearn.under_sampling import RandomUnderSampler
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skimbalance.prior import PriorCorrectedClassifier
    >>> X, y = make_classification(5000, weights=[0.95], class_sep=0.5, random_state=0)
    >>> pipe = make_pipeline(RandomUnderSampler(random_state=0), LogisticRegression())
    >>> balanced = pipe.fit(X, y).predict_proba(X)[:, 1].mean()
    >>> natural = PriorCorrectedClassifier(pipe).fit(X, y).predict_proba(X)[:, 1].mean()
    >>> print(f"{y.mean():.2f} of the rows, predicted {balanced:.2f}, corrected {natural:.2f}")
    0.06 of the rows, predicted 0.28, corrected 0.05
    """

    _parameter_constraints = {
        "estimator": [
            HasMethods(["fit", "predict_proba"]),
            HasMethods(["fit", "predict_posterior"]),
        ],
        "priors": ["array-like", dict, None],
    }

    class_weight_: dict[Any, float] | list[dict[int, float]]

    def __init__(
        self, estimator: Any, *, priors: npt.ArrayLike | dict[Any, Any] | None = None
    ) -> None:
        self.estimator = estimator
        self.priors = priors

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None, **fit_params: Any
    ) -> Self:
        """Fit a clone of the classifier, and observe how its classes are weighted.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Training rows, in any form that the classifier accepts.
        y : array-like of shape (n_samples,), or indicator of shape (n_samples, n_labels)
            Class labels; or a label indicator matrix of 0 and 1, with NaN where a label is missing
            if the classifier takes it.
        sample_weight : array-like of shape (n_samples,), default=None
            Number of rows of the population for which each row stands. It is passed to the
            classifier (the last step of a pipeline), and counts in `class_prior_` and in "balanced"
            weights.
        groups : array-like of shape (n_samples,), default=None
            Groups of the rows, for a classifier that holds out rows and takes groups.
        **fit_params : dict
            Other parameters of the classifier's `fit`.

        Returns
        -------
        self : PriorCorrectedClassifier
            The fitted meta-estimator.

        Raises
        ------
        ValueError
            If classes are weighted or sampled in a way that cannot be undone, or if the classifier
            takes other class priors than those of its rows.
        """
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(deep=False), type(self).__name__
        )
        target = checked_target(y)
        is_multilabel = is_indicator(target)
        _check_observable(self.estimator, is_multilabel)
        if is_multilabel:
            return self._fit_labels(X, y, fit_arguments(self, fit_params, sample_weight, groups))
        y = column_or_1d(target, warn=True) if target.ndim == 2 else target
        estimator = clone(self.estimator)
        pipeline = sampling_pipeline(estimator)
        classifier = last_step(estimator)
        arguments = fit_arguments(self, fit_params, sample_weight, groups)
        weight = arguments.sample_weight
        weight = None if weight is None else check_sample_weight(weight, y)
        check_no_weights_of_sampled(estimator, weight)
        if weight is not None and _weight_to_undo(classifier) == "balanced":
            # It depends on the classifier whether "balanced" counts sample weights.
            classifier.set_params(class_weight=_balanced(y, weight))
        if pipeline is not None:
            pipeline.steps.insert(-1, (COUNTER, _ClassCounter()))
        estimator.fit(X, y, **arguments.fit)
        y_sampled = y if pipeline is None else pipeline.steps.pop(-2)[1].y_
        self._set_fitted(estimator, y, weight, y_sampled)
        return self

    def _fit_labels(self, X, y, arguments):
        """Fit where y is a label indicator matrix; nothing is set before all is done."""
        codes = label_codes(checked_target(y))
        weight = arguments.sample_weight
        weight = None if weight is None else check_sample_weight(weight, codes)
        estimator = clone(self.estimator)
        weighting, scheme = weight_of_one_label(last_step(estimator))
        if weight is not None and isinstance(scheme, str):
            raise ValueError(
                "The 'sample_weight' parameter must be None where a classifier weighs labels by "
                f"{weighting}={scheme!r}, as some count the weights in it and some do not: give a "
                "dict {0: weight without, 1: weight with} instead."
            )
        estimator.fit(X, indicator_for(y, codes), **arguments.fit)
        names = np.asarray(getattr(y, "columns", np.arange(codes.shape[1])))
        prior, weights = label_shares(codes, weight), label_weights(last_step(estimator), codes)
        _check_weights(weights, scheme)
        _target_label_prior(self.priors, names, prior)
        self.estimator_ = estimator
        self.classes_ = np.arange(codes.shape[1])
        self.class_prior_ = prior
        self.sampling_ratio_ = np.ones(prior.shape)
        self.class_weight_ = [dict(enumerate(pair)) for pair in weights.tolist()]
        self._label_names, self._sparse_labels = names, issparse(y)
        hand_on_columns(estimator, self)
        return self

    def predict(self, X: Any) -> Any:
        """Most probable class of each row, or all labels above 0.5, under `priors`.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,), or (n_samples, n_labels)
            Class labels; in the multilabel case an indicator of 0 and 1, sparse if the y of `fit`
            was.
        """
        proba = self.predict_proba(X)
        if self.class_prior_.ndim == 2:
            decided = (proba > 0.5).astype(int)
            return csr_matrix(decided) if self._sparse_labels else decided
        return self.classes_[np.argmax(proba, axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Posteriors under `priors`; by default the natural posteriors.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes), or (n_samples, n_labels)
            Posteriors in the order of `classes_`; rows sum to 1, except in the multilabel case.
        """
        return self.predict_posterior(X)

    def predict_posterior(
        self, X: Any, priors: npt.ArrayLike | dict[Any, Any] | None = None
    ) -> np.ndarray:
        """Posteriors under any class shares.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows.
        priors : array-like, dict, Series or DataFrame, default=None
            Shares or counts to use instead of the parameter `priors`, which None stands for.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes), or (n_samples, n_labels)
            Posteriors in the order of `classes_`; rows sum to 1, except in the multilabel case.

        Raises
        ------
        ValueError
            If `priors` are impossible, or if the classifier has no natural posteriors.
        """
        check_is_fitted(self, "estimator_")
        trained, new_prior = self._shares(self.priors if priors is None else priors)
        if trained.ndim == 2:
            return self._label_posterior(X, trained, new_prior)
        proba = checked_proba(_posterior(self.estimator_, X), "The probabilities of 'estimator'")
        return shift_prior(proba, trained, new_prior, "priors")

    def _shares(self, priors):
        """Shares of the classes, or of rows without and with each label: as trained, and wanted."""
        if self.class_prior_.ndim == 2:
            new_prior = _target_label_prior(priors, self._label_names, self.class_prior_)
            weight = np.array([[pair[0], pair[1]] for pair in self.class_weight_])
        else:
            new_prior = _target_prior(priors, self.classes_, self.class_prior_)
            weight = np.array([self.class_weight_[label] for label in plain_labels(self.classes_)])
        trained = self.class_prior_ * self.sampling_ratio_ * weight
        return trained / trained.sum(axis=-1, keepdims=True), new_prior

    def _label_posterior(self, X, trained, new_prior):
        """Posteriors of labels that have these shares."""
        X, last = at_last_step(self.estimator_, X)
        has_natural = hasattr(last, "predict_posterior")
        proba = last.predict_posterior(X) if has_natural else probabilities(last, X)
        if proba.shape[1:] != self.classes_.shape or not np.all((proba >= 0) & (proba <= 1)):
            raise ValueError(
                "The probabilities of 'estimator' must be of shape (n_samples, n_labels), from 0 "
                f"to 1. Got other values, or shape {proba.shape}, of {type(last).__name__}: for a "
                "class at each step of a sequence use the 'priors' of the predict_posterior of "
                "ImbalancedSequenceClassifier."
            )
        return shift_labels(proba, trained, new_prior)

    def estimate_priors(self, X: Any) -> np.ndarray:
        """Class shares of unlabelled rows, by `estimate_prior`.

        ``clf.set_params(priors=clf.estimate_priors(X))`` adapts a fitted classifier to them.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows in which each class looks as it did in training, but may have another share.

        Returns
        -------
        priors : ndarray of shape (n_classes,), or (n_labels, 2)
            Class shares in the order of `classes_`; they sum to 1. In the multilabel case shares of
            rows without and with each label; those of a label that all training rows have, or
            none, are as in training.
        """
        check_is_fitted(self, "estimator_")
        if self.class_prior_.ndim == 2:
            proba = self._label_posterior(X, *self._shares(None))
            pairs = zip(proba.T, self.class_prior_, strict=True)
            return np.array(
                [
                    estimate_prior(np.stack([1 - eta, eta], axis=1), prior)
                    if np.all(prior > 0)
                    else prior
                    for eta, prior in pairs
                ]
            )
        return estimate_prior(self.predict_posterior(X, self.class_prior_), self.class_prior_)

    def get_metadata_routing(self) -> MetadataRouter:
        """Routing of metadata: all of it goes to the `fit` of the classifier.

        Returns
        -------
        router : MetadataRouter
            Router of this object.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        return MetadataRouter(owner=self).add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        tags.non_deterministic = inner.non_deterministic
        if inner.classifier_tags is not None:
            tags.classifier_tags.multi_class = inner.classifier_tags.multi_class
            takes_labels = inner.classifier_tags.multi_label
            tags.classifier_tags.multi_label = takes_labels and _is_observable(self.estimator, True)
            tags.classifier_tags.poor_score = inner.classifier_tags.poor_score
        return tags

    def _set_fitted(self, estimator, y, weight, y_sampled):
        """Observe priors, sampling and weights, and set all attributes of a fit, or none.

        `y` are the class labels given to `fit`, `y_sampled` those after the samplers.
        """
        sampled_classes, n_after = np.unique(column_or_1d(y_sampled), return_counts=True)
        classes, index = np.unique(column_or_1d(y), return_inverse=True)
        n_before, counts = np.bincount(index), np.bincount(index, weights=weight)
        if not np.array_equal(classes, sampled_classes) or not np.all(counts > 0):
            raise ValueError(
                f"Each class of y, {plain_labels(classes)!r}, must have rows with a positive "
                "weight, also after the samplers. Got the classes "
                f"{plain_labels(sampled_classes)!r} after them, and the total weights "
                f"{counts.tolist()!r}."
            )
        class_weight = _weight_to_undo(last_step(estimator))
        weights = compute_class_weight(class_weight, classes=classes, y=column_or_1d(y_sampled))
        _check_weights(weights, class_weight)
        class_prior = counts / counts.sum()
        _target_prior(self.priors, classes, class_prior)
        self.estimator_ = estimator
        self.classes_ = estimator.classes_
        self.class_prior_ = class_prior
        self.sampling_ratio_ = n_after / n_before
        self.class_weight_ = dict(zip(plain_labels(classes), weights.tolist(), strict=True))
        hand_on_columns(estimator, self)


class _ClassCounter(BaseEstimator):
    """A step that returns the rows unchanged and keeps their class labels."""

    def fit_resample(self, X, y):
        """Return X and y unchanged."""
        self.y_ = y
        return X, y


def _posterior(estimator, X):
    """Posteriors under the class shares that the last step of the pipeline saw."""
    X, last = at_last_step(estimator, X)
    if hasattr(last, "predict_posterior"):
        return last.predict_posterior(X)
    return last.predict_proba(X)


def _weight_to_undo(classifier):
    """The `class_weight` of a classifier; None if the classifier undoes it itself."""
    if hasattr(classifier, "predict_posterior"):
        return None
    return getattr(classifier, "class_weight", None)


def _target_prior(priors, classes, class_prior):
    """Class shares of the population to predict, in the order of the classes."""
    if priors is None:
        return class_prior
    return checked_prior(priors, "priors", classes)


def _target_label_prior(priors, names, class_prior):
    """Shares of rows without and with each label in the population to predict."""
    if priors is None:
        return class_prior
    if not np.all(class_prior > 0):
        constant = plain_labels(names[~np.all(class_prior > 0, axis=1)])
        raise ValueError(
            "The 'priors' parameter of PriorCorrectedClassifier must be None unless some rows of "
            f"y have each label and others lack it. Got {priors!r}, but the labels {constant!r} "
            "are constant."
        )
    return checked_label_priors(priors, names, "PriorCorrectedClassifier", counts=True)


def _check_weights(weights, class_weight):
    """Check that class weights can be undone."""
    if not np.all((weights > 0) & np.isfinite(weights)):
        raise ValueError(
            "The weights in 'class_weight' must be positive and finite to be undone. "
            f"Got {class_weight!r} instead."
        )


def _check_observable(estimator, is_multilabel):
    """Refuse classifiers with weights or samplers that cannot be seen or act in another way."""
    classifier = last_step(estimator)
    name = type(classifier).__name__
    if isinstance(estimator, FrozenEstimator) or isinstance(classifier, FrozenEstimator):
        raise ValueError(
            "The 'estimator' parameter of PriorCorrectedClassifier must not be fitted yet, as "
            "class weights are observed in the fit. Got a FrozenEstimator: use correct_prior on "
            "its probabilities."
        )
    params = classifier.get_params()
    for key, value in params.items():
        if _sets_priors(key, value):
            raise ValueError(
                "The classifier of PriorCorrectedClassifier must learn the class priors from its "
                f"rows. Got {key}={value!r} of {name}: give them as the 'priors' of "
                "PriorCorrectedClassifier instead."
            )
    if is_multilabel and sampling_pipeline(estimator) is not None:
        raise ValueError(
            "The 'estimator' parameter of PriorCorrectedClassifier must be without samplers where "
            "y is a label indicator matrix, which those of imbalanced-learn do not take. Got "
            f"{estimator!r}: use class weights instead."
        )
    if hasattr(classifier, "predict_posterior"):
        return
    if {"estimator", "refit", "cv"} <= set(params):
        raise ValueError(
            f"PriorCorrectedClassifier cannot see inside {name}: wrap the classifier inside {name} "
            "instead."
        )
    _check_weighting(classifier, is_multilabel)


def _is_observable(estimator, is_multilabel):
    """Whether `_check_observable` has nothing to refuse."""
    try:
        _check_observable(estimator, is_multilabel)
    except ValueError:
        return False
    return True


def _check_weighting(classifier, is_multilabel):
    """Refuse parameters that weigh or sample classes in a way that cannot be undone."""
    params, name = classifier.get_params(), type(classifier).__name__
    undone: str | None = "class_weight"
    what = "the samplers of a pipeline, and None, 'balanced' or a dict"
    where = "the class_weight of its last step"
    if is_multilabel:
        undone, _ = weight_of_one_label(classifier)
        what = "for a multilabel y None, 'balanced' or a dict {0: weight without, 1: weight with}"
        where = (
            "the class_weight of a classifier inside OneVsRestClassifier or MultiOutputClassifier"
        )
    for key, value in params.items():
        # A parameter may be an array, which has no single truth.
        is_balanced = isinstance(value, str) and value == "balanced"
        if key == undone and (value is None or is_balanced or isinstance(value, dict)):
            if value is not None and key.replace("class_weight", "probability") in params:
                raise ValueError(
                    f"The {key!r} parameter of {name} must be None: its probabilities are "
                    f"fitted without the weights, so there is nothing to undo. Got {value!r}."
                )
        elif _weighs(key, value):
            raise ValueError(
                f"PriorCorrectedClassifier can undo {what} as {where}. Got "
                f"{key}={value!r} of {name}, which it cannot undo."
            )


def _sets_priors(key, value):
    """Whether a parameter, or one of an inner estimator, replaces the priors of the rows."""
    name = key.rpartition("__")[2]
    return value is not None and (name in PRIORS or (name == "fit_prior" and not value))


def _weighs(key, value):
    """Whether a parameter, or one of an inner estimator, weights or samples classes."""
    if hasattr(value, "fit_resample"):
        return True
    neutral = value is None or (isinstance(value, Real) and value in (0, 1) and value is not True)
    return key.rpartition("__")[2] in WEIGHTINGS and not neutral


def _balanced(y, weight):
    """Class weights that make the total weights of all classes equal."""
    classes, y = np.unique(column_or_1d(y), return_inverse=True)
    counts = np.bincount(y, weights=weight)
    weights = weight.sum() / (len(classes) * np.where(counts > 0, counts, 1.0))
    return dict(zip(plain_labels(classes), weights.tolist(), strict=True))
