"""Decision rules for class labels, and the search for the best one.

A rule is a matrix M: a row with the posteriors eta goes to the class with the largest ``eta @ M``.
A diagonal matrix holds a weight for each class.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skimbalance.decision._calibration import (
    FEW_CLASSES,
    SMALLEST,
    LogScaling,
    fit_calibrator,
    log_proba,
    rounds_in_budget,
)
from skimbalance.decision._objectives import (
    MOST_CALLS,
    ClassObjective,
    CostObjective,
    CustomObjective,
)
from skimbalance.metrics._sums import one_blas_thread

__all__ = ["MOST_PASSES", "STARTS", "Rule", "best_rule", "cost_rule", "trusted_truth"]

# In judging a class, its posteriors count as much as this number of its rows. Among 0, 50, 200,
# 1,000 and infinity, 200 gave the best macro-F1 on other rows, for models of different kinds.
PRIOR_ROWS = 200

# The search for the weights of several classes starts from these powers of the inverse class
# shares.
STARTS = (0.0, 0.5, 1.0)

MOST_PASSES = 20
MOST_FIXED_POINTS = 30

# Maximum number of cut-points of the weight of one class, if there are more than two classes.
MOST_CUTS = 1000


@dataclass
class Rule:
    """Decisions by ``argmax(proba @ matrix)``.

    Parameters
    ----------
    matrix : ndarray of shape (n_classes, n_classes)
        ``matrix[k, j]`` is what a unit of the posterior of class k adds to the score of class j.
    keeps_limit : bool, default=True
        Whether the rule keeps the limit of the objective, if any, on the rows it was learnt from.
    """

    matrix: np.ndarray
    keeps_limit: bool = True

    def __call__(self, proba: npt.ArrayLike) -> np.ndarray:
        """Decisions as class indices of shape (n_samples,)."""
        # Zeros are raised as in the logarithms of the search, which may have given rows to a class
        # with a posterior of zero.
        raised = np.maximum(np.asarray(proba, dtype=float), SMALLEST)
        with one_blas_thread():
            return np.argmax(raised @ self.matrix, axis=1)

    @property
    def weights(self) -> np.ndarray:
        """Weight of each class: the diagonal, scaled to mean 1."""
        diagonal = np.diag(self.matrix)
        return diagonal / diagonal.mean()

    @property
    def threshold(self) -> float:
        """Posterior of the second of two classes from which on it is decided.

        As functions of this posterior, the scores of the two classes are lines that cross here.
        """
        (a, b), (c, d) = self.matrix
        total = a - b + d - c
        # If the total is zero, both decisions always have the same score.
        threshold = float(np.clip((a - b) / total, 0, 1)) if total > 0 else 0.5
        return threshold if threshold >= SMALLEST else 0.0


def cost_rule(costs: npt.ArrayLike) -> Rule:
    """The rule of least expected cost; see `CostObjective` for the costs."""
    return Rule(_gains(-np.asarray(costs, dtype=float)))


def best_rule(
    objective: ClassObjective,
    proba: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    *,
    n_rows: np.ndarray | None = None,
    starts: Sequence[float] = STARTS,
) -> Rule:
    """Find the rule with the best score on held-out rows.

    Parameters
    ----------
    objective : Objective, CostObjective or CustomObjective
        Score to maximise.
    proba : ndarray of shape (n_samples, n_classes)
        Held-out posteriors.
    y : ndarray of shape (n_samples,)
        Class indices.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    n_rows : ndarray of shape (n_classes,), default=None
        Number of distinct rows of each class. By default all rows are distinct.
    starts : sequence of float, default=(0.0, 0.5, 1.0)
        Powers of the inverse class shares from which the search for the weights of several classes
        starts.

    Returns
    -------
    rule : Rule
        For two classes the best of all thresholds; for more classes the best rule found. For costs
        the rule of least expected cost.

    Notes
    -----
    The indicator of class k is replaced by ``share * indicator + (1 - share) * eta_k``, with
    ``share = n_k / (n_k + 200)``. So a class with few rows is judged by its posteriors. If it were
    judged by them alone, the best rule would have a closed form.
    """
    if isinstance(objective, CostObjective):
        return cost_rule(objective.costs)
    n_classes = proba.shape[1]
    n_rows = np.bincount(y, minlength=n_classes) if n_rows is None else n_rows
    bias, eta, truth = trusted_truth(proba, y, weight, n_rows)
    truth = truth * weight[:, None]
    search: _Search
    if isinstance(objective, CustomObjective):
        search = _CustomSearch(objective, log_proba(eta), truth, weight, y)
    else:
        search = _Search(objective, log_proba(eta), truth, weight)
    if n_classes == 2:
        matrix = _diagonal(search.best_weight(np.zeros(2), 1))
    else:
        matrix = search.ascend(starts)
    # The rule should apply to the posteriors before the bias: eta is exp(bias) times these, divided
    # by a number that is the same for all classes of a row.
    gains = np.exp(bias.bias - bias.bias.max())[:, None] * _gains(matrix)
    # Ranks are below -2 where a limit is broken; values with a limit are at least 0.
    return Rule(gains, objective.slack is None or search.rank(matrix) >= -1)


def trusted_truth(
    proba: np.ndarray, y: np.ndarray, weight: np.ndarray, n_rows: np.ndarray
) -> tuple[LogScaling, np.ndarray, np.ndarray]:
    """Mix the indicator of each class with its posterior: the more rows, the more indicator.

    Parameters
    ----------
    proba, y, weight, n_rows
        Arguments of `best_rule`.

    Returns
    -------
    bias : LogScaling
        Calibrator that makes the mean posterior of each class equal to its share.
    eta, truth : ndarray of shape (n_samples, n_classes)
        The posteriors after this calibrator, and ``share * indicator + (1 - share) * eta``.
    """
    bias = fit_calibrator("bias", proba, y, weight)
    eta = bias(proba)
    share = n_rows / (n_rows + PRIOR_ROWS)
    return bias, eta, share * (y[:, None] == np.arange(len(n_rows))) + (1 - share) * eta


class _Search:
    """The search for a matrix with a good score on the rows.

    Let all class weights be fixed except that of class k. As this weight rises, class k takes one
    row after another from the other classes. So all rows are sorted by the weight at which class k
    takes them, and between two neighbours in this order lies a cut-point. As scores depend on sums
    over rows only, cumulative sums in this order give the score at every cut-point at once. The
    search repeats this for one class after another, unless there are so many classes that not all
    can have their turn in the budget of the search.

    Parameters
    ----------
    objective : Objective
        Score to maximise.
    log_eta : ndarray of shape (n_samples, n_classes)
        Logarithms of the posteriors.
    truth : ndarray of shape (n_samples, n_classes)
        Weight of each row as a row of each class, see `trusted_truth`.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    """

    def __init__(self, objective, log_eta, truth, weight):
        self._objective, self._log_eta = objective, log_eta
        self._truth, self._weight, self._actual = truth, weight, truth.sum(axis=0)
        self._rows, self._eta = np.arange(len(truth)), np.exp(log_eta)

    def rank(self, matrix):
        """Rank of the objective for a rule, given as its matrix."""
        return self._rank_of(self._decided(matrix))

    def _decided(self, matrix):
        """Decisions of a rule whose matrix is diagonal, apart from the same row added to all."""
        n_classes = len(matrix)
        if n_classes <= FEW_CLASSES:
            return Rule(matrix)(self._eta)
        # The same without the product of large matrices: off the diagonal, columns are constant.
        row = matrix[np.arange(1, n_classes + 1) % n_classes, np.arange(n_classes)]
        scores = self._eta * (np.diag(matrix) - row)
        scores += row
        return np.argmax(scores, axis=1)

    def _rank_of(self, decided):
        return float(self._objective.rank(*self._sums(decided), self._actual))

    def _sums(self, decided):
        """Weights of the hits and of the decisions of each class."""
        return self._sums_of(decided, self._truth, self._weight)

    def _sums_of(self, decided, truth, weight):
        n_classes = len(self._actual)
        hits = np.bincount(decided, truth[self._rows, decided], n_classes)
        return hits, np.bincount(decided, weight, n_classes)

    def sweep(self, log_weights, k):
        """All cut-points of the weight of class k, while the other weights are fixed.

        Returns
        -------
        cuts : ndarray of shape (n_cuts,)
            Logarithms of the weight of class k, each between two neighbouring rows; at most 1,000
            for more than two classes.
        ranks : ndarray of shape (n_cuts,)
            Ranks of the objective at the cut-points.
        """
        scores = self._log_eta + log_weights
        scores[:, k] = -np.inf
        other = np.argmax(scores, axis=1)
        # Logarithm of the weight at which class k takes the row.
        needed = scores[self._rows, other] - self._log_eta[:, k]
        order = np.argsort(needed)
        n_taken = self._numbers_taken(needed[order], self._truth[order, k])
        bounds = needed[order]
        bounds = np.concatenate([[bounds[0] - 2], bounds, [bounds[-1] + 2]])
        cuts = (bounds[n_taken] + bounds[n_taken + 1]) / 2
        return cuts, self._rank_cuts(n_taken, other, order, k)

    def _numbers_taken(self, needed, truth):
        """Number of rows that class k takes at each cut-point.

        Rows with equal `needed` are taken together. If there are too many cut-points, a part of
        them is kept that is spread evenly over the rows and evenly over the truth of the class.
        """
        differ = np.concatenate([[True], needed[1:] > needed[:-1], [True]])
        if len(self._actual) > 2 and differ.sum() > MOST_CUTS:
            n_each = MOST_CUTS // 3
            mass = np.cumsum(truth)
            by_truth = np.searchsorted(mass, np.linspace(0, mass[-1], n_each)).clip(
                0, len(mass) - 1
            )
            by_rows = np.linspace(0, len(needed), n_each).astype(int)
            kept = np.zeros(len(differ), bool)
            kept[by_truth] = kept[by_truth + 1] = kept[by_rows] = kept[0] = True
            differ &= kept
        return np.flatnonzero(differ)

    def _rank_cuts(self, n_taken, other, order, k):
        """Ranks where class k takes the first `n_taken` rows of the order from other classes."""
        n_classes, n_cuts = len(self._actual), len(n_taken)
        other, truth, weight = other[order], self._truth[order], self._weight[order]
        # A row moves to class k at the first cut-point that takes it.
        cut = np.searchsorted(n_taken, self._rows + 1)
        shape = (n_cuts, n_classes)
        place = cut * n_classes + other
        moved = (truth[self._rows, other], weight)
        gained = (truth[:, k], weight)
        sums = []
        for start, lost, won in zip(
            self._sums_of(other, truth, weight), moved, gained, strict=True
        ):
            change = -np.bincount(place, lost, n_cuts * n_classes).reshape(shape)
            change[:, k] += np.bincount(cut, won, n_cuts)
            change[0] += start
            after = np.cumsum(change, axis=0)
            # Rounding errors of the differences: their ratio could be any precision.
            after[np.abs(after) < 1e-12 * self._actual.sum()] = 0
            sums.append(after)
        return self._objective.rank(*sums, self._actual)

    def best_weight(self, log_weights, k):
        """The weights with the best one for class k; the nearest one if several are best."""
        cuts, ranks = self.sweep(log_weights, k)
        best = np.flatnonzero(ranks >= ranks.max() - 1e-12)
        nearest = best[np.argmin(np.abs(cuts[best] - log_weights[k]))]
        log_weights = log_weights.copy()
        log_weights[k] = cuts[nearest]
        return log_weights

    def ascend(self, starts):
        """The best matrix of coordinate ascents over the weights, and of the fixed point."""
        log_inverse = np.log(_inverse(self._actual))
        matrices = [_diagonal(self._ascend(power * log_inverse)) for power in starts]
        # With many classes the fixed point takes long, too: one start is then enough.
        n_classes = len(self._actual)
        first = matrices if n_classes <= FEW_CLASSES else [max(matrices, key=self.rank)]
        return max([*matrices, *map(self._fixed_point, first)], key=self.rank)

    def _ascend(self, log_weights):
        before, n_classes = -np.inf, len(self._actual)
        for _ in range(rounds_in_budget(MOST_PASSES, n_classes, self._values_in_a_pass())):
            for k in np.argsort(self._actual):
                log_weights = self.best_weight(log_weights, k)
            rank = self.rank(_diagonal(log_weights))
            if rank <= before + 1e-9:
                break
            before = rank
        return log_weights

    def _values_in_a_pass(self):
        return len(self._actual) ** 2 * (len(self._rows) + MOST_CUTS)

    def _fixed_point(self, matrix):
        """The best of a sequence of rules, each of which is best for the tangent of the score.

        The tangent is taken at the sums of the rule before. Its best rule decides for
        ``argmax_j (eta_j * d score / d hits_j + d score / d predicted_j)``, which for the macro-F1
        is ``argmax_j (2 eta_j - F_j) / (pi_j + mu_j)`` (Narasimhan et al. 2015).
        """
        decided = self._decided(matrix)
        best, best_rank = matrix, self._rank_of(decided)
        n_classes = len(self._actual)
        in_a_round = n_classes * (len(self._rows) + 4 * n_classes)
        for _ in range(rounds_in_budget(MOST_FIXED_POINTS, n_classes, in_a_round)):
            sums = np.array(self._sums(decided))
            by_hits, by_predicted = self._gradient(sums)
            before, matrix = matrix, np.diag(by_hits) + by_predicted
            if np.allclose(matrix, before, rtol=1e-9, atol=0):
                break
            decided = self._decided(matrix)
            rank = self._rank_of(decided)
            if rank > best_rank + 1e-12:
                best, best_rank = matrix, rank
        return best

    def _gradient(self, sums):
        """Central differences by the hits and by the decisions, both of shape (n_classes,)."""
        n_classes = sums.shape[1]
        step = 1e-5 * self._actual.sum()
        moves = step * np.eye(2 * n_classes).reshape(2 * n_classes, 2, n_classes)
        up, down = (
            self._objective.rank(moved[:, 0], moved[:, 1], self._actual)
            for moved in (sums + moves, sums - moves)
        )
        return ((up - down) / (2 * step)).reshape(2, n_classes)


class _CustomSearch(_Search):
    """The search for a `CustomObjective`: the function is called at each cut-point."""

    def __init__(self, objective, log_eta, truth, weight, y):
        super().__init__(objective, log_eta, truth, weight)
        self._y = y

    def _rank_of(self, decided):
        return self._objective.score(self._y, decided, self._weight)

    def _numbers_taken(self, needed, truth):
        n_taken = super()._numbers_taken(needed, truth)
        kept = np.linspace(0, len(n_taken) - 1, min(len(n_taken), MOST_CALLS))
        return n_taken[kept.round().astype(int)]

    def _rank_cuts(self, n_taken, other, order, k):
        place = np.empty(len(order), int)
        place[order] = self._rows
        return np.array([self._rank_of(np.where(place < n, k, other)) for n in n_taken])

    def _values_in_a_pass(self):
        # A call of a function takes as long as some thousands of numbers.
        return len(self._actual) * MOST_CALLS * 2000

    def _fixed_point(self, matrix):
        """The matrix itself: a function has no tangent."""
        return matrix


def _gains(matrix):
    """The same rule, expressed as the gain of each decision over the worst; none is negative."""
    return matrix - matrix.min(axis=1, keepdims=True)


def _diagonal(log_weights):
    return np.diag(np.exp(log_weights - log_weights.max()))


def _inverse(actual):
    return 1 / np.maximum(actual, 1e-12 * actual.sum())
