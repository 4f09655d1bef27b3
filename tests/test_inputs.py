"""Several inputs are divided by rows as one array is: by scikit-learn, and by our own folds."""

import pickle

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from scipy.sparse import coo_array
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    learning_curve,
    train_test_split,
)

from skimbalance import (
    ImbalancedKerasClassifier,
    ImbalancedMLPClassifier,
    PriorCorrectedClassifier,
    TunedDecisionClassifierCV,
)
from skimbalance.model_selection import Inputs

RNG = np.random.default_rng(0)
Y = RNG.permutation(np.repeat([0, 1], [90, 30]))
LEFT, RIGHT = RNG.normal(size=(120, 2)) + Y[:, np.newaxis], RNG.normal(size=(120, 3))
JOINED = np.hstack([LEFT, RIGHT])
NAMED = {"left": LEFT, "right": RIGHT}
FORMS = {
    "dict": NAMED,
    "list": [LEFT, RIGHT],
    "tuple": (LEFT, RIGHT),
    "frames": {"left": pd.DataFrame(LEFT), "right": pd.DataFrame(RIGHT)},
    "Inputs": Inputs(NAMED),
    "Inputs of a list": Inputs([LEFT, RIGHT]),
}
each_form = pytest.mark.parametrize("X", FORMS.values(), ids=FORMS)


class OfInputs(ClassifierMixin, BaseEstimator):
    """Logistic regression on several inputs, or on one array."""

    def __init__(self, C=1.0):
        self.C = C

    def fit(self, X, y, sample_weight=None):
        self.inner_ = LogisticRegression(C=self.C).fit(joined(X), y, sample_weight)
        self.classes_ = self.inner_.classes_
        return self

    def predict(self, X):
        return self.inner_.predict(joined(X))

    def predict_proba(self, X):
        return self.inner_.predict_proba(joined(X))


def joined(X):
    if isinstance(X, Inputs):
        X = X.inputs
    parts = X.values() if isinstance(X, dict) else X
    return np.ascontiguousarray(X if isinstance(X, np.ndarray) else np.hstack([*parts]))


# scikit-learn divides `Inputs`


@pytest.mark.parametrize("form", [dict, list])
@pytest.mark.parametrize("rows", [[3, 0], np.arange(120) % 3 == 0, slice(5, 9), slice(None)])
def test_an_index_chooses_the_same_rows_of_each_input(form, rows):
    given = {"left": coo_array(LEFT), "right": pd.DataFrame(RIGHT), "image": np.ones((120, 4, 4))}
    X = Inputs(given if form is dict else [*given.values()])
    assert len(X) == X.shape[0] == 120
    for chosen in (X[rows], X[rows, ...]):
        left, right, image = chosen._by_key().values()
        np.testing.assert_array_equal(left.toarray(), LEFT[rows])
        np.testing.assert_array_equal(right, RIGHT[rows])
        assert len(image) == len(chosen) == len(LEFT[rows])
    assert type(chosen.inputs) is form


def test_a_number_chooses_one_row():
    assert [joined(row).tolist() for row in Inputs(NAMED)] == [[row] for row in JOINED.tolist()]
    np.testing.assert_array_equal(joined(Inputs(NAMED)[-1]), JOINED[-1:])


def test_folds_of_inputs_are_those_of_each_array():
    parts = train_test_split(Inputs(NAMED), LEFT, RIGHT, stratify=Y, random_state=0)
    for X, left, right in zip(parts[:2], parts[2:4], parts[4:], strict=True):
        np.testing.assert_array_equal(X.inputs["left"], left)
        np.testing.assert_array_equal(X.inputs["right"], right)


@each_form
def test_searches_and_scores_over_inputs_are_those_over_the_joined_array(X):
    X = X if isinstance(X, Inputs) else Inputs(X)
    for of in (
        lambda X: GridSearchCV(OfInputs(), {"C": [0.01, 1]}, cv=3).fit(X, Y).cv_results_[
            "mean_test_score"
        ],
        lambda X: GridSearchCV(OfInputs(), {"C": [0.01, 1]}, cv=3).fit(X, Y).predict_proba(X),
        lambda X: cross_val_score(OfInputs(), X, Y, scoring="average_precision"),
        lambda X: cross_val_predict(OfInputs(), X, Y, method="predict_proba"),
        lambda X: cross_val_predict(OfInputs(), X, Y, cv=GroupKFold(3), groups=np.arange(120) // 5),
        lambda X: learning_curve(OfInputs(), X, Y, train_sizes=[0.6, 1.0])[2],
    ):  # fmt: skip
        np.testing.assert_array_equal(of(X), of(JOINED))


def test_inputs_are_hashed_and_stored_by_their_arrays():
    X, again = Inputs(NAMED), Inputs({name: x.copy() for name, x in NAMED.items()})
    assert joblib.hash(X) == joblib.hash(again) != joblib.hash(X[1:])
    np.testing.assert_array_equal(joined(pickle.loads(pickle.dumps(X))), JOINED)


@pytest.mark.parametrize("wrong", [JOINED, {}, [], 3, None], ids=repr)
def test_inputs_are_a_dict_or_a_list(wrong):
    with pytest.raises(ValueError, match=r"must be a dict or a list of arrays, one for each input"):
        Inputs(wrong)


def test_inputs_have_the_same_rows():
    with pytest.raises(ValueError, match=r"number of rows\. Got 120 in 'left', 119 in 'right'"):
        Inputs({"left": LEFT, "right": RIGHT[1:]})


@pytest.mark.parametrize("clf", [LogisticRegression(), ImbalancedMLPClassifier()])
def test_what_takes_one_array_says_so(clf):
    with pytest.raises(ValueError, match=r"one array or table here\. Got Inputs of 120 rows: 'le"):
        clf.fit(Inputs(NAMED), Y)


# Our own folds take them as they are


@each_form
@pytest.mark.parametrize(
    ("cv", "given"),
    [
        (3, {}),
        (3, {"groups": np.arange(120) // 4}),
        (GroupKFold(3), {"groups": np.arange(120) // 4}),
        (StratifiedKFold(3, shuffle=True, random_state=0), {"sample_weight": 1.0 + Y}),
        ([(np.arange(60), np.arange(60, 120))], {}),
    ],
    ids=["int", "groups", "splitter of groups", "splitter", "iterable"],
)
def test_decisions_tuned_on_inputs_are_those_of_the_joined_array(X, cv, given):
    tuner = TunedDecisionClassifierCV(OfInputs(), cv=cv, random_state=0)
    expected = tuner.fit(JOINED, Y, **given).predict_proba(JOINED)
    np.testing.assert_array_equal(tuner.fit(X, Y, **given).predict_proba(X), expected)


@each_form
def test_priors_are_corrected_and_decisions_tuned_after_a_fit_on_inputs(X):
    corrected = PriorCorrectedClassifier(OfInputs(), priors=[0.5, 0.5])
    expected = corrected.fit(JOINED, Y).predict_proba(JOINED)
    np.testing.assert_array_equal(corrected.fit(X, Y).predict_proba(X), expected)
    tuned = TunedDecisionClassifierCV(OfInputs().fit(X, Y), cv="prefit").fit(X, Y)
    assert tuned.predict(X).shape == Y.shape


def test_a_tuned_classifier_names_an_input_with_other_rows():
    with pytest.raises(ValueError, match=r"must have the 120 rows of y\. Got 120 in 'a', 9 in 'b'"):
        TunedDecisionClassifierCV(OfInputs()).fit({"a": LEFT, "b": RIGHT[:9]}, Y)


# A network of several inputs


def with_two_inputs(meta):
    inputs = {"left": keras.Input((2,), name="left"), "right": keras.Input((3,), name="right")}
    return keras.Model(inputs, of_parts(inputs["left"], inputs["right"], meta))


def with_one_input(meta):
    inputs = keras.Input((5,))
    return keras.Model(inputs, of_parts(inputs[:, :2], inputs[:, 2:], meta))


def of_parts(left, right, meta):
    kernel = keras.initializers.GlorotUniform(seed=1)
    both = [layers.Dense(2, kernel_initializer=kernel)(part) for part in (left, right)]
    return layers.Dense(meta["n_classes_"], kernel_initializer=kernel)(layers.Concatenate()(both))


@pytest.mark.slow
def test_a_search_over_inputs_is_that_of_a_network_that_divides_its_columns():
    def scores(build, X):
        clf = ImbalancedKerasClassifier(
            build, epochs=3, optimizer__learning_rate=0.05, early_stopping=False, random_state=0
        )
        search = GridSearchCV(clf, {"class_weight": [None, "balanced"]}, scoring="roc_auc", cv=2)
        search.fit(X, Y)
        tuned = TunedDecisionClassifierCV(clf, cv=2, random_state=0)
        tuned.fit(X.inputs if isinstance(X, Inputs) else X, Y)
        return np.append(search.cv_results_["mean_test_score"], tuned.predict_proba(X)[:, 1])

    of_inputs, of_columns = scores(with_two_inputs, Inputs(NAMED)), scores(with_one_input, JOINED)
    np.testing.assert_allclose(of_inputs, of_columns, atol=1e-4)


@pytest.mark.slow
def test_the_classifier_names_an_input_with_other_rows():
    clf = ImbalancedKerasClassifier(with_two_inputs, epochs=1, random_state=0)
    other = {"left": LEFT, "right": RIGHT[1:]}
    with pytest.raises(ValueError, match=r"the 120 rows of y\. Got 120 in 'left', 119 in 'right'"):
        clf.fit(other, Y)
    with pytest.raises(ValueError, match=r"same number of rows\. Got 120 in 'left', 119 in 'right"):
        clf.fit(Inputs(NAMED), Y).predict(other)
