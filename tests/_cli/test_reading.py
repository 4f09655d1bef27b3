"""What a table is read from, and what its cells mean: the same, however they are written."""

import bz2
import gzip
import io
import itertools
import lzma
import os
import sys
import threading
import zipfile

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skimbalance._cli import main
from skimbalance._cli.columns import FeatureColumns, as_trained
from skimbalance._cli.roles import Roles, read_training
from skimbalance._cli.tables import open_table
from skimbalance.persistence import load_model, model_info, save_model
from skimbalance.preprocessing import table_steps

BODY = [[str(i), f"{i / 7:.3f}", ["é", "b"][i % 3 == 0], "xy"[i % 4 == 0]] for i in range(60)]
HEADER = ["number", "real", "text", "target"]
TEXT = "\n".join(",".join(row) for row in [HEADER, *BODY]) + "\n"


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def zipped(content):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("table.csv", content)
    return archive.getvalue()


def failed(capsys, *argv):
    """The sentence of a command that refuses."""
    assert main([str(arg) for arg in argv]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"skimbalance {argv[0]}: ")
    return err


@pytest.fixture
def table(tmp_path):
    return written(tmp_path / "table.csv", TEXT)


@pytest.fixture
def model(table, tmp_path):
    """A model file as `train` writes it, of a fast classifier."""

    def save(path, table=table, name="model.skim"):
        X, y, kinds, _ = read_training(open_table(table), Roles("target"))
        clean, encode, _ = table_steps(X)
        fitted = make_pipeline(clean, encode, LogisticRegression()).fit(X, y)
        save_model(fitted, path / name, columns=kinds, target="target")
        return str(path / name)

    return save(tmp_path), save


def same(table, other):
    assert other.columns == table.columns
    assert other.whole().frame.equals(table.whole().frame)


# Where bytes come from

PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zip": zipped}


@pytest.mark.parametrize("name", ["table.csv", "table", "table.csv.packed"])
@pytest.mark.parametrize("packer", PACKERS)
def test_compressed_tables_are_read_whatever_their_name(packer, name, table, tmp_path):
    (tmp_path / "packed").mkdir()
    packed = written(tmp_path / "packed" / name, PACKERS[packer](TEXT.encode()))
    same(open_table(table), open_table(packed))


def test_a_compressed_parquet_file_is_read(table, tmp_path):
    pytest.importorskip("pyarrow")
    open_table(table).whole().frame.to_parquet(tmp_path / "t.parquet")
    plain = open_table(str(tmp_path / "t.parquet"))
    for name in ("packed", "packed.parquet"):
        packed = written(tmp_path / name, gzip.compress((tmp_path / "t.parquet").read_bytes()))
        same(plain, open_table(packed))


def test_a_row_group_of_a_parquet_file_need_not_fit_into_memory(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    numbers = np.random.default_rng(0).normal(size=(1_600_000, 1))
    frame = pd.DataFrame(numbers, columns=["a"])
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=len(frame))
    parts = open_table(str(tmp_path / "t.parquet")).parts(50_000)
    n_before, n_rows = pyarrow.total_allocated_bytes(), 0
    for part in parts:
        assert pyarrow.total_allocated_bytes() - n_before < numbers.nbytes / 2
        np.testing.assert_array_equal(part.frame, numbers[n_rows : n_rows + len(part.frame)])
        n_rows += len(part.frame)
    assert n_rows == len(numbers)


DAMAGED = {
    "cut gz": gzip.compress(TEXT.encode())[:-200],
    "gz of other bytes": gzip.compress(TEXT.encode())[:10] + b"none" * 50,
    "cut bz2": bz2.compress(TEXT.encode())[:-20],
    "bz2 of other bytes": b"BZh9" + b"none" * 50,
    "cut xz": lzma.compress(TEXT.encode())[:-40],
    "cut zip": zipped(TEXT)[:-40],
    "zstd": b"\x28\xb5\x2f\xfd" + b"none" * 50,
    "old spreadsheet": b"\xd0\xcf\x11\xe0" + b"none" * 50,
}


@pytest.mark.parametrize("kind", DAMAGED)
@pytest.mark.parametrize("command", ["train", "compare"])
def test_other_files_are_one_sentence(command, kind, tmp_path, capsys):
    path = written(tmp_path / "t.csv", DAMAGED[kind])
    out = ["--out", tmp_path / "m"] if command == "train" else []
    err = failed(capsys, command, path, *out)
    assert f"{path} must be" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("names", [["[Content_Types].xml", "xl/sheet.xml"], ["a", "b"], []])
def test_archives_of_several_files_are_one_sentence(names, tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as file:
        if names:
            file.writestr("__MACOSX/note", "")
        for name in names:
            file.writestr(name, "a,target\n1,x\n2,y\n")
    err = failed(capsys, "train", tmp_path / "t.zip", "--out", tmp_path / "m")
    assert (
        "save it as CSV" in err if len(names) == 2 and "xml" in names[0] else "single file" in err
    )


def test_the_folder_of_a_single_file_does_not_count(table, tmp_path):
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as file:
        file.mkdir("folder")
        file.writestr("folder/t.csv", TEXT)
    same(open_table(table), open_table(str(tmp_path / "t.zip")))


@pytest.mark.parametrize("separator", ["|", ":", " "])
def test_a_header_of_one_cell_says_what_separates_cells(separator, tmp_path, capsys):
    path = written(tmp_path / "t.csv", TEXT.replace(",", separator))
    err = failed(capsys, "train", path, "--out", tmp_path / "m")
    assert "commas, semicolons or tabs must separate the cells" in err


def test_closed_standard_input_is_one_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert "must be open" in failed(capsys, "train", "-", "--out", tmp_path / "m")


def test_a_model_in_the_place_of_the_table_is_told(table, model, tmp_path, capsys):
    for command in ("predict", "report"):
        assert main([command, table, model[0], "--out", str(tmp_path / "out")]) == 1
        assert "the model comes first, then the table" in capsys.readouterr().err


@pytest.mark.parametrize("pack", [lambda content: content, gzip.compress], ids=["plain", "gz"])
def test_standard_input_is_read_whole(pack, table, monkeypatch):
    content = pack(TEXT.encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    read = open_table("-")
    assert read.name == "standard input"
    same(open_table(table), read)
    same(open_table(table), read)  # again, as from a file


def test_a_pipe_is_read_whole(table, tmp_path):
    path = str(tmp_path / "pipe")
    os.mkfifo(path)

    def fill():
        with open(path, "wb") as file:  # waits for a reader
            file.write(TEXT.encode())

    writer = threading.Thread(target=fill, daemon=True)
    writer.start()
    read = open_table(path)
    writer.join()
    same(open_table(table), read)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-8-sig"])
def test_encodings(encoding, table, tmp_path, capsys):
    other = written(tmp_path / "other.csv", TEXT.encode(encoding))
    same(open_table(table), open_table(other, encoding))
    if encoding != "utf-8-sig":
        assert "--encoding" in failed(capsys, "train", other, "--out", tmp_path / "m")
    wrong = failed(capsys, "train", table, "--encoding", "ascii", "--out", tmp_path / "m")
    assert "must be text in ascii" in wrong


@pytest.mark.parametrize("encoding", ["utf-8", "utf8", "UTF_8", "utf-8-sig", "utf-16-le", "utf-7"])
def test_a_byte_order_mark_is_no_part_of_a_name(encoding, table, tmp_path):
    marked = written(tmp_path / "marked.csv", f"\ufeff{TEXT}".encode(encoding))
    same(open_table(table), open_table(marked, encoding))


@pytest.mark.parametrize("encoding", ["ascii", "utf-16", "utf-32", "punycode", "utf8"])
def test_text_in_another_encoding_is_one_sentence(encoding, tmp_path, capsys):
    path = written(tmp_path / "t.csv", "ö\nü".encode("latin-1"))
    err = failed(capsys, "train", path, "--encoding", encoding, "--out", tmp_path / "m")
    assert f"{path} must be text in " in err
    assert "--encoding" in err


@pytest.mark.parametrize("name", ["utf-5", "base64", "", "undefined", "idna", "a\0b"])
def test_unknown_encodings_are_wrong_usage(name, table, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["train", table, "--out", "m", "--encoding", name])
    assert ended.value.code == 2
    assert "must be an encoding that Python knows" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["name", "label", "target", "cell"])
def test_nul_characters_are_refused(place, tmp_path, capsys):
    body = [["1", "x"], ["2", "y"]] * 40
    header = ["a", "target"]
    if place in ("name", "target"):
        header[place == "target"] += "\0"
    else:
        body[5][place == "label"] += "\0"
    text = "\n".join(map(",".join, [header, *body]))
    err = failed(capsys, "train", written(tmp_path / "t", text), "--out", tmp_path / "m")
    assert "NUL" in err
    assert "\0" not in err


@pytest.mark.parametrize("place", ["name", "label"])
def test_nul_characters_of_parquet_are_refused(place, tmp_path, capsys):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": [1, 2, 3], "target": ["x", "x\0" if place == "label" else "y", "y"]})
    frame.rename(columns={"a": "a\0" if place == "name" else "a"}).to_parquet(
        tmp_path / "t.parquet"
    )
    err = failed(capsys, "train", tmp_path / "t.parquet", "--out", tmp_path / "m")
    assert "without NUL characters" in err
    assert "\0" not in err


def test_a_line_without_end_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("skimbalance._cli.tables._LONGEST_LINE", 1000)
    path = written(tmp_path / "t.gz", gzip.compress(b"a,target\n1,x\n" + b"1" * 10_000))
    assert "Line 3 is longer" in failed(capsys, "train", path, "--out", tmp_path / "m")


# Numbers

VALUES = [1234.5, 0.59, 1234567.0, 12.0, 950.0, -3.25, 1000.0]


def grouped(value, group, decimal):
    return f"{value:,}".replace(".0", "").translate({ord(","): group, ord("."): decimal})


WAYS = [(".", ","), (",", "."), ("", ","), *itertools.product(" \u00a0\u202f'", ".,")]


@pytest.mark.parametrize(("group", "decimal"), WAYS)
def test_numbers_are_read_right_where_a_whole_column_agrees(group, decimal, tmp_path, capsys):
    cells = [*(grouped(value, group, decimal) for value in VALUES), "", "NA", "true"]
    body = [[f'"{cell}"', "xy"[i % 2]] for i, cell in enumerate(cells)]
    text = "\n".join(map(",".join, [["a", "target"], *body]))
    table = open_table(written(tmp_path / "t.csv", text))
    X, _, kinds, _ = read_training(table, Roles("target"))
    np.testing.assert_array_equal(X["a"], [*VALUES, np.nan, np.nan, 1.0])
    assert kinds["a"].startswith("number, as")
    note = capsys.readouterr().err
    assert note.startswith("note: numbers in")
    assert "'a'" in note
    # New rows are read in the same way, also one by one.
    for part in table.parts(1):
        row = as_trained(part, kinds, table)["a"]
        place = part.places[0] - 2
        np.testing.assert_array_equal(row, X["a"][place : place + 1])


@pytest.mark.parametrize("style", ["1,234.5", "1 234.5"])
@pytest.mark.parametrize("number", ["5.", ".5", "+5", "-5.25", "1e3", "5.E-2", "0", "-0.0"])
def test_plain_numbers_are_in_all_styles_with_a_point(number, style, tmp_path):
    path = written(tmp_path / "t.csv", f"a;target\n{style};x\n{number};y\n")
    X, _, kinds, _ = read_training(open_table(path), Roles("target"))
    assert kinds["a"] == f"number, as {style}"
    assert X["a"].tolist() == [1234.5, float(number)]


@pytest.mark.parametrize("n_rows", [1, 3, 100])
def test_styles_do_not_depend_on_the_parts(n_rows, tmp_path, capsys):
    columns = {
        "comma": ["12", "950", "0,5", "7"],
        "thousands": ["1,234.5", "1,234", "12", "7"],
        "blank": ["1 234", "12", "7", "7"],
        "plain": ["12.5", "1", "2", "3"],
        "point or thousands": ["1.234", "950", "2", "3"],
        "mixed": ["1,5", "1.5", "2", "3"],
        "text": ["1,5", "none of these", "2", "3"],
    }
    text = "\n".join(
        map(";".join, zip(*([name, *of] for name, of in columns.items()), strict=True))
    )
    table = open_table(written(tmp_path / "t.csv", text))
    found = FeatureColumns(table, table.columns)
    for part in table.parts(n_rows):
        found.look(part)
    assert found.kinds() == {
        "comma": "number, as 1.234,5",
        "thousands": "number, as 1,234.5",
        "blank": "number, as 1.234,5",  # which is the same, and as in the first column
        "plain": "number",
        "point or thousands": "number",
        "mixed": "text",
        "text": "text",
    }


def test_what_can_be_read_in_two_ways_is_noted_or_read_as_the_other_columns(tmp_path, capsys):
    def kinds(*rows):
        text = "\n".join(map(";".join, [["a", "b", "target"], *rows]))
        read = read_training(open_table(written(tmp_path / "t.csv", text)), Roles("target"))
        return read[0]["a"].tolist(), read[2]["a"], capsys.readouterr().err

    values, kind, err = kinds(["1,234", "1", "x"], ["2,345", "2", "y"])
    assert kind == "text"
    assert "column 'a'" in err
    assert "line 2 has '1,234'" in err
    assert "1.234 or 1234" in err
    values, _, _ = kinds(["1,234", "0,5", "x"], ["2,345", "2", "y"])
    assert values == [1.234, 2.345]
    values, _, _ = kinds(["1,234", "1,234.5", "x"], ["2,345", "2", "y"])
    assert values == [1234, 2345]
    values, _, err = kinds(["1.234", "0,5", "x"], ["950", "2", "y"])
    assert values == [1234, 950]
    assert "['a', 'b']" in err


def test_new_rows_in_another_style_are_refused(model, tmp_path, capsys):
    _, save = model
    comma = TEXT.replace(",", ";").replace(".", ",")
    path = save(tmp_path, written(tmp_path / "comma.csv", comma), "comma.skim")
    capsys.readouterr()
    assert model_info(path)["columns"]["real"] == "number, as 1.234,5"
    assert main(["predict", path, str(tmp_path / "comma.csv"), "--out", str(tmp_path / "s")]) == 0
    scored = pd.read_csv(tmp_path / "s", sep=";", decimal=",")
    X, _, _, _ = read_training(open_table(str(tmp_path / "comma.csv")), Roles("target"))
    assert scored["prediction"].tolist() == load_model(path).predict(X).tolist()
    capsys.readouterr()
    err = failed(capsys, "predict", path, tmp_path / "table.csv", "--out", tmp_path / "s")
    assert "The column 'real' of" in err
    assert "like 1.234,5" in err
    err = failed(capsys, "predict", model[0], tmp_path / "comma.csv", "--out", tmp_path / "s")
    assert "line 2 has '0,000'" in err


def test_both_styles_give_the_same_model(model, tmp_path):
    path, save = model
    comma = save(
        tmp_path, written(tmp_path / "c", TEXT.replace(",", ";").replace(".", ",")), "c.skim"
    )
    X, _, _, _ = read_training(open_table(str(tmp_path / "table.csv")), Roles("target"))
    np.testing.assert_array_equal(
        load_model(path).predict_proba(X), load_model(comma).predict_proba(X)
    )


# Blanks


@pytest.mark.parametrize("blank", [" ", "\u00a0", "  "])
def test_blanks_around_cells_and_names_do_not_count(blank, table, model, tmp_path):
    wide = f"{blank},{blank}".join(["{}"] * 4)
    lines = [f"{blank}{wide.format(*row)}{blank}" for row in [HEADER, *BODY]]
    other = written(tmp_path / "wide.csv", "\n".join(lines))
    for a, b in zip(
        read_training(open_table(table), Roles("target")),
        read_training(open_table(other), Roles("target")),
        strict=True,
    ):
        assert a.equals(b) if isinstance(a, pd.DataFrame) else list(a) == list(b)
    for name in (table, other):
        assert main(["predict", model[0], name, "--out", f"{name}.out"]) == 0
    predicted = [pd.read_csv(f"{name}.out")["prediction"].tolist() for name in (table, other)]
    assert predicted[0] == predicted[1]
    assert main(["report", model[0], other, "--json"]) == 0


def test_blanks_of_parquet_do_not_count(table, tmp_path):
    pytest.importorskip("pyarrow")
    X, y, kinds, _ = read_training(open_table(table), Roles("target"))
    frame = X.assign(target=[f" {label}" for label in y], text=X["text"] + " ")
    frame.rename(columns=lambda name: f" {name}").to_parquet(tmp_path / "t.parquet")
    again = read_training(open_table(str(tmp_path / "t.parquet")), Roles("target"))
    assert again[0].equals(X)
    assert again[1].tolist() == y.tolist()
    assert again[2] == kinds


MARKED = {
    "percent": "{}%",
    "currency": "${}",
    "currency behind": "{} €",
    "brackets": "({})",
    "another minus": "\u2212{}",
    "minus behind": "{}-",
    "two styles": ['"1,234.5"', '"1.234,5"'],
    "another word for missing": ["{}", "-", "-", "-"],
    "decimal comma and a word": ['"{},5"', "none", "none"],
}


@pytest.mark.parametrize("n_rows", [7, 100])
@pytest.mark.parametrize("kind", MARKED)
def test_numbers_that_stay_text_are_noted(kind, n_rows, tmp_path, capsys):
    ways = [MARKED[kind]] if isinstance(MARKED[kind], str) else MARKED[kind]
    # Each number occurs many times, as those of categories do.
    rows = [f"{ways[i % len(ways)].format(i % 3)},{'xy'[i % 2]}" for i in range(100)]
    table = open_table(written(tmp_path / "t.csv", "\n".join(["a,target", *rows])))
    columns = FeatureColumns(table, ["a"])
    for part in table.parts(n_rows):
        columns.look(part)
    assert columns.kinds() == {"a": "text"}
    err = capsys.readouterr().err
    assert "column 'a' of" in err
    assert "cells could be read as numbers, but line " in err


@pytest.mark.parametrize("cells", [["a", "b"], ["007", "012"], ["<=50K", ">50K"], ["10-20", "5 kg"],
                                   ["2024-01-01", "1.2.3"], ["-", "*"]], ids=str)  # fmt: skip
def test_other_categories_are_not_noted(cells, tmp_path, capsys):
    rows = [f"{cell},{label}" for cell in cells for label in "xy"]
    read_training(
        open_table(written(tmp_path / "t.csv", "\n".join(["a,target", *rows]))), Roles("target")
    )
    assert capsys.readouterr().err == ""


def test_names_that_differ_in_blanks_only_are_refused(tmp_path, capsys):
    path = written(tmp_path / "t.csv", "a, a,target\n1,2,x\n1,2,y\n")
    assert "'a' twice, as columns 1 and 2" in failed(capsys, "train", path, "--out", tmp_path / "m")


# Targets

REAL = {
    "real": [f"{i / 7:.4f}" for i in range(60)],
    "few real": ["0.5", "1.5", "2"] * 20,
    "decimal comma": [f'"{i / 7:.4f}"'.replace(".", ",") for i in range(60)],
    "exponents": [f"{i}e-3" for i in range(60)],
    "names of rows": [f"row {i}" for i in range(60)],
    "numbers of rows": [f"{i}" for i in range(60)],
}


@pytest.mark.parametrize("kind", REAL)
@pytest.mark.parametrize("command", ["train", "train --stream", "compare"])
def test_what_is_no_class_label_is_refused(command, kind, tmp_path, capsys):
    path = written(tmp_path / "t.csv", "\n".join(["a,target", *(f"1,{y}" for y in REAL[kind])]))
    name, *options = command.split()
    out = ["--out", tmp_path / "m"] if name == "train" else []
    err = failed(capsys, name, path, *out, *options)
    assert "The target 'target' of" in err
    assert "must hold class labels" in err
    assert "another column by --target" in err


def test_real_numbers_of_parquet_are_no_class_labels(tmp_path, capsys):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": [1, 2, 3, 4], "target": [0.5, 1.5, 0.5, 1.5]})
    frame.to_parquet(tmp_path / "t.parquet")
    err = failed(capsys, "train", tmp_path / "t.parquet", "--out", tmp_path / "m")
    assert "Got real numbers, such as 0.5 in row 1" in err
    frame.assign(target=[0.0, 1.0, 0.0, 1.0]).to_parquet(tmp_path / "t.parquet")
    _, y, _, _ = read_training(open_table(str(tmp_path / "t.parquet")), Roles("target"))
    assert y.tolist() == [0, 1, 0, 1]


OTHERS = {
    "dates": pd.date_range("2024", periods=2),
    "bytes": [b"x", b"y"],
    "lists": [["x"], ["y"]],
    "structs": [{"x": 1}, {"x": 2}],
}


@pytest.mark.parametrize("name", ["a", "target"])
@pytest.mark.parametrize("kind", OTHERS)
def test_other_objects_of_parquet_are_one_sentence(kind, name, tmp_path, capsys):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": [1, 2], "target": ["x", "y"]} | {name: OTHERS[kind]})
    pd.concat([frame] * 10).to_parquet(tmp_path / "t.parquet")
    for options in ([], ["--stream"]):
        err = failed(capsys, "train", tmp_path / "t.parquet", "--out", tmp_path / "m", *options)
        assert f"{'The target' if name == 'target' else 'The column'} '{name}' of" in err
        assert err.count("\n") == 1


def notes_on_labels(labels, path, capsys):
    rows = [f"{i},{label}" for i, label in enumerate(labels * 10)]
    table = open_table(written(path / "t.csv", "\n".join(["a,target", *rows])))
    _, y, _, _ = read_training(table, Roles("target"))
    return len(set(y.tolist())), capsys.readouterr().err


ALIKE = [("Yes", "yes"), ("1", "1.0"), ("01", "1"), ("\u00e9", "e\u0301"), ("a", "a\u200b"),
         ("a b", "a  b"), ("\uff11", "1")]  # fmt: skip


@pytest.mark.parametrize("labels", ALIKE, ids=ascii)
def test_labels_that_differ_little_are_noted(labels, tmp_path, capsys):
    n_classes, err = notes_on_labels([*labels, "other"], tmp_path, capsys)
    assert n_classes == 3
    assert f"labels that differ little, and are different classes: {list(labels)!r}" in err


@pytest.mark.parametrize("labels", [("a", "b"), ("1", "2"), ("+1", "1", "-1"), ("x", " x", "y")])
def test_other_labels_are_not_noted(labels, tmp_path, capsys):
    n_classes, err = notes_on_labels([*labels], tmp_path, capsys)
    assert n_classes == 2
    assert "differ little" not in err


def test_labels_are_read_in_the_report_as_in_training(model, tmp_path, capsys):
    rows = [f"{i},{'+1' if i % 3 else '-1'}" for i in range(30)]
    path = written(tmp_path / "t.csv", "\n".join(["a,target", *rows]))
    skim = model[1](tmp_path, path, "signed.skim")
    assert main(["report", skim, path]) == 0
    assert "30 rows, 2 classes" in capsys.readouterr().out


def test_a_column_without_values_is_noted(tmp_path, capsys):
    path = written(tmp_path / "t.csv", "a,b,target\n,1,x\nNA,2,y\n")
    read_training(open_table(path), Roles("target"))
    assert "column 'a' of" in capsys.readouterr().err


# Folders


def folder_of(path, parts, *, name="part-{}.csv"):
    """A folder with a file for each text."""
    path.mkdir()
    for i, text in enumerate(parts):
        written(path / name.format(i), text)
    return str(path)


def test_a_folder_is_the_table_of_its_files(tmp_path):
    rows = [f"{i},{'red' if i % 3 else ''},{'xy'[i % 2]}" for i in range(30)]
    whole = read_training(
        open_table(written(tmp_path / "t.csv", "\n".join(["a,b,target", *rows]))), Roles("target")
    )
    # Another order of columns, another separator, compressed, or without rows.
    parts = ["\n".join(["a,b,target", *rows[:11]]), "a,b,target\n"]
    turned = [";".join(reversed(row.split(","))) for row in ["a,b,target", *rows[11:20]]]
    folder = folder_of(tmp_path / "parts", [*parts, "\n".join(turned)])
    with gzip.open(tmp_path / "parts" / "part-3.csv.gz", "wt") as file:
        file.write("\n".join(["a,b,target", *rows[20:]]))
    (tmp_path / "parts" / "_SUCCESS").touch()
    read = read_training(open_table(folder), Roles("target"))
    pd.testing.assert_frame_equal(read.X, whole.X, check_flags=False, check_like=False, obj="rows")
    assert read.y.tolist() == whole.y.tolist()
    assert read.kinds == whole.kinds
    pytest.importorskip("pyarrow")
    (tmp_path / "typed").mkdir()
    frame = pd.DataFrame({"a": range(30), "target": ["x", "y"] * 15})
    for i in range(3):
        frame[10 * i : 10 * i + 10].to_parquet(tmp_path / "typed" / f"{i}.parquet")
    assert read_training(open_table(str(tmp_path / "typed")), Roles("target")).X["a"].tolist() == [
        *range(30)
    ]


FOLDERS = {
    "another column": (["a,target\n1,x\n", "a,c,target\n1,2,y\n"],
                       "part-1.csv has the column 'c', and", "part-0.csv does not"),
    "a column less": (["a,c,target\n1,2,y\n", "a,target\n1,x\n"],
                      "part-0.csv has the column 'c', and", "part-1.csv does not"),
    "a wrong cell": (["a,target\n1,x\n2,y\n", "a,target\n1,x\n1e999,x\n"],
                     "line 3 of part-1.csv has '1e999'"),
    "no label": (["a,target\n1,x\n2,y\n", "a,target\n1,x\n1,\n"], "Line 3 of part-1.csv has none"),
    "a short line": (["a,target\n1,x\n2,y\n", "a,target\n1\n"], "part-1.csv must", "Line 2 has 1"),
    "no header": (["a,target\n1,x\n2,y\n", ""], "part-1.csv must have a header line"),
    "no file": ([], "must be a folder of CSV or Parquet files. Got none in it."),
    "no rows": (["a,target\n", "a,target\n"], "must have rows"),
}  # fmt: skip


@pytest.mark.parametrize("options", [[], ["--stream"]], ids=["whole", "stream"])
@pytest.mark.parametrize("kind", FOLDERS)
def test_wrong_folders_are_one_sentence(kind, options, tmp_path, capsys):
    parts, *said = FOLDERS[kind]
    folder = folder_of(tmp_path / "parts", parts)
    err = failed(capsys, "train", folder, "--out", tmp_path / "m", *options)
    assert all(text in err for text in said)


def test_folders_in_folders_and_files_of_two_kinds_are_refused(tmp_path, capsys):
    folder = folder_of(tmp_path / "parts", ["a,target\n1,x\n"])
    (tmp_path / "parts" / "2024").mkdir()
    err = failed(capsys, "train", folder, "--out", tmp_path / "m")
    assert f"Got another folder in it, {folder}" in err
    assert "2024" in err
    pytest.importorskip("pyarrow")
    (tmp_path / "parts" / "2024").rmdir()
    pd.DataFrame({"a": [1], "target": ["y"]}).to_parquet(tmp_path / "parts" / "t.parquet")
    err = failed(capsys, "train", folder, "--out", tmp_path / "m")
    assert "CSV files or Parquet files only. Got both" in err


@pytest.mark.parametrize("options", [[], ["--stream"]], ids=["whole", "stream"])
@pytest.mark.parametrize("name", ["a", "target"])
def test_columns_that_change_from_file_to_file_are_one_sentence(name, options, tmp_path, capsys):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": [1, 2] * 10, "target": [0, 1] * 10})
    (tmp_path / "parts").mkdir()
    frame.to_parquet(tmp_path / "parts" / "0.parquet")
    frame.assign(**{name: ["u", "v"] * 10}).to_parquet(tmp_path / "parts" / "1.parquet")
    err = failed(capsys, "train", tmp_path / "parts", "--out", tmp_path / "m", *options)
    assert f"'{name}' of" in err
    assert "must hold either numbers or text" in err
    if options or name == "target":
        assert "row 1 of 1.parquet" in err
