"""The streams of one seed: no two of them share random numbers."""

import itertools

import numpy as np

from skimbalance.sampling._random import Purpose, generator


def test_streams_of_one_seed_never_meet():
    """Whatever the numbers are, zero among them, with which NumPy pads its seeds."""
    numbers = [(), *itertools.product(range(5)), *itertools.product(range(5), range(5))]
    for seed in (0, 1, 2**31 - 1):
        drawn = {}
        for purpose in Purpose:
            for of_purpose in ((), (0,), (3,)) if purpose is Purpose.WEIGHTS else numbers[1:]:
                value = generator(purpose, seed, *of_purpose).integers(2**63)
                drawn.setdefault(value, set()).add(purpose)
        assert all(len(purposes) == 1 for purposes in drawn.values())


def test_numbers_tell_the_streams_of_a_purpose_apart():
    for purpose in Purpose:
        drawn = [generator(purpose, 0, number).integers(2**63) for number in range(1, 50)]
        assert len(set(drawn)) == len(drawn)


def test_the_same_numbers_are_the_same_stream():
    one, other = (generator(Purpose.PLAN, 7, 2).random(5) for _ in range(2))
    np.testing.assert_array_equal(one, other)
