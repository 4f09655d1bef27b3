"""What goes into the fit of an inner classifier, and its posteriors: natural ones if it has them.

Natural posteriors are the probabilities in the population, with class weights, sampling and the
loss undone. scikit-learn's private module of the same name chooses between the prediction methods
of a classifier; this one also knows `predict_posterior`, pipelines that end in a classifier with
it, and multilabel classifiers of all forms.
"""

from collections.abc import Iterator, Mapping
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, softmax
from sklearn import get_config
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import process_routing

__all__ = [
    "FitArguments",
    "at_last_step",
    "check_no_weights_of_sampled",
    "fit_arguments",
    "for_last_step",
    "hand_on_columns",
    "last_step",
    "pipelines",
    "posterior",
    "probabilities",
    "sampling_pipeline",
    "takes",
    "with_groups",
]


def hand_on_columns(inner: Any, outer: Any) -> None:
    """Give an object the number and the names of the columns that an inner one was fitted on."""
    for name in ("n_features_in_", "feature_names_in_"):
        vars(outer).pop(name, None)  # from an earlier fit
        if hasattr(inner, name):
            setattr(outer, name, getattr(inner, name))


class FitArguments(NamedTuple):
    """Where the arguments of the fit of a meta-estimator go.

    Parameters
    ----------
    fit : dict
        Arguments of the `fit` of the inner estimator.
    split : dict
        Arguments of the `split` of the splitter, if there is one.
    sample_weight : array-like of shape (n_samples,) or None
        Weights that the last step of the inner estimator is fitted with.
    """

    fit: Mapping[str, Any]
    split: Mapping[str, Any]
    sample_weight: Any


def fit_arguments(
    owner: Any, fit_params: Mapping[str, Any], sample_weight: Any, groups: Any = None
) -> FitArguments:
    """Divide the arguments of the fit of a meta-estimator, with or without metadata routing.

    Without routing, weights go to the last step of a pipeline, and groups to the splitter and to a
    last step that takes them.

    Parameters
    ----------
    owner : estimator
        Meta-estimator with a parameter `estimator` and a router, which knows a "splitter" if the
        meta-estimator has one.
    fit_params : dict
        Other arguments.
    sample_weight : array-like of shape (n_samples,) or None
        Weights of the rows.
    groups : array-like of shape (n_samples,) or None
        Groups of the rows.

    Returns
    -------
    arguments : FitArguments
        The arguments, by the one who gets them.
    """
    hidden = [key for key in fit_params if key.endswith("__sample_weight")]
    if hidden:
        raise ValueError(
            f"Weights of rows must be given to {type(owner).__name__} as 'sample_weight', which "
            f"goes to the last step of a pipeline. Got {hidden[0]!r} instead."
        )
    given = {"sample_weight": sample_weight, "groups": groups}
    given = {name: value for name, value in given.items() if value is not None}
    if get_config()["enable_metadata_routing"] and (given or fit_params):
        routed = process_routing(owner, "fit", **given, **fit_params)
        fit, split = routed.estimator.fit, routed.get("splitter", {}).get("split", {})
        weight = _weight_of_last_step(owner.estimator, fit)
        return FitArguments(fit, split, sample_weight if weight is None else weight)
    fit = dict(fit_params)
    if sample_weight is not None:
        fit[for_last_step(owner.estimator, "sample_weight")] = sample_weight
    if groups is not None:
        fit |= with_groups(owner.estimator, groups)
    return FitArguments(fit, {} if groups is None else {"groups": groups}, sample_weight)


def with_groups(estimator: Any, groups: Any) -> dict[str, Any]:
    """The argument for the fit of an estimator by which it gets groups, if it takes them.

    A classifier behind a sampler does not: its rows are not those that have groups.
    """
    takes_groups = "groups" in signature(last_step(estimator).fit).parameters
    if not takes_groups or sampling_pipeline(estimator) is not None:
        return {}
    if get_config()["enable_metadata_routing"]:
        return {"groups": groups}
    return {for_last_step(estimator, "groups"): groups}


def takes(estimator: Any, name: str) -> bool:
    """Whether the `fit` of an estimator takes an argument, by its name or with all others."""
    parameters = signature(estimator.fit).parameters
    return name in parameters or any(p.kind == p.VAR_KEYWORD for p in parameters.values())


def for_last_step(estimator: Any, name: str) -> str:
    """The name of an argument of `fit` for the last step of a pipeline, without routing."""
    return "__".join([*(pipeline.steps[-1][0] for pipeline in pipelines(estimator)), name])


def _weight_of_last_step(estimator, arguments):
    """The weights that reach the last step by metadata routing, under whatever name."""
    for pipeline in pipelines(estimator):
        if not arguments:
            return None
        arguments = process_routing(pipeline, "fit", **arguments)[pipeline.steps[-1][0]].fit
    return arguments.get("sample_weight")


def sampling_pipeline(estimator: Any) -> Pipeline | None:
    """The innermost pipeline with samplers: its last step sees the rows after all samplers."""
    sampling = [
        pipeline
        for pipeline in pipelines(estimator)
        if any(hasattr(step, "fit_resample") for _, step in pipeline.steps[:-1])
    ]
    return sampling[-1] if sampling else None


def check_no_weights_of_sampled(estimator: Any, sample_weight: Any) -> None:
    """Refuse weights for a last step that gets its rows from a sampler."""
    if sample_weight is not None and sampling_pipeline(estimator) is not None:
        raise ValueError(
            "The 'sample_weight' parameter must be None for a pipeline with a sampler, as samplers "
            "return rows without weights."
        )


def posterior(
    estimator: Any, X: Any, classes: np.ndarray | None = None, *, multilabel: bool = False
) -> np.ndarray:
    """Posteriors of each class, or in the multilabel case of each label.

    They come from ``predict_posterior``, if the estimator or the last step of a pipeline has it
    and has natural posteriors for its loss; otherwise from ``predict_proba``; otherwise they are
    the softmax, or in the multilabel case the sigmoid, of ``decision_function``, which should be
    calibrated.

    Parameters
    ----------
    estimator : classifier
        Fitted classifier or pipeline.
    X : array-like of shape (n_samples, n_features)
        Rows.
    classes : ndarray of shape (n_classes,), default=None
        Sorted class labels of the columns. By default those of the estimator; a class that the
        estimator does not know gets zeros. Ignored in the multilabel case.
    multilabel : bool, default=False
        Whether the estimator was fitted on a label indicator matrix.

    Returns
    -------
    proba : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
        Posteriors.
    """
    proba = _natural_or_not(estimator, X, multilabel)
    if multilabel or classes is None or np.array_equal(estimator.classes_, classes):
        return proba
    aligned = np.zeros((len(proba), len(classes)), proba.dtype)
    aligned[:, np.searchsorted(classes, estimator.classes_)] = proba
    return aligned


def pipelines(estimator: Any) -> Iterator[Pipeline]:
    """Yield a pipeline, the pipeline that is its last step, and so on inwards."""
    while isinstance(estimator, Pipeline):
        yield estimator
        estimator = estimator.steps[-1][1]


def last_step(estimator: Any) -> Any:
    """The estimator that ends a pipeline, also a nested one; any other estimator itself."""
    for pipeline in pipelines(estimator):
        estimator = pipeline.steps[-1][1]
    return estimator


def at_last_step(estimator: Any, X: Any) -> tuple[Any, Any]:
    """Rows as the last step of a pipeline gets them, and that step.

    A pipeline passes on ``predict_proba`` of its last step, but not methods that scikit-learn
    does not know.
    """
    for pipeline in pipelines(estimator):
        for _, step in pipeline.steps[:-1]:
            if step not in (None, "passthrough") and not hasattr(step, "fit_resample"):
                X = step.transform(X)
    return X, last_step(estimator)


def _natural_or_not(estimator, X, multilabel):
    X, last = at_last_step(estimator, X)
    if hasattr(last, "predict_posterior"):
        try:
            return last.predict_posterior(X)
        except ValueError:
            # The loss has no closed form. If the rows are at fault, the next line raises, too.
            return probabilities(last, X)
    if hasattr(last, "predict_proba"):
        try:
            return probabilities(last, X)
        except AttributeError:
            # OneVsRestClassifier claims predict_proba when its first label is constant.
            if not hasattr(last, "decision_function"):
                raise
    if not hasattr(last, "decision_function"):
        raise ValueError(
            "A classifier must have 'predict_proba' or 'decision_function'. Got "
            f"{type(last).__name__}, which has neither."
        )
    scores = last.decision_function(X)
    if multilabel:
        return expit(scores)
    return softmax(scores if scores.ndim == 2 else np.outer(scores, [-0.5, 0.5]), axis=1)


def probabilities(classifier: Any, X: Any) -> np.ndarray:
    """Probabilities of each class, or of each label; some classifiers give a list of labels."""
    proba = classifier.predict_proba(X)
    if not isinstance(proba, list):
        return proba
    # Each entry has a column for each class of the label: one only if training had one only.
    with_label = [
        of_label[:, classes == 1].sum(axis=1)
        for of_label, classes in zip(proba, classifier.classes_, strict=True)
    ]
    return np.column_stack(with_label)
