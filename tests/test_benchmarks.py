"""Every benchmark runs, on little data: what it measures is not tested."""

import runpy
import sys
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
MODULES = sorted(path.stem for path in BENCHMARKS.glob("*.py"))


@pytest.fixture
def imports_of_benchmarks(monkeypatch):
    """Benchmarks import each other by name; other modules of these names stay untouched."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    for name in MODULES:
        monkeypatch.setitem(sys.modules, name, None)
        del sys.modules[name]


@pytest.mark.slow
@pytest.mark.usefixtures("imports_of_benchmarks")
@pytest.mark.parametrize("name", [name for name in MODULES if name != "common"])
def test_runs_with_tiny_sizes(name, monkeypatch, capsys):
    path = str(BENCHMARKS / f"{name}.py")
    monkeypatch.setattr(sys, "argv", [path, "--tiny"])
    # On so little data threads would only wait for each other.
    with threadpool_limits(1):
        runpy.run_path(path, run_name="__main__")
    assert "| --- |" in capsys.readouterr().out
