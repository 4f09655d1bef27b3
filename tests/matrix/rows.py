"""The rows of the matrix: every public name, and what it gives for a classifier and some rows.

A row has a classifier that uses it (`make`), a `thing` that it makes of a classifier and some rows,
and the `numbers` of this thing. `other_way` gives the same numbers by another way, where there is
one. So a column is one function for all rows.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from imblearn.pipeline import make_pipeline
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline as make_plain_pipeline

from skimbalance import (
    ImbalancedEnsembleClassifier,
    ImbalancedKerasClassifier,
    ImbalancedMLPClassifier,
    ImbalancedSequenceClassifier,
    PriorCorrectedClassifier,
    TunedDecisionClassifierCV,
    compare_strategies,
    compute_class_weight,
    metrics,
    plots,
    sampling,
)
from skimbalance._response import last_step, posterior
from skimbalance.model_selection import (
    IterativeStratifiedKFold,
    StratifiedSequenceKFold,
    TimeHoldout,
)
from skimbalance.persistence import load_model, save_model
from skimbalance.posterior import label_posterior, log_posterior
from skimbalance.preprocessing import table_steps
from skimbalance.prior import correct_prior, estimate_prior
from skimbalance.report import ImbalanceReport

N_ROWS = 80
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N_ROWS, 4))
Y = RNG.permutation(np.repeat([0, 1], [50, 30]))
X[:, 0] += Y
STEPS = np.where(X > 0.7, 1, 0)
LABELS = np.column_stack([Y, X[:, 1] > 0, X[:, 2] > 0.3]).astype(int)


def classifier(**params):
    """The classifier in the rows that are about any classifier."""
    # Gaps are filled without a look at the rows, so that folds do not matter to it.
    filler = SimpleImputer(strategy="constant", fill_value=0.0)
    return make_plain_pipeline(filler, LogisticRegression(**params))


PROBA = classifier().fit(X, Y).predict_proba(X)


def flat(value):
    """All items in a nest of dicts, lists and arrays."""
    if isinstance(value, Mapping):
        return flat([*value.values()])
    if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim):
        return [part for item in value for part in flat(item)]
    return [value]


def numbers_of(value):
    """The numbers in a nest, where None is nan and text is left out."""
    parts = [np.nan if part is None else part for part in flat(value)]
    return np.array([part for part in parts if not isinstance(part, str)], dtype=float)


class Row:
    """Public names that are one to the columns: here those that make a fitted classifier.

    `make` gives the classifier, with parameters; `of` is a class or functions to call.
    """

    other_way: Callable[..., np.ndarray] | None = None

    def __init__(self, title, names, *, make=classifier, of=None, X=X, y=Y, trains=False):
        self.title, self.names = title, names
        self.make, self.of = make, of
        self.X, self.y = X, y
        self.trains = trains

    def thing(self, estimator, X, y, **given):
        return clone(estimator).fit(X, y, **given)

    def numbers(self, thing, X):
        return numbers_of(np.asarray(thing.predict_proba(X)))

    def outcome(self, estimator, X, y, **given):
        return self.numbers(self.thing(estimator, X, y, **given), X)


class Classifier(Row):
    """A classifier."""


class Stored(Classifier):
    """A classifier that went through a model file."""

    def thing(self, estimator, X, y, **given):
        return through_a_file(super().thing(estimator, X, y, **given))

    def other_way(self, estimator, X, y):
        return self.numbers(clone(estimator).fit(X, y), X)


class Table(Classifier):
    """The steps for a table, before a classifier."""

    def thing(self, estimator, X, y, **given):
        clean, encode, _ = table_steps(X)
        return make_plain_pipeline(clean, encode, clone(estimator)).fit(X, y, **given)

    def other_way(self, estimator, X, y):
        clean, encode, _ = table_steps(X)
        prepared = make_pipeline(clean, encode).fit_transform(X)
        return numbers_of(clone(estimator).fit(prepared, y).predict_proba(prepared))


class View(Row):
    """A display or a report of a fitted classifier on some rows."""

    def thing(self, estimator, X, y, **given):
        return self.shown(clone(estimator).fit(X, y, **given), X, y)

    def shown(self, fitted, X, y):
        options = {"random_state": 0, "n_resamples": 20} if self.of is ImbalanceReport else {}
        return self.of.from_estimator(fitted, X, y, **options)

    def numbers(self, thing, X):
        if isinstance(thing, ImbalanceReport):
            parts = thing.summary.get("labels") or thing.summary["classes"]
            return numbers_of([[{**c, "label": ""} for c in parts], thing.summary["overall"]])
        data = {name: value for name, value in vars(thing).items() if not name.endswith("_")}
        return numbers_of({k: v for k, v in data.items() if k not in ("classes", "objective")})

    def other_way(self, estimator, X, y):
        return self.of_predictions(clone(estimator).fit(X, y), X, y)

    def of_predictions(self, fitted, X, y):
        given = {"y_true": y, "labels": fitted.classes_}
        if self.of is not plots.ConfusionDisplay:
            given["proba"] = natural = posterior(fitted, X)
        if self.of is plots.ReliabilityDisplay:
            before = fitted.predict_proba(X)
            if not np.allclose(before, natural):
                given |= {"proba": before, "corrected": natural}
        if self.of in (plots.ConfusionDisplay, ImbalanceReport):
            given["y_pred"] = fitted.predict(X)
        if self.of is plots.ConfusionDisplay and posterior(fitted, X).ndim == 3:
            # Steps of 0 and 1 would be labels.
            given["y_true"], given["y_pred"] = np.ravel(y), np.ravel(given["y_pred"])
        if self.of is ImbalanceReport:
            given |= {"random_state": 0, "n_resamples": 20}
        return self.numbers(self.of.from_predictions(**given), X)


class ViewOfFit(View):
    """A display of what a fit left, for which it needs no rows."""

    def shown(self, fitted, X, y):
        return self.of.from_estimator(fitted)

    def other_way(self, estimator, X, y):
        left = last_step(clone(estimator).fit(X, y))
        if self.of is plots.LearningCurvesDisplay:
            return numbers_of([left.history_, left.best_epoch_])
        curve = left.curve_
        return numbers_of([curve.thresholds, curve.scores, curve.scores_std, left.threshold_,
                           left.threshold_std_])  # fmt: skip


class Comparison(Row):
    """Scores of a classifier in folds."""

    def thing(self, estimator, X, y, cv=2, **given):
        if cv == 2:
            cv = (StratifiedKFold if getattr(y, "ndim", 1) == 1 else KFold)(2)
        candidate = {"it": make_plain_pipeline("passthrough", estimator)}
        return compare_strategies(
            X, y, strategies=[], estimators=candidate, cv=cv, random_state=0, verbose=0, **given
        )

    def numbers(self, thing, X):
        return numbers_of(thing.metrics["f1_macro"])

    def other_way(self, estimator, X, y):
        scores = []
        for train, test in StratifiedKFold(2).split(X, y):
            fitted = clone(estimator).fit(X[train], y[train])
            scores.append(f1_score(y[test], fitted.predict(X[test]), average="macro"))
        return np.array(scores)


class ComparisonView(Comparison):
    """The scores in a figure."""

    def thing(self, estimator, X, y, **given):
        comparison = super().thing(estimator, X, y, **given)
        return plots.StrategyComparisonDisplay.from_comparison(comparison)

    def numbers(self, thing, X):
        return numbers_of(thing.scores)


class Splitter(Row):
    """Folds."""

    def thing(self, estimator, X, y, **given):
        return self.of(2, random_state=0)

    def outcome(self, estimator, X, y, **given):
        folds = list(self.thing(estimator, X, y).split(X, y, **given))
        return numbers_of([rows for fold in folds for rows in fold])


class OneSplit(Splitter):
    """Training rows and held-out rows."""

    def thing(self, estimator, X, y, **given):
        return self.of(0.5)


class Function(Row):
    """Functions of class labels, decisions, and probabilities in the place of X."""

    def __init__(self, title, names, *, of, X=PROBA, y=Y):
        super().__init__(title, names, of=of, X=X, y=y)

    def thing(self, estimator, X, y, **given):
        decided = y
        if not isinstance(y, list) and np.ndim(y) == 1:
            decided = np.unique(np.asarray(y))[PROBA.argmax(axis=1)]
        return [function(y, decided, X, **given) for function in self.of]

    def numbers(self, thing, X):
        return numbers_of(thing)


class Data(Row):
    """Data sets."""


class Space(Row):
    """A function of an estimator's parameters."""


def through_a_file(fitted):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.skim")
        save_model(fitted, path)
        return load_model(path)


def build(meta):
    """A network for one input or several, for classes or labels."""
    import keras

    shape = meta["X_shape_"]
    if isinstance(shape, list):
        names = ("left", "right")
        inputs = [keras.Input(s[1:], name=n) for n, s in zip(names, shape, strict=True)]
        hidden = keras.layers.Concatenate()(inputs)
    else:
        inputs = hidden = keras.Input(shape[1:])
    hidden = keras.layers.Dense(4, activation="relu")(hidden)
    labels = meta["target_type_"].startswith("multilabel")
    activation = "sigmoid" if labels else "softmax"
    return keras.Model(
        inputs, keras.layers.Dense(meta["n_classes_"], activation=activation)(hidden)
    )


def residual(meta):
    """A network of this package."""
    from skimbalance.networks import residual_mlp

    return residual_mlp(meta["n_features_in_"], meta["n_classes_"], width=4, n_blocks=1)


# Every network of the matrix trains like this, so that few programs are compiled.
TRAINING = {"epochs": 1, "batch_size": 16, "early_stopping": False, "random_state": 0}


def mlp(**params):
    return ImbalancedMLPClassifier((4,), **TRAINING, **params)


def recipe(**params):
    """A network with the parts of the recipe for tables."""
    from skimbalance.classifier import RECIPE

    # Training does not stop early here.
    of_stopping = ("n_iter_no_change", "tol")
    parts = {name: value for name, value in RECIPE.items() if name not in of_stopping}
    return ImbalancedMLPClassifier(**{**parts, "hidden_layer_sizes": (4,), **TRAINING, **params})


def ensemble(**params):
    network = mlp(class_weight=None)
    return ImbalancedEnsembleClassifier(network, cv=3, trees=False, random_state=0, **params)


def of_keras(model=build, **params):
    return ImbalancedKerasClassifier(model, **TRAINING, **params)


def of_network(**params):
    return of_keras(residual, **params)


def tagger(**params):
    return ImbalancedSequenceClassifier("conv1d", units=4, **TRAINING, **params)


def tuned(**params):
    return TunedDecisionClassifierCV(classifier(), cv=2, random_state=0, **params)


def corrected(**params):
    return PriorCorrectedClassifier(classifier(class_weight="balanced"), **params)


def with_smote(**params):
    return make_pipeline(sampling.EachClassSMOTE(random_state=0), LogisticRegression(**params))


def with_loss(**params):
    from skimbalance.losses import FocalCrossentropy

    return mlp(loss=FocalCrossentropy(gamma=1.0, **params), class_weight=None)


def counted(y, *_):
    """Class weights, from the rows of each class as users count them."""
    if hasattr(y, "value_counts"):
        counts = y.value_counts()
        return compute_class_weight("balanced", counts if hasattr(counts, "iloc") else Counter(y))
    return compute_class_weight("balanced", Counter(np.asarray(y).tolist()))


def names(module, *own):
    return tuple(f"skimbalance.{module}{'.' * bool(module)}{name}" for name in own)


def names_in(module):
    from importlib import import_module

    return names(module, *import_module(f"skimbalance.{module}").__all__)


def row(kind, title, module="", *also, **how):
    """A row of one name, and of those that belong to it."""
    return kind(title, names(module, title, *also), **how)


SUMMARY = {"n_resamples": 20, "random_state": 0}
METRICS = (
    lambda y, decided, proba: metrics.average_precision_by_class(y, proba),
    lambda y, decided, proba: metrics.calibration_error_by_class(y, proba),
    lambda y, decided, proba: metrics.score_intervals(y, decided, **SUMMARY),
    lambda y, decided, proba: [
        [{**scores, "label": ""} for scores in part] if isinstance(part, list) else part
        for part in metrics.classification_summary(y, decided, proba, **SUMMARY).values()
    ],
)

ROWS = [
    row(Classifier, "ImbalancedMLPClassifier", make=mlp, trains=True),
    Classifier("ImbalancedKerasClassifier",
               names("", "ImbalancedKerasClassifier") + names("model_selection", "Inputs"),
               make=of_keras, trains=True),
    row(Classifier, "ImbalancedSequenceClassifier", make=tagger, y=STEPS, trains=True),
    row(Classifier, "ImbalancedEnsembleClassifier", make=ensemble, trains=True),
    Classifier("skimbalance.classifier.RECIPE", names("classifier", "RECIPE"), make=recipe,
               trains=True),
    row(Classifier, "TunedDecisionClassifierCV", make=tuned),
    row(Classifier, "PriorCorrectedClassifier", make=corrected),
    row(Comparison, "compare_strategies", "compare", "StrategyComparison", "OBJECTIVES"),
    row(View, "ImbalanceReport", "report", of=ImbalanceReport),
    row(View, "ConfusionDisplay", "plots", of=plots.ConfusionDisplay),
    row(View, "PerClassPrecisionRecallDisplay", "plots", of=plots.PerClassPrecisionRecallDisplay),
    row(View, "ReliabilityDisplay", "plots", of=plots.ReliabilityDisplay),
    row(ViewOfFit, "ThresholdCurveDisplay", "plots", of=plots.ThresholdCurveDisplay, make=tuned),
    row(ViewOfFit, "LearningCurvesDisplay", "plots", of=plots.LearningCurvesDisplay, make=mlp,
        trains=True),
    row(ComparisonView, "StrategyComparisonDisplay", "plots"),
    Function("skimbalance.metrics", names_in("metrics"), of=METRICS),
    row(Function, "compute_class_weight", of=(counted,)),
    row(Function, "correct_prior",
        of=(lambda y, decided, proba: correct_prior(proba, [50, 30], [0.9, 0.1]),)),
    row(Function, "estimate_prior", "prior",
        of=(lambda y, decided, proba: estimate_prior(proba, [50, 30]),)),
    row(Function, "log_posterior", "posterior", "label_posterior", "CLOSED_FORMS",
        "LABEL_CLOSED_FORMS", of=(
            lambda y, decided, logits: log_posterior("crossentropy", logits),
            lambda y, decided, logits: label_posterior("crossentropy", logits))),
    row(Classifier, "EachClassSMOTE", "sampling", make=with_smote),
    row(Function, "stratified_split", "sampling", "stratified_folds", "stratified_order",
        "balanced_order", "shuffled_order", of=(
            lambda y, *_: sampling.stratified_split(y, 0.5, random_state=0),
            lambda y, *_: sampling.stratified_folds(y, 2, random_state=0),
            lambda y, *_: sampling.stratified_order(y, seed=0, epoch=0),
            lambda y, *_: sampling.balanced_order(y, seed=0, epoch=0),
            lambda y, *_: sampling.shuffled_order(y, seed=0, epoch=0))),
    row(Function, "iterative_split", "sampling", "iterative_folds", of=(
            lambda y, *_: sampling.iterative_split(y, 0.5, random_state=0),
            lambda y, *_: sampling.iterative_folds(y, [0.5, 0.5], random_state=0)), y=LABELS),
    row(Splitter, "IterativeStratifiedKFold", "model_selection", of=IterativeStratifiedKFold),
    row(Splitter, "StratifiedSequenceKFold", "model_selection", of=StratifiedSequenceKFold,
        make=tagger, y=STEPS, trains=True),
    row(OneSplit, "TimeHoldout", "model_selection", of=TimeHoldout),
    row(Table, "table_steps", "preprocessing", "TableSteps", make=LogisticRegression),
    row(Space, "search_space"),
    row(Stored, "save_model", "persistence", "load_model", "model_info", "to_onnx",
        "register_onnx_converters"),
    Classifier("skimbalance.losses", names_in("losses"), make=with_loss, trains=True),
    Classifier("skimbalance.networks", names_in("networks"), make=of_network,
               trains=True),
    Data("skimbalance.datasets", names_in("datasets")),
]  # fmt: skip
