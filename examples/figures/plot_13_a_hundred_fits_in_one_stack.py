"""
A hundred fits as one program
=============================

A search over small networks trains many of them, and much of its time goes into calls, not into
arithmetic. With joblib's backend "stacked" the networks train side by side as one program. The
search below then has the same scores and is over sooner: it takes less processor time, although
compiling the stack counts, and two stacks at a time use two cores.
"""

# %%
# Twenty candidates on five folds make a hundred fits. The rows are every fourth of the blocks of
# printed pages, in which all that is not text is the rare class (9 %).
from time import perf_counter, process_time

import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from skimbalance import ImbalancedMLPClassifier
from skimbalance.datasets import load_page_blocks

X, y = load_page_blocks(return_X_y=True)
X, y = X[::4], (y[::4] != 1).astype(int)
clf = ImbalancedMLPClassifier((16,), epochs=40, early_stopping=False, random_state=0)
grid = {"class_weight": [0, 0.25, 0.5, 0.75, 1], "learning_rate": [5e-4, 1e-3, 2e-3, 4e-3]}
search = GridSearchCV(clf, grid, scoring="average_precision", cv=StratifiedKFold(5), refit=False)

# %%
# The first fit of a process imports TensorFlow, so one comes before the clock starts. Each search
# compiles what it needs, and this counts.
clf.fit(X, y)
seconds, scores = {}, {}
for backend in ["sequential", "stacked"]:
    start = perf_counter(), process_time()
    with joblib.parallel_config(backend=backend):
        search.fit(X, y)
    seconds[backend] = perf_counter() - start[0], process_time() - start[1]
    scores[backend] = search.cv_results_["mean_test_score"]

# %%
# The times of this run, and the scores of the candidates both ways. Processor time is the time of
# all cores together. It counts none of what other programs did meanwhile.
fig, axes = plt.subplots(1, 2, figsize=(6.5, 3.6), layout="constrained")
for shift, color, (backend, times) in zip(
    [-0.2, 0.2], ["#7F7F7F", "#D55E00"], seconds.items(), strict=True
):
    label = "one by one" if backend == "sequential" else backend
    bars = axes[0].bar(np.arange(2) + shift, times, width=0.36, color=color, label=label)
    axes[0].bar_label(bars, fmt="%.1f")
axes[0].set_xticks([0, 1], ["elapsed", "processor"])
axes[0].set(ylabel="seconds for 100 fits", title="time")
axes[0].margins(y=0.3)
axes[0].legend(loc="upper right")
axes[1].axline((0, 0), slope=1, color="#7F7F7F", linestyle=":")
axes[1].plot(scores["sequential"], scores["stacked"], "o", color="#0072B2")
low, high = min(scores["stacked"]) - 0.01, max(scores["stacked"]) + 0.01
axes[1].set(xlabel="one by one", ylabel="stacked", title="average precision", aspect="equal")
axes[1].set(xlim=(low, high), ylim=(low, high))
plt.show()

# %%
# The scores agree, as a stack takes the same steps on the same rows as the single fits do. What
# remains is the rounding of float32:
print(f"largest difference: {np.abs(scores['sequential'] - scores['stacked']).max():.4f}")

# %%
# What to do
# ----------
# Put a search, a cross-validation, a bagging or a calibration of
# :class:`skimbalance.ImbalancedMLPClassifier` under
# ``with joblib.parallel_config(backend="stacked"):``. The gain is the larger, the more fits there
# are and the smaller the networks. It is small where other steps of a pipeline take most of the
# time, such as SMOTE on large data; processes (``n_jobs=-1``) serve better there.
# :doc:`/guide/searches` says which backend suits what, and :doc:`/project/benchmarks` has the times
# beside those of other libraries.
