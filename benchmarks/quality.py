"""Predictive quality: our classifiers and gradient boosting on many imbalanced tables.

Run: OMP_WAIT_POLICY=passive python benchmarks/quality.py [folder] [options]
The folder must contain index.csv, with the columns name, task ("binary" or "multiclass"; others are
left out), n (rows), d (features) and classes, and a file NAME.parquet for each name, with the
features and a column "target". Without a folder, the sets of `skimbalance.datasets` are used. The
peers are those of `pip install "skimbalance[bench]"`, as far as they are installed. Without
OMP_WAIT_POLICY=passive, threads that wait for each other count as CPU seconds, and some peers take
ten times as long on a busy machine.

The protocol, which is the same for all models, is in README.md beside this script.
"""

import argparse
import contextlib
import dataclasses
import importlib.metadata
import pathlib
import time
import warnings

import numpy as np
import pandas as pd
from common import ARGUMENTS, N_JOBS, pick, print_machine, quiet
from quality_models import ABLATED, ABLATIONS, MODELS, NETWORKS, OURS, PEERS, TUNED
from quality_scores import decisions, scores_of_decisions, scores_of_probabilities
from quality_sets import INPUTS, load_set, names_of_sets
from quality_tables import print_tables
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

FOLDS = pick(5, 2)


@dataclasses.dataclass(frozen=True)
class Fold:
    """What a model says of the rows of a test fold.

    proba has shape (n_test_rows, n_classes) and is float32. own has the classes that the model's
    own `predict` gives, or no rows where the model has no tuned decisions. cpu_seconds and
    wall_seconds are those of `fit` and of the prediction.
    """

    test: np.ndarray
    proba: np.ndarray
    own: np.ndarray
    cpu_seconds: np.ndarray
    wall_seconds: np.ndarray


def parser():
    """The arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("folder", nargs="?", help="folder of sets; by default, the sets of the package")
    add("--models", nargs="+", metavar="NAME", help=f"models to compare: {', '.join(MODELS)}, or "
        f"models in a file of --results; by default, {', '.join([*PEERS, *OURS])} and those in the "
        "files")  # fmt: skip
    add("--tuned", action="store_true", help=f"also {', '.join(TUNED)}")
    add("--ablate", action="store_true", help=f"{ABLATED} and the same with one part switched off "
        "at a time, in place of the default of --models")  # fmt: skip
    add("--sets", nargs="+", metavar="NAME", help="sets to use; by default, all")
    add("--results", nargs="+", default=[], metavar="CSV", help="files of scores, as --out writes "
        "them; models that they have are not fitted")  # fmt: skip
    add("--versus", metavar="NAME", help="model that the others are compared with; by default, the "
        "last of ours")  # fmt: skip
    add("--preds", type=pathlib.Path, metavar="FOLDER", help="folder where the probabilities of "
        "every fold are kept, so that a run can go on and be scored again; remove the files of a "
        "model that changed")  # fmt: skip
    add("--out", metavar="CSV", help="file for the scores of the models that are fitted")
    add("--seconds", type=float, default=float("inf"), help="start no fit after this many seconds; "
        "with 0, what --preds has is scored")  # fmt: skip
    add("--threads", type=int, default=N_JOBS, help=f"threads of each fit; by default, {N_JOBS}")
    return parser


def choose_models(parser, arguments, stored):
    """Names of the models that are compared."""
    known = dict.fromkeys([*MODELS, *stored])
    names = arguments.models
    if names is None and arguments.ablate:
        names = [ABLATED, *ABLATIONS]
    elif names is None:
        names = pick([*PEERS, *OURS, *stored], ["logreg-bal", "hgb", *OURS])
    names = [*names, *(TUNED if arguments.tuned else ())]
    if arguments.versus is not None:
        names.append(arguments.versus)
    for name in names:
        if name not in known:
            parser.error(f"'{name}' is not a model. The models are: {', '.join(known)}.")
    return list(dict.fromkeys(names))


def choose_sets(parser, arguments):
    """Names of the sets that are used."""
    known = names_of_sets(arguments.folder)
    for name in arguments.sets or ():
        if name not in known:
            parser.error(f"'{name}' is not a set. The sets are: {', '.join(known)}.")
    return [name for name in known if name in (arguments.sets or known)]


def versus_of(arguments, names):
    """The model that others are compared with, of those that have scores."""
    default = NETWORKS if arguments.ablate else [*names, *filter(OURS.get, names)][-1]
    versus = arguments.versus or default
    if versus not in names:
        raise SystemExit(f"'{versus}' has no scores. Give another model as --versus.")
    return versus


def installed(names):
    """Those of the models whose libraries are installed; a line says which are left out."""
    missing = {}
    for name in names:
        try:
            MODELS[name].make(0, 1)
        except ImportError as error:
            missing[name] = f"{name} ({error})"
    if missing:
        print(
            'Left out, as something is not installed (`pip install "skimbalance[bench]"` has the '
            f"trees): {', '.join(missing.values())}.\n"
        )
    return [name for name in names if name not in missing]


def print_versions():
    """Print the versions of the peers' libraries."""
    versions = []
    for library in ("catboost", "lightgbm", "xgboost", "pytabkit"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions.append(f"{library} {importlib.metadata.version(library)}")
    print(f"Peers installed: {', '.join(versions) or 'none'}\n")


def fit_fold(model, data, train, test, seed, n_threads):
    """Fit on the training rows, and predict the others."""
    transform = INPUTS[model.inputs](data.X.iloc[train])
    X_train, X_test = transform(data.X.iloc[train]), transform(data.X.iloc[test])
    classifier = model.make(seed, n_threads)
    clocks = [(time.process_time(), time.perf_counter())]
    y_train = data.y[train]
    classifier.fit(X_train, y_train, **model.fit_arguments(X_train, y_train))
    clocks.append((time.process_time(), time.perf_counter()))
    found = classifier.predict_proba(X_test)
    clocks.append((time.process_time(), time.perf_counter()))
    proba = np.zeros((len(test), data.n_classes), dtype=np.float32)
    proba[:, np.asarray(classifier.classes_, dtype=int)] = found
    own = classifier.predict(X_test) if model.tuned else []
    return Fold(test, proba, np.asarray(own, dtype=int), *np.diff(clocks, axis=0).T)


def stored_fold(path, test):
    """The fold in a file, or None if there is none; it has to be about these rows."""
    if path is None or not path.exists():
        return None
    with np.load(path) as file:
        fold = Fold(**file)
    if not np.array_equal(fold.test, test):
        raise SystemExit(f"The file '{path}' is about other rows. Give another folder as --preds.")
    return fold


def store_fold(path, fold):
    """Write a file, as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"unfinished_{path.name}")
    np.savez_compressed(unfinished, **dataclasses.asdict(fold))
    unfinished.replace(path)


def folds_of(name, data, arguments, stop):
    """The folds of a model on a set, from files or by fits; None if the time is over."""
    folds = []
    splits = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(data.X, data.y)
    for i, (train, test) in enumerate(splits):
        path = arguments.preds and arguments.preds / f"{data.name}__{name}__{i}.npz"
        fold = stored_fold(path, test)
        if fold is None:
            if time.perf_counter() >= stop:
                return None
            with threadpool_limits(arguments.threads), warnings.catch_warnings():
                quiet()
                fold = fit_fold(MODELS[name], data, train, test, i, arguments.threads)
            if path is not None:
                store_fold(path, fold)
        folds.append(fold)
    return folds


def scored(name, data, folds):
    """The scores of a model on a set, a dict for each rule of decision."""
    rows = np.argsort(np.concatenate([fold.test for fold in folds]))
    fold_of_row = np.repeat(np.arange(FOLDS), [len(fold.test) for fold in folds])[rows]
    proba = np.concatenate([fold.proba for fold in folds])[rows].astype(float)
    own = np.concatenate([fold.own for fold in folds])
    own = own[rows] if MODELS[name].tuned else None
    sizes = np.bincount(data.y)
    fit, predict = np.mean([fold.cpu_seconds for fold in folds], axis=0)
    shared = {
        **scores_of_probabilities(data.y, proba, fold_of_row),
        "seconds": fit + predict,
        "fit_seconds": fit,
        "predict_seconds": predict,
        "wall_seconds": np.mean([fold.wall_seconds.sum() for fold in folds]),
    }
    about = {
        "set": data.name,
        "model": name,
        "rows": len(data.y),
        "classes": len(sizes),
        "rarest": sizes.min(),
    }
    return [
        {**about, "rule": rule, **scores_of_decisions(data.y, predicted), **shared}
        for rule, predicted in decisions(proba, data.y, fold_of_row, own).items()
    ]


def fit_all(names, sets, arguments):
    """Scores of all models on all sets, and the number of failures; lines say what is missing."""
    stop = time.perf_counter() + arguments.seconds
    loaded = [load_set(arguments.folder, name) for name in sets]
    scores, n_failed = [], 0
    for name in names:
        n_open = 0
        for data in loaded:
            # One failure must not end a run of hours; it is printed, and makes the exit status.
            try:
                folds = folds_of(name, data, arguments, stop)
            except Exception as error:
                print(f"{name} failed on {data.name}: {type(error).__name__}: {error}", flush=True)
                n_failed += 1
                continue
            if folds is None:
                n_open += 1
            else:
                scores += scored(name, data, folds)
        if n_open:
            print(f"{name} lacks the scores of {n_open} sets, as the time was over.", flush=True)
    return pd.DataFrame(scores), n_failed


def main():
    """Measure and print."""
    arguments_parser = parser()
    arguments = arguments_parser.parse_args(ARGUMENTS)
    stored = [pd.read_csv(path) for path in arguments.results]
    stored_models = list(dict.fromkeys(name for scores in stored for name in scores.model))
    names = choose_models(arguments_parser, arguments, stored_models)
    sets = choose_sets(arguments_parser, arguments)

    print_machine()
    print_versions()
    fitted = installed([name for name in names if name not in stored_models])
    scores, n_failed = fit_all(fitted, sets, arguments)
    if arguments.out is not None and len(scores):
        scores.to_csv(arguments.out, index=False, float_format="%.5f")
    scores = pd.concat([*stored, scores], ignore_index=True)
    if scores.empty:
        raise SystemExit("There are no scores. Allow more --seconds, or give files of --results.")
    scores = scores[scores.model.isin(names) & scores.set.isin(sets)]
    print_tables(
        scores, versus_of(arguments, [name for name in names if name in set(scores.model)])
    )
    if n_failed:
        raise SystemExit(f"{n_failed} fits failed, as the lines above say.")


if __name__ == "__main__":
    main()
