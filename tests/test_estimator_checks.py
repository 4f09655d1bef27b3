"""scikit-learn's and imbalanced-learn's own checks, and the one law they ask in more digits."""

import re

import numpy as np
import pytest
from imblearn.utils import estimator_checks as imblearn_checks
from sklearn.base import clone
from sklearn.utils import estimator_checks as sklearn_checks
from sklearn.utils.validation import check_is_fitted

from skimbalance import ImbalancedKerasClassifier, ImbalancedMLPClassifier

pytestmark = pytest.mark.slow

WEIGHT_CHECKS = [f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")]
WEIGHT_REASON = (
    "float32 training agrees to about 1e-6, the check asks for rtol 1e-7; the law is tested in "
    "float64 below"
)


def fails(estimator):
    return dict.fromkeys(WEIGHT_CHECKS, WEIGHT_REASON)


@sklearn_checks.parametrize_with_checks([ImbalancedMLPClassifier()], expected_failed_checks=fails)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.usefixtures("plain_graphs")
@sklearn_checks.parametrize_with_checks([ImbalancedKerasClassifier()], expected_failed_checks=fails)
def test_scikit_learn_check_of_plain_graphs(estimator, check):
    check(estimator)


def test_only_the_named_checks_may_fail():
    # Guards the decorator above: a new scikit-learn may rename the checks.
    checks = sklearn_checks.estimator_checks_generator(ImbalancedMLPClassifier())
    names = {getattr(check, "func", check).__name__ for _, check in checks}
    assert names.issuperset(WEIGHT_CHECKS)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        (ImbalancedMLPClassifier(), WEIGHT_CHECKS[0]),
        (ImbalancedMLPClassifier(loss="focal"), WEIGHT_CHECKS[0]),
        (ImbalancedMLPClassifier(), WEIGHT_CHECKS[1]),
        (ImbalancedKerasClassifier(), WEIGHT_CHECKS[0]),
    ],
    ids=str,
)
def test_weight_check_in_float64(estimator, check):
    getattr(sklearn_checks, check)(type(estimator).__name__, estimator)
    clf = clone(estimator).set_params(epochs=1).fit([[0.0], [1.0]], [0, 1])
    assert {value.dtype.name for value in clf.model_.get_weights()} == {"float64"}


@pytest.mark.parametrize("loss", ["crossentropy", "focal", "logit_adjusted", "soft_f1"])
@pytest.mark.parametrize("normalization", [None, "layer"])
def test_weight_is_repetition(loss, normalization):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 3))
    y = np.arange(30) % 3
    weight = rng.permutation(np.repeat([0, 1, 2], 10))
    assert set(y[weight > 0]) == {0, 1, 2}
    # 20, 30 and 30 rows are all filled up to 32, so that one compiled program trains them.
    # One batch a step: another split into batches would be another, equally good, path.
    options = {
        "hidden_layer_sizes": (8,),
        "loss": loss,
        "normalization": normalization,
        "class_weight": None if loss == "logit_adjusted" else 0.5,
        "batch_size": 1000,
        "epochs": 5,
        "random_state": 0,
    }
    weighted = ImbalancedMLPClassifier(**options).fit(X, y, sample_weight=weight)
    repeated = ImbalancedMLPClassifier(**options).fit(X.repeat(weight, 0), y.repeat(weight))
    np.testing.assert_array_equal(weighted.class_counts_, repeated.class_counts_)
    # Sums of some 50 float32 terms in another order, over 5 steps: about 1e-6 was seen; the
    # plain network differs by far more (below).
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-4)
    if loss == "soft_f1":
        with pytest.raises(ValueError, match="closed form"):
            weighted.predict_posterior(X)
    else:
        np.testing.assert_allclose(
            weighted.predict_posterior(X), repeated.predict_posterior(X), atol=1e-4
        )
    np.testing.assert_allclose(
        weighted.history_["loss"], repeated.history_["loss"], rtol=1e-4, atol=1e-6
    )
    plain = ImbalancedMLPClassifier(**options).fit(X, y)
    assert np.abs(plain.predict_proba(X) - weighted.predict_proba(X)).max() > 1e-3


def test_scale_of_weights_is_ignored():
    rng = np.random.default_rng(0)
    X, y, weight = rng.normal(size=(40, 3)), np.arange(40) % 2, rng.random(40)
    clf = ImbalancedMLPClassifier((8,), epochs=3, batch_size=16, random_state=0)
    expected = clf.fit(X, y, sample_weight=weight).predict_proba(X)
    for scale in (1e-6, 1000.0):
        # Both are divided by their mean in float64; what is left is rounding to float32.
        actual = clf.fit(X, y, sample_weight=scale * weight).predict_proba(X)
        np.testing.assert_allclose(actual, expected, atol=1e-5)


# Not imbalanced-learn's decorator: it hands pytest a generator, which pytest 9 deprecates.
@pytest.mark.usefixtures("plain_graphs")
@pytest.mark.parametrize(
    ("estimator", "check"),
    list(
        imblearn_checks.estimator_checks_generator(
            # One check asks that all classes be predicted, of rows that it draws at random.
            ImbalancedMLPClassifier(epochs=20, learning_rate=0.01),
            expected_failed_checks={
                "check_classifier_on_multilabel_or_multioutput_targets": (
                    "asks for the words of imbalanced-learn's own classifiers; ours are "
                    "scikit-learn's, tested below"
                )
            },
            mark="xfail",
        )
    ),
)
def test_imbalanced_learn_check(estimator, check):
    check(estimator)


def test_several_targets_are_refused():
    y = np.eye(3, dtype=int)[np.arange(30) % 3] + np.arange(3)
    message = "y should be a 1d array, got an array of shape (30, 3) instead."
    with pytest.raises(ValueError, match=re.escape(message)):
        ImbalancedMLPClassifier(epochs=1).fit(np.ones((30, 2)), y)


@pytest.mark.parametrize(
    "check",
    [
        imblearn_checks.check_param_validation,
        imblearn_checks.check_dataframe_column_names_consistency,
    ],
)
def test_imbalanced_learn_check_beside_its_list(check):
    # imbalanced-learn runs these two by name for each of its own estimators.
    pytest.importorskip("pandas")
    check("ImbalancedMLPClassifier", ImbalancedMLPClassifier(epochs=1))


def test_unfitted_is_known_as_such():
    clf = ImbalancedMLPClassifier(epochs=1)
    with pytest.raises(Exception, match="is not fitted yet"):
        check_is_fitted(clf)
    check_is_fitted(clf.fit([[0.0], [1.0]], [0, 1]))
