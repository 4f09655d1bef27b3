"""
What a random split hides
=========================

A random split asks how well a model knows the patients and the months that it has seen. If it will
meet others, the score is too good: about three times too good for the patients below. Folds of
whole patients and a later held-out part ask the right question. A survey found leaks of this and
other kinds in 17 fields of science, in 294 papers :cite:p:`kapoor2023leakage`.
"""

# %%
# Two kinds of data, in ten draws each. A patient has ten visits that are much alike, and one
# patient in ten is ill, which shows weakly in the first column. In the other data a fraud, 7 % of
# the payments, looks a little different each month.
import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_score

from skimbalance import ImbalancedMLPClassifier
from skimbalance.model_selection import TimeHoldout


def visits(n_patients, rng):
    """Rows, which of them are ill, and the patient of each."""
    patient = np.repeat(np.arange(n_patients), 10)
    ill = np.arange(n_patients) % 10 == 0
    of_patient = rng.normal(size=(n_patients, 6))
    of_patient[ill, 0] += 1
    X = of_patient[patient] + rng.normal(scale=0.3, size=(len(patient), 6))
    return X, ill[patient].astype(int), patient


def payments(months, n_rows, rng):
    """Rows in order of time, and which of them are fraud."""
    month = np.repeat(months, n_rows)
    X = rng.normal(size=(len(month), 6))
    angle = np.pi / 2 * month / 12  # the sign of a fraud goes from one column to another
    z = 2.5 * (np.cos(angle) * X[:, 0] + np.sin(angle) * X[:, 1]) - 4.5
    return X, (rng.random(len(month)) < 1 / (1 + np.exp(-z))).astype(int)


# %%
# The truth is the average precision on rows that come later: 500 new patients, and 5,000 payments
# of the thirteenth month, after a fit on all rows of the past. What did each split promise?
how = {"epochs": 20, "learning_rate": 0.01, "batch_size": 100, "early_stopping": False}
network = ImbalancedMLPClassifier((32,), class_weight=None, random_state=0, **how)
random_folds = StratifiedKFold(5, shuffle=True, random_state=0)
whole_patients = StratifiedGroupKFold(5, shuffle=True, random_state=0)


def promise(X, y, cv, groups=None):
    """Mean average precision of the splits."""
    scores = cross_val_score(network, X, y, cv=cv, groups=groups, scoring="average_precision")
    return scores.mean()


def truth(X, y, X_new, y_new):
    """Average precision on rows that come later."""
    return average_precision_score(y_new, network.fit(X, y).predict_proba(X_new)[:, 1])


of_patients, of_months = [], []
with joblib.parallel_config(backend="stacked"):  # the networks of the folds train together
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X, y, patient = visits(300, rng)
        X_new, y_new, _ = visits(500, rng)
        of_patients.append(
            {
                "random folds": promise(X, y, random_folds),
                "folds of patients": promise(X, y, whole_patients, patient),
                "truth: new patients": truth(X, y, X_new, y_new),
            }
        )
        X, y = payments(np.arange(12), 600, rng)
        X_new, y_new = payments([12], 5_000, rng)
        of_months.append(
            {
                "random folds": promise(X, y, random_folds),
                "latest fifth": promise(X, y, TimeHoldout(0.2)),
                "truth: next month": truth(X, y, X_new, y_new),
            }
        )
tables = {"patients": pd.DataFrame(of_patients), "months": pd.DataFrame(of_months)}
for name, table in tables.items():
    print(f"{name}:", table.mean().round(2).to_string(), sep="\n")

# %%
# A dot is a draw, and a line the mean of the ten. Random folds of the patients let the network
# recognise the other visits of the same person. Random folds of the months let it learn from
# payments after those that it is scored on. The honest scores scatter, as they rest on fewer
# independent things, 30 ill patients or one period, but their means are close to the truth.
colors = ["#D55E00", "#0072B2", "#7F7F7F"]
fig, axes = plt.subplots(2, figsize=(5, 4.6), sharex=True, layout="constrained")
for ax, (name, table) in zip(axes, tables.items(), strict=True):
    for row, (split, color) in enumerate(zip(table, colors, strict=True)):
        ax.plot(table[split], [row] * len(table), "o", color=color, alpha=0.5)
        ax.plot(table[split].mean(), row, "|", color=color, markersize=28, markeredgewidth=3)
    ax.set_yticks(range(3), table)
    ax.set(title=name, ylim=(2.6, -0.6))
axes[1].set(xlabel="average precision", xlim=(0, 1))
plt.show()

# %%
# What to do
# ----------
# Ask which rows the model will meet, and hold out such rows: whole patients, customers or machines
# by ``groups=``, which the estimators also take for early stopping and for tuned decisions; later
# rows by :class:`~skimbalance.model_selection.TimeHoldout`, as ``cv`` of a search or as
# ``validation`` of a network. All ways are in :doc:`/guide/validation`, and as code in
# :doc:`/questions/plot_16_patients_or_months`. Expect lower scores. They were never higher.
