"""Boosted trees as nodes of a graph."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import numpy_helper

from skimbalance.ensemble._boosted import BoostedTrees
from skimbalance.ensemble._trees import TreeBag
from skimbalance.persistence._onnx._graph import ML, Graph, Value
from skimbalance.persistence._onnx._rows import Rows

__all__ = ["trees_posterior"]

# The version of the operators for machine learning that has trees in float64.
TREES_OPSET = 5

# Their codes of "at most" and of "is one of".
AT_MOST, MEMBER = 0, 6


def trees_posterior(graph: Graph, bag: TreeBag, rows: Rows, n_levels: np.ndarray) -> Value:
    """Mean of the posteriors of the models.

    Parameters
    ----------
    graph : Graph
        Where it is computed.
    bag : TreeBag
        The fitted models.
    rows : Rows
        Rows of all columns.
    n_levels : ndarray of int of shape (n_columns,)
        Number of levels of each column, -1 for numbers.
    """
    graph.ml_opset = TREES_OPSET
    total: Any = None
    for trees in bag.models:
        raw = _raw_values(graph, trees, rows, n_levels) + trees.baseline
        if len(trees.baseline) == 1:
            raw = graph.concat([raw * 0.0, raw])
        seen = np.eye(bag.n_classes)[trees.classes]
        proba = graph.softmax(raw) @ seen
        total = proba if total is None else total + proba
    return total / float(len(bag.models))


def _raw_values(graph, trees: BoostedTrees, rows: Rows, n_levels: np.ndarray) -> Value:
    """Sums of the values of the trees, of shape (n_rows, n_outputs)."""
    parts = _Parts()
    n_outputs = len(trees.baseline)
    starts = np.append(0, trees.node_ends)[:-1]
    bitset_starts = np.append(0, trees.bitset_ends)[:-1]
    # The trees have the categories first.
    columns = np.append(
        trees.categories, np.delete(np.arange(len(trees.feature_map)), trees.categories)
    ).astype(int)
    for number, (start, end) in enumerate(zip(starts, trees.node_ends, strict=True)):
        nodes = trees.nodes[start:end]
        inner = nodes["is_leaf"] == 0
        place = np.where(
            inner,
            np.cumsum(inner) - 1 + len(parts.columns),
            np.cumsum(~inner) - 1 + len(parts.weights),
        )
        parts.roots.append(len(parts.columns))
        parts.weights += nodes["value"][~inner].tolist()
        parts.targets += [number % n_outputs] * int(np.sum(~inner))
        if not np.any(inner):  # a tree of one leaf: both branches lead to it
            leaf = int(place[0]), 1
            parts.add(0, AT_MOST, 0.0, True, leaf, leaf)
        for node in nodes[inner]:
            left, right = (
                (int(place[node[side]]), int(not inner[node[side]])) for side in ("left", "right")
            )
            column, to_left = int(columns[node["feature_idx"]]), bool(node["missing_go_to_left"])
            if node["is_categorical"]:
                bits = trees.bitsets[bitset_starts[number] + node["bitset_idx"]]
                levels = trees.levels[node["feature_idx"]]
                members = _levels_to_left(bits, levels, int(n_levels[column]), to_left)
                parts.add(column, MEMBER, 0.0, False, left, right, members)
            else:
                split = float(node["num_threshold"])
                parts.add(column, AT_MOST, split, to_left, left, right)
    return parts.node(graph, rows.matrix, n_outputs)


def _levels_to_left(bits, levels, n_levels, others_too):
    """Numbers of the levels that go to the left; missing and unknown ones are beyond the others.

    Levels that the trees did not get in training go where missing ones do.
    """
    place = np.arange(len(levels))
    is_left = (bits[place // 32] >> (place % 32).astype(np.uint32)) & 1 == 1
    known = levels.astype(int)
    others = {*range(n_levels + 2)} - {*known.tolist()} if others_too else ()
    return [*known[is_left].tolist(), *sorted(others)]


class _Parts:
    """The attributes of a node of trees, as they grow."""

    def __init__(self):
        self.columns: list[int] = []
        self.modes: list[int] = []
        self.splits: list[float] = []
        self.missing_to_left: list[int] = []
        self.left: list[tuple[int, int]] = []
        self.right: list[tuple[int, int]] = []
        self.members: list[float] = []
        self.roots: list[int] = []
        self.weights: list[float] = []
        self.targets: list[int] = []

    def add(
        self,
        column: int,
        mode: int,
        split: float,
        missing_to_left: bool,
        left: tuple[int, int],
        right: tuple[int, int],
        members: Sequence[float] | None = None,
    ) -> None:
        """Add an inner node; branches are the place that they lead to, and whether it is a leaf."""
        if members is not None and not len(members):
            members = [-1.0]  # no number of a level
        self.columns.append(column)
        self.modes.append(mode)
        self.splits.append(split)
        self.missing_to_left.append(int(missing_to_left))
        self.left.append(left)
        self.right.append(right)
        if members is not None:
            self.members += [*members, np.nan]

    def node(self, graph: Graph, X: Value, n_outputs: int) -> Value:
        """Sums of the leaves that the rows reach."""
        optional = {}
        if self.members:
            optional["membership_values"] = _tensor(self.members, np.float64)
        return graph.op(
            "TreeEnsemble", X, domain=ML, aggregate_function=1, post_transform=0,
            n_targets=n_outputs, tree_roots=self.roots,
            nodes_featureids=self.columns, nodes_modes=_tensor(self.modes, np.uint8),
            nodes_splits=_tensor(self.splits, np.float64),
            nodes_missing_value_tracks_true=self.missing_to_left,
            nodes_truenodeids=[place for place, _ in self.left],
            nodes_trueleafs=[is_leaf for _, is_leaf in self.left],
            nodes_falsenodeids=[place for place, _ in self.right],
            nodes_falseleafs=[is_leaf for _, is_leaf in self.right],
            leaf_targetids=self.targets, leaf_weights=_tensor(self.weights, np.float64),
            **optional,
        )  # fmt: skip


def _tensor(values, dtype):
    return numpy_helper.from_array(np.array(values, dtype))
