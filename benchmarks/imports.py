"""What imports, a first fit and help texts take in new processes: seconds, and resident memory.

Run: python benchmarks/imports.py
The files are in the system's cache. What skimbalance adds is measured in processes that have
imported what a user of scikit-learn's own network imports.
"""

import json
import statistics
import subprocess
import sys

from common import pick, print_machine, print_table, times

N_PROCESSES = pick(7, 1)

# Name of a step -> its code.
STEPS = {
    "scikit-learn": "import sklearn.metrics, sklearn.model_selection, sklearn.neural_network",
    "the package": "import skimbalance",
    "ImbalancedMLPClassifier": "from skimbalance import ImbalancedMLPClassifier",
    "ImbalancedEnsembleClassifier": "from skimbalance import ImbalancedEnsembleClassifier",
    "all names": "from skimbalance import *",
    "TensorFlow and Keras": "import tensorflow, keras",
    "the engine": "import skimbalance._keras.perceptron, skimbalance._keras.training",
    "a fit": "ImbalancedMLPClassifier(epochs=1).fit([[0.0], [1.0]] * 50, [0, 1] * 50)",
    "matplotlib": "import matplotlib.pyplot",
    "without garbage collection": "import gc; gc.disable()",
}

# Steps that a process has taken already, and steps that are timed in it, in a row.
CASES = [
    ([], ["scikit-learn"]),
    (["scikit-learn"], ["the package", "ImbalancedMLPClassifier"]),
    (["scikit-learn"], ["ImbalancedEnsembleClassifier"]),
    (["scikit-learn"], ["all names"]),
    (["scikit-learn", "all names"], ["TensorFlow and Keras", "the engine", "a fit"]),
    (["scikit-learn", "matplotlib"], ["TensorFlow and Keras"]),
    (["scikit-learn", "without garbage collection"], ["TensorFlow and Keras"]),
]
CASES = pick(CASES, CASES[1:2])
COMMANDS = pick(["--help", "train --help", "compare --help", "predict --help"], ["--help"])

# In a new process: for each step its seconds, and the most MiB that were resident until then.
TIMED = """
import json, resource, sys, time
before, steps = json.loads(sys.argv[1])
for code in before:
    exec(code)
measured = []
for code in steps:
    start = time.perf_counter()
    exec(code)
    seconds = time.perf_counter() - start
    measured.append([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10])
print(json.dumps(measured))
"""


def measured(case):
    """Seconds and MiB of each timed step of a case, in one new process."""
    codes = [[STEPS[name] for name in names] for names in case]
    argv = [sys.executable, "-c", TIMED, json.dumps(codes)]
    return json.loads(subprocess.check_output(argv, stderr=subprocess.DEVNULL).splitlines()[-1])


def help_of(command):
    """Show a help text in a new process."""
    argv = [sys.executable, "-m", "skimbalance", *command.split()]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def median(values, digits):
    """The text of a median."""
    return f"{statistics.median(values):.{digits}f}"


def main():
    """Print both tables."""
    print_machine()
    runs = [[measured(case) for case in CASES] for _ in range(N_PROCESSES)]
    rows = []
    for number, (before, steps) in enumerate(CASES):
        for place, step in enumerate(steps):
            seconds, mib = zip(*(run[number][place] for run in runs), strict=True)
            after = ", ".join([*before, *steps[:place]])
            rows.append([step, after, median(seconds, 2), median(mib, 0)])
    print_table(["step", "after", "s", "MiB resident"], rows)
    print()
    seconds = {c: times(lambda c=c: help_of(c), N_PROCESSES) for c in COMMANDS}
    rows = [[f"`skimbalance {c}`", median(values, 2)] for c, values in seconds.items()]
    print_table(["command", "s"], rows)


if __name__ == "__main__":
    main()
