"""Run by the Python of an environment that holds the wheel: imports all of it, loads its data sets,
trains, stores a model and reads it again; prints what was found, as JSON.
"""

import importlib
import json
import pkgutil

import numpy as np

import skimbalance
from skimbalance import ImbalancedMLPClassifier, datasets
from skimbalance.persistence import load_model, save_model

rows = {}
for name in datasets.__all__:
    X, y = getattr(datasets, name)(return_X_y=True)
    rows[name] = len(X), len(y)
for module in pkgutil.walk_packages(skimbalance.__path__, "skimbalance."):
    if module.name != "skimbalance.__main__":
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            if error.name != "distributed":  # of the extra "dask"
                raise
clf = ImbalancedMLPClassifier((4,), epochs=1, random_state=0).fit(X, y)
save_model(clf, "model.skim")
same = np.array_equal(load_model("model.skim").predict_proba(X), clf.predict_proba(X))
print(json.dumps({"file": skimbalance.__file__, "rows": rows, "same": same}))
