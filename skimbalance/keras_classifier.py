"""A classifier around a Keras network of the user's own, in scikeras' conventions."""

import copy
import sys
import threading
from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from skimbalance._estimator import TableClassifier
from skimbalance._monitors import MONITORS
from skimbalance._preparation import ORDERS
from skimbalance._targets import Labels
from skimbalance._validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)

__all__ = ["ImbalancedKerasClassifier"]

# Rows on which a model is tried.
PROBES = 32

_importing = threading.Lock()


class ImbalancedKerasClassifier(TableClassifier):
    """A Keras network of your own with weights, losses, sampling and stopping for rare classes.

    Build functions written for scikeras [1]_ work unchanged. Models of Keras' functional and
    sequential kind train in the compiled engine of `ImbalancedMLPClassifier`, others by Keras'
    own ``fit``; `fit_path_` says which, and why.

    Parameters
    ----------
    model : callable or keras.Model, default=None
        Function that returns a Keras model, compiled or not, from rows to probabilities
        (softmax, sigmoid) or to logits: which, is found out. It may take ``meta`` (a dict of
        what `fit` saw: "n_features_in_", "X_shape_", "n_classes_", "classes_", "target_type_",
        ...), ``compile_kwargs`` ("optimizer", "loss", "metrics") and ``params`` (all parameters
        of the classifier), and parameters of its own. Weights drawn by initializers without a
        seed follow `random_state`. Or a Keras model, which is copied with its weights. None is
        `skimbalance.networks.mlp` with batch normalization.

    loss : str, Keras loss, its class or function, default=None
        As of `ImbalancedMLPClassifier`, or a name of Keras'. None is the loss that the model is
        compiled with, and "crossentropy" where it is not. A cross-entropy in any of Keras' forms
        is "crossentropy".

    gamma : float, default=2.0
        Focusing of loss="focal".

    alpha : float, "balanced", dict or array-like, default=None
        Class weights inside loss="focal".

    tau : float, default=1.0
        Strength of "logit_adjusted" and "vector_scaling".

    loss_params : dict, default=None
        Further parameters of a named loss, see `ImbalancedMLPClassifier`.

    class_weight : None, "balanced", float in [0, 1], "effective", dict or array-like, \
default="balanced"
        See `skimbalance.class_weight.compute_class_weight`; of labels, weights of each label's
        own positives and negatives.

    sampling : str or imbalanced-learn sampler, default="shuffle"
        "shuffle", "stratified", "balanced", or a sampler for rows of two dimensions.

    output_bias : {"prior", None}, default="prior"
        Whether the output layer, if it has a bias of zeros, starts at the class shares.

    optimizer : str, Keras optimizer or its class, default="adam"
        Of a model that is not compiled. ``optimizer__learning_rate=...`` and its like are its
        parameters, where it is a name or a class.

    metrics : list of str, Keras metric, its class or function, default=None
        Computed at the end of each epoch on the training rows (``history_["accuracy"]``) and on
        held-out rows (``history_["val_accuracy"]``), at the natural class shares. None is those
        that the model is compiled with. Stopping has its own: `monitor`.

    batch_size : int or "auto", default="auto"
        Most rows of a batch.

    epochs : int, default=100
        Passes over the training rows, at most.

    early_stopping : bool or "auto", default="auto"
        Whether to hold out rows and stop when `monitor` no longer gets better; see
        `ImbalancedMLPClassifier`.

    monitor : str, default="loss"
        What is judged on the held-out rows, see `ImbalancedMLPClassifier`.

    validation_fraction : float in (0, 1), default=0.1
        Share of each class that is held out for early stopping.

    n_iter_no_change : int, default=10
        Epochs without improvement before training stops.

    tol : float, default=1e-4
        Least change of the monitor that is an improvement.

    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the fit before.

    callbacks : Keras callback, its class, or a list or dict of them, default=None
        ``callbacks__patience=...`` are parameters of classes.

    random_state : int, RandomState instance or None, default=None
        Of the initial weights, the held-out rows, the order of rows, sampling and dropout.

    verbose : int, default=0
        1 shows a progress bar.

    **routed
        Parameters with a prefix, as in scikeras: ``model__units=64`` for the build function
        (also without prefix), ``optimizer__...``, ``loss__...``, ``metrics__...``,
        ``callbacks__...`` for what is given as a name or class; ``fit__batch_size``,
        ``fit__epochs`` and ``fit__verbose`` stand for the parameters of these names. All may
        be in a grid.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels; 0 to n_labels - 1 where y is an indicator of labels.
    n_features_in_ : int
        Columns seen in `fit`, of X of two or more dimensions.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where X had any.
    X_shape_ : tuple of int
        Shape of X in `fit`; of several inputs a list.
    class_counts_, class_prior_ : ndarray of shape (n_classes,), or (n_labels, 2)
        Weighted rows of each class, and their shares; of labels, without and with each.
    class_weight_ : dict, or list of dict
        Weight of each class, by label; the mean weight of a training row is 1.
    fit_path_ : str
        "compiled", or that Keras' own fit trained and why.
    history_ : dict of str to list
        One value an epoch: "loss", metrics and, with held-out rows, "val_loss", "val_" +
        monitor, "val_" + metric.
    n_iter_, best_epoch_ : int
        Epochs trained, and the one whose weights were kept.
    loss_ : float
        Training loss of that epoch.
    model_ : keras.Model
        The model with the fitted weights.

    See Also
    --------
    ImbalancedMLPClassifier : Where a multi-layer perceptron will do: it predicts in NumPy.
    skimbalance.networks : Functions that build networks.

    References
    ----------
    .. [1] A. Garcia Badaracco. scikeras. https://adriangb.com/scikeras

    Examples
    --------
    >>> import keras
    >>> from sklearn.datasets import make_classification
    >>> from skimbalance import ImbalancedKerasClassifier
    >>> def build(meta, units=16):
    ...     return keras.Sequential(
    ...         [
    ...             keras.Input((meta["n_features_in_"],)),
    ...             keras.layers.Dense(units, activation="relu"),
    ...             keras.layers.Dense(meta["n_classes_"], activation="softmax"),
    ...         ]
    ...     )
    >>> X, y = make_classification(500, weights=[0.9], class_sep=2.0, random_state=0)
    >>> clf = ImbalancedKerasClassifier(build, model__units=32, epochs=20, random_state=0)
    >>> clf.fit(X, y).predict_proba(X).shape
    (500, 2)
    >>> clf.fit_path_
    'compiled'
    """

    _parameter_constraints = {
        "model": [callable, HasMethods(["get_config", "fit"]), None],
        "loss": [str, callable, None],
        "gamma": [Interval(Real, 0, None, closed="left")],
        "alpha": [Interval(Real, 0, 1, closed="both"), StrOptions({"balanced"}), dict,
                  "array-like", None],
        "tau": [Interval(Real, 0, None, closed="left")],
        "loss_params": [dict, None],
        "class_weight": [Interval(Real, 0, 1, closed="both"),
                         StrOptions({"balanced", "effective"}), dict, "array-like", None],
        "sampling": [StrOptions(set(ORDERS)), HasMethods("fit_resample")],
        "output_bias": [StrOptions({"prior"}), None],
        "optimizer": [str, callable, HasMethods(["apply", "get_config"])],
        "metrics": [str, list, tuple, callable, None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "monitor": [StrOptions({"loss", *MONITORS})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "callbacks": [list, tuple, dict, callable, HasMethods("on_epoch_end"), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }  # fmt: skip

    def __init__(
        self,
        model=None,
        *,
        loss=None,
        gamma=2.0,
        alpha=None,
        tau=1.0,
        loss_params=None,
        class_weight="balanced",
        sampling="shuffle",
        output_bias="prior",
        optimizer="adam",
        metrics=None,
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
        **routed,
    ):
        self.model = model
        self.loss = loss
        self.gamma = gamma
        self.alpha = alpha
        self.tau = tau
        self.loss_params = loss_params
        self.class_weight = class_weight
        self.sampling = sampling
        self.output_bias = output_bias
        self.optimizer = optimizer
        self.metrics = metrics
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
        for name, value in routed.items():
            setattr(self, name, value)

    def get_params(self, deep=True):
        """Parameters, with the routed ones.

        Parameters
        ----------
        deep : bool, default=True
            Whether those of parameters that are estimators come, too.

        Returns
        -------
        params : dict
            By name.
        """
        return {**super().get_params(deep=deep), **self._routed()}

    def set_params(self, **params):
        """Set parameters, routed ones among them.

        Parameters
        ----------
        **params
            By name.

        Returns
        -------
        self : ImbalancedKerasClassifier
            With the parameters.

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        if "model" in params:
            self.model = params["model"]
        own = {}
        for name, value in params.items():
            if self._is_routed(name):
                setattr(self, name, value)
            else:
                own[name] = value
        super().set_params(**own)
        return self

    def fit(self, X, y, sample_weight=None):
        """Build the network and train it.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), or dict or list of them
            Training rows, of any rank; of several inputs a dict by their names, or a list in
            their order, of arrays of two or more dimensions.
        y : array-like of shape (n_samples,), or indicator of shape (n_samples, n_labels)
            Class labels; or which labels hold, dense or sparse.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, on top of `class_weight`.

        Returns
        -------
        self : ImbalancedKerasClassifier
            Fitted.

        Raises
        ------
        ValueError
            If a parameter, the model or the data break a rule, or training diverges.
        """
        resume = self.warm_start and hasattr(self, "_fitted")
        return self._fit(X, y, sample_weight, resume=resume)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train one epoch on a part of the data, with class counts that add up over the parts.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), or dict or list of them
            Rows of this part.
        y : array-like of shape (n_samples,), or indicator of shape (n_samples, n_labels)
            Their class labels.
        classes : array-like of shape (n_classes,), default=None
            All the class labels; needed in the first call, but not for an indicator.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.

        Returns
        -------
        self : ImbalancedKerasClassifier
            Fitted.

        Raises
        ------
        ValueError
            If `classes` is missing in the first call, or a part has other labels.
        """
        return self._partial_fit(X, y, classes, sample_weight)

    @property
    def model_(self):
        """The Keras model with the fitted weights, as the build function returned it."""
        check_is_fitted(self)
        return self._fitted_network().show(self._fitted.weights)

    def __getstate__(self):
        """Without the live Keras model: it is built anew when it is wanted."""
        state = super().__getstate__()
        if "_fitted" in state:
            state = {**state, "_fitted": replace(state["_fitted"], network=None)}
        return state

    # -- routed parameters ----------------------------------------------------------------------

    def _is_routed(self, name):
        if name in type(self)._parameter_constraints:
            return False
        prefix, _, rest = name.partition("__")
        if rest:
            from skimbalance._routing import PREFIXES

            nested = prefix == "sampling"
            return prefix in PREFIXES or not nested
        return name in self.__dict__ or self._model_takes(name)

    def _model_takes(self, name):
        from skimbalance._routing import accepted

        if not callable(self.model) or hasattr(self.model, "get_config"):
            return False
        names, any_other = accepted(self.model)
        return any_other or name in names

    def _routed(self):
        own = type(self)._parameter_constraints
        return {
            name: value
            for name, value in vars(self).items()
            if name not in own and not name.endswith("_") and not name.startswith("_")
        }

    def _check_params(self):
        super()._check_params()
        from skimbalance._routing import FIT_PARAMS, check_routed

        check_routed(type(self).__name__, self.get_params(deep=False), self._routed())
        given = self._fit_params()
        validate_parameter_constraints(
            {name: self._parameter_constraints[name] for name in FIT_PARAMS},
            given,
            type(self).__name__,
        )

    def _fit_params(self):
        """Batch size, epochs and verbosity, those of `fit__...` first."""
        from skimbalance._routing import FIT_PARAMS

        return {name: getattr(self, f"fit__{name}", getattr(self, name)) for name in FIT_PARAMS}

    # -- rows -----------------------------------------------------------------------------------

    def _read_rows(self, X, y=None, *, reset, multi_output=False):
        """X as a tuple of arrays, one for each input, and y."""
        parts, keys = _inputs(X)
        if parts is None:
            arguments = {} if y is None else {"y": y, "multi_output": multi_output}
            checked = validate_data(
                self, X, **arguments, reset=reset, dtype="numeric", allow_nd=True
            )
            X, y = checked if arguments else (checked, None)
            parts = (X,)
        else:
            parts = tuple(
                check_array(part, dtype="numeric", allow_nd=True, input_name="X") for part in parts
            )
            if y is not None:
                parts, y = _of_equal_length(parts, y, multi_output)
        shapes = [part.shape for part in parts]
        if reset:
            self._input_keys = keys
            self.X_shape_ = shapes if keys is not None else shapes[0]
            return parts, y
        self._check_shapes(shapes, keys)
        if keys is not None and isinstance(X, dict):
            parts = tuple(parts[keys.index(key)] for key in self._input_keys)
        return parts, y

    def _check_shapes(self, shapes, keys):
        """Check that X has the inputs, and rows of the shape, of the fit."""
        if (keys is None) != (self._input_keys is None) or (
            keys is not None and set(keys) != set(self._input_keys)
        ):
            known = "one array" if self._input_keys is None else f"{self._input_keys!r}"
            raise ValueError(
                f"The inputs of X must be those of the fit: {known}. "
                f"Got {'one array' if keys is None else repr(keys)} instead."
            )
        fitted = [self.X_shape_] if keys is None else self.X_shape_
        if keys is not None:
            shapes = [shapes[keys.index(key)] for key in self._input_keys]
        for shape, known in zip(shapes, fitted, strict=True):
            if shape[1:] != known[1:]:
                raise ValueError(
                    f"The rows of X must have the shape of those of the fit: {known[1:]}. "
                    f"Got {shape[1:]} instead."
                )

    # -- the network ----------------------------------------------------------------------------

    def _network(self, params, data, previous):
        from skimbalance._keras_metrics import Metrics
        from skimbalance._training import loss_and_optimizer

        rows = tuple(x if len(data.index) == len(x) else x[data.index] for x in data.X)
        y = data.y if isinstance(self._target, Labels) else self.classes_[data.y]
        self._built_with = {
            name: value
            for name, value in self.get_params(deep=False).items()
            if name == "model" or name not in type(self)._parameter_constraints
        }
        built = self._build(rows, y)
        vars(params).update(self._fit_params())
        params.callbacks = built.callbacks
        params.standardize = False
        takes_logits = loss_and_optimizer(params, built, type(self).__name__)
        network = self._as_network(built.model, tuple(x[:PROBES] for x in rows), takes_logits)
        params.metrics = Metrics.of(built, network)
        if previous is not None and {k: v.shape for k, v in previous.weights.items()} != {
            k: tuple(v.shape) for k, v in network.names(network.model).items()
        }:
            raise ValueError(
                "A fit that goes on from the one before must have the same model. Got one with "
                "weights of other shapes."
            )
        return network

    def _as_network(self, model, probes, takes_logits=None):
        from skimbalance._keras_network import KerasNetwork

        return KerasNetwork(
            model,
            self._target,
            probes,
            keys=self._input_keys if self._input_keys != [*range(len(probes))] else None,
            takes_logits=takes_logits,
            owner=type(self).__name__,
        )

    def _build(self, X, y):
        """Let scikeras build the model and what goes with it, for these rows."""
        known = np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y)
        if len(known) < len(self.classes_):
            # Of the classes that `partial_fit` was told of, some have no rows yet.
            n = max(len(y), len(self.classes_))
            X = tuple(x[np.arange(n) % len(x)] for x in X)
            y = self.classes_[np.arange(n) % len(self.classes_)]
        return _build(self._built_with, self.get_params(), X, y, self._input_keys)

    def _fitted_network(self):
        """The fitted network; built anew after it was stored."""
        if self._fitted.network is None:
            keys = self._input_keys
            shapes = [self.X_shape_] if keys is None else self.X_shape_
            X = tuple(np.broadcast_to(np.zeros((), np.float32), shape) for shape in shapes)
            y = np.resize(self.classes_, shapes[0][0])
            if isinstance(self._target, Labels):
                y = np.broadcast_to(y[:, None] % 2, (shapes[0][0], len(self.classes_)))
            network = self._as_network(self._build(X, y).model, tuple(x[:PROBES] for x in X))
            self._fitted = replace(self._fitted, network=network)
        return self._fitted.network

    def _train(self, plan):
        from skimbalance._training import train

        return train(plan, plan.start.network)

    def _logits(self, X):
        check_is_fitted(self)
        parts, _ = self._read_rows(X, reset=False)
        logits = self._fitted_network().forward(self._fitted.weights, parts)
        return self._finite_logits(logits, parts[0])


def _inputs(X):
    """Parts and names (or numbers) of several inputs; None for one."""
    if isinstance(X, dict):
        return list(X.values()), list(X)
    several = isinstance(X, list | tuple) and X and all(getattr(x, "ndim", 0) >= 2 for x in X)
    return (list(X), [*range(len(X))]) if several else (None, None)


def _of_equal_length(parts, y, multi_output):
    """The parts, and y as scikit-learn checks it."""
    y = check_array(y, accept_sparse="csr") if multi_output else column_or_1d(y, warn=True)
    check_consistent_length(*parts, y)
    return parts, y


def _scikeras_classifier():
    """Scikeras' classifier; what its import changes in Keras' classes is undone."""
    import keras

    with _importing:
        if "scikeras" in sys.modules:
            from scikeras.wrappers import KerasClassifier

            return KerasClassifier
        kinds = (keras.Model, keras.losses.Loss, keras.metrics.Metric, keras.optimizers.Optimizer)
        names = ("__reduce__", "__deepcopy__")
        before = [(kind, name, vars(kind).get(name)) for kind in kinds for name in names]
        from scikeras.wrappers import KerasClassifier

        for kind, name, own in before:
            if own is not None:
                setattr(kind, name, own)
            elif name in vars(kind):
                delattr(kind, name)
        return KerasClassifier


class _Built:
    """What scikeras made of the parameters: model, optimizer, loss, metrics, callbacks."""

    def __init__(self, model, compile_kwargs, callbacks):
        self.model, self.callbacks = model, callbacks
        self.optimizer, self.loss = compile_kwargs["optimizer"], compile_kwargs["loss"]
        self.metrics = compile_kwargs["metrics"]


def _build(built_with, params, X, y, keys):
    """Build the model of the parameters `built_with`, and the rest of `params`."""
    import keras

    from skimbalance._routing import accepted
    from skimbalance._training import keras_loss

    model, given = built_with["model"], {k: v for k, v in built_with.items() if k != "model"}
    function = _default_model if model is None else model
    if isinstance(model, keras.Model):
        function = lambda: copy.deepcopy(model)  # noqa: E731
    takes, any_other = accepted(function)
    kept = {}

    def build(meta, compile_kwargs, **routed):
        kept.update(compile_kwargs)
        offered = {"meta": meta, "compile_kwargs": compile_kwargs, "params": params}
        routed.update({k: v for k, v in offered.items() if any_other or k in takes})
        routed = {k: v for k, v in routed.items() if any_other or k in takes}
        built = function(**routed)
        if not isinstance(built, keras.Model):
            raise ValueError(
                "The 'model' function of ImbalancedKerasClassifier must return a Keras model. "
                f"Got {built!r} instead."
            )
        return built

    kind = _scikeras_classifier()
    shapes = {"X_shape_": [x.shape for x in X]} if keys is not None else {}

    class Builder(kind):
        @property
        def feature_encoder(self):
            return _Shapes(shapes)

    others = {k: v for k, v in given.items() if not k.startswith("fit__")}
    scikeras = Builder(
        model=build,
        loss=keras_loss(params["loss"]),
        optimizer=params["optimizer"],
        metrics=params["metrics"],
        callbacks=params["callbacks"],
        verbose=0,
        **others,
    )
    scikeras.initialize(X[0] if keys is None else np.zeros((len(y), 1)), y)
    callbacks = [c for item in scikeras._fit_callbacks for c in _as_list(item)]
    return _Built(scikeras.model_, kept, callbacks)


class _Shapes:
    """A transformer of nothing, that tells scikeras of the true shapes of several inputs."""

    def __init__(self, shapes):
        self._shapes = shapes

    def fit(self, X):
        return self

    def get_metadata(self):
        return self._shapes


def _as_list(item):
    return item if isinstance(item, list) else [item]


def _default_model(meta):
    from skimbalance.networks import mlp

    labels = meta["target_type_"] == "multilabel-indicator"
    n_outputs = meta["y_shape_"][1] if labels else meta["n_classes_"]
    return mlp(meta["n_features_in_"], n_outputs, normalization="batch")
