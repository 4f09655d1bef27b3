"""Estimators of scikit-learn as nodes of a graph, by skl2onnx."""

from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn.base import is_classifier
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import Binarizer

from skimbalance.persistence._onnx._graph import ML, ML_OPSET, Graph, Value

__all__ = ["sklearn_outputs"]


def sklearn_outputs(graph: Graph, estimator: Any, X: list[Value]) -> list[Value]:
    """What a fitted estimator of scikit-learn makes of one matrix of numbers.

    Of a classifier class labels and probabilities, of a transformer its columns.
    """
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import DoubleTensorType

    name = type(estimator).__name__
    if len(X) != 1:
        raise ValueError(
            f"In an ONNX model {name} must get one matrix of numbers. Got {len(X)} inputs: call "
            "register_onnx_converters, and skl2onnx.convert_sklearn with the types of the columns."
        )
    options = {id(estimator): {"zipmap": False}} if is_classifier(estimator) else {}
    try:
        model = convert_sklearn(
            estimator,
            initial_types=[("X", DoubleTensorType([None, estimator.n_features_in_]))],
            options=options,
            custom_conversion_functions={Binarizer: _add_binarizer, SimpleImputer: _add_imputer},
            target_opset={"": graph.opset, ML: ML_OPSET},
        )
    except Exception as error:  # of many kinds
        raise ValueError(
            f"skl2onnx must be able to convert {name}, for an ONNX model. Got the error: "
            f"{str(error).strip().splitlines()[0]}"
        ) from error
    return graph.inline(model, {"X": graph.double(X[0])})


def _add_binarizer(scope, operator, container):
    """Add the nodes of Binarizer: skl2onnx writes 1 where a number is the threshold itself."""
    (x,), (result,) = operator.inputs, operator.outputs
    names = [scope.get_unique_variable_name(name) for name in ("threshold", "is_above")]
    container.add_initializer(names[0], TensorProto.DOUBLE, (1,), [operator.raw_operator.threshold])
    container.add_node("Greater", [x.full_name, names[0]], names[1])
    container.add_node("Cast", names[1], result.full_name, to=TensorProto.DOUBLE)


def _add_imputer(scope, operator, container):
    """Add the nodes of SimpleImputer: skl2onnx writes one that ONNX Runtime has in float32 only."""
    imputer, (x,), (result,) = operator.raw_operator, operator.inputs, operator.outputs
    fill = np.asarray(imputer.statistics_, float)
    if imputer.indicator_ is not None or np.isnan(fill).any():
        raise ValueError("SimpleImputer has a column that is added or left out.")
    names = [scope.get_unique_variable_name(name) for name in ("fill", "missing", "is_missing")]
    for name, value in zip(names, (fill, np.array([imputer.missing_values], float)), strict=False):
        container.add_initializer(name, TensorProto.DOUBLE, value.shape, value)
    is_nan = np.isnan(imputer.missing_values)
    searched = [x.full_name] if is_nan else [x.full_name, names[1]]
    container.add_node("IsNaN" if is_nan else "Equal", searched, names[2])
    container.add_node("Where", [names[2], names[0], x.full_name], result.full_name)
