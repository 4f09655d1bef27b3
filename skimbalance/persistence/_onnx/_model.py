"""A fitted estimator as a whole ONNX model, or as a part of one that skl2onnx makes."""

import json
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto

from skimbalance._validation import plain_labels
from skimbalance.persistence._onnx._estimators import Input, inputs_of, outputs_of
from skimbalance.persistence._onnx._graph import OPSET, Graph

__all__ = ["label_type", "model_of"]

# What the outputs are called.
LABEL, PROBABILITIES = "label", "probabilities"

_LABEL_TYPES = {
    "b": TensorProto.BOOL,
    "f": TensorProto.DOUBLE,
    "i": TensorProto.INT64,
    "u": TensorProto.INT64,
}


def model_of(
    estimator: Any,
    inputs: list[Input] | None = None,
    *,
    opset: int = OPSET,
    proba_type: int = TensorProto.DOUBLE,
    raw_scores: bool = False,
) -> ModelProto:
    """The model of a fitted estimator.

    Parameters
    ----------
    estimator : estimator
        What `outputs_of` takes.
    inputs : list of (str, int, list), default=None
        Name, type and shape of each input; by default those of `inputs_of`.
    opset : int, default=17
        The version of ONNX's operators.
    proba_type : int
        The type of the probabilities.
    raw_scores : bool, default=False
        Whether `decision_function` takes the place of the probabilities; for two classes as a
        column for each, of opposite signs.
    """
    inputs = inputs_of(estimator) if inputs is None else inputs
    names = [name for name, *_ in inputs]
    taken = [name for name in names if name in (LABEL, PROBABILITIES) or names.count(name) > 1]
    if taken:
        raise ValueError(
            "The columns in an ONNX model must have different names as text, other than those of "
            f"its outputs, {LABEL!r} and {PROBABILITIES!r}. Got {taken[0]!r}: rename the column."
        )
    graph = Graph(opset, [*names, LABEL, PROBABILITIES])
    found = outputs_of(estimator, graph, [graph.input(*of_input) for of_input in inputs])
    proba, decision, columns = found.proba, found.decision, len(estimator.classes_)
    if raw_scores and found.logits is not None:
        proba = found.logits
        if columns == 2 and found.classes is not None:
            proba = proba - proba.columns([1, 0])
    shape: list[Any] = [None, columns]
    if found.classes is not None:
        labels = plain_classes(found.classes)
        decision = graph.op("Gather", graph.stored(labels), decision)
        shape = [None]
    graph.output(LABEL, decision, label_type(found.classes), shape)
    graph.output(PROBABILITIES, graph.cast(proba, proba_type), proba_type, [None, columns])
    properties = {"classes": json.dumps(plain_labels(estimator.classes_))}
    return graph.model(type(estimator).__name__, properties)


def label_type(classes: np.ndarray | None) -> int:
    """ONNX's type of decisions: class labels, or 0 and 1 in the multilabel case."""
    if classes is None:
        return TensorProto.INT64
    return _LABEL_TYPES.get(plain_classes(classes).dtype.kind, TensorProto.STRING)


def plain_classes(classes: np.ndarray) -> np.ndarray:
    """Class labels in an array of a type that ONNX has.

    Raises
    ------
    ValueError
        If they are neither all text nor all numbers.
    """
    labels = np.array(plain_labels(classes))
    if labels.dtype.kind in "iu":
        return labels.astype(np.int64)
    if labels.dtype.kind in "bf":
        return labels
    other = [label for label in labels.tolist() if not isinstance(label, str)]
    if other or labels.dtype.kind not in "UO":
        raise ValueError(
            "The class labels in an ONNX model must be all text or all numbers. "
            f"Got {plain_labels(classes)!r} instead."
        )
    return labels.astype(object)
