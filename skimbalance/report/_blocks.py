"""What a report shows of its summary: sentences, tables of readable texts, and figures."""

from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from skimbalance._page import figure_html, list_html
from skimbalance.report._flags import OVERALL_NAMES

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["caption", "class_figures", "flags_html", "sizes", "tables"]

_CLASS_NAMES = {
    "label": "class",
    "support": "rows",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "average_precision": "average precision",
    "calibration_error": "calibration error",
}

_RELIABLE = (
    "If 10 % of the rows with a probability near 0.1 are of the class, the point is on the dotted "
    "line: the probability is right. Below the line, probabilities are too high; above it, too low."
)


def sizes(summary: dict[str, Any]) -> dict[str, str]:
    """Numbers of rows and classes, by their names."""
    return {"rows": f"{summary['n_rows']:,}", "classes": f"{len(summary['classes']):,}"}


def caption(summary: dict[str, Any], out_of_fold: str | None) -> str:
    """What the tables are about; of an ensemble's own rows, also its objective and score."""
    objective = f" Objective: {out_of_fold}." if out_of_fold else ""
    return (
        f"{summary['n_rows']} rows{' out of fold' * bool(objective)}, "
        f"{len(summary['classes'])} classes.{objective} In brackets: "
        f"{100 * summary['level']:g} % intervals. Dummy: a classifier that always "
        "predicts the most frequent class, with the class shares as probabilities."
    )


def flags_html(flags: list[str]) -> str:
    """The flags as a list."""
    return list_html(flags) if flags else "<p>Nothing to warn about.</p>"


def tables(summary: dict[str, Any]) -> list[tuple[str, "pd.DataFrame"]]:
    """Headings and tables: overall scores, and scores by class."""
    import pandas as pd

    overall, dummy = summary["overall"], summary["dummy"]
    titles = {name: title for name, title in OVERALL_NAMES.items() if name in overall}
    of_all = pd.DataFrame(
        {
            "score": list(titles.values()),
            "value": [_readable(overall, name) for name in titles],
            "dummy": [_readable(dummy, name) for name in titles],
        },
        dtype=object,
    )
    return [("Overall", of_all), ("By class", _by_name(summary["classes"], _CLASS_NAMES))]


def _by_name(parts, names):
    """A row for each of several dicts of scores, with the titles of these scores."""
    import pandas as pd

    return pd.DataFrame(
        {
            title: [_readable(scores, name) for scores in parts]
            for name, title in names.items()
            if name in parts[0]
        },
        dtype=object,
    )


def _readable(scores, name):
    """Text of a score with its interval; a dash where it is not defined."""
    value = scores[name]
    interval = scores.get(f"{name}_interval")
    if value is None:
        return "-"
    if not isinstance(value, float) or name == "label":
        return str(value)
    return f"{value:.3f}" + (f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else "")


def class_figures(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, proba: npt.ArrayLike | None, labels: Any
) -> list[tuple[str, str]]:
    """Headings and pictures: the confusion matrix, and with posteriors the curves."""
    from skimbalance.plots import (
        ConfusionDisplay,
        PerClassPrecisionRecallDisplay,
        ReliabilityDisplay,
    )
    from skimbalance.plots._drawing import drawn_apart

    confusion = ConfusionDisplay._undrawn(y_true, y_pred, labels)
    alt = "Confusion matrix, each row in shares of a true class"
    figures = [("Confusion matrix", figure_html(drawn_apart(confusion), alt))]
    if proba is None:
        return figures
    curves = PerClassPrecisionRecallDisplay._undrawn(y_true, proba, labels)
    alt = "Precision against recall, each class against the rest"
    picture = figure_html(drawn_apart(curves), alt)
    figures.append(("Precision and recall at other thresholds", picture))
    reliability = ReliabilityDisplay._undrawn(y_true, proba, labels)
    alt = "Observed share of each class against its predicted probability"
    picture = figure_html(drawn_apart(reliability), alt)
    figures.append(("Are the probabilities calibrated?", f"<p>{_RELIABLE}</p>{picture}"))
    return figures
