"""
Would a PCA help, and with how many components?
===============================================

Rarely, and only a search on your own rows can tell. A PCA keeps the directions in which the columns
vary most, and they need not be those in which rare rows differ. It hurts below on a real table,
where such directions are thrown away, and it helps on a made-up one, where a hundred noisy columns
measure the same five things.
"""

# %%
# The number of components is a parameter like any other. The PCA is a step of a pipeline, so that
# it never sees the rows that test it, and the search tries it with several numbers of components
# and leaves it out (``"passthrough"``). PCA depends on the units of the columns, so they are
# standardised before.
import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, RepeatedStratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skimbalance import ImbalancedMLPClassifier
from skimbalance.datasets import load_ann_thyroid

pipe = Pipeline(
    [
        ("scale", StandardScaler()),
        ("pca", PCA(random_state=0)),
        ("mlp", ImbalancedMLPClassifier((32,), epochs=20, early_stopping=False, random_state=0)),
    ]
)
numbers = [2, 5, 20]
search = GridSearchCV(
    pipe,
    [{"pca__n_components": numbers}, {"pca": ["passthrough"]}],
    scoring="average_precision",
    cv=RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0),
    refit=False,
)

# %%
# The first table has 21 measurements and facts about 3,000 patients, of whom one in fourteen has a
# disease of the thyroid. The second is simulated: five hidden quantities determine which rows are
# rare, one in ten, and each of the hundred columns is a mixture of the five with much noise.
X, y = load_ann_thyroid(return_X_y=True)
rng = np.random.default_rng(0)
hidden = rng.normal(size=(500, 5))
score = np.abs(hidden[:, 0]) + hidden[:, 1]
tables = {
    "Thyroid: 21 columns": (X[:3000], (y[:3000] != 3).astype(int)),
    "Simulated: 100 noisy columns": (
        hidden @ rng.normal(size=(5, 100)) + 2 * rng.normal(size=(500, 100)),
        (score > np.quantile(score, 0.9)).astype(int),
    ),
}

# %%
# Each number of components, and no PCA, has the same six splits. Bars are the standard deviation
# over the splits.
labels = [*map(str, numbers), "no PCA"]
fig, axes = plt.subplots(2, 1, figsize=(5, 6), sharex=True, layout="constrained")
for ax, (name, (X, y)) in zip(axes, tables.items(), strict=True):
    with joblib.parallel_config(backend="stacked"):
        search.fit(X, y)
    mean, std = search.cv_results_["mean_test_score"], search.cv_results_["std_test_score"]
    ax.errorbar(labels[:-1], mean[:-1], std[:-1], color="#0072B2", marker="o", capsize=5)
    ax.errorbar(labels[-1:], mean[-1:], std[-1:], color="#D55E00", marker="s", capsize=5)
    ax.set(title=name, ylabel="average precision", ylim=(0, 1))
    print(name, dict(zip(labels, mean.round(2).tolist(), strict=True)))
axes[1].set_xlabel("components that the PCA keeps")
plt.show()

# %%
# On the thyroid table, 2 or 5 components lose about a third of the average precision. A few blood
# values tell who is ill, and the many yes-or-no columns, which say little, make up most of the
# variance. 20 of 21 components gain nothing, either. On the simulated table, 5 components are by
# far the best: with about 33 rare training rows the network cannot find the five quantities among a
# hundred columns by itself, and a PCA, which needs no class labels, can. 2 are too few, and 20
# bring the noise back.
#
# What to do
# ----------
# Start without a PCA. Put it into the search, as above, if you have more columns than rare rows and
# the columns measure the same few things, such as spectra, sensors or questionnaires. Do not choose
# the number of components by the explained variance, which knows nothing of the classes. A PCA
# needs numbers without gaps; :class:`skimbalance.ImbalancedMLPClassifier` takes categories and
# missing values as they are, see :doc:`/guide/tables`. It also standardises columns by itself, so
# that a pipeline without a PCA can begin with the classifier. Searches are in
# :doc:`/guide/searches`.
