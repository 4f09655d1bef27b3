"""The drawing of CONTRIBUTING.md: who may import whom, and what imports must not pull in."""

import ast
import pathlib
import re
import sys

import pytest

import skimbalance

ROOT = pathlib.Path(skimbalance.__file__).parent
MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts): file for file in ROOT.rglob("*.py")
}

# Room -> (modules of the package, other packages) that it may import, anywhere in its files.
# Rooms stand in order: each may import only rooms below it, and modules of its own folder.
NUMPY = {"numpy", "scipy", "sklearn"}
KERAS = NUMPY | {"keras", "tensorflow"}
ROOMS = {
    "__main__": ({"_cli.*"}, set()),
    "_cli.*": (
        {"_cli.*", "compare", "report", "_strategies", "classifier", "persistence", "datasets",
         "_files", "_response"},
        {"numpy", "sklearn", "pandas", "pyarrow", "joblib", "rich", "tqdm"},
    ),
    "__init__": (
        {"compare", "sequence_classifier", "decision", "prior", "keras_classifier", "classifier",
         "posterior",
         "class_weight", "_engine.*"},
        set(),
    ),
    "compare": (
        {"_comparison", "_strategies", "_decision.*", "_scores", "metrics", "classifier",
         "_response", "_validation"},
        {"numpy", "sklearn", "pandas", "joblib", "tqdm"},
    ),
    "report": (
        {"plots", "metrics", "_metrics.*", "_flags", "_page", "_response"},
        {"numpy", "sklearn", "pandas", "rich"},
    ),
    "_comparison": ({"_strategies", "plots", "_plots.*", "_page"}, NUMPY | {"pandas", "rich"}),
    "_strategies": ({"decision", "preprocessing", "classifier"}, {"numpy", "sklearn", "imblearn"}),
    "plots": ({"_plots.*"}, set()),
    "_plots.*": ({"_plots.*", "_metrics.*", "_response"}, {"numpy", "sklearn", "matplotlib"}),
    "sequence_classifier": (
        {"_decision.*", "_estimator", "_training", "_keras_network", "_preparation", "_sequences",
         "_encoding", "_targets", "_mlp", "_monitors", "_objective", "_validation", "_engine.*",
         "networks", "posterior"},
        {"numpy", "sklearn"},
    ),
    "_sequences": (set(), {"numpy", "sklearn"}),
    "_encoding": (set(), {"numpy", "sklearn"}),
    "decision": ({"_decision.*", "_response", "_validation"}, {"numpy", "sklearn"}),
    "_decision.*": ({"_decision.*", "sampling", "_scores"}, NUMPY),
    "prior": ({"posterior", "_response", "_validation"}, NUMPY),
    "preprocessing": (set(), {"numpy", "sklearn", "pandas"}),
    "persistence": ({"_files"}, {"sklearn", "skops"}),
    "metrics": ({"_metrics.*", "_validation"}, {"numpy", "sklearn"}),
    "_metrics.*": ({"_metrics.*", "_scores"}, NUMPY),
    "_flags": (set(), set()),
    "_page": ({"_files"}, set()),
    "_files": (set(), set()),
    "model_selection": ({"sampling", "_validation"}, NUMPY),
    "keras_classifier": (
        {"_estimator", "_scikeras", "_training", "_loss_and_optimizer", "_keras_network",
         "_keras_metrics", "_routing", "_preparation", "_targets", "_monitors", "_objective",
         "_validation"},
        NUMPY,
    ),
    "_scikeras": (
        {"_loss_and_optimizer", "_keras_model", "_routing", "_engine.*", "networks"},
        {"keras", "numpy", "scikeras"},
    ),
    "_keras_network": (
        {"_keras_model", "_network_key", "_engine.*", "_targets"}, {"keras", "numpy"}
    ),
    "_keras_model": ({"_targets"}, {"keras", "numpy"}),
    "_network_key": ({"_engine.*"}, {"keras", "numpy"}),
    "_keras_metrics": ({"_targets"}, {"keras", "numpy"}),
    "_routing": (set(), {"keras"}),
    "classifier": (
        {"_estimator", "_training", "_preparation", "_targets", "_mlp", "_monitors", "_objective",
         "_validation"},
        {"numpy", "sklearn"},
    ),
    "_training": ({"_engine.*", "_loss_and_optimizer", "_targets", "networks"}, KERAS),
    "_loss_and_optimizer": ({"_engine.*", "_targets", "losses"}, KERAS),
    "_estimator": ({"_preparation", "_targets", "_mlp", "_validation", "posterior"}, NUMPY),
    "_preparation": ({"_objective", "sampling"}, NUMPY),
    "_targets": ({"_monitors", "_objective", "class_weight", "sampling"}, {"numpy"}),
    "_objective": (set(), {"numpy"}),
    "_monitors": ({"_scores"}, {"numpy", "scipy"}),
    "_scores": (set(), {"numpy"}),
    "_mlp": (set(), {"numpy", "scipy"}),
    "_response": (set(), NUMPY),
    "posterior": (set(), {"numpy", "scipy"}),
    "class_weight": (set(), {"numpy"}),
    "sampling": ({"_iterative"}, {"numpy"}),
    "_iterative": (set(), {"numpy"}),
    "datasets": (set(), {"numpy", "sklearn", "pandas"}),
    "data.*": (set(), set()),
    "losses": ({"_losses.*"}, {"keras", "numpy"}),
    "networks": (set(), {"keras", "numpy"}),
    "_losses.*": ({"_losses.*"}, {"keras", "numpy"}),
    "_engine.*": ({"_engine.*"}, {"keras", "tensorflow", "numpy", "tqdm", "joblib", "distributed"}),
    "_validation": (set(), NUMPY),
}  # fmt: skip


def room(module):
    return next(
        name
        for name in ROOMS
        if module == name or (name.endswith(".*") and f"{module}.".startswith(name[:-1]))
    )


def imports(file, *, in_functions=True):
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree) if in_functions else tree.body:
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def names_used(file):
    """Dotted names that are imported, or written out as attributes."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute):
            yield ast.unparse(node)


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


def test_rooms_import_downwards():
    order = list(ROOMS)
    for i, (name, (ours, _)) in enumerate(ROOMS.items()):
        upwards = ours - set(order[i + 1 :]) - ({name} if name.endswith(".*") else set())
        assert not upwards, f"{name} may import {upwards}, which stand above it"


def test_only_one_module_touches_private_scikit_learn():
    private = re.compile(r"sklearn\..*\b_[a-z]")
    touching = [m for m, file in MODULES.items() if any(map(private.match, names_used(file)))]
    assert touching == ["_validation"]


def test_what_importing_must_not_pull_in_is_imported_in_functions():
    heavy = {"matplotlib", "pandas", "pyarrow", "rich", "skops"}
    for module, file in MODULES.items():
        pulled_in = {name.split(".")[0] for name in imports(file, in_functions=False)}
        assert heavy.isdisjoint(pulled_in), module


def test_tensorflow_is_named_in_the_engine_and_those_who_prepare_for_it_only():
    naming = {room(m) for m, file in MODULES.items() if "tensorflow" in set(imports(file))}
    assert naming == {"_engine.*", "_training", "_loss_and_optimizer"}
