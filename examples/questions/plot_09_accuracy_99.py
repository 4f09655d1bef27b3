"""
My accuracy is 99 % and worthless: what now?
============================================

First find out what is worthless: the model, or only its decisions. Look at the average precision
of the rare class beside its share of the rows. If it is well above, the model ranks rows better
than chance, and another decision makes it useful. If it is not, no decision helps, and you need
better columns or more rare rows. Accuracy cannot tell these cases apart, as predicting "never" is
right in 99 of 100 rows already.
"""

# %%
# A network that never says yes
# -----------------------------
# Of 4,177 shells in the abalone data, 32 have 19 rings: fewer than one in a hundred. All
# predictions on this page are out of fold, by networks that have not seen the row.

import joblib
from sklearn.metrics import accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from skimbalance import ImbalancedMLPClassifier
from skimbalance.datasets import load_abalone_19

X, y = load_abalone_19(return_X_y=True)
folds = StratifiedKFold(5, shuffle=True, random_state=0)
clf = ImbalancedMLPClassifier((32,), class_weight=None, epochs=20, random_state=0)
with joblib.parallel_config(backend="stacked"):
    proba = cross_val_predict(clf, X, y, cv=folds, method="predict_proba")
never = proba.argmax(axis=1)
print(f"accuracy {accuracy_score(y, never):.3f}, rows predicted as rare: {never.sum()}")

# %%
# The report
# ----------
# The report says what the accuracy hides: the class is never predicted, and the decisions are no
# better than those of a dummy.

from skimbalance.report import ImbalanceReport

report = ImbalanceReport.from_predictions(y, never, proba, random_state=0)
print("\n".join(report.flags))
report.frame()[["support", "precision", "recall", "f1", "average_precision"]].round(3)

# %%
# But it does not say that the ranking is worthless. The average precision of the rare class is low,
# about 0.02, and yet it is about three times the share of the class, which is what a random order
# would get. The largest posterior is below a half, and so nothing is predicted.
#
# Use the ranking
# ---------------
# A question that such a model can answer is: we can look at 200 of 1,000 shells, which? That is the
# objective "alerts". Its decisions are learnt inside each training fold.

from skimbalance import TunedDecisionClassifierCV

tuned = TunedDecisionClassifierCV(clf, objective="alerts", level=200, cv=3, random_state=0)
with joblib.parallel_config(backend="stacked"):
    alerts = cross_val_predict(tuned, X, y, cv=folds)
report = ImbalanceReport.from_predictions(y, alerts, proba, random_state=0)
print(f"accuracy {accuracy_score(y, alerts):.3f}, rows flagged: {alerts.mean():.2f}")
report.frame()[["support", "precision", "recall", "recall_low", "recall_high"]].round(2)

# %%
# The accuracy has fallen far below that of predicting "never", and the model has become useful. The
# figure shows why. It has the share of the rare shells that are found against the share of all
# shells that are looked at. The bar is a 95 % interval: with 32 rare shells, all that is sure is
# that between a little less than a half and about three quarters of them are found, where chance
# would find a fifth.

import matplotlib.pyplot as plt
import numpy as np

found = np.cumsum(y[np.argsort(-proba[:, 1], kind="stable")]) / y.sum()
flagged = np.arange(1, len(y) + 1) / len(y)
low, recall, high = report.frame().loc[1, ["recall_low", "recall", "recall_high"]]

fig, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
ax.plot(flagged, found, color="#0072B2")
ax.plot([0, 1], [0, 1], ":", color="#7F7F7F")
ax.errorbar(
    alerts.mean(), recall, [[recall - low], [high - recall]], fmt="o", color="#D55E00", capsize=4
)
ax.plot(0, 0, "s", color="#D55E00", clip_on=False)
accuracy = [f"{100 * accuracy_score(y, decisions):.0f} %" for decisions in (never, alerts)]
ax.text(0.07, 0.0, f"most probable class: accuracy {accuracy[0]}", va="center")
ax.text(0.25, 0.6, f"200 alerts in 1,000:\naccuracy {accuracy[1]}", va="center")
ax.text(0.85, 0.75, "chance", color="#7F7F7F")
ax.text(0.4, 0.83, "network", color="#0072B2")
ax.set(xlabel="share of all shells that is looked at", ylabel="share of the rare shells found")
ax.set_title("The better decision has the worse accuracy")
plt.show()

# %%
# What to do
# ----------
# Print an :class:`skimbalance.report.ImbalanceReport` in place of the accuracy, and read the line
# of the rare class. If its average precision is well above its share of the rows, choose the
# decision for your goal with :class:`skimbalance.TunedDecisionClassifierCV`: a number of alerts, a
# precision, costs, or F1 (:doc:`/guide/decisions`). If it is not, work on the columns or collect
# rare rows before you try weights, losses or samplers, which mostly move a model along its curve
# (:doc:`/gallery/plot_01_weights_move_along_the_curve`). Compare models by scores in which the rare
# class counts, such as average precision or balanced accuracy, and in log-loss if you need
# probabilities. :doc:`/gallery/plot_18_what_a_report_says` explains the report, and
# :doc:`/guide/imbalance` what else breaks if a class is rare.
