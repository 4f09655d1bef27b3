"""Which classes a model file may hold."""

from importlib import import_module
from inspect import isfunction

from skimbalance.persistence._lean import full_name

__all__ = ["FORMAT", "OLDEST", "safe_types"]

#: Version of the file format: one more whenever older releases cannot read the files. All since
#: the oldest are read.
FORMAT, OLDEST = 3, 2

# The classes of this package that a file may hold. They hold numbers, arrays and each other, and
# loading them runs no other code. Their full names are part of the format: a name stays here, and
# stays importable, as long as files that hold it are read.
_STORED = (
    "skimbalance._fit.encoding.Encoder",
    "skimbalance._fit.encoding.Vocabulary",
    "skimbalance._fit.perceptron.Architecture",
    "skimbalance._fit.plan.Fitted",
    "skimbalance._fit.targets.Classes",
    "skimbalance._fit.targets.Labels",
    "skimbalance._fit.targets.Steps",
    "skimbalance._keras.network.Found",
    "skimbalance._losses.batch.SigmoidF1",
    "skimbalance._losses.batch.SoftF1",
    "skimbalance._losses.sigmoid.AsymmetricCrossentropy",
    "skimbalance._losses.sigmoid.BinaryFocalCrossentropy",
    "skimbalance._losses.sigmoid.DistributionBalancedCrossentropy",
    "skimbalance._losses.sigmoid.LabelCrossentropy",
    "skimbalance._losses.softmax.Crossentropy",
    "skimbalance._losses.softmax.ExpectedCost",
    "skimbalance._losses.softmax.FocalCrossentropy",
    "skimbalance._losses.softmax.GeneralizedCrossentropy",
    "skimbalance._losses.softmax.LDAMCrossentropy",
    "skimbalance._losses.softmax.LogitAdjustedCrossentropy",
    "skimbalance._losses.softmax.Poly1Crossentropy",
    "skimbalance._losses.softmax.VectorScalingCrossentropy",
    "skimbalance.classifier.ImbalancedMLPClassifier",
    "skimbalance.decision._calibration.IsotonicCalibration",
    "skimbalance.decision._calibration.LabelCalibration",
    "skimbalance.decision._calibration.LogScaling",
    "skimbalance.decision._tuned.TunedDecisionClassifierCV",
    "skimbalance.ensemble._bag.Bag",
    "skimbalance.ensemble._blend.Blend",
    "skimbalance.ensemble._boosted.BoostedTrees",
    "skimbalance.ensemble._ensemble.ImbalancedEnsembleClassifier",
    "skimbalance.ensemble._trees.TreeBag",
    "skimbalance.keras_classifier.ImbalancedKerasClassifier",
    "skimbalance.model_selection.IterativeStratifiedKFold",  # before 0.2
    "skimbalance.model_selection.StratifiedSequenceKFold",
    "skimbalance.model_selection._folds.IterativeStratifiedKFold",
    "skimbalance.model_selection._folds.StratifiedSequenceKFold",
    "skimbalance.model_selection._time.TimeHoldout",
    "skimbalance.persistence._KerasObject",
    "skimbalance.persistence._NotInFile",
    "skimbalance.persistence._Pairs",
    "skimbalance.preprocessing._CategoricalColumns",
    "skimbalance.preprocessing._NumericColumns",
    "skimbalance.preprocessing._bins.Bins",
    "skimbalance.preprocessing._encoder.TableEncoder",
    "skimbalance.preprocessing._reader.TableReader",
    "skimbalance.preprocessing._steps._CategoricalColumns",
    "skimbalance.preprocessing._steps._NumericColumns",
    "skimbalance.prior._corrected.PriorCorrectedClassifier",
    "skimbalance.prior._corrected._ClassCounter",
    "skimbalance.sampling._each_class.EachClassSMOTE",
    "skimbalance.sequence_classifier.ImbalancedSequenceClassifier",
)
_IMBLEARN_MODULES = ("combine", "over_sampling", "under_sampling")
# Types inside losses, and inside the public estimators of scikit-learn, which skops itself trusts.
# A dtype is read as that of an empty array.
_OTHERS = (
    "imblearn.pipeline.Pipeline",
    "keras.src.dtype_policies.dtype_policy.DTypePolicy",
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.metrics._scorer._Scorer",
    "sklearn.utils._bunch.Bunch",
)


def safe_types() -> list[str]:
    names = [*_STORED, *_OTHERS]
    for name in _IMBLEARN_MODULES:
        module = import_module(f"imblearn.{name}")
        names += [full_name(getattr(module, public)) for public in module.__all__]
    # Splitters of scikit-learn hold numbers; skops trusts estimators alone.
    parts = vars(import_module("sklearn.model_selection")).values()
    names += [full_name(cls) for cls in parts if isinstance(cls, type) and hasattr(cls, "split")]
    return names + _metrics()


def _metrics() -> list[str]:
    """Full names of the functions that scorers are made of."""
    kinds = ("._classification", "._ranking")
    parts = [
        part
        for name in ("sklearn.metrics", "imblearn.metrics")
        for part in vars(import_module(name)).values()
        if isfunction(part) and part.__module__.endswith(kinds)
    ]
    ours = import_module("skimbalance.metrics")
    parts += [part for name in ours.__all__ if isfunction(part := getattr(ours, name))]
    return [full_name(part) for part in parts]
