"""Class weights: the formulas, the mean of 1, and refusals."""

from collections import Counter
from decimal import Decimal, localcontext
from types import MappingProxyType

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from sklearn.utils.class_weight import compute_class_weight as sklearn_class_weight

from skimbalance import compute_class_weight

COUNTS = [
    [1, 1],
    [90, 10],
    [5, 3, 900],
    [1, 10, 100, 1_000, 10_000],
    [1, 10**9],
    [0, 7, 20],
    [0.25, 1e4, 3.5],  # sums of sample weights
    [1] * 50,
]
SCHEMES = [None, "balanced", "effective", 0.0, 0.3, 0.5, 1.0, 1, np.float32(0.7)]

each_counts = pytest.mark.parametrize("counts", COUNTS, ids=lambda c: f"{max(c):g}x{len(c)}")
each_scheme = pytest.mark.parametrize("scheme", SCHEMES, ids=str)


@each_scheme
@each_counts
def test_mean_weight_of_a_row_is_1(scheme, counts):
    weights = compute_class_weight(scheme, counts)
    assert weights.shape == (len(counts),)
    assert np.all(weights > 0)
    np.testing.assert_allclose(np.dot(counts, weights), np.sum(counts), rtol=1e-12)


@pytest.mark.parametrize("given", [{0: 2.0, 1: 0.0, 2: 7.5}, [2.0, 0.0, 7.5], (2, 0, 7.5)])
def test_given_weights_keep_their_ratios(given):
    weights = compute_class_weight(given, [10, 20, 30])
    np.testing.assert_allclose(weights, np.array([2.0, 0.0, 7.5]) * 60 / (20 + 225), rtol=1e-14)


@each_counts
def test_balanced_is_sklearns_up_to_the_mean(counts):
    counts = np.maximum(np.asarray(counts, dtype=int), 1)
    counts = np.minimum(counts, 10_000)  # scikit-learn needs the rows themselves
    y = np.repeat(np.arange(len(counts)), counts)
    theirs = sklearn_class_weight("balanced", classes=np.arange(len(counts)), y=y)
    # Their weights also have the mean 1 over rows, if every class has rows.
    np.testing.assert_allclose(compute_class_weight("balanced", counts), theirs, rtol=1e-12)


@each_counts
def test_power(counts):
    zero, power, one = (compute_class_weight(p, counts) for p in (0, 0.3, 1.0))
    assert np.all(compute_class_weight(None, counts) == 1)
    np.testing.assert_allclose(zero, 1, rtol=1e-12)
    np.testing.assert_allclose(one, compute_class_weight("balanced", counts), rtol=1e-12)
    # A class without rows counts as one row.
    filled = np.where(np.array(counts) > 0, counts, 1.0)
    np.testing.assert_allclose(power / power[0], (filled / filled[0]) ** -0.3, rtol=1e-12)


def test_a_larger_power_moves_weight_to_the_rare_class():
    rare = [compute_class_weight(p, [990, 10])[1] for p in np.linspace(0, 1, 11)]
    assert np.all(np.diff(rare) > 0)
    assert rare[-1] == pytest.approx(50)


@each_counts
def test_effective_number_has_none_and_balanced_as_limits(counts):
    none, balanced = compute_class_weight(None, counts), compute_class_weight("balanced", counts)
    at_zero = compute_class_weight("effective", counts, beta=0)
    near_zero = compute_class_weight("effective", [max(n, 1) for n in counts], beta=1e-12)
    near_one = compute_class_weight("effective", counts, beta=1 - 2.0**-52)
    assert np.all(at_zero == none)
    np.testing.assert_allclose(near_zero, 1, rtol=1e-11)
    # (1 - beta**n) / (1 - beta) = n (1 - (n - 1)(1 - beta) / 2 + ...)
    np.testing.assert_allclose(near_one, balanced, rtol=max(counts) * 2.0**-51 + 1e-12)


def test_effective_number_of_the_paper():
    # Cui et al. 2019: beta = .9999 is inverse frequency where n << 10000, and flat far above.
    small = compute_class_weight("effective", [100, 10, 2], beta=0.9999)
    np.testing.assert_allclose(small, compute_class_weight("balanced", [100, 10, 2]), rtol=0.005)
    large = compute_class_weight("effective", [10**6, 2 * 10**5], beta=0.9999)
    np.testing.assert_allclose(large, 1, rtol=1e-8)
    # By hand: effective numbers of 1 and 2 rows at beta = 1/2 are 1 and 1.5.
    by_hand = compute_class_weight("effective", [1, 2], beta=0.5)
    np.testing.assert_allclose(by_hand[0] / by_hand[1], 1.5, rtol=1e-15)


@pytest.mark.parametrize("counts", [[10**6, 10], [10**12, 5], [10**15, 10**3], [3 * 10**17, 1]])
def test_effective_number_of_huge_counts_keeps_its_digits(counts):
    with localcontext(prec=60):
        total = Decimal(sum(counts))
        beta = (total - 1) / total
        exact = [float((1 - beta) / (1 - (n * beta.ln()).exp())) for n in counts]
    weights = compute_class_weight("effective", counts)
    np.testing.assert_allclose(weights[1] / weights[0], exact[1] / exact[0], rtol=1e-9)


@pytest.mark.parametrize("scheme", ["balanced", "effective", 0.5])
def test_class_without_rows_weighs_as_if_it_had_one(scheme):
    empty = compute_class_weight(scheme, [0, 90, 10])
    one = compute_class_weight(scheme, [1, 90, 10])
    np.testing.assert_allclose(empty[0] / empty[1], one[0] / one[1], rtol=1e-12)


@pytest.mark.parametrize(
    "classes",
    [["no", "yes"], [False, True], [-7, -2], [10**12, 10**15], [0.5, 1.5]],
    ids=lambda c: type(c[0]).__name__,
)
@pytest.mark.parametrize("as_array", [list, np.array])
def test_dict_is_keyed_by_label_in_any_order(classes, as_array):
    given = {classes[1]: 11, classes[0]: 1}
    weights = compute_class_weight(given, [90, 10], classes=as_array(classes))
    np.testing.assert_allclose(weights, [0.5, 5.5], rtol=1e-15)


def test_callers_arrays_are_left_alone():
    counts, given = np.array([90, 10]), np.array([1.0, 1.0])
    counts.setflags(write=False)
    given.setflags(write=False)
    weights = compute_class_weight(given, counts)
    assert not np.shares_memory(weights, given)  # although they are equal


HOUSE = r".* must .*Got .* instead\.$"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"no": 1, "yes": 2, "maybe": 3}, r"'class_weight'.*\['no', 'yes'\].*\['maybe'\]"),
        ({0: 1, 1: 2}, r"'class_weight'.*\['no', 'yes'\].*\[0, 1\]"),
        ({"no": 1, "yes": -2}, "finite and not negative"),
        ({"no": 1, "yes": np.nan}, "finite and not negative"),
        ([1.0, np.inf], "finite and not negative"),
        ([0.0, 0.0], "positive for at least one class"),
        ([1.0], "one weight for each class: 2"),
        ([1.0, 2.0, 3.0], "one weight for each class: 2"),
        ([[1.0, 2.0]], "'class_weight'"),
        (
            pd.DataFrame({"a": [1, 2], "b": [3, 4]}, index=["no", "yes"]),
            r"'class_weight' .* Got \[\[1, 3\], \[2, 4\]\] instead",
        ),
        (-0.1, r"float in the range \[0, 1\]"),
        (1.5, r"float in the range \[0, 1\]"),
        (np.nan, r"float in the range \[0, 1\]"),
        (True, r"float in the range \[0, 1\]"),
        ("inverse", "'balanced', 'effective'"),
    ],
    ids=str,
)
def test_errors(given, says):
    with pytest.raises(ValueError, match=says) as error:
        compute_class_weight(given, [90, 10], classes=["no", "yes"])
    with pytest.raises(ValueError, match=HOUSE):
        raise error.value


def test_missing_class_is_named():
    with pytest.raises(ValueError, match=r"'class_weight' must .* Got no value for \['yes'\]"):
        compute_class_weight({"no": 1}, [90, 10], classes=["no", "yes"])


@pytest.mark.parametrize("beta", [1.0, -0.1, 2, np.nan])
def test_beta_out_of_range(beta):
    with pytest.raises(ValueError, match=r"'beta'.*range \[0, 1\)\. Got .* instead"):
        compute_class_weight("effective", [90, 10], beta=beta)


@pytest.mark.parametrize("counts", [[0, 0], [-5, 10], [np.nan, 10], [np.inf, 10], [[90, 10]]])
def test_impossible_counts(counts):
    with pytest.raises(ValueError, match=r"'class_counts'" + HOUSE):
        compute_class_weight("balanced", counts)


CLASSES = [["no", "yes"], [0, 1], [False, True], [-7, -2], [0.5, 1.5]]
LABELLED = {
    "dict": dict,
    "Counter": Counter,
    "mapping": MappingProxyType,
    "Series": pd.Series,
    "frame": lambda values: pd.Series(values).to_frame("any name"),
}

each_container = pytest.mark.parametrize("container", LABELLED.values(), ids=LABELLED)
each_classes = pytest.mark.parametrize("classes", CLASSES, ids=lambda c: type(c[0]).__name__)


@each_container
@each_classes
def test_labelled_weights_and_counts_are_read_by_label(classes, container):
    weights, counts = (dict(zip(classes, values, strict=True)) for values in ([1, 11], [90, 10]))
    backwards = (container(dict(reversed(given.items()))) for given in (weights, counts))
    found = compute_class_weight(*backwards, classes=np.array(classes))
    assert_array_equal(found, compute_class_weight([1, 11], [90, 10]))


@each_container
@each_classes
def test_counts_bring_the_sorted_classes_with_them(classes, container):
    counts = container({classes[1]: 10, classes[0]: 90})
    expected = compute_class_weight("balanced", [90, 10])
    assert_array_equal(compute_class_weight("balanced", counts), expected)
    named = container({classes[1]: 5.0, classes[0]: 1.0})
    expected = compute_class_weight([1, 5], [90, 10])
    assert_array_equal(compute_class_weight(named, counts), expected)


@pytest.mark.parametrize("container", [pd.Series, pd.DataFrame, pd.Categorical])
def test_counts_of_pandas_are_counts(container):
    y = ["no"] * 30 + ["maybe"] * 3 + ["yes"] * 12
    counts = pd.Series(container(y)).value_counts() if container is not pd.DataFrame else (
        pd.DataFrame({"y": y}).value_counts()
    )  # fmt: skip
    expected = compute_class_weight("balanced", [3, 30, 12])
    assert_array_equal(compute_class_weight("balanced", counts), expected)
    assert_array_equal(compute_class_weight("balanced", Counter(y)), expected)


@pytest.mark.parametrize("container", [list, tuple, np.array, pl.Series])
def test_containers_without_labels_are_in_the_order_of_the_classes(container):
    found = compute_class_weight(container([1, 11]), container([90, 10]), classes=["no", "yes"])
    assert_array_equal(found, compute_class_weight({"yes": 11, "no": 1}, {"no": 90, "yes": 10}))


def test_series_without_the_classes_is_refused_with_the_remedy():
    says = r"'class_weight' must be the classes of y: \['no', 'yes'\].* \.to_numpy\(\)"
    with pytest.raises(ValueError, match=says):
        compute_class_weight(pd.Series([1.0, 5.0]), [90, 10], classes=["no", "yes"])
    repeated = pd.Series([1, 2, 3], index=["no", "yes", "yes"])
    with pytest.raises(ValueError, match=r"several values for \['yes'\]"):
        compute_class_weight(repeated, [90, 10], classes=["no", "yes"])


@pytest.mark.parametrize(
    ("counts", "classes"),
    [
        ([90, 10], ["a", "b", "c"]),
        ([90, 10, 3], [0, 1]),
        ([0, 0, 0, 1], [0, 1]),  # y itself
        ([0, 0, 0, 1], None),
        (np.array([0, 2, 1, 1]), None),
        (np.array([True, False, True]), None),
        (pd.Series([0, 0, 1]), None),
        (["no", "no", "yes"], None),
        (pd.Series(["no", "no", "yes"]), None),
        ({"no": 90, 1: 10}, None),
        ({"no": 90}, ["no", "yes"]),
        ({"no": "many", "yes": 10}, None),
        (None, None),
    ],
    ids=str,
)
def test_what_is_not_one_count_for_each_class_is_refused(counts, classes):
    with pytest.raises(ValueError, match=r"'class_counts'.* must .*Got "):
        compute_class_weight("balanced", counts, classes=classes)


@pytest.mark.parametrize("counts", [[90, 10], {"no": 90}])
def test_classes_are_named_once(counts):
    with pytest.raises(ValueError, match=r"'classes' .* must name each class once. Got "):
        compute_class_weight("balanced", counts, classes=["no", "no"])
