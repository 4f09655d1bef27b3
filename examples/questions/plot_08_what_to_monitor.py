"""
What should I monitor, and stop by loss or by F1?
=================================================

Without class weights, stop by the loss. It judges every posterior on the held-out rows and changes
smoothly, while F1 judges only on which side of a border a row is: with few rare rows it jumps, and
which epoch is best is mostly luck. Below, the monitor made no difference to F1 on test rows that
could be told from noise, and the loss gave somewhat better posteriors. With class weights the loss
is weighted, too, and may stop too early for F1 (:doc:`/gallery/plot_10_stop_by_f1_or_by_loss`):
then monitor the score that you report.
"""

# %%
# One training, judged four ways
# ------------------------------
# The rarer of two thyroid disorders is 2 % of the rows. Half of the rows train, and a fifth of
# these, with some 17 patients, is held out. With `n_iter_no_change` as large as `epochs`, training
# never stops early and only keeps the weights of the best epoch. The four fits of a split have the
# same seed, so that they are the same network and differ only in the epoch that the monitor
# prefers.

import joblib
from sklearn.model_selection import train_test_split

from skimbalance import ImbalancedMLPClassifier
from skimbalance.datasets import load_ann_thyroid

X, y = load_ann_thyroid(return_X_y=True)
y = (y == 1).astype(int)
monitors = ["loss", "average_precision", "balanced_accuracy", "f1_macro"]
n_epochs, n_splits = 40, 8


def fit(split, monitor):
    """Train on the first half of a split."""
    X_train, _, y_train, _ = train_test_split(X, y, test_size=0.5, stratify=y, random_state=split)
    clf = ImbalancedMLPClassifier(
        (32,),
        class_weight=None,
        learning_rate=3e-3,
        epochs=n_epochs,
        early_stopping=True,
        monitor=monitor,
        validation_fraction=0.2,
        n_iter_no_change=n_epochs,
        random_state=split,
    )
    return clf.fit(X_train, y_train)


cells = [(split, monitor) for split in range(n_splits) for monitor in monitors]
with joblib.parallel_config(backend="stacked"):
    fits = joblib.Parallel()(joblib.delayed(fit)(*cell) for cell in cells)

# %%
# Each line is one split; the dot is the epoch that the monitor chooses. In most of these splits the
# loss has its minimum within the first ten epochs and rises afterwards, as the network grows too
# sure. The other three do not see that. They jump up and down, by a step for each rare row that
# changes sides, and the highest of these jumps lies anywhere from the first to the last epochs.

import matplotlib.pyplot as plt

fig, axes = plt.subplots(2, 2, figsize=(7, 5.5), sharex=True, layout="constrained")
titles = ["loss (lower is better)", "average precision", "balanced accuracy", "macro-F1"]
for ax, monitor, title in zip(axes.flat, monitors, titles, strict=True):
    color = "#0072B2" if monitor == "loss" else "#D55E00"
    for clf in (clf for (_, chosen), clf in zip(cells, fits, strict=True) if chosen == monitor):
        curve = clf.history_[f"val_{monitor}"]
        ax.plot(range(1, n_epochs + 1), curve, color="#7F7F7F", linewidth=0.8, alpha=0.6)
        ax.plot(clf.best_epoch_, curve[clf.best_epoch_ - 1], "o", color=color)
    ax.set_title(title, fontsize=12)
for ax in axes[1]:
    ax.set_xlabel("epoch")
fig.suptitle("Held-out rows of eight splits; dots: the epoch that is kept")
plt.show()

# %%
# What does the choice of the epoch change on the test rows, the other half? The first table has
# means over the splits; the macro-F1 is that of the most probable class.

import pandas as pd
from sklearn.metrics import average_precision_score, f1_score, log_loss

rows = []
for (split, monitor), clf in zip(cells, fits, strict=True):
    _, X_test, _, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=split)
    proba = clf.predict_proba(X_test)
    rows.append(
        {
            "split": split,
            "monitor": monitor,
            "epoch": clf.best_epoch_,
            "log-loss": log_loss(y_test, proba),
            "average precision": average_precision_score(y_test, proba[:, 1]),
            "macro-F1": f1_score(y_test, clf.predict(X_test), average="macro"),
        }
    )
scores = pd.DataFrame(rows).set_index(["split", "monitor"])
scores.groupby("monitor", sort=False).mean().round(3)

# %%
# The second table has the differences to the fit of the same split that monitors the loss, with
# their standard errors.

differences = scores - scores.xs("loss", level="monitor")
differences = differences.drop("loss", level="monitor").groupby("monitor", sort=False)
differences.agg(["mean", "sem"]).round(3)

# %%
# The later epochs cost some log-loss, by one to two standard errors. In average precision and
# macro-F1 the four monitors differ by about their errors at most: on these data it does not matter
# for them which one you take. Eight splits of the same rows are not independent, so that the true
# errors are larger still.
#
# What each monitor judges
# ------------------------
#
# .. list-table::
#    :header-rows: 1
#    :widths: 28 36 36
#
#    * - monitor
#      - what it judges
#      - for which goal
#    * - ``"loss"``
#      - all posteriors, weighted as in training
#      - probabilities, costs, and any decision that is tuned afterwards
#    * - ``"average_precision"``
#      - the order of the rows, at its top
#      - a list of the most suspicious rows
#    * - ``"roc_auc"``
#      - the order of all rows
#      - comparing pairs of rows; hardly ever the goal with rare classes
#    * - ``"balanced_accuracy"``, ``"geometric_mean"``
#      - the recall of each class
#      - predictions in which classes count the same, taken as they are
#    * - ``"f1_macro"``, ``"f1_rare"``, ``"mcc"``
#      - precision and recall of the most probable class
#      - predictions that are taken as they are, with many held-out rare rows
#
# What to do
# ----------
# Train with ``class_weight=None`` and ``monitor="loss"``, and give the decision to
# :class:`skimbalance.TunedDecisionClassifierCV` with your objective (:doc:`/guide/decisions`). If
# you keep class weights, which are the default, and take the predictions as they are, monitor the
# score that you report. If only the order of the rows matters, ``"average_precision"`` is a fair
# choice. Decision scores need many held-out rare rows; check the choice on several splits as above.
# With fewer than ten held-out rows of the rarest class, ``early_stopping="auto"`` does not stop at
# all, as no monitor could tell. :doc:`/guide/validation` says where held-out rows come from.
