"""Who trains what: jobs in shares of equal shape, and networks side by side in a stack."""

from types import SimpleNamespace

import numpy as np
import pytest

from skimbalance._engine import stack


@pytest.mark.parametrize(("n_jobs", "size"), [(50, 5), (49, 7), (7, 7), (8, 4), (3, 3), (1, 1)])
def test_the_last_round_has_few_empty_seats(n_jobs, size):
    program = SimpleNamespace(stackable=True, n_params=3490, widest=64)
    job = SimpleNamespace(program=program, rows=range(3200), batch_size=64)
    assert stack.stack_size(job, n_jobs) == size


class FakeProgram:
    def __init__(self, rng):
        self.stackable = rng.random() < 0.9
        self.n_params, self.widest = rng.integers(1, 10_000), rng.integers(1, 5_000)


class FakeJob:
    def __init__(self, program, rng):
        self.program = program
        self.rows = range(rng.integers(1, 2_000))
        self.batch_size, self.epochs = int(rng.choice([1, 7, 64, 200])), rng.integers(1, 100)


@pytest.mark.parametrize("seed", range(20))
def test_jobs_are_dealt_out_once_in_shares_that_fit(seed):
    rng = np.random.default_rng(seed)
    programs = [FakeProgram(rng) for _ in range(rng.integers(1, 4))]
    jobs = [FakeJob(rng.choice(programs), rng) for _ in range(rng.integers(1, 100))]
    n_workers, most = int(rng.integers(1, 9)), int(rng.integers(1, 70))
    shares = stack.deal(jobs, n_workers, most)
    assert sorted(i for group, _ in shares for i in group) == list(range(len(jobs)))
    for group, size in shares:
        (job_shape,) = {stack.shape(jobs[i]) for i in group}
        fake, rows = job_shape
        assert 1 <= size <= min(most, stack.MOST_NETWORKS, len(group) + 1)
        assert size == 1 or (fake.stackable and size * rows * fake.widest < stack.LAYER_NUMBERS)
    same = [jobs[0]] * len(jobs)
    assert len(stack.deal(same, n_workers, most)) == min(n_workers, len(jobs))
    for job in jobs:
        longest = max(map(len, np.array_split(job.rows, -(-len(job.rows) // job.batch_size))))
        assert longest <= stack.rows_per_batch(job) <= max(2 * longest, 1)
        assert stack.stack_size(job, len(jobs), most) <= len(jobs)
