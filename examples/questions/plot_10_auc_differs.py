"""
Why does my ROC AUC differ from run to run?
===========================================

Because each run has other rare rows in its test rows, and an average over ten rare rows is not
precise: the standard error of an AUC of 0.8 is then about 0.08. The seed of the network matters
less. A fixed seed hides the spread and does not remove it. Repeated cross-validation removes the
luck of the split, and only more rare rows make the AUC more certain than that.
"""

# %%
# Seeds, splits and repeated folds
# --------------------------------
# The abalone data have 32 rare rows in 4,177. We judge a small network in three ways: twelve seeds
# on one split, which tests on ten rare rows; one seed on twelve such splits; and five-fold
# cross-validation, which tests on all rows once, in six repeats.

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score, train_test_split

from skimbalance import ImbalancedMLPClassifier
from skimbalance.datasets import load_abalone_19

X, y = load_abalone_19(return_X_y=True)
clf = ImbalancedMLPClassifier(
    (32,), class_weight=None, learning_rate=3e-3, epochs=10, random_state=0
)


def judge(seed, split):
    """AUC on the 30 % of the rows that a split keeps for testing, and the posteriors there."""
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.3, stratify=y, random_state=split
    )
    proba = clone(clf).set_params(random_state=seed).fit(X_train, y_train).predict_proba(X_test)
    return roc_auc_score(y_test, proba[:, 1]), y_test, proba[:, 1]


runs = [(seed, 0) for seed in range(12)] + [(0, split) for split in range(12)]
repeats = RepeatedStratifiedKFold(n_splits=5, n_repeats=6, random_state=0)
with joblib.parallel_config(backend="stacked"):
    results = joblib.Parallel()(joblib.delayed(judge)(*run) for run in runs)
    folds = cross_val_score(clf, X, y, cv=repeats, scoring="roc_auc")

auc = [score for score, _, _ in results]
spreads = {
    "12 seeds, one split": np.array(auc[:12]),
    "one seed, 12 splits": np.array(auc[12:]),
    "6 repeats of 5 folds": folds.reshape(6, 5).mean(axis=1),
}
for name, scores in spreads.items():
    print(f"{name}: mean {scores.mean():.2f}, standard deviation {scores.std(ddof=1):.2f}")

# %%
# Another split moves the AUC more than twice as much as another seed does. The seeds agree with
# each other on a value that is too low: this split has difficult rare rows in its test part, which
# no seed shows. The repeats agree to about 0.01.
#
# How certain is it, then?
# ------------------------
# Repeats average over splits of the same 32 rare rows. They do not say how the AUC would be on
# others. That is what the standard error of Hanley and McNeil :cite:p:`hanley1982meaning` is for.
# It depends on the AUC and on the numbers of rows of both classes, and hardly on the larger one.

import matplotlib.pyplot as plt


def standard_error(auc, n_rare, n_other):
    """Standard error of an AUC by Hanley and McNeil."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (n_rare - 1) * (q1 - auc**2) + (n_other - 1) * (q2 - auc**2)
    return np.sqrt(variance / (n_rare * n_other))


fig, (top, bottom) = plt.subplots(2, 1, figsize=(6, 7.5), layout="constrained")
for place, (scores, rare) in enumerate(zip(spreads.values(), [10, 10, 32], strict=True)):
    top.plot(np.full(len(scores), place - 0.1), scores, "o", color="#0072B2", alpha=0.5)
    error = standard_error(scores.mean(), rare, 129 * rare)
    top.errorbar(place + 0.15, scores.mean(), error, fmt="_", color="#D55E00", capsize=4)
top.set_xticks(range(3), [name.replace(", ", ",\n").replace(" of", "\nof") for name in spreads])
top.set(xlim=(-0.5, 2.5), ylabel="ROC AUC", title="Runs, and mean $\\pm$ standard error")

rare = np.geomspace(5, 1000, 50)
bottom.loglog(rare, standard_error(0.8, rare, 100 * rare), color="#D55E00")
bottom.set_xticks([10, 32, 100, 1000], ["10", "32", "100", "1,000"])
bottom.set_yticks([0.01, 0.02, 0.05, 0.1], ["0.01", "0.02", "0.05", "0.1"])
bottom.minorticks_off()
bottom.grid(color="#DDDDDD")
bottom.set(xlabel="rare test rows", ylabel="standard error", title="An AUC of 0.8")
plt.show()

# %%
# The blue dots of the third group lie close together, and yet the bar beside them is about as large
# as the spread of the splits. Both are right: the dots say how far the result depends on the split,
# the bar says how far it would be from that on other shells. To halve the bar takes four times as
# many rare rows.
#
# Does an ensemble help?
# ----------------------
# The mean of the posteriors of the twelve seeds is one model that depends on no single seed. It
# removes the smaller part of the spread, and its AUC on this split is still that of the split.

_, y_test, _ = results[0]
ensemble = roc_auc_score(y_test, np.mean([proba for _, _, proba in results[:12]], axis=0))
print(f"ensemble {ensemble:.2f}, mean of its networks {spreads['12 seeds, one split'].mean():.2f}")

# %%
# What to do
# ----------
# Report the mean of repeated, stratified folds, and beside it the standard error for your number of
# rare rows. Compare models on the same folds, where the luck of the split is common to both and
# cancels (:func:`skimbalance.compare_strategies` does so). Do not choose a seed by its score.
# Average over seeds if the model itself shall not depend on one:
# :class:`skimbalance.ImbalancedEnsembleClassifier` does so. And look at the average precision too:
# with few rare rows among many others, an AUC can be high where most alerts are false.
# :doc:`/guide/validation` has more on folds.
