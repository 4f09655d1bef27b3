"""Models of the benchmark of predictive quality: peers, ours, and ours with a part switched off."""

import dataclasses
from collections.abc import Callable
from typing import Any

from common import pick
from sklearn.utils.class_weight import compute_sample_weight


def no_fit_arguments(X, y):
    """What most models get beside rows and classes: nothing."""
    return {}


@dataclasses.dataclass(frozen=True)
class Model:
    """A classifier of the benchmark.

    make is called with a seed and a number of threads and returns the classifier, or raises
    ImportError where its library is missing. inputs names what the classifier sees, a key of
    `quality_sets.INPUTS`. fit_arguments gives further arguments of fit. Where tuned is true, the
    decisions of the classifier's own `predict` are scored too, as they are tuned for macro-F1.
    """

    make: Callable[[int, int], Any]
    inputs: str
    fit_arguments: Callable[[Any, Any], dict] = no_fit_arguments
    tuned: bool = False


def logistic(seed, n_threads, **params):
    """Logistic regression."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=500, **params)


def hist_gradient_boosting(seed, n_threads, **params):
    """HistGradientBoostingClassifier."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        categorical_features="from_dtype", random_state=seed, **params
    )


def lightgbm(seed, n_threads, **params):
    """LightGBM."""
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_jobs=n_threads, random_state=seed, verbose=-1, **params)


def xgboost(seed, n_threads):
    """XGBoost."""
    from xgboost import XGBClassifier

    return XGBClassifier(n_jobs=n_threads, random_state=seed, enable_categorical=True)


def catboost(seed, n_threads, **params):
    """CatBoost, with 500 trees."""
    from catboost import CatBoostClassifier

    return CatBoostClassifier(
        iterations=pick(500, 5),
        thread_count=n_threads,
        random_seed=seed,
        verbose=False,
        allow_writing_files=False,
        **params,
    )


def realmlp(seed, n_threads):
    """RealMLP with its tuned defaults, from pytabkit."""
    from pytabkit import RealMLP_TD_Classifier

    return RealMLP_TD_Classifier(
        device="cpu", n_threads=n_threads, n_cv=1, n_refit=0, verbosity=0, random_state=seed
    )


def imbalanced_mlp(seed, n_threads, **params):
    """One network of ours."""
    from skimbalance import ImbalancedMLPClassifier

    return ImbalancedMLPClassifier(random_state=seed, **pick({}, {"epochs": 2}), **params)


def imbalanced_ensemble(seed, n_threads, network=None, **params):
    """Our ensemble, which tunes its decisions for macro-F1; network changes the recipe."""
    from skimbalance import ImbalancedEnsembleClassifier, ImbalancedMLPClassifier
    from skimbalance.classifier import RECIPE

    estimator = ImbalancedMLPClassifier(**RECIPE | (network or {}) | pick({}, {"epochs": 2}))
    return ImbalancedEnsembleClassifier(
        estimator, objective="f1_macro", random_state=seed, **pick({}, {"cv": 3}), **params
    )


def with_params(make, **params):
    """`make` with some parameters of the classifier set."""
    return lambda seed, n_threads: make(seed, n_threads, **params)


def balanced(make):
    """`make` with class weights "balanced"."""
    return with_params(make, class_weight="balanced")


def balanced_rows(X, y):
    """Sample weights that balance the classes, where there are no class weights."""
    return {"sample_weight": compute_sample_weight("balanced", y)}


def names_of_texts(X, y):
    """The columns that CatBoost encodes."""
    return {"cat_features": list(X.select_dtypes(exclude="number"))}


PEERS = {
    "logreg-bal": Model(balanced(logistic), "array"),
    "hgb": Model(hist_gradient_boosting, "table"),
    "hgb-bal": Model(balanced(hist_gradient_boosting), "table"),
    "lgbm": Model(lightgbm, "table"),
    "lgbm-bal": Model(balanced(lightgbm), "table"),
    "xgb": Model(xgboost, "table"),
    "xgb-bal": Model(xgboost, "table", balanced_rows),
    "catboost": Model(catboost, "texts", names_of_texts),
    "catboost-bal": Model(
        with_params(catboost, auto_class_weights="Balanced"), "texts", names_of_texts
    ),
    "realmlp": Model(realmlp, "imputed"),
}
OURS = {
    "skimbalance-mlp": Model(imbalanced_mlp, "table"),
    "skimbalance-ensemble": Model(imbalanced_ensemble, "table", tuned=True),
}


# The model whose parts `--ablate` switches off one at a time, and the parameters that do so. The
# parts of the networks are those of the ensemble without trees, which would cover for them.
ABLATED = "skimbalance-ensemble"
NETWORKS = "without-trees"
PARTS = {
    "trees": {},
    "calibration": {"calibration": None},
    "eight-folds": {"cv": 4},
    "embedding": {"network": {"numeric_embedding": None}},
    "supervised-bins": {"network": {"bins": "quantile"}},
    "averaged-weights": {"network": {"ema_momentum": None}},
    "learnt-activation": {"network": {"activation": "relu"}},
    # The rate of the recipe is too high for other networks.
    "ntk": {"network": {"parametrization": "standard", "learning_rate": 6e-3}},
    "robust-scaling": {"network": {"standardize": True}},
    "schedule": {"network": {"learning_rate_schedule": "cosine"}},
    "dropout": {"network": {"dropout": 0.0}},
    "weight-decay": {"network": {"weight_decay": 0.0}},
}
ABLATIONS = {
    f"without-{part}": dataclasses.replace(
        OURS[ABLATED], make=with_params(OURS[ABLATED].make, trees=False, **params)
    )
    for part, params in PARTS.items()
}


def with_tuned_decisions(model):
    """A model whose decisions `TunedDecisionClassifierCV` tunes for macro-F1."""

    def make(seed, n_threads):
        from skimbalance import TunedDecisionClassifierCV

        return TunedDecisionClassifierCV(
            model.make(seed, n_threads), objective="f1_macro", random_state=seed
        )

    return dataclasses.replace(model, make=make, tuned=True)


# Cheap peers whose `fit` needs nothing beside rows and classes.
TUNED = {
    f"{name}-tuned": with_tuned_decisions(PEERS[name])
    for name in ("logreg-bal", "hgb", "lgbm", "xgb")
}
MODELS = PEERS | OURS | ABLATIONS | TUNED
