"""Scikit-learn's callbacks: each epoch is a task, and what they see is the network so far."""

import pickle

import joblib
import numpy as np
import pytest
from keras_setup import EACH_ESTIMATOR, EachBatch, X, Y
from sklearn.base import clone
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GridSearchCV

from skimbalance import ImbalancedMLPClassifier, TunedDecisionClassifierCV
from skimbalance.persistence import load_model, save_model

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 brings callbacks")
pytestmark = pytest.mark.slow

CLF = ImbalancedMLPClassifier((4,), epochs=3, early_stopping=False, random_state=0)


class Recorder:
    """Counts what it is told; fails or stops if it is asked to."""

    stop_after = fail_after = None

    def __init__(self):
        self.begun, self.ended = [], []
        self.setups = self.teardowns = 0

    def setup(self, estimator, context):
        self.setups += 1

    def teardown(self, estimator, context):
        self.teardowns += 1

    def on_fit_task_begin(self, estimator, context):
        self.begun.append(context.task_name)

    def on_fit_task_end(self, estimator, context):
        self.ended.append(context.task_name)
        n_epochs = self.ended.count("epoch")
        if self.fail_after == n_epochs:
            raise RuntimeError("as asked")
        return self.stop_after == n_epochs


class Propagated(Recorder):
    """Goes on to the estimators within."""

    max_propagation_depth = None


class Judge(Recorder):
    """Keeps what the network of each task predicts."""

    def __init__(self, X):
        super().__init__()
        self.X, self.probas = X, []

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name == "epoch":
            self.probas.append(fitted_estimator.predict_proba(self.X))
        return super().on_fit_task_end(estimator, context)


@pytest.mark.parametrize(("clf", "X", "y"), EACH_ESTIMATOR.values(), ids=EACH_ESTIMATOR)
def test_each_epoch_is_a_task_and_changes_nothing(clf, X, y):
    clf = clone(clf).set_params(epochs=2, random_state=0)
    alone, judge = clone(clf).fit(X, y), Judge(X)
    watched = clone(clf).set_callbacks(judge).fit(X, y)
    assert judge.begun == ["fit", *["epoch"] * watched.n_iter_]
    assert judge.ended == [*["epoch"] * watched.n_iter_, "fit"]
    assert judge.setups == judge.teardowns == 1
    assert watched.history_ == alone.history_
    for proba in (judge.probas[-1], watched.predict_proba(X)):
        np.testing.assert_array_equal(np.asarray(proba), np.asarray(alone.predict_proba(X)))


@pytest.mark.parametrize("params", [{}, {"ema_momentum": 0.9}, {"callbacks": EachBatch()}])
def test_the_network_of_an_epoch_is_the_one_that_was_judged(params):
    """Its score on the held-out rows is the monitor of that epoch."""
    judge = Judge(X[150:])
    clf = clone(CLF).set_params(early_stopping=True, monitor="average_precision", **params)
    clf.set_callbacks(judge).fit(X[:150], Y[:150], X_val=X[150:], y_val=Y[150:])
    scores = [average_precision_score(Y[150:], proba[:, 1]) for proba in judge.probas]
    np.testing.assert_allclose(scores, clf.history_["val_average_precision"], rtol=1e-6)


def test_a_scoring_monitor_ends_at_the_score_of_the_fit():
    monitor = callback.ScoringMonitor(scoring="neg_log_loss")
    weight = 1.0 + Y
    clf = clone(CLF).set_callbacks(monitor).fit(X, Y, sample_weight=weight)
    log = [row["neg_log_loss"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    log_proba = np.log(clf.predict_proba(X)[np.arange(len(Y)), Y])
    assert len(log) == clf.n_iter_
    assert log[-1] == pytest.approx(np.average(log_proba, weights=weight))


@pytest.mark.parametrize("params", [{}, {"callbacks": EachBatch()}])
def test_a_callback_may_stop_training(params):
    recorder = Recorder()
    recorder.stop_after = 2
    clf = clone(CLF).set_params(**params).set_callbacks(recorder)
    assert clf.fit(X, Y).n_iter_ == 2


def test_a_callback_that_fails_leaves_the_estimator_as_it_was():
    recorder = Recorder()
    recorder.fail_after = 2
    clf = clone(CLF).set_callbacks(recorder)
    before = dict(vars(clf))
    with pytest.raises(RuntimeError, match="as asked"):
        clf.fit(X, Y)
    assert vars(clf) == before
    assert recorder.setups == recorder.teardowns == 1


@pytest.mark.parametrize("backend", ["threading", "stacked"])
def test_a_search_hands_its_callbacks_on(backend):
    recorder = Propagated()
    grid = {"learning_rate": [1e-3, 1e-2], "epochs": [1, 2]}
    search = GridSearchCV(CLF, grid, cv=2, scoring="roc_auc").set_callbacks(recorder)
    with joblib.parallel_config(backend=backend):
        search.fit(X, Y)
    n_epochs = 2 * 2 * (1 + 2) + search.best_params_["epochs"]
    assert recorder.begun.count("epoch") == recorder.ended.count("epoch") == n_epochs
    assert recorder.setups == recorder.teardowns == 1
    assert not hasattr(search.best_estimator_, "_skl_callbacks")


def test_callbacks_of_scikit_learn_are_refused_as_those_of_keras():
    clf = clone(CLF).set_params(callbacks=[callback.ProgressBar()])
    with pytest.raises(ValueError, match="give callbacks of scikit-learn to 'set_callbacks'"):
        clf.fit(X, Y)


def test_a_tuner_hands_its_callbacks_on():
    recorder = Propagated()
    tuner = TunedDecisionClassifierCV(CLF, cv=2, random_state=0)
    alone = clone(tuner).fit(X, Y)
    tuner.set_callbacks(recorder).fit(X, Y)
    # A task of the tuner and the fit within are one, of which the tuner tells nothing by itself.
    assert recorder.begun.count("fit") == 1 + 3
    assert recorder.begun.count("epoch") == recorder.ended.count("epoch") == 3 * CLF.epochs
    assert recorder.setups == recorder.teardowns == 1
    np.testing.assert_array_equal(tuner.predict_proba(X), alone.predict_proba(X))
    assert "_callback_fit_ctx" not in vars(tuner)


def test_callbacks_are_no_parameters_and_in_no_model_file(tmp_path):
    clf = clone(CLF).set_callbacks(callback.ScoringMonitor(scoring="roc_auc"))
    assert clf.get_params() == CLF.get_params()
    assert clone(clf)._skl_callbacks == clf._skl_callbacks
    clf.fit(X, Y)
    expected = clf.predict_proba(X)
    save_model(clf, tmp_path / "model.skim")
    for again in (pickle.loads(pickle.dumps(clf)), load_model(tmp_path / "model.skim")):
        np.testing.assert_array_equal(again.predict_proba(X), expected)
