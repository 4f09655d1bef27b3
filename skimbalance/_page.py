"""HTML pages that stand alone: style and pictures inside, nothing loaded from elsewhere."""

import base64
import html
import io
import math

from skimbalance._files import replacing

__all__ = ["figure_html", "list_html", "page", "table_html", "write_page"]

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
       max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
p, li { max-width: 48rem; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid #ddd; text-align: left; }
th { border-bottom: 2px solid #1a1a1a; vertical-align: bottom; }
th.number, td.number { text-align: right; }
td.number { white-space: nowrap; }
td:first-child { overflow-wrap: anywhere; min-width: 10rem; }
img { max-width: 100%; height: auto; }
@media print { body { margin: 0; max-width: none; } h2, thead { break-after: avoid; }
               tr, figure { break-inside: avoid; } .wide { overflow: visible; } }
"""


def page(title, blocks):
    """A page of a title and blocks.

    Parameters
    ----------
    title : str
        Plain text.
    blocks : iterable of (str, str)
        Heading, plain text, empty for none; and content, HTML.
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


def list_html(sentences):
    """A bulleted list of plain sentences."""
    return "<ul>" + "".join(f"<li>{html.escape(text)}</li>" for text in sentences) + "</ul>"


def table_html(frame):
    """Table of a DataFrame without its index, the first column naming the rows.

    Columns of numbers, and of texts that start with one, are set flush right.

    Parameters
    ----------
    frame : DataFrame
        Missing values become a dash; floats have three decimals.
    """
    cells = [[_cell(value) for value in frame.iloc[:, k]] for k in range(frame.shape[1])]
    styles = [_style(column, first=k == 0) for k, column in enumerate(cells)]
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
        for row in zip(*cells, strict=True)
    )
    return (
        f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _style(texts, first):
    """Numbers stand flush right; in the first column they are names."""
    numbers = not first and all(text[:1] in "-0123456789" for text in texts)
    return ' class="number"' if numbers else ""


def _cell(value):
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def figure_html(figure, alt):
    """A matplotlib figure as a picture inside the page.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Shown in its size, sharp on dense screens.
    alt : str
        What it shows, in words.
    """
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=192, facecolor="white")
    data = base64.b64encode(picture.getvalue()).decode()
    # An inch of CSS has 96 pixels.
    width = round(figure.get_figwidth() * 96)
    return (
        f'<figure><img width="{width}" alt="{html.escape(alt)}" '
        f'src="data:image/png;base64,{data}"></figure>'
    )


def write_page(path, text):
    """Write a file whole or not at all: a failure leaves an older one as it was."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")
