"""Losses for imbalanced data, as functions and as Keras losses.

Each class works in ``model.compile(loss=...)`` of any Keras model. Losses of softmax outputs accept
class indices of shape (batch,) or (batch, time), or one-hot targets of shape (batch, classes) or
(batch, time, classes); they accept class weights also where Keras' own ``class_weight`` refuses
them. Losses of sigmoid outputs accept a 0 or 1 for each label, of shape (batch, labels) or
(batch, time, labels). Outputs are probabilities, as is Keras' default, unless ``from_logits=True``,
which is more exact and preferable.

The functions accept the same parameters as the classes and return a value for each example;
`soft_f1` and `sigmoid_f1`, which count over the batch, return a scalar.
"""

from skimbalance._losses.batch import SigmoidF1, SoftF1
from skimbalance._losses.functions import (
    crossentropy,
    expected_cost,
    focal_crossentropy,
    generalized_crossentropy,
    ldam_crossentropy,
    logit_adjusted_crossentropy,
    poly1_crossentropy,
    soft_f1,
    vector_scaling_crossentropy,
)
from skimbalance._losses.label_functions import (
    asymmetric_crossentropy,
    binary_focal_crossentropy,
    distribution_balanced_crossentropy,
    label_crossentropy,
    sigmoid_f1,
)
from skimbalance._losses.records import SIGMOID, SOFTMAX
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

#: Value of a classifier's `loss` for class labels -> function of (targets, logits, parameters).
LOSSES = {name: globals()[loss.function] for name, loss in SOFTMAX.items()}

#: Value of a classifier's `loss` for multilabel y -> function of (targets, logits, parameters).
LABEL_LOSSES = {name: globals()[loss.function] for name, loss in SIGMOID.items()}
