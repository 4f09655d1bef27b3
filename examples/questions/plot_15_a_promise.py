"""
How sure is it, with a promise?
===============================

A threshold that keeps a precision on your rows often misses it on new ones, as it was chosen for
its luck. If you have to promise the precision, test each threshold and take one that passes: then
it holds with a probability that you choose, and costs some recall. For a single row the promise
is a set of classes that holds the true one with a chosen probability, in every class. Both come
from MAPIE, around any classifier, and need rows that nothing has seen.
"""

# %%
# The threshold that looks best
# -----------------------------
# The rows are simulated, so that we know the population: 100,000 rows, of which a twentieth is
# rare. A network trains on 4,000 others. Then 3,000 held-out rows are drawn, a hundred times, and
# each draw chooses a threshold in two ways. The first is the usual one: the threshold with the most
# recall of those whose precision on the drawn rows is at least .8.

import matplotlib.pyplot as plt
import numpy as np
from mapie.risk_control import BinaryClassificationController
from sklearn.datasets import make_classification
from sklearn.metrics import precision_score, recall_score

from skimbalance import ImbalancedMLPClassifier

X, y = make_classification(
    104_000, n_informative=8, weights=[0.95], flip_y=0.01, class_sep=1.0, random_state=0
)
clf = ImbalancedMLPClassifier((32,), class_weight=None, epochs=20, random_state=0)
clf.fit(X[:4000], y[:4000])
X, y = X[4000:], y[4000:]
posterior = clf.predict_proba(X)[:, 1]

LEVEL = 0.8
thresholds = np.linspace(0.05, 0.95, 19)
in_population = {t: precision_score(y, posterior >= t) for t in thresholds}


def looks_best(rows):
    kept = [t for t in thresholds if precision_score(y[rows], posterior[rows] >= t) >= LEVEL]
    return min(kept)


# %%
# The threshold that passes a test
# --------------------------------
# The second way tests for each threshold whether its precision in the population can be below .8:
# how probable would so few false alarms be among its alarms? The tests are corrected for their
# number, and of the thresholds that pass, the one with the most recall is taken
# :cite:p:`angelopoulos2025learn`. With a probability of .9 its precision is at least .8.


def passes(rows):
    promise = BinaryClassificationController(
        clf.predict_proba,
        risk="precision",
        target_level=LEVEL,
        confidence_level=0.9,
        list_predict_params=thresholds,
    )
    return promise.calibrate(X[rows], y[rows]).best_predict_param


rng = np.random.default_rng(0)
draws = [rng.choice(len(y), 3000, replace=False) for _ in range(100)]
chosen = {
    "looks best": [looks_best(rows) for rows in draws],
    "passes a test": [passes(rows) for rows in draws],
}

fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
styles = [{"color": "#7F7F7F"}, {"color": "#D55E00", "alpha": 0.7}]
for (name, found), style in zip(chosen.items(), styles, strict=True):
    precision = np.array([in_population[t] for t in found])
    recall = np.mean([recall_score(y, posterior >= t) for t in found])
    broken = np.mean(precision < LEVEL)
    print(f"{name}: below {LEVEL} in {broken:.0%} of the draws, mean recall {recall:.2f}")
    ax.hist(precision, bins=np.arange(0.7, 1.0, 0.01), label=name, **style)
ax.axvline(LEVEL, color="black", linestyle=":")
ax.set(xlabel="precision of the chosen threshold in the population", ylabel="draws")
ax.legend()
plt.show()

# %%
# More than a quarter of the thresholds that look best have a lower precision than asked for. Of
# those that pass a test hardly any has, fewer than the tenth that was allowed, as the correction
# for the number of tests is a careful one. The price is some recall.
#
# And for a single row?
# ---------------------
# There the promise is a set of classes. With one limit for all rows the rare class is left out of
# most of them, and with a limit for each class it is covered as often as the others:
# :doc:`/gallery/plot_14_sets_with_coverage_by_class`.
#
# What to do
# ----------
# Hold out rows for the promise alone: used neither in training nor in early stopping, nor in a
# search, nor in tuning. A hundred rare ones are a good start, as with a few dozen no threshold
# may pass. :doc:`/howto/risk_control` has the lines for a precision, and :doc:`/howto/mapie` those
# for sets. Without a promise, :class:`skimbalance.TunedDecisionClassifierCV` with
# ``objective="recall_at_precision"`` needs no such rows: :doc:`/howto/precision`.
