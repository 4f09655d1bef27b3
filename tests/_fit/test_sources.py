"""Sources of rows: the same blocks from files, datasets, Dask and functions; what they refuse."""

import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

from skimbalance._fit.streams import files
from skimbalance._fit.streams.source import open_source
from skimbalance._fit.streams.survey import Survey

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


def is_filtered(source):
    try:
        return not list(getattr(source, "get_fragments", lambda: [1])())
    except ValueError:
        return True


@pytest.mark.parametrize("make", [numbers, mixed])
def test_parts_have_the_rows_of_the_source(make, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "PART_ROWS", 150)
    frame = make()
    *given, _ = sources(frame, tmp_path, "w")
    for source in given:
        whole = open_source(source, "y", "w", "Net")
        if isinstance(source, ds.Dataset) and not hasattr(source, "files"):
            continue  # rows in memory
        if is_filtered(source):
            with pytest.raises(ValueError, match="must have no filter"):
                whole.parts()
            continue
        parts = whole.parts()
        read = [joined(pickle.loads(pickle.dumps(part)), whole.columns) for part in parts]
        expected = joined(whole, whole.columns)
        pd.testing.assert_frame_equal(
            pd.concat([rows for rows, _, _ in read], ignore_index=True), expected[0]
        )
        for i in (1, 2):
            np.testing.assert_array_equal(np.concatenate([part[i] for part in read]), expected[i])
    # Row groups of 60 rows, the last of 20: two in a part, and three in the last one.
    assert len(open_source(tmp_path / "one.parquet", "y", "w", "Net").parts()) == 4
    with pytest.raises(ValueError, match="must be files, a dataset or a Dask DataFrame"):
        open_source(list, None, None, "Net").parts()


def test_a_part_may_be_without_rows_and_a_source_may_not(tmp_path):
    frame = numbers().assign(w=0.0)
    frame.to_parquet(tmp_path / "no.parquet")
    source = open_source(tmp_path, "y", "w", "Net")
    assert [list(part.blocks()) for part in source.parts()] == [[]]
    with pytest.raises(ValueError, match="The source of Net must have rows"):
        list(source.blocks())


@pytest.mark.parametrize("kind", ["parquet", "csv", "dask", "batches"])
def test_labels_are_columns_of_0_and_1(kind, tmp_path):
    rng = np.random.default_rng(0)
    y = pd.DataFrame(rng.choice([0, 1, NAN], (50, 3)), columns=["p", "q", "r"])
    X = pd.DataFrame(rng.normal(size=(50, 2)).round(3), columns=["a", "b"])
    frame, named = pd.concat([X, y], axis=1), (list(y), None)
    given = tmp_path / f"rows.{kind}"
    if kind == "parquet":
        frame.to_parquet(given)
    elif kind == "csv":
        frame.to_csv(given, index=False)
    elif kind == "dask":
        given = pytest.importorskip("dask.dataframe").from_pandas(frame, npartitions=3)
    else:
        given, named = (lambda: [(X[:20], y[:20]), (X[20:], y[20:])]), (None, None)
    source = open_source(given, *named, "Net")
    rows, labels, _ = joined(source, list(X))
    known = y.notna().any(axis=1).to_numpy()
    assert source.label_names == list(y)
    np.testing.assert_array_equal(labels, y[known])
    np.testing.assert_array_equal(rows[["a", "b"]], X[known])


def test_numbers_get_the_shortest_floats_that_hold_them(tmp_path):
    for types, expected in (
        (["float32", "int16", "bool", "float16"], np.float32),
        (["float32", "int32"], np.float64),
        (["float32", "float64"], np.float64),
        (["uint8", "Int16", "boolean"], np.float32),
        (["Int64", "Float32"], np.float64),
    ):
        frame = pd.DataFrame({f"{i}": pd.Series([0, 1, 1]).astype(t) for i, t in enumerate(types)})
        frame["y"] = [0, 1, 0]
        if "float16" not in types:
            frame.to_parquet(tmp_path / "t.parquet")
            (block,) = open_source(tmp_path / "t.parquet", "y", None, "Net").blocks()
            assert block.X.dtype == expected
        X, y = frame.drop(columns="y"), frame["y"].to_numpy()
        (block,) = open_source(lambda X=X, y=y: [(X, y)], None, None, "Net").blocks()
        assert block.X.dtype == expected
        np.testing.assert_array_equal(block.X, np.tile([[0], [1], [1]], len(types)))


def test_files_may_differ_in_the_types_of_numbers_and_in_order(tmp_path):
    parts = [
        pd.DataFrame(
            {"a": np.array([1, 2], "int8"), "b": [True, False], "c": [None, None], "y": [0, 1]}
        ),
        pd.DataFrame({"y": [1, 0], "c": ["u", None], "b": [0.5, NAN], "a": [2**40, 3]}),
    ]
    for i, part in enumerate(parts):
        part.to_parquet(tmp_path / f"{i}.parquet")
    source = open_source(tmp_path, "y", None, "Net")
    X = pd.concat([block.X for block in source.blocks()], ignore_index=True)
    assert list(X) == ["a", "b", "c"]
    assert X["a"].tolist() == [1, 2, 2**40, 3]
    assert X["b"].tolist()[:3] == [1, 0, 0.5]
    assert X["c"].isna().tolist() == [True, True, False, True]


def test_folders_name_a_column_and_its_values(tmp_path):
    for year in (2023, 2024):
        (tmp_path / f"year={year}").mkdir()
        pd.DataFrame({"a": [1.0, 2], "y": [0, 1]}).to_parquet(
            tmp_path / f"year={year}" / "0.parquet"
        )
    for source in (tmp_path, ds.dataset(tmp_path, partitioning="hive")):
        opened = open_source(source, "y", None, "Net")
        X = np.concatenate([block.X for block in opened.blocks()])
        assert opened.columns == ["a", "year"]
        np.testing.assert_array_equal(X, [[1, 2023], [2, 2023], [1, 2024], [2, 2024]])


def test_columns_of_csv_files_keep_their_kind_when_later_rows_differ(tmp_path):
    n_rows = 200_000
    frame = pd.DataFrame(
        {"whole": 1, "late": [NAN] * n_rows, "text": None, "y": 0}, index=range(n_rows)
    )
    last = pd.DataFrame({"whole": [1.5], "late": [2.5], "text": ["NA;no"], "y": [1]})
    pd.concat([frame, last]).to_csv(tmp_path / "t.csv", index=False)
    *_, block = open_source(tmp_path / "t.csv", "y", None, "Net").blocks()
    assert block.X.iloc[-1].tolist() == [1.5, 2.5, "NA;no"]
    assert block.y[-1] == 1


def test_pandas_index_is_no_column(tmp_path):
    frame = numbers().iloc[::2]
    frame.to_parquet(tmp_path / "t.parquet", index=True)
    assert "__index_level_0__" in pq.read_schema(tmp_path / "t.parquet").names
    assert open_source(tmp_path, "y", "w", "Net").columns == ["a", "b", "c", "flag"]


def write(folder, **changes):
    frame = numbers().drop(columns="w").assign(**changes)
    frame.to_parquet(folder / "t.parquet", row_group_size=100)
    return folder / "t.parquet"


def cut(folder, suffix, write_file):
    file = folder / f"cut{suffix}"
    write_file(file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return file


def text(folder, content, name="t.csv"):
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / name


def two_files(folder, change):
    write(folder)
    change(numbers().drop(columns="w")).to_parquet(folder / "u.parquet")
    return folder


def spoiled(column, value, row=333):
    values = numbers()[column].astype(object if value is None else None).copy()
    values[row] = value
    return values


LINES = "".join("1,2.5,0\n" for _ in range(200_000))
X2, Y2 = np.ones((2, 3)), [0, 1]

#: What is given -> what the sentence says.
FAULTS = {
    "no file": (lambda f: f / "no.parquet", "that exists. Got '.*no.parquet'"),
    "empty folder": (lambda f: f, "must be Parquet files .*Got no files in"),
    "other files": (lambda f: text(f, "x", "notes.docx"), "Got .*notes.docx"),
    "both kinds": (lambda f: (write(f), text(f, "a,y\n1,0\n"), f)[2], "Got .*t.csv.*t.parquet"),
    "cut Parquet": (
        lambda f: cut(f, ".parquet", numbers().to_parquet), "file '.*cut.parquet'.* must be a whole"
    ),
    "cut gzip": (
        lambda f: cut(f, ".csv.gz", lambda p: numbers().to_csv(p, index=False)), "cut.csv.gz'"
    ),
    "no Parquet": (lambda f: text(f, "hello", "t.parquet"), "file '.*t.parquet'.*must be a whole"),
    "empty CSV": (lambda f: text(f, ""), "file '.*t.csv'.*must be a whole Parquet or CSV file"),
    "short line": (lambda f: text(f, f"a,b,y\n{LINES}1\n"), "file '.*t.csv'.*Row #200002"),
    "late text": (
        lambda f: text(f, f"a,b,y\n{LINES}1,oops,0\n"), "column 'b' .*'oops' in line 200002"
    ),
    "another encoding": (lambda f: text(f, b"a,y\n\xe9,0\n"), "UTF-8. Got other bytes"),
    "same names": (lambda f: text(f, "a,a,y\n1,2,0\n"), "file '.*t.csv'.*multiple columns named a"),
    "one column": (lambda f: text(f, "y\n1\n0\n"), "must have columns beside target"),
    "only a header": (lambda f: text(f, "a,y\n"), "The source of Net must have rows"),
    "no such column": (
        lambda f: two_files(f, lambda t: t.drop(columns="b")), "u.parquet.* lacks .'b'"
    ),
    "another column": (
        lambda f: two_files(f, lambda t: t.assign(new=1)), "u.parquet.* also has .'new'"
    ),
    "another type": (
        lambda f: two_files(f, lambda t: t.assign(b="x")), "'b' holds numbers in .* and text in"
    ),
    "missing target": (lambda f: write(f, y=spoiled("y", None)), "row 333: label or drop"),
    "real target": (lambda f: write(f, y=numbers()["a"]), "must be classes, and not real"),
    "infinity": (lambda f: write(f, a=spoiled("a", np.inf)), "infinity in row 333, column 'a'"),
    "too large": (lambda f: write(f, a=spoiled("a", -1e200)), "1e.200 in row 333, column 'a'"),
    "infinity beside text": (
        lambda f: write(f, t="x", a=spoiled("a", -np.inf)), "infinity in row 333, column 'a'"
    ),
    "no labels": (lambda f: lambda: [(X2, [[0, 1], [1, 7]])], "Got 7 in row 1, label 1: name a"),
    "a list": (lambda f: [(X2, Y2)], "Got a list: pass lambda: iter"),
    "paths": (lambda f: ["a.parquet", f], "Got a list: for several files pass pyarrow.dataset"),
    "a URL": (lambda f: "s3://a/b.parquet", "Got 's3://a/b.parquet': make it a dataset"),
    "a generator": (lambda f: (batch for batch in [(X2, Y2)]), "function that makes it"),
    "an array": (lambda f: X2, "Got a ndarray, which is in memory: pass X and y to fit"),
    "a table": (lambda f: pd.DataFrame(X2), "Got a DataFrame, which is in memory"),
    "an Arrow table": (lambda f: pa.table({"a": [1]}), "Got a Table, which is in memory"),
    "a number": (lambda f: 3, "must be a path or folder .*Got a int"),
    "no iterator": (lambda f: lambda: 3, "returned a int"),
    "no tuples": (lambda f: lambda: [X2], "Got a ndarray of length 2 as batch 0"),
    "lengths": (lambda f: lambda: [(X2, [0, 1, 1])], "In batch 0 .*Got 2 rows and 3 targets"),
    "widths": (lambda f: lambda: [(X2, Y2), (X2[:, :2], Y2)], "columns of X. Got 3 .*2 in batch 1"),
    "names": (
        lambda f: lambda: [(pd.DataFrame(X2), Y2), (pd.DataFrame(X2, columns=list("abc")), Y2)],
        "agree in the names of the columns of X",
    ),
    "one axis": (lambda f: lambda: [([1, 2], Y2)], "In batch 0 .*X must have rows and columns"),
    "complex": (lambda f: lambda: [(X2 * 1j, Y2)], "must hold real numbers"),
    "sparse": (lambda f: lambda: [(csr_array(X2), Y2)], "X must be dense"),
    "ragged": (lambda f: lambda: [([[1, 2], [3]], Y2)], "In batch 0 .*same length"),
    "no target": (lambda f: lambda: [(X2, None)], "y must hold the class label"),
    "later weights": (lambda f: lambda: [(X2, Y2), (X2, Y2, Y2)], "whether rows have a weight"),
    "negative weight": (lambda f: lambda: [(X2, Y2, [1, -1])], "at least 0 .* Got -1 in row 1"),
    "infinite weight": (lambda f: lambda: [(X2, Y2, [np.inf, 1])], "Got inf in row 0"),
    "missing weight": (lambda f: lambda: [(X2, Y2, [1, None])], "Got none in row 1"),
    "weight of text": (lambda f: lambda: [(X2, Y2, ["a", "b"])], "weights must be a finite number"),
    "column of text": (
        lambda f: lambda: [(X2, Y2, pd.Series(["a", "b"]))],
        r"of at least 0 for each row. Got \['a', 'b'\] instead",
    ),
    "few weights": (lambda f: lambda: [(X2, Y2, [1])], "Got 1 weights and 2 rows"),
    "nothing left": (lambda f: iter_once(), "The source of Net must have rows"),
}  # fmt: skip


def iter_once():
    """A function that gives the same iterator at each call, which is empty the second time."""
    batches = iter([(X2, Y2)])
    list(batches)
    return lambda: batches


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_one_sentence(name, tmp_path):
    make, message = FAULTS[name]
    given = make(tmp_path)
    target = None if callable(given) else "y"
    with pytest.raises(ValueError, match=message) as caught:
        list(open_source(given, target, None, "Net").blocks())
    assert "Net" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("target", "weight", "message"),
    [
        (None, None, "argument target of Net must be the name .*'a', 'b'"),
        ([], None, "argument target of Net must be the name"),
        (5, None, "must have the column 5, which target names"),
        ("Y", None, "must have the column 'Y', which target names. Did you mean 'y'"),
        ("flags", None, "Did you mean 'flag'?"),
        ("y", "ww", "must have the column 'ww', which sample_weight names"),
        ("y", "y", "must name different columns. Got 'y' twice"),
        (["y", "y"], None, "must name different columns. Got 'y' twice"),
        ("y", np.ones(3), "must be the name of a column of the source. Got a ndarray"),
    ],
)
def test_names_of_columns_are_checked(target, weight, message, tmp_path):
    dask = pytest.importorskip("dask.dataframe")
    parquet, csv = tmp_path / "t.parquet", tmp_path / "t.csv"
    numbers().to_parquet(parquet)
    numbers().to_csv(csv, index=False)
    for given in (parquet, csv, dask.from_pandas(numbers(), npartitions=2)):
        with pytest.raises(ValueError, match=message):
            open_source(given, target, weight, "Net")


def test_batches_may_be_tables_of_other_libraries():
    frame = mixed()
    X, y = frame[["a", "flag", "town"]], frame["y"]
    tables = [pa.Table.from_pandas(X), pa.RecordBatch.from_pandas(X)]
    try:
        import polars
    except ImportError:
        pass
    else:
        tables.append(polars.from_pandas(X))
    for table in tables:
        source = open_source(lambda table=table: [(table, y.tolist())], None, None, "Net")
        rows, labels, _ = joined(source, list(X))
        assert source.columns == list(X)
        np.testing.assert_array_equal(rows["a"], X["a"])
        assert rows["town"].tolist() == X["town"].fillna("").tolist()
        assert labels.tolist() == y.tolist()


def test_a_function_names_no_columns():
    for names in (("y", None), (None, "w")):
        with pytest.raises(ValueError, match="must be None where the source is a function"):
            open_source(list, *names, "Net")


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.dataset", None)
    with pytest.raises(ValueError, match=r"pip install 'skimbalance.parquet.'"):
        open_source(tmp_path, "y", None, "Net")


def test_large_numbers_raise_no_warning():
    large = np.array([[3e38], [3e38], [-3e38]], np.float32)
    survey = Survey.of(open_source(lambda: [(large, [0, 1, 1])], None, None, "Net"), None, "Net")
    assert survey.n_rows == 3
