"""Keras metrics of whole epochs, from logits."""

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
    targets and all probabilities; of labels, indicators and probabilities.

    Parameters
    ----------
    metrics : list
        Names, instances or functions.
    of_labels : bool
        Whether outputs are labels that each hold or do not.
    """

    def __init__(self, metrics, of_labels):
        self._of_labels = of_labels
        self._metrics = {}
        for metric in metrics:
            name, made = self._resolved(metric)
            self._metrics[name] = made

    @classmethod
    def of(cls, built, network):
        """Those that the parameters ask for, or that the model is compiled with; else None."""
        metrics = built.metrics
        if metrics is None and built.model.compiled:
            config = built.model.get_compile_config() or {}
            metrics = keras.saving.deserialize_keras_object(config.get("metrics"))
        metrics = _flat(metrics)
        return cls(metrics, isinstance(network.target, Labels)) if metrics else None

    def __call__(self, y, logits):
        """Values of targets and logits.

        Returns
        -------
        values : dict of str to float
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
        """Name and metric: an instance of a metric, or a function."""
        if isinstance(metric, str):
            kind = "Binary" if self._of_labels else "SparseCategorical"
            if metric in ACCURACY | CROSSENTROPY:
                what = "Accuracy" if metric in ACCURACY else "Crossentropy"
                return metric, getattr(keras.metrics, kind + what)(name=metric)
            found = keras.metrics.get(metric)
            return metric, found() if isinstance(found, type) else found
        if isinstance(metric, type):
            metric = metric()
        return getattr(metric, "name", None) or metric.__name__, metric

    def _form(self, metric, y, proba):
        if self._of_labels:
            return y.astype(proba.dtype), proba
        name = type(metric).__name__
        name = getattr(metric, "__name__", "") if name == "function" else name
        if "sparse" in name.lower():
            return y, proba
        if proba.shape[1] == 2:
            return y[:, None].astype(proba.dtype), proba[:, 1:]
        return np.eye(proba.shape[1], dtype=proba.dtype)[y], proba


def _flat(metrics):
    """Metrics in one list, whatever structure Keras allows."""
    if metrics is None:
        return []
    if isinstance(metrics, dict):
        metrics = list(metrics.values())
    if not isinstance(metrics, list | tuple):
        return [metrics]
    return [m for item in metrics if item is not None for m in _flat(item)]
