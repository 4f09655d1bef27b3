"""Labels of which several may hold: an indicator matrix as the y of the classifier."""

import pickle
import warnings

import keras
import numpy as np
import pytest
from imblearn.over_sampling import RandomOverSampler
from joblib import parallel_config
from keras_setup import EachBatch
from scipy import sparse
from scipy.special import expit
from sklearn import metrics
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.preprocessing import MultiLabelBinarizer

from skimbalance import ImbalancedMLPClassifier, compute_class_weight
from skimbalance._losses.records import SIGMOID, SOFTMAX
from skimbalance.losses import LABEL_LOSSES, LOSSES
from skimbalance.metrics._monitors import LABEL_MONITORS
from skimbalance.model_selection import IterativeStratifiedKFold
from skimbalance.persistence import load_model, save_model
from skimbalance.posterior import LABEL_CLOSED_FORMS

pytestmark = pytest.mark.slow

each_loss = pytest.mark.parametrize("loss", sorted(LABEL_LOSSES))


def rows(n=200, n_labels=4):
    """Labels from half of the rows to a twentieth, some rows without any."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 4))
    scores = X @ rng.normal(size=(4, n_labels)) + rng.normal(size=(n, n_labels))
    rank = scores.argsort(axis=0).argsort(axis=0)
    return X, (rank >= n * np.linspace(0.5, 0.95, n_labels)).astype(int)


X, Y = rows()
CLASSES = Y[:, 0]


def mlp(**params):
    defaults = {"early_stopping": False, "batch_size": 50, "epochs": 3, "random_state": 0}
    return ImbalancedMLPClassifier(**{"hidden_layer_sizes": (8,), **defaults, **params})


def without_warning_twice(loss):
    """Class weights that the loss goes together with."""
    return None if loss == "distribution_balanced" else "balanced"


# y


def test_shapes_and_values():
    clf = mlp().fit(X, Y)
    proba, decision, predicted = clf.predict_proba(X), clf.decision_function(X), clf.predict(X)
    assert proba.shape == decision.shape == predicted.shape == Y.shape
    np.testing.assert_array_equal(predicted, proba > 0.5)
    np.testing.assert_allclose(expit(decision), proba, rtol=1e-12)
    assert predicted.dtype == np.int64
    np.testing.assert_array_equal(clf.classes_, np.arange(4))
    assert clf.score(X, Y) == metrics.accuracy_score(Y, predicted)
    # No sum over labels is fixed.
    assert np.ptp(proba.sum(axis=1)) > 0.1


def forms_of_y():
    pd = pytest.importorskip("pandas")
    columns = ["a", "b", "c", "d"]
    return {
        "bool": Y.astype(bool),
        "float": Y.astype(float),
        "list of lists": Y.tolist(),
        "fortran": np.asfortranarray(Y),
        "frame": pd.DataFrame(Y, columns=columns),
        "frame of bool": pd.DataFrame(Y.astype(bool), columns=columns),
        "frame of nullable integers": pd.DataFrame(Y, columns=columns).astype("Int64"),
        "frame of nullable bool": pd.DataFrame(Y, columns=columns).astype("boolean"),
        "csr_matrix": sparse.csr_matrix(Y),
        "csc_array": sparse.csc_array(Y),
        "coo_array": sparse.coo_array(Y),
        "sparse with explicit zeros": sparse.csr_matrix(
            (Y.ravel(), np.tile(np.arange(4), len(Y)), np.arange(len(Y) + 1) * 4), Y.shape
        ),
    }


@pytest.mark.parametrize("form", sorted(forms_of_y()))
def test_every_form_of_y_is_the_same_and_sparse_gives_sparse(form):
    y = forms_of_y()[form]
    dense, same = mlp().fit(X, Y), mlp().fit(X, y)
    np.testing.assert_array_equal(same.predict_proba(X), dense.predict_proba(X))
    predicted = same.predict(X)
    assert sparse.issparse(predicted) == sparse.issparse(y)
    as_dense = predicted.toarray() if sparse.issparse(predicted) else predicted
    np.testing.assert_array_equal(as_dense, dense.predict(X))


@pytest.mark.parametrize("sparse_output", [False, True])
def test_sets_of_labels_by_way_of_the_binarizer(sparse_output):
    names = np.array(["a", "b", "c", "d"])
    binarizer = MultiLabelBinarizer(sparse_output=sparse_output)
    y = binarizer.fit_transform([names[row == 1] for row in Y])
    clf = mlp(epochs=30).fit(X, y, sample_weight=np.ones(len(X)))
    found = binarizer.inverse_transform(clf.predict(X))
    assert [set(labels) for labels in found] == [
        set(names[row > 0.5]) for row in clf.predict_proba(X)
    ]
    assert len(set(found)) > 3


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (2 * Y, r"A label indicator matrix must hold 0 and 1 only, .* Got \[0, 2\] instead"),
        (2 * Y - 1, r"hold 0 and 1 only, .* Got \[-1, 1\] instead"),
        (sparse.csr_matrix(3 * Y), r"hold 0 and 1 only, .* Got \[0, 3\] instead"),
        (np.where(Y == 1, np.inf, 0), "y should be a 1d array"),
        (np.full(Y.shape, np.nan), "must have a label that is not missing in at least 1 row"),
        (Y[:100], "inconsistent numbers of samples"),
        (Y + np.arange(4), "y should be a 1d array"),
        (Y[:, :0], r"got an array of shape \(200, 0\)"),
        (
            [["a"], ["b", "c"]] * 100,
            r"as made by scikit-learn's MultiLabelBinarizer",
        ),
    ],
    ids=[
        "0 and 2",
        "-1 and 1",
        "sparse",
        "infinity",
        "all missing",
        "too few",
        "several targets",
        "no labels",
        "lists of labels",
    ],
)
def test_what_is_no_indicator_is_refused(y, message):
    with pytest.raises(ValueError, match=message):
        mlp().fit(X, y)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        *(
            (
                {"loss": loss, "class_weight": None},
                "'loss' .* must be one of .* for a multilabel y",
            )
            for loss in sorted(set(SOFTMAX) - set(SIGMOID))
        ),
        ({"sampling": RandomOverSampler()}, "must be 'shuffle', 'stratified' or 'balanced' where"),
        (
            {"class_weight": [1, 2, 3, 4]},
            "'class_weight' parameter must be, for a multilabel y, None, ",
        ),
        (
            {"class_weight": {"a": 1}},
            r"keys of 'class_weight' must be the labels of y: \[0, 1, 2, 3\]",
        ),
        (
            {"loss": "focal", "alpha": [1, 2, 3, 4]},
            "'alpha' parameter must be, for a multilabel y, None, ",
        ),
        (
            {"loss": keras.losses.BinaryCrossentropy(), "class_weight": "balanced"},
            "'class_weight' .* must be 'auto' or None for a custom",
        ),
        ({"loss_params": {"margin": 0.1}}, r"keys of 'loss_params' must be among \[\]"),
        ({"loss": "asymmetric", "loss_params": {"margin": 2}}, r"in the range \[0, 1\]. Got 2"),
        ({"monitor": "f1_rare"}, "'monitor' parameter must be one of"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_parameters_that_are_not_for_labels_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        mlp(**params).fit(X, Y)


@pytest.mark.parametrize("loss", sorted(set(SIGMOID) - set(SOFTMAX)))
def test_losses_of_labels_are_not_for_classes(loss):
    # At once: without a warning first that class weights are not for such a loss.
    with pytest.raises(ValueError, match=f"one of .* for class labels. Got '{loss}' instead"):
        mlp(loss=loss).fit(X, Y[:, 3])


def test_registries_name_the_same_losses():
    assert set(LABEL_LOSSES) == set(SIGMOID)
    assert set(LOSSES) == set(SOFTMAX)


# Labels that say nothing, and classes that look like labels


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_a_label_in_no_row_or_in_every_row_is_named_and_predicted_so(class_weight):
    y = Y.copy()
    y[:, 1], y[:, 3] = 0, 1
    clf = mlp(class_weight=class_weight)
    with pytest.warns(UserWarning, match="can only learn that constant") as caught:
        clf.fit(X, y)
    messages = [str(warning.message) for warning in caught]
    assert [m[: m.index(" of y")] for m in messages] == [
        "The labels [1] are present in no row",
        "The labels [3] are present in every row",
    ]
    assert {warning.filename for warning in caught} == {__file__}
    for proba in (clf.predict_proba(X), clf.predict_posterior(X)):
        assert proba[:, 1].max() < 1e-3
        assert proba[:, 3].min() > 1 - 1e-3
        assert np.ptp(proba[:, 0]) > 0.01
    assert np.all(np.isfinite(clf.decision_function(X)))


def test_many_labels_without_rows_are_not_all_named():
    y = np.zeros((len(X), 15), int)
    y[:, :2] = Y[:, :2]
    with pytest.warns(
        UserWarning, match=r"\[2, 3, 4, 5, 6, 7, 8, 9, 10, 11\] and 3 more are present"
    ):
        mlp(epochs=1).fit(X, y)


def test_a_label_that_only_rows_without_weight_have_has_no_rows():
    weight = np.where(Y[:, 3] == 1, 0.0, 1.0)
    with pytest.warns(
        UserWarning, match=r"The labels \[3\] are present in no row of y with a positive"
    ):
        mlp().fit(X, Y, sample_weight=weight)


def test_exactly_one_label_in_every_row_is_remarked_on():
    y = np.eye(4, dtype=int)[np.arange(len(X)) % 4]
    with pytest.warns(UserWarning, match=r"every row has exactly one.*y\.argmax\(axis=1\)") as seen:
        mlp().fit(X, y)
    assert seen[0].filename == __file__
    y[0] = 0
    mlp().fit(X, y)


# Weights


def test_counts_and_weights_are_those_of_each_label_alone():
    weight = np.random.default_rng(1).uniform(0.5, 2, len(X))
    clf = mlp(class_weight=0.5).fit(X, Y, sample_weight=weight)
    for j in range(4):
        counts = [weight[Y[:, j] == 0].sum(), weight[Y[:, j] == 1].sum()]
        np.testing.assert_allclose(clf.class_counts_[j], counts)
        np.testing.assert_allclose(clf.class_prior_[j], counts / weight.sum())
        expected = compute_class_weight(0.5, counts)
        np.testing.assert_allclose(list(clf.class_weight_[j].values()), expected)
        assert list(clf.class_weight_[j]) == [0, 1]


def test_the_weights_of_a_label_do_not_depend_on_those_beside_it():
    expected = mlp().fit(X, Y).class_weight_[0]
    for beside in (Y[:, [3, 1, 2]], 1 - Y[:, 1:], Y[::-1, 1:]):
        assert mlp().fit(X, np.column_stack([Y[:, 0], beside])).class_weight_[0] == expected


@pytest.mark.parametrize("sampling", ["shuffle", "balanced"])
def test_labels_in_another_order_have_their_counts_and_weights_in_that_order(sampling):
    order = [2, 0, 3, 1]
    clf, permuted = mlp(sampling=sampling).fit(X, Y), mlp(sampling=sampling).fit(X, Y[:, order])
    np.testing.assert_array_equal(permuted.class_counts_, clf.class_counts_[order])
    weights = np.array([list(of_label.values()) for of_label in clf.class_weight_])
    in_order = [list(of_label.values()) for of_label in permuted.class_weight_]
    np.testing.assert_allclose(in_order, weights[order], rtol=1e-12)


def test_labels_in_another_order_are_learnt_alike():
    """By a linear network, which has one best answer wherever it starts."""
    order = [2, 0, 3, 1]
    linear = mlp(
        hidden_layer_sizes=(),
        epochs=1000,
        batch_size=200,
        learning_rate=0.1,
        learning_rate_schedule="cosine",
    )
    expected = linear.fit(X, Y).predict_proba(X)[:, order]
    permuted = linear.fit(X, Y[:, order]).predict_proba(X)
    np.testing.assert_allclose(permuted, expected, atol=5e-3)


@each_loss
def test_the_loss_is_the_named_function_of_weighted_labels(loss):
    """At a step of nearly zero the network stays where it starts."""
    weight = np.random.default_rng(2).uniform(0.5, 2, len(X))
    options = {"learning_rate": 1e-9, "batch_size": 1000, "epochs": 1, "loss": loss}
    if loss == "focal":
        options["gamma"] = 1.5
    clf = mlp(**options, class_weight=[(1, 4), (1, 1), (2, 1), (1, 9)])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Both loss='distribution_balanced'")
        clf.fit(X, Y, sample_weight=weight)
    of_labels = np.array([list(of_label.values()) for of_label in clf.class_weight_])
    full = weight[:, np.newaxis] * of_labels[np.arange(4), Y]
    full /= full.mean()
    arguments = {name: p.default for name, p in SIGMOID[loss].params.items()}
    if loss == "focal":
        arguments["gamma"] = 1.5
    if loss == "distribution_balanced":
        arguments["class_counts"] = clf.class_counts_
    name = "sample_weight" if loss == "soft_f1" else "label_weight"
    values = LABEL_LOSSES[loss](
        Y.astype("float32"),
        clf.decision_function(X).astype("float32"),
        from_logits=True,
        **{name: full.astype("float32")},
        **arguments,
    )
    np.testing.assert_allclose(clf.loss_, np.mean(values), rtol=1e-4)


@each_loss
def test_weight_is_repetition(loss):
    weight = np.random.default_rng(3).integers(0, 3, len(X))
    assert 0 in weight
    # Filled up to as many rows, all three train in one compiled program.
    assert 128 < np.count_nonzero(weight) < sum(weight) <= 256
    # One batch a step: another split into batches would be another, equally good, path.
    options = {"loss": loss, "batch_size": 1000, "epochs": 5}
    options["class_weight"] = None if loss == "distribution_balanced" else 0.5
    weighted = mlp(**options).fit(X, Y, sample_weight=weight)
    repeated = mlp(**options).fit(X.repeat(weight, 0), Y.repeat(weight, 0))
    np.testing.assert_array_equal(weighted.class_counts_, repeated.class_counts_)
    assert weighted.class_weight_ == repeated.class_weight_
    np.testing.assert_allclose(weighted.history_["loss"], repeated.history_["loss"], rtol=1e-4)
    # Sums of float32 terms in another order, over 5 steps.
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-4)
    plain = mlp(**options).fit(X, Y)
    assert np.abs(plain.predict_proba(X) - weighted.predict_proba(X)).max() > 1e-3


def test_alpha_is_class_weight_in_the_focal_loss():
    """And a float weighs rows with a label, in place of rows without."""
    pairs = [{0: 1, 1: 2}, (1, 5), (3, 1), (1, 1)]
    by_weight = mlp(loss="focal", class_weight=pairs).fit(X, Y)
    by_alpha = mlp(loss="focal", class_weight=None, alpha=pairs).fit(X, Y)
    np.testing.assert_allclose(by_alpha.predict_proba(X), by_weight.predict_proba(X), atol=1e-6)
    number = mlp(loss="focal", class_weight=None, alpha=0.8).fit(X, Y)
    pair = mlp(loss="focal", class_weight={0: 1, 1: 4}).fit(X, Y)
    np.testing.assert_allclose(number.predict_proba(X), pair.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize(
    ("params", "what"),
    [({"loss": "focal", "alpha": 0.3}, "'alpha'"), ({"loss": "distribution_balanced"}, "loss=")],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_correcting_twice_warns_in_the_line_that_fits(params, what, method):
    clf = mlp(class_weight="balanced", **params)
    with pytest.warns(UserWarning, match=f"Both {what}.* corrected twice") as caught:
        getattr(clf, method)(X, Y)
    assert caught[0].filename == __file__


def test_keras_losses_and_functions_train_as_their_equals():
    ours = mlp(class_weight=None).fit(X, Y)

    def by_hand(targets, proba):
        chance = targets * proba + (1 - targets) * (1 - proba)
        return -keras.ops.mean(keras.ops.log(chance), axis=-1)

    for loss in (
        keras.losses.BinaryCrossentropy(from_logits=True),
        keras.losses.BinaryCrossentropy(),
        by_hand,
    ):
        same = mlp(loss=loss, class_weight=None).fit(X, Y)
        np.testing.assert_allclose(same.history_["loss"], ours.history_["loss"], rtol=1e-4)
        np.testing.assert_allclose(same.predict_proba(X), ours.predict_proba(X), atol=1e-4)


# Natural posteriors

# Shares of three labels in four groups of rows; the group is all that X tells.
SHARES = np.array([[0.1, 0.5, 0.8], [0.3, 0.25, 0.6], [0.05, 0.9, 0.5], [0.4, 0.1, 0.95]])
GROUPS = np.eye(4)


def grouped_rows(n=200):
    """Rows of the groups; in each the labels, independent of each other, have these shares."""
    rng = np.random.default_rng(0)
    y = [
        np.column_stack([rng.permutation(np.arange(n) < round(n * share)) for share in of_group])
        for of_group in SHARES
    ]
    return np.repeat(GROUPS, n, axis=0), np.concatenate(y).astype(int)


def to_convergence(**params):
    """A linear network: of one column a group it can learn any shares."""
    fixed = {"hidden_layer_sizes": (), "batch_size": 1000, "epochs": 100, "learning_rate": 0.1}
    return mlp(**fixed, learning_rate_schedule="cosine", **params)


@pytest.mark.parametrize(
    "params",
    [
        {"class_weight": None},
        {"class_weight": "balanced"},
        {"class_weight": [(1, 9), (5, 1), (1, 1)]},
        {"sampling": "stratified", "class_weight": 0.5},
        {"loss": "focal", "class_weight": None},
        {"loss": "focal", "class_weight": "balanced", "gamma": 1.0},
        {"loss": "focal", "class_weight": None, "alpha": 0.25},
        {"loss": "asymmetric", "class_weight": None},
        {
            "loss": "asymmetric",
            "class_weight": "balanced",
            "loss_params": {"gamma_pos": 0.0, "gamma_neg": 2.0, "margin": 0.02},
        },
    ],
    ids=str,
)
def test_posteriors_are_the_shares_of_the_population(params):
    assert params.get("loss", "crossentropy") in LABEL_CLOSED_FORMS
    clf = to_convergence(**params).fit(*grouped_rows())
    np.testing.assert_allclose(clf.predict_posterior(GROUPS), SHARES, atol=0.01)
    if params != {"class_weight": None}:
        assert np.abs(clf.predict_proba(GROUPS) - SHARES).max() > 0.1


def test_balanced_sampling_is_undone_but_for_the_labels_beside():
    """Rows are drawn by their rarest label, which says something of the others."""
    clf = to_convergence(sampling="balanced", class_weight=None).fit(*grouped_rows())
    drawn, natural = clf.predict_proba(GROUPS), clf.predict_posterior(GROUPS)
    assert np.abs(natural - SHARES).max() < 0.1
    assert np.abs(natural - SHARES).mean() < np.abs(drawn - SHARES).mean() / 2


def test_posteriors_of_known_logistic_models():
    rng = np.random.default_rng(5)
    rows, slopes = rng.normal(size=(8000, 3)), rng.normal(size=(3, 4))
    eta = expit(rows @ slopes - [0, 1, 2, 3])
    y = (rng.random(eta.shape) < eta).astype(int)
    clf = to_convergence(class_weight="balanced").set_params(batch_size=8000).fit(rows, y)
    # 4 coefficients a label from 8,000 rows: deviations of some sqrt(4 / 8000) of sqrt(p (1 - p)).
    assert np.sqrt(np.mean((clf.predict_posterior(rows) - eta) ** 2)) < 0.02
    assert np.sqrt(np.mean((clf.predict_proba(rows) - eta) ** 2)) > 0.1


def test_posteriors_under_other_priors():
    clf = to_convergence().fit(*grouped_rows())
    natural = clf.predict_posterior(GROUPS)
    np.testing.assert_allclose(clf.predict_posterior(GROUPS, clf.class_prior_), natural, rtol=1e-9)
    even = clf.predict_posterior(GROUPS, np.full((3, 2), 0.5))
    # Where yes and no are as frequent: what balanced weights teach.
    np.testing.assert_allclose(even, clf.predict_proba(GROUPS), rtol=1e-6)
    for wrong in ([0.5, 0.5], np.full((4, 2), 0.5)):
        with pytest.raises(ValueError, match=r"must be, for a multilabel y, of shape \(3, 2\)"):
            clf.predict_posterior(GROUPS, wrong)


@pytest.mark.parametrize("loss", sorted(set(LABEL_LOSSES) - set(LABEL_CLOSED_FORMS)))
def test_losses_without_a_closed_form_say_so(loss):
    clf = mlp(loss=loss, class_weight=without_warning_twice(loss)).fit(X, Y)
    with pytest.raises(ValueError, match=f"Got '{loss}' instead: calibrate"):
        clf.predict_posterior(X)


# Training


@each_loss
def test_every_loss_trains_as_in_keras_fit(loss):
    options = {"loss": loss, "class_weight": without_warning_twice(loss), "learning_rate": 0.01}
    weight = np.random.default_rng(4).uniform(0.5, 2, len(X))
    ours = mlp(**options).fit(X, Y, weight)
    theirs = mlp(**options, callbacks=[EachBatch()]).fit(X, Y, weight)
    assert (ours.fit_path_, theirs.fit_path_[:14]) == ("compiled", "Keras' own fit")
    np.testing.assert_allclose(ours.history_["loss"], theirs.history_["loss"], rtol=2e-3)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=5e-3)
    assert ours.history_["loss"][-1] < ours.history_["loss"][0]


def log_loss(clf, X, y):
    return metrics.log_loss(y.ravel(), clf.predict_proba(X).ravel())


def test_stacked_fits_are_those_alone():
    grid = [
        {"class_weight": [None, [(1, 2), (1, 3), (1, 4), (1, 9)]]},
        {"loss": ["asymmetric"], "loss_params": [None, {"gamma_neg": 2.0}]},
    ]
    cv = IterativeStratifiedKFold(3, random_state=0)
    search = GridSearchCV(mlp(early_stopping=True), grid, cv=cv, scoring=log_loss)
    alone = clone(search).fit(X, Y)
    with parallel_config(backend="stacked"):
        stacked = clone(search).fit(X, Y)
    for name in ("split0_test_score", "split1_test_score", "split2_test_score"):
        np.testing.assert_allclose(
            stacked.cv_results_[name], alone.cv_results_[name], rtol=1e-4, err_msg=name
        )
    assert np.ptp(alone.cv_results_["mean_test_score"]) > 1e-3


class WithPlan(ImbalancedMLPClassifier):
    """Keeps what it trained on."""

    def _train(self, plan):
        self.plan_ = plan
        return super()._train(plan)


def test_rows_are_held_out_by_iterative_stratification():
    y = np.column_stack([Y, np.arange(len(Y)) % 100 == 7, Y[:, 0]])
    clf = WithPlan((8,), epochs=2, early_stopping=True, random_state=0).fit(X, y)
    train, held_out = clf.plan_.rows, clf.plan_.held_out
    np.testing.assert_array_equal(
        np.sort(np.append(train.index, held_out.index)), np.arange(len(X))
    )
    # The fifth label has two rows.
    assert train.y[:, 4].sum() == held_out.y[:, 4].sum() == 1
    np.testing.assert_allclose(held_out.y.sum(axis=0), y.sum(axis=0) / 10, atol=1.1)
    np.testing.assert_array_equal(held_out.y, y[held_out.index])


def test_auto_holds_rows_out_where_every_label_leaves_ten():
    few, many = rows(400, 2), rows(4000, 2)
    assert few[1].sum(axis=0).min() < 100 <= many[1].sum(axis=0).min()
    assert "val_loss" not in mlp(early_stopping="auto").fit(*few).history_
    assert "val_loss" in mlp(early_stopping="auto").fit(*many).history_


@pytest.mark.parametrize("monitor", sorted(LABEL_MONITORS))
def test_the_monitor_is_its_score_of_the_held_out_rows(monitor):
    clf = WithPlan(
        (8,), epochs=4, early_stopping=True, validation_fraction=0.5, monitor=monitor,
        random_state=0,
    ).fit(X, Y)  # fmt: skip
    held_out = clf.plan_.held_out.index
    logits = clf.decision_function(X[held_out])
    score = LABEL_MONITORS[monitor](Y[held_out], logits, np.ones(len(held_out)))
    assert clf.history_[f"val_{monitor}"][clf.best_epoch_ - 1] == pytest.approx(score, rel=1e-5)


def test_warm_start_goes_on():
    clf = mlp(warm_start=True, epochs=2).fit(X, Y)
    clf.set_params(learning_rate=1e-9)
    before = clf.predict_proba(X)
    clf.fit(X, Y)
    assert clf.n_iter_ == 4
    np.testing.assert_allclose(clf.predict_proba(X), before, atol=1e-6)
    # What a fit that goes on lacks, one before may have had.
    clf.fit(X[:50], np.eye(4, dtype=int)[np.zeros(50, int)])


@pytest.mark.parametrize(("first", "then"), [(Y, CLASSES), (CLASSES, Y)])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_the_kind_of_y_stays(first, then, method):
    clf = mlp(warm_start=True).fit(X, first)
    before = clf.predict_proba(X)
    with pytest.raises(ValueError, match="y must be of the same kind as in the training rows"):
        getattr(clf, method)(X, then)
    np.testing.assert_array_equal(clf.predict_proba(X), before)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_the_number_of_labels_stays(method):
    clf = mlp(warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match=r"y must have 4 columns, .*\. Got 3 instead"):
        getattr(clf, method)(X, Y[:, :3])


def test_partial_fit_adds_up_and_may_meet_a_label_late():
    late = np.lexsort((np.arange(len(X)), Y[:, 3]))
    clf = mlp()
    for part in np.split(late, 4):
        assert clf.partial_fit(X[part], Y[part]) is clf
    np.testing.assert_array_equal(clf.class_counts_, mlp().fit(X, Y).class_counts_)
    assert clf.n_iter_ == 4
    # One row does not show that classes exclude each other, or that labels never hold.
    mlp().partial_fit(X[:1], np.eye(4, dtype=int)[:1])


def test_partial_fit_takes_the_numbers_of_the_columns_as_classes_or_none():
    clf = mlp().partial_fit(X, Y, classes=[0, 1, 2, 3])
    clf.partial_fit(X, Y)
    np.testing.assert_array_equal(clf.classes_, np.arange(4))
    for classes in ([0, 1], np.arange(5), ["a", "b", "c", "d"]):
        with pytest.raises(ValueError, match="'classes' parameter of partial_fit must be None, or"):
            mlp().partial_fit(X, Y, classes=classes)


def test_a_fit_that_fails_changes_nothing():
    clf = mlp().fit(X, Y)
    before = dict(vars(clf))
    with pytest.raises(ValueError, match="0 and 1 only"):
        clf.fit(X, 2 * Y)
    assert vars(clf) == before


# Afterwards


def test_the_keras_model_gives_the_same_probabilities():
    clf = mlp().fit(X, Y)
    proba = clf.model_.predict(X, verbose=0)
    np.testing.assert_allclose(proba, clf.predict_proba(X), atol=1e-6)
    assert clf.model_.layers[-1].get_config()["activation"] == "sigmoid"


@pytest.mark.parametrize("as_sparse", [False, True])
def test_pickles_and_model_files_give_the_same_bits(as_sparse, tmp_path):
    clf = mlp(loss="focal").fit(X, sparse.csr_matrix(Y) if as_sparse else Y)
    save_model(clf, tmp_path / "m.skim")
    for same in (pickle.loads(pickle.dumps(clf)), load_model(tmp_path / "m.skim")):
        for method in ("predict_proba", "decision_function", "predict_posterior"):
            expected = getattr(clf, method)(X)
            assert getattr(same, method)(X).tobytes() == expected.tobytes()
        predicted = same.predict(X)
        assert sparse.issparse(predicted) == as_sparse
        assert (predicted != clf.predict(X)).sum() == 0
        assert same.class_weight_ == clf.class_weight_
        same.partial_fit(X, Y)


def test_cross_validation_with_multilabel_scores():
    scores = cross_validate(
        mlp(epochs=20),
        X,
        Y,
        cv=IterativeStratifiedKFold(3, random_state=0),
        scoring=["f1_macro", "f1_micro", "average_precision", "roc_auc_ovr"],
    )
    assert all(np.all(np.isfinite(values)) for values in scores.values())
    assert scores["test_average_precision"].mean() > Y.mean()
