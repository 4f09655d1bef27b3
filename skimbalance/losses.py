"""Losses made for imbalance, as functions and as Keras losses.

Each works by itself in ``model.compile(loss=...)`` of any Keras model: on targets of shape
(batch,), (batch, time) with class indices, or (batch, classes), (batch, time, classes) one-hot,
with weights for each class also where Keras' own ``class_weight`` refuses them; those of sigmoid
outputs on a 0 or 1 for each label, (batch, labels) or (batch, time, labels). Defaults follow
Keras: outputs are probabilities unless ``from_logits=True``, which is more exact and preferable.

The functions take the same parameters as the classes and return one value an example
(`soft_f1` and `sigmoid_f1`, which count over the batch: a scalar).
"""

from skimbalance._losses.batch import SigmoidF1, SoftF1
from skimbalance._losses.functions import (
    asymmetric_crossentropy,
    binary_focal_crossentropy,
    crossentropy,
    distribution_balanced_crossentropy,
    expected_cost,
    focal_crossentropy,
    generalized_crossentropy,
    label_crossentropy,
    ldam_crossentropy,
    logit_adjusted_crossentropy,
    poly1_crossentropy,
    sigmoid_f1,
    soft_f1,
    vector_scaling_crossentropy,
)
from skimbalance._losses.sigmoid import (
    AsymmetricCrossentropy,
    BinaryFocalCrossentropy,
    DistributionBalancedCrossentropy,
    LabelCrossentropy,
)
from skimbalance._losses.softmax import (
    Crossentropy,
    ExpectedCost,
    FocalCrossentropy,
    GeneralizedCrossentropy,
    LDAMCrossentropy,
    LogitAdjustedCrossentropy,
    Poly1Crossentropy,
    VectorScalingCrossentropy,
)

__all__ = [
    "LABEL_LOSSES",
    "LOSSES",
    "AsymmetricCrossentropy",
    "BinaryFocalCrossentropy",
    "Crossentropy",
    "DistributionBalancedCrossentropy",
    "ExpectedCost",
    "FocalCrossentropy",
    "GeneralizedCrossentropy",
    "LDAMCrossentropy",
    "LabelCrossentropy",
    "LogitAdjustedCrossentropy",
    "Poly1Crossentropy",
    "SigmoidF1",
    "SoftF1",
    "VectorScalingCrossentropy",
    "asymmetric_crossentropy",
    "binary_focal_crossentropy",
    "crossentropy",
    "distribution_balanced_crossentropy",
    "expected_cost",
    "focal_crossentropy",
    "generalized_crossentropy",
    "label_crossentropy",
    "ldam_crossentropy",
    "logit_adjusted_crossentropy",
    "poly1_crossentropy",
    "sigmoid_f1",
    "soft_f1",
    "vector_scaling_crossentropy",
]

#: Loss name of a single-label classifier -> function of (targets, logits, parameters).
LOSSES = {
    "crossentropy": crossentropy,
    "focal": focal_crossentropy,
    "logit_adjusted": logit_adjusted_crossentropy,
    "ldam": ldam_crossentropy,
    "vector_scaling": vector_scaling_crossentropy,
    "poly1": poly1_crossentropy,
    "generalized": generalized_crossentropy,
    "expected_cost": expected_cost,
    "soft_f1": soft_f1,
}

#: Loss name of a multilabel classifier -> function of (targets, logits, parameters).
LABEL_LOSSES = {
    "crossentropy": label_crossentropy,
    "focal": binary_focal_crossentropy,
    "asymmetric": asymmetric_crossentropy,
    "distribution_balanced": distribution_balanced_crossentropy,
    "soft_f1": sigmoid_f1,
}
