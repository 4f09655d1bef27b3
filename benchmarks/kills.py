"""Fits that are killed at random moments (SIGKILL), and go on from their checkpoint until the end.

Run: python benchmarks/kills.py
Options: --kills, --seed.
A fit survives a kill if all files of its checkpoint can be read. What is lost is the training
between the last write and the kill. In the end each fit must have the bits of a whole one.
"""

import argparse
import hashlib
import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import ARGUMENTS, TINY, pick, print_machine, print_table

# Epochs of the single network and of those of the ensemble: about ten seconds each.
EPOCHS = pick({"network": 1500, "ensemble": 40}, {"network": 2})


def estimator(name: str, **options: Any) -> Any:
    """What is fitted: a network with early stopping, or an ensemble, which stops as one."""
    from skimbalance import ImbalancedEnsembleClassifier, ImbalancedMLPClassifier
    from skimbalance.classifier import RECIPE

    if name == "network":
        return ImbalancedMLPClassifier(
            (64, 32), dropout=0.2, ema_momentum=0.99, epochs=EPOCHS[name], early_stopping=True,
            n_iter_no_change=EPOCHS[name], random_state=0, **options,
        )  # fmt: skip
    network = ImbalancedMLPClassifier(**{**RECIPE, "epochs": EPOCHS[name], "n_iter_no_change": 40})
    return ImbalancedEnsembleClassifier(network, cv=3, trees=False, random_state=0, **options)


def fit(name: str, folder: str | None) -> dict[str, Any]:
    """Fit in this process; the epochs trained and a hash of the posteriors."""
    from skimbalance.datasets import load_page_blocks
    from skimbalance.ensemble import ImbalancedEnsembleClassifier

    X, y = load_page_blocks(return_X_y=True)
    print("begun", flush=True)
    clf = estimator(name, checkpoint=folder).fit(X[::4], y[::4] != y[0])
    nets = clf.estimators_ if isinstance(clf, ImbalancedEnsembleClassifier) else [clf]
    proba = clf.predict_proba(X)
    return {"bits": hashlib.sha256(proba.tobytes()).hexdigest(), "epochs": nets[0].n_iter_}


def _start(name: str, folder: str | None) -> "subprocess.Popen[str]":
    command = [sys.executable, __file__, "--fit", name, "--folder", folder or ""]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def _ended(process: "subprocess.Popen[str]") -> dict[str, Any]:
    out, error = process.communicate()
    if process.returncode:
        raise RuntimeError(error)
    return json.loads(out.splitlines()[-1])


def _unfinished(folder: str) -> list[Path]:
    """Files of fits that are not finished; a damaged one raises."""
    unfinished = []
    for path in Path(folder).glob("*.npz"):
        with np.load(path) as file:
            arrays = {name: file[name] for name in file}
        if json.loads(arrays["about"].tobytes())["result"] is None:
            unfinished.append(path)
    return unfinished


def kill_fits(n_kills: int, seed: int = 0) -> dict[str, Any]:
    """Kill fits `n_kills` times in all, each of them until it is finished.

    Returns
    -------
    about : dict
        "kills"; "survived": kills after which all files could be read; "in_training": kills after
        the process had written to each file, and "seconds_lost": the longest time between the last
        write and one of these; "fits": fits that were finished, and "same_bits": those that ended
        in the bits of a whole fit.
    """
    rng = np.random.default_rng(seed)
    names = ("kills", "survived", "in_training", "seconds_lost", "fits", "same_bits")
    about: dict[str, float] = dict.fromkeys(names, 0)
    fits = itertools.cycle(EPOCHS)
    begun = time.monotonic()
    whole = {name: _ended(_start(name, None)) for name in EPOCHS}
    seconds = (time.monotonic() - begun) / len(EPOCHS)
    while about["kills"] < n_kills:
        name = next(fits)
        with tempfile.TemporaryDirectory() as folder:
            while about["kills"] < n_kills:
                process = _start(name, folder)
                started = time.time()
                try:
                    process.wait(rng.uniform(0.2, 0.4) * seconds)
                    break  # it was finished before
                except subprocess.TimeoutExpired:
                    process.kill()
                killed = time.time()
                process.communicate()
                about["kills"] += 1
                written = [path.stat().st_mtime for path in _unfinished(folder)]
                about["survived"] += 1
                if written and min(written) > started:
                    about["in_training"] += 1
                    about["seconds_lost"] = max(about["seconds_lost"], killed - min(written))
            about["fits"] += 1
            about["same_bits"] += _ended(_start(name, folder))["bits"] == whole[name]["bits"]
    return about


def read_again() -> dict[str, float]:
    """In place of kills with --tiny: a fit in this process, which is then read from its file."""
    with tempfile.TemporaryDirectory() as folder:
        first, again = (fit("network", folder) for _ in range(2))
    return {"kills": 0, "fits": 2, "same_bits": 1 + (first == again)}


def main() -> None:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fit", choices=EPOCHS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", default="", help=argparse.SUPPRESS)
    args = parser.parse_args(ARGUMENTS)
    if args.fit:
        print(json.dumps(fit(args.fit, args.folder or None)))
        return
    print_machine()
    about = read_again() if TINY else kill_fits(args.kills, args.seed)
    names = [name.replace("_", " ") for name in about]
    print_table(names, [[f"{value:.3g}" for value in about.values()]])


if __name__ == "__main__":
    main()
