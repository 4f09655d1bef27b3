"""The posteriors of any classifier, natural ones where it has them."""

import numpy as np
from scipy.special import expit, softmax
from sklearn.pipeline import Pipeline

__all__ = ["at_last_step", "posterior"]


def posterior(estimator, X, classes=None, *, multilabel=False):
    """Posteriors of shape (n_samples, n_classes), or of labels (n_samples, n_labels).

    Natural ones by ``predict_posterior`` if the estimator, or the last step of a pipeline, has
    them for its loss; else ``predict_proba``; else the softmax, of labels the sigmoid, of
    ``decision_function``, which asks for calibration.

    Parameters
    ----------
    estimator : classifier
        Fitted.
    X : array-like of shape (n_samples, n_features)
        Rows.
    classes : ndarray of shape (n_classes,), default=None
        All labels, of which the estimator may know a part: the others get zeros. By default
        those of the estimator. Labels of an indicator matrix are all known.
    multilabel : bool, default=False
        Whether the estimator was fitted on an indicator matrix.
    """
    proba = _natural_or_not(estimator, X, multilabel)
    if multilabel or classes is None or np.array_equal(estimator.classes_, classes):
        return proba
    aligned = np.zeros((len(proba), len(classes)), proba.dtype)
    aligned[:, np.searchsorted(classes, estimator.classes_)] = proba
    return aligned


def at_last_step(estimator, X):
    """Rows as the last step of a pipeline gets them, and that step.

    A pipeline passes on ``predict_proba`` of its last step, but no method of its own making.
    """
    while isinstance(estimator, Pipeline):
        *steps, (_, last) = estimator.steps
        for _, step in steps:
            if step not in (None, "passthrough") and not hasattr(step, "fit_resample"):
                X = step.transform(X)
        estimator = last
    return X, estimator


def _natural_or_not(estimator, X, multilabel):
    X, last = at_last_step(estimator, X)
    if hasattr(last, "predict_posterior"):
        try:
            return last.predict_posterior(X)
        except ValueError:
            # Its loss has no closed form. If it is the rows, the next line says so, too.
            return _probabilities(last, X)
    if hasattr(last, "predict_proba"):
        try:
            return _probabilities(last, X)
        except AttributeError:
            # One-vs-rest believes to have them if its first label is constant.
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


def _probabilities(classifier, X):
    """As it has them; of a list with the classes of each label, those of the label."""
    proba = classifier.predict_proba(X)
    if not isinstance(proba, list):
        return proba
    # A label that was constant in training has one class only.
    with_label = [
        of_label[:, classes == 1].sum(axis=1)
        for of_label, classes in zip(proba, classifier.classes_, strict=True)
    ]
    return np.column_stack(with_label)
