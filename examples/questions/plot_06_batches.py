"""
How are evenly distributed batches built?
=========================================

The rows of an epoch are put in an order that spreads each class evenly, and batches are cut from
it. With ``sampling="stratified"`` every batch has each class in its share of the rows. With
``sampling="balanced"`` every batch has all classes in equal numbers, for which rare rows are drawn
several times; then ``predict_proba`` is too high for the rare class, and ``predict_posterior`` is
right.
"""

# %%
# How a batch is composed
# -----------------------
# Six of 60 rows are rare, and a batch has ten rows. An order is a function of the class labels, a
# seed and the number of the epoch. The dots are the rows that an epoch visits, one after the other.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from skimbalance import ImbalancedMLPClassifier
from skimbalance.datasets import load_credit_risk_grade
from skimbalance.sampling import balanced_order, shuffled_order, stratified_order

labels = np.repeat([0, 1], [54, 6])
orders = {"shuffle": shuffled_order, "stratified": stratified_order, "balanced": balanced_order}
place = np.arange(60)
fig, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
for level, order in enumerate(orders.values()):
    rare = labels[order(labels, seed=0, epoch=0)] == 1
    ax.plot(place[~rare], np.full(60 - rare.sum(), level), "o", color="#7F7F7F", markersize=2.5)
    ax.plot(place[rare], np.full(rare.sum(), level), "D", color="#D55E00", markersize=5)
    for batch, n in enumerate(rare.reshape(6, 10).sum(axis=1)):
        ax.text(10 * batch + 4.5, level - 0.25, f"{n} rare", ha="center", color="#A34700")
for edge in range(0, 61, 10):
    ax.axvline(edge - 0.5, color="black", linewidth=0.8)
ax.set_xticks(10 * np.arange(6) + 4.5, range(1, 7))
ax.set_yticks(range(3), orders)
ax.set(xlabel="batch", ylim=(2.4, -0.6), xlim=(-1, 60))
ax.tick_params(length=0)
plt.show()

# %%
# A shuffle leaves the number of rare rows in a batch to chance. For "stratified", the rows of each
# class are shuffled, laid out at equal distances over the epoch, and the classes are merged by
# position. With two classes no batch is off by a whole row. For "balanced", the classes take turns,
# one draw each; a class that runs out begins anew. :doc:`/gallery/plot_07_balanced_batches` shows
# the same for five classes and large batches.
#
# What an epoch is then
# ---------------------
# A balanced epoch has as many draws as there are rows, so it takes the same time. Half of them are
# of the rare class. The next epoch goes on where this one stopped, so that all rows get their turn.
table = {}
for name, order in orders.items():
    draws = np.bincount(order(labels, seed=0, epoch=0), minlength=60)
    later = draws + np.bincount(order(labels, seed=0, epoch=1), minlength=60)
    table[name] = {
        "draws": draws.sum(),
        "draws of a rare row": draws[labels == 1].mean(),
        "of another row": draws[labels == 0].mean(),
        "rows seen": np.sum(draws > 0),
        "seen after two epochs": np.sum(later > 0),
    }
print(pd.DataFrame(table).round(2))

# %%
# What predict_proba means then
# -----------------------------
# Loans with the grades E, F and G are 3.9 % of all. Networks learn from 8,000 loans, and without
# class weights; the table has their mean probability of a rare loan on the others.
X, y = load_credit_risk_grade(return_X_y=True, as_frame=True)
y = y.isin(["E", "F", "G"]).astype(int)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=8000, stratify=y, random_state=0
)
means = {}
for name in orders:
    clf = ImbalancedMLPClassifier(
        (32,), epochs=10, class_weight=None, sampling=name, random_state=0
    ).fit(X_train, y_train)
    means[name] = {
        "predict_proba": clf.predict_proba(X_test)[:, 1].mean(),
        "predict_posterior": clf.predict_posterior(X_test)[:, 1].mean(),
    }
print(f"share of the rare loans: {y_test.mean():.3f}")
print(pd.DataFrame(means).T.round(3))

# %%
# A stratified epoch visits every row once, and so its probabilities are those of the population, as
# after a shuffle. A balanced one shows the network a world in which half of the loans are rare, and
# ``predict_proba`` is right in that world. ``predict_posterior`` knows how often each class was
# drawn and takes it back.
#
# What to do
# ----------
# Choose ``sampling="stratified"`` where a batch should hold a rare row and probabilities should
# stay as they are. It costs nothing. Choose ``"balanced"`` where rare rows are so few that most
# batches would have none. It does what "balanced" class weights aim at, so do not add those;
# ``class_weight="auto"`` counts draws and adds nothing. Read probabilities from
# :meth:`~skimbalance.ImbalancedMLPClassifier.predict_posterior`. For your own Keras loop, the
# orders are public functions: :func:`skimbalance.sampling.stratified_order` and
# :func:`skimbalance.sampling.balanced_order`. More is in :doc:`/guide/weights`.
