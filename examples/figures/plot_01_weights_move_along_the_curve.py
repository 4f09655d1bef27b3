"""
Class weights move along the curve, not up
==========================================

Class weights make a network find more rows of a rare class, and raise more false alarms. On these
loans they do not make it rank the rows better: five networks with weights from none to "balanced"
have the same precision-recall curve. A weight chooses a point on that curve, and so does a
threshold, for which nothing has to be trained again.
"""

# %%
# Loans with the grades E, F and G are the rare class: 3.9 % of 32,581 loans. Each network learns
# from 8,000 of them. A `class_weight` of 0 means no weights, and 1 means "balanced" weights, with
# which both classes count the same; numbers between them are powers of the inverse class
# frequency.
import joblib
import matplotlib.pyplot as plt
import pandas as pd
from sklearn.metrics import precision_recall_curve, precision_score, recall_score
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit, train_test_split

from skimbalance import ImbalancedMLPClassifier
from skimbalance.datasets import load_credit_risk_grade

X, y = load_credit_risk_grade(return_X_y=True, as_frame=True)
y = y.isin(["E", "F", "G"]).astype(int)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=8000, stratify=y, random_state=0
)
weights = [0, 0.25, 0.5, 0.75, 1]
clf = ImbalancedMLPClassifier((32,), epochs=20, random_state=0)

# %%
# A line is what a network could reach with any threshold, and a dot is what its ``predict``,
# which takes the more probable class, does reach on the other 24,581 loans.
fig, ax = plt.subplots(figsize=(5, 4.2), layout="constrained")
colors = ["#0072B2", "#009E73", "#E69F00", "#D55E00", "#CC79A7"]
for weight, color in zip(weights, colors, strict=True):
    clf.set_params(class_weight=weight).fit(X_train, y_train)
    precision, recall, _ = precision_recall_curve(y_test, clf.predict_proba(X_test)[:, 1])
    found = recall > 0.005  # the precision of the first few rows is noise
    ax.plot(recall[found], precision[found], color=color, linewidth=1)
    predicted = clf.predict(X_test)
    point = recall_score(y_test, predicted), precision_score(y_test, predicted)
    ax.plot(*point, "o", color=color, markersize=9, markeredgecolor="black", zorder=3)
    ax.annotate(f"{weight:g}", point, xytext=(7, 7), textcoords="offset points", fontsize=12)
ax.axhline(y_test.mean(), color="#7F7F7F", linestyle=":")
ax.text(0.02, y_test.mean() - 0.01, "guessing", color="#5F5F5F", va="top")
ax.set(
    xlabel="recall: share of the rare loans that are found",
    ylabel="precision: share of the alarms that are right",
    title="Dots: what predict does with class_weight = ...",
    xlim=(0, 1),
    ylim=(0, 0.5),
)
plt.show()

# %%
# Is that chance? The same five networks on five draws of 8,000 loans have the same average
# precision (AP, the area under the curve), about 0.19. The means differ no more than one draw
# differs from the next ("+-" is the standard deviation over the draws), and not in favour of
# weights. Recall and precision of ``predict`` move by far more than that.
search = GridSearchCV(
    clf,
    {"class_weight": weights},
    scoring={"AP": "average_precision", "recall": "recall", "precision": "precision", "F1": "f1"},
    cv=StratifiedShuffleSplit(5, train_size=8000, random_state=0),
    refit=False,
)
with joblib.parallel_config(backend="stacked"):
    search.fit(X, y)
table = pd.DataFrame(
    {
        "AP": search.cv_results_["mean_test_AP"],
        "+-": search.cv_results_["std_test_AP"],
        "recall": search.cv_results_["mean_test_recall"],
        "precision": search.cv_results_["mean_test_precision"],
        "F1": search.cv_results_["mean_test_F1"],
    },
    index=pd.Index(weights, name="class_weight"),
)
print(table.round(3))

# %%
# F1 is best at a medium weight. Without weights hardly any rare loan is found, and with balanced
# weights most alarms are false. That weights do less for what a network learns than one expects
# has been observed on images and text, too :cite:p:`byrd2019importance`.
#
# What to do
# ----------
# Choose the point on the curve by what your decision is for, and choose it after training: tune
# the threshold with :class:`skimbalance.TunedDecisionClassifierCV`, see :doc:`/guide/decisions`.
# Weights remain worth a try where training itself suffers from imbalance, for instance where so
# few rows are rare that a batch rarely holds one; :doc:`/guide/weights` says more. Compare their
# average precision with and without weights on your own rows before you believe in either. And
# the probabilities of a network with weights are too high for the rare class until
# :meth:`~skimbalance.ImbalancedMLPClassifier.predict_posterior` undoes them.
