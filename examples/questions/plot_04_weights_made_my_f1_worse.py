"""
Why did class weights make my F1 worse?
=======================================

Because a network with balanced weights predicts as if both classes were equally frequent. It finds
more rare rows, but raises so many more false alarms that F1 falls. Nothing is broken: the order of
the rows is nearly the same, and with a tuned threshold F1 is back.
"""

# %%
# Of 5,472 blocks on printed pages, 4 % are pictures, graphics or vertical lines. Each block is
# predicted by a network that has not seen it, once without weights and once with balanced ones.
import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from skimbalance import ImbalancedMLPClassifier, TunedDecisionClassifierCV
from skimbalance.datasets import load_page_blocks

X, y = load_page_blocks(return_X_y=True)
y = np.isin(y, [3, 4, 5]).astype(int)
networks = {
    name: ImbalancedMLPClassifier(
        (32,), epochs=20, early_stopping=False, class_weight=weight, random_state=0
    )
    for name, weight in {"no weights": None, "balanced weights": "balanced"}.items()
}
cv = StratifiedKFold(3, shuffle=True, random_state=0)
probability, decision = {}, {}
for name, network in networks.items():
    tuned = TunedDecisionClassifierCV(network, objective="f1", cv=3, random_state=0)
    with joblib.parallel_config(backend="stacked"):
        probability[name] = cross_val_predict(network, X, y, cv=cv, method="predict_proba")[:, 1]
        decision[name, "tuned"] = cross_val_predict(tuned, X, y, cv=cv)
    decision[name, "predict"] = (probability[name] > 0.5).astype(int)

# %%
# F1 is ``2 * found / (flagged + rare)``, where 230 blocks are rare. A false alarm adds to
# ``flagged`` and to nothing else.
table = {
    rule: {
        "found": np.sum(flags & y),
        "missed": np.sum((1 - flags) & y),
        "false alarms": np.sum(flags & (1 - y)),
        "F1": round(f1_score(y, flags), 2),
    }
    for rule, flags in sorted(decision.items())
}
print(pd.DataFrame.from_dict(table, orient="index"))

# %%
# A line shows the F1 of flagging the 10, 20, ... blocks that look most like rare ones. The lines of
# both networks nearly coincide, and have their best point near 230 flags. ``predict`` of the
# network with weights flags far more.
fig, ax = plt.subplots(figsize=(5, 4.2), layout="constrained")
flagged = np.arange(10, 801)
styles = [("#0072B2", "-"), ("#D55E00", "--")]
for (name, p), (color, line) in zip(probability.items(), styles, strict=True):
    found = np.cumsum(y[np.argsort(-p)])
    ax.plot(flagged, 2 * found[flagged - 1] / (flagged + y.sum()), line, color=color, label=name)
    for rule, marker in {"predict": "o", "tuned": "*"}.items():
        flags = decision[name, rule]
        ax.plot(flags.sum(), f1_score(y, flags), marker, color=color, markersize=12, mec="black")
ax.plot([], [], "o", color="#7F7F7F", markersize=9, label="predict")
ax.plot([], [], "*", color="#7F7F7F", markersize=12, label="predict, tuned for F1")
ax.legend(loc="lower right")
ax.set(xlabel="blocks flagged, of 5,472", ylabel="F1", ylim=(0, 1))
plt.show()

# %%
# With balanced weights, ``predict`` finds about 60 rare blocks more, and raises about 300 false
# alarms more, so F1 falls from about 0.75 to 0.55. Tuned for F1 on out-of-fold rows of the training
# data, both networks reach about 0.77. Here the network without weights is close to that by itself.
# That is luck: where rare rows are harder to tell, its ``predict`` finds hardly any, as on the
# loans of :doc:`/gallery/plot_01_weights_move_along_the_curve`.
#
# What to do
# ----------
# Decide what you want first. If false alarms are cheap, the weights did what you wanted, and F1 is
# the wrong score: look at balanced accuracy, or at costs. If you want F1, tune the decision for it
# with :class:`skimbalance.TunedDecisionClassifierCV`, with weights or without, see
# :doc:`/guide/decisions`. A smaller ``class_weight`` such as 0.5 is a compromise that needs no
# tuning, see :doc:`/guide/weights`.
