"""Fits that are kept in files: interrupted ones end in the same bits, finished ones are read."""

import errno
import itertools
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from ensemble_setup import ensemble, network
from ensemble_setup import rows as rows_of
from keras_setup import X as X_KERAS
from keras_setup import Y as Y_KERAS
from keras_setup import of
from perceptron_setup import VARIANTS, digest, mlp, rows
from sklearn.model_selection import GridSearchCV

from skimbalance import ImbalancedSequenceClassifier
from skimbalance._engine import checkpoint, stack
from skimbalance._engine.checkpoint import Checkpoint, Pace, Saved
from skimbalance._engine.committee import Committee
from skimbalance._engine.tensorflow.program import Program

# Files


def saved(seed=0):
    rng = np.random.default_rng(seed)
    weights = {"dense/kernel": rng.normal(size=(3, 2)), "step": np.uint32(4), "b//c": np.zeros(0)}
    return Saved(
        weights,
        slots=(rng.normal(size=3).astype("float32"), np.zeros(1, "float32")),
        kept={3: weights, 12: {"dense/kernel": np.ones(2)}},
        history={"loss": [0.1 + 0.2, np.nan], "val_loss": [1e-300, 3.0]},
        step=7,
        total=1 / 3,
        result={"n_epochs": 2, "best_epoch": 1, "path": "compiled"},
    )


def same(a, b):
    """Whether two nested values are equal, also in their types of numbers."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray | np.generic):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return a == b or (a != a and b != b)


def test_what_is_written_is_read_bit_by_bit(tmp_path):
    assert Checkpoint(tmp_path, "a").saved is None
    Checkpoint(tmp_path, "a").write(saved())
    read = Checkpoint(tmp_path, "a").saved
    assert same(vars(read), vars(saved()))
    assert os.listdir(tmp_path) == ["a.npz"]


@pytest.mark.parametrize("part", ["nothing", "half", "noise", "flipped", "another", "folder"])
def test_a_damaged_file_is_warned_of_and_replaced(part, tmp_path):
    Checkpoint(tmp_path, "a").write(saved())
    file = tmp_path / "a.npz"
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 3] ^= 1
    if part == "folder":
        file.unlink()
        file.mkdir()
    elif part == "another":
        np.savez(file, x=np.arange(3))
    else:
        damaged = {"nothing": b"", "half": whole[: len(whole) // 2], "noise": b"PK" * 50}
        file.write_bytes(damaged.get(part, whole))
    with pytest.warns(UserWarning, match=r"cannot be read, so its fit starts anew: [^.]*\.$"):
        read = Checkpoint(tmp_path, "a")
    assert read.saved is None
    assert read.result() is None
    if part != "folder":
        read.write(saved(1))
        assert same(vars(Checkpoint(tmp_path, "a").saved), vars(saved(1)))


@pytest.mark.filterwarnings("ignore:The checkpoint .* cannot be read")
def test_no_changed_byte_is_read_as_something_else(tmp_path):
    Checkpoint(tmp_path, "a").write(saved())
    file = tmp_path / "a.npz"
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    n_read = 0
    for place, bits in zip(
        rng.integers(len(whole), size=300), rng.integers(1, 256, 300), strict=True
    ):
        changed = bytearray(whole)
        changed[place] ^= bits
        file.write_bytes(changed)
        read = Checkpoint(tmp_path, "a").saved
        n_read += read is not None
        assert read is None or same(vars(read), vars(saved()))
    assert n_read < 150


def test_a_full_disk_is_warned_of_once_and_the_last_state_stays(tmp_path, monkeypatch):
    kept = Checkpoint(tmp_path, "a")
    kept.write(saved())

    def full(file, **arrays):
        file.write(b"PK")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.warns(UserWarning, match=r"cannot be written.*No space left"):
        kept.write(saved(1))
    kept.write(saved(1))  # a second warning would be an error
    assert os.listdir(tmp_path) == ["a.npz"]
    assert same(vars(Checkpoint(tmp_path, "a").saved), vars(saved()))


@pytest.mark.parametrize("seconds", [0.001, 0.05, 3.0])
def test_writing_takes_a_tenth_of_the_time_at_most(seconds, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    times = []

    def write():
        times.append(now[0])
        now[0] += seconds

    pace = Pace()
    while now[0] < 1000:
        now[0] += 0.01
        pace(write)
    assert len(times) * seconds < 1000 / 10
    gaps = np.diff(times) - seconds
    assert gaps.min() >= max(1, 10 * seconds) - 1e-6
    assert gaps.max() < max(1, 10 * seconds) + 0.02


@pytest.mark.parametrize("seed", range(20))
def test_a_committee_finds_the_same_epoch_after_members_are_read_at_any_moment(seed):
    """Each member is kept at a moment of its own, and others come first after the resumption."""
    rng = np.random.default_rng(seed)
    n_members, n_epochs, patience = 3, 25, int(rng.integers(1, 8))
    scores = rng.normal(size=(n_members, n_epochs)).cumsum(axis=1)

    def run(starts, kept, until):
        """The committee after some turns, and what was kept of each member at some of them."""
        committee = Committee(n_members)
        votes = [committee.vote(k, patience) for k in range(n_members)]
        epochs, files = [0] * n_members, [(0, {})] * n_members
        stopped = [False] * n_members
        for k in rng.permutation(n_members):
            for epoch in range(1, starts[k] + 1):
                votes[k].recast(epoch, scores[k][epoch - 1], lambda k=k, e=epoch: kept[k].get(e))
            epochs[k] = starts[k]
        for _ in range(until):
            k = int(rng.integers(n_members))
            if not stopped[k] and epochs[k] < n_epochs:
                epochs[k] += 1
                weights = (k, epochs[k])
                stopped[k] = votes[k].cast(epochs[k], scores[k][epochs[k] - 1], weights)
                if rng.random() < 0.4:
                    files[k] = epochs[k], votes[k].kept
        return committee, files

    whole, _ = run([0] * n_members, [{}] * n_members, 1000)
    files = [(0, {})] * n_members
    for until in (*rng.integers(1, 40, size=3), 1000):
        starts, kept = zip(*files, strict=True)
        resumed, later = run(starts, kept, until)
        files = [new if new[0] else old for old, new in zip(files, later, strict=True)]
    assert resumed.epoch == whole.epoch
    for k in range(n_members):
        assert resumed.weights(k) == (k, whole.epoch)


# Fits


@pytest.fixture
def often(monkeypatch):
    """Writes after each call of the program, which takes three steps at most."""
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "TIMES", 0)
    monkeypatch.setattr(stack, "MOST_STEPS", 3)


class InterruptionError(Exception):
    """Ends a fit after some writes."""


@pytest.fixture
def interrupted(often, monkeypatch):
    """Calls a function, which is interrupted after a number of writes; the exception."""

    def call(function, n_writes, error):
        count = itertools.count(1)
        whole = Checkpoint.write

        def write(self, state):
            whole(self, state)
            if next(count) >= n_writes:
                raise error

        with monkeypatch.context() as patch:
            patch.setattr(Checkpoint, "write", write)
            with pytest.raises(type(error)) as caught:
                function()
        return caught.value

    return call


@pytest.fixture
def untrained(monkeypatch):
    """Refuses to train from here on."""

    def refuse():
        def steps(self, *args):
            raise AssertionError("a finished fit was trained again")

        monkeypatch.setattr(Program, "steps", steps)

    return refuse


RESUMED = {
    "recipe": {**VARIANTS["recipe"], "epochs": 5, "n_iter_no_change": 4},
    "Keras optimizer": {"loss": "ldam", "loss_params": {"deferred": 0.4}, "normalization": "batch",
                        "sampling": "balanced", "optimizer": keras.optimizers.Nadam(0.02),
                        "epochs": 4, "early_stopping": True},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Few held-out rows")
@pytest.mark.parametrize("name", RESUMED)
def test_an_interrupted_fit_ends_in_the_bits_of_a_whole_one(name, interrupted, untrained, tmp_path):
    X, y = rows()
    whole = digest(mlp(**RESUMED[name]).fit(X, y))

    def fit():
        return mlp(**RESUMED[name], checkpoint=tmp_path / "runs").fit(X, y)

    epochs = RESUMED[name]["epochs"]
    for n_writes in (2, 1):
        error = interrupted(fit, n_writes, KeyboardInterrupt())
        assert str(error).startswith("Interrupted after epoch ")
        assert f" of {epochs}. Fit again with the same data and checkpoint='{tmp_path}" in str(
            error
        )
    assert digest(fit()) == whole
    assert len(os.listdir(tmp_path / "runs")) == 1
    untrained()
    assert digest(fit()) == whole


@pytest.mark.slow
@pytest.mark.parametrize("model", ["own fit of Keras", "sequences"])
def test_other_paths_resume_in_the_same_bits(model, interrupted, monkeypatch, tmp_path):
    def made(**options):
        if model == "sequences":
            return ImbalancedSequenceClassifier(
                units=2, embedding_dim=2, epochs=2, batch_size=8, early_stopping=True,
                dropout=0.2, random_state=0, **options,
            )  # fmt: skip
        return of(keras_build, early_stopping=True, optimizer="rmsprop", **options)

    if model == "sequences":
        rng = np.random.default_rng(0)
        X = [list(rng.integers(0, 9, size=n)) for n in rng.integers(1, 6, size=60)]
        y = [[int(token > 5) for token in sequence] for sequence in X]
    else:
        X, y = X_KERAS, Y_KERAS
    whole = made().fit(X, y)
    assert whole.fit_path_.startswith("Keras' own fit") == (model != "sequences")
    interrupted(lambda: made(checkpoint=tmp_path).fit(X, y), 1, KeyboardInterrupt())
    resumed, read = (made(checkpoint=tmp_path).fit(X, y) for _ in range(2))
    for other in (resumed, read):
        assert other.history_ == whole.history_
        assert (other.best_epoch_, other.fit_path_) == (whole.best_epoch_, whole.fit_path_)
        ours, theirs = (clf.model_.get_weights() for clf in (other, whole))
        assert same(ours, theirs)


class Own(keras.Model):
    """A model that Keras' own fit has to train."""

    def train_step(self, data):
        return super().train_step(data)


def keras_build(meta):
    inputs = keras.Input((5,))
    hidden = keras.layers.Dropout(0.3)(keras.layers.Dense(4)(inputs))
    return Own(inputs, keras.layers.Dense(meta["n_classes_"], activation="softmax")(hidden))


@pytest.mark.slow
def test_an_ensemble_resumes_in_the_same_bits(interrupted, untrained, tmp_path):
    X, y = rows_of(80, 40)
    net = network(early_stopping=True, epochs=6, n_iter_no_change=2, learning_rate=0.05)
    whole = ensemble(net).fit(X, y)

    def fit():
        return ensemble(net, checkpoint=str(tmp_path)).fit(X, y)

    for n_writes in (7, 1, 3):
        interrupted(fit, n_writes, InterruptionError())
    results = [fit()]
    assert len(os.listdir(tmp_path)) == 3
    untrained()
    results.append(fit())
    for other in results:
        assert other.best_epochs_ == whole.best_epochs_
        assert same(other.oof_proba_, whole.oof_proba_)
        assert same(other.predict_proba(X), whole.predict_proba(X))
        assert all(clf.checkpoint is None for clf in other.estimators_)


@pytest.mark.slow
def test_a_search_reads_its_finished_fits(untrained, tmp_path):
    X, y = rows()

    def search(**grid):
        clf = mlp(epochs=1, checkpoint=tmp_path)
        return GridSearchCV(clf, grid, cv=2, scoring="neg_log_loss").fit(X, y)

    few = search(class_weight=[None, 1.0])
    assert len(os.listdir(tmp_path)) == 5
    untrained()
    again = search(class_weight=[None, 1.0])
    scores = "mean_test_score"
    assert again.cv_results_[scores].tolist() == few.cv_results_[scores].tolist()
    assert digest(again.best_estimator_) == digest(few.best_estimator_)


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from perceptron_setup import mlp, rows
from skimbalance._engine import checkpoint, stack
checkpoint.SECONDS, checkpoint.TIMES, stack.MOST_STEPS = 0.0, 0, 3
replace, n_writes = os.replace, 0
def kill(draft, path):
    global n_writes
    n_writes += 1
    if n_writes == 3:  # a draft is written, and the second file is still there
        os.kill(os.getpid(), signal.SIGKILL)
    replace(draft, path)
os.replace = kill
mlp(epochs=4, checkpoint={folder!r}).fit(*rows())
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kills by a signal of POSIX")
def test_a_killed_process_loses_no_more_than_the_last_write(untrained, tmp_path):
    X, y = rows()
    tests = str(Path(__file__).parents[1])
    code = KILLED.format(tests=tests, folder=str(tmp_path))
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == -9
    (file,) = tmp_path.glob("*.npz")
    assert len(os.listdir(tmp_path)) == 2  # the draft of the killed process
    assert Checkpoint(tmp_path, file.stem).saved.step == 6
    resumed = mlp(epochs=4, checkpoint=tmp_path).fit(X, y)
    assert os.listdir(tmp_path) == [file.name]
    assert digest(resumed) == digest(mlp(epochs=4).fit(X, y))


# What is refused


@pytest.mark.parametrize("place", ["file", "below a file"])
def test_a_folder_that_cannot_be_written_to_is_refused_before_training(place, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    folder = file if place == "file" else file / "runs"
    for clf in (mlp(checkpoint=folder), ensemble(checkpoint=folder)):
        with pytest.raises(ValueError, match=r"'checkpoint' parameter of .* a folder that can be"):
            clf.fit(*rows())


def test_a_fit_without_a_seed_would_never_be_found(tmp_path):
    for clf in (mlp(), ensemble()):
        clf.set_params(random_state=None, checkpoint=tmp_path)
        with pytest.raises(ValueError, match=r"'random_state' parameter of .* must be an int"):
            clf.fit(*rows())


@pytest.mark.slow
def test_callbacks_have_a_state_that_no_file_holds(tmp_path):
    clf = mlp(checkpoint=tmp_path, callbacks=keras.callbacks.ReduceLROnPlateau())
    with pytest.raises(ValueError, match=r"must be None where callbacks .*ReduceLROnPlateau"):
        clf.fit(*rows())


@pytest.mark.slow
def test_partial_fit_keeps_nothing(tmp_path):
    X, y = rows()
    kept = mlp(checkpoint=tmp_path).partial_fit(X, y, classes=[0, 1])
    assert digest(kept) == digest(mlp().partial_fit(X, y, classes=[0, 1]))
    assert not os.listdir(tmp_path)
