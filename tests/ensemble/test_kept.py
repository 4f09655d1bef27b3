"""What is kept of a fitted ensemble: in a pickle, in a model file, in a process of its own."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from ensemble_setup import ensemble, labels, network, rows

from skimbalance.persistence import load_model, save_model

pytestmark = pytest.mark.slow

X, Y = rows(90, 30)
PARTS = {"numeric_embedding": "piecewise_linear", "parametrization": "ntk",
         "activation": "parametric_selu", "standardize": "robust", "ema_momentum": 0.9,
         "optimizer": "adamw", "learning_rate_schedule": "coslog4"}  # fmt: skip

WITHOUT_TENSORFLOW = """
import json, pickle, sys
import numpy as np

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "keras", "scikeras"):
            raise ImportError("not in this process: " + name)

sys.meta_path.insert(0, Refuse())
from skimbalance.persistence import load_model
clf = load_model(sys.argv[1]) if sys.argv[1].endswith(".skim") else \\
    pickle.load(open(sys.argv[1], "rb"))
X = np.load(sys.argv[2])
print(json.dumps([clf.predict(X).tolist(), clf.predict_proba(X).tolist()]))
"""


@pytest.mark.parametrize("y", [Y, np.array(["common", "rare"])[Y], labels()[1]],
                         ids=["numbers", "text", "labels"])  # fmt: skip
def test_a_model_file_predicts_the_same_bits_without_training_rows(y, tmp_path):
    clf = ensemble(network(**PARTS), trees=True).fit(X, y)
    path = tmp_path / "model.skim"
    save_model(clf, path)
    loaded = load_model(path)
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))
    np.testing.assert_array_equal(loaded.predict(X), clf.predict(X))
    assert vars(clf).keys() - vars(loaded).keys() == {"oof_proba_", "oof_prediction_"}
    assert len(loaded.estimators_) == 3
    # Each network is stored once, although it stands in two places.
    n_bytes = sum(w.nbytes for net in clf.estimators_ for w in net._fitted.weights.values())
    if not clf.multilabel_:
        assert 0 < clf.share_of_trees_ < 1
        n_bytes += sum(model.nodes.nbytes for model in clf.estimator_.trees.models)
    assert path.stat().st_size < 2 * n_bytes + 200_000
    np.testing.assert_array_equal(clf.fit(X, y).predict_proba(X), loaded.fit(X, y).predict_proba(X))


@pytest.mark.parametrize("name", ["model.skim", "model.pickle"])
def test_it_predicts_where_tensorflow_cannot_be_imported(name, tmp_path):
    clf = ensemble(network(**PARTS), trees=True).fit(X, Y)
    path = tmp_path / name
    if name.endswith(".skim"):
        save_model(clf, path)
    else:
        path.write_bytes(pickle.dumps(clf))
        np.testing.assert_array_equal(pickle.loads(path.read_bytes()).oof_proba_, clf.oof_proba_)
    np.save(tmp_path / "X.npy", X)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_TENSORFLOW, path, tmp_path / "X.npy"],
        capture_output=True, text=True, env=os.environ, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    predicted, proba = json.loads(run.stdout)
    assert predicted == clf.predict(X).tolist()
    assert proba == clf.predict_proba(X).tolist()


def test_a_file_with_damaged_trees_is_refused(tmp_path):
    """Compiled code would read beyond their arrays."""
    clf = ensemble(trees=True).fit(X, Y)
    nodes = clf.estimator_.trees.models[0].nodes
    nodes["feature_idx"][nodes["is_leaf"] == 0] = 10**6
    with pytest.raises(ValueError, match=r"must hold whole trees\. Got other 'feature_idx'"):
        save_model(clf, tmp_path / "model.skim")
