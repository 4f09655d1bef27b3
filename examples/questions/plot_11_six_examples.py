"""
Only six examples of a class: what can be done?
===============================================

Let all six train and be judged, out of fold, and state the interval of the recall: even if all six
are found it goes down to about 0.67. Whether six are enough to learn from depends on how different
the class is, and not on their number alone: below, a class of 5 rows is found and one of 30 is not.
If the class is not learnt, merge it with others that have the same consequence, and let a person
decide within the group.
"""

# %%
# What a recall of six rows says
# ------------------------------
# The interval of a recall depends on the hits and on the rows of the class alone. These are the 95
# % intervals of Jeffreys :cite:p:`brown2001interval` for six rows.

import pandas as pd

from skimbalance.metrics import score_intervals

y_true = ["rare"] * 6 + ["other"] * 94
intervals = {}
for hits in range(7):
    y_pred = ["rare"] * hits + ["other"] * (100 - hits)
    recall = score_intervals(y_true, y_pred, labels=["other", "rare"], random_state=0)["recall"]
    intervals[f"{hits} of 6"] = recall[1]
pd.DataFrame(intervals, index=["low", "high"]).round(2)

# %%
# So a model that finds three of six rows and one that finds five of them cannot be told apart:
# their intervals overlap by far.
#
# Which classes are learnt?
# -------------------------
# The yeast data have ten classes, and the rarest, ERL, has five rows. Five folds then hold one of
# them each, and the decisions of all folds together give one recall of five rows. A recall in each
# fold could only be 0 or 1.

import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from skimbalance import ImbalancedMLPClassifier
from skimbalance.datasets import load_yeast
from skimbalance.report import ImbalanceReport

X, y = load_yeast(return_X_y=True)
clf = ImbalancedMLPClassifier(
    (32,), class_weight=None, learning_rate=3e-3, epochs=20, early_stopping=False, random_state=0
)
folds = StratifiedKFold(5, shuffle=True, random_state=0)
with joblib.parallel_config(backend="stacked"):
    proba = cross_val_predict(clf, X, y, cv=folds, method="predict_proba")
classes = np.unique(y)
report = ImbalanceReport.from_predictions(y, classes[proba.argmax(axis=1)], proba, random_state=0)
frame = report.frame().sort_values("support")

fig, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
places = np.arange(len(frame))
errors = [frame["recall"] - frame["recall_low"], frame["recall_high"] - frame["recall"]]
ax.errorbar(frame["recall"], places, xerr=errors, fmt="o", color="#0072B2", capsize=3)
ax.set_yticks(places, [f"{name} ({rows} rows)" for name, rows in frame["support"].items()])
ax.set(xlabel="recall out of fold, with its 95 % interval", xlim=(-0.02, 1.02))
ax.set_title("The number of rows does not decide alone")
plt.show()

# %%
# ERL with its five rows is found, and VAC with 30 is not. One of the columns, "erl", says whether a
# protein has a certain motif, and it tells ERL from nearly all others:
motif = X[:, 4] == X[:, 4].max()
print(f"with the motif: {motif[y == 'ERL'].sum()} of {sum(y == 'ERL')} rows of ERL")
print(f"and {motif[y != 'ERL'].sum()} of {sum(y != 'ERL'):,} other rows")

# %%
# No column marks VAC like that. Yet the interval of ERL begins near 0.6. It says no more than that
# most such rows would be found.
#
# What would more rows give?
# --------------------------
# For the class ME3, which has 163 rows, we can try: only 3, 6, ... 80 of them train, with 600 rows
# of other classes, and the rest judges. Each size is drawn six times. A linear model stands beside
# the network.

from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

sizes, n_draws = [3, 6, 12, 25, 50, 80], 6


def judge(model, n_rare, draw):
    """Average precision for ME3 after training with some of its rows."""
    order = np.random.default_rng(draw).permutation(len(y))
    rare, other = order[y[order] == "ME3"], order[y[order] != "ME3"]
    train, test = np.r_[rare[:n_rare], other[:600]], np.r_[rare[80:], other[600:]]
    fitted = clone(model).fit(X[train], y[train] == "ME3")
    return average_precision_score(y[test] == "ME3", fitted.predict_proba(X[test])[:, 1])


models = {
    "network": clf,
    "logistic regression": make_pipeline(StandardScaler(), LogisticRegression()),
}
styles = [{"fmt": "o-", "color": "#0072B2"}, {"fmt": "s--", "color": "#D55E00"}]
fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for (name, model), style, shift in zip(models.items(), styles, [1, 1.06], strict=True):
    with joblib.parallel_config(backend="stacked"):
        scores = joblib.Parallel()(
            joblib.delayed(judge)(model, n_rare, draw)
            for n_rare in sizes
            for draw in range(n_draws)
        )
    scores = np.reshape(scores, (len(sizes), n_draws))
    x = shift * np.array(sizes)
    ax.errorbar(x, scores.mean(axis=1), scores.std(axis=1, ddof=1), label=name, capsize=3, **style)
ax.set_xscale("log")
ax.set_xticks(sizes, sizes)
ax.minorticks_off()
ax.set(xlabel="rows of ME3 in training", ylabel="average precision on test rows")
ax.set_title("Mean and standard deviation of six draws")
ax.legend(loc="lower right")
plt.show()

# %%
# Six rows of this class already give most of what eighty give. With three, the result depends on
# which three they are, and the linear model is safer. From a dozen on, both are equal within the
# spread. If your curve still rises at its right end, as that of the network does a little, more
# rows are worth their price.
#
# Merge, and let a person decide
# ------------------------------
# Suppose that ERL, POX, VAC and EXC had the same consequence: a person looks at the protein. Then
# their posteriors add up, and no new training is needed. The person looks at the tenth of the rows
# with the largest sums.

group = ["ERL", "POX", "VAC", "EXC"]
score = proba[:, np.isin(classes, group)].sum(axis=1)
reviewed = score >= np.quantile(score, 0.9)
for name in group:
    found = frame.loc[name, "recall"] * frame.loc[name, "support"]
    print(
        f"{name}: {found:.0f} predicted, {reviewed[y == name].sum()} reviewed of {sum(y == name)}"
    )
print(f"all: {reviewed[np.isin(y, group)].sum()} of {np.isin(y, group).sum()} reviewed")

# %%
# Within the tenth are the rows of ERL and most of POX and EXC, more than their own classes get by
# the most probable class. It does not help VAC much: merging sums what was learnt, and of VAC
# nothing was.
#
# What to do
# ----------
# Let every row of the class train, by out-of-fold decisions
# (:func:`sklearn.model_selection.cross_val_predict` with stratified folds, as many as the class has
# rows at most), and read recall and interval in :class:`skimbalance.report.ImbalanceReport`. Prefer
# a simple model and look at the columns: a column that marks the class is worth more than any
# weight or sampler. Do not tune a threshold, a network or a seed by six rows. If the class is not
# learnt, merge it or leave its rows to a person, by ``TunedDecisionClassifierCV(clf,
# objective="alerts")`` (:doc:`/guide/decisions`). For synthetic rows of tiny classes there is
# :class:`skimbalance.sampling.EachClassSMOTE`; judge it out of fold as above.
# :doc:`/guide/validation` has more on folds and intervals.
