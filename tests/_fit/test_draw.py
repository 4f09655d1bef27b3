"""Drawing rows as they pass: exact numbers, every choice equally likely, whatever the blocks."""

import itertools

import numpy as np
import pytest
from scipy.stats import chisquare

from skimbalance._fit.streams import draw as module
from skimbalance._fit.streams.draw import Draw, water_filled

RNG = np.random.default_rng(0)
COUNTS = np.array([700, 90, 10])
PARTS = np.array([[500, 50, 150], [0, 45, 45], [0, 0, 10]])
STRATA = RNG.permutation(np.repeat([0, 1, 2], COUNTS))


def drawn(draw, blocks):
    parts = np.concatenate([draw.draw(block) for block in blocks])
    draw.finish()
    return parts


@pytest.mark.parametrize("at_once", [1, 7, 2**16])
@pytest.mark.parametrize("n_blocks", [1, 3, 100, 800])
def test_each_part_gets_its_number_of_rows_whatever_the_blocks(monkeypatch, at_once, n_blocks):
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    whole = drawn(Draw(COUNTS, PARTS, 3), [STRATA])
    parts = drawn(Draw(COUNTS, PARTS, 3), np.array_split(STRATA, n_blocks))
    np.testing.assert_array_equal(parts, whole)
    for stratum, numbers in enumerate(PARTS):
        np.testing.assert_array_equal(np.bincount(parts[stratum == STRATA], minlength=3), numbers)


@pytest.mark.parametrize("few_enough", [0, 10**9])
@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_every_choice_of_rows_is_equally_likely(monkeypatch, few_enough, at_once):
    """Of 5 rows 2 for one part, 1 for another and 2 for a third: 30 choices."""
    monkeypatch.setattr(module, "FEW_ENOUGH", few_enough)
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    choices = sorted(set(itertools.permutations([0, 0, 1, 2, 2])))
    times = dict.fromkeys(choices, 0)
    for seed in range(1500):
        parts = Draw(np.array([5]), np.array([[2, 1, 2]]), seed).draw(np.zeros(5, dtype=int))
        times[tuple(parts.tolist())] += 1
    assert chisquare([*times.values()]).pvalue > 1e-3


def test_pieces_that_are_read_apart_draw_as_one_pass_does():
    """Of 5 rows in pieces of 2 and 3, each of the 10 choices of 2 rows is equally likely."""
    times = dict.fromkeys(itertools.combinations(range(5), 2), 0)
    counts = np.array([[2], [3]])
    for seed in range(1000):
        shares = Draw.shares(counts, np.array([[3, 2]]), seed)
        np.testing.assert_array_equal(shares.sum(axis=0), [[3, 2]])
        np.testing.assert_array_equal(shares.sum(axis=2), counts)
        parts = [
            drawn(Draw(n_rows, share, seed, piece), [np.zeros(n_rows[0], dtype=int)])
            for piece, (n_rows, share) in enumerate(zip(counts, shares, strict=True))
        ]
        times[tuple(np.flatnonzero(np.concatenate(parts)).tolist())] += 1
    assert chisquare([*times.values()]).pvalue > 1e-3


def test_strata_and_pieces_draw_independently():
    counts, parts = np.array([50, 50]), np.array([[25, 25], [25, 25]])
    strata = np.repeat([0, 1], 50)
    draws = [drawn(Draw(counts, parts, 0, piece), [strata]).reshape(2, 50) for piece in (0, 1)]
    assert len(np.unique(np.concatenate(draws), axis=0)) == 4


def test_a_class_may_have_more_rows_than_numpy_draws_from():
    """Numbers of parts are those of a random sample also beyond a billion rows."""
    counts = np.array([4 * 10**9])
    parts = np.bincount(Draw(counts, counts[:, None] // 4 * [1, 3], 0).draw(np.zeros(60_000, int)))
    assert chisquare(parts, [15_000, 45_000]).pvalue > 1e-3


@pytest.mark.parametrize("counts", [[0, 3], [3, 0]])
def test_strata_without_rows_are_none(counts):
    strata = np.full(3, np.argmax(counts))
    parts = drawn(Draw(np.array(counts), np.array(counts)[:, None], 0), [strata[:0], strata])
    np.testing.assert_array_equal(parts, 0)


def test_other_rows_in_the_second_pass_are_one_sentence():
    draw = Draw(COUNTS, PARTS, 0)
    draw.draw(STRATA[:-1])
    with pytest.raises(ValueError, match=r"^The source must give the same .* fewer rows"):
        draw.finish()
    with pytest.raises(ValueError, match=r"^The source must give the same .* more rows"):
        draw.draw(STRATA[-2:])
    for unknown in (-1, 3):
        with pytest.raises(ValueError, match=r"^The source must give the same .* not in the first"):
            draw.draw(np.array([unknown]))
    draw.draw(STRATA[-1:])  # what was refused was not counted
    draw.finish()


def test_parts_that_do_not_add_up_are_refused():
    with pytest.raises(ValueError, match=r"^The parts of each stratum must add up"):
        Draw(COUNTS, PARTS + 1, 0)


def test_rare_classes_are_filled_first():
    """T is the largest number whose sum of min(count, T) is no more than what there is."""
    for _ in range(300):
        counts = RNG.integers(0, 30, size=RNG.integers(1, 6))
        most = int(RNG.integers(0, 120))
        sums = [np.minimum(counts, level).sum() for level in range(counts.max() + 1)]
        highest = np.flatnonzero(np.array(sums) <= most).max()
        np.testing.assert_array_equal(water_filled(counts, most), np.minimum(counts, highest))
