"""Estimators of scikit-learn as nodes of a graph, by skl2onnx."""

from typing import Any

from sklearn.base import is_classifier

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
            target_opset={"": graph.opset, ML: ML_OPSET},
        )
    except Exception as error:  # of many kinds
        raise ValueError(
            f"skl2onnx must be able to convert {name}, for an ONNX model. Got the error: "
            f"{str(error).strip().splitlines()[0]}"
        ) from error
    return graph.inline(model, {"X": graph.double(X[0])})
