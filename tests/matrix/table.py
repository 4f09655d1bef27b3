"""The matrix as a page of the documentation. Run as a program, it writes the page."""

from pathlib import Path

from matrix.cells import Meaningless, Refuses, entry
from matrix.columns import GROUPS_OF_COLUMNS
from matrix.rows import ROWS

PAGE = Path(__file__).parents[2] / "docs" / "project" / "matrix.md"

HEAD = """\
# What works with what

Each cell is a test in `tests/matrix/`, which runs with the others; `make matrix` writes this page.

- **yes**: it works, and a law holds, such as "the same bits as without". The laws stand in
  `tests/matrix/columns.py`.
- **no**, with a number: it is refused, in the sentence of that number below. A word in brackets,
  such as [name], differs from row to row.
- A dash, with a letter: there is nothing that could work, for the reason of that letter below.
"""


def letters(number):
    """a, b, ..., z, aa, ab, ..."""
    first, second = divmod(number, 26)
    return (chr(96 + first) if first else "") + chr(97 + second)


def table(columns, sentences, reasons):
    """Lines of a table; adds to the sentences and the reasons."""
    yield "| | " + " | ".join(columns) + " |"
    yield "| --- " * (len(columns) + 1) + "|"
    for row in ROWS:
        cells = []
        for column in columns:
            stated = entry(row.title, column)
            if isinstance(stated, Refuses):
                cells.append(f"no {sentences.setdefault(stated.text, len(sentences) + 1)}")
            elif isinstance(stated, Meaningless):
                cells.append(f"- {reasons.setdefault(stated.reason, letters(len(reasons)))}")
            else:
                cells.append("yes")
        yield f"| {row.title} | " + " | ".join(cells) + " |"


def page():
    """The text of the page."""
    sentences, reasons = {}, {}
    lines = [HEAD]
    for heading, columns in GROUPS_OF_COLUMNS.items():
        lines += [f"## {heading}", "", *table(columns, sentences, reasons), ""]
    lines += ["## Sentences of what is refused", ""]
    lines += [f"{number}. {sentence}" for sentence, number in sentences.items()]
    lines += ["", "## Reasons of the dashes", ""]
    lines += [f"- {letter}: {reason}" for reason, letter in reasons.items()]
    lines += ["", "## Names in the rows", ""]
    for row in ROWS:
        others = [name for name in row.names if not name.endswith(f".{row.title}")]
        if others:
            lines.append(f"- {row.title}: {', '.join(f'`{name}`' for name in others)}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
