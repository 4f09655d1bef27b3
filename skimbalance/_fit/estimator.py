"""What the estimators share: targets, one fit from checks to attributes, outputs to decisions."""

import copy
import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse, vstack
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skimbalance._engine.joblib_backend import content_of
from skimbalance._fit.checkpoint import check_checkpoint
from skimbalance._fit.data import Data
from skimbalance._fit.held_out import check_judges, chosen_rows
from skimbalance._fit.parameters import warn_without_effect
from skimbalance._fit.plan import Course, Plan, prepare
from skimbalance._fit.progress import watch_of
from skimbalance._fit.targets import Classes, Labels, Target
from skimbalance._keras_private import check_tensorflow
from skimbalance._validation import (
    CallbackSupportMixin,
    callbacks_in_fit,
    check_finite,
    check_sample_weight,
    checked_groups,
    checked_target,
    class_indices,
    is_indicator,
    label_codes,
    n_rows,
    one_of,
    validate_parameter_constraints,
)
from skimbalance.metrics._accuracy import AccuracyMixin
from skimbalance.sampling._streams import STREAMS

__all__ = ["NO_ROWS", "NetworkClassifier", "OwnRows", "TableClassifier", "errors_of_own_rows"]

# Logits that `predict` holds at once: 64 MiB.
BLOCK_LOGITS = 2**24


class OwnRows(NamedTuple):
    """Held-out rows of the caller, apart from the training rows; X is None without any."""

    X: Any
    y: Any
    weight: Any


NO_ROWS = OwnRows(None, None, None)


@contextmanager
def errors_of_own_rows() -> Iterator[None]:
    """Say in errors that they are about held-out rows of the caller."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"In the held-out rows X_val and y_val: {error}") from error


class NetworkClassifier(CallbackSupportMixin, AccuracyMixin, BaseEstimator):
    """A network behind scikit-learn's face.

    A subclass says how rows are read (`_read`), which settings and which network follow from its
    parameters (`_design`), and how a plan is trained (`_train`).
    """

    # With metadata routing, groups reach `fit` without being asked for, as in splitters.
    __metadata_request__fit = {"groups": True}

    _target: Target
    _fitted: Any
    _parameter_constraints: dict[str, list[Any]]
    _shared_defaults: dict[str, Any]
    history_: dict[str, list[float]]

    def _check_params(self):
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(deep=False), type(self).__name__
        )
        if isinstance(self.sampling, type):
            raise ValueError(
                f"The 'sampling' parameter of {type(self).__name__} must be a name or a sampler, "
                f"not its class. Got {self.sampling!r}: call it."
            )
        self._check_keras_objects()

    def _posterior(self, logits, priors):
        """Natural posteriors, or posteriors under other priors."""
        proba = self._target.posterior(logits, self._fitted.posterior_arguments)
        if priors is None:
            return proba
        if not np.all(self.class_prior_ > 0):
            seen = np.all(np.atleast_2d(self.class_prior_.T) > 0, axis=0)
            unseen = self.classes_[~seen].tolist()
            raise ValueError(
                "The 'priors' parameter of predict_posterior must be None until every class has "
                f"had rows. Got {priors!r}, but no rows of {unseen!r} yet."
            )
        return self._target.shift(proba, self.class_prior_, priors)

    def _check_keras_objects(self):
        """Check what the types of the parameters do not show."""
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
                f"Got {self.callbacks!r} instead: give callbacks of scikit-learn to "
                "'set_callbacks'."
            )

    def __sklearn_clone__(self):
        self._check_copies()
        return super().__sklearn_clone__()

    def __getstate__(self):
        # A fit shows copies of itself to scikit-learn's callbacks, while Keras' hold live models.
        if not hasattr(self, "_callback_fit_ctx"):
            self._check_copies()
        return super().__getstate__()

    def _check_copies(self):
        """Check that the callbacks, which may hold anything, can be copied with the estimator."""
        callbacks = getattr(self, "callbacks", None)
        for callback in callbacks if isinstance(callbacks, list | tuple) else [callbacks]:
            try:
                copy.deepcopy(callback)
            except Exception as error:
                raise ValueError(
                    f"The 'callbacks' parameter of {type(self).__name__} must hold callbacks that "
                    "can be copied where the estimator is cloned, searched or stored: close files "
                    "at the end of training, or open them in 'on_train_begin'. "
                    f"Got a {type(callback).__name__} that cannot: {error}."
                ) from error

    def _fit(
        self, X, y, sample_weight, *, resume, partial=False, groups=None, own=NO_ROWS, **reading
    ):
        """Fit; if that fails, leave the estimator as it was."""
        self._check_params()
        if not partial:
            check_checkpoint(self.checkpoint, self.random_state, type(self).__name__)
        before = dict(self.__dict__)
        self.__dict__.pop("majority_fraction_", None)  # of an earlier fit_stream
        try:
            self._check_own(own)
            data = self._read(X, y, sample_weight, resume=resume, **reading)
            data, held_out = self._divided(data, X, y, groups, own, partial=partial)
            beside = {"sample_weight": sample_weight, "mask": reading.get("mask")}
            with callbacks_in_fit(self):
                self._fit_rows(data, held_out, (X, y, beside), resume=resume, partial=partial)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        return self

    def _check_own(self, own):
        """Check the arguments of `fit` that hold the caller's own held-out rows."""
        owner = type(self).__name__
        if (own.X is None) != (own.y is None):
            there, absent = ("y_val", "X_val") if own.X is None else ("X_val", "y_val")
            raise ValueError(
                f"The arguments X_val and y_val of the fit of {owner} must be given together. Got "
                f"{there} without {absent}."
            )
        if own.X is None and own.weight is not None:
            raise ValueError(
                f"The argument sample_weight_val of the fit of {owner} must be None without X_val "
                "and y_val, whose rows it weights. Got weights."
            )
        if own.X is None:
            return
        if self.early_stopping is False:
            raise ValueError(
                f"The 'early_stopping' parameter of {owner} must be True or 'auto' where X_val and "
                "y_val are the held-out rows. Got False instead."
            )
        if self.validation is not None:
            raise ValueError(
                f"The 'validation' parameter of {owner} must be None where X_val and y_val are the "
                f"held-out rows. Got {self.validation!r} instead."
            )

    def _divided(self, data, X, y, groups, own, *, partial):
        """The rows, with their groups, and held-out rows that the caller gives or chooses.

        The latter are None where they are to be drawn.
        """
        owner = type(self).__name__
        n_given: Any = n_rows(y)
        if groups is not None:
            groups = checked_groups(groups, n_given, owner)
            given = data.index if data.given is None else data.given
            data = replace(data, groups=groups[given])
        if own.X is not None:
            held_out = self._read_own(own)
        elif self.validation is not None and self.early_stopping is not False and not partial:
            split = chosen_rows(self.validation, X, y, groups, n_given, owner)
            data, held_out = (data.take(data.places(rows)) for rows in split)
        else:
            return data, None
        check_judges(data, held_out, self._target)
        return data, held_out

    def _read_own(self, own):
        """The caller's own held-out rows, read as those of a prediction."""
        target = self._target
        try:
            with errors_of_own_rows():
                return self._read(own.X, own.y, own.weight, resume=True).named()
        finally:
            self._target = target

    def _fit_rows(self, data, held_out, shown, *, resume, partial):
        """Plan the training from the parameters and the rows, train, set the attributes.

        `shown` is what callbacks of scikit-learn get: X, y, and what was given beside them.
        """
        target = self._target
        # A part of the data may look like a mistake by chance: it may lack a label.
        if not (resume or partial):
            target.warn_about(data.y)
        course = self._course(data, resume=resume, partial=partial)
        check_tensorflow()
        plan = self._plan(data, course, held_out)
        if not self._hands_on_parameters():
            warn_without_effect(plan.settings, target, self._shared_defaults, partial=partial)
        watch = watch_of(self, lambda result: self._attributes(plan, result, course), plan, shown)
        result = self._train(replace(plan, watch=watch))
        self._set_fitted(plan, result, course)
        self._after_training(plan)
        if watch:
            watch.fit_end()

    def _course(self, data, *, resume, partial):
        """Where a fit stands among the fits of this estimator."""
        counts = self._target.counts(data.y, data.weight)
        return Course(
            seed=int(check_random_state(self.random_state).randint(2**31)),
            n_before=self.n_iter_ if resume else 0,
            previous=self._fitted if resume else None,
            partial=partial,
            counts=self.class_counts_ + counts if partial and resume else counts,
        )

    def _plan(self, data, course, held_out=None):
        """The plan of a fit, with held-out rows that are given or else drawn."""
        settings, network = self._design(data, course, held_out)
        return self._adapted(prepare(settings, data, self._target, network, course, held_out))

    def _hands_on_parameters(self) -> bool:
        """Whether the user's code gets all parameters, and may use any of them."""
        return False

    def _adapted(self, plan: Plan) -> Plan:
        """The plan, changed by what the estimator itself learns from the training rows."""
        return plan

    def _after_training(self, plan: Plan) -> None:
        """Learn from the held-out rows, once the network is trained."""

    def _set_fitted(self, plan, result, course):
        """Set the attributes of a fit."""
        self.__dict__.update(self._attributes(plan, result, course))

    def _attributes(self, plan, result, course) -> dict[str, Any]:
        """The attributes of a fit with some result."""
        earlier = self.history_ if course.previous is not None else {}
        n_before = course.n_before
        # Of a label that no row has told, it is not known.
        with np.errstate(invalid="ignore"):
            prior = course.counts / course.counts.sum(axis=-1, keepdims=True)
        # One value for each epoch: nan where a fit had no held-out rows.
        history = {
            name: earlier.get(name, [np.nan] * n_before)
            + result.history.get(name, [np.nan] * result.n_epochs)
            for name in {**earlier, **result.history}
        }
        return {
            "_fitted": plan.fitted(result),
            "class_counts_": course.counts,
            "class_prior_": prior,
            "class_weight_": plan.target.named(plan.class_weight),
            "fit_path_": result.path,
            "history_": history,
            "n_iter_": n_before + result.n_epochs,
            "best_epoch_": n_before + result.best_epoch,
            "loss_": result.history["loss"][result.best_epoch - 1],
        }

    @staticmethod
    def _without_model(state):
        """The state of an estimator without the live Keras model of its network."""
        if "_fitted" not in state:
            return state
        return {**state, "_fitted": replace(state["_fitted"], network=None)}

    def _live_network(self, build):
        """The fitted network; built anew if the estimator was stored without it."""
        check_tensorflow()
        if self._fitted.network is None:
            self._fitted = replace(self._fitted, network=build())
        return self._fitted.network


class TableClassifier(NetworkClassifier):
    """A classifier of rows: one class for each or, in the multilabel case, several labels."""

    # Whether numbers in X may be missing.
    _takes_missing = False

    def predict(self, X: Any) -> Any:
        """Most probable class of each row; in the multilabel case, all labels above 0.5.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,), or (n_samples, n_labels)
            Class labels; in the multilabel case an indicator matrix of 0 and 1, sparse if the y
            of `fit` was sparse.
        """
        check_is_fitted(self)
        rows = self._finite(self._read_new_rows(X))
        n_rows = rows[0].shape[0]
        # In blocks of about equal size, as many classes have far more logits than labels.
        n_blocks = max(1, -(-n_rows * self._target.n_outputs // BLOCK_LOGITS))
        edges = np.linspace(0, n_rows, n_blocks + 1).astype(int)
        decided = [
            self._target.decide(self._logits_of(tuple(x[start:stop] for x in rows)))
            for start, stop in itertools.pairwise(edges)
        ]
        if len(decided) == 1:
            return decided[0]
        return vstack(decided, "csr") if issparse(decided[0]) else np.concatenate(decided)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities as the network was trained to give them.

        After class weights or balanced sampling these are not the probabilities in the
        population: see `predict_posterior`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes), or (n_samples, n_labels)
            In the order of `classes_`; rows sum to 1, except in the multilabel case.
        """
        logits = self._logits(X)
        return self._target.proba(logits)

    def decision_function(self, X: Any) -> np.ndarray:
        """Logits; for two classes the second's minus the first's.

        Larger is more probable.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
            In the order of `classes_`.
        """
        logits = self._logits(X)
        return self._target.scores(logits)

    def predict_posterior(
        self, X: Any, priors: Mapping[Any, Any] | npt.ArrayLike | None = None
    ) -> np.ndarray:
        """Probabilities in the population that the rows came from, or under other priors.

        Class weights, sampling, focal loss and logit adjustment are undone in closed form; see
        `skimbalance.posterior`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        priors : array-like of shape (n_classes,) or (n_labels, 2), dict or Series, default=None
            Class shares where the rows come from, which sum to 1: in the order of `classes_`, or
            by class label in a dict or a pandas Series. In the multilabel case the shares of rows
            without and with each label, which sum to 1 for each label; a dict or a DataFrame is
            read by the names of the columns of y, or their numbers where they have no names. None
            stands for the shares in the training data.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes), or (n_samples, n_labels)
            In the order of `classes_`; rows sum to 1, except in the multilabel case.

        Raises
        ------
        ValueError
            If the loss has no closed form: "expected_cost", "soft_f1", "distribution_balanced" or
            a custom loss; or if `priors` are not valid shares.
        """
        return self._posterior(self._logits(X), priors)

    def _logits(self, X):
        check_is_fitted(self)
        return self._logits_of(self._finite(self._read_new_rows(X)))

    def _finite(self, parts):
        """The inputs, checked."""
        names = getattr(self, "feature_names_in_", None)
        for part in parts:
            missing = self._takes_missing and not issparse(part)
            check_finite(part, type(self).__name__, names, missing=missing)
        return parts

    def __sklearn_tags__(self):
        """Scikit-learn's tags: y may be multilabel."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _read(self, X, y, sample_weight, *, resume, classes=None):
        """The rows with a positive weight, and their targets; sets `_target` and `classes_`."""
        names = getattr(y, "columns", None)
        y = checked_target(y, each_once=resume or classes is not None)
        is_multilabel = is_indicator(y)
        if resume and is_multilabel == self._target.exclusive:
            raise ValueError(
                "y must be of the same kind as in the training rows: class labels, or a label "
                "indicator matrix. Got the other kind."
            )
        is_sparse = issparse(y)
        y = label_codes(y) if is_multilabel else y
        X, y = self._read_rows(X, y, reset=not resume, multi_output=is_multilabel)
        self._finite(X)
        weight = check_sample_weight(sample_weight, X[0])
        index = np.flatnonzero(weight)
        if is_multilabel:
            index = index[np.any(y[index] >= 0, axis=1)]
            y = self._read_labels(y[index], is_sparse, resume, classes, names)
        else:
            y = self._read_classes(y[index], resume, classes)
        weighted = sample_weight is not None
        n_levels, content = self._n_levels(X), content_of(*X)
        return Data(X, index, y, weight[index], weighted, n_levels=n_levels, content=content)

    def _n_levels(self, X) -> np.ndarray | None:
        """Number of levels of each column, -1 for numbers, where rows are those of a table."""
        del X
        return None

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

    def _read_labels(self, y, is_sparse, resume, classes, names):
        if resume and y.shape[1] != len(self.classes_):
            raise ValueError(
                f"y must have {len(self.classes_)} columns, as in the training rows. "
                f"Got {y.shape[1]} instead."
            )
        before = self._target.classes.tolist() if resume else None
        is_named = resume and self._target.classes.dtype == object
        if is_named and names is not None and list(names) != before:
            raise ValueError(
                f"The columns of y must be those of the training rows, in their order: {before!r}. "
                f"Got {list(names)!r} instead."
            )
        if not len(y):
            raise ValueError(
                "y must have a label that is not missing in at least 1 row with a positive weight. "
                "Got missing labels only."
            )
        self._check_multilabel()
        self.classes_ = np.arange(y.shape[1])
        if classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                "The 'classes' parameter of partial_fit must be None, or the column numbers "
                f"{self.classes_.tolist()!r}, where y is a label indicator matrix. "
                f"Got {classes!r} instead."
            )
        self._target = Labels(y.shape[1], is_sparse, names)
        return y

    def _check_multilabel(self):
        """Check the parameters that a multilabel y restricts."""
        name = type(self).__name__
        if not isinstance(self.sampling, str):
            raise ValueError(
                f"The 'sampling' parameter of {name} must be {one_of(STREAMS)} where y is a label "
                f"indicator matrix. Got {self.sampling!r} instead."
            )
        is_auto = isinstance(self.class_weight, str) and self.class_weight == "auto"
        if callable(self.loss) and self.class_weight is not None and not is_auto:
            raise ValueError(
                f"The 'class_weight' parameter of {name} must be 'auto' or None for a custom loss "
                f"where y is a label indicator matrix. Got {self.class_weight!r} instead."
            )

    def _finite_logits(self, logits, X):
        if not np.all(np.isfinite(logits)):
            values = X.data if issparse(X) else X
            raise ValueError(
                "The values of X must be small enough for the network's outputs to be finite. "
                f"Got nan or infinite outputs, for values of X up to {np.nanmax(np.abs(values)):g}."
            )
        return logits

    def _checked_classes(self, classes):
        """Check the classes given to `partial_fit`; whether it continues a fit."""
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

    def _continues(self, y, classes):
        """Check the arguments of `partial_fit`; whether it continues a fit."""
        self._check_params()
        resume = self._checked_classes(classes)
        is_first = not resume and classes is None
        if is_first and not is_indicator(checked_target(y, each_once=True)):
            raise ValueError(
                "The 'classes' parameter of partial_fit must be given in the first call. "
                "Got None instead."
            )
        return resume
