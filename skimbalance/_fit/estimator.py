"""What the estimators share: targets, one fit from checks to attributes, outputs to decisions."""

import warnings
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
from scipy.sparse import csr_matrix, issparse
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from skimbalance._fit.perceptron import softmax
from skimbalance._fit.plan import Data, prepare
from skimbalance._fit.targets import Classes, Labels
from skimbalance._validation import (
    as_array,
    check_not_lists,
    check_sample_weight,
    class_indices,
    validate_parameter_constraints,
)
from skimbalance.posterior import label_posterior, log_posterior
from skimbalance.prior._shift import shift_prior

__all__ = ["NetworkClassifier", "TableClassifier"]

# Labels that a message names.
MOST_NAMED = 10


class NetworkClassifier(ClassifierMixin, BaseEstimator):
    """A network behind scikit-learn's face.

    Subclasses say how rows are read, and bring a network: `_read` and `_network`.
    """

    def _check_params(self):
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(deep=False), type(self).__name__
        )
        self._check_keras_objects()

    def _check_keras_objects(self):
        """Check what only a look at objects tells."""
        owner = type(self).__name__
        if isinstance(self.optimizer, type):
            raise ValueError(
                f"The 'optimizer' parameter of {owner} must be a name or an optimizer, not its "
                f"class. Got {self.optimizer!r}: call it."
            )
        callbacks = self.callbacks if isinstance(self.callbacks, list | tuple) else ()
        if not all(hasattr(callback, "on_epoch_end") for callback in callbacks):
            raise ValueError(
                f"The 'callbacks' parameter of {owner} must be a Keras callback or a list of them. "
                f"Got {self.callbacks!r} instead."
            )

    def _fit(self, X, y, sample_weight, *, resume, partial=False, **reading):
        """Fit; if that fails, leave the estimator as it was."""
        self._check_params()
        before = dict(vars(self))
        try:
            data = self._read(X, y, sample_weight, resume=resume, **reading)
            self._fit_rows(data, resume=resume, partial=partial)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise
        return self

    def _fit_rows(self, data, *, resume, partial):
        """Plan the training from the parameters and the rows, train, set the attributes.

        Returns the rows that were held out, None without.
        """
        target = self._target
        # A part of the data, or a fit that goes on, may look so by chance.
        if isinstance(target, Labels) and not (resume or partial):
            _warn_of_labels(data.y)
        counts = target.counts(data.y, data.weight)
        self.class_counts_ = self.class_counts_ + counts if partial and resume else counts
        self.class_prior_ = self.class_counts_ / self.class_counts_.sum(axis=-1, keepdims=True)
        n_before = self.n_iter_ if resume else 0
        previous = self._fitted if resume else None
        params = SimpleNamespace(**self.get_params(deep=False))
        plan = prepare(
            params,
            data,
            target,
            self.class_counts_,
            self._network(params, data, previous),
            seed=int(check_random_state(self.random_state).randint(2**31)),
            n_before=n_before,
            previous=previous,
            partial=partial,
        )
        result = self._train(plan)
        self._fitted = plan.fitted(result)
        self.fit_path_ = result.path
        self.class_weight_ = self._named(plan.class_weight)
        before = self.history_ if resume else {}
        # A value for each epoch: nan where there were no held-out rows.
        self.history_ = {
            name: before.get(name, [np.nan] * n_before)
            + result.history.get(name, [np.nan] * result.n_epochs)
            for name in {**before, **result.history}
        }
        self.n_iter_ = n_before + result.n_epochs
        self.best_epoch_ = n_before + result.best_epoch
        self.loss_ = result.history["loss"][result.best_epoch - 1]
        return plan.held_out

    @staticmethod
    def _without_model(state):
        """The state of an estimator without the live Keras model of its network."""
        if "_fitted" not in state:
            return state
        return {**state, "_fitted": replace(state["_fitted"], network=None)}

    def _live_network(self, build):
        """The fitted network; built anew after it was stored."""
        if self._fitted.network is None:
            self._fitted = replace(self._fitted, network=build())
        return self._fitted.network

    def _named(self, weights):
        """Weights by class; of labels, a dict for each."""
        if isinstance(self._target, Labels):
            return [{0: without, 1: with_it} for without, with_it in weights.tolist()]
        labels = [c.item() if isinstance(c, np.generic) else c for c in self.classes_]
        return dict(zip(labels, weights.tolist(), strict=True))


class TableClassifier(NetworkClassifier):
    """A class, or labels, for each row."""

    def predict(self, X):
        """Most probable class of each row; of labels, those more probable than not.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,), or (n_samples, n_labels)
            Class labels; or an indicator of 0 and 1, sparse if that of `fit` was.
        """
        logits = self._logits(X)
        if not isinstance(self._target, Labels):
            return self.classes_[np.argmax(logits, axis=1)]
        indicator = (logits > 0).astype(np.int64)
        return csr_matrix(indicator) if self._sparse_y else indicator

    def predict_proba(self, X):
        """Probabilities as the network was trained to give them.

        After weighting or balanced sampling these are not the shares in the population: see
        `predict_posterior`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes), or (n_samples, n_labels)
            In the order of `classes_`; rows sum to 1, unless they are those of labels.
        """
        logits = self._logits(X)
        if isinstance(self._target, Labels):
            return expit(logits.astype(np.float64, copy=False))
        return softmax(logits)

    def decision_function(self, X):
        """Logits: for two classes the second's minus the first's.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
            Larger is more probable.
        """
        logits = self._logits(X).astype(np.float64, copy=False)
        if isinstance(self._target, Labels) or len(self.classes_) > 2:
            return logits
        return logits[:, 1] - logits[:, 0]

    def predict_posterior(self, X, priors=None):
        """Probabilities in the population that the rows came from, or under other priors.

        Class weights, sampling, focal loss and logit adjustment are undone in closed form; see
        `skimbalance.posterior`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        priors : array-like of shape (n_classes,), or (n_labels, 2), default=None
            Class shares where the rows come from, in the order of `classes_`; of labels, the
            shares of rows without and with each. By default those of the training data.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes), or (n_samples, n_labels)
            In the order of `classes_`; rows sum to 1, unless they are those of labels.

        Raises
        ------
        ValueError
            If the loss has no closed form: "expected_cost", "soft_f1", "distribution_balanced", a
            loss of one's own.
        """
        logits = self._logits(X)
        of_labels = isinstance(self._target, Labels)
        if of_labels:
            proba = label_posterior(logits=logits, **self._fitted.posterior)
        else:
            proba = np.exp(log_posterior(logits=logits, **self._fitted.posterior))
        if priors is None:
            return proba
        if not np.all(self.class_prior_ > 0):
            unseen = self.classes_[np.any(np.atleast_2d(self.class_prior_.T) == 0, axis=0)].tolist()
            raise ValueError(
                "The 'priors' parameter of predict_posterior must be None until every class has "
                f"had rows. Got {priors!r}, and no row yet of {unseen!r}."
            )
        if not of_labels:
            return shift_prior(proba, self.class_prior_, priors, "priors")
        if np.shape(priors) != self.class_prior_.shape:
            raise ValueError(
                "The 'priors' parameter of predict_posterior must be, for labels, of shape "
                f"{self.class_prior_.shape}: rows without and with each. Got {priors!r} instead."
            )
        of_labels = zip(proba.T, self.class_prior_, priors, strict=True)
        return np.stack(
            [
                shift_prior(np.stack([1 - eta, eta], axis=1), *shares, "priors")[:, 1]
                for eta, *shares in of_labels
            ],
            axis=1,
        )

    def __sklearn_tags__(self):
        """Labels are taken, too."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _read(self, X, y, sample_weight, *, resume, classes=None):
        """The rows that count, with their targets; sets `_target` and `classes_`."""
        y = as_array(y)
        of_labels = _is_indicator(y)
        if resume and of_labels != isinstance(self._target, Labels):
            raise ValueError(
                "A fit that goes on from the one before must have the same kind of y: a column of "
                "classes, or an indicator of labels. Got the other one."
            )
        X, y = self._read_rows(X, y, reset=not resume, multi_output=of_labels)
        weight = check_sample_weight(sample_weight, X[0])
        index = np.flatnonzero(weight)
        if of_labels:
            self._sparse_y = issparse(y)
            y = self._read_labels(y.toarray() if issparse(y) else y, index, resume, classes)
        else:
            check_classification_targets(y)
            y = self._read_classes(y[index], resume, classes)
        return Data(X, index, y, weight[index], weighted=sample_weight is not None)

    def _read_classes(self, y, resume, classes):
        if not resume:
            self.classes_ = np.unique(y if classes is None else classes)
            if len(self.classes_) < 2:
                raise ValueError(
                    "y must have at least 2 classes among the rows with a positive weight. "
                    f"Got 1 class: {self.classes_.tolist()!r}."
                )
            self._target = Classes(self.classes_)
        return class_indices(y, self.classes_)

    def _read_labels(self, y, index, resume, classes):
        if resume and y.shape[1] != len(self.classes_):
            raise ValueError(
                f"y must have {len(self.classes_)} columns, as in the fit before. "
                f"Got {y.shape[1]} instead."
            )
        self._check_for_labels()
        values = np.unique(y)
        if not np.isin(values, (0, 1)).all():
            raise ValueError(
                f"An indicator of labels must hold 0 and 1 only. Got {values.tolist()!r} instead."
            )
        self.classes_ = np.arange(y.shape[1])
        if classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                "The 'classes' parameter of partial_fit must be None, or the column numbers "
                f"{self.classes_.tolist()!r}, where y is an indicator of labels. "
                f"Got {classes!r} instead."
            )
        self._target = Labels(y.shape[1])
        return (y[index] != 0).astype(np.int8)

    def _check_for_labels(self):
        """What an indicator of labels does not go together with."""
        name = type(self).__name__
        if not isinstance(self.sampling, str):
            raise ValueError(
                f"The 'sampling' parameter of {name} must be 'shuffle', 'stratified' or 'balanced' "
                f"where y is an indicator of labels. Got {self.sampling!r} instead."
            )
        if callable(self.loss) and self.class_weight is not None:
            raise ValueError(
                f"The 'class_weight' parameter of {name} must be None for a loss of one's own "
                f"where y is an indicator of labels. Got {self.class_weight!r} instead."
            )

    def _finite_logits(self, logits, X):
        if not np.all(np.isfinite(logits)):
            raise ValueError(
                "The values of X must be small enough for the network's outputs to be finite. "
                f"Got outputs that are not, for values of X of up to {np.abs(X).max():g}."
            )
        return logits

    def _checked_classes(self, classes):
        """Check the classes that `partial_fit` was given."""
        resume = hasattr(self, "_fitted")
        if classes is not None and len(np.unique(classes)) < 2:
            raise ValueError(
                "The 'classes' parameter of partial_fit must name at least 2 classes. "
                f"Got {np.unique(classes).tolist()!r} instead."
            )
        if resume and classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                "The 'classes' parameter of partial_fit must stay as in the first call: "
                f"{self.classes_.tolist()!r}. Got {np.unique(classes).tolist()!r} instead."
            )
        return resume

    def _goes_on(self, y, classes):
        """Whether `partial_fit` goes on; the classes that it was given are checked."""
        self._check_params()
        resume = self._checked_classes(classes)
        if not resume and classes is None and not _is_indicator(as_array(y)):
            raise ValueError("The 'classes' parameter must be given in the first partial_fit.")
        return resume


def _warn_of_labels(y):
    """Warn if an indicator of labels looks like one of classes, or a label is the same in all."""
    if np.all(y.sum(axis=1) == 1):
        warnings.warn(
            "y is an indicator of labels, and every row has exactly one. If these are classes "
            "that exclude each other, give one class a row: y.argmax(axis=1).",
            UserWarning,
            stacklevel=5,
        )
    for there, what in ((y.any(axis=0), "no row"), (~y.all(axis=0), "every row")):
        if not there.all():
            named = np.flatnonzero(~there)
            more = "" if len(named) <= MOST_NAMED else f" and {len(named) - MOST_NAMED} more"
            warnings.warn(
                f"The labels {named[:MOST_NAMED].tolist()!r}{more} hold for {what} of y with a "
                "positive weight: there is nothing to learn of them but that.",
                UserWarning,
                stacklevel=5,
            )


def _is_indicator(y):
    """Whether y says of each row which labels hold."""
    array = check_not_lists(y)
    # A column is for the checks of classes, with their own words.
    two_axes = issparse(array) or array.ndim == 2
    with np.errstate(invalid="ignore"):  # missing values, for the checks to come
        return two_axes and type_of_target(y) == "multilabel-indicator"
