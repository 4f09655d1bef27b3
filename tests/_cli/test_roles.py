"""Columns with a role: several targets, groups, weights and moments of the rows, and the goal."""

import csv
import errno
import io
import json
import re
import shlex
from argparse import Namespace
from dataclasses import replace
from inspect import signature
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import TimeSeriesSplit
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline

from skimbalance import TunedDecisionClassifierCV, compare_strategies
from skimbalance._cli import compare, judges, main, parser, streaming, train
from skimbalance._cli.roles import Roles, later_folds, latest_rows, latest_start, read_training
from skimbalance._cli.tables import open_table
from skimbalance._cli.targets import counts_of
from skimbalance.persistence import load_model, model_info, save_model
from skimbalance.preprocessing import table_steps

LABELS = ["fever", "rash, itching"]


def frame(n=180, seed=0):
    """Numbers, two labels, classes, six rows of each patient, one row a day, and weights."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return pd.DataFrame(
        {
            "x": x.round(3),
            "z": rng.normal(size=n).round(3),
            "patient": [f"p{i // 6}" for i in range(n)],
            "day": pd.date_range("2024-01-01", periods=n).strftime("%Y-%m-%d"),
            "count": rng.integers(1, 4, n),
            LABELS[0]: (x > 1).astype(int),
            LABELS[1]: np.where(x < -1, "true", "False"),
            "grade": np.where(x > 0.8, "ill", "well"),
        }
    )


@pytest.fixture
def table(tmp_path):
    frame().to_csv(tmp_path / "t.csv", index=False)
    return str(tmp_path / "t.csv")


def done(capsys, *argv):
    """Standard output of a command that goes well."""
    assert main([str(arg) for arg in argv]) == 0
    return capsys.readouterr().out


def failed(capsys, *argv):
    """The sentence of one that does not, apart from notes."""
    assert main([str(arg) for arg in argv]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    sentences = [line for line in err.splitlines() if not line.startswith("note: ")]
    assert len(sentences) == 1
    return sentences[0]


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


# Names


def test_columns_whose_names_have_commas_are_named_as_they_are(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('a,"b, c","a,b",d\n1,1,1,1\n')
    named = open_table(str(path)).named
    assert named("a") == ["a"]
    assert named("a, d") == ["a", "d"]
    assert named("a,b") == ["a,b"]
    assert named("d,b, c,a,b,a") == ["d", "b, c", "a,b", "a"]
    assert named("x,a") == ["x", "a"]
    assert named("") == [""]


# Several targets


@pytest.fixture
def model(table, tmp_path):
    """A model file of two labels as `train` writes it, of a fast classifier."""
    X, y, kinds, _ = read_training(
        open_table(table), Roles(LABELS, ("grade", "patient", "day", "count"))
    )
    clean, encode, _ = table_steps(X)
    fitted = make_pipeline(clean, encode, OneVsRestClassifier(LogisticRegression())).fit(X, y)
    save_model(fitted, tmp_path / "m.skim", columns=kinds, target=LABELS)
    return str(tmp_path / "m.skim")


def test_an_indicator_is_read_however_it_is_written(tmp_path):
    cells = {"a": ["0", "1", "1", "0"], "b": ["false", "True", "TRUE", "False"],
             "c": ["0.0", "1", "1.", "false"]}  # fmt: skip
    pd.DataFrame({"x": range(4), **cells}).to_csv(tmp_path / "t.csv", index=False)
    _, y, kinds, _ = read_training(open_table(str(tmp_path / "t.csv")), Roles(list(cells)))
    assert kinds == {"x": "number"}
    assert list(y) == list(cells)
    assert_array_equal(y, np.outer([0, 1, 1, 0], [1, 1, 1]))
    pytest.importorskip("pyarrow")
    typed = pd.DataFrame({"x": range(4), "a": [0, 1, 1, 0], "b": [False, True, True, False],
                          "c": [0.0, 1.0, 1.0, 0.0]})  # fmt: skip
    typed.to_parquet(tmp_path / "t.parquet")
    again = read_training(open_table(str(tmp_path / "t.parquet")), Roles(list(cells)))
    assert again.y.equals(y)


def test_a_label_may_be_missing(tmp_path):
    (tmp_path / "t.csv").write_text("x,a,b\n1,0,\n2,?,true\n3,1.0,false\n")
    _, y, _, _ = read_training(open_table(str(tmp_path / "t.csv")), Roles(["a", "b"]))
    assert_array_equal(y, [[0, np.nan], [np.nan, 1], [1, 0]])


@pytest.mark.parametrize("cell", ["2", "yes", "0.5", "-1"])
def test_what_is_no_label_is_one_sentence(cell, tmp_path, capsys):
    (tmp_path / "t.csv").write_text(f"x,a,b\n1,0,1\n2,{cell},0\n3,1,1\n")
    out = tmp_path / "m"
    for more in ([], ["--stream"]):
        err = failed(capsys, "train", tmp_path / "t.csv", "--target", "a,b", "--out", out, *more)
        assert "The target 'a' of" in err
        assert "line 3 has" in err.lower()
    assert not out.exists()


def test_each_label_is_predicted_by_its_name(model, table, tmp_path, capsys):
    out = json.loads(done(capsys, "predict", model, table, "--out", tmp_path / "s.csv", "--json"))
    header, *scored = read(tmp_path / "s.csv")
    new = [f"{of}_{label}" for label in LABELS for of in ("prediction", "probability")]
    assert header == [*frame(), *new]
    assert out["columns"] == new
    clf, X = load_model(model), frame()[["x", "z"]]
    cells = np.array([row[-4:] for row in scored], float)
    assert_array_equal(cells[:, ::2], clf.predict(X))
    assert_array_equal(cells[:, 1::2], clf.predict_proba(X))
    assert out["predicted"] == [
        {"label": label, "rows": int(n)}
        for label, n in zip(LABELS, clf.predict(X).sum(axis=0), strict=True)
    ]
    text = done(capsys, "predict", model, table, "--out", tmp_path / "s.csv")
    assert f"{LABELS[1]} {out['predicted'][1]['rows']} " in " ".join(text.split())


def test_a_report_names_the_labels_as_training_did_or_as_the_table_does(
    model, table, tmp_path, capsys
):
    assert model_info(model)["target"] == LABELS
    names = json.loads(done(capsys, "report", model, table, "--json"))
    other = frame().rename(columns={LABELS[0]: "hot", LABELS[1]: "red"})
    other.to_csv(tmp_path / "other.csv", index=False)
    renamed = done(capsys, "report", model, tmp_path / "other.csv", "--target", "hot,red", "--json")
    was = json.dumps(names).replace(LABELS[0], "hot").replace(LABELS[1], "red")
    assert json.loads(renamed) == json.loads(was)
    err = failed(capsys, "report", model, tmp_path / "other.csv", "--target", "hot")
    assert "as many columns as the model has targets: 2. Got ['hot']" in err
    err = failed(capsys, "report", model, tmp_path / "other.csv")
    assert "must have the column 'fever'" in err


def test_a_model_of_labels_without_names_is_one_sentence(model, table, tmp_path, capsys):
    unnamed = tmp_path / "unnamed.skim"
    save_model(load_model(model), unnamed, columns=model_info(model)["columns"])
    err = failed(capsys, "predict", unnamed, table, "--out", tmp_path / "s.csv")
    assert "give save_model the parameter 'target' as a list of them" in err
    assert "The option --target must be given" in failed(capsys, "report", unnamed, table)
    with pytest.raises(ValueError, match="a list of str or None"):
        save_model(load_model(model), unnamed, target=[1, 2])


# Moments


@pytest.mark.parametrize("n_folds", [1, 2, 5])
def test_folds_by_moments_are_those_of_scikit_learn_where_all_moments_differ(n_folds):
    time = np.random.default_rng(0).permutation(53)
    order = np.argsort(time)
    splits = later_folds(time, n_folds, "t")
    expected = TimeSeriesSplit(n_folds).split(time) if n_folds > 1 else [(order[:27], order[27:])]
    for (train_rows, test_rows), (earlier, later) in zip(splits, expected, strict=True):
        if n_folds > 1:
            assert_array_equal(np.sort(time[train_rows]), earlier)
            assert_array_equal(np.sort(time[test_rows]), later)
        else:
            assert_array_equal(np.sort(train_rows), np.sort(earlier))
            assert_array_equal(np.sort(test_rows), np.sort(later))


def test_a_moment_is_never_on_both_sides_and_nothing_later_trains():
    rng = np.random.default_rng(1)
    for _ in range(20):
        time = rng.integers(0, 15, 100)
        splits = later_folds(time, 3, "t")
        for train_rows, test_rows in splits:
            assert time[train_rows].max() < time[test_rows].min()
        tested = np.concatenate([rows for _, rows in splits])
        assert len(np.unique(tested)) == len(tested)
        assert set(np.flatnonzero(time == time.max())) <= set(tested)


def test_moments_are_numbers_or_dates(tmp_path):
    n = 40
    days = pd.date_range("2023-12-20 06:00", periods=n, freq="9h")
    order = np.random.default_rng(0).permutation(n)
    forms = {
        "number": np.arange(n) * 0.5 - 3,
        "day": days.strftime("%Y-%m-%dT%H:%M"),
        "blank": days.strftime("%Y-%m-%d %H:%M:%S"),
        "zone": days.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    table = pd.DataFrame({"x": range(n), "y": ["a", "b"] * (n // 2), **forms}).iloc[order]
    table.to_csv(tmp_path / "t.csv", index=False)
    opened = open_table(str(tmp_path / "t.csv"))
    for name in forms:
        drop = tuple(forms)
        X, _, _, given = read_training(opened, Roles("y", drop, time=name))
        assert list(X) == ["x"]
        assert_array_equal(np.argsort(given["time"]), np.argsort(order))
    pytest.importorskip("pyarrow")
    table.assign(day=days[order]).to_parquet(tmp_path / "t.parquet")
    opened = open_table(str(tmp_path / "t.parquet"))
    for name in ("number", "day", "blank"):
        given = read_training(opened, Roles("y", drop, time=name)).beside
        assert_array_equal(np.argsort(given["time"]), np.argsort(order))


# Groups and weights


def test_weights_are_read_as_the_other_numbers_are(tmp_path, capsys):
    rows = [f"{i}.250,5;{i}.000,25;{'ab'[i % 2]}" for i in range(1, 30)]
    (tmp_path / "t.csv").write_text("\n".join(["x;w;y", *rows]))
    X, _, kinds, given = read_training(open_table(str(tmp_path / "t.csv")), Roles("y", weight="w"))
    assert list(kinds) == list(X) == ["x"]
    assert given["sample_weight"].tolist() == [1000 * i + 0.25 for i in range(1, 30)]


def test_what_is_no_group_weight_or_moment_is_one_sentence(tmp_path, capsys):
    rows = ["1,a,2,3,x", "2,b,2,3,y", "3,{},{},{},x"]
    bad = {"groups": ("", 1, 1), "weight": ("a", "-1", 1), "time": ("a", 1, "03.10.2021")}
    for option, cells in bad.items():
        text = "\n".join(["v,g,w,t,y", *rows]).format(*cells)
        (tmp_path / "t.csv").write_text(text)
        argv = ["compare", tmp_path / "t.csv", "--target", "y", f"--{option}", option[0]]
        err = failed(capsys, *argv)
        assert f"named by --{option}, must hold" in err
        assert "line 4 has" in err
    for cell, sentence in (("", "line 4 has ''"), ("heavy", "must hold numbers. Got text: line 4")):
        (tmp_path / "t.csv").write_text("\n".join(["v,g,w,t,y", *rows]).format("a", cell, 1))
        err = failed(capsys, "compare", tmp_path / "t.csv", "--target", "y", "--weight", "w")
        assert sentence in err


def fast_steps(X):
    clean, encode, _ = table_steps(X)
    return make_pipeline(clean, encode).steps


def fast(strategy, X, y, *, verbose=0, checkpoint=None, **decision):
    """In the place of `make_strategy`: decisions of a fast classifier."""
    logistic = Pipeline([*fast_steps(X), ("classify", LogisticRegression())])
    return TunedDecisionClassifierCV(logistic, **decision)


def test_train_hands_on_what_the_columns_say_of_the_rows(table, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("skimbalance.compare._strategies.make_strategy", fast)
    monkeypatch.setattr(train, "import_training", lambda: None)
    argv = ["train", table, "--target", "grade", "--drop", ",".join(["day", *LABELS])]
    argv += ["--groups", "patient", "--weight", "count", "--objective", "recall_at_precision"]
    argv += ["--level", 0.6, "--positive", "well", "--out", tmp_path / "m.skim", "--json"]
    about = json.loads(done(capsys, *argv))
    data = frame()
    X, y = data[["x", "z"]], data["grade"].to_numpy()
    clf = fast("", X, y, objective="recall_at_precision", random_state=0, verbose=0)
    clf.set_params(level=0.6, pos_label="well")
    clf.fit(X, y, sample_weight=data["count"].to_numpy(), groups=data["patient"].to_numpy())
    loaded = load_model(tmp_path / "m.skim")
    assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))
    assert loaded.threshold_ == clf.threshold_
    assert model_info(tmp_path / "m.skim")["columns"] == {"x": "number", "z": "number"}
    assert about["out_of_fold"] == clf.objective_score_
    expected = {"level": 0.6, "positive": "well", "groups": "patient", "weight": "count"}
    assert about.items() >= {"objective": "recall_at_precision", **expected}.items()


class Network:
    """In the place of a network: it keeps what its fit is given."""

    def fit(self, X, y, *, X_val=None, y_val=None, **given):
        self.X, self.y, self.given, self.own = np.array(X), y, given, (X_val, y_val)
        return self

    def fit_stream(self, source, **given):
        passes = [[*source()], [*source()]]
        for parts in zip(*passes, strict=True):
            pd.testing.assert_frame_equal(parts[0][0], parts[1][0])
            assert all(len(part) == len(passes[0][0]) for part in parts)
        X, y, *weight = zip(*passes[0], strict=True)
        self.X = pd.concat(X, ignore_index=True)
        join = np.concatenate if isinstance(y[0], np.ndarray) else pd.concat
        self.y, self.weight = join(y), [*map(np.concatenate, weight)]
        self.given = given


def streamed(table, roles, network, monkeypatch, **options):
    """What streamed training hands on to a network in the place of the usual one."""
    monkeypatch.setattr(streaming, "import_training", lambda: None)
    monkeypatch.setattr(streaming, "_model", lambda *options: network)
    given = {"seed": 0, "checkpoint": None, "majority_fraction": None, "majority_ratio": None}
    return streaming.train_streaming(
        open_table(table), roles, "plain", Namespace(**given | options)
    )


@pytest.mark.filterwarnings("ignore:Decisions for classes with fewer than")
def test_the_latest_rows_judge(table, tmp_path, monkeypatch, capsys):
    data = frame()
    X, y, weight = data[["x", "z"]], data["grade"].to_numpy(), data["count"].to_numpy()
    n = len(y) - len(y) // 5
    # Decisions are tuned on them, and the classifier is then fitted on all rows.
    monkeypatch.setattr("skimbalance.compare._strategies.make_strategy", fast)
    monkeypatch.setattr(train, "import_training", lambda: None)
    argv = ["train", table, "--target", "grade", "--drop", ",".join(["patient", *LABELS])]
    done(capsys, *argv, "--time", "day", "--weight", "count", "--out", tmp_path / "m.skim")
    loaded, tuned = load_model(tmp_path / "m.skim"), fast("", X, y, random_state=0)
    assert loaded.cv == tuned.cv
    tuned.set_params(cv=[(np.arange(n), np.arange(n, len(y)))]).fit(X, y, sample_weight=weight)
    assert_array_equal(loaded.predict_proba(X), tuned.predict_proba(X))
    assert loaded.threshold_ == tuned.threshold_
    # What takes held-out rows does not train on them.
    network = Network()
    order = np.random.default_rng(0).permutation(len(y))
    train._fit(network, X.iloc[order], y[order], sample_weight=weight[order], time=order)
    early = order < n
    assert_array_equal(network.X, X.iloc[order[early]])
    assert_array_equal(network.own[0], X.iloc[order[~early]])
    assert_array_equal(network.own[1], y[order[~early]])
    given = network.given
    assert_array_equal(given["sample_weight"], weight[order[early]])
    assert_array_equal(given["sample_weight_val"], weight[order[~early]])


FORMS = ["csv", "parquet"]


def stored(data, path, form):
    """A table in a file of some form."""
    if form == "csv":
        data.to_csv(path / "s.csv", index=False)
    else:
        pytest.importorskip("pyarrow")
        data.to_parquet(path / "s.parquet")
    return str(path / f"s.{form}")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("n_rows", [7, 1000])
def test_streamed_training_hands_on_what_the_columns_say_of_the_rows(
    n_rows, form, tmp_path, monkeypatch
):
    monkeypatch.setattr(streaming, "ROWS", n_rows)
    network, table = Network(), stored(frame(), tmp_path, form)
    roles = Roles(LABELS, ("grade", "day"), groups="patient", weight="count")
    if form == "parquet":
        roles = replace(roles, drop=(*roles.drop, LABELS[1]), target=LABELS[:1])
    trained = streamed(table, roles, network, monkeypatch, majority_ratio=3.0)
    X, labels, expected, given = read_training(open_table(table), roles)
    assert trained.kinds == expected == {"x": "number", "z": "number"}
    assert trained.model is network
    assert network.X.equals(X)
    assert_array_equal(network.y, labels)
    assert_array_equal(network.weight, [given["sample_weight"]])
    assert network.given == {"majority_fraction": None, "majority_ratio": 3.0}
    assert_array_equal(trained.counts, counts_of(labels))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_latest_rows_judge_a_stream(weighted, form, tmp_path, monkeypatch):
    data = frame().sample(frac=1, random_state=0)
    network, table = Network(), stored(data, tmp_path, form)
    monkeypatch.setattr(streaming, "ROWS", 50)
    drop = ("patient", *LABELS, *([] if weighted else ["count"]))
    roles = Roles("grade", drop, time="day", weight="count" if weighted else None)
    trained = streamed(table, roles, network, monkeypatch)
    late = data["day"] > np.sort(data["day"])[len(data) - len(data) // 5 - 1]
    assert_array_equal(network.X, data.loc[~late, ["x", "z"]])
    assert_array_equal(network.y, data.loc[~late, "grade"])
    assert trained.counts == data["grade"].value_counts().to_dict()
    # The sample is all of them, in another order.
    X, y, weight = (network.given[f"{name}_val"] for name in ("X", "y", "sample_weight"))
    found = data[late].sort_values(["x", "z"])
    order = np.lexsort([X["z"], X["x"]])
    assert_array_equal(X.iloc[order], found[["x", "z"]])
    assert_array_equal(y[order], found["grade"])
    if weighted:
        assert_array_equal(weight[order], found["count"])
        assert_array_equal(network.weight[0], data.loc[~late, "count"])
    else:
        assert weight is None
        assert not network.weight


def test_the_latest_fifth_begins_where_the_split_in_time_has_it():
    rng = np.random.default_rng(0)
    for _ in range(300):
        moments = rng.integers(0, rng.integers(2, 40), rng.integers(2, 60)).astype(float)
        if np.ptp(moments):
            start = latest_start(np.sort(moments), "t")
            assert_array_equal(np.flatnonzero(moments >= start), latest_rows(moments)[1])
    with pytest.raises(ValueError, match="'t', named by --time, must have at least 2 different"):
        latest_start(np.ones(5), "t")


def patients(n_groups, seed=0, n=2_000):
    """Rows of groups, a fifth of them rare."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, n)
    y = np.where(rng.random(n) < 0.2, "rare", "common")
    return pd.DataFrame({"x": np.arange(n), "patient": [f"p{i}" for i in group], "grade": y})


@pytest.mark.parametrize("n_groups", [2, 30, 1_900])
def test_a_stream_divides_no_group(n_groups, tmp_path, monkeypatch):
    data = patients(n_groups)
    table = stored(data, tmp_path, "csv")
    monkeypatch.setattr(streaming, "ROWS", 300)
    monkeypatch.setattr(judges, "_FEW_GROUPS", 100)
    network = Network()
    roles = Roles("grade", groups="patient")
    streamed(table, roles, network, monkeypatch)
    trains, held = (
        {*data["patient"][rows["x"].astype(int)]} for rows in (network.X, network.given["X_val"])
    )
    assert not trains & held
    assert trains | held == {*data["patient"]}
    assert len(network.X) + len(network.given["X_val"]) == len(data)
    n, expected = data["patient"].nunique(), {2: 1, 30: 3}
    if n_groups in expected:
        assert len(held) == expected[n_groups]
    else:
        assert abs(len(held) - 0.1 * n) < 4 * np.sqrt(0.09 * n)
    # Other seeds choose others; the same seed, the same ones.
    chosen = []
    for seed in (0, 1, 2):
        streamed(table, roles, network, monkeypatch, seed=seed)
        chosen.append({*data["patient"][network.given["X_val"]["x"].astype(int)]})
    assert chosen[0] == held
    assert any(other != held for other in chosen[1:])


def test_few_rare_rows_are_all_trained_on(tmp_path, monkeypatch):
    """As without --stream, where early stopping needs ten held-out rows of each class."""
    data = patients(30, n=300)
    network = Network()
    streamed(stored(data, tmp_path, "csv"), Roles("grade", groups="patient"), network, monkeypatch)
    assert len(network.X) == len(data)
    assert "X_val" not in network.given


@pytest.mark.parametrize("n_rows", [10, 1000])
def test_of_many_rows_that_judge_the_rare_ones_stay_and_weights_stand_for_the_others(
    n_rows, tmp_path, monkeypatch
):
    monkeypatch.setattr(streaming, "ROWS", n_rows)
    monkeypatch.setattr(judges, "MOST_HELD_OUT", 120)
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"x": np.arange(2_000), "w": rng.integers(1, 4, 2_000)})
    data["t"] = data["x"]
    data["y"] = np.where(rng.random(2_000) < 0.1, "rare", "common")
    network = Network()
    streamed(stored(data, tmp_path, "csv"), Roles("y", time="t", weight="w"), network, monkeypatch)
    assert len(network.X) == 1_600
    X, y, weight = (network.given[f"{name}_val"] for name in ("X", "y", "sample_weight"))
    rows, late = X["x"].astype(int), data[1_600:]
    assert len({*rows}) == len(X) == 120
    assert {*rows[y == "rare"]} == {*late["x"][late["y"] == "rare"]}
    assert_array_equal(y, data["y"][rows])
    for label, n in late["y"].value_counts().items():
        factor = weight[y == label] / data["w"][rows[y == label]]
        np.testing.assert_allclose(factor.sum(), n)
        assert np.ptp(factor) < 1e-12
    # Each of the others may be among them.
    assert rows[y == "common"].min() < 1_650
    assert rows[y == "common"].max() > 1_950


UNJUDGED = {
    "no rows train": (["1,x,1", "2,z,2", "3,z,3", "4,x,4", "5,y,5"],
                      "beside those that --time holds out. Got none of ['y']"),
    "one class judges": (["1,x,1", "2,y,2", "3,x,3", "4,x,4", "5,y,5"],
                         "--time holds out must have at least 2 classes"),
    "one moment": (["1,x,1", "2,y,1"], "'t', named by --time, must have at least 2 different"),
    "numbers and dates": (["1,x,1", "2,y,2", "3,x,2024-01-01", "4,y,2024-01-02"],
                          "must hold either numbers or dates. Got both."),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNJUDGED)
def test_rows_that_cannot_judge_a_stream_are_one_sentence(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(streaming, "ROWS", 2)
    monkeypatch.setattr(streaming, "import_training", lambda: None)
    rows, sentence = UNJUDGED[kind]
    (tmp_path / "t.csv").write_text("\n".join(["v,target,t", *rows]))
    out = tmp_path / "m"
    err = failed(capsys, "train", tmp_path / "t.csv", "--time", "t", "--stream", "--out", out)
    assert sentence in err
    assert not out.exists()


def test_a_single_group_cannot_judge_a_stream(tmp_path, capsys):
    data = patients(1)
    err = failed(
        capsys, "train", stored(data, tmp_path, "csv"), "--target", "grade", "--groups", "patient",
        "--stream", "--out", tmp_path / "m",
    )  # fmt: skip
    assert "named by --groups, must hold at least 2 groups" in err


THINNED = {
    "--majority-ratio 5": "--majority-ratio must only be given with --stream. Got '5' without it",
    "--majority-fraction auto": "--majority-fraction must only be given with --stream. Got 'auto'",
    "--stream --majority-ratio 5 --majority-fraction .1": "must not be given together",
}


@pytest.mark.parametrize("options", THINNED)
def test_wrong_ways_to_thin_rows_are_one_sentence(options, table, capsys):
    err = failed(capsys, "train", table, "--target", "grade", "--out", "m", *options.split())
    assert THINNED[options] in err


@pytest.mark.parametrize(
    "option", ["fraction=0", "fraction=1.5", "fraction=nan", "fraction=all", "ratio=0", "ratio=inf"]
)
def test_wrong_values_of_thinning_are_wrong_usage(option, table, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["train", table, "--stream", "--out", "m", f"--majority-{option}"])
    assert ended.value.code == 2
    err = capsys.readouterr().err.splitlines()[-1]
    assert "must be" in err
    assert f"Got '{option.partition('=')[2]}'" in err


@pytest.mark.parametrize("call", ["write", "flush"])  # what is written may wait in a buffer
def test_a_full_disk_is_one_sentence_on_the_command_line(
    call, table, tmp_path, monkeypatch, capsys
):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    file = type("Full", (io.BytesIO,), {call: full})
    monkeypatch.setattr(streaming.tempfile, "TemporaryFile", file)
    monkeypatch.setattr(streaming, "import_training", lambda: None)
    argv = ["train", table, "--target", "grade", "--stream", "--out", tmp_path / "m.skim"]
    err = failed(capsys, *argv)
    assert "must have room for the table" in err
    assert "No space left on device. Name a larger folder in the environment variable TMPDIR" in err
    assert not (tmp_path / "m.skim").exists()


class Interrupted(LogisticRegression):
    """In the place of a network that is interrupted while it trains."""

    epochs = 3

    def fit_stream(self, source, **given):
        if self.epochs:
            X, y = zip(*source(), strict=True)
            self.fit(pd.concat(X), np.concatenate(y))
        raise KeyboardInterrupt


@pytest.mark.parametrize("epochs", [0, 3])
def test_what_was_trained_before_an_interrupt_is_kept(epochs, table, tmp_path, monkeypatch, capsys):
    network, kept = Interrupted(), []
    network.epochs = epochs
    monkeypatch.setattr("skimbalance.persistence.save_model", lambda *of, **about: kept.append(of))
    monkeypatch.setattr(streaming, "import_training", lambda: None)
    monkeypatch.setattr(streaming, "_model", lambda *options: network)
    drop = ",".join(["patient", "day", "count", *LABELS])
    argv = ["train", table, "--target", "grade", "--drop", drop, "--stream"]
    out = tmp_path / "m.skim"
    assert main([*argv, "--out", str(out)]) == 130
    text, err = capsys.readouterr()
    assert text == ""
    assert len(err.splitlines()) == 1
    assert (f"what was trained is in {out}" in err) == bool(epochs)
    X, y = frame()[["x", "z"]], frame()["grade"]
    for model, path in kept:
        assert path == str(out)
        assert_array_equal(model.predict(X), LogisticRegression().fit(X, y).predict(X))
    assert len(kept) == bool(epochs)


class Compared:
    """In the place of the result of a comparison."""

    recommended = "plain"

    def __init__(self):
        self.about = {}

    def to_dict(self):
        return {"recommended": self.recommended}


def test_compare_hands_on_what_the_columns_say_of_the_rows(table, monkeypatch, capsys):
    given = {}

    def compared(X, y, **options):
        signature(compare_strategies).bind(X, y, **options)
        given.update(options, X=X, y=y)
        return Compared()

    monkeypatch.setattr(compare, "compare_strategies", compared)
    monkeypatch.setattr(compare, "import_training", lambda: None)
    data = frame()
    argv = ["compare", table, "--target", ",".join(LABELS), "--weight", "count", "--json"]
    argv += ["--objective", "partial_roc_auc", "--level", 0.1]
    out = done(capsys, *argv, "--drop", "grade,day", "--groups", "patient")
    assert list(given["X"]) == ["x", "z"]
    assert_array_equal(given["y"], np.column_stack([data["x"] > 1, data["x"] < -1]))
    assert_array_equal(given["groups"], data["patient"])
    assert_array_equal(given["sample_weight"], data["count"])
    assert (given["objective"], given["level"]) == ("partial_roc_auc", 0.1)
    assert json.loads(out).items() >= {"groups": "patient", "weight": "count", "level": 0.1}.items()
    assert "--groups patient --weight count" in json.loads(out)["train"]
    given.clear()
    done(capsys, *argv, "--drop", "grade,patient", "--time", "day", "--cv", 3)
    assert list(given["X"]) == ["x", "z"]
    assert "groups" not in given
    for rows, expected in zip(given["cv"], TimeSeriesSplit(3).split(data), strict=True):
        assert_array_equal(rows[0], expected[0])
        assert_array_equal(rows[1], expected[1])


WRONG = {
    "--groups none": "must have the column 'none', named by --groups",
    "--groups grade": "--groups must name another column than --target. Got 'grade' for both",
    "--groups x --weight x": "--weight must name another column than --groups",
    "--target grade,grade": "--target must name different columns",
    "--time day --groups patient": "--time must be given without --groups",
    "--time day --repeats 2": "--time must be given without --repeats",
    "--time patient": "a number or a date such as 2024-01-31",
    "--level 0.5": "--level must only be given with an --objective that takes it",
    "--positive ill": "--positive must only be given with an --objective that takes it",
    "--positive sick --objective f1": "--positive must name a class of the target: ['ill', 'well']",
    "--time count --cv 5": "Got 3 different ones in 180 rows: give a smaller --cv",
}


@pytest.mark.parametrize("options", WRONG)
def test_wrong_combinations_are_one_sentence(options, table, monkeypatch, capsys):
    monkeypatch.setattr(compare, "import_training", lambda: None)
    target = [] if "--target" in options else ["--target", "grade"]
    assert WRONG[options] in failed(capsys, "compare", table, *target, *options.split())


def test_wrong_goals_of_training_are_one_sentence(table, capsys):
    argv = ["train", table, "--target", "grade", "--out", "m"]
    err = failed(capsys, *argv, "--objective", "alerts")
    assert "--level must be given with --objective alerts" in err
    err = failed(capsys, *argv, "--strategy", "plain", "--time", "day")
    assert "Got 'plain', which holds out no rows" in err
    err = failed(capsys, *argv, "--groups", "patient", "--time", "day")
    assert "--time must be given without --groups" in err
    err = failed(capsys, *argv, "--strategy", "smote", "--weight", "count")
    assert "--weight must be left out with --strategy smote" in err
    several = ["train", table, "--target", ",".join(LABELS), "--out", "m"]
    for more in ([], ["--stream"]):
        err = failed(capsys, *several, "--strategy", "ldam", *more)
        assert "--target must name one column with --strategy ldam" in err
    err = failed(capsys, *several, "--objective", "f1", "--positive", "1")
    assert "must name a class of the target. Got several targets" in err
    for objective, part in (("f1_macr", "Did you mean 'f1_macro'"), ("cost", "only Python takes")):
        with pytest.raises(SystemExit) as ended:
            main([*argv, "--objective", objective])
        assert ended.value.code == 2
        assert part in capsys.readouterr().err


def commands_of_pages():
    """The command lines that the pages and README show."""
    root = Path(__file__).parents[2]
    for page in (*sorted((root / "docs").rglob("*.md")), root / "README.md"):
        if "_build" not in page.parts:
            found = re.findall(r"^[$ ] .*?\bskimbalance (.*)$", page.read_text("utf-8"), re.M)
            yield from (re.split("[|>#]", words)[0] for words in found)


def test_the_parser_takes_the_commands_of_the_pages():
    commands = [shlex.split(words) for words in commands_of_pages()]
    assert {words[0] for words in commands} >= set(parser.COMMANDS)
    for words in commands:
        if words[0] in parser.COMMANDS:
            parser.make_parser().parse_args(words)
