"""
A second look at the least sure rows
====================================

A classifier need not decide every row. If it leaves the least sure ones to people, the error rate
of the others falls faster than the share that is left, and more of the rare rows are found. For a
tuned threshold the least sure rows are those at the threshold, and not those near 0.5: of a rare
class, these are among the surest alarms.
"""

# %%
# Loans with the grades E, F and G are the rare class, 3.9 % of all. The threshold is tuned for the
# F1 on the posteriors of boosted trees, on 8,000 loans; 12,000 others judge.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split

from skimbalance import TunedDecisionClassifierCV
from skimbalance.datasets import load_credit_risk_grade
from skimbalance.report import ImbalanceReport

X, y = load_credit_risk_grade(return_X_y=True, as_frame=True)
y = y.isin(["E", "F", "G"]).to_numpy(int)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=8_000, test_size=12_000, stratify=y, random_state=0
)
trees = HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=8, random_state=0)
clf = TunedDecisionClassifierCV(trees, objective="f1", cv=3, random_state=0).fit(X_train, y_train)
report = ImbalanceReport.from_estimator(clf, X_test, y_test, random_state=0)
curve = report.frame("reject_option")
print(f"threshold {clf.threshold_:.2f}")
print(curve.loc[[0, 0.05, 0.1, 0.2]].round(2))

# %%
# As many rows may be chosen by their largest posterior :cite:p:`chow1970optimum`, which is the
# right order where each row goes to the more probable class. Here it begins with the alarms.
decided, posterior = clf.predict(X_test), clf.predict_proba(X_test)
surest_first = np.argsort(-posterior.max(axis=1), kind="stable")
error_rate, found = [], []
for share in curve.index:
    kept = surest_first[: len(y_test) - round(share * len(y_test))]
    with_people = y_test.copy()
    with_people[kept] = decided[kept]
    error_rate.append(np.mean(with_people[kept] != y_test[kept]))
    found.append(with_people[y_test == 1].mean())

# %%
# On the left is the error rate of the loans that the classifier decides. On the right is the share
# of all bad loans that it finds, together with people, if these are right.
fig, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
by_cost = {"color": "#D55E00", "label": "by expected cost"}
by_posterior = {"color": "#0072B2", "linestyle": "--", "label": "by largest posterior"}
at_random = {"color": "#7F7F7F", "linestyle": ":", "label": "at random"}
percent, start = 100 * curve.index, curve.loc[0]
axes[0].plot(percent, curve["error_rate"], **by_cost)
axes[0].plot(percent, error_rate, **by_posterior)
axes[0].plot(percent, np.full(len(curve), start["error_rate"]), **at_random)
axes[0].set(ylabel="error rate of the others", ylim=(0, None))
axes[1].plot(percent, curve["found"], **by_cost)
axes[1].plot(percent, found, **by_posterior)
axes[1].plot(percent, 1 - (1 - start["recall"]) * (1 - curve.index), **at_random)
axes[1].set(ylabel="share of the bad loans that is found", ylim=(0, 1))
for ax in axes:
    ax.set(xlabel="% of the loans left to people", xlim=(0, 30))
axes[1].legend(loc="lower right")
plt.show()

# %%
# Both orders lower the error rate, as most errors are false alarms. By the largest posterior people
# get nothing but alarms at first, so that no bad loan is found that the classifier has missed. By
# the expected cost they also get the loans just below the threshold.
#
# What to do
# ----------
# Read in the report (:doc:`/guide/report`) what the least sure 5 % of the rows gain, and take the
# share from the curve that people have time for.
