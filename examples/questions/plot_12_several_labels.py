"""
My rows hold several labels at once
===================================

Give `fit` a matrix with a column of zeros and ones for each label. Deal the folds by the labels, as
plain folds often lack a rare one altogether. And do not predict at 0.5 after plain cross-entropy:
tune a threshold for each label, or train with weights or a loss made for rare labels. Below, each
of these lifts the macro-F1 from about 0.2 to about 0.35, and two together hardly more.
"""

# %%
# Six labels, from frequent to rare
# ---------------------------------
# The labels are simulated, so that we know what holds: each depends on the columns in its own way,
# and 40 % to 1 % of the rows have it.

import numpy as np

rng = np.random.default_rng(0)
n_rows, shares = 1500, np.array([0.4, 0.2, 0.1, 0.05, 0.02, 0.01])
X = rng.normal(size=(n_rows, 12))
noise = 4 * rng.normal(size=(n_rows, 6))
strength = X @ rng.normal(size=(12, 6)) + np.abs(X[:, :6]) + noise
rank = strength.argsort(axis=0).argsort(axis=0)
Y = (rank >= n_rows * (1 - shares)).astype(int)
print("rows with each label:", Y.sum(axis=0))
print("rows with several labels:", np.sum(Y.sum(axis=1) > 1))

# %%
# Folds
# -----
# scikit-learn stratifies by class, and a matrix of labels has no class: with ``cv=10`` it falls
# back to plain folds. :class:`skimbalance.model_selection.IterativeStratifiedKFold` deals the rows
# of the rarest label first :cite:p:`sechidis2011stratification`.

import matplotlib.pyplot as plt
from sklearn.model_selection import KFold

from skimbalance.model_selection import IterativeStratifiedKFold

fig, axes = plt.subplots(1, 2, figsize=(6.5, 5), sharey=True, layout="constrained")
splitters = [
    KFold(10, shuffle=True, random_state=0),
    IterativeStratifiedKFold(10, random_state=0),
]
for ax, splitter in zip(axes, splitters, strict=True):
    counts = np.array([Y[test].sum(axis=0) for _, test in splitter.split(X, Y)])
    ax.imshow(counts == 0, cmap="Oranges", vmax=1.5, aspect="auto")
    for (fold, label), count in np.ndenumerate(counts):
        ax.text(label, fold, count, ha="center", va="center")
    ax.set_title(type(splitter).__name__)
    ax.set_xticks(range(6), [f"{share:.0%}" for share in shares])
    ax.set_xlabel("label, by its share of the rows")
axes[0].set_yticks(range(10), range(1, 11))
axes[0].set_ylabel("fold")
fig.suptitle("Test rows with each label; none: orange")
plt.show()

# %%
# In a fold without the label every model has an F1 of 0 for it, and its recall is not defined. It
# is not bad luck of this seed:

lacking = 0
for seed in range(100):
    folds = KFold(10, shuffle=True, random_state=seed).split(X)
    lacking += min(Y[test, 5].sum() for _, test in folds) == 0
print(f"{lacking} of 100 shuffles have a fold without the rarest label")

# %%
# Losses and thresholds
# ---------------------
# Now the networks: with plain cross-entropy, with balanced weights for each label, and with the
# asymmetric loss :cite:p:`ridnik2021asymmetric`, in which rows without a label count the less, the
# better they are predicted. Each predicts at 0.5, and by thresholds that are tuned inside each
# training fold. The macro-F1 is the mean of the F1 of the six labels.

import joblib
import pandas as pd
from sklearn.model_selection import cross_val_score

from skimbalance import ImbalancedMLPClassifier, TunedDecisionClassifierCV

networks = {
    "cross-entropy": {"class_weight": None},
    "balanced weights": {"class_weight": "balanced"},
    "asymmetric loss": {"class_weight": None, "loss": "asymmetric"},
}
folds = IterativeStratifiedKFold(5, random_state=0)
scores = {}
for name, params in networks.items():
    clf = ImbalancedMLPClassifier(
        (64,), learning_rate=3e-3, epochs=15, early_stopping=False, random_state=0, **params
    )
    tuned = TunedDecisionClassifierCV(clf, objective="f1_macro", cv=3, random_state=0)
    with joblib.parallel_config(backend="stacked"):
        for decision, model in {"at 0.5": clf, "tuned": tuned}.items():
            scores[name, decision] = cross_val_score(model, X, Y, cv=folds, scoring="f1_macro")
scores = pd.DataFrame(scores)

fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
looks = {"at 0.5": ("o", "#7F7F7F", 0.1), "tuned": ("s", "#0072B2", -0.1)}
for decision, (marker, color, shift) in looks.items():
    part = scores.xs(decision, axis=1, level=1)
    places = shift - np.arange(len(networks))
    ax.errorbar(
        part.mean(), places, xerr=part.sem(), fmt=marker, color=color, capsize=3, label=decision
    )
ax.set_yticks(-np.arange(len(networks)), networks)
ax.set(xlabel="macro-F1 in five folds, mean and standard error", ylim=(-2.5, 0.5), xlim=(0, 0.5))
ax.legend(loc="lower left")
plt.show()

# %%
# The same as differences to cross-entropy at 0.5 in the same folds, with their standard errors:

scores.sub(scores["cross-entropy", "at 0.5"], axis=0).agg(["mean", "sem"]).round(2).T

# %%
# Cross-entropy with tuned thresholds is as good as the asymmetric loss without. The differences
# among the tuned models are within their errors. On the two public data sets of our
# :doc:`benchmarks </project/benchmarks>`, too, tuned thresholds make the losses nearly equal.
#
# What to do
# ----------
# Deal rows by ``IterativeStratifiedKFold``, also in a search. Train with cross-entropy, and tune
# thresholds by :class:`skimbalance.TunedDecisionClassifierCV`; its int ``cv`` deals folds
# iteratively for a matrix of labels. Take ``loss="asymmetric"`` with ``class_weight=None`` if the
# predictions at 0.5 have to be good without tuning. In the multilabel case, weights are computed
# for each label by itself. Look at the F1 of each label, and not at the mean alone:
# :doc:`/gallery/plot_12_thresholds_for_each_label` does. :doc:`/guide/labels` has the losses, the
# weights and the objectives.
