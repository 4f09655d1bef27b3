"""What the documentation says runs: docstring examples and the README's code."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import skimbalance

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(skimbalance.__path__, "skimbalance.")
    if not module.name.startswith("skimbalance.data.")
)
ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("module", MODULES)
def test_docstring_examples(module):
    failed, _ = doctest.testmod(importlib.import_module(module))
    assert failed == 0


def test_every_public_name_has_an_example():
    for name in MODULES:
        module = importlib.import_module(name)
        items = [getattr(module, public) for public in getattr(module, "__all__", [])]
        if "._" in name:
            continue
        for item in filter(callable, items):
            assert ">>>" in item.__doc__, f"{name}.{item.__name__}"


def test_readme_code_runs(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert blocks
    namespace = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)
