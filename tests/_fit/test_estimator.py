"""What the estimators share, from rows to decisions."""

import tracemalloc

import numpy as np
import pytest
from scipy.sparse import csr_array, issparse
from sklearn.datasets import make_classification

from skimbalance import ImbalancedMLPClassifier
from skimbalance._fit import estimator
from skimbalance._fit.perceptron import Architecture, initial_weights
from skimbalance._fit.plan import Fitted
from skimbalance._fit.targets import Classes

pytestmark = pytest.mark.slow

X, Y = make_classification(
    500, 5, n_informative=4, n_redundant=0, n_classes=3, weights=[0.7, 0.2], random_state=0
)
LABELS = np.stack([Y == 0, X[:, 0] > 1], axis=1).astype(int)


@pytest.mark.parametrize("y", [Y, LABELS, csr_array(LABELS)], ids=["classes", "labels", "sparse"])
def test_decisions_in_blocks_are_those_of_all_rows(y, monkeypatch):
    clf = ImbalancedMLPClassifier((8,), epochs=1, random_state=0).fit(X, y)
    whole = clf.predict(X)
    monkeypatch.setattr(estimator, "BLOCK_LOGITS", 100 * clf.predict_proba(X[:1]).size)
    in_blocks = clf.predict(X)
    assert issparse(in_blocks) == issparse(whole)
    if issparse(whole):
        in_blocks, whole = in_blocks.toarray(), whole.toarray()
    assert in_blocks.dtype == whole.dtype
    np.testing.assert_array_equal(in_blocks, whole)


def test_decisions_among_many_classes_take_little_memory():
    n_classes, n_rows = 5_000, 10_000
    architecture = Architecture(4, n_classes, (3,), "relu", None, False)
    clf = ImbalancedMLPClassifier()
    weights = initial_weights(architecture, np.random.default_rng(0))
    weights = {name: value.astype(np.float32) for name, value in weights.items()}
    clf._fitted = Fitted(architecture, weights, None, {})
    clf._target, clf.classes_ = Classes(np.arange(n_classes)), np.arange(n_classes)
    clf.n_features_in_ = 4
    rows = np.random.default_rng(0).normal(size=(n_rows, 4))
    tracemalloc.start()
    try:
        decided = clf.predict(rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(np.unique(decided)) > 1
    assert peak < 0.8 * 4 * n_classes * n_rows
