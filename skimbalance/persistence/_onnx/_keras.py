"""Custom Keras networks as nodes of a graph, by tf2onnx."""

from typing import Any

import numpy as np
from onnx import checker, helper

from skimbalance.keras_classifier import ImbalancedKerasClassifier
from skimbalance.persistence._onnx._graph import Graph, Value

__all__ = ["keras_inputs", "keras_logits"]


def keras_inputs(clf: ImbalancedKerasClassifier) -> list[tuple[str, int, list[Any]]]:
    """Name, type and shape of each input of the network."""
    network = clf._fitted_network()
    shapes = [clf.X_shape_] if clf._input_keys is None else clf.X_shape_
    names = ["X"] if clf._input_keys is None else [str(key) for key in clf._input_keys]
    if clf._input_keys is not None and clf._input_names is None:
        names = [f"X{number}" for number in names]
    if network.graph is None:
        dtypes = ["float32"] * len(names)
    else:
        dtypes = [tensor.dtype for tensor in network.graph.inputs]
    types = [helper.np_dtype_to_tensor_dtype(np.dtype(dtype)) for dtype in dtypes]
    return [
        (name, elem_type, [None, *shape[1:]])
        for name, elem_type, shape in zip(names, types, shapes, strict=True)
    ]


def keras_logits(graph: Graph, clf: ImbalancedKerasClassifier, X: list[Value]) -> Value:
    """Logits of the fitted network, one for each class or label."""
    import keras
    import tensorflow as tf

    try:
        import tf2onnx
    except ImportError:
        raise ImportError(
            "A custom Keras network in an ONNX model needs the package tf2onnx, which is not "
            "installed: pip install 'tf2onnx>=1.17'"
        ) from None
    clf.model_  # noqa: B018 - it gives the network its fitted weights
    network = clf._fitted_network()

    @tf.function
    def logits(*inputs):
        outputs = network.model(network.pack(inputs), training=False)
        return network.to_logits(keras.tree.flatten(outputs)[0])

    signature = [
        tf.TensorSpec(shape, helper.tensor_dtype_to_np_dtype(elem_type), name=f"input_{i}")
        for i, (_, elem_type, shape) in enumerate(keras_inputs(clf))
    ]
    try:
        model, _ = tf2onnx.convert.from_function(
            logits,
            signature,
            opset=graph.opset,
            custom_op_handlers={"Erfc": (_erfc, [])},
        )
        checker.check_model(model)
    except Exception as error:  # of many kinds
        raise ValueError(
            "tf2onnx must be able to convert the network of ImbalancedKerasClassifier, for an ONNX "
            f"model. Got the error: {str(error).strip().splitlines()[0]}"
        ) from error
    concrete = logits.get_concrete_function(*signature)
    # Constants that the network holds as tensors, as Normalization does, are further inputs.
    held = [value for value in concrete.captured_inputs if value.dtype != tf.resource]
    taken = [graph.cast(x, kind) for x, (_, kind, _) in zip(X, keras_inputs(clf), strict=True)]
    values = [*taken, *(graph.stored(value.numpy()) for value in held)]
    names = [node.name for node in model.graph.input]
    return graph.double(graph.inline(model, dict(zip(names, values, strict=True)))[0])


def _erfc(context, node, *_):
    """Write Keras' exact GELU, for whose error function tf2onnx has no ONNX: erfc is 1 - erf."""
    (source,), (result,) = node.input, node.output
    shapes, dtypes = node.output_shapes, node.output_dtypes
    context.remove_node(node.name)
    one = context.make_const(f"{node.name}_one", np.ones((), np.float32)).output[0]
    erf = context.make_node("Erf", [source]).output[0]
    context.make_node("Sub", [one, erf], outputs=[result], shapes=shapes, dtypes=dtypes)
