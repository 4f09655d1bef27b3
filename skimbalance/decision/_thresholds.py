"""The search for thresholds of labels: all cuts of one, and the best cuts of all together."""

import numpy as np
from scipy.special import expit, logit

from skimbalance.decision._calibration import inside, two_classes
from skimbalance.decision._rules import MOST_PASSES, trusted_truth
from skimbalance.metrics._scores import f1

__all__ = ["OVER_HALF", "Line", "best_places", "given_line", "judged_line"]

# A function of (y_true, y_pred) is called for so many cut-points of a label and pass at most.
MOST_CALLS = 50

# As scikit-learn's classifiers decide: a half is not enough.
OVER_HALF = np.nextafter(0.5, 1)


class Line:
    """All cuts of one label: a falling threshold takes the rows one after the other.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Log-odds of the label.
    truth : ndarray of shape (n_samples,)
        How far each row is held to have it.
    weight : ndarray of shape (n_samples,)
        How much each row counts.
    near : float
        Of equally good cuts the nearest to it is taken.
    """

    def __init__(self, scores, truth, weight, near):
        self.truth, self.actual = truth, weight @ truth
        self._weight, self._near = weight, near
        self._order = np.argsort(-scores, kind="stable")
        falling = scores[self._order]
        differ = np.concatenate([[True], falling[1:] < falling[:-1], [True]])
        ends = np.concatenate([[falling[0] + 2], falling, [falling[-1] - 2]])
        self._n_taken, self.cuts = np.flatnonzero(differ), ((ends[:-1] + ends[1:]) / 2)[differ]

    def keep(self, places):
        """Forget the other cuts."""
        self._n_taken, self.cuts = self._n_taken[places], self.cuts[places]

    def sums(self, values):
        """Of the rows that are taken, weighted, at each cut."""
        values = (self._weight * values)[self._order]
        return np.append(0, np.cumsum(values))[self._n_taken]

    def best(self, values):
        """Place of the largest value; of equally large ones the nearest."""
        best = np.flatnonzero(values >= values.max() - 1e-12 * np.abs(values).max())
        return best[np.argmin(np.abs(self.cuts[best] - self._near))]

    def decided(self, place):
        """Which rows are taken."""
        decided = np.zeros(len(self._order), bool)
        decided[self._order[: self._n_taken[place]]] = True
        return decided

    def threshold(self, place):
        """The cut as a posterior."""
        return expit(self.cuts[place])


def judged_line(proba, y, weight, n_rows):
    """By the indicator, as far as so few rows are trusted, and else by the posteriors."""
    bias, _, truth = trusted_truth(two_classes(proba), y, weight, n_rows)
    # Near to the most probable: a half, after the bias.
    return Line(logit(inside(proba)), truth[:, 1], weight, bias.bias[0] - bias.bias[1])


def given_line(proba, y, weight):
    """With one cut, at a half."""
    line = Line(np.where(proba >= OVER_HALF, 1.0, -1.0), y, weight, 0.0)
    line.keep(line.cuts == 0)
    return line


def best_places(objective, lines, y, weight):
    """The best cut of each label.

    Parameters
    ----------
    objective : str or callable
        Key of `LABEL_OBJECTIVES`, or a function of (true, decided) indicators.
    lines : list of Line
        One for each label.
    y : ndarray of shape (n_samples, n_labels)
        Indicators.
    weight : ndarray of shape (n_samples,)
        How much each row counts.

    Returns
    -------
    places : list of int
        Of the cuts of each line. For the macro- and micro-F1 none are better; else none is
        better alone.
    """
    if objective == "f1_macro":
        return [place for line in lines for place in _best_f1([line])]
    if objective == "f1_micro":
        return _best_f1(lines)
    if objective == "f1_samples":
        return _RowF1(lines, _best_f1(lines), weight).ascend()
    for line in lines:
        n_cuts = len(line.cuts)
        line.keep(np.linspace(0, n_cuts - 1, min(n_cuts, MOST_CALLS)).round().astype(int))
    return _OfFunction(lines, _best_f1(lines), objective, y).ascend()


def _best_f1(lines):
    """Places of the cuts with the largest F1 of all the labels' decisions together.

    Where F is the largest, so is ``2 hits - F predicted``, of which each line has the largest for
    itself (Dinkelbach 1967).
    """
    actual, found = sum(line.actual for line in lines), 0.0
    hits = [line.sums(line.truth) for line in lines]
    predicted = [line.sums(np.ones(len(line.truth))) for line in lines]
    while True:
        before = found
        places = [
            line.best(2 * h - before * p) for line, h, p in zip(lines, hits, predicted, strict=True)
        ]
        found = f1(
            sum(h[place] for h, place in zip(hits, places, strict=True)),
            sum(p[place] for p, place in zip(predicted, places, strict=True)),
            actual,
        )
        if found <= before + 1e-12:
            return places


class _Decisions:
    """Decisions for all labels, bettered label by label.

    Parameters
    ----------
    lines : list of Line
        One for each label.
    places : list of int
        Where on them to start.
    """

    def __init__(self, lines, places):
        self._lines, self._places = lines, list(places)
        self._decided = np.zeros((len(lines[0].truth), len(lines)), bool)
        for k, place in enumerate(places):
            self._decide(k, lines[k].decided(place))

    def ascend(self):
        """Places of cuts of which none alone can be bettered."""
        before = -np.inf
        for _ in range(MOST_PASSES):
            for k in np.argsort([line.actual for line in self._lines]):
                value = self._better(k)
            if value <= before + 1e-9:
                break
            before = value
        return self._places

    def _better(self, k):
        """Put a label at its best cut, given the others', and say how good that is."""
        self._decide(k, np.zeros(len(self._decided), bool))
        values = self._values(k)
        self._places[k] = place = self._lines[k].best(values)
        self._decide(k, self._lines[k].decided(place))
        return values[place]

    def _decide(self, k, decided):
        self._decided[:, k] = decided


class _RowF1(_Decisions):
    """For the mean F1 of the rows."""

    def __init__(self, lines, places, weight):
        self._weight = weight
        self._hits, self._predicted = np.zeros((2, len(weight)))
        self._actual = sum(line.truth for line in lines)
        super().__init__(lines, places)

    def _decide(self, k, decided):
        change = decided.astype(float) - self._decided[:, k]
        self._hits += change * self._lines[k].truth
        self._predicted += change
        super()._decide(k, decided)

    def _values(self, k):
        """At each cut of a label that is decided nowhere yet: a row's F1 moves where it is."""
        line = self._lines[k]
        without = f1(self._hits, self._predicted, self._actual)
        with_label = f1(self._hits + line.truth, self._predicted + 1, self._actual)
        total = self._weight @ without + line.sums(with_label - without)
        return total / self._weight.sum()


class _OfFunction(_Decisions):
    """For a function of (true, decided) indicators."""

    def __init__(self, lines, places, function, y):
        super().__init__(lines, places)
        self._function, self._y = function, y

    def _values(self, k):
        values = []
        for place in range(len(self._lines[k].cuts)):
            decided = self._decided.astype(int)
            decided[:, k] = self._lines[k].decided(place)
            values.append(float(self._function(self._y, decided)))
        return np.array(values)
