"""Rows of `scale.py`, made on the spot: 30 columns, and one rare row for 1,000 others.

A row's label is drawn with a probability that is known, so that no classifier can be better than
this probability, but by luck.
"""

import functools
import json
import pathlib
import tempfile

import numpy as np
from common import pick
from scipy.optimize import brentq
from scipy.special import expit

N_COLUMNS = 30
#: Rows of a file, in row groups of half as many.
FILE_ROWS = pick(200_000, 1_000)
GROUP_ROWS = FILE_ROWS // 2
#: Probability that a row belongs to the rare class.
RARE = pick(1 / 1_001, 0.05)
#: How much of the label the score decides, and the rest is chance.
SLOPE = 4.0
N_TEST = pick(1_000_000, 2_000)

NAMES = [f"x{j}" for j in range(N_COLUMNS)]
TARGET = "y"

# Test rows are blocks from this number on, which no file reaches.
_FIRST_TEST_BLOCK = 10**6


def columns(rng, n):
    """The columns of n rows, an array of shape (30, n), and the score of each row.

    Ten columns are normal, ten have a long tail and ten hold whole numbers; the last four of each
    kind tell nothing. The score has thresholds, products and a wave in it.
    """
    X = rng.standard_normal((N_COLUMNS, n), dtype=np.float32)
    z, tail, steps = X[:10], X[10:20], X[20:]
    score = z[0] + 0.6 * z[1] + 0.8 * tail[0] + 0.4 * tail[1] - 0.5 * tail[2] ** 2
    score += 0.6 * z[2] * tail[3] + 0.6 * np.sin(2 * z[3]) - 0.5 * np.abs(z[4])
    score += 0.8 * ((z[5] > 0.5) & (tail[4] > 0)) + 0.4 * np.maximum(z[1], tail[5])
    np.exp(tail, out=tail)
    np.rint(2 * steps, out=steps)
    score += 0.3 * steps[0] + 0.3 * (steps[1] > 1) * steps[2] - 0.5 * (steps[3] == steps[4])
    score += 0.2 * np.minimum(steps[5], 1) * z[0]
    return X, score


def probability(score, intercept):
    """Probability that a row of this score belongs to the rare class."""
    return expit(SLOPE * score.astype(np.float64) + intercept)


@functools.cache
def intercept():
    """What makes the rare class as frequent as it should be, by a million scores."""
    _, score = columns(np.random.default_rng(0), 2**20)
    return brentq(lambda b: probability(score, b).mean() - RARE, -200, 0)


def block(number, n, b):
    """Columns and labels of the block of this number, and their probabilities."""
    rng = np.random.default_rng([1, number])
    X, score = columns(rng, n)
    p = probability(score, b)
    return X, (rng.random(n) < p).astype(np.int8), p


def test_rows():
    """X of shape (n_rows, 30) in float32, y and the probability of each row."""
    n, b = pick(100_000, 2_000), intercept()
    blocks = [block(_FIRST_TEST_BLOCK + i, n, b) for i in range(N_TEST // n)]
    X, y, p = zip(*blocks, strict=True)
    return np.ascontiguousarray(np.hstack(X).T), np.concatenate(y), np.concatenate(p)


def files(folder, n_rows):
    """Paths of the Parquet files of the first rows; those that are missing are written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    about = folder / "about.json"
    settings = [N_COLUMNS, FILE_ROWS, RARE, SLOPE]
    if about.exists() and json.loads(about.read_text()) != settings:
        raise SystemExit(f"The rows in {folder} have other settings. Give another --folder.")
    about.write_text(json.dumps(settings))
    paths = [folder / f"{i:04d}.parquet" for i in range(-(-n_rows // FILE_ROWS))]
    missing = [i for i, path in enumerate(paths) if not path.exists()]
    b = intercept() if missing else None
    for i in missing:
        with tempfile.TemporaryDirectory(dir=folder) as draft:
            draft = pathlib.Path(draft) / "rows"
            parts = []
            for number in (2 * i, 2 * i + 1):
                X, y, _ = block(number, GROUP_ROWS, b)
                parts.append(pa.table([*map(pa.array, X), pa.array(y)], names=[*NAMES, TARGET]))
            # Floats have few repeats: a dictionary of them would only take time.
            table = pa.concat_tables(parts)
            pq.write_table(table, draft, row_group_size=GROUP_ROWS, use_dictionary=[TARGET])
            draft.rename(paths[i])
    return paths


def batches(paths, n_rows=2**16):
    """Batches of X and y from the files, for the peers."""
    import pyarrow.dataset as ds

    # Arrow would read many batches ahead, which would count as memory of the peers.
    rows = ds.dataset(paths).to_batches(batch_size=n_rows, batch_readahead=2, fragment_readahead=1)
    for batch in rows:
        if len(batch):
            *columns, y = (column.to_numpy() for column in batch.columns)
            yield np.column_stack(columns), y
