"""Random and damaged CSV files: read as Python's own csv module reads them, or refused.

What is written by `csv` must come back cell by cell, whatever the separator, the quotes, the line
ends and the encoding. Damaged files give the rows that `csv.reader` finds in the decoded text, or
one sentence.
"""

import csv
import gzip
import io
import os
import tempfile

import numpy as np

from skimbalance._cli.roles import Roles, read_training
from skimbalance._cli.tables import open_table

ENCODINGS = (
    "utf-8",
    "utf-8-sig",
    "latin-1",
    "cp1252",
    "utf-16",
    "utf-16-le",
    "utf-32",
    "shift_jis",
)

CELLS = (
    "", " ", "0", "-1", "007", "1.5", "1,5", "1.234,5", "1e999", "NA", "nan", "?", "true", "yes",
    "a", 'say "hi"', '"', "''", "two\nlines", "\r", "a,b", "a;b", "a\tb", "é", "日本", "\u2028",
    "\x0b", "\x1c", "\x85", "\ufeff", "=1+1", "\x1b[31m", "x" * 5_000, "٣", "1_000", "\\", "#",
    "None", "½",
)  # fmt: skip

PIECES = (
    b"\0", b'"', b'""', b"'", b",", b";", b"\t", b"\n", b"\r", b"\r\n", b"\n\n", b" ", b"\xff",
    b"\xfe\xff", b"\xef\xbb\xbf", b"\x80", b"\\", b"#", b"x" * 200_000, b"\x1a", b",,,,,",
    b"\xed\xa0\x80",
)  # fmt: skip


def pick(rng, values):
    """One of the values."""
    return values[rng.integers(len(values))]


def drawn(rng):
    """A header, rows of cells, and their text as `csv` writes it in some dialect."""
    n_columns, n_rows = int(rng.integers(2, 6)), int(rng.integers(1, 12))
    header = [f"c{i}" for i in range(n_columns - 1)] + ["target"]
    rows = [[pick(rng, CELLS) for _ in header[1:]] + [pick(rng, "ab")] for _ in range(n_rows)]
    text, separator = io.StringIO(newline=""), pick(rng, ",;\t")
    # `csv` before Python 3.13 does not quote a line end other than its own.
    broken = any("\r" in cell or "\n" in cell for row in rows for cell in row)
    quoting = csv.QUOTE_ALL if broken else pick(rng, [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    end = pick(rng, ["\n", "\r\n", "\r"])
    writer = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=end)
    writer.writerows([header, *rows])
    return header, rows, text.getvalue()


def damaged(content, rng):
    """The content with pieces in it, without others, or cut."""
    for _ in range(int(rng.integers(1, 4))):
        start = int(rng.integers(len(content) + 1))
        stop = start + (int(rng.integers(0, 4)) if rng.random() < 0.5 else 0)
        content = content[:start] + pick(rng, PIECES) + content[stop:]
        if rng.random() < 0.05:
            content = content[: rng.integers(len(content) + 1)]
    return content


def read(path, encoding):
    """The rows that we read with their header, and what training makes of them; or the error."""
    table = open_table(path, encoding)
    part = table.whole()
    if "target" in table.columns:
        said = refusal(read_training, table, Roles("target"))
        if said not in (None, "refused"):
            raise RuntimeError(said)
    return table.separator, [table.columns, *part.frame.to_numpy().tolist()]


def refusal(function, *args):
    """What an error of a function is: none, a refusal in a sentence, or something else."""
    try:
        function(*args)
    except ValueError as error:
        said = str(error)
        return (
            "refused" if said and said.count("\n") == 0 else f"more than a sentence: {said[:200]}"
        )
    except Exception as error:
        return f"other error: {type(error).__name__}: {error}"[:300]
    return None


def by_python(content, encoding, separator):
    """The rows of a file as Python's csv module reads them, with the names of columns stripped."""
    text = content.decode(encoding).removeprefix("\ufeff")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    header, *rows = [row for row in reader if row]
    return [[name.strip() for name in header], *rows]


def table(number, seed):
    """The bytes of a file, whether they are packed, the encoding to name, and its rows if whole."""
    rng = np.random.default_rng([seed, number])
    header, rows, text = drawn(rng)
    encoding = pick(rng, ENCODINGS) if rng.random() < 0.4 else "utf-8"
    content = text.encode(encoding, "ignore")
    asked = encoding if rng.random() < 0.9 else pick(rng, ENCODINGS)
    same = asked == encoding and content.decode(encoding) == text and "\ufeff" not in text
    if same and rng.random() < 0.3:
        return content, rng.random() < 0.1, asked, [header, *rows]
    return damaged(content, rng), rng.random() < 0.1, asked, None


def outcome(path, content, encoding, whole=None):
    """What reading a file gives, beside the rows that are in it."""
    found = []
    said = refusal(lambda: found.append(read(path, encoding)))
    if said is not None:
        return {"outcome": said if whole is None else f"a whole file is not read: {said}"}
    separator, ours = found[0]
    try:
        theirs = whole or by_python(content, encoding, separator)
    except Exception as error:
        return {"outcome": f"csv refuses what we read: {error}"}
    return {"outcome": "the same rows" if ours == theirs else "other rows"}


def cases(seed, *, alone=True):
    """A function from the number of a file to what reading it gave, for `isolated`."""
    path = os.path.join(tempfile.mkdtemp(), "table.csv")

    def case(number):
        content, packed, encoding, whole = table(number, seed)
        with open(path, "wb") as file:
            file.write(gzip.compress(content) if packed else content)
        return outcome(path, content, encoding, whole)

    return case
