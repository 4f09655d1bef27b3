"""Keras metrics of whole epochs, from logits."""

import copy

import keras
import numpy as np

from skimbalance._targets import Labels

__all__ = ["Metrics"]

# Names that Keras reads by the kind of target.
ACCURACY = {"acc", "accuracy"}
CROSSENTROPY = {"ce", "crossentropy"}


class Metrics:
    """Metrics of a classifier's outputs, by name.

    Keras' sparse metrics, accuracy and cross-entropy get class indices, or indicators of labels.
    All others get, of two classes, 0 or 1 and the probability of the second; of more, one-hot
    targets and all probabilities, and so do categorical ones of two; of labels, indicators and
    probabilities.

    Parameters
    ----------
    metrics : list
        Names, instances, classes or functions.
    of_labels : bool
        Whether outputs are labels that each hold or do not.
    """

    def __init__(self, metrics, of_labels):
        self._of_labels = of_labels
        self._metrics = dict(map(self._resolved, metrics))

    @classmethod
    def of(cls, built, network):
        """Those that the parameters ask for, or that the model is compiled with; else None."""
        metrics = built.metrics
        if metrics is None and built.model.compiled:
            # As given: `get_compile_config` has names, from which not all can be made again.
            metrics = built.model._compile_config.config.get("metrics")
        metrics = [metric for metric in keras.tree.flatten(metrics) if metric is not None]
        return cls(metrics, isinstance(network.target, Labels)) if metrics else None

    def __call__(self, y, logits):
        """Values of targets and logits.

        Returns
        -------
        values : dict of str to float
            A list of floats where a metric has one for each class.
        """
        z = keras.ops.convert_to_tensor(logits)
        proba = np.asarray(keras.ops.sigmoid(z) if self._of_labels else keras.ops.softmax(z))
        values = {}
        for name, metric in self._metrics.items():
            targets, outputs = self._form(metric, y, proba)
            if isinstance(metric, keras.metrics.Metric):
                metric.reset_state()
                metric.update_state(targets, outputs)
                value = metric.result()
            else:
                value = keras.ops.mean(metric(targets, outputs))
            values[name] = np.asarray(value).tolist()
        return values

    def _resolved(self, metric):
        """Name and metric: an instance of its own, or a function."""
        name = metric if isinstance(metric, str) else None
        if name in ACCURACY | CROSSENTROPY:
            kind = "Binary" if self._of_labels else "SparseCategorical"
            what = "Accuracy" if name in ACCURACY else "Crossentropy"
            return name, getattr(keras.metrics, kind + what)(name=name)
        metric = keras.metrics.get(metric)
        if isinstance(metric, keras.metrics.Metric):
            # The one that was given may serve fits in other threads.
            return metric.name, copy.deepcopy(metric)
        return name or metric.__name__, metric

    def _form(self, metric, y, proba):
        """Targets and outputs as a metric wants them."""
        if self._of_labels:
            return y.astype(proba.dtype), proba
        name = getattr(metric, "__name__", type(metric).__name__).lower()
        if "sparse" in name:
            return y, proba
        if proba.shape[1] == 2 and not _is_categorical(metric, name):
            return y[:, None].astype(proba.dtype), proba[:, 1:]
        return np.eye(proba.shape[1], dtype=proba.dtype)[y], proba


def _is_categorical(metric, name):
    """Whether a metric looks at all classes, also where there are two."""
    takes_largest = isinstance(metric, keras.metrics.FBetaScore) and metric.threshold is None
    return "categorical" in name or takes_largest or getattr(metric, "class_id", None) is not None
