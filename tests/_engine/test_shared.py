"""What equal rows lead to is made once in a parallel call, and named by its content alone."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV

from skimbalance import ImbalancedMLPClassifier
from skimbalance._engine import joblib_backend, shared
from skimbalance._engine.feed import encoded
from skimbalance._engine.job import Result, Rows
from skimbalance._engine.shared import Shared, digest
from skimbalance.preprocessing._encoder import TableEncoder


class Value:
    """Something to which weak references are possible."""

    def __init__(self, nbytes=0):
        self.nbytes = nbytes


def never():
    raise AssertionError("it is there")


# Values that are made once


def test_a_value_is_made_once_for_equal_keys():
    store = Shared()
    value = store.once((1, b"a"), Value)
    assert store.once((1, b"a"), never) is value
    assert store.once((1, b"b"), Value) is not value


def at_once(store, make):
    """What two threads get that need a value at the same time."""
    begun, go_on = threading.Event(), threading.Event()

    def slowly():
        begun.set()
        assert go_on.wait(10)
        return make()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(store.once, "key", slowly)
        assert begun.wait(10)
        second = pool.submit(store.once, "key", never)
        go_on.set()
        return first, second


def test_who_needs_a_value_that_is_being_made_waits_for_it():
    first, second = at_once(Shared(), Value)
    assert first.result() is second.result()


def test_an_error_is_raised_in_all_who_wait_and_nothing_is_kept_of_it():
    store, error = Shared(), ValueError("no")

    def fail():
        raise error

    assert [future.exception() for future in at_once(store, fail)] == [error, error]
    assert isinstance(store.once("key", Value), Value)


def test_the_last_values_stay_and_others_while_somebody_holds_them():
    store = Shared(n_kept=2)
    held = store.once(0, Value)
    for key in (1, 2):
        store.once(key, Value)
    store.once(1, never)  # asked for last
    store.once(3, Value)
    for key in (1, 3, 0):
        store.once(key, never)
    left = weakref.ref(store.once(2, Value))
    assert left() is not None
    store.close()
    assert left() is None
    assert store.once(0, never) is held
    del held
    assert isinstance(store.once(0, Value), Value)


def test_values_stay_up_to_a_limit_of_memory():
    store = Shared()
    half = shared.KEPT_BYTES // 2
    for key in range(3):
        store.once(key, lambda: Value(half))
    store.once(1, never)
    store.once(2, never)
    store.once(0, lambda: Value(2 * half + 1))
    store.once(1, never)
    store.once(2, never)
    assert store.once(0, Value).nbytes == 0


def test_who_waits_for_a_value_that_cannot_be_held_gets_the_error():
    store = Shared()
    for future in (*at_once(store, tuple), *at_once(store, tuple)):
        assert isinstance(future.exception(), TypeError)


# Names of content


@pytest.mark.parametrize("make", [np.array, np.asfortranarray, csr_array], ids=lambda f: f.__name__)
def test_equal_arrays_have_one_digest_and_other_ones_another(make):
    X = np.arange(12.0).reshape(6, 2) % 5
    name = digest(make(X))
    assert digest(make(X.copy())) == name
    changed = X.copy()
    changed[3, 1] += 1e-9
    others = [changed, X.astype(np.float32), X[:-1], X.reshape(4, 3), X[::-1]]
    names = {digest(make(other)) for other in others}
    assert len(names) == len(others)
    assert name not in names


def test_the_order_in_memory_counts_as_sums_follow_it():
    X = np.ones((6, 2))
    assert len({digest(X), digest(np.asfortranarray(X)), digest(np.ones((12, 2))[::2])}) == 3


def test_several_arrays_are_told_apart_by_their_places():
    one, other = np.zeros(2), np.ones(3)
    names = [digest(one, other), digest(other, one), digest(one), digest(one, None, other)]
    assert len(set(names)) == 4


def test_the_content_of_objects_is_not_known():
    assert digest(np.zeros(2), np.array(["a", None], dtype=object)) is None


def test_outside_of_a_call_nothing_is_named_or_shared():
    assert joblib_backend.content_of(np.zeros(2)) is None
    made = [joblib_backend.once("key", Value) for _ in range(2)]
    assert made[0] is not made[1]


def test_what_has_no_name_is_made_anew_in_a_call_too():
    made = joblib.Parallel(backend="stacked")(
        joblib.delayed(joblib_backend.once)(key, Value) for key in (None, None, "key", "key")
    )
    assert len(set(map(id, made))) == 3


# Fits in one call

X, Y = make_classification(
    100, 5, n_informative=4, n_redundant=0, n_classes=2, weights=[0.7], random_state=0
)
X[::7, 0] = np.nan


@pytest.fixture
def plans(monkeypatch):
    """The plans of all fits, which do not train."""
    plans = []

    def train(self, plan):
        plans.append(plan)
        return Result(plan.initial.weights, None, {"loss": [0.0]}, 1, 1)

    monkeypatch.setattr(ImbalancedMLPClassifier, "_train", train)
    return plans


@pytest.fixture
def learnt(monkeypatch):
    """What `TableEncoder.learn` is called with."""
    calls, learn = [], TableEncoder.learn

    def spy(*args, **options):
        calls.append(args)
        return learn(*args, **options)

    monkeypatch.setattr(TableEncoder, "learn", spy)
    return calls


def in_one_call(*tasks):
    return joblib.Parallel(backend="stacked")(joblib.delayed(task)() for task in tasks)


@pytest.mark.parametrize("embedding", [None, "piecewise_linear"])
def test_a_search_learns_how_rows_are_encoded_once_for_each_fold(plans, learnt, embedding):
    clf = ImbalancedMLPClassifier((4,), early_stopping=False, numeric_embedding=embedding)
    search = GridSearchCV(clf, {"learning_rate": np.geomspace(1e-3, 1e-1, 20)}, cv=5)
    with joblib.parallel_config(backend="stacked"):
        search.fit(X, Y)
    assert len(plans) == 101
    assert len(learnt) == 5 + 1
    del plans[:], learnt[:]
    search.fit(X, Y)
    assert len(learnt) == len(plans)


@pytest.mark.parametrize(
    "params",
    [{}, {"standardize": "robust"}, {"numeric_embedding": "piecewise_linear"},
     {"early_stopping": True, "validation_fraction": 0.3}],
    ids=str,
)  # fmt: skip
def test_the_rows_that_networks_see_are_those_of_fits_alone(plans, params):
    clf = ImbalancedMLPClassifier((4,), random_state=0, **{"early_stopping": False, **params})

    def seen():
        """Inputs by learning rate and fold, and the objects that are behind them."""
        search = GridSearchCV(clf, {"learning_rate": [0.1, 0.2]}, cv=3, refit=False).fit(X, Y)
        assert search.cv_results_["mean_test_score"].shape == (2,)
        found = {}
        for plan in plans:
            store, encoder = Shared(), plan.initial.encoder
            for data in (plan.rows, plan.held_out):
                if data is not None:
                    rows = Rows(data.X, data.index, data.y, data.weight, encoder.transform)
                    (inputs,) = encoded(rows, [np.float64], store)
                    key = plan.settings.learning_rate, data is plan.rows, digest(*data.X)
                    found[key] = inputs
        plans.clear()
        return found

    with joblib.parallel_config(backend="stacked"):
        together = seen()
    alone = seen()
    assert together.keys() == alone.keys()
    for key, inputs in together.items():
        np.testing.assert_array_equal(inputs, alone[key])


@pytest.mark.parametrize("change", ["X", "weight", "standardize", "bins"])
def test_fits_that_differ_in_what_an_encoder_learns_from_have_encoders_of_their_own(plans, change):
    clf = ImbalancedMLPClassifier((4,), early_stopping=False, numeric_embedding="piecewise_linear")
    rows, weight = X.copy(), np.linspace(1, 2, len(X))

    def fit():
        clf.fit(rows, Y, sample_weight=weight)

    def fit_twice():
        fit()
        fit()
        if change == "X":
            rows[:, 1] *= 2
        elif change == "weight":
            weight[:9] *= 5
        else:
            clf.set_params(**{change: {"standardize": False, "bins": "quantile"}[change]})
        fit()

    in_one_call(fit_twice)
    first, same, other = (plan.initial.encoder for plan in plans)
    assert first is same
    assert first is not other


def test_members_hold_equal_rows_once_and_rows_of_another_encoding_apart(plans):
    fits = [
        lambda rate=rate, scale=scale: ImbalancedMLPClassifier(
            (4,), early_stopping=False, learning_rate=rate, standardize=scale
        ).fit(X.copy(), Y)
        for rate, scale in ((0.1, True), (0.2, True), (0.1, "robust"))
    ]
    in_one_call(*fits)
    store = Shared()

    def inputs(plan):
        data = plan.rows
        encode = plan.initial.encoder.transform
        rows = Rows(data.X, data.index, data.y, data.weight, encode, content=data.key)
        return encoded(rows, [np.float32], store)[0]

    one, other, robust = map(inputs, sorted(plans, key=lambda plan: plan.initial.encoder.smooth))
    assert one is other
    assert robust is not one
    plain = TableEncoder.learn(X, np.arange(len(X)), None, np.full(5, -1), standardize=True)
    np.testing.assert_array_equal(one, plain.transform(X).astype(np.float32))


def test_what_was_shared_goes_with_the_call(plans):
    fit = ImbalancedMLPClassifier((4,), early_stopping=False).fit
    with joblib.parallel_config(backend="stacked"):
        joblib.Parallel()(joblib.delayed(fit)(X, Y) for _ in range(3))
        left = weakref.ref(plans[0].initial.encoder)
        plans.clear()
        del fit
        gc.collect()
        assert left() is None


def test_an_error_in_the_preparation_reaches_every_fit(plans, monkeypatch):
    def fail(*args, **options):
        raise ValueError("no")

    monkeypatch.setattr(TableEncoder, "learn", fail)

    def fit():
        with pytest.raises(ValueError, match="no"):
            ImbalancedMLPClassifier((4,)).fit(X, Y)
        return True

    assert all(in_one_call(fit, fit, fit))
