"""Why, for whom, and what to leave to people: what a report says of one class."""

from collections.abc import Callable
from html import escape
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from skimbalance._page import figure_html, table_html
from skimbalance._response import posterior
from skimbalance._validation import some_of
from skimbalance.metrics._checks import all_labels, checked_posteriors, encoded
from skimbalance.metrics._scores import rarest
from skimbalance.metrics._targets import label_matrix
from skimbalance.report._blocks import score_frame
from skimbalance.report._importance import (
    MOST_SHOWN,
    column_importance,
    importance_frame,
    importance_table,
)
from skimbalance.report._reject import reject_frame, reject_option, reject_sentence, reject_table
from skimbalance.report._slices import slice_columns, slice_frame, slice_scores, slice_table

if TYPE_CHECKING:
    import pandas as pd

    from skimbalance.plots._drawing import Display

__all__ = ["FRAMES", "Answer", "answers", "checked_repeats", "importance_of", "with_answers"]

#: Part of a summary -> its table for computing.
FRAMES: dict[str, Callable[[Any], "pd.DataFrame"]] = {
    "classes": score_frame,
    "entities": score_frame,
    "reject_option": reject_frame,
    "importance": importance_frame,
    "slices": slice_frame,
}

# Shuffles of each column, as in scikit-learn by default.
_REPEATS = 5


class Answer(NamedTuple):
    """What a report shows of one part of its summary.

    Parameters
    ----------
    heading, sentences : str
        Plain text.
    table : DataFrame
        Readable texts.
    is_long : bool
        Whether the table is for pages only.
    figure : callable
        Makes the display of the page.
    alt : str
        What the figure shows, in words.
    """

    heading: str
    sentences: str
    table: "pd.DataFrame"
    is_long: bool
    figure: "Callable[[], Display]"
    alt: str

    def html(self, *, brief: bool = False) -> str:
        """Sentences, table and figure for a page; in brief, what a text would have."""
        from skimbalance.plots._drawing import drawn_apart

        if brief:
            table = "" if self.is_long else table_html(self.table)
            return f"<p>{escape(self.sentences)}</p>{table}"
        picture = figure_html(drawn_apart(self.figure()), self.alt)
        return f"<p>{escape(self.sentences)}</p>{table_html(self.table)}{picture}"


def positive_class(summary: dict[str, Any], pos_label: Any, owner: str) -> int:
    """Place in the summary of the class, or the label, that is asked about: the rarest by default.

    Raises
    ------
    ValueError
        If there is no such class.
    """
    parts = _parts(summary)
    if pos_label is None:
        return rarest(np.array([part["support"] for part in parts]))
    labels = [part["label"] for part in parts]
    if np.ndim(pos_label) or pos_label not in labels:
        raise ValueError(
            f"The 'pos_label' parameter of {owner} must be one of {some_of(labels)}. Got "
            f"{pos_label!r} instead."
        )
    return labels.index(pos_label)


def with_answers(
    summary: dict[str, Any],
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    proba: npt.ArrayLike | None,
    labels: npt.ArrayLike | None,
    *,
    pos_label: Any,
    slices: Any,
    owner: str,
) -> dict[str, Any]:
    """A summary with the reject option, if there are posteriors of classes, and with slices.

    Parameters
    ----------
    summary : dict
        As from `classification_summary`.
    y_true, y_pred, proba, labels
        What it was made of; of sequences, their steps.
    pos_label : label or None
        The class that is asked about; None stands for the rarest.
    slices : array-like, DataFrame or None
        Columns with a value for each row.
    owner : str
        For errors.

    Raises
    ------
    ValueError
        If there is no such class, or slices have other rows.
    """
    positive = positive_class(summary, pos_label, owner)
    label, found = _parts(summary)[positive]["label"], {}
    if "labels" in summary:
        true, decided = (
            label_matrix(y, name, owner, missing=True)[:, positive]
            for y, name in ((y_true, "y_true"), (y_pred, "y_pred"))
        )
        known, is_true, is_decided = ~np.isnan(true), true == 1, decided == 1
    else:
        labels = all_labels(labels, owner, y_true=y_true, y_pred=y_pred)
        y, decided = (
            encoded(y_true, labels, "y_true", owner),
            encoded(y_pred, labels, "y_pred", owner),
        )
        known, is_true, is_decided = np.ones(len(y), bool), y == positive, decided == positive
        if proba is not None:
            _, eta, _ = checked_posteriors(y_true, proba, labels, owner)
            option = reject_option(y, decided, eta, positive)
            found = {} if option is None else {"reject_option": {"label": label} | option}
    if slices is not None:
        if "n_sequences" in summary:
            raise ValueError(
                f"The 'slices' parameter of {owner} must be None for sequences, as their steps "
                "are not independent rows: report on the sequences of each slice by themselves."
            )
        columns = [
            (name, values[known]) for name, values in slice_columns(slices, len(known), owner)
        ]
        scores = slice_scores(columns, is_true[known], is_decided[known], summary["level"])
        found["slices"] = {"label": label} | scores
    return summary | found


def checked_repeats(importance: bool | int, owner: str) -> int:
    """The number of shuffles of each column; 0 if importances are not asked for."""
    if not isinstance(importance, Integral | np.bool_) or importance < 0:
        raise ValueError(
            f"The 'importance' parameter of {owner} must be a bool, or the number of shuffles of "
            f"each column. Got {importance!r} instead."
        )
    return _REPEATS if importance is True or importance is np.True_ else int(importance)


def importance_of(
    estimator: Any,
    X: Any,
    y: npt.ArrayLike,
    labels: Any,
    summary: dict[str, Any],
    pos_label: Any,
    n_repeats: int,
    random_state: int | np.random.RandomState | None,
    owner: str,
) -> dict[str, Any]:
    """The part of a summary with the importance of each column, see `column_importance`.

    Parameters
    ----------
    estimator, X, y
        A fitted classifier, and rows that it has not seen.
    labels : array-like of shape (n_classes,) or None
        All class labels; in the multilabel case None.
    summary : dict
        Summary of its predictions.
    pos_label, n_repeats, random_state, owner
        The class, the number of shuffles of each column, their source, and the owner in errors.

    Raises
    ------
    ValueError
        If X has no columns to shuffle, or no row is of the class.
    """
    positive = positive_class(summary, pos_label, owner)
    part = _parts(summary)[positive]
    if not part["support"]:
        raise ValueError(
            f"The 'importance' parameter of {owner} needs rows of the class that it is about. Got "
            f"none of {part['label']!r}."
        )
    if "labels" in summary:
        is_true = label_matrix(y, "y", owner, missing=True)[:, positive]
    elif "n_sequences" in summary:
        is_true = None
    else:
        is_true = (encoded(y, labels, "y", owner) == positive).astype(float)

    def ranked(estimator, X):
        return posterior(estimator, X, labels, multilabel="labels" in summary)[:, positive]

    found = column_importance(estimator, X, is_true, ranked, n_repeats, random_state, owner)
    return {"label": part["label"]} | found


def answers(summary: dict[str, Any]) -> list[Answer]:
    """What the report shows of the parts that its summary has."""
    shown = {"reject_option": _left_to_people, "importance": _why, "slices": _for_whom}
    return [show(summary) for name, show in shown.items() if name in summary]


def _parts(summary):
    return summary["labels" if "labels" in summary else "classes"]


def _named(summary, part):
    """Words for the class, or the label, that a part is about."""
    noun = "label" if "labels" in summary else "class"
    return f"{noun} {summary[part]['label']!r}"


def _left_to_people(summary):
    from skimbalance.plots._risk_coverage import RiskCoverageDisplay

    option = summary["reject_option"]
    unit = "step" if "n_sequences" in summary else "row"
    return Answer(
        "What to leave to people",
        reject_sentence(option, unit),
        reject_table(option, unit),
        True,
        lambda: RiskCoverageDisplay(**option["curve"], label=option["label"]),
        "Error rate, macro-F1, recall and precision of the decisions that are kept, against the "
        "share of the least sure ones that are left to people",
    )


def _why(summary):
    from skimbalance.plots._intervals import IntervalsDisplay, Panel

    importance, named = summary["importance"], _named(summary, "importance")
    shown = importance["columns"][:MOST_SHOWN]
    mean, std = (np.array([column[name] for column in shown]) for name in ("mean", "std"))
    title = f"loss of average precision ({importance['average_precision']:.3f})"
    panel = Panel(title, mean, mean - std, mean + std, 0.0)
    names = [str(column["column"]) for column in shown]
    return Answer(
        "Why: the columns that matter",
        f"Importance of a column: what the average precision of {named}, "
        f"{importance['average_precision']:.3f}, loses when the column is shuffled, in "
        f"{importance['n_repeats']} shuffles. Columns that say the same share their importance.",
        importance_table(importance),
        False,
        lambda: IntervalsDisplay(names, [panel], as_bars=True),
        f"Loss of the average precision of {named} when a column is shuffled, by column",
    )


def _for_whom(summary):
    from skimbalance.plots._intervals import IntervalsDisplay, Panel

    slices, named = summary["slices"], _named(summary, "slices")
    frame = slice_frame(slices)
    of_all = _parts(summary)[[p["label"] for p in _parts(summary)].index(slices["label"])]
    panels = [
        Panel(
            f"{name} of {named}",
            frame[name],
            frame[f"{name}_low"].where(frame[name].notna()),
            frame[f"{name}_high"].where(frame[name].notna()),
            np.nan if of_all[name] is None else of_all[name],
        )
        for name in ("recall", "precision")
    ]
    names = [": ".join(name) for name in frame.index]
    return Answer(
        "For whom: the slices",
        f"Slices: the scores are those of {named}, with intervals. p is that of Fisher's exact "
        "test of a slice against all other rows, adjusted for the number of tests by Holm's "
        "method. Values with few rows share a slice.",
        slice_table(slices),
        False,
        lambda: IntervalsDisplay(names, panels),
        f"Recall and precision of {named} by slice, with intervals",
    )
