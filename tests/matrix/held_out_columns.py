"""The column of the matrix about held-out rows of the user's own."""

import numpy as np
import sklearn
from matrix.data_columns import around_another, assert_same
from matrix.rows import N_ROWS, Comparison, Splitter, Table, mlp, numbers_of
from sklearn.base import clone
from sklearn.pipeline import Pipeline, make_pipeline

from skimbalance._response import last_step
from skimbalance.model_selection import TimeHoldout
from skimbalance.preprocessing import table_steps

HELD_OUT = np.arange(N_ROWS) % 4 == 3


def named(estimator, parameter):
    """The names of a parameter of an estimator and of its parts."""
    return [name for name in estimator.get_params() if name.split("__")[-1] == parameter]


def stopping(row, **params):
    """The row's estimator, whose network stops early."""
    estimator = around_another(row, mlp())
    params = {"early_stopping": "auto", "epochs": 3, **params}
    pairs = ((named(estimator, name), value) for name, value in params.items())
    return estimator.set_params(**{name: value for names, value in pairs for name in names})


def judged(row, fitted):
    """What is predicted, and what the held-out rows said of the first network."""
    last = last_step(fitted)
    network, *_ = getattr(last, "estimators_", [getattr(last, "estimator_", last)])
    return numbers_of([row.numbers(fitted, row.X), network.history_["val_loss"]])


def fitted_with(row, estimator, X, y, **own):
    """The row's thing with `X_val`, which the steps before a network transform."""
    if isinstance(row, Table):
        clean, encode, _ = table_steps(X)
        with sklearn.config_context(enable_metadata_routing=True):
            network = clone(estimator).set_fit_request(**dict.fromkeys(own, True))
            pipe = make_pipeline(clean, encode, network, transform_input=["X_val"])
            return pipe.fit(X, y, **own)
    step = f"{estimator.steps[-1][0]}__" if isinstance(estimator, Pipeline) else ""
    return row.thing(estimator, X, y, **{step + name: value for name, value in own.items()})


def with_own_rows(row):
    """Rows of weight 0 in `X_val` change nothing; `validation` holds out the same as `X_val`."""
    train = ~HELD_OUT
    if isinstance(row, Comparison):
        estimator = stopping(row, validation=TimeHoldout(0.3))
        assert_same(*(way(estimator, row.X, row.y) for way in (row.outcome, row.other_way)))
        return
    if isinstance(row, Splitter):
        splitter = row.thing(None, row.X, row.y)
        mask = np.isin(np.arange(N_ROWS), next(splitter.split(row.X, row.y))[1])
        fits = (stopping(row, validation=way).fit(row.X, row.y) for way in (splitter, mask))
        assert_same(*(fit.history_["val_loss"] for fit in fits), 0)
        return
    estimator = stopping(row)
    others = row.y.copy()
    others[train] = row.y.max() - row.y[train]
    weighted = {"X_val": row.X, "y_val": others, "sample_weight_val": 1.0 * HELD_OUT}
    alone = {"X_val": row.X[HELD_OUT], "y_val": row.y[HELD_OUT]}
    fits = [fitted_with(row, estimator, row.X[train], row.y[train], **own)
            for own in (weighted, alone)]  # fmt: skip
    assert_same(*(judged(row, fitted) for fitted in fits), 1e-6)
