"""Fitted gradient boosting as plain arrays, which a model file can hold and a reader can check."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.special import expit, softmax

from skimbalance._validation import tree_values

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

__all__ = ["BoostedTrees"]


@dataclass(frozen=True, eq=False)
class BoostedTrees:
    """The trees of a `HistGradientBoostingClassifier`, and what it makes of their values.

    Parameters
    ----------
    nodes : structured ndarray of shape (n_nodes,)
        Nodes of the first tree, then those of the next, as scikit-learn keeps them.
    node_ends : ndarray of int of shape (n_trees,)
        Where the nodes of each tree end. Trees of one round stand side by side.
    bitsets : ndarray of uint32 of shape (n_bitsets, 8)
        Levels that go to the left, for the nodes of categories of each tree.
    bitset_ends : ndarray of int of shape (n_trees,)
        Where the bitsets of each tree end.
    known_bitsets : ndarray of uint32 of shape (n_categories, 8)
        Levels of each category that training rows had.
    feature_map : ndarray of uint32 of shape (n_features,)
        Row of `known_bitsets` for each column, in the order of the trees: categories come first.
    baseline : ndarray of shape (n_outputs,)
        Values before the first tree: one for two classes, else one for each class.
    classes : ndarray of int of shape (n_seen,)
        Class indices that training rows had.
    categories : ndarray of int of shape (n_categories,)
        The columns of rows that are categories.
    levels : list of ndarray
        Levels of each of these, in ascending order: the trees know them by their place.
    """

    nodes: np.ndarray
    node_ends: np.ndarray
    bitsets: np.ndarray
    bitset_ends: np.ndarray
    known_bitsets: np.ndarray
    feature_map: np.ndarray
    baseline: np.ndarray
    classes: np.ndarray
    categories: np.ndarray
    levels: list[np.ndarray]

    @classmethod
    def of(cls, model: "HistGradientBoostingClassifier") -> Self:
        """The trees of a fitted model."""
        trees = [tree for of_round in model._predictors for tree in of_round]
        bitsets = [np.reshape(tree.raw_left_cat_bitsets, (-1, 8)) for tree in trees]
        known_bitsets, feature_map = model._bin_mapper.make_known_categories_bitsets()
        categories, levels = np.empty(0, int), []
        if model.is_categorical_ is not None:
            categories = np.flatnonzero(model.is_categorical_)
            encoder = model._preprocessor.named_transformers_["encoder"]
            levels = [known[~np.isnan(known)] for known in encoder.categories_]
        return cls(
            nodes=np.concatenate([tree.nodes for tree in trees]),
            node_ends=np.cumsum([len(tree.nodes) for tree in trees]),
            bitsets=np.concatenate(bitsets).astype(np.uint32),
            bitset_ends=np.cumsum([len(part) for part in bitsets]),
            known_bitsets=np.array(known_bitsets, np.uint32),
            feature_map=np.array(feature_map, np.uint32),
            baseline=np.ravel(model._baseline_prediction).astype(float),
            classes=np.array(model.classes_),
            categories=categories,
            levels=levels,
        )

    def shifted(self, shift: np.ndarray) -> Self:
        """Trees whose logits are higher by a number for each class, seen or not."""
        seen = shift[self.classes]
        by = seen if len(self.baseline) > 1 else seen[-1] - seen[0]
        return replace(self, baseline=self.baseline + by)

    def first(self, n_rounds: int) -> Self:
        """The trees of the first rounds alone."""
        n_trees = n_rounds * len(self.baseline)
        ends, bitset_ends = self.node_ends[:n_trees], self.bitset_ends[:n_trees]
        nodes, bitsets = self.nodes[: ends[-1]].copy(), self.bitsets[: bitset_ends[-1]].copy()
        return replace(self, nodes=nodes, node_ends=ends, bitsets=bitsets, bitset_ends=bitset_ends)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Probabilities of the classes that training rows had, as the model gives them."""
        return next(self.staged_predict_proba(X, [len(self.node_ends) // len(self.baseline)]))

    def staged_predict_proba(self, X: np.ndarray, stages: Iterable[int]) -> Iterator[np.ndarray]:
        """What `predict_proba` gives by the first rounds alone, for ascending numbers of them."""
        X = self._as_trees_take(X)
        raw = np.tile(self.baseline, (len(X), 1))
        node_starts, bitset_starts = (
            np.append(0, ends)[:-1] for ends in (self.node_ends, self.bitset_ends)
        )
        out, n_added = np.empty(len(X)), 0
        for n_rounds in stages:
            for tree in range(n_added, n_rounds * len(self.baseline)):
                tree_values(
                    self.nodes[node_starts[tree] : self.node_ends[tree]],
                    X,
                    self.bitsets[bitset_starts[tree] : self.bitset_ends[tree]],
                    self.known_bitsets,
                    self.feature_map,
                    out,
                )
                raw[:, tree % len(self.baseline)] += out
            n_added = n_rounds * len(self.baseline)
            if len(self.baseline) > 1:
                yield softmax(raw, axis=1)
            else:
                yield np.column_stack([expit(-raw[:, 0]), expit(raw[:, 0])])

    def _as_trees_take(self, X):
        """Rows with the categories first, by the places of their levels."""
        if X.shape[1] != len(self.feature_map):
            raise ValueError(
                f"The rows must have {len(self.feature_map)} columns, as in fit. "
                f"Got {X.shape[1]} instead."
            )
        X = np.asarray(X, dtype=np.float64)
        if not len(self.categories):
            return np.ascontiguousarray(X)
        places = [_places(X[:, j], of) for j, of in zip(self.categories, self.levels, strict=True)]
        return np.column_stack([*places, np.delete(X, self.categories, axis=1)])

    def wrong_parts(self) -> list[str]:
        """What does not fit together: nothing, but in a damaged file.

        Compiled code follows the nodes without a look at where they lead.
        """
        n_features, wrong = len(self.feature_map), []
        names = self.nodes.dtype.names or ()
        if not {"left", "right", "feature_idx", "is_categorical", "bitset_idx"} <= {*names}:
            return ["nodes"]
        tree = np.searchsorted(self.node_ends, np.arange(len(self.nodes)), side="right")
        sizes, n_bitsets = np.diff(self.node_ends, prepend=0), np.diff(self.bitset_ends, prepend=0)
        whole = len(sizes) == len(n_bitsets) and np.all(sizes > 0) and np.all(n_bitsets >= 0)
        ends = [self.node_ends[-1:].tolist(), self.bitset_ends[-1:].tolist()]
        if not whole or ends != [[len(self.nodes)], [len(self.bitsets)]]:
            return ["node_ends"]
        place = np.arange(len(self.nodes)) - np.append(0, self.node_ends)[tree]
        inner = self.nodes["is_leaf"] == 0
        for name in ("left", "right"):  # children come later, so that every way ends
            child = self.nodes[name].astype(np.int64)
            if np.any(inner & ((child <= place) | (child >= sizes[tree]))):
                wrong.append(name)
        feature = self.nodes["feature_idx"]
        if np.any(inner & ((feature < 0) | (feature >= n_features))):
            return [*wrong, "feature_idx"]
        of_category = inner & (self.nodes["is_categorical"] != 0)
        row = self.feature_map[np.where(of_category, feature, 0)]
        if np.any(of_category & (self.nodes["bitset_idx"] >= n_bitsets[tree])) or np.any(
            of_category & (row >= len(self.known_bitsets))
        ):
            wrong.append("bitset_idx")
        shapes: list[Any] = [self.bitsets.shape[1:], self.known_bitsets.shape[1:]]
        if shapes != [(8,), (8,)] or any(len(known) > 256 for known in self.levels):
            wrong.append("bitsets")
        return wrong


def _places(column, levels):
    """Place of each value among the levels; NaN for other values."""
    if not len(levels):
        return np.full(len(column), np.nan)
    place = np.minimum(np.searchsorted(levels, column), len(levels) - 1)
    return np.where(levels[place] == column, place, np.nan)
