"""What each cell of the matrix says: it works, it refuses in a sentence, or it has no meaning.

A cell works unless it stands here. `entry` is what tests and the table ask.
"""

import re
from dataclasses import dataclass
from functools import cache

from matrix.columns import COLUMNS
from matrix.rows import (
    ROWS,
    Classifier,
    Comparison,
    Data,
    Function,
    Space,
    Splitter,
    View,
    ViewOfFit,
)


@dataclass(frozen=True)
class Works:
    """The law of the column holds."""


@dataclass(frozen=True)
class Refuses:
    """An error, of which `sentence` is a part; `by` is the package that raises it.

    A word in brackets, such as [name], stands for what differs from row to row.
    """

    sentence: str
    error: type = ValueError
    by: str = "skimbalance"

    @property
    def pattern(self):
        """A regular expression of the sentence."""
        return re.sub(r"\\\[[a-z]+\\\]", r"[\\w.]+", re.escape(self.sentence))

    @property
    def text(self):
        """The sentence, and who says it."""
        start = "" if self.sentence[0].isupper() else "... "
        end = "" if self.sentence.endswith(".") else " ..."
        said = [f"by {self.by}"] if self.by != "skimbalance" else []
        said += ["a warning"] if issubclass(self.error, Warning) else []
        return f"{start}{self.sentence}{end}" + (f" ({', '.join(said)})" if said else "")


@dataclass(frozen=True)
class Meaningless:
    """There is nothing to test, for a reason."""

    reason: str


def titles(*kinds):
    return [row.title for row in ROWS if isinstance(row, kinds)]


MLP, KERAS, TAGGER, ENSEMBLE, RECIPE = titles(Classifier)[:5]
TUNED, PRIOR, SMOTE = "TunedDecisionClassifierCV", "PriorCorrectedClassifier", "EachClassSMOTE"
LOSSES, NETWORKS = "skimbalance.losses", "skimbalance.networks"
CLASSIFIERS, FUNCTIONS, DATA, VIEWS = map(titles, (Classifier, Function, Data, View))
SPLITTERS, COMPARISONS, OF_FIT = map(titles, (Splitter, Comparison, ViewOfFit))
SEQUENCE_FOLDS, TIME = SPLITTERS[1], SPLITTERS[2:]
ABOUT_Y = ["compute_class_weight", "stratified_split", "iterative_split"]
ABOUT_PROBABILITIES = [title for title in FUNCTIONS if title not in ABOUT_Y]
RESULTS = [*VIEWS, "StrategyComparisonDisplay"]
PARAMETERS = [name for name, check in COLUMNS.items() if hasattr(check, "parameter")]
META = [
    "sampler in a pipeline", "decision tuner", "prior correction", "calibration", "bagging",
    "stacking", "search",
]  # fmt: skip
TAKES_NO_FOLDS = ["sampler in a pipeline", "prior correction", "bagging"]
KEEPING = ["clone", "pickle", "model file"]
OF_LABELS = ["text labels", "multilabel y", "missing labels", "sequences"]
SHOWN = ["report", "comparison", "displays"]

#: Reason, rows, columns. A parameter's column has no meaning for a row without the parameter.
MEANINGLESS = [
    ("It is a function, and keeps nothing.", FUNCTIONS, KEEPING),
    ("It takes arrays, whichever classifier they come from.", FUNCTIONS,
     [*META, "stacked backend", *SHOWN, "command line", "own held-out rows", "stream"]),
    ("It looks at y only.", ABOUT_Y, ["sparse X", "missing values", "several inputs"]),
    ("It takes one array.", ABOUT_PROBABILITIES, ["several inputs"]),
    ("It looks at no class labels.", ["correct_prior", "estimate_prior", "log_posterior"],
     OF_LABELS),
    ("It counts class labels: one column at a time.", ["compute_class_weight"],
     ["multilabel y", "missing labels", "sequences"]),
    ("It has no weights of rows.",
     [*[title for title in FUNCTIONS if title != "skimbalance.metrics"], *RESULTS, *SPLITTERS],
     ["weights, routed"]),
    ("It has no groups of rows.", [*FUNCTIONS, *VIEWS], ["groups, routed"]),
    ("It gives data, and takes none.", DATA,
     [name for name in COLUMNS if name not in [*PARAMETERS, "command line"]]),
    ("It looks at parameters only.", titles(Space),
     [name for name in COLUMNS if name not in PARAMETERS]),
    ("It is a result, and not an estimator.", [*VIEWS, *COMPARISONS], ["clone"]),
    ("It is a result, and not a classifier.", RESULTS, SHOWN),
    ("It fits nothing.", VIEWS, ["stacked backend", "own held-out rows"]),
    ("It is itself.", COMPARISONS[:1], ["comparison"]),
    ("It takes rows that are in memory.",
     [KERAS, TAGGER, TUNED, PRIOR, SMOTE, "table_steps", NETWORKS, *COMPARISONS, *SPLITTERS],
     ["stream"]),
    ("It takes no folds.", SPLITTERS, TAKES_NO_FOLDS),
    ("It predicts nothing.", SPLITTERS, ["report", "displays", "command line"]),
    ("Its build function takes one input.", [NETWORKS], ["several inputs"]),
    ("It is for multilabel y.", ["iterative_split"], ["text labels", "sequences"]),
    ("It does not look at y.", TIME, ["missing labels"]),
    ("A table has one class label in each row.", [TAGGER], ["command line"]),
    ("No command draws it.", OF_FIT, ["command line"]),
]  # fmt: skip

NETWORK_ROWS = [MLP, KERAS, "LearningCurvesDisplay", LOSSES, NETWORKS]

NO_ESTIMATOR = Refuses("The model of type [name] must hold a fitted estimator.")
NO_GROUPS = Refuses("The groups parameter is ignored by [name].", UserWarning)
NO_WEIGHTS = Refuses("sample_weight.shape == (80,), expected (100,)!", by="scikit-learn")
DENSE = "Sparse data was passed for X, but dense data is required."
NUMBERS = Refuses("'logits' parameter of [name] must be an array of numbers, none of them missing.")
POSTERIORS = Refuses(
    "The 'proba' parameter of [name] must have rows of finite, not negative values that sum to 1."
)
FILL_BEFORE = Refuses(
    "The 'X' parameter of EachClassSMOTE must have a number in each row and column. Got [number] "
    "missing values: fill them in a step before, such as SimpleImputer."
)
NO_NAMES = "X has feature names, but LogisticRegression was fitted without feature names"
A_TABLE = Refuses("The 'X' parameter must be a DataFrame or a two-dimensional array.")
STEPS_OF_X = Refuses(
    "The X of [name] must be a list of sequences, or an array with an axis of steps."
)
ONE_INPUT = Refuses("The X of [name] must be one array or table.")
COLUMNS_OF_X = Refuses("The 'X' parameter of EachClassSMOTE must have a column for each feature.")
ONE_LABEL = Refuses("parameter of [name] must have one class label for each row.")
ONE_AXIS = Refuses(
    "Pass one class label for each row; for classes in columns, that is y.argmax(axis=1)."
)
INDICES = Refuses("y must hold the class index of each row, an int from 0 to n_classes - 1.")
INDICATOR = Refuses(
    "The 'indicator' parameter must be a dense matrix of numbers that are not negative, a row for "
    "each sample and a column for each label."
)
STEPS_OF_Y = Refuses("The y of [name] must be sequences with a label for each step.")
TAGGER_INSTEAD = Refuses(
    "For a class at each step of a sequence use ImbalancedSequenceClassifier, which has its own "
    "'objective' parameter."
)
SEQUENCE_FOLDS_INSTEAD = Refuses("for sequences of labels use StratifiedSequenceKFold.")
SHAPE = Refuses(
    "The probabilities of 'estimator' must be of shape (n_samples, n_classes) or, in "
    "the multilabel case, (n_samples, n_labels)."
)
PRIORS_OF_STEPS = Refuses(
    "for a class at each step of a sequence use the 'priors' of the predict_posterior of "
    "ImbalancedSequenceClassifier."
)
NO_CURVE = Refuses(
    "The 'estimator' parameter of ThresholdCurveDisplay must be fitted, for two classes, and have "
    "a 'curve_'."
)
NO_HISTORY = Refuses(
    "The 'estimator' parameter of LearningCurvesDisplay must be fitted and have a 'history_'."
)
NO_CLOSED_FORM = Refuses("Natural posteriors have a closed form for the losses")
OF_ONE_LABEL = "y should be a 1d array, got an array of shape (80, 4) instead."
OF_PREDICTIONS = "cross_val_predict only works for partitions"
OF_IMBLEARN = "Multilabel and multioutput targets are not supported."
OF_STACKING = "Number of classes in training fold (2) does not match total number of classes (4)."

#: Refusal, rows, columns.
REFUSES = [
    (NO_ESTIMATOR, [*RESULTS, "compare_strategies"], ["model file"]),
    (NO_WEIGHTS, [SMOTE], ["weights, routed"]),
    (NO_GROUPS, SPLITTERS, ["groups, routed"]),
    (Refuses(DENSE, TypeError, "scikit-learn"), [KERAS, NETWORKS], ["sparse X"]),
    (STEPS_OF_X, [TAGGER], ["sparse X", "several inputs"]),
    (A_TABLE, ["table_steps"], ["sparse X", "sequences", "several inputs"]),
    (Refuses("The 'proba' parameter of [name] must be a dense array of numbers."),
     ["skimbalance.metrics"], ["sparse X"]),
    (Refuses("The 'proba' parameter of [name] must be numbers of shape (n_samples, n_classes)."),
     ["correct_prior", "estimate_prior"], ["sparse X"]),
    (NUMBERS, ["log_posterior"], ["sparse X", "missing values"]),
    (Refuses(NO_NAMES, UserWarning, "scikit-learn"), [SMOTE], ["polars"]),
    (Refuses("X of [name] must be finite."), [KERAS, NETWORKS, TAGGER], ["missing values"]),
    (POSTERIORS, ["skimbalance.metrics", "correct_prior", "estimate_prior"], ["missing values"]),
    (FILL_BEFORE, [SMOTE], ["missing values"]),
    (ONE_INPUT, [MLP, RECIPE, ENSEMBLE, "LearningCurvesDisplay", LOSSES], ["several inputs"]),
    (COLUMNS_OF_X, [SMOTE], ["sequences", "several inputs"]),
    (STEPS_OF_Y, [TAGGER, SEQUENCE_FOLDS], ["multilabel y"]),
    (PRIORS_OF_STEPS, [TAGGER], ["prior correction"]),
    (ONE_LABEL, ["skimbalance.metrics"], ["multilabel y", "missing labels", "sequences"]),
    (ONE_LABEL, [SMOTE], ["multilabel y", "missing labels"]),
    (Refuses("as a custom loss has one value for all labels of a row."), [LOSSES],
     ["missing labels"]),
    (Refuses("The labels in y must not be missing."), [SEQUENCE_FOLDS], ["missing labels"]),
    (INDICES, ["stratified_split"], OF_LABELS),
    (INDICATOR, ["iterative_split"], ["multilabel y"]),
    (TAGGER_INSTEAD, [*NETWORK_ROWS, RECIPE, ENSEMBLE, TUNED, PRIOR, "ThresholdCurveDisplay",
                      *COMPARISONS], ["sequences"]),
    (SEQUENCE_FOLDS_INSTEAD, SPLITTERS[:1], ["sequences"]),
    (Refuses(OF_IMBLEARN, by="imbalanced-learn"), [TAGGER], ["sampler in a pipeline"]),
    (SHAPE, [TAGGER, SEQUENCE_FOLDS], ["decision tuner"]),
    (Refuses("The 'estimators' parameter of compare_strategies must hold classifiers."),
     [TAGGER, SEQUENCE_FOLDS], ["comparison"]),
    (Refuses(OF_ONE_LABEL, by="scikit-learn"), [TAGGER], ["calibration", "bagging"]),
    (Refuses(OF_ONE_LABEL, by="scikit-learn"), [SEQUENCE_FOLDS], ["calibration"]),
    (Refuses(OF_STACKING, RuntimeWarning, "scikit-learn"), [TAGGER, SEQUENCE_FOLDS], ["stacking"]),
    (Refuses(OF_PREDICTIONS, by="scikit-learn"), TIME,
     ["calibration", "stacking", "stacked backend"]),
    (NO_CLOSED_FORM, [LOSSES], ["prior correction"]),
    (NO_CURVE, ["ThresholdCurveDisplay"], ["multilabel y", "missing labels", *META[2:]]),
    (NO_HISTORY, ["LearningCurvesDisplay"], META[1:]),
]  # fmt: skip


@cache
def entries():
    """All that stands here, as a list for each cell."""
    found = {(row.title, column): [] for row in ROWS for column in COLUMNS}
    for reason, rows, columns in MEANINGLESS:
        for cell in ((row, column) for row in rows for column in columns):
            found[cell].append(Meaningless(reason))
    for refusal, rows, columns in REFUSES:
        for cell in ((row, column) for row in rows for column in columns):
            found[cell].append(refusal)
    for column in PARAMETERS:
        for row in {row.title for row in ROWS} - set(COLUMNS[column].rows):
            found[row, column].append(Meaningless("It has no such parameter."))
    return {cell: stated or [Works()] for cell, stated in found.items()}


def entry(row, column):
    """What the cell of a row and a column says."""
    (stated,) = entries()[row, column]
    return stated
