"""Random command lines: each ends with 0, 1 or 2, says what is wrong, and loses no file.

They run in a folder of their own, and name only files in it.
"""

import argparse
import contextlib
import hashlib
import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skimbalance._cli.parser import COMMANDS, main, make_parser
from skimbalance._cli.roles import Roles, read_training
from skimbalance._cli.tables import open_table
from skimbalance.persistence import save_model
from skimbalance.preprocessing import table_steps

TABLE, MODEL = "rows.csv", "model.skim"

# Values of any option. None begins with "/": nothing outside the folder is named.
VALUES = (
    "", " ", "-", "--", "0", "1", "-1", "2", "0.5", "1e999", "nan", "999999999999999999999",
    "target", "a", "b", "a,b", "b,target", "group", "day", ",", "a,,b", "no such", "é", "日本",
    "\x1b[31m", "x" * 5_000, TABLE, MODEL, "empty.csv", "folder", "none/x", "new", "./new",
    "folder/new", "new.parquet", "new.csv.gz", "broken.skim", "other.csv", "yeast", "utf-8",
    "utf-16", "rot13", "idna", "f1_macro", "recall", "alerts", "precision_at_k", "cost",
    "roc_auc", "plain", "plain,class_weighted", "common", "rare", "*", "%s", "{}", "'", '"', "\\",
    "\n", "--out", "-h", "=", "~", "$HOME", "[bold]", "2024-01-31",
)  # fmt: skip

# Values that are right, of options that otherwise seldom have one.
LIKELY = {
    "--out": ("new", "new.csv"),
    "--target": ("target",),
    "--strategy": ("plain",),
    "--strategies": ("plain", "plain,class_weighted"),
    "--cv": ("2",),
    "--repeats": ("1",),
    "--encoding": ("utf-8",),
}

# Training takes long with the defaults, which the tests run.
ALWAYS = {
    "train": ["--strategy", "--out"],
    "compare": ["--strategies", "--cv"],
    "predict": ["--out"],
}


def fill(folder):
    """Files of several kinds."""
    rng = np.random.default_rng(0)
    lines = ["a,b,group,day,target"]
    for i in range(60):
        label = "rare" if i % 5 == 0 else "common"
        lines.append(f"{rng.normal():.3f},{'uv'[i % 2]},{i // 3},2024-01-{1 + i // 2:02},{label}")
    Path(folder, TABLE).write_text("\n".join(lines) + "\n")
    Path(folder, "other.csv").write_text("x;y\n1;2\n\0;3\n")
    Path(folder, "empty.csv").write_text("")
    Path(folder, "broken.skim").write_bytes(b"PK\x03\x04" + bytes(200))
    Path(folder, "folder").mkdir()
    Path(folder, "folder", "kept").write_text("kept")
    X, y, kinds, _ = read_training(open_table(str(Path(folder, TABLE))), Roles("target"))
    clean, encode, _ = table_steps(X)
    model = make_pipeline(clean, encode, LogisticRegression()).fit(X, y)
    save_model(model, Path(folder, MODEL), columns=kinds, target="target")


def options_of(command):
    """Options of a command, each with its values: "any", or none."""
    (commands,) = (a for a in make_parser()._actions if isinstance(a, argparse._SubParsersAction))
    actions = [action for action in commands.choices[command]._actions if action.option_strings]
    return {
        action.option_strings[-1]: action.nargs != 0 for action in actions if action.dest != "help"
    }


def drawn(rng):
    """A command line."""
    command = list(COMMANDS)[rng.integers(len(COMMANDS))]

    def value(*likely):
        return (
            likely[rng.integers(len(likely))]
            if likely and rng.random() < 0.8
            else pick(rng, VALUES)
        )

    words = [command]
    if command in ("predict", "report"):
        words.append(value(MODEL))
    if command != "datasets":
        words.append(value(TABLE, TABLE, "-"))
    for option in ALWAYS.get(command, []):
        words += [option, value(*LIKELY[option])]
    options = options_of(command)
    for option in rng.permutation(list(options))[: rng.integers(4)].tolist():
        words += [option, *([value(*LIKELY.get(option, ()))] if options[option] else [])]
    if rng.random() < 0.1:
        words.insert(int(rng.integers(len(words) + 1)), pick(rng, VALUES))
    if rng.random() < 0.05:
        del words[rng.integers(len(words))]
    return words


def pick(rng, values):
    """One of the values."""
    return values[rng.integers(len(values))]


def contents(folder):
    """Hashes of all files."""
    files = (path for path in Path(folder).rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).digest() for path in files
    }


def run(words, folder):
    """Exit code, standard error, and what kind of error came out, if one did."""
    stderr, stdin = io.StringIO(), io.TextIOWrapper(io.BytesIO(Path(folder, TABLE).read_bytes()))
    before, sys.stdin = sys.stdin, stdin
    try:
        with contextlib.redirect_stderr(stderr), contextlib.redirect_stdout(io.StringIO()):
            code = main(words)
    except SystemExit as error:
        code = error.code
    except BaseException as error:
        return None, f"{type(error).__name__}: {error}"
    finally:
        sys.stdin = before
    return code, stderr.getvalue()


def problems(words, code, said, before, after):
    """What is not as it should be."""
    found = []
    lines = [line for line in said.splitlines() if not line.startswith("note: ")]
    if code not in (0, 1, 2):
        found.append(f"exit {code}")
    elif code == 1 and (len(lines) != 1 or not lines[0].startswith("skimbalance ")):
        found.append("not one sentence")
    elif code == 2 and "error: " not in lines[-1]:
        found.append("no sentence on usage")
    if "Traceback" in said:
        found.append("a traceback")
    changed = {name for name in before if before[name] != after.get(name)}
    # A file may be replaced only by a command that went well and that named it as its output.
    if changed and (code or not changed <= set(words)):
        found.append(f"lost {sorted(changed)}")
    if {name for name in after if name.endswith(".tmp")}:
        found.append("a draft was left")
    if code and set(after) - set(before):
        found.append(f"left {sorted(set(after) - set(before))}")
    return found


def cases(seed, *, alone=True):
    """A function from the number of a command line to what it did, for `isolated`.

    In a process that is not its `alone`, no network is trained.
    """
    home, filled = tempfile.mkdtemp(), tempfile.mkdtemp()
    fill(filled)

    def case(number):
        words = drawn(np.random.default_rng([seed, number]))
        if not alone and {"train", "compare"} & {*words}:
            words = ["datasets", *words[1:]]
        with tempfile.TemporaryDirectory(dir=home) as outer:
            folder = os.path.join(outer, "inner")
            shutil.copytree(filled, folder)
            before = contents(folder)
            with contextlib.chdir(folder):
                code, said = run(words, folder)
            found = problems(words, code, said, before, contents(folder))
        return {
            "code": code,
            "problems": found,
            "words": words,
            "said": said[:500] if found else "",
        }

    return case
