"""
A report names the faults of a classifier
=========================================

An accuracy of nearly 60 % on ten classes hides more than it shows. The report on the network below
says in sentences which classes it misses, that its probabilities are worse than the class
frequencies alone, and which classes have too few test rows for any verdict.
"""

# %%
# The network has faults on purpose: no class weights, and far too many epochs at a high learning
# rate, without early stopping. It learns from half of the proteins in yeast cells, and the other
# half judges it.
import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split

from skimbalance import ImbalancedMLPClassifier
from skimbalance.datasets import load_yeast
from skimbalance.report import ImbalanceReport

X, y = load_yeast(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
clf = ImbalancedMLPClassifier(
    (64,), class_weight=None, learning_rate=1e-2, epochs=100, early_stopping=False, random_state=0
).fit(X_train, y_train)
print(f"accuracy {clf.score(X_test, y_test):.2f}")

# %%
# The report has scores of the decisions, which the class labels alone give, beside those of the
# probabilities; each class by itself; and at the end, after exclamation marks, what is wrong.
report = ImbalanceReport.from_estimator(clf, X_test, y_test, random_state=0)
print(report)

# %%
# The recall of each class with its 95 % interval :cite:p:`brown2001interval`. An interval as wide
# as that of ERL says nothing at all. That of VAC says enough: the recall is far below one half.
frame = report.frame().sort_values("support")
names = [f"{label} ({rows})" for label, rows in frame["support"].items()]
too_few = frame["recall_high"] - frame["recall_low"] > 0.4
colors = ["#7F7F7F" if few else "#0072B2" for few in too_few]
fig, ax = plt.subplots(figsize=(5, 4), layout="constrained")
ax.hlines(names, frame["recall_low"], frame["recall_high"], color=colors, linewidth=3)
ax.scatter(frame["recall"], names, color=colors, zorder=2)
ax.axvline(0.5, color="black", linestyle=":", linewidth=1)
ax.set(xlabel="recall, with its 95 % interval", ylabel="class (test rows)", xlim=(-0.02, 1))
ax.set_title("Grey: too few test rows to judge")
plt.show()

# %%
# A network that stops after 10 epochs has better probabilities. They beat the class frequencies,
# and nearly all classes are calibrated. VAC is now not even predicted.
better = clf.set_params(learning_rate=1e-3, epochs=10).fit(X_train, y_train)
for flag in ImbalanceReport.from_estimator(better, X_test, y_test, random_state=0).flags:
    print("-", flag)

# %%
# What to do
# ----------
# Read the sentences first. A class that is never predicted asks for another decision
# (:doc:`/guide/decisions`) or for weights (:doc:`/guide/weights`). Bad probabilities ask for early
# stopping, or for calibration (:doc:`/guide/probabilities`). And too few test rows ask for folds:
# the report of an ensemble, :meth:`skimbalance.report.ImbalanceReport.from_oof`, uses all rows.
# ``report.save("report.html")`` writes a page with figures that can be sent.
