"""The same damage to model files of other libraries, and to ours."""

import os
import tempfile
import warnings
from pathlib import Path

import numpy as np
from fuzz_models import archive_of, cut, flip, members_of, pick, splice
from sklearn.datasets import make_classification
from sklearn.neural_network import MLPClassifier

X, Y = make_classification(200, 4, random_state=0)


def _skimbalance(path):
    from skimbalance import ImbalancedMLPClassifier
    from skimbalance.persistence import load_model, save_model

    save_model(ImbalancedMLPClassifier((8,), epochs=1).fit(X, Y), path)
    return lambda path: load_model(path).predict_proba(X)


def _skops(path):
    import skops.io

    skops.io.dump(MLPClassifier((8,), max_iter=2).fit(X, Y), path)
    trusted = skops.io.get_untrusted_types(file=path)
    return lambda path: skops.io.load(path, trusted=trusted).predict_proba(X)


def _joblib(path):
    import joblib

    joblib.dump(MLPClassifier((8,), max_iter=2).fit(X, Y), path)
    return lambda path: joblib.load(path).predict_proba(X)


def _keras(path):
    import keras
    from common import mlp_build

    model = mlp_build(4, (8,))
    model.fit(X, Y, verbose=0)
    model.save(path)
    return lambda path: keras.saving.load_model(path).predict(X, verbose=0)


def _lightgbm(path):
    import lightgbm

    clf = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1).fit(X, Y)
    clf.booster_.save_model(path)
    return lambda path: lightgbm.Booster(model_file=path).predict(X)


def _xgboost(path):
    import xgboost

    xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(X, Y).save_model(path)

    def load(path):
        clf = xgboost.XGBClassifier(n_jobs=1)
        clf.load_model(path)
        return clf.predict_proba(X)

    return load


def _catboost(path):
    import catboost

    clf = catboost.CatBoostClassifier(n_estimators=5, thread_count=1, verbose=False)
    clf.set_params(allow_writing_files=False).fit(X, Y).save_model(path)
    return lambda path: catboost.CatBoostClassifier().load_model(path).predict_proba(X)


#: Name of a file -> what is written to it, and read from it.
PEERS = {
    "model.skim": ("skimbalance", _skimbalance),
    "model.skops": ("MLPClassifier by skops", _skops),
    "model.keras": ("Keras", _keras),
    "model.joblib": ("MLPClassifier by joblib", _joblib),
    "model.txt": ("LightGBM", _lightgbm),
    "model.ubj": ("XGBoost", _xgboost),
    "model.cbm": ("CatBoost", _catboost),
}


def damaged(content, path, rng):
    """A damaged file: in an archive one member is changed, and the checksums are right."""
    change = pick(rng, [flip, flip, cut, splice])
    if not content.startswith(b"PK"):
        return change(content, rng)
    members = members_of(path)
    name = pick(rng, members)
    members[name] = change(members[name], rng)
    return archive_of(members.items(), rng)


def cases(name, seed):
    """A function from the number of a file to what reading it gave, for `isolated`."""
    warnings.simplefilter("ignore")
    folder = tempfile.mkdtemp()
    sound, path = os.path.join(folder, f"sound_{name}"), os.path.join(folder, name)
    predict = PEERS[name][1](sound)
    predict(sound)
    content = Path(sound).read_bytes()

    def case(number):
        Path(path).write_bytes(damaged(content, sound, np.random.default_rng([seed, number])))
        try:
            predict(path)
        except BaseException as error:
            return {"outcome": type(error).__name__}
        return {"outcome": "predicts"}

    return case
