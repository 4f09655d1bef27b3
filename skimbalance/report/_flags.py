"""What is wrong with a classifier, in sentences, from its summary."""

__all__ = ["OVERALL_NAMES", "flags"]

#: Score of all classes -> how it is written.
OVERALL_NAMES = {
    "balanced_accuracy": "balanced accuracy",
    "f1_macro": "macro-F1",
    "mcc": "MCC",
    "geometric_mean": "G-mean",
    "log_loss": "log-loss",
    "brier": "Brier score",
}

# A recall known no better than this says little: 20 rows of which half are found.
_WIDE_INTERVAL = 0.4
# Probabilities off by a quarter of the class's share mislead, however sure one is of it.
_BAD_CALIBRATION = 0.25
# The usual level of tests.
_CHANCE = 0.05


def flags(summary):
    """What is wrong, in sentences."""
    return [
        *_never_predicted(summary),
        *_never_found(summary),
        *_poor_decisions(summary),
        *_poor_probabilities(summary),
        *_badly_calibrated(summary),
        *_too_few_rows(summary),
    ]


def _never_predicted(summary):
    missed = [
        f"class {c['label']!r} ({_rows(c['support'])})"
        for c in summary["classes"]
        if c["support"] and not c["predicted"]
    ]
    if missed:
        yield f"Never predicted: {', '.join(missed)}."


def _never_found(summary):
    missed = [
        f"class {c['label']!r} ({_rows(c['support'])}, predicted {c['predicted']} times)"
        for c in summary["classes"]
        if c["support"] and c["predicted"] and c["recall"] == 0
    ]
    if missed:
        yield f"Never found: {', '.join(missed)}."


def _poor_decisions(summary):
    if sum(c["support"] > 0 for c in summary["classes"]) < 2:
        yield "The test rows are of one class only: most scores say nothing."
        return
    frequent = max(summary["classes"], key=lambda c: c["support"])["label"]
    overall, dummy = summary["overall"], summary["dummy"]
    poor = [
        f"{OVERALL_NAMES[name]} {overall[name]:.3f} against {dummy[name]:.3f}"
        for name in ("balanced_accuracy", "f1_macro")
        if overall[name] <= dummy[name]
    ]
    if poor:
        yield f"Decisions no better than always predicting class {frequent!r}: {', '.join(poor)}."
    elif overall["chance_p_value"] > _CHANCE:
        yield (
            "Decisions perhaps no better than dealt at random: balanced accuracy "
            f"{overall['balanced_accuracy']:.3f}, which chance reaches in "
            f"{overall['chance_p_value']:.0%} of cases."
        )


def _poor_probabilities(summary):
    overall, dummy = summary["overall"], summary["dummy"]
    poor = [
        f"{OVERALL_NAMES[name]} {overall[name]:.3f} against {dummy[name]:.3f}"
        for name in ("log_loss", "brier")
        if name in overall and overall[name] > dummy[name]
    ]
    if poor:
        yield f"Probabilities worse than the class shares alone: {', '.join(poor)}."
    by_chance = [
        f"class {c['label']!r} (average precision {c['average_precision']:.3f}, "
        f"share {c['support'] / summary['n_rows']:.3f})"
        for c in summary["classes"]
        if c.get("average_precision") is not None
        and c["support"] < summary["n_rows"]
        and c["average_precision"] <= c["support"] / summary["n_rows"]
    ]
    if by_chance:
        yield f"Ranked no better than by chance: {', '.join(by_chance)}."


def _badly_calibrated(summary):
    bad = []
    for c in summary["classes"]:
        share = c["support"] / summary["n_rows"]
        error = c.get("calibration_error", 0.0)
        limit = max(
            c.get("calibration_error_by_chance", 0.0), _BAD_CALIBRATION * min(share, 1 - share)
        )
        if error > limit:
            bad.append(
                f"class {c['label']!r} (off by {error:.3f} on average; they add up to "
                f"{c['expected']:.1f} rows, and it has {c['support']})"
            )
    if bad:
        yield (
            f"Probabilities badly calibrated: {', '.join(bad)}. Undo weights and resampling, as "
            "predict_posterior does, or calibrate on held-out rows."
        )


def _too_few_rows(summary):
    absent = [f"class {c['label']!r}" for c in summary["classes"] if not c["support"]]
    if absent:
        yield f"No test rows, so nothing is known: {', '.join(absent)}."
    few = []
    for c in summary["classes"]:
        low, high = c["recall_interval"]
        if c["support"] and high - low > _WIDE_INTERVAL:
            few.append(
                f"class {c['label']!r} ({_rows(c['support'])}, recall {low:.2f} to {high:.2f})"
            )
    if few:
        yield f"Too few test rows to tell: {', '.join(few)}."


def _rows(n):
    return f"{n} row{'s' if n != 1 else ''}"
