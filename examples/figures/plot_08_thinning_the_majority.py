"""
Half of the frequent rows can go, but not nine tenths
=====================================================

Training on all rare rows and a part of the frequent ones saves time. On these loans half of the
frequent rows can be left out without a loss that stands out from chance. With one frequent row to
each rare one the ranking is more than a tenth worse. In any case the probabilities are those of a
population with more rare rows, and are right again once the true class frequencies are put back in.
"""

# %%
# Loans with the grades E, F and G are the rare class, 3.9 % of all. There are 22,000 loans to
# train on, 857 of them rare, and 10,581 to test. All rare loans are kept, and so are 25 (all),
# 12, 5, 2 or 1 frequent loans to each of them. Each is repeated four times, with other loans left
# out and other initial weights. Batches are smaller for fewer rows, so that all networks take
# about the same number of steps.
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, log_loss
from sklearn.model_selection import train_test_split

from skimbalance import ImbalancedMLPClassifier
from skimbalance.datasets import load_credit_risk_grade

X, y = load_credit_risk_grade(return_X_y=True, as_frame=True)
y = y.isin(["E", "F", "G"]).astype(int)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=22000, stratify=y, random_state=0
)
priors = y_train.value_counts(normalize=True)
rare, frequent = np.flatnonzero(y_train == 1), np.flatnonzero(y_train == 0)

# %%
# The rows of a thinned set have other class frequencies than the population. The network cannot
# know that, so ``predict_posterior`` is told the priors of the population.
records = []
for per_rare in [25, 12, 5, 2, 1]:
    for seed in range(4):
        n_kept = min(per_rare * len(rare), len(frequent))
        kept = np.random.default_rng(seed).choice(frequent, n_kept, replace=False)
        rows = np.sort(np.concatenate([rare, kept]))
        network = ImbalancedMLPClassifier(
            (32,), class_weight=None, early_stopping=False, epochs=10, random_state=seed
        )
        start = perf_counter()
        network.fit(X_train.iloc[rows], y_train.iloc[rows])
        seconds = perf_counter() - start
        before = network.predict_proba(X_test)[:, 1]
        after = network.predict_posterior(X_test, priors=priors)[:, 1]
        records.append(
            {
                "frequent : rare": per_rare,
                "rows": len(rows),
                "seconds": seconds,
                "average precision": average_precision_score(y_test, before),
                "mean before": before.mean(),
                "mean after": after.mean(),
                "log-loss before": log_loss(y_test, before),
                "log-loss after": log_loss(y_test, after),
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
axes[1].plot(means.index, means["mean before"], "s--", color="#D55E00", label="as trained")
axes[1].plot(means.index, means["mean after"], "o-", color="#0072B2", label="with true priors")
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
# The seconds are those of the quickest of the four fits, as the first one of a size also
# compiles. A time this short says little by itself; on large data it goes down with the number of
# rows.
means["seconds"] = runs.groupby("frequent : rare")["seconds"].min()
print(means.sort_index(ascending=False).round(3).T)

# %%
# What to do
# ----------
# If training takes seconds, keep all rows: thinning the majority never ranks better here. If it
# takes hours, thin the frequent class to five or ten rows for each rare one before you thin it
# further, and put the saved time into a search or into several networks that leave out different
# rows. Tell :meth:`~skimbalance.ImbalancedMLPClassifier.predict_posterior` the true priors, as
# above; for other classifiers :func:`skimbalance.correct_prior` does the same, and
# :class:`skimbalance.PriorCorrectedClassifier` does it by itself around a pipeline with a random
# under-sampler of imbalanced-learn. :doc:`/guide/large` is about data that is too large for
# memory.
