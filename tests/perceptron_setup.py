"""Rows, perceptrons of several kinds, and a hash of what they have learnt."""

import hashlib

import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler

from skimbalance import ImbalancedMLPClassifier
from skimbalance.classifier import RECIPE


def mlp(**options):
    defaults = {"hidden_layer_sizes": (8,), "epochs": 2, "dropout": 0.2, "random_state": 0}
    return ImbalancedMLPClassifier(**{**defaults, **options})


def rows(seed=0):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat([0, 1], [80, 20]))
    return rng.normal(size=(100, 3)) + y[:, None], y


VARIANTS = {
    "plain": {},
    "stopping": {"early_stopping": True, "monitor": "average_precision", "epochs": 4},
    "balanced": {"sampling": "balanced", "loss": "focal"},
    "SMOTE": {"sampling": SMOTE()},
    "under-sampling": {"sampling": RandomUnderSampler(), "normalization": "batch"},
    "adamw": {"optimizer": "adamw", "learning_rate_schedule": "cosine"},
    "recipe": {**RECIPE, "hidden_layer_sizes": (8,), "epochs": 3, "early_stopping": True},
}


def digest(clf):
    """A hash of all the numbers of a fit."""
    numbers = [clf.predict_proba(rows()[0]).tobytes(), repr(clf.history_).encode()]
    numbers += [w.tobytes() for w in clf.model_.get_weights()]
    return hashlib.sha256(b"".join(numbers)).hexdigest()
