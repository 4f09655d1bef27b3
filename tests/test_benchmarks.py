"""Every benchmark runs, on little data; what it measures is not tested, but its own rules are."""

import importlib
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, f1_score, log_loss, roc_auc_score
from threadpoolctl import threadpool_limits

from skimbalance.persistence import load_model

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
PATHS = sorted(BENCHMARKS.glob("*.py"))
MODULES = [path.stem for path in PATHS]
SCRIPTS = [path.stem for path in PATHS if 'if __name__ == "__main__"' in path.read_text()]


@pytest.fixture
def imports_of_benchmarks(monkeypatch):
    """Benchmarks import each other by name; other modules of these names stay untouched."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    for name in MODULES:
        monkeypatch.setitem(sys.modules, name, None)
        del sys.modules[name]


@pytest.fixture
def part(imports_of_benchmarks):
    """Import a module of the benchmarks by its name."""
    return importlib.import_module


@pytest.fixture
def run(imports_of_benchmarks, monkeypatch, capsys):
    """Run a script on little data and return what it prints."""

    def run(name, *arguments):
        path = str(BENCHMARKS / f"{name}.py")
        monkeypatch.setattr(sys, "argv", [path, "--tiny", *map(str, arguments)])
        # `common` reads the arguments when it is imported.
        for module in MODULES:
            sys.modules.pop(module, None)
        # On so little data threads would only wait for each other.
        with threadpool_limits(1):
            runpy.run_path(path, run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_runs_with_tiny_sizes(name, run):
    assert "| --- |" in run(name)


# Inputs that once failed.
ONCE_FAILED = sorted((Path(__file__).parent / "data" / "fuzz").iterdir())


@pytest.mark.parametrize("path", ONCE_FAILED, ids=lambda path: path.name)
def test_what_once_failed_is_read_or_refused_in_a_sentence(path, part):
    if path.suffix == ".skim":
        _, said = part("fuzz_models").loading(path, load_model)
        assert said["outcome"] in ("loads", "refused")
    else:
        said = part("fuzz_tables").outcome(str(path), path.read_bytes(), "utf-8")
        assert said["outcome"] in ("the same rows", "refused")


def test_a_seed_repeats_the_inputs(part):
    for module, make in (("fuzz_models", "mutated"), ("fuzz_tables", "table")):
        make = getattr(part(module), make)
        assert [make(i, 7) for i in range(5)] == [make(i, 7) for i in range(5)]
        assert make(0, 7) != make(0, 8)


CASES = """
import os, time
def cases(ends):
    def case(number):
        if str(number) in ends:
            os.abort() if ends[str(number)] == "died" else time.sleep(60)
        return {"number": number}
    return case
"""


@pytest.mark.slow
def test_a_case_that_ends_its_process_is_noted_and_the_others_run(part, tmp_path, monkeypatch):
    (tmp_path / "cases_of_a_test.py").write_text(CASES)
    monkeypatch.chdir(tmp_path)
    ends = {"1": "died", "3": "hung", "4": "died"}
    outcomes = part("isolated").outcomes
    found = dict(outcomes("cases_of_a_test:cases", range(6), seconds=2, options={"ends": ends}))
    assert list(found) == [0, 1, 2, 3, 4, 5]
    for number, said in found.items():
        end = ends.get(str(number), "number")
        assert end in said
        assert (said[end] == number) == (end == "number")


# Two peers that need no library beside scikit-learn.
PEERS = ("--models", "logreg-bal", "hgb")


def test_quality_goes_on_from_stored_folds(run, tmp_path):
    first, again = tmp_path / "first.csv", tmp_path / "again.csv"
    run("quality", *PEERS, "--preds", tmp_path / "preds", "--out", first)
    run("quality", *PEERS, "--preds", tmp_path / "preds", "--out", again, "--seconds", 0)
    assert first.read_text() == again.read_text()
    assert set(pd.read_csv(first).rule) == {"argmax", "balanced", "crossfit"}


def test_quality_fits_no_model_whose_scores_are_in_a_file(run, tmp_path):
    run("quality", "--models", "hgb", "--out", tmp_path / "hgb.csv")
    text = run("quality", *PEERS, "--results", tmp_path / "hgb.csv", "--out", tmp_path / "new.csv")
    assert set(pd.read_csv(tmp_path / "new.csv").model) == {"logreg-bal"}
    assert "| hgb |" in text


def test_quality_scores_decisions_that_a_model_tunes_itself(run, tmp_path):
    text = run("quality", "--models", "logreg-bal", "logreg-bal-tuned", "--out", tmp_path / "s.csv")
    scores = pd.read_csv(tmp_path / "s.csv")
    assert set(scores.model[scores.rule == "own"]) == {"logreg-bal-tuned"}
    assert "macro-F1, own" in text


def test_quality_refuses_stored_folds_of_other_rows(run, tmp_path):
    run("quality", *PEERS, "--preds", tmp_path)
    path = next(tmp_path.glob("*.npz"))
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays | {"test": arrays["test"] + 1})
    with pytest.raises(SystemExit, match="is about other rows"):
        run("quality", *PEERS, "--preds", tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "none"], "'none' is not a model. The models are: logreg-bal, hgb"),
        (["--versus", "none"], "'none' is not a model. The models are: logreg-bal, hgb"),
        (["--sets", "none"], "'none' is not a set. The sets are: simulated."),
    ],
)
def test_quality_refuses_unknown_names(arguments, message, run, capsys):
    with pytest.raises(SystemExit):
        run("quality", *arguments)
    assert message in capsys.readouterr().err


def test_quality_without_scores_says_so(run):
    with pytest.raises(SystemExit, match="There are no scores"):
        run("quality", *PEERS, "--seconds", 0)


def test_quality_leaves_out_peers_that_are_not_installed(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    text = run("quality", "--models", "logreg-bal", "lgbm")
    assert "Left out, as something is not installed" in text
    assert "| logreg-bal |" in text
    assert "| lgbm |" not in text


def test_quality_counts_a_failure_and_goes_on(run, monkeypatch, capsys):
    monkeypatch.delattr(HistGradientBoostingClassifier, "predict_proba")
    with pytest.raises(SystemExit, match="1 fits failed, as the lines above say"):
        run("quality", *PEERS)
    text = capsys.readouterr().out
    assert "hgb failed on simulated: AttributeError" in text
    assert "| logreg-bal |" in text


def test_quality_switches_off_one_part_at_a_time(part):
    models = part("quality_models")
    whole = models.MODELS[models.ABLATED].make(0, 1).get_params()
    assert models.MODELS[models.NETWORKS].make(0, 1).get_params()["trees"] is False
    for name, model in models.ABLATIONS.items():
        params = model.make(0, 1).get_params()
        changed = {k for k in params if k != "estimator" and params[k] != whole[k]}
        expected = models.PARTS[name.removeprefix("without-")]
        network = {f"estimator__{key}" for key in expected.get("network", {})}
        assert changed == {"trees"} | network | (set(expected) - {"network"})


def probabilities(n_classes, n_rows=60):
    rng = np.random.default_rng(n_classes)
    # Equal probabilities occur, which no cut can separate.
    proba = rng.integers(1, 9, size=(n_rows, n_classes)) + 0.0
    y = rng.choice(n_classes, n_rows, p=proba.mean(axis=0) / proba.mean(axis=0).sum())
    proba[np.arange(n_rows), y] += 3
    return proba / proba.sum(axis=1, keepdims=True), y


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_no_weight_of_another_value_has_a_better_f1(n_classes, part):
    proba, y = probabilities(n_classes)
    log_proba = np.log(proba)
    weights = part("quality_scores").weights_for_f1(log_proba, y)

    def f1(weights):
        return f1_score(y, (log_proba + weights).argmax(axis=1), average="macro", zero_division=0)

    assert f1(weights) >= f1(np.zeros(n_classes))
    for k in range(n_classes):
        for value in np.linspace(-4, 4, 81):
            other = weights.copy()
            other[k] = value
            assert f1(weights) >= f1(other) - 1e-6


def test_equal_probabilities_have_a_threshold_too(part):
    y = np.array([0, 0, 0, 1])
    weights = part("quality_scores").weights_for_f1(np.log(np.full((4, 2), 0.5)), y)
    assert (weights + np.log(0.5)).argmax() == 0


@pytest.mark.parametrize("n_classes", [2, 3])
def test_decisions_do_not_use_the_labels_of_their_own_fold(n_classes, part):
    decisions = part("quality_scores").decisions
    proba, y = probabilities(n_classes)
    fold_of_row = np.arange(len(y)) % 3
    before = decisions(proba, y, fold_of_row)
    test = fold_of_row == 1
    after = decisions(proba, np.where(test, 0, y), fold_of_row)
    for rule, predicted in before.items():
        np.testing.assert_array_equal(predicted[test], after[rule][test])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_perfect_probabilities_have_perfect_scores(n_classes, part):
    scores = part("quality_scores")
    y = np.arange(30) % n_classes
    proba, fold_of_row = np.eye(n_classes)[y], np.arange(30) // 10
    found = scores.scores_of_probabilities(y, proba, fold_of_row)
    assert found == pytest.approx({"ap": 1, "auc": 1, "log_loss": 0, "brier": 0}, abs=1e-6)
    for predicted in scores.decisions(proba, y, fold_of_row).values():
        found = scores.scores_of_decisions(y, predicted)
        assert found == pytest.approx(dict.fromkeys(scores.SCORES_OF_DECISIONS, 1))


def test_scores_of_one_fold_are_those_of_scikit_learn(part):
    proba, y = probabilities(3)
    found = part("quality_scores").scores_of_probabilities(y, proba, np.zeros(len(y)))
    truth = np.eye(3)[y]
    assert found["ap"] == pytest.approx(average_precision_score(truth, proba))
    assert found["auc"] == pytest.approx(roc_auc_score(y, proba, multi_class="ovr"))
    assert found["log_loss"] == pytest.approx(log_loss(y, proba))
    assert found["brier"] == pytest.approx(((proba - truth) ** 2).sum() / 2 / len(y))


def test_average_precision_of_two_classes_is_that_of_the_rarer(part):
    proba, y = probabilities(2)
    rarer = np.bincount(y).argmin()
    found = part("quality_scores").scores_of_probabilities(y, proba, np.zeros(len(y)))
    assert found["ap"] == pytest.approx(average_precision_score(y == rarer, proba[:, rarer]))


def test_rows_of_a_set(part):
    sets = part("quality_sets")
    frame = pd.DataFrame({"x": np.arange(200.0), "target": ["a"] * 150 + ["b"] * 41 + ["c"] * 9})
    assert np.bincount(sets.select("three", frame).y).tolist() == [150, 41]
    two = frame[frame.target != "a"]
    assert np.bincount(sets.select("two", two).y).tolist() == [41, 9]
    few = sets.select("two", pd.concat([two] * 2)).y
    assert np.bincount(few).tolist() == [41, 9]
    drawn = sets.select("drawn", frame.assign(target=frame.target.replace("c", "b")), 100)
    assert np.bincount(drawn.y).tolist() == [75, 25]
    assert drawn.X.x.is_unique
    drawn = sets.select("drawn", two, 20)
    assert np.bincount(drawn.y).tolist() == [20, 9]


def test_the_sets_of_the_package_have_numbers_and_categories(part):
    sets = part("quality_sets")
    for name in sets.names_of_sets(None):
        data = sets.load_set(None, name)
        assert len(data.X) == len(data.y) <= sets.MAX_ROWS + 100
        assert set(map(str, data.X.dtypes)) <= {"float64", "category"}


def test_a_folder_of_sets(part, tmp_path):
    sets = part("quality_sets")
    with pytest.raises(SystemExit, match="must contain index"):
        sets.names_of_sets(tmp_path)
    index = {"name": list("abc"), "task": ["multiclass", "multilabel", "binary"], "n": [900, 9, 9],
             "d": 4, "classes": 2}  # fmt: skip
    pd.DataFrame(index).to_csv(tmp_path / "index.csv")
    assert sets.names_of_sets(tmp_path) == ["c", "a"]
    frame = pd.DataFrame({"x": [1, 2, 3], "s": ["u", None, "v"], "target": [0, 1, 1]})
    frame.to_parquet(tmp_path / "c.parquet")
    data = sets.load_set(tmp_path, "c")
    assert data.y.tolist() == [0, 1, 1]
    assert data.n_classes == 2
    assert list(data.X) == ["x", "s"]


@pytest.mark.parametrize("name", ["table", "texts", "imputed", "array"])
def test_inputs_learn_from_the_training_rows_alone(name, part):
    inputs = part("quality_sets").INPUTS
    X = pd.DataFrame({"x": [1.0, np.nan, 3.0, 100.0], "empty": [np.nan] * 3 + [1.0],
                      "s": pd.Categorical(["a", "b", "a", "new"])})  # fmt: skip
    transform = inputs[name](X[:3])
    before, after = transform(X[:3]), transform(X)[:3]
    last = transform(X)[3:]
    if name == "array":
        np.testing.assert_array_equal(before, after)
        assert np.isfinite(last).all()
    else:
        pd.testing.assert_frame_equal(before, after)
        assert list(last)[:2] == ["x", "s"]
        assert last.s.isna().all() or list(last.s) == ["nan"]


def test_pairs_are_counted_with_the_sign_of_the_metric(part):
    tables = part("quality_tables")
    ours, theirs = np.arange(10) / 10, np.r_[np.arange(8) / 10 + 0.05, 0.8, 0.1]
    table = pd.DataFrame({"ours": ours, "theirs": theirs})
    lead, record, p = tables.compared(table, tables.Metric("log_loss", sign=-1), "theirs", "ours")
    assert record == "8-1-1"
    assert lead == pytest.approx((8 * 0.05 - 0.8) / 10)
    assert 0 < p < 1
    few = tables.compared(table[:5], tables.Metric("ap"), "theirs", "ours")
    assert few[1] == "0-0-5"
    assert np.isnan(few[2])


@pytest.mark.parametrize("digits", [1, 6])
def test_average_precision_without_each_group_is_that_of_the_other_rows(digits, part):
    rng = np.random.default_rng(digits)
    p = rng.random(500).round(digits)  # with one digit, many are equal
    y = (rng.random(500) < p**3).astype(int)
    whole, without = part("scale_scores").average_precisions(y, p, 7)
    assert whole == pytest.approx(average_precision_score(y, p))
    for group, found in enumerate(without):
        others = np.arange(500) % 7 != group
        assert found == pytest.approx(average_precision_score(y[others], p[others]))


def test_the_jackknife_has_the_standard_error_of_a_mean(part):
    values = np.random.default_rng(0).normal(size=50)
    without = np.array([np.delete(values, i).mean() for i in range(50)])
    expected = values.std(ddof=1) / np.sqrt(50)
    assert part("scale_scores").standard_error(without) == pytest.approx(expected)


def test_labels_of_the_rows_at_scale_have_their_probabilities(part):
    data = part("scale_data")
    b = data.intercept()
    X, y, p = data.block(3, 200_000, b)
    assert X.shape == (data.N_COLUMNS, 200_000)
    assert p.mean() == pytest.approx(data.RARE, rel=0.15)
    for high in (p > np.median(p), p > 0.1):
        deviation = np.sqrt((p * (1 - p))[high].sum())
        assert abs((y - p)[high].sum()) < 4 * deviation
    again = data.block(3, 200_000, b)
    np.testing.assert_array_equal(X, again[0])
    np.testing.assert_array_equal(y, again[1])
    assert (X[0] != data.block(4, 200_000, b)[0][0]).any()


def test_files_hold_the_blocks_and_are_written_once(part, tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    data = part("scale_data")
    monkeypatch.setattr(data, "FILE_ROWS", 1_000)
    monkeypatch.setattr(data, "GROUP_ROWS", 500)
    data.files(tmp_path, 1_000)
    (first,) = tmp_path.glob("*.parquet")
    written = first.stat().st_mtime_ns
    paths = data.files(tmp_path, 2_000)
    assert (len(paths), first.stat().st_mtime_ns) == (2, written)
    X, y = (np.concatenate(parts) for parts in zip(*data.batches(paths), strict=True))
    b = data.intercept()
    blocks = [data.block(number, 500, b) for number in range(4)]
    np.testing.assert_array_equal(X, np.hstack([block[0] for block in blocks]).T)
    np.testing.assert_array_equal(y, np.concatenate([block[1] for block in blocks]))
