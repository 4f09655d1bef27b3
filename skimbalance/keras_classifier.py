"""A classifier around a custom Keras network, in scikeras' conventions."""

import json
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.validation import check_is_fitted

from skimbalance._fit.estimator import OwnRows, TableClassifier
from skimbalance._fit.parameters import SharedParameters, set_shared, shares
from skimbalance._fit.settings import Settings
from skimbalance._keras_private import check_tensorflow
from skimbalance._losses.records import SIGMOID, SOFTMAX
from skimbalance._validation import (
    HasMethods,
    indexable_inputs,
    inputs_of,
    numeric_rows,
    one_of,
    validate_parameter_constraints,
)
from skimbalance.model_selection._inputs import Inputs
from skimbalance.sampling._random import Purpose, generator
from skimbalance.sampling._streams import STREAMS

__all__ = ["ImbalancedKerasClassifier"]

# A model is built and tried out on at least this many rows.
PROBES = 32

DEFAULT_OPTIMIZER = "adam"

# How rows are checked: numbers, of any shape.
# How scikit-learn reads rows; whether they are finite is checked later, in one sentence.
ROWS = {"dtype": "numeric", "allow_nd": True, "ensure_all_finite": False}


@shares(SharedParameters, loss=None)
class ImbalancedKerasClassifier(TableClassifier):
    """A custom Keras network with weights, losses, sampling and stopping for rare classes.

    Build functions written for scikeras [1]_ work unchanged. Models of Keras' functional and
    sequential kind train in the compiled engine of `ImbalancedMLPClassifier`, others by Keras'
    own ``fit``; `fit_path_` tells which, and why.

    Parameters
    ----------
    model : callable or keras.Model, default=None
        Function that returns a Keras model, compiled or not, from rows to probabilities
        (softmax, sigmoid) or to logits; detected automatically. It may take ``meta`` (a dict of
        what `fit` saw: ``"n_features_in_"``, ``"X_shape_"``, ``"n_classes_"``, ``"classes_"``,
        ``"target_type_"``, ...), ``compile_kwargs`` ("optimizer", "loss", "metrics") and
        ``params`` (all parameters of the classifier), and any other parameters. Weights drawn by
        initializers without a seed follow `random_state`. Or a Keras model, which is
        copied with its weights. None is `skimbalance.networks.mlp` with layer normalization.

    loss : str, Keras loss, its class or function, default=None
        A name as in `ImbalancedMLPClassifier`, or one of Keras'. None is the loss that the model
        is compiled with, or "crossentropy" if it is not compiled. A cross-entropy in any of Keras'
        forms is "crossentropy". Other losses get the targets that Keras would give them: 0 or 1
        for a model with a single output, else one-hot targets (class indices for sparse losses).

    optimizer : str, Keras optimizer or its class, default="adam"
        The optimizer, for a model that is not compiled or is compiled with ``compile_kwargs``.
        Its parameters, such as ``optimizer__learning_rate=...``, can be given if it is a name or
        a class.

    output_bias : {"prior", None}, default="prior"
        Whether the biases of the output layer, if they are zero, start where the network predicts
        the class shares in training.

    metrics : list of str, Keras metric, its class or function, default=None
        Computed at the end of each epoch on the training rows (``history_["accuracy"]``) and on
        held-out rows (``history_["val_accuracy"]``), at the natural class shares. For two classes
        metrics get the probability of the second, and categorical metrics those of both; a metric
        with a value for each class gives ``f1_score_0`` and so on. None takes the metrics that the
        model is compiled with. Early stopping does not look at these, but at `monitor`.

    warm_start : bool, default=False
        Whether `fit` continues from the weights of the previous fit.

    callbacks : Keras callback, its class or name, or a list or dict of them, default=None
        Called around training and each epoch. The parameters of callbacks that are given as a
        class or a name can be set, such as ``callbacks__patience=...``.

    [shared parameters]

    **routed
        The shared parameters above, and parameters with a prefix, as in scikeras:
        ``model__units=64`` for the build function (also without prefix), ``optimizer__...`` and
        ``callbacks__...`` for objects given as a name or class, ``loss__...`` and
        ``metrics__...`` for classes; ``fit__batch_size``, ``fit__epochs`` and ``fit__verbose``
        override the parameters of these names. All of them may be in a grid.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels; in the multilabel case 0 to n_labels - 1.
    n_features_in_ : int
        Number of columns seen in `fit`, if X has two or more dimensions.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if X had any.
    X_shape_ : tuple of int
        Shape of X in `fit`; a list of shapes for several inputs.
    class_counts_, class_prior_ : ndarray of shape (n_classes,), or (n_labels, 2)
        Weighted rows of each class, and their shares; in the multilabel case without and with
        each label.
    class_weight_ : dict, or list of dict
        Weight of each class, by class label; the mean weight of a training row is 1.
    fit_path_ : str
        What trained the network: "compiled" for the compiled program; else "plain graph" or
        "Keras' own fit", and the reason.
    history_ : dict of str to list
        One value for each epoch: "loss", metrics and, with held-out rows, "val_loss" and
        the monitor and metrics, as in "val_f1_macro".
    n_iter_, best_epoch_ : int
        Epochs trained, and the one whose weights were kept.
    loss_ : float
        Training loss of that epoch.
    model_ : keras.Model
        The model with the fitted weights.

    See Also
    --------
    ImbalancedMLPClassifier : A multi-layer perceptron, which predicts in NumPy.
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
        "optimizer": [str, callable, HasMethods(["apply", "get_config"])],
        "metrics": [str, list, tuple, callable, None],
        "warm_start": ["boolean"],
        "callbacks": [str, list, tuple, dict, callable, HasMethods("on_epoch_end"), None],
    }

    def __init__(
        self,
        model: Any = None,
        *,
        metrics: Any = None,
        warm_start: bool = False,
        **routed: Any,
    ):
        self.model = model
        self.metrics = metrics
        self.warm_start = warm_start
        shared = {name: routed.pop(name) for name in self._shared_defaults if name in routed}
        set_shared(self, shared)
        for name, value in routed.items():
            setattr(self, name, value)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All parameters, including the routed ones.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the parameters of nested estimators.

        Returns
        -------
        params : dict
            Values by parameter name.
        """
        return {**super().get_params(deep=deep), **self._routed()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters, including routed ones.

        Parameters
        ----------
        **params
            Values by parameter name.

        Returns
        -------
        self : ImbalancedKerasClassifier
            The classifier itself.

        Raises
        ------
        ValueError
            If a name is not that of a parameter.
        """
        if "model" in params:
            self.model = params["model"]
        not_routed = {}
        for name, value in params.items():
            if self._is_routed(name):
                setattr(self, name, value)
            else:
                not_routed[name] = value
        super().set_params(**not_routed)
        return self

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: npt.ArrayLike | None = None,
        *,
        groups: npt.ArrayLike | None = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: npt.ArrayLike | None = None,
    ) -> Self:
        """Build the network and train it.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), or dict, list or Inputs of them
            Training rows, of any rank. For several inputs a dict by their names, or a list in
            their order, of arrays with at least two dimensions; or either of them in
            `skimbalance.model_selection.Inputs`, for scikit-learn's searches and folds.
        y : array-like of shape (n_samples,), or indicator of shape (n_samples, n_labels)
            Class labels; or a label indicator matrix of 0 and 1, dense or sparse, with NaN where a
            label is missing, which then counts nowhere.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, on top of `class_weight`.
        groups : array-like of shape (n_samples,), default=None
            Groups of the rows, none of which is divided between training rows and held-out rows.
        X_val, y_val : array-like of shape (n_val, ...), default=None
            Held-out rows of your own, in the form of X and y, by which training stops; all rows of
            X are then trained on. In a pipeline, ``transform_input=["X_val"]`` sends X_val through
            the steps before (with metadata routing).
        sample_weight_val : array-like of shape (n_val,), default=None
            How much each of your held-out rows counts.

        Returns
        -------
        self : ImbalancedKerasClassifier
            Fitted.

        Raises
        ------
        ValueError
            If a parameter, the model or the data are not valid, or training diverges.
        """
        resume = self.warm_start and hasattr(self, "_fitted")
        own = OwnRows(X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, resume=resume, groups=groups, own=own)

    def partial_fit(
        self,
        X: Any,
        y: Any,
        classes: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
    ) -> Self:
        """Train one epoch on a part of the data; class counts accumulate over the parts.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), or dict or list of them
            Rows of this part.
        y : array-like of shape (n_samples,), or indicator of shape (n_samples, n_labels)
            Their class labels, or label indicators.
        classes : array-like of shape (n_classes,), default=None
            All class labels; required in the first call, unless y is an indicator matrix.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.

        Returns
        -------
        self : ImbalancedKerasClassifier
            Fitted.

        Raises
        ------
        ValueError
            If `classes` is missing in the first call, or y has class labels beyond them.
        """
        resume = self._continues(y, classes)
        return self._fit(X, y, sample_weight, resume=resume, classes=classes, partial=True)

    @property
    def model_(self) -> Any:
        """The Keras model with the fitted weights, as the build function returned it."""
        check_is_fitted(self)
        return self._fitted_network().show(self._fitted.weights)

    def __getstate__(self):
        """The state without the live Keras model, which is built anew when it is needed."""
        return self._without_model(super().__getstate__())

    # Routed parameters

    def _is_routed(self, name):
        if name in type(self)._parameter_constraints:
            return False
        prefix, _, rest = name.partition("__")
        if rest:
            return prefix != "sampling"
        from skimbalance._keras.routing import taken_by_model

        names, any_other = taken_by_model(self.model)
        return any_other or name in names or name in self._routed()

    def _routed(self):
        declared = type(self)._parameter_constraints
        return {
            name: value
            for name, value in vars(self).items()
            if name not in declared and not name.endswith("_") and not name.startswith("_")
        }

    def _check_params(self):
        super()._check_params()
        from skimbalance._keras.routing import FIT_PARAMS

        validate_parameter_constraints(
            {name: self._parameter_constraints[name] for name in FIT_PARAMS},
            self._fit_params(),
            type(self).__name__,
        )

    def _check_keras_objects(self):
        check_tensorflow()
        from skimbalance._keras.routing import check_names, check_routed

        owner, params = type(self).__name__, self.get_params(deep=False)
        check_names(owner, params, {*SOFTMAX, *SIGMOID})
        check_routed(owner, params, self._routed())

    def _hands_on_parameters(self):
        from skimbalance._keras.routing import accepted, taken_by_model

        if callable(self.model) and "params" in accepted(self.model)[0]:
            return True
        return taken_by_model(self.model)[1]

    def _fit_params(self):
        """Batch size, epochs and verbosity; `fit__...` parameters take precedence."""
        from skimbalance._keras.routing import FIT_PARAMS

        return {name: getattr(self, f"fit__{name}", getattr(self, name)) for name in FIT_PARAMS}

    # Rows

    def _read_rows(self, X, y, *, reset, multi_output):
        """X as a tuple of arrays, one for each input, and y."""
        parts, keys = _inputs(X)
        if parts is None:
            X, y = numeric_rows(self, X, y, reset=reset, multi_output=multi_output, **ROWS)
            parts = (X,)
        else:
            y = check_array(y, accept_sparse="csr") if multi_output else column_or_1d(y, warn=True)
            parts = _checked(parts, keys, y.shape[0])
            # An earlier fit to one array may have set them.
            self.__dict__.pop("n_features_in_", None)
            self.__dict__.pop("feature_names_in_", None)
        self._check_for_sampler([part.shape for part in parts])
        if reset:
            self._input_keys = keys
            shapes = [part.shape for part in parts]
            self.X_shape_ = shapes if keys is not None else shapes[0]
            return parts, y
        return self._as_in_fit(parts, keys), y

    def _read_new_rows(self, X):
        """X as a tuple of arrays, to predict."""
        parts, keys = _inputs(X)
        if parts is None:
            return self._as_in_fit((numeric_rows(self, X, reset=False, **ROWS),), None)
        return self._as_in_fit(_checked(parts, keys), keys)

    def _check_for_sampler(self, shapes):
        if not isinstance(self.sampling, str) and (len(shapes) > 1 or len(shapes[0]) != 2):
            raise ValueError(
                f"The 'sampling' parameter of {type(self).__name__} must be {one_of(STREAMS)} "
                "where X is not one array of two dimensions. "
                f"Got {self.sampling!r} for X of shape {shapes}."
            )

    def _as_in_fit(self, parts, keys):
        """The inputs in the order of the fit; checks their number and shape."""
        expected = self._input_keys
        if (keys is None) != (expected is None) or (keys and set(keys) != set(expected)):
            fitted, got = ("one array" if k is None else repr(k) for k in (expected, keys))
            raise ValueError(
                f"The inputs of X must be the same as in fit: {fitted}. Got {got} instead."
            )
        shapes = [self.X_shape_] if keys is None else self.X_shape_
        if keys is not None:
            parts = tuple(parts[keys.index(key)] for key in expected)
        for part, shape in zip(parts, shapes, strict=True):
            if part.shape[1:] != shape[1:]:
                raise ValueError(
                    f"The rows of X must have the same shape as in fit: {shape[1:]}. "
                    f"Got {part.shape[1:]} instead."
                )
        return parts

    # The network

    def _design(self, data, course, held_out):
        from skimbalance._keras.compiled import loss_and_optimizer
        from skimbalance._keras.custom import custom_network
        from skimbalance._keras.metrics import Metrics

        owner, params = type(self).__name__, self.get_params(deep=False)
        self._built_with: dict[str, Any] = {
            "params": {k: v for k, v in params.items() if not k.startswith("callbacks")},
            "shapes": [(len(x), *x.shape[1:]) for x in data.X],
            "dtypes": [x.dtype.str for x in data.X],
        }
        rows = data.index[np.arange(self._n_probes()) % len(data.index)]
        X = tuple(x[rows] for x in data.X)
        built = self._build(params, X, generator(Purpose.WEIGHTS, course.seed))
        _check_optimizer(params["optimizer"], built, owner)
        compiled = loss_and_optimizer(params, built, owner)
        network = custom_network(
            built.model,
            self._target,
            X,
            keys=self._input_names,
            takes_logits=compiled.takes_logits,
            owner=owner,
        )
        network.check_rows(data.X)
        self._built_with["found"] = network.found
        previous = course.previous
        if previous is not None and _shapes(previous.weights) != _shapes(network.weights()):
            raise ValueError(
                "With warm_start or partial_fit, the model must have weights of the same shapes as "
                "in the previous fit. Got other shapes."
            )
        settings = Settings.of(
            params | self._fit_params(),
            loss=compiled.loss,
            optimizer=compiled.optimizer,
            learning_rate=compiled.learning_rate,
            learning_rate_schedule=compiled.learning_rate_schedule,
            weight_decay=compiled.weight_decay,
            callbacks=built.callbacks,
            metrics=Metrics.of(built, self._target, self.metrics),
            standardize=False,
        )
        return settings, network

    def _n_probes(self):
        """Rows on which to build a model: at least one for each class."""
        return max(PROBES, len(self.classes_))

    def _build(self, params, X, rng):
        """Let scikeras build the model and what goes with it, on some rows."""
        from skimbalance._keras.scikeras import build

        return build(
            params,
            [name for name in params if name not in type(self)._parameter_constraints],
            X,
            self._target.example(self._n_probes()),
            shapes=self._built_with["shapes"],
            keys=self._input_keys,
            rng=rng,
        )

    @property
    def _input_names(self):
        """Names of the inputs where X is a dict of them, else None."""
        keys = self._input_keys
        return keys if keys is not None and isinstance(keys[0], str) else None

    def _fitted_network(self):
        def build():
            network = self._rebuilt()
            if "description" in self._built_with:
                network.restore(self._fitted.weights)
            return network

        return self._live_network(build)

    def _rebuilt(self):
        """The network, built anew: from its description in a model file, or by the function."""
        from skimbalance._keras.network import KerasNetwork
        from skimbalance._keras.stored import restored_model

        built_with, names = self._built_with, self._input_names
        parts = zip(built_with["shapes"], built_with["dtypes"], strict=True)
        X = tuple(np.zeros((self._n_probes(), *s[1:]), dtype) for s, dtype in parts)
        if "description" in built_with:
            description = json.loads(built_with["description"])
            model = restored_model(description, built_with["trusted"], X, names)
        else:
            model = self._build(built_with["params"], X, np.random.default_rng(0)).model
        found, owner = built_with["found"], type(self).__name__
        return KerasNetwork(model, self._target, X, found, keys=names, owner=owner)

    def _description(self):
        """The fitted network's description, as JSON, after a check that it gives the same network.

        Raises
        ------
        TypeError, ValueError
            If no description does.
        """
        from skimbalance._keras.stored import check_described, described

        network, built_with = self._fitted_network(), self._built_with
        description = described(network.show(self._fitted.weights))
        rows = tuple(
            np.resize(np.linspace(0, 1, 7) if np.dtype(dtype).kind == "f" else [0, 1], (2, *s[1:]))
            for s, dtype in zip(built_with["shapes"], built_with["dtypes"], strict=True)
        )
        rows = tuple(x.astype(d) for x, d in zip(rows, built_with["dtypes"], strict=True))
        check_described(description, network, rows, self._input_names)
        return json.dumps(description)

    def _train(self, plan):
        from skimbalance._keras.training import train

        return train(plan, plan.initial.network)

    def _logits_of(self, rows):
        logits = self._fitted_network().forward(self._fitted.weights, rows)
        return self._finite_logits(logits, rows[0])


def _inputs(X):
    """The arrays of several inputs, and their names (or numbers); None and None for one."""
    return inputs_of(X.inputs if isinstance(X, Inputs) else X)


def _checked(parts, keys, n_expected=None):
    """Several inputs as arrays, with the rows of y in `fit`."""
    arrays = [check_array(part, input_name="X", **ROWS) for part in parts]
    return tuple(indexable_inputs(arrays, keys, "The inputs of X", n_expected))


def _shapes(weights):
    return {name: value.shape for name, value in weights.items()}


def _check_optimizer(optimizer, built, owner):
    """Check that the 'optimizer' parameter, if set, agrees with a compiled model."""
    if optimizer == DEFAULT_OPTIMIZER or not built.model.compiled:
        return
    compiled = built.model.optimizer
    same = type(compiled) is type(built.optimizer)
    if not isinstance(optimizer, str):
        same &= compiled.get_config() == built.optimizer.get_config()
    if not same:
        raise ValueError(
            f"The 'optimizer' parameter of {owner} must be left out where the model is compiled "
            f"with another one: leave compiling out, or compile with compile_kwargs['optimizer']. "
            f"Got {optimizer!r} and a model compiled with {type(compiled).__name__}."
        )
