"""
Should I duplicate the rare rows or weigh them?
===============================================

Weigh them, or draw balanced batches; there is no need for copies. Thirteen copies of a row and one
row of weight 13 ask the network for the same thing, and a step that sees all rows is the same step,
but for rounding. In small batches, copies make an epoch longer, which gains nothing, and put more
rare rows into each batch, which ``sampling="balanced"`` does without a longer epoch.
"""

# %%
# The same, step by step
# ----------------------
# One in fourteen of these patients has a disease of the thyroid. One network gets the weights 13 :
# 1, and another gets every rare row thirteen times. They start alike (``random_state``), and each
# step sees all rows, in one batch. Columns are standardised before, as copies would change their
# mean.
import joblib
import matplotlib.pyplot as plt
import numpy as np
from imblearn.over_sampling import RandomOverSampler
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from skimbalance import ImbalancedMLPClassifier
from skimbalance.datasets import load_ann_thyroid

X, y = load_ann_thyroid(return_X_y=True)
X, y = StandardScaler().fit_transform(X[:3000]), (y[:3000] != 3).astype(int)
copies = np.repeat(np.arange(3000), np.where(y == 1, 13, 1))
settings = {"epochs": 30, "early_stopping": False, "standardize": False, "random_state": 0}
whole = ImbalancedMLPClassifier((16,), batch_size=len(copies), learning_rate=0.01, **settings)

weighted = whole.set_params(class_weight={0: 1, 1: 13}).fit(X, y).predict_proba(X)[:, 1]
duplicated = whole.set_params(class_weight=None).fit(X[copies], y[copies]).predict_proba(X)[:, 1]
print(f"{len(X)} rows or {len(copies)}")
print(f"largest difference of a probability: {np.abs(weighted - duplicated).max():.0e}")

# %%
# The probabilities agree to float32's rounding. So both ways are the same objective, and both bend
# ``predict_proba`` in the same way, towards the rare class.
#
# The same, in batches
# --------------------
# In batches of 32 rows the way there differs. With weights, a batch has two or three rare rows that
# count a lot; with copies, half of its rows are rare. And an epoch with copies takes nearly twice
# the steps. ``sampling="balanced"`` has the same halves without the longer epoch. Each way trains
# for several numbers of epochs, on three folds.
ways = {
    "weights": {"class_weight": ["balanced"]},
    "copies": {"sampling": [RandomOverSampler(random_state=0)]},
    "balanced batches": {"sampling": ["balanced"]},
}
epochs = [1, 2, 4, 8, 16, 32]
clf = ImbalancedMLPClassifier((16,), batch_size=32, **settings)
search = GridSearchCV(
    clf,
    [{**way, "epochs": epochs} for way in ways.values()],
    scoring="average_precision",
    cv=3,
    refit=False,
)
with joblib.parallel_config(backend="stacked"):
    search.fit(X, y)
scores = search.cv_results_["mean_test_score"].reshape(3, len(epochs))
spread = search.cv_results_["std_test_score"]
print(f"standard deviation over the folds: {spread.min():.2f} to {spread.max():.2f}")

# %%
# A fold trains on 2,000 rows, or 3,700 with copies: 63 steps an epoch, or 116.
n_steps = {"weights": 63, "copies": 116, "balanced batches": 63}
fig, axes = plt.subplots(2, 1, figsize=(5, 6.4), sharey=True, layout="constrained")
lines = [("#0072B2", "o-"), ("#D55E00", "s--"), ("#009E73", "^:")]
for (way, steps), score, (color, line) in zip(n_steps.items(), scores, lines, strict=True):
    axes[0].plot(epochs, score, line, color=color, label=way)
    axes[1].plot(np.multiply(epochs, steps), score, line, color=color, label=way)
axes[0].set(xlabel="epochs", title="By epochs, copies seem to learn faster ...")
axes[1].set(xlabel="steps of training", title="... by steps they do not")
axes[0].legend()
axes[0].set_xscale("log", base=2)
axes[0].set_xticks(epochs, epochs)
axes[1].set_xscale("log")
fig.supylabel("average precision on other rows")
plt.show()

# %%
# After the same number of steps, copies and balanced batches are level: their lead by epochs is the
# longer epoch and nothing else. Weights are a little behind, more so in the beginning, and catch up
# with longer training. Two rare rows of a large weight make a noisier step than sixteen of a small
# one. How far behind they are, three folds cannot tell: see their standard deviations above.
#
# What to do
# ----------
# Use ``class_weight``, which costs no time and no memory; as a number between 0 and 1 it also goes
# into a search, see :doc:`/guide/weights`. If batches are so small that many have no rare row at
# all, use ``sampling="balanced"``, see :doc:`/questions/plot_06_batches`. Copies that are made
# before the data are split are a trap: the same row is then trained on and tested on. In either
# case, read probabilities from :meth:`~skimbalance.ImbalancedMLPClassifier.predict_posterior`.
#
# With plain SGD, beware of the size of the weights in other libraries:
# :doc:`/questions/plot_03_one_to_a_hundred`.
