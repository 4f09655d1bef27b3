"""Keras metrics of whole epochs, from logits."""

import copy
import re
from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np

from skimbalance._fit.targets import Target
from skimbalance._keras_private import compiled_metrics

__all__ = ["Metrics"]

# Names that Keras interprets by the kind of target.
ACCURACY = {"acc", "accuracy"}
CROSSENTROPY = {"ce", "crossentropy"}


class Metrics:
    """Metrics of a classifier's outputs, by name.

    Keras' sparse metrics, accuracy and cross-entropy get class indices. All others get, for two
    classes, 0 or 1 and the probability of the second; for more classes, one-hot targets and all
    probabilities, and so do categorical metrics of two classes. In the multilabel case all get an
    indicator and probabilities.

    Parameters
    ----------
    metrics : list
        Names, instances, classes or functions.
    exclusive : bool
        Whether outputs exclude each other: probabilities are their softmax, else a sigmoid each.
    named : list, default=()
        The metrics that the user made, which keep their names. Others are made anew for each fit,
        so the numbers that Keras gives them ("auc", "auc_1") are removed.
    """

    def __init__(self, metrics: list[Any], exclusive: bool, named: Sequence[Any] = ()):
        self._exclusive = exclusive
        self._metrics: dict[str, Any] = {}
        for metric in metrics:
            name, resolved = self._resolved(metric, any(metric is other for other in named))
            n_alike = sum(re.sub(r"_\d+$", "", other) == name for other in self._metrics)
            self._metrics[f"{name}_{n_alike}" if name in self._metrics else name] = resolved

    @classmethod
    def of(cls, built: Any, target: Target, given: Any) -> Self | None:
        """The metrics that the parameter `given` names, or that the model is compiled with."""
        metrics = built.metrics
        if metrics is None and built.model.compiled:
            metrics = compiled_metrics(built.model)
        metrics = [metric for metric in keras.tree.flatten(metrics) if metric is not None]
        if not metrics:
            return None
        return cls(metrics, target.exclusive, keras.tree.flatten(given))

    def __call__(self, y, logits):
        """Values of targets and logits.

        Returns
        -------
        values : dict of str to float
            A metric with a value for each class gives ``name_0``, ``name_1`` and so on.
        """
        z = keras.ops.convert_to_tensor(logits)
        proba = np.asarray(keras.ops.softmax(z) if self._exclusive else keras.ops.sigmoid(z))
        values = {}
        for name, metric in self._metrics.items():
            targets, outputs = self._form(metric, y, proba)
            if isinstance(metric, keras.metrics.Metric):
                metric.reset_state()
                metric.update_state(targets, outputs)
                value = metric.result()
            else:
                value = keras.ops.mean(metric(targets, outputs))
            value = np.asarray(value)
            numbers = enumerate(value.ravel().tolist())
            is_vector = value.size > 1
            values.update({f"{name}_{i}" if is_vector else name: number for i, number in numbers})
        return values

    def _resolved(self, metric, keep_name):
        """Name and metric: a fresh instance, or a function."""
        name = metric if isinstance(metric, str) else None
        if name in ACCURACY | CROSSENTROPY:
            kind = "SparseCategorical" if self._exclusive else "Binary"
            what = "Accuracy" if name in ACCURACY else "Crossentropy"
            return name, getattr(keras.metrics, kind + what)(name=name)
        metric = keras.metrics.get(metric)
        if not isinstance(metric, keras.metrics.Metric):
            return name or metric.__name__, metric
        # A copy, as the given instance may serve fits in other threads.
        fresh = copy.deepcopy(metric)
        return fresh.name if keep_name else _unnumbered(fresh), fresh

    def _form(self, metric, y, proba):
        """Targets and outputs in the form that a metric expects."""
        if not self._exclusive:
            return y.astype(proba.dtype), proba
        name = getattr(metric, "__name__", type(metric).__name__).lower()
        if "sparse" in name:
            return y, proba
        if proba.shape[1] == 2 and not _is_categorical(metric, name):
            return y[:, None].astype(proba.dtype), proba[:, 1:]
        return np.eye(proba.shape[1], dtype=proba.dtype)[y], proba


def _unnumbered(metric):
    """The name of a metric without a number that Keras gave it."""
    plain = re.sub(r"_\d+$", "", metric.name)
    is_made_up = plain.replace("_", "") == type(metric).__name__.lower()
    return plain if is_made_up else metric.name


def _is_categorical(metric, name):
    """Whether a metric looks at all classes, also where there are two."""
    takes_largest = isinstance(metric, keras.metrics.FBetaScore) and metric.threshold is None
    return "categorical" in name or takes_largest or getattr(metric, "class_id", None) is not None
