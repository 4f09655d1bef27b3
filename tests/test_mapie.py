"""MAPIE around our classifiers: what the how-to pages promise holds on rows that nothing has seen.

Rows are drawn anew many times, and bounds leave a chance of one in a million to luck.
"""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from mapie.classification import SplitConformalClassifier
from mapie.risk_control import BinaryClassificationController
from scipy.stats import binom
from sklearn.linear_model import LogisticRegression

from skimbalance import ImbalancedMLPClassifier

PAGES = Path(__file__).parents[1] / "docs" / "howto"

# Rows of the three classes, the rarest last: their number is fixed, as coverage is by class.
ROWS = np.array([400, 90, 35])
LEVEL = 0.9


def rows(rng, n_rows):
    """Rows of normal classes, which overlap."""
    y = np.repeat(np.arange(len(n_rows)), n_rows)
    return rng.normal(size=(len(y), 2)) + 1.5 * np.stack([y == 1, y == 2], axis=1), y


def by_class_score():
    """The score by class, from the page."""
    text = (PAGES / "mapie.md").read_text()
    (code,) = re.findall(r"^class ByClass.*?(?=^\S+ = )", text, re.S | re.M)
    namespace = {}
    exec(
        f"import numpy as np\nfrom mapie.conformity_scores import LACConformityScore\n{code}",
        namespace,
    )
    return namespace["ByClass"]()


@pytest.fixture(scope="module", params=["linear", pytest.param("network", marks=pytest.mark.slow)])
def clf(request):
    X, y = rows(np.random.default_rng(0), ROWS)
    if request.param == "linear":
        return LogisticRegression().fit(X, y)
    return ImbalancedMLPClassifier((4,), epochs=2, class_weight=None, random_state=0).fit(X, y)


def coverage(clf, make_score, n_draws=150):
    """Coverage of each class by sets that other rows calibrate, in each draw."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(n_draws):
        mapie = SplitConformalClassifier(
            clf, confidence_level=LEVEL, conformity_score=make_score(), random_state=0
        )
        mapie.conformalize(*rows(rng, ROWS))
        X, y = rows(rng, 10 * ROWS)
        sets = mapie.predict_set(X)[1][:, :, 0]
        covered = sets[np.arange(len(y)), y]
        found.append([*np.bincount(y, covered) / np.bincount(y), covered.mean()])
    return np.array(found)


def test_sets_by_class_have_the_coverage_of_order_statistics(clf):
    """The r-th smallest of n scores covers a new row of the class with probability r / (n + 1)."""
    found = coverage(clf, by_class_score)[:, :3]
    rank = np.ceil((ROWS + 1) * LEVEL)
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert np.all(rank / (ROWS + 1) >= LEVEL)
    np.testing.assert_array_less(np.abs(found.mean(axis=0) - rank / (ROWS + 1)), 5 * error)


def test_one_quantile_for_all_covers_the_rare_class_too_little(clf):
    *by_class, overall = coverage(clf, lambda: "lac", n_draws=20).mean(axis=0)
    assert overall == pytest.approx(LEVEL, abs=0.02)
    assert by_class[2] < LEVEL - 0.1 < LEVEL < by_class[0]


def test_a_class_with_too_few_rows_is_in_every_set(clf):
    X, y = rows(np.random.default_rng(1), [400, 90, 8])
    mapie = SplitConformalClassifier(clf, confidence_level=LEVEL, conformity_score=by_class_score())
    sets = mapie.conformalize(X, y).predict_set(X)[1][:, :, 0]
    assert sets[:, 2].all()
    assert not sets[:, 1].all()


def threshold_of_best(proba, y, level, thresholds):
    """The lowest threshold that keeps the precision on these rows, as tuning would take it."""
    kept = [t for t in thresholds if np.sum(y[proba >= t]) >= level * np.sum(proba >= t) > 0]
    return min(kept, default=None)


def test_a_promised_precision_is_kept_as_often_as_promised():
    """Rows whose posterior is known: a tuned threshold fails in half of the draws."""
    level, confidence, n_draws = 0.8, 0.9, 200
    thresholds = np.linspace(0.5, 0.95, 10)
    rng = np.random.default_rng(0)

    def draw(n_rows):
        posterior = rng.beta(0.2, 1.8, size=n_rows)  # a tenth is rare
        return posterior, rng.random(n_rows) < posterior

    population, _ = draw(10**6)
    failures = {"promised": 0, "tuned": 0}
    # Posteriors beyond the truth, as of a network that is too sure of itself.
    precision = {t: population[population**0.5 >= t].mean() for t in thresholds}
    for _ in range(n_draws):
        posterior, y = draw(1000)
        proba = posterior**0.5
        controller = BinaryClassificationController(
            lambda X: np.stack([1 - X, X], axis=1),
            "precision",
            level,
            confidence_level=confidence,
            list_predict_params=thresholds,
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "No predict parameters")
            controller.calibrate(proba, y)
        chosen = {
            "promised": controller.best_predict_param,
            "tuned": threshold_of_best(proba, y, level, thresholds),
        }
        for name, threshold in chosen.items():
            failures[name] += threshold is not None and precision[threshold] < level
    assert failures["promised"] <= binom.ppf(1 - 1e-6, n_draws, 1 - confidence)
    assert failures["tuned"] > binom.ppf(1 - 1e-6, n_draws, 1 - confidence)
