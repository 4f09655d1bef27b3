"""What is wrong with a classifier, in sentences, from its summary."""

from collections.abc import Iterator
from typing import Any

__all__ = ["OVERALL_NAMES", "flags"]

#: Score over all classes -> its name in tables and sentences.
OVERALL_NAMES = {
    "balanced_accuracy": "balanced accuracy",
    "f1_macro": "macro-F1",
    "mcc": "MCC",
    "geometric_mean": "G-mean",
    "log_loss": "log-loss",
    "brier": "Brier score",
}

# A recall with a wider interval says little; this wide is that of 20 rows, half of them found.
_WIDE_INTERVAL = 0.4
# Probabilities that are off by a quarter of the class share mislead, even if many rows show it.
_BAD_CALIBRATION = 0.25
# A class with a lower recall is missed in most of its rows.
_MOSTLY = 0.5
# A sentence names at most this number of classes.
_MOST_NAMED = 10
# The usual level of tests.
_CHANCE = 0.05


def flags(summary: dict[str, Any]) -> list[str]:
    """What is wrong, in sentences."""
    return [
        *_never_predicted(summary),
        *_never_found(summary),
        *_mostly_missed(summary),
        *_poor_decisions(summary),
        *_poor_probabilities(summary),
        *_badly_calibrated(summary),
        *_too_few_rows(summary),
    ]


def _never_predicted(summary: dict[str, Any]) -> Iterator[str]:
    missed = [
        f"class {c['label']!r} ({_rows(c['support'])})"
        for c in summary["classes"]
        if c["support"] and not c["predicted"]
    ]
    if missed:
        yield f"Never predicted: {_some(missed)}."


def _never_found(summary: dict[str, Any]) -> Iterator[str]:
    missed = [
        f"class {c['label']!r} ({_rows(c['support'])}, predicted {c['predicted']} times)"
        for c in summary["classes"]
        if c["support"] and c["predicted"] and c["recall"] == 0
    ]
    if missed:
        yield f"Never found: {_some(missed)}."


def _mostly_missed(summary: dict[str, Any]) -> Iterator[str]:
    missed = [
        f"class {c['label']!r} ({_rows(c['support'])}, recall {c['recall']:.2f} "
        f"[{c['recall_interval'][0]:.2f}, {c['recall_interval'][1]:.2f}])"
        for c in summary["classes"]
        if c["support"] and 0 < c["recall"] < _MOSTLY
    ]
    if missed:
        yield f"Mostly missed: {_some(missed)}."


def _poor_decisions(summary: dict[str, Any]) -> Iterator[str]:
    if sum(c["support"] > 0 for c in summary["classes"]) < 2:
        yield "All test rows are of one class: most scores say nothing."
        return
    frequent = max(summary["classes"], key=lambda c: c["support"])["label"]
    overall, dummy = summary["overall"], summary["dummy"]
    poor = [
        f"{OVERALL_NAMES[name]} {overall[name]:.3f} against {dummy[name]:.3f}"
        for name in ("balanced_accuracy", "f1_macro")
        if overall[name] <= dummy[name]
    ]
    if poor:
        yield (
            f"Decisions are no better than always predicting class {frequent!r}: {', '.join(poor)}."
        )
    elif overall["chance_p_value"] > _CHANCE:
        yield (
            "Decisions may be no better than chance: balanced accuracy "
            f"{overall['balanced_accuracy']:.3f}, which chance reaches in "
            f"{overall['chance_p_value']:.0%} of cases."
        )


def _poor_probabilities(summary: dict[str, Any]) -> Iterator[str]:
    overall, dummy = summary["overall"], summary["dummy"]
    poor = [
        f"{OVERALL_NAMES[name]} {overall[name]:.3f} against {dummy[name]:.3f}"
        for name in ("log_loss", "brier")
        if name in overall and overall[name] > dummy[name]
    ]
    if poor:
        yield f"Probabilities are worse than the class shares alone: {', '.join(poor)}."
    by_chance = [
        f"class {c['label']!r} (average precision {c['average_precision']:.3f}, "
        f"share {c['support'] / summary['n_rows']:.3f})"
        for c in summary["classes"]
        if c.get("average_precision") is not None
        and c["support"] < summary["n_rows"]
        and c["average_precision"] <= c["support"] / summary["n_rows"]
    ]
    if by_chance:
        yield f"Rankings are no better than chance: {_some(by_chance)}."


def _badly_calibrated(summary: dict[str, Any]) -> Iterator[str]:
    bad = []
    for c in summary["classes"]:
        share = c["support"] / summary["n_rows"]
        error = c.get("calibration_error", 0.0)
        limit = max(
            c.get("calibration_error_by_chance", 0.0), _BAD_CALIBRATION * min(share, 1 - share)
        )
        if error > limit:
            bad.append(
                f"class {c['label']!r} (off by {error:.3f} on average; they sum to "
                f"{c['expected']:.1f} rows, but the class has {c['support']})"
            )
    if bad:
        yield (
            f"Probabilities are badly calibrated: {_some(bad)}. Undo weights and resampling, "
            "as predict_posterior does, or calibrate on held-out rows."
        )


def _too_few_rows(summary: dict[str, Any]) -> Iterator[str]:
    absent = [f"class {c['label']!r}" for c in summary["classes"] if not c["support"]]
    if absent:
        yield f"Nothing is known about classes without test rows: {_some(absent)}."
    few = []
    for c in summary["classes"]:
        low, high = c["recall_interval"]
        if c["support"] and high - low > _WIDE_INTERVAL:
            few.append(
                f"class {c['label']!r} ({_rows(c['support'])}, recall {low:.2f} to {high:.2f})"
            )
    if few:
        yield f"Too few test rows to judge: {_some(few)}."


def _some(texts):
    """The first of some texts, and the number of the others."""
    n_more = len(texts) - _MOST_NAMED
    return ", ".join([*texts[:_MOST_NAMED], *([f"and {n_more} more"] if n_more > 0 else [])])


def _rows(n):
    return f"{n} row{'s' if n != 1 else ''}"
