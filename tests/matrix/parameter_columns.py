"""Columns of the matrix about containers with labels, one for each parameter."""

import numpy as np
import pandas as pd
from matrix.data_columns import WORDS, assert_same
from matrix.rows import (
    mlp,
    numbers_of,
    through_a_file,
)
from sklearn.base import clone

from skimbalance import (
    compute_class_weight,
    correct_prior,
)
from skimbalance._validation import is_labelled
from skimbalance.posterior import log_posterior
from skimbalance.prior import estimate_prior

# Containers with labels, a column for each parameter


def read_by_label(name, values, ways):
    """A column for a parameter; `ways` says what a row makes of its value and the classes."""
    values = np.asarray(values)

    def turned(container):
        return container.iloc[(slice(None, None, -1),) * container.ndim]

    def labelled(labels):
        kind, axes = (pd.Series, 1) if values.ndim == 1 else (pd.DataFrame, 2)
        container = kind(values, *[labels] * axes)
        yield from (container, turned(container))
        if axes == 1:
            yield from (container.to_dict(), turned(container).to_dict())

    def check(row):
        way = ways[row.title]
        expected = way(row, values, np.arange(2))
        for classes in (np.arange(2), WORDS):
            for container in labelled(classes):
                assert_same(way(row, container, classes), expected)
        other = way(row, np.flip(values), np.arange(2))
        assert not np.allclose(other, expected, atol=1e-6)

    check.parameter, check.rows = name, tuple(ways)
    return check


def in_fit(name, **others):
    """The way of a parameter of an estimator."""

    def way(row, value, classes):
        def numbers(fitted):
            decided = np.asarray(fitted.predict(row.X)) == classes[1]
            return numbers_of([np.asarray(fitted.predict_proba(row.X)), decided])

        fitted = row.make(**{name: value}, **others).fit(row.X, classes[row.y])
        if is_labelled(value):
            stored = through_a_file(fitted)
            assert_same(numbers(stored), numbers(fitted), 0)
            # The parameter means the same as before to a new fit.
            again = clone(stored)
            if hasattr(again, "model"):
                again.set_params(model=fitted.model)  # a function that a file does not hold
            assert_same(numbers(again.fit(row.X, classes[row.y])), numbers(fitted), 1e-6)
        return numbers(fitted)

    return way


def in_comparison(row, value, classes):
    """The way of the costs of a comparison."""
    costs = {"objective": "cost", "cost_matrix": value}
    return numbers_of(row.thing(row.make(), row.X, classes[row.y], **costs).scores)


def in_loss_params(row, value, classes):
    return in_fit("loss_params", loss="expected_cost")(row, {"cost_matrix": value}, classes)


def in_posterior(row, value, classes):
    """The way of an argument of `predict_posterior`."""
    fitted = row.make().fit(row.X, classes[row.y])
    return numbers_of(np.asarray(fitted.predict_posterior(row.X, priors=value)))


def of_columns(function):
    """The way of a function of probabilities, whose columns have the labels."""
    return lambda row, value, classes: function(pd.DataFrame(row.X, columns=classes), value)


def of_counts(row, value, classes):
    return compute_class_weight(value, [50, 30], classes=classes)


def by_number(way):
    """The way of what knows the numbers of the classes, and not their names."""

    def numbered(row, value, classes):
        number = dict(zip(classes.tolist(), (0, 1), strict=True))
        if isinstance(value, dict):
            value = {number[label]: part for label, part in value.items()}
        elif isinstance(value, pd.Series):
            value = value.rename(number)
        elif isinstance(value, pd.DataFrame):
            value = value.rename(index=number, columns=number)
        return way(row, value, np.arange(2))

    return numbered


def in_log_posterior(row, value, classes):
    return numbers_of(log_posterior("crossentropy", row.X, class_weight=value))


def in_expected_cost(row, value, classes):
    from skimbalance.losses import ExpectedCost

    fitted = mlp(loss=ExpectedCost(value), class_weight=None).fit(row.X, row.y)
    return numbers_of(fitted.predict_proba(row.X))


RECIPE = "skimbalance.classifier.RECIPE"
NETWORKS = (
    "ImbalancedMLPClassifier", "ImbalancedKerasClassifier", "ImbalancedSequenceClassifier", RECIPE,
)  # fmt: skip
LOSSES = "skimbalance.losses"

by_class_weight = read_by_label(
    "class_weight",
    [1.0, 5.0],
    {
        **dict.fromkeys(NETWORKS, in_fit("class_weight")),
        "compute_class_weight": of_counts,
        "log_posterior": by_number(in_log_posterior),
        LOSSES: by_number(in_fit("class_weight")),
    },
)
by_alpha = read_by_label(
    "alpha",
    [0.1, 0.9],
    {
        **dict.fromkeys(NETWORKS, in_fit("alpha", loss="focal", class_weight=None)),
        LOSSES: by_number(in_fit("alpha")),
    },
)
by_priors = read_by_label(
    "priors",
    [0.9, 0.1],
    {
        **dict.fromkeys(NETWORKS, in_posterior),
        "PriorCorrectedClassifier": in_fit("priors"),
        "correct_prior": of_columns(lambda p, prior: correct_prior(p, [0.5, 0.5], prior)),
        "estimate_prior": of_columns(estimate_prior),
    },
)
by_cost_matrix = read_by_label(
    "cost_matrix",
    [[0.0, 1.0], [5.0, 0.0]],
    {
        **dict.fromkeys(
            ("TunedDecisionClassifierCV", "ImbalancedEnsembleClassifier"),
            in_fit("cost_matrix", objective="cost"),
        ),
        LOSSES: by_number(in_expected_cost),
        "compare_strategies": in_comparison,
    },
)
by_loss_params = read_by_label(
    "loss_params", [[0.0, 1.0], [5.0, 0.0]], dict.fromkeys(NETWORKS, in_loss_params)
)
