"""Twenty million rows from Parquet files: time, memory and average precision, beside the peers.

Run: python benchmarks/scale.py
Options: --rows (of the files), --parts and --only (what is measured), --folder (keeps files and
results, so that a run can go on and be merged with others; remove results.json to measure again),
--seconds (start nothing after).

Each contender has a process of its own, and its peak memory is that of the process until it is
fitted, libraries included. The test rows are made after that.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from common import ARGUMENTS, TINY, pick, print_machine, print_table, quiet, resident
from scale_data import FILE_ROWS, files, test_rows
from scale_models import CONTENDERS, GROWTH, LIBRARIES, THINNED
from scale_scores import scores, standard_error

ROWS = pick(20_000_000, 2_000)
#: Rows of the part on thinning, and its seeds.
THINNED_ROWS = pick(5_000_000, 2_000)
SEEDS = pick((0, 1, 2), (0,))
#: Number of rows that the growth is reckoned for.
RECKONED = 100_000_000
PARTS = ("contenders", "growth", "thinning")


def arguments():
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--rows", type=int, default=ROWS, help=f"rows of the files, a multiple of {FILE_ROWS:,}")
    add("--parts", nargs="+", choices=PARTS, default=PARTS)
    add("--only", nargs="+", choices=[*CONTENDERS, *THINNED], metavar="NAME", help="contenders "
        f"that are measured: {', '.join([*CONTENDERS, *THINNED])}; by default, all")  # fmt: skip
    add("--folder", help="folder of the files and results; by default, one that is removed")
    add("--seconds", type=float, default=float("inf"), help="start nothing after this many seconds")
    add("--measure", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args(ARGUMENTS)
    if args.rows < FILE_ROWS or args.rows % FILE_ROWS:
        parser.error(f"--rows must be a multiple of {FILE_ROWS:,}. Got {args.rows:,} instead.")
    return args


def sizes(n_rows):
    """Numbers of rows at which the growth is measured."""
    found = {max(n_rows // part // FILE_ROWS, 1) * FILE_ROWS for part in (20, 10, 4, 2, 1)}
    return sorted(found)


def plan(part, n_rows):
    """What a part measures: (name, number of rows, seed) of each fit."""
    if part == "contenders":
        return [(name, n_rows, 0) for name in CONTENDERS]
    if part == "growth":
        return [(name, n, 0) for n in sizes(n_rows) for name in GROWTH]
    return [(name, min(n_rows, THINNED_ROWS), seed) for seed in SEEDS for name in THINNED]


# Measuring


def peak():
    """The most MiB that this process has had."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024


def measure(name, n_rows, seed, folder):
    """In a process of its own: fit a contender, and say what it took and how good it is."""
    quiet()
    paths = files(folder, n_rows)
    before = resident()
    with tempfile.TemporaryDirectory(dir=folder) as pages:
        fitted = {**CONTENDERS, **THINNED}[name](paths, pages, seed)
        mib = peak()
        X, y, _ = test_rows()
        p = np.concatenate([fitted.proba(part) for part in np.array_split(X, 10)])
    took = {key: getattr(fitted, key) for key in ("reading", "training", "epochs", "n_train")}
    return {"name": name, "rows": n_rows, "seed": seed, "mib": mib, "before": before, **took,
            **scores(y, p)}  # fmt: skip


def in_new_process(name, n_rows, seed, folder):
    """What `measure` says, or None if it failed, which is told."""
    if TINY:
        return measure(name, n_rows, seed, folder)
    command = [sys.executable, __file__, "--folder", folder, "--measure", name, n_rows, seed]
    # Threads of OpenMP that wait would take the cores from those that work.
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive", "TF_CPP_MIN_LOG_LEVEL": "3"}
    run = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True)
    if run.returncode:
        print(f"{name} failed on {n_rows:,} rows: {run.stderr.strip()[-500:]}\n", flush=True)
        return None
    return json.loads(run.stdout.splitlines()[-1])


def measured(asked, folder, seconds):
    """The results of what is asked, those of earlier runs among them."""
    path = pathlib.Path(folder) / "results.json"
    results = json.loads(path.read_text()) if path.exists() else []
    known = {(result["name"], result["rows"], result["seed"]) for result in results}
    end = time.monotonic() + seconds
    for one in dict.fromkeys(asked):
        library = LIBRARIES.get(one[0])
        if one in known or time.monotonic() > end:
            continue
        if library is not None and importlib.util.find_spec(library) is None:
            print(f"{one[0]} is left out, as {library} is not installed.\n")
            continue
        result = in_new_process(*one, folder)
        if result is not None:
            results.append(result)
            path.write_text(json.dumps(results))
    return results


# Tables


def with_error(value, without, digits=3):
    """A score and its standard error."""
    return f"{value:.{digits}f} ± {standard_error(np.asarray(without)):.{digits}f}"


def rate(result):
    """Rows a second of the epochs after the first, which compiles, or of the only one."""
    epochs = result["epochs"][1:] or result["epochs"]
    return result["n_train"] / np.mean(epochs) if epochs else None


def print_contenders(results, truth, n_rows):
    """The table of all contenders on the same files."""
    found = {result["name"]: result for result in results}
    found = [found[name] for name in CONTENDERS if name in found]
    if not found:
        return
    first, table = found[0], []
    for r in found:
        difference = np.subtract(r["without"], first["without"])
        seconds = r["reading"] + r["training"]
        table.append(
            [
                r["name"], f"{r['n_train']:,}", f"{r['reading']:.1f}", f"{r['training']:.1f}",
                f"{seconds:.1f}", f"{rate(r):,.0f}" if rate(r) else "", f"{r['mib']:,.0f}",
                with_error(r["ap"], r["without"]),
                "" if r is first else with_error(r["ap"] - first["ap"], difference),
                f"{1e3 * r['log_loss']:.3f}", f"{r['mean']:.2f}", f"{r['calibration']:.2f}",
            ]
        )  # fmt: skip
    table.append(["the true probability", *[""] * 6, with_error(truth["ap"], truth["without"]),
                  "", f"{1e3 * truth['log_loss']:.3f}", f"{truth['mean']:.2f}",
                  f"{truth['calibration']:.2f}"])  # fmt: skip
    print(f"\n{n_rows:,} rows.\n")
    head = ["", "rows of an epoch", "reading, s", "training, s", "in all, s", "rows a second",
            "MiB", "AP", f"AP less that of {first['name']}", "log-loss / 1,000",
            "mean p / share", "calibration error / share"]  # fmt: skip
    print_table(head, table)


def print_growth(results, n_rows):
    """How time and memory grow, and what a straight line says of more rows."""
    table = []
    for name in GROWTH:
        found = sorted((r["rows"], r) for r in results if r["name"] == name and r["seed"] == 0)
        found = {n: r for n, r in found if n in sizes(n_rows)}
        if len(found) < 2:
            continue
        seconds = {n: r["reading"] + r["training"] for n, r in found.items()}
        slope, start = np.polyfit(list(seconds), list(seconds.values()), 1)
        reckoned = start + slope * RECKONED
        table += [
            [name, f"{n:,}", f"{seconds[n]:.1f}", f"{r['mib']:,.0f}",
             with_error(r["ap"], r["without"])]
            for n, r in found.items()
        ]  # fmt: skip
        table.append([name, f"{RECKONED:,}, reckoned", f"{reckoned:,.0f}", "", ""])
    if table:
        print("\nHow the cost grows; the last line of each is on a straight line.\n")
        print_table(["", "rows", "in all, s", "MiB", "AP"], table)


def print_thinning(results, n_rows):
    """What thinning the frequent class costs in average precision."""
    first, *_ = THINNED
    base = {r["seed"]: r for r in results if r["name"] == first}
    table = []
    for name in THINNED:
        found = [r for r in results if r["name"] == name and r["seed"] in base]
        if not found:
            continue
        seconds = np.mean([r["reading"] + r["training"] for r in found])
        ap = np.mean([r["ap"] for r in found])
        without = np.mean([r["without"] for r in found], axis=0)
        less = np.mean([r["ap"] - base[r["seed"]]["ap"] for r in found])
        difference = without - np.mean([base[r["seed"]]["without"] for r in found], axis=0)
        table.append([name, f"{found[0]['n_train']:,}", len(found), f"{seconds:.1f}",
                      with_error(ap, without), "" if name == first else
                      with_error(less, difference),
                      f"{np.mean([r['mean'] for r in found]):.2f}"])  # fmt: skip
    if table:
        print(f"\nThinning, {n_rows:,} rows, means over seeds.\n")
        head = ["", "rows of an epoch", "seeds", "in all, s", "AP", "AP less that of all rows",
                "mean p / share"]  # fmt: skip
        print_table(head, table)


def main():
    """Measure and print."""
    args = arguments()
    if args.measure:
        name, n_rows, seed = args.measure
        print(json.dumps(measure(name, int(n_rows), int(seed), args.folder)))
        return
    print_machine()
    with tempfile.TemporaryDirectory() as draft:
        folder = args.folder or draft
        begun = time.perf_counter()
        files(folder, args.rows)
        print(f"{args.rows:,} rows made in {time.perf_counter() - begun:.0f} s.")
        asked = [one for part in args.parts for one in plan(part, args.rows)]
        asked = [one for one in asked if args.only is None or one[0] in args.only]
        results = measured(asked, folder, args.seconds)
    _, y, p = test_rows()
    whole = [r for r in results if r["rows"] == args.rows and r["seed"] == 0]
    print_contenders(whole, scores(y, p), args.rows)
    print_growth(results, args.rows)
    thinned = min(args.rows, THINNED_ROWS)
    print_thinning([r for r in results if r["rows"] == thinned], thinned)


if __name__ == "__main__":
    main()
