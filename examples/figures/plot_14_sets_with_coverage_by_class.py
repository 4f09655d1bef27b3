"""
Sets of classes that cover the rare classes, too
================================================

A conformal classifier answers with a set of classes which holds the true one with a chosen
probability, say 90 %. That is true over all rows, and can be far from true in each class: here the
sets leave out the rarest grades of loans nearly always. With one limit for each class instead of
one for all, each class is covered in about 90 % of its rows. The price is larger sets.
"""

# %%
# The data are loans of seven grades, from A with 33 % of the loans to G with 0.2 %. Whether a loan
# was paid back is left out, as nobody knows it when the grade is given. The posteriors of 8,000
# loans come from networks that did not train on them, and those of the other 24,581 from a network
# that trained on all 8,000.
import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import cross_val_predict, train_test_split

from skimbalance import ImbalancedMLPClassifier
from skimbalance.datasets import load_credit_risk_grade

X, y = load_credit_risk_grade(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(
    X.drop(columns="loan_status"), y, train_size=8000, stratify=y, random_state=0
)
clf = ImbalancedMLPClassifier((32,), class_weight=None, epochs=15, random_state=0)
with joblib.parallel_config(backend="stacked"):
    out_of_fold = cross_val_predict(clf, X_train, y_train, cv=5, method="predict_proba")
grades, train_class = np.unique(y_train, return_inverse=True)
posterior = clf.fit(X_train, y_train).predict_proba(X_test)
test_class = np.searchsorted(grades, y_test)

# %%
# How strange a class is for a row is one minus its posterior :cite:p:`sadinle2019least`. A class is
# in the set of a row if it is not stranger than a limit: the 90 % quantile of how strange the true
# classes of the training rows are. The limit is either one for all rows, or one for each class from
# the rows of that class alone, which is called label-conditional or Mondrian
# :cite:p:`vovk2005algorithmic`.
strangeness = 1 - out_of_fold[np.arange(len(train_class)), train_class]


def limit(values, level=0.9):
    """The quantile of conformal prediction, or 1 where the values are too few for one."""
    rank = int(np.ceil(level * (len(values) + 1)))
    return np.sort(values)[rank - 1] if rank <= len(values) else 1.0


limits = {
    "one limit": limit(strangeness),
    "a limit for each class": [limit(strangeness[train_class == k]) for k in range(len(grades))],
}

# %%
# Coverage is the share of the test rows of a class whose set holds the class.
rows = np.bincount(test_class)
names = [f"{grade}\n{n:,}" for grade, n in zip(grades, rows, strict=True)]
styles = [{"color": "#7F7F7F", "marker": "s"}, {"color": "#D55E00", "marker": "o"}]
fig, axes = plt.subplots(2, sharex=True, figsize=(5, 6), layout="constrained")
for (name, limit_of_class), style in zip(limits.items(), styles, strict=True):
    sets = 1 - posterior <= limit_of_class
    covered = sets[np.arange(len(test_class)), test_class]
    coverage = np.bincount(test_class, covered) / rows
    size = np.bincount(test_class, sets.sum(axis=1)) / rows
    error = 2 * np.sqrt(coverage * (1 - coverage) / rows)
    axes[0].errorbar(names, coverage, yerr=error, label=name, linestyle="", **style)
    axes[1].plot(names, size, linestyle="", **style)
    print(f"{name}: coverage {covered.mean():.2f}, mean size {sets.sum(axis=1).mean():.1f}")
axes[0].axhline(0.9, color="black", linestyle=":", linewidth=1)
axes[0].set(ylabel="coverage (bars: 2 standard errors)", ylim=(-0.05, 1.05))
axes[0].legend(loc="lower left")
axes[1].set(ylabel="mean size of the sets", ylim=(0, 7), xlabel="grade, and its test rows")
plt.show()

# %%
# Both kinds of sets cover 90 % of all loans. With one limit, A and B are covered always, and F and
# G never. With a limit for each class all are, but the sets hold about five of the seven grades:
# these columns tell the rare grades from the others badly, and now the sets say so.
#
# The limits of rare classes come from few rows, here 59 of F and 16 of G, so their coverage varies
# from draw to draw. And the guarantee of 90 % is exact for posteriors of rows that were split off;
# for those from folds, whose networks have seen fewer rows than the last one, it is approximate.
#
# What to do
# ----------
# Look at the coverage class by class before you use conformal sets on data with rare classes, and
# ask your library for label-conditional sets. Start from posteriors in the population:
# ``predict_posterior`` where class weights or sampling trained the network, see
# :doc:`/guide/probabilities`. The ensemble has the posteriors that are needed here without a second
# round of folds, as ``oof_proba_`` of :class:`skimbalance.ImbalancedEnsembleClassifier`.
