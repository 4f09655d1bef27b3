"""Sources of rows: the same blocks from files, datasets, Dask and functions; what they refuse."""


import numpy as np
import pandas as pd
import pytest

from skimbalance._fit.streams.source import open_source

pa = pytest.importorskip("pyarrow")
ds = pytest.importorskip("pyarrow.dataset")
pq = pytest.importorskip("pyarrow.parquet")

N_ROWS = 500
NAN = float("nan")


def numbers(seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(N_ROWS, 3)).round(3), columns=["a", "b", "c"])
    frame.loc[::7, "b"] = NAN
    frame["flag"] = rng.random(N_ROWS) < 0.5
    frame["y"] = rng.choice(["no", "yes"], N_ROWS, p=[0.9, 0.1])
    frame["w"] = rng.choice([0.0, 1, 2.5], N_ROWS)
    return frame


def mixed(seed=0):
    frame = numbers(seed)
    frame["town"] = np.random.default_rng(seed).choice(["Ulm", "Rom", None], N_ROWS)
    return frame


def joined(source, columns):
    """All blocks as one table, in float64; targets and weights."""
    blocks = list(source.blocks())
    assert all(0 < len(block.y) <= 65_536 for block in blocks)
    frames = [pd.DataFrame(np.asarray(b.X), columns=columns) for b in blocks]
    frame = pd.concat(frames, ignore_index=True)
    for name in columns:
        if name != "town":
            frame[name] = frame[name].astype(float)
    frame["town"] = frame["town"].fillna("") if "town" in frame else ""
    weights = [b.weight for b in blocks]
    weight = None if weights[0] is None else np.concatenate(weights)
    return frame, np.concatenate([b.y for b in blocks]), weight


def sources(frame, folder, weight):
    """The same rows, in every way that a source may have."""
    frame.to_parquet(folder / "one.parquet", row_group_size=60)
    frame.to_csv(folder / "one.csv", index=False)
    frame.to_csv(folder / "one.csv.gz", index=False)
    frame.to_csv(folder / "one.tsv", index=False, sep="\t")
    (folder / "many").mkdir()
    for i, start in enumerate(range(0, N_ROWS, 170)):
        frame[start : start + 170].to_parquet(folder / "many" / f"{i}.parquet")
    (folder / "many" / "_SUCCESS").touch()
    yield from (
        folder / name for name in ("one.parquet", "one.csv", "one.csv.gz", "one.tsv", "many")
    )
    yield str(folder / "one.parquet")
    yield ds.dataset(folder / "many")
    yield (
        ds.dataset(folder / "one.csv", format="csv")
        if "town" not in frame
        else ds.dataset(pa.Table.from_pandas(frame))
    )
    yield ds.dataset(folder / "many").filter(ds.field("a") > -100)
    dask = pytest.importorskip("dask.dataframe")
    yield dask.from_pandas(frame, npartitions=4)
    X, y = frame.drop(columns=["y", "w"]), frame["y"]
    rows = [slice(start, start + 101) for start in range(0, N_ROWS, 101)]
    if weight:
        yield lambda: ((X[part], y[part], frame["w"][part]) for part in rows)
    else:
        yield lambda: [(X[part], y[part].to_numpy()) for part in rows]


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("make", [numbers, mixed])
def test_every_source_gives_the_same_rows(make, weight, tmp_path):
    frame = make()
    X = frame.drop(columns=["y", "w"])
    expected = X.assign(town=X["town"].fillna("") if "town" in X else "")
    kept = np.ones(N_ROWS, bool) if weight is None else (frame["w"] > 0).to_numpy()
    for given in sources(frame, tmp_path, weight):
        named = ("y", weight) if not callable(given) else (None, None)
        if weight is None and not callable(given):
            given = given if not hasattr(given, "npartitions") else given.drop(columns="w")
        source = open_source(given, *named, "Net")
        columns = list(X)
        if weight is None and not callable(given) and not hasattr(given, "npartitions"):
            columns = [
                name for name in frame if name != "y"
            ]  # the weights are a column as any other
        rows, y, weights = joined(source, columns)
        assert source.columns == columns
        for name in X:
            values = expected[name] if name == "town" else expected[name].astype(float)
            np.testing.assert_array_equal(rows[name], values[kept])
        assert y.tolist() == frame["y"][kept].tolist()
        if weight is not None:
            np.testing.assert_array_equal(weights, frame["w"][kept])
