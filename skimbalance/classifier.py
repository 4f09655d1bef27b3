"""The classifier: a Keras multi-layer perceptron for imbalanced data, in scikit-learn's form."""

from numbers import Integral, Real
from types import SimpleNamespace

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from skimbalance._mlp import ACTIVATIONS, softmax
from skimbalance._monitors import MONITORS
from skimbalance._objective import LOSS_PARAMS
from skimbalance._preparation import ORDERS, Data, class_counts, prepare
from skimbalance._validation import (
    HasMethods,
    Interval,
    StrOptions,
    as_array,
    check_sample_weight,
    class_indices,
    validate_parameter_constraints,
)
from skimbalance.posterior import _shift_prior, log_posterior

__all__ = ["ImbalancedMLPClassifier"]


class ImbalancedMLPClassifier(ClassifierMixin, BaseEstimator):
    """Multi-layer perceptron with weights, losses, sampling and stopping for rare classes.

    A Keras network trained by a compiled engine: a fit of a shape of network that was trained
    before costs no tracing, and a fitted classifier predicts without TensorFlow.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(128, 64)
        Units of each hidden layer; empty for a linear model.

    activation : str, default="relu"
        Of the hidden layers: "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus",
        "tanh", "sigmoid" or "linear".

    dropout : float in [0, 1), default=0.0
        Share of the hidden activations dropped in training.

    normalization : {None, "batch", "layer"}, default=None
        Normalization before each activation.

    weight_decay : float, default=None
        Decoupled weight decay [1]_ of the kernels (not of biases), a rate: each step takes off
        ``learning_rate * weight_decay`` of them. None is 0.004 for "adamw", as in Keras, and 0
        for the others. A Keras optimizer keeps its own, and this one comes on top.

    standardize : bool, default=True
        Whether the columns are standardised inside the network, by mean and deviation of the
        training rows, so that raw columns train well.

    loss : str, Keras loss or callable, default="crossentropy"
        "crossentropy", "focal", "logit_adjusted", "ldam", "vector_scaling", "poly1",
        "generalized", "expected_cost" or "soft_f1", see `skimbalance.losses`; a
        `keras.losses.Loss`; or a function of (one-hot targets, probabilities) to one value a
        row.

    gamma : float, default=2.0
        Focusing of loss="focal": larger turns further away from rows that are already right.
        Other losses ignore it.

    alpha : float, "balanced", dict or array-like, default=None
        Class weights inside loss="focal". A float weighs the second of two classes, and
        ``1 - alpha`` the first. Together with `class_weight` it corrects twice, and warns.

    tau : float, default=1.0
        Strength of "logit_adjusted" and "vector_scaling"; other losses ignore it.

    loss_params : dict, default=None
        Further parameters of the loss: "max_margin", "scale" and "deferred" (the fraction of
        the epochs before class weights switch on) of "ldam", "gamma" of "vector_scaling",
        "epsilon" of "poly1", "q" of "generalized", "cost_matrix" of "expected_cost".

    class_weight : None, "balanced", float in [0, 1], "effective", dict or array-like, \
default="balanced"
        See `skimbalance.class_weight.compute_class_weight`. A float is the power of the
        inverse class frequency, made for a grid: 0 is none, 1 is "balanced". Schemes count the
        rows as training draws them, so that after balanced sampling "balanced" adds nothing.

    sampling : str or imbalanced-learn sampler, default="shuffle"
        "shuffle"; "stratified": every batch holds each class in its share; "balanced": every
        batch holds all classes equally, redrawn each epoch; or a sampler, fitted on the
        training rows only, after held-out rows were split off.

    output_bias : {"prior", None}, default="prior"
        Whether the output layer starts at the class shares that training sees, and not at
        zero.

    optimizer : {"adam", "adamw", "sgd", "rmsprop"} or Keras optimizer, default="adam"
        A Keras optimizer brings its own learning rate.

    learning_rate : float, default=1e-3
        Step size.

    learning_rate_schedule : "cosine", Keras schedule or function, default=None
        "cosine" falls to zero over the epochs; a Keras schedule, or a function, maps the number
        of steps taken to the rate. `partial_fit`, which has no end, keeps `learning_rate`.

    batch_size : int or "auto", default="auto"
        Most rows of a batch; an epoch is cut into batches of nearly equal size. "auto" is the
        power of two from 32 to 1024 that gives some 64 batches.

    epochs : int, default=100
        Passes over the training rows, at most.

    early_stopping : bool or "auto", default="auto"
        Whether to hold out rows and stop when `monitor` no longer gets better. "auto" does
        where the rarest class then gives at least 10 held-out rows (with fewer, the score is
        noise, and the rows are worth more in training), and not where all classes have equally
        many rows: then a sampler stands before it in a pipeline, and its copies or inventions
        would be held out. ``sampling=SMOTE()`` inside the classifier has no such trouble.

    monitor : str, default="loss"
        What is judged on the held-out rows: "loss", weighted as in training; or, at the
        natural class shares, "balanced_accuracy", "f1_macro", "mcc", "geometric_mean",
        "average_precision" or "roc_auc" (both one against the rest for more than two classes).

    validation_fraction : float in (0, 1), default=0.1
        Share of each class that is held out for early stopping.

    n_iter_no_change : int, default=10
        Epochs without improvement before training stops.

    tol : float, default=1e-4
        Least change of the monitor that is an improvement.

    warm_start : bool, default=False
        Whether `fit` goes on from the weights, and the standardisation, of the fit before.

    callbacks : Keras callback or list of them, default=None
        Called around training and each epoch with a Keras model that holds the current
        weights. A callback with hooks around batches makes training take Keras' own slower
        `fit`.

    random_state : int, RandomState instance or None, default=None
        Of the initial weights, the held-out rows, the order of rows, sampling and dropout. The
        same value gives the same bits.

    verbose : int, default=0
        1 shows a progress bar with epoch, loss and monitor.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where X had any.
    class_counts_ : ndarray of shape (n_classes,)
        Rows of each class, weighted by `sample_weight`; `partial_fit` adds up.
    class_prior_ : ndarray of shape (n_classes,)
        Their shares.
    class_weight_ : dict
        Weight of each class, by label; the mean weight of a training row is 1.
    history_ : dict of str to list
        One value an epoch: "loss" and, with held-out rows, "val_loss" and "val_" + monitor.
    n_iter_ : int
        Epochs trained.
    best_epoch_ : int
        Epoch, counted from 1, whose weights were kept.
    loss_ : float
        Training loss of that epoch.
    model_ : keras.Model
        The network as a plain Keras model from raw rows to probabilities, built when asked
        for; "logits" names its last layer but one.

    See Also
    --------
    skimbalance.losses : The losses, for any Keras model.
    sklearn.neural_network.MLPClassifier : Without weights for classes.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter. "Decoupled Weight Decay Regularization." ICLR 2019.
       arXiv:1711.05101

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.model_selection import cross_val_score
    >>> from skimbalance import ImbalancedMLPClassifier
    >>> X, y = make_classification(500, weights=[0.9], class_sep=2.0, random_state=0)
    >>> clf = ImbalancedMLPClassifier(loss="focal", epochs=20, random_state=0)
    >>> bool(cross_val_score(clf, X, y, scoring="f1_macro").mean() > 0.8)
    True
    """

    _parameter_constraints = {
        "hidden_layer_sizes": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "normalization": [StrOptions({"batch", "layer"}), None],
        "weight_decay": [Interval(Real, 0, None, closed="left"), None],
        "standardize": ["boolean"],
        "loss": [StrOptions(set(LOSS_PARAMS)), callable],
        "gamma": [Interval(Real, 0, None, closed="left")],
        "alpha": [Interval(Real, 0, 1, closed="both"), StrOptions({"balanced"}), dict,
                  "array-like", None],
        "tau": [Interval(Real, 0, None, closed="left")],
        "loss_params": [dict, None],
        "class_weight": [Interval(Real, 0, 1, closed="both"),
                         StrOptions({"balanced", "effective"}), dict, "array-like", None],
        "sampling": [StrOptions(set(ORDERS)), HasMethods("fit_resample")],
        "output_bias": [StrOptions({"prior"}), None],
        "optimizer": [StrOptions({"adam", "adamw", "sgd", "rmsprop"}),
                      HasMethods(["apply", "get_config"])],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "learning_rate_schedule": [StrOptions({"cosine"}), callable, None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "monitor": [StrOptions({"loss", *MONITORS})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "callbacks": [list, tuple, HasMethods("on_epoch_end"), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }  # fmt: skip

    def __init__(
        self,
        hidden_layer_sizes=(128, 64),
        *,
        activation="relu",
        dropout=0.0,
        normalization=None,
        weight_decay=None,
        standardize=True,
        loss="crossentropy",
        gamma=2.0,
        alpha=None,
        tau=1.0,
        loss_params=None,
        class_weight="balanced",
        sampling="shuffle",
        output_bias="prior",
        optimizer="adam",
        learning_rate=1e-3,
        learning_rate_schedule=None,
        batch_size="auto",
        epochs=100,
        early_stopping="auto",
        monitor="loss",
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        callbacks=None,
        random_state=None,
        verbose=0,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.normalization = normalization
        self.weight_decay = weight_decay
        self.standardize = standardize
        self.loss = loss
        self.gamma = gamma
        self.alpha = alpha
        self.tau = tau
        self.loss_params = loss_params
        self.class_weight = class_weight
        self.sampling = sampling
        self.output_bias = output_bias
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.monitor = monitor
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y, sample_weight=None):
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows: numbers, finite.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, on top of `class_weight`; 2 is the row twice, 0 is
            without it.

        Returns
        -------
        self : ImbalancedMLPClassifier
            Fitted.

        Raises
        ------
        ValueError
            If a parameter or the data break a rule, or training diverges.
        """
        resume = self.warm_start and hasattr(self, "_fitted")
        return self._fit(X, y, sample_weight, resume=resume)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train one epoch on a part of the data, with class counts that add up over the parts.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of this part.
        y : array-like of shape (n_samples,)
            Their class labels.
        classes : array-like of shape (n_classes,), default=None
            All the class labels; needed in the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.

        Returns
        -------
        self : ImbalancedMLPClassifier
            Fitted.

        Raises
        ------
        ValueError
            If `classes` is missing in the first call, or a part has other labels.
        """
        self._check_params()
        resume = hasattr(self, "_fitted")
        if classes is not None and len(np.unique(classes)) < 2:
            raise ValueError(
                "The 'classes' parameter of partial_fit must name at least 2 classes. "
                f"Got {np.unique(classes).tolist()!r} instead."
            )
        if not resume and classes is None:
            raise ValueError("The 'classes' parameter must be given in the first partial_fit.")
        if resume and classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                "The 'classes' parameter of partial_fit must stay as in the first call: "
                f"{self.classes_.tolist()!r}. Got {np.unique(classes).tolist()!r} instead."
            )
        return self._fit(X, y, sample_weight, resume=resume, classes=classes, partial=True)

    def predict(self, X):
        """Most probable class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Class labels.
        """
        logits = self._logits(X)
        return self.classes_[np.argmax(logits, axis=1)]

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
        proba : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; rows sum to 1.
        """
        return softmax(self._logits(X))

    def decision_function(self, X):
        """Logits: for two classes the second's minus the first's.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Larger is more probable.
        """
        logits = self._logits(X).astype(np.float64, copy=False)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_posterior(self, X, priors=None):
        """Probabilities in the population that the rows came from, or under other priors.

        Class weights, sampling, focal loss and logit adjustment are undone in closed form; see
        `skimbalance.posterior`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        priors : array-like of shape (n_classes,), default=None
            Class shares where the rows come from, in the order of `classes_`. By default those
            of the training data.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; rows sum to 1.

        Raises
        ------
        ValueError
            If the loss has no closed form: "expected_cost", "soft_f1", a loss of one's own.
        """
        logits = self._logits(X)
        proba = np.exp(log_posterior(logits=logits, **self._fitted.posterior))
        if priors is None:
            return proba
        if not np.all(self.class_prior_ > 0):
            unseen = self.classes_[self.class_prior_ == 0].tolist()
            raise ValueError(
                "The 'priors' parameter of predict_posterior must be None until every class has "
                f"had rows. Got {priors!r}, and no row yet of {unseen!r}."
            )
        return _shift_prior(proba, self.class_prior_, priors, "priors")

    @property
    def model_(self):
        """The network as a plain Keras model, from raw rows to probabilities.

        A new one each time it is asked for, with the layers of `skimbalance.networks.mlp`
        between a Normalization and a Softmax layer.
        """
        check_is_fitted(self)
        from skimbalance._training import keras_model

        return keras_model(self._fitted, self.dropout)

    def _check_params(self):
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(deep=False), type(self).__name__
        )
        callbacks = self.callbacks if isinstance(self.callbacks, list | tuple) else ()
        if not all(hasattr(callback, "on_epoch_end") for callback in callbacks):
            raise ValueError(
                f"The 'callbacks' parameter of {type(self).__name__} must be a Keras callback or "
                f"a list of them. Got {self.callbacks!r} instead."
            )

    def _fit(self, X, y, sample_weight, *, resume, classes=None, partial=False):
        """Fit; if that fails, leave the estimator as it was."""
        self._check_params()
        before = dict(vars(self))
        try:
            self._fit_rows(
                *self._validated(X, y, sample_weight, resume, classes),
                weighted=sample_weight is not None,
                resume=resume,
                partial=partial,
            )
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise
        return self

    def _validated(self, X, y, sample_weight, resume, classes):
        """X, the rows of it that count, their class indices and weights."""
        X, y = validate_data(self, X, as_array(y), reset=not resume, dtype="numeric")
        check_classification_targets(y)
        weight = check_sample_weight(sample_weight, X)
        index = np.flatnonzero(weight)
        y = y[index]
        if not resume:
            self.classes_ = np.unique(y if classes is None else classes)
            if len(self.classes_) < 2:
                raise ValueError(
                    "y must have at least 2 classes among the rows with a positive weight. "
                    f"Got 1 class: {self.classes_.tolist()!r}."
                )
        return X, index, class_indices(y, self.classes_), weight[index]

    def _fit_rows(self, X, index, y, weight, *, weighted, resume, partial):
        """Plan the training from the parameters and the rows, train, set the attributes."""
        counts = class_counts(y, weight, len(self.classes_))
        self.class_counts_ = self.class_counts_ + counts if partial and resume else counts
        self.class_prior_ = self.class_counts_ / self.class_counts_.sum()
        n_before = self.n_iter_ if resume else 0
        plan = prepare(
            SimpleNamespace(**self.get_params(deep=False)),
            Data(X, index, y, weight, weighted),
            self.classes_,
            self.class_counts_,
            seed=int(check_random_state(self.random_state).randint(2**31)),
            n_before=n_before,
            previous=self._fitted if resume else None,
            partial=partial,
        )
        from skimbalance._training import train

        result = train(plan)
        self._fitted = plan.fitted(result)
        labels = [c.item() if isinstance(c, np.generic) else c for c in self.classes_]
        self.class_weight_ = dict(zip(labels, plan.class_weight.tolist(), strict=True))
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

    def _logits(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype="numeric")
        with np.errstate(over="ignore", invalid="ignore"):
            logits = self._fitted.forward(X)
        if not np.all(np.isfinite(logits)):
            raise ValueError(
                "The values of X must be small enough for the network's outputs to be finite. "
                f"Got outputs that are not, for values of X of up to {np.abs(X).max():g}."
            )
        return logits
