"""
If you know the costs, the threshold follows from them
======================================================

If a missed rare row costs as much as 20 false alarms, raise an alarm from a probability of 1 in 21.
This rule needs good probabilities and no tuning, and on these loans no other is cheaper. Predicting
the more probable class is cheap only if a miss costs little more than a false alarm, and balanced
class weights are cheap only near the one ratio of costs for which they happen to stand.
"""

# %%
# Let a false alarm cost 1, a missed rare row :math:`r`, and right decisions nothing. For a row of
# probability :math:`p` an alarm costs :math:`1 - p` on average, and no alarm :math:`r p`. So the
# alarm is cheaper from :math:`p = 1 / (1 + r)` on :cite:p:`elkan2001foundations`.
#
# Loans with the grades E, F and G are the rare class, 3.9 % of all. Two networks learn from 8,000
# loans, one without and one with balanced class weights.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

from skimbalance import ImbalancedMLPClassifier, TunedDecisionClassifierCV
from skimbalance.datasets import load_credit_risk_grade

X, y = load_credit_risk_grade(return_X_y=True, as_frame=True)
y = y.isin(["E", "F", "G"]).astype(int)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=8000, stratify=y, random_state=0
)
plain, weighted = (
    ImbalancedMLPClassifier(
        (32,), class_weight=weight, early_stopping=False, epochs=10, random_state=0
    ).fit(X_train, y_train)
    for weight in [None, "balanced"]
)

# %%
# The bill is that of the 24,581 other loans, in false alarms per 1,000 loans.
ratios = np.geomspace(1, 100, 41)


def bill(alarm, ratio):
    misses, false_alarms = y_test[alarm == 0].sum(), (1 - y_test[alarm == 1]).sum()
    return 1000 * (ratio * misses + false_alarms) / len(y_test)


posterior = plain.predict_posterior(X_test)[:, 1]
bills = {
    "more probable class": [bill(plain.predict(X_test), r) for r in ratios],
    "balanced weights": [bill(weighted.predict(X_test), r) for r in ratios],
    "posterior above 1 / (1 + r)": [bill(posterior > 1 / (1 + r), r) for r in ratios],
    "alarm for all": [bill(np.ones(len(y_test)), r) for r in ratios],
}

# %%
# :class:`skimbalance.TunedDecisionClassifierCV` with ``objective="cost"`` applies the same rule
# to posteriors that it has calibrated on out-of-fold rows. Its cost matrix has a row for each
# true class and a column for each decision. It is the way for any other classifier, and for
# several classes, whose costs may all be different.
tuned_bills = {}
for r in [5, 20, 100]:
    tuned = TunedDecisionClassifierCV(
        plain, objective="cost", cost_matrix=[[0, 1], [r, 0]], cv=3, random_state=0
    ).fit(X_train, y_train)
    tuned_bills[r] = bill(tuned.predict(X_test), r)
    print(f"a miss costs {r:3}: alarm from {tuned.threshold_:.3f} on")

# %%
fig, ax = plt.subplots(figsize=(5, 4.4), layout="constrained")
styles = [("#7F7F7F", "--"), ("#D55E00", "-."), ("#0072B2", "-"), ("#000000", ":")]
for (name, values), (color, style) in zip(bills.items(), styles, strict=True):
    ax.plot(ratios, values, color=color, linestyle=style, linewidth=2, label=name)
ax.plot(
    *zip(*tuned_bills.items(), strict=True),
    "o",
    color="#0072B2",
    clip_on=False,
    label='objective="cost"',
)
ax.set(
    xscale="log",
    xlabel="cost of a miss, in false alarms (r)",
    ylabel="bill of 1,000 loans, in false alarms",
    xlim=(1, 100),
    ylim=(0, 1600),
    title="The bill by the cost of a miss",
)
ax.set_xticks([1, 2, 5, 10, 20, 50, 100], [1, 2, 5, 10, 20, 50, 100])
ax.legend(loc="upper left")
plt.show()

# %%
# Balanced weights treat a miss as if it cost as many false alarms as there are frequent rows to a
# rare one, here about 25, and there their curve touches the blue one. At other ratios they are
# too dear. The rule of the posterior is never above any other by more than noise.
for r in [5, 20, 100]:
    print(
        f"a miss costs {r:3}: more probable class {bill(plain.predict(X_test), r):5.0f}, balanced "
        f"weights {bill(weighted.predict(X_test), r):5.0f}, posterior "
        f"{bill(posterior > 1 / (1 + r), r):4.0f}, tuned {tuned_bills[r]:4.0f}"
    )

# %%
# How well must the ratio be known? If a miss costs 20 false alarms, and the rule believes another
# ratio:
for believed in [2, 10, 20, 40, 200]:
    print(f"believed {believed:3}: bill {bill(posterior > 1 / (1 + believed), 20):4.0f}")

# %%
# What to do
# ----------
# Write down roughly what a miss and a false alarm cost: if the ratio is wrong by a factor of two,
# the bill rises by a tenth or so, but by a factor of ten it nearly doubles. Then train without
# weights, or undo them by ``predict_posterior``, and decide by ``objective="cost"``;
# :doc:`/guide/decisions` has the other objectives, for costs that nobody knows. The rule is as good
# as the probabilities: look at their reliability first, see :doc:`/guide/probabilities`.
