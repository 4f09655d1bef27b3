"""Numbered cases in processes of their own: one that dies or hangs is noted, and the rest go on."""

import faulthandler
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent

# In a process of its own, which finds the modules of this folder.
_CODE = "import isolated, sys; isolated.serve(*sys.argv[1:])"


def outcomes(cases, numbers, *, seconds, mib=None, options=None):
    """Yield the number and the outcome of each case.

    Parameters
    ----------
    cases : str
        "module:name" of a function that takes the options and returns a function from the number
        of a case to its outcome, which is a dict for JSON.
    numbers : sequence of int
        The cases.
    seconds : float
        A case that takes longer has hung.
    mib : int, default=None
        MiB that the cases may take beside what the process has once it is ready. By default
        there is no limit.
    options : dict, default=None
        Options of the function, for JSON.

    Yields
    ------
    number : int
        The case.
    outcome : dict
        What the case gave; {"died": signal} or {"hung": seconds} if it ended its process.
    """
    waiting = list(numbers)
    while waiting:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "outcomes")
            asked = [cases, json.dumps(options or {}), json.dumps(waiting), seconds, mib or 0, path]
            run = subprocess.run(
                [sys.executable, "-c", _CODE, *map(str, asked)],
                env={**os.environ, "PYTHONPATH": str(HERE), "TF_CPP_MIN_LOG_LEVEL": "3"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
            if not os.path.exists(path):
                raise RuntimeError(f"{cases} does not start: {run.stderr}")
            lines = Path(path).read_text().splitlines()
        for number, line in zip(waiting, lines, strict=False):
            yield number, json.loads(line)
        waiting = waiting[len(lines) :]
        if waiting:
            hung = "Timeout (" in run.stderr
            yield (
                waiting.pop(0),
                {"hung" if hung else "died": run.returncode, "said": run.stderr[-3000:]},
            )


def serve(cases, options, numbers, seconds, mib, path):
    """In the new process: write the outcome of one case after the other to a file."""
    sys.path.insert(0, str(HERE))
    module, name = cases.split(":")
    case = getattr(importlib.import_module(module), name)(**json.loads(options))
    if int(mib):
        limit_memory(int(mib))
    with open(path, "w") as file:
        for number in json.loads(numbers):
            faulthandler.dump_traceback_later(float(seconds), exit=True)
            outcome = case(number)
            faulthandler.cancel_dump_traceback_later()
            print(json.dumps(outcome), file=file, flush=True)
    os._exit(0)  # what a library does at the end is not asked for


def limit_memory(mib):
    """Let this process have only so many MiB more."""
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + mib * 2**20, most))


def allow_memory():
    """Take the limit away again."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
