"""Our estimators as operators of skl2onnx."""

from typing import Any

import numpy as np
from onnx import TensorProto, compose, helper
from skl2onnx.common.data_types import (
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)

from skimbalance.classifier import ImbalancedMLPClassifier
from skimbalance.decision import TunedDecisionClassifierCV
from skimbalance.ensemble import ImbalancedEnsembleClassifier
from skimbalance.keras_classifier import ImbalancedKerasClassifier
from skimbalance.persistence._onnx._estimators import Input
from skimbalance.persistence._onnx._model import model_of, plain_classes
from skimbalance.prior import PriorCorrectedClassifier

__all__ = ["OURS", "add_nodes", "set_types"]

# The options of skl2onnx's own classifiers, for what they share.
_OPTIONS = {"zipmap": [True, False, "columns"]}

#: Our estimators -> the options that skl2onnx may set, as for its own classifiers.
OURS: dict[type, dict[str, list[Any]]] = {
    ImbalancedEnsembleClassifier: _OPTIONS,
    ImbalancedKerasClassifier: _OPTIONS | {"raw_scores": [True, False]},
    ImbalancedMLPClassifier: _OPTIONS | {"raw_scores": [True, False]},
    PriorCorrectedClassifier: _OPTIONS,
    TunedDecisionClassifierCV: _OPTIONS,
}

_TYPES = {
    DoubleTensorType: TensorProto.DOUBLE,
    FloatTensorType: TensorProto.FLOAT,
    Int64TensorType: TensorProto.INT64,
    StringTensorType: TensorProto.STRING,
}


def set_types(operator: Any) -> None:
    """Say which types and shapes the class labels and the probabilities have."""
    estimator = operator.raw_operator
    n_rows = operator.inputs[0].get_first_dimension()
    classes = plain_classes(np.asarray(estimator.classes_))
    label = StringTensorType if classes.dtype == object else Int64TensorType
    proba = DoubleTensorType if _has_doubles(operator) else FloatTensorType
    operator.outputs[0].type = label([n_rows])
    operator.outputs[1].type = proba([n_rows, len(classes)])


def add_nodes(scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes of an estimator to a model of skl2onnx."""
    inputs: list[Input] = []
    for i, variable in enumerate(operator.inputs):
        if type(variable.type) not in _TYPES:
            raise ValueError(
                f"The inputs of {type(operator.raw_operator).__name__} in an ONNX model must be "
                f"numbers of 64 or 32 bits, or text. Got {variable.type!r} instead."
            )
        inputs.append((f"input_{i}", _TYPES[type(variable.type)], [*variable.type.shape]))
    estimator, options = operator.raw_operator, {"raw_scores": False}
    if "raw_scores" in OURS[type(estimator)]:
        options = container.get_options(estimator, options)
    model = model_of(
        estimator,
        inputs,
        opset=container.target_opset,
        proba_type=TensorProto.DOUBLE if _has_doubles(operator) else TensorProto.FLOAT,
        raw_scores=options["raw_scores"],
    )
    part = compose.add_prefix(model, f"{scope.get_unique_variable_name('skimbalance')}_").graph
    ends = [
        *((v.onnx_name, end.name) for v, end in zip(operator.inputs, part.input, strict=True)),
        *((end.name, v.onnx_name) for end, v in zip(part.output, operator.outputs, strict=True)),
    ]
    for source, result in ends:
        name = scope.get_unique_operator_name("Identity")
        container.nodes.append(helper.make_node("Identity", [source], [result], name=name))
    container.nodes += part.node
    container.initializers += part.initializer
    container.node_domain_version_pair_sets |= {
        (of.domain, of.version) for of in model.opset_import
    }


def _has_doubles(operator):
    return isinstance(operator.inputs[0].type, DoubleTensorType)
