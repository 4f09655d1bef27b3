"""Prior correction: exact on classifiers that count, close where the posterior is known."""

import pickle
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from imblearn import FunctionSampler
from imblearn.ensemble import BalancedBaggingClassifier, BalancedRandomForestClassifier
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline, make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from scipy.optimize import minimize
from scipy.special import softmax
from sklearn.base import clone
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.pipeline import make_pipeline as make_sklearn_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from skimbalance import ImbalancedMLPClassifier, correct_prior
from skimbalance.prior import PriorCorrectedClassifier, estimate_prior

COUNTS = [60, 20, 10]


@parametrize_with_checks(
    [
        PriorCorrectedClassifier(LogisticRegression()),
        PriorCorrectedClassifier(LogisticRegression(class_weight="balanced")),
        PriorCorrectedClassifier(DecisionTreeClassifier(class_weight="balanced", random_state=0)),
    ],
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


def cells(seed=0):
    """Rows of three classes in four cells, which a tree separates, and their class labels."""
    rng = np.random.default_rng(seed)
    y = np.repeat(["a", "b", "c"], COUNTS)
    x = rng.integers(0, 4, len(y))
    return x[:, None].astype(float), y


def shares(X, y, weight=None):
    """Posterior of each row: class shares of the rows, or of their weights, in its cell."""
    weight = np.ones(len(y)) if weight is None else weight
    in_cell = X == X.T
    by_class = np.stack([in_cell @ (weight * (y == label)) for label in np.unique(y)], axis=1)
    return by_class / by_class.sum(axis=1, keepdims=True)


def repeat(X, y, times):
    """Repeat each row of a class `times`: an over-sampler without randomness."""
    n = np.array([times[label] for label in y])
    return X.repeat(n, axis=0), y.repeat(n)


REPEAT = FunctionSampler(func=repeat, kw_args={"times": {"a": 1, "b": 3, "c": 7}}, validate=False)
CLASSIFIERS = [
    DecisionTreeClassifier(),
    RandomForestClassifier(3, bootstrap=False),
]


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("class_weight", [None, "balanced", {"a": 1, "b": 0.2, "c": 30}], ids=str)
@pytest.mark.parametrize("sampled", [False, True])
def test_classifiers_that_count_give_the_counts_back(classifier, class_weight, sampled):
    X, y = cells()
    classifier = clone(classifier).set_params(class_weight=class_weight)
    estimator = make_pipeline(StandardScaler(), clone(REPEAT), classifier)
    if not sampled:
        estimator = classifier
    clf = PriorCorrectedClassifier(estimator).fit(X, y)
    np.testing.assert_allclose(clf.predict_proba(X), shares(X, y), rtol=1e-12)
    if sampled or class_weight is not None:  # the classifier alone would be wrong
        assert np.abs(clf.estimator_.predict_proba(X) - shares(X, y)).max() > 0.1
    np.testing.assert_allclose(clf.class_prior_, np.divide(COUNTS, 90))
    assert clf.sampling_ratio_.tolist() == ([1, 3, 7] if sampled else [1, 1, 1])
    assert clf.classes_.tolist() == list(clf.class_weight_) == ["a", "b", "c"]


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("class_weight", [None, "balanced", {"a": 1, "b": 0.2, "c": 30}], ids=str)
def test_sample_weights_are_part_of_the_population(classifier, class_weight):
    X, y = cells()
    weight = np.random.default_rng(1).uniform(0.1, 4, len(y))
    clf = PriorCorrectedClassifier(clone(classifier).set_params(class_weight=class_weight))
    clf.fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(clf.predict_proba(X), shares(X, y, weight), rtol=1e-12)
    expected = [weight[y == label].sum() / weight.sum() for label in clf.classes_]
    np.testing.assert_allclose(clf.class_prior_, expected)


def test_sample_weights_go_to_the_last_step():
    X, y = cells()
    weight = np.random.default_rng(1).uniform(0.1, 4, len(y))
    tree = DecisionTreeClassifier(class_weight="balanced")
    pipe = PriorCorrectedClassifier(make_sklearn_pipeline(StandardScaler(), tree))
    alone = PriorCorrectedClassifier(tree)
    np.testing.assert_allclose(
        pipe.fit(X, y, sample_weight=weight).predict_proba(X),
        alone.fit(X, y, sample_weight=weight).predict_proba(X),
    )


BY_LABEL = {
    "array": lambda priors: np.array([priors[label] for label in "abc"]),
    "polars": lambda priors: pl.Series([priors[label] for label in "abc"]),
    "dict": dict,
    "Series": pd.Series,
    "frame": lambda priors: pd.Series(priors).to_frame(),
    "counts": lambda priors: {label: 500 * share for label, share in priors.items()},
}


@pytest.mark.parametrize("container", BY_LABEL.values(), ids=BY_LABEL)
def test_other_priors_weigh_the_counts(container):
    X, y = cells()
    priors = np.array([0.1, 0.3, 0.6])
    weight = (priors / COUNTS)[np.searchsorted(["a", "b", "c"], y)]
    given = container({"c": 0.6, "a": 0.1, "b": 0.3})
    tree = DecisionTreeClassifier(class_weight="balanced")
    clf = PriorCorrectedClassifier(tree, priors=given).fit(X, y)
    np.testing.assert_allclose(clf.predict_proba(X), shares(X, y, weight), rtol=1e-12)
    assert clf.predict(X).tolist() == clf.classes_[shares(X, y, weight).argmax(axis=1)].tolist()
    # For one prediction, or from now on.
    later = PriorCorrectedClassifier(tree).fit(X, y)
    np.testing.assert_array_equal(later.predict_posterior(X, priors=given), clf.predict_proba(X))
    later.set_params(priors=given)
    np.testing.assert_array_equal(later.predict_proba(X), clf.predict_proba(X))


# Three Gaussian classes of equal covariance: the posterior is a logistic model.
MEANS = np.array([[0.0, 0.0], [1.5, 0.0], [0.0, 1.5]])
PRIOR = np.array([0.93, 0.05, 0.02])


def gaussian(n, prior, seed):
    rng = np.random.default_rng(seed)
    y = rng.choice(3, n, p=prior)
    return MEANS[y] + rng.normal(size=(n, 2)), y


def true_posterior(X, prior):
    return softmax(X @ MEANS.T - (MEANS**2).sum(axis=1) / 2 + np.log(prior), axis=1)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(class_weight="balanced"),
        make_pipeline(RandomUnderSampler(random_state=0), LogisticRegression()),
        make_pipeline(RandomOverSampler(random_state=0), LogisticRegression()),
        # A moderate sampler; the class weights do the rest.
        make_pipeline(
            StandardScaler(),
            RandomUnderSampler(sampling_strategy={0: 4000}, random_state=0),
            LogisticRegression(class_weight="balanced"),
        ),
        make_pipeline(SMOTE(random_state=0), LogisticRegression()),
    ],
    ids=["weights", "under", "over", "both", "SMOTE"],
)
def test_posterior_of_gaussian_classes(estimator):
    X, y = gaussian(20_000, PRIOR, seed=0)
    X_new, _ = gaussian(20_000, PRIOR, seed=1)
    clf = PriorCorrectedClassifier(estimator).fit(X, y)
    # With 400 rows of the rarest class, log-odds have a standard error of 1 / 20, and a posterior
    # eta has one of eta (1 - eta) / 20: here about 0.003 on average. SMOTE contracts a class, which
    # changes its density a little.
    bound = 0.02 if "smote" in str(estimator).lower() else 0.01
    for prior in (None, [0.6, 0.3, 0.1]):
        expected = true_posterior(X_new, PRIOR if prior is None else prior)
        error = np.abs(clf.predict_posterior(X_new, prior) - expected).mean()
        assert error < bound
    before = np.abs(clf.estimator_.predict_proba(X_new) - true_posterior(X_new, PRIOR)).mean()
    assert before > 0.1


def test_priors_of_unlabelled_rows():
    X, y = gaussian(20_000, PRIOR, seed=0)
    shifted = np.array([0.5, 0.2, 0.3])
    X_new, y_new = gaussian(20_000, shifted, seed=1)
    clf = PriorCorrectedClassifier(LogisticRegression(class_weight="balanced")).fit(X, y)
    estimated = clf.estimate_priors(X_new)
    # If the classes were known, a share would have a standard error of 0.0035. They are unknown,
    # which about doubles it, and the errors of the model, of 0.05 in log-odds, are added.
    np.testing.assert_allclose(estimated, np.bincount(y_new) / len(y_new), atol=0.02)
    loss = log_loss(y_new, clf.predict_proba(X_new))
    adapted = clf.set_params(priors=estimated)
    # Bayes' posterior is the best possible one, and adapted posteriors come near to it.
    best = log_loss(y_new, true_posterior(X_new, shifted))
    assert log_loss(y_new, adapted.predict_proba(X_new)) - best < 0.1 * (loss - best)
    # An estimate does not depend on the priors in force.
    np.testing.assert_array_equal(adapted.estimate_priors(X_new), estimated)


@pytest.mark.parametrize("seed", range(3))
def test_estimated_priors_have_the_greatest_likelihood(seed):
    rng = np.random.default_rng(seed)
    prior = np.array([0.7, 0.2, 0.1])
    proba = rng.dirichlet([0.6, 0.5, 0.4], size=300)
    found = estimate_prior(proba, prior, tol=1e-9)
    assert np.all(found > 0.01)  # the optimum is not at the border, which softmax cannot reach

    def mean_loss(shares):
        return -np.log(proba / prior @ shares).mean()

    best = softmax(minimize(lambda z: mean_loss(softmax(z)), np.zeros(3), tol=1e-12).x)
    np.testing.assert_allclose(found, best, atol=1e-4)
    np.testing.assert_allclose(found.sum(), 1, rtol=1e-12)
    # They equal the mean posterior under themselves (Saerens et al.).
    np.testing.assert_allclose(correct_prior(proba, prior, found).mean(axis=0), found, atol=1e-6)
    # The stopping rule, at the default of tol.
    gap = mean_loss(estimate_prior(proba, prior)) - mean_loss(found)
    assert -1e-9 <= gap * len(proba) < 1e-3
    # The expectation maximisation of the paper ends at the same shares.
    shares = prior
    for _ in range(1000):
        shares = correct_prior(proba, prior, shares).mean(axis=0)
    np.testing.assert_allclose(found, shares, atol=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_estimated_priors_are_the_best_on_rough_problems(seed):
    # Shares down to 1e-8, classes that hardly differ, optima at the border, sure rows.
    rng = np.random.default_rng(seed)
    n_classes, n = rng.integers(2, 20), 10 ** rng.integers(0, 4)
    proba = rng.dirichlet(np.full(n_classes, 10 ** rng.uniform(-2, 1)), size=n)
    prior = rng.dirichlet(np.full(n_classes, 0.3)) + 1e-8
    shares = estimate_prior(proba, prior)
    assert np.all(shares >= 0)
    likelihood = proba / (prior / prior.sum())
    gradient = (likelihood / (likelihood @ shares)[:, None]).sum(axis=0)
    # No class gains from a larger share: the condition of Karush, Kuhn and Tucker.
    assert gradient.max() <= n + 1e-3


def test_estimated_priors_of_sure_and_of_blind_classifiers():
    sure = np.eye(3)[[0] * 90 + [1] * 9 + [2]]
    np.testing.assert_allclose(estimate_prior(sure, [1, 1, 1]), [0.9, 0.09, 0.01], atol=1e-4)
    # A classifier that cannot tell the classes apart leaves the prior as it was.
    prior = [0.9, 0.09, 0.01]
    np.testing.assert_allclose(estimate_prior(np.tile(prior, (50, 1)), prior), prior)


def test_estimated_priors_of_classes_that_look_the_same():
    # Only their sum is determined: it is the share of the one class that they form together.
    proba = np.random.default_rng(0).dirichlet([1.0, 1.0], size=200)
    twins = np.column_stack([proba[:, 0], 0.3 * proba[:, 1], 0.7 * proba[:, 1]])
    shares = estimate_prior(twins, [0.5, 0.15, 0.35], tol=1e-9)
    one = estimate_prior(proba, [0.5, 0.5], tol=1e-9)
    np.testing.assert_allclose([shares[0], shares[1] + shares[2]], one, atol=1e-6)


def test_estimated_prior_of_a_class_that_is_absent():
    # Every row is ten times as likely under the first class as under the second.
    proba = np.array([[10.0, 1.0]]).repeat(1000, axis=0) / 11
    assert estimate_prior(proba, [1, 1])[1] < 1e-5


def test_estimate_that_does_not_converge_warns():
    proba = np.random.default_rng(0).dirichlet([3.0, 0.4, 0.2], size=300)
    with pytest.warns(ConvergenceWarning, match="not converged to 'tol' in 1 steps"):
        estimate_prior(proba, [0.7, 0.2, 0.1], max_iter=1)


@pytest.mark.slow
def test_our_classifier_undoes_its_own_part():
    X, y = gaussian(500, [0.7, 0.2, 0.1], seed=0)
    mlp = ImbalancedMLPClassifier(
        (4,), loss="focal", sampling="balanced", class_weight=0.5, epochs=2, random_state=0
    )
    alone = PriorCorrectedClassifier(mlp).fit(X, y)
    np.testing.assert_allclose(
        alone.predict_proba(X), clone(mlp).fit(X, y).predict_posterior(X), rtol=1e-12
    )
    assert set(alone.class_weight_.values()) == {1}
    pipe = make_pipeline(StandardScaler(), RandomUnderSampler(random_state=0), mlp)
    clf = PriorCorrectedClassifier(pipe).fit(X, y)
    pipe.fit(X, y)
    posterior = pipe[-1].predict_posterior(pipe[0].transform(X))
    np.testing.assert_allclose(
        clf.predict_proba(X), correct_prior(posterior, [1, 1, 1], np.bincount(y)), rtol=1e-6
    )


@pytest.mark.slow
def test_posteriors_of_a_loss_without_them_are_refused():
    X, y = gaussian(100, [0.7, 0.2, 0.1], seed=0)
    clf = PriorCorrectedClassifier(ImbalancedMLPClassifier((4,), loss="soft_f1", epochs=1))
    with pytest.raises(ValueError, match="Natural posteriors have a closed form for the losses"):
        clf.fit(X, y).predict_proba(X)


def test_the_draws_of_the_fit_itself_are_counted():
    # A sampler that draws anew in each call: a second call would give other counts.
    rng = np.random.default_rng(0)

    def sample(X, y):
        kept = np.concatenate([np.flatnonzero(y == k)[: rng.integers(1, 30)] for k in range(3)])
        sample.counts = np.bincount(y[kept])
        return X[kept], y[kept]

    X, y = gaussian(1000, [0.5, 0.3, 0.2], seed=0)
    sampler = FunctionSampler(func=sample, validate=False)
    clf = PriorCorrectedClassifier(make_pipeline(sampler, LogisticRegression()))
    for _ in range(3):
        ratio = clf.fit(X, y).sampling_ratio_
        np.testing.assert_allclose(ratio * np.bincount(y), sample.counts)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda steps: Pipeline(steps),
        lambda steps: Pipeline([("first", StandardScaler()), ("inner", Pipeline(steps))]),
        lambda steps: Pipeline([*steps[:-1], ("inner", Pipeline(steps[-1:]))]),
        lambda steps: Pipeline([steps[0], ("more", clone(REPEAT)), steps[1]]),
    ],
    ids=["plain", "inner", "outer", "two"],
)
def test_pipelines_in_any_form(wrap):
    X, y = cells()
    inner = wrap([("repeat", REPEAT), ("tree", DecisionTreeClassifier())])
    clf = PriorCorrectedClassifier(inner).fit(X, y)
    np.testing.assert_allclose(clf.predict_proba(X), shares(X, y), rtol=1e-12)
    # The counting step is gone.
    assert [name for name, _ in clf.estimator_.steps] == [name for name, _ in inner.steps]
    assert not hasattr(inner.steps[-1][1], "classes_")
    np.testing.assert_array_equal(
        clf.estimator_.predict_proba(X), clone(inner).fit(X, y).predict_proba(X)
    )


def test_pipeline_with_memory(tmp_path):
    X, y = gaussian(500, [0.7, 0.2, 0.1], seed=0)
    steps = (RandomUnderSampler(random_state=0), LogisticRegression())
    expected = PriorCorrectedClassifier(make_pipeline(*steps)).fit(X, y).predict_proba(X)
    cached = PriorCorrectedClassifier(make_pipeline(*steps, memory=str(tmp_path)))
    for _ in range(2):  # the second time from the cache
        np.testing.assert_array_equal(cached.fit(X, y).predict_proba(X), expected)


def test_metadata_routing():
    X, y = cells()
    weight = np.random.default_rng(1).uniform(0.1, 4, len(y))
    with sklearn.config_context(enable_metadata_routing=True):
        tree = DecisionTreeClassifier(class_weight="balanced").set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        for estimator in (tree, make_sklearn_pipeline(scaler, tree)):
            clf = PriorCorrectedClassifier(estimator).fit(X, y, sample_weight=weight)
            np.testing.assert_allclose(clf.predict_proba(X), shares(X, y, weight), rtol=1e-12)
        sampled = PriorCorrectedClassifier(make_pipeline(REPEAT, DecisionTreeClassifier()))
        np.testing.assert_allclose(sampled.fit(X, y).predict_proba(X), shares(X, y), rtol=1e-12)


def test_in_a_search_and_in_cross_validation():
    X, y = gaussian(600, [0.7, 0.2, 0.1], seed=0)
    pipe = make_pipeline(RandomUnderSampler(random_state=0), LogisticRegression())
    grid = {
        "estimator__randomundersampler": [RandomUnderSampler(random_state=0), "passthrough"],
        "estimator__logisticregression__class_weight": [None, "balanced"],
    }
    search = GridSearchCV(PriorCorrectedClassifier(pipe), grid, scoring="neg_log_loss").fit(X, y)
    corrected = search.cv_results_["mean_test_score"]
    plain = GridSearchCV(pipe, {k[11:]: v for k, v in grid.items()}, scoring="neg_log_loss")
    # One candidate has nothing to undo; all others gain.
    gain = corrected - plain.fit(X, y).cv_results_["mean_test_score"]
    same = [p == {**p, "estimator__randomundersampler": "passthrough",
                  "estimator__logisticregression__class_weight": None}
            for p in search.cv_results_["params"]]  # fmt: skip
    assert np.sum(same) == 1
    np.testing.assert_allclose(gain[same], 0, atol=1e-12)
    assert np.all(gain[~np.array(same)] > 0.1)
    proba = cross_val_predict(search.best_estimator_, X, y, method="predict_proba")
    assert proba.shape == (600, 3)


def test_names_of_columns_are_those_of_the_last_fit():
    X, y = gaussian(100, [0.7, 0.2, 0.1], seed=0)
    clf = PriorCorrectedClassifier(LogisticRegression())
    assert clf.fit(pd.DataFrame(X, columns=["a", "b"]), y).feature_names_in_.tolist() == ["a", "b"]
    assert not hasattr(clf.fit(X, y), "feature_names_in_")
    assert clf.n_features_in_ == 2


def test_pickle():
    X, y = gaussian(100, [0.7, 0.2, 0.1], seed=0)
    pipe = make_pipeline(RandomUnderSampler(random_state=0), LogisticRegression())
    clf = PriorCorrectedClassifier(pipe).fit(X, y)
    loaded = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))


def test_a_failed_fit_changes_nothing():
    X, y = gaussian(100, [0.7, 0.2, 0.1], seed=0)
    clf = PriorCorrectedClassifier(LogisticRegression()).fit(X, y)
    before = dict(vars(clf))
    for priors in ([0.5, 0.5], {0: 1}):
        with pytest.raises(ValueError, match="'priors'"):
            clf.set_params(priors=priors).fit(X[::2], y[::2])
        assert vars(clf) == {**before, "priors": priors}


class Weighted(LogisticRegression):
    """A classifier with the weight parameter of LightGBM and XGBoost."""

    def __init__(self, scale_pos_weight=None):
        super().__init__()
        self.scale_pos_weight = scale_pos_weight


BALANCED = LogisticRegression(class_weight="balanced")


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (
            RandomForestClassifier(class_weight="balanced_subsample"),
            "PriorCorrectedClassifier can undo the samplers of a pipeline, and None, 'balanced' or "
            "a dict as the class_weight of its last step. Got class_weight='balanced_subsample' of "
            "RandomForestClassifier, which it cannot undo.",
        ),
        (BaggingClassifier(BALANCED), "Got estimator__class_weight='balanced' of BaggingClas"),
        (VotingClassifier([("a", BALANCED)], voting="soft"), "Got a__class_weight='balanced' of"),
        (BaggingClassifier(make_pipeline(REPEAT, BALANCED)), "Got estimator__functionsampler=Fun"),
        (BalancedRandomForestClassifier(), "Got sampling_strategy='all' of BalancedRandomForest"),
        (BalancedBaggingClassifier(), "Got sampling_strategy='auto' of BalancedBaggingClassifier"),
        (Weighted(scale_pos_weight=9.0), "Got scale_pos_weight=9.0 of Weighted, which"),
        (
            GridSearchCV(LogisticRegression(), {"class_weight": [None, "balanced"]}),
            "PriorCorrectedClassifier cannot see inside GridSearchCV: wrap the classifier inside "
            "GridSearchCV instead.",
        ),
        (
            make_pipeline(StandardScaler(), FrozenEstimator(LogisticRegression())),
            "The 'estimator' parameter of PriorCorrectedClassifier must not be fitted yet, as "
            "class weights are observed in the fit. Got a FrozenEstimator: use correct_prior on "
            "its probabilities.",
        ),
        (
            LogisticRegression(class_weight={0: 1, 1: 0, 2: 1}),
            "The weights in 'class_weight' must be positive and finite to be undone. Got {0: 1, 1: "
            "0, 2: 1} instead.",
        ),
        (
            make_pipeline(
                FunctionSampler(func=lambda X, y: (X[y < 2], y[y < 2]), validate=False),
                LogisticRegression(),
            ),
            "Each class of y, [0, 1, 2], must have rows with a positive weight, also after the "
            "samplers. Got the classes [0, 1] after them",
        ),
        ("logistic", "The 'estimator' parameter of PriorCorrectedClassifier must be an object"),
    ],
)
def test_refused_in_a_sentence(estimator, words):
    X, y = gaussian(100, [0.5, 0.3, 0.2], seed=0)
    with pytest.raises(ValueError, match=re.escape(words)):
        PriorCorrectedClassifier(estimator).fit(X, y)


PRIORS = [1 / 3] * 3
WITH_PRIORS = [
    GaussianNB(priors=PRIORS),
    LinearDiscriminantAnalysis(priors=PRIORS),
    QuadraticDiscriminantAnalysis(priors=PRIORS),
    BernoulliNB(class_prior=PRIORS),
    BernoulliNB(fit_prior=False),
    PriorCorrectedClassifier(LogisticRegression(), priors=PRIORS),
]


@pytest.mark.parametrize("wrap", [lambda clf: clf, BaggingClassifier, make_pipeline])
@pytest.mark.parametrize("classifier", WITH_PRIORS, ids=str)
def test_classifiers_take_no_other_priors_than_those_of_their_rows(classifier, wrap):
    X, y = gaussian(200, [0.5, 0.3, 0.2], seed=0)
    words = "must learn the class priors from its rows. Got .*: give them as the 'priors' of"
    with pytest.raises(ValueError, match=words):
        PriorCorrectedClassifier(wrap(classifier)).fit(X, y)
    defaults = wrap(type(classifier)(*[LogisticRegression()][: hasattr(classifier, "estimator")]))
    natural = PriorCorrectedClassifier(defaults).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(natural.mean(axis=0), [0.5, 0.3, 0.2], atol=0.1)


def test_neutral_values_of_weightings_are_taken():
    X, y = gaussian(100, [0.5, 0.3, 0.2], seed=0)
    for value in (None, 1, 1.0):
        PriorCorrectedClassifier(Weighted(scale_pos_weight=value)).fit(X, y)


def test_parameters_that_are_arrays_are_looked_at():
    class Tabled(LogisticRegression):
        def __init__(self, table=None):
            super().__init__()
            self.table = table

    X, y = gaussian(100, [0.5, 0.3, 0.2], seed=0)
    for table in (np.arange(3), pd.DataFrame(np.eye(2))):
        PriorCorrectedClassifier(Tabled(table)).fit(X, y)


@pytest.mark.filterwarnings("ignore:The `probability` parameter:FutureWarning")
def test_support_vector_machines_have_nothing_to_undo():
    X, y = gaussian(100, [0.5, 0.3, 0.2], seed=0)
    words = "'class_weight' parameter of SVC must be None: its probabilities are fitted without"
    with pytest.raises(ValueError, match=words):
        PriorCorrectedClassifier(SVC(probability=True, class_weight="balanced")).fit(X, y)


@pytest.mark.parametrize(
    ("estimator", "params", "words"),
    [
        (
            make_pipeline(REPEAT, DecisionTreeClassifier()),
            {"sample_weight": np.ones(90)},
            "The 'sample_weight' parameter must be None for a pipeline with a sampler",
        ),
        (
            make_sklearn_pipeline(DecisionTreeClassifier()),
            {"decisiontreeclassifier__sample_weight": np.ones(90)},
            "must be given to PriorCorrectedClassifier as 'sample_weight', which goes to the last "
            "step of a pipeline. Got 'decisiontreeclassifier__sample_weight' instead.",
        ),
        (
            DecisionTreeClassifier(),
            {"sample_weight": np.repeat([1.0, 0.0], [80, 10])},
            "Got the classes ['a', 'b', 'c'] after them, and the total weights [60.0, 20.0, 0.0].",
        ),
        (
            DecisionTreeClassifier(),
            {"sample_weight": -np.ones(90)},
            "The weights in 'sample_weight' must be positive or zero.",
        ),
    ],
)
def test_weights_refused_in_a_sentence(estimator, params, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        PriorCorrectedClassifier(estimator).fit(*cells(), **params)


@pytest.mark.parametrize(
    ("priors", "words"),
    [
        ([0.5, 0.5], "The 'priors' parameter must have one share for each of the 3 classes. Got"),
        ([1, -1, 1], "The 'priors' parameter must be finite, not negative and not all zero. Got"),
        ({"a": 1, "b": 1}, "must be the classes of y: ['a', 'b', 'c']. Got no value for ['c'] "),
        ({"a": 1, "b": 1, "c": 1, "d": 1}, "The keys of 'priors' must be the classes of y: ['a', "),
        (pd.Series([1, 1, 1]), "The index labels of 'priors' must be the classes of y: ['a', 'b',"),
        ([0.5, 0.5, 0.5], "The shares in 'priors' must sum to 1. Got [0.5, 0.5, 0.5], which sum"),
        (["a", "b", "c"], "The 'priors' parameter must hold numbers."),
    ],
)
def test_priors_refused_in_a_sentence(priors, words):
    X, y = cells()
    clf = PriorCorrectedClassifier(DecisionTreeClassifier()).fit(X, y)
    with pytest.raises(ValueError, match=re.escape(words)):
        clf.predict_posterior(X, priors)


@pytest.mark.parametrize(
    ("proba", "prior", "words"),
    [
        ([0.5, 0.5], [1, 1], "must be numbers of shape (n_samples, n_classes). Got [0.5, 0.5]"),
        (np.ones((0, 2)), [1, 1], "with at least one row. Got shape (0, 2) instead."),
        ([[0.5, np.nan]], [1, 1], "must have rows of finite, not negative values that sum to 1."),
        ([[0.0, 0.0]], [1, 1], "not negative values that sum to 1. Got [0.0, 0.0] in row 0"),
        (
            [[0.5, 0.5]],
            [0.5, 0.6],
            "The shares in 'prior' must sum to 1. Got [0.5, 0.6], which sum",
        ),
        ([[0.5, 0.5]], [1, 0], "The 'prior' parameter of estimate_prior must be positive for ever"),
        ([[0.5, 0.5]], [1], "The 'prior' parameter must have one share for each of the 2 classes."),
    ],
)
def test_estimate_refused_in_a_sentence(proba, prior, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        estimate_prior(proba, prior)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (None, "requires y to be passed"),
        ("target", "such as table['target']"),
        (["a", None] * 45, "must not be missing. Got 45"),
        (["a", 1] * 45, "all text or all numbers"),
        (np.linspace(0, 1, 90), "and not real numbers"),
        (np.arange(90), "90 different labels in 90 rows"),
        (np.arange(180).reshape(90, 2), "(90, 2) instead. Pass one class label for each"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_are_not_class_labels_is_refused(y, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        PriorCorrectedClassifier(DecisionTreeClassifier()).fit(cells()[0], y)


def test_objects_that_are_numbers_are_classes():
    X, y = gaussian(100, [0.7, 0.2, 0.1], seed=0)
    found = PriorCorrectedClassifier(DecisionTreeClassifier()).fit(X, y.astype(object))
    np.testing.assert_array_equal(found.classes_, [0, 1, 2])
