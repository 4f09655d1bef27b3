"""The matrix: every public name meets every feature, and works or refuses in a sentence."""

import importlib
import inspect
import pkgutil
import re
import traceback
from pathlib import Path

import pytest
from matrix import table
from matrix.cells import Meaningless, Refuses, entries, entry
from matrix.columns import COLUMNS
from matrix.rows import ROWS

import skimbalance

# Other estimators train in these columns.
TRAINING = (
    "sequences", "several inputs", "command line", "own held-out rows", "missing labels",
    "stream",
)  # fmt: skip
# Package -> its folder.
FOLDERS = {"scikit-learn": "sklearn", "imbalanced-learn": "imblearn"}


def cells():
    for row in ROWS:
        for column in COLUMNS:
            if not isinstance(entries()[row.title, column][0], Meaningless):
                marks = [pytest.mark.slow] * (row.trains or column in TRAINING)
                yield pytest.param(row, column, id=f"{row.title}-{column}", marks=marks)


@pytest.mark.usefixtures("plain_graphs")  # how networks train is tested elsewhere
@pytest.mark.parametrize(("row", "column"), list(cells()))
def test_cell(row, column):
    stated = entry(row.title, column)
    if not isinstance(stated, Refuses):
        COLUMNS[column](row)
        return
    with pytest.raises(stated.error, match=stated.pattern) as caught:
        COLUMNS[column](row)
    message = str(caught.value)
    assert "\n" not in message
    assert len(re.findall(r"[.!](?= |$)", message)) <= 3, "two sentences, and perhaps 'Got ...'"
    last = traceback.extract_tb(caught.tb)[-1].filename
    assert FOLDERS.get(stated.by, stated.by) in Path(last).parts


def test_every_cell_has_one_entry():
    assert len(entries()) == len(ROWS) * len(COLUMNS), "a title of two rows, or a column"
    several = {cell: stated for cell, stated in entries().items() if len(stated) > 1}
    assert not several


def public_names():
    """Names of each public object: all under which users find it."""
    modules = ["skimbalance"] + [
        module.name
        for module in pkgutil.walk_packages(skimbalance.__path__, "skimbalance.")
        if "._" not in module.name and not module.name.startswith("skimbalance.datasets.data")
    ]
    found = {}
    for module in map(importlib.import_module, modules):
        for name in getattr(module, "__all__", ()):
            found.setdefault(id(getattr(module, name)), set()).add(f"{module.__name__}.{name}")
    return list(found.values())


def test_every_public_name_has_one_row():
    rows = [name for row in ROWS for name in row.names]
    for names in public_names():
        assert sum(name in names for name in rows) == 1, f"one row of ROWS must name {names}"
    assert len(rows) == len(public_names()), "a row names what is not public"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)
def test_a_parameter_with_values_of_classes_is_in_its_column(row):
    """A new parameter of such a name brings its row into the column."""
    for name in row.names:
        module, _, public = name.rpartition(".")
        item = getattr(importlib.import_module(module), public)
        parameters = set(inspect.signature(item).parameters) if callable(item) else set()
        for column, check in COLUMNS.items():
            if getattr(check, "parameter", None) in parameters:
                assert row.title in check.rows, f"{name} has {column!r}: give it a way there"


def test_the_page_is_the_matrix():
    assert table.PAGE.read_text(encoding="utf-8") == table.page(), "write it again: make matrix"
