"""
Rare steps in sequences: decide for F1, not for the fewest errors
=================================================================

If nearly all steps of a sequence are of one class, a network that makes as few errors as possible
reports little of the rest. The network below has an accuracy of 99 % and finds about a quarter of
the rare steps. The same network with a decision that is tuned on held-out sequences finds more than
three quarters of them. It raises more false alarms, loses some accuracy, and has a far better F1.
"""

# %%
# A sensor gives noise around zero, and now and then a peak of four steps. Some peaks are faults: of
# the lowest 10 %, of the highest 60 %. The steps of faults are the rare class, 1 to 2 % of all.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from skimbalance import ImbalancedSequenceClassifier


def simulate(n_sequences, seed, n_steps=150):
    """Measurements of shape (n_sequences, n_steps, 1), and the class of each step."""
    rng = np.random.default_rng(seed)
    height = rng.uniform(2, 6, size=(n_sequences, n_steps))
    height[rng.random(height.shape) > 0.01] = 0
    is_fault = (height > 0) & (rng.random(height.shape) < 0.1 + 0.5 * (height - 2) / 4)
    peaks = sum(np.roll(height, k, axis=1) for k in range(4))
    faults = sum(np.roll(is_fault, k, axis=1) for k in range(4))
    return (rng.normal(size=peaks.shape) + peaks)[..., None], (faults > 0).astype(int)


X, y = simulate(200, seed=0)
X_test, y_test = simulate(300, seed=1)

# %%
# Both classifiers train without class weights and differ in `objective` alone. With
# ``objective="f1_macro"`` the held-out sequences also tune the decision.
scores = {"accuracy": accuracy_score, "precision": precision_score, "recall": recall_score}
scores["F1"] = f1_score
decisions = {"plain": None, "tuned": "f1_macro"}
predicted = {}
for name, objective in decisions.items():
    results = []
    for seed in range(3):
        clf = ImbalancedSequenceClassifier(
            "conv1d",
            units=16,
            n_layers=2,
            class_weight=None,
            objective=objective,
            epochs=15,
            early_stopping=True,
            validation_fraction=0.3,
            monitor="loss",
            random_state=seed,
        ).fit(X, y)
        predicted[name] = np.array(clf.predict(X_test))
        results.append(
            [score(y_test.ravel(), predicted[name].ravel()) for score in scores.values()]
        )
    texts = [
        f"{score} {np.mean(values):.2f} +- {np.std(values):.2f}"
        for score, values in zip(scores, np.transpose(results), strict=True)
    ]
    print(f"{name} (3 seeds):", ", ".join(texts))

# %%
# A timeline: the test sequence in which the tuned decision reports most.
k = predicted["tuned"].sum(axis=1).argmax()
fig, axes = plt.subplots(2, sharex=True, figsize=(6, 4), layout="constrained")
axes[0].plot(X_test[k, :, 0], color="#0072B2", linewidth=0.8)
axes[0].set(ylabel="measurement", title="One test sequence")
rows = {"truth": y_test[k], **{name: steps[k] for name, steps in predicted.items()}}
for row, (name, steps) in enumerate(rows.items()):
    right = np.flatnonzero((steps == 1) & (y_test[k] == 1))
    wrong = np.flatnonzero((steps == 1) & (y_test[k] == 0))
    color = "black" if name == "truth" else "#009E73"
    axes[1].broken_barh([(step - 0.5, 1) for step in right], (row - 0.35, 0.7), color=color)
    axes[1].broken_barh([(step - 0.5, 1) for step in wrong], (row - 0.35, 0.35), color="#D55E00")
axes[1].set_yticks(range(len(rows)), rows)
axes[1].set(xlabel="step    (green: found; low and vermilion: false alarm)", ylim=(2.5, -0.5))
plt.show()

# %%
# A peak that is a fault with a probability of 40 % is more likely none, so reporting it costs
# accuracy. For F1 it pays: a missed fault counts as much as a false alarm there, and the many steps
# that are rightly not reported count nothing.
#
# What to do
# ----------
# Give ``objective="f1_macro"`` to :class:`skimbalance.ImbalancedSequenceClassifier`, or another
# score that counts the rare classes. Its default class weights, the square root of "balanced", are
# another way to more recall; weights and a tuned decision can be combined. Report precision, recall
# and F1 of the rare classes, and no accuracy. :doc:`/guide/sequences` has text, padding and folds.
