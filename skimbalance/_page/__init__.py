"""Tables to read, as text and as HTML, and HTML pages that load nothing from elsewhere."""

import base64
import contextlib
import datetime
import html
import io
import math
import os
import platform
import shutil
import sys
import textwrap
from collections.abc import Iterable
from importlib import metadata
from typing import TYPE_CHECKING, Any

from skimbalance._page.files import replacing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = [
    "data_name",
    "facts_html",
    "figure_html",
    "list_html",
    "made_with",
    "page",
    "paragraph",
    "shown",
    "table_html",
    "table_text",
    "write_page",
]

# The most letters in a line of text, of a name in the first column, and of another cell.
_TEXT_WIDTH = 100
_NAME_WIDTH = 30
_CELL_WIDTH = 20

# A figure is shown at no less than this part of its size, in which letters of 10 points have more
# than 10 pixels.
_READABLE = 0.8

# Figures are white cards in a dark scheme. What is wider than the screen scrolls in its own box: of
# a table, a shadow at the edge says that there is more; of a figure, its caption.
_STYLE = """
:root { --text: #1a1a1a; --page: #fff; --line: #ddd; --shadow: rgb(0 0 0 / .35); }
@media screen and (prefers-color-scheme: dark) {
  :root { color-scheme: dark; --text: #e4e4e4; --page: #17191c; --line: #44474c;
          --shadow: rgb(255 255 255 / .4); } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page);
       max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
p, li { max-width: 48rem; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
.table { background:
  linear-gradient(to right, var(--page) 40%, transparent) left / 3rem 100% no-repeat local,
  linear-gradient(to left, var(--page) 40%, transparent) right / 3rem 100% no-repeat local,
  linear-gradient(to right, var(--shadow), transparent) left / .8rem 100% no-repeat,
  linear-gradient(to left, var(--shadow), transparent) right / .8rem 100% no-repeat; }
table { border-collapse: separate; border-spacing: 0; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid var(--line); text-align: left; }
thead th { border-bottom: 2px solid var(--text); vertical-align: bottom; }
th.number, td.number { text-align: right; }
td.number { white-space: nowrap; }
td, tbody th { vertical-align: top; }
.table :is(th, td):first-child { position: sticky; left: 0; background: var(--page);
       padding-left: 0; overflow-wrap: anywhere; min-width: 10rem; }
tbody th { font-weight: normal; }
tbody th + td { overflow-wrap: anywhere; }
figure { margin: 1rem 0; container-type: inline-size; }
figcaption { font-size: .85rem; overflow: hidden;
       max-height: calc((var(--readable) - 100cqw) * 999); }
img { display: block; max-width: 100%; min-width: var(--readable); height: auto; }
@media print { body { margin: 0; max-width: none; } h2, thead { break-after: avoid; }
               tr, figure { break-inside: avoid; } .wide { overflow: visible; }
               figcaption { display: none; } img { min-width: 0; } }
"""


def made_with() -> dict[str, str]:
    """The date, and the versions of what a result depends on, in words."""
    names = ("skimbalance", "scikit-learn", "keras", "tensorflow", "numpy")
    versions = [f"Python {platform.python_version()}"]
    for name in names:
        # As it may be installed under another name, such as tensorflow-cpu.
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions.append(f"{name} {metadata.version(name)}")
    return {"date": datetime.date.today().isoformat(), "versions": ", ".join(versions)}


def data_name(X: Any) -> dict[str, str]:
    """The name of a table, if its ``attrs`` have one, as a fact for a page."""
    name = getattr(X, "attrs", {}).get("name")
    return {} if name is None else {"data": str(name)}


def page(title: str, blocks: Iterable[tuple[str, str]]) -> str:
    """A page with a title and blocks.

    Parameters
    ----------
    title : str
        Plain text.
    blocks : iterable of (str, str)
        Heading of each block, plain text, or "" for none; and its content, HTML.
    """
    title = html.escape(title)
    content = "\n".join(
        (f"<h2>{html.escape(heading)}</h2>\n" if heading else "") + body for heading, body in blocks
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<h1>{title}</h1>\n{content}\n</body>\n</html>\n"
    )


def list_html(sentences: Iterable[str]) -> str:
    """A bulleted list of plain sentences."""
    return "<ul>" + "".join(f"<li>{html.escape(text)}</li>" for text in sentences) + "</ul>"


def facts_html(facts: dict[str, str]) -> str:
    """A table of names and what they are."""
    rows = "\n".join(
        f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(text)}</td></tr>'
        for name, text in facts.items()
    )
    return f"<table>\n<tbody>\n{rows}\n</tbody>\n</table>"


def table_html(frame: "pd.DataFrame") -> str:
    """A DataFrame without its index as an HTML table; its first column names the rows.

    Columns of numbers, and of texts that start with one, are aligned right.

    Parameters
    ----------
    frame : DataFrame
        Missing values become a dash; floats have three decimals.
    """
    columns = _columns(frame)
    styles = [' class="number"' if numbers else "" for _, numbers in columns]
    head = "".join(
        f"<th{style}>{html.escape(str(name))}</th>"
        for name, style in zip(frame.columns, styles, strict=True)
    )
    body = "\n".join(
        "<tr>"
        + "".join(
            f"<td{style}>{html.escape(text)}</td>" for text, style in zip(row, styles, strict=True)
        )
        + "</tr>"
        for row in zip(*(texts for texts, _ in columns), strict=True)
    )
    return (
        f'<div class="wide table" tabindex="0"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def table_text(frame: "pd.DataFrame") -> str:
    """The same table as lines of plain text.

    A table that is too wide for the terminal gets its headings below each other, word by word,
    and then loses its last columns, which are named below. Elsewhere it takes what it needs.

    Parameters
    ----------
    frame : DataFrame
        As for `table_html`. Long texts are folded.
    """
    most, left_out = _terminal_width(), list[str]()
    text = _rendered(frame)
    if _widest(text) > most:
        frame = frame.rename(columns=lambda name: str(name).replace(" ", "\n"))
        text = _rendered(frame)
    while _widest(text) > most and frame.shape[1] > 2:
        left_out.insert(0, str(frame.columns[-1]).replace("\n", " "))
        frame = frame.iloc[:, :-1]
        text = _rendered(frame)
    if left_out:
        names = ", ".join(left_out)
        text += "\n\n" + paragraph(f"Not shown, as the terminal is narrow: {names}.")
    return text


def _rendered(frame: "pd.DataFrame") -> str:
    """A table that is as wide as it needs to be."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = _columns(frame)
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for k, (name, (_, numbers)) in enumerate(zip(frame.columns, columns, strict=True)):
        # As Text, so that a name such as "[red]" is not markup.
        table.add_column(
            Text(shown(str(name))),
            justify="right" if numbers else "left",
            overflow="fold",
            max_width=_CELL_WIDTH if k else _NAME_WIDTH,
        )
    for row in zip(*(texts for texts, _ in columns), strict=True):
        table.add_row(*(Text(shown(text)) for text in row))
    lines = io.StringIO()
    # Wider than any table, which then takes what it needs and drops no column.
    console = Console(file=lines, width=1000, color_system=None, force_jupyter=False)
    console.print(table)
    return "\n".join(line.rstrip() for line in lines.getvalue().splitlines())


def paragraph(text: str) -> str:
    """A text in lines that are easy to read, and that fit the terminal."""
    width = int(min(_TEXT_WIDTH, _terminal_width()))
    return textwrap.fill(shown(text), width, break_long_words=False)


def shown(text: str) -> str:
    """Text as a terminal may get it: what is not printable is written as `repr` does."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c == "\n" or c.isprintable() else repr(c)[1:-1] for c in text)


def _terminal_width() -> float:
    """The letters in a line of the terminal; infinite if the output is none."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    return shutil.get_terminal_size().columns if is_terminal else math.inf


def _widest(text: str) -> int:
    from rich.cells import cell_len

    # Letters of some languages are twice as wide.
    return max(map(cell_len, text.splitlines()))


def _columns(frame: "pd.DataFrame") -> list[tuple[list[str], bool]]:
    """The texts of each column, and whether they are numbers; the first column is names."""
    columns = [[_cell(value) for value in frame.iloc[:, k]] for k in range(frame.shape[1])]
    return [
        (texts, k > 0 and all(text[:1] in "-0123456789" for text in texts))
        for k, texts in enumerate(columns)
    ]


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def figure_html(figure: "Figure", alt: str) -> str:
    """A matplotlib figure as a picture inside the page.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Shown in its size, or a little smaller, sharp on dense screens; on a narrow screen it
        scrolls.
    alt : str
        What the figure shows, in words.
    """
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=192)
    data = base64.b64encode(picture.getvalue()).decode()
    # An inch of CSS has 96 pixels.
    width = round(figure.get_figwidth() * 96)
    return (
        f'<figure style="--readable: {round(_READABLE * width)}px">'
        "<figcaption>The figure is wider than this screen: scroll it sideways.</figcaption>"
        f'<div class="wide" tabindex="0"><img width="{width}" alt="{html.escape(alt)}" '
        f'src="data:image/png;base64,{data}"></div></figure>'
    )


def write_page(path: str | os.PathLike[str], text: str) -> None:
    """Write a file whole or not at all: a failure leaves an older file as it was."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")
