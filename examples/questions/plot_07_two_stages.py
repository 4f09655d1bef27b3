"""
Would two stages do better: rare or not, then which?
====================================================

Not here: one network for all classes is at least as good as a first one for "rare or not" and a
second one for "which", and it is simpler. Two stages can be worse by accident, as the second has
few rows to learn from, and so takes few steps if it trains for as many epochs.
"""

# %%
# The two stages fit into a small classifier. The probability of a rare class is the probability of
# being rare, by the first network, times that of the class among the rare ones, by the second. So
# no row is lost by a wrong decision of the first stage.
import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import StratifiedKFold, cross_val_score

from skimbalance import ImbalancedMLPClassifier, TunedDecisionClassifierCV
from skimbalance.datasets import load_page_blocks


class TwoStages(ClassifierMixin, BaseEstimator):
    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        self.classes_, counts = np.unique(y, return_counts=True)
        self.rare_ = np.delete(self.classes_, np.argmax(counts))
        rare = np.isin(y, self.rare_)
        self.first_ = clone(self.estimator).fit(X, rare)
        self.second_ = clone(self.estimator).fit(X[rare], y[rare])
        return self

    def predict_proba(self, X):
        first = self.first_.predict_proba(X)
        proba = np.empty((len(X), len(self.classes_)))
        proba[:, ~np.isin(self.classes_, self.rare_)] = first[:, :1]
        proba[:, np.isin(self.classes_, self.rare_)] = first[:, 1:] * self.second_.predict_proba(X)
        return proba


# %%
# Nine of ten blocks of printed pages are text, and the rest are of four kinds. Decisions are tuned
# for macro-F1 in both cases, and judged on other folds. Both are compared twice: with 20 epochs for
# each network, and with ``epochs="auto"``, which gives each about 2,000 steps, or 256 epochs at
# most.
X, y = load_page_blocks(return_X_y=True)
cv = StratifiedKFold(5, shuffle=True, random_state=0)
fig, axes = plt.subplots(1, 2, figsize=(5, 4), sharey=True, layout="constrained")
for ax, epochs in zip(axes, [20, "auto"], strict=True):
    clf = ImbalancedMLPClassifier(
        (32,), class_weight=None, epochs=epochs, early_stopping=False, random_state=0
    )
    scores = []
    for model in [clf, TwoStages(clf)]:
        tuned = TunedDecisionClassifierCV(model, objective="f1_macro", cv=3, random_state=0)
        with joblib.parallel_config(backend="stacked"):
            scores.append(cross_val_score(tuned, X, y, scoring="f1_macro", cv=cv))
    lead = scores[1] - scores[0]
    print(
        f"epochs={epochs}: one network {scores[0].mean():.2f}, two stages {scores[1].mean():.2f}, "
        f"difference {lead.mean():+.3f} +- {lead.std(ddof=1):.3f} (standard deviation of the folds)"
    )
    ax.plot([0, 1], scores, "o-", color="#7F7F7F")
    ax.plot([0, 1], np.mean(scores, axis=1), "s-", color="#D55E00", linewidth=3, markersize=8)
    ax.text(1.08, np.mean(scores[1]), "mean", color="#D55E00", va="center")
    ax.set_xticks([0, 1], ["one\nnetwork", "two\nstages"])
    ax.set(title="20 epochs each" if epochs == 20 else 'epochs="auto"', xlim=(-0.3, 1.6))
axes[0].set_ylabel("macro-F1 on other folds")
plt.show()

# %%
# A grey line is a fold. With 20 epochs each, two stages lose clearly. The second network has some
# 450 rows to learn from, a tenth of all, so that its 20 epochs are a few hundred steps. With enough
# steps for each, most of the difference is gone, and what is left does not favour two stages.
# (Folds share most of their training rows, so their standard deviation is too hopeful.)
#
# There is a reason why little can be gained. A network with one output for each class can learn
# "rare or not" in its hidden layer, and uses all rows for both questions. A softmax is also able to
# say anything that the product of two stages can say.
#
# What to do
# ----------
# Begin with one network, and tune its decision for your metric, see :doc:`/guide/decisions`. Use
# two stages if the second question is asked of other data: if it has columns that exist only for
# rare rows, is labelled later, or is answered by another team. Then multiply probabilities as above
# instead of passing on decisions, count steps rather than epochs (``epochs="auto"``), and compare
# with one network on the same folds, as here.
