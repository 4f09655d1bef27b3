"""
Focal loss and class weights bend the probabilities, and a formula bends them back
==================================================================================

A network that is trained with balanced class weights gives a probability of 50 % where 5 % of the
rows are of the rare class, and one with focal loss 20 % where 3 % are. That is what these losses
ask for, and no fault of the training. As it is known what they ask for, ``predict_posterior``
undoes it in closed form, without further data, and keeps the order of the rows.
"""

# %%
# Loans with the grades E, F and G are the rare class, 3.9 % of all. Four networks learn from
# 8,000 loans, and the 24,581 others test them.
import matplotlib.pyplot as plt
import pandas as pd
from sklearn.metrics import average_precision_score, log_loss
from sklearn.model_selection import train_test_split

from skimbalance import ImbalancedMLPClassifier
from skimbalance.datasets import load_credit_risk_grade
from skimbalance.plots import ReliabilityDisplay

X, y = load_credit_risk_grade(return_X_y=True, as_frame=True)
y = y.isin(["E", "F", "G"]).astype(int)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=8000, stratify=y, random_state=0
)
remedies = {
    "plain": {"class_weight": None},
    "weights": {"class_weight": "balanced"},
    "focal": {"loss": "focal", "class_weight": None},
    "both": {"loss": "focal", "class_weight": "balanced"},
}
networks = {
    name: ImbalancedMLPClassifier((32,), epochs=20, random_state=0, **remedy).fit(X_train, y_train)
    for name, remedy in remedies.items()
}

# %%
# Focal loss :cite:p:`lin2017focal` counts a row less, the better it is predicted already. Its
# mean is smallest not at the true probability, but somewhere between that and one half
# :cite:p:`charoenphakdee2021focal`. So all loans look more alike than they are: the orange curve
# is too steep. After ``predict_posterior`` the curve is close to the diagonal. Only the few loans
# on the right that seem most probable are still judged too high, as the network trusts what it
# has learnt from 312 rare rows too much. Bars are 95 % intervals.
fig, ax = plt.subplots(figsize=(5, 4.6), layout="constrained")
ReliabilityDisplay.from_estimator(networks["focal"], X_test, y_test, ax=ax)
ax.set_title("Focal loss: probability of the rare loans")
plt.show()

# %%
# Balanced weights tell the network that half of the loans were rare. They multiply all of its
# odds by one factor, the ratio of the two weights, which shifts the curve to the right on these
# axes (they have equal steps in log odds). ``predict_posterior`` divides by the same factor.
fig, ax = plt.subplots(figsize=(5, 4.6), layout="constrained")
ReliabilityDisplay.from_estimator(networks["weights"], X_test, y_test, ax=ax)
ax.set_title("Balanced weights: probability of the rare loans")
plt.show()

# %%
# All four networks expect 4 to 5 % of rare loans after the correction, and nearly have the
# log-loss of the plain network. The average precision is the same before and after, as the
# formula is increasing: nothing is gained or lost in ranking.
table = {}
for name, network in networks.items():
    before, after = network.predict_proba(X_test)[:, 1], network.predict_posterior(X_test)[:, 1]
    table[name] = {
        ("mean probability", "before"): before.mean(),
        ("mean probability", "after"): after.mean(),
        ("log-loss", "before"): log_loss(y_test, before),
        ("log-loss", "after"): log_loss(y_test, after),
        ("average precision", "before"): average_precision_score(y_test, before),
        ("average precision", "after"): average_precision_score(y_test, after),
    }
print(f"{y_test.mean():.3f} of the loans are rare\n", pd.DataFrame(table).round(3), sep="\n")

# %%
# What to do
# ----------
# Read probabilities from :meth:`~skimbalance.ImbalancedMLPClassifier.predict_posterior`, and not
# from ``predict_proba``, whenever a loss for imbalance, weights or sampling were at work;
# :doc:`/guide/probabilities` has the formulas. The correction is exact for a network that has
# learnt what its loss asks for. A network that has learnt too little, or its training rows by
# heart, is off in other ways, which only held-out rows can show and repair: see
# :class:`skimbalance.TunedDecisionClassifierCV`, which calibrates on them. If good probabilities
# are all you want, cross-entropy without weights needs no correction at all.
