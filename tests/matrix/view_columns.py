"""Columns of the matrix about what looks at a classifier: views, a comparison, commands."""

import contextlib
import io
import json
import tempfile
from functools import partial
from pathlib import Path

import pandas as pd
from matrix.data_columns import WORDS, assert_same, in_frame
from matrix.rows import (
    ROWS,
    Comparison,
    Data,
    Splitter,
    View,
    ViewOfFit,
    numbers_of,
)
from sklearn.base import clone

from skimbalance._cli import main
from skimbalance._response import posterior
from skimbalance.compare import compare_strategies
from skimbalance.persistence import save_model
from skimbalance.report import ImbalanceReport

# What looks at results


def fitted_by(row):
    thing = row.thing(row.make(), row.X, row.y)
    return thing.best_estimator() if isinstance(row, Comparison) else thing


def shown_by(*views):
    """A column for views: they show a classifier as they show what it predicts."""

    def check(row):
        fitted = fitted_by(row)
        for view in views:
            shown = view.numbers(view.shown(fitted, row.X, row.y), row.X)
            assert_same(shown, view.of_predictions(fitted, row.X, row.y))

    return check


VIEWS = [row for row in ROWS if isinstance(row, View) and not isinstance(row, ViewOfFit)]
in_report = shown_by(*(view for view in VIEWS if view.of is ImbalanceReport))
in_displays = shown_by(*(view for view in VIEWS if view.of is not ImbalanceReport))
COMPARISON = next(row for row in ROWS if isinstance(row, Comparison))


def in_comparison(row):
    """Scores are those of the same folds by hand, and a splitter's those of its folds."""
    if isinstance(row, Splitter):
        splitter = row.thing(None, row.X, row.y)
        cvs = (splitter, list(splitter.split(row.X, row.y)))
        outcomes = [COMPARISON.outcome(row.make(), row.X, row.y, cv=cv) for cv in cvs]
    else:
        ways = (COMPARISON.outcome, COMPARISON.other_way)
        outcomes = [way(row.make(), row.X, row.y) for way in ways]
    assert_same(*outcomes)


class CommandError(Exception):
    """What a command of the command line says when it refuses."""


def run_command(*words):
    """Standard output of a command."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*words])
    if code:
        raise CommandError(err.getvalue().strip())
    return out.getvalue()


# What a page of the command line holds of each view.
ON_PAGE = {
    "compare_strategies": "How this comparison was made",
    "StrategyComparisonDisplay": "Scores in the folds, and recall of each class",
    "ImbalanceReport": "Findings",
    "ConfusionDisplay": "Confusion matrix",
    "PerClassPrecisionRecallDisplay": "Precision and recall at other thresholds",
    "ReliabilityDisplay": "Are the probabilities calibrated?",
}


def in_command_line(row):
    """The commands give what the same calls give in Python."""
    if isinstance(row, Data):
        listed = run_command("datasets")
        assert all(name.rpartition(".load_")[2] in listed for name in row.names)
        return
    frame, words = in_frame(row.X), WORDS[row.y]
    with tempfile.TemporaryDirectory() as folder:
        model, table, out = (str(Path(folder, name)) for name in ("m.skim", "t.csv", "o.csv"))
        frame.assign(target=words).to_csv(table, index=False)
        if isinstance(row, Comparison):
            options = ("--strategies", "plain", "--cv", "2", "--json", "--out", out)
            shown = run_command("compare", table, *options)
            options = {"strategies": ["plain"], "cv": 2, "random_state": 0, "verbose": 0}
            expected = compare_strategies(frame, words, **options).to_dict()
            assert_same(*(numbers_of(d["strategies"]) for d in (json.loads(shown), expected)))
            assert ON_PAGE[row.title] in Path(out).read_text()
            return
        is_view = isinstance(row, View)
        thing = clone(row.make()).fit if is_view else partial(row.thing, row.make())
        fitted = thing(frame, words)
        columns = dict.fromkeys(frame, "number")
        save_model(fitted, model, columns=columns, target="target")
        if is_view:
            shown = json.loads(run_command("report", model, table, "--json", "--out", out))
            expected = ImbalanceReport.from_estimator(fitted, frame, words, random_state=0)
            assert_same(*(numbers_of(d["overall"]) for d in (shown, expected.to_dict())))
            assert ON_PAGE[row.title] in Path(out).read_text()
            return
        run_command("predict", model, table, "--out", out)
        scored = pd.read_csv(out)
    assert scored["prediction"].tolist() == fitted.predict(frame).tolist()
    assert_same(scored[[f"probability_{word}" for word in WORDS]], posterior(fitted, frame))


#: Heading -> columns of a table that fits a page.
