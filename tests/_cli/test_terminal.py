"""What reaches the terminal, standard output and the files: nothing else, and nothing harmful."""

import contextlib
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import warnings
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import skimbalance
from skimbalance._cli import compare, main, parser
from skimbalance._cli.interrupts import Interrupts
from skimbalance._cli.roles import Roles, read_training
from skimbalance._cli.tables import open_table
from skimbalance._page import shown, table_text
from skimbalance.persistence import load_model, save_model
from skimbalance.preprocessing import table_steps
from skimbalance.report import ImbalanceReport

HARMFUL = "\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\x08\x9fb"


def table(path, *, name="a", label="y"):
    rows = [f"{i},{'x' if i % 3 else label}" for i in range(60)]
    path.write_text("\n".join([f"{name},target", *rows]) + "\n", encoding="utf-8")
    return str(path)


def model(path, source):
    """A model file as `train` writes it, of a fast classifier."""
    X, y, kinds, _ = read_training(open_table(source), Roles("target"))
    clean, encode, _ = table_steps(X)
    fitted = make_pipeline(clean, encode, LogisticRegression()).fit(X, y)
    save_model(fitted, path, columns=kinds, target="target")
    return str(path)


@pytest.fixture
def files(tmp_path):
    source = table(tmp_path / "t.csv")
    return source, model(tmp_path / "m.skim", source), tmp_path


# Control characters


def test_control_characters_are_shown_as_repr_does():
    assert shown("plain é ─ 字\nline") == "plain é ─ 字\nline"
    for code in [*range(32), *range(127, 160), 0x202E, 0xD800]:
        if chr(code) != "\n":
            assert shown(f"a{chr(code)}b") == f"a{repr(chr(code))[1:-1]}b"


def test_a_line_end_in_an_argument_leaves_the_error_in_one_line(files, capsys):
    _, skim, folder = files
    assert main(["predict", skim, "no\nfile", "--out", str(folder / "out")]) == 1
    with pytest.raises(SystemExit, match="2"):
        main(["report", skim, "t.csv", "--encoding", "no\nencoding"])
    of_data, *_, of_usage = capsys.readouterr().err.splitlines()
    assert "predict: no\\nfile must be" in of_data
    assert "Got 'no\\nencoding'" in of_usage


def harmless(text):
    return all(c == "\n" or c.isprintable() for c in text)


def commands(source, skim, folder):
    """Commands that go well and that fail, in which names of the table are printed."""
    out = str(folder / "out")
    yield "train", source, "--target", "none", "--out", out
    yield "train", source, "--drop", HARMFUL, "--out", out
    yield "compare", source, "--target", f"none{HARMFUL}"
    yield "predict", skim, source, "--out", out
    yield "predict", skim, source, "--out", f"{out}{HARMFUL}"
    yield "predict", f"none{HARMFUL}", source, "--out", out
    yield "predict", skim, f"none{HARMFUL}", "--out", out
    yield "report", skim, source
    yield "report", skim, source, "--target", f"{HARMFUL}a"
    yield "datasets", f"--{HARMFUL}"


@pytest.mark.parametrize("i", range(10))
def test_no_control_character_reaches_the_terminal(i, tmp_path, capsys):
    source = table(tmp_path / f"t{HARMFUL}.csv", name=f"{HARMFUL}a", label=f"{HARMFUL}y")
    skim = model(tmp_path / f"m{HARMFUL}.skim", source)
    wide = table(tmp_path / "wide.csv", name=f"b{HARMFUL},{HARMFUL}a", label=f"1,{HARMFUL}y")
    for read in (source, wide):
        capsys.readouterr()
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            with contextlib.suppress(SystemExit):
                main(list(list(commands(read, skim, tmp_path))[i]))
        out, err = capsys.readouterr()
        assert out + err
        assert harmless(out + err)


def test_json_keeps_what_the_table_has(tmp_path, capsys):
    label = f"{HARMFUL}y"
    source = table(tmp_path / "t.csv", label=label)
    skim = model(tmp_path / "m.skim", source)
    assert main(["predict", skim, source, "--json", "--out", str(tmp_path / "s.csv")]) == 0
    out = capsys.readouterr().out
    assert harmless(out)
    assert {of["class"] for of in json.loads(out)["predicted"]} == {"x", label}


def test_each_note_is_shown_once(monkeypatch, capsys):
    def warn_often(args):
        for _ in range(3):
            warnings.warn("again", stacklevel=1)
        warnings.warn("another", stacklevel=1)

    monkeypatch.setattr("skimbalance._cli.datasets.run", warn_often)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert main(["datasets"]) == 0
    assert capsys.readouterr().err == "note: again\nnote: another\n"


# Width


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("command", ["report", "predict", "datasets"])
def test_what_is_printed_fits_the_terminal(command, width, files, capsys, monkeypatch):
    source, skim, folder = files
    monkeypatch.setenv("COLUMNS", str(width))
    argv = {
        "report": [skim, source],
        "predict": [skim, source, "--out", str(folder / "out.csv")],
        "datasets": [],
    }[command]
    assert main([command, *argv]) == 0
    whole = capsys.readouterr().out  # of something else than a terminal
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert main([command, *argv]) == 0
    lines = sys.stdout.getvalue().splitlines()
    assert max(len(line) for line in lines if str(folder) not in line) <= width
    if max(map(len, whole.splitlines())) <= width:
        assert sys.stdout.getvalue() == whole


@pytest.mark.parametrize("width", [30, 50, 80])
def test_columns_that_do_not_fit_are_named(width, monkeypatch):
    names = [f"column number {i}" for i in range(9)]
    frame = pd.DataFrame([[0.125] * 9] * 3, columns=names)
    assert all(name in table_text(frame) for name in names)
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", str(width))
    text = table_text(frame)
    assert max(map(len, text.splitlines())) <= width
    table, _, left_out = " ".join(text.split()).partition("Not shown")
    n_shown = table.count("0.125") // 3
    assert n_shown >= 2
    assert [name for name in names if name in left_out] == names[n_shown:]


@pytest.mark.parametrize(("width", "fits"), [(30, False), (60, True)])
def test_letters_of_double_width_count_twice(width, fits, monkeypatch):
    frame = pd.DataFrame([["\u5b57" * 9, 0.125, "\u5b57" * 8]], columns=["name", "n", "last"])
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", str(width))
    assert ("Not shown" not in table_text(frame)) == fits


def test_what_python_prints_has_no_control_characters():
    X, y = np.arange(60.0)[:, None], np.where(np.arange(60) % 3, "x", f"{HARMFUL}y")
    text = str(ImbalanceReport.from_estimator(LogisticRegression().fit(X, y), X, y))
    text += table_text(pd.DataFrame([[HARMFUL]], columns=[HARMFUL]))
    assert harmless(text)
    assert "owned" in text


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_letters_that_a_stream_lacks_are_no_failure(encoding, tmp_path, monkeypatch):
    source = table(tmp_path / "t.csv", label="\u5b57\u00e9")
    skim = model(tmp_path / "m.skim", source)
    for options in ([], ["--json"]):
        out = io.TextIOWrapper(io.BytesIO(), encoding)
        monkeypatch.setattr(sys, "stdout", out)
        scored = tmp_path / "out\udcff.csv"
        assert main(["predict", skim, source, "--out", str(scored), *options]) == 0
        text = out.buffer.getvalue().decode(encoding)
        if options:
            document = json.loads(text)
            assert {of["class"] for of in document["predicted"]} == {"x", "\u5b57\u00e9"}
            assert document["out"] == str(scored)
        else:
            assert "60 rows are in" in text


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_closed_streams_are_no_failure(name, files, monkeypatch):
    source, skim, folder = files
    monkeypatch.setattr(sys, name, None)
    for argv in (["predict", skim, source, "--out", str(folder / "o")], ["report", skim, source]):
        assert main(argv) == 0
    assert main(["predict", skim, "none", "--out", "-"]) == 1


# Files to write


def outputs(source, skim):
    """Commands without training that write a file."""
    return [("predict", skim, source), ("report", skim, source)]


@pytest.mark.parametrize("link", [os.symlink, os.link, None])
def test_no_command_writes_over_what_it_reads(link, files, capsys):
    source, skim, folder = files
    for command in [*outputs(source, skim), ("train", source), ("compare", source)]:
        for read in command[1:]:
            out = str(folder / "link") if link else read
            if link:
                link(read, out)
            before = Path(read).read_bytes()
            assert main([*command, "--out", out]) == 1
            written, err = capsys.readouterr()
            assert written == ""
            kind = "table" if read == source else "model"
            assert f"--out must name another file than the {kind}" in err
            assert err.count("\n") == 1
            assert Path(read).read_bytes() == before
            if link:
                os.unlink(out)


@pytest.mark.slow
def test_the_table_on_standard_input_is_not_replaced(files):
    source, _, folder = files
    before = Path(source).read_text("utf-8")
    argv = [sys.executable, "-m", "skimbalance", "train", "-", "--out", source]
    with open(source) as file:
        ended = subprocess.run(argv, stdin=file, capture_output=True, text=True, cwd=folder)
    assert ended.returncode == 1
    assert "another file than the table" in ended.stderr
    assert Path(source).read_text("utf-8") == before


def test_a_pipe_is_not_replaced(files, capsys):
    source, skim, folder = files
    os.mkfifo(folder / "pipe")
    for command in [*outputs(source, skim), ("train", source), ("compare", source)]:
        assert main([*command, "--out", str(folder / "pipe")]) == 1
        assert "which is a named pipe" in capsys.readouterr().err
    assert (folder / "pipe").is_fifo()


@pytest.mark.parametrize("out", ["-", "/dev/stdout"])
@pytest.mark.parametrize("command", ["predict", "report"])
def test_standard_output_gets_the_file_and_nothing_else(command, out, files, capfd, monkeypatch):
    source, skim, folder = files
    monkeypatch.chdir(folder)
    names = sorted(os.listdir())
    assert main([command, skim, source, "--out", "file"]) == 0
    capfd.readouterr()
    assert main([command, skim, source, "--out", out]) == 0
    written, err = capfd.readouterr()
    assert written == Path("file").read_text("utf-8")
    assert err == ""
    assert sorted(os.listdir()) == sorted([*names, "file"])


@pytest.mark.parametrize("end", [".parquet", ".csv.gz", ".csv.zip"])
def test_predictions_are_no_other_file_than_their_name_says(end, files, capsys):
    source, skim, folder = files
    assert main(["predict", skim, source, "--out", str(folder / f"scored{end}")]) == 1
    assert "must name a CSV file that is not compressed" in capsys.readouterr().err


def test_a_model_does_not_go_to_a_terminal(files, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert main(["train", files[0], "--out", "-"]) == 1
    assert "Got a terminal" in capsys.readouterr().err
    assert sys.stdout.getvalue() == ""


def test_standard_output_may_be_any_stream(files, monkeypatch):
    source, skim, _ = files
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert main(["predict", skim, source, "--out", "-"]) == 0
    assert len(pd.read_csv(io.StringIO(sys.stdout.getvalue()))) == 60


def test_standard_output_stays_empty_if_a_row_is_wrong(files, capfd):
    source, skim, _ = files
    with open(source, "a") as file:
        file.write("word,x\n")
    assert main(["predict", skim, source, "--out", "-"]) == 1
    assert capfd.readouterr().out == ""


def test_a_document_and_a_file_cannot_both_go_to_standard_output(files, capsys):
    source, skim, _ = files
    for command in [*outputs(source, skim), ("train", source), ("compare", source)]:
        assert main([*command, "--out", "-", "--json"]) == 1
        assert "--json must be left out" in capsys.readouterr().err


@pytest.mark.slow
def test_a_model_goes_through_a_pipe(files):
    source, _, folder = files
    command = [sys.executable, "-m", "skimbalance", "train", "-", "--out", "-"]
    with open(source) as file:
        done = subprocess.run(
            [*command, "--strategy", "plain"], stdin=file, capture_output=True, cwd=folder
        )
    assert (done.returncode, done.stderr) == (0, b"")
    (folder / "piped.skim").write_bytes(done.stdout)
    assert load_model(folder / "piped.skim").classes_.tolist() == ["x", "y"]


class Compared:
    """In the place of the result of a comparison."""

    recommended = "tuned_decision"

    def __init__(self):
        self.about = {}


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--target", "the target", "--drop", "b c,d", "--seed", "3", "--encoding", "latin-1"],
        ["--objective", "f1", "--positive", "x"],
        ["--target", "the target,c", "--groups", "a", "--weight", "b"],
        ["--objective", "recall_macro"],
        ["--objective", "alerts", "--level", "12.5"],
        ["--drop", "c", "--time", "a"],
        ["--time", "a"],
    ],
    ids=str,
)
def test_compare_ends_with_the_line_that_trains(options, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(compare, "compare_strategies", lambda *X, **options: Compared())
    monkeypatch.setattr("skimbalance._cli.compare.import_training", lambda: None)
    source = tmp_path / "it's a table.csv"
    target = "the target" if options[:1] == ["--target"] else "target"
    label = [0, 1] if "the target,c" in options else "xy"
    rows = [f"{i},{i % 7},0,{i % 2},{i},{label[i % 2]}" for i in range(30)]
    source.write_text("\n".join([f"a,b,b c,c,d,{target}", *rows]))
    assert main(["compare", str(source), *options]) == 0
    words = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert words[0] == "skimbalance"
    trained = vars(parser.make_parser().parse_args(words[1:]))
    compared = vars(parser.make_parser().parse_args(["compare", str(source), *options]))
    if "--time" in options:
        dropped = [name for name in (compared["drop"], "a") if name is not None]
        compared |= {"drop": ",".join(dropped), "time": None}
    for name in set(trained) & set(compared) - {"command", "out"}:
        assert trained[name] == compared[name]
    assert trained["strategy"] == Compared.recommended


@pytest.mark.parametrize(
    "option", ["--seed=-1", "--seed=1.5", f"--seed={2**32}", "--cv=1", "--cv=two", "--repeats=0"]
)
def test_numbers_out_of_range_are_wrong_usage_in_each_command(option, files, capsys):
    for command in ("compare", "train"):
        if command == "compare" or "seed" in option:
            with pytest.raises(SystemExit) as ended:
                main([command, files[0], option, "--out", str(files[2] / "out")])
            assert ended.value.code == 2
            name, value = option.split("=")
            err = capsys.readouterr().err.splitlines()[-1]
            assert f"argument {name}: must be an int in the range [" in err
            assert err.endswith(f"Got '{value}'")


# Help, and what is imported for it


def test_commands_are_modules_with_their_summary():
    for name, summary in parser.COMMANDS.items():
        module = import_module(f"skimbalance._cli.{name}")
        assert module.__doc__.splitlines()[0] == summary
        assert callable(module.run)


@pytest.mark.slow
def test_help_and_wrong_usage_come_at_once():
    """One process answers them all, and what takes time is never imported."""
    right = ["table.csv", "--out", "model.skim"]
    wrong = [
        ["wrong"],
        ["train", *right, "--objective", "cost"],
        ["train", *right, "--objective", "f1", "--seed", "x"],
        ["compare", "table.csv", "--cv", "1"],
        ["predict", "model.skim"],
    ]
    calls = [["--help"], ["--version"], *([name, "--help"] for name in parser.COMMANDS), *wrong]
    code = (
        "import json, sys\nfrom skimbalance._cli import main\n"
        "for argv in json.loads(sys.argv[1]):\n"
        "    try: main(argv)\n    except SystemExit as ended: print(ended.code, file=sys.stderr)\n"
        "heavy = {'sklearn', 'scipy', 'pandas', 'imblearn', 'tensorflow', 'rich', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    argv = [sys.executable, "-c", code, json.dumps(calls)]
    ended = subprocess.run(argv, capture_output=True, text=True)
    lines = ended.stderr.splitlines()
    assert lines[-1] == "[]"
    codes = [line for line in lines if line in ("0", "2")]
    assert codes == ["0"] * (len(calls) - len(wrong)) + ["2"] * len(wrong)


@pytest.mark.slow
def test_the_package_imports_its_names_at_their_first_use():
    code = (
        "import joblib, sys, skimbalance\n"
        "assert 'sklearn' not in sys.modules\n"
        "with joblib.parallel_config(backend='stacked'): pass\n"
        "assert set(skimbalance.__all__) <= set(dir(skimbalance))\n"
        "assert skimbalance.metrics.__name__ == 'skimbalance.metrics'\n"
        "from skimbalance import *\n"
        "assert all(name in globals() for name in skimbalance.__all__)\n"
        "assert ImbalancedMLPClassifier is skimbalance.ImbalancedMLPClassifier\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_every_public_name_says_where_it_is():
    assert set(skimbalance._MODULES) == set(skimbalance.__all__)
    for name, module in skimbalance._MODULES.items():
        assert getattr(import_module(f"skimbalance.{module}"), name) is getattr(skimbalance, name)
    with pytest.raises(AttributeError, match="no attribute 'none'"):
        _ = skimbalance.none


# Ctrl-C


@pytest.fixture
def in_the_foreground():
    """Ctrl-C works: a shell starts what runs in its background with this signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_is_answered(capfd, in_the_foreground):
    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert interrupts.answered
    assert "interrupted" in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 2])
def test_a_long_step_of_python_is_no_reason_to_wait_for_an_answer(times, in_the_foreground):
    """Such as this one, in which Python handles no signal."""
    code = (
        "import hashlib, sys\nfrom skimbalance._cli import main, datasets\n"
        "def step(args):\n"
        "    print('ready', flush=True)\n"
        "    hashlib.pbkdf2_hmac('sha256', b'a', b'b', 4_000_000)\n"
        "datasets.run = step\nsys.exit(main(['datasets']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        for _ in range(times):
            time.sleep(0.05)
            process.send_signal(signal.SIGINT)
        assert process.stderr.readline() == b"\n"
        assert b"interrupted" in process.stderr.readline()
        assert times == 2 or process.poll() is None  # the step goes on
        assert process.wait() == 130


@pytest.mark.slow
def test_threads_that_still_train_do_not_hold_up_the_end_of_the_program(in_the_foreground):
    code = (
        "import sys, threading, time\nfrom skimbalance._cli import main, datasets\n"
        "def step(args):\n"
        "    threading.Thread(target=time.sleep, args=[60]).start()\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "datasets.run = step\nsys.argv[1:] = ['datasets']\nsys.exit(main())"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130


def test_the_signals_of_the_process_are_left_alone(capsys):
    before = signal.getsignal(signal.SIGINT), threading.active_count()
    assert main(["datasets", "--json"]) == 0
    assert (signal.getsignal(signal.SIGINT), threading.active_count()) == before
    fd = signal.set_wakeup_fd(-1)
    assert fd == -1
