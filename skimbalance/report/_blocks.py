"""What a report shows of its summary: sentences, tables of readable texts, and figures."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from skimbalance._page import figure_html, list_html
from skimbalance.metrics._targets import is_multilabel
from skimbalance.report._flags import OVERALL_NAMES

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["caption", "class_figures", "flags_html", "score_frame", "sizes", "tables"]

_NAMES = {
    "support": "rows",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "average_precision": "average precision",
    "calibration_error": "calibration error",
}

_RELIABLE = (
    "If 10 % of the rows with a probability near 0.1 {are}, the point is on the dotted line: the "
    "probability is right. Below the line, probabilities are too high; above it, too low."
)


def sizes(summary: dict[str, Any]) -> dict[str, int]:
    """Numbers of rows and classes, or of labels or steps, by their names."""
    if "labels" in summary:
        return {"rows": summary["n_rows"], "labels": len(summary["labels"])}
    n_classes = {"classes": len(summary["classes"])}
    if "n_sequences" in summary:
        return {"sequences": summary["n_sequences"], "steps": summary["n_rows"], **n_classes}
    return {"rows": summary["n_rows"], **n_classes}


def caption(summary: dict[str, Any], out_of_fold: str | None) -> str:
    """What the tables are about; of an ensemble's own rows, also its objective and score."""
    numbers = [f"{n} {name}" for name, n in sizes(summary).items()]
    objective = ""
    if out_of_fold:
        numbers[0] += " out of fold"
        objective = f" Objective: {out_of_fold}."
    dummy = "always predicts the most frequent class, with the class shares as probabilities"
    if "labels" in summary:
        dummy = (
            "predicts the labels that more than half of the rows have, with the shares of the "
            "labels as probabilities"
        )
    whole = ", which draw whole sequences" if "n_sequences" in summary else ""
    return (
        f"{', '.join(numbers)}.{objective} In brackets: {100 * summary['level']:g} % "
        f"intervals{whole}. Dummy: a classifier that {dummy}."
    )


def flags_html(flags: list[str]) -> str:
    """The flags as a list."""
    return list_html(flags) if flags else "<p>Nothing to warn about.</p>"


def tables(summary: dict[str, Any]) -> list[tuple[str, "pd.DataFrame"]]:
    """Headings and tables: overall scores, and scores by class, by label or by entity."""
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
    blocks = [("Overall", of_all)]
    if "labels" in summary:
        blocks.append(("By label", _by_name(summary["labels"], "label", "rows")))
    else:
        unit = "steps" if "n_sequences" in summary else "rows"
        blocks.append(("By class", _by_name(summary["classes"], "class", unit)))
    if "entities" in summary:
        blocks.append(("By entity", _entities(summary)))
    return blocks


def score_frame(parts: list[dict[str, Any]]) -> "pd.DataFrame":
    """Scores of classes, labels or types of entities, as a table for computing."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for name in parts[0]:
        values = [scores[name] for scores in parts]
        if name.endswith("_interval"):
            score = name.removesuffix("_interval")
            columns[f"{score}_low"], columns[f"{score}_high"] = zip(*values, strict=True)
        elif name in ("label", "n_rows", "support", "predicted"):
            columns[name] = values
        else:
            columns[name] = np.array(values, dtype=float)
    return pd.DataFrame(columns).set_index("label")


def _by_name(parts, noun, unit):
    """A row of readable scores for each class, label or type of entity."""
    import pandas as pd

    titles = {"label": noun, **_NAMES, "support": unit}
    if len({part.get("n_rows") for part in parts}) > 1:
        # Rows in which a label is known, where they differ.
        titles = {"label": noun, "n_rows": f"known {unit}", **titles}
    return pd.DataFrame(
        {
            title: [_readable(scores, name) for scores in parts]
            for name, title in titles.items()
            if name in parts[0]
        },
        dtype=object,
    )


def _entities(summary):
    """The types of entities, and below them the F1 of all entities and the mean of the types."""
    import pandas as pd

    by_type = _by_name(summary["entities"], "entity", "entities")
    overall = summary["entities_overall"]
    last = {
        "entity": ["all entities", "mean of the types"],
        "F1": [_readable(overall, name) for name in ("f1_micro", "f1_macro")],
    }
    return pd.concat([by_type, pd.DataFrame(last, dtype=object)], ignore_index=True).fillna("")


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

    multilabel = is_multilabel(y_true)
    one = "label" if multilabel else "class"
    confusion = ConfusionDisplay._undrawn(y_true, y_pred, labels)
    heading = "Found, missed and false alarms" if multilabel else "Confusion matrix"
    alt = f"{heading}, each row in shares of a {'label' if multilabel else 'true class'}"
    figures = [(heading, figure_html(drawn_apart(confusion), alt))]
    if proba is None:
        return figures
    curves = PerClassPrecisionRecallDisplay._undrawn(y_true, proba, labels)
    rest = "by itself" if multilabel else "against the rest"
    alt = f"Precision against recall, each {one} {rest}"
    picture = figure_html(drawn_apart(curves), alt)
    figures.append(("Precision and recall at other thresholds", picture))
    reliability = ReliabilityDisplay._undrawn(y_true, proba, labels)
    alt = f"Observed share of each {one} against its predicted probability"
    picture = figure_html(drawn_apart(reliability), alt)
    text = _RELIABLE.format(are="have the label" if multilabel else "are of the class")
    figures.append(("Are the probabilities calibrated?", f"<p>{text}</p>{picture}"))
    return figures
