"""
When the rare class becomes more frequent: new priors instead of new training
=============================================================================

A network that was trained where 4 % of the rows are rare underestimates them where 20 % are. If the
rare rows themselves look as before, only their frequency is wrong, and
``predict_posterior(X, priors=...)`` takes the new one without training again. If the frequency is
not known, it can be estimated from new rows without labels.
"""

# %%
# Loans with the grades E, F and G are the rare class, 3.9 % of all. A network learns from 16,000
# loans. The others are the future: a population in which 20 % of the loans are rare, because some
# of the frequent ones are left out.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import f1_score, log_loss
from sklearn.model_selection import train_test_split

from skimbalance import ImbalancedMLPClassifier
from skimbalance.datasets import load_credit_risk_grade
from skimbalance.plots import ReliabilityDisplay
from skimbalance.prior import estimate_prior

X, y = load_credit_risk_grade(return_X_y=True, as_frame=True)
y = y.isin(["E", "F", "G"]).astype(int)
X_train, X_later, y_train, y_later = train_test_split(
    X, y, train_size=16000, stratify=y, random_state=0
)
network = ImbalancedMLPClassifier((32,), class_weight=None, epochs=20, random_state=0)
network.fit(X_train, y_train)
posterior = network.predict_posterior(X_later)
rare, frequent = np.flatnonzero(y_later == 1), np.flatnonzero(y_later == 0)


def draw(share, n_rows, rng):
    """Positions of later loans, of which this share is rare."""
    n_rare = round(share * n_rows)
    return np.r_[
        rng.choice(rare, n_rare, replace=False),
        rng.choice(frequent, n_rows - n_rare, replace=False),
    ]


rows = draw(0.2, 3000, np.random.default_rng(0))
X_new, y_new = X_later.iloc[rows], y_later.iloc[rows]

# %%
# The estimate is the share of the rare class that makes the new rows, without labels, most
# likely. It takes posteriors, and the class frequencies of the training data for which they hold
# :cite:p:`saerens2002adjusting`.
estimated = estimate_prior(network.predict_posterior(X_new), prior=network.class_prior_)
print(f"rare among the new loans: estimated {estimated[1]:.2f}, true {y_new.mean():.2f}")

# %%
# With the old priors the new loans seem far too safe. With the estimated ones the curve is close
# to the diagonal. Bars are 95 % intervals.
fig, ax = plt.subplots(figsize=(5, 4.6), layout="constrained")
old = network.predict_posterior(X_new)
new = network.predict_posterior(X_new, priors=estimated)
ReliabilityDisplay.from_predictions(y_new, old, corrected=new, ax=ax)
ax.set_title("New loans: old priors, and estimated ones")
plt.show()

# %%
# Decisions are better, too: under the old priors the rare class is hardly ever the more probable
# one.
judged = {
    "old priors": old,
    "estimated priors": new,
    "true priors": network.predict_posterior(X_new, priors=[0.8, 0.2]),
}
table = {
    name: {
        "mean probability": proba[:, 1].mean(),
        "log-loss": log_loss(y_new, proba),
        "F1 of the rare class": f1_score(y_new, proba.argmax(axis=1)),
    }
    for name, proba in judged.items()
}
print(pd.DataFrame(table).round(2))

# %%
# How sure is the estimate? Ten draws of 1,000 unlabelled loans for each of several shares. The
# mean posterior (grey) is no estimate: where 60 % of the loans are rare it is still about 0.1.
shares = [0.01, 0.04, 0.1, 0.2, 0.4, 0.6]
rng = np.random.default_rng(1)
fig, ax = plt.subplots(figsize=(5, 4.4), layout="constrained")
for share in shares:
    draws = [posterior[draw(share, 1000, rng)] for _ in range(10)]
    estimates = [estimate_prior(proba, prior=network.class_prior_)[1] for proba in draws]
    means = [proba[:, 1].mean() for proba in draws]
    ax.plot([share] * 10, means, "x", color="#7F7F7F", label="mean posterior")
    ax.plot([share] * 10, estimates, ".", color="#0072B2", label="estimate_prior")
    print(f"true {share:.2f}: estimated {np.mean(estimates):.2f} +- {np.std(estimates):.2f}")
ax.plot([0, 0.7], [0, 0.7], ":", color="black")
handles, labels = ax.get_legend_handles_labels()
ax.legend(handles[:2], labels[:2], title="10 draws of 1,000 loans")
ax.set(
    xlabel="true share of the rare class",
    ylabel="estimated share",
    title="Shares estimated without labels",
)
plt.show()

# %%
# Shares from a tenth on are estimated within a few hundredths. Of shares as small as 0.01 or 0.04
# the error is about as large as the share itself: 1,000 rows without labels cannot tell whether
# the rare class has doubled from there.
#
# What to do
# ----------
# If you know the class frequencies where the model is used, hand them to
# :meth:`~skimbalance.ImbalancedMLPClassifier.predict_posterior` as `priors`. If you do not,
# estimate them by :func:`skimbalance.prior.estimate_prior` from some thousand new rows, again
# from time to time. :class:`skimbalance.PriorCorrectedClassifier` has the same `priors` for any
# other classifier. All of this assumes that only the class frequencies have changed. If rows of a
# class look different, the estimate is wrong without saying so, and nothing but new labels helps.
# Posteriors must be good ones, so look at their reliability first: :doc:`/guide/probabilities`.
