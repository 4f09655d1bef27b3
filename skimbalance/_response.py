"""The posteriors of any classifier, natural ones where it has them."""

import numpy as np
from scipy.special import softmax

__all__ = ["natural_or_not", "posterior"]


def posterior(estimator, X, classes=None):
    """Posteriors of shape (n_samples, n_classes).

    Natural ones by ``predict_posterior`` if the estimator, or the last step of a pipeline, has
    them for its loss; else ``predict_proba``; else the softmax of ``decision_function``, which
    asks for calibration.

    Parameters
    ----------
    estimator : classifier
        Fitted.
    X : array-like of shape (n_samples, n_features)
        Rows.
    classes : ndarray of shape (n_classes,), default=None
        All labels, of which the estimator may know a part: the others get zeros. By default
        those of the estimator.
    """
    proba = natural_or_not(estimator, X)
    if classes is None or np.array_equal(estimator.classes_, classes):
        return proba
    aligned = np.zeros((len(proba), len(classes)), proba.dtype)
    aligned[:, np.searchsorted(classes, estimator.classes_)] = proba
    return aligned


def natural_or_not(estimator, X):
    """As `posterior`, for the classes of the estimator."""
    # A pipeline has its last step's `predict_proba` only.
    for _, step in getattr(estimator, "steps", [])[:-1]:
        if step not in (None, "passthrough") and not hasattr(step, "fit_resample"):
            X = step.transform(X)
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    if hasattr(last, "predict_posterior"):
        try:
            return last.predict_posterior(X)
        except ValueError:
            # Its loss has no closed form. Other troubles return below.
            pass
    if hasattr(last, "predict_proba"):
        return last.predict_proba(X)
    scores = last.decision_function(X)
    return softmax(scores if scores.ndim == 2 else np.outer(scores, [-0.5, 0.5]), axis=1)
