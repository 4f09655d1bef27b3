"""A class for each step: only present steps count, each with its weight, in any form."""

import copy
import pickle
import random

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from imblearn.metrics import geometric_mean_score
from joblib import parallel_config
from keras_setup import EachBatch
from sklearn.base import clone, is_classifier
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    matthews_corrcoef,
    roc_auc_score,
)
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    check_cv,
    cross_val_predict,
    cross_val_score,
    learning_curve,
)
from sklearn.utils.class_weight import compute_class_weight
from tensorflow.python.framework import config

from skimbalance import ImbalancedSequenceClassifier
from skimbalance._engine.tensorflow.program import Program, count_traces
from skimbalance._losses.records import SOFTMAX
from skimbalance.losses import LOSSES
from skimbalance.model_selection import StratifiedSequenceKFold

pytestmark = pytest.mark.slow

NETWORKS = ["bilstm", "conv1d"]
SMALL = {
    "network": "conv1d",
    "units": 4,
    "embedding_dim": 4,
    "epochs": 3,
    "early_stopping": False,
    "random_state": 0,
}

each_network = pytest.mark.parametrize("network", NETWORKS)


class Tagger(ImbalancedSequenceClassifier):
    """Remembers its plan of training, and with it which sequences were held out."""

    def _train(self, plan):
        self.plan = plan
        return super()._train(plan)

    def __getstate__(self):
        return {name: value for name, value in super().__getstate__().items() if name != "plan"}


def tagger(**options):
    return Tagger(**{**SMALL, **options})


def make_words(n=60, seed=0, longest=12):
    """Characters; "x" after "a" is rare, "x" elsewhere rarer, all else "O"."""
    rng = np.random.default_rng(seed)
    X = ["".join(rng.choice(list("abcx"), rng.integers(1, longest + 1))) for _ in range(n)]
    y = [
        [
            ("O" if c != "x" else "after a" if before == "a" else "x")
            for before, c in zip(" " + x, x, strict=False)
        ]
        for x in X
    ]
    return X, y


def make_features(n=60, seed=0, longest=8):
    """Two features; the second class where the first is large, with noise."""
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=(n_steps, 2)) for n_steps in rng.integers(1, longest + 1, n)]
    y = [(x[:, 0] + 0.5 * rng.normal(size=len(x)) > 1).astype(int) for x in X]
    return X, y


def padded(sequences, n_steps, fill=0, seed=None):
    """An array, and the mask of the places of the steps: from the left, or anywhere."""
    lengths = np.array([len(x) for x in sequences])
    mask = np.arange(n_steps) < lengths[:, None]
    if seed is not None:
        mask = np.random.default_rng(seed).permuted(mask, axis=1)
    steps = np.concatenate([np.asarray(list(x)) for x in sequences])
    array = np.full((*mask.shape, *steps.shape[1:]), fill, steps.dtype)
    array[mask] = steps
    return array, mask


def flat(sequences):
    return np.concatenate([np.asarray(x) for x in sequences])


def steps_of(proba, sequences):
    """Probabilities of the steps that are present, one sequence after the other."""
    return np.concatenate([p[: len(x)] for p, x in zip(proba, sequences, strict=False)])


WORDS, WORD_LABELS = make_words()
FEATURES, FEATURE_LABELS = make_features()
DATA = {"tokens": (WORDS, WORD_LABELS), "features": (FEATURES, FEATURE_LABELS)}

each_kind = pytest.mark.parametrize("kind", DATA)


@pytest.fixture(scope="module")
def words():
    """Fitted on words."""
    return tagger(epochs=10).fit(WORDS, WORD_LABELS)


@pytest.fixture(scope="module")
def features():
    """Fitted on features."""
    return tagger(epochs=10).fit(FEATURES, FEATURE_LABELS)


# Forms, padding and masks


def token_forms():
    codes = [[ord(c) for c in x] for x in WORDS]
    yield "lists", [list(x) for x in WORDS], WORD_LABELS, None
    yield "integers", codes, WORD_LABELS, None
    for name, n_steps, seed in (("padded", 12, None), ("far", 30, None), ("anywhere", 30, 1)):
        X, mask = padded(codes, n_steps, fill=-1, seed=seed)
        y, _ = padded(WORD_LABELS, n_steps, fill="?", seed=seed)
        yield name, X, y, mask
        yield f"{name}, masked", np.ma.masked_array(X, ~mask), y, None
        yield f"{name}, y too", np.ma.masked_array(X, ~mask), np.ma.masked_array(y, ~mask), None


@pytest.mark.parametrize("form", [name for name, *_ in token_forms()])
def test_forms_of_tokens_agree(words, form):
    X, y, mask = next(rest for name, *rest in token_forms() if name == form)
    clf = tagger(epochs=10).fit(X, y, mask=mask)
    assert clf.class_weight_ == words.class_weight_
    proba = clf.predict_proba(X, mask=mask)
    assert proba.shape == ((*y.shape, 3) if isinstance(y, np.ndarray) else (60, 12, 3))
    present = mask
    if present is None:
        present = ~X.mask if np.ma.isMaskedArray(X) else padded(WORDS, 12)[1]
    np.testing.assert_array_equal(proba[present], steps_of(words.predict_proba(WORDS), WORDS))
    assert not proba[~present].any()
    decided = clf.predict(X, mask=mask)
    decided = decided[present] if isinstance(decided, np.ndarray) else flat(decided)
    np.testing.assert_array_equal(decided, flat(words.predict(WORDS)))
    assert clf.score(X, y, mask=mask) == words.score(WORDS, WORD_LABELS)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("seed", [None, 1])
def test_forms_of_features_agree(network, seed):
    X, mask = padded(FEATURES, 20, fill=np.nan, seed=seed)
    y, _ = padded(FEATURE_LABELS, 20, fill=9, seed=seed)
    clf = tagger(network=network)
    expected = steps_of(clf.fit(FEATURES, FEATURE_LABELS).predict_proba(FEATURES), FEATURES)
    of_mask = clf.fit(X, y, mask=mask).predict_proba(X, mask=mask)
    np.testing.assert_array_equal(of_mask[mask], expected)
    hidden = np.ma.masked_invalid(X)
    of_masked = clf.fit(hidden, y).predict_proba(hidden)
    np.testing.assert_array_equal(of_masked[mask], expected)


@each_network
@each_kind
def test_a_sequence_alone_is_as_among_others(network, kind):
    X, y = DATA[kind]
    clf = tagger(network=network).fit(X, y)
    proba = clf.predict_proba(X)
    for i in range(5):
        np.testing.assert_allclose(
            clf.predict_proba(X[i : i + 1])[0], proba[i, : len(X[i])], rtol=1e-5
        )
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_allclose(clf.predict_proba([X[i] for i in order]), proba[order], rtol=1e-5)


def test_probabilities_sum_to_one_where_there_are_steps(words):
    proba = words.predict_proba(WORDS)
    assert proba.shape == (60, 12, 3)
    present = padded(WORDS, 12)[1]
    np.testing.assert_allclose(proba.sum(axis=2), present, rtol=1e-12)
    decided = words.classes_[proba.argmax(axis=2)]
    np.testing.assert_array_equal(decided[present], flat(words.predict(WORDS)))


def test_predict_keeps_the_form(words, features):
    assert [len(x) for x in words.predict(WORDS)] == [len(x) for x in WORDS]
    array = np.zeros((3, 4, 2))
    assert type(features.predict(array)) is np.ndarray
    mask = np.arange(4) < [[4], [1], [0]]
    decided = features.predict(array, mask=mask)
    np.testing.assert_array_equal(decided.mask, ~mask)
    assert decided.dtype == features.classes_.dtype


def test_empty_sequences_are_empty(words, features):
    assert [len(y) for y in words.predict(["", "ab", ""])] == [0, 2, 0]
    np.testing.assert_allclose(words.predict_proba(["", "ab"]).sum(axis=2), [[0, 0], [1, 1]])
    assert [y.dtype for y in words.predict([""])] == [words.classes_.dtype]
    assert words.predict_proba(["", ""]).shape == (2, 0, 3)
    assert len(features.predict([np.empty((0, 2)), np.ones((1, 2))])[0]) == 0
    with_empty = tagger(epochs=10).fit(["", *WORDS], [[], *WORD_LABELS])
    np.testing.assert_array_equal(with_empty.predict_proba(WORDS), words.predict_proba(WORDS))


@each_network
def test_sequences_of_one_step(network):
    X, y = list("abxabx"), [["O"], ["O"], ["r"]] * 2
    clf = tagger(network=network, epochs=40, learning_rate=0.05).fit(X, y)
    assert clf.score(X, y) == 1.0


def test_unequal_lengths_cost_little(monkeypatch):
    widths = []
    steps = Program.steps

    def counted(self, networks, batches, n_steps):
        widths.append(batches.y.shape[-1])
        return steps(self, networks, batches, n_steps)

    monkeypatch.setattr(Program, "steps", counted)
    X, y = make_words(200, longest=8)
    X, y = [*X, "abcx" * 250], [*y, ["O", "O", "O", "x"] * 250]
    clf = tagger(epochs=1, batch_size=20).fit(X, y)
    n_batches = -(-len(X) // 20)
    assert sorted(widths)[-1] == 1000
    # All but the batch of the long one are hardly filled up.
    short = sum(len(x) for x in X[:-1])
    assert 20 * (sum(widths) - 1000) < 1.25 * short + 20 * n_batches
    assert len(widths) == n_batches
    blocks = []
    forward = clf._fitted.network.forward

    def counted_forward(weights, X):
        blocks.append(X[0].shape)
        return forward(weights, X)

    monkeypatch.setattr(clf._fitted.network, "forward", counted_forward)
    clf.predict(X)
    assert sum(n * width for n, width in blocks) < 2**14 + 8 * 200


def test_batches_hold_every_sequence_once():
    clf = tagger().fit(WORDS, WORD_LABELS)
    for epoch in range(3):
        np.testing.assert_array_equal(np.sort(clf.plan.order(epoch)), np.arange(len(WORDS)))


# What counts, and how much


@each_network
@pytest.mark.parametrize("seed", [None, 1])
def test_masked_steps_never_count(network, seed):
    codes, mask = padded([[ord(c) for c in x] for x in WORDS], 15, seed=seed)
    y, _ = padded(WORD_LABELS, 15, fill="O", seed=seed)
    rng = np.random.default_rng(2)
    noise, labels = rng.integers(0, 99, codes.shape), rng.choice(["O", "x", "else"], y.shape)
    clf = tagger(network=network, class_weight="balanced").fit(codes, y, mask=mask)
    changed_X, changed_y = np.where(mask, codes, noise), np.where(mask, y, labels)
    changed = tagger(network=network, class_weight="balanced").fit(changed_X, changed_y, mask=mask)
    np.testing.assert_array_equal(changed.class_counts_, clf.class_counts_)
    assert changed.class_weight_ == clf.class_weight_
    assert changed.history_ == clf.history_
    np.testing.assert_array_equal(
        changed.predict_proba(codes, mask=mask), clf.predict_proba(changed_X, mask=mask)
    )
    assert clf.score(codes, y, mask=mask) == clf.score(changed_X, changed_y, mask=mask)


def test_counts_weights_and_score_are_those_of_the_flat_steps():
    labels = flat(WORD_LABELS)
    clf = tagger(class_weight="balanced").fit(WORDS, WORD_LABELS)
    assert clf.classes_.tolist() == np.unique(labels).tolist()
    counts = np.unique(labels, return_counts=True)[1]
    np.testing.assert_array_equal(clf.class_counts_, counts)
    np.testing.assert_allclose(clf.class_prior_, counts / len(labels))
    balanced = compute_class_weight("balanced", classes=clf.classes_, y=labels)
    np.testing.assert_allclose(list(clf.class_weight_.values()), balanced)
    decided = flat(clf.predict(WORDS))
    assert clf.score(WORDS, WORD_LABELS) == f1_score(labels, decided, average="macro")
    weight = np.random.default_rng(0).integers(0, 3, len(WORDS))
    of_steps = np.repeat(weight, [len(x) for x in WORDS])
    assert clf.score(WORDS, WORD_LABELS, sample_weight=weight) == pytest.approx(
        f1_score(labels, decided, average="macro", sample_weight=of_steps)
    )


@each_kind
def test_weight_two_is_the_sequence_twice_and_zero_without_it(kind):
    X, y = DATA[kind]
    weight = np.random.default_rng(3).integers(0, 3, len(X))
    # In one batch an epoch the order does not matter.
    options = {"batch_size": 200, "class_weight": "balanced", "epochs": 5}
    weighted = tagger(**options).fit(X, y, sample_weight=weight)
    rows = np.repeat(np.arange(len(X)), weight)
    repeated = tagger(**options).fit([X[i] for i in rows], [y[i] for i in rows])
    np.testing.assert_array_equal(weighted.class_counts_, repeated.class_counts_)
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-5)
    # Without the others, bit by bit.
    kept = np.flatnonzero(weight)
    few = tagger(**options).fit([X[i] for i in kept], [y[i] for i in kept], weight[kept])
    np.testing.assert_array_equal(few.predict_proba(X), weighted.predict_proba(X))


def test_sequences_without_weight_are_not_looked_at():
    weight = np.r_[np.ones(60), 0]
    clf = tagger().fit([*WORDS, "unknown"], [*WORD_LABELS, list("unknown")], weight)
    assert clf.classes_.tolist() == ["O", "after a", "x"]
    with pytest.raises(ValueError, match="'k', 'n', 'o', 'u', 'w'"):
        clf.predict(["unknown"])


@pytest.mark.parametrize("objective", [None, "f1_macro"])
@pytest.mark.parametrize(("ignored", "classes"), [(-100, [0, 1, 2]), ("X", ["0", "1", "2"])])
def test_steps_of_the_ignored_label_are_those_of_weight_zero(ignored, classes, objective):
    rng = np.random.default_rng(4)
    names = dict(zip(np.unique(flat(WORD_LABELS)), classes, strict=True))
    known = [rng.random(len(x)) < 0.7 for x in WORDS]
    weight = [1.0 + rng.integers(2, size=len(x)) for x in WORDS]
    y = [[names[label] for label in labels] for labels in WORD_LABELS]
    padded = [
        [label if k else ignored for label, k in zip(labels, of_steps, strict=True)]
        for labels, of_steps in zip(y, known, strict=True)
    ]
    options = {"objective": objective, "validation_fraction": 0.4, "monitor": "average_precision"}
    options["early_stopping"] = True
    clf, plain = tagger(**options, ignore_label=ignored), tagger(**options)
    zeroed = [w * k for w, k in zip(weight, known, strict=True)]
    clf.fit(WORDS, padded, weight)
    plain.fit(WORDS, y, zeroed)
    assert clf.classes_.tolist() == classes
    assert clf.history_ == plain.history_
    np.testing.assert_array_equal(clf.predict_proba(WORDS), plain.predict_proba(WORDS))
    assert clf.score(WORDS, padded) == plain.score(WORDS, y, known)
    assert clf.score(WORDS, padded, weight) == plain.score(WORDS, y, zeroed)
    with pytest.raises(ValueError, match=f"Got steps of ignore_label={ignored!r} only"):
        clf.score(WORDS, [[ignored] * len(x) for x in WORDS])
    with pytest.raises(ValueError, match=r"at least 2 classes .* Got no step"):
        clf.fit(WORDS, [[ignored] * len(x) for x in WORDS])


def keras_twin(clf):
    """The network of a fit before its training, as a plain Keras model."""
    network, start = clf.plan.initial.network, clf.plan.initial.weights
    model = keras.models.clone_model(network.model)
    model.set_weights(network.show(start).get_weights())
    return model


def cross_entropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@each_network
@pytest.mark.parametrize("kind", ["tokens", "features"])
def test_an_epoch_is_that_of_keras_with_weights_of_steps(network, kind):
    X, y = DATA[kind]
    # Keras' Adam squares the parts of an embedding's gradient before it sums them.
    options = {"optimizer": "sgd", "learning_rate": 0.5} if kind == "tokens" else {}
    clf = tagger(network=network, class_weight="balanced", epochs=1, batch_size=100, **options)
    clf.fit(X, y)
    model = keras_twin(clf)
    (inputs,) = clf.plan.rows.X
    targets = clf.plan.rows.y
    weights = np.array(list(clf.class_weight_.values()))
    of_steps = np.where(targets >= 0, weights[targets], 0)
    optimizer = keras.optimizers.SGD(0.5) if options else keras.optimizers.Adam(clf.learning_rate)
    model.compile(optimizer, cross_entropy(), weighted_metrics=[])
    fitted = model.fit(
        inputs, np.maximum(targets, 0), sample_weight=of_steps, batch_size=100, verbose=0
    )
    # Keras divides by the steps that its mask shows; the weights here have the mean 1 over them.
    assert clf.history_["loss"][0] == pytest.approx(fitted.history["loss"][0], rel=1e-5)
    np.testing.assert_allclose(
        clf.model_.predict(inputs, verbose=0), model.predict(inputs, verbose=0), atol=2e-5
    )


def test_keras_refuses_class_weights_of_steps():
    clf = tagger(epochs=1).fit(WORDS, WORD_LABELS)
    model = keras_twin(clf)
    model.compile("adam", keras.losses.CategoricalCrossentropy(from_logits=True))
    (inputs,) = clf.plan.rows.X
    targets = np.eye(3)[clf.plan.rows.y]
    with pytest.raises((TypeError, ValueError)):
        model.fit(inputs, targets, class_weight={0: 1.0, 1: 2.0, 2: 3.0}, verbose=0)


@pytest.mark.parametrize("loss", sorted(SOFTMAX))
@pytest.mark.filterwarnings("ignore:Both loss:UserWarning")
def test_losses_are_those_of_the_flat_steps(loss):
    clf = tagger(loss=loss, epochs=1, batch_size=100, class_weight=0.5).fit(WORDS, WORD_LABELS)
    present = clf.plan.rows.y >= 0
    y = clf.plan.rows.y[present]
    logits = keras_twin(clf).predict(clf.plan.rows.X[0], verbose=0)[present]
    weight = np.array(list(clf.class_weight_.values()))[y]
    if clf.plan.deferred_until:
        weight = np.ones(len(y))
    arguments = {k: np.float32(v) for k, v in clf.plan.arguments.items()}
    if loss == "soft_f1":
        expected = LOSSES[loss](y, logits, sample_weight=np.float32(weight), from_logits=True)
    else:
        values = LOSSES[loss](y, logits, from_logits=True, **arguments)
        expected = np.average(values, weights=weight)
    assert clf.history_["loss"][0] == pytest.approx(float(expected), rel=1e-5)
    assert np.isfinite(clf.score(WORDS, WORD_LABELS))


def test_keras_losses_are_taken():
    named = tagger(epochs=2).fit(WORDS, WORD_LABELS)
    for loss in (
        cross_entropy(),
        keras.losses.CategoricalCrossentropy(),
        lambda y, proba: -tf.reduce_sum(y * tf.math.log(proba), axis=-1),
    ):
        clf = tagger(epochs=2, loss=loss).fit(WORDS, WORD_LABELS)
        np.testing.assert_allclose(clf.predict_proba(WORDS), named.predict_proba(WORDS), atol=1e-5)


def test_focal_without_focus_is_crossentropy():
    focal = tagger(loss="focal", gamma=0.0).fit(WORDS, WORD_LABELS)
    plain = tagger().fit(WORDS, WORD_LABELS)
    np.testing.assert_allclose(focal.predict_proba(WORDS), plain.predict_proba(WORDS), atol=1e-5)
    np.testing.assert_allclose(focal.history_["loss"], plain.history_["loss"], rtol=1e-5)


def test_weights_find_more_of_the_rare_steps():
    X, y = make_features(200)
    recalls = []
    for class_weight in (None, 0.5, "balanced"):
        clf = tagger(class_weight=class_weight, epochs=10, learning_rate=0.03).fit(X, y)
        decided, labels = flat(clf.predict(X)), flat(y)
        recalls.append(np.mean(decided[labels == 1]))
    assert recalls[0] < recalls[1] < recalls[2]


def test_balanced_sampling_draws_kinds_of_sequences_equally_often():
    clf = tagger(sampling="balanced", class_weight=None).fit(WORDS, WORD_LABELS)
    n_sequences = {k: sum(k in y for y in WORD_LABELS) for k in ("O", "after a", "x")}
    kinds = np.array([min(set(y), key=n_sequences.get) for y in WORD_LABELS])
    assert len(set(kinds)) == 3
    drawn = np.concatenate([clf.plan.order(epoch) for epoch in range(20)])
    shares = np.unique(kinds[drawn], return_counts=True)[1] / len(drawn)
    np.testing.assert_allclose(shares, 1 / 3, atol=0.02)
    assert len(set(drawn)) == len(WORDS)


def test_posterior_undoes_the_weights_and_the_sampling(words):
    plain = tagger(class_weight=None).fit(WORDS, WORD_LABELS)
    np.testing.assert_allclose(
        plain.predict_posterior(WORDS), plain.predict_proba(WORDS), rtol=1e-9
    )
    weight = np.array(list(words.class_weight_.values()))
    natural = words.predict_proba(WORDS) / weight
    total = natural.sum(axis=2, keepdims=True)
    natural = np.divide(natural, total, out=natural, where=total > 0)
    np.testing.assert_allclose(words.predict_posterior(WORDS), natural, rtol=1e-9)
    shares = dict(zip(words.classes_, words.class_prior_, strict=True))
    same = words.predict_posterior(WORDS, priors=shares)
    np.testing.assert_allclose(same, words.predict_posterior(WORDS), rtol=1e-9)
    # Drawn equally often, kinds of sequences show more of the rare steps.
    X, y = make_features(300)
    drawn = tagger(sampling="balanced", class_weight="balanced", epochs=20).fit(X, y)
    eta = steps_of(drawn.predict_posterior(X), X)
    np.testing.assert_allclose(eta.mean(axis=0), drawn.class_prior_, atol=0.03)


# Held-out sequences


@pytest.mark.parametrize("seed", range(4))
def test_rare_classes_are_on_both_sides_of_the_split(seed):
    y = [["O"] * len(x) for x in WORDS]
    for i, j in ((0, 1), (2, 3)):
        for k in (i, j):
            y[k][0] = f"rare {i}"
    clf = tagger(early_stopping=True, epochs=1, random_state=seed).fit(WORDS, y)
    for part in (clf.plan.rows, clf.plan.held_out):
        assert np.unique(part.y[part.y >= 0]).tolist() == [0, 1, 2]
    rows, held_out = clf.plan.rows.index, clf.plan.held_out.index
    np.testing.assert_array_equal(np.sort(np.r_[rows, held_out]), np.arange(len(WORDS)))
    assert 6 <= len(held_out) <= 8


def steps_held_out(clf, X, y):
    """Labels, decisions, probabilities of the steps that were held out."""
    held_out = clf.plan.held_out.index
    X, y = [X[i] for i in held_out], [y[i] for i in held_out]
    return flat(y), flat(clf.predict(X)), steps_of(clf.predict_proba(X), X)


def one_against_rest(score, y, proba, classes):
    return np.mean([score(y == k, proba[:, i]) for i, k in enumerate(classes)])


def f1_of_rare(y, decided, proba, classes):
    return f1_score(y, decided, labels=[k for k in classes if k != "O"], average="macro")


MONITORS = {
    "f1_macro": lambda y, d, p, c: f1_score(y, d, average="macro"),
    "f1_rare": f1_of_rare,
    "balanced_accuracy": lambda y, d, p, c: balanced_accuracy_score(y, d),
    "mcc": lambda y, d, p, c: matthews_corrcoef(y, d),
    "geometric_mean": lambda y, d, p, c: geometric_mean_score(y, d, average="multiclass"),
    "average_precision": lambda y, d, p, c: one_against_rest(average_precision_score, y, p, c),
    "roc_auc": lambda y, d, p, c: one_against_rest(roc_auc_score, y, p, c),
}


@pytest.mark.parametrize("monitor", MONITORS)
def test_monitors_judge_the_steps_held_out(monitor):
    clf = tagger(
        monitor=monitor, early_stopping=True, epochs=4, learning_rate=0.05, validation_fraction=0.3
    ).fit(WORDS, WORD_LABELS)
    history = clf.history_[f"val_{monitor}"]
    expected = MONITORS[monitor](*steps_held_out(clf, WORDS, WORD_LABELS), clf.classes_)
    assert history[clf.best_epoch_ - 1] == max(history) == pytest.approx(expected, rel=1e-5)


def test_loss_of_the_steps_held_out():
    clf = tagger(
        monitor="loss", early_stopping=True, epochs=4, learning_rate=0.05, validation_fraction=0.3
    ).fit(WORDS, WORD_LABELS)
    y, _, proba = steps_held_out(clf, WORDS, WORD_LABELS)
    weight = np.array([clf.class_weight_[k] for k in y])
    entropy = -np.log(proba[np.arange(len(y)), np.searchsorted(clf.classes_, y)])
    history = clf.history_["val_loss"]
    assert history[clf.best_epoch_ - 1] == min(history)
    assert min(history) == pytest.approx(np.average(entropy, weights=weight), rel=1e-5)


def test_training_stops_where_nothing_gets_better():
    options = {"early_stopping": True, "monitor": "loss", "learning_rate": 1e-9, "epochs": 50}
    clf = tagger(**options, n_iter_no_change=3, tol=0.1).fit(WORDS, WORD_LABELS)
    assert clf.n_iter_ == 4


def test_features_are_standardised_by_training_steps_only(features):
    X = [1000 * x + [5, -7] for x in FEATURES]
    moved = tagger(epochs=10).fit(X, FEATURE_LABELS)
    np.testing.assert_allclose(moved.predict_proba(X), features.predict_proba(FEATURES), atol=1e-4)
    clf = tagger(early_stopping=True).fit(FEATURES, FEATURE_LABELS)
    steps = np.concatenate([FEATURES[i] for i in clf.plan.rows.index])
    np.testing.assert_allclose(clf._encoder._scaler.mean_, steps.mean(axis=0))
    np.testing.assert_allclose(clf._encoder._scaler.scale_, steps.std(axis=0))
    raw = tagger(standardize=False).fit(X, FEATURE_LABELS)
    assert np.abs(raw.predict_proba(X) - moved.predict_proba(X)).max() > 0.01


def test_tokens_are_infrequent_by_training_steps_only():
    X, y = ["ab" * 3, "abx", "abx", "cc"] * 10, [[0] * 6, [0, 0, 1], [0, 0, 1], [0, 0]] * 10
    X[3::4] = [chr(ord("A") + i) * 2 for i in range(10)]
    clf = tagger(early_stopping=True, min_frequency=2, validation_fraction=0.4).fit(X, y)
    held_out = [X[i] for i in clf.plan.held_out.index if X[i].isupper()]
    trained = [X[i] for i in clf.plan.rows.index if X[i].isupper()]
    assert held_out
    unknown = clf.predict_proba(["??"])[0]
    for x in held_out:
        np.testing.assert_array_equal(clf.predict_proba([x])[0], unknown)
    for x in trained:
        assert np.abs(clf.predict_proba([x])[0] - unknown).max() > 0


def test_objective_tunes_the_decision_and_not_the_network():
    X, y = make_features(300)
    y = [np.where(x[:, 1] > 1.5, 2, labels) for x, labels in zip(X, y, strict=False)]
    options = {
        "early_stopping": True,
        "validation_fraction": 0.5,
        "epochs": 5,
        "class_weight": None,
    }
    plain = tagger(**options).fit(X, y)
    tuned = tagger(**options, objective="f1_macro").fit(X, y)
    assert plain.history_ == tuned.history_
    np.testing.assert_array_equal(tuned.predict_posterior(X), plain.predict_posterior(X))
    labels, decided, proba = steps_held_out(tuned, X, y)
    _, argmax, _ = steps_held_out(plain, X, y)
    before, after = (f1_score(labels, d, average="macro") for d in (argmax, decided))
    assert after > before + 0.02
    # The rule that is shown is the one that decides.
    rule = np.argmax(proba @ tuned.decision_matrix_, axis=1)
    np.testing.assert_array_equal(decided, tuned.classes_[rule])
    assert tuned.decision_weights_.mean() == pytest.approx(1)
    present = padded(X, 8)[1]
    np.testing.assert_allclose(tuned.predict_proba(X).sum(axis=2), present, rtol=1e-9)
    assert not hasattr(clone(tuned).set_params(objective=None).fit(X, y), "decision_weights_")
    assert not hasattr(tuned.set_params(objective=None).fit(X, y), "decision_weights_")


@pytest.mark.parametrize("loss", ["focal", "soft_f1"])
def test_objective_of_losses_with_and_without_a_closed_form(loss):
    clf = tagger(loss=loss, objective="mcc", early_stopping="auto").fit(WORDS, WORD_LABELS)
    assert clf.n_iter_ == 3
    _, decided, proba = steps_held_out(clf, WORDS, WORD_LABELS)
    rule = np.argmax(proba @ clf.decision_matrix_, axis=1)
    np.testing.assert_array_equal(decided, clf.classes_[rule])
    assert np.all(np.isfinite(clf.predict_proba(WORDS)))


# The same again


@each_network
def test_random_state_decides_every_bit(network):
    def proba(random_state):
        clf = tagger(network=network, dropout=0.3, early_stopping=True, random_state=random_state)
        return clf.fit(WORDS, WORD_LABELS).predict_proba(WORDS)

    np.testing.assert_array_equal(proba(3), proba(3))
    np.testing.assert_array_equal(proba(np.random.RandomState(3)), proba(np.random.RandomState(3)))
    assert np.abs(proba(3) - proba(4)).max() > 1e-3
    assert np.abs(proba(None) - proba(None)).max() > 1e-3


@each_network
def test_numbers_never_trace_again(network):
    def fit(**options):
        tagger(network=network, **options).fit(WORDS, WORD_LABELS).predict(WORDS)

    fit(dropout=0.3)
    before = count_traces()
    fit(random_state=1, learning_rate=0.1, class_weight=None, dropout=0.2, batch_size=7)
    assert count_traces() == before


def test_no_global_state_is_touched():
    def state():
        return (
            random.getstate(),
            pickle.dumps(np.random.mtrand._rand),
            keras.config.floatx(),
            keras.config.dtype_policy().name,
            config.is_op_determinism_enabled(),
            tf.random.get_global_generator().state.numpy().tolist(),
        )

    before = state()
    for network in NETWORKS:
        clf = tagger(network=network, dropout=0.2).fit(WORDS, WORD_LABELS)
        copy.deepcopy(clf).predict(WORDS)
    assert state() == before


@each_network
@each_kind
def test_keras_own_fit_gives_the_same(network, kind):
    X, y = DATA[kind]
    options = {"early_stopping": True, "validation_fraction": 0.3, "monitor": "loss"}
    if kind == "tokens":
        options |= {"optimizer": "sgd", "learning_rate": 0.5}
    compiled = tagger(network=network, **options).fit(X, y)
    by_keras = tagger(network=network, **options, callbacks=[EachBatch()]).fit(X, y)
    assert compiled.fit_path_ == "compiled"
    assert by_keras.fit_path_.startswith("Keras' own fit")
    for name, values in compiled.history_.items():
        np.testing.assert_allclose(by_keras.history_[name], values, rtol=1e-4)
    np.testing.assert_allclose(by_keras.predict_proba(X), compiled.predict_proba(X), atol=1e-4)


def test_callbacks_without_batches_are_compiled():
    losses = []
    callback = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda e, logs: losses.append(logs["loss"])
    )
    clf = tagger(callbacks=callback).fit(WORDS, WORD_LABELS)
    assert clf.fit_path_ == "compiled"
    assert losses == clf.history_["loss"]


def test_model_gives_the_logits(words):
    (inputs,) = words.plan.rows.X
    logits = words.model_.predict(inputs, verbose=0)
    proba = np.exp(logits - logits.max(axis=2, keepdims=True))
    proba /= proba.sum(axis=2, keepdims=True)
    present = padded(WORDS, 12)[1]
    np.testing.assert_allclose(words.predict_proba(WORDS)[present], proba[present], rtol=1e-5)


def test_copies(words):
    expected = words.predict_proba(WORDS)
    np.testing.assert_array_equal(copy.deepcopy(words).predict_proba(WORDS), expected)
    fresh = clone(words)
    assert not hasattr(fresh, "classes_")
    np.testing.assert_array_equal(fresh.fit(WORDS, WORD_LABELS).predict_proba(WORDS), expected)
    # Parameters that are set after the fit are for the next one.
    later = copy.deepcopy(words).set_params(units=9, network="bilstm", min_frequency=5)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(later)).predict_proba(WORDS), expected)


# In scikit-learn's tools

CV = StratifiedSequenceKFold(3, random_state=0)
GRID = {"class_weight": [None, 0.5], "loss": ["crossentropy", "focal"]}


@pytest.mark.parametrize("form", ["strings", "masked array"])
def test_grid_search_alone_and_stacked(form):
    X, y = WORDS, WORD_LABELS
    if form == "masked array":
        X, mask = padded([[ord(c) for c in x] for x in X], 12)
        X, y = np.ma.masked_array(X, ~mask), np.ma.masked_array(padded(y, 12)[0], ~mask)
    clf = tagger(early_stopping=True, learning_rate=0.03, validation_fraction=0.3)
    search = GridSearchCV(clf, GRID, cv=CV, error_score="raise").fit(X, y)
    with parallel_config(backend="stacked"):
        stacked = GridSearchCV(clf, GRID, cv=CV, error_score="raise").fit(X, y)
    for i in range(3):
        name = f"split{i}_test_score"
        np.testing.assert_allclose(search.cv_results_[name], stacked.cv_results_[name])
    assert search.best_params_ == stacked.best_params_
    train, test = next(CV.split(X, y))
    if form == "strings":
        best = clone(clf).set_params(**search.cv_results_["params"][0])
        best.fit([X[i] for i in train], [y[i] for i in train])
        score = best.score([X[i] for i in test], [y[i] for i in test])
        assert search.cv_results_["split0_test_score"][0] == pytest.approx(score)


def test_cross_validation():
    scores = cross_val_score(tagger(), WORDS, WORD_LABELS, cv=CV, error_score="raise")
    assert scores.shape == (3,)
    X, y = np.array(FEATURES, dtype=object), np.array(FEATURE_LABELS, dtype=object)
    by_f1 = cross_val_score(
        tagger(),
        X,
        y,
        cv=CV,
        scoring=lambda clf, X, y: f1_score(flat(y), flat(clf.predict(X)), average="macro"),
    )
    np.testing.assert_allclose(by_f1, cross_val_score(tagger(), X, y, cv=CV))
    array = np.random.default_rng(0).normal(size=(30, 4, 2))
    labels = (array[:, :, 0] > 1).astype(int)
    assert cross_val_predict(tagger(), array, labels, cv=CV).shape == (30, 4)


@pytest.mark.parametrize("container", [list, pd.Series], ids=lambda kind: kind.__name__)
def test_folds_and_searches_take_lists_of_unequal_length(container):
    X = container([["a", "x", "b"][: 1 + i % 3] * 2 for i in range(18)])
    y = container([["B" if token == "x" else "O" for token in tokens] for tokens in X])
    cv = KFold(2, shuffle=True, random_state=0)
    found = cross_val_predict(tagger(), X, y, cv=cv)
    scores = cross_val_score(tagger(), X, y, cv=cv)
    for (train, test), score in zip(cv.split(X), scores, strict=True):
        parts = ([values[i] for i in rows] for rows in (train, test) for values in (X, y))
        X_train, y_train, X_test, y_test = parts
        clf = tagger().fit(X_train, y_train)
        assert clf.score(X_test, y_test) == pytest.approx(score)
        for i, steps in zip(test, clf.predict(X_test), strict=True):
            np.testing.assert_array_equal(found[i], steps)
    search = RandomizedSearchCV(tagger(), {"units": [4]}, n_iter=1, cv=cv).fit(X, y)
    assert search.best_score_ == pytest.approx(scores.mean())
    assert [len(steps) for steps in search.predict(X)] == [len(tokens) for tokens in X]
    _, _, by_size = learning_curve(tagger(), X, y, cv=cv, train_sizes=[1.0])
    np.testing.assert_allclose(by_size, [scores])


@pytest.mark.slow
def test_a_class_of_weight_0_goes_with_an_objective():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 6, 2)), rng.integers(0, 3, (20, 6))
    weights = pd.Series({2: 1, 0: 0, 1: 1})
    options = {"network": "conv1d", "objective": "f1_macro", "early_stopping": True}
    clf = tagger(class_weight=weights, **options).fit(X, y)
    assert clf.class_weight_[0] == 0
    np.testing.assert_allclose(clf.predict_proba(X).sum(axis=2), 1, rtol=1e-6)
    with pytest.raises(ValueError, match=r"'class_weight' .* positive .*predict_posterior"):
        clf.predict_posterior(X)


# What is refused

OWNER = "ImbalancedSequenceClassifier"


class Owner(ImbalancedSequenceClassifier):
    pass


Owner.__name__ = OWNER


@pytest.mark.parametrize(
    ("X", "y", "options", "match"),
    [
        (["ab", "ab"], [[0, 1], [0]], {}, f"The sequences of y of {OWNER} must be as long .* 1"),
        (["ab"], [[0, 1], [0]], {}, f"X and y of {OWNER} .* Got 1 in X and 2 in y"),
        ("ab", [[0, 1]], {}, f"The X of {OWNER} must be a list of sequences.*'ab'"),
        (["ab"], None, {}, f"The y of {OWNER} must be sequences with a label .*None"),
        (["ab"], [[1, 1]], {}, rf"The y of {OWNER} must have at least 2 classes.*1 class: \[1\]"),
        (["", ""], [[], []], {}, "must have at least 2 classes.*Got no step"),
        (["ab"], [[0.2, 0.7]], {}, "Unknown label type: continuous"),
        ([[[1.0, np.nan]]], [[0]], {}, f"The features of X of {OWNER} must be finite. Got .*nan"),
        (["ab"], [[0, 1]], {"mask": [[1, 1]]}, f"The 'mask' of {OWNER} must be None"),
        (["ab"], [[0, 1]], {"sample_weight": [1, 1]}, "sample_weight"),
        (["ab"], [[0, 1]], {"sample_weight": [-1]}, "'sample_weight' must be positive or zero"),
    ],
)
def test_data_that_is_refused(X, y, options, match):
    with pytest.raises(ValueError, match=match):
        Owner(**SMALL).fit(X, y, **options)


def test_only_sequences_of_a_positive_weight_have_classes():
    with pytest.raises(ValueError, match=r"sequences with a positive weight. Got 1 class: \[0\]"):
        tagger().fit(["ab", "ab"], [[0, 0], [0, 1]], sample_weight=[1, 0])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"network": "lstm"}, "The 'network' parameter"),
        ({"units": 0}, "The 'units' parameter"),
        ({"sampling": "stratified"}, "The 'sampling' parameter"),
        ({"monitor": "accuracy"}, "The 'monitor' parameter"),
        ({"objective": "f1"}, "The 'objective' parameter"),
        ({"optimizer": "lion"}, "The 'optimizer' parameter"),
        ({"callbacks": [1]}, "The 'callbacks' parameter"),
        ({"objective": "f1_macro"}, "The 'early_stopping' parameter.*objective='f1_macro'"),
        ({"loss_params": {"beta": 1}}, "The keys of 'loss_params'"),
    ],
)
def test_parameters_that_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        tagger(**options).fit(WORDS, WORD_LABELS)


def test_objective_needs_every_class_in_two_sequences():
    y = [["O"] * len(x) for x in WORDS]
    y[0][0] = y[1][0] = "two"
    y[2][0] = "once"
    with pytest.raises(ValueError, match=r"'objective' parameter .*only one sequence with \['once"):
        tagger(objective="f1_macro", early_stopping="auto").fit(WORDS, y)


def test_what_predict_refuses(words, features):
    for method in (words.predict, words.predict_proba, words.predict_posterior):
        with pytest.raises(ValueError, match=r"Got \['y', 'z'\]: fit with min_frequency=2"):
            method(["abyz"])
    with pytest.raises(ValueError, match=r"must hold tokens, as in fit. Got features"):
        words.predict(FEATURES)
    with pytest.raises(ValueError, match=r"must hold features, as in fit. Got tokens"):
        features.predict(WORDS)
    with pytest.raises(ValueError, match=r"must have 2 features, as in fit. Got 3 instead"):
        features.predict([np.ones((2, 3))])
    with pytest.raises(ValueError, match=r"must be finite. Got .*nan"):
        features.predict([[[np.nan, 0.0]]])
    with pytest.raises(ValueError, match=r"small enough.*1e\+300"):
        features.predict([[[1e300, 0.0]]])
    with pytest.raises(ValueError, match="must keep at least one step"):
        features.predict(np.ones((1, 2, 2)), mask=[[False, False]])
    with pytest.raises(ValueError, match="have the shape of the steps"):
        features.predict(np.ones((1, 2, 2)), mask=[[True]])
    with pytest.raises(ValueError, match="not fitted"):
        ImbalancedSequenceClassifier().predict(WORDS)
    with pytest.raises(ValueError, match="Got 1 labels for the 2 steps of sequence 0"):
        words.score(["ab"], [["O"]])


def test_a_fit_that_fails_changes_nothing(words):
    clf = copy.deepcopy(words)
    before = dict(vars(clf))
    for X, y, options in (
        (["ab"], [[0]], {}),
        (["ab"], [[0, 0]], {}),
        (FEATURES, FEATURE_LABELS, {"learning_rate": 1e30, "epochs": 20}),
        (WORDS, WORD_LABELS, {"loss_params": {"beta": 1}}),
    ):
        changed = {k: getattr(clf, k) for k in options}
        with pytest.raises(ValueError, match="must"):
            clf.set_params(**options).fit(X, y)
        clf.set_params(**changed)
        assert vars(clf).keys() == before.keys()
        assert all(vars(clf)[name] is value for name, value in before.items())
    np.testing.assert_array_equal(clf.predict_proba(WORDS), words.predict_proba(WORDS))


STEPS = np.random.default_rng(0).normal(size=(24, 5, 2))
STEP_LABELS = (STEPS[..., 0] > 1).astype(int) + (STEPS[..., 1] > 1.3)
SHORT = {"epochs": 2, "units": 4, "random_state": 0}


def as_lists(array):
    return [list(row) for row in array]


@pytest.mark.parametrize("form", [list, as_lists, np.asarray], ids=["arrays", "lists", "array"])
def test_weights_of_steps_that_are_alike_are_those_of_sequences(form):
    of_sequences = np.random.default_rng(1).random(24)
    of_steps = np.repeat(of_sequences[:, None], 5, axis=1)
    X, y = form(STEPS), form(STEP_LABELS)
    expected = tagger(**SHORT).fit(X, y, sample_weight=of_sequences)
    fitted = tagger(**SHORT).fit(X, y, sample_weight=form(of_steps))
    np.testing.assert_array_equal(fitted.predict_proba(X), expected.predict_proba(X))
    assert fitted.score(X, y, form(of_steps)) == expected.score(X, y, of_sequences)


@pytest.mark.parametrize("objective", [None, "f1_macro"])
def test_the_class_of_a_step_of_weight_0_does_not_matter(objective):
    weight = (np.random.default_rng(1).random((24, 5)) > 0.3).astype(float)
    other = np.where(weight > 0, STEP_LABELS, 7)
    options = SHORT | {"objective": objective, "early_stopping": objective is not None}
    one, same = (tagger(**options).fit(STEPS, y, weight) for y in (STEP_LABELS, other))
    np.testing.assert_array_equal(one.classes_, same.classes_)
    np.testing.assert_array_equal(one.predict_proba(STEPS), same.predict_proba(STEPS))
    all_count = tagger(**options).fit(STEPS, STEP_LABELS)
    assert np.any(one.predict_proba(STEPS) != all_count.predict_proba(STEPS))


def test_folds_by_a_number_take_sequences_of_labels():
    """scikit-learn stratifies the y of what it takes for a classifier."""
    y = [["a"] * (1 + i % 3) for i in range(12)]
    for labels in (y, pd.Series(y), pd.Series(y).to_numpy()):
        for cv in (None, 3, StratifiedSequenceKFold(3, random_state=0)):
            splitter = check_cv(cv, labels, classifier=is_classifier(tagger()))
            assert sum(len(test) for _, test in splitter.split(y, labels)) == 12
