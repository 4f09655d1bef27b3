"""The command line: tables read as they stand, errors in one sentence, files written whole."""

import csv
import gc
import json
import math
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skimbalance import ImbalancedMLPClassifier, datasets
from skimbalance._cli import columns, main, predict, streaming
from skimbalance._cli.columns import FeatureColumns
from skimbalance._cli.judges import Judges
from skimbalance._cli.roles import Roles, read_training
from skimbalance._cli.tables import BUNDLED, open_table
from skimbalance._cli.targets import TargetColumn
from skimbalance._response import posterior
from skimbalance.compare._strategies import (
    DEFAULT_OF_THE_CLASSIFIER,
    STRATEGIES,
    make_strategy,
)
from skimbalance.persistence import load_model, model_info, save_model
from skimbalance.preprocessing import table_steps
from skimbalance.preprocessing._columns import column_kind

HEADER = ["age", "zip", "colour", "note", "grade"]


def rows(n=240, seed=0):
    """Cells of text: a number, an id with leading zeros, two categories, and the label."""
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 10, n).round(2)
    colour = rng.choice(["red", "NA", "", "dark, blue"], n)
    grade = np.where(age + 5 * (colour == "red") > 52, "rare", "common")
    age = np.where(rng.random(n) < 0.1, "", age.astype(str))
    codes = np.char.zfill(rng.integers(0, 30, n).astype(str), 4)
    notes = rng.choice(['say "hi"', "two\nlines", "é"], n)
    return np.column_stack([age, codes, colour, notes, grade]).astype(object).tolist()


def write(path, body, header=HEADER, *, encoding="utf-8", **form):
    with open(path, "w", encoding=encoding, newline="") as file:
        csv.writer(file, **form).writerows([header, *body])
    return str(path)


def read(path, **form):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file, **form))


@pytest.fixture
def table(tmp_path):
    return write(tmp_path / "rows.csv", rows())


@pytest.fixture
def model(tmp_path, table):
    """A model file as `train` writes it, of a fast classifier."""
    X, y, kinds, _ = read_training(open_table(table), Roles("grade"))
    clean, encode, _ = table_steps(X)
    path = tmp_path / "model.skim"
    fitted = make_pipeline(clean, encode, LogisticRegression()).fit(X, y)
    save_model(fitted, path, columns=kinds, target="grade")
    return str(path)


def done(capsys, *argv):
    """Standard output and error of a command that goes well."""
    assert main([str(arg) for arg in argv]) == 0
    return capsys.readouterr()


def failed(capsys, *argv):
    """The sentence of one that does not."""
    assert main([str(arg) for arg in argv]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"skimbalance {argv[0]}: ")
    assert err.count("\n") == 1
    return err


# Reading


NUMBERS = ["0", "-1", "+2", "1.5", ".5", "3.", "1e-3", "-2.5E+10", " 7 "]
BOOLEANS = {"true": 1, "True": 1, "TRUE": 1, "false": 0, "False": 0, " FALSE": 0}


@pytest.mark.parametrize(("cell", "value"), [*((n, float(n)) for n in NUMBERS), *BOOLEANS.items()])
def test_what_is_a_number(cell, value, tmp_path):
    path = write(tmp_path / "t.csv", [[cell, "a"], ["", "b"], ["NA", "a"]], ["x", "y"])
    X, _, kinds, _ = read_training(open_table(path), Roles("y"))
    assert kinds == {"x": "number"}
    assert X["x"][0] == value
    assert X["x"].isna().tolist() == [False, True, True]


@pytest.mark.parametrize(
    "cell", ["007", "00", "1_000", "1;5", "0x1F", "inf", "abc", "1e", "٣", "yes", "tRUE"]
)
def test_what_is_text(cell, tmp_path):
    path = write(tmp_path / "t.csv", [[cell, "a"], ["", "b"], ["NA", "a"]], ["x", "y"])
    X, _, kinds, _ = read_training(open_table(path), Roles("y"))
    assert kinds == {"x": "text"}
    assert X["x"].tolist() == [cell, None, "NA"]


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        (["1", "2", "-3"], [1, 2, -3]),
        (["007", "8", "9"], ["007", "8", "9"]),
        (["1", "2", "3a"], ["1", "2", "3a"]),
        (["NA", "None", "nan"], ["NA", "None", "nan"]),
        (["True", "False", "True"], ["True", "False", "True"]),
        (["1.0", "0.0", "1.0"], ["1.0", "0.0", "1.0"]),
    ],
)
def test_labels_keep_their_type(cells, labels, tmp_path):
    path = write(tmp_path / "t.csv", [["1", cell] for cell in cells], ["x", "y"])
    _, y, _, _ = read_training(open_table(path), Roles("y"))
    assert y.tolist() == labels


def test_how_a_table_is_cut_into_parts_does_not_matter(table):
    whole = open_table(table).whole()
    for n in (1, 7, 240, 1000):
        parts = list(open_table(table).parts(n))
        assert max(len(part.places) for part in parts) <= n
        assert [place for part in parts for place in part.places] == whole.places
        assert pd.concat([part.frame for part in parts], ignore_index=True).equals(whole.frame)
        opened = open_table(table)
        features, target = FeatureColumns(opened, HEADER[:-1]), TargetColumn(opened, "grade")
        for part in parts:
            features.look(part)
            target.look(part)
        target.decide()
        assert list(features.kinds().values()) == ["number", "text", "text", "text"]
        y = np.concatenate([target.labels(part) for part in parts])
        assert y.tolist() == [row[-1] for row in rows()]


def test_places_are_lines_of_the_file(table):
    lines = Path(table).read_bytes().decode().split("\n")
    part = open_table(table).whole()
    for age, code, place in zip(part.frame["age"], part.frame["zip"], part.places, strict=True):
        assert lines[place - 1].startswith(f"{age},{code},")


@pytest.mark.parametrize(
    "form",
    [
        {"delimiter": ";"},
        {"delimiter": "\t"},
        {"lineterminator": "\n"},
        {"encoding": "utf-8-sig"},
        {"quoting": csv.QUOTE_ALL},
    ],
    ids=str,
)
def test_forms_of_csv(form, table, tmp_path):
    other = write(tmp_path / "other.csv", rows(), **form)
    a, b = open_table(table), open_table(other)
    assert a.columns == b.columns
    assert a.whole().frame.equals(b.whole().frame)


def test_empty_lines_are_skipped(tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n\n1,a\n\n2,b\n\n")
    part = open_table(str(tmp_path / "t.csv")).whole()
    assert part.frame.to_numpy().tolist() == [["1", "a"], ["2", "b"]]
    assert part.places == [3, 5]


def test_parquet_is_read_as_csv_is(table, tmp_path, model, capsys):
    pytest.importorskip("pyarrow")
    X, y, kinds, _ = read_training(open_table(table), Roles("grade"))
    X.assign(grade=y).to_parquet(tmp_path / "t.parquet")
    opened = open_table(str(tmp_path / "t.parquet"))
    again = read_training(opened, Roles("grade"))
    assert again[0].equals(X)
    assert np.array_equal(again[1], y)
    assert again[2] == kinds
    assert [len(part.places) for part in opened.parts(100)] == [100, 100, 40]
    outputs = []
    for name in (table, tmp_path / "t.parquet"):
        done(capsys, "predict", model, name, "--out", tmp_path / "out.csv")
        outputs.append([row[-3:] for row in read(tmp_path / "out.csv")])
    assert outputs[0] == outputs[1]


def test_parquet_without_pyarrow(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    err = failed(capsys, "train", "t.parquet", "--target", "y", "--out", "m")
    assert "pip install 'skimbalance[parquet]'" in err


def test_types_of_parquet(tmp_path, capsys):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(
        {
            "flag": [True, False, None],
            "n": pd.array([1, None, 3], "Int64"),
            "kind": pd.Categorical(["a", None, "b"]),
            "y": [True, False, True],
        }
    )
    frame.to_parquet(tmp_path / "t.parquet")
    X, y, kinds, _ = read_training(open_table(str(tmp_path / "t.parquet")), Roles("y"))
    assert kinds == {"flag": "number", "n": "number", "kind": "text"}
    assert X["flag"].tolist()[:2] == [1.0, 0.0]
    assert X["flag"].isna().tolist() == [False, False, True]
    assert X["kind"].tolist() == ["a", None, "b"]
    assert X["n"].tolist()[::2] == [1.0, 3.0]
    assert y.dtype == bool
    frame.assign(n=pd.to_datetime("2020-01-01")).to_parquet(tmp_path / "t.parquet")
    err = failed(capsys, "train", tmp_path / "t.parquet", "--target", "y", "--out", "m")
    assert "column 'n'" in err
    assert "datetime" in err
    (tmp_path / "bad.parquet").write_bytes(b"PAR1" + bytes(50))
    err = failed(capsys, "train", tmp_path / "bad.parquet", "--target", "y", "--out", "m")
    assert "must be a Parquet file" in err


def kinds_in_python(frame):
    """What `compare_strategies(frame, ...)` takes the columns for."""
    return {name: column_kind(frame[name], name) for name in frame}


def test_a_table_has_the_same_columns_from_csv_from_parquet_and_in_python(tmp_path):
    pytest.importorskip("pyarrow")
    n = 30
    frame = pd.DataFrame(
        {
            "float": np.linspace(-1, 1, n),
            "missing float": [None, *np.linspace(-1, 1, n - 1)],
            "int": np.arange(n) % 4,
            "missing int": pd.array([None, *np.arange(n - 1)], dtype="Int64"),
            "bool": np.arange(n) % 3 == 0,
            "missing bool": pd.Series([None, True, False] * (n // 3), dtype=object),
            "nullable bool": pd.array([None, True, False] * (n // 3), dtype="boolean"),
            "text": ["red", "blue", None] * (n // 3),
            "category": pd.Categorical(["low", None, "high"] * (n // 3)),
            "no float": np.full(n, np.nan),
            "no object": pd.Series([None] * n, dtype=object),
            "no text": pd.Series([None] * n, dtype="str"),
            "no category": pd.Categorical([None] * n),
            "no date": pd.Series([None] * n, dtype="datetime64[s]"),
        }
    )
    expected = table_steps(frame).clean.fit(frame)
    names = expected.get_feature_names_out().tolist()
    y = np.arange(n) % 2
    frame.assign(y=y).to_parquet(tmp_path / "t.parquet")
    frame.assign(y=y).to_csv(tmp_path / "t.csv", index=False)
    for file in ("t.csv", "t.parquet"):
        X, _, kinds, _ = read_training(open_table(str(tmp_path / file)), Roles("y"))
        assert kinds == kinds_in_python(frame)
        fitted = table_steps(X).clean.fit(X)
        assert fitted.get_feature_names_out().tolist() == names
        np.testing.assert_array_equal(fitted.transform(X), expected.transform(frame))
    # As pandas reads the files.
    assert kinds_in_python(pd.read_parquet(tmp_path / "t.parquet").drop(columns="y")) == kinds
    assert kinds_in_python(pd.read_csv(tmp_path / "t.csv").drop(columns="y")) == kinds


def test_new_rows_without_values_or_with_booleans_are_numbers(tmp_path):
    pytest.importorskip("pyarrow")
    kinds = {"x": "number"}
    for values, expected in (
        (pd.Series([None, None], dtype="datetime64[s]"), [np.nan, np.nan]),
        (pd.Series([None, None], dtype=object), [np.nan, np.nan]),
        ([True, None], [1.0, np.nan]),
    ):
        pd.DataFrame({"x": values}).to_parquet(tmp_path / "new.parquet")
        table = open_table(str(tmp_path / "new.parquet"))
        X = columns.as_trained(table.whole(), kinds, table)
        np.testing.assert_array_equal(X["x"], expected)


def test_a_column_that_is_nearly_numbers_is_noted(tmp_path, capsys):
    body = [["1", "a"], ["2", "b"], ["3;4", "a"], ["5", "a"]]
    read_training(open_table(write(tmp_path / "t.csv", body, ["x", "y"])), Roles("y"))
    err = capsys.readouterr().err
    assert "column 'x'" in err
    assert "3 of its cells could be read as numbers, but line 4 has '3;4'" in err


@pytest.mark.parametrize("stream", [False, True])
def test_text_of_which_nothing_can_be_learnt_is_noted(stream, tmp_path, capsys):
    body = [[f"2024-01-{i % 28 + 1:02}T{i:04}", "ab"[i % 2], "xy"[i % 2]] for i in range(60)]
    table = open_table(write(tmp_path / "t.csv", body, ["when", "kind", "y"]))
    roles = Roles("y")
    if stream:
        streaming._first_pass(table, roles, Judges(table, roles, 0))
    else:
        read_training(table, roles)
    err = capsys.readouterr().err
    assert "column 'when' of" in err
    assert "most of its cells differ (60 of 60)" in err
    assert "'kind'" not in err


# Errors

BAD = {
    "": "must have a header line",
    "age,grade\n": "must have rows",
    "age,age,grade\n1,2,a\n": "'age' twice, as columns 1 and 2",
    "age,Grade\n1,a\n": "the target. Did you mean 'Grade'",
    "age,kind\n1,a\n": "the target. It has ['age', 'kind']",
    ",age,grade\n0,1,a\n1,2,b\n": "Column 1 has none: name it, or leave it out by --drop ''",
    "grade\na\nb\n": "must have a column to learn from besides 'grade'",
    "age,grade\n1,a\n2\n3,b\n": "Line 3 has 1",
    "age,grade\n1,a\n2,b,c\n": "Line 3 has 3",
    'age,grade\n"1\n2",a\n3,\n4,b\n': "Line 4 has none",
    "age,grade\n1,5\n3,NA\n4,6\n": "Line 3 has 'NA'",
    "age,grade\n1,a\n2,a\n": "at least 2 classes. All rows have 'a'",
    'age,grade\n1,a\n"2,b\n': "Line 3 is not: unexpected end of data",
    "age,grade\n1,a\n1e999,b\n": "column 'age'|Line 3 has '1e999'",
}


@pytest.mark.parametrize("stream", [[], ["--stream"]], ids=["whole", "stream"])
@pytest.mark.parametrize("text", BAD)
def test_bad_tables_are_one_sentence(text, stream, tmp_path, capsys):
    path, out = tmp_path / "t.csv", tmp_path / "m.skim"
    path.write_text(text)
    err = failed(capsys, "train", path, "--target", "grade", "--out", out, *stream)
    assert str(path) in err
    for part in BAD[text].split("|"):
        assert part.lower() in err.lower()
    assert not out.exists()


def test_a_file_that_is_not_utf_8(tmp_path, capsys):
    path = write(tmp_path / "t.csv", rows(), encoding="latin-1")
    at = Path(path).read_bytes().split(b"\xe9")[0].count(b"\n") + 1
    err = failed(capsys, "train", path, "--target", "grade", "--out", "m")
    assert f"Line {at} is not: save it as UTF-8." in err


def test_missing_files(tmp_path, capsys):
    err = failed(capsys, "train", "page_block", "--target", "target", "--out", "m")
    assert "page_block must be a CSV or Parquet file, or one of the bundled data sets" in err
    assert "'page_blocks'" in err
    err = failed(capsys, "predict", tmp_path / "no.skim", "page_blocks", "--out", "s")
    assert "no.skim: No such file or directory." in err
    err = failed(capsys, "train", tmp_path, "--target", "target", "--out", "m")
    assert "must be a folder of CSV or Parquet files. Got none in it." in err


def test_columns_of_a_new_table(model, tmp_path, capsys):
    def sentence(header, body):
        path = write(tmp_path / "new.csv", body, header)
        return failed(capsys, "predict", model, path, "--out", tmp_path / "s.csv")

    body = rows(20)
    body[7][0] = "unknown"
    line = 2 + 7 + sum("\n" in row[3] for row in body[:7])
    err = sentence(HEADER, body)
    assert "The column 'age' of " in err
    assert f"line {line} has 'unknown'" in err
    err = sentence(["years", *HEADER[1:]], rows(20))
    assert "must have the column 'age', which the model learnt from" in err
    assert "must have rows" in sentence(HEADER, [])
    assert not (tmp_path / "s.csv").exists()


def test_a_model_without_kinds_of_columns(table, tmp_path, capsys):
    save_model(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), tmp_path / "m.skim")
    err = failed(capsys, "predict", tmp_path / "m.skim", table, "--out", tmp_path / "s.csv")
    assert "must say which columns hold numbers" in err


def test_labels_that_the_model_does_not_know(model, tmp_path, capsys):
    body = rows(20)
    for row in body:
        row[3] = "one line"
    body[4][-1] = "odd"
    path = write(tmp_path / "new.csv", body)
    err = failed(capsys, "report", model, path)
    assert "classes of the model: ['common', 'rare']" in err
    assert "line 6 has 'odd'" in err


def test_exit_codes(monkeypatch, capsys):
    train = ["train", "t.csv", "--target", "y"]
    for argv in (
        [],
        ["unknown"],
        train,
        [*train, "--out", "no/such/folder/m"],
        [*train, "--out", "."],
        ["datasets", "--color"],
    ):
        with pytest.raises(SystemExit) as ended:
            main(argv)
        assert ended.value.code == 2
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0

    def interrupted(name):
        raise KeyboardInterrupt

    monkeypatch.setattr("skimbalance._cli.datasets._about", interrupted)
    assert main(["datasets"]) == 130


@pytest.mark.parametrize("kept", [False, True])
def test_an_interrupted_command_says_how_far_it_came(kept, monkeypatch, capsys, tmp_path):
    def interrupted(*args):
        raise KeyboardInterrupt("Interrupted after epoch 3 of 8. Fit again with checkpoint='a. b'.")

    monkeypatch.setattr("skimbalance._cli.train.open_table", interrupted)
    options = ["--checkpoint", "a. b"] if kept else []
    assert main(["train", "page_blocks", "--out", str(tmp_path / "m"), *options]) == 130
    said = capsys.readouterr().err.split("train: ")[1].strip()
    more = " The same command goes on from there." if kept else ""
    assert said == f"Interrupted after epoch 3 of 8.{more}"


def test_a_programming_error_shows_its_traceback(monkeypatch):
    def broken(name):
        raise KeyError(name)

    monkeypatch.setattr("skimbalance._cli.datasets._about", broken)
    with pytest.raises(KeyError):
        main(["datasets"])


# Predicting


@pytest.mark.parametrize("text", ["a\rb", "a\nb", "a\r\nb", 'a"b', "a,b", " a", "a|b;c"])
def test_scored_cells_are_read_back_as_they_were(text, model, tmp_path, capsys):
    table = rows(3, seed=1)
    table[1][HEADER.index("note")] = text
    with (tmp_path / "new.csv").open("w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([HEADER, *table])
    done(capsys, "predict", model, tmp_path / "new.csv", "--out", tmp_path / "s.csv")
    with (tmp_path / "s.csv").open(newline="") as file:
        assert [row[: len(HEADER)] for row in csv.reader(file)] == [HEADER, *table]


def test_scored_rows_are_the_old_cells_and_the_posteriors(model, tmp_path, capsys):
    path = write(tmp_path / "new.csv", rows(50, seed=1))
    out, _ = done(capsys, "predict", model, path, "--out", tmp_path / "s.csv", "--json")
    header, *scored = read(tmp_path / "s.csv")
    assert header == [*HEADER, "prediction", "probability_common", "probability_rare"]
    assert [row[:5] for row in scored] == rows(50, seed=1)
    clf = load_model(model)
    table = open_table(path)
    X = columns.as_trained(table.whole(), model_info(model)["columns"], table)
    assert [row[5] for row in scored] == clf.predict(X).tolist()
    assert [[float(p) for p in row[6:]] for row in scored] == posterior(clf, X).tolist()
    assert json.loads(out) == {
        "out": str(tmp_path / "s.csv"),
        "rows": 50,
        "columns": header[5:],
        "predicted": [
            {"class": label, "rows": int((clf.predict(X) == label).sum())}
            for label in ("common", "rare")
        ],
    }


def test_columns_are_matched_by_name(model, tmp_path, capsys):
    body = rows(50, seed=1)
    a = write(tmp_path / "a.csv", body)
    moved = [[row[2], "x", row[0], row[3], row[1]] for row in body]
    b = write(tmp_path / "b.csv", moved, ["colour", "id", "age", "note", "zip"])
    _, err = done(capsys, "predict", model, a, "--out", tmp_path / "a_out.csv")
    assert err == ""
    _, err = done(capsys, "predict", model, b, "--out", tmp_path / "b_out.csv")
    assert err == f"note: {b} has columns that the model does not use: ['id'].\n"
    a, b = read(tmp_path / "a_out.csv"), read(tmp_path / "b_out.csv")
    assert [row[-3:] for row in a] == [row[-3:] for row in b]


def test_columns_of_the_same_name_are_kept(model, table, tmp_path, capsys):
    once, twice = tmp_path / "1.csv", tmp_path / "2.csv"
    done(capsys, "predict", model, table, "--out", once)
    _, err = done(capsys, "predict", model, once, "--out", twice)
    assert "'prediction_'" in err
    first, second = read(once), read(twice)
    assert second[0] == first[0] + [f"{name}_" for name in first[0][5:]]
    assert [row[:8] for row in second] == first
    assert [row[8:] for row in second[1:]] == [row[5:] for row in first[1:]]


def test_the_rows_at_a_time_do_not_matter(model, table, tmp_path, capsys, monkeypatch):
    done(capsys, "predict", model, table, "--out", tmp_path / "a.csv")
    monkeypatch.setattr(predict, "ROWS", 7)
    done(capsys, "predict", model, table, "--out", tmp_path / "b.csv")
    a, b = read(tmp_path / "a.csv"), read(tmp_path / "b.csv")
    assert [row[:6] for row in a] == [row[:6] for row in b]
    # A matrix product of other shapes may round differently.
    shares = [np.array([row[6:] for row in of[1:]], float) for of in (a, b)]
    np.testing.assert_allclose(*shares, rtol=1e-12)


def test_a_failure_leaves_the_old_file_and_no_other(model, table, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(predict, "ROWS", 50)
    out = tmp_path / "s.csv"
    done(capsys, "predict", model, table, "--out", out)
    before, names = out.read_bytes(), sorted(tmp_path.iterdir())
    body = rows()
    body[-1][0] = "unknown"
    write(table, body)
    failed(capsys, "predict", model, table, "--out", out)
    assert out.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == names


def test_memory_does_not_grow_with_the_file(model, tmp_path, capsys, monkeypatch):
    scores = predict._scores

    def without_garbage(*args):
        gc.collect()  # when it would be collected depends on the tests before
        return scores(*args)

    monkeypatch.setattr(predict, "_scores", without_garbage)
    monkeypatch.setattr(predict, "ROWS", 200)
    peaks = {}
    gc.freeze()
    # The first time there are imports, and a table of Python's own may grow once.
    for times in (6, 6, 24, 24):
        path = write(tmp_path / "new.csv", rows(200) * times)
        tracemalloc.start()
        try:
            done(capsys, "predict", model, path, "--out", tmp_path / "s.csv")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        peaks[times] = min(peak, peaks.get(times, peak))
    gc.unfreeze()
    assert peaks[24] < 1.1 * peaks[6]


# Training


@pytest.mark.slow
def test_streamed_training_is_fit_stream(table, tmp_path, capsys):
    argv = ("train", table, "--target", "grade", "--stream", "--seed", 3, "--majority-ratio", 2)
    out, _ = done(capsys, *argv, "--out", tmp_path / "m.skim", "--json")
    loaded, info = load_model(tmp_path / "m.skim"), model_info(tmp_path / "m.skim")
    X, y, kinds, _ = read_training(open_table(table), Roles("grade"))
    assert info["columns"] == kinds
    assert info["target"] == "grade"
    network = ImbalancedMLPClassifier(class_weight=0.5, random_state=3)
    network.fit_stream(lambda: iter([(X, y)]), majority_ratio=2)
    assert np.array_equal(loaded.predict_proba(X), network.predict_proba(X))
    assert loaded.get_params() == network.get_params()
    about = json.loads(out)
    assert about["rows"] == len(y)
    counts = {label: int((y == label).sum()) for label in ("common", "rare")}
    assert {of["class"]: of["rows"] for of in about["classes"]} == counts
    assert dict(zip(loaded.classes_, loaded.class_counts_, strict=True)) == counts


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Decisions for classes with fewer than")
def test_the_ensemble_is_trained_on_a_stream_for_a_goal(table, tmp_path, capsys, monkeypatch):
    small = {"estimator": ImbalancedMLPClassifier((4,), epochs=2), "cv": 2, "trees": False}
    monkeypatch.setattr(
        streaming,
        "make_strategy",
        lambda *of, **options: make_strategy(*of, **options).set_params(**small),
    )
    argv = ["train", table, "--target", "grade", "--stream", "--strategy", "ensemble", "--json"]
    argv += ["--objective", "f1", "--groups", "zip", "--checkpoint", tmp_path / "kept"]
    out, _ = done(capsys, *argv, "--out", tmp_path / "m.skim")
    loaded, about = load_model(tmp_path / "m.skim"), json.loads(out)
    assert loaded.pos_label == "rare"
    assert loaded.checkpoint is None
    assert (about["strategy"], about["objective"]) == ("ensemble", "f1")
    assert about["out_of_fold"] == loaded.objective_score_
    X, y, kinds, _ = read_training(open_table(table), Roles("grade", groups="zip"))
    assert model_info(tmp_path / "m.skim")["columns"] == kinds
    assert set(loaded.predict(X)) <= set(y)


@pytest.mark.slow
def test_the_parts_of_streamed_training_do_not_matter(table, tmp_path, capsys, monkeypatch):
    argv = ("train", table, "--target", "grade", "--stream", "--drop", "note,zip")
    for n, name in ((10_000, "a"), (33, "b")):
        monkeypatch.setattr(streaming, "ROWS", n)
        done(capsys, *argv, "--out", tmp_path / name)
    X, _, _, _ = read_training(open_table(table), Roles("grade", ("note", "zip")))
    a, b = load_model(tmp_path / "a"), load_model(tmp_path / "b")
    assert np.array_equal(a.predict_proba(X), b.predict_proba(X))
    assert model_info(tmp_path / "a")["columns"] == {"age": "number", "colour": "text"}


@pytest.mark.slow
def test_streaming_with_text_that_the_first_parts_lack(tmp_path, capsys, monkeypatch):
    body = [
        [str(i % 17), "seldom" if i in (100, 190) else "", "ab"[i % 5 == 0]] for i in range(200)
    ]
    path = write(tmp_path / "t.csv", body, ["x", "word", "y"])
    monkeypatch.setattr(streaming, "ROWS", 33)
    done(capsys, "train", path, "--target", "y", "--stream", "--out", tmp_path / "m.skim")
    done(capsys, "predict", tmp_path / "m.skim", path, "--out", tmp_path / "s.csv")
    assert model_info(tmp_path / "m.skim")["columns"] == {"x": "number", "word": "text"}


def test_what_streamed_training_cannot_do(table, capsys):
    argv = ("train", table, "--target", "grade", "--out", "m", "--stream")
    err = failed(capsys, *argv, "--objective", "mcc")
    assert "must only be given with the strategies 'tuned_decision'" in err
    possible = set(STRATEGIES)
    for name in STRATEGIES:
        X, y, _, _ = read_training(open_table(table), Roles("grade"))
        steps = dict(getattr(make_strategy(name, X, y), "steps", []))
        needs_rows = hasattr(getattr(steps.get("classify"), "sampling", None), "fit_resample")
        tuned = name != "ensemble" and set(steps) != {"clean", "encode", "classify"}
        if tuned or needs_rows:
            err = failed(capsys, *argv, "--strategy", name)
            assert f"Got '{name}' instead" in err
            possible.remove(name)
    assert all(f"'{name}'" in err for name in possible)
    assert "Got 'magic'" in failed(capsys, *argv, "--strategy", "magic")


@pytest.mark.slow
def test_train_predict_and_report_agree(table, tmp_path, capsys):
    skim = tmp_path / "m.skim"
    out, _ = done(capsys, "train", table, "--target", "grade", "--out", skim, "--json")
    about = json.loads(out)
    assert about["strategy"] == "ensemble"
    assert about["objective"] == "f1_macro"
    assert about["out_of_fold"] == load_model(skim).objective_score_
    # The program itself, in a process that does not import TensorFlow to predict.
    code = (
        "import sys\nfrom skimbalance._cli import main\n"
        "code = main(sys.argv[1:])\n"
        "assert 'tensorflow' not in sys.modules\nsys.exit(code)"
    )
    argv = ["predict", str(skim), table, "--out", str(tmp_path / "s.csv")]
    ended = subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    scored = read(tmp_path / "s.csv")[1:]
    page = tmp_path / "page.html"
    out, _ = done(capsys, "report", skim, table, "--json", "--out", page)
    report = json.loads(out)
    for of_class in report["classes"]:
        hits = sum(row[4] == row[5] == of_class["label"] for row in scored)
        assert math.isclose(of_class["recall"], hits / of_class["support"])
    assert page.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")
    out, _ = done(capsys, "report", skim, table)
    assert "rare" in out


@pytest.mark.parametrize("command", ["compare", "train"])
def test_help_says_what_each_strategy_does(command, capsys, monkeypatch):
    for width in ("60", "200"):
        monkeypatch.setenv("COLUMNS", width)
        with pytest.raises(SystemExit):
            main([command, "--help"])
        words = capsys.readouterr().out
        assert max(map(len, words.splitlines())) <= int(width)
        words = " ".join(words.split())
        assert all(f"{name} {text}" in words for name, text in STRATEGIES.items())
        assert DEFAULT_OF_THE_CLASSIFIER in words


def test_an_unknown_strategy_lists_the_known(table, capsys):
    err = failed(capsys, "train", table, "--target", "grade", "--out", "m", "--strategy", "magic")
    assert "tuned_decision" in err


@pytest.mark.slow
def test_compare(table, tmp_path, capsys):
    argv = ("compare", table, "--target", "grade", "--strategies", "plain,class_weighted")
    argv = (*argv, "--cv", 3, "--repeats", 1, "--drop", "note")
    out, _ = done(capsys, *argv)
    assert "class_weighted" in out
    out, _ = done(capsys, *argv, "--json", "--out", tmp_path / "page.html")
    document = json.loads(out)
    assert document["page"] == str(tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size > 1000


# The rest


def test_datasets(capsys):
    out, _ = done(capsys, "datasets", "--json")
    assert {f"load_{name}" for name in BUNDLED} == set(datasets.__all__)
    for about in json.loads(out):
        y = getattr(datasets, f"load_{about['name']}")(return_X_y=True)[1]
        labels, counts = np.unique(y, return_counts=True)
        assert about["rows"] == len(y)
        assert about["classes"] == len(labels)
        assert about["rarest"] == str(labels[np.argmin(counts)])
        assert math.isclose(about["rarest_percent"], 100 * counts.min() / len(y))
    out, _ = done(capsys, "datasets")
    assert all(name in out for name in BUNDLED)


def test_bundled_sets_are_tables():
    table = open_table("credit_risk_grade")
    X, y, kinds, _ = read_training(table, Roles("target"))
    data, target = datasets.load_credit_risk_grade(return_X_y=True, as_frame=True)
    assert y.tolist() == target.tolist()
    for name, kind in kinds.items():
        assert (kind == "text") == isinstance(data[name].dtype, pd.CategoricalDtype)
        assert X[name].isna().equals(data[name].isna())


@pytest.mark.slow
def test_python_m(tmp_path):
    command = [sys.executable, "-m", "skimbalance"]
    ended = subprocess.run([*command, "--version"], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    command += ["train", "no.csv", "--target", "y", "--out", "m"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("skimbalance train: no.csv must be")


def test_the_index_of_a_parquet_file_is_not_a_column(tmp_path):
    path = tmp_path / "sample.parquet"
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "target": ["x", "y", "x"]}, index=[7, 3, 5])
    frame.to_parquet(path)
    table = open_table(str(path))
    assert table.columns == ["a", "target"]
    assert table.whole().frame["a"].tolist() == [1.0, 2.0, 3.0]
