"""Strategies on the same folds: scores, tests of their differences, and no leak.

What needs no network compares scikit-learn's classifiers, which are quick.
"""

import json
import re
import warnings
from dataclasses import FrozenInstanceError
from functools import partial
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from imblearn.metrics import geometric_mean_score
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline
from scipy.stats import ttest_1samp
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification, make_moons
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    cohen_kappa_score,
    f1_score,
    fbeta_score,
    matthews_corrcoef,
    recall_score,
)
from sklearn.model_selection import (
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from skimbalance import (
    ImbalancedEnsembleClassifier,
    ImbalancedMLPClassifier,
    compare_strategies,
)
from skimbalance._engine.tensorflow import program
from skimbalance._response import last_step
from skimbalance.compare._conclusions import conclude, corrected_t_test, holm
from skimbalance.compare._strategies import (
    DEFAULT_OF_THE_CLASSIFIER,
    MAKES_ROWS,
    STRATEGIES,
    TUNED,
    make_strategy,
    over_table,
)

pytestmark = pytest.mark.usefixtures("plain_graphs")

NETWORK = ImbalancedMLPClassifier((4,), epochs=2, early_stopping=False)
LOGISTIC = LogisticRegression()
ALWAYS = DummyClassifier()

X, Y = make_classification(
    240, 4, n_informative=3, n_redundant=1, n_classes=3, n_clusters_per_class=1,
    weights=[0.7, 0.2], class_sep=0.7, flip_y=0.2, random_state=0,
)  # fmt: skip


def compare(X=X, y=Y, **options):
    """Compare only the given estimators, without a progress bar."""
    options = {"strategies": [], "random_state": 0, "verbose": 0} | options
    return compare_strategies(X, y, **options)


def both(**options):
    return compare(**({"estimators": {"logistic": LOGISTIC, "always": ALWAYS}} | options))


def mixed_table(n, seed=0):
    """Numbers, categories, text and booleans, with missing values; a constant; an empty column."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "amount": rng.normal(size=n),
            "count": pd.array(rng.integers(0, 9, n), dtype="Int64"),
            "home": rng.choice(["own", "rent"], n),
            "grade": pd.Categorical(rng.choice(["a", "b", "c"], n)),
            "old": rng.random(n) < 0.5,
            "constant": 7,
            "empty": np.full(n, np.nan),
        }
    )
    for name in ("amount", "count", "home", "grade"):
        table.loc[rng.random(n) < 0.1, name] = None
    return table


# Scores


SCORES = {
    "balanced_accuracy": balanced_accuracy_score,
    "f1_macro": partial(f1_score, average="macro", zero_division=0),
    "f1_weighted": partial(f1_score, average="weighted", zero_division=0),
    "mcc": matthews_corrcoef,
    "geometric_mean": geometric_mean_score,
    "cohen_kappa": cohen_kappa_score,
    "f1": lambda true, decided: f1_score(true, decided, average=None, zero_division=0)[2],
}


def test_scores_are_those_of_the_libraries_on_the_same_folds():
    cv = StratifiedKFold(4, shuffle=True, random_state=1)
    # A pipeline is left as it is; the other one gets standardised columns.
    estimators = {"alone": LOGISTIC, "pipeline": make_pipeline(StandardScaler(), LOGISTIC)}
    result = compare(estimators=estimators, cv=cv)
    decided = cross_val_predict(estimators["pipeline"], X, Y, cv=cv)
    proba = cross_val_predict(estimators["pipeline"], X, Y, cv=cv, method="predict_proba")
    tests = [test for _, test in cv.split(X, Y)]
    assert set(result.metrics) == {*SCORES, "average_precision"}
    for name, score in SCORES.items():
        expected = [score(Y[test], decided[test]) for test in tests]
        np.testing.assert_allclose(result.metrics[name], [expected] * 2, rtol=1e-12)
    expected = [
        np.mean([average_precision_score(Y[test] == k, proba[test, k]) for k in range(3)])
        for test in tests
    ]
    np.testing.assert_allclose(result.metrics["average_precision"], [expected] * 2, rtol=1e-9)
    assert result.classes.tolist() == [0, 1, 2]
    assert result.class_counts.tolist() == np.bincount(Y).tolist()
    recall = recall_score(Y, decided, average=None)
    np.testing.assert_allclose(result.recall, [recall] * 2)
    np.testing.assert_array_equal(result.scores, result.metrics["f1_macro"])
    assert result.p_values[1] == 1
    frame = result.frame()
    assert frame.index.tolist() == result.names == ["alone", "pipeline"]
    assert frame["mcc"].tolist() == result.metrics["mcc"].mean(axis=1).tolist()
    assert frame["f1_macro std"].tolist() == result.scores.std(axis=1).tolist()
    np.testing.assert_allclose(frame.filter(like="recall ").to_numpy(), [recall] * 2)


def test_p_values_are_the_corrected_tests_of_the_lead():
    others = {str(c): LogisticRegression(C=c) for c in (1e-4, 1e-3, 1e-2, 1.0)}
    result = compare(estimators=others | {"always": ALWAYS}, cv=4, objective="mcc")
    expected = holm(corrected_t_test(result.scores[0] - result.scores[1:], 1 / 3)[1])
    np.testing.assert_allclose(result.p_values[1:], expected)
    assert np.isnan(result.p_values[0])
    assert np.all(np.diff(result.scores.mean(axis=1)) <= 0)


@pytest.mark.parametrize("name", SCORES)
def test_any_objective_sorts(name):
    result = both(objective=name)
    means = result.metrics[name].mean(axis=1)
    assert means[0] >= means[1]
    assert result.metric == result.frame().columns[0] == name
    assert name in result.recommendation


def test_custom_objective():
    def f1(true, decided):
        return -f1_score(true, decided, average="macro", zero_division=0)

    result = both(objective=f1)
    assert result.names == ["always", "logistic"]
    # It replaces the metric of its name.
    assert result.metrics["f1"].shape == (2, 5)
    np.testing.assert_allclose(result.metrics["f1"], -result.metrics["f1_macro"])
    # A partial function has no name.
    f2 = partial(fbeta_score, beta=2, average="macro", zero_division=0)
    result = both(objective=f2)
    assert result.metric == "objective"
    f2_alone = both(objective=lambda true, decided: f2(true, decided))
    np.testing.assert_array_equal(result.scores, f2_alone.scores)
    labels = np.array(["a", "b", "c"])[Y]
    seen = set()
    both(y=labels, objective=lambda true, decided: float(seen.update(true, decided) or 0))
    assert seen == {"a", "b", "c"}


def test_the_last_class_is_that_of_f1_also_among_equally_rare_ones():
    y = np.repeat(["a", "b", "c"], [100, 20, 20])
    result = both(X=X[:140], y=y)
    assert result.classes.tolist() == ["a", "b", "c"]
    f1_of_c = both(X=X[:140], y=y, objective=lambda true, decided: f1_score(
        true, decided, labels=["c"], average="macro", zero_division=0))  # fmt: skip
    order = [result.names.index(name) for name in f1_of_c.names]
    np.testing.assert_allclose(result.metrics["f1"][order], f1_of_c.scores)


# Tests of differences


def test_corrected_t_test_by_hand():
    # mean 0.02, variance 0.0001 * 2.5; (1/5 + 1/4) * 0.00025 = 0.0001125; t = 1.8856 with 4 degrees
    # of freedom. Beyond +-t of Student's distribution with 4 degrees stands
    # 1 - sin(a) * (1 + cos(a)^2 / 2) where tan(a) = t / 2.
    differences = np.array([[0.0, 0.01, 0.02, 0.03, 0.04]])
    a = np.arctan(0.02 / np.sqrt(0.0001125) / 2)
    expected = 1 - np.sin(a) * (1 + np.cos(a) ** 2 / 2)
    np.testing.assert_allclose(corrected_t_test(differences, 1 / 4)[1], [expected])


def test_corrected_t_test_of_a_published_example():
    # scikit-learn's example "Statistical comparison of models using grid search": one-sided 0.227.
    X, y = make_moons(noise=0.352, random_state=1, n_samples=100)
    cv = RepeatedStratifiedKFold(n_splits=10, n_repeats=10, random_state=0)
    rbf, linear = (
        cross_val_score(SVC(kernel=kernel), X, y, cv=cv, scoring="roc_auc")
        for kernel in ("rbf", "linear")
    )
    assert corrected_t_test((rbf - linear)[None], 10 / 90)[1][0] / 2 == pytest.approx(
        0.227, abs=5e-4
    )


def test_corrected_t_test_is_the_plain_one_where_no_rows_are_shared():
    differences = np.random.default_rng(0).normal(0.3, 1, (5, 8))
    plain = ttest_1samp(differences, 0, axis=1).pvalue
    np.testing.assert_allclose(corrected_t_test(differences, 0.0)[1], plain)
    np.testing.assert_allclose(corrected_t_test(-differences, 0.0)[1], plain)
    assert np.all(corrected_t_test(differences, 0.25)[1] > plain)


def test_corrected_t_test_without_a_spread():
    assert corrected_t_test(np.array([[0.0] * 3, [0.5] * 3]), 0.5)[1].tolist() == [1, 0]
    assert np.isnan(corrected_t_test(np.array([[0.1], [0.0]]), 0.5)).all()


def test_holm_of_a_published_example():
    # From the article "Holm-Bonferroni method": at 0.05 the fourth and the first are rejected.
    adjusted = holm(np.array([0.01, 0.04, 0.03, 0.005]))
    np.testing.assert_allclose(adjusted, [0.03, 0.06, 0.06, 0.02])


def test_holm_is_its_definition():
    p = np.random.default_rng(0).random(30) ** 3
    ranked = np.sort(p)
    steps = [(len(p) - j) * ranked[j] for j in range(len(p))]
    expected = {ranked[i]: min(1, max(steps[: i + 1])) for i in range(len(p))}
    np.testing.assert_allclose(holm(p), [expected[value] for value in p])
    assert holm(np.array([0.2])).tolist() == [0.2]
    assert holm(np.array([])).tolist() == []


# Recommendation and notes


def made(classes=(0, 1), counts=(20, 10), metric="f1_macro", **scores):
    """A comparison with the given scores in the folds, by strategy."""
    metrics = ("f1_macro", "f1", "balanced_accuracy", "mcc", "average_precision")
    return conclude(
        np.zeros((sum(counts), 1)), np.repeat(classes, counts), np.array(classes), np.array(counts),
        dict.fromkeys(scores, LOGISTIC),
        {name: dict.fromkeys(metrics, np.array(of)) for name, of in scores.items()},
        {name: np.full(len(classes), 0.5) for name in scores},
        metric=metric, test_share=0.25,
    )  # fmt: skip


LOW, HIGH, LIKE_HIGH = [0.5, 0.51, 0.49, 0.5, 0.51], [0.8, 0.81, 0.82, 0.8, 0.79], [
    0.7, 0.89, 0.8, 0.72, 0.87]  # fmt: skip


@pytest.mark.parametrize(
    ("scores", "recommended", "beaten"),
    [
        ({"plain": LOW, "smote": HIGH}, "smote", "the other"),
        ({"plain": LOW, "focal": LOW, "smote": HIGH}, "smote", "all 2 other"),
        ({"plain": LIKE_HIGH, "smote": HIGH}, "plain", None),
        (
            {"plain": LOW, "sqrt_weighted": LIKE_HIGH, "focal": LIKE_HIGH, "smote": HIGH},
            "sqrt_weighted",
            "1 of the 3 other",
        ),
        ({"plain": HIGH, "smote": LIKE_HIGH}, "plain", None),
        # How simple the user's estimators are is unknown.
        ({"mine": HIGH, "plain": LIKE_HIGH}, "mine", None),
    ],
)
def test_recommendation(scores, recommended, beaten):
    result = made(**scores)
    best = result.names[0]
    use, lead = result.recommendation.split(". ", 1)
    assert result.recommended == recommended
    assert use.startswith(f"Use {recommended!r}: ")
    named = {recommended, best} | ({"plain"} & set(scores) if recommended == best else set())
    assert set(re.findall(r"\d\.\d+", use)) == {f"{np.mean(scores[name]):.3f}" for name in named}
    assert repr(best) in use
    assert lead.startswith(f"{best!r} ")
    n_beaten = np.sum(result.p_values < 0.05)
    assert (beaten is None) == (n_beaten == 0)
    assert f"better than {beaten or 'any other'} strateg" in lead
    assert result.recommendation in " ".join(str(result).split())


def test_recommendation_without_a_test():
    only = made(plain=HIGH)
    assert only.recommended == "plain"
    assert "'plain', the only strategy," in only.recommendation
    assert "0.804" in only.recommendation
    one_fold = made(plain=[0.5], smote=[0.8])
    assert one_fold.recommended == "smote"
    assert "'smote' has the best f1_macro, 0.800" in one_fold.recommendation
    assert "single fold" in one_fold.recommendation


def test_notes_say_what_limits_the_comparison():
    (always,) = made(plain=HIGH).notes
    assert made(plain=[0.5]).notes == [always]
    few_rows, few_folds, last = made(
        classes=("a", "b", "c"), counts=(20, 4, 1), plain=[0.5, 0.6]
    ).notes
    assert "fewer than 5 rows" in few_rows
    assert few_rows.endswith("['b (4)', 'c (1)'].")
    assert few_folds.startswith("2 folds")
    assert last == always


@pytest.mark.slow
def test_equally_good_strategies_are_in_the_order_of_their_simplicity():
    result = compare(strategies=["smote", "plain"], network=NETWORK, objective=lambda *_: 1.0, cv=2)
    assert result.names == ["plain", "smote"]


def test_text_fits_and_names_everything():
    names = ["an outlook of uncommonly many words", "class with a rather long name of its own"]
    result = made(classes=names, **dict.fromkeys(STRATEGIES, HIGH))
    text = str(result)
    assert max(map(len, text.splitlines())) <= 110
    starts = {line.split(" ")[0] for line in text.splitlines()}
    assert starts.issuperset(STRATEGIES)
    assert "\x1b" not in text
    assert "…" not in text


def test_names_are_shown_as_they_are():
    result = made(**{"forest[deep]": HIGH, "net[/b] :smile:": LIKE_HIGH, "<b>&": LOW})
    assert all(name in str(result) for name in ("forest[deep]", "net[/b] :smile:", "<b>&"))
    assert "&lt;b&gt;&amp;" in result._repr_html_()


def test_a_metric_is_shown_once():
    head = str(both(objective="mcc")).split("──")[0]
    assert head.lower().count("mcc") == 1


@pytest.mark.parametrize("metric", ["f1", "f1_macro"])
def test_f1_is_said_to_be_of_the_rarest_class(tmp_path, metric):
    """Wherever its figures are: text, notebook, page and figure."""
    result = made(classes=("frequent", "seldom"), metric=metric, plain=HIGH, smote=LOW)
    result.save(tmp_path / "page.html")
    for page in ((tmp_path / "page.html").read_text(encoding="utf-8"), result._repr_html_()):
        heads = re.findall("<th[^>]*>([^<]*)", page)
        assert "F1 of class seldom" in heads
        assert not {"f1", "f1 std"} & set(heads)
    named = metric == "f1"
    assert ("F1 of class seldom" in str(result)) == named
    assert result.plot().ax_.get_xlabel().startswith("F1 of class seldom" if named else "f1 macro")


class Page(HTMLParser):
    """What a page refers to, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.texts = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "srcset", "data")]

    def handle_data(self, data):
        self.texts.append(data)


def test_page_stands_alone(tmp_path):
    result = both(estimators={"<logistic>": LOGISTIC, "always": ALWAYS})
    result.save(tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert not page.tags & {"script", "link", "iframe", "object"}
    assert page.links
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    text = " ".join(page.texts)
    for words in (result.recommendation, *result.notes, *result.names, "2 ("):
        assert words in text


def test_the_page_explains_the_strategies_that_were_compared(tmp_path):
    made(**dict.fromkeys(STRATEGIES, HIGH), mine=LOW).save(tmp_path / "all.html")
    texts = Page((tmp_path / "all.html").read_text(encoding="utf-8")).texts
    assert all(texts.count(text) == 1 for text in STRATEGIES.values())
    assert DEFAULT_OF_THE_CLASSIFIER in texts
    made(smote=HIGH, mine=LOW).save(tmp_path / "some.html")
    texts = Page((tmp_path / "some.html").read_text(encoding="utf-8")).texts
    assert set(STRATEGIES.values()) & set(texts) == {STRATEGIES["smote"]}
    made(mine=HIGH, other=LOW).save(tmp_path / "none.html")
    texts = Page((tmp_path / "none.html").read_text(encoding="utf-8")).texts
    assert not {*STRATEGIES.values(), DEFAULT_OF_THE_CLASSIFIER, "Strategies"} & set(texts)


def test_the_docstring_explains_all_strategies():
    words = " ".join(compare_strategies.__doc__.split())
    assert all(f'- "{name}": {text}' in words for name, text in STRATEGIES.items())
    assert DEFAULT_OF_THE_CLASSIFIER in words
    assert "{" not in words


def test_a_result_is_not_changed():
    result = made(plain=HIGH)
    with pytest.raises(FrozenInstanceError):
        result.recommended = "smote"
    np.testing.assert_array_equal(result.scores, result.metrics["f1_macro"])


def test_plain_data_for_machines():
    result = both(cv=[(np.arange(0, 240, 2), np.flatnonzero(Y[:200] < 2))])
    content = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert [one["name"] for one in content["strategies"]] == result.names
    # No row of the rarest class was tested, and one fold has no p-values.
    assert [one["recall"][-1] for one in content["strategies"]] == [None, None]
    assert np.isnan(result.recall[:, -1]).all()
    assert [one["p_value"] for one in content["strategies"]] == [None, None]
    assert content["strategies"][0]["scores"]["mcc"] == result.metrics["mcc"][0].tolist()
    assert content["classes"] == [0, 1, 2]
    assert result.plot().figure_.axes


# Folds


def test_repeats_are_other_folds():
    seen = []

    def rows_tested(true, decided):
        seen.append(tuple(true))
        return 0.0

    labels = np.arange(40) % 2
    result = both(X=X[:40], y=labels, cv=4, n_repeats=3, objective=rows_tested)
    assert result.scores.shape == (2, 12)
    # Both were tested on the same rows; the order of labels differs from fold to fold.
    assert seen[:12] == seen[12:]
    splitter = RepeatedStratifiedKFold(n_splits=4, n_repeats=3, random_state=0)
    result = both(cv=splitter)
    scores = cross_val_score(
        make_pipeline(StandardScaler(), LOGISTIC), X, Y, cv=splitter, scoring="f1_macro"
    )
    np.testing.assert_allclose(result.scores[result.names.index("logistic")], scores)


def test_folds_in_every_form():
    cv = StratifiedKFold(3)
    folds = list(cv.split(X, Y))
    expected = both(cv=cv).scores
    for form in (folds, iter(folds), (fold for fold in folds)):
        np.testing.assert_array_equal(both(cv=form).scores, expected)


@pytest.mark.slow
def test_random_state_gives_the_same_twice():
    options = {"strategies": ["plain", "smote", "over_sampling"], "cv": 2, "network": NETWORK}
    one, same = (compare(**options, random_state=3) for _ in range(2))
    np.testing.assert_array_equal(
        one.metrics["average_precision"], same.metrics["average_precision"]
    )
    other = compare(**options, random_state=4)
    assert np.any(one.metrics["average_precision"] != other.metrics["average_precision"])
    one, same = (both(random_state=np.random.RandomState(3)) for _ in range(2))
    np.testing.assert_array_equal(one.scores, same.scores)


def test_filters_of_warnings_are_left_as_they_are():
    before = warnings.filters, list(warnings.filters)
    both(X=mixed_table(240), n_repeats=4)
    assert warnings.filters is before[0]
    assert list(warnings.filters) == before[1]


def test_a_network_with_a_seed_keeps_it():
    seeded = clone(NETWORK).set_params(random_state=5)
    for network, seed in ((seeded, 5), (NETWORK, 7), (None, 7)):
        made = make_strategy("smote", X, Y, network=network, random_state=7)
        assert made[-1].random_state == seed
        assert made["sample"].random_state == 7


@pytest.mark.slow
def test_what_is_given_is_left_as_it_is():
    network = ImbalancedMLPClassifier((4,), epochs=1, early_stopping=False, loss="focal", alpha=0.5)
    forest = RandomForestClassifier(5, random_state=0)
    before = repr(network), repr(forest)
    table, copied = mixed_table(240), mixed_table(240)
    compare(X=table, strategies=["plain"], network=network, estimators={"forest": forest}, cv=2)
    assert (repr(network), repr(forest)) == before
    assert not hasattr(forest, "classes_")
    pd.testing.assert_frame_equal(table, copied)


# Leaks

# Without a missing amount there is no indicator of it, as in a copy of the target.
NOISE = mixed_table(240).fillna({"amount": 0.0})
LABELS = np.random.default_rng(1).permutation(np.repeat(["few", "many", "some"], [30, 140, 70]))
CODES = np.unique(LABELS, return_inverse=True)[1]
LEARNING = ImbalancedMLPClassifier((8,), epochs=20, learning_rate=0.02, early_stopping=False)


def all_on(table):
    """Compare all strategies, a user's forest, and a user's pipeline that takes the table."""
    pipeline = make_pipeline(
        make_column_transformer((StandardScaler(), ["amount"])).set_output(transform="default"),
        KNeighborsClassifier(),
    )
    others = {"forest": RandomForestClassifier(30, random_state=0), "pipeline": pipeline}
    return compare_strategies(
        table, LABELS, estimators=others, network=LEARNING, objective="balanced_accuracy", cv=3,
        random_state=0, verbose=1,
    )  # fmt: skip


@pytest.mark.slow
def test_nothing_is_learnt_from_noise_and_a_leak_is_seen_by_all_without_another_program():
    """Labels that have nothing to do with the table, and then stand in a column of it."""
    on_noise = all_on(NOISE)
    assert set(on_noise.names) == {*STRATEGIES, "forest", "pipeline"}
    # Chance is 1/3; the standard error of a mean recall with 30, 70 and 140 rows is 0.035.
    assert np.all(np.abs(on_noise.scores.mean(axis=1) - 1 / 3) < 0.14)
    assert np.all(np.abs(on_noise.metrics["mcc"].mean(axis=1)) < 0.2)
    before = program.count_traces()
    leaking = all_on(NOISE.assign(amount=CODES.astype(float)))
    # The same shape of network and batches, so nothing is compiled again.
    assert program.count_traces() == before
    assert set(leaking.names) == {*STRATEGIES, "forest", "pipeline"}
    assert np.all(leaking.scores.mean(axis=1) > 0.6)


def test_sampling_before_the_folds_would_be_seen():
    X = np.random.default_rng(0).normal(size=(200, 3))
    y = np.random.default_rng(1).permutation(np.repeat([0, 1], [160, 40]))
    nearest = {"nearest": KNeighborsClassifier(1)}
    sampled = {
        "over": make_pipeline(RandomOverSampler(random_state=0), KNeighborsClassifier(1)),
        "smote": make_pipeline(SMOTE(random_state=0), KNeighborsClassifier(1)),
    }
    options = {"objective": "balanced_accuracy"}
    honest = compare(X, y, estimators=nearest | sampled, **options)
    # Chance is 1/2, its standard error 0.044.
    assert np.all(np.abs(honest.scores.mean(axis=1) - 0.5) < 0.15)
    for sampler in (RandomOverSampler(random_state=0), SMOTE(random_state=0)):
        leaking = compare(*sampler.fit_resample(X, y), estimators=nearest, **options)
        assert leaking.scores.mean() > 0.7


@pytest.mark.slow
def test_decisions_are_tuned_on_training_rows_only():
    X = np.random.default_rng(0).normal(size=(300, 2))
    y = np.random.default_rng(1).permutation(np.repeat([0, 1], [240, 60]))
    seen = []

    def judge(true, decided):
        seen.append(len(true))
        return balanced_accuracy_score(true, decided)

    result = compare(X, y, strategies=["tuned_decision"], network=NETWORK, objective=judge, cv=3)
    assert abs(result.scores.mean() - 0.5) < 0.12
    # A fold trains on 200 of the 300 rows, and is scored on 100 in the end.
    assert max(seen) == 200
    assert seen[-3:] == [100] * 3


def test_each_fold_sees_its_training_rows_only():
    class Remembers(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.rows_, self.classes_ = set(X[:, 0].tolist()), np.unique(y)
            return self

        def predict(self, X):
            known = np.array([row in self.rows_ for row in X[:, 0].tolist()])
            return self.classes_[known.astype(int)]

        def decision_function(self, X):
            return np.zeros(len(X))

    table = np.arange(60.0)[:, None]
    y = np.arange(60) % 2
    share_known = compare(
        table, y, estimators={"one": make_pipeline(Remembers())},
        objective=lambda true, decided: decided.mean(),
    )  # fmt: skip
    assert share_known.scores.tolist() == [[0.0] * 5]


# Strategies


@pytest.mark.parametrize("name", STRATEGIES)
def test_strategies_take_over_weights_loss_and_sampling_only(name):
    kept = ImbalancedMLPClassifier((3,), learning_rate=0.5, epochs=9, gamma=3.0, random_state=0)
    changed = clone(kept).set_params(
        loss="ldam", loss_params={"deferred": 0.5}, class_weight="effective", alpha=0.5,
        sampling="stratified",
    )  # fmt: skip
    networks = [make_strategy(name, X, Y, network=one, random_state=0) for one in (kept, changed)]
    one, other = (last_step(getattr(of, "estimator", of)).get_params() for of in networks)
    assert repr(one) == repr(other)
    for key in ("hidden_layer_sizes", "learning_rate", "epochs", "gamma", "random_state"):
        assert one[key] == kept.get_params()[key]


@pytest.mark.parametrize("name", STRATEGIES)
def test_strategies_keep_their_fits_in_the_folder_of_the_comparison(name):
    for network, folder, kept in (
        (None, "runs", "runs"),
        (NETWORK, "runs", "runs"),
        (clone(NETWORK).set_params(checkpoint="own"), None, "own"),
    ):
        made = make_strategy(name, X, Y, network=network, random_state=0, checkpoint=folder)
        params = made.get_params()
        assert kept in [value for key, value in params.items() if key.endswith("checkpoint")]


def test_no_two_strategies_are_the_same():
    made = [repr(make_strategy(name, X, Y, random_state=0).get_params()) for name in STRATEGIES]
    assert len(set(made)) == len(STRATEGIES) == 14


@pytest.mark.parametrize("name", STRATEGIES)
def test_pipelines_are_scikit_learns_unless_a_step_is_a_sampler(name):
    model = make_strategy(name, X, Y, random_state=0)
    model = model.estimator if name in TUNED else model
    samples = any(hasattr(step, "fit_resample") for _, step in getattr(model, "steps", []))
    assert type(model).__module__.startswith("imblearn") == samples == (name in MAKES_ROWS)


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["f1_macro", "f1", "mcc"])
def test_ensembles_of_the_folds_are_those_by_hand(objective):
    """Their networks train in stacks with those of the other strategies, on the table as it is."""
    table, cv = mixed_table(240), StratifiedKFold(2)
    result = compare(
        table, Y, strategies=["plain", "ensemble"], network=NETWORK, objective=objective, cv=cv
    )
    seed = np.random.RandomState(0).randint(2**31)
    of_strategy = dict(zip(result.names, result.scores.tolist(), strict=True))
    for fold, (train, test) in enumerate(cv.split(table, Y)):
        clf = make_strategy(
            "ensemble", table, Y, network=NETWORK, objective=objective, random_state=seed + fold
        )
        assert isinstance(clf, ImbalancedEnsembleClassifier)
        decided = clf.fit(table.iloc[train], Y[train]).predict(table.iloc[test])
        # A row at the threshold may fall on its other side, by the rounding in another stack.
        assert of_strategy["ensemble"][fold] == pytest.approx(
            SCORES[objective](Y[test], decided), abs=0.03
        )


def test_networks_of_an_ensemble_are_its_own_unless_given():
    assert make_strategy("ensemble", X, Y, random_state=0).estimator is None
    given = make_strategy("ensemble", X, Y, network=NETWORK, random_state=0).estimator
    assert given.hidden_layer_sizes == NETWORK.hidden_layer_sizes


def test_smote_knows_the_categorical_columns_of_the_table():
    table = mixed_table(60)
    y = np.arange(60) % 3
    for columns, categorical in (
        (["amount", "count"], []),
        (["amount", "home", "grade"], [0, 1]),
        (["home", "grade"], [0, 1]),
    ):
        sampler = make_strategy("smote", table[columns], y)["sample"]
        assert sampler.categorical_features == categorical


# Tables and targets


@pytest.mark.slow
@pytest.mark.parametrize("columns", [["home", "grade"], ["empty"], ["constant", "old"], None])
def test_tables_as_they_are(columns):
    table = mixed_table(90)[columns or slice(None)]
    table.index = np.random.default_rng(0).permutation(90) + 7
    y = pd.Series(np.repeat(["no", "yes", "maybe"], [50, 30, 10]), index=table.index)
    result = compare(
        table, y, strategies=["plain", "smote", "tuned_decision"], network=NETWORK,
        estimators={"logistic": LOGISTIC}, cv=2,
    )  # fmt: skip
    assert len(result.names) == 4
    assert np.isfinite(result.frame().drop(columns="p-value").to_numpy()).all()
    fitted = result.best_estimator()
    assert fitted.classes_.tolist() == ["maybe", "no", "yes"]
    # The index of the rows does not matter.
    plain_index = table.reset_index(drop=True)
    again = clone(fitted).fit(plain_index, y.to_numpy())
    np.testing.assert_array_equal(fitted.predict_proba(table), again.predict_proba(plain_index))
    unfitted = result.best_estimator(refit=False)
    assert repr(unfitted) == repr(clone(fitted))
    with pytest.raises(NotFittedError):
        unfitted.predict(table)


def test_the_best_estimator_is_the_first_one():
    result = both()
    assert result.names[0] == "logistic"
    expected = clone(over_table(LOGISTIC, X)).fit(X, Y)
    np.testing.assert_array_equal(result.best_estimator().predict(X), expected.predict(X))


@pytest.mark.slow
@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_whatever_output_is_configured(output):
    pytest.importorskip(output)
    table = mixed_table(90)
    y = np.repeat([0, 1], [70, 20])
    options = {"strategies": ["smote"], "network": NETWORK, "estimators": {"l": LOGISTIC}, "cv": 2}
    expected = compare(table, y, **options)
    with sklearn.config_context(transform_output=output):
        np.testing.assert_array_equal(compare(table, y, **options).scores, expected.scores)


@pytest.mark.parametrize("dtype", ["Int64", "str", "string", "object", "category", "float", "list"])
def test_targets_of_every_type(dtype):
    expected = both()
    y = Y.tolist() if dtype == "list" else pd.Series(Y).astype(dtype)
    np.testing.assert_array_equal(both(y=y).scores, expected.scores)


@pytest.mark.slow
def test_fifty_classes():
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat(np.arange(50), np.r_[40, [4] * 49]))
    X = np.column_stack([y, rng.normal(size=len(y))])
    result = compare(X, y, strategies=["smote"], network=NETWORK, estimators={"l": LOGISTIC}, cv=2)
    assert result.recall.shape == (2, 50)
    assert result.notes[0].count("(4)") == 4
    assert "and 45 more" in result.notes[0]
    assert max(map(len, str(result).splitlines())) <= 110


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5])
def test_classes_of_few_rows(rows):
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat(["a", "b", "rare"], [50, 30, rows]))
    # Warnings are errors: each of these classes is only noted, once.
    result = compare(
        rng.normal(size=(len(y), 2)), y, cv=5, network=NETWORK,
        strategies=["plain", "balanced_batches", "over_sampling", "under_sampling", "smote",
                    "tuned_decision", "ensemble"],
    )  # fmt: skip
    assert result.classes[-1] == "rare"
    assert sum(f"rare ({rows})" in note for note in result.notes) == (rows < 5)


@pytest.mark.slow
def test_a_rare_class_that_its_f1_is_for():
    y = np.repeat(["a", "b", "rare"], [49, 30, 3])
    result = compare(
        X[:82], y, strategies=["plain", "tuned_decision"], network=NETWORK, objective="f1"
    )
    assert result.metric == "f1"
    assert result.classes[-1] == "rare"


def test_a_class_that_a_fold_does_not_test():
    half = np.arange(240) % 2 == 0
    folds = [(np.flatnonzero(half), np.flatnonzero(~half & (Y < 2)))] * 2
    result = both(cv=folds)
    decided = clone(over_table(LOGISTIC, X)).fit(X[half], Y[half]).predict(X[~half & (Y < 2)])
    true = Y[~half & (Y < 2)]
    with warnings.catch_warnings():
        # scikit-learn warns of predictions for a class without rows.
        warnings.simplefilter("ignore")
        expected = balanced_accuracy_score(true, decided)
    row = result.names.index("logistic")
    np.testing.assert_allclose(result.metrics["balanced_accuracy"][row], expected)
    assert np.isnan(result.recall[row, 2])


# Metrics in which all classes count the same.
EACH_CLASS = ("balanced_accuracy", "f1_macro", "geometric_mean", "average_precision")


def dealt(n_rows):
    """Five folds; each row goes to the one after that of the row before."""
    fold = np.arange(n_rows) % 5
    return [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(5)]


@pytest.mark.parametrize("counts", [(200, 2), (2, 200), (200, 100, 2), (200, 100, 1, 3)])
def test_what_a_fold_cannot_judge_is_nan(counts):
    """The mean of a score never holds a fold without rows of a class that the score is about."""
    y = np.repeat(np.arange(len(counts)), counts)
    rows, folds = np.random.default_rng(1).normal(size=(len(y), 2)), dealt(len(y))
    result = both(X=rows, y=y, cv=folds, objective="mcc")
    n_rows = np.bincount(y)
    for i, (_, test) in enumerate(folds):
        tested = np.bincount(y[test], minlength=len(counts)) > 0
        several = tested.sum() > 1
        for name, scores in result.metrics.items():
            judged = several
            if name in EACH_CLASS:
                judged = several and tested[n_rows > 1].all()
            elif name == "f1":
                judged = several and tested[result.classes[-1]]
            assert np.isnan(scores[:, i]).all() == (not judged)
            assert np.isnan(scores[:, i]).any() == (not judged)
    frame = result.frame()
    for name, scores in result.metrics.items():
        judged = ~np.isnan(scores[0])
        if judged.any():
            np.testing.assert_allclose(frame[name], scores[:, judged].mean(axis=1))
        else:
            assert frame[name].isna().all()
    json.dumps(result.to_dict(), allow_nan=False)
    assert len(str(result)) > 0


def test_folds_without_a_class_are_told_of_and_luck_is_not_recommended():
    y = np.repeat(["ok", "fraud"], [238, 2])
    result = both(y=y)
    always = result.frame().loc["always"]
    # Of the two classes, "ok" is always found and "fraud" never.
    assert always["recall fraud"] == 0
    assert always["balanced_accuracy"] == 0.5
    assert always["f1_macro"] < 0.5
    assert result.recommendation.startswith("No strategy can be recommended, as class 'fraud' has")
    assert any(
        note.startswith("3 of the 5 folds have no test rows of a cl") for note in result.notes
    )
    many = both(y=np.repeat(["ok", "fraud"], [200, 40]))
    assert "No strategy" not in many.recommendation
    assert not any("have no test rows" in note for note in many.notes)


@pytest.mark.parametrize("counts", [(200, 2, 2, 2), (230, 10)])
def test_folds_that_judge_nothing_are_refused(counts):
    y = np.repeat(np.arange(len(counts)), counts)
    folds = dealt(len(y))
    if len(counts) == 2:  # each fold tests one class
        folds = [(np.arange(len(y))[::2], np.flatnonzero(y == k)[1::2]) for k in (0, 1)]
    with pytest.raises(
        ValueError, match="A fold of compare_strategies must have test rows of each"
    ):
        both(X=X[: len(y)], y=y, cv=folds)


@pytest.mark.parametrize("form", [lambda table: table, pl.from_pandas, np.asarray])
def test_columns_of_names_are_noted(form):
    """A column of text of which most cells differ is noted; numbers and categories are not."""
    table = pd.DataFrame(
        {
            "id": [f"u{i}" for i in range(240)],
            "kind": ["a", "b", "c", "d"] * 60,
            "number": np.arange(240.0),
        }
    )
    notes = [note for note in both(X=form(table)).notes if "little can be learnt" in note]
    assert len(notes) == 1
    assert ("['id']" in notes[0]) == (form is not np.asarray)
    for plain in (form(table[["kind", "number"]]), X):
        assert not any("little can be learnt" in note for note in both(X=plain).notes)


def test_the_class_of_f1_is_named():
    result = both(y=np.where(Y == 2, "rare", "ok"), objective="f1")
    assert "f1 is that of class rare, the rarest." in result.notes


def test_classifiers_without_probabilities():
    assert compare(estimators={"svc": LinearSVC()}).metrics["average_precision"].min() > 0.3


# Refusals


def replaced(column, values):
    table = mixed_table(6)
    table[column] = pd.Series(values, dtype=object)
    return table


SIX = [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"X": mixed_table(6).set_axis(list("abcdefa"), axis=1), "y": SIX},
            "The columns of X must have different names. Got 'a' more than once: rename or drop "
            "one.",
        ),
        (
            {"X": replaced("old", [1, 2.5, "x", None, 3, 4]), "y": SIX},
            "The column 'old' of X must hold either numbers or text. Got the text 'x' in row 2 "
            "and the number 1 in row 0.",
        ),
        *(
            (
                {"y": np.array(["a"] * 237 + [missing] * 3, dtype=object)},
                "The labels in y must not be missing. Got 3 missing labels, the first in row 237: "
                "label or drop these rows.",
            )
            for missing in (None, np.nan, pd.NA, pd.NaT)
        ),
        (
            {"y": pd.Series(Y).astype("Int64").where(Y < 2)},
            "The labels in y must not be missing.",
        ),
        ({"y": np.where(Y == 2, np.nan, Y)}, "The labels in y must not be missing."),
        (
            {"y": np.array([1, "a"] * 120, dtype=object)},
            "The labels in y must be all text or all numbers. Got both, such as ",
        ),
        ({"y": np.zeros(240)}, "y must have rows of at least 2 classes. Got 1 class: [0.0]."),
        (
            {"strategies": ["plain", "smoke"]},
            "A strategy must be one of ['plain', 'sqrt_weighted', 'class_weighted', "
            "'effective_number', 'logit_adjusted', 'focal', 'focal_weighted', 'ldam', "
            "'balanced_batches', 'over_sampling', 'under_sampling', 'smote', 'tuned_decision', "
            "'ensemble']. Got 'smoke' instead.",
        ),
        (
            {"strategies": "smote"},
            "The 'strategies' parameter of compare_strategies must be an array-like or None. Got "
            "'smote' instead.",
        ),
        (
            {"estimators": None},
            "The 'strategies' and 'estimators' parameters of compare_strategies must not both be "
            "empty: no strategy and no estimator is left to compare.",
        ),
        (
            {"strategies": ["plain"], "estimators": {"plain": LOGISTIC}},
            "The 'estimators' parameter of compare_strategies must have names other than the "
            "strategies'. Got 'plain'.",
        ),
        (
            {"estimators": [LOGISTIC]},
            "The 'estimators' parameter of compare_strategies must be an instance of 'dict'",
        ),
        (
            {"network": LOGISTIC},
            "The 'network' parameter of compare_strategies must be an instance of "
            "'skimbalance.classifier.ImbalancedMLPClassifier' or None. Got LogisticRegression()",
        ),
        (
            {"objective": "f2"},
            "The 'objective' parameter of compare_strategies must be one of ['balanced_accuracy', ",
        ),
        (
            {"objective": lambda true, decided: np.nan},
            "The 'objective' function of compare_strategies must return a finite number. Got nan "
            "instead.",
        ),
        (
            {"objective": "f1", "y": np.r_[Y[:-1] % 2, 7]},
            "The class of objective='f1' must have at least 2 rows, one to train and one to test. "
            "Got 1 row of class 7.",
        ),
        *(
            ({"cv": cv}, f"The 'cv' parameter of compare_strategies must be an int .* Got {cv} ")
            for cv in (0, 1)
        ),
        (
            {"cv": [(np.arange(240), np.arange(9)), (np.arange(240), np.array([], int))]},
            "The 'cv' parameter of compare_strategies must give training rows and held-out rows in "
            "every fold. Got none of them in fold 1.",
        ),
        (
            {"y": np.r_[np.zeros(239, int), 1]},
            "Every fold must have at least 2 classes to train on. Got [0] in fold ",
        ),
        (
            {"n_repeats": 0},
            "The 'n_repeats' parameter of compare_strategies must be an int in the range [1, inf).",
        ),
        (
            {"n_repeats": 2, "cv": ShuffleSplit(3)},
            "The 'n_repeats' parameter of compare_strategies must be 1 unless 'cv' is an int. Got "
            "2 instead: let the splitter repeat.",
        ),
        ({"y": Y[:-1]}, "Found input variables with inconsistent numbers of samples: [240, 239]"),
    ],
)
def test_refused_in_a_sentence(options, words):
    pattern = ".*".join(re.escape(part) for part in words.split(".*"))
    with pytest.raises(ValueError, match=f"^{pattern}"):
        both(**options)


class Failing(LogisticRegression):
    error = None

    def fit(self, X, y):
        raise self.error("no luck")


@pytest.mark.parametrize("error", [ValueError, TypeError, RuntimeError])
def test_who_fails_is_named(error):
    failing = type("Failing", (Failing,), {"error": error})()
    with pytest.raises(error, match="The strategy 'mine' failed") as caught:
        compare(estimators={"fine": LOGISTIC, "mine": failing})
    assert "no luck" in str(caught.value)
    voting = VotingClassifier([("one", LOGISTIC)])
    with pytest.raises(ValueError, match=r"The strategy 'hard' failed.*has neither"):
        compare(estimators={"hard": voting})


# Other behaviour


def test_no_progress_bar_without_a_terminal(capsys):
    both(verbose=1)
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_polars_tables():
    pl = pytest.importorskip("polars")
    table = mixed_table(90).drop(columns="empty")
    frame = pl.DataFrame(
        {name: [None if pd.isna(v) else v for v in table[name]] for name in table}, strict=False
    )
    y = np.repeat(["a", "b"], [70, 20])
    options = {"strategies": ["smote"], "network": NETWORK, "estimators": {"l": LOGISTIC}, "cv": 2}
    of_polars, of_pandas = (compare(one, y, **options) for one in (frame, table))
    np.testing.assert_array_equal(of_polars.scores, of_pandas.scores)
    np.testing.assert_array_equal(
        of_polars.best_estimator().predict_proba(frame),
        of_pandas.best_estimator().predict_proba(table),
    )


def test_the_recommended_estimator_is_returned():
    candidates = {"logistic": LOGISTIC, "always": ALWAYS}
    result = both(estimators=candidates, objective=lambda true, decided: -np.mean(decided))
    assert result.recommended == result.to_dict()["recommended"] == result.names[0] == "always"
    assert isinstance(result.best_estimator()[-1], DummyClassifier)
    result = made(plain=LIKE_HIGH, smote=HIGH)
    assert result.names[0] == "smote"
    assert result.recommended == result.to_dict()["recommended"] == "plain"


@pytest.mark.parametrize("wrong", [LogisticRegression, StandardScaler()])
def test_what_is_not_a_classifier_is_refused(wrong):
    with pytest.raises(ValueError, match="must hold classifiers"):
        compare(estimators={"wrong": wrong})
