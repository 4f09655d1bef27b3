"""Random trees of parallel tasks, fits with too little memory, and lost worker processes.

Run: python benchmarks/stress.py
Options: --n (trees), --seed, --first (number of the first tree, to run one again), --seconds (a
tree that takes longer hangs), --memory (fits with too little memory), --workers (Dask worker
processes that are killed).
"""

import argparse
import itertools
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import isolated
import trees
from common import ARGUMENTS, N_JOBS, TINY, pick, print_machine, print_table, quiet

# Verdicts on a tree that are as they should be.
RIGHT = ("same bits", "same but for rounding", "the planned error")


def arguments():
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=pick(300, 4))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--memory", type=int, default=pick(35, 0))
    parser.add_argument("--workers", type=int, default=pick(4, 0))
    return parser.parse_args(ARGUMENTS)


def stressed(args):
    """The outcome of each tree, in processes of their own."""
    numbers = range(args.first, args.first + args.n)
    if TINY:
        return [trees.run_tree(number, args.seed, most=4) for number in numbers]
    options = {"seconds": args.seconds, "options": {"seed": args.seed}}
    with ThreadPoolExecutor(N_JOBS) as pool:  # each starts processes, one after the other
        parts = [numbers[i::N_JOBS] for i in range(N_JOBS)]
        each = pool.map(lambda part: [*isolated.outcomes("trees:cases", part, **options)], parts)
        pairs = sorted(itertools.chain(*each), key=lambda pair: pair[0])
    for number, said in pairs:
        if said.get("verdict") not in RIGHT or said["threads left"]:
            print(f"Tree {number}, seed {args.seed}: {said}\n", file=sys.stderr)
    return [said for _, said in pairs]


def print_trees(found):
    """Print the table of the trees, and that of the disturbances: the number of failures."""
    verdicts = Counter(said.get("verdict") for said in found)
    largest = max((said.get("difference", 0.0) for said in found), default=0.0)
    print("Trees of tasks in stacks, beside the same trees one task after the other.\n")
    header = [
        "trees", "networks", "same bits", f"same to {trees.ROUNDING:g}", "largest difference",
        "the planned error", "other results", "hung", "died", "threads left",
    ]  # fmt: skip
    row = [len(found), sum(said.get("fits", 0) for said in found), verdicts["same bits"]]
    row += [verdicts["same but for rounding"], f"{largest:.1e}", verdicts["the planned error"]]
    row += [verdicts["wrong"], sum("hung" in said for said in found)]
    row += [sum("died" in said for said in found)]
    row += [sum(said.get("threads left", 0) for said in found)]
    print_table(header, [row])
    print("\nThose that were disturbed on the way, and gave the same when they were run again.\n")
    rows = []
    for kind in ("Ctrl-C", "timeout", "generator"):
        of_kind = [said for said in found if said.get("disturbed") == kind]
        stopped = [said["stopped"] for said in of_kind if said.get("stopped") is not None]
        ended = [said["ended"] for said in of_kind]
        same = sum(said["verdict"] in RIGHT for said in of_kind)
        times = [f"{max(of):.2f}" if of else "" for of in (stopped, ended)]
        rows.append([kind, len(of_kind), len(stopped) if kind == "Ctrl-C" else "", same, *times])
    header = ["", "trees", "came in time", "same again", "most seconds to stop", "to end threads"]
    print_table(header, rows)
    return sum(said.get("verdict") not in RIGHT or said["threads left"] > 0 for said in found)


def print_memory(args):
    """Print the table of fits with too little memory: the number of processes that died."""
    found = list(isolated.outcomes("faults:memory_cases", range(args.memory), seconds=args.seconds))
    print("\nFits with 10 to 640 MiB of memory where they need up to 600.\n")
    failed = [said for _, said in found if "error" in said]
    row = [len(found), len(found) - len(failed) - sum("died" in said for _, said in found)]
    row += [sum(said["error"] == "MemoryError" for said in failed)]
    row += [sum(said["error"] != "MemoryError" for said in failed)]
    row += [sum(not said.get("changed") and said.get("same", True) for said in failed)]
    row += [sum(said["next"] < trees.ROUNDING for said in failed)]
    row += [sum("died" in said or "hung" in said for _, said in found)]
    header = ["fits", "enough", "MemoryError", "another sentence", "estimator unchanged"]
    print_table([*header, "next fit as before", "process died"], [row])
    for number, said in found:
        if "died" in said or "hung" in said:
            print(f"Memory {number}: {said}\n", file=sys.stderr)
    return row[-1]


def print_workers(args):
    """Print the table of tasks of Dask whose workers are killed: the number of failures."""
    from faults import lost_workers

    verdicts = list(lost_workers(range(args.workers), args.seed))
    print("\nTwelve fits as tasks of Dask, one of whose two worker processes is killed.\n")
    same = sum(said["verdict"] in RIGHT for said in verdicts)
    print_table(
        ["workers killed", "the same results", "others"],
        [[len(verdicts), same, len(verdicts) - same]],
    )
    return len(verdicts) - same


def main():
    """Run and print."""
    args = arguments()
    quiet()
    print_machine()
    failures = print_trees(stressed(args))
    if args.memory:
        failures += print_memory(args)
    if args.workers:
        failures += print_workers(args)
    if failures:
        sys.exit(f"{failures} of the cases failed.")


if __name__ == "__main__":
    main()
