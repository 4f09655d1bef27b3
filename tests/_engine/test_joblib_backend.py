"""The joblib backend "stacked": no task hangs, no outcome is lost, nothing is left behind.

What needs no real training uses a stub of the engine, whose jobs are names.
"""

import _thread
import gc
import itertools
import logging
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from keras_setup import EachBatch
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline

from skimbalance import ImbalancedMLPClassifier
from skimbalance._engine import joblib_backend, room, stack

pytestmark = pytest.mark.timeout(60, method="thread")

# So long that whatever comes to an end, does so without the rule that patience ends.
FOREVER = 1000.0

RNG = np.random.default_rng(0)
Y = RNG.permutation(np.repeat([0, 1], [80, 40]))
X = RNG.normal(size=(120, 3)) + Y[:, None]


def stacked_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("stacked")]


def wait_until(condition, seconds=20):
    """Wait, collecting garbage between."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
        gc.collect()
    assert condition()


@pytest.fixture(scope="module", autouse=True)
def cheap_garbage():
    """What other tests have left need not be looked at: it would take seconds, late in a run."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_is_left_behind(caplog):
    """After each test no thread is left, and none has logged an error that nobody saw."""
    with caplog.at_level(logging.ERROR, "concurrent.futures"):
        yield
    wait_until(lambda: not stacked_threads())
    assert not caplog.records


# Tasks with a stub for the engine


class TaskError(Exception):
    """An error of a task, of a fit or of a share, by its name."""


class Stub:
    """Trains names: each fit's outcome is its name, or its error."""

    def __init__(self):
        self.deals, self.most, self.alone = [], [], []

    def deal(self, jobs, n_workers, most):
        self.deals.append([job.name for job in jobs])
        self.most.append(most)
        numbers = list(range(len(jobs)))
        return [(numbers[s::n_workers], 1) for s in range(min(n_workers, len(jobs)))]

    def train_stack(self, jobs, deliver, *, bar, size, shared, cancelled):
        for i, job in enumerate(jobs):
            if cancelled():
                return
            if job.breaks:
                raise TaskError([job.name for job in jobs[i:]])
            deliver(i, job.error or job.name)

    def train_alone(self, job):
        self.alone.append(job.name)
        return job.name


@pytest.fixture
def stub(monkeypatch):
    stub = Stub()
    for name in ("deal", "train_stack", "train_alone"):
        monkeypatch.setattr(stack, name, getattr(stub, name))
    monkeypatch.setattr(room, "PATIENCE", FOREVER)
    return stub


def fit(name, error=None, breaks=False):
    """What `ImbalancedMLPClassifier.fit` does in the end."""
    job = SimpleNamespace(name=name, error=error, breaks=breaks, nbytes=8, epochs=1, verbose=0)
    return joblib_backend.train(job)


def fits(*names):
    """A task that fits some times."""
    return lambda: [fit(name) for name in names]


def parallel(tasks, **options):
    """One call of the backend, at the top."""
    return Parallel(**{"backend": "stacked", **options})(delayed(task)() for task in tasks)


def nested(tasks, **options):
    """A call within a task: it names no backend."""
    return Parallel(**options)(delayed(task)() for task in tasks)


def raises(error):
    raise error


def outcome_of(function, *args, **options):
    try:
        return function(*args, **options)
    except TaskError as error:
        return error


@pytest.mark.parametrize("n_jobs", [None, -1, 2, 3, 7])
def test_tasks_that_fit_never_once_or_more_often_all_get_their_own_outcomes(stub, n_jobs):
    names = [[(i, j) for j in range(i % 4)] for i in range(20)]
    assert parallel([fits(*of_task) for of_task in names], n_jobs=n_jobs) == names
    waves = [[(i, j) for i in range(20) if j < i % 4] for j in range(3)]
    if n_jobs in (None, -1):
        assert stub.deals == waves
    else:
        assert max(map(len, stub.deals)) <= n_jobs
        assert set(stub.most) == {n_jobs}
    assert not stub.alone


def test_one_job_is_a_loop_and_no_jobs_are_an_error(stub):
    assert parallel([fits("a"), fits("b")], n_jobs=1) == [["a"], ["b"]]
    assert stub.alone == ["a", "b"]
    with pytest.raises(ValueError, match="n_jobs == 0"):
        parallel([fits("a")], n_jobs=0)


@pytest.mark.parametrize("before", [0, 1, 2])
@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_an_error_of_a_task_comes_out_and_the_next_call_works(stub, before, after, n_jobs):
    """Wherever in the task: before, between or after its fits."""

    def failing():
        fits(*range(before))()
        raises(TaskError("task"))
        fits(*range(after))()

    tasks = [fits("a", "b", "c"), failing, *[fits("d", "e")] * 5]
    with pytest.raises(TaskError, match="task"):
        parallel(tasks, n_jobs=n_jobs)
    assert parallel([fits("a"), fits("b")], n_jobs=n_jobs) == [["a"], ["b"]]


def test_an_error_of_a_fit_reaches_its_task_alone(stub):
    def failing():
        with pytest.raises(TaskError, match="fit"):
            fit("a", error=TaskError("fit"))
        return fit("b")

    assert parallel([failing, fits("c", "d")]) == ["b", ["c", "d"]]
    assert stub.deals == [["a", "c"], ["b", "d"]]


@pytest.mark.parametrize(
    "error", [SystemExit("task"), KeyboardInterrupt("task"), TaskError("task")]
)
def test_whatever_a_task_raises_comes_out_as_it_does_from_threads(stub, error):
    for backend in ("stacked", "threading"):
        with pytest.raises(type(error), match="task"):
            parallel([fits("a"), partial(raises, error)], backend=backend, n_jobs=2)


def test_an_error_of_the_share_reaches_those_that_have_no_outcome_yet(stub, monkeypatch):
    monkeypatch.setattr(room, "cpu_count", lambda: 1)

    tasks = [partial(outcome_of, fit, i, breaks=i == 2) for i in range(4)]
    *good, error, same = parallel(tasks)
    assert good == [0, 1]
    assert error is same
    assert error.args[0] == [2, 3]


def test_an_error_while_dealing_reaches_the_fits(stub, monkeypatch):
    """As MemoryError could."""
    monkeypatch.setattr(stack, "deal", lambda *args: raises(TaskError("deal")))
    with pytest.raises(TaskError, match="deal"):
        parallel([fits("a"), fits("b")])


@pytest.mark.filterwarnings("ignore:.*tasks .* (used|cancelled):UserWarning")  # joblib tells
def test_giving_up_while_tasks_end_and_others_are_dispatched_does_not_lock_up(stub):
    """Many times, as it takes two threads at one moment."""
    for _ in range(40):
        with pytest.raises(TaskError):
            parallel([fits()] * 30 + [partial(raises, TaskError())] + [fits()] * 100, n_jobs=4)
        results = parallel([fits()] * 100, n_jobs=4, return_as="generator")
        next(results)
        results.close()


def test_an_error_of_the_iterator_comes_out(stub):
    def tasks():
        yield from [fits("a"), fits("b")]
        raises(TaskError("iterator"))

    with pytest.raises(TaskError, match="iterator"):
        parallel(tasks())


def test_tasks_three_calls_deep_wait_for_each_other(stub):
    def tree(depth, name):
        if depth == 0:
            return fit(name)
        return nested([partial(tree, depth - 1, (*name, i)) for i in range(3)])

    parallel([partial(tree, 2, (i,)) for i in range(3)])
    assert stub.deals == [[(i, j, k) for i in range(3) for j in range(3) for k in range(3)]]


def test_an_inner_call_that_fails_hinders_no_other(stub):
    def failing(name):
        with pytest.raises(TaskError, match="inner"):
            nested([fits("x", "y"), partial(raises, TaskError("inner")), fits("z")])
        return fit(name)

    assert parallel([partial(failing, i) for i in range(5)]) == list(range(5))


def test_an_outer_failure_ends_inner_tasks_that_wait(stub):
    given_up = []

    def inner():
        try:
            # The second fit waits for the long task, until the failing one ends the call.
            fits("a", "b")()
        except BaseException as error:
            given_up.append(type(error).__name__)
            raise

    def long():
        fit("d")
        the_end.wait(FOREVER)

    the_end = threading.Event()
    tasks = [lambda: nested([inner, inner]), lambda: (fit("c"), raises(TaskError("outer"))), long]
    with pytest.raises(TaskError, match="outer"):
        parallel(tasks)
    the_end.set()
    wait_until(lambda: not stacked_threads())
    assert given_up == ["CancelledError"] * 2


def test_memory_bounds_how_many_wait_and_nobody_waits_for_ever(stub, monkeypatch):
    monkeypatch.setattr(room, "MEMORY_SHARE", 1e-15)
    tasks = [lambda i=i: nested([fits((i, j), (i, -j)) for j in range(3)]) for i in range(20)]
    assert parallel(tasks) == [[[(i, j), (i, -j)] for j in range(3)] for i in range(20)]
    assert max(map(len, stub.deals)) <= 4 * room.cpu_count()


# Tasks that wait for each other in other ways


def test_patience_ends_when_a_task_waits_for_the_fit_of_another(stub, monkeypatch):
    monkeypatch.setattr(room, "PATIENCE", 0.05)
    fitted = threading.Event()

    def first():
        assert fitted.wait(30)
        return fit("late")

    def second():
        fit("early")
        fitted.set()

    parallel([first, second])
    assert stub.deals == [["early"], ["late"]]


def test_tasks_may_meet_at_a_barrier_although_few_run_at_a_time(stub, monkeypatch):
    monkeypatch.setattr(room, "PATIENCE", 0.02)
    n = 3 * room.cpu_count()
    barrier = threading.Barrier(n)

    def task(i):
        barrier.wait(30)
        outcome = fit(i)
        barrier.wait(30)
        return outcome

    assert parallel([partial(task, i) for i in range(n)]) == list(range(n))


def test_threads_within_a_task_fit_alone(stub):
    def own_thread():
        thread = threading.Thread(target=fit, args=("own",))
        thread.start()
        thread.join()
        return fit("a")

    def other_backend():
        nested([fits("x"), fits("y")], backend="threading", n_jobs=2)
        return fit("b")

    assert parallel([own_thread, other_backend]) == ["a", "b"]
    assert stub.deals == [["a", "b"]]
    assert sorted(stub.alone) == ["own", "x", "y"]


# Generators


@pytest.mark.parametrize("return_as", ["generator", "generator_unordered"])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_generators_give_all_results_and_their_consumer_may_fit(
    stub, monkeypatch, return_as, n_jobs
):
    monkeypatch.setattr(room, "PATIENCE", 0.05)

    def consumer(call):
        results = call([fits(i, -i) for i in range(10)], return_as=return_as, n_jobs=n_jobs)
        return sorted((result, fit(result[0]))[0] for result in results)

    expected = [[i, -i] for i in range(10)]
    assert consumer(parallel) == expected
    assert parallel([partial(consumer, nested)] * 2) == [expected] * 2


@pytest.mark.parametrize("return_as", ["generator", "generator_unordered"])
@pytest.mark.parametrize("end", ["close", "delete", "unbegun"])
@pytest.mark.filterwarnings("ignore:.*tasks .* (used|cancelled):UserWarning")  # joblib tells
def test_an_abandoned_generator_gives_up_its_tasks(stub, monkeypatch, return_as, end):
    monkeypatch.setattr(room, "PATIENCE", 0.05)
    results = parallel([fits(i, -i) for i in range(300)], return_as=return_as, n_jobs=4)
    if end != "unbegun":
        next(results)
    if end == "close":
        results.close()
    del results
    wait_until(lambda: not stacked_threads())
    assert sum(map(len, stub.deals)) < 600
    assert parallel([fits("a"), fits("b")]) == [["a"], ["b"]]


def test_one_parallel_object_can_be_called_again(stub):
    with Parallel(backend="stacked") as call:
        for i in range(3):
            assert call(delayed(fit)((i, j)) for j in range(5)) == [(i, j) for j in range(5)]
    assert [len(dealt) for dealt in stub.deals] == [5, 5, 5]


# Random trees of tasks


def random_task(rng, name, depth):
    """Steps of a task, of all kinds."""
    kinds = ["fit", "error", "breaks", "sleep", "raise"] + ["call"] * (depth > 0)
    chances = np.array([60, 2, 2, 9, 1, 30][: len(kinds)])
    steps = []
    for i in range(rng.integers(0, 4)):
        kind, how = str(rng.choice(kinds, p=chances / chances.sum())), None
        if kind == "call":
            n = rng.integers(0, 6)
            below = [random_task(rng, (*name, i, j), depth - 1) for j in range(n)]
            how = (below, [None, -1, 1, 2, 3, 5][rng.integers(6)], rng.random() < 0.5)
        steps.append((kind, (*name, i), how))
    return steps


def errors(steps):
    """Names of the steps whose error may come out of a task."""
    for kind, name, how in steps:
        if kind == "raise":
            yield name
        elif kind == "call" and not how[2]:
            yield from itertools.chain.from_iterable(map(errors, how[0]))


def run_task(steps, call=nested):
    """Take the steps: each fit must have its own outcome, each call those of its tasks."""
    for kind, name, how in steps:
        if kind == "sleep":
            time.sleep(0.001)
        elif kind == "raise":
            raise TaskError(name)
        elif kind == "call":
            below, n_jobs, catches = how
            may_come = [error for task in below for error in errors(task)]
            outcome = outcome_of(call, [partial(run_task, task) for task in below], n_jobs=n_jobs)
            if not may_come:
                assert outcome == below
            else:
                assert outcome.args[0] in may_come
                if not catches:
                    raise outcome
        else:
            error = TaskError(name) if kind == "error" else None
            outcome = outcome_of(fit, name, error, kind == "breaks")
            # Or the error of a share, which tells whom it befell.
            assert outcome == (error or name) or name in outcome.args[0]
    return steps


@pytest.mark.timeout(120)
@pytest.mark.parametrize("memory", [0.25, 1e-15])
@pytest.mark.parametrize("seed", range(4))
def test_random_trees_of_tasks_end_with_the_right_outcomes(stub, monkeypatch, seed, memory):
    monkeypatch.setattr(room, "MEMORY_SHARE", memory)
    rng = np.random.default_rng(seed)
    for tree in range(40):
        tasks = [random_task(rng, (tree, i), 2) for i in range(rng.integers(1, 8))]
        n_jobs = [None, 2, 3][rng.integers(3)]
        run_task([("call", (tree,), (tasks, n_jobs, True))], parallel)


# Real training


def mlp(**params):
    defaults = {"hidden_layer_sizes": (4,), "epochs": 2, "batch_size": 16, "random_state": 0}
    return ImbalancedMLPClassifier(**{**defaults, **params})


@pytest.fixture
def deals(monkeypatch):
    """For each deal its shares, and the learning rates, which differ from fit to fit."""
    deals, deal = [], stack.deal

    def spy(jobs, n_workers, most):
        shares = deal(jobs, n_workers, most)
        rates = [float(job.learning_rates(0, 1)[0]) for job in jobs]
        deals.append((rates, shares))
        return shares

    monkeypatch.setattr(stack, "deal", spy)
    monkeypatch.setattr(room, "PATIENCE", FOREVER)
    return deals


def n_fits(deals):
    return [len(rates) for rates, _ in deals]


def grid(estimator=None, rates=(0.01, 0.02, 0.03), **options):
    return GridSearchCV(estimator or mlp(), {"learning_rate": rates}, cv=2, refit=False, **options)


def scores(search):
    return search.cv_results_["mean_test_score"]


def in_stacks(function, *args, **config):
    with parallel_config(backend="stacked", **config):
        return function(*args)


@pytest.mark.slow
def test_a_search_trains_together_scores_as_alone_and_deals_the_same_each_time(deals):
    alone = scores(grid().fit(X, Y))
    for _ in range(3):
        np.testing.assert_array_equal(scores(in_stacks(grid().fit, X, Y)), alone)
    assert n_fits(deals) == [6, 6, 6]
    assert deals[0] == deals[1] == deals[2]
    assert deals[0][0] == [0.01, 0.01, 0.02, 0.02, 0.03, 0.03]


@pytest.mark.slow
def test_two_searches_at_once_score_as_alone(deals):
    alone = scores(grid().fit(X, Y))
    with ThreadPoolExecutor(2) as pool:
        for search in [pool.submit(in_stacks, grid().fit, X, Y) for _ in range(2)]:
            np.testing.assert_array_equal(scores(search.result()), alone)
    assert n_fits(deals) == [6, 6]


@pytest.mark.slow
@pytest.mark.parametrize(("n_jobs", "expected"), [(1, []), (2, [2] * 3), (-1, [6]), (None, [6])])
def test_n_jobs_is_the_most_networks_in_a_stack(deals, n_jobs, expected):
    in_stacks(grid().fit, X, Y, n_jobs=n_jobs)
    assert n_fits(deals) == expected
    assert all(size <= max(expected) for _, shares in deals for _, size in shares)


@pytest.mark.slow
def test_an_invalid_candidate_scores_nan_or_raises(deals):
    rates = (0.01, -1, 0.02)
    with pytest.warns(UserWarning, match="non-finite"), pytest.warns(FitFailedWarning):
        tried = scores(in_stacks(grid(rates=rates, error_score=np.nan).fit, X, Y))
    np.testing.assert_array_equal(np.isnan(tried), [False, True, False])
    assert n_fits(deals) == [4]
    with pytest.raises(ValueError, match="learning_rate"):
        in_stacks(grid(rates=rates, error_score="raise").fit, X, Y)


@pytest.mark.slow
def test_fits_of_ensembles_within_a_search_train_together(deals):
    search = GridSearchCV(
        BaggingClassifier(mlp(), n_estimators=2, random_state=0),
        {"estimator__learning_rate": [0.01, 0.02]}, cv=2, refit=False,
    )  # fmt: skip
    alone = scores(clone(search).fit(X, Y))
    np.testing.assert_array_equal(scores(in_stacks(search.fit, X, Y)), alone)
    assert n_fits(deals) == [8]


@pytest.mark.slow
def test_scores_within_tasks_within_tasks_train_together(deals):
    def outer(rate):
        return Parallel()(delayed(inner)(rate + step) for step in (0.0, 0.01))

    def inner(rate):
        return cross_val_score(mlp(learning_rate=rate), X, Y, cv=2).tolist()

    rates = [0.01, 0.03]
    together = Parallel(backend="stacked")(delayed(outer)(rate) for rate in rates)
    assert together == [outer(rate) for rate in rates]
    assert n_fits(deals) == [8]


@pytest.mark.slow
def test_other_estimators_take_part_in_a_search(deals):
    search = GridSearchCV(
        Pipeline([("clf", mlp())]),
        {
            "clf": [
                mlp(learning_rate=0.01),
                LogisticRegression(),
                RandomForestClassifier(5, n_jobs=2, random_state=0),
                VotingClassifier([("a", mlp(learning_rate=0.02)), ("b", LogisticRegression())]),
            ]
        },
        cv=2,
        refit=False,
    )
    alone = scores(clone(search).fit(X, Y))
    np.testing.assert_array_equal(scores(in_stacks(search.fit, X, Y)), alone)
    assert n_fits(deals) == [4]


def fit_twice(clf):
    return [clf.fit(X, Y).predict_proba(X), clf.fit(X, Y).predict_proba(X)]


def fit_in_parts(clf):
    clf.partial_fit(X[:60], Y[:60], classes=[0, 1])
    return [clf.predict_proba(X), clf.partial_fit(X[60:], Y[60:]).predict_proba(X)]


@pytest.mark.slow
def test_all_ways_to_fit_mix_and_do_as_alone(deals):
    """With callbacks, again, warm, in parts: alone and in tasks."""
    tasks = [
        (fit_twice, {"callbacks": [keras.callbacks.Callback()]}),
        (fit_twice, {"callbacks": [EachBatch()]}),
        (fit_twice, {}),
        (fit_twice, {"warm_start": True}),
        (fit_in_parts, {}),
    ]

    def run(**options):
        return Parallel(**options)(delayed(way)(mlp(**params)) for way, params in tasks)

    np.testing.assert_array_equal(run(backend="stacked"), run(n_jobs=1))
    assert n_fits(deals) == [3, 3]


@pytest.fixture
def interruptible():
    """Python's own handler of interrupts, which a process in the background may lack."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_ends_a_long_search_and_the_next_one_works(deals, monkeypatch):
    train_stack = stack.train_stack

    def interrupted(jobs, *args, **options):
        threading.Timer(0.2, interrupt.set).start()
        return train_stack(jobs, *args, **options)

    def interrupt_once():
        interrupt.wait(FOREVER)
        _thread.interrupt_main()

    interrupt = threading.Event()
    thread = threading.Thread(target=interrupt_once)
    thread.start()
    with monkeypatch.context() as context:
        context.setattr(stack, "train_stack", interrupted)
        with pytest.raises(KeyboardInterrupt, match=r"Interrupted after epoch \d+ of \d+"):
            in_stacks(grid(mlp(epochs=10**7)).fit, X, Y)
    thread.join()
    wait_until(lambda: not stacked_threads())
    assert np.isfinite(scores(in_stacks(grid().fit, X, Y))).all()
