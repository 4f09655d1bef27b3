"""What the docstrings say runs, and the API pages list every public name."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from numpydoc.validate import validate

import skimbalance

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(skimbalance.__path__, "skimbalance.")
    if not module.name.startswith("skimbalance.datasets.data")
)
ROOT = Path(__file__).parents[1]
API = ROOT / "docs" / "api" / "index.md"


# Their examples fit networks.
TRAIN = ("classifier", "compare._run", "ensemble._ensemble", "report._report")


@pytest.mark.parametrize(
    "module",
    [pytest.param(name, marks=[pytest.mark.slow] * name.endswith(TRAIN)) for name in MODULES],
)
def test_docstring_examples(module):
    failed, _ = doctest.testmod(importlib.import_module(module))
    assert failed == 0


def public_objects():
    """Full names of all public functions and classes, and of the methods that these define."""
    for name in MODULES:
        module = importlib.import_module(name)
        if "._" in name:
            continue
        for public in getattr(module, "__all__", []):
            item = getattr(module, public)
            if callable(item):
                yield f"{name}.{public}"
                for method, value in vars(item).items() if isinstance(item, type) else ():
                    if not method.startswith("_") and callable(value) and value.__doc__:
                        yield f"{name}.{public}.{method}"


# Keras calls these, and documents them.
OF_KERAS = (".build", ".call", ".compute_output_shape", ".get_config")

# Only `compare_strategies` makes one: it has attributes, and no parameters for users.
RESULTS = {"skimbalance.compare.StrategyComparison"}


@pytest.mark.parametrize("name", [name for name in public_objects() if not name.endswith(OF_KERAS)])
def test_docstrings_are_numpydoc(name):
    """Every parameter and result is documented, in the order of the signature."""
    checks = {"GL03", "GL08", "SS03", "SS04", "PR01", "PR02", "PR03", "RT01"}
    if name in RESULTS:
        checks -= {"PR01"}
    errors = [error for error in validate(name)["errors"] if error[0] in checks]
    assert not errors


def test_every_public_name_has_an_example():
    for name in MODULES:
        module = importlib.import_module(name)
        items = [getattr(module, public) for public in getattr(module, "__all__", [])]
        if "._" in name:
            continue
        for item in filter(callable, items):
            assert ">>>" in item.__doc__, f"{name}.{item.__name__}"


def test_every_public_name_is_in_the_api_pages():
    listed = set(re.findall(r"^(?:\.\. data:: |   )(\w+)$", API.read_text(), re.M))
    public = {
        public
        for name in MODULES
        if "._" not in name
        for public in getattr(importlib.import_module(name), "__all__", [])
    }
    assert listed == public
