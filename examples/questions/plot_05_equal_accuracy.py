"""
Which of two models with equal accuracy?
========================================

The one whose mistakes are cheaper, and accuracy cannot tell which that is: it counts a missed
patient and a false alarm as the same. The two networks below have the same accuracy, and one
misses several times as many patients as the other. Compare the costs of your decision, and the
average precision, which looks at the order of the rows and at no decision.
"""

# %%
# One in fourteen of 7,200 patients has a disease of the thyroid. Network A has no class weights,
# and B has balanced ones. Each predicts patients that it was not trained on.
import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from skimbalance import ImbalancedMLPClassifier, TunedDecisionClassifierCV
from skimbalance.datasets import load_ann_thyroid

X, y = load_ann_thyroid(return_X_y=True)
ill = y != 3
cv = StratifiedKFold(3, shuffle=True, random_state=0)
probability, calibrated = {}, {}
for name, weight in {"A": None, "B": "balanced"}.items():
    clf = ImbalancedMLPClassifier((32,), epochs=20, class_weight=weight, random_state=0)
    with joblib.parallel_config(backend="stacked"):
        probability[name] = cross_val_predict(clf, X, ill, cv=cv, method="predict_proba")[:, 1]
        tuned = TunedDecisionClassifierCV(clf, cv=3, random_state=0)
        calibrated[name] = cross_val_predict(tuned, X, ill, cv=cv, method="predict_proba")[:, 1]

table = {}
for name, p in probability.items():
    table[name] = {
        "accuracy": np.mean((p > 0.5) == ill),
        "missed": np.sum((p <= 0.5) & ill),
        "false alarms": np.sum((p > 0.5) & ~ill),
        "average precision": average_precision_score(ill, p),
    }
print(pd.DataFrame.from_dict(table, orient="index").round(3))

# %%
# Is the accuracy really equal?
# -----------------------------
# Both networks predict the same patients, so only those count on which exactly one of them is
# right. If neither is better, each is the right one as often as the other. That is a binomial test,
# known as McNemar's :cite:p:`mcnemar1947note`.
right = {name: (p > 0.5) == ill for name, p in probability.items()}
only_a, only_b = np.sum(right["A"] & ~right["B"]), np.sum(right["B"] & ~right["A"])
p_value = binomtest(only_a, only_a + only_b).pvalue
print(f"only A right: {only_a}, only B right: {only_b}, p = {p_value:.2f}")

# %%
# The same pairing serves for any score. Patients are drawn again and again, with repetition, and
# each time both networks are judged on the same draw.
rng = np.random.default_rng(0)
leads = []
for _ in range(200):
    rows = rng.integers(len(ill), size=len(ill))
    leads.append(
        average_precision_score(ill[rows], probability["A"][rows])
        - average_precision_score(ill[rows], probability["B"][rows])
    )
low, high = np.quantile(leads, [0.025, 0.975])
print(f"lead of A in average precision: {low:.3f} to {high:.3f} (95 %)")

# %%
# What a mistake costs
# --------------------
# Let a false alarm cost 1, and a missed patient cost more. At equal costs, on the left, the cost is
# just the error rate, and the networks are level. A threshold can follow the costs without another
# training: with right probabilities, an alarm pays where the probability is above ``1 / (1 + cost
# of a miss)`` :cite:p:`elkan2001foundations`. The thin lines do that with the probabilities that
# ``TunedDecisionClassifierCV`` has calibrated, above, on training rows only.
costs = np.geomspace(1, 50, 40)
fig, ax = plt.subplots(figsize=(5, 4.2), layout="constrained")
for name, color, line in [("A", "#0072B2", "-"), ("B", "#D55E00", "--")]:
    fixed = [1000 * np.mean(np.where(ill, c, 1) * ~right[name]) for c in costs]
    moved = [
        1000 * np.mean(np.where(ill, c, 1) * ((calibrated[name] > 1 / (1 + c)) != ill))
        for c in costs
    ]
    ax.plot(costs, fixed, line, color=color, linewidth=2.5, label=f"{name}, predict")
    ax.plot(costs, moved, line, color=color, linewidth=1, label=f"{name}, threshold by cost")
ax.set(
    xscale="log",
    xlabel="cost of a missed patient, in false alarms",
    ylabel="cost of 1,000 patients",
    ylim=(0, 200),
    xticks=[1, 2, 5, 10, 20, 50],
    xticklabels=[1, 2, 5, 10, 20, 50],
)
ax.legend(loc="upper left")
plt.show()

# %%
# As soon as a missed patient costs a few false alarms, ``predict`` of A is far too expensive. With
# a threshold that follows the costs, A costs a fraction of that, and B is nearly as cheap as any
# line throughout. So the networks differ far less than their ``predict`` does. Average precision
# prefers A, although A is dearer where misses cost much: it counts all thresholds, and those that
# rarely miss are a part of them. No single score decides for all uses. And the lead of A is that of
# these two fitted networks; with another seed it may be gone.
#
# What to do
# ----------
# Write down what each mistake costs, and let :class:`skimbalance.TunedDecisionClassifierCV` with
# ``objective="cost"`` decide for each model; then compare the costs on other rows, see
# :doc:`/guide/decisions`. Where the costs are unknown, compare average precision, and look at the
# interval of the difference rather than at two intervals. To choose among ways to train, and not
# between two models that are fitted already, repeat the training on several folds, which
# :func:`skimbalance.compare_strategies` does, see :doc:`/guide/strategy`.
