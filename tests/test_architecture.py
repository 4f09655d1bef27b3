"""The drawing of CONTRIBUTING.md: who may import whom, and what imports must not pull in."""

import ast
import graphlib
import itertools
import pathlib
import re
import sys
import tomllib

import pytest

import skimbalance

ROOT = pathlib.Path(skimbalance.__file__).parent
MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts): file for file in ROOT.rglob("*.py")
}

# Room -> (modules of the package, other packages) that it may import, anywhere in its files.
# Rooms stand in order: each may import only rooms below it, and its own modules.
NUMPY = {"numpy", "scipy", "sklearn"}
KERAS = NUMPY | {"keras", "tensorflow"}
ROOMS = {
    "__main__": ({"_cli.*"}, set()),
    "_cli.*": (
        {"compare.*", "report.*", "decision.*", "model_selection.*", "preprocessing.*",
         "classifier", "persistence.*", "datasets.*", "_fit.*", "_response", "_page.*",
         "_validation.*"},
        {"numpy", "sklearn", "pandas", "pyarrow", "joblib", "tqdm"},
    ),
    "__init__": (
        {"compare.*", "ensemble.*", "sequence_classifier", "decision.*", "keras_classifier",
         "classifier", "posterior", "prior.*", "class_weight", "model_selection.*", "_engine.*"},
        set(),
    ),
    "compare.*": (
        {"plots.*", "ensemble.*", "decision.*", "preprocessing.*", "classifier", "_fit.*",
         "metrics.*", "model_selection.*", "sampling.*", "_page.*", "_response", "_validation.*"},
        NUMPY | {"imblearn", "pandas", "matplotlib", "joblib", "tqdm"},
    ),
    "report.*": (
        {"plots.*", "metrics.*", "_page.*", "_response", "_validation.*"}, NUMPY | {"pandas"}
    ),
    "plots.*": ({"metrics.*", "_response", "_page.*"}, NUMPY | {"matplotlib"}),
    "persistence.*": (
        {"ensemble.*", "decision.*", "keras_classifier", "classifier", "_keras.*", "_fit.*",
         "prior.*", "preprocessing.*", "_response", "_losses.*", "_page.*", "_validation.*"},
        KERAS | {"skops", "onnx", "skl2onnx", "tf2onnx", "onnxruntime"},
    ),
    "ensemble.*": (
        {"decision.*", "classifier", "_fit.*", "_engine.*", "_keras_private", "_response",
         "metrics.*", "_validation.*"},
        NUMPY | {"joblib", "threadpoolctl"},
    ),
    "sequence_classifier": (
        {"decision.*", "_keras.*", "_fit.*", "posterior", "sampling.*", "networks.*", "_losses.*",
         "_engine.*", "_validation.*"},
        {"numpy", "sklearn"},
    ),
    "decision.*": (
        {"model_selection.*", "metrics.*", "sampling.*", "_response", "_validation.*"}, NUMPY
    ),
    "keras_classifier": (
        {"_keras.*", "_fit.*", "model_selection.*", "sampling.*", "_losses.*", "_keras_private",
         "_validation.*"},
        NUMPY,
    ),
    "classifier": (
        {"_keras.*", "_fit.*", "preprocessing.*", "_keras_private", "_validation.*"},
        NUMPY,
    ),
    "_keras.*": (
        {"_fit.*", "losses", "networks.*", "_losses.*", "_engine.*", "_keras_private",
         "_validation.*"},
        KERAS | {"joblib", "scikeras", "distributed"},
    ),
    "_fit.*": (
        {"posterior", "prior.*", "preprocessing.*", "metrics.*", "class_weight", "sampling.*",
         "_losses.*", "_engine.*", "_keras_private", "_validation.*"},
        NUMPY | {"joblib", "pandas", "pyarrow", "dask", "distributed", "tqdm"},
    ),
    "posterior": ({"prior.*", "_losses.*", "_validation.*"}, {"numpy", "scipy"}),
    "prior.*": ({"metrics.*", "_response", "_validation.*"}, NUMPY),
    "preprocessing.*": ({"_validation.*"}, NUMPY | {"pandas"}),
    "metrics.*": ({"_validation.*"}, NUMPY | {"threadpoolctl"}),
    "class_weight": ({"_validation.*"}, {"numpy"}),
    "model_selection.*": ({"sampling.*", "_losses.*", "_validation.*"}, NUMPY),
    "sampling.*": (set(), NUMPY | {"imblearn", "pandas"}),
    "_response": (set(), NUMPY),
    "datasets.*": (set(), {"numpy", "sklearn", "pandas"}),
    "losses": ({"_losses.*"}, {"keras", "numpy"}),
    "_losses.*": ({"_keras_private", "_validation.*"}, {"keras", "numpy", "scipy"}),
    "_engine.*": (
        {"networks.*", "_page.*", "_keras_private", "_validation.*"},
        {"keras", "tensorflow", "numpy", "tqdm", "joblib", "distributed"},
    ),
    "_page.*": (set(), {"pandas", "matplotlib", "rich"}),
    "networks.*": (set(), {"keras", "numpy"}),
    "_keras_private": (set(), {"keras"}),
    "_validation.*": (set(), NUMPY),
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
            drawn = ours | {room(module)}
            assert target in drawn, f"{module} imports {name}, which is not drawn"
        elif name.split(".")[0] not in sys.stdlib_module_names:
            assert name.split(".")[0] in others, f"{module} imports {name}"


def test_every_room_has_a_module():
    assert set(ROOMS) == {room(module) for module in MODULES}


def test_rooms_import_downwards():
    order = list(ROOMS)
    for i, (name, (ours, _)) in enumerate(ROOMS.items()):
        upwards = ours - set(order[i + 1 :])
        assert not upwards, f"{name} may import {upwards}, which stand above it"


def modules_imported(module):
    """Modules of the package that a module imports, anywhere in its file."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("skimbalance."):
            parent = node.module.removeprefix("skimbalance.")
            for name in (f"{parent}.{alias.name}" for alias in node.names):
                yield name if name in MODULES else parent
        elif isinstance(node, ast.Import):
            ours = (a.name for a in node.names if a.name.startswith("skimbalance."))
            yield from (name.removeprefix("skimbalance.") for name in ours)


def test_modules_do_not_import_each_other_in_a_circle():
    graph = {
        module: [n if n in MODULES else f"{n}.__init__" for n in modules_imported(module)]
        for module in MODULES
    }
    order = graphlib.TopologicalSorter(graph)
    order.prepare()  # raises a CycleError that names the circle


def test_every_other_package_is_a_declared_dependency():
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    extras = [optional[name] for name in ("dask", "parquet", "onnx")]
    declared = itertools.chain(project["dependencies"], *extras)
    names = {re.match(r"[\w-]+", requirement)[0] for requirement in declared}
    imported = {"sklearn": "scikit-learn", "imblearn": "imbalanced-learn"}
    others = set().union(*(packages for _, packages in ROOMS.values()))
    assert {imported.get(name, name) for name in others} <= names


def test_only_one_module_touches_private_scikit_learn():
    private = re.compile(r"sklearn\..*\b_[a-z]")
    touching = [m for m, file in MODULES.items() if any(map(private.match, names_used(file)))]
    assert touching == ["_validation._sklearn"]


def own_private_names():
    """Names with an underscore that this package itself gives to attributes and methods."""
    for file in MODULES.values():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                yield node.name
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls", "other"):
                    yield node.attr
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id


def private_attributes(file):
    """Attributes with an underscore that a file reads or sets, also by hasattr and its like."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Attribute):
            name = node.attr
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
            "getattr", "hasattr", "setattr",
        ):  # fmt: skip
            name = getattr(node.args[1], "value", "")
        else:
            continue
        if str(name).startswith("_") and not str(name).startswith("__"):
            yield name


def test_only_one_module_touches_private_keras():
    own = {"_replace", *own_private_names()}  # the first is public, of named tuples
    touching = {
        module: foreign
        for module, file in MODULES.items()
        if (module == "_keras_private" or "keras" in ROOMS[room(module)][1])
        and (foreign := set(private_attributes(file)) - own)
    }
    # scikeras has a single door, too.
    assert set(touching) == {"_keras_private", "_keras.scikeras"}, touching
    assert touching["_keras.scikeras"] == {"_fit_callbacks"}


def test_what_importing_must_not_pull_in_is_imported_in_functions():
    heavy = {"matplotlib", "pandas", "pyarrow", "rich", "skops"}
    for module, file in MODULES.items():
        pulled_in = {name.split(".")[0] for name in imports(file, in_functions=False)}
        assert heavy.isdisjoint(pulled_in), module


def test_tensorflow_is_named_in_its_folder_and_where_fits_and_exports_are_prepared_only():
    naming = {m for m, file in MODULES.items() if "tensorflow" in set(imports(file))}
    outside = {module for module in naming if not module.startswith("_engine.tensorflow.")}
    assert outside == {"_keras.training", "_keras.objective", "persistence._onnx._keras"}
