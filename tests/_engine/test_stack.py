"""Stacks: networks that train side by side are those that train alone."""

from contextlib import contextmanager
from dataclasses import replace

import joblib
import keras
import numpy as np
import pytest
import tensorflow as tf
from imblearn.ensemble import BalancedBaggingClassifier
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.ensemble import BaggingClassifier, StackingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler

from skimbalance import ImbalancedMLPClassifier
from skimbalance._engine import joblib_backend, room, stack
from skimbalance._engine.job import Result
from skimbalance._engine.member import Member
from skimbalance._engine.shared import Shared
from skimbalance._engine.stopping import progress_bar
from skimbalance._engine.tensorflow import program
from skimbalance._losses.records import SOFTMAX
from skimbalance.sampling._streams import STREAMS

pytestmark = pytest.mark.slow

X, Y = make_classification(
    240, 5, n_informative=4, n_redundant=0, n_classes=3, weights=[0.6, 0.2], random_state=0
)
# Members of a stack have rows of their own number: a grid's folds differ in length too. The first
# and the third, dealt to one stack, end their epochs with one step, and hold out unequal numbers.
LENGTHS = (240, 170, 220, 200)


def classifier(**params):
    defaults = {"hidden_layer_sizes": (8,), "epochs": 3, "random_state": 0, "class_weight": None}
    defaults |= {"batch_size": 32, "early_stopping": False, "learning_rate": 0.01}
    return ImbalancedMLPClassifier(**{**defaults, **params})


@pytest.fixture(autouse=True)
def cores(monkeypatch):
    """Sets for how many threads the fits are dealt out: else four fits are no stack on 64 cores."""

    def set_cores(n):
        monkeypatch.setattr(room, "cpu_count", lambda: n)

    set_cores(2)
    return set_cores


@pytest.fixture
def sizes(monkeypatch):
    """Networks side by side in each call of a compiled program."""
    sizes, steps = [], program.Program.steps

    def spy(self, networks, *args):
        sizes.append(len(networks.params))
        return steps(self, networks, *args)

    monkeypatch.setattr(program.Program, "steps", spy)
    return sizes


@contextmanager
def stacked(sizes, *, most=None):
    """The backend; within it a stack of several networks must have been trained."""
    sizes.clear()
    with joblib.parallel_config(backend="stacked", n_jobs=most):
        yield
    assert max(sizes) > 1


def outcome(fit, *args):
    """What a fit returns or raises."""
    try:
        return fit(*args)
    except Exception as error:
        return error


def fit_all(classifiers, lengths=LENGTHS):
    """Fit each on the first rows of X, in tasks; joblib's backend decides how."""
    return joblib.Parallel()(
        joblib.delayed(outcome)(clone(c).fit, X[:n], Y[:n])
        for c, n in zip(classifiers, lengths, strict=True)
    )


def assert_same_fit(one, other, tol=1e-4):
    """Equal apart from float32 rounding.

    Rounding is 1e-7 a step, where XLA sums in another order on another machine. Adam's division
    by a small second moment can enlarge it a thousandfold.
    """
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=tol)
    assert one.history_.keys() == other.history_.keys()
    for key, values in one.history_.items():
        np.testing.assert_allclose(values, other.history_[key], rtol=tol, atol=tol, err_msg=key)
    assert (one.n_iter_, one.best_epoch_) == (other.n_iter_, other.best_epoch_)


def assert_stack_as_alone(classifiers, sizes, tol=1e-4):
    with stacked(sizes):
        together = fit_all(classifiers)
    sizes.clear()
    alone = fit_all(classifiers)
    assert max(sizes) == 1
    for one, other in zip(together, alone, strict=True):
        assert_same_fit(one, other, tol)
    return together


def four(**params):
    """Variants of one shape, whose numbers all differ."""
    return [
        classifier(**{"learning_rate": rate, "random_state": seed, "epochs": epochs, **params})
        for seed, (rate, epochs) in enumerate([(0.01, 3), (0.03, 1), (0.003, 2), (0.1, 3)])
    ]


@pytest.mark.parametrize("loss", sorted(SOFTMAX))
def test_every_loss_trains_in_a_stack_as_alone(loss, sizes):
    variants = four(loss=loss)
    numbers = {
        "focal": [{"gamma": g} for g in (0.0, 1.0, 2.0, 5.0)],
        "logit_adjusted": [{"tau": t} for t in (0.0, 0.5, 1.0, 2.0)],
        "vector_scaling": [{"tau": t, "loss_params": {"gamma": t / 4}} for t in (0.0, 1.0, 2, 1)],
        "ldam": [{"loss_params": {"deferred": d, "scale": 1 + d}} for d in (0, 0.4, 0.6, 0)],
        "poly1": [{"loss_params": {"epsilon": e}} for e in (0.0, 1.0, 2.0, -1.0)],
        "generalized": [{"loss_params": {"q": q}} for q in (0.1, 0.4, 0.7, 1.0)],
        "expected_cost": [
            {"loss_params": {"cost_matrix": c * (1 - np.eye(3))}} for c in (1.0, 2.0, 3.0, 4.0)
        ],
        "crossentropy": [{"class_weight": w} for w in (None, [1, 2, 3], [3, 2, 1], [1, 1, 5])],
    }
    for variant, params in zip(variants, numbers.get(loss, [{}] * 4), strict=True):
        variant.set_params(**params)
    fitted = assert_stack_as_alone(variants, sizes)
    losses = [c.history_["loss"][0] for c in fitted]
    assert len(set(losses)) == 4, "each trains with numbers of its own"


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "rmsprop"])
def test_every_named_optimizer_trains_in_a_stack_as_alone(optimizer, sizes):
    variants = four(optimizer=optimizer)
    for variant, decay in zip(variants, (0.0, 0.1, 1.0, 5.0), strict=True):
        variant.set_params(weight_decay=decay)
    assert_stack_as_alone(variants, sizes)


@pytest.mark.parametrize(
    "params",
    [
        *({"sampling": order} for order in sorted(STREAMS)),
        {"sampling": SMOTE(random_state=0)},
        {"normalization": "layer"},
        {"dropout": 0.3},
        {"standardize": False},
        {"learning_rate_schedule": "cosine"},
        {"early_stopping": True, "monitor": "f1_macro", "n_iter_no_change": 2, "epochs": 12},
        {"hidden_layer_sizes": ()},
    ],
    ids=lambda p: "-".join(map(str, p.items() if len(p) == 1 else p)),
)
def test_every_choice_trains_in_a_stack_as_alone(params, sizes):
    assert_stack_as_alone(four(**params), sizes)


def test_class_weights_and_choices_that_keep_the_shape_mix_in_one_stack(sizes, cores):
    cores(1)
    variants = four(loss="focal")
    variants[0].set_params(class_weight="balanced", early_stopping=True)
    variants[1].set_params(class_weight={0: 1, 1: 2, 2: 3}, sampling="balanced")
    variants[2].set_params(learning_rate_schedule="cosine", weight_decay=0.1)
    assert_stack_as_alone(variants, sizes)


@pytest.mark.parametrize(
    "params",
    [
        {"loss": "focal", "early_stopping": True},
        # In float32 fits with batch normalisation differ by more: it cancels the bias before it,
        # whose gradient is rounding alone, which Adam scales to steps of full length.
        {"normalization": "batch"},
        {"normalization": "batch", "dropout": 0.5, "early_stopping": True},
    ],
    ids="-".join,
)
def test_stack_equals_alone_in_float64(params, float64, sizes):
    # Rounding is 1e-16 here: what the tolerance in float32 might hide shows.
    assert_stack_as_alone(four(**params), sizes, tol=1e-10)


# Searches and meta-estimators

# Scores of probabilities, which rounding cannot make jump.
SEARCHED = {"refit": False, "cv": 2, "scoring": "neg_log_loss"}


def assert_same_search(search, sizes):
    with stacked(sizes):
        together = clone(search).fit(X, Y)
    alone = clone(search).fit(X, Y)
    for key, values in alone.cv_results_.items():
        if "rank" in key or "resources" in key:
            np.testing.assert_array_equal(values, together.cv_results_[key], err_msg=key)
        elif key.endswith("test_score"):
            np.testing.assert_allclose(
                values, together.cv_results_[key], rtol=1e-4, atol=1e-4, err_msg=key
            )


def test_searches_rank_and_score_as_without_the_backend(sizes):
    grid = {"learning_rate": [1e-3, 1e-2, 1e-1], "random_state": [0, 1]}
    mlp = classifier(epochs=2)
    assert_same_search(GridSearchCV(mlp, grid, **SEARCHED), sizes)
    steps = make_pipeline(StandardScaler(), SMOTE(random_state=0), mlp)
    named = {f"imbalancedmlpclassifier__{key}": values for key, values in grid.items()}
    assert_same_search(GridSearchCV(steps, named, **SEARCHED), sizes)
    random = {"learning_rate": loguniform(1e-4, 1e-1), "random_state": [0, 1]}
    assert_same_search(RandomizedSearchCV(mlp, random, n_iter=5, random_state=0, **SEARCHED), sizes)
    assert_same_search(
        HalvingGridSearchCV(mlp, grid, min_resources=80, random_state=0, **SEARCHED), sizes
    )


@pytest.mark.parametrize(
    "meta",
    [
        BaggingClassifier(classifier(), 4, random_state=0),
        BalancedBaggingClassifier(classifier(), 4, random_state=0),
        OneVsRestClassifier(classifier()),
        StackingClassifier([("a", classifier()), ("b", classifier(random_state=1))], cv=2),
        CalibratedClassifierCV(classifier(), cv=3),
        TunedThresholdClassifierCV(classifier(), cv=3),
    ],
    ids=lambda m: type(m).__name__,
)
def test_meta_estimators_predict_as_without_the_backend(meta, sizes, cores):
    cores(1)
    y = Y == 0 if isinstance(meta, TunedThresholdClassifierCV) else Y
    with stacked(sizes):
        together = clone(meta).fit(X, y)
    alone = clone(meta).fit(X, y)
    np.testing.assert_allclose(together.predict_proba(X), alone.predict_proba(X), atol=1e-4)
    if isinstance(meta, TunedThresholdClassifierCV):
        np.testing.assert_allclose(together.best_threshold_, alone.best_threshold_, atol=1e-4)


def test_cross_val_predict_predicts_as_without_the_backend(sizes):
    alone = cross_val_predict(classifier(), X, Y, cv=4, method="predict_proba")
    with stacked(sizes):
        together = cross_val_predict(classifier(), X, Y, cv=4, method="predict_proba")
    np.testing.assert_allclose(together, alone, atol=1e-4)


def in_two_fits(params):
    mlp = classifier(**params, warm_start=True).fit(X, Y)
    return mlp.set_params(epochs=2).fit(X[:200], Y[:200])


def in_parts(params):
    mlp = classifier(**params)
    for part in (slice(0, 120), slice(120, 200), slice(60, 240)):
        mlp.partial_fit(X[part], Y[part], classes=[0, 1, 2])
    return mlp


@pytest.mark.parametrize("fit", [in_two_fits, in_parts])
def test_fits_that_go_on_in_a_task_go_on_as_alone(fit, sizes):
    variants = [{"random_state": i, "learning_rate": 0.02 * (i + 1)} for i in range(4)]
    with stacked(sizes):
        together = joblib.Parallel()(joblib.delayed(fit)(params) for params in variants)
    for one, params in zip(together, variants, strict=True):
        assert_same_fit(one, fit(params))


# What cannot be stacked


def numpy_crossentropy():
    """A loss that XLA cannot compile: NumPy computes it. A new function is a new program."""

    def loss(one_hot, proba):
        @tf.custom_gradient
        def values(p):
            computed = tf.numpy_function(
                lambda t, p: -np.log((t * p).sum(axis=-1)), [one_hot, p], p.dtype
            )
            computed.set_shape(p.shape[:-1])
            return computed, lambda upstream: -upstream[:, None] * one_hot / p

        return values(proba)

    return loss


@pytest.mark.parametrize("n_cores", [1, 2])
def test_a_loss_beyond_xla_trains_one_network_at_a_time(n_cores, sizes, cores):
    cores(n_cores)
    expected = fit_all(four(loss="crossentropy"))
    with stacked(sizes):  # which is tried, and fails
        together = fit_all(four(loss=numpy_crossentropy()))
    alone = fit_all(four(loss=numpy_crossentropy()))
    for one, other, named in zip(together, alone, expected, strict=True):
        assert_same_fit(one, other)
        assert one.fit_path_.startswith("plain graph, one network at a time: XLA cannot compile")
        assert named.fit_path_ == "compiled"
        # The same mathematics in other operations.
        np.testing.assert_allclose(one.history_["loss"], named.history_["loss"], rtol=1e-3)


@pytest.mark.parametrize("most", [0, program.MOST_COMPILATIONS])
def test_a_loss_beyond_vectorized_map_says_so(most, monkeypatch):
    monkeypatch.setattr(program, "MOST_COMPILATIONS", most)

    def loss(one_hot, proba):
        def of_row(row):
            return -tf.math.log(tf.reduce_sum(row[0] * row[1]))

        return tf.map_fn(of_row, (one_hot, proba), fn_output_signature=proba.dtype)

    clf = classifier(loss=loss, epochs=1).fit(X, Y)
    assert clf.fit_path_.startswith("plain graph, one network at a time: tf.vectorized_map cannot")


def test_an_error_of_a_custom_loss_is_raised_as_it_is():
    def loss(one_hot, proba):
        raise KeyError("of the loss")

    with pytest.raises(KeyError, match="of the loss"):
        classifier(loss=loss).fit(X, Y)


def test_a_keras_optimizer_trains_one_network_at_a_time(sizes):
    variants = four(optimizer=keras.optimizers.Adam(0.01), learning_rate=1e-3)
    with joblib.parallel_config(backend="stacked"):
        together = fit_all(variants)
    assert max(sizes) == 1
    named = fit_all(four(optimizer="adam", learning_rate=0.01))
    for one, other, same in zip(together, fit_all(variants), named, strict=True):
        assert_same_fit(one, other)
        np.testing.assert_allclose(one.history_["loss"], same.history_["loss"], rtol=1e-3)


# Failures


def raises_at_step_10(step):
    if step >= 10:
        raise OSError("no rate")
    return 0.01


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize(
    ("broken", "error", "message"),
    [
        ({"learning_rate": 1e20}, ValueError, "must stay finite"),
        (
            {"learning_rate_schedule": raises_at_step_10, "learning_rate": 1e-3},
            OSError,
            "no rate",
        ),
    ],
)
def test_who_fails_fails_alone(broken, error, message, early_stopping, sizes, cores):
    cores(1)
    variants = four(activation="linear", early_stopping=early_stopping, epochs=6)
    variants[1].set_params(**broken)
    alone = fit_all(variants)
    with stacked(sizes):
        together = fit_all(variants)
    for outcomes in (together, alone):
        with pytest.raises(error, match=message):
            raise outcomes.pop(1)
    for one, other in zip(together, alone, strict=True):
        assert_same_fit(one, other)


# Seats


@pytest.fixture
def jobs_of(monkeypatch):
    """What fits ask of the engine."""

    def jobs_of(classifiers, lengths):
        jobs = []

        def spy(job):
            jobs.append(job)
            return stack.train_alone(job)

        with monkeypatch.context() as patch:
            patch.setattr(joblib_backend, "train", spy)
            fit_all(classifiers, lengths)
        return jobs

    return jobs_of


def assert_results_as_alone(jobs, size, after):
    results = {}

    def deliver(i, result):
        assert i not in results
        results[i] = result

    with progress_bar(jobs) as bar:
        stack.train_stack(jobs, deliver, bar=bar, size=size)
    after()
    assert sorted(results) == list(range(len(jobs)))
    for i, job in enumerate(jobs):
        alone = stack.train_alone(job)
        assert results[i].n_epochs == alone.n_epochs
        for name, value in alone.weights.items():
            np.testing.assert_allclose(results[i].weights[name], value, atol=1e-4)


def test_a_stack_shrinks_to_few_sizes_as_its_members_stop(jobs_of, sizes, monkeypatch):
    monkeypatch.setattr(stack, "COMPILE_SECONDS", 0)
    variants = [classifier(epochs=e, random_state=e, early_stopping=True) for e in range(1, 10)]
    jobs = jobs_of(variants, [240] * 9)
    sizes.clear()
    assert_results_as_alone(jobs, 9, after=lambda: sizes.append(None))
    in_stack = sizes[: sizes.index(None)]
    assert in_stack == sorted(in_stack, reverse=True)
    assert set(in_stack) == {9, 4, 1} <= {9, *stack.SMALLER}


def test_a_stack_that_is_soon_over_is_not_compiled_anew(jobs_of, sizes):
    variants = [classifier(epochs=e, random_state=e) for e in (1, 1, 1, 1, 2)]
    jobs = jobs_of(variants, [240] * 5)
    sizes.clear()
    assert_results_as_alone(jobs, 5, after=lambda: sizes.append(None))
    assert set(sizes[: sizes.index(None)]) == {5}


def test_who_waits_takes_the_seat_of_who_stops(jobs_of, sizes):
    # Held-out rows are looked at after each epoch. The first seat is taken three times.
    numbers = enumerate((1, 3, 3, 1, 1))
    variants = [classifier(epochs=e, random_state=i, early_stopping=True) for i, e in numbers]
    jobs = jobs_of(variants, [240] * 5)
    sizes.clear()
    assert_results_as_alone(jobs, 3, after=lambda: sizes.append(None))
    assert sizes[: sizes.index(None)] == [3, 3, 3]


def test_equal_rows_are_held_once(jobs_of):
    variants = [classifier(early_stopping=True, learning_rate=rate) for rate in (0.1, 0.2, 0.3)]
    with joblib.parallel_config(backend="stacked"):
        jobs = jobs_of(variants, [240, 240, 200])
    shared = Shared(n_kept=0)
    one, same, other = (Member(job, 32, shared) for job in sorted(jobs, key=lambda j: -len(j.rows)))
    for read in (lambda m: m.feed.X[0], lambda m: m.validation[0][0][0]):
        assert np.shares_memory(read(one), read(same))
        assert not np.shares_memory(read(one), read(other))
    del one, same, other
    assert not shared._made, "rows go with the last member that trains on them"


# What a user sees of it


def search(n, **params):
    grid = {"learning_rate": np.geomspace(1e-3, 1e-1, n)}
    return GridSearchCV(classifier(**params), grid, **SEARCHED)


def test_more_candidates_in_stacks_of_a_size_are_traced_once(sizes, cores):
    cores(1)
    with stacked(sizes, most=2):
        search(2, early_stopping=True).fit(X, Y)
        before = program.count_traces()
        search(12, early_stopping=True).fit(X, Y)
    assert program.count_traces() == before


def test_a_search_shows_one_bar_if_any(capsys, sizes):
    with stacked(sizes):
        search(3).fit(X, Y)
        assert capsys.readouterr().err == ""
        search(3, verbose=1).fit(X, Y)
        shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert "18/18" in shown.split("\r")[-1]  # 3 candidates, 2 folds, 3 epochs


def test_the_bar_ends_complete_when_fits_end_before_their_last_epoch(jobs_of):
    ends = {"activation": "linear", "epochs": 20, "verbose": 1, "early_stopping": True}
    variants = [classifier(**ends, tol=9.0, n_iter_no_change=2), classifier(**ends)]
    variants += [classifier(**ends, learning_rate=1e20)]
    jobs = jobs_of(variants, [240] * 3)
    jobs.append(replace(jobs[0], weights={}))
    outcomes = [None] * 4
    with progress_bar(jobs) as bar:
        stack.train_stack(jobs, outcomes.__setitem__, bar=bar, size=3)
    assert [type(o) for o in outcomes] == [Result, Result, ValueError, KeyError]
    assert 0 < bar.n == bar.total < 60
