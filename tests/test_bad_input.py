"""What the classifier refuses, in one sentence that names parameter, rule and value."""

import re
import warnings

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from imblearn.over_sampling import SMOTE
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError

from skimbalance import ImbalancedKerasClassifier, ImbalancedMLPClassifier

pytestmark = pytest.mark.usefixtures("plain_graphs")

NAME = ImbalancedMLPClassifier.__name__


def mlp(**options):
    defaults = {"hidden_layer_sizes": (8,), "epochs": 2, "random_state": 0}
    return ImbalancedMLPClassifier(**{**defaults, **options})


def two_classes():
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1], [50, 10]))
    return rng.normal(size=(60, 3)) + y[:, None], y


def three_classes():
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1, 2], [30, 20, 10]))
    return rng.normal(size=(60, 3)) + y[:, None], y


def refused(error, *parts):
    """`pytest.raises` with the parts of a message in their order, perhaps on several lines."""
    return pytest.raises(error, match="(?s)" + ".*".join(map(re.escape, parts)))


# Parameters: bad values of each, of a wrong type and out of range.

BAD = {
    "hidden_layer_sizes": [0, -1, 8.5, None, "8", (8, 0), (-1,), (8.0,), ("8",), [[8]], {"a": 8}],
    "activation": ["swiss", None, 3, np.tanh],
    "dropout": [-0.1, 1.0, 1, "0.5", None, np.nan, True],
    "normalization": ["group", True, 0],
    "categorical_features": [
        "category",
        3,
        True,
        ["a"],
        [4],
        [-5],
        [True],
        [0.5],
        [True, 1],
        {0: 1},
    ],
    "numeric_embedding": ["linear", "bins", True, 8],
    "bins": ["uniform", None, 32, True],
    "parametrization": ["NTK", None, True, 1],
    "ema_momentum": [-0.1, 1, 1.0, np.nan, np.inf, "0.99", True],
    "weight_decay": [-1e-9, np.inf, np.nan, "0"],
    "standardize": ["yes", "Robust", 1, None],
    "loss": ["cross-entropy", "Focal", None, 3],
    "gamma": [-1, -1e-9, np.inf, np.nan, None, "2"],
    "alpha": [-0.1, 1.5, np.nan, "auto"],
    "tau": [-1, np.inf, np.nan, None, "1"],
    "loss_params": ["q", [0.5], 0.7],
    "class_weight": [-0.1, 1.5, np.nan, "automatic", "balanced_subsample"],
    "sampling": ["smote", None, 0.5, object(), SMOTE],
    "output_bias": ["posterior", True, 0.0],
    "optimizer": ["Adam", "lion", None, 1e-3, keras.optimizers.Adam],
    "learning_rate": [0, 0.0, -1e-3, np.inf, np.nan, None, "auto"],
    "learning_rate_schedule": ["linear", 0.1, True],
    "batch_size": [0, -1, 32.0, None, "all"],
    "epochs": [0, -1, 1.5, None, "10", "Auto", np.inf],
    "early_stopping": ["yes", 1, None],
    "monitor": ["accuracy", "val_loss", "f1", None],
    "validation_fraction": [0, 1, 0.0, 1.0, 1.5, -0.1, np.nan, None],
    "validation": [3, 0.5, object()],
    "n_iter_no_change": [0, -1, 2.5, None, np.inf, "10"],
    "tol": [-1e-9, np.inf, np.nan, None],
    "warm_start": ["yes", 1, None],
    "callbacks": [3, "EarlyStopping", {"a": 1}, [3], [None], ["EarlyStopping"], object()],
    "random_state": [-1, 1.5, "0", 2**32, np.random.default_rng(0)],
    "checkpoint": [3, True, b"folder", ["folder"]],
    "verbose": [-1, "1", None],
}


def test_every_parameter_has_a_bad_value():
    assert BAD.keys() == ImbalancedMLPClassifier().get_params(deep=False).keys()


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in BAD.items() for value in values],
    ids=lambda value: value if isinstance(value, str) else repr(value)[:20],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_parameter(name, value, method):
    X, y = two_classes()
    clf = mlp(class_weight=None, loss="focal" if name == "alpha" else "crossentropy")
    clf.set_params(**{name: value})
    arguments = {"classes": [0, 1]} if method == "partial_fit" else {}
    # Name, owner, rule, value.
    message = rf"^The {name!r} parameter of {NAME} must be .+\. Got .*{re.escape(repr(value))}.*"
    with pytest.raises(ValueError, match=message):
        getattr(clf, method)(X, y, **arguments)
    assert not any(attribute.endswith("_") for attribute in vars(clf))


@pytest.mark.parametrize("name", ["loss", "sampling", "optimizer", "monitor", "activation"])
def test_unknown_name_lists_the_valid_ones(name):
    X, y = two_classes()
    valid = {
        "loss": "logit_adjusted",
        "sampling": "stratified",
        "optimizer": "adamw",
        "monitor": "average_precision",
        "activation": "gelu",
    }
    with refused(ValueError, f"'{name}'", valid[name], "Got 'nonsense' instead"):
        mlp(**{name: "nonsense"}).fit(X, y)


# Class weights


@pytest.mark.parametrize(
    ("class_weight", "labels", "parts"),
    [
        ({0: 1, 1: 2, 2: 3}, [0, 1], ["keys of 'class_weight'", "[0, 1]", "Got [2] instead"]),
        ({0: 1}, [0, 1], ["'class_weight' must be the classes", "no value for [1]"]),
        ({}, [0, 1], ["'class_weight' must be the classes", "no value for [0, 1]"]),
        ({"0": 1, "1": 2}, [0, 1], ["keys of 'class_weight'", "[0, 1]", "['0', '1']"]),
        ({0: 1, 1: 2}, ["a", "b"], ["keys of 'class_weight'", "['a', 'b']", "[0, 1]"]),
        ({"a": 1, "B": 2}, ["a", "b"], ["keys of 'class_weight'", "['a', 'b']", "['B']"]),
        ({0: -1, 1: 1}, [0, 1], ["'class_weight'", "not negative", "{0: -1, 1: 1}"]),
        ({0: np.nan, 1: 1}, [0, 1], ["'class_weight'", "finite", "nan"]),
        ({0: np.inf, 1: 1}, [0, 1], ["'class_weight'", "finite", "inf"]),
        ({0: 0, 1: 0}, [0, 1], ["'class_weight'", "positive for at least one", "{0: 0, 1: 0}"]),
        ({0: "a", 1: 1}, [0, 1], ["'class_weight'", "'a'"]),
        ([1, 2, 3], [0, 1], ["'class_weight' array", "each class: 2", "Got 3"]),
        ([], [0, 1], ["'class_weight' array", "each class: 2", "Got 0"]),
        ([-1, 2], [0, 1], ["'class_weight'", "not negative", "[-1, 2]"]),
        ([[1, 2]], [0, 1], ["'class_weight'", "[[1, 2]]"]),
    ],
)
def test_bad_class_weight(class_weight, labels, parts):
    X, y = two_classes()
    with refused(ValueError, *parts):
        mlp(class_weight=class_weight).fit(X, np.array(labels)[y])


@pytest.mark.parametrize(
    "alpha", [{0: 1}, {0: 1, 1: 1, 2: 1}, {0: 1, 1: -1}, [1, 2, 3], [0, 0], [[1, 2]]]
)
def test_bad_alpha_is_named(alpha):
    X, y = two_classes()
    with refused(ValueError, "'alpha'"):
        mlp(loss="focal", class_weight=None, alpha=alpha).fit(X, y)


@pytest.mark.parametrize("name", ["class_weight", "alpha"])
def test_bool_is_no_weight(name):
    X, y = two_classes()
    clf = mlp(loss="focal", class_weight=None).set_params(**{name: True})
    with refused(ValueError, f"The '{name}' parameter", "must be", "Got True instead."):
        clf.fit(X, y)


@pytest.mark.slow
def test_alpha_of_one_number_is_for_two_classes():
    X, y = three_classes()
    with refused(ValueError, "'alpha' parameter", "more than two classes", "Got 0.25", "3 classes"):
        mlp(loss="focal", alpha=0.25, class_weight=None).fit(X, y)
    clf = mlp(loss="focal", alpha="balanced", class_weight=None).fit(X, y)
    assert clf.predict_proba(X).shape == (60, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"class_weight": {0: 0.0, 1: 1.0}},
        {"loss": "focal", "class_weight": None, "alpha": 1.0},
        {"loss": "focal", "class_weight": None, "alpha": 0.0},
    ],
    ids=str,
)
def test_class_of_no_weight_is_not_a_divergence(options):
    # Zero is allowed; it must train, or be refused by name, and never say "learning_rate".
    X, y = two_classes()
    name = "alpha" if "alpha" in options else "class_weight"
    clf = mlp(**options)
    try:
        clf.fit(X, y)
    except ValueError as error:
        assert f"'{name}'" in str(error)  # noqa: PT017
    else:
        assert np.all(np.isfinite(clf.predict_proba(X)))


# Correcting twice


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "which"),
    [
        ({"loss": "focal", "alpha": 0.75, "class_weight": "balanced"}, "'alpha'"),
        ({"loss": "focal", "alpha": "balanced", "class_weight": 0.5}, "'alpha'"),
        ({"loss": "logit_adjusted", "class_weight": "balanced"}, "loss='logit_adjusted'"),
        ({"loss": "vector_scaling", "class_weight": {0: 1, 1: 3}}, "loss='vector_scaling'"),
    ],
)
def test_correcting_twice_warns_once(options, which):
    X, y = two_classes()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mlp(**options).fit(X, y)
    (warning,) = caught
    assert warning.category is UserWarning
    message = str(warning.message)
    assert which in message
    assert f"class_weight={options['class_weight']!r}" in message
    assert "twice" in message
    assert "class_weight=None" in message  # what to do


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"loss": "focal", "alpha": 0.75, "class_weight": None},
        {"loss": "focal", "class_weight": "balanced"},
        {"loss": "focal", "alpha": 0.75},
        {"loss": "logit_adjusted"},
        {"loss": "vector_scaling"},
        {"loss": "logit_adjusted", "class_weight": None},
        {"loss": "logit_adjusted", "tau": 0.0, "class_weight": "balanced"},
        {"loss": "logit_adjusted", "class_weight": {0: 3, 1: 3}},
        # Schemes count the rows as drawn: after balanced batches there is nothing to correct.
        {"loss": "logit_adjusted", "class_weight": "balanced", "sampling": "balanced"},
    ],
)
def test_correcting_once_does_not_warn(options):
    X, y = two_classes()
    assert mlp(**options).fit(X, y).n_iter_ == 2  # warnings are errors


# Loss parameters


@pytest.mark.parametrize(
    ("loss", "params", "parts"),
    [
        ("crossentropy", {"q": 0.5}, ["'loss_params'", "[]", "'crossentropy'", "Got ['q']"]),
        ("ldam", {"margin": 1}, ["'loss_params'", "'max_margin'", "'ldam'", "Got ['margin']"]),
        ("focal", {"gamma": 1}, ["'loss_params'", "'focal'", "Got ['gamma']"]),
        ("generalized", {"q": 0}, ["'q'", "'loss_params'", "'generalized'", "(0, 1]", "Got 0"]),
        ("generalized", {"q": 1.5}, ["'q'", "(0, 1]", "Got 1.5"]),
        ("generalized", {"q": "a"}, ["'q'", "(0, 1]", "Got 'a'"]),
        ("generalized", {"q": None}, ["'q'", "(0, 1]", "Got None"]),
        ("generalized", {"q": np.nan}, ["'q'", "(0, 1]", "Got nan"]),
        ("ldam", {"scale": 0}, ["'scale'", "(0, inf)", "Got 0"]),
        ("ldam", {"max_margin": -1}, ["'max_margin'", "[0, inf)", "Got -1"]),
        ("ldam", {"deferred": 1}, ["'deferred'", "[0, 1)", "Got 1"]),
        ("vector_scaling", {"gamma": -0.1}, ["'gamma'", "[0, inf)", "Got -0.1"]),
        ("poly1", {"epsilon": -2}, ["'epsilon'", "[-1, inf)", "Got -2"]),
        ("expected_cost", {"cost_matrix": np.ones((3, 3))}, ["'cost_matrix'", "(2, 2)", "(3, 3)"]),
        ("expected_cost", {"cost_matrix": [1, 2]}, ["'cost_matrix'", "(2, 2)", "(2,)"]),
        ("expected_cost", {"cost_matrix": [[0, np.nan], [1, 0]]}, ["'cost_matrix'", "finite"]),
        ("expected_cost", {"cost_matrix": [["a", "b"], [1, 0]]}, ["'cost_matrix'"]),
    ],
)
def test_bad_loss_params(loss, params, parts):
    X, y = two_classes()
    with refused(ValueError, *parts):
        mlp(loss=loss, loss_params=params, class_weight=None).fit(X, y)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["expected_cost", "soft_f1"])
def test_posterior_without_a_closed_form(loss):
    X, y = two_classes()
    clf = mlp(loss=loss).fit(X, y)
    with refused(ValueError, "closed form", "crossentropy", f"Got {loss!r}", "calibrate"):
        clf.predict_posterior(X)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("priors", "value"),
    [([0.5], "(1,)"), ([-0.5, 1.5], "-0.5"), ([0, 0], "0"), ([np.nan, 1], "nan")],
)
def test_bad_priors(priors, value):
    X, y = two_classes()
    # The name is the one that the caller wrote.
    with refused(ValueError, "'priors'", value):
        mlp().fit(X, y).predict_posterior(X, priors=priors)


@pytest.mark.slow
def test_priors_need_every_class_seen():
    X, y = two_classes()
    clf = mlp().partial_fit(X, y, classes=[0, 1, 2])
    with refused(ValueError, "'priors'"):
        clf.predict_posterior(X, priors=[0.3, 0.3, 0.4])


# Sample weights


@pytest.mark.parametrize(
    ("weight", "parts"),
    [
        (np.r_[-1.0, np.ones(59)], ["'sample_weight'", "positive or zero", "-1"]),
        (np.zeros(60), ["'sample_weight'", "must", "zero"]),
        (np.zeros(60, dtype=int), ["'sample_weight'", "must", "zero"]),
        (np.r_[np.nan, np.ones(59)], ["sample_weight", "NaN"]),
        (np.r_[np.inf, np.ones(59)], ["sample_weight", "infinity"]),
        (np.ones(59), ["sample_weight", "(59,)", "(60,)"]),
        (np.ones((60, 1)), ["ample weight", "1D"]),
    ],
    ids=["negative", "zero", "integer zero", "nan", "inf", "short", "column"],
)
def test_bad_sample_weight(weight, parts):
    X, y = two_classes()
    with refused(ValueError, *parts):
        mlp().fit(X, y, sample_weight=weight)
    with refused(ValueError, *parts):
        mlp().partial_fit(X, y, classes=[0, 1], sample_weight=weight)


def test_new_rows_have_no_sample_weight():
    X, y = two_classes()
    with refused(ValueError, "sampler", "'sample_weight'", "SMOTE", "drop the weights"):
        mlp(sampling=SMOTE(k_neighbors=2)).fit(X, y, sample_weight=np.ones(60))


# Labels


@pytest.mark.parametrize("label", [0, "a", True])
def test_one_class(label):
    X, _ = two_classes()
    with refused(ValueError, "at least 2 classes", "Got 1 class", repr(label)):
        mlp().fit(X, np.full(60, label))


def test_one_class_left_by_the_weights():
    X, y = two_classes()
    with refused(ValueError, "at least 2 classes", "positive weight", "[1]"):
        mlp().fit(X, y, sample_weight=y)


def test_one_class_named_in_classes():
    X, _ = two_classes()
    with refused(ValueError, "'classes'", "at least 2", "[0]"):
        mlp().partial_fit(X, np.zeros(60, int), classes=[0])


@pytest.mark.parametrize(
    ("y", "parts"),
    [
        (np.linspace(0, 1, 60), ["Unknown label type: continuous", "Got 0.0169"]),
        (np.eye(2)[two_classes()[1]] + 1, ["0 and 1 only", "[1.0, 2.0]"]),
        (two_classes()[0][:, :2], ["1d array", "label indicator matrix of 0 and 1"]),
        (np.r_[np.nan, two_classes()[1][1:]], ["must not be missing", "the first in row 0"]),
        (["a", None] * 30, ["must not be missing", "Got 30", "the first in row 1"]),
        (["a", 1] * 30, ["all text or all numbers", "'a' and 1"]),
        (np.array(["a", 1] * 30, dtype=object), ["all text or all numbers", "'a' and 1"]),
        ("target", ["class label of each row", "table['target']"]),
        (np.arange(60), ["must be classes", "60 different labels in 60 rows"]),
        (np.zeros(59), ["inconsistent numbers of samples", "[60, 59]"]),
        (None, ["requires y to be passed"]),
        ([], ["inconsistent numbers of samples", "[60, 0]"]),
    ],
    ids=lambda value: str(value)[:20],
)
def test_bad_labels(y, parts):
    X, _ = two_classes()
    with refused(ValueError, *parts):
        mlp().fit(X, y)


# Rows


def with_value(value):
    return lambda X: np.where(np.arange(X.size).reshape(X.shape) == 7, value, X)


FINITE = f"The X of {NAME} must be finite or missing."
BAD_ROWS = {
    "inf": (
        with_value(np.inf),
        ValueError,
        [FINITE, "Got infinity in row 2, column 1: put"],
    ),
    "float32 inf": (
        lambda X: with_value(-np.inf)(X).astype(np.float32),
        ValueError,
        [FINITE, "Got infinity in row 2, column 1: put"],
    ),
    "complex": (lambda X: X + 1j, ValueError, ["Complex data not supported"]),
    "sparse NaN": (
        lambda X: csr_array(with_value(np.nan)(X)),
        ValueError,
        ["must be finite. Got NaN in row 2, column 1: fill"],
    ),
    "3-D": (lambda X: X[:, :, None], ValueError, ["dim 3", NAME]),
    "1-D": (lambda X: X[:, 0], ValueError, ["Expected 2D array, got 1D array"]),
    "no rows": (lambda X: X[:0], ValueError, ["0 sample(s)", NAME]),
    "no columns": (lambda X: X[:, :0], ValueError, ["0 feature(s)"]),
    "dates": (lambda X: X.astype("datetime64[s]"), ValueError, ["must hold numbers"]),
    "dicts": (lambda X: with_value({})(X.astype(object)), ValueError, ["Got dict in row 2"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", BAD_ROWS)
def test_bad_rows(kind):
    make, error, parts = BAD_ROWS[kind]
    X, y = two_classes()
    bad = make(X)
    labels = y[:0] if kind == "no rows" else y
    with refused(error, *parts):
        mlp().fit(bad, labels)
    clf = mlp().fit(X, y)
    for method in ("predict", "predict_proba", "decision_function", "predict_posterior"):
        with refused(error, *parts):
            getattr(clf, method)(bad)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_posterior"])
def test_before_fit(method):
    X, _ = two_classes()
    with refused(NotFittedError, NAME, "not fitted"):
        getattr(mlp(), method)(X)


@pytest.mark.parametrize("attribute", ["model_", "classes_", "history_"])
def test_attributes_before_fit(attribute):
    assert not hasattr(mlp(), attribute)


@pytest.mark.slow
@pytest.mark.parametrize("n_columns", [1, 2, 4])
def test_other_number_of_columns(n_columns):
    X, y = two_classes()
    clf = mlp().fit(X, y)
    with refused(ValueError, f"X has {n_columns} features", NAME, "expecting 3 features"):
        clf.predict(np.ones((5, n_columns)))


@pytest.mark.slow
@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["b", "a", "c"], ["feature names", "same order"]),
        (["a", "b", "z"], ["feature names", "unseen", "z", "missing", "c"]),
        (["A", "b", "c"], ["feature names", "unseen", "A", "missing", "a"]),
    ],
    ids=["reordered", "renamed", "another case"],
)
def test_other_column_names(library, names, parts):
    frames = pytest.importorskip(library)
    X, y = two_classes()
    clf = mlp().fit(frames.DataFrame(dict(zip("abc", X.T, strict=True))), y)
    given = frames.DataFrame(dict(zip(names, X.T, strict=True)))
    for method, arguments in (("predict", []), ("predict_proba", []), ("partial_fit", [y])):
        with refused(ValueError, *parts):
            getattr(clf, method)(given, *arguments)


def test_names_of_mixed_types():
    pd = pytest.importorskip("pandas")
    X, y = two_classes()
    with refused(TypeError, "Feature names", "string"):
        mlp().fit(pd.DataFrame(X, columns=[0, "a", "b"]), y)


# Training that diverges


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "column"),
    [
        ({"standardize": False}, 1e30),
        ({"standardize": False, "activation": "tanh", "normalization": "batch"}, 1e30),
        ({"learning_rate": 1e20}, 1.0),
        ({"learning_rate": 1e20, "optimizer": "sgd"}, 1.0),
        ({"learning_rate": 1e20, "early_stopping": True}, 1.0),
        ({"learning_rate": 1e30, "optimizer": "rmsprop", "loss": "focal"}, 1.0),
        ({"weight_decay": 1e30}, 1.0),
    ],
    ids=str,
)
def test_divergence(options, column):
    X, y = two_classes()
    X[:, 1] *= column
    clf = mlp(**{"epochs": 5, **options})
    with refused(ValueError, "must stay finite", "in epoch ", "learning rate", "scale the columns"):
        clf.fit(X, y)
    assert not hasattr(clf, "classes_")


@pytest.mark.slow
def test_divergence_in_keras_fit():
    import keras

    X, y = two_classes()
    hook = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    with refused(ValueError, "must stay finite", "in epoch ", "learning rate"):
        mlp(learning_rate=1e20, epochs=5, callbacks=[hook]).fit(X, y)


@pytest.mark.slow
def test_huge_columns_train_when_standardised():
    X, y = two_classes()
    expected = mlp().fit(X, y).predict_proba(X)
    huge = X * [1e30, 1e-30, 1.0]
    # Only rounding separates the two: the columns are standardised in float64.
    np.testing.assert_allclose(mlp().fit(huge, y).predict_proba(huge), expected, atol=1e-5)
    float32 = huge.astype(np.float32)
    np.testing.assert_allclose(mlp().fit(float32, y).predict_proba(float32), expected, atol=1e-5)


@pytest.mark.slow
def test_outputs_that_overflow():
    X, y = two_classes()
    clf = mlp().fit(X, y)
    # Finite rows whose logits are not: never NaN probabilities in silence.
    rows = np.repeat([[1e300, -1e300, 1e300]], 1000, axis=0)
    for method in ("predict", "predict_proba", "decision_function", "predict_posterior"):
        with refused(ValueError, "values of X must be small enough", "Got", "1e+300"):
            getattr(clf, method)(rows)


# Early stopping


def one_rare_row():
    X, y = two_classes()
    y[:] = 0
    y[7] = 1
    return X, y


@pytest.mark.slow
def test_early_stopping_with_a_class_of_one_row():
    X, y = one_rare_row()
    clf = mlp(early_stopping=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf.fit(X, y)
    (warning,) = caught
    assert warning.category is UserWarning
    message = str(warning.message)
    for part in ("Early stopping", "2 rows", "early_stopping=False"):
        assert part in message
    assert clf.n_iter_ == 2
    assert clf.history_.keys() == {"loss"}
    expected = mlp(early_stopping=False).fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))


@pytest.mark.slow
def test_automatic_early_stopping_stays_silent():
    X, y = one_rare_row()
    # Nobody asked for it, so nothing is said.
    assert mlp(early_stopping="auto").fit(X, y).history_.keys() == {"loss"}


@pytest.mark.slow
def test_early_stopping_holds_out_every_class():
    X, y = three_classes()
    y[y == 2] = 1
    y[:2] = 2  # two rows: one to train, one to hold out
    clf = mlp(early_stopping=True, monitor="balanced_accuracy", validation_fraction=0.01)
    clf.fit(X, y)
    # The mean of three recalls of one row each is a whole number of thirds.
    thirds = 3 * np.array(clf.history_["val_balanced_accuracy"])
    np.testing.assert_allclose(thirds, np.rint(thirds), atol=1e-9)


# A failed fit changes nothing

# Parameters, change of (X, y), sample_weight, and a part of the message.
FAILURES = {
    "parameter": ({"epochs": 0}, None, None, "'epochs'"),
    "late parameter": ({"hidden_layer_sizes": (8, 0)}, None, None, "'hidden_layer_sizes'"),
    "class weight": ({"class_weight": {0: 1.0}}, None, None, "'class_weight'"),
    "loss params": ({"loss_params": {"q": 1}}, None, None, "'loss_params'"),
    "labels": ({}, lambda X, y: (X, np.zeros(60, int)), None, "2 classes"),
    "rows": ({}, lambda X, y: (np.full((60, 4), np.inf), y), None, "infinity"),
    "other columns and labels": (
        {"learning_rate": 1e20},
        lambda X, y: (np.hstack([X, X]), np.array(["a", "b"])[y]),
        None,
        "finite",
    ),
    "weights": ({}, None, np.zeros(60), "zero"),
    "divergence": ({"learning_rate": 1e20, "epochs": 5}, None, None, "finite"),
    "warm divergence": (
        {"learning_rate": 1e20, "epochs": 5, "warm_start": True},
        None,
        None,
        "finite",
    ),
    "sampler": ({"sampling": SMOTE(k_neighbors=50)}, None, None, "n_neighbors"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", FAILURES)
def test_failed_fit_changes_nothing(kind):
    options, change, weight, part = FAILURES[kind]
    X, y = two_classes()
    clf = mlp().fit(X, y)
    before = {name: value for name, value in vars(clf).items() if name.endswith("_")}
    fitted = clf.predict_proba(X), clf.predict_posterior(X)
    bad_X, bad_y = change(X, y) if change else (X.copy(), y.copy())
    copies = bad_X.copy(), bad_y.copy(), None if weight is None else weight.copy()
    clf.set_params(**options)
    params = clf.get_params(deep=False)
    with refused(ValueError, part):
        clf.fit(bad_X, bad_y, sample_weight=weight)
    for given, copy in zip((bad_X, bad_y, weight), copies, strict=True):
        np.testing.assert_array_equal(given, copy)
    assert all(clf.get_params(deep=False)[name] is value for name, value in params.items())
    assert {name: value for name, value in vars(clf).items() if name.endswith("_")} == before
    np.testing.assert_array_equal(clf.predict_proba(X), fitted[0])
    np.testing.assert_array_equal(clf.predict_posterior(X), fitted[1])
    clf.set_params(**mlp().get_params(deep=False)).fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), fitted[0])


@pytest.mark.slow
def test_interrupted_fit_changes_nothing():
    import keras

    X, y = two_classes()
    clf = mlp().fit(X, y)
    before = clf.predict_proba(X)

    def interrupt(epoch, logs):
        raise KeyboardInterrupt

    clf.set_params(callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=interrupt)])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(-X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    assert clf.n_iter_ == 2


@pytest.mark.slow
def test_failed_partial_fit_changes_nothing():
    X, y = two_classes()
    clf = mlp().partial_fit(X, y, classes=[0, 1])
    again = mlp().partial_fit(X, y, classes=[0, 1])
    for bad_X, bad_y, part in (
        (X * np.inf, y, "infinity"),
        (X, y + 1, "Got [2]"),
        (X[:, :2], y, "2 features"),
    ):
        with refused(ValueError, part):
            clf.partial_fit(bad_X, bad_y)
    clf.set_params(learning_rate=1e20)
    for _ in range(2):
        with pytest.raises(ValueError, match="finite"):
            clf.partial_fit(X * 1e20, y)
    clf.set_params(learning_rate=1e-3)
    # Counts, standardisation, optimizer: all as if nothing had happened.
    np.testing.assert_array_equal(
        clf.partial_fit(X, y).predict_proba(X), again.partial_fit(X, y).predict_proba(X)
    )
    np.testing.assert_array_equal(clf.class_counts_, again.class_counts_)


DATES = pd.to_datetime(["2020-01-01"] * 40)
NOT_NUMBERS = {
    "text in a frame": (pd.DataFrame({"a": range(40), "b": ["x", "y"] * 20}), "'x' in column 'b'"),
    "categories": (pd.DataFrame({"b": pd.Categorical(["x", "y"] * 20)}), "'x' in column 'b'"),
    "polars": (pl.DataFrame({"b": ["x", "y"] * 20, "a": range(40)}), "'x' in column 'b'"),
    "lists": ([[1.0, "x"]] * 40, "'x' in column 1"),
    "text": (np.full((40, 2), "x"), "'x' in column 0"),
    "objects": (np.array([[1.0, "x"]] * 40, dtype=object), "'x' in column 1"),
    "dates in a frame": (pd.DataFrame({"d": DATES}), "'2020-01-01.*' in column 'd'"),
    "dates": (DATES.to_numpy()[:, None], "'2020-01-01.*' in column 0"),
}


@pytest.mark.parametrize(("bad", "words"), NOT_NUMBERS.values(), ids=NOT_NUMBERS)
def test_text_and_dates_are_named_by_their_column(bad, words):
    with pytest.raises(ValueError, match=f"must hold numbers. Got {words}: .*table_steps"):
        ImbalancedKerasClassifier(len).fit(bad, np.repeat([0, 1], 20))
