"""Scores of a multilabel classifier, label by label and overall."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score

import skimbalance.metrics._scores as _scores
from skimbalance.metrics._clusters import (
    Sums,
    class_intervals,
    f1_macro_and_micro,
    overall_intervals,
)
from skimbalance.metrics._decisions import scores_of_sums
from skimbalance.metrics._plain import json_label, parts_by_name, plain_floats
from skimbalance.metrics._posteriors import calibration_of_one
from skimbalance.metrics._targets import (
    checked_label_posteriors,
    each_label,
    label_matrix,
    label_names,
)

__all__ = ["multilabel_summary"]


def multilabel_summary(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    proba: npt.ArrayLike | None,
    labels: Any,
    level: float,
    n_resamples: int,
    rng: np.random.RandomState,
) -> dict[str, Any]:
    """See `skimbalance.metrics.classification_summary`."""
    owner = "classification_summary"
    y = label_matrix(y_true, "y_true", owner, missing=True)
    names = label_names(labels, y_true, y.shape[1], owner)
    decided = label_matrix(y_pred, "y_pred", owner)
    if decided.shape != y.shape:
        raise ValueError(
            f"The 'y_pred' parameter of {owner} must have the shape of 'y_true', {y.shape}. Got "
            f"shape {decided.shape} instead."
        )
    known = ~np.isnan(y)
    kept = known.any(axis=1)
    if not kept.any():
        raise ValueError(f"The 'y_true' parameter of {owner} must know a label of some row.")
    sums = _sums(y[kept], decided[kept], known[kept])
    total = tuple(part.sum(axis=0) for part in sums)
    by_label = {
        "label": [json_label(name) for name in names],
        "n_rows": known.sum(axis=0).tolist(),
        "support": total[2].astype(int).tolist(),
        "predicted": total[1].astype(int).tolist(),
    }
    ends = class_intervals(sums, level)
    for name, score in scores_of_sums(*total).items():
        by_label |= {name: plain_floats(score), f"{name}_interval": ends[name].tolist()}
    share = total[2] / np.maximum(known.sum(axis=0), 1)
    # Of equally many rows with and without, scikit-learn's dummy takes the first: without.
    dummy_sums = _sums(y[kept], np.broadcast_to(share > 0.5, y[kept].shape) * 1.0, known[kept])
    overall, dummy = _overall(sums), _overall(dummy_sums)
    overall |= _overall_intervals(sums, level, n_resamples, rng)
    if proba is not None:
        y, p, _ = checked_label_posteriors(y_true, proba, names, owner)
        by_label |= _probabilities_by_label(y, p, rng)
        overall |= _losses(y, p)
        dummy |= _losses(y, np.broadcast_to(share, p.shape))
    return {
        "n_rows": int(kept.sum()),
        "level": level,
        "labels": parts_by_name(by_label),
        "overall": overall,
        "dummy": dummy,
    }


def _sums(y, decided, known):
    """Hits, decisions for a label, and labels, of each row; what is not known counts as absent."""
    actual, predicted = np.where(known, y, 0), decided * known
    return actual * predicted, predicted, actual


def _f1_of_rows(sums: Sums) -> np.ndarray:
    return _scores.f1(*(part.sum(axis=1) for part in sums))


def _overall(sums):
    macro, micro = f1_macro_and_micro(tuple(part.sum(axis=0) for part in sums))
    return {
        "f1_macro": float(macro),
        "f1_micro": float(micro),
        "f1_samples": float(_f1_of_rows(sums).mean()),
    }


def _overall_intervals(sums, level, n_resamples, rng):
    options = (level, n_resamples, rng)
    of_labels = overall_intervals(sums, f1_macro_and_micro, *options, exclusive=False)
    # The mean of the rows is the share of "hits" of one class in rows of one decision each.
    of_rows = _f1_of_rows(sums)[:, None]
    ones = np.ones_like(of_rows)
    of_samples = overall_intervals(
        (of_rows, ones, ones), lambda s: _scores.recall(*s), *options, exclusive=False
    )
    names = ("f1_macro", "f1_micro", "f1_samples")
    ends = np.concatenate([of_labels, of_samples]).tolist()
    return {f"{name}_interval": end for name, end in zip(names, ends, strict=True)}


def _probabilities_by_label(y, proba, rng):
    """Scores of the probabilities, each a list with a value for each label."""
    ap, calibration, expected = [], [], []
    for hit, p in each_label(y, proba):
        ap.append(average_precision_score(hit, p) if hit.any() else np.nan)
        calibration.append(calibration_of_one(hit, p, rng) if len(p) else (np.nan, np.nan))
        expected.append(p.sum())
    error, by_chance = zip(*calibration, strict=True)
    columns = {
        "average_precision": ap,
        "calibration_error": error,
        "calibration_error_by_chance": by_chance,
        "expected": expected,
    }
    return {name: plain_floats(values) for name, values in columns.items()}


def _losses(y, proba):
    """Mean log-loss and Brier score of a label in a row, over all that are known."""
    known = ~np.isnan(y)
    hit, p = y[known], proba[known]
    eps = np.finfo(float).eps
    of_truth = np.clip(np.where(hit == 1, p, 1 - p), eps, 1 - eps)
    return {"log_loss": float(-np.mean(np.log(of_truth))), "brier": float(np.mean((hit - p) ** 2))}
