"""Decision rules: the best way found from posteriors to decisions.

A rule is a matrix ``M``: a row with posteriors ``eta`` goes to the class with the largest
``(eta @ M)``. A diagonal matrix holds a weight for each class.
"""

from dataclasses import dataclass

import numpy as np

from skimbalance.decision._calibration import SMALLEST, fit_calibrator, log_proba
from skimbalance.decision._objectives import Objective

__all__ = ["Rule", "cost_rule", "learn_rule", "threshold_curve", "trusted_truth"]

# The posteriors judge a class as if they were so many of its rows: of 0, 50, 200, 1000 and all it
# gave the best macro-F1 on other rows, for models of different kinds.
PRIOR_ROWS = 200

STARTS = (0.0, 0.5, 1.0)

MOST_PASSES = 20
MOST_FIXED_POINTS = 30

# Of one class' weight, where there are more than two.
MOST_CUTS = 1000

# A function of (y_true, y_pred) is called for so many cut-points at most.
MOST_CALLS = 200


@dataclass
class Rule:
    """Decisions by ``argmax(proba @ matrix)``.

    Parameters
    ----------
    matrix : ndarray of shape (n_classes, n_classes)
        What a unit of posterior of each class (rows) adds to the score of each (columns).
    keeps_limit : bool, default=True
        Whether the limit of the objective, if any, was kept where the rule was learnt.
    """

    matrix: np.ndarray
    keeps_limit: bool = True

    def __call__(self, proba):
        """Class indices of shape (n_samples,)."""
        # Not less than the logarithms of the search: it may have given rows to a class that
        # comes with a zero.
        return np.argmax(np.maximum(np.asarray(proba, dtype=float), SMALLEST) @ self.matrix, axis=1)

    @property
    def weights(self):
        """The diagonal, with mean 1."""
        diagonal = np.diag(self.matrix)
        return diagonal / diagonal.mean()

    @property
    def threshold(self):
        """For two classes: the second is decided from this posterior of it on.

        The scores are lines in the posterior, and cross there.
        """
        (a, b), (c, d) = self.matrix
        total = a - b + d - c
        # No decision matters where it is zero.
        threshold = float(np.clip((a - b) / total, 0, 1)) if total > 0 else 0.5
        return threshold if threshold >= SMALLEST else 0.0


def cost_rule(costs):
    """Least expected cost; ``costs[k, j]`` is that of deciding j for a row of class k."""
    return Rule(_gains(-np.asarray(costs, dtype=float)))


def learn_rule(objective, proba, y, weight, *, n_rows=None, starts=STARTS):
    """The rule with the best score on held-out rows.

    Parameters
    ----------
    objective : Objective or callable
        What to raise; or a function of (true, decided) class indices.
    proba : ndarray of shape (n_samples, n_classes)
        Held-out posteriors.
    y : ndarray of shape (n_samples,)
        Class indices.
    weight : ndarray of shape (n_samples,)
        How much each row counts.
    n_rows : ndarray of shape (n_classes,), default=None
        Distinct rows of each class; by default all are.
    starts : sequence of float, default=(0.0, 0.5, 1.0)
        Powers of the inverse class shares to start the weights of several classes from.

    Returns
    -------
    rule : Rule
        For two classes the best of all thresholds; for more the best found.

    Notes
    -----
    The indicator of class k is replaced by ``share * indicator + (1 - share) * eta_k``, with
    ``share = n_k / (n_k + 200)``: a class with few rows is judged by its posteriors, for which
    the best rule would be a closed form.
    """
    n_classes = proba.shape[1]
    n_rows = np.bincount(y, minlength=n_classes) if n_rows is None else n_rows
    bias, eta, truth = trusted_truth(proba, y, weight, n_rows)
    truth = truth * weight[:, None]
    if not isinstance(objective, Objective):
        search = _SearchOfFunction(objective, log_proba(eta), truth, weight, y)
    else:
        search = _Search(objective, log_proba(eta), truth, weight)
    if n_classes == 2:
        matrix = _diagonal(search.best_weight(np.zeros(2), 1))
    else:
        matrix = search.ascend(starts)
    # A rule on the posteriors as they came: eta is exp(bias) times them, over a number for each
    # row that its scores share.
    gains = np.exp(bias.bias - bias.bias.max())[:, None] * _gains(matrix)
    limited = isinstance(objective, Objective) and objective.slack is not None
    # All ranks of broken limits are below -2, all values from 0 on.
    return Rule(gains, not limited or search.rank(matrix) >= -1)


def trusted_truth(proba, y, weight, n_rows):
    """The indicators of the classes, as far as their rows are trusted, and else their posteriors.

    Parameters
    ----------
    proba, y, weight, n_rows
        As of `learn_rule`.

    Returns
    -------
    bias : LogScaling
        Makes posteriors agree with the class shares in the mean.
    eta, truth : ndarray of shape (n_samples, n_classes)
        Such posteriors, and ``share * indicator + (1 - share) * eta``.
    """
    bias = fit_calibrator("bias", proba, y, weight)
    eta = bias(proba)
    share = n_rows / (n_rows + PRIOR_ROWS)
    return bias, eta, share * (y[:, None] == np.arange(len(n_rows))) + (1 - share) * eta


class _Search:
    """The score of rules on the rows, and the ways to a better one."""

    def __init__(self, objective, log_eta, truth, weight):
        self._objective, self._log_eta = objective, log_eta
        self._truth, self._weight, self._actual = truth, weight, truth.sum(axis=0)
        self._rows = np.arange(len(truth))

    def rank(self, matrix):
        """How good a rule is."""
        return self._rank_of(Rule(matrix)(np.exp(self._log_eta)))

    def _rank_of(self, decided):
        return float(self._objective.rank(*self._sums(decided), self._actual))

    def _sums(self, decided):
        """Weights of the hits and of the decisions, by class."""
        return self._sums_of(decided, self._truth, self._weight)

    def _sums_of(self, decided, truth, weight):
        n_classes = len(self._actual)
        hits = np.bincount(decided, truth[self._rows, decided], n_classes)
        return hits, np.bincount(decided, weight, n_classes)

    def line(self, log_weights, k):
        """All cut-points of the weight of class k, the others' being as they are.

        Returns
        -------
        cuts : ndarray of shape (n_cuts,)
            Logarithms of its weight, each between two of the rows; for more than two classes
            1,000 at most.
        ranks : ndarray of shape (n_cuts,)
            The objective there.
        """
        scores = self._log_eta + log_weights
        scores[:, k] = -np.inf
        other = np.argmax(scores, axis=1)
        # The class takes a row from this weight on.
        needed = scores[self._rows, other] - self._log_eta[:, k]
        order = np.argsort(needed)
        n_taken = self._places(needed[order], self._truth[order, k])
        bounds = needed[order]
        bounds = np.concatenate([[bounds[0] - 2], bounds, [bounds[-1] + 2]])
        cuts = (bounds[n_taken] + bounds[n_taken + 1]) / 2
        return cuts, self._rank_cuts(n_taken, other, order, k)

    def _places(self, needed, truth):
        """Numbers of rows that a cut may take: all that differ, or many where there is news.

        That is, evenly over the rows and evenly over the truth of the class.
        """
        differ = np.concatenate([[True], needed[1:] > needed[:-1], [True]])
        if len(self._actual) > 2 and differ.sum() > MOST_CUTS:
            n_each = MOST_CUTS // 3
            mass = np.cumsum(truth)
            by_truth = np.searchsorted(mass, np.linspace(0, mass[-1], n_each)).clip(
                0, len(mass) - 1
            )
            by_rows = np.linspace(0, len(needed), n_each).astype(int)
            some = np.zeros(len(differ), bool)
            some[by_truth] = some[by_truth + 1] = some[by_rows] = some[0] = True
            differ &= some
        return np.flatnonzero(differ)

    def _rank_cuts(self, n_taken, other, order, k):
        """Ranks where class k takes the first so many rows of an order from the others."""
        n_classes, n_cuts = len(self._actual), len(n_taken)
        other, truth, weight = other[order], self._truth[order], self._weight[order]
        # A row moves at the first cut that takes it.
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
            # Crumbs of the differences: their ratio could be any precision.
            after[np.abs(after) < 1e-12 * self._actual.sum()] = 0
            sums.append(after)
        return self._objective.rank(*sums, self._actual)

    def best_weight(self, log_weights, k):
        """The weights with the best one for class k; of equally good ones the nearest."""
        cuts, ranks = self.line(log_weights, k)
        best = np.flatnonzero(ranks >= ranks.max() - 1e-12)
        nearest = best[np.argmin(np.abs(cuts[best] - log_weights[k]))]
        log_weights = log_weights.copy()
        log_weights[k] = cuts[nearest]
        return log_weights

    def ascend(self, starts):
        """Coordinate ascent over the weights from several starts, and the fixed point."""
        log_inverse = np.log(_inverse(self._actual))
        found = [self._ascend(power * log_inverse) for power in starts]
        matrices = [_diagonal(log_weights) for log_weights in found]
        return max([*matrices, *map(self._fixed_point, matrices)], key=self.rank)

    def _ascend(self, log_weights):
        before = -np.inf
        for _ in range(MOST_PASSES):
            for k in np.argsort(self._actual):
                log_weights = self.best_weight(log_weights, k)
            rank = self.rank(_diagonal(log_weights))
            if rank <= before + 1e-9:
                break
            before = rank
        return log_weights

    def _fixed_point(self, matrix):
        """Best rule on the way of rules that are best for the score's tangent.

        With the sums of the rule before, ``argmax_j (eta_j * d score / d hits_j + d score /
        d predicted_j)``; for the macro-F1 ``argmax_j (2 eta_j - F_j) / (pi_j + mu_j)``
        (Narasimhan et al. 2015).
        """
        best, best_rank = matrix, self.rank(matrix)
        for _ in range(MOST_FIXED_POINTS):
            sums = np.array(self._sums(Rule(matrix)(np.exp(self._log_eta))))
            by_hits, by_predicted = self._gradient(sums)
            before, matrix = matrix, np.diag(by_hits) + by_predicted
            if np.allclose(matrix, before, rtol=1e-9, atol=0):
                break
            rank = self.rank(matrix)
            if rank > best_rank + 1e-12:
                best, best_rank = matrix, rank
        return best

    def _gradient(self, sums):
        """Central differences by the hits and by the decisions, each of shape (n_classes,)."""
        n_classes = sums.shape[1]
        step = 1e-5 * self._actual.sum()
        moves = step * np.eye(2 * n_classes).reshape(2 * n_classes, 2, n_classes)
        up, down = (
            self._objective.rank(moved[:, 0], moved[:, 1], self._actual)
            for moved in (sums + moves, sums - moves)
        )
        return ((up - down) / (2 * step)).reshape(2, n_classes)


class _SearchOfFunction(_Search):
    """As `_Search`, for a function of (true, decided) class indices."""

    def __init__(self, function, log_eta, truth, weight, y):
        super().__init__(None, log_eta, truth, weight)
        self._function, self._y = function, y

    def _rank_of(self, decided):
        return float(self._function(self._y, decided))

    def _places(self, needed, truth):
        places = super()._places(needed, truth)
        some = np.linspace(0, len(places) - 1, min(len(places), MOST_CALLS))
        return places[some.round().astype(int)]

    def _rank_cuts(self, n_taken, other, order, k):
        place = np.empty(len(order), int)
        place[order] = self._rows
        return np.array([self._rank_of(np.where(place < n, k, other)) for n in n_taken])

    def _fixed_point(self, matrix):
        return matrix


def _gains(matrix):
    """The same rule, of what each decision gains over the worst: no class has a start."""
    return matrix - matrix.min(axis=1, keepdims=True)


def _diagonal(log_weights):
    return np.diag(np.exp(log_weights - log_weights.max()))


def _inverse(actual):
    return 1 / np.maximum(actual, 1e-12 * actual.sum())


def threshold_curve(objective, proba, y, weight, thresholds):
    """The objective of two classes at thresholds of the second's posterior.

    Parameters
    ----------
    objective : Objective or callable
        What to judge; or a function of (true, decided) class indices.
    proba : ndarray of shape (n_samples,)
        Posteriors of the second class.
    y, weight : ndarray of shape (n_samples,)
        Class indices and weights.
    thresholds : ndarray of shape (n_thresholds,)
        The second class is decided from there on.

    Returns
    -------
    scores : ndarray of shape (n_thresholds,)
        Values of the objective, whether its limit is kept or not.
    """
    if not isinstance(objective, Objective):
        return np.array([objective(y, (proba >= t).astype(int)) for t in thresholds])
    order = np.argsort(proba)
    of_class = weight[order] * (y[order] == np.array([[0], [1]]))
    below = np.concatenate([np.zeros((2, 1)), np.cumsum(of_class, axis=1)], axis=1)
    below = below[:, np.searchsorted(proba[order], thresholds)]
    actual = of_class.sum(axis=1)
    hits = np.column_stack([below[0], actual[1] - below[1]])
    decided_first = below.sum(axis=0)
    predicted = np.column_stack([decided_first, actual.sum() - decided_first])
    return objective.value(hits, predicted, actual)
