"""
The ensemble beside boosted trees: better probabilities, and what is not sure
=============================================================================

Boosted trees are quick and hard to beat by their ranking. With few rare rows their probabilities
are the weak point: on the two sets below their log-loss is worse than that of saying the class
frequency for each row. The log-loss of the ensemble is clearly better on both sets. By average
precision and macro-F1 it leads on one set, by less than the folds differ, and not on the other.
"""

# %%
# The sets have 51 rare rows among 1,484 (a place in yeast cells) and 32 among 4,177 (abalone with
# 19 rings). All models have the same three folds, and their defaults, except that the ensemble has
# three networks instead of five, to save time. The trees run in one thread.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_validate
from threadpoolctl import threadpool_limits

from skimbalance import ImbalancedEnsembleClassifier
from skimbalance.datasets import load_abalone_19, load_yeast

X_yeast, place = load_yeast(return_X_y=True, as_frame=True)
X_abalone, rings = load_abalone_19(return_X_y=True, as_frame=True)
sets = {
    "yeast": (X_yeast, (place == "ME2").astype(int)),
    "abalone": (X_abalone, (rings == rings.value_counts().idxmin()).astype(int)),
}
models = {
    "ensemble": ImbalancedEnsembleClassifier(cv=3, random_state=0),
    "boosting": HistGradientBoostingClassifier(random_state=0),
    "boosting,\nbalanced": HistGradientBoostingClassifier(class_weight="balanced", random_state=0),
}
metrics = ["average_precision", "neg_log_loss", "f1_macro"]
folds = StratifiedKFold(3, shuffle=True, random_state=0)
scores = {}
for name, (X, y) in sets.items():
    for model, clf in models.items():
        with threadpool_limits(1):
            results = cross_validate(clf, X, y, cv=folds, scoring=metrics)
        scores[name, model] = np.array([results[f"test_{metric}"] for metric in metrics])

# %%
# The log-loss is divided by that of the class frequencies, so that 1 is what a model without any
# columns has, and less is better. A thin line is a fold, and the thick one is the mean.
fig, axes = plt.subplots(3, 2, sharex=True, figsize=(6, 7), layout="constrained")
labels = ["average precision", "log-loss / that of\nclass frequencies", "macro-F1"]
for column, (name, (_, y)) in enumerate(sets.items()):
    values = np.array([scores[name, model] for model in models])
    entropy = -np.log([1 - y.mean(), y.mean()]) @ [1 - y.mean(), y.mean()]
    values[:, 1] /= -entropy
    for row, label in enumerate(labels):
        ax = axes[row, column]
        ax.plot(list(models), values[:, row], color="#7F7F7F", marker=".", linewidth=0.8)
        ax.plot(values[:, row].mean(axis=1), "D-", color="#D55E00", linewidth=2.5)
        ax.set_ylabel(label if column == 0 else "")
    axes[0, column].set_title(f"{name}: {y.sum()} of {len(y):,} rows rare", fontsize=10)
    axes[1, column].axhline(1, color="#0072B2", linestyle="--")
    axes[1, column].set_ylim(0.4, None)
    means = values[:, 1].mean(axis=1)
    print(f"{name}, log-loss / that of class frequencies:", means.round(2))
plt.show()

# %%
# Balanced class weights do not repair the probabilities of the trees. With 17 or fewer rare rows in
# a fold, the average precision and F1 of single folds say little. On abalone no model ranks well,
# which one is ahead differs from fold to fold, and the lead of the balanced trees in macro-F1 hangs
# on a single fold.
#
# What to do
# ----------
# Compare on your own rows, with the same folds for all, and look at the folds before you believe a
# mean. Two small sets cannot say which model is better: :doc:`/project/benchmarks` has 25 sets,
# more peers, tests of significance, and the sets on which the ensemble is behind. It also says what
# :class:`skimbalance.ImbalancedEnsembleClassifier` costs: many times the processor time of boosted
# trees. If you need probabilities and keep your trees, calibrate them, for example with
# :class:`skimbalance.TunedDecisionClassifierCV`; see :doc:`/guide/probabilities`.
