"""The compiled engine: it trains as Keras does, traces once, and keeps to itself."""

import threading

import joblib
import keras
import numpy as np
import pytest
import tensorflow as tf
from imblearn.over_sampling import SMOTE
from keras_setup import EachBatch
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV

from skimbalance import ImbalancedMLPClassifier
from skimbalance._engine.tensorflow import keras_fit, program
from skimbalance._engine.tensorflow.dropout import CounterDropout
from skimbalance._losses.records import SOFTMAX
from skimbalance.sampling._streams import STREAMS

pytestmark = pytest.mark.slow

X, Y = make_classification(
    300, 5, n_informative=4, n_redundant=0, n_classes=3, weights=[0.7, 0.2], random_state=0
)


def classifier(**params):
    defaults = {"hidden_layer_sizes": (8,), "epochs": 3, "random_state": 0, "class_weight": None}
    return ImbalancedMLPClassifier(**{**defaults, "batch_size": 32, **params})


def assert_trains_like_keras(params, rtol=2e-3):
    """Our loop and Keras' `fit` with Keras' optimizer: same start, batches, weights and rates.

    They differ by float32 rounding of the standardised columns and of sums in another order,
    which Adam's division by a small second moment can enlarge a thousandfold.
    """
    ours = classifier(**params).fit(X, Y)
    theirs = classifier(**params, callbacks=[EachBatch()]).fit(X, Y)
    for key, values in theirs.history_.items():
        np.testing.assert_allclose(ours.history_[key], values, rtol=rtol, err_msg=key)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-3)
    return ours


OPTIMIZERS = [
    "adam",
    "adamw",
    "sgd",
    "rmsprop",
    keras.optimizers.Adam(0.01, clipnorm=0.1),
    keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    keras.optimizers.Lion(1e-3),
    keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: getattr(o, "name", o))
def test_every_optimizer_steps_as_keras_own(optimizer):
    rate = {"learning_rate": 0.01} if isinstance(optimizer, str) else {}
    assert_trains_like_keras({"optimizer": optimizer, **rate})


@pytest.mark.parametrize("loss", sorted(SOFTMAX))
def test_every_loss_trains_as_in_keras_fit(loss):
    ours = assert_trains_like_keras({"loss": loss, "learning_rate": 0.01})
    assert ours.history_["loss"][-1] < ours.history_["loss"][0]


@pytest.mark.parametrize(
    "params",
    [
        {"normalization": "batch"},
        {"normalization": "layer"},
        {"weight_decay": 5.0, "optimizer": "sgd"},
        {"learning_rate_schedule": "cosine"},
        {"learning_rate_schedule": keras.optimizers.schedules.CosineDecay(0.1, 20)},
        {"learning_rate_schedule": lambda step: 0.1 * np.exp(-step / 10)},
        {"sampling": "stratified"},
        {"sampling": "balanced"},
        {"sampling": SMOTE(random_state=0)},
        {"standardize": False},
        {"loss": "ldam", "class_weight": "balanced", "loss_params": {"deferred": 0.5}},
        {"early_stopping": True, "monitor": "f1_macro", "class_weight": "balanced"},
        {"hidden_layer_sizes": (), "activation": "linear"},
    ],
    ids=lambda p: "-".join(p),
)
def test_every_choice_trains_as_in_keras_fit(params):
    assert_trains_like_keras(params)


def test_keras_losses_and_functions_train_as_their_equals():
    ours = classifier(loss="crossentropy").fit(X, Y)

    def by_hand(one_hot, proba):
        return -keras.ops.sum(one_hot * keras.ops.log(proba), axis=-1)

    for loss in (
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        keras.losses.CategoricalCrossentropy(),
        by_hand,
    ):
        same = classifier(loss=loss).fit(X, Y)
        np.testing.assert_allclose(same.history_["loss"], ours.history_["loss"], rtol=1e-4)


def test_a_grid_over_numbers_never_traces_again(monkeypatch):
    # A cache of its own: nothing is forgotten meanwhile.
    monkeypatch.setattr(program, "_programs", type(program._programs)())
    focal = classifier(loss="focal", dropout=0.2, early_stopping=True)
    adjusted = classifier(loss="logit_adjusted")
    focal.fit(X, Y), adjusted.fit(X, Y)
    before = program.count_traces()
    for changed in (
        {"learning_rate": 0.1, "random_state": 1},
        {"gamma": 5.0, "class_weight": "balanced"},
        {"class_weight": {0: 1, 1: 2, 2: 3}, "weight_decay": 0.1},
        {"alpha": [1, 2, 3], "dropout": 0.7},
        {"epochs": 2, "learning_rate_schedule": "cosine"},
        {"sampling": "balanced", "monitor": "mcc", "validation_fraction": 0.3},
    ):
        clone(focal).set_params(**changed).fit(X, Y)
    clone(adjusted).set_params(tau=0.3).fit(X[:200], Y[:200], sample_weight=np.arange(200) + 1)
    assert program.count_traces() == before
    for of_another_shape in ({"hidden_layer_sizes": (9,)}, {"batch_size": 17}):
        before = program.count_traces()
        clone(focal).set_params(**of_another_shape).fit(X, Y)
        assert program.count_traces() > before


def test_the_cache_is_bounded_and_forgets_the_least_recent(monkeypatch):
    monkeypatch.setattr(program, "_programs", type(program._programs)())
    monkeypatch.setattr(program, "MOST_PROGRAMS", 2)
    built = []

    class Built:
        def __init__(self, key):
            self.traces = built.append(key)

    for key in "abacb":
        program.program_for(key, lambda key=key: Built(key))
    assert built == ["a", "b", "c", "b"]


@pytest.mark.parametrize("bound", ["MOST_COMPILATIONS", "FEWEST_MAPS"])
def test_plain_graphs_train_as_well_what_xla_may_no_longer_compile(monkeypatch, bound):
    monkeypatch.setattr(program, "_programs", type(program._programs)())
    compiled = classifier(dropout=0.2).fit(X, Y)
    monkeypatch.setattr(program, bound, 0 if bound == "MOST_COMPILATIONS" else 2**40)
    again = classifier(dropout=0.2).fit(X, Y)
    other = classifier(dropout=0.2, batch_size=16)
    plain = other.fit(X, Y)
    grid = {"hidden_layer_sizes": [(8,), (9,)]}
    with joblib.parallel_config(backend="stacked"):
        search = GridSearchCV(other, grid, cv=2, error_score="raise").fit(X, Y)
    assert compiled.fit_path_ == again.fit_path_ == "compiled"
    np.testing.assert_array_equal(again.predict_proba(X), compiled.predict_proba(X))
    assert plain.fit_path_ == search.best_estimator_.fit_path_ == program.FULL
    monkeypatch.undo()
    program._programs.clear()
    same = clone(other).fit(X, Y)
    assert same.fit_path_ == "compiled"
    np.testing.assert_allclose(plain.predict_proba(X), same.predict_proba(X), atol=1e-4)


def test_programs_of_a_keras_optimizer_are_told_apart_by_its_config():
    slow = classifier(optimizer=keras.optimizers.SGD(0.01)).fit(X, Y)
    fast = classifier(optimizer=keras.optimizers.SGD(1.0)).fit(X, Y)
    heavy = classifier(optimizer=keras.optimizers.SGD(0.01, momentum=0.9)).fit(X, Y)
    losses = [c.history_["loss"][-1] for c in (slow, fast, heavy)]
    assert len(set(losses)) == 3


@pytest.mark.parametrize("optimizer", ["adam", keras.optimizers.Adam(1e-3)])
def test_fits_in_threads_equal_fits_alone(optimizer):
    # Two shapes, so that threads share programs and also trace at once.
    variants = [classifier(optimizer=optimizer, random_state=i) for i in range(3)]
    variants += [v.set_params() for v in map(clone, variants)]
    for v in variants[3:]:
        v.set_params(hidden_layer_sizes=(4, 4))
    alone = [clone(v).fit(X, Y).predict_proba(X) for v in variants]
    program._programs.clear()
    together = [None] * len(variants)

    def fit(i):
        together[i] = variants[i].fit(X, Y).predict_proba(X)

    threads = [threading.Thread(target=fit, args=(i,)) for i in range(len(variants))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_dropout_drops_the_rate_and_keeps_the_mean():
    layer, x = CounterDropout(), tf.ones((200, 500))
    layer.rate.assign(0.3)
    out = layer(x, training=True).numpy()
    # 100,000 draws: the standard deviation of a share is 0.0015.
    assert abs((out == 0).mean() - 0.3) < 0.006
    np.testing.assert_allclose(out[out > 0], 1 / 0.7, rtol=1e-6)
    assert abs(out.mean() - 1) < 0.01
    # Neighbours in either direction, and steps, are independent.
    dropped = (out == 0) - 0.3
    for other in (
        np.roll(dropped, 1, axis=0),
        np.roll(dropped, 1, axis=1),
        (layer(x, training=True).numpy() == 0) - 0.3,
    ):
        assert abs((dropped * other).mean() / 0.21) < 0.02
    np.testing.assert_array_equal(layer(x, training=False), x)


def test_dropout_depends_on_seed_and_step_only():
    first, second = CounterDropout(), CounterDropout()
    x = tf.ones((4, 50))
    for layer in (first, second):
        layer.rate.assign(0.5)
    np.testing.assert_array_equal(first(x, training=True), second(x, training=True))
    second.seed.assign(np.uint32(1))
    assert not np.array_equal(first(x, training=True), second(x, training=True))


def test_early_stopping_restores_the_best_epoch():
    fitted = classifier(
        early_stopping=True, monitor="loss", epochs=60, n_iter_no_change=5, learning_rate=0.05
    ).fit(X, Y)
    val_loss = fitted.history_["val_loss"]
    assert fitted.n_iter_ == len(val_loss) < 60
    assert fitted.best_epoch_ == 1 + int(np.argmin(val_loss)) == fitted.n_iter_ - 5
    assert fitted.loss_ == fitted.history_["loss"][fitted.best_epoch_ - 1]
    # The same training cut off at the best epoch ends with the same weights.
    cut = clone(fitted).set_params(epochs=fitted.best_epoch_).fit(X, Y)
    np.testing.assert_array_equal(cut.predict_proba(X), fitted.predict_proba(X))


def test_auto_stops_early_where_held_out_rows_tell_something():
    y = np.repeat([0, 1], [300, 100])
    rows = np.random.default_rng(0).normal(size=(400, 5))
    enough = classifier().fit(rows, y)
    too_few = classifier().fit(rows[:-1], y[:-1])
    resampled = classifier().fit(*SMOTE(random_state=0).fit_resample(rows, y))
    inside = classifier(sampling=SMOTE(random_state=0)).fit(rows, y)
    stops = ["val_loss" in c.history_ for c in (enough, too_few, resampled, inside)]
    assert stops == [True, False, False, True]


def test_the_best_epoch_of_deferred_weights_comes_after_their_start():
    fitted = classifier(
        loss="ldam", loss_params={"deferred": 0.5}, epochs=8, early_stopping=True,
        class_weight="balanced", n_iter_no_change=8, learning_rate=0.1,
    ).fit(X, Y)  # fmt: skip
    assert fitted.best_epoch_ > 4


@pytest.fixture
def batch_sizes(monkeypatch):
    """Rows of each batch that Keras' `fit` reads, as they are read."""
    sizes = []
    getitem = keras_fit._Batches.__getitem__

    def spy(self, i):
        batch = getitem(self, i)
        sizes.append(len(batch[0]))
        return batch

    monkeypatch.setattr(keras_fit._Batches, "__getitem__", spy)
    return sizes


def test_rows_that_exceed_the_memory_are_streamed(monkeypatch, tmp_path, batch_sizes):
    file = np.memmap(tmp_path / "X", dtype=np.float32, mode="w+", shape=X.shape)
    file[:] = X
    in_memory = classifier(early_stopping=True).fit(X.astype(np.float32), Y)
    monkeypatch.setattr("skimbalance._keras.training._fits_in_memory", lambda rows: False)
    streamed = classifier(early_stopping=True).fit(file, Y)
    assert max(batch_sizes) <= 32
    np.testing.assert_allclose(
        streamed.predict_proba(X), in_memory.predict_proba(X), rtol=1e-3, atol=1e-3
    )


def test_batches_differ_by_one_row_at_most_and_visit_each_row(monkeypatch, batch_sizes):
    monkeypatch.setattr("skimbalance._keras.training._fits_in_memory", lambda rows: False)
    fitted = classifier(batch_size=64, callbacks=[EachBatch()])
    fitted.set_params(epochs=1).fit(X, Y)
    assert sorted(batch_sizes)[-5:] == [60, 60, 60, 60, 60]
    for name, stream in STREAMS.items():
        assert len(stream.order(Y, seed=0, epoch=0)) == len(Y), name


def test_validation_in_blocks_equals_one_block(monkeypatch):
    whole = classifier(early_stopping=True, monitor="roc_auc").fit(X, Y)
    monkeypatch.setattr(program, "FORWARD_BLOCK", 7)
    blocks = classifier(early_stopping=True, monitor="roc_auc").fit(X, Y)
    np.testing.assert_allclose(blocks.history_["val_loss"], whole.history_["val_loss"], rtol=1e-5)


def test_a_diverging_fit_says_so_and_names_the_epoch():
    with pytest.raises(ValueError, match=r"must stay finite.* epoch \d+: lower the learning rate"):
        classifier(learning_rate=1e20, epochs=20, activation="linear").fit(X, Y)


@pytest.mark.parametrize("make_callbacks", [list, lambda: [EachBatch()]], ids=["ours", "Keras"])
def test_verbose_shows_one_bar_with_epoch_loss_and_monitor(capsys, make_callbacks):
    params = {"early_stopping": True, "monitor": "f1_macro"}
    classifier(**params, callbacks=make_callbacks()).fit(X, Y)
    assert capsys.readouterr().err == ""
    classifier(**params, callbacks=make_callbacks(), verbose=1).fit(X, Y)
    last = capsys.readouterr().err.split("\r")[-1]
    assert "3/3" in last
    for name in ("loss=", "val_loss=", "val_f1_macro="):
        assert name in last


def test_warnings_name_the_line_that_called_fit():
    with pytest.warns(UserWarning, match="corrected twice") as twice:
        classifier(loss="logit_adjusted", class_weight="balanced").fit(X, Y)
    alone = np.where(np.arange(len(Y)) == 0, 3, Y)
    with pytest.warns(UserWarning, match="There are only 1 of class 3, so") as too_small:
        classifier(early_stopping=True).fit(X, alone)
    assert [w.filename for w in (*twice, *too_small)] == [__file__] * 2
