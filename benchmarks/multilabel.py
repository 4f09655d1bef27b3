"""Multilabel y: `ImbalancedMLPClassifier`, MLPClassifier and one-vs-rest logistic regression.

Run: python benchmarks/multilabel.py [folder]
     python benchmarks/multilabel.py [folder] choose
The data are two sets of the MULAN collection, yeast and scene (https://github.com/tsoumakas/mulan,
folder data/multi-label). They are not part of this package, as no licence is stated. The folder, by
default ../shared/data beside the checkout, must contain them as yeast_multilabel.parquet and
scene_multilabel.parquet, with a column for each feature and a column of 0 and 1 for each label,
named "label_...". Rows are in the order of the collection, those of its training file first.

Scores are those of held-out rows, in 5 folds by iterative stratification. Each classifier decides
at 0.5, and by thresholds that `TunedDecisionClassifierCV` learns on the training rows, for macro-F1
and for micro-F1.

Our settings, which are the same for both sets and all losses, and those of the peers called
"chosen" are the best of the grids below. They have the best macro average precision, averaged over
the sets, in 5 folds of the rows of the collection's training files (`choose`). They were chosen
before any other row was looked at.
"""

import pathlib
import sys
import time

import numpy as np
from common import ARGUMENTS, N_JOBS, TINY, pick, print_machine, print_table, quiet
from joblib import parallel_config
from sklearn.datasets import make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, label_ranking_loss
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.parallel import Parallel, delayed

from skimbalance import ImbalancedMLPClassifier, TunedDecisionClassifierCV
from skimbalance.model_selection import IterativeStratifiedKFold

REPEATS, FOLDS = 1, pick(5, 2)

# Number of rows of each set that come from the collection's training file; these come first.
TRAINING_ROWS = pick({"yeast": 1500, "scene": 1211}, {"simulated": 100})

FIXED = {
    "optimizer": "adamw",
    "epochs": pick(50, 2),
    "learning_rate_schedule": "cosine",
    "early_stopping": False,
}
CHOSEN = {"hidden_layer_sizes": pick((512,), (8,)), "dropout": 0.5, "weight_decay": 1.0}
GRIDS = {
    "ours": {
        "hidden_layer_sizes": [(128, 64), (256,), (512,)],
        "dropout": [0.0, 0.5],
        "weight_decay": [0.004, 1.0],
    },
    "MLPClassifier": {
        "mlpclassifier__hidden_layer_sizes": [(100,), (512,)],
        "mlpclassifier__alpha": [1e-4, 1.0, 10.0, 30.0],
    },
    "logistic": {"onevsrestclassifier__estimator__C": [0.001, 0.01, 0.1, 1.0]},
}
OURS = {
    "cross-entropy": {"class_weight": None},
    "balanced weights": {"class_weight": "balanced"},
    "square roots of them": {"class_weight": 0.5},
    "focal": {"class_weight": None, "loss": "focal"},
    "asymmetric": {"class_weight": None, "loss": "asymmetric"},
    "distribution-balanced": {"class_weight": None, "loss": "distribution_balanced"},
}
OURS = pick(OURS, {name: OURS[name] for name in ("cross-entropy", "asymmetric")})
SCORES = ("macro-F1", "tuned", "micro-F1", "tuned", "average precision", "ranking loss",
          "calibrated")  # fmt: skip


def problem(folder, name):
    """Features and indicator matrix of a set; with --tiny simulated ones."""
    if TINY:
        return make_multilabel_classification(150, 6, n_classes=3, random_state=0)
    import pandas as pd

    table = pd.read_parquet(folder / f"{name}_multilabel.parquet")
    labels = [column for column in table if column.startswith("label_")]
    return table.drop(columns=labels).to_numpy(np.float32), table[labels].to_numpy(int)


def mlp(seed, **params):
    """scikit-learn's network on standardised columns."""
    return make_pipeline(
        StandardScaler(), MLPClassifier(random_state=seed, max_iter=pick(200, 2), **params)
    )


def logistic(**params):
    """A logistic regression for each label."""
    regression = LogisticRegression(max_iter=1000, **params)
    return make_pipeline(StandardScaler(), OneVsRestClassifier(regression))


def peers(seed):
    """The peers, by name."""
    return {
        "MLPClassifier": mlp(seed),
        "MLPClassifier, chosen": mlp(seed, hidden_layer_sizes=(512,), alpha=10.0),
        "logistic": logistic(),
        "logistic, balanced": logistic(class_weight="balanced"),
        "logistic, chosen": logistic(C=0.01),
        "logistic, chosen, balanced": logistic(C=0.01, class_weight="balanced"),
    }


def ours(seed):
    """Our classifiers, by name."""
    return {
        f"ours, {name}": ImbalancedMLPClassifier(**FIXED, **CHOSEN, **params, random_state=seed)
        for name, params in OURS.items()
    }


def judge(classifier, X, Y, train, test, seed):
    """Scores of the test rows, in the order of `SCORES`."""
    macro, micro = (
        TunedDecisionClassifierCV(classifier, objective=objective, cv=FOLDS, random_state=seed)
        for objective in ("f1_macro", "f1_micro")
    )
    macro.fit(X[train], Y[train]), micro.fit(X[train], Y[train])
    X, Y = X[test], Y[test]
    plain = macro.estimator_
    proba = plain.predict_proba(X)
    return [
        f1_score(Y, plain.predict(X), average="macro", zero_division=0),
        f1_score(Y, macro.predict(X), average="macro", zero_division=0),
        f1_score(Y, plain.predict(X), average="micro", zero_division=0),
        f1_score(Y, micro.predict(X), average="micro", zero_division=0),
        average_precision_score(Y, proba),
        label_ranking_loss(Y, proba),
        label_ranking_loss(Y, macro.predict_proba(X)),
    ]


def measure(name, family, X, Y, **parallel):
    """Scores of one classifier, of shape (n_folds, n_scores), and seconds per fold."""
    start = time.perf_counter()
    with parallel_config(**parallel):
        scores = Parallel()(
            delayed(judge)(family(seed)[name], X, Y, train, test, seed)
            for seed in range(REPEATS)
            for train, test in IterativeStratifiedKFold(FOLDS, random_state=seed).split(X, Y)
        )
    return np.array(scores), (time.perf_counter() - start) / len(scores)


def with_error(values, sign=""):
    """Mean and standard error, with Nadeau and Bengio's correction for rows that folds share."""
    error = np.sqrt((1 / len(values) + 1 / (FOLDS - 1)) * np.var(values, axis=0, ddof=1))
    return f"{np.mean(values):{sign}.3f} +- {error:.3f}"


def table(X, Y):
    """Table rows of all classifiers; our lead is that in tuned macro-F1 over the best peer."""
    measured = {
        **{name: measure(name, peers, X, Y, n_jobs=N_JOBS) for name in peers(0)},
        **{name: measure(name, ours, X, Y, backend="stacked") for name in ours(0)},
    }
    best = max((measured[name][0][:, 1] for name in peers(0)), key=np.mean)
    for name, (scores, seconds) in measured.items():
        lead = with_error(scores[:, 1] - best, sign="+") if name in ours(0) else ""
        yield [name, *map(with_error, scores.T), lead, f"{seconds:.1f}"]


def choose(folder):
    """Print the mean average precision of every candidate in the grids, the best first."""
    families = {
        "ours": ImbalancedMLPClassifier(**FIXED, class_weight=None, random_state=0),
        "MLPClassifier": mlp(0),
        "logistic": logistic(),
    }
    cv = IterativeStratifiedKFold(FOLDS, random_state=0)
    for name, classifier in families.items():
        search = GridSearchCV(
            classifier, GRIDS[name], cv=cv, scoring="average_precision", refit=False
        )
        scores_by_set = []
        for problem_name, n_rows in TRAINING_ROWS.items():
            X, Y = problem(folder, problem_name)
            with parallel_config(backend="stacked" if name == "ours" else "loky", n_jobs=-1):
                search.fit(X[:n_rows], Y[:n_rows])
            scores_by_set.append(search.cv_results_["mean_test_score"])
        scores = np.transpose(scores_by_set)
        rows = [
            [*map(search.cv_results_["params"][i].get, GRIDS[name]), *np.round(scores[i], 3)]
            for i in np.argsort(-scores.mean(axis=1))
        ]
        print(f"\n{name}\n")
        print_table([*(key.split("__")[-1] for key in GRIDS[name]), *TRAINING_ROWS], rows)


def main():
    """Measure and print."""
    default = pathlib.Path(__file__).resolve().parents[2] / "shared" / "data"
    folders = [argument for argument in ARGUMENTS if argument != "choose"]
    folder = pathlib.Path(folders[0]) if folders else default
    missing = [n for n in TRAINING_ROWS if not (folder / f"{n}_multilabel.parquet").exists()]
    if missing and not TINY:
        sys.exit(
            f"The folder '{folder}' must contain yeast_multilabel.parquet and "
            "scene_multilabel.parquet, made from the MULAN collection as the head of this script "
            f"says. Missing: {missing}."
        )
    quiet()
    print_machine()
    if "choose" in ARGUMENTS:
        choose(folder)
        return
    for name in TRAINING_ROWS:
        X, Y = problem(folder, name)
        print(f"\n{name}, {len(X):,} rows, {X.shape[1]} features, {Y.shape[1]} labels\n")
        print_table(["", *SCORES, "lead", "seconds per fold"], table(X, Y))


if __name__ == "__main__":
    main()
