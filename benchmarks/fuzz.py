"""Damaged model files, damaged tables and random command lines: what comes of each.

Run: python benchmarks/fuzz.py
Options: --models, --tables, --commands, --peers (numbers of cases), --seed, --first (number of
the first case, to run one again), --keep FOLDER (for inputs that fail; those that once did stand
in tests/data/fuzz, which the tests read).
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import fuzz_commands
import fuzz_models
import fuzz_tables
import isolated
from common import ARGUMENTS, TINY, pick, print_machine, print_table, quiet

# Seconds that a case may take, and MiB of memory beside those of the sound files.
SECONDS, MIB = 10.0, 500


def arguments():
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", type=int, default=pick(3_000, 15))
    parser.add_argument("--tables", type=int, default=pick(3_000, 30))
    parser.add_argument("--commands", type=int, default=pick(300, 8))
    parser.add_argument("--peers", type=int, default=pick(60, 0))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    return parser.parse_args(ARGUMENTS)


def outcomes(module, n, args, *, seconds=SECONDS, mib=MIB):
    """Number and outcome of each case of a module; with --tiny in this process."""
    numbers = range(args.first, args.first + n)
    if TINY:
        case = module.cases(args.seed, alone=False)
        return [(number, case(number)) for number in numbers]
    name, options = f"{module.__name__}:cases", {"seed": args.seed}
    return list(isolated.outcomes(name, numbers, seconds=seconds, mib=mib, options=options))


def ends(found):
    """Numbers of processes that died, and that hung."""
    return [sum(end in said for _, said in found) for end in ("died", "hung")]


def report(what, number, said, args, content=None):
    """Say that a case failed, and keep its input."""
    print(f"{what} {number}, seed {args.seed}: {said}\n", file=sys.stderr)
    if args.keep and content is not None:
        suffix = {"model": "skim", "table": "csv"}[what]
        (args.keep / f"{what}_{args.seed}_{number}.{suffix}").write_bytes(content)


def print_models(args):
    """Print the table of the model files: the number of cases that failed."""
    found = outcomes(fuzz_models, args.models, args)
    kinds = Counter(said.get("outcome") for _, said in found)
    ran = sum(bool(said.get("events") or said.get("imported")) for _, said in found)
    right = ("loads", "refused")
    failed = [
        (number, said)
        for number, said in found
        if said.get("outcome") not in right or said["events"] or said["imported"]
    ]
    for number, said in failed:
        report("model", number, said, args, fuzz_models.mutated(number, args.seed))
    print(f"Model files, changed at random; {SECONDS:g} s and {MIB} MiB for each.\n")
    header = ["files", "loaded", "refused in a sentence", "other errors", "ran other code"]
    row = [len(found), kinds["loads"], kinds["refused"]]
    row += [sum(kinds.values()) - kinds[None] - row[1] - row[2], ran, *ends(found)]
    print_table([*header, "died", "hung"], [row])
    return len(failed)


def print_tables(args):
    """Print the table of the CSV files: the number of cases that failed."""
    found = outcomes(fuzz_tables, args.tables, args)
    kinds = Counter(said.get("outcome") for _, said in found)
    right = ("the same rows", "refused")
    failed = [(number, said) for number, said in found if said.get("outcome") not in right]
    for number, said in failed:
        report("table", number, said, args, fuzz_tables.table(number, args.seed)[0])
    print("\nCSV files, beside Python's csv module.\n")
    header = ["files", "the same rows", "refused in a sentence", "other rows or errors"]
    row = [len(found), kinds["the same rows"], kinds["refused"]]
    row += [sum(kinds.values()) - kinds[None] - row[1] - row[2], *ends(found)]
    print_table([*header, "died", "hung"], [row])
    return len(failed)


def print_commands(args):
    """Print the table of the command lines: the number of cases that failed."""
    found = outcomes(fuzz_commands, args.commands, args, seconds=100, mib=None)
    codes = Counter(said.get("code") for _, said in found)
    failed = [(number, said) for number, said in found if said.get("problems", True)]
    for number, said in failed:
        report("command", number, said, args)
    print("\nCommand lines, drawn at random.\n")
    header = ["command lines", "exit 0", "exit 1", "exit 2", "without one sentence, or a file lost"]
    row = [len(found), codes[0], codes[1], codes[2], sum("problems" in said for _, said in failed)]
    print_table([*header, "died", "hung"], [[*row, *ends(found)]])
    return len(failed)


def print_peers(args):
    """Print the table of the model files of other libraries."""
    from fuzz_peers import PEERS

    rows = []
    for name, (library, _) in PEERS.items():
        options = {"name": name, "seed": args.seed}
        numbers = range(args.first, args.first + args.peers)
        try:
            found = list(
                isolated.outcomes(
                    "fuzz_peers:cases", numbers, seconds=SECONDS, mib=MIB, options=options
                )
            )
        except RuntimeError as error:  # as where the library is not installed
            print(error, file=sys.stderr)
            continue
        kinds = Counter(said.get("outcome") for _, said in found)
        ended = sum(ends(found))
        row = [library, len(found), kinds["predicts"], len(found) - kinds["predicts"] - ended]
        rows.append([*row, kinds["MemoryError"], *ends(found)])
    print("\nFiles of other libraries, of which a part was changed, moved or cut off.\n")
    header = ["", "files", "predict", "errors", "those of memory", "died", "hung"]
    print_table(header, rows)


def main():
    """Run and print."""
    args = arguments()
    quiet()
    print_machine()
    failures = 0
    for n, show in (
        (args.models, print_models),
        (args.tables, print_tables),
        (args.commands, print_commands),
    ):
        failures += show(args) if n else 0
    if args.peers:
        print_peers(args)
    if failures:
        sys.exit(f"{failures} of the cases failed.")


if __name__ == "__main__":
    main()
