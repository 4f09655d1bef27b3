"""The column of the matrix about rows that come in batches."""

from itertools import pairwise

import numpy as np
from matrix.data_columns import around_another, assert_same
from matrix.rows import Stored, View, ensemble, mlp, through_a_file

from skimbalance import ImbalancedEnsembleClassifier

BATCHES = ([0, 80], [0, 1, 30, 80])


def from_stream(row):
    """A fit on a stream has the classes of y, and does not depend on the cut into batches."""
    first, second = (_fitted(row, cuts) for cuts in BATCHES)
    assert first.classes_.tolist() == np.unique(row.y).tolist()
    assert first.n_features_in_ == row.X.shape[1]
    assert first.predict_proba(row.X).shape == (len(row.X), 2)
    assert_same(*(row.numbers(_thing(row, fitted), row.X) for fitted in (first, second)), 0)


def _fitted(row, cuts):
    """The row's classifier or, where it is about any one, a network; fitted on batches."""
    estimator = row.make() if row.trains else around_another(row, mlp())
    if not hasattr(estimator, "fit_stream"):
        estimator = ensemble()  # which is tuned, too
    if isinstance(estimator, ImbalancedEnsembleClassifier):  # which always holds out rows
        estimator.set_params(estimator__validation_fraction=0.5)

    def batches():
        for start, stop in pairwise(cuts):
            yield row.X[start:stop], row.y[start:stop]

    return estimator.fit_stream(batches)


def _thing(row, fitted):
    if isinstance(row, Stored):
        return through_a_file(fitted)
    return row.shown(fitted, row.X, row.y) if isinstance(row, View) else fitted
