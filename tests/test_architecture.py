"""The drawing of CONTRIBUTING.md: who may import whom, and what imports must not pull in."""

import ast
import pathlib
import re
import sys

import pytest

import skimbalance

ROOT = pathlib.Path(skimbalance.__file__).parent
MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts): file
    for file in ROOT.rglob("*.py")
    if file.name != "__init__.py"
}

# Room -> (modules of the package, other packages) that it may import, anywhere in its files.
# Rooms stand in order: each may import only rooms below it.
NUMPY = {"numpy", "scipy", "sklearn"}
KERAS = NUMPY | {"keras", "tensorflow"}
ROOMS = {
    "classifier": (
        {"_training", "_preparation", "_mlp", "_monitors", "_objective", "_validation",
         "posterior"},
        NUMPY,
    ),
    "_training": (
        {"_engine.*", "losses", "networks", "_monitors"},
        KERAS,
    ),
    "_preparation": ({"_mlp", "_objective", "class_weight", "sampling"}, NUMPY),
    "_validation": (set(), NUMPY),
    "_objective": (set(), {"numpy"}),
    "_monitors": (set(), {"numpy", "scipy"}),
    "_mlp": (set(), {"numpy", "scipy"}),
    "posterior": (set(), {"numpy", "scipy"}),
    "class_weight": (set(), {"numpy"}),
    "sampling": (set(), {"numpy"}),
    "datasets": (set(), {"numpy", "sklearn", "pandas"}),
    "losses": ({"_losses.*"}, {"keras", "numpy"}),
    "networks": (set(), {"keras", "numpy"}),
    "_losses.*": ({"_losses.*"}, {"keras", "numpy"}),
    "_engine.*": ({"_engine.*"}, {"keras", "tensorflow", "numpy", "tqdm", "joblib", "distributed"}),
}  # fmt: skip


def room(module):
    return next(
        name
        for name in ROOMS
        if re.fullmatch(name.replace(".", r"\."), module)
        or (name.endswith(".*") and module.startswith(name[:-1]))
    )


def imports(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_follow_the_drawing(module):
    ours, others = ROOMS[room(module)]
    for name in imports(MODULES[module]):
        if name.split(".")[0] == "skimbalance":
            assert name != "skimbalance", f"{module} imports the package root"
            target = room(name.removeprefix("skimbalance."))
            assert target in ours, f"{module} imports {name}, which is not drawn"
        elif name.split(".")[0] not in sys.stdlib_module_names:
            assert name.split(".")[0] in others, f"{module} imports {name}"


def test_every_room_has_a_module():
    assert set(ROOMS) == {room(module) for module in MODULES}


def test_only_one_module_touches_private_scikit_learn():
    private = re.compile(r"sklearn(\.\w+)*\._|from sklearn\S* import .*\b_[a-z]")
    touching = [m for m, file in MODULES.items() if private.search(file.read_text())]
    assert touching == ["_validation"]


def test_tensorflow_is_named_in_the_engine_and_its_caller_only():
    naming = {room(m) for m, file in MODULES.items() if "tensorflow" in set(imports(file))}
    assert naming == {"_engine.*", "_training"}
