"""
The curve behind a threshold shows how sure it is
=================================================

A tuned threshold is an estimate, and its error depends on the number of rare rows. With 20 of them
the score jumps from threshold to threshold, and no top of the curve can be told from chance. With
some 230 the curve is smooth, and its top is flat: a threshold somewhat off costs little. The
tuned threshold itself is steadier than the curve suggests, as it leans on the posteriors where rows
are few.
"""

# %%
# Loans with the grades E, F and G are the rare class, 3.9 % of all. A network and its threshold
# for the F1 learn from 500 loans, of which 20 at most are rare, or from 6,000. Each is repeated
# on six draws of loans, and tested on 8,000 others. The threshold is tuned on the out-of-fold
# posteriors of the training rows, by :class:`skimbalance.TunedDecisionClassifierCV`.
import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import StratifiedShuffleSplit, cross_validate

from skimbalance import ImbalancedMLPClassifier, TunedDecisionClassifierCV
from skimbalance.datasets import load_credit_risk_grade
from skimbalance.plots import ThresholdCurveDisplay

X, y = load_credit_risk_grade(return_X_y=True, as_frame=True)
y = y.isin(["E", "F", "G"]).astype(int)
network = ImbalancedMLPClassifier(
    (32,), class_weight=None, early_stopping=False, epochs=10, random_state=0
)
tuned = TunedDecisionClassifierCV(network, objective="f1", random_state=0)
results = {}
for n_rows in [500, 6000]:
    draws = StratifiedShuffleSplit(6, train_size=n_rows, test_size=8000, random_state=0)
    with joblib.parallel_config(backend="stacked"):
        results[n_rows] = cross_validate(
            tuned, X, y, scoring=["f1", "average_precision"], cv=draws, return_estimator=True
        )

# %%
# The first draw of each. The line is the F1 of all out-of-fold rows at a threshold, and the band
# its standard deviation over the five folds. The steps of the upper line are single rare rows:
# its top is a matter of luck, and so is the score that it promises. The lower line says that any
# threshold near 0.1 is about as good as the best, and that 0.5, the usual one, is worthless.
fig, axes = plt.subplots(2, figsize=(5, 7), sharex=True, sharey=True, layout="constrained")
for ax, (n_rows, result) in zip(axes, results.items(), strict=True):
    ThresholdCurveDisplay.from_estimator(result["estimator"][0], ax=ax)
    ax.set_title(f"{n_rows:,} training rows, {round(n_rows * y.mean())} of them rare")
plt.show()

# %%
# All draws: a dot is a threshold, and the F1 that its decisions reach on the test rows. In these
# draws the thresholds from 500 rows spread further than those from 6,000; six draws are too few to
# say by how much. All are far better than 0.5, and the tops are so flat that no threshold stands
# out. (With more rows the F1 is also higher because the networks learn more: their average
# precision, AP, says so.)
fig, ax = plt.subplots(figsize=(5, 3.8), layout="constrained")
for (n_rows, result), style in zip(results.items(), ["s", "o"], strict=True):
    thresholds = np.array([clf.threshold_ for clf in result["estimator"]])
    promised = np.array([clf.objective_score_ for clf in result["estimator"]])
    color = "#D55E00" if n_rows == 500 else "#0072B2"
    ax.plot(thresholds, result["test_f1"], style, color=color, label=f"{n_rows:,} rows")
    f1, ap = result["test_f1"].mean(), result["test_average_precision"].mean()
    print(f"{n_rows:,} rows: thresholds {thresholds.min():.2f} to {thresholds.max():.2f}")
    print(f"  F1 out of fold {promised.min():.2f} to {promised.max():.2f}")
    print(f"  on test rows: F1 {f1:.2f}, AP {ap:.2f}")
ax.set(
    xlabel="tuned threshold",
    ylabel="F1 on 8,000 test rows",
    xlim=(0, 0.2),
    xticks=[0, 0.05, 0.1, 0.15, 0.2],
    ylim=(0, 0.35),
    title="Six draws of training rows",
)
ax.legend(title="trained and tuned on", loc="lower left")
plt.show()

# %%
# What to do
# ----------
# Draw the curve (:class:`skimbalance.plots.ThresholdCurveDisplay`) before you trust a threshold,
# or read ``threshold_std_``. If the band is wide where the curve is high, do not compare models
# by their tuned scores, and do not tune again and again until one pleases. Take all rows for
# training and tuning, as cross-validation does, rather than splitting a few rare rows further. If
# you know what a false alarm and a miss cost, no threshold has to be learnt at all: see
# :doc:`/gallery/plot_05_costs` and :doc:`/guide/decisions`.
