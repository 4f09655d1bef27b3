"""The code of each page runs, from its first block to its last; `make docs` calls this."""

import re
from pathlib import Path

import keras  # noqa: F401  as threads that train would import it at the same time
import pytest

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
PAGES.append(ROOT / "README.md")
BLOCK = re.compile(r"^```python\n(.*?)^```", re.S | re.M)

# Of MLflow's own code, on the page about it.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if BLOCK.search(page.read_text())],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_code_runs(page, monkeypatch, tmp_path):
    """In a folder of its own, in which the files that a page writes are."""
    monkeypatch.chdir(tmp_path)
    text = page.read_text()
    namespace = {"__name__": "__main__"}
    for block in BLOCK.finditer(text):
        # Errors name the line of the page.
        lines = "\n" * text.count("\n", 0, block.start(1))
        exec(compile(lines + block[1], page, "exec"), namespace)
