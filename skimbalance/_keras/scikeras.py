"""Models, with their losses, optimizers, metrics and callbacks, built by scikeras."""

import copy
import inspect
import sys
import threading
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np

from skimbalance._engine.tensorflow.initializers import python_random_kept, seeded_initializers
from skimbalance._keras.compiled import keras_loss
from skimbalance._keras.inspection import built_on
from skimbalance._keras.routing import accepted, callback_classes

__all__ = ["build"]

_importing = threading.Lock()


def build(params, routed, X, y, *, shapes, keys, rng):
    """Build the model that the parameters describe.

    Parameters
    ----------
    params : dict
        All parameters of the classifier. "callbacks" may be missing.
    routed : collection of str
        Names of the parameters with a prefix, or for the build function.
    X : tuple of ndarray
        Some rows, by input.
    y : ndarray
        Their targets, with every class.
    shapes : list of tuple
        The shape of X that the build function gets, by input.
    keys : list or None
        Names, or numbers, of several inputs.
    rng : numpy.random.Generator
        Source of the initial weights.

    Returns
    -------
    built : namespace
        ``model``, and as scikeras made them ``optimizer``, ``loss``, ``metrics`` and
        ``callbacks``; the first three are what the build function got as ``compile_kwargs``.

    Raises
    ------
    ValueError
        If the build function does not return a model.
    """
    compile_options: dict[str, Any] = {}
    function = _function(params["model"])
    names = keys if keys is not None and isinstance(keys[0], str) else None

    def model(meta, compile_kwargs, **arguments):
        compile_options.update(compile_kwargs)
        # scikeras' params are not the estimator's.
        del arguments["params"]
        offered = {"meta": meta, "compile_kwargs": compile_kwargs, "params": params}
        return built_on(_called(function, arguments, offered), X, names)

    is_list = keys is not None
    metadata = {
        "X_shape_": shapes if is_list else shapes[0],
        "n_features_in_": [s[1] for s in shapes] if is_list else shapes[0][1],
    }
    builder = _builder_class(metadata)(
        model=model,
        loss=keras_loss(params["loss"]),
        optimizer=params["optimizer"],
        metrics=params["metrics"],
        callbacks=callback_classes(params.get("callbacks"), "ImbalancedKerasClassifier"),
        verbose=0,
        **_prefixed({name: params[name] for name in routed}),
    )
    with python_random_kept(), seeded_initializers(rng):
        builder.initialize(np.zeros((len(y), 1)) if is_list else X[0], y)
    callbacks = [c for item in builder._fit_callbacks for c in keras.tree.flatten(item)]
    return SimpleNamespace(
        model=builder.model_,
        optimizer=compile_options["optimizer"],
        loss=compile_options["loss"],
        metrics=compile_options["metrics"],
        callbacks=callbacks,
    )


def _prefixed(routed):
    """Routed parameters under names that scikeras does not mistake for its own."""
    named = {name if "__" in name else f"model__{name}": v for name, v in routed.items()}
    named.update({name: value for name, value in routed.items() if "__" in name})
    return {name: v for name, v in named.items() if not name.startswith("fit__")}


def _function(model):
    """The build function that the `model` parameter stands for."""
    if model is None:
        return _default_model
    return (lambda: _copy(model)) if isinstance(model, keras.Model) else model


def _called(function, arguments, offered):
    """The model that a build function returns."""
    takes, any_other = accepted(function)
    # The **kwargs of a class are for its base class, which may not know these.
    any_offered = any_other and not inspect.isclass(function)
    arguments.update({k: v for k, v in offered.items() if any_offered or k in takes})
    model = function(**arguments)
    if not isinstance(model, keras.Model):
        raise ValueError(
            "The 'model' function of ImbalancedKerasClassifier must return a Keras model. "
            f"Got {model!r} instead."
        )
    return model


def _copy(model):
    try:
        return copy.deepcopy(model)
    except Exception as error:
        raise ValueError(
            "The 'model' parameter of ImbalancedKerasClassifier must be a Keras model that can be "
            "saved and loaded, or a function that builds one. Got a model that cannot: "
            f"{str(error).strip().splitlines()[0]}"
        ) from error


def _default_model(meta):
    from skimbalance.networks import mlp

    if len(meta["X_shape_"]) != 2:
        raise ValueError(
            "The 'model' parameter of ImbalancedKerasClassifier must be given for X of other than "
            f"two dimensions. Got None for X of shape {meta['X_shape_']}."
        )
    return mlp(meta["n_features_in_"], meta["n_classes_"], normalization="layer")


class _Metadata:
    """A transformer that changes nothing, and from which scikeras takes metadata about X."""

    def __init__(self, metadata):
        self._metadata = metadata

    def fit(self, X):
        """Do nothing."""
        return self

    def get_metadata(self):
        """What `meta` holds about X."""
        return self._metadata


def _builder_class(metadata):
    """Scikeras' classifier, given the metadata about X that it would not find itself."""
    members = {"feature_encoder": property(lambda self: _Metadata(metadata))}
    return type("Builder", (_scikeras_classifier(),), members)


def _scikeras_classifier():
    """Scikeras' classifier; what its import changes in Keras' classes is undone."""
    with _importing:
        if "scikeras" in sys.modules:
            from scikeras.wrappers import KerasClassifier

            return KerasClassifier
        kinds = (keras.Model, keras.losses.Loss, keras.metrics.Metric, keras.optimizers.Optimizer)
        names = ("__reduce__", "__deepcopy__")
        before = [(kind, name, vars(kind).get(name)) for kind in kinds for name in names]
        from scikeras.wrappers import KerasClassifier

        for kind, name, original in before:
            if original is not None:
                setattr(kind, name, original)
            elif name in vars(kind):
                delattr(kind, name)
        return KerasClassifier
