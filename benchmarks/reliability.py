"""Ctrl-C in fits, kills and lack of room in saves, memory over many fits: ours and the peers'.

Run: python benchmarks/reliability.py
Options: --kills, --interrupts, --fits (numbers of cases). What is stressed and fuzzed is in
stress.py and fuzz.py, and fits that are killed and resumed are in kills.py.
"""

import argparse
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import suppress
from functools import partial

import joblib
import numpy as np
from common import ARGUMENTS, TINY, mlp_build, pick, print_machine, print_table, quiet, resident
from isolated import HERE
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier

from skimbalance.persistence import load_model, save_model

TRUSTED = ["sklearn.neural_network._stochastic_optimizers.AdamOptimizer"]

SAVES = {
    "skimbalance, `save_model`": (
        partial(save_model, trusted=TRUSTED),
        partial(load_model, trusted=TRUSTED),
    ),
    "joblib, `dump`": (joblib.dump, joblib.load),
}


def arguments():
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=pick(200, 1))
    parser.add_argument("--interrupts", type=int, default=pick(5, 1))
    parser.add_argument("--fits", type=int, default=pick(60, 2))
    return parser.parse_args(ARGUMENTS)


def rows():
    """Rows of the fits."""
    X, y = make_classification(1_000, 20, weights=[0.9], random_state=0)
    return X.astype(np.float32), y


# Saves


def is_whole(path, load, model, X):
    """Whether a file holds the model."""
    try:
        return bool(np.array_equal(load(path).predict_proba(X), model.predict_proba(X)))
    except Exception:
        return False


def killed(save, model, path, seconds):
    """Save again and again in another process, and kill it after some seconds."""

    def work():
        while True:
            save(model, path)

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    time.sleep(seconds)
    process.kill()
    process.join()


def without_room(save, model, path, n_bytes):
    """Save in another process whose files can have so many bytes only."""

    def work():
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))
        with suppress(Exception):
            save(model, path)

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()


def saves(n_kills):
    """Rows of the table: for each way to save, how many files were whole, and drafts left."""
    X, y = rows()
    model = MLPClassifier((256, 256), max_iter=2, random_state=0).fit(X, y)
    found = []
    for name, (save, load) in SAVES.items():
        rng, whole = np.random.default_rng(0), [0, 0]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model")
            start = time.monotonic()
            save(model, path)
            seconds = time.monotonic() - start
            size = os.path.getsize(path)
            for i in range(n_kills):
                killed(save, model, path, 2 * seconds * rng.random())
                whole[0] += is_whole(path, load, model, X)
                save(model, path)
                without_room(save, model, path, size * i // n_kills)
                whole[1] += is_whole(path, load, model, X)
                save(model, path)
            left = len(os.listdir(folder)) - 1
        found.append([name, *(f"{count} of {n_kills}" for count in whole), left])
    return found


# Fits


def networks():
    """Classifiers by name, with a factor for their epochs."""
    mlp = MLPClassifier((64, 32), early_stopping=False, tol=0.0, random_state=0)
    found = {"MLPClassifier": (mlp, "max_iter")}
    if not TINY:
        from scikeras.wrappers import KerasClassifier

        from skimbalance import ImbalancedKerasClassifier, ImbalancedMLPClassifier

        options = {"early_stopping": False, "random_state": 0}
        custom = ImbalancedKerasClassifier(mlp_build, n_features=20, layers=(64, 32), **options)
        search = GridSearchCV(ImbalancedMLPClassifier(**options), {"gamma": [0.0]}, cv=3)
        found |= {
            "skimbalance": (ImbalancedMLPClassifier((64, 32), **options), "epochs"),
            "skimbalance, custom network": (custom, "epochs"),
            "skimbalance, stacked search": (search, "estimator__epochs"),
            "scikeras": (
                KerasClassifier(mlp_build, n_features=20, layers=(64, 32), verbose=0),
                "epochs",
            ),
        }
    return found


def wait_for_interrupt(name):
    """In a process of its own: fit once, say so, and fit without end until Ctrl-C comes."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    X, y = rows()
    clf, epochs = networks()[name]
    with joblib.parallel_config(backend="stacked" if "stacked" in name else "sequential"):
        proba = clf.set_params(**{epochs: 2}).fit(X, y).predict_proba(X)
        clf.set_params(**{epochs: 10**7})
        print("ready", flush=True)
        try:
            clf.fit(X, y)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        else:
            print("returned as if fitted", flush=True)
    kept = np.array_equal(clf.predict_proba(X), proba)
    print("the model of the fit before" if kept else "a half-trained model", flush=True)
    os._exit(0)


def interrupted(name, seconds):
    """Seconds from Ctrl-C until the fit has ended, and what it says and leaves."""
    code = "import sys, reliability; reliability.wait_for_interrupt(sys.argv[1])"
    command = [sys.executable, "-c", code, name]
    environment = {**os.environ, "PYTHONPATH": str(HERE), "TF_CPP_MIN_LOG_LEVEL": "3"}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, env=environment, **streams) as process:
        process.stdout.readline()
        time.sleep(seconds)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        how = process.stdout.readline().strip()
        stopped = time.monotonic() - start
        return stopped, how, process.stdout.readline().strip()


def interrupts(n):
    """Rows of the table: for each classifier, the seconds, and what was said and left."""
    rng, found = np.random.default_rng(0), []
    for name in networks():
        each = [interrupted(name, pick(1.0, 0.1) + 2 * rng.random() * pick(1, 0)) for _ in range(n)]
        seconds, how, left = zip(*each, strict=True)
        found.append([name, f"{max(seconds):.2f}", *(", ".join(sorted({*w})) for w in (how, left))])
    return found


def growth(n):
    """Rows of the table: KiB that the process grows by with each fit of the same shape."""
    X, y = rows()
    found = []
    for name, (clf, epochs) in networks().items():
        clf.set_params(**{epochs: 1})
        for _ in range(pick(10, 1)):
            clf.fit(X, y)
        before = resident()
        for _ in range(n):
            clf.fit(X, y)
        found.append([name, n, f"{(resident() - before) / n * 1024:,.0f}"])
    return found


def main():
    """Measure and print."""
    args = arguments()
    quiet()
    print_machine()
    print("Saves over an older file: files that were whole afterwards, the old one or the new.\n")
    header = ["", "after SIGKILL", "when no more could be written", "drafts left at the end"]
    print_table(header, saves(args.kills))
    print("\nCtrl-C in a second fit, 1 to 3 s after its start.\n")
    header = ["", "most seconds to stop", "what `fit` does", "what is left"]
    print_table(header, interrupts(args.interrupts))
    print("\nMemory over fits of 1,000 rows and one epoch, after ten others.\n")
    print_table(["", "fits", "KiB a fit"], growth(args.fits))


if __name__ == "__main__":
    main()
