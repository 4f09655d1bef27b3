"""What is wrong with a classifier, in sentences, from its summary."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from skimbalance.metrics._p_values import SIGNIFICANCE
from skimbalance.report._slices import slice_flags

__all__ = ["OVERALL_NAMES", "flags"]

#: Score over all classes -> its name in tables and sentences.
OVERALL_NAMES = {
    "balanced_accuracy": "balanced accuracy",
    "f1_macro": "macro-F1",
    "f1_micro": "micro-F1",
    "f1_samples": "F1 of the rows",
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


class _Parts(NamedTuple):
    """Classes, labels or types of entities, with their words."""

    scores: list[dict[str, Any]]
    noun: str
    plural: str
    units: tuple[str, str]

    def named(self, part: dict[str, Any]) -> str:
        return f"{self.noun} {part['label']!r}"

    def number(self, n: int) -> str:
        return f"{n} {self.units[n != 1]}"


def flags(summary: dict[str, Any]) -> list[str]:
    """What is wrong, in sentences."""
    parts = _Parts(
        summary["labels"] if "labels" in summary else summary["classes"], *_words(summary)
    )
    return [
        *_missed(parts),
        *(_poor_labels(parts) if "labels" in summary else _poor_decisions(summary, parts)),
        *_poor_probabilities(summary, parts),
        *_badly_calibrated(summary, parts),
        *_too_few_rows(parts),
        *_missed(
            _Parts(summary.get("entities", []), "entities", "entities", ("entity", "entities"))
        ),
        *(slice_flags(summary["slices"], parts.noun) if "slices" in summary else []),
    ]


def _words(summary):
    """Noun and plural of what is scored, and of what is counted."""
    units = ("step", "steps") if "n_sequences" in summary else ("row", "rows")
    return ("label", "labels", units) if "labels" in summary else ("class", "classes", units)


def _missed(parts: _Parts) -> Iterator[str]:
    """Those that are never predicted, never found, and mostly missed."""
    scores = [p for p in parts.scores if p["support"]]
    never = [
        f"{parts.named(p)} ({parts.number(p['support'])})" for p in scores if not p["predicted"]
    ]
    if never:
        yield f"Never predicted: {_some(never)}."
    scores = [p for p in scores if p["predicted"]]
    not_found = [
        f"{parts.named(p)} ({parts.number(p['support'])}, predicted {p['predicted']} times)"
        for p in scores
        if p["recall"] == 0
    ]
    if not_found:
        yield f"Never found: {_some(not_found)}."
    mostly = [
        f"{parts.named(p)} ({parts.number(p['support'])}, recall {p['recall']:.2f} "
        f"[{p['recall_interval'][0]:.2f}, {p['recall_interval'][1]:.2f}])"
        for p in scores
        if 0 < p["recall"] < _MOSTLY
    ]
    if mostly:
        yield f"Mostly missed: {_some(mostly)}."


def _poor_decisions(summary: dict[str, Any], parts: _Parts) -> Iterator[str]:
    if sum(p["support"] > 0 for p in parts.scores) < 2:
        yield f"All test {parts.units[1]} are of one class: most scores say nothing."
        return
    frequent = max(parts.scores, key=lambda p: p["support"])["label"]
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
    elif overall.get("chance_p_value", 0) > SIGNIFICANCE:
        yield (
            "Decisions may be no better than chance: balanced accuracy "
            f"{overall['balanced_accuracy']:.3f}, which chance reaches in "
            f"{overall['chance_p_value']:.0%} of cases."
        )


def _poor_labels(parts: _Parts) -> Iterator[str]:
    """Labels whose F1 is no higher than if all rows, or random ones, were given the label."""
    poor = []
    for p in parts.scores:
        share = _share(p)
        by_chance = 2 * share / (1 + share)
        if p["recall"] and share < 1 and p["f1"] <= by_chance:
            poor.append(f"{parts.named(p)} (F1 {p['f1']:.3f} against {by_chance:.3f})")
    if poor:
        yield f"Decisions are no better than giving the label to every row: {_some(poor)}."


def _share(part: dict[str, Any], n_rows: int = 0) -> float:
    """Share of a class, or of a label among the rows in which it is known."""
    return part["support"] / max(part.get("n_rows", n_rows), 1)


def _poor_probabilities(summary: dict[str, Any], parts: _Parts) -> Iterator[str]:
    overall, dummy = summary["overall"], summary["dummy"]
    poor = [
        f"{OVERALL_NAMES[name]} {overall[name]:.3f} against {dummy[name]:.3f}"
        for name in ("log_loss", "brier")
        if name in overall and overall[name] > dummy[name]
    ]
    if poor:
        yield f"Probabilities are worse than the {parts.noun} shares alone: {', '.join(poor)}."
    by_chance = []
    for p in parts.scores:
        share, precision = _share(p, summary["n_rows"]), p.get("average_precision")
        if precision is not None and share < 1 and precision <= share:
            by_chance.append(
                f"{parts.named(p)} (average precision {precision:.3f}, share {share:.3f})"
            )
    if by_chance:
        yield f"Rankings are no better than chance: {_some(by_chance)}."


def _badly_calibrated(summary: dict[str, Any], parts: _Parts) -> Iterator[str]:
    bad, shifted = [], False
    for p in parts.scores:
        share = _share(p, summary["n_rows"])
        error = p.get("calibration_error") or 0.0
        by_chance = p.get("calibration_error_by_chance") or 0.0
        if error > max(by_chance, _BAD_CALIBRATION * min(share, 1 - share)):
            bad.append(
                f"{parts.named(p)} (off by {error:.3f} on average; they sum to "
                f"{p['expected']:.1f} {parts.units[1]}, but the {parts.noun} has {p['support']})"
            )
            # Overconfidence leaves the sum of a rare class right; weights and resampling raise it.
            shifted |= share < 0.5 and p["expected"] > (1 + _BAD_CALIBRATION) * p["support"]
    if bad:
        remedy = "Calibrate them on held-out rows."
        if shifted:
            remedy += " If class weights or resampling raised them, undo these first."
        yield f"Probabilities are badly calibrated: {_some(bad)}. {remedy}"


def _too_few_rows(parts: _Parts) -> Iterator[str]:
    absent = [parts.named(p) for p in parts.scores if not p["support"]]
    if absent:
        without = f"{parts.plural} without test {parts.units[1]}"
        yield f"Nothing is known about {without}: {_some(absent)}."
    few = []
    for p in parts.scores:
        low, high = p["recall_interval"]
        if p["support"] and high - low > _WIDE_INTERVAL:
            few.append(
                f"{parts.named(p)} ({parts.number(p['support'])}, recall {low:.2f} to {high:.2f})"
            )
    if few:
        yield f"Too few test {parts.units[1]} to judge: {_some(few)}."


def _some(texts):
    """The first of some texts, and the number of the others."""
    n_more = len(texts) - _MOST_NAMED
    return ", ".join([*texts[:_MOST_NAMED], *([f"and {n_more} more"] if n_more > 0 else [])])
