"""Damaged and forged model files: each loads, or is refused in a sentence, and nothing else.

The files are mutations of the fixtures in tests/data. Whatever a file says, loading it may take
seconds and megabytes only, and may neither run code, nor import a module, nor touch another file.
"""

import io
import json
import os
import sys
import tempfile
import warnings
import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np
from sklearn.exceptions import NotFittedError

from skimbalance.persistence import load_model, model_info

DATA = Path(__file__).parents[1] / "tests" / "data"

# What a loader never does: events of Python's audit hooks, by how they begin.
FORBIDDEN = (
    "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.remove", "os.rename", "os.mkdir",
    "os.chmod", "os.putenv", "subprocess", "pickle.find_class", "socket", "shutil", "ctypes.dlopen",
    "code.__new__", "webbrowser",
)  # fmt: skip

# A module that says so when it is imported; files name it.
CANARY = "skimbalance_canary"

# Names of what could do harm, as a description may have them.
HARMFUL = (
    ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("builtins", "exec"),
    ("builtins", "__import__"), ("subprocess", "Popen"), ("shutil", "rmtree"), ("os", "remove"),
    ("pathlib", "Path"), ("operator", "attrgetter"), ("functools", "partial"), ("pickle", "loads"),
    ("joblib", "load"), ("importlib", "import_module"), (CANARY, "run"), ("ctypes", "CDLL"),
    ("keras.saving", "load_model"), ("numpy", "load"), ("sys", "exit"), ("types", "CodeType"),
)  # fmt: skip

# Shapes and types of arrays, as their headers may have them.
SHAPES = (
    "(2,)", "(10**10,)", "(4611686018427387904, 4)", "(-1,)", "()", "(1,) * 99", "(4, 4)",
    "(0, 99999999999)", "(" + "1, " * 64 + ")", "__import__('os')", "[[]]",
)  # fmt: skip
DTYPES = ("<f4", "<f8", "|O", "<U9999999", "|V0", "<M8[s]", "|b1", "x", "<f4,<f4")

NUMBERS = (0, -1, 1, 2**31, 2**63, -(2**63), 10**30, 1e308, 0.5, float("nan"), float("inf"))


@lru_cache
def fixtures():
    """The fixtures that this version loads."""
    found = sorted(DATA.glob("*.skim"))
    return [path for path in found if loading(path, model_info)[0] is not None]


def members_of(path):
    """Names and bytes of the members of an archive."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive_of(members, rng):
    """An archive of these members, with checksums that are right."""
    file = io.BytesIO()
    packing = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)[rng.integers(3)]
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", packing) as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, packing)  # without the time
    return file.getvalue()


def pick(rng, values):
    """One of the values."""
    values = list(values)
    return values[rng.integers(len(values))]


# Mutations of bytes


def flip(content, rng):
    """Change one bit, or a few."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 4)) if changed else 0):
        changed[rng.integers(len(changed))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def cut(content, rng):
    """Leave the end away."""
    return content[: rng.integers(len(content) + 1)]


def splice(content, rng):
    """Put a piece of the content, or other bytes, elsewhere."""
    a, b, c = sorted(int(i) for i in rng.integers(len(content) + 1, size=3))
    piece = content[a:b] if rng.random() < 0.5 else rng.bytes(int(rng.integers(1, 64)))
    return (
        content[:c]
        + piece
        + content[c if rng.random() < 0.5 else min(c + len(piece), len(content)) :]
    )


def header(content, rng):
    """Another header of an array: a huge shape, other types, objects, text that is no header."""
    shape, kind = pick(rng, SHAPES), pick(rng, DTYPES)
    order = pick(rng, ["False", "True", "1"])
    text = f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}"
    if rng.random() < 0.1:
        text = pick(rng, ["(" * 5000, "{" * 100, "", "{'descr': " * 500, text * 50])
    length = len(text) if rng.random() < 0.9 else int(rng.integers(2**16))
    start = (
        b"\x93NUMPY" + bytes([int(rng.integers(0, 5)), 0]) + (length % 2**16).to_bytes(2, "little")
    )
    return start + text.encode() + content[128:]


# Mutations of descriptions


def places(node):
    """All containers of a description with each of their keys."""
    waiting, found = [node], []
    while waiting:
        part = waiting.pop()
        keys = part if isinstance(part, dict) else range(len(part))
        for key in keys:
            found.append((part, key))
            if isinstance(part[key], dict | list):
                waiting.append(part[key])
    return found


def nested(rng):
    """A value of many levels."""
    value = 0
    for _ in range(int(rng.integers(20, 400))):
        value = [value] if rng.random() < 0.5 else {"content": value}
    return value


def new_value(node, old, names, rng):
    """What may stand in the place of a value."""
    kind = rng.integers(9)
    if kind == 0:
        return pick(rng, NUMBERS)
    if kind == 1:
        return pick(rng, [None, True, [], {}, "", "\0", "../" * 9, "x" * 10_000, "null", "[1e999]"])
    if kind == 2:
        return nested(rng)
    if kind in (3, 4):  # a part from elsewhere
        other, key = pick(rng, places(node))
        return other[key]
    if kind == 5:
        return pick(rng, names)
    if kind == 6 and isinstance(old, str):
        return flip(old.encode(), rng).decode(errors="replace")
    if kind == 7 and isinstance(old, list):
        return old[::-1] + old[: rng.integers(len(old) + 1)]
    if isinstance(old, int | float) and not isinstance(old, bool):
        return old + pick(rng, [-1, 1, 1000])
    return [old]


def describe(content, names, rng):
    """Change a description: values, keys, classes, parts; what is written is JSON."""
    node = json.loads(content)
    for _ in range(int(rng.integers(1, 4))):
        part, key = pick(rng, places(node))
        kind = rng.integers(10)
        if kind < 2:
            classes = [p for p, k in places(node) if k == "__class__"] or [{}]
            of_class = pick(rng, classes)
            module, name = pick(rng, HARMFUL)
            if rng.random() < 0.5:
                other = pick(rng, classes)
                module, name = other.get("__module__"), other.get("__class__")
            of_class |= {"__module__": module, "__class__": name}
        elif kind == 2:
            loaders = [p for p, k in places(node) if k == "__loader__"] or [{}]
            pick(rng, loaders)["__loader__"] = pick(rng, loaders).get("__loader__")
        elif kind == 3:
            del part[key]
        elif kind == 4 and isinstance(part, dict):
            part[pick(rng, ["__reduce__", "__class__", "file", "type", *map(str, part)])] = part[
                key
            ]
        else:
            part[key] = new_value(json.loads(json.dumps(node)), part[key], names, rng)
    text = json.dumps(node)
    if rng.random() < 0.05:
        text = pick(
            rng, ["[" * 100_000, '{"content": ' * 50_000, "1" * 10_000, text + text, "\ufeff"]
        )
    return text.encode()


def mutated(number, seed):
    """The bytes of a mutated model file."""
    rng = np.random.default_rng([seed, number])
    path = pick(rng, fixtures())
    if rng.random() < 0.15:  # the file itself
        return pick(rng, [flip, cut, splice])(path.read_bytes(), rng)
    members = members_of(path)
    texts = [name for name in members if name.endswith(".json")]
    arrays = [name for name in members if name.endswith(".npy")] or texts
    changed = pick(rng, texts if rng.random() < 0.6 else arrays)
    kind = rng.random()
    if kind < 0.15:
        members[changed] = pick(rng, [flip, cut, splice])(members[changed], rng)
    elif kind < 0.25:
        other = pick(rng, members)
        members[changed], members[other] = members[other], members[changed]
    elif kind < 0.3:
        del members[changed]
    elif changed in texts:
        members[changed] = describe(members[changed], list(members), rng)
    else:
        members[changed] = header(members[changed], rng)
    items = list(members.items())
    if kind > 0.97:
        items += [
            (pick(rng, ["../x", "/tmp/x", changed, "a" * 60_000]), b"\0" * int(rng.integers(2**22)))
        ]
    return archive_of(items, rng)


# Loading


def loading(path, load):
    """What loading a file gives: the model, and what is to be noted of it."""
    try:
        return load(path), {"outcome": "loads"}
    except (ValueError, NotFittedError) as error:
        said = str(error)
        outcome = "refused" if said and "\n" not in said else "more than a sentence"
        return None, {"outcome": outcome, "said": said[:300]}
    except BaseException as error:
        return None, {"outcome": "other error", "said": f"{type(error).__name__}: {error}"[:300]}


def predicting(model):
    """Predict with a model that loaded: its error, if it has one."""
    rows = np.linspace(-1, 1, 3 * getattr(model, "n_features_in_", 2)).reshape(3, -1)
    try:
        model.predict_proba(rows)
    except Exception as error:
        return {"prediction": type(error).__name__}
    return {"prediction": "numbers"}


def watch(events):
    """Note the forbidden events of this process, from now on."""

    def hook(event, arguments):
        writes = event == "open" and any(c in str(arguments[1]) for c in "wax+")
        if writes or event.startswith(FORBIDDEN):
            events.append(f"{event} {str(arguments)[:100]}")

    sys.addaudithook(hook)


def cases(seed, *, alone=True):
    """A function from the number of a file to what loading it gave, for `isolated`.

    In a process that is not its `alone`, nothing watches what else happens.
    """
    folder, events = tempfile.mkdtemp(), []
    path = os.path.join(folder, "model.skim")
    for fixture in fixtures():
        model, _ = loading(fixture, load_model)
        predicting(model)
    if alone:
        Path(folder, f"{CANARY}.py").write_text("def run(*args):\n    pass\n")
        sys.path.append(folder)
        watch(events)

    def case(number):
        Path(path).write_bytes(mutated(number, seed))
        events.clear()
        model, said = loading(path, load_model)
        said |= {"events": [*events], "imported": CANARY in sys.modules}
        return said | (predicting(model) if model is not None else {})

    return case
