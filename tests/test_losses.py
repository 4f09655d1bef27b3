"""The losses: formulas, exact reductions, gradients, extreme logits, targets, Keras' own fit."""

import inspect
import json
import pickle
from collections import Counter

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from keras import ops
from sklearn.metrics import f1_score

from skimbalance import losses

PUBLIC = [getattr(losses, name) for name in losses.__all__]
FUNCTIONS = {item.__name__: item for item in PUBLIC if inspect.isfunction(item)}
CLASSES = {
    inspect.signature(item).parameters["name"].default: item
    for item in PUBLIC
    if inspect.isclass(item)
}
SIGMOID = {
    "label_crossentropy",
    "binary_focal_crossentropy",
    "asymmetric_crossentropy",
    "distribution_balanced_crossentropy",
    "sigmoid_f1",
}
BATCH = {"soft_f1", "sigmoid_f1"}  # one value for all rows

# Logits of 6 rows, and the class of each; for the sigmoid losses 3 labels of each.
Z = np.random.default_rng(0).normal(scale=2.0, size=(6, 3))
Y = np.array([0, 0, 1, 0, 2, 1])
LABELS = np.array([[1, 0, 0], [0, 0, 0], [0, 1, 1], [1, 0, 0], [1, 1, 1], [0, 0, 1]])
WEIGHTS = np.array([0.5, 2.0, 7.0])
COUNTS = np.array([70.0, 25.0, 5.0])
LABEL_COUNTS = np.array([[30.0, 70.0], [75.0, 25.0], [95.0, 5.0]])
NEEDED = {  # parameters without a default, of softmax losses
    "class_counts": COUNTS,
    "cost_matrix": np.array([[0.0, 1.0, 2.0], [5.0, 0.5, 1.0], [50.0, 3.0, -1.0]]),
}
GAMMAS = [0.0, 0.5, 1.0, 2.0, 5.0]
VARIANTS = {  # parameters to try beside the defaults
    "focal_crossentropy": [*({"gamma": g} for g in GAMMAS), {"gamma": 1.5, "alpha": WEIGHTS}],
    "logit_adjusted_crossentropy": [{"tau": 2.0}, {"tau": -0.5}],
    "vector_scaling_crossentropy": [{"gamma": 1.0, "tau": 0.5}],
    "ldam_crossentropy": [{"max_margin": 2.0, "scale": 3.0}],
    "poly1_crossentropy": [{"epsilon": -1.0}],
    "generalized_crossentropy": [{"q": 0.1}, {"q": 1.0}],
    "sigmoid_f1": [{"beta": 2.0, "eta": -1.0}],
    "binary_focal_crossentropy": [*({"gamma": g} for g in GAMMAS), {"gamma": 1.5, "alpha": 0.8}],
    "asymmetric_crossentropy": [
        *({"gamma_pos": g, "gamma_neg": g, "margin": 0.0} for g in GAMMAS),
        {"gamma_pos": 0.5, "gamma_neg": 0.5, "margin": 0.2},
        {"margin": 1e-9},  # 1 - 1e-9 is 1 in float32
        {"gamma_pos": 0.0, "gamma_neg": 0.0, "margin": 1.0},
    ],
    "distribution_balanced_crossentropy": [
        *({"gamma": g} for g in GAMMAS),
        {"alpha": 0.5, "beta": 0.0, "kappa": 0.0, "scale": 1.0},
        # Labels that no row has, or that all have.
        {"class_counts": np.array([[100.0, 0.0], [75.0, 25.0], [0.0, 100.0]]), "kappa": 1.0},
        {"alpha": 0.2, "beta": 5.0, "mu": 0.3, "kappa": 0.5, "scale": 5.0, "gamma": 1.5},
    ],
}


def needed(name, n_labels=3):
    """Parameters without a default, those of a multilabel loss for its first labels."""
    keys = inspect.signature(FUNCTIONS[name]).parameters.keys() & NEEDED
    return {key: LABEL_COUNTS[:n_labels] if name in SIGMOID else NEEDED[key] for key in keys}


def own_parameters(name):
    keras_own = {"from_logits", "reduction", "name", "dtype"}
    return [key for key in inspect.signature(CLASSES[name]).parameters if key not in keras_own]


def targets(name):
    return LABELS if name in SIGMOID else Y


def build(name, /, **params):
    """A Keras loss of logits, in float64, not reduced."""
    reduction = {} if name in BATCH else {"reduction": None}
    params = {**needed(name), "from_logits": True, "dtype": "float64", **reduction, **params}
    return CLASSES[name](**params)


def of_logits(name, y=None, **params):
    """As the engine calls it: a function of logits, of any parameters."""
    y = targets(name) if y is None else y
    return lambda z: FUNCTIONS[name](y, z, from_logits=True, **params)


def of_proba(name, y=None, **params):
    """The same on the probabilities of those logits."""
    y = targets(name) if y is None else y
    activation = ops.sigmoid if name in SIGMOID else ops.softmax
    return lambda z: FUNCTIONS[name](y, activation(z), **params)


def value_and_gradient(loss, z, dtype="float64"):
    z = tf.cast(z, dtype)
    with tf.GradientTape() as tape:
        tape.watch(z)
        values = loss(z)
        total = tf.reduce_sum(values)
    return values.numpy(), tape.gradient(total, z).numpy()


def assert_finite(arrays):
    assert all(np.all(np.isfinite(array)) for array in arrays), arrays


each_loss = pytest.mark.parametrize("name", CLASSES)
each_softmax_loss = pytest.mark.parametrize("name", [n for n in CLASSES if n not in SIGMOID])
each_sigmoid_loss = pytest.mark.parametrize("name", sorted(SIGMOID))
each_label_weighted = pytest.mark.parametrize("name", sorted(SIGMOID - BATCH))
WEIGHTED = [name for name in CLASSES if "class_weight" in own_parameters(name)]
each_variant = pytest.mark.parametrize(
    ("name", "params"),
    [
        pytest.param(name, {**needed(name), **params}, id=f"{name}-{params or 'defaults'}")
        for name in FUNCTIONS
        for params in [{}, *VARIANTS.get(name, [])]
    ],
)


# The papers' formulas in NumPy's float64, with the defaults that the losses must have.


def ce(y, z):
    return np.logaddexp.reduce(z, axis=-1) - z[np.arange(len(y)), y]


def p_t(y, z):
    return np.exp(-ce(y, z))


def focal(y, z, gamma=2.0, alpha=None):
    alpha = 1.0 if alpha is None else alpha[y]
    return -alpha * (1 - p_t(y, z)) ** gamma * np.log(p_t(y, z))


def logit_adjusted(y, z, class_counts, tau=1.0):
    return ce(y, z + tau * np.log(class_counts / class_counts.sum()))


def vector_scaling(y, z, class_counts, gamma=0.3, tau=1.0):
    return logit_adjusted(y, z / (class_counts.max() / class_counts) ** gamma, class_counts, tau)


def ldam(y, z, class_counts, max_margin=0.5, scale=1.0):
    margins = class_counts**-0.25
    margins *= max_margin / margins.max()
    return ce(y, scale * (z - margins * np.eye(3)[y]))


def softmax(z):
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def label_ce(t, z):
    return np.mean(np.where(t == 1, -np.log(sigmoid(z)), -np.log(sigmoid(-z))), -1)


def binary_focal(t, z, gamma=2.0, alpha=None):
    p = np.where(t == 1, sigmoid(z), sigmoid(-z))
    a = 1.0 if alpha is None else np.where(t == 1, alpha, 1 - alpha)
    return np.mean(-a * (1 - p) ** gamma * np.log(p), -1)


def asymmetric(t, z, gamma_pos=1.0, gamma_neg=4.0, margin=0.05):
    p, p_m = sigmoid(z), np.maximum(sigmoid(z) - margin, 0)
    of_negatives = p_m**gamma_neg * np.log(1 - p_m)
    return -np.mean(np.where(t == 1, (1 - p) ** gamma_pos * np.log(p), of_negatives), -1)


def distribution_balanced(
    t, z, class_counts, alpha=0.1, beta=10.0, mu=0.2, kappa=0.05, scale=2.0, gamma=0.0
):
    """Section 3 of the paper, a row and a label at a time; gamma as in its DB-Focal."""
    n = np.maximum(class_counts, 1)[:, 1]
    p = n / np.maximum(class_counts, 1).sum(1)
    nu = -kappa * -np.log(1 / p - 1)
    values = np.zeros(z.shape)
    for k, i in np.ndindex(z.shape):
        p_class = 1 / z.shape[1] * 1 / n[i]
        p_instance = 1 / z.shape[1] * sum(1 / n[j] for j in np.flatnonzero(t[k]))
        r = p_class / p_instance if any(t[k]) else 1
        weight = alpha + 1 / (1 + np.exp(-beta * (r - mu)))
        if t[k, i]:
            q = sigmoid(z[k, i] - nu[i])
            values[k, i] = -weight * (1 - q) ** gamma * np.log(q)
        else:
            one_minus_q = sigmoid(-scale * (z[k, i] - nu[i]))
            values[k, i] = -weight / scale * (1 - one_minus_q) ** gamma * np.log(one_minus_q)
    return values.mean(1)


def f1_loss(t, p):
    tp, fp, fn = np.sum(t * p, 0), np.sum((1 - t) * p, 0), np.sum(t * (1 - p), 0)
    return 1 - np.mean(2 * tp / (2 * tp + fp + fn))


FORMULAS = {
    "crossentropy": ce,
    "focal_crossentropy": focal,
    "logit_adjusted_crossentropy": logit_adjusted,
    "ldam_crossentropy": ldam,
    "vector_scaling_crossentropy": vector_scaling,
    "poly1_crossentropy": lambda y, z, epsilon=1.0: ce(y, z) + epsilon * (1 - p_t(y, z)),
    "generalized_crossentropy": lambda y, z, q=0.7: (1 - p_t(y, z) ** q) / q,
    "expected_cost": lambda y, z, cost_matrix: np.sum(cost_matrix[y] * softmax(z), 1),
    "soft_f1": lambda y, z: f1_loss(np.eye(3)[y], softmax(z)),
    "sigmoid_f1": lambda t, z, beta=1.0, eta=0.0: f1_loss(t, sigmoid(beta * (z + eta))),
    "label_crossentropy": label_ce,
    "binary_focal_crossentropy": binary_focal,
    "asymmetric_crossentropy": asymmetric,
    "distribution_balanced_crossentropy": distribution_balanced,
}


@each_variant
def test_value_is_the_formula(name, params):
    expected = FORMULAS[name](targets(name), Z, **params)
    np.testing.assert_allclose(of_logits(name, **params)(Z), expected, rtol=1e-12)
    np.testing.assert_allclose(build(name, **params)(targets(name), Z), expected, rtol=1e-12)


@each_variant
def test_gradient_is_the_finite_difference(name, params):
    loss = of_logits(name, **params)
    step = 1e-5  # step**2 times a third derivative, and 1e-16 / step, are below 1e-9
    expected = [
        (np.sum(loss(Z + shift)) - np.sum(loss(Z - shift))) / (2 * step)
        for shift in step * np.eye(Z.size).reshape(-1, *Z.shape)
    ]
    _, gradient = value_and_gradient(loss, Z)
    np.testing.assert_allclose(gradient.ravel(), expected, rtol=1e-6, atol=1e-9)


# Exact reductions, and comparisons with Keras' own losses where these are exact, too.


def keras_ce(z):
    return ops.sparse_categorical_crossentropy(Y, z, from_logits=True)


def keras_bce(z):
    return ops.mean(ops.binary_crossentropy(tf.cast(LABELS, z.dtype), z, from_logits=True), -1)


def one_minus_p_t(z):
    return 1 - ops.sum(np.eye(3)[Y] * ops.softmax(z), -1)


FOCAL, BINARY_FOCAL = "focal_crossentropy", "binary_focal_crossentropy"
LABEL_CE, DB = "label_crossentropy", "distribution_balanced_crossentropy"
ASL, LDAM, GCE = "asymmetric_crossentropy", "ldam_crossentropy", "generalized_crossentropy"
ADJUSTED, VS = "logit_adjusted_crossentropy", "vector_scaling_crossentropy"
AS_OURS = {"from_logits": True, "reduction": None, "dtype": "float64"}
KERAS_FOCAL = keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=1.5, **AS_OURS)
KERAS_BINARY_FOCAL = keras.losses.BinaryFocalCrossentropy(  # by default it ignores alpha
    apply_class_balancing=True, alpha=0.8, gamma=2.0, **AS_OURS
)
N = {"class_counts": COUNTS}
LABEL_N = {"class_counts": LABEL_COUNTS}
NO_BALANCE = {"alpha": 0.5, "beta": 0.0, "kappa": 0.0, "scale": 1.0, **LABEL_N}
LAWS = [
    ("crossentropy", {}, keras_ce),
    (FOCAL, {"gamma": 0.0}, keras_ce),
    (FOCAL, {"gamma": 1.5}, lambda z: KERAS_FOCAL(np.eye(3)[Y], z)),
    (ADJUSTED, {"tau": 0.0, **N}, keras_ce),
    (ADJUSTED, {"tau": 1.0, **N}, lambda z: keras_ce(z + np.log(COUNTS))),
    (ADJUSTED, {"class_counts": COUNTS / 100}, of_logits(ADJUSTED, **N)),
    (LDAM, {"max_margin": 0.0, **N}, keras_ce),
    (VS, {"gamma": 0.0, "tau": 0.7, **N}, of_logits(ADJUSTED, tau=0.7, **N)),
    (VS, {"gamma": 0.0, "tau": 0.0, **N}, keras_ce),
    (ASL, {"gamma_pos": 0.0, "gamma_neg": 0.0, "margin": 0.0}, keras_bce),
    (ASL, {"gamma_pos": 3, "gamma_neg": 3, "margin": 0}, of_logits(BINARY_FOCAL, gamma=3)),
    (LABEL_CE, {}, keras_bce),
    (DB, {"gamma": 0.0, **NO_BALANCE}, keras_bce),
    (DB, {"gamma": 3.0, **NO_BALANCE}, of_logits(BINARY_FOCAL, gamma=3.0)),
    (DB, {"class_counts": 7 * LABEL_COUNTS}, of_logits(DB, **LABEL_N)),
    (BINARY_FOCAL, {"gamma": 0.0}, keras_bce),
    (BINARY_FOCAL, {"gamma": 0.0, "alpha": 0.5}, lambda z: keras_bce(z) / 2),
    (BINARY_FOCAL, {"gamma": 2.0, "alpha": 0.8}, lambda z: KERAS_BINARY_FOCAL(LABELS, z)),
    ("poly1_crossentropy", {"epsilon": 0.0}, keras_ce),
    (GCE, {"q": 1.0}, one_minus_p_t),
    (GCE, {"q": 1e-13}, keras_ce),
    ("expected_cost", {"cost_matrix": 1 - np.eye(3)}, one_minus_p_t),
]


@pytest.mark.parametrize(("name", "params", "law"), LAWS)
def test_reduction_is_exact(name, params, law):
    pairs = (value_and_gradient(loss, Z) for loss in (of_logits(name, **params), law))
    for one, other in zip(*pairs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-14)


def weights_of_balance(t, class_counts, **params):
    """What a label's cross-entropy is multiplied by: log(2) at logits of 0."""
    params = {"kappa": 0.0, "scale": 1.0, "gamma": 0.0, **params}
    t = np.atleast_2d(np.array(t, dtype=float))
    columns = [
        of_logits(DB, t, class_counts=class_counts, label_weight=one, **params)(np.zeros(t.shape))
        for one in len(class_counts) * np.eye(len(class_counts))
    ]
    return np.transpose(columns) / np.log(2)


def test_balance_by_hand():
    """Rare labels bring frequent ones along, which thus come often enough and weigh less."""
    counts = np.array([[10, 90], [90, 10]])
    # A tenth of 1/90 + 1/10 = 10/90 is due to the frequent label, nine tenths to the rare one.
    found = weights_of_balance([[1, 1], [1, 0], [0, 1], [0, 0]], counts)
    r = np.array([[0.1, 0.9], [1, 9], [1 / 9, 1], [1, 1]])
    np.testing.assert_allclose(found, 0.1 + 1 / (1 + np.exp(-10 * (r - 0.2))), rtol=1e-12)
    assert weights_of_balance([1, 1], counts, beta=0.0) == pytest.approx(0.6)


def test_rows_without_labels_weigh_as_rows_of_that_label_alone():
    counts = LABEL_COUNTS
    alone = np.diag(weights_of_balance(np.eye(3), counts))
    np.testing.assert_allclose(weights_of_balance(np.zeros(3), counts)[0], alone, rtol=1e-12)


def test_rare_labels_are_tolerant_to_negatives():
    """Where a network has settled below the bias, negatives push less than those of focal do."""
    params = {**NO_BALANCE, "kappa": 0.05, "scale": 5.0, "gamma": 0.0}
    none = np.zeros((1, 3))
    slopes = [
        value_and_gradient(loss, np.full((1, 3), -2.0))[1]
        for loss in (of_logits(DB, none, **params), of_logits(LABEL_CE, none))
    ]
    assert np.all(slopes[0] < slopes[1] / 100)
    # And the rarer the label, the lower its logits look: it is predicted more readily.
    assert np.all(np.diff(value_and_gradient(of_logits(DB, none, **params), none)[1]) < 0)


@each_label_weighted
def test_weights_of_rows_and_labels(name):
    """Weights of each label, as from a class, and of each row and label, as from the engine."""
    weight = np.random.default_rng(0).uniform(size=Z.shape)
    params = needed(name)
    alone = np.transpose([of_logits(name, label_weight=3 * one, **params)(Z) for one in np.eye(3)])
    plain = of_logits(name, **params)(Z)
    np.testing.assert_allclose(alone.mean(1), plain, rtol=1e-12)
    for values in (weight, weight[0]):
        found = of_logits(name, label_weight=values, **params)(Z)
        np.testing.assert_allclose(found, np.mean(values * alone, 1), rtol=1e-12)
    for shape in [(2, 3), (3, 2)]:
        y, z, w = (a.reshape(*shape, 3) for a in (LABELS, Z, weight))
        found = of_logits(name, y, label_weight=w, **params)(z)
        np.testing.assert_allclose(np.ravel(found), np.mean(weight * alone, 1), rtol=1e-12)


# Extreme logits and probabilities, in float32.


def extreme(name, gap):
    """Every target met by logits that are sure of every answer, right or wrong."""
    if name in SIGMOID:
        t, answer = np.indices((2, 2)).reshape(2, -1, 1)
        return np.tile(t, 3), gap * np.tile(2.0 * answer - 1, 3)
    y, answer = np.indices((3, 3)).reshape(2, -1)
    return np.r_[y, y], gap * np.r_[np.eye(3)[answer], -np.eye(3)[answer]]


@pytest.mark.parametrize("gap", [30.0, 60.0, 100.0, 1000.0])
@each_variant
def test_extreme_logits_are_finite(name, params, gap):
    y, z = extreme(name, gap)
    assert_finite(value_and_gradient(of_logits(name, y, **params), z, "float32"))
    assert_finite(value_and_gradient(of_proba(name, y, **params), z, "float32"))


@each_variant
def test_probabilities_of_exactly_0_and_1_are_finite(name, params):
    y, z = extreme(name, 1000.0)
    proba = ops.sigmoid(z) if name in SIGMOID else ops.softmax(z)
    assert {0.0, 1.0} <= set(np.ravel(proba))
    assert_finite(value_and_gradient(lambda p: FUNCTIONS[name](y, p, **params), proba, "float32"))


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("from_logits", [True, False])
def test_focus_on_a_probability_of_exactly_1(gamma, from_logits):
    """At p_t = 1, (1 - p_t)**gamma has an infinite slope for gamma < 1, and is 1 for gamma = 0."""
    of = of_logits if from_logits else of_proba
    for name, y, z in [
        (FOCAL, np.array([0]), [[1000.0, 0.0]]),
        (BINARY_FOCAL, np.array([[1]]), [[1000.0]]),
        (BINARY_FOCAL, np.array([[0]]), [[-1000.0]]),
    ]:
        values, gradient = value_and_gradient(of(name, y, gamma=gamma), z, "float32")
        np.testing.assert_allclose(values, 0, atol=1e-37)  # the floor of a probability
        np.testing.assert_array_equal(gradient, 0)


UNBOUNDED = [
    ("crossentropy", {}),
    *((FOCAL, {"gamma": g}) for g in GAMMAS),
    *((name, N) for name in (ADJUSTED, VS, LDAM)),
    ("poly1_crossentropy", {}),
    *((BINARY_FOCAL, {"gamma": g}) for g in GAMMAS),
    (ASL, {"margin": 0.0}),  # with a margin negatives are bounded
    (LABEL_CE, {}),
    *((DB, {"gamma": g, **needed(DB, 1)}) for g in GAMMAS),
]


# In float32 the probability 1 - exp(-30) is 1, and exp(-100) is 0: nothing is left to learn.
@pytest.mark.parametrize(
    ("gap", "of"),
    [(30.0, of_logits), (60.0, of_logits), (100.0, of_logits), (30.0, of_proba), (60.0, of_proba)],
)
@pytest.mark.parametrize(("name", "params"), UNBOUNDED)
def test_confident_mistakes_still_learn(name, params, gap, of):
    if name in SIGMOID:
        y, z = np.array([[1], [0]]), np.array([[-gap], [gap]])
        y, z = (y, z) if of is of_logits else (y[:1], z[:1])
        too_high = 1 - 2 * y
    else:
        y, answer = np.nonzero(1 - np.eye(3))
        z, too_high = gap * np.eye(3)[answer], np.eye(3)[answer] - np.eye(3)[y]
    _, gradient = value_and_gradient(of(name, y, **params), z, "float32")
    # Cross-entropy's slope is 1; vector scaling makes it (5 / 70)**0.3 = 0.45 for class 2.
    assert np.all((gradient * too_high)[too_high != 0] > 0.4)


def test_focal_learns_where_clipping_after_softmax_stops():
    """Keras' CategoricalFocalCrossentropy clips at 1e-7: its gradient past a gap of 16 is 0."""
    loss = of_logits(FOCAL, np.array([1]))
    (_, at_15), (_, at_20) = (value_and_gradient(loss, [[g, 0]], "float32") for g in (15.0, 20.0))
    np.testing.assert_allclose(at_15, [[1, -1]], rtol=1e-4)  # 1 - O(gap exp(-gap))
    np.testing.assert_allclose(at_20, at_15, rtol=1e-4)
    # Nor is an easy row clipped; its loss is exp(-gap) (exp(-gap))**gamma.
    easy = of_logits(FOCAL, np.array([0]), gamma=2.0)(np.array([[20.0, 0.0]]))
    np.testing.assert_allclose(easy, [np.exp(-60)], rtol=1e-6)


@each_variant
def test_probabilities_agree_with_logits(name, params):
    # A sigmoid's 1 - p loses its digits above 0.
    z = np.minimum(3 * Z, 2) if name in SIGMOID else 3 * Z
    assert np.ptp(z) > 15

    def loss_of_logits(z):  # vector scaling is the one loss to which a shift of them matters
        return of_logits(name, **params)(z if name in SIGMOID else ops.log_softmax(z))

    # Rounding p by 6e-8 moves its logarithm, and a 1 - p_t that is almost 0, by as much.
    for dtype, tolerance in {"float64": 1e-13, "float32": 1e-6}.items():
        with_logits = value_and_gradient(loss_of_logits, z, dtype)
        with_proba = value_and_gradient(of_proba(name, **params), z, dtype)
        for one, other in zip(with_logits, with_proba, strict=True):
            np.testing.assert_allclose(one, other, rtol=10 * tolerance, atol=tolerance)


# Targets, class weights, sample weights.


def shapes(y, z):
    """The same rows in every form that Keras users have."""
    one_hot = np.eye(3)[y]
    yield from ((y.astype(dtype), z) for dtype in ("int64", "int32", "uint8", "float32"))
    yield from [(y[:, None], z), (one_hot, z), (one_hot.astype(bool), z)]
    sequences = z.reshape(2, 3, 3)
    for forms in (y.reshape(2, 3), y.reshape(2, 3, 1), one_hot.reshape(2, 3, 3)):
        yield forms, sequences


@each_softmax_loss
def test_targets_of_every_shape_agree(name):
    expected = np.ravel(FORMULAS[name](Y, Z, **needed(name)))
    for y, z in shapes(Y, Z):
        values = build(name)(y, z)
        assert values.shape == (() if name in BATCH else z.shape[:-1])
        np.testing.assert_allclose(np.ravel(values), expected, rtol=1e-12)
        if name in WEIGHTED:
            # Keras weighs integer (batch, time) targets by their argmax over time.
            values = build(name, class_weight=WEIGHTS)(y, z)
            np.testing.assert_allclose(np.ravel(values), WEIGHTS[Y] * expected, rtol=1e-12)


@each_sigmoid_loss
def test_labels_of_every_shape_agree(name):
    expected = np.ravel(FORMULAS[name](LABELS, Z, **needed(name)))
    pairs = [(LABELS.astype(dtype), Z) for dtype in ("int64", "bool", "float32")]
    for t, z in [*pairs, (LABELS.reshape(2, 3, 3), Z.reshape(2, 3, 3))]:
        np.testing.assert_allclose(np.ravel(build(name)(t, z)), expected, rtol=1e-12)


@each_sigmoid_loss
def test_one_label_without_its_axis(name):
    """Dense(1) and a vector of targets, as with Keras' BinaryCrossentropy."""
    y, z = LABELS[:, 0], Z[:, :1]
    params = needed(name, 1)
    expected = np.ravel(FORMULAS[name](y[:, None], z, **params))
    sequences = y.reshape(2, 3), z.reshape(2, 3, 1)
    for targets_and_logits in [(y[:, None], z), (y, z), sequences]:
        values = build(name, **params)(*targets_and_logits)
        np.testing.assert_allclose(np.ravel(values), expected, rtol=1e-12)


@pytest.mark.parametrize("weight", [1.0, 3.0])
@pytest.mark.parametrize("name", WEIGHTED)
def test_one_weight_for_all_classes_only_rescales(name, weight):
    plain = build(name)(targets(name), Z)
    weighted = build(name, class_weight=np.full(3, weight))(targets(name), Z)
    np.testing.assert_allclose(weighted, weight * plain, rtol=1e-14)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_focus_does_not_see_the_weights(gamma):
    """p_t is that of the unweighted loss; alpha and class_weight both multiply the result."""
    both = {"alpha": WEIGHTS, "class_weight": WEIGHTS}
    plain = focal(Y, Z, gamma)
    for params, factor in [({}, 1), *(({k: WEIGHTS}, WEIGHTS) for k in both), (both, WEIGHTS**2)]:
        values = build(FOCAL, gamma=gamma, **params)(Y, Z)
        np.testing.assert_allclose(values, (factor * np.ones(3))[Y] * plain, rtol=1e-12)


@each_loss
def test_weight_is_the_row_repeated(name):
    weight = np.array([2, 1, 3, 0, 1, 4])
    once = (targets(name), Z, weight)
    repeated = (np.repeat(targets(name), weight, 0), np.repeat(Z, weight, 0))
    reductions = [{"reduction": r} for r in ("sum", "mean_with_sample_weight")]
    for params in [{}] if name in BATCH else reductions:
        loss = build(name, **params)
        assert float(loss(*once)) == pytest.approx(float(loss(*repeated)), rel=1e-12)


@each_loss
def test_sample_weight_as_a_column_or_for_each_step(name):
    loss = build(name, **({} if name in BATCH else {"reduction": "sum"}))
    rows = (targets(name), Z, np.array([2.0, 1.0, 3.0, 0.0, 1.0, 4.0]))
    expected = pytest.approx(float(loss(*rows)), rel=1e-12)
    assert float(loss(*(a.reshape(2, 3, *a.shape[1:]) for a in rows))) == expected
    assert float(loss(*rows[:2], rows[2][:, None])) == expected


# F1 over the batch.


@pytest.mark.parametrize("seed", range(3))
def test_f1_of_hard_answers_is_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    y, answers = rng.integers(0, 3, (2, 20))
    weight = rng.uniform(size=20)
    expected = 1 - f1_score(y, answers, average="macro", sample_weight=weight)
    for name, t in [("soft_f1", y), ("sigmoid_f1", np.eye(3)[y])]:
        value = build(name, from_logits=False)(t, np.eye(3)[answers], weight)
        assert float(value) == pytest.approx(expected, rel=1e-12)


def test_f1_of_classes_that_the_batch_lacks():
    y, p = np.array([0, 0, 2]), np.array([[0.5, 0.2, 0.3], [1, 0, 0], [0, 0.6, 0.4]])
    # Class 0: tp = 1.5, predicted 1.5, true 2. Class 2: tp = 0.4, predicted 0.7, true 1.
    expected = pytest.approx(1 - (2 * 1.5 / (1.5 + 2) + 2 * 0.4 / (0.7 + 1)) / 2, rel=1e-12)
    loss = build("soft_f1", from_logits=False)
    assert float(loss(y, p)) == expected
    # A class is also lacking if all of its rows weigh 0.
    y, p = np.r_[y, 1], np.r_[p, [[0.1, 0.8, 0.1]]]
    assert float(loss(y, p, np.array([1, 1, 1, 0]))) == expected


def test_f1_without_positives_has_nothing_to_teach():
    value, gradient = value_and_gradient(of_logits("sigmoid_f1", np.zeros_like(Z)), Z)
    assert value == 1
    np.testing.assert_array_equal(gradient, 0)


def test_f1_with_a_weight_for_each_row_and_label():
    """Such weights equal a weight for each row, label by label."""
    weight = np.random.default_rng(0).uniform(size=Z.shape)
    found = of_logits("sigmoid_f1", sample_weight=weight)(Z)
    alone = [
        of_logits("sigmoid_f1", LABELS[:, [i]], sample_weight=weight[:, i])(Z[:, [i]])
        for i in range(3)
    ]
    np.testing.assert_allclose(found, np.mean(alone), rtol=1e-12)


# In Keras.


def compiled(loss, *shape):
    """A small network that returns probabilities, Keras' default, with seeded initial weights."""
    activation = "sigmoid" if loss.name in SIGMOID else "softmax"
    start = keras.initializers.GlorotUniform(seed=0)
    outputs = keras.layers.Dense(3, activation, kernel_initializer=start)
    model = keras.Sequential([keras.layers.Input(shape), outputs])
    model.compile(loss=loss, optimizer=keras.optimizers.SGD(0.01))
    return model


def unusual(name):
    """Parameters other than the defaults, as the arrays that users have."""
    weights = {"class_weight": WEIGHTS} if name in set(WEIGHTED) - SIGMOID else {}
    return {**needed(name), **VARIANTS.get(name, [{}])[-1], **weights}


@pytest.mark.slow
@pytest.mark.parametrize("steps", [(), (4,)], ids=["rows", "sequences"])
@each_loss
def test_fit_in_keras(name, steps):
    """With sample weights and class weights, also for sequences, where Keras' own losses refuse."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(16, *steps, 2))
    y = (X[..., 0] > 0) + (X[..., 1] > 0.5).astype(int)
    y = np.eye(3)[y] if name in SIGMOID else y
    sample_weight = rng.uniform(0.5, 2, size=(16, *steps))
    loss = CLASSES[name](**unusual(name))
    model = compiled(loss, *steps, 2)
    before = float(loss(y, model(X), sample_weight))
    history = model.fit(X, y, 16, 5, verbose=0, sample_weight=sample_weight).history["loss"]
    # An epoch is one batch, so its loss is that before the step; float32 sums in another order.
    assert history[0] == pytest.approx(before, rel=1e-5)
    assert np.all(np.diff(history) < 0)


@each_loss
def test_round_trip(name):
    loss = build(name, **unusual(name), dtype=None, name="other")
    config = json.loads(json.dumps(keras.losses.serialize(loss)))
    for other in (keras.losses.deserialize(config), pickle.loads(pickle.dumps(loss))):
        assert type(other) is type(loss)
        assert other.get_config() == loss.get_config()
        np.testing.assert_array_equal(other(targets(name), Z), loss(targets(name), Z))
    assert loss.get_config()["name"] == "other"


@pytest.mark.parametrize("kind", [np.array, list, tuple])
def test_config_is_json_whatever_the_arrays_were(kind):
    """Users pass np.bincount(y), or a list of its items, which are not Python integers."""
    counts = kind(np.array([70, 25, 5]))
    loss = build(ADJUSTED, class_counts=counts, tau=np.float32(0.5), class_weight=counts)
    config = json.loads(json.dumps(loss.get_config()))
    assert config["class_counts"] == config["class_weight"] == [70, 25, 5]


# Keras 3.15 writes its variables with np.array(variable), as NumPy 1 had it.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
@each_loss
def test_saved_model_keeps_its_loss(name, tmp_path):
    model = compiled(CLASSES[name](**unusual(name)), 3)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.loss) is CLASSES[name]
    assert loaded.loss.get_config() == model.loss.get_config()
    values = [m.loss(targets(name), m(Z)) for m in (loaded, model)]
    np.testing.assert_array_equal(*values)


@each_loss
def test_masked_steps_do_not_count(name):
    y, z = targets(name).reshape(2, 3, -1), Z.reshape(2, 3, 3).copy()
    z[:, 2] = 0
    loss = build(name, dtype=None, **({} if name in BATCH else {"reduction": "mean"}))
    expected = float(loss(y[:, :2], z[:, :2]))
    assert float(loss(y, keras.layers.Masking()(z))) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "XLA"])
@pytest.mark.parametrize(
    ("registry", "key"),
    [(name, key) for name in ("LOSSES", "LABEL_LOSSES") for key in getattr(losses, name)],
)
def test_parameters_may_be_tensors(registry, key, jit):
    """A grid over parameters never traces again."""
    function = getattr(losses, registry)[key]
    name = function.__name__
    loss = tf.function(function, jit_compile=jit)
    numbers = {FOCAL: {"alpha": np.ones(3)}, BINARY_FOCAL: {"alpha": 0.5}}.get(name, {})
    for key, parameter in inspect.signature(function).parameters.items():
        if isinstance(parameter.default, float):
            numbers[key] = parameter.default
    for variant in VARIANTS.get(name, [{}]):
        params = {**numbers, **needed(name), **variant}
        tensors = {k: tf.constant(value, tf.float64) for k, value in params.items()}
        y = targets(name)
        values = loss(tf.constant(y), tf.constant(Z), from_logits=True, **tensors)
        np.testing.assert_allclose(values, FORMULAS[name](y, Z, **params), rtol=1e-12)
    assert loss.experimental_get_tracing_count() == 1


@each_variant
def test_parameters_as_tensors_change_no_gradient(name, params):
    """At extreme logits too, where a formula of a parameter's value could lose its case."""
    y, z = extreme(name, 100.0)
    tensors = {key: tf.constant(value, tf.float32) for key, value in params.items()}
    pairs = (value_and_gradient(of_logits(name, y, **p), z, "float32") for p in (params, tensors))
    for one, other in zip(*pairs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_no_margin_is_the_focal_loss_at_extreme_logits():
    """Exactly, though the margin may be a tensor, so that no branch can depend on it."""
    y, z = extreme(ASL, 100.0)
    for gamma in GAMMAS:
        params = {"gamma_pos": gamma, "gamma_neg": gamma, "margin": tf.constant(0.0)}
        pairs = [
            value_and_gradient(loss, z, "float32")
            for loss in (of_logits(ASL, y, **params), of_logits(BINARY_FOCAL, y, gamma=gamma))
        ]
        for one, other in zip(*pairs, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6)


# Errors, and what a new loss must bring.

NO_NUMBER = [np.nan, np.inf, "high", None]
NO_ARRAY = [[1, -1], [1, np.nan], [[1, 2]], [], 3, "balanced"]
BAD = {
    **dict.fromkeys(("tau", "beta", "eta"), NO_NUMBER),
    **dict.fromkeys(("gamma", "gamma_pos", "gamma_neg", "max_margin"), (-0.1, *NO_NUMBER)),
    "scale": [0, -1, *NO_NUMBER],
    "epsilon": [-1.1, *NO_NUMBER],
    "q": [0, 1.1, *NO_NUMBER],
    "margin": [-0.1, 1.1, *NO_NUMBER],
    "alpha": NO_ARRAY,
    "class_weight": NO_ARRAY,
    "class_counts": [[1, 0], None, *NO_ARRAY],
    "cost_matrix": [[[0, 1]], [[0, 1], [5]], [[0, np.inf], [1, 0]], [1, 2], "equal", None],
    BINARY_FOCAL + "alpha": [-0.1, 1.1, np.nan, "balanced", [0.5, 0.5]],
    **dict.fromkeys((DB + "alpha", DB + "beta", "kappa"), (-0.1, *NO_NUMBER)),
    "mu": NO_NUMBER,
    DB + "class_counts": [[1, 2], [[1], [2]], [[1, 2, 3]], [[1, -1]], [[1, np.nan]], [], 3, None],
}


def bad_values(name, key):
    return BAD.get(name + key, BAD.get(key, []))


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        (name, key, value)
        for name in CLASSES
        for key in own_parameters(name)
        for value in bad_values(name, key)
    ],
    ids=str,
)
def test_bad_parameter(name, key, value):
    owner = CLASSES[name].__name__
    sentence = rf"^The '{key}' parameter of {owner} must be .+\. Got .+ instead\."
    with pytest.raises(ValueError, match=sentence):
        build(name, **{key: value})


def test_every_public_loss_is_tested():
    """A new loss brings its formula and parameters to refuse; all other tests come free."""
    assert set(FORMULAS) == set(FUNCTIONS) == set(CLASSES)
    assert {f.__name__ for f in losses.LABEL_LOSSES.values()} == SIGMOID
    assert {f.__name__ for f in losses.LOSSES.values()} == set(FUNCTIONS) - SIGMOID
    assert all(bad_values(name, key) for name in CLASSES for key in own_parameters(name))


@pytest.mark.parametrize("container", [dict, Counter, pd.Series, lambda of: pd.DataFrame({0: of})])
@pytest.mark.parametrize("key", ["class_weight", "alpha", "class_counts"])
def test_values_of_classes_are_read_by_their_numbers(key, container):
    given = container({2: 5.0, 0: 1.0, 1: 3.0})
    kinds = {
        "class_weight": lambda values: losses.Crossentropy(class_weight=values),
        "alpha": lambda values: losses.FocalCrossentropy(alpha=values),
        "class_counts": losses.LogitAdjustedCrossentropy,
    }
    found, expected = kinds[key](given).get_config(), kinds[key]([1.0, 3.0, 5.0]).get_config()
    assert found == expected
    named = container({"low": 1.0, "high": 3.0})
    with pytest.raises(ValueError, match=rf"of '{key}' must be the classes of y: \[0, 1\]"):
        kinds[key](named)


def test_costs_and_counts_of_labels_are_read_by_their_numbers():
    costs = pd.DataFrame([[0, 5], [1, 0]])
    assert losses.ExpectedCost(costs.iloc[::-1, ::-1]).get_config()["cost_matrix"] == [
        [0, 5],
        [1, 0],
    ]
    with pytest.raises(ValueError, match="'cost_matrix' must be the classes of y"):
        losses.ExpectedCost(costs.set_axis(["no", "yes"]))
    counts = pd.DataFrame([[9.0, 1.0], [7.0, 3.0], [5.0, 5.0]])
    loss = losses.DistributionBalancedCrossentropy(counts.iloc[[2, 0, 1], ::-1])
    assert loss.get_config()["class_counts"] == counts.to_numpy().tolist()
