"""
How do I hold out patients, or next month?
==========================================

Give ``groups=`` to hold out whole patients, and ``TimeHoldout`` to hold out the latest rows. Both
count wherever rows are held out: for early stopping, in tuned decisions, in comparisons and in
searches. Rows that are apart already go in as ``X_val`` and ``y_val``.
"""

# %%
# The data are visits: ten for each of 200 patients, with the day of each. One patient in ten is
# ill.
import numpy as np
import pandas as pd
from sklearn import config_context
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skimbalance import ImbalancedMLPClassifier, TunedDecisionClassifierCV
from skimbalance.model_selection import TimeHoldout

rng = np.random.default_rng(0)
patient = np.repeat(np.arange(200), 10)
y = (patient % 10 == 0).astype(int)
X = pd.DataFrame(rng.normal(size=(200, 4))[patient], columns=["a", "b", "c", "d"])
X = X.add(rng.normal(scale=0.5, size=X.shape)).add(y, axis=0)
day = pd.Timestamp(2025, 1, 1) + pd.to_timedelta(rng.integers(0, 365, len(X)), "D")

# %%
# Whole patients
# --------------
# The network stops early by patients that it does not learn from. The threshold is tuned on
# patients whom the networks of its folds have not seen, and so is its score.
network = ImbalancedMLPClassifier((16,), early_stopping=True, random_state=0)
network.fit(X, y, groups=patient)
tuned = TunedDecisionClassifierCV(network, objective="f1", random_state=0)
tuned.fit(X, y, groups=patient)
print(f"F1 {tuned.objective_score_:.1f}, at the threshold {tuned.threshold_:.1f}")

# %%
# Next month
# ----------
# Sort the rows by time, and the network stops by the latest fifth.
order = np.argsort(day)
later = ImbalancedMLPClassifier((16,), validation=TimeHoldout(0.2), random_state=0)
later.fit(X.iloc[order], y[order])
print(f"{later.class_counts_.sum():.0f} of {len(X)} rows trained on")

# %%
# In scores and searches the rows may stand in any order, if a column tells their time. All rows of
# a day are on one side. A network takes numbers and not dates, so a step before it leaves the
# column out. Most patients are on both sides here, which is right only if the model will meet them
# again.
dated = X.assign(day=day)
pipe = make_pipeline(make_column_transformer(("drop", ["day"]), remainder="passthrough"), network)
cv = TimeHoldout(0.2, column="day")
((train, held_out),) = cv.split(dated)
print("trained until", day[train].max().date(), "- judged from", day[held_out].min().date())
score = cross_val_score(pipe, dated, y, cv=cv, scoring="average_precision")
print("average precision", score.round(1))

# %%
# Rows of your own
# ----------------
# The steps before the network have to transform them, too. That is what ``transform_input`` says,
# and scikit-learn does it where metadata routing is switched on.
past, recent = day < "2025-10-01", day >= "2025-10-01"
with config_context(enable_metadata_routing=True):
    asking = ImbalancedMLPClassifier((16,), random_state=0).set_fit_request(X_val=True, y_val=True)
    pipe = make_pipeline(StandardScaler(), asking, transform_input=["X_val"])
    pipe.fit(X[past], y[past], X_val=X[recent], y_val=y[recent])
print(f"{pipe[-1].class_counts_.sum():.0f} of {len(X)} rows trained on")

# %%
# A search
# --------
# With metadata routing, a search gives the groups to its folds and to the networks in it, which
# stop early by whole patients of the training part.
with config_context(enable_metadata_routing=True):
    search = GridSearchCV(
        network,
        {"class_weight": [None, "balanced"]},
        scoring="average_precision",
        cv=StratifiedGroupKFold(3),
    )
    search.fit(X, y, groups=patient)
print(search.best_params_)

# %%
# What it does to a score is seen in :doc:`/gallery/plot_21_what_a_random_split_hides`. What is
# held out by default, and what is an error, is told in :doc:`/guide/validation`.
