"""Callbacks are parameters: what they hold after a fit travels with the estimator, or is named."""

import copy
import pickle

import keras
import pytest
from keras_setup import EACH_ESTIMATOR
from sklearn.base import clone

pytestmark = pytest.mark.slow

estimators = pytest.mark.parametrize(("clf", "X", "y"), EACH_ESTIMATOR.values(), ids=EACH_ESTIMATOR)
COPIES = {"clone": clone, "deepcopy": copy.deepcopy, "pickle": pickle.dumps}


@estimators
def test_a_fit_leaves_no_closed_file_in_a_callback(clf, X, y, tmp_path):
    log = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    clf = clone(clf).set_params(callbacks=[log]).fit(X, y)
    for copied in COPIES.values():
        copied(clf)
    assert clone(clf).fit(X, y).n_iter_ == 1


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("as_list", [True, False])
@estimators
def test_a_callback_that_cannot_be_copied_is_named(clf, X, y, copied, as_list, tmp_path):
    class Journal(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.file = open(tmp_path / "journal.txt", "w")  # noqa: SIM115

    journal = Journal()
    with journal.file:
        clf = clone(clf).set_params(callbacks=[journal] if as_list else journal)
        with pytest.raises(ValueError, match=r"'callbacks' parameter of Imb.* Got a Journal that"):
            copied(clf)
