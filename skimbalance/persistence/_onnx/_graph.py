"""A builder of ONNX graphs: nodes from operators and functions of values.

Numbers are float64 throughout, as few rows are computed in float64 by the estimators, too. The
nodes are those that mean the same in all versions of ONNX's operators from 13 on.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, checker, compose, helper, numpy_helper

__all__ = ["ML", "ML_OPSET", "OPSET", "Graph", "Value"]

#: The version of ONNX's operators.
OPSET = 17

# That of its operators for machine learning, beyond which skl2onnx does not go; and the oldest form
# of the file that has both.
ML_OPSET, IR_VERSION = 3, 8

ML = "ai.onnx.ml"

# What a value that is minus infinity is where differences of such values are taken.
LOWEST = -1e30


class Value:
    """A tensor of a graph. Its arithmetic adds nodes; numbers and arrays are constants.

    Parameters
    ----------
    graph : Graph
        Where it is computed.
    name : str
        Its name there.
    """

    # NumPy's arrays leave the arithmetic to the value.
    __array_ufunc__ = None

    def __init__(self, graph: "Graph", name: str):
        self.graph, self.name = graph, name

    def __add__(self, other: Any) -> "Value":
        return self.graph.op("Add", self, other)

    def __radd__(self, other: Any) -> "Value":
        return self.graph.op("Add", other, self)

    def __sub__(self, other: Any) -> "Value":
        return self.graph.op("Sub", self, other)

    def __rsub__(self, other: Any) -> "Value":
        return self.graph.op("Sub", other, self)

    def __mul__(self, other: Any) -> "Value":
        return self.graph.op("Mul", self, other)

    def __rmul__(self, other: Any) -> "Value":
        return self.graph.op("Mul", other, self)

    def __truediv__(self, other: Any) -> "Value":
        return self.graph.op("Div", self, other)

    def __matmul__(self, other: Any) -> "Value":
        return self.graph.op("MatMul", self, other)

    def __neg__(self) -> "Value":
        return self.graph.op("Neg", self)

    def columns(self, places: Any) -> "Value":
        """Some columns, of shape (n_rows, n_places)."""
        return self.graph.op("Gather", self, np.asarray(places, np.int64), axis=1)


class Graph:
    """Nodes, constants, inputs and outputs.

    Parameters
    ----------
    opset : int, default=17
        The version of ONNX's operators.
    taken : sequence of str, default=()
        Names that no other value may have: those of inputs and outputs.
    """

    def __init__(self, opset: int = OPSET, taken: Sequence[str] = ()):
        self.opset, self._taken = opset, {*taken}
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        self._named: dict[Any, Value] = {}
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def _name(self) -> str:
        name = f"value_{len(self._taken)}"
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def input(self, name: str, elem_type: int, shape: Sequence[int | str | None]) -> Value:
        """An input of the model, which is in the `taken` names."""
        self._inputs.append(helper.make_tensor_value_info(name, elem_type, shape))
        return Value(self, name)

    def output(self, name: str, value: Value, elem_type: int, shape: Sequence[Any]) -> None:
        """Make a value an output of the model."""
        self._nodes.append(helper.make_node("Identity", [value.name], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, elem_type, shape))

    def op(self, op_type: str, *inputs: Any, domain: str = "", **attributes: Any) -> Value:
        """The result of an operator; arrays and numbers among the inputs are constants."""
        names = [(x if isinstance(x, Value) else self.constant(x)).name for x in inputs]
        out = self._name()
        self._nodes.append(helper.make_node(op_type, names, [out], domain=domain, **attributes))
        return Value(self, out)

    def constant(self, array: Any) -> Value:
        """An array as a value, floats as float64; equal ones are stored once."""
        array = np.asarray(array)
        if array.dtype.kind == "f":
            array = array.astype(float)
        key = str(array.dtype), array.shape, array.tobytes()
        if key not in self._named:
            self._named[key] = self.stored(array)
        return self._named[key]

    def stored(self, array: np.ndarray) -> Value:
        """An array as a value of its type."""
        tensor = numpy_helper.from_array(np.array(array, order="C"), self._name())
        self._constants.append(tensor)
        return Value(self, tensor.name)

    def weights(self, array: np.ndarray) -> Value:
        """Weights as float64 values, stored with the digits that they have."""
        return self.constant(array) if array.dtype == float else self.double(self.stored(array))

    # Functions of values

    def cast(self, x: Value, elem_type: int) -> Value:
        """Values of another type."""
        return self.op("Cast", x, to=elem_type)

    def double(self, x: Value) -> Value:
        """Values as float64."""
        return self.cast(x, TensorProto.DOUBLE)

    def concat(self, parts: Sequence[Value]) -> Value:
        """Columns side by side."""
        return parts[0] if len(parts) == 1 else self.op("Concat", *parts, axis=1)

    def reshape(self, x: Value, *shape: int) -> Value:
        """Values in another shape."""
        return self.op("Reshape", x, np.array(shape, np.int64))

    def total(self, x: Value) -> Value:
        """Sum of each row, of shape (n_rows, 1)."""
        return self.op("ReduceSum", x, np.array([1], np.int64), keepdims=1)

    def softmax(self, x: Value) -> Value:
        """Softmax of each row."""
        return self.op("Softmax", x, axis=1)

    def log_softmax(self, x: Value) -> Value:
        """Log softmax of each row."""
        return self.op("LogSoftmax", x, axis=1)

    def log_sum_exp(self, x: Value) -> Value:
        """Logarithm of the sum of the exponentials of each row, of shape (n_rows, 1)."""
        return self.total(self.softmax(x) * (x - self.log_softmax(x)))

    def log_add_exp(self, a: Value, b: Any) -> Value:
        """Logarithm of the sum of two exponentials, one of them finite."""
        larger, smaller = self.op("Max", a, b), self.op("Min", a, b)
        difference = self.op("Max", smaller, LOWEST) - larger
        return larger + self.op("Log", self.op("Exp", difference) + 1.0)

    def softplus(self, x: Value) -> Value:
        """Logarithm of 1 plus the exponential; ONNX Runtime's own is in float32 only."""
        return self.op("Relu", x) + self.op("Log", self.op("Exp", -self.op("Abs", x)) + 1.0)

    def argmax(self, x: Value) -> Value:
        """The first of the largest columns of each row, of shape (n_rows,)."""
        return self.op("ArgMax", x, axis=1, keepdims=0)

    def among(self, x: Value, knots: Sequence[np.ndarray]) -> tuple[Value, Value]:
        """Where the numbers of each column lie among ascending knots of the column.

        Returns
        -------
        number, share : Value of shape (n_rows, n_columns)
            Number of the knot below, as int64, and the share of the way from it to the next one;
            numbers beyond the first and the last knot are at these.
        """
        n_knots = np.array([len(of_column) for of_column in knots])
        table = np.full((len(knots), n_knots.max() + 1), np.inf)
        for row, of_column in zip(table, knots, strict=True):
            row[: len(of_column)] = of_column
        reached = self.op("GreaterOrEqual", self.op("Unsqueeze", x, np.array([2])), table)
        count = self.op(
            "ReduceSum", self.cast(reached, TensorProto.INT64), np.array([2]), keepdims=0
        )
        last = np.maximum(n_knots - 2, 0)
        number = self.op("Min", self.op("Max", count - np.array(1), np.array(0)), last)
        place = number + np.arange(len(knots)) * table.shape[1]
        below = self.op("Gather", table.ravel(), place)
        width = self.op("Gather", table.ravel(), place + np.array(1)) - below
        share = self.op("Min", self.op("Max", (x - below) / width, 0.0), 1.0)
        return number, share

    # Models

    def inline(self, model: ModelProto, inputs: Mapping[str, Value]) -> list[Value]:
        """The outputs of another model, whose nodes become nodes of this graph."""
        prefix = f"{self._name()}_"
        part = compose.add_prefix(model, prefix).graph
        for name, value in inputs.items():
            self._nodes.append(helper.make_node("Identity", [value.name], [prefix + name]))
        self._nodes += part.node
        self._constants += part.initializer
        return [Value(self, output.name) for output in part.output]

    def model(self, name: str, properties: Mapping[str, str]) -> ModelProto:
        """The graph as a model, checked."""
        for number, node in enumerate(self._nodes):
            node.name = node.name or f"node_{number}"
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._constants)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(ML, ML_OPSET)]
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="skimbalance"
        )
        helper.set_model_props(model, dict(properties))
        checker.check_model(model)
        return model
