"""
Macro-F1: no weights are too little, the inverse frequency is too much
======================================================================

With several classes a decision has a weight for each class: the class with the largest product of
weight and posterior is predicted. On these loans the macro-F1 rises as rare classes get weight, is
best some way before the inverse class frequency, and falls again. A tuner that looks at out-of-fold
rows of the training set finds weights that are as good as the best of this line, or better.
"""

# %%
# Loans have the grades A to C (85 %), D (11 %), or E to G (3.9 %). A network learns from 8,000
# loans without any class weights, and :class:`skimbalance.TunedDecisionClassifierCV` tunes
# decision weights on its out-of-fold posteriors. This is repeated for three draws of loans, and
# the others, 24,581 each time, test them.
import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedShuffleSplit, cross_validate

from skimbalance import ImbalancedMLPClassifier, TunedDecisionClassifierCV
from skimbalance.datasets import load_credit_risk_grade

X, y = load_credit_risk_grade(return_X_y=True, as_frame=True)
y = y.map({"A": "A-C", "B": "A-C", "C": "A-C", "D": "D", "E": "E-G", "F": "E-G", "G": "E-G"})
y = y.to_numpy(dtype=object)
network = ImbalancedMLPClassifier(
    (32,), class_weight=None, early_stopping=False, epochs=10, random_state=0
)
with joblib.parallel_config(backend="stacked"):
    result = cross_validate(
        TunedDecisionClassifierCV(network, objective="f1_macro", cv=3, random_state=0),
        X,
        y,
        scoring="f1_macro",
        cv=StratifiedShuffleSplit(3, train_size=8000, random_state=0),
        return_estimator=True,
        return_indices=True,
    )

# %%
# The same networks decide by a line of rules: the weights are the class frequencies to the power of
# minus p, from p = 0 (the most probable class) to p = 1 (the inverse frequency, "balanced").
powers = np.linspace(0, 1, 11)
classes, counts = np.unique(y, return_counts=True)
frequency = counts / len(y)
scores = np.zeros((len(powers), len(classes)))
for tuned, test in zip(result["estimator"], result["indices"]["test"], strict=True):
    proba = tuned.predict_proba(X.iloc[test])
    for i, power in enumerate(powers):
        predicted = classes[np.argmax(proba * frequency**-power, axis=1)]
        scores[i] += f1_score(y[test], predicted, average=None) / 3

# %%
fig, ax = plt.subplots(figsize=(5, 4.6), layout="constrained")
ax.axhline(result["test_score"].mean(), color="#009E73", label="macro-F1, tuned weights")
ax.plot(powers, scores.mean(axis=1), color="#0072B2", linewidth=3, label="macro-F1 on the line")
styles = [("#7F7F7F", ":"), ("#E69F00", "-."), ("#D55E00", "--")]
for k, (color, style) in enumerate(styles):
    label = f"F1 of {classes[k]} ({frequency[k]:.0%})"
    ax.plot(powers, scores[:, k], color=color, linestyle=style, label=label)
ax.set(
    xlabel="p: weights are class frequencies to the power of -p",
    ylabel="score on test rows",
    xlim=(0, 1),
    ylim=(0, 1),
    title="Scores by decision weights, means of three draws",
)
ax.legend(ncols=2, fontsize=8.5, loc="upper center", bbox_to_anchor=(0.5, 0.86))
plt.show()

# %%
# At p = 0 the rarest class is hardly ever predicted. As its weight grows, more of it is found, at
# the expense of the class next to it: the F1 of D and of A to C fall before that of E to G does.
for power, macro_f1 in zip(powers, scores.mean(axis=1), strict=True):
    print(f"p = {power:.1f}: macro-F1 {macro_f1:.2f}")

# %%
# The tuned weights of each draw, in the order of the classes, and the macro-F1 that they reach on
# test rows. They differ somewhat from draw to draw, and the score hardly does, as its top is
# flat.
for tuned, score in zip(result["estimator"], result["test_score"], strict=True):
    print(f"weights {tuned.decision_weights_.round(2)}: macro-F1 {score:.2f}")

# %%
# What to do
# ----------
# If macro-F1 is your goal, do not take the most probable class, and do not rely on balanced class
# weights either: they stand at the right end of the line. Train without weights and tune the
# decision with ``objective="f1_macro"``; where the tuner puts a class depends on how well it can
# be told apart, and not on its frequency alone. With a handful of rows of a class its weight is
# mostly luck, and a warning says so. :doc:`/guide/decisions` tells how the rule is found.
