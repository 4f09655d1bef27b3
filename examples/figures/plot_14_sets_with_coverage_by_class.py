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
# was paid back is left out, as nobody knows it when the grade is given. 8,000 loans train a
# network, 8,000 others calibrate the sets, and the rest judges them.
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
from mapie.classification import SplitConformalClassifier
from mapie.conformity_scores import LACConformityScore
from sklearn.model_selection import train_test_split

from skimbalance import ImbalancedMLPClassifier
from skimbalance.datasets import load_credit_risk_grade

X, y = load_credit_risk_grade(return_X_y=True, as_frame=True)
X = X.drop(columns="loan_status")
X_train, X, y_train, y = train_test_split(X, y, train_size=8000, stratify=y, random_state=0)
X_held, X_test, y_held, y_test = train_test_split(X, y, train_size=8000, stratify=y, random_state=0)
clf = ImbalancedMLPClassifier((32,), class_weight=None, epochs=15, random_state=0)
clf.fit(X_train, y_train)
grades, test_class = np.unique(y_test, return_inverse=True)

# %%
# How strange a class is for a row is one minus its posterior :cite:p:`sadinle2019least`; MAPIE
# calls it the score "lac". A class is in the set of a row if it is not stranger than a limit: the
# 90 % quantile of how strange the true classes of the held-out rows are. The limit is either one
# for all rows, or one for each class from the rows of that class alone, which is called
# label-conditional or Mondrian :cite:p:`vovk2005algorithmic`. MAPIE has the former; for the latter
# a custom score asks MAPIE's for the limit of each class.


class ByClass(LACConformityScore):
    """The score "lac" with a limit for each class; 1 where its rows are too few for one."""

    def get_conformity_scores(self, y, y_pred, y_enc=None, **kwargs):
        self.class_index = y_enc
        return super().get_conformity_scores(y, y_pred, y_enc, **kwargs)

    def get_conformity_score_quantiles(self, scores, alpha, cv, **kwargs):
        limits = np.ones((len(self.classes), len(alpha)))
        for k in range(len(self.classes)):
            of_class = scores[self.class_index == k]
            if np.ceil((len(of_class) + 1) * (1 - alpha.min())) <= len(of_class):
                limits[k] = super().get_conformity_score_quantiles(of_class, alpha, cv, **kwargs)
        return limits


scores = {"one limit": "lac", "a limit for each class": ByClass()}

# MAPIE tries a classifier on a row of zeros, which a table with text does not have, unless it shows
# no number of columns.
methods = ("fit", "predict", "predict_proba", "classes_")
shown = SimpleNamespace(**{name: getattr(clf, name) for name in methods})

# %%
# Coverage is the share of the test rows of a class whose set holds the class.
rows = np.bincount(test_class)
names = [f"{grade}\n{n:,}" for grade, n in zip(grades, rows, strict=True)]
styles = [{"color": "#7F7F7F", "marker": "s"}, {"color": "#D55E00", "marker": "o"}]
fig, axes = plt.subplots(2, sharex=True, figsize=(5, 6), layout="constrained")
for (name, score), style in zip(scores.items(), styles, strict=True):
    mapie = SplitConformalClassifier(shown, confidence_level=0.9, conformity_score=score)
    mapie.conformalize(X_held, y_held)
    sets = mapie.predict_set(X_test)[1][:, :, 0]
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
# from draw to draw. The guarantee of 90 % is a mean over the draws.
#
# What to do
# ----------
# Look at the coverage class by class before you use conformal sets on data with rare classes, and
# take label-conditional sets: :doc:`/howto/mapie` has the lines. Hold out rows for them that
# neither training nor tuning has seen. For a precision that is promised see
# :doc:`/questions/plot_15_a_promise`.
