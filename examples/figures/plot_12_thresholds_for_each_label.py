"""
Each label needs a threshold of its own
=======================================

Where several labels can hold for a row, a rare label hardly ever reaches a probability of 0.5. With
this usual threshold the network below finds next to nothing of its rarest label. A threshold for
each label, tuned on out-of-fold posteriors, leaves the network as it is and gives that label an F1
of about 0.3. The frequent labels change little.
"""

# %%
# Seven labels are simulated, which hold for 40 % to 2 % of the rows. Each depends on the columns in
# its own way, and on noise.
import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import f1_score

from skimbalance import ImbalancedMLPClassifier, TunedDecisionClassifierCV

shares = [0.4, 0.25, 0.15, 0.08, 0.05, 0.03, 0.02]
coefficients = np.random.default_rng(0).normal(size=(10, len(shares)))
coefficients /= np.linalg.norm(coefficients, axis=0)


def simulate(n_rows, seed):
    """Rows, and a label indicator matrix."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 10))
    score = 1.5 * X @ coefficients + 0.7 * rng.logistic(size=(n_rows, len(shares)))
    cuts = [np.quantile(column, 1 - share) for column, share in zip(score.T, shares, strict=True)]
    return X, (score > cuts).astype(int)


# %%
# :class:`skimbalance.TunedDecisionClassifierCV` trains a network on each part of three folds to
# tune the thresholds, and one on all rows, its ``estimator_``, which by itself decides by 0.5. Five
# draws of 2,000 rows are judged on 5,000 other rows each.
network = ImbalancedMLPClassifier((32,), class_weight=None, epochs=20, random_state=0)
tuned = TunedDecisionClassifierCV(network, objective="f1_macro", cv=3, random_state=0)
at_half, at_own, thresholds = [], [], []
for seed in range(5):
    X_test, Y_test = simulate(5000, seed=100 + seed)
    with joblib.parallel_config(backend="stacked"):
        tuned.fit(*simulate(2000, seed=seed))
    plain = tuned.estimator_.predict(X_test)
    at_half.append(f1_score(Y_test, plain, average=None, zero_division=0))
    at_own.append(f1_score(Y_test, tuned.predict(X_test), average=None))
    thresholds.append(tuned.threshold_)

# %%
# The dots are means of the draws, and the bars reach from the worst draw to the best.
names = [f"{share:.0%}" for share in shares]
fig, axes = plt.subplots(1, 2, sharey=True, figsize=(6, 4), layout="constrained")
for values, style, label in [
    (np.array(at_half), {"color": "#7F7F7F", "marker": "o"}, "at 0.5"),
    (np.array(at_own), {"color": "#D55E00", "marker": "D"}, "tuned"),
]:
    mean = values.mean(axis=0)
    reach = [mean - values.min(axis=0), values.max(axis=0) - mean]
    axes[0].errorbar(mean, names, xerr=reach, linestyle="", label=label, **style)
axes[0].set(
    xlabel="F1 on test rows", xlim=(-0.03, 1), ylabel="label: share of the rows that have it"
)
axes[0].invert_yaxis()
axes[0].legend(loc="lower right")
for values in thresholds:
    axes[1].plot(values, names, ".", color="#0072B2")
axes[1].axvline(0.5, color="#7F7F7F", linestyle=":")
axes[1].set(xlabel="tuned threshold, by draw", xlim=(0, 0.6))
plt.show()

# %%
# Macro-F1, the mean over the labels, and how much of it is the draw of the rows:
for name, values in [("at 0.5", at_half), ("tuned", at_own)]:
    macro = np.mean(values, axis=1)
    print(f"{name:7} {macro.mean():.2f} +- {macro.std():.2f}")

# %%
# The thresholds lie well below 0.5, and lower for rarer labels. If the posteriors were exact, the
# best threshold for the F1 would be half of the best F1 :cite:p:`lipton2014f1`, which is what the
# two panels show.
#
# What to do
# ----------
# Tune a threshold for each label whenever you report a macro-F1; :doc:`/guide/labels` shows it with
# folds in which every rare label is present. Look at ``threshold_std_`` before you trust the
# threshold of a label with few rows. Balanced class weights also raise the recall of rare labels,
# but they change the probabilities; a tuned threshold needs no weights.
