"""Laws of the reject option."""

import json

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, precision_score, recall_score

from skimbalance import TunedDecisionClassifierCV
from skimbalance.report import ImbalanceReport
from skimbalance.report._reject import expected_costs, reject_option


def drawn(n=1000, n_classes=2, seed=0, weights=None):
    """True classes, decisions by weights, and calibrated posteriors."""
    rng = np.random.default_rng(seed)
    eta = rng.dirichlet(np.linspace(2, 0.3, n_classes), n)
    y = np.argmax(rng.multinomial(1, eta), axis=1)
    weights = np.ones(n_classes) if weights is None else np.asarray(weights)
    return y, np.argmax(eta * weights, axis=1), eta


def order(costs):
    return np.argsort(costs, kind="stable")


# Who is least sure


@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_for_the_most_probable_class_it_is_chows_rule(n_classes):
    """Chow (1970): reject where the largest posterior is lowest."""
    _, decided, eta = drawn(n_classes=n_classes)
    np.testing.assert_allclose(expected_costs(eta, decided), 1 - eta.max(axis=1), atol=1e-12)


@pytest.mark.parametrize("threshold", [0.02, 0.1, 0.3, 0.5, 0.8])
def test_for_a_threshold_it_is_the_expected_cost(threshold):
    """Of a threshold t, a miss costs 1 / t and a false alarm 1 / (1 - t) (Elkan 2001)."""
    _, _, eta = drawn(20_000)
    p = eta[:, 1]
    decided = (p >= threshold).astype(int)
    found = expected_costs(eta, decided)
    expected = np.where(decided, (1 - p) / (1 - threshold), p / threshold)
    np.testing.assert_allclose(found / found.max(), expected / expected.max(), atol=5e-3)


@pytest.mark.parametrize("n_classes", [3, 5, 9])
def test_weights_of_classes_are_found_from_the_decisions(n_classes):
    weights = np.exp(np.random.default_rng(1).normal(size=n_classes))
    _, decided, eta = drawn(20_000, n_classes, weights=weights)
    weighted = eta * weights / weights.max()
    expected = weighted.sum(axis=1) - weighted.max(axis=1)
    np.testing.assert_allclose(expected_costs(eta, decided), expected, atol=0.02)


def test_a_decision_against_the_rule_is_less_sure_than_the_other_one():
    _, decided, eta = drawn(500, 3)
    other = decided.copy()
    other[::50] = (decided[::50] + 1) % 3
    changed, kept = expected_costs(eta, other)[::50], expected_costs(eta, decided)[::50]
    assert np.all(changed > kept)


def test_other_names_of_the_classes_change_nothing():
    y, decided, eta = drawn(500, 4, weights=[1, 2, 3, 9])
    names = np.array([2, 0, 3, 1])
    renamed = np.empty_like(eta)
    renamed[:, names] = eta
    there = reject_option(names[y], names[decided], renamed, names[3])
    here = reject_option(y, decided, eta, 3)
    for name, values in here["curve"].items():
        np.testing.assert_allclose(there["curve"][name], values, atol=0.02)


@pytest.mark.parametrize("objective", ["f1", "balanced_accuracy", "cost"])
def test_the_least_sure_rows_of_a_tuned_classifier_lie_at_its_threshold(objective):
    y, _, eta = drawn(2000)
    X = np.log(eta[:, 1:] / eta[:, :1])
    costs = {"cost_matrix": [[0, 1], [9, 0]]} if objective == "cost" else {}
    clf = TunedDecisionClassifierCV(LogisticRegression(), objective=objective, **costs).fit(X, y)
    p = clf.predict_proba(X)
    cost = expected_costs(p, clf.predict(X))
    assert abs(p[np.argmax(cost), 1] - clf.threshold_) < 0.01


# What is gained


@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_curve_is_scikit_learns_scores_of_the_rows_kept(n_classes):
    y, decided, eta = drawn(1000, n_classes)
    option = reject_option(y, decided, eta, n_classes - 1)
    sure = order(1 - eta.max(axis=1))
    for k, share in enumerate(option["curve"]["share"]):
        kept = sure[: 1000 - round(1000 * share)]
        true, pred = y[kept], decided[kept]
        found = {name: values[k] for name, values in option["curve"].items()}
        rare = {"labels": [n_classes - 1], "average": "macro", "zero_division": np.nan}
        assert found["error_rate"] == pytest.approx(np.mean(true != pred))
        assert found["f1_macro"] == pytest.approx(f1_score(true, pred, average="macro"))
        assert found["recall"] == pytest.approx(recall_score(true, pred, **rare))
        precision = np.nan if found["precision"] is None else found["precision"]
        assert precision == pytest.approx(precision_score(true, pred, **rare), nan_ok=True)
        with_people = y.copy()
        with_people[kept] = pred
        assert found["found"] == pytest.approx(recall_score(y, with_people, **rare))


def test_numbers_add_up():
    y, decided, eta = drawn(997, 3)
    option = reject_option(y, decided, eta, 2)
    k = option["curve"]["share"].index(option["share"])
    assert option["all"] == {
        "n_rows": 997, "support": np.sum(y == 2), "errors": np.sum(y != decided),
    }  # fmt: skip
    assert option["rejected"]["n_rows"] == round(0.05 * 997)
    errors = option["all"]["errors"] - option["rejected"]["errors"]
    kept = 997 - option["rejected"]["n_rows"]
    assert option["curve"]["error_rate"][k] == pytest.approx(errors / kept)


def test_calibrated_posteriors_lower_the_error_rate_at_every_share():
    y, decided, eta = drawn(50_000, 3)
    errors = np.array(reject_option(y, decided, eta, 2)["curve"]["error_rate"])
    assert np.all(np.diff(errors) < 0)
    assert reject_option(y, decided, eta, 2)["p_value"] < 1e-6


def test_random_rows_gain_nothing():
    """Where all rows are equally sure, rows are rejected at random, and no score moves."""
    y = np.repeat([0, 1], [900, 100])
    rng = np.random.default_rng(0)
    decided, eta = np.zeros(1000, int), np.tile([0.9, 0.1], (1000, 1))
    option = reject_option(y, decided, eta, 1)
    for name in ("error_rate", "f1_macro", "recall"):
        np.testing.assert_allclose(option["curve"][name], option["curve"][name][0])
    assert option["p_value"] > 0.3
    mixed = rng.permutation(1000)
    assert reject_option(y[mixed], decided[mixed], eta, 1) == option


def test_the_order_of_the_rows_does_not_matter():
    y, decided, eta = drawn(400, 3)
    eta = eta.round(1)  # many ties
    mixed = np.random.default_rng(0).permutation(400)
    one, other = (
        reject_option(y[rows], decided[rows], eta[rows], 2)["curve"]
        for rows in (np.arange(400), mixed)
    )
    for name in one:
        np.testing.assert_allclose(np.array(one[name], float), np.array(other[name], float))


# The report


def test_the_report_says_it_everywhere(tmp_path):
    y, decided, eta = drawn(2000, weights=[1, 3])
    names = np.array(["no", "yes"])
    report = ImbalanceReport.from_predictions(names[y], names[decided], eta, labels=names)
    option = report.to_dict()["reject_option"]
    assert option == json.loads(json.dumps(option, allow_nan=False))
    assert option["label"] == names[np.argmin(np.bincount(y))]
    frame = report.frame("reject_option")
    assert frame.index[0] == 0
    assert frame["error_rate"].tolist() == option["curve"]["error_rate"]
    report.save(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    for text in (str(report), report._repr_html_(), page):
        text = " ".join(text.split())
        assert (
            f"The least sure 5% of the rows (100) have {option['rejected']['errors']:.3g}" in text
        )
        assert f"instead of {option['curve']['error_rate'][0]:.3f}" in text
    assert "What to leave to people" in page


def test_another_class_may_be_asked_about():
    y, decided, eta = drawn(200, 3)
    report = ImbalanceReport.from_predictions(y, decided, eta, pos_label=0)
    assert report.summary["reject_option"]["label"] == 0
    assert report.frame("reject_option")["recall"][0] == report.frame()["recall"][0]
    with pytest.raises(ValueError, match=r"'pos_label' parameter .*\[0, 1, 2\]\. Got 7 instead"):
        ImbalanceReport.from_predictions(y, decided, eta, pos_label=7)


def test_a_curve_that_may_be_luck_and_one_that_gains_nothing_say_so():
    y = np.repeat([0, 1], [80, 20])
    X = np.zeros((100, 1))
    dummy = DummyClassifier(strategy="prior").fit(X, y)
    said = str(ImbalanceReport.from_estimator(dummy, X, y))
    assert "That may be chance" in " ".join(said.split())
    proba = softmax(np.column_stack([-8.0 * y, 8.0 * y - 4]), axis=1)
    assert "All decisions are right" in str(ImbalanceReport.from_predictions(y, y, proba))


def test_nothing_is_said_without_posteriors_or_of_a_few_rows():
    y, decided, eta = drawn(200)
    assert "reject_option" not in ImbalanceReport.from_predictions(y, decided).to_dict()
    few = ImbalanceReport.from_predictions(y[:19], decided[:19], eta[:19])
    assert "reject_option" not in few.to_dict()
    with pytest.raises(ValueError, match=r"'part' .* one of \['classes'\]. Got 'reject_option'"):
        few.frame("reject_option")
