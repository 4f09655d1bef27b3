"""Bins of numbers: their edges, and the positions of numbers among them."""

from dataclasses import dataclass
from typing import Self

import numpy as np

__all__ = ["MOST_BINS", "Bins"]

# Bins of a column; the piecewise-linear embedding of `skimbalance.networks` has as many.
MOST_BINS = 32

# A supervised bin has at least this many training rows.
FEWEST_ROWS = 8

# Smaller bins have slopes that overflow.
SMALLEST_WIDTH = 1e-300

# With more columns of more than two values there are no bins: they would outgrow the network.
MOST_COLUMNS = 150

# Edges are learnt from about this many rows at most: what they say hardly changes beyond.
MOST_ROWS = 2**15


@dataclass(frozen=True, eq=False)
class Bins:
    """Edges of the bins of some columns.

    Parameters
    ----------
    columns : ndarray of int of shape (n_columns,)
        The columns that have bins: those of more than two values, unless these are too many.
    edges : ndarray of shape (n_all,)
        Edges of the first column in ascending order, then those of the next.
    ends : ndarray of int of shape (n_columns,)
        Where the edges of each column end.
    """

    columns: np.ndarray
    edges: np.ndarray
    ends: np.ndarray

    @classmethod
    def learn(cls, X: np.ndarray, y: np.ndarray | None) -> Self:
        """Learn the edges from training rows.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_columns)
            Numbers, finite.
        y : ndarray of shape (n_rows,) or (n_rows, n_labels), or None
            Class indices, or an indicator, with which the bins are the leaves of a decision tree
            on each column alone; None for bins of about as many rows each.
        """
        if len(X) > MOST_ROWS:
            rows = _some_rows(len(X), y)
            X, y = X[rows], None if y is None else y[rows]
        columns = np.flatnonzero([len(np.unique(column)) > 2 for column in X.T])
        if len(columns) > MOST_COLUMNS:
            columns = columns[:0]
        edges = [_edges(X[:, j], y) for j in columns]
        ends = np.cumsum([len(of_column) for of_column in edges], dtype=int)
        return cls(columns, np.concatenate([np.empty(0), *edges]), ends)

    def positions(self, X: np.ndarray) -> np.ndarray:
        """Position of each number: ``t + s`` is at the share s of the way through bin t.

        Numbers beyond the first and the last edge are at these.
        """
        found = np.empty((len(X), len(self.columns)))
        starts = np.append(0, self.ends)[:-1]
        for i, (j, start, end) in enumerate(zip(self.columns, starts, self.ends, strict=True)):
            found[:, i] = np.interp(X[:, j], self.edges[start:end], np.arange(end - start))
        return found


def _some_rows(n_rows, y):
    """Evenly spaced rows; given class indices, about as many of each class: rare ones stay."""
    if y is None or y.ndim > 1:
        return np.arange(0, n_rows, -(-n_rows // MOST_ROWS))
    most = MOST_ROWS // (y.max() + 1)
    of_class = [np.flatnonzero(y == c) for c in np.unique(y)]
    return np.concatenate([rows[:: -(-len(rows) // most)] for rows in of_class])


def _edges(x, y):
    low, high = x.min(), x.max()
    if y is None:
        cuts = np.quantile(x, np.linspace(0, 1, MOST_BINS + 1)[1:-1])
    else:
        from sklearn.tree import DecisionTreeClassifier

        # Trees work in float32, in which numbers far from zero would be equal.
        scaled = ((x - low) / (high - low))[:, np.newaxis]
        tree = DecisionTreeClassifier(
            criterion="entropy",
            max_leaf_nodes=MOST_BINS,
            min_samples_leaf=FEWEST_ROWS,
            random_state=0,
        )
        found = tree.fit(scaled, y).tree_
        cuts = found.threshold[found.children_left >= 0] * (high - low) + low
    inner = np.unique(cuts)
    edges = np.concatenate([[low], inner[(inner > low) & (inner < high)], [high]])
    return edges[np.diff(edges, prepend=-np.inf) > SMALLEST_WIDTH]
