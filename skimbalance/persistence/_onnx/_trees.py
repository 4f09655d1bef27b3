"""Boosted trees as nodes of a graph."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper

from skimbalance.ensemble._boosted import BoostedTrees
from skimbalance.ensemble._trees import TreeBag
from skimbalance.persistence._onnx._graph import ML, Graph, Value
from skimbalance.persistence._onnx._rows import Rows

__all__ = ["trees_posterior"]

LEAF, AT_MOST, EQUAL = "LEAF", "BRANCH_LEQ", "BRANCH_EQ"

# No number of a level.
NO_LEVEL = -1.0


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
    # The trees have the categories first.
    others = np.delete(np.arange(len(trees.feature_map)), trees.categories)
    columns = np.append(trees.categories, others).astype(int)
    parts = _Parts()
    of_trees = zip(
        np.split(trees.nodes, trees.node_ends[:-1]),
        np.split(trees.bitsets, trees.bitset_ends[:-1]),
        strict=True,
    )
    for number, (nodes, bitsets) in enumerate(of_trees):
        for place, node in enumerate(nodes):
            left, right = int(node["left"]), int(node["right"])
            if node["is_leaf"]:
                parts.add(number, place, LEAF)
                parts.leaves.append((number, place, float(node["value"])))
                continue
            column, to_left = int(columns[node["feature_idx"]]), bool(node["missing_go_to_left"])
            if node["is_categorical"]:
                levels = trees.levels[node["feature_idx"]].astype(int)
                sides = _sides(bitsets[node["bitset_idx"]], levels, n_levels[column], to_left)
                parts.add_members(number, place, len(nodes), column, sides, (left, right))
            else:
                split = float(node["num_threshold"])
                parts.add(number, place, AT_MOST, column, split, left, right, to_left)
    return graph.double(parts.node(graph, rows.matrix, len(trees.baseline)))


def _sides(bits, levels, n_levels, others_to_left):
    """Numbers of the levels that go to the left, and to the right; with missing and unknown ones.

    Levels that the trees did not get in training go where missing ones do.
    """
    place = np.arange(len(levels))
    is_left = (bits[place // 32] >> (place % 32).astype(np.uint32)) & 1 == 1
    others = np.setdiff1d(np.arange(n_levels + 2), levels)
    left, right = levels[is_left].tolist(), levels[~is_left].tolist()
    (left if others_to_left else right).extend(others.tolist())
    return left, right


class _Parts:
    """The nodes of trees, as they grow: a tuple for each."""

    def __init__(self) -> None:
        self.nodes: list[tuple[int, int, str, int, float, int, int, bool]] = []
        self.leaves: list[tuple[int, int, float]] = []
        self._n_more = 0

    def add(
        self,
        tree: int,
        place: int,
        mode: str,
        column: int = 0,
        split: float = 0.0,
        if_true: int = 0,
        if_false: int = 0,
        missing_is_true: bool = False,
    ) -> None:
        """Add a node."""
        self.nodes.append((tree, place, mode, column, split, if_true, if_false, missing_is_true))

    def add_members(
        self,
        tree: int,
        place: int,
        n_nodes: int,
        column: int,
        sides: tuple[list[int], list[int]],
        branches: tuple[int, int],
    ) -> None:
        """Add a chain of nodes that asks for the levels of the smaller side, one by one."""
        few = int(len(sides[1]) < len(sides[0]))
        members: list[float] = [*sides[few]] or [NO_LEVEL]
        for i, level in enumerate(members):
            following = branches[1 - few]
            if i < len(members) - 1:
                self._n_more += 1
                following = n_nodes + self._n_more
            self.add(tree, place, EQUAL, column, level, branches[few], following)
            place = following

    def node(self, graph: Graph, X: Value, n_outputs: int) -> Value:
        """Sums of the leaves that the rows reach."""
        tree, place, mode, column, split, if_true, if_false, missing = zip(*self.nodes, strict=True)
        leaf_tree, leaf, weight = zip(*self.leaves, strict=True)
        return graph.op(
            "TreeEnsembleRegressor", X, domain=ML, n_targets=n_outputs,
            nodes_treeids=tree, nodes_nodeids=place, nodes_modes=mode, nodes_featureids=column,
            nodes_values_as_tensor=_tensor(split), nodes_truenodeids=if_true,
            nodes_falsenodeids=if_false,
            nodes_missing_value_tracks_true=[int(is_true) for is_true in missing],
            target_treeids=leaf_tree, target_nodeids=leaf,
            target_ids=[number % n_outputs for number in leaf_tree],
            target_weights_as_tensor=_tensor(weight),
        )  # fmt: skip


def _tensor(values: Sequence[float]) -> TensorProto:
    return numpy_helper.from_array(np.array(values, np.float64))
