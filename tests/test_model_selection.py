"""Splitters of multilabel y and of sequences: as those of scikit-learn, and y may have any form."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from label_tables import LABELS, folds_of, off_by, quiet_folds
from scipy.sparse import csr_array, csr_matrix
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neural_network import MLPClassifier

from skimbalance.model_selection import IterativeStratifiedKFold, StratifiedSequenceKFold

SPLITTERS = [IterativeStratifiedKFold, StratifiedSequenceKFold]
each_splitter = pytest.mark.parametrize("splitter", SPLITTERS)


def tag_sequences(n_sequences, seed):
    """Unequal lengths; most steps are "O"; entities have one to three steps, two kinds are rare."""
    rng = np.random.default_rng(seed)
    sequences = []
    for length in rng.geometric(0.05, n_sequences) + 2:
        labels = np.full(length, "O", dtype="<U8")
        for name, share in (("place", 0.2), ("person", 0.1), ("product", 0.04)):
            if rng.random() < share:
                start = rng.integers(length)
                labels[start : start + rng.integers(1, 4)] = name
        sequences.append(labels.tolist())
    return sequences


def example_of(splitter):
    return LABELS[1] if splitter is IterativeStratifiedKFold else tag_sequences(300, 0)


@each_splitter
def test_every_row_is_in_one_test_fold_and_trains_in_the_others(splitter):
    y = example_of(splitter)
    tested = []
    for train, test in splitter(4, random_state=0).split(np.zeros(len(y)), y):
        np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(len(y)))
        assert np.all(np.diff(train) > 0)
        assert np.all(np.diff(test) > 0)
        tested.append(test)
    np.testing.assert_array_equal(np.sort(np.concatenate(tested)), np.arange(len(y)))


@each_splitter
def test_random_state(splitter):
    y = example_of(splitter)
    cv = splitter(random_state=3)
    np.testing.assert_array_equal(folds_of(cv, y), folds_of(cv, y))
    np.testing.assert_array_equal(
        folds_of(cv, y),
        folds_of(splitter(random_state=np.random.RandomState(3)), y),
    )
    assert not np.array_equal(folds_of(cv, y), folds_of(splitter(random_state=4), y))
    assert not np.array_equal(folds_of(splitter(), y), folds_of(splitter(), y))


@each_splitter
def test_looks_and_copies_like_a_splitter_of_scikit_learn(splitter):
    cv = splitter(3, random_state=0)
    assert repr(cv) == f"{splitter.__name__}(n_splits=3, random_state=0)"
    assert splitter().get_n_splits() == KFold().get_n_splits()
    y = example_of(splitter)
    for copy in (clone(cv, safe=False), pickle.loads(pickle.dumps(cv))):
        np.testing.assert_array_equal(folds_of(copy, y), folds_of(cv, y))


@each_splitter
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"n_splits": 1},
            r"'n_splits' parameter of {} must be an int in the range \[2, inf\). Got 1",
        ),
        ({"n_splits": 2.0}, r"'n_splits' parameter of {} must be an int.*Got 2.0"),
        ({"random_state": "0"}, r"'random_state' parameter of {} must be .*Got '0'"),
    ],
)
def test_bad_parameters_are_refused(splitter, options, message):
    with pytest.raises(ValueError, match=message.format(splitter.__name__)):
        splitter(**options)


@each_splitter
def test_more_folds_than_rows_are_refused(splitter):
    y = example_of(splitter)[:4]
    message = f"parameter of {splitter.__name__} must be at most the number of samples, 4. Got 5"
    with pytest.raises(ValueError, match=message):
        next(splitter(5).split(y, y))


@each_splitter
def test_x_and_y_of_unequal_length_are_refused(splitter):
    y = example_of(splitter)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        next(splitter().split(y[1:], y))


@each_splitter
def test_groups_are_not_ignored_silently(splitter):
    y = example_of(splitter)
    with pytest.warns(UserWarning, match=f"groups parameter is ignored by {splitter.__name__}"):
        next(splitter().split(y, y, groups=np.zeros(len(y))))


FORMS = {
    "bool": lambda y: y.astype(bool),
    "float": lambda y: y.astype(float),
    "lists": lambda y: y.tolist(),
    "sparse matrix": csr_matrix,
    "sparse array": csr_array,
    "frame": lambda y: pd.DataFrame(y),
    "nullable frame": lambda y: pd.DataFrame(y).astype("Int64"),
}


@pytest.mark.parametrize("form", FORMS)
def test_indicators_in_every_form_give_the_same_folds(form):
    y = LABELS[1]
    cv = IterativeStratifiedKFold(random_state=0)
    expected = [test for _, test in cv.split(y, y)]
    for test, same in zip(expected, cv.split(y, FORMS[form](y)), strict=True):
        np.testing.assert_array_equal(test, same[1])


def test_class_labels_are_their_one_hot_indicator():
    y = np.random.default_rng(0).permutation(np.repeat(["a", "b", "c"], [70, 20, 10]))
    cv = IterativeStratifiedKFold(random_state=0)
    one_hot = (y[:, None] == ["a", "b", "c"]).astype(int)
    np.testing.assert_array_equal(folds_of(cv, y), folds_of(cv, one_hot))
    np.testing.assert_array_equal(folds_of(cv, y), folds_of(cv, y.tolist()))
    np.testing.assert_array_equal(folds_of(cv, y), folds_of(cv, pd.Series(y, dtype="category")))
    assert [np.unique(y[test], return_counts=True)[1].tolist() for _, test in cv.split(y, y)] == [
        [14, 4, 2]
    ] * 5


@pytest.mark.parametrize(
    ("y", "value"),
    [
        (None, "None"),
        ([0.5, 1.5], r"\[0.5, 1.5\]"),
        ([["a"], ["b", "c"]], r"\[\['a'\], \['b', 'c'\]\]"),
        ([[0, 1], [2, 0]], r"\[\[0, 1\], \[2, 0\]\]"),
        ([[1, 2], [2, 1]], r"\[\[1, 2\], \[2, 1\]\]"),
        ([[0, 1], [np.inf, 1]], "inf"),
        ([[[0, 1]], [[1, 0]]], ""),
    ],
    ids=str,
)
def test_other_forms_than_an_indicator_are_refused(y, value):
    message = f"y of IterativeStratifiedKFold must be a matrix of 0 and 1 .*Got .*{value}.* instead"
    with pytest.raises(ValueError, match=message):
        next(IterativeStratifiedKFold(2).split([0, 1], y))


def test_labels_rarer_than_folds_are_named_once():
    y = np.repeat([[1, 0, 0], [1, 1, 0], [0, 0, 0]], [12, 3, 5], axis=0)
    cv = IterativeStratifiedKFold(4)
    with pytest.warns(UserWarning, match=r"fewer samples than n_splits=4.*\[1, 2\]\. Lower") as log:
        list(cv.split(y, y))
    assert len(log) == 1
    with pytest.warns(UserWarning, match=r"\['rare', 'none'\]"):
        list(cv.split(y, pd.DataFrame(y, columns=["common", "rare", "none"])))
    with pytest.warns(UserWarning, match=r"\['b'\]"):
        list(cv.split(y, ["a"] * 17 + ["b"] * 3))
    with pytest.warns(UserWarning, match=r"\[0, 1, 2, 3, 4\] and 3 more\."):
        list(cv.split(y, np.zeros((20, 8), int)))


def test_in_scikit_learns_searches_and_scores():
    y = LABELS[0]
    X = y @ np.random.default_rng(0).normal(size=(5, 6)) + np.random.default_rng(1).normal(
        size=(200, 6)
    )
    cv = IterativeStratifiedKFold(3, random_state=0)
    network = MLPClassifier((4,), max_iter=5, solver="lbfgs", random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # not converged
        search = GridSearchCV(network, {"alpha": [0.1, 1.0]}, cv=cv, scoring="f1_micro").fit(X, y)
        assert search.n_splits_ == 3
        scores = cross_val_score(search.best_estimator_, X, y, cv=cv, scoring="f1_micro")
    np.testing.assert_allclose(scores.mean(), search.best_score_)
    # Every fold trains on every label: scikit-learn's classifier would refuse one class.
    logistic = MultiOutputClassifier(LogisticRegression())
    assert (
        cross_val_predict(logistic, X, y, cv=IterativeStratifiedKFold(6, random_state=0)).shape
        == y.shape
    )


# Sequences


def step_counts(sequences, names):
    return np.array([[labels.count(name) for name in names] for labels in map(list, sequences)])


@pytest.mark.parametrize("n_splits", [2, 5, 10])
def test_sequences_steps_and_rare_labels_are_shared(n_splits):
    y = tag_sequences(1000, 1)
    shares = np.full(n_splits, 1 / n_splits)
    counts = np.column_stack(
        [step_counts(y, ["place", "person", "product"]), [len(labels) for labels in y]]
    )
    off = np.abs(
        off_by(counts, folds_of(StratifiedSequenceKFold(n_splits, random_state=0), y), shares)
    )
    at_random = np.abs(
        off_by(counts, folds_of(KFold(n_splits, shuffle=True, random_state=0), y), shares)
    )
    rare, steps, sequences = off[:, :3], off[:, 3], off[:, 4]
    assert np.all(sequences < 1 + 1e-9)
    assert np.all(rare < 2.5)
    assert rare.max() < 0.3 * at_random[:, :3].max()
    assert np.all(steps < 0.01 * counts[:, 3].sum() / n_splits)


def test_sequences_of_one_length_are_shared_by_their_rare_labels():
    y = np.zeros((60, 20), int)
    y[:10, 3] = 1
    y[5:10, 7:9] = 2
    fold = folds_of(StratifiedSequenceKFold(5, random_state=0), y)
    assert np.bincount(fold).tolist() == [12] * 5
    assert np.bincount(fold[:10]).tolist() == [2] * 5
    assert np.bincount(fold[5:10]).tolist() == [1] * 5


def object_array(sequences):
    array = np.empty(len(sequences), dtype=object)
    array[:] = sequences
    return array


SEQUENCE_FORMS = {
    "tuples": lambda y: [tuple(labels) for labels in y],
    "arrays": lambda y: [np.array(labels) for labels in y],
    "object array": object_array,
    "series": lambda y: pd.Series(y),
    # Class indices, in the order of the sorted names.
    "integers": lambda y: [
        np.unique(ALL_NAMES + labels, return_inverse=True)[1][4:] for labels in y
    ],
}
ALL_NAMES = ["O", "person", "place", "product"]


@pytest.mark.parametrize("form", SEQUENCE_FORMS)
def test_sequences_in_every_form_give_the_same_folds(form):
    y = tag_sequences(300, 0)
    cv = StratifiedSequenceKFold(random_state=0)
    np.testing.assert_array_equal(folds_of(cv, y), folds_of(cv, SEQUENCE_FORMS[form](y)))


def test_masked_steps_do_not_count():
    y = tag_sequences(300, 0)
    width = max(map(len, y))
    padded = np.array([labels + ["?"] * (width - len(labels)) for labels in y])
    cv = StratifiedSequenceKFold(random_state=0)
    np.testing.assert_array_equal(
        folds_of(cv, y), folds_of(cv, np.ma.array(padded, mask=padded == "?"))
    )


def test_empty_sequences_are_sequences():
    fold = quiet_folds(StratifiedSequenceKFold(2), [[], [], [], [], ["a", "b"], ["a", "b"]])
    assert np.bincount(fold).tolist() == [3, 3]
    assert fold[4] != fold[5]


@pytest.mark.parametrize(
    "y",
    [
        None,
        [1, 2],
        ["OB", "OO"],
        "OO",
        [[], []],
        np.zeros((2, 3, 4)),
        [[[0, 1], [1, 0]], [[0, 1]]],
        [["O", ["B"]], ["O"]],
        np.ma.array([[0, 1], [1, 0]], mask=True),
    ],
    ids=lambda y: repr(y)[:20],
)
def test_other_forms_than_sequences_are_refused(y):
    message = r"(?s)y of StratifiedSequenceKFold must be sequences .*Got .* use StratifiedKFold"
    with pytest.raises(ValueError, match=message):
        next(StratifiedSequenceKFold(2).split([0, 1], y))


def test_labels_in_fewer_sequences_than_folds_are_named():
    y = [["O", "B"], ["O", "O"], ["B", "B", "I"], ["O", "O"]]
    with pytest.warns(UserWarning, match=r"n_splits=3.*StratifiedSequenceKFold: \['B', 'I'\]\."):
        list(StratifiedSequenceKFold(3).split(y, y))
