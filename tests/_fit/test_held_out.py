"""Which rows are held out: the user's own, those of a splitter or a mask, whole groups, later ones.

The first laws need no training: they look at the rows that a plan holds. The last ones train, and
show that what is held out does not reach the training.
"""

from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from scipy.special import softmax
from sklearn import config_context
from sklearn.base import clone
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    PredefinedSplit,
    ShuffleSplit,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skimbalance import (
    ImbalancedEnsembleClassifier,
    ImbalancedKerasClassifier,
    ImbalancedMLPClassifier,
    ImbalancedSequenceClassifier,
    PriorCorrectedClassifier,
    TunedDecisionClassifierCV,
    compare_strategies,
)
from skimbalance._fit.data import Data
from skimbalance._fit.held_out import chosen_rows, hold_out
from skimbalance._fit.targets import Classes, Labels, Steps
from skimbalance.metrics._monitors import MONITORS
from skimbalance.model_selection import TimeHoldout

RNG = np.random.default_rng(0)
N = 240
Y = np.repeat([0, 1, 2], [150, 60, 30])
X = RNG.normal(size=(N, 3)) + Y[:, None]
LABELS = np.column_stack([Y > 0, RNG.random(N) < 0.3]).astype(int)
GROUPS = RNG.integers(0, 24, N)
TOKENS = [list("abcab"[: 2 + i % 4]) for i in range(N)]
TAGS = [["B" if t == "c" or i % 7 == 0 else "O" for t in tokens] for i, tokens in enumerate(TOKENS)]


def network():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, activation="softmax")])


def mlp(**params):
    return ImbalancedMLPClassifier(
        **{"hidden_layer_sizes": (4,), "epochs": 3, "random_state": 0, **params}
    )


ESTIMATORS = {
    "table": (mlp, X, Y),
    "labels": (mlp, X, LABELS),
    "sparse": (mlp, csr_matrix(X), Y),
    "Keras": (
        lambda **params: ImbalancedKerasClassifier(network, epochs=3, random_state=0, **params),
        X,
        Y,
    ),
    "sequences": (
        lambda **params: ImbalancedSequenceClassifier(
            "conv1d", units=4, epochs=3, random_state=0, **params
        ),
        TOKENS,
        TAGS,
    ),
}
each_estimator = pytest.mark.parametrize(("make", "rows", "y"), ESTIMATORS.values(), ids=ESTIMATORS)


class Planned(Exception):  # noqa: N818
    """Raised in the place of training."""


@pytest.fixture
def plan_of(monkeypatch):
    """The plan of a fit that does not train."""

    def plan(estimator, *args, **kwargs):
        def stop(plan):
            raise Planned(plan)

        monkeypatch.setattr(type(estimator), "_train", lambda self, plan: stop(plan))
        with pytest.raises(Planned) as raised:
            estimator.fit(*args, **kwargs)
        return raised.value.args[0]

    return plan


def numbers(data):
    """Numbers of the rows in what the caller gave."""
    return data.index if data.given is None else data.given


def without_padding(data):
    """Sequences no wider than their longest."""
    if data.lengths is None:
        return data
    width = data.lengths.max()
    return replace(data, X=(data.X[0][:, :width],), y=data.y[:, :width])


def some(rows, chosen):
    """Some of the rows, in the container that they are in."""
    return [rows[i] for i in chosen] if isinstance(rows, list) else rows[chosen]


# Whole groups


@pytest.mark.parametrize("n_groups", [2, 5, 60])
@pytest.mark.parametrize("fraction", [0.1, 0.3])
@pytest.mark.parametrize(
    ("target", "y"),
    [
        (Classes(np.arange(3)), Y),
        (Labels(2), LABELS),
        (Steps(np.arange(3)), np.column_stack([Y, np.zeros_like(Y)])),
    ],
    ids=["classes", "labels", "steps"],
)
def test_no_group_is_divided_and_classes_are_spread(target, y, fraction, n_groups):
    groups = np.random.default_rng(n_groups).integers(0, n_groups, N)
    data = Data((X,), np.arange(N), y, np.ones(N), False, groups=groups)
    settings = SimpleNamespace(early_stopping=True, validation_fraction=fraction, validation=None)
    train, held_out = hold_out(settings, data, target, np.random.default_rng(0))
    assert not set(train.groups) & set(held_out.groups)
    assert sorted([*train.index, *held_out.index]) == list(range(N))
    if n_groups == 60:
        assert abs(len(held_out.index) / N - fraction) < 0.1
        share = [target.occurrence(part.y).sum(axis=0) for part in (train, held_out)]
        assert np.all(share[1] > 0)


@each_estimator
def test_groups_reach_the_plan_in_any_form(make, rows, y, plan_of):
    for groups in (GROUPS, GROUPS.tolist(), pd.Series(GROUPS), [f"g{g}" for g in GROUPS]):
        plan = plan_of(make(early_stopping=True, validation_fraction=0.3), rows, y, groups=groups)
        names = np.asarray(groups)
        train, held_out = (set(names[numbers(part)]) for part in (plan.rows, plan.held_out))
        assert held_out
        assert not train & held_out


@each_estimator
@pytest.mark.parametrize(
    ("groups", "sentence"),
    [
        (GROUPS[:-1], "must hold a group for each of the 240 rows. Got 239 groups"),
        (
            np.append(GROUPS, 0),
            "Got 241 groups: take them from the rows of X, and behind a sampler",
        ),
        (np.zeros(N), "at least 2 groups for early stopping"),
        (np.where(GROUPS == 3, np.nan, GROUPS), r"none of them missing. Got \d+ missing groups"),
        ([None if g == 3 else f"g{g}" for g in GROUPS], "none of them missing"),
    ],
)
def test_impossible_groups_are_refused(make, rows, y, groups, sentence):
    clf = make(early_stopping=True)
    with pytest.raises(ValueError, match=sentence):
        clf.fit(rows, y, groups=groups)
    assert not hasattr(clf, "classes_")


# A splitter or a mask

LATER = np.arange(N) % 4 == 3
AS_MASK = {
    "mask": LATER,
    "list": LATER.tolist(),
    "Series": pd.Series(LATER),
    "splitter": PredefinedSplit(np.where(LATER, 0, -1)),
}


@each_estimator
@pytest.mark.parametrize("validation", AS_MASK.values(), ids=AS_MASK)
def test_chosen_rows_are_held_out(make, rows, y, validation, plan_of):
    weight = np.ones(N)
    weight[::10] = 0
    plan = plan_of(make(validation=validation), rows, y, weight)
    assert numbers(plan.rows).tolist() == np.flatnonzero(~LATER & (weight > 0)).tolist()
    assert numbers(plan.held_out).tolist() == np.flatnonzero(LATER & (weight > 0)).tolist()


@each_estimator
def test_chosen_and_own_rows_make_the_same_plan(make, rows, y, plan_of):
    chosen = plan_of(make(validation=LATER), rows, y)
    train, held_out = np.flatnonzero(~LATER), np.flatnonzero(LATER)
    own = plan_of(
        make(), some(rows, train), some(y, train), X_val=some(rows, held_out),
        y_val=some(y, held_out),
    )  # fmt: skip
    for name in ("rows", "held_out"):
        a, b = without_padding(getattr(chosen, name)), without_padding(getattr(own, name))
        assert np.array_equal(a.y, b.y)
        dense = [x[i].toarray() if hasattr(x, "tocsr") else x[i] for x, i in
                 ((a.X[0], a.index), (b.X[0], b.index))]  # fmt: skip
        assert np.array_equal(*dense)
    assert np.array_equal(chosen.class_weight, own.class_weight)
    assert chosen.loss_weight.sum() == pytest.approx(own.loss_weight.sum())
    for name, value in chosen.initial.weights.items():
        assert np.array_equal(value, own.initial.weights[name]), name


IMPOSSIBLE = {
    "short mask": (LATER[:-1], "a mask with true or false for each of the 240 rows"),
    "numbers": (np.arange(N), "a mask with true or false for each"),
    "nothing held out": (np.zeros(N, bool), "Got 240 training rows and 0 held-out rows"),
    "all held out": (np.ones(N, bool), "Got 0 training rows and 240 held-out rows"),
    "text": ("ab", "a mask with true or false for each"),
    "rows": ((X[:9], Y[:9]), "a mask with true or false for each"),
    "splits": ([(np.arange(9), np.arange(9, N))], "a mask with true or false for each"),
    "a class": (GroupShuffleSplit, "a splitter, not its class"),
    "by groups": (GroupShuffleSplit(1), "as validation=GroupShuffleSplit"),
    "one class": (Y == 0, "Every class must have training rows"),
}


@pytest.mark.parametrize(("validation", "sentence"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_impossible_validation_is_refused(validation, sentence):
    clf = mlp(validation=validation)
    with pytest.raises(ValueError, match=sentence):
        clf.fit(X, Y)
    assert not hasattr(clf, "classes_")


class Overlapping:
    """A splitter with rows on both sides."""

    def split(self, X, y=None, groups=None):
        """Yield two parts that share a row."""
        yield np.arange(10), np.arange(9, 20)


class Empty(Overlapping):
    """A splitter without splits."""

    def split(self, X, y=None, groups=None):
        """Yield nothing."""
        return iter(())


def test_splitters_cannot_leak():
    for splitter, sentence in (
        (Overlapping(), r"Got \[9\] in both parts"),
        (Empty(), "must be a splitter that gives"),
    ):
        with pytest.raises(ValueError, match=sentence):
            chosen_rows(splitter, X, Y, None, N, "Net")
    with pytest.raises(ValueError, match="must not divide a group"):
        chosen_rows(ShuffleSplit(1, random_state=0), X, Y, GROUPS, N, "Net")
    train, held_out = chosen_rows(GroupShuffleSplit(1, random_state=0), X, Y, GROUPS, N, "Net")
    assert not set(GROUPS[train]) & set(GROUPS[held_out])


def test_lacking_classes_are_named(plan_of):
    with pytest.warns(UserWarning, match=r"held-out rows lack the classes \[2\], so that"):
        plan_of(mlp(validation=LATER & (Y != 2)), X, Y)
    with pytest.raises(ValueError, match=r"at least 2 classes.*without \[1, 2\]"):
        mlp(validation=LATER & (Y == 0)).fit(X, Y)
    with pytest.warns(UserWarning, match=r"held-out rows lack the labels \[0\], so that"):
        plan_of(mlp(validation=LATER & (Y == 0)), X, LABELS)


@pytest.mark.parametrize(
    ("name", "score"), [("average_precision", average_precision_score), ("roc_auc", roc_auc_score)]
)
def test_rankings_are_means_over_the_classes_that_have_rows(name, score):
    y = Y[Y != 1]
    logits = RNG.normal(size=(len(y), 3))
    proba = softmax(logits, axis=1)
    expected = np.mean([score(y == k, proba[:, k]) for k in (0, 2)])
    assert MONITORS[name](y, logits, np.ones(len(y))) == pytest.approx(expected)


# Later rows


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5, 0.95])
@pytest.mark.parametrize("seed", range(5))
def test_held_out_rows_are_later(fraction, seed):
    rng = np.random.default_rng(seed)
    time = rng.integers(0, 12, 100)
    dates = pd.Timestamp(2020, 1, 1) + pd.to_timedelta(time, "D")
    for times in (dates, [f"2020-01-{day + 1:02}" for day in time]):
        table = pd.DataFrame({"a": 0, "t": times})
        ((train, test),) = TimeHoldout(fraction, column="t").split(table)
        assert table["t"].iloc[train].max() < table["t"].iloc[test].min()
        assert sorted([*train, *test]) == list(range(100))
        # No other cut between two days comes nearer.
        shares = [np.mean(time > day) for day in range(11)]
        shares = [share for share in shares if 0 < share < 1]
        assert abs(len(test) / 100 - fraction) == pytest.approx(
            min(abs(share - fraction) for share in shares)
        )


def test_rows_in_order_of_time():
    ((train, test),) = TimeHoldout(0.25).split(X)
    assert train.tolist() == list(range(180))
    assert test.tolist() == list(range(180, 240))
    assert TimeHoldout().get_n_splits() == 1
    with pytest.warns(UserWarning, match="groups parameter is ignored by TimeHoldout"):
        next(TimeHoldout().split(X, Y, GROUPS))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        next(TimeHoldout().split(X, Y[:-1]))
    for nothing in (None, []):
        with pytest.raises(ValueError, match="at least 2 different times"):
            next(TimeHoldout().split(nothing))


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        (
            "x",
            r"must be a column of X.* is a table of the columns \['same', .* sort the rows by time",
        ),
        ("same", "at least 2 different times"),
        ("gap", "none of them missing. Got nan in row 1"),
        ("mixed", "of one kind, none of them missing. Got 1 in row 0"),
        ("days first", "must sort by time, as 2024-01-31 does. Got '01.02.2024'"),
        ("american", "must sort by time, .* Got '2/1/2024'"),
        ("no zeros", "must sort by time, .* Got '2024-2-01'"),
        ("no zero", "must sort by time, .* Got '2024-02-1'"),
        ("numbers", "must sort by time, .* Got '9': convert"),
    ],
)
def test_impossible_times_are_refused(column, sentence):
    table = pd.DataFrame({"same": [1, 1, 1], "gap": [1, np.nan, 2], "mixed": [1, "a", 2]})
    table["days first"] = ["01.02.2024", "02.01.2024", "03.01.2024"]
    table["american"] = ["2/1/2024", "11/1/2024", "3/1/2024"]
    table["no zeros"] = ["2024-2-01", "2024-11-01", "2024-3-01"]
    table["no zero"] = ["2024-02-1", "2024-02-10", "2024-02-3"]
    table["numbers"] = ["9", "10", "11"]
    with pytest.raises(ValueError, match=sentence):
        next(TimeHoldout(column=column).split(table))


@pytest.mark.parametrize(
    "times",
    [
        ["2024-Q1", "2024-Q2", "2024-Q4"],
        ["2024-02-01 09:30", "2024-02-01 10:00", "2024-11-30 00:00"],
        ["20240201", "20241101", "20241102"],
        ["2009", "2010", "2011"],
        ["before", "change", "thereafter"],
    ],
)
def test_text_that_sorts_by_time(times):
    ((train, test),) = TimeHoldout(0.3, column="t").split(pd.DataFrame({"t": times}))
    assert (train.tolist(), test.tolist()) == ([0, 1], [2])


@pytest.mark.parametrize("rows", [X[:5], X[:5].tolist(), [[[1.0]], [[1.0], [2.0]]]])
def test_rows_without_names_have_no_named_time(rows):
    with pytest.raises(ValueError, match=r"must be a column of X.* Got 'date', .* is of type"):
        next(TimeHoldout(column="date").split(rows))


def test_later_rows_in_a_search_and_in_a_fit(plan_of):
    plan = plan_of(mlp(validation=TimeHoldout(0.5, column=1)), X, Y)
    time = X[:, 1]
    assert time[plan.rows.index].max() < time[plan.held_out.index].min()


# The user's own rows


def test_own_rows_come_together():
    for given, sentence in (
        ({"X_val": X}, "Got X_val without y_val"),
        ({"y_val": Y}, "Got y_val without X_val"),
        ({"sample_weight_val": np.ones(3)}, "must be None without X_val"),
        ({"X_val": X[:5, :2], "y_val": Y[:5]}, "In the held-out rows X_val and y_val: X has 2"),
        ({"X_val": X[:5], "y_val": Y[:5] + 7}, "In the held-out rows X_val and y_val: The labels"),
        ({"X_val": X[:5], "y_val": Y[:4]}, "In the held-out rows X_val and y_val: "),
    ):
        for clf in (mlp(), ImbalancedEnsembleClassifier(mlp(), trees=False)):
            with pytest.raises(ValueError, match=sentence):
                clf.fit(X, Y, **given)
            assert not hasattr(clf, "classes_")
    with pytest.raises(ValueError, match=r"'early_stopping' parameter .* must be True or 'auto'"):
        mlp(early_stopping=False).fit(X, Y, X_val=X, y_val=Y)
    with pytest.raises(ValueError, match=r"'validation' parameter .* must be None where X_val"):
        mlp(validation=LATER).fit(X, Y, X_val=X, y_val=Y)


def test_own_labels_are_those_of_the_training_rows():
    names = ["a", "b"]
    other = pd.DataFrame(LABELS, columns=names[::-1])
    for y, y_val, sentence in (
        (pd.DataFrame(LABELS, columns=names), other, r"in their order: \['a', 'b'\]. Got \['b'"),
        (LABELS, LABELS[:, [0, 1, 1]], "y must have 2 columns, as in the training rows"),
        (LABELS, Y, "y must be of the same kind as in the training rows"),
        (Y, LABELS, "y must be of the same kind as in the training rows"),
    ):
        with pytest.raises(ValueError, match="In the held-out rows X_val and y_val: .*" + sentence):
            mlp().fit(X, y, X_val=X, y_val=y_val)


def test_an_ensemble_holds_out_by_its_folds():
    with pytest.raises(ValueError, match="'validation' parameter of the network"):
        ImbalancedEnsembleClassifier(mlp(validation=LATER)).fit(X, Y)
    with pytest.raises(ValueError, match=r"'cv' parameter .* must be 'auto' or an int where X_val"):
        ImbalancedEnsembleClassifier(cv=GroupKFold(2)).fit(X, Y, X_val=X, y_val=Y)


def test_settings_without_effect_are_named(plan_of):
    with pytest.warns(UserWarning, match="'validation' parameter has no effect"):
        plan_of(mlp(validation=LATER, early_stopping=False), X, Y)
    with pytest.warns(UserWarning, match="'validation_fraction' parameter has no effect"):
        plan_of(mlp(validation=LATER, validation_fraction=0.3), X, Y)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The held-out rows lack")
class TestTraining:
    """What is held out changes which epoch is kept, and nothing else."""

    @each_estimator
    def test_held_out_rows_do_not_reach_the_training(self, make, rows, y):
        train, held_out = np.arange(0, N, 2), np.arange(1, N, 2)
        # Without a stop, the weights of the last epoch are those of the training rows.
        clf = make(n_iter_no_change=50, monitor="f1_macro")
        y_val = some(y, held_out)
        others = y_val[::-1]
        if rows is TOKENS:
            others = [["B" if tag == "O" else "O" for tag in tags] for tags in y_val]
        fits = [
            clone(clf).fit(
                some(rows, train), some(y, train), X_val=some(rows, held_out), y_val=of,
            )
            for of in (y_val, others)
        ]  # fmt: skip
        assert fits[0].history_["loss"] == fits[1].history_["loss"]
        assert fits[0].history_["val_loss"] != fits[1].history_["val_loss"]
        assert np.array_equal(fits[0].class_counts_, fits[1].class_counts_)

    def test_a_column_that_only_held_out_rows_have_changes_no_bit(self):
        leak = np.where(LATER, Y, 0.0)
        histories = [
            mlp(validation=LATER).fit(np.column_stack([X, column]), Y).history_["loss"]
            for column in (leak, np.zeros(N))
        ]
        assert histories[0] == histories[1]

    def test_own_rows_through_a_pipeline_and_the_tuner(self):
        with config_context(enable_metadata_routing=True):
            net = mlp().set_fit_request(X_val=True, y_val=True)
            pipe = make_pipeline(StandardScaler(), net, transform_input=["X_val"])
            pipe.fit(X, Y, X_val=X, y_val=Y)
            assert "val_loss" in pipe[-1].history_
            scaled = StandardScaler().fit_transform(X)
            same = mlp().fit(scaled, Y, X_val=scaled, y_val=Y)
            assert same.history_ == pipe[-1].history_
        tuned = TunedDecisionClassifierCV(mlp(), cv=2, random_state=0)
        tuned.fit(X, Y, X_val=X, y_val=Y)  # as many rows as X
        assert tuned.estimator_.history_ == mlp().fit(X, Y, X_val=X, y_val=Y).history_

    @pytest.mark.parametrize("routing", [False, True])
    def test_groups_reach_the_inner_fits(self, routing):
        seen = []

        class Recorder(ImbalancedMLPClassifier):
            """Keeps the groups of its fits."""

            def fit(self, X, y, sample_weight=None, *, groups=None, **own):
                """Fit, with a note of the groups."""
                assert len(groups) == len(X)
                seen.append(groups)
                return super().fit(X, y, sample_weight, groups=groups, **own)

        net = Recorder((4,), epochs=1, early_stopping=True)
        with config_context(enable_metadata_routing=routing):
            TunedDecisionClassifierCV(net, cv=2, random_state=0).fit(X, Y, groups=GROUPS)
            assert len(seen) == 3
            PriorCorrectedClassifier(make_pipeline(StandardScaler(), net)).fit(X, Y, groups=GROUPS)
            assert len(seen) == 4
            compare_strategies(
                X, Y, strategies=[], estimators={"net": net}, cv=2, groups=GROUPS, verbose=0
            )
            assert len(seen) == 6
        if routing:
            with config_context(enable_metadata_routing=True):
                search = GridSearchCV(net, {"epochs": [1]}, cv=GroupKFold(2))
                search.fit(X, Y, groups=GROUPS)
            assert len(seen) == 9

    def test_an_ensemble_is_judged_by_own_rows(self):
        train, held_out = np.arange(0, N, 2), np.arange(1, N, 2)
        clf = ImbalancedEnsembleClassifier(mlp(), cv=3, random_state=0)
        for y in (Y, LABELS):
            fits = [
                clone(clf).fit(X[train], y[train], X_val=X[held_out], y_val=of)
                for of in (y[held_out], y[held_out][::-1])
            ]
            assert len(fits[0].estimators_) == 3
            assert fits[0].oof_proba_.shape == (len(held_out), fits[0].oof_proba_.shape[1])
            assert not np.isnan(fits[0].oof_proba_).any()
            for a, b in zip(*(fit.estimators_ for fit in fits), strict=True):
                assert a.history_["loss"] == b.history_["loss"]
