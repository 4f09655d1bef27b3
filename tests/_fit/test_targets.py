"""Classes, labels and steps: what they count, weigh and tell apart, label by label alike."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse
from scipy.special import expit, softmax

from skimbalance._fit.data import Data
from skimbalance._fit.plan import loss_weight
from skimbalance._fit.targets import Classes, Labels, Steps, rarest
from skimbalance._losses.records import SIGMOID, SOFTMAX
from skimbalance.class_weight import compute_class_weight
from skimbalance.sampling import stratified_split

RNG = np.random.default_rng(0)
SCHEMES = [None, "balanced", 0.0, 0.5, 1.0, "effective", {0: 1, 1: 7}]
YES_NO = Classes(np.arange(2))


def indicator(n_rows=200, shares=(0.5, 0.3, 0.9, 0.05)):
    return (np.random.default_rng(1).random((n_rows, len(shares))) < shares).astype(np.int8)


def steps(n_rows=50, n_steps=6):
    """Four classes, the first in most steps; the ends of some rows are masked."""
    rng = np.random.default_rng(2)
    y = rng.choice(4, (n_rows, n_steps), p=[0.8, 0.1, 0.06, 0.04])
    return np.where(np.arange(n_steps) < rng.integers(1, n_steps + 1, n_rows)[:, None], y, -1)


# Labels


def test_each_label_is_counted_and_weighed_as_two_classes_alone():
    y, weight = indicator(), RNG.random(200)
    labels = Labels(4)
    counts = labels.counts(y, weight)
    values = RNG.random((4, 2))
    for j in range(4):
        np.testing.assert_allclose(counts[j], YES_NO.counts(y[:, j], weight))
        np.testing.assert_array_equal(
            labels.per_target(values, y)[:, j], YES_NO.per_target(values[j], y[:, j])
        )


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_a_scheme_is_that_of_two_classes_for_each_label_alone(scheme):
    counts = Labels(4).counts(indicator(), RNG.random(200))
    weights = Labels(4).weights("class_weight", scheme, counts)
    expected = [compute_class_weight(scheme, of_label) for of_label in counts]
    np.testing.assert_array_equal(weights, expected)
    np.testing.assert_allclose(np.sum(counts * weights, axis=1), counts.sum(axis=1))
    order = [2, 0, 3, 1]
    permuted = Labels(4).weights("class_weight", scheme, counts[order])
    np.testing.assert_array_equal(permuted, weights[order])


def test_balanced_labels_weigh_as_much_without_as_with():
    counts = Labels(4).counts(indicator(), RNG.random(200))
    without, with_it = (counts * Labels(4).weights("class_weight", "balanced", counts)).T
    np.testing.assert_allclose(without, with_it)
    np.testing.assert_allclose(without, counts.sum(axis=1) / 2)


def test_one_s_own_weights_have_three_forms_for_all_labels_and_for_each():
    counts = Labels(3).counts(indicator(shares=(0.5, 0.2, 0.1)), np.ones(200))

    def weights(scheme):
        return Labels(3).weights("class_weight", scheme, counts)

    alike = weights({0: 1, 1: 3})
    for same in ([{0: 1, 1: 3}] * 3, [[1, 3]] * 3, np.tile([1.0, 3.0], (3, 1)), ((2, 6),) * 3):
        np.testing.assert_allclose(weights(same), alike)
    np.testing.assert_allclose(alike[:, 1] / alike[:, 0], 3)
    mixed = weights([{0: 1, 1: 3}, (1, 9), np.array([2.0, 1.0])])
    np.testing.assert_allclose(mixed[:, 1] / mixed[:, 0], [3, 9, 0.5])
    np.testing.assert_allclose(np.sum(counts * mixed, axis=1), 200)


NAMES = ["loud", "late", "long"]
PAIRS = {"loud": (1, 3), "late": (1, 9), "long": (2, 1)}
OF_NAMED_LABELS = {
    "dict of pairs": lambda pairs: dict(reversed(pairs.items())),
    "dict of dicts": lambda pairs: {
        name: {1: with_it, 0: without}
        for name, (without, with_it) in reversed(pairs.items())
    },
    "frame": lambda pairs: pd.DataFrame(pairs).T.iloc[::-1, ::-1],
    "Series of pairs": lambda pairs: pd.Series(dict(reversed(pairs.items()))),
}  # fmt: skip
each_form = pytest.mark.parametrize("form", OF_NAMED_LABELS.values(), ids=OF_NAMED_LABELS)


@each_form
@pytest.mark.parametrize("names", [NAMES, None], ids=["named", "numbered"])
def test_values_of_labels_are_read_by_the_names_of_the_columns(form, names):
    pairs = PAIRS if names else dict(enumerate(PAIRS.values()))
    labels = Labels(3, names=names)
    counts = Labels(3).counts(indicator(shares=(0.5, 0.2, 0.1)), np.ones(200))
    expected = Labels(3).weights("class_weight", list(PAIRS.values()), counts)
    np.testing.assert_array_equal(labels.weights("class_weight", form(pairs), counts), expected)
    shares = {name: np.array(pair) / sum(pair) for name, pair in pairs.items()}
    proba, prior = RNG.random((20, 3)), np.full((3, 2), 0.5)
    expected = labels.shift(proba, prior, np.array(list(shares.values())))
    np.testing.assert_array_equal(labels.shift(proba, prior, form(shares)), expected)
    with pytest.raises(ValueError, match=r"of 'class_weight' must be the labels of y: .*'other'"):
        labels.weights("class_weight", form({**pairs, "other": (1, 1)}), counts)


@pytest.mark.parametrize("container", [dict, pd.Series])
def test_weights_of_all_labels_are_read_by_presence(container):
    counts = Labels(3).counts(indicator(shares=(0.5, 0.2, 0.1)), np.ones(200))
    expected = Labels(3).weights("alpha", [(1, 3)] * 3, counts)
    found = Labels(3, names=NAMES).weights("alpha", container({1: 3, 0: 1}), counts)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("target", [Classes, Steps])
@pytest.mark.parametrize("container", [dict, pd.Series, lambda d: pd.Series(d).to_frame()])
@pytest.mark.parametrize("classes", [["a", "b"], [0, 1], [False, True]], ids=str)
def test_values_of_classes_are_read_by_label(target, container, classes):
    target = target(np.array(classes))
    counts = np.array([90.0, 10.0])
    values = container({classes[1]: 0.9, classes[0]: 0.1})
    for name in ("class_weight", "alpha"):
        expected = target.weights(name, [0.1, 0.9], counts)
        np.testing.assert_array_equal(target.weights(name, values, counts), expected)
    proba = RNG.dirichlet(np.ones(2), 20)
    expected = target.shift(proba, np.array([0.5, 0.5]), [0.1, 0.9])
    np.testing.assert_array_equal(target.shift(proba, np.array([0.5, 0.5]), values), expected)


@pytest.mark.parametrize("priors", [[0.5, 0.6], [0.1, 0.1], [90, 10], [2.0, 1.0], {0: 1, 1: 1}])
def test_priors_that_do_not_sum_to_1_are_refused(priors):
    with pytest.raises(ValueError, match=r"in 'priors' must sum to 1\. Got .*, which sum to "):
        YES_NO.shift(np.full((1, 2), 0.5), np.array([0.5, 0.5]), priors)
    with pytest.raises(ValueError, match=r"in 'priors' must sum to 1\. Got .*, which sum to "):
        Labels(1).shift(np.full((1, 1), 0.5), np.array([[0.5, 0.5]]), [priors])


@pytest.mark.parametrize(
    "scheme",
    [
        [1, 2],
        [1, 2, 3],
        np.ones(3),
        np.ones((3, 3)),
        np.ones((2, 2)),
        [{0: 1, 1: 2}] * 2,
        ["balanced"] * 3,
        [0.5] * 3,
        [None] * 3,
        pd.Series([1, 2, 3], index=["a", "b", "c"]),
        {"a": 1, "b": 2, "c": 3},
    ],
    ids=repr,
)
@pytest.mark.parametrize("name", ["class_weight", "alpha"])
def test_weights_in_the_shape_of_classes_are_refused(name, scheme):
    counts = Labels(3).counts(indicator(shares=(0.5, 0.2, 0.1)), np.ones(200))
    message = (
        rf"^The '{name}' parameter must be, for a multilabel y, .* for each of the 3 labels\. Got "
    )
    with pytest.raises(ValueError, match=message):
        Labels(3, names=["a", "b", "c"]).weights(name, scheme, counts)


@pytest.mark.parametrize(
    ("scheme", "message"),
    [
        ({0: 1, 2: 1}, r"keys of 'class_weight' must be the classes of y: \[0, 1\]. Got \[2\]"),
        ({1: 3}, r"must be the classes of y: \[0, 1\]. Got no value for \[0\]"),
        ({0: 1, 1: -1}, "must be finite and not negative. Got {0: 1, 1: -1}"),
        ([(1, 1), (1, np.nan)], "must be finite and not negative"),
        ({0: 0, 1: 0}, "must be positive for at least one class"),
        ([(1, "a")] * 2, "must be numbers"),
    ],
)
def test_weights_that_are_none_are_refused(scheme, message):
    with pytest.raises(ValueError, match=message):
        Labels(2).weights("class_weight", scheme, np.array([[8.0, 2.0], [5.0, 5.0]]))


def test_normalized_weights_have_mean_1_for_each_label():
    counts, raw = RNG.random((4, 2)), RNG.random((4, 2))
    normalized = Labels(4).normalized(raw, counts)
    np.testing.assert_allclose(np.sum(counts * normalized, axis=1), counts.sum(axis=1))
    np.testing.assert_allclose(normalized[:, 1] / normalized[:, 0], raw[:, 1] / raw[:, 0])
    for j in range(4):
        np.testing.assert_allclose(normalized[j], YES_NO.normalized(raw[j], counts[j]))


def test_a_row_is_of_the_kind_of_its_rarest_label():
    y = np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1], [0, 0, 0], [1, 0, 1]])
    # The labels are in 4, 2 and 2 rows: of two equally rare, the first.
    np.testing.assert_array_equal(Labels(3).strata(y), [0, 1, 1, 3, 2])
    y = indicator()
    n_rows = y.sum(axis=0)
    for row, stratum in zip(y, Labels(4).strata(y), strict=True):
        assert stratum == 4 if not row.any() else n_rows[stratum] == n_rows[row == 1].min()


def test_kinds_of_rows_follow_the_order_of_labels_and_rows():
    y = indicator()
    order, rows = np.array([2, 0, 3, 1]), RNG.permutation(200)
    named = np.append(order, 4)  # what label a column of the permuted indicator is
    strata = Labels(4).strata(y[rows][:, order])
    np.testing.assert_array_equal(named[strata], Labels(4).strata(y)[rows])


def test_fewest_rows_of_all_yes_and_no():
    y = np.zeros((10, 4), int)
    y[:3, 0] = 1  # 3 and 7
    y[:9, 1] = 1  # 9 and 1
    assert Labels(2).extreme_counts(y[:, :2]) == (1, 9)
    y[:, 3] = 1  # nothing to stop by, as the third
    assert Labels(4).extreme_counts(y) == (1, 9)
    assert Labels(2).extreme_counts(y[:, 2:])[0] == 0


def test_a_split_has_every_label_in_both_parts_where_two_rows_have_it():
    y = indicator(shares=(0.5, 0.3, 0, 0, 0, 0))
    y[[3, 90], 2] = 1
    y[[7, 8], 3] = 1
    y[11, 4] = 1
    train, held_out = Labels(6).split(y, 0.1, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(np.append(train, held_out)), np.arange(200))
    assert abs(len(held_out) - 20) <= 1
    assert np.all(y[train].any(axis=0) == [True, True, True, True, True, False])
    assert np.all(y[held_out][:, :4].any(axis=0))


def test_the_start_gives_each_label_its_share():
    shares = np.array([[7, 3], [1, 99], [0.5, 0.5]])
    start = Labels(3).initial_bias(SIGMOID["crossentropy"], {}, shares)
    np.testing.assert_allclose(expit(start), shares[:, 1] / shares.sum(axis=1))


def test_the_start_of_a_label_in_no_row_or_in_all_is_far_out_and_finite():
    shares = np.array([[50.0, 0.0], [0.0, 50.0]])
    never, always = Labels(2).initial_bias(SIGMOID["crossentropy"], {}, shares)
    assert never == -always
    assert 0 < expit(never) < 1e-5


def test_a_number_weighs_with_against_without():
    assert Labels(2).two_class_scheme(0.25) == {0: 0.75, 1: 0.25}


# Steps


def test_steps_alone_are_classes():
    """Sequences of one step."""
    y = np.random.default_rng(3).choice(4, 100, p=[0.7, 0.2, 0.06, 0.04])
    one, all_alone = Classes(np.arange(4)), Steps(np.arange(4))
    weight, values = RNG.random(100), RNG.random(4)
    y_steps = y[:, np.newaxis]
    np.testing.assert_allclose(all_alone.counts(y_steps, weight), one.counts(y, weight))
    of_steps = all_alone.per_target(values, y_steps)
    np.testing.assert_array_equal(of_steps[:, 0], one.per_target(values, y))
    in_loss = all_alone.row_weight(weight[:, np.newaxis])
    np.testing.assert_array_equal(in_loss, one.row_weight(weight))
    np.testing.assert_array_equal(all_alone.strata(y_steps), one.strata(y))
    assert all_alone.extreme_counts(y_steps) == one.extreme_counts(y)


def test_masked_steps_count_for_nothing():
    y, weight, values = steps(), RNG.random(50), RNG.random(4)
    target = Steps(np.arange(4))
    longer = np.hstack([y, np.full((50, 3), -1)])
    np.testing.assert_array_equal(target.counts(longer, weight), target.counts(y, weight))
    np.testing.assert_array_equal(target.per_target(values, longer)[:, 6:], 0)
    np.testing.assert_array_equal(target.strata(longer), target.strata(y))
    assert target.extreme_counts(longer) == target.extreme_counts(y)
    np.testing.assert_allclose(target.counts(y, np.ones(50)).sum(), np.sum(y >= 0))


def test_a_sequence_is_of_the_kind_of_its_rarest_class_and_splits_have_every_class():
    y = np.array([[0, 0, 1], [0, 2, 1], [0, 0, 0], [0, 1, -1], [2, 1, 0], [0, 0, 0]])
    target = Steps(np.arange(3))
    np.testing.assert_array_equal(target.strata(y), [1, 2, 0, 1, 2, 0])
    for part in target.split(y, 0.4, np.random.default_rng(0)):
        assert {0, 1, 2} <= set(y[part].ravel())


# All


def test_the_start_of_classes_gives_each_its_share():
    counts = np.array([70.0, 20.0, 10.0])
    start = Classes(np.arange(3)).initial_bias(SOFTMAX["crossentropy"], {}, counts)
    np.testing.assert_allclose(softmax(start), counts / 100)


def test_classes_split_as_by_class():
    y = np.repeat([0, 1], [40, 10])
    parts = YES_NO.split(y, 0.2, np.random.default_rng(0))
    expected = stratified_split(y, 0.2, random_state=np.random.default_rng(0))
    for part, of_class in zip(parts, expected, strict=True):
        np.testing.assert_array_equal(part, of_class)


def test_only_two_classes_have_a_number_for_the_second():
    assert YES_NO.two_class_scheme(0.25) == [0.75, 0.25]
    assert Classes(np.arange(3)).two_class_scheme(0.25) is None


@pytest.mark.parametrize("kind", ["classes", "labels", "steps"])
@pytest.mark.parametrize("scheme", [None, "balanced", 0.5])
def test_a_row_s_share_of_the_loss_is_1_in_the_mean_over_an_epoch_s_draws(kind, scheme):
    y, target = {
        "classes": (steps()[:, 0], Classes(np.arange(4))),
        "labels": (indicator(50), Labels(4)),
        "steps": (steps(), Steps(np.arange(4))),
    }[kind]
    rows = Data((), np.arange(50), y, RNG.random(50), weighted=True)
    weights = target.weights("class_weight", scheme, target.counts(rows.y, rows.weight))
    draws = RNG.random(50) * 3
    of_loss = loss_weight(target, rows, weights, draws)
    assert of_loss.shape == rows.y.shape
    np.testing.assert_allclose(np.mean(draws * target.row_weight(of_loss)), 1)


def test_rarest_of_columns_by_hand():
    present = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=bool)
    np.testing.assert_array_equal(rarest(present), [1, 0, 3])


# From logits to decisions and probabilities

ARGUMENTS = {"loss": "crossentropy", "sampling_ratio": None}


def test_a_label_alone_is_decided_and_shifted_as_two_classes():
    z = RNG.normal(size=(40, 3)) * 3
    weight = RNG.uniform(0.5, 2, (3, 2))
    prior, priors = RNG.dirichlet(np.ones(2), (2, 3))
    labels = Labels(3)
    eta = labels.posterior(z, {**ARGUMENTS, "class_weight": weight})
    shifted = labels.shift(eta, prior, priors)
    for j in range(3):
        both = np.column_stack([np.zeros(40), z[:, j]])
        np.testing.assert_allclose(labels.proba(z)[:, j], YES_NO.proba(both)[:, 1])
        np.testing.assert_array_equal(labels.decide(z)[:, j], YES_NO.decide(both))
        np.testing.assert_array_equal(labels.scores(z)[:, j], YES_NO.scores(both))
        of_two = YES_NO.posterior(both, {**ARGUMENTS, "class_weight": weight[j]})
        np.testing.assert_allclose(eta[:, j], of_two[:, 1])
        alone = YES_NO.shift(of_two, prior[j], priors[j])
        np.testing.assert_allclose(shifted[:, j], alone[:, 1])


@pytest.mark.parametrize(
    "target", [Classes(np.array(["a", "b", "c"])), Labels(3)], ids=["classes", "labels"]
)
def test_decisions_are_the_most_probable_and_scores_their_logits(target):
    z = RNG.normal(size=(50, 3)).astype("float32")
    proba = target.proba(z)
    assert proba.dtype == np.float64
    most = target.classes[proba.argmax(1)] if target.exclusive else (proba > 0.5).astype(int)
    np.testing.assert_array_equal(target.decide(z), most)
    np.testing.assert_array_equal(target.scores(z), z)


def test_decisions_are_sparse_where_the_indicator_was():
    z = RNG.normal(size=(20, 3))
    sparse = Labels(3, is_sparse=True).decide(z)
    assert issparse(sparse)
    np.testing.assert_array_equal(sparse.toarray(), Labels(3).decide(z))


@pytest.mark.parametrize(
    "target", [Classes(np.arange(5) * 10), Labels(4)], ids=["classes", "labels"]
)
def test_an_example_holds_every_class(target):
    example = target.example(32)
    assert len(example) == 32
    if target.exclusive:
        assert set(example) == set(target.classes)
    else:
        assert np.all(example.any(axis=0) & ~example.all(axis=0))


def test_weights_are_named_by_class_label():
    assert Classes(np.array(["no", "yes"])).named(np.array([0.5, 1.5])) == {"no": 0.5, "yes": 1.5}
    assert Labels(2).named(np.array([[1, 2], [3, 4]])) == [{0: 1, 1: 2}, {0: 3, 1: 4}]


def test_masked_steps_do_not_score():
    y, weight = steps(), RNG.random(50)
    of_steps = Steps(np.arange(4)).score_weight(y, weight)
    np.testing.assert_array_equal(of_steps > 0, y >= 0)
    np.testing.assert_allclose(of_steps.max(axis=1), weight)


@pytest.mark.parametrize("target", [YES_NO, Steps(np.arange(2)), Labels(2)])
def test_a_class_of_weight_0_has_no_posterior(target):
    weight = np.array([0.0, 2.0]) if target.exclusive else np.array([[1.0, 1.0], [0.0, 2.0]])
    with pytest.raises(ValueError, match=r"'class_weight' and 'alpha' must .*predict_posterior"):
        target.posterior(np.zeros((3, 2)), {**ARGUMENTS, "class_weight": weight})
