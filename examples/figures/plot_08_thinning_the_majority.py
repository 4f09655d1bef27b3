"""
Half of the frequent rows can go, but not nine tenths
=====================================================

Training on all rare rows and a part of the frequent ones saves time. On these loans half of the
frequent rows can be left out without a loss that stands out from chance. With one frequent row to
each rare one the ranking is more than a tenth worse. The probabilities are right in any case, as
``fit_stream`` knows what it left out. Where classes are separated better than here, more frequent
rows are needed, and a formula says how many.
"""

# %%
# Loans with the grades E, F and G are the rare class, 3.9 % of all. There are 22,000 loans to
# train on, 857 of them rare, and 10,581 to test. All rare loans are kept, and so are 25 (all),
# 12, 5, 2 or 1 frequent loans to each of them. Each is repeated four times, with other loans left
# out and other initial weights. Batches are smaller for fewer rows, so that all networks take
# about the same number of steps.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
from sklearn.model_selection import train_test_split

from skimbalance import ImbalancedMLPClassifier, correct_prior
from skimbalance.datasets import load_credit_risk_grade

X, y = load_credit_risk_grade(return_X_y=True, as_frame=True)
y = y.isin(["E", "F", "G"]).astype(int)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=22000, stratify=y, random_state=0
)
priors = y_train.value_counts(normalize=True).sort_index().to_numpy()


# %%
# The source is a function that returns an iterator of parts of the rows. Here there is one part;
# for a file larger than memory it is the path of the file, and all else stays the same.
def source():
    """All rows in one part."""
    yield X_train, y_train


# %%
# The probabilities are those of the population. What a network would say that does not know of
# the thinning is reckoned back by `skimbalance.correct_prior`, for comparison.
records = []
for per_rare in [25, 12, 5, 2, 1]:
    for seed in range(4):
        network = ImbalancedMLPClassifier(
            (32,), class_weight=None, early_stopping=False, epochs=10, random_state=seed
        )
        network.fit_stream(source, majority_ratio=per_rare)
        proba = network.predict_proba(X_test)
        thinned = priors * [network.majority_fraction_, 1]
        untold = correct_prior(proba, priors, thinned / thinned.sum())[:, 1]
        proba = proba[:, 1]
        records.append(
            {
                "frequent : rare": per_rare,
                "average precision": average_precision_score(y_test, proba),
                "AUC": roc_auc_score(y_test, proba),
                "mean, not told": untold.mean(),
                "mean, told": proba.mean(),
                "log-loss, not told": log_loss(y_test, untold),
                "log-loss, told": log_loss(y_test, proba),
            }
        )
runs = pd.DataFrame(records)

# %%
# Dots are single networks, and lines their means.
means = runs.groupby("frequent : rare").mean()
fig, axes = plt.subplots(2, figsize=(5, 6.4), sharex=True, layout="constrained")
axes[0].plot(runs["frequent : rare"], runs["average precision"], ".", color="#7F7F7F")
axes[0].plot(means.index, means["average precision"], "o-", color="#0072B2")
axes[0].set(ylabel="average precision", ylim=(0, 0.25), title="Ranking of the test rows")
axes[1].plot(means.index, means["mean, not told"], "s--", color="#D55E00", label="not told of it")
axes[1].plot(means.index, means["mean, told"], "o-", color="#0072B2", label="told of it")
axes[1].axhline(y_test.mean(), color="black", linestyle=":", label="rare among test rows")
axes[1].set(
    xscale="log",
    xlabel="frequent rows kept for each rare row",
    ylabel="mean probability of the rare class",
    title="Probabilities",
    ylim=(0, 0.5),
)
axes[1].set_xticks([1, 2, 5, 12, 25], [1, 2, 5, 12, "25 (all)"])
axes[1].minorticks_off()
axes[1].legend()
plt.show()

# %%
print(means.sort_index(ascending=False).round(3).T)

# %%
# How many frequent rows are enough?
# ----------------------------------
# It depends on how well the classes are separated. Let one feature be normal with the same spread
# in both classes, and let a logistic regression learn from all rare rows and :math:`k` frequent
# ones for each. In the information of a rare row :math:`x` about the coefficients, the rows that
# are kept count as :math:`k / (k + \rho(x))`, where :math:`\rho` is the density of the rare class
# over that of the frequent one: a rare row that no kept frequent row resembles
# (:math:`\rho \gg k`) tells nothing. From this follows the variance of the coefficient, for many
# rows. The figure shows it as a number of rare rows: with as many of 100, and with all frequent
# rows at 1 : 1,000, the coefficient would be as uncertain.
x = np.linspace(-10, 14, 20001)
all_rows = 1000


def variance(separation, k):
    """Variance of the coefficient, for a mean of the rare class so many deviations away."""
    ratio = np.exp(separation * x - separation**2 / 2)
    weight = norm.pdf(x, separation) * k / (k + ratio)
    moments = [np.sum(weight * x**power) * (x[1] - x[0]) for power in range(3)]
    return moments[0] / (moments[0] * moments[2] - moments[1] ** 2)


kept = np.geomspace(1, all_rows, 50)
fig, ax = plt.subplots(figsize=(5, 3.6), layout="constrained")
table = {}
for separation, color in [(0.01, "#7F7F7F"), (1, "#0072B2"), (2, "#D55E00"), (3, "#009E73")]:
    auc = norm.cdf(separation / np.sqrt(2))
    best = variance(separation, all_rows)
    worth = 100 * best / np.array([variance(separation, k) for k in kept])
    ax.plot(kept, worth, color=color, label=f"AUC {auc:.2f}")
    table[f"AUC {auc:.2f}"] = {k: 100 * best / variance(separation, k) for k in [1, 5, 20, 50, 200]}
ax.set(
    xscale="log",
    xlabel="frequent rows kept for each rare row",
    ylabel="worth so many of 100 rare rows",
    ylim=(0, 105),
)
ax.legend()
plt.show()

# %%
print(pd.DataFrame(table).rename_axis("frequent : rare").round().astype(int))

# %%
# What to do
# ----------
# If training takes seconds, keep all rows: thinning the majority never ranks better here. If it
# takes hours, thin the frequent class to 20 rows or more for each rare one, see whether twice as
# many rank better, and put the saved time into a search or into several networks that leave out
# different rows. Where classes are nearly separable, keep hundreds, or have many rare rows: half of
# 100,000 are still plenty. :doc:`/guide/large` is about data that is too large for memory. For
# rows that were thinned elsewhere, tell
# :meth:`~skimbalance.ImbalancedMLPClassifier.predict_posterior`
# the true priors; for other classifiers :func:`skimbalance.correct_prior` does the same, and
# :class:`skimbalance.PriorCorrectedClassifier` does it by itself around a pipeline with a random
# under-sampler of imbalanced-learn.
