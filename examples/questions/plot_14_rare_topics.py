"""
My text has rare topics
=======================

Put a ``TfidfVectorizer`` before the classifier, and judge topic by topic. Try ``ComplementNB``
first: it was made for classes of uneven size and trains in milliseconds. On the letters below it is
the best of five classifiers for the rarest topic, the network with a tuned decision is second, and
logistic regression with balanced weights is behind both.
"""

# %%
# Letters with a rare topic
# -------------------------
# The letters to a company are simulated: fifteen words of everyday language, and two or three
# words, on average, from the vocabulary of the topic. Neighbouring topics share a third of it. The
# rarest topic, safety, has 1.5 % of the letters.

import numpy as np

topics = ["billing", "delivery", "login", "refund", "safety"]


def write(n_letters, seed):
    """Texts, and the topic of each."""
    rng = np.random.default_rng(seed)
    number = rng.choice(5, size=n_letters, p=[0.6, 0.25, 0.105, 0.03, 0.015])
    share = 1 / np.arange(1, 401)
    texts = []
    for k in number:
        common = rng.choice(400, size=15, p=share / share.sum())
        own = 50 * k + rng.integers(0, 75, size=rng.poisson(2.5))
        texts.append(" ".join([f"word{w}" for w in common] + [f"term{w}" for w in own]))
    return texts, np.array(topics)[number]


texts, y = write(2000, seed=0)
print(texts[0])
print({topic: int(np.sum(y == topic)) for topic in topics})

# %%
# Five classifiers
# ----------------
# Each comes after the same ``TfidfVectorizer``, whose sparse matrix the network takes as it is and
# makes dense a few batches at a time. ``standardize=False`` leaves the columns as tf-idf has scaled
# them; dividing by their deviations would make the words that occur once or twice the loudest.

import joblib
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import ComplementNB, MultinomialNB
from sklearn.pipeline import make_pipeline

from skimbalance import ImbalancedMLPClassifier, TunedDecisionClassifierCV

network = ImbalancedMLPClassifier(
    (32,),
    class_weight=None,
    standardize=False,
    learning_rate=3e-3,
    epochs=8,
    early_stopping=False,
    random_state=0,
)
classifiers = {
    "MultinomialNB": MultinomialNB(),
    "ComplementNB": ComplementNB(),
    "logistic regression, balanced": LogisticRegression(class_weight="balanced", max_iter=1000),
    "network": network,
    "network, tuned decision": TunedDecisionClassifierCV(
        network, objective="f1_macro", cv=3, random_state=0
    ),
}

# %%
# Three times we draw 2,000 letters to train and 3,000 to test. The table has means and standard
# deviations over the draws; "safety" is the average precision for the rarest topic.

import pandas as pd
from sklearn.metrics import average_precision_score, f1_score

scores, by_topic = [], []
for draw in range(3):
    texts, y = write(2000, seed=draw)
    texts_test, y_test = write(3000, seed=100 + draw)
    for name, classifier in classifiers.items():
        pipe = make_pipeline(TfidfVectorizer(), classifier)
        with joblib.parallel_config(backend="stacked"):
            pipe.fit(texts, y)
        f1 = f1_score(y_test, pipe.predict(texts_test), labels=topics, average=None)
        proba = pipe.predict_proba(texts_test)[:, topics.index("safety")]
        scores.append([name, f1.mean(), average_precision_score(y_test == "safety", proba)])
        by_topic.append(pd.Series(f1, topics, name=name))
scores = pd.DataFrame(scores, columns=["classifier", "macro-F1", "safety"])
scores.groupby("classifier", sort=False).agg(["mean", "std"]).round(2)

# %%
# Apart from ``MultinomialNB``, the classifiers hardly differ for the frequent topics. The rarer the
# topic, the more the choice matters.

import matplotlib.pyplot as plt

means = pd.DataFrame(by_topic).groupby(level=0, sort=False).mean()
fig, ax = plt.subplots(figsize=(6, 5), layout="constrained")
colors = ["#7F7F7F", "#009E73", "#E69F00", "#0072B2", "#0072B2"]
for (name, f1), color, style in zip(
    means.iterrows(), colors, ["^:", "D-", "v-.", "o--", "s-"], strict=True
):
    ax.plot(range(5), f1, style, color=color, label=name)
ax.set_xticks(range(5), [f"{topic}\n{np.mean(y_test == topic):.1%}" for topic in topics])
ax.set(ylim=(-0.02, 1), xlabel="topic, and its share of the letters", ylabel="F1 on new letters")
ax.set_title("Mean of three draws")
ax.legend(loc="lower left")
plt.show()

# %%
# ``MultinomialNB`` never finds the rarest topic: it learns few words of it and lets the class
# frequencies decide. ``ComplementNB`` :cite:p:`rennie2003tackling` learns what a topic is not, from
# the many letters of the others, and leaves the frequencies out. The network ranks well, but its
# most probable class misses most of the rarest topic; a tuned decision finds more of it.
#
# The lead of ``ComplementNB`` has a reason: in these letters each word comes by itself, as naive
# Bayes assumes. Where it is pairs of words or their order that make a topic, it cannot see them,
# and a network can learn the pairs. Our letters do not show that, so compare on yours.
#
# What to do
# ----------
# Compare ``ComplementNB``, a linear model and a network on the same folds, by macro-F1 or by the
# average precision of the rare topic. Wrap the better one in
# :class:`skimbalance.TunedDecisionClassifierCV` (:doc:`/guide/decisions`), which takes any
# scikit-learn classifier. A table with text and other columns needs no vectorizer for short
# categories (:doc:`/guide/tables`). If the order of the words matters, or each word has a label of
# its own, see :doc:`/guide/sequences`; for letters with several topics, see
# :doc:`/questions/plot_12_several_labels`.
