"""SMOTE of each class: imbalanced-learn's where that works, and never a failure for few rows."""

import itertools

import numpy as np
import pandas as pd
import pytest
import sklearn
from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC
from imblearn.pipeline import make_pipeline
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skimbalance.persistence import load_model, save_model
from skimbalance.sampling import EachClassSMOTE

TINY = np.repeat(["one", "two", "three", "four", "five", "six", "many"], [1, 2, 3, 4, 5, 6, 20])


def rows():
    return np.random.default_rng(0).normal(size=(len(TINY), 3))


@pytest.mark.parametrize("counts", [[60, 7], [60, 30], [60, 40, 9]])
def test_smote_is_imbalanced_learns_where_classes_allow(counts):
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    X = rng.normal(size=(len(y), 3))
    codes = rng.integers(0, 3, (len(y), 4)).astype(float)
    mixed = np.column_stack([X, codes[:, 0]])
    for table, categorical, theirs in (
        (X, (), SMOTE(random_state=0)),
        (mixed, [3], SMOTENC([3], random_state=0)),
        (codes, [0, 1, 2, 3], SMOTEN(random_state=0)),
    ):
        found = EachClassSMOTE(categorical, random_state=0).fit_resample(table, y)
        for ours, other in zip(found, theirs.fit_resample(table, y), strict=True):
            np.testing.assert_array_equal(ours, other)


def test_smote_invents_between_rows_of_the_class():
    X = rows()
    more, labels = EachClassSMOTE(random_state=0).fit_resample(X, TINY)
    np.testing.assert_array_equal(more[: len(X)], X)
    np.testing.assert_array_equal(labels[: len(X)], TINY)
    assert set(np.unique(labels, return_counts=True)[1]) == {20}
    for label in np.unique(TINY):
        ends = list(itertools.combinations_with_replacement(X[label == TINY], 2))
        for row in more[len(X) :][labels[len(X) :] == label]:
            detours = [
                np.linalg.norm(a - row) + np.linalg.norm(row - b) - np.linalg.norm(a - b)
                for a, b in ends
            ]
            assert min(detours) < 1e-9


@pytest.mark.parametrize("only_categorical", [False, True])
def test_smote_takes_categories_of_the_class(only_categorical):
    rng = np.random.default_rng(0)
    # A code of its own for each class.
    codes = np.unique(TINY, return_inverse=True)[1].astype(float)
    other = codes if only_categorical else rng.normal(size=len(TINY))
    X = np.column_stack([codes, rng.integers(0, 2, len(TINY)), other])
    sampler = EachClassSMOTE([0, 1, 2] if only_categorical else [0, 1], random_state=0)
    more, labels = sampler.fit_resample(X, TINY)
    assert set(np.unique(labels, return_counts=True)[1]) == {20}
    np.testing.assert_array_equal(np.unique(TINY)[more[:, 0].astype(int)], labels)
    for label in np.unique(TINY):
        assert set(more[labels == label, 1]) <= set(X[label == TINY, 1])


@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
@pytest.mark.parametrize(
    "container",
    [np.asarray, lambda X: X.tolist(), csr_matrix, lambda X: pd.DataFrame(X, columns=list("abc"))],
    ids=["array", "list", "sparse", "frame"],
)
def test_rows_come_back_as_they_were_given(container, output):
    expected_X, expected_y = EachClassSMOTE(random_state=0).fit_resample(rows(), TINY)
    given = container(rows())
    with sklearn.config_context(transform_output=output):
        X, y = EachClassSMOTE(random_state=0).fit_resample(given, pd.Series(TINY, name="size"))
    assert y.name == "size"
    np.testing.assert_array_equal(y, expected_y)
    if not isinstance(given, list):
        assert type(X) is type(given)
    if isinstance(given, pd.DataFrame):
        assert X.columns.tolist() == list("abc")
    values = X.toarray() if hasattr(X, "toarray") else X
    # Sparse rows are sought by another method, and have other rounding.
    np.testing.assert_allclose(values, expected_X, rtol=1e-6, atol=1e-9)


def test_smote_in_a_pipeline_and_a_clone():
    pipe = make_pipeline(StandardScaler(), EachClassSMOTE(random_state=0), DecisionTreeClassifier())
    assert clone(pipe).fit(rows(), TINY).score(rows(), TINY) == 1
    assert repr(EachClassSMOTE([1])) == "EachClassSMOTE(categorical_features=[1])"


def test_smote_in_a_model_file(tmp_path):
    pipe = make_pipeline(EachClassSMOTE([2], random_state=0), DecisionTreeClassifier(max_depth=1))
    pipe.fit(np.column_stack([rows()[:, :2], TINY == "many"]), TINY)
    trusted = ["sklearn.tree._tree.Tree"]
    save_model(pipe, tmp_path / "model.skim", trusted=trusted)
    loaded = load_model(tmp_path / "model.skim", trusted=trusted)
    assert loaded[0].get_params() == pipe[0].get_params()


GAPS = np.where(rows() > 1.5, np.nan, rows())
NO_TABLES = {
    "ragged": ([[1.0, 2.0], [3.0]], "must have a column for each feature"),
    "dict": ({"one": rows(), "two": rows()}, "must have a column for each feature"),
    "images": (np.zeros((len(TINY), 2, 2, 1)), "must have a column for each feature"),
    "gaps": (GAPS, r"Got \d missing values: fill them"),
    "gaps in a frame": (pd.DataFrame(GAPS).convert_dtypes(), r"Got \d missing values: fill them"),
    "gaps in a sparse matrix": (csr_matrix(GAPS), r"Got \d missing values: fill them"),
    "text": (np.full((len(TINY), 2), "a"), "in 'categorical_features'"),
}


@pytest.mark.parametrize("kind", NO_TABLES)
def test_rows_that_cannot_be_interpolated_are_refused(kind):
    X, words = NO_TABLES[kind]
    with pytest.raises(ValueError, match=rf"The 'X' parameter of EachClassSMOTE .*{words}"):
        EachClassSMOTE().fit_resample(X, TINY)


@pytest.mark.parametrize("form", [np.asarray, csr_matrix, pd.DataFrame, lambda y: [[1], [1, 2]]])
def test_several_labels_in_a_row_are_refused(form):
    y = form(np.eye(len(TINY), 3, dtype=int))
    with pytest.raises(ValueError, match="must have one class label for each row"):
        EachClassSMOTE().fit_resample(rows(), y)
