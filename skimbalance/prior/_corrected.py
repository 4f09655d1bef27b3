"""Natural posteriors of any classifier after class weights and samplers, or under other priors.

The training data of a weighted or resampled classifier have other class shares than the
population. What they were is observed in the fit itself, and taken back by Bayes' rule.
"""

from numbers import Real

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import column_or_1d, get_tags
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_is_fitted

from skimbalance._response import at_last_step
from skimbalance._validation import (
    HasMethods,
    check_sample_weight,
    validate_parameter_constraints,
)
from skimbalance.prior._estimate import estimate_prior
from skimbalance.prior._shift import checked_prior, shift_prior

__all__ = ["PriorCorrectedClassifier"]

# Parameters by which classifiers of several libraries weigh classes.
WEIGHTINGS = {
    "class_weight",
    "class_weights",
    "auto_class_weights",
    "is_unbalance",
    "scale_pos_weight",
    "sampling_strategy",
}

COUNTER = "class counts before the last step"


class PriorCorrectedClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Natural posteriors of any classifier, whatever its class weights and samplers.

    A classifier that is trained with class weights w, on rows of which a sampler drew class k
    r_k times as often as it occurs, gives ``p_k ~ eta_k * w_k * r_k`` in place of the natural
    posterior eta. This meta-estimator observes w and r in the fit and takes them back [1]_:
    probabilities of rare classes, which weights and samplers inflate, become honest, and ranks
    within a class stay as they are. It can also give the posteriors where the classes have
    other shares than in the training data.

    Undone are the ``class_weight`` (None, "balanced" or a dict) of the classifier and all
    samplers of an imbalanced-learn pipeline that ends in it. A classifier with
    ``predict_posterior``, such as `skimbalance.ImbalancedMLPClassifier`, undoes its own weights,
    sampling and loss; what is left are the pipeline's samplers. The rule is exact for
    classifiers whose weights multiply a proper loss or the shares in leaves (logistic
    regression, trees, forests, boosting, networks), and for samplers that keep each class as it
    looks (random ones); of SMOTE, NearMiss or Tomek links it undoes the shares only.

    Parameters
    ----------
    estimator : classifier
        With ``predict_proba``; may be a pipeline.
    priors : array-like of shape (n_classes,) or dict, default=None
        Class shares, or counts, where the rows to predict come from: in the order of
        `classes_`, or by label. None are those of the training data. Set it after the fit to
        change the priors of a fitted classifier.

    Attributes
    ----------
    estimator_ : classifier
        Fitted.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    class_prior_ : ndarray of shape (n_classes,)
        Shares of the classes in `fit`, weighted by `sample_weight`.
    sampling_ratio_ : ndarray of shape (n_classes,)
        Rows of each class after the samplers for each row before; 1 without samplers.
    class_weight_ : dict
        Weight of each class, by label, that is undone here: 1 without `class_weight`, or where
        the classifier undoes it itself.
    n_features_in_ : int
        Columns seen in `fit`, if `estimator_` tells.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if `estimator_` tells.

    See Also
    --------
    skimbalance.correct_prior : The same for probabilities at hand.
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

    def __init__(self, estimator, *, priors=None):
        self.estimator = estimator
        self.priors = priors

    def fit(self, X, y, sample_weight=None, **fit_params):
        """Fit a clone of the classifier, and observe how its classes are weighted.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Training rows, as the classifier takes them.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            How many rows of the population a row stands for. It goes to the classifier, the
            last step of a pipeline, and counts in `class_prior_` and in "balanced" weights.
        **fit_params : dict
            Other parameters of the classifier's `fit`.

        Returns
        -------
        self : PriorCorrectedClassifier
            Fitted.

        Raises
        ------
        ValueError
            If classes are weighted or sampled in a way that cannot be undone.
        """
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(deep=False), type(self).__name__
        )
        _check_observable(self.estimator)
        if getattr(y, "ndim", 1) == 2:
            y = column_or_1d(y, warn=True)
        estimator = clone(self.estimator)
        pipeline = _sampling_pipeline(estimator)
        path, classifier = _last_step(estimator)
        weight = None if sample_weight is None else check_sample_weight(sample_weight, y)
        _check_weights(weight, fit_params, pipeline)
        if weight is not None and _own_weight(classifier) == "balanced":
            # Whether "balanced" counts sample weights depends on the classifier.
            classifier.set_params(class_weight=_balanced(y, weight))
        if pipeline is not None:
            pipeline.steps.insert(-1, (COUNTER, _ClassCounter()))
        estimator.fit(X, y, **self._fit_arguments(path, sample_weight, fit_params))
        after = y if pipeline is None else pipeline.steps.pop(-2)[1].y_
        self._observe(estimator, y, weight, after)
        for name in ("n_features_in_", "feature_names_in_"):
            vars(self).pop(name, None)  # of a fit before
            if hasattr(estimator, name):
                setattr(self, name, getattr(estimator, name))
        return self

    def predict(self, X):
        """Most probable class of each row, under `priors`.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Class labels.
        """
        proba = self.predict_proba(X)
        return self.classes_[np.argmax(proba, axis=1)]

    def predict_proba(self, X):
        """Posteriors under `priors`: those of the population, by default.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; rows sum to 1.
        """
        return self.predict_posterior(X)

    def predict_posterior(self, X, priors=None):
        """Posteriors under any class shares.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows.
        priors : array-like of shape (n_classes,) or dict, default=None
            In place of the parameter `priors`, which None stands for.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; rows sum to 1.

        Raises
        ------
        ValueError
            If `priors` are impossible, or the classifier has no natural posteriors.
        """
        check_is_fitted(self, "estimator_")
        priors = self.priors if priors is None else priors
        target = _target_prior(priors, self.classes_, self.class_prior_)
        weight = np.array([self.class_weight_[label] for label in _plain(self.classes_)])
        trained = self.class_prior_ * self.sampling_ratio_ * weight
        return shift_prior(_posterior(self.estimator_, X), trained, target, "priors")

    def estimate_priors(self, X):
        """Class shares of unlabelled rows, by `estimate_prior`.

        ``clf.set_params(priors=clf.estimate_priors(X))`` adapts a fitted classifier to them.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows in which each class looks as it did in training, in shares of their own.

        Returns
        -------
        priors : ndarray of shape (n_classes,)
            In the order of `classes_`; they sum to 1.
        """
        check_is_fitted(self, "estimator_")
        return estimate_prior(self.predict_posterior(X, self.class_prior_), self.class_prior_)

    def get_metadata_routing(self):
        """Where scikit-learn routes metadata: all to the classifier's `fit`.

        Returns
        -------
        router : MetadataRouter
            Of this object.
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
            tags.classifier_tags.poor_score = inner.classifier_tags.poor_score
        return tags

    def _fit_arguments(self, path, sample_weight, fit_params):
        if get_config()["enable_metadata_routing"]:
            routed = process_routing(self, "fit", sample_weight=sample_weight, **fit_params)
            return routed.estimator.fit
        if sample_weight is None:
            return fit_params
        return {**fit_params, "__".join([*path, "sample_weight"]): sample_weight}

    def _observe(self, estimator, y, weight, after):
        """Set the attributes of a fit on labels `y`, which were `after` after the samplers."""
        classes, n_after = np.unique(column_or_1d(after), return_counts=True)
        known, index = np.unique(column_or_1d(y), return_inverse=True)
        n_before, counts = np.bincount(index), np.bincount(index, weights=weight)
        if not np.array_equal(known, classes) or not np.all(counts > 0):
            raise ValueError(
                f"Each class of y, {_plain(known)!r}, must have rows with a positive weight, also "
                f"after the samplers. Got {_plain(classes)!r} after them, and weights of "
                f"{counts.tolist()!r}."
            )
        class_weight = _own_weight(_last_step(estimator)[1])
        weights = compute_class_weight(class_weight, classes=classes, y=column_or_1d(after))
        if not np.all((weights > 0) & np.isfinite(weights)):
            raise ValueError(
                "The weights in 'class_weight' must be positive and finite to be undone. "
                f"Got {class_weight!r} instead."
            )
        class_prior = counts / counts.sum()
        _target_prior(self.priors, classes, class_prior)
        self.estimator_ = estimator
        self.classes_ = estimator.classes_
        self.class_prior_ = class_prior
        self.sampling_ratio_ = n_after / n_before
        self.class_weight_ = dict(zip(_plain(classes), weights.tolist(), strict=True))


class _ClassCounter(BaseEstimator):
    """A step that lets rows pass and keeps their labels."""

    def fit_resample(self, X, y):
        """X and y as they are."""
        self.y_ = y
        return X, y


def _last_step(estimator):
    """Names of the steps to the classifier that ends a pipeline, and that classifier."""
    path = []
    while isinstance(estimator, Pipeline):
        name, estimator = estimator.steps[-1]
        path.append(name)
    return path, estimator


def _sampling_pipeline(estimator):
    """The innermost pipeline with samplers, whose last step sees the rows after all of them."""
    found = None
    while isinstance(estimator, Pipeline):
        *steps, (_, last) = estimator.steps
        if any(hasattr(step, "fit_resample") for _, step in steps):
            found = estimator
        estimator = last
    return found


def _posterior(estimator, X):
    """Posteriors under the shares that the pipeline's last step saw."""
    X, last = at_last_step(estimator, X)
    if hasattr(last, "predict_posterior"):
        return last.predict_posterior(X)
    return last.predict_proba(X)


def _own_weight(classifier):
    """`class_weight` of a classifier that does not undo it itself."""
    undone = hasattr(classifier, "predict_posterior")
    return None if undone else getattr(classifier, "class_weight", None)


def _target_prior(priors, classes, class_prior):
    """Shares of the classes that posteriors are wanted for, in their order."""
    if priors is None:
        return class_prior
    if isinstance(priors, dict):
        labels = _plain(classes)
        if set(priors) != set(labels):
            raise ValueError(
                f"The keys of 'priors' must be the classes {labels!r}. "
                f"Got {list(priors)!r} instead."
            )
        priors = [priors[label] for label in labels]
    return checked_prior(priors, "priors", len(classes))


def _check_observable(estimator):
    """Refuse classifiers whose weights or samplers are out of sight or act in another way."""
    _, classifier = _last_step(estimator)
    name = type(classifier).__name__
    if isinstance(estimator, FrozenEstimator) or isinstance(classifier, FrozenEstimator):
        raise ValueError(
            "The 'estimator' parameter of PriorCorrectedClassifier must not be fitted, as "
            "the weights of classes are seen in the fit. Got a FrozenEstimator: use correct_prior "
            "on its probabilities."
        )
    if hasattr(classifier, "predict_posterior"):
        return
    params = classifier.get_params()
    if {"estimator", "refit", "cv"} <= set(params):
        raise ValueError(
            f"PriorCorrectedClassifier cannot see what {name} chooses: put it into {name}, around "
            "the classifier."
        )
    for key, value in params.items():
        own = key == "class_weight"
        if own and (value is None or value == "balanced" or isinstance(value, dict)):
            if value is not None and "probability" in params:
                raise ValueError(
                    f"The 'class_weight' parameter of {name} must be None: its probabilities are "
                    f"fitted without the weights, so there is nothing to undo. Got {value!r}."
                )
        elif _weighs(key, value):
            raise ValueError(
                "PriorCorrectedClassifier undoes a pipeline's samplers, and None, 'balanced' or a "
                f"dict as the class_weight of its last step. Got {key}={value!r} of {name}, which "
                "it cannot undo."
            )


def _weighs(key, value):
    """Whether a parameter, perhaps of an estimator inside, weighs or samples classes."""
    if hasattr(value, "fit_resample"):
        return True
    neutral = value is None or (isinstance(value, Real) and value in (0, 1) and value is not True)
    return key.rpartition("__")[2] in WEIGHTINGS and not neutral


def _check_weights(weight, fit_params, pipeline):
    hidden = [key for key in fit_params if key.endswith("__sample_weight")]
    if hidden:
        raise ValueError(
            "Weights of rows must be given as 'sample_weight', which goes to the last step of a "
            f"pipeline. Got {hidden[0]!r}."
        )
    if weight is not None and pipeline is not None:
        raise ValueError(
            "The 'sample_weight' parameter must be None for a pipeline with a sampler, which has "
            "no weights for the rows that it returns."
        )


def _balanced(y, weight):
    """Weights that make the sums of sample weights of all classes equal."""
    classes, y = np.unique(column_or_1d(y), return_inverse=True)
    counts = np.bincount(y, weights=weight)
    weights = weight.sum() / (len(classes) * np.where(counts > 0, counts, 1.0))
    return dict(zip(_plain(classes), weights.tolist(), strict=True))


def _plain(labels):
    """Labels as Python's own numbers and strings."""
    return [label.item() if isinstance(label, np.generic) else label for label in labels]
