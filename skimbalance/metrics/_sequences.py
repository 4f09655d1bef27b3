"""Scores of a tagger: by class of the steps, and by entity where the classes are tags."""

from functools import partial
from typing import Any

import numpy as np

from skimbalance.metrics._checks import all_labels, checked_posteriors, encoded
from skimbalance.metrics._clusters import (
    Sums,
    class_intervals,
    f1_macro_and_micro,
    overall_intervals,
    sums_of_units,
)
from skimbalance.metrics._decisions import OVERALL, scores_of_classes, scores_of_sums
from skimbalance.metrics._entities import are_tags, entity_sums
from skimbalance.metrics._plain import json_label, parts_by_name, plain_floats
from skimbalance.metrics._posteriors import (
    losses,
    probabilities_by_class,
)
from skimbalance.metrics._targets import StepsOf

__all__ = ["sequence_summary"]


def sequence_summary(
    steps: StepsOf,
    labels: Any,
    level: float,
    n_resamples: int,
    rng: np.random.RandomState,
) -> dict[str, Any]:
    """See `skimbalance.metrics.classification_summary`."""
    owner = "classification_summary"
    labels = all_labels(labels, owner, y_true=steps.y, y_pred=steps.decided)
    y = encoded(steps.y, labels, "y_true", owner)
    decided = encoded(steps.decided, labels, "y_pred", owner)
    _, unit = np.unique(steps.sequence, return_inverse=True)
    n_sequences, n_classes = unit[-1] + 1, len(labels)
    sums = sums_of_units(y, decided, unit, n_sequences, n_classes)
    total = _total(sums)
    by_class = _scores_by_name(labels.tolist(), sums, level)
    always = np.full_like(y, np.argmax(total[2]))
    overall, ends = _scores_of_all(sums, level, n_resamples, rng)
    dummy_sums = sums_of_units(y, always, np.zeros_like(y), 1, n_classes)
    dummy, _ = _scores_of_all(dummy_sums, level, 1, np.random.RandomState(0))
    overall |= ends
    if steps.proba is not None:
        y, proba, _ = checked_posteriors(steps.y, steps.proba, labels, owner)
        by_class |= probabilities_by_class(y, proba, rng, unit)
        overall |= losses(y, proba)
        dummy |= losses(y, np.broadcast_to(total[2] / len(y), proba.shape))
    summary = {
        "n_rows": len(y),
        "n_sequences": int(n_sequences),
        "level": level,
        "classes": parts_by_name(by_class),
        "overall": overall,
        "dummy": dummy,
    }
    if are_tags(labels.tolist()):
        summary |= _entities(steps, level, n_resamples, rng)
    return summary


def _total(sums: Sums) -> Sums:
    hits, predicted, actual = sums
    return hits.sum(axis=0), predicted.sum(axis=0), actual.sum(axis=0)


def _scores_by_name(names, sums, level):
    """Numbers, scores and intervals of each class or type of entity."""
    total, ends = _total(sums), class_intervals(sums, level)
    columns = {
        "label": [json_label(name) for name in names],
        "support": total[2].astype(int).tolist(),
        "predicted": total[1].astype(int).tolist(),
    }
    for name, score in scores_of_sums(*total).items():
        columns |= {name: plain_floats(score), f"{name}_interval": ends[name].tolist()}
    return columns


def _scores_of_all(sums, level, n_resamples, rng):
    """Scores of all classes, and their intervals."""
    total = _total(sums)
    scores = partial(scores_of_classes, observed=total)
    ends = overall_intervals(sums, scores, level, n_resamples, rng, exclusive=True)
    return (
        dict(zip(OVERALL, scores(total).tolist(), strict=True)),
        {f"{name}_interval": end for name, end in zip(OVERALL, ends.tolist(), strict=True)},
    )


def _entities(steps, level, n_resamples, rng):
    """Scores by type of entity, and over all; nothing if no sequence has an entity."""
    types, sums = entity_sums(steps.y, steps.decided, steps.sequence)
    if not types:
        return {}
    values = f1_macro_and_micro(_total(sums))
    ends = overall_intervals(sums, f1_macro_and_micro, level, n_resamples, rng, exclusive=False)
    overall: dict[str, Any] = {}
    for name, value, end in zip(("f1_macro", "f1_micro"), values, ends, strict=True):
        overall |= {name: float(value), f"{name}_interval": end.tolist()}
    return {
        "entities": parts_by_name(_scores_by_name(types, sums, level)),
        "entities_overall": overall,
    }
