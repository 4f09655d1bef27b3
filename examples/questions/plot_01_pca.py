"""
Would a PCA help?
=================


Stub.
"""

# %%
# A network
# ---------
from sklearn.model_selection import train_test_split

from skimbalance import ImbalancedMLPClassifier
from skimbalance.datasets import load_page_blocks
from skimbalance.plots import ConfusionDisplay

X, y = load_page_blocks(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
clf = ImbalancedMLPClassifier(epochs=5, random_state=0).fit(X_train, y_train)
ConfusionDisplay.from_estimator(clf, X_test, y_test)
