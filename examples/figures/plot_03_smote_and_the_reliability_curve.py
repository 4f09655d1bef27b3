"""
SMOTE bends the reliability curve, and a known ratio bends it back
==================================================================

After SMOTE a classifier has seen as many rare rows as frequent ones, and its probabilities say so:
on these loans it expects more than eight times as many rare ones as there are. How often SMOTE
multiplied the rare class is known, and :class:`skimbalance.PriorCorrectedClassifier` divides by it.
Then the probabilities are as good as those of a classifier without SMOTE, and the ranking is the
same.
"""

# %%
# Loans with the grades E, F and G are the rare class, 4.0 % of the loans with complete numbers.
# SMOTE :cite:p:`chawla2002smote` makes new rare rows between neighbours, until there are as many
# as of the frequent class. It stands in a pipeline of imbalanced-learn, so that it sees training
# rows only. The network does not stop early, as it would hold out synthetic rows for that.
import matplotlib.pyplot as plt
import pandas as pd
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from sklearn.metrics import average_precision_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skimbalance import ImbalancedMLPClassifier, PriorCorrectedClassifier
from skimbalance.datasets import load_credit_risk_grade
from skimbalance.plots import ReliabilityDisplay

X, y = load_credit_risk_grade(return_X_y=True, as_frame=True)
X = X.select_dtypes("number").dropna()
y = y[X.index].isin(["E", "F", "G"]).astype(int)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=8000, stratify=y, random_state=0
)
network = ImbalancedMLPClassifier((32,), early_stopping=False, epochs=10, random_state=0)
pipe = make_pipeline(StandardScaler(), SMOTE(random_state=0), network)

# %%
# The meta-estimator fits the pipeline, observes how many rows of each class leave the sampler,
# and corrects what the network says by their ratio to the rows that entered it.
corrected = PriorCorrectedClassifier(pipe).fit(X_train, y_train)
smote = corrected.estimator_
print("SMOTE multiplied the rows of the classes by", corrected.sampling_ratio_.round(1))

# %%
# Bars are 95 % intervals on the 23,649 other loans, so the curve after SMOTE is far from the
# diagonal, and the corrected one on it or near.
fig, ax = plt.subplots(figsize=(5, 4.6), layout="constrained")
ReliabilityDisplay.from_estimator(smote, X_test, y_test, corrected=corrected, ax=ax)
ax.set_title("After SMOTE: probability of the rare loans")
plt.show()

# %%
# Beside them a network without SMOTE. It needs no correction, and ranks the loans as well: here
# SMOTE cost time and gave nothing.
plain = make_pipeline(StandardScaler(), network).set_params(
    imbalancedmlpclassifier__class_weight=None
)
plain.fit(X_train, y_train)
table = {}
for name, clf in {"SMOTE": smote, "SMOTE, corrected": corrected, "without SMOTE": plain}.items():
    proba = clf.predict_proba(X_test)[:, 1]
    table[name] = {
        "mean probability": proba.mean(),
        "log-loss": log_loss(y_test, proba),
        "average precision": average_precision_score(y_test, proba),
        "rare loans found": clf.predict(X_test)[y_test == 1].mean(),
        "alarms": clf.predict(X_test).mean(),
    }
print(f"{y_test.mean():.3f} of the loans are rare\n", pd.DataFrame(table).round(3), sep="\n")

# %%
# The correction has a price that the table shows: with honest probabilities hardly any loan is
# more probably rare than not, so ``predict`` finds hardly any. The decision needs a threshold of
# its own.
#
# What to do
# ----------
# Wrap a pipeline with a sampler into :class:`skimbalance.PriorCorrectedClassifier` before you
# read probabilities from it. The correction is exact for samplers that repeat or leave out rows
# at random. SMOTE also changes what the rare rows look like, which no ratio undoes: look at the
# reliability curve, as above, and calibrate on held-out rows if it is still bent. Then decide by
# a tuned threshold, with :class:`skimbalance.TunedDecisionClassifierCV` around it all. Compare
# with the classifier without a sampler first, see :doc:`/guide/strategy` and
# :doc:`/guide/probabilities`.
