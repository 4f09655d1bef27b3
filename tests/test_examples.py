"""The examples run, and what they claim about the remedies holds."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(name):
    """The example as a module, to run it with fewer seeds or folds."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name, folder):
    """Output of the example, run as a user runs it."""
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / f"{name}.py"],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def row(output, label):
    """Cells after the label of a line."""
    (line,) = (line for line in output.splitlines() if line.startswith(label))
    return line.removeprefix(label).split()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_says_how_to_run_it_and_has_a_test(path):
    assert f"``python examples/{path.name}``" in load(path.stem).__doc__
    assert f"test_{path.stem}" in globals()


def test_weighted_network(capsys):
    aucs = load("weighted_network").main(n_seeds=3)
    assert aucs["unweighted"].mean() == pytest.approx(0.949, abs=0.015)
    assert aucs["weights 1:100"].mean() == pytest.approx(0.973, abs=0.008)
    assert np.all(aucs["weights 1:100"] > aucs["unweighted"])
    output = capsys.readouterr().out
    assert row(output, "weights 1:100")[0] == "0.973"
    assert float(row(output, "unweighted")[-2]) < 5 < 45 < float(row(output, "weights 1:100")[-2])


def test_custom_loss_in_keras(tmp_path):
    output = run("custom_loss_in_keras", tmp_path)
    table, sequences = output.split("Sequences:")
    for part in (table, sequences):
        plain = float(row(part, "Keras cross-entropy")[-1])
        weighted = float(row(part, "Crossentropy, weighted")[-1])
        assert weighted > plain + 0.1
    assert row(sequences, "  class indices:")[0].endswith("Error")
    assert row(sequences, "  one-hot:")[0].endswith("Error")


def test_which_strategy(tmp_path, capsys):
    figure = tmp_path / "figure.png"
    strategies = ["plain", "class_weighted"]
    comparison = load("which_strategy").main(figure, strategies=strategies, cv=3, verbose=0)
    output = capsys.readouterr().out
    assert comparison.recommendation.split(",")[0] in output
    balanced = comparison.frame()["balanced_accuracy"]
    assert balanced["class_weighted"] > balanced["plain"]
    assert figure.read_bytes().startswith(b"\x89PNG")


@pytest.mark.filterwarnings("ignore:.apply_async. is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Sending large graph:UserWarning")
def test_search_on_dask(capsys):
    search = load("search_on_dask").main(epochs=2)
    output = capsys.readouterr().out
    assert f"{search.best_score_:.3f}" in output
    counts = [int(row(output, f"worker {i}:")[0]) for i in range(2)]
    # 30 fits; Dask may also count tasks of its own.
    assert min(counts) > 0
    assert sum(counts) >= 30


def test_fit_on_dask(capsys):
    scores = load("fit_on_dask").main(n_rows=60_000, epochs=10, processes=False)
    output = capsys.readouterr().out
    for name, score in scores.items():
        assert f"{name}: average precision {score:.3f}" in output
    assert scores["two workers"] > 0.9 * scores["one machine"] > 0.3


def test_rare_steps(capsys):
    macro_f1 = load("rare_steps").main(n_sequences=300, epochs=10)
    output = capsys.readouterr().out
    assert float(row(output, "always 0")[0]) > 0.985
    assert macro_f1["always 0"] == pytest.approx(0.2, abs=0.002)
    # Equal accuracy, although one finds half of the rare steps and the other none.
    assert float(row(output, "tuned decision")[0]) == pytest.approx(0.99, abs=0.005)
    assert row(output, "cross-entropy")[-3:-1] == ["0.00", "0.00"]
    for name, score in macro_f1.items():
        assert score <= macro_f1["tuned decision"], name
    assert macro_f1["square root weights"] > macro_f1["cross-entropy"] + 0.05
    assert f"{macro_f1['tuned decision']:.3f}" in output
