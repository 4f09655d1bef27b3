"""Fitted estimators as nodes of a graph: their inputs, probabilities and decisions."""

from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np
from onnx import TensorProto
from sklearn.base import is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skimbalance.classifier import ImbalancedMLPClassifier
from skimbalance.decision import TunedDecisionClassifierCV
from skimbalance.decision._calibration import SMALLEST
from skimbalance.ensemble import ImbalancedEnsembleClassifier
from skimbalance.ensemble._bag import Bag
from skimbalance.ensemble._blend import Blend
from skimbalance.keras_classifier import ImbalancedKerasClassifier
from skimbalance.persistence._onnx._graph import Graph, Value
from skimbalance.persistence._onnx._keras import keras_inputs, keras_logits
from skimbalance.persistence._onnx._network import perceptron_logits
from skimbalance.persistence._onnx._posterior import (
    calibrated,
    inside,
    log_proba,
    posterior,
    posterior_of_labels,
    shifted,
)
from skimbalance.persistence._onnx._rows import column_types, rows_of
from skimbalance.persistence._onnx._sklearn import sklearn_outputs
from skimbalance.persistence._onnx._trees import trees_posterior
from skimbalance.prior import PriorCorrectedClassifier

__all__ = ["Outputs", "inputs_of", "outputs_of"]

Input = tuple[str, int, list[Any]]


class Outputs(NamedTuple):
    """What an estimator says of rows.

    Parameters
    ----------
    proba : Value of shape (n_rows, n_classes) or (n_rows, n_labels)
        As `predict_proba`.
    decision : Value of shape (n_rows,) or (n_rows, n_labels)
        The class indices, or in the multilabel case the indicator, of `predict`; int64.
    classes : ndarray of shape (n_classes,) or None
        The class labels; None in the multilabel case.
    logits : Value of shape (n_rows, n_outputs) or None
        What the probabilities come from, if the estimator is a network.
    """

    proba: Value
    decision: Value
    classes: np.ndarray | None
    logits: Value | None = None


# Inputs


@singledispatch
def inputs_of(estimator: Any) -> list[Input]:
    """Name, ONNX type and shape of each input."""
    return [("X", TensorProto.DOUBLE, [None, getattr(estimator, "n_features_in_", None)])]


@inputs_of.register
def _(estimator: ImbalancedMLPClassifier) -> list[Input]:
    types = column_types(estimator._reader)
    if types is None:
        return [("X", TensorProto.DOUBLE, [None, estimator.n_features_in_])]
    names = getattr(estimator, "feature_names_in_", [f"x{j}" for j in range(len(types))])
    return [(str(name), kind, [None, 1]) for name, kind in zip(names, types, strict=True)]


@inputs_of.register
def _(estimator: ImbalancedEnsembleClassifier) -> list[Input]:
    return inputs_of(_bag(estimator).network)


@inputs_of.register
def _(estimator: ImbalancedKerasClassifier) -> list[Input]:
    return keras_inputs(estimator)


@inputs_of.register(TunedDecisionClassifierCV)
@inputs_of.register(PriorCorrectedClassifier)
def _(estimator: Any) -> list[Input]:
    return inputs_of(estimator.estimator_)


@inputs_of.register(GridSearchCV)
@inputs_of.register(RandomizedSearchCV)
def _(estimator: Any) -> list[Input]:
    return inputs_of(estimator.best_estimator_)


@inputs_of.register
def _(estimator: FrozenEstimator) -> list[Input]:
    return inputs_of(estimator.estimator)


@inputs_of.register
def _(estimator: Pipeline) -> list[Input]:
    steps = _transformers(estimator)
    return inputs_of(steps[0][1] if steps else estimator.steps[-1][1])


# Probabilities and decisions


@singledispatch
def outputs_of(estimator: Any, graph: Graph, X: list[Value]) -> Outputs:
    """Probabilities and decisions for inputs.

    Raises
    ------
    ValueError
        If there are no such nodes for the estimator, or for a part of it.
    """
    raise ValueError(
        "An ONNX model must be of ImbalancedMLPClassifier, ImbalancedEnsembleClassifier, "
        "ImbalancedKerasClassifier, TunedDecisionClassifierCV or PriorCorrectedClassifier, or of a "
        f"pipeline or search around them. Got {type(estimator).__name__} instead: for a classifier "
        "of scikit-learn, call register_onnx_converters and skl2onnx.convert_sklearn."
    )


@outputs_of.register(ImbalancedMLPClassifier)
@outputs_of.register(ImbalancedKerasClassifier)
def _(estimator: Any, graph: Graph, X: list[Value]) -> Outputs:
    logits = _logits(estimator, graph, X)
    if estimator._target.exclusive:
        return Outputs(graph.softmax(logits), graph.argmax(logits), estimator.classes_, logits)
    decided = graph.cast(graph.op("Greater", logits, 0.0), TensorProto.INT64)
    return Outputs(graph.op("Sigmoid", logits), decided, None, logits)


@outputs_of.register(ImbalancedEnsembleClassifier)
@outputs_of.register(TunedDecisionClassifierCV)
def _(estimator: Any, graph: Graph, X: list[Value]) -> Outputs:
    inner = estimator.estimator_
    proba = _aligned(graph, _posterior_of(inner, graph, X), inner, estimator)
    proba = calibrated(graph, estimator.calibrator_, proba)
    if estimator.multilabel_:
        proba = inside(graph, proba)
        reached = graph.op("GreaterOrEqual", proba, np.asarray(estimator.threshold_, float))
        return Outputs(proba, graph.cast(reached, TensorProto.INT64), None)
    scores = graph.op("Max", proba, SMALLEST) @ estimator.decision_matrix_
    return Outputs(proba, graph.argmax(scores), estimator.classes_)


@outputs_of.register
def _(estimator: PriorCorrectedClassifier, graph: Graph, X: list[Value]) -> Outputs:
    old, new = estimator._shares(estimator.priors)
    proba = shifted(graph, _posterior_of(estimator.estimator_, graph, X), old, new)
    if estimator.class_prior_.ndim == 2:
        decided = graph.cast(graph.op("Greater", proba, 0.5), TensorProto.INT64)
        return Outputs(proba, decided, None)
    return Outputs(proba, graph.argmax(proba), estimator.classes_)


@outputs_of.register(GridSearchCV)
@outputs_of.register(RandomizedSearchCV)
def _(estimator: Any, graph: Graph, X: list[Value]) -> Outputs:
    return outputs_of(estimator.best_estimator_, graph, X)


@outputs_of.register
def _(estimator: FrozenEstimator, graph: Graph, X: list[Value]) -> Outputs:
    return outputs_of(estimator.estimator, graph, X)


@outputs_of.register
def _(estimator: Pipeline, graph: Graph, X: list[Value]) -> Outputs:
    return outputs_of(estimator.steps[-1][1], graph, _transformed(estimator, graph, X))


# Posteriors, as `skimbalance._response.posterior` takes them from an estimator


@singledispatch
def _posterior_of(estimator: Any, graph: Graph, X: list[Value]) -> Value:
    """Natural posteriors where the estimator has any, else its probabilities."""
    if outputs_of.dispatch(type(estimator)) is not outputs_of.dispatch(object):
        return outputs_of(estimator, graph, X).proba
    if not (is_classifier(estimator) and hasattr(estimator, "predict_proba")):
        raise ValueError(
            "A classifier inside an ONNX model must have 'predict_proba'. Got "
            f"{type(estimator).__name__}, which has not."
        )
    return graph.double(sklearn_outputs(graph, estimator, X)[1])


@_posterior_of.register(ImbalancedMLPClassifier)
@_posterior_of.register(ImbalancedKerasClassifier)
def _(estimator: Any, graph: Graph, X: list[Value]) -> Value:
    logits, target = _logits(estimator, graph, X), estimator._target
    arguments = estimator._fitted.posterior_arguments
    try:  # on made-up logits: whether there are natural posteriors
        target.posterior(np.zeros((1, target.n_outputs)), arguments)
    except ValueError:
        return graph.softmax(logits) if target.exclusive else graph.op("Sigmoid", logits)
    formula = posterior if target.exclusive else posterior_of_labels
    return formula(graph, arguments["loss"], logits, arguments)


@_posterior_of.register
def _(estimator: Pipeline, graph: Graph, X: list[Value]) -> Value:
    return _posterior_of(estimator.steps[-1][1], graph, _transformed(estimator, graph, X))


@_posterior_of.register
def _(estimator: FrozenEstimator, graph: Graph, X: list[Value]) -> Value:
    return _posterior_of(estimator.estimator, graph, X)


@_posterior_of.register
def _(estimator: Bag, graph: Graph, X: list[Value]) -> Value:
    proba = [_posterior_of(net, graph, X) for net in estimator.nets]
    return sum(proba[1:], proba[0]) / float(len(proba))


@_posterior_of.register
def _(estimator: Blend, graph: Graph, X: list[Value]) -> Value:
    nets = log_proba(graph, _posterior_of(estimator.nets, graph, X))
    reader, share = estimator.nets.network, estimator.share
    rows = rows_of(graph, reader._reader, X, type(reader).__name__)
    trees = trees_posterior(graph, estimator.trees, rows, reader._n_levels(()))
    return graph.softmax(nets * (1.0 - share) + log_proba(graph, trees) * share)


# Parts


def _bag(estimator):
    inner = estimator.estimator_
    return inner.nets if isinstance(inner, Blend) else inner


def _logits(estimator, graph, X):
    check_is_fitted(estimator)
    if isinstance(estimator, ImbalancedKerasClassifier):
        return keras_logits(graph, estimator, X)
    rows = rows_of(graph, estimator._reader, X, type(estimator).__name__)
    return perceptron_logits(graph, estimator._fitted, rows)


def _aligned(graph, proba, inner, outer):
    """Posteriors of all classes, with zeros for those that the inner estimator does not know."""
    if outer.multilabel_ or np.array_equal(inner.classes_, outer.classes_):
        return proba
    places = np.searchsorted(outer.classes_, inner.classes_)
    return proba @ np.eye(len(outer.classes_))[places]


def _transformers(pipeline):
    """The steps of a pipeline that transform rows which are predicted."""
    return [
        (name, step)
        for name, step in pipeline.steps[:-1]
        if step not in (None, "passthrough") and not hasattr(step, "fit_resample")
    ]


def _transformed(pipeline, graph, X):
    """Rows as the last step of a pipeline gets them."""
    steps = _transformers(pipeline)
    return sklearn_outputs(graph, Pipeline(steps), X) if steps else X
