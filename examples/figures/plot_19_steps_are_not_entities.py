"""
Nearly all steps are right, and many titles are wrong
=====================================================

A tagger marks the words of titles and towns in sentences. Class by class its steps look fine. But
a title counts only if its first and its last word are right, and a long one has many words to get
wrong. The report counts both, with intervals that know that words of one sentence are not
independent.
"""

# %%
# Simulated sentences: a town is one word of its own kind. A title begins with "the" and goes on
# with ordinary words, so that where it ends can be told only if a mark follows, in seven of ten
# cases.
import matplotlib.pyplot as plt
import numpy as np

from skimbalance import ImbalancedSequenceClassifier
from skimbalance.report import ImbalanceReport

rng = np.random.default_rng(0)
WORDS = [f"word{i}" for i in range(60)]


def sentence():
    """Words and their tags."""
    words = rng.choice(WORDS, rng.integers(4, 9)).tolist()
    tags = ["O"] * len(words)
    if rng.random() < 0.3:
        words, tags = [*words, f"Town{rng.integers(30)}"], [*tags, "B-TOWN"]
    if rng.random() < 0.3:
        n_more = rng.integers(2, 6)
        words += ["the", *rng.choice(WORDS, n_more)] + ["!"] * (rng.random() < 0.7)
        tags += ["B-TITLE"] + ["I-TITLE"] * n_more
        tags += ["O"] * (len(words) - len(tags))
        n_last = rng.integers(2, 5)
        words, tags = [*words, *rng.choice(WORDS, n_last)], [*tags, *["O"] * n_last]
    return words, tags


X, y = map(list, zip(*(sentence() for _ in range(900)), strict=True))
clf = ImbalancedSequenceClassifier(
    "conv1d", units=32, n_layers=3, epochs=15, min_frequency=2, random_state=0
).fit(X[:600], y[:600])
report = ImbalanceReport.from_estimator(clf, X[600:], y[600:], random_state=0)
print(report)

# %%
# F1 of the steps and of the entities. The intervals are 95 % intervals of whole sentences.
kinds = [("steps", scores) for scores in report.summary["classes"] if scores["label"] != "O"]
kinds += [("entities", scores) for scores in report.summary["entities"]]
kinds.sort(key=lambda kind: kind[1]["label"].split("-")[-1])
names = [f"{scores['label']} ({scores['support']} {unit})" for unit, scores in kinds]
colors = ["#0072B2" if unit == "steps" else "#D55E00" for unit, _ in kinds]
low, high = np.transpose([scores["f1_interval"] for _, scores in kinds])
fig, ax = plt.subplots(figsize=(5, 3), layout="constrained")
ax.hlines(names, low, high, color=colors, linewidth=3)
ax.scatter([scores["f1"] for _, scores in kinds], names, color=colors, zorder=2)
ax.set(xlabel="F1, with its 95 % interval", xlim=(0, 1.02))
ax.set_title("Blue: steps. Vermilion: entities")
ax.invert_yaxis()
plt.show()

# %%
# Towns have one step each, so the two scores are the same. Most words of titles are found; whole
# titles are found less often, as one wrong end is enough.
#
# What to do
# ----------
# Judge by what is used. If somebody reads the marked words, steps will do; if titles go into a
# table, entities count :cite:p:`tjongkimsang2003conll`. Classes that are tags, as in "B-TITLE",
# "I-TITLE" and "O", are all that :class:`skimbalance.report.ImbalanceReport` needs:
# :doc:`/guide/sequences`.
