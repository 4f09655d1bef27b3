"""Sequences as flat steps: all forms say the same, and come back as they were."""

import re

import numpy as np
import pandas as pd
import pytest

from skimbalance._fit.encoding import Vocabulary
from skimbalance._fit.sequences import OfSteps, labels_of, read_sequences, weights_of

WORDS = ["abca", "b", "", "cabbac"]
LABELS = [list(word.upper()) for word in WORDS]
LENGTHS = [4, 1, 0, 6]


def mask_of(lengths, n_steps, seed=None):
    """Steps from the left, or at places drawn at random."""
    there = np.arange(n_steps) < np.asarray(lengths)[:, None]
    if seed is None:
        return there
    return np.random.default_rng(seed).permuted(there, axis=1)


def as_array(sequences, mask, fill="?"):
    array = np.full(mask.shape, fill)
    array[mask] = [step for sequence in sequences for step in sequence]
    return array


def forms(sequences):
    """The same sequences in every form, with the mask that goes with it."""
    yield "lists", [list(x) for x in sequences], None
    yield "tuples", tuple(tuple(x) for x in sequences), None
    yield "arrays", [np.array(list(x)) for x in sequences], None
    yield "object arrays", [np.array(list(x), object) for x in sequences], None
    yield "series", pd.Series([list(x) for x in sequences]).to_numpy(), None
    if all(isinstance(x, str) for x in sequences):
        yield "strings", list(sequences), None
        yield "array of strings", np.array(sequences), None
    for name, n_steps, seed in (("padded", 6, None), ("far", 9, None), ("anywhere", 9, 0)):
        mask = mask_of([len(x) for x in sequences], n_steps, seed)
        yield name, as_array(sequences, mask), mask
        yield f"{name}, 0 and 1", as_array(sequences, mask).astype(object), mask.astype(int)
        yield f"{name}, masked", np.ma.masked_array(as_array(sequences, mask), ~mask), None


FORMS = {name: (X, mask) for name, X, mask in forms(WORDS)}
each_form = pytest.mark.parametrize("form", FORMS)


def read(form):
    return read_sequences(*FORMS[form], "Tagger")


@each_form
def test_forms_agree(form):
    sequences = read(form)
    assert "".join(sequences.steps) == "".join(WORDS)
    assert sequences.lengths.tolist() == LENGTHS
    assert sequences.row.tolist() == [0] * 4 + [1] + [3] * 6
    packed = sequences.packed(sequences.steps)
    assert packed.shape == (4, 6)
    assert ["".join(row) for row in packed] == WORDS


@each_form
def test_values_come_back_in_the_form_they_came_in(form):
    (X, mask), sequences = FORMS[form], read(form)
    back = sequences.split(sequences.steps)
    if mask is None and not np.ma.isMaskedArray(X):
        assert [len(x) for x in back] == LENGTHS
        assert ["".join(x) for x in back] == WORDS
    else:
        hidden = X.mask if mask is None else ~mask.astype(bool)
        np.testing.assert_array_equal(np.ma.getmaskarray(back), hidden)
        assert np.all(back.data[~hidden] == np.ma.getdata(X)[~hidden])
        assert back.shape == X.shape


@each_form
def test_some_of_the_sequences(form):
    kept = np.array([True, False, False, True])
    some = read(form).take(kept)
    assert "".join(some.steps) == WORDS[0] + WORDS[3]
    assert some.lengths.tolist() == [4, 6]


@each_form
def test_labels_go_with_the_steps(form):
    upper = {name: (y, mask) for name, y, mask in forms([x.upper() for x in WORDS])}
    labels = labels_of(upper[form][0], read(form), "Tagger")
    assert "".join(labels) == "".join(WORDS).upper()


def test_an_array_without_a_mask_comes_back_as_an_array():
    X = np.arange(6).reshape(2, 3)
    sequences = read_sequences(X, None, "Tagger")
    back = sequences.split(sequences.steps)
    assert not np.ma.isMaskedArray(back)
    np.testing.assert_array_equal(back, X)


def features():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, 3)) for n in LENGTHS]


@pytest.mark.parametrize("seed", [None, 0])
def test_forms_of_features_agree(seed):
    ragged = features()
    mask = mask_of(LENGTHS, 8, seed)
    array = np.full((4, 8, 3), np.nan)
    array[mask] = np.concatenate(ragged)
    hidden = np.ma.masked_invalid(array)
    # One masked feature hides the step.
    partly = np.ma.masked_array(np.nan_to_num(array), hidden.mask & (np.arange(3) == 1))
    of_list = read_sequences(ragged, None, "Tagger")
    nested = read_sequences([x.tolist() for x in ragged], None, "Tagger")
    np.testing.assert_array_equal(nested.steps, of_list.steps)
    for X, given in ((array, mask), (hidden, None), (partly, None)):
        sequences = read_sequences(X, given, "Tagger")
        np.testing.assert_array_equal(sequences.mask, mask)
        np.testing.assert_array_equal(sequences.steps, of_list.steps)
        ones = np.ones(len(sequences.steps))
        np.testing.assert_array_equal(sequences.packed(ones), mask_of(LENGTHS, 6))
        np.testing.assert_array_equal(sequences.spread(ones), mask)


def test_numbers_with_a_fraction_are_features_and_integers_are_tokens():
    assert read_sequences([[0.5, 1.5]], None, "Tagger").steps.shape == (2, 1)
    assert read_sequences([[1, 2]], None, "Tagger").steps.shape == (2,)
    assert read_sequences([[[1], [2]]], None, "Tagger").steps.dtype == float


def test_mask_and_masked_array_both_hide():
    X = np.ma.masked_array([[1, 2, 3]], [[True, False, False]])
    sequences = read_sequences(X, [[True, True, False]], "Tagger")
    assert sequences.steps.tolist() == [2]


TWO = np.array([[1, 2], [3, 4]])
DEEP = np.zeros((2, 2, 2, 2))


@pytest.mark.parametrize(
    ("X", "mask", "match"),
    [
        ("abc", None, r"The X of Tagger must be a list of sequences.*Got 'abc'"),
        (7, None, "must be a list of sequences.*Got 7"),
        (None, None, "must be a list of sequences.*Got None"),
        ([], None, r"must be a list of sequences.*Got \[\]"),
        ({"a": "b"}, None, "must be a list of sequences.*Got {'a': 'b'}"),
        (iter(["ab"]), None, "must be a list of sequences"),
        ([1, 2], None, "Sequence 0 of the X of Tagger must be a string, or an array.*Got 1"),
        (["ab", None], None, "Sequence 1 of the X of Tagger must be a string.*Got None"),
        ([[1], [[1, 2], [3]]], None, r"Sequence 1 .*Got \[\[1, 2\], \[3\]\]"),
        ([DEEP[0]], None, "Sequence 0 of the X of Tagger must be a string, or an array"),
        ([np.ma.masked_equal([1, 2], 2)], None, "Sequence 0 .* not have masked steps.*Got 1 of"),
        (["ab", [1, 2]], None, "must all be strings, or all numbers. Got both"),
        ([[[1.0, 2.0]], [[1.0]]], None, r"same number of features. Got .*\(1,\), \(2,\)"),
        ([[1, 2], [[1.0, 2.0]]], None, r"must all hold tokens, or .*Got .*\(\), \(2,\)"),
        ([["a", None]], None, "The tokens of X of Tagger must be strings or integers. Got None"),
        ([np.array(["a", 1], object)], None, "The tokens .* must all be strings, or all numbers"),
        ([[["a"]], [["b"]]], None, r"The features of X of Tagger must be numbers.*'a'"),
        ([[0.5, np.nan]], None, "The features of X of Tagger must be finite. Got .*nan"),
        (np.array([[[np.inf]]]), None, "The features of X of Tagger must be finite. Got .*inf"),
        (DEEP, None, r"axes of sequences, steps and perhaps features. Got shape \(2, 2, 2, 2\)"),
        (["ab"], [[True, True]], "The 'mask' of Tagger must be None where X is a list"),
        (TWO, [True, True], r"The 'mask' of Tagger must have the shape .*\(2, 2\). Got .*\(2,\)"),
        (TWO, np.ones((2, 3)), r"have the shape of the steps of X, \(2, 2\). Got shape \(2, 3\)"),
        (TWO, [[0.5, 1], [1, 1]], "The 'mask' of Tagger must be true or false.*0.5"),
        (TWO, np.zeros((2, 2)), "The 'mask' of Tagger must keep at least one.*hides all 4"),
        (np.ma.masked_all((2, 2)), None, "must keep at least one.*hides all 4"),
    ],
)
def test_sequences_that_are_refused(X, mask, match):
    with pytest.raises(ValueError, match=match):
        read_sequences(X, mask, "Tagger")


ARRAY = read_sequences(TWO, [[True, True], [True, False]], "Tagger")
LIST = read_sequences(["abc", "d"], None, "Tagger")


@pytest.mark.parametrize(
    ("y", "sequences", "match"),
    [
        (None, LIST, "The y of Tagger must be sequences with a label for each step. Got None"),
        ("abc", LIST, "must be sequences with a label for each step. Got 'abc'"),
        (["abc"], LIST, "must have the same number of sequences. Got 2 in X and 1 in y"),
        ([[0, 0, 1], [0, 1]], LIST, "Got 2 labels for the 1 steps of sequence 1"),
        ([[0, 0], [0, 1]], LIST, "Got 2 labels for the 3 steps of sequence 0"),
        ([0, 1], LIST, r"Got shape \(\) for the 3 steps of sequence 0"),
        ([[[0], [1], [0]], [0]], LIST, r"Got shape \(3, 1\) for the 3 steps of sequence 0"),
        ([[0, 1], [0]], ARRAY, "Got 1 labels for the 2 steps of sequence 1"),
        (np.zeros((2, 3)), ARRAY, "Got 3 labels for the 2 steps of sequence 0"),
        ([["a", "b", "b"], [1]], LIST, "The labels in y must be all text or all numbers. Got"),
        ([["a", "b", 1], ["a"]], LIST, "The labels in y must be all text or all numbers. Got"),
        ([np.array(["a", "b", "b"]), np.array([1])], LIST, "must all be strings, or all numbers."),
        ([[0, 1, np.nan], [1]], LIST, "y must not be missing. Got 1 .* first in step 2: label or"),
        ([["a", "b", None], ["a"]], LIST, "y must not be missing. Got 1 .* in step 2: label or"),
        (
            np.array([[0, np.nan], [1, 1]]),
            ARRAY,
            "y must not be missing. Got 1 .* in step 1: label",
        ),
        ([[0.5, 1, 2], [1]], LIST, r"not real numbers .*continuous.* Got 0\.5 instead"),
        ([[0, 1, np.inf], [1]], LIST, "The labels of y of Tagger must be finite"),
        (np.ma.masked_equal([[1, 0], [0, 0]], 1), ARRAY, "Got masked labels in sequence 0"),
    ],
)
def test_labels_that_are_refused(y, sequences, match):
    with pytest.raises(ValueError, match=match):
        labels_of(y, sequences, "Tagger")


def test_labels_of_masked_steps_are_not_looked_at():
    y = np.ma.masked_array([[1.0, 0.0], [0.0, np.nan]], [[False, False], [False, True]])
    for hidden in (y, y.filled(np.nan), y.filled(7).tolist()):
        assert labels_of(hidden, ARRAY, "Tagger").tolist() == [1, 0, 0]


@pytest.mark.parametrize("tokens", ["banana", [30, 10, 20, 10], [b"x", b"y"], [True, False]])
def test_numbers_tell_tokens_apart_and_leave_zero_for_padding(tokens):
    tokens = np.array(list(tokens))
    vocabulary = Vocabulary(tokens, 1)
    numbers = vocabulary.numbers(tokens, "Tagger")
    assert numbers.dtype == np.int32
    assert set(numbers) == set(range(1, len(vocabulary)))
    same = tokens[:, None] == tokens
    np.testing.assert_array_equal(numbers[:, None] == numbers, same)
    order = np.random.default_rng(0).permutation(len(tokens))
    again = Vocabulary(tokens[order], 1).numbers(tokens, "Tagger")
    np.testing.assert_array_equal(again, numbers)


def test_infrequent_and_unknown_tokens_are_one():
    tokens = np.array(list("aaabbc"))
    vocabulary = Vocabulary(tokens, 2)
    a, b, c, unknown = vocabulary.numbers(np.array(["a", "b", "c", "unknown"]), "Tagger")
    assert c == unknown == 1
    assert {a, b} == {2, 3}
    assert len(vocabulary) == 4
    nothing = Vocabulary(tokens, 9)
    assert nothing.numbers(tokens, "Tagger").tolist() == [1] * 6
    assert len(nothing) == 2


def test_unknown_tokens_are_named():
    vocabulary = Vocabulary(np.array(["a", "b"]), 1)
    with pytest.raises(ValueError, match=r"Got \['c'\]: fit with min_frequency=2"):
        vocabulary.numbers(np.array(["a", "c", "c"]), "Tagger")
    with pytest.raises(ValueError, match=r"Got \['c', 'd', 'e', 'f', 'g'\] and 2 more"):
        vocabulary.numbers(np.array(list("abcdefghi")), "Tagger")
    with pytest.raises(ValueError, match=r"must be of the same kind as in fit, str.*Got int64"):
        vocabulary.numbers(np.array([1]), "Tagger")


RAGGED = read_sequences([[1.0, 2.0], [3.0]], None, "Tagger")
MASKED = read_sequences(np.ones((2, 2)), np.array([[1, 1], [1, 0]], bool), "Tagger")


@pytest.mark.parametrize(
    ("sequences", "weights", "of_steps"),
    [
        (RAGGED, None, [1, 1, 1]),
        (RAGGED, [2, 3], [2, 2, 3]),
        (RAGGED, [[1, 2], [3]], [1, 2, 3]),
        (RAGGED, [np.array([1, 2]), np.array([3])], [1, 2, 3]),
        (RAGGED, pd.Series([[1, 2], [3]], index=[5, 4]), [1, 2, 3]),
        (MASKED, pd.Series([2, 3], index=[1, 0]), [2, 2, 3]),
        (MASKED, [[1, 2], [3, 9]], [1, 2, 3]),
        (MASKED, pd.DataFrame([[1, 2], [3, 9]]), [1, 2, 3]),
    ],
)
def test_weights_are_of_sequences_or_of_steps(sequences, weights, of_steps):
    np.testing.assert_array_equal(weights_of(weights, sequences, "Tagger"), of_steps)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (
            [[1, 2], [3, 4]],
            "The 'sample_weight' of Tagger must hold a number for each sequence, or",
        ),
        ([[1, 2]], "must hold a number for each sequence, or, in the form of y, one for each step"),
        ([[1, 2], ["a"]], "one for each step. Got [[1, 2], ['a']] for 2 sequences."),
        ([[1, -2], [3]], "must be positive or zero"),
        ([[0, 0], [0]], "must not be all zero"),
        ([[1, np.nan], [3]], "contains NaN"),
    ],
)
def test_wrong_weights_of_steps_are_refused(weights, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        weights_of(weights, RAGGED, "Tagger")


@pytest.mark.parametrize("lengths", [LENGTHS, [3, 3, 3, 3]], ids=["unequal", "equal"])
def test_lists_of_predictions_are_joined_and_put_in_order_as_arrays_are(lengths):
    given = [np.arange(length) + 10 * i for i, length in enumerate(lengths)]
    folds = [OfSteps([given[3], given[1]]), OfSteps([given[0]]), OfSteps([given[2]])]
    joined = np.concatenate(folds)[[2, 1, 3, 0]]
    assert joined.shape == (4,)
    for steps, expected in zip(joined, given, strict=True):
        np.testing.assert_array_equal(steps, expected)
    np.testing.assert_array_equal(np.concatenate(OfSteps(given)), np.concatenate(given))
