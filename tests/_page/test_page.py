"""Pages: how they were made stands on them, and they can be read on any screen."""

import base64
import datetime
import html
import importlib.metadata
import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skimbalance import ImbalancedMLPClassifier, compare_strategies
from skimbalance._cli.roles import Roles, read_training
from skimbalance._cli.tables import open_table
from skimbalance._page import figure_html
from skimbalance.datasets import load_page_blocks, load_yeast
from skimbalance.report import ImbalanceReport

PACKAGES = ("skimbalance", "scikit-learn", "keras", "tensorflow", "numpy")

X, Y = make_classification(
    240, 4, n_informative=3, n_redundant=1, n_classes=3, n_clusters_per_class=1,
    weights=[0.7, 0.2], random_state=0,
)  # fmt: skip


def comparison(X=X, **options):
    """Of classifiers that need no network."""
    given = {"estimators": {"always": DummyClassifier(), "logistic": LogisticRegression()}}
    return compare_strategies(X, Y, strategies=[], verbose=0, **(given | options))


def report(X=X):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(np.asarray(X), Y)
    return ImbalanceReport.from_estimator(model, X, Y)


def named_table():
    table = pd.DataFrame(X)
    table.attrs["name"] = "loans & more.csv"
    return table


PAGES = {"comparison": comparison, "report": report}


@pytest.fixture
def saved(tmp_path):
    """Function of a result to the text of its page."""

    def save(result):
        result.save(tmp_path / "page.html")
        return (tmp_path / "page.html").read_text(encoding="utf-8")

    return save


def facts(page):
    """The table at the end of a page, by name."""
    found = re.findall('<th scope="row">(.*?)</th><td>(.*?)</td>', page, re.S)
    return {name: html.unescape(text) for name, text in found}


@pytest.mark.parametrize("result", PAGES.values(), ids=PAGES)
def test_a_page_says_what_it_was_made_of(result, saved):
    """Enough to cite it."""
    before = datetime.date.today().isoformat()
    made = result(named_table())
    said = facts(saved(made))
    assert said["data"] == "loans & more.csv"
    assert (said["rows"], said["columns"]) == (str(len(X)), str(X.shape[1]))
    assert before <= said["date"] <= datetime.date.today().isoformat()
    for name in PACKAGES:
        assert f"{name} {importlib.metadata.version(name)}" in said["versions"]
    assert "data" not in facts(saved(result(X)))
    # The day and the versions are those of the result, not of the page.
    made.about["date"] = "2020-02-02"
    assert facts(saved(made))["date"] == "2020-02-02"


def test_a_comparison_can_be_done_again_from_its_page(saved):
    network = ImbalancedMLPClassifier((7, 5), epochs=9)
    said = facts(saved(comparison(network=network, cv=3, n_repeats=2, random_state=77)))
    labels, counts = np.unique(Y, return_counts=True)
    for label, count in zip(labels, counts, strict=True):
        assert f"{label} ({count})" in said["classes (rows)"]
    assert said["folds"] == "3, repeated 2 times"
    assert said["network"].startswith("layers 7-5, 9 epochs")
    assert said["random_state"] == "77"


@pytest.mark.parametrize("cv", [KFold(2, shuffle=True), [(np.arange(200), np.arange(200, 240))]])
def test_the_page_says_how_folds_were_made_and_does_not_list_rows(cv, saved):
    expected = str(cv) if hasattr(cv, "split") else "as given"
    assert facts(saved(comparison(cv=cv)))["folds"] == expected


def test_a_report_names_its_model(saved):
    said = facts(saved(report()))
    for words in ("StandardScaler()", "LogisticRegression(C=0.5)"):
        assert words in said["model"]


@pytest.mark.parametrize(
    "rows",
    [["a b", "b a"] * 30, [{"a": 1}, {"b": 2}] * 30, [[1, 2], [3]] * 30],
    ids=["texts", "dicts", "lists of unequal length"],
)
def test_rows_need_no_columns(rows, saved):
    model = DummyClassifier().fit(rows, [0, 1] * 30)
    said = facts(saved(ImbalanceReport.from_estimator(model, rows, [0, 1] * 30)))
    assert "columns" not in said
    assert said["rows"] == "60"


def test_tables_of_the_command_line_and_bundled_ones_carry_their_names(tmp_path):
    path = tmp_path / "some.csv"
    path.write_text("a,target\n1,x\n2,y\n")
    table, *_ = read_training(open_table(str(path)), Roles("target"))
    assert table.attrs["name"] == str(path)
    for bundled in (load_page_blocks, load_yeast):
        table, _ = bundled(return_X_y=True, as_frame=True)
        assert f"load_{table.attrs['name']}" == bundled.__name__


@pytest.mark.parametrize("result", PAGES.values(), ids=PAGES)
def test_what_is_wide_scrolls_in_a_box_and_letters_stay_large(result, saved):
    page = saved(result())
    assert "width=device-width" in page
    assert page.count("<img") + page.count("<thead") == page.count('<div class="wide')
    shown = re.findall(r'--readable: (\d+)px.*?<img width="(\d+)"', page, re.S)
    assert len(shown) == page.count("<img")
    for smallest, whole in shown:
        # Letters of ten points; an inch has 72 points, and 96 pixels.
        assert 10 * 96 / 72 * int(smallest) / int(whole) > 10


@pytest.mark.parametrize("result", PAGES.values(), ids=PAGES)
def test_every_colour_has_a_value_in_the_dark(result, saved):
    style = re.search("<style>(.*)</style>", saved(result()), re.S)[1]
    roots = re.findall(r":root {(.*?)}", style, re.S)
    light, dark = (dict(re.findall(r"(--\w+): ([^;]+);", root)) for root in roots)
    assert {"--text", "--page"} < light.keys() == dark.keys()
    assert all(light[name] != dark[name] for name in light)
    elsewhere = re.sub(r":root {.*?}", "", style, flags=re.S)
    assert not re.search(r"#[0-9a-f]{3}|rgb|: *(white|black)", elsewhere)
    assert set(re.findall(r"var\((--\w+)\)", elsewhere)) - {"--readable"} == light.keys()
    # Paper is white: the dark values are for screens alone.
    assert style.index("@media screen and (prefers-color-scheme: dark)") < style.rindex(":root")


def test_figures_are_as_opaque_as_their_letters_need():
    """Also in the style of a user who draws white on black."""
    with plt.style.context("dark_background"):
        figure = Figure()
        figure.subplots()
    picture = base64.b64decode(re.search('base64,([^"]+)', figure_html(figure, "empty"))[1])
    pixels = plt.imread(io.BytesIO(picture))
    assert pixels[0, 0, :3].max() == 0
